/* SPDX-License-Identifier: MIT
 * Sequence numbers: a circle of 2^32, so `a < b` must not compile (RFC 9293 section 3.4). */
#ifndef HO_SEQ_H
#define HO_SEQ_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
	uint32_t n;
} seq_t;

static inline seq_t seq_of(uint32_t n)
{
	return (seq_t){n};
}
static inline seq_t seq_add(seq_t a, uint32_t n)
{
	return (seq_t){a.n + n};
}
/* How far b is ahead of a; as a signed distance with seq_cmp. */
static inline uint32_t seq_sub(seq_t b, seq_t a)
{
	return b.n - a.n;
}
static inline int32_t seq_cmp(seq_t a, seq_t b)
{
	return (int32_t)(a.n - b.n);
}
static inline bool seq_lt(seq_t a, seq_t b)
{
	return seq_cmp(a, b) < 0;
}
static inline bool seq_le(seq_t a, seq_t b)
{
	return seq_cmp(a, b) <= 0;
}
static inline bool seq_gt(seq_t a, seq_t b)
{
	return seq_cmp(a, b) > 0;
}
static inline bool seq_ge(seq_t a, seq_t b)
{
	return seq_cmp(a, b) >= 0;
}
static inline bool seq_eq(seq_t a, seq_t b)
{
	return a.n == b.n;
}
/* a <= x <= b */
static inline bool seq_between(seq_t x, seq_t a, seq_t b)
{
	return b.n - a.n >= x.n - a.n;
}
static inline seq_t seq_max(seq_t a, seq_t b)
{
	return seq_gt(a, b) ? a : b;
}

#endif
