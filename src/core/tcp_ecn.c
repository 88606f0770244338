/* SPDX-License-Identifier: MIT
 * Explicit congestion notification (RFC 3168): routers mark instead of dropping, receivers echo, senders reduce.
 * Source: Linux 6.18 net/ipv4/tcp_input.c tcp_data_ecn_check, tcp_ecn_accept_cwr; tcp_output.c tcp_ecn_send,
 * tcp_ecn_send_syn, tcp_ecn_make_synack; AccECN is refused (docs/REFUSALS.md). */
#include "tcp.h"

#define ECT_MASK 3
#define ECT_0 2
#define ECT_CE 3
#define QUICKACKS 2

/* Does a SYN ask for it, and do we agree?  ECT on a SYN is no request. */
bool tcp_ecn_request(const struct ho_stack *st, const struct tcp_rx *t)
{
	bool ect = t->rx->tos & ECT_MASK, accurate = t->th[12] & 1;

	return (t->flags & TCP_ECE) && (t->flags & TCP_CWR) && (!ect || accurate) && st->ctl.tcp_ecn;
}

/* Flags of our first SYN. */
uint8_t tcp_ecn_syn(const struct ho_stack *st, struct sock *sk)
{
	sk->ecn = 0;
	if (st->ctl.tcp_ecn != 1)
		return 0;
	sk->ecn = ECN_OK;
	return TCP_ECE | TCP_CWR;
}

void tcp_ecn_synack_in(struct sock *sk, const struct tcp_rx *t)
{
	if (!(t->flags & TCP_ECE) || (t->flags & TCP_CWR))
		sk->ecn = 0;
}

/* Both ends send SYNs: the peer's must ask, too. */
void tcp_ecn_syn_in(struct sock *sk, const struct tcp_rx *t)
{
	if (!(t->flags & TCP_ECE) || !(t->flags & TCP_CWR))
		sk->ecn = 0;
}

cold_path static bool carries_new_data(const struct sock *sk, const struct seg *g)
{
	return g && g->len_bytes && !seq_lt(g->seq, sk->snd_nxt);
}

/* A segment leaves (g NULL: without payload).  Gives  the flags to add; sets the ECN bits of *tos. */
uint8_t tcp_ecn_send(struct sock *sk, const struct seg *g, uint8_t *tos)
{
	uint8_t flags = 0;

	*tos &= (uint8_t)~ECT_MASK;
	if (!(sk->ecn & ECN_OK))
		return 0;
	if (carries_new_data(sk, g)) {
		*tos |= ECT_0;
		if (sk->ecn & ECN_QUEUE_CWR) {
			sk->ecn &= (uint8_t)~ECN_QUEUE_CWR;
			flags |= TCP_CWR;
		}
	}
	if (sk->ecn & ECN_DEMAND_CWR)
		flags |= TCP_ECE;
	return flags;
}

/* Of each segment that is acceptable, whether ECN was asked for or not: for tcp_info.  Linux: tcp_ecn_received_counters. */
void tcp_ecn_count(struct sock *sk, const struct tcp_rx *t)
{
	uint8_t mark = t->rx->tos & ECT_MASK;

	if (likely(mark == 0))
		return;
	if (mark == ECT_CE)
		sk->busy->received_ce += max_u32(1, t->gso_segs);
	sk->busy->received_ecn_bytes[mark - 1] += t->len_bytes;
}

/* Payload has come: was it marked? */
hot_path void tcp_ecn_data_in(struct sock *sk, const struct tcp_rx *t)
{
	if (mostly(!(sk->ecn & ECN_OK)))
		return;
	switch (t->rx->tos & ECT_MASK) {
	case 0: /* of one who sent ECT before: probably a retransmission */
		if (sk->ecn & ECN_SEEN)
			tcp_enter_quickack(sk, QUICKACKS);
		break;
	case ECT_CE:
		if (!(sk->ecn & ECN_DEMAND_CWR)) {
			tcp_enter_quickack(sk, QUICKACKS);
			sk->ecn |= ECN_DEMAND_CWR;
		}
		sk->ecn |= ECN_SEEN;
		break;
	default:
		sk->ecn |= ECN_SEEN;
	}
}

void tcp_ecn_accept_cwr(struct sock *sk, const struct tcp_rx *t)
{
	if (likely(!(t->flags & TCP_CWR)))
		return;
	sk->ecn &= (uint8_t)~ECN_DEMAND_CWR;
	if (!seq_eq(t->seq, t->end_seq)) /* its window may be down to one packet */
		sk->ack.pending |= ACK_NOW;
}

bool tcp_ecn_echo(const struct sock *sk, const struct tcp_rx *t)
{
	return (t->flags & TCP_ECE) && !(t->flags & TCP_SYN) && (sk->ecn & ECN_OK);
}
