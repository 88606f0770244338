/* SPDX-License-Identifier: MIT
 * A passage: one frame's way over a wire, and the light frame that the receiver gets at its end.
 *
 * A frame may be shared (the sender keeps it for a retransmission, a duplicate is under way), and a shared frame must
 * not be written; yet each arrival has a number of its own in frame->id.  So the receiver gets a frame of ours whose
 * slices point into the sender's, and which holds a reference to it until it is released. */
#ifndef HO_SIM_PASSAGE_H
#define HO_SIM_PASSAGE_H

#include <halfopen/frame.h>

struct passages;

struct passage {
	struct ho_frame frame;  /* what the receiver gets; id is the number in the world */
	struct ho_frame *first; /* what it stands for: one reference */
	struct passage *next;   /* in the pool */
	uint64_t sent_id;
	int from, to, from_link, to_link;
	uint8_t fate; /* enum ho_fate, known when the passage begins, told when it ends */
};

/* Gives  NULL when the allocator refuses. */
struct passages *passages_open(const struct ho_allocator *al);
/* The pool itself goes when its last frame has been released, which may be later. */
void passages_close(struct passages *p);
/* The allocator, at an address that stays as long as any frame of the pool. */
const struct ho_allocator *passages_allocator(const struct passages *p);

/* Gives  a passage whose frame shows first's bytes and facts, with one reference; NULL when the allocator refuses.
 * Owns   takes a reference of its own to first. */
struct passage *passage_take(struct passages *p, struct ho_frame *first);

#endif
