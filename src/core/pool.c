/* SPDX-License-Identifier: MIT */
#include "wire/likely.h"
#include "pool.h"

#include <assert.h>
#include <string.h>

#include "poison.h"

#define MEMORY_ALIGN 64

/* Lies behind the objects of a slab, so that the objects begin on a cache line; of one with pages, in what is left before
 * the first page or behind the last. */
struct slab_link {
	struct slab_link *next;
	size_t slab_bytes; /* a multiple of 8; and LINK_FIRST */
};

#define LINK_FIRST 1u /* the slab begins with its link */

#define DIRECTORY_START 16u

struct free_object {
	struct free_object *next;
};

void *memory_take(struct memory *m, size_t bytes)
{
	void *block = m->al.alloc(m->al.ctx, bytes, MEMORY_ALIGN);

	if (block != NULL)
		m->allocated_bytes += bytes;
	return block;
}

void memory_give(struct memory *m, void *block, size_t bytes)
{
	if (block == NULL)
		return;
	assert(m->allocated_bytes >= bytes);
	m->allocated_bytes -= bytes;
	m->al.free(m->al.ctx, block, bytes);
}

static uint32_t objects_of(const struct pool *p, uint32_t slab_bytes)
{
	uint32_t room = slab_bytes > sizeof(struct slab_link) ? slab_bytes - (uint32_t)sizeof(struct slab_link) : 0;
	uint32_t objects = p->page_objects != 0 ? slab_bytes / POOL_PAGE_BYTES * p->page_objects : room / p->object_bytes;

	return objects > 0 ? objects : 1;
}

void pool_init(struct pool *p, struct memory *m, uint32_t object_bytes, uint32_t slab_bytes)
{
	uint32_t rounded = (object_bytes + 7) & ~UINT32_C(7);

	assert(object_bytes > 0 && rounded >= object_bytes);
	*p = (struct pool){.memory = m, .object_bytes = rounded};
	p->slab_objects = p->slab_objects_max = objects_of(p, slab_bytes);
}

void pool_init_paged(struct pool *p, struct memory *m, uint32_t object_bytes, uint32_t slab_bytes)
{
	pool_init(p, m, object_bytes, slab_bytes);
	assert(p->object_bytes <= POOL_PAGE_BYTES / 2);
	p->page_objects = (POOL_PAGE_BYTES - (uint32_t)sizeof(struct pool_page_end)) / p->object_bytes;
	p->slab_objects = p->slab_objects_max = objects_of(p, slab_bytes);
	p->place_bits = p->page_objects == 1 ? 0 : 32u - (uint32_t)__builtin_clz(p->page_objects - 1);
	p->reciprocal = UINT32_MAX / p->object_bytes + 1;
}

void pool_grow_to(struct pool *p, uint32_t slab_bytes)
{
	p->slab_objects_max = objects_of(p, slab_bytes);
}

static uint32_t slab_pages(const struct pool *p)
{
	return (p->slab_objects + p->page_objects - 1) / p->page_objects;
}

/* What is taken of an allocator that aligns to a cache line holds that many whole pages, and a link besides. */
size_t pool_slab_bytes(const struct pool *p)
{
	if (p->page_objects == 0)
		return (size_t)p->object_bytes * p->slab_objects + sizeof(struct slab_link);
	return (slab_pages(p) + (size_t)1) * POOL_PAGE_BYTES - MEMORY_ALIGN;
}

static size_t directory_bytes(uint32_t pages)
{
	return pages * sizeof(void *);
}

static bool directory_grow(struct pool *p, uint32_t pages)
{
	uint32_t size = p->pages_size != 0 ? p->pages_size : DIRECTORY_START;
	void **bigger;

	if (pages > UINT32_C(1) << (POOL_NUMBER_BITS - p->place_bits))
		return false;
	while (size < pages)
		size *= 2;
	if (size == p->pages_size)
		return true;
	bigger = memory_take(p->memory, directory_bytes(size));
	if (bigger == NULL)
		return false;
	if (p->page_count > 0)
		memcpy(bigger, p->page, directory_bytes(p->page_count));
	memory_give(p->memory, p->page, directory_bytes(p->pages_size));
	p->page = bigger;
	p->pages_size = size;
	return true;
}

static char *page_of(char *at)
{
	return at - ((uintptr_t)at & (POOL_PAGE_BYTES - 1));
}

static void slab_open(struct pool *p, char *slab, size_t bytes)
{
	char *objects = slab, *link = slab + bytes - sizeof(struct slab_link);

	if (p->page_objects != 0 && page_of(slab) != slab) {
		objects = page_of(slab) + POOL_PAGE_BYTES;
		link = slab;
	}
	*(struct slab_link *)(void *)link = (struct slab_link){p->slabs, bytes | (link == slab)};
	p->slabs = link;
	p->fresh = objects;
	p->fresh_count = p->slab_objects;
	if (link == slab)
		POISON(objects, bytes - (size_t)(objects - slab));
	else
		POISON(objects, (size_t)(link - objects));
}

static bool pool_grow(struct pool *p)
{
	size_t bytes = pool_slab_bytes(p);
	char *slab;

	if (p->page_objects != 0 && !directory_grow(p, p->page_count + slab_pages(p)))
		return false;
	slab = memory_take(p->memory, bytes);
	if (slab == NULL)
		return false;
	slab_open(p, slab, bytes);
	if (p->slab_objects < p->slab_objects_max)
		p->slab_objects = p->slab_objects * 2 < p->slab_objects_max ? p->slab_objects * 2 : p->slab_objects_max;
	p->page_left = 0;
	return true;
}

static struct pool_page_end *page_end(char *page)
{
	return (struct pool_page_end *)(void *)(page + POOL_PAGE_BYTES - sizeof(struct pool_page_end));
}

static void page_enter(struct pool *p)
{
	struct pool_page_end *end = page_end(p->fresh);

	UNPOISON(end, sizeof(*end));
	*end = (struct pool_page_end){p->page_count, 0};
	p->page[p->page_count++] = p->fresh;
	p->page_left = p->page_objects;
}

/* On its own, so that the way of steady state stays short. */
static __attribute__((noinline)) void *pool_take_fresh(struct pool *p)
{
	char *object;

	if (unlikely(p->fresh_count == 0 && !pool_grow(p)))
		return NULL;
	p->used_count++;
	if (unlikely(p->page_objects != 0 && p->page_left == 0))
		page_enter(p);
	object = p->fresh;
	p->fresh = object + p->object_bytes;
	p->fresh_count--;
	if (unlikely(p->page_objects != 0 && --p->page_left == 0))
		p->fresh = page_of(object) + POOL_PAGE_BYTES;
	UNPOISON(object, p->object_bytes);
	return object;
}

static void *pool_take_freed(struct pool *p)
{
	struct free_object *object = p->free_list;

	UNPOISON(object, p->object_bytes);
	p->free_list = object->next;
	return object;
}

void *pool_take(struct pool *p)
{
	if (p->free_list == NULL)
		return pool_take_fresh(p);
	p->used_count++;
	return pool_take_freed(p);
}

void pool_give(struct pool *p, void *object)
{
	struct free_object *freed = object;

	assert(p->used_count > 0);
	p->used_count--;
	freed->next = p->free_list;
	p->free_list = freed;
	POISON(object, p->object_bytes);
}

void pool_fini(struct pool *p)
{
	struct slab_link *link = p->slabs;

	while (link != NULL) {
		struct slab_link *next = link->next;
		size_t bytes = link->slab_bytes & ~(size_t)LINK_FIRST;
		void *slab = link->slab_bytes & LINK_FIRST ? (char *)link : (char *)(link + 1) - bytes;

		UNPOISON(slab, bytes);
		memory_give(p->memory, slab, bytes);
		link = next;
	}
	memory_give(p->memory, p->page, directory_bytes(p->pages_size));
	p->page = NULL;
	p->slabs = p->free_list = p->fresh = NULL;
	p->used_count = p->fresh_count = p->page_count = p->pages_size = p->page_left = 0;
}
