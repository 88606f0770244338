/* SPDX-License-Identifier: MIT
 * Packets in parts: fragments in and out, IPv4 options; and frames made of pieces of others. */
#ifndef HO_IP_PARTS_H
#define HO_IP_PARTS_H

#include "core.h"

#define IP_HDR_MIN 20u
#define IP_HDR_MAX 60u
#define IP_OPTIONS_MAX (IP_HDR_MAX - IP_HDR_MIN)
#define IP_DF 0x4000
#define IP_MF 0x2000
#define IP_OFFSET 0x1fff

/* ---- frames made of pieces of others ---- */
/* Appends len_bytes of another frame from offset on: by reference, a slice for each of its slices, as long as there is
 * room for them; else copied.
 * Gives  false without memory: what was appended until then stays. */
bool frame_borrow(struct ho_stack *st, struct tx_frame *to, struct ho_frame *from, uint32_t offset, uint32_t len_bytes);
uint32_t frame_slices(const struct ho_frame *f, uint32_t offset, uint32_t len_bytes); /* that these bytes lie in */
static inline uint32_t frame_slices_free(const struct tx_frame *f)
{
	return SEG_FRAGS_MAX + 1u - f->blocks;
}
/* The same packet with its first bytes (TX_HEAD_BYTES, or all) in f->head, where they may be written; NULL. */
struct tx_frame *frame_own_head(struct ho_stack *st, struct ho_frame *from);

/* ---- options (RFC 791) ---- */
/* Where they are in a header: offsets from its first byte, 0: there is none.  Linux: struct ip_options. */
struct ip_options {
	uint8_t rr, ts, srr;
	bool strict;                               /* srr */
	bool rr_needaddr, ts_needaddr, ts_needtime; /* something was written there */
};

/* Of a packet that we send. */
struct ip_options_out {
	struct ip_options at;
	uint8_t len_bytes; /* a multiple of 4 */
	uint32_t first_hop; /* with srr: where the packet goes first; its destination goes to the end of the route */
	uint8_t data[IP_OPTIONS_MAX];
};

/* Obeys them: our address and the time are written into ip, which is the caller's own copy.
 * Gives  the offset in the header of what is wrong with them, -1. */
int options_obey(struct ho_stack *st, const struct rx *rx, uint8_t *ip, struct ip_options *o);
/* A source route that the packet has followed to us: false if it goes on to somebody else. */
bool options_route_ends(struct ho_stack *st, struct rx *rx, uint8_t *ip, const struct ip_options *o);
/* What an answer carries back.  ip: the packet's header, whose options o describes. */
bool options_echo(const struct ho_stack *st, const uint8_t *ip, uint32_t saddr, const struct ip_options *o,
                  struct ip_options_out *out);
/* Writes them behind the 20 bytes of a header. */
cold_path void options_emit(const struct ho_stack *st, uint8_t *ip, const struct ip_options_out *o, uint32_t saddr,
                            uint32_t daddr);
/* Fragments but the first go without those that are not to be copied. */
void options_uncopied_clear(uint8_t *ip);

/* ---- reassembly ---- */
/* Takes  a packet to us that is a fragment; rx->options may be NULL.
 * Gives  the whole packet with one reference, its header's options at *o, if this was the last one missing; NULL. */
struct ho_frame *reasm_on_fragment(struct ho_stack *st, const struct rx *rx, struct ip_options *o);
void reasm_on_timer(struct ho_stack *st, struct timer *t);
void reasm_close(struct ho_stack *st);
uint64_t reasm_memory(const struct ho_stack *st); /* what Linux would charge for what waits */

/* ---- fragmentation ---- */
/* Cuts a packet into fragments of at most mtu bytes and gives each to push, which takes over its reference.
 * Gives  0, -ENOBUFS without memory, or push's first error, which ends it.
 * Owns   t stays the caller's. */
typedef int fragment_push(struct ho_stack *st, struct sock *sk, struct tx_frame *c, const struct ip_tx *tx,
                          const struct way *way);
int ip_fragment(struct ho_stack *st, struct sock *sk, struct tx_frame *t, const struct ip_tx *tx, const struct way *way,
                fragment_push *push);

#endif
