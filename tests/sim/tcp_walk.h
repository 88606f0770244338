/* SPDX-License-Identifier: MIT
 * Two stacks, the segments that are under way between them, and the models of all ends beside them: what both sides
 * must agree on, and the checks of it.  For tcp_model_test.c, which takes the steps. */
#ifndef TCP_WALK_H
#define TCP_WALK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core.h"
#include "dice.h"
#include "tcp_model.h"
#include "timewait.h"

#define CONNS_MAX 512
#define FLYING_MAX 512
#define FDS_MAX 4096
#define PORT 80
#define CLIENT_PORT 10000
#define ADDR(host) (HO_ADDR(198, 18, 0, 1) + (uint32_t)(host))

enum { A, B }; /* hosts */

static const char *program = "tcp_model_test";
static bool talk;

struct conn {
	struct model end[2];
	int fd[2];
	uint16_t port[2];
	bool crossing;       /* both connect, nobody listens */
	int older;           /* another with the same ports, -1 */
	ho_time_ns since[2]; /* when the end last went on: a segment, a state, a byte acknowledged */
	uint32_t una[2], polls[2];
};

struct flying {
	int from;
	uint32_t len;
	uint8_t bytes[600];
};

struct heap {
	size_t bytes;
	uint32_t blocks;
};

struct walk {
	uint64_t seed, step;
	struct dice dice;
	struct ho_stack *s[2];
	struct heap heap[2];
	struct ho_allocator al;
	ho_time_ns now;
	int listener;
	struct conn conn[CONNS_MAX];
	int conns;
	int newest[65536 - CLIENT_PORT]; /* by A's port: the connection + 1 */
	struct flying air[FLYING_MAX];
	int flying;
	int accept_queue[CONNS_MAX], queued;
	uint32_t rsts[2], rsts_due[2];
	bool told[2][FDS_MAX];  /* of this step's events */
	bool calls;             /* it is the program itself that changes what holds */
	bool good_wire, timers; /* no faults any more; it is timers that send */
	uint64_t delivered, ended_by[3];
	char last[160];
};

static void disagree(const struct walk *w, const char *what)
{
	print_message("%s\n  after %s\n  at step %llu, %.3f s; again: %s %llu\n", what, w->last,
	              (unsigned long long)w->step, (double)w->now / 1e9, program, (unsigned long long)w->seed);
	fail();
}

__attribute__((format(printf, 2, 3))) static void step_is(struct walk *w, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(w->last, sizeof(w->last), fmt, ap);
	va_end(ap);
	if (talk)
		print_message("%6llu %10.4f %s\n", (unsigned long long)w->step, (double)w->now / 1e9, w->last);
}

static uint32_t below(struct walk *w, uint32_t n)
{
	return dice_below(&w->dice, n);
}

static void *heap_take(void *ctx, size_t bytes, size_t align)
{
	struct heap *h = ctx;
	void *block = NULL;

	if (posix_memalign(&block, align < sizeof(void *) ? sizeof(void *) : align, bytes) != 0)
		return NULL;
	h->bytes += bytes;
	h->blocks++;
	return block;
}

static void heap_give(void *ctx, void *block, size_t bytes)
{
	struct heap *h = ctx;

	h->bytes -= bytes;
	h->blocks--;
	free(block);
}

static uint8_t stream_byte(const struct conn *c, int host, uint32_t offset)
{
	return (uint8_t)dice_mix((uint64_t)c->port[A] << 40 ^ (uint64_t)host << 33 ^ offset);
}

/* ---- who is meant ---- */

/* The connection whose end at this host a segment reaches: one that is there, else the newest with these ports. */
static int conn_of(const struct walk *w, int host, uint16_t port_a)
{
	int newest = port_a < CLIENT_PORT ? -1 : w->newest[port_a - CLIENT_PORT] - 1;

	for (int i = newest; i >= 0; i = w->conn[i].older) {
		const struct model *m = &w->conn[i].end[host];

		if (m->there || m->request || m->bucket)
			return i;
	}
	return newest;
}

static struct conn *conn_new(struct walk *w, uint16_t port_a, uint16_t port_b)
{
	struct conn *c = &w->conn[w->conns];

	if (w->conns == CONNS_MAX)
		disagree(w, "too many connections for this test");
	memset(c, 0, sizeof(*c));
	c->fd[A] = c->fd[B] = -1;
	c->port[A] = port_a;
	c->port[B] = port_b;
	c->end[A].state = c->end[B].state = HO_CLOSE;
	c->since[A] = c->since[B] = w->now;
	c->older = w->newest[port_a - CLIENT_PORT] - 1;
	w->newest[port_a - CLIENT_PORT] = ++w->conns;
	return c;
}

/* For a timer of its own, whatever it says or hears. */
static bool waits_alone(const struct model *m)
{
	return m->request || m->bucket || (m->there && orphaned(m) && m->state == HO_FIN_WAIT2);
}

/* ---- the stack's side of the comparison ---- */

static uint8_t in_table(struct walk *w, const struct conn *c, int host)
{
	struct entry *e = conn_find(w->s[host], ADDR(host), c->port[host], ADDR(!host), c->port[!host]);

	if (e == NULL)
		return HO_CLOSE;
	if (e->kind == ENTRY_REQUEST)
		return HO_NEW_SYN_RECV;
	if (e->kind == ENTRY_TIMEWAIT)
		return (e->flags & TW_FIN_WAIT2 ? HO_FIN_WAIT2 : HO_TIME_WAIT) | 0x80;
	return entry_sock(e)->state;
}

static uint8_t table_of(const struct model *m)
{
	return m->request ? HO_NEW_SYN_RECV : m->bucket ? (uint8_t)(m->bucket | 0x80) : m->there ? m->state : HO_CLOSE;
}

/* A bit that was not there before is announced, unless the program's own call has set it. */
static void event_came(struct walk *w, struct conn *c, int host, uint32_t polls)
{
	uint32_t new_bits = polls & ~c->polls[host];
	char text[80];

	c->polls[host] = polls;
	if (new_bits == 0 || w->calls || w->told[host][c->fd[host]])
		return;
	snprintf(text, sizeof(text), "end %c of port %u: no event tells of poll bits %x", 'A' + host, c->port[A],
	         new_bits);
	disagree(w, text);
}

static void events_take(struct walk *w)
{
	struct ho_event e;

	memset(w->told, 0, sizeof(w->told));
	for (int host = 0; host < 2; host++)
		while (ho_stack_event(w->s[host], &e))
			w->told[host][e.fd] = true;
}

static bool end_agrees(struct walk *w, struct conn *c, int host)
{
	const struct model *m = &c->end[host];
	struct ho_sock_info i;
	uint32_t polls, waits;
	char text[200];

	if (conn_of(w, host, c->port[A]) == (int)(c - w->conn) && in_table(w, c, host) != table_of(m)) {
		snprintf(text, sizeof(text), "end %c of port %u: the stack is in state %x, the model in %x", 'A' + host,
		         c->port[A], in_table(w, c, host), table_of(m));
		disagree(w, text);
	}
	if (!m->held)
		return true;
	assert_int_equal(ho_sock_info_get(w->s[host], c->fd[host], &i), 0);
	polls = ho_sock_poll(w->s[host], c->fd[host]);
	event_came(w, c, host, polls);
	waits = (uint32_t)ho_sock_inq(w->s[host], c->fd[host]);
	if (i.state == m->state && polls == model_poll(m) && waits == unread(m))
		return true;
	snprintf(text, sizeof(text),
	         "end %c of port %u: the socket is in state %u, polls %x, %u unread; the model in %u, %x, %u",
	         'A' + host, c->port[A], i.state, polls, waits, m->state, model_poll(m), unread(m));
	disagree(w, text);
	return false;
}

/* ---- what the stacks send ---- */

static struct model_seg seg_of(const uint8_t *p, uint32_t len)
{
	const uint8_t *t = p + 20;

	return (struct model_seg){.seq = get32(t + 4),
	                          .ack = get32(t + 8),
	                          .len = len - 20 - (uint32_t)(t[12] >> 4) * 4,
	                          .flags = t[13] & (M_FIN | M_SYN | M_RST | M_ACK)};
}

static void seg_said(struct walk *w, const struct conn *c, int from, const struct model_seg *t, const char *what,
                     const char *why)
{
	char text[200];

	snprintf(text, sizeof(text), "%s of %c, port %u: flags %x seq %u len %u ack %u%s%s", what, 'A' + from,
	         c->port[A], t->flags, t->seq - c->end[from].iss, t->len, t->ack - c->end[!from].iss, why ? ": " : "",
	         why ? why : "");
	if (why)
		disagree(w, text);
	if (talk)
		print_message("                    %s\n", text);
}

static void on_sent(struct walk *w, int from, const uint8_t *bytes, uint32_t len)
{
	struct model_seg t = seg_of(bytes, len);
	uint16_t port_a = get16(bytes + 20 + (from == A ? 0 : 2));
	int n = conn_of(w, from, port_a);
	struct conn *c = &w->conn[n];
	const uint8_t *data = bytes + len - t.len;

	if (n < 0)
		disagree(w, "a segment of no connection");
	if (t.flags & M_RST) {
		w->rsts[from]++;
		/* an orphan whose peer never ends is given up with a RST, if not silently */
		w->rsts_due[from] += w->timers && waits_alone(&c->end[from]) && c->end[from].there;
	} else {
		seg_said(w, c, from, &t, "a segment", model_may_send(&c->end[from], &t));
	}
	if (talk && (t.flags & M_RST))
		seg_said(w, c, from, &t, "a segment", NULL);
	for (uint32_t i = 0; i < t.len; i++)
		if (data[i] != stream_byte(c, from, t.seq - c->end[from].iss - 1 + i))
			disagree(w, "a wrong byte is sent");
	if (len > sizeof(w->air[0].bytes))
		disagree(w, "a longer segment than the MTU");
	if (w->flying == FLYING_MAX)
		return; /* lost */
	w->air[w->flying].from = from;
	w->air[w->flying].len = len;
	memcpy(w->air[w->flying++].bytes, bytes, len);
}

static void collect(struct walk *w)
{
	events_take(w);
	for (int host = 0; host < 2; host++) {
		struct ho_frame *f;

		while ((f = ho_stack_output(w->s[host])) != NULL) {
			uint8_t bytes[2048];
			uint32_t len = (uint32_t)ho_frame_flatten(f, bytes, sizeof(bytes));

			ho_frame_unref(f);
			on_sent(w, host, bytes, len);
		}
		if (w->rsts[host] != w->rsts_due[host]) {
			char text[80];

			snprintf(text, sizeof(text), "host %c has sent %u RSTs, the model %u", 'A' + host,
			         w->rsts[host], w->rsts_due[host]);
			disagree(w, text);
		}
	}
}

/* ---- after each step ---- */

/* Where retransmissions were slow, an orphan stays a socket in FIN-WAIT-2 for a while, before it is a bucket. */
static void patience(struct walk *w, struct conn *c, int host)
{
	struct model *m = &c->end[host];

	if (m->bucket != HO_FIN_WAIT2 || in_table(w, c, host) != HO_FIN_WAIT2)
		return;
	m->bucket = 0;
	m->there = true;
	m->state = HO_FIN_WAIT2;
}

static void conn_agrees(struct walk *w, struct conn *c)
{
	for (int host = 0; host < 2; host++) {
		struct model *m = &c->end[host];

		if (m->there && !waits_alone(m) && (c->una[host] != m->una || m->una == m->nxt))
			c->since[host] = w->now;
		c->una[host] = m->una;
		m->rcv_before = m->rcv;
		m->there_before = false;
		patience(w, c, host);
		end_agrees(w, c, host);
	}
}

static void counters_agree(struct walk *w)
{
	for (int host = 0; host < 2; host++) {
		uint64_t established = 0;

		for (int i = 0; i < w->conns; i++)
			established += in_states(&w->conn[i].end[host], S_(HO_ESTABLISHED) | S_(HO_CLOSE_WAIT));
		if (ho_counter_get(w->s[host], HO_TcpCurrEstab) != established)
			disagree(w, "CurrEstab");
	}
}

#endif
