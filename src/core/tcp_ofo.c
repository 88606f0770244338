/* SPDX-License-Identifier: MIT
 * Out of order: segments that wait for a hole to be filled, and the SACK blocks that tell the peer (RFC 2018, 2883).
 * The queue is sorted and free of overlaps; a long one has an index as soon as anything comes that is not its end.  Source: Linux 6.18 net/ipv4/tcp_input.c tcp_data_queue_ofo,
 * tcp_ofo_queue, tcp_sack_new_ofo_skb. */
#include "tcp.h"

void tcp_ofo_purge(struct ho_stack *st, struct sock *sk)
{
	struct rxseg *r;

	while ((r = sk->busy->ofo_head)) {
		sk->busy->ofo_head = r->next;
		r->next = NULL;
		rxseg_free(st, sk, r);
	}
	sk->busy->ofo_tail = NULL;
	sk->busy->num_sacks = 0;
	tcp_ofo_index_drop(sk);
}

/* ---- SACK blocks: sack[0] is the newest ---- */

#define SACK_BLOCKS_SURE 2 /* a block that moves further back has been in an ACK that was sent */

static void sack_move_to_front(struct sock *sk, int i)
{
	seq_t from = sk->busy->sack[i][0], to = sk->busy->sack[i][1];

	for (; i > 0; i--)
		memcpy(sk->busy->sack[i], sk->busy->sack[i - 1], sizeof(sk->busy->sack[0]));
	sk->busy->sack[0][0] = from;
	sk->busy->sack[0][1] = to;
}

static void sack_drop(struct sock *sk, int i)
{
	for (; i + 1 < sk->busy->num_sacks; i++)
		memcpy(sk->busy->sack[i], sk->busy->sack[i + 1], sizeof(sk->busy->sack[0]));
	sk->busy->num_sacks--;
}

/* The first block grew: swallow the ones that it touches now. */
static void sack_swallow(struct sock *sk)
{
	for (int i = 1; i < sk->busy->num_sacks;) {
		if (!seq_gt(sk->busy->sack[i][0], sk->busy->sack[0][1]) && !seq_gt(sk->busy->sack[0][0], sk->busy->sack[i][1])) {
			if (seq_lt(sk->busy->sack[i][0], sk->busy->sack[0][0]))
				sk->busy->sack[0][0] = sk->busy->sack[i][0];
			if (seq_gt(sk->busy->sack[i][1], sk->busy->sack[0][1]))
				sk->busy->sack[0][1] = sk->busy->sack[i][1];
			sack_drop(sk, i);
			continue;
		}
		i++;
	}
}

static void sack_add(struct ho_stack *st, struct sock *sk, seq_t from, seq_t to)
{
	if (!sk->sack_ok)
		return;
	for (int i = 0; i < sk->busy->num_sacks; i++) {
		if (seq_gt(from, sk->busy->sack[i][1]) || seq_gt(sk->busy->sack[i][0], to))
			continue;
		if (i >= SACK_BLOCKS_SURE)
			tcp_compressed_ack_send(st, sk);
		if (seq_lt(from, sk->busy->sack[i][0]))
			sk->busy->sack[i][0] = from;
		if (seq_gt(to, sk->busy->sack[i][1]))
			sk->busy->sack[i][1] = to;
		sack_move_to_front(sk, i);
		sack_swallow(sk);
		return;
	}
	if (sk->busy->num_sacks >= SACK_BLOCKS_SURE)
		tcp_compressed_ack_send(st, sk);
	if (sk->busy->num_sacks == 4)
		sk->busy->num_sacks--;
	sk->busy->num_sacks++;
	sk->busy->sack[sk->busy->num_sacks - 1][0] = from;
	sk->busy->sack[sk->busy->num_sacks - 1][1] = to;
	sack_move_to_front(sk, sk->busy->num_sacks - 1);
}

/* rcv_nxt has moved: forget blocks that it has passed. */
void tcp_sack_remove(struct sock *sk)
{
	if (!sk->busy->ofo_head) {
		sk->busy->num_sacks = 0;
		return;
	}
	for (int i = 0; i < sk->busy->num_sacks;) {
		if (!seq_lt(sk->rcv_nxt, sk->busy->sack[i][0]))
			sack_drop(sk, i);
		else
			i++;
	}
}

/* ---- the queue ---- */

#define WALK_MAX 16 /* segments: what lies further on is found by the index */
#define MARK_ANY 1u
#define MARK_FIRST 2u /* of its group */

static uint8_t marks_of(const struct rxseg *r)
{
	return r->merged ? MARK_ANY : MARK_ANY | MARK_FIRST;
}

static struct rxseg *rxseg_of(struct node *n)
{
	return n ? container_of(n, struct rxseg, node) : NULL;
}

static void index_make(struct ho_stack *st, struct sock *sk)
{
	struct node *before = NULL;

	if (sk->busy->ofo_index.root)
		return;
	tree_init(&sk->busy->ofo_index, st->key_conns.k1 ^ sk->busy->ofo_head->seq.n);
	for (struct rxseg *r = sk->busy->ofo_head; r; before = &r->node, r = r->next)
		tree_insert(&sk->busy->ofo_index, &r->node, before, marks_of(r));
}

void tcp_ofo_index_drop(struct sock *sk)
{
	sk->busy->ofo_index.root = NULL;
}

struct rxseg *tcp_ofo_group_end(struct ho_stack *st, struct sock *sk, struct rxseg *first)
{
	struct node *next;

	for (int i = 0; !sk->busy->ofo_index.root; first = first->next, i++) {
		if (!first->next || !first->next->merged)
			return first;
		if (i == WALK_MAX)
			index_make(st, sk);
	}
	next = node_next(&first->node, MARK_FIRST);
	return next ? rxseg_of(node_previous(next, MARK_ANY)) : sk->busy->ofo_tail;
}

struct rxseg *tcp_ofo_last_group(struct ho_stack *st, struct sock *sk, struct rxseg **before)
{
	struct node *first;

	index_make(st, sk);
	first = tree_last(&sk->busy->ofo_index, MARK_FIRST);
	*before = rxseg_of(node_previous(first, MARK_ANY));
	return rxseg_of(first);
}

/* Gives  merged into the buffer of the one before? */
static bool ofo_insert(struct ho_stack *st, struct sock *sk, struct rxseg *before, struct rxseg *r)
{
	bool merged = before && tcp_rxseg_merge(st, sk, before, r, r);

	if (before) {
		r->next = before->next;
		before->next = r;
	} else {
		r->next = sk->busy->ofo_head;
		sk->busy->ofo_head = r;
	}
	if (!r->next)
		sk->busy->ofo_tail = r;
	if (sk->busy->ofo_index.root)
		tree_insert(&sk->busy->ofo_index, &r->node, before ? &before->node : NULL, marks_of(r));
	return merged;
}

static void ofo_remove_next(struct ho_stack *st, struct sock *sk, struct rxseg *before)
{
	struct rxseg **at = before ? &before->next : &sk->busy->ofo_head;
	struct rxseg *r = *at;

	*at = r->next;
	if (sk->busy->ofo_tail == r)
		sk->busy->ofo_tail = before;
	if (sk->busy->ofo_index.root)
		tree_remove(&sk->busy->ofo_index, &r->node);
	rxseg_free(st, sk, r);
	if (*at && sk->busy->ofo_index.root)
		node_mark(&(*at)->node, marks_of(*at)); /* it may be the first of its group now */
}

/* before: what lies in front of the group; NULL: it is the first. */
void tcp_ofo_remove_group(struct ho_stack *st, struct sock *sk, struct rxseg *before)
{
	do
		ofo_remove_next(st, sk, before);
	while ((before ? before->next : sk->busy->ofo_head) != NULL && (before ? before->next : sk->busy->ofo_head)->merged);
}

static void dsack_extend(struct ho_stack *st, struct sock *sk, seq_t from, seq_t to)
{
	if (!sk->busy->dsack_pending) {
		tcp_dsack_set(st, sk, from, to);
		return;
	}
	if (!seq_gt(from, sk->busy->dsack[1]) && !seq_gt(sk->busy->dsack[0], to)) {
		if (seq_lt(from, sk->busy->dsack[0]))
			sk->busy->dsack[0] = from;
		if (seq_gt(to, sk->busy->dsack[1]))
			sk->busy->dsack[1] = to;
	}
}

/* Cuts off what lies in front of a number. */
void rxseg_trim_front(struct rxseg *r, seq_t to)
{
	uint32_t n = seq_sub(to, r->seq);

	assert(n <= r->len_bytes);
	r->seq = to;
	r->offset += n;
	r->len_bytes -= n;
	r->cut = true;
}

/* Drops what of the group behind before lies in front of a number. */
static void ofo_trim_group(struct ho_stack *st, struct sock *sk, struct rxseg *before, seq_t to)
{
	struct rxseg *r;

	while ((r = before ? before->next : sk->busy->ofo_head) && !seq_gt(r->end_seq, to))
		ofo_remove_next(st, sk, before);
	if (seq_lt(r->seq, to))
		rxseg_trim_front(r, to);
}

/* Groups that r covers go; one that r overlaps loses its front.  Linux looks for neither if r was merged. */
static void ofo_merge_right(struct ho_stack *st, struct sock *sk, struct rxseg *r, bool merged)
{
	struct rxseg *n;

	while ((n = r->next) && seq_gt(r->end_seq, n->seq)) {
		seq_t end = tcp_ofo_group_end(st, sk, n)->end_seq;
		bool whole = !seq_lt(r->end_seq, end);

		if (!merged)
			dsack_extend(st, sk, n->seq, whole ? end : r->end_seq);
		if (!whole) {
			ofo_trim_group(st, sk, r, r->end_seq);
			return;
		}
		if (!merged)
			count(st, sk, HO_TcpExtTCPOFOMerge);
		tcp_ofo_remove_group(st, sk, r);
	}
}

/* The last group that begins at or before a number: first .. last, behind prev. */
struct ofo_place {
	struct rxseg *prev, *first, *last;
};

static struct ofo_place place_find(const struct sock *sk, seq_t seq)
{
	struct node *n = sk->busy->ofo_index.root, *last = NULL;
	struct ofo_place p = {0};

	while (n) {
		bool behind = seq_gt(rxseg_of(n)->seq, seq);

		if (!behind)
			last = n;
		n = behind ? n->left : n->right;
	}
	if (!last)
		return p;
	if (!(last->marks & MARK_FIRST))
		last = node_previous(last, MARK_FIRST);
	p.first = rxseg_of(last);
	p.prev = rxseg_of(node_previous(last, MARK_ANY));
	return p;
}

static struct ofo_place ofo_place(struct ho_stack *st, struct sock *sk, seq_t seq)
{
	struct ofo_place p = {0};
	int steps = 0;

	if (sk->busy->ofo_tail && !seq_lt(seq, sk->busy->ofo_tail->end_seq)) {
		p.last = sk->busy->ofo_tail;
		return p;
	}
	for (struct rxseg *r = sk->busy->ofo_head, *before = NULL; r && !sk->busy->ofo_index.root && !seq_gt(r->seq, seq);
	     before = r, r = r->next) {
		if (!r->merged) {
			p.prev = before;
			p.first = r;
		}
		if (++steps > WALK_MAX)
			index_make(st, sk);
	}
	if (sk->busy->ofo_index.root)
		p = place_find(sk, seq);
	if (p.first)
		p.last = tcp_ofo_group_end(st, sk, p.first);
	return p;
}

static void ofo_charge(struct sock *sk, const struct rxseg *r)
{
	sk->rmem_alloc += (int32_t)r->truesize;
	tcp_mem_charge(sk, (int32_t)r->truesize);
}

/* Gives  merged into the buffer of the one before? */
static bool ofo_keep(struct ho_stack *st, struct sock *sk, struct rxseg *r, struct ofo_place p)
{
	bool merged;

	if (p.first && seq_lt(r->seq, p.last->end_seq)) {
		if (seq_gt(r->seq, p.first->seq) || p.first->cut) {
			tcp_dsack_set(st, sk, r->seq, p.last->end_seq);
			rxseg_trim_front(r, p.last->end_seq);
		} else {
			dsack_extend(st, sk, p.first->seq, p.last->end_seq);
			count(st, sk, HO_TcpExtTCPOFOMerge);
			tcp_ofo_remove_group(st, sk, p.prev);
			p.last = p.prev;
		}
	}
	merged = ofo_insert(st, sk, p.last, r);
	ofo_merge_right(st, sk, r, merged);
	return merged;
}

void tcp_ofo_in(struct ho_stack *st, struct sock *sk, struct tcp_rx *t)
{
	struct ofo_place p;
	struct rxseg *r;
	uint32_t truesize, room;
	bool linear, merged;

	tcp_rx_buffer(t, &truesize, &room, &linear);
	tcp_rcv_mss_measure(sk, t, truesize);
	tcp_ecn_data_in(sk, t);
	sk->pred_flags = 0;
	sk->ack.pending |= ACK_SCHED;
	sk->busy->rcv_ooopack += t->gso_segs;
	count(st, sk, HO_TcpExtTCPOFOQueue);
	p = ofo_place(st, sk, t->seq);
	if (p.first && !seq_gt(t->end_seq, p.last->end_seq)) {
		count(st, sk, HO_TcpExtTCPOFOMerge);
		tcp_dsack_set(st, sk, t->seq, t->end_seq);
		sack_add(st, sk, t->seq, t->end_seq);
		return;
	}
	r = tcp_rxseg_make(st, t);
	if (!r) {
		count_why(st, sk, HO_TcpExtTCPOFODrop, 1, HO_WHY_NO_MEMORY, 0, 0);
		return;
	}
	merged = ofo_keep(st, sk, r, p);
	if (merged)
		ofo_charge(sk, r);
	sack_add(st, sk, t->seq, t->end_seq);
	if (sk->sack_ok)
		tcp_window_grow(st, sk, t, truesize);
	if (!merged)
		ofo_charge(sk, r);
	if (sk->fd >= 0)
		tcp_rcvbuf_grow(st, sk, sk->rcvq.space);
}

/* The hole was filled: what follows moves into the receive queue. */
void tcp_ofo_drain(struct ho_stack *st, struct sock *sk)
{
	seq_t high = sk->rcv_nxt;
	struct rxseg *first;

	while ((first = sk->busy->ofo_head) && !seq_gt(first->seq, sk->rcv_nxt)) {
		struct rxseg *last = tcp_ofo_group_end(st, sk, first);
		bool fin = last->fin;

		if (seq_lt(first->seq, high))
			dsack_extend(st, sk, first->seq, seq_lt(last->end_seq, high) ? last->end_seq : high);
		if (!seq_gt(last->end_seq, sk->rcv_nxt)) {
			tcp_ofo_remove_group(st, sk, NULL);
			continue;
		}
		ofo_trim_group(st, sk, NULL, sk->rcv_nxt);
		first = sk->busy->ofo_head;
		for (struct rxseg *r = first; sk->busy->ofo_index.root && r != last->next; r = r->next)
			tree_remove(&sk->busy->ofo_index, &r->node);
		sk->busy->ofo_head = last->next;
		if (!sk->busy->ofo_head)
			sk->busy->ofo_tail = NULL;
		sk->rmem_alloc -= (int32_t)first->truesize;
		tcp_mem_charge(sk, -(int32_t)first->truesize);
		tcp_rx_append(st, sk, first, last);
		if (fin) {
			tcp_fin_in(st, sk);
			if (sk->e.kind != ENTRY_SOCK || sk->state == HO_CLOSE)
				return;
			break;
		}
	}
	if (!sk->busy->ofo_head)
		sk->ack.pending |= ACK_NOW;
}
