/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "numbered.h"

static uint64_t random_state = UINT64_C(0x5eed0001);

static uint32_t draw(uint32_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)((random_state >> 32) * below >> 32);
}

/* An allocator that counts, refuses when its budget is spent, and remembers the largest block. */
struct heap {
	size_t held_bytes, largest_bytes;
	uint32_t blocks, budget;
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
	if (bytes > h->largest_bytes)
		h->largest_bytes = bytes;
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

static void closed(struct numbered *p, struct heap *h, struct memory *m)
{
	numbered_fini(p);
	assert_int_equal(h->blocks, 0);
	assert_int_equal(m->allocated_bytes, 0);
}

static void numbers_begin_at_zero_and_name_where_their_objects_lie(void **state)
{
	static char *object[3000];

	(void)state;
	for (uint32_t first_bits = 0; first_bits < 7; first_bits++) {
		struct heap h = {.budget = UINT32_MAX};
		struct memory m = memory_on(&h);
		struct numbered p;
		uint32_t number;

		numbered_init(&p, &m, 24, first_bits);
		for (uint32_t i = 0; i < 3000; i++) {
			object[i] = numbered_take(&p, &number);
			assert_int_equal(number, i);
			memset(object[i], (int)(i & 255), 24);
		}
		for (uint32_t i = 0; i < 3000; i++) {
			assert_ptr_equal(numbered_at(&p, i), object[i]);
			for (int k = 0; k < 24; k++)
				assert_int_equal((uint8_t)object[i][k], i & 255);
		}
		closed(&p, &h, &m);
	}
}

static void what_was_never_used_is_an_eighth_at_most(void **state)
{
	struct heap h = {.budget = UINT32_MAX};
	struct memory m = memory_on(&h);
	struct numbered p;
	uint32_t number;

	(void)state;
	numbered_init(&p, &m, 64, 3);
	for (uint32_t i = 0; i < 100000; i++) {
		assert_non_null(numbered_take(&p, &number));
		assert_true(m.allocated_bytes <= (i + 8) * 65ul * 9 / 8 + 8 * 65);
	}
	assert_true(h.largest_bytes <= 100000ul * 65 / 8);
	closed(&p, &h, &m);
}

static void the_number_given_back_last_is_the_next(void **state)
{
	struct heap h = {.budget = UINT32_MAX};
	struct memory m = memory_on(&h);
	struct numbered p;
	uint32_t number;

	(void)state;
	numbered_init(&p, &m, 8, 3);
	for (int i = 0; i < 100; i++)
		assert_non_null(numbered_take(&p, &number));
	numbered_give(&p, 40);
	numbered_give(&p, 7);
	assert_false(numbered_used(&p, 7));
	assert_ptr_equal(numbered_take(&p, &number), numbered_at(&p, 7));
	assert_int_equal(number, 7);
	assert_true(numbered_used(&p, 7));
	assert_non_null(numbered_take(&p, &number));
	assert_int_equal(number, 40);
	assert_non_null(numbered_take(&p, &number));
	assert_int_equal(number, 100);
	closed(&p, &h, &m);
}

static void a_refused_slab_leaves_all_as_it_was(void **state)
{
	(void)state;
	for (uint32_t budget = 0; budget < 20; budget++) {
		struct heap h = {.budget = budget};
		struct memory m = memory_on(&h);
		struct numbered p;
		uint32_t taken = 0, number = 12345;
		size_t grown_bytes;

		numbered_init(&p, &m, 16, 0);
		while (numbered_take(&p, &number) != NULL)
			assert_int_equal(number, taken++);
		assert_int_equal(p.used_count, taken);
		assert_int_equal(taken, budget <= 8 ? budget : budget <= 16 ? 8 + 2 * (budget - 8) : 24 + 4 * (budget - 16));
		h.budget = 1;
		grown_bytes = m.allocated_bytes + numbered_slab_bytes(&p);
		assert_non_null(numbered_take(&p, &number));
		assert_int_equal(m.allocated_bytes, grown_bytes);
		assert_int_equal(number, taken);
		closed(&p, &h, &m);
	}
}

/* Beside the model: an array that says who is there, and a stack of numbers given back. */
static void taking_and_giving_at_random_does_as_the_model_does(void **state)
{
	enum { MOST = 700 };
	static uint32_t freed[MOST];
	static bool used[MOST];
	struct heap h = {.budget = UINT32_MAX};
	struct memory m = memory_on(&h);
	struct numbered p;
	uint32_t fresh = 0, frees = 0, count = 0;

	(void)state;
	numbered_init(&p, &m, 40, 2);
	for (int step = 0; step < 200000; step++) {
		bool grows = step / 20000 % 2 == 0;
		uint32_t i = fresh > 0 ? draw(fresh) : 0;

		if ((draw(3) > 0) == grows && (frees > 0 || fresh < MOST)) {
			uint32_t want = frees > 0 ? freed[--frees] : fresh++, number;
			uint8_t *object = numbered_take(&p, &number);

			assert_int_equal(number, want);
			assert_ptr_equal(object, numbered_at(&p, number));
			memset(object, (int)(number % 251), 40);
			used[number] = true;
			count++;
		} else if (fresh > 0 && used[i]) {
			const uint8_t *object = numbered_at(&p, i);

			for (int k = 0; k < 40; k++)
				assert_int_equal(object[k], i % 251);
			numbered_give(&p, i);
			used[i] = false;
			freed[frees++] = i;
			count--;
		}
		assert_int_equal(p.used_count, count);
		assert_int_equal(p.fresh, fresh);
		if (fresh > 0)
			assert_int_equal(numbered_used(&p, i), used[i]);
		assert_int_equal(m.allocated_bytes, h.held_bytes);
	}
	closed(&p, &h, &m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_begin_at_zero_and_name_where_their_objects_lie),
		cmocka_unit_test(what_was_never_used_is_an_eighth_at_most),
		cmocka_unit_test(the_number_given_back_last_is_the_next),
		cmocka_unit_test(a_refused_slab_leaves_all_as_it_was),
		cmocka_unit_test(taking_and_giving_at_random_does_as_the_model_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
