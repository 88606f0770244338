/* SPDX-License-Identifier: MIT
 * Who is it for: connections, requests and TIME-WAIT buckets by 4-tuple; listeners by port.
 *
 * Source: Linux 6.18 net/ipv4/inet_hashtables.c __inet_lookup_established, __inet_lookup_listener, compute_score. */
#include "request.h"
#include "timewait.h"

#define LISTENERS_START 16u
#define LISTENERS_MAX (UINT32_C(1) << 22) /* request.listener */

/* ---- references: what the table holds of an entry ---- */

#define REF_KIND_SHIFT POOL_NUMBER_BITS
#define REF_NUMBER_MASK ((UINT32_C(1) << REF_KIND_SHIFT) - 1)

_Static_assert(NUMBERED_BITS == POOL_NUMBER_BITS, "numbers of sockets are as large as those of all entries");
_Static_assert(ENTRY_TIMEWAIT >> (CTABLE_REF_BITS - REF_KIND_SHIFT) == 0, "a reference has room for the kind");

static uint32_t entry_ref(const struct ho_stack *st, struct entry *e)
{
	switch (e->kind) {
	case ENTRY_REQUEST: return (uint32_t)ENTRY_REQUEST << REF_KIND_SHIFT | request_number(st, request_of(e));
	case ENTRY_TIMEWAIT: return (uint32_t)ENTRY_TIMEWAIT << REF_KIND_SHIFT | timewait_number(st, timewait_of(e));
	default: return (uint32_t)ENTRY_SOCK << REF_KIND_SHIFT | entry_sock(e)->handle;
	}
}

static inline struct entry *entry_at(const struct ho_stack *st, uint32_t ref)
{
	switch (ref >> REF_KIND_SHIFT) {
	case ENTRY_REQUEST: return &request_at(st, ref & REF_NUMBER_MASK)->e;
	case ENTRY_TIMEWAIT: return &timewait_at(st, ref & REF_NUMBER_MASK)->e;
	default: return &sock_at(st, ref & REF_NUMBER_MASK)->e;
	}
}

/* ---- connections ---- */

static inline uint64_t tuple_hash(const struct ho_stack *st, uint32_t laddr, uint16_t lport, uint32_t raddr, uint16_t rport)
{
	return siphash13_2u64(&st->key_conns, (uint64_t)raddr << 32 | laddr, (uint64_t)rport << 16 | lport);
}

uint64_t conn_hash_of(const void *stack, uint32_t ref)
{
	const struct ho_stack *st = stack;
	const struct entry *e = entry_at(st, ref);

	return tuple_hash(st, e->laddr, e->lport, e->raddr, e->rport);
}

/* A hash is asked for more than once: for a hint, for the table, among the listeners, for what is inserted then. */
uint64_t conn_hash(struct ho_stack *st, uint32_t laddr, uint16_t lport, uint32_t raddr, uint16_t rport)
{
	struct hashed *h = &st->hashed[(raddr ^ rport) % HASHED];

	if (((h->laddr ^ laddr) | (h->raddr ^ raddr) | (uint32_t)(h->lport ^ lport) | (uint32_t)(h->rport ^ rport)) != 0)
		*h = (struct hashed){laddr, raddr, lport, rport, tuple_hash(st, laddr, lport, raddr, rport)};
	return h->hash;
}

static uint64_t entry_hash(struct ho_stack *st, const struct entry *e)
{
	return conn_hash(st, e->laddr, e->lport, e->raddr, e->rport);
}

static inline bool entry_is(const struct entry *e, uint32_t laddr, uint16_t lport, uint32_t raddr, uint16_t rport)
{
	return ((e->laddr ^ laddr) | (e->raddr ^ raddr) | (uint32_t)(e->lport ^ lport) |
	        (uint32_t)(e->rport ^ rport)) == 0;
}

/* On its own, so that the way of the last hit stays short. */
static __attribute__((noinline)) struct entry *table_find(struct ho_stack *st, uint32_t laddr, uint16_t lport,
                                                          uint32_t raddr, uint16_t rport)
{
	struct ctable_look look = ctable_look(&st->conns, conn_hash(st, laddr, lport, raddr, rport));
	uint32_t ref;

	while ((ref = ctable_next(&st->conns, &look)) != 0) {
		struct entry *e = entry_at(st, ref);

		if (likely(ref >> REF_KIND_SHIFT == ENTRY_SOCK))
			sock_prefetch(entry_sock(e));
		if (likely(entry_is(e, laddr, lport, raddr, rport))) {
			st->last_hit = e;
			return e;
		}
	}
	return NULL;
}

struct entry *conn_find(struct ho_stack *st, uint32_t laddr, uint16_t lport, uint32_t raddr, uint16_t rport)
{
	struct entry *e = st->last_hit;

	if (mostly(e != NULL) && mostly(entry_is(e, laddr, lport, raddr, rport)))
		return e;
	return table_find(st, laddr, lport, raddr, rport);
}

void conn_prefetch(struct ho_stack *st, uint32_t laddr, uint16_t lport, uint32_t raddr, uint16_t rport)
{
	ctable_prefetch(&st->conns, conn_hash(st, laddr, lport, raddr, rport));
}

void conns_prefetch(const struct ho_stack *st, const uint64_t *hash, unsigned count)
{
	struct sock *sk[HINTS];
	unsigned socks = 0;

	for (unsigned i = 0; i < count; i++)
		ctable_prefetch(&st->conns, hash[i]);
	for (unsigned i = 0; i < count; i++) {
		struct ctable_look look = ctable_look(&st->conns, hash[i]);
		uint32_t ref = ctable_next(&st->conns, &look);

		if (ref != 0 && ref >> REF_KIND_SHIFT == ENTRY_SOCK)
			sk[socks++] = sock_at(st, ref & REF_NUMBER_MASK);
	}
	for (unsigned i = 0; i < socks; i++)
		sock_prefetch(sk[i]);
}

struct entry *conn_at(const struct ho_stack *st, uint32_t bucket, uint64_t place)
{
	uint32_t ref = ctable_at(&st->conns, bucket, place);

	return ref != 0 ? entry_at(st, ref) : NULL;
}

static void entry_hashed_set(struct entry *e, bool hashed)
{
	if (e->kind == ENTRY_SOCK)
		entry_sock(e)->hashed = hashed;
}

bool conn_insert(struct ho_stack *st, struct entry *e)
{
	if (unlikely(!ctable_insert(&st->conns, entry_ref(st, e), entry_hash(st, e))))
		return false;
	st->last_hit = e; /* the answer will be for it */
	entry_hashed_set(e, true);
	return true;
}

static struct ctable_look entry_look(struct ho_stack *st, const struct entry *e)
{
	struct ctable_look look = ctable_look(&st->conns, entry_hash(st, e));
	uint32_t ref;

	do {
		ref = ctable_next(&st->conns, &look);
		assert(ref != 0 && "e must be in the table");
	} while (entry_at(st, ref) != e);
	return look;
}

void conn_remove(struct ho_stack *st, struct entry *e)
{
	struct ctable_look look = entry_look(st, e);

	if (st->last_hit == e)
		st->last_hit = NULL;
	ctable_remove(&st->conns, &look);
	entry_hashed_set(e, false);
}

void conn_replace(struct ho_stack *st, struct entry *old, struct entry *new)
{
	struct ctable_look look = entry_look(st, old);

	assert(entry_is(new, old->laddr, old->lport, old->raddr, old->rport));
	if (st->last_hit == old)
		st->last_hit = new;
	ctable_replace(&look, entry_ref(st, new));
	entry_hashed_set(old, false);
	entry_hashed_set(new, true);
}

/* ---- listeners ---- */

static struct sock *listener_of(struct lnode *n)
{
	return n == NULL ? NULL : container_of(n, struct listen, link)->sk;
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
		first = listener_of(first->l->link.next);
	if (first == NULL || !first->reuseport)
		return first;
	for (struct sock *sk = first; sk != NULL; sk = listener_of(sk->l->link.next))
		count += listener_serves(sk, bound, port);
	chosen = (uint32_t)((uint64_t)hash * count >> 32);
	for (struct sock *sk = first;; sk = listener_of(sk->l->link.next))
		if (listener_serves(sk, bound, port) && chosen-- == 0)
			return sk;
}

struct sock *listener_find(struct ho_stack *st, uint32_t laddr, uint16_t lport, uint32_t raddr, uint16_t rport)
{
	uint32_t hash = (uint32_t)conn_hash(st, laddr, lport, raddr, rport);
	struct sock *sk = listener_at(st, laddr, lport, hash);

	return sk != NULL ? sk : listener_at(st, HO_ADDR_ANY, lport, hash);
}

/* ---- groups: who shares a port by SO_REUSEPORT, also after it has closed ---- */

struct sock *listener_of_group(struct ho_stack *st, uint64_t group, const struct entry *e)
{
	struct sock *first = listener_first(st, e->lport);
	uint32_t count = 0, chosen;

	for (struct sock *sk = first; sk != NULL; sk = listener_of(sk->l->link.next))
		count += sk->l->group == group;
	chosen = (uint32_t)((uint64_t)(uint32_t)entry_hash(st, e) * count >> 32);
	for (struct sock *sk = first; sk != NULL; sk = listener_of(sk->l->link.next))
		if (sk->l->group == group && chosen-- == 0)
			return sk;
	return NULL;
}

/* Linux: inet_reuseport_add_sock.  One that has left with nobody staying behind does not find its group again. */
static void group_join(struct ho_stack *st, struct sock *sk)
{
	struct sock *other = listener_first(st, sk->e.lport);

	sk->l->group = 0;
	if (!sk->reuseport)
		return;
	while (other != NULL && !(other->reuseport && listener_serves(other, sk->e.laddr, sk->e.lport)))
		other = listener_of(other->l->link.next);
	if (other == NULL || other->l->group == 0)
		sk->l->group = ++st->listener_groups;
	if (other != NULL && other->l->group == 0)
		other->l->group = sk->l->group;
	else if (other != NULL)
		sk->l->group = other->l->group;
}

/* Linux: reuseport_stop_listen_sock. */
static void group_leave(const struct ho_stack *st, struct sock *sk)
{
	if (!st->ctl.tcp_migrate_req)
		sk->l->group = 0;
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

	if (sk->l->slot != 0) /* it listened before, and requests may name it still */
		return true;
	while (slot < st->listeners_size && st->listeners[slot] != NULL)
		slot++;
	if (slot >= st->listeners_size && !listeners_grow(st))
		return false;
	st->listeners[slot] = sk;
	st->listeners_free = slot + 1;
	sk->l->slot = slot;
	return true;
}

int listener_add(struct ho_stack *st, struct sock *sk)
{
	assert(sk->l == NULL || !sk->l->listed);
	if (!sock_account_open(st, sk) || !sock_listen_open(st, sk) || !listener_slot_take(st, sk))
		return -ENOMEM;
	group_join(st, sk);
	lhash_insert(&st->listen_table, &sk->l->link, sk->e.lport);
	sk->l->listed = true;
	return 0;
}

void listener_remove(struct ho_stack *st, struct sock *sk)
{
	if (sk->l == NULL || !sk->l->listed)
		return;
	group_leave(st, sk);
	lhash_remove(&st->listen_table, &sk->l->link, sk->e.lport);
	sk->l->listed = false;
}

void listener_slot_free(struct ho_stack *st, struct sock *sk)
{
	if (sk->l == NULL || sk->l->slot == 0)
		return;
	assert(st->listeners[sk->l->slot] == sk);
	st->listeners[sk->l->slot] = NULL;
	if (sk->l->slot < st->listeners_free)
		st->listeners_free = sk->l->slot;
	sk->l->slot = 0;
}
