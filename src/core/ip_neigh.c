/* SPDX-License-Identifier: MIT
 * Neighbours: which Ethernet address the next hop has, and whether it is still there.
 *
 * Theory of operation.  An entry is made when a packet is to go to an address, or when its host asks for ours.
 *
 *     (new) -> INCOMPLETE   a packet wants to go there: it waits; everybody is asked, mcast_solicit times
 *     INCOMPLETE -> FAILED  nobody answers: the senders of what waits get ICMP host unreachable.  A packet begins anew
 *     any -> REACHABLE      its host answers us.  What waits goes out
 *     REACHABLE -> STALE    no news for reachable_time (1/2 to 3/2 of base_reachable_time, drawn every 5 minutes);
 *                           DELAY at once if it was used within delay_first_probe_time
 *     STALE -> DELAY        a packet goes there
 *     DELAY -> PROBE        no news for delay_first_probe_time: it is asked by itself, ucast_solicit times
 *     PROBE -> FAILED       no answer
 *
 * Packets go out in all states but INCOMPLETE and FAILED.  What waits for an entry is limited in bytes as Linux charges
 * them; the oldest gives way.  The table is limited too: gc_thresh1 entries are left alone, old ones go above
 * gc_thresh2, and above gc_thresh3 there is none for a new address.
 *
 * Source: Linux 6.18 net/core/neighbour.c __neigh_event_send, neigh_timer_handler, neigh_invalidate, __neigh_update,
 * neigh_forced_gc, neigh_periodic_work; net/ipv4/arp.c arp_error_report, arp_mc_map. */
#include "wire/likely.h"
#include "neigh.h"

#include "forward.h"

#define ICMP_DEST_UNREACH 3
#define ICMP_HOST_UNREACH 1

#define REACHABLE_REDRAW_MS 300000u
#define TIMER_MIN_MS 10u
#define FORCED_GC_MS 5000u
#define YOUNG_MS 5000u

#define NEW 0 /* and nobody has asked yet */

/* ---- the table ---- */

static uint32_t neigh_hash(const struct ho_stack *st, uint32_t link, uint32_t addr)
{
	return (uint32_t)siphash13_2u64(&st->key_ports, addr, UINT64_C(6) << 32 | link);
}

static int64_t now_ms(const struct ho_stack *st)
{
	return (int64_t)st->now_ms;
}

static struct neigh *neigh_of(const struct lnode *n)
{
	return (struct neigh *)(uintptr_t)n;
}

static uint32_t hash_neigh(const void *ctx, const struct lnode *n)
{
	return neigh_hash(ctx, neigh_of(n)->link, neigh_of(n)->addr);
}

static struct neigh *neigh_find(const struct ho_stack *st, uint32_t link, uint32_t addr)
{
	for (struct lnode *n = lhash_first(&st->neighs.table, neigh_hash(st, link, addr)); n != NULL; n = n->next)
		if (neigh_of(n)->addr == addr && neigh_of(n)->link == link)
			return neigh_of(n);
	return NULL;
}

bool neigh_table_open(struct ho_stack *st)
{
	pool_init(&st->neighs.pool, &st->mem, sizeof(struct neigh), 8192);
	list_init(&st->neighs.order);
	return lhash_init(&st->neighs.table, &st->mem, hash_neigh, st);
}

static struct ho_frame *waiting_pop(struct neigh *n)
{
	struct ho_frame *f = n->waiting.head;

	n->waiting.head = f->next;
	if (n->waiting.head == NULL)
		n->waiting.tail = NULL;
	n->waiting.count--;
	f->next = NULL;
	return f;
}

static void waiting_drop(struct neigh *n)
{
	while (n->waiting.head != NULL)
		ho_frame_unref(waiting_pop(n));
	n->waiting_bytes = 0;
}

static void neigh_free(struct ho_stack *st, struct neigh *n)
{
	waiting_drop(n);
	wheel_cancel(&st->wheel, &n->timer);
	list_del(&n->order);
	lhash_remove(&st->neighs.table, &n->node, neigh_hash(st, n->link, n->addr));
	pool_give(&st->neighs.pool, n);
}

/* The wheel dies, too, and whose other timers stand in it may be gone already: it is not touched. */
void neigh_table_close(struct ho_stack *st)
{
	for (struct list *l = st->neighs.order.next; l != &st->neighs.order; l = l->next)
		waiting_drop(container_of(l, struct neigh, order));
	lhash_fini(&st->neighs.table);
	pool_fini(&st->neighs.pool);
}

static int64_t long_ago(const struct ho_stack *st)
{
	return now_ms(st) - 2 * (int64_t)st->ctl.neigh_base_reachable_time_ms;
}

/* ---- old entries go ---- */

static bool is_unused(struct ho_stack *st, struct neigh *n)
{
	if (n->used_ms < n->confirmed_ms)
		n->used_ms = n->confirmed_ms;
	return n->state == HO_NEIGH_FAILED || now_ms(st) >= n->used_ms + (int64_t)st->ctl.neigh_gc_stale_time * 1000;
}

static bool is_dispensable(struct ho_stack *st, struct neigh *n)
{
	return n->state == HO_NEIGH_FAILED || now_ms(st) > n->updated_ms + YOUNG_MS;
}

static void neighs_clean(struct ho_stack *st, bool (*may_go)(struct ho_stack *st, struct neigh *n), uint32_t max_count)
{
	struct list *next;

	for (struct list *l = st->neighs.order.next; l != &st->neighs.order && max_count > 0; l = next) {
		struct neigh *n = container_of(l, struct neigh, order);

		next = l->next;
		if (!timer_armed(&n->timer) && may_go(st, n)) {
			neigh_free(st, n);
			max_count--;
		}
	}
}

/* Gives  false: there is no room for another one. */
static bool neighs_make_room(struct ho_stack *st)
{
	uint32_t count = st->neighs.table.count;

	if (count >= st->ctl.neigh_gc_thresh1 &&
	    st->now_ms >= st->neighs.cleaned_ms + st->ctl.neigh_base_reachable_time_ms / 2) {
		neighs_clean(st, is_unused, UINT32_MAX);
		st->neighs.cleaned_ms = st->now_ms;
		count = st->neighs.table.count;
	}
	if (count >= st->ctl.neigh_gc_thresh3 ||
	    (count >= st->ctl.neigh_gc_thresh2 && st->now_ms > st->neighs.forced_ms + FORCED_GC_MS)) {
		neighs_clean(st, is_dispensable,
		             count > st->ctl.neigh_gc_thresh2 ? count - st->ctl.neigh_gc_thresh2 : 0);
		st->neighs.forced_ms = st->now_ms;
	}
	return st->neighs.table.count < st->ctl.neigh_gc_thresh3;
}

/* NULL: the table is full, or there is no memory. */
static struct neigh *neigh_get(struct ho_stack *st, uint32_t link, uint32_t addr)
{
	struct neigh *n = neigh_find(st, link, addr);

	if (likely(n != NULL))
		return n;
	n = neighs_make_room(st) ? pool_take(&st->neighs.pool) : NULL;
	if (n == NULL)
		return NULL;
	*n = (struct neigh){.addr = addr,
	                    .link = (uint8_t)link,
	                    .timer.kind = T_NEIGH,
	                    .used_ms = now_ms(st),
	                    .updated_ms = now_ms(st),
	                    .confirmed_ms = long_ago(st)};
	list_add_tail(&st->neighs.order, &n->order);
	lhash_insert(&st->neighs.table, &n->node, neigh_hash(st, link, addr));
	return n;
}

/* ---- states ---- */

static bool is_valid(const struct neigh *n)
{
	return n->state == HO_NEIGH_REACHABLE || n->state == HO_NEIGH_STALE || n->state == HO_NEIGH_DELAY ||
	       n->state == HO_NEIGH_PROBE;
}

static bool is_asking(const struct neigh *n)
{
	return n->state == HO_NEIGH_INCOMPLETE || n->state == HO_NEIGH_PROBE;
}

static uint32_t reachable_ms(struct ho_stack *st)
{
	uint32_t base = st->ctl.neigh_base_reachable_time_ms;

	if (st->neighs.reachable_base_ms != base || st->now_ms >= st->neighs.drawn_ms + REACHABLE_REDRAW_MS) {
		st->neighs.reachable_base_ms = base;
		st->neighs.drawn_ms = st->now_ms;
		st->neighs.reachable_ms = base == 0 ? 0 : base / 2 + stack_random(st) % base;
	}
	return st->neighs.reachable_ms;
}

static int64_t delay_ms(const struct ho_stack *st)
{
	return (int64_t)st->ctl.neigh_delay_first_probe_time * 1000;
}

static void timer_after(struct ho_stack *st, struct neigh *n, int64_t after_ms)
{
	if (after_ms < TIMER_MIN_MS)
		after_ms = TIMER_MIN_MS;
	if (after_ms > WHEEL_AHEAD_MAX)
		after_ms = WHEEL_AHEAD_MAX;
	wheel_arm(&st->wheel, &n->timer, now_tick(st) + (uint32_t)after_ms);
}

static void state_set(struct ho_stack *st, struct neigh *n, uint8_t state)
{
	n->state = state;
	n->updated_ms = now_ms(st);
}

/* The sender of what waits longest for the answer asks, if it is us. */
static void neigh_ask(struct ho_stack *st, struct neigh *n)
{
	const struct ho_frame *last = n->waiting.tail;
	uint32_t saddr = last != NULL ? get32(last->slice[0].data + 12) : 0;

	if (n->state == HO_NEIGH_PROBE)
		arp_ask(st, n->link, n->addr, 0, n->mac);
	else
		arp_ask(st, n->link, n->addr, ip_is_local(st, saddr) ? saddr : 0, NULL);
	n->probes++;
}

/* Something is to go there. */
static void neigh_want(struct ho_stack *st, struct neigh *n)
{
	n->used_ms = now_ms(st);
	if (n->state == NEW || n->state == HO_NEIGH_FAILED) {
		n->probes = (uint8_t)st->ctl.neigh_ucast_solicit;
		state_set(st, n, HO_NEIGH_INCOMPLETE);
		timer_after(st, n, st->ctl.neigh_retrans_time_ms);
		neigh_ask(st, n);
	} else if (n->state == HO_NEIGH_STALE) {
		state_set(st, n, HO_NEIGH_DELAY);
		timer_after(st, n, delay_ms(st));
	}
}

/* ---- what waits ---- */

/* What Linux charges for a buffer of this length: struct sk_buff, and a block of a power of two. */
static uint32_t truesize(uint32_t len_bytes)
{
	uint32_t want = len_bytes + 16 + 320, block = 512;

	while (block < want && block < 8192)
		block *= 2;
	return 256 + max_u32(block, want);
}

static void waiting_push(struct ho_stack *st, struct neigh *n, struct tx_frame *t)
{
	uint32_t bytes = truesize(t->f.len_bytes);

	while (n->waiting.head != NULL && n->waiting_bytes + bytes > st->ctl.neigh_unres_qlen_bytes) {
		struct ho_frame *f = waiting_pop(n);

		n->waiting_bytes -= truesize(f->len_bytes);
		ho_frame_unref(f);
	}
	t->sk = NULL; /* it holds nobody back */
	t->f.next = NULL;
	if (n->waiting.tail != NULL)
		n->waiting.tail->next = &t->f;
	else
		n->waiting.head = &t->f;
	n->waiting.tail = &t->f;
	n->waiting.count++;
	n->waiting_bytes += bytes;
}

static struct frame_queue waiting_take(struct neigh *n)
{
	struct frame_queue q = n->waiting;

	n->waiting = (struct frame_queue){0};
	n->waiting_bytes = 0;
	return q;
}

static struct tx_frame *queue_pop(struct frame_queue *q)
{
	struct ho_frame *f = q->head;

	if (f == NULL)
		return NULL;
	q->head = f->next;
	f->next = NULL;
	return (struct tx_frame *)(void *)f;
}

static void waiting_go(struct ho_stack *st, struct neigh *n)
{
	struct frame_queue q = waiting_take(n);
	struct link *l = &st->link[n->link];

	for (struct tx_frame *t = queue_pop(&q); t != NULL; t = queue_pop(&q))
		ether_push(st, l, t, n->mac, ETH_P_IP);
}

static void neigh_fail(struct ho_stack *st, struct neigh *n)
{
	struct frame_queue q = waiting_take(n);

	state_set(st, n, HO_NEIGH_FAILED);
	for (struct tx_frame *t = queue_pop(&q); t != NULL; t = queue_pop(&q)) {
		struct rx rx = rx_of(st, t);

		icmp_send_error(st, &rx, ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, 0);
		ho_frame_unref(&t->f);
	}
}

/* ---- a packet for a neighbour ---- */

/* Those that everybody or a group hears need no neighbour (RFC 1112 6.4). */
static void cast_push(struct ho_stack *st, struct link *l, struct tx_frame *t, bool multicast, uint32_t daddr)
{
	uint8_t to[ETH_ALEN] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

	if (multicast) {
		put16(to, 0x0100);
		put32(to + 2, UINT32_C(0x5e000000) | (daddr & 0x7fffff));
	}
	ether_push(st, l, t, to, ETH_P_IP);
}

/* Since its last packet the socket has heard that the one before got through.
 * Linux: sk_dst_confirm, sock_confirm_neigh. */
static void confirm_by_sock(struct ho_stack *st, struct neigh *n, struct sock *sk)
{
	if (!sk->confirm && sk->confirmed_delivered == (uint32_t)sk->delivered)
		return;
	sk->confirm = false;
	sk->confirmed_delivered = (uint32_t)sk->delivered;
	n->confirmed_ms = now_ms(st);
}

bool neigh_room(struct ho_stack *st, uint32_t link, uint32_t addr)
{
	return neigh_get(st, link, addr) != NULL;
}

void neigh_output(struct ho_stack *st, struct link *l, struct tx_frame *t)
{
	uint32_t daddr = get32(t->head + 16), link = (uint32_t)(l - st->link);
	const struct way *way;
	struct neigh *n;

	if (ip_way(st, daddr, &way) < 0 || way->type == WAY_LOCAL) { /* the route has gone since */
		ho_frame_unref(&t->f);
		return;
	}
	if (way->type != WAY_UNICAST) {
		cast_push(st, l, t, way->type == WAY_MULTICAST, daddr);
		return;
	}
	n = neigh_get(st, link, way->next_hop);
	if (unlikely(n == NULL)) { /* neigh_room has looked by another route */
		ho_frame_unref(&t->f);
		return;
	}
	if (t->sk != NULL)
		confirm_by_sock(st, n, t->sk);
	if (likely(n->state == HO_NEIGH_REACHABLE)) {
		ether_push(st, l, t, n->mac, ETH_P_IP);
		return;
	}
	if (is_valid(n)) {
		neigh_want(st, n);
		ether_push(st, l, t, n->mac, ETH_P_IP);
		return;
	}
	waiting_push(st, n, t);
	neigh_want(st, n);
}

const struct ho_frame *neigh_waiting(struct ho_stack *st, uint32_t link, uint32_t addr)
{
	const struct neigh *n = neigh_find(st, link, addr);

	return n != NULL ? n->waiting.head : NULL;
}

bool neigh_is_known(struct ho_stack *st, uint32_t link, uint32_t addr)
{
	struct neigh *n;

	if ((st->link[link].flags & HO_LINK_ETHERNET) == 0)
		return true;
	n = neigh_get(st, link, addr);
	if (n == NULL)
		return false;
	if (is_valid(n))
		return true;
	neigh_want(st, n);
	return false;
}

/* ---- time ---- */

/* Each gives  how long it is to the next look; 0: nobody looks. */
static int64_t reachable_on_timer(struct ho_stack *st, struct neigh *n)
{
	if (now_ms(st) <= n->confirmed_ms + reachable_ms(st))
		return n->confirmed_ms + reachable_ms(st) + 1 - now_ms(st);
	if (now_ms(st) <= n->used_ms + delay_ms(st)) {
		state_set(st, n, HO_NEIGH_DELAY);
		return delay_ms(st);
	}
	state_set(st, n, HO_NEIGH_STALE);
	return 0;
}

static int64_t delay_on_timer(struct ho_stack *st, struct neigh *n)
{
	if (now_ms(st) <= n->confirmed_ms + delay_ms(st)) {
		state_set(st, n, HO_NEIGH_REACHABLE);
		return n->confirmed_ms + reachable_ms(st) + 1 - now_ms(st);
	}
	state_set(st, n, HO_NEIGH_PROBE);
	n->probes = 0;
	return st->ctl.neigh_retrans_time_ms;
}

static int64_t neigh_next_look(struct ho_stack *st, struct neigh *n)
{
	switch (n->state) {
	case HO_NEIGH_REACHABLE: return reachable_on_timer(st, n);
	case HO_NEIGH_DELAY: return delay_on_timer(st, n);
	default: return st->ctl.neigh_retrans_time_ms;
	}
}

void neigh_on_timer(struct ho_stack *st, struct timer *t)
{
	struct neigh *n = container_of(t, struct neigh, timer);
	int64_t after_ms = neigh_next_look(st, n);
	uint32_t max_probes;

	max_probes = st->ctl.neigh_ucast_solicit + (n->state == HO_NEIGH_PROBE ? 0 : st->ctl.neigh_mcast_solicit);
	if (is_asking(n) && n->probes >= max_probes) {
		neigh_fail(st, n);
		return;
	}
	if (n->state != HO_NEIGH_STALE)
		timer_after(st, n, after_ms);
	if (is_asking(n))
		neigh_ask(st, n);
}

/* ---- news ---- */

bool neigh_is_locked(const struct ho_stack *st, uint32_t link, uint32_t addr)
{
	const struct neigh *n = neigh_find(st, link, addr);

	return n != NULL && now_ms(st) <= n->updated_ms + (int64_t)st->ctl.neigh_locktime * 10;
}

static void state_change(struct ho_stack *st, struct neigh *n, uint8_t state)
{
	wheel_cancel(&st->wheel, &n->timer);
	n->state = state;
	if (state == HO_NEIGH_REACHABLE)
		timer_after(st, n, (int64_t)reachable_ms(st) + 1);
}

void neigh_update(struct ho_stack *st, uint32_t link, uint32_t addr, const uint8_t mac[ETH_ALEN], uint8_t state,
                  bool override, bool known_only)
{
	struct neigh *n = known_only ? neigh_find(st, link, addr) : neigh_get(st, link, addr);
	bool was_valid, same;

	if (n == NULL)
		return;
	was_valid = is_valid(n);
	same = was_valid && memcmp(n->mac, mac, ETH_ALEN) == 0;
	if (state == HO_NEIGH_REACHABLE)
		n->confirmed_ms = now_ms(st);
	if (was_valid && !same && !override)
		return;
	if (same && state == HO_NEIGH_STALE)
		state = n->state;
	if (state == n->state && same)
		return;
	n->updated_ms = now_ms(st);
	if (state != n->state)
		state_change(st, n, state);
	if (!same) {
		memcpy(n->mac, mac, ETH_ALEN);
		if (state != HO_NEIGH_REACHABLE)
			n->confirmed_ms = long_ago(st);
	}
	if (!was_valid)
		waiting_go(st, n);
}

/* ---- the contract's view ---- */

/* By link, then by address. */
static bool comes_before(const struct ho_neigh *a, int link, uint32_t addr)
{
	return a->link != link ? a->link < link : a->addr < addr;
}

bool ho_neigh_next(const struct ho_stack *s, const struct ho_neigh *after, struct ho_neigh *out)
{
	struct ho_neigh best = {.link = HO_LINKS_MAX};
	int64_t now = now_ms(s);

	for (const struct list *l = s->neighs.order.next; l != &s->neighs.order; l = l->next) {
		const struct neigh *n = container_of(l, const struct neigh, order);

		if ((after != NULL && !comes_before(after, n->link, n->addr)) ||
		    (best.link != HO_LINKS_MAX && comes_before(&best, n->link, n->addr)))
			continue;
		best = (struct ho_neigh){
			.link = n->link, .addr = n->addr, .state = n->state, .waiting = n->waiting.count};
		best.probes = n->probes;
		best.used_ms = (uint64_t)(now - n->used_ms);
		best.confirmed_ms = (uint64_t)(now - n->confirmed_ms);
		best.updated_ms = (uint64_t)(now - n->updated_ms);
		memcpy(best.mac, n->mac, ETH_ALEN);
	}
	if (best.link == HO_LINKS_MAX)
		return false;
	*out = best;
	return true;
}
