/* SPDX-License-Identifier: MIT
 * Segments out of order, twice, from the past or the future: what is kept, what is said of it, what is not believed. */
#include "tcp_talk.h"

/* ---- the out-of-order queue and SACK ---- */

static void a_gap_is_sacked_and_filled(void **state)
{
	struct talk *k = talk();

	(void)state;
	says(&k->p, "P. 101:201");
	hears(&k->p, ". 1 ack 1 <TS,sack 101:201>");
	counted(&k->t, "TcpInSegs 1 TcpOutSegs 1 TCPOFOQueue 1");
	host_recv(&k->t, k->fd, 1000, 0, -EAGAIN);
	says(&k->p, "P. 1:101");
	hears(&k->p, ". 1 ack 201 <TS>");
	host_recv(&k->t, k->fd, 1000, 0, 200);
	counted(&k->t, "TcpInSegs 1 TcpOutSegs 1");
	talk_done(k);
}

static void small_segments_in_a_row_share_a_buffer_out_of_order_too(void **state)
{
	struct talk *k = talk();

	(void)state;
	says(&k->p, "P. 11:21");
	hears(&k->p, ". 1 ack 1 <TS,sack 11:21>");
	says(&k->p, "P. 21:31");
	hears(&k->p, ". 1 ack 1 <TS,sack 11:31>");
	counted(&k->t, "TcpInSegs 2 TcpOutSegs 2 TCPRcvCoalesce 1 TCPOFOQueue 2");
	says(&k->p, "P. 1:11");
	hears(&k->p, ". 1 ack 31 <TS>");
	counted(&k->t, "TcpInSegs 1 TcpOutSegs 1 TCPRcvCoalesce 1");
	host_recv(&k->t, k->fd, 1000, 0, 30);
	talk_done(k);
}

static void the_newest_block_comes_first_and_three_fit(void **state)
{
	struct talk *k = talk();

	(void)state;
	says(&k->p, "P. 101:201");
	hears(&k->p, ". 1 ack 1 <TS,sack 101:201>");
	says(&k->p, "P. 301:401");
	hears(&k->p, ". 1 ack 1 <TS,sack 301:401 101:201>");
	says(&k->p, "P. 701:801");
	hears(&k->p, ". 1 ack 1 <TS,sack 701:801 301:401 101:201>");
	says(&k->p, "P. 501:601");
	lab_at(&k->t, 1); /* from here on compressed */
	hears(&k->p, ". 1 ack 1 <TS,sack 501:601 701:801 301:401>");
	says(&k->p, "P. 901:1001");
	lab_at(&k->t, 2);
	hears(&k->p, ". 1 ack 1 <TS,sack 901:1001 501:601 701:801>");
	says(&k->p, "P. 401:501"); /* closes the gap between two */
	lab_at(&k->t, 3);
	hears(&k->p, ". 1 ack 1 <TS,sack 301:601 901:1001 701:801>");
	says(&k->p, "P. 1:101");
	hears(&k->p, ". 1 ack 201 <TS,sack 301:601 901:1001 701:801>");
	says(&k->p, "P. 201:301");
	hears(&k->p, ". 1 ack 601 <TS,sack 901:1001 701:801>");
	says(&k->p, "P. 601:901");
	hears(&k->p, ". 1 ack 1001 <TS,sack 701:801>"); /* of what came twice the first run */
	host_recv(&k->t, k->fd, 2000, 0, 1000);
	host_info_is(&k->t, k->fd, tcpi_rcv_ooopack, 6);
	talk_done(k);
}

static void without_timestamps_four_blocks_fit(void **state)
{
	struct talk *k = talk(.syn_options = "<mss 1460,nop,nop,sackOK,nop,wscale 7>", .plain = true);

	(void)state;
	says(&k->p, "P. 101:201");
	says(&k->p, "P. 301:401");
	says(&k->p, "P. 501:601");
	hears(&k->p, ". 1 ack 1 <sack 101:201>");
	hears(&k->p, ". 1 ack 1 <sack 301:401 101:201>");
	hears(&k->p, ". 1 ack 1 <sack 501:601 301:401 101:201>");
	says(&k->p, "P. 701:801");
	lab_at(&k->t, 1);
	hears(&k->p, ". 1 ack 1 <sack 701:801 501:601 301:401 101:201>");
	says(&k->p, "P. 901:1001");
	lab_at(&k->t, 2);
	hears(&k->p, ". 1 ack 1 <sack 901:1001 701:801 501:601 301:401>");
	talk_done(k);
}

static void without_sack_a_gap_gets_bare_duplicate_acks(void **state)
{
	struct talk *k = talk(.syn_options = "<mss 1460,TS,nop,wscale 7>");

	(void)state;
	says(&k->p, "P. 101:201");
	hears(&k->p, ". 1 ack 1 <TS>");
	says(&k->p, "P. 201:301");
	hears(&k->p, ". 1 ack 1 <TS>");
	says(&k->p, "P. 1:101");
	hears(&k->p, ". 1 ack 301 <TS>");
	host_recv(&k->t, k->fd, 1000, 0, 300);
	talk_done(k);
}

static void a_fin_out_of_order_waits_for_its_turn(void **state)
{
	struct talk *k = talk();

	(void)state;
	says(&k->p, "F. 101:201");
	hears(&k->p, ". 1 ack 1 <TS,sack 101:202>");
	host_state(&k->t, k->fd, HO_ESTABLISHED);
	says(&k->p, "P. 1:101");
	hears(&k->p, ". 1 ack 202 <TS>");
	host_state(&k->t, k->fd, HO_CLOSE_WAIT);
	host_recv(&k->t, k->fd, 1000, 0, 200);
	host_recv(&k->t, k->fd, 1000, 0, 0);
	talk_done(k);
}

static void data_sent_meanwhile_carry_the_blocks_and_are_shorter(void **state)
{
	struct talk *k = talk();

	(void)state;
	says(&k->p, "P. 101:201");
	hears(&k->p, ". 1 ack 1 <TS,sack 101:201>");
	host_send(&k->t, k->fd, 2000, 0, 2000);
	hears(&k->p, ". 1:1437 ack 1 <TS,sack 101:201>");
	hears(&k->p, "P. 1437:2001 ack 1 <TS,sack 101:201>");
	talk_done(k);
}

/* ---- what came twice, out of order ---- */

static void a_segment_that_waits_already_is_dropped_and_reported(void **state)
{
	struct talk *k = talk();

	(void)state;
	says(&k->p, "P. 101:201");
	hears(&k->p, ". 1 ack 1 <TS,sack 101:201>");
	says(&k->p, "P. 101:201");
	hears(&k->p, ". 1 ack 1 <TS,sack 101:201 101:201>");
	says(&k->p, "P. 121:141");
	hears(&k->p, ". 1 ack 1 <TS,sack 121:141 101:201>");
	counted(&k->t, "TcpInSegs 3 TcpOutSegs 3 TCPDSACKOfoSent 2 TCPOFOQueue 3 TCPOFOMerge 2");
	talk_done(k);
}

static void a_segment_that_covers_waiting_ones_replaces_them(void **state)
{
	struct talk *k = talk();

	(void)state;
	says(&k->p, "P. 201:301");
	hears(&k->p, ". 1 ack 1 <TS,sack 201:301>");
	says(&k->p, "P. 401:501");
	hears(&k->p, ". 1 ack 1 <TS,sack 401:501 201:301>");
	says(&k->p, "P. 101:601");
	hears(&k->p, ". 1 ack 1 <TS,sack 201:301 101:601>");
	counted(&k->t, "TcpInSegs 3 TcpOutSegs 3 TCPDSACKOfoSent 1 TCPOFOQueue 3 TCPOFOMerge 2");
	says(&k->p, "P. 1:101");
	hears(&k->p, ". 1 ack 601 <TS>");
	host_recv(&k->t, k->fd, 1000, 0, 600);
	talk_done(k);
}

static void a_longer_segment_from_the_same_place_replaces_the_one_that_waits(void **state)
{
	struct talk *k = talk();

	(void)state;
	says(&k->p, "P. 101:201");
	hears(&k->p, ". 1 ack 1 <TS,sack 101:201>");
	says(&k->p, "P. 101:301");
	hears(&k->p, ". 1 ack 1 <TS,sack 101:201 101:301>");
	counted(&k->t, "TcpInSegs 2 TcpOutSegs 2 TCPDSACKOfoSent 1 TCPOFOQueue 2 TCPOFOMerge 1");
	says(&k->p, "P. 1:101");
	hears(&k->p, ". 1 ack 301 <TS>");
	host_recv(&k->t, k->fd, 1000, 0, 300);
	talk_done(k);
}

static void overlaps_on_either_side_are_reported(void **state)
{
	struct talk *k = talk();

	(void)state;
	says(&k->p, "P. 201:301");
	hears(&k->p, ". 1 ack 1 <TS,sack 201:301>");
	says(&k->p, "P. 251:351");
	hears(&k->p, ". 1 ack 1 <TS,sack 251:301 201:351>");
	says(&k->p, "P. 151:251");
	hears(&k->p, ". 1 ack 1 <TS,sack 201:251 151:351>");
	counted(&k->t, "TcpInSegs 3 TcpOutSegs 3 TCPDSACKOfoSent 2 TCPOFOQueue 3");
	says(&k->p, "P. 1:151");
	hears(&k->p, ". 1 ack 351 <TS>");
	host_recv(&k->t, k->fd, 1000, 0, 350);
	talk_done(k);
}

static void the_hole_is_filled_by_more_than_was_missing(void **state)
{
	struct talk *k = talk();

	(void)state;
	says(&k->p, "P. 101:201");
	hears(&k->p, ". 1 ack 1 <TS,sack 101:201>");
	says(&k->p, "P. 1:301");
	hears(&k->p, ". 1 ack 301 <TS,sack 101:201>");
	counted(&k->t, "TcpInSegs 2 TcpOutSegs 2 TCPDSACKOldSent 1 TCPOFOQueue 1");
	host_recv(&k->t, k->fd, 1000, 0, 300);
	talk_done(k);
}

static void the_hole_is_filled_by_more_than_was_missing_but_not_all(void **state)
{
	struct talk *k = talk();

	(void)state;
	says(&k->p, "P. 101:301");
	hears(&k->p, ". 1 ack 1 <TS,sack 101:301>");
	says(&k->p, "P. 1:201");
	hears(&k->p, ". 1 ack 301 <TS,sack 101:201>");
	counted(&k->t, "TcpInSegs 2 TcpOutSegs 2 TCPDSACKOldSent 1 TCPOFOQueue 1");
	host_recv(&k->t, k->fd, 1000, 0, 300);
	talk_done(k);
}

static void a_filler_that_spans_two_waiting_segments_reports_the_first(void **state)
{
	struct talk *k = talk();

	(void)state;
	says(&k->p, "P. 101:201");
	hears(&k->p, ". 1 ack 1 <TS,sack 101:201>");
	says(&k->p, "P. 301:401");
	hears(&k->p, ". 1 ack 1 <TS,sack 301:401 101:201>");
	says(&k->p, "P. 1:501");
	hears(&k->p, ". 1 ack 501 <TS,sack 101:201>");
	counted(&k->t, "TcpInSegs 3 TcpOutSegs 3 TCPDSACKOldSent 1 TCPOFOQueue 2");
	host_recv(&k->t, k->fd, 1000, 0, 500);
	talk_done(k);
}

/* ---- what came before ---- */

static void old_data_are_acknowledged_with_a_dsack(void **state)
{
	struct talk *k = talk();

	(void)state;
	peer_sends(k, 1, 100);
	marked(&k->t);
	says(&k->p, "P. 1:101");
	hears(&k->p, ". 1 ack 101 <TS,sack 1:101>");
	counted(&k->t, "TcpInSegs 1 TcpOutSegs 1 DelayedACKLost 1 TCPDSACKOldSent 1");
	talk_done(k);
}

static void partly_old_data_give_a_dsack_and_the_rest(void **state)
{
	struct talk *k = talk();

	(void)state;
	peer_sends(k, 1, 100);
	marked(&k->t);
	says(&k->p, "P. 51:151");
	hears(&k->p, ". 1 ack 151 <TS,sack 51:101>");
	host_recv(&k->t, k->fd, 1000, 0, 150);
	counted(&k->t, "TcpInSegs 1 TcpOutSegs 1 TCPDSACKOldSent 1");
	talk_done(k);
}

static void without_dsack_old_data_get_a_bare_ack(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_sysctl(&k->t, "net.ipv4.tcp_dsack", "0");
	peer_sends(k, 1, 100);
	marked(&k->t);
	says(&k->p, "P. 1:101");
	hears(&k->p, ". 1 ack 101 <TS>");
	counted(&k->t, "TcpInSegs 1 TcpOutSegs 1 DelayedACKLost 1");
	talk_done(k);
}

/* ---- D-SACKs of the peer ---- */

/* One segment of 100 bytes, sent and probed with at 201 ms. */
static struct talk *probed(struct talk *k)
{
	host_send(&k->t, k->fd, 100, 0, 100);
	hears(&k->p, "P. 1:101");
	hears_at(&k->p, 201, "P. 1:101");
	marked(&k->t);
	return k;
}

static void a_dsack_of_what_was_sent_twice_is_believed(void **state)
{
	struct talk *k = probed(talk());

	(void)state;
	says(&k->p, ". ack 101 <nop,nop,TS,nop,nop,sack 1:101>");
	counted(&k->t, "TcpInSegs 1 TCPPureAcks 1 TCPDSACKRecv 1 TCPDSACKIgnoredNoUndo 1 TCPDelivered 2 "
	               "TCPDSACKRecvSegs 1");
	host_info_is(&k->t, k->fd, tcpi_dsack_dups, 1);
	talk_done(k);
}

static void a_dsack_of_what_was_sent_once_is_dubious(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_send(&k->t, k->fd, 100, 0, 100);
	hears(&k->p, "P. 1:101");
	says(&k->p, ".");
	marked(&k->t);
	says(&k->p, ". ack 101 <nop,nop,TS,nop,nop,sack 1:101>");
	counted(&k->t, "TcpInSegs 1 TCPPureAcks 1 TCPDSACKRecv 1 TCPDSACKIgnoredDubious 1");
	talk_done(k);
}

static void a_dsack_within_another_block_is_of_data_not_yet_acknowledged(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_send(&k->t, k->fd, 100, 0, 100);
	hears(&k->p, "P. 1:101");
	says(&k->p, ".");
	marked(&k->t);
	says(&k->p, ". ack 101 <nop,nop,TS,nop,nop,sack 201:301 201:401>");
	counted(&k->t, "TcpInSegs 1 TCPPureAcks 1 TCPDSACKOfoRecv 1 TCPDSACKIgnoredDubious 1");
	talk_done(k);
}

static void a_dsack_from_before_the_loss_is_too_old(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_sysctl(&k->t, "net.ipv4.tcp_early_retrans", "0"); /* no loss probes */
	host_send(&k->t, k->fd, 100, 0, 100);
	hears(&k->p, "P. 1:101");
	hears_at(&k->p, 201, "P. 1:101");
	says(&k->p, ".");
	host_send(&k->t, k->fd, 100, 0, 100);
	hears(&k->p, "P. 101:201");
	hears_at(&k->p, 402, "P. 101:201");
	marked(&k->t);
	says(&k->p, ". ack 101 <nop,nop,TS,nop,nop,sack 1:101>");
	counted(&k->t, "TcpInSegs 1 TCPPureAcks 1 TCPDSACKRecv 1 TCPDSACKIgnoredOld 1 TCPDelivered 1 "
	               "TCPDSACKRecvSegs 1");
	talk_done(k);
}

/* ---- challenges (RFC 5961) ---- */

static void a_rst_must_be_exact_else_it_is_challenged_twice_a_second_at_most(void **state)
{
	struct talk *k = talk();

	(void)state;
	says(&k->p, "R 2");
	hears(&k->p, ". 1 ack 1");
	counted(&k->t, "TcpInSegs 1 TcpOutSegs 1 TCPChallengeACK 1");
	says(&k->p, "R 3");
	quiet(&k->t);
	counted(&k->t, "TcpInSegs 1 TCPACKSkippedChallenge 1");
	lab_at(&k->t, 600);
	says(&k->p, "R 3");
	hears(&k->p, ". 1 ack 1");
	says(&k->p, "R 2000000");
	quiet(&k->t);
	host_state(&k->t, k->fd, HO_ESTABLISHED);
	says(&k->p, "R 1");
	quiet(&k->t);
	host_state(&k->t, k->fd, HO_CLOSE);
	host_recv(&k->t, k->fd, 10, 0, -ECONNRESET);
	counted(&k->t, "TcpInSegs 3 TcpOutSegs 1 TcpEstabResets 1 TcpCurrEstab -1 TCPChallengeACK 1");
	talk_done(k);
}

static void a_rst_at_the_end_of_what_was_sacked_is_exact(void **state)
{
	struct talk *k = talk();

	(void)state;
	says(&k->p, "P. 101:201");
	hears(&k->p, ". 1 ack 1 <TS,sack 101:201>");
	says(&k->p, "P. 301:401");
	hears(&k->p, ". 1 ack 1 <TS,sack 301:401 101:201>");
	says(&k->p, "R 201");
	hears(&k->p, ". 1 ack 1");
	says(&k->p, "R 401");
	quiet(&k->t);
	host_state(&k->t, k->fd, HO_CLOSE);
	counted(&k->t, "TcpInSegs 4 TcpOutSegs 3 TcpEstabResets 1 TcpCurrEstab -1 TCPOFOQueue 2 TCPChallengeACK 1");
	talk_done(k);
}

static void a_syn_is_challenged_wherever_it_lies(void **state)
{
	struct talk *k = talk();

	(void)state;
	says(&k->p, "S 1");
	hears(&k->p, ". 1 ack 1");
	counted(&k->t, "TcpInSegs 1 TcpInErrs 1 TcpOutSegs 1 TCPChallengeACK 1 TCPSYNChallenge 1");
	says(&k->p, "S 4000000");
	quiet(&k->t);
	counted(&k->t, "TcpInSegs 1 TcpInErrs 1 TCPSYNChallenge 1 TCPACKSkippedChallenge 1");
	lab_at(&k->t, 600);
	says(&k->p, "S. 0 ack 1");
	hears(&k->p, ". 1 ack 1");
	counted(&k->t, "TcpInSegs 1 TcpInErrs 1 TcpOutSegs 1 TCPChallengeACK 1 TCPSYNChallenge 1");
	host_state(&k->t, k->fd, HO_ESTABLISHED);
	talk_done(k);
}

static void the_stack_as_a_whole_may_have_a_limit_of_challenges(void **state)
{
	struct talk *k = talk();
	struct peer q = peer_of(&k->t, 2);

	(void)state;
	host_sysctl(&k->t, "net.ipv4.tcp_challenge_ack_limit", "1");
	host_accepted(&k->t, k->lfd, &q);
	marked(&k->t);
	says(&k->p, "R 2");
	hears(&k->p, ". 1 ack 1");
	says(&q, "R 2");
	quiet(&k->t);
	counted(&k->t, "TcpInSegs 2 TcpOutSegs 1 TCPChallengeACK 1");
	talk_done(k);
}

static void an_ack_of_the_future_is_challenged_and_its_data_dropped(void **state)
{
	struct talk *k = talk();

	(void)state;
	says(&k->p, ". ack 2");
	hears(&k->p, ". 1 ack 1");
	counted(&k->t, "TcpInSegs 1 TcpOutSegs 1 TCPChallengeACK 1");
	says(&k->p, "P. 1:11 ack 1000");
	quiet(&k->t);
	counted(&k->t, "TcpInSegs 1 TCPACKSkippedChallenge 1");
	host_recv(&k->t, k->fd, 10, 0, -EAGAIN);
	talk_done(k);
}

static void an_ack_from_long_ago_is_challenged_and_a_late_one_ignored(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_send(&k->t, k->fd, 100, 0, 100);
	hears(&k->p, "P. 1:101");
	says(&k->p, ".");
	marked(&k->t);
	says(&k->p, ". 1 ack 51");
	quiet(&k->t);
	counted(&k->t, "TcpInSegs 1");
	says(&k->p, "P. 1:11 ack 51"); /* its data count */
	hears(&k->p, ". 101 ack 11");
	counted(&k->t, "TcpInSegs 1 TcpOutSegs 1");
	says(&k->p, ". ack -10");
	hears(&k->p, ". 101 ack 11");
	counted(&k->t, "TcpInSegs 1 TcpOutSegs 1 TCPChallengeACK 1");
	talk_done(k);
}

static void a_segment_without_ack_is_dropped(void **state)
{
	struct talk *k = talk();

	(void)state;
	says(&k->p, "- 1:11");
	says(&k->p, "P 1:11");
	quiet(&k->t);
	counted(&k->t, "TcpInSegs 2");
	talk_done(k);
}

/* ---- beyond the window, and before it ---- */

static void an_ack_out_of_window_is_answered_twice_a_second_at_most(void **state)
{
	struct talk *k = talk();

	(void)state;
	says(&k->p, ". 2000000");
	hears(&k->p, ". 1 ack 1");
	counted(&k->t, "TcpInSegs 1 TcpOutSegs 1 BeyondWindow 1");
	says(&k->p, ". 2000000");
	says(&k->p, ". -100");
	quiet(&k->t);
	counted(&k->t, "TcpInSegs 2 BeyondWindow 1 TCPACKSkippedSeq 2");
	says(&k->p, "P. 2000000:2000010"); /* data, and a FIN, are always answered */
	hears(&k->p, ". 1 ack 1");
	says(&k->p, "F. 2000000");
	hears(&k->p, ". 1 ack 1");
	counted(&k->t, "TcpInSegs 2 TcpOutSegs 2 BeyondWindow 2");
	lab_at(&k->t, 600);
	says(&k->p, ". -100");
	hears(&k->p, ". 1 ack 1");
	counted(&k->t, "TcpInSegs 1 TcpOutSegs 1");
	talk_done(k);
}

static void the_limit_of_such_answers_can_be_lifted(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_sysctl(&k->t, "net.ipv4.tcp_invalid_ratelimit", "0");
	for (unsigned i = 0; i < 3; i++) {
		says(&k->p, ". 2000000");
		hears(&k->p, ". 1 ack 1");
	}
	counted(&k->t, "TcpInSegs 3 TcpOutSegs 3 BeyondWindow 3");
	talk_done(k);
}

/* ---- old timestamps (RFC 7323) ---- */

static void data_with_an_old_timestamp_are_dropped_and_answered(void **state)
{
	struct talk *k = talk();

	(void)state;
	says(&k->p, "P. 1:11 <nop,nop,TS -1000>");
	hears(&k->p, ". 1 ack 1");
	says(&k->p, "P. 1:11 <nop,nop,TS -1000>");
	hears(&k->p, ". 1 ack 1");
	counted(&k->t, "TcpInSegs 2 TcpOutSegs 2 PAWSEstab 2");
	says(&k->p, "P. 1:11");
	hears(&k->p, ". 1 ack 11");
	marked(&k->t);
	says(&k->p, "P. 1:11 <nop,nop,TS -1000>"); /* twice old */
	hears(&k->p, ". 1 ack 11 <TS,sack 1:11>");
	counted(&k->t, "TcpInSegs 1 TcpOutSegs 1 PAWSEstab 1 DelayedACKLost 1 TCPDSACKOldSent 1");
	talk_done(k);
}

static void an_ack_with_an_old_timestamp_is_answered_twice_a_second_at_most(void **state)
{
	struct talk *k = talk();

	(void)state;
	says(&k->p, ". 100 <nop,nop,TS -1000>");
	hears(&k->p, ". 1 ack 1");
	counted(&k->t, "TcpInSegs 1 TcpOutSegs 1 PAWSEstab 1");
	says(&k->p, ". 100 <nop,nop,TS -1000>");
	quiet(&k->t);
	counted(&k->t, "TcpInSegs 1 PAWSEstab 1 TCPACKSkippedPAWS 1");
	talk_done(k);
}

static void an_ack_that_was_overtaken_is_not_worth_an_answer(void **state)
{
	struct talk *k = talk();

	(void)state;
	peer_sends(k, 1, 10);
	marked(&k->t);
	says(&k->p, ". 1 <nop,nop,TS -1000>"); /* older than the data */
	quiet(&k->t);
	counted(&k->t, "TcpInSegs 1 PAWSOldAck 1");
	says(&k->p, ".");
	counted(&k->t, "TcpInSegs 1 TCPPureAcks 1");
	says(&k->p, ". 11 <nop,nop,TS -100>"); /* a duplicate from a moment ago: harmless */
	quiet(&k->t);
	counted(&k->t, "TcpInSegs 1 TCPPureAcks 1");
	says(&k->p, ". 11 <nop,nop,TS -1000>");
	hears(&k->p, ". 1 ack 11");
	counted(&k->t, "TcpInSegs 1 TcpOutSegs 1 PAWSEstab 1");
	talk_done(k);
}

static void a_rst_needs_no_fresh_timestamp(void **state)
{
	struct talk *k = talk();

	(void)state;
	says(&k->p, "R 1 <nop,nop,TS -1000>");
	host_state(&k->t, k->fd, HO_CLOSE);
	counted(&k->t, "TcpInSegs 1 TcpEstabResets 1 TcpCurrEstab -1");
	talk_done(k);
}

static void a_syn_with_an_old_timestamp_is_challenged(void **state)
{
	struct talk *k = talk();

	(void)state;
	says(&k->p, "S 1 <mss 1460,sackOK,TS -1000>");
	hears(&k->p, ". 1 ack 1");
	counted(&k->t, "TcpInSegs 1 TcpInErrs 1 TcpOutSegs 1 TCPChallengeACK 1 TCPSYNChallenge 1");
	talk_done(k);
}

static void a_final_ack_must_echo_a_timestamp_of_a_syn_ack(void **state)
{
	struct tcp_lab t = tcp_lab();
	struct peer p = peer_of(&t, 1);
	int lfd = host_listen(&t, 5);

	(void)state;
	says(&p, "S");
	hears(&p, "S. 0 ack 1");
	marked(&t);
	says(&p, ". 1 ack 1 <nop,nop,TS +0 e+5000>");
	hears(&p, ". 1 ack 1");
	counted(&t, "TcpInSegs 1 TcpOutSegs 1 TSEcrRejected 1");
	says(&p, ". 1 ack 1 <nop,nop,TS +0 s+1>");
	says(&p, ". 1 ack 1 <nop,nop,TS +0 s-1>");
	counted(&t, "TcpInSegs 2 TcpExtTCPACKSkippedSynRecv 2 TSEcrRejected 2");
	host_queues(&t, lfd, 1, 0);
	says(&p, ". 1 ack 1 <nop,nop,TS +0 s+0>");
	host_queues(&t, lfd, 0, 1);
	tcp_lab_close(&t);
}

static void a_fin_takes_all_that_waited_out_of_order_and_its_sack_blocks(void **state)
{
	struct talk *k = talk();

	(void)state;
	says(&k->p, "F. 11");
	hears(&k->p, ". 1 ack 1 <TS,sack 11:12>");
	says(&k->p, "F. 21");
	hears(&k->p, ". 1 ack 1 <TS,sack 21:22 11:12>");
	says(&k->p, ". 1:21");
	hears(&k->p, ". 1 ack 22 <TS>");
	quiet(&k->t);
	talk_done(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fin_takes_all_that_waited_out_of_order_and_its_sack_blocks),
		cmocka_unit_test(a_gap_is_sacked_and_filled),
		cmocka_unit_test(small_segments_in_a_row_share_a_buffer_out_of_order_too),
		cmocka_unit_test(the_newest_block_comes_first_and_three_fit),
		cmocka_unit_test(without_timestamps_four_blocks_fit),
		cmocka_unit_test(without_sack_a_gap_gets_bare_duplicate_acks),
		cmocka_unit_test(a_fin_out_of_order_waits_for_its_turn),
		cmocka_unit_test(data_sent_meanwhile_carry_the_blocks_and_are_shorter),
		cmocka_unit_test(a_segment_that_waits_already_is_dropped_and_reported),
		cmocka_unit_test(a_segment_that_covers_waiting_ones_replaces_them),
		cmocka_unit_test(a_longer_segment_from_the_same_place_replaces_the_one_that_waits),
		cmocka_unit_test(overlaps_on_either_side_are_reported),
		cmocka_unit_test(the_hole_is_filled_by_more_than_was_missing),
		cmocka_unit_test(the_hole_is_filled_by_more_than_was_missing_but_not_all),
		cmocka_unit_test(a_filler_that_spans_two_waiting_segments_reports_the_first),
		cmocka_unit_test(old_data_are_acknowledged_with_a_dsack),
		cmocka_unit_test(partly_old_data_give_a_dsack_and_the_rest),
		cmocka_unit_test(without_dsack_old_data_get_a_bare_ack),
		cmocka_unit_test(a_dsack_of_what_was_sent_twice_is_believed),
		cmocka_unit_test(a_dsack_of_what_was_sent_once_is_dubious),
		cmocka_unit_test(a_dsack_within_another_block_is_of_data_not_yet_acknowledged),
		cmocka_unit_test(a_dsack_from_before_the_loss_is_too_old),
		cmocka_unit_test(a_rst_must_be_exact_else_it_is_challenged_twice_a_second_at_most),
		cmocka_unit_test(a_rst_at_the_end_of_what_was_sacked_is_exact),
		cmocka_unit_test(a_syn_is_challenged_wherever_it_lies),
		cmocka_unit_test(the_stack_as_a_whole_may_have_a_limit_of_challenges),
		cmocka_unit_test(an_ack_of_the_future_is_challenged_and_its_data_dropped),
		cmocka_unit_test(an_ack_from_long_ago_is_challenged_and_a_late_one_ignored),
		cmocka_unit_test(a_segment_without_ack_is_dropped),
		cmocka_unit_test(an_ack_out_of_window_is_answered_twice_a_second_at_most),
		cmocka_unit_test(the_limit_of_such_answers_can_be_lifted),
		cmocka_unit_test(data_with_an_old_timestamp_are_dropped_and_answered),
		cmocka_unit_test(an_ack_with_an_old_timestamp_is_answered_twice_a_second_at_most),
		cmocka_unit_test(an_ack_that_was_overtaken_is_not_worth_an_answer),
		cmocka_unit_test(a_rst_needs_no_fresh_timestamp),
		cmocka_unit_test(a_syn_with_an_old_timestamp_is_challenged),
		cmocka_unit_test(a_final_ack_must_echo_a_timestamp_of_a_syn_ack),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
