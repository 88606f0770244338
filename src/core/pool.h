/* SPDX-License-Identifier: MIT
 * A pool: objects of one size in slabs from the caller's allocator.  Freed objects are taken again before a new slab is
 * asked for, so that steady state allocates nothing.  Slabs go back in pool_fini only.
 *
 * A pool with pages numbers its objects: 26 bits name one where a pointer would take 64.  Its objects lie in pages of 4 KiB
 * that know their numbers, so each is found from the other at once. */
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

	void **page;          /* with pages: where each that was entered begins */
	uint32_t page_count, pages_size;
	uint32_t page_objects; /* in each; 0: a pool without pages */
	uint32_t page_left;    /* never taken yet, of the page that was entered last */
	uint32_t place_bits;   /* of a number; above them is the page's */
	uint32_t reciprocal;   /* of object_bytes, 2^32 fold */
};

#define POOL_PAGE_BYTES 4096u
#define POOL_NUMBER_BITS 26u

/* The last bytes of a page. */
struct pool_page_end {
	uint32_t number;
	uint32_t pad;
};

/* Takes  object_bytes > 0; slab_bytes: wished size of a slab (at least one object), link to the next one included. */
void pool_init(struct pool *p, struct memory *m, uint32_t object_bytes, uint32_t slab_bytes);
/* The same with pages.  Takes  object_bytes up to 2048. */
void pool_init_paged(struct pool *p, struct memory *m, uint32_t object_bytes, uint32_t slab_bytes);
/* Slabs may grow to this size as more are needed: fewer of them for a flood. */
void pool_grow_to(struct pool *p, uint32_t slab_bytes);
void *pool_take(struct pool *p); /* not cleared; NULL when the allocator refuses: the pool is unchanged then */
void pool_give(struct pool *p, void *object);
void pool_fini(struct pool *p); /* all slabs, taken objects or not */
size_t pool_slab_bytes(const struct pool *p); /* what the next slab takes from the allocator */

/* Of a pool with pages, the object that this address lies in. */
static inline void *pool_object(const struct pool *p, const void *inside)
{
	uint32_t offset = (uint32_t)((uintptr_t)inside & (POOL_PAGE_BYTES - 1));
	uint32_t place = (uint32_t)((uint64_t)offset * p->reciprocal >> 32);

	return (char *)(uintptr_t)inside - offset + place * p->object_bytes;
}

/* The number of an object of a pool with pages, below 2^POOL_NUMBER_BITS, the same for as long as the pool lives; and back. */
static inline uint32_t pool_number(const struct pool *p, const void *object)
{
	uint32_t offset = (uint32_t)((uintptr_t)object & (POOL_PAGE_BYTES - 1));
	const char *page = (const char *)object - offset;
	const struct pool_page_end *end =
		(const struct pool_page_end *)(const void *)(page + POOL_PAGE_BYTES - sizeof(struct pool_page_end));

	return end->number << p->place_bits | (uint32_t)((uint64_t)offset * p->reciprocal >> 32);
}
static inline void *pool_at(const struct pool *p, uint32_t number)
{
	uint32_t place = number & ((UINT32_C(1) << p->place_bits) - 1);

	return (char *)p->page[number >> p->place_bits] + place * p->object_bytes;
}

#endif
