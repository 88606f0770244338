/* SPDX-License-Identifier: MIT
 * What `halfopen top` shows: looks at a host become rows with deltas and rates, in an order, through a filter; keys change what
 * is shown.  No terminal, no clock, no socket in here. */
#ifndef HO_TOP_H
#define HO_TOP_H

#include "top_look.h"

enum top_pane { TOP_LISTENERS, TOP_COUNTERS, TOP_PANES };

enum top_sort {
	TOP_BY_ADDRESS, TOP_BY_ACCEPT_FILL, TOP_BY_SYN_FILL, TOP_BY_ACCEPT_RATE, TOP_BY_DROP_RATE, TOP_BY_DROPS,
	TOP_LISTENER_SORTS,
	TOP_BY_TROUBLE = TOP_LISTENER_SORTS, TOP_BY_RATE, TOP_BY_CHANGE, TOP_BY_VALUE, TOP_BY_NAME, TOP_BY_ORDER,
	TOP_SORTS,
};

struct top_listener_row {
	const struct top_listener *l;
	double accept_rate, drop_rate, cause_rate[HO_DROP_CAUSES]; /* a second */
};

struct top_counter_row {
	const struct top_counter *c;
	int64_t change; /* since the first look */
	double rate;
};

enum top_mode { TOP_LIST, TOP_HELP, TOP_SORT_MENU, TOP_FILTER, TOP_SEARCH, TOP_TEXT };

struct top {
	struct top_look first, then, now;
	unsigned looks; /* of this run of the host */
	struct top_listener_row *listener;
	struct top_counter_row *counter;
	size_t count[TOP_PANES]; /* rows shown */

	enum top_sort sort[TOP_PANES];
	bool inverted[TOP_PANES];
	char filter[48], search[48];
	bool all; /* counters that do not move, too */
	bool paused;

	enum top_mode mode;
	enum top_pane pane;
	size_t selected[TOP_PANES], menu;
	char *text; /* of TOP_TEXT; malloc'ed */
	char title[64];
	size_t text_first, text_lines;
	size_t page; /* lines that a page has: drawing tells */
};

void top_init(struct top *t);
void top_free(struct top *t);

/* A look more.  Owns  takes the look over.  Gives  0; -ENOMEM (nothing has changed, the look is freed).
 * Another run of the host (id) begins anew. */
int top_add(struct top *t, struct top_look *look);

/* Filters and sorts again. */
void top_arrange(struct top *t);

/* Gives  a counter's rate a second, 0 if it is not there. */
double top_rate(const struct top *t, const char *name);
/* Seconds between the last two looks; 0 after the first. */
double top_seconds(const struct top *t);

/* 0: empty; 1: nothing more fits. */
double top_fill(const struct top_queue *q);

/* Letters of either case alike; "" is in everything. */
bool top_contains(const char *text, const char *part);

/* What holds a listener up, in words; "" if nothing does. */
void top_listener_words(const struct top_listener_row *r, char *buf, size_t cap_bytes);

/* "drops", "rate" ...: as --sort and the menu have it; NULL after the last. */
const char *top_sort_name(enum top_sort s);
bool top_sort_set(struct top *t, const char *name);
enum top_pane top_sort_pane(enum top_sort s);

/* ---- keys ---- */

enum top_key {
	TOP_KEY_UP = 256, TOP_KEY_DOWN, TOP_KEY_PAGE_UP, TOP_KEY_PAGE_DOWN, TOP_KEY_HOME, TOP_KEY_END, TOP_KEY_ENTER, TOP_KEY_ESCAPE,
	TOP_KEY_BACKSPACE, TOP_KEY_F1, /* F2 to F10 follow */ TOP_KEY_F10 = TOP_KEY_F1 + 9,
};

enum top_wish { TOP_NOTHING, TOP_QUIT, TOP_TELL_LISTENER, TOP_TELL_COUNTER };

/* key: enum top_key, or a letter.  Gives  what the caller is to do; top_tell brings the text that was wished for. */
enum top_wish top_key(struct top *t, int key);
/* Shows a text.  Takes  text: malloc'ed, is owned from now on. */
void top_tell(struct top *t, const char *title, char *text);

extern const char top_help[];

#endif
