/* SPDX-License-Identifier: MIT
 * Windows that close, open and shrink: the peer's, with the probes into it, and ours. */
#include "tcp_talk.h"

#include "tcp.h" /* rx_buffer_model */

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

static void queue_set(struct talk *k, uint32_t max)
{
	struct ho_link_config c;

	assert_int_equal(ho_link_get(k->t.l.s, 0, &c), 0);
	c.out_queue_max = max;
	assert_int_equal(ho_link_set(k->t.l.s, 0, &c), 0);
}

static void probes_that_the_links_queue_refuses_come_twice_a_second(void **state)
{
	struct talk *k = talk();

	(void)state;
	queue_set(k, 0);
	host_send(&k->t, k->fd, 100, 0, 100);
	quiet_until(&k->t, 1400);
	host_info_is(&k->t, k->fd, tcpi_probes, 3); /* after 200 ms, then each 500 */
	host_info_is(&k->t, k->fd, tcpi_backoff, 0);
	queue_set(k, 100);
	hears_at(&k->p, 1701, "P. 1:101 ack 1");
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
	counted(&k->t, "TcpOutSegs 3 TcpEstabResets 1 TcpCurrEstab -1 TCPWinProbe 3 TCPAbortOnTimeout 1");
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

static void a_smaller_window_counts_only_from_further_on(void **state)
{
	struct talk *k = talk(.syn_options = "<mss 1460,sackOK,TS>");

	(void)state;
	says(&k->p, "P. 1:11 win 50");
	hears(&k->p, ". 1 ack 11");
	host_info_is(&k->t, k->fd, tcpi_snd_wnd, 65535);
	says(&k->p, ". 11 win 50");
	host_info_is(&k->t, k->fd, tcpi_snd_wnd, 50);
	says(&k->p, ". win 40");
	host_info_is(&k->t, k->fd, tcpi_snd_wnd, 50);
	says(&k->p, ". win 60");
	host_info_is(&k->t, k->fd, tcpi_snd_wnd, 60);
	says(&k->p, ". win 0"); /* nought always counts */
	host_info_is(&k->t, k->fd, tcpi_snd_wnd, 0);
	talk_done(k);
}

static void a_window_too_small_for_a_segment_gets_a_part_after_the_probe_timer(void **state)
{
	struct talk *k = talk(.syn_options = "<mss 1460,sackOK,TS>");

	(void)state;
	peer_sends(k, 1, 10);
	says(&k->p, ". win 50");
	marked(&k->t);
	host_send(&k->t, k->fd, 100, 0, 100);
	quiet(&k->t);
	hears_at(&k->p, 201, "P. 1:51 ack 11");
	says(&k->p, ". win 0");
	hears_at(&k->p, 402, ". 50 ack 11");
	says(&k->p, ". win 100");
	hears(&k->p, "P. 51:101 ack 11");
	counted(&k->t, "TcpInSegs 2 TcpOutSegs 3 TCPPureAcks 2 TCPOrigDataSent 2 TCPDelivered 1 TCPWinProbe 1");
	talk_done(k);
}

static void only_what_fits_into_the_window_leaves(void **state)
{
	struct talk *k = talk(.syn_options = "<mss 1460,sackOK,TS>");

	(void)state;
	peer_sends(k, 1, 10);
	says(&k->p, ". win 4000");
	host_send(&k->t, k->fd, 5792, 0, 5792);
	hears(&k->p, ". 1:1449");
	hears(&k->p, ". 1449:2897");
	hears(&k->p, "P. 2897:4001");
	quiet(&k->t);
	says(&k->p, ". ack 1449 win 2552"); /* its right edge stays */
	quiet(&k->t);
	says(&k->p, ". ack 4001 win 1000"); /* less than a segment: silly (RFC 9293 3.8.6.2.1) */
	quiet(&k->t);
	says(&k->p, ". ack 4001 win 2000");
	hears(&k->p, ". 4001:5449");
	hears(&k->p, "P. 5449:5793");
	talk_done(k);
}

static void an_older_segments_window_is_ignored(void **state)
{
	struct talk *k = talk();

	(void)state;
	peer_sends(k, 2, 10);
	says(&k->p, ". 11 win 0");
	hears(&k->p, ". 1 ack 21");
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

/* SO_RCVBUF 4096: a window of two full segments. Three fill it, as the second ACK waits. */
static struct talk *filled(struct talk *k)
{
	says(&k->p, ". 1:1449");
	hears(&k->p, ". 1 ack 1449 win 2896");
	says(&k->p, ". 1449:2897");
	says(&k->p, ". 2897:4345");
	quiet(&k->t);
	marked(&k->t);
	hears_at(&k->p, 40, ". 1 ack 4345 win 0");
	counted(&k->t, "TcpOutSegs 1 DelayedACKs 1 TCPToZeroWindowAdv 1");
	return k;
}

static void unread_data_shut_the_window_and_a_read_opens_it(void **state)
{
	struct talk *k = filled(talk(.rcvbuf = 4096));

	(void)state;
	host_recv(&k->t, k->fd, 1448, 0, 1448);
	hears(&k->p, ". 1 ack 4345 win 1448");
	counted(&k->t, "TcpOutSegs 1 TCPFromZeroWindowAdv 1");
	host_recv(&k->t, k->fd, 100, 0, 100);
	quiet(&k->t); /* not worth an ACK */
	host_recv(&k->t, k->fd, 10000, 0, 2796);
	hears(&k->p, ". 1 ack 4345 win 2896");
	talk_done(k);
}

static void data_beyond_a_shut_window_are_dropped_and_answered(void **state)
{
	struct talk *k = filled(talk(.rcvbuf = 4096));

	(void)state;
	says(&k->p, "P. 4345:4346"); /* a probe with a byte */
	hears(&k->p, ". 1 ack 4345 win 0");
	says(&k->p, ". 4344"); /* one without */
	hears(&k->p, ". 1 ack 4345 win 0");
	counted(&k->t, "TcpInSegs 2 TcpOutSegs 2 BeyondWindow 1");
	host_recv(&k->t, k->fd, 10000, 0, 4344);
	hears(&k->p, ". 1 ack 4345 win 2896");
	says(&k->p, "P. 4345:4346");
	hears_at(&k->p, 80, ". 1 ack 4346");
	host_recv(&k->t, k->fd, 10000, 0, 1);
	talk_done(k);
}

static void data_for_a_shut_window_and_an_empty_queue_are_dropped(void **state)
{
	struct talk *k = filled(talk(.rcvbuf = 4096));

	(void)state;
	host_shutdown(&k->t, k->fd, HO_SHUT_RD, 0); /* no window updates any more */
	host_recv(&k->t, k->fd, 10000, 0, 4344);
	quiet(&k->t);
	says(&k->p, "P. 4345:4346");
	hears(&k->p, ". 1 ack 4345 win 2896");
	counted(&k->t, "TcpInSegs 1 TcpOutSegs 1 TCPFromZeroWindowAdv 1 TCPZeroWindowDrop 1");
	talk_done(k);
}

static void more_than_the_window_is_taken_if_the_queue_is_empty(void **state)
{
	struct talk *k = talk(.rcvbuf = 2048);

	(void)state;
	says(&k->p, "P. 1:1401");
	hears(&k->p, ". 1 ack 1401");
	host_recv(&k->t, k->fd, 10000, 0, 1400);
	talk_done(k);
}

/* ---- a buffer smaller than the window that was offered ---- */

static struct talk *shrunk(struct talk *k)
{
	host_set(&k->t, k->fd, HO_SOL_SOCKET, HO_SO_RCVBUF, 0); /* 2304: one full segment */
	says(&k->p, ". 1:1449");
	hears(&k->p, ". 1 ack 1449 win 63");
	counted(&k->t, "TcpInSegs 1 TcpOutSegs 1 TCPWantZeroWindowAdv 1"); /* what was offered stays offered */
	return k;
}

static void full_segments_that_find_no_buffer_are_dropped_and_the_window_is_shut(void **state)
{
	struct talk *k = shrunk(talk());

	(void)state;
	says(&k->p, ". 1449:2897");
	says(&k->p, ". 2897:4345");
	counted(&k->t, "TcpInSegs 2 TCPHPHits 1");
	says(&k->p, ". 4345:5793");
	hears(&k->p, ". 1 ack 4345 win 0");
	counted(&k->t, "TcpInSegs 1 TcpOutSegs 1 PruneCalled 1 RcvPruned 1 TCPRcvQDrop 1");
	host_recv(&k->t, k->fd, 10000, 0, 4344);
	hears(&k->p, ". 1 ack 4345 win 2");
	says(&k->p, ". 4345:5793");
	host_recv(&k->t, k->fd, 10000, 0, 1448);
	talk_done(k);
}

static void segments_out_of_order_that_find_no_buffer_are_dropped(void **state)
{
	struct talk *k = shrunk(talk());

	(void)state;
	says(&k->p, ". 1449:2897");
	says(&k->p, ". 9001:10449");
	counted(&k->t, "TcpInSegs 2 PruneCalled 1 RcvPruned 1 TCPOFODrop 1");
	talk_done(k);
}

static void segments_out_of_order_make_room_for_those_in_order(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_set(&k->t, k->fd, HO_SOL_SOCKET, HO_SO_RCVBUF, 0);
	says(&k->p, ". 20001:21449");
	hears(&k->p, ". 1 ack 1 <TS,sack 20001:21449>");
	says(&k->p, ". 1:1449");
	hears(&k->p, ". 1 ack 1449 <TS,sack 20001:21449>");
	marked(&k->t);
	says(&k->p, ". 1449:2897");
	hears_at(&k->p, 40, ". 1 ack 2897 <TS>");
	counted(&k->t, "TcpInSegs 1 TcpOutSegs 1 PruneCalled 1 OfoPruned 1 DelayedACKs 1 TCPWantZeroWindowAdv 1");
	host_recv(&k->t, k->fd, 10000, 0, 2896);
	talk_done(k);
}

static void badly_filled_buffers_are_copied_together(void **state)
{
	struct talk *k = talk(.rcvbuf = 4096);
	char text[64];

	(void)state;
	peer_sends(k, 2, 100);
	for (unsigned n = 0; n < 2; n++) {
		for (unsigned i = 0; i < 5; i++) {
			snprintf(text, sizeof(text), ". %u:%u", k->p.seq, k->p.seq + 100);
			says(&k->p, text);
		}
		hears_at(&k->p, 40 * (n + 1), n == 0 ? ". 1 ack 701 win 2396" : ". 1 ack 1201 win 1896");
	}
	says(&k->p, ". 1201:1301");
	says(&k->p, ". 1301:1401");
	marked(&k->t);
	says(&k->p, ". 1401:1501"); /* 14 buffers of 832 bytes become one of 2304, with room for three more */
	hears(&k->p, ". 1 ack 1501 win 2800");
	counted(&k->t, "TcpInSegs 1 TcpOutSegs 1 PruneCalled 1 TCPRcvCollapsed 14 TCPRcvCoalesce 1");
	says(&k->p, ". 1501:1601");
	says(&k->p, ". 1601:1701");
	hears(&k->p, ". 1 ack 1701 win 2800");
	says(&k->p, ". 1701:1801");
	counted(&k->t, "TcpInSegs 3 TcpOutSegs 1 TCPHPHits 3 TCPRcvCoalesce 2");
	host_recv(&k->t, k->fd, 10000, 0, 1800);
	talk_done(k);
}

static void so_are_those_out_of_order(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_set(&k->t, k->fd, HO_SOL_SOCKET, HO_SO_RCVBUF, 0);
	says(&k->p, ". 301:601");
	says(&k->p, ". 601:901");
	hears(&k->p, ". 1 ack 1 <TS,sack 301:601>");
	hears(&k->p, ". 1 ack 1 <TS,sack 301:901>");
	marked(&k->t);
	says(&k->p, ". 901:1201");
	hears(&k->p, ". 1 ack 1");
	counted(&k->t, "TcpInSegs 1 TcpOutSegs 1 PruneCalled 1 TCPRcvCollapsed 2 TCPWantZeroWindowAdv 1 "
	               "TCPOFOQueue 1");
	says(&k->p, ". 1:301");
	hears(&k->p, ". 1 ack 1201");
	host_recv(&k->t, k->fd, 10000, 0, 1200);
	talk_done(k);
}

static void a_fin_into_a_full_window_is_taken(void **state)
{
	struct talk *k = filled(talk(.rcvbuf = 4096));

	(void)state;
	says(&k->p, "F. 4345");
	hears_at(&k->p, 80, ". 1 ack 4346 win 0");
	host_state(&k->t, k->fd, HO_CLOSE_WAIT);
	host_recv(&k->t, k->fd, 10000, 0, 4344);
	host_recv(&k->t, k->fd, 10000, 0, 0);
	talk_done(k);
}

static void but_not_one_that_follows_a_byte(void **state)
{
	struct talk *k = filled(talk(.rcvbuf = 4096));

	(void)state;
	says(&k->p, "F. 4345:4346");
	hears(&k->p, ". 1 ack 4345 win 0");
	host_state(&k->t, k->fd, HO_ESTABLISHED);
	counted(&k->t, "TcpInSegs 1 TcpOutSegs 1 BeyondWindow 1");
	talk_done(k);
}

/* ---- what Linux' TUN driver would have allocated ---- */

static void a_large_packet_whose_headers_end_is_not_told_fills_a_page_first(void **state)
{
	static const struct {
		uint32_t payload_bytes, truesize;
	} measured[] = {{1000, 2304},   {3000, 4352},   {3900, 8448},   {4000, 8448},  {4192, 8448},
	                {7000, 8448},   {9000, 12544},  {20000, 20736}, {40000, 41216}, {65000, 65792}};

	(void)state;
	for (size_t i = 0; i < sizeof(measured) / sizeof(measured[0]); i++) {
		uint32_t truesize, room;
		bool linear;

		rx_buffer_model(measured[i].payload_bytes + 40, 0, &truesize, &room, &linear);
		assert_int_equal(truesize, measured[i].truesize);
		assert_true(linear);
		if (measured[i].payload_bytes > 3900)
			assert_int_equal(room, 0);
	}
}

static void one_whose_headers_end_is_told_has_pages_only(void **state)
{
	uint32_t truesize, room;
	bool linear;

	(void)state;
	rx_buffer_model(9040, 40, &truesize, &room, &linear);
	assert_false(linear);
	assert_int_equal(truesize, 832 + 8192 + 4096);
	assert_int_equal(room, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_shut_window_is_probed_with_doubling_intervals),
		cmocka_unit_test(probes_that_the_links_queue_refuses_come_twice_a_second),
		cmocka_unit_test(an_opened_window_lets_the_data_out_at_once),
		cmocka_unit_test(probes_that_nobody_answers_end_the_connection),
		cmocka_unit_test(answered_probes_go_on_for_ever),
		cmocka_unit_test(a_smaller_window_counts_only_from_further_on),
		cmocka_unit_test(a_window_too_small_for_a_segment_gets_a_part_after_the_probe_timer),
		cmocka_unit_test(only_what_fits_into_the_window_leaves),
		cmocka_unit_test(an_older_segments_window_is_ignored),
		cmocka_unit_test(data_outside_a_window_that_was_taken_back_are_sent_again_as_a_probe),
		cmocka_unit_test(unread_data_shut_the_window_and_a_read_opens_it),
		cmocka_unit_test(data_beyond_a_shut_window_are_dropped_and_answered),
		cmocka_unit_test(data_for_a_shut_window_and_an_empty_queue_are_dropped),
		cmocka_unit_test(more_than_the_window_is_taken_if_the_queue_is_empty),
		cmocka_unit_test(full_segments_that_find_no_buffer_are_dropped_and_the_window_is_shut),
		cmocka_unit_test(segments_out_of_order_that_find_no_buffer_are_dropped),
		cmocka_unit_test(segments_out_of_order_make_room_for_those_in_order),
		cmocka_unit_test(badly_filled_buffers_are_copied_together),
		cmocka_unit_test(so_are_those_out_of_order),
		cmocka_unit_test(a_fin_into_a_full_window_is_taken),
		cmocka_unit_test(but_not_one_that_follows_a_byte),
		cmocka_unit_test(a_large_packet_whose_headers_end_is_not_told_fills_a_page_first),
		cmocka_unit_test(one_whose_headers_end_is_told_has_pages_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
