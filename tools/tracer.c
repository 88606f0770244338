/* SPDX-License-Identifier: MIT */
#include "tracer.h"

#include "comments.h"

#include <halfopen/port.h>
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
	/* of a capture */
	struct ho_pcapng *file;
	bool begun;
	struct comments *comments;
	uint64_t lost_records, lost_packets; /* since the last packet */
};

struct tracer {
	struct ho_stack *stack;
	struct control *control;
	const char *host;
	ho_time_ns now, wall;
	struct {
		const char *device;
		bool ethernet;
	} link[HO_LINKS_MAX];
	unsigned links, captures; /* captures: viewers that want packets */
	struct viewer viewer[VIEWERS_MAX];
	uint8_t packet[HO_FRAME_BYTES_MAX];
};

static bool is_done(const struct viewer *v)
{
	return v->spec.count != 0 && v->said >= v->spec.count;
}

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
	                            json ? "\"event\":\"lost\",\"count\":%llu}\n"
	                                 : "lost       %llu events: the reader is too slow\n",
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

/* ---- captures ---- */

static void capture_free(struct viewer *v)
{
	comments_close(v->comments);
	ho_pcapng_close(v->file);
}

/* Gives  false if there is no room for bytes. */
static bool capture_pass(struct tracer *t, struct viewer *v)
{
	const void *bytes;
	size_t count;

	if (ho_pcapng_take(v->file, &bytes, &count) != 0 || count > control_room(t->control, v->ticket))
		return false;
	control_say(t->control, v->ticket, bytes, count);
	v->begun = true;
	return true;
}

/* Gives  0, -ENOMEM. */
static int capture_begin(struct tracer *t, struct viewer *v)
{
	int err = ho_pcapng_memory("halfopen trace", &v->file);

	v->comments = comments_open(t->host);
	for (unsigned i = 0; i < t->links && err == 0; i++)
		if (ho_pcapng_interface(v->file, t->link[i].device, "a halfopen stack; in: towards it, out: from it") <
		    0)
			err = -ENOMEM;
	if (err == 0 && v->comments != NULL)
		return 0;
	comments_close(v->comments);
	ho_pcapng_close(v->file);
	return -ENOMEM;
}

static uint16_t be16(const uint8_t *b)
{
	return (uint16_t)(b[0] << 8 | b[1]);
}

/* Who sends an IPv4 packet to whom; ports are 0 where there are none. */
static void packet_ends(const uint8_t *ip, size_t len, struct ho_endpoint *from, struct ho_endpoint *to)
{
	size_t header = (ip[0] & 15u) * 4u;
	bool ports = (ip[9] == HO_IPPROTO_TCP || ip[9] == HO_IPPROTO_UDP) && (be16(ip + 6) & 0x1fff) == 0 &&
	             len >= header + 4;

	*from = (struct ho_endpoint){(uint32_t)be16(ip + 12) << 16 | be16(ip + 14), ports ? be16(ip + header) : 0};
	*to = (struct ho_endpoint){(uint32_t)be16(ip + 16) << 16 | be16(ip + 18), ports ? be16(ip + header + 2) : 0};
}

/* What happened since the last frame waits in the viewer's comments. */
static void capture_records(struct tracer *t, struct viewer *v)
{
	struct ho_watched w;
	uint64_t lost;

	while (ho_watch_next(t->stack, &v->seen, &w, &lost)) {
		v->lost_records += lost;
		if (!trace_spec_fits_kind(&v->spec, &w))
			continue;
		if (w.by.frame_in == 0 && w.by.frame_out == 0 && !trace_spec_fits(&v->spec, &w))
			continue; /* a timer or a call of another connection */
		if (comments_room(v->comments) > 0)
			comments_add(v->comments, &w);
		else
			v->lost_records++;
	}
}

static void packet_write(struct tracer *t, struct viewer *v, unsigned link, bool outbound, const uint8_t *ip,
                         size_t len, const char *const *texts, int count)
{
	const char *said[COMMENTS_MAX + 1];
	char lost[128];
	int n = 0;

	if (v->lost_packets + v->lost_records > 0) {
		snprintf(lost, sizeof(lost),
		         "%s, before this frame: %llu packets and %llu events lost: the reader is too slow", t->host,
		         (unsigned long long)v->lost_packets, (unsigned long long)v->lost_records);
		said[n++] = lost;
	}
	for (int i = 0; i < count; i++)
		said[n++] = texts[i];
	ho_pcapng_packet(v->file, (int)link, t->wall, outbound ? 2 : 1, ip, len, said, n);
	if (!capture_pass(t, v)) {
		v->lost_packets++;
		return;
	}
	v->lost_packets = v->lost_records = 0;
	v->said++;
}

static void viewer_frame(struct tracer *t, struct viewer *v, unsigned link, const struct ho_frame *f, bool outbound,
                         const uint8_t *ip, size_t len)
{
	struct ho_endpoint from, to;
	const char *const *texts;
	int count;

	capture_records(t, v);
	packet_ends(ip, len, &from, &to);
	if (!trace_spec_fits_packet(&v->spec, from, to)) {
		comments_skip(v->comments, f, outbound);
		return;
	}
	count = comments_of(v->comments, f, outbound, &texts);
	if (count > 0 || !v->spec.chosen)
		packet_write(t, v, link, outbound, ip, len, texts, count);
}

void tracer_frame(struct tracer *t, unsigned link, const struct ho_frame *f, bool outbound, ho_time_ns wall)
{
	size_t len = ho_frame_flatten(f, t->packet, sizeof(t->packet)), below = t->link[link].ethernet ? 14 : 0;

	if (len < below + 20 || (below > 0 && be16(t->packet + 12) != 0x0800))
		return;
	t->wall = wall;
	for (int i = 0; i < VIEWERS_MAX; i++) {
		struct viewer *v = &t->viewer[i];

		if (v->running && v->spec.form == TRACE_PCAPNG && !is_done(v))
			viewer_frame(t, v, link, f, outbound, t->packet + below, len - below);
	}
}

bool tracer_captures(const struct tracer *t)
{
	return t != NULL && t->captures > 0;
}

void tracer_link(struct tracer *t, const char *device, bool ethernet)
{
	t->link[t->links].device = device;
	t->link[t->links++].ethernet = ethernet;
}

/* ---- viewers ---- */

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
	if (v->spec.form == TRACE_PCAPNG) {
		t->captures--;
		capture_free(v);
	}
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

	if (asker != ASKER_GONE && v->spec.form != TRACE_PCAPNG)
		more = lines_say(t, v);
	else if (asker != ASKER_GONE && !v->begun)
		capture_pass(t, v); /* the head: there may be no packet for long */
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
	if (spec->form != TRACE_PCAPNG)
		return 0;
	err = capture_begin(t, v);
	if (err == 0) {
		t->captures++;
		return 0;
	}
	v->running = false;
	kinds_set(t, 0);
	return err;
}

struct tracer *tracer_open(struct ho_stack *s, struct control *c, const char *host)
{
	struct tracer *t = calloc(1, sizeof(*t));

	if (t != NULL) {
		t->stack = s;
		t->control = c;
		t->host = host;
	}
	return t;
}

void tracer_close(struct tracer *t)
{
	for (int i = 0; t != NULL && i < VIEWERS_MAX; i++)
		if (t->viewer[i].running) {
			if (t->viewer[i].spec.form != TRACE_PCAPNG)
				lines_say(t, &t->viewer[i]);
			viewer_end(t, &t->viewer[i]);
		}
	free(t);
}
