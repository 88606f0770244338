/* SPDX-License-Identifier: MIT
 * Where an address lies: with us, on the link, or nowhere.  One link, one address, loopback.
 *
 * Source: Linux 6.18 net/ipv4/fib_frontend.c fib_add_ifaddr; net/ipv4/route.c ip_route_output_key_hash_rcu. */
#include "core.h"

#define LOOPBACK_MTU 65535u /* the device has 65536, an IPv4 packet at most this */

bool ip_is_local(const struct ho_stack *st, uint32_t addr)
{
	return addr == st->addr || ip_is_loopback(addr);
}

/* A link of two addresses or one has no broadcast address of its own (RFC 3021). */
bool ip_is_broadcast(const struct ho_stack *st, uint32_t addr)
{
	if (addr == UINT32_MAX)
		return true;
	return ~st->netmask > 1 && st->netmask != 0 && addr == (st->addr | ~st->netmask);
}

static uint32_t mask_of(uint8_t prefix_len)
{
	return prefix_len ? UINT32_MAX << (32 - prefix_len) : 0;
}

const struct ho_route *route_find(const struct ho_stack *st, uint32_t daddr)
{
	const struct ho_route *best = NULL;

	for (uint32_t i = 0; unlikely(i < st->route_count); i++) {
		const struct ho_route *r = &st->route[i];

		if (((daddr ^ r->addr) & mask_of(r->prefix_len)) == 0 && (!best || r->prefix_len > best->prefix_len))
			best = r;
	}
	return best;
}

static bool says_something(const struct ho_route *r)
{
	return r->mtu_locked || r->quickack || r->mtu || r->advmss || r->initcwnd || r->rto_min_ms;
}

static struct ho_route *route_of_prefix(struct ho_stack *st, const struct ho_route *r)
{
	for (uint32_t i = 0; i < st->route_count; i++)
		if (st->route[i].addr == r->addr && st->route[i].prefix_len == r->prefix_len)
			return &st->route[i];
	return NULL;
}

int ho_stack_route_set(struct ho_stack *s, const struct ho_route *r)
{
	struct ho_route *place = route_of_prefix(s, r);

	if (r->prefix_len > 32 || (r->addr & ~mask_of(r->prefix_len)) || (r->mtu && r->mtu < MTU_MIN) || r->mtu > 65535 ||
	    r->advmss > ADVMSS_MAX || r->initcwnd > 65535 || r->rto_min_ms > 120000)
		return -EINVAL;
	if (!says_something(r)) {
		if (place)
			*place = s->route[--s->route_count];
	} else if (place) {
		*place = *r;
	} else {
		if (s->route_count == ROUTES_MAX)
			return -ENOSPC;
		s->route[s->route_count++] = *r;
	}
	s->pmtu_changes++;
	return 0;
}

int ip_route(const struct ho_stack *st, uint32_t daddr, uint32_t *saddr, uint32_t *mtu)
{
	bool connected = ((daddr ^ st->addr) & st->netmask) == 0;
	const struct ho_route *r;
	const struct pmtu *p;

	if (ip_is_local(st, daddr)) {
		*saddr = daddr == st->addr ? daddr : HO_ADDR_LOOPBACK;
		if (mtu)
			*mtu = LOOPBACK_MTU;
		return 0;
	}
	if (!connected && st->gateway == 0 && !st->default_route)
		return -ENETUNREACH;
	*saddr = st->addr;
	if (mtu) {
		p = pmtu_find(st, daddr);
		r = route_find(st, daddr);
		*mtu = p ? p->mtu : r && r->mtu ? r->mtu : st->mtu;
	}
	return 0;
}
