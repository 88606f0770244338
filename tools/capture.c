/* SPDX-License-Identifier: MIT
 * A capture of a stack's frames: their comments (comments.h) come from the trace that the stack keeps from its birth. */
#include "capture.h"

#include "comments.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define LINKS_MAX HO_LINKS_MAX

struct capture {
	struct ho_pcapng *file;
	int interface[LINKS_MAX];
	unsigned links;
	struct comments *comments;
	uint8_t packet[HO_FRAME_BYTES_MAX];
};

int capture_open(const char *path, const char *name, struct capture **out)
{
	struct capture *c = calloc(1, sizeof(*c));
	int err;

	if (c == NULL)
		return -ENOMEM;
	c->comments = comments_open(name);
	err = c->comments != NULL ? ho_pcapng_open(path, "halfopen host", &c->file) : -ENOMEM;
	if (err != 0) {
		comments_close(c->comments);
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
	comments_close(c->comments);
	free(c);
	return err;
}

/* What finds no room waits in the stack. */
static void trace_take(struct capture *c, struct ho_stack *s)
{
	struct ho_watched w = {.kind = HO_WATCH_COUNTER};

	while (comments_room(c->comments) > 0 && ho_trace_next(s, &w.by))
		comments_add(c->comments, &w);
}

int capture_frame(struct capture *c, struct ho_stack *s, unsigned link, const struct ho_frame *f, bool outbound)
{
	const char *const *texts;
	size_t len;
	int count;

	trace_take(c, s);
	count = comments_of(c->comments, f, outbound, &texts);
	len = ho_frame_flatten(f, c->packet, sizeof(c->packet));
	if (len == 0)
		return 0;
	return ho_pcapng_packet(c->file, c->interface[link], ho_clock_wall(), outbound ? 2 : 1, c->packet, len, texts, count);
}
