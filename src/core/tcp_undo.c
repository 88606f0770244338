/* SPDX-License-Identifier: MIT
 * Taking a window reduction back, when it turns out that nothing was lost: timestamps (Eifel, RFC 3522) or D-SACKs for every
 * retransmission say so.  Source: Linux 6.18 net/ipv4/tcp_input.c tcp_try_undo_recovery, _dsack, _loss, _partial. */
#include "tcp.h"

/* Where undo begins, when a recovery does. */
void tcp_undo_init(struct sock *sk)
{
	sk->busy->undo_marker = sk->snd_una;
	sk->busy->undo_retrans = (int32_t)sk->busy->retrans_out;
	if (sk->busy->tlp_high_seq.n && sk->busy->tlp_retrans)
		sk->busy->undo_retrans++;
	if (!sk->busy->undo_retrans)
		sk->busy->undo_retrans = -1;
}

bool tcp_any_retrans_done(const struct sock *sk)
{
	return sk->busy->retrans_out || (sk->busy->rtx_head && (sk->busy->rtx_head->sacked & SEG_EVER_RETRANS));
}

/* Was what the ACK acknowledges sent before our first retransmission? */
static bool packet_delayed(const struct sock *sk)
{
	if (sk->busy->retrans_stamp_ms)
		return sk->busy->saw_ts && sk->busy->rcv_tsecr && (int32_t)(sk->busy->rcv_tsecr - sk->busy->retrans_stamp_ms) < 0;
	if (!sk->sack_ok && !seq_lt(sk->snd_una, sk->busy->high_seq))
		return false;
	return sk->state != HO_SYN_SENT; /* nothing was sent again yet */
}

static bool may_undo(const struct sock *sk)
{
	return sk->busy->undo_marker.n && (!sk->busy->undo_retrans || packet_delayed(sk));
}

static void unmark_lost(struct ho_stack *st, struct sock *sk)
{
	struct seg *g;

	rtx_index_make(st, sk);
	if (sk->busy->rtx_index.root) {
		while ((g = seg_of_node(tree_first(&sk->busy->rtx_index, RTX_LOST)))) {
			g->sacked &= (uint8_t)~SEG_LOST;
			rtx_changed(sk, g);
		}
	} else {
		for (g = sk->busy->rtx_head; g; g = g->next)
			g->sacked &= (uint8_t)~SEG_LOST;
	}
	tcp_rack_take_back(sk);
}

static void cwnd_undo(struct ho_stack *st, struct sock *sk, bool unmark)
{
	if (unmark) {
		unmark_lost(st, sk);
		sk->busy->lost_out = 0;
		sk->busy->retransmit_hint = NULL;
	}
	if (sk->busy->prior_ssthresh) {
		sk->snd_cwnd = tcp_cc_undo_cwnd(sk);
		if (sk->busy->prior_ssthresh > sk->snd_ssthresh) {
			sk->snd_ssthresh = sk->busy->prior_ssthresh;
			sk->ecn &= (uint8_t)~ECN_QUEUE_CWR;
		}
	}
	sk->snd_cwnd_stamp_ms = (uint32_t)st->now_ms;
	sk->busy->undo_marker = seq_of(0);
	sk->busy->rack.advanced = true; /* look at everything again */
}

/* Without SACK, hold the state until something above high_seq is acknowledged (RFC 6582). */
static bool reno_holds(struct sock *sk)
{
	if (!seq_eq(sk->snd_una, sk->busy->high_seq) || sk->sack_ok)
		return false;
	if (!tcp_any_retrans_done(sk))
		sk->busy->retrans_stamp_ms = 0;
	return true;
}

/* high_seq is acknowledged.  Gives  true when the state must be kept all the same. */
bool tcp_undo_recovery(struct ho_stack *st, struct sock *sk)
{
	if (may_undo(sk)) {
		cwnd_undo(st, sk, false);
		count(st, sk, sk->ca_state == CA_LOSS ? HO_TcpExtTCPLossUndo : HO_TcpExtTCPFullUndo);
	} else if (sk->busy->rack.reo_wnd_persist) {
		sk->busy->rack.reo_wnd_persist--;
	}
	if (reno_holds(sk))
		return true;
	tcp_ca_state_set(st, sk, CA_OPEN);
	return false;
}

bool tcp_undo_dsack(struct ho_stack *st, struct sock *sk)
{
	if (!sk->busy->undo_marker.n || sk->busy->undo_retrans)
		return false;
	if (sk->busy->rack.reo_wnd_persist < 16)
		sk->busy->rack.reo_wnd_persist++;
	cwnd_undo(st, sk, false);
	count(st, sk, HO_TcpExtTCPDSACKUndo);
	return true;
}

/* spurious: F-RTO has proved it. */
bool tcp_undo_loss(struct ho_stack *st, struct sock *sk, bool spurious)
{
	if (!spurious && !may_undo(sk))
		return false;
	cwnd_undo(st, sk, true);
	count(st, sk, HO_TcpExtTCPLossUndo);
	if (spurious)
		count(st, sk, HO_TcpExtTCPSpuriousRTOs);
	sk->retransmits = 0;
	if (reno_holds(sk))
		return true;
	if (spurious || sk->sack_ok)
		tcp_ca_state_set(st, sk, CA_OPEN);
	return true;
}

/* An ACK in the middle of a recovery.  Gives  true when nothing more is to be marked lost or sent again. */
bool tcp_undo_partial(struct ho_stack *st, struct sock *sk, seq_t prior_una)
{
	if (!sk->busy->undo_marker.n || !packet_delayed(sk))
		return false;
	/* the hole was filled by a delayed segment, not by ours */
	tcp_sack_reordering(st, sk, prior_una, true);
	if (sk->busy->retrans_out)
		return true;
	if (!tcp_any_retrans_done(sk))
		sk->busy->retrans_stamp_ms = 0;
	cwnd_undo(st, sk, true);
	count(st, sk, HO_TcpExtTCPPartialUndo);
	tcp_keep_open(st, sk);
	return false;
}
