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
	return 0;
}
