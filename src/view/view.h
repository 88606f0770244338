/* SPDX-License-Identifier: MIT
 * What the files of view share. */
#ifndef HO_VIEW_INSIDE_H
#define HO_VIEW_INSIDE_H

#include <halfopen/view.h>

#include "text.h"

/* Appends a counter's value in decimal. */
void counter_value_add(struct text *t, const struct ho_stack *s, unsigned counter);

bool glob_match(const char *pattern, const char *text);

/* "on", "keepalive" ... as ss says; "" for none. */
const char *sock_timer_name(uint8_t timer);

/* A half-open request: no socket yet. (A socket in SYN-RECV by simultaneous open has a descriptor.) */
static inline bool sock_is_request(const struct ho_sock_info *i)
{
	return i->state == HO_NEW_SYN_RECV || (i->state == HO_SYN_RECV && i->fd < 0);
}

static inline bool sock_is_tcp(const struct ho_sock_info *i)
{
	return i->type == HO_SOCK_STREAM;
}

/* Time until a moment, 0 if it has passed. */
static inline ho_time_ns time_left(ho_time_ns now, ho_time_ns at)
{
	return at > now ? at - now : 0;
}

#endif
