/* SPDX-License-Identifier: MIT
 * A server that gives back what it gets and closes when its peer has, driven by events as a real one. */
#include <errno.h>

#include "bench.h"

int echo_open(struct echo *e, struct wire *w, unsigned listeners)
{
	*e = (struct echo){.w = w, .listeners = listeners};
	for (unsigned i = 0; i < listeners; i++) {
		e->listener[i] = wire_listen(w, (uint16_t)(ECHO_PORT + i), 4096);
		if (e->listener[i] < 0)
			return e->listener[i];
	}
	return 0;
}

static void echo_read(struct echo *e, int fd)
{
	struct ho_stack *s = e->w->end[SERVER];
	uint8_t buf[4096];
	ptrdiff_t n;

	while ((n = ho_sock_recv(s, fd, buf, sizeof buf, 0)) > 0) {
		e->bytes += (uint64_t)n;
		ho_sock_send(s, fd, buf, (size_t)n, 0);
		if (n < (ptrdiff_t)sizeof buf && !(ho_sock_poll(s, fd) & HO_IN))
			return;
	}
	if (n == -EAGAIN)
		return;
	ho_sock_close(s, fd);
	e->closed++;
}

static bool echo_accept(struct echo *e, int fd)
{
	struct ho_stack *s = e->w->end[SERVER];
	unsigned i = 0;
	int conn;

	while (i < e->listeners && e->listener[i] != fd)
		i++;
	if (i == e->listeners)
		return false;
	while ((conn = ho_sock_accept(s, fd, NULL)) >= 0) {
		e->accepted++;
		echo_read(e, conn);
	}
	return true;
}

void echo_serve(struct echo *e)
{
	struct ho_event ev;

	while (ho_stack_event(e->w->end[SERVER], &ev))
		if (!echo_accept(e, ev.fd))
			echo_read(e, ev.fd);
}
