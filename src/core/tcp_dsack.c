/* SPDX-License-Identifier: MIT
 * D-SACK (RFC 2883) seen by the sender: the receiver got something twice.
 * Source: Linux 6.18 net/ipv4/tcp_input.c tcp_check_dsack, tcp_dsack_seen. */
#include "tcp.h"

/* Is the first block a D-SACK? */
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

/* Gives  how many segments were duplicate; 0: more than we ever sent again, or no sense. */
static uint32_t duplicate_segments(struct sock *sk, seq_t from, seq_t to, struct acking *a)
{
	uint32_t bytes = seq_sub(to, from), segs = 1;

	if (!seq_lt(from, to) || bytes > sk->max_window)
		return 0;
	if (bytes > sk->mss_cache)
		segs = (bytes + sk->mss_cache - 1) / sk->mss_cache;
	else if (sk->busy->tlp_high_seq.n && seq_eq(sk->busy->tlp_high_seq, to))
		a->flag |= FLAG_DSACK_TLP;
	sk->busy->dsack_dups += segs;
	if (sk->busy->dsack_dups > sk->busy->total_retrans)
		return 0;
	/* RFC 8985 6.2 step 4: reordering made us send again what was not lost */
	if (sk->busy->reord_seen && !(a->flag & FLAG_DSACK_TLP))
		sk->busy->rack.dsack_seen = true;
	a->flag |= FLAG_DSACKING_ACK;
	a->delivered += segs;
	return segs;
}

/* Gives  true when the first SACK block of t (it has one) is a D-SACK that makes sense. */
bool tcp_dsack_in(struct ho_stack *st, struct sock *sk, struct tcp_rx *t, seq_t prior_una, struct acking *a)
{
	seq_t from = seq_of(t->opt.sack[0][0]), to = seq_of(t->opt.sack[0][1]);
	uint32_t segs;

	if (!dsack_found(st, sk, t, from, to))
		return false;
	segs = duplicate_segments(sk, from, to, a);
	if (!segs) {
		count(st, sk, HO_TcpExtTCPDSACKIgnoredDubious);
		return false;
	}
	count_add(st, sk, HO_TcpExtTCPDSACKRecvSegs, (int32_t)segs);
	if (sk->busy->undo_marker.n && sk->busy->undo_retrans > 0 && !seq_gt(to, prior_una) && seq_gt(to, sk->busy->undo_marker))
		sk->busy->undo_retrans = max_i32(0, sk->busy->undo_retrans - (int32_t)segs);
	return true;
}
