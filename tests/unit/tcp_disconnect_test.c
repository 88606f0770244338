/* SPDX-License-Identifier: MIT
 * A connection taken apart whose socket stays: connect() to AF_UNSPEC. */
#include "tcp_talk.h"

#define TAKEN_APART (HO_OUT | HO_ERR | HO_HUP)

static void host_disconnect(struct tcp_lab *t, int fd)
{
	say_log(t, "disconnect %d", fd);
	lab_expect(ho_sock_disconnect(t->l.s, fd), 0);
}

/* What is sent and received from now on is another connection's. */
static void host_streams_begin(struct tcp_lab *t, int fd)
{
	say_log(t, "streams_begin %d", fd);
	t->wrote[fd] = t->read[fd] = 1;
}

static struct talk *taken_apart(struct talk *k)
{
	host_disconnect(&k->t, k->fd);
	hears(&k->p, "R.");
	return k;
}

static void the_peer_hears_a_rst_and_the_program_of_a_reset(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_disconnect(&k->t, k->fd);
	hears(&k->p, "R. 1 ack 1");
	counted(&k->t, "TcpEstabResets 1 TcpCurrEstab -1 TcpOutSegs 1 TcpOutRsts 1");
	host_polls(&k->t, k->fd, TAKEN_APART);
	host_recv(&k->t, k->fd, 10, 0, -ECONNRESET);
	host_recv(&k->t, k->fd, 10, 0, -ENOTCONN);
	host_send(&k->t, k->fd, 10, 0, -EPIPE);
	host_shutdown(&k->t, k->fd, HO_SHUT_RDWR, -ENOTCONN);
	talk_done(k);
}

static void it_is_an_event(void **state)
{
	struct talk *k = talk();
	struct ho_event e;

	(void)state;
	while (ho_stack_event(k->t.l.s, &e)) {
	}
	taken_apart(k);
	assert_true(ho_stack_event(k->t.l.s, &e));
	assert_int_equal(e.fd, k->fd);
	talk_done(k);
}

static void what_was_to_be_read_is_gone(void **state)
{
	struct talk *k = talk();

	(void)state;
	says(&k->p, "P. 1:101");
	hears(&k->p, ". 1 ack 101");
	says(&k->p, "P. 201:301");
	hears(&k->p, ". 1 ack 101 <TS,sack 201:301>");
	host_disconnect(&k->t, k->fd);
	hears(&k->p, "R. 1 ack 101");
	host_at_mark(&k->t, k->fd, 0, 0);
	host_error(&k->t, k->fd, ECONNRESET);
	host_recv(&k->t, k->fd, 10, 0, -ENOTCONN);
	talk_done(k);
}

static void what_was_to_be_sent_is_not_sent_again(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_send(&k->t, k->fd, 100, 0, 100);
	hears(&k->p, "P. 1:101");
	host_disconnect(&k->t, k->fd);
	hears(&k->p, "R. 101 ack 1");
	quiet_until(&k->t, 3000);
	says(&k->p, ". ack 101");
	hears(&k->p, "R 101");
	talk_done(k);
}

static void nothing_is_left_to_come_of_a_fin_that_was_answered(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_shutdown(&k->t, k->fd, HO_SHUT_WR, 0);
	hears(&k->p, "F. 1");
	says(&k->p, ". ack 2");
	host_state(&k->t, k->fd, HO_FIN_WAIT2);
	marked(&k->t);
	host_disconnect(&k->t, k->fd);
	hears(&k->p, "R. 2 ack 1");
	counted(&k->t, "TcpOutSegs 1 TcpOutRsts 1");
	quiet_until(&k->t, 70000);
	talk_done(k);
}

static void a_last_fin_on_its_way_is_enough(void **state)
{
	struct talk *k = talk();

	(void)state;
	says(&k->p, "F. 1");
	host_shutdown(&k->t, k->fd, HO_SHUT_WR, 0);
	hears(&k->p, "F. 1 ack 2");
	host_state(&k->t, k->fd, HO_LAST_ACK);
	marked(&k->t);
	host_disconnect(&k->t, k->fd);
	quiet_until(&k->t, 3000);
	host_error(&k->t, k->fd, 0);
	counted(&k->t, "");
	talk_done(k);
}

static void a_last_fin_that_cannot_leave_becomes_a_rst(void **state)
{
	struct talk *k = talk(.window = 10, .plain = true, .syn_options = "<mss 1460>");

	(void)state;
	host_send(&k->t, k->fd, 30, 0, 30);
	quiet(&k->t);
	says(&k->p, "F. 1");
	hears_at(&k->p, 1, ". ack 2");
	host_shutdown(&k->t, k->fd, HO_SHUT_WR, 0);
	host_state(&k->t, k->fd, HO_LAST_ACK);
	marked(&k->t);
	host_disconnect(&k->t, k->fd);
	hears(&k->p, "R. 1 ack 2");
	host_error(&k->t, k->fd, ECONNRESET);
	counted(&k->t, "TcpOutSegs 1 TcpOutRsts 1");
	talk_done(k);
}

static void a_syn_is_taken_back_in_silence(void **state)
{
	struct tcp_lab t = tcp_lab();
	struct peer p = peer_of(&t, 1);
	int fd = host_socket(&t);

	(void)state;
	p.host_port = 0;
	host_connect(&t, fd, &p, -EINPROGRESS);
	hears(&p, "S 0");
	marked(&t);
	host_disconnect(&t, fd);
	quiet_until(&t, 3000);
	counted(&t, "");
	host_polls(&t, fd, TAKEN_APART);
	host_error(&t, fd, ECONNRESET);
	says(&p, "S.");
	hears(&p, "R 1");
	tcp_lab_close(&t);
}

static void a_handshake_that_crossed_another_ends_in_a_rst(void **state)
{
	struct tcp_lab t = tcp_lab();
	struct peer p = peer_of(&t, 1);
	int fd = host_socket(&t);

	(void)state;
	p.host_port = 0;
	host_connect(&t, fd, &p, -EINPROGRESS);
	hears(&p, "S 0");
	says(&p, "S 0");
	hears(&p, "S. 0 ack 1");
	marked(&t);
	host_disconnect(&t, fd);
	hears(&p, "R. 1 ack 1");
	counted(&t, "TcpOutSegs 1 TcpOutRsts 1");
	host_error(&t, fd, ECONNRESET);
	tcp_lab_close(&t);
}

static void a_listener_lets_go_of_its_queues_and_keeps_its_port(void **state)
{
	struct tcp_lab t = tcp_lab();
	struct peer waits = peer_of(&t, 1), half = peer_of(&t, 2), late = peer_of(&t, 3), last = peer_of(&t, 4);
	int lfd = host_listen(&t, 5);

	(void)state;
	peer_handshake(&waits);
	says(&half, "S");
	hears(&half, "S. 0 ack 1");
	host_queues(&t, lfd, 1, 1);
	marked(&t);
	host_disconnect(&t, lfd);
	hears(&waits, "R. 1 ack 1");
	counted(&t, "TcpEstabResets 1 TcpCurrEstab -1 TcpOutSegs 1 TcpOutRsts 1");
	host_polls(&t, lfd, HO_OUT | HO_HUP);
	says(&late, "S");
	hears(&late, "R. 0 ack 1");
	says(&half, ".");
	hears(&half, "R 1");
	host_backlog(&t, lfd, 5);
	host_accepted(&t, lfd, &last);
	tcp_lab_close(&t);
}

static void the_requests_of_a_listener_die_with_it_though_it_connects(void **state)
{
	struct tcp_lab t = tcp_lab();
	struct peer half = peer_of(&t, 1), server = peer_of(&t, 2);
	int lfd = host_listen(&t, 5);

	(void)state;
	says(&half, "S");
	hears(&half, "S. 0 ack 1");
	host_disconnect(&t, lfd);
	server.host_port = 0;
	host_connect(&t, lfd, &server, -EINPROGRESS);
	hears(&server, "S");
	says(&server, "S.");
	hears(&server, ". 1 ack 1");
	says(&half, ".");
	hears(&half, "R 1");
	quiet_until(&t, 5000);
	host_send(&t, lfd, 10, 0, 10);
	hears(&server, "P. 1:11");
	tcp_lab_close(&t);
}

static void the_next_connection_begins_above_what_the_old_peer_may_take(void **state)
{
	struct talk *k = talk(.window = 5000, .plain = true, .syn_options = "<mss 1460>");
	struct peer p = peer_of(&k->t, 2);

	(void)state;
	host_send(&k->t, k->fd, 100, 0, 100);
	hears(&k->p, "P. 1:101");
	taken_apart(k);
	p.host_port = 0;
	host_connect(&k->t, k->fd, &p, -EINPROGRESS);
	hears(&p, "S 0");
	assert_int_equal(p.host_isn - k->p.host_isn, 101 + 5000 + 2);
	talk_done(k);
}

static void a_socket_that_never_was_connected_begins_at_2(void **state)
{
	struct tcp_lab t = tcp_lab();
	struct peer p = peer_of(&t, 1);
	int fd = host_socket(&t);

	(void)state;
	host_disconnect(&t, fd);
	host_error(&t, fd, 0);
	p.host_port = 0;
	host_connect(&t, fd, &p, -EINPROGRESS);
	hears(&p, "S 0");
	assert_int_equal(p.host_isn, 2);
	tcp_lab_close(&t);
}

/* What the SYN offers is not what was agreed on before. */
static void the_next_connection_knows_nothing_of_the_old_one(void **state)
{
	struct tcp_lab t = tcp_lab();
	struct peer p = peer_of(&t, 1), q = peer_of(&t, 2);
	int fd;

	(void)state;
	p.syn_options = "<mss 500>";
	p.ts = false;
	fd = host_connected(&t, &p);
	host_send(&t, fd, 1200, 0, 1200);
	hears(&p, ". 1:501");
	hears(&p, ". 501:1001");
	hears(&p, "P. 1001:1201");
	host_disconnect(&t, fd);
	hears(&p, "R.");
	q.host_port = 0;
	host_connect(&t, fd, &q, -EINPROGRESS);
	hears(&q, "S 0 win 64240 <mss 1460,sackOK,TS,wscale 10>");
	says(&q, "S.");
	hears(&q, ". 1 ack 1");
	host_streams_begin(&t, fd);
	host_send(&t, fd, 1200, 0, 1200);
	hears(&q, "P. 1:1201");
	host_info_is(&t, fd, tcpi_options, 1 | 2 | 4);
	host_info_is(&t, fd, tcpi_segs_out, 3);
	tcp_lab_close(&t);
}

static void what_was_counted_and_learnt_is_forgotten(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_send(&k->t, k->fd, 100, 0, 100);
	hears(&k->p, "P. 1:101");
	hears_at(&k->p, 201, "P. 1:101");
	hears_at(&k->p, 402, "P. 1:101");
	host_disconnect(&k->t, k->fd);
	hears(&k->p, "R.");
	host_info_is(&k->t, k->fd, tcpi_bytes_sent, 0);
	host_info_is(&k->t, k->fd, tcpi_segs_in, 0);
	host_info_is(&k->t, k->fd, tcpi_total_retrans, 0);
	host_info_is(&k->t, k->fd, tcpi_total_rto, 0);
	host_info_is(&k->t, k->fd, tcpi_snd_ssthresh, 0x7fffffff);
	host_info_is(&k->t, k->fd, tcpi_snd_cwnd, 10);
	host_info_is(&k->t, k->fd, tcpi_ca_state, 0);
	host_info_is(&k->t, k->fd, tcpi_rto, 1000000);
	host_info_is(&k->t, k->fd, tcpi_rcv_mss, 88);
	host_info_is(&k->t, k->fd, tcpi_options, 0);
	talk_done(k);
}

static void options_stay_but_for_two(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_set(&k->t, k->fd, HO_SOL_TCP, HO_TCP_NODELAY, 1);
	host_set(&k->t, k->fd, HO_SOL_TCP, HO_TCP_SYNCNT, 3);
	host_set(&k->t, k->fd, HO_SOL_TCP, HO_TCP_USER_TIMEOUT, 5000);
	host_set(&k->t, k->fd, HO_SOL_TCP, HO_TCP_INQ, 1);
	host_set(&k->t, k->fd, HO_SOL_TCP, HO_TCP_MAXSEG, 700);
	host_set(&k->t, k->fd, HO_SOL_TCP, HO_TCP_WINDOW_CLAMP, 20000);
	taken_apart(k);
	host_has(k, HO_SOL_TCP, HO_TCP_NODELAY, 1);
	host_has(k, HO_SOL_TCP, HO_TCP_SYNCNT, 3);
	host_has(k, HO_SOL_TCP, HO_TCP_USER_TIMEOUT, 5000);
	host_has(k, HO_SOL_TCP, HO_TCP_INQ, 1);
	host_has(k, HO_SOL_TCP, HO_TCP_MAXSEG, 1448);
	host_has(k, HO_SOL_TCP, HO_TCP_WINDOW_CLAMP, 0);
	talk_done(k);
}

static void a_port_that_was_not_asked_for_is_given_back(void **state)
{
	struct talk *k = talk();
	struct ho_endpoint e;

	(void)state;
	taken_apart(k);
	assert_int_equal(ho_sock_name(k->t.l.s, k->fd, &e), 0);
	assert_int_equal(e.addr, HO_ADDR_ANY);
	assert_int_equal(e.port, LAB_PORT); /* it is still told */
	assert_int_equal(ho_sock_peer(k->t.l.s, k->fd, &e), -ENOTCONN);
	host_bind(&k->t, k->fd, LAB_PORT + 1);
	assert_int_equal(ho_sock_bind(k->t.l.s, k->fd, (struct ho_endpoint){HO_ADDR_ANY, LAB_PORT + 2}), -EINVAL);
	host_disconnect(&k->t, k->fd);
	assert_int_equal(ho_sock_bind(k->t.l.s, k->fd, (struct ho_endpoint){HO_ADDR_ANY, LAB_PORT + 2}), -EINVAL);
	talk_done(k);
}

static void a_child_whose_syn_had_data_ends_in_a_rst(void **state)
{
	struct tcp_lab t = tcp_lab();
	struct peer p = peer_of(&t, 1), q = peer_of(&t, 2);
	int lfd = host_socket(&t), fd;

	(void)state;
	host_sysctl(&t, "net.ipv4.tcp_fastopen", "515"); /* without cookies */
	host_bind(&t, lfd, LAB_PORT);
	host_set(&t, lfd, HO_SOL_TCP, HO_TCP_FASTOPEN, 1);
	host_backlog(&t, lfd, 5);
	says(&p, "S 0:5");
	hears(&p, "S. 0 ack 6");
	fd = host_accept(&t, lfd);
	marked(&t);
	host_disconnect(&t, fd);
	hears(&p, "R. 1 ack 6");
	counted(&t, "TcpOutSegs 1 TcpOutRsts 1");
	host_error(&t, fd, ECONNRESET);
	quiet_until(&t, 3000); /* no SYN+ACK any more */
	says(&q, "S 0:5");     /* and there is room for another one */
	hears(&q, "S. 0 ack 6");
	tcp_lab_close(&t);
}

static void a_rst_echoes_congestion(void **state)
{
	struct tcp_lab t = tcp_lab();
	struct peer p = peer_of(&t, 1);
	int fd, lfd;

	(void)state;
	host_sysctl(&t, "net.ipv4.tcp_ecn", "1");
	lfd = host_listen(&t, 5);
	says(&p, "SEC");
	hears(&p, "S.E 0 ack 1");
	says(&p, ".");
	fd = host_accept(&t, lfd);
	says(&p, "P. 1:101 ecn 3");
	hears(&p, ".E 1 ack 101");
	host_info_is(&t, fd, tcpi_received_ce, 1);
	host_disconnect(&t, fd);
	hears(&p, "R.E 1 ack 101");
	host_info_is(&t, fd, tcpi_received_ce, 0);
	host_info_is(&t, fd, tcpi_received_ce_bytes, 0);
	tcp_lab_close(&t);
}

static void it_is_what_connect_does_after_a_failure(void **state)
{
	struct tcp_lab t = tcp_lab();
	struct peer p = peer_of(&t, 1);
	int fd = host_socket(&t);

	(void)state;
	host_set(&t, fd, HO_SOL_TCP, HO_TCP_MAXSEG, 700);
	p.host_port = 0;
	host_connect(&t, fd, &p, -EINPROGRESS);
	hears(&p, "S 0 win 65100 <mss 700,sackOK,TS,wscale 10>");
	says(&p, "R. 0");
	host_connect(&t, fd, &p, -ECONNREFUSED);
	p.host_port = 0; /* another port, and numbers that go on */
	host_connect(&t, fd, &p, -EINPROGRESS);
	hears(&p, "S 3 win 64240 <mss 1460,sackOK,TS,wscale 10>");
	tcp_lab_close(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_peer_hears_a_rst_and_the_program_of_a_reset),
		cmocka_unit_test(it_is_an_event),
		cmocka_unit_test(what_was_to_be_read_is_gone),
		cmocka_unit_test(what_was_to_be_sent_is_not_sent_again),
		cmocka_unit_test(nothing_is_left_to_come_of_a_fin_that_was_answered),
		cmocka_unit_test(a_last_fin_on_its_way_is_enough),
		cmocka_unit_test(a_last_fin_that_cannot_leave_becomes_a_rst),
		cmocka_unit_test(a_syn_is_taken_back_in_silence),
		cmocka_unit_test(a_handshake_that_crossed_another_ends_in_a_rst),
		cmocka_unit_test(a_listener_lets_go_of_its_queues_and_keeps_its_port),
		cmocka_unit_test(the_requests_of_a_listener_die_with_it_though_it_connects),
		cmocka_unit_test(the_next_connection_begins_above_what_the_old_peer_may_take),
		cmocka_unit_test(a_socket_that_never_was_connected_begins_at_2),
		cmocka_unit_test(the_next_connection_knows_nothing_of_the_old_one),
		cmocka_unit_test(what_was_counted_and_learnt_is_forgotten),
		cmocka_unit_test(options_stay_but_for_two),
		cmocka_unit_test(a_port_that_was_not_asked_for_is_given_back),
		cmocka_unit_test(a_child_whose_syn_had_data_ends_in_a_rst),
		cmocka_unit_test(a_rst_echoes_congestion),
		cmocka_unit_test(it_is_what_connect_does_after_a_failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
