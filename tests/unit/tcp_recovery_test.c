/* SPDX-License-Identifier: MIT
 * Loss: how the sender finds it, repairs it, and takes back what was needless.  The path's round trip takes 100 ms. */
#include "tcp_lab.h"

#define MSS 1448u
#define SACK_OFF "<mss 1460,nop,nop,TS,nop,wscale 7>"
#define TS_OFF "<mss 1460,nop,nop,sackOK,nop,wscale 7>"

/* The sequence number behind the n-th segment. */
#define END(n) (1u + (n) * k->mss)

struct path {
	struct tcp_lab t;
	struct peer p;
	int lfd, fd;
	uint32_t mss;
};

static struct path *path_with(const char *syn_options, const char *early_retrans, const char *test)
{
	struct path *k = calloc(1, sizeof(*k));

	assert_non_null(k);
	k->t = tcp_lab_with((struct lab_options){0}, test);
	k->p = peer_of(&k->t, 1);
	if (syn_options != NULL)
		k->p.syn_options = syn_options;
	k->p.ts = strstr(k->p.syn_options, "TS") != NULL;
	k->mss = k->p.ts ? MSS : MSS + 12;
	if (early_retrans != NULL)
		host_sysctl(&k->t, "net.ipv4.tcp_early_retrans", early_retrans);
	k->lfd = host_listen(&k->t, 5);
	says(&k->p, "S");
	hears(&k->p, "S. 0 ack 1");
	lab_at(&k->t, 100);
	says(&k->p, ".");
	quiet(&k->t);
	k->fd = host_accept(&k->t, k->lfd);
	host_set(&k->t, k->fd, HO_SOL_TCP, HO_TCP_NODELAY, 1);
	marked(&k->t);
	return k;
}
#define path(...) path_with(__VA_ARGS__, __func__)

static void done(struct path *k)
{
	tcp_lab_close(&k->t);
	free(k);
}

/* Segment n is heard, whatever its flags but ACK and PSH. */
static void hears_segment(struct path *k, unsigned n, const char *flags)
{
	char text[64];

	snprintf(text, sizeof(text), "%s %u:%u", flags, END(n - 1), END(n));
	hears(&k->p, text);
}

/* The host writes n segments at once, and all of them leave, two in a super-frame. */
static void host_sends(struct path *k, unsigned first, unsigned n)
{
	host_send(&k->t, k->fd, n * k->mss, 0, (ptrdiff_t)(n * k->mss));
	for (unsigned i = 0; i < n; i++)
		hears_segment(k, first + i, i == n - 1 || i % 2 ? "P." : ".");
}

/* All up to segment n; SACKed besides: the segments from..to, 0: none.  more: of the timestamp, " 0 e-100" say. */
static void acks_ts(struct path *k, unsigned n, unsigned from, unsigned to, const char *more)
{
	char text[160], sack[64] = "";

	if (from != 0)
		snprintf(sack, sizeof(sack), "nop,nop,sack %u:%u", END(from - 1), END(to));
	snprintf(text, sizeof(text), ". ack %u <%s%s%s%s>", END(n), k->p.ts ? "nop,nop,TS" : "", more, k->p.ts && from ? "," : "",
	         sack);
	says(&k->p, text);
}

static void acks(struct path *k, unsigned n)
{
	acks_ts(k, n, 0, 0, "");
}

static void acks_sack(struct path *k, unsigned n, unsigned from, unsigned to)
{
	acks_ts(k, n, from, to, "");
}

enum { OPEN, DISORDER, CWR, RECOVERY, LOSS };

/* ---- finding it ---- */

static void three_later_segments_sacked_mean_lost(void **state)
{
	struct path *k = path(NULL, NULL);

	(void)state;
	host_sends(k, 1, 10);
	lab_at(&k->t, 200);
	acks(k, 2);
	acks_sack(k, 2, 4, 4);
	acks_sack(k, 2, 4, 5);
	quiet(&k->t);
	host_info_is(&k->t, k->fd, tcpi_ca_state, DISORDER);
	host_info_is(&k->t, k->fd, tcpi_sacked, 2);
	acks_sack(k, 2, 4, 6);
	hears_segment(k, 3, ".");
	quiet(&k->t);
	host_info_is(&k->t, k->fd, tcpi_ca_state, RECOVERY);
	host_info_is(&k->t, k->fd, tcpi_sacked, 3);
	host_info_is(&k->t, k->fd, tcpi_lost, 1);
	host_info_is(&k->t, k->fd, tcpi_retrans, 1);
	counted(&k->t, "TcpInSegs 4 TcpOutSegs 10 TcpRetransSegs 1 TCPPureAcks 3 TCPHPAcks 1 TCPSackRecovery 1 "
	        "TCPFastRetrans 1 TCPSackShifted 1 TCPSackMerged 1 TCPSackShiftFallback 2 TCPOrigDataSent 10 "
	        "TCPDelivered 5");
	lab_at(&k->t, 300);
	acks(k, 10);
	quiet(&k->t);
	host_info_is(&k->t, k->fd, tcpi_ca_state, OPEN);
	host_info_is(&k->t, k->fd, tcpi_snd_cwnd, 8);
	host_info_is(&k->t, k->fd, tcpi_snd_ssthresh, 8);
	counted(&k->t, "TcpInSegs 1 TCPHPAcks 1 TCPDelivered 5");
	done(k);
}

static void fewer_start_the_reordering_timer(void **state)
{
	struct path *k = path(NULL, NULL);

	(void)state;
	host_sends(k, 1, 10);
	lab_at(&k->t, 200);
	acks_sack(k, 8, 10, 10);
	quiet(&k->t);
	hears_at(&k->p, 227, ". 11585:13033 ack 1"); /* min_rtt / 4, and 2 ms */
	counted(&k->t, "TcpInSegs 1 TcpOutSegs 10 TcpRetransSegs 1 TCPPureAcks 1 TCPSackRecovery 1 TCPFastRetrans 1 "
	        "TCPSackShiftFallback 2 TCPOrigDataSent 10 TCPDelivered 9");
	done(k);
}

static void a_reordered_segment_teaches_patience(void **state)
{
	struct path *k = path(NULL, NULL);

	(void)state;
	host_sends(k, 1, 10);
	lab_at(&k->t, 200);
	acks_sack(k, 0, 2, 2);
	acks_sack(k, 0, 2, 3);
	acks(k, 3); /* the first one was late */
	quiet(&k->t);
	host_info_is(&k->t, k->fd, tcpi_reord_seen, 1);
	counted(&k->t, "TcpInSegs 3 TcpOutSegs 10 TCPPureAcks 2 TCPHPAcks 1 TCPSACKReorder 1 TCPSackShifted 1 "
	        "TCPSackShiftFallback 2 TCPOrigDataSent 10 TCPDelivered 3");
	acks_sack(k, 3, 5, 10); /* now six are no proof; the timer decides */
	quiet(&k->t);
	hears_at(&k->p, 227, ". 4345:5793");
	counted(&k->t, "TcpInSegs 1 TcpRetransSegs 1 TCPPureAcks 1 TCPSackRecovery 1 TCPFastRetrans 1 TCPSackMerged 2 "
	        "TCPSackShiftFallback 1 TCPDelivered 6");
	done(k);
}

static void without_sack_three_duplicate_acks_mean_lost(void **state)
{
	struct path *k = path(SACK_OFF, NULL);

	(void)state;
	host_sends(k, 1, 10);
	lab_at(&k->t, 200);
	acks(k, 2);
	acks(k, 2);
	acks(k, 2);
	quiet(&k->t);
	host_info_is(&k->t, k->fd, tcpi_ca_state, DISORDER);
	acks(k, 2);
	hears_segment(k, 3, ".");
	quiet(&k->t);
	host_info_is(&k->t, k->fd, tcpi_ca_state, RECOVERY);
	counted(&k->t, "TcpInSegs 4 TcpOutSegs 10 TcpRetransSegs 1 TCPPureAcks 3 TCPHPAcks 1 TCPRenoRecovery 1 "
	        "TCPFastRetrans 1 TCPOrigDataSent 10 TCPDelivered 5");
	lab_at(&k->t, 300);
	acks(k, 4); /* a partial ACK: the next hole */
	hears_segment(k, 5, ".");
	quiet(&k->t);
	lab_at(&k->t, 400);
	acks(k, 10);
	quiet(&k->t);
	host_info_is(&k->t, k->fd, tcpi_ca_state, RECOVERY); /* until something newer is acknowledged (RFC 6582) */
	host_sends(k, 11, 1);
	acks(k, 11);
	host_info_is(&k->t, k->fd, tcpi_ca_state, OPEN);
	counted(&k->t, "TcpInSegs 3 TcpOutSegs 1 TcpRetransSegs 1 TCPHPAcks 3 TCPFastRetrans 1 TCPOrigDataSent 1 "
	        "TCPDelivered 6");
	done(k);
}

static void a_sack_block_of_what_was_never_sent_is_discarded(void **state)
{
	struct path *k = path(NULL, NULL);

	(void)state;
	host_sends(k, 1, 3);
	lab_at(&k->t, 200);
	acks_sack(k, 0, 2, 5);
	quiet(&k->t);
	host_info_is(&k->t, k->fd, tcpi_sacked, 0);
	counted(&k->t, "TcpInSegs 1 TcpOutSegs 3 TCPPureAcks 1 TCPSACKDiscard 1 TCPOrigDataSent 3");
	done(k);
}

/* ---- repairing it ---- */

static void the_window_shrinks_by_proportional_rate(void **state)
{
	static const unsigned heard[] = {1, 13, 14, 0, 0, 15, 16}; /* 5 for 7 that arrive: as 7 for 10 */
	static const unsigned window[] = {9, 9, 9, 8, 7, 7, 7};
	struct path *k = path(NULL, NULL);

	(void)state;
	host_sysctl(&k->t, "net.ipv4.tcp_min_tso_segs", "1"); /* no super-frames, so nothing waits for a second packet */
	host_send(&k->t, k->fd, 30 * MSS, 0, 30 * MSS);
	for (unsigned i = 1; i <= 10; i++)
		hears_segment(k, i, ".");
	lab_at(&k->t, 200);
	acks_sack(k, 0, 2, 2);
	hears_segment(k, 11, ".");
	acks_sack(k, 0, 2, 3);
	hears_segment(k, 12, ".");
	marked(&k->t);
	for (unsigned i = 0; i < sizeof(heard) / sizeof(heard[0]); i++) {
		acks_sack(k, 0, 2, 4 + i);
		if (heard[i] != 0)
			hears_segment(k, heard[i], ".");
		quiet(&k->t);
		host_info_is(&k->t, k->fd, tcpi_snd_cwnd, window[i]);
	}
	counted(&k->t, "TcpInSegs 7 TcpOutSegs 4 TcpRetransSegs 1 TCPPureAcks 7 TCPSackRecovery 1 TCPFastRetrans 1 "
	        "TCPSackMerged 7 TCPOrigDataSent 4 TCPDelivered 7");
	done(k);
}

static void what_left_in_the_same_instant_but_before_proves_nothing(void **state)
{
	struct path *k = path(NULL, NULL);

	(void)state;
	host_sysctl(&k->t, "net.ipv4.tcp_min_tso_segs", "1");
	host_send(&k->t, k->fd, 30 * MSS, 0, 30 * MSS);
	for (unsigned i = 1; i <= 10; i++)
		hears_segment(k, i, ".");
	lab_at(&k->t, 200);
	acks_sack(k, 0, 2, 2);
	hears_segment(k, 11, ".");
	acks_sack(k, 0, 2, 10);
	hears_segment(k, 1, ".");
	lab_forget(&k->t.l);
	marked(&k->t);
	lab_at(&k->t, 300);
	acks_sack(k, 0, 2, 11); /* the retransmission may still be on its way */
	lab_pump(&k->t.l);
	host_info_is(&k->t, k->fd, tcpi_retrans, 1);
	host_info_is(&k->t, k->fd, tcpi_total_retrans, 1);
	done(k);
}

/* ---- the tail ---- */

static void a_tail_that_is_not_acknowledged_is_probed_after_two_round_trips(void **state)
{
	struct path *k = path(NULL, NULL);

	(void)state;
	host_sends(k, 1, 3);
	hears_at(&k->p, 302, "P. 2897:4345 ack 1"); /* 2 srtt + 2 ms */
	counted(&k->t, "TcpOutSegs 3 TcpRetransSegs 1 TCPLossProbes 1 TCPOrigDataSent 3");
	acks(k, 3);
	host_sends(k, 4, 1);
	acks(k, 4);
	quiet(&k->t);
	counted(&k->t, "TcpInSegs 2 TcpOutSegs 1 TCPHPAcks 2 TCPLossProbeRecovery 1 TCPOrigDataSent 1 TCPDelivered 4");
	host_info_is(&k->t, k->fd, tcpi_snd_cwnd, 7);
	done(k);
}

static void a_probe_prefers_new_data(void **state)
{
	struct path *k = path(NULL, NULL);

	(void)state;
	host_send(&k->t, k->fd, 12 * MSS, 0, 12 * MSS);
	for (unsigned i = 1; i <= 10; i++)
		hears_segment(k, i, i % 2 ? "." : "P.");
	hears_at(&k->p, 302, ". 14481:15929 ack 1");
	counted(&k->t, "TcpOutSegs 11 TCPLossProbes 1 TCPOrigDataSent 11");
	done(k);
}

static void a_probe_that_arrives_twice_lost_nothing(void **state)
{
	struct path *k = path(NULL, NULL);

	(void)state;
	host_sends(k, 1, 3);
	hears_at(&k->p, 302, "P. 2897:4345 ack 1");
	lab_at(&k->t, 310);
	acks(k, 3);
	acks_sack(k, 3, 3, 3);
	host_sends(k, 4, 1);
	acks(k, 4);
	quiet(&k->t);
	host_info_is(&k->t, k->fd, tcpi_snd_cwnd, 10);
	counted(&k->t, "TcpInSegs 3 TcpOutSegs 4 TcpRetransSegs 1 TCPPureAcks 1 TCPHPAcks 2 TCPLossProbes 1 "
	        "TCPDSACKRecv 1 TCPOrigDataSent 4 TCPDelivered 5 TCPDSACKRecvSegs 1");
	done(k);
}

/* ---- timeouts ---- */

static void small_segments_are_sent_again_as_one(void **state)
{
	struct path *k = path(NULL, "0");

	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		host_send(&k->t, k->fd, 100, 0, 100);
		hears(&k->p, "P.");
	}
	hears_at(&k->p, 400, "P. 1:301 ack 1");
	counted(&k->t, "TcpOutSegs 3 TcpRetransSegs 1 TCPTimeouts 1 TCPOrigDataSent 3 TcpTimeoutRehash 1");
	acks_ts(k, 0, 0, 0, "");
	says(&k->p, ". ack 301");
	quiet(&k->t);
	done(k);
}

static void a_lost_retransmission_ends_recovery_by_timeout(void **state)
{
	struct path *k = path(NULL, NULL);

	(void)state;
	host_sends(k, 1, 10);
	lab_at(&k->t, 200);
	acks_sack(k, 2, 4, 10);
	hears_segment(k, 3, ".");
	marked(&k->t);
	hears_at(&k->p, 500, ". 2897:4345 ack 1");
	counted(&k->t, "TcpRetransSegs 1 TCPLostRetransmit 1 TCPTimeouts 1 TCPSackRecoveryFail 1 TcpTimeoutRehash 1");
	host_info_is(&k->t, k->fd, tcpi_ca_state, LOSS);
	host_info_is(&k->t, k->fd, tcpi_snd_cwnd, 1);
	acks(k, 10);
	host_info_is(&k->t, k->fd, tcpi_ca_state, OPEN);
	counted(&k->t, "TcpInSegs 1 TCPHPAcks 1 TCPDelivered 1");
	done(k);
}

static void a_timeout_with_something_sacked_is_a_failure_of_its_own(void **state)
{
	struct path *k = path(NULL, NULL);

	(void)state;
	host_sends(k, 1, 2);
	hears_at(&k->p, 302, "P. 1449:2897 ack 1");
	marked(&k->t);
	lab_at(&k->t, 312);
	acks_sack(k, 0, 2, 2); /* too soon for an answer to the probe: it says nothing of the first */
	quiet(&k->t);
	host_info_is(&k->t, k->fd, tcpi_ca_state, DISORDER);
	lab_at(&k->t, 800);
	hears(&k->p, ". 1:1449 ack 1");
	counted(&k->t, "TcpInSegs 1 TcpRetransSegs 1 TCPPureAcks 1 TCPSackFailures 1 TCPTimeouts 1 "
	        "TCPSackShiftFallback 1 TCPDelivered 1 TcpTimeoutRehash 1");
	done(k);
}

static void what_was_lost_leaves_in_slow_start_after_a_timeout(void **state)
{
	struct path *k = path(NULL, "0");

	(void)state;
	host_sends(k, 1, 5);
	hears_at(&k->p, 400, ". 1:1449 ack 1");
	lab_at(&k->t, 500);
	acks(k, 1);
	hears_segment(k, 2, ".");
	hears_segment(k, 3, ".");
	quiet(&k->t);
	lab_at(&k->t, 600);
	acks(k, 3);
	hears_segment(k, 4, ".");
	hears_segment(k, 5, "P.");
	acks(k, 5);
	quiet(&k->t);
	host_info_is(&k->t, k->fd, tcpi_ca_state, OPEN);
	counted(&k->t, "TcpInSegs 3 TcpOutSegs 5 TcpRetransSegs 5 TCPHPAcks 3 TCPSlowStartRetrans 4 TCPTimeouts 1 "
	        "TCPOrigDataSent 5 TCPDelivered 5 TcpTimeoutRehash 1");
	done(k);
}

static void reneging_waits_a_little_and_sends_all_again(void **state)
{
	struct path *k = path(NULL, NULL);

	(void)state;
	host_sends(k, 1, 5);
	lab_at(&k->t, 200);
	acks_sack(k, 0, 2, 5);
	hears_segment(k, 1, ".");
	lab_at(&k->t, 300);
	acks(k, 1); /* and of the other four not a word */
	quiet(&k->t);
	marked(&k->t);
	hears_at(&k->p, 350, ". 1449:2897 ack 1");
	counted(&k->t, "TcpRetransSegs 1 TCPSACKReneging 1 TCPTimeouts 1 TCPSackRecoveryFail 1 TcpTimeoutRehash 1");
	host_info_is(&k->t, k->fd, tcpi_sacked, 0);
	host_info_is(&k->t, k->fd, tcpi_lost, 4);
	done(k);
}

/* ---- it was needless ---- */

static void a_timestamp_takes_a_timeout_back(void **state)
{
	struct path *k = path(NULL, "0");

	(void)state;
	host_sends(k, 1, 10);
	hears_at(&k->p, 400, ". 1:1449 ack 1");
	marked(&k->t);
	acks_ts(k, 1, 0, 0, " 0 e-300"); /* of the original */
	quiet(&k->t);
	host_info_is(&k->t, k->fd, tcpi_ca_state, OPEN);
	host_info_is(&k->t, k->fd, tcpi_snd_cwnd, 11);
	counted(&k->t, "TcpInSegs 1 TCPHPAcks 1 TCPLossUndo 1 TCPDelivered 1");
	done(k);
}

static void frto_takes_a_timeout_back_without_timestamps(void **state)
{
	struct path *k = path(TS_OFF, "0");

	(void)state;
	host_sends(k, 1, 10);
	hears_at(&k->p, 400, ". 1:1461 ack 1");
	marked(&k->t);
	acks(k, 2); /* the second one was sent once only */
	quiet(&k->t);
	host_info_is(&k->t, k->fd, tcpi_ca_state, OPEN);
	counted(&k->t, "TcpInSegs 1 TCPHPAcks 1 TCPLossUndo 1 TCPSpuriousRTOs 1 TCPDelivered 2");
	done(k);
}

static void frto_sends_new_data_first(void **state)
{
	struct path *k = path(TS_OFF, "0");

	(void)state;
	host_send(&k->t, k->fd, 12 * 1460, 0, 12 * 1460);
	for (unsigned i = 1; i <= 10; i++)
		hears_segment(k, i, i % 2 ? "." : "P.");
	hears_at(&k->p, 400, ". 1:1461 ack 1");
	marked(&k->t);
	lab_at(&k->t, 500);
	acks(k, 1);
	hears_segment(k, 11, ".");
	hears_segment(k, 12, "P.");
	quiet(&k->t);
	lab_at(&k->t, 600);
	acks_sack(k, 1, 11, 11); /* the rest is lost indeed */
	hears_segment(k, 2, ".");
	counted(&k->t, "TcpInSegs 2 TcpOutSegs 2 TcpRetransSegs 1 TCPPureAcks 1 TCPHPAcks 1 TCPSlowStartRetrans 1 "
	        "TCPSackShiftFallback 1 TCPOrigDataSent 2 TCPDelivered 2");
	done(k);
}

static void a_dsack_takes_a_recovery_back(void **state)
{
	struct path *k = path(NULL, NULL);

	(void)state;
	host_sends(k, 1, 10);
	lab_at(&k->t, 200);
	acks_sack(k, 2, 4, 10);
	hears_segment(k, 3, ".");
	host_info_is(&k->t, k->fd, tcpi_snd_cwnd, 7);
	marked(&k->t);
	lab_at(&k->t, 300);
	acks(k, 10);
	host_info_is(&k->t, k->fd, tcpi_snd_cwnd, 7);
	acks_sack(k, 10, 3, 3);
	quiet(&k->t);
	host_info_is(&k->t, k->fd, tcpi_snd_cwnd, 10);
	host_info_is(&k->t, k->fd, tcpi_snd_ssthresh, 2147483647);
	counted(&k->t, "TcpInSegs 2 TCPPureAcks 1 TCPHPAcks 1 TCPDSACKUndo 1 TCPDSACKRecv 1 TCPDelivered 2 "
	        "TCPDSACKRecvSegs 1");
	done(k);
}

static void a_timestamp_takes_a_recovery_back_when_it_ends(void **state)
{
	struct path *k = path(NULL, NULL);

	(void)state;
	host_sends(k, 1, 10);
	lab_at(&k->t, 200);
	acks_sack(k, 2, 4, 10);
	hears_segment(k, 3, ".");
	marked(&k->t);
	lab_at(&k->t, 210);
	acks_ts(k, 10, 0, 0, " 0 e-100");
	quiet(&k->t);
	host_info_is(&k->t, k->fd, tcpi_ca_state, OPEN);
	host_info_is(&k->t, k->fd, tcpi_snd_cwnd, 11);
	counted(&k->t, "TcpInSegs 1 TCPHPAcks 1 TCPFullUndo 1 TCPDelivered 1");
	done(k);
}

static void a_timestamp_takes_a_recovery_back_at_a_partial_ack(void **state)
{
	struct path *k = path(NULL, NULL);

	(void)state;
	host_sends(k, 1, 10);
	lab_at(&k->t, 200);
	acks_sack(k, 2, 4, 6);
	hears_segment(k, 3, ".");
	marked(&k->t);
	lab_at(&k->t, 210);
	acks_ts(k, 6, 0, 0, " 0 e-100");
	quiet(&k->t);
	host_info_is(&k->t, k->fd, tcpi_ca_state, OPEN);
	counted(&k->t, "TcpInSegs 1 TCPHPAcks 1 TCPTSReorder 1 TCPPartialUndo 1 TCPDelivered 1");
	done(k);
}

/* ---- windows of congestion ---- */

static void slow_start_ends_when_round_trips_grow_longer(void **state)
{
	struct path *k = path(NULL, NULL);
	unsigned acked = 0;

	(void)state;
	host_send(&k->t, k->fd, 40 * MSS, 0, 40 * MSS);
	for (unsigned i = 1; i <= 10; i++)
		hears_segment(k, i, i % 2 ? "." : "P.");
	lab_at(&k->t, 200);
	while (acked < 10) {
		acks(k, acked += 2);
		for (unsigned i = 0; i < 4; i++)
			hears(&k->p, i % 2 ? "P." : ".");
	}
	host_info_is(&k->t, k->fd, tcpi_snd_cwnd, 20);
	counted(&k->t, "TcpInSegs 5 TcpOutSegs 30 TCPHPAcks 5 TCPOrigDataSent 30 TCPDelivered 10");
	lab_at(&k->t, 330); /* 30 ms more */
	while (acked < 30)
		acks(k, ++acked);
	lab_pump(&k->t.l);
	lab_forget(&k->t.l);
	counted(&k->t, "TcpInSegs 20 TcpOutSegs 10 TCPHPAcks 20 TCPOrigDataSent 10 TCPHystartDelayDetect 1 "
	        "TCPHystartDelayCwnd 28 TCPDelivered 20");
	done(k);
}

/* The second round trip of 20 ms is one train: 20 ACKs, a millisecond apart. */
static void ack_train(struct path *k)
{
	unsigned acked = 0;

	host_send(&k->t, k->fd, 40 * MSS, 0, 40 * MSS);
	for (unsigned i = 1; i <= 10; i++)
		hears_segment(k, i, i % 2 ? "." : "P.");
	lab_at(&k->t, 120);
	while (acked < 10)
		acks(k, acked += 2);
	lab_forget(&k->t.l);
	marked(&k->t);
	for (unsigned i = 0; i < 20; i++) {
		lab_at(&k->t, 140 + i);
		acks(k, ++acked);
	}
	lab_forget(&k->t.l);
}

static void slow_start_ends_with_a_train_of_half_a_round_trip(void **state)
{
	struct path *k = path(NULL, NULL);

	(void)state;
	ack_train(k);
	counted(&k->t, "TcpInSegs 20 TcpOutSegs 24 TCPHPAcks 20 TCPOrigDataSent 24 TCPHystartTrainDetect 1 "
	        "TCPHystartTrainCwnd 31 TCPDelivered 20");
	done(k);
}

static void pacing_may_make_a_train_of_a_whole_round_trip(void **state)
{
	struct path *k = path(NULL, NULL);

	(void)state;
	host_set(&k->t, k->fd, HO_SOL_SOCKET, HO_SO_MAX_PACING_RATE, INT32_MAX);
	ack_train(k);
	counted(&k->t, "TcpInSegs 20 TcpOutSegs 28 TCPHPAcks 20 TCPOrigDataSent 28 TCPDelivered 20");
	done(k);
}

/* The n-th round trip: everything that is out is acknowledged, two segments an ACK; more to send there is always. */
static void round_trip(struct path *k, uint64_t at_ms, unsigned *acked, unsigned sent)
{
	lab_at(&k->t, at_ms);
	while (*acked < sent) {
		*acked += *acked + 2 <= sent ? 2 : 1;
		acks(k, *acked);
	}
}

static unsigned segments_heard(struct path *k)
{
	unsigned n = 0;

	lab_pump(&k->t.l);
	for (; k->t.l.out_head != NULL; n++)
		hears(&k->p, k->t.l.out_head->bytes[33] & TCP_PSH ? "P." : ".");
	return n;
}

static void cubic_grows_back_after_a_loss_and_beyond(void **state)
{
	static const uint8_t window[] = {9, 9, 9, 9, 11, 11, 11, 11, 11, 11, 13, 13};
	struct path *k = path(NULL, NULL);
	unsigned sent = 10, acked = 0;

	(void)state;
	host_sysctl(&k->t, "net.ipv4.tcp_min_tso_segs", "1"); /* no super-frames, so nothing waits for a second packet */
	host_set(&k->t, k->fd, HO_SOL_SOCKET, HO_SO_SNDBUF, 1000000);
	host_send(&k->t, k->fd, 10 * MSS, 0, 10 * MSS);
	assert_int_equal(segments_heard(k), 10);
	host_send(&k->t, k->fd, 150 * MSS, 0, 150 * MSS);
	lab_at(&k->t, 200);
	acks_sack(k, 0, 2, 10);
	sent += segments_heard(k) - 1;
	lab_at(&k->t, 300);
	acks(k, acked = 10);
	sent += segments_heard(k);
	for (unsigned i = 0; i < sizeof(window); i++) {
		round_trip(k, 450 + 100 * i, &acked, sent);
		sent += segments_heard(k);
		host_info_is(&k->t, k->fd, tcpi_snd_cwnd, window[i]);
	}
	done(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(three_later_segments_sacked_mean_lost),
		cmocka_unit_test(fewer_start_the_reordering_timer),
		cmocka_unit_test(a_reordered_segment_teaches_patience),
		cmocka_unit_test(without_sack_three_duplicate_acks_mean_lost),
		cmocka_unit_test(a_sack_block_of_what_was_never_sent_is_discarded),
		cmocka_unit_test(the_window_shrinks_by_proportional_rate),
		cmocka_unit_test(what_left_in_the_same_instant_but_before_proves_nothing),
		cmocka_unit_test(a_tail_that_is_not_acknowledged_is_probed_after_two_round_trips),
		cmocka_unit_test(a_probe_prefers_new_data),
		cmocka_unit_test(a_probe_that_arrives_twice_lost_nothing),
		cmocka_unit_test(small_segments_are_sent_again_as_one),
		cmocka_unit_test(a_lost_retransmission_ends_recovery_by_timeout),
		cmocka_unit_test(a_timeout_with_something_sacked_is_a_failure_of_its_own),
		cmocka_unit_test(what_was_lost_leaves_in_slow_start_after_a_timeout),
		cmocka_unit_test(reneging_waits_a_little_and_sends_all_again),
		cmocka_unit_test(a_timestamp_takes_a_timeout_back),
		cmocka_unit_test(frto_takes_a_timeout_back_without_timestamps),
		cmocka_unit_test(frto_sends_new_data_first),
		cmocka_unit_test(a_dsack_takes_a_recovery_back),
		cmocka_unit_test(a_timestamp_takes_a_recovery_back_when_it_ends),
		cmocka_unit_test(a_timestamp_takes_a_recovery_back_at_a_partial_ack),
		cmocka_unit_test(slow_start_ends_when_round_trips_grow_longer),
		cmocka_unit_test(slow_start_ends_with_a_train_of_half_a_round_trip),
		cmocka_unit_test(pacing_may_make_a_train_of_a_whole_round_trip),
		cmocka_unit_test(cubic_grows_back_after_a_loss_and_beyond),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
