/* SPDX-License-Identifier: MIT
 * Which way to an address: to ourselves, onto a link, to a gateway there, or nowhere.
 *
 * Theory of operation.  Our own addresses come first, then broadcasts, then the table: a hash of (prefix, length), asked
 * from the longest length that any route has to the shortest, so that an answer costs the lengths in use and not the
 * routes.  Routes of the same prefix differ in their metric and stand in one chain.  The last answer is kept.
 *
 * Source: Linux 6.18 net/ipv4/fib_frontend.c fib_add_ifaddr, fib_del_ifaddr; net/ipv4/fib_semantics.c
 * fib_check_nh, fib_props, fib_info_update_nhc_saddr; net/ipv4/fib_trie.c fib_table_insert, fib_table_delete,
 * fib_table_lookup; net/ipv4/route.c ip_route_output_key_hash_rcu. */
#include "core.h"

#define RTO_MIN_MAX_MS 120000u
#define LOOPBACK_MTU 65535u /* the device has 65536, an IPv4 packet at most this */

struct route {
	struct lnode link; /* first */
	struct ho_route r;
};

static struct route *route_of(struct lnode *n)
{
	return (struct route *)(void *)n;
}

static uint32_t netmask_of(uint8_t prefix_len)
{
	return prefix_len == 0 ? 0 : UINT32_MAX << (32 - prefix_len);
}

/* ---- ours ---- */

const struct address *address_find(const struct ho_stack *st, uint32_t addr)
{
	for (uint32_t i = 0; i < st->address_count; i++)
		if (unlikely(st->address[i].addr == addr))
			return &st->address[i];
	return NULL;
}

bool ip_is_local(const struct ho_stack *st, uint32_t addr)
{
	if (unlikely(addr == st->addr))
		return addr != 0;
	return ip_is_loopback(addr) || address_find(st, addr) != NULL;
}

/* A link of two addresses or one has no broadcast address of its own (RFC 3021). */
static const struct address *broadcast_find(const struct ho_stack *st, uint32_t addr)
{
	for (uint32_t i = 0; i < st->address_count; i++) {
		const struct address *a = &st->address[i];

		if (unlikely(~a->netmask > 1 && a->netmask != 0 && addr == (a->addr | ~a->netmask)))
			return a;
	}
	return NULL;
}

bool ip_is_broadcast(const struct ho_stack *st, uint32_t addr)
{
	return addr == UINT32_MAX || broadcast_find(st, addr) != NULL;
}

/* The address of a link that is nearest to who hears it; of a link without one, any. */
uint32_t ip_link_source(const struct ho_stack *st, uint32_t link, uint32_t next_hop)
{
	const struct address *first = NULL;

	for (uint32_t i = 0; i < st->address_count; i++) {
		const struct address *a = &st->address[i];

		if (a->link != link)
			continue;
		if (((a->addr ^ next_hop) & a->netmask) == 0)
			return a->addr;
		if (first == NULL)
			first = a;
	}
	return first != NULL ? first->addr : st->addr;
}

/* ---- the table ---- */

static uint32_t prefix_hash(const struct ho_stack *st, uint32_t dst, uint8_t prefix_len)
{
	return (uint32_t)siphash13_2u64(&st->key_ports, dst, UINT64_C(4) << 32 | prefix_len);
}

static uint32_t hash_route(const void *ctx, const struct lnode *n)
{
	const struct route *e = (const struct route *)(const void *)n;

	return prefix_hash(ctx, e->r.dst, e->r.prefix_len);
}

static struct route *prefix_next(struct lnode *n, uint32_t dst, uint8_t prefix_len)
{
	for (; n != NULL; n = n->next) {
		struct route *e = route_of(n);

		if (e->r.dst == dst && e->r.prefix_len == prefix_len)
			return e;
	}
	return NULL;
}

static struct route *prefix_first(const struct ho_stack *st, uint32_t dst, uint8_t prefix_len)
{
	return prefix_next(lhash_first(&st->fib.routes, prefix_hash(st, dst, prefix_len)), dst, prefix_len);
}

/* The one of the smallest metric that is at least min_metric. */
static struct route *prefix_best(const struct ho_stack *st, uint32_t dst, uint8_t prefix_len, uint32_t min_metric)
{
	struct route *best = NULL;

	for (struct route *e = prefix_first(st, dst, prefix_len); e != NULL;
	     e = prefix_next(e->link.next, dst, prefix_len))
		if (e->r.metric >= min_metric && (best == NULL || e->r.metric < best->r.metric))
			best = e;
	return best;
}

const struct ho_route *fib_find(const struct ho_stack *st, uint32_t daddr)
{
	for (uint64_t left = st->fib.prefixes; left != 0;) {
		uint8_t prefix_len = (uint8_t)(63 - __builtin_clzll(left));
		const struct route *e = prefix_best(st, daddr & netmask_of(prefix_len), prefix_len, 0);

		if (e != NULL)
			return &e->r;
		left &= ~(UINT64_C(1) << prefix_len);
	}
	return NULL;
}

static const struct ho_route *prefix_best_on(const struct ho_stack *st, uint32_t dst, uint8_t prefix_len, int link)
{
	const struct ho_route *best = NULL;

	for (struct route *e = prefix_first(st, dst, prefix_len); e != NULL;
	     e = prefix_next(e->link.next, dst, prefix_len))
		if (e->r.link == link && (best == NULL || e->r.metric < best->metric))
			best = &e->r;
	return best;
}

const struct ho_route *fib_find_on(const struct ho_stack *st, uint32_t daddr, int link)
{
	for (uint64_t left = st->fib.prefixes; left != 0;) {
		uint8_t prefix_len = (uint8_t)(63 - __builtin_clzll(left));
		const struct ho_route *r = prefix_best_on(st, daddr & netmask_of(prefix_len), prefix_len, link);

		if (r != NULL)
			return r;
		left &= ~(UINT64_C(1) << prefix_len);
	}
	return NULL;
}

bool fib_open(struct ho_stack *st)
{
	st->fib.generation = 1;
	pool_init(&st->fib.pool, &st->mem, sizeof(struct route), 1024);
	return lhash_init(&st->fib.routes, &st->mem, hash_route, st);
}

void fib_close(struct ho_stack *st)
{
	lhash_fini(&st->fib.routes);
	pool_fini(&st->fib.pool);
}

void fib_changed(struct ho_stack *st)
{
	st->fib.last.valid = false;
	st->path_changes++;
	if (++st->fib.generation == 0)
		st->fib.generation = 1;
}

static bool fib_insert(struct ho_stack *st, const struct ho_route *r)
{
	struct route *e = pool_take(&st->fib.pool);

	if (e == NULL)
		return false;
	e->r = *r;
	lhash_insert(&st->fib.routes, &e->link, prefix_hash(st, r->dst, r->prefix_len));
	st->fib.prefix_count[r->prefix_len]++;
	st->fib.prefixes |= UINT64_C(1) << r->prefix_len;
	fib_changed(st);
	return true;
}

static void fib_remove(struct ho_stack *st, struct route *e)
{
	uint8_t prefix_len = e->r.prefix_len;

	lhash_remove(&st->fib.routes, &e->link, prefix_hash(st, e->r.dst, prefix_len));
	if (--st->fib.prefix_count[prefix_len] == 0)
		st->fib.prefixes &= ~(UINT64_C(1) << prefix_len);
	pool_give(&st->fib.pool, e);
	fib_changed(st);
}

/* ---- the way ---- */

int fib_way(struct ho_stack *st, uint32_t daddr, struct way *w)
{
	const struct ho_route *r = fib_find(st, daddr);

	if (unlikely(r == NULL))
		return -ENETUNREACH;
	switch (r->type) {
	case HO_ROUTE_UNREACHABLE: return -EHOSTUNREACH;
	case HO_ROUTE_PROHIBIT: return -EACCES;
	case HO_ROUTE_BLACKHOLE: return -EINVAL;
	default: break;
	}
	w->link = (uint8_t)r->link;
	w->next_hop = r->gateway != 0 ? r->gateway : daddr;
	w->until_ms = UINT64_MAX;
	if (r->gateway != 0 && unlikely(st->redirect_count > 0))
		redirect_follow(st, daddr, w);
	w->saddr = r->src != 0 ? r->src : ip_link_source(st, w->link, w->next_hop);
	w->mtu = r->mtu != 0 ? r->mtu : st->link[w->link].mtu;
	w->metrics = r->metrics;
	return 0;
}

static int way_find(struct ho_stack *st, uint32_t daddr, struct way *w)
{
	const struct address *a;

	*w = (struct way){.next_hop = daddr, .until_ms = UINT64_MAX};
	if (unlikely(ip_is_local(st, daddr))) {
		w->type = WAY_LOCAL;
		w->saddr = ip_is_loopback(daddr) ? HO_ADDR_LOOPBACK : daddr;
		w->mtu = LOOPBACK_MTU;
		return 0;
	}
	a = broadcast_find(st, daddr);
	if (unlikely(a != NULL)) {
		w->type = WAY_BROADCAST;
		w->link = a->link;
		w->saddr = a->addr;
		w->mtu = st->link[a->link].mtu;
		return 0;
	}
	w->type = daddr == UINT32_MAX ? WAY_BROADCAST : ip_is_multicast(daddr) ? WAY_MULTICAST : WAY_UNICAST;
	return fib_way(st, daddr, w);
}

hot_path int ip_way(struct ho_stack *st, uint32_t daddr, const struct way **way)
{
	*way = &st->fib.last.way;
	if (unlikely(!st->fib.last.valid || st->fib.last.daddr != daddr || st->now_ms >= st->fib.last.way.until_ms)) {
		st->fib.last.err = way_find(st, daddr, &st->fib.last.way);
		st->fib.last.daddr = daddr;
		st->fib.last.valid = true;
	}
	return st->fib.last.err;
}

int ip_route(struct ho_stack *st, uint32_t daddr, uint32_t *saddr, uint32_t *mtu)
{
	const struct pmtu *p;
	const struct way *way;
	int err = ip_way(st, daddr, &way);

	if (unlikely(err < 0))
		return err;
	*saddr = way->saddr;
	if (unlikely(mtu == NULL))
		return 0;
	p = way->type == WAY_LOCAL ? NULL : pmtu_find(st, daddr);
	*mtu = p != NULL ? p->mtu : way->mtu;
	return 0;
}

const struct ho_route_metrics *ip_metrics(struct ho_stack *st, uint32_t daddr)
{
	static const struct ho_route_metrics none;
	const struct way *way;

	return ip_way(st, daddr, &way) == 0 ? &way->metrics : &none;
}

/* ---- the contract's verbs ---- */

static bool route_form_ok(const struct ho_route *r)
{
	if (r->prefix_len > 32 || (r->dst & ~netmask_of(r->prefix_len)) != 0 || r->type > HO_ROUTE_PROHIBIT)
		return false;
	if (r->mtu != 0 && (r->mtu < MTU_MIN || r->mtu > HO_FRAME_BYTES_MAX))
		return false;
	if (r->metrics.advmss > ADVMSS_MAX || r->metrics.initcwnd > UINT16_MAX || r->metrics.rto_min_ms > RTO_MIN_MAX_MS)
		return false;
	return r->type == HO_ROUTE_UNICAST || (r->link == -1 && r->gateway == 0);
}

static int route_gateway(struct ho_stack *st, struct ho_route *r)
{
	const struct ho_route *to;

	if (r->gateway == 0)
		return r->link == -1 ? -ENODEV : 0;
	if (ip_is_local(st, r->gateway) || ip_is_multicast(r->gateway) || ip_is_broadcast(st, r->gateway))
		return -EINVAL;
	if (r->link != -1)
		return 0;
	to = fib_find(st, r->gateway);
	if (to == NULL || to->type != HO_ROUTE_UNICAST || to->gateway != 0)
		return -ENETUNREACH;
	r->link = to->link;
	return 0;
}

static int route_check(struct ho_stack *st, struct ho_route *r)
{
	if (!route_form_ok(r))
		return -EINVAL;
	if (r->link < -1 || r->link >= (int)st->link_count)
		return -ENODEV;
	if (r->src != 0 && !ip_is_local(st, r->src))
		return -EINVAL;
	return r->type == HO_ROUTE_UNICAST ? route_gateway(st, r) : 0;
}

static struct route *route_same(const struct ho_stack *st, const struct ho_route *r)
{
	struct route *e = prefix_best(st, r->dst, r->prefix_len, r->metric);

	return e != NULL && e->r.metric == r->metric ? e : NULL;
}

static int route_put(struct ho_stack *st, const struct ho_route *r, bool replace)
{
	struct ho_route full = *r;
	struct route *old;
	int err = route_check(st, &full);

	if (err < 0)
		return err;
	old = route_same(st, &full);
	if (old == NULL)
		return fib_insert(st, &full) ? 0 : -ENOMEM;
	if (!replace)
		return -EEXIST;
	old->r = full;
	fib_changed(st);
	return 0;
}

int ho_route_add(struct ho_stack *s, const struct ho_route *r)
{
	struct ho_route own = *r;

	own.connected = false;
	return route_put(s, &own, false);
}

int ho_route_replace(struct ho_stack *s, const struct ho_route *r)
{
	struct ho_route own = *r;

	own.connected = false;
	return route_put(s, &own, true);
}

static bool route_is_meant(const struct ho_route *r, const struct ho_route *meant)
{
	return (meant->type == HO_ROUTE_UNICAST || r->type == meant->type) && (meant->link == -1 || r->link == meant->link) &&
	       (meant->gateway == 0 || r->gateway == meant->gateway);
}

int ho_route_del(struct ho_stack *s, const struct ho_route *r)
{
	uint64_t metric = r->metric;
	struct route *e;

	if (r->prefix_len > 32)
		return -ESRCH;
	while (metric <= UINT32_MAX && (e = prefix_best(s, r->dst, r->prefix_len, (uint32_t)metric)) != NULL) {
		if (route_is_meant(&e->r, r)) {
			fib_remove(s, e);
			return 0;
		}
		metric = (uint64_t)e->r.metric + 1;
	}
	return -ESRCH;
}

/* Gives  < 0 if a is listed before b. */
static int route_order(const struct ho_route *a, const struct ho_route *b)
{
	if (a->prefix_len != b->prefix_len)
		return a->prefix_len > b->prefix_len ? -1 : 1;
	if (a->dst != b->dst)
		return a->dst < b->dst ? -1 : 1;
	return a->metric == b->metric ? 0 : a->metric < b->metric ? -1 : 1;
}

bool ho_route_next(const struct ho_stack *s, const struct ho_route *after, struct ho_route *out)
{
	const struct ho_route *next = NULL;

	for (uint32_t b = 0; b < s->fib.routes.buckets; b++)
		for (struct lnode *n = lhash_chain(&s->fib.routes, b); n != NULL; n = n->next) {
			const struct ho_route *r = &route_of(n)->r;

			if ((after == NULL || route_order(after, r) < 0) && (next == NULL || route_order(r, next) < 0))
				next = r;
		}
	if (next != NULL)
		*out = *next;
	return next != NULL;
}

int ho_route_get(struct ho_stack *s, uint32_t daddr, struct ho_route *out)
{
	const struct ho_route *r;
	const struct way *way;
	int err = ip_way(s, daddr, &way);

	if (err < 0)
		return err;
	*out = (struct ho_route){.dst = daddr, .prefix_len = 32, .link = -1, .src = way->saddr};
	r = way->type == WAY_LOCAL ? NULL : fib_find(s, daddr);
	if (r != NULL)
		*out = *r;
	out->src = way->saddr;
	if (way->type != WAY_LOCAL)
		out->link = way->link;
	if (out->gateway != 0)
		out->gateway = way->next_hop; /* a redirect may say another */
	return 0;
}

/* ---- addresses ---- */

static struct ho_route connected_route(const struct address *a)
{
	return (struct ho_route){.dst = a->addr & a->netmask,
	                         .prefix_len = a->prefix_len,
	                         .link = a->link,
	                         .src = a->addr,
	                         .connected = true};
}

/* A second address of a net has no route of its own. */
static bool connected_add(struct ho_stack *st, const struct address *a)
{
	struct ho_route r = connected_route(a);
	struct route *old;

	if (a->prefix_len == 32)
		return true;
	old = route_same(st, &r);
	return (old != NULL && old->r.connected && old->r.link == r.link) || fib_insert(st, &r);
}

int ho_addr_add(struct ho_stack *s, const struct ho_addr *a)
{
	struct address *to = &s->address[s->address_count];

	if (a->addr >> 24 == 0 || a->addr >> 28 >= 0xe || ip_is_loopback(a->addr) || a->prefix_len > 32)
		return -EINVAL;
	if (a->link < 0 || a->link >= (int)s->link_count)
		return -ENODEV;
	if (address_find(s, a->addr) != NULL)
		return -EEXIST;
	if (s->address_count == HO_ADDRS_MAX)
		return -ENOSPC;
	*to = (struct address){a->addr, netmask_of(a->prefix_len), a->prefix_len, (uint8_t)a->link};
	if (!connected_add(s, to))
		return -ENOMEM;
	s->address_count++;
	s->addr = s->address[0].addr;
	fib_changed(s);
	return 0;
}

/* Removes the first route that prefers this source, but for the connected one. */
static bool preferring_remove(struct ho_stack *st, uint32_t addr)
{
	for (uint32_t b = 0; b < st->fib.routes.buckets; b++)
		for (struct lnode *n = lhash_chain(&st->fib.routes, b); n != NULL; n = n->next)
			if (route_of(n)->r.src == addr) {
				fib_remove(st, route_of(n));
				return true;
			}
	return false;
}

/* The net may be another address's, too: then the route is that one's now. */
static void connected_pass_on(struct ho_stack *st, const struct address *gone)
{
	for (uint32_t i = 0; i < st->address_count; i++) {
		const struct address *a = &st->address[i];

		if (a->link == gone->link && a->netmask == gone->netmask && ((a->addr ^ gone->addr) & a->netmask) == 0) {
			connected_add(st, a); /* in the place of one just removed: there is memory */
			return;
		}
	}
}

int ho_addr_del(struct ho_stack *s, uint32_t addr)
{
	const struct address *a = address_find(s, addr);
	struct address gone;
	uint32_t i;

	if (a == NULL)
		return -EADDRNOTAVAIL;
	gone = *a;
	i = (uint32_t)(a - s->address);
	memmove(&s->address[i], &s->address[i + 1], (s->address_count - i - 1) * sizeof(s->address[0]));
	s->address_count--;
	s->addr = s->address_count > 0 ? s->address[0].addr : 0;
	fib_changed(s);
	while (preferring_remove(s, addr)) {}
	connected_pass_on(s, &gone);
	return 0;
}

bool ho_addr_get(const struct ho_stack *s, unsigned i, struct ho_addr *out)
{
	if (i >= s->address_count)
		return false;
	*out = (struct ho_addr){s->address[i].addr, s->address[i].prefix_len, s->address[i].link};
	return true;
}
