/* SPDX-License-Identifier: MIT
 * halfopen: a frame, the thing that goes in and comes out of a stack.
 *
 * A frame is one IPv4 packet (no link header; with one on a link with HO_LINK_ETHERNET) as a scatter list of up to
 * 64 KiB, plus the offload facts that virtio-net carries: is the L4 checksum there, already verified, or still to be
 * filled; is this one packet or a super-frame that stands for gso_segs packets of gso_size payload bytes each.
 *
 * A frame is counted by reference.  Whoever holds a reference may read the bytes; nobody may write them (make a
 * copy with ho_frame_make to change one).  When the last reference goes, release() runs and gives the memory back to
 * whoever made the frame; release() never calls into a stack. */
#ifndef HALFOPEN_FRAME_H
#define HALFOPEN_FRAME_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

#define HO_FRAME_SLICES_MAX 20
#define HO_FRAME_BYTES_MAX 65535

struct ho_slice {
	const uint8_t *data;
	uint32_t len_bytes;
};

/* State of the L4 checksum of a frame. */
enum ho_csum {
	HO_CSUM_NONE,    /* the field is filled and nobody has checked it: the receiver must */
	HO_CSUM_GOOD,    /* somebody has checked it (a NIC did) */
	HO_CSUM_PARTIAL, /* the field holds the pseudo-header sum only: to be filled at csum_start + csum_offset by
	                    whoever puts the frame on a real wire (virtio NEEDS_CSUM); a receiver trusts it */
};

enum ho_gso {
	HO_GSO_NONE,
	HO_GSO_TCPV4,
	HO_GSO_UDPV4, /* datagrams of one length, the last one perhaps shorter (Linux: SKB_GSO_UDP_L4) */
};

struct ho_frame {
	uint32_t len_bytes;   /* all slices together: IPv4 header, L4 header, payload */
	uint16_t slice_count; /* 1..HO_FRAME_SLICES_MAX; slice 0 holds at least the IPv4 and L4 headers */
	uint8_t csum;         /* enum ho_csum */
	uint8_t gso;          /* enum ho_gso */
	uint16_t gso_size;    /* payload bytes of each packet that this stands for; 0 if HO_GSO_NONE */
	uint16_t gso_segs;    /* packets that this stands for, >= 1 */
	uint16_t hdr_len;     /* IPv4 + L4 header bytes (of a super-frame: repeated before each packet); 0 in a frame that
	                         comes in: not told, as by a program that writes to TUN without saying it */
	uint16_t csum_start;  /* HO_CSUM_PARTIAL: offset of the L4 header */
	uint16_t csum_offset; /* HO_CSUM_PARTIAL: offset of the field within the L4 header */
	uint32_t refs;
	uint64_t id;             /* of a frame that a stack made: its number there, from 1; else free for the maker.
	                            Trace records name the frame by it. */
	struct ho_frame *next;   /* for whoever holds the only reference */
	void (*release)(struct ho_frame *f);
	void *owner;             /* the maker's */
	struct ho_slice slice[HO_FRAME_SLICES_MAX];
};

static inline struct ho_frame *ho_frame_ref(struct ho_frame *f)
{
	f->refs++;
	return f;
}

static inline void ho_frame_unref(struct ho_frame *f)
{
	if (--f->refs == 0)
		f->release(f);
}

/* Makes a frame that holds its own copy of one packet's bytes.
 * Takes  bytes 1..65535; csum HO_CSUM_NONE, gso none, gso_segs 1, id 0 (set them afterwards as you like); hdr_len is read
 *        from the headers, 0 where they are not whole TCP, UDP or ICMP.
 * Gives  the frame with one reference, or NULL when the allocator refuses.
 * Owns   the frame keeps the allocator's address until it is released. */
HO_API struct ho_frame *ho_frame_make(const struct ho_allocator *al, const void *bytes, size_t len_bytes);

/* Copies len bytes from offset out of the slices.
 * Gives  bytes copied (fewer when the frame ends). */
HO_API size_t ho_frame_read(const struct ho_frame *f, size_t offset, void *to, size_t len_bytes);

/* Writes a frame as it would look on a real wire: linear, L4 checksum filled.
 * Takes  a frame that is not a super-frame, or a super-frame (then one big packet with a right checksum, as a
 *        capture on a TSO interface shows it).
 * Gives  the length, 0 if cap is too small or the facts contradict each other (see ho_frame_segment). */
HO_API size_t ho_frame_flatten(const struct ho_frame *f, void *to, size_t cap_bytes);

/* Calls emit once for each packet that a (super-)frame stands for, with finished headers and checksums.
 * Takes  scratch: room for one packet (hdr_len + gso_size, or len_bytes if not a super-frame).
 * Gives  packets emitted, or -EINVAL (nothing emitted then) if scratch is too small or the facts contradict each other:
 *        len_bytes is the sum of the slices; not a super-frame: gso_size 0, gso_segs 1, and a partial checksum within;
 *        a super-frame: the IPv4 header says len_bytes, TCP or UDP and no fragment, the headers say hdr_len, gso_segs is the
 *        payload over gso_size rounded up (1 without payload).
 * Source Linux 6.18 net/ipv4/tcp_offload.c tcp_gso_segment, udp_offload.c __udp_gso_segment: same bytes. */
HO_API int ho_frame_segment(const struct ho_frame *f, void *scratch, size_t cap_bytes,
                            void (*emit)(void *ctx, const void *packet, size_t len_bytes), void *ctx);

#ifdef __cplusplus
}
#endif
#endif
