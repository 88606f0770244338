/* SPDX-License-Identifier: MIT
 * Medians, ratios taken round by round, and the table. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

struct spread spread_of(const double *v, unsigned count)
{
	double s[ROUNDS_MAX];

	if (count == 0)
		return (struct spread){0, 0, 0};
	memcpy(s, v, count * sizeof *s);
	qsort(s, count, sizeof *s, by_value);
	return (struct spread){(s[(count - 1) / 2] + s[count / 2]) / 2, s[0], s[count - 1]};
}

struct spread row_ratio(const struct row *w)
{
	double q[ROUNDS_MAX];

	for (unsigned i = 0; i < w->count; i++)
		q[i] = w->dearer ? w->ours[i] / w->ref[i] : w->ref[i] / w->ours[i];
	return spread_of(q, w->count);
}

bool row_meets_floor(const struct row *w)
{
	switch (w->floor_kind) {
	case FLOOR_TIMES_CHEAPER: return row_ratio(w).median >= w->floor;
	case FLOOR_TIMES_DEARER: return row_ratio(w).median <= w->floor;
	case FLOOR_VALUE: return spread_of(w->ours, w->count).median <= w->floor;
	case FLOOR_RATE: return 1 / spread_of(w->ours, w->count).median >= w->floor;
	case FLOOR_SHARE: return spread_of(w->ours, w->count).median >= w->floor;
	case FLOOR_NONE: break;
	}
	return true;
}

double unit_shown(enum unit u, double cost)
{
	switch (u) {
	case UNIT_GB_PER_S: return cost > 0 ? 1e-9 / cost : 0;
	case UNIT_US: return cost * 1e6;
	case UNIT_NS: return cost * 1e9;
	case UNIT_MS: return cost * 1e3;
	case UNIT_PERCENT: return cost * 100;
	case UNIT_BYTES: break;
	}
	return cost;
}

const char *unit_name(enum unit u)
{
	static const char *const name[] = {"GB/CPU s", "CPU us", "CPU ns", "bytes", "virtual ms", "%"};

	return name[u];
}

struct row *report_row(struct report *r, const char *what, enum unit unit, const char *reference)
{
	struct row *w = &r->row[r->rows < ROWS_MAX ? r->rows++ : ROWS_MAX - 1];

	*w = (struct row){.what = what, .unit = unit, .reference = reference};
	return w;
}

void report_fact(struct report *r, const char *name, double value)
{
	unsigned i = 0;

	while (i < r->facts && strcmp(r->fact[i].name, name) != 0)
		i++;
	if (i == FACTS_MAX)
		return;
	if (i == r->facts)
		r->facts++;
	r->fact[i] = (struct fact){name, value};
}

void row_floor(struct row *w, enum floor_kind kind, double floor)
{
	w->floor_kind = kind;
	w->floor = floor;
	w->dearer = kind == FLOOR_TIMES_DEARER || kind == FLOOR_VALUE;
}

void row_sample(struct row *w, double ours, double ref)
{
	if (w->count == ROUNDS_MAX)
		return;
	w->ours[w->count] = ours;
	w->ref[w->count++] = ref;
}

static void spread_text(char *text, size_t cap, enum unit u, struct spread s)
{
	double m = unit_shown(u, s.median), a = unit_shown(u, s.min), b = unit_shown(u, s.max);

	if (a > b) {
		double t = a;

		a = b;
		b = t;
	}
	if (s.min < s.max)
		snprintf(text, cap, "%.4g (%.4g..%.4g) %s", m, a, b, unit_name(u));
	else
		snprintf(text, cap, "%.6g %s", m, unit_name(u));
}

static void ours_print(const struct row *w)
{
	struct spread s = spread_of(w->ours, w->count);
	char text[80], rate[32] = "";

	spread_text(text, sizeof text, w->unit, s);
	if (w->rate)
		snprintf(rate, sizeof rate, ", %.3g M/s", 1e-6 / s.median);
	printf(" | %s%-*s", text, (int)(40 - strlen(text)), rate);
}

static void reference_print(const struct row *w)
{
	char text[80] = "", ratio[64] = "";

	if (w->reference) {
		struct spread q = row_ratio(w);

		spread_text(text, sizeof text, w->unit, spread_of(w->ref, w->count));
		snprintf(ratio, sizeof ratio, "%.3gx (%.3g..%.3g)", q.median, q.min, q.max);
	}
	printf(" | %-32s | %-22s", text, ratio);
}

static void floor_print(const struct row *w)
{
	const char *met = row_meets_floor(w) ? "met" : "MISSED";

	switch (w->floor_kind) {
	case FLOOR_TIMES_CHEAPER: printf(" | >= %gx %s", w->floor, met); break;
	case FLOOR_TIMES_DEARER: printf(" | <= %gx %s", w->floor, met); break;
	case FLOOR_VALUE: printf(" | <= %.3g %s %s", unit_shown(w->unit, w->floor), unit_name(w->unit), met); break;
	case FLOOR_RATE: printf(" | >= %g M/s %s", w->floor * 1e-6, met); break;
	case FLOOR_SHARE: printf(" | >= %g %% %s", w->floor * 100, met); break;
	case FLOOR_NONE: break;
	}
}

bool row_wanted(const struct options *o, const char *what)
{
	return o->only == NULL || strstr(what, o->only) != NULL;
}

static void row_print(const struct row *w)
{
	printf("%-46s", w->what);
	ours_print(w);
	reference_print(w);
	floor_print(w);
	putchar('\n');
}

/* Each reference once, though many rows have it. */
static void references_print(const struct report *r)
{
	for (unsigned i = 0; i < r->rows; i++) {
		const struct row *w = &r->row[i];
		unsigned j = 0;

		while (j < i &&
		       (!r->row[j].reference || !w->reference || strcmp(r->row[j].reference, w->reference) != 0))
			j++;
		if (w->reference && j == i && w->count > 0)
			printf("  reference: %s; ratio: %s\n", w->reference,
			       w->dearer ? "halfopen / reference" : "how many times cheaper halfopen is");
	}
}

void report_print(const struct report *r, const struct options *o)
{
	if (r->skipped) {
		printf("%s: skipped: %s\n", r->bench, r->skipped);
		return;
	}
	printf("%s: medians of %u rounds of [reference, halfopen], (min..max); core %d; the kernel's sockets use %s%s\n",
	       r->bench, o->rounds, o->core, kernel_congestion(), o->quick ? "; QUICK: the figures mean nothing" : "");
	printf("%-46s | %-40s | %-32s | %-22s | floor\n", "what", "halfopen", "reference", "ratio");
	for (unsigned i = 0; i < r->rows; i++)
		if (r->row[i].count > 0)
			row_print(&r->row[i]);
	references_print(r);
	for (unsigned i = 0; i < r->facts; i++)
		printf("  %s: %.6g\n", r->fact[i].name, r->fact[i].value);
}
