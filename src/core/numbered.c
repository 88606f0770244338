/* SPDX-License-Identifier: MIT */
#include "wire/likely.h"
#include "numbered.h"

#include <assert.h>
#include <string.h>

#include "poison.h"

/* What an object says while it is nobody's. */
struct freed_object {
	uint32_t next; /* as numbered.freed */
};

void numbered_init(struct numbered *p, struct memory *m, uint32_t object_bytes, uint32_t first_bits)
{
	assert(object_bytes > 0 && object_bytes % 8 == 0 && first_bits < NUMBERED_BITS - NUMBERED_FINE);
	*p = (struct numbered){.memory = m, .object_bytes = object_bytes, .first_bits = first_bits};
}

static uint32_t slab_bits(const struct numbered *p, uint32_t slab)
{
	return p->first_bits + (slab >> NUMBERED_FINE);
}

static size_t slab_bytes(const struct numbered *p, uint32_t slab)
{
	size_t objects = (size_t)1 << slab_bits(p, slab);

	return objects * p->object_bytes + (objects + 63) / 64 * sizeof(uint64_t);
}

size_t numbered_slab_bytes(const struct numbered *p)
{
	return slab_bytes(p, p->slabs);
}

/* ---- who is in use ---- */

/* The word of number's bit; *bit: which. */
static uint64_t *used_word(const struct numbered *p, uint32_t number, uint64_t *bit)
{
	struct numbered_place at = numbered_place(p, number);

	*bit = UINT64_C(1) << at.at % 64;
	return (uint64_t *)(void *)(p->slab[at.slab] + ((size_t)p->object_bytes << at.bits)) + at.at / 64;
}

bool numbered_used(const struct numbered *p, uint32_t number)
{
	uint64_t bit;

	assert(number < p->fresh);
	return (*used_word(p, number, &bit) & bit) != 0;
}

/* ---- taking and giving ---- */

/* How many objects all slabs before this have. */
static uint32_t first_of(const struct numbered *p, uint32_t slab)
{
	uint32_t eighths = (slab & ((1u << NUMBERED_FINE) - 1)) + (1u << NUMBERED_FINE);

	return (eighths << slab_bits(p, slab)) - (1u << (p->first_bits + NUMBERED_FINE));
}

static bool numbered_grow(struct numbered *p)
{
	size_t bytes = numbered_slab_bytes(p), objects_bytes;
	char *slab;

	if (slab_bits(p, p->slabs) + NUMBERED_FINE >= NUMBERED_BITS)
		return false;
	slab = memory_take(p->memory, bytes);
	if (slab == NULL)
		return false;
	objects_bytes = (size_t)p->object_bytes << slab_bits(p, p->slabs);
	memset(slab + objects_bytes, 0, bytes - objects_bytes);
	POISON(slab, objects_bytes);
	p->slab[p->slabs++] = slab;
	return true;
}

static void *taken(struct numbered *p, uint32_t number)
{
	uint64_t bit, *word = used_word(p, number, &bit);

	assert((*word & bit) == 0);
	*word |= bit;
	p->used_count++;
	return numbered_at(p, number);
}

void *numbered_take(struct numbered *p, uint32_t *number)
{
	void *object;

	if (likely(p->freed != 0)) {
		*number = p->freed - 1;
		object = taken(p, *number);
		UNPOISON(object, p->object_bytes);
		p->freed = ((const struct freed_object *)object)->next;
		return object;
	}
	if (unlikely(p->fresh == first_of(p, p->slabs) && !numbered_grow(p)))
		return NULL;
	*number = p->fresh++;
	object = taken(p, *number);
	UNPOISON(object, p->object_bytes);
	return object;
}

void numbered_give(struct numbered *p, uint32_t number)
{
	struct freed_object *object = numbered_at(p, number);
	uint64_t bit, *word = used_word(p, number, &bit);

	assert((*word & bit) != 0);
	*word &= ~bit;
	p->used_count--;
	object->next = p->freed;
	p->freed = number + 1;
	POISON(object, p->object_bytes);
}

void numbered_fini(struct numbered *p)
{
	for (uint32_t i = 0; i < p->slabs; i++) {
		UNPOISON(p->slab[i], slab_bytes(p, i));
		memory_give(p->memory, p->slab[i], slab_bytes(p, i));
	}
	p->fresh = p->freed = p->used_count = p->slabs = 0;
}
