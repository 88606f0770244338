/* SPDX-License-Identifier: MIT
 * A stack that does what a test tells it, so that the world is tested on its own. */
#ifndef FAKE_STACK_H
#define FAKE_STACK_H

#include <halfopen/sim.h>

#define FAKE_BYTES_MAX 64 /* of a packet, remembered */
#define FAKE_TIMERS 8
#define FAKE_FD 3
#define FAKE_LINKS 4

struct fake_arrival {
	ho_time_ns at;
	uint64_t id;
	uint32_t len_bytes;
	uint32_t gso_segs;
	uint8_t csum;
	uint8_t bytes[FAKE_BYTES_MAX];
	const uint8_t *data; /* where slice 0 lay */
	int link;
};

struct ho_stack {
	struct ho_stack_config config;
	ho_time_ns now;
	int link_count; /* 1 unless a test says more */
	struct ho_frame *out[FAKE_LINKS], **out_tail[FAKE_LINKS];
	struct ho_frame *kept, **kept_tail;
	uint64_t made;            /* frames; the id of the last */
	struct fake_arrival *arrivals;
	size_t arrival_count, arrival_max;
	ho_time_ns timer[FAKE_TIMERS]; /* HO_NEVER: free */
	ho_time_ns fired_at[64];
	uint32_t fired_count, expire_count;
	ho_time_ns early_ns;      /* deadlines are told this much too early */
	bool stuck;               /* the deadline is always 0 */
	bool echo;                /* send back what comes */
	bool relays;              /* what comes from a link leaves by the next one */
	bool wants_events;        /* an arrival makes FAKE_FD ready */
	bool beats;               /* a timer sends a packet of 100 bytes */
	bool keeps;               /* holds on to what comes until it is closed */
	bool forgets;             /* remembers only the last arrival */
	bool ready, closed_fd;
	char **order;             /* where to write what happens: 'i' input, 't' timer, then the host's letter */
	char letter;
};

extern const struct ho_allocator fake_allocator; /* of the frames: they may outlive a stack */

void fake_send(struct ho_stack *s, uint8_t first_byte, uint32_t len_bytes);
/* Takes over the reference; gives the frame the next id. */
void fake_push(struct ho_stack *s, struct ho_frame *f);
/* The same to a link; the others are for link 0. */
void fake_push_link(struct ho_stack *s, int link, struct ho_frame *f);
void fake_send_link(struct ho_stack *s, int link, uint8_t first_byte, uint32_t len_bytes);
void fake_timer(struct ho_stack *s, ho_time_ns at);

#endif
