/* SPDX-License-Identifier: MIT
 * Errors that a socket hears of: what ICMP says about its packets, and what was refused here. */
#ifndef HO_SOCK_ERROR_H
#define HO_SOCK_ERROR_H

#include "dgram_doors.h"

/* A message about a packet of ours, with what it quotes: that one's IPv4 header and at least 8 bytes behind it. */
struct quoted {
	const struct rx *rx;  /* the message */
	uint8_t type, code;
	uint32_t info;        /* the MTU of ICMP 3/4, the pointer of a parameter problem */
	const uint8_t *inner; /* the quoted packet, readable up to 8 bytes behind its header */
	uint32_t inner_hdr;   /* its IPv4 header */
	uint32_t saddr, daddr; /* its addresses: saddr is ours */
	uint8_t protocol;
};

struct sock_error_node {
	struct sock_error_node *next;
	struct ho_frame *frame; /* one reference; NULL: nothing is quoted */
	uint32_t offset, len_bytes;
	int32_t truesize;
	struct ho_sock_error e;
};

/* The errno of a message, and whether it is one that will not pass.  0: no error. */
int icmp_error_of(const struct quoted *q, bool *fatal);
/* IP_RECVERR: keeps the message.  port: of the packet's destination; offset: from which byte of the quoted packet on. */
void sock_error_keep(struct ho_stack *st, struct sock *sk, const struct quoted *q, int err, uint16_t port, uint32_t offset);
void sock_error_local(struct ho_stack *st, struct sock *sk, int err, struct ho_endpoint to, uint32_t info);

void raw_on_icmp(struct ho_stack *st, const struct quoted *q);
void ping_on_icmp(struct ho_stack *st, const struct quoted *q);
void udp_on_icmp(struct ho_stack *st, const struct quoted *q);

#endif
