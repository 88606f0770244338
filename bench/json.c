/* SPDX-License-Identifier: MIT
 * A report as one JSON object on stdout. */
#include <jansson.h>
#include <stdio.h>
#include <sys/utsname.h>

#include "bench.h"

static json_t *spread_json(enum unit u, struct spread s)
{
	double a = unit_shown(u, s.min), b = unit_shown(u, s.max);

	return json_pack("{s:f, s:f, s:f}", "median", unit_shown(u, s.median), "min", a < b ? a : b, "max",
	                 a < b ? b : a);
}

static json_t *ratio_json(const struct row *w)
{
	struct spread q = row_ratio(w);

	return json_pack("{s:s, s:f, s:f, s:f}", "of", w->dearer ? "halfopen/reference" : "reference/halfopen",
	                 "median", q.median, "min", q.min, "max", q.max);
}

static json_t *row_json(const struct row *w)
{
	static const char *const floors[] = {"", "ratio>=", "ratio<=", "value<=", "rate>=", "value>="};
	json_t *j = json_pack("{s:s, s:s, s:o}", "what", w->what, "unit", unit_name(w->unit), "halfopen",
	                      spread_json(w->unit, spread_of(w->ours, w->count)));

	if (w->rate)
		json_object_set_new(j, "per_cpu_second", json_real(1 / spread_of(w->ours, w->count).median));
	if (w->reference) {
		json_object_set_new(j, "against", json_string(w->reference));
		json_object_set_new(j, "reference", spread_json(w->unit, spread_of(w->ref, w->count)));
		json_object_set_new(j, "ratio", ratio_json(w));
	}
	if (w->floor_kind != FLOOR_NONE)
		json_object_set_new(j, "floor",
		                    json_pack("{s:s, s:f, s:b}", "kind", floors[w->floor_kind], "value", w->floor,
		                              "met", (int)row_meets_floor(w)));
	return j;
}

int report_print_json(const struct report *r, const struct options *o)
{
	struct utsname u;
	json_t *j, *rows = json_array(), *facts = json_object();
	int rc;

	uname(&u);
	for (unsigned i = 0; i < r->rows; i++)
		if (r->row[i].count > 0)
			json_array_append_new(rows, row_json(&r->row[i]));
	for (unsigned i = 0; i < r->facts; i++)
		json_object_set_new(facts, r->fact[i].name, json_real(r->fact[i].value));
	j = json_pack("{s:s, s:s, s:s, s:s, s:i, s:b, s:o, s:o}", "bench", r->bench, "version", ho_version(), "kernel",
	              u.release, "kernel_congestion", kernel_congestion(), "rounds", (int)o->rounds, "quick",
	              (int)o->quick, "rows", rows, "facts", facts);
	if (r->skipped)
		json_object_set_new(j, "skipped", json_string(r->skipped));
	rc = json_dumpf(j, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
	putchar('\n');
	json_decref(j);
	return rc;
}
