/* SPDX-License-Identifier: MIT
 * What routers have said about the path to a destination: the largest packet that gets through (RFC 1191).
 *
 * One entry a destination, forgotten after net.ipv4.route.mtu_expires seconds; only a protocol that has checked that the
 * message is about a packet of its own writes here.  A router that says less than net.ipv4.route.min_pmtu is believed
 * that much, and its entry is locked: packets to there may be fragmented, and nobody changes it until it expires.
 *
 * Source: Linux 6.18 net/ipv4/route.c __ip_rt_update_pmtu, update_or_create_fnhe, find_exception, ipv4_default_advmss. */
#include "core.h"

#define SET_SIZE 4u

/* The first of the places that a destination may take. */
static size_t set_of(const struct ho_stack *st, uint32_t daddr)
{
	return siphash13_2u64(&st->key_ports, daddr, UINT64_C(3) << 32) % (PMTU_ENTRIES / SET_SIZE) * SET_SIZE;
}

const struct pmtu *pmtu_find(const struct ho_stack *st, uint32_t daddr)
{
	const struct pmtu *p;

	if (likely(st->pmtu_changes == 0))
		return NULL;
	p = &st->pmtu[set_of(st, daddr)];
	for (unsigned i = 0; i < SET_SIZE; i++, p++)
		if (p->addr == daddr && st->now_ms < p->until_ms)
			return p;
	return NULL;
}

/* Its own entry, or the one that would be forgotten first. */
static struct pmtu *pmtu_place(struct ho_stack *st, uint32_t daddr)
{
	struct pmtu *set = &st->pmtu[set_of(st, daddr)], *oldest = set;

	for (unsigned i = 0; i < SET_SIZE; i++) {
		if (set[i].addr == daddr)
			return &set[i];
		if (set[i].until_ms < oldest->until_ms)
			oldest = &set[i];
	}
	return oldest;
}

void pmtu_update(struct ho_stack *st, uint32_t daddr, uint32_t mtu)
{
	uint64_t lifetime_ms = (uint64_t)st->ctl.route_mtu_expires * 1000;
	const struct pmtu *known = pmtu_find(st, daddr);
	uint32_t old, saddr;
	bool lock = false;

	if ((known && known->locked) || ip_metrics(st, daddr)->mtu_locked || ip_route(st, daddr, &saddr, &old) < 0 || old < mtu)
		return;
	if (mtu < st->ctl.route_min_pmtu) {
		lock = true;
		mtu = min_u32(old, st->ctl.route_min_pmtu);
	}
	if (known && known->mtu == mtu && !lock && st->now_ms + lifetime_ms / 2 < known->until_ms)
		return;
	*pmtu_place(st, daddr) = (struct pmtu){daddr, mtu, st->now_ms + lifetime_ms, lock};
	st->pmtu_changes++;
	st->path_changes++;
}

uint32_t ip_mtu(struct ho_stack *st, uint32_t daddr)
{
	uint32_t saddr, mtu = st->link[0].mtu;

	ip_route(st, daddr, &saddr, &mtu);
	return mtu;
}

uint32_t ip_advmss(struct ho_stack *st, uint32_t daddr)
{
	uint32_t said = ip_metrics(st, daddr)->advmss;

	if (unlikely(said != 0))
		return said;
	return min_u32(max_u32(ip_mtu(st, daddr) - 40, st->ctl.route_min_adv_mss), ADVMSS_MAX);
}

bool ip_dont_fragment(uint8_t pmtudisc, bool locked)
{
	return pmtudisc == HO_IP_PMTUDISC_DO || (pmtudisc == HO_IP_PMTUDISC_WANT && !locked);
}
