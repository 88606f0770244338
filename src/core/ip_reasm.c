/* SPDX-License-Identifier: MIT
 * Fragments arrive, and become the packet that they were cut from.
 *
 * Theory of operation.  A queue holds the fragments of one packet: source, destination, protocol and identification are
 * the same.  Its fragments form runs: a run grows as long as each fragment begins where the one before ended; whatever
 * comes at another place begins a run of its own, and runs do not join.  The runs do not overlap and are nodes of a
 * tree, so a fragment finds its place in logarithmic time however they are ordered (FragmentSmack).  A fragment within
 * one run is a duplicate and ignored; one that overlaps in any other way ends the queue (RFC 5722).  When the first and
 * the last fragment are there and the bytes add up, the packet is handed on (ip_whole.c).
 *
 * A queue ends after net.ipv4.ipfrag_time seconds, counted from its first fragment.  Memory is charged as Linux does:
 * 200 bytes a queue and the buffer of each fragment; above ipfrag_high_thresh every further fragment fails, and only
 * time helps.  When more than ipfrag_max_dist fragments of other packets of the same source come between two of one, its
 * identification may have been used again: what was there is forgotten.
 *
 *     in the tree: runs, disjoint, sorted      run: next -> next -> ...     tail: last fragment of the last run
 *     meat: bytes that are there               len: end of the last fragment so far
 *
 * Source: Linux 6.18 net/ipv4/ip_fragment.c ip_defrag, ip_frag_queue, ip_frag_too_far, ip_frag_reinit,
 * ip_expire; net/ipv4/inet_fragment.c inet_frag_find, inet_frag_queue_insert; measured:
 * /proc/net/sockstat. */
#include "reasm.h"
#include "tcp.h" /* rx_buffer_model */

#define QUEUE_TRUESIZE 200u /* struct ipq */
#define SLAB_BYTES 8192u
#define ICMP_TIME_EXCEEDED 11
#define ICMP_EXC_FRAGTIME 1

/* ---- tables ---- */

static uint32_t key_hash(const struct ho_stack *st, uint32_t saddr, uint32_t daddr, uint16_t id, uint8_t protocol)
{
	return (uint32_t)siphash13_2u64(&st->key_ports, (uint64_t)daddr << 32 | saddr,
	                                UINT64_C(4) << 32 | (uint32_t)protocol << 16 | id);
}

static uint32_t addr_hash(const struct ho_stack *st, uint32_t addr)
{
	return (uint32_t)siphash13_2u64(&st->key_ports, addr, UINT64_C(5) << 32);
}

static uint32_t hash_queue(const void *ctx, const struct lnode *n)
{
	const struct reasm_queue *q = (const void *)n;

	return key_hash(ctx, q->saddr, q->daddr, q->id, q->protocol);
}

static uint32_t hash_source(const void *ctx, const struct lnode *n)
{
	return addr_hash(ctx, ((const struct reasm_source *)(const void *)n)->addr);
}

static bool reasm_open(struct ho_stack *st)
{
	struct reasm *r = memory_take(&st->mem, sizeof(*r));

	if (r == NULL)
		return false;
	r->charged_bytes = 0;
	if (!lhash_init(&r->by_key, &st->mem, hash_queue, st))
		goto no_queues;
	if (!lhash_init(&r->by_addr, &st->mem, hash_source, st))
		goto no_sources;
	pool_init(&r->queues, &st->mem, sizeof(struct reasm_queue), SLAB_BYTES);
	pool_init(&r->fragments, &st->mem, sizeof(struct fragment), SLAB_BYTES);
	pool_init(&r->sources, &st->mem, sizeof(struct reasm_source), SLAB_BYTES);
	st->reasm = r;
	return true;
no_sources:
	lhash_fini(&r->by_key);
no_queues:
	memory_give(&st->mem, r, sizeof(*r));
	return false;
}

uint64_t reasm_memory(const struct ho_stack *st)
{
	return st->reasm != NULL ? st->reasm->charged_bytes : 0;
}

static struct reasm_queue *queue_find(const struct ho_stack *st, const struct rx *rx, uint16_t id)
{
	struct lnode *n = lhash_first(&st->reasm->by_key, key_hash(st, rx->saddr, rx->daddr, id, rx->protocol));

	for (; n != NULL; n = n->next) {
		struct reasm_queue *q = (void *)n;

		if (q->saddr == rx->saddr && q->daddr == rx->daddr && q->id == id && q->protocol == rx->protocol)
			return q;
	}
	return NULL;
}

static struct reasm_source *source_take(struct ho_stack *st, uint32_t addr)
{
	struct reasm *r = st->reasm;
	struct reasm_source *s = NULL;

	for (struct lnode *n = lhash_first(&r->by_addr, addr_hash(st, addr)); n != NULL && s == NULL; n = n->next)
		if (((struct reasm_source *)(void *)n)->addr == addr)
			s = (void *)n;
	if (s == NULL) {
		s = pool_take(&r->sources);
		if (s == NULL)
			return NULL;
		*s = (struct reasm_source){.addr = addr};
		lhash_insert(&r->by_addr, &s->link, addr_hash(st, addr));
	}
	s->queues++;
	return s;
}

static void source_give(struct ho_stack *st, struct reasm_source *s)
{
	if (--s->queues > 0)
		return;
	lhash_remove(&st->reasm->by_addr, &s->link, addr_hash(st, s->addr));
	pool_give(&st->reasm->sources, s);
}

/* Of no time, or less, the rest may come at the same moment only. */
static void timer_start(struct ho_stack *st, struct reasm_queue *q)
{
	wheel_arm(&st->wheel, &q->timer, now_tick(st) + (uint32_t)max_i32((int32_t)st->ctl.ipfrag_time, 0) * 1000);
}

static struct reasm_queue *queue_make(struct ho_stack *st, const struct rx *rx, uint16_t id)
{
	struct reasm *r = st->reasm;
	struct reasm_queue *q = pool_take(&r->queues);

	if (q == NULL)
		return NULL;
	*q = (struct reasm_queue){.saddr = rx->saddr, .daddr = rx->daddr, .id = id, .protocol = rx->protocol};
	q->source = source_take(st, rx->saddr);
	if (q->source == NULL) {
		pool_give(&r->queues, q);
		return NULL;
	}
	tree_init(&q->runs, stack_random(st));
	q->timer.kind = T_REASM;
	timer_start(st, q);
	lhash_insert(&r->by_key, &q->link, hash_queue(st, &q->link));
	r->charged_bytes += QUEUE_TRUESIZE;
	return q;
}

/* ---- fragments in order ---- */

static void fragments_free(struct ho_stack *st, struct reasm_queue *q)
{
	struct node *n;

	while ((n = q->runs.root) != NULL) {
		struct fragment *f = run_of(n), *next;

		tree_remove(&q->runs, n);
		for (; f != NULL; f = next) {
			next = f->next;
			st->reasm->charged_bytes -= f->truesize;
			ho_frame_unref(f->frame);
			pool_give(&st->reasm->fragments, f);
		}
	}
}

static void queue_free(struct ho_stack *st, struct reasm_queue *q)
{
	fragments_free(st, q);
	wheel_cancel(&st->wheel, &q->timer);
	lhash_remove(&st->reasm->by_key, &q->link, hash_queue(st, &q->link));
	source_give(st, q->source);
	st->reasm->charged_bytes -= QUEUE_TRUESIZE;
	pool_give(&st->reasm->queues, q);
}

void reasm_close(struct ho_stack *st)
{
	struct reasm *r = st->reasm;

	if (r == NULL)
		return;
	for (uint32_t b = 0; b < r->by_key.buckets; b++)
		for (struct lnode *n = lhash_chain(&r->by_key, b), *next; n != NULL; n = next) {
			next = n->next;
			fragments_free(st, (void *)n);
		}
	lhash_fini(&r->by_key);
	lhash_fini(&r->by_addr);
	pool_fini(&r->queues);
	pool_fini(&r->fragments);
	pool_fini(&r->sources);
	memory_give(&st->mem, r, sizeof(*r));
	st->reasm = NULL;
}

/* ---- a place for a fragment ---- */

enum place { FITS, DUPLICATE, OVERLAPS };

static uint32_t end_of(const struct fragment *f)
{
	return f->offset + f->len_bytes;
}

/* Where a run of its own would go: behind *before. */
static enum place place_find(const struct reasm_queue *q, uint32_t offset, uint32_t end, struct node **before)
{
	const struct node *n = q->runs.root;

	*before = NULL;
	while (n != NULL) {
		const struct fragment *run = run_of(n);
		uint32_t run_end = run->offset + run->run_bytes;

		if (end <= run->offset) {
			n = n->left;
		} else if (offset >= run_end) {
			*before = (struct node *)(uintptr_t)n;
			n = n->right;
		} else {
			return offset >= run->offset && end <= run_end ? DUPLICATE : OVERLAPS;
		}
	}
	return FITS;
}

static void run_begin(struct reasm_queue *q, struct fragment *f, struct node *before, bool is_last)
{
	f->run_bytes = f->len_bytes;
	tree_insert(&q->runs, &f->node, before, RUN);
	if (is_last) {
		q->last_run = f;
		q->tail = f;
	}
}

static enum place fragment_insert(struct reasm_queue *q, struct fragment *f)
{
	struct node *before = q->last_run != NULL ? &q->last_run->node : NULL;
	enum place p;

	if (q->tail == NULL) {
		run_begin(q, f, NULL, true);
		return FITS;
	}
	if (end_of(q->tail) < end_of(f)) {
		if (f->offset < end_of(q->tail))
			return OVERLAPS;
		if (f->offset > end_of(q->tail)) {
			run_begin(q, f, before, true);
			return FITS;
		}
		q->last_run->run_bytes += f->len_bytes;
		q->tail->next = f;
		q->tail = f;
		return FITS;
	}
	p = place_find(q, f->offset, end_of(f), &before);
	if (p == FITS)
		run_begin(q, f, before, false);
	return p;
}

static struct ho_frame *queue_complete(struct ho_stack *st, struct reasm_queue *q, const struct rx *rx,
                                       struct ip_options *o)
{
	struct ho_frame *whole = reasm_whole_make(st, q, rx);

	*o = q->options;
	queue_free(st, q);
	if (whole != NULL)
		count(st, NULL, HO_IpReasmOKs);
	return whole;
}

/* ---- a fragment arrives ---- */

/* Too much has come in between: the identification may belong to another packet by now. */
static void distance_check(struct ho_stack *st, struct reasm_queue *q)
{
	uint32_t before = q->rid, max = st->ctl.ipfrag_max_dist;

	if (max == 0)
		return;
	q->rid = ++q->source->rid;
	if (q->tail == NULL || q->rid - before <= max)
		return;
	reasm_fail(st, HO_WHY_FRAG_DISTANCE, q->rid - before - 1, max);
	fragments_free(st, q);
	timer_start(st, q);
	q->first_in = q->last_in = false;
	q->len_bytes = q->meat_bytes = 0;
	q->last_run = q->tail = NULL;
	q->ecn = 0;
}

/* What a fragment's end says of the packet's.  Gives  false: it contradicts what others said. */
static bool length_agrees(struct reasm_queue *q, uint32_t end, bool more)
{
	if (!more) {
		if (end < q->len_bytes || (q->last_in && end != q->len_bytes))
			return false;
		q->last_in = true;
		q->len_bytes = end;
	} else if (end > q->len_bytes) {
		if (q->last_in)
			return false;
		q->len_bytes = end;
	}
	return true;
}

static struct fragment *fragment_make(struct ho_stack *st, const struct rx *rx, uint32_t offset, uint32_t end)
{
	struct fragment *f = pool_take(&st->reasm->fragments);
	uint32_t room;
	bool linear;

	if (f == NULL)
		return NULL;
	*f = (struct fragment){
		.frame = ho_frame_ref(rx->frame),
		.offset = offset,
		.len_bytes = end - offset,
		.ip_bytes = rx->ip_bytes,
	};
	rx_buffer_model(rx->frame->len_bytes, rx->ip_bytes, &f->truesize, &room, &linear);
	return f;
}

static void fragment_free(struct ho_stack *st, struct fragment *f)
{
	ho_frame_unref(f->frame);
	pool_give(&st->reasm->fragments, f);
}

/* It is in: what the queue knows by it. */
static void fragment_note(struct ho_stack *st, struct reasm_queue *q, const struct fragment *f, const struct rx *rx)
{
	uint32_t size = f->len_bytes + rx->ip_bytes;

	q->meat_bytes += f->len_bytes;
	q->ecn |= (uint8_t)(1u << (rx->tos & 3));
	st->reasm->charged_bytes += f->truesize;
	q->size_max = max_u32(q->size_max, size);
	if (get16(rx->ip + 6) & IP_DF)
		q->size_df_max = max_u32(q->size_df_max, size);
	if (f->offset != 0)
		return;
	q->first_in = true;
	q->loopback = rx->loopback;
	q->from_link = rx->link;
	q->broadcast = rx->broadcast;
	q->multicast = rx->multicast;
	q->options = rx->options != NULL ? *rx->options : (struct ip_options){0};
}

static struct ho_frame *queue_on_fragment(struct ho_stack *st, struct reasm_queue *q, const struct rx *rx,
                                          struct ip_options *o)
{
	uint16_t flags = get16(rx->ip + 6);
	uint32_t offset = (flags & IP_OFFSET) * 8u, end = offset + rx->l4_bytes;
	struct fragment *f;

	distance_check(st, q);
	if (flags & IP_MF)
		end &= ~7u;
	if (!length_agrees(q, end, flags & IP_MF) || end == offset) {
		queue_free(st, q);
		reasm_fail(st, HO_WHY_FRAG_ENDS, offset, end);
		return NULL;
	}
	f = fragment_make(st, rx, offset, end);
	if (f == NULL) {
		queue_free(st, q);
		reasm_fail(st, HO_WHY_NO_MEMORY, 0, 0);
		return NULL;
	}
	switch (fragment_insert(q, f)) {
	case DUPLICATE: fragment_free(st, f); return NULL;
	case OVERLAPS:
		fragment_free(st, f);
		count(st, NULL, HO_IpExtReasmOverlaps);
		queue_free(st, q);
		reasm_fail(st, HO_WHY_FRAG_OVERLAP, offset, end);
		return NULL;
	default: break;
	}
	fragment_note(st, q, f, rx);
	if (!q->first_in || !q->last_in || q->meat_bytes != q->len_bytes)
		return NULL;
	return queue_complete(st, q, rx, o);
}

struct ho_frame *reasm_on_fragment(struct ho_stack *st, const struct rx *rx, struct ip_options *o)
{
	uint32_t limit = st->ctl.ipfrag_high_thresh;
	uint16_t id = get16(rx->ip + 4);
	struct reasm_queue *q = NULL;

	count(st, NULL, HO_IpReasmReqds);
	if (limit == 0 || reasm_memory(st) > limit) {
		reasm_fail(st, HO_WHY_FRAG_MEMORY, (uint32_t)reasm_memory(st), limit);
		return NULL;
	}
	if (st->reasm != NULL || reasm_open(st)) {
		q = queue_find(st, rx, id);
		if (q == NULL)
			q = queue_make(st, rx, id);
	}
	if (q == NULL) {
		reasm_fail(st, HO_WHY_NO_MEMORY, 0, 0);
		return NULL;
	}
	return queue_on_fragment(st, q, rx, o);
}

/* ---- time is up ---- */

/* The sender hears of it if the first fragment is there to be quoted. */
static void timeout_tell(struct ho_stack *st, const struct reasm_queue *q)
{
	const struct fragment *f = fragment_first(q);
	uint8_t head[TX_HEAD_BYTES];
	struct rx rx = {.frame = f->frame,
	                .ip = head,
	                .l4 = head + f->ip_bytes,
	                .saddr = q->saddr,
	                .daddr = q->daddr,
	                .ip_bytes = f->ip_bytes,
	                .l4_bytes = (uint16_t)f->len_bytes,
	                .protocol = q->protocol,
	                .loopback = q->loopback,
	                .link = q->from_link,
	                .broadcast = q->broadcast,
	                .multicast = q->multicast,
	                .options = &q->options};

	ho_frame_read(f->frame, 0, head, sizeof(head));
	rx.tos = head[1];
	rx.ttl = head[8];
	icmp_send_error(st, &rx, ICMP_TIME_EXCEEDED, ICMP_EXC_FRAGTIME, 0);
}

void reasm_on_timer(struct ho_stack *st, struct timer *t)
{
	struct reasm_queue *q = container_of(t, struct reasm_queue, timer);

	reasm_fail(st, HO_WHY_FRAG_TIMEOUT, q->meat_bytes, 0);
	count_why(st, NULL, HO_IpReasmTimeout, 1, HO_WHY_FRAG_TIMEOUT, q->meat_bytes, 0);
	if (q->first_in)
		timeout_tell(st, q);
	queue_free(st, q);
}
