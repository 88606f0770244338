/* SPDX-License-Identifier: MIT */
#include "tracer.h"

#include <halfopen/view.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define VIEWERS_MAX 8
#define LINE_BYTES 1024   /* more than any line has */
#define ROUND_BYTES 16384 /* said in a round */

struct viewer {
	bool running;
	struct trace_spec spec;
	uint64_t ticket, seen, said;
};

struct tracer {
	struct ho_stack *stack;
	struct control *control;
	ho_time_ns now, wall;
	struct viewer viewer[VIEWERS_MAX];
};

/* ---- lines ---- */

/* "23:59:01.123456 " */
static size_t clock_print(const struct tracer *t, ho_time_ns at, char *buf, size_t cap_bytes)
{
	ho_time_ns wall = t->wall - (t->now - at);
	time_t seconds = (time_t)(wall / HO_SEC);
	struct tm day;
	size_t n;

	localtime_r(&seconds, &day);
	n = strftime(buf, cap_bytes, "%H:%M:%S", &day);
	return n + (size_t)snprintf(buf + n, cap_bytes - n, ".%06u ", (unsigned)(wall % HO_SEC / HO_US));
}

/* {"time":1234567890.123456789, without what follows */
static size_t time_print(const struct tracer *t, ho_time_ns at, char *buf, size_t cap_bytes)
{
	ho_time_ns wall = t->wall - (t->now - at);

	return (size_t)snprintf(buf, cap_bytes, "{\"time\":%llu.%09u,", (unsigned long long)(wall / HO_SEC),
	                        (unsigned)(wall % HO_SEC));
}

static size_t lost_print(const struct tracer *t, const struct viewer *v, uint64_t lost, ho_time_ns at, char *buf,
                         size_t cap_bytes)
{
	bool json = v->spec.form == TRACE_JSON;
	size_t n = json ? time_print(t, at, buf, cap_bytes) : clock_print(t, at, buf, cap_bytes);

	return n + (size_t)snprintf(buf + n, cap_bytes - n,
	                            json ? "\"event\":\"lost\",\"count\":%llu}\n" :
	                                   "lost       %llu events: the reader is too slow\n",
	                            (unsigned long long)lost);
}

static size_t record_print(const struct tracer *t, const struct viewer *v, const struct ho_watched *w, char *buf,
                           size_t cap_bytes)
{
	char json[LINE_BYTES];
	size_t n;

	if (v->spec.form == TRACE_TEXT) {
		n = clock_print(t, w->by.at, buf, cap_bytes);
		n += ho_view_watched(w, buf + n, cap_bytes - n - 1);
	} else {
		n = time_print(t, w->by.at, buf, cap_bytes);
		ho_view_watched_json(w, json, sizeof(json));
		n += (size_t)snprintf(buf + n, cap_bytes - n, "%s", json + 1); /* behind its brace */
	}
	if (n >= cap_bytes - 1)
		n = cap_bytes - 2;
	buf[n++] = '\n';
	return n;
}

/* ---- viewers ---- */

static bool is_done(const struct viewer *v)
{
	return v->spec.count != 0 && v->said >= v->spec.count;
}

/* Keeps what all of them together want. */
static int kinds_set(struct tracer *t, uint32_t more)
{
	uint32_t kinds = more;

	for (int i = 0; i < VIEWERS_MAX; i++)
		if (t->viewer[i].running)
			kinds |= t->viewer[i].spec.kinds;
	return ho_watch(t->stack, kinds, TRACER_RECORDS);
}

static void viewer_end(struct tracer *t, struct viewer *v)
{
	control_finish(t->control, v->ticket);
	v->running = false;
	kinds_set(t, 0);
}

/* Gives  true if it stopped for want of time, not of records or of room. */
static bool lines_say(struct tracer *t, struct viewer *v)
{
	char text[ROUND_BYTES];
	size_t used = 0, room = control_room(t->control, v->ticket);
	struct ho_watched w;
	uint64_t lost;
	bool more = true;

	while (!is_done(v) && used + 2 * LINE_BYTES <= sizeof(text) && used + 2 * LINE_BYTES <= room) {
		more = ho_watch_next(t->stack, &v->seen, &w, &lost);
		if (!more)
			break;
		if (lost > 0)
			used += lost_print(t, v, lost, w.by.at, text + used, LINE_BYTES);
		if (!trace_spec_fits(&v->spec, &w))
			continue;
		used += record_print(t, v, &w, text + used, LINE_BYTES);
		v->said++;
	}
	if (used > 0)
		control_say(t->control, v->ticket, text, used);
	return more && used > 0;
}

static bool viewer_run(struct tracer *t, struct viewer *v)
{
	enum control_asker asker = control_asker(t->control, v->ticket);
	bool more = false;

	if (asker != ASKER_GONE)
		more = lines_say(t, v);
	if (asker != ASKER_WAITS || is_done(v)) {
		viewer_end(t, v);
		return false;
	}
	return more;
}

bool tracer_run(struct tracer *t, ho_time_ns now, ho_time_ns wall)
{
	bool more = false;

	t->now = now;
	t->wall = wall;
	for (int i = 0; i < VIEWERS_MAX; i++)
		if (t->viewer[i].running)
			more |= viewer_run(t, &t->viewer[i]);
	return more;
}

bool tracer_busy(const struct tracer *t)
{
	for (int i = 0; i < VIEWERS_MAX; i++)
		if (t->viewer[i].running)
			return true;
	return false;
}

int tracer_start(struct tracer *t, const struct trace_spec *spec)
{
	struct viewer *v = t->viewer;
	int err;

	while (v < t->viewer + VIEWERS_MAX && v->running)
		v++;
	if (v == t->viewer + VIEWERS_MAX)
		return -EBUSY;
	err = kinds_set(t, spec->kinds);
	if (err != 0)
		return err;
	*v = (struct viewer){
		.running = true,
		.spec = *spec,
		.ticket = control_ticket(t->control),
		.seen = ho_watch_newest(t->stack),
	};
	return 0;
}

struct tracer *tracer_open(struct ho_stack *s, struct control *c)
{
	struct tracer *t = calloc(1, sizeof(*t));

	if (t != NULL) {
		t->stack = s;
		t->control = c;
	}
	return t;
}

void tracer_close(struct tracer *t)
{
	for (int i = 0; t != NULL && i < VIEWERS_MAX; i++)
		if (t->viewer[i].running)
			viewer_end(t, &t->viewer[i]);
	free(t);
}
