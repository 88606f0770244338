/* SPDX-License-Identifier: MIT
 * Small services on a stack: echo, discard, chargen, http, hold, noaccept; and of UDP echo, discard, dns.
 *
 * Each connection is a conn with a service; a service is a row with one function, run, that goes on until it would block or
 * has done its share, and says which.  Nobody is waited for: a peer that does not read stops its own connection only. */
#ifndef HO_SERVICES_H
#define HO_SERVICES_H

#include "listen_spec.h"
#include "udp_spec.h"

#include <halfopen/halfopen.h>

enum run_verdict {
	RUN_WAIT, /* blocked: again at the next event */
	RUN_MORE, /* its share is used up: again soon */
	RUN_DONE, /* close it */
};

struct services;
struct conn;
struct http_conn;

struct service {
	const char *name;
	const char *text;
	bool accepts;                   /* takes connections out of the accept queue at all */
	bool expires;                   /* a connection without progress for SERVICE_IDLE_NS is closed */
	int (*on_open)(struct conn *c); /* NULL: nothing to prepare; 0, -ENOMEM */
	enum run_verdict (*run)(struct conn *c);
	void (*on_close)(struct conn *c); /* NULL: nothing to clear away */
};

#define SERVICE_IDLE_NS (30 * HO_SEC)
#define SERVICE_SHARE_BYTES (64u * 1024u) /* what one connection may move before the others have their turn */

struct conn {
	struct services *services;
	const struct service *service; /* NULL: this descriptor is not open */
	struct ho_stack *stack;
	int fd;
	bool is_listener;
	bool queued;         /* in the ready list */
	uint64_t sent_bytes; /* chargen: where in the pattern */
	struct http_conn *http;
	const struct udp_spec *udp; /* of a UDP socket; NULL */
	struct conn *ready_next;
	struct conn *listener_next;
	struct conn *idle_prev, *idle_next;
	ho_time_ns idle_since;
};

struct services_stats {
	uint64_t accepted, closed, requests;
	uint32_t open;
};

/* Gives  0, -ENOMEM.  socks_max: of the stack's config. */
int services_open(struct ho_stack *s, uint32_t socks_max, struct services **out);
void services_close(struct services *sv); /* connections are closed, too */

const struct service *service_find(const char *name);
const struct service *service_row(unsigned i); /* NULL after the last */

/* Gives  0, -ENOENT (no such app), or what bind or listen said. */
int services_listen(struct services *sv, const struct listen_spec *spec);

/* Opens a UDP socket on any address; spec must stay.  Gives  0, or what socket or bind said. */
int services_udp(struct services *sv, const struct udp_spec *spec);

/* Takes the stack's events and lets connections work for a while.
 * Gives  true if there is more to do at once. */
bool services_run(struct services *sv, ho_time_ns now);
ho_time_ns services_deadline(const struct services *sv); /* the next idle connection's end; HO_NEVER */

struct services_stats *services_stats(struct services *sv);
/* A connection moved something: its idle time begins anew. */
void conn_progress(struct conn *c);

/* service_udp.c */
extern const struct service udp_service;

/* service_http.c */
int http_on_open(struct conn *c);
enum run_verdict http_run(struct conn *c);
void http_on_close(struct conn *c);

#endif
