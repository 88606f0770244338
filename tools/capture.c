/* SPDX-License-Identifier: MIT
 * A capture whose frames say which counters they moved.
 *
 * Every increment is a trace record that names the frame being dealt with and the frame being sent.  An inbound frame gets
 * the records it caused without sending; an outbound frame those made while it was built, long before it leaves the queue
 * perhaps: they wait in pending.  What no frame moved (a timer that gave up, a call) stands in front of the next frame.
 *
 *     "ho0: IpInReceives +1 ... TcpExtListenOverflows +1"           this frame
 *     "ho0: TcpExtListenOverflows +1: a SYN from ... met a full"    why, where the row's own text does not say it all
 *     "ho0, before this frame: TcpEstabResets +1"                   not a frame's doing */
#include "capture.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_BYTES 64
#define TEXT_BYTES 16384
#define COMMENTS_MAX 16
#define LINKS_MAX HO_LINKS_MAX

struct capture {
	struct ho_pcapng *file;
	int interface[LINKS_MAX];
	unsigned links;
	char name[NAME_BYTES];
	uint32_t pending_count;
	struct ho_trace pending[CAPTURE_TRACE_MAX];
	/* of the frame at hand */
	int comment_count;
	const char *comments[COMMENTS_MAX];
	char text[TEXT_BYTES]; /* the comments, one behind the other */
	size_t text_bytes;
	int32_t sum[HO_COUNTER_COUNT]; /* zero between two frames */
	uint8_t packet[HO_FRAME_BYTES_MAX];
};

/* Whose doing a record is, seen from a frame. */
enum share { THIS_FRAME, BEFORE, LATER };

int capture_open(const char *path, const char *name, struct capture **out)
{
	struct capture *c = calloc(1, sizeof(*c));
	int err;

	if (c == NULL)
		return -ENOMEM;
	snprintf(c->name, sizeof(c->name), "%s", name);
	err = ho_pcapng_open(path, "halfopen host", &c->file);
	if (err != 0) {
		free(c);
		return err;
	}
	*out = c;
	return 0;
}

int capture_link(struct capture *c, const char *device)
{
	int number = ho_pcapng_interface(c->file, device, "a halfopen stack; in: towards it, out: from it");

	assert(c->links < LINKS_MAX);
	if (number < 0)
		return number;
	c->interface[c->links++] = number;
	return 0;
}

int capture_close(struct capture *c)
{
	int err;

	if (c == NULL)
		return 0;
	err = ho_pcapng_close(c->file);
	free(c);
	return err;
}

static void trace_take(struct capture *c, struct ho_stack *s)
{
	while (c->pending_count < CAPTURE_TRACE_MAX && ho_trace_next(s, &c->pending[c->pending_count]))
		c->pending_count++;
}

static enum share share_of(const struct ho_trace *t, const struct ho_frame *f, bool outbound)
{
	if (t->frame_out != 0 && outbound)
		return t->frame_out == f->id ? THIS_FRAME : t->frame_out < f->id ? BEFORE : LATER;
	if (t->frame_out != 0)
		return LATER;
	return !outbound && t->frame_in == f->id ? THIS_FRAME : BEFORE;
}

/* ---- comments ---- */

__attribute__((format(printf, 2, 3))) static void say(struct capture *c, const char *format, ...)
{
	size_t room = sizeof(c->text) - c->text_bytes;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(c->text + c->text_bytes, room, format, args);
	va_end(args);
	c->text_bytes += n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1;
}

static void comment_begin(struct capture *c)
{
	c->comments[c->comment_count++] = c->text + c->text_bytes;
}

static void comment_end(struct capture *c)
{
	if (c->text_bytes + 1 < sizeof(c->text))
		c->text_bytes++; /* its NUL stays */
}

/* One comment that sums up all records of a share. */
static void comment_sums(struct capture *c, const enum share *shares, enum share which, const char *words)
{
	char name[NAME_BYTES];
	bool begun = false;

	for (uint32_t i = 0; i < c->pending_count; i++)
		if (shares[i] == which && c->pending[i].counter < HO_COUNTER_COUNT)
			c->sum[c->pending[i].counter] += c->pending[i].delta;
	for (uint32_t i = 0; i < c->pending_count; i++) { /* in the order in which they moved */
		int32_t *sum = shares[i] == which && c->pending[i].counter < HO_COUNTER_COUNT
		                       ? &c->sum[c->pending[i].counter]
		                       : NULL;

		if (sum == NULL || *sum == 0 || ho_counter_name(c->pending[i].counter, name, sizeof(name)) < 0)
			continue;
		if (!begun) {
			comment_begin(c);
			say(c, "%s%s:", c->name, words);
			begun = true;
		}
		say(c, " %s %+d", name, *sum);
		*sum = 0;
	}
	if (begun)
		comment_end(c);
}

static void comments_why(struct capture *c, const enum share *shares)
{
	char sentence[512];

	for (uint32_t i = 0; i < c->pending_count && c->comment_count < COMMENTS_MAX; i++) {
		if (shares[i] == LATER || c->pending[i].why == HO_WHY_ROW)
			continue;
		ho_trace_say(&c->pending[i], sentence, sizeof(sentence));
		comment_begin(c);
		say(c, "%s: %s", c->name, sentence);
		comment_end(c);
	}
}

static void pending_keep_later(struct capture *c, const enum share *shares)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < c->pending_count; i++)
		if (shares[i] == LATER)
			c->pending[kept++] = c->pending[i];
	c->pending_count = kept;
}

int capture_frame(struct capture *c, struct ho_stack *s, unsigned link, const struct ho_frame *f, bool outbound)
{
	enum share shares[CAPTURE_TRACE_MAX];
	size_t len;

	trace_take(c, s);
	for (uint32_t i = 0; i < c->pending_count; i++)
		shares[i] = share_of(&c->pending[i], f, outbound);
	c->comment_count = 0;
	c->text_bytes = 0;
	comment_sums(c, shares, BEFORE, ", before this frame");
	comment_sums(c, shares, THIS_FRAME, "");
	comments_why(c, shares);
	pending_keep_later(c, shares);
	len = ho_frame_flatten(f, c->packet, sizeof(c->packet));
	if (len == 0)
		return 0;
	return ho_pcapng_packet(c->file, c->interface[link], ho_clock_wall(), outbound ? 2 : 1, c->packet, len,
	                        c->comments, c->comment_count);
}
