/* SPDX-License-Identifier: MIT
 * The path MTU by trying (RFC 4821), where routers keep silent.
 *
 *   net.ipv4.tcp_mtu_probing 0  never
 *                            1  when a segment has been lost for as long as tcp_retries1 says: a black hole
 *                            2  from the beginning, at tcp_base_mss
 *
 * Packets of search_low bytes get through, those of search_high may not.  Now and then a segment of a size halfway
 * between leaves ahead of the others: acknowledged, search_low rises to it; lost, search_high falls below it, and the
 * loss is no congestion.  A black hole halves search_low each time.
 *
 * Source: Linux 6.18 net/ipv4/tcp_output.c tcp_mtup_init, tcp_mtu_probe, tcp_mtu_check_reprobe; tcp_input.c
 * tcp_mtup_probe_failed, tcp_mtup_probe_success; tcp_timer.c tcp_mtu_probing. */
#include "tcp.h"

#define PROBE_CWND_MIN 11u

static uint32_t mss_to_mtu(const struct sock *sk, uint32_t mss)
{
	return mss + sk->tcp_header_bytes + 20;
}

static uint32_t now_ms(const struct ho_stack *st)
{
	return (uint32_t)st->now_ms;
}

void tcp_mtu_probing_init(const struct ho_stack *st, struct sock *sk)
{
	sk->busy->mtup.enabled = st->ctl.tcp_mtu_probing > 1;
	sk->busy->mtup.search_high = sk->mss_clamp + 40;
	sk->busy->mtup.search_low = mss_to_mtu(sk, st->ctl.tcp_base_mss);
	sk->busy->mtup.probe_size = 0;
	if (sk->busy->mtup.enabled)
		sk->busy->mtup.stamp_ms = now_ms(st);
}

/* ---- a probe leaves ---- */

/* The search was over long ago: the path may have become wider. */
static void search_again(struct ho_stack *st, struct sock *sk)
{
	if (now_ms(st) - sk->busy->mtup.stamp_ms < st->ctl.tcp_probe_interval * UINT64_C(1000))
		return;
	sk->busy->mtup.probe_size = 0;
	sk->busy->mtup.search_high = sk->mss_clamp + 40;
	sk->busy->mtup.search_low = mss_to_mtu(sk, tcp_current_mss(st, sk));
	sk->busy->mtup.stamp_ms = now_ms(st);
}

/* Makes the first segment of the write queue this long. */
static bool gather(struct ho_stack *st, struct sock *sk, struct seg *g, uint32_t bytes)
{
	while (g->len_bytes < bytes)
		if (!wq_grow(st, sk, g, bytes - g->len_bytes))
			return false;
	if (g->len_bytes > bytes && !seg_split(st, sk, g, bytes, bytes, false))
		return false;
	seg_cut(g, bytes);
	return true;
}

static bool may_probe(const struct sock *sk)
{
	return sk->busy->mtup.enabled && !sk->busy->mtup.probe_size && sk->ca_state == CA_OPEN && sk->snd_cwnd >= PROBE_CWND_MIN &&
	       !sk->busy->num_sacks && !sk->busy->dsack_pending;
}

static enum mtu_probe probe_send(struct ho_stack *st, struct sock *sk, uint32_t bytes)
{
	struct seg *g = sk->busy->wq_head;

	if (!gather(st, sk, g, bytes) || tcp_transmit(st, sk, g))
		return MTU_PROBE_NO; /* it will be cut again */
	sk->snd_cwnd--; /* it takes the place of two */
	tcp_new_data_sent(st, sk, g);
	sk->busy->mtup.probe_size = mss_to_mtu(sk, bytes);
	sk->busy->mtup.probe_from = g->seq;
	sk->busy->mtup.probe_to = g->end_seq;
	return MTU_PROBE_SENT;
}

enum mtu_probe tcp_mtu_probe(struct ho_stack *st, struct sock *sk)
{
	uint32_t bytes, needed, flight = tcp_in_flight(sk);

	if (!may_probe(sk))
		return MTU_PROBE_NO;
	tcp_current_mss(st, sk); /* which may sync it */
	bytes = tcp_mtu_to_mss(st, sk, (sk->busy->mtup.search_high + sk->busy->mtup.search_low) >> 1);
	needed = bytes + (sk->reordering + 1) * sk->mss_cache;
	if (bytes > tcp_mtu_to_mss(st, sk, sk->busy->mtup.search_high) ||
	    (int32_t)(sk->busy->mtup.search_high - sk->busy->mtup.search_low) < (int32_t)st->ctl.tcp_probe_threshold) {
		search_again(st, sk);
		return MTU_PROBE_NO;
	}
	if (seq_sub(sk->write_seq, sk->snd_nxt) < needed || sk->snd_wnd < needed)
		return MTU_PROBE_NO;
	if (seq_gt(seq_add(sk->snd_nxt, needed), tcp_wnd_end(sk)))
		return MTU_PROBE_SOON;
	if (flight + 2 > sk->snd_cwnd)
		return flight ? MTU_PROBE_SOON : MTU_PROBE_NO;
	if (tcp_pace_holds(st, sk))
		return MTU_PROBE_NO;
	return probe_send(st, sk, bytes);
}

/* ---- what becomes of it ---- */

/* The window stays what it is in bytes. */
void tcp_mtu_probe_acked(struct ho_stack *st, struct sock *sk)
{
	uint64_t bytes = (uint64_t)sk->snd_cwnd * mss_to_mtu(sk, sk->mss_cache);

	sk->busy->prior_ssthresh = tcp_current_ssthresh(sk);
	sk->snd_cwnd = max_u32(1, (uint32_t)(bytes / sk->busy->mtup.probe_size));
	sk->snd_cwnd_cnt = 0;
	sk->snd_cwnd_stamp_ms = now_ms(st);
	sk->snd_ssthresh = tcp_current_ssthresh(sk);
	sk->busy->mtup.search_low = sk->busy->mtup.probe_size;
	sk->busy->mtup.probe_size = 0;
	tcp_mss_sync(st, sk, sk->pmtu);
	count(st, sk, HO_TcpExtTCPMTUPSuccess);
}

void tcp_mtu_probe_lost(struct ho_stack *st, struct sock *sk)
{
	sk->busy->mtup.search_high = sk->busy->mtup.probe_size - 1;
	sk->busy->mtup.probe_size = 0;
	count(st, sk, HO_TcpExtTCPMTUPFail);
	sk->snd_cwnd++;
	tcp_simple_retransmit(st, sk);
}

/* Nothing has come through for a while. */
void tcp_mtu_black_hole(struct ho_stack *st, struct sock *sk)
{
	uint32_t mss;

	if (!st->ctl.tcp_mtu_probing)
		return;
	if (!sk->busy->mtup.enabled) {
		sk->busy->mtup.enabled = true;
		sk->busy->mtup.stamp_ms = now_ms(st);
	} else {
		mss = min_u32(tcp_mtu_to_mss(st, sk, sk->busy->mtup.search_low) >> 1,
		              (uint32_t)max_i32((int32_t)st->ctl.tcp_base_mss, 0));
		mss = max_u32(max_u32(mss, st->ctl.tcp_mtu_probe_floor), st->ctl.tcp_min_snd_mss);
		sk->busy->mtup.search_low = mss_to_mtu(sk, mss);
	}
	tcp_mss_sync(st, sk, sk->pmtu);
}
