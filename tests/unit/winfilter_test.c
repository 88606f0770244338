/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "winfilter.h"

#define WINDOW 100u

static uint64_t random_state = 88172645463325252u;

static uint32_t draw(uint32_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)((random_state >> 32) * below >> 32);
}

static void the_least_value_wins_at_once(void **state)
{
	struct winfilter w;

	(void)state;
	winfilter_reset(&w, 0, UINT32_MAX);
	assert_int_equal(winfilter_min(&w, WINDOW, 1, 50), 50);
	assert_int_equal(winfilter_min(&w, WINDOW, 2, 70), 50);
	assert_int_equal(winfilter_min(&w, WINDOW, 3, 40), 40);
	assert_int_equal(winfilter_get(&w), 40);
}

static void after_the_window_the_best_since_takes_its_place(void **state)
{
	struct winfilter w;

	(void)state;
	winfilter_reset(&w, 0, 10);
	assert_int_equal(winfilter_min(&w, WINDOW, 40, 30), 10); /* a quarter has passed: second best */
	assert_int_equal(winfilter_min(&w, WINDOW, 60, 50), 10);
	assert_int_equal(winfilter_min(&w, WINDOW, 100, 60), 10);
	assert_int_equal(winfilter_min(&w, WINDOW, 101, 60), 30);
	assert_int_equal(winfilter_min(&w, WINDOW, 141, 60), 50);
}

static void after_silence_of_a_window_nothing_old_is_left(void **state)
{
	struct winfilter w;

	(void)state;
	winfilter_reset(&w, 0, 10);
	winfilter_min(&w, WINDOW, 60, 20);
	assert_int_equal(winfilter_min(&w, WINDOW, 161, 90), 90);
}

static void an_equal_value_is_as_good_as_new(void **state)
{
	struct winfilter w;

	(void)state;
	winfilter_reset(&w, 0, 10);
	assert_int_equal(winfilter_min(&w, WINDOW, 90, 10), 10);
	assert_int_equal(winfilter_min(&w, WINDOW, 150, 20), 10);
	assert_int_equal(winfilter_min(&w, WINDOW, 191, 30), 20);
}

static void times_wrap(void **state)
{
	struct winfilter w;

	(void)state;
	winfilter_reset(&w, UINT32_MAX - 10, 10);
	assert_int_equal(winfilter_min(&w, WINDOW, 20, 20), 10);
	assert_int_equal(winfilter_min(&w, WINDOW, 89, 30), 10);
	assert_int_equal(winfilter_min(&w, WINDOW, 90, 30), 20);
}

/* Of samples often enough: never better than the true best of the window, never worse than that of its last half. */
static void it_lies_between_the_best_of_the_window_and_of_its_latter_half(void **state)
{
	static uint32_t value[4000];
	struct winfilter least, greatest;

	(void)state;
	winfilter_reset(&least, 0, value[0] = 500);
	winfilter_reset(&greatest, 0, value[0]);
	for (uint32_t t = 1; t < 4000; t++) {
		uint32_t is_min, is_max, all_min = UINT32_MAX, all_max = 0, late_min = UINT32_MAX, late_max = 0;

		value[t] = draw(1000);
		is_min = winfilter_min(&least, WINDOW, t, value[t]);
		is_max = winfilter_max(&greatest, WINDOW, t, value[t]);
		for (uint32_t i = t > WINDOW ? t - WINDOW : 0; i <= t; i++) {
			all_min = value[i] < all_min ? value[i] : all_min;
			all_max = value[i] > all_max ? value[i] : all_max;
			if (i + WINDOW / 2 > t) {
				late_min = value[i] < late_min ? value[i] : late_min;
				late_max = value[i] > late_max ? value[i] : late_max;
			}
		}
		assert_in_range(is_min, all_min, late_min);
		assert_in_range(is_max, late_max, all_max);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_least_value_wins_at_once),
		cmocka_unit_test(after_the_window_the_best_since_takes_its_place),
		cmocka_unit_test(after_silence_of_a_window_nothing_old_is_left),
		cmocka_unit_test(an_equal_value_is_as_good_as_new),
		cmocka_unit_test(times_wrap),
		cmocka_unit_test(it_lies_between_the_best_of_the_window_and_of_its_latter_half),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
