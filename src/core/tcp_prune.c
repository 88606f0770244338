/* SPDX-License-Identifier: MIT
 * A receive buffer is over its limit: find room for the segment that comes, or drop it.
 *
 *   raise the limit, if the program has set none -> copy badly filled buffers of both queues together
 *   -> throw away what waits out of order, the last first -> give up (RcvPruned)
 *
 * Copying is an account here: the bytes stay in their frames, the group (tcp_data.c) is charged for the buffer that
 * Linux would have copied it into.
 * Source: Linux 6.18 net/ipv4/tcp_input.c tcp_try_rmem_schedule, tcp_prune_queue, tcp_clamp_window, tcp_collapse,
 * tcp_collapse_ofo_queue, tcp_prune_ofo_queue; measured: TCPRcvCollapsed, skmem of `ss -m`. */
#include "tcp.h"

#define COPY_MAX 3776u /* payload that a page of 4096 holds */

/* The last buffer may overshoot. */
static bool can_ingest(const struct sock *sk)
{
	return sk->rmem_alloc <= sk->rcvbuf;
}

static void clamp_window(struct ho_stack *st, struct sock *sk)
{
	int32_t most = (int32_t)st->ctl.tcp_rmem[2];

	sk->ack.quick = 0;
	if (sk->rcvbuf < most && !sk->rcvbuf_locked && !st->tcp_mem.pressure && st->tcp_mem.pages < st->ctl.tcp_mem[0])
		sk->rcvbuf = min_i32(sk->rmem_alloc, most);
	if (sk->rmem_alloc > sk->rcvbuf)
		sk->rcv_ssthresh = min_u32(sk->window_clamp, 2 * sk->advmss);
}

/* ---- copying together ---- */

static uint32_t group_truesize(const struct rxseg *first, const struct rxseg *last)
{
	uint32_t n = first->truesize;

	while (first != last) {
		first = first->next;
		n += first->truesize;
	}
	return n;
}

/* Is the group badly filled, partly read, or not where the one before ends? */
static bool worth_copying(const struct sock *sk, const struct rxseg *first, const struct rxseg *last,
                          const struct rxseg *stop, seq_t start)
{
	const struct rxseg *next = last->next;

	if (!last->fin && (tcp_win_from_space(sk, (int32_t)group_truesize(first, last)) >
	                   seq_sub(last->end_seq, first->seq) || first->cut || seq_lt(first->seq, start)))
		return true;
	return next && next != stop && (next->cut || !seq_eq(last->end_seq, next->seq));
}

/* Cuts r in two.  Gives  false without memory: then it stays whole. */
static bool rxseg_split(struct ho_stack *st, struct rxseg *r, seq_t at, struct rxseg **tail)
{
	struct rxseg *n = pool_take(&st->rxsegs);
	uint32_t len = seq_sub(at, r->seq);

	if (!n)
		return false;
	*n = *r;
	ho_frame_ref(n->frame);
	n->seq = r->end_seq = at;
	n->offset += len;
	n->len_bytes -= len;
	n->truesize = 0;
	n->merged = true;
	r->len_bytes = len;
	r->next = n;
	if (*tail == r)
		*tail = n;
	return true;
}

struct copying {
	struct rxseg *r, *stop, **tail;
	seq_t start, end;
	uint32_t old_truesize; /* of the group that r is in */
	bool over;
};

static void group_enter(struct copying *c, struct rxseg *first)
{
	c->r = first;
	c->over = !first || first == c->stop || rx_group_end(first)->fin;
	if (!c->over)
		c->old_truesize = group_truesize(first, rx_group_end(first));
}

/* Moves on behind r; a group whose last byte was copied is given back. */
static void copied_to_end(struct ho_stack *st, struct sock *sk, struct copying *c)
{
	struct rxseg *next = c->r->next;

	if (next && next->merged) {
		c->r = next;
		return;
	}
	sk->rmem_alloc -= (int32_t)c->old_truesize;
	tcp_mem_uncharge(st, sk, (int32_t)c->old_truesize);
	count(st, sk, HO_TcpExtTCPRcvCollapsed);
	group_enter(c, next);
}

/* One new buffer, and as much as fits. */
static void copy_one(struct ho_stack *st, struct sock *sk, struct copying *c)
{
	uint32_t size = min_u32(COPY_MAX, seq_sub(c->end, c->start)), used = 0, truesize, room;
	struct rxseg *first = c->r, *last = first;

	if (seq_lt(first->seq, c->start))
		rxseg_trim_front(first, c->start);
	rx_copy_model(size, &truesize, &room);
	sk->rmem_alloc += (int32_t)truesize;
	tcp_mem_charge(sk, (int32_t)truesize);
	while (used < size && !c->over) {
		struct rxseg *r = c->r;
		uint32_t n = seq_sub(r->end_seq, c->start);

		if (n > size - used && rxseg_split(st, r, seq_add(c->start, size - used), c->tail))
			n = size - used;
		used += n;
		c->start = seq_add(c->start, n);
		last = r;
		copied_to_end(st, sk, c);
		r->truesize = r == first ? truesize : 0;
		r->merged = r != first;
		r->cut = false;
	}
	last->linear = true;
	last->tailroom = room > used ? room - used : 0;
}

/* Groups from first up to stop, bytes start .. end.  Linux: tcp_collapse. */
static void collapse(struct ho_stack *st, struct sock *sk, struct rxseg *first, struct rxseg *stop, struct rxseg **tail,
                     seq_t start, seq_t end)
{
	struct copying c = {.stop = stop, .tail = tail, .end = end};
	struct rxseg *last;

	for (;; first = last->next) {
		if (!first || first == stop)
			return;
		last = rx_group_end(first);
		if (worth_copying(sk, first, last, stop, start))
			break;
		start = last->end_seq;
	}
	c.start = start;
	group_enter(&c, first);
	while (!c.over && seq_lt(c.start, end))
		copy_one(st, sk, &c);
}

/* Each run without a gap, unless it is one small buffer; and not too many of those. */
static void collapse_ofo(struct ho_stack *st, struct sock *sk)
{
	struct rxseg *first = sk->busy->ofo_head, *next;
	int32_t tiny = 0;

	tcp_ofo_index_drop(sk);
	for (; first; first = next) {
		struct rxseg *last = rx_group_end(first);
		bool alone = true;

		for (next = last->next; next && !seq_gt(next->seq, last->end_seq); next = last->next) {
			last = rx_group_end(next);
			alone = false;
		}
		if (!alone || seq_sub(last->end_seq, first->seq) >= COPY_MAX) {
			collapse(st, sk, first, next, &sk->busy->ofo_tail, first->seq, last->end_seq);
			continue;
		}
		tiny += (int32_t)group_truesize(first, last);
		if (tiny > sk->rcvbuf >> 3)
			return;
	}
}

/* ---- throwing away ---- */

/* Linux: tcp_prune_ofo_queue.  Gives  whether any went. */
static bool prune_ofo(struct ho_stack *st, struct sock *sk, const struct tcp_rx *t)
{
	int32_t goal = sk->rcvbuf >> 3;
	bool pruned = false;

	while (sk->busy->ofo_head) {
		struct rxseg *before, *first = tcp_ofo_last_group(st, sk, &before);

		if (seq_gt(t->seq, first->seq))
			break;
		pruned = true;
		goal -= (int32_t)group_truesize(first, sk->busy->ofo_tail);
		tcp_ofo_remove_group(st, sk, before);
		if (!sk->busy->ofo_head || goal <= 0) {
			if (can_ingest(sk) && !st->tcp_mem.pressure)
				break;
			goal = sk->rcvbuf >> 3;
		}
	}
	if (pruned) {
		count(st, sk, HO_TcpExtOfoPruned);
		sk->busy->num_sacks = 0;
		sk->busy->dsack_pending = false;
	}
	return pruned;
}

static bool prune(struct ho_stack *st, struct sock *sk, const struct tcp_rx *t)
{
	if (!sk->rmem_alloc)
		return false;
	count(st, sk, HO_TcpExtPruneCalled);
	if (!can_ingest(sk))
		clamp_window(st, sk);
	else
		tcp_ssthresh_limit(st, sk);
	if (can_ingest(sk))
		return true;
	collapse_ofo(st, sk);
	collapse(st, sk, sk->busy->rx_head, NULL, &sk->busy->rx_tail, sk->copied_seq, sk->rcv_nxt);
	if (can_ingest(sk))
		return true;
	prune_ofo(st, sk, t);
	if (can_ingest(sk))
		return true;
	count(st, sk, HO_TcpExtRcvPruned);
	sk->pred_flags = 0;
	return false;
}

static int32_t buffer_bytes(const struct tcp_rx *t)
{
	uint32_t truesize, room;
	bool linear;

	tcp_rx_buffer(t, &truesize, &room, &linear);
	return (int32_t)truesize;
}

/* Reserves memory for a segment's buffer.  Gives  false: drop it. */
bool tcp_rmem_schedule(struct ho_stack *st, struct sock *sk, const struct tcp_rx *t)
{
	int32_t bytes = buffer_bytes(t);

	if (likely(can_ingest(sk) && tcp_mem_schedule(st, sk, bytes, MEM_RECV)))
		return true;
	if (!prune(st, sk, t))
		return false;
	while (!tcp_mem_schedule(st, sk, bytes, MEM_RECV))
		if (!prune_ofo(st, sk, t))
			return false;
	return true;
}

void tcp_rmem_force(struct ho_stack *st, struct sock *sk, const struct tcp_rx *t)
{
	tcp_mem_force(st, sk, buffer_bytes(t));
}
