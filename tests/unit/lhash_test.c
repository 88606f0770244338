/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lhash.h"

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

/* --- a table of keys, and the model: an array of which are in it ------------------------------------------------- */

#define ITEMS 400000u

struct item {
	struct lnode node;
	uint32_t key;
};

static struct item item[ITEMS];
static bool present[ITEMS];
static struct memory memory;
static struct lhash table;
static uint32_t hash_mask; /* fewer bits: more collisions */
static uint32_t hash_calls;

static uint32_t hash_of_key(uint32_t key)
{
	key ^= key >> 16;
	key *= 0x7feb352d;
	key ^= key >> 15;
	key *= 0x846ca68b;
	key ^= key >> 16;
	return key & hash_mask;
}

static uint32_t hash_of_node(const void *ctx, const struct lnode *n)
{
	assert_ptr_equal(ctx, item);
	hash_calls++;
	return hash_of_key(((const struct item *)(const void *)n)->key);
}

static void begin(uint32_t mask)
{
	budget = UINT32_MAX;
	hash_mask = mask;
	memory = (struct memory){.al = {heap_alloc, heap_free, NULL}};
	memset(present, 0, sizeof(present));
	for (uint32_t i = 0; i < ITEMS; i++)
		item[i] = (struct item){.key = i * 3 + 1};
	assert_true(lhash_init(&table, &memory, hash_of_node, item));
}

static void end(void)
{
	lhash_fini(&table);
	assert_int_equal(memory.allocated_bytes, 0);
}

static struct item *find(uint32_t key)
{
	for (struct lnode *n = lhash_first(&table, hash_of_key(key)); n != NULL; n = n->next)
		if (((struct item *)(void *)n)->key == key)
			return (struct item *)(void *)n;
	return NULL;
}

static void insert(uint32_t i)
{
	lhash_insert(&table, &item[i].node, hash_of_key(item[i].key));
	present[i] = true;
}

static void take_out(uint32_t i)
{
	lhash_remove(&table, &item[i].node, hash_of_key(item[i].key));
	present[i] = false;
}

static uint32_t chained_count(void)
{
	uint32_t count = 0;

	for (uint32_t b = 0; b < table.buckets; b++)
		for (struct lnode *n = lhash_chain(&table, b); n != NULL; n = n->next)
			count++;
	return count;
}

static void check_against_model(void)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < ITEMS; i++) {
		assert_ptr_equal(find(item[i].key), present[i] ? &item[i] : NULL);
		count += present[i];
	}
	assert_int_equal(table.count, count);
	assert_int_equal(chained_count(), count);
	assert_int_equal(table.buckets, table.level_mask + 1 + table.split);
}

static void random_inserts_and_removals(uint32_t mask, int steps)
{
	begin(mask);
	for (int step = 0; step < steps; step++) {
		uint32_t i = draw(60000);
		bool filling = step / 40000 % 2 == 0; /* the table breathes */

		if (!present[i] && (filling || draw(4) == 0))
			insert(i);
		else if (present[i] && (!filling || draw(4) == 0))
			take_out(i);
		if (step % 20000 == 0)
			check_against_model();
	}
	check_against_model();
	end();
}

static void random_inserts_and_removals_agree_with_the_model(void **state)
{
	(void)state;
	random_state = UINT64_C(0x5eed0005);
	random_inserts_and_removals(UINT32_MAX, 400000);
	random_inserts_and_removals(0x3fff, 200000);
	random_inserts_and_removals(0xfffffff0, 100000);
}

static void a_table_grows_with_its_entries_and_shrinks_back_to_one_segment(void **state)
{
	size_t empty_bytes;

	(void)state;
	begin(UINT32_MAX);
	empty_bytes = memory.allocated_bytes;
	for (uint32_t i = 0; i < LHASH_ROOMY; i++)
		insert(i);
	check_against_model();
	assert_int_equal(table.buckets, LHASH_ROOMY);
	for (uint32_t i = 0; i < LHASH_ROOMY; i++)
		take_out(i);
	check_against_model();
	assert_int_equal(table.buckets, LHASH_SEGMENT);
	assert_true(memory.allocated_bytes <= empty_bytes + 1024 * sizeof(void *));
	end();
}

static void no_insert_or_removal_ever_rehashes_more_than_a_bucket(void **state)
{
	(void)state;
	begin(UINT32_MAX);
	for (uint32_t i = 0; i < ITEMS; i++) {
		hash_calls = 0;
		insert(i);
		assert_true(hash_calls < 16);
	}
	for (uint32_t i = 0; i < ITEMS; i++) {
		hash_calls = 0;
		take_out(i);
		assert_int_equal(hash_calls, 0);
	}
	end();
}

static void beyond_the_roomy_size_eight_entries_share_a_bucket_and_come_and_go_as_ever(void **state)
{
	uint32_t chains_walked = 0;

	(void)state;
	random_state = UINT64_C(0x5eed0007);
	begin(UINT32_MAX);
	for (uint32_t i = 0; i < ITEMS; i++)
		insert(i);
	assert_int_equal(table.buckets, LHASH_ROOMY + (ITEMS - LHASH_ROOMY) / 8);
	check_against_model();
	for (uint32_t i = 0; i < 10000; i++) /* keys that are not there: seldom is there anything to walk */
		chains_walked += lhash_first(&table, hash_of_key(i * 3 + 2)) != NULL;
	assert_in_range(chains_walked, 1000, 4000);
	for (int step = 0; step < 800000; step++) {
		uint32_t i = draw(ITEMS);

		if (present[i])
			take_out(i);
		else
			insert(i);
	}
	check_against_model();
	for (uint32_t i = 0; i < ITEMS; i++)
		if (present[i])
			take_out(i);
	assert_int_equal(table.buckets, LHASH_SEGMENT);
	end();
}

static void an_entry_that_comes_and_goes_at_a_boundary_takes_no_memory(void **state)
{
	(void)state;
	begin(UINT32_MAX);
	for (uint32_t i = 0; i < LHASH_SEGMENT + 1; i++)
		insert(i);
	budget = 0;
	for (int round = 0; round < 100; round++) {
		size_t before = memory.allocated_bytes;

		take_out(LHASH_SEGMENT);
		insert(LHASH_SEGMENT);
		assert_int_equal(memory.allocated_bytes, before);
	}
	end();
}

static void without_memory_chains_get_longer_and_nothing_is_lost(void **state)
{
	(void)state;
	random_state = UINT64_C(0x5eed0006);
	for (uint32_t allowed = 0; allowed < 12; allowed++) {
		begin(UINT32_MAX);
		budget = allowed;
		for (uint32_t i = 0; i < 4000; i++)
			insert(i);
		check_against_model();
		budget = UINT32_MAX;
		for (uint32_t i = 4000; i < 9000; i++)
			insert(i);
		for (uint32_t i = 0; i < 9000; i += 2)
			take_out(i);
		check_against_model();
		end();
	}
}

static void a_table_that_cannot_begin_holds_no_memory(void **state)
{
	(void)state;
	for (uint32_t allowed = 0; allowed < 2; allowed++) {
		memory = (struct memory){.al = {heap_alloc, heap_free, NULL}};
		budget = allowed;
		assert_false(lhash_init(&table, &memory, hash_of_node, item));
		assert_int_equal(memory.allocated_bytes, 0);
		lhash_fini(&table);
	}
}

static void a_replacement_takes_the_place_of_the_old_entry(void **state)
{
	static struct item other[1000];

	(void)state;
	begin(0x7f);
	for (uint32_t i = 0; i < 1000; i++)
		insert(i);
	for (uint32_t i = 0; i < 1000; i++) {
		other[i].key = item[i].key;
		lhash_replace(&table, &item[i].node, &other[i].node, hash_of_key(item[i].key));
	}
	for (uint32_t i = 0; i < 1000; i++)
		assert_ptr_equal(find(item[i].key), &other[i]);
	assert_int_equal(table.count, 1000);
	assert_int_equal(chained_count(), 1000);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_inserts_and_removals_agree_with_the_model),
		cmocka_unit_test(a_table_grows_with_its_entries_and_shrinks_back_to_one_segment),
		cmocka_unit_test(no_insert_or_removal_ever_rehashes_more_than_a_bucket),
		cmocka_unit_test(beyond_the_roomy_size_eight_entries_share_a_bucket_and_come_and_go_as_ever),
		cmocka_unit_test(an_entry_that_comes_and_goes_at_a_boundary_takes_no_memory),
		cmocka_unit_test(without_memory_chains_get_longer_and_nothing_is_lost),
		cmocka_unit_test(a_table_that_cannot_begin_holds_no_memory),
		cmocka_unit_test(a_replacement_takes_the_place_of_the_old_entry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
