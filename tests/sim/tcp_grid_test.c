/* SPDX-License-Identifier: MIT
 * A grid of bad wires, one transfer on each: every byte is checked, and nothing may stand still.
 *
 * A world is drawn from its number: loss, reordering, duplication, corruption, rate, round trip, queue, buffers, options,
 * congestion control, super-frames.  The client writes until it has written enough or its time is over; what is written
 * must arrive, however long that takes.  A world stands still when for longer than the longest retransmission timeout
 * nothing new arrives although frames do, or nobody sends although there are bytes to be acknowledged.
 *
 *     tcp_grid_test                  worlds 1 to 50, small
 *     tcp_grid_test full             worlds 1 to 600, up to 100 MB each
 *     tcp_grid_test [full] N [LAST]  those, with what was drawn */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <halfopen/sim.h>

#include "dice.h"
#include "sums.h"

#define PORT 9000
#define CHUNK_BYTES 65536u
#define RTO_MAX_NS (120 * HO_SEC)
#define ARRIVALS_MIN 8 /* so many frames at each side must bring something new */

enum { CLIENT, SERVER, HOSTS };

static const char *program = "tcp_grid_test";
static bool full, talk;

struct span {
	uint64_t bytes_max;
	ho_time_ns write_ns; /* so long the client writes */
	uint32_t worlds;
};
static const struct span small_span = {1000000, 60 * HO_SEC, 50}, full_span = {100000000, 300 * HO_SEC, 600};

struct cell {
	uint32_t loss_ppm, ack_loss_ppm, duplicate_ppm, corrupt_ppm, reorder_ppm, reorder_packets;
	uint64_t rate_bps;
	ho_time_ns rtt_ns;
	uint32_t queue_packets; /* 0: no limit */
	uint32_t sndbuf_bytes, rcvbuf_bytes;
	bool fixed_buffers; /* by the program; else they grow up to those sizes */
	bool sack, timestamps, wscale, tso;
	const char *congestion;
};

struct grid {
	uint64_t number;
	struct dice dice;
	struct cell cell;
	const struct span *span;
	struct ho_world *w;
	struct ho_stack *s[HOSTS];
	int fd[HOSTS];
	uint64_t wrote, read, acked;
	bool finished, saw_end;
	ho_time_ns progress_at, sent_at;   /* anything new; a frame of the client's */
	uint64_t arrivals[HOSTS];          /* since then */
};

#define must(g, condition) must_at(g, condition, #condition, __LINE__)

static void must_at(const struct grid *g, bool holds, const char *what, int line)
{
	if (holds)
		return;
	print_message("line %d: broken: %s\n  at %.6f s, %llu bytes written, %llu acknowledged, %llu read; again: %s %s%llu\n",
	              line, what, (double)ho_world_now(g->w) / 1e9, (unsigned long long)g->wrote,
	              (unsigned long long)g->acked, (unsigned long long)g->read, program, full ? "full " : "",
	              (unsigned long long)g->number);
	fail();
}

/* ---- what is drawn ---- */

static uint32_t below(struct grid *g, uint32_t n)
{
	return dice_below(&g->dice, n);
}

#define pick(g, list) ((list)[below(g, sizeof(list) / sizeof((list)[0]))])

static void cell_draw(struct grid *g)
{
	static const uint32_t losses[] = {0, 1000, 10000, 50000, 100000, 300000};
	static const uint64_t rates[] = {1000000, 10000000, 100000000, 1000000000, UINT64_C(10000000000)};
	static const uint32_t rtts_us[] = {100, 1000, 10000, 50000, 200000, 800000};
	static const uint32_t queues[] = {0, 0, 20, 100, 1000};
	static const uint32_t faults_ppm[] = {0, 0, 1000, 20000};
	struct cell *c = &g->cell;

	c->loss_ppm = losses[g->number % 6]; /* each as often as the others */
	c->ack_loss_ppm = below(g, 2) ? c->loss_ppm : 0;
	c->rate_bps = pick(g, rates);
	c->rtt_ns = pick(g, rtts_us) * HO_US;
	c->queue_packets = pick(g, queues);
	c->duplicate_ppm = pick(g, faults_ppm);
	c->corrupt_ppm = pick(g, faults_ppm);
	c->reorder_ppm = pick(g, faults_ppm);
	c->reorder_packets = 1 + below(g, 100);
	c->sndbuf_bytes = 4096u << below(g, 13);
	c->rcvbuf_bytes = 4096u << below(g, 13);
	c->fixed_buffers = below(g, 2);
	c->sack = below(g, 4) > 0;
	c->timestamps = below(g, 4) > 0;
	c->wscale = below(g, 4) > 0;
	c->tso = below(g, 2);
	c->congestion = below(g, 2) ? "cubic" : "reno";
}

static void cell_say(const struct grid *g)
{
	const struct cell *c = &g->cell;

	print_message("world %llu: loss %g/%g %% duplicate %g %% corrupt %g %% reorder %g %% by %u, %g Mbit/s, %g ms, queue %u, "
	              "buffers %u %u%s%s%s%s%s %s\n",
	              (unsigned long long)g->number, c->loss_ppm / 1e4, c->ack_loss_ppm / 1e4, c->duplicate_ppm / 1e4,
	              c->corrupt_ppm / 1e4, c->reorder_ppm / 1e4, c->reorder_packets, (double)c->rate_bps / 1e6,
	              (double)c->rtt_ns / 1e6, c->queue_packets, c->sndbuf_bytes, c->rcvbuf_bytes,
	              c->fixed_buffers ? " fixed" : "", c->sack ? " sack" : "", c->timestamps ? " ts" : "",
	              c->wscale ? " wscale" : "", c->tso ? " tso" : "", c->congestion);
}

/* ---- the world ---- */

static void sysctl(struct grid *g, int host, const char *name, const char *value)
{
	must(g, ho_sysctl_set(g->s[host], name, value) == 0);
}

static void sysctl_memory(struct grid *g, int host, const char *name, uint32_t first, uint32_t most)
{
	char text[64];

	snprintf(text, sizeof(text), "4096 %u %u", first < most ? first : most, most);
	sysctl(g, host, name, text);
}

static void host_add(struct grid *g, int host)
{
	const struct cell *c = &g->cell;
	struct ho_stack_config config;

	ho_stack_config_init(&config);
	config.addr = HO_ADDR(198, 18, 0, 1) + (uint32_t)host;
	config.link_flags = HO_LINK_SHARES | (c->tso ? HO_LINK_TSO : 0);
	must(g, ho_world_host_add(g->w, host == CLIENT ? "client" : "server", &config) == host);
	g->s[host] = ho_world_host(g->w, host);
	sysctl(g, host, "net.ipv4.tcp_sack", c->sack ? "1" : "0");
	sysctl(g, host, "net.ipv4.tcp_timestamps", c->timestamps ? "1" : "0");
	sysctl(g, host, "net.ipv4.tcp_window_scaling", c->wscale ? "1" : "0");
	sysctl(g, host, "net.ipv4.tcp_congestion_control", c->congestion);
	sysctl(g, host, "net.ipv4.tcp_retries2", "100"); /* patience: giving up is tested elsewhere */
	sysctl(g, host, "net.core.wmem_max", "16777216");
	sysctl(g, host, "net.core.rmem_max", "16777216");
	if (c->fixed_buffers)
		return;
	sysctl_memory(g, host, "net.ipv4.tcp_rmem", 131072, c->rcvbuf_bytes);
	sysctl_memory(g, host, "net.ipv4.tcp_wmem", 16384, c->sndbuf_bytes);
}

static void buffers_set(struct grid *g, int host)
{
	int32_t sndbuf = (int32_t)(g->cell.sndbuf_bytes / 2), rcvbuf = (int32_t)(g->cell.rcvbuf_bytes / 2);

	if (!g->cell.fixed_buffers)
		return;
	must(g, ho_sock_setopt(g->s[host], g->fd[host], HO_SOL_SOCKET, HO_SO_SNDBUF, &sndbuf, sizeof(sndbuf)) == 0);
	must(g, ho_sock_setopt(g->s[host], g->fd[host], HO_SOL_SOCKET, HO_SO_RCVBUF, &rcvbuf, sizeof(rcvbuf)) == 0);
}

static struct ho_wire_config wire_of(const struct cell *c, bool to_server)
{
	return (struct ho_wire_config){
		.delay_ns = c->rtt_ns / 2,
		.rate_bps = c->rate_bps,
		.queue_bytes = to_server ? c->queue_packets * 1500 : 0,
		.loss_ppm = to_server ? c->loss_ppm : c->ack_loss_ppm,
		.duplicate_ppm = c->duplicate_ppm,
		.corrupt_ppm = c->corrupt_ppm,
		.reorder_ppm = c->reorder_ppm,
		.reorder_ns = c->reorder_packets * UINT64_C(12000) * HO_SEC / c->rate_bps,
	};
}

/* The handshake goes over a good wire: how it copes with a bad one is tested elsewhere. */
static void connect_both(struct grid *g)
{
	struct ho_wire_config good = {.delay_ns = g->cell.rtt_ns / 2, .rate_bps = g->cell.rate_bps};
	struct ho_endpoint at = {HO_ADDR(198, 18, 0, 2), PORT};
	int listener = ho_sock_open(g->s[SERVER], HO_SOCK_STREAM, 0);

	must(g, ho_world_wire_add(g->w, CLIENT, SERVER, &good, &good) == 0);
	g->fd[SERVER] = listener;
	buffers_set(g, SERVER);
	must(g, ho_sock_bind(g->s[SERVER], listener, at) == 0 && ho_sock_listen(g->s[SERVER], listener, 1) == 0);
	g->fd[CLIENT] = ho_sock_open(g->s[CLIENT], HO_SOCK_STREAM, 0);
	buffers_set(g, CLIENT);
	must(g, ho_sock_connect(g->s[CLIENT], g->fd[CLIENT], at) == -EINPROGRESS);
	ho_world_run(g->w, 5 * HO_SEC, false);
	g->fd[SERVER] = ho_sock_accept(g->s[SERVER], listener, NULL);
	must(g, g->fd[SERVER] >= 0);
	must(g, ho_sock_close(g->s[SERVER], listener) == 0);
}

static void on_passing(void *ctx, const struct ho_passing *p)
{
	struct grid *g = ctx;

	if (p->from == CLIENT)
		g->sent_at = p->at;
	if (p->to >= 0 && p->fate == HO_FATE_PASS)
		g->arrivals[p->to]++;
}

static void world_open(struct grid *g)
{
	struct ho_wire_config there = wire_of(&g->cell, true), back = wire_of(&g->cell, false);

	must(g, ho_world_open(g->number, NULL, &g->w) == 0);
	host_add(g, CLIENT);
	host_add(g, SERVER);
	connect_both(g);
	must(g, ho_world_wire_set(g->w, CLIENT, &there) == 0 && ho_world_wire_set(g->w, SERVER, &back) == 0);
	ho_world_tap_set(g->w, on_passing, g);
}

/* ---- the programs ---- */

/* Byte i of the stream: the same for both programs, never the same stretch again. */
static void stream_fill(const struct grid *g, uint64_t at, uint8_t *out, size_t n)
{
	for (size_t i = 0; i < n; i += 8 - (at + i) % 8) {
		uint64_t eight = dice_mix(g->number ^ ((at + i) / 8 + 1) * DICE_GOLDEN);
		uint8_t bytes[8];

		for (int k = 0; k < 8; k++)
			bytes[k] = (uint8_t)(eight >> 8 * k);
		for (size_t k = (at + i) % 8, o = i; k < 8 && o < n; k++, o++)
			out[o] = bytes[k];
	}
}

static void progress(struct grid *g)
{
	g->progress_at = ho_world_now(g->w);
	g->arrivals[CLIENT] = g->arrivals[SERVER] = 0;
}

static void client_works(struct grid *g, ho_time_ns write_until)
{
	static uint8_t chunk[CHUNK_BYTES];
	struct ho_stack *s = g->s[CLIENT];
	int fd = g->fd[CLIENT], outq;

	while (!g->finished) {
		uint64_t left = g->span->bytes_max - g->wrote;
		size_t n = left < CHUNK_BYTES ? (size_t)left : CHUNK_BYTES;
		ptrdiff_t sent;

		if (left == 0 || ho_world_now(g->w) >= write_until) {
			must(g, ho_sock_shutdown(s, fd, HO_SHUT_WR) == 0);
			g->finished = true;
			break;
		}
		stream_fill(g, g->wrote, chunk, n);
		sent = ho_sock_send(s, fd, chunk, n, 0);
		if (sent == -EAGAIN)
			break;
		must(g, sent > 0);
		g->wrote += (uint64_t)sent;
	}
	outq = ho_sock_outq(s, fd);
	must(g, outq >= 0 && (uint64_t)outq <= g->wrote + 1);
	if (g->wrote - g->acked > (uint64_t)outq) {
		g->acked = g->wrote - (uint64_t)outq;
		progress(g);
	}
}

static void server_works(struct grid *g)
{
	static uint8_t got[CHUNK_BYTES], want[CHUNK_BYTES];

	while (!g->saw_end) {
		ptrdiff_t n = ho_sock_recv(g->s[SERVER], g->fd[SERVER], got, CHUNK_BYTES, 0);

		if (n == -EAGAIN)
			return;
		must(g, n >= 0);
		g->saw_end = n == 0;
		stream_fill(g, g->read, want, (size_t)n);
		must(g, memcmp(got, want, (size_t)n) == 0);
		g->read += (uint64_t)n;
		progress(g);
	}
}

static void must_move(const struct grid *g)
{
	ho_time_ns now = ho_world_now(g->w), patience = RTO_MAX_NS + 2 * g->cell.rtt_ns + 10 * HO_SEC;

	must(g, now - g->sent_at <= patience || now - g->progress_at <= patience);
	must(g, now - g->progress_at <= patience || g->arrivals[CLIENT] < ARRIVALS_MIN || g->arrivals[SERVER] < ARRIVALS_MIN);
}

static void transfer(struct grid *g)
{
	ho_time_ns began = ho_world_now(g->w);
	struct ho_event e;
	int host;

	progress(g);
	g->sent_at = began;
	while (!g->saw_end || ho_sock_outq(g->s[CLIENT], g->fd[CLIENT]) > 0) {
		client_works(g, began + g->span->write_ns);
		server_works(g);
		must_move(g);
		ho_world_run(g->w, ho_world_now(g->w) + 20 * HO_SEC, true);
		while (ho_world_event(g->w, &host, &e))
			;
	}
	must(g, g->read == g->wrote);
}

struct outcome {
	uint64_t digest, bytes;
};

static struct outcome world_run(uint64_t number)
{
	struct grid g = {.number = number, .dice = dice_of(number, 7, 0), .span = full ? &full_span : &small_span};
	struct outcome o;
	ho_time_ns began;

	cell_draw(&g);
	if (talk)
		cell_say(&g);
	world_open(&g);
	began = ho_world_now(g.w);
	transfer(&g);
	o = (struct outcome){ho_world_digest(g.w), g.read};
	if (talk)
		print_message("  %llu bytes in %.3f s, %llu frames, digest %016llx\n", (unsigned long long)g.read,
		              (double)(ho_world_now(g.w) - began) / 1e9, (unsigned long long)ho_world_frames(g.w),
		              (unsigned long long)o.digest);
	world_end(g.w);
	return o;
}

static uint64_t first_world, last_world;

static void every_byte_arrives_over_every_wire_and_nothing_stands_still(void **state)
{
	uint64_t bytes = 0, whole = 0;

	(void)state;
	for (uint64_t n = first_world; n <= last_world; n++) {
		struct outcome o = world_run(n);

		bytes += o.bytes;
		whole += o.bytes == (full ? full_span : small_span).bytes_max;
	}
	print_message("%llu worlds, %llu MB; %llu had the time for all they wanted to write\n",
	              (unsigned long long)(last_world - first_world + 1), (unsigned long long)(bytes / 1000000),
	              (unsigned long long)whole);
}

static void the_same_world_does_the_same_again(void **state)
{
	(void)state;
	for (uint64_t n = first_world; n <= last_world; n += full ? 60 : 10)
		assert_true(world_run(n).digest == world_run(n).digest);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_byte_arrives_over_every_wire_and_nothing_stands_still),
		cmocka_unit_test(the_same_world_does_the_same_again),
	};
	int at = 1;

	program = argv[0];
	full = argc > at && strcmp(argv[at], "full") == 0;
	at += full;
	first_world = 1;
	last_world = full ? full_span.worlds : small_span.worlds;
	if (argc > at) {
		first_world = last_world = strtoull(argv[at], NULL, 10);
		talk = true;
	}
	if (argc > at + 1)
		last_world = strtoull(argv[at + 1], NULL, 10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
