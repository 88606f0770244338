/* SPDX-License-Identifier: MIT
 * How long must a listener's queue be?  Clients arrive in bursts at random times, a program takes them one by one; both
 * are whole stacks in virtual time, so that dropped SYNs come again as they do in life. */
#ifndef HO_SIZING_H
#define HO_SIZING_H

#include <halfopen/halfopen.h>

#include <stdio.h>

#define SIZING_BINS 64
#define SIZING_CLIENTS_MAX 200000
#define SIZING_DEFAULTS \
	{ \
		.rate = 100, .burst = 1, .service_ms = 5, .workers = 1, .seconds = 10, .backlog = 128, \
		.somaxconn = 4096, .seed = 1 \
	}

struct sizing {
	double rate;       /* clients a second, on average */
	uint32_t burst;    /* that come at the same moment */
	double service_ms; /* from one accept() of a worker to its next */
	uint32_t workers;  /* that call accept() */
	double seconds;    /* during which clients come */
	int32_t backlog;   /* listen()'s argument */
	uint32_t somaxconn;
	uint64_t seed;
};

struct sizing_result {
	uint32_t clients, served, never; /* never: not accepted within 140 s after the last has come */
	uint64_t syn_drops, ack_drops;   /* for want of room; a client that tries again counts again */
	uint64_t queued, cookies;
	uint32_t most, holds;            /* of the accept queue */
	ho_time_ns median, p99, longest; /* from connect() to accept(), of those served */
	uint32_t fill[SIZING_BINS];      /* the accept queue's most in each part of the time in which clients came */
	bool dropped[SIZING_BINS];
};

/* Takes  "rate=200,burst=20".  Gives  NULL, or words that say what is wrong (valid until the next call). */
const char *sizing_set(struct sizing *z, const char *text);
/* Gives  0; -ENOMEM; -EADDRNOTAVAIL: more clients at once than a host has ports. */
int sizing_simulate(const struct sizing *z, struct sizing_result *out);
/* The smallest backlog without drops, net.core.somaxconn not being in the way.  Gives  0 or as sizing_simulate. */
int sizing_smallest(const struct sizing *z, int32_t *backlog);
/* Simulates and tells.  Gives  0 or as sizing_simulate. */
int sizing_tell(const struct sizing *z, bool json, FILE *out);

#endif
