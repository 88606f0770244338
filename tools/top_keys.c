/* SPDX-License-Identifier: MIT
 * What keys do in `halfopen top`: those of htop. */
#include "top.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char top_help[] =
	"Listeners      both queues: [####  now/limit], the mark is the most there ever was.\n"
	"               A queue holds one more than listen()'s argument. Below a listener: what\n"
	"               was dropped, how many a second, and why.\n"
	"Counters       those that moved since you look: value, a second, what moves it.\n"
	"\n"
	"Up Down PgUp PgDn Home End   move\n"
	"Tab                          from listeners to counters and back\n"
	"Enter                        why (listener), explain (counter)\n"
	"F1 h ?                       this page\n"
	"F3 /                         search\n"
	"F4 \\                         filter: rows whose name contains the word; Esc: all again\n"
	"F6 > s                       sort by\n"
	"I                            the other way round\n"
	"a                            counters that do not move, too\n"
	"Space Z                      pause\n"
	"F10 q                        quit\n";

static enum top_sort sort_first(const struct top *t)
{
	return t->pane == TOP_LISTENERS ? 0 : TOP_LISTENER_SORTS;
}

static size_t sort_count(const struct top *t)
{
	return t->pane == TOP_LISTENERS ? TOP_LISTENER_SORTS : TOP_SORTS - TOP_LISTENER_SORTS;
}

/* Gives  whether the key moves; *at stays in 0..count-1. */
static bool moved(size_t *at, size_t count, size_t page, int key)
{
	size_t last = count > 0 ? count - 1 : 0;

	page = page > 0 ? page : 1;
	switch (key) {
	case TOP_KEY_UP: *at -= *at > 0; break;
	case TOP_KEY_DOWN: *at += *at < last; break;
	case TOP_KEY_PAGE_UP: *at -= *at < page ? *at : page; break;
	case TOP_KEY_PAGE_DOWN: *at = last - *at < page ? last : *at + page; break;
	case TOP_KEY_HOME: *at = 0; break;
	case TOP_KEY_END: *at = last; break;
	default: return false;
	}
	return true;
}

void top_tell(struct top *t, const char *title, char *text)
{
	free(t->text);
	t->text = text;
	t->text_first = t->text_lines = 0;
	for (const char *c = text; c != NULL && *c != '\0'; c++)
		t->text_lines += *c == '\n';
	snprintf(t->title, sizeof(t->title), "%s", title);
	t->mode = TOP_TEXT;
}

static bool leaves(int key)
{
	return key == 'q' || key == TOP_KEY_ESCAPE || key == TOP_KEY_ENTER || key == TOP_KEY_F10;
}

static void text_key(struct top *t, int key)
{
	size_t most = t->text_lines > t->page ? t->text_lines - t->page : 0;

	if (leaves(key))
		t->mode = TOP_LIST;
	else
		moved(&t->text_first, most + 1, t->page, key);
}

static void menu_key(struct top *t, int key)
{
	if (moved(&t->menu, sort_count(t), t->page, key))
		return;
	if (key == TOP_KEY_ENTER)
		t->sort[t->pane] = sort_first(t) + (enum top_sort)t->menu;
	if (leaves(key)) {
		t->mode = TOP_LIST;
		top_arrange(t);
	}
}

static const char *row_name(const struct top *t, size_t i)
{
	return t->pane == TOP_LISTENERS ? t->listener[i].l->local : t->counter[i].c->name;
}

/* From the row `skip` behind the cursor on, and round again. */
static void search_run(struct top *t, size_t skip)
{
	size_t count = t->count[t->pane];

	for (size_t n = 0; n < count && t->search[0] != '\0'; n++) {
		size_t i = (t->selected[t->pane] + skip + n) % count;

		if (top_contains(row_name(t, i), t->search)) {
			t->selected[t->pane] = i;
			return;
		}
	}
}

/* Gives  whether the word has changed. */
static bool typed(char word[48], int key)
{
	size_t len = strlen(word);

	if (key == TOP_KEY_BACKSPACE && len > 0)
		word[len - 1] = '\0';
	else if (key > ' ' && key < 127 && len < 47) {
		word[len] = (char)key;
		word[len + 1] = '\0';
	} else {
		return false;
	}
	return true;
}

static void filter_key(struct top *t, int key)
{
	if (key == TOP_KEY_ESCAPE)
		t->filter[0] = '\0';
	if (key == TOP_KEY_ESCAPE || key == TOP_KEY_ENTER)
		t->mode = TOP_LIST;
	else if (!typed(t->filter, key))
		return;
	top_arrange(t);
}

static void search_key(struct top *t, int key)
{
	if (key == TOP_KEY_F1 + 2)
		search_run(t, 1);
	else if (key == TOP_KEY_ESCAPE || key == TOP_KEY_ENTER)
		t->mode = TOP_LIST;
	else if (typed(t->search, key))
		search_run(t, 0);
	else
		moved(&t->selected[t->pane], t->count[t->pane], t->page, key);
}

static void menu_open(struct top *t)
{
	t->mode = TOP_SORT_MENU;
	t->menu = (size_t)(t->sort[t->pane] - sort_first(t));
}

static enum top_wish enter(const struct top *t)
{
	if (t->count[t->pane] == 0)
		return TOP_NOTHING;
	return t->pane == TOP_LISTENERS ? TOP_TELL_LISTENER : TOP_TELL_COUNTER;
}

static enum top_wish list_key(struct top *t, int key)
{
	if (moved(&t->selected[t->pane], t->count[t->pane], t->page, key))
		return TOP_NOTHING;
	switch (key) {
	case 'q': case TOP_KEY_F10: return TOP_QUIT;
	case 'h': case '?': case TOP_KEY_F1: t->mode = TOP_HELP; break;
	case '/': case TOP_KEY_F1 + 2:
		t->mode = TOP_SEARCH;
		t->search[0] = '\0';
		break;
	case '\\': case TOP_KEY_F1 + 3: t->mode = TOP_FILTER; break;
	case '>': case '<': case '.': case ',': case 's': case TOP_KEY_F1 + 5: menu_open(t); break;
	case 'I': t->inverted[t->pane] = !t->inverted[t->pane]; break;
	case 'a': t->all = !t->all; break;
	case ' ': case 'Z': t->paused = !t->paused; break;
	case '\t': t->pane = t->pane == TOP_LISTENERS ? TOP_COUNTERS : TOP_LISTENERS; break;
	case TOP_KEY_ESCAPE: t->filter[0] = '\0'; break;
	case TOP_KEY_ENTER: return enter(t);
	default: return TOP_NOTHING;
	}
	top_arrange(t);
	return TOP_NOTHING;
}

enum top_wish top_key(struct top *t, int key)
{
	switch (t->mode) {
	case TOP_HELP: t->mode = TOP_LIST; break;
	case TOP_TEXT: text_key(t, key); break;
	case TOP_SORT_MENU: menu_key(t, key); break;
	case TOP_FILTER: filter_key(t, key); break;
	case TOP_SEARCH: search_key(t, key); break;
	case TOP_LIST: return list_key(t, key);
	}
	return TOP_NOTHING;
}
