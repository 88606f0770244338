/* SPDX-License-Identifier: MIT
 * Scripts also run `tc` and `ip route`: on tun0, in their own network namespace.  After each command the stack takes what
 * stands there: a queue that takes nothing (pfifo limit 0), and what the routes through tun0 say of their destinations. */
#include "drill.h"

#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#define QUEUE_MAX 1000
#define ROUTES_MAX 8

struct seen {
	int ifindex;
	bool closed; /* the queue takes nothing */
	struct ho_route route[ROUTES_MAX];
	uint32_t route_count;
};

/* ---- netlink ---- */

struct attrs {
	const struct rtattr *of[64];
};

static struct attrs attrs_of(const void *first, size_t bytes)
{
	const struct rtattr *a = first;
	struct attrs found = {{0}};

	for (int left = (int)bytes; RTA_OK(a, left); a = RTA_NEXT(a, left))
		if ((a->rta_type & NLA_TYPE_MASK) < 64)
			found.of[a->rta_type & NLA_TYPE_MASK] = a;
	return found;
}

static uint32_t attr_u32(const struct rtattr *a)
{
	uint32_t v = 0;

	if (a != NULL && RTA_PAYLOAD(a) >= sizeof(v))
		memcpy(&v, RTA_DATA(a), sizeof(v));
	return v;
}

/* Calls take for each object of a dump. */
static void dump(uint16_t type, void (*take)(struct seen *s, const struct nlmsghdr *h), struct seen *s)
{
	static _Alignas(NLMSG_ALIGNTO) char answer[65536];
	struct {
		struct nlmsghdr h;
		union {
			struct tcmsg tc;
			struct rtmsg rt;
		} m;
	} ask = {.h = {.nlmsg_len = sizeof(ask), .nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP}};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	bool more = fd >= 0 && send(fd, &ask, sizeof(ask), 0) == (ssize_t)sizeof(ask);

	while (more) {
		ssize_t bytes = recv(fd, answer, sizeof(answer), 0);
		const struct nlmsghdr *h = (const void *)answer;

		more = bytes > 0;
		for (unsigned left = bytes > 0 ? (unsigned)bytes : 0; NLMSG_OK(h, left); h = NLMSG_NEXT(h, left)) {
			if (h->nlmsg_type == NLMSG_DONE || h->nlmsg_type == NLMSG_ERROR)
				more = false;
			else
				take(s, h);
		}
	}
	if (fd >= 0)
		syscall(SYS_close, fd);
}

/* ---- queue, routes ---- */

static void qdisc_take(struct seen *s, const struct nlmsghdr *h)
{
	const struct tcmsg *tc = NLMSG_DATA(h);
	struct attrs a = attrs_of(TCA_RTA(tc), TCA_PAYLOAD(h));
	const char *kind = a.of[TCA_KIND] != NULL ? RTA_DATA(a.of[TCA_KIND]) : "";

	if (tc->tcm_ifindex == s->ifindex && tc->tcm_parent == TC_H_ROOT && a.of[TCA_OPTIONS] != NULL &&
	    (strcmp(kind, "pfifo") == 0 || strcmp(kind, "bfifo") == 0))
		s->closed = attr_u32(a.of[TCA_OPTIONS]) == 0; /* struct tc_fifo_qopt: the limit */
}

static void route_take(struct seen *s, const struct nlmsghdr *h)
{
	const struct rtmsg *rt = NLMSG_DATA(h);
	struct attrs a = attrs_of(RTM_RTA(rt), RTM_PAYLOAD(h)), m;
	struct ho_route *r = &s->route[s->route_count];
	uint32_t lock;

	if (rt->rtm_family != AF_INET || rt->rtm_table != RT_TABLE_MAIN || a.of[RTA_METRICS] == NULL ||
	    (int)attr_u32(a.of[RTA_OIF]) != s->ifindex || s->route_count == ROUTES_MAX)
		return;
	m = attrs_of(RTA_DATA(a.of[RTA_METRICS]), RTA_PAYLOAD(a.of[RTA_METRICS]));
	lock = attr_u32(m.of[RTAX_LOCK]);
	r->dst = ntohl(attr_u32(a.of[RTA_DST]));
	r->prefix_len = rt->rtm_dst_len;
	r->mtu = attr_u32(m.of[RTAX_MTU]);
	r->metrics.mtu_locked = (lock & (1u << RTAX_MTU)) != 0;
	r->metrics.advmss = attr_u32(m.of[RTAX_ADVMSS]);
	r->metrics.initcwnd = attr_u32(m.of[RTAX_INITCWND]);
	r->metrics.quickack = attr_u32(m.of[RTAX_QUICKACK]) != 0;
	r->metrics.rto_min_ms = (lock & (1u << RTAX_RTO_MIN)) ? attr_u32(m.of[RTAX_RTO_MIN]) : 0;
	s->route_count++;
}

/* Of link 0, the only one. */
static void route_set(const struct ho_route *r)
{
	int err = ho_route_replace(drill.s, r);

	if (err)
		fprintf(stderr, "halfopen-packetdrill: a route: %s\n", strerror(-err));
}

static void queue_set(uint32_t max)
{
	struct ho_link_config c;

	ho_link_get(drill.s, 0, &c);
	c.out_queue_max = max;
	ho_link_set(drill.s, 0, &c);
}

void drill_link_read(void)
{
	static struct seen before;
	struct seen s;

	memset(&s, 0, sizeof(s)); /* it is compared with what was before */
	s.ifindex = (int)if_nametoindex("tun0");
	if (s.ifindex == 0)
		return;
	dump(RTM_GETQDISC, qdisc_take, &s);
	dump(RTM_GETROUTE, route_take, &s);
	if (s.closed != before.closed)
		queue_set(s.closed ? 0 : QUEUE_MAX);
	if (s.route_count != before.route_count || memcmp(s.route, before.route, sizeof(s.route)) != 0) {
		for (uint32_t i = 0; i < before.route_count; i++)
			route_set(&(struct ho_route){.dst = before.route[i].dst, .prefix_len = before.route[i].prefix_len});
		for (uint32_t i = 0; i < s.route_count; i++)
			route_set(&s.route[i]);
	}
	before = s;
}
