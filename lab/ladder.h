/* SPDX-License-Identifier: MIT
 * lab: what a page of an experiment is drawn from: every packet and what became of it, which counters it moved on which
 * side, and how queues and sockets stood in between. */
#ifndef HALFOPEN_LAB_LADDER_H
#define HALFOPEN_LAB_LADDER_H

#include "inside.h"

struct lab_crossing {             /* a packet on a wire */
	ho_time_ns sent, at;      /* it entered; it arrived, or was lost */
	int wire, from, to;       /* hosts; -1: nobody is there, or it was injected */
	uint64_t sent_id, number; /* of its frames at the sender and at the receiver; 0: unknown */
	const char *fate;         /* what befell it, a string that lives for ever; NULL: nothing */
	bool lost;
	const void *bytes;
	size_t len;
};

struct lab_ladder *lab_ladder_new(void);
void lab_ladder_free(struct lab_ladder *d);
/* All of these do nothing without a ladder (l->ladder is NULL). */
void lab_ladder_entered(struct lab *l, uint64_t number, int from, uint64_t sent_id); /* a frame onto a wire, now */
/* Its time of entry, or of the frame that it is a copy of; at, where neither is known. */
ho_time_ns lab_ladder_entry(const struct lab *l, uint64_t number, int from, uint64_t sent_id, ho_time_ns at);
void lab_ladder_packet(struct lab *l, const struct lab_crossing *c);
void lab_ladder_record(struct lab *l, int host, const struct ho_trace *t);
void lab_ladder_phase(struct lab *l, const char *name); /* begins; NULL: ends */
/* Looks at queues and sockets; must: even if that was done a moment ago.  On the kernel looking takes real time, in which the
 * wire stands still: there it waits, but for must, until nothing has happened for a while. */
void lab_ladder_sample(struct lab *l, bool must);
ho_time_ns lab_ladder_look_at(const struct lab *l); /* when to look, if nothing happens before; HO_NEVER */
void lab_ladder_waited(struct lab *l);              /* the world has gone on */
/* Gives  the caller's object, NULL without a ladder. */
json_t *lab_ladder_json(struct lab *l);

#endif
