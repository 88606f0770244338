/* SPDX-License-Identifier: MIT
 * Churn: connect, one byte each way, the client closes first and keeps TIME-WAIT for its 60 seconds.
 *
 * Two rows.  "from empty" does what the reference does: an empty table that fills as the run goes on.  "steady state"
 * is a host that has been at it for minutes: 2000 connections a (virtual) second, so that 120,000 TIME-WAIT buckets are
 * there at any moment and one expires for each that is made: more than the reference ever has. */
#include <errno.h>

#include "bench.h"

#define LISTENERS 16 /* 28,232 local ports serve each */
#define STEADY_PER_S 2000

struct churner {
	struct wire w;
	struct echo echo;
	uint64_t connections;
};

static int churner_open(struct churner *c)
{
	int rc = wire_open(&c->w, (struct link_kind){1500, 0});

	c->connections = 0;
	return rc ? rc : echo_open(&c->echo, &c->w, LISTENERS);
}

static uint32_t client_events(struct ho_stack *s, int fd)
{
	struct ho_event e;
	uint32_t mask = 0;

	while (ho_stack_event(s, &e))
		if (e.fd == fd)
			mask |= e.mask;
	return mask;
}

/* Turns until fd's events hold one of mask; false if nothing moves any more. */
static bool await(struct churner *c, int fd, uint32_t mask)
{
	for (int idle = 0; idle < 3;) {
		idle = wire_turn(&c->w) ? 0 : idle + 1;
		echo_serve(&c->echo);
		if (client_events(c->w.end[CLIENT], fd) & (mask | HO_ERR | HO_HUP))
			return true;
	}
	return false;
}

static int connection(struct churner *c)
{
	struct ho_stack *s = c->w.end[CLIENT];
	struct ho_endpoint to = {.addr = SERVER_ADDR, .port = (uint16_t)(ECHO_PORT + c->connections % LISTENERS)};
	int fd = ho_sock_open(s, HO_SOCK_STREAM, 0), rc;
	char byte = 'x';

	if (fd < 0)
		return fd;
	rc = ho_sock_connect(s, fd, to);
	if (rc != -EINPROGRESS)
		return rc ? rc : -EPROTO;
	if (!await(c, fd, HO_OUT) || ho_sock_send(s, fd, &byte, 1, 0) != 1)
		return -ETIMEDOUT;
	if (!await(c, fd, HO_IN) || ho_sock_recv(s, fd, &byte, 1, 0) != 1)
		return -ETIMEDOUT;
	ho_sock_close(s, fd);
	do
		echo_serve(&c->echo);
	while (wire_turn(&c->w));
	c->connections++;
	return 0;
}

/* Connections at per_s of virtual time each (0: as fast as the wire turns), until count or cpu seconds are over. */
static int run(struct churner *c, uint64_t per_s, uint64_t count, double seconds, double *cost)
{
	double begin = cpu_s();
	uint64_t before = c->connections;
	int rc = 0;

	do
		for (int i = 0; i < 100 && rc == 0; i++) {
			rc = connection(c);
			if (per_s)
				c->w.now += HO_SEC / per_s;
		}
	while (rc == 0 && c->connections - before < count && cpu_s() - begin < seconds);
	if (cost)
		*cost = (cpu_s() - begin) / (double)(c->connections - before);
	if (rc == 0 && (c->echo.accepted != c->connections || c->echo.closed != c->connections))
		rc = -EPROTO;
	return rc;
}

static uint32_t timewaits(const struct churner *c)
{
	struct ho_memory m;

	ho_stack_memory(c->w.end[CLIENT], &m);
	return m.timewaits;
}

/* As many connections from empty as the reference made, again and again until the time is over. */
static int from_empty_time(const struct options *o, uint64_t count, double *cost, struct report *r)
{
	double spent = 0, once = 0, sum = 0;
	unsigned runs = 0;
	int rc = 0;

	for (; rc == 0 && spent < o->round_s; runs++) {
		struct churner c;

		rc = churner_open(&c);
		if (rc == 0)
			rc = run(&c, 0, count, 1e9, &once);
		spent += once * (double)c.connections;
		sum += once;
		report_fact(r, "TIME-WAIT at the end, from empty", timewaits(&c));
		report_fact(r, "frames a connection", (double)c.w.frames / (double)c.connections);
		wire_close(&c.w);
	}
	*cost = runs ? sum / runs : 0;
	return rc;
}

static int from_empty(const struct options *o, struct row *w, struct report *r)
{
	struct kernel_run ref;
	double cost;
	int rc = kernel_loopback(&kernel_churn, o, &ref);

	if (rc)
		return bench_fail("kernel loopback", rc);
	rc = from_empty_time(o, ref.units, &cost, r);
	if (rc)
		return bench_fail("churn from empty", rc);
	row_sample(w, cost, kernel_cost(&ref));
	report_fact(r, "kernel connections a round (all in TIME-WAIT)", (double)ref.units);
	return 0;
}

static int steady(const struct options *o, struct churner *c, struct row *w, struct report *r)
{
	struct kernel_run ref;
	double cost;
	int rc = kernel_loopback(&kernel_churn, o, &ref);

	if (rc)
		return bench_fail("kernel loopback", rc);
	rc = run(c, STEADY_PER_S, UINT64_MAX, o->round_s, &cost);
	if (rc)
		return bench_fail("churn in steady state", rc);
	row_sample(w, cost, kernel_cost(&ref));
	report_fact(r, "TIME-WAIT in steady state", timewaits(c));
	return 0;
}

int bench_churn(const struct options *o, struct report *r)
{
	static const char against[] = "kernel loopback, blocking, TIME-WAIT from empty";
	struct row *empty = report_row(r, "connection, TIME-WAIT from empty", UNIT_US, against);
	struct row *full = report_row(r, "connection, TIME-WAIT in steady state", UNIT_US, against);
	struct churner c;
	int rc = churner_open(&c);

	row_floor(empty, FLOOR_TIMES_CHEAPER, 20);
	if (rc == 0)
		rc = run(&c, STEADY_PER_S, o->quick ? 1000 : 70 * STEADY_PER_S, 1e9, NULL);
	if (rc)
		return bench_fail("churn", rc);
	for (unsigned i = 0; i < o->rounds && rc == 0; i++) {
		if (row_wanted(o, empty->what))
			rc = from_empty(o, empty, r);
		if (rc == 0 && row_wanted(o, full->what))
			rc = steady(o, &c, full, r);
	}
	wire_close(&c.w);
	return rc;
}
