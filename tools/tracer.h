/* SPDX-License-Identifier: MIT
 * What happens in a host, for those who ask on its control socket: lines or a capture, as it happens, until they have enough.
 * Nobody waits for a slow reader: what finds no room is lost, and a line says how much. */
#ifndef HO_TRACER_H
#define HO_TRACER_H

#include "control.h"
#include "trace_spec.h"

#define TRACER_RECORDS 4096u /* of the stack's ring, while somebody watches */

struct tracer;

struct tracer *tracer_open(struct ho_stack *s, struct control *c); /* NULL: no memory */
void tracer_close(struct tracer *t);
/* For the request that is being answered.  Gives  0, -EBUSY (too many), -ENOMEM. */
int tracer_start(struct tracer *t, const struct trace_spec *spec);
/* Is anybody there? */
bool tracer_busy(const struct tracer *t);
/* Says what has happened.  Takes  now: the stack's; wall: the time of day at now.
 * Gives  true if there is more to say, and room for it. */
bool tracer_run(struct tracer *t, ho_time_ns now, ho_time_ns wall);

#endif
