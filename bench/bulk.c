/* SPDX-License-Identifier: MIT
 * Bulk: one connection from the client stack to the server stack.  The client copies 64 KiB in when there is room, the
 * wire carries what there is, the server copies out what has come: as an event-driven program would.
 *
 * Every kind is first run untimed with content that differs at every offset, and compared byte by byte. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

#define PORT 9000
#define CHECKED_BYTES (UINT64_C(48) << 20)

enum copying { COPIED, BY_REFERENCE };

struct kind {
	const char *what;
	struct link_kind link;
	enum copying copying;
	double floor;
};

static const struct kind kinds[] = {
	{"MTU 1500, checksums", {1500, 0}, COPIED, 0.75},
	{"MTU 65535, checksums", {65535, 0}, COPIED, 1.6},
	{"64 KiB super-frames over MTU 1500", {1500, HO_LINK_TX_CSUM | HO_LINK_TSO}, COPIED, 1.6},
	{"MTU 1500, checksums, send_ref + peek", {1500, 0}, BY_REFERENCE, 0},
	{"super-frames, send_ref + peek", {1500, HO_LINK_TX_CSUM | HO_LINK_TSO | HO_LINK_SHARES}, BY_REFERENCE, 0},
};
#define KINDS (sizeof kinds / sizeof kinds[0])

struct flow {
	struct wire w;
	enum copying copying;
	int client, server;
	uint8_t *out, *in; /* CHUNK_BYTES each; out has CHUNK_BYTES more, to send from any offset */
	uint64_t sent, received;
	uint64_t released;       /* by-reference chunks that came back */
	uint64_t checked, wrong; /* bytes compared, and found wrong */
	bool check;
};

/* The byte at an offset of the stream. */
static uint8_t content(uint64_t offset)
{
	uint64_t x = (offset >> 3) * UINT64_C(0x9e3779b97f4a7c15);

	return (uint8_t)(x >> 56 ^ offset * 7);
}

static void chunk_released(void *ctx)
{
	((struct flow *)ctx)->released++;
}

static ptrdiff_t chunk_send(struct flow *f)
{
	struct ho_stack *s = f->w.end[CLIENT];
	size_t len = CHUNK_BYTES;

	if (f->copying == BY_REFERENCE) {
		if (!(ho_sock_poll(s, f->client) & HO_OUT))
			return -EAGAIN;
		return ho_sock_send_ref(s, f->client, f->out, len, 0, chunk_released, f);
	}
	if (f->check) {
		len = 1 + (size_t)(f->sent * 7919 % CHUNK_BYTES);
		for (size_t i = 0; i < len; i++)
			f->out[i] = content(f->sent + i);
	}
	return ho_sock_send(s, f->client, f->out, len, 0);
}

/* By reference the content is the same 64 KiB again and again; copied it is content(). */
static void compare(struct flow *f, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		uint64_t at = f->received + i;

		f->wrong += p[i] != (f->copying == BY_REFERENCE ? content(at % CHUNK_BYTES) : content(at));
	}
	f->checked += len;
}

static void drain_copied(struct flow *f)
{
	ptrdiff_t n;

	while ((n = ho_sock_recv(f->w.end[SERVER], f->server, f->in, CHUNK_BYTES, 0)) > 0) {
		if (f->check)
			compare(f, f->in, (size_t)n);
		f->received += (uint64_t)n;
	}
}

static void drain_by_reference(struct flow *f)
{
	struct ho_slice s[64];
	int n;

	while ((n = ho_sock_recv_peek(f->w.end[SERVER], f->server, s, 64)) > 0) {
		size_t len = 0;

		for (int i = 0; i < n; i++) {
			if (f->check)
				compare(f, s[i].data, s[i].len_bytes);
			f->received += s[i].len_bytes;
			len += s[i].len_bytes;
		}
		ho_sock_recv_skip(f->w.end[SERVER], f->server, len);
	}
}

static void flow_turn(struct flow *f)
{
	ptrdiff_t n = chunk_send(f);

	if (n > 0)
		f->sent += (uint64_t)n;
	wire_turn(&f->w);
	if (f->copying == COPIED)
		drain_copied(f);
	else
		drain_by_reference(f);
}

static int flow_open(struct flow *f, const struct kind *k)
{
	int listener, rc;

	*f = (struct flow){.copying = k->copying, .client = -1};
	f->out = malloc(CHUNK_BYTES);
	f->in = malloc(CHUNK_BYTES);
	rc = f->out && f->in ? wire_open(&f->w, k->link) : -ENOMEM;
	if (rc)
		return rc;
	for (size_t i = 0; i < CHUNK_BYTES; i++)
		f->out[i] = content(i);
	listener = wire_listen(&f->w, PORT, 1);
	return listener < 0 ? listener : wire_connect(&f->w, listener, PORT, &f->client, &f->server);
}

static void flow_close(struct flow *f)
{
	wire_close(&f->w);
	free(f->out);
	free(f->in);
}

/* Sends until stop_s of CPU time or stop_bytes, then until all has arrived. */
static int flow_run(struct flow *f, double stop_s, uint64_t stop_bytes, double *cost)
{
	double begin = cpu_s();
	uint64_t before = f->received;
	ho_time_ns give_up;

	do
		for (int i = 0; i < 64; i++)
			flow_turn(f);
	while (cpu_s() - begin < stop_s && f->received - before < stop_bytes);
	if (cost)
		*cost = (cpu_s() - begin) / (double)(f->received - before);
	for (give_up = f->w.now + 100 * HO_SEC; f->received < f->sent && f->w.now < give_up;) {
		enum copying c = f->copying;

		wire_turn(&f->w);
		f->w.now += 100 * HO_US;
		if (c == COPIED)
			drain_copied(f);
		else
			drain_by_reference(f);
	}
	return f->received == f->sent && f->received > before ? 0 : -EIO;
}

static int kind_check(const struct kind *k, const struct options *o)
{
	struct flow f;
	int rc = flow_open(&f, k);

	f.check = true;
	if (rc == 0)
		rc = flow_run(&f, 1e9, o->quick ? CHECKED_BYTES / 16 : CHECKED_BYTES, NULL);
	if (rc == 0 && (f.wrong || f.checked != f.sent))
		rc = -EBADMSG;
	if (rc)
		fprintf(stderr, "%s: sent %llu, received %llu, wrong %llu\n", k->what, (unsigned long long)f.sent,
		        (unsigned long long)f.received, (unsigned long long)f.wrong);
	flow_close(&f);
	return rc;
}

static int kind_time(const struct kind *k, const struct options *o, double *cost)
{
	struct flow f;
	int rc = flow_open(&f, k);

	if (rc == 0)
		rc = flow_run(&f, o->round_s / 10, UINT64_MAX, NULL); /* windows have grown */
	if (rc == 0)
		rc = flow_run(&f, o->round_s, UINT64_MAX, cost);
	flow_close(&f);
	return rc;
}

/* The bound: 64 KiB copied in and out again, nothing else. */
static double memcpy_twice(const struct options *o)
{
	uint8_t *a = calloc(3, CHUNK_BYTES), *b = a + CHUNK_BYTES, *c = b + CHUNK_BYTES;
	double begin = cpu_s();
	uint64_t bytes = 0;

	if (!a)
		return 0;
	do {
		for (int i = 0; i < 64; i++, bytes += CHUNK_BYTES) {
			memcpy(b, a, CHUNK_BYTES);
			__asm__ volatile("" : : "r"(b) : "memory");
			memcpy(c, b, CHUNK_BYTES);
			__asm__ volatile("" : : "r"(c) : "memory");
		}
	} while (cpu_s() - begin < o->round_s / 5);
	free(a);
	return (cpu_s() - begin) / (double)bytes;
}

static int round_run(const struct options *o, struct report *r)
{
	struct kernel_run ref;
	double cost;

	for (size_t i = 0; i < KINDS; i++) {
		int rc;

		if (!row_wanted(o, kinds[i].what))
			continue;
		rc = kernel_loopback(&kernel_bulk, o, &ref);
		if (rc)
			return bench_fail("kernel loopback", rc);
		rc = kind_time(&kinds[i], o, &cost);
		if (rc)
			return bench_fail(kinds[i].what, rc);
		row_sample(&r->row[i], cost, kernel_cost(&ref));
		report_fact(r, "kernel loopback, Gbit/s of wall time on one core",
		            (double)ref.units * 8e-9 / ref.wall_s);
	}
	row_sample(&r->row[KINDS], memcpy_twice(o), 0);
	return 0;
}

int bench_bulk(const struct options *o, struct report *r)
{
	int rc = 0;

	for (size_t i = 0; i < KINDS; i++) {
		struct row *w = report_row(r, kinds[i].what, UNIT_GB_PER_S,
		                           "kernel loopback, 64 KiB writes and reads, MTU 65536");

		if (kinds[i].floor > 0)
			row_floor(w, FLOOR_TIMES_CHEAPER, kinds[i].floor);
		rc = row_wanted(o, kinds[i].what) ? kind_check(&kinds[i], o) : 0;
		if (rc)
			return bench_fail(kinds[i].what, rc);
	}
	report_row(r, "bound: memcpy in and out, hot", UNIT_GB_PER_S, NULL);
	for (unsigned i = 0; i < o->rounds && rc == 0; i++)
		rc = round_run(o, r);
	return rc;
}
