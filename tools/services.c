/* SPDX-License-Identifier: MIT
 * Small services on a stack.
 *
 * Events of the stack are edges: each puts its connection into the ready list, and a connection stays there until its
 * service says RUN_WAIT.  A round runs at most ROUND_RUNS of them, then the caller looks after the device again.
 * Connections live in a table by descriptor.  A listener is an entry of it, too: its run is accept. */
#include "services.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ROUND_RUNS 8
#define ROUND_ACCEPTS 64
#define BOUNCE_BYTES 65536
#define CHARGEN_LINE 74u  /* 72 characters, CR LF */
#define CHARGEN_CHARS 95u /* printable ones: the pattern repeats after 95 lines */

struct services {
	struct ho_stack *stack;
	uint32_t socks_max;
	struct conn *ready, **ready_end;
	struct conn *idle_first, *idle_last; /* by idle_since, oldest first */
	ho_time_ns now;
	struct conn *listeners;
	bool starved; /* a listener found no descriptor free: again when one is */
	struct services_stats stats;
	char bounce[BOUNCE_BYTES];
	char chargen[CHARGEN_LINE * CHARGEN_CHARS * 2]; /* twice, so that a piece from any place on is in one piece */
	struct conn conn[];
};

/* ---- ready list ---- */

static void ready_push(struct conn *c)
{
	struct services *sv = c->services;

	if (c->queued)
		return;
	c->queued = true;
	c->ready_next = NULL;
	*sv->ready_end = c;
	sv->ready_end = &c->ready_next;
}

static struct conn *ready_pop(struct services *sv)
{
	struct conn *c = sv->ready;

	if (c == NULL)
		return NULL;
	sv->ready = c->ready_next;
	if (sv->ready == NULL)
		sv->ready_end = &sv->ready;
	c->queued = false;
	return c;
}

/* ---- idle list ---- */

static void idle_remove(struct conn *c)
{
	struct services *sv = c->services;

	*(c->idle_prev != NULL ? &c->idle_prev->idle_next : &sv->idle_first) = c->idle_next;
	*(c->idle_next != NULL ? &c->idle_next->idle_prev : &sv->idle_last) = c->idle_prev;
}

static void idle_append(struct conn *c)
{
	struct services *sv = c->services;

	c->idle_since = sv->now;
	c->idle_prev = sv->idle_last;
	c->idle_next = NULL;
	*(sv->idle_last != NULL ? &sv->idle_last->idle_next : &sv->idle_first) = c;
	sv->idle_last = c;
}

void conn_progress(struct conn *c)
{
	idle_remove(c);
	idle_append(c);
}

/* ---- connections ---- */

static int conn_open(struct services *sv, int fd, const struct service *service)
{
	struct conn *c;
	int err;

	assert((uint32_t)fd < sv->socks_max && "ho_sock_accept: descriptors are below socks_max");
	c = &sv->conn[fd];
	*c = (struct conn){.services = sv,
	                   .service = service,
	                   .stack = sv->stack,
	                   .fd = fd,
	                   .queued = c->queued,
	                   .ready_next = c->ready_next};
	err = service->on_open != NULL ? service->on_open(c) : 0;
	if (err != 0) {
		c->service = NULL;
		ho_sock_close(sv->stack, fd);
		return err;
	}
	if (service->expires)
		idle_append(c);
	sv->stats.accepted++;
	sv->stats.open++;
	ready_push(c); /* there may be data already */
	return 0;
}

static void conn_close(struct conn *c)
{
	struct services *sv = c->services;

	if (c->service->expires)
		idle_remove(c);
	if (c->service->on_close != NULL)
		c->service->on_close(c);
	ho_sock_close(sv->stack, c->fd);
	c->service = NULL; /* it may stand in the ready list still: passed over there */
	sv->stats.closed++;
	sv->stats.open--;
}

/* ---- the services ---- */

static bool is_over(ptrdiff_t n)
{
	return n == 0 || (n < 0 && n != -EAGAIN);
}

/* What was received is taken out only when it has been sent: a peer that does not read fills its own window. */
static enum run_verdict echo_run(struct conn *c)
{
	char *bounce = c->services->bounce;

	for (size_t moved = 0; moved < SERVICE_SHARE_BYTES;) {
		ptrdiff_t got = ho_sock_recv(c->stack, c->fd, bounce, BOUNCE_BYTES, HO_MSG_PEEK);
		ptrdiff_t sent;

		if (is_over(got))
			return RUN_DONE;
		if (got < 0)
			return RUN_WAIT;
		sent = ho_sock_send(c->stack, c->fd, bounce, (size_t)got, HO_MSG_NOSIGNAL);
		if (sent == -EAGAIN)
			return RUN_WAIT;
		if (sent < 0)
			return RUN_DONE;
		ho_sock_recv_skip(c->stack, c->fd, (size_t)sent);
		moved += (size_t)sent;
	}
	return RUN_MORE;
}

static enum run_verdict discard_run(struct conn *c)
{
	for (size_t moved = 0; moved < SERVICE_SHARE_BYTES;) {
		struct ho_slice slices[16];
		int count = ho_sock_recv_peek(c->stack, c->fd, slices, 16);
		size_t bytes = 0;

		if (is_over(count))
			return RUN_DONE;
		if (count < 0)
			return RUN_WAIT;
		for (int i = 0; i < count; i++)
			bytes += slices[i].len_bytes;
		ho_sock_recv_skip(c->stack, c->fd, bytes);
		moved += bytes;
	}
	return RUN_MORE;
}

/* Source RFC 864: what the peer sends is thrown away. */
static enum run_verdict chargen_run(struct conn *c)
{
	const size_t period = sizeof(c->services->chargen) / 2;
	enum run_verdict in = discard_run(c);

	if (in == RUN_DONE)
		return RUN_DONE;
	for (size_t moved = 0; moved < SERVICE_SHARE_BYTES;) {
		ptrdiff_t sent = ho_sock_send(c->stack, c->fd, c->services->chargen + c->sent_bytes % period, period,
		                              HO_MSG_NOSIGNAL);

		if (sent == -EAGAIN)
			return in;
		if (sent < 0)
			return RUN_DONE;
		c->sent_bytes += (size_t)sent;
		moved += (size_t)sent;
	}
	return RUN_MORE;
}

/* Nothing is ever read; the peer's FIN leaves the connection in CLOSE-WAIT. */
static enum run_verdict hold_run(struct conn *c)
{
	return ho_sock_poll(c->stack, c->fd) & (HO_ERR | HO_HUP) ? RUN_DONE : RUN_WAIT;
}

static const struct service rows[] = {
	{.name = "echo", .text = "sends back what comes", .accepts = true, .run = echo_run},
	{.name = "discard", .text = "reads and forgets", .accepts = true, .run = discard_run},
	{.name = "chargen", .text = "sends characters for ever (RFC 864)", .accepts = true, .run = chargen_run},
	{.name = "http",
         .text = "/ says what this is, /bytes/N sends N bytes",
         .accepts = true,
         .expires = true,
         .on_open = http_on_open,
         .run = http_run,
         .on_close = http_on_close},
	{.name = "hold", .text = "accepts and never reads", .accepts = true, .run = hold_run},
	{.name = "noaccept", .text = "never accepts"},
};

const struct service *service_row(unsigned i)
{
	return i < sizeof(rows) / sizeof(*rows) ? &rows[i] : NULL;
}

const struct service *service_find(const char *name)
{
	for (unsigned i = 0; service_row(i) != NULL; i++)
		if (strcmp(rows[i].name, name) == 0)
			return &rows[i];
	return NULL;
}

/* ---- listeners ---- */

static enum run_verdict listener_run(struct conn *l)
{
	if (!l->service->accepts)
		return RUN_WAIT;
	for (int i = 0; i < ROUND_ACCEPTS; i++) {
		int fd = ho_sock_accept(l->stack, l->fd, NULL);

		if (fd == -EMFILE || fd == -ENOMEM)
			l->services->starved = true;
		if (fd < 0)
			return RUN_WAIT;
		conn_open(l->services, fd, l->service);
	}
	return RUN_MORE;
}

int services_listen(struct services *sv, const struct listen_spec *spec)
{
	const struct service *service = service_find(spec->app);
	const int32_t yes = 1;
	int fd, err;

	if (service == NULL)
		return -ENOENT;
	fd = ho_sock_open(sv->stack, HO_SOCK_STREAM, 0);
	if (fd < 0)
		return fd;
	err = ho_sock_setopt(sv->stack, fd, HO_SOL_SOCKET, HO_SO_REUSEADDR, &yes, sizeof(yes));
	if (err == 0)
		err = ho_sock_bind(sv->stack, fd, (struct ho_endpoint){HO_ADDR_ANY, spec->port});
	if (err == 0)
		err = ho_sock_listen(sv->stack, fd, spec->backlog);
	if (err != 0) {
		ho_sock_close(sv->stack, fd);
		return err;
	}
	sv->conn[fd] = (struct conn){.services = sv,
	                             .service = service,
	                             .stack = sv->stack,
	                             .fd = fd,
	                             .is_listener = true,
	                             .listener_next = sv->listeners};
	sv->listeners = &sv->conn[fd];
	return 0;
}

int services_udp(struct services *sv, const struct udp_spec *spec)
{
	int fd = ho_sock_open(sv->stack, HO_SOCK_DGRAM, HO_IPPROTO_UDP), err;

	if (fd < 0)
		return fd;
	err = ho_sock_bind(sv->stack, fd, (struct ho_endpoint){HO_ADDR_ANY, spec->port});
	if (err != 0) {
		ho_sock_close(sv->stack, fd);
		return err;
	}
	sv->conn[fd] = (struct conn){.services = sv, .service = &udp_service, .stack = sv->stack, .fd = fd, .udp = spec};
	return 0;
}

static void listeners_wake(struct services *sv)
{
	sv->starved = false;
	for (struct conn *l = sv->listeners; l != NULL; l = l->listener_next)
		ready_push(l);
}

/* ---- rounds ---- */

static void conn_run(struct conn *c)
{
	enum run_verdict verdict;

	if (c->service == NULL)
		return;
	verdict = c->is_listener ? listener_run(c) : c->service->run(c);
	if (verdict == RUN_MORE) {
		ready_push(c);
	} else if (verdict == RUN_DONE) {
		conn_close(c);
		if (c->services->starved)
			listeners_wake(c->services);
	}
}

bool services_run(struct services *sv, ho_time_ns now)
{
	struct ho_event e;

	sv->now = now;
	while (ho_stack_event(sv->stack, &e))
		if ((uint32_t)e.fd < sv->socks_max && sv->conn[e.fd].service != NULL)
			ready_push(&sv->conn[e.fd]);
	while (sv->idle_first != NULL && now - sv->idle_first->idle_since >= SERVICE_IDLE_NS)
		conn_close(sv->idle_first);
	for (int i = 0; i < ROUND_RUNS && sv->ready != NULL; i++)
		conn_run(ready_pop(sv));
	return sv->ready != NULL;
}

ho_time_ns services_deadline(const struct services *sv)
{
	return sv->idle_first != NULL ? sv->idle_first->idle_since + SERVICE_IDLE_NS : HO_NEVER;
}

struct services_stats *services_stats(struct services *sv)
{
	return &sv->stats;
}

/* ---- birth and death ---- */

static void chargen_fill(char *pattern)
{
	for (unsigned line = 0; line < 2 * CHARGEN_CHARS; line++, pattern += CHARGEN_LINE) {
		for (unsigned i = 0; i < CHARGEN_LINE - 2; i++)
			pattern[i] = (char)(' ' + (line + i) % CHARGEN_CHARS);
		memcpy(pattern + CHARGEN_LINE - 2, "\r\n", 2);
	}
}

int services_open(struct ho_stack *s, uint32_t socks_max, struct services **out)
{
	struct services *sv = calloc(1, sizeof(*sv) + socks_max * sizeof(sv->conn[0]));

	if (sv == NULL)
		return -ENOMEM;
	sv->stack = s;
	sv->socks_max = socks_max;
	sv->ready_end = &sv->ready;
	chargen_fill(sv->chargen);
	*out = sv;
	return 0;
}

void services_close(struct services *sv)
{
	if (sv == NULL)
		return;
	for (uint32_t fd = 0; fd < sv->socks_max; fd++) {
		if (sv->conn[fd].service == NULL)
			continue;
		if (sv->conn[fd].is_listener || sv->conn[fd].udp != NULL)
			ho_sock_close(sv->stack, (int)fd);
		else
			conn_close(&sv->conn[fd]);
	}
	free(sv);
}
