/* SPDX-License-Identifier: MIT
 * lab: results as tables for people: counter | stack | kernel | document, and why each counter moved. */
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "halfopen/counter.h"
#include "inside.h"

json_t *lab_recording(const char *name)
{
	for (const struct lab_file *f = lab_recordings; f->name; f++)
		if (strcmp(f->name, name) == 0)
			return json_loads(f->text, 0, NULL);
	return NULL;
}

const char *lab_difference(const char *experiment, const char *phase, const char *host, const char *counter)
{
	static const struct {
		const char *experiment, *phase, *host, *counter, *reason;
	} rows[] = {
#define D(experiment, phase, host, counter, reason) {experiment, phase, host, counter, reason},
#include "differences.def"
#undef D
		{NULL, NULL, NULL, NULL, NULL},
	};

	for (int i = 0; rows[i].experiment; i++)
		if (fnmatch(rows[i].experiment, experiment, 0) == 0 && fnmatch(rows[i].phase, phase, 0) == 0 &&
		    fnmatch(rows[i].host, host, 0) == 0 && fnmatch(rows[i].counter, counter, 0) == 0)
			return rows[i].reason;
	return NULL;
}

/* ---- values ---- */
static const json_t *phase_at(const json_t *r, size_t i)
{
	return json_array_get(json_object_get(r, "phases"), i);
}

static const json_t *phase_named(const json_t *r, const char *name)
{
	size_t i;
	json_t *p;

	json_array_foreach (json_object_get(r, "phases"), i, p)
		if (strcmp(json_string_value(json_object_get(p, "phase")), name) == 0)
			return p;
	return NULL;
}

/* A host goes by its key in a phase, "host A". */
static bool is_host(const char *key)
{
	return strncmp(key, "host ", 5) == 0;
}

static const char *host_name(const char *host)
{
	return host + 5;
}

static long long delta(const json_t *phase, const char *host, const char *counter)
{
	return json_integer_value(json_object_get(json_object_get(phase, host), counter));
}

static const json_t *recorded_varying(const json_t *recorded, const char *host, const char *counter)
{
	return json_object_get(json_object_get(json_object_get(recorded, "nondeterministic"), host), counter);
}

struct view { /* what a table is made from; any but one may be NULL */
	const char *name, *title;
	const json_t *stack, *kernel, *recorded, *old; /* one phase of each */
	const json_t *document;
	const char *as; /* which Linux the old one is */
	FILE *out;
	bool color;
};

/* The kernel was run more than once, and once it did as the stack did. */
static bool kernel_did_too(const json_t *kernel, const char *host, const char *counter, long long stack)
{
	size_t i;
	json_t *v;

	json_array_foreach (recorded_varying(kernel, host, counter), i, v)
		if (json_integer_value(v) == stack)
			return true;
	return false;
}

static const char *reason_of(const struct view *v, const char *host, const char *counter)
{
	const char *why = lab_difference(v->name, v->title, host_name(host), counter);

	if (!why && (recorded_varying(v->recorded, host, counter) ||
	             kernel_did_too(v->kernel, host, counter, delta(v->stack, host, counter))))
		why = "not the same in every run on the kernel, either";
	return why;
}

/* ---- the rows of a phase ---- */
struct names {
	const char **name;
	size_t count, cap;
};

static void name_add(struct names *n, const char *name)
{
	for (size_t i = 0; i < n->count; i++)
		if (strcmp(n->name[i], name) == 0)
			return;
	if (n->count == n->cap) {
		n->cap = n->cap ? 2 * n->cap : 64;
		n->name = realloc(n->name, n->cap * sizeof *n->name);
		if (!n->name)
			abort();
	}
	n->name[n->count++] = name;
}

static void names_add(struct names *n, const json_t *object)
{
	const char *key;
	json_t *v;

	json_object_foreach ((json_t *)object, key, v)
		name_add(n, key);
}

/* IcmpMsg stands between Icmp and Tcp. */
static long place(const char *name)
{
	int c = ho_counter_find(name);

	if (c < 0)
		return 1000000;
	return c < HO_COUNTER_ROWS ? (long)c * 1000 : (long)HO_TcpRtoAlgorithm * 1000 - 600 + (c - HO_COUNTER_ROWS);
}

static struct names hosts_of(const struct view *v)
{
	const json_t *phases[] = {v->stack, v->kernel, v->recorded};
	struct names n = {0};
	const char *key;
	json_t *value;

	for (int i = 0; i < 3; i++)
		json_object_foreach ((json_t *)phases[i], key, value)
			if (is_host(key))
				name_add(&n, key);
	return n;
}

static int by_place(const void *x, const void *y)
{
	const char *a = *(const char *const *)x, *b = *(const char *const *)y;
	long pa = place(a), pb = place(b);

	return pa != pb ? (pa < pb ? -1 : 1) : strcmp(a, b);
}

static struct names names_of(const struct view *v, const char *host)
{
	struct names n = {0};

	names_add(&n, json_object_get(v->stack, host));
	names_add(&n, json_object_get(v->kernel, host));
	if (!v->kernel)
		names_add(&n, json_object_get(v->recorded, host));
	names_add(&n, json_object_get(v->old, host));
	names_add(&n, json_object_get(v->document, host_name(host)));
	if (n.count)
		qsort(n.name, n.count, sizeof *n.name, by_place);
	return n;
}

static void cell(char buf[24], const json_t *from, const char *host, const char *counter)
{
	if (from)
		snprintf(buf, 24, "%lld", delta(from, host, counter));
	else
		snprintf(buf, 24, "-");
}

struct judgement {
	const char *mark, *note;
	bool open; /* stack and kernel (or its recording) differ without a reason */
};

static struct judgement judge(const struct view *v, const char *host, const char *counter)
{
	const json_t *other = v->kernel ? v->kernel : v->recorded;
	const json_t *says = json_object_get(json_object_get(v->document, host_name(host)), counter);
	const json_t *varying = v->kernel ? NULL : recorded_varying(v->recorded, host, counter);
	struct judgement j = {" ", "", false};

	if (v->stack && other && (varying || delta(v->stack, host, counter) != delta(other, host, counter))) {
		const char *why = reason_of(v, host, counter);

		j.open = !why;
		j.mark = why ? "~" : "!";
		j.note = why ? why : "";
	} else if (says && json_integer_value(says) != delta(other ? other : v->stack, host, counter)) {
		j.mark = "d";
		j.note = "the document differs";
	}
	return j;
}

/* Gives  1 if stack and kernel (or its recording) differ without a reason. */
static int row(const struct view *v, const char *host, const char *counter)
{
	const json_t *other = v->kernel ? v->kernel : v->recorded;
	const json_t *says = json_object_get(json_object_get(v->document, host_name(host)), counter);
	const json_t *varying = v->kernel ? NULL : recorded_varying(v->recorded, host, counter);
	char stack[24], kernel[24], old[28] = "", document[24] = "-";
	struct judgement j = judge(v, host, counter);

	cell(stack, v->stack, host, counter);
	cell(kernel, other, host, counter);
	if (v->old)
		snprintf(old, sizeof old, "%9lld |", delta(v->old, host, counter));
	if (varying)
		snprintf(kernel, sizeof kernel, "%lld~", (long long)json_integer_value(json_array_get(varying, 0)));
	if (says)
		snprintf(document, sizeof document, "%lld", (long long)json_integer_value(says));
	bool loud = v->color && *j.mark != ' ';

	fprintf(v->out, "%s%s %-32s|%9s |%9s |%s%9s%s%s%s\n", loud ? (*j.mark == '!' ? "\033[1;31m" : "\033[33m") : "",
	        j.mark, counter, stack, kernel, old, document, *j.note ? "  " : "", j.note, loud ? "\033[0m" : "");
	return j.open;
}

static void whys(const struct view *v, const char *host)
{
	size_t i;
	json_t *w;

	json_array_foreach (json_object_get(v->stack, "why"), i, w) {
		json_int_t times = json_integer_value(json_object_get(w, "times"));

		if (strcmp(json_string_value(json_object_get(w, "host")), host_name(host)) != 0)
			continue;
		/* "InSegs +1: ..." becomes "TcpInSegs +1: ..." */
		const char *said = json_string_value(json_object_get(w, "said")), *rest = strchr(said, ' ');

		fprintf(v->out, "    %s: %s%s", host_name(host),
		        rest ? json_string_value(json_object_get(w, "counter")) : "", rest ? rest : said);
		if (times > 1)
			fprintf(v->out, " (the first of %lld times)", (long long)times);
		fputc('\n', v->out);
	}
}

static void observations(const struct view *v)
{
	char as_old[40];
	const struct {
		const char *world;
		const json_t *o;
	} worlds[] = {{"on the stack", json_object_get(v->stack, "observations")},
	              {"on the kernel", json_object_get(v->kernel, "observations")},
	              {as_old, json_object_get(v->old, "observations")}};

	snprintf(as_old, sizeof as_old, "on the stack as Linux %s", v->as ? v->as : "");

	for (int i = 0; i < 3; i++) {
		const char *key;
		json_t *val;

		json_object_foreach ((json_t *)worlds[i].o, key, val) {
			char *text = json_dumps(val, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(6));

			fprintf(v->out, "    seen %s: %s = %s\n", worlds[i].world, key, text ? text : "?");
			free(text);
		}
	}
}

static int host_report(const struct view *v, const char *host)
{
	struct names n = names_of(v, host);
	char as_old[24] = "";
	int open = 0;

	if (v->old)
		snprintf(as_old, sizeof as_old, "as %s |", v->as);
	if (n.count)
		fprintf(v->out, "  %-32s|%9s |%9s |%s%9s\n", host, "stack",
		        v->kernel || !v->recorded ? "kernel" : "kernel*", as_old, "document");
	else
		fprintf(v->out, "  %s: nothing moved\n", host);
	for (size_t i = 0; i < n.count; i++)
		open += row(v, host, n.name[i]);
	free(n.name);
	return open;
}

static int phase_report(const struct view *v)
{
	struct names hosts = hosts_of(v);
	int open = 0;

	fprintf(v->out, "\n%s: %s\n", v->name, v->title);
	for (size_t h = 0; h < hosts.count; h++)
		open += host_report(v, hosts.name[h]);
	for (size_t h = 0; h < hosts.count; h++)
		whys(v, hosts.name[h]);
	free(hosts.name);
	observations(v);
	return open;
}

static void overall(FILE *out, const char *world, const json_t *r)
{
	const char *key;
	json_t *val;

	json_object_foreach (json_object_get(r, "observations"), key, val) {
		char *text = json_dumps(val, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(6));

		fprintf(out, "seen on the %s: %s = %s\n", world, key, text ? text : "?");
		free(text);
	}
}

static void headline(FILE *out, const char *name, const json_t *stack, const json_t *kernel, const json_t *recording)
{
	fprintf(out, "== %s", name);
	if (stack)
		fprintf(out, ", on the stack: seed %lld, %lld frames, digest %s",
		        (long long)json_integer_value(json_object_get(stack, "seed")),
		        (long long)json_integer_value(json_object_get(stack, "frames")),
		        json_string_value(json_object_get(stack, "digest")));
	if (kernel)
		fprintf(out, ", on Linux %s", json_string_value(json_object_get(kernel, "kernel")));
	else if (recording)
		fprintf(out, "; kernel* was recorded on Linux %s (%s)",
		        json_string_value(json_object_get(recording, "kernel")),
		        json_string_value(json_object_get(recording, "topology")));
	fputc('\n', out);
}

/* One phase, by its number in whoever leads. */
static struct view view_of(const char *name, size_t i, const json_t *stack, const json_t *kernel, const json_t *recording,
                           const json_t *old)
{
	const json_t *lead = phase_at(stack ? stack : kernel, i);
	const char *title = json_string_value(json_object_get(lead, "phase"));

	return (struct view){
		.name = name,
		.title = title,
		.stack = phase_named(stack, title),
		.kernel = phase_named(kernel, title),
		.recorded = phase_named(recording, title),
		.old = phase_named(old, title),
		.as = json_string_value(json_object_get(old, "linux")),
		.document = json_object_get(lead, "document"),
	};
}

int lab_report(FILE *out, const char *name, const json_t *stack, const json_t *kernel, const json_t *recording,
               const json_t *old)
{
	const json_t *lead = stack ? stack : kernel;
	size_t count = json_array_size(json_object_get(lead, "phases"));
	int open = 0;

	headline(out, name, stack, kernel, recording);
	for (size_t i = 0; i < count; i++) {
		struct view v = view_of(name, i, stack, kernel, recording, old);

		v.out = out;
		v.color = isatty(fileno(out));
		open += phase_report(&v);
	}
	if (stack)
		overall(out, "stack", stack);
	if (kernel)
		overall(out, "kernel", kernel);
	if (stack && kernel && json_array_size(json_object_get(kernel, "phases")) != count)
		open++;
	if (open)
		fprintf(out, "%s: %d counter%s differ%s without a reason (!)\n", name, open, open == 1 ? "" : "s",
		        open == 1 ? "s" : "");
	else if (stack && (kernel || recording))
		fprintf(out, "%s: every counter of every phase is equal, or its reason is known (~)\n", name);
	fputc('\n', out);
	return open;
}

static json_t *row_json(const struct view *v, const char *host, const char *counter, int *open)
{
	const json_t *other = v->kernel ? v->kernel : v->recorded;
	const json_t *says = json_object_get(json_object_get(v->document, host_name(host)), counter);
	struct judgement j = judge(v, host, counter);
	json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:s}", "phase", v->title, "host", host_name(host), "counter", counter, "mark",
	                      j.mark, "note", j.note);

	*open += j.open;
	if (v->stack)
		json_object_set_new(o, "stack", json_integer(delta(v->stack, host, counter)));
	if (other)
		json_object_set_new(o, "kernel", json_integer(delta(other, host, counter)));
	if (v->old)
		json_object_set_new(o, "old", json_integer(delta(v->old, host, counter)));
	if (says)
		json_object_set(o, "document", (json_t *)says);
	return o;
}

json_t *lab_rows(const char *name, const json_t *stack, const json_t *kernel, const json_t *recording, const json_t *old,
                 int *open)
{
	size_t count = json_array_size(json_object_get(stack ? stack : kernel, "phases"));
	json_t *rows = json_array();

	*open = stack && kernel && json_array_size(json_object_get(kernel, "phases")) != count;
	for (size_t i = 0; i < count; i++) {
		struct view v = view_of(name, i, stack, kernel, recording, old);
		struct names hosts = hosts_of(&v);

		for (size_t h = 0; h < hosts.count; h++) {
			struct names n = names_of(&v, hosts.name[h]);

			for (size_t k = 0; k < n.count; k++)
				json_array_append_new(rows, row_json(&v, hosts.name[h], n.name[k], open));
			free(n.name);
		}
		free(hosts.name);
	}
	return rows;
}

/* Values of one counter in several runs, NULL if they are all the same. */
static json_t *varying(json_t *const run[], int count, size_t phase, const char *host, const char *counter)
{
	json_t *values = json_array();
	bool differ = false;

	for (int i = 0; i < count; i++) {
		long long v = delta(phase_at(run[i], phase), host, counter);

		differ |= v != delta(phase_at(run[0], phase), host, counter);
		json_array_append_new(values, json_integer(v));
	}
	if (differ)
		return values;
	json_decref(values);
	return NULL;
}

void lab_runs_merge(json_t *const run[], int count)
{
	size_t phases = json_array_size(json_object_get(run[0], "phases"));

	for (size_t p = 0; p < phases; p++) {
		json_t *vary = json_object();
		struct names hosts = hosts_of(&(struct view){.kernel = phase_at(run[0], p)});

		for (size_t i = 0; i < hosts.count; i++) {
			const char *h = hosts.name[i];
			struct names n = {0};
			json_t *of_host = json_object();

			for (int r = 0; r < count; r++)
				names_add(&n, json_object_get(phase_at(run[r], p), h));
			for (size_t k = 0; k < n.count; k++) {
				json_t *values = varying(run, count, p, h, n.name[k]);

				if (values)
					json_object_set_new(of_host, n.name[k], values);
			}
			free(n.name);
			if (json_object_size(of_host))
				json_object_set(vary, h, of_host);
			json_decref(of_host);
		}
		free(hosts.name);
		if (json_object_size(vary))
			json_object_set((json_t *)phase_at(run[0], p), "nondeterministic", vary);
		json_decref(vary);
	}
}

json_t *lab_differences(const char *name, const json_t *stack, const json_t *kernel, const json_t *recording, int *open)
{
	json_t *list = json_array();
	size_t count = json_array_size(json_object_get(stack, "phases"));

	*open = json_array_size(json_object_get(kernel, "phases")) != count;
	for (size_t i = 0; i < count; i++) {
		const char *title = json_string_value(json_object_get(phase_at(stack, i), "phase"));
		struct view v = {.name = name,
		                 .title = title,
		                 .stack = phase_at(stack, i),
		                 .kernel = phase_named(kernel, title),
		                 .recorded = phase_named(recording, title)};

		struct names hosts = hosts_of(&v);

		for (size_t h = 0; h < hosts.count; h++) {
			struct names n = names_of(&v, hosts.name[h]);

			for (size_t k = 0; k < n.count; k++) {
				long long a = delta(v.stack, hosts.name[h], n.name[k]),
					  b = delta(v.kernel, hosts.name[h], n.name[k]);
				const char *why = reason_of(&v, hosts.name[h], n.name[k]);

				if (a == b)
					continue;
				*open += !why;
				json_array_append_new(list,
				                      json_pack("{s:s, s:s, s:s, s:I, s:I, s:s?}", "phase", title,
				                                "host", host_name(hosts.name[h]), "counter", n.name[k], "stack",
				                                (json_int_t)a, "kernel", (json_int_t)b, "reason", why));
			}
			free(n.name);
		}
		free(hosts.name);
	}
	return list;
}
