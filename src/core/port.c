/* SPDX-License-Identifier: MIT
 * Local ports: who may bind one, which one a connect() gets.
 *
 * Theory of operation.  A bind_bucket exists for each port in use and lists its owners, sockets (bound, listening,
 * connected, accepted); TIME-WAIT buckets are counted only, by local address and by what bind() asks them.  bind() asks
 * each owner whether it minds.  connect() shares a port that only connects use, as long as the 4-tuple is free, and keeps
 * away from ports that have an owner which did not get them so.
 *
 * A connect's port is chosen by the double hash of RFC 6056 section 3.3.4: the start depends on a keyed hash of both
 * addresses and the remote port, and on one of 256 counters that this hash selects.  Steps of 2 keep the parity of the
 * range's lower end in the first round and leave the other half to bind(), which begins there.
 *
 * Source: Linux 6.18 net/ipv4/inet_hashtables.c __inet_hash_connect, __inet_check_established;
 * net/ipv4/inet_connection_sock.c inet_csk_get_port, inet_csk_find_open_port, inet_bind_conflict;
 * net/ipv4/tcp_ipv4.c tcp_twsk_unique. */
#include "timewait.h"

#define PORT_SEEDS 256u

/* ---- buckets ---- */

static struct bind_bucket *bucket_find(const struct ho_stack *st, uint16_t port)
{
	struct bind_bucket *b = (struct bind_bucket *)(void *)lhash_first(&st->binds, port);

	while (b != NULL && b->port != port)
		b = (struct bind_bucket *)(void *)b->link.next;
	return b;
}

static struct bind_bucket *bucket_make(struct ho_stack *st, uint16_t port)
{
	struct bind_bucket *b = pool_take(&st->buckets);

	if (b == NULL)
		return NULL;
	*b = (struct bind_bucket){.port = port};
	lhash_insert(&st->binds, &b->link, port);
	return b;
}

static struct bind_bucket *bucket_get(struct ho_stack *st, uint16_t port)
{
	struct bind_bucket *b = bucket_find(st, port);

	return b != NULL ? b : bucket_make(st, port);
}

static bool bucket_has_timewaits(const struct bind_timewaits *w)
{
	return (w->count[0] | w->count[1] | w->count[2] | w->count[3]) != 0;
}

static void bucket_leave(struct ho_stack *st, struct bind_bucket *b)
{
	if (--b->owner_count > 0)
		return;
	assert(b->bound_count == 0 && !bucket_has_timewaits(&b->timewaits) && b->timewaits.next == NULL);
	lhash_remove(&st->binds, &b->link, b->port);
	pool_give(&st->buckets, b);
}

static void bucket_join(const struct ho_stack *st, struct bind_bucket *b, struct sock *sk, bool by_connect)
{
	hlist_add_tail(st, &b->owners, sk, offsetof(struct sock, bind));
	b->owner_count++;
	b->bound_count += !by_connect;
	sk->connect_port = by_connect;
	sk->bucket = b;
	sk->e.lport = b->port;
}

void port_release(struct ho_stack *st, struct sock *sk)
{
	struct bind_bucket *b = sk->bucket;

	if (b == NULL)
		return;
	sk->bucket = NULL;
	hlist_del(st, &b->owners, sk, offsetof(struct sock, bind));
	b->bound_count -= !sk->connect_port;
	bucket_leave(st, b);
}

int port_inherit(struct ho_stack *st, struct sock *child, uint16_t port)
{
	struct bind_bucket *b = bucket_get(st, port);

	if (b == NULL)
		return -ENOMEM;
	bucket_join(st, b, child, false);
	return 0;
}

/* ---- TIME-WAIT ---- */

static uint32_t timewait_class(bool reuseaddr, bool reuseport)
{
	return (uint32_t)reuseaddr | (uint32_t)reuseport << 1;
}

static uint32_t timewait_class_of(const struct timewait *tw)
{
	return timewait_class(tw->e.flags & TW_REUSEADDR, tw->e.flags & TW_REUSEPORT);
}

static struct bind_timewaits *timewaits_find(struct bind_bucket *b, uint32_t laddr)
{
	struct bind_timewaits *w = &b->timewaits;

	while (w != NULL && w->laddr != laddr)
		w = w->next;
	return w;
}

/* Those of the address: the first one has its counts in the bucket.  NULL: no memory. */
static struct bind_timewaits *timewaits_get(struct ho_stack *st, struct bind_bucket *b, uint32_t laddr)
{
	struct bind_timewaits *w = timewaits_find(b, laddr);

	if (w != NULL)
		return w;
	if (!bucket_has_timewaits(&b->timewaits)) {
		b->timewaits.laddr = laddr;
		return &b->timewaits;
	}
	w = pool_take(&st->bind_timewaits);
	if (w == NULL)
		return NULL;
	*w = (struct bind_timewaits){.next = b->timewaits.next, .laddr = laddr};
	b->timewaits.next = w;
	return w;
}

static void timewaits_drop(struct ho_stack *st, struct bind_bucket *b, struct bind_timewaits *w)
{
	struct bind_timewaits *before = &b->timewaits;

	if (w == before)
		return;
	while (before->next != w)
		before = before->next;
	before->next = w->next;
	pool_give(&st->bind_timewaits, w);
}

bool port_to_timewait(struct ho_stack *st, struct sock *sk, struct timewait *tw)
{
	struct bind_bucket *b = sk->bucket;
	struct bind_timewaits *w = timewaits_get(st, b, sk->e.laddr);

	if (w == NULL)
		return false;
	tw->e.flags |= (uint8_t)((sk->reuseaddr ? TW_REUSEADDR : 0) | (sk->reuseport ? TW_REUSEPORT : 0) |
	                         (sk->connect_port ? TW_CONNECT : 0));
	w->count[timewait_class_of(tw)]++;
	hlist_del(st, &b->owners, sk, offsetof(struct sock, bind));
	sk->bucket = NULL;
	return true;
}

void port_release_timewait(struct ho_stack *st, const struct timewait *tw)
{
	struct bind_bucket *b = bucket_find(st, tw->e.lport);
	struct bind_timewaits *w = timewaits_find(b, tw->e.laddr);

	w->count[timewait_class_of(tw)]--;
	if (!bucket_has_timewaits(w))
		timewaits_drop(st, b, w);
	b->bound_count -= !(tw->e.flags & TW_CONNECT);
	bucket_leave(st, b);
}

/* ---- bind ---- */

static bool addresses_overlap(uint32_t a, uint32_t b)
{
	return a == b || a == HO_ADDR_ANY || b == HO_ADDR_ANY;
}

/* Does an owner with these flags mind?  picked: the stack chose the port, so nothing is shared. */
static bool owner_conflicts(const struct sock *sk, bool reuseaddr, bool reuseport, bool listening, bool picked)
{
	if (sk->reuseaddr && reuseaddr && !listening)
		return picked;
	return picked || !sk->reuseport || !reuseport;
}

static bool timewaits_conflict(const struct bind_timewaits *w, const struct sock *sk, bool picked)
{
	for (uint32_t class = 0; class < 4; class++)
		if (w->count[class] != 0 && owner_conflicts(sk, class & 1, class & 2, false, picked))
			return true;
	return false;
}

static bool bind_conflicts(const struct ho_stack *st, const struct bind_bucket *b, const struct sock *sk, bool picked)
{
	for (uint32_t n = b->owners.first; n != 0; n = sock_at(st, n - 1)->bind.next) {
		const struct sock *o = sock_at(st, n - 1);

		if (o != sk && addresses_overlap(o->e.laddr, sk->e.laddr) &&
		    owner_conflicts(sk, o->reuseaddr, o->reuseport, o->state == HO_LISTEN, picked))
			return true;
	}
	for (const struct bind_timewaits *w = &b->timewaits; w != NULL; w = w->next)
		if (addresses_overlap(w->laddr, sk->e.laddr) && timewaits_conflict(w, sk, picked))
			return true;
	return false;
}

static bool port_open(const struct ho_stack *st, const struct sock *sk, uint16_t port)
{
	const struct bind_bucket *b = bucket_find(st, port);

	return b == NULL || !bind_conflicts(st, b, sk, true);
}

/* A port of low..high (high not included), other parity than low's first.  Gives 0 if none is open. */
static uint16_t port_pick_in(struct ho_stack *st, const struct sock *sk, uint32_t low, uint32_t high)
{
	uint32_t remaining = high - low;
	uint32_t offset;

	if (remaining > 1)
		remaining &= ~UINT32_C(1);
	offset = (uint32_t)((uint64_t)stack_random(st) * remaining >> 32) | 1;
	for (unsigned parity = 0; parity < 2; parity++, offset--) {
		uint32_t port = low + offset;

		for (uint32_t i = 0; i < remaining; i += 2, port += 2) {
			if (port >= high)
				port -= remaining;
			if (port_open(st, sk, (uint16_t)port))
				return (uint16_t)port;
		}
	}
	return 0;
}

/* With SO_REUSEADDR the lower half of the range comes first. */
static uint16_t port_pick(struct ho_stack *st, const struct sock *sk)
{
	uint32_t low = st->ctl.ip_local_port_min, high = st->ctl.ip_local_port_max + 1;
	uint32_t half = low + ((high - low) >> 2 << 1);
	uint16_t port;

	if (!sk->reuseaddr || high - low < 4)
		return port_pick_in(st, sk, low, high);
	port = port_pick_in(st, sk, low, half);
	return port != 0 ? port : port_pick_in(st, sk, half, high);
}

int port_bind(struct ho_stack *st, struct sock *sk, uint16_t port)
{
	bool picked = port == 0;
	struct bind_bucket *b;

	if (picked)
		port = port_pick(st, sk);
	if (port == 0)
		return -EADDRINUSE;
	b = bucket_find(st, port);
	if (b != NULL && !picked && bind_conflicts(st, b, sk, false))
		return -EADDRINUSE;
	if (b == NULL)
		b = bucket_make(st, port);
	if (b == NULL)
		return -ENOMEM;
	if (sk->bucket != b) /* listen() asks again for the port that the socket has */
		bucket_join(st, b, sk, false);
	return 0;
}

/* ---- connect ---- */

/* explicit_port: by bind(), then tcp_tw_reuse is not asked. */
static bool timewait_may_be_taken(const struct ho_stack *st, const struct timewait *tw, bool explicit_port)
{
	uint32_t reuse = st->ctl.tcp_tw_reuse;

	if ((tw->e.flags & TW_FIN_WAIT2) ||
	    (reuse == 2 && !ip_is_loopback(tw->e.laddr) && !ip_is_loopback(tw->e.raddr)))
		reuse = 0;
	if (!(tw->e.flags & TW_TS))
		return false;
	return explicit_port || (reuse != 0 && timewait_older(st, tw, st->ctl.tcp_tw_reuse_delay));
}

/* The new connection goes on where the old one's sequence numbers cannot be taken for its own. */
static void timewait_take_over(struct ho_stack *st, struct sock *sk, struct timewait *tw)
{
	sk->write_seq = tcp_timewait_next_isn(tw);
	sk->ts_recent = tw->ts_recent;
	sk->ts_recent_stamp_s = timewait_ts_stamp_s(st, tw);
	count(st, sk, HO_TcpExtTWRecycled);
	tcp_timewait_free(st, tw);
}

/* Is the 4-tuple with this local port free?  Then the socket is in the table: 0, -EADDRINUSE, -ENOMEM. */
static int conn_claim(struct ho_stack *st, struct sock *sk, uint16_t port, bool explicit_port)
{
	struct entry *e = conn_find(st, sk->e.laddr, port, sk->e.raddr, sk->e.rport);
	uint16_t before = sk->e.lport;

	if (e != NULL) {
		struct timewait *tw = timewait_of(e);

		if (e->kind != ENTRY_TIMEWAIT || !timewait_may_be_taken(st, tw, explicit_port))
			return -EADDRINUSE;
		timewait_take_over(st, sk, tw);
	}
	sk->e.lport = port;
	if (conn_insert(st, &sk->e))
		return 0;
	sk->e.lport = before;
	return -ENOMEM;
}

/* Gives  0, -EADDRINUSE (try the next one), -ENOMEM. */
static int port_try(struct ho_stack *st, struct sock *sk, uint16_t port)
{
	struct bind_bucket *b = bucket_find(st, port);
	int err;

	if (b == NULL)
		b = bucket_make(st, port);
	else if (b->bound_count != 0)
		return -EADDRINUSE;
	if (b == NULL)
		return -ENOMEM;
	b->owner_count++; /* taking over a TIME-WAIT bucket must not free it under us */
	err = conn_claim(st, sk, port, false);
	if (err != 0) {
		bucket_leave(st, b);
		return err;
	}
	b->owner_count--;
	bucket_join(st, b, sk, true);
	return 0;
}

/* What a connect looks through: ports low + offset, in steps of 2. */
struct port_scan {
	uint32_t low, high; /* high not included */
	uint32_t remaining; /* even, but for a range of one port */
	uint32_t tried;
};

/* Gives  0, -EADDRINUSE (none of this parity), -ENOMEM. */
static int parity_scan(struct ho_stack *st, struct sock *sk, struct port_scan *s, uint32_t offset)
{
	uint32_t port = s->low + offset;
	int err = -EADDRINUSE;

	if (offset >= s->remaining) /* a range of one port has no other parity */
		return err;
	for (s->tried = 0; s->tried < s->remaining; s->tried += 2, port += 2) {
		if (port >= s->high)
			port -= s->remaining;
		err = port_try(st, sk, (uint16_t)port);
		if (err != -EADDRINUSE)
			break;
	}
	return err;
}

/* Moves the seed on, by a little chance more where ports are easy to find. */
static void seed_advance(struct ho_stack *st, uint32_t *seed, uint32_t tried)
{
	*seed += max_u32(tried, (stack_random(st) & 7) * 2) + 2;
}

/* Differs: a destination that has used up the even ports gets odd ones without looking through the even ones each time,
 * as long as they last. */
static int port_pick_connect(struct ho_stack *st, struct sock *sk)
{
	uint32_t low = st->ctl.ip_local_port_min, high = st->ctl.ip_local_port_max + 1;
	uint32_t remaining = high - low > 1 ? (high - low) & ~UINT32_C(1) : high - low;
	uint64_t hash = siphash13_2u64(&st->key_ports, (uint64_t)sk->e.raddr << 32 | sk->e.laddr, sk->e.rport);
	uint32_t *seed = &st->port_seed[hash % PORT_SEEDS], *odd = &st->port_odd[hash % PORT_SEEDS];
	uint32_t destination = (uint32_t)(hash >> 8) | 1;
	uint32_t offset = (*seed + (uint32_t)(hash >> 32)) % remaining & ~UINT32_C(1);
	uint32_t first = *odd == destination;
	struct port_scan s = {low, high, remaining, 0};
	int err = parity_scan(st, sk, &s, offset | first);

	if (err == -EADDRINUSE) {
		first ^= 1;
		err = parity_scan(st, sk, &s, offset | first);
		*odd = first && err == 0 ? destination : 0;
	}
	if (err == 0)
		seed_advance(st, seed, s.tried);
	return err == -EADDRINUSE ? -EADDRNOTAVAIL : err;
}

int port_connect(struct ho_stack *st, struct sock *sk)
{
	int err;

	if (sk->bucket == NULL)
		return port_pick_connect(st, sk);
	err = conn_claim(st, sk, sk->e.lport, true);
	return err == -EADDRINUSE ? -EADDRNOTAVAIL : err;
}
