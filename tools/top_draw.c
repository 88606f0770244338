/* SPDX-License-Identifier: MIT
 * The screen of `halfopen top`: a line of the host, listeners, counters, a line of keys.  What does not fit is left out: columns
 * on the right of small screens first, then lines. */
#include "top_screen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_COLS_MIN 8
#define BAR_COLS_MIN 12

static int int_max(int a, int b)
{
	return a > b ? a : b;
}

static int int_min(int a, int b)
{
	return a < b ? a : b;
}

/* "12.3", "1234", "1.2M": seven columns at most. */
static char *rate_words(double rate, char buf[24])
{
	double size = rate < 0 ? -rate : rate;

	if (size < 99999.95)
		snprintf(buf, 24, "%.1f", rate);
	else if (size < 1e8)
		snprintf(buf, 24, "%.1fk", rate / 1e3);
	else
		snprintf(buf, 24, "%.1fM", rate / 1e6);
	return buf;
}

/* ---- the host ---- */

static void head_draw(struct screen *s, const struct top *t, const struct top_drawing *d)
{
	char in[24], out[24], again[24], drops[24];
	const struct top_counter *established = top_look_counter(&t->now, "TcpCurrEstab");
	int col;

	screen_fill(s, 0, 0, s->cols, LOOK_HEAD);
	col = screen_print(s, 0, 0, LOOK_HEAD, " halfopen top  %s   every %.1f s, %.0f s so far%s", d->host, d->delay_s,
	                   t->looks > 0 ? (double)(t->now.at - t->first.at) / (double)HO_SEC : 0.0,
	                   t->paused ? "   PAUSED" : "");
	if (t->filter[0] != '\0')
		screen_print(s, 0, col, LOOK_HEAD, "   filter: %s", t->filter);
	if (s->rows < 8)
		return;
	screen_print(s, 1, 0, LOOK_PLAIN, " %llu established   segments/s %s in, %s out, %s again   ListenDrops/s %s",
	             established != NULL ? (unsigned long long)established->value : 0ull,
	             rate_words(top_rate(t, "TcpInSegs"), in), rate_words(top_rate(t, "TcpOutSegs"), out),
	             rate_words(top_rate(t, "TcpRetransSegs"), again), rate_words(top_rate(t, "TcpExtListenDrops"), drops));
}

/* ---- listeners ---- */

struct layout { /* columns; 0: not shown */
	int name, accept, syn, accept_rate, drop_rate, drops;
	int accept_numbers, syn_numbers;
};

static int numbers_cols(const struct top *t, bool syn)
{
	char numbers[32];
	int most = 0;

	for (size_t i = 0; i < t->count[TOP_LISTENERS]; i++) {
		const struct top_queue *q = syn ? &t->listener[i].l->syn : &t->listener[i].l->accept;

		most = int_max(most, snprintf(numbers, sizeof(numbers), "%u/%u", q->now, q->holds));
	}
	return most;
}

static struct layout layout_make(const struct screen *s, const struct top *t)
{
	struct layout l = {.name = NAME_COLS_MIN, .accept_rate = 9, .drop_rate = 9, .drops = 9};
	int rest;

	for (size_t i = 0; i < t->count[TOP_LISTENERS]; i++)
		l.name = int_max(l.name, (int)strlen(t->listener[i].l->local));
	l.accept_numbers = numbers_cols(t, false);
	l.syn_numbers = numbers_cols(t, true);
	rest = s->cols - 1 - l.name - l.accept_rate - l.drop_rate - l.drops;
	if (rest < 2 * (BAR_COLS_MIN + 1)) {
		rest += l.accept_rate;
		l.accept_rate = 0;
	}
	if (rest < 2 * (BAR_COLS_MIN + 1)) {
		rest += l.drops;
		l.drops = 0;
	}
	if (rest < 2 * (BAR_COLS_MIN + 1)) { /* no room for the second bar */
		l.accept = int_max(rest - 1, 4);
		return l;
	}
	l.syn = int_min((rest - 2) / 2, 60);
	l.accept = int_min(rest - 2 - l.syn, 60);
	return l;
}

static void listeners_head(struct screen *s, int row, const struct layout *l, const struct top *t)
{
	int col = 1 + l->name;

	screen_fill(s, row, 0, s->cols, LOOK_HEAD);
	screen_print(s, row, 0, LOOK_HEAD, " Listener");
	screen_print(s, row, col + 1, LOOK_HEAD, "%.*s", l->accept, "Accept queue");
	col += 1 + l->accept;
	if (l->syn > 0)
		screen_print(s, row, col + 1, LOOK_HEAD, "SYN queue");
	col += l->syn > 0 ? 1 + l->syn : 0;
	if (l->accept_rate > 0)
		screen_print(s, row, col, LOOK_HEAD, "%9s", "Accept/s");
	col += l->accept_rate;
	screen_print(s, row, col, LOOK_HEAD, "%9s", "Drops/s");
	if (l->drops > 0)
		screen_print(s, row, col + 9, LOOK_HEAD, "%9s", "Drops");
	if (t->sort[TOP_LISTENERS] != TOP_BY_ADDRESS && l->syn > 14)
		screen_print(s, row, 1 + l->name + 14, LOOK_HEAD, " by %s", top_sort_name(t->sort[TOP_LISTENERS]));
}

static void listener_draw(struct screen *s, int row, const struct layout *l, const struct top_listener_row *r, bool cursor)
{
	enum look look = cursor ? LOOK_SELECTED : LOOK_PLAIN, drops = r->drop_rate > 0 ? LOOK_BAD : look;
	int col = 1 + l->name + 1;
	char rate[24];

	if (cursor)
		screen_fill(s, row, 0, s->cols, LOOK_SELECTED);
	screen_print(s, row, 0, look, "%c%s", cursor ? '>' : ' ', r->l->local);
	screen_bar(s, row, col, l->accept, l->accept_numbers, &r->l->accept, look);
	col += l->accept + 1;
	if (l->syn > 0)
		screen_bar(s, row, col, l->syn, l->syn_numbers, &r->l->syn, look);
	col += l->syn > 0 ? l->syn : -1;
	if (l->accept_rate > 0)
		screen_print(s, row, col, look, " %8s", rate_words(r->accept_rate, rate));
	col += l->accept_rate;
	screen_print(s, row, col, drops, " %8s", rate_words(r->drop_rate, rate));
	if (l->drops > 0)
		screen_print(s, row, col + 9, look, " %8llu", (unsigned long long)r->l->drops_all);
}

/* Lines below a listener: what holds it up, and each cause of drops. */
static int detail_lines(const struct top_listener_row *r)
{
	char words[160];
	int lines;

	top_listener_words(r, words, sizeof(words));
	lines = words[0] != '\0';
	for (int cause = 0; cause < HO_DROP_CAUSES; cause++)
		lines += r->l->drops[cause] > 0;
	return lines;
}

static void cause_draw(struct screen *s, int row, const struct top_listener_row *r, int cause)
{
	char rate[24];
	int col = screen_print(s, row, 1, r->cause_rate[cause] > 0 ? LOOK_BAD : LOOK_PLAIN, "%8llu %8s/s  %s",
	                       (unsigned long long)r->l->drops[cause], rate_words(r->cause_rate[cause], rate),
	                       top_drop_words(cause));

	if (r->l->last_drop_cause == cause)
		screen_print(s, row, col, LOOK_DIM, ", last %.1f s ago of %s", (double)r->l->last_drop_ms / 1000,
		             r->l->last_drop_peer);
}

/* Gives  the row behind; nothing from `end` on. */
static int details_draw(struct screen *s, int row, int end, const struct top_listener_row *r)
{
	char words[160];

	top_listener_words(r, words, sizeof(words));
	if (words[0] != '\0' && row < end)
		screen_print(s, row++, 3, LOOK_WARN, "%s", words);
	for (int cause = 0; cause < HO_DROP_CAUSES; cause++)
		if (r->l->drops[cause] > 0 && row < end)
			cause_draw(s, row++, r, cause);
	return row;
}

/* The first row to show, so that the selected one is among `lines`. */
static size_t listeners_first(const struct top *t, int lines)
{
	size_t first = t->selected[TOP_LISTENERS];
	int used;

	if (first >= t->count[TOP_LISTENERS])
		return 0;
	used = 1 + detail_lines(&t->listener[first]);
	while (first > 0) {
		used += 1 + detail_lines(&t->listener[first - 1]);
		if (used > lines)
			break;
		first--;
	}
	return first;
}

static void listeners_draw(struct screen *s, struct top *t, const struct top_drawing *d, int row, int end)
{
	struct layout l = layout_make(s, t);
	size_t i;

	listeners_head(s, row++, &l, t);
	if (t->pane == TOP_LISTENERS)
		t->page = (size_t)int_max(end - row, 1);
	if (t->count[TOP_LISTENERS] == 0 && row < end)
		screen_print(s, row, 1, LOOK_DIM, "%s", t->filter[0] != '\0' ? "no listener fits the filter" : "nobody listens");
	for (i = listeners_first(t, end - row); i < t->count[TOP_LISTENERS] && row < end; i++) {
		listener_draw(s, row++, &l, &t->listener[i],
		              d->interactive && t->pane == TOP_LISTENERS && i == t->selected[TOP_LISTENERS]);
		row = details_draw(s, row, end, &t->listener[i]);
	}
	if (i < t->count[TOP_LISTENERS])
		screen_print(s, end - 1, s->cols - 12, LOOK_DIM, "%5zu more..", t->count[TOP_LISTENERS] - i);
}

/* ---- counters ---- */

static const char *counter_words(const struct top_counter *c)
{
	const struct ho_counter_row *row = c->row >= 0 ? ho_counter_row((unsigned)c->row) : NULL;

	return row != NULL ? row->text : "";
}

static void counter_draw(struct screen *s, int row, int name_cols, const struct top_counter_row *r, bool cursor)
{
	enum look look = cursor ? LOOK_SELECTED : r->rate == 0 ? LOOK_DIM : r->c->trouble ? LOOK_WARN : LOOK_PLAIN;
	char rate[24];

	if (cursor)
		screen_fill(s, row, 0, s->cols, LOOK_SELECTED);
	screen_print(s, row, 0, look, "%c%-*.*s %10llu %9s  %s", cursor ? '>' : ' ', name_cols, name_cols, r->c->name,
	             (unsigned long long)r->c->value, rate_words(r->rate, rate), counter_words(r->c));
}

static void counters_draw(struct screen *s, struct top *t, const struct top_drawing *d, int row, int end)
{
	size_t first = 0, lines;
	int name_cols = NAME_COLS_MIN;

	for (size_t i = 0; i < t->count[TOP_COUNTERS]; i++)
		name_cols = int_max(name_cols, (int)strlen(t->counter[i].c->name));
	if (s->cols < 60)
		name_cols = int_min(name_cols, int_max(s->cols - 23, NAME_COLS_MIN));
	screen_fill(s, row, 0, s->cols, LOOK_HEAD);
	screen_print(s, row, 0, LOOK_HEAD, " %-*.*s %10s %9s  What moves it (%sby %s)", name_cols, name_cols, "Counter",
	             "Value", "a second", t->all ? "all, " : "", top_sort_name(t->sort[TOP_COUNTERS]));
	row++;
	lines = (size_t)int_max(end - row, 0);
	if (t->pane == TOP_COUNTERS)
		t->page = lines > 0 ? lines : 1;
	if (lines > 0 && t->selected[TOP_COUNTERS] >= lines)
		first = t->selected[TOP_COUNTERS] - lines + 1;
	if (t->count[TOP_COUNTERS] == 0 && lines > 0)
		screen_print(s, row, 1, LOOK_DIM, "%s", t->filter[0] != '\0' ? "no counter that fits the filter has moved" : "no counter has moved yet");
	for (size_t i = first; i < t->count[TOP_COUNTERS] && row < end; i++)
		counter_draw(s, row++, name_cols, &t->counter[i],
		             d->interactive && t->pane == TOP_COUNTERS && i == t->selected[TOP_COUNTERS]);
}

/* ---- over it ---- */

static int text_draw(struct screen *s, int row, int end, const char *text, size_t first)
{
	for (const char *line = text; *line != '\0' && row < end;) {
		size_t len = strcspn(line, "\n");

		if (first > 0)
			first--;
		else
			screen_print(s, row++, 1, LOOK_PLAIN, "%.*s", (int)int_min((int)len, 500), line);
		line += len + (line[len] == '\n');
	}
	return row;
}

static void page_draw(struct screen *s, struct top *t, const char *title, const char *text)
{
	int end = s->rows - 1;

	screen_fill(s, 0, 0, s->cols, LOOK_HEAD);
	screen_print(s, 0, 0, LOOK_HEAD, " %s", title);
	t->page = (size_t)int_max(end - 1, 1);
	text_draw(s, 1, end, text, t->text_first);
	screen_print(s, s->rows - 1, 0, LOOK_KEY, "%s", "Up Down: move   Esc: back");
}

static void menu_draw(struct screen *s, const struct top *t)
{
	unsigned from = t->pane == TOP_LISTENERS ? 0 : TOP_LISTENER_SORTS;
	unsigned to = t->pane == TOP_LISTENERS ? TOP_LISTENER_SORTS : TOP_SORTS;
	int row = 2;

	screen_print(s, row++, 2, LOOK_HEAD, " %-14s", "Sort by");
	for (unsigned i = from; i < to; i++)
		screen_print(s, row++, 2, i - from == t->menu ? LOOK_SELECTED : LOOK_KEY, "%c%-14s", i - from == t->menu ? '>' : ' ',
		             top_sort_name(i));
}

static void keys_draw(struct screen *s, const struct top *t, const struct top_drawing *d)
{
	static const struct {
		const char *key, *what;
	} keys[] = {{"F1", "Help"}, {"F3", "Search"}, {"F4", "Filter"}, {"F6", "Sort"}, {"Tab", "Other"}, {"Enter", "Why"}, {"Space", "Pause"}, {"F10", "Quit"}};
	int row = s->rows - 1, col = 0;

	if (d->note != NULL)
		screen_print(s, row, 0, LOOK_BAD, "%s", d->note);
	else if (t->mode == TOP_FILTER)
		screen_print(s, row, 0, LOOK_KEY, "Filter: %s_   Enter: done   Esc: all", t->filter);
	else if (t->mode == TOP_SEARCH)
		screen_print(s, row, 0, LOOK_KEY, "Search: %s_   F3: next   Enter: done", t->search);
	else
		for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
			col = screen_print(s, row, col, LOOK_PLAIN, "%s", keys[i].key);
			col = screen_print(s, row, col, LOOK_KEY, "%-6s", keys[i].what);
		}
}

void top_draw(struct screen *s, struct top *t, const struct top_drawing *d)
{
	int begin = s->rows < 8 ? 1 : 2, end = s->rows - (d->interactive ? 1 : 0), wanted = 1, half, middle;

	if (t->mode == TOP_HELP || t->mode == TOP_TEXT) {
		page_draw(s, t, t->mode == TOP_HELP ? "halfopen top: keys" : t->title,
		          t->mode == TOP_HELP ? top_help : t->text != NULL ? t->text : "");
		return;
	}
	for (size_t i = 0; i < t->count[TOP_LISTENERS] && wanted < s->rows; i++)
		wanted += 1 + detail_lines(&t->listener[i]);
	half = (end - begin) * 3 / 5;
	middle = begin + int_min(int_max(wanted, 2), int_max(half, end - begin - 2 - (int)t->count[TOP_COUNTERS]));
	head_draw(s, t, d);
	listeners_draw(s, t, d, begin, int_min(middle, end));
	if (middle < end)
		counters_draw(s, t, d, middle, end);
	if (t->mode == TOP_SORT_MENU)
		menu_draw(s, t);
	if (d->interactive)
		keys_draw(s, t, d);
}
