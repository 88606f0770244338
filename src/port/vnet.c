/* SPDX-License-Identifier: MIT
 * Virtio-net header <-> offload facts.  The kernel on the other side of a TUN is trusted to be Linux, but a header that
 * contradicts its packet must never reach code that cuts segments by it. */
#include "vnet.h"

#define PROTO_TCP 6
#define PROTO_UDP 17
#define PROTO_ICMP 1

/* Where the L4 header begins, 0 if the packet is too short or no IPv4 packet. */
static uint32_t l4_offset(const uint8_t *packet, uint32_t len_bytes)
{
	uint32_t ihl = (packet[0] & 15u) * 4u;

	return len_bytes >= 20 && packet[0] >> 4 == 4 && ihl >= 20 && ihl <= len_bytes ? ihl : 0;
}

static bool is_later_fragment(const uint8_t *packet)
{
	return ((packet[6] & 0x1f) | packet[7]) != 0;
}

/* Bytes of the L4 header at l4, 0 if unknown or cut off. */
static uint32_t l4_header_bytes(const uint8_t *packet, uint32_t len_bytes, uint32_t l4)
{
	uint32_t bytes = 0;

	if (l4 == 0 || is_later_fragment(packet))
		return 0;
	if (packet[9] == PROTO_UDP || packet[9] == PROTO_ICMP)
		bytes = 8;
	else if (packet[9] == PROTO_TCP && len_bytes >= l4 + 20)
		bytes = (uint32_t)(packet[l4 + 12] >> 4) * 4u;
	return l4 + bytes <= len_bytes ? bytes : 0;
}

static bool parse_csum(const struct vnet_header *h, uint32_t len_bytes, uint32_t l4, struct ho_frame *f)
{
	if (!(h->flags & VNET_NEEDS_CSUM)) {
		f->csum = h->flags & VNET_DATA_VALID ? HO_CSUM_GOOD : HO_CSUM_NONE;
		return true;
	}
	if (l4 == 0 || h->csum_start != l4 || (uint32_t)h->csum_start + h->csum_offset + 2u > len_bytes)
		return false;
	f->csum = HO_CSUM_PARTIAL;
	f->csum_start = h->csum_start;
	f->csum_offset = h->csum_offset;
	return true;
}

static bool parse_gso(const struct vnet_header *h, const uint8_t *packet, uint32_t len_bytes, uint32_t l4_bytes,
                      struct ho_frame *f)
{
	if (h->gso_type == VNET_GSO_NONE)
		return true;
	/* offered: TSO4 and USO.  The ECN mark changes nothing for who receives the segments in one piece. */
	if ((h->gso_type & ~VNET_GSO_ECN) == VNET_GSO_TCPV4 && packet[9] == PROTO_TCP && l4_bytes >= 20)
		f->gso = HO_GSO_TCPV4;
	else if (h->gso_type == VNET_GSO_UDP_L4 && packet[9] == PROTO_UDP && l4_bytes == 8)
		f->gso = HO_GSO_UDPV4;
	else
		return false;
	if (f->csum != HO_CSUM_PARTIAL || h->gso_size == 0 || f->hdr_len >= len_bytes)
		return false;
	f->gso_size = h->gso_size;
	f->gso_segs = (uint16_t)((len_bytes - f->hdr_len + h->gso_size - 1u) / h->gso_size);
	return true;
}

bool vnet_parse(const struct vnet_header *h, const uint8_t *packet, uint32_t len_bytes, struct ho_frame *f)
{
	uint32_t l4 = l4_offset(packet, len_bytes);
	uint32_t l4_bytes = l4_header_bytes(packet, len_bytes, l4);

	f->csum = HO_CSUM_NONE;
	f->csum_start = f->csum_offset = 0;
	f->gso = HO_GSO_NONE;
	f->gso_size = 0;
	f->gso_segs = 1;
	f->hdr_len = (uint16_t)(l4 != 0 ? l4 + l4_bytes : len_bytes < 20 ? len_bytes : 20);
	return h == NULL || (parse_csum(h, len_bytes, l4, f) && parse_gso(h, packet, len_bytes, l4_bytes, f));
}

bool vnet_emit(const struct ho_frame *f, struct vnet_header *h)
{
	*h = (struct vnet_header){0};
	if (f->csum == HO_CSUM_PARTIAL) {
		h->flags = VNET_NEEDS_CSUM;
		h->csum_start = f->csum_start;
		h->csum_offset = f->csum_offset;
	} else if (f->csum == HO_CSUM_GOOD) {
		h->flags = VNET_DATA_VALID;
	}
	if (f->gso == HO_GSO_NONE)
		return true;
	if ((f->gso != HO_GSO_TCPV4 && f->gso != HO_GSO_UDPV4) || f->csum != HO_CSUM_PARTIAL || f->gso_size == 0)
		return false;
	h->gso_type = f->gso == HO_GSO_UDPV4 ? VNET_GSO_UDP_L4 : VNET_GSO_TCPV4;
	h->hdr_len = f->hdr_len;
	h->gso_size = f->gso_size;
	return true;
}
