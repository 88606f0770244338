/* SPDX-License-Identifier: MIT
 * Where a packet that has arrived is to go, by its addresses: to us, to everybody on the link, on to somebody else, or
 * nowhere.
 *
 * Theory of operation.  Our addresses are the host's and not a link's: a packet for any of them may come in anywhere
 * (the weak host model).  A source must not be one that no host sends from, nor ours; with net.ipv4.conf.all.rp_filter
 * the way back to it must lead onto the link that it came from (1, strict), or exist at all (2, loose).  Answers are
 * kept in a table of WAYS_IN until a route, an address or a sysctl changes.
 *
 * Source: Linux 6.18 net/ipv4/route.c ip_route_input_slow, __mkroute_input, ip_mc_validate_source;
 * net/ipv4/fib_frontend.c fib_validate_source, __fib_validate_source; net/ipv4/devinet.c inet_addr_onlink. */
#include "wire/likely.h"
#include "forward.h"

#define ALL_HOSTS HO_ADDR(224, 0, 0, 1)
#define PROTO_IGMP 2

static inline bool is_zeronet(uint32_t addr)
{
	return addr == 0; /* since Linux 5.3: of 0.0.0.0/8 only this one */
}

/* A source that cannot be on a link, whoever is addressed. */
static inline bool source_impossible(uint32_t saddr)
{
	return unlikely(ip_is_multicast(saddr)) || unlikely(saddr == UINT32_MAX) || unlikely(ip_is_loopback(saddr));
}

/* ---- sources ---- */

static bool link_has_address(const struct ho_stack *st, uint32_t link)
{
	for (uint32_t i = 0; i < st->address_count; i++)
		if (st->address[i].link == link)
			return true;
	return false;
}

/* A net of the link has both. */
static bool link_has_net_of(const struct ho_stack *st, uint32_t link, uint32_t a, uint32_t b)
{
	for (uint32_t i = 0; i < st->address_count; i++) {
		const struct address *own = &st->address[i];

		if (own->link == link && ((own->addr ^ a) & own->netmask) == 0 && ((own->addr ^ b) & own->netmask) == 0)
			return true;
	}
	return false;
}

#define NO_LINK (-1)

static int source_of_a_host(const struct ho_stack *st, uint32_t saddr, uint8_t link)
{
	const struct ho_route *r = fib_find(st, saddr);
	uint32_t rp_filter = st->ctl.rp_filter;

	if (r == NULL || r->type != HO_ROUTE_UNICAST)
		return rp_filter != 0 ? -EXDEV : 0;
	if (r->link == link)
		return r->gateway == 0;
	if (rp_filter == 1 || (rp_filter != 0 && !link_has_address(st, link)))
		return -EXDEV;
	r = fib_find_on(st, saddr, link);
	return r != NULL && r->gateway == 0;
}

/* Takes  link: where it came from; out_link: where it is to go, NO_LINK: it stays.
 * Gives  1: the source is on the link itself; 0: it is behind a router, or nobody asked; -EINVAL: it is ours, or
 * nobody's;
 *        -EXDEV: by rp_filter. */
static int source_check(const struct ho_stack *st, uint32_t saddr, uint8_t link, int out_link)
{
	const struct address *own = address_find(st, saddr);

	if (own != NULL && !st->ctl.accept_local)
		return -EINVAL;
	if (st->ctl.rp_filter == 0 && (out_link != link || !st->ctl.send_redirects))
		return 0;
	if (own != NULL)
		return own->link == link ? 1 : st->ctl.rp_filter == 1 ? -EXDEV : 0;
	return ip_is_broadcast(st, saddr) ? -EINVAL : source_of_a_host(st, saddr, link);
}

static enum destination destination_if(int source, enum destination to)
{
	return source >= 0 ? to : source == -EXDEV ? TO_FILTER : TO_MARS;
}

/* ---- destinations ---- */

static enum destination multicast_destination(const struct ho_stack *st, const struct rx *rx)
{
	if (source_impossible(rx->saddr) || rx->daddr != ALL_HOSTS)
		return TO_MARS;
	if (is_zeronet(rx->saddr))
		return TO_ALL_HOSTS;
	return destination_if(source_check(st, rx->saddr, rx->link, NO_LINK), TO_ALL_HOSTS);
}

static enum destination broadcast_destination(const struct ho_stack *st, const struct rx *rx)
{
	if (is_zeronet(rx->saddr))
		return TO_BROADCAST;
	return destination_if(source_check(st, rx->saddr, rx->link, NO_LINK), TO_BROADCAST);
}

static enum destination another(struct ho_stack *st, const struct rx *rx, struct way_in *in)
{
	bool same_link;
	int source;

	in->err = fib_way(st, rx->daddr, &in->way);
	if (!st->ctl.ip_forward)
		in->err = -EHOSTUNREACH;
	if (in->err < 0)
		return TO_ANOTHER;
	source = source_check(st, rx->saddr, rx->link, in->way.link);
	same_link = in->way.link == rx->link;
	in->redirect = source > 0 && same_link && st->ctl.send_redirects != 0 &&
	               (st->ctl.shared_media != 0 || link_has_net_of(st, rx->link, rx->saddr, in->way.next_hop));
	return destination_if(source, TO_ANOTHER);
}

static enum destination destination_of(struct ho_stack *st, const struct rx *rx, struct way_in *in)
{
	if (ip_is_multicast(rx->daddr))
		return multicast_destination(st, rx);
	if (ip_is_multicast(rx->saddr) || rx->saddr == UINT32_MAX)
		return TO_MARS;
	if (rx->daddr == UINT32_MAX || (rx->saddr == 0 && rx->daddr == 0))
		return broadcast_destination(st, rx);
	if (is_zeronet(rx->saddr) || is_zeronet(rx->daddr) || ip_is_loopback(rx->daddr) || ip_is_loopback(rx->saddr))
		return TO_MARS;
	if (address_find(st, rx->daddr) != NULL)
		return destination_if(source_check(st, rx->saddr, rx->link, NO_LINK), TO_US);
	return ip_is_broadcast(st, rx->daddr) ? broadcast_destination(st, rx) : another(st, rx, in);
}

static enum destination loop_destination(const struct ho_stack *st, uint32_t daddr)
{
	if (ip_is_local(st, daddr))
		return TO_US;
	return ip_is_multicast(daddr) ? TO_ALL_HOSTS : TO_BROADCAST;
}

/* ---- the table of answers ---- */

static struct way_in *way_in_place(struct ho_stack *st, const struct rx *rx)
{
	uint32_t mix = (rx->saddr ^ (rx->daddr << 7 | rx->daddr >> 25) ^ rx->link) * UINT32_C(0x9e3779b1);

	return &st->fib.in[mix >> 16 & (WAYS_IN - 1)];
}

static bool is_of(const struct ho_stack *st, const struct way_in *in, const struct rx *rx)
{
	return in->generation == st->fib.generation && in->saddr == rx->saddr && in->daddr == rx->daddr &&
	       in->link == rx->link && st->now_ms < in->way.until_ms;
}

static const struct way_in *way_in_find(struct ho_stack *st, const struct rx *rx)
{
	struct way_in *in = way_in_place(st, rx);

	if (likely(is_of(st, in, rx)))
		return in;
	*in = (struct way_in){
		.saddr = rx->saddr, .daddr = rx->daddr, .generation = st->fib.generation, .link = rx->link};
	in->way.until_ms = UINT64_MAX;
	in->to = (uint8_t)destination_of(st, rx, in);
	return in;
}

hot_path enum destination ip_destination(struct ho_stack *st, const struct rx *rx, const struct way_in **in)
{
	*in = NULL;
	if (likely(rx->daddr == st->addr && st->address_count == 1 && st->ctl.rp_filter == 0 && rx->saddr != st->addr &&
	           !is_zeronet(rx->saddr) && !source_impossible(rx->saddr)))
		return TO_US;
	if (rx->loopback)
		return loop_destination(st, rx->daddr);
	*in = way_in_find(st, rx);
	return (*in)->to;
}
