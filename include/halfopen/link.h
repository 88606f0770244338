/* SPDX-License-Identifier: MIT
 * halfopen: the links of a stack, its addresses, its routes.
 *
 * A stack is born with link 0 (mtu, link_flags and out_queue_max of its config), one address there, the connected route
 * of that address, and a default route if the config has one.  More of each can be added; a stack of several links
 * passes packets on between them when net.ipv4.ip_forward is 1.  Loopback is there always and is no link.
 *
 * The route to a destination is the one with the longest prefix; of those, the one with the smallest metric. */
#ifndef HALFOPEN_LINK_H
#define HALFOPEN_LINK_H

#include "frame.h"
#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

#define HO_LINK_NAME_MAX 16 /* with the NUL (Linux: IFNAMSIZ) */
#define HO_LINKS_MAX 16
#define HO_ADDRS_MAX 64

struct ho_link_config {
	char name[HO_LINK_NAME_MAX]; /* "" for the stack to choose: eth0 for link 0, eth1 ... */
	uint32_t mtu;                /* bytes of IPv4 packet, 68..65535 */
	uint32_t flags;              /* HO_LINK_* (stack.h) */
	uint32_t out_queue_max;      /* frames waiting for ho_stack_output_link; more are dropped and counted */
	uint8_t mac[6];              /* with HO_LINK_ETHERNET: its own address, of one station and not 0 */
};

/* Gives  the link's number, 1..HO_LINKS_MAX-1; -EINVAL (a field out of range), -EEXIST (the name), -ENOSPC. */
HO_API int ho_link_add(struct ho_stack *s, const struct ho_link_config *c);
/* Gives  0 and *out; -ENODEV: there is no such link. */
HO_API int ho_link_get(const struct ho_stack *s, int link, struct ho_link_config *out);
/* Changes a link as `ip link set` and `tc` do: its MTU, its flags but for HO_LINK_ETHERNET, its queue (0: nothing leaves, as
 * with `pfifo limit 0`).  Name and station address stay.  Connections look at the path again with their next segment.
 * Gives  0, -ENODEV, -EINVAL (a field out of range). */
HO_API int ho_link_set(struct ho_stack *s, int link, const struct ho_link_config *c);
/* Gives  the link of that name; -ENODEV. */
HO_API int ho_link_find(const struct ho_stack *s, const char *name);

/* A frame arrives from a link; ho_stack_input is this for link 0.
 * Owns   takes over one reference, whatever happens.  A link that is not there loses it without a trace. */
HO_API void ho_stack_input_link(struct ho_stack *s, int link, struct ho_frame *f, ho_time_ns now);
/* The next frame for a link, oldest first, with one reference; NULL when there is none.  ho_stack_output is this for
 * link 0. */
HO_API struct ho_frame *ho_stack_output_link(struct ho_stack *s, int link);

struct ho_addr {
	uint32_t addr;      /* host order */
	uint8_t prefix_len; /* 0..32 */
	int link;
};

/* Adds an address and the connected route of its prefix (none for a prefix of 32).
 * Gives  0, -EINVAL (no unicast address, prefix), -ENODEV, -EEXIST (the stack has that address), -ENOSPC, -ENOMEM. */
HO_API int ho_addr_add(struct ho_stack *s, const struct ho_addr *a);
/* Takes it away, with its connected route unless another address there has it, too, and the routes that prefer it as a
 * source.  Connections that use it stay and go nowhere.
 * Gives  0, -EADDRNOTAVAIL. */
HO_API int ho_addr_del(struct ho_stack *s, uint32_t addr);
/* The i-th address, in the order in which they were added; false after the last. */
HO_API bool ho_addr_get(const struct ho_stack *s, unsigned i, struct ho_addr *out);

enum ho_route_type {
	HO_ROUTE_UNICAST,
	HO_ROUTE_BLACKHOLE,   /* silence; our own programs get EINVAL */
	HO_ROUTE_UNREACHABLE, /* ICMP host unreachable; EHOSTUNREACH */
	HO_ROUTE_PROHIBIT,    /* ICMP administratively prohibited; EACCES */
};

/* What `ip route ... mtu lock 1400 advmss 1000 initcwnd 20 rto_min lock 50 quickack 1` says besides the MTU.  A connection
 * that exists looks again when it sends its next segment. */
struct ho_route_metrics {
	bool mtu_locked;     /* no path MTU discovery: packets may be fragmented */
	bool quickack;       /* no ACK waits for another */
	uint32_t advmss;     /* to tell peers, bytes, at most 65495; this and what follows, 0: nothing is said */
	uint32_t initcwnd;   /* segments of a new connection's window, at most 65535 */
	uint32_t rto_min_ms; /* instead of net.ipv4.tcp_rto_min_us, at most 120000 */
};

struct ho_route {
	uint32_t dst;        /* without bits behind the prefix */
	uint8_t prefix_len;  /* 0..32; 0 with dst 0: the default route */
	uint8_t type;        /* enum ho_route_type */
	int link;            /* -1: where the gateway's connected route leads; of HO_ROUTE_UNICAST only */
	uint32_t gateway;    /* 0: the destination is on the link */
	uint32_t src;        /* source address that it prefers, one of ours; 0: the link's */
	uint32_t metric;     /* smaller is better */
	uint32_t mtu;        /* 0: the link's */
	struct ho_route_metrics metrics;
	bool connected;      /* made by an address; as read */
};

/* Gives  0, -EINVAL (a field, a gateway of ours, src not ours), -ENODEV, -ENETUNREACH (a gateway that no connected route
 *        leads to, with link -1), -EEXIST (same dst, prefix_len and metric), -ENOMEM. */
HO_API int ho_route_add(struct ho_stack *s, const struct ho_route *r);
/* The same, but takes the place of the route with the same dst, prefix_len and metric, if there is one. */
HO_API int ho_route_replace(struct ho_stack *s, const struct ho_route *r);
/* Deletes the route with this dst, prefix_len and, of several, the smallest metric that is not below r->metric; type, link
 * and gateway must be the same where they are not 0, -1, 0.
 * Gives  0, -ESRCH. */
HO_API int ho_route_del(struct ho_stack *s, const struct ho_route *r);
/* Routes by prefix_len from long to short, then by dst, then by metric.
 * Takes  after: the one read before, NULL for the first.
 * Gives  false after the last.
 * Work   O(routes). */
HO_API bool ho_route_next(const struct ho_stack *s, const struct ho_route *after, struct ho_route *out);
/* Which way a packet of ours to daddr would go: *out is the route with link, gateway and src filled in (dst/32 on our own
 * addresses with link -1 and HO_ROUTE_UNICAST).
 * Gives  0, -ENETUNREACH, -EHOSTUNREACH, -EACCES, -EINVAL (enum ho_route_type). */
HO_API int ho_route_get(struct ho_stack *s, uint32_t daddr, struct ho_route *out);

/* ---- neighbours ----
 * On a link with HO_LINK_ETHERNET the next hop's Ethernet address is found by ARP (RFC 826).  Packets wait for it, within
 * net.ipv4.neigh.default.unres_qlen_bytes; after mcast_solicit questions without an answer their senders get ICMP host
 * unreachable (our own programs EHOSTUNREACH).  A next hop is there, too, as long as TCP's data is acknowledged that went
 * that way, or a program says so (HO_MSG_CONFIRM): then it is not asked again.  Of a frame that only the stack holds, slice[0] is moved behind the Ethernet
 * header.
 * Source Linux 6.18 net/core/neighbour.c, net/ipv4/arp.c. */
enum ho_neigh_state {
	HO_NEIGH_INCOMPLETE = 1, /* asked for */
	HO_NEIGH_REACHABLE,      /* it has answered within about 30 seconds */
	HO_NEIGH_STALE,          /* known; to be asked again when it is used */
	HO_NEIGH_DELAY,          /* used since */
	HO_NEIGH_PROBE,          /* being asked again */
	HO_NEIGH_FAILED,         /* it does not answer */
};

struct ho_neigh {
	int link;
	uint32_t addr;    /* host order */
	uint8_t mac[6];   /* zero if it was never known */
	uint8_t state;    /* enum ho_neigh_state; 0: nobody has asked for it yet */
	uint32_t probes;  /* questions without an answer, as Linux counts them */
	uint32_t waiting; /* packets */
	uint64_t used_ms, confirmed_ms, updated_ms; /* ago, as `ip -s neigh` shows them in seconds */
};

/* Neighbours by link, then by address.
 * Takes  after: the one read before, NULL for the first.
 * Gives  false after the last.
 * Work   O(neighbours). */
HO_API bool ho_neigh_next(const struct ho_stack *s, const struct ho_neigh *after, struct ho_neigh *out);

#ifdef __cplusplus
}
#endif
#endif
