/* SPDX-License-Identifier: MIT
 * lab: how sockets and the queues of listeners went through a run (tracks.h): a track each, a point for each change. */
#include "tracks.h"

#include <stdlib.h>
#include <string.h>

#define SOCKETS_MAX 400
#define LISTENERS_MAX 32
#define SAMPLE_CREDIT 48 /* rows that may be looked at for each chance to look, on average */
#define SAMPLE_CREDIT_MAX 4096
#define CLOSED 7

struct track {
	int host;
	struct ho_endpoint local, peer;
	bool listens;
	uint32_t last[3];
	uint64_t seen; /* in which sample */
	json_t *points, *json;
	struct track *chain, *next;
};

void lab_tracks_open(struct lab_tracks *d)
{
	*d = (struct lab_tracks){.listeners = json_array(), .sockets = json_array()};
	d->end = &d->first;
}

void lab_tracks_close(struct lab_tracks *d)
{
	for (struct track *t; (t = d->first);) {
		d->first = t->next;
		free(t);
	}
	json_decref(d->listeners);
	json_decref(d->sockets);
}

static json_t *endpoint(struct ho_endpoint e)
{
	return json_sprintf("%u.%u.%u.%u:%u", e.addr >> 24, e.addr >> 16 & 255, e.addr >> 8 & 255, e.addr & 255,
	                    e.port);
}

static size_t bucket_of(int host, const struct ho_sock_info *r)
{
	uint64_t x = ((uint64_t)r->local.addr << 32 | r->peer.addr) * 0x9e3779b97f4a7c15u;

	x ^= (uint64_t)r->local.port << 40 ^ (uint64_t)r->peer.port << 20 ^ (uint64_t)host;
	return (size_t)(x * 0x9e3779b97f4a7c15u >> 40) & (LAB_TRACK_BUCKETS - 1);
}

static bool same_endpoint(struct ho_endpoint a, struct ho_endpoint b)
{
	return a.addr == b.addr && a.port == b.port;
}

static struct track *track_find(struct lab_tracks *d, int host, const struct ho_sock_info *r)
{
	struct track *t = d->bucket[bucket_of(host, r)];

	while (t && !(t->host == host && t->listens == (r->state == HO_LISTEN) && same_endpoint(t->local, r->local) &&
	              same_endpoint(t->peer, r->peer)))
		t = t->chain;
	return t;
}

static struct track *track_add(struct lab_tracks *d, int host, const struct ho_sock_info *r)
{
	bool listens = r->state == HO_LISTEN;
	size_t *count = listens ? &d->listener_count : &d->socket_count, b = bucket_of(host, r);

	if (*count == (listens ? LISTENERS_MAX : SOCKETS_MAX)) {
		d->more = true;
		return NULL;
	}
	++*count;
	struct track *t = calloc(1, sizeof *t);

	if (!t)
		abort();
	*t = (struct track){.host = host,
	                    .local = r->local,
	                    .peer = r->peer,
	                    .listens = listens,
	                    .chain = d->bucket[b],
	                    .points = json_array(),
	                    .last = {UINT32_MAX, UINT32_MAX, UINT32_MAX}};
	d->bucket[b] = t;
	*d->end = t;
	d->end = &t->next;
	t->json = listens ? json_pack("{s:i, s:o, s:o}", "h", host, "l", endpoint(r->local), "q", t->points)
	                  : json_pack("{s:i, s:o, s:o, s:o}", "h", host, "l", endpoint(r->local), "p",
	                              endpoint(r->peer), "s", t->points);
	json_array_append_new(listens ? d->listeners : d->sockets, t->json);
	return t;
}

static void point_add(struct track *t, ho_time_ns at, const uint32_t now[3], uint64_t after)
{
	int values = t->listens ? 3 : 1;

	if (memcmp(t->last, now, (size_t)values * sizeof *now) == 0)
		return;
	json_array_append_new(t->points, json_integer((json_int_t)at));
	for (int i = 0; i < values; i++) {
		json_array_append_new(t->points, json_integer(now[i]));
		t->last[i] = now[i];
	}
	if (t->listens)
		json_array_append_new(t->points, json_integer((json_int_t)after));
}

/* The kernel does not say how many requests a listener has: they are rows of their own. */
static uint32_t requests_of(const struct ho_sock_info *row, size_t count, const struct ho_sock_info *listener)
{
	uint32_t n = 0;

	for (size_t i = 0; i < count; i++)
		n += row[i].state == HO_SYN_RECV && row[i].local.port == listener->local.port &&
		     (!listener->local.addr || row[i].local.addr == listener->local.addr);
	return n;
}

static void host_sample(struct lab_tracks *d, struct lab *l, int host, ho_time_ns at, uint64_t after)
{
	bool kernel = l->ops == &lab_world_kernel;
	struct ho_sock_info *row = NULL;
	size_t count = 0;

	if (l->ops->rows(l->world, host, &row, &count) < 0) {
		free(row);
		return;
	}
	d->credit -= (int64_t)count;
	for (size_t i = 0; i < count; i++) {
		const struct ho_sock_info *r = &row[i];
		struct track *t = track_find(d, host, r);

		if (!t && !(t = track_add(d, host, r)))
			continue;
		t->seen = d->samples;
		if (t->listens)
			point_add(
				t, at,
				(uint32_t[]){r->recv_q, r->send_q, kernel ? requests_of(row, count, r) : r->syn_queue},
				after);
		else
			point_add(t, at, (uint32_t[]){r->state + (r->accept_queued ? 100u : 0u), 0, 0}, after);
	}
	free(row);
}

bool lab_tracks_sample(struct lab_tracks *d, struct lab *l, bool must, uint64_t after)
{
	ho_time_ns at = l->ops->now(l->world);

	if (d->credit < SAMPLE_CREDIT_MAX)
		d->credit += SAMPLE_CREDIT;
	if (!must && d->credit < 0)
		return false;
	d->samples++;
	for (int h = 0; h < l->net.host_count; h++)
		host_sample(d, l, h, at, after);
	for (struct track *t = d->first; t; t = t->next)
		if (t->seen != d->samples)
			point_add(t, at, (uint32_t[]){t->listens ? 0 : CLOSED, 0, 0}, after);
	return true;
}
