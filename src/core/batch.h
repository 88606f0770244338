/* SPDX-License-Identifier: MIT
 * Many small objects with a time each, and one timer for 47 of them.
 *
 * Theory of operation.  A batch has 47 places.  Its timer fires at or before the first expiry among them, and the places are
 * looked through then; so an object has no links of the wheel, only a tick, and those of all places lie together.  An object
 * that goes, or that is armed for later, touches no timer: the next firing finds out.  Objects that begin together and
 * wait equally long, as those of a flood do, share a firing, too.
 *
 * The owner embeds struct batch in what it takes from a pool with pages, with an array of its objects behind it; the pool's
 * number and the place name an object in 26 bits. */
#ifndef HO_BATCH_H
#define HO_BATCH_H

#include "pool.h"
#include "wheel.h"

#define BATCH_PLACES 47u
#define BATCH_PLACE_BITS 6u

struct batch {
	struct timer timer;
	struct list room;    /* on the owner's list of batches with a free place */
	uint64_t used, armed; /* a bit a place */
	uint32_t expires[BATCH_PLACES]; /* tick; it stays when it has passed */
};

#define BATCH_FULL ((UINT64_C(1) << BATCH_PLACES) - 1)

struct batch *batch_make(struct pool *p, struct list *room, uint8_t kind); /* empty, on the list; NULL: no memory */

/* A batch with a free place, which is taken then: at *place.  kind: the timer's.  NULL: no memory. */
static inline struct batch *batch_take(struct pool *p, struct list *room, uint8_t kind, unsigned *place)
{
	struct batch *b = (struct batch *)(void *)((char *)room->next - offsetof(struct batch, room));

	if (list_empty(room) && (b = batch_make(p, room, kind)) == NULL)
		return NULL;
	*place = (unsigned)__builtin_ctzll(~b->used);
	b->used |= UINT64_C(1) << *place;
	if (b->used == BATCH_FULL)
		list_del(&b->room);
	return b;
}
void batch_give(struct pool *p, struct list *room, struct wheel *w, struct batch *b, unsigned place);
static inline void batch_arm(struct wheel *w, struct batch *b, unsigned place, uint32_t expires) /* or anew */
{
	b->expires[place] = expires;
	b->armed |= UINT64_C(1) << place;
	if (!timer_armed(&b->timer) || (int32_t)(b->timer.expires - expires) > 0)
		wheel_arm(w, &b->timer, expires);
}
/* The timer has fired.  Gives  the places that are due, a bit each: not armed any more. */
uint64_t batch_due(struct wheel *w, struct batch *b, uint32_t now);

#endif
