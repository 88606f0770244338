/* SPDX-License-Identifier: MIT
 * The sender's congestion states, and what moves it from one to another.
 *
 *   Open      nothing strange
 *   Disorder  SACKs or duplicate ACKs, nothing is called lost yet
 *   CWR       the window is being reduced (ECN, a lost tail)
 *   Recovery  something is lost and is being sent again (RFC 6675 by RACK; RFC 6582 without SACK)
 *   Loss      the retransmission timer fired (F-RTO: RFC 5682)
 *
 * CWR and Recovery end when high_seq is acknowledged; in them the window follows PRR (RFC 6937).
 * Source: Linux 6.18 net/ipv4/tcp_input.c tcp_fastretrans_alert, tcp_process_loss, tcp_enter_recovery, tcp_enter_loss,
 * tcp_cwnd_reduction. */
#include "tcp_cc.h"

void tcp_ca_state_set(struct ho_stack *st, struct sock *sk, uint8_t state)
{
	if (state == CA_OPEN)
		sk->busy->is_sack_reneg = false;
	tcp_cc_state(st, sk, state);
	sk->ca_state = state;
}

static bool in_reduction(const struct sock *sk)
{
	return sk->ca_state == CA_CWR || sk->ca_state == CA_RECOVERY;
}

bool tcp_in_cwnd_reduction(const struct sock *sk)
{
	return in_reduction(sk);
}

/* What the threshold would be if the window were reduced now and taken back. */
uint32_t tcp_current_ssthresh(const struct sock *sk)
{
	if (in_reduction(sk))
		return sk->snd_ssthresh;
	return max_u32(sk->snd_ssthresh, (sk->snd_cwnd >> 1) + (sk->snd_cwnd >> 2));
}

/* ---- PRR ---- */

static void reduction_begin(struct ho_stack *st, struct sock *sk)
{
	sk->busy->high_seq = sk->snd_nxt;
	sk->busy->tlp_high_seq = seq_of(0);
	sk->snd_cwnd_cnt = 0;
	sk->busy->prior_cwnd = sk->snd_cwnd;
	sk->busy->prr_delivered = sk->busy->prr_out = 0;
	sk->snd_ssthresh = tcp_cc_ssthresh(st, sk);
	if (sk->ecn & ECN_OK)
		sk->ecn |= ECN_QUEUE_CWR;
}

/* delivered, lost: packets that this ACK told of. */
void tcp_cwnd_reduction(struct sock *sk, uint32_t delivered, uint32_t lost, uint32_t flag)
{
	int32_t flight = (int32_t)tcp_in_flight(sk), room = (int32_t)sk->snd_ssthresh - flight, send;

	if (!delivered || !sk->busy->prior_cwnd)
		return;
	sk->busy->prr_delivered += delivered;
	if (room < 0) {
		uint64_t n = (uint64_t)sk->snd_ssthresh * sk->busy->prr_delivered + sk->busy->prior_cwnd - 1;

		send = (int32_t)(n / sk->busy->prior_cwnd) - (int32_t)sk->busy->prr_out;
	} else {
		send = max_i32((int32_t)(sk->busy->prr_delivered - sk->busy->prr_out), (int32_t)delivered);
		if ((flag & FLAG_SND_UNA_ADVANCED) && !lost)
			send++;
		send = min_i32(room, send);
	}
	send = max_i32(send, sk->busy->prr_out ? 0 : 1); /* the first retransmission goes out at once */
	sk->snd_cwnd = (uint32_t)max_i32(flight + send, 1);
}

static void reduction_end(struct ho_stack *st, struct sock *sk)
{
	if (sk->cc->control == NULL && sk->snd_ssthresh < TCP_INFINITE_SSTHRESH && (sk->ca_state == CA_CWR || sk->busy->undo_marker.n)) {
		sk->snd_cwnd = sk->snd_ssthresh;
		sk->snd_cwnd_stamp_ms = (uint32_t)st->now_ms;
	}
}

/* ---- into the states ---- */

void tcp_enter_cwr(struct ho_stack *st, struct sock *sk)
{
	sk->busy->prior_ssthresh = 0;
	if (sk->ca_state >= CA_CWR)
		return;
	sk->busy->undo_marker = seq_of(0);
	reduction_begin(st, sk);
	tcp_ca_state_set(st, sk, CA_CWR);
}

void tcp_enter_recovery(struct ho_stack *st, struct sock *sk, bool ece)
{
	if (!tcp_any_retrans_done(sk))
		sk->busy->retrans_stamp_ms = 0;
	count(st, sk, sk->sack_ok ? HO_TcpExtTCPSackRecovery : HO_TcpExtTCPRenoRecovery);
	sk->busy->prior_ssthresh = 0;
	tcp_undo_init(sk);
	if (!in_reduction(sk)) {
		if (!ece)
			sk->busy->prior_ssthresh = tcp_current_ssthresh(sk);
		reduction_begin(st, sk);
	}
	tcp_ca_state_set(st, sk, CA_RECOVERY);
}

/* The probe of a lost tail was acknowledged: one reduction, at once (RFC 8985 7.4.2). */
void tcp_loss_probe_recovered(struct ho_stack *st, struct sock *sk)
{
	reduction_begin(st, sk);
	tcp_ca_state_set(st, sk, CA_CWR);
	reduction_end(st, sk);
	tcp_keep_open(st, sk);
	count(st, sk, HO_TcpExtTCPLossProbeRecovery);
}

void tcp_keep_open(struct ho_stack *st, struct sock *sk)
{
	uint8_t state = sk->busy->sacked_out || sk->busy->lost_out || tcp_any_retrans_done(sk) ? CA_DISORDER : CA_OPEN;

	if (sk->ca_state == state)
		return;
	tcp_ca_state_set(st, sk, state);
	sk->busy->high_seq = sk->snd_nxt;
}

static void try_to_open(struct ho_stack *st, struct sock *sk, uint32_t flag)
{
	if (!tcp_any_retrans_done(sk))
		sk->busy->retrans_stamp_ms = 0;
	if (flag & FLAG_ECE)
		tcp_enter_cwr(st, sk);
	if (sk->ca_state != CA_CWR)
		tcp_keep_open(st, sk);
}

/* ---- what is lost ---- */

/* Linux: tcp_mark_skb_lost. */
void tcp_mark_lost(struct ho_stack *st, struct sock *sk, struct seg *g)
{
	if (g->sacked & SEG_SACKED)
		return;
	if (sk->busy->retransmit_hint && seq_lt(g->seq, sk->busy->retransmit_hint->seq))
		sk->busy->retransmit_hint = g;
	if (g->sacked & SEG_LOST) {
		if (!(g->sacked & SEG_RETRANS))
			return;
		g->sacked &= (uint8_t)~SEG_RETRANS;
		sk->busy->retrans_out -= g->pcount;
		count_add(st, sk, HO_TcpExtTCPLostRetransmit, g->pcount);
	} else {
		g->sacked |= SEG_LOST;
		sk->busy->lost_out += g->pcount;
	}
	sk->busy->lost += g->pcount;
	rtx_changed(sk, g);
}

static void timeout_mark_lost(struct ho_stack *st, struct sock *sk)
{
	struct seg *head = sk->busy->rtx_head;
	bool reneged = head && (head->sacked & SEG_SACKED);

	if (reneged) {
		count(st, sk, HO_TcpExtTCPSACKReneging);
		sk->busy->sacked_out = 0;
		sk->busy->is_sack_reneg = true;
	} else if (!sk->sack_ok) {
		sk->busy->sacked_out = 0;
	}
	for (struct seg *g = head; g; g = g->next) {
		if (reneged) {
			g->sacked &= (uint8_t)~SEG_SACKED;
			rtx_changed(sk, g);
		} else if (g != head && tcp_rack_remaining_us(st, sk, g, 0) > 0) {
			continue; /* sent just now */
		}
		tcp_mark_lost(st, sk, g);
	}
	tcp_rack_set_aside(sk);
	sk->busy->retransmit_hint = NULL;
}

void tcp_enter_loss(struct ho_stack *st, struct sock *sk)
{
	bool fresh = sk->ca_state < CA_RECOVERY;
	uint32_t normal = st->ctl.tcp_reordering;

	timeout_mark_lost(st, sk);
	if (sk->ca_state <= CA_DISORDER || !seq_gt(sk->busy->high_seq, sk->snd_una) ||
	    (sk->ca_state == CA_LOSS && !sk->retransmits)) {
		sk->busy->prior_ssthresh = tcp_current_ssthresh(sk);
		sk->busy->prior_cwnd = sk->snd_cwnd;
		sk->snd_ssthresh = tcp_cc_ssthresh(st, sk);
		tcp_undo_init(sk);
	}
	sk->snd_cwnd = tcp_in_flight(sk) + 1;
	sk->snd_cwnd_cnt = 0;
	sk->snd_cwnd_stamp_ms = (uint32_t)st->now_ms;
	if (sk->ca_state <= CA_DISORDER && sk->busy->sacked_out >= normal)
		sk->reordering = min_u32(sk->reordering, normal);
	tcp_ca_state_set(st, sk, CA_LOSS);
	sk->busy->high_seq = sk->snd_nxt;
	sk->busy->tlp_high_seq = seq_of(0);
	if (sk->ecn & ECN_OK)
		sk->ecn |= ECN_QUEUE_CWR;
	sk->busy->frto = st->ctl.tcp_frto && (fresh || sk->retransmits);
}

/* Without SACK: three duplicate ACKs, or a partial ACK, mean the head (RFC 6582). */
static void reno_mark_lost(struct ho_stack *st, struct sock *sk, bool una_advanced)
{
	struct seg *g = sk->busy->rtx_head;

	if (!(sk->ca_state < CA_RECOVERY && sk->busy->sacked_out >= sk->reordering) &&
	    !(sk->ca_state == CA_RECOVERY && una_advanced))
		return;
	if (g->sacked & SEG_LOST)
		return;
	if (g->pcount > 1 && g->len_bytes > g->gso_size)
		seg_split(st, sk, g, g->gso_size, g->gso_size, true);
	tcp_mark_lost(st, sk, g);
}

static void identify_lost(struct ho_stack *st, struct sock *sk, uint32_t *flag)
{
	uint32_t retrans = sk->busy->retrans_out;

	if (!sk->busy->rtx_head)
		return;
	if (!sk->sack_ok) {
		reno_mark_lost(st, sk, *flag & FLAG_SND_UNA_ADVANCED);
		return;
	}
	if (tcp_rack_mark_lost(st, sk))
		*flag &= ~FLAG_SET_XMIT_TIMER;
	if (retrans > sk->busy->retrans_out)
		*flag |= FLAG_LOST_RETRANS;
}

/* ---- without SACK, duplicate ACKs stand for what has arrived ---- */

bool tcp_reno_limit(struct sock *sk)
{
	uint32_t holes = min_u32(max_u32(sk->busy->lost_out, 1), sk->packets_out);

	if (sk->busy->sacked_out + holes <= sk->packets_out)
		return false;
	sk->busy->sacked_out = sk->packets_out - holes;
	return true;
}

static void reno_reordering(struct ho_stack *st, struct sock *sk, uint32_t more)
{
	if (!tcp_reno_limit(sk))
		return;
	sk->reordering = min_u32(sk->packets_out + more, st->ctl.tcp_max_reordering);
	sk->busy->reord_seen++;
	count(st, sk, HO_TcpExtTCPRenoReorder);
}

static void reno_dupacks(struct ho_stack *st, struct sock *sk, uint32_t n, bool ece)
{
	uint32_t before = sk->busy->sacked_out;

	if (!n)
		return;
	sk->busy->sacked_out += n;
	reno_reordering(st, sk, 0);
	if (sk->busy->sacked_out > before)
		tcp_delivered(sk, sk->busy->sacked_out - before, ece);
}

/* packets were acknowledged: one of them was the hole, the rest are the duplicate ACKs' */
void tcp_reno_acked(struct ho_stack *st, struct sock *sk, uint32_t packets, bool ece)
{
	if (packets) {
		tcp_delivered(sk, packets > sk->busy->sacked_out + 1 ? packets - sk->busy->sacked_out : 1, ece);
		sk->busy->sacked_out -= min_u32(packets - 1, sk->busy->sacked_out);
	}
	reno_reordering(st, sk, packets);
}

/* ---- an ACK in a state that is not plainly Open ---- */

/* What lay SACKED at the head was not acknowledged: the receiver threw it away.  Waits a little before believing it. */
static bool reneging(struct ho_stack *st, struct sock *sk, uint32_t *flag)
{
	if (!(*flag & FLAG_SACK_RENEGING) || !(*flag & FLAG_SND_UNA_ADVANCED))
		return false;
	tcp_timer_write(st, sk, WRITE_RETRANS, max_u32(((sk->srtt_us >> 4) + 999) / 1000, 10));
	*flag &= ~FLAG_SET_XMIT_TIMER;
	return true;
}

static void in_loss(struct ho_stack *st, struct sock *sk, uint32_t flag, uint32_t dupacks, enum resend *resend)
{
	bool recovered = !seq_lt(sk->snd_una, sk->busy->high_seq);

	if ((flag & FLAG_SND_UNA_ADVANCED) && tcp_undo_loss(st, sk, false))
		return;
	if (sk->busy->frto) {
		if ((flag & FLAG_ORIG_SACK_ACKED) && tcp_undo_loss(st, sk, true))
			return;
		if (seq_gt(sk->snd_nxt, sk->busy->high_seq)) {
			if ((flag & FLAG_DATA_SACKED) || dupacks)
				sk->busy->frto = false;
		} else if ((flag & FLAG_SND_UNA_ADVANCED) && !recovered) {
			sk->busy->high_seq = sk->snd_nxt;
			if (sk->busy->wq_head && seq_gt(tcp_wnd_end(sk), sk->snd_nxt)) {
				*resend = RESEND_NEW;
				return;
			}
			sk->busy->frto = false;
		}
	}
	if (recovered) {
		tcp_undo_recovery(st, sk);
		return;
	}
	if (!sk->sack_ok) {
		if (seq_gt(sk->snd_nxt, sk->busy->high_seq) && dupacks)
			reno_dupacks(st, sk, dupacks, flag & FLAG_ECE);
		else if (flag & FLAG_SND_UNA_ADVANCED)
			sk->busy->sacked_out = 0;
	}
	*resend = RESEND_LOST;
}

/* Gives  true when the ACK is done with. */
static bool high_seq_acked(struct ho_stack *st, struct sock *sk)
{
	switch (sk->ca_state) {
	case CA_CWR:
		if (!seq_eq(sk->snd_una, sk->busy->high_seq)) {
			reduction_end(st, sk);
			tcp_ca_state_set(st, sk, CA_OPEN);
		}
		return false;
	case CA_RECOVERY:
		if (!sk->sack_ok)
			sk->busy->sacked_out = 0;
		if (tcp_undo_recovery(st, sk))
			return true;
		reduction_end(st, sk);
		return false;
	default:
		return false;
	}
}

/* Gives  true when the ACK is done with. */
static bool in_recovery(struct ho_stack *st, struct sock *sk, seq_t prior_una, uint32_t dupacks, uint32_t *flag)
{
	if (!(*flag & FLAG_SND_UNA_ADVANCED)) {
		if (!sk->sack_ok)
			reno_dupacks(st, sk, dupacks, *flag & FLAG_ECE);
	} else if (tcp_undo_partial(st, sk, prior_una)) {
		return true;
	}
	if (tcp_undo_dsack(st, sk))
		try_to_open(st, sk, *flag);
	identify_lost(st, sk, flag);
	if (sk->ca_state != CA_RECOVERY) {
		if (!sk->busy->lost_out)
			return true;
		tcp_enter_recovery(st, sk, *flag & FLAG_ECE);
	}
	return false;
}

void tcp_recovery_on_ack(struct ho_stack *st, struct sock *sk, seq_t prior_una, uint32_t dupacks, uint32_t *flag,
                         enum resend *resend)
{
	if (!sk->packets_out && sk->busy->sacked_out)
		sk->busy->sacked_out = 0;
	if (*flag & FLAG_ECE)
		sk->busy->prior_ssthresh = 0;
	if (reneging(st, sk, flag))
		return;
	if (sk->ca_state == CA_OPEN)
		sk->busy->retrans_stamp_ms = 0;
	else if (!seq_lt(sk->snd_una, sk->busy->high_seq) && high_seq_acked(st, sk))
		return;
	switch (sk->ca_state) {
	case CA_RECOVERY:
		if (in_recovery(st, sk, prior_una, dupacks, flag))
			return;
		break;
	case CA_LOSS:
		in_loss(st, sk, *flag, dupacks, resend);
		if (sk->ca_state != CA_LOSS)
			tcp_rto_over(st, sk);
		identify_lost(st, sk, flag);
		if (sk->ca_state != CA_OPEN && !(*flag & FLAG_LOST_RETRANS))
			return;
		/* fallthrough */
	default:
		if (!sk->sack_ok) {
			if (*flag & FLAG_SND_UNA_ADVANCED)
				sk->busy->sacked_out = 0;
			reno_dupacks(st, sk, dupacks, *flag & FLAG_ECE);
		}
		if (sk->ca_state <= CA_DISORDER)
			tcp_undo_dsack(st, sk);
		identify_lost(st, sk, flag);
		if (!sk->busy->lost_out) {
			try_to_open(st, sk, *flag);
			return;
		}
		if (sk->ca_state < CA_CWR && sk->busy->mtup.probe_size && seq_eq(sk->snd_una, sk->busy->mtup.probe_from)) {
			tcp_mtu_probe_lost(st, sk);
			return;
		}
		tcp_enter_recovery(st, sk, *flag & FLAG_ECE);
	}
	*resend = RESEND_LOST;
}
