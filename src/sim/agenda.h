/* SPDX-License-Identifier: MIT
 * The agenda: passages under way, a binary heap ordered by (time of arrival, number of the frame).  Numbers are unique
 * and rise, so that the order is total and frames that arrive at one instant do so in the order in which they left. */
#ifndef HO_SIM_AGENDA_H
#define HO_SIM_AGENDA_H

#include "passage.h"

struct agenda_item {
	ho_time_ns at;
	uint64_t number;
	struct passage *passage;
};

struct agenda {
	struct agenda_item *items;
	size_t count, max_count;
};

/* Gives  false when the allocator refuses. */
bool agenda_push(struct agenda *a, const struct ho_allocator *al, ho_time_ns at, struct passage *g);
/* Gives  the earliest passage if it is due at now, else NULL. */
struct passage *agenda_pop(struct agenda *a, ho_time_ns now);
static inline ho_time_ns agenda_next(const struct agenda *a)
{
	return a->count ? a->items[0].at : HO_NEVER;
}
/* Releases all frames under way. */
void agenda_fini(struct agenda *a, const struct ho_allocator *al);

#endif
