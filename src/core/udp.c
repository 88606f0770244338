/* SPDX-License-Identifier: MIT
 * UDP (RFC 768): names, and datagrams on their way out.
 *
 * A datagram that is refused for want of room in the send buffer, or lost at the link, counts UdpSndbufErrors; the program
 * hears of the latter only if it has asked for errors (IP_RECVERR).
 *
 * Source: Linux 6.18 net/ipv4/udp.c udp_sendmsg, udp_send_skb, __udp_disconnect; net/ipv4/af_inet.c __inet_bind,
 * inet_autobind. */
#include "dgram.h"

#define CSUM_OFFSET 6u
#define SEGMENTS_MAX 128u /* UDP_MAX_SEGMENTS */

/* ---- names ---- */

int udp_bind(struct ho_stack *st, struct sock *sk, struct ho_endpoint local)
{
	bool cast = ip_is_multicast(local.addr) || ip_is_broadcast(st, local.addr);
	int err;

	if (local.addr != HO_ADDR_ANY && !cast && !ip_is_local(st, local.addr))
		return -EADDRNOTAVAIL;
	if (sk->state != HO_CLOSE || sk->e.lport != 0)
		return -EINVAL;
	sk->e.laddr = local.addr;
	err = udp_port_bind(st, sk, local.port);
	if (err < 0) {
		sk->e.laddr = HO_ADDR_ANY;
		return err;
	}
	sk->d->saddr = cast ? HO_ADDR_ANY : local.addr;
	sk->bound_addr = local.addr != HO_ADDR_ANY;
	sk->bound_port = local.port != 0;
	return 0;
}

int udp_autobind(struct ho_stack *st, struct sock *sk)
{
	return sk->e.lport != 0 ? 0 : udp_port_bind(st, sk, 0);
}

int udp_connect(struct ho_stack *st, struct sock *sk, struct ho_endpoint peer)
{
	uint32_t laddr = sk->e.laddr;
	int err;

	udp_peer_changing(st, sk);
	err = dgram_connect_to(st, sk, peer);
	if (sk->e.laddr != laddr)
		sk->d->order = ++st->udp_order;
	udp_peer_changed(st, sk);
	return err;
}

/* The peer is forgotten already.  A port that no bind() has named goes as well. */
void udp_disconnect(struct ho_stack *st, struct sock *sk)
{
	if (!sk->bound_port)
		udp_port_release(st, sk);
	else if (!sk->bound_addr)
		sk->d->order = ++st->udp_order;
}

void udp_close(struct ho_stack *st, struct sock *sk)
{
	udp_peer_changing(st, sk);
	udp_port_release(st, sk);
	sk->fwd_alloc += sk->rmem_alloc;
	sk->rmem_alloc = 0;
	dgram_mem_reclaim(st, sk, 0);
}

/* ---- out ---- */

/* Several datagrams in one frame, if there is more than one segment of payload. */
static void super_frame_make(struct tx_frame *f, const struct dgram_tx *t)
{
	if (t->segment_bytes == 0 || t->len_bytes <= t->segment_bytes)
		return;
	f->f.gso = HO_GSO_UDPV4;
	f->f.gso_size = t->segment_bytes;
	f->f.gso_segs = (uint16_t)((t->len_bytes + t->segment_bytes - 1) / t->segment_bytes);
}

/* Writes the header; the checksum is the link's work if it is one packet. */
static void header_write(const struct sock *sk, struct tx_frame *f, const struct dgram_tx *t)
{
	uint8_t *udp = f->head + IP_HDR;
	uint32_t bytes = f->f.len_bytes - IP_HDR, pseudo = csum_pseudo(t->saddr, t->daddr, IP_PROTO_UDP, bytes);
	uint16_t sum;

	put16(udp, sk->e.lport);
	put16(udp + 2, t->dport);
	put16(udp + 4, (uint16_t)bytes);
	put16(udp + CSUM_OFFSET, 0);
	if (sk->d->no_check)
		return;
	if (f->f.len_bytes <= t->path_mtu || f->f.gso != HO_GSO_NONE) {
		f->f.csum = HO_CSUM_PARTIAL;
		f->f.csum_start = IP_HDR;
		f->f.csum_offset = CSUM_OFFSET;
		sum = csum_fold_plain(pseudo);
	} else {
		sum = csum_fold(csum_add(pseudo, frame_sum(&f->f, IP_HDR, bytes)));
		sum = sum != 0 ? sum : UINT16_MAX;
	}
	memcpy(udp + CSUM_OFFSET, &sum, 2);
}

static int datagram_output(struct ho_stack *st, struct sock *sk, const struct dgram_tx *t)
{
	struct tx_frame *f = dgram_message_make(st, sk, t);
	struct ip_tx x;
	int err;

	if (f == NULL)
		return -ENOBUFS;
	super_frame_make(f, t);
	header_write(sk, f, t);
	x = dgram_ip_tx(st, sk, t);
	err = ip_output(st, sk, f, &x);
	if (err == 0)
		count(st, sk, HO_UdpOutDatagrams);
	if (err != -ENOBUFS || sk->recverr)
		return err;
	count(st, sk, HO_UdpSndbufErrors);
	return 0;
}

static int segments_check(const struct sock *sk, const struct dgram_tx *t)
{
	if (t->segment_bytes == 0)
		return 0;
	if (IP_HDR + UDP_HDR + min_u32((uint32_t)t->len_bytes, t->segment_bytes) > t->mtu)
		return -EMSGSIZE;
	return t->len_bytes > (size_t)t->segment_bytes * SEGMENTS_MAX || sk->d->no_check ? -EINVAL : 0;
}

static int datagram_send(struct ho_stack *st, struct sock *sk, const struct dgram_tx *t)
{
	int err = dgram_size_check(st, sk, t);

	err = err < 0 ? err : dgram_room_check(st, sk);
	err = err < 0 ? err : segments_check(sk, t);
	return err < 0 ? err : datagram_output(st, sk, t);
}

ptrdiff_t udp_send(struct ho_stack *st, struct sock *sk, const void *buf, size_t len_bytes, const struct ho_endpoint *to)
{
	struct dgram_tx t = {.bytes = buf, .len_bytes = len_bytes, .header_bytes = UDP_HDR, .segment_bytes = sk->d->segment_bytes};
	int err = len_bytes > HO_FRAME_BYTES_MAX ? -EMSGSIZE : 0;

	err = err < 0 ? err : to != NULL && to->port == 0 ? -EINVAL : dgram_target(sk, to, &t);
	err = err < 0 ? err : dgram_route(st, sk, &t, true);
	if (err < 0)
		return err;
	err = datagram_send(st, sk, &t);
	if (err == -ENOBUFS || (err < 0 && sk->d->nospace))
		count(st, sk, HO_UdpSndbufErrors);
	return err < 0 ? err : (ptrdiff_t)len_bytes;
}
