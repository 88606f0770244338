/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wheel.h"

static uint64_t random_state;

static uint32_t draw(uint32_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)((random_state >> 32) * below >> 32);
}

/* --- the model: 64-bit ticks that never wrap, and a search over everything --------------------------------------- */

#define TIMERS 300

struct bench {
	struct wheel w;
	struct timer t[TIMERS];
	uint64_t tick;
	uint64_t armed_at[TIMERS]; /* order of arming, 0 if not armed */
	uint64_t due_at[TIMERS];
	uint64_t armings;
	uint32_t count;
};

static struct bench b;

static void bench_init(uint32_t tick)
{
	memset(&b, 0, sizeof(b));
	b.tick = UINT64_C(0x500000000) + tick;
	wheel_init(&b.w, tick);
	for (uint16_t i = 0; i < TIMERS; i++) {
		b.t[i].user = i;
		b.t[i].kind = (uint8_t)(i * 3);
	}
}

static bool earlier(int i, int j)
{
	return b.due_at[i] != b.due_at[j] ? b.due_at[i] < b.due_at[j] : b.armed_at[i] < b.armed_at[j];
}

static int model_first(void)
{
	int first = -1;

	for (int i = 0; i < TIMERS; i++)
		if (b.armed_at[i] != 0 && (first < 0 || earlier(i, first)))
			first = i;
	return first;
}

static void bench_arm(uint32_t i, int64_t ahead)
{
	wheel_arm(&b.w, &b.t[i], (uint32_t)(b.tick + (uint64_t)ahead));
	b.count += b.armed_at[i] == 0;
	b.armed_at[i] = ++b.armings;
	b.due_at[i] = ahead <= 0 ? b.tick : ahead > WHEEL_AHEAD_MAX ? b.tick + WHEEL_AHEAD_MAX : b.tick + (uint64_t)ahead;
	if (ahead > 0)
		assert_int_equal(b.t[i].expires, (uint32_t)b.due_at[i]);
	assert_true(timer_armed(&b.t[i]));
}

static void bench_cancel(uint32_t i)
{
	wheel_cancel(&b.w, &b.t[i]);
	b.count -= b.armed_at[i] != 0;
	b.armed_at[i] = 0;
	assert_false(timer_armed(&b.t[i]));
}

/* Pops once, and compares with the model.  Gives what was popped, -1: nothing. */
static int bench_pop(uint64_t now)
{
	struct timer *t;
	int first = model_first();
	uint32_t steps;

	do { /* a few at a time changes nothing */
		steps = 1 + (uint32_t)(b.armings % 3);
		t = wheel_pop_some(&b.w, (uint32_t)now, &steps);
	} while (t == NULL && steps == 0);
	if (first < 0 || b.due_at[first] > now) {
		assert_null(t);
		b.tick = now;
		assert_int_equal(b.w.tick, (uint32_t)now);
		return -1;
	}
	assert_ptr_equal(t, &b.t[first]);
	assert_false(timer_armed(t));
	assert_int_equal(t->user, first);
	assert_int_equal(t->kind, (uint8_t)(first * 3));
	b.tick = b.due_at[first];
	assert_int_equal(b.w.tick, (uint32_t)b.tick);
	b.armed_at[first] = 0;
	b.count--;
	return first;
}

/* wheel_next is neither late nor in the past. */
static void bench_check_next(void)
{
	uint32_t next = 0;
	int first = model_first();

	assert_int_equal(b.w.count, b.count);
	assert_int_equal(wheel_next(&b.w, &next), first >= 0);
	if (first >= 0)
		assert_true(next - (uint32_t)b.tick <= b.due_at[first] - b.tick);
}

/* From 0 to beyond WHEEL_AHEAD_MAX, each power of two as likely as the next. */
static int64_t draw_ahead(void)
{
	uint32_t bits = draw(32);

	if (draw(20) == 0)
		return -(int64_t)draw(100000);
	if (draw(20) == 0)
		return (int64_t)(UINT32_C(1) << bits) / 2 - 1 + draw(3);
	return bits == 0 ? 0 : draw((UINT32_C(1) << bits) - 1);
}

static void bench_step(int64_t (*ahead)(void))
{
	uint32_t i = draw(TIMERS);

	switch (draw(8)) {
	case 0:
	case 1:
	case 2:
	case 3:
		bench_arm(i, ahead());
		break;
	case 4:
		bench_cancel(i);
		break;
	case 5:
		bench_pop(b.tick + draw(1u << draw(12)));
		break;
	case 6:
		bench_pop(b.tick + draw(1u << draw(30)));
		break;
	default:
		while (bench_pop(b.tick + draw(200)) >= 0)
			;
	}
	bench_check_next();
}

static const uint32_t starts[] = {0,          1,          63,         0xfff,      0x00ffffff, 0x3fffffff, 0x40000000,
                                  0x7ffffff0, 0x80000000, 0xbfffffff, 0xffffff00, 0xfffffffe, 0xffffffff, 0x12345678};
#define STARTS (sizeof(starts) / sizeof(starts[0]))

static void random_arming_cancelling_and_popping_agrees_with_the_model(void **state)
{
	(void)state;
	random_state = UINT64_C(0x5eed0002);
	for (unsigned s = 0; s < STARTS; s++) {
		bench_init(starts[s]);
		for (int step = 0; step < 12000; step++)
			bench_step(draw_ahead);
	}
}

static int64_t draw_near(void)
{
	return draw(150);
}

static void timers_of_one_tick_fire_in_order_of_arming(void **state)
{
	(void)state;
	random_state = UINT64_C(0x5eed0003);
	for (unsigned s = 0; s < STARTS; s++) {
		bench_init(starts[s]);
		for (int step = 0; step < 12000; step++)
			bench_step(draw_near);
	}
}

/* Who sleeps until wheel_next and pops then misses nothing, and wakes once a level at most before a timer is due. */
static void sleeping_until_next_is_never_late_and_seldom_early(void **state)
{
	uint32_t next;
	int idle = 0;

	(void)state;
	random_state = UINT64_C(0x5eed0004);
	for (unsigned s = 0; s < STARTS; s++) {
		bench_init(starts[s]);
		for (int step = 0; step < 3000; step++) {
			int first;

			bench_arm(draw(TIMERS), draw_ahead());
			if (draw(3) == 0)
				bench_cancel(draw(TIMERS));
			if ((first = model_first()) < 0)
				continue;
			assert_true(wheel_next(&b.w, &next));
			idle = next == (uint32_t)b.due_at[first] ? 0 : idle + 1;
			assert_true(idle < WHEEL_LEVELS * 2);
			while (bench_pop(b.tick + (next - (uint32_t)b.tick)) >= 0)
				idle = 0;
		}
	}
}

static void a_lone_timer_at_any_distance_fires_on_its_tick(void **state)
{
	(void)state;
	for (unsigned s = 0; s < STARTS; s++)
		for (unsigned bits = 0; bits <= 30; bits++)
			for (int64_t off = -1; off <= 1; off++) {
				int64_t ahead = (INT64_C(1) << bits) + off;
				uint64_t due;

				bench_init(starts[s]);
				due = b.tick + (uint64_t)(ahead > WHEEL_AHEAD_MAX ? WHEEL_AHEAD_MAX : ahead);
				bench_arm(0, ahead);
				bench_check_next();
				if (ahead > 0)
					assert_int_equal(bench_pop(due - 1), -1);
				bench_check_next();
				assert_int_equal(bench_pop(due), 0);
				assert_int_equal(bench_pop(due), -1);
			}
}

static void an_expiry_in_the_past_fires_at_the_next_pop(void **state)
{
	(void)state;
	bench_init(1000);
	bench_arm(0, 0);
	bench_arm(1, -1000);
	bench_arm(2, -1);
	bench_check_next();
	bench_cancel(1);
	assert_int_equal(bench_pop(b.tick), 0);
	bench_cancel(2);
	bench_arm(3, -5);
	assert_int_equal(bench_pop(b.tick), 3);
	assert_int_equal(bench_pop(b.tick), -1);
}

static void a_clock_that_goes_back_changes_nothing(void **state)
{
	(void)state;
	bench_init(1000);
	bench_arm(0, 10);
	assert_null(wheel_pop(&b.w, 990));
	assert_int_equal(b.w.tick, 1000);
	bench_arm(1, 0);
	assert_ptr_equal(wheel_pop(&b.w, 990), &b.t[1]);
	assert_int_equal(b.w.tick, 1000);
}

static void an_idle_wheel_goes_to_any_tick(void **state)
{
	struct timer t = {0};

	(void)state;
	bench_init(1000);
	assert_null(wheel_pop(&b.w, 1000 + 0xf0000000));
	assert_int_equal(b.w.tick, 1000 + 0xf0000000);
	wheel_arm(&b.w, &t, 1000 + 0xf0000000 + 5);
	assert_null(wheel_pop(&b.w, 1000 + 0xf0000000 + 4));
	assert_ptr_equal(wheel_pop(&b.w, 1000 + 0xf0000000 + 5), &t);
}

static void cancelling_an_unarmed_timer_is_nothing(void **state)
{
	struct timer t = {0};
	uint32_t next;

	(void)state;
	bench_init(7);
	wheel_cancel(&b.w, &t);
	assert_int_equal(b.w.count, 0);
	assert_false(wheel_next(&b.w, &next));
}

static void a_full_slot_is_spread_a_bounded_number_at_a_time_and_keeps_its_order(void **state)
{
	enum { MANY = 1000 };
	static struct timer many[MANY], late;
	struct wheel w;
	uint32_t tick, steps, calls = 0;

	(void)state;
	wheel_init(&w, 0);
	for (int i = 0; i < MANY; i++)
		wheel_arm(&w, &many[i], 64 * 64 + 5);
	do {
		steps = 10;
		assert_null(wheel_pop_some(&w, 64 * 64 + 4, &steps));
		if (++calls == 50) {
			assert_true(wheel_next(&w, &tick));
			assert_int_equal(tick, 64 * 64); /* there is work now */
			wheel_arm(&w, &late, 64 * 64 + 5);
			wheel_cancel(&w, &many[7]);
			wheel_cancel(&w, &many[900]);
		}
	} while (steps == 0);
	assert_int_equal(calls, MANY / 10 + 1); /* 1000 - 1 (not spread any more) + 1, and one call that finds nothing */
	for (int i = 0; i < MANY; i++) {
		if (i == 7 || i == 900)
			continue;
		steps = 1;
		assert_ptr_equal(wheel_pop_some(&w, 64 * 64 + 5, &steps), &many[i]);
	}
	assert_ptr_equal(wheel_pop(&w, 64 * 64 + 5), &late);
	assert_int_equal(w.count, 0);
}

/* As keepalive arms them: two hours ahead, spread over 1000 seconds.  Nothing is done for them before their time comes
 * near, and then each is moved once a level at most. */
static void a_million_idle_timers_take_no_step_until_they_are_near(void **state)
{
	enum { MANY = 1000000, IDLE = 7200000, LEVEL_3 = 64 * 64 * 64 };
	struct timer *many = calloc(MANY, sizeof(*many));
	uint32_t taken = 0, fired = 0, popped_at, most = 0;
	struct wheel w;

	(void)state;
	assert_non_null(many);
	wheel_init(&w, 0);
	for (uint32_t i = 0; i < MANY; i++)
		wheel_arm(&w, &many[i], IDLE + i);
	for (uint32_t now = 1000; now <= IDLE + MANY; now += 1000) {
		uint32_t steps = UINT32_MAX, before = fired;

		while (wheel_pop_some(&w, now, &steps) != NULL)
			fired++;
		taken += UINT32_MAX - steps;
		if (now < IDLE / LEVEL_3 * LEVEL_3)
			assert_int_equal(taken, 0);
		popped_at = now < IDLE ? 0 : now - IDLE + 1 < MANY ? now - IDLE + 1 : MANY;
		assert_int_equal(fired, popped_at);
		most = fired - before > most ? fired - before : most;
	}
	assert_int_equal(fired, MANY);
	assert_int_equal(most, 1000);
	assert_in_range(taken, 1, 3u * MANY); /* levels 3, 2 and 1 */
	free(many);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_arming_cancelling_and_popping_agrees_with_the_model),
		cmocka_unit_test(timers_of_one_tick_fire_in_order_of_arming),
		cmocka_unit_test(sleeping_until_next_is_never_late_and_seldom_early),
		cmocka_unit_test(a_lone_timer_at_any_distance_fires_on_its_tick),
		cmocka_unit_test(an_expiry_in_the_past_fires_at_the_next_pop),
		cmocka_unit_test(a_clock_that_goes_back_changes_nothing),
		cmocka_unit_test(an_idle_wheel_goes_to_any_tick),
		cmocka_unit_test(cancelling_an_unarmed_timer_is_nothing),
		cmocka_unit_test(a_million_idle_timers_take_no_step_until_they_are_near),
		cmocka_unit_test(a_full_slot_is_spread_a_bounded_number_at_a_time_and_keeps_its_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
