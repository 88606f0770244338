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

int ip_route(const struct ho_stack *st, uint32_t daddr, uint32_t *saddr, uint32_t *mtu)
{
	bool connected = ((daddr ^ st->addr) & st->netmask) == 0;
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
		*mtu = p ? p->mtu : st->mtu;
	}
	return 0;
}
