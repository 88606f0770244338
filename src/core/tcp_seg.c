/* SPDX-License-Identifier: MIT
 * Segments and the two queues they live in: written and not sent (wq), sent and not acknowledged (rtx).
 * A segment's cost is Linux': 832 bytes and its payload. */
#include "tcp.h"

#define SPLIT_ALLOWANCE (2 * 66112) /* two of the largest super-frames, buffers and all */
#define INDEX_MIN 32u /* packets: shorter queues are walked */

/* ---- the index of what is outstanding ---- */

static uint8_t marks_of(const struct seg *g)
{
	uint8_t marks = (uint8_t)(g->settled ? 0 : RTX_UNSETTLED);

	if (g->sacked & SEG_LOST)
		marks |= RTX_LOST;
	if ((g->sacked & (SEG_LOST | SEG_RETRANS | SEG_SACKED)) == SEG_LOST)
		marks |= RTX_RESEND;
	if (g->sacked & SEG_EVER_RETRANS)
		marks |= RTX_EVER_RETRANS;
	if (!(g->sacked & SEG_SACKED))
		marks |= RTX_UNSACKED;
	return marks;
}

void rtx_index_make(struct ho_stack *st, struct sock *sk)
{
	struct node *before = NULL;

	if (sk->busy->rtx_index.root || sk->packets_out < INDEX_MIN)
		return;
	tree_init(&sk->busy->rtx_index, st->key_conns.k0 ^ sk->busy->rtx_head->end_seq.n);
	for (struct seg *g = sk->busy->rtx_head; g; before = &g->node, g = g->next)
		tree_insert(&sk->busy->rtx_index, &g->node, before, marks_of(g));
	sk->busy->retransmit_hint = NULL;
}

static void index_add(struct sock *sk, struct seg *g)
{
	struct busy *b = sk->busy;

	if (unlikely(b->rtx_index.root))
		tree_insert(&b->rtx_index, &g->node, g->prev ? &g->prev->node : NULL, marks_of(g));
}

/* The one behind it may move into it now. */
static void unsettle(struct sock *sk, struct seg *g)
{
	if (!g)
		return;
	g->settled = false;
	if (sk->busy->rtx_index.root)
		node_mark(&g->node, marks_of(g));
}

void rtx_changed(struct sock *sk, struct seg *g)
{
	unsettle(sk, g);
	if (g->next && g->next->settled)
		unsettle(sk, g->next);
}

/* Only a change will make another look at it worth while. */
void rtx_settle(struct sock *sk, struct seg *g)
{
	g->settled = true;
	if (sk->busy->rtx_index.root)
		node_mark(&g->node, marks_of(g));
}

void rtx_sent_forget(struct sock *sk, struct seg *g)
{
	if (unlikely(sk->busy->rack_edge == &g->sent))
		sk->busy->rack_edge = g->sent.prev;
	list_del(&g->sent);
}

struct seg *seg_make(struct ho_stack *st)
{
	struct seg *g = pool_take(&st->segs);

	if (unlikely(!g))
		return NULL;
	g->next = g->prev = NULL;
	g->seq = g->end_seq = seq_of(0);
	g->len_bytes = 0;
	g->gso_size = 0;
	g->flags = g->sacked = g->frag_count = 0;
	g->settled = g->eor = g->is_app_limited = false;
	g->sent_us = 0;
	g->sent_no = g->delivered = g->first_tx_ago_us = g->delivered_ago_us = 0;
	list_init(&g->sent);
	g->truesize = SKB_SMALL_TRUESIZE;
	g->pcount = 1;
	g->fresh = true;
	g->is_rated = true; /* until it is sent */
	return g;
}

void seg_free(struct ho_stack *st, struct seg *g)
{
	for (int i = 0; i < g->frag_count; i++)
		block_unref(g->frag[i].block);
	pool_give(&st->segs, g);
}

hot_path void seg_cut(struct seg *g, uint32_t mss)
{
	if (mostly(g->len_bytes <= mss)) {
		g->gso_size = 0;
		g->pcount = 1;
		return;
	}
	g->gso_size = (uint16_t)mss;
	g->pcount = (uint16_t)((g->len_bytes + mss - 1) / mss);
}

static void charge(struct sock *sk, int32_t bytes)
{
	sk->wmem_queued += bytes;
	tcp_mem_charge(sk, bytes);
}

static void uncharge(struct ho_stack *st, struct sock *sk, const struct seg *g)
{
	sk->wmem_queued -= (int32_t)g->truesize;
	tcp_mem_uncharge(st, sk, (int32_t)g->truesize);
}

/* Frags behind len_bytes move from g to n. */
static void frags_split(struct seg *g, struct seg *n, uint32_t len_bytes)
{
	uint8_t count = g->frag_count;

	g->frag_count = 0;
	for (uint8_t i = 0; i < count; i++) {
		struct frag *f = &g->frag[i];

		if (f->len_bytes <= len_bytes) {
			len_bytes -= f->len_bytes;
			g->frag_count++;
			continue;
		}
		if (len_bytes) {
			n->frag[n->frag_count++] = (struct frag){block_ref(f->block), f->offset + len_bytes,
			                                         f->len_bytes - len_bytes};
			f->len_bytes = len_bytes;
			len_bytes = 0;
			g->frag_count++;
			continue;
		}
		n->frag[n->frag_count++] = *f;
	}
}

/* A queue that holds more than twice its buffer is not cut into smaller pieces (CVE-2019-11478). */
static bool too_big_to_split(struct ho_stack *st, struct sock *sk, const struct seg *g)
{
	if (likely(sk->wmem_queued >> 1 <= (int64_t)sk->sndbuf + SPLIT_ALLOWANCE) || g == sk->busy->rtx_head || g == sk->busy->rtx_tail)
		return false;
	count_why(st, sk, HO_TcpExtTCPWqueueTooBig, 1, HO_WHY_WQUEUE, (uint32_t)sk->wmem_queued, (uint32_t)sk->sndbuf);
	return true;
}

/* Cuts g after len_bytes; the rest becomes a segment behind it in the same queue.
 * Gives  false without memory, or if too much is outstanding to cut any of it.  Linux: tcp_fragment, tso_fragment. */
bool seg_split(struct ho_stack *st, struct sock *sk, struct seg *g, uint32_t len_bytes, uint32_t mss, bool in_rtx)
{
	uint32_t rest = g->len_bytes - len_bytes;
	uint16_t old_pcount = g->pcount;
	struct seg *n;

	assert(len_bytes && len_bytes < g->len_bytes);
	if (in_rtx && too_big_to_split(st, sk, g))
		return false;
	n = seg_make(st);
	if (!n)
		return false;
	tcp_mem_force(st, sk, SKB_SMALL_TRUESIZE);
	charge(sk, SKB_SMALL_TRUESIZE);
	n->truesize += rest;
	g->truesize -= rest;
	frags_split(g, n, len_bytes);
	n->seq = seq_add(g->seq, len_bytes);
	n->end_seq = g->end_seq;
	g->end_seq = n->seq;
	n->len_bytes = rest;
	g->len_bytes = len_bytes;
	n->flags = g->flags;
	g->flags &= (uint8_t) ~(TCP_FIN | TCP_PSH);
	n->sacked = g->sacked;
	n->sent_us = g->sent_us;
	n->sent_no = g->sent_no;
	n->delivered = g->delivered;
	n->first_tx_ago_us = g->first_tx_ago_us;
	n->delivered_ago_us = g->delivered_ago_us;
	n->is_app_limited = g->is_app_limited;
	n->is_rated = g->is_rated;
	n->fresh = g->fresh;
	n->eor = g->eor;
	g->eor = false;
	seg_cut(g, mss);
	seg_cut(n, mss);
	n->prev = g;
	n->next = g->next;
	if (g->next)
		g->next->prev = n;
	g->next = n;
	if (in_rtx && sk->busy->rtx_tail == g)
		sk->busy->rtx_tail = n;
	if (!in_rtx && sk->busy->wq_tail == g)
		sk->busy->wq_tail = n;
	if (in_rtx) {
		if (!list_empty(&g->sent))
			list_add_tail(g->sent.next, &n->sent);
		index_add(sk, n);
		rtx_changed(sk, g);
		rtx_changed(sk, n);
		seg_pcount_moved(sk, g, (int32_t)g->pcount + n->pcount - old_pcount);
	}
	return true;
}

/* Bytes 0 .. len_bytes - 1 of from's payload go to the end of to's.
 * Gives  false when to has no room for the pieces. */
static bool frags_move(struct seg *to, struct seg *from, uint32_t len_bytes)
{
	uint32_t left = len_bytes;
	uint8_t whole = 0, merged = 0;
	const struct frag *last = &to->frag[to->frag_count - 1];

	while (whole < from->frag_count && from->frag[whole].len_bytes <= left)
		left -= from->frag[whole++].len_bytes;
	if (to->frag_count && from->frag_count && last->block == from->frag[0].block &&
	    last->offset + last->len_bytes == from->frag[0].offset)
		merged = 1;
	if (to->frag_count + whole + (left ? 1 : 0) - merged > SEG_FRAGS_MAX)
		return false;
	for (uint8_t i = 0; i < whole; i++) {
		if (i == 0 && merged) {
			to->frag[to->frag_count - 1].len_bytes += from->frag[0].len_bytes;
			block_unref(from->frag[0].block);
			continue;
		}
		to->frag[to->frag_count++] = from->frag[i];
	}
	if (left) {
		struct frag *f = &from->frag[whole];

		if (whole == 0 && merged)
			to->frag[to->frag_count - 1].len_bytes += left;
		else
			to->frag[to->frag_count++] = (struct frag){block_ref(f->block), f->offset, left};
		f->offset += left;
		f->len_bytes -= left;
	}
	from->frag_count = (uint8_t)(from->frag_count - whole);
	memmove(&from->frag[0], &from->frag[whole], from->frag_count * sizeof(from->frag[0]));
	return true;
}

/* The first len_bytes of from's payload move to the segment before it; numbers and packet counts are the caller's.
 * Gives  false without room.  Linux: skb_shift. */
bool seg_shift(struct seg *to, struct seg *from, uint32_t len_bytes)
{
	assert(to->next == from && len_bytes <= from->len_bytes);
	if (to->len_bytes + len_bytes > 65535 || !to->frag_count || !from->frag_count || !frags_move(to, from, len_bytes))
		return false;
	to->len_bytes += len_bytes;
	from->len_bytes -= len_bytes;
	to->truesize += len_bytes;
	from->truesize -= len_bytes;
	return true;
}

/* g, which is outstanding, makes so many packets more. */
void seg_pcount_moved(struct sock *sk, const struct seg *g, int32_t more)
{
	sk->packets_out += (uint32_t)more;
	if (g->sacked & SEG_SACKED)
		sk->busy->sacked_out += (uint32_t)more;
	if (g->sacked & SEG_RETRANS)
		sk->busy->retrans_out += (uint32_t)more;
	if (g->sacked & SEG_LOST)
		sk->busy->lost_out += (uint32_t)more;
	if (!sk->sack_ok && more < 0)
		sk->busy->sacked_out -= min_u32(sk->busy->sacked_out, (uint32_t)-more);
}

/* The first len_bytes of g were acknowledged. */
void seg_trim_head(struct ho_stack *st, struct sock *sk, struct seg *g, uint32_t len_bytes)
{
	uint8_t i = 0;
	uint32_t left = len_bytes;

	assert(len_bytes < g->len_bytes || (len_bytes == g->len_bytes && (g->flags & TCP_FIN)));
	while (left && g->frag[i].len_bytes <= left) {
		left -= g->frag[i].len_bytes;
		block_unref(g->frag[i].block);
		i++;
	}
	if (left) {
		g->frag[i].offset += left;
		g->frag[i].len_bytes -= left;
	}
	g->frag_count = (uint8_t)(g->frag_count - i);
	memmove(&g->frag[0], &g->frag[i], g->frag_count * sizeof(g->frag[0]));
	g->seq = seq_add(g->seq, len_bytes);
	g->len_bytes -= len_bytes;
	g->truesize -= len_bytes;
	sk->wmem_queued -= (int32_t)len_bytes;
	tcp_mem_uncharge(st, sk, (int32_t)len_bytes);
	if (g->gso_size)
		seg_cut(g, g->gso_size);
	rtx_changed(sk, g);
}

void wq_append(struct sock *sk, struct seg *g)
{
	struct busy *b = sk->busy;

	g->next = NULL;
	g->prev = b->wq_tail;
	if (unlikely(b->wq_tail))
		b->wq_tail->next = g;
	else
		b->wq_head = g;
	b->wq_tail = g;
	charge(sk, (int32_t)g->truesize);
}

struct seg *wq_pop(struct sock *sk)
{
	struct busy *b = sk->busy;
	struct seg *g = b->wq_head;

	b->wq_head = g->next;
	if (unlikely(g->next))
		g->next->prev = NULL;
	else
		b->wq_tail = NULL;
	return g;
}

/* So many bytes of the one behind g move into it, if that has them; whose last byte goes is gone.
 * Gives  whether any moved.  Linux: tcp_grow_skb. */
hot_path bool wq_grow(struct ho_stack *st, struct sock *sk, struct seg *g, uint32_t bytes)
{
	struct seg *n = g->next;
	uint32_t take = n && !g->eor ? min_u32(bytes, n->len_bytes) : 0;

	if (!take || g->eor || !seg_shift(g, n, take))
		return false;
	g->end_seq = n->seq = seq_add(n->seq, take);
	if (n->len_bytes)
		return true;
	g->end_seq = n->end_seq;
	g->flags |= n->flags;
	g->eor = n->eor;
	g->next = n->next;
	if (n->next)
		n->next->prev = g;
	else
		sk->busy->wq_tail = g;
	uncharge(st, sk, n);
	seg_free(st, n);
	return true;
}

void rtx_append(struct sock *sk, struct seg *g)
{
	struct busy *b = sk->busy;

	g->next = NULL;
	g->prev = b->rtx_tail;
	if (rarely(b->rtx_tail))
		b->rtx_tail->next = g;
	else
		b->rtx_head = g;
	b->rtx_tail = g;
	index_add(sk, g);
}

hot_path void rtx_remove(struct ho_stack *st, struct sock *sk, struct seg *g)
{
	struct busy *b = sk->busy;

	rtx_sent_forget(sk, g);
	if (unlikely(b->rtx_index.root))
		tree_remove(&b->rtx_index, &g->node);
	if (unlikely(g->next && g->next->settled))
		unsettle(sk, g->next);
	if (unlikely(b->retransmit_hint == g))
		b->retransmit_hint = NULL;
	if (unlikely(g->prev))
		g->prev->next = g->next;
	else
		b->rtx_head = g->next;
	if (rarely(g->next))
		g->next->prev = g->prev;
	else
		b->rtx_tail = g->prev;
	uncharge(st, sk, g);
	seg_free(st, g);
}

void tcp_tx_queues_purge(struct ho_stack *st, struct sock *sk)
{
	struct seg *g;

	if (!sock_is_busy(sk))
		return;
	while (sk->busy->wq_head) {
		g = wq_pop(sk);
		uncharge(st, sk, g);
		seg_free(st, g);
	}
	while (sk->busy->rtx_head)
		rtx_remove(st, sk, sk->busy->rtx_head);
	sk->packets_out = sk->busy->retrans_out = sk->busy->lost_out = sk->busy->sacked_out = 0;
	sk->busy->backoff = 0;
}
