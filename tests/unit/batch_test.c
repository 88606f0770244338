/* SPDX-License-Identifier: MIT
 * Batches with one timer, beside a naive model: an array of ticks. */
#include "batch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ITEMS 300u
#define KIND 9

static uint64_t random_state;

static uint32_t draw(uint32_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)((random_state >> 32) * below >> 32);
}

static void *heap_alloc(void *ctx, size_t bytes, size_t align)
{
	(void)ctx;
	return aligned_alloc(align, (bytes + align - 1) / align * align);
}

static void heap_free(void *ctx, void *block, size_t bytes)
{
	(void)ctx;
	(void)bytes;
	free(block);
}

struct item {
	struct batch *b; /* NULL: it has no place */
	unsigned place;
	bool armed;
	uint32_t expires;
};

struct owner {
	struct batch b;
	struct item *item[BATCH_PLACES];
};

static struct {
	struct memory memory;
	struct pool pool;
	struct list room;
	struct wheel wheel;
	uint32_t now;
	struct item item[ITEMS];
} t;

static void begin(uint32_t tick)
{
	memset(&t, 0, sizeof(t));
	t.memory.al = (struct ho_allocator){heap_alloc, heap_free, NULL};
	pool_init_paged(&t.pool, &t.memory, sizeof(struct owner), 8192);
	list_init(&t.room);
	wheel_init(&t.wheel, tick);
	t.now = tick;
}

static void end(void)
{
	pool_fini(&t.pool);
	assert_int_equal(t.memory.allocated_bytes, 0);
}

static void item_take(struct item *i)
{
	i->b = batch_take(&t.pool, &t.room, KIND, &i->place);
	assert_non_null(i->b);
	assert_in_range(i->place, 0, BATCH_PLACES - 1);
	for (struct item *o = t.item; o < t.item + ITEMS; o++)
		assert_true(o == i || o->b != i->b || o->place != i->place);
	((struct owner *)(void *)i->b)->item[i->place] = i;
	i->armed = false;
}

static void item_give(struct item *i)
{
	batch_give(&t.pool, &t.room, &t.wheel, i->b, i->place);
	i->b = NULL;
}

static void item_arm(struct item *i)
{
	i->expires = t.now + 1 + draw(draw(10) == 0 ? 100000 : 300);
	i->armed = true;
	batch_arm(&t.wheel, i->b, i->place, i->expires);
}

/* Everything that the model has due fires at its tick, and nothing else. */
static void goes_to(uint32_t to)
{
	struct timer *timer;

	while ((timer = wheel_pop(&t.wheel, to)) != NULL) {
		struct owner *o = (struct owner *)(void *)timer;
		uint64_t due = batch_due(&t.wheel, &o->b, t.wheel.tick);

		assert_int_equal(timer->kind, KIND);
		for (; due != 0; due &= due - 1) {
			struct item *i = o->item[__builtin_ctzll(due)];

			assert_ptr_equal(i->b, &o->b);
			assert_true(i->armed);
			assert_int_equal(i->expires, t.wheel.tick);
			i->armed = false;
			if (draw(2))
				item_give(i); /* the batch may go with its last one: then nothing of it is due any more */
		}
	}
	t.now = to;
	for (struct item *i = t.item; i < t.item + ITEMS; i++)
		assert_true(i->b == NULL || !i->armed || (int32_t)(i->expires - to) > 0);
}

static void random_arming_and_giving_agrees_with_the_model(void **state)
{
	static const uint32_t starts[] = {0, 0x7fffff00, 0xffffff00};

	(void)state;
	random_state = UINT64_C(0x5eedba7c);
	for (unsigned s = 0; s < 3; s++) {
		begin(starts[s]);
		for (int step = 0; step < 60000; step++) {
			struct item *i = &t.item[draw(ITEMS)];

			if (draw(6) == 0)
				goes_to(t.now + draw(draw(20) == 0 ? 5000 : 60));
			else if (i->b == NULL)
				item_take(i);
			else if (draw(8) == 0)
				item_give(i);
			else
				item_arm(i);
		}
		for (struct item *i = t.item; i < t.item + ITEMS; i++)
			if (i->b != NULL)
				item_give(i);
		assert_int_equal(t.pool.used_count, 0);
		assert_int_equal(t.wheel.count, 0);
		assert_true(list_empty(&t.room));
		end();
	}
}

static void what_is_armed_for_later_touches_no_timer(void **state)
{
	(void)state;
	begin(1000);
	for (unsigned i = 0; i < BATCH_PLACES; i++) {
		item_take(&t.item[i]);
		batch_arm(&t.wheel, t.item[i].b, t.item[i].place, 2000 + i);
	}
	assert_ptr_equal(t.item[0].b, t.item[BATCH_PLACES - 1].b);
	assert_int_equal(t.wheel.count, 1);
	batch_arm(&t.wheel, t.item[0].b, t.item[0].place, 9000);
	assert_int_equal(t.item[0].b->timer.expires, 2000);
	batch_arm(&t.wheel, t.item[5].b, t.item[5].place, 1500);
	assert_int_equal(t.item[0].b->timer.expires, 1500);
	for (unsigned i = 0; i < BATCH_PLACES; i++)
		item_give(&t.item[i]);
	assert_int_equal(t.wheel.count, 0);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_arming_and_giving_agrees_with_the_model),
		cmocka_unit_test(what_is_armed_for_later_touches_no_timer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
