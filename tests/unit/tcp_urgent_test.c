/* SPDX-License-Identifier: MIT
 * Urgent data: MSG_OOB both ways, the mark, SO_OOBINLINE. */
#include "tcp_talk.h"

#define IN_OUT (HO_IN | HO_OUT)

static void the_urgent_byte_is_taken_apart(void **state)
{
	struct talk *k = talk();

	(void)state;
	says(&k->p, "P.U 1:11 urg 10");
	host_polls(&k->t, k->fd, IN_OUT | HO_PRI);
	host_at_mark(&k->t, k->fd, 0, 9);
	host_recv_urgent(&k->t, k->fd, 10);
	host_recv(&k->t, k->fd, 1, HO_MSG_OOB, -EINVAL);
	host_recv(&k->t, k->fd, 100, 0, 9);
	host_at_mark(&k->t, k->fd, 1, 0);
	host_polls(&k->t, k->fd, HO_OUT);
	host_recv(&k->t, k->fd, 100, 0, -EAGAIN);
	host_at_mark(&k->t, k->fd, 0, 0);
	talk_done(k);
}

static void a_read_ends_at_the_mark_and_the_next_begins_behind_it(void **state)
{
	struct talk *k = talk();

	(void)state;
	says(&k->p, "P.U 1:11 urg 5");
	host_recv(&k->t, k->fd, 100, HO_MSG_PEEK, 4);
	host_recv(&k->t, k->fd, 100, 0, 4);
	host_at_mark(&k->t, k->fd, 1, 0);
	host_misses(&k->t, k->fd, 1);
	host_recv(&k->t, k->fd, 100, HO_MSG_PEEK, 5);
	host_recv(&k->t, k->fd, 100, 0, 5);
	host_at_mark(&k->t, k->fd, 0, 0);
	host_recv(&k->t, k->fd, 1, HO_MSG_OOB, -EINVAL);
	talk_done(k);
}

static void inline_the_byte_stays_in_its_place(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_set(&k->t, k->fd, HO_SOL_SOCKET, HO_SO_OOBINLINE, 1);
	says(&k->p, "P.U 1:11 urg 5");
	host_polls(&k->t, k->fd, IN_OUT | HO_PRI);
	host_recv(&k->t, k->fd, 1, HO_MSG_OOB, -EINVAL);
	host_recv(&k->t, k->fd, 100, 0, 4);
	host_at_mark(&k->t, k->fd, 1, 6);
	host_recv(&k->t, k->fd, 100, 0, 6);
	host_at_mark(&k->t, k->fd, 0, 0);
	talk_done(k);
}

static void the_mark_may_come_before_its_byte(void **state)
{
	struct talk *k = talk();

	(void)state;
	says(&k->p, "P.U 1:11 urg 15");
	host_polls(&k->t, k->fd, IN_OUT);
	host_recv(&k->t, k->fd, 1, HO_MSG_OOB, -EAGAIN);
	host_recv(&k->t, k->fd, 100, 0, 10);
	host_at_mark(&k->t, k->fd, 0, 0);
	says(&k->p, "P.U 11:21 urg 5");
	host_polls(&k->t, k->fd, IN_OUT | HO_PRI);
	host_recv(&k->t, k->fd, 100, 0, 4);
	host_recv_urgent(&k->t, k->fd, 15);
	host_misses(&k->t, k->fd, 1);
	host_recv(&k->t, k->fd, 100, 0, 5);
	talk_done(k);
}

static void a_mark_of_what_was_read_is_none(void **state)
{
	struct talk *k = talk();

	(void)state;
	says(&k->p, "P. 1:11");
	host_recv(&k->t, k->fd, 100, 0, 10);
	says(&k->p, "P.U 1:11 urg 5");
	host_polls(&k->t, k->fd, HO_OUT);
	host_recv(&k->t, k->fd, 1, HO_MSG_OOB, -EINVAL);
	says(&k->p, "P. 11:21");
	host_recv(&k->t, k->fd, 100, 0, 10);
	talk_done(k);
}

static void a_second_mark_takes_the_place_of_the_first(void **state)
{
	struct talk *k = talk();

	(void)state;
	says(&k->p, "P.U 1:11 urg 5");
	says(&k->p, "P.U 11:21 urg 5");
	host_recv(&k->t, k->fd, 100, 0, 14); /* the byte of the first one is one of many now */
	host_recv_urgent(&k->t, k->fd, 15);
	host_misses(&k->t, k->fd, 1);
	host_recv(&k->t, k->fd, 100, 0, 5);
	talk_done(k);
}

static void a_byte_that_waits_at_the_mark_is_lost_to_the_next_one(void **state)
{
	struct talk *k = talk();

	(void)state;
	says(&k->p, "P.U 1:11 urg 10");
	host_recv(&k->t, k->fd, 100, 0, 9);
	says(&k->p, "P.U 11:21 urg 10");
	host_misses(&k->t, k->fd, 1);
	host_recv_urgent(&k->t, k->fd, 20);
	host_recv(&k->t, k->fd, 100, 0, 9);
	talk_done(k);
}

static void by_the_standard_the_pointer_means_the_byte_behind(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_sysctl(&k->t, "net.ipv4.tcp_stdurg", "1");
	says(&k->p, "P.U 1:11 urg 5");
	host_recv_urgent(&k->t, k->fd, 6);
	host_recv(&k->t, k->fd, 100, 0, 5);
	talk_done(k);
}

static void while_a_mark_waits_nothing_is_predicted(void **state)
{
	struct talk *k = talk();

	(void)state;
	says(&k->p, "P. 1:11");
	says(&k->p, "P. 11:21");
	counted(&k->t, "TcpInSegs 2 TcpOutSegs 2 TCPHPHits 1 TCPRcvCoalesce 1");
	says(&k->p, "P.U 21:31 urg 1");
	says(&k->p, "P. 31:41");
	says(&k->p, "P. 41:51");
	counted(&k->t, "TcpInSegs 3 TcpOutSegs 3 TCPRcvCoalesce 3");
	host_recv(&k->t, k->fd, 20, 0, 20);
	host_misses(&k->t, k->fd, 1);
	host_recv(&k->t, k->fd, 5, 0, 5);
	says(&k->p, "P. 51:61");
	counted(&k->t, "TcpInSegs 1 TcpOutSegs 1 TCPHPHits 1 TCPRcvCoalesce 1");
	talk_done(k);
}

/* ---- ours ---- */

static void msg_oob_marks_the_last_byte(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_send(&k->t, k->fd, 10, HO_MSG_OOB, 10);
	hears(&k->p, "P.U 1:11 ack 1 urg 10");
	says(&k->p, ".");
	host_send(&k->t, k->fd, 10, 0, 10);
	hears(&k->p, "P. 11:21 ack 1");
	talk_done(k);
}

static void nagle_holds_again_once_the_urgent_byte_is_acknowledged(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_send(&k->t, k->fd, 10, HO_MSG_OOB, 10);
	hears(&k->p, "P.U 1:11 ack 1 urg 10");
	host_send(&k->t, k->fd, 10, 0, 10); /* urgent mode: at once */
	hears(&k->p, "P. 11:21 ack 1");
	says(&k->p, ".");
	host_send(&k->t, k->fd, 10, 0, 10);
	hears(&k->p, "P. 21:31 ack 1");
	host_send(&k->t, k->fd, 10, 0, 10);
	quiet(&k->t);
	says(&k->p, ".");
	hears(&k->p, "P. 31:41 ack 1");
	talk_done(k);
}

static void every_segment_before_the_mark_tells_of_it(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_send(&k->t, k->fd, 3000, HO_MSG_OOB, 3000);
	hears(&k->p, ".U 1:1449 ack 1 urg 3000");
	hears(&k->p, ".U 1449:2897 ack 1 urg 1552");
	hears(&k->p, "P.U 2897:3001 ack 1 urg 104");
	quiet(&k->t);
	talk_done(k);
}

static void a_shut_window_does_not_keep_the_mark_back(void **state)
{
	struct talk *k = talk();

	(void)state;
	says(&k->p, ". win 0");
	host_send(&k->t, k->fd, 10, HO_MSG_OOB, 10);
	quiet(&k->t);
	marked(&k->t);
	hears_at(&k->p, 201, ".U 1 ack 1 urg 10");
	hears(&k->p, ".U 0 ack 1 urg 11");
	says(&k->p, ". win 0");
	says(&k->p, "P. 1:2 win 0");
	hears(&k->p, ".U 1 ack 2 urg 10");
	counted(&k->t, "TcpInSegs 2 TcpOutSegs 3 TCPHPHits 1 TCPPureAcks 1 TCPWinProbe 2");
	talk_done(k);
}

static void a_retransmission_tells_of_it_again(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_send(&k->t, k->fd, 10, HO_MSG_OOB, 10);
	hears(&k->p, "P.U 1:11 ack 1 urg 10");
	hears_at(&k->p, 201, "P.U 1:11 ack 1 urg 10");
	talk_done(k);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_urgent_byte_is_taken_apart),
		cmocka_unit_test(a_read_ends_at_the_mark_and_the_next_begins_behind_it),
		cmocka_unit_test(inline_the_byte_stays_in_its_place),
		cmocka_unit_test(the_mark_may_come_before_its_byte),
		cmocka_unit_test(a_mark_of_what_was_read_is_none),
		cmocka_unit_test(a_second_mark_takes_the_place_of_the_first),
		cmocka_unit_test(a_byte_that_waits_at_the_mark_is_lost_to_the_next_one),
		cmocka_unit_test(by_the_standard_the_pointer_means_the_byte_behind),
		cmocka_unit_test(while_a_mark_waits_nothing_is_predicted),
		cmocka_unit_test(msg_oob_marks_the_last_byte),
		cmocka_unit_test(nagle_holds_again_once_the_urgent_byte_is_acknowledged),
		cmocka_unit_test(every_segment_before_the_mark_tells_of_it),
		cmocka_unit_test(a_shut_window_does_not_keep_the_mark_back),
		cmocka_unit_test(a_retransmission_tells_of_it_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
