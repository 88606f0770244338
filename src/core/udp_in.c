/* SPDX-License-Identifier: MIT
 * A datagram arrives: is it whole, whom is it for, is there room.
 *
 * Theory of operation.  A short datagram's checksum is looked at before its socket is looked for, a longer one's when it
 * is read: then it is dropped there.  A datagram counts as received when a program reads it.  What is read is given back to
 * the socket's memory late, as Linux does it: the reader takes the whole queue over, and while it has any of that left, only
 * quarters of the receive buffer at a time.  So a buffer may be full although most of it has been read.
 *
 * Source: Linux 6.18 net/ipv4/udp.c __udp4_lib_rcv, __udp4_lib_mcast_deliver, __udp_enqueue_schedule_skb, __udp_queue_rcv_skb,
 * udp_rmem_release, __skb_recv_udp, udp_recvmsg, __udp4_lib_err. */
#include "dgram.h"

#include "sock_error.h"

#define CSUM_AT_ONCE_BYTES 76u /* Linux sums short packets before it looks for their socket */

/* ---- checksum ---- */

static bool packet_sum_ok(const struct ho_frame *f, uint32_t saddr, uint32_t daddr, uint32_t offset, uint32_t udp_bytes)
{
	uint32_t pseudo = csum_pseudo(saddr, daddr, IP_PROTO_UDP, udp_bytes);

	return csum_fold(csum_add(pseudo, frame_sum(f, offset, udp_bytes))) == 0;
}

bool udp_sum_ok(const struct dgram_rx *r)
{
	return packet_sum_ok(r->frame, r->saddr, r->daddr, r->offset - UDP_HDR, r->len_bytes + UDP_HDR);
}

static void count_damaged(struct ho_stack *st, struct sock *sk)
{
	count(st, sk, HO_UdpInCsumErrors);
	count(st, sk, HO_UdpInErrors);
}

/* ---- into a socket ---- */

/* What the datagram is, whoever gets it. */
struct datagram {
	struct rx *rx;
	uint32_t udp_bytes;
	uint16_t sport;
	uint16_t segment_bytes; /* of a super-frame; 0 */
	bool unchecked;
};

static void drop(struct ho_stack *st, struct sock *sk, uint32_t counter, enum ho_why why, int32_t bytes)
{
	count_why(st, sk, counter, 1, why, (uint32_t)bytes, (uint32_t)sk->rcvbuf);
	count(st, sk, HO_UdpInErrors);
	sk->drops++;
}

static bool buffer_full(const struct sock *sk, int32_t truesize)
{
	return sk->rmem_alloc != 0 && (int64_t)sk->rmem_alloc + truesize > sk->rcvbuf;
}

/* A piece of the payload, as the datagram that it is. */
static void piece_keep(struct ho_stack *st, struct sock *sk, const struct datagram *g, uint32_t from, uint32_t bytes)
{
	uint32_t headers = g->rx->ip_bytes + UDP_HDR;
	int32_t truesize = dgram_truesize(bytes == g->udp_bytes - UDP_HDR ? g->rx->frame->len_bytes : headers + bytes);
	struct dgram_rx *r;

	if (buffer_full(sk, truesize)) {
		drop(st, sk, HO_UdpRcvbufErrors, HO_WHY_RCVBUF_FULL, sk->rmem_alloc);
		return;
	}
	if (!dgram_mem_schedule(st, sk, truesize)) {
		drop(st, sk, HO_UdpMemErrors, HO_WHY_UDP_MEM, sk->rmem_alloc);
		return;
	}
	r = dgram_rx_make(st, g->rx, headers + from, bytes);
	if (r == NULL) {
		sk->fwd_alloc += truesize;
		drop(st, sk, HO_UdpRcvbufErrors, HO_WHY_NO_MEMORY, 0);
		return;
	}
	r->truesize = (uint32_t)truesize;
	r->sport = g->sport;
	r->unchecked = g->unchecked;
	r->segment_bytes = sk->d->gro ? g->segment_bytes : 0;
	dgram_append(st, sk, r);
}

/* A super-frame is several datagrams to a program that has not asked for it (UDP_GRO). */
static void datagram_keep(struct ho_stack *st, struct sock *sk, const struct datagram *g)
{
	uint32_t bytes = g->udp_bytes - UDP_HDR;

	if (likely(g->segment_bytes == 0 || sk->d->gro)) {
		piece_keep(st, sk, g, 0, bytes);
		return;
	}
	for (uint32_t from = 0; from < bytes; from += g->segment_bytes)
		piece_keep(st, sk, g, from, min_u32(g->segment_bytes, bytes - from));
}

/* To every socket that wants it. */
static void cast_deliver(struct ho_stack *st, const struct datagram *g, uint16_t dport)
{
	struct udp_port *p = udp_port_find(st, dport);
	bool any = false;

	for (struct list *n = p ? udp_port_socks(p)->next : NULL; p && n != udp_port_socks(p); n = n->next) {
		struct sock *sk = dgram_sock(n);

		if (!udp_wants_cast(sk, g->rx, g->sport))
			continue;
		datagram_keep(st, sk, g);
		any = true;
	}
	if (!any)
		count(st, NULL, HO_UdpIgnoredMulti);
}

/* Nobody's: what is damaged is an error, the rest is answered. */
static void nobody_has_it(struct ho_stack *st, const struct datagram *g)
{
	struct rx *rx = g->rx;

	if (g->unchecked && !packet_sum_ok(rx->frame, rx->saddr, rx->daddr, rx->ip_bytes, g->udp_bytes)) {
		count_damaged(st, NULL);
		return;
	}
	count(st, NULL, HO_UdpNoPorts);
	icmp_send_error(st, rx, ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, 0);
}

own_way void udp_on_packet(struct ho_stack *st, struct rx *rx)
{
	struct datagram g = {.rx = rx, .udp_bytes = rx->l4_bytes >= UDP_HDR ? get16(rx->l4 + 4) : 0};
	struct sock *sk;

	if (g.udp_bytes < UDP_HDR || g.udp_bytes > rx->l4_bytes) {
		count(st, NULL, HO_UdpInErrors);
		return;
	}
	g.sport = get16(rx->l4);
	if (rx->frame->gso == HO_GSO_UDPV4)
		g.segment_bytes = rx->frame->gso_size;
	g.unchecked = get16(rx->l4 + 6) != 0 && rx->frame->csum == HO_CSUM_NONE;
	if (g.unchecked && (g.udp_bytes <= CSUM_AT_ONCE_BYTES || g.segment_bytes != 0)) {
		if (!packet_sum_ok(rx->frame, rx->saddr, rx->daddr, rx->ip_bytes, g.udp_bytes)) {
			count_damaged(st, NULL);
			return;
		}
		g.unchecked = false;
	}
	if (rx->broadcast || rx->multicast) {
		cast_deliver(st, &g, get16(rx->l4 + 2));
		return;
	}
	sk = udp_find(st, rx->daddr, get16(rx->l4 + 2), rx->saddr, g.sport);
	if (sk != NULL)
		datagram_keep(st, sk, &g);
	else
		nobody_has_it(st, &g);
}

/* ---- to the program ---- */

void udp_taken(struct ho_stack *st, struct sock *sk, int32_t bytes)
{
	struct dgram *d = sk->d;

	d->deficit += bytes;
	if (d->deficit < sk->rcvbuf >> 2 && d->reader_count > 0)
		return;
	sk->fwd_alloc += d->deficit;
	sk->rmem_alloc -= d->deficit;
	d->deficit = 0;
	dgram_mem_reclaim(st, sk, 1);
	d->reader_count = d->count;
}

struct dgram_rx *udp_peek(struct ho_stack *st, struct sock *sk)
{
	struct dgram *d = sk->d;
	struct dgram_rx *r;

	while ((r = d->head) != NULL) {
		if (d->reader_count == 0)
			d->reader_count = d->count;
		if (!r->unchecked || udp_sum_ok(r)) {
			r->unchecked = false;
			return r;
		}
		dgram_shift(sk);
		udp_taken(st, sk, (int32_t)r->truesize);
		count_damaged(st, sk);
		sk->drops++;
		dgram_rx_free(st, r);
	}
	return NULL;
}

/* ---- errors ---- */

void udp_on_icmp(struct ho_stack *st, const struct quoted *q)
{
	const uint8_t *udp = q->inner + q->inner_hdr;
	struct sock *sk = udp_find(st, q->saddr, get16(udp), q->daddr, get16(udp + 2));
	bool fatal;
	int err;

	if (sk == NULL) {
		count(st, NULL, HO_IcmpInErrors);
		return;
	}
	if (q->type == ICMP_REDIRECT) {
		redirect_on_icmp(st, q->daddr);
		return;
	}
	err = icmp_error_of(q, &fatal);
	if (q->type == ICMP_DEST_UNREACH && q->code == ICMP_FRAG_NEEDED) {
		pmtu_update(st, q->daddr, q->info);
		if (sk->pmtudisc == HO_IP_PMTUDISC_DONT)
			return;
		fatal = true;
	}
	if (err == 0 || (!sk->recverr && (!fatal || sk->state != HO_ESTABLISHED)))
		return;
	if (sk->recverr)
		sock_error_keep(st, sk, q, err, get16(udp + 2), q->inner_hdr + UDP_HDR);
	sk->err = (int16_t)err;
	sock_wake(st, sk);
}
