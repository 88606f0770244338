/* SPDX-License-Identifier: MIT
 * TIME-WAIT and FIN-WAIT-2 buckets: what makes them, what they answer, what ends them, which SYN takes their place. */
#include "tcp_talk.h"

static void gone(struct talk *k)
{
	says(&k->p, ". 77 ack 55");
	hears(&k->p, "R 55 win 0 <>");
	quiet(&k->t);
}

static void still_there(struct talk *k)
{
	says(&k->p, "P. 70:77 ack 2");
	hears(&k->p, ". 2 ack 2");
	quiet(&k->t);
}

/* The only bucket goes at this time: to the millisecond, which Linux's timers are not; they are up to an eighth late. */
static void bucket_goes_at(struct talk *k, uint64_t ms)
{
	lab_run(&k->t.l, ms - 1);
	assert_int_equal(k->t.l.s->timewait_count, 1);
	lab_run(&k->t.l, ms);
	assert_int_equal(k->t.l.s->timewait_count, 0);
	quiet_until(&k->t, ms + ms / 8);
	counted(&k->t, "");
	gone(k);
}

/* ---- 60 seconds ---- */

static void time_wait_lasts_60_seconds(void **state)
{
	struct talk *k = talk();

	(void)state;
	time_waits(k);
	bucket_goes_at(k, 60000);
	talk_done(k);
}

static void an_ack_or_a_fin_again_begins_the_60_seconds_anew(void **state)
{
	struct talk *k = talk();

	(void)state;
	time_waits(k);
	lab_at(&k->t, 50000);
	says(&k->p, ". 2 ack 2");
	quiet_until(&k->t, 100000);
	says(&k->p, "F. 1 ack 2");
	hears(&k->p, ". 2 ack 2");
	quiet_until(&k->t, 159999);
	still_there(k); /* and that begins it anew, too */
	marked(&k->t);
	bucket_goes_at(k, 219999);
	talk_done(k);
}

static void the_bucket_forgets_the_descriptor(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_shutdown(&k->t, k->fd, HO_SHUT_WR, 0);
	hears(&k->p, "F. 1 ack 1");
	says(&k->p, "F. 1 ack 2");
	hears(&k->p, ". 2 ack 2");
	counted(&k->t, "TcpInSegs 1 TcpOutSegs 2 TcpCurrEstab -1 TW 1 TCPOrigDataSent 1 TCPDelivered 1");
	host_state(&k->t, k->fd, HO_CLOSE);
	host_close(&k->t, k->fd);
	still_there(k);
	talk_done(k);
}

static void too_many_buckets_are_none(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_sysctl(&k->t, "net.ipv4.tcp_max_tw_buckets", "0");
	host_close(&k->t, k->fd);
	hears(&k->p, "F. 1 ack 1");
	says(&k->p, "F. 1 ack 2");
	hears(&k->p, ". 2 ack 2");
	counted(&k->t, "TcpInSegs 1 TcpOutSegs 2 TcpCurrEstab -1 TCPTimeWaitOverflow 1 TCPOrigDataSent 1 "
	               "TCPDelivered 1");
	gone(k);
	talk_done(k);
}

static void the_second_bucket_is_too_many_if_one_is_allowed(void **state)
{
	struct talk *k = talk();
	struct peer q = peer_of(&k->t, 2);
	int fd = host_accepted(&k->t, k->lfd, &q);

	(void)state;
	host_sysctl(&k->t, "net.ipv4.tcp_max_tw_buckets", "1");
	time_waits(k);
	host_close(&k->t, fd);
	hears(&q, "F. 1 ack 1");
	says(&q, ". 1 ack 2");
	counted(&k->t, "TcpInSegs 1 TcpOutSegs 1 TcpCurrEstab -1 TCPPureAcks 1 TCPTimeWaitOverflow 1 TCPOrigDataSent 1 "
	               "TCPDelivered 1");
	says(&q, "F. 1 ack 2");
	hears(&q, "R 2");
	still_there(k);
	talk_done(k);
}

/* ---- what TIME-WAIT answers ---- */

static void what_is_out_of_window_gets_an_ack_and_a_loop_of_acks_none(void **state)
{
	struct talk *k = talk();

	(void)state;
	time_waits(k);
	says(&k->p, ". 1 ack 2");
	hears(&k->p, ". 2 ack 2 win 64 <TS>");
	counted(&k->t, "TcpInSegs 1 TcpOutSegs 1");
	says(&k->p, ". 1 ack 2");
	quiet(&k->t);
	counted(&k->t, "TcpInSegs 1 TCPACKSkippedTimeWait 1");
	says(&k->p, "P. 1:2 ack 2");
	hears(&k->p, ". 2 ack 2");
	says(&k->p, "F. 1 ack 2");
	hears(&k->p, ". 2 ack 2");
	counted(&k->t, "TcpInSegs 2 TcpOutSegs 2");
	lab_at(&k->t, 550);
	says(&k->p, ". 1 ack 2");
	hears(&k->p, ". 2 ack 2");
	talk_done(k);
}

static void a_rst_ends_it_only_with_the_right_number(void **state)
{
	struct talk *k = talk();

	(void)state;
	time_waits(k);
	says(&k->p, "R 1");
	says(&k->p, "R 3");
	quiet(&k->t);
	still_there(k);
	says(&k->p, "R 2");
	gone(k);
	counted(&k->t, "TcpInSegs 5 TcpOutSegs 2 TcpOutRsts 1");
	talk_done(k);
}

static void rfc1337_protects_it_from_rsts(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_sysctl(&k->t, "net.ipv4.tcp_rfc1337", "1");
	time_waits(k);
	says(&k->p, "R 2");
	quiet(&k->t);
	still_there(k);
	talk_done(k);
}

static void an_old_timestamp_is_counted_and_answered(void **state)
{
	struct talk *k = talk();

	(void)state;
	time_waits(k);
	lab_at(&k->t, 100);
	says(&k->p, ". 2 ack 2");
	says(&k->p, ". 2 ack 2 <nop,nop,TS -50>");
	hears(&k->p, ". 2 ack 2");
	counted(&k->t, "TcpInSegs 2 TcpOutSegs 1 PAWSTimewait 1");
	says(&k->p, ". 2 ack 2 <nop,nop,TS -50>");
	quiet(&k->t);
	counted(&k->t, "TcpInSegs 1 PAWSTimewait 1 TCPACKSkippedTimeWait 1");
	says(&k->p, "P. 2:10 ack 2 <nop,nop,TS -50>");
	hears(&k->p, ". 2 ack 2");
	counted(&k->t, "TcpInSegs 1 TcpOutSegs 1 PAWSTimewait 1");
	talk_done(k);
}

static void not_even_a_tick_older_will_do(void **state)
{
	struct talk *k = talk();

	(void)state;
	time_waits(k);
	lab_at(&k->t, 100);
	says(&k->p, ". 2 ack 2 <nop,nop,TS 1000>");
	says(&k->p, ". 2 ack 2 <nop,nop,TS 1000>");
	quiet(&k->t);
	says(&k->p, "R 2 <nop,nop,TS 900>");
	quiet(&k->t);
	counted(&k->t, "TcpInSegs 3 PAWSTimewait 1");
	still_there(k);
	talk_done(k);
}

static void rfc1337_believes_the_timestamp_of_a_rst(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_sysctl(&k->t, "net.ipv4.tcp_rfc1337", "1");
	time_waits(k);
	lab_at(&k->t, 100);
	says(&k->p, "R 2 <nop,nop,TS 1000>");
	says(&k->p, ". 2 ack 2 <nop,nop,TS 900>");
	hears(&k->p, ". 2 ack 2");
	counted(&k->t, "TcpInSegs 2 TcpOutSegs 1 PAWSTimewait 1");
	talk_done(k);
}

static void a_rst_does_not_begin_the_60_seconds_anew(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_sysctl(&k->t, "net.ipv4.tcp_rfc1337", "1");
	time_waits(k);
	lab_at(&k->t, 30000);
	says(&k->p, "R 2");
	says(&k->p, "R 1");
	quiet(&k->t);
	marked(&k->t);
	bucket_goes_at(k, 60000);
	talk_done(k);
}

static void an_old_syn_is_answered_now_and_then_and_changes_nothing(void **state)
{
	struct talk *k = talk();

	(void)state;
	time_waits(k);
	lab_at(&k->t, 30000);
	says(&k->p, "S 0 <mss 1460,sackOK,nop,nop,nop,wscale 7>");
	hears(&k->p, ". 2 ack 2");
	says(&k->p, "S 0 <mss 1460,sackOK,nop,nop,nop,wscale 7>");
	quiet(&k->t);
	counted(&k->t, "TcpInSegs 2 TcpOutSegs 1 TCPACKSkippedTimeWait 1");
	bucket_goes_at(k, 60000);
	talk_done(k);
}

static void a_syn_with_an_ack_or_a_rst_begins_nothing(void **state)
{
	struct talk *k = talk();

	(void)state;
	time_waits(k);
	says(&k->p, "S. 5000 ack 2");
	hears(&k->p, ". 2 ack 2");
	says(&k->p, "SR 5000");
	quiet(&k->t);
	says(&k->p, "S. 5000 ack 2");
	quiet(&k->t);
	counted(&k->t, "TcpInSegs 3 TcpOutSegs 1 TCPACKSkippedTimeWait 1");
	host_queues(&k->t, k->lfd, 0, 0);
	talk_done(k);
}

static void without_a_rate_limit_every_old_ack_is_answered(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_sysctl(&k->t, "net.ipv4.tcp_invalid_ratelimit", "0");
	time_waits(k);
	for (int i = 0; i < 3; i++) {
		says(&k->p, ". 1 ack 2");
		hears(&k->p, ". 2 ack 2");
	}
	counted(&k->t, "TcpInSegs 3 TcpOutSegs 3");
	talk_done(k);
}

static void the_rate_limit_of_the_connection_is_forgotten(void **state)
{
	struct talk *k = talk();

	(void)state;
	says(&k->p, ". 0 ack 1");
	hears(&k->p, ". 1 ack 1");
	says(&k->p, ". 0 ack 1");
	quiet(&k->t);
	time_waits(k);
	says(&k->p, ". 1 ack 2");
	hears(&k->p, ". 2 ack 2");
	counted(&k->t, "TcpInSegs 1 TcpOutSegs 1");
	talk_done(k);
}

static void fins_that_cross_end_in_time_wait(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_close(&k->t, k->fd);
	hears(&k->p, "F. 1 ack 1");
	says(&k->p, "F. 1 ack 1");
	hears(&k->p, ". 2 ack 2");
	marked(&k->t);
	says(&k->p, ". 2 ack 2");
	quiet(&k->t);
	counted(&k->t, "TcpInSegs 1 TW 1 TCPPureAcks 1 TCPDelivered 1");
	bucket_goes_at(k, 60000);
	talk_done(k);
}

/* ---- a new connection takes its place ---- */

static void a_syn_with_a_higher_number_begins_a_new_connection(void **state)
{
	struct talk *k = talk();

	(void)state;
	time_waits(k);
	says(&k->p, "S 3");
	hears(&k->p, "S. 65539 ack 4"); /* two and 64 KiB beyond what we said last */
	says(&k->p, ". 4 ack 65540");
	k->fd = host_accept(&k->t, k->lfd);
	host_state(&k->t, k->fd, HO_ESTABLISHED);
	counted(&k->t, "TcpInSegs 2 TcpOutSegs 1 TcpPassiveOpens 1 TcpCurrEstab 1 TCPPureAcks 1");
	talk_done(k);
}

static void a_syn_with_a_lower_number_needs_a_newer_timestamp(void **state)
{
	struct talk *k = talk();

	(void)state;
	time_waits(k);
	lab_at(&k->t, 100);
	says(&k->p, "S -500 <mss 1460,sackOK,nop,nop,nop,wscale 7>");
	hears(&k->p, ". 2 ack 2");
	says(&k->p, "S -500 <mss 1460,sackOK,TS -20,nop,wscale 7>");
	hears(&k->p, "S. 65539 ack -499");
	counted(&k->t, "TcpInSegs 2 TcpOutSegs 2");
	host_queues(&k->t, k->lfd, 1, 0);
	talk_done(k);
}

static void a_syn_with_an_older_timestamp_is_an_old_one(void **state)
{
	struct talk *k = talk();

	(void)state;
	time_waits(k);
	says(&k->p, "S 5000 <mss 1460,sackOK,TS -10,nop,wscale 7>");
	hears(&k->p, ". 2 ack 2");
	counted(&k->t, "TcpInSegs 1 TcpOutSegs 1 PAWSTimewait 1");
	host_queues(&k->t, k->lfd, 0, 0);
	talk_done(k);
}

static void without_timestamps_only_the_number_counts(void **state)
{
	struct talk *k = talk(.syn_options = "<mss 1460,sackOK,nop,wscale 7>", .plain = true);

	(void)state;
	time_waits(k);
	says(&k->p, "S 1 <mss 1460,TS 9000,sackOK,nop,wscale 7>");
	hears(&k->p, ". 2 ack 2 <>");
	counted(&k->t, "TcpInSegs 1 TcpOutSegs 1");
	says(&k->p, "S 3");
	hears(&k->p, "S. 65539 ack 4");
	talk_done(k);
}

static void without_a_listener_a_new_syn_only_gets_acks(void **state)
{
	struct talk *k = talk();

	(void)state;
	time_waits(k);
	host_close(&k->t, k->lfd);
	says(&k->p, "S 5000");
	hears(&k->p, ". 2 ack 2");
	says(&k->p, "S 5000");
	hears(&k->p, ". 2 ack 2");
	counted(&k->t, "TcpInSegs 2 TcpOutSegs 2");
	talk_done(k);
}

static void the_new_connection_passes_a_full_syn_queue(void **state)
{
	struct talk *k = talk();
	struct peer q = peer_of(&k->t, 2), r = peer_of(&k->t, 3);

	(void)state;
	host_sysctl(&k->t, "net.ipv4.tcp_syncookies", "0");
	host_backlog(&k->t, k->lfd, 0);
	time_waits(k);
	says(&q, "S");
	hears(&q, "S. 0 ack 1");
	says(&r, "S");
	quiet(&k->t);
	counted(&k->t, "TcpInSegs 2 TcpOutSegs 1 ListenDrops 1 TCPReqQFullDrop 1");
	says(&k->p, "S 3");
	hears(&k->p, "S. 65539 ack 4");
	host_queues(&k->t, k->lfd, 2, 0);
	counted(&k->t, "TcpInSegs 1 TcpOutSegs 1");
	talk_done(k);
}

static void a_full_accept_queue_costs_the_new_syn_and_the_bucket(void **state)
{
	struct talk *k = talk();
	struct peer q = peer_of(&k->t, 2);

	(void)state;
	host_backlog(&k->t, k->lfd, 0);
	peer_handshake(&q);
	time_waits(k);
	says(&k->p, "S 3");
	quiet(&k->t);
	counted(&k->t, "TcpInSegs 1 ListenOverflows 1 ListenDrops 1");
	gone(k);
	talk_done(k);
}

/* ---- FIN-WAIT-2 ---- */

static void an_orphan_in_fin_wait_2_is_a_bucket_for_60_seconds(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_close(&k->t, k->fd);
	hears(&k->p, "F. 1 ack 1");
	marked(&k->t);
	says(&k->p, ". 1 ack 2");
	counted(&k->t, "TcpInSegs 1 TW 1 TCPPureAcks 1 TCPDelivered 1");
	bucket_goes_at(k, 60000);
	talk_done(k);
}

static void close_in_fin_wait_2_makes_a_bucket(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_shutdown(&k->t, k->fd, HO_SHUT_WR, 0);
	hears(&k->p, "F. 1 ack 1");
	says(&k->p, ". 1 ack 2");
	marked(&k->t);
	host_close(&k->t, k->fd);
	counted(&k->t, "TW 1");
	says(&k->p, "F. 1 ack 2");
	hears(&k->p, ". 2 ack 2");
	counted(&k->t, "TcpInSegs 1 TcpOutSegs 1");
	talk_done(k);
}

static void a_short_fin_timeout_counts_tw_killed(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_sysctl(&k->t, "net.ipv4.tcp_fin_timeout", "2");
	host_close(&k->t, k->fd);
	hears(&k->p, "F. 1 ack 1");
	marked(&k->t);
	says(&k->p, ". 1 ack 2");
	counted(&k->t, "TcpInSegs 1 TWKilled 1 TCPPureAcks 1 TCPDelivered 1");
	lab_at(&k->t, 1900);
	says(&k->p, ". 1 ack 2");
	quiet(&k->t);
	lab_at(&k->t, 2200);
	gone(k);
	talk_done(k);
}

static void a_negative_fin_timeout_is_the_shortest(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_sysctl(&k->t, "net.ipv4.tcp_fin_timeout", "-1");
	host_close(&k->t, k->fd);
	hears(&k->p, "F. 1 ack 1");
	says(&k->p, ". 1 ack 2");
	lab_at(&k->t, 500);
	says(&k->p, ". 1 ack 2");
	quiet(&k->t);
	lab_at(&k->t, 1000);
	gone(k);
	talk_done(k);
}

static void linger2_is_a_sockets_own_fin_timeout(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_set(&k->t, k->fd, HO_SOL_TCP, HO_TCP_LINGER2, 1);
	host_close(&k->t, k->fd);
	hears(&k->p, "F. 1 ack 1");
	marked(&k->t);
	says(&k->p, ". 1 ack 2");
	counted(&k->t, "TcpInSegs 1 TWKilled 1 TCPPureAcks 1 TCPDelivered 1");
	lab_at(&k->t, 1200);
	gone(k);
	talk_done(k);
}

/* The rest of it as a socket, the last 60 seconds (of which more than 60 are left) as a bucket. */
static void a_long_fin_timeout_begins_as_a_socket(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_set(&k->t, k->fd, HO_SOL_TCP, HO_TCP_LINGER2, 100);
	host_close(&k->t, k->fd);
	hears(&k->p, "F. 1 ack 1");
	says(&k->p, ". 1 ack 2");
	counted(&k->t, "TcpInSegs 1 TcpOutSegs 1 TcpCurrEstab -1 TCPPureAcks 1 TCPOrigDataSent 1 TCPDelivered 1");
	quiet_until(&k->t, 39999);
	counted(&k->t, "");
	lab_run(&k->t.l, 40000);
	assert_int_equal(k->t.l.s->timewait_count, 1);
	quiet_until(&k->t, 45000);
	counted(&k->t, "TW 1");
	bucket_goes_at(k, 80000);
	talk_done(k);
}

static void their_fin_makes_it_time_wait(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_sysctl(&k->t, "net.ipv4.tcp_fin_timeout", "2");
	fin_wait2_waits(k);
	lab_at(&k->t, 1500);
	says(&k->p, "F. 1 ack 2");
	hears(&k->p, ". 2 ack 2");
	counted(&k->t, "TcpInSegs 1 TcpOutSegs 1");
	lab_at(&k->t, 4000);
	still_there(k);
	talk_done(k);
}

static void data_for_a_fin_wait_2_bucket_gets_a_rst_and_no_abort_counter(void **state)
{
	struct talk *k = talk();

	(void)state;
	fin_wait2_waits(k);
	says(&k->p, "P. 1:11 ack 2");
	hears(&k->p, "R 2 win 0 <>");
	counted(&k->t, "TcpInSegs 1 TcpOutSegs 1 TcpOutRsts 1");
	gone(k);
	talk_done(k);
}

static void data_with_the_fin_gets_a_rst_too(void **state)
{
	struct talk *k = talk();

	(void)state;
	fin_wait2_waits(k);
	says(&k->p, "FP. 1:11 ack 2");
	hears(&k->p, "R 2");
	gone(k);
	talk_done(k);
}

static void a_fin_wait_2_bucket_ignores_duplicate_acks_and_answers_old_segments_now_and_then(void **state)
{
	struct talk *k = talk();

	(void)state;
	fin_wait2_waits(k);
	says(&k->p, ". 1 ack 2");
	says(&k->p, "- 1:5");
	quiet(&k->t);
	counted(&k->t, "TcpInSegs 2");
	says(&k->p, ". 0 ack 2");
	hears(&k->p, ". 2 ack 1 win 64 <TS>");
	says(&k->p, ". 0 ack 2");
	quiet(&k->t);
	counted(&k->t, "TcpInSegs 2 TcpOutSegs 1 TCPACKSkippedFinWait2 1");
	says(&k->p, "P. -9:0 ack 2");
	hears(&k->p, ". 2 ack 1");
	lab_at(&k->t, 100);
	says(&k->p, "F. 1 ack 2 <nop,nop,TS -500>");
	hears(&k->p, ". 2 ack 1");
	counted(&k->t, "TcpInSegs 2 TcpOutSegs 2");
	talk_done(k);
}

static void a_fin_wait_2_bucket_ends_with_a_rst_or_a_syn(void **state)
{
	struct talk *k = talk();
	struct peer q = peer_of(&k->t, 2);
	int fd = host_accepted(&k->t, k->lfd, &q);

	(void)state;
	fin_wait2_waits(k);
	says(&k->p, "R 5000");
	quiet(&k->t);
	gone(k);
	host_close(&k->t, fd);
	hears(&q, "F. 1 ack 1");
	says(&q, ". 1 ack 2");
	says(&q, "S 1");
	hears(&q, "R. ack 2");
	says(&q, "S 1");
	q.ack = 0;
	hears(&q, "S. 0 ack 2");
	talk_done(k);
}

static void a_fin_wait_2_bucket_answers_even_a_rst_out_of_window(void **state)
{
	struct talk *k = talk();

	(void)state;
	fin_wait2_waits(k);
	says(&k->p, "R 0");
	hears(&k->p, ". 2 ack 1");
	says(&k->p, "S -9");
	quiet(&k->t);
	counted(&k->t, "TcpInSegs 2 TcpOutSegs 1 TCPACKSkippedFinWait2 1");
	lab_at(&k->t, 600);
	says(&k->p, "S -9");
	hears(&k->p, ". 2 ack 1");
	talk_done(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(time_wait_lasts_60_seconds),
		cmocka_unit_test(an_ack_or_a_fin_again_begins_the_60_seconds_anew),
		cmocka_unit_test(the_bucket_forgets_the_descriptor),
		cmocka_unit_test(too_many_buckets_are_none),
		cmocka_unit_test(the_second_bucket_is_too_many_if_one_is_allowed),
		cmocka_unit_test(what_is_out_of_window_gets_an_ack_and_a_loop_of_acks_none),
		cmocka_unit_test(a_rst_ends_it_only_with_the_right_number),
		cmocka_unit_test(rfc1337_protects_it_from_rsts),
		cmocka_unit_test(an_old_timestamp_is_counted_and_answered),
		cmocka_unit_test(not_even_a_tick_older_will_do),
		cmocka_unit_test(rfc1337_believes_the_timestamp_of_a_rst),
		cmocka_unit_test(a_rst_does_not_begin_the_60_seconds_anew),
		cmocka_unit_test(an_old_syn_is_answered_now_and_then_and_changes_nothing),
		cmocka_unit_test(a_syn_with_an_ack_or_a_rst_begins_nothing),
		cmocka_unit_test(without_a_rate_limit_every_old_ack_is_answered),
		cmocka_unit_test(the_rate_limit_of_the_connection_is_forgotten),
		cmocka_unit_test(fins_that_cross_end_in_time_wait),
		cmocka_unit_test(a_syn_with_a_higher_number_begins_a_new_connection),
		cmocka_unit_test(a_syn_with_a_lower_number_needs_a_newer_timestamp),
		cmocka_unit_test(a_syn_with_an_older_timestamp_is_an_old_one),
		cmocka_unit_test(without_timestamps_only_the_number_counts),
		cmocka_unit_test(without_a_listener_a_new_syn_only_gets_acks),
		cmocka_unit_test(the_new_connection_passes_a_full_syn_queue),
		cmocka_unit_test(a_full_accept_queue_costs_the_new_syn_and_the_bucket),
		cmocka_unit_test(an_orphan_in_fin_wait_2_is_a_bucket_for_60_seconds),
		cmocka_unit_test(close_in_fin_wait_2_makes_a_bucket),
		cmocka_unit_test(a_short_fin_timeout_counts_tw_killed),
		cmocka_unit_test(a_negative_fin_timeout_is_the_shortest),
		cmocka_unit_test(linger2_is_a_sockets_own_fin_timeout),
		cmocka_unit_test(a_long_fin_timeout_begins_as_a_socket),
		cmocka_unit_test(their_fin_makes_it_time_wait),
		cmocka_unit_test(data_for_a_fin_wait_2_bucket_gets_a_rst_and_no_abort_counter),
		cmocka_unit_test(data_with_the_fin_gets_a_rst_too),
		cmocka_unit_test(a_fin_wait_2_bucket_ignores_duplicate_acks_and_answers_old_segments_now_and_then),
		cmocka_unit_test(a_fin_wait_2_bucket_ends_with_a_rst_or_a_syn),
		cmocka_unit_test(a_fin_wait_2_bucket_answers_even_a_rst_out_of_window),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
