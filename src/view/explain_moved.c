/* SPDX-License-Identifier: MIT
 * What moved on a stack, worst first, and what its listeners say to it. */
#include <stdio.h>
#include <string.h>

#include "pages.h"
#include "view.h"

static const char *const grade_words[GRADES] = {
	[LOST] = "this host refused or lost something",
	[TROUBLE] = "something went wrong on the way, or at the other end",
	[WATCH] = "ordinary in small numbers",
	[FINE] = "ordinary work",
};

static enum grade grade_of(unsigned counter)
{
	const struct page *p = page_of(counter);

	return p != NULL ? p->grade : GRADES; /* a constant has none */
}

/* The one with the largest value that is smaller than this one's, or as large and comes later; rows by value, largest first. */
static int next_of(const struct ho_stack *s, enum grade grade, int last)
{
	uint64_t last_value = last >= 0 ? ho_counter_get(s, (unsigned)last) : UINT64_MAX;
	uint64_t best_value = 0;
	int best = -1;

	for (unsigned i = 0; i < HO_COUNTER_COUNT; i++) {
		uint64_t value = ho_counter_get(s, i);

		if (value == 0 || grade_of(i) != grade || value > last_value)
			continue;
		if (value == last_value && (int)i <= last)
			continue;
		if (value > best_value) {
			best = (int)i;
			best_value = value;
		}
	}
	return best;
}

static void part_say(struct text *t, const char *heading, const char *words)
{
	text_add(t, "  %-10s  ", heading);
	words_wrap(t, words);
}

/* What a counter counts; w: room for those that have no row. */
static const char *counts_words(struct words *w, unsigned counter)
{
	const struct ho_counter_row *row = ho_counter_row(counter);
	bool out = counter >= HO_IcmpMsgOutType;

	if (row != NULL)
		return row->text;
	text_add(words_begin(w), "an ICMP message of type %u %s",
	         counter - (unsigned)(out ? HO_IcmpMsgOutType : HO_IcmpMsgInType), out ? "was sent" : "arrived");
	return w->buf;
}

/* Which listeners moved it. */
static void listeners_say(struct text *t, const struct ho_stack *s, unsigned counter)
{
	uint64_t cursor = 0, total = ho_counter_get(s, counter), there = 0;
	struct listener l;
	struct words w;
	struct text *line = words_begin(&w);
	char local[22];

	while (listener_next(s, &cursor, &l)) {
		uint64_t here = ho_counter_get_sock(s, l.i.fd, counter);

		if (here == 0)
			continue;
		endpoint_words(l.i.local, local);
		text_add(line, "%slistener %s: %llu", there > 0 ? ", " : "", local, LLU(here));
		there += here;
	}
	if (there == 0)
		return;
	if (total > there)
		text_add(line, ", elsewhere: %llu", LLU(total - there));
	part_say(t, "where", w.buf);
}

static void counter_say(struct text *t, const struct ho_stack *s, unsigned counter, const struct page *p)
{
	const struct ho_counter_row *row = ho_counter_row(counter);
	char name[64];
	struct words w;

	ho_counter_name(counter, name, sizeof(name));
	text_add(t, "\n%s  %llu\n", name, LLU(ho_counter_get(s, counter)));
	part_say(t, row != NULL && row->kind == HO_LEVEL ? "says" : "counts", counts_words(&w, counter));
	listeners_say(t, s, counter);
	part_say(t, "means", p->means);
	part_say(t, "bad", p->bad);
	part_say(t, "look at", p->next);
	if (p->limits[0] != '\0')
		part_say(t, "limits", p->limits);
}

static void grade_say(struct text *t, const struct ho_stack *s, enum grade grade)
{
	int counter = next_of(s, grade, -1);

	if (counter < 0)
		return;
	text_add(t, "%s-- %s\n", t->len_bytes > 0 ? "\n" : "", grade_words[grade]);
	for (; counter >= 0; counter = next_of(s, grade, counter))
		counter_say(t, s, (unsigned)counter, page_of((unsigned)counter));
}

/* Names and numbers, in the order of /proc/net/snmp and netstat. */
static void fine_say(struct text *t, const struct ho_stack *s)
{
	char name[64];

	text_add(t, "%s-- %s\n\n", t->len_bytes > 0 ? "\n" : "", grade_words[FINE]);
	for (unsigned i = 0; i < HO_COUNTER_COUNT; i++) {
		if (ho_counter_get(s, i) == 0 || grade_of(i) != FINE)
			continue;
		ho_counter_name(i, name, sizeof(name));
		text_add(t, "  %-32s %llu\n", name, LLU(ho_counter_get(s, i)));
	}
}

static void listeners_that_dropped_say(struct text *t, const struct ho_stack *s)
{
	struct listener l;
	uint64_t cursor = 0;
	bool first = true;

	while (listener_next(s, &cursor, &l)) {
		if (!listener_has_dropped(&l))
			continue;
		text_add(t, first ? "%s-- who dropped, and what to change\n\n" : "\n", t->len_bytes > 0 ? "\n" : "");
		first = false;
		listener_say(t, &l);
	}
}

/* ---- read together ---- */

struct together {
	struct words numbers;
	unsigned moved;
	bool bad; /* one of those that moved is */
	bool json;
};

static void together_add(struct together *g, const struct ho_stack *s, const char *name)
{
	int counter = ho_counter_find(name);
	uint64_t value = counter < 0 ? 0 : ho_counter_get(s, (unsigned)counter);

	text_add(&g->numbers.t, g->json ? "%s\"%s\":%llu" : "%s%s %llu", g->numbers.t.len_bytes > 0 ? ", " : "", name, LLU(value));
	if (value == 0)
		return;
	g->moved++;
	g->bad = g->bad || grade_of((unsigned)counter) <= TROUBLE;
}

static void together_of(struct together *g, const struct ho_stack *s, const struct relation *r)
{
	char name[64];

	g->moved = 0;
	g->bad = false;
	words_begin(&g->numbers);
	for (const char *at = r->counters; *at != '\0'; at += strspn(at, " ")) {
		size_t len = strcspn(at, " ");

		snprintf(name, sizeof(name), "%.*s", (int)len, at);
		together_add(g, s, name);
		at += len;
	}
}

/* Relations of which several counters moved, a bad one among them. */
static void relations_say(struct text *t, const struct ho_stack *s)
{
	const struct relation *r;
	struct together g = {.json = false};
	bool first = true;

	for (unsigned i = 0; (r = relation_row(i)) != NULL; i++) {
		together_of(&g, s, r);
		if (g.moved < 2 || !g.bad)
			continue;
		if (first)
			text_add(t, "\n-- read together: halfopen explain WORD\n\n");
		first = false;
		text_add(t, "%s: %s\n", r->word, r->title);
		part_say(t, "numbers", g.numbers.buf);
	}
}

size_t ho_view_explain_moved(const struct ho_stack *s, char *buf, size_t cap_bytes)
{
	struct text t = text_into(buf, cap_bytes);

	listeners_that_dropped_say(&t, s);
	grade_say(&t, s, LOST);
	grade_say(&t, s, TROUBLE);
	grade_say(&t, s, WATCH);
	relations_say(&t, s);
	if (next_of(s, FINE, -1) >= 0)
		fine_say(&t, s);
	if (t.len_bytes == 0)
		text_add(&t, "nothing has moved\n");
	return t.len_bytes;
}

/* ---- JSON ---- */

static void member_add(struct text *t, const char *name, const char *words)
{
	text_add(t, ",\"%s\":", name);
	text_json(t, words);
}

static void listeners_that_dropped_add(struct text *t, const struct ho_stack *s)
{
	const char *between = "";
	struct listener l;
	uint64_t cursor = 0;

	while (listener_next(s, &cursor, &l)) {
		if (!listener_has_dropped(&l))
			continue;
		text_add(t, "%s\n", between);
		listener_say_json(t, &l);
		between = ",";
	}
}

static void where_add(struct text *t, const struct ho_stack *s, unsigned counter)
{
	const char *between = "";
	struct listener l;
	uint64_t cursor = 0;
	char local[22];

	text_add(t, ",\"where\":[");
	while (listener_next(s, &cursor, &l)) {
		uint64_t here = ho_counter_get_sock(s, l.i.fd, counter);

		if (here == 0)
			continue;
		endpoint_words(l.i.local, local);
		text_add(t, "%s{\"listener\":\"%s\",\"value\":%llu}", between, local, LLU(here));
		between = ",";
	}
	text_add(t, "]");
}

static void page_add(struct text *t, const struct ho_stack *s, unsigned counter, const struct page *p)
{
	struct words w;

	member_add(t, "counts", counts_words(&w, counter));
	member_add(t, "means", p->means);
	member_add(t, "bad", p->bad);
	member_add(t, "look_at", p->next);
	member_add(t, "limits", p->limits);
	where_add(t, s, counter);
}

static void counter_add(struct text *t, const struct ho_stack *s, unsigned counter, const char **between)
{
	static const char *const names[GRADES] = {
		[LOST] = "lost", [TROUBLE] = "trouble", [WATCH] = "watch", [FINE] = "fine"};
	const struct page *p = page_of(counter);
	char name[64];

	ho_counter_name(counter, name, sizeof(name));
	text_add(t, "%s\n{\"counter\":\"%s\",\"value\":%llu,\"grade\":\"%s\"", *between, name,
	         LLU(ho_counter_get(s, counter)), names[p->grade]);
	if (p->grade != FINE)
		page_add(t, s, counter, p);
	text_add(t, "}");
	*between = ",";
}

static void moved_add(struct text *t, const struct ho_stack *s)
{
	const char *between = "";

	for (enum grade grade = LOST; grade < FINE; grade++)
		for (int c = next_of(s, grade, -1); c >= 0; c = next_of(s, grade, c))
			counter_add(t, s, (unsigned)c, &between);
	for (unsigned c = 0; c < HO_COUNTER_COUNT; c++)
		if (ho_counter_get(s, c) != 0 && grade_of(c) == FINE)
			counter_add(t, s, c, &between);
}

static void together_all_add(struct text *t, const struct ho_stack *s)
{
	const char *between = "";
	const struct relation *r;
	struct together g = {.json = true};

	for (unsigned i = 0; (r = relation_row(i)) != NULL; i++) {
		together_of(&g, s, r);
		if (g.moved < 2 || !g.bad)
			continue;
		text_add(t, "%s\n{\"word\":\"%s\"", between, r->word);
		member_add(t, "title", r->title);
		text_add(t, ",\"numbers\":{%s}}", g.numbers.buf);
		between = ",";
	}
}

size_t ho_view_explain_moved_json(const struct ho_stack *s, char *buf, size_t cap_bytes)
{
	struct text t = text_into(buf, cap_bytes);

	text_add(&t, "{\"dropped\":[");
	listeners_that_dropped_add(&t, s);
	text_add(&t, "],\"moved\":[");
	moved_add(&t, s);
	text_add(&t, "],\"together\":[");
	together_all_add(&t, s);
	text_add(&t, "]}\n");
	return t.len_bytes;
}
