/* SPDX-License-Identifier: MIT
 * Wires: what happens to a frame between two hosts.
 *
 *   leaves a host -> number -> rule -> MTU -> loss -> queue and rate -> corruption, duplication, reordering
 *                 -> delay -> arrives
 *
 * Each direction has dice of its own, thrown once for every frame that enters, whatever becomes of it; that throw seeds
 * the dice of the frame, which are thrown for each fault in a fixed order.  So neither another wire's traffic, nor a
 * rule, nor another setting of one fault changes what the other faults do to the n-th frame.
 *
 * A super-frame shares one fate: one loss, one corruption.  Only MTU and rate look at the packets it stands for. */
#include <assert.h>
#include <string.h>

#include "digest.h"
#include "world.h"

#define DICE_WIRE 0x77697265 /* "wire" */

bool wires_grow(const struct ho_world *w, int host)
{
	struct host *h = &w->hosts[host];
	size_t count = (size_t)h->wire_count;
	struct wire *wires = world_alloc(w, (count + 1) * sizeof(*wires));

	if (!wires)
		return false;
	if (count)
		memcpy(wires, h->wires, count * sizeof(*wires));
	wires[count] = (struct wire){
		.to = NOBODY,
		.dice = dice_of(w->seed, DICE_WIRE, (uint64_t)host | (uint64_t)count << 32),
	};
	world_free(w, h->wires, count * sizeof(*wires));
	h->wires = wires;
	h->wire_count++;
	return true;
}

void wires_fini(const struct ho_world *w, struct host *h)
{
	for (int i = 0; i < h->wire_count; i++) {
		struct waiting *q = &h->wires[i].waiting;

		world_free(w, q->ring, q->max_count * sizeof(*q->ring));
	}
	world_free(w, h->wires, (size_t)h->wire_count * sizeof(*h->wires));
}

bool wire_config_ok(const struct ho_wire_config *c)
{
	return !c || (c->loss_ppm <= PPM_ALL && c->duplicate_ppm <= PPM_ALL && c->corrupt_ppm <= PPM_ALL &&
	              c->reorder_ppm <= PPM_ALL);
}

void wire_config_set(struct wire *x, const struct ho_wire_config *c)
{
	if (c)
		x->config = *c;
	else
		memset(&x->config, 0, sizeof(x->config));
}

/* ---- the end of a frame's way ---- */

static void digest_on_fate(struct ho_world *w, const struct ho_passing *p, const struct ho_frame *f)
{
	struct digest d;

	digest_init(&d, w->digest);
	digest_push_word(&d, p->at);
	digest_push_word(&d, (uint64_t)(uint32_t)p->from << 32 | (uint32_t)p->to);
	if (p->from_link || p->to_link)
		digest_push_word(&d, (uint64_t)(uint32_t)p->from_link << 32 | (uint32_t)p->to_link);
	digest_push_word(&d, p->fate);
	digest_push_word(&d, f->len_bytes);
	for (int i = 0; i < f->slice_count; i++)
		digest_push(&d, f->slice[i].data, f->slice[i].len_bytes);
	w->digest = digest_value(&d);
}

/* Flattens into w->bytes; a frame whose facts contradict each other is shown as it is.
 * Gives  the length. */
static size_t frame_show(struct ho_world *w, const struct ho_frame *f)
{
	size_t len_bytes = ho_frame_flatten(f, w->bytes, HO_FRAME_BYTES_MAX);

	return len_bytes ? len_bytes : ho_frame_read(f, 0, w->bytes, HO_FRAME_BYTES_MAX);
}

static void passing_show(struct ho_world *w, struct ho_passing *p, const struct ho_frame *f)
{
	p->len_bytes = frame_show(w, f);
	p->bytes = w->bytes;
}

static void wire_on_drop(struct ho_world *w, const struct ho_frame *f, struct ho_passing p, enum ho_fate fate)
{
	p.fate = (uint8_t)fate;
	digest_on_fate(w, &p, f);
	if (!w->tap)
		return;
	passing_show(w, &p, f);
	w->tap(w->tap_ctx, &p);
}

void wire_on_arrival(struct ho_world *w, struct passage *g)
{
	struct ho_passing p = {.at = w->now, .from = g->from, .to = g->to, .from_link = g->from_link,
	                       .to_link = g->to_link, .number = g->frame.id, .sent_id = g->sent_id, .fate = g->fate};

	digest_on_fate(w, &p, &g->frame);
	if (w->tap)
		passing_show(w, &p, &g->frame);
	if (g->to == NOBODY) {
		ho_frame_unref(&g->frame);
	} else {
		ho_stack_input_link(w->hosts[p.to].stack, p.to_link, &g->frame, w->now);
		w->wakes[p.to].touched = true;
	}
	if (w->tap)
		w->tap(w->tap_ctx, &p);
}

/* ---- rate and queue ---- */

/* The packets that a frame stands for: the bytes of all of them, and of the largest. */
static uint32_t frame_wire_bytes(const struct ho_frame *f)
{
	return f->gso_segs > 1 ? f->len_bytes + (f->gso_segs - 1u) * f->hdr_len : f->len_bytes;
}
static uint32_t frame_packet_bytes(const struct ho_frame *f)
{
	return f->gso_segs > 1 ? (uint32_t)f->hdr_len + f->gso_size : f->len_bytes;
}

static bool waiting_grow(const struct ho_world *w, struct waiting *q)
{
	size_t max = q->max_count ? 2 * q->max_count : 16;
	struct wait *ring = world_alloc(w, max * sizeof(*ring));

	if (!ring)
		return false;
	for (size_t i = 0; i < q->count; i++)
		ring[i] = q->ring[(q->first + i) & (q->max_count - 1)];
	world_free(w, q->ring, q->max_count * sizeof(*ring));
	q->ring = ring;
	q->first = 0;
	q->max_count = max;
	return true;
}

static void waiting_expire(struct waiting *q, ho_time_ns now)
{
	while (q->count && q->ring[q->first].until <= now) {
		q->bytes -= q->ring[q->first].bytes;
		q->first = (q->first + 1) & (q->max_count - 1);
		q->count--;
	}
}

static bool waiting_push(const struct ho_world *w, struct waiting *q, ho_time_ns until, uint32_t bytes)
{
	if (q->count == q->max_count && !waiting_grow(w, q))
		return false;
	q->ring[(q->first + q->count++) & (q->max_count - 1)] = (struct wait){until, bytes};
	q->bytes += bytes;
	return true;
}

/* A frame wants to be sent.
 * Gives  true, and when its last bit leaves; false: no room in the queue. */
static bool wire_admit(const struct ho_world *w, struct wire *x, uint32_t bytes, ho_time_ns *leaves)
{
	const struct ho_wire_config *c = &x->config;

	waiting_expire(&x->waiting, w->now);
	if (x->busy_until > w->now) {
		if (c->queue_bytes && x->waiting.bytes + bytes > c->queue_bytes)
			return false;
		if (!waiting_push(w, &x->waiting, x->busy_until, bytes))
			return false;
	} else {
		x->busy_until = w->now;
	}
	if (c->rate_bps) /* rounded up: never faster than the rate */
		x->busy_until = time_later(x->busy_until, (bytes * UINT64_C(8000000000) - 1) / c->rate_bps + 1);
	*leaves = x->busy_until;
	return true;
}

/* ---- the way ---- */

bool passage_begin(struct ho_world *w, struct ho_frame *first, const struct ho_passing *p, ho_time_ns at)
{
	struct passage *g = passage_take(w->passages, first);

	if (!g)
		return false;
	g->frame.id = p->number;
	g->sent_id = p->sent_id;
	g->from = p->from;
	g->to = p->to;
	g->from_link = p->from_link;
	g->to_link = p->to_link;
	g->fate = p->fate;
	if (agenda_push(&w->agenda, &w->al, at, g))
		return true;
	ho_frame_unref(&g->frame);
	return false;
}

/* Like passage_begin; without memory the frame meets a full queue. */
static void wire_carry(struct ho_world *w, struct ho_frame *f, const struct ho_passing *p, ho_time_ns at)
{
	if (!passage_begin(w, f, p, at))
		wire_on_drop(w, f, *p, HO_FATE_QUEUE_FULL);
}

/* A copy with one bit flipped.  HO_CSUM_NONE, so that the receiver looks.  A super-frame becomes one big packet: as a
 * super-frame, its checksum would be made anew whenever it is flattened. */
static struct ho_frame *frame_corrupted(struct ho_world *w, const struct ho_frame *f, struct dice *luck)
{
	size_t len_bytes = frame_show(w, f);
	uint32_t bit = dice_below(luck, (uint32_t)len_bytes * 8);

	w->bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
	return ho_frame_make(passages_allocator(w->passages), w->bytes, len_bytes);
}

/* Faults and delays of one frame.  Owns: keeps references of its own where needed. */
static void wire_on_packet(struct ho_world *w, struct wire *x, struct ho_frame *f, struct ho_passing p, ho_time_ns extra,
                           struct dice luck)
{
	const struct ho_wire_config *c = &x->config;
	bool lost = dice_happens(&luck, c->loss_ppm);
	bool corrupted = dice_happens(&luck, c->corrupt_ppm);
	bool duplicated = dice_happens(&luck, c->duplicate_ppm);
	bool reordered = dice_happens(&luck, c->reorder_ppm);
	struct ho_frame *copy;
	ho_time_ns at;

	if (c->mtu && frame_packet_bytes(f) > c->mtu) {
		wire_on_drop(w, f, p, HO_FATE_TOO_BIG);
		return;
	}
	if (lost) {
		wire_on_drop(w, f, p, HO_FATE_LOSS);
		return;
	}
	if (!wire_admit(w, x, frame_wire_bytes(f), &at)) {
		wire_on_drop(w, f, p, HO_FATE_QUEUE_FULL);
		return;
	}
	at = time_later(time_later(at, c->delay_ns), extra);
	if (reordered)
		at = time_later(at, c->reorder_ns);
	if (corrupted && (copy = frame_corrupted(w, f, &luck))) {
		struct ho_passing q = p;

		q.fate = HO_FATE_CORRUPT;
		wire_carry(w, copy, &q, at);
		ho_frame_unref(copy);
	} else if (corrupted) {
		wire_on_drop(w, f, p, HO_FATE_QUEUE_FULL);
	} else {
		wire_carry(w, f, &p, at);
	}
	if (duplicated) {
		p.number = ++w->frames;
		p.fate = HO_FATE_DUPLICATE;
		wire_carry(w, f, &p, at);
	}
}

/* Asks the rule.
 * Gives  false, and why, when the frame goes no further; else *f may have become another frame. */
static bool rule_ask(struct ho_world *w, struct ho_frame **f, struct ho_passing p, struct ho_order *o, enum ho_fate *why)
{
	struct ho_frame *other;

	passing_show(w, &p, *f);
	*o = w->rule(w->rule_ctx, &p);
	*why = o->drop ? HO_FATE_RULE_DROP : HO_FATE_QUEUE_FULL;
	if (o->drop || !o->replacement)
		return !o->drop;
	assert(o->replacement_bytes >= 1 && o->replacement_bytes <= HO_FRAME_BYTES_MAX);
	other = ho_frame_make(passages_allocator(w->passages), o->replacement, o->replacement_bytes);
	if (!other)
		return false;
	ho_frame_unref(*f);
	*f = other;
	return true;
}

void wire_on_frame(struct ho_world *w, int from, int link, struct ho_frame *f)
{
	struct wire *x = &w->hosts[from].wires[link];
	struct dice luck = {dice_throw(&x->dice)};
	struct ho_passing p = {.at = w->now, .from = from, .to = x->to, .from_link = link, .to_link = x->to_link,
	                       .number = ++w->frames, .sent_id = f->id, .fate = HO_FATE_PASS};
	struct ho_order o = {0};
	enum ho_fate why;
	ho_time_ns extra;

	if (w->rule && !rule_ask(w, &f, p, &o, &why)) {
		wire_on_drop(w, f, p, why);
		ho_frame_unref(f);
		return;
	}
	extra = o.delay_ns;
	wire_on_packet(w, x, f, p, extra, luck);
	for (uint32_t i = 0; i < o.copies; i++) {
		luck.state = dice_mix(luck.state + DICE_GOLDEN); /* a copy has its own luck, without a throw of the wire's */
		extra = time_later(extra, o.delay_ns);
		p.number = ++w->frames;
		p.fate = HO_FATE_DUPLICATE;
		wire_on_packet(w, x, f, p, extra, luck);
	}
	ho_frame_unref(f);
}
