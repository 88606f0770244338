/* SPDX-License-Identifier: MIT
 * Who is busy, and who only was.
 *
 * A connection takes its struct busy at the first segment or call that may need one, and keeps it: steady traffic neither
 * takes nor gives.  It is taken away when another connection needs one, and not before: those that are given out stand in a
 * ring, and whoever needs one looks at the few who have had theirs for the longest; from an idle one it goes over.  So an idle
 * connection costs no time, there are about as many as there ever were busy connections at once, and at least BUSY_KEPT, so that
 * as many connections as that never lose theirs.
 *
 * Idle is only who would get back what is taken.  What Linux keeps for the life of a connection is in struct sock; the rest must
 * be as in busy_at_rest, or follow from struct sock (begin).  Who has ever lost, retransmitted, reordered, or left slow
 * start has state of CUBIC or sums for tcp_info that do not: he stays busy for good, as does whoever has BBR. */
#include "tcp_cc.h"

#define BUSY_KEPT 128u
#define BUSY_LOOKS 4
#define BUSY_LOOKS_WITHOUT_MEMORY 1024
#define MTU_BASE_MSS 1024u /* net.ipv4.tcp_base_mss, if nobody changes it */

const struct busy busy_at_rest = {
	.sent_order = {(struct list *)&busy_at_rest.sent_order, (struct list *)&busy_at_rest.sent_order},
	.sent_lost = {(struct list *)&busy_at_rest.sent_lost, (struct list *)&busy_at_rest.sent_lost},
	.rack_edge = (struct list *)&busy_at_rest.sent_order,
	.route = {.until_ms = UINT64_MAX},
	.rack = {.reo_wnd_steps = 1},
	.cubic = {.curr_rtt_us = UINT32_MAX},
};

/* ---- what follows from struct sock ---- */

static bool connected(const struct sock *sk)
{
	return state_is(sk, IN_(HO_ESTABLISHED) | IN_(HO_CLOSE_WAIT));
}

static uint32_t mtu_search_low(const struct sock *sk)
{
	return MTU_BASE_MSS + sk->tcp_header_bytes + 20;
}

static uint32_t mtu_search_high(const struct sock *sk)
{
	return min_u32(sk->mss_clamp + 40, sk->pmtu);
}

static void begin(struct busy *b, struct sock *sk)
{
	memset(b, 0, sizeof(*b));
	b->sk = sk;
	b->write_timer.kind = T_WRITE;
	b->delack_timer.kind = T_DELACK;
	b->compress_timer.kind = T_COMPRESS;
	b->pace_timer.kind = T_PACE;
	list_init(&b->sent_order);
	list_init(&b->sent_lost);
	b->rack_edge = &b->sent_order;
	b->rack.reo_wnd_steps = 1;
	b->snd_sml = b->snd_up = b->cwnd_usage_seq = sk->snd_una;
	b->route.until_ms = sk->route_mtu ? UINT64_MAX : 0;
	if (!connected(sk))
		return;
	b->mtup.search_low = mtu_search_low(sk);
	b->mtup.search_high = mtu_search_high(sk);
	if (sk->cc == &cc_cubic) {
		b->cubic.end_seq = sk->snd_una;
		b->cubic.curr_rtt_us = UINT32_MAX;
		b->cubic.round_start_us = b->cubic.last_ack_us = sk->rcv_tstamp_ms * 1000;
	}
}

/* ---- idle? ---- */

/* HyStart has looked at nothing yet since it last began anew, and would begin anew before it does: below its window it only waits. */
static bool cubic_at_rest(const struct sock *sk)
{
	const struct busy *b = sk->busy;

	return (b->cubic.cnt | b->cubic.last_max_cwnd | b->cubic.last_cwnd | b->cubic.last_time_ms | b->cubic.origin_point |
	        b->cubic.k | b->cubic.epoch_start_ms | b->cubic.ack_cnt | b->cubic.tcp_cwnd | b->cubic.sample_count |
	        b->cubic.found) == 0 && b->cubic.curr_rtt_us == UINT32_MAX &&
	       seq_eq(b->cubic.end_seq, sk->snd_una) && sk->snd_cwnd < CUBIC_HYSTART_LOW_WINDOW;
}

static bool route_at_rest(const struct sock *sk)
{
	const struct busy *b = sk->busy;

	return sk->route_mtu && b->route.until_ms == UINT64_MAX && !b->route.known && !b->route.locked && !b->route.quickack &&
	       !b->route.initcwnd && !b->route.rto_min_ms;
}

static bool timers_at_rest(const struct busy *b)
{
	/* the write timer may be armed for nothing: tcp_timer_write_stop */
	return !timer_armed(&b->delack_timer) && !timer_armed(&b->compress_timer) && !timer_armed(&b->pace_timer);
}

static bool at_rest(const struct ho_stack *st, const struct sock *sk)
{
	const struct busy *b = sk->busy;

	if (!connected(sk) || sk->packets_out || sk->ca_state != CA_OPEN || !timers_at_rest(b) ||
	    memcmp(&b->wq_head, &busy_at_rest.wq_head, offsetof(struct busy, at_rest_end) - offsetof(struct busy, wq_head)) != 0)
		return false;
	if (b->ack.compressed || b->ack.dup_sent || b->rack.reo_wnd_steps != 1 || b->rack.reo_wnd_persist ||
	    b->rack.dsack_seen || b->rack.last_delivered)
		return false;
	if (b->last_oow_ack_ms && (uint32_t)st->now_ms - b->last_oow_ack_ms < st->ctl.tcp_invalid_ratelimit)
		return false;
	if (!route_at_rest(sk) || !seq_eq(b->snd_up, sk->snd_una) || b->wstamp_ns > st->now)
		return false;
	if (b->mtup.enabled || b->mtup.search_low != mtu_search_low(sk) || b->mtup.search_high != mtu_search_high(sk))
		return false;
	return sk->cc == &cc_reno || (sk->cc == &cc_cubic && cubic_at_rest(sk));
}

/* ---- taking and giving ---- */

static void leave(struct ho_stack *st, struct busy *b)
{
	list_del(&b->ring);
	wheel_cancel(&st->wheel, &b->write_timer);
	b->sk->busy = (struct busy *)&busy_at_rest;
}

static struct busy *take_over(struct ho_stack *st, unsigned looks)
{
	for (; looks > 0 && !list_empty(&st->busy_ring); looks--) {
		struct busy *b = container_of(st->busy_ring.next, struct busy, ring);

		if (at_rest(st, b->sk)) {
			leave(st, b);
			__builtin_prefetch(container_of(st->busy_ring.next, struct busy, ring)->sk);
			return b;
		}
		list_del(&b->ring);
		list_add_tail(&st->busy_ring, &b->ring);
	}
	return NULL;
}

bool busy_take(struct ho_stack *st, struct sock *sk)
{
	struct busy *b = NULL;

	if (st->busy_pool.used_count >= BUSY_KEPT)
		b = take_over(st, BUSY_LOOKS);
	if (b == NULL)
		b = pool_take(&st->busy_pool);
	if (unlikely(b == NULL))
		b = take_over(st, BUSY_LOOKS_WITHOUT_MEMORY);
	if (unlikely(b == NULL))
		return false;
	begin(b, sk);
	list_add_tail(&st->busy_ring, &b->ring);
	sk->busy = b;
	return true;
}

void busy_give(struct ho_stack *st, struct sock *sk)
{
	struct busy *b;

	if (!sock_is_busy(sk))
		return;
	b = sk->busy;
	leave(st, b);
	pool_give(&st->busy_pool, b);
}

void busy_give_idle(struct ho_stack *st)
{
	for (struct list *n = st->busy_ring.next, *next = n->next; n != &st->busy_ring; n = next, next = n->next) {
		struct sock *sk = container_of(n, struct busy, ring)->sk;

		if (at_rest(st, sk))
			busy_give(st, sk);
	}
}
