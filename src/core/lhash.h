/* SPDX-License-Identifier: MIT
 * A hash table that grows and shrinks without a pause: linear hashing (Litwin 1980).  Buckets are split and merged a few
 * at a time as entries come and go, in segments of LHASH_SEGMENT buckets, so an insert costs O(1) always and nothing is
 * ever re-hashed as a whole.  Entries are intrusive; the owner gives a hash function (keyed: SipHash) and compares keys
 * itself.  Any insert or removal may move entries between chains: a walk ends with it.
 *
 * Up to LHASH_ROOMY entries have a bucket each.  A table beyond that is a flood's (a million half-open connections):
 * eight more entries get one more bucket, to spend memory on entries, and a byte for each bucket remembers, as a Bloom
 * filter, which eighths of the hash space its chain has: most SYNs of new peers are told from it that they are new, and
 * touch no entry. */
#ifndef HO_LHASH_H
#define HO_LHASH_H

#include <stdbool.h>
#include <stdint.h>

#include "pool.h"

#define LHASH_SEGMENT 256u
#define LHASH_ROOMY 196608u

struct lnode {
	struct lnode *next;
};

struct lhash_segment {
	struct lnode *chain[LHASH_SEGMENT];
	uint8_t filter[LHASH_SEGMENT];
};

struct lhash {
	struct memory *memory;
	uint32_t (*hash)(const void *ctx, const struct lnode *n);
	const void *ctx;
	struct lhash_segment **segment; /* directory: bucket b is place b % LHASH_SEGMENT of segment[b / LHASH_SEGMENT] */
	uint32_t directory_size;
	uint32_t buckets;    /* in use: level_mask + 1 + split */
	uint32_t level_mask; /* 2^k - 1, where 2^k is the number of buckets at the last doubling */
	uint32_t split;      /* next bucket to be split */
	uint32_t count;
};

/* Gives  false when the allocator refuses: then it holds nothing, and lhash_fini is allowed but not needed. */
bool lhash_init(struct lhash *h, struct memory *m, uint32_t (*hash)(const void *, const struct lnode *), const void *ctx);
void lhash_fini(struct lhash *h); /* entries are the owner's */

static inline uint32_t lhash_bucket_of(const struct lhash *h, uint32_t hash)
{
	uint32_t b = hash & h->level_mask;

	return b < h->split ? hash & (h->level_mask * 2 + 1) : b;
}

static inline uint8_t lhash_filter_bit(uint32_t hash)
{
	return (uint8_t)(1u << (hash >> 29));
}

/* Where entries of this hash value are, if there are any: walk ->next and compare keys.  NULL: there is none. */
static inline struct lnode *lhash_first(const struct lhash *h, uint32_t hash)
{
	uint32_t b = lhash_bucket_of(h, hash);
	const struct lhash_segment *s = h->segment[b / LHASH_SEGMENT];

	if (s->filter[b % LHASH_SEGMENT] & lhash_filter_bit(hash))
		return s->chain[b % LHASH_SEGMENT];
	__builtin_prefetch(&s->chain[b % LHASH_SEGMENT], 1); /* what is not there is often inserted next */
	return NULL;
}

/* The chain of bucket b, 0 .. h->buckets - 1. */
static inline struct lnode *lhash_chain(const struct lhash *h, uint32_t b)
{
	return h->segment[b / LHASH_SEGMENT]->chain[b % LHASH_SEGMENT];
}

/* Never fails: without memory to grow, chains get longer (and every insert asks again). */
void lhash_insert(struct lhash *h, struct lnode *n, uint32_t hash);
void lhash_remove(struct lhash *h, struct lnode *n, uint32_t hash); /* n must be in it */
/* Puts new in the place of old (same hash). */
void lhash_replace(struct lhash *h, struct lnode *old, struct lnode *new, uint32_t hash);

#endif
