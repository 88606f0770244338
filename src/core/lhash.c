/* SPDX-License-Identifier: MIT
 *
 * Theory of operation.  Buckets 0 .. level_mask are those of the last doubling.  The first `split` of them have been split:
 * their entries lie, by one more bit of the hash, there or in bucket level_mask + 1 + i.  An insert that leaves fewer
 * buckets than entries want splits, a removal that leaves twice as many as they want merges the last pair again.  The
 * gap between the two keeps a table at a boundary from taking and giving back a segment with every entry.
 *
 * A filter may have bits of entries that are gone: it costs a walk.  It is exact again when its chain is split or empty. */
#include "lhash.h"

#include <assert.h>
#include <string.h>

#define DIRECTORY_START 8u
/* With one, a table that is emptied would keep half its buckets, and one that was refused memory never catch up. */
#define STEPS_MAX 2
#define AHEAD 4u
#define FILTER_BITS_SHIFT 29 /* the bits of the hash above tell apart what a chain has, those below choose the chain */

static size_t directory_bytes(uint32_t size)
{
	return size * sizeof(struct lhash_segment *);
}

static struct lhash_segment **directory_take(struct memory *m, uint32_t size)
{
	struct lhash_segment **directory = memory_take(m, directory_bytes(size));

	if (directory != NULL)
		memset(directory, 0, directory_bytes(size));
	return directory;
}

static bool lhash_grow_directory(struct lhash *h)
{
	struct lhash_segment **bigger = directory_take(h->memory, h->directory_size * 2);

	if (bigger == NULL)
		return false;
	memcpy(bigger, h->segment, directory_bytes(h->directory_size));
	memory_give(h->memory, h->segment, directory_bytes(h->directory_size));
	h->segment = bigger;
	h->directory_size *= 2;
	return true;
}

static bool lhash_take_segment(struct lhash *h, uint32_t i)
{
	struct lhash_segment *segment;

	if (i == h->directory_size && !lhash_grow_directory(h))
		return false;
	segment = memory_take(h->memory, sizeof(struct lhash_segment));
	if (segment == NULL)
		return false;
	memset(segment, 0, sizeof(struct lhash_segment));
	h->segment[i] = segment;
	return true;
}

static void lhash_give_segment(struct lhash *h, uint32_t i)
{
	memory_give(h->memory, h->segment[i], sizeof(struct lhash_segment));
	h->segment[i] = NULL;
}

bool lhash_init(struct lhash *h, struct memory *m, uint32_t (*hash)(const void *, const struct lnode *), const void *ctx)
{
	*h = (struct lhash){.memory = m, .hash = hash, .ctx = ctx, .directory_size = DIRECTORY_START};
	h->segment = directory_take(m, h->directory_size);
	if (h->segment == NULL || !lhash_take_segment(h, 0)) {
		lhash_fini(h);
		return false;
	}
	h->buckets = LHASH_SEGMENT;
	h->level_mask = LHASH_SEGMENT - 1;
	return true;
}

void lhash_fini(struct lhash *h)
{
	for (uint32_t i = 0; i * LHASH_SEGMENT < h->buckets; i++)
		lhash_give_segment(h, i);
	memory_give(h->memory, h->segment, directory_bytes(h->directory_size));
	*h = (struct lhash){.memory = h->memory};
}

static struct lnode **lhash_at(const struct lhash *h, uint32_t bucket)
{
	return &h->segment[bucket / LHASH_SEGMENT]->chain[bucket % LHASH_SEGMENT];
}

static uint8_t *lhash_filter(const struct lhash *h, uint32_t bucket)
{
	return &h->segment[bucket / LHASH_SEGMENT]->filter[bucket % LHASH_SEGMENT];
}

static uint32_t lhash_wanted(const struct lhash *h)
{
	return h->count <= LHASH_ROOMY ? h->count : LHASH_ROOMY + (h->count - LHASH_ROOMY) / 8;
}

/* Moves what the next bit of the hash selects from bucket `from` to the empty bucket `to`, both chains keeping their
 * order. */
static void chain_split(const struct lhash *h, uint32_t from, uint32_t to)
{
	struct lnode **low = lhash_at(h, from), **high = lhash_at(h, to);
	uint32_t bit = h->level_mask + 1;
	uint8_t filter[2] = {0, 0};

	while (*low != NULL) {
		struct lnode *n = *low;
		uint32_t hash = h->hash(h->ctx, n);

		filter[(hash & bit) != 0] |= lhash_filter_bit(hash);
		if ((hash & bit) == 0) {
			low = &n->next;
			continue;
		}
		*low = n->next;
		n->next = NULL;
		*high = n;
		high = &n->next;
	}
	*lhash_filter(h, from) = filter[0];
	*lhash_filter(h, to) = filter[1];
}

/* Splits come in order of buckets, so it is known whose entries will be hashed soon: of a bucket ever nearer, an entry
 * ever deeper in its chain. */
static void lhash_prefetch(const struct lhash *h)
{
	for (uint32_t ahead = AHEAD; ahead > 0 && h->split + AHEAD <= h->level_mask; ahead--) {
		const struct lnode *n = lhash_chain(h, h->split + ahead);

		for (uint32_t deep = AHEAD - ahead; deep > 0 && n != NULL; deep--)
			n = n->next;
		if (n != NULL)
			__builtin_prefetch(n);
	}
}

static void lhash_split(struct lhash *h)
{
	if (h->buckets == UINT32_C(1) << FILTER_BITS_SHIFT)
		return;
	if (h->buckets % LHASH_SEGMENT == 0 && !lhash_take_segment(h, h->buckets / LHASH_SEGMENT))
		return;
	chain_split(h, h->split, h->buckets);
	h->buckets++;
	h->split++;
	if (h->split > h->level_mask) {
		h->level_mask = h->level_mask * 2 + 1;
		h->split = 0;
	}
	lhash_prefetch(h);
}

static void lhash_merge(struct lhash *h)
{
	struct lnode **low, **high;

	if (h->split == 0) {
		h->level_mask /= 2;
		h->split = h->level_mask + 1;
	}
	h->split--;
	h->buckets--;
	low = lhash_at(h, h->split);
	high = lhash_at(h, h->buckets);
	while (*low != NULL)
		low = &(*low)->next;
	*low = *high;
	*high = NULL;
	*lhash_filter(h, h->split) |= *lhash_filter(h, h->buckets);
	*lhash_filter(h, h->buckets) = 0;
	if (h->buckets % LHASH_SEGMENT == 0)
		lhash_give_segment(h, h->buckets / LHASH_SEGMENT);
}

void lhash_insert(struct lhash *h, struct lnode *n, uint32_t hash)
{
	uint32_t b = lhash_bucket_of(h, hash);
	struct lnode **chain = lhash_at(h, b);

	n->next = *chain;
	*chain = n;
	*lhash_filter(h, b) |= lhash_filter_bit(hash);
	h->count++;
	for (int i = 0; i < STEPS_MAX && lhash_wanted(h) > h->buckets; i++)
		lhash_split(h);
}

static struct lnode **lhash_link_to(const struct lhash *h, const struct lnode *n, uint32_t bucket)
{
	struct lnode **link = lhash_at(h, bucket);

	while (*link != n) {
		assert(*link != NULL && "n must be in the table");
		link = &(*link)->next;
	}
	return link;
}

void lhash_remove(struct lhash *h, struct lnode *n, uint32_t hash)
{
	uint32_t b = lhash_bucket_of(h, hash);

	*lhash_link_to(h, n, b) = n->next;
	n->next = NULL;
	if (*lhash_at(h, b) == NULL)
		*lhash_filter(h, b) = 0;
	h->count--;
	for (int i = 0; i < STEPS_MAX && lhash_wanted(h) < h->buckets / 2 && h->buckets > LHASH_SEGMENT; i++)
		lhash_merge(h);
}

void lhash_replace(struct lhash *h, struct lnode *old, struct lnode *new, uint32_t hash)
{
	*lhash_link_to(h, old, lhash_bucket_of(h, hash)) = new;
	new->next = old->next;
	old->next = NULL;
}
