/* SPDX-License-Identifier: MIT
 * What an ACK acknowledges: the sender's half of an arriving segment.
 *
 *   old or from the future? -> window -> SACK blocks (tcp_sack.c) -> segments off the retransmission queue -> round trip
 *   -> anything strange: tcp_recovery.c -> timers -> congestion window (tcp_cc.c, PRR) -> what to send again
 *
 * Source: Linux 6.18 net/ipv4/tcp_input.c tcp_ack, tcp_clean_rtx_queue, tcp_ack_update_window, tcp_ack_update_rtt,
 * tcp_process_tlp_ack. */
#include "tcp.h"

/* RFC 7323 4.3: remember the timestamp of the segment that spans the last ACK we sent. */
static void ts_recent_replace(struct ho_stack *st, struct sock *sk, const struct tcp_rx *t)
{
	if (sk->busy->saw_ts && !seq_gt(t->seq, sk->rcv_wup) && (int32_t)(sk->busy->rcv_tsval - sk->ts_recent) >= 0)
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
			if (sk->busy->wq_head)
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

/* n packets have arrived at the other end. */
void tcp_delivered(struct sock *sk, uint32_t n, bool ece)
{
	sk->delivered += n;
	if (unlikely(ece))
		sk->busy->delivered_ce += n;
}

/* ---- off the retransmission queue ---- */

struct cleaned {
	uint32_t flag, packets;
	seq_t reord;                /* the lowest number that only now was acknowledged, never sent twice */
	uint64_t first_us, last_us; /* when the oldest and newest acknowledged segment, never sent twice, had left; 0 */
	uint32_t prior_sacked;
	seq_t prior_una;
};

/* Does the ACK answer an earlier transmission than the last one? */
static bool spurious_retransmission(const struct sock *sk, const struct seg *g)
{
	return unlikely(g->sacked & (SEG_RETRANS | SEG_EVER_RETRANS)) && sk->busy->saw_ts && sk->busy->rcv_tsecr &&
	       (int32_t)(sk->busy->rcv_tsecr - (uint32_t)(g->sent_us / 1000)) < 0;
}

/* Packets of g that the ACK covers, if not all.  Linux: tcp_tso_acked. */
static uint32_t packets_acked(struct ho_stack *st, struct sock *sk, struct seg *g)
{
	uint32_t pcount = g->pcount;

	if (mostly(!seq_gt(g->end_seq, sk->snd_una)))
		return pcount;
	if (pcount == 1 || !seq_gt(sk->snd_una, g->seq))
		return 0;
	seg_trim_head(st, sk, g, seq_sub(sk->snd_una, g->seq));
	return pcount - g->pcount;
}

/* Gives  true when g is acknowledged whole, and gone. */
static bool segment_acked(struct ho_stack *st, struct sock *sk, struct seg *g, struct acking *a, struct cleaned *c, bool ece)
{
	struct busy *b = sk->busy;
	bool whole = !seq_gt(g->end_seq, sk->snd_una);
	seq_t from = g->seq;
	uint32_t n = packets_acked(st, sk, g);

	if (!n)
		return false;
	if (unlikely(g->sacked & (SEG_RETRANS | SEG_EVER_RETRANS))) {
		if (g->sacked & SEG_RETRANS)
			b->retrans_out -= n;
		c->flag |= FLAG_RETRANS_ACKED;
	} else if (likely(!(g->sacked & SEG_SACKED))) {
		c->last_us = g->sent_us;
		if (!c->first_us)
			c->first_us = c->last_us;
		if (seq_lt(from, c->reord))
			c->reord = from;
		if (!seq_gt(g->end_seq, b->high_seq))
			c->flag |= FLAG_ORIG_SACK_ACKED;
	}
	if (unlikely(g->sacked & SEG_SACKED)) {
		b->sacked_out -= n;
	} else if (likely(sk->sack_ok)) {
		tcp_delivered(sk, n, ece);
		if (!spurious_retransmission(sk, g))
			tcp_rack_advance(st, sk, g->sacked, (struct sending){g->sent_us, g->sent_no, g->end_seq});
	}
	if (unlikely(g->sacked & SEG_LOST))
		b->lost_out -= n;
	sk->packets_out -= n;
	c->packets += n;
	tcp_rate_delivered(sk, &a->rate, g);
	if (unlikely(g->flags & TCP_SYN)) {
		c->flag |= FLAG_SYN_ACKED;
		b->retrans_stamp_ms = 0;
	} else {
		c->flag |= FLAG_DATA_ACKED;
	}
	if (mostly(whole))
		rtx_remove(st, sk, g);
	return whole;
}

static int64_t us_since(const struct ho_stack *st, uint64_t then_us)
{
	return st->now_us > then_us ? (int64_t)(st->now_us - then_us) : 0;
}

/* A lone small segment was acknowledged, and nothing else has happened: its ACK may have been delayed. */
static bool runt_acked(const struct sock *sk, const struct acking *a, const struct cleaned *c)
{
	const struct busy *b = sk->busy;

	return mostly(c->packets == 1) && likely(!c->prior_sacked) && mostly(seq_sub(sk->snd_una, c->prior_una) < sk->mss_cache) &&
	       mostly(a->rate.prior_delivered + 1 == (uint32_t)sk->delivered) && likely(!(c->flag & FLAG_SYN_ACKED)) &&
	       (mostly(!b->rtx_head) || !seq_lt(b->rtx_head->seq, sk->snd_una));
}

/* Gives  true when there was a sample.  Linux: tcp_ack_update_rtt. */
static bool round_trip(struct ho_stack *st, struct sock *sk, struct acking *a, const struct cleaned *c)
{
	int64_t rtt_us = -1, newest_us = -1;

	a->rate.rtt_us = -1;
	if (likely(c->first_us && !(c->flag & FLAG_RETRANS_ACKED))) {
		rtt_us = us_since(st, c->first_us);
		newest_us = us_since(st, c->last_us);
		a->rate.is_ack_delayed = runt_acked(sk, a, c);
	}
	if (unlikely(a->first_sack_us)) {
		if (rtt_us < 0)
			rtt_us = us_since(st, a->first_sack_us);
		newest_us = us_since(st, a->last_sack_us);
	}
	if (unlikely(rtt_us < 0 && (c->flag & FLAG_ACKED)))
		rtt_us = newest_us = tcp_rtt_of_ts(st, sk);
	if (unlikely(rtt_us < 0))
		return false;
	a->rate.rtt_us = newest_us;
	if (rarely(newest_us != (int64_t)tcp_min_rtt_us(sk)) || rarely(sk->rtt_min.best[0].at != (uint32_t)st->now_ms))
		tcp_min_rtt_update(st, sk, newest_us, a->rate.is_ack_delayed);
	tcp_rtt_sample(st, sk, rtt_us);
	return true;
}

/* Takes what is acknowledged off the queue.  Linux: tcp_clean_rtx_queue. */
static uint32_t rtx_clean(struct ho_stack *st, struct sock *sk, struct acking *a, seq_t prior_una, seq_t prior_high,
                          uint32_t *packets, bool ece)
{
	struct busy *b = sk->busy;
	struct cleaned c = {.reord = sk->snd_nxt, .prior_sacked = b->sacked_out, .prior_una = prior_una};
	bool sampled;

	while (b->rtx_head && segment_acked(st, sk, b->rtx_head, a, &c, ece))
		;
	if (!b->rtx_head)
		tcp_chrono_stop(st, sk, CHRONO_BUSY);
	if (unlikely(b->rtx_head && (b->rtx_head->sacked & SEG_SACKED)))
		c.flag |= FLAG_SACK_RENEGING;
	if (seq_gt(sk->snd_una, b->snd_up))
		b->snd_up = sk->snd_una;
	sampled = round_trip(st, sk, a, &c);
	*packets = c.packets;
	if (c.flag & FLAG_ACKED) {
		c.flag |= FLAG_SET_XMIT_TIMER;
		if (unlikely(b->mtup.probe_size && !seq_gt(b->mtup.probe_to, sk->snd_una)))
			tcp_mtu_probe_acked(st, sk);
		if (unlikely(!sk->sack_ok)) {
			tcp_reno_acked(st, sk, c.packets, ece);
			if (c.flag & FLAG_RETRANS_ACKED)
				c.flag &= ~FLAG_ORIG_SACK_ACKED;
		} else if (unlikely(seq_lt(c.reord, prior_high))) {
			tcp_sack_reordering(st, sk, c.reord, false);
		}
	} else if (b->rtx_head && sampled && a->first_sack_us && a->first_sack_us < b->rtx_head->sent_us) {
		/* the head was sent after what this sample is of: its timeout begins anew */
		c.flag |= FLAG_SET_XMIT_TIMER;
	}
	/* what was undone and then sent again was counted twice (as in Linux, which forgets it here) */
	if (!sk->packets_out && sk->sack_ok)
		b->retrans_out = 0;
	return c.flag;
}

/* ---- after that ---- */

/* What became of the tail loss probe (RFC 8985 7.4). */
cold_path static void probe_acked(struct ho_stack *st, struct sock *sk, const struct tcp_rx *t, uint32_t flag)
{
	if (seq_lt(t->ack, sk->busy->tlp_high_seq))
		return;
	if (!sk->busy->tlp_retrans || (flag & FLAG_DSACK_TLP))
		sk->busy->tlp_high_seq = seq_of(0);
	else if (seq_gt(t->ack, sk->busy->tlp_high_seq))
		tcp_loss_probe_recovered(st, sk);
	else if (!(flag & (FLAG_SND_UNA_ADVANCED | FLAG_NOT_DUP | FLAG_DATA_SACKED)))
		sk->busy->tlp_high_seq = seq_of(0);
}

static void xmit_timer_set(struct ho_stack *st, struct sock *sk)
{
	if (mostly(!tcp_loss_probe_schedule(st, sk, true)))
		tcp_rearm_rto(st, sk);
}

/* Data waits for the window: the probe timer (Linux: tcp_ack_probe). */
static void probe_timer(struct ho_stack *st, struct sock *sk)
{
	if (!sk->busy->wq_head)
		return;
	if (!seq_gt(sk->busy->wq_head->end_seq, tcp_wnd_end(sk))) {
		sk->busy->backoff = 0;
		sk->busy->probes_stamp_ms = 0;
		if (sk->busy->pending == WRITE_PROBE0)
			tcp_timer_write_stop(st, sk);
		return;
	}
	tcp_probe_timer(st, sk);
}

/* Counts what was delivered since, and gives it. */
hot_path static uint32_t newly_delivered(struct ho_stack *st, struct sock *sk, uint64_t before, uint32_t flag)
{
	uint32_t n = (uint32_t)(sk->delivered - before);

	if (unlikely(!n))
		return 0;
	count_add(st, sk, HO_TcpExtTCPDelivered, (int32_t)n);
	if (unlikely(flag & FLAG_ECE))
		count_add(st, sk, HO_TcpExtTCPDeliveredCE, (int32_t)n);
	return n;
}

static bool dubious(const struct sock *sk, uint32_t flag)
{
	return unlikely(!(flag & FLAG_NOT_DUP)) || unlikely(flag & FLAG_CA_ALERT) || unlikely(sk->ca_state != CA_OPEN);
}

static bool may_raise_cwnd(const struct ho_stack *st, const struct sock *sk, uint32_t flag)
{
	if (unlikely(sk->reordering > st->ctl.tcp_reordering))
		return flag & FLAG_FORWARD_PROGRESS;
	return flag & FLAG_DATA_ACKED;
}

/* Linux: tcp_cong_control. */
static void window_control(struct ho_stack *st, struct sock *sk, const struct rate_sample *rs, uint32_t flag)
{
	if (unlikely(tcp_cc_control(st, sk, rs)))
		return;
	if (unlikely(tcp_in_cwnd_reduction(sk)))
		tcp_cwnd_reduction(sk, rs->acked_sacked, rs->losses, flag);
	else if (mostly(may_raise_cwnd(st, sk, flag)))
		tcp_cc_acked(st, sk, rs->acked_sacked);
	tcp_pacing_rate_update(st, sk);
}

static void resend_now(struct ho_stack *st, struct sock *sk, enum resend resend)
{
	if (likely(resend == RESEND_NONE) || sk->state == HO_SYN_SENT)
		return;
	if (resend == RESEND_NEW) {
		tcp_push_pending(st, sk, tcp_current_mss(st, sk), NAGLE_OFF);
		if (seq_gt(sk->snd_nxt, sk->busy->high_seq))
			return;
		sk->busy->frto = false;
	}
	tcp_retransmit_lost(st, sk);
}

/* There was nothing outstanding. */
static int nothing_queued(struct ho_stack *st, struct sock *sk, const struct tcp_rx *t, uint32_t flag, uint64_t delivered)
{
	enum resend resend = RESEND_NONE;

	if (unlikely(flag & FLAG_DSACKING_ACK)) {
		tcp_recovery_on_ack(st, sk, sk->snd_una, 0, &flag, &resend);
		newly_delivered(st, sk, delivered, flag);
	}
	probe_timer(st, sk);
	if (unlikely(sk->busy->tlp_high_seq.n))
		probe_acked(st, sk, t, flag);
	return 1;
}

/* Field by field: clearing all of it costs more than the rest of a plain ACK. */
static void acking_begin(const struct sock *sk, struct acking *a)
{
	a->flag = a->delivered = 0;
	a->first_sack_us = a->last_sack_us = 0;
	a->rate.is_valid = a->rate.is_app_limited = a->rate.is_ack_delayed = false;
	a->rate.prior_delivered = 0;
	a->rate.prior_in_flight = tcp_in_flight(sk);
	a->rate.rtt_us = -1;
}

/* An ACK that was overtaken: its SACK blocks may still be news. */
cold_path static int old_ack(struct ho_stack *st, struct sock *sk, struct tcp_rx *t)
{
	enum resend resend = RESEND_NONE;
	uint64_t delivered = sk->delivered;
	struct acking a;
	uint32_t flag;

	if (t->header_bytes == 20 || !sk->sack_ok)
		return 0;
	tcp_options_of(t);
	if (!t->opt.sack_count)
		return 0;
	acking_begin(sk, &a);
	flag = tcp_sack_in(st, sk, t, sk->snd_una, &a);
	tcp_delivered(sk, a.delivered, false);
	tcp_recovery_on_ack(st, sk, sk->snd_una, 0, &flag, &resend);
	newly_delivered(st, sk, delivered, flag);
	resend_now(st, sk, resend);
	return 0;
}

/* Gives  1 acceptable; 0 old; -1 acknowledges what was never sent, or is far too old (challenged). */
hot_path int tcp_ack_in(struct ho_stack *st, struct sock *sk, struct tcp_rx *t, uint32_t flag)
{
	struct busy *b = sk->busy;
	seq_t prior_una = sk->snd_una, prior_high;
	uint32_t prior_packets = sk->packets_out, packets = 0, dupacks = 0, n;
	uint64_t delivered = sk->delivered, lost = b->lost;
	enum resend resend = RESEND_NONE;
	struct acking a;
	bool reneged = b->is_sack_reneg;

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
	if (mostly(seq_gt(t->ack, prior_una))) {
		flag |= FLAG_SND_UNA_ADVANCED;
		sk->retransmits = 0;
	}
	prior_high = tcp_highest_sack(sk);
	acking_begin(sk, &a);
	if (rarely(flag & FLAG_UPDATE_TS_RECENT))
		ts_recent_replace(st, sk, t);
	if (mostly((flag & (FLAG_SLOWPATH | FLAG_SND_UNA_ADVANCED)) == FLAG_SND_UNA_ADVANCED)) {
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
			flag |= tcp_sack_in(st, sk, t, prior_una, &a);
		if (unlikely(tcp_ecn_echo(sk, t)))
			flag |= FLAG_ECE;
		if (unlikely(a.delivered))
			tcp_delivered(sk, a.delivered, flag & FLAG_ECE);
	}
	tcp_ecn_accept_cwr(sk, t);
	sk->err_soft = 0;
	sk->probes_out = 0;
	sk->rcv_tstamp_ms = (uint32_t)st->now_ms;
	if (!prior_packets)
		return nothing_queued(st, sk, t, flag, delivered);
	flag |= rtx_clean(st, sk, &a, prior_una, prior_high, &packets, flag & FLAG_ECE);
	tcp_rack_window_update(st, sk, &a);
	tcp_cc_pkts_acked(st, sk, packets, a.rate.rtt_us);
	if (unlikely(b->tlp_high_seq.n))
		probe_acked(st, sk, t, flag);
	if (unlikely(dubious(sk, flag))) {
		if (!(flag & FLAG_NOT_DUP))
			sk->confirm = true;
		if (!(flag & (FLAG_SND_UNA_ADVANCED | FLAG_NOT_DUP | FLAG_DSACKING_ACK)))
			dupacks = flag & FLAG_DATA ? 1 : max_u32(1, t->gso_segs);
		tcp_recovery_on_ack(st, sk, prior_una, dupacks, &flag, &resend);
	}
	if (mostly(flag & FLAG_SET_XMIT_TIMER))
		xmit_timer_set(st, sk);
	n = newly_delivered(st, sk, delivered, flag);
	tcp_rate_sample(st, sk, &a.rate, n, (uint32_t)(b->lost - lost), reneged);
	window_control(st, sk, &a.rate, flag);
	resend_now(st, sk, resend);
	return 1;
}
