/* SPDX-License-Identifier: MIT
 * Who is it for: connections, requests and TIME-WAIT buckets by 4-tuple; listeners by port.
 *
 * Source: Linux 6.18 net/ipv4/inet_hashtables.c __inet_lookup_established, __inet_lookup_listener, compute_score. */
#include "core.h"

#define LISTENERS_START 16u
#define LISTENERS_MAX (UINT32_C(1) << 22) /* request.listener */

/* ---- connections ---- */

uint32_t conn_hash(const struct ho_stack *st, uint32_t laddr, uint16_t lport, uint32_t raddr, uint16_t rport)
{
	return (uint32_t)siphash13_2u64(&st->key_conns, (uint64_t)raddr << 32 | laddr, (uint64_t)rport << 16 | lport);
}

static uint32_t entry_hash(const struct ho_stack *st, const struct entry *e)
{
	return conn_hash(st, e->laddr, e->lport, e->raddr, e->rport);
}

static inline bool entry_is(const struct entry *e, uint32_t laddr, uint16_t lport, uint32_t raddr, uint16_t rport)
{
	return ((e->laddr ^ laddr) | (e->raddr ^ raddr) | (uint32_t)(e->lport ^ lport) |
	        (uint32_t)(e->rport ^ rport)) == 0;
}

struct entry *conn_find(struct ho_stack *st, uint32_t laddr, uint16_t lport, uint32_t raddr, uint16_t rport)
{
	struct entry *e = st->last_hit;

	if (e != NULL && entry_is(e, laddr, lport, raddr, rport))
		return e;
	e = (struct entry *)(void *)lhash_first(&st->conns, conn_hash(st, laddr, lport, raddr, rport));
	while (e != NULL && !entry_is(e, laddr, lport, raddr, rport))
		e = (struct entry *)(void *)e->link.next;
	if (e != NULL)
		st->last_hit = e;
	return e;
}

static void entry_hashed_set(struct entry *e, bool hashed)
{
	if (e->kind == ENTRY_SOCK)
		entry_sock(e)->hashed = hashed;
}

void conn_insert(struct ho_stack *st, struct entry *e)
{
	lhash_insert(&st->conns, &e->link, entry_hash(st, e));
	st->last_hit = e; /* the answer will be for it */
	entry_hashed_set(e, true);
}

void conn_remove(struct ho_stack *st, struct entry *e)
{
	if (st->last_hit == e)
		st->last_hit = NULL;
	lhash_remove(&st->conns, &e->link, entry_hash(st, e));
	entry_hashed_set(e, false);
}

void conn_replace(struct ho_stack *st, struct entry *old, struct entry *new)
{
	assert(entry_is(new, old->laddr, old->lport, old->raddr, old->rport));
	if (st->last_hit == old)
		st->last_hit = new;
	lhash_replace(&st->conns, &old->link, &new->link, entry_hash(st, old));
	entry_hashed_set(old, false);
	entry_hashed_set(new, true);
}

/* ---- listeners ---- */

static struct sock *listener_of(struct lnode *n)
{
	return n == NULL ? NULL : container_of(container_of(n, struct listen, link), struct sock, l);
}

static struct sock *listener_first(const struct ho_stack *st, uint16_t port)
{
	return listener_of(lhash_first(&st->listen_table, port));
}

static inline bool listener_serves(const struct sock *sk, uint32_t laddr, uint16_t lport)
{
	return sk->e.lport == lport && sk->e.laddr == laddr;
}

/* The listener bound to exactly this address (which may be any); of a SO_REUSEPORT group, the one that the 4-tuple's
 * hash chooses. */
static struct sock *listener_at(struct ho_stack *st, uint32_t bound, uint16_t port, uint32_t hash)
{
	struct sock *first = listener_first(st, port);
	uint32_t count = 0, chosen;

	while (first != NULL && !listener_serves(first, bound, port))
		first = listener_of(first->l.link.next);
	if (first == NULL || !first->reuseport)
		return first;
	for (struct sock *sk = first; sk != NULL; sk = listener_of(sk->l.link.next))
		count += listener_serves(sk, bound, port);
	chosen = (uint32_t)((uint64_t)hash * count >> 32);
	for (struct sock *sk = first;; sk = listener_of(sk->l.link.next))
		if (listener_serves(sk, bound, port) && chosen-- == 0)
			return sk;
}

struct sock *listener_find(struct ho_stack *st, uint32_t laddr, uint16_t lport, uint32_t raddr, uint16_t rport)
{
	uint32_t hash = conn_hash(st, laddr, lport, raddr, rport);
	struct sock *sk = listener_at(st, laddr, lport, hash);

	return sk != NULL ? sk : listener_at(st, HO_ADDR_ANY, lport, hash);
}

static bool listeners_grow(struct ho_stack *st)
{
	uint32_t size = st->listeners_size == 0 ? LISTENERS_START : st->listeners_size * 2;
	struct sock **bigger;

	if (size > LISTENERS_MAX)
		return false;
	bigger = memory_take(&st->mem, size * sizeof(*bigger));
	if (bigger == NULL)
		return false;
	memset(bigger, 0, size * sizeof(*bigger));
	if (st->listeners != NULL)
		memcpy(bigger, st->listeners, st->listeners_size * sizeof(*bigger));
	memory_give(&st->mem, st->listeners, st->listeners_size * sizeof(*bigger));
	st->listeners = bigger;
	st->listeners_size = size;
	return true;
}

static bool listener_slot_take(struct ho_stack *st, struct sock *sk)
{
	uint32_t slot = max_u32(st->listeners_free, 1);

	if (sk->l.slot != 0) /* it listened before, and requests may name it still */
		return true;
	while (slot < st->listeners_size && st->listeners[slot] != NULL)
		slot++;
	if (slot >= st->listeners_size && !listeners_grow(st))
		return false;
	st->listeners[slot] = sk;
	st->listeners_free = slot + 1;
	sk->l.slot = slot;
	return true;
}

int listener_add(struct ho_stack *st, struct sock *sk)
{
	assert(!sk->l.listed);
	if (!sock_account_open(st, sk) || !listener_slot_take(st, sk))
		return -ENOMEM;
	lhash_insert(&st->listen_table, &sk->l.link, sk->e.lport);
	sk->l.listed = true;
	return 0;
}

void listener_remove(struct ho_stack *st, struct sock *sk)
{
	if (!sk->l.listed)
		return;
	lhash_remove(&st->listen_table, &sk->l.link, sk->e.lport);
	sk->l.listed = false;
}

void listener_slot_free(struct ho_stack *st, struct sock *sk)
{
	if (sk->l.slot == 0)
		return;
	assert(st->listeners[sk->l.slot] == sk);
	st->listeners[sk->l.slot] = NULL;
	if (sk->l.slot < st->listeners_free)
		st->listeners_free = sk->l.slot;
	sk->l.slot = 0;
}
