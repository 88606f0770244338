/* SPDX-License-Identifier: MIT
 * lab: the world that is this stack: hosts in ho_world, wires of 50 us each way, virtual time.
 *
 * After each call what it sent goes onto the wire at once, as a TUN device takes it from Linux; time passes only in wait().
 * The stacks' trace says why a counter moved: one sentence a counter and phase, and the comments of a capture. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "halfopen/sim.h"
#include "halfopen/view.h"
#include "inside.h"
#include "ladder.h"

#define WIRE_DELAY (50 * HO_US)
#define TRACE_MAX (1u << 16)

struct records {
	struct ho_trace *r;
	size_t count, cap;
};

struct lab_world {
	struct lab *lab;
	struct ho_world *w;
	struct records records[LAB_HOSTS_MAX]; /* of this phase */
	ho_time_ns delay[LAB_ENDS_MAX];
};

static struct ho_stack *stack_of(struct lab_world *w, int host)
{
	return ho_world_host(w->w, host);
}

struct ho_stack *lab_stack_of(struct lab_world *w, int host)
{
	return stack_of(w, host);
}

/* The i-th counter in the order of Linux's files, where IcmpMsg stands between Icmp and Tcp. */
static unsigned counter_in_order(unsigned i)
{
	const unsigned before = HO_TcpRtoAlgorithm, messages = HO_COUNTER_COUNT - HO_COUNTER_ROWS;

	if (i < before)
		return i;
	return i < before + messages ? HO_COUNTER_ROWS + i - before : i - messages;
}

/* ---- the trace ---- */
static void records_take(struct lab_world *w)
{
	struct ho_trace t;

	for (int h = 0; h < w->lab->net.host_count; h++) {
		struct records *x = &w->records[h];

		while (ho_trace_next(stack_of(w, h), &t)) {
			if (x->count == x->cap) {
				x->cap = x->cap ? 2 * x->cap : 1024;
				x->r = realloc(x->r, x->cap * sizeof *x->r);
				if (!x->r)
					abort();
			}
			x->r[x->count++] = t;
			lab_ladder_record(w->lab, h, &t);
		}
	}
}

static void stack_phase_begin(struct lab_world *w)
{
	records_take(w);
	for (int h = 0; h < w->lab->net.host_count; h++)
		w->records[h].count = 0;
}

struct told {
	int64_t sum;
	unsigned times;
	const struct ho_trace *first;
};

static json_t *why_of(const char *host, unsigned counter, const struct told *t)
{
	char name[64], said[512];

	if (ho_counter_name(counter, name, sizeof name) < 0)
		return NULL;
	size_t n = ho_trace_say(t->first, said, sizeof said);

	if (n >= sizeof said)
		n = sizeof said - 1;
	return json_pack("{s:s, s:s, s:i, s:s%}", "host", host, "counter", name, "times", (int)t->times, "said", said,
	                 n);
}

static json_t *stack_phase_whys(struct lab_world *w)
{
	json_t *whys = json_array();
	struct told *told = calloc(HO_COUNTER_COUNT, sizeof *told);

	if (!told)
		abort();
	records_take(w);
	for (int h = 0; h < w->lab->net.host_count; h++) {
		memset(told, 0, HO_COUNTER_COUNT * sizeof *told);
		for (size_t i = 0; i < w->records[h].count; i++) {
			const struct ho_trace *r = &w->records[h].r[i];
			struct told *t = &told[r->counter < HO_COUNTER_COUNT ? r->counter : 0];

			t->sum += r->delta;
			t->times++;
			if (!t->first || (t->first->why == HO_WHY_ROW && r->why != HO_WHY_ROW))
				t->first = r;
		}
		for (unsigned i = 0; i < HO_COUNTER_COUNT; i++) {
			unsigned c = counter_in_order(i);

			if (told[c].sum)
				json_array_append_new(whys, why_of(w->lab->net.host[h].name, c, &told[c]));
		}
	}
	free(told);
	return whys;
}

/* ---- captures: every packet once, with what it moved on both sides ---- */
struct comment {
	char buf[2048];
	size_t len;
};

__attribute__((format(printf, 2, 3))) static void comment_add(struct comment *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(c->buf + c->len, sizeof c->buf - c->len, fmt, ap);
	va_end(ap);
	if (n > 0)
		c->len += (size_t)n < sizeof c->buf - c->len ? (size_t)n : sizeof c->buf - c->len - 1;
}

/* "A: IpOutRequests+1 TcpOutSegs+1", then each reason that a row's own text does not give, once */
static void comment_records(struct lab_world *w, int host, uint64_t in, uint64_t out, struct comment *c)
{
	const struct records *x = &w->records[host];
	struct comment why = {.len = 0};
	bool told[HO_WHY_COUNT] = {[HO_WHY_ROW] = true};

	for (size_t i = 0; i < x->count; i++) {
		const struct ho_trace *r = &x->r[i];
		char name[64], said[512];

		if (out ? r->frame_out != out : r->frame_in != in || r->frame_out)
			continue;
		if (ho_counter_name(r->counter, name, sizeof name) < 0)
			continue;
		if (!c->len)
			comment_add(c, "%s:", w->lab->net.host[host].name);
		comment_add(c, " %s%+d", name, r->delta);
		if (r->why < HO_WHY_COUNT && !told[r->why]) {
			ho_trace_say(r, said, sizeof said);
			comment_add(&why, "; %s", said);
			told[r->why] = true;
		}
	}
	comment_add(c, "%s", why.buf);
}

static int wire_of(const struct lab_world *w, const struct ho_passing *p)
{
	const struct lab_net *n = &w->lab->net;

	return (p->from >= 0 ? lab_net_end(n, p->from, p->from_link) : lab_net_end(n, p->to, p->to_link)) / 2;
}

static void capture(struct lab_world *w, const struct ho_passing *p, const char *fate)
{
	struct comment sent = {.len = 0}, got = {.len = 0};
	const char *list[3];
	int n = 0;

	if (p->from >= 0 && p->sent_id)
		comment_records(w, p->from, 0, p->sent_id, &sent);
	if (p->to >= 0)
		comment_records(w, p->to, p->number, 0, &got);
	if (sent.len)
		list[n++] = sent.buf;
	if (got.len)
		list[n++] = got.buf;
	if (fate)
		list[n++] = fate;
	lab_pcap_packet(w->lab, wire_of(w, p), p->at, p->bytes, p->len_bytes, list, n);
}

static void draw(struct lab_world *w, const struct ho_passing *p, const char *fate)
{
	bool lost = p->fate == HO_FATE_RULE_DROP || p->fate == HO_FATE_LOSS || p->fate == HO_FATE_QUEUE_FULL ||
	            p->fate == HO_FATE_TOO_BIG;

	lab_ladder_packet(w->lab, &(struct lab_crossing){
		.sent = p->from < 0 ? p->at : lab_ladder_entry(w->lab, p->number, p->from, p->sent_id, p->at),
		.at = p->at,
		.wire = wire_of(w, p),
		.from = p->from,
		.to = p->to,
		.sent_id = p->sent_id,
		.number = p->number,
		.fate = fate,
		.lost = lost,
		.bytes = p->bytes,
		.len = p->len_bytes,
	});
	lab_ladder_sample(w->lab, false);
}

static void on_fate(void *ctx, const struct ho_passing *p)
{
	static const char *const fates[] = {
		[HO_FATE_PASS] = NULL,
		[HO_FATE_RULE_DROP] = "lost: the experiment's rule dropped it",
		[HO_FATE_LOSS] = "lost on the wire",
		[HO_FATE_QUEUE_FULL] = "lost: the wire's queue was full",
		[HO_FATE_TOO_BIG] = "lost: larger than the wire's MTU",
		[HO_FATE_CORRUPT] = "a bit was flipped on the wire",
		[HO_FATE_DUPLICATE] = "a duplicate made by the wire",
		[HO_FATE_INJECTED] = "injected by the experiment",
	};
	struct lab_world *w = ctx;

	records_take(w);
	if (w->lab->pcap)
		capture(w, p, fates[p->fate]);
	if (w->lab->ladder)
		draw(w, p, fates[p->fate]);
}

/* ---- the wire ---- */
static struct ho_order on_passing(void *ctx, const struct ho_passing *p)
{
	struct lab_world *w = ctx;
	struct lab_verdict v;
	struct ho_order o = {0};
	int from = lab_net_end(&w->lab->net, p->from, p->from_link);

	lab_ladder_entered(w->lab, p->number, p->from, p->sent_id);
	lab_wire_pass(w->lab, from, p->bytes, p->len_bytes, &v);
	if (v.count < 0)
		return o;
	if (v.count == 0) {
		o.drop = true;
		return o;
	}
	o.delay_ns = v.item[0].delay;
	if (v.item[0].bytes != p->bytes) {
		o.replacement = v.item[0].bytes;
		o.replacement_bytes = v.item[0].len;
	}
	for (int i = 1; i < v.count && p->to >= 0; i++)
		ho_world_inject_link(w->w, p->to, p->to_link, v.item[i].bytes, v.item[i].len,
		                     v.item[i].delay + w->delay[from]);
	return o;
}

/* ---- the hosts and what joins them ---- */

/* As the TUN devices of the kernel's world: they take each packet at once and forget whose it is. */
static uint32_t link_flags(const struct lab_net *n, int end)
{
	return HO_LINK_ORPHANS | (n->wire[end / 2].offload ? HO_LINK_TX_CSUM | HO_LINK_TSO : 0);
}

static int link_add(struct ho_stack *s, const struct lab_net *n, int end)
{
	struct ho_stack_config c;

	ho_stack_config_init(&c);
	struct ho_link_config link = {
		.mtu = n->wire[end / 2].mtu,
		.flags = link_flags(n, end),
		.out_queue_max = c.out_queue_max,
	};
	struct ho_addr a = {n->end[end].addr, (uint8_t)n->wire[end / 2].prefix_len, n->end[end].link};
	int e = ho_link_add(s, &link);

	return e < 0 ? e : ho_addr_add(s, &a);
}

static int routes_add(struct lab_world *w, int host)
{
	struct ho_route r[LAB_ROUTES_MAX];
	int count = lab_net_routes(&w->lab->net, host, r), e = 0;

	for (int i = 0; i < count && e >= 0; i++)
		e = ho_route_add(stack_of(w, host), &r[i]);
	if (e >= 0 && w->lab->net.host[host].forwards)
		e = ho_sysctl_set(stack_of(w, host), "net.ipv4.ip_forward", "1");
	return e;
}

static int host_add(struct lab_world *w, int host)
{
	const struct lab_net *n = &w->lab->net;
	int first = n->host[host].end[0];
	struct ho_stack_config c;

	ho_stack_config_init(&c);
	if (w->lab->opt->linux_profile)
		c.linux_profile = w->lab->opt->linux_profile;
	c.addr = n->end[first].addr;
	c.prefix_len = (uint8_t)n->wire[first / 2].prefix_len;
	c.mtu = n->wire[first / 2].mtu;
	c.default_route = false;
	c.link_flags = link_flags(n, first);
	c.trace_max = TRACE_MAX;
	int e = ho_world_host_add(w->w, n->host[host].name, &c);

	for (int i = 1; i < n->host[host].link_count && e >= 0; i++)
		e = link_add(stack_of(w, host), n, n->host[host].end[i]);
	return e < 0 ? e : routes_add(w, host);
}

static int wires_add(struct lab_world *w)
{
	const struct ho_wire_config wire = {.delay_ns = WIRE_DELAY};
	const struct lab_net *n = &w->lab->net;
	int e = 0;

	for (int i = 0; i < 2 * n->wire_count && e >= 0; i += 2) {
		const struct lab_end *a = &n->end[i], *b = &n->end[i + 1];

		w->delay[i] = w->delay[i + 1] = WIRE_DELAY;
		if (b->host >= 0)
			e = ho_world_join(w->w, a->host, a->link, b->host, b->link, &wire, &wire);
	}
	return e;
}

static void stack_close(struct lab_world *w)
{
	if (w->w)
		ho_world_close(w->w);
	for (int h = 0; h < LAB_HOSTS_MAX; h++)
		free(w->records[h].r);
	free(w);
}

static int stack_open(struct lab *l, struct lab_world **out, char *why, size_t cap)
{
	struct lab_world *w = calloc(1, sizeof *w);

	if (!w)
		abort();
	w->lab = l;
	int e = ho_world_open(l->seed, NULL, &w->w);

	for (int h = 0; h < l->net.host_count && e >= 0; h++)
		e = host_add(w, h);
	if (e >= 0)
		e = wires_add(w);
	if (e < 0) {
		snprintf(why, cap, "the virtual world cannot be made: %s", strerror(-e));
		stack_close(w);
		return e;
	}
	ho_world_rule_set(w->w, on_passing, w);
	if (l->pcap || l->ladder)
		ho_world_tap_set(w->w, on_fate, w);
	*out = w;
	return 0;
}

static ho_time_ns stack_now(struct lab_world *w)
{
	return ho_world_now(w->w);
}

static int stack_wait(struct lab_world *w, ho_time_ns until, const struct lab_want *want, int want_count)
{
	ho_time_ns next = ho_world_next(w->w);
	struct ho_event e;
	int host;

	(void)want, (void)want_count;
	if (next == HO_NEVER && until == HO_NEVER)
		return -EDEADLK;
	ho_world_run(w->w, next < until ? next : until, true);
	while (ho_world_event(w->w, &host, &e))
		; /* readiness is asked by poll */
	records_take(w);
	return 0;
}

static int stack_inject(struct lab_world *w, int to_end, const void *packet, size_t len, ho_time_ns delay)
{
	const struct lab_end *to = &w->lab->net.end[to_end];

	if (!w->lab->wire.in_rule)
		ho_world_flush(w->w);
	return ho_world_inject_link(w->w, to->host, to->link, packet, len, delay + w->delay[to_end ^ 1]);
}

static int stack_wire_set(struct lab_world *w, int from_end, ho_time_ns delay, uint64_t rate_bps)
{
	struct ho_wire_config c = {.delay_ns = WIRE_DELAY + delay, .rate_bps = rate_bps};
	const struct lab_end *from = &w->lab->net.end[from_end];

	w->delay[from_end] = c.delay_ns;
	if (w->lab->net.end[from_end ^ 1].host < 0)
		return 0;
	return ho_world_wire_set_link(w->w, from->host, from->link, &c);
}

/* What a call has sent goes onto the wire. */
static ptrdiff_t sent(struct lab_world *w, ptrdiff_t r)
{
	ho_world_flush(w->w);
	return r;
}

/* ---- sysctls, rows ---- */
static int stack_sysctl_get(struct lab_world *w, int host, const char *name, char *buf, size_t cap)
{
	return ho_sysctl_get(stack_of(w, host), name, buf, cap);
}

static int stack_sysctl_set(struct lab_world *w, int host, const char *name, const char *value)
{
	return ho_sysctl_set(stack_of(w, host), name, value);
}

static int stack_sockstat(struct lab_world *w, int host, char *buf, size_t cap)
{
	return (int)ho_view_sockstat(stack_of(w, host), buf, cap);
}

static void counter_take(struct lab_world *w, int host, unsigned c, struct lab_counters *out)
{
	char name[64];

	if (ho_counter_name(c, name, sizeof name) > 0)
		lab_counters_add(out, name, (int64_t)ho_counter_get(stack_of(w, host), c));
}

static int stack_counters(struct lab_world *w, int host, struct lab_counters *out)
{
	for (unsigned i = 0; i < HO_COUNTER_COUNT; i++) {
		unsigned c = counter_in_order(i);

		if (c < HO_COUNTER_ROWS || ho_counter_get(stack_of(w, host), c))
			counter_take(w, host, c, out);
	}
	return 0;
}

static int stack_rows(struct lab_world *w, int host, struct ho_sock_info **out, size_t *count)
{
	uint64_t cursor = 0;
	struct ho_sock_info i;
	size_t cap = 0;

	*out = NULL;
	*count = 0;
	while (ho_sock_next(stack_of(w, host), &cursor, &i)) {
		if (i.protocol != HO_IPPROTO_TCP || i.state == HO_CLOSE)
			continue;
		if (*count == cap) {
			cap = cap ? 2 * cap : 64;
			*out = realloc(*out, cap * sizeof **out);
			if (!*out)
				abort();
		}
		(*out)[(*count)++] = i;
	}
	return 0;
}

/* ---- sockets ---- */
static int stack_sock_open(struct lab_world *w, int host, enum lab_sock_kind kind, int protocol)
{
	static const int types[] = {HO_SOCK_STREAM, HO_SOCK_DGRAM, HO_SOCK_DGRAM, HO_SOCK_RAW};
	static const int protocols[] = {HO_IPPROTO_TCP, HO_IPPROTO_UDP, HO_IPPROTO_ICMP};

	return ho_sock_open(stack_of(w, host), types[kind], kind == LAB_SOCK_RAW ? protocol : protocols[kind]);
}

static int stack_bind(struct lab_world *w, int host, int fd, struct ho_endpoint local)
{
	return ho_sock_bind(stack_of(w, host), fd, local);
}

static int stack_listen(struct lab_world *w, int host, int fd, int backlog)
{
	return ho_sock_listen(stack_of(w, host), fd, backlog);
}

static int stack_accept(struct lab_world *w, int host, int fd, struct ho_endpoint *peer)
{
	return (int)sent(w, ho_sock_accept(stack_of(w, host), fd, peer));
}

static int stack_connect(struct lab_world *w, int host, int fd, struct ho_endpoint peer)
{
	return (int)sent(w, ho_sock_connect(stack_of(w, host), fd, peer));
}

static ptrdiff_t stack_send(struct lab_world *w, int host, int fd, const void *buf, size_t len, int flags)
{
	return sent(w, ho_sock_send(stack_of(w, host), fd, buf, len, flags));
}

static ptrdiff_t stack_recv(struct lab_world *w, int host, int fd, void *buf, size_t len, int flags)
{
	return sent(w, ho_sock_recv(stack_of(w, host), fd, buf, len, flags));
}

static ptrdiff_t stack_sendto(struct lab_world *w, int host, int fd, const void *buf, size_t len, int flags,
                              struct ho_endpoint to)
{
	return sent(w, ho_sock_sendto(stack_of(w, host), fd, buf, len, flags, to));
}

static ptrdiff_t stack_recvfrom(struct lab_world *w, int host, int fd, void *buf, size_t len, struct ho_endpoint *from)
{
	return sent(w, ho_sock_recvfrom(stack_of(w, host), fd, buf, len, 0, from));
}

static ptrdiff_t stack_recv_error(struct lab_world *w, int host, int fd, struct ho_sock_error *e, void *buf, size_t len)
{
	return ho_sock_recv_error(stack_of(w, host), fd, e, buf, len);
}

static int stack_disconnect(struct lab_world *w, int host, int fd)
{
	return ho_sock_disconnect(stack_of(w, host), fd);
}

static int stack_shutdown(struct lab_world *w, int host, int fd, int how)
{
	return (int)sent(w, ho_sock_shutdown(stack_of(w, host), fd, how));
}

static int stack_close_sock(struct lab_world *w, int host, int fd)
{
	int r = (int)sent(w, ho_sock_linger(stack_of(w, host), fd));

	return r == -EINPROGRESS ? fd + 1 : r;
}

static int stack_close_waits(struct lab_world *w, int host, int closing)
{
	return sent(w, ho_sock_linger(stack_of(w, host), closing - 1)) == -EINPROGRESS;
}

static int stack_blocking(struct lab_world *w, int host, int fd)
{
	(void)w, (void)host, (void)fd;
	return 0;
}

static int stack_setopt(struct lab_world *w, int host, int fd, int level, int name, const void *val, size_t len)
{
	return (int)sent(w, ho_sock_setopt(stack_of(w, host), fd, level, name, val, len));
}

static int stack_getopt(struct lab_world *w, int host, int fd, int level, int name, void *val, size_t *len)
{
	return ho_sock_getopt(stack_of(w, host), fd, level, name, val, len);
}

static uint32_t stack_poll(struct lab_world *w, int host, int fd)
{
	return ho_sock_poll(stack_of(w, host), fd);
}

static int stack_sock_name(struct lab_world *w, int host, int fd, struct ho_endpoint *local)
{
	return ho_sock_name(stack_of(w, host), fd, local);
}

static int stack_sock_peer(struct lab_world *w, int host, int fd, struct ho_endpoint *peer)
{
	return ho_sock_peer(stack_of(w, host), fd, peer);
}

static int stack_inq(struct lab_world *w, int host, int fd)
{
	return ho_sock_inq(stack_of(w, host), fd);
}

static int stack_outq(struct lab_world *w, int host, int fd)
{
	return ho_sock_outq(stack_of(w, host), fd);
}

/* ---- rules and routes ---- */
static int stack_rule_add(struct lab_world *w, int host, const struct ho_rule *r)
{
	return ho_rule_add(stack_of(w, host), r);
}

static int stack_rule_clear(struct lab_world *w, int host)
{
	ho_rule_flush(stack_of(w, host), HO_HOOKS);
	return 0;
}

static int stack_egress_set(struct lab_world *w, int host, uint64_t rate_bps, uint32_t burst)
{
	struct ho_link_config c;

	ho_link_get(stack_of(w, host), 0, &c);
	c.flags = rate_bps != 0 ? c.flags & ~HO_LINK_ORPHANS : c.flags | HO_LINK_ORPHANS;
	ho_link_set(stack_of(w, host), 0, &c);
	return ho_world_egress_set(w->w, host, rate_bps, burst);
}

static int stack_route_add(struct lab_world *w, int host, const struct ho_route *r)
{
	return ho_route_add(stack_of(w, host), r);
}

static int stack_route_del(struct lab_world *w, int host, const struct ho_route *r)
{
	return ho_route_del(stack_of(w, host), r);
}

static int stack_route_get(struct lab_world *w, int host, uint32_t daddr, struct ho_route *out)
{
	return ho_route_get(stack_of(w, host), daddr, out);
}

static int stack_addr_add(struct lab_world *w, int host, const struct ho_addr *a)
{
	return ho_addr_add(stack_of(w, host), a);
}

static int stack_addr_del(struct lab_world *w, int host, const struct ho_addr *a)
{
	return ho_addr_del(stack_of(w, host), a->addr);
}

static void stack_describe(struct lab_world *w, json_t *result)
{
	char digest[17];

	snprintf(digest, sizeof digest, "%016llx", (unsigned long long)ho_world_digest(w->w));
	json_object_set_new(result, "seed", json_integer((json_int_t)w->lab->seed));
	json_object_set_new(result, "frames", json_integer((json_int_t)ho_world_frames(w->w)));
	json_object_set_new(result, "digest", json_string(digest));
}

const struct lab_world_ops lab_world_stack = {
	.name = "stack",
	.open = stack_open,
	.close = stack_close,
	.now = stack_now,
	.wait = stack_wait,
	.sysctl_get = stack_sysctl_get,
	.sysctl_set = stack_sysctl_set,
	.sockstat = stack_sockstat,
	.counters = stack_counters,
	.rows = stack_rows,
	.sock_open = stack_sock_open,
	.bind = stack_bind,
	.listen = stack_listen,
	.accept = stack_accept,
	.connect = stack_connect,
	.send = stack_send,
	.recv = stack_recv,
	.sendto = stack_sendto,
	.recvfrom = stack_recvfrom,
	.recv_error = stack_recv_error,
	.disconnect = stack_disconnect,
	.shutdown = stack_shutdown,
	.close_sock = stack_close_sock,
	.close_waits = stack_close_waits,
	.blocking = stack_blocking,
	.setopt = stack_setopt,
	.getopt = stack_getopt,
	.poll = stack_poll,
	.sock_name = stack_sock_name,
	.sock_peer = stack_sock_peer,
	.inq = stack_inq,
	.outq = stack_outq,
	.inject = stack_inject,
	.wire_set = stack_wire_set,
	.rule_add = stack_rule_add,
	.rule_clear = stack_rule_clear,
	.egress_set = stack_egress_set,
	.route_add = stack_route_add,
	.route_del = stack_route_del,
	.route_get = stack_route_get,
	.addr_add = stack_addr_add,
	.addr_del = stack_addr_del,
	.phase_begin = stack_phase_begin,
	.phase_whys = stack_phase_whys,
	.describe = stack_describe,
};
