/* SPDX-License-Identifier: MIT
 *
 * Every record names the frame being dealt with and the frame being sent.  An inbound frame gets all that it set off by
 * itself, an outbound one what happened while it was made; the rest (timers, calls) is said at the next frame. */
#include "comments.h"

#include <halfopen/view.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_BYTES 64
#define TEXT_BYTES 16384

/* Whose doing a record is, seen from a frame. */
enum share { THIS_FRAME, BEFORE, LATER };

struct comments {
	char name[NAME_BYTES];
	uint32_t pending_count;
	struct ho_watched pending[COMMENTS_RECORDS];
	/* of the frame at hand */
	uint8_t share[COMMENTS_RECORDS]; /* enum share */
	int text_count;
	const char *texts[COMMENTS_MAX];
	char text[TEXT_BYTES]; /* one behind the other */
	size_t text_bytes;
	int32_t sum[HO_COUNTER_COUNT]; /* zero between two frames */
};

struct comments *comments_open(const char *host)
{
	struct comments *c = calloc(1, sizeof(*c));

	if (c != NULL)
		snprintf(c->name, sizeof(c->name), "%s", host);
	return c;
}

void comments_close(struct comments *c)
{
	free(c);
}

uint32_t comments_room(const struct comments *c)
{
	return COMMENTS_RECORDS - c->pending_count;
}

void comments_add(struct comments *c, const struct ho_watched *w)
{
	if (c->pending_count < COMMENTS_RECORDS)
		c->pending[c->pending_count++] = *w;
}

static enum share share_of(const struct ho_trace *t, const struct ho_frame *f, bool outbound)
{
	if (t->frame_out != 0 && outbound)
		return t->frame_out == f->id ? THIS_FRAME : t->frame_out < f->id ? BEFORE : LATER;
	if (t->frame_out != 0)
		return LATER;
	return !outbound && t->frame_in == f->id ? THIS_FRAME : BEFORE;
}

static void shares_find(struct comments *c, const struct ho_frame *f, bool outbound)
{
	for (uint32_t i = 0; i < c->pending_count; i++)
		c->share[i] = (uint8_t)share_of(&c->pending[i].by, f, outbound);
}

static void pending_forget(struct comments *c, enum share share)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < c->pending_count; i++)
		if (c->share[i] != share) {
			c->share[kept] = c->share[i];
			c->pending[kept++] = c->pending[i];
		}
	c->pending_count = kept;
}

/* ---- texts ---- */

__attribute__((format(printf, 2, 3))) static void say(struct comments *c, const char *format, ...)
{
	size_t room = sizeof(c->text) - c->text_bytes;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(c->text + c->text_bytes, room, format, args);
	va_end(args);
	c->text_bytes += n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1;
}

static void text_begin(struct comments *c)
{
	c->texts[c->text_count++] = c->text + c->text_bytes;
}

static void text_end(struct comments *c)
{
	if (c->text_bytes + 1 < sizeof(c->text))
		c->text_bytes++; /* its NUL stays */
}

static bool is_increment(const struct ho_watched *w)
{
	return w->kind == HO_WATCH_COUNTER && w->by.counter < HO_COUNTER_COUNT;
}

/* One comment that sums up all increments of a share. */
static void sums_say(struct comments *c, enum share share, const char *words)
{
	char name[NAME_BYTES];
	bool begun = false;

	for (uint32_t i = 0; i < c->pending_count; i++)
		if (c->share[i] == share && is_increment(&c->pending[i]))
			c->sum[c->pending[i].by.counter] += c->pending[i].by.delta;
	for (uint32_t i = 0; i < c->pending_count; i++) { /* in the order in which they moved */
		const struct ho_watched *w = &c->pending[i];
		int32_t *sum = c->share[i] == share && is_increment(w) ? &c->sum[w->by.counter] : NULL;

		if (sum == NULL || *sum == 0 || ho_counter_name(w->by.counter, name, sizeof(name)) < 0)
			continue;
		if (!begun) {
			text_begin(c);
			say(c, "%s%s:", c->name, words);
			begun = true;
		}
		say(c, " %s %+d", name, *sum);
		*sum = 0;
	}
	if (begun)
		text_end(c);
}

/* "state ...": the columns of a list are of no use here. */
static void event_say(struct comments *c, const struct ho_watched *w, enum share share)
{
	char line[512];
	const char *rest;

	ho_view_watched(w, line, sizeof(line));
	rest = line + strcspn(line, " ");
	say(c, "%s%s: %s %s", c->name, share == BEFORE ? ", before this frame" : "", ho_view_watch_kind(w->kind),
	    rest + strspn(rest, " "));
}

static void reason_say(struct comments *c, const struct ho_watched *w)
{
	char sentence[512];

	ho_trace_say(&w->by, sentence, sizeof(sentence));
	say(c, "%s: %s", c->name, sentence);
}

static void rest_say(struct comments *c)
{
	for (uint32_t i = 0; i < c->pending_count && c->text_count < COMMENTS_MAX; i++) {
		const struct ho_watched *w = &c->pending[i];

		if (c->share[i] == LATER || (w->kind == HO_WATCH_COUNTER && w->by.why == HO_WHY_ROW))
			continue;
		text_begin(c);
		if (w->kind == HO_WATCH_COUNTER)
			reason_say(c, w);
		else
			event_say(c, w, c->share[i]);
		text_end(c);
	}
}

int comments_of(struct comments *c, const struct ho_frame *f, bool outbound, const char *const **texts)
{
	shares_find(c, f, outbound);
	c->text_count = 0;
	c->text_bytes = 0;
	sums_say(c, BEFORE, ", before this frame");
	sums_say(c, THIS_FRAME, "");
	rest_say(c);
	pending_forget(c, BEFORE);
	pending_forget(c, THIS_FRAME);
	*texts = c->texts;
	return c->text_count;
}

void comments_skip(struct comments *c, const struct ho_frame *f, bool outbound)
{
	shares_find(c, f, outbound);
	pending_forget(c, THIS_FRAME);
}
