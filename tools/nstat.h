/* SPDX-License-Identifier: MIT
 * Increments of counters in nstat's words, and what is remembered of a look.  Input are lines "name value", as a host says
 * all of its counters; constants and levels have no increment and are not shown, as in nstat. */
#ifndef HO_NSTAT_H
#define HO_NSTAT_H

#include "history.h"

#include <stdio.h>

struct nstat_wish {
	bool absolute, zero, json, pretty;
	char *const *patterns; /* shell patterns, letters of either case alike; none: everything */
	int pattern_count;
};

/* Takes  seconds: between then and now, for the rates; < 0: none are known. */
void nstat_say(const struct nstat_wish *w, const char *lines, const struct history *then, double seconds, FILE *out);

/* The lines of the next history: what was not asked for stays as it was then, or unseen. */
void nstat_remember(const struct nstat_wish *w, const char *lines, const struct history *then, FILE *out);

#endif
