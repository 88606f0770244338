/* SPDX-License-Identifier: MIT
 * Increments of counters in nstat's words. */
#include "nstat.h"

#include <halfopen/halfopen.h>

#include <fnmatch.h>
#include <inttypes.h>
#include <stdlib.h>

struct row {
	char name[64];
	uint64_t moved;
	double rate;
	bool back; /* it is smaller than it was */
};

/* IcmpMsg counters have no row: they count. */
static bool counts(const char *name)
{
	int counter = ho_counter_find(name);
	const struct ho_counter_row *row = counter >= 0 ? ho_counter_row((unsigned)counter) : NULL;

	return row == NULL || (row->kind != HO_LEVEL && row->kind != HO_FIXED);
}

static bool wanted(const struct nstat_wish *w, const char *name)
{
	for (int i = 0; i < w->pattern_count; i++)
		if (fnmatch(w->patterns[i], name, FNM_CASEFOLD) == 0)
			return true;
	return w->pattern_count == 0;
}

/* Gives  false after the last row that is to be shown. */
static bool row_next(const struct nstat_wish *w, const char **lines, const struct history *then, double seconds,
                     struct row *r)
{
	char value[24];

	while (counter_line_take(lines, r->name, value)) {
		uint64_t now = strtoull(value, NULL, 10);
		uint64_t before = w->absolute ? 0 : history_value(then, r->name);

		if (!counts(r->name) || !wanted(w, r->name))
			continue;
		r->back = now < before;
		r->moved = r->back ? 0 : now - before;
		r->rate = seconds > 0 ? (double)r->moved / seconds : 0;
		if (r->moved != 0 || w->zero)
			return true;
	}
	return false;
}

static void text_say(const struct nstat_wish *w, const char *lines, const struct history *then, double seconds, FILE *out)
{
	struct row r;

	fputs("#kernel\n", out);
	while (row_next(w, &lines, then, seconds, &r))
		fprintf(out, "%-32s%-16" PRIu64 "%6.1f%s\n", r.name, r.moved, r.rate, r.back ? " (overflow)" : "");
}

static void rates_say(const struct nstat_wish *w, const char *lines, const struct history *then, double seconds, FILE *out)
{
	const char *between = "";
	struct row r;

	fprintf(out, ",\"seconds\":%.3f,\"rate\":{", seconds);
	while (row_next(w, &lines, then, seconds, &r)) {
		fprintf(out, "%s\"%s\":%.1f", between, r.name, r.rate);
		between = ",";
	}
	fputc('}', out);
}

/* Pretty is as nstat indents it; looks that follow each other are a line each. */
static void json_say(const struct nstat_wish *w, const char *lines, const struct history *then, double seconds, FILE *out)
{
	const bool pretty = w->pretty && seconds < 0;
	const char *at = lines, *between = "";
	struct row r;

	fputs(pretty ? "{\n    \"kernel\": {" : "{\"kernel\":{", out);
	while (row_next(w, &at, then, seconds, &r)) {
		fprintf(out, pretty ? "%s\n        \"%s\": %" PRIu64 : "%s\"%s\":%" PRIu64, between, r.name, r.moved);
		between = ",";
	}
	fputs(pretty ? "\n    }\n" : "}", out);
	if (seconds >= 0)
		rates_say(w, lines, then, seconds, out);
	fputs("}\n", out);
}

void nstat_say(const struct nstat_wish *w, const char *lines, const struct history *then, double seconds, FILE *out)
{
	if (w->json)
		json_say(w, lines, then, seconds, out);
	else
		text_say(w, lines, then, seconds, out);
}

void nstat_remember(const struct nstat_wish *w, const char *lines, const struct history *then, FILE *out)
{
	char name[64], value[24];

	while (counter_line_take(&lines, name, value))
		if (wanted(w, name))
			fprintf(out, "%s %s\n", name, value);
		else
			fprintf(out, "%s %" PRIu64 "\n", name, history_value(then, name));
}
