/* SPDX-License-Identifier: MIT
 * halfopen: what happens in a stack, as it happens: calls, states, queues, retransmissions, drops, counters.
 *
 *     ho_watch(s, HO_WATCH_ALL, 4096);                the stack keeps the last 4096 records
 *     uint64_t seen = ho_watch_newest(s), lost;
 *     for (;;) {
 *         ... the loop of stack.h ...
 *         while (ho_watch_next(s, &seen, &w, &lost))
 *             ho_watch_say(&w, buf, sizeof(buf));     view.h
 *     }
 *
 * Records lie in a ring; each reader has a number of his own, and nobody is waited for: who comes too late is told how
 * many he has missed.  A stack that nobody watches does not even ask whether there is something to note, but where a
 * counter moves or something rare happens. */
#ifndef HALFOPEN_WATCH_H
#define HALFOPEN_WATCH_H

#include "counter.h"
#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

enum ho_watch_kind {
	HO_WATCH_CALL,       /* a call of the program; not those that move data (send, recv) or ask (poll, getsockopt) */
	HO_WATCH_STATE,      /* a connection or listener changed its state */
	HO_WATCH_QUEUE,      /* somebody entered or left a listener's SYN or accept queue */
	HO_WATCH_RETRANSMIT, /* a segment is sent again: data, FIN, SYN or SYN+ACK */
	HO_WATCH_DROP,       /* something was dropped or refused */
	HO_WATCH_COUNTER,    /* a counter moved */
	HO_WATCH_KINDS,
};
#define HO_WATCH_ALL ((1u << HO_WATCH_KINDS) - 1)

enum ho_verb {
	HO_VERB_SOCKET, HO_VERB_BIND, HO_VERB_LISTEN, HO_VERB_ACCEPT, HO_VERB_CONNECT, HO_VERB_DISCONNECT,
	HO_VERB_SHUTDOWN, HO_VERB_CLOSE, HO_VERB_SETSOCKOPT,
	HO_VERBS,
};

/* Which queue of a listener. */
enum ho_queue { HO_QUEUE_SYN, HO_QUEUE_ACCEPT };

/* Why somebody is no longer in a queue. */
enum ho_left {
	HO_LEFT_NOT,             /* on the contrary: he entered */
	HO_LEFT_ESTABLISHED,     /* SYN queue: the final ACK came */
	HO_LEFT_TIMED_OUT,       /* SYN queue: all SYN+ACKs went unanswered */
	HO_LEFT_RESET,           /* SYN queue: a RST or SYN in its window, or ours because of tcp_abort_on_overflow */
	HO_LEFT_UNREACHABLE,     /* SYN queue: an ICMP error says so */
	HO_LEFT_UNSENT,          /* SYN queue: the SYN+ACK could not be sent */
	HO_LEFT_LISTENER_CLOSED,
	HO_LEFT_ACCEPTED,        /* accept queue: accept() took it */
	HO_LEFTS,
};

struct ho_watched {
	uint8_t kind; /* enum ho_watch_kind: which of those below */
	/* When, whose and what set it off.  Its counter, delta, why, a and b are of kind COUNTER, and of DROP and
	 * RETRANSMIT the reason; its state is the one before.  Its number is the record's, from 1. */
	struct ho_trace by;
	union {
		struct {
			uint8_t verb;            /* enum ho_verb; by.what is its name */
			int32_t fd;              /* its first argument, but for socket() */
			/* socket: type, protocol; listen: backlog; shutdown: how; setsockopt: level, name */
			int32_t a, b;
			int32_t value;           /* setsockopt: the first four bytes of the value */
			struct ho_endpoint addr; /* bind, connect; accept: the peer of the connection that it took */
			int32_t result;          /* what the call gave */
		} call;
		struct {
			uint8_t from, to; /* enum ho_tcp_state */
		} state;
		struct {
			uint8_t queue; /* enum ho_queue; by.fd is the listener's, by.peer who enters or leaves */
			uint8_t left;  /* enum ho_left */
			uint32_t length, limit; /* after it; the queue holds one more than its limit */
		} queue;
		struct {
			uint32_t seq, offset; /* sequence number; counted from that of the SYN, which is 0 */
			uint32_t len_bytes;   /* of payload */
			uint16_t segs;
			uint8_t flags;        /* of the TCP header */
		} retransmit;
		struct {
			bool listener; /* at a listener: cause; else by.counter moved, and by.why says more */
			uint8_t cause; /* enum ho_listen_drop */
		} drop;
	};
};

/* Begins to keep records, goes on with others, or ends.
 * Shape  a stack that keeps records of some kinds, or none -> one that keeps those of kinds
 * Takes  kinds: a bit 1 << HO_WATCH_... a kind; 0: none, and the memory is given back.
 *        records_max: how many are kept, 1 to 2^24; another number than before forgets those that are there.
 * Gives  0; -EINVAL, -ENOMEM: all stays as it was.
 * Owns   120 bytes a record, from the stack's allocator.
 * Work   O(1), but for the allocator.
 * Differs from Linux's tracepoint sock:inet_sock_set_state in two things: a socket in SYN-SENT has its port already,
 *        and a connection goes on to TIME-WAIT and is closed when that is over, where Linux tells of the socket's end. */
HO_API int ho_watch(struct ho_stack *s, uint32_t kinds, uint32_t records_max);

/* Gives  the number of the newest record, of all that were ever kept; 0 before the first. */
HO_API uint64_t ho_watch_newest(const struct ho_stack *s);

/* Reads the oldest record after *seen that is still there, and moves *seen to it.  Any number of readers, each with a
 * *seen of his own, which begins as 0 (all that is there) or ho_watch_newest() (only what is to come).
 * Gives  false: there is none; *lost: how many between *seen and this one are gone. */
HO_API bool ho_watch_next(const struct ho_stack *s, uint64_t *seen, struct ho_watched *out, uint64_t *lost);

#ifdef __cplusplus
}
#endif
#endif
