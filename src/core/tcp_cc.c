/* SPDX-License-Identifier: MIT
 * The congestion window: the algorithms' table, Reno (RFC 5681), and when a window may grow at all.
 * Source: Linux 6.18 net/ipv4/tcp_cong.c tcp_slow_start, tcp_cong_avoid_ai, tcp_reno_cong_avoid; tcp_output.c
 * tcp_cwnd_validate. */
#include "tcp_cc.h"

static const struct cc *const algorithms[] = {&cc_cubic, &cc_reno, &cc_bbr};
#define ALGORITHMS (sizeof(algorithms) / sizeof(algorithms[0]))

const struct cc *tcp_cc_find(const char *name, size_t len_bytes)
{
	for (size_t i = 0; i < ALGORITHMS; i++)
		if (strlen(algorithms[i]->name) == len_bytes && memcmp(algorithms[i]->name, name, len_bytes) == 0)
			return algorithms[i];
	return NULL;
}

const struct cc *tcp_cc_default(void)
{
	return &cc_cubic;
}

const char *tcp_cc_name(const struct cc *cc)
{
	return cc->name;
}

_Static_assert(sizeof(((struct busy *)0)->bbr) >= sizeof(((struct busy *)0)->cubic), "tcp_cc_set clears the larger one");

void tcp_cc_set(struct ho_stack *st, struct sock *sk, const struct cc *cc)
{
	sk->cc = cc;
	if (sock_is_busy(sk))
		memset(&sk->busy->bbr, 0, sizeof(sk->busy->bbr));
	sk->delay_min_us = 0;
	if (unlikely(sk->state == HO_CLOSE || sk->state == HO_LISTEN))
		return; /* with the connection */
	sk->busy->prior_ssthresh = 0;
	if (cc->init != NULL)
		cc->init(st, sk);
}

bool tcp_cwnd_limited(const struct sock *sk)
{
	const struct busy *b = sk->busy;

	if (unlikely(b->is_cwnd_limited))
		return true;
	return tcp_in_slow_start(sk) && rarely(sk->snd_cwnd < 2 * b->max_packets_out);
}

uint32_t tcp_slow_start(struct sock *sk, uint32_t acked)
{
	uint32_t cwnd = min_u32(sk->snd_cwnd + acked, sk->snd_ssthresh);

	acked -= cwnd - sk->snd_cwnd;
	sk->snd_cwnd = cwnd;
	return acked;
}

void tcp_cong_avoid_ai(struct sock *sk, uint32_t w, uint32_t acked)
{
	if (sk->snd_cwnd_cnt >= w) {
		sk->snd_cwnd_cnt = 0;
		sk->snd_cwnd++;
	}
	sk->snd_cwnd_cnt += acked;
	if (sk->snd_cwnd_cnt >= w) {
		uint32_t delta = sk->snd_cwnd_cnt / w;

		sk->snd_cwnd_cnt -= delta * w;
		sk->snd_cwnd += delta;
	}
}

/* ---- Reno ---- */

static void reno_avoid(struct ho_stack *st, struct sock *sk, uint32_t acked)
{
	(void)st;
	if (tcp_in_slow_start(sk)) {
		acked = tcp_slow_start(sk, acked);
		if (!acked)
			return;
	}
	tcp_cong_avoid_ai(sk, sk->snd_cwnd, acked);
}

static uint32_t reno_ssthresh(struct ho_stack *st, struct sock *sk)
{
	(void)st;
	return max_u32(sk->snd_cwnd >> 1, 2);
}

const struct cc cc_reno = {.name = "reno", .ssthresh = reno_ssthresh, .avoid = reno_avoid};

/* ---- the doors ---- */

void tcp_cc_acked(struct ho_stack *st, struct sock *sk, uint32_t acked)
{
	if (unlikely(tcp_cwnd_limited(sk)))
		sk->cc->avoid(st, sk, acked);
}

uint32_t tcp_cc_ssthresh(struct ho_stack *st, struct sock *sk)
{
	return sk->cc->ssthresh(st, sk);
}

uint32_t tcp_cc_undo_cwnd(struct sock *sk)
{
	if (sk->cc->undo_cwnd != NULL)
		return sk->cc->undo_cwnd(sk);
	return max_u32(sk->snd_cwnd, sk->busy->prior_cwnd);
}

void tcp_cc_state(struct ho_stack *st, struct sock *sk, uint8_t state)
{
	if (sk->cc->state != NULL)
		sk->cc->state(st, sk, state);
}

void tcp_cc_pkts_acked(struct ho_stack *st, struct sock *sk, uint32_t packets, int64_t rtt_us)
{
	if (sk->cc->acked != NULL)
		sk->cc->acked(st, sk, packets, rtt_us);
}

void tcp_cc_tx_start(struct ho_stack *st, struct sock *sk)
{
	if (sk->cc->tx_start != NULL)
		sk->cc->tx_start(st, sk);
}

bool tcp_cc_control(struct ho_stack *st, struct sock *sk, const struct rate_sample *rs)
{
	if (mostly(sk->cc->control == NULL))
		return false;
	if (sk->state != HO_SYN_SENT) /* Linux calls it, and initialises the algorithm right after */
		sk->cc->control(st, sk, rs);
	return true;
}

/* What an algorithm is paced at that does not say: so much more than the window per round trip that pacing is not what
 * limits it.  Super-frames are sized by it, and HyStart looks at it.  Linux: tcp_update_pacing_rate. */
void tcp_pacing_rate_update(const struct ho_stack *st, struct sock *sk)
{
	uint32_t percent = sk->snd_cwnd < sk->snd_ssthresh / 2 ? st->ctl.tcp_pacing_ss_ratio : st->ctl.tcp_pacing_ca_ratio;

	sk->pacing_rate = (uint64_t)sk->mss_cache * 80000 * percent * max_u32(sk->snd_cwnd, sk->packets_out);
	sk->pacing_srtt_us = sk->srtt_us;
	if (unlikely(sk->paced))
		tcp_pacing_rate(sk);
}

/* ---- when it may grow ---- */

/* RFC 2861: a window that was not used says nothing about the network. */
cold_path static void application_limited(struct sock *sk, uint32_t now)
{
	if (sk->ca_state == CA_OPEN) {
		uint32_t win = max_u32(sk->busy->max_packets_out, tcp_init_cwnd(sk));

		if (win < sk->snd_cwnd) {
			sk->snd_ssthresh = max_u32(sk->snd_ssthresh, (sk->snd_cwnd >> 1) + (sk->snd_cwnd >> 2));
			sk->snd_cwnd = (sk->snd_cwnd + win) >> 1;
		}
	}
	sk->snd_cwnd_stamp_ms = now;
}

void tcp_cwnd_validate(struct ho_stack *st, struct sock *sk, bool is_cwnd_limited)
{
	struct busy *b = sk->busy;
	uint32_t now = (uint32_t)st->now_ms;

	if (mostly(!seq_lt(sk->snd_una, b->cwnd_usage_seq)) || is_cwnd_limited ||
	    (!b->is_cwnd_limited && sk->packets_out > b->max_packets_out)) {
		b->is_cwnd_limited = is_cwnd_limited;
		b->max_packets_out = sk->packets_out;
		b->cwnd_usage_seq = sk->snd_nxt;
	}
	if (unlikely(tcp_cwnd_limited(sk))) {
		sk->snd_cwnd_stamp_ms = now;
		return;
	}
	if (likely(st->ctl.tcp_slow_start_after_idle) && unlikely(now - sk->snd_cwnd_stamp_ms >= sk->rto_ms &&
	             sk->cc->control == NULL))
		application_limited(sk, now);
	if (unlikely(sk->seen_out) && unlikely(!b->wq_head && sk->fd >= 0 &&
	             state_is(sk, IN_(HO_ESTABLISHED) | IN_(HO_CLOSE_WAIT))))
		tcp_chrono_start(st, sk, CHRONO_SNDBUF);
}

/* RFC 5681 4.1: after an idle RTO start again from the initial window, halved once for each RTO. */
void tcp_slow_start_after_idle(struct ho_stack *st, struct sock *sk)
{
	uint32_t now = (uint32_t)st->now_ms;
	int64_t delta = (int32_t)(now - sk->lsndtime_ms);
	uint32_t restart, cwnd = sk->snd_cwnd;

	if (mostly(delta <= (int64_t)sk->rto_ms) || !st->ctl.tcp_slow_start_after_idle || sk->packets_out || sk->cc->control != NULL)
		return;
	restart = min_u32(tcp_init_cwnd(sk), cwnd);
	sk->snd_ssthresh = tcp_current_ssthresh(sk);
	while ((delta -= sk->rto_ms) > 0 && cwnd > restart)
		cwnd >>= 1;
	sk->snd_cwnd = max_u32(cwnd, restart);
	sk->snd_cwnd_stamp_ms = now;
	sk->busy->max_packets_out = 0;
}
