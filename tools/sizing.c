/* SPDX-License-Identifier: MIT
 * The simulation of `lab run sizing`: two hosts on a wire of 50 us, one that connects and one that accepts. */
#include "sizing.h"

#include <halfopen/sim.h>

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PORT 9000
#define WIRE_NS (50 * HO_US)
#define GRACE_NS (140 * HO_SEC) /* the last SYN of a connect() leaves after 67 s, its answer may be lost as well */
#define FDS_MAX 65536
#define SERVER HO_ADDR(198, 18, 0, 2)

struct worker {
	int fd; /* -1: free */
	ho_time_ns until;
};

struct play {
	const struct sizing *z;
	struct sizing_result *r;
	struct ho_world *world;
	struct ho_stack *client, *server;
	int client_host, lfd;
	struct worker *worker;
	ho_time_ns *began;  /* by the client's port */
	ho_time_ns *waited; /* of each client served */
	ho_time_ns begin, end, next_burst;
	uint64_t random, drops_seen;
};

/* ---- chance ---- */

static uint64_t draw(struct play *p) /* splitmix64 */
{
	uint64_t x = p->random += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

/* Poisson: independent of what came before. */
static ho_time_ns gap(struct play *p)
{
	double uniform = ((double)(draw(p) >> 11) + 1) / 9007199254740993.0;

	return (ho_time_ns)(-log(uniform) * p->z->burst / p->z->rate * 1e9);
}

/* ---- clients ---- */

static int client_start(struct play *p, ho_time_ns now)
{
	int fd = ho_sock_open(p->client, HO_SOCK_STREAM, 0), err;
	struct ho_endpoint local;

	if (fd < 0)
		return fd == -EMFILE ? -EADDRNOTAVAIL : fd;
	err = ho_sock_connect(p->client, fd, (struct ho_endpoint){SERVER, PORT});
	if (err != -EINPROGRESS) {
		ho_sock_close(p->client, fd);
		return err;
	}
	err = ho_sock_name(p->client, fd, &local);
	if (err != 0)
		return err;
	p->began[local.port] = now;
	p->r->clients++;
	return 0;
}

static int burst_start(struct play *p, ho_time_ns now)
{
	int err = 0;

	for (uint32_t i = 0; i < p->z->burst && err == 0; i++)
		err = client_start(p, now);
	p->next_burst = now + gap(p);
	if (p->next_burst >= p->end)
		p->next_burst = HO_NEVER;
	return err;
}

/* A client that is through says a byte, as a request would be; who only believes to be connected says it again. */
static void client_turn(struct play *p, const struct ho_event *e)
{
	if (e->mask & (HO_ERR | HO_HUP | HO_RDHUP))
		ho_sock_close(p->client, e->fd);
	else if (e->mask & HO_OUT)
		ho_sock_send(p->client, e->fd, "x", 1, 0);
}

static void events_take(struct play *p)
{
	struct ho_event e;
	int host;

	while (ho_world_event(p->world, &host, &e))
		if (host == p->client_host)
			client_turn(p, &e);
}

/* ---- the program ---- */

static void accept_try(struct play *p, struct worker *w, ho_time_ns now)
{
	struct ho_endpoint peer;
	int fd = ho_sock_accept(p->server, p->lfd, &peer);

	if (fd < 0)
		return;
	w->fd = fd;
	w->until = now + (ho_time_ns)(p->z->service_ms * 1e6);
	p->waited[p->r->served++] = now - p->began[peer.port];
}

static void workers_turn(struct play *p, ho_time_ns now)
{
	for (uint32_t i = 0; i < p->z->workers; i++) {
		struct worker *w = &p->worker[i];

		if (w->fd >= 0 && w->until <= now) {
			ho_sock_close(p->server, w->fd);
			w->fd = -1;
		}
		if (w->fd < 0)
			accept_try(p, w, now);
	}
}

static ho_time_ns workers_next(const struct play *p)
{
	ho_time_ns next = HO_NEVER;

	for (uint32_t i = 0; i < p->z->workers; i++)
		if (p->worker[i].fd >= 0 && p->worker[i].until < next)
			next = p->worker[i].until;
	return next;
}

/* ---- what is noted ---- */

static uint64_t drops_of(const struct ho_listener_info *i)
{
	return i->drops[HO_DROP_SYN_ACCEPT_FULL] + i->drops[HO_DROP_SYN_QUEUE_FULL] + i->drops[HO_DROP_SYN_BACKLOG] +
	       i->drops[HO_DROP_ACK_ACCEPT_FULL] + i->drops[HO_DROP_COOKIE_ACCEPT_FULL];
}

static void note(struct play *p, ho_time_ns now)
{
	struct ho_listener_info i;
	size_t bin = (size_t)((double)(now - p->begin) / (double)(p->end - p->begin) * SIZING_BINS);

	if (bin >= SIZING_BINS || ho_sock_listener_info(p->server, p->lfd, &i) != 0)
		return;
	if (i.accept_queue > p->r->fill[bin])
		p->r->fill[bin] = i.accept_queue;
	if (drops_of(&i) > p->drops_seen)
		p->r->dropped[bin] = true;
	p->drops_seen = drops_of(&i);
}

static int time_order(const void *x, const void *y)
{
	const ho_time_ns *a = x, *b = y;

	return *a < *b ? -1 : *a > *b;
}

static void result_fill(struct play *p)
{
	struct sizing_result *r = p->r;
	struct ho_listener_info i;

	ho_sock_listener_info(p->server, p->lfd, &i);
	r->syn_drops =
		i.drops[HO_DROP_SYN_ACCEPT_FULL] + i.drops[HO_DROP_SYN_QUEUE_FULL] + i.drops[HO_DROP_SYN_BACKLOG];
	r->ack_drops = i.drops[HO_DROP_ACK_ACCEPT_FULL] + i.drops[HO_DROP_COOKIE_ACCEPT_FULL];
	r->queued = i.queued;
	r->cookies = i.cookies;
	r->most = i.accept_queue_max;
	r->holds = i.accept_queue_holds;
	r->never = r->clients - r->served;
	if (r->served == 0)
		return;
	qsort(p->waited, r->served, sizeof(*p->waited), time_order);
	r->median = p->waited[r->served / 2];
	r->p99 = p->waited[(uint64_t)r->served * 99 / 100];
	r->longest = p->waited[r->served - 1];
}

/* ---- the play ---- */

static int host_make(struct play *p, const char *name, uint32_t addr, struct ho_stack **out)
{
	struct ho_stack_config c;
	int host;

	ho_stack_config_init(&c);
	c.addr = addr;
	c.prefix_len = 24;
	c.socks_max = FDS_MAX;
	host = ho_world_host_add(p->world, name, &c);
	if (host >= 0)
		*out = ho_world_host(p->world, host);
	return host;
}

static int listener_make(struct play *p)
{
	char text[16];
	int err;

	snprintf(text, sizeof(text), "%u", p->z->somaxconn);
	err = ho_sysctl_set(p->server, "net.core.somaxconn", text);
	p->lfd = err == 0 ? ho_sock_open(p->server, HO_SOCK_STREAM, 0) : err;
	if (p->lfd < 0)
		return p->lfd;
	err = ho_sock_bind(p->server, p->lfd, (struct ho_endpoint){HO_ADDR_ANY, PORT});
	return err == 0 ? ho_sock_listen(p->server, p->lfd, p->z->backlog) : err;
}

static int play_open(struct play *p)
{
	struct ho_wire_config wire = {.delay_ns = WIRE_NS};
	int server, err = ho_world_open(p->z->seed, NULL, &p->world);

	if (err != 0)
		return err;
	p->began = calloc(65536, sizeof(*p->began));
	p->waited = calloc(SIZING_CLIENTS_MAX, sizeof(*p->waited));
	p->worker = calloc(p->z->workers, sizeof(*p->worker));
	if (p->began == NULL || p->waited == NULL || p->worker == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < p->z->workers; i++)
		p->worker[i].fd = -1;
	p->client_host = host_make(p, "clients", HO_ADDR(198, 18, 0, 1), &p->client);
	server = host_make(p, "server", SERVER, &p->server);
	if (p->client_host < 0 || server < 0)
		return p->client_host < 0 ? p->client_host : server;
	err = ho_world_wire_add(p->world, p->client_host, server, &wire, &wire);
	return err == 0 ? listener_make(p) : err;
}

static void play_close(struct play *p)
{
	ho_world_close(p->world);
	free(p->began);
	free(p->waited);
	free(p->worker);
}

static int play_run(struct play *p)
{
	int err = 0;

	p->end = (ho_time_ns)(p->z->seconds * 1e9);
	p->next_burst = 0;
	while (err == 0) {
		ho_time_ns until = p->next_burst, busy = workers_next(p), now;

		if (until == HO_NEVER && p->r->served == p->r->clients)
			break;
		if (busy < until)
			until = busy;
		if (until > p->end + GRACE_NS)
			until = p->end + GRACE_NS;
		now = ho_world_run(p->world, until, true);
		note(p, now);
		events_take(p);
		workers_turn(p, now);
		if (p->next_burst <= now && p->r->clients + p->z->burst <= SIZING_CLIENTS_MAX)
			err = burst_start(p, now);
		if (now >= p->end + GRACE_NS)
			break;
	}
	return err;
}

int sizing_simulate(const struct sizing *z, struct sizing_result *out)
{
	struct play p = {.z = z, .r = out, .random = z->seed};
	int err;

	memset(out, 0, sizeof(*out));
	err = play_open(&p);
	if (err == 0)
		err = play_run(&p);
	if (err == 0)
		result_fill(&p);
	play_close(&p);
	return err;
}

/* Gives  1 if this backlog drops, 0 if not, or an error. */
static int drops_with(const struct sizing *z, int32_t backlog)
{
	struct sizing_result r;
	struct sizing try = *z;
	int err;

	try.backlog = backlog;
	err = sizing_simulate(&try, &r);
	return err != 0 ? err : r.syn_drops + r.ack_drops > 0;
}

/* Without a limit the queue shows how long it needs to be: one less is the argument.  Then it is tried. */
int sizing_smallest(const struct sizing *z, int32_t *backlog)
{
	struct sizing free_of = *z;
	struct sizing_result r;
	int dropped;
	int32_t enough;

	free_of.backlog = free_of.somaxconn = SIZING_CLIENTS_MAX;
	dropped = sizing_simulate(&free_of, &r);
	if (dropped < 0)
		return dropped;
	enough = r.most > 0 ? (int32_t)r.most - 1 : 0;
	while ((dropped = drops_with(&free_of, enough)) == 1)
		enough++;
	while (dropped == 0 && enough > 0 && (dropped = drops_with(&free_of, enough - 1)) == 0)
		enough--;
	*backlog = enough;
	return dropped < 0 ? dropped : 0;
}
