/* SPDX-License-Identifier: MIT
 * A listener's two queues, its requests, and how they end. */
#include "tcp_lab.h"

#define PEERS 16

/* A lab without cookies and its listener. */
struct listening {
	struct tcp_lab t;
	int lfd;
	struct peer p[PEERS];
};

static struct listening *listening_with(int backlog, const char *test)
{
	struct listening *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->t = tcp_lab_with((struct lab_options){0}, test);
	for (unsigned i = 0; i < PEERS; i++)
		w->p[i] = peer_of(&w->t, i + 1);
	host_sysctl(&w->t, "net.ipv4.tcp_syncookies", "0");
	w->lfd = host_listen(&w->t, backlog);
	return w;
}
#define listening(backlog) listening_with(backlog, __func__)

static void done(struct listening *w)
{
	tcp_lab_close(&w->t);
	free(w);
}

static void syn_answered(struct peer *p)
{
	says(p, "S");
	hears(p, "S. 0 ack 1");
}

/* Connections from peers 0..n-1 into the accept queue. */
static void queue_fill(struct listening *w, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		peer_handshake(&w->p[i]);
	quiet(&w->t);
	marked(&w->t);
}

static int limit_of(struct tcp_lab *t, int lfd)
{
	int limit = (int)host_info(t, lfd).tcpi_sacked;

	say_log(t, "limit %d %d", lfd, limit);
	return limit;
}

/* ---- the accept queue ---- */

static void backlog_n_takes_n_plus_1(int backlog, const char *test)
{
	struct listening *w = listening_with(backlog, test);
	unsigned n = (unsigned)backlog + 1;

	queue_fill(w, n);
	host_queues(&w->t, w->lfd, 0, n);
	says(&w->p[n], "S");
	quiet(&w->t);
	counted(&w->t, "TcpInSegs 1 ListenOverflows 1 ListenDrops 1");
	host_drops(&w->t, w->lfd, 1);
	for (unsigned i = 0; i < n; i++)
		host_accept(&w->t, w->lfd);
	host_accept_gives(&w->t, w->lfd, -EAGAIN);
	done(w);
}

static void backlog_0_takes_one_and_drops_the_next_syn(void **state)
{
	(void)state;
	backlog_n_takes_n_plus_1(0, __func__);
}

static void backlog_1_takes_two_and_drops_the_next_syn(void **state)
{
	(void)state;
	backlog_n_takes_n_plus_1(1, __func__);
}

static void backlog_5_takes_six_and_drops_the_next_syn(void **state)
{
	(void)state;
	backlog_n_takes_n_plus_1(5, __func__);
}

static void a_handshake_counts_passive_opens_at_the_final_ack(void **state)
{
	struct listening *w = listening(5);

	(void)state;
	says(&w->p[0], "S");
	hears(&w->p[0], "S. 0 ack 1 <mss 1460,sackOK,TS,wscale 10>");
	counted(&w->t, "TcpInSegs 1 TcpOutSegs 1");
	host_queues(&w->t, w->lfd, 1, 0);
	host_polls(&w->t, w->lfd, 0);
	says(&w->p[0], ".");
	quiet(&w->t);
	counted(&w->t, "TcpInSegs 1 TcpPassiveOpens 1 TcpCurrEstab 1 TCPPureAcks 1");
	host_queues(&w->t, w->lfd, 0, 1);
	host_polls(&w->t, w->lfd, HO_IN);
	done(w);
}

static void a_negative_or_huge_backlog_means_somaxconn(void **state)
{
	struct listening *w = listening(-1);

	(void)state;
	assert_int_equal(limit_of(&w->t, w->lfd), 4096);
	host_backlog(&w->t, w->lfd, 2147483647);
	assert_int_equal(limit_of(&w->t, w->lfd), 4096);
	host_backlog(&w->t, w->lfd, 7);
	assert_int_equal(limit_of(&w->t, w->lfd), 7);
	done(w);
}

static void somaxconn_acts_at_the_next_listen(void **state)
{
	struct listening *w = listening(100);

	(void)state;
	host_sysctl(&w->t, "net.core.somaxconn", "3");
	assert_int_equal(limit_of(&w->t, w->lfd), 100);
	host_backlog(&w->t, w->lfd, 100);
	assert_int_equal(limit_of(&w->t, w->lfd), 3);
	done(w);
}

static void listen_again_changes_the_limit_and_drops_nothing(void **state)
{
	struct listening *w = listening(3);

	(void)state;
	queue_fill(w, 3);
	host_backlog(&w->t, w->lfd, 0);
	host_queues(&w->t, w->lfd, 0, 3);
	says(&w->p[3], "S");
	quiet(&w->t);
	counted(&w->t, "TcpInSegs 1 ListenOverflows 1 ListenDrops 1");
	host_backlog(&w->t, w->lfd, 3);
	peer_handshake(&w->p[4]);
	host_queues(&w->t, w->lfd, 0, 4);
	for (int i = 0; i < 4; i++)
		host_accept(&w->t, w->lfd);
	done(w);
}

static void connections_are_accepted_in_the_order_in_which_they_finished(void **state)
{
	struct listening *w = listening(5);
	struct ho_endpoint from;

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		syn_answered(&w->p[i]);
	for (unsigned i = 3; i-- > 0;)
		says(&w->p[i], ".");
	for (unsigned i = 3; i-- > 0;) {
		assert_true(ho_sock_accept(w->t.l.s, w->lfd, &from) >= 0);
		assert_int_equal(from.addr, PEER_ADDR);
		assert_int_equal(from.port, w->p[i].port);
	}
	done(w);
}

static void room_after_accept_is_room_for_a_syn(void **state)
{
	struct listening *w = listening(0);

	(void)state;
	queue_fill(w, 1);
	says(&w->p[1], "S");
	quiet(&w->t);
	host_accept(&w->t, w->lfd);
	says(&w->p[1], "S 0");
	hears(&w->p[1], "S. 0 ack 1");
	counted(&w->t, "TcpInSegs 2 TcpOutSegs 1 ListenOverflows 1 ListenDrops 1");
	done(w);
}

/* ---- the SYN queue ---- */

static void a_full_syn_queue_drops_the_next_syn(void **state)
{
	struct listening *w = listening(2);

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		syn_answered(&w->p[i]);
	counted(&w->t, "TcpInSegs 3 TcpOutSegs 3");
	says(&w->p[3], "S");
	quiet(&w->t);
	counted(&w->t, "TcpInSegs 1 TCPReqQFullDrop 1 ListenDrops 1");
	host_queues(&w->t, w->lfd, 3, 0);
	host_drops(&w->t, w->lfd, 1);
	says(&w->p[0], ".");
	says(&w->p[3], "S 0");
	hears(&w->p[3], "S. 0 ack 1");
	done(w);
}

static void syn_backlog_leaves_a_quarter_free(const char *max, unsigned entries, const char *test)
{
	struct listening *w = listening_with(64, test);
	struct ho_listener_info info;
	char expected[100];

	host_sysctl(&w->t, "net.ipv4.tcp_max_syn_backlog", max);
	assert_int_equal(ho_sock_listener_info(w->t.l.s, w->lfd, &info), 0);
	assert_int_equal(info.syn_queue_holds, entries);
	for (unsigned i = 0; i < entries; i++)
		syn_answered(&w->p[i]);
	says(&w->p[entries], "S");
	says(&w->p[entries + 1], "S");
	quiet(&w->t);
	host_queues(&w->t, w->lfd, entries, 0);
	snprintf(expected, sizeof(expected), "TcpInSegs %u TcpOutSegs %u ListenDrops 2", entries + 2, entries);
	counted(&w->t, expected);
	host_drops(&w->t, w->lfd, 2);
	done(w);
}

static void three_quarters_of_max_syn_backlog_are_for_unproven_peers(void **state)
{
	static const struct {
		const char *max;
		unsigned entries;
	} row[] = {{"0", 1}, {"1", 2}, {"2", 3}, {"3", 4}, {"4", 4}, {"5", 5}, {"7", 7}, {"8", 7}, {"10", 9}, {"16", 13},
	           {"-1", 1}, {"-2", 0}, {"-2147483648", 0}};

	(void)state;
	for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		syn_backlog_leaves_a_quarter_free(row[i].max, row[i].entries, __func__);
}

static void a_silent_peer_gets_five_more_syn_acks_and_63_seconds(void **state)
{
	struct listening *w = listening(5);
	static const unsigned at_s[] = {1, 3, 7, 15, 31};

	(void)state;
	syn_answered(&w->p[0]);
	marked(&w->t);
	for (unsigned i = 0; i < 5; i++) {
		hears_at(&w->p[0], at_s[i] * 1000, "S. 0 ack 1 <mss 1460,sackOK,TS,wscale 10>");
		lab_counted(&w->t.l, TcpRetransSegs, i + 1);
	}
	quiet_until(&w->t, 62999);
	host_queues(&w->t, w->lfd, 1, 0);
	quiet_until(&w->t, 63000);
	host_queues(&w->t, w->lfd, 0, 0);
	lab_deltas(&w->t.l, "TcpOutSegs 5 TcpRetransSegs 5 TcpExtTCPTimeouts 6 TcpExtTCPSynRetrans 5 IpOutRequests 5 "
	                    "IpOutTransmits 5 IpExtOutOctets 300");
	done(w);
}

static void synack_retries_and_syncnt_end_it_sooner(void **state)
{
	struct listening *w = listening(5);

	(void)state;
	host_sysctl(&w->t, "net.ipv4.tcp_synack_retries", "2");
	syn_answered(&w->p[0]);
	hears_at(&w->p[0], 1000, "S. 0 ack 1");
	hears_at(&w->p[0], 3000, "S. 0 ack 1");
	quiet_until(&w->t, 7000);
	host_queues(&w->t, w->lfd, 0, 0);
	host_set(&w->t, w->lfd, HO_SOL_TCP, HO_TCP_SYNCNT, 1);
	syn_answered(&w->p[1]);
	hears_at(&w->p[1], 8000, "S. 0 ack 1");
	quiet_until(&w->t, 10000);
	host_queues(&w->t, w->lfd, 0, 0);
	done(w);
}

static void syn_acks_at(struct listening *w, uint64_t ms, unsigned from, unsigned to)
{
	lab_at(&w->t, ms);
	for (unsigned i = from; i < to; i++)
		hears(&w->p[i], "S. 0 ack 1");
	quiet(&w->t);
}

/* More than half of the queue in use: entries that have been retransmitted twice go, until it is half empty. */
static void old_requests_get_fewer_retries_when_the_queue_is_more_than_half_full(void **state)
{
	struct listening *w = listening(8);

	(void)state;
	for (unsigned i = 0; i < 5; i++)
		syn_answered(&w->p[i]);
	lab_at(&w->t, 400);
	for (unsigned i = 5; i < 9; i++)
		syn_answered(&w->p[i]);
	syn_acks_at(w, 1000, 0, 5);
	syn_acks_at(w, 1400, 5, 9);
	syn_acks_at(w, 3000, 0, 5);
	syn_acks_at(w, 3400, 5, 9);
	quiet_until(&w->t, 6999);
	host_queues(&w->t, w->lfd, 9, 0);
	quiet_until(&w->t, 7100);
	host_queues(&w->t, w->lfd, 4, 0);
	syn_acks_at(w, 7400, 5, 9);
	done(w);
}

static void a_duplicate_syn_gets_the_syn_ack_again_twice_a_second_at_most(void **state)
{
	struct listening *w = listening(5);

	(void)state;
	syn_answered(&w->p[0]);
	lab_at(&w->t, 100);
	marked(&w->t);
	says(&w->p[0], "S 0");
	hears(&w->p[0], "S. 0 ack 1 <mss 1460,sackOK,TS,wscale 10>");
	counted(&w->t, "TcpInSegs 1 TcpOutSegs 1 TcpRetransSegs 1 TCPSynRetrans 1");
	host_drops(&w->t, w->lfd, 1);
	lab_at(&w->t, 400);
	says(&w->p[0], "S 0");
	quiet(&w->t);
	counted(&w->t, "TcpInSegs 1 TCPACKSkippedSynRecv 1");
	host_drops(&w->t, w->lfd, 2);
	lab_at(&w->t, 700);
	says(&w->p[0], "S 0");
	hears(&w->p[0], "S. 0 ack 1");
	/* and the timer starts anew each time */
	hears_at(&w->p[0], 1700, "S. 0 ack 1");
	done(w);
}

static void a_duplicate_syn_soon_after_the_timer_is_limited_all_the_same(void **state)
{
	struct listening *w = listening(5);

	(void)state;
	syn_answered(&w->p[0]);
	lab_at(&w->t, 900);
	says(&w->p[0], "S 0");
	hears(&w->p[0], "S. 0 ack 1");
	hears_at(&w->p[0], 1900, "S. 0 ack 1");
	lab_at(&w->t, 2000);
	says(&w->p[0], "S 0"); /* 1.1 s after the last answer: none of the timer's count */
	hears(&w->p[0], "S. 0 ack 1");
	lab_at(&w->t, 2200);
	says(&w->p[0], "S 0");
	quiet(&w->t);
	done(w);
}

/* ---- the final ACK at a full accept queue ---- */

/* Two requests from peers 0 and 1, then peer 0 fills the queue of backlog 0. */
static struct listening *overtaken(const char *test)
{
	struct listening *w = listening_with(0, test);

	syn_answered(&w->p[0]);
	host_backlog(&w->t, w->lfd, 1);
	syn_answered(&w->p[1]);
	host_backlog(&w->t, w->lfd, 0);
	says(&w->p[0], ".");
	quiet(&w->t);
	host_queues(&w->t, w->lfd, 1, 1);
	marked(&w->t);
	return w;
}

static void a_final_ack_at_a_full_accept_queue_leaves_the_request_half_open(void **state)
{
	struct listening *w = overtaken(__func__);

	(void)state;
	says(&w->p[1], ".");
	quiet(&w->t);
	counted(&w->t, "TcpInSegs 1 ListenOverflows 1 ListenDrops 1");
	host_drops(&w->t, w->lfd, 2);
	host_queues(&w->t, w->lfd, 1, 1);
	done(w);
}

static void the_overtaken_request_is_retransmitted_to_and_gone_after_63_seconds(void **state)
{
	struct listening *w = overtaken(__func__);
	static const unsigned at_s[] = {1, 3, 7, 15, 31};

	(void)state;
	says(&w->p[1], ".");
	for (unsigned i = 0; i < 5; i++)
		hears_at(&w->p[1], at_s[i] * 1000, "S. 0 ack 1");
	quiet_until(&w->t, 62000);
	host_queues(&w->t, w->lfd, 1, 1);
	quiet_until(&w->t, 64000);
	host_queues(&w->t, w->lfd, 0, 1);
	counted(&w->t, "TcpInSegs 1 TcpOutSegs 5 TcpRetransSegs 5 ListenOverflows 1 ListenDrops 1 TCPTimeouts 6 "
	               "TCPSynRetrans 5");
	done(w);
}

static void a_later_ack_is_taken_once_there_is_room(void **state)
{
	struct listening *w = overtaken(__func__);

	(void)state;
	says(&w->p[1], ".");
	host_accept(&w->t, w->lfd);
	quiet(&w->t);
	host_queues(&w->t, w->lfd, 1, 0);
	hears_at(&w->p[1], 1000, "S. 0 ack 1");
	marked(&w->t);
	says(&w->p[1], ".");
	quiet(&w->t);
	counted(&w->t, "TcpInSegs 1 TcpPassiveOpens 1 TcpCurrEstab 1 TCPPureAcks 1");
	host_queues(&w->t, w->lfd, 0, 1);
	host_accept(&w->t, w->lfd);
	done(w);
}

static void data_counts_as_a_final_ack_at_a_full_queue_each_time(void **state)
{
	struct listening *w = overtaken(__func__);

	(void)state;
	says(&w->p[1], ".");
	says(&w->p[1], "P. 1:6");
	says(&w->p[1], "P. 1:6");
	quiet(&w->t);
	counted(&w->t, "TcpInSegs 3 ListenOverflows 3 ListenDrops 3");
	host_drops(&w->t, w->lfd, 6);
	host_accept(&w->t, w->lfd);
	says(&w->p[1], "P. 1:6");
	hears(&w->p[1], ". 1 ack 6");
	host_recv(&w->t, host_accept(&w->t, w->lfd), 100, 0, 5);
	done(w);
}

static void abort_on_overflow_answers_the_final_ack_with_a_rst(void **state)
{
	struct listening *w = overtaken(__func__);

	(void)state;
	host_sysctl(&w->t, "net.ipv4.tcp_abort_on_overflow", "1");
	says(&w->p[1], ".");
	hears(&w->p[1], "R 1 win 0 <>");
	quiet(&w->t);
	counted(&w->t, "TcpInSegs 1 TcpOutSegs 1 TcpOutRsts 1 EmbryonicRsts 1 ListenOverflows 1 ListenDrops 1");
	host_drops(&w->t, w->lfd, 2);
	host_queues(&w->t, w->lfd, 0, 1);
	done(w);
}

/* ---- what else may come for a request ---- */

static void a_rst_in_window_ends_a_request(void **state)
{
	struct listening *w = listening(5);

	(void)state;
	syn_answered(&w->p[0]);
	marked(&w->t);
	says(&w->p[0], "R 1");
	quiet(&w->t);
	counted(&w->t, "TcpInSegs 1 TcpAttemptFails 1 EmbryonicRsts 1");
	host_drops(&w->t, w->lfd, 1);
	host_queues(&w->t, w->lfd, 0, 0);
	done(w);
}

static void a_rst_out_of_window_does_nothing(void **state)
{
	struct listening *w = listening(5);

	(void)state;
	syn_answered(&w->p[0]);
	marked(&w->t);
	says(&w->p[0], "R 4000000");
	quiet(&w->t);
	counted(&w->t, "TcpInSegs 1");
	host_drops(&w->t, w->lfd, 1);
	host_queues(&w->t, w->lfd, 1, 0);
	done(w);
}

static void a_syn_in_window_ends_a_request_with_a_rst(void **state)
{
	struct listening *w = listening(5);

	(void)state;
	syn_answered(&w->p[0]);
	marked(&w->t);
	says(&w->p[0], "S 100");
	hears(&w->p[0], "R. ack 101 win 0 <>");
	counted(&w->t, "TcpInSegs 1 TcpOutSegs 1 TcpOutRsts 1 TcpAttemptFails 1 EmbryonicRsts 1");
	host_queues(&w->t, w->lfd, 0, 0);
	done(w);
}

static void an_ack_of_something_else_gets_a_rst_and_the_request_stays(void **state)
{
	struct listening *w = listening(5);

	(void)state;
	syn_answered(&w->p[0]);
	marked(&w->t);
	says(&w->p[0], ". 1 ack 500");
	hears(&w->p[0], "R 500 win 0 <>");
	counted(&w->t, "TcpInSegs 1 TcpOutSegs 1 TcpOutRsts 1");
	host_drops(&w->t, w->lfd, 0);
	host_queues(&w->t, w->lfd, 1, 0);
	says(&w->p[0], ".");
	host_queues(&w->t, w->lfd, 0, 1);
	done(w);
}

static void a_segment_out_of_window_gets_an_ack(void **state)
{
	struct listening *w = listening(5);

	(void)state;
	syn_answered(&w->p[0]);
	marked(&w->t);
	says(&w->p[0], ". 4000000 ack 1");
	hears(&w->p[0], ". 1 ack 1 <TS>");
	counted(&w->t, "TcpInSegs 1 TcpOutSegs 1");
	host_drops(&w->t, w->lfd, 1);
	host_queues(&w->t, w->lfd, 1, 0);
	done(w);
}

static void an_old_timestamp_is_rejected_by_a_request(void **state)
{
	struct listening *w = listening(5);

	(void)state;
	syn_answered(&w->p[0]);
	marked(&w->t);
	says(&w->p[0], ". 1 ack 1 <nop,nop,TS -5000>");
	hears(&w->p[0], ". 1 ack 1 <TS>");
	counted(&w->t, "TcpInSegs 1 TcpOutSegs 1 PAWSEstab 1");
	host_queues(&w->t, w->lfd, 1, 0);
	done(w);
}

static void a_segment_without_ack_is_dropped_by_a_request(void **state)
{
	struct listening *w = listening(5);

	(void)state;
	syn_answered(&w->p[0]);
	marked(&w->t);
	says(&w->p[0], "- 1:5");
	quiet(&w->t);
	counted(&w->t, "TcpInSegs 1");
	host_drops(&w->t, w->lfd, 1);
	done(w);
}

static void data_on_the_final_ack_is_received_and_acknowledged_at_once(void **state)
{
	struct listening *w = listening(5);
	int fd;

	(void)state;
	syn_answered(&w->p[0]);
	says(&w->p[0], "P. 1:101");
	hears(&w->p[0], ". 1 ack 101");
	fd = host_accept(&w->t, w->lfd);
	host_polls(&w->t, fd, HO_IN | HO_OUT);
	host_recv(&w->t, fd, 1000, 0, 100);
	counted(&w->t, "TcpInSegs 2 TcpOutSegs 2 TcpPassiveOpens 1 TcpCurrEstab 1");
	done(w);
}

static void a_fin_on_the_final_ack_is_received(void **state)
{
	struct listening *w = listening(5);
	int fd;

	(void)state;
	syn_answered(&w->p[0]);
	says(&w->p[0], "F. 1:101");
	fd = host_accept(&w->t, w->lfd);
	hears_at(&w->p[0], 40, ". 1 ack 102");
	host_state(&w->t, fd, HO_CLOSE_WAIT);
	host_recv(&w->t, fd, 1000, 0, 100);
	host_recv(&w->t, fd, 1000, 0, 0);
	counted(&w->t, "TcpInSegs 2 TcpOutSegs 2 TcpPassiveOpens 1 TcpCurrEstab 1 DelayedACKs 1");
	done(w);
}

/* ---- segments for the listener itself ---- */

static void a_stray_ack_gets_a_rst_and_others_get_nothing(void **state)
{
	struct listening *w = listening(5);

	(void)state;
	says(&w->p[0], ". 77 ack 1234");
	hears(&w->p[0], "R 1234 win 0 <>");
	counted(&w->t, "TcpInSegs 1 TcpOutSegs 1 TcpOutRsts 1");
	says(&w->p[0], "R 77");
	says(&w->p[0], "- 77");
	says(&w->p[0], "SF 77");
	says(&w->p[0], "F 77");
	quiet(&w->t);
	counted(&w->t, "TcpInSegs 4");
	host_drops(&w->t, w->lfd, 4);
	says(&w->p[0], "SR 77");
	says(&w->p[0], "P 77:80");
	says(&w->p[0], "- 77:80");
	says(&w->p[0], "U 77 urg 4");
	host_drops(&w->t, w->lfd, 8);
	says(&w->p[0], "R. 77 ack 5");
	quiet(&w->t);
	counted(&w->t, "TcpInSegs 5");
	host_drops(&w->t, w->lfd, 8);
	host_queues(&w->t, w->lfd, 0, 0);
	done(w);
}

static void a_syn_without_options_makes_a_plain_connection(void **state)
{
	struct listening *w = listening(5);
	int fd;

	(void)state;
	w->p[0].ts = false;
	says(&w->p[0], "S 0 <>");
	hears(&w->p[0], "S. 0 ack 1 win 64240 <mss 1460>");
	says(&w->p[0], ".");
	fd = host_accept(&w->t, w->lfd);
	host_info_is(&w->t, fd, tcpi_snd_mss, 536);
	says(&w->p[1], "S 0 <mss 1000,wscale 3>");
	hears(&w->p[1], "S. 0 ack 1 win 64240 <mss 1460,wscale 10>");
	says(&w->p[2], "S 0 <mss 1460,TS>");
	hears(&w->p[2], "S. 0 ack 1 win 65160 <mss 1460,TS>");
	says(&w->p[3], "S 0 <mss 1460,sackOK>");
	hears(&w->p[3], "S. 0 ack 1 win 64240 <mss 1460,sackOK>");
	done(w);
}

/* ---- the listener closes ---- */

static void closing_a_listener_resets_what_is_queued(void **state)
{
	struct listening *w = listening(5);

	(void)state;
	queue_fill(w, 2);
	host_close(&w->t, w->lfd);
	hears(&w->p[0], "R. 1 ack 1");
	hears(&w->p[1], "R. 1 ack 1");
	quiet(&w->t);
	counted(&w->t, "TcpOutSegs 2 TcpOutRsts 2 TcpEstabResets 2 TcpCurrEstab -2");
	says(&w->p[2], "S");
	hears(&w->p[2], "R. ack 1");
	done(w);
}

static void a_request_whose_listener_is_gone_dies_in_silence(void **state)
{
	struct listening *w = listening(5);

	(void)state;
	syn_answered(&w->p[0]);
	marked(&w->t);
	host_close(&w->t, w->lfd);
	quiet_until(&w->t, 5000);
	counted(&w->t, "");
	done(w);
}

static void the_final_ack_of_a_request_whose_listener_is_gone_gets_a_rst(void **state)
{
	struct listening *w = listening(5);

	(void)state;
	syn_answered(&w->p[0]);
	host_close(&w->t, w->lfd);
	marked(&w->t);
	says(&w->p[0], ".");
	hears(&w->p[0], "R 1 win 0 <>");
	counted(&w->t, "TcpInSegs 1 TcpOutSegs 1 TcpOutRsts 1");
	done(w);
}

static void a_syn_again_goes_to_the_listener_that_took_the_port(void **state)
{
	struct listening *w = listening(5);
	int second;

	(void)state;
	syn_answered(&w->p[0]);
	host_close(&w->t, w->lfd);
	second = host_listen(&w->t, 5);
	says(&w->p[0], "S 0");
	w->p[0].ack = 0;
	hears(&w->p[0], "S. ack 1");
	host_queues(&w->t, second, 1, 0);
	says(&w->p[0], ".");
	host_queues(&w->t, second, 0, 1);
	done(w);
}

static void a_connection_reset_in_the_accept_queue_is_still_accepted(void **state)
{
	struct listening *w = listening(0);
	int fd;

	(void)state;
	queue_fill(w, 1);
	says(&w->p[0], "R 1");
	counted(&w->t, "TcpInSegs 1 TcpEstabResets 1 TcpCurrEstab -1");
	host_queues(&w->t, w->lfd, 0, 1);
	says(&w->p[1], "S");
	quiet(&w->t);
	counted(&w->t, "TcpInSegs 1 ListenOverflows 1 ListenDrops 1");
	fd = host_accept(&w->t, w->lfd);
	host_recv(&w->t, fd, 10, 0, -ECONNRESET);
	host_recv(&w->t, fd, 10, 0, 0);
	done(w);
}

static void shutdown_for_reading_ends_listening_and_listen_begins_anew(void **state)
{
	struct listening *w = listening(5);

	(void)state;
	queue_fill(w, 1);
	host_shutdown(&w->t, w->lfd, HO_SHUT_RD, 0);
	hears(&w->p[0], "R. 1 ack 1");
	says(&w->p[1], "S");
	hears(&w->p[1], "R. ack 1");
	host_accept_gives(&w->t, w->lfd, -EINVAL);
	host_backlog(&w->t, w->lfd, 5);
	syn_answered(&w->p[2]);
	done(w);
}

static void requests_outlive_a_shutdown_and_go_on_with_the_next_listen(void **state)
{
	struct listening *w = listening(5);

	(void)state;
	syn_answered(&w->p[0]);
	host_shutdown(&w->t, w->lfd, HO_SHUT_RD, 0);
	host_backlog(&w->t, w->lfd, 5);
	host_queues(&w->t, w->lfd, 1, 0);
	says(&w->p[0], ".");
	host_queues(&w->t, w->lfd, 0, 1);
	host_accept(&w->t, w->lfd);
	done(w);
}

static void requests_of_a_socket_that_was_shut_down_and_closed_die_in_silence(void **state)
{
	struct listening *w = listening(5);

	(void)state;
	syn_answered(&w->p[0]);
	syn_answered(&w->p[1]);
	host_shutdown(&w->t, w->lfd, HO_SHUT_RD, 0);
	host_close(&w->t, w->lfd);
	says(&w->p[0], ".");
	hears(&w->p[0], "R 1");
	quiet_until(&w->t, 3000);
	done(w);
}

/* The socket's second life must not end with its first one's requests. */
static void a_listener_that_connects_instead_keeps_its_connection(void **state)
{
	struct listening *w = listening(5);

	(void)state;
	syn_answered(&w->p[0]);
	host_shutdown(&w->t, w->lfd, HO_SHUT_RD, 0);
	w->p[1].host_port = 0;
	host_connect(&w->t, w->lfd, &w->p[1], -EINPROGRESS);
	hears(&w->p[1], "S 0");
	says(&w->p[1], "S.");
	hears(&w->p[1], ". 1 ack 1");
	quiet_until(&w->t, 3000);
	host_state(&w->t, w->lfd, HO_ESTABLISHED);
	host_send(&w->t, w->lfd, 5, 0, 5);
	hears(&w->p[1], "P. 1:6 ack 1");
	done(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(backlog_0_takes_one_and_drops_the_next_syn),
		cmocka_unit_test(backlog_1_takes_two_and_drops_the_next_syn),
		cmocka_unit_test(backlog_5_takes_six_and_drops_the_next_syn),
		cmocka_unit_test(a_handshake_counts_passive_opens_at_the_final_ack),
		cmocka_unit_test(a_negative_or_huge_backlog_means_somaxconn),
		cmocka_unit_test(somaxconn_acts_at_the_next_listen),
		cmocka_unit_test(listen_again_changes_the_limit_and_drops_nothing),
		cmocka_unit_test(connections_are_accepted_in_the_order_in_which_they_finished),
		cmocka_unit_test(room_after_accept_is_room_for_a_syn),
		cmocka_unit_test(a_full_syn_queue_drops_the_next_syn),
		cmocka_unit_test(three_quarters_of_max_syn_backlog_are_for_unproven_peers),
		cmocka_unit_test(a_silent_peer_gets_five_more_syn_acks_and_63_seconds),
		cmocka_unit_test(synack_retries_and_syncnt_end_it_sooner),
		cmocka_unit_test(old_requests_get_fewer_retries_when_the_queue_is_more_than_half_full),
		cmocka_unit_test(a_duplicate_syn_gets_the_syn_ack_again_twice_a_second_at_most),
		cmocka_unit_test(a_duplicate_syn_soon_after_the_timer_is_limited_all_the_same),
		cmocka_unit_test(a_final_ack_at_a_full_accept_queue_leaves_the_request_half_open),
		cmocka_unit_test(the_overtaken_request_is_retransmitted_to_and_gone_after_63_seconds),
		cmocka_unit_test(a_later_ack_is_taken_once_there_is_room),
		cmocka_unit_test(data_counts_as_a_final_ack_at_a_full_queue_each_time),
		cmocka_unit_test(abort_on_overflow_answers_the_final_ack_with_a_rst),
		cmocka_unit_test(a_rst_in_window_ends_a_request),
		cmocka_unit_test(a_rst_out_of_window_does_nothing),
		cmocka_unit_test(a_syn_in_window_ends_a_request_with_a_rst),
		cmocka_unit_test(an_ack_of_something_else_gets_a_rst_and_the_request_stays),
		cmocka_unit_test(a_segment_out_of_window_gets_an_ack),
		cmocka_unit_test(an_old_timestamp_is_rejected_by_a_request),
		cmocka_unit_test(a_segment_without_ack_is_dropped_by_a_request),
		cmocka_unit_test(data_on_the_final_ack_is_received_and_acknowledged_at_once),
		cmocka_unit_test(a_fin_on_the_final_ack_is_received),
		cmocka_unit_test(a_stray_ack_gets_a_rst_and_others_get_nothing),
		cmocka_unit_test(a_syn_without_options_makes_a_plain_connection),
		cmocka_unit_test(closing_a_listener_resets_what_is_queued),
		cmocka_unit_test(a_request_whose_listener_is_gone_dies_in_silence),
		cmocka_unit_test(the_final_ack_of_a_request_whose_listener_is_gone_gets_a_rst),
		cmocka_unit_test(a_syn_again_goes_to_the_listener_that_took_the_port),
		cmocka_unit_test(a_connection_reset_in_the_accept_queue_is_still_accepted),
		cmocka_unit_test(shutdown_for_reading_ends_listening_and_listen_begins_anew),
		cmocka_unit_test(requests_outlive_a_shutdown_and_go_on_with_the_next_listen),
		cmocka_unit_test(requests_of_a_socket_that_was_shut_down_and_closed_die_in_silence),
		cmocka_unit_test(a_listener_that_connects_instead_keeps_its_connection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
