/* SPDX-License-Identifier: MIT
 * Ping-pong: one byte there and back, both ends driven by events, checksums on. */
#include <errno.h>

#include "bench.h"

struct pinger {
	struct wire w;
	struct echo echo;
	int client;
	uint64_t round_trips;
};

static int pinger_open(struct pinger *p)
{
	static const int on = 1;
	int rc = wire_open(&p->w, (struct link_kind){1500, 0}), unused;

	p->round_trips = 0;
	if (rc == 0)
		rc = echo_open(&p->echo, &p->w, 1);
	if (rc == 0)
		rc = wire_connect(&p->w, p->echo.listener[0], ECHO_PORT, &p->client, &unused);
	if (rc == 0)
		rc = ho_sock_setopt(p->w.end[CLIENT], p->client, HO_SOL_TCP, HO_TCP_NODELAY, &on, sizeof on);
	if (rc == 0)
		rc = ho_sock_setopt(p->w.end[SERVER], unused, HO_SOL_TCP, HO_TCP_NODELAY, &on, sizeof on);
	return rc;
}

__attribute__((__noinline__)) static void ping(struct pinger *p) /* a name for scripts/taken.py */
{
	struct ho_stack *s = p->w.end[CLIENT];
	struct ho_event e;
	char c = 'x';
	bool back = false;

	ho_sock_send(s, p->client, &c, 1, 0);
	while (!back) {
		wire_turn(&p->w);
		echo_serve(&p->echo);
		while (ho_stack_event(s, &e))
			if (e.fd == p->client && (e.mask & HO_IN))
				back = ho_sock_recv(s, e.fd, &c, 1, 0) == 1;
	}
	p->round_trips++;
}

static int pingpong_time(const struct options *o, double *cost, double *frames)
{
	struct pinger p;
	double begin;
	int rc = pinger_open(&p);

	begin = cpu_s();
	if (rc == 0) {
		uint64_t before = p.w.frames;

		do
			for (int i = 0; i < 1000; i++)
				ping(&p);
		while (cpu_s() - begin < o->round_s);
		*cost = (cpu_s() - begin) / (double)p.round_trips;
		*frames = (double)(p.w.frames - before) / (double)p.round_trips;
	}
	wire_close(&p.w);
	return rc;
}

int bench_pingpong(const struct options *o, struct report *r)
{
	struct row *w =
		report_row(r, "1 byte round trip, checksums", UNIT_US, "kernel loopback, blocking reads and writes");

	row_floor(w, FLOOR_TIMES_CHEAPER, 30);
	for (unsigned i = 0; i < o->rounds; i++) {
		struct kernel_run ref;
		double cost, frames;
		int rc = kernel_loopback(&kernel_pingpong, o, &ref);

		if (rc)
			return bench_fail("kernel loopback", rc);
		rc = pingpong_time(o, &cost, &frames);
		if (rc)
			return bench_fail("pingpong", rc);
		row_sample(w, cost, kernel_cost(&ref));
		report_fact(r, "frames a round trip", frames);
	}
	return 0;
}
