/* SPDX-License-Identifier: MIT
 * One look at a running host, for `halfopen top`: its listeners and its counters, out of what the host answers. */
#ifndef HO_TOP_LOOK_H
#define HO_TOP_LOOK_H

#include <halfopen/halfopen.h>

#define TOP_NONE UINT64_MAX /* milliseconds since what has not been */

struct top_queue {
	uint32_t now, most, holds;
	char clamp[24]; /* the smallest limit: "backlog", "somaxconn", "tcp_max_syn_backlog" */
};

struct top_listener {
	char local[24];
	int fd, backlog;
	uint32_t somaxconn;
	struct top_queue accept, syn;
	uint64_t accepted, drops_all, cookies;
	uint64_t drops[HO_DROP_CAUSES];
	uint64_t last_accept_ms, oldest_ms, last_drop_ms; /* ago; TOP_NONE */
	int last_drop_cause;                              /* enum ho_listen_drop; -1 */
	char last_drop_peer[24];
};

struct top_counter {
	char name[48];
	uint64_t value;
	int row;      /* of counters.def; -1: IcmpMsg */
	bool trouble; /* its name speaks of drops, errors, resets, losses ... */
};

struct top_look {
	ho_time_ns at;
	char id[64]; /* of the host's run */
	struct top_listener *listener;
	size_t listener_count;
	struct top_counter *counter;
	size_t counter_count;
};

/* Takes  what a host answers to "sockets --listen --json" and to "counters -z".
 * Gives  0 and a look to be freed; -EPROTO: that is no such answer, -ENOMEM. */
int top_look_read(const char *listeners_json, const char *counters, ho_time_ns at, struct top_look *out);
void top_look_free(struct top_look *l);

/* Gives  the counter of a name, NULL. */
const struct top_counter *top_look_counter(const struct top_look *l, const char *name);
/* Gives  the same listener (address and descriptor) of a look, NULL. */
const struct top_listener *top_look_listener(const struct top_look *l, const struct top_listener *of);

/* Why something was dropped, in words. */
const char *top_drop_words(int cause);

#endif
