/* SPDX-License-Identifier: MIT
 * Two stacks and an in-memory wire: frames go over by reference, in order, without loss.  Time is virtual: a turn takes
 * step_ns, so a round trip takes two steps. */
#include <errno.h>
#include <string.h>

#include "bench.h"

void wire_config(struct ho_stack_config *c, uint32_t addr, struct link_kind kind)
{
	ho_stack_config_init(c);
	c->addr = addr;
	c->prefix_len = 15;
	c->default_route = true;
	c->mtu = kind.mtu;
	c->link_flags = kind.flags;
	memset(c->secret, (int)(addr & 0xff), sizeof c->secret);
	c->now_ns = HO_SEC;
	c->socks_max = 1 << 21;
}

int wire_open(struct wire *w, struct link_kind kind)
{
	static const uint32_t addr[2] = {CLIENT_ADDR, SERVER_ADDR};
	struct ho_stack_config c;

	*w = (struct wire){.now = HO_SEC, .step_ns = 5 * HO_US};
	for (int i = 0; i < 2; i++) {
		int rc;

		wire_config(&c, addr[i], kind);
		rc = ho_stack_open(&c, &w->end[i]);
		if (rc) {
			wire_close(w);
			return rc;
		}
	}
	return 0;
}

void wire_close(struct wire *w)
{
	for (int i = 0; i < 2; i++)
		if (w->end[i])
			ho_stack_close(w->end[i]);
	w->end[0] = w->end[1] = NULL;
}

static unsigned carry(struct wire *w, struct ho_stack *from, struct ho_stack *to)
{
	struct ho_frame *f;
	unsigned n = 0;

	for (; (f = ho_stack_output(from)) != NULL; n++)
		ho_stack_input(to, f, w->now);
	return n;
}

static void expire(struct wire *w, struct ho_stack *s)
{
	if (ho_stack_deadline(s) <= w->now)
		ho_stack_expire(s, w->now, 0);
	else
		ho_stack_at(s, w->now);
}

unsigned wire_turn(struct wire *w)
{
	unsigned n;

	w->now += w->step_ns;
	expire(w, w->end[CLIENT]);
	expire(w, w->end[SERVER]);
	n = carry(w, w->end[CLIENT], w->end[SERVER]);
	n += carry(w, w->end[SERVER], w->end[CLIENT]);
	w->turns++;
	w->frames += n;
	return n;
}

void wire_settle(struct wire *w)
{
	while (wire_turn(w))
		;
}

int wire_listen(struct wire *w, uint16_t port, int backlog)
{
	struct ho_stack *s = w->end[SERVER];
	struct ho_endpoint local = {.addr = HO_ADDR_ANY, .port = port};
	int fd = ho_sock_open(s, HO_SOCK_STREAM, 0), rc;

	if (fd < 0)
		return fd;
	rc = ho_sock_bind(s, fd, local);
	if (rc == 0)
		rc = ho_sock_listen(s, fd, backlog);
	return rc ? rc : fd;
}

int wire_connect(struct wire *w, int listener, uint16_t port, int *client, int *server)
{
	struct ho_endpoint to = {.addr = SERVER_ADDR, .port = port};
	int rc;

	*client = ho_sock_open(w->end[CLIENT], HO_SOCK_STREAM, 0);
	if (*client < 0)
		return *client;
	rc = ho_sock_connect(w->end[CLIENT], *client, to);
	if (rc != -EINPROGRESS && rc != 0)
		return rc;
	wire_settle(w);
	*server = ho_sock_accept(w->end[SERVER], listener, NULL);
	return *server < 0 ? *server : 0;
}
