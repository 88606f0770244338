/* SPDX-License-Identifier: MIT
 * A packet for somebody else is passed on, or its sender is told why not.
 *
 * Theory of operation.  The header is copied, its time to live goes down and its checksum with it; everything behind it
 * stays in the frame that came, which lives until the one that goes is gone.  What the frame knows of its checksum and
 * of the packets that it stands for goes along; the link fills and cuts what it must (ip_out.c, ip_frag.c).  A packet
 * larger than the next link takes is refused if it must not be cut: of a super-frame its packets are judged.
 *
 * Source: RFC 1812 5.2, 5.3; RFC 1624; Linux 6.18 net/ipv4/ip_forward.c ip_forward, ip_exceeds_mtu;
 * net/ipv4/route.c ip_error; net/ipv4/ip_options.c ip_forward_options;
 * include/net/ip.h ip_dst_mtu_maybe_forward. */
#include "wire/likely.h"
#include "forward.h"

#include "ip_parts.h"

#define UDP_HDR 8u

#define ICMP_DEST_UNREACH 3
#define ICMP_NET_UNREACH 0
#define ICMP_HOST_UNREACH 1
#define ICMP_FRAG_NEEDED 4
#define ICMP_PKT_FILTERED 13
#define ICMP_TIME_EXCEEDED 11
#define TCP_CSUM_OFFSET 16u
#define UDP_CSUM_OFFSET 6u
#define RR_WRITTEN 5u /* how far before the pointer, counted from 1, the latest entry begins */
#define TS_WRITTEN 9u

/* ---- nowhere ---- */

static void unroutable(struct ho_stack *st, struct rx *rx, int err)
{
	uint8_t code;

	switch (err) {
	case -ENETUNREACH:
		count(st, NULL, HO_IpExtInNoRoutes);
		code = ICMP_NET_UNREACH;
		break;
	case -EHOSTUNREACH: code = ICMP_HOST_UNREACH; break;
	case -EACCES: code = ICMP_PKT_FILTERED; break;
	default: return;
	}
	if (icmp_unroutable_allows(st, rx->saddr))
		icmp_send_error(st, rx, ICMP_DEST_UNREACH, code, 0);
}

/* ---- frames over frames ---- */

static void under_release(void *frame)
{
	ho_frame_unref(frame);
}

static bool pieces_copy(struct ho_stack *st, struct tx_frame *t, const struct ho_frame *from, uint32_t offset,
                        uint32_t len_bytes)
{
	while (len_bytes > 0) {
		struct frag frag;
		uint8_t *room = block_room(st, len_bytes, &frag);

		if (room == NULL)
			return false;
		ho_frame_read(from, offset, room, frag.len_bytes);
		frame_add(t, frag);
		offset += frag.len_bytes;
		len_bytes -= frag.len_bytes;
	}
	return true;
}

static bool pieces_borrow(struct ho_stack *st, struct tx_frame *t, struct ho_frame *from, uint32_t offset,
                          uint32_t len_bytes)
{
	struct block *under = block_make_ref(st, from, under_release, from);

	if (under == NULL)
		return false;
	ho_frame_ref(from);
	for (const struct ho_slice *s = from->slice; len_bytes > 0; s++) {
		uint32_t bytes;

		if (offset >= s->len_bytes) {
			offset -= s->len_bytes;
			continue;
		}
		bytes = min_u32(s->len_bytes - offset, len_bytes);
		t->block[t->blocks++] = block_ref(under);
		t->f.slice[t->f.slice_count++] = (struct ho_slice){s->data + offset, bytes};
		t->f.len_bytes += bytes;
		len_bytes -= bytes;
		offset = 0;
	}
	block_unref(under);
	return true;
}

struct tx_frame *frame_over(struct ho_stack *st, struct ho_frame *from, uint32_t offset, uint32_t len_bytes,
                            uint32_t head_bytes)
{
	struct tx_frame *t = frame_take(st);
	uint32_t rest;
	bool done;

	if (t == NULL)
		return NULL;
	head_bytes = min_u32(min_u32(head_bytes, len_bytes), TX_HEAD_BYTES);
	rest = len_bytes - head_bytes;
	ho_frame_read(from, offset, t->head, head_bytes);
	t->f.slice[0].len_bytes = head_bytes;
	t->f.len_bytes = head_bytes;
	if (rest == 0)
		return t;
	offset += head_bytes;
	done = from->slice_count <= SEG_FRAGS_MAX ? pieces_borrow(st, t, from, offset, rest)
	                                          : pieces_copy(st, t, from, offset, rest);
	if (done)
		return t;
	ho_frame_unref(&t->f);
	return NULL;
}

struct rx rx_of(const struct ho_stack *st, struct tx_frame *t)
{
	const uint8_t *ip = t->head;
	uint16_t ip_bytes = (uint16_t)((ip[0] & 15) * 4);

	return (struct rx){.frame = &t->f,
	                   .ip = ip,
	                   .l4 = ip + ip_bytes,
	                   .saddr = get32(ip + 12),
	                   .daddr = get32(ip + 16),
	                   .ip_bytes = ip_bytes,
	                   .l4_bytes = (uint16_t)(t->f.len_bytes - ip_bytes),
	                   .tos = ip[1],
	                   .ttl = ip[8],
	                   .protocol = ip[9],
	                   .loopback = ip_is_local(st, get32(ip + 12))};
}

/* ---- onwards ---- */

static uint32_t packet_bytes(const struct rx *rx)
{
	return (uint32_t)rx->ip_bytes + rx->l4_bytes;
}

static uint32_t l4_header_bytes(const struct rx *rx)
{
	if (rx->protocol == IP_PROTO_TCP && rx->l4_bytes >= 20)
		return max_u32((rx->l4[12] >> 4) * 4u, 20);
	return UDP_HDR;
}

/* IPv4 and L4 header of a super-frame; 0: a packet like others. */
static uint32_t super_header_bytes(const struct rx *rx)
{
	const struct ho_frame *f = rx->frame;
	uint32_t l4_hdr = l4_header_bytes(rx);

	if (likely(f->gso == HO_GSO_NONE))
		return 0;
	if (rx->protocol != (f->gso == HO_GSO_UDPV4 ? IP_PROTO_UDP : IP_PROTO_TCP) || f->gso_size == 0 ||
	    f->len_bytes != packet_bytes(rx) || rx->l4_bytes <= l4_hdr + f->gso_size)
		return 0;
	return rx->ip_bytes + l4_hdr;
}

static uint32_t forward_mtu(const struct ho_stack *st, uint32_t daddr, const struct way *way)
{
	const struct pmtu *p = pmtu_find(st, daddr);

	return p != NULL && (st->ctl.ip_forward_use_pmtu || p->locked) ? p->mtu : way->mtu;
}

/* What is copied: the headers, and the checksum field if it is still to be filled. */
static uint32_t head_bytes_of(const struct rx *rx)
{
	const struct ho_frame *f = rx->frame;
	uint32_t bytes = packet_bytes(rx);

	if (bytes <= TX_HEAD_BYTES)
		return bytes;
	bytes = rx->ip_bytes + l4_header_bytes(rx);
	return f->csum == HO_CSUM_PARTIAL ? max_u32(bytes, f->csum_start + f->csum_offset + 2u) : bytes;
}

static void csum_to_partial(const struct rx *rx, struct tx_frame *t)
{
	uint32_t l4_bytes = t->f.len_bytes - rx->ip_bytes;
	uint16_t offset = rx->protocol == IP_PROTO_UDP ? UDP_CSUM_OFFSET : TCP_CSUM_OFFSET;
	uint16_t sum = csum_fold_plain(csum_pseudo(rx->saddr, rx->daddr, rx->protocol, l4_bytes));

	memcpy(t->head + rx->ip_bytes + offset, &sum, 2);
	t->f.csum = HO_CSUM_PARTIAL;
	t->f.csum_start = rx->ip_bytes;
	t->f.csum_offset = offset;
}

/* A field that the frame would have filled somewhere else than in the packet's headers is none of ours. */
static bool csum_within_reach(const struct rx *rx)
{
	const struct ho_frame *f = rx->frame;
	uint32_t end = (uint32_t)f->csum_start + f->csum_offset + 2;

	return f->csum != HO_CSUM_PARTIAL ||
	       (end <= TX_HEAD_BYTES && end <= packet_bytes(rx) && f->csum_start >= rx->ip_bytes);
}

static void facts_copy(const struct rx *rx, struct tx_frame *t, uint32_t super_header)
{
	const struct ho_frame *from = rx->frame;

	t->f.csum = from->csum;
	t->f.csum_start = from->csum_start;
	t->f.csum_offset = from->csum_offset;
	t->f.hdr_len = (uint16_t)t->f.slice[0].len_bytes;
	if (super_header == 0) {
		t->f.hdr_len = (uint16_t)min_u32(from->hdr_len, t->f.hdr_len);
		return;
	}
	t->f.gso = from->gso;
	t->f.gso_size = from->gso_size;
	t->f.gso_segs = (uint16_t)((t->f.len_bytes - super_header + from->gso_size - 1u) / from->gso_size);
	if (t->f.csum != HO_CSUM_PARTIAL)
		csum_to_partial(rx, t);
}

static struct tx_frame *forward_frame(struct ho_stack *st, const struct rx *rx)
{
	uint32_t super_header = super_header_bytes(rx);
	struct tx_frame *t =
		frame_over(st, rx->frame, 0, packet_bytes(rx), super_header != 0 ? super_header : head_bytes_of(rx));

	if (t != NULL)
		facts_copy(rx, t, super_header);
	return t;
}

static void ttl_decrease(uint8_t *ip)
{
	uint32_t sum = get16(ip + 10) + 0x100u;

	put16(ip + 10, (uint16_t)(sum + (sum >= 0xffff)));
	ip[8]--;
}

static bool is_too_large(const struct rx *rx, uint32_t mtu)
{
	uint32_t super_header = super_header_bytes(rx);

	return (super_header != 0 ? super_header + rx->frame->gso_size : packet_bytes(rx)) > mtu;
}

/* Where our address was written it becomes the one that the packet leaves from. */
static void options_forward(const struct ip_options *o, uint8_t *ip, uint32_t saddr)
{
	uint32_t ip_bytes = (ip[0] & 15u) * 4;
	uint16_t sum;

	if (o->rr_needaddr)
		put32(ip + o->rr + ip[o->rr + 2] - RR_WRITTEN, saddr);
	if (o->ts_needaddr)
		put32(ip + o->ts + ip[o->ts + 2] - TS_WRITTEN, saddr);
	put16(ip + 10, 0);
	sum = csum_fold(csum_partial(ip, ip_bytes));
	memcpy(ip + 10, &sum, 2);
}

static void too_large(struct ho_stack *st, struct rx *rx, uint32_t mtu)
{
	count_why(st, NULL, HO_IpFragFails, 1, HO_WHY_LARGER_THAN_NEXT_LINK, packet_bytes(rx), mtu);
	icmp_send_error(st, rx, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, mtu);
}

static bool filter_passes(struct ho_stack *st, struct tx_frame *t, uint8_t in_link, uint8_t out_link)
{
	struct rx going = rx_of(st, t);

	going.link = in_link;
	return rules_forward(st, &going, out_link);
}

static void forward(struct ho_stack *st, struct rx *rx, const struct way_in *in, uint32_t mtu)
{
	struct way way = in->way;
	bool redirect = in->redirect;
	struct tx_frame *t = forward_frame(st, rx);

	if (t == NULL) {
		count_why(st, NULL, HO_IpOutDiscards, 1, HO_WHY_NO_MEMORY, 0, 0);
		return;
	}
	ttl_decrease(t->head);
	if (unlikely(rx->options != NULL))
		options_forward(rx->options, t->head, way.saddr);
	if (unlikely(redirect)) {
		struct rx gone = rx_of(st, t);

		redirect_send(st, &gone, way.next_hop);
	}
	if (rules_any(st, HO_HOOK_FORWARD) && !filter_passes(st, t, rx->link, way.link)) {
		ho_frame_unref(&t->f);
		return;
	}
	st->cause.frame_out = t->f.id;
	ip_output_forwarded(st, t, &way, mtu);
	st->cause.frame_out = 0;
}

void ip_forward_on_packet(struct ho_stack *st, struct rx *rx, const struct way_in *in)
{
	uint32_t mtu;

	if (unlikely(in->err < 0)) {
		if (st->ctl.ip_forward)
			unroutable(st, rx, in->err);
		else
			count(st, NULL, HO_IpInAddrErrors);
		return;
	}
	if (unlikely(rx->link_cast || !csum_within_reach(rx)))
		return;
	if (unlikely(rx->ttl <= 1)) {
		count_why(st, NULL, HO_IpInHdrErrors, 1, HO_WHY_TTL, 0, 0);
		icmp_send_error(st, rx, ICMP_TIME_EXCEEDED, 0, 0);
		return;
	}
	count(st, NULL, HO_IpForwDatagrams);
	mtu = forward_mtu(st, rx->daddr, &in->way);
	if (likely(!is_too_large(rx, mtu) || (get16(rx->ip + 6) & IP_DF) == 0))
		forward(st, rx, in, mtu);
	else
		too_large(st, rx, mtu);
}
