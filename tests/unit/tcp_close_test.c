/* SPDX-License-Identifier: MIT
 * How a connection ends: FINs in every order, half of a connection, close() that aborts, orphans. */
#include "tcp_talk.h"

#define HANGED_UP (HO_IN | HO_OUT | HO_HUP | HO_RDHUP)

/* Nobody knows the connection any more. */
static void gone(struct talk *k)
{
	says(&k->p, ". 77 ack 55");
	hears(&k->p, "R 55 win 0 <>");
	quiet(&k->t);
}

/* ---- FINs ---- */

static void the_active_end_goes_through_fin_wait_to_time_wait(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_shutdown(&k->t, k->fd, HO_SHUT_WR, 0);
	hears(&k->p, "F. 1 ack 1");
	host_state(&k->t, k->fd, HO_FIN_WAIT1);
	counted(&k->t, "TcpOutSegs 1 TcpCurrEstab -1 TCPOrigDataSent 1");
	says(&k->p, ". 1 ack 2");
	host_state(&k->t, k->fd, HO_FIN_WAIT2);
	counted(&k->t, "TcpInSegs 1 TCPPureAcks 1 TCPDelivered 1");
	host_polls(&k->t, k->fd, HO_OUT);
	says(&k->p, "F. 1 ack 2");
	hears(&k->p, ". 2 ack 2");
	host_state(&k->t, k->fd, HO_CLOSE);
	host_polls(&k->t, k->fd, HANGED_UP);
	host_recv(&k->t, k->fd, 10, 0, 0);
	counted(&k->t, "TcpInSegs 1 TcpOutSegs 1 TW 1");
	talk_done(k);
}

static void the_passive_end_goes_through_close_wait_and_last_ack(void **state)
{
	struct talk *k = talk();

	(void)state;
	says(&k->p, "F. 1 ack 1");
	lab_at(&k->t, 10);
	hears(&k->p, ". 1 ack 2");
	host_state(&k->t, k->fd, HO_CLOSE_WAIT);
	host_polls(&k->t, k->fd, HO_IN | HO_OUT | HO_RDHUP);
	host_recv(&k->t, k->fd, 10, 0, 0);
	counted(&k->t, "TcpInSegs 1 TcpOutSegs 1 DelayedACKs 1");
	host_shutdown(&k->t, k->fd, HO_SHUT_WR, 0);
	hears(&k->p, "F. 1 ack 2");
	host_state(&k->t, k->fd, HO_LAST_ACK);
	counted(&k->t, "TcpOutSegs 1 TcpCurrEstab -1 TCPOrigDataSent 1");
	says(&k->p, ". 2 ack 2");
	host_state(&k->t, k->fd, HO_CLOSE);
	host_polls(&k->t, k->fd, HANGED_UP);
	counted(&k->t, "TcpInSegs 1 TCPPureAcks 1 TCPDelivered 1");
	gone(k);
	talk_done(k);
}

static void a_fin_answered_by_close_is_acknowledged_by_our_fin(void **state)
{
	struct talk *k = talk();

	(void)state;
	says(&k->p, "F. 1:11");
	host_recv(&k->t, k->fd, 100, 0, 10);
	host_close(&k->t, k->fd);
	hears(&k->p, "F. 1 ack 12");
	says(&k->p, ".");
	quiet(&k->t);
	counted(&k->t, "TcpInSegs 2 TcpOutSegs 1 TcpCurrEstab -1 TCPPureAcks 1 TCPOrigDataSent 1 TCPDelivered 1");
	gone(k);
	talk_done(k);
}

static void fins_that_cross_lead_through_closing(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_shutdown(&k->t, k->fd, HO_SHUT_WR, 0);
	hears(&k->p, "F. 1 ack 1");
	says(&k->p, "F. 1 ack 1");
	hears(&k->p, ". 2 ack 2");
	host_state(&k->t, k->fd, HO_CLOSING);
	host_polls(&k->t, k->fd, HANGED_UP);
	says(&k->p, ". 2 ack 2");
	quiet(&k->t);
	host_state(&k->t, k->fd, HO_CLOSE);
	counted(&k->t, "TcpInSegs 2 TcpOutSegs 2 TcpCurrEstab -1 TW 1 TCPPureAcks 1 TCPOrigDataSent 1 TCPDelivered 1");
	talk_done(k);
}

static void a_fin_that_acknowledges_ours_skips_fin_wait_2(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_close(&k->t, k->fd);
	hears(&k->p, "F. 1 ack 1");
	says(&k->p, "F. 1 ack 2");
	hears(&k->p, ". 2 ack 2");
	quiet(&k->t);
	counted(&k->t, "TcpInSegs 1 TcpOutSegs 2 TcpCurrEstab -1 TW 1 TCPOrigDataSent 1 TCPDelivered 1");
	talk_done(k);
}

static void our_fin_goes_with_the_last_data(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_send(&k->t, k->fd, 5, HO_MSG_MORE, 5);
	quiet(&k->t);
	host_close(&k->t, k->fd);
	hears(&k->p, "F. 1:6 ack 1");
	quiet(&k->t);
	counted(&k->t, "TcpOutSegs 1 TcpCurrEstab -1 TCPOrigDataSent 1");
	says(&k->p, ". 1 ack 7");
	counted(&k->t, "TcpInSegs 1 TW 1 TCPPureAcks 1 TCPDelivered 1");
	talk_done(k);
}

static void a_fin_of_its_own_is_sent_again_with_the_data_before_it(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_send(&k->t, k->fd, 100, 0, 100);
	hears(&k->p, "P. 1:101 ack 1");
	host_close(&k->t, k->fd);
	hears(&k->p, "F. 101 ack 1");
	hears_at(&k->p, 3, "F. 101 ack 1");
	marked(&k->t);
	hears_at(&k->p, 204, "FP. 1:101 ack 1");
	counted(&k->t, "TcpRetransSegs 1 TCPTimeouts 1 TcpTimeoutRehash 1");
	says(&k->p, ". 1 ack 102");
	counted(&k->t, "TcpInSegs 1 TW 1 TCPPureAcks 1 TCPDelivered 1");
	talk_done(k);
}

static void our_fin_waits_for_the_window(void **state)
{
	struct talk *k = talk(.window = 1);

	(void)state;
	host_send(&k->t, k->fd, 200, 0, 200);
	hears(&k->p, "P. 1:129 ack 1");
	host_close(&k->t, k->fd);
	quiet(&k->t);
	says(&k->p, ". 1 ack 129 win 2");
	hears(&k->p, "FP. 129:201 ack 1");
	talk_done(k);
}

static void data_and_fin_of_one_segment_are_both_taken(void **state)
{
	struct talk *k = talk();

	(void)state;
	says(&k->p, "FP. 1:101 ack 1");
	host_state(&k->t, k->fd, HO_CLOSE_WAIT);
	host_recv(&k->t, k->fd, 60, 0, 60);
	host_polls(&k->t, k->fd, HO_IN | HO_OUT | HO_RDHUP);
	host_recv(&k->t, k->fd, 60, 0, 40);
	host_recv(&k->t, k->fd, 60, 0, 0);
	hears_at(&k->p, 40, ". 1 ack 102");
	talk_done(k);
}

static void a_fin_ahead_of_missing_data_waits(void **state)
{
	struct talk *k = talk();

	(void)state;
	says(&k->p, "FP. 101:201 ack 1");
	hears(&k->p, ". 1 ack 1 <TS,sack 101:202>");
	host_state(&k->t, k->fd, HO_ESTABLISHED);
	says(&k->p, "P. 1:101 ack 1");
	host_state(&k->t, k->fd, HO_CLOSE_WAIT);
	hears(&k->p, ". 1 ack 202");
	host_recv(&k->t, k->fd, 1000, 0, 200);
	host_recv(&k->t, k->fd, 1000, 0, 0);
	talk_done(k);
}

static void a_repeated_fin_is_acknowledged_again(void **state)
{
	struct talk *k = talk();

	(void)state;
	says(&k->p, "F. 1 ack 1");
	lab_at(&k->t, 10);
	hears(&k->p, ". 1 ack 2");
	marked(&k->t);
	says(&k->p, "F. 1 ack 1");
	hears(&k->p, ". 1 ack 2 <TS,sack 1:2>");
	counted(&k->t, "TcpInSegs 1 TcpOutSegs 1 DelayedACKLost 1 TCPDSACKOldSent 1");
	host_state(&k->t, k->fd, HO_CLOSE_WAIT);
	talk_done(k);
}

/* ---- half of a connection ---- */

static void data_still_comes_after_our_fin(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_shutdown(&k->t, k->fd, HO_SHUT_WR, 0);
	hears(&k->p, "F. 1 ack 1");
	says(&k->p, "P. 1:101 ack 1");
	hears(&k->p, ". 2 ack 101");
	host_recv(&k->t, k->fd, 1000, 0, 100);
	says(&k->p, "P. 101:201 ack 2");
	hears(&k->p, ". 2 ack 201");
	host_state(&k->t, k->fd, HO_FIN_WAIT2);
	host_recv(&k->t, k->fd, 1000, 0, 100);
	host_send(&k->t, k->fd, 5, 0, -EPIPE);
	says(&k->p, "F. 201 ack 2");
	hears(&k->p, ". 2 ack 202");
	host_recv(&k->t, k->fd, 1000, 0, 0);
	counted(&k->t, "TcpInSegs 3 TcpOutSegs 4 TcpCurrEstab -1 TW 1 TCPOrigDataSent 1 TCPDelivered 1");
	talk_done(k);
}

static void data_still_leaves_after_their_fin(void **state)
{
	struct talk *k = talk();

	(void)state;
	says(&k->p, "F. 1 ack 1");
	lab_at(&k->t, 10);
	hears(&k->p, ". 1 ack 2");
	host_send(&k->t, k->fd, 100, 0, 100);
	hears(&k->p, "P. 1:101 ack 2");
	says(&k->p, ". 2 ack 101");
	host_close(&k->t, k->fd);
	hears(&k->p, "F. 101 ack 2");
	says(&k->p, ". 2 ack 102");
	quiet(&k->t);
	counted(&k->t, "TcpInSegs 3 TcpOutSegs 3 TcpCurrEstab -1 DelayedACKs 1 TCPPureAcks 2 TCPOrigDataSent 2 "
	               "TCPDelivered 2");
	talk_done(k);
}

static void after_shutdown_for_reading_what_comes_can_still_be_read(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_shutdown(&k->t, k->fd, HO_SHUT_RD, 0);
	quiet(&k->t);
	host_polls(&k->t, k->fd, HO_IN | HO_OUT | HO_RDHUP);
	host_recv(&k->t, k->fd, 100, 0, 0);
	says(&k->p, "P. 1:11");
	hears(&k->p, ". 1 ack 11");
	host_recv(&k->t, k->fd, 100, 0, 10);
	host_recv(&k->t, k->fd, 100, 0, 0);
	host_send(&k->t, k->fd, 5, 0, 5);
	hears(&k->p, "P. 1:6 ack 11");
	host_state(&k->t, k->fd, HO_ESTABLISHED);
	talk_done(k);
}

static void data_after_shutdown_of_both_directions_is_answered_with_a_rst(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_shutdown(&k->t, k->fd, HO_SHUT_RDWR, 0);
	hears(&k->p, "F. 1 ack 1");
	says(&k->p, ". 1 ack 2");
	host_state(&k->t, k->fd, HO_FIN_WAIT2);
	marked(&k->t);
	says(&k->p, "P. 1:11");
	hears(&k->p, "R 2 win 0 <>");
	counted(&k->t, "TcpInSegs 1 TcpOutSegs 1 TcpOutRsts 1 TCPAbortOnData 1");
	host_polls(&k->t, k->fd, HANGED_UP | HO_ERR);
	host_recv(&k->t, k->fd, 100, 0, -ECONNRESET);
	host_recv(&k->t, k->fd, 100, 0, 0);
	gone(k);
	talk_done(k);
}

static void shutdown_again_is_nothing_and_without_a_connection_an_error(void **state)
{
	struct talk *k = talk();
	int fd = host_socket(&k->t);

	(void)state;
	host_shutdown(&k->t, fd, HO_SHUT_WR, -ENOTCONN);
	host_shutdown(&k->t, k->fd, 3, -EINVAL);
	host_shutdown(&k->t, k->fd, HO_SHUT_WR, 0);
	hears(&k->p, "F. 1 ack 1");
	host_shutdown(&k->t, k->fd, HO_SHUT_WR, 0);
	quiet(&k->t);
	says(&k->p, "F. 1 ack 2");
	hears(&k->p, ". 2 ack 2");
	host_shutdown(&k->t, k->fd, HO_SHUT_WR, -ENOTCONN);
	talk_done(k);
}

static void a_fin_is_sent_again_with_the_data_before_it(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_send(&k->t, k->fd, 10, 0, 10);
	hears(&k->p, "P. 1:11 ack 1");
	host_shutdown(&k->t, k->fd, HO_SHUT_WR, 0);
	hears(&k->p, "F. 11 ack 1");
	lab_at(&k->t, 60);
	hears(&k->p, "F. 11 ack 1"); /* the loss probe */
	lab_at(&k->t, 350);
	hears(&k->p, "FP. 1:11 ack 1");
	says(&k->p, ". 1 ack 12");
	host_state(&k->t, k->fd, HO_FIN_WAIT2);
	talk_done(k);
}

static void shutdown_without_a_connection_is_an_error_and_yet_done(void **state)
{
	struct tcp_lab t = tcp_lab();
	int fd = host_socket(&t);

	(void)state;
	host_polls(&t, fd, HO_OUT | HO_HUP);
	host_recv(&t, fd, 10, 0, -ENOTCONN);
	host_shutdown(&t, fd, HO_SHUT_RD, -ENOTCONN);
	host_polls(&t, fd, HANGED_UP);
	host_recv(&t, fd, 10, 0, 0);
	host_send(&t, fd, 10, 0, -EPIPE);
	host_error(&t, fd, 0);
	tcp_lab_close(&t);
}

static void a_listener_shut_down_before_has_children_that_end_at_once(void **state)
{
	struct tcp_lab t = tcp_lab();
	struct peer p = peer_of(&t, 1);
	int lfd = host_socket(&t), fd;

	(void)state;
	host_set(&t, lfd, HO_SOL_SOCKET, HO_SO_REUSEADDR, 1);
	host_bind(&t, lfd, LAB_PORT);
	host_shutdown(&t, lfd, HO_SHUT_WR, -ENOTCONN);
	host_backlog(&t, lfd, 1);
	peer_handshake(&p);
	hears(&p, "F. 1 ack 1");
	fd = host_accept(&t, lfd);
	host_state(&t, fd, HO_FIN_WAIT1);
	host_send(&t, fd, 10, 0, -EPIPE);
	says(&p, "P. 1:11 ack 2");
	hears(&p, ". 2 ack 11");
	host_recv(&t, fd, 100, 0, 10);
	tcp_lab_close(&t);
}

static void a_fin_alone_waits_for_a_tick_but_not_for_the_next_segment(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_send(&k->t, k->fd, 10, 0, 10);
	hears(&k->p, "P. 1:11 ack 1");
	says(&k->p, "F. 1 ack 1");
	says(&k->p, ". 2 ack 11");
	hears(&k->p, ". 11 ack 2");
	counted(&k->t, "TcpInSegs 2 TcpOutSegs 2 TCPHPAcks 0 TCPPureAcks 1 TCPOrigDataSent 1 TCPDelivered 1");
	talk_done(k);
}

static void new_data_after_their_fin_is_an_abort_if_it_begins_before_it(void **state)
{
	struct talk *k = talk();

	(void)state;
	says(&k->p, "FP. 1:11 ack 1");
	host_recv(&k->t, k->fd, 100, 0, 10);
	hears_at(&k->p, 40, ". 1 ack 12");
	marked(&k->t);
	says(&k->p, "P. 12:22 ack 1");
	quiet(&k->t);
	counted(&k->t, "TcpInSegs 1");
	says(&k->p, "P. 5:22 ack 1");
	hears(&k->p, "R 1 win 0 <>");
	counted(&k->t, "TcpInSegs 1 TcpOutSegs 1 TcpOutRsts 1 TcpEstabResets 1 TcpCurrEstab -1 TCPAbortOnData 1");
	host_error(&k->t, k->fd, EPIPE);
	talk_done(k);
}

/* ---- close() that aborts ---- */

static void close_with_unread_data_sends_a_rst(void **state)
{
	struct talk *k = talk();

	(void)state;
	says(&k->p, "P. 1:11 ack 1");
	hears(&k->p, ". 1 ack 11");
	host_recv(&k->t, k->fd, 9, 0, 9);
	marked(&k->t);
	host_close(&k->t, k->fd);
	hears(&k->p, "R. 1 ack 11");
	counted(&k->t, "TcpOutSegs 1 TcpOutRsts 1 TcpEstabResets 1 TcpCurrEstab -1 TCPAbortOnClose 1");
	gone(k);
	talk_done(k);
}

static void close_with_only_a_fin_unread_is_polite(void **state)
{
	struct talk *k = talk();

	(void)state;
	says(&k->p, "FP. 1:11 ack 1");
	host_recv(&k->t, k->fd, 10, 0, 10);
	host_close(&k->t, k->fd);
	hears(&k->p, "F. 1 ack 12");
	talk_done(k);
}

static void close_with_unread_data_after_their_fin_sends_a_rst(void **state)
{
	struct talk *k = talk();

	(void)state;
	says(&k->p, "FP. 1:11 ack 1");
	marked(&k->t);
	host_close(&k->t, k->fd);
	hears(&k->p, "R. 1 ack 12");
	counted(&k->t, "TcpOutSegs 1 TcpOutRsts 1 TcpEstabResets 1 TcpCurrEstab -1 TCPAbortOnClose 1");
	talk_done(k);
}

static void linger_zero_sends_a_rst(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_linger(&k->t, k->fd, 0);
	host_close(&k->t, k->fd);
	hears(&k->p, "R. 1 ack 1");
	quiet(&k->t);
	counted(&k->t, "TcpOutSegs 1 TcpOutRsts 1 TcpEstabResets 1 TcpCurrEstab -1 TCPAbortOnData 1");
	gone(k);
	talk_done(k);
}

static void linger_zero_with_data_on_its_way_resets_behind_it(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_linger(&k->t, k->fd, 0);
	host_send(&k->t, k->fd, 100, 0, 100);
	hears(&k->p, "P. 1:101 ack 1");
	host_close(&k->t, k->fd);
	hears(&k->p, "R. 101 ack 1");
	quiet(&k->t);
	counted(&k->t, "TcpOutSegs 2 TcpOutRsts 1 TcpEstabResets 1 TcpCurrEstab -1 TCPAbortOnData 1 TCPOrigDataSent 1");
	talk_done(k);
}

static void linger_zero_with_unread_data_counts_as_that(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_linger(&k->t, k->fd, 0);
	says(&k->p, "P. 1:11 ack 1");
	hears(&k->p, ". 1 ack 11");
	marked(&k->t);
	host_close(&k->t, k->fd);
	hears(&k->p, "R. 1 ack 11");
	counted(&k->t, "TcpOutSegs 1 TcpOutRsts 1 TcpEstabResets 1 TcpCurrEstab -1 TCPAbortOnClose 1");
	talk_done(k);
}

static void linger_zero_after_our_fin_was_acknowledged_still_resets(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_linger(&k->t, k->fd, 0);
	host_shutdown(&k->t, k->fd, HO_SHUT_WR, 0);
	hears(&k->p, "F. 1 ack 1");
	says(&k->p, ". 1 ack 2");
	marked(&k->t);
	host_close(&k->t, k->fd);
	hears(&k->p, "R. 2 ack 1");
	counted(&k->t, "TcpOutSegs 1 TcpOutRsts 1 TCPAbortOnData 1");
	talk_done(k);
}

static void a_linger_time_is_a_polite_end(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_send(&k->t, k->fd, 5, 0, 5);
	hears(&k->p, "P. 1:6 ack 1");
	host_linger(&k->t, k->fd, 1);
	host_close(&k->t, k->fd);
	hears(&k->p, "F. 6 ack 1");
	says(&k->p, "F. 1 ack 7");
	hears(&k->p, ". 7 ack 2");
	counted(&k->t, "TcpInSegs 1 TcpOutSegs 3 TcpCurrEstab -1 TW 1 TCPOrigDataSent 2 TCPDelivered 2");
	talk_done(k);
}

/* ---- orphans ---- */

static void data_for_an_orphan_in_fin_wait_1_aborts(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_close(&k->t, k->fd);
	hears(&k->p, "F. 1 ack 1");
	marked(&k->t);
	says(&k->p, "P. 1:11 ack 1");
	hears(&k->p, "R 1 win 0 <>");
	counted(&k->t, "TcpInSegs 1 TcpOutSegs 1 TcpOutRsts 1 TCPAbortOnData 1");
	gone(k);
	talk_done(k);
}

static void data_with_the_ack_of_an_orphans_fin_aborts(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_close(&k->t, k->fd);
	hears(&k->p, "F. 1 ack 1");
	marked(&k->t);
	says(&k->p, "P. 1:11 ack 2");
	hears(&k->p, "R 2 win 0 <>");
	counted(&k->t, "TcpInSegs 1 TcpOutSegs 1 TcpOutRsts 1 TCPAbortOnData 1 TCPDelivered 1");
	gone(k);
	talk_done(k);
}

static void negative_linger2_aborts_when_the_fin_of_an_orphan_is_acknowledged(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_set(&k->t, k->fd, HO_SOL_TCP, HO_TCP_LINGER2, -1);
	host_close(&k->t, k->fd);
	hears(&k->p, "F. 1 ack 1");
	marked(&k->t);
	says(&k->p, ". 1 ack 2");
	hears(&k->p, "R 2 win 0 <>");
	counted(&k->t, "TcpInSegs 1 TcpOutSegs 1 TcpOutRsts 1 TCPPureAcks 1 TCPAbortOnData 1 TCPDelivered 1");
	gone(k);
	talk_done(k);
}

static void negative_linger2_aborts_a_close_in_fin_wait_2(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_set(&k->t, k->fd, HO_SOL_TCP, HO_TCP_LINGER2, -1);
	host_shutdown(&k->t, k->fd, HO_SHUT_WR, 0);
	hears(&k->p, "F. 1 ack 1");
	says(&k->p, ". 1 ack 2");
	marked(&k->t);
	host_close(&k->t, k->fd);
	hears(&k->p, "R. 2 ack 1");
	counted(&k->t, "TcpOutSegs 1 TcpOutRsts 1 TCPAbortOnLinger 1");
	gone(k);
	talk_done(k);
}

/* TLP at 201 ms, then 402 ms and doubling; tcp_orphan_retries n is time: (2^(n+1) - 1) * 200 ms after the first. */
static void an_orphan_is_given_up_after_orphan_retries(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_sysctl(&k->t, "net.ipv4.tcp_orphan_retries", "1");
	host_close(&k->t, k->fd);
	hears(&k->p, "F. 1 ack 1");
	hears_at(&k->p, 201, "F. 1 ack 1");
	hears_at(&k->p, 402, "F. 1 ack 1");
	hears_at(&k->p, 804, "F. 1 ack 1");
	quiet_until(&k->t, 1607);
	counted(&k->t, "TcpOutSegs 1 TcpRetransSegs 3 TcpCurrEstab -1 TCPLostRetransmit 1 TCPTimeouts 2 "
	               "TCPLossProbes 1 TCPOrigDataSent 1 TcpTimeoutRehash 2");
	quiet_until(&k->t, 1608);
	counted(&k->t, "TCPTimeouts 1 TCPAbortOnTimeout 1");
	gone(k);
	talk_done(k);
}

static void orphan_retries_0_means_8(void **state)
{
	static const unsigned at_ms[] = {201, 402, 804, 1608, 3216, 6432, 12864, 25728, 51456};
	struct talk *k = talk();

	(void)state;
	host_close(&k->t, k->fd);
	hears(&k->p, "F. 1 ack 1");
	for (unsigned i = 0; i < 9; i++)
		hears_at(&k->p, at_ms[i], "F. 1 ack 1");
	quiet_until(&k->t, 102911);
	host_sysctl(&k->t, "net.ipv4.tcp_orphan_retries", "0");
	marked(&k->t);
	quiet_until(&k->t, 102912);
	counted(&k->t, "TCPTimeouts 1 TCPAbortOnTimeout 1");
	gone(k);
	talk_done(k);
}

static void a_rst_that_cannot_leave_is_counted(void **state)
{
	static const struct ho_rule rst_out = {
		.hook = HO_HOOK_OUTPUT, .protocol = IP_PROTO_TCP, .tcp_mask = TCP_RST, .tcp_set = TCP_RST};
	struct talk *k = talk();

	(void)state;
	says(&k->p, "P. 1:11 ack 1");
	hears(&k->p, ". 1 ack 11");
	assert_int_equal(ho_rule_add(k->t.l.s, &rst_out), 0);
	marked(&k->t);
	host_close(&k->t, k->fd);
	quiet(&k->t);
	counted(&k->t, "TcpOutSegs 1 TcpOutRsts 1 TcpEstabResets 1 TcpCurrEstab -1 TCPAbortOnClose 1 TCPAbortFailed 1");
	talk_done(k);
}

/* A FIN ends what there is to report: Linux forgets the D-SACK of the same segment (tcp_fin: tcp_sack_reset). */
static void old_bytes_before_a_fin_are_not_reported(void **state)
{
	struct talk *k = talk();

	(void)state;
	says(&k->p, "P. 1:101");
	hears(&k->p, ". 1 ack 101");
	marked(&k->t);
	says(&k->p, "F. 1:101");
	hears_at(&k->p, 40, ". 1 ack 102 <TS>");
	counted(&k->t, "TcpInSegs 1 TcpOutSegs 1 DelayedACKs 1 TCPDSACKOldSent 1");
	host_state(&k->t, k->fd, HO_CLOSE_WAIT);
	talk_done(k);
}

static void a_socket_that_ended_is_not_counted(void **state)
{
	struct tcp_lab t = tcp_lab();
	int lfd = host_listen(&t, 1);
	struct peer p = peer_of(&t, 1);
	int fd = host_accepted(&t, lfd, &p);
	struct ho_memory m;

	(void)state;
	ho_stack_memory(t.l.s, &m);
	assert_int_equal(m.socks, 2);
	host_linger(&t, fd, 0);
	host_close(&t, fd);
	host_close(&t, lfd);
	ho_stack_memory(t.l.s, &m);
	assert_int_equal(m.socks, 0);
	lab_forget(&t.l);
	tcp_lab_close(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_socket_that_ended_is_not_counted),
		cmocka_unit_test(the_active_end_goes_through_fin_wait_to_time_wait),
		cmocka_unit_test(the_passive_end_goes_through_close_wait_and_last_ack),
		cmocka_unit_test(a_fin_answered_by_close_is_acknowledged_by_our_fin),
		cmocka_unit_test(fins_that_cross_lead_through_closing),
		cmocka_unit_test(old_bytes_before_a_fin_are_not_reported),
		cmocka_unit_test(a_fin_that_acknowledges_ours_skips_fin_wait_2),
		cmocka_unit_test(our_fin_goes_with_the_last_data),
		cmocka_unit_test(a_fin_of_its_own_is_sent_again_with_the_data_before_it),
		cmocka_unit_test(our_fin_waits_for_the_window),
		cmocka_unit_test(data_and_fin_of_one_segment_are_both_taken),
		cmocka_unit_test(a_fin_ahead_of_missing_data_waits),
		cmocka_unit_test(a_repeated_fin_is_acknowledged_again),
		cmocka_unit_test(data_still_comes_after_our_fin),
		cmocka_unit_test(data_still_leaves_after_their_fin),
		cmocka_unit_test(after_shutdown_for_reading_what_comes_can_still_be_read),
		cmocka_unit_test(data_after_shutdown_of_both_directions_is_answered_with_a_rst),
		cmocka_unit_test(shutdown_again_is_nothing_and_without_a_connection_an_error),
		cmocka_unit_test(a_fin_is_sent_again_with_the_data_before_it),
		cmocka_unit_test(shutdown_without_a_connection_is_an_error_and_yet_done),
		cmocka_unit_test(a_listener_shut_down_before_has_children_that_end_at_once),
		cmocka_unit_test(a_fin_alone_waits_for_a_tick_but_not_for_the_next_segment),
		cmocka_unit_test(new_data_after_their_fin_is_an_abort_if_it_begins_before_it),
		cmocka_unit_test(close_with_unread_data_sends_a_rst),
		cmocka_unit_test(close_with_only_a_fin_unread_is_polite),
		cmocka_unit_test(close_with_unread_data_after_their_fin_sends_a_rst),
		cmocka_unit_test(linger_zero_sends_a_rst),
		cmocka_unit_test(linger_zero_with_data_on_its_way_resets_behind_it),
		cmocka_unit_test(linger_zero_with_unread_data_counts_as_that),
		cmocka_unit_test(linger_zero_after_our_fin_was_acknowledged_still_resets),
		cmocka_unit_test(a_linger_time_is_a_polite_end),
		cmocka_unit_test(data_for_an_orphan_in_fin_wait_1_aborts),
		cmocka_unit_test(data_with_the_ack_of_an_orphans_fin_aborts),
		cmocka_unit_test(negative_linger2_aborts_when_the_fin_of_an_orphan_is_acknowledged),
		cmocka_unit_test(negative_linger2_aborts_a_close_in_fin_wait_2),
		cmocka_unit_test(an_orphan_is_given_up_after_orphan_retries),
		cmocka_unit_test(orphan_retries_0_means_8),
		cmocka_unit_test(a_rst_that_cannot_leave_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
