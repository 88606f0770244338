/* SPDX-License-Identifier: MIT
 * The listening half of a socket: from its first listen() until it is freed. */
#ifndef HO_LISTEN_H
#define HO_LISTEN_H

#include <halfopen/halfopen.h>

#include "lhash.h"

struct sock;

struct listen {
	struct sock *sk;
	uint32_t slot;           /* in st->listeners: what requests name */
	uint32_t backlog;        /* clamped by somaxconn */
	uint32_t accept_count;   /* connections in the accept queue */
	struct sock *accept_head, *accept_tail; /* sock.accept_next */
	uint32_t syn_count;      /* requests */
	uint32_t syn_young;      /* of them, never timed out */
	int32_t backlog_asked;   /* listen()'s argument */
	uint32_t accept_max, syn_max; /* the most ever */
	uint32_t accept_wanted, accept_wanted_max; /* what the queue would hold if it had room for all; the most ever */
	uint64_t requests, cookies, queued, accepted, timed_out;
	uint64_t drops[HO_DROP_CAUSES];
	ho_time_ns since, last_accept, last_drop; /* HO_NEVER */
	ho_time_ns longest_wait; /* between the final ACK and accept() */
	struct ho_endpoint last_drop_peer;
	enum ho_listen_drop last_drop_cause;
	uint64_t last_drop_frame;
	uint32_t overflow_ms;    /* when the last cookie went out, if overflowed */
	bool overflowed;
	struct lnode link;       /* in st->listen_table */
	bool listed;
};

#endif
