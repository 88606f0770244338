/* SPDX-License-Identifier: MIT
 * Frames made from bytes, and bytes made from frames.  A frame comes from outside the stack: its facts are checked against
 * its slices and its headers before anything is believed.
 *
 * Source: Linux 6.18 net/core/dev.c skb_checksum_help; net/ipv4/tcp_offload.c tcp_gso_segment; net/ipv4/udp_offload.c
 * __udp_gso_segment; net/ipv4/af_inet.c
 * inet_gso_segment. */
#include <halfopen/frame.h>

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "wire/csum.h"
#include "wire/wire.h"

#define IP_HDR_MIN 20u
#define IP_HDR_MAX 60u
#define TCP_HDR_MIN 20u
#define TCP_HDR_MAX 60u
#define UDP_HDR 8u
#define ICMP_HDR 8u
#define IP_FRAGMENT_MASK 0x3fff /* more fragments, or an offset */

#define IP_AT_LENGTH 2
#define IP_AT_ID 4
#define IP_AT_FRAGMENT 6
#define IP_AT_PROTOCOL 9
#define IP_AT_CSUM 10
#define IP_AT_SADDR 12
#define IP_AT_DADDR 16
#define TCP_AT_SEQ 4
#define TCP_AT_OFFSET 12
#define TCP_AT_FLAGS 13
#define TCP_AT_CSUM 16
#define UDP_AT_LENGTH 4
#define UDP_AT_CSUM 6

/* --- headers ----------------------------------------------------------------------------------------------------- */

/* Length of an IPv4 header, 0 if these bytes do not hold one. */
static uint32_t ip_header_bytes(const uint8_t *ip, size_t len_bytes)
{
	uint32_t bytes;

	if (len_bytes < IP_HDR_MIN || ip[0] >> 4 != 4)
		return 0;
	bytes = (ip[0] & 15u) * 4;
	return bytes >= IP_HDR_MIN && bytes <= len_bytes ? bytes : 0;
}

static uint32_t tcp_header_bytes(const uint8_t *tcp, size_t len_bytes)
{
	uint32_t bytes;

	if (len_bytes < TCP_HDR_MIN)
		return 0;
	bytes = (tcp[TCP_AT_OFFSET] >> 4) * 4u;
	return bytes >= TCP_HDR_MIN && bytes <= len_bytes ? bytes : 0;
}

static uint32_t l4_header_bytes(uint8_t protocol, const uint8_t *l4, size_t len_bytes)
{
	switch (protocol) {
	case IP_PROTO_TCP:
		return tcp_header_bytes(l4, len_bytes);
	case IP_PROTO_UDP:
		return len_bytes >= UDP_HDR ? UDP_HDR : 0;
	case IP_PROTO_ICMP:
		return len_bytes >= ICMP_HDR ? ICMP_HDR : 0;
	default:
		return 0;
	}
}

/* IPv4 and L4 header together, 0 if either is not whole. */
static uint32_t packet_header_bytes(const uint8_t *ip, size_t len_bytes)
{
	uint32_t ip_bytes = ip_header_bytes(ip, len_bytes);
	uint32_t l4_bytes;

	if (ip_bytes == 0)
		return 0;
	l4_bytes = l4_header_bytes(ip[IP_AT_PROTOCOL], ip + ip_bytes, len_bytes - ip_bytes);
	return l4_bytes != 0 ? ip_bytes + l4_bytes : 0;
}

static void store_csum(uint8_t *at, uint16_t memory_order)
{
	memcpy(at, &memory_order, 2);
}

static void ip_fill_csum(uint8_t *ip, uint32_t ip_bytes)
{
	memset(ip + IP_AT_CSUM, 0, 2);
	store_csum(ip + IP_AT_CSUM, csum_fold(csum_partial(ip, ip_bytes)));
}

/* As Linux's segmentation does it, and unlike skb_checksum_help, TCP's result of 0 stays 0. */
static void l4_fill_csum(uint8_t *ip, uint32_t ip_bytes, uint32_t len_bytes)
{
	uint8_t *l4 = ip + ip_bytes, protocol = ip[IP_AT_PROTOCOL];
	uint32_t l4_bytes = len_bytes - ip_bytes, at = protocol == IP_PROTO_UDP ? UDP_AT_CSUM : TCP_AT_CSUM;
	uint32_t pseudo = csum_pseudo(get32(ip + IP_AT_SADDR), get32(ip + IP_AT_DADDR), protocol, l4_bytes);
	uint16_t sum;

	memset(l4 + at, 0, 2);
	sum = csum_fold(csum_add(pseudo, csum_partial(l4, l4_bytes)));
	store_csum(l4 + at, sum == 0 && protocol == IP_PROTO_UDP ? 0xffff : sum);
}

/* --- frames from bytes ------------------------------------------------------------------------------------------- */

struct made_frame {
	struct ho_frame frame; /* first: release() finds the rest behind it */
	const struct ho_allocator *al;
	size_t block_bytes;
	uint8_t bytes[];
};

static void made_frame_release(struct ho_frame *f)
{
	struct made_frame *made = (struct made_frame *)f;

	made->al->free(made->al->ctx, made, made->block_bytes);
}

struct ho_frame *ho_frame_make(const struct ho_allocator *al, const void *bytes, size_t len_bytes)
{
	size_t block_bytes = sizeof(struct made_frame) + len_bytes;
	struct made_frame *made;

	assert(len_bytes >= 1 && len_bytes <= HO_FRAME_BYTES_MAX);
	made = al->alloc(al->ctx, block_bytes, 64);
	if (made == NULL)
		return NULL;
	memset(made, 0, sizeof(*made));
	memcpy(made->bytes, bytes, len_bytes);
	made->al = al;
	made->block_bytes = block_bytes;
	made->frame.len_bytes = (uint32_t)len_bytes;
	made->frame.slice_count = 1;
	made->frame.csum = HO_CSUM_NONE;
	made->frame.gso = HO_GSO_NONE;
	made->frame.gso_segs = 1;
	made->frame.hdr_len = (uint16_t)packet_header_bytes(bytes, len_bytes);
	made->frame.refs = 1;
	made->frame.release = made_frame_release;
	made->frame.slice[0] = (struct ho_slice){made->bytes, (uint32_t)len_bytes};
	return &made->frame;
}

/* --- bytes from frames ------------------------------------------------------------------------------------------- */

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

size_t ho_frame_read(const struct ho_frame *f, size_t offset, void *to, size_t len_bytes)
{
	size_t slices = smaller(f->slice_count, HO_FRAME_SLICES_MAX);
	size_t copied = 0;

	for (size_t i = 0; i < slices && copied < len_bytes; i++) {
		const struct ho_slice *s = &f->slice[i];
		size_t bytes;

		if (offset >= s->len_bytes) {
			offset -= s->len_bytes;
			continue;
		}
		bytes = smaller(s->len_bytes - offset, len_bytes - copied);
		memcpy((uint8_t *)to + copied, s->data + offset, bytes);
		copied += bytes;
		offset = 0;
	}
	return copied;
}

static bool frame_slices_ok(const struct ho_frame *f)
{
	uint64_t sum = 0;

	if (f->slice_count == 0 || f->slice_count > HO_FRAME_SLICES_MAX)
		return false;
	for (unsigned i = 0; i < f->slice_count; i++)
		sum += f->slice[i].len_bytes;
	return sum == f->len_bytes && sum >= 1 && sum <= HO_FRAME_BYTES_MAX;
}

static bool frame_partial_ok(const struct ho_frame *f)
{
	return f->csum != HO_CSUM_PARTIAL || (uint32_t)f->csum_start + f->csum_offset + 2 <= f->len_bytes;
}

static bool frame_plain_ok(const struct ho_frame *f)
{
	return f->gso == HO_GSO_NONE && f->gso_size == 0 && f->gso_segs == 1 && frame_slices_ok(f) && frame_partial_ok(f);
}

static uint8_t super_protocol(const struct ho_frame *f)
{
	return f->gso == HO_GSO_UDPV4 ? IP_PROTO_UDP : IP_PROTO_TCP;
}

static bool super_headers_ok(const struct ho_frame *f, const uint8_t *ip, size_t read_bytes)
{
	uint32_t header_bytes = packet_header_bytes(ip, read_bytes);

	return header_bytes != 0 && header_bytes == f->hdr_len && ip[IP_AT_PROTOCOL] == super_protocol(f) &&
	       get16(ip + IP_AT_LENGTH) == f->len_bytes && (get16(ip + IP_AT_FRAGMENT) & IP_FRAGMENT_MASK) == 0;
}

static bool super_count_ok(const struct ho_frame *f)
{
	uint32_t payload_bytes = f->len_bytes - f->hdr_len;

	if (f->gso_size == 0)
		return false;
	if (payload_bytes <= f->gso_size)
		return f->gso_segs == 1;
	return f->gso_segs == (payload_bytes + f->gso_size - 1) / f->gso_size;
}

/* Gives  the length of the IPv4 header, 0 if the facts contradict each other. */
static uint32_t super_ip_bytes(const struct ho_frame *f)
{
	uint8_t headers[IP_HDR_MAX + TCP_HDR_MAX];
	size_t read_bytes;
	uint32_t ip_bytes;

	if ((f->gso != HO_GSO_TCPV4 && f->gso != HO_GSO_UDPV4) || !frame_slices_ok(f))
		return 0;
	read_bytes = ho_frame_read(f, 0, headers, sizeof(headers));
	ip_bytes = ip_header_bytes(headers, read_bytes);
	if (ip_bytes == 0 || !super_headers_ok(f, headers, read_bytes) || !super_count_ok(f))
		return 0;
	if (f->csum == HO_CSUM_PARTIAL && (f->csum_start != ip_bytes || f->csum_offset != (f->gso == HO_GSO_UDPV4 ? UDP_AT_CSUM : TCP_AT_CSUM)))
		return 0;
	return ip_bytes;
}

/* The field holds the sum of the pseudo-header, so it is summed with the rest.  0 would read as "no checksum" in UDP;
 * Linux writes the other zero whatever the protocol. */
static void fill_partial(const struct ho_frame *f, uint8_t *packet)
{
	uint8_t *l4 = packet + f->csum_start;
	uint16_t sum = csum_fold(csum_partial(l4, f->len_bytes - f->csum_start));

	store_csum(l4 + f->csum_offset, sum != 0 ? sum : 0xffff);
}

static size_t flatten_plain(const struct ho_frame *f, uint8_t *to, size_t cap_bytes)
{
	if (!frame_plain_ok(f) || f->len_bytes > cap_bytes)
		return 0;
	ho_frame_read(f, 0, to, f->len_bytes);
	if (f->csum == HO_CSUM_PARTIAL)
		fill_partial(f, to);
	return f->len_bytes;
}

static size_t flatten_super(const struct ho_frame *f, uint8_t *to, size_t cap_bytes)
{
	uint32_t ip_bytes = super_ip_bytes(f);

	if (ip_bytes == 0 || f->len_bytes > cap_bytes)
		return 0;
	ho_frame_read(f, 0, to, f->len_bytes);
	l4_fill_csum(to, ip_bytes, f->len_bytes);
	return f->len_bytes;
}

size_t ho_frame_flatten(const struct ho_frame *f, void *to, size_t cap_bytes)
{
	return f->gso == HO_GSO_NONE ? flatten_plain(f, to, cap_bytes) : flatten_super(f, to, cap_bytes);
}

/* --- segmentation ------------------------------------------------------------------------------------------------ */

static void segment_finish_tcp(const struct ho_frame *f, uint8_t *tcp, uint32_t i)
{
	put32(tcp + TCP_AT_SEQ, get32(tcp + TCP_AT_SEQ) + i * f->gso_size);
	if (i > 0)
		tcp[TCP_AT_FLAGS] &= (uint8_t)~TCP_CWR;
	if (i + 1u < f->gso_segs)
		tcp[TCP_AT_FLAGS] &= (uint8_t)~(TCP_FIN | TCP_PSH);
}

/* Makes the super-frame's headers, which stand at ip, those of its i-th packet. */
static void segment_finish(const struct ho_frame *f, uint8_t *ip, uint32_t ip_bytes, uint32_t i, uint32_t len_bytes)
{
	put16(ip + IP_AT_LENGTH, (uint16_t)len_bytes);
	put16(ip + IP_AT_ID, (uint16_t)(get16(ip + IP_AT_ID) + i));
	if (f->gso == HO_GSO_UDPV4)
		put16(ip + ip_bytes + UDP_AT_LENGTH, (uint16_t)(len_bytes - ip_bytes));
	else
		segment_finish_tcp(f, ip + ip_bytes, i);
	ip_fill_csum(ip, ip_bytes);
	l4_fill_csum(ip, ip_bytes, len_bytes);
}

static int segment_super(const struct ho_frame *f, uint8_t *packet, size_t cap_bytes,
                         void (*emit)(void *ctx, const void *packet, size_t len_bytes), void *ctx)
{
	uint32_t ip_bytes = super_ip_bytes(f);

	if (ip_bytes == 0 || smaller((size_t)f->hdr_len + f->gso_size, f->len_bytes) > cap_bytes)
		return -EINVAL;
	for (uint32_t i = 0; i < f->gso_segs; i++) {
		uint8_t *payload = packet + f->hdr_len;
		size_t payload_bytes = ho_frame_read(f, f->hdr_len + (size_t)i * f->gso_size, payload, f->gso_size);
		uint32_t len_bytes = f->hdr_len + (uint32_t)payload_bytes;

		ho_frame_read(f, 0, packet, f->hdr_len);
		segment_finish(f, packet, ip_bytes, i, len_bytes);
		emit(ctx, packet, len_bytes);
	}
	return f->gso_segs;
}

int ho_frame_segment(const struct ho_frame *f, void *scratch, size_t cap_bytes,
                     void (*emit)(void *ctx, const void *packet, size_t len_bytes), void *ctx)
{
	size_t len_bytes;

	if (f->gso != HO_GSO_NONE)
		return segment_super(f, scratch, cap_bytes, emit, ctx);
	len_bytes = flatten_plain(f, scratch, cap_bytes);
	if (len_bytes == 0)
		return -EINVAL;
	emit(ctx, scratch, len_bytes);
	return 1;
}
