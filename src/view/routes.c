/* SPDX-License-Identifier: MIT
 * Addresses and routes as iproute2 prints them. */
#include "view.h"

#define LOOPBACK_MTU 65536u

static void addr_add(struct text *t, const char *before, uint32_t addr)
{
	text_add(t, "%s%u.%u.%u.%u", before, addr >> 24, addr >> 16 & 255, addr >> 8 & 255, addr & 255);
}

static const char *link_name(const struct ho_stack *s, int link, struct ho_link_config *c)
{
	return ho_link_get(s, link, c) == 0 ? c->name : "lo";
}

/* ---- routes ---- */

static const char *const types[] = {"", "blackhole ", "unreachable ", "prohibit "};

static void dst_add(struct text *t, const struct ho_route *r)
{
	if (r->prefix_len == 0 && r->dst == 0) {
		text_add(t, "default");
		return;
	}
	addr_add(t, "", r->dst);
	if (r->prefix_len != 32)
		text_add(t, "/%u", r->prefix_len);
}

/* In the order of the kernel's numbers for them. */
static void metrics_add(struct text *t, const struct ho_route *r)
{
	const struct ho_route_metrics *m = &r->metrics;

	if (r->mtu != 0)
		text_add(t, " mtu %s%u", m->mtu_locked ? "lock " : "", r->mtu);
	if (m->advmss != 0)
		text_add(t, " advmss %u", m->advmss);
	if (m->initcwnd != 0)
		text_add(t, " initcwnd %u", m->initcwnd);
	if (m->rto_min_ms != 0)
		text_add(t, " rto_min lock %ums", m->rto_min_ms);
	if (m->quickack)
		text_add(t, " quickack 1");
}

static void metrics_add_json(struct text *t, const struct ho_route *r)
{
	const struct {
		const char *name;
		uint32_t value;
	} of[] = {
		{"mtu", r->mtu},
		{"advmss", r->metrics.advmss},
		{"initcwnd", r->metrics.initcwnd},
		{"rto_min", r->metrics.rto_min_ms},
		{"quickack", r->metrics.quickack},
	};
	const char *before = ",\"metrics\":[{";

	for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
		if (of[i].value == 0)
			continue;
		text_add(t, "%s\"%s\":%u", before, of[i].name, of[i].value);
		before = ",";
	}
	if (*before == ',' && before[1] == '\0')
		text_add(t, "}]");
}

size_t ho_view_route(const struct ho_stack *s, const struct ho_route *r, char *buf, size_t cap_bytes)
{
	struct text t = text_into(buf, cap_bytes);
	struct ho_link_config c;

	text_add(&t, "%s", types[r->type & 3]);
	dst_add(&t, r);
	if (r->gateway != 0)
		addr_add(&t, " via ", r->gateway);
	if (r->type == HO_ROUTE_UNICAST)
		text_add(&t, " dev %s", link_name(s, r->link, &c));
	if (r->connected)
		text_add(&t, " proto kernel");
	if (r->type == HO_ROUTE_UNICAST && r->gateway == 0)
		text_add(&t, " scope link");
	if (r->src != 0)
		addr_add(&t, " src ", r->src);
	if (r->metric != 0)
		text_add(&t, " metric %u", r->metric);
	metrics_add(&t, r);
	return t.len_bytes;
}

size_t ho_view_route_json(const struct ho_stack *s, const struct ho_route *r, char *buf, size_t cap_bytes)
{
	static const char *const type_names[] = {"", "\"type\":\"blackhole\",", "\"type\":\"unreachable\",",
	                                         "\"type\":\"prohibit\","};
	struct text t = text_into(buf, cap_bytes);
	struct ho_link_config c;

	text_add(&t, "{%s\"dst\":\"", type_names[r->type & 3]);
	dst_add(&t, r);
	if (r->gateway != 0)
		addr_add(&t, "\",\"gateway\":\"", r->gateway);
	if (r->type == HO_ROUTE_UNICAST)
		text_add(&t, "\",\"dev\":\"%s", link_name(s, r->link, &c));
	if (r->connected)
		text_add(&t, "\",\"protocol\":\"kernel");
	if (r->type == HO_ROUTE_UNICAST && r->gateway == 0)
		text_add(&t, "\",\"scope\":\"link");
	if (r->src != 0)
		addr_add(&t, "\",\"prefsrc\":\"", r->src);
	text_add(&t, "\"");
	if (r->metric != 0)
		text_add(&t, ",\"metric\":%u", r->metric);
	text_add(&t, ",\"flags\":[]");
	metrics_add_json(&t, r);
	text_add(&t, "}");
	return t.len_bytes;
}

size_t ho_view_route_got(const struct ho_stack *s, uint32_t daddr, const struct ho_route *r, char *buf,
                         size_t cap_bytes)
{
	struct text t = text_into(buf, cap_bytes);
	struct ho_link_config c;

	addr_add(&t, r->link == -1 ? "local " : "", daddr);
	if (r->gateway != 0)
		addr_add(&t, " via ", r->gateway);
	text_add(&t, " dev %s", link_name(s, r->link, &c));
	addr_add(&t, " src ", r->src);
	text_add(&t, "\n    cache%s", r->link == -1 ? " <local>" : "");
	metrics_add(&t, r);
	text_add(&t, "\n");
	return t.len_bytes;
}

/* ---- addresses ---- */

/* Another one of the same net was there before it. */
static bool is_secondary(const struct ho_stack *s, unsigned i, const struct ho_addr *a)
{
	uint32_t mask = a->prefix_len == 0 ? 0 : UINT32_MAX << (32 - a->prefix_len);
	struct ho_addr b;

	for (unsigned j = 0; j < i && ho_addr_get(s, j, &b); j++)
		if (b.link == a->link && b.prefix_len == a->prefix_len && ((a->addr ^ b.addr) & mask) == 0)
			return true;
	return false;
}

static void addrs_add(struct text *t, const struct ho_stack *s, int link, const char *name)
{
	struct ho_addr a;

	for (unsigned i = 0; ho_addr_get(s, i, &a); i++) {
		if (a.link != link)
			continue;
		addr_add(t, "    inet ", a.addr);
		text_add(t, "/%u scope global %s%s\n", a.prefix_len, is_secondary(s, i, &a) ? "secondary " : "", name);
		text_add(t, "       valid_lft forever preferred_lft forever\n");
	}
}

static void kind_add(struct text *t, const struct ho_link_config *c)
{
	const uint8_t *m = c->mac;

	if (c->flags & HO_LINK_ETHERNET)
		text_add(t, "    link/ether %02x:%02x:%02x:%02x:%02x:%02x brd ff:ff:ff:ff:ff:ff\n", m[0], m[1], m[2], m[3],
		         m[4], m[5]);
	else
		text_add(t, "    link/none\n");
}

size_t ho_view_addrs(const struct ho_stack *s, char *buf, size_t cap_bytes)
{
	struct text t = text_into(buf, cap_bytes);
	struct ho_link_config c;

	text_add(&t, "1: lo: <LOOPBACK,UP,LOWER_UP> mtu %u state UNKNOWN\n    link/loopback\n", LOOPBACK_MTU);
	text_add(&t, "    inet 127.0.0.1/8 scope host lo\n       valid_lft forever preferred_lft forever\n");
	for (int i = 0; ho_link_get(s, i, &c) == 0; i++) {
		text_add(&t, "%d: %s: <%s,UP,LOWER_UP> mtu %u state UNKNOWN qlen %u\n", i + 2, c.name,
		         c.flags & HO_LINK_ETHERNET ? "BROADCAST,MULTICAST" : "POINTOPOINT,MULTICAST,NOARP", c.mtu,
		         c.out_queue_max);
		kind_add(&t, &c);
		addrs_add(&t, s, i, c.name);
	}
	return t.len_bytes;
}

static void addrs_json_add(struct text *t, const struct ho_stack *s, int link, const char *name)
{
	const char *between = "";
	struct ho_addr a;

	for (unsigned i = 0; ho_addr_get(s, i, &a); i++) {
		if (a.link != link)
			continue;
		text_add(t, "%s{\"family\":\"inet\",\"local\":\"", between);
		addr_add(t, "", a.addr);
		text_add(t, "\",\"prefixlen\":%u,\"scope\":\"global\",%s\"label\":\"%s\"}", a.prefix_len,
		         is_secondary(s, i, &a) ? "\"secondary\":true," : "", name);
		between = ",";
	}
}

size_t ho_view_addrs_json(const struct ho_stack *s, char *buf, size_t cap_bytes)
{
	struct text t = text_into(buf, cap_bytes);
	struct ho_link_config c;

	text_add(
		&t,
		"[{\"ifindex\":1,\"ifname\":\"lo\",\"mtu\":%u,\"addr_info\":[{\"family\":\"inet\",\"local\":\"127.0.0.1\","
		"\"prefixlen\":8,\"scope\":\"host\",\"label\":\"lo\"}]}",
		LOOPBACK_MTU);
	for (int i = 0; ho_link_get(s, i, &c) == 0; i++) {
		text_add(&t, ",\n{\"ifindex\":%d,\"ifname\":\"%s\",\"mtu\":%u,\"txqlen\":%u,\"addr_info\":[", i + 2,
		         c.name, c.mtu, c.out_queue_max);
		addrs_json_add(&t, s, i, c.name);
		text_add(&t, "]}");
	}
	text_add(&t, "]\n");
	return t.len_bytes;
}
