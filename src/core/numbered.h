/* SPDX-License-Identifier: MIT
 * A pool whose objects have numbers, from 0 on: a number names an object where a pointer would take twice the room, and
 * where it lies follows from the number with one look into a table that stays in the nearest cache, however many there are.
 *
 * Slabs grow as floating point numbers do: eight of one size, then eight of twice that.  So at most an eighth of what is
 * there was never used, and a number's upper bits name its slab.  Numbers that were given back are given out again first,
 * the last one first.  Slabs go back in numbered_fini only. */
#ifndef HO_NUMBERED_H
#define HO_NUMBERED_H

#include <stdbool.h>
#include <stdint.h>

#include "pool.h"

#define NUMBERED_FINE 3u /* bits of a number below its highest that name the slab, too */
#define NUMBERED_BITS 26u
#define NUMBERED_SLABS ((NUMBERED_BITS - NUMBERED_FINE) << NUMBERED_FINE)

struct numbered {
	struct memory *memory;
	uint32_t object_bytes;
	uint32_t first_bits;  /* the first slabs have 2^first_bits objects */
	uint32_t fresh;       /* numbers from here on were never given out */
	uint32_t freed;       /* the number that was given back last, and one; 0: none */
	uint32_t used_count;
	uint32_t slabs;
	char *slab[NUMBERED_SLABS]; /* objects, behind them a bit for each that is in use */
};

/* Takes  object_bytes: a multiple of 8, above 0; first_bits: below NUMBERED_BITS - NUMBERED_FINE. */
void numbered_init(struct numbered *p, struct memory *m, uint32_t object_bytes, uint32_t first_bits);
void numbered_fini(struct numbered *p); /* all slabs, taken objects or not */
/* Not cleared.  NULL when the allocator refuses, or when there are 2^NUMBERED_BITS less the first eight slabs: unchanged then. */
void *numbered_take(struct numbered *p, uint32_t *number);
void numbered_give(struct numbered *p, uint32_t number);
bool numbered_used(const struct numbered *p, uint32_t number); /* any number below fresh */
size_t numbered_slab_bytes(const struct numbered *p);          /* what the next slab takes from the allocator */

struct numbered_place {
	uint32_t slab, bits; /* it has 2^bits objects */
	uint32_t at;         /* its place there */
};

static inline struct numbered_place numbered_place(const struct numbered *p, uint32_t number)
{
	uint32_t n = number + (UINT32_C(1) << (p->first_bits + NUMBERED_FINE));
	uint32_t bits = 31u - NUMBERED_FINE - (uint32_t)__builtin_clz(n);
	uint32_t mantissa = n >> bits; /* its upper bits, the highest included */

	return (struct numbered_place){
		.slab = ((bits - p->first_bits - 1) << NUMBERED_FINE) + mantissa,
		.bits = bits,
		.at = n - (mantissa << bits),
	};
}

/* Takes  a number below fresh. */
static inline void *numbered_at(const struct numbered *p, uint32_t number)
{
	struct numbered_place at = numbered_place(p, number);

	return p->slab[at.slab] + (size_t)at.at * p->object_bytes;
}

#endif
