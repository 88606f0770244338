/* SPDX-License-Identifier: MIT
 * send(): the program's bytes into the write queue.
 *
 * Bytes are copied into blocks that many sockets share (st->cur_block), or referenced where they are; a segment grows until
 * it is as large as the largest super-frame (size_goal).  What has been written leaves at once unless Nagle, a cork or
 * auto-corking says to wait for more.  Source: Linux 6.18 net/ipv4/tcp.c tcp_sendmsg_locked, tcp_push, tcp_should_autocork. */
#include "tcp.h"

static bool memory_free(const struct ho_stack *st, const struct sock *sk)
{
	return mostly(tcp_unsent_low(st, sk, false)) && mostly(sk->wmem_queued < sk->sndbuf);
}

static void push_mark(struct sock *sk, struct seg *g)
{
	g->flags |= TCP_PSH;
	sk->pushed_seq = sk->write_seq;
}

static bool forced_push(const struct sock *sk)
{
	return seq_gt(sk->write_seq, seq_add(sk->pushed_seq, sk->max_window >> 1));
}

/* Small writes wait while an earlier one, no smaller, is still in the link's queue. */
static bool autocork(struct ho_stack *st, const struct sock *sk, const struct seg *g, uint32_t size_goal)
{
	return g->len_bytes < size_goal && likely(st->ctl.tcp_autocorking) && rarely(sk->busy->rtx_head) && sk->dev_bytes >= (int32_t)g->truesize;
}

static void push(struct ho_stack *st, struct sock *sk, int flags, uint32_t mss, int nonagle, uint32_t size_goal)
{
	struct seg *g = sk->busy->wq_tail;

	if (unlikely(!g))
		return;
	if (!(flags & HO_MSG_MORE) || forced_push(sk))
		push_mark(sk, g);
	if (autocork(st, sk, g, size_goal)) {
		if (!sk->busy->throttled) {
			count(st, sk, HO_TcpExtTCPAutoCorking);
			sk->busy->throttled = true;
		}
		return;
	}
	if (unlikely(flags & HO_MSG_MORE))
		nonagle = NAGLE_CORK;
	tcp_push_pending(st, sk, mss, nonagle);
}

/* A queue that is empty gets one, whatever the stack's limits.  Gives  NULL: *err says why. */
static struct seg *segment_begin(struct ho_stack *st, struct sock *sk, int *err)
{
	struct seg *g = seg_make(st);

	*err = -ENOMEM;
	if (unlikely(!g))
		return NULL;
	if (mostly(!sk->busy->wq_head) && mostly(!sk->busy->rtx_head)) {
		tcp_mem_force(st, sk, (int32_t)g->truesize);
	} else if (unlikely(!tcp_mem_schedule(st, sk, (int32_t)g->truesize, MEM_SEND))) {
		seg_free(st, g);
		*err = -EAGAIN;
		return NULL;
	}
	*err = 0;
	g->seq = g->end_seq = sk->write_seq;
	g->flags = TCP_ACK;
	wq_append(sk, g);
	if (mostly(sk->busy->wq_head == g))
		tcp_chrono_start(st, sk, CHRONO_BUSY);
	sk->nonagle &= (uint8_t)~NAGLE_PUSH;
	tcp_slow_start_after_idle(st, sk);
	return g;
}

static bool cur_block_ready(struct ho_stack *st)
{
	if (likely(st->cur_block) && mostly(st->cur_block->used_bytes < BLOCK_BYTES))
		return true;
	if (st->cur_block)
		block_unref(st->cur_block);
	st->cur_block = block_make(st);
	return st->cur_block;
}

static bool frag_extends(const struct seg *g, const struct block *b, uint32_t offset)
{
	const struct frag *f;

	if (mostly(!g->frag_count))
		return false;
	f = &g->frag[g->frag_count - 1];
	return f->block == b && f->offset + f->len_bytes == offset;
}

static void seg_grow(struct sock *sk, struct seg *g, uint32_t n)
{
	g->len_bytes += n;
	g->truesize += n;
	g->end_seq = seq_add(g->end_seq, n);
	sk->write_seq = seq_add(sk->write_seq, n);
	sk->wmem_queued += (int32_t)n;
	tcp_mem_charge(sk, (int32_t)n);
	g->pcount = 1;
}

/* Gives  bytes taken; 0: the segment is full; -ENOMEM; -EAGAIN: the stack's limits forbid it now. */
hot_path ptrdiff_t tcp_seg_fill(struct ho_stack *st, struct sock *sk, struct seg *g, const uint8_t *from, uint32_t n,
                                struct block *by_ref)
{
	struct block *b = by_ref;
	uint32_t offset;
	bool extends;

	if (rarely(by_ref)) {
		offset = (uint32_t)(from - by_ref->data);
	} else {
		if (unlikely(!cur_block_ready(st)))
			return -ENOMEM;
		b = st->cur_block;
		offset = b->used_bytes;
		n = min_u32(n, BLOCK_BYTES - offset);
	}
	extends = frag_extends(g, b, offset);
	if (!extends && g->frag_count == SEG_FRAGS_MAX)
		return 0;
	if (unlikely((int32_t)n > sk->fwd_alloc)) {
		n = tcp_wmem_schedule(st, sk, n);
		if (n == 0)
			return -EAGAIN;
	}
	if (!extends)
		g->frag[g->frag_count++] = (struct frag){block_ref(b), offset, 0};
	if (mostly(!by_ref)) {
		memcpy(b->data + offset, from, n);
		b->used_bytes += n;
	}
	g->frag[g->frag_count - 1].len_bytes += n;
	seg_grow(sk, g, n);
	return (ptrdiff_t)n;
}

static int send_state(struct sock *sk)
{
	if (unlikely(sk->err)) {
		int err = -sk->err;

		sk->err = 0;
		return err;
	}
	if (unlikely(sk->shutdown & SHUT_SND))
		return -EPIPE;
	if (likely(state_is(sk, IN_(HO_ESTABLISHED) | IN_(HO_CLOSE_WAIT))))
		return 0;
	if (sk->state == HO_SYN_RECV && sk->busy->fo_child)
		return 0; /* before the handshake ends */
	if (state_is(sk, IN_(HO_SYN_SENT) | IN_(HO_SYN_RECV)))
		return -EAGAIN;
	return -EPIPE;
}

hot_path ptrdiff_t tcp_sock_send(struct ho_stack *st, struct sock *sk, const void *buf, size_t len_bytes, int flags,
                                 struct block *by_ref)
{
	const uint8_t *from = buf;
	struct busy *b;
	uint32_t mss, goal;
	size_t copied = 0;
	int err = send_state(sk);

	tcp_app_limited_check(sk);
	if (unlikely(err))
		return err;
	if (unlikely(!sock_busy(st, sk)))
		return -ENOMEM;
	b = sk->busy;
	mss = tcp_current_mss(st, sk);
	goal = tcp_size_goal(st, sk, mss, !(flags & HO_MSG_OOB));
	while (copied < len_bytes) {
		struct seg *g = b->wq_tail;
		size_t left = len_bytes - copied;
		ptrdiff_t n = 0;

		if (rarely(g) && g->len_bytes < goal && !(g->flags & TCP_FIN) && !g->eor)
			n = tcp_seg_fill(st, sk, g, from + copied,
			             left < goal - g->len_bytes ? (uint32_t)left : goal - g->len_bytes, by_ref);
		if (n == 0) {
			if (unlikely(!memory_free(st, sk) && !(by_ref && copied))) {
				err = -EAGAIN;
				break;
			}
			g = segment_begin(st, sk, &err);
			if (unlikely(!g))
				break;
			n = tcp_seg_fill(st, sk, g, from + copied, left < goal ? (uint32_t)left : goal, by_ref);
		}
		if (unlikely(n < 0)) {
			err = (int)n;
			break;
		}
		if (!copied)
			g->flags &= (uint8_t)~TCP_PSH;
		copied += (size_t)n;
		if (mostly(copied == len_bytes)) {
			g->eor = flags & HO_MSG_EOR;
			break;
		}
		if (g->len_bytes < goal || (flags & HO_MSG_OOB))
			continue;
		if (unlikely(forced_push(sk))) {
			push_mark(sk, g);
			tcp_push_pending(st, sk, mss, NAGLE_PUSH);
		} else if (g == b->wq_head) {
			tcp_write_xmit(st, sk, mss, NAGLE_PUSH, 1);
		}
	}
	if (unlikely(flags & HO_MSG_OOB))
		b->snd_up = sk->write_seq;
	/* a segment that got no byte would be an empty one */
	if (rarely(b->wq_tail) && unlikely(!b->wq_tail->len_bytes && !(b->wq_tail->flags & TCP_FIN))) {
		struct seg *g = b->wq_tail;

		b->wq_tail = g->prev;
		if (g->prev)
			g->prev->next = NULL;
		else
			b->wq_head = NULL;
		sk->wmem_queued -= (int32_t)g->truesize;
		tcp_mem_uncharge(st, sk, (int32_t)g->truesize);
		seg_free(st, g);
	}
	if (rarely(err == -EAGAIN)) {
		sk->seen_out = true;
		if (!copied)
			flags &= ~HO_MSG_MORE;
	}
	push(st, sk, flags, mss, rarely(err == -EAGAIN) ? NAGLE_PUSH : sk->nonagle, goal);
	return mostly(copied) ? (ptrdiff_t)copied : err;
}
