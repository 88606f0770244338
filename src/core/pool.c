/* SPDX-License-Identifier: MIT */
#include "pool.h"

#include <assert.h>

/* Under AddressSanitizer an object that is not taken is poisoned: without this, slabs hide every use after free. */
#if defined(__SANITIZE_ADDRESS__)
#define POISONS 1
#elif defined(__has_feature)
#define POISONS __has_feature(address_sanitizer)
#else
#define POISONS 0
#endif

#if POISONS
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(at, bytes) ((void)(at), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(at, bytes) ((void)(at), (void)(bytes))
#endif

#define MEMORY_ALIGN 64

/* Lies behind the objects of a slab, so that the objects begin on a cache line. */
struct slab_link {
	struct slab_link *next;
	size_t objects_bytes;
};

_Static_assert(sizeof(struct slab_link) == POOL_LINK_BYTES, "the link of a slab");

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

static uint32_t objects_of(uint32_t object_bytes, uint32_t slab_bytes)
{
	uint32_t room = slab_bytes > sizeof(struct slab_link) ? slab_bytes - (uint32_t)sizeof(struct slab_link) : 0;

	return room / object_bytes > 0 ? room / object_bytes : 1;
}

void pool_init(struct pool *p, struct memory *m, uint32_t object_bytes, uint32_t slab_bytes)
{
	uint32_t rounded = (object_bytes + 7) & ~UINT32_C(7);

	assert(object_bytes > 0 && rounded >= object_bytes);
	*p = (struct pool){.memory = m, .object_bytes = rounded, .slab_objects = objects_of(rounded, slab_bytes)};
	p->slab_objects_max = p->slab_objects;
}

void pool_grow_to(struct pool *p, uint32_t slab_bytes)
{
	p->slab_objects_max = objects_of(p->object_bytes, slab_bytes);
}

static bool pool_grow(struct pool *p)
{
	size_t bytes = (size_t)p->object_bytes * p->slab_objects;
	void *slab = memory_take(p->memory, bytes + sizeof(struct slab_link));
	struct slab_link *link;

	if (slab == NULL)
		return false;
	link = (struct slab_link *)(void *)((char *)slab + bytes);
	*link = (struct slab_link){p->slabs, bytes};
	p->slabs = link;
	p->fresh = slab;
	p->fresh_count = p->slab_objects;
	if (p->slab_objects < p->slab_objects_max)
		p->slab_objects = p->slab_objects * 2 < p->slab_objects_max ? p->slab_objects * 2 : p->slab_objects_max;
	ASAN_POISON_MEMORY_REGION(slab, bytes);
	return true;
}

static void *pool_take_fresh(struct pool *p)
{
	void *object = p->fresh;

	p->fresh = (char *)object + p->object_bytes;
	p->fresh_count--;
	ASAN_UNPOISON_MEMORY_REGION(object, p->object_bytes);
	return object;
}

static void *pool_take_freed(struct pool *p)
{
	struct free_object *object = p->free_list;

	ASAN_UNPOISON_MEMORY_REGION(object, p->object_bytes);
	p->free_list = object->next;
	return object;
}

void *pool_take(struct pool *p)
{
	if (p->free_list == NULL && p->fresh_count == 0 && !pool_grow(p))
		return NULL;
	p->used_count++;
	return p->free_list != NULL ? pool_take_freed(p) : pool_take_fresh(p);
}

void pool_give(struct pool *p, void *object)
{
	struct free_object *freed = object;

	assert(p->used_count > 0);
	p->used_count--;
	freed->next = p->free_list;
	p->free_list = freed;
	ASAN_POISON_MEMORY_REGION(object, p->object_bytes);
}

void pool_fini(struct pool *p)
{
	struct slab_link *link = p->slabs;

	while (link != NULL) {
		struct slab_link *next = link->next;
		size_t bytes = link->objects_bytes;
		void *slab = (char *)link - bytes;

		ASAN_UNPOISON_MEMORY_REGION(slab, bytes);
		memory_give(p->memory, slab, bytes + sizeof(struct slab_link));
		link = next;
	}
	*p = (struct pool){.memory = p->memory, .object_bytes = p->object_bytes, .slab_objects = p->slab_objects,
	                   .slab_objects_max = p->slab_objects_max};
}
