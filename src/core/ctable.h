/* SPDX-License-Identifier: MIT
 * The table of connections: what a 4-tuple's hash finds, in one cache line.
 *
 * Linear hashing (Litwin 1980) as lhash.h has it, made for a flood: a bucket is a line of 64 bytes with twelve places, each
 * a reference to an entry (28 bits, never 0) and a tag of the next bits of its hash.  So that somebody is new is known from
 * the line alone, and a split moves entries without looking at them.  Entries hold nothing for the table.
 *
 * What finds no place in its bucket's line goes to lines chained to it, from a pool.  Any insert or removal may move entries
 * within the table: a walk, and a struct ctable_look, ends with it. */
#ifndef HO_CTABLE_H
#define HO_CTABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "pool.h"

#define CTABLE_PLACES 12u
#define CTABLE_SEGMENT 64u
#define CTABLE_LOAD 7u /* entries that a bucket is meant for */
#define CTABLE_REF_BITS 28u

/* tag: 12 bits.  The lower ones, behind the highest that is set, are of the hash; the next split asks for the lowest. */
struct ctable_line {
	uint32_t place[CTABLE_PLACES]; /* reference, and the upper 4 bits of the tag */
	uint8_t near[CTABLE_PLACES];   /* the lower 8; CTABLE_SURE of them are of the hash always */
	uint32_t count : 4;
	uint32_t more : 28;            /* the chained line's number in the pool, from 1; 0: none.  Only a full line has one */
};
_Static_assert(sizeof(struct ctable_line) == 64, "a bucket is a cache line");

struct ctable_segment {
	struct ctable_line line[CTABLE_SEGMENT];
};

struct ctable {
	struct memory *memory;
	uint64_t (*hash)(const void *ctx, uint32_t ref); /* of an entry that is in the table */
	const void *ctx;
	struct ctable_segment **segment; /* directory: bucket b is line b % CTABLE_SEGMENT of segment[b / CTABLE_SEGMENT] */
	uint32_t directory_size;
	uint32_t buckets;    /* in use: level_mask + 1 + split */
	uint32_t level_mask; /* 2^k - 1, where 2^k is the number of buckets at the last doubling */
	uint32_t level;      /* k */
	uint32_t split;      /* next bucket to be split */
	uint32_t count;
	struct pool chained; /* struct ctable_line */
};

/* Gives  false when the allocator refuses: then it holds nothing, and ctable_fini is allowed but not needed. */
bool ctable_init(struct ctable *t, struct memory *m, uint64_t (*hash)(const void *, uint32_t), const void *ctx);
void ctable_fini(struct ctable *t); /* entries are the owner's */

/* ---- looking for an entry ---- */
struct ctable_look {
	struct ctable_line *home, *line; /* the bucket's, and where the last answer is */
	uint32_t at;                     /* its place there */
	uint32_t hits;                   /* places of line behind it that may be it, a bit each */
	uint32_t query;                  /* the hash from the bucket's level on */
};

static inline struct ctable_line *ctable_line(const struct ctable *t, uint32_t bucket)
{
	return &t->segment[bucket / CTABLE_SEGMENT]->line[bucket % CTABLE_SEGMENT];
}

/* The bucket of a hash value; *query becomes the bits that tags of its entries have. */
static inline uint32_t ctable_bucket_of(const struct ctable *t, uint64_t hash, uint32_t *query)
{
	uint32_t b = (uint32_t)hash & t->level_mask;
	bool deeper = b < t->split;

	*query = (uint32_t)(hash >> t->level >> deeper);
	return deeper ? (uint32_t)hash & (t->level_mask * 2 + 1) : b;
}

#define CTABLE_BYTES UINT64_C(0x0101010101010101)
#define CTABLE_SURE 6
#define CTABLE_SURE_MASK ((1u << CTABLE_SURE) - 1)

static inline uint64_t ctable_bytes(const uint8_t b[8])
{
	return (uint64_t)b[0] | (uint64_t)b[1] << 8 | (uint64_t)b[2] << 16 | (uint64_t)b[3] << 24 | (uint64_t)b[4] << 32 |
	       (uint64_t)b[5] << 40 | (uint64_t)b[6] << 48 | (uint64_t)b[7] << 56;
}

/* The highest bit of each byte whose sure bits are zero. */
static inline uint64_t ctable_zeroes(uint64_t bytes)
{
	return ~((bytes & CTABLE_SURE_MASK * CTABLE_BYTES) + 0x7f * CTABLE_BYTES) & 0x80 * CTABLE_BYTES;
}

/* Places whose sure bits are those of the query. */
static inline uint32_t ctable_hits(const struct ctable_line *l, uint32_t query)
{
	uint64_t every = (query & CTABLE_SURE_MASK) * CTABLE_BYTES;
	uint64_t low = ctable_zeroes(ctable_bytes(l->near) ^ every);
	uint64_t high = ctable_zeroes(ctable_bytes(l->near + 4) ^ every) >> 32;

	if (__builtin_expect((low | high) == 0, 1))
		return 0;
	return (uint32_t)((low >> 7) * UINT64_C(0x0102040810204080) >> 56) |
	       (uint32_t)((high >> 7) * UINT64_C(0x0102040810204080) >> 56) << 8;
}

static inline uint32_t ctable_tag(const struct ctable_line *l, uint32_t at)
{
	return (l->place[at] & 15) << 8 | l->near[at];
}

/* Are all the bits that the tag has those of the query? */
static inline bool ctable_tag_is(uint32_t tag, uint32_t query)
{
	return tag != 0 && (tag ^ query) << (__builtin_clz(tag) + 1) == 0;
}

static inline struct ctable_look ctable_look(const struct ctable *t, uint64_t hash)
{
	struct ctable_look l = {0};

	l.home = l.line = ctable_line(t, ctable_bucket_of(t, hash, &l.query));
	l.hits = ctable_hits(l.line, l.query);
	return l;
}

/* The next entry whose hash may be this (keys are the caller's to compare); 0: there is none. */
static inline uint32_t ctable_next(const struct ctable *t, struct ctable_look *l)
{
	for (;;) {
		while (__builtin_expect(l->hits != 0, 0)) {
			l->at = (uint32_t)__builtin_ctz(l->hits);
			l->hits &= l->hits - 1;
			if (l->at < l->line->count && ctable_tag_is(ctable_tag(l->line, l->at), l->query))
				return l->line->place[l->at] >> 4;
		}
		if (l->line->more == 0)
			return 0;
		l->line = pool_at(&t->chained, l->line->more - 1);
		l->hits = ctable_hits(l->line, l->query);
	}
}

/* It will soon be asked who has this hash. */
static inline void ctable_prefetch(const struct ctable *t, uint64_t hash)
{
	uint32_t query;

	__builtin_prefetch(ctable_line(t, ctable_bucket_of(t, hash, &query)), 1);
}

/* ---- changing it ---- */

/* Gives  false when its bucket is full and there is no memory for more: then nothing has changed. */
bool ctable_insert(struct ctable *t, uint32_t ref, uint64_t hash);
void ctable_remove(struct ctable *t, struct ctable_look *l);              /* what ctable_next has just given */
void ctable_replace(struct ctable_look *l, uint32_t ref);                 /* the same hash */

/* ---- walking it ---- */

/* Bucket 0 .. t->buckets - 1, places from 0 on; 0: no more of them. */
uint32_t ctable_at(const struct ctable *t, uint32_t bucket, uint64_t place);

#endif
