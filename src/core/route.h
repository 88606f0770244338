/* SPDX-License-Identifier: MIT
 * Links, addresses, routes: where packets come from and go to. */
#ifndef HO_CORE_ROUTE_H
#define HO_CORE_ROUTE_H

#include <halfopen/link.h>

#include "lhash.h"
#include "list.h"
#include "pool.h"

struct frame_queue {
	struct ho_frame *head, *tail;
	uint32_t count;
};

struct link {
	char name[HO_LINK_NAME_MAX];
	uint32_t mtu, flags, out_queue_max;
	uint8_t mac[6];
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
	uint64_t until_ms; /* by a redirect, which is forgotten then; UINT64_MAX */
	struct ho_route_metrics metrics;
};

/* What becomes of a packet that has arrived, by its addresses. */
enum destination { TO_US, TO_BROADCAST, TO_ALL_HOSTS, TO_ANOTHER, TO_MARS, TO_FILTER /* rp_filter */ };

struct way_in {
	uint32_t saddr, daddr;
	uint32_t generation; /* of the fib that it was found in; 0: none */
	uint8_t link;
	uint8_t to;          /* enum destination */
	bool redirect;       /* TO_ANOTHER: its sender reaches the next hop by itself */
	int err;             /* TO_ANOTHER: 0, or why it goes nowhere: ip_way's */
	struct way way;      /* TO_ANOTHER without err */
};
#define WAYS_IN 64u

struct fib {
	struct lhash routes;      /* struct route, by dst and prefix_len */
	uint64_t prefixes;        /* bit n: there is a route of prefix_len n */
	uint32_t prefix_count[33];
	struct pool pool;
	uint32_t generation;      /* changes of routes, addresses and of the sysctls that decide with them; from 1 */
	struct way_in in[WAYS_IN];
	struct {
		uint32_t daddr;
		int err;
		bool valid;
		struct way way;
	} last;                   /* most packets go where the one before went */
};

/* ICMP messages of our own to one destination (Linux: inet_peer's rate_tokens). */
#define ICMP_PEERS 256
struct icmp_peer {
	uint32_t addr;
	uint32_t tokens_ms;
	uint32_t redirects;      /* sent in a row */
	uint64_t stamp_ms;
};

/* Identifications of packets to one destination, or to several (Linux: ip_idents). */
#define IP_IDENTS 256
struct ip_ident {
	uint32_t stamp_ms;
	uint32_t next;
};

/* The path MTU to a destination (Linux: fib_nh_exception). */
#define PMTU_ENTRIES 256
#define MTU_MIN 68u
#define ADVMSS_MAX 65495u

struct pmtu {
	uint32_t addr, mtu;
	uint64_t until_ms;
	bool locked;
};

/* A destination that a router has told us to reach by another one (Linux: fib_nh_exception, too). */
#define REDIRECTS 64
struct redirect {
	uint32_t daddr, from, to; /* routers */
	uint8_t link;
	uint64_t until_ms;
};

/* What the links with neighbours know: neigh.h. */
struct neighs {
	struct lhash table;      /* struct neigh, by link and addr */
	struct list order;       /* neigh.order */
	struct pool pool;
	uint64_t cleaned_ms, forced_ms; /* when old ones were looked for */
	uint64_t drawn_ms;       /* reachable_ms was, from reachable_base_ms */
	uint32_t reachable_base_ms, reachable_ms;
};

/* 0 and *way, valid until the next call or change; -ENETUNREACH (which callers count as IpOutNoRoutes), -EHOSTUNREACH,
 * -EACCES, -EINVAL: see enum ho_route_type. */
int ip_way(struct ho_stack *st, uint32_t daddr, const struct way **way);
/* The address to use for a destination: ip_way's errors, or 0 and *saddr. */
int ip_route(struct ho_stack *st, uint32_t daddr, uint32_t *saddr, uint32_t *mtu); /* mtu: NULL, or the path's */
uint32_t ip_mtu(struct ho_stack *st, uint32_t daddr);
uint32_t ip_advmss(struct ho_stack *st, uint32_t daddr); /* what to tell a peer there */
const struct ho_route_metrics *ip_metrics(struct ho_stack *st, uint32_t daddr); /* valid as ip_way's */
const struct pmtu *pmtu_find(const struct ho_stack *st, uint32_t daddr); /* NULL */
bool ip_dont_fragment(uint8_t pmtudisc, bool locked); /* locked: struct pmtu */
/* A router says so; never raises it. */
void pmtu_update(struct ho_stack *st, uint32_t daddr, uint32_t mtu);
/* By the table alone: ip_way's errors, or 0 and *w (but for its type). */
int fib_way(struct ho_stack *st, uint32_t daddr, struct way *w);
const struct ho_route *fib_find(const struct ho_stack *st, uint32_t daddr); /* NULL */
const struct ho_route *fib_find_on(const struct ho_stack *st, uint32_t daddr, int link); /* of one link's routes; NULL */
const struct address *address_find(const struct ho_stack *st, uint32_t addr); /* one of ours; NULL */
void fib_changed(struct ho_stack *st);
uint32_t ip_link_source(const struct ho_stack *st, uint32_t link, uint32_t next_hop); /* the address to speak with there */
/* The next hop of a way that leads to a gateway may be another one for this destination. */
void redirect_follow(struct ho_stack *st, uint32_t daddr, struct way *w);
/* A redirect quotes a packet of one of our sockets to daddr. */
void redirect_on_icmp(struct ho_stack *st, uint32_t daddr);
bool fib_open(struct ho_stack *st); /* false: no memory */
void fib_close(struct ho_stack *st);
int link_open(struct ho_stack *st, const struct ho_link_config *c); /* >= 0, or ho_link_add's errors */

#endif
