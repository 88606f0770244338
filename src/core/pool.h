/* SPDX-License-Identifier: MIT
 * A pool: objects of one size in slabs from the caller's allocator.  Freed objects are taken again before a new slab is
 * asked for, so that steady state allocates nothing.  Slabs go back in pool_fini only. */
#ifndef HO_POOL_H
#define HO_POOL_H

#include <halfopen/types.h>

/* The allocator of a stack with an account of what it holds. */
struct memory {
	struct ho_allocator al;
	size_t allocated_bytes;
};
void *memory_take(struct memory *m, size_t bytes);            /* 64-byte aligned, not cleared; NULL */
void memory_give(struct memory *m, void *block, size_t bytes); /* NULL is fine */

#define POOL_LINK_BYTES (2 * sizeof(void *)) /* what a slab takes besides its objects */

struct pool {
	struct memory *memory;
	uint32_t object_bytes; /* rounded up to a multiple of 8; a multiple of 64 keeps every object on cache lines of its own */
	uint32_t slab_objects; /* of the next slab */
	uint32_t slab_objects_max; /* each slab is twice as large as the one before, up to this */
	void *free_list;      /* given back, the last one first */
	void *slabs;
	uint32_t used_count;
	uint32_t fresh_count; /* objects of the newest slab that were never taken: a slab is not touched before its use */
	void *fresh;
};

/* Takes  object_bytes > 0; slab_bytes: wished size of a slab (at least one object), link to the next one included. */
void pool_init(struct pool *p, struct memory *m, uint32_t object_bytes, uint32_t slab_bytes);
/* Slabs may grow to this size as more are needed: fewer of them for a flood. */
void pool_grow_to(struct pool *p, uint32_t slab_bytes);
void *pool_take(struct pool *p); /* not cleared; NULL when the allocator refuses: the pool is unchanged then */
void pool_give(struct pool *p, void *object);
void pool_fini(struct pool *p); /* all slabs, taken objects or not */

#endif
