/* SPDX-License-Identifier: MIT
 * A capture of a stack's frames, each with comments that name the counters it moved, from the stack's trace. */
#ifndef HO_CAPTURE_H
#define HO_CAPTURE_H

#include <halfopen/port.h>

#define CAPTURE_TRACE_MAX 4096 /* the stack's trace_max */

struct capture;

/* Takes  name: of the host, which begins each comment.  Gives  0, -errno. */
int capture_open(const char *path, const char *name, struct capture **out);
/* The next link of the stack, link 0 first: an interface of the file.  Gives  0, -errno. */
int capture_link(struct capture *c, const char *device);
/* The stack has dealt with an inbound frame, or given out an outbound one: writes it.
 * Gives  0, -errno of writing. */
int capture_frame(struct capture *c, struct ho_stack *s, unsigned link, const struct ho_frame *f, bool outbound);
int capture_close(struct capture *c); /* the first write error, 0 */

#endif
