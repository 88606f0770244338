/* SPDX-License-Identifier: MIT
 * lab: pages (page.h).  page.html and index.html have marks of the form @NAME@, which become the title, the data, or a
 * file; the data are JSON in which no '<' is left, so that no text of an experiment can end the script that it stands in. */
#include "page.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "halfopen/counter.h"

#define THUMB_PACKETS 12

struct lab_pages {
	bool many;
	bool made;  /* the page is a file that was not there before, and is empty */
	char *path; /* of the directory, or of the page */
	FILE *file; /* the page, not yet emptied, or index.html */
	json_t *index;
	int err;
};

static const char *text_of(const char *name)
{
	for (const struct lab_file *f = lab_page_files; f->name; f++)
		if (strcmp(f->name, name) == 0)
			return f->text;
	abort();
}

/* ---- writing ---- */
static void put_escaped(FILE *f, const char *text)
{
	for (; *text; text++)
		switch (*text) {
		case '&': fputs("&amp;", f); break;
		case '<': fputs("&lt;", f); break;
		case '>': fputs("&gt;", f); break;
		case '"': fputs("&quot;", f); break;
		default: fputc(*text, f);
		}
}

static int put_data(const char *bytes, size_t len, void *file)
{
	for (size_t i = 0; i < len; i++)
		if (bytes[i] == '<')
			fputs("\\u003c", file);
		else
			fputc(bytes[i], file);
	return 0;
}

static void put_page(FILE *f, const char *template, const char *title, const json_t *data)
{
	char mark[32];

	for (const char *at = text_of(template), *end; *at; at = end + 1) {
		size_t plain = strcspn(at, "@");

		fwrite(at, 1, plain, f);
		at += plain;
		if (!*at || !(end = strchr(at + 1, '@')))
			break;
		snprintf(mark, sizeof mark, "%.*s", (int)(end - at - 1), at + 1);
		if (strcmp(mark, "TITLE") == 0)
			put_escaped(f, title);
		else if (strcmp(mark, "DATA") == 0)
			json_dump_callback(data, put_data, f, JSON_COMPACT | JSON_REAL_PRECISION(12));
		else
			fputs(text_of(mark), f);
	}
}

/* ---- what a page says ---- */

/* The comment that a script begins with, up to the last sentence that fits. */
static void summary_of(const char *text, char *buf, size_t cap)
{
	size_t len = 0, end = 0;

	while (strncmp(text, "--", 2) == 0) {
		text += strspn(text, "- ");
		size_t n = strcspn(text, "\n"), room = cap - 1 - len;
		bool cut = n + (len > 0) > room;

		if (n == 0)
			break;
		len += (size_t)snprintf(buf + len, cap - len, "%s%.*s", len ? " " : "", (int)n, text);
		if (cut) {
			len = end;
			break;
		}
		for (size_t i = 1; i < len; i++)
			if (buf[i - 1] == '.' && buf[i] == ' ')
				end = i;
		if (buf[len - 1] == '.')
			end = len;
		text += n + (text[n] == '\n');
	}
	buf[len ? len : end] = 0;
}

static json_t *text_json(const char *text)
{
	json_t *j = json_string(text);

	return j ? j : json_string("(not UTF-8)");
}

static void counter_say(json_t *what, const char *name)
{
	int c = ho_counter_find(name);
	const struct ho_counter_row *row = c < 0 ? NULL : ho_counter_row((unsigned)c);

	if (row && !json_object_get(what, name))
		json_object_set_new(what, name, json_string(row->text));
}

/* A result, without the trace: the ladder has more of it. */
static json_t *world_json(const json_t *r)
{
	json_t *w = json_copy((json_t *)r), *phases = json_array(), *p;
	size_t i;

	json_object_del(w, "trace");
	json_array_foreach (json_object_get(r, "phases"), i, p) {
		json_t *copy = json_object();

		json_object_set(copy, "phase", json_object_get(p, "phase"));
		json_object_set(copy, "observations", json_object_get(p, "observations"));
		if (json_object_get(p, "why"))
			json_object_set(copy, "why", json_object_get(p, "why"));
		json_array_append_new(phases, copy);
	}
	json_object_set_new(w, "phases", phases);
	return w;
}

static json_t *what_of(const json_t *rows, const json_t *worlds)
{
	json_t *what = json_object(), *v, *name;
	size_t i, k;

	json_array_foreach (rows, i, v)
		counter_say(what, json_string_value(json_object_get(v, "counter")));
	json_array_foreach (worlds, i, v)
		json_array_foreach (json_object_get(json_object_get(v, "ladder"), "names"), k, name)
			counter_say(what, json_string_value(name));
	return what;
}

static json_t *page_json(const struct lab_shown *s)
{
	const json_t *results[] = {s->stack, s->kernel, s->old};
	json_t *worlds = json_array();
	char line[320] = "";
	int open;

	for (int i = 0; i < 3; i++)
		if (results[i])
			json_array_append_new(worlds, world_json(results[i]));
	json_t *rows = lab_rows(s->name, s->stack, s->kernel, s->recording, s->old, &open);

	summary_of(s->text, line, sizeof line);
	json_t *doc = json_pack("{s:o, s:o, s:o, s:i, s:o, s:o, s:o}", "experiment", text_json(s->name), "summary",
	                        text_json(line), "text", text_json(s->text), "open", open, "what",
	                        what_of(rows, worlds), "rows", rows, "worlds", worlds);

	if (!s->kernel && s->recording)
		json_object_set_new(doc, "recorded",
		                    json_pack("{s:O, s:O}", "kernel", json_object_get(s->recording, "kernel"),
		                              "topology", json_object_get(s->recording, "topology")));
	if (s->not_on_kernel)
		json_object_set_new(doc, "not_on_kernel", json_string(s->not_on_kernel));
	return doc;
}

/* ---- the index ---- */
static json_t *thumb_of(const json_t *ladder)
{
	json_t *list = json_array(), *p;
	size_t i;

	json_array_foreach (json_object_get(ladder, "packets"), i, p) {
		if (i == THUMB_PACKETS)
			break;
		const json_t *wire = json_array_get(json_object_get(ladder, "wires"),
		                                    (size_t)json_integer_value(json_object_get(p, "w")));
		json_t *f = json_object_get(p, "f"), *h = json_object_get(p, "h"), *end = json_array_get(wire, 0);
		bool there = json_equal(end, f) || json_equal(end, h);

		json_array_append_new(list, json_pack("[O, O, i, O]", f, h, json_object_get(p, "l") != NULL,
		                                      json_array_get(wire, there ? 1 : 0)));
	}
	return list;
}

static json_t *card_of(const struct lab_shown *s, const json_t *doc)
{
	const json_t *lead = json_array_get(json_object_get(doc, "worlds"), 0),
		     *ladder = json_object_get(lead, "ladder");
	json_t *failed = json_object_get(lead, "failures"), *row;
	json_t *loud = json_array();
	size_t i;

	json_array_foreach (json_object_get(doc, "rows"), i, row) {
		const char *name = json_string_value(json_object_get(row, "counter"));

		if (strncmp(name, "TcpExt", 6) == 0 && json_integer_value(json_object_get(row, "stack")))
			json_array_append_new(loud, json_string(name + 6));
	}
	return json_pack("{s:s, s:O, s:O, s:O, s:i, s:O, s:O?, s:O?, s:b, s:O, s:o, s:o}", "name", s->name, "summary",
	                 json_object_get(doc, "summary"), "seen", json_object_get(ladder, "seen"), "seconds",
	                 json_object_get(lead, "seconds"), "phases",
	                 (int)json_array_size(json_object_get(lead, "phases")), "open", json_object_get(doc, "open"),
	                 "failures", failed, "kernel", json_object_get(s->kernel ? s->kernel : s->recording, "kernel"),
	                 "live", s->kernel != NULL, "hosts", json_object_get(ladder, "hosts"), "thumb",
	                 thumb_of(ladder), "counters", loud);
}

static FILE *open_in(const struct lab_pages *p, const char *name)
{
	char path[4096];

	snprintf(path, sizeof path, "%s/%s", p->path, name);
	return fopen(path, "w");
}

static void page_in(struct lab_pages *p, const struct lab_shown *s, json_t *doc)
{
	char name[256];

	snprintf(name, sizeof name, "%s.html", s->name);
	FILE *f = open_in(p, name);

	if (!f) {
		p->err = -errno;
		return;
	}
	json_object_set_new(doc, "index", json_true());
	put_page(f, "page.html", s->name, doc);
	if (fclose(f))
		p->err = -errno;
	json_array_append_new(p->index, card_of(s, doc));
}

/* ---- outside ---- */
int lab_pages_open(const char *path, bool many, struct lab_pages **out)
{
	struct lab_pages *p = calloc(1, sizeof *p);
	int e = 0;

	if (!p || !(p->path = strdup(path)))
		abort();
	p->many = many;
	p->index = json_array();
	if (many && mkdir(path, 0777) && errno != EEXIST)
		e = -errno;
	p->made = !many && access(path, F_OK) != 0;
	if (!e && !(p->file = many ? open_in(p, "index.html") : fopen(path, "a")))
		e = -errno;
	*out = e ? NULL : p;
	if (e)
		lab_pages_close(p);
	return e;
}

void lab_pages_add(struct lab_pages *p, const struct lab_shown *s)
{
	json_t *doc = page_json(s);

	if (p->many)
		page_in(p, s, doc);
	else if (!(p->file = freopen(p->path, "w", p->file)))
		p->err = -errno;
	else
		put_page(p->file, "page.html", s->name, doc);
	p->made = false;
	json_decref(doc);
}

int lab_pages_close(struct lab_pages *p)
{
	int e;

	if (!p)
		return 0;
	if (p->file && p->many)
		put_page(p->file, "index.html", "experiments", p->index);
	if (p->file && fclose(p->file) && !p->err)
		p->err = -errno;
	if (p->file && p->made)
		unlink(p->path);
	e = p->err;
	json_decref(p->index);
	free(p->path);
	free(p);
	return e;
}
