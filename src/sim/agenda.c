/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "agenda.h"

static bool item_before(const struct agenda_item *a, const struct agenda_item *b)
{
	return a->at != b->at ? a->at < b->at : a->number < b->number;
}

static bool agenda_grow(struct agenda *a, const struct ho_allocator *al)
{
	size_t max = a->max_count ? 2 * a->max_count : 64;
	struct agenda_item *items = al->alloc(al->ctx, max * sizeof(*items), _Alignof(struct agenda_item));

	if (!items)
		return false;
	if (a->items) {
		memcpy(items, a->items, a->count * sizeof(*items));
		al->free(al->ctx, a->items, a->max_count * sizeof(*items));
	}
	a->items = items;
	a->max_count = max;
	return true;
}

bool agenda_push(struct agenda *a, const struct ho_allocator *al, ho_time_ns at, struct passage *g)
{
	struct agenda_item it = {at, g->frame.id, g};
	size_t i;

	if (a->count == a->max_count && !agenda_grow(a, al))
		return false;
	for (i = a->count++; i && item_before(&it, &a->items[(i - 1) / 2]); i = (i - 1) / 2)
		a->items[i] = a->items[(i - 1) / 2];
	a->items[i] = it;
	return true;
}

struct passage *agenda_pop(struct agenda *a, ho_time_ns now)
{
	struct passage *g;
	struct agenda_item last;
	size_t i = 0, child;

	if (!a->count || a->items[0].at > now)
		return NULL;
	g = a->items[0].passage;
	last = a->items[--a->count];
	while ((child = 2 * i + 1) < a->count) {
		if (child + 1 < a->count && item_before(&a->items[child + 1], &a->items[child]))
			child++;
		if (!item_before(&a->items[child], &last))
			break;
		a->items[i] = a->items[child];
		i = child;
	}
	a->items[i] = last;
	return g;
}

void agenda_fini(struct agenda *a, const struct ho_allocator *al)
{
	while (a->count)
		ho_frame_unref(&a->items[--a->count].passage->frame);
	if (a->items)
		al->free(al->ctx, a->items, a->max_count * sizeof(*a->items));
	memset(a, 0, sizeof(*a));
}
