/* SPDX-License-Identifier: MIT
 * `lab run sizing`: arrivals against a program that accepts, both ends whole stacks. */
#include "sizing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

static struct sizing sizing(const char *set)
{
	struct sizing z = SIZING_DEFAULTS;

	assert_null(sizing_set(&z, set));
	return z;
}

static struct sizing_result simulate(const struct sizing *z)
{
	struct sizing_result r;

	assert_int_equal(sizing_simulate(z, &r), 0);
	assert_int_equal(r.served + r.never, r.clients);
	assert_true(r.most <= r.holds);
	return r;
}

static void one_burst_needs_a_queue_for_all_of_it(void **state)
{
	struct sizing z = sizing("rate=20,burst=20,service_ms=10,seconds=0.001,backlog=128");
	struct sizing_result r = simulate(&z);
	int32_t smallest;

	(void)state;
	assert_int_equal(r.clients, 20);
	assert_int_equal(r.served, 20);
	assert_int_equal(r.syn_drops + r.ack_drops, 0);
	assert_int_equal(r.most, 20); /* they arrive in one instant, before the first accept() */
	assert_in_range(r.longest, 190 * HO_MS, 191 * HO_MS);
	assert_int_equal(sizing_smallest(&z, &smallest), 0);
	assert_int_equal(smallest, 19);
}

static void the_smallest_backlog_drops_nothing_and_the_next_smaller_one_does(void **state)
{
	static const char *const sets[] = {"rate=100,burst=10,service_ms=5,seconds=5",
	                                   "rate=150,burst=1,service_ms=6,seconds=5",
	                                   "rate=300,burst=30,service_ms=9,workers=3,seconds=4,seed=7"};
	int32_t smallest;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct sizing z = sizing(sets[i]);
		struct sizing_result r;

		assert_int_equal(sizing_smallest(&z, &smallest), 0);
		assert_true(smallest > 0);
		z.backlog = smallest;
		r = simulate(&z);
		assert_int_equal(r.syn_drops + r.ack_drops, 0);
		assert_int_equal(r.never, 0);
		z.backlog = smallest - 1;
		r = simulate(&z);
		assert_true(r.syn_drops + r.ack_drops > 0);
	}
}

static void clients_that_are_far_apart_need_no_backlog(void **state)
{
	struct sizing z = sizing("rate=2,service_ms=0.1,seconds=20,backlog=0");
	struct sizing_result r = simulate(&z);
	int32_t smallest;

	(void)state;
	assert_true(r.clients > 20);
	assert_int_equal(r.syn_drops + r.ack_drops + r.never, 0);
	assert_int_equal(sizing_smallest(&z, &smallest), 0);
	assert_int_equal(smallest, 0);
}

static void who_is_dropped_waits_for_its_own_retry(void **state)
{
	struct sizing z = sizing("rate=100,burst=100,service_ms=1,seconds=0.001,backlog=0");
	struct sizing_result r = simulate(&z);

	(void)state;
	assert_true(r.syn_drops + r.ack_drops > 0);
	assert_true(r.longest > 200 * HO_MS); /* with room for all it would be 100 ms */
	z.backlog = 128;
	assert_true(simulate(&z).longest < 101 * HO_MS);
}

static void too_much_work_overflows_any_queue_and_a_longer_one_makes_longer_waits(void **state)
{
	struct sizing z = sizing("rate=200,service_ms=10,seconds=10,backlog=10");
	struct sizing_result small = simulate(&z), large;

	(void)state;
	z.backlog = 500;
	large = simulate(&z);
	assert_true(small.syn_drops + small.ack_drops > 0);
	assert_true(large.syn_drops + large.ack_drops > 0);
	assert_true(large.median > small.median);
}

static void somaxconn_cuts_the_backlog(void **state)
{
	struct sizing z = sizing("rate=20,burst=20,service_ms=10,seconds=0.001,backlog=128,somaxconn=4");
	struct sizing_result r = simulate(&z);

	(void)state;
	assert_int_equal(r.holds, 5);
	assert_int_equal(r.most, 5);
	assert_true(r.syn_drops + r.ack_drops > 0);
}

static char *told(const struct sizing *z, bool json)
{
	size_t bytes;
	char *text;
	FILE *out = open_memstream(&text, &bytes);

	assert_non_null(out);
	assert_int_equal(sizing_tell(z, json, out), 0);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void the_same_seed_tells_the_same(void **state)
{
	struct sizing z = sizing("rate=100,burst=5,seconds=2,backlog=3");
	char *a = told(&z, false), *b = told(&z, false), *c;

	(void)state;
	assert_string_equal(a, b);
	z.seed = 2;
	c = told(&z, false);
	assert_string_not_equal(a, c);
	free(a);
	free(b);
	free(c);
}

static void the_text_has_drops_most_smallest_and_a_picture(void **state)
{
	struct sizing z = sizing("rate=20,burst=20,service_ms=10,seconds=0.5,backlog=4,seed=3");
	struct sizing_result r = simulate(&z);
	char *text = told(&z, false), line[64];

	(void)state;
	snprintf(line, sizeof(line), "clients    %u came, %u were accepted, %u never were\n", r.clients, r.served,
	         r.never);
	assert_non_null(strstr(text, line));
	snprintf(line, sizeof(line), "\nqueue      held %u at most, %u fit\n", r.most, r.holds);
	assert_non_null(strstr(text, line));
	assert_non_null(strstr(text, "\nsmallest   listen("));
	assert_non_null(strstr(text, "      5 |#"));
	assert_non_null(strstr(text, "      0 +x"));
	free(text);
}

static void json_is_json_and_has_the_same(void **state)
{
	struct sizing z = sizing("rate=20,burst=20,service_ms=10,seconds=0.001,backlog=128");
	char *text = told(&z, true);
	json_t *j = json_loads(text, JSON_REJECT_DUPLICATES, NULL);

	(void)state;
	assert_non_null(j);
	assert_int_equal(json_integer_value(json_object_get(j, "smallest_backlog")), 19);
	assert_int_equal(json_integer_value(json_object_get(j, "most")), 20);
	assert_int_equal(json_array_size(json_object_get(j, "fill")), SIZING_BINS);
	json_decref(j);
	free(text);
}

static void wrong_words_are_told(void **state)
{
	static const char *const wrong[] = {
		"rat=1",    "rate",      "rate=",     "rate=x",      "rate=0",   "rate=1e3", "burst=0.5",
		"burst=-1", "workers=0", "seconds=-", "backlog=1.5", "rate=nan", "=1",       "rate=1000,seconds=1000",
		"",         "rate=100,,burst=2", "rate=100,", ",rate=100"};
	struct sizing z = SIZING_DEFAULTS;

	(void)state;
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_non_null(sizing_set(&z, wrong[i]));
	assert_null(sizing_set(&z, "rate=0.5,burst=3,backlog=-1,seed=9"));
	assert_true(z.rate == 0.5 && z.burst == 3 && z.backlog == -1 && z.seed == 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_burst_needs_a_queue_for_all_of_it),
		cmocka_unit_test(the_smallest_backlog_drops_nothing_and_the_next_smaller_one_does),
		cmocka_unit_test(clients_that_are_far_apart_need_no_backlog),
		cmocka_unit_test(who_is_dropped_waits_for_its_own_retry),
		cmocka_unit_test(too_much_work_overflows_any_queue_and_a_longer_one_makes_longer_waits),
		cmocka_unit_test(somaxconn_cuts_the_backlog),
		cmocka_unit_test(the_same_seed_tells_the_same),
		cmocka_unit_test(the_text_has_drops_most_smallest_and_a_picture),
		cmocka_unit_test(json_is_json_and_has_the_same),
		cmocka_unit_test(wrong_words_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
