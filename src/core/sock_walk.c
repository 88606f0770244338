/* SPDX-License-Identifier: MIT
 * What `ss` shows: a row for each socket, request and TIME-WAIT bucket.
 *
 * A walk goes over the descriptors first, then over the connection table for what has none.  Its cursor holds no
 * pointer: a place in a table that may have moved meanwhile shows another row, or ends the walk early. */
#include <halfopen/diag.h>

#include "dgram_doors.h"
#include "request.h"
#include "tcp_cc.h"
#include "timewait.h"

/* ---- rows ---- */

/* Linux's ss shows what the buffers take, not what is in them. */
static void dgram_info(const struct sock *sk, struct ho_sock_info *out)
{
	out->recv_q = dgram_recv_q(sk);
	out->send_q = (uint32_t)sk->dev_bytes;
}

static void info_sock(const struct ho_stack *st, const struct sock *sk, struct ho_sock_info *out)
{
	*out = (struct ho_sock_info){
		.fd = sk->fd,
		.type = sk->type,
		.protocol = sk->protocol,
		.state = sk->state,
		.local = {sk->e.laddr, sk->e.lport},
		.peer = {sk->e.raddr, sk->e.rport},
		.drops = sk->drops,
		.rmem_alloc = (uint32_t)sk->rmem_alloc,
		.rcvbuf = (uint32_t)sk->rcvbuf,
		.wmem_alloc = (uint32_t)sk->dev_bytes,
		.sndbuf = (uint32_t)sk->sndbuf,
		.fwd_alloc = (uint32_t)sk->fwd_alloc,
		.wmem_queued = (uint32_t)sk->wmem_queued,
		.accept_queued = sk->in_accept_queue,
	};
	if (sk->type == HO_SOCK_STREAM)
		tcp_sock_info(st, sk, out);
	else
		dgram_info(sk, out);
}

static void info_entry(const struct entry *e, struct ho_sock_info *out)
{
	*out = (struct ho_sock_info){
		.fd = -1,
		.type = HO_SOCK_STREAM,
		.protocol = HO_IPPROTO_TCP,
		.local = {e->laddr, e->lport},
		.peer = {e->raddr, e->rport},
	};
}

static void info_request(const struct ho_stack *st, const struct request *req, struct ho_sock_info *out)
{
	info_entry(&req->e, out);
	out->state = HO_SYN_RECV;
	out->retransmits = req->e.retrans;
	if (!request_armed(st, req))
		return;
	out->timer = HO_TIMER_ON;
	out->timer_at = tick_time(st, request_expires(st, req));
}

static void info_timewait(const struct ho_stack *st, const struct timewait *tw, struct ho_sock_info *out)
{
	info_entry(&tw->e, out);
	out->bucket = true;
	out->state = tw->e.flags & TW_FIN_WAIT2 ? HO_FIN_WAIT2 : HO_TIME_WAIT;
	out->timer = HO_TIMER_TIMEWAIT;
	out->timer_at = tick_time(st, timewait_expires(st, tw));
}

static void info_of(const struct ho_stack *st, struct entry *e, struct ho_sock_info *out)
{
	switch (e->kind) {
	case ENTRY_REQUEST: info_request(st, (const struct request *)(const void *)e, out); return;
	case ENTRY_TIMEWAIT: info_timewait(st, (const struct timewait *)(const void *)e, out); return;
	default: info_sock(st, entry_sock(e), out);
	}
}

int ho_sock_info_get(const struct ho_stack *s, int fd, struct ho_sock_info *out)
{
	const struct sock *sk = sock_by_fd(s, fd);

	if (sk == NULL)
		return -EBADF;
	info_sock(s, sk, out);
	return 0;
}

/* ---- the walk ---- */

/* Cursor: descriptors 0..fds_size-1; then IN_TABLE, the bucket in the upper half, the place in its chain in the lower. */
#define IN_TABLE (UINT64_C(1) << 63)
#define PLACE_BITS 31u
#define PLACE_MASK ((UINT64_C(1) << PLACE_BITS) - 1)

static struct entry *next_descriptor(const struct ho_stack *s, uint64_t *cursor)
{
	for (; *cursor < s->fds_size; ++*cursor)
		if (s->fds[*cursor] != NULL)
			return &s->fds[(*cursor)++]->e;
	return NULL;
}

static bool entry_has_fd(struct entry *e)
{
	return e->kind == ENTRY_SOCK && entry_sock(e)->fd >= 0;
}

static struct entry *next_entry(const struct ho_stack *s, uint64_t *cursor)
{
	uint32_t bucket = (uint32_t)((*cursor & ~IN_TABLE) >> PLACE_BITS);
	uint64_t place = *cursor & PLACE_MASK;

	for (; bucket < s->conns.buckets; bucket++, place = 0) {
		struct entry *e;

		for (; (e = conn_at(s, bucket, place)) != NULL; place++) {
			if (entry_has_fd(e))
				continue;
			*cursor = IN_TABLE | (uint64_t)bucket << PLACE_BITS | (place + 1);
			return e;
		}
	}
	*cursor = IN_TABLE | (uint64_t)bucket << PLACE_BITS;
	return NULL;
}

static struct entry *walk_next(const struct ho_stack *s, uint64_t *cursor)
{
	if (!(*cursor & IN_TABLE)) {
		struct entry *e = next_descriptor(s, cursor);

		if (e != NULL)
			return e;
		*cursor = IN_TABLE;
	}
	return next_entry(s, cursor);
}

static struct sock *listener_next(const struct ho_stack *s, uint64_t *cursor)
{
	while (*cursor < s->listeners_size) {
		struct sock *sk = s->listeners[(*cursor)++];

		if (sk != NULL && sk->state == HO_LISTEN)
			return sk;
	}
	return NULL;
}

bool ho_sock_next(const struct ho_stack *s, uint64_t *cursor, struct ho_sock_info *out)
{
	struct entry *e = walk_next(s, cursor);

	if (e != NULL)
		info_of(s, e, out);
	return e != NULL;
}

bool ho_sock_next_listener(const struct ho_stack *s, uint64_t *cursor, struct ho_sock_info *out)
{
	const struct sock *sk = listener_next(s, cursor);

	if (sk != NULL)
		info_sock(s, sk, out);
	return sk != NULL;
}

/* ---- all that is known ---- */

static void detail_tcp(const struct ho_stack *s, struct sock *sk, struct ho_sock_detail *out)
{
	union cc_info cc;

	tcp_info_fill(s, sk, &out->tcp);
	strcpy(out->congestion, tcp_cc_name(sk->cc)); /* none is longer than BBR and CUBIC */
	out->bbr_known = sk->cc->info != NULL && sk->cc->info(sk, &cc) == sizeof(cc.bbr);
	if (out->bbr_known)
		out->bbr = cc.bbr;
}

static void detail_sock(const struct ho_stack *s, struct sock *sk, struct ho_sock_detail *out)
{
	out->socket = true;
	out->recverr = sk->recverr;
	out->cookie = sk->handle + 1;
	out->shutdown = sk->shutdown;
	out->tos = sk->tos;
	if (sk->type == HO_SOCK_STREAM)
		detail_tcp(s, sk, out);
}

bool ho_sock_next_detail(const struct ho_stack *s, uint64_t *cursor, struct ho_sock_detail *out)
{
	struct entry *e = walk_next(s, cursor);

	if (e == NULL)
		return false;
	memset(out, 0, sizeof(*out));
	info_of(s, e, &out->row);
	if (e->kind == ENTRY_SOCK)
		detail_sock(s, entry_sock(e), out);
	return true;
}

bool ho_sock_next_listener_detail(const struct ho_stack *s, uint64_t *cursor, struct ho_sock_detail *out)
{
	struct sock *sk = listener_next(s, cursor);

	if (sk == NULL)
		return false;
	memset(out, 0, sizeof(*out));
	info_sock(s, sk, &out->row);
	detail_sock(s, sk, out);
	return true;
}

/* ---- queues ---- */

/* Source: Linux 6.18 net/ipv4/tcp.c tcp_ioctl; net/ipv4/raw.c raw_ioctl. */
int ho_sock_inq(const struct ho_stack *s, int fd)
{
	const struct sock *sk = sock_by_fd(s, fd);

	if (sk == NULL)
		return -EBADF;
	if (sk->type != HO_SOCK_STREAM)
		return dgram_inq(sk);
	if (sk->state == HO_LISTEN)
		return -EINVAL;
	return (int)tcp_sock_inq(sk);
}

int ho_sock_atmark(const struct ho_stack *s, int fd)
{
	const struct sock *sk = sock_by_fd(s, fd);

	if (sk == NULL)
		return -EBADF;
	return sk->type == HO_SOCK_STREAM ? tcp_sock_atmark(sk) : -ENOTTY;
}

/* From a number of the stream to the end of what was written. */
static int unacked_since(const struct sock *sk, seq_t since)
{
	if (sk->state == HO_LISTEN)
		return -EINVAL;
	if (sk->state == HO_SYN_SENT || sk->state == HO_SYN_RECV)
		return 0;
	return (int)seq_sub(sk->write_seq, since);
}

int ho_sock_outq(const struct ho_stack *s, int fd)
{
	const struct sock *sk = sock_by_fd(s, fd);

	if (sk == NULL)
		return -EBADF;
	return sk->type == HO_SOCK_STREAM ? unacked_since(sk, sk->snd_una) : sk->dev_bytes;
}

int ho_sock_outq_unsent(const struct ho_stack *s, int fd)
{
	const struct sock *sk = sock_by_fd(s, fd);

	if (sk == NULL)
		return -EBADF;
	return sk->type == HO_SOCK_STREAM ? unacked_since(sk, sk->snd_nxt) : -ENOTTY;
}
