/* SPDX-License-Identifier: MIT
 * recv(): bytes from the receive queue to the program, by copy or where they lie.
 * Source: Linux 6.18 net/ipv4/tcp.c tcp_recvmsg_locked, tcp_inq_hint. */
#include "tcp.h"

/* Unread bytes of r, and where they begin in its payload. */
static uint32_t unread(const struct rxseg *r, seq_t at, uint32_t *skip)
{
	*skip = seq_lt(r->seq, at) ? seq_sub(at, r->seq) : 0;
	return likely(*skip < r->len_bytes) ? r->len_bytes - *skip : 0;
}

/* What recv gives when there is nothing to give. */
static int empty_state(struct sock *sk)
{
	if (sk->done)
		return 0;
	if (unlikely(sk->err)) {
		int err = -sk->err;

		sk->err = 0;
		return err;
	}
	if (unlikely(sk->shutdown & SHUT_RCV))
		return 0;
	if (unlikely(sk->state == HO_CLOSE))
		return -ENOTCONN;
	return -EAGAIN;
}

void tcp_rx_eat(struct ho_stack *st, struct sock *sk)
{
	struct rxseg *r = sk->busy->rx_head;

	sk->busy->rx_head = r->next;
	if (mostly(!r->next))
		sk->busy->rx_tail = NULL;
	rxseg_free(st, sk, r);
}

/* An urgent byte among the next n, at *at: a read ends in front of it, or begins behind it.  Gives  how many of the n;
 * *at moves over the byte if that is left out. */
static uint32_t up_to_mark(const struct sock *sk, seq_t *at, uint32_t n)
{
	uint32_t before = seq_sub(sk->busy->urg.seq, *at);

	if (likely(sk->busy->urg.state == URG_NONE) || before >= n)
		return n;
	if (before)
		return before;
	if (sk->oob_inline)
		return n;
	*at = seq_add(*at, 1);
	return n - 1;
}

static bool mark_ends_read(const struct sock *sk, seq_t at, size_t copied)
{
	return copied && unlikely(sk->busy->urg.state != URG_NONE) && seq_eq(sk->busy->urg.seq, at);
}

/* Copies up to len_bytes from copied_seq on, and forgets what it has copied unless it is only a look. */
hot_path static size_t copy_out(struct ho_stack *st, struct sock *sk, uint8_t *to, size_t len_bytes, bool look)
{
	struct rxseg *r = sk->busy->rx_head, *next;
	seq_t at = sk->copied_seq;
	size_t copied = 0;

	for (; likely(r != NULL) && !mark_ends_read(sk, at, copied); r = next) {
		uint32_t skip, n = unread(r, at, &skip);
		bool fin;

		if (unlikely(n > len_bytes - copied))
			n = (uint32_t)(len_bytes - copied);
		if (likely(n)) {
			n = up_to_mark(sk, &at, n);
			skip = seq_sub(at, r->seq);
			if (likely(to))
				ho_frame_read(r->frame, r->offset + skip, to + copied, n);
			copied += n;
			at = seq_add(at, n);
		}
		if (likely(!look))
			sk->copied_seq = at;
		if (likely(n) && (mostly(r->next == NULL) || !r->next->merged || copied == len_bytes))
			tcp_rcv_space_adjust(st, sk); /* after each buffer, as the measure is of what was read since the last */
		tcp_urgent_passed(sk);
		next = r;
		if (unlikely(skip + n < r->len_bytes)) {
			if (copied == len_bytes)
				break;
			continue;
		}
		fin = r->fin;
		next = r->next;
		if (unlikely(fin) && !look)
			sk->copied_seq = seq_add(sk->copied_seq, 1);
		if (likely(!look))
			tcp_rx_eat(st, sk);
		if (unlikely(fin) || copied == len_bytes)
			break;
	}
	return copied;
}

/* buf NULL: the bytes are taken and thrown away (MSG_TRUNC). */
hot_path ptrdiff_t tcp_sock_recv(struct ho_stack *st, struct sock *sk, void *buf, size_t len_bytes, int flags)
{
	bool look = flags & HO_MSG_PEEK;
	size_t copied;

	if (unlikely(sk->state == HO_LISTEN))
		return -ENOTCONN;
	if (unlikely(flags & HO_MSG_OOB))
		return tcp_urgent_recv(sk, buf, len_bytes, flags);
	if (unlikely(look && !buf))
		return -EINVAL;
	copied = copy_out(st, sk, buf, len_bytes, look);
	if (!copied) /* to ask for no byte of some is no question about the end */
		return len_bytes || sk->busy->rx_head == NULL ? empty_state(sk) : 0;
	if (!look)
		tcp_cleanup_rbuf(st, sk, (uint32_t)copied);
	return (ptrdiff_t)copied;
}

int tcp_sock_inq_hint(const struct sock *sk)
{
	int n = (int)seq_sub(sk->rcv_nxt, sk->copied_seq);

	return n == 0 && sk->done ? 1 : n;
}

int tcp_sock_recv_peek(struct ho_stack *st, struct sock *sk, struct ho_slice *slices, int max_count)
{
	seq_t at = sk->copied_seq;
	int count = 0;

	(void)st;
	if (unlikely(sk->state == HO_LISTEN))
		return -ENOTCONN;
	for (struct rxseg *r = sk->busy->rx_head; r && count < max_count && !mark_ends_read(sk, at, (size_t)count); r = r->next) {
		uint32_t skip, n = unread(r, at, &skip), offset;

		if (n)
			n = up_to_mark(sk, &at, n);
		offset = r->offset + seq_sub(at, r->seq);
		at = seq_add(at, n);

		for (int i = 0; n && i < r->frame->slice_count && count < max_count; i++) {
			const struct ho_slice *s = &r->frame->slice[i];
			uint32_t take;

			if (offset >= s->len_bytes) {
				offset -= s->len_bytes;
				continue;
			}
			take = min_u32(s->len_bytes - offset, n);
			slices[count++] = (struct ho_slice){s->data + offset, take};
			n -= take;
			offset = 0;
		}
	}
	return count ? count : empty_state(sk);
}
