/* SPDX-License-Identifier: MIT
 * A ring of records for those who watch (include/halfopen/watch.h).  Their numbers go on while nobody does, so that a
 * reader who comes back sees what he has missed.  A call's record is written when it begins, so that it stands before
 * what it sets off, and gets its result when it ends: nobody can read in between. */
#include "watch.h"

#include "tcp.h"

#define RECORDS_MAX (1u << 24)

static struct ho_watched *record_at(const struct watch *w, uint64_t number)
{
	return (struct ho_watched *)&w->record[number % w->records_max];
}

/* Gives  a record with its time, number and cause; NULL: nobody wants this kind. */
static struct ho_watched *record(struct ho_stack *st, enum ho_watch_kind kind)
{
	struct watch *w = st->watch;
	struct ho_watched *r;

	if (w == NULL || !(w->kinds >> kind & 1))
		return NULL;
	r = record_at(w, ++st->watch_number);
	memset(r, 0, sizeof(*r));
	r->kind = (uint8_t)kind;
	r->by = (struct ho_trace){
		.at = st->now,
		.number = st->watch_number,
		.cause = st->cause.kind,
		.frame_in = st->cause.frame_in,
		.frame_out = st->cause.frame_out,
		.what = st->cause.what,
		.fd = -1,
	};
	return r;
}

static struct ho_watched *record_sock(struct ho_stack *st, enum ho_watch_kind kind, const struct sock *sk)
{
	struct ho_watched *r = record(st, kind);

	if (r != NULL)
		trace_sock(&r->by, &st->cause, sk);
	return r;
}

static struct ho_watched *record_entry(struct ho_stack *st, enum ho_watch_kind kind, const struct entry *e)
{
	struct ho_watched *r = record(st, kind);

	if (r != NULL) {
		r->by.local = (struct ho_endpoint){e->laddr, e->lport};
		r->by.peer = (struct ho_endpoint){e->raddr, e->rport};
	}
	return r;
}

/* ---- counters, and drops that are only counted ---- */

/* Counters that say that something was dropped or refused: one a drop, not those that move along.  What a listener
 * drops is noted by itself. */
static bool tells_a_drop(const struct sock *sk, uint32_t counter)
{
	switch (counter) {
	case HO_IpInHdrErrors:
	case HO_IpInAddrErrors:
	case HO_IpInUnknownProtos:
	case HO_IpInDiscards:
	case HO_IpOutDiscards:
	case HO_IpOutNoRoutes:
	case HO_IpReasmFails:
	case HO_IpFragFails:
	case HO_IpExtInNoRoutes:
	case HO_IpExtInTruncatedPkts:
	case HO_IcmpInErrors:
	case HO_TcpInErrs:
	case HO_UdpNoPorts:
	case HO_UdpRcvbufErrors:
	case HO_UdpMemErrors:
	case HO_UdpInCsumErrors:
	case HO_UdpSndbufErrors:
	case HO_UdpIgnoredMulti:
	case HO_TcpExtOfoPruned:
	case HO_TcpExtOutOfWindowIcmps:
	case HO_TcpExtPAWSActive:
	case HO_TcpExtBeyondWindow:
	case HO_TcpExtPAWSOldAck:
	case HO_TcpExtPAWSTimewait:
	case HO_TcpExtTCPMD5Unexpected:
	case HO_TcpExtTCPMinTTLDrop:
	case HO_TcpExtIPReversePathFilter:
	case HO_TcpExtTCPZeroWindowDrop:
	case HO_TcpExtTCPRcvQDrop:
	case HO_TcpExtTCPOFODrop: return true;
	case HO_TcpExtPAWSEstab:
	case HO_TcpExtTSEcrRejected: return sk == NULL || sk->state != HO_LISTEN;
	default: return false;
	}
}

/* Takes  t: all of the record but its number. */
void watch_count(struct ho_stack *st, const struct sock *sk, const struct ho_trace *t)
{
	struct ho_watched *r = tells_a_drop(sk, t->counter) ? record(st, HO_WATCH_DROP) : NULL;

	if (r != NULL) {
		r->by = *t;
		r->by.number = st->watch_number;
	}
	r = record(st, HO_WATCH_COUNTER);
	if (r != NULL) {
		r->by = *t;
		r->by.number = st->watch_number;
	}
}

void watch_note_drop(struct ho_stack *st, const struct sock *lsk, enum ho_listen_drop cause, struct ho_endpoint peer)
{
	struct ho_watched *r = record_sock(st, HO_WATCH_DROP, lsk);

	if (r == NULL)
		return;
	r->by.peer = peer;
	r->drop.listener = true;
	r->drop.cause = (uint8_t)cause;
}

/* ---- states, queues ---- */

/* A connection's socket that is not in the table any more has left it to a bucket: that one's states are told. */
void watch_note_state(struct ho_stack *st, const struct sock *sk, uint8_t to)
{
	bool bucket = to == HO_CLOSE && !sk->hashed && sk->state != HO_LISTEN;
	struct ho_watched *r;

	if (sk->type != HO_SOCK_STREAM || sk->state == to || to == HO_SYN_SENT || bucket)
		return;
	r = record_sock(st, HO_WATCH_STATE, sk);
	if (r == NULL)
		return;
	r->state.from = sk->state;
	r->state.to = to;
}

void watch_note_connect(struct ho_stack *st, const struct sock *sk)
{
	struct ho_watched *r = record_sock(st, HO_WATCH_STATE, sk);

	if (r == NULL)
		return;
	r->by.state = r->state.from = HO_CLOSE;
	r->state.to = HO_SYN_SENT;
}

void watch_note_bucket(struct ho_stack *st, const struct entry *e, uint8_t from, uint8_t to)
{
	struct ho_watched *r = from != to ? record_entry(st, HO_WATCH_STATE, e) : NULL;

	if (r == NULL)
		return;
	r->by.state = from;
	r->state.from = from;
	r->state.to = to;
}

void watch_note_queue(struct ho_stack *st, const struct sock *lsk, const struct entry *e, enum ho_queue queue,
                      enum ho_left left)
{
	struct ho_watched *r = record_entry(st, HO_WATCH_QUEUE, e);

	if (r == NULL)
		return;
	r->by.fd = lsk->fd;
	r->by.state = lsk->state;
	r->queue.queue = (uint8_t)queue;
	r->queue.left = (uint8_t)left;
	r->queue.length = queue == HO_QUEUE_SYN ? lsk->l->syn_count : lsk->l->accept_count;
	r->queue.limit = lsk->l->backlog;
}

/* ---- retransmissions ---- */

void watch_note_resend(struct ho_stack *st, const struct sock *sk, const struct seg *g)
{
	struct ho_watched *r = record_sock(st, HO_WATCH_RETRANSMIT, sk);

	if (r == NULL)
		return;
	r->retransmit.seq = g->seq.n;
	r->retransmit.offset = (uint32_t)sk->bytes_acked + sk->passive + seq_sub(g->seq, sk->snd_una);
	r->retransmit.len_bytes = g->len_bytes;
	r->retransmit.segs = g->pcount;
	r->retransmit.flags = g->flags;
}

void watch_note_synack(struct ho_stack *st, const struct sock *sk, const struct entry *e, seq_t isn, enum ho_why why,
                       uint32_t a, uint32_t b)
{
	struct ho_watched *r = record_entry(st, HO_WATCH_RETRANSMIT, e);

	if (r == NULL)
		return;
	r->by.fd = sk->fd;
	r->by.state = sk->state;
	r->by.why = (uint8_t)why;
	r->by.a = a;
	r->by.b = b;
	r->retransmit.seq = isn.n;
	r->retransmit.segs = 1;
	r->retransmit.flags = TCP_SYN | TCP_ACK;
}

/* ---- calls ---- */

static const char *verb_name(enum ho_verb verb)
{
	static const char *const names[HO_VERBS] = {
		[HO_VERB_SOCKET] = "socket",     [HO_VERB_BIND] = "bind",       [HO_VERB_LISTEN] = "listen",
		[HO_VERB_ACCEPT] = "accept",     [HO_VERB_CONNECT] = "connect", [HO_VERB_DISCONNECT] = "disconnect",
		[HO_VERB_SHUTDOWN] = "shutdown", [HO_VERB_CLOSE] = "close",     [HO_VERB_SETSOCKOPT] = "setsockopt",
	};

	return names[verb];
}

/* Whose it is as things stand. */
static void call_sock(const struct ho_stack *st, struct ho_trace *by, int fd)
{
	const struct sock *sk = sock_by_fd(st, fd);

	if (sk != NULL)
		trace_sock(by, &(struct cause){0}, sk);
}

uint64_t watch_note_call(struct ho_stack *st, enum ho_verb verb, int fd, int a, int b, struct ho_endpoint addr)
{
	struct ho_watched *r;

	cause_call(st, verb_name(verb));
	r = record(st, HO_WATCH_CALL);
	if (r == NULL)
		return 0;
	call_sock(st, &r->by, fd);
	r->call.verb = (uint8_t)verb;
	r->call.fd = fd;
	r->call.a = a;
	r->call.b = b;
	r->call.addr = addr;
	return r->by.number;
}

/* Gives  the record of a call; NULL: what the call set off has taken its place. */
static struct ho_watched *call_at(const struct ho_stack *st, uint64_t call)
{
	struct ho_watched *r = record_at(st->watch, call);

	return r->by.number == call ? r : NULL;
}

void watch_note_value(struct ho_stack *st, uint64_t call, const void *val, size_t len_bytes)
{
	struct ho_watched *r = call_at(st, call);

	if (r != NULL && val != NULL)
		memcpy(&r->call.value, val, len_bytes < sizeof(r->call.value) ? len_bytes : sizeof(r->call.value));
}

void watch_note_result(struct ho_stack *st, uint64_t call, int result)
{
	struct ho_watched *r = call_at(st, call);

	if (r == NULL)
		return;
	r->call.result = result;
	if (result >= 0 && (r->call.verb == HO_VERB_SOCKET || r->call.verb == HO_VERB_ACCEPT)) {
		const struct sock *sk = sock_by_fd(st, result);

		if (r->call.verb == HO_VERB_ACCEPT)
			r->call.addr = r->by.peer = (struct ho_endpoint){sk->e.raddr, sk->e.rport};
		else
			r->by.fd = result;
	} else if (r->call.verb != HO_VERB_CLOSE) {
		call_sock(st, &r->by, r->call.fd);
	}
}

/* ---- who watches ---- */

void watch_free(struct ho_stack *st)
{
	struct watch *w = st->watch;

	if (w == NULL)
		return;
	if (st->trace == &w->none)
		st->trace = NULL;
	memory_give(&st->mem, w, sizeof(*w) + w->records_max * sizeof(w->record[0]));
	st->watch = NULL;
}

static int watch_make(struct ho_stack *st, uint32_t records_max)
{
	size_t bytes = sizeof(struct watch) + records_max * sizeof(struct ho_watched);
	struct watch *w = memory_take(&st->mem, bytes);

	if (w == NULL)
		return -ENOMEM;
	memset(w, 0, bytes);
	watch_free(st);
	w->records_max = records_max;
	st->watch = w;
	if (st->trace == NULL)
		st->trace = &w->none;
	return 0;
}

int ho_watch(struct ho_stack *s, uint32_t kinds, uint32_t records_max)
{
	int err = 0;

	if (kinds == 0) {
		watch_free(s);
		return 0;
	}
	if (kinds > HO_WATCH_ALL || records_max == 0 || records_max > RECORDS_MAX)
		return -EINVAL;
	if (s->watch == NULL || s->watch->records_max != records_max)
		err = watch_make(s, records_max);
	if (err == 0)
		s->watch->kinds = kinds;
	return err;
}

uint64_t ho_watch_newest(const struct ho_stack *s)
{
	return s->watch_number;
}

/* The oldest one that can be there is where the next will be written; a ring that is not full has none at its place. */
bool ho_watch_next(const struct ho_stack *s, uint64_t *seen, struct ho_watched *out, uint64_t *lost)
{
	uint64_t newest = s->watch_number, at = *seen + 1;

	if (s->watch == NULL || *seen >= newest)
		return false;
	if (newest - *seen > s->watch->records_max)
		at = newest - s->watch->records_max + 1;
	while (at <= newest && record_at(s->watch, at)->by.number != at) /* kept by an earlier ring */
		at++;
	if (at > newest)
		return false;
	*out = *record_at(s->watch, at);
	*lost = at - *seen - 1;
	*seen = at;
	return true;
}
