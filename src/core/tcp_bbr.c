/* SPDX-License-Identifier: MIT
 * BBR, version 1 (Cardwell, Cheng, Gunn, Yeganeh, Jacobson 2016; draft-cardwell-iccrg-bbr-congestion-control-00): the window
 * and the rate follow a model of the path, not its losses.
 *
 *   bw       the greatest delivery rate of the last ten round trips
 *   min_rtt  the shortest round trip of the last ten seconds
 *
 *   STARTUP ---> DRAIN ---> PROBE_BW <---> PROBE_RTT
 *
 *   STARTUP    rate 2.89 bw, until bw has not grown by a quarter in three round trips: the pipe is full
 *   DRAIN      rate 0.34 bw, until what is in flight is what the pipe holds: the queue is gone
 *   PROBE_BW   a cycle of eight phases of min_rtt each: rate 1.25 bw, 0.75 bw, and six times bw
 *   PROBE_RTT  when min_rtt is older than ten seconds: four packets in flight for 200 ms and a round trip
 *
 * A policer lets through more than it will let pass for long: when two intervals of heavy loss have the same rate, that is
 * used for 48 round trips (long-term bandwidth).  Where ACKs come in bunches the window gets what they held back besides.
 *
 * Rates are packets per us << 24, gains are of 256.  Source: Linux 6.18 net/ipv4/tcp_bbr.c. */
#include "tcp_cc.h"

#define BW_SHIFT 24
#define BW_ONE (UINT64_C(1) << BW_SHIFT)
#define GAIN_SHIFT 8
#define GAIN_ONE 256u
#define GAIN_HIGH (GAIN_ONE * 2885 / 1000 + 1) /* 2/ln 2: the least that doubles each round trip */
#define GAIN_DRAIN (GAIN_ONE * 1000 / 2885)
#define GAIN_CWND (GAIN_ONE * 2)
#define CYCLE_PHASES 8u
#define BW_ROUNDS (CYCLE_PHASES + 2)
#define PACING_PERCENT 99u /* a little less than bw: the queue does not creep up */
#define CWND_MIN 4u
#define MIN_RTT_WINDOW_MS 10000u
#define PROBE_RTT_MS 200u
#define TSO_SLOW_BYTES (1200000u >> 3) /* below this rate a super-frame is one packet */
#define FULL_GROWTH (GAIN_ONE * 5 / 4)
#define FULL_ROUNDS 3u
#define LT_ROUNDS_MIN 4u
#define LT_ROUNDS_MAX (4 * LT_ROUNDS_MIN)
#define LT_ROUNDS_USE 48u
#define LT_LOSS 50u        /* of 256 packets */
#define LT_RATIO 32u       /* of 256: what counts as the same rate */
#define LT_DIFF_BYTES 500u /* per second: so does this */
#define EXTRA_ROUNDS 5u
#define EXTRA_US_MAX 100000u
#define EPOCH_PACKETS_MAX (1u << 20)

enum bbr_mode { STARTUP, DRAIN, PROBE_BW, PROBE_RTT };

static const uint16_t cycle_gain[CYCLE_PHASES] = {320, 192, 256, 256, 256, 256, 256, 256};

static uint32_t bw_max(const struct sock *sk)
{
	return winfilter_get(&sk->busy->bbr.bw);
}

static uint32_t bw_now(const struct sock *sk)
{
	return sk->busy->bbr.lt_use_bw ? sk->busy->bbr.lt_bw : bw_max(sk);
}

static uint64_t us_from(uint64_t from_us, uint64_t to_us)
{
	return to_us > from_us ? to_us - from_us : 0;
}

/* ---- pacing ---- */

static uint64_t bytes_per_second(const struct sock *sk, uint64_t bw, uint32_t gain)
{
	uint64_t rate = bw * sk->mss_cache * gain >> GAIN_SHIFT;

	return rate * (1000000 / 100 * PACING_PERCENT) >> BW_SHIFT;
}

static uint64_t rate_for(const struct sock *sk, uint64_t bw, uint32_t gain)
{
	uint64_t rate = bytes_per_second(sk, bw, gain);

	return rate < sk->habits->max_pacing_rate ? rate : sk->habits->max_pacing_rate;
}

/* Without a sample: the window per round trip; without that: per millisecond. */
static void pacing_rate_guess(struct sock *sk)
{
	uint32_t rtt_us = 1000;

	if (sk->srtt_us) {
		rtt_us = max_u32(sk->srtt_us >> 3, 1);
		sk->busy->bbr.has_seen_rtt = true;
	}
	sk->pacing_srtt_us = 0;
	sk->pacing_rate = rate_for(sk, sk->snd_cwnd * BW_ONE / rtt_us, GAIN_HIGH);
}

static void pacing_rate_set(struct sock *sk, uint32_t bw, uint32_t gain)
{
	uint64_t rate = rate_for(sk, bw, gain);

	if (!sk->busy->bbr.has_seen_rtt && sk->srtt_us)
		pacing_rate_guess(sk);
	if (sk->busy->bbr.full_bw_reached || rate > sk->pacing_rate)
		sk->pacing_rate = rate;
}

static uint32_t bbr_min_tso_segs(const struct sock *sk)
{
	return sk->pacing_rate < TSO_SLOW_BYTES ? 1 : 2;
}

/* Packets of a super-frame of a millisecond. */
static uint32_t tso_goal(const struct sock *sk)
{
	uint64_t bytes = sk->pacing_rate >> 10;

	if (bytes > TCP_GSO_MAX_BYTES)
		bytes = TCP_GSO_MAX_BYTES;
	return min_u32(max_u32((uint32_t)bytes / sk->mss_cache, bbr_min_tso_segs(sk)), 127);
}

/* ---- what the path holds ---- */

static uint32_t bdp(const struct sock *sk, uint32_t bw, uint32_t gain)
{
	uint64_t product;

	if (sk->busy->bbr.min_rtt_us == UINT32_MAX)
		return TCP_INIT_CWND;
	product = (uint64_t)bw * sk->busy->bbr.min_rtt_us;
	return (uint32_t)(((product * gain >> GAIN_SHIFT) + BW_ONE - 1) / BW_ONE);
}

/* What waits in super-frames, here and at the receiver, comes on top. */
static uint32_t with_quanta(const struct sock *sk, uint32_t packets)
{
	packets = (packets + 3 * tso_goal(sk) + 1) & ~1u;
	if (sk->busy->bbr.mode == PROBE_BW && sk->busy->bbr.cycle_phase == 0)
		packets += 2;
	return packets;
}

static uint32_t inflight_for(const struct sock *sk, uint32_t bw, uint32_t gain)
{
	return with_quanta(sk, bdp(sk, bw, gain));
}

/* What will be in the network when the next segment leaves. */
static uint32_t packets_in_net(const struct ho_stack *st, const struct sock *sk, uint32_t inflight)
{
	uint64_t wait_us = us_from(st->now, sk->busy->wstamp_ns) / HO_US;
	uint32_t delivered = (uint32_t)((uint64_t)bw_now(sk) * wait_us >> BW_SHIFT);

	if (sk->busy->bbr.pacing_gain > GAIN_ONE)
		inflight += tso_goal(sk);
	return delivered >= inflight ? 0 : inflight - delivered;
}

static uint32_t aggregation_cwnd(const struct sock *sk)
{
	if (!sk->busy->bbr.full_bw_reached)
		return 0;
	return min_u32(max_u32(sk->busy->bbr.extra_acked[0], sk->busy->bbr.extra_acked[1]),
	               (uint32_t)((uint64_t)bw_now(sk) * EXTRA_US_MAX / BW_ONE));
}

/* ---- window ---- */

static void cwnd_save(struct sock *sk)
{
	if (sk->busy->bbr.prev_ca_state < CA_RECOVERY && sk->busy->bbr.mode != PROBE_RTT)
		sk->busy->bbr.prior_cwnd = sk->snd_cwnd;
	else
		sk->busy->bbr.prior_cwnd = max_u32(sk->busy->bbr.prior_cwnd, sk->snd_cwnd);
}

/* In the first round trip of a recovery what arrives may be sent again and no more; after it the window is what it was.
 * Gives  true when *cwnd is settled. */
static bool recovery_cwnd(struct sock *sk, const struct rate_sample *rs, uint32_t *cwnd)
{
	uint8_t prev = sk->busy->bbr.prev_ca_state, state = sk->ca_state;
	uint32_t conserved = tcp_in_flight(sk) + rs->acked_sacked;

	if (rs->losses)
		*cwnd = (uint32_t)max_i32((int32_t)(*cwnd - rs->losses), 1);
	if (state == CA_RECOVERY && prev != CA_RECOVERY) {
		sk->busy->bbr.packet_conservation = true;
		sk->busy->bbr.next_rtt_delivered = (uint32_t)sk->delivered;
		*cwnd = conserved;
	} else if (prev >= CA_RECOVERY && state < CA_RECOVERY) {
		*cwnd = max_u32(*cwnd, sk->busy->bbr.prior_cwnd);
		sk->busy->bbr.packet_conservation = false;
	}
	sk->busy->bbr.prev_ca_state = state;
	if (sk->busy->bbr.packet_conservation)
		*cwnd = max_u32(*cwnd, conserved);
	return sk->busy->bbr.packet_conservation;
}

static void cwnd_set(struct sock *sk, const struct rate_sample *rs, uint32_t bw, uint32_t gain)
{
	uint32_t cwnd = sk->snd_cwnd, acked = rs->acked_sacked, target;

	if (acked && !recovery_cwnd(sk, rs, &cwnd)) {
		target = with_quanta(sk, bdp(sk, bw, gain) + aggregation_cwnd(sk));
		if (sk->busy->bbr.full_bw_reached)
			cwnd = min_u32(cwnd + acked, target);
		else if (cwnd < target || sk->delivered < TCP_INIT_CWND)
			cwnd += acked;
		cwnd = max_u32(cwnd, CWND_MIN);
	}
	sk->snd_cwnd = sk->busy->bbr.mode == PROBE_RTT ? min_u32(cwnd, CWND_MIN) : cwnd;
}

/* ---- modes ---- */

static void phase_next(struct sock *sk)
{
	sk->busy->bbr.cycle_phase = (sk->busy->bbr.cycle_phase + 1) % CYCLE_PHASES;
	sk->busy->bbr.cycle_us = sk->busy->delivered_us;
}

/* Anywhere in the cycle but in the phase that drains. */
static void probe_bw_enter(struct ho_stack *st, struct sock *sk)
{
	sk->busy->bbr.mode = PROBE_BW;
	sk->busy->bbr.cycle_phase = (uint8_t)(CYCLE_PHASES - 1 - ((uint64_t)stack_random(st) * (CYCLE_PHASES - 1) >> 32));
	phase_next(sk);
}

static void mode_return(struct ho_stack *st, struct sock *sk)
{
	if (sk->busy->bbr.full_bw_reached)
		probe_bw_enter(st, sk);
	else
		sk->busy->bbr.mode = STARTUP;
}

/* Probing goes on until there is as much in flight as asked for, or loss; draining ends as soon as the queue is gone. */
static bool phase_over(const struct ho_stack *st, const struct sock *sk, const struct rate_sample *rs)
{
	bool full_length = us_from(sk->busy->bbr.cycle_us, sk->busy->delivered_us) > sk->busy->bbr.min_rtt_us;
	uint32_t inflight, gain = sk->busy->bbr.pacing_gain;

	if (gain == GAIN_ONE)
		return full_length;
	inflight = packets_in_net(st, sk, rs->prior_in_flight);
	if (gain > GAIN_ONE)
		return full_length && (rs->losses || inflight >= inflight_for(sk, bw_max(sk), gain));
	return full_length || inflight <= inflight_for(sk, bw_max(sk), GAIN_ONE);
}

static void full_bw_check(struct sock *sk, const struct rate_sample *rs)
{
	if (sk->busy->bbr.full_bw_reached || !sk->busy->bbr.round_start || rs->is_app_limited)
		return;
	if (bw_max(sk) >= (uint32_t)((uint64_t)sk->busy->bbr.full_bw * FULL_GROWTH >> GAIN_SHIFT)) {
		sk->busy->bbr.full_bw = bw_max(sk);
		sk->busy->bbr.full_bw_rounds = 0;
		return;
	}
	sk->busy->bbr.full_bw_reached = ++sk->busy->bbr.full_bw_rounds >= FULL_ROUNDS;
}

static void drain_check(struct ho_stack *st, struct sock *sk)
{
	if (sk->busy->bbr.mode == STARTUP && sk->busy->bbr.full_bw_reached) {
		sk->busy->bbr.mode = DRAIN;
		sk->snd_ssthresh = inflight_for(sk, bw_max(sk), GAIN_ONE);
	}
	if (sk->busy->bbr.mode == DRAIN &&
	    packets_in_net(st, sk, tcp_in_flight(sk)) <= inflight_for(sk, bw_max(sk), GAIN_ONE))
		probe_bw_enter(st, sk);
}

static void probe_rtt_end_check(struct ho_stack *st, struct sock *sk)
{
	if (!sk->busy->bbr.probe_rtt_timed || (int32_t)((uint32_t)st->now_ms - sk->busy->bbr.probe_rtt_done_ms) <= 0)
		return;
	sk->busy->bbr.min_rtt_ms = (uint32_t)st->now_ms;
	sk->snd_cwnd = max_u32(sk->snd_cwnd, sk->busy->bbr.prior_cwnd);
	mode_return(st, sk);
}

static void probe_rtt_go_on(struct ho_stack *st, struct sock *sk)
{
	tcp_app_limited_set(sk); /* what is sampled now says nothing of bw */
	if (!sk->busy->bbr.probe_rtt_timed) {
		if (tcp_in_flight(sk) > CWND_MIN)
			return;
		sk->busy->bbr.probe_rtt_timed = true;
		sk->busy->bbr.probe_rtt_done_ms = (uint32_t)st->now_ms + PROBE_RTT_MS;
		sk->busy->bbr.probe_rtt_round_done = false;
		sk->busy->bbr.next_rtt_delivered = (uint32_t)sk->delivered;
		return;
	}
	if (sk->busy->bbr.round_start)
		sk->busy->bbr.probe_rtt_round_done = true;
	if (sk->busy->bbr.probe_rtt_round_done)
		probe_rtt_end_check(st, sk);
}

static void min_rtt_update(struct ho_stack *st, struct sock *sk, const struct rate_sample *rs)
{
	uint32_t now = (uint32_t)st->now_ms;
	bool expired = (int32_t)(now - sk->busy->bbr.min_rtt_ms) > (int32_t)MIN_RTT_WINDOW_MS;

	if (rs->rtt_us >= 0 && (rs->rtt_us < sk->busy->bbr.min_rtt_us || (expired && !rs->is_ack_delayed))) {
		sk->busy->bbr.min_rtt_us = (uint32_t)rs->rtt_us;
		sk->busy->bbr.min_rtt_ms = now;
	}
	if (expired && !sk->busy->bbr.idle_restart && sk->busy->bbr.mode != PROBE_RTT) {
		cwnd_save(sk);
		sk->busy->bbr.mode = PROBE_RTT;
		sk->busy->bbr.probe_rtt_timed = false;
	}
	if (sk->busy->bbr.mode == PROBE_RTT)
		probe_rtt_go_on(st, sk);
	if (rs->delivered > 0)
		sk->busy->bbr.idle_restart = false;
}

/* ---- long-term bandwidth ---- */

static void lt_interval_begin(struct sock *sk)
{
	sk->busy->bbr.lt_ms = (uint32_t)(sk->busy->delivered_us / 1000);
	sk->busy->bbr.lt_delivered = (uint32_t)sk->delivered;
	sk->busy->bbr.lt_lost = (uint32_t)sk->busy->lost;
	sk->busy->bbr.lt_rounds = 0;
}

static void lt_reset(struct sock *sk)
{
	sk->busy->bbr.lt_bw = 0;
	sk->busy->bbr.lt_use_bw = false;
	sk->busy->bbr.lt_sampling = false;
	lt_interval_begin(sk);
}

static void lt_interval_end(struct sock *sk, uint32_t bw)
{
	uint32_t diff = bw > sk->busy->bbr.lt_bw ? bw - sk->busy->bbr.lt_bw : sk->busy->bbr.lt_bw - bw;

	if (sk->busy->bbr.lt_bw && ((uint64_t)diff * GAIN_ONE <= (uint64_t)LT_RATIO * sk->busy->bbr.lt_bw ||
	                      bytes_per_second(sk, diff, GAIN_ONE) <= LT_DIFF_BYTES)) {
		sk->busy->bbr.lt_bw = (uint32_t)(((uint64_t)bw + sk->busy->bbr.lt_bw) >> 1);
		sk->busy->bbr.lt_use_bw = true;
		sk->busy->bbr.pacing_gain = GAIN_ONE;
		sk->busy->bbr.lt_rounds = 0;
		return;
	}
	sk->busy->bbr.lt_bw = bw;
	lt_interval_begin(sk);
}

/* An interval is 4 to 16 round trips, from a loss to a loss, with a fifth of the packets lost. */
static void lt_sample(struct ho_stack *st, struct sock *sk, const struct rate_sample *rs)
{
	uint32_t lost, delivered;
	int32_t ms;

	if (sk->busy->bbr.lt_use_bw) {
		if (sk->busy->bbr.mode == PROBE_BW && sk->busy->bbr.round_start && ++sk->busy->bbr.lt_rounds >= LT_ROUNDS_USE) {
			lt_reset(sk);
			probe_bw_enter(st, sk);
		}
		return;
	}
	if (!sk->busy->bbr.lt_sampling) {
		if (!rs->losses)
			return;
		lt_interval_begin(sk);
		sk->busy->bbr.lt_sampling = true;
	}
	if (!rs->is_app_limited && sk->busy->bbr.round_start)
		sk->busy->bbr.lt_rounds++;
	if (rs->is_app_limited || sk->busy->bbr.lt_rounds > LT_ROUNDS_MAX) {
		lt_reset(sk);
		return;
	}
	if (sk->busy->bbr.lt_rounds < LT_ROUNDS_MIN || !rs->losses)
		return;
	lost = (uint32_t)sk->busy->lost - sk->busy->bbr.lt_lost;
	delivered = (uint32_t)sk->delivered - sk->busy->bbr.lt_delivered;
	if (!delivered || (uint64_t)lost << GAIN_SHIFT < (uint64_t)LT_LOSS * delivered)
		return;
	ms = (int32_t)((uint32_t)(sk->busy->delivered_us / 1000) - sk->busy->bbr.lt_ms);
	if (ms < 1)
		return;
	if ((uint32_t)ms >= UINT32_MAX / 1000) {
		lt_reset(sk);
		return;
	}
	lt_interval_end(sk, (uint32_t)(delivered * BW_ONE / ((uint64_t)ms * 1000)));
}

/* ---- the model ---- */

static void bw_update(struct ho_stack *st, struct sock *sk, const struct rate_sample *rs)
{
	uint64_t bw;

	sk->busy->bbr.round_start = false;
	if (rs->delivered < 0 || rs->interval_us <= 0)
		return;
	if ((int32_t)(rs->prior_delivered - sk->busy->bbr.next_rtt_delivered) >= 0) {
		sk->busy->bbr.next_rtt_delivered = (uint32_t)sk->delivered;
		sk->busy->bbr.rounds++;
		sk->busy->bbr.round_start = true;
		sk->busy->bbr.packet_conservation = false;
	}
	lt_sample(st, sk, rs);
	bw = (uint64_t)rs->delivered * BW_ONE / (uint64_t)rs->interval_us;
	if (!rs->is_app_limited || bw >= bw_max(sk))
		winfilter_max(&sk->busy->bbr.bw, BW_ROUNDS, sk->busy->bbr.rounds, (uint32_t)bw);
}

/* How many packets more than bw allows were acknowledged at once; the most of five to ten round trips. */
static void aggregation_update(struct sock *sk, const struct rate_sample *rs)
{
	uint32_t expected, extra;

	if (!rs->acked_sacked || rs->delivered < 0 || rs->interval_us <= 0)
		return;
	if (sk->busy->bbr.round_start) {
		sk->busy->bbr.extra_rounds = (uint8_t)min_u32(31, sk->busy->bbr.extra_rounds + 1u);
		if (sk->busy->bbr.extra_rounds >= EXTRA_ROUNDS) {
			sk->busy->bbr.extra_rounds = 0;
			sk->busy->bbr.extra_half = !sk->busy->bbr.extra_half;
			sk->busy->bbr.extra_acked[sk->busy->bbr.extra_half] = 0;
		}
	}
	expected = (uint32_t)((uint64_t)bw_now(sk) * us_from(sk->busy->bbr.epoch_us, sk->busy->delivered_us) / BW_ONE);
	if (sk->busy->bbr.epoch_acked <= expected || sk->busy->bbr.epoch_acked + rs->acked_sacked >= EPOCH_PACKETS_MAX) {
		sk->busy->bbr.epoch_acked = 0;
		sk->busy->bbr.epoch_us = sk->busy->delivered_us;
		expected = 0;
	}
	sk->busy->bbr.epoch_acked = min_u32(EPOCH_PACKETS_MAX - 1, sk->busy->bbr.epoch_acked + rs->acked_sacked);
	extra = min_u32(sk->busy->bbr.epoch_acked - expected, sk->snd_cwnd);
	if (extra > sk->busy->bbr.extra_acked[sk->busy->bbr.extra_half])
		sk->busy->bbr.extra_acked[sk->busy->bbr.extra_half] = extra;
}

static void gains_update(struct sock *sk)
{
	switch (sk->busy->bbr.mode) {
	case STARTUP:
		sk->busy->bbr.pacing_gain = sk->busy->bbr.cwnd_gain = GAIN_HIGH;
		break;
	case DRAIN:
		sk->busy->bbr.pacing_gain = GAIN_DRAIN;
		sk->busy->bbr.cwnd_gain = GAIN_HIGH;
		break;
	case PROBE_BW:
		sk->busy->bbr.pacing_gain = sk->busy->bbr.lt_use_bw ? GAIN_ONE : cycle_gain[sk->busy->bbr.cycle_phase];
		sk->busy->bbr.cwnd_gain = GAIN_CWND;
		break;
	default:
		sk->busy->bbr.pacing_gain = sk->busy->bbr.cwnd_gain = GAIN_ONE;
		break;
	}
}

static void bbr_control(struct ho_stack *st, struct sock *sk, const struct rate_sample *rs)
{
	uint32_t bw;

	bw_update(st, sk, rs);
	aggregation_update(sk, rs);
	if (sk->busy->bbr.mode == PROBE_BW && phase_over(st, sk, rs))
		phase_next(sk);
	full_bw_check(sk, rs);
	drain_check(st, sk);
	min_rtt_update(st, sk, rs);
	gains_update(sk);
	bw = bw_now(sk);
	pacing_rate_set(sk, bw, sk->busy->bbr.pacing_gain);
	cwnd_set(sk, rs, bw, sk->busy->bbr.cwnd_gain);
}

/* ---- the rest of the table ---- */

static void bbr_init(struct ho_stack *st, struct sock *sk)
{
	sk->snd_ssthresh = TCP_INFINITE_SSTHRESH;
	sk->busy->bbr.next_rtt_delivered = (uint32_t)sk->delivered;
	sk->busy->bbr.min_rtt_us = tcp_min_rtt_us(sk);
	sk->busy->bbr.min_rtt_ms = (uint32_t)st->now_ms;
	sk->busy->bbr.epoch_us = st->now_us;
	pacing_rate_guess(sk);
	lt_reset(sk);
	gains_update(sk);
	sk->paced = true;
}

/* After a pause there is no need to be faster than the path, to fill it. */
static void bbr_tx_start(struct ho_stack *st, struct sock *sk)
{
	if (!sk->app_limited)
		return;
	sk->busy->bbr.idle_restart = true;
	sk->busy->bbr.epoch_us = st->now_us;
	sk->busy->bbr.epoch_acked = 0;
	if (sk->busy->bbr.mode == PROBE_BW)
		pacing_rate_set(sk, bw_now(sk), GAIN_ONE);
	else if (sk->busy->bbr.mode == PROBE_RTT)
		probe_rtt_end_check(st, sk);
}

static uint32_t bbr_ssthresh(struct ho_stack *st, struct sock *sk)
{
	(void)st;
	cwnd_save(sk);
	return sk->snd_ssthresh;
}

static uint32_t bbr_undo_cwnd(struct sock *sk)
{
	sk->busy->bbr.full_bw = 0; /* it was no congestion */
	sk->busy->bbr.full_bw_rounds = 0;
	lt_reset(sk);
	return sk->snd_cwnd;
}

static void bbr_state(struct ho_stack *st, struct sock *sk, uint8_t state)
{
	static const struct rate_sample one_lost = {.losses = 1};

	if (state != CA_LOSS)
		return;
	sk->busy->bbr.prev_ca_state = CA_LOSS;
	sk->busy->bbr.full_bw = 0;
	sk->busy->bbr.round_start = true; /* as if a round trip had ended */
	lt_sample(st, sk, &one_lost);
}

static size_t bbr_info(const struct sock *sk, union cc_info *info)
{
	uint64_t bytes = (uint64_t)bw_now(sk) * sk->mss_cache * 1000000 >> BW_SHIFT;

	info->bbr = (struct ho_bbr_info){(uint32_t)bytes, (uint32_t)(bytes >> 32), sk->busy->bbr.min_rtt_us, sk->busy->bbr.pacing_gain,
	                                 sk->busy->bbr.cwnd_gain};
	return sizeof(info->bbr);
}

const struct cc cc_bbr = {
	.name = "bbr",
	.init = bbr_init,
	.ssthresh = bbr_ssthresh,
	.undo_cwnd = bbr_undo_cwnd,
	.state = bbr_state,
	.control = bbr_control,
	.tx_start = bbr_tx_start,
	.min_tso_segs = bbr_min_tso_segs,
	.sndbuf_windows = 3,
	.info = bbr_info,
};
