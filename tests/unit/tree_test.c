/* SPDX-License-Identifier: MIT
 * The index against an array that does the same the slow way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tree.h"

#define ITEMS 2000

static struct node item[ITEMS];
static struct node *model[ITEMS]; /* those that are in, in order */
static uint32_t count;
static struct tree tree;
static uint64_t random_state;

static uint32_t draw(uint32_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)((random_state >> 32) * below >> 32);
}

static void put(struct node *n, uint32_t at)
{
	tree_insert(&tree, n, at ? model[at - 1] : NULL, (uint8_t)draw(8));
	memmove(&model[at + 1], &model[at], (count - at) * sizeof(model[0]));
	model[at] = n;
	count++;
}

static struct node *take(uint32_t at)
{
	struct node *n = model[at];

	tree_remove(&tree, n);
	count--;
	memmove(&model[at], &model[at + 1], (count - at) * sizeof(model[0]));
	return n;
}

static struct node *slow_next(uint32_t from, uint8_t marks)
{
	for (uint32_t i = from; i < count; i++)
		if (model[i]->marks & marks)
			return model[i];
	return NULL;
}

static struct node *slow_previous(uint32_t from, uint8_t marks)
{
	while (from-- > 0)
		if (model[from]->marks & marks)
			return model[from];
	return NULL;
}

static uint32_t depth(const struct node *n)
{
	uint32_t left, right;

	if (!n)
		return 0;
	left = depth(n->left);
	right = depth(n->right);
	return 1 + (left > right ? left : right);
}

static void compare(void)
{
	assert_int_equal(tree.root ? tree.root->count : 0, count);
	for (uint8_t marks = 1; marks < 8; marks++) {
		uint32_t at = count ? draw(count) : 0;

		assert_ptr_equal(tree_first(&tree, marks), slow_next(0, marks));
		assert_ptr_equal(tree_last(&tree, marks), slow_previous(count, marks));
		if (!count)
			continue;
		assert_ptr_equal(node_next(model[at], marks), slow_next(at + 1, marks));
		assert_ptr_equal(node_previous(model[at], marks), slow_previous(at, marks));
		assert_int_equal(node_rank(model[at]), at);
	}
}

static void it_agrees_with_an_array(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		uint32_t top = 0, most = 1 + draw(ITEMS - 1), free_count = 0;
		static struct node *spare[ITEMS];

		random_state = seed * 7919;
		tree_init(&tree, seed);
		count = 0;
		for (uint32_t step = 0; step < 20000; step++) {
			uint32_t what = draw(100);

			if (what < 45 && (free_count || top < most))
				put(free_count ? spare[--free_count] : &item[top++], draw(3) ? count : draw(count + 1));
			else if (what < 80 && count)
				spare[free_count++] = take(draw(2) ? 0 : draw(count));
			else if (count)
				node_mark(model[draw(count)], (uint8_t)draw(8));
			if (step % 16 == 0)
				compare();
		}
		while (count)
			take(draw(count));
		assert_null(tree.root);
	}
}

static void it_stays_flat_whatever_the_order(void **state)
{
	(void)state;
	tree_init(&tree, 3);
	count = 0;
	for (uint32_t i = 0; i < ITEMS; i++)
		put(&item[i], count); /* as a queue grows */
	assert_true(depth(tree.root) < 40);
	for (uint32_t i = 0; i < ITEMS / 2; i++)
		take(0);
	assert_true(depth(tree.root) < 40);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_agrees_with_an_array),
		cmocka_unit_test(it_stays_flat_whatever_the_order),
	};

	random_state = 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
