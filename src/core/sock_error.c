/* SPDX-License-Identifier: MIT
 * What an ICMP error means to a program, and the queue of those that it wants to know all about (IP_RECVERR).
 *
 * Theory of operation.  Each message is kept with the frame that brought it, in a ring whose last element the socket points
 * to, and charged to the receive buffer.  Taking one out makes the next one's errno the socket's pending error, or clears it.
 *
 * Source: Linux 6.18 net/ipv4/icmp.c icmp_err_convert; net/ipv4/ip_sockglue.c ip_icmp_error, ip_local_error, ip_recv_error;
 * net/core/skbuff.c sock_queue_err_skb, sock_dequeue_err_skb. */
#include "sock_error.h"

#include "dgram.h"

#define ICMP_SOURCE_QUENCH 4
#define ICMP_PARAMETERPROB 12
#define ICMP_CODES 16
#define LOCAL_PACKET_BYTES 20u /* of the buffer that Linux makes for an error of its own */

int icmp_error_of(const struct quoted *q, bool *fatal)
{
	static const struct {
		uint8_t err;
		bool fatal;
	} unreach[ICMP_CODES] = {
		{ENETUNREACH, false},  {EHOSTUNREACH, false}, {ENOPROTOOPT, true},  {ECONNREFUSED, true},
		{EMSGSIZE, false},     {EOPNOTSUPP, false},   {ENETUNREACH, true},  {EHOSTDOWN, true},
		{ENONET, true},        {ENETUNREACH, true},   {EHOSTUNREACH, true}, {ENETUNREACH, false},
		{EHOSTUNREACH, false}, {EHOSTUNREACH, true},  {EHOSTUNREACH, true}, {EHOSTUNREACH, true},
	};

	*fatal = q->type == ICMP_PARAMETERPROB;
	switch (q->type) {
	case ICMP_SOURCE_QUENCH:
	case ICMP_REDIRECT: return 0;
	case ICMP_PARAMETERPROB: return EPROTO;
	case ICMP_DEST_UNREACH: break;
	default: return EHOSTUNREACH;
	}
	if (q->code >= ICMP_CODES)
		return EHOSTUNREACH;
	*fatal = unreach[q->code].fatal;
	return unreach[q->code].err;
}

/* ---- the queue ---- */

/* Gives  false if the receive buffer has no room. */
static bool node_push(struct ho_stack *st, struct sock *sk, const struct sock_error_node *what)
{
	struct sock_error_node *n;

	if (sk->rmem_alloc + what->truesize >= sk->rcvbuf)
		return false;
	if (sock_habits(st, sk) == NULL)
		return false;
	n = pool_take(&st->sock_errors);
	if (n == NULL)
		return false;
	*n = *what;
	if (n->frame != NULL)
		ho_frame_ref(n->frame);
	n->next = sk->habits->errors != NULL ? sk->habits->errors->next : n;
	if (sk->habits->errors != NULL)
		sk->habits->errors->next = n;
	sk->habits->errors = n;
	sk->rmem_alloc += n->truesize;
	sock_wake(st, sk);
	return true;
}

static struct sock_error_node *node_shift(struct sock *sk)
{
	struct sock_error_node *last = sk->habits->errors, *n;

	if (last == NULL)
		return NULL;
	n = last->next;
	last->next = n->next;
	if (n == last)
		sk->habits->errors = NULL;
	sk->rmem_alloc -= n->truesize;
	return n;
}

static void node_free(struct ho_stack *st, struct sock_error_node *n)
{
	if (n->frame != NULL)
		ho_frame_unref(n->frame);
	pool_give(&st->sock_errors, n);
}

void sock_errors_purge(struct ho_stack *st, struct sock *sk)
{
	struct sock_error_node *n;

	while ((n = node_shift(sk)) != NULL)
		node_free(st, n);
}

void sock_error_keep(struct ho_stack *st, struct sock *sk, const struct quoted *q, int err, uint16_t port, uint32_t offset)
{
	const struct rx *rx = q->rx;
	struct sock_error_node n = {
		.frame = rx->frame,
		.offset = rx->ip_bytes + ICMP_HDR + offset,
		.len_bytes = rx->l4_bytes - ICMP_HDR - offset,
		.truesize = dgram_truesize(rx->frame->len_bytes),
		.e = {.err = err, .origin = HO_ORIGIN_ICMP, .type = q->type, .code = q->code, .info = q->info,
		      .destination = {q->daddr, port}, .offender = rx->saddr},
	};

	node_push(st, sk, &n);
}

void sock_error_local(struct ho_stack *st, struct sock *sk, int err, struct ho_endpoint to, uint32_t info)
{
	struct sock_error_node n = {
		.truesize = dgram_truesize(LOCAL_PACKET_BYTES),
		.e = {.err = err, .origin = HO_ORIGIN_LOCAL, .info = info, .destination = to},
	};

	if (sk->recverr)
		node_push(st, sk, &n);
}

/* ---- to the program ---- */

/* The pending error is that of the next message. */
static void pending_set(struct ho_stack *st, struct sock *sk, const struct sock_error_node *taken)
{
	const struct sock_error_node *next = sk->habits->errors != NULL ? sk->habits->errors->next : NULL;
	bool icmp_next = next != NULL && next->e.origin == HO_ORIGIN_ICMP;

	if (icmp_next)
		sk->err = (int16_t)next->e.err;
	else if (taken->e.origin == HO_ORIGIN_ICMP)
		sk->err = 0;
	if (next != NULL)
		sock_wake(st, sk);
}

ptrdiff_t sock_error_recv(struct ho_stack *st, struct sock *sk, struct ho_sock_error *out, void *buf, size_t len_bytes)
{
	struct sock_error_node *n = node_shift(sk);
	size_t copied = 0;

	if (n == NULL)
		return -EAGAIN;
	pending_set(st, sk, n);
	*out = n->e;
	out->len_bytes = n->len_bytes;
	if (n->frame != NULL)
		copied = ho_frame_read(n->frame, n->offset, buf, min_u32(n->len_bytes, (uint32_t)min_u64(len_bytes, UINT32_MAX)));
	node_free(st, n);
	return (ptrdiff_t)copied;
}
