/* SPDX-License-Identifier: MIT
 * UDP ports: who may bind one, and whom a datagram is for.
 *
 * Theory of operation.  A udp_port exists for each port in use and lists its sockets, newest first: bind() asks each of them
 * whether it minds, a broadcast goes to all.  A datagram for one goes to the socket that says most about it: an address of
 * its own counts more than any peer, a peer's address and port 4 points each; of equals the one whose address was set last,
 * or, of a SO_REUSEPORT group, the one that the 4-tuple's hash chooses among those that are not connected.  Connected
 * sockets are in a table by their 4-tuple as well, and found there without looking at the others.
 *
 * Source: Linux 6.18 net/ipv4/udp.c udp_lib_get_port, udp_lib_lport_inuse, compute_score, udp4_lib_lookup2,
 * __udp4_lib_lookup, __udp_is_mcast_sock, udp_lib_rehash; net/core/sock_reuseport.c reuseport_select_sock_by_hash. */
#include "dgram.h"

#define SCORE_NONE (-1)
#define SCORE_PEER 4
#define SMALL_SLAB_BYTES 8192u

struct udp_port {
	struct lnode link; /* first */
	uint16_t port;
	struct list socks; /* dgram.link, newest first */
};

static uint32_t tuple_hash(const struct ho_stack *st, uint32_t laddr, uint16_t lport, uint32_t raddr, uint16_t rport)
{
	return (uint32_t)siphash13_2u64(&st->key_conns, (uint64_t)raddr << 32 | laddr, (uint64_t)rport << 16 | lport);
}

static struct udp_port *port_of(struct lnode *n)
{
	return (struct udp_port *)(void *)n;
}

static uint32_t hash_port(const void *ctx, const struct lnode *n)
{
	(void)ctx;
	return ((const struct udp_port *)(const void *)n)->port;
}

static uint32_t hash_conn(const void *ctx, const struct lnode *n)
{
	const struct entry *e = &container_of(n, const struct dgram, conn)->sk->e;

	return tuple_hash(ctx, e->laddr, e->lport, e->raddr, e->rport);
}

bool udp_tables_open(struct ho_stack *st)
{
	pool_init(&st->udp_port_pool, &st->mem, sizeof(struct udp_port), SMALL_SLAB_BYTES);
	pool_init(&st->dgram_rxs, &st->mem, sizeof(struct dgram_rx), SMALL_SLAB_BYTES);
	if (!lhash_init(&st->udp_ports, &st->mem, hash_port, st))
		return false;
	if (lhash_init(&st->udp_conns, &st->mem, hash_conn, st))
		return true;
	lhash_fini(&st->udp_ports);
	return false;
}

void udp_tables_close(struct ho_stack *st)
{
	lhash_fini(&st->udp_ports);
	lhash_fini(&st->udp_conns);
	pool_fini(&st->udp_port_pool);
	pool_fini(&st->dgram_rxs);
}

/* ---- ports ---- */

struct udp_port *udp_port_find(const struct ho_stack *st, uint16_t port)
{
	struct udp_port *p = port_of(lhash_first(&st->udp_ports, port));

	while (p != NULL && p->port != port)
		p = port_of(p->link.next);
	return p;
}

struct list *udp_port_socks(struct udp_port *p)
{
	return &p->socks;
}

static struct udp_port *port_make(struct ho_stack *st, uint16_t port)
{
	struct udp_port *p = pool_take(&st->udp_port_pool);

	if (p == NULL)
		return NULL;
	p->port = port;
	list_init(&p->socks);
	lhash_insert(&st->udp_ports, &p->link, port);
	return p;
}

static void port_leave(struct ho_stack *st, struct sock *sk)
{
	struct udp_port *p = sk->d->port;

	list_del(&sk->d->link);
	sk->d->port = NULL;
	if (!list_empty(&p->socks))
		return;
	lhash_remove(&st->udp_ports, &p->link, p->port);
	pool_give(&st->udp_port_pool, p);
}

static bool addresses_overlap(uint32_t a, uint32_t b)
{
	return a == b || a == HO_ADDR_ANY || b == HO_ADDR_ANY;
}

/* The first one that could mind decides, if it shares the port by SO_REUSEPORT. */
static bool port_conflicts(struct udp_port *p, const struct sock *sk, bool picked)
{
	for (struct list *n = p->socks.next; n != &p->socks; n = n->next) {
		const struct sock *o = dgram_sock(n);

		if ((o->reuseaddr && sk->reuseaddr) || !addresses_overlap(o->e.laddr, sk->e.laddr))
			continue;
		if (o->reuseport && sk->reuseport) {
			if (!picked)
				return false;
			continue;
		}
		return true;
	}
	return false;
}

static bool port_free(const struct ho_stack *st, const struct sock *sk, uint16_t port)
{
	struct udp_port *p = udp_port_find(st, port);

	return p == NULL || !port_conflicts(p, sk, true);
}

/* By chance; 0 if none is free. */
static uint16_t port_pick(struct ho_stack *st, const struct sock *sk)
{
	uint32_t low = st->ctl.ip_local_port_min, span = st->ctl.ip_local_port_max - low + 1;
	uint32_t first = (uint32_t)((uint64_t)stack_random(st) * span >> 32);

	for (uint32_t i = 0; i < span; i++) {
		uint16_t port = (uint16_t)(low + (first + i) % span);

		if (port_free(st, sk, port))
			return port;
	}
	return 0;
}

int udp_port_bind(struct ho_stack *st, struct sock *sk, uint16_t port)
{
	bool picked = port == 0;
	struct udp_port *p;

	if (picked)
		port = port_pick(st, sk);
	if (port == 0)
		return -EADDRINUSE;
	p = udp_port_find(st, port);
	if (p != NULL && !picked && port_conflicts(p, sk, false))
		return -EADDRINUSE;
	if (p == NULL)
		p = port_make(st, port);
	if (p == NULL)
		return -ENOMEM;
	list_add_tail(p->socks.next, &sk->d->link); /* in front */
	sk->d->port = p;
	sk->d->order = ++st->udp_order;
	sk->e.lport = port;
	st->udp_count++;
	return 0;
}

void udp_port_release(struct ho_stack *st, struct sock *sk)
{
	if (sk->d->port == NULL)
		return;
	port_leave(st, sk);
	sk->e.lport = 0;
	st->udp_count--;
}

/* ---- peers ---- */

void udp_peer_changing(struct ho_stack *st, struct sock *sk)
{
	if (!sk->d->in_conns)
		return;
	lhash_remove(&st->udp_conns, &sk->d->conn, hash_conn(st, &sk->d->conn));
	sk->d->in_conns = false;
}

void udp_peer_changed(struct ho_stack *st, struct sock *sk)
{
	if (sk->e.lport == 0 || sk->e.raddr == 0 || sk->e.rport == 0)
		return;
	lhash_insert(&st->udp_conns, &sk->d->conn, hash_conn(st, &sk->d->conn));
	sk->d->in_conns = true;
}

/* ---- whom it is for ---- */

/* Exactly these four; of several the latest. */
static struct sock *conn_exact(struct ho_stack *st, uint32_t laddr, uint16_t lport, uint32_t raddr, uint16_t rport)
{
	struct lnode *n = lhash_first(&st->udp_conns, tuple_hash(st, laddr, lport, raddr, rport));
	struct sock *best = NULL;

	for (; n != NULL; n = n->next) {
		struct sock *sk = container_of(n, struct dgram, conn)->sk;

		if (sk->e.laddr == laddr && sk->e.lport == lport && sk->e.raddr == raddr && sk->e.rport == rport &&
		    (best == NULL || sk->d->order > best->d->order))
			best = sk;
	}
	return best;
}

static int score_of(const struct sock *sk, uint32_t raddr, uint16_t rport)
{
	int score = 0;

	if (sk->e.raddr != 0) {
		if (sk->e.raddr != raddr)
			return SCORE_NONE;
		score += SCORE_PEER;
	}
	if (sk->e.rport != 0) {
		if (sk->e.rport != rport)
			return SCORE_NONE;
		score += SCORE_PEER;
	}
	return score;
}

static bool in_group(const struct sock *sk, const struct sock *like)
{
	return sk->reuseport && sk->e.laddr == like->e.laddr;
}

/* Of the group of one that is not connected, by hash; those that are connected are passed over. */
static struct sock *group_choose(struct udp_port *p, struct sock *like, uint32_t hash)
{
	uint32_t count = 0, chosen;

	for (struct list *n = p->socks.next; n != &p->socks; n = n->next)
		count += in_group(dgram_sock(n), like) && dgram_sock(n)->state != HO_ESTABLISHED;
	chosen = (uint32_t)((uint64_t)hash * count >> 32);
	for (struct list *n = p->socks.next; n != &p->socks; n = n->next)
		if (in_group(dgram_sock(n), like) && dgram_sock(n)->state != HO_ESTABLISHED && chosen-- == 0)
			return dgram_sock(n);
	return like;
}

/* The best of those that are bound to exactly this address, which may be any. */
static struct sock *port_best(struct ho_stack *st, struct udp_port *p, uint32_t bound, uint32_t laddr, uint32_t raddr,
                              uint16_t rport)
{
	struct sock *best = NULL;
	int best_score = SCORE_NONE;

	for (struct list *n = p->socks.next; n != &p->socks; n = n->next) {
		struct sock *sk = dgram_sock(n);
		int score = sk->e.laddr == bound ? score_of(sk, raddr, rport) : SCORE_NONE;

		if (score > best_score || (score == best_score && best != NULL && sk->d->order > best->d->order)) {
			best = sk;
			best_score = score;
		}
	}
	if (best == NULL || !best->reuseport || best->state == HO_ESTABLISHED)
		return best;
	return group_choose(p, best, tuple_hash(st, laddr, p->port, raddr, rport));
}

struct sock *udp_find(struct ho_stack *st, uint32_t laddr, uint16_t lport, uint32_t raddr, uint16_t rport)
{
	struct udp_port *p = udp_port_find(st, lport);
	struct sock *sk;

	if (p == NULL)
		return NULL;
	sk = st->udp_conns.count != 0 ? conn_exact(st, laddr, lport, raddr, rport) : NULL;
	if (sk == NULL)
		sk = port_best(st, p, laddr, laddr, raddr, rport);
	return sk != NULL ? sk : port_best(st, p, HO_ADDR_ANY, laddr, raddr, rport);
}

bool udp_wants_cast(const struct sock *sk, const struct rx *rx, uint16_t sport)
{
	return (sk->e.raddr == 0 || sk->e.raddr == rx->saddr) && (sk->e.rport == 0 || sk->e.rport == sport) &&
	       (sk->e.laddr == 0 || sk->e.laddr == rx->daddr);
}
