/* SPDX-License-Identifier: MIT
 * Windows that close, open and shrink: the peer's, with the probes into it, and ours. */
#include "tcp_talk.h"

/* ---- the peer's window ---- */

static struct talk *shut_out(struct talk *k)
{
	says(&k->p, ". win 0");
	quiet(&k->t);
	marked(&k->t);
	return k;
}

static void a_shut_window_is_probed_with_doubling_intervals(void **state)
{
	struct talk *k = shut_out(talk());
	static const uint64_t at_ms[] = {201, 603, 1407, 3015, 6231};

	(void)state;
	host_send(&k->t, k->fd, 100, 0, 100);
	for (unsigned i = 0; i < 5; i++) {
		hears_at(&k->p, at_ms[i], ". 0 ack 1");
		says(&k->p, ". win 0");
	}
	host_state(&k->t, k->fd, HO_ESTABLISHED);
	counted(&k->t, "TcpInSegs 5 TcpOutSegs 5 TCPPureAcks 5 TCPWinProbe 5");
	talk_done(k);
}

static void an_opened_window_lets_the_data_out_at_once(void **state)
{
	struct talk *k = shut_out(talk());

	(void)state;
	host_send(&k->t, k->fd, 100, 0, 100);
	hears_at(&k->p, 201, ". 0 ack 1");
	says(&k->p, ".");
	hears(&k->p, "P. 1:101 ack 1");
	counted(&k->t, "TcpInSegs 1 TcpOutSegs 2 TCPPureAcks 1 TCPOrigDataSent 1 TCPWinProbe 1");
	says(&k->p, ".");
	quiet_until(&k->t, 5000);
	talk_done(k);
}

static void probes_that_nobody_answers_end_the_connection(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_sysctl(&k->t, "net.ipv4.tcp_retries2", "3");
	shut_out(k);
	host_send(&k->t, k->fd, 100, 0, 100);
	hears_at(&k->p, 201, ". 0 ack 1");
	hears_at(&k->p, 603, ". 0 ack 1");
	hears_at(&k->p, 1407, ". 0 ack 1");
	quiet_until(&k->t, 4000);
	host_state(&k->t, k->fd, HO_CLOSE);
	host_error(&k->t, k->fd, ETIMEDOUT);
	counted(&k->t, "TcpOutSegs 3 TCPWinProbe 3 TCPAbortOnTimeout 1 TcpCurrEstab -1");
	talk_done(k);
}

static void answered_probes_go_on_for_ever(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_sysctl(&k->t, "net.ipv4.tcp_retries2", "2");
	shut_out(k);
	host_send(&k->t, k->fd, 100, 0, 100);
	for (unsigned i = 0; i < 6; i++) {
		static const uint64_t at_ms[] = {201, 603, 1407, 2211, 3015, 3819};

		hears_at(&k->p, at_ms[i], ". 0 ack 1");
		says(&k->p, ". win 0");
	}
	host_state(&k->t, k->fd, HO_ESTABLISHED);
	talk_done(k);
}

static void a_window_too_small_for_a_segment_gets_a_part_after_the_probe_timer(void **state)
{
	struct talk *k = talk(.syn_options = "<mss 1460,sackOK,TS>");

	(void)state;
	says(&k->p, ". win 50");
	marked(&k->t);
	host_send(&k->t, k->fd, 100, 0, 100);
	quiet(&k->t);
	hears_at(&k->p, 201, "P. 1:51 ack 1");
	says(&k->p, ". win 0");
	hears_at(&k->p, 402, ". 50 ack 1");
	says(&k->p, ". win 100");
	hears(&k->p, "P. 51:101 ack 1");
	counted(&k->t, "TcpInSegs 2 TcpOutSegs 3 TCPPureAcks 2 TCPOrigDataSent 2 TCPDelivered 1 TCPWinProbe 1");
	talk_done(k);
}

static void only_what_fits_into_the_window_leaves(void **state)
{
	struct talk *k = talk(.syn_options = "<mss 1460,sackOK,TS>");

	(void)state;
	says(&k->p, ". win 4000");
	host_send(&k->t, k->fd, 5792, 0, 5792);
	hears(&k->p, ". 1:1449");
	hears(&k->p, "P. 1449:2897");
	quiet(&k->t);
	says(&k->p, ". ack 1449 win 2552"); /* its right edge stays */
	quiet(&k->t);
	says(&k->p, ". ack 2897 win 4000");
	hears(&k->p, ". 2897:4345");
	hears(&k->p, "P. 4345:5793");
	talk_done(k);
}

static void an_older_segments_window_is_ignored(void **state)
{
	struct talk *k = talk();

	(void)state;
	peer_sends(k, 2, 10);
	says(&k->p, ". 11 win 0");
	host_send(&k->t, k->fd, 100, 0, 100);
	hears(&k->p, "P. 1:101");
	talk_done(k);
}

/* RFC 9293 3.8.6: a window must not shrink, and one must cope with it. */
static void data_outside_a_window_that_was_taken_back_are_sent_again_as_a_probe(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_set(&k->t, k->fd, HO_SOL_TCP, HO_TCP_NODELAY, 1);
	host_send(&k->t, k->fd, 100, 0, 100);
	hears(&k->p, "P. 1:101");
	host_send(&k->t, k->fd, 100, 0, 100);
	hears(&k->p, "P. 101:201");
	marked(&k->t);
	says(&k->p, ". ack 101 win 0");
	hears_at(&k->p, 201, "P. 101:201 ack 1");
	says(&k->p, ". ack 101 win 0");
	quiet_until(&k->t, 300);
	counted(&k->t, "TcpInSegs 2 TcpRetransSegs 1 TCPPureAcks 2 TCPDelivered 1 TCPLossProbes 1");
	talk_done(k);
}

/* ---- our window ---- */

static void small(struct talk *k)
{
	host_set(&k->t, k->fd, HO_SOL_TCP, HO_TCP_QUICKACK, 1);
}

static void an_unread_queue_closes_the_window_and_a_read_opens_it(void **state)
{
	struct talk *k = talk(.rcvbuf = 4096);

	(void)state;
	small(k);
	says(&k->p, ". 1:1449");
	hears(&k->p, ". 1 ack 1449");
	says(&k->p, ". 1449:2897");
	hears(&k->p, ". 1 ack 2897");
	counted(&k->t, "");
	talk_done(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_shut_window_is_probed_with_doubling_intervals),
		cmocka_unit_test(an_opened_window_lets_the_data_out_at_once),
		cmocka_unit_test(probes_that_nobody_answers_end_the_connection),
		cmocka_unit_test(answered_probes_go_on_for_ever),
		cmocka_unit_test(a_window_too_small_for_a_segment_gets_a_part_after_the_probe_timer),
		cmocka_unit_test(only_what_fits_into_the_window_leaves),
		cmocka_unit_test(an_older_segments_window_is_ignored),
		cmocka_unit_test(data_outside_a_window_that_was_taken_back_are_sent_again_as_a_probe),
		cmocka_unit_test(an_unread_queue_closes_the_window_and_a_read_opens_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
