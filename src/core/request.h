/* SPDX-License-Identifier: MIT
 * Places and timers of half-open connections: they live in batches (batch.h), whose timers are the SYN+ACKs'. */
#ifndef HO_REQUEST_H
#define HO_REQUEST_H

#include "batch.h"
#include "core.h"

struct request_batch {
	struct batch b; /* first; T_REQUEST */
	struct request req[BATCH_PLACES];
};
_Static_assert(sizeof(struct request_batch) <= 2040, "two batches a page");

static inline struct request_batch *request_batch_of(const struct ho_stack *st, const struct request *req)
{
	return pool_object(&st->requests, req);
}

static inline struct request *request_of(struct entry *e)
{
	return container_of(e, struct request, e);
}

/* Its number, below 2^26, and back. */
static inline uint32_t request_number(const struct ho_stack *st, const struct request *req)
{
	const struct request_batch *g = request_batch_of(st, req);

	return pool_number(&st->requests, g) << BATCH_PLACE_BITS | (uint32_t)(req - g->req);
}
static inline struct request *request_at(const struct ho_stack *st, uint32_t number)
{
	struct request_batch *g = pool_at(&st->requests, number >> BATCH_PLACE_BITS);

	return &g->req[number & ((1u << BATCH_PLACE_BITS) - 1)];
}

static inline struct request *request_take(struct ho_stack *st) /* not cleared; NULL: no memory */
{
	unsigned place;
	struct batch *b = batch_take(&st->requests, &st->request_room, T_REQUEST, &place);

	if (b == NULL)
		return NULL;
	st->request_count++;
	return &container_of(b, struct request_batch, b)->req[place];
}
static inline void request_give(struct ho_stack *st, struct request *req)
{
	struct request_batch *g = request_batch_of(st, req);

	st->request_count--;
	batch_give(&st->requests, &st->request_room, &st->wheel, &g->b, (unsigned)(req - g->req));
}
static inline void request_arm(struct ho_stack *st, struct request *req, uint32_t timeout_ms)
{
	struct request_batch *g = request_batch_of(st, req);

	batch_arm(&st->wheel, &g->b, (unsigned)(req - g->req), now_tick(st) + timeout_ms);
}
static inline bool request_armed(const struct ho_stack *st, const struct request *req)
{
	const struct request_batch *g = request_batch_of(st, req);

	return g->b.armed >> (req - g->req) & 1;
}
/* When the timer is due, or was last. */
static inline uint32_t request_expires(const struct ho_stack *st, const struct request *req)
{
	const struct request_batch *g = request_batch_of(st, req);

	return g->b.expires[req - g->req];
}

/* ---- tcp_listen.c ---- */
uint32_t tcp_requests_on_timer(struct ho_stack *st, struct timer *t); /* how many were due, one at least */

#endif
