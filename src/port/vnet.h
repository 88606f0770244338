/* SPDX-License-Identifier: MIT
 * The virtio-net header that crosses a TUN device before each packet, as the offload facts of a frame.  Pure functions. */
#ifndef HO_VNET_H
#define HO_VNET_H

#include <halfopen/frame.h>

/* struct virtio_net_hdr without num_buffers, in the host's byte order (TUNSETVNETHDRSZ 10, no TUNSETVNETLE/BE).
 * Source Linux 6.18 include/uapi/linux/virtio_net.h. */
struct vnet_header {
	uint8_t flags;
	uint8_t gso_type;
	uint16_t hdr_len;
	uint16_t gso_size;
	uint16_t csum_start;
	uint16_t csum_offset;
};
_Static_assert(sizeof(struct vnet_header) == 10, "the kernel's layout");

#define VNET_NEEDS_CSUM 1
#define VNET_DATA_VALID 2
#define VNET_GSO_NONE 0
#define VNET_GSO_TCPV4 1
#define VNET_GSO_UDP_L4 5
#define VNET_GSO_ECN 0x80

/* Sets the offload facts of a frame (csum*, gso*, hdr_len) from the header and the packet's own headers.
 * Takes  an IPv4 packet, len_bytes >= 1; h NULL: a device without the header.
 * Gives  false if the header contradicts the packet: drop it. */
bool vnet_parse(const struct vnet_header *h, const uint8_t *packet, uint32_t len_bytes, struct ho_frame *f);

/* Gives  false if the frame's facts cannot be said in a header. */
bool vnet_emit(const struct ho_frame *f, struct vnet_header *h);

#endif
