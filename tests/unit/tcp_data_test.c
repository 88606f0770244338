/* SPDX-License-Identifier: MIT
 * Data on an established connection, both ways: when they are acknowledged, when they leave, which path they take. */
#include "tcp_talk.h"

/* Out of the quick ACKs at a connection's beginning: 16 segments of 10 bytes, read. */
static struct talk *settled(struct talk *k)
{
	peer_sends(k, 16, 10);
	host_recv(&k->t, k->fd, 160, 0, 160);
	quiet(&k->t);
	marked(&k->t);
	return k;
}

/* ---- when an ACK leaves ---- */

static void the_first_sixteen_segments_are_acknowledged_at_once(void **state)
{
	struct talk *k = talk();

	(void)state;
	peer_sends(k, 16, 10);
	says(&k->p, "P. 161:171");
	quiet_until(&k->t, 30);
	hears_at(&k->p, 40, ". 1 ack 171");
	host_recv(&k->t, k->fd, 1000, 0, 170);
	counted(&k->t, "TcpInSegs 17 TcpOutSegs 17 DelayedACKs 1 TCPHPHits 16 TCPRcvCoalesce 15");
	talk_done(k);
}

static void one_delayed_ack_serves_two_small_segments(void **state)
{
	struct talk *k = settled(talk());

	(void)state;
	says(&k->p, "P. 161:171");
	lab_at(&k->t, 10);
	says(&k->p, "P. 171:181");
	hears_at(&k->p, 40, ". 1 ack 181");
	quiet_until(&k->t, 1000);
	counted(&k->t, "TcpInSegs 2 TcpOutSegs 1 DelayedACKs 1 TCPHPHits 1 TCPRcvCoalesce 1");
	talk_done(k);
}

static void the_second_full_segment_is_acknowledged_at_once_if_the_window_can_move(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_set(&k->t, k->fd, HO_SOL_TCP, HO_TCP_QUICKACK, 0);
	says(&k->p, ". 1:1449");
	quiet(&k->t);
	says(&k->p, ". 1449:2897");
	hears(&k->p, ". 1 ack 2897");
	says(&k->p, ". 2897:4345");
	quiet(&k->t);
	host_recv(&k->t, k->fd, 10000, 0, 4344);
	quiet(&k->t);
	says(&k->p, ". 4345:5793");
	hears(&k->p, ". 1 ack 5793");
	counted(&k->t, "TcpInSegs 4 TcpOutSegs 2 TCPHPHits 1");
	talk_done(k);
}

static void without_quickack_the_first_segment_waits_40_ms(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_set(&k->t, k->fd, HO_SOL_TCP, HO_TCP_QUICKACK, 0);
	host_has(k, HO_SOL_TCP, HO_TCP_QUICKACK, 0);
	says(&k->p, "P. 1:101");
	hears_at(&k->p, 40, ". 1 ack 101");
	host_has(k, HO_SOL_TCP, HO_TCP_QUICKACK, 1);
	says(&k->p, "P. 101:201");
	hears(&k->p, ". 1 ack 201");
	counted(&k->t, "TcpInSegs 2 TcpOutSegs 2 DelayedACKs 1 TCPHPHits 1 TCPRcvCoalesce 0");
	talk_done(k);
}

static void quickack_set_sends_the_ack_that_waits(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_set(&k->t, k->fd, HO_SOL_TCP, HO_TCP_QUICKACK, 0);
	says(&k->p, "P. 1:101");
	quiet(&k->t);
	host_recv(&k->t, k->fd, 50, 0, 50);
	quiet(&k->t);
	host_recv(&k->t, k->fd, 50, 0, 50);
	quiet(&k->t);
	host_set(&k->t, k->fd, HO_SOL_TCP, HO_TCP_QUICKACK, 1);
	hears(&k->p, ". 1 ack 101");
	quiet_until(&k->t, 1000);
	counted(&k->t, "TcpInSegs 1 TcpOutSegs 1");
	talk_done(k);
}

static void an_even_quickack_sends_the_ack_that_waits_and_the_next_acks_wait(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_set(&k->t, k->fd, HO_SOL_TCP, HO_TCP_QUICKACK, 0);
	says(&k->p, "P. 1:101");
	host_recv(&k->t, k->fd, 50, 0, 50);
	host_recv(&k->t, k->fd, 50, 0, 50);
	quiet(&k->t);
	host_set(&k->t, k->fd, HO_SOL_TCP, HO_TCP_QUICKACK, 2);
	hears(&k->p, ". 1 ack 101");
	host_has(k, HO_SOL_TCP, HO_TCP_QUICKACK, 0);
	host_set(&k->t, k->fd, HO_SOL_TCP, HO_TCP_QUICKACK, 2); /* nothing waits: as 1 */
	host_has(k, HO_SOL_TCP, HO_TCP_QUICKACK, 1);
	talk_done(k);
}

static void options_are_bounded_as_on_linux(void **state)
{
	struct tcp_lab t = tcp_lab();
	int fd = host_socket(&t);

	(void)state;
	host_set_gives(&t, fd, HO_SOL_TCP, HO_TCP_WINDOW_CLAMP, -1, 0);
	lab_expect(host_get(&t, fd, HO_SOL_TCP, HO_TCP_WINDOW_CLAMP), 1152);
	host_set_gives(&t, fd, HO_SOL_TCP, HO_TCP_LINGER2, 121, 0);
	lab_expect(host_get(&t, fd, HO_SOL_TCP, HO_TCP_LINGER2), 120);
	host_set_gives(&t, fd, HO_SOL_TCP, HO_TCP_LINGER2, 0, 0);
	lab_expect(host_get(&t, fd, HO_SOL_TCP, HO_TCP_LINGER2), 60);
	assert_int_equal(ho_sock_setopt(t.l.s, fd, HO_SOL_TCP, HO_TCP_CONGESTION, "", 0), -EINVAL);
	assert_int_equal(ho_sock_setopt(t.l.s, fd, HO_SOL_TCP, HO_TCP_CONGESTION, "", 1), -ENOENT);
	tcp_lab_close(&t);
}

static void an_answer_takes_the_ack_along_and_the_next_acks_wait(void **state)
{
	struct talk *k = talk();

	(void)state;
	peer_sends(k, 1, 160);
	host_recv(&k->t, k->fd, 1000, 0, 160);
	host_send(&k->t, k->fd, 20, 0, 20);
	hears(&k->p, "P. 1:21 ack 161");
	says(&k->p, ".");
	for (unsigned i = 0; i < 3; i++) {
		char text[64];

		snprintf(text, sizeof(text), "P. %u:%u", 161 + 10 * i, 171 + 10 * i);
		says(&k->p, text);
		quiet(&k->t);
		host_recv(&k->t, k->fd, 100, 0, 10);
		host_send(&k->t, k->fd, 20, 0, 20);
		snprintf(text, sizeof(text), "P. %u:%u ack %u", 21 + 20 * i, 41 + 20 * i, 171 + 10 * i);
		hears(&k->p, text);
		says(&k->p, ".");
	}
	quiet_until(&k->t, 1000);
	talk_done(k);
}

static void a_read_that_empties_the_queue_sends_the_ack_of_a_second_small_segment(void **state)
{
	struct talk *k = settled(talk());

	(void)state;
	says(&k->p, "P. 161:171");
	says(&k->p, "P. 171:181");
	quiet(&k->t);
	host_recv(&k->t, k->fd, 100, 0, 20);
	hears(&k->p, ". 1 ack 181");
	quiet_until(&k->t, 1000);
	talk_done(k);
}

/* ---- which path data take ---- */

static void data_behind_unread_data_take_the_fast_path_and_are_merged(void **state)
{
	struct talk *k = talk();

	(void)state;
	peer_sends(k, 1, 10);
	counted(&k->t, "TcpInSegs 1 TcpOutSegs 1");
	peer_sends(k, 1, 10);
	counted(&k->t, "TcpInSegs 1 TcpOutSegs 1 TCPHPHits 1 TCPRcvCoalesce 1");
	host_recv(&k->t, k->fd, 20, 0, 20);
	peer_sends(k, 1, 10);
	counted(&k->t, "TcpInSegs 1 TcpOutSegs 1"); /* a complete read gave the reserved memory back */
	talk_done(k);
}

static void full_segments_are_not_merged(void **state)
{
	struct talk *k = talk();

	(void)state;
	peer_sends(k, 10, 1448);
	host_recv(&k->t, k->fd, 20000, 0, 14480);
	counted(&k->t, "TcpInSegs 10 TcpOutSegs 10 TCPHPHits 4");
	talk_done(k);
}

static void an_ack_with_the_window_as_before_takes_the_fast_path(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_send(&k->t, k->fd, 100, 0, 100);
	hears(&k->p, "P. 1:101 ack 1");
	says(&k->p, ".");
	counted(&k->t, "TcpInSegs 1 TcpOutSegs 1 TCPHPAcks 1 TCPOrigDataSent 1 TCPDelivered 1");
	host_send(&k->t, k->fd, 100, 0, 100);
	hears(&k->p, "P. 101:201 ack 1");
	says(&k->p, ". win 60000");
	counted(&k->t, "TcpInSegs 1 TcpOutSegs 1 TCPPureAcks 1 TCPOrigDataSent 1 TCPDelivered 1");
	says(&k->p, ". win 60000");
	counted(&k->t, "TcpInSegs 1 TCPPureAcks 1");
	quiet_until(&k->t, 5000);
	talk_done(k);
}

static void data_that_acknowledge_take_the_fast_path_in_memory_reserved_for_sending(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_send(&k->t, k->fd, 100, 0, 100);
	hears(&k->p, "P. 1:101 ack 1");
	says(&k->p, "P. 1:11");
	hears(&k->p, ". 101 ack 11");
	counted(&k->t, "TcpInSegs 1 TcpOutSegs 2 TCPHPHits 1 TCPHPAcks 1 TCPOrigDataSent 1 TCPDelivered 1");
	host_send(&k->t, k->fd, 100, 0, 100);
	hears(&k->p, "P. 101:201 ack 11");
	says(&k->p, "P. 11:21");
	hears_at(&k->p, 40, ". 201 ack 21");
	counted(&k->t, "TcpInSegs 1 TcpOutSegs 2 DelayedACKs 1 TCPHPHits 1 TCPHPAcks 1 TCPRcvCoalesce 1 "
	               "TCPOrigDataSent 1 TCPDelivered 1");
	talk_done(k);
}

static void without_window_scaling_every_ack_is_a_pure_ack_here(void **state)
{
	struct talk *k = talk(.syn_options = "<mss 1460,sackOK,TS>");

	(void)state;
	host_send(&k->t, k->fd, 100, 0, 100);
	hears(&k->p, "P. 1:101 ack 1 win 65160");
	says(&k->p, ". win 65435");
	host_send(&k->t, k->fd, 100, 0, 100);
	hears(&k->p, "P. 101:201 ack 1");
	says(&k->p, ". win 65335");
	counted(&k->t, "TcpInSegs 2 TcpOutSegs 2 TCPPureAcks 2 TCPOrigDataSent 2 TCPDelivered 2");
	talk_done(k);
}

static void a_timestamp_in_another_place_takes_the_slow_path(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_send(&k->t, k->fd, 100, 0, 100);
	hears(&k->p, "P. 1:101 ack 1");
	says(&k->p, ". <TS,nop,nop>");
	counted(&k->t, "TcpInSegs 1 TcpOutSegs 1 TCPPureAcks 1 TCPOrigDataSent 1 TCPDelivered 1");
	talk_done(k);
}

static void urgent_data_take_the_slow_path(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_set(&k->t, k->fd, HO_SOL_SOCKET, HO_SO_OOBINLINE, 1);
	peer_sends(k, 1, 10);
	marked(&k->t);
	says(&k->p, "PU. 11:21 urg 10");
	hears(&k->p, ". 1 ack 21");
	peer_sends(k, 1, 10);
	counted(&k->t, "TcpInSegs 2 TcpOutSegs 2 TCPRcvCoalesce 2");
	talk_done(k);
}

/* ---- reading ---- */

static void peeked_bytes_stay_and_a_part_can_be_read(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_recv(&k->t, k->fd, 10, 0, -EAGAIN);
	host_polls(&k->t, k->fd, HO_OUT);
	peer_sends(k, 2, 100);
	host_polls(&k->t, k->fd, HO_IN | HO_OUT);
	host_recv(&k->t, k->fd, 1000, HO_MSG_PEEK, 200);
	host_recv(&k->t, k->fd, 30, HO_MSG_PEEK, 30);
	host_recv(&k->t, k->fd, 30, 0, 30);
	host_recv(&k->t, k->fd, 120, HO_MSG_PEEK, 120);
	host_recv(&k->t, k->fd, 120, 0, 120);
	host_recv(&k->t, k->fd, 1000, 0, 50);
	host_recv(&k->t, k->fd, 1000, HO_MSG_PEEK, -EAGAIN);
	host_recv(&k->t, k->fd, 1000, 0, -EAGAIN);
	host_polls(&k->t, k->fd, HO_OUT);
	talk_done(k);
}

static void rcvlowat_holds_the_event_back(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_set(&k->t, k->fd, HO_SOL_SOCKET, HO_SO_RCVLOWAT, 50);
	peer_sends(k, 1, 49);
	host_polls(&k->t, k->fd, HO_OUT);
	peer_sends(k, 1, 1);
	host_polls(&k->t, k->fd, HO_IN | HO_OUT);
	host_recv(&k->t, k->fd, 1000, 0, 50);
	talk_done(k);
}

static void one_read_takes_what_many_segments_brought(void **state)
{
	struct talk *k = talk();

	(void)state;
	peer_sends(k, 20, 1448);
	host_recv(&k->t, k->fd, 1000, 0, 1000);
	host_recv(&k->t, k->fd, 100000, 0, 20 * 1448 - 1000);
	host_info_is(&k->t, k->fd, tcpi_bytes_received, 20 * 1448);
	host_info_is(&k->t, k->fd, tcpi_data_segs_in, 20);
	host_info_is(&k->t, k->fd, tcpi_rcv_mss, 1448);
	talk_done(k);
}

/* ---- when data leave ---- */

static void a_small_segment_waits_for_the_ack_of_another(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_send(&k->t, k->fd, 10, 0, 10);
	hears(&k->p, "P. 1:11 ack 1");
	host_send(&k->t, k->fd, 10, 0, 10);
	host_send(&k->t, k->fd, 10, 0, 10);
	quiet(&k->t);
	host_info_is(&k->t, k->fd, tcpi_notsent_bytes, 20);
	says(&k->p, ".");
	hears(&k->p, "P. 11:31 ack 1");
	quiet(&k->t);
	counted(&k->t, "TcpInSegs 1 TcpOutSegs 2 TCPHPAcks 1 TCPOrigDataSent 2 TCPDelivered 1");
	talk_done(k);
}

static void a_small_segment_behind_full_ones_does_not_wait(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_send(&k->t, k->fd, 1548, 0, 1548);
	hears(&k->p, ". 1:1449");
	hears(&k->p, "P. 1449:1549");
	host_send(&k->t, k->fd, 10, 0, 10);
	quiet(&k->t);
	says(&k->p, ". ack 1449");
	quiet(&k->t);
	says(&k->p, ". ack 1549");
	hears(&k->p, "P. 1549:1559");
	talk_done(k);
}

static void nodelay_sends_at_once_and_what_waited_when_set(void **state)
{
	struct talk *k = talk(.no_probes = true);

	(void)state;
	host_send(&k->t, k->fd, 10, 0, 10);
	hears(&k->p, "P. 1:11");
	host_send(&k->t, k->fd, 10, 0, 10);
	quiet(&k->t);
	host_set(&k->t, k->fd, HO_SOL_TCP, HO_TCP_NODELAY, 1);
	hears(&k->p, "P. 11:21");
	host_send(&k->t, k->fd, 10, 0, 10);
	hears(&k->p, "P. 21:31");
	quiet(&k->t);
	talk_done(k);
}

static void msg_more_waits_for_the_rest(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_send(&k->t, k->fd, 10, HO_MSG_MORE, 10);
	host_send(&k->t, k->fd, 10, HO_MSG_MORE, 10);
	quiet(&k->t);
	host_send(&k->t, k->fd, 10, 0, 10);
	hears(&k->p, "P. 1:31");
	says(&k->p, ".");
	host_send(&k->t, k->fd, 1500, HO_MSG_MORE, 1500);
	hears(&k->p, ". 31:1479");
	quiet(&k->t);
	talk_done(k);
}

static void msg_more_alone_waits_for_the_probe_timer(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_send(&k->t, k->fd, 10, HO_MSG_MORE, 10);
	hears_at(&k->p, 201, "P. 1:11 ack 1");
	says(&k->p, ".");
	quiet_until(&k->t, 5000);
	counted(&k->t, "TcpInSegs 1 TcpOutSegs 1 TCPHPAcks 1 TCPOrigDataSent 1 TCPDelivered 1");
	talk_done(k);
}

static void a_cork_holds_all_but_full_segments(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_set(&k->t, k->fd, HO_SOL_TCP, HO_TCP_CORK, 1);
	host_send(&k->t, k->fd, 1000, 0, 1000);
	quiet(&k->t);
	host_send(&k->t, k->fd, 1000, 0, 1000);
	hears(&k->p, ". 1:1449");
	quiet(&k->t);
	says(&k->p, ".");
	quiet(&k->t);
	host_set(&k->t, k->fd, HO_SOL_TCP, HO_TCP_CORK, 0);
	hears(&k->p, "P. 1449:2001");
	quiet(&k->t);
	talk_done(k);
}

static void a_cork_beats_nodelay(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_set(&k->t, k->fd, HO_SOL_TCP, HO_TCP_NODELAY, 1);
	host_set(&k->t, k->fd, HO_SOL_TCP, HO_TCP_CORK, 1);
	host_send(&k->t, k->fd, 100, 0, 100);
	quiet(&k->t);
	host_set(&k->t, k->fd, HO_SOL_TCP, HO_TCP_CORK, 0);
	hears(&k->p, "P. 1:101");
	talk_done(k);
}

/* Linux over a TUN device: the packet is the reader's at once, nothing waits in a queue; so this is not for replay. */
static void small_writes_wait_while_the_links_queue_holds_one(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_set(&k->t, k->fd, HO_SOL_TCP, HO_TCP_NODELAY, 1);
	for (unsigned i = 0; i < 40; i++)
		host_send(&k->t, k->fd, 10, 0, 10);
	counted(&k->t, "TcpOutSegs 2 TCPAutoCorking 1 TCPOrigDataSent 2");
	hears(&k->p, "P. 1:11");
	hears(&k->p, "P. 11:31"); /* outweighed what was in the queue */
	hears(&k->p, "P. 31:401"); /* waited until that was gone */
	quiet(&k->t);
	host_sysctl(&k->t, "net.ipv4.tcp_autocorking", "0");
	host_send(&k->t, k->fd, 10, 0, 10);
	host_send(&k->t, k->fd, 10, 0, 10);
	hears(&k->p, "P. 401:411");
	hears(&k->p, "P. 411:421");
	counted(&k->t, "TcpOutSegs 3 TCPOrigDataSent 3");
	talk_done(k);
}

static void the_initial_window_is_ten_segments(void **state)
{
	struct talk *k = talk(.no_probes = true);
	char text[64];

	(void)state;
	host_send(&k->t, k->fd, 20 * 1448, 0, 20 * 1448);
	for (uint32_t i = 0; i < 10; i++) {
		snprintf(text, sizeof(text), "%s %u:%u", i % 5 == 4 ? "P." : ".", 1 + i * 1448, 1449 + i * 1448);
		hears(&k->p, text); /* super-frames of half the window, the last packet of each is pushed */
	}
	quiet(&k->t);
	counted(&k->t, "TcpOutSegs 10 TCPOrigDataSent 10");
	says(&k->p, ". ack 2897");
	for (uint32_t i = 10; i < 14; i++) { /* two that were acknowledged, two by slow start */
		snprintf(text, sizeof(text), "%s %u:%u", i == 13 ? "P." : ".", 1 + i * 1448, 1449 + i * 1448);
		hears(&k->p, text);
	}
	quiet(&k->t);
	talk_done(k);
}

static void only_the_last_segment_of_a_write_is_pushed(void **state)
{
	struct talk *k = talk(.no_probes = true);

	(void)state;
	host_send(&k->t, k->fd, 4344, 0, 4344);
	hears(&k->p, ". 1:1449");
	hears(&k->p, ". 1449:2897");
	hears(&k->p, "P. 2897:4345");
	says(&k->p, ".");
	host_send(&k->t, k->fd, 1448, 0, 1448);
	hears(&k->p, "P. 4345:5793");
	talk_done(k);
}

static void half_a_window_of_the_peer_is_pushed_on_the_way(void **state)
{
	struct talk *k = talk(.syn_options = "<mss 1000,sackOK,TS>", .window = 6000, .no_probes = true);

	(void)state;
	host_send(&k->t, k->fd, 8892, 0, 8892); /* 9 segments of 988 */
	hears(&k->p, ". 1:989");
	hears(&k->p, ". 989:1977");
	hears(&k->p, "P. 1977:2965");
	hears(&k->p, ". 2965:3953");
	hears(&k->p, ". 3953:4941");
	hears(&k->p, "P. 4941:5929");
	quiet(&k->t);
	talk_done(k);
}

static void a_link_with_tso_gets_one_super_frame(void **state)
{
	struct talk *k = talk(.lab = {.link_flags = HO_LINK_TSO}, .no_probes = true);
	struct packet *f;

	(void)state;
	host_send(&k->t, k->fd, 5000, 0, 5000);
	f = hears(&k->p, "P. 1:5001 ack 1");
	assert_int_equal(f->gso_size, 1448);
	assert_int_equal(f->gso_segs, 4);
	quiet(&k->t);
	counted(&k->t, "TcpOutSegs 4 TCPOrigDataSent 4");
	says(&k->p, ".");
	counted(&k->t, "TcpInSegs 1 TCPHPAcks 1 TCPDelivered 4");
	host_send(&k->t, k->fd, 2 * 1448, 0, 2 * 1448);
	f = hears(&k->p, "P. 5001:7897");
	assert_int_equal(f->gso_segs, 2);
	says(&k->p, ". ack 6449"); /* half of it */
	counted(&k->t, "TcpInSegs 1 TcpOutSegs 2 TCPHPAcks 1 TCPOrigDataSent 2 TCPDelivered 1");
	host_info_is(&k->t, k->fd, tcpi_unacked, 1);
	talk_done(k);
}

static void a_super_frame_takes_at_most_half_the_congestion_window(void **state)
{
	struct talk *k = talk(.lab = {.link_flags = HO_LINK_TSO}, .no_probes = true);

	(void)state;
	host_send(&k->t, k->fd, 10 * 1448, 0, 10 * 1448);
	hears(&k->p, "P. 1:7241");
	hears(&k->p, "P. 7241:14481");
	quiet(&k->t);
	counted(&k->t, "TcpOutSegs 10 TCPOrigDataSent 10");
	talk_done(k);
}

static void the_mss_is_at_most_half_of_a_small_window(void **state)
{
	struct talk *k = talk(.syn_options = "<mss 1460,sackOK,TS>", .window = 2000);

	(void)state;
	host_info_is(&k->t, k->fd, tcpi_snd_mss, 1000);
	host_send(&k->t, k->fd, 1500, 0, 1500);
	hears(&k->p, ". 1:1001");
	hears(&k->p, "P. 1001:1501");
	talk_done(k);
}

static void after_a_second_of_silence_the_window_starts_anew(void **state)
{
	struct talk *k = talk(.no_probes = true);
	char text[64];

	(void)state;
	for (uint32_t i = 0; i < 4; i++) { /* 10 -> 20 segments, by slow start */
		host_send(&k->t, k->fd, 10 * 1448, 0, 10 * 1448);
		for (uint32_t n = 0; n < 10; n++)
			hears(&k->p, n == 9 || (n == 4 && i == 0) ? "P." : ".");
		snprintf(text, sizeof(text), ". ack %u", 1 + (i + 1) * 14480);
		says(&k->p, text);
		quiet(&k->t);
	}
	host_info_is(&k->t, k->fd, tcpi_snd_cwnd, 20);
	quiet_until(&k->t, 1000);
	host_send(&k->t, k->fd, 10, 0, 10);
	hears(&k->p, "P. 57921:57931");
	host_info_is(&k->t, k->fd, tcpi_snd_cwnd, 10);
	talk_done(k);
}

/* ---- buffers ---- */

static void buffers_are_twice_what_was_asked(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_set(&k->t, k->fd, HO_SOL_SOCKET, HO_SO_RCVBUF, 10000);
	host_has(k, HO_SOL_SOCKET, HO_SO_RCVBUF, 20000);
	host_set(&k->t, k->fd, HO_SOL_SOCKET, HO_SO_RCVBUF, 0);
	host_has(k, HO_SOL_SOCKET, HO_SO_RCVBUF, 2304);
	host_set(&k->t, k->fd, HO_SOL_SOCKET, HO_SO_SNDBUF, 10000);
	host_has(k, HO_SOL_SOCKET, HO_SO_SNDBUF, 20000);
	host_set(&k->t, k->fd, HO_SOL_SOCKET, HO_SO_SNDBUF, 0);
	host_has(k, HO_SOL_SOCKET, HO_SO_SNDBUF, 4608);
	talk_done(k);
}

static void a_new_connection_has_46080_bytes_to_send_and_131072_to_receive(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_has(k, HO_SOL_SOCKET, HO_SO_SNDBUF, 46080);
	host_has(k, HO_SOL_SOCKET, HO_SO_RCVBUF, 131072);
	talk_done(k);
}

static void a_full_send_buffer_takes_nothing_until_a_third_of_it_is_free(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_set(&k->t, k->fd, HO_SOL_SOCKET, HO_SO_SNDBUF, 4000); /* 8000 */
	host_set(&k->t, k->fd, HO_SOL_TCP, HO_TCP_NODELAY, 1);
	for (uint32_t n = 0; n < 2; n++) {
		host_send(&k->t, k->fd, 5000, 0, 5000); /* the last segment may be begun as long as a byte is free */
		for (unsigned i = 0; i < 4; i++)
			hears(&k->p, i < 3 ? "." : "P.");
	}
	host_send(&k->t, k->fd, 100, 0, -EAGAIN);
	host_polls(&k->t, k->fd, 0);
	says(&k->p, ". ack 5001");
	host_polls(&k->t, k->fd, 0);
	says(&k->p, ". ack 10001");
	host_polls(&k->t, k->fd, HO_OUT);
	host_send(&k->t, k->fd, 100, 0, 100);
	hears(&k->p, "P. 10001:10101");
	talk_done(k);
}

static void a_small_receive_buffer_offers_a_small_window(void **state)
{
	struct talk *k = talk(.rcvbuf = 4096);

	(void)state;
	peer_sends(k, 1, 10);
	host_info_is(&k->t, k->fd, tcpi_rcv_wnd, 2896);
	host_has(k, HO_SOL_SOCKET, HO_SO_RCVBUF, 8192);
	talk_done(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_sixteen_segments_are_acknowledged_at_once),
		cmocka_unit_test(one_delayed_ack_serves_two_small_segments),
		cmocka_unit_test(the_second_full_segment_is_acknowledged_at_once_if_the_window_can_move),
		cmocka_unit_test(without_quickack_the_first_segment_waits_40_ms),
		cmocka_unit_test(quickack_set_sends_the_ack_that_waits),
		cmocka_unit_test(an_even_quickack_sends_the_ack_that_waits_and_the_next_acks_wait),
		cmocka_unit_test(options_are_bounded_as_on_linux),
		cmocka_unit_test(an_answer_takes_the_ack_along_and_the_next_acks_wait),
		cmocka_unit_test(a_read_that_empties_the_queue_sends_the_ack_of_a_second_small_segment),
		cmocka_unit_test(data_behind_unread_data_take_the_fast_path_and_are_merged),
		cmocka_unit_test(full_segments_are_not_merged),
		cmocka_unit_test(an_ack_with_the_window_as_before_takes_the_fast_path),
		cmocka_unit_test(data_that_acknowledge_take_the_fast_path_in_memory_reserved_for_sending),
		cmocka_unit_test(without_window_scaling_every_ack_is_a_pure_ack_here),
		cmocka_unit_test(a_timestamp_in_another_place_takes_the_slow_path),
		cmocka_unit_test(urgent_data_take_the_slow_path),
		cmocka_unit_test(peeked_bytes_stay_and_a_part_can_be_read),
		cmocka_unit_test(rcvlowat_holds_the_event_back),
		cmocka_unit_test(one_read_takes_what_many_segments_brought),
		cmocka_unit_test(a_small_segment_waits_for_the_ack_of_another),
		cmocka_unit_test(a_small_segment_behind_full_ones_does_not_wait),
		cmocka_unit_test(nodelay_sends_at_once_and_what_waited_when_set),
		cmocka_unit_test(msg_more_waits_for_the_rest),
		cmocka_unit_test(msg_more_alone_waits_for_the_probe_timer),
		cmocka_unit_test(a_cork_holds_all_but_full_segments),
		cmocka_unit_test(a_cork_beats_nodelay),
		cmocka_unit_test(small_writes_wait_while_the_links_queue_holds_one),
		cmocka_unit_test(the_initial_window_is_ten_segments),
		cmocka_unit_test(only_the_last_segment_of_a_write_is_pushed),
		cmocka_unit_test(half_a_window_of_the_peer_is_pushed_on_the_way),
		cmocka_unit_test(a_link_with_tso_gets_one_super_frame),
		cmocka_unit_test(a_super_frame_takes_at_most_half_the_congestion_window),
		cmocka_unit_test(the_mss_is_at_most_half_of_a_small_window),
		cmocka_unit_test(after_a_second_of_silence_the_window_starts_anew),
		cmocka_unit_test(buffers_are_twice_what_was_asked),
		cmocka_unit_test(a_new_connection_has_46080_bytes_to_send_and_131072_to_receive),
		cmocka_unit_test(a_full_send_buffer_takes_nothing_until_a_third_of_it_is_free),
		cmocka_unit_test(a_small_receive_buffer_offers_a_small_window),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
