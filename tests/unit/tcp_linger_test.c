/* SPDX-License-Identifier: MIT
 * close() that waits: SO_LINGER with a time (ho_sock_linger). */
#include "tcp_talk.h"

/* close() with SO_LINGER waits, or still waits; has come back. */
static void host_lingers(struct tcp_lab *t, int fd)
{
	say_log(t, "lingers %d", fd);
	lab_expect(ho_sock_linger(t->l.s, fd), -EINPROGRESS);
}

static void host_lingered(struct tcp_lab *t, int fd)
{
	say_log(t, "lingered %d", fd);
	lab_expect(ho_sock_linger(t->l.s, fd), 0);
	assert_int_equal(ho_sock_linger(t->l.s, fd), -EBADF);
}

/* Is there an event of this descriptor?  It is the last one. */
static bool told(struct talk *k)
{
	struct ho_event e;
	bool any = false;

	while (ho_stack_event(k->t.l.s, &e))
		any |= e.fd == k->fd;
	return any;
}

static uint32_t orphans(struct talk *k)
{
	struct ho_memory m;

	ho_stack_memory(k->t.l.s, &m);
	return m.orphans;
}

/* The FIN is out, and close() waits. */
static struct talk *lingering(struct talk *k, int seconds)
{
	host_linger(&k->t, k->fd, seconds);
	host_lingers(&k->t, k->fd);
	hears(&k->p, "F. 1 ack 1");
	told(k);
	marked(&k->t);
	return k;
}

/* ---- what ends it ---- */

static void a_lingering_close_ends_when_its_fin_is_acknowledged(void **state)
{
	struct talk *k = lingering(talk(), 1);

	(void)state;
	assert_false(told(k));
	assert_int_equal(orphans(k), 0);
	host_lingers(&k->t, k->fd);
	says(&k->p, ". 1 ack 2");
	assert_true(told(k));
	host_lingered(&k->t, k->fd);
	counted(&k->t, "TcpInSegs 1 TW 1 TCPPureAcks 1 TCPDelivered 1");
	says(&k->p, "F. 1 ack 2");
	hears(&k->p, ". 2 ack 2");
	talk_done(k);
}

static void a_lingering_close_waits_for_its_data_too(void **state)
{
	struct talk *k = talk(.no_probes = true);

	(void)state;
	host_linger(&k->t, k->fd, 1);
	host_send(&k->t, k->fd, 5, 0, 5);
	hears(&k->p, "P. 1:6 ack 1");
	host_lingers(&k->t, k->fd);
	hears(&k->p, "F. 6 ack 1");
	says(&k->p, ". 1 ack 6");
	host_lingers(&k->t, k->fd);
	says(&k->p, ". 1 ack 7");
	host_lingered(&k->t, k->fd);
	talk_done(k);
}

static void a_lingering_close_ends_when_its_time_is_over_and_the_connection_goes_on(void **state)
{
	struct talk *k = lingering(talk(.no_probes = true), 1);

	(void)state;
	hears_at(&k->p, 201, "F. 1 ack 1");
	hears_at(&k->p, 603, "F. 1 ack 1");
	lab_at(&k->t, 980);
	assert_false(told(k));
	host_lingers(&k->t, k->fd);
	assert_int_equal(orphans(k), 0);
	lab_at(&k->t, 1010);
	assert_true(told(k));
	host_lingered(&k->t, k->fd);
	assert_int_equal(orphans(k), 1);
	counted(&k->t, "TcpRetransSegs 2 TCPTimeouts 2 TCPLostRetransmit 1 TcpTimeoutRehash 2");
	hears_at(&k->p, 1407, "F. 1 ack 1");
	says(&k->p, ". 1 ack 2");
	assert_int_equal(orphans(k), 0);
	talk_done(k);
}

static void what_lingers_has_the_patience_of_a_connection_with_a_program(void **state)
{
	struct talk *k = talk(.no_probes = true);

	(void)state;
	host_sysctl(&k->t, "net.ipv4.tcp_orphan_retries", "1");
	lingering(k, 2);
	hears_at(&k->p, 201, "F. 1 ack 1");
	hears_at(&k->p, 603, "F. 1 ack 1");
	hears_at(&k->p, 1407, "F. 1 ack 1");
	lab_at(&k->t, 1900);
	host_lingers(&k->t, k->fd);
	lab_at(&k->t, 2100);
	host_lingered(&k->t, k->fd);
	marked(&k->t);
	quiet_until(&k->t, 3300);
	counted(&k->t, "TCPTimeouts 1 TCPAbortOnTimeout 1");
	talk_done(k);
}

static void a_rst_ends_a_lingering_close(void **state)
{
	struct talk *k = lingering(talk(), 1);

	(void)state;
	says(&k->p, "R. 1 ack 2");
	assert_true(told(k));
	host_lingered(&k->t, k->fd);
	counted(&k->t, "TcpInSegs 1");
	talk_done(k);
}

static void data_for_a_lingering_close_is_an_abort(void **state)
{
	struct talk *k = lingering(talk(), 1);

	(void)state;
	says(&k->p, "P. 1:11 ack 1");
	hears(&k->p, "R 1 win 0 <>");
	assert_true(told(k));
	host_lingered(&k->t, k->fd);
	counted(&k->t, "TcpInSegs 1 TcpOutSegs 1 TcpOutRsts 1 TCPAbortOnData 1");
	talk_done(k);
}

static void a_fin_of_the_peer_does_not_end_a_lingering_close(void **state)
{
	struct talk *k = lingering(talk(), 1);

	(void)state;
	says(&k->p, "F. 1 ack 1");
	hears(&k->p, ". 2 ack 2");
	host_lingers(&k->t, k->fd);
	says(&k->p, ". 2 ack 2");
	assert_true(told(k));
	host_lingered(&k->t, k->fd);
	counted(&k->t, "TcpInSegs 2 TcpOutSegs 1 TW 1 TCPPureAcks 1 TCPDelivered 1");
	talk_done(k);
}

static void a_lingering_close_in_last_ack_ends_with_its_ack(void **state)
{
	struct talk *k = talk();

	(void)state;
	says(&k->p, "F. 1 ack 1");
	lab_at(&k->t, 10);
	hears(&k->p, ". 1 ack 2");
	host_linger(&k->t, k->fd, 1);
	host_lingers(&k->t, k->fd);
	hears(&k->p, "F. 1 ack 2");
	told(k);
	says(&k->p, ". 2 ack 2");
	assert_true(told(k));
	host_lingered(&k->t, k->fd);
	talk_done(k);
}

static void a_fin_behind_a_shut_window_is_waited_for(void **state)
{
	struct talk *k = talk(.no_probes = true);

	(void)state;
	says(&k->p, ". 1 ack 1 win 0");
	host_linger(&k->t, k->fd, 1);
	host_send(&k->t, k->fd, 5, 0, 5);
	host_lingers(&k->t, k->fd);
	quiet(&k->t);
	lab_at(&k->t, 100);
	host_lingers(&k->t, k->fd);
	says(&k->p, ". 1 ack 1 win 500");
	hears(&k->p, "FP. 1:6 ack 1");
	says(&k->p, ". 1 ack 7");
	host_lingered(&k->t, k->fd);
	talk_done(k);
}

static void a_close_that_began_with_shutdown_waits_as_well(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_shutdown(&k->t, k->fd, HO_SHUT_WR, 0);
	hears(&k->p, "F. 1 ack 1");
	host_linger(&k->t, k->fd, 1);
	host_lingers(&k->t, k->fd);
	quiet(&k->t);
	says(&k->p, ". 1 ack 2");
	host_lingered(&k->t, k->fd);
	talk_done(k);
}

static void negative_linger2_aborts_a_lingering_close_whose_fin_is_acknowledged(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_set(&k->t, k->fd, HO_SOL_TCP, HO_TCP_LINGER2, -1);
	lingering(k, 1);
	says(&k->p, ". 1 ack 2");
	host_lingered(&k->t, k->fd);
	hears(&k->p, "R. 2 ack 1");
	counted(&k->t, "TcpInSegs 1 TcpOutSegs 1 TcpOutRsts 1 TCPPureAcks 1 TCPAbortOnLinger 1 TCPDelivered 1");
	talk_done(k);
}

static void closing_what_lingers_gives_up_waiting(void **state)
{
	struct talk *k = lingering(talk(), 5);

	(void)state;
	assert_int_equal(ho_sock_close(k->t.l.s, k->fd), 0);
	assert_int_equal(orphans(k), 1);
	says(&k->p, ". 1 ack 2");
	assert_int_equal(orphans(k), 0);
	lab_at(&k->t, 6000);
	assert_false(told(k));
	talk_done(k);
}

/* The peer's window is shut for 20 days, and it says so every ten minutes. */
static void a_linger_time_may_be_longer_than_a_timer_lasts(void **state)
{
	const uint64_t days_20 = UINT64_C(1728000);
	struct talk *k = talk();

	(void)state;
	host_linger(&k->t, k->fd, (int)days_20);
	says(&k->p, ". 1 ack 1 win 0");
	host_send(&k->t, k->fd, 5, 0, 5);
	host_lingers(&k->t, k->fd);
	for (uint64_t s = 600; s < days_20; s += 600) {
		lab_at(&k->t, s * 1000);
		lab_forget(&k->t.l);
		says(&k->p, ". 1 ack 1 win 0");
		host_lingers(&k->t, k->fd);
	}
	told(k);
	lab_at(&k->t, days_20 * 1000 - 1);
	assert_false(told(k));
	lab_at(&k->t, days_20 * 1000);
	assert_true(told(k));
	host_lingered(&k->t, k->fd);
	lab_forget(&k->t.l);
	talk_done(k);
}

static void a_linger_time_below_zero_ends_with_the_connection_only(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_sysctl(&k->t, "net.ipv4.tcp_retries2", "3");
	lingering(k, -1);
	lab_at(&k->t, 2900);
	lab_forget(&k->t.l);
	host_lingers(&k->t, k->fd);
	assert_false(told(k));
	lab_at(&k->t, 7000);
	lab_forget(&k->t.l);
	assert_true(told(k));
	host_lingered(&k->t, k->fd);
	talk_done(k);
}

/* ---- where there is nothing to wait for ---- */

static void unread_data_wins_over_a_linger_time(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_linger(&k->t, k->fd, 1);
	says(&k->p, "P. 1:11 ack 1");
	hears(&k->p, ". 1 ack 11");
	marked(&k->t);
	host_lingered(&k->t, k->fd);
	hears(&k->p, "R. 1 ack 11");
	counted(&k->t, "TcpOutSegs 1 TcpOutRsts 1 TcpEstabResets 1 TcpCurrEstab -1 TCPAbortOnClose 1");
	talk_done(k);
}

static void unread_urgent_data_alone_wins_over_a_linger_time(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_linger(&k->t, k->fd, 1);
	says(&k->p, "PU. 1:2 ack 1 urg 1");
	hears(&k->p, ". 1 ack 2");
	host_at_mark(&k->t, k->fd, 1, 0);
	host_lingered(&k->t, k->fd);
	hears(&k->p, "R. 1 ack 2");
	talk_done(k);
}

static void a_close_in_fin_wait_2_does_not_wait(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_linger(&k->t, k->fd, 1);
	host_shutdown(&k->t, k->fd, HO_SHUT_WR, 0);
	hears(&k->p, "F. 1 ack 1");
	says(&k->p, ". 1 ack 2");
	host_lingered(&k->t, k->fd);
	quiet(&k->t);
	talk_done(k);
}

static void a_close_of_what_is_closed_does_not_wait(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_linger(&k->t, k->fd, 1);
	says(&k->p, "R. 1 ack 1");
	host_lingered(&k->t, k->fd);
	quiet(&k->t);
	talk_done(k);
}

static void a_close_of_a_listener_and_of_a_datagram_socket_does_not_wait(void **state)
{
	struct talk *k = talk();
	int udp = ho_sock_open(k->t.l.s, HO_SOCK_DGRAM, HO_IPPROTO_UDP);

	(void)state;
	host_linger(&k->t, k->lfd, 1);
	host_lingered(&k->t, k->lfd);
	assert_int_equal(ho_sock_linger(k->t.l.s, udp), 0);
	assert_int_equal(ho_sock_linger(k->t.l.s, udp), -EBADF);
	host_close(&k->t, k->fd);
	hears(&k->p, "F. 1 ack 1");
	talk_done(k);
}

static void without_a_linger_time_ho_sock_linger_is_close(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_lingered(&k->t, k->fd);
	hears(&k->p, "F. 1 ack 1");
	assert_int_equal(orphans(k), 1);
	talk_done(k);
}

static void a_linger_time_of_zero_aborts_in_ho_sock_linger_too(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_linger(&k->t, k->fd, 0);
	host_lingered(&k->t, k->fd);
	hears(&k->p, "R. 1 ack 1");
	counted(&k->t, "TcpOutSegs 1 TcpOutRsts 1 TcpEstabResets 1 TcpCurrEstab -1 TCPAbortOnData 1");
	talk_done(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_lingering_close_ends_when_its_fin_is_acknowledged),
		cmocka_unit_test(a_lingering_close_waits_for_its_data_too),
		cmocka_unit_test(a_lingering_close_ends_when_its_time_is_over_and_the_connection_goes_on),
		cmocka_unit_test(what_lingers_has_the_patience_of_a_connection_with_a_program),
		cmocka_unit_test(a_rst_ends_a_lingering_close),
		cmocka_unit_test(data_for_a_lingering_close_is_an_abort),
		cmocka_unit_test(a_fin_of_the_peer_does_not_end_a_lingering_close),
		cmocka_unit_test(a_lingering_close_in_last_ack_ends_with_its_ack),
		cmocka_unit_test(a_fin_behind_a_shut_window_is_waited_for),
		cmocka_unit_test(a_close_that_began_with_shutdown_waits_as_well),
		cmocka_unit_test(negative_linger2_aborts_a_lingering_close_whose_fin_is_acknowledged),
		cmocka_unit_test(closing_what_lingers_gives_up_waiting),
		cmocka_unit_test(a_linger_time_may_be_longer_than_a_timer_lasts),
		cmocka_unit_test(a_linger_time_below_zero_ends_with_the_connection_only),
		cmocka_unit_test(unread_data_wins_over_a_linger_time),
		cmocka_unit_test(unread_urgent_data_alone_wins_over_a_linger_time),
		cmocka_unit_test(a_close_in_fin_wait_2_does_not_wait),
		cmocka_unit_test(a_close_of_what_is_closed_does_not_wait),
		cmocka_unit_test(a_close_of_a_listener_and_of_a_datagram_socket_does_not_wait),
		cmocka_unit_test(without_a_linger_time_ho_sock_linger_is_close),
		cmocka_unit_test(a_linger_time_of_zero_aborts_in_ho_sock_linger_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
