/* SPDX-License-Identifier: MIT
 * Urgent data (RFC 6093): a mark in the stream, and the byte before or at it, which the program takes with MSG_OOB or,
 * with SO_OOBINLINE, in its place.
 *
 *   URG_NONE     -> a segment with URG points at a number not read yet ->  URG_NOTYET
 *   URG_NOTYET   -> a segment brings the byte of that number           ->  URG_VALID   (HO_PRI)
 *   URG_VALID    -> recv(MSG_OOB)                                       ->  URG_READ
 *   any of them  -> the stream is read past the mark                    ->  URG_NONE
 *
 * While there is one, header prediction is off.  Source: Linux 6.18 net/ipv4/tcp_input.c tcp_check_urg, tcp_urg;
 * tcp.c tcp_recv_urg, tcp_inq. */
#include "tcp.h"

static bool at_mark(const struct sock *sk)
{
	return unlikely(sk->busy->urg.state != URG_NONE) && seq_eq(sk->busy->urg.seq, sk->copied_seq);
}

/* A second mark right behind the byte of the first, which is the next to be read and never will be: it is gone. */
static void old_byte_skip(struct ho_stack *st, struct sock *sk)
{
	struct rxseg *r = sk->busy->rx_head;

	if (!at_mark(sk) || sk->oob_inline || seq_eq(sk->copied_seq, sk->rcv_nxt))
		return;
	sk->copied_seq = seq_add(sk->copied_seq, 1);
	if (r != NULL && !seq_lt(sk->copied_seq, r->end_seq))
		tcp_rx_eat(st, sk);
}

static void mark_in(struct ho_stack *st, struct sock *sk, const struct tcp_rx *t)
{
	seq_t mark = seq_add(t->seq, t->urg && !st->ctl.tcp_stdurg ? t->urg - 1u : t->urg);

	if (seq_gt(sk->copied_seq, mark) || seq_lt(mark, sk->rcv_nxt))
		return;
	if (sk->busy->urg.state != URG_NONE && !seq_gt(mark, sk->busy->urg.seq))
		return;
	old_byte_skip(st, sk);
	sk->busy->urg.state = URG_NOTYET;
	sk->busy->urg.seq = mark;
	sk->pred_flags = 0;
}

void tcp_urgent_in(struct ho_stack *st, struct sock *sk, const struct tcp_rx *t)
{
	uint32_t offset;

	if (t->flags & TCP_URG)
		mark_in(st, sk, t);
	if (likely(sk->busy->urg.state != URG_NOTYET))
		return;
	offset = seq_sub(sk->busy->urg.seq, t->seq) - (t->flags & TCP_SYN ? 1 : 0);
	if (offset >= t->len_bytes)
		return;
	ho_frame_read(t->rx->frame, t->payload_offset + offset, &sk->busy->urg.byte, 1);
	sk->busy->urg.state = URG_VALID;
	sock_wake(st, sk);
}

/* The stream has been read up to copied_seq. */
void tcp_urgent_passed(struct sock *sk)
{
	if (likely(sk->busy->urg.state == URG_NONE) || !seq_gt(sk->copied_seq, sk->busy->urg.seq))
		return;
	sk->busy->urg.state = URG_NONE;
	tcp_fast_path_check(sk);
}

/* recv(MSG_OOB): never waits. */
ptrdiff_t tcp_urgent_recv(struct sock *sk, uint8_t *to, size_t len_bytes, int flags)
{
	if (sk->oob_inline || sk->busy->urg.state == URG_NONE || sk->busy->urg.state == URG_READ)
		return -EINVAL;
	if (sk->state == HO_CLOSE && !sk->done)
		return -ENOTCONN;
	if (sk->busy->urg.state == URG_VALID) {
		if (!(flags & HO_MSG_PEEK))
			sk->busy->urg.state = URG_READ;
		if (len_bytes == 0)
			return 0;
		if (to != NULL && !(flags & HO_MSG_TRUNC))
			*to = sk->busy->urg.byte;
		return 1;
	}
	if (sk->state == HO_CLOSE || (sk->shutdown & SHUT_RCV))
		return 0;
	return -EAGAIN;
}

/* Bytes that a read could give at once: up to the mark, without the FIN. */
uint32_t tcp_sock_inq(const struct sock *sk)
{
	uint32_t n = seq_sub(sk->rcv_nxt, sk->copied_seq);

	if (state_is(sk, IN_(HO_SYN_SENT) | IN_(HO_SYN_RECV)))
		return 0;
	if (sk->oob_inline || sk->busy->urg.state == URG_NONE || seq_lt(sk->busy->urg.seq, sk->copied_seq) ||
	    !seq_lt(sk->busy->urg.seq, sk->rcv_nxt))
		return n && sk->done ? n - 1 : n;
	return seq_sub(sk->busy->urg.seq, sk->copied_seq);
}

bool tcp_sock_atmark(const struct sock *sk)
{
	return at_mark(sk);
}
