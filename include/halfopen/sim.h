/* SPDX-License-Identifier: MIT
 * halfopen: a world of hosts and wires in virtual time, everything from one seed.
 *
 * Same seed, same hosts and wires, same calls: the same packets at the same times, and the same digest.  Each direction
 * of a wire has randomness of its own, so that traffic elsewhere, a rule, or another fault's setting does not change
 * what happens to its n-th frame. */
#ifndef HALFOPEN_SIM_H
#define HALFOPEN_SIM_H

#include "halfopen.h"

#ifdef __cplusplus
extern "C" {
#endif

struct ho_world;

/* One direction of a wire.  Probabilities in parts per million, 0..1000000.
 * A frame meets, in this order: rule, MTU, loss, queue and rate, corruption, duplication, reordering, delay.  Frames keep
 * their order but for reorder_ppm, a rule's delay, or a delay_ns that was made smaller meanwhile.  A super-frame shares
 * one fate; MTU and rate see the packets that it stands for. */
struct ho_wire_config {
	ho_time_ns delay_ns;   /* after the last bit has left */
	uint64_t rate_bps;     /* bits of IPv4 packet per second; 0: no serialisation time */
	uint32_t queue_bytes;  /* of frames waiting for the rate, without the one being sent; a frame that would wait and
	                          make it more is dropped; 0: no limit */
	uint32_t loss_ppm;
	uint32_t duplicate_ppm; /* a second one arrives right behind, uncorrupted, without taking part in the rate */
	uint32_t corrupt_ppm;  /* one bit of a copy is flipped (its L4 checksum filled before); the sender's stays intact */
	uint32_t reorder_ppm;
	ho_time_ns reorder_ns; /* a reordered frame comes this much later; those behind it may overtake */
	uint32_t mtu;          /* larger packets vanish; 0: no limit */
};

/* What became of a frame on a wire. */
enum ho_fate {
	HO_FATE_PASS,
	HO_FATE_RULE_DROP,
	HO_FATE_LOSS,
	HO_FATE_QUEUE_FULL, /* or the allocator refused */
	HO_FATE_TOO_BIG,
	HO_FATE_CORRUPT,    /* arrives, with a bit flipped */
	HO_FATE_DUPLICATE,  /* arrives, as one more of a frame: by the wire's fault or a rule's order */
	HO_FATE_INJECTED,   /* arrives, from ho_world_inject */
};

/* A frame on its way; what rules and taps see.  bytes: the flattened packet (valid during the call only). */
struct ho_passing {
	ho_time_ns at;      /* it enters the wire (rules, drops), or arrives */
	int from, to;       /* hosts; from is -1 for an injected one, to is -1 if the sender's link has no wire */
	int from_link, to_link; /* their links; 0 where there is no host */
	uint64_t number;    /* of the frame in this world, from 1: frame->id of what the receiver gets.  A duplicate and
	                       each copy have their own; numbers rise in the order in which frames enter wires */
	uint64_t sent_id;   /* frame->id at the sender; 0 if injected */
	const uint8_t *bytes;
	size_t len_bytes;
	uint8_t fate;       /* enum ho_fate (taps only) */
};

/* What a rule orders: zero-initialised means pass. */
struct ho_order {
	bool drop;                /* then nothing else counts */
	ho_time_ns delay_ns;      /* extra, after the wire's; HO_NEVER: held for ever */
	uint32_t copies;          /* extra copies, each delay_ns later than the one before; each a frame of its own to the
	                             wire: queue, rate and faults; the rule is not asked again */
	const void *replacement;  /* other bytes instead, for the copies too; not of the rule's own stack frame: they are
	                             copied right after the rule has returned.  May be, or lie in, passing->bytes */
	size_t replacement_bytes; /* 1..65535 */
};

/* Takes  seed: all randomness of wires and, for hosts whose config has a zero secret, their secrets.
 *        al: for the world's own memory (hosts have their config's); NULL: the one of ho_stack_config_init.
 * Gives  0, -ENOMEM.
 * Time   begins at 0. */
HO_API int ho_world_open(uint64_t seed, const struct ho_allocator *al, struct ho_world **out);
HO_API void ho_world_close(struct ho_world *w); /* hosts included; NULL is fine */

/* Adds a host.  c->now_ns is replaced by the world's time; a zero secret by one drawn from the seed.
 * Gives  its number >= 0, counted from 0; or ho_stack_open's error, -ENOMEM. */
HO_API int ho_world_host_add(struct ho_world *w, const char *name, const struct ho_stack_config *c);
/* Gives  the host's stack, NULL if there is no such host.  Its calls act at the world's time.
 * Owns   it stays the world's: its doors (input, output, expire, event, close) are the world's to call; use
 *        ho_world_inject, _flush, _run and _event. */
HO_API struct ho_stack *ho_world_host(const struct ho_world *w, int host);
HO_API const char *ho_world_host_name(const struct ho_world *w, int host);

/* Joins a link of one host to a link of another, or of the same.  NULL: a wire without delay or faults.  What a host sends
 * to a link without a wire is shown to rule and tap with to = -1 and then gone.
 * Takes  link_a, link_b: 0, or what ho_link_add gave.
 * Gives  0, -EBUSY (a link is taken), -EINVAL (no such host or link, the same twice, more than 1000000 ppm), -ENOMEM. */
HO_API int ho_world_join(struct ho_world *w, int a, int link_a, int b, int link_b, const struct ho_wire_config *a_to_b,
                         const struct ho_wire_config *b_to_a);
/* The same for link 0 of both. */
HO_API int ho_world_wire_add(struct ho_world *w, int a, int b, const struct ho_wire_config *a_to_b,
                             const struct ho_wire_config *b_to_a);
/* Changes one direction, the way out of a link; frames under way keep the times and fates they have.  NULL: no delay, no
 * faults.
 * Gives  0, -EINVAL (no such host or link, no wire, more than 1000000 ppm). */
HO_API int ho_world_wire_set_link(struct ho_world *w, int from, int link, const struct ho_wire_config *c);
/* The same for link 0. */
HO_API int ho_world_wire_set(struct ho_world *w, int from, const struct ho_wire_config *c);

/* A slow link 0 below a host: what it cannot send yet stays in the host's own queue (Linux: a token bucket, qdisc tbf).
 * Takes  rate_bps: bits a second, 0: all is taken at once; burst_bytes: so much after a pause, and the largest frame.
 * Gives  0, -EINVAL (no such host; a rate, but no burst).  A larger frame is sent as if it were as large as the burst. */
HO_API int ho_world_egress_set(struct ho_world *w, int host, uint64_t rate_bps, uint32_t burst_bytes);

/* The rule is asked for every frame that enters a wire, before faults; NULL removes it.  It is not asked for injected
 * ones.
 * Rule and tap may inject, change wires and call hosts' sockets; they may not run, flush or close the world, add hosts
 * or join links.
 * Work   each frame is flattened for them; without either, frames cross by reference. */
HO_API void ho_world_rule_set(struct ho_world *w, struct ho_order (*rule)(void *ctx, const struct ho_passing *p), void *ctx);

/* The tap is told every frame's fate: when it enters a wire (drops) or when it has been delivered, i.e. after the
 * receiver has dealt with it, so that its trace records are there to be read.  A tap changes neither times nor digest. */
HO_API void ho_world_tap_set(struct ho_world *w, void (*tap)(void *ctx, const struct ho_passing *p), void *ctx);

/* Puts a packet on the way to a link of a host, not through any stack: it arrives after delay_ns; the wire's delay, rate
 * and faults do not apply, nor need there be a wire.
 * Gives  0, -EINVAL (no such host or link, not 1..65535 bytes), -ENOMEM. */
HO_API int ho_world_inject_link(struct ho_world *w, int to, int link, const void *packet, size_t len_bytes,
                                ho_time_ns delay_ns);
/* The same for link 0. */
HO_API int ho_world_inject(struct ho_world *w, int to, const void *packet, size_t len_bytes, ho_time_ns delay_ns);

/* Gives  the world's time: 0 at its birth. */
HO_API ho_time_ns ho_world_now(const struct ho_world *w);
/* The next moment at which anything happens, now or later (a stack's deadline may be early: then nothing does);
 * HO_NEVER.  Flushes first. */
HO_API ho_time_ns ho_world_next(struct ho_world *w);
/* Lets everything happen that is due until (and at) a time; leaves the time there.  Stops earlier, at the event's
 * time, when a socket became ready (ho_world_event has it) if stop_at_event; at once if one is ready already.
 * Takes  until: a past one means now; HO_NEVER: until nothing is due, and the time stays at what happened last.
 * Gives  the time reached.  Less than until, and no event: 10 million arrivals and timers at this instant, so that time
 *        stands still (two hosts that answer each other over a wire without delay); call again to go on.
 * Time   at one instant: frames arrive in the order of their numbers; then timers fire, host by host; then hosts' output
 *        enters the wires, host by host, link by link; then events are looked for; and again until nothing is due. */
HO_API ho_time_ns ho_world_run(struct ho_world *w, ho_time_ns until, bool stop_at_event);
/* Ready sockets of all hosts, host by host in order.  The mask may be older than the call if ho_world_run stopped for it:
 * ho_sock_poll tells what holds now.
 * Gives  false if there is none. */
HO_API bool ho_world_event(struct ho_world *w, int *host, struct ho_event *e);
/* Moves frames that calls have left in the hosts' output queues onto the wires, at the world's time; ho_world_run does
 * it, too. */
HO_API void ho_world_flush(struct ho_world *w);

/* 64-bit digest of every packet so far whose fate is known (arrived or dropped): time, direction, links, bytes, fate.  Of the
 * bytes as the stack sent them: with HO_CSUM_PARTIAL the checksum field is not filled. */
HO_API uint64_t ho_world_digest(const struct ho_world *w);
/* Frames so far: the highest number given. */
HO_API uint64_t ho_world_frames(const struct ho_world *w);

#ifdef __cplusplus
}
#endif
#endif
