/* SPDX-License-Identifier: MIT
 * What is left: TCP_INQ, SIOCINQ, SIOCOUTQ, SIOCOUTQNSD. */
#include "tcp_talk.h"

static void what_is_left_comes_with_what_is_read(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_set(&k->t, k->fd, HO_SOL_TCP, HO_TCP_INQ, 1);
	says(&k->p, "P. 1:101");
	host_recv_inq(&k->t, k->fd, 30, HO_MSG_PEEK, 30, 100);
	host_recv_inq(&k->t, k->fd, 30, 0, 30, 70);
	host_recv_inq(&k->t, k->fd, 0, 0, 0, 70);
	host_recv_inq(&k->t, k->fd, 100, 0, 70, 0);
	talk_done(k);
}

static void the_end_of_the_stream_is_something_left(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_set(&k->t, k->fd, HO_SOL_TCP, HO_TCP_INQ, 1);
	says(&k->p, "P. 1:11");
	says(&k->p, "F. 11");
	host_recv_inq(&k->t, k->fd, 4, 0, 4, 7);
	host_at_mark(&k->t, k->fd, 0, 6);
	host_recv_inq(&k->t, k->fd, 6, 0, 6, 1);
	host_at_mark(&k->t, k->fd, 0, 0);
	host_recv_inq(&k->t, k->fd, 6, 0, 0, 1);
	host_recv_inq(&k->t, k->fd, 6, 0, 0, 1);
	talk_done(k);
}

static void a_shutdown_of_ones_own_leaves_nothing(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_set(&k->t, k->fd, HO_SOL_TCP, HO_TCP_INQ, 1);
	host_shutdown(&k->t, k->fd, HO_SHUT_RD, 0);
	host_recv_inq(&k->t, k->fd, 6, 0, 0, 0);
	talk_done(k);
}

static void after_a_rst_the_rest_can_be_read(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_set(&k->t, k->fd, HO_SOL_TCP, HO_TCP_INQ, 1);
	says(&k->p, "P. 1:11");
	says(&k->p, "R. 11");
	host_recv_inq(&k->t, k->fd, 4, 0, 4, 6);
	host_recv_inq(&k->t, k->fd, 6, 0, 6, 0);
	host_recv(&k->t, k->fd, 6, 0, -ECONNRESET);
	host_recv_inq(&k->t, k->fd, 6, 0, 0, 0);
	talk_done(k);
}

static void the_urgent_byte_is_left_though_no_read_gives_it(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_set(&k->t, k->fd, HO_SOL_TCP, HO_TCP_INQ, 1);
	says(&k->p, "P.U 1:11 urg 5");
	host_recv_inq(&k->t, k->fd, 2, 0, 2, 8);
	host_at_mark(&k->t, k->fd, 0, 2);
	host_recv_inq(&k->t, k->fd, 100, 0, 2, 6);
	host_at_mark(&k->t, k->fd, 1, 0);
	host_recv_inq(&k->t, k->fd, 1, HO_MSG_OOB, 1, 6);
	host_misses(&k->t, k->fd, 1);
	host_recv_inq(&k->t, k->fd, 100, 0, 5, 0);
	talk_done(k);
}

static void the_option_is_0_or_1_and_goes_to_children(void **state)
{
	struct tcp_lab t = tcp_lab();
	int lfd = host_listen(&t, 1), fd;
	struct peer p = peer_of(&t, 1);

	(void)state;
	assert_int_equal(host_get(&t, lfd, HO_SOL_TCP, HO_TCP_INQ), 0);
	host_set_gives(&t, lfd, HO_SOL_TCP, HO_TCP_INQ, 2, -EINVAL);
	host_set_gives(&t, lfd, HO_SOL_TCP, HO_TCP_INQ, -1, -EINVAL);
	host_set(&t, lfd, HO_SOL_TCP, HO_TCP_INQ, 1);
	host_recv(&t, lfd, 1, 0, -ENOTCONN);
	fd = host_accepted(&t, lfd, &p);
	assert_int_equal(host_get(&t, fd, HO_SOL_TCP, HO_TCP_INQ), 1);
	says(&p, "P. 1:11");
	host_recv_inq(&t, fd, 4, 0, 4, 6);
	host_set(&t, fd, HO_SOL_TCP, HO_TCP_INQ, 0);
	host_recv_inq(&t, fd, 4, 0, 4, -1);
	tcp_lab_close(&t);
}

static void an_empty_read_asks_whether_there_is_an_end(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_recv(&k->t, k->fd, 0, 0, -EAGAIN);
	says(&k->p, "P. 1:11");
	host_recv(&k->t, k->fd, 0, 0, 0);
	host_recv(&k->t, k->fd, 10, 0, 10);
	host_recv(&k->t, k->fd, 0, 0, -EAGAIN);
	says(&k->p, "F. 11");
	host_recv(&k->t, k->fd, 0, 0, 0);
	talk_done(k);
}

static void what_is_written_is_unsent_and_then_unacknowledged(void **state)
{
	struct talk *k = talk(.window = 2000, .syn_options = "<mss 1000>", .plain = true);

	(void)state;
	host_outqs(&k->t, k->fd, 0, 0);
	host_send(&k->t, k->fd, 3000, 0, 3000);
	hears(&k->p, ". 1:1001");
	hears(&k->p, "P. 1001:2001");
	host_outqs(&k->t, k->fd, 3000, 1000);
	host_shutdown(&k->t, k->fd, HO_SHUT_WR, 0);
	host_outqs(&k->t, k->fd, 3001, 1001);
	says(&k->p, ". ack 2001");
	hears(&k->p, "FP. 2001:3001");
	host_outqs(&k->t, k->fd, 1001, 0);
	says(&k->p, ". ack 3002");
	host_outqs(&k->t, k->fd, 0, 0);
	talk_done(k);
}

static void a_syn_is_not_unacknowledged_and_a_listener_has_no_queue(void **state)
{
	struct tcp_lab t = tcp_lab();
	struct peer p = peer_of(&t, 1);
	int fd = host_socket(&t), lfd = host_listen(&t, 1);

	(void)state;
	host_outqs(&t, fd, 0, 0);
	host_outqs(&t, lfd, -EINVAL, -EINVAL);
	host_connect(&t, fd, &p, -EINPROGRESS);
	hears(&p, "S");
	host_outqs(&t, fd, 0, 0);
	host_recv(&t, fd, 0, 0, -EAGAIN);
	tcp_lab_close(&t);
}

static void a_datagram_socket_sends_at_once(void **state)
{
	struct lab l = lab_open();
	int fd = ho_sock_open(l.s, HO_SOCK_DGRAM, 0);

	(void)state;
	assert_int_equal(ho_sock_outq_unsent(l.s, fd), -ENOTTY);
	assert_int_equal(ho_sock_outq_unsent(l.s, fd + 1), -EBADF);
	lab_close(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_left_comes_with_what_is_read),
		cmocka_unit_test(the_end_of_the_stream_is_something_left),
		cmocka_unit_test(a_shutdown_of_ones_own_leaves_nothing),
		cmocka_unit_test(after_a_rst_the_rest_can_be_read),
		cmocka_unit_test(the_urgent_byte_is_left_though_no_read_gives_it),
		cmocka_unit_test(the_option_is_0_or_1_and_goes_to_children),
		cmocka_unit_test(an_empty_read_asks_whether_there_is_an_end),
		cmocka_unit_test(what_is_written_is_unsent_and_then_unacknowledged),
		cmocka_unit_test(a_syn_is_not_unacknowledged_and_a_listener_has_no_queue),
		cmocka_unit_test(a_datagram_socket_sends_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
