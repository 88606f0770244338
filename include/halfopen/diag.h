/* SPDX-License-Identifier: MIT
 * halfopen: all that can be known of sockets, requests and TIME-WAIT buckets: what inet_diag tells of them in Linux. */
#ifndef HALFOPEN_DIAG_H
#define HALFOPEN_DIAG_H

#include "sock.h"
#include "tcp_info.h"

#ifdef __cplusplus
extern "C" {
#endif

struct ho_sock_detail {
	struct ho_sock_info row;
	bool socket;          /* false: a request or a bucket, of which nothing more is known */
	bool recverr;         /* IP_RECVERR is on */
	uint32_t cookie;      /* no other socket of the stack has this number as long as this one lives; 0: no socket */
	uint8_t shutdown;     /* 1: for reading, 2: for writing */
	uint8_t tos;
	char congestion[16];  /* TCP: "cubic"; else "" */
	struct ho_tcp_info tcp; /* of TCP sockets */
	bool bbr_known;
	struct ho_bbr_info bbr;
};

/* Walks every socket, request and bucket, as ho_sock_next does (its cursor is of the same kind).
 * Takes  *cursor: 0 to begin; opaque after that.
 * Gives  false after the last. */
HO_API bool ho_sock_next_detail(const struct ho_stack *s, uint64_t *cursor, struct ho_sock_detail *out);

/* Walks listening TCP sockets only.
 * Takes  *cursor: 0 to begin; opaque after that.  A call that changes sockets between two steps may make the walk miss
 *        or repeat rows, never crash.
 * Gives  false after the last.
 * Work   of a whole walk: O(the most listeners there ever were at a time), however many connections there are. */
HO_API bool ho_sock_next_listener(const struct ho_stack *s, uint64_t *cursor, struct ho_sock_info *out);
HO_API bool ho_sock_next_listener_detail(const struct ho_stack *s, uint64_t *cursor, struct ho_sock_detail *out);

#ifdef __cplusplus
}
#endif
#endif
