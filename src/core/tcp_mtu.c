/* SPDX-License-Identifier: MIT
 * The size of segments, and the router that says that they are too large (RFC 1191).
 *
 * What a connection knows of its path is looked up with each segment (ip_pmtu.c); its MSS follows, down or up.  So if
 * another connection has learnt something, the next segment is still too large and gets no further than ip_out.c, which
 * says what a router would say.  Only those that have had such news before see more of it at once.  An ICMP message is believed only if it quotes a sequence number that is in
 * flight (tcp_abort.c), and only downwards.  What was too large is sent again at once: it is lost, but not by congestion.
 *
 * Source: Linux 6.18 net/ipv4/tcp_ipv4.c tcp_v4_mtu_reduced; tcp_output.c tcp_sync_mss, tcp_current_mss; tcp_input.c
 * tcp_simple_retransmit. */
#include "tcp.h"

/* ---- sizes ---- */

uint32_t tcp_mtu_to_mss(const struct ho_stack *st, const struct sock *sk, uint32_t mtu)
{
	uint32_t mss = max_u32(min_u32(mtu - 40, sk->mss_clamp), st->ctl.tcp_min_snd_mss);

	return mss - (sk->tcp_header_bytes - 20);
}

/* What to tell a peer. */
uint16_t tcp_advmss(struct ho_stack *st, const struct sock *sk, uint32_t daddr)
{
	uint32_t mss = ip_advmss(st, daddr);

	return (uint16_t)(sk->user_mss ? min_u32(sk->user_mss, mss) : mss);
}

void tcp_mss_sync(struct ho_stack *st, struct sock *sk, uint32_t pmtu)
{
	uint32_t mss = tcp_half_window_bound(sk, tcp_mtu_to_mss(st, sk, pmtu));

	sk->busy->mtup.search_high = min_u32(sk->busy->mtup.search_high, pmtu);
	sk->pmtu = pmtu;
	if (unlikely(sk->busy->mtup.enabled))
		mss = min_u32(mss, tcp_mtu_to_mss(st, sk, sk->busy->mtup.search_low));
	sk->mss_cache = mss;
}

void tcp_route_look(struct ho_stack *st, struct sock *sk)
{
	const struct ho_route_metrics *r;
	const struct pmtu *p;

	if (likely(sk->route_changes == st->path_changes && st->now_ms < sk->busy->route.until_ms))
		return;
	p = pmtu_find(st, sk->e.raddr);
	sk->route_changes = st->path_changes;
	sk->busy->route.until_ms = p ? p->until_ms : UINT64_MAX;
	sk->route_mtu = ip_mtu(st, sk->e.raddr);
	sk->busy->route.known = p != NULL;
	r = ip_metrics(st, sk->e.raddr);
	sk->busy->route.locked = (p && p->locked) || r->mtu_locked;
	sk->busy->route.quickack = r->quickack;
	sk->busy->route.initcwnd = (uint16_t)r->initcwnd;
	sk->busy->route.rto_min_ms = r->rto_min_ms;
}

/* As far as the connection knows; 0: it has given the route up, and sends nothing just now. */
uint32_t tcp_route_mtu(struct ho_stack *st, struct sock *sk)
{
	if (unlikely(sk->busy->route.known))
		tcp_route_look(st, sk);
	return sk->route_mtu;
}

/* Linux: tcp_init_cwnd. */
uint32_t tcp_init_cwnd(const struct sock *sk)
{
	return sk->busy->route.initcwnd ? sk->busy->route.initcwnd : TCP_INIT_CWND;
}

void tcp_route_forget(struct sock *sk)
{
	sk->route_changes = sk->route_mtu = 0;
	if (sock_is_busy(sk))
		memset(&sk->busy->route, 0, sizeof(sk->busy->route));
}

hot_path uint32_t tcp_current_mss(struct ho_stack *st, struct sock *sk)
{
	uint32_t header = tcp_header_bytes_now(sk), mtu = tcp_route_mtu(st, sk);

	if (unlikely(mtu != sk->pmtu) && mtu)
		tcp_mss_sync(st, sk, mtu);
	return sk->mss_cache - (header - sk->tcp_header_bytes);
}

/* ---- ICMP 3/4 ---- */

static uint32_t packet_bytes(const struct seg *g)
{
	return g->pcount > 1 ? g->gso_size : g->len_bytes;
}

/* What no longer fits the path was lost there: it goes again in smaller pieces, and the congestion window stays. */
void tcp_simple_retransmit(struct ho_stack *st, struct sock *sk)
{
	bool syn_data = (sk->fastopen & FO_SYN_DATA) && sk->state == HO_SYN_SENT;
	uint32_t mss = tcp_current_mss(st, sk);

	for (struct seg *g = sk->busy->rtx_head; g; g = g->next)
		if (packet_bytes(g) > mss || syn_data)
			tcp_mark_lost(st, sk, g);
	if (!sk->busy->lost_out)
		return;
	if (!sk->sack_ok)
		tcp_reno_limit(sk);
	if (sk->ca_state != CA_LOSS) {
		sk->busy->high_seq = sk->snd_nxt;
		sk->snd_ssthresh = tcp_current_ssthresh(sk);
		sk->busy->prior_ssthresh = 0;
		sk->busy->undo_marker = seq_of(0);
		tcp_ca_state_set(st, sk, CA_LOSS);
	}
	tcp_retransmit_lost(st, sk);
}

void tcp_frag_needed_in(struct ho_stack *st, struct sock *sk, uint32_t mtu)
{
	pmtu_update(st, sk->e.raddr, mtu);
	tcp_route_look(st, sk);
	if (mtu < sk->route_mtu && ip_dont_fragment(sk->pmtudisc, sk->busy->route.locked))
		sk->err_soft = EMSGSIZE; /* it may never get through */
	if (sk->pmtudisc == HO_IP_PMTUDISC_DONT || sk->pmtudisc >= HO_IP_PMTUDISC_INTERFACE || sk->pmtu <= sk->route_mtu)
		return;
	tcp_mss_sync(st, sk, sk->route_mtu);
	tcp_simple_retransmit(st, sk);
}
