/* SPDX-License-Identifier: MIT
 * Out of order: segments that wait for a hole to be filled, and the SACK blocks that tell the peer (RFC 2018, 2883).
 * The queue is sorted and free of overlaps.  Source: Linux 6.18 net/ipv4/tcp_input.c tcp_data_queue_ofo,
 * tcp_ofo_queue, tcp_sack_new_ofo_skb. */
#include "tcp.h"

void tcp_ofo_purge(struct ho_stack *st, struct sock *sk)
{
	struct rxseg *r;

	while ((r = sk->ofo_head)) {
		sk->ofo_head = r->next;
		r->next = NULL;
		rxseg_free(st, sk, r);
	}
	sk->ofo_tail = NULL;
	sk->num_sacks = 0;
}

/* ---- SACK blocks: sack[0] is the newest ---- */

static void sack_move_to_front(struct sock *sk, int i)
{
	seq_t from = sk->sack[i][0], to = sk->sack[i][1];

	for (; i > 0; i--)
		memcpy(sk->sack[i], sk->sack[i - 1], sizeof(sk->sack[0]));
	sk->sack[0][0] = from;
	sk->sack[0][1] = to;
}

static void sack_drop(struct sock *sk, int i)
{
	for (; i + 1 < sk->num_sacks; i++)
		memcpy(sk->sack[i], sk->sack[i + 1], sizeof(sk->sack[0]));
	sk->num_sacks--;
}

/* The first block grew: swallow the ones that it touches now. */
static void sack_swallow(struct sock *sk)
{
	for (int i = 1; i < sk->num_sacks;) {
		if (!seq_gt(sk->sack[i][0], sk->sack[0][1]) && !seq_gt(sk->sack[0][0], sk->sack[i][1])) {
			if (seq_lt(sk->sack[i][0], sk->sack[0][0]))
				sk->sack[0][0] = sk->sack[i][0];
			if (seq_gt(sk->sack[i][1], sk->sack[0][1]))
				sk->sack[0][1] = sk->sack[i][1];
			sack_drop(sk, i);
			continue;
		}
		i++;
	}
}

static void sack_add(struct sock *sk, seq_t from, seq_t to)
{
	if (!sk->sack_ok)
		return;
	for (int i = 0; i < sk->num_sacks; i++) {
		if (seq_gt(from, sk->sack[i][1]) || seq_gt(sk->sack[i][0], to))
			continue;
		if (seq_lt(from, sk->sack[i][0]))
			sk->sack[i][0] = from;
		if (seq_gt(to, sk->sack[i][1]))
			sk->sack[i][1] = to;
		sack_move_to_front(sk, i);
		sack_swallow(sk);
		return;
	}
	if (sk->num_sacks == 4)
		sk->num_sacks--;
	sk->num_sacks++;
	sk->sack[sk->num_sacks - 1][0] = from;
	sk->sack[sk->num_sacks - 1][1] = to;
	sack_move_to_front(sk, sk->num_sacks - 1);
}

/* rcv_nxt has moved: forget blocks that it has passed. */
void tcp_sack_remove(struct sock *sk)
{
	if (!sk->ofo_head) {
		sk->num_sacks = 0;
		return;
	}
	for (int i = 0; i < sk->num_sacks;) {
		if (!seq_lt(sk->rcv_nxt, sk->sack[i][0]))
			sack_drop(sk, i);
		else
			i++;
	}
}

/* ---- the queue ---- */

static void ofo_insert(struct sock *sk, struct rxseg *before, struct rxseg *r)
{
	if (before) {
		r->next = before->next;
		before->next = r;
	} else {
		r->next = sk->ofo_head;
		sk->ofo_head = r;
	}
	if (!r->next)
		sk->ofo_tail = r;
	sk->rmem_alloc += (int32_t)r->truesize;
	tcp_mem_charge(sk, (int32_t)r->truesize);
}

static void ofo_remove_next(struct ho_stack *st, struct sock *sk, struct rxseg *before)
{
	struct rxseg **at = before ? &before->next : &sk->ofo_head;
	struct rxseg *r = *at;

	*at = r->next;
	if (sk->ofo_tail == r)
		sk->ofo_tail = before;
	r->next = NULL;
	rxseg_free(st, sk, r);
}

static void dsack_extend(struct ho_stack *st, struct sock *sk, seq_t from, seq_t to)
{
	if (!sk->dsack_pending) {
		tcp_dsack_set(st, sk, from, to);
		return;
	}
	if (!seq_gt(from, sk->dsack[1]) && !seq_gt(sk->dsack[0], to)) {
		if (seq_lt(from, sk->dsack[0]))
			sk->dsack[0] = from;
		if (seq_gt(to, sk->dsack[1]))
			sk->dsack[1] = to;
	}
}

/* Cuts off what the segment before r holds already. */
static void rxseg_trim_front(struct rxseg *r, seq_t to)
{
	uint32_t n = seq_sub(to, r->seq);

	assert(n <= r->len_bytes);
	r->seq = to;
	r->offset += n;
	r->len_bytes -= n;
}

/* Segments that r covers go; one that r overlaps loses its front. */
static void ofo_merge_right(struct ho_stack *st, struct sock *sk, struct rxseg *r)
{
	struct rxseg *n;

	while ((n = r->next) && seq_gt(r->end_seq, n->seq)) {
		if (seq_lt(r->end_seq, n->end_seq)) {
			dsack_extend(st, sk, n->seq, r->end_seq);
			rxseg_trim_front(n, r->end_seq);
			return;
		}
		dsack_extend(st, sk, n->seq, n->end_seq);
		count(st, sk, HO_TcpExtTCPOFOMerge);
		ofo_remove_next(st, sk, r);
	}
}

static struct rxseg *ofo_place(struct sock *sk, seq_t seq)
{
	struct rxseg *before = NULL;

	if (sk->ofo_tail && !seq_lt(seq, sk->ofo_tail->seq))
		return sk->ofo_tail;
	for (struct rxseg *r = sk->ofo_head; r && !seq_gt(r->seq, seq); r = r->next)
		before = r;
	return before;
}

void tcp_ofo_in(struct ho_stack *st, struct sock *sk, struct tcp_rx *t)
{
	struct rxseg *before, *r;

	tcp_ecn_data_in(sk, t);
	sk->pred_flags = 0;
	sk->ack.pending |= ACK_SCHED;
	sk->rcv_ooopack += t->gso_segs;
	count(st, sk, HO_TcpExtTCPOFOQueue);
	before = ofo_place(sk, t->seq);
	if (before && !seq_gt(t->end_seq, before->end_seq)) {
		count(st, sk, HO_TcpExtTCPOFOMerge);
		tcp_dsack_set(st, sk, t->seq, t->end_seq);
		sack_add(sk, t->seq, t->end_seq);
		return;
	}
	r = tcp_rxseg_make(st, t);
	if (!r) {
		count_why(st, sk, HO_TcpExtTCPOFODrop, 1, HO_WHY_NO_MEMORY, 0, 0);
		return;
	}
	if (before && seq_lt(t->seq, before->end_seq)) {
		if (seq_eq(t->seq, before->seq)) {
			dsack_extend(st, sk, before->seq, before->end_seq);
			count(st, sk, HO_TcpExtTCPOFOMerge);
		} else {
			tcp_dsack_set(st, sk, t->seq, before->end_seq);
		}
		rxseg_trim_front(r, before->end_seq);
	}
	ofo_insert(sk, before, r);
	ofo_merge_right(st, sk, r);
	sack_add(sk, t->seq, t->end_seq);
	if (sk->sack_ok) {
		uint32_t truesize = r->truesize;

		tcp_window_grow(sk, t, truesize, 0, false);
	}
}

/* The hole was filled: what follows moves into the receive queue. */
void tcp_ofo_drain(struct ho_stack *st, struct sock *sk)
{
	seq_t dsack_high = sk->rcv_nxt;
	struct rxseg *r;

	while ((r = sk->ofo_head) && !seq_gt(r->seq, sk->rcv_nxt)) {
		bool fin = r->fin;

		if (seq_lt(r->seq, dsack_high)) {
			seq_t high = dsack_high;

			if (seq_lt(r->end_seq, high))
				dsack_high = r->end_seq;
			dsack_extend(st, sk, r->seq, high);
		}
		if (!seq_gt(r->end_seq, sk->rcv_nxt)) {
			ofo_remove_next(st, sk, NULL);
			continue;
		}
		sk->ofo_head = r->next;
		if (!sk->ofo_head)
			sk->ofo_tail = NULL;
		sk->rmem_alloc -= (int32_t)r->truesize;
		tcp_mem_charge(sk, -(int32_t)r->truesize);
		if (seq_lt(r->seq, sk->rcv_nxt))
			rxseg_trim_front(r, sk->rcv_nxt);
		tcp_data_append_rxseg(st, sk, r);
		if (fin) {
			tcp_fin_in(st, sk);
			return;
		}
	}
	if (!sk->ofo_head)
		sk->ack.pending |= ACK_NOW;
}
