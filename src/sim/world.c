/* SPDX-License-Identifier: MIT
 * A world: hosts, the wires between them, and a time that passes only when something is due.
 *
 * The loop goes in rounds.  A round at one instant: frames due now arrive, in the order of their numbers; timers due now
 * fire, host by host; what the hosts have to send enters the wires, host by host, link by link.  A round may make more due
 * at the same instant; when nothing is, time jumps to the next arrival or deadline.
 *
 * Only hosts that were touched (by a frame, a timer, or before the loop began) are asked for output, events and
 * their deadline.  While a rule or a tap is set, all hosts count as touched: it may have called their sockets. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "world.h"

#define DICE_SECRET 0x68736563 /* "hsec" */

/* Arrivals and expiries at one instant before the loop gives up: time stands still. */
#define STEPS_MAX 10000000u
#define IN_VAIN_MAX 13 /* 2^13 ns: 8 us, little beside a stack's tick */

/* ---- birth and death ---- */

int ho_world_open(uint64_t seed, const struct ho_allocator *al, struct ho_world **out)
{
	struct ho_stack_config c;
	struct ho_world *w;

	if (!al) {
		ho_stack_config_init(&c);
		al = &c.alloc;
	}
	w = al->alloc(al->ctx, sizeof(*w), _Alignof(struct ho_world));
	if (!w)
		return -ENOMEM;
	memset(w, 0, sizeof(*w));
	w->al = *al;
	w->seed = seed;
	w->bytes = world_alloc(w, HO_FRAME_BYTES_MAX);
	w->passages = passages_open(al);
	if (!w->bytes || !w->passages) {
		ho_world_close(w);
		return -ENOMEM;
	}
	*out = w;
	return 0;
}

static void host_fini(struct ho_world *w, struct host *h)
{
	if (h->stack)
		ho_stack_close(h->stack);
	if (h->name)
		world_free(w, h->name, strlen(h->name) + 1);
	wires_fini(w, h);
}

void ho_world_close(struct ho_world *w)
{
	struct ho_allocator al;

	if (!w)
		return;
	assert(!w->running && "a rule or tap may not close the world");
	al = w->al;
	agenda_fini(&w->agenda, &al);
	for (int i = 0; i < w->host_count; i++)
		host_fini(w, &w->hosts[i]);
	world_free(w, w->hosts, (size_t)w->host_max * sizeof(*w->hosts));
	world_free(w, w->wakes, (size_t)w->host_max * sizeof(*w->wakes));
	if (w->passages)
		passages_close(w->passages);
	world_free(w, w->bytes, HO_FRAME_BYTES_MAX);
	al.free(al.ctx, w, sizeof(*w));
}

/* ---- hosts ---- */

static bool hosts_grow(struct ho_world *w)
{
	size_t max = w->host_max ? 2 * (size_t)w->host_max : 4;
	struct host *hosts = world_alloc(w, max * sizeof(*hosts));
	struct wake *wakes = world_alloc(w, max * sizeof(*wakes));

	if (!hosts || !wakes) {
		world_free(w, hosts, max * sizeof(*hosts));
		world_free(w, wakes, max * sizeof(*wakes));
		return false;
	}
	if (w->host_count) {
		memcpy(hosts, w->hosts, (size_t)w->host_count * sizeof(*hosts));
		memcpy(wakes, w->wakes, (size_t)w->host_count * sizeof(*wakes));
	}
	world_free(w, w->hosts, (size_t)w->host_max * sizeof(*hosts));
	world_free(w, w->wakes, (size_t)w->host_max * sizeof(*wakes));
	w->hosts = hosts;
	w->wakes = wakes;
	w->host_max = (int)max;
	return true;
}

static char *name_copy(const struct ho_world *w, const char *name)
{
	size_t bytes = strlen(name) + 1;
	char *copy = world_alloc(w, bytes);

	if (copy)
		memcpy(copy, name, bytes);
	return copy;
}

static void secret_draw(const struct ho_world *w, int host, uint8_t secret[16])
{
	static const uint8_t zero[16];
	struct dice d = dice_of(w->seed, DICE_SECRET, (uint64_t)host);

	if (memcmp(secret, zero, sizeof(zero)) != 0)
		return;
	for (int i = 0; i < 16; i += 8) {
		uint64_t v = dice_throw(&d);

		for (int j = 0; j < 8; j++)
			secret[i + j] = (uint8_t)(v >> 8 * j);
	}
}

int ho_world_host_add(struct ho_world *w, const char *name, const struct ho_stack_config *c)
{
	struct ho_stack_config config = *c;
	int i = w->host_count, err;
	struct host *h;

	assert(!w->running && "a rule or tap may not add a host");
	if (i == w->host_max && !hosts_grow(w))
		return -ENOMEM;
	config.now_ns = w->now;
	secret_draw(w, i, config.secret);
	h = &w->hosts[i];
	memset(h, 0, sizeof(*h));
	h->egress.ready_at = HO_NEVER;
	w->wakes[i] = (struct wake){.at = HO_NEVER, .touched = true};
	h->name = name_copy(w, name ? name : "");
	err = h->name && wires_grow(w, i) ? ho_stack_open(&config, &h->stack) : -ENOMEM;
	if (err) {
		host_fini(w, h);
		return err;
	}
	return w->host_count++;
}

static bool host_known(const struct ho_world *w, int host)
{
	return host >= 0 && host < w->host_count;
}

struct ho_stack *ho_world_host(const struct ho_world *w, int host)
{
	return host_known(w, host) ? w->hosts[host].stack : NULL;
}

const char *ho_world_host_name(const struct ho_world *w, int host)
{
	return host_known(w, host) ? w->hosts[host].name : NULL;
}

/* ---- wires ---- */

static bool link_known(const struct ho_world *w, int host, int link)
{
	struct ho_link_config c;

	return host_known(w, host) && (link == 0 || ho_link_get(w->hosts[host].stack, link, &c) == 0);
}

/* A stack may have got links since.  Gives  false when the allocator refuses. */
static bool links_find(const struct ho_world *w, int host)
{
	while (link_known(w, host, w->hosts[host].wire_count))
		if (!wires_grow(w, host))
			return false;
	return true;
}

int ho_world_join(struct ho_world *w, int a, int link_a, int b, int link_b, const struct ho_wire_config *a_to_b,
                  const struct ho_wire_config *b_to_a)
{
	struct wire *x, *y;

	assert(!w->running && "a rule or tap may not join links");
	if (!link_known(w, a, link_a) || !link_known(w, b, link_b) || (a == b && link_a == link_b) ||
	    !wire_config_ok(a_to_b) || !wire_config_ok(b_to_a))
		return -EINVAL;
	if (!links_find(w, a) || !links_find(w, b))
		return -ENOMEM;
	x = &w->hosts[a].wires[link_a];
	y = &w->hosts[b].wires[link_b];
	if (x->to != NOBODY || y->to != NOBODY)
		return -EBUSY;
	x->to = b;
	x->to_link = link_b;
	y->to = a;
	y->to_link = link_a;
	wire_config_set(x, a_to_b);
	wire_config_set(y, b_to_a);
	return 0;
}

int ho_world_wire_add(struct ho_world *w, int a, int b, const struct ho_wire_config *a_to_b,
                      const struct ho_wire_config *b_to_a)
{
	return ho_world_join(w, a, 0, b, 0, a_to_b, b_to_a);
}

int ho_world_wire_set_link(struct ho_world *w, int from, int link, const struct ho_wire_config *c)
{
	const struct host *h = host_known(w, from) ? &w->hosts[from] : NULL;

	if (!h || link < 0 || link >= h->wire_count || h->wires[link].to == NOBODY || !wire_config_ok(c))
		return -EINVAL;
	wire_config_set(&h->wires[link], c);
	return 0;
}

int ho_world_wire_set(struct ho_world *w, int from, const struct ho_wire_config *c)
{
	return ho_world_wire_set_link(w, from, 0, c);
}

int ho_world_egress_set(struct ho_world *w, int host, uint64_t rate_bps, uint32_t burst_bytes)
{
	struct egress e = {.rate_bps = rate_bps, .counted_at = w->now, .ready_at = HO_NEVER};

	if (!host_known(w, host) || (rate_bps && !burst_bytes))
		return -EINVAL;
	if (rate_bps)
		e.burst_ns = e.tokens_ns = (ho_time_ns)burst_bytes * 8 * HO_SEC / rate_bps;
	w->hosts[host].egress = e;
	w->wakes[host].touched = true;
	return 0;
}

void ho_world_rule_set(struct ho_world *w, struct ho_order (*rule)(void *ctx, const struct ho_passing *p), void *ctx)
{
	w->rule = rule;
	w->rule_ctx = ctx;
}

void ho_world_tap_set(struct ho_world *w, void (*tap)(void *ctx, const struct ho_passing *p), void *ctx)
{
	w->tap = tap;
	w->tap_ctx = ctx;
}

int ho_world_inject_link(struct ho_world *w, int to, int link, const void *packet, size_t len_bytes,
                         ho_time_ns delay_ns)
{
	struct ho_passing p = {
		.from = NOBODY, .to = to, .to_link = link, .number = w->frames + 1, .fate = HO_FATE_INJECTED};
	struct ho_frame *f;
	bool begun;

	if (!link_known(w, to, link) || !packet || !len_bytes || len_bytes > HO_FRAME_BYTES_MAX)
		return -EINVAL;
	f = ho_frame_make(passages_allocator(w->passages), packet, len_bytes);
	if (!f)
		return -ENOMEM;
	begun = passage_begin(w, f, &p, time_later(w->now, delay_ns));
	ho_frame_unref(f);
	if (!begun)
		return -ENOMEM;
	w->frames++;
	return 0;
}

int ho_world_inject(struct ho_world *w, int to, const void *packet, size_t len_bytes, ho_time_ns delay_ns)
{
	return ho_world_inject_link(w, to, 0, packet, len_bytes, delay_ns);
}

/* ---- the loop ---- */

/* Calls may have made them send, and given them links; without memory for a new link's way out, its frames wait. */
static void hosts_touch_all(struct ho_world *w)
{
	for (int i = 0; i < w->host_count; i++) {
		w->wakes[i].touched = true;
		links_find(w, i);
	}
}

static void hosts_at(const struct ho_world *w)
{
	for (int i = 0; i < w->host_count; i++)
		ho_stack_at(w->hosts[i].stack, w->now);
}

static ho_time_ns host_deadline(const struct ho_world *w, int i)
{
	ho_time_ns at = ho_stack_deadline(w->hosts[i].stack);

	if (at < w->wakes[i].not_before)
		at = w->wakes[i].not_before;
	return at < w->hosts[i].egress.ready_at ? at : w->hosts[i].egress.ready_at;
}

static ho_time_ns egress_ns(const struct egress *e, uint32_t bytes)
{
	ho_time_ns ns = (ho_time_ns)bytes * 8 * HO_SEC / e->rate_bps;

	return ns < e->burst_ns ? ns : e->burst_ns;
}

/* Are there tokens for so many bytes?  Then they are spent. */
static bool egress_pass(struct egress *e, ho_time_ns now, uint32_t bytes)
{
	ho_time_ns cost = egress_ns(e, bytes), tokens = time_later(e->tokens_ns, now - e->counted_at);

	if (tokens > e->burst_ns)
		tokens = e->burst_ns;
	if (tokens < cost) {
		e->ready_at = now + (cost - tokens);
		return false;
	}
	e->tokens_ns = tokens - cost;
	e->counted_at = now;
	return true;
}

static void host_flush_slowly(struct ho_world *w, int i)
{
	struct ho_stack *s = w->hosts[i].stack;
	uint32_t bytes;

	w->hosts[i].egress.ready_at = HO_NEVER;
	while ((bytes = ho_stack_output_bytes(s)) != 0 && egress_pass(&w->hosts[i].egress, w->now, bytes))
		wire_on_frame(w, i, 0, ho_stack_output(s));
}

static void host_flush(struct ho_world *w, int i)
{
	const struct host *h = &w->hosts[i];
	struct ho_frame *f;

	if (h->egress.rate_bps)
		host_flush_slowly(w, i);
	for (int link = h->egress.rate_bps != 0; link < h->wire_count; link++)
		while ((f = ho_stack_output_link(h->stack, link)))
			wire_on_frame(w, i, link, f);
}

/* What touched hosts have to send, and when they want to be woken.
 * Gives  true if a host has an event, asked for only if look_for_event. */
static bool world_settle(struct ho_world *w, bool look_for_event)
{
	bool found = false;

	for (int i = 0; i < w->host_count; i++) {
		struct host *h = &w->hosts[i];

		if (!w->wakes[i].touched)
			continue;
		host_flush(w, i);
		w->wakes[i].at = host_deadline(w, i);
		w->wakes[i].touched = false;
		if (look_for_event && !h->has_held)
			h->has_held = ho_stack_event(h->stack, &h->held);
		found |= h->has_held;
	}
	return found;
}

/* As world_settle, until no host has anything to send: a rule or tap may have made one send that was settled before. */
static bool world_settle_all(struct ho_world *w, bool look_for_event)
{
	bool watched = w->rule || w->tap, found;
	uint64_t frames;

	do {
		if (watched)
			hosts_touch_all(w);
		frames = w->frames;
		found = world_settle(w, look_for_event);
		w->steps++;
	} while (watched && w->frames != frames && w->steps < STEPS_MAX);
	return found;
}

static ho_time_ns world_next(const struct ho_world *w)
{
	ho_time_ns at = agenda_next(&w->agenda);

	for (int i = 0; i < w->host_count; i++)
		if (w->wakes[i].at < at)
			at = w->wakes[i].at;
	return at > w->now ? at : w->now;
}

/* A deadline may be early, even past, and still be so when nothing has fired; then the host is asked again after
 * 1, 2, 4 ... 2^IN_VAIN_MAX ns, so that time goes on. */
static void host_on_deadline(struct ho_world *w, int i)
{
	struct wake *k = &w->wakes[i];
	struct ho_stack *s = w->hosts[i].stack;

	k->touched = true;
	if (ho_stack_deadline(s) > w->now) /* a frame of this instant has put it off */
		return;
	if (ho_stack_expire(s, w->now, 0) || ho_stack_deadline(s) > w->now) {
		k->in_vain = 0;
		return;
	}
	k->not_before = time_later(w->now, UINT64_C(1) << k->in_vain);
	if (k->in_vain < IN_VAIN_MAX)
		k->in_vain++;
}

/* Gives  false when there have been too many steps at this instant. */
static bool world_round(struct ho_world *w)
{
	struct passage *g;

	while (w->steps < STEPS_MAX && (g = agenda_pop(&w->agenda, w->now))) {
		w->steps++;
		wire_on_arrival(w, g);
	}
	for (int i = 0; i < w->host_count; i++) {
		if (w->wakes[i].at > w->now)
			continue;
		w->steps++;
		host_on_deadline(w, i);
	}
	return w->steps < STEPS_MAX;
}

static void world_advance(struct ho_world *w, ho_time_ns at)
{
	if (at == w->now)
		return;
	w->now = at;
	w->steps = 0;
	if (w->rule || w->tap)
		hosts_at(w);
}

static void world_loop(struct ho_world *w, ho_time_ns until, bool stop_at_event)
{
	w->steps = 0;
	hosts_touch_all(w); /* by calls since the last time */
	while (!world_settle_all(w, stop_at_event) || !stop_at_event) {
		ho_time_ns at = world_next(w);

		if (at > until || at == HO_NEVER) {
			if (until != HO_NEVER)
				world_advance(w, until);
			return;
		}
		world_advance(w, at);
		if (!world_round(w))
			return;
	}
}

ho_time_ns ho_world_run(struct ho_world *w, ho_time_ns until, bool stop_at_event)
{
	assert(!w->running && "a rule or tap may not run the world");
	if (until < w->now)
		until = w->now;
	w->running = true;
	world_loop(w, until, stop_at_event);
	w->running = false;
	hosts_at(w);
	return w->now;
}

void ho_world_flush(struct ho_world *w)
{
	assert(!w->running && "a rule or tap may not flush the world");
	w->running = true;
	w->steps = 0;
	hosts_touch_all(w);
	world_settle_all(w, false);
	w->running = false;
}

ho_time_ns ho_world_next(struct ho_world *w)
{
	ho_world_flush(w);
	return world_next(w);
}

/* A held event is of an earlier moment: the descriptor may have been closed since. */
static bool host_held_take(struct host *h, struct ho_event *e)
{
	struct ho_sock_info info;

	if (!h->has_held)
		return false;
	h->has_held = false;
	*e = h->held;
	return ho_sock_info_get(h->stack, e->fd, &info) == 0;
}

bool ho_world_event(struct ho_world *w, int *host, struct ho_event *e)
{
	for (int i = 0; i < w->host_count; i++) {
		struct host *h = &w->hosts[i];

		if (host_held_take(h, e) || ho_stack_event(h->stack, e)) {
			*host = i;
			return true;
		}
	}
	return false;
}

ho_time_ns ho_world_now(const struct ho_world *w)
{
	return w->now;
}

uint64_t ho_world_digest(const struct ho_world *w)
{
	return w->digest;
}

uint64_t ho_world_frames(const struct ho_world *w)
{
	return w->frames;
}
