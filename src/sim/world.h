/* SPDX-License-Identifier: MIT
 * What a world is made of; private to src/sim. */
#ifndef HO_SIM_WORLD_H
#define HO_SIM_WORLD_H

#include <halfopen/sim.h>

#include "agenda.h"
#include "dice.h"

#define NOBODY (-1) /* as from: injected; as to: a link without a wire */

/* Frames that wait for the rate: when each stops waiting, and its bytes; a ring, oldest first. */
struct wait {
	ho_time_ns until;
	uint32_t bytes;
};

struct waiting {
	struct wait *ring;
	size_t first, count, max_count; /* max_count a power of two */
	uint64_t bytes;
};

/* One direction of a wire: the way out of one link of a host. */
struct wire {
	struct ho_wire_config config;
	int to, to_link;
	struct dice dice;
	ho_time_ns busy_until; /* the last bit that was accepted has left the sender then */
	struct waiting waiting;
};

/* A token bucket; tokens are time. */
struct egress {
	uint64_t rate_bps; /* 0: none */
	ho_time_ns burst_ns, tokens_ns;
	ho_time_ns counted_at; /* the tokens are of then */
	ho_time_ns ready_at;   /* there will be enough for the next frame; HO_NEVER: there is none */
};

struct host {
	struct ho_stack *stack;
	struct egress egress;
	char *name;
	struct wire *wires; /* one a link; link 0 has one from the start */
	int wire_count;
	struct ho_event held; /* fetched to see whether there was one; ho_world_event hands it out */
	bool has_held;
};

/* What the loop must look at for each host, apart from the rest so that a scan over many is cheap. */
struct wake {
	ho_time_ns at;         /* the stack's deadline, as far as known */
	ho_time_ns not_before; /* when it was last due in vain: ask again then */
	uint8_t in_vain;       /* times in a row that expire fired nothing and left the deadline in the past */
	bool touched;          /* may have frames to send, events, another deadline */
};

struct ho_world {
	struct ho_allocator al;
	uint64_t seed;
	ho_time_ns now;
	struct host *hosts;
	struct wake *wakes;
	int host_count, host_max;
	struct agenda agenda;
	struct passages *passages;
	uint64_t frames; /* numbers given so far */
	uint64_t digest;
	uint32_t steps;  /* at this instant */
	bool running;    /* inside run, next or flush: a rule or tap may not call them again */
	struct ho_order (*rule)(void *ctx, const struct ho_passing *p);
	void *rule_ctx;
	void (*tap)(void *ctx, const struct ho_passing *p);
	void *tap_ctx;
	uint8_t *bytes;  /* a flattened frame for rule, tap and corruption: HO_FRAME_BYTES_MAX */
};

static inline void *world_alloc(const struct ho_world *w, size_t bytes)
{
	return w->al.alloc(w->al.ctx, bytes, _Alignof(max_align_t));
}
static inline void world_free(const struct ho_world *w, void *block, size_t bytes)
{
	if (block)
		w->al.free(w->al.ctx, block, bytes);
}
static inline ho_time_ns time_later(ho_time_ns t, ho_time_ns by) /* ends at HO_NEVER */
{
	return by > HO_NEVER - t ? HO_NEVER : t + by;
}

/* wire.c */
/* Gives the host's next link the way out that it has before it is joined to anything: none.
 * Gives  false when the allocator refuses. */
bool wires_grow(const struct ho_world *w, int host);
void wires_fini(const struct ho_world *w, struct host *h);
bool wire_config_ok(const struct ho_wire_config *c); /* NULL is */
void wire_config_set(struct wire *x, const struct ho_wire_config *c);
/* A host's frame enters the wire of a link.  Owns: takes over the reference. */
void wire_on_frame(struct ho_world *w, int from, int link, struct ho_frame *f);
/* A passage ends.  Owns: takes over its frame's reference. */
void wire_on_arrival(struct ho_world *w, struct passage *g);
/* Begins a passage that no wire delays.  Gives  false when the allocator refuses. */
bool passage_begin(struct ho_world *w, struct ho_frame *first, const struct ho_passing *p, ho_time_ns at);

#endif
