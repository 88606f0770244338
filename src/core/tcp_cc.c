/* SPDX-License-Identifier: MIT
 * The congestion window: Reno's growth (RFC 5681), and when it may grow at all.
 * Source: Linux 6.18 net/ipv4/tcp_cong.c tcp_reno_cong_avoid, tcp_output.c tcp_cwnd_validate. */
#include "tcp.h"

static bool cwnd_limited(const struct sock *sk)
{
	if (sk->is_cwnd_limited)
		return true;
	return tcp_in_slow_start(sk) && sk->snd_cwnd < 2 * sk->max_packets_out;
}

void tcp_cc_acked(struct ho_stack *st, struct sock *sk, uint32_t acked)
{
	(void)st;
	if (!cwnd_limited(sk))
		return;
	if (tcp_in_slow_start(sk)) {
		uint32_t cwnd = min_u32(sk->snd_cwnd + acked, sk->snd_ssthresh);

		acked -= cwnd - sk->snd_cwnd;
		sk->snd_cwnd = cwnd;
		if (!acked)
			return;
	}
	if (sk->snd_cwnd_cnt >= sk->snd_cwnd) {
		sk->snd_cwnd_cnt = 0;
		sk->snd_cwnd++;
	}
	sk->snd_cwnd_cnt += acked;
	if (sk->snd_cwnd_cnt >= sk->snd_cwnd) {
		uint32_t delta = sk->snd_cwnd_cnt / sk->snd_cwnd;

		sk->snd_cwnd_cnt -= delta * sk->snd_cwnd;
		sk->snd_cwnd += delta;
	}
}

uint32_t tcp_cc_ssthresh(const struct sock *sk)
{
	return max_u32(sk->snd_cwnd >> 1, 2);
}

/* RFC 2861: a window that was not used says nothing about the network. */
static void application_limited(struct sock *sk, uint32_t now)
{
	if (sk->ca_state == CA_OPEN) {
		uint32_t win = max_u32(sk->max_packets_out, TCP_INIT_CWND);

		if (win < sk->snd_cwnd) {
			sk->snd_ssthresh = max_u32(sk->snd_ssthresh, (sk->snd_cwnd >> 1) + (sk->snd_cwnd >> 2));
			sk->snd_cwnd = (sk->snd_cwnd + win) >> 1;
		}
	}
	sk->snd_cwnd_stamp_ms = now;
}

void tcp_cwnd_validate(struct ho_stack *st, struct sock *sk, bool is_cwnd_limited)
{
	uint32_t now = (uint32_t)st->now_ms;

	if (!seq_lt(sk->snd_una, sk->cwnd_usage_seq) || is_cwnd_limited ||
	    (!sk->is_cwnd_limited && sk->packets_out > sk->max_packets_out)) {
		sk->is_cwnd_limited = is_cwnd_limited;
		sk->max_packets_out = sk->packets_out;
		sk->cwnd_usage_seq = sk->snd_nxt;
	}
	if (cwnd_limited(sk))
		sk->snd_cwnd_stamp_ms = now;
	else if (st->ctl.tcp_slow_start_after_idle && now - sk->snd_cwnd_stamp_ms >= sk->rto_ms)
		application_limited(sk, now);
}

/* RFC 5681 4.1: after an idle RTO start again from the initial window, halved once for each RTO. */
void tcp_slow_start_after_idle(struct ho_stack *st, struct sock *sk)
{
	uint32_t now = (uint32_t)st->now_ms;
	int64_t delta = (int32_t)(now - sk->lsndtime_ms);
	uint32_t restart, cwnd = sk->snd_cwnd;

	if (!st->ctl.tcp_slow_start_after_idle || sk->packets_out || delta <= (int64_t)sk->rto_ms)
		return;
	restart = min_u32(TCP_INIT_CWND, cwnd);
	sk->snd_ssthresh = max_u32(sk->snd_ssthresh, (cwnd >> 1) + (cwnd >> 2));
	while ((delta -= sk->rto_ms) > 0 && cwnd > restart)
		cwnd >>= 1;
	sk->snd_cwnd = max_u32(cwnd, restart);
	sk->snd_cwnd_stamp_ms = now;
	sk->max_packets_out = 0;
}
