/* SPDX-License-Identifier: MIT
 * D-SACK (RFC 2883) seen by the sender: the receiver got something twice.
 * Source: Linux 6.18 net/ipv4/tcp_input.c tcp_check_dsack, tcp_dsack_seen, tcp_is_sackblock_valid. */
#include "tcp.h"

/* Is the first block a D-SACK?  Then how many segments were duplicate (0: dubious). */
static bool dsack_found(struct ho_stack *st, struct sock *sk, const struct tcp_rx *t, seq_t from, seq_t to)
{
	if (seq_lt(from, t->ack)) {
		count(st, sk, HO_TcpExtTCPDSACKRecv);
		return true;
	}
	if (t->opt.sack_count > 1) {
		seq_t outer_from = seq_of(t->opt.sack[1][0]), outer_to = seq_of(t->opt.sack[1][1]);

		if (!seq_gt(to, outer_to) && !seq_lt(from, outer_from)) {
			count(st, sk, HO_TcpExtTCPDSACKOfoRecv);
			return true;
		}
	}
	return false;
}

static uint32_t duplicate_segments(struct sock *sk, seq_t from, seq_t to, uint32_t *flag)
{
	uint32_t bytes = seq_sub(to, from), segs = 1;

	if (!seq_lt(from, to) || bytes > sk->max_window)
		return 0;
	if (bytes > sk->mss_cache)
		segs = (bytes + sk->mss_cache - 1) / sk->mss_cache;
	else if (sk->tlp_high_seq.n && seq_eq(sk->tlp_high_seq, to))
		*flag |= FLAG_DSACK_TLP;
	sk->dsack_dups += segs;
	if (sk->dsack_dups > sk->total_retrans)
		return 0; /* more duplicates than we ever sent again */
	*flag |= FLAG_DSACKING_ACK;
	return segs;
}

static bool block_valid(const struct sock *sk, bool dsack, seq_t from, seq_t to)
{
	if (seq_gt(to, sk->snd_nxt) || !seq_lt(from, to) || !seq_lt(from, sk->snd_nxt))
		return false;
	if (seq_gt(from, sk->snd_una))
		return true;
	if (!dsack || !sk->undo_marker.n || seq_gt(to, sk->snd_una))
		return false;
	if (!seq_lt(from, sk->undo_marker))
		return true;
	if (!seq_gt(to, sk->undo_marker))
		return false;
	return !seq_lt(from, seq_of(to.n - sk->max_window));
}

/* Gives  FLAG_* for tcp_ack_in; adds duplicate segments to *delivered. */
uint32_t tcp_dsack_in(struct ho_stack *st, struct sock *sk, struct tcp_rx *t, seq_t prior_una, uint32_t *delivered)
{
	uint32_t flag = 0, segs;
	seq_t from, to;
	bool dsack;

	if (!sk->sack_ok)
		return 0;
	tcp_options_of(t);
	if (!t->opt.sack_count)
		return 0;
	from = seq_of(t->opt.sack[0][0]);
	to = seq_of(t->opt.sack[0][1]);
	dsack = dsack_found(st, sk, t, from, to);
	if (dsack) {
		segs = duplicate_segments(sk, from, to, &flag);
		if (!segs) {
			count(st, sk, HO_TcpExtTCPDSACKIgnoredDubious);
			dsack = false;
		} else {
			count_add(st, sk, HO_TcpExtTCPDSACKRecvSegs, (int32_t)segs);
			*delivered += segs;
			if (sk->undo_marker.n && sk->undo_retrans && !seq_gt(to, prior_una) && seq_gt(to, sk->undo_marker))
				sk->undo_retrans -= min_u32(segs, sk->undo_retrans);
		}
	}
	if (sk->packets_out == 0)
		return flag;
	if (dsack && !block_valid(sk, true, from, to))
		count(st, sk, sk->undo_marker.n ? HO_TcpExtTCPDSACKIgnoredOld : HO_TcpExtTCPDSACKIgnoredNoUndo);
	return flag;
}
