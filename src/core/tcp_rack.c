/* SPDX-License-Identifier: MIT
 * RACK (RFC 8985): a segment is lost when one that was sent sufficiently later has arrived.
 *
 * sk->busy->sent_order holds what is outstanding and not SACKED by the time of its last transmission.  rack.sent is the
 * last-sent segment that has arrived; everything before it in that order is lost once rack.rtt_us and the reordering
 * window have passed since it was sent.  Source: Linux 6.18 net/ipv4/tcp_recovery.c. */
#include "tcp_cc.h"

#define RACK_STATIC_WINDOW 2u /* tcp_recovery */
#define RACK_NO_DUPTHRESH 4u
#define RACK_PERSIST 16u      /* recoveries that a wider window outlives */

static uint32_t reordering_window_us(const struct ho_stack *st, const struct sock *sk)
{
	uint64_t us;

	if (!sk->busy->reord_seen) {
		if (sk->ca_state >= CA_RECOVERY)
			return 0;
		if (sk->busy->sacked_out >= sk->reordering && !(st->ctl.tcp_recovery & RACK_NO_DUPTHRESH))
			return 0;
	}
	us = (uint64_t)(tcp_min_rtt_us(sk) >> 2) * sk->busy->rack.reo_wnd_steps;
	return us < sk->srtt_us >> 3 ? (uint32_t)us : sk->srtt_us >> 3;
}

/* Until g must be taken for lost, in us; <= 0: it is. */
int64_t tcp_rack_remaining_us(const struct ho_stack *st, const struct sock *sk, const struct seg *g, uint32_t window_us)
{
	return (int64_t)sk->busy->rack.rtt_us + window_us - (int64_t)(st->now_us - g->sent_us);
}

static struct seg *seg_sent(struct list *l)
{
	return container_of(l, struct seg, sent);
}

/* Moves on over what was sent before the last-sent that has arrived: that time never goes back. */
static void edge_advance(struct sock *sk)
{
	struct list *next;

	for (; (next = sk->busy->rack_edge->next) != &sk->busy->sent_order; sk->busy->rack_edge = next) {
		const struct seg *g = seg_sent(next);

		if (!tcp_sent_after(sk->busy->rack.sent, tcp_sending_of(g)))
			return;
	}
}

/* Gives  when to look again, for the last of those whose time has not come yet; 0: there is none. */
static uint32_t detect_loss(struct ho_stack *st, struct sock *sk)
{
	uint32_t window = reordering_window_us(st, sk);

	edge_advance(sk);
	while (sk->busy->rack_edge != &sk->busy->sent_order) {
		struct seg *g = seg_sent(sk->busy->sent_order.next);

		if (tcp_rack_remaining_us(st, sk, g, window) > 0)
			return (uint32_t)tcp_rack_remaining_us(st, sk, seg_sent(sk->busy->rack_edge), window);
		tcp_mark_lost(st, sk, g);
		rtx_sent_forget(sk, g);
	}
	return 0;
}

void tcp_rack_set_aside(struct sock *sk)
{
	struct list *next, *at;

	for (struct list *l = sk->busy->sent_order.next; l != &sk->busy->sent_order; l = next) {
		struct seg *g = seg_sent(l);

		next = l->next;
		if ((g->sacked & (SEG_LOST | SEG_RETRANS)) == SEG_LOST) {
			rtx_sent_forget(sk, g);
			at = sk->busy->sent_lost.prev; /* but for a head that was sent again just before, it is the last */
			while (at != &sk->busy->sent_lost && tcp_sent_after(tcp_sending_of(seg_sent(at)), tcp_sending_of(g)))
				at = at->prev;
			list_add_tail(at->next, l);
		}
	}
}

void tcp_rack_take_back(struct sock *sk)
{
	struct list *at = sk->busy->sent_order.next, *l;

	if (list_empty(&sk->busy->sent_lost))
		return;
	while ((l = sk->busy->sent_lost.next) != &sk->busy->sent_lost) {
		struct seg *g = seg_sent(l);

		while (at != &sk->busy->sent_order && !tcp_sent_after(tcp_sending_of(seg_sent(at)), tcp_sending_of(g)))
			at = at->next;
		list_del(l);
		list_add_tail(at, l);
	}
	sk->busy->rack_edge = &sk->busy->sent_order;
}

/* Gives  true when the reordering timer runs now. */
bool tcp_rack_mark_lost(struct ho_stack *st, struct sock *sk)
{
	uint32_t timeout_us;

	if (!sk->busy->rack.advanced)
		return false;
	sk->busy->rack.advanced = false;
	timeout_us = detect_loss(st, sk);
	if (timeout_us)
		tcp_timer_write(st, sk, WRITE_REORDER, (timeout_us + TCP_TIMEOUT_MIN_US + 999) / 1000);
	return timeout_us != 0;
}

/* What was sent so has arrived. */
void tcp_rack_advance(const struct ho_stack *st, struct sock *sk, uint8_t sacked, struct sending s)
{
	struct busy *b = sk->busy;
	uint32_t rtt_us = (uint32_t)(st->now_us - s.us);

	/* an answer as fast as that is the original's, which was late and not lost */
	if (unlikely(rtt_us < tcp_min_rtt_us(sk) && (sacked & (SEG_RETRANS | SEG_EVER_RETRANS))))
		return;
	b->rack.advanced = true;
	b->rack.rtt_us = rtt_us;
	if (tcp_sent_after(s, b->rack.sent))
		b->rack.sent = s;
}

void tcp_rack_on_timer(struct ho_stack *st, struct sock *sk)
{
	uint32_t flight = tcp_in_flight(sk);
	uint64_t lost = sk->busy->lost;

	detect_loss(st, sk);
	if (flight != tcp_in_flight(sk)) {
		if (sk->ca_state != CA_RECOVERY) {
			tcp_enter_recovery(st, sk, false);
			if (sk->cc->control == NULL)
				tcp_cwnd_reduction(sk, 1, (uint32_t)(sk->busy->lost - lost), 0);
		}
		tcp_retransmit_lost(st, sk);
	}
	if (sk->busy->pending != WRITE_RETRANS)
		tcp_rearm_rto(st, sk);
}

/* Each round trip that brings a D-SACK widens the window by min_rtt/4; 16 recoveries without narrow it again. */
void tcp_rack_window_update(const struct ho_stack *st, struct sock *sk, const struct acking *a)
{
	struct busy *b = sk->busy;

	if ((st->ctl.tcp_recovery & RACK_STATIC_WINDOW) || !a->rate.prior_delivered)
		return;
	if (unlikely((int32_t)(a->rate.prior_delivered - b->rack.last_delivered) < 0))
		b->rack.dsack_seen = false;
	if (unlikely(b->rack.dsack_seen)) {
		if (b->rack.reo_wnd_steps < 255)
			b->rack.reo_wnd_steps++;
		b->rack.dsack_seen = false;
		b->rack.last_delivered = (uint32_t)sk->delivered;
		b->rack.reo_wnd_persist = RACK_PERSIST;
	} else if (mostly(!b->rack.reo_wnd_persist)) {
		b->rack.reo_wnd_steps = 1;
	}
}
