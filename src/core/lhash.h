/* SPDX-License-Identifier: MIT
 * A hash table that grows and shrinks without a pause: linear hashing (Litwin 1980).  Buckets are split and merged a few
 * at a time as entries come and go, in segments of LHASH_SEGMENT buckets, so an insert costs O(1) always and nothing is
 * ever re-hashed as a whole.  Entries are intrusive; the owner gives a hash function (keyed: SipHash) and compares keys
 * itself.  Any insert or removal may move entries between chains: a walk ends with it. */
#ifndef HO_LHASH_H
#define HO_LHASH_H

#include <stdbool.h>
#include <stdint.h>

#include "pool.h"

#define LHASH_SEGMENT 256u

struct lnode {
	struct lnode *next;
};

struct lhash {
	struct memory *memory;
	uint32_t (*hash)(const void *ctx, const struct lnode *n);
	const void *ctx;
	struct lnode ***segment; /* directory: segment[i][j] is bucket i * LHASH_SEGMENT + j */
	uint32_t directory_size;
	uint32_t buckets;    /* in use: level_mask + 1 + split */
	uint32_t level_mask; /* 2^k - 1, where 2^k is the number of buckets at the last doubling */
	uint32_t split;      /* next bucket to be split */
	uint32_t count;
};

/* Gives  false when the allocator refuses: then it holds nothing, and lhash_fini is allowed but not needed. */
bool lhash_init(struct lhash *h, struct memory *m, uint32_t (*hash)(const void *, const struct lnode *), const void *ctx);
void lhash_fini(struct lhash *h); /* entries are the owner's */

/* The bucket's chain for a hash value: walk ->next and compare. */
static inline struct lnode **lhash_bucket(const struct lhash *h, uint32_t hash)
{
	uint32_t b = hash & h->level_mask;

	if (b < h->split)
		b = hash & (h->level_mask * 2 + 1);
	return &h->segment[b / LHASH_SEGMENT][b % LHASH_SEGMENT];
}

/* Never fails: without memory to grow, chains get longer (and every insert asks again). */
void lhash_insert(struct lhash *h, struct lnode *n, uint32_t hash);
void lhash_remove(struct lhash *h, struct lnode *n, uint32_t hash); /* n must be in it */
/* Puts new in the place of old (same hash). */
void lhash_replace(struct lhash *h, struct lnode *old, struct lnode *new, uint32_t hash);

#endif
