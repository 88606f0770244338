/* SPDX-License-Identifier: MIT
 * Path MTU discovery (RFC 1191): a router says that a segment is too large and may not be cut.
 *
 * What it says holds for the connection, not for later ones: there is no cache of routes.  No MTU below 552 is
 * believed. Segments that are larger than what passes now are lost, but not to congestion: they go again at once,
 * cut, and the window stays.  Source: Linux 6.18 net/ipv4/tcp_ipv4.c tcp_v4_mtu_reduced, tcp_input.c
 * tcp_simple_retransmit. */
#include "tcp.h"

#define PMTU_MIN 552u
#define ADVMSS_MIN 256u

enum { PMTUDISC_DONT, PMTUDISC_WANT, PMTUDISC_DO, PMTUDISC_PROBE, PMTUDISC_INTERFACE, PMTUDISC_OMIT };

static uint32_t packet_bytes(const struct seg *g)
{
	return g->pcount > 1 ? g->gso_size : g->len_bytes;
}

static void too_large_again(struct ho_stack *st, struct sock *sk)
{
	/* a SYN with data is two segments, and it is the two together that were too large */
	bool all = sk->state == HO_SYN_SENT && (sk->fastopen & FO_SYN_DATA);
	uint32_t mss = tcp_current_mss(st, sk);

	for (struct seg *g = sk->rtx_head; g; g = g->next)
		if (all || packet_bytes(g) > mss)
			tcp_mark_lost(st, sk, g);
	if (!sk->lost_out)
		return;
	if (!sk->sack_ok) /* what is lost was not what the duplicate ACKs were for */
		sk->sacked_out = min_u32(sk->sacked_out, sk->packets_out - min_u32(sk->lost_out, sk->packets_out));
	if (sk->ca_state != CA_LOSS) {
		sk->high_seq = sk->snd_nxt;
		sk->snd_ssthresh = tcp_current_ssthresh(sk);
		sk->prior_ssthresh = 0;
		sk->undo_marker = seq_of(0);
		sk->ca_state = CA_LOSS;
	}
	tcp_retransmit_lost(st, sk);
}

void tcp_on_mtu_reduced(struct ho_stack *st, struct sock *sk, uint32_t mtu)
{
	if (sk->state == HO_LISTEN || sk->pmtudisc == PMTUDISC_DONT || sk->pmtudisc >= PMTUDISC_INTERFACE)
		return;
	mtu = max_u32(mtu, PMTU_MIN);
	if (mtu >= sk->pmtu)
		return;
	tcp_mss_sync(st, sk, mtu);
	if (sk->state == HO_SYN_SENT)
		sk->advmss = min_u32(sk->advmss, max_u32(mtu - 40, ADVMSS_MIN));
	too_large_again(st, sk);
}
