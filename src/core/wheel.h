/* SPDX-License-Identifier: MIT
 * A hierarchical timer wheel (Varghese and Lauck 1987): arm, cancel and pop in O(1), exact to the tick (1 ms).
 * Ticks are 32 bits and wrap; a timer lies at most 2^30 ticks ahead of w->tick (farther ones are brought nearer: their
 * `expires` is changed to that).
 *
 * Neither a wheel nor an armed timer may be moved in memory: they point into each other. */
#ifndef HO_WHEEL_H
#define HO_WHEEL_H

#include <stdint.h>

#include "list.h"

#define WHEEL_LEVELS 5
#define WHEEL_SLOTS 64
#define WHEEL_AHEAD_MAX (UINT32_C(1) << 30)

struct timer {
	struct list link;     /* next NULL: not armed */
	uint32_t expires;     /* tick */
	uint8_t kind;         /* the owner's: what it is part of */
	uint8_t pad;
	uint16_t user;        /* the owner's */
};

struct wheel {
	uint32_t tick;                   /* everything before and at this tick has been popped, or waits in due */
	uint64_t occupied[WHEEL_LEVELS]; /* a bit a slot; may be set although the slot is empty, never the reverse */
	struct list due;                 /* expired, to be popped first, oldest first */
	struct list spill;               /* of a slot that w->tick has entered, not yet spread over lower levels */
	uint32_t count;                  /* armed timers, due ones included */
	bool next_known;                 /* false: wheel_next must look */
	uint32_t next;                   /* the tick of the first occupied slot, or of an earlier one that cancelling has emptied */
	struct list slot[WHEEL_LEVELS][WHEEL_SLOTS]; /* oldest first */
};

void wheel_init(struct wheel *w, uint32_t tick);
static inline bool timer_armed(const struct timer *t)
{
	return t->link.next != NULL;
}
/* Arms or re-arms; an expiry at or before w->tick fires at the next pop (so a timer that re-arms itself for the present
 * within a loop of pops makes that loop endless).  Keeps kind and user.
 * Takes  expires less than 2^31 ticks after w->tick; pop up to the present first, an idle wheel stands still. */
void wheel_arm(struct wheel *w, struct timer *t, uint32_t expires);
void wheel_cancel(struct wheel *w, struct timer *t); /* of an unarmed one: nothing */
/* Takes the next timer with expires <= now off the wheel, in order of expiry; those of one tick, in order of arming, and
 * one that was armed too late counts as of the tick it was armed in.
 * Takes  now: up to 3 * 2^30 ticks after w->tick; anything else is before it, and gives only what is due already.  An
 *        empty wheel goes to any tick.
 * Gives  NULL when there is none: then w->tick is now. */
struct timer *wheel_pop(struct wheel *w, uint32_t now);
/* The same with bounded work: *steps says how many timers may be moved nearer on the way, and is lowered.
 * Gives  NULL also when *steps is used up: then wheel_next says w->tick. */
struct timer *wheel_pop_some(struct wheel *w, uint32_t now, uint32_t *steps);
/* The tick of the earliest timer, or an earlier one: of a timer that was cancelled since, or at which wheel_pop has
 * cascading to do; false: no timer. */
bool wheel_next(struct wheel *w, uint32_t *tick);

#endif
