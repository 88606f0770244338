/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pool.h"

static uint64_t random_state;

static uint32_t draw(uint32_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)((random_state >> 32) * below >> 32);
}

/* An allocator that counts, and refuses when its budget is spent. */
struct heap {
	size_t held_bytes;
	uint32_t blocks;
	uint32_t budget;
};

static void *heap_alloc(void *ctx, size_t bytes, size_t align)
{
	struct heap *h = ctx;
	void *block;

	if (h->budget == 0)
		return NULL;
	block = aligned_alloc(align, (bytes + align - 1) / align * align);
	assert_non_null(block);
	h->budget--;
	h->blocks++;
	h->held_bytes += bytes;
	return block;
}

static void heap_free(void *ctx, void *block, size_t bytes)
{
	struct heap *h = ctx;

	h->blocks--;
	h->held_bytes -= bytes;
	free(block);
}

static struct memory memory_on(struct heap *h)
{
	return (struct memory){.al = {heap_alloc, heap_free, h}};
}

static void memory_is_aligned_to_a_cache_line_and_accounted_for(void **state)
{
	struct heap h = {.budget = 2};
	struct memory m = memory_on(&h);
	void *a = memory_take(&m, 1);
	void *b = memory_take(&m, 1000);

	(void)state;
	assert_int_equal((uintptr_t)a % 64, 0);
	assert_int_equal((uintptr_t)b % 64, 0);
	assert_int_equal(m.allocated_bytes, 1001);
	assert_null(memory_take(&m, 5));
	assert_int_equal(m.allocated_bytes, 1001);
	memory_give(&m, a, 1);
	memory_give(&m, b, 1000);
	memory_give(&m, NULL, 77);
	assert_int_equal(m.allocated_bytes, 0);
	assert_int_equal(h.held_bytes, 0);
}

static void a_refused_slab_leaves_the_pool_as_it_was(void **state)
{
	struct heap h = {.budget = 1};
	struct memory m = memory_on(&h);
	struct pool p;
	void *object;

	(void)state;
	pool_init(&p, &m, 100, 1);
	assert_int_equal(p.object_bytes, 104);
	assert_int_equal(p.slab_objects, 1);
	object = pool_take(&p);
	assert_non_null(object);
	assert_null(pool_take(&p));
	assert_int_equal(p.used_count, 1);
	pool_give(&p, object);
	assert_ptr_equal(pool_take(&p), object);
	pool_fini(&p);
	assert_int_equal(h.blocks, 0);
	assert_int_equal(m.allocated_bytes, 0);
}

static void objects_of_whole_cache_lines_begin_on_one(void **state)
{
	struct heap h = {.budget = 100};
	struct memory m = memory_on(&h);
	struct pool p;

	(void)state;
	pool_init(&p, &m, 192, 4096);
	assert_true(p.slab_objects * 192 <= 4096);
	for (int i = 0; i < 100; i++)
		assert_int_equal((uintptr_t)pool_take(&p) % 64, 0);
	pool_fini(&p);
}

static void a_steady_state_asks_for_no_memory(void **state)
{
	struct heap h = {.budget = 100};
	struct memory m = memory_on(&h);
	struct pool p;
	void *object[500];

	(void)state;
	pool_init(&p, &m, 48, 2048);
	for (int round = 0; round < 10; round++) {
		if (round == 1)
			h.budget = 0;
		for (int i = 0; i < 500; i++)
			assert_non_null(object[i] = pool_take(&p));
		for (int i = 0; i < 500; i++)
			pool_give(&p, object[i]);
	}
	assert_int_equal(p.used_count, 0);
	pool_fini(&p);
	assert_int_equal(h.blocks, 0);
}

static void objects_of_a_pool_with_pages_have_numbers_for_life(void **state)
{
	static const uint32_t sizes[] = {1, 8, 56, 64, 104, 1000, 2048};
	struct heap h = {.budget = UINT32_MAX};
	struct memory m = memory_on(&h);
	static void *object[5000];

	(void)state;
	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		struct pool p;

		pool_init_paged(&p, &m, sizes[s], 8192);
		pool_grow_to(&p, 65536);
		for (uint32_t i = 0; i < 5000; i++) {
			assert_non_null(object[i] = pool_take(&p));
			assert_ptr_equal(pool_at(&p, pool_number(&p, object[i])), object[i]);
			assert_ptr_equal(pool_object(&p, (char *)object[i] + p.object_bytes - 1), object[i]);
			assert_true(pool_number(&p, object[i]) < UINT32_C(1) << POOL_NUMBER_BITS);
			if (i > 0) /* and so no two have the same */
				assert_true(pool_number(&p, object[i]) > pool_number(&p, object[i - 1]));
		}
		for (uint32_t i = 0; i < 5000; i += 2) {
			memset(object[i], 0xff, sizes[s]);
			pool_give(&p, object[i]);
		}
		for (uint32_t i = 0; i < 2500; i++) {
			void *again = pool_take(&p);

			assert_ptr_equal(pool_at(&p, pool_number(&p, again)), again);
		}
		for (uint32_t i = 1; i < 5000; i += 2)
			assert_ptr_equal(pool_at(&p, pool_number(&p, object[i])), object[i]);
		pool_fini(&p);
		assert_int_equal(h.blocks, 0);
		assert_int_equal(m.allocated_bytes, 0);
	}
}

/* The allocator promises a cache line's alignment only. */
static void pages_are_found_wherever_a_slab_begins(void **state)
{
	struct heap h = {.budget = UINT32_MAX};
	struct memory m = memory_on(&h);
	struct pool p;
	void *filler[70];

	(void)state;
	pool_init_paged(&p, &m, 56, 4096);
	for (uint32_t i = 0; i < 70; i++) { /* what lies between slabs moves the next one on */
		filler[i] = memory_take(&m, 64 * (i + 1));
		for (uint32_t k = 0; k < p.slab_objects; k++) {
			void *object = pool_take(&p);

			memset(object, 0xff, 56);
			assert_ptr_equal(pool_at(&p, pool_number(&p, object)), object);
		}
		assert_int_equal(p.fresh_count, 0);
	}
	for (uint32_t i = 0; i < 70; i++)
		memory_give(&m, filler[i], 64 * (i + 1));
	pool_fini(&p);
	assert_int_equal(h.blocks, 0);
	assert_int_equal(m.allocated_bytes, 0);
}

static void a_pool_with_pages_that_is_refused_its_directory_or_a_slab_is_as_it_was(void **state)
{
	(void)state;
	for (uint32_t budget = 0; budget < 60; budget += 3) {
		struct heap h = {.budget = budget};
		struct memory m = memory_on(&h);
		struct pool p;
		uint32_t taken = 0;

		pool_init_paged(&p, &m, 1500, 4096);
		while (taken < 100 && pool_take(&p) != NULL)
			taken++;
		assert_int_equal(p.used_count, taken);
		assert_true(taken < 100 || budget > 50);
		h.budget = 300;
		for (; taken < 200; taken++) {
			void *object = pool_take(&p);

			assert_non_null(object);
			assert_ptr_equal(pool_at(&p, pool_number(&p, object)), object);
		}
		pool_fini(&p);
		assert_int_equal(h.blocks, 0);
		assert_int_equal(m.allocated_bytes, 0);
	}
}

#define OBJECTS 2000

/* Each taken object is filled with a pattern of its own: objects that overlap, or lists that write into taken ones, show. */
static void random_taking_and_giving_never_hands_out_a_byte_twice(uint32_t object_bytes, uint32_t slab_bytes, bool paged)
{
	struct heap h = {.budget = UINT32_MAX};
	struct memory m = memory_on(&h);
	static uint8_t *object[OBJECTS];
	uint32_t taken = 0;
	struct pool p;

	(paged ? pool_init_paged : pool_init)(&p, &m, object_bytes, slab_bytes);
	memset(object, 0, sizeof(object));
	for (int step = 0; step < 50000; step++) {
		uint32_t i = draw(OBJECTS);

		if (object[i] == NULL) {
			assert_non_null(object[i] = pool_take(&p));
			memset(object[i], (int)(i * 7 & 255), object_bytes);
			taken++;
		} else {
			for (uint32_t k = 0; k < object_bytes; k++)
				assert_int_equal(object[i][k], i * 7 & 255);
			pool_give(&p, object[i]);
			object[i] = NULL;
			taken--;
		}
		assert_int_equal(p.used_count, taken);
		assert_int_equal(m.allocated_bytes, h.held_bytes);
	}
	pool_fini(&p);
	assert_int_equal(h.blocks, 0);
	assert_int_equal(m.allocated_bytes, 0);
}

static void no_byte_is_handed_out_twice(void **state)
{
	(void)state;
	random_state = UINT64_C(0x5eed0001);
	random_taking_and_giving_never_hands_out_a_byte_twice(1, 64, false);
	random_taking_and_giving_never_hands_out_a_byte_twice(8, 4096, false);
	random_taking_and_giving_never_hands_out_a_byte_twice(40, 1000, false);
	random_taking_and_giving_never_hands_out_a_byte_twice(64, 65536, false);
	random_taking_and_giving_never_hands_out_a_byte_twice(137, 8, false);
	random_taking_and_giving_never_hands_out_a_byte_twice(56, 8192, true);
	random_taking_and_giving_never_hands_out_a_byte_twice(104, 4096, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_aligned_to_a_cache_line_and_accounted_for),
		cmocka_unit_test(a_refused_slab_leaves_the_pool_as_it_was),
		cmocka_unit_test(objects_of_whole_cache_lines_begin_on_one),
		cmocka_unit_test(a_steady_state_asks_for_no_memory),
		cmocka_unit_test(objects_of_a_pool_with_pages_have_numbers_for_life),
		cmocka_unit_test(pages_are_found_wherever_a_slab_begins),
		cmocka_unit_test(a_pool_with_pages_that_is_refused_its_directory_or_a_slab_is_as_it_was),
		cmocka_unit_test(no_byte_is_handed_out_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
