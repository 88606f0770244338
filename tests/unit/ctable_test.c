/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ctable.h"

static uint64_t random_state;

static uint32_t draw(uint32_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)((random_state >> 32) * below >> 32);
}

static uint32_t budget;

static void *heap_alloc(void *ctx, size_t bytes, size_t align)
{
	void *block;

	(void)ctx;
	if (budget == 0)
		return NULL;
	budget--;
	block = aligned_alloc(align, (bytes + align - 1) / align * align);
	assert_non_null(block);
	return block;
}

static void heap_free(void *ctx, void *block, size_t bytes)
{
	(void)ctx;
	(void)bytes;
	free(block);
}

/* ---- a table of keys; the model: an array that says under which reference each is in it, if at all ----
 * A key has two references, one of them at a time: a replacement puts the other one. */

#define ITEMS 1000000u
#define OTHER (UINT32_C(1) << 24)

static uint32_t ref_of[ITEMS];
static uint32_t item_count;
static struct memory memory;
static struct ctable table;
static uint64_t hash_mask; /* fewer bits: more collisions */
static uint32_t hash_calls;

static uint64_t hash_of_key(uint32_t key)
{
	uint64_t z = (key + UINT64_C(1)) * UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return (z ^ z >> 31) & hash_mask;
}

static uint32_t key_of(uint32_t ref)
{
	return (ref & (OTHER - 1)) - 1;
}

static uint64_t hash_of_ref(const void *ctx, uint32_t ref)
{
	assert_ptr_equal(ctx, ref_of);
	assert_int_equal(ref_of[key_of(ref)], ref);
	hash_calls++;
	return hash_of_key(key_of(ref));
}

static void begin(uint64_t mask)
{
	budget = UINT32_MAX;
	hash_mask = mask;
	item_count = hash_calls = 0;
	memory = (struct memory){.al = {heap_alloc, heap_free, NULL}};
	memset(ref_of, 0, sizeof(ref_of));
	assert_true(ctable_init(&table, &memory, hash_of_ref, ref_of));
}

static void end(void)
{
	ctable_fini(&table);
	assert_int_equal(memory.allocated_bytes, 0);
}

static uint32_t find(uint32_t key, struct ctable_look *look)
{
	uint32_t ref;

	*look = ctable_look(&table, hash_of_key(key));
	while ((ref = ctable_next(&table, look)) != 0 && key_of(ref) != key)
		;
	return ref;
}

static bool insert(uint32_t key)
{
	ref_of[key] = key + 1;
	if (!ctable_insert(&table, key + 1, hash_of_key(key))) {
		ref_of[key] = 0;
		return false;
	}
	item_count++;
	return true;
}

static void take_out(uint32_t key)
{
	struct ctable_look look;

	assert_int_equal(find(key, &look), ref_of[key]);
	ctable_remove(&table, &look);
	ref_of[key] = 0;
	item_count--;
}

static void replace(uint32_t key)
{
	struct ctable_look look;

	assert_int_equal(find(key, &look), ref_of[key]);
	ref_of[key] ^= OTHER;
	ctable_replace(&look, ref_of[key]);
}

/* Each entry is met once by a walk, and lies in the bucket of its hash. */
static void check_walk(void)
{
	uint32_t met = 0;

	for (uint32_t b = 0; b < table.buckets; b++) {
		uint32_t ref;

		for (uint64_t place = 0; (ref = ctable_at(&table, b, place)) != 0; place++) {
			uint32_t query;

			assert_int_equal(ref_of[key_of(ref)], ref);
			assert_int_equal(ctable_bucket_of(&table, hash_of_key(key_of(ref)), &query), b);
			met++;
		}
	}
	assert_int_equal(met, item_count); /* and each is found, so none is met twice */
}

static void check_against_model(uint32_t keys)
{
	struct ctable_look look;

	for (uint32_t i = 0; i < keys; i++)
		assert_int_equal(find(i, &look), ref_of[i]);
	assert_int_equal(table.count, item_count);
	assert_int_equal(table.buckets, table.level_mask + 1 + table.split);
	assert_int_equal(table.level_mask + 1, UINT32_C(1) << table.level);
	check_walk();
}

static void random_changes(uint64_t mask, uint32_t keys, int steps)
{
	begin(mask);
	for (int step = 0; step < steps; step++) {
		uint32_t i = draw(keys);
		bool filling = step / (steps / 8) % 2 == 0; /* the table breathes */

		if (ref_of[i] == 0 && (filling || draw(4) == 0))
			assert_true(insert(i));
		else if (ref_of[i] != 0 && (!filling || draw(4) == 0))
			take_out(i);
		else if (ref_of[i] != 0)
			replace(i);
		if (step % (steps / 20) == 0)
			check_against_model(keys);
	}
	check_against_model(keys);
	end();
}

static void random_inserts_removals_and_replacements_agree_with_the_model(void **state)
{
	(void)state;
	random_state = UINT64_C(0x5eed0011);
	random_changes(UINT64_MAX, 60000, 600000);
	random_changes(UINT64_C(0xffffffff), 20000, 200000);
	random_changes(0x3fff, 10000, 100000);
	random_changes(~UINT64_C(0xfff), 2000, 20000); /* all of one bucket of the smallest table */
	random_changes(0x7, 1000, 10000);
	random_changes(UINT64_MAX, 700, 20000);
}

static void a_table_grows_with_its_entries_and_shrinks_back_to_one_segment(void **state)
{
	size_t empty_bytes;

	(void)state;
	begin(UINT64_MAX);
	empty_bytes = memory.allocated_bytes;
	for (uint32_t i = 0; i < 200000; i++)
		assert_true(insert(i));
	check_against_model(200000);
	assert_int_equal(table.buckets, 200000 / CTABLE_LOAD);
	for (uint32_t i = 0; i < 200000; i++)
		take_out(i);
	check_against_model(200000);
	assert_int_equal(table.buckets, CTABLE_SEGMENT);
	assert_int_equal(table.chained.used_count, 0);
	assert_true(memory.allocated_bytes <= empty_bytes + 400000); /* the pool of chained lines, the directory */
	end();
}

static void a_million_entries_take_eleven_bytes_each(void **state)
{
	(void)state;
	begin(UINT64_MAX);
	for (uint32_t i = 0; i < ITEMS; i++) {
		assert_true(insert(i));
		if (i > 100000 && i % 4096 == 0)
			assert_true(memory.allocated_bytes < 11u * (i + 1));
	}
	assert_true(memory.allocated_bytes < 10u * ITEMS);
	check_walk();
	end();
}

static void growing_asks_few_entries_and_shrinking_none_for_a_hash(void **state)
{
	uint32_t most = 0, before;

	(void)state;
	begin(UINT64_MAX);
	for (uint32_t i = 0; i < ITEMS; i++) {
		before = hash_calls;
		assert_true(insert(i));
		most = hash_calls - before > most ? hash_calls - before : most;
	}
	assert_in_range(hash_calls, 1, ITEMS / 20);
	assert_true(most < 32);
	hash_calls = 0;
	for (uint32_t i = 0; i < ITEMS; i++)
		take_out(i);
	assert_int_equal(hash_calls, 0);
	end();
}

/* A false entry is memory that a SYN of a flood touches for nothing. */
static void who_is_new_is_told_without_looking_at_entries(void **state)
{
	uint32_t falsely = 0, chained = 0;

	(void)state;
	begin(UINT64_MAX);
	for (uint32_t i = 0; i < ITEMS; i++)
		assert_true(insert(i));
	for (uint32_t i = 0; i < ITEMS; i++) {
		struct ctable_look look = ctable_look(&table, hash_of_key(ITEMS + i));

		falsely += ctable_next(&table, &look) != 0;
		chained += look.home->more != 0;
	}
	assert_in_range(falsely, 1, ITEMS / 50);
	assert_in_range(chained, 1, ITEMS / 10);
	end();
}

static void an_entry_that_comes_and_goes_at_a_boundary_takes_no_memory(void **state)
{
	uint32_t n = CTABLE_SEGMENT * CTABLE_LOAD + CTABLE_LOAD;

	(void)state;
	begin(UINT64_MAX);
	for (uint32_t i = 0; i < n; i++)
		assert_true(insert(i));
	budget = 0;
	for (int round = 0; round < 100; round++) {
		size_t before = memory.allocated_bytes;

		take_out(n - 1);
		assert_true(insert(n - 1));
		assert_int_equal(memory.allocated_bytes, before);
	}
	end();
}

static void without_memory_an_insert_is_made_or_refused_and_nothing_is_lost(void **state)
{
	(void)state;
	for (uint32_t allowed = 0; allowed < 40; allowed++) {
		uint32_t refused = 0;

		begin(allowed % 2 ? UINT64_MAX : 0x3ff);
		budget = allowed;
		for (uint32_t i = 0; i < 4000; i++)
			refused += !insert(i);
		assert_true(refused > 0 || allowed > 4);
		check_against_model(4000);
		for (uint32_t i = 0; i < 4000; i += 3)
			if (ref_of[i] != 0)
				take_out(i); /* merges, too, do without */
		check_against_model(4000);
		budget = UINT32_MAX;
		for (uint32_t i = 0; i < 9000; i++)
			if (ref_of[i] == 0)
				assert_true(insert(i));
		check_against_model(9000);
		end();
	}
}

static void memory_that_comes_and_goes_loses_nothing(void **state)
{
	(void)state;
	random_state = UINT64_C(0x5eed0012);
	for (int round = 0; round < 20; round++) {
		begin(round % 2 ? UINT64_MAX : 0xfff);
		for (int step = 0; step < 30000; step++) {
			uint32_t i = draw(6000);

			budget = draw(3) == 0;
			if (ref_of[i] == 0 && (step / 8000 % 2 == 0 || draw(4) == 0))
				insert(i);
			else if (ref_of[i] != 0)
				take_out(i);
		}
		check_against_model(6000);
		end();
	}
}

static void a_table_that_cannot_begin_holds_no_memory(void **state)
{
	(void)state;
	for (uint32_t allowed = 0; allowed < 2; allowed++) {
		memory = (struct memory){.al = {heap_alloc, heap_free, NULL}};
		budget = allowed;
		assert_false(ctable_init(&table, &memory, hash_of_ref, ref_of));
		assert_int_equal(memory.allocated_bytes, 0);
		ctable_fini(&table);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_inserts_removals_and_replacements_agree_with_the_model),
		cmocka_unit_test(a_table_grows_with_its_entries_and_shrinks_back_to_one_segment),
		cmocka_unit_test(a_million_entries_take_eleven_bytes_each),
		cmocka_unit_test(growing_asks_few_entries_and_shrinking_none_for_a_hash),
		cmocka_unit_test(who_is_new_is_told_without_looking_at_entries),
		cmocka_unit_test(an_entry_that_comes_and_goes_at_a_boundary_takes_no_memory),
		cmocka_unit_test(without_memory_an_insert_is_made_or_refused_and_nothing_is_lost),
		cmocka_unit_test(memory_that_comes_and_goes_loses_nothing),
		cmocka_unit_test(a_table_that_cannot_begin_holds_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
