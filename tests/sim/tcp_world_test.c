/* SPDX-License-Identifier: MIT
 * Random worlds around the real stack: hosts, wires with every fault, programs that connect, send, read, shut down,
 * close and abort, all of it drawn from a seed.  Two acts: with faults, safety; then, with good wires, everything must
 * finish.
 *
 * What must hold: each byte read is the right one at its place; an error is one that the network or the other program
 * can cause; two programs that are polite, once accepted, get all they were sent and an end of stream, whatever the
 * wire did; when all is closed and time has passed nothing is left; the counters agree with what the wires carried;
 * and the same seed does it all again.
 *
 *     tcp_world_test             seeds 1 to 300
 *     tcp_world_test SEED [LAST] that one (those), with what was drawn */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <halfopen/sim.h>

#include "core.h"
#include "dice.h"
#include "sums.h"

#define HOSTS_MAX 4
#define EARS_MAX 8
#define ENDS_MAX 256
#define CLIENTS_MAX 24
#define PORT 9000
#define CLOSED_PORT 99
#define ACT_2_NS (600 * HO_SEC)

static const char *program = "tcp_world_test";
static uint64_t first_seed = 1, last_seed = 300;
static bool talk;

/* ---- the world ---- */

struct heap {
	struct dice dice;
	uint32_t refuse_ppm;
	uint64_t refused;
	size_t bytes;
	uint32_t blocks;
};

/* A listener and how soon its program accepts. */
struct ear {
	int host, fd;
	ho_time_ns lazy_ns, wake_at;
};

enum ending {
	POLITE, /* writes all, shuts down, reads to the end, closes when all is acknowledged: orphans are given up */
	RUDE,  /* closes when it has written all, read or not */
	ABORT, /* SO_LINGER {1, 0} at some point */
	ENDINGS,
};

/* One end of a connection and its program. */
struct end {
	int host, fd; /* fd -1: closed */
	bool client, connected, finished_writing, saw_end;
	enum ending ending;
	struct ho_endpoint self, peer;
	uint64_t key_in, key_out;
	uint32_t writes, wrote, read; /* writes: in all */
	uint32_t chunk_out, chunk_in, stop_at;
	ho_time_ns think_ns, wake_at;
	int error; /* what ended it, positive; 0: its own program */
	struct end *other;
};

struct host {
	struct ho_stack *s;
	struct heap heap;
	int across;  /* who is at the other end of the wire; -1 */
	bool loops;  /* a program connects to its own host */
	bool narrow; /* its out queue is so short that it loses frames in the second act, too */
	uint64_t arrivals, octets, duplicates, corrupt;
};

struct sphere {
	uint64_t seed;
	struct dice dice;
	struct ho_world *w;
	struct host host[HOSTS_MAX];
	int hosts;
	struct ear ear[EARS_MAX];
	int ears;
	struct end end[ENDS_MAX];
	int ends, clients;
	struct {
		ho_time_ns at;
		int host;
		struct ho_endpoint to;
	} visit[CLIENTS_MAX];
	int visits, visited;
	ho_time_ns act_1_ns;
	bool hungry; /* allocators refuse now and then */
	uint64_t polite_pairs;
};

#define must(t, condition) must_at(t, condition, #condition, __LINE__)

static void must_at(const struct sphere *t, bool holds, const char *what, int line)
{
	if (holds)
		return;
	print_message("line %d: broken: %s\n  at %.6f s; again: %s %llu\n", line, what,
	              (double)ho_world_now(t->w) / 1e9, program, (unsigned long long)t->seed);
	fail();
}

static uint32_t below(struct sphere *t, uint32_t n)
{
	return dice_below(&t->dice, n);
}

static bool one_in(struct sphere *t, uint32_t n)
{
	return below(t, n) == 0;
}

/* ---- memory ---- */

static void *heap_take(void *ctx, size_t bytes, size_t align)
{
	struct heap *h = ctx;
	void *block = NULL;

	if (h->refuse_ppm > 0 && dice_happens(&h->dice, h->refuse_ppm)) {
		h->refused++;
		return NULL;
	}
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

static void pools_without_slabs(struct ho_stack *s)
{
	struct pool *pools[] = {&s->requests, &s->timewaits, &s->segs, &s->blocks, &s->rxsegs, &s->frames, &s->buckets};

	for (size_t i = 0; i < sizeof(pools) / sizeof(pools[0]); i++)
		pools[i]->slab_objects = 1;
	s->socks.first_bits = 0;
}

/* ---- what is drawn ---- */

static void sysctl_draw(struct sphere *t, struct ho_stack *s, const char *name, uint32_t n, const char *const values[])
{
	const char *value = values[below(t, n)];

	if (value == NULL)
		return;
	must(t, ho_sysctl_set(s, name, value) == 0);
	if (talk)
		print_message("  %s %s\n", name, value);
}
#define draw_sysctl(t, s, name, ...) \
	sysctl_draw(t, s, name, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *), \
	            (const char *const[]){__VA_ARGS__})

static void host_draw(struct sphere *t, int n)
{
	static const uint32_t mtus[] = {1500, 1500, 1500, 576, 1400, 9000, 296, 65535};
	struct host *h = &t->host[n];
	struct ho_stack_config c;

	ho_stack_config_init(&c);
	c.addr = HO_ADDR(198, 18, 0, 1) + (uint32_t)n;
	c.mtu = mtus[below(t, 8)];
	c.link_flags = below(t, 8);
	h->narrow = one_in(t, 4);
	c.out_queue_max = h->narrow ? 1 + below(t, 30) : 1000;
	c.trace_max = one_in(t, 3) ? 50 : 0;
	c.charge_connections = one_in(t, 3);
	if (one_in(t, 6))
		c.linux_profile = HO_LINUX_3_10;
	c.alloc = (struct ho_allocator){heap_take, heap_give, &h->heap};
	h->heap.dice = dice_of(t->seed, 1, (uint64_t)n);
	h->across = -1;
	must(t, ho_world_host_add(t->w, "host", &c) == n);
	h->s = ho_world_host(t->w, n);
	if (talk)
		print_message("host %d: mtu %u link %u queue %u profile %x\n", n, c.mtu, c.link_flags, c.out_queue_max,
		              c.linux_profile);
	draw_sysctl(t, h->s, "net.ipv4.tcp_syncookies", "0", "1", "1", "2");
	draw_sysctl(t, h->s, "net.ipv4.tcp_abort_on_overflow", "0", "0", "1");
	draw_sysctl(t, h->s, "net.ipv4.tcp_timestamps", "0", "1", "1");
	draw_sysctl(t, h->s, "net.ipv4.tcp_sack", "0", "1", "1");
	draw_sysctl(t, h->s, "net.ipv4.tcp_window_scaling", "0", "1", "1");
	draw_sysctl(t, h->s, "net.ipv4.tcp_fin_timeout", NULL, "1", "90");
	draw_sysctl(t, h->s, "net.ipv4.tcp_rmem", NULL, NULL, "4096 8192 16384");
	draw_sysctl(t, h->s, "net.ipv4.tcp_wmem", NULL, NULL, "4096 4096 20000");
	draw_sysctl(t, h->s, "net.ipv4.tcp_autocorking", NULL, "0");
	if (t->hungry) {
		pools_without_slabs(h->s);
		h->heap.refuse_ppm = 20000 + below(t, 100000);
	}
}

static struct ho_wire_config wire_draw(struct sphere *t)
{
	struct ho_wire_config c = {.delay_ns = below(t, 80) * HO_MS + below(t, 1000) * HO_US};

	if (one_in(t, 2))
		c.rate_bps = UINT64_C(1000000) << below(t, 10);
	if (c.rate_bps > 0 && one_in(t, 2))
		c.queue_bytes = 3000 + below(t, 100000);
	if (one_in(t, 2))
		c.loss_ppm = below(t, 200000);
	if (one_in(t, 3))
		c.duplicate_ppm = below(t, 200000);
	if (one_in(t, 3))
		c.corrupt_ppm = below(t, 100000);
	if (one_in(t, 2))
		c.reorder_ppm = below(t, 300000);
	c.reorder_ns = below(t, 300) * HO_MS;
	if (one_in(t, 10))
		c.mtu = 200 + below(t, 1400);
	return c;
}

static void wires_draw(struct sphere *t)
{
	for (int a = 0; a + 1 < t->hosts; a += 2) {
		struct ho_wire_config there = wire_draw(t), back = wire_draw(t);

		must(t, ho_world_wire_add(t->w, a, a + 1, &there, &back) == 0);
		t->host[a].across = a + 1;
		t->host[a + 1].across = a;
		if (talk)
			print_message(
				"wire %d-%d: delay %.1f/%.1f ms rate %llu/%llu loss %u/%u dup %u/%u corrupt %u/%u "
			        "reorder %u/%u mtu %u/%u\n",
				a, a + 1, (double)there.delay_ns / 1e6, (double)back.delay_ns / 1e6,
				(unsigned long long)there.rate_bps, (unsigned long long)back.rate_bps, there.loss_ppm,
				back.loss_ppm, there.duplicate_ppm, back.duplicate_ppm, there.corrupt_ppm,
				back.corrupt_ppm, there.reorder_ppm, back.reorder_ppm, there.mtu, back.mtu);
	}
}

static void ear_draw(struct sphere *t, int host, uint16_t port)
{
	struct ear *e = &t->ear[t->ears];
	struct ho_stack *s = t->host[host].s;
	int backlog = (int)below(t, 6), defer = 1;
	int fd = ho_sock_open(s, HO_SOCK_STREAM, 0);

	if (fd < 0) { /* no memory */
		must(t, t->hungry);
		return;
	}
	if (ho_sock_bind(s, fd, (struct ho_endpoint){HO_ADDR_ANY, port}) != 0 || ho_sock_listen(s, fd, backlog) != 0) {
		must(t, t->hungry);
		ho_sock_close(s, fd);
		return;
	}
	if (one_in(t, 8))
		must(t, ho_sock_setopt(s, fd, HO_SOL_TCP, HO_TCP_DEFER_ACCEPT, &defer, sizeof(defer)) == 0);
	*e = (struct ear){
		.host = host, .fd = fd, .wake_at = HO_NEVER, .lazy_ns = one_in(t, 2) ? below(t, 4000) * HO_MS : 0};
	t->ears++;
	if (talk)
		print_message("host %d listens at %u, backlog %d, accepts after %.3f s\n", host, port, backlog,
		              (double)e->lazy_ns / 1e9);
}

static void visits_draw(struct sphere *t)
{
	ho_time_ns at = 0;

	t->visits = 2 + (int)below(t, CLIENTS_MAX - 2);
	for (int i = 0; i < t->visits; i++) {
		int host = (int)below(t, (uint32_t)t->hosts), to = t->host[host].across;

		if (one_in(t, 12) || to < 0) {
			to = host;
			t->host[host].loops = true;
		}
		at += one_in(t, 3) ? 0 : below(t, (uint32_t)(2 * t->act_1_ns / HO_MS / (uint32_t)t->visits)) * HO_MS;
		t->visit[i].at = at;
		t->visit[i].host = host;
		t->visit[i].to = (struct ho_endpoint){HO_ADDR(198, 18, 0, 1) + (uint32_t)to,
		                                      one_in(t, 16) ? CLOSED_PORT : (uint16_t)(PORT + below(t, 2))};
	}
}

static void end_draw(struct end *e, uint64_t seed)
{
	struct dice d = {seed ^ (e->client ? e->key_out : e->key_in)};
	uint32_t most = dice_below(&d, 4) == 0 ? 120000 : 5000;

	d.state += e->client;
	e->writes = dice_below(&d, 6) == 0 ? 0 : dice_below(&d, most);
	e->chunk_out = 1 + e->writes / 500 + dice_below(&d, dice_below(&d, 3) == 0 ? 200 : 40000);
	e->chunk_in = 200 + dice_below(&d, dice_below(&d, 3) == 0 ? 2000 : 60000);
	e->think_ns = dice_below(&d, 3) == 0 ? dice_below(&d, 50) * HO_MS : 0;
	e->ending = dice_below(&d, 3) > 0 ? POLITE : dice_below(&d, 2) ? RUDE : ABORT;
	e->stop_at = dice_below(&d, e->writes + 2000);
}

/* ---- the programs ---- */

static uint64_t stream_key(struct ho_endpoint from, struct ho_endpoint to)
{
	return dice_mix(((uint64_t)from.addr << 16 | from.port) ^ dice_mix((uint64_t)to.addr << 16 | to.port));
}

static uint8_t stream_byte(uint64_t key, uint32_t offset)
{
	return (uint8_t)(dice_mix(key + offset / 8) >> offset % 8 * 8);
}

static struct end *end_new(struct sphere *t, int host, int fd, bool client, struct ho_endpoint self,
                           struct ho_endpoint peer)
{
	struct end *e = &t->end[t->ends];

	must(t, t->ends < ENDS_MAX);
	t->ends++;
	*e = (struct end){.host = host,
	                  .fd = fd,
	                  .client = client,
	                  .connected = !client,
	                  .self = self,
	                  .peer = peer,
	                  .key_in = stream_key(peer, self),
	                  .key_out = stream_key(self, peer),
	                  .wake_at = HO_NEVER};
	end_draw(e, t->seed);
	return e;
}

static void end_close(struct sphere *t, struct end *e, int error)
{
	must(t, ho_sock_close(t->host[e->host].s, e->fd) == 0);
	e->fd = -1;
	e->error = error;
	e->wake_at = HO_NEVER;
}

/* Errors that the other program or the network can cause. */
static bool known_error(const struct sphere *t, ptrdiff_t n)
{
	return n == -ECONNRESET || n == -ECONNREFUSED || n == -ETIMEDOUT || n == -EPIPE || n == -EHOSTUNREACH ||
	       (t->hungry && (n == -ENOMEM || n == -ENOBUFS));
}

/* A cookie holds the difference of both sequence numbers: when both sides have sent equally much, an ACK of a
 * connection that is gone begins another one in its midst.  So it is in Linux. */
static bool haunted(const struct sphere *t, const struct end *e)
{
	uint32_t born = 0;
	int server = -1;

	for (int i = 0; i < t->ends; i++) {
		const struct end *o = &t->end[i];
		struct ho_endpoint from = o->client == e->client ? o->peer : o->self,
				   to = o->client == e->client ? o->self : o->peer;

		if (o->client || from.addr != e->peer.addr || from.port != e->peer.port || to.addr != e->self.addr ||
		    to.port != e->self.port)
			continue;
		born++;
		server = o->host;
	}
	return born > 1 && ho_counter_get(t->host[server].s, HO_TcpExtSyncookiesSent) > 0;
}

static bool end_reads(struct sphere *t, struct end *e)
{
	static uint8_t buf[65536];
	ptrdiff_t n;

	if (e->saw_end)
		return false;
	n = ho_sock_recv(t->host[e->host].s, e->fd, buf, e->chunk_in, 0);
	if (n == -EAGAIN)
		return false;
	if (n < 0) {
		must(t, known_error(t, n));
		end_close(t, e, (int)-n);
		return false;
	}
	if (haunted(t, e)) {
		end_close(t, e, ECONNRESET);
		return false;
	}
	e->saw_end = n == 0;
	for (ptrdiff_t i = 0; i < n; i++)
		must(t, buf[i] == stream_byte(e->key_in, e->read + (uint32_t)i));
	e->read += (uint32_t)n;
	return true;
}

static bool end_writes(struct sphere *t, struct end *e)
{
	static uint8_t buf[65536];
	uint32_t want = min_u32(e->chunk_out, e->writes - e->wrote);
	ptrdiff_t n;

	if (want == 0)
		return false;
	for (uint32_t i = 0; i < want; i++)
		buf[i] = stream_byte(e->key_out, e->wrote + i);
	n = ho_sock_send(t->host[e->host].s, e->fd, buf, want, 0);
	if (n == -EAGAIN)
		return false;
	if (t->hungry && (n == -ENOMEM || n == -ENOBUFS))
		return true; /* later */
	if (n < 0) {
		must(t, known_error(t, n));
		end_close(t, e, (int)-n);
		return false;
	}
	e->wrote += (uint32_t)n;
	return true;
}

static void end_aborts(struct sphere *t, struct end *e)
{
	struct ho_linger zero = {1, 0};

	must(t, ho_sock_setopt(t->host[e->host].s, e->fd, HO_SOL_SOCKET, HO_SO_LINGER, &zero, sizeof(zero)) == 0);
	end_close(t, e, 0);
}

static void end_connecting(struct sphere *t, struct end *e)
{
	struct ho_stack *s = t->host[e->host].s;
	int err = 0;
	size_t len = sizeof(err);

	if (!(ho_sock_poll(s, e->fd) & (HO_OUT | HO_ERR | HO_HUP)))
		return;
	must(t, ho_sock_getopt(s, e->fd, HO_SOL_SOCKET, HO_SO_ERROR, &err, &len) == 0);
	e->connected = true;
	if (err == 0)
		return;
	must(t, known_error(t, -err));
	end_close(t, e, err);
}

static void end_works(struct sphere *t, struct end *e)
{
	bool busy;

	e->wake_at = HO_NEVER;
	if (!e->connected)
		end_connecting(t, e);
	if (e->fd < 0 || !e->connected)
		return;
	busy = end_reads(t, e);
	if (e->fd >= 0)
		busy |= end_writes(t, e);
	if (e->fd < 0)
		return;
	if (e->ending == ABORT && e->wrote + e->read >= e->stop_at) {
		end_aborts(t, e);
		return;
	}
	if (e->wrote == e->writes && !e->finished_writing) {
		int err;

		if (e->ending == RUDE) {
			end_close(t, e, 0);
			return;
		}
		err = ho_sock_shutdown(t->host[e->host].s, e->fd, HO_SHUT_WR);
		must(t, err == 0 || err == -ENOTCONN || (t->hungry && err == -ENOMEM));
		e->finished_writing = err != -ENOMEM;
		busy = true;
	}
	if (e->saw_end && e->finished_writing && ho_sock_outq(t->host[e->host].s, e->fd) > 0) {
		e->wake_at = ho_world_now(t->w) + 200 * HO_MS;
		return;
	}
	if (e->saw_end && e->finished_writing) {
		end_close(t, e, 0);
		return;
	}
	if (busy)
		e->wake_at = ho_world_now(t->w) + (t->hungry ? e->think_ns + HO_MS : e->think_ns);
}

static void visitor_comes(struct sphere *t, int host, struct ho_endpoint to)
{
	struct ho_stack *s = t->host[host].s;
	int fd = ho_sock_open(s, HO_SOCK_STREAM, 0), err;
	struct ho_endpoint self;

	if (fd < 0) {
		must(t, t->hungry);
		return;
	}
	err = ho_sock_connect(s, fd, to);
	if (err != -EINPROGRESS) {
		must(t, t->hungry && (err == -ENOMEM || err == -ENOBUFS));
		must(t, ho_sock_close(s, fd) == 0);
		return;
	}
	must(t, ho_sock_name(s, fd, &self) == 0);
	end_new(t, host, fd, true, self, to);
}

/* A second connection of the same 4-tuple is a ghost: an old segment that came late. */
static struct end *client_of(struct sphere *t, struct ho_endpoint self, struct ho_endpoint peer)
{
	for (int i = 0; i < t->ends; i++) {
		struct end *e = &t->end[i];

		if (e->client && e->other == NULL && e->self.addr == peer.addr && e->self.port == peer.port &&
		    e->peer.addr == self.addr && e->peer.port == self.port)
			return e;
	}
	return NULL;
}

static void ear_accepts(struct sphere *t, struct ear *l)
{
	struct ho_stack *s = t->host[l->host].s;
	struct ho_endpoint self, peer;
	struct end *e;
	int fd;

	l->wake_at = HO_NEVER;
	while ((fd = ho_sock_accept(s, l->fd, &peer)) >= 0) {
		must(t, ho_sock_name(s, fd, &self) == 0);
		e = end_new(t, l->host, fd, false, self, peer);
		e->wake_at = ho_world_now(t->w);
		e->other = client_of(t, self, peer);
		if (e->other != NULL)
			e->other->other = e;
		else if (ho_counter_get(s, HO_TcpExtSyncookiesSent) > 0)
			end_aborts(t, e); /* its words would meet a TIME-WAIT, whose answer is a cookie again */
	}
	must(t, fd == -EAGAIN || (t->hungry && fd == -ENOMEM));
	if (fd == -ENOMEM)
		l->wake_at = ho_world_now(t->w) + 50 * HO_MS;
}

/* ---- the play ---- */

static void on_event(struct sphere *t, int host, int fd)
{
	ho_time_ns now = ho_world_now(t->w);

	for (int i = 0; i < t->ears; i++)
		if (t->ear[i].host == host && t->ear[i].fd == fd && t->ear[i].wake_at == HO_NEVER)
			t->ear[i].wake_at = now + t->ear[i].lazy_ns;
	for (int i = 0; i < t->ends; i++)
		if (t->end[i].host == host && t->end[i].fd == fd && t->end[i].wake_at == HO_NEVER)
			t->end[i].wake_at = now;
}

static ho_time_ns earlier(ho_time_ns a, ho_time_ns b)
{
	return a < b ? a : b;
}

static ho_time_ns next_wake(const struct sphere *t, ho_time_ns until)
{
	if (t->visited < t->visits)
		until = earlier(until, t->visit[t->visited].at);
	for (int i = 0; i < t->ears; i++)
		until = earlier(until, t->ear[i].wake_at);
	for (int i = 0; i < t->ends; i++)
		until = earlier(until, t->end[i].wake_at);
	return until;
}

static void programs_run(struct sphere *t)
{
	ho_time_ns now = ho_world_now(t->w);

	for (; t->visited < t->visits && t->visit[t->visited].at <= now; t->visited++)
		visitor_comes(t, t->visit[t->visited].host, t->visit[t->visited].to);
	for (int i = 0; i < t->ears; i++)
		if (t->ear[i].wake_at <= now)
			ear_accepts(t, &t->ear[i]);
	for (int i = 0; i < t->ends; i++)
		if (t->end[i].wake_at <= now)
			end_works(t, &t->end[i]);
}

static bool anybody_open(const struct sphere *t)
{
	for (int i = 0; i < t->ends; i++)
		if (t->end[i].fd >= 0)
			return true;
	return t->visited < t->visits;
}

static void play(struct sphere *t, ho_time_ns until)
{
	uint32_t rounds = 0;

	while (ho_world_now(t->w) < until && anybody_open(t)) {
		struct ho_event e;
		int host;

		must(t, ++rounds < 1000000); /* or a program turns in circles */
		ho_world_run(t->w, next_wake(t, until), true);
		while (ho_world_event(t->w, &host, &e))
			on_event(t, host, e.fd);
		programs_run(t);
	}
}

static void faults_end(struct sphere *t)
{
	struct ho_wire_config good = {.delay_ns = 5 * HO_MS};

	for (int i = 0; i < t->hosts; i++) {
		if (t->host[i].across >= 0)
			must(t, ho_world_wire_set(t->w, i, &good) == 0);
		t->host[i].heap.refuse_ppm = 0;
	}
}

/* What the wire delivered. */
static void on_passing(void *ctx, const struct ho_passing *p)
{
	struct sphere *t = ctx;
	struct host *h;

	if (p->to < 0 || (p->fate != HO_FATE_PASS && p->fate != HO_FATE_DUPLICATE && p->fate != HO_FATE_CORRUPT))
		return;
	h = &t->host[p->to];
	h->arrivals++;
	h->octets += p->len_bytes;
	h->duplicates += p->fate == HO_FATE_DUPLICATE;
	h->corrupt += p->fate == HO_FATE_CORRUPT;
}

/* ---- what must hold at the end ---- */

/* Did the connection begin with a cookie?  Then nobody remembers the SYN, and data that overtakes the final ACK meets a
 * RST, as in Linux; here it is enough that some did. */
static bool maybe_cookie(const struct sphere *t, const struct end *a, const struct end *b)
{
	const struct end *server = a->client ? b : a;

	return ho_counter_get(t->host[server->host].s, HO_TcpExtSyncookiesSent) > 0;
}

/* Both are polite, and nothing but the wire could stop them. */
static bool polite(const struct sphere *t, const struct end *a, const struct end *b)
{
	return b != NULL && a->ending == POLITE && b->ending == POLITE && !t->hungry && !maybe_cookie(t, a, b) &&
	       !t->host[a->host].narrow && !t->host[b->host].narrow;
}

static void pairs_are_whole(struct sphere *t)
{
	for (int i = 0; i < t->ends; i++) {
		struct end *a = &t->end[i], *b = a->other;

		must(t, a->fd < 0 || !polite(t, a, b));
		if (b != NULL) {
			must(t, a->read <= b->wrote);
			must(t, !a->saw_end || a->read == b->wrote);
		}
		if (!a->client || !polite(t, a, b))
			continue;
		must(t, a->error == 0 && b->error == 0);
		must(t, a->wrote == a->writes && b->wrote == b->writes);
		must(t, a->read == b->writes && b->read == a->writes);
		t->polite_pairs++;
	}
}

static void counters_agree(struct sphere *t, int n)
{
	const struct host *h = &t->host[n], *a = h->across >= 0 ? &t->host[h->across] : NULL;
	const struct ho_stack *s = h->s;
	uint64_t ip_spoilt = ho_counter_get(s, HO_IpInHdrErrors);

	must(t, icmp_sums_hold(s) && fragment_sums_hold(s));
	must(t, ho_counter_get(s, HO_TcpCurrEstab) == 0);
	must(t, ho_counter_get(s, HO_TcpPassiveOpens) + ho_counter_get(s, HO_TcpActiveOpens) >=
	                ho_counter_get(s, HO_TcpEstabResets));
	must(t, ip_spoilt + ho_counter_get(s, HO_TcpInCsumErrors) <= h->corrupt);
	if (h->loops || a == NULL)
		return;
	must(t, ho_counter_get(s, HO_IpInReceives) == h->arrivals);
	must(t, ho_counter_get(s, HO_IpExtInOctets) == h->octets);
	if (!(t->host[h->across].s->link[0].flags & HO_LINK_TSO))
		must(t, ho_counter_get(s, HO_TcpInSegs) == h->arrivals - ho_counter_get(s, HO_IpInHdrErrors));
	if (h->duplicates == 0 && !a->loops)
		must(t, ho_counter_get(s, HO_TcpInSegs) <=
		                ho_counter_get(a->s, HO_TcpOutSegs) + ho_counter_get(a->s, HO_TcpRetransSegs));
}

static void nothing_is_left(struct sphere *t, const struct host *h)
{
	const struct ho_stack *s = h->s;
	struct ho_memory m;

	ho_stack_memory(s, &m);
	must(t, m.allocated_bytes == h->heap.bytes);
	must(t, m.socks == 0 && m.requests == 0 && m.timewaits == 0 && m.orphans == 0 && m.ehash_count == 0);
	must(t, s->wheel.count == 0 && s->binds.count == 0 && s->listen_table.count == 0);
	must(t, s->segs.used_count == 0 && s->rxsegs.used_count == 0 && s->buckets.used_count == 0);
	must(t, s->accounts.used_count == 0 && s->ref_blocks.used_count == 0 && s->frames_live == 0);
	must(t, s->blocks.used_count == (s->cur_block != NULL));
	must(t, s->link[0].out.count == 0 && s->loop.count == 0);
}

static void everything_ends(struct sphere *t)
{
	for (int i = 0; i < t->ends; i++)
		if (t->end[i].fd >= 0)
			end_close(t, &t->end[i], 0);
	for (int i = 0; i < t->ears; i++)
		must(t, ho_sock_close(t->host[t->ear[i].host].s, t->ear[i].fd) == 0);
	ho_world_run(t->w, HO_NEVER, false);
	must(t, ho_world_next(t->w) == HO_NEVER);
	for (int i = 0; i < t->hosts; i++) {
		must(t, ho_sock_close(t->host[i].s, 0) == -EBADF); /* a door: what has ended is freed */
		nothing_is_left(t, &t->host[i]);
		counters_agree(t, i);
	}
}

/* ---- one seed ---- */

struct outcome {
	uint64_t digest, frames, counters, polite_pairs;
	uint32_t accepted;
};

static void sphere_open(struct sphere *t, uint64_t seed)
{
	memset(t, 0, sizeof(*t));
	t->seed = seed;
	t->dice = dice_of(seed, 2, 0);
	t->act_1_ns = (1 + below(t, 20)) * HO_SEC;
	t->hungry = one_in(t, 4);
	t->hosts = 2 + (int)below(t, HOSTS_MAX - 1);
	must(t, ho_world_open(seed, NULL, &t->w) == 0);
	ho_world_tap_set(t->w, on_passing, t);
	for (int i = 0; i < t->hosts; i++)
		host_draw(t, i);
	wires_draw(t);
	for (int i = 0; i < t->hosts; i++)
		for (uint16_t k = 0; k < 2; k++)
			ear_draw(t, i, (uint16_t)(PORT + k));
	visits_draw(t);
}

static void sphere_close(struct sphere *t, struct outcome *o)
{
	*o = (struct outcome){
		.digest = ho_world_digest(t->w), .frames = ho_world_frames(t->w), .polite_pairs = t->polite_pairs};
	for (int i = 0; i < t->hosts; i++)
		for (unsigned c = 0; c < HO_COUNTER_COUNT; c++)
			o->counters = dice_mix(o->counters ^ ho_counter_get(t->host[i].s, c)) + c;
	for (int i = 0; i < t->ends; i++)
		o->accepted += t->end[i].client && t->end[i].other != NULL;
	ho_world_close(t->w);
	t->w = NULL;
	for (int i = 0; i < t->hosts; i++)
		assert_true(t->host[i].heap.blocks == 0 && t->host[i].heap.bytes == 0);
}

static struct outcome seed_run(uint64_t seed)
{
	static struct sphere t;
	struct outcome o;

	sphere_open(&t, seed);
	play(&t, t.act_1_ns);
	faults_end(&t);
	play(&t, t.act_1_ns + ACT_2_NS);
	pairs_are_whole(&t);
	everything_ends(&t);
	sphere_close(&t, &o);
	return o;
}

static void random_worlds_are_safe_and_finish_and_repeat_themselves(void **state)
{
	struct outcome all = {0};

	(void)state;
	for (uint64_t seed = first_seed; seed <= last_seed; seed++) {
		struct outcome once = seed_run(seed), again = seed_run(seed);

		if (once.digest != again.digest || once.frames != again.frames || once.counters != again.counters)
			fail_msg("seed %llu does not repeat itself: %s %llu", (unsigned long long)seed, program,
			         (unsigned long long)seed);
		if (talk)
			print_message("seed %llu: digest %016llx, %llu frames, %u accepted, %llu polite\n",
			              (unsigned long long)seed, (unsigned long long)once.digest,
			              (unsigned long long)once.frames, once.accepted,
			              (unsigned long long)once.polite_pairs);
		all.frames += once.frames;
		all.polite_pairs += once.polite_pairs;
		all.accepted += once.accepted;
	}
	print_message("%llu frames, %u connections accepted, %llu of them polite on both ends\n",
	              (unsigned long long)all.frames, all.accepted, (unsigned long long)all.polite_pairs);
	if (last_seed - first_seed >= 100)
		assert_true(all.polite_pairs > last_seed - first_seed); /* or the worlds are too bad to show anything */
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_worlds_are_safe_and_finish_and_repeat_themselves),
	};

	program = argv[0];
	if (argc > 1) {
		first_seed = last_seed = strtoull(argv[1], NULL, 10);
		talk = true;
	}
	if (argc > 2)
		last_seed = strtoull(argv[2], NULL, 10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
