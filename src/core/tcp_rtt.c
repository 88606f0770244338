/* SPDX-License-Identifier: MIT
 * Round trip time and retransmission timeout (RFC 6298, with Linux's mdev refinement: net/ipv4/tcp_input.c
 * tcp_rtt_estimator, tcp_set_rto). */
#include "tcp.h"

uint32_t tcp_rto_max_ms(const struct ho_stack *st, const struct sock *sk)
{
	return unlikely(sk->habits->rto_max_ms) ? sk->habits->rto_max_ms : st->ctl.tcp_rto_max_ms;
}

uint32_t tcp_rto_min_us(const struct ho_stack *st, const struct sock *sk)
{
	if (unlikely(sk->busy->route.rto_min_ms))
		return sk->busy->route.rto_min_ms * 1000;
	return st->ctl.tcp_rto_min_us;
}

static void first_sample(struct ho_stack *st, struct sock *sk, uint32_t m)
{
	sk->srtt_us = m << 3;
	sk->mdev_us = m << 1;
	sk->rttvar_us = max_u32(sk->mdev_us, tcp_rto_min_us(st, sk));
	sk->mdev_max_us = sk->rttvar_us;
	sk->rtt_seq = sk->snd_nxt;
}

static void next_sample(struct ho_stack *st, struct sock *sk, uint32_t rtt)
{
	int64_t m = (int64_t)rtt - (sk->srtt_us >> 3);

	sk->srtt_us = (uint32_t)((int64_t)sk->srtt_us + m);
	if (m < 0) {
		m = -m;
		m -= sk->mdev_us >> 2;
		if (m > 0)
			m >>= 3; /* a sudden fall of the RTT must not raise the timeout */
	} else {
		m -= sk->mdev_us >> 2;
	}
	sk->mdev_us = (uint32_t)((int64_t)sk->mdev_us + m);
	if (unlikely(sk->mdev_us > sk->mdev_max_us)) {
		sk->mdev_max_us = sk->mdev_us;
		if (sk->mdev_max_us > sk->rttvar_us)
			sk->rttvar_us = sk->mdev_max_us;
	}
	if (seq_gt(sk->snd_una, sk->rtt_seq)) {
		if (unlikely(sk->mdev_max_us < sk->rttvar_us))
			sk->rttvar_us -= (sk->rttvar_us - sk->mdev_max_us) >> 2;
		sk->rtt_seq = sk->snd_nxt;
		sk->mdev_max_us = tcp_rto_min_us(st, sk);
	}
}

void tcp_rto_set(struct ho_stack *st, struct sock *sk)
{
	uint64_t us = (uint64_t)(sk->srtt_us >> 3) + sk->rttvar_us;

	sk->rto_ms = min_u32((uint32_t)((us + 999) / 1000), tcp_rto_max_ms(st, sk));
}

/* The least of the last tcp_min_rtt_wlen seconds; an answer that may have waited for a delayed ACK's timer does not raise it. */
hot_path void tcp_min_rtt_update(struct ho_stack *st, struct sock *sk, int64_t rtt_us, bool maybe_delayed)
{
	uint32_t rtt = rarely(rtt_us < 1) ? 1 : likely(rtt_us < UINT32_MAX) ? (uint32_t)rtt_us : UINT32_MAX;

	if (mostly(!maybe_delayed) || rtt <= tcp_min_rtt_us(sk))
		winfilter_min(&sk->rtt_min, st->ctl.tcp_min_rtt_wlen * 1000, (uint32_t)st->now_ms, rtt);
}

hot_path void tcp_rtt_sample(struct ho_stack *st, struct sock *sk, int64_t rtt_us)
{
	uint32_t rtt;

	if (unlikely(rtt_us < 0))
		return;
	rtt = rtt_us > 1000000000 ? 1000000000u : (uint32_t)rtt_us;
	if (unlikely(rtt == 0))
		rtt = 1;
	if (sk->srtt_us)
		next_sample(st, sk, rtt);
	else
		first_sample(st, sk, rtt);
	if (unlikely(!sk->srtt_us))
		sk->srtt_us = 1;
	tcp_rto_set(st, sk);
	sk->busy->backoff = 0;
}

/* By the timestamp that came back: in milliseconds, never 0; -1: none did. */
int64_t tcp_rtt_of_ts(const struct ho_stack *st, const struct sock *sk)
{
	int32_t ms = (int32_t)((uint32_t)st->now_ms - sk->busy->rcv_tsecr);

	if (!sk->busy->saw_ts || !sk->busy->rcv_tsecr || ms < 0 || ms >= 3600000)
		return -1;
	return ms ? (int64_t)ms * 1000 : 1000;
}

/* Of the handshake. */
void tcp_rtt_first(struct ho_stack *st, struct sock *sk, int64_t rtt_us)
{
	if (rtt_us < 0)
		return;
	tcp_min_rtt_update(st, sk, rtt_us, false);
	tcp_rtt_sample(st, sk, rtt_us);
}

void tcp_rtt_sample_ts(struct ho_stack *st, struct sock *sk)
{
	tcp_rtt_first(st, sk, tcp_rtt_of_ts(st, sk));
}

/* The handshake gave no round trip time: RFC 6298 5.7. */
void tcp_rtt_fallback(struct sock *sk)
{
	if (sk->srtt_us)
		return;
	sk->mdev_us = sk->rttvar_us = sk->mdev_max_us = TCP_TIMEOUT_FALLBACK_MS * 1000;
	sk->rto_ms = TCP_TIMEOUT_FALLBACK_MS;
}
