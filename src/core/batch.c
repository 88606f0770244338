/* SPDX-License-Identifier: MIT */
#include "batch.h"

#include <assert.h>

_Static_assert(BATCH_PLACES <= 1u << BATCH_PLACE_BITS, "a place fits");

struct batch *batch_make(struct pool *p, struct list *room, uint8_t kind)
{
	struct batch *b = pool_take(p);

	if (b == NULL)
		return NULL;
	if (pool_number(p, b) >> (POOL_NUMBER_BITS - BATCH_PLACE_BITS) != 0) {
		pool_give(p, b);
		return NULL;
	}
	b->timer = (struct timer){.kind = kind};
	b->used = b->armed = 0;
	list_add_tail(room, &b->room);
	return b;
}

void batch_give(struct pool *p, struct list *room, struct wheel *w, struct batch *b, unsigned place)
{
	uint64_t bit = UINT64_C(1) << place;

	assert(b->used & bit);
	if (b->used == BATCH_FULL)
		list_add_tail(room, &b->room);
	b->used &= ~bit;
	b->armed &= ~bit;
	if (b->used != 0)
		return;
	wheel_cancel(w, &b->timer);
	list_del(&b->room);
	pool_give(p, b);
}

uint64_t batch_due(struct wheel *w, struct batch *b, uint32_t now)
{
	uint64_t due = 0;
	uint32_t next = now + WHEEL_AHEAD_MAX;

	for (uint64_t left = b->armed; left != 0; left &= left - 1) {
		unsigned place = (unsigned)__builtin_ctzll(left);

		if ((int32_t)(b->expires[place] - now) <= 0)
			due |= UINT64_C(1) << place;
		else if ((int32_t)(b->expires[place] - next) < 0)
			next = b->expires[place];
	}
	b->armed &= ~due;
	if (b->armed != 0)
		wheel_arm(w, &b->timer, next);
	return due;
}
