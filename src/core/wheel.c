/* SPDX-License-Identifier: MIT
 *
 * Theory of operation.  A tick is read as digits of 6 bits, one a level.  A timer lies at the level of the highest digit
 * in which its expiry differs from w->tick, in the slot of that digit.  So, below the top level:
 *
 *   - the slots in use lie after w->tick's own digit, and everything at a level is earlier than everything above it:
 *     the first occupied slot of the first occupied level is the next event;
 *   - a slot of level 0 is one tick: it expires as a whole;
 *   - a slot of a higher level becomes the spill list when w->tick enters it, and is spread over lower levels before
 *     anything else happens; what is armed meanwhile waits behind it: two timers of one tick always share a list, and
 *     keep their order of arming. A list moves in O(1), its timers one at a time: so the work of a pop can be bounded.
 *
 * Ticks have two bits more than the top digit, so the top level is a ring: its slot at w->tick's own digit is 64 slots
 * ahead, which is where a timer of WHEEL_AHEAD_MAX may lie. */
#include "wire/likely.h"
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
	list_init(&w->due);
	list_init(&w->spill);
	for (unsigned level = 0; level < WHEEL_LEVELS; level++)
		for (unsigned slot = 0; slot < WHEEL_SLOTS; slot++)
			list_init(&w->slot[level][slot]);
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

static struct timer *timer_first(const struct list *l)
{
	return (struct timer *)(void *)l->next;
}

static void timer_unlink(struct timer *t)
{
	list_del(&t->link);
	t->link.next = NULL;
}

static void wheel_place(struct wheel *w, struct timer *t)
{
	unsigned level = wheel_level(w, t->expires);
	unsigned slot = tick_digit(t->expires, level);

	if (unlikely((int32_t)(t->expires - w->tick) <= 0)) {
		list_add_tail(&w->due, &t->link);
		return;
	}
	list_add_tail(&w->slot[level][slot], &t->link);
	w->occupied[level] |= UINT64_C(1) << slot;
	if (likely(w->next_known) ? rarely(t->expires - w->tick < w->next - w->tick) : w->count == 0) {
		w->next = t->expires & -(UINT32_C(1) << (level * LEVEL_BITS));
		w->next_known = true;
	}
}

hot_path void wheel_arm(struct wheel *w, struct timer *t, uint32_t expires)
{
	wheel_cancel(w, t);
	if (unlikely((int32_t)(expires - w->tick) > (int32_t)WHEEL_AHEAD_MAX))
		expires = w->tick + WHEEL_AHEAD_MAX;
	t->expires = expires;
	if (likely(list_empty(&w->spill)))
		wheel_place(w, t);
	else
		list_add_tail(&w->spill, &t->link); /* behind those of its tick that are still in there */
	w->count++;
}

void wheel_cancel(struct wheel *w, struct timer *t)
{
	if (!timer_armed(t))
		return;
	assert(w->count > 0);
	timer_unlink(t);
	if (rarely(--w->count == 0))
		w->next_known = false;
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

		if (!list_empty(&w->slot[level][slot])) {
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

/* Goes to the next event up to now: a slot expires, or is to be spread over lower levels. */
static bool wheel_advance(struct wheel *w, uint32_t now)
{
	struct event e;

	if (w->next_known && w->next - w->tick > now - w->tick)
		return false;
	w->next_known = wheel_event(w, &e);
	if (!w->next_known)
		return false;
	w->next = e.tick;
	if (e.tick - w->tick > now - w->tick)
		return false;
	w->tick = e.tick;
	w->next_known = false;
	w->occupied[e.level] &= ~(UINT64_C(1) << e.slot);
	list_splice_tail(e.level == 0 ? &w->due : &w->spill, &w->slot[e.level][e.slot]);
	return true;
}

/* Gives  false when *steps ends first. */
static bool wheel_spread(struct wheel *w, uint32_t *steps)
{
	while (!list_empty(&w->spill)) {
		struct timer *t = timer_first(&w->spill);

		if (*steps == 0)
			return false;
		--*steps;
		list_del(&t->link);
		wheel_place(w, t);
	}
	return true;
}

struct timer *wheel_pop_some(struct wheel *w, uint32_t now, uint32_t *steps)
{
	bool before = w->count != 0 && now - w->tick > WHEEL_LEAP_MAX;

	do {
		if (unlikely(!wheel_spread(w, steps)))
			return NULL;
		if (unlikely(!list_empty(&w->due))) {
			struct timer *t = timer_first(&w->due);

			wheel_cancel(w, t);
			return t;
		}
	} while (!before && wheel_advance(w, now));
	if (!before)
		w->tick = now;
	return NULL;
}

struct timer *wheel_pop(struct wheel *w, uint32_t now)
{
	uint32_t steps = UINT32_MAX;

	return wheel_pop_some(w, now, &steps);
}

hot_path bool wheel_next(struct wheel *w, uint32_t *tick)
{
	struct event e;

	if (unlikely(!list_empty(&w->due) || !list_empty(&w->spill))) {
		*tick = w->tick;
		return true;
	}
	if (unlikely(!w->next_known)) {
		if (!wheel_event(w, &e))
			return false;
		w->next = e.tick;
		w->next_known = true;
	}
	*tick = w->next;
	return true;
}
