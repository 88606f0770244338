/* SPDX-License-Identifier: MIT
 *
 * Theory of operation.  A tick is read as digits of 6 bits, one a level.  A timer lies at the level of the highest digit
 * in which its expiry differs from w->tick, in the slot of that digit.  So, below the top level:
 *
 *   - the slots in use lie after w->tick's own digit, and everything at a level is earlier than everything above it:
 *     the first occupied slot of the first occupied level is the next event;
 *   - a slot of level 0 is one tick: it expires as a whole;
 *   - a slot of a higher level is emptied into lower levels when w->tick enters it, before anything younger can be put
 *     there: two timers of one tick always share a list, and keep their order of arming.
 *
 * Ticks have two bits more than the top digit, so the top level is a ring: its slot at w->tick's own digit is 64 slots
 * ahead, which is where a timer of WHEEL_AHEAD_MAX may lie. */
#include "wheel.h"

#include <assert.h>

#define LEVEL_BITS 6u
#define TOP_LEVEL (WHEEL_LEVELS - 1u)
#define WHEEL_LEAP_MAX (UINT32_C(3) << 30)

struct event {
	uint32_t tick;
	unsigned level;
	unsigned slot;
};

void wheel_init(struct wheel *w, uint32_t tick)
{
	*w = (struct wheel){.tick = tick};
	w->due_tail = &w->due;
}

static unsigned tick_digit(uint32_t tick, unsigned level)
{
	return (tick >> (level * LEVEL_BITS)) % WHEEL_SLOTS;
}

static unsigned wheel_level(const struct wheel *w, uint32_t expires)
{
	unsigned highest_bit = 31u - (unsigned)__builtin_clz((w->tick ^ expires) | 1u);
	unsigned level = highest_bit / LEVEL_BITS;

	return level < TOP_LEVEL ? level : TOP_LEVEL;
}

static void wheel_push_due(struct wheel *w, struct timer *t)
{
	t->next = NULL;
	t->pprev = w->due_tail;
	*w->due_tail = t;
	w->due_tail = &t->next;
}

static void timer_push(struct timer **head, struct timer *t)
{
	t->next = *head;
	t->pprev = head;
	if (t->next != NULL)
		t->next->pprev = &t->next;
	*head = t;
}

static void wheel_place(struct wheel *w, struct timer *t)
{
	unsigned level = wheel_level(w, t->expires);
	unsigned slot = tick_digit(t->expires, level);

	if ((int32_t)(t->expires - w->tick) <= 0) {
		wheel_push_due(w, t);
		return;
	}
	timer_push(&w->slot[level][slot], t);
	w->occupied[level] |= UINT64_C(1) << slot;
}

void wheel_arm(struct wheel *w, struct timer *t, uint32_t expires)
{
	wheel_cancel(w, t);
	if ((int32_t)(expires - w->tick) > (int32_t)WHEEL_AHEAD_MAX)
		expires = w->tick + WHEEL_AHEAD_MAX;
	t->expires = expires;
	wheel_place(w, t);
	w->count++;
}

void wheel_cancel(struct wheel *w, struct timer *t)
{
	if (!timer_armed(t))
		return;
	assert(w->count > 0);
	*t->pprev = t->next;
	if (t->next != NULL)
		t->next->pprev = t->pprev;
	else if (w->due_tail == &t->next)
		w->due_tail = t->pprev;
	t->pprev = NULL;
	w->count--;
}

/* The first occupied slot after w->tick's digit.  Bits of slots that cancelling has emptied are cleared on the way: each
 * was set by an arming, which pays for it. */
static bool wheel_level_event(struct wheel *w, unsigned level, struct event *e)
{
	unsigned after = (tick_digit(w->tick, level) + 1) % WHEEL_SLOTS;

	while (w->occupied[level] != 0) {
		uint64_t ring = w->occupied[level] >> after | w->occupied[level] << (-after % WHEEL_SLOTS);
		unsigned ahead = (unsigned)__builtin_ctzll(ring);
		unsigned slot = (after + ahead) % WHEEL_SLOTS;
		unsigned shift = level * LEVEL_BITS;

		if (w->slot[level][slot] != NULL) {
			*e = (struct event){((w->tick >> shift) + 1 + ahead) << shift, level, slot};
			return true;
		}
		w->occupied[level] &= ~(UINT64_C(1) << slot);
	}
	return false;
}

static bool wheel_event(struct wheel *w, struct event *e)
{
	for (unsigned level = 0; level < WHEEL_LEVELS; level++)
		if (wheel_level_event(w, level, e))
			return true;
	return false;
}

/* Takes a slot's list out, oldest first. */
static struct timer *wheel_take_slot(struct wheel *w, unsigned level, unsigned slot)
{
	struct timer *youngest_first = w->slot[level][slot];
	struct timer *oldest_first = NULL;

	w->slot[level][slot] = NULL;
	w->occupied[level] &= ~(UINT64_C(1) << slot);
	while (youngest_first != NULL) {
		struct timer *t = youngest_first;

		youngest_first = t->next;
		t->next = oldest_first;
		oldest_first = t;
	}
	return oldest_first;
}

/* Goes to the next event up to now: a slot expires, or is spread over lower levels. */
static bool wheel_advance(struct wheel *w, uint32_t now)
{
	struct event e;
	struct timer *t, *next;

	if (!wheel_event(w, &e) || e.tick - w->tick > now - w->tick)
		return false;
	w->tick = e.tick;
	for (t = wheel_take_slot(w, e.level, e.slot); t != NULL; t = next) {
		next = t->next;
		wheel_place(w, t);
	}
	return true;
}

struct timer *wheel_pop(struct wheel *w, uint32_t now)
{
	struct timer *t;
	bool before = w->count != 0 && now - w->tick > WHEEL_LEAP_MAX;

	while (w->due == NULL && !before && wheel_advance(w, now))
		;
	t = w->due;
	if (t != NULL)
		wheel_cancel(w, t);
	else if (!before)
		w->tick = now;
	return t;
}

bool wheel_next(struct wheel *w, uint32_t *tick)
{
	struct event e;

	if (w->due != NULL) {
		*tick = w->tick;
		return true;
	}
	if (!wheel_event(w, &e))
		return false;
	*tick = e.tick;
	return true;
}
