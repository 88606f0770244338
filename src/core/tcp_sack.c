/* SPDX-License-Identifier: MIT
 * The scoreboard: what SACK blocks say of the segments that are outstanding (RFC 2018, RFC 6675 3).
 *
 * A segment is in at most one of these states, kept in seg.sacked and counted in packets:
 *
 *   sent             nothing known
 *   SACKED           arrived; never sent again           sacked_out
 *   LOST             to be sent again                    lost_out
 *   LOST | RETRANS   sent again, on its way              lost_out, retrans_out
 *
 * in flight = packets_out - sacked_out - lost_out + retrans_out.  A block that covers a part of a super-segment cuts it at a
 * whole number of MSS; what is SACKED next to a SACKED neighbour moves into it, so that a long hole does not make a long
 * queue.  Source: Linux 6.18 net/ipv4/tcp_input.c tcp_sacktag_write_queue, tcp_sacktag_walk, tcp_sacktag_one,
 * tcp_match_skb_to_sack, tcp_shift_skb_data, tcp_check_sack_reordering. */
#include "tcp.h"

#define SEG_STATE (SEG_SACKED | SEG_RETRANS | SEG_LOST)

seq_t tcp_highest_sack(const struct sock *sk)
{
	return sk->sack_ok && sk->busy->sacked_out ? sk->busy->highest_sack : sk->snd_una;
}

/* Something below what is SACKED already arrives only now: the network reorders by this much.
 * by_ts: a timestamp told, or else the SACK blocks. */
void tcp_sack_reordering(struct ho_stack *st, struct sock *sk, seq_t low, bool by_ts)
{
	seq_t high = tcp_highest_sack(sk);
	uint32_t metric, mss = sk->mss_cache;

	if (!seq_lt(low, high))
		return;
	metric = seq_sub(high, low);
	if (metric > sk->reordering * mss && mss)
		sk->reordering = min_u32((metric + mss - 1) / mss, st->ctl.tcp_max_reordering);
	sk->busy->reord_seen++;
	count(st, sk, by_ts ? HO_TcpExtTCPTSReorder : HO_TcpExtTCPSACKReorder);
}

/* ---- one segment, or a part of one ---- */

struct piece {
	seq_t from, to;
	uint32_t pcount;
	uint64_t sent_us;
	uint32_t sent_no;
};

static void dsack_of_segment(struct sock *sk, struct acking *a, uint8_t sacked, const struct piece *p)
{
	if (!(sacked & (SEG_RETRANS | SEG_EVER_RETRANS)))
		return;
	if (sk->busy->undo_marker.n && sk->busy->undo_retrans > 0 && seq_gt(p->to, sk->busy->undo_marker))
		sk->busy->undo_retrans = max_i32(0, sk->busy->undo_retrans - (int32_t)p->pcount);
	if ((sacked & SEG_SACKED) && seq_lt(p->from, a->reord))
		a->reord = p->from;
}

static uint8_t newly_sacked(struct ho_stack *st, struct sock *sk, struct acking *a, uint8_t sacked, const struct piece *p)
{
	tcp_rack_advance(st, sk, sacked, (struct sending){p->sent_us, p->sent_no, p->to});
	if (sacked & SEG_RETRANS) {
		if (sacked & SEG_LOST) {
			sacked &= (uint8_t)~(SEG_LOST | SEG_RETRANS);
			sk->busy->lost_out -= p->pcount;
			sk->busy->retrans_out -= p->pcount;
		}
	} else {
		if (!(sacked & SEG_EVER_RETRANS)) {
			if (seq_lt(p->from, tcp_highest_sack(sk)) && seq_lt(p->from, a->reord))
				a->reord = p->from;
			if (!seq_gt(p->to, sk->busy->high_seq))
				a->flag |= FLAG_ORIG_SACK_ACKED;
			if (!a->first_sack_us)
				a->first_sack_us = p->sent_us;
			a->last_sack_us = p->sent_us;
		}
		if (sacked & SEG_LOST) {
			sacked &= (uint8_t)~SEG_LOST;
			sk->busy->lost_out -= p->pcount;
		}
	}
	if (!sk->busy->sacked_out || !seq_lt(p->from, sk->busy->highest_sack))
		sk->busy->highest_sack = p->to;
	a->flag |= FLAG_DATA_SACKED;
	sk->busy->sacked_out += p->pcount;
	a->delivered += p->pcount;
	return sacked | SEG_SACKED;
}

/* Gives  the new seg.sacked. */
static uint8_t piece_tag(struct ho_stack *st, struct sock *sk, struct acking *a, uint8_t sacked, const struct piece *p,
                         bool dsack)
{
	if (dsack)
		dsack_of_segment(sk, a, sacked, p);
	if (!seq_gt(p->to, sk->snd_una))
		return sacked;
	if (!(sacked & SEG_SACKED))
		sacked = newly_sacked(st, sk, a, sacked, p);
	if (dsack && (sacked & SEG_RETRANS)) {
		sacked &= (uint8_t)~SEG_RETRANS;
		sk->busy->retrans_out -= p->pcount;
	}
	return sacked;
}

/* ---- super-segments ---- */

enum match { MATCH_NONE, MATCH_WHOLE, MATCH_STOP };

/* Is g covered by from..to?  Cuts off what is covered at one end, in whole MSS. */
static enum match segment_match(struct ho_stack *st, struct sock *sk, struct seg *g, seq_t from, seq_t to)
{
	bool head_in = !seq_gt(from, g->seq), covered = head_in && !seq_lt(to, g->end_seq);
	uint32_t mss = g->gso_size, bytes;

	if (covered || g->pcount <= 1 || !seq_gt(g->end_seq, from))
		return covered ? MATCH_WHOLE : MATCH_NONE;
	if (!head_in) {
		bytes = max_u32(seq_sub(from, g->seq), mss);
	} else {
		bytes = seq_sub(to, g->seq);
		if (bytes < mss)
			return MATCH_STOP;
	}
	if (bytes > mss) {
		uint32_t whole = bytes / mss * mss;

		if (!head_in && whole < bytes)
			whole += mss;
		bytes = whole;
	}
	if (bytes >= g->len_bytes)
		return MATCH_NONE; /* all but the FIN */
	if (!seg_split(st, sk, g, bytes, mss, true))
		return MATCH_STOP;
	return head_in ? MATCH_WHOLE : MATCH_NONE;
}

static uint32_t seg_packet_bytes(const struct seg *g)
{
	return g->pcount > 1 ? g->gso_size : g->len_bytes;
}

/* from's first bytes have moved into to, which is SACKED.  Gives  true when nothing of from is left. */
static bool shifted(struct ho_stack *st, struct sock *sk, struct seg *to, struct seg *from, struct acking *a,
                    uint32_t bytes, uint32_t pcount, uint32_t mss, bool dsack)
{
	struct piece p = {from->seq, seq_add(from->seq, bytes), pcount, from->sent_us, from->sent_no};

	tcp_rate_delivered(sk, &a->rate, from);
	piece_tag(st, sk, a, from->sacked, &p, dsack);
	to->end_seq = seq_add(to->end_seq, bytes);
	from->seq = p.to;
	to->pcount = (uint16_t)(to->pcount + pcount);
	from->pcount = (uint16_t)(from->pcount - pcount);
	if (!to->gso_size)
		to->gso_size = (uint16_t)mss;
	if (from->pcount <= 1)
		from->gso_size = 0;
	to->sacked |= from->sacked & SEG_EVER_RETRANS;
	rtx_changed(sk, to);
	if (from->len_bytes) {
		rtx_changed(sk, from);
		count(st, sk, HO_TcpExtTCPSackShifted);
		return false;
	}
	to->flags |= from->flags & (TCP_FIN | TCP_PSH);
	to->eor = from->eor;
	if (from->flags & TCP_FIN)
		to->end_seq = seq_add(to->end_seq, 1);
	if (seq_lt(sk->busy->highest_sack, to->end_seq))
		sk->busy->highest_sack = to->end_seq;
	if (sk->busy->retransmit_hint == from)
		sk->busy->retransmit_hint = to;
	rtx_remove(st, sk, from);
	rtx_changed(sk, to);
	count(st, sk, HO_TcpExtTCPSackMerged);
	return true;
}

static bool may_shift(const struct sock *sk, const struct seg *g, bool dsack)
{
	if (!dsack && (g->sacked & (SEG_LOST | SEG_RETRANS)) == SEG_RETRANS)
		return false;
	return g->len_bytes && seq_gt(g->end_seq, sk->snd_una) && g->prev && !g->prev->eor &&
	       (g->prev->sacked & SEG_STATE) == SEG_SACKED;
}

/* How much of g the block from..to covers, if that may move: *bytes and *pcount.
 * Gives  1 yes; 0 nothing to do with g at all; -1 no. */
static int shift_extent(const struct seg *g, seq_t from, seq_t to, uint32_t *bytes, uint32_t *pcount, uint32_t *mss)
{
	bool head_in = !seq_gt(from, g->seq);

	if (head_in && !seq_lt(to, g->end_seq)) {
		*bytes = g->len_bytes;
		*pcount = g->pcount;
		*mss = seg_packet_bytes(g);
		return *mss == seg_packet_bytes(g->prev) ? 1 : -1;
	}
	if (!seq_gt(g->end_seq, from) || g->pcount <= 1)
		return 0;
	if (!head_in)
		return -1;
	*mss = g->gso_size;
	if (*mss != seg_packet_bytes(g->prev))
		return -1;
	if (seq_sub(to, g->seq) < *mss)
		return 0;
	*pcount = seq_sub(to, g->seq) / *mss;
	*bytes = *pcount * *mss;
	return 1;
}

/* What is SACKED of g goes to its SACKED neighbour before it.
 * Gives  the segment to go on behind; g itself when it is not concerned; NULL: tag it where it is. */
static struct seg *segment_shift(struct ho_stack *st, struct sock *sk, struct seg *g, struct acking *a, seq_t from, seq_t to,
                                 bool dsack)
{
	struct seg *prev = g->prev, *next;
	uint32_t bytes, pcount, mss;
	int extent;

	if (!may_shift(sk, g, dsack))
		goto fallback;
	extent = shift_extent(g, from, to, &bytes, &pcount, &mss);
	if (extent == 0)
		return g;
	if (extent < 0 || !seq_gt(seq_add(g->seq, bytes), sk->snd_una) || !seg_shift(prev, g, bytes))
		goto fallback;
	if (!shifted(st, sk, prev, g, a, bytes, pcount, mss, dsack))
		return prev;
	/* the hole is filled: the one behind it may come along */
	next = prev->next;
	if (next && next->len_bytes && !prev->eor && (next->sacked & SEG_STATE) == SEG_SACKED && seg_packet_bytes(next) == mss) {
		bytes = next->len_bytes;
		pcount = next->pcount;
		if (seg_shift(prev, next, bytes))
			shifted(st, sk, prev, next, a, bytes, pcount, mss, false);
	}
	return prev;
fallback:
	count(st, sk, HO_TcpExtTCPSackShiftFallback);
	return NULL;
}

/* ---- one block ---- */

/* The first segment that ends behind seq. */
static struct seg *ends_behind(const struct sock *sk, seq_t seq)
{
	struct node *n = sk->busy->rtx_index.root;
	struct seg *found = NULL;

	while (n) {
		struct seg *g = seg_of_node(n);

		if (seq_gt(g->end_seq, seq)) {
			found = g;
			n = n->left;
		} else {
			n = n->right;
		}
	}
	return found;
}

/* The first segment that ends behind seq, from g on. */
static struct seg *skip_to(const struct sock *sk, struct seg *g, seq_t seq)
{
	if (sk->busy->rtx_index.root && g && !seq_gt(g->end_seq, seq))
		return ends_behind(sk, seq);
	while (g && !seq_gt(g->end_seq, seq))
		g = g->next;
	return g;
}

/* g and what follows, if nothing there can change and all of it ends at or before a number: the next to look at. */
static struct seg *skip_settled(const struct sock *sk, struct seg *g, seq_t to, uint8_t marks)
{
	struct seg *stop, *marked;

	if (!sk->busy->rtx_index.root || (g->node.marks & marks) || seq_gt(g->end_seq, to))
		return g;
	marked = seg_of_node(node_next(&g->node, marks));
	stop = ends_behind(sk, to);
	if (marked && (!stop || seq_lt(marked->seq, stop->seq)))
		stop = marked;
	return stop;
}

/* Gives  where the walk of a block goes on: what is settled need not be looked at, only counted, as Linux does, which
 * tries to move it each time.  Within inner it tries nothing. */
static struct seg *skip_known(struct ho_stack *st, struct sock *sk, struct seg *g, seq_t from, seq_t to, bool dsack,
                              const struct block_range *inner)
{
	uint8_t marks = (uint8_t)(dsack ? RTX_UNSETTLED | RTX_EVER_RETRANS : RTX_UNSETTLED);
	struct seg *next;

	if (!sk->busy->rtx_index.root || seq_lt(g->seq, from))
		return g;
	if (inner && seq_lt(g->seq, inner->to)) {
		bool within = !seq_lt(g->seq, inner->from);
		seq_t end = within ? inner->to : inner->from;

		if (seq_lt(end, to))
			to = end;
		if (within)
			return skip_settled(sk, g, to, RTX_UNSACKED | RTX_EVER_RETRANS);
	}
	next = skip_settled(sk, g, to, marks);
	if (next != g)
		count_add(st, sk, HO_TcpExtTCPSackShiftFallback,
		          (int32_t)((next ? node_rank(&next->node) : sk->busy->rtx_index.root->count) - node_rank(&g->node)));
	return next;
}

/* A segment that is covered.  moved_not: it could not move to the one before. */
static void segment_tag(struct ho_stack *st, struct sock *sk, struct acking *a, struct seg *g, bool dsack, bool moved_not)
{
	struct piece p = {g->seq, g->end_seq, g->pcount, g->sent_us, g->sent_no};
	uint8_t before = g->sacked;

	g->sacked = piece_tag(st, sk, a, before, &p, dsack);
	tcp_rate_delivered(sk, &a->rate, g);
	if (g->sacked == before) {
		if ((before & SEG_SACKED) && moved_not)
			rtx_settle(sk, g);
		return;
	}
	if (g->sacked & SEG_SACKED)
		rtx_sent_forget(sk, g);
	rtx_changed(sk, g);
}

/* Tags what from..to covers, from segment g on.  inner: a D-SACK within this block, or NULL.
 * Gives  the segment to go on with for a later block; NULL: the end. */
static struct seg *block_walk(struct ho_stack *st, struct sock *sk, struct acking *a, struct seg *g, seq_t from, seq_t to,
                              bool dsack_block, const struct block_range *inner)
{
	struct seg *next;

	for (; g && seq_lt(g->seq, to); g = next) {
		enum match m = MATCH_NONE;
		bool dsack = dsack_block, moved_not = false;

		next = skip_known(st, sk, g, from, to, dsack, inner);
		if (next != g)
			continue;

		if (inner && seq_lt(g->seq, inner->to)) {
			m = segment_match(st, sk, g, inner->from, inner->to);
			dsack |= m == MATCH_WHOLE;
		}
		if (m == MATCH_NONE) {
			struct seg *into = segment_shift(st, sk, g, a, from, to, dsack);

			if (into && into != g) {
				next = into->next;
				continue;
			}
			m = into ? MATCH_NONE : segment_match(st, sk, g, from, to);
			moved_not = m == MATCH_WHOLE;
		}
		if (m == MATCH_STOP)
			break;
		if (m == MATCH_WHOLE)
			segment_tag(st, sk, a, g, dsack, moved_not);
		next = g->next;
	}
	return g;
}

/* ---- all blocks of an ACK ---- */

static bool block_valid(const struct sock *sk, const struct block_range *b, bool dsack)
{
	if (seq_gt(b->to, sk->snd_nxt) || !seq_lt(b->from, b->to) || !seq_lt(b->from, sk->snd_nxt))
		return false;
	if (seq_gt(b->from, sk->snd_una))
		return true;
	if (!dsack || !sk->busy->undo_marker.n || seq_gt(b->to, sk->snd_una))
		return false;
	if (!seq_lt(b->from, sk->busy->undo_marker))
		return true;
	if (!seq_gt(b->to, sk->busy->undo_marker))
		return false;
	return !seq_lt(b->from, seq_of(b->to.n - sk->max_window));
}

static void block_refused(struct ho_stack *st, struct sock *sk, const struct tcp_rx *t, const struct block_range *b, bool dsack)
{
	if (dsack)
		count(st, sk, sk->busy->undo_marker.n ? HO_TcpExtTCPDSACKIgnoredOld : HO_TcpExtTCPDSACKIgnoredNoUndo);
	else if (seq_eq(t->ack, sk->snd_una) || seq_gt(b->to, sk->snd_una)) /* else: an ACK that was overtaken */
		count(st, sk, HO_TcpExtTCPSACKDiscard);
}

/* The blocks that say something, sorted by sequence number.  *dsack: which of them is the D-SACK, -1 none. */
static int blocks_take(struct ho_stack *st, struct sock *sk, const struct tcp_rx *t, seq_t prior_una, bool found_dsack,
                       struct block_range b[4], int *dsack)
{
	int n = 0;

	*dsack = -1;
	for (int i = 0; i < t->opt.sack_count; i++) {
		struct block_range x = {seq_of(t->opt.sack[i][0]), seq_of(t->opt.sack[i][1])};
		bool is_dsack = i == 0 && found_dsack;
		int at;

		if (!block_valid(sk, &x, is_dsack)) {
			block_refused(st, sk, t, &x, is_dsack);
			continue;
		}
		if (!seq_gt(x.to, prior_una))
			continue;
		for (at = n; at > 0 && seq_gt(b[at - 1].from, x.from); at--)
			b[at] = b[at - 1];
		if (*dsack >= at)
			++*dsack;
		b[at] = x;
		n++;
		if (is_dsack)
			*dsack = at;
	}
	return n;
}

/* The parts of a block that the last ACK's blocks had already need no walk. */
static struct seg *block_walk_new(struct ho_stack *st, struct sock *sk, struct acking *a, struct seg *g,
                                  const struct block_range *b, const struct block_range *inner)
{
	seq_t from = b->from;

	for (int i = 0; i < 4 && sk->busy->sacked_out; i++) {
		const struct block_range *known = &sk->busy->sack_known[i];

		if (!seq_lt(known->from, known->to) || !seq_lt(from, known->to))
			continue;
		if (!seq_gt(b->to, known->from))
			break;
		if (seq_lt(from, known->from)) {
			g = block_walk(st, sk, a, skip_to(sk, g, from), from, known->from, false, inner);
			if (!g)
				return NULL;
		}
		from = known->to;
		if (!seq_gt(b->to, from))
			return g;
		if (inner && seq_lt(inner->from, from)) /* a D-SACK within what is known */
			g = block_walk(st, sk, a, skip_to(sk, g, inner->from), inner->from, inner->to, true, NULL);
	}
	return block_walk(st, sk, a, skip_to(sk, g, from), from, b->to, false, inner);
}

/* Gives  FLAG_* that follow from the SACK blocks of t. */
uint32_t tcp_sack_in(struct ho_stack *st, struct sock *sk, struct tcp_rx *t, seq_t prior_una, struct acking *a)
{
	struct block_range b[4];
	struct seg *g = sk->busy->rtx_head;
	int n, dsack;
	bool found;

	a->flag = 0;
	a->reord = sk->snd_nxt;
	if (!sk->sack_ok)
		return 0;
	tcp_options_of(t);
	if (!t->opt.sack_count)
		return 0;
	found = tcp_dsack_in(st, sk, t, prior_una, a);
	if (seq_lt(t->ack, seq_of(prior_una.n - sk->max_window)))
		return 0;
	if (!sk->packets_out)
		return a->flag;
	rtx_index_make(st, sk);
	n = blocks_take(st, sk, t, prior_una, found, b, &dsack);
	for (int i = 0; i < n && g; i++) {
		const struct block_range *inner = dsack == i + 1 ? &b[i + 1] : NULL;

		if (i == dsack)
			g = block_walk(st, sk, a, skip_to(sk, g, b[i].from), b[i].from, b[i].to, true, NULL);
		else
			g = block_walk_new(st, sk, a, g, &b[i], inner);
	}
	for (int i = 0; i < 4; i++)
		sk->busy->sack_known[i] = i < n ? b[i] : (struct block_range){seq_of(0), seq_of(0)};
	if (sk->ca_state != CA_LOSS || sk->busy->undo_marker.n)
		tcp_sack_reordering(st, sk, a->reord, false);
	assert(sk->busy->sacked_out + sk->busy->lost_out <= sk->packets_out);
	return a->flag;
}
