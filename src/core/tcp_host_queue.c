/* SPDX-License-Identifier: MIT
 * Is what was sent still here?  A segment that waits for its link, or for the link's address of the next hop, need not
 * be sent again.  Looked for only when something is about to be.
 * Source: Linux 6.18 net/ipv4/tcp_output.c skb_still_in_host_queue. */
#include "neigh.h"
#include "tcp.h"

/* Is the segment, as a whole, in this frame?  What was cut into packets is not: Linux lets go of an original that it cuts. */
static bool carries(const struct tx_frame *t, const struct sock *sk, const struct seg *g)
{
	const uint8_t *ip = t->head, *tcp = ip + 20;
	uint32_t bytes = get16(ip + 2);

	if (ip[0] != 0x45 || ip[9] != IP_PROTO_TCP || (get16(ip + 6) & 0x1fff) || get32(ip + 12) != sk->e.laddr ||
	    get32(ip + 16) != sk->e.raddr || get16(tcp) != sk->e.lport || get16(tcp + 2) != sk->e.rport)
		return false;
	bytes += !!(tcp[13] & TCP_SYN) + !!(tcp[13] & TCP_FIN);
	return get32(tcp + 4) == g->seq.n && bytes - 20u - (tcp[12] >> 4) * 4u == seq_sub(g->end_seq, g->seq);
}

static bool out_queue_has(const struct ho_stack *st, const struct sock *sk, const struct seg *g)
{
	for (uint32_t i = 0; i < st->link_count; i++) {
		for (struct ho_frame *f = st->link[i].out.head; f != NULL; f = f->next) {
			const struct tx_frame *t = (const struct tx_frame *)(const void *)f;

			if (t->sk == sk && carries(t, sk, g))
				return true;
		}
	}
	return false;
}

static bool neighbour_has(struct ho_stack *st, const struct sock *sk, const struct seg *g)
{
	const struct way *way;

	if (ip_way(st, sk->e.raddr, &way) < 0 || way->type != WAY_UNICAST ||
	    likely((st->link[way->link].flags & HO_LINK_ETHERNET) == 0))
		return false;
	for (const struct ho_frame *f = neigh_waiting(st, way->link, way->next_hop); f != NULL; f = f->next)
		if (carries((const struct tx_frame *)(const void *)f, sk, g))
			return true;
	return false;
}

bool tcp_still_in_host_queue(struct ho_stack *st, struct sock *sk, const struct seg *g)
{
	if (sk->dev_bytes > 0 && out_queue_has(st, sk, g))
		sk->busy->throttled = true; /* once it has left, see what is to be sent */
	else if (!neighbour_has(st, sk, g))
		return false;
	count(st, sk, HO_TcpExtTCPSpuriousRtxHostQueues);
	return true;
}
