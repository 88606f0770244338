/* SPDX-License-Identifier: MIT
 * What happens in a host, for those who ask on its control socket: lines or a capture, as it happens, until they have
 * enough.  Nobody waits for a slow reader: what finds no room is lost, and a line says how much. */
#ifndef HO_TRACER_H
#define HO_TRACER_H

#include "control.h"
#include "trace_spec.h"

#define TRACER_RECORDS 4096u /* of the stack's ring, while somebody watches */

struct tracer;

struct tracer *tracer_open(struct ho_stack *s, struct control *c, const char *host); /* NULL: no memory */
void tracer_close(struct tracer *t);
/* The next link of the stack, link 0 first. */
void tracer_link(struct tracer *t, const char *device, bool ethernet);
/* For the request that is being answered.  Gives  0, -EBUSY (too many), -ENOMEM. */
int tracer_start(struct tracer *t, const struct trace_spec *spec);
/* Is anybody there? */
bool tracer_busy(const struct tracer *t);
/* Says what has happened.  Takes  now: the stack's; wall: the time of day at now.
 * Gives  true if there is more to say, and room for it. */
bool tracer_run(struct tracer *t, ho_time_ns now, ho_time_ns wall);
/* Does anybody want packets? */
bool tracer_captures(const struct tracer *t);
/* The stack has dealt with an inbound frame, or given out an outbound one. */
void tracer_frame(struct tracer *t, unsigned link, const struct ho_frame *f, bool outbound, ho_time_ns wall);

#endif
