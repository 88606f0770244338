/* SPDX-License-Identifier: MIT
 * A running host's inside: what its birth (host_start.c) and its loop (host.c) share. */
#ifndef HO_HOST_INSIDE_H
#define HO_HOST_INSIDE_H

#include "answer.h"
#include "host.h"

#include <halfopen/port.h>

enum { WAKE_SIGNAL, WAKE_CONTROL, WAKE_METRICS, WAKE_FILES, WAKE_TUN /* and so on, one a link */ };

struct host {
	const struct host_options *options;
	struct ho_stack_config config;
	struct ho_stack *stack;
	struct ho_tun *tun[HOST_LINKS_MAX];
	struct services *services;
	struct control *control;
	struct pinger *pinger;
	struct host_files *files;
	struct tracer *tracer;
	struct asked asked; /* the context of answers */
	struct capture *capture;
	struct metrics *metrics; /* NULL: none wanted */
	int epoll, signals;
	ho_time_ns now;
	uint64_t frames_in, frames_out, frames_lost;
	bool progress; /* stderr is a terminal */
	ho_time_ns progress_at;
	int progress_shown; /* columns */
};

/* Gives  an exit status; it has said on stderr what is wrong. */
int host_start(struct host *h);

#endif
