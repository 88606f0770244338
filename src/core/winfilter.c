/* SPDX-License-Identifier: MIT */
#include "winfilter.h"

#include <stdbool.h>

void winfilter_reset(struct winfilter *w, uint32_t at, uint32_t value)
{
	for (int i = 0; i < 3; i++)
		w->best[i] = (struct winsample){at, value};
}

/* The first is too old. */
static void expire(struct winfilter *w, struct winsample now)
{
	w->best[0] = w->best[1];
	w->best[1] = w->best[2];
	w->best[2] = now;
}

static void renew(struct winfilter *w, uint32_t window, struct winsample now)
{
	uint32_t age = now.at - w->best[0].at;

	if (age > window) {
		expire(w, now);
		if (now.at - w->best[0].at > window)
			expire(w, now);
	} else if (w->best[1].at == w->best[0].at && age > window / 4) {
		w->best[1] = w->best[2] = now;
	} else if (w->best[2].at == w->best[1].at && age > window / 2) {
		w->best[2] = now;
	}
}

static bool as_good(uint32_t value, uint32_t as, bool greatest)
{
	return greatest ? value >= as : value <= as;
}

static uint32_t run(struct winfilter *w, uint32_t window, struct winsample now, bool greatest)
{
	if (as_good(now.value, w->best[0].value, greatest) || now.at - w->best[2].at > window) {
		winfilter_reset(w, now.at, now.value);
		return now.value;
	}
	if (as_good(now.value, w->best[1].value, greatest))
		w->best[1] = w->best[2] = now;
	else if (as_good(now.value, w->best[2].value, greatest))
		w->best[2] = now;
	renew(w, window, now);
	return w->best[0].value;
}

uint32_t winfilter_min(struct winfilter *w, uint32_t window, uint32_t at, uint32_t value)
{
	return run(w, window, (struct winsample){at, value}, false);
}

uint32_t winfilter_max(struct winfilter *w, uint32_t window, uint32_t at, uint32_t value)
{
	return run(w, window, (struct winsample){at, value}, true);
}
