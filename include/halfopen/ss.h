/* SPDX-License-Identifier: MIT
 * halfopen: which sockets are asked for, and what of them: the command line of `ss` as a value. */
#ifndef HALFOPEN_SS_H
#define HALFOPEN_SS_H

#include "diag.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A step of a filter, in postfix order: a question about a socket gives a truth, the others take one or two and give one. */
enum ho_ss_op { HO_SS_ADDR, HO_SS_PORT, HO_SS_NOT, HO_SS_AND, HO_SS_OR };
enum ho_ss_compare { HO_SS_EQ, HO_SS_NE, HO_SS_LT, HO_SS_LE, HO_SS_GT, HO_SS_GE };

struct ho_ss_step {
	uint8_t op;         /* enum ho_ss_op */
	uint8_t compare;    /* PORT: enum ho_ss_compare */
	uint8_t prefix_len; /* ADDR: 0..32 */
	bool peer;          /* of the other end */
	bool any_port;      /* ADDR: its port does not matter */
	uint16_t port;
	uint32_t addr; /* host order */
};

#define HO_SS_STEPS_MAX 64 /* a truth each is kept in a bit of 64 */

/* What -t -u -w ask for; with none of them all three, and a column Netid. */
#define HO_SS_TCP 1u
#define HO_SS_UDP 2u
#define HO_SS_RAW 4u

struct ho_ss {
	uint8_t protocols; /* HO_SS_* */
	bool numeric;      /* -n: rates as numbers of bits a second; ports always are */
	bool header;       /* not -H */
	bool oneline, memory, info, timer, extended, processes, summary, json;
	uint32_t states;   /* bits 1 << HO_LISTEN ...; a request is in HO_SYN_RECV */
	uint32_t step_count; /* 0: no filter */
	struct ho_ss_step step[HO_SS_STEPS_MAX];
	const char *process; /* -p: what descriptors are of, and its number; NULL: not known */
	int pid;
};

/* Reads a command line of ss: options, `state X` and `exclude X`, an expression:
 *   -t -u -w -a -l -n -o -e -m -i -p -s -H -O -j, --tcp ... --json, together (-tanmi) or not
 *   state X: established ..., all, connected, synchronized, bucket, big
 *   EXPRESSION: sport|dport [= != < <= > >=] [:]PORT   src|dst [= !=] ADDRESS[/PREFIX][:PORT]   not X   X and Y   X or Y   ( X )
 * As in ss, `not` is of what follows it, and all others are done from left to right: `a or b and c` is `( a or b ) and c`.
 * Gives  0; -EINVAL, and in why what is wrong and what would be right (why_bytes > 0). */
HO_API int ho_ss_parse(const char *text, struct ho_ss *out, char *why, size_t why_bytes);

/* Is it among the sockets asked for: protocol, state, filter? */
HO_API bool ho_ss_wants(const struct ho_ss *ask, const struct ho_sock_info *i);

/* The sockets as iproute2 6.1's ss prints them where it does not write to a terminal, byte for byte; with json as one object,
 * with all that is known of each; with summary as `ss -s`.  Writes and gives as the functions of view.h do.
 * Work   two walks, of listeners alone if no other state is asked for. */
HO_API size_t ho_view_ss(const struct ho_stack *s, const struct ho_ss *ask, char *buf, size_t cap_bytes);

#ifdef __cplusplus
}
#endif
#endif
