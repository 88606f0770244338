/* SPDX-License-Identifier: MIT
 * Links, addresses, routes: where packets come from and go to. */
#ifndef HO_CORE_ROUTE_H
#define HO_CORE_ROUTE_H

#include <halfopen/link.h>

#include "lhash.h"
#include "pool.h"

struct frame_queue {
	struct ho_frame *head, *tail;
	uint32_t count;
};

struct link {
	char name[HO_LINK_NAME_MAX];
	uint32_t mtu, flags, out_queue_max;
	struct frame_queue out;
};

struct address {
	uint32_t addr, netmask;
	uint8_t prefix_len, link;
};

enum way_type { WAY_UNICAST, WAY_LOCAL, WAY_BROADCAST, WAY_MULTICAST };

/* Where packets to a destination go. */
struct way {
	uint8_t type;      /* enum way_type */
	uint8_t link;      /* not of WAY_LOCAL */
	uint32_t next_hop; /* on the link: the gateway, or the destination itself */
	uint32_t saddr;    /* for those who have not chosen one */
	uint32_t mtu;      /* the route's or the link's, whatever routers have said since */
};

struct fib {
	struct lhash routes;      /* struct route, by dst and prefix_len */
	uint64_t prefixes;        /* bit n: there is a route of prefix_len n */
	uint32_t prefix_count[33];
	struct pool pool;
	struct {
		uint32_t daddr;
		int err;
		bool valid;
		struct way way;
	} last;                   /* most packets go where the one before went */
};

/* The path MTU to a destination (Linux: fib_nh_exception). */
#define PMTU_ENTRIES 256
#define METRICS_MAX 8
#define MTU_MIN 68u
#define ADVMSS_MAX 65495u

struct pmtu {
	uint32_t addr, mtu;
	uint64_t until_ms;
	bool locked;
};

/* 0 and *way, valid until the next call or change; -ENETUNREACH (which callers count as IpOutNoRoutes), -EHOSTUNREACH,
 * -EACCES, -EINVAL: see enum ho_route_type. */
int ip_way(struct ho_stack *st, uint32_t daddr, const struct way **way);
/* The address to use for a destination: ip_way's errors, or 0 and *saddr. */
int ip_route(struct ho_stack *st, uint32_t daddr, uint32_t *saddr, uint32_t *mtu); /* mtu: NULL, or the path's */
uint32_t ip_mtu(struct ho_stack *st, uint32_t daddr);
uint32_t ip_advmss(struct ho_stack *st, uint32_t daddr); /* what to tell a peer there */
const struct ho_route_metrics *metrics_find(const struct ho_stack *st, uint32_t daddr); /* NULL: nothing is said */
const struct pmtu *pmtu_find(const struct ho_stack *st, uint32_t daddr); /* NULL */
bool ip_dont_fragment(uint8_t pmtudisc, bool locked); /* locked: struct pmtu */
/* A router says so; never raises it. */
void pmtu_update(struct ho_stack *st, uint32_t daddr, uint32_t mtu);
bool fib_open(struct ho_stack *st); /* false: no memory */
void fib_close(struct ho_stack *st);
int link_open(struct ho_stack *st, const struct ho_link_config *c); /* >= 0, or ho_link_add's errors */

#endif
