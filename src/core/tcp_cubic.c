/* SPDX-License-Identifier: MIT
 * CUBIC (RFC 9438) with HyStart (Ha, Rhee 2011), in Linux's arithmetic: the window is a cubic of the time since the last
 * reduction, W(t) = C (t - K)^3 + W_max, with C = 0.4 and beta = 717/1024; times in units of 1/1024 s, from a clock of
 * milliseconds.  HyStart leaves slow start when ACKs have come as a train for half of the shortest round trip (all of it, if
 * segments are paced), or when a round's first eight samples are slower than the shortest by an eighth (4..16 ms).
 * Source: Linux 6.18 net/ipv4/tcp_cubic.c. */
#include "tcp_cc.h"

#define BETA 717u          /* of 1024 */
#define BIC_SCALE 41u      /* C = 41 / 2^10 * ... = 0.4 */
#define CUBE_RTT_SCALE (BIC_SCALE * 10u)
#define HZ_BITS 10u        /* 2^10 = 1 s */
#define BETA_SCALE (8u * (1024u + BETA) / 3u / (1024u - BETA))
#define CUBE_FACTOR ((UINT64_C(1) << (10 + 3 * HZ_BITS)) / CUBE_RTT_SCALE)

#define HYSTART_LOW_WINDOW CUBIC_HYSTART_LOW_WINDOW
#define HYSTART_MIN_SAMPLES 8u
#define HYSTART_DELAY_MIN_US 4000u
#define HYSTART_DELAY_MAX_US 16000u
#define HYSTART_ACK_DELTA_US 2000u

static void epoch_reset(struct sock *sk)
{
	memset(&sk->busy->cubic, 0, sizeof(sk->busy->cubic));
	sk->delay_min_us = 0;
}

static void hystart_reset(struct ho_stack *st, struct sock *sk)
{
	struct busy *b = sk->busy;

	b->cubic.round_start_us = b->cubic.last_ack_us = (uint32_t)st->now_us;
	b->cubic.end_seq = sk->snd_nxt;
	b->cubic.curr_rtt_us = UINT32_MAX;
	b->cubic.sample_count = 0;
}

static void cubic_init(struct ho_stack *st, struct sock *sk)
{
	epoch_reset(sk);
	hystart_reset(st, sk);
}

/* Idle time is no time of the epoch. */
hot_path static void cubic_tx_start(struct ho_stack *st, struct sock *sk)
{
	struct busy *b = sk->busy;
	uint32_t now = (uint32_t)st->now_ms;
	int32_t idle = (int32_t)(now - sk->lsndtime_ms);

	if (rarely(b->cubic.epoch_start_ms) && idle > 0) {
		b->cubic.epoch_start_ms += (uint32_t)idle;
		if ((int32_t)(b->cubic.epoch_start_ms - now) > 0)
			b->cubic.epoch_start_ms = now;
	}
}

/* Integer cube root, rounded to nearest below, by bisection on bits: exact where Linux's table is within 0.2 %. */
static uint32_t cubic_root(uint64_t a)
{
	uint64_t y = 0;

	for (int s = 63; s >= 0; s -= 3) {
		uint64_t b;

		y += y;
		b = 3 * y * (y + 1) + 1;
		if ((a >> s) >= b) {
			a -= b << s;
			y++;
		}
	}
	return (uint32_t)y;
}

static void epoch_begin(struct sock *sk, uint32_t now, uint32_t cwnd, uint32_t acked)
{
	sk->busy->cubic.epoch_start_ms = now ? now : 1;
	sk->busy->cubic.ack_cnt = acked;
	sk->busy->cubic.tcp_cwnd = cwnd;
	if (sk->busy->cubic.last_max_cwnd <= cwnd) {
		sk->busy->cubic.k = 0;
		sk->busy->cubic.origin_point = cwnd;
	} else {
		sk->busy->cubic.k = cubic_root(CUBE_FACTOR * (sk->busy->cubic.last_max_cwnd - cwnd));
		sk->busy->cubic.origin_point = sk->busy->cubic.last_max_cwnd;
	}
}

/* What the cubic says for one minimal round trip from now. */
static uint32_t cubic_target(const struct sock *sk, uint32_t now)
{
	uint64_t t = (uint64_t)(uint32_t)(now - sk->busy->cubic.epoch_start_ms) + sk->delay_min_us / 1000, offs, delta;

	t = (t << HZ_BITS) / 1000;
	offs = t < sk->busy->cubic.k ? sk->busy->cubic.k - t : t - sk->busy->cubic.k;
	delta = (CUBE_RTT_SCALE * offs * offs * offs) >> (10 + 3 * HZ_BITS);
	return t < sk->busy->cubic.k ? sk->busy->cubic.origin_point - (uint32_t)delta : sk->busy->cubic.origin_point + (uint32_t)delta;
}

/* RFC 9438 4.3: where a Reno flow would be. */
static void friendliness(struct sock *sk, uint32_t cwnd)
{
	uint32_t delta = (cwnd * BETA_SCALE) >> 3;

	while (sk->busy->cubic.ack_cnt > delta && delta) {
		sk->busy->cubic.ack_cnt -= delta;
		sk->busy->cubic.tcp_cwnd++;
	}
	if (sk->busy->cubic.tcp_cwnd > cwnd) {
		uint32_t max_cnt = cwnd / (sk->busy->cubic.tcp_cwnd - cwnd);

		if (sk->busy->cubic.cnt > max_cnt)
			sk->busy->cubic.cnt = max_cnt;
	}
}

/* Sets cubic.cnt: ACKed packets for one packet more of window. */
static void cubic_update(struct ho_stack *st, struct sock *sk, uint32_t acked)
{
	uint32_t cwnd = sk->snd_cwnd, now = (uint32_t)st->now_ms, target;

	sk->busy->cubic.ack_cnt += acked;
	if (sk->busy->cubic.last_cwnd == cwnd && (int32_t)(now - sk->busy->cubic.last_time_ms) <= 1000 / 32)
		return;
	if (sk->busy->cubic.epoch_start_ms && now == sk->busy->cubic.last_time_ms)
		goto reno;
	sk->busy->cubic.last_cwnd = cwnd;
	sk->busy->cubic.last_time_ms = now;
	if (!sk->busy->cubic.epoch_start_ms)
		epoch_begin(sk, now, cwnd, acked);
	target = cubic_target(sk, now);
	sk->busy->cubic.cnt = target > cwnd ? cwnd / (target - cwnd) : 100 * cwnd;
	if (sk->busy->cubic.last_max_cwnd == 0 && sk->busy->cubic.cnt > 20)
		sk->busy->cubic.cnt = 20; /* no loss yet: probe faster */
reno:
	friendliness(sk, cwnd);
	sk->busy->cubic.cnt = max_u32(sk->busy->cubic.cnt, 2);
}

static void cubic_avoid(struct ho_stack *st, struct sock *sk, uint32_t acked)
{
	if (tcp_in_slow_start(sk)) {
		acked = tcp_slow_start(sk, acked);
		if (!acked)
			return;
	}
	cubic_update(st, sk, acked);
	tcp_cong_avoid_ai(sk, sk->busy->cubic.cnt, acked);
}

static uint32_t cubic_ssthresh(struct ho_stack *st, struct sock *sk)
{
	uint32_t cwnd = sk->snd_cwnd;

	(void)st;
	sk->busy->cubic.epoch_start_ms = 0;
	/* fast convergence: another flow takes its share */
	sk->busy->cubic.last_max_cwnd = cwnd < sk->busy->cubic.last_max_cwnd ? cwnd * (1024 + BETA) / (2 * 1024) : cwnd;
	return max_u32(cwnd * BETA / 1024, 2);
}

static void cubic_state(struct ho_stack *st, struct sock *sk, uint8_t state)
{
	if (state != CA_LOSS)
		return;
	epoch_reset(sk);
	hystart_reset(st, sk);
}

/* ---- HyStart ---- */

static uint32_t delay_threshold_us(uint32_t us)
{
	return us < HYSTART_DELAY_MIN_US ? HYSTART_DELAY_MIN_US : us > HYSTART_DELAY_MAX_US ? HYSTART_DELAY_MAX_US : us;
}

/* What aggregation by super-frames may add to a train. */
static uint32_t ack_delay_us(struct sock *sk)
{
	uint64_t rate = tcp_pacing_rate(sk), us;

	if (!rate)
		return 0;
	us = (uint64_t)TCP_GSO_MAX_BYTES * 4 * 1000000 / rate;
	return us < 1000 ? (uint32_t)us : 1000;
}

cold_path static void hystart_stop(struct ho_stack *st, struct sock *sk, uint32_t detect, uint32_t window)
{
	sk->busy->cubic.found = true;
	count(st, sk, detect);
	count_add(st, sk, window, (int32_t)sk->snd_cwnd);
	sk->snd_ssthresh = sk->snd_cwnd;
}

static void hystart_update(struct ho_stack *st, struct sock *sk, uint32_t delay_us)
{
	struct busy *b = sk->busy;
	uint32_t now = (uint32_t)st->now_us;

	if (mostly(seq_gt(sk->snd_una, b->cubic.end_seq)))
		hystart_reset(st, sk);
	if (mostly(sk->snd_cwnd < HYSTART_LOW_WINDOW))
		return;
	if ((int32_t)(now - b->cubic.last_ack_us) <= (int32_t)HYSTART_ACK_DELTA_US) {
		uint32_t threshold = sk->delay_min_us + ack_delay_us(sk);

		b->cubic.last_ack_us = now;
		if (!sk->paced)
			threshold >>= 1;
		if ((int32_t)(now - b->cubic.round_start_us) > (int32_t)threshold)
			hystart_stop(st, sk, HO_TcpExtTCPHystartTrainDetect, HO_TcpExtTCPHystartTrainCwnd);
	}
	if (b->cubic.curr_rtt_us > delay_us)
		b->cubic.curr_rtt_us = delay_us;
	if (b->cubic.sample_count < HYSTART_MIN_SAMPLES) {
		b->cubic.sample_count++;
	} else if (b->cubic.curr_rtt_us > sk->delay_min_us + delay_threshold_us(sk->delay_min_us >> 3)) {
		hystart_stop(st, sk, HO_TcpExtTCPHystartDelayDetect, HO_TcpExtTCPHystartDelayCwnd);
	}
}

hot_path static void cubic_acked(struct ho_stack *st, struct sock *sk, uint32_t packets, int64_t rtt_us)
{
	struct busy *b = sk->busy;
	uint32_t delay;

	(void)packets;
	if (unlikely(rtt_us < 0))
		return;
	if (rarely(b->cubic.epoch_start_ms) && (int32_t)((uint32_t)st->now_ms - b->cubic.epoch_start_ms) < 1000)
		return; /* samples right after a recovery are too long */
	delay = rtt_us ? (uint32_t)rtt_us : 1;
	if (unlikely(!sk->delay_min_us) || rarely(sk->delay_min_us > delay))
		sk->delay_min_us = delay;
	if (mostly(!b->cubic.found) && mostly(tcp_in_slow_start(sk)))
		hystart_update(st, sk, delay);
}

const struct cc cc_cubic = {
	.name = "cubic",
	.init = cubic_init,
	.ssthresh = cubic_ssthresh,
	.avoid = cubic_avoid,
	.state = cubic_state,
	.acked = cubic_acked,
	.tx_start = cubic_tx_start,
};
