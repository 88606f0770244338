/* SPDX-License-Identifier: MIT
 * Messages: many connections, one small message in flight on each, there and back.  Both ends take events. */
#include <errno.h>
#include <stdlib.h>

#include "bench.h"

struct talkers {
	struct wire w;
	struct echo echo;
	int fd[MESSAGES_CONNECTIONS];
	uint64_t messages;
};

static int talkers_open(struct talkers *t, struct link_kind kind)
{
	char message[MESSAGE_BYTES] = "message";
	int rc = wire_open(&t->w, kind), unused;

	t->messages = 0;
	if (rc == 0)
		rc = echo_open(&t->echo, &t->w, 1);
	for (int i = 0; i < MESSAGES_CONNECTIONS && rc == 0; i++)
		rc = wire_connect(&t->w, t->echo.listener[0], ECHO_PORT, &t->fd[i], &unused);
	for (int i = 0; i < MESSAGES_CONNECTIONS && rc == 0; i++)
		if (ho_sock_send(t->w.end[CLIENT], t->fd[i], message, sizeof message, 0) != sizeof message)
			rc = -EIO;
	return rc;
}

static void turn(struct talkers *t)
{
	struct ho_stack *s = t->w.end[CLIENT];
	struct ho_event e;
	char buf[4096];

	wire_turn(&t->w);
	echo_serve(&t->echo);
	while (ho_stack_event(s, &e)) {
		ptrdiff_t n = ho_sock_recv(s, e.fd, buf, sizeof buf, 0);

		if (n <= 0)
			continue;
		t->messages++;
		ho_sock_send(s, e.fd, buf, (size_t)n, 0);
	}
}

static int messages_time(const struct options *o, double *cost)
{
	struct talkers *t = calloc(1, sizeof *t);
	int rc = t ? talkers_open(t, (struct link_kind){1500, 0}) : -ENOMEM;
	double begin = cpu_s();

	if (rc)
		return rc;
	do
		for (int i = 0; i < 4; i++)
			turn(t);
	while (cpu_s() - begin < o->round_s);
	*cost = (cpu_s() - begin) / (double)t->messages;
	if (t->messages == 0)
		rc = -EIO;
	wire_close(&t->w);
	free(t);
	return rc;
}

/* ---- one byte there and back, spread over many connections ---- */

#define FEW 100u
#define MANY 1000000u
#define MANY_QUICK 3000u
#define PORTS 32u
#define WINDOW 64u      /* requests on their way at once */
#define AHEAD 16u       /* of whom hints are given at once */
#define STRIDE 611953u  /* prime: each connection has its turn, neighbours far apart */
#define SPREAD_FLOOR 0.5

struct strewn {
	struct wire w;
	struct echo echo;
	int *fd;
	uint32_t count, at;
	uint64_t answers;
};

static int spread_open(struct strewn *p, uint32_t count)
{
	int rc = wire_open(&p->w, (struct link_kind){1500, 0}), unused;

	p->count = count;
	p->fd = calloc(count, sizeof *p->fd);
	if (rc == 0 && !p->fd)
		rc = -ENOMEM;
	if (rc == 0)
		rc = ho_sysctl_set(p->w.end[CLIENT], "net.ipv4.ip_local_port_range", "1024 65535");
	if (rc == 0)
		rc = echo_open(&p->echo, &p->w, PORTS);
	for (uint32_t i = 0; i < count && rc == 0; i++)
		rc = wire_connect(&p->w, p->echo.listener[i % PORTS], (uint16_t)(ECHO_PORT + i % PORTS), &p->fd[i], &unused);
	return rc;
}

static void spread_close(struct strewn *p)
{
	wire_close(&p->w);
	free(p->fd);
}

/* Whose turn it is, ahead of now. */
static const int *spread_turn_of(const struct strewn *p, uint64_t ahead)
{
	return &p->fd[(p->at + ahead * STRIDE) % p->count];
}

/* Who will write next is announced, and where those after them are written down. */
static void spread_announce(const struct strewn *p)
{
	int fd[AHEAD];

	for (unsigned i = 0; i < AHEAD; i++)
		fd[i] = *spread_turn_of(p, i + 1);
	ho_sock_prefetch(p->w.end[CLIENT], fd, AHEAD);
	for (unsigned i = 0; i < AHEAD; i++)
		__builtin_prefetch(spread_turn_of(p, i + 1 + AHEAD));
}

/* What one side says, to the other: in batches, as from a device, each announced. */
static void spread_carry(struct strewn *p, struct ho_stack *from, struct ho_stack *to)
{
	struct ho_frame *f[AHEAD];
	unsigned n;

	do {
		for (n = 0; n < AHEAD && (f[n] = ho_stack_output(from)) != NULL;)
			n++;
		ho_stack_prefetch_batch(to, f, n);
		for (unsigned i = 0; i < n; i++)
			ho_stack_input(to, f[i], p->w.now);
	} while (n == AHEAD);
}

static void spread_expire(struct strewn *p, struct ho_stack *s)
{
	if (ho_stack_deadline(s) <= p->w.now)
		ho_stack_expire(s, p->w.now, 0);
	else
		ho_stack_at(s, p->w.now);
}

static int spread_turn(struct strewn *p)
{
	struct ho_stack *s = p->w.end[CLIENT], *server = p->w.end[SERVER];
	uint64_t before = p->answers;
	struct ho_event e;
	char c = 'x';

	for (unsigned i = 0; i < WINDOW; i++) {
		if (i % AHEAD == 0)
			spread_announce(p);
		p->at = (uint32_t)((p->at + (uint64_t)STRIDE) % p->count);
		if (ho_sock_send(s, p->fd[p->at], &c, 1, 0) != 1)
			return -EIO;
	}
	for (unsigned i = 0; i < 8 && p->answers - before < WINDOW; i++) {
		p->w.now += p->w.step_ns;
		spread_expire(p, s);
		spread_expire(p, server);
		spread_carry(p, s, server);
		echo_serve(&p->echo);
		spread_carry(p, server, s);
		while (ho_stack_event(s, &e))
			p->answers += ho_sock_recv(s, e.fd, &c, 1, 0) == 1;
	}
	return p->answers - before == WINDOW ? 0 : -EPROTO;
}

/* Gives  *cost: seconds a message. */
static int spread_time(const struct options *o, struct strewn *p, double *cost)
{
	uint64_t before;
	double begin;
	int rc = 0;

	for (uint32_t i = 0; i < 2 * p->count / WINDOW + 100 && rc == 0; i++)
		rc = spread_turn(p); /* each has spoken before */
	before = p->answers;
	begin = cpu_s();
	do
		for (int i = 0; i < 64 && rc == 0; i++)
			rc = spread_turn(p);
	while (rc == 0 && cpu_s() - begin < o->round_s);
	*cost = (cpu_s() - begin) / (double)(p->answers - before);
	return rc;
}

static int bench_spread(const struct options *o, struct report *r)
{
	struct row *w = report_row(r, "1-byte message there and back, 1,000,000 conns", UNIT_US, "100 conns");
	struct strewn few = {0}, many = {0};
	int rc = spread_open(&few, FEW);

	w->dearer = true;
	row_floor(w, FLOOR_TIMES_DEARER, 1 / SPREAD_FLOOR);
	if (rc == 0)
		rc = spread_open(&many, o->quick ? MANY_QUICK : MANY);
	for (unsigned i = 0; i < o->rounds && rc == 0; i++) {
		double of_few = 0, of_many = 0;

		rc = spread_time(o, &few, &of_few);
		if (rc == 0)
			rc = spread_time(o, &many, &of_many);
		if (rc == 0)
			row_sample(w, of_many, of_few);
	}
	spread_close(&few);
	spread_close(&many);
	return rc ? bench_fail(w->what, rc) : 0;
}

int bench_messages(const struct options *o, struct report *r)
{
	struct row *w = report_row(r, "64-byte message there and back, 1000 conns", UNIT_US, "kernel loopback, epoll");

	for (unsigned i = 0; i < o->rounds; i++) {
		struct kernel_run ref;
		double cost = 0;
		int rc = kernel_loopback(&kernel_messages, o, &ref);

		if (rc)
			return bench_fail("kernel loopback", rc);
		rc = messages_time(o, &cost);
		if (rc)
			return bench_fail("messages", rc);
		row_sample(w, cost, kernel_cost(&ref));
	}
	return bench_spread(o, r);
}
