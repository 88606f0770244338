/* SPDX-License-Identifier: MIT
 * A super-frame meets a link that cannot take it: one frame for each packet it stands for, payload still by reference.
 * What Linux does in software at the device (net/ipv4/tcp_offload.c tcp_gso_segment, udp_offload.c
 * __udp_gso_segment): the IPv4 identification and TCP's
 * sequence number go on, FIN and PSH stay with the last packet, CWR with the first.  The counters have seen one packet. */
#include "core.h"

/* Where the next payload byte is. */
struct cursor {
	unsigned slice;
	uint32_t offset;
};

/* Takes n payload bytes of t into c. Gives  their checksum. */
static uint32_t payload_take(const struct tx_frame *t, struct cursor *at, struct tx_frame *c, uint32_t n)
{
	uint32_t sum = 0;
	bool odd = false;

	while (n > 0) {
		const struct ho_slice *s = &t->f.slice[at->slice];
		uint32_t take = min_u32(n, s->len_bytes - at->offset);
		const uint8_t *p = s->data + at->offset;

		c->block[c->blocks++] = block_ref(t->block[at->slice - 1]);
		c->f.slice[c->f.slice_count++] = (struct ho_slice){p, take};
		sum = odd ? csum_add_odd(sum, csum_partial(p, take)) : csum_add(sum, csum_partial(p, take));
		odd ^= take & 1;
		n -= take;
		at->offset += take;
		if (at->offset == s->len_bytes) {
			at->slice++;
			at->offset = 0;
		}
	}
	return sum;
}

/* Fills a checksum field: the sum of the pseudo-header for a link that does the rest, else all of it. */
static void csum_write(const struct link *l, struct tx_frame *c, uint8_t protocol, uint16_t offset, uint32_t n, uint32_t sum)
{
	uint32_t ip_bytes = (c->head[0] & 15u) * 4, l4_hdr = c->f.hdr_len - ip_bytes;
	uint8_t *ip = c->head, *l4 = c->head + ip_bytes;
	uint32_t pseudo = csum_pseudo(get32(ip + 12), get32(ip + 16), protocol, l4_hdr + n);
	uint16_t v;

	put16(l4 + offset, 0);
	c->f.csum_start = (uint16_t)ip_bytes;
	c->f.csum_offset = offset;
	if (l != NULL && l->flags & HO_LINK_TX_CSUM) {
		c->f.csum = HO_CSUM_PARTIAL;
		v = csum_fold_plain(pseudo);
	} else {
		c->f.csum = HO_CSUM_NONE;
		v = csum_fold(csum_add(csum_add(sum, pseudo), csum_partial(l4, l4_hdr)));
		if (v == 0 && protocol == IP_PROTO_UDP)
			v = UINT16_MAX;
	}
	memcpy(l4 + offset, &v, 2);
}

static void tcp_headers_write(const struct tx_frame *t, uint8_t *tcp, unsigned i)
{
	put32(tcp + 4, get32(tcp + 4) + i * t->f.gso_size);
	if (i + 1 < t->f.gso_segs)
		tcp[13] &= (uint8_t) ~(TCP_FIN | TCP_PSH);
	if (i > 0)
		tcp[13] &= (uint8_t)~TCP_CWR;
}

/* Headers of packet i, whose payload has n bytes and the sum. */
static void headers_write(const struct link *l, const struct tx_frame *t, struct tx_frame *c, unsigned i, uint32_t n,
                          uint32_t sum)
{
	uint32_t ip_bytes = (t->head[0] & 15u) * 4, hdr = t->f.hdr_len;
	uint8_t *ip = c->head, *l4 = c->head + ip_bytes;
	bool udp = unlikely(t->f.gso == HO_GSO_UDPV4);
	uint16_t v;

	memcpy(c->head, t->head, hdr);
	put16(ip + 2, (uint16_t)(hdr + n));
	put16(ip + 4, (uint16_t)(get16(ip + 4) + i));
	put16(ip + 10, 0);
	v = csum_fold(ip_bytes == 20 ? csum_ip20(ip) : csum_partial(ip, ip_bytes));
	memcpy(ip + 10, &v, 2);
	c->f.hdr_len = (uint16_t)hdr;
	if (udp)
		put16(l4 + 4, (uint16_t)(hdr - ip_bytes + n));
	else
		tcp_headers_write(t, l4, i);
	csum_write(l, c, udp ? IP_PROTO_UDP : IP_PROTO_TCP, udp ? 6 : 16, n, sum);
}

/* Cuts t and hands each packet to push, in order.  Gives  packets made (fewer than gso_segs without memory).
 * Owns: t stays the caller's. */
own_way unsigned gso_cut(struct ho_stack *st, struct link *l, struct tx_frame *t,
                 void (*push)(struct ho_stack *st, struct link *l, struct tx_frame *c))
{
	struct cursor at = {1, 0};
	uint32_t left = t->f.len_bytes - t->f.hdr_len, cost = t->sk_bytes;
	unsigned i;

	for (i = 0; i < t->f.gso_segs; i++) {
		struct tx_frame *c = frame_take(st);
		uint32_t n = min_u32(left, t->f.gso_size), share;

		if (c == NULL)
			return i;
		if (i == 0)
			c->f.id = t->f.id; /* the counters have moved in this one's name */
		headers_write(l, t, c, i, n, payload_take(t, &at, c, n));
		c->f.slice[0] = (struct ho_slice){c->head, t->f.hdr_len};
		c->f.len_bytes = t->f.hdr_len + n;
		share = i + 1u == t->f.gso_segs ? cost : t->sk_bytes / t->f.gso_segs;
		c->sk = t->sk;
		c->sk_bytes = share;
		cost -= share;
		left -= n;
		push(st, l, c);
	}
	return i;
}
