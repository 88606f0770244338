/* SPDX-License-Identifier: MIT
 *
 * Theory of operation.  Buckets 0 .. level_mask are those of the last doubling.  The first `split` of them have been split:
 * their entries lie, by one more bit of the hash, there or in bucket level_mask + 1 + i.  An insert that leaves
 * more entries than buckets splits, a removal that leaves fewer than half of that merges the last pair again.  The gap
 * between the two keeps a table at a boundary from taking and giving back a segment with every entry. */
#include "lhash.h"

#include <assert.h>
#include <string.h>

#define DIRECTORY_START 8u
/* With one, a table that is emptied would keep half its buckets, and one that was refused memory never catch up. */
#define STEPS_MAX 2
#define SEGMENT_BYTES (LHASH_SEGMENT * sizeof(struct lnode *))

static size_t directory_bytes(uint32_t size)
{
	return size * sizeof(struct lnode **);
}

static struct lnode ***directory_take(struct memory *m, uint32_t size)
{
	struct lnode ***directory = memory_take(m, directory_bytes(size));

	if (directory != NULL)
		memset(directory, 0, directory_bytes(size));
	return directory;
}

static bool lhash_grow_directory(struct lhash *h)
{
	struct lnode ***bigger = directory_take(h->memory, h->directory_size * 2);

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
	struct lnode **segment;

	if (i == h->directory_size && !lhash_grow_directory(h))
		return false;
	segment = memory_take(h->memory, SEGMENT_BYTES);
	if (segment == NULL)
		return false;
	memset(segment, 0, SEGMENT_BYTES);
	h->segment[i] = segment;
	return true;
}

static void lhash_give_segment(struct lhash *h, uint32_t i)
{
	memory_give(h->memory, h->segment[i], SEGMENT_BYTES);
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
	return &h->segment[bucket / LHASH_SEGMENT][bucket % LHASH_SEGMENT];
}

/* Moves what the next bit of the hash selects, both chains keeping their order. */
static void chain_split(const struct lhash *h, struct lnode **low, struct lnode **high)
{
	uint32_t bit = h->level_mask + 1;

	while (*low != NULL) {
		struct lnode *n = *low;

		if ((h->hash(h->ctx, n) & bit) == 0) {
			low = &n->next;
			continue;
		}
		*low = n->next;
		n->next = NULL;
		*high = n;
		high = &n->next;
	}
}

static void lhash_split(struct lhash *h)
{
	if (h->buckets == UINT32_C(1) << 31)
		return;
	if (h->buckets % LHASH_SEGMENT == 0 && !lhash_take_segment(h, h->buckets / LHASH_SEGMENT))
		return;
	chain_split(h, lhash_at(h, h->split), lhash_at(h, h->buckets));
	h->buckets++;
	h->split++;
	if (h->split > h->level_mask) {
		h->level_mask = h->level_mask * 2 + 1;
		h->split = 0;
	}
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
	if (h->buckets % LHASH_SEGMENT == 0)
		lhash_give_segment(h, h->buckets / LHASH_SEGMENT);
}

void lhash_insert(struct lhash *h, struct lnode *n, uint32_t hash)
{
	struct lnode **bucket = lhash_bucket(h, hash);

	n->next = *bucket;
	*bucket = n;
	h->count++;
	for (int i = 0; i < STEPS_MAX && h->count > h->buckets; i++)
		lhash_split(h);
}

static struct lnode **lhash_link_to(const struct lhash *h, const struct lnode *n, uint32_t hash)
{
	struct lnode **link = lhash_bucket(h, hash);

	while (*link != n) {
		assert(*link != NULL && "n must be in the table");
		link = &(*link)->next;
	}
	return link;
}

void lhash_remove(struct lhash *h, struct lnode *n, uint32_t hash)
{
	*lhash_link_to(h, n, hash) = n->next;
	n->next = NULL;
	h->count--;
	for (int i = 0; i < STEPS_MAX && h->count < h->buckets / 2 && h->buckets > LHASH_SEGMENT; i++)
		lhash_merge(h);
}

void lhash_replace(struct lhash *h, struct lnode *old, struct lnode *new, uint32_t hash)
{
	*lhash_link_to(h, old, hash) = new;
	new->next = old->next;
	old->next = NULL;
}
