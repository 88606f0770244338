/* SPDX-License-Identifier: MIT
 * `host --metrics`: what Prometheus scrapes, served over HTTP by the kernel's own TCP (not the stack's), on the host's thread. */
#ifndef HO_METRICS_H
#define HO_METRICS_H

#include "metrics_spec.h"

#include <halfopen/types.h>

struct metrics;

/* Gives  0; -EADDRINUSE, -EADDRNOTAVAIL, -EACCES: the address; -ELIBACC: there is no libmicrohttpd; -errno.  One at a time. */
int metrics_open(const struct metrics_spec *spec, const struct ho_stack *s, struct metrics **out);
void metrics_close(struct metrics *m);
int metrics_fd(const struct metrics *m); /* readable: call metrics_run */
void metrics_run(struct metrics *m, ho_time_ns now);
ho_time_ns metrics_deadline(const struct metrics *m); /* when to call it otherwise: 0 now, HO_NEVER; of NULL, too */

#endif
