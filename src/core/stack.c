/* SPDX-License-Identifier: MIT
 * A stack's birth and death, and its doors.
 *
 * Theory of operation.  Everything happens inside a door: ho_stack_input, ho_stack_expire, ho_stack_output, or a call of
 * sock.h.  A door sets the time and the cause, lets the event run to its end, and returns; what is to be sent waits in
 * link[].out for ho_stack_output, what is for ourselves in st->loop.  The loop queue is emptied at the end of the first
 * two doors, and by ho_stack_output when there is nothing else to give; a call of sock.h leaves it alone (so that
 * connect() to oneself returns before the SYN arrives), and ho_stack_deadline then says "now".
 *
 * Death has two steps, because frames may outlive their stack: ho_stack_close ends sockets, tables and queues; the
 * pools of frames and blocks, and struct ho_stack itself, go with the last live frame.  frames_live counts them. */
#include "dgram_doors.h"
#include "ip_parts.h"
#include "neigh.h"
#include "reasm.h"
#include "request.h"
#include "sock_error.h"
#include "tcp.h"
#include "timewait.h"
#include "watch.h"

#include <stdlib.h>

#ifndef HO_VERSION
#define HO_VERSION "unknown"
#endif

#define LOOP_BURST 1024u /* packets to ourselves for each door: two sockets may keep each other busy for ever */
#define SLAB_BYTES 32768u
#define SOCKS_FIRST_BITS 3u
#define FLOOD_SLAB_BYTES 1048576u
#define SMALL_SLAB_BYTES 8192u

const char *ho_version(void)
{
	return HO_VERSION;
}

/* ---- configuration ---- */

static void *heap_alloc(void *ctx, size_t bytes, size_t align)
{
	(void)ctx;
	return aligned_alloc(align, (bytes + align - 1) & ~(align - 1));
}

static void heap_free(void *ctx, void *block, size_t bytes)
{
	(void)ctx;
	(void)bytes;
	free(block);
}

void ho_stack_config_init(struct ho_stack_config *c)
{
	*c = (struct ho_stack_config){
		.prefix_len = 24,
		.mtu = 1500,
		.out_queue_max = 1000,
		.alloc = {.alloc = heap_alloc, .free = heap_free},
		.socks_max = 4096,
		.linux_profile = HO_LINUX_6_18,
	};
}

static bool config_ok(const struct ho_stack_config *c)
{
	return c->alloc.alloc != NULL && c->alloc.free != NULL && c->socks_max <= INT32_MAX &&
	       (c->linux_profile == HO_LINUX_6_18 || c->linux_profile == HO_LINUX_4_15 || c->linux_profile == HO_LINUX_3_10);
}

/* ---- birth ---- */

/* What a program saw by default in older kernels of what the profiles are about. */
static void profile_defaults(struct sysctls *ctl, uint32_t profile)
{
	if (profile == HO_LINUX_6_18)
		return;
	ctl->somaxconn = 128;
	ctl->tcp_syn_linear_timeouts = 0;
	if (profile == HO_LINUX_4_15)
		return;
	ctl->tcp_max_syn_backlog = 1024;
	ctl->tcp_syncookies = 0;
}

static void stack_configure(struct ho_stack *st, const struct ho_stack_config *c)
{
	st->socks_max = c->socks_max;
	st->trace_max = c->trace_max;
	st->charge_connections = c->charge_connections;
	st->linux_profile = c->linux_profile;
	sysctl_init(&st->ctl);
	st->cc = tcp_cc_default();
	profile_defaults(&st->ctl, c->linux_profile);
}

static void stack_keys_init(struct ho_stack *st, const uint8_t secret[16])
{
	st->key_conns = siphash_key_of(secret, 1);
	for (size_t i = 0; i < HASHED; i++)
		st->hashed[i].hash = siphash13_2u64(&st->key_conns, 0, 0);
	st->fo.key_origin = siphash_key_of(secret, 7);
	st->key_isn = siphash_key_of(secret, 2);
	st->key_ts = siphash_key_of(secret, 3);
	st->key_ports = siphash_key_of(secret, 4);
	for (size_t i = 0; i < sizeof(st->port_seed) / sizeof(st->port_seed[0]); i++)
		st->port_seed[i] = stack_random(st);
	for (size_t i = 0; i < IP_IDENTS; i++)
		st->ip_ident[i].next = stack_random(st);
}

static void stack_lists_init(struct ho_stack *st)
{
	list_init(&st->raw_socks);
	list_init(&st->ping_socks);
	list_init(&st->request_room);
	list_init(&st->timewait_room);
	list_init(&st->busy_ring);
}

static void stack_pools_init(struct ho_stack *st)
{
	struct memory *m = &st->mem;

	numbered_init(&st->socks, m, sizeof(struct sock), SOCKS_FIRST_BITS);
	pool_init_paged(&st->requests, m, sizeof(struct request_batch), SLAB_BYTES);
	pool_grow_to(&st->requests, FLOOD_SLAB_BYTES);
	pool_init_paged(&st->timewaits, m, sizeof(struct timewait_batch), SLAB_BYTES);
	pool_grow_to(&st->timewaits, FLOOD_SLAB_BYTES / 4);
	pool_init(&st->segs, m, sizeof(struct seg), SLAB_BYTES);
	pool_init(&st->blocks, m, sizeof(struct block) + BLOCK_BYTES, 0);
	pool_init(&st->rxsegs, m, sizeof(struct rxseg), SMALL_SLAB_BYTES);
	pool_init(&st->frames, m, sizeof(struct tx_frame), SLAB_BYTES);
	pool_init(&st->buckets, m, sizeof(struct bind_bucket), SMALL_SLAB_BYTES);
	pool_init(&st->bind_timewaits, m, sizeof(struct bind_timewaits), SMALL_SLAB_BYTES);
	pool_init(&st->accounts, m, HO_COUNTER_COUNT * sizeof(uint32_t), 0);
	pool_init(&st->busy_pool, m, (uint32_t)(sizeof(struct busy) + 63) / 64 * 64, SLAB_BYTES);
	pool_init(&st->habits_pool, m, sizeof(struct habits), SMALL_SLAB_BYTES);
	pool_init(&st->listens, m, sizeof(struct listen), SMALL_SLAB_BYTES);
	pool_init(&st->ref_blocks, m, sizeof(struct block), SMALL_SLAB_BYTES);
	pool_init(&st->sock_errors, m, sizeof(struct sock_error_node), SMALL_SLAB_BYTES);
	pool_init(&st->fo_queues, m, sizeof(struct fastopen_queue), SMALL_SLAB_BYTES);
	pool_init(&st->fo_children, m, sizeof(struct fastopen_child), SMALL_SLAB_BYTES);
}

/* Ports are few, known and of our own choosing: no key. */
static uint32_t hash_listen(const void *ctx, const struct lnode *n)
{
	const struct listen *l = container_of(n, const struct listen, link);

	(void)ctx;
	return l->sk->e.lport;
}

static uint32_t hash_bucket(const void *ctx, const struct lnode *n)
{
	(void)ctx;
	return ((const struct bind_bucket *)(const void *)n)->port;
}

static bool stack_tables_open(struct ho_stack *st)
{
	struct memory *m = &st->mem;

	if (!ctable_init(&st->conns, m, conn_hash_of, st))
		return false;
	if (!lhash_init(&st->listen_table, m, hash_listen, st))
		goto no_listen_table;
	if (!lhash_init(&st->binds, m, hash_bucket, st))
		goto no_binds;
	if (!udp_tables_open(st))
		goto no_udp;
	if (!fib_open(st))
		goto no_fib;
	if (!neigh_table_open(st))
		goto no_neighs;
	if (st->trace_max == 0)
		return true;
	st->trace = memory_take(m, st->trace_max * sizeof(*st->trace));
	if (st->trace != NULL)
		return true;
	neigh_table_close(st);
no_neighs:
	fib_close(st);
no_fib:
	udp_tables_close(st);
no_udp:
	lhash_fini(&st->binds);
no_binds:
	lhash_fini(&st->listen_table);
no_listen_table:
	ctable_fini(&st->conns);
	return false;
}

/* Link 0, its address, the default route. */
static int stack_link_open(struct ho_stack *st, const struct ho_stack_config *c)
{
	struct ho_link_config link = {.mtu = c->mtu, .flags = c->link_flags, .out_queue_max = c->out_queue_max};
	struct ho_addr addr = {.addr = c->addr, .prefix_len = c->prefix_len};
	struct ho_route to_all = {.gateway = c->gateway};
	int err;

	memcpy(link.name, c->link_name, sizeof(link.name));
	memcpy(link.mac, c->mac, sizeof(link.mac));
	err = link_open(st, &link);

	if (err < 0)
		return err;
	err = ho_addr_add(st, &addr);
	if (err < 0 || (c->gateway == 0 && !c->default_route))
		return err;
	err = ho_route_add(st, &to_all);
	return err == -EEXIST ? 0 : err; /* an address of prefix 0 has one already */
}

int ho_stack_open(const struct ho_stack_config *c, struct ho_stack **out)
{
	struct memory m = {.al = c->alloc};
	struct ho_stack *st;
	int err;

	if (!config_ok(c))
		return -EINVAL;
	st = memory_take(&m, sizeof(*st));
	if (st == NULL)
		return -ENOMEM;
	memset(st, 0, sizeof(*st));
	st->mem = m;
	stack_configure(st, c);
	stack_keys_init(st, c->secret);
	stack_lists_init(st);
	stack_pools_init(st);
	rules_init(st);
	st->now = c->now_ns;
	st->now_us = st->now / HO_US;
	st->now_ms = st->now / HO_MS;
	wheel_init(&st->wheel, now_tick(st));
	wheel_init(&st->fine, (uint32_t)st->now_us);
	icmp_rations_init(st);
	cause_call(st, "open");
	if (!stack_tables_open(st)) {
		m = st->mem;
		memory_give(&m, st, sizeof(*st));
		return -ENOMEM;
	}
	err = stack_link_open(st, c);
	if (err < 0) {
		ho_stack_close(st);
		return err;
	}
	*out = st;
	return 0;
}

/* ---- death ---- */

/* What frames need: with the last of them. */
static void stack_free(struct ho_stack *st)
{
	struct memory m;

	pool_fini(&st->frames);
	pool_fini(&st->blocks);
	pool_fini(&st->ref_blocks);
	m = st->mem;
	memory_give(&m, st, sizeof(*st));
	assert(m.allocated_bytes == 0);
}

static void stack_socks_vanish(struct ho_stack *st)
{
	tcp_reap(st);
	for (uint32_t i = 0; i < st->socks.fresh; i++) {
		struct sock *sk = handle_sock(st, i);

		if (sk == NULL)
			continue;
		frames_forget_sock(st, sk);
		sock_errors_purge(st, sk);
		if (sk->type == HO_SOCK_STREAM)
			tcp_sock_vanish(st, sk);
		else
			dgram_close(st, sk);
	}
}

static struct ho_frame *frame_pop(struct frame_queue *q)
{
	struct ho_frame *f = q->head;

	q->head = f->next;
	if (mostly(q->head == NULL))
		q->tail = NULL;
	f->next = NULL;
	q->count--;
	return f;
}

static void frames_drop(struct frame_queue *q)
{
	while (q->head != NULL)
		ho_frame_unref(frame_pop(q));
}

static void stack_tables_close(struct ho_stack *st)
{
	struct memory *m = &st->mem;

	ctable_fini(&st->conns);
	lhash_fini(&st->listen_table);
	lhash_fini(&st->binds);
	neigh_table_close(st);
	fib_close(st);
	udp_tables_close(st);
	rules_fini(st);
	watch_free(st);
	memory_give(m, st->trace, st->trace_max * sizeof(*st->trace));
	memory_give(m, st->listeners, st->listeners_size * sizeof(struct sock *));
	fd_table_free(st);
	numbered_fini(&st->socks);
	pool_fini(&st->requests);
	pool_fini(&st->timewaits);
	pool_fini(&st->segs);
	pool_fini(&st->rxsegs);
	pool_fini(&st->buckets);
	pool_fini(&st->bind_timewaits);
	pool_fini(&st->accounts);
	pool_fini(&st->listens);
	pool_fini(&st->habits_pool);
	pool_fini(&st->busy_pool);
	pool_fini(&st->fo_queues);
	pool_fini(&st->fo_children);
	pool_fini(&st->sock_errors);
	tcp_fastopen_net_close(st);
}

void ho_stack_close(struct ho_stack *s)
{
	cause_call(s, "stack close");
	stack_socks_vanish(s);
	for (uint32_t i = 0; i < s->link_count; i++)
		frames_drop(&s->link[i].out);
	frames_drop(&s->loop);
	reasm_close(s);
	if (s->cur_block != NULL)
		block_unref(s->cur_block);
	stack_tables_close(s);
	s->closed = true;
	if (s->frames_live == 0)
		stack_free(s);
}

/* ---- time, chance ---- */

void stack_time_set(struct ho_stack *st, ho_time_ns now)
{
	uint64_t ms;

	if (mostly(now <= st->now))
		return;
	st->now = now;
	st->now_us = now / HO_US;
	ms = now / HO_MS;
	if (mostly(ms == st->now_ms))
		return;
	st->now_ms = ms;
	if (st->wheel.count == 0) /* nobody calls expire: the wheel must not fall behind */
		wheel_pop(&st->wheel, now_tick(st));
	if (st->fine.count == 0)
		wheel_pop(&st->fine, (uint32_t)st->now_us);
}

void ho_stack_at(struct ho_stack *s, ho_time_ns now)
{
	stack_time_set(s, now);
}

ho_time_ns ho_stack_now(const struct ho_stack *s)
{
	return s->now;
}

uint32_t stack_random(struct ho_stack *st)
{
	return (uint32_t)siphash13_2u64(&st->key_ports, UINT64_MAX, ++st->random_count);
}

/* ---- frames ---- */

static struct tx_frame *tx_frame_of(struct ho_frame *f)
{
	return (struct tx_frame *)(void *)f;
}

hot_path static void frame_release(struct ho_frame *f)
{
	struct tx_frame *t = tx_frame_of(f);
	struct ho_stack *st = f->owner;

	for (unsigned i = 0; i < t->blocks; i++)
		block_unref(t->block[i]);
	pool_give(&st->frames, t);
	if (--st->frames_live == 0 && unlikely(st->closed))
		stack_free(st);
}

struct tx_frame *frame_take(struct ho_stack *st)
{
	struct tx_frame *t = pool_take(&st->frames);

	if (unlikely(t == NULL))
		return NULL;
	memset(&t->f, 0, offsetof(struct ho_frame, slice));
	t->f.slice_count = 1;
	t->f.gso_segs = 1;
	t->f.refs = 1;
	t->f.id = ++st->frame_id;
	t->f.release = frame_release;
	t->f.owner = st;
	t->f.slice[0] = (struct ho_slice){t->head, 0};
	t->sk = NULL;
	t->sk_bytes = 0;
	t->blocks = 0;
	st->frames_live++;
	return t;
}

static void queue_forget_sock(struct frame_queue *q, const struct sock *sk)
{
	for (struct ho_frame *f = q->head; f != NULL; f = f->next)
		if (tx_frame_of(f)->sk == sk)
			tx_frame_of(f)->sk = NULL;
}

void frames_forget_sock(struct ho_stack *st, struct sock *sk)
{
	if (sk->dev_bytes == 0)
		return;
	for (uint32_t i = 0; i < st->link_count; i++)
		queue_forget_sock(&st->link[i].out, sk);
	queue_forget_sock(&st->loop, sk);
	sk->dev_bytes = 0;
}

/* The frame has left its queue: its socket may send more. */
static void frame_let_go(struct ho_stack *st, struct tx_frame *t)
{
	struct sock *sk = t->sk;

	if (unlikely(sk == NULL))
		return;
	t->sk = NULL;
	sk->dev_bytes -= (int32_t)t->sk_bytes;
	if (unlikely(sk->type != HO_SOCK_STREAM))
		dgram_on_dequeue(st, sk, t->sk_bytes);
	else
		tcp_on_dequeue(st, sk, t->sk_bytes);
}

/* ---- doors ---- */

static void cause_frame(struct ho_stack *st, const struct ho_frame *f)
{
	st->cause = (struct cause){.kind = HO_CAUSE_FRAME, .frame_in = f->id};
}

static void loop_drain(struct ho_stack *st)
{
	for (uint32_t n = 0; n < LOOP_BURST && st->loop.head != NULL; n++) {
		struct ho_frame *f = frame_pop(&st->loop);

		cause_frame(st, f);
		frame_let_go(st, tx_frame_of(f));
		ip_on_packet(st, f, FROM_LOOPBACK, false);
		ho_frame_unref(f);
	}
}

/* Gives  false: no TCP segment whose addresses and ports can be read in slice 0. */
static bool tuple_of(const struct ho_frame *f, const uint8_t **ip, const uint8_t **tcp)
{
	uint32_t len_bytes = f->slice[0].len_bytes, ip_bytes;

	*ip = f->slice[0].data;
	if (unlikely(len_bytes < 20 || **ip >> 4 != 4 || (*ip)[9] != IP_PROTO_TCP))
		return false;
	ip_bytes = (**ip & 15u) * 4;
	*tcp = *ip + ip_bytes;
	return likely(len_bytes >= ip_bytes + 4);
}

void ho_stack_prefetch(struct ho_stack *s, const struct ho_frame *f)
{
	const uint8_t *ip, *tcp;

	if (tuple_of(f, &ip, &tcp))
		conn_prefetch(s, get32(ip + 16), get16(tcp + 2), get32(ip + 12), get16(tcp));
}

void ho_stack_prefetch_batch(struct ho_stack *s, struct ho_frame *const *f, unsigned count)
{
	while (count > 0) {
		uint64_t hash[HINTS];
		unsigned some = count < HINTS ? count : HINTS, hashes = 0;

		for (unsigned i = 0; i < some; i++) {
			const uint8_t *ip, *tcp;

			if (tuple_of(f[i], &ip, &tcp))
				hash[hashes++] = conn_hash(s, get32(ip + 16), get16(tcp + 2), get32(ip + 12), get16(tcp));
		}
		conns_prefetch(s, hash, hashes);
		f += some;
		count -= some;
	}
}

static inline void frame_in(struct ho_stack *s, int link, struct ho_frame *f, ho_time_ns now)
{
	bool cast = false;

	stack_time_set(s, now);
	cause_frame(s, f);
	if (unlikely(s->link[link].flags & HO_LINK_ETHERNET)) {
		f = ether_on_frame(s, (uint32_t)link, f, &cast);
		if (f == NULL)
			return;
	}
	ip_on_packet(s, f, link, cast);
	ho_frame_unref(f);
	if (unlikely(s->loop.head != NULL))
		loop_drain(s);
}

void ho_stack_input(struct ho_stack *s, struct ho_frame *f, ho_time_ns now)
{
	frame_in(s, 0, f, now);
}

void ho_stack_input_link(struct ho_stack *s, int link, struct ho_frame *f, ho_time_ns now)
{
	if (link >= 0 && link < (int)s->link_count)
		frame_in(s, link, f, now);
	else
		ho_frame_unref(f);
}

static inline struct ho_frame *frame_out(struct ho_stack *s, struct link *l)
{
	struct ho_frame *f;

	if (l->out.head == NULL && unlikely(s->loop.head != NULL))
		loop_drain(s);
	if (l->out.head == NULL)
		return NULL;
	f = frame_pop(&l->out);
	if (tx_frame_of(f)->sk != NULL) {
		cause_call(s, "output");
		frame_let_go(s, tx_frame_of(f));
	}
	return f;
}

uint32_t ho_stack_output_bytes(struct ho_stack *s)
{
	if (s->link[0].out.head == NULL && s->loop.head != NULL)
		loop_drain(s);
	return s->link[0].out.head != NULL ? s->link[0].out.head->len_bytes : 0;
}

struct ho_frame *ho_stack_output(struct ho_stack *s)
{
	return frame_out(s, &s->link[0]);
}

struct ho_frame *ho_stack_output_link(struct ho_stack *s, int link)
{
	return link >= 0 && link < (int)s->link_count ? frame_out(s, &s->link[link]) : NULL;
}

hot_path ho_time_ns ho_stack_deadline(const struct ho_stack *s)
{
	/* A look clears bits of slots that have become empty: a cache, not a change. */
	struct wheel *w = (struct wheel *)(uintptr_t)&s->wheel, *fine = (struct wheel *)(uintptr_t)&s->fine;
	ho_time_ns at = HO_NEVER;
	uint32_t tick;

	if (unlikely(s->loop.head != NULL))
		return s->now;
	if (wheel_next(w, &tick))
		at = tick_time(s, tick);
	if (unlikely(fine->count != 0) && wheel_next(fine, &tick)) {
		int32_t ahead = (int32_t)(tick - (uint32_t)s->now_us);
		ho_time_ns fine_at = ahead <= 0 ? s->now : (s->now_us + (uint32_t)ahead) * 1000;

		at = fine_at < at ? fine_at : at;
	}
	return at;
}

static const char *timer_name(uint8_t kind)
{
	switch (kind) {
	case T_REQUEST: return "syn+ack timer";
	case T_TIMEWAIT: return "time-wait timer";
	case T_WRITE: return "retransmission timer";
	case T_DELACK: return "delayed ack timer";
	case T_KEEP: return "keepalive timer";
	case T_COMPRESS: return "compressed ack timer";
	case T_PACE: return "pacing timer";
	case T_NEIGH: return "neighbour timer";
	case T_REASM: return "reassembly timer";
	default: return "timer";
	}
}

/* Gives  how many it was: those of half-open connections are many in one. */
static uint32_t timer_fired(struct ho_stack *st, struct timer *t)
{
	cause_timer(st, timer_name(t->kind));
	tcp_reap(st);
	if (t->kind == T_REQUEST)
		return tcp_requests_on_timer(st, t);
	if (unlikely(t->kind == T_REASM))
		reasm_on_timer(st, t);
	else if (unlikely(t->kind == T_NEIGH))
		neigh_on_timer(st, t);
	else
		tcp_on_timer(st, t);
	return 1;
}

/* Now; but not farther than a wheel goes at once: nobody may have asked for an hour, and all timers are sooner. */
static uint32_t fine_tick(const struct ho_stack *st)
{
	uint32_t now = (uint32_t)st->now_us;

	return now - st->fine.tick > WHEEL_AHEAD_MAX ? st->fine.tick + WHEEL_AHEAD_MAX : now;
}

uint32_t ho_stack_expire(struct ho_stack *s, ho_time_ns now, uint32_t max_count)
{
	uint32_t limit = max_count == 0 ? UINT32_MAX : max_count, steps = limit;
	struct timer *t;

	stack_time_set(s, now);
	while (steps != 0 && unlikely(s->fine.count != 0) && (t = wheel_pop_some(&s->fine, fine_tick(s), &steps)) != NULL)
		steps -= min_u32(timer_fired(s, t), steps);
	while (steps != 0 && (t = wheel_pop_some(&s->wheel, now_tick(s), &steps)) != NULL)
		steps -= min_u32(timer_fired(s, t), steps);
	if (unlikely(s->loop.head != NULL))
		loop_drain(s);
	return limit - steps;
}

hot_path void sock_wake(struct ho_stack *st, struct sock *sk)
{
	if (sk->fd < 0 || sk->in_ready)
		return;
	sk->in_ready = true;
	hlist_add_tail(st, &st->ready, sk, offsetof(struct sock, ready));
}

hot_path bool ho_stack_event(struct ho_stack *s, struct ho_event *e)
{
	while (s->ready.first != 0) {
		struct sock *sk = sock_at(s, s->ready.first - 1);

		hlist_del(s, &s->ready, sk, offsetof(struct sock, ready));
		sk->in_ready = false;
		s->recent = sk; /* the calls that follow are for it */
		*e = (struct ho_event){.fd = sk->fd, .mask = sock_poll(s, sk), .user = sk->user};
		if (mostly(e->mask != 0))
			return true;
	}
	return false;
}

/* ---- what it costs ---- */

size_t ho_stack_sizeof(const char *object)
{
	static const struct {
		const char *name;
		size_t bytes;
	} sizes[] = {
		{"request", sizeof(struct request_batch) / BATCH_PLACES + 1},
		{"timewait", sizeof(struct timewait_batch) / BATCH_PLACES + 1},
		{"tcp", sizeof(struct sock)},
		{"listener", sizeof(struct sock) + sizeof(struct listen) + HO_COUNTER_COUNT * sizeof(uint32_t)},
		{"segment", sizeof(struct seg)},
		{"frame", sizeof(struct tx_frame)},
	};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		if (strcmp(sizes[i].name, object) == 0)
			return sizes[i].bytes;
	return 0;
}

void ho_stack_memory(const struct ho_stack *s, struct ho_memory *out)
{
	uint32_t buried = 0; /* ended, and freed at the next door */

	for (const struct sock *sk = s->graveyard; sk; sk = sk->accept_next)
		buried++;
	*out = (struct ho_memory){
		.allocated_bytes = s->mem.allocated_bytes,
		.socks = s->sock_count - buried,
		.requests = s->request_count,
		.timewaits = s->timewait_count,
		.orphans = s->orphans,
		.udp_ports = s->udp_count,
		.tcp_pages = s->tcp_mem.pages,
		.tcp_pressure = s->tcp_mem.pressure,
		.udp_pages = s->udp_pages,
		.frag_queues = s->reasm != NULL ? s->reasm->by_key.count : 0,
		.frag_bytes = s->reasm != NULL ? s->reasm->charged_bytes : 0,
		.ehash_size = s->conns.buckets * CTABLE_PLACES,
		.ehash_count = s->conns.count,
	};
}
