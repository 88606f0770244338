/* SPDX-License-Identifier: MIT
 * Packets for others: where they go, how they are passed on, what their senders are told. */
#ifndef HO_CORE_FORWARD_H
#define HO_CORE_FORWARD_H

#include "core.h"

/* ---- ip_route_in.c ---- */
/* Gives  what the addresses of rx say; *in: the answer in full, valid until the next change, NULL if it was clear at
 *        once. */
enum destination ip_destination(struct ho_stack *st, const struct rx *rx, const struct way_in **in);

/* ---- ip_forward.c ---- */
void ip_forward_on_packet(struct ho_stack *st, struct rx *rx, const struct way_in *in);
/* A frame of ours over the bytes of another from offset on: the first head_bytes, TX_HEAD_BYTES at most, are copied to
 * f->head, the others stay where they are, with a reference that goes with the frame.  Without offload facts.
 * Gives  NULL without memory. */
struct tx_frame *frame_over(struct ho_stack *st, struct ho_frame *from, uint32_t offset, uint32_t len_bytes,
                            uint32_t head_bytes);
/* What a frame of ours would be to who receives it: for ICMP errors about it. */
struct rx rx_of(const struct ho_stack *st, struct tx_frame *t);

/* ---- ip_out.c ---- */
/* A packet for somebody else, whose header is done. */
void ip_output_forwarded(struct ho_stack *st, struct tx_frame *f, const struct way *way, uint32_t mtu);
void link_queue(struct ho_stack *st, struct link *l, struct tx_frame *f); /* ready to be taken */

/* ---- icmp_out.c ---- */
struct icmp_peer *icmp_peer(struct ho_stack *st, uint32_t addr); /* its account */
/* About a packet that has no route another ration is asked first. */
bool icmp_unroutable_allows(struct ho_stack *st, uint32_t addr);

/* ---- icmp_redirect.c ---- */
/* A packet goes back onto the link that it came from: its sender is told, now and then. */
void redirect_send(struct ho_stack *st, struct rx *rx, uint32_t gateway);

#endif
