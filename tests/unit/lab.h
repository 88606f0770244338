/* SPDX-License-Identifier: MIT
 * A laboratory: one stack, virtual time, packets in, packets out, counters as nstat shows them.
 *
 *     struct lab l = lab_open(.mtu = 1400);
 *     lab_in(&l, ip_make((struct ip_fields){.protocol = 200, .len = 16}));
 *     lab_deltas(&l, "IpInReceives 1 IpInUnknownProtos 1 ...");      exactly these, and begins anew
 *     struct packet *p = lab_out(&l);                                the next packet, or the test fails
 *     lab_nothing(&l);
 *     lab_run(&l, 1000);                                             timers up to 1000 ms after the beginning
 *     lab_close(&l);                                                 and nothing leaked
 *
 * The stack is 198.18.0.2/24 (HOST), whoever writes to it 198.18.0.1 (PEER_ADDR), as in the recordings from Linux. */
#ifndef HO_TEST_LAB_H
#define HO_TEST_LAB_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core.h"

#define HOST HO_ADDR(198, 18, 0, 2)
#define PEER_ADDR HO_ADDR(198, 18, 0, 1)
#define LAB_BIRTH_NS (UINT64_C(1000000) * HO_SEC)
#define UNUSED __attribute__((unused))

/* ---- the allocator: counts, and fails the n-th time ---- */

struct heap {
	uint64_t calls;
	uint64_t fail_at; /* which call fails, from 1; 0: none */
	size_t refuse_bytes; /* blocks of this size and larger are refused; 0: none */
	size_t bytes;
	uint32_t blocks;
};

static UNUSED void *heap_take(void *ctx, size_t bytes, size_t align)
{
	struct heap *h = ctx;
	void *block = NULL;

	assert_true(bytes > 0 && align <= 64 && (align & (align - 1)) == 0);
	if (++h->calls == h->fail_at || (h->refuse_bytes != 0 && bytes >= h->refuse_bytes))
		return NULL;
	assert_int_equal(posix_memalign(&block, align < sizeof(void *) ? sizeof(void *) : align, bytes), 0);
	memset(block, 0xa5, bytes);
	h->bytes += bytes;
	h->blocks++;
	return block;
}

static UNUSED void heap_give(void *ctx, void *block, size_t bytes)
{
	struct heap *h = ctx;

	assert_non_null(block);
	assert_true(h->blocks > 0 && h->bytes >= bytes);
	h->bytes -= bytes;
	h->blocks--;
	free(block);
}

/* ---- the lab ---- */

struct packet {
	struct packet *next;
	uint64_t at_ms; /* after the beginning */
	uint64_t id;
	uint32_t len;
	uint16_t gso_segs, gso_size;
	uint8_t csum;
	uint8_t bytes[]; /* as on the wire */
};

struct lab {
	struct ho_stack *s;
	struct heap *heap;
	struct ho_allocator al;             /* of frames that go in */
	struct packet *out_head, *out_last; /* sent and not yet looked at; the one last given */
	uint64_t *mark;
	ho_time_ns birth_ns;
};

struct lab_options {
	uint32_t addr, gateway, mtu, link_flags, out_queue_max, socks_max, trace_max;
	uint8_t prefix_len;
	bool no_default_route, charge_connections;
	uint64_t fail_at;
	uint8_t secret;
	uint32_t linux_profile;
	ho_time_ns birth_ns; /* LAB_BIRTH_NS */
};

static UNUSED struct ho_stack_config lab_config(struct lab *l, const struct lab_options *o)
{
	struct ho_stack_config c;

	ho_stack_config_init(&c);
	c.addr = o->addr != 0 ? o->addr : HOST;
	c.prefix_len = o->prefix_len != 0 ? o->prefix_len : 24;
	c.gateway = o->gateway;
	c.default_route = !o->no_default_route;
	if (o->mtu != 0)
		c.mtu = o->mtu;
	c.link_flags = o->link_flags;
	if (o->out_queue_max != 0)
		c.out_queue_max = o->out_queue_max;
	if (o->socks_max != 0)
		c.socks_max = o->socks_max;
	c.trace_max = o->trace_max;
	if (o->linux_profile != 0)
		c.linux_profile = o->linux_profile;
	c.charge_connections = o->charge_connections;
	memset(c.secret, 7 + o->secret, sizeof(c.secret));
	c.alloc = (struct ho_allocator){heap_take, heap_give, l->heap};
	c.now_ns = l->birth_ns;
	return c;
}

static UNUSED void lab_mark(struct lab *l)
{
	for (unsigned i = 0; i < HO_COUNTER_COUNT; i++)
		l->mark[i] = ho_counter_get(l->s, i);
}

/* l.s is NULL if the allocator was told to fail meanwhile. */
static UNUSED struct lab lab_open_with(struct lab_options o)
{
	struct lab l = {.heap = calloc(1, sizeof(struct heap)), .mark = calloc(HO_COUNTER_COUNT, sizeof(uint64_t))};
	struct ho_stack_config c;
	int err;

	assert_non_null(l.heap);
	assert_non_null(l.mark);
	l.heap->fail_at = o.fail_at;
	l.birth_ns = o.birth_ns != 0 ? o.birth_ns : LAB_BIRTH_NS;
	l.al = (struct ho_allocator){heap_take, heap_give, l.heap};
	c = lab_config(&l, &o);
	err = ho_stack_open(&c, &l.s);
	if (err < 0) {
		assert_int_equal(err, -ENOMEM);
		assert_true(o.fail_at != 0);
		assert_int_equal(l.heap->blocks, 0);
		return l;
	}
	lab_mark(&l);
	return l;
}
#define lab_open(...) lab_open_with((struct lab_options){__VA_ARGS__})

static UNUSED void lab_forget(struct lab *l)
{
	while (l->out_head != NULL) {
		struct packet *p = l->out_head;

		l->out_head = p->next;
		free(p);
	}
	free(l->out_last);
	l->out_last = NULL;
}

static UNUSED void lab_close(struct lab *l)
{
	lab_forget(l);
	if (l->s != NULL)
		ho_stack_close(l->s);
	assert_int_equal(l->heap->blocks, 0);
	assert_int_equal(l->heap->bytes, 0);
	free(l->heap);
	free(l->mark);
	memset(l, 0, sizeof(*l));
}

/* ---- time and what comes out ---- */

static UNUSED uint64_t lab_now_ms(const struct lab *l)
{
	return (ho_stack_now(l->s) - l->birth_ns) / HO_MS;
}

static UNUSED struct packet *packet_of(const struct lab *l, const struct ho_frame *f)
{
	struct packet *p = calloc(1, sizeof(*p) + f->len_bytes);

	assert_non_null(p);
	p->at_ms = lab_now_ms(l);
	p->id = f->id;
	p->gso_segs = f->gso_segs;
	p->gso_size = f->gso_size;
	p->csum = f->csum;
	p->len = (uint32_t)ho_frame_flatten(f, p->bytes, f->len_bytes);
	assert_int_equal(p->len, f->len_bytes);
	return p;
}

/* Takes everything that the stack wants to send now. */
static UNUSED void lab_pump(struct lab *l)
{
	struct packet **end = &l->out_head;
	struct ho_frame *f;

	while (*end != NULL)
		end = &(*end)->next;
	while ((f = ho_stack_output(l->s)) != NULL) {
		*end = packet_of(l, f);
		end = &(*end)->next;
		ho_frame_unref(f);
	}
}

/* Goes to a time, in milliseconds after the beginning, by the way of every timer. */
static UNUSED void lab_run(struct lab *l, uint64_t to_ms)
{
	ho_time_ns end = l->birth_ns + to_ms * HO_MS;

	lab_pump(l);
	while (ho_stack_deadline(l->s) <= end) {
		ho_stack_expire(l->s, ho_stack_deadline(l->s), 0);
		lab_pump(l);
	}
	ho_stack_at(l->s, end);
}

/* The next packet that went out; the memory is the lab's until the next call. */
static UNUSED struct packet *lab_out(struct lab *l)
{
	lab_pump(l);
	free(l->out_last);
	l->out_last = l->out_head;
	assert_non_null(l->out_head);
	l->out_head = l->out_head->next;
	return l->out_last;
}

static UNUSED void lab_nothing(struct lab *l)
{
	lab_pump(l);
	assert_null(l->out_head);
}

/* ---- packets in ---- */

struct bytes {
	uint32_t len;
	uint8_t at[2048];
};

static UNUSED void sum_store(uint8_t *at, uint32_t sum)
{
	uint16_t folded = csum_fold(sum);

	memcpy(at, &folded, 2);
}

struct ip_fields {
	uint32_t saddr, daddr; /* PEER_ADDR, HOST */
	uint8_t protocol, tos, ttl;
	uint16_t id;
	uint16_t frag;        /* flags and offset, as in the header */
	uint8_t version, ihl; /* 0: right */
	uint16_t total;       /* 0: right */
	uint16_t bad_sum;     /* 0: right */
	const void *options;
	uint8_t options_len; /* a multiple of 4 */
	bool saddr_any, daddr_any;
	const void *data; /* NULL: zeros */
	uint16_t len;
};

static UNUSED struct bytes ip_make(struct ip_fields f)
{
	struct bytes b = {.len = 20u + f.options_len + f.len};
	uint8_t *ip = b.at;
	uint32_t ip_bytes = 20u + f.options_len;

	assert_true(b.len <= sizeof(b.at));
	ip[0] = (uint8_t)((f.version != 0 ? f.version : 4) << 4 | (f.ihl != 0 ? f.ihl : ip_bytes / 4));
	ip[1] = f.tos;
	put16(ip + 2, f.total != 0 ? f.total : (uint16_t)b.len);
	put16(ip + 4, f.id);
	put16(ip + 6, f.frag);
	ip[8] = f.ttl != 0 ? f.ttl : 64;
	ip[9] = f.protocol;
	put32(ip + 12, f.saddr != 0 || f.saddr_any ? f.saddr : PEER_ADDR);
	put32(ip + 16, f.daddr != 0 || f.daddr_any ? f.daddr : HOST);
	if (f.options_len != 0)
		memcpy(ip + 20, f.options, f.options_len);
	if (f.data != NULL)
		memcpy(ip + ip_bytes, f.data, f.len);
	if (f.bad_sum != 0)
		put16(ip + 10, f.bad_sum);
	else
		sum_store(ip + 10, csum_partial(ip, f.ihl != 0 ? f.ihl * 4u : ip_bytes));
	return b;
}

struct icmp_fields {
	struct ip_fields ip;
	uint8_t type, code;
	uint32_t rest;
	const void *data;
	uint16_t len;
	bool bad;
};

static UNUSED struct bytes icmp_make(struct icmp_fields f)
{
	uint8_t m[1600] = {f.type, f.code};

	assert_true(8u + f.len <= sizeof(m));
	put32(m + 4, f.rest);
	if (f.data != NULL)
		memcpy(m + 8, f.data, f.len);
	sum_store(m + 2, csum_partial(m, 8u + f.len));
	if (f.bad)
		m[2] ^= 0x55;
	f.ip.protocol = IP_PROTO_ICMP;
	f.ip.data = m;
	f.ip.len = (uint16_t)(8 + f.len);
	return ip_make(f.ip);
}

struct udp_fields {
	struct ip_fields ip;
	uint16_t sport, dport; /* 1000, 2000 */
	const void *data;
	uint16_t len;
	uint16_t udp_bytes; /* 0: right */
	bool bad, no_sum;
};

static UNUSED struct bytes udp_make(struct udp_fields f)
{
	uint8_t m[1600] = {0};
	uint32_t saddr = f.ip.saddr != 0 || f.ip.saddr_any ? f.ip.saddr : PEER_ADDR;
	uint32_t daddr = f.ip.daddr != 0 || f.ip.daddr_any ? f.ip.daddr : HOST;
	uint32_t bytes = 8u + f.len;

	assert_true(bytes <= sizeof(m));
	put16(m, f.sport != 0 ? f.sport : 1000);
	put16(m + 2, f.dport != 0 ? f.dport : 2000);
	put16(m + 4, f.udp_bytes != 0 ? f.udp_bytes : (uint16_t)bytes);
	if (f.data != NULL)
		memcpy(m + 8, f.data, f.len);
	sum_store(m + 6, csum_add(csum_pseudo(saddr, daddr, IP_PROTO_UDP, bytes), csum_partial(m, bytes)));
	if (f.bad)
		m[6] ^= 0x55;
	if (f.no_sum)
		put16(m + 6, 0);
	f.ip.protocol = IP_PROTO_UDP;
	f.ip.data = m;
	f.ip.len = (uint16_t)bytes;
	return ip_make(f.ip);
}

static UNUSED void lab_in(struct lab *l, struct bytes b)
{
	struct ho_frame *f = ho_frame_make(&l->al, b.at, b.len);

	if (f == NULL) { /* the allocator was told to fail: lost before it came */
		assert_true(l->heap->fail_at != 0);
		return;
	}
	ho_stack_input(l->s, f, ho_stack_now(l->s));
}

/* ---- counters ---- */

static UNUSED void deltas_print(struct lab *l)
{
	char name[64];

	for (unsigned i = 0; i < HO_COUNTER_COUNT; i++) {
		uint64_t now = ho_counter_get(l->s, i);

		if (now != l->mark[i] && ho_counter_name(i, name, sizeof(name)) > 0)
			print_message("%s %lld ", name, (long long)(now - l->mark[i]));
	}
	print_message("\n");
}

/* How far a counter has moved since the last lab_deltas or lab_mark. */
static UNUSED int64_t lab_moved(const struct lab *l, unsigned counter)
{
	return (int64_t)(ho_counter_get(l->s, counter) - l->mark[counter]);
}
#define lab_counted(l, counter, n) assert_int_equal(lab_moved(l, HO_##counter), n)

/* Takes  "IpInReceives 1 TcpInSegs 2": these moved, by this much, and nothing else. */
static UNUSED void lab_deltas_at(struct lab *l, const char *expected, const char *file, int line)
{
	int64_t *want = calloc(HO_COUNTER_COUNT, sizeof(*want));
	bool same = true;
	char name[64];
	long long n;
	int used;

	for (const char *at = expected; sscanf(at, " %63s %lld%n", name, &n, &used) == 2; at += used) {
		int counter = ho_counter_find(name);

		if (counter < 0)
			fail_msg("%s:%d: no counter %s", file, line, name);
		want[counter] = n;
	}
	for (unsigned i = 0; i < HO_COUNTER_COUNT; i++)
		same &= lab_moved(l, i) == want[i];
	if (!same) {
		print_message("%s:%d: expected %s\n   but moved ", file, line, expected);
		deltas_print(l);
	}
	free(want);
	assert_true(same);
	lab_mark(l);
}
#define lab_deltas(l, expected) lab_deltas_at(l, expected, __FILE__, __LINE__)

/* Runs a scenario with the 1st, 2nd, 3rd ... allocation failing, until it meets no failure.
 * Takes  scenario: opens a lab with this fail_at, copes, closes it; gives the heap's calls. */
static UNUSED void lab_every_allocation_fails(uint64_t (*scenario)(uint64_t fail_at))
{
	uint64_t n = 1;

	while (scenario(n) >= n)
		n++;
	assert_true(n > 1);
}

#endif
