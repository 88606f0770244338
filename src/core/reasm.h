/* SPDX-License-Identifier: MIT
 * Fragments that wait for others: what ip_reasm.c keeps and ip_whole.c reads. */
#ifndef HO_REASM_H
#define HO_REASM_H

#include "ip_parts.h"

#define RUN 1 /* mark of a node: there is one kind */

struct fragment {
	struct fragment *next;  /* in its run */
	struct ho_frame *frame; /* one reference */
	uint32_t offset, len_bytes; /* of the packet's payload */
	uint16_t ip_bytes;      /* where it lies in the frame */
	uint32_t truesize;
	uint32_t run_bytes;     /* of the run that it begins */
	struct node node;       /* in reasm_queue.runs if it begins one */
};

/* Of one source: Linux's inet_peer, as long as there are fragments of it. */
struct reasm_source {
	struct lnode link; /* first */
	uint32_t addr;
	uint32_t queues;
	uint32_t rid;      /* fragments that have come */
};

struct reasm_queue {
	struct lnode link; /* first */
	uint32_t saddr, daddr;
	uint16_t id;
	uint8_t protocol;
	uint8_t ecn;            /* bits: 1 << codepoint of each fragment */
	struct timer timer;
	struct reasm_source *source;
	uint32_t rid;           /* source->rid when its last fragment came */
	struct tree runs;
	struct fragment *last_run, *tail;
	uint32_t len_bytes, meat_bytes;
	uint32_t size_max, size_df_max; /* of a fragment; of one with Don't Fragment */
	bool first_in, last_in;
	bool loopback, broadcast, multicast; /* of the first fragment */
	uint8_t from_link;
	struct ip_options options;
};

struct reasm {
	struct pool queues, fragments, sources;
	struct lhash by_key, by_addr;
	uint64_t charged_bytes;
};

/* ---- fragments in order ---- */

static inline struct fragment *run_of(const struct node *n)
{
	return container_of(n, struct fragment, node);
}

static inline struct fragment *fragment_first(const struct reasm_queue *q)
{
	struct node *n = tree_first(&q->runs, RUN);

	return n != NULL ? run_of(n) : NULL;
}

/* Gives  the next one by its place; *run is the run that f is of. */
static inline struct fragment *fragment_next(const struct fragment *f, struct fragment **run)
{
	struct node *n;

	if (f->next != NULL)
		return f->next;
	n = node_next(&(*run)->node, RUN);
	*run = n != NULL ? run_of(n) : NULL;
	return *run;
}

static inline void reasm_fail(struct ho_stack *st, enum ho_why why, uint32_t a, uint32_t b)
{
	count_why(st, NULL, HO_IpReasmFails, 1, why, a, b);
}

/* The packet that a complete queue's fragments make, with one reference.
 * Gives  NULL: there is no such packet, or no memory (counted). */
struct ho_frame *reasm_whole_make(struct ho_stack *st, const struct reasm_queue *q, const struct rx *rx);

#endif
