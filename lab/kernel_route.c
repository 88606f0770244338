/* SPDX-License-Identifier: MIT
 * lab, the kernel's world: addresses and routes of a host, by rtnetlink in its namespace.  Link n is the device tunN. */
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel.h"

#define ANSWER_MAX 8192

struct request {
	struct nlmsghdr h;
	union {
		struct rtmsg route;
		struct ifaddrmsg addr;
	} m;
	uint8_t attributes[256];
};

static struct request request_of(uint16_t type, uint16_t flags, size_t len)
{
	return (struct request){
		.h = {.nlmsg_len = (uint32_t)NLMSG_LENGTH(len), .nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | flags},
	};
}

static struct rtattr *attribute_add(struct request *q, uint16_t type, const void *value, size_t len)
{
	struct rtattr *a = (struct rtattr *)((char *)q + NLMSG_ALIGN(q->h.nlmsg_len));

	a->rta_type = type;
	a->rta_len = (uint16_t)RTA_LENGTH(len);
	if (len)
		memcpy(RTA_DATA(a), value, len);
	q->h.nlmsg_len = (uint32_t)(NLMSG_ALIGN(q->h.nlmsg_len) + RTA_ALIGN(a->rta_len));
	return a;
}

static void addr_attribute(struct request *q, uint16_t type, uint32_t addr)
{
	uint32_t be = htonl(addr);

	attribute_add(q, type, &be, sizeof be);
}

static unsigned device_of(int link)
{
	char name[IFNAMSIZ];

	snprintf(name, sizeof name, "tun%d", link);
	return if_nametoindex(name);
}

static int link_of(unsigned device)
{
	char name[IFNAMSIZ];
	int link;

	return if_indextoname(device, name) && sscanf(name, "tun%d", &link) == 1 ? link : -1;
}

/* In the host's namespace.  Gives  0 with the answer, -errno. */
static int ask(const struct request *q, void *answer, size_t cap)
{
	int s = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	const struct nlmsghdr *h = answer;

	if (s < 0)
		return -errno;
	ssize_t n = send(s, q, q->h.nlmsg_len, 0) < 0 ? -1 : recv(s, answer, cap, 0);
	int e = n < 0 ? -errno : 0;

	close(s);
	if (e)
		return e;
	if (!NLMSG_OK(h, (size_t)n))
		return -EPROTO;
	return h->nlmsg_type == NLMSG_ERROR ? ((const struct nlmsgerr *)NLMSG_DATA(h))->error : 0;
}

static int ask_at(struct lab_world *w, int host, const struct request *q)
{
	char answer[ANSWER_MAX] __attribute__((aligned(8)));
	int e = ns_enter(w, host);

	if (e)
		return e;
	e = ask(q, answer, sizeof answer);
	ns_leave(w);
	return e;
}

/* ---- addresses ---- */
static int addr_change(struct lab_world *w, int host, uint16_t type, uint16_t flags, const struct ho_addr *a)
{
	struct request q = request_of(type, flags | NLM_F_ACK, sizeof(struct ifaddrmsg));
	uint32_t host_bits = a->prefix_len < 31 ? ~UINT32_C(0) >> a->prefix_len : 0;
	int e = ns_enter(w, host);

	if (e)
		return e;
	q.m.addr = (struct ifaddrmsg){
		.ifa_family = AF_INET, .ifa_prefixlen = a->prefix_len, .ifa_index = device_of(a->link)};
	ns_leave(w);
	if (!q.m.addr.ifa_index)
		return -ENODEV;
	addr_attribute(&q, IFA_LOCAL, a->addr);
	addr_attribute(&q, IFA_ADDRESS, a->addr);
	if (host_bits)
		addr_attribute(&q, IFA_BROADCAST, a->addr | host_bits);
	return ask_at(w, host, &q);
}

int kernel_addr_add(struct lab_world *w, int host, const struct ho_addr *a)
{
	return addr_change(w, host, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, a);
}

int kernel_addr_del(struct lab_world *w, int host, const struct ho_addr *a)
{
	return addr_change(w, host, RTM_DELADDR, 0, a);
}

/* ---- routes ---- */
static uint8_t type_of(uint8_t type)
{
	static const uint8_t types[] = {
		[HO_ROUTE_UNICAST] = RTN_UNICAST,
		[HO_ROUTE_BLACKHOLE] = RTN_BLACKHOLE,
		[HO_ROUTE_UNREACHABLE] = RTN_UNREACHABLE,
		[HO_ROUTE_PROHIBIT] = RTN_PROHIBIT,
	};

	return types[type];
}

static void mtu_attribute(struct request *q, uint32_t mtu)
{
	struct rtattr *metrics = attribute_add(q, RTA_METRICS, NULL, 0);

	attribute_add(q, RTAX_MTU, &mtu, sizeof mtu);
	metrics->rta_len = (uint16_t)((char *)q + q->h.nlmsg_len - (char *)metrics);
}

static int route_change(struct lab_world *w, int host, struct request *q, const struct ho_route *r)
{
	unsigned device = 0;
	int e = ns_enter(w, host);

	if (e)
		return e;
	if (r->link >= 0)
		device = device_of(r->link);
	ns_leave(w);
	if (r->link >= 0 && !device)
		return -ENODEV;
	addr_attribute(q, RTA_DST, r->dst);
	if (device)
		attribute_add(q, RTA_OIF, &device, sizeof device);
	if (r->gateway)
		addr_attribute(q, RTA_GATEWAY, r->gateway);
	if (r->src)
		addr_attribute(q, RTA_PREFSRC, r->src);
	if (r->metric)
		attribute_add(q, RTA_PRIORITY, &r->metric, sizeof r->metric);
	if (r->mtu)
		mtu_attribute(q, r->mtu);
	return ask_at(w, host, q);
}

int kernel_route_add(struct lab_world *w, int host, const struct ho_route *r)
{
	struct request q =
		request_of(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, sizeof(struct rtmsg));

	q.m.route = (struct rtmsg){
		.rtm_family = AF_INET,
		.rtm_dst_len = r->prefix_len,
		.rtm_table = RT_TABLE_MAIN,
		.rtm_protocol = RTPROT_BOOT,
		.rtm_scope = r->type == HO_ROUTE_UNICAST && !r->gateway ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE,
		.rtm_type = type_of(r->type),
	};
	return route_change(w, host, &q, r);
}

int kernel_route_del(struct lab_world *w, int host, const struct ho_route *r)
{
	struct request q = request_of(RTM_DELROUTE, NLM_F_ACK, sizeof(struct rtmsg));

	q.m.route = (struct rtmsg){
		.rtm_family = AF_INET,
		.rtm_dst_len = r->prefix_len,
		.rtm_table = RT_TABLE_MAIN,
		.rtm_scope = RT_SCOPE_NOWHERE, /* any */
		.rtm_type = r->type == HO_ROUTE_UNICAST ? RTN_UNSPEC : type_of(r->type),
	};
	return route_change(w, host, &q, r);
}

/* In the host's namespace. */
static void route_parse(const struct nlmsghdr *h, struct ho_route *r)
{
	const struct rtmsg *m = NLMSG_DATA(h);
	int left = (int)h->nlmsg_len - (int)NLMSG_LENGTH(sizeof *m);

	for (const struct rtattr *a = RTM_RTA(m); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		uint32_t v;

		if (RTA_PAYLOAD(a) < sizeof v)
			continue;
		memcpy(&v, RTA_DATA(a), sizeof v);
		if (a->rta_type == RTA_OIF)
			r->link = link_of(v);
		else if (a->rta_type == RTA_GATEWAY)
			r->gateway = ntohl(v);
		else if (a->rta_type == RTA_PREFSRC)
			r->src = ntohl(v);
	}
}

int kernel_route_get(struct lab_world *w, int host, uint32_t daddr, struct ho_route *out)
{
	char answer[ANSWER_MAX] __attribute__((aligned(8)));
	struct request q = request_of(RTM_GETROUTE, 0, sizeof(struct rtmsg));
	int e = ns_enter(w, host);

	if (e)
		return e;
	q.m.route = (struct rtmsg){.rtm_family = AF_INET, .rtm_dst_len = 32};
	addr_attribute(&q, RTA_DST, daddr);
	*out = (struct ho_route){.dst = daddr, .prefix_len = 32, .link = -1};
	e = ask(&q, answer, sizeof answer);
	if (!e)
		route_parse((const struct nlmsghdr *)answer, out);
	ns_leave(w);
	return e;
}
