/* SPDX-License-Identifier: MIT
 * recv(): bytes from the receive queue to the program, by copy or where they lie.
 * Source: Linux 6.18 net/ipv4/tcp.c tcp_recvmsg_locked. */
#include "tcp.h"

/* Unread bytes of r, and where they begin in its payload. */
static uint32_t unread(const struct sock *sk, const struct rxseg *r, seq_t at, uint32_t *skip)
{
	(void)sk;
	*skip = seq_lt(r->seq, at) ? seq_sub(at, r->seq) : 0;
	return *skip < r->len_bytes ? r->len_bytes - *skip : 0;
}

static void frame_copy(const struct ho_frame *f, uint32_t offset, uint8_t *to, uint32_t n)
{
	for (int i = 0; i < f->slice_count && n; i++) {
		uint32_t have = f->slice[i].len_bytes, take;

		if (offset >= have) {
			offset -= have;
			continue;
		}
		take = min_u32(have - offset, n);
		memcpy(to, f->slice[i].data + offset, take);
		to += take;
		n -= take;
		offset = 0;
	}
}

/* What recv gives when there is nothing to give. */
static int empty_state(struct sock *sk)
{
	if (sk->done)
		return 0;
	if (sk->err) {
		int err = -sk->err;

		sk->err = 0;
		return err;
	}
	if (sk->shutdown & SHUT_RCV)
		return 0;
	if (sk->state == HO_CLOSE)
		return -ENOTCONN;
	return -EAGAIN;
}

/* Takes r off the head of the queue. */
static void eat(struct ho_stack *st, struct sock *sk, struct rxseg *r)
{
	sk->rx_head = r->next;
	if (!r->next)
		sk->rx_tail = NULL;
	rxseg_free(st, sk, r);
}

static ptrdiff_t peek(struct sock *sk, uint8_t *to, size_t len_bytes)
{
	size_t copied = 0;
	seq_t at = sk->copied_seq;

	for (struct rxseg *r = sk->rx_head; r && copied < len_bytes; r = r->next) {
		uint32_t skip, n = unread(sk, r, at, &skip);

		if (n > len_bytes - copied)
			n = (uint32_t)(len_bytes - copied);
		if (!n)
			continue;
		frame_copy(r->frame, r->offset + skip, to + copied, n);
		copied += n;
		at = seq_add(at, n);
	}
	return copied ? (ptrdiff_t)copied : empty_state(sk);
}

/* buf NULL: the bytes are taken and thrown away (MSG_TRUNC). */
ptrdiff_t tcp_sock_recv(struct ho_stack *st, struct sock *sk, void *buf, size_t len_bytes, int flags)
{
	uint8_t *to = buf;
	size_t copied = 0;
	struct rxseg *r;

	if (sk->state == HO_LISTEN)
		return -ENOTCONN;
	if (flags & HO_MSG_OOB)
		return -EINVAL;
	if (flags & HO_MSG_PEEK)
		return buf ? peek(sk, to, len_bytes) : -EINVAL;
	while ((r = sk->rx_head)) {
		uint32_t skip, n = unread(sk, r, sk->copied_seq, &skip);

		if (n > len_bytes - copied)
			n = (uint32_t)(len_bytes - copied);
		if (n) {
			if (to)
				frame_copy(r->frame, r->offset + skip, to + copied, n);
			copied += n;
			sk->copied_seq = seq_add(sk->copied_seq, n);
		}
		if (skip + n < r->len_bytes)
			break;
		if (r->fin) {
			sk->copied_seq = seq_add(sk->copied_seq, 1);
			eat(st, sk, r);
			break;
		}
		eat(st, sk, r);
		if (copied == len_bytes)
			break;
	}
	if (sk->urg_valid && !seq_lt(sk->copied_seq, seq_add(sk->urg_seq, 1))) {
		sk->urg_valid = false;
		tcp_fast_path_check(sk);
	}
	if (copied) {
		tcp_rcv_space_adjust(st, sk);
		tcp_cleanup_rbuf(st, sk, (uint32_t)copied);
		return (ptrdiff_t)copied;
	}
	return len_bytes ? empty_state(sk) : 0;
}

int tcp_sock_recv_peek(struct ho_stack *st, struct sock *sk, struct ho_slice *slices, int max_count)
{
	int count = 0;

	(void)st;
	if (sk->state == HO_LISTEN)
		return -ENOTCONN;
	for (struct rxseg *r = sk->rx_head; r && count < max_count; r = r->next) {
		uint32_t skip, n = unread(sk, r, sk->copied_seq, &skip), offset = r->offset + skip;

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
