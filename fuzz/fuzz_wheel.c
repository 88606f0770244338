/* SPDX-License-Identifier: MIT
 * The timer wheel against a list: the bytes arm, cancel and let time pass; both must fire the same timers at the same ticks,
 * in order of expiry, and never before wheel_next has said so. */
#include <stdio.h>
#include <stdlib.h>

#include "core/wheel.h"

#define TIMERS 24

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define must(condition, text) \
	do { \
		if (!(condition)) { \
			fprintf(stderr, "broken promise: %s\n", (text)); \
			abort(); \
		} \
	} while (0)

struct model {
	struct wheel wheel;
	struct timer timer[TIMERS];
	uint32_t expires[TIMERS]; /* when the list says; valid while armed */
	bool armed[TIMERS];
	uint32_t now;
};

static void pops(struct model *m)
{
	uint32_t last = 0;
	struct timer *t;

	while ((t = wheel_pop(&m->wheel, m->now)) != NULL) {
		size_t i = (size_t)(t - m->timer);

		must(i < TIMERS && m->armed[i], "it was armed");
		must((int32_t)(m->expires[i] - m->now) <= 0, "it is due");
		must(!timer_armed(t), "it is armed no more");
		if (last != 0)
			must((int32_t)(m->expires[i] - last) >= 0, "in order of expiry");
		last = m->expires[i];
		m->armed[i] = false;
	}
	for (size_t i = 0; i < TIMERS; i++)
		must(!m->armed[i] || (int32_t)(m->expires[i] - m->now) > 0, "nothing due is left");
}

static void looks(struct model *m)
{
	uint32_t tick, count = 0;
	bool any = wheel_next(&m->wheel, &tick);

	for (size_t i = 0; i < TIMERS; i++) {
		count += m->armed[i];
		must(m->armed[i] == timer_armed(&m->timer[i]), "armed or not");
		must(!m->armed[i] || (any && (int32_t)(m->expires[i] - tick) >= 0), "the next tick is not too late");
	}
	must(any == (count > 0), "a next tick if a timer is armed");
	must(m->wheel.count == count, "the count");
}

static void arms(struct model *m, size_t i, uint32_t ahead)
{
	wheel_arm(&m->wheel, &m->timer[i], m->now + ahead);
	m->armed[i] = true;
	m->expires[i] = m->timer[i].expires;
	must(ahead >= WHEEL_AHEAD_MAX || m->expires[i] == m->now + ahead, "armed for the tick that was wished");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct model m;

	if (size < 4)
		return 0;
	m = (struct model){.now = (uint32_t)data[0] << 24 | (uint32_t)data[1] << 16 | (uint32_t)data[2] << 8 | data[3]};
	wheel_init(&m.wheel, m.now);
	for (size_t at = 4; at + 3 < size && at < 4 + 4 * 500; at += 4) {
		size_t i = data[at + 1] % TIMERS;
		uint32_t amount = (uint32_t)(data[at + 2] << 8 | data[at + 3]) >> (data[at] >> 2 & 7) << (data[at] >> 5) * 2;

		switch (data[at] & 3) {
		case 0:
		case 1: arms(&m, i, amount + 1); break;
		case 2:
			wheel_cancel(&m.wheel, &m.timer[i]);
			m.armed[i] = false;
			break;
		default:
			m.now += amount;
			pops(&m);
			break;
		}
		looks(&m);
	}
	return 0;
}
