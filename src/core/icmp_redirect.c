/* SPDX-License-Identifier: MIT
 * Redirects: a router says that another one on the same link is nearer to a destination.
 *
 * Theory of operation.  Sent: about a packet that goes out where it came in, to a sender on the link itself; the n-th
 * in a row only after redirect_load << n, redirect_number of them at most, and again after redirect_silence without a
 * packet. Received: believed if they come from the router that the destination's route names, for a packet of one of
 * our sockets, and name a host that is no broadcast, no multicast and not us; the destination then goes by the new
 * router for net.ipv4.route.gc_timeout seconds.  On a link with neighbours that router must be known; else it is asked
 * for first, and the next redirect is believed.
 *
 * Source: RFC 1122 3.2.2.2, RFC 1812 5.2.7.2; Linux 6.18 net/ipv4/route.c ip_rt_send_redirect, __ip_do_redirect,
 * update_or_create_fnhe; include/linux/inetdevice.h IN_DEV_RX_REDIRECTS. */
#include "forward.h"

#include "neigh.h"

#define ICMP_REDIRECT 5
#define ICMP_REDIRECT_HOST 1
#define CODES 4u   /* net, host, and both for a type of service */
#define TICK_MS 4u /* the unit of net.ipv4.route.redirect_load and redirect_silence (HZ 250) */
#define SET_SIZE 4u

/* ---- sent ---- */

void redirect_send(struct ho_stack *st, struct rx *rx, uint32_t gateway)
{
	struct icmp_peer *p = icmp_peer(st, rx->saddr);

	if (st->now_ms > p->stamp_ms + (uint64_t)st->ctl.route_redirect_silence * TICK_MS) {
		p->tokens_ms = 0;
		p->redirects = 0;
	}
	if (p->redirects >= st->ctl.route_redirect_number) { /* the sender does not listen */
		p->stamp_ms = st->now_ms;
		return;
	}
	if (p->redirects != 0 &&
	    st->now_ms <= p->stamp_ms + ((uint64_t)st->ctl.route_redirect_load * TICK_MS << p->redirects))
		return;
	icmp_send_error(st, rx, ICMP_REDIRECT, ICMP_REDIRECT_HOST, gateway);
	p->stamp_ms = st->now_ms;
	p->redirects++;
}

/* ---- received ---- */

static struct redirect *set_of(struct ho_stack *st, uint32_t daddr)
{
	size_t set = siphash13_2u64(&st->key_ports, daddr, UINT64_C(5) << 32) % (REDIRECTS / SET_SIZE);

	return &st->redirect[set * SET_SIZE];
}

void redirect_follow(struct ho_stack *st, uint32_t daddr, struct way *w)
{
	const struct redirect *r = set_of(st, daddr);

	for (unsigned i = 0; i < SET_SIZE; i++, r++)
		if (r->daddr == daddr && r->link == w->link && r->from == w->next_hop && st->now_ms < r->until_ms) {
			w->next_hop = r->to;
			w->until_ms = r->until_ms;
			return;
		}
}

/* Its own place, or that of the one that is forgotten first. */
static struct redirect *redirect_place(struct ho_stack *st, uint32_t daddr)
{
	struct redirect *set = set_of(st, daddr), *oldest = set;

	for (unsigned i = 0; i < SET_SIZE; i++) {
		if (set[i].daddr == daddr)
			return &set[i];
		if (set[i].until_ms < oldest->until_ms)
			oldest = &set[i];
	}
	return oldest;
}

/* A unicast address of a net of the link. */
static bool is_on_link(const struct ho_stack *st, uint32_t link, uint32_t addr)
{
	for (uint32_t i = 0; i < st->address_count; i++)
		if (st->address[i].link == link && ((st->address[i].addr ^ addr) & st->address[i].netmask) == 0)
			return true;
	return false;
}

static bool is_default_gateway(const struct ho_stack *st, uint32_t addr, int link)
{
	struct ho_route r;

	for (const struct ho_route *after = NULL; ho_route_next(st, after, &r); after = &r)
		if (r.prefix_len == 0 && r.link == link && r.gateway == addr)
			return true;
	return false;
}

static bool gateway_is_possible(const struct ho_stack *st, uint32_t from, uint32_t to, int link)
{
	if (to == from || !st->ctl.accept_redirects || ip_is_multicast(to) || to == 0 || ip_is_local(st, to) ||
	    ip_is_broadcast(st, to))
		return false;
	if (st->ctl.shared_media)
		return true;
	return is_on_link(st, (uint32_t)link, to) && (!st->ctl.secure_redirects || is_default_gateway(st, to, link));
}

void redirect_on_icmp(struct ho_stack *st, uint32_t daddr)
{
	const struct rx *rx = st->redirecting;
	const struct ho_route *r = fib_find(st, daddr);
	struct way way;
	uint32_t to;

	if (rx == NULL || (rx->l4[1] & 7) >= CODES || r == NULL || r->type != HO_ROUTE_UNICAST || r->gateway == 0)
		return;
	if (fib_way(st, daddr, &way) < 0 || way.next_hop != rx->saddr)
		return;
	to = get32(rx->l4 + 4);
	if (!gateway_is_possible(st, rx->saddr, to, rx->link) || !neigh_is_known(st, way.link, to))
		return;
	*redirect_place(st, daddr) = (struct redirect){
		.daddr = daddr,
		.from = r->gateway,
		.to = to,
		.link = way.link,
		.until_ms = st->now_ms + (uint64_t)st->ctl.route_gc_timeout * 1000,
	};
	st->redirect_count++;
	fib_changed(st);
}
