/* SPDX-License-Identifier: MIT
 * What a connection has while it is busy: its queues and timers, and the senses of its sender and its receiver that matter
 * while something is on its way.
 *
 * An idle one gives it back: then sock.busy is busy_at_rest, which can be read, and not written (busy.c). */
#ifndef HO_BUSY_H
#define HO_BUSY_H

#include "list.h"
#include "seq.h"
#include "tree.h"
#include "wheel.h"
#include "winfilter.h"

struct fastopen_child;
struct rxseg;
struct seg;
struct sock;

/* When a segment was sent last, and which one. */
struct sending {
	uint64_t us;
	uint32_t no;
	seq_t end_seq;
};

struct block_range {
	seq_t from, to;
};

struct busy {
	struct sock *sk;
	struct list ring;        /* on st->busy_ring, in order of taking */
	struct timer write_timer, delack_timer;

	/* ---- from here to at_rest_end an idle connection's are as busy_at_rest has them, or it stays busy ---- */
	struct seg *wq_head, *wq_tail;     /* not sent */
	struct seg *rtx_head, *rtx_tail;   /* sent, not acknowledged */
	struct rxseg *rx_head, *rx_tail;   /* in order */
	struct rxseg *ofo_head, *ofo_tail; /* out of order, sorted */
	uint8_t pending;         /* enum write_timer */
	uint8_t backoff;
	bool throttled;          /* TSQ_THROTTLED */
	bool tlp_retrans;
	bool frto;               /* a timeout may yet turn out to be spurious (RFC 5682) */
	bool is_sack_reneg;
	bool dsack_pending;
	uint8_t num_sacks;       /* blocks to report: dsack first if pending */
	uint32_t retrans_out, lost_out, sacked_out;
	uint32_t prior_ssthresh;
	seq_t tlp_high_seq, undo_marker;
	int32_t undo_retrans;    /* retransmissions that a D-SACK may still call needless; -1: none was sent yet */
	uint32_t retrans_stamp_ms; /* first retransmission since the last progress; 0: none */
	uint32_t probes_stamp_ms;  /* first probe into a window that has been shut since; 0: none */
	struct fastopen_child *fo_child; /* its SYN+ACK is not acknowledged: the write timer is that one's; NULL */
	struct {
		uint8_t state, byte; /* enum urg */
		seq_t seq;
	} urg;
	/* sums for tcp_info */
	uint64_t lost;           /* segments ever marked lost */
	uint64_t delivered_ce, bytes_retrans;
	uint32_t total_retrans, reord_seen, dsack_dups, rcv_ooopack;
	uint16_t total_rto, total_rto_recoveries;
	uint32_t rto_stamp_ms, total_rto_time_ms; /* of the series of timeouts that is going on; of those before */
	uint32_t timeout_rehash;
	uint32_t received_ce, received_ecn_bytes[3]; /* segments with CE; payload with ECT(1), ECT(0), CE */
	uint32_t limited_ms[2];  /* the sender was held up by the peer's window, by the send buffer */
	char at_rest_end[8];

	/* ---- what is left of these is of no use to one that was idle, or busy.c sees to it ---- */
	uint64_t write_at_ms;    /* when write_timer is due; the wheel may hold an earlier tick */
	struct {
		uint64_t timeout_ms;
		uint8_t compressed;  /* duplicate ACKs left out since the last one */
		uint8_t dup_sent;    /* and those that went out at once while rcv_nxt was dup_rcv_nxt */
		seq_t dup_rcv_nxt;
	} ack;
	bool saw_ts;             /* the segment that is being received: its timestamps */
	bool is_cwnd_limited;
	uint8_t syn_retries;
	uint32_t rcv_tsval, rcv_tsecr;
	seq_t snd_sml, snd_up;
	uint32_t max_packets_out;
	seq_t cwnd_usage_seq;
	uint32_t sent_no;        /* of the last segment sent */
	uint64_t wstamp_ns;      /* when anything was sent last; paced: when the next segment may be */
	uint64_t first_tx_us, delivered_us; /* what was delivered last: when it was sent, and when we heard of it */
	struct {
		uint32_t since_ms;
		uint8_t now;         /* enum chrono */
	} chrono;
	struct list sent_order;  /* segments by the time of their last transmission, oldest first */
	struct list sent_lost;   /* likewise: those that the timer called lost and that are not sent again yet */
	struct list *rack_edge;  /* of sent_order: up to here sent before rack.sent_us; the head: nothing known */
	struct {
		struct sending sent; /* of the segment delivered that was sent last */
		uint32_t rtt_us, last_delivered;
		uint8_t reo_wnd_steps, reo_wnd_persist;
		bool advanced, dsack_seen;
	} rack;                  /* RFC 8985 */
	seq_t high_seq;
	uint32_t prior_cwnd;
	union {                  /* what cc remembers */
		struct {
			uint32_t cnt, last_max_cwnd, last_cwnd, last_time_ms, origin_point, k, epoch_start_ms;
			uint32_t ack_cnt, tcp_cwnd, round_start_us, last_ack_us, curr_rtt_us;
			seq_t end_seq;
			uint8_t sample_count;
			bool found;
		} cubic;
		struct {
			struct winfilter bw;
			uint32_t min_rtt_us, min_rtt_ms; /* and when it was measured */
			uint32_t rounds, next_rtt_delivered, prior_cwnd;
			uint32_t full_bw, probe_rtt_done_ms;
			uint32_t lt_bw, lt_ms, lt_delivered, lt_lost;
			uint64_t cycle_us, epoch_us;
			uint32_t epoch_acked, extra_acked[2];
			uint16_t pacing_gain, cwnd_gain;
			uint8_t mode, prev_ca_state, cycle_phase, full_bw_rounds, lt_rounds, extra_rounds;
			bool extra_half, packet_conservation, round_start, idle_restart, has_seen_rtt, full_bw_reached;
			bool probe_rtt_timed, probe_rtt_round_done, lt_sampling, lt_use_bw;
		} bbr;
	};
	uint32_t prr_delivered, prr_out; /* RFC 6937 */
	seq_t highest_sack;        /* end of the highest SACKed segment; if sacked_out */
	struct block_range sack_known[4]; /* the last SACK blocks, sorted */
	struct seg *retransmit_hint; /* where to look for what is lost; NULL: at the head.  Without rtx_index only */
	struct tree rtx_index;     /* of what is outstanding, from the first SACK of a long queue until it is empty */
	struct tree ofo_index;     /* of what is out of order, from the first that comes before others until it is empty */
	seq_t dsack[2], sack[4][2];
	struct {
		bool enabled;
		uint32_t search_high, search_low; /* packets of this size: too large perhaps; get through */
		uint32_t probe_size;       /* on its way; 0: none */
		uint32_t stamp_ms;         /* when the search began */
		seq_t probe_from, probe_to;
	} mtup;                    /* RFC 4821 */
	struct {
		uint64_t until_ms;   /* when what was found there expires; 0: it is to be looked up */
		bool known;          /* by a router */
		bool locked;         /* packets may be fragmented */
		bool quickack;       /* this and the rest: struct ho_route_metrics */
		uint16_t initcwnd;
		uint32_t rto_min_ms;
	} route;
	uint32_t last_oow_ack_ms;
	struct timer compress_timer; /* on st->fine */
	struct timer pace_timer;   /* likewise */
};

extern const struct busy busy_at_rest;

#endif
