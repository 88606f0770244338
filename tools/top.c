/* SPDX-License-Identifier: MIT
 * Looks at a host become rows: what changed, how fast, in which order. */
#include "top.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	bool down; /* large ones first */
} sorts[TOP_SORTS] = {
	[TOP_BY_ADDRESS] = {"address", false},     [TOP_BY_ACCEPT_FILL] = {"accept", true},
	[TOP_BY_SYN_FILL] = {"syn", true},         [TOP_BY_ACCEPT_RATE] = {"accepts", true},
	[TOP_BY_DROP_RATE] = {"drops/s", true},    [TOP_BY_DROPS] = {"drops", true},
	[TOP_BY_TROUBLE] = {"trouble", true},      [TOP_BY_RATE] = {"rate", true},            [TOP_BY_CHANGE] = {"change", true},
	[TOP_BY_VALUE] = {"value", true},          [TOP_BY_NAME] = {"name", false},
	[TOP_BY_ORDER] = {"order", false},
};

const char *top_sort_name(enum top_sort s)
{
	return s < TOP_SORTS ? sorts[s].name : NULL;
}

enum top_pane top_sort_pane(enum top_sort s)
{
	return s < TOP_LISTENER_SORTS ? TOP_LISTENERS : TOP_COUNTERS;
}

bool top_sort_set(struct top *t, const char *name)
{
	for (unsigned s = 0; s < TOP_SORTS; s++)
		if (strcmp(sorts[s].name, name) == 0) {
			t->sort[top_sort_pane(s)] = s;
			return true;
		}
	return false;
}

void top_init(struct top *t)
{
	*t = (struct top){.sort = {TOP_BY_ADDRESS, TOP_BY_TROUBLE}, .page = 10};
}

void top_free(struct top *t)
{
	top_look_free(&t->first);
	top_look_free(&t->then);
	top_look_free(&t->now);
	free(t->listener);
	free(t->counter);
	free(t->text);
	*t = (struct top){0};
}

double top_fill(const struct top_queue *q)
{
	if (q->holds == 0)
		return q->now > 0 ? 1 : 0;
	return q->now >= q->holds ? 1 : (double)q->now / q->holds;
}

double top_seconds(const struct top *t)
{
	return t->looks > 1 && t->now.at > t->then.at ? (double)(t->now.at - t->then.at) / (double)HO_SEC : 0;
}

/* A level may go down, and so may its rate. */
static double rate_of(const struct top *t, uint64_t now, uint64_t then)
{
	double seconds = top_seconds(t);

	return seconds > 0 ? (double)(int64_t)(now - then) / seconds : 0;
}

static uint64_t value_in(const struct top_look *l, const struct top_counter *of, size_t guess)
{
	const struct top_counter *c;

	if (guess < l->counter_count && strcmp(l->counter[guess].name, of->name) == 0)
		return l->counter[guess].value;
	c = top_look_counter(l, of->name);
	return c != NULL ? c->value : 0; /* rows of IcmpMsg appear when they begin to count */
}

double top_rate(const struct top *t, const char *name)
{
	const struct top_counter *c = top_look_counter(&t->now, name);

	return c == NULL ? 0 : rate_of(t, c->value, value_in(&t->then, c, 0));
}

/* ---- rows ---- */

bool top_contains(const char *text, const char *part)
{
	size_t len = strlen(part);

	for (; strlen(text) >= len; text++) {
		size_t i = 0;

		while (i < len && tolower((unsigned char)text[i]) == tolower((unsigned char)part[i]))
			i++;
		if (i == len)
			return true;
		if (*text == '\0')
			break;
	}
	return false;
}

static void listener_row(const struct top *t, const struct top_listener *l, struct top_listener_row *r)
{
	const struct top_listener *then = t->looks > 1 ? top_look_listener(&t->then, l) : NULL;

	*r = (struct top_listener_row){.l = l};
	if (then == NULL)
		return;
	r->accept_rate = rate_of(t, l->accepted, then->accepted);
	r->drop_rate = rate_of(t, l->drops_all, then->drops_all);
	for (int i = 0; i < HO_DROP_CAUSES; i++)
		r->cause_rate[i] = rate_of(t, l->drops[i], then->drops[i]);
}

static void rows_make(struct top *t)
{
	t->count[TOP_LISTENERS] = t->count[TOP_COUNTERS] = 0;
	for (size_t i = 0; i < t->now.listener_count; i++)
		if (top_contains(t->now.listener[i].local, t->filter))
			listener_row(t, &t->now.listener[i], &t->listener[t->count[TOP_LISTENERS]++]);
	for (size_t i = 0; i < t->now.counter_count; i++) {
		const struct top_counter *c = &t->now.counter[i];
		struct top_counter_row r = {
			.c = c,
			.change = (int64_t)(c->value - value_in(&t->first, c, i)),
			.rate = t->looks > 1 ? rate_of(t, c->value, value_in(&t->then, c, i)) : 0,
		};

		if (top_contains(c->name, t->filter) && (r.change != 0 || r.rate != 0 || (t->all && c->value != 0)))
			t->counter[t->count[TOP_COUNTERS]++] = r;
	}
}

/* ---- order ---- */

static int three_way(double a, double b)
{
	return (a > b) - (a < b);
}

static int address_compare(const char *a, const char *b)
{
	uint32_t x[5] = {0}, y[5] = {0};

	sscanf(a, "%u.%u.%u.%u:%u", &x[0], &x[1], &x[2], &x[3], &x[4]);
	sscanf(b, "%u.%u.%u.%u:%u", &y[0], &y[1], &y[2], &y[3], &y[4]);
	for (int i = 4; i < 9; i++) /* the port first */
		if (x[i % 5] != y[i % 5])
			return x[i % 5] < y[i % 5] ? -1 : 1;
	return 0;
}

static int listener_compare(enum top_sort by, const struct top_listener_row *a, const struct top_listener_row *b)
{
	switch (by) {
	case TOP_BY_ACCEPT_FILL: return three_way(top_fill(&a->l->accept), top_fill(&b->l->accept));
	case TOP_BY_SYN_FILL: return three_way(top_fill(&a->l->syn), top_fill(&b->l->syn));
	case TOP_BY_ACCEPT_RATE: return three_way(a->accept_rate, b->accept_rate);
	case TOP_BY_DROP_RATE: return three_way(a->drop_rate, b->drop_rate);
	case TOP_BY_DROPS: return (a->l->drops_all > b->l->drops_all) - (a->l->drops_all < b->l->drops_all);
	default: return address_compare(a->l->local, b->l->local);
	}
}

static double magnitude(double v)
{
	return v < 0 ? -v : v;
}

static int counter_compare(enum top_sort by, const struct top_counter_row *a, const struct top_counter_row *b)
{
	switch (by) {
	case TOP_BY_TROUBLE:
		if (a->c->trouble != b->c->trouble)
			return a->c->trouble ? 1 : -1;
		return three_way(magnitude(a->rate), magnitude(b->rate));
	case TOP_BY_RATE: return three_way(magnitude(a->rate), magnitude(b->rate));
	case TOP_BY_CHANGE: return three_way(magnitude((double)a->change), magnitude((double)b->change));
	case TOP_BY_VALUE: return (a->c->value > b->c->value) - (a->c->value < b->c->value);
	case TOP_BY_NAME: return strcmp(a->c->name, b->c->name);
	default: return 0;
	}
}

/* Rows that are equal stay in the order that the host has them in: its own, which does not change. */
static bool comes_first(const struct top *t, enum top_pane pane, size_t a, size_t b)
{
	enum top_sort by = t->sort[pane];
	int order = pane == TOP_LISTENERS ? listener_compare(by, &t->listener[a], &t->listener[b])
	                                  : counter_compare(by, &t->counter[a], &t->counter[b]);

	if (order == 0)
		order = pane == TOP_LISTENERS ? three_way((double)(t->listener[a].l - t->now.listener), (double)(t->listener[b].l - t->now.listener))
		                              : three_way((double)(t->counter[a].c - t->now.counter), (double)(t->counter[b].c - t->now.counter));
	else if (sorts[by].down)
		order = -order;
	return t->inverted[pane] ? order > 0 : order < 0;
}

static void rows_swap(struct top *t, enum top_pane pane, size_t a, size_t b)
{
	if (pane == TOP_LISTENERS) {
		struct top_listener_row r = t->listener[a];

		t->listener[a] = t->listener[b];
		t->listener[b] = r;
	} else {
		struct top_counter_row r = t->counter[a];

		t->counter[a] = t->counter[b];
		t->counter[b] = r;
	}
}

/* Heap sort: a thousand listeners, no memory, and qsort hands no context on. */
static void sift(struct top *t, enum top_pane pane, size_t root, size_t count)
{
	for (;;) {
		size_t child = 2 * root + 1;

		if (child >= count)
			return;
		if (child + 1 < count && comes_first(t, pane, child, child + 1))
			child++;
		if (!comes_first(t, pane, root, child))
			return;
		rows_swap(t, pane, root, child);
		root = child;
	}
}

static void pane_sort(struct top *t, enum top_pane pane)
{
	size_t count = t->count[pane];

	for (size_t i = count / 2; i-- > 0;)
		sift(t, pane, i, count);
	for (size_t end = count; end > 1; end--) {
		rows_swap(t, pane, 0, end - 1);
		sift(t, pane, 0, end - 1);
	}
}

/* The cursor stays on its row while there is that row. */
static void selection_find(struct top *t, const char *listener, const char *counter)
{
	for (size_t i = 0; i < t->count[TOP_LISTENERS]; i++)
		if (strcmp(t->listener[i].l->local, listener) == 0)
			t->selected[TOP_LISTENERS] = i;
	for (size_t i = 0; i < t->count[TOP_COUNTERS]; i++)
		if (strcmp(t->counter[i].c->name, counter) == 0)
			t->selected[TOP_COUNTERS] = i;
	for (int p = 0; p < TOP_PANES; p++)
		if (t->selected[p] >= t->count[p])
			t->selected[p] = t->count[p] > 0 ? t->count[p] - 1 : 0;
}

static void arrange_at(struct top *t, const char *listener, const char *counter)
{
	rows_make(t);
	pane_sort(t, TOP_LISTENERS);
	pane_sort(t, TOP_COUNTERS);
	selection_find(t, listener, counter);
}

static const char *selected_name(const struct top *t, enum top_pane pane)
{
	size_t i = t->selected[pane];

	if (i == 0 || i >= t->count[pane])
		return ""; /* the first row is the first row */
	return pane == TOP_LISTENERS ? t->listener[i].l->local : t->counter[i].c->name;
}

void top_arrange(struct top *t)
{
	char listener[24], counter[48];

	snprintf(listener, sizeof(listener), "%s", selected_name(t, TOP_LISTENERS));
	snprintf(counter, sizeof(counter), "%s", selected_name(t, TOP_COUNTERS));
	arrange_at(t, listener, counter);
}

/* ---- looks ---- */

static int rows_reserve(struct top *t, const struct top_look *look)
{
	struct top_listener_row *l = calloc(look->listener_count + 1, sizeof(*l));
	struct top_counter_row *c = calloc(look->counter_count + 1, sizeof(*c));

	if (l == NULL || c == NULL) {
		free(l);
		free(c);
		return -ENOMEM;
	}
	free(t->listener);
	free(t->counter);
	t->listener = l;
	t->counter = c;
	return 0;
}

/* Of the first look only the values of counters are asked for later. */
static int first_keep(struct top *t, const struct top_look *look)
{
	struct top_look first = {.at = look->at, .counter_count = look->counter_count};

	first.counter = calloc(look->counter_count + 1, sizeof(*first.counter));
	if (first.counter == NULL)
		return -ENOMEM;
	memcpy(first.counter, look->counter, look->counter_count * sizeof(*first.counter));
	top_look_free(&t->first);
	t->first = first;
	t->looks = 0;
	return 0;
}

int top_add(struct top *t, struct top_look *look)
{
	char listener[24], counter[48];
	int err = 0;

	snprintf(listener, sizeof(listener), "%s", selected_name(t, TOP_LISTENERS));
	snprintf(counter, sizeof(counter), "%s", selected_name(t, TOP_COUNTERS));
	if (t->looks == 0 || strcmp(t->now.id, look->id) != 0)
		err = first_keep(t, look);
	if (err == 0)
		err = rows_reserve(t, look);
	if (err != 0) {
		top_look_free(look);
		return err;
	}
	top_look_free(&t->then);
	t->then = t->now;
	t->now = *look;
	*look = (struct top_look){0};
	t->looks++;
	arrange_at(t, listener, counter);
	return 0;
}

/* ---- words ---- */

static const char *limit_words(const struct top_listener *l, const struct top_queue *q, char buf[48])
{
	if (strcmp(q->clamp, "backlog") == 0)
		snprintf(buf, 48, "listen(%d)", l->backlog);
	else if (strcmp(q->clamp, "somaxconn") == 0)
		snprintf(buf, 48, "net.core.somaxconn");
	else
		snprintf(buf, 48, "%.47s", q->clamp);
	return buf;
}

void top_listener_words(const struct top_listener_row *r, char *buf, size_t cap_bytes)
{
	const struct top_listener *l = r->l;
	char limit[48];

	buf[0] = '\0';
	if (l->accept.now > 0 && top_fill(&l->accept) >= 1) {
		limit_words(l, &l->accept, limit);
		if (l->last_accept_ms == TOP_NONE)
			snprintf(buf, cap_bytes, "full (limit: %s): the program has never accepted", limit);
		else if (r->accept_rate <= 0)
			snprintf(buf, cap_bytes, "full (limit: %s): the program last accepted %.1f s ago", limit,
			         (double)l->last_accept_ms / 1000);
		else
			snprintf(buf, cap_bytes, "full (limit: %s): the program is too slow for what comes", limit);
	} else if (l->syn.now > 0 && top_fill(&l->syn) >= 1) {
		snprintf(buf, cap_bytes, "the SYN queue is full (limit: %s)%s", limit_words(l, &l->syn, limit),
		         l->cookies > 0 ? ": cookies are sent" : "");
	}
}
