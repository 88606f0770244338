/* SPDX-License-Identifier: MIT
 *
 * Theory of operation.  Buckets are split and merged as in lhash.c: those below `split`, and those that came of them, go by
 * one bit of the hash more than the others.  Which bit is a bucket's next one is known, so a tag holds the bits from there
 * on: a split takes one off its end and goes by it, a merge puts it back.  The highest bit that is set in a tag says how
 * many are left.  A new tag has 11; one with only 6 left is made anew at a split from the entry's whole hash.  That befalls
 * entries that have seen the table grow 32 fold, so hardly any.
 *
 * Chains are dense: only the last line has room.  A split needs no memory: m lines of entries, and the new bucket's own,
 * hold any two parts of what m lines held.  A merge may need a line, and is put off without it. */
#include "wire/likely.h"
#include "ctable.h"

#include <assert.h>
#include <string.h>

#define DIRECTORY_START 8u
#define STEPS_MAX 2
#define LEVEL_START 6u
#define BUCKETS_MAX (UINT32_C(1) << 27)
#define CHAINED_SLAB_BYTES 8192u
#define CHAINED_SLAB_MAX_BYTES 65536u
#define TAG_BITS 11u

_Static_assert(CTABLE_SEGMENT == 1u << LEVEL_START, "it begins with a segment");
_Static_assert(CTABLE_REF_BITS + TAG_BITS + 1 == 32 + 8, "a place and a byte");

static uint32_t tag_make(uint32_t query)
{
	return UINT32_C(1) << TAG_BITS | (query & ((UINT32_C(1) << TAG_BITS) - 1));
}

static size_t directory_bytes(uint32_t size)
{
	return size * sizeof(struct ctable_segment *);
}

static struct ctable_segment **directory_take(struct memory *m, uint32_t size)
{
	struct ctable_segment **directory = memory_take(m, directory_bytes(size));

	if (directory != NULL)
		memset(directory, 0, directory_bytes(size));
	return directory;
}

static bool directory_grow(struct ctable *t)
{
	struct ctable_segment **bigger = directory_take(t->memory, t->directory_size * 2);

	if (bigger == NULL)
		return false;
	memcpy(bigger, t->segment, directory_bytes(t->directory_size));
	memory_give(t->memory, t->segment, directory_bytes(t->directory_size));
	t->segment = bigger;
	t->directory_size *= 2;
	return true;
}

static bool segment_take(struct ctable *t, uint32_t i)
{
	struct ctable_segment *segment;

	if (i == t->directory_size && !directory_grow(t))
		return false;
	segment = memory_take(t->memory, sizeof(*segment));
	if (segment == NULL)
		return false;
	memset(segment, 0, sizeof(*segment));
	t->segment[i] = segment;
	return true;
}

static void segment_give(struct ctable *t, uint32_t i)
{
	memory_give(t->memory, t->segment[i], sizeof(struct ctable_segment));
	t->segment[i] = NULL;
}

bool ctable_init(struct ctable *t, struct memory *m, uint64_t (*hash)(const void *, uint32_t), const void *ctx)
{
	*t = (struct ctable){.memory = m, .hash = hash, .ctx = ctx, .directory_size = DIRECTORY_START};
	pool_init_paged(&t->chained, m, sizeof(struct ctable_line), CHAINED_SLAB_BYTES);
	pool_grow_to(&t->chained, CHAINED_SLAB_MAX_BYTES);
	t->segment = directory_take(m, t->directory_size);
	if (t->segment == NULL || !segment_take(t, 0)) {
		ctable_fini(t);
		return false;
	}
	t->buckets = CTABLE_SEGMENT;
	t->level_mask = CTABLE_SEGMENT - 1;
	t->level = LEVEL_START;
	return true;
}

void ctable_fini(struct ctable *t)
{
	for (uint32_t i = 0; i * CTABLE_SEGMENT < t->buckets; i++)
		segment_give(t, i);
	memory_give(t->memory, t->segment, directory_bytes(t->directory_size));
	pool_fini(&t->chained);
	*t = (struct ctable){.memory = t->memory, .chained = t->chained};
}

/* ---- lines and chains ---- */

static void line_put(struct ctable_line *l, uint32_t ref, uint32_t tag)
{
	l->place[l->count] = ref << 4 | tag >> 8;
	l->near[l->count] = (uint8_t)tag;
	l->count++;
}

static struct ctable_line *line_next(const struct ctable *t, const struct ctable_line *l)
{
	return l->more == 0 ? NULL : pool_at(&t->chained, l->more - 1);
}

static struct ctable_line *chain_last(const struct ctable *t, struct ctable_line *l)
{
	while (l->more != 0)
		l = line_next(t, l);
	return l;
}

/* Lines that a split or a merge has emptied, and may fill again. */
struct spare {
	uint32_t more;
};

static void spare_give(struct ctable *t, struct spare *s, uint32_t more)
{
	struct ctable_line *l = pool_at(&t->chained, more - 1);

	l->count = 0;
	l->more = s->more & 0xfffffff;
	s->more = more;
}

static void spare_end(struct ctable *t, struct spare *s)
{
	while (s->more != 0) {
		struct ctable_line *l = pool_at(&t->chained, s->more - 1);

		s->more = l->more;
		pool_give(&t->chained, l);
	}
}

/* Gives  the new last line. */
static struct ctable_line *chain_add_line(struct ctable *t, struct ctable_line *last, struct spare *s)
{
	struct ctable_line *l;

	assert(s->more != 0);
	l = pool_at(&t->chained, s->more - 1);
	last->more = s->more & 0xfffffff;
	s->more = l->more;
	l->more = 0;
	return l;
}

static struct ctable_line *chain_put(struct ctable *t, struct ctable_line *last, uint32_t ref, uint32_t tag, struct spare *s)
{
	if (unlikely(last->count == CTABLE_PLACES))
		last = chain_add_line(t, last, s);
	line_put(last, ref, tag);
	return last;
}

static bool spare_take(struct ctable *t, struct spare *s)
{
	struct ctable_line *l = pool_take(&t->chained);

	if (unlikely(l == NULL))
		return false;
	spare_give(t, s, pool_number(&t->chained, l) + 1);
	return true;
}

/* ---- growing and shrinking ---- */

static uint32_t tag_split(const struct ctable *t, uint32_t ref, uint32_t tag)
{
	if (tag >> 1 >> CTABLE_SURE != 0)
		return tag >> 1;
	return tag_make((uint32_t)(t->hash(t->ctx, ref) >> t->level >> 1));
}

static void bucket_split(struct ctable *t, struct ctable_line *from, struct ctable_line *to)
{
	struct ctable_line *last[2] = {from, to}, line = *from;
	struct spare spare = {0};

	from->count = 0;
	from->more = 0;
	for (;;) {
		uint32_t more = line.more;

		for (uint32_t i = 0; i < line.count; i++) {
			uint32_t ref = line.place[i] >> 4, tag = ctable_tag(&line, i), part = tag & 1;

			last[part] = chain_put(t, last[part], ref, tag_split(t, ref, tag), &spare);
		}
		if (more == 0)
			break;
		line = *(struct ctable_line *)pool_at(&t->chained, more - 1);
		spare_give(t, &spare, more);
	}
	spare_end(t, &spare);
}

static void ctable_split(struct ctable *t)
{
	if (unlikely(t->buckets == BUCKETS_MAX))
		return;
	if (unlikely(t->buckets % CTABLE_SEGMENT == 0 && !segment_take(t, t->buckets / CTABLE_SEGMENT)))
		return;
	bucket_split(t, ctable_line(t, t->split), ctable_line(t, t->buckets));
	t->buckets++;
	t->split++;
	if (unlikely(t->split > t->level_mask)) {
		t->level_mask = t->level_mask * 2 + 1;
		t->level++;
		t->split = 0;
	}
	__builtin_prefetch(ctable_line(t, t->split), 1); /* the next one */
}

static uint32_t tag_merge(uint32_t tag, uint32_t bit)
{
	tag = tag << 1 | bit;
	return tag >> TAG_BITS > 1 ? tag_make(tag) : tag;
}

static void tags_merge(struct ctable_line *l, uint32_t bit)
{
	for (uint32_t i = 0; i < l->count; i++) {
		uint32_t tag = tag_merge(ctable_tag(l, i), bit);

		l->place[i] = (l->place[i] & ~UINT32_C(15)) | tag >> 8;
		l->near[i] = (uint8_t)tag;
	}
}

/* Gives  false when it would need a line more, and there is none. */
static bool bucket_merge(struct ctable *t, struct ctable_line *low, struct ctable_line *high)
{
	struct ctable_line *last = chain_last(t, low), line = *high;
	struct spare spare = {0};

	if (((uint32_t)last->count + high->count > CTABLE_PLACES || high->more != 0) && !spare_take(t, &spare))
		return false;
	for (struct ctable_line *l = low; l != NULL; l = line_next(t, l))
		tags_merge(l, 0);
	high->count = 0;
	high->more = 0;
	for (;;) {
		uint32_t more = line.more;

		tags_merge(&line, 1);
		for (uint32_t i = 0; i < line.count; i++)
			last = chain_put(t, last, line.place[i] >> 4, ctable_tag(&line, i), &spare);
		if (more == 0)
			break;
		line = *(struct ctable_line *)pool_at(&t->chained, more - 1);
		spare_give(t, &spare, more);
	}
	spare_end(t, &spare);
	return true;
}

static void ctable_merge(struct ctable *t)
{
	uint32_t split = t->split != 0 ? t->split - 1 : t->level_mask / 2;

	if (!bucket_merge(t, ctable_line(t, split), ctable_line(t, t->buckets - 1)))
		return;
	if (t->split == 0) {
		t->level_mask /= 2;
		t->level--;
	}
	t->split = split;
	t->buckets--;
	if (t->buckets % CTABLE_SEGMENT == 0)
		segment_give(t, t->buckets / CTABLE_SEGMENT);
}

static uint32_t buckets_wanted(const struct ctable *t)
{
	return t->count / CTABLE_LOAD;
}

/* ---- entries ---- */

bool ctable_insert(struct ctable *t, uint32_t ref, uint64_t hash)
{
	uint32_t query;
	struct ctable_line *l = chain_last(t, ctable_line(t, ctable_bucket_of(t, hash, &query)));
	struct spare spare = {0};

	assert(ref != 0 && ref >> CTABLE_REF_BITS == 0);
	if (unlikely(l->count == CTABLE_PLACES && !spare_take(t, &spare)))
		return false;
	chain_put(t, l, ref, tag_make(query), &spare);
	t->count++;
	for (int i = 0; i < STEPS_MAX && buckets_wanted(t) > t->buckets; i++)
		ctable_split(t);
	return true;
}

/* The last line of a chain is empty. */
static void chain_shorten(struct ctable *t, struct ctable_line *home, struct ctable_line *last)
{
	struct ctable_line *l = home;

	while (line_next(t, l) != last)
		l = line_next(t, l);
	l->more = 0;
	pool_give(&t->chained, last);
}

void ctable_remove(struct ctable *t, struct ctable_look *l)
{
	struct ctable_line *last = chain_last(t, l->line);

	last->count--;
	l->line->place[l->at] = last->place[last->count];
	l->line->near[l->at] = last->near[last->count];
	if (last->count == 0 && last != l->home)
		chain_shorten(t, l->home, last);
	t->count--;
	for (int i = 0; i < STEPS_MAX && buckets_wanted(t) < t->buckets / 2 && t->buckets > CTABLE_SEGMENT; i++)
		ctable_merge(t);
}

void ctable_replace(struct ctable_look *l, uint32_t ref)
{
	assert(ref != 0 && ref >> CTABLE_REF_BITS == 0);
	l->line->place[l->at] = ref << 4 | (l->line->place[l->at] & 15);
}

uint32_t ctable_at(const struct ctable *t, uint32_t bucket, uint64_t place)
{
	const struct ctable_line *l = ctable_line(t, bucket);

	for (; place >= CTABLE_PLACES && l->more != 0; place -= CTABLE_PLACES)
		l = line_next(t, l);
	return place < l->count ? l->place[place] >> 4 : 0;
}
