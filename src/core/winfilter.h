/* SPDX-License-Identifier: MIT
 * The least or the greatest of what was measured within a window of time, in constant space (Kathleen Nichols): the best
 * value, the best one since then, and the best one since that.  When the best is too old the next takes its place; the
 * second and third are renewed after a quarter and a half of the window, so that they are not as old as the first.
 * Times are 32 bits of any unit and wrap.  Source: Linux 6.18 lib/win_minmax.c. */
#ifndef HO_WINFILTER_H
#define HO_WINFILTER_H

#include <stdint.h>

struct winsample {
	uint32_t at, value;
};

struct winfilter {
	struct winsample best[3]; /* oldest first */
};

void winfilter_reset(struct winfilter *w, uint32_t at, uint32_t value);
/* Both give what is best now; a value as good as the best takes its place. */
uint32_t winfilter_min(struct winfilter *w, uint32_t window, uint32_t at, uint32_t value);
uint32_t winfilter_max(struct winfilter *w, uint32_t window, uint32_t at, uint32_t value);
static inline uint32_t winfilter_get(const struct winfilter *w)
{
	return w->best[0].value;
}

#endif
