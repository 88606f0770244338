/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "nstimer.h"

#define TIMERS 200

static uint64_t random_state = 88172645463325252u;

static uint32_t draw(uint32_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)((random_state >> 32) * below >> 32);
}

static void nothing_fires_before_its_nanosecond(void **state)
{
	struct nstimers h = {0};
	struct nstimer t = {0};

	(void)state;
	nstimer_arm(&h, &t, 1000);
	assert_null(nstimer_pop(&h, 999));
	assert_ptr_equal(nstimer_pop(&h, 1000), &t);
	assert_false(nstimer_armed(&t));
	assert_null(nstimer_pop(&h, UINT64_MAX));
}

static void those_of_one_moment_fire_as_armed(void **state)
{
	struct nstimers h = {0};
	struct nstimer t[20] = {{0}};

	(void)state;
	for (int i = 0; i < 20; i++)
		nstimer_arm(&h, &t[i], 7);
	nstimer_arm(&h, &t[3], 7); /* again: the last */
	for (int i = 0; i < 20; i++)
		if (i != 3)
			assert_ptr_equal(nstimer_pop(&h, 7), &t[i]);
	assert_ptr_equal(nstimer_pop(&h, 7), &t[3]);
}

static void cancelling_an_unarmed_one_is_nothing(void **state)
{
	struct nstimers h = {0};
	struct nstimer t = {0};

	(void)state;
	nstimer_cancel(&h, &t);
	nstimer_arm(&h, &t, 1);
	nstimer_cancel(&h, &t);
	nstimer_cancel(&h, &t);
	assert_null(h.first);
}

/* Against a search over everything. */
static void it_does_what_a_list_would_do(void **state)
{
	static struct nstimer t[TIMERS];
	static uint64_t due[TIMERS], armed[TIMERS]; /* armed: order, 0 if not */
	struct nstimers h = {0};
	uint64_t now = 0, order = 0;

	(void)state;
	for (int step = 0; step < 100000; step++) {
		uint32_t i = draw(TIMERS);

		if (draw(3)) {
			due[i] = now + draw(5000);
			armed[i] = ++order;
			nstimer_arm(&h, &t[i], due[i]);
		} else if (draw(4) == 0) {
			armed[i] = 0;
			nstimer_cancel(&h, &t[i]);
		} else {
			int best = -1;

			now += draw(20);
			for (int k = 0; k < TIMERS; k++)
				if (armed[k] && (best < 0 || due[k] < due[best] || (due[k] == due[best] && armed[k] < armed[best])))
					best = k;
			assert_ptr_equal(h.first, best < 0 ? NULL : &t[best]);
			if (best < 0 || due[best] > now) {
				assert_null(nstimer_pop(&h, now));
				continue;
			}
			assert_ptr_equal(nstimer_pop(&h, now), &t[best]);
			armed[best] = 0;
		}
		assert_int_equal(nstimer_armed(&t[i]), armed[i] != 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_fires_before_its_nanosecond),
		cmocka_unit_test(those_of_one_moment_fire_as_armed),
		cmocka_unit_test(cancelling_an_unarmed_one_is_nothing),
		cmocka_unit_test(it_does_what_a_list_would_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
