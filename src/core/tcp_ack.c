/* SPDX-License-Identifier: MIT
 * What an ACK acknowledges: the sender's half of an arriving segment.
 *
 *   old or from the future? -> window -> segments off the retransmission queue -> round trip -> timers
 *   -> (in Loss: what to send again) -> congestion window
 *
 * Loss recovery is go-back: a timeout marks everything outstanding as lost, ACKs let it out again (tcp_out.c
 * tcp_retransmit_lost); high_seq acknowledged ends it.
 * Source: Linux 6.18 net/ipv4/tcp_input.c tcp_ack, tcp_clean_rtx_queue, tcp_ack_update_window, tcp_process_tlp_ack. */
#include "tcp.h"

/* RFC 7323 4.3: remember the timestamp of the segment that spans the last ACK we sent. */
static void ts_recent_replace(struct ho_stack *st, struct sock *sk, const struct tcp_rx *t)
{
	if (sk->saw_ts && !seq_gt(t->seq, sk->rcv_wup) && (int32_t)(sk->rcv_tsval - sk->ts_recent) >= 0)
		tcp_ts_recent_store(st, sk);
}

static void snd_una_advance(struct sock *sk, seq_t ack)
{
	sk->bytes_acked += seq_sub(ack, sk->snd_una);
	sk->snd_una = ack;
}

/* RFC 9293 3.10.7.4: is this window newer than the one we have?  Linux: tcp_may_update_window. */
static uint32_t window_update(struct ho_stack *st, struct sock *sk, const struct tcp_rx *t)
{
	uint32_t nwin = t->flags & TCP_SYN ? t->window : t->window << sk->snd_wscale;
	uint32_t flag = 0;

	if (seq_gt(t->ack, sk->snd_una) || seq_gt(t->seq, sk->snd_wl1) ||
	    (seq_eq(t->seq, sk->snd_wl1) && (nwin > sk->snd_wnd || !nwin))) {
		flag = FLAG_WIN_UPDATE;
		sk->snd_wl1 = t->seq;
		if (sk->snd_wnd != nwin) {
			sk->snd_wnd = nwin;
			sk->pred_flags = 0;
			tcp_fast_path_check(sk);
			if (sk->wq_head)
				tcp_slow_start_after_idle(st, sk);
			if (nwin > sk->max_window) {
				sk->max_window = nwin;
				tcp_mss_sync(st, sk, sk->pmtu);
			}
		}
	}
	snd_una_advance(sk, t->ack);
	return flag;
}

struct cleaned {
	uint32_t flag, packets, delivered;
	uint64_t first_us, last_us; /* when the oldest and newest acknowledged segment, never sent twice, had left; 0 */
};

static uint32_t segment_acked(struct ho_stack *st, struct sock *sk, struct seg *g, struct cleaned *c)
{
	uint32_t pcount = g->pcount;
	bool whole = !seq_gt(g->end_seq, sk->snd_una);

	if (!whole) {
		if (g->pcount == 1 || !seq_gt(sk->snd_una, g->seq))
			return 0;
		seg_trim_head(sk, g, seq_sub(sk->snd_una, g->seq));
		pcount -= g->pcount;
		if (!pcount)
			return 0;
	}
	if (g->sacked & SEG_EVER_RETRANS) {
		if (g->sacked & SEG_RETRANS)
			sk->retrans_out -= pcount;
		c->flag |= FLAG_RETRANS_ACKED;
	} else {
		c->last_us = g->sent_us;
		if (!c->first_us)
			c->first_us = c->last_us;
	}
	if (g->sacked & SEG_LOST)
		sk->lost_out -= pcount;
	sk->packets_out -= pcount;
	c->packets += pcount;
	c->delivered += pcount;
	if (g->flags & TCP_SYN) {
		c->flag |= FLAG_SYN_ACKED;
		sk->retrans_stamp_ms = 0;
	} else {
		c->flag |= FLAG_DATA_ACKED;
	}
	if (whole)
		rtx_remove(st, sk, g);
	return whole;
}

static void round_trip(struct ho_stack *st, struct sock *sk, const struct cleaned *c)
{
	if (c->first_us && !(c->flag & FLAG_RETRANS_ACKED)) {
		uint32_t newest = (uint32_t)(st->now_us - c->last_us);

		if (!sk->min_rtt_us || newest < sk->min_rtt_us)
			sk->min_rtt_us = newest ? newest : 1;
		tcp_rtt_sample(st, sk, (int64_t)(st->now_us - c->first_us));
	} else if (sk->saw_ts && sk->rcv_tsecr && (c->flag & FLAG_ACKED)) {
		tcp_rtt_sample_ts(st, sk);
	}
}

/* Takes what is acknowledged off the queue.  Linux: tcp_clean_rtx_queue. */
static void rtx_clean(struct ho_stack *st, struct sock *sk, struct cleaned *c)
{
	while (sk->rtx_head && segment_acked(st, sk, sk->rtx_head, c))
		;
	if (seq_gt(sk->snd_una, sk->snd_up))
		sk->snd_up = sk->snd_una;
	round_trip(st, sk, c);
	if (c->flag & FLAG_ACKED)
		c->flag |= FLAG_SET_XMIT_TIMER;
}

static void cwnd_reduce_once(struct sock *sk)
{
	sk->snd_ssthresh = tcp_cc_ssthresh(sk);
	sk->snd_cwnd = sk->snd_ssthresh;
	sk->snd_cwnd_cnt = 0;
}

/* What became of the tail loss probe (RFC 8985 7.4). */
static void probe_acked(struct ho_stack *st, struct sock *sk, const struct tcp_rx *t, uint32_t flag)
{
	if (seq_lt(t->ack, sk->tlp_high_seq))
		return;
	if (!sk->tlp_retrans || (flag & FLAG_DSACK_TLP)) {
		sk->tlp_high_seq = seq_of(0);
	} else if (seq_gt(t->ack, sk->tlp_high_seq)) {
		cwnd_reduce_once(sk);
		sk->tlp_high_seq = seq_of(0);
		count(st, sk, HO_TcpExtTCPLossProbeRecovery);
	} else if (!(flag & (FLAG_SND_UNA_ADVANCED | FLAG_NOT_DUP))) {
		sk->tlp_high_seq = seq_of(0);
	}
}

/* Without SACK only something beyond it ends it (RFC 6582 4.1). */
static void loss_end(struct sock *sk)
{
	if (sk->ca_state != CA_LOSS || seq_lt(sk->snd_una, sk->high_seq))
		return;
	if (!sk->sack_ok && seq_eq(sk->snd_una, sk->high_seq)) {
		sk->retrans_stamp_ms = 0;
		return;
	}
	sk->ca_state = CA_OPEN;
	sk->undo_marker = seq_of(0);
	sk->retrans_stamp_ms = 0;
}

static void xmit_timer_set(struct ho_stack *st, struct sock *sk)
{
	if (!tcp_loss_probe_schedule(st, sk, true))
		tcp_rearm_rto(st, sk);
}

/* Data waits for the window: the probe timer (Linux: tcp_ack_probe). */
static void probe_timer(struct ho_stack *st, struct sock *sk)
{
	if (!sk->wq_head)
		return;
	if (!seq_gt(sk->wq_head->end_seq, tcp_wnd_end(sk))) {
		sk->backoff = 0;
		sk->probes_stamp_ms = 0;
		if (sk->pending == WRITE_PROBE0)
			tcp_timer_write_stop(st, sk);
		return;
	}
	tcp_probe_timer(st, sk);
}

static void delivered_add(struct ho_stack *st, struct sock *sk, uint32_t n)
{
	if (!n)
		return;
	sk->delivered += n;
	count_add(st, sk, HO_TcpExtTCPDelivered, (int32_t)n);
}

/* There was nothing outstanding. */
static int nothing_queued(struct ho_stack *st, struct sock *sk, const struct tcp_rx *t, uint32_t flag, uint32_t delivered)
{
	delivered_add(st, sk, delivered);
	probe_timer(st, sk);
	if (sk->tlp_high_seq.n)
		probe_acked(st, sk, t, flag);
	return 1;
}

static int old_ack(struct ho_stack *st, struct sock *sk, struct tcp_rx *t)
{
	uint32_t delivered = 0;

	if (t->header_bytes > 20 && sk->sack_ok)
		tcp_dsack_in(st, sk, t, sk->snd_una, &delivered);
	delivered_add(st, sk, delivered);
	return 0;
}

/* Gives  1 acceptable; 0 old; -1 acknowledges what was never sent, or is far too old (challenged). */
int tcp_ack_in(struct ho_stack *st, struct sock *sk, struct tcp_rx *t, uint32_t flag)
{
	seq_t prior_una = sk->snd_una;
	uint32_t prior_packets = sk->packets_out;
	struct cleaned c = {0};

	if (unlikely(seq_lt(t->ack, prior_una))) {
		uint32_t max = sk->bytes_acked < sk->max_window ? (uint32_t)sk->bytes_acked : sk->max_window;

		if (seq_lt(t->ack, seq_of(prior_una.n - max))) {
			if (!(flag & FLAG_NO_CHALLENGE_ACK))
				tcp_challenge_ack(st, sk);
			return -1;
		}
		return old_ack(st, sk, t);
	}
	if (unlikely(seq_gt(t->ack, sk->snd_nxt))) {
		if (!(flag & FLAG_NO_CHALLENGE_ACK))
			tcp_challenge_ack(st, sk);
		return -1;
	}
	if (seq_gt(t->ack, prior_una)) {
		flag |= FLAG_SND_UNA_ADVANCED;
		sk->retransmits = 0;
	}
	if (flag & FLAG_UPDATE_TS_RECENT)
		ts_recent_replace(st, sk, t);
	if ((flag & (FLAG_SLOWPATH | FLAG_SND_UNA_ADVANCED)) == FLAG_SND_UNA_ADVANCED) {
		sk->snd_wl1 = t->seq;
		snd_una_advance(sk, t->ack);
		flag |= FLAG_WIN_UPDATE;
		count(st, sk, HO_TcpExtTCPHPAcks);
	} else {
		if (!seq_eq(t->seq, t->end_seq))
			flag |= FLAG_DATA;
		else
			count(st, sk, HO_TcpExtTCPPureAcks);
		flag |= window_update(st, sk, t);
		if (t->header_bytes > 20)
			flag |= tcp_dsack_in(st, sk, t, prior_una, &c.delivered);
	}
	sk->err_soft = 0;
	sk->probes_out = 0;
	sk->rcv_tstamp_ms = (uint32_t)st->now_ms;
	if (!prior_packets)
		return nothing_queued(st, sk, t, flag, c.delivered);
	rtx_clean(st, sk, &c);
	flag |= c.flag;
	if (sk->tlp_high_seq.n)
		probe_acked(st, sk, t, flag);
	loss_end(sk);
	if (flag & FLAG_SET_XMIT_TIMER)
		xmit_timer_set(st, sk);
	delivered_add(st, sk, c.delivered);
	if (c.packets)
		tcp_cc_acked(st, sk, c.packets);
	if (sk->ca_state == CA_LOSS && sk->state != HO_SYN_SENT)
		tcp_retransmit_lost(st, sk);
	return 1;
}
