/* SPDX-License-Identifier: MIT
 * lab: how sockets and the queues of listeners went through a run, for the pages. */
#ifndef HALFOPEN_LAB_TRACKS_H
#define HALFOPEN_LAB_TRACKS_H

#include "inside.h"

#define LAB_TRACK_BUCKETS 2048 /* a power of two */

struct track;
struct lab_tracks {
	struct track *bucket[LAB_TRACK_BUCKETS], *first, **end;
	uint64_t samples;
	int64_t credit; /* rows that may be looked at */
	size_t socket_count, listener_count;
	bool more;                   /* there were rows for which there was no track left */
	json_t *listeners, *sockets; /* as in ladder.c's JSON */
};

void lab_tracks_open(struct lab_tracks *d);
void lab_tracks_close(struct lab_tracks *d);
/* Looks at the sockets of all hosts, now.
 * Takes  must: even if that was done a moment ago; after: what listeners' points note of the packets so far.
 * Gives  false if it was not yet time to look again. */
bool lab_tracks_sample(struct lab_tracks *d, struct lab *l, bool must, uint64_t after);

#endif
