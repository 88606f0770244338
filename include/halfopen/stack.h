/* SPDX-License-Identifier: MIT
 * halfopen: a stack and its doors.
 *
 * A stack is a value: frames, calls and a time go in; frames and events come out; it names the next moment at which
 * it wants to be woken.  It reads no clock, opens no socket, draws no randomness but from the secret of its birth.
 *
 *     for (;;) {
 *         wait until ho_stack_deadline(s), or a frame comes, or the program wants something;
 *         ho_stack_expire(s, now, 0);                 timers that are due
 *         ho_stack_input(s, frame, now);              frames from the wire
 *         ho_sock_...(s, ...);                        calls of the program
 *         while ((f = ho_stack_output(s))) put f on the wire, ho_frame_unref(f);
 *         while (ho_stack_event(s, &e)) ...           sockets that became ready
 *     }
 *
 * No function calls back into the caller except the allocator and frame/payload releases.  A stack may be used by
 * one thread at a time. */
#ifndef HALFOPEN_STACK_H
#define HALFOPEN_STACK_H

#include "frame.h"
#include "link.h"
#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What the link below can do for us. */
#define HO_LINK_TX_CSUM 0x1u /* takes frames with HO_CSUM_PARTIAL */
#define HO_LINK_TSO 0x2u     /* takes super-frames (implies HO_LINK_TX_CSUM) */
#define HO_LINK_SHARES 0x4u  /* takes frames whose payload lies in our buffers (by reference); without it each frame is
                                still by reference, but ho_stack_output waits for nobody: see ho_frame */
/* Frames that wait for ho_stack_output do not hold back the connection that they are of, nor cork small writes: the link
 * takes each at once, and forgets whose it is, as a TUN device does. */
#define HO_LINK_ORPHANS 0x8u
#define HO_LINK_USO 0x10u    /* takes super-frames of UDP (implies HO_LINK_TX_CSUM) */
/* Frames from and to the link begin with an Ethernet header of 14 bytes, and next hops are found by ARP: link.h.  Not
 * together with HO_LINK_TX_CSUM, HO_LINK_TSO or HO_LINK_USO. */
#define HO_LINK_ETHERNET 0x20u

struct ho_stack_config {
	uint32_t addr;          /* own address, host order */
	uint8_t prefix_len;     /* of the connected route, 0..32 */
	uint32_t gateway;       /* 0: none */
	bool default_route;     /* anything not connected goes to the link (a TUN needs no gateway) */
	uint32_t mtu;           /* bytes of IPv4 packet, 68..65535 */
	uint32_t link_flags;    /* HO_LINK_* */
	uint32_t out_queue_max; /* frames waiting for ho_stack_output; more are dropped and counted (IpOutDiscards) */
	uint8_t secret[16];     /* keys ISNs, timestamps, ports, hashes.  Same secret and same calls: same bytes out */
	struct ho_allocator alloc;
	ho_time_ns now_ns;      /* the time at birth */
	uint32_t socks_max;     /* descriptors at most (requests and TIME-WAIT have their own limits) */
	uint32_t trace_max;     /* trace records kept until read; 0: no trace */
	bool charge_connections; /* keep per-connection counters, too (about 2 KiB each); listeners always have them */
	uint32_t linux_profile; /* HO_LINUX_6_18, HO_LINUX_4_15 or HO_LINUX_3_10 */
	char link_name[HO_LINK_NAME_MAX]; /* of link 0; "": eth0 */
	uint8_t mac[6];         /* of a link with HO_LINK_ETHERNET */
};

#define HO_LINUX_6_18 0x0612u
/* Orphans as kernels before 5.16 count them: what is compared with net.ipv4.tcp_max_orphans is told by a CPU only when it has
 * 32 more or less to tell, and is counted exactly when that is too many.  The defaults of net.core.somaxconn (128) and
 * tcp_syn_linear_timeouts (0) change, too.  All else is 6.18's. */
#define HO_LINUX_4_15 0x040fu
/* The listen queues of kernels before 4.10, as the field notes describe them: a SYN is answered although the accept queue is
 * full, the SYN queue is a power of two, and nothing is counted when it is full; and orphans as in 4.15.  All else is 6.18's.
 * The defaults of net.core.somaxconn (128), tcp_max_syn_backlog (1024), tcp_syncookies (0: the notes' setting) and
 * tcp_syn_linear_timeouts (0) change, too. */
#define HO_LINUX_3_10 0x030au

/* Fills a config with what Linux 6.18 would have: MTU 1500, 4096 descriptors ..., malloc as the allocator.
 * The address, the secret and the time are the caller's to set. */
HO_API void ho_stack_config_init(struct ho_stack_config *c);

/* Shape  nothing -> a stack with link 0, its address, loopback and routes (more: link.h)
 * Gives  0, or -EINVAL (a field out of range), -ENOMEM.  *out is untouched on failure. */
HO_API int ho_stack_open(const struct ho_stack_config *c, struct ho_stack **out);

/* Shape  a stack -> nothing.  Connections vanish without a packet (as if the power went).
 * Owns   frames that the stack made and that are still held elsewhere stay valid: the stack's memory goes when the
 *        last of them is released. */
HO_API void ho_stack_close(struct ho_stack *s);

/* Sets the time for the calls that follow; timers do not fire.  Time that goes back is ignored. */
HO_API void ho_stack_at(struct ho_stack *s, ho_time_ns now);
HO_API ho_time_ns ho_stack_now(const struct ho_stack *s);

/* A frame arrives from the link.
 * Owns   takes over one reference, whatever happens.
 * Work   bounded by the frame's segments and the data it frees. */
HO_API void ho_stack_input(struct ho_stack *s, struct ho_frame *f, ho_time_ns now);

/* A hint: this frame will be input soon.  Whoever has several frames at hand gives it for one a few (four to eight) behind
 * the frame that it inputs: when that one's turn comes, where its connection would be is in the cache already.  With many
 * connections that is a miss less for each frame.  No counter, no answer and no time changes with it.
 * Takes  any frame that ho_stack_input (of any link) takes; it does not have to follow.
 * Owns   nothing.
 * Work   O(1): addresses and ports are read, if slice 0 holds them, and hashed. */
HO_API void ho_stack_prefetch(struct ho_stack *s, const struct ho_frame *f);

/* The same hint and more, for whoever has a batch of frames, and many connections with traffic on each: the connections
 * themselves are fetched, side by side.  Best given for eight to thirty frames, right before they are input.
 * Takes  as ho_stack_prefetch, count of them.
 * Owns   nothing.
 * Work   O(count): the table is looked up for each. */
HO_API void ho_stack_prefetch_batch(struct ho_stack *s, struct ho_frame *const *f, unsigned count);

/* The next frame for the link, oldest first; NULL when there is none.
 * Owns   the caller gets one reference.
 * Work   O(1).  Taking a frame may let a throttled connection send more (Linux's TSQ), so call until NULL. */
HO_API struct ho_frame *ho_stack_output(struct ho_stack *s);

/* How large that frame is: for a link that takes no more than it can send.  What it leaves behind holds back the connection
 * that it is of, and corks small writes (TCPAutoCorking), unless HO_LINK_ORPHANS.
 * Gives  bytes of the whole packet; 0 when there is no frame. */
HO_API uint32_t ho_stack_output_bytes(struct ho_stack *s);

/* The earliest moment at which ho_stack_expire has work; HO_NEVER if none.  May be early, never late. */
HO_API ho_time_ns ho_stack_deadline(const struct ho_stack *s);

/* Fires timers that are due at now.
 * Takes  max_count: how many timers may be fired or, on their way to it, moved within the wheel (0: no limit).
 * Gives  how many were; when it equals max_count there may be more (ho_stack_deadline says so).
 * Work   O(max_count), however many timers there are.  One timer may end up to 47 TIME-WAIT buckets; those of
 *        half-open connections are counted singly, and up to 46 more than max_count may fire. */
HO_API uint32_t ho_stack_expire(struct ho_stack *s, ho_time_ns now, uint32_t max_count);

/* Sockets that became ready, each at most once until it is taken (edge, as EPOLLET). */
struct ho_event {
	int fd;
	uint32_t mask; /* HO_IN ...: what holds now, as ho_sock_poll says */
	void *user;    /* ho_sock_user_set */
};
HO_API bool ho_stack_event(struct ho_stack *s, struct ho_event *e);

/* sysctls by Linux's names ("net.ipv4.tcp_syncookies"; dots or slashes).
 * Gives  get: length written without the NUL; set: 0.  -ENOENT: no such name; -EINVAL: not a number, or out of
 *        range; -EPERM: it exists but cannot be set here; -ENOSPC: buffer too small. */
HO_API int ho_sysctl_get(const struct ho_stack *s, const char *name, char *buf, size_t cap_bytes);
HO_API int ho_sysctl_set(struct ho_stack *s, const char *name, const char *value);
/* The i-th sysctl's name, NULL after the last. */
HO_API const char *ho_sysctl_name(unsigned i);

/* Forgets what earlier connections told of their peers (cookies of Fast Open), as `ip tcp_metrics flush all`. */
HO_API void ho_stack_peers_forget(struct ho_stack *s);

/* Memory of one object, bytes, for those who plan: "request", "timewait", "tcp", "listener", "segment", "frame".
 * Gives  0 for an unknown name. */
HO_API size_t ho_stack_sizeof(const char *object);

/* What a stack holds now. */
struct ho_memory {
	size_t allocated_bytes; /* taken from the allocator now */
	uint32_t socks, requests, timewaits, orphans;
	uint32_t tcp_pages;     /* pages of 4 KiB that all TCP sockets have reserved: what net.ipv4.tcp_mem limits */
	bool tcp_pressure;      /* they were more than its second value, and not below the first since */
	uint32_t udp_ports, udp_pages;    /* UDP sockets with a port; pages of 4 KiB that all of them have reserved */
	uint32_t frag_queues; /* packets of which fragments wait for the rest */
	uint64_t frag_bytes;  /* that these are charged: what net.ipv4.ipfrag_high_thresh limits */
	uint32_t ehash_size, ehash_count; /* places and entries of the connection table */
};
HO_API void ho_stack_memory(const struct ho_stack *s, struct ho_memory *out);

/* Gives  the version of the library that runs: "0.1.0". */
HO_API const char *ho_version(void);

#ifdef __cplusplus
}
#endif
#endif
