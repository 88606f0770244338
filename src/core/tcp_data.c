/* SPDX-License-Identifier: MIT
 * Payload arrives: the next bytes, bytes we have, or bytes from further on; and when to acknowledge them.
 *
 * In order: rx_head .. rx_tail, up to rcv_nxt.  A small segment moves into the buffer of the one before it when Linux
 * would have found room there (TCPRcvCoalesce); it then costs no memory of its own: `merged`, truesize 0.
 * A buffer's segments are a group: its first, and those behind it that are `merged`.  Out of order: tcp_ofo.c.
 *
 * ACK policy (RFC 9293 3.8.6.3, Linux): at once for the first ack.quick segments, for more than one full segment if the
 * window can move, after a gap was filled and for old data; else with the delayed-ACK timer, unless an answer takes the
 * ACK along.  Duplicate ACKs after the third are compressed: one is sent for all of a millisecond (TCPAckCompressed).  Source: Linux 6.18 net/ipv4/tcp_input.c tcp_data_queue, tcp_event_data_recv, __tcp_ack_snd_check. */
#include "tcp.h"

/* ---- the receive queue ---- */

hot_path static struct rxseg *rxseg_make(struct ho_stack *st, struct tcp_rx *t, uint32_t skip)
{
	struct rxseg *r = pool_take(&st->rxsegs);

	if (unlikely(!r))
		return NULL;
	memset(r, 0, offsetof(struct rxseg, node));
	r->seq = seq_add(t->seq, skip);
	r->end_seq = t->end_seq;
	r->offset = t->payload_offset + skip;
	r->len_bytes = t->len_bytes - skip;
	r->fin = t->flags & TCP_FIN;
	r->cut = skip > 0;
	if (r->len_bytes)
		r->frame = ho_frame_ref(t->rx->frame);
	tcp_rx_buffer(t, &r->truesize, &r->tailroom, &r->linear);
	return r;
}

/* Gives a segment's buffer back; a segment that was merged into it takes it over. */
hot_path void rxseg_free(struct ho_stack *st, struct sock *sk, struct rxseg *r)
{
	if (rarely(r->next) && r->next->merged) {
		r->next->truesize += r->truesize;
		r->next->merged = false;
		r->next->cut = true;
	} else if (r->truesize) {
		sk->rmem_alloc -= (int32_t)r->truesize;
		tcp_mem_uncharge(st, sk, (int32_t)r->truesize);
	}
	if (r->frame)
		ho_frame_unref(r->frame);
	pool_give(&st->rxsegs, r);
}

static uint32_t group_bytes(const struct rxseg *first, const struct rxseg *last)
{
	uint32_t n = first->len_bytes;

	while (first != last) {
		first = first->next;
		n += first->len_bytes;
	}
	return n;
}

/* Would Linux' skb_try_coalesce() join the group first .. last to tail's?  Then adjusts its cost. */
bool tcp_rxseg_merge(struct ho_stack *st, struct sock *sk, const struct rxseg *tail, struct rxseg *first,
                     struct rxseg *last)
{
	uint32_t room = tail->linear ? tail->tailroom : 0, len = group_bytes(first, last);

	if (unlikely(first->cut || !seq_eq(tail->end_seq, first->seq)))
		return false;
	if (unlikely(len <= room)) {
		last->linear = tail->linear;
		last->tailroom = tail->linear ? room - len : tail->tailroom;
		first->truesize = 0;
	} else {
		uint32_t pages = tail->linear ? 0 : tail->tailroom;

		if (first->linear || pages + last->tailroom > SEG_FRAGS_MAX)
			return false;
		last->tailroom += pages;
		first->truesize -= SKB_SMALL_TRUESIZE;
	}
	first->merged = true;
	count(st, sk, HO_TcpExtTCPRcvCoalesce);
	return true;
}

/* Puts a group at the end of the in-order queue. */
hot_path void tcp_rx_append(struct ho_stack *st, struct sock *sk, struct rxseg *first, struct rxseg *last)
{
	struct busy *b = sk->busy;

	last->next = NULL;
	if (rarely(b->rx_tail)) {
		tcp_rxseg_merge(st, sk, b->rx_tail, first, last);
		b->rx_tail->next = first;
	} else {
		b->rx_head = first;
	}
	b->rx_tail = last;
	sk->rmem_alloc += (int32_t)first->truesize;
	tcp_mem_charge(sk, (int32_t)first->truesize);
	sk->bytes_received += seq_sub(last->end_seq, sk->rcv_nxt);
	sk->rcv_nxt = last->end_seq;
}

/* The next segment in order, from skip bytes on.  Gives  false if there was no memory for it. */
hot_path bool tcp_data_append(struct ho_stack *st, struct sock *sk, struct tcp_rx *t, uint32_t skip)
{
	struct rxseg *r = rxseg_make(st, t, skip);

	if (unlikely(!r))
		return false;
	tcp_rx_append(st, sk, r, r);
	return true;
}

void tcp_rx_queues_purge(struct ho_stack *st, struct sock *sk)
{
	struct rxseg *r;

	if (!sock_is_busy(sk))
		return;
	while ((r = sk->busy->rx_head)) {
		sk->busy->rx_head = r->next;
		rxseg_free(st, sk, r);
	}
	sk->busy->rx_tail = NULL;
	tcp_ofo_purge(st, sk);
}

/* ---- ACK policy ---- */

static void quickack_raise(struct sock *sk, uint32_t max)
{
	uint32_t n = sk->rcv_wnd / (2 * sk->ack.rcv_mss);

	if (unlikely(!n))
		n = 2;
	n = min_u32(n, max);
	if (n > sk->ack.quick)
		sk->ack.quick = (uint8_t)n;
}

void tcp_enter_quickack(struct sock *sk, uint32_t max)
{
	quickack_raise(sk, max);
	sk->ack.pingpong = 0;
	sk->ack.ato_ms = TCP_ATO_MIN_MS;
}

static void ato_measure(struct ho_stack *st, struct sock *sk)
{
	uint32_t gap;

	if (!sk->ack.ato_ms) {
		quickack_raise(sk, TCP_MAX_QUICKACKS);
		sk->ack.ato_ms = TCP_ATO_MIN_MS;
		return;
	}
	gap = (uint32_t)st->now_ms - sk->ack.lrcvtime_ms;
	if (gap <= TCP_ATO_MIN_MS / 2)
		sk->ack.ato_ms = (sk->ack.ato_ms >> 1) + TCP_ATO_MIN_MS / 2;
	else if (gap < sk->ack.ato_ms)
		sk->ack.ato_ms = min_u32((sk->ack.ato_ms >> 1) + gap, sk->rto_ms);
	else if (gap > sk->rto_ms)
		quickack_raise(sk, TCP_MAX_QUICKACKS); /* the sender starts slowly again: help it */
}

/* New bytes are in the queue.  Linux: tcp_event_data_recv. */
hot_path void tcp_data_event(struct ho_stack *st, struct sock *sk, struct tcp_rx *t)
{
	uint32_t truesize, room;
	bool linear;

	tcp_rx_buffer(t, &truesize, &room, &linear);
	sk->ack.pending |= ACK_SCHED;
	tcp_rcv_mss_measure(sk, t, truesize);
	tcp_rcv_rtt_measure(st, sk);
	ato_measure(st, sk);
	sk->ack.lrcvtime_ms = (uint32_t)st->now_ms;
	tcp_ecn_data_in(sk, t);
	if (rarely(t->len_bytes >= 128))
		tcp_window_grow(st, sk, t, linear ? truesize : truesize - SKB_SMALL_TRUESIZE);
}

/* A duplicate ACK may be one of many that will be sent as one, once there is SACK to say the same and three have told the
 * sender of the hole.  Gives  false: send it. */
cold_path static bool ack_compress(struct ho_stack *st, struct sock *sk)
{
	uint32_t rtt_us = sk->rcv_rtt.rtt_us;
	uint64_t delay_ns;

	if (!sk->sack_ok || sk->busy->ack.compressed >= st->ctl.tcp_comp_sack_nr)
		return false;
	if (!seq_eq(sk->busy->ack.dup_rcv_nxt, sk->rcv_nxt)) {
		sk->busy->ack.dup_rcv_nxt = sk->rcv_nxt;
		sk->busy->ack.dup_sent = 0;
	}
	if (sk->busy->ack.dup_sent < DUP_THRESH) {
		sk->busy->ack.dup_sent++;
		return false;
	}
	sk->busy->ack.compressed++;
	if (timer_armed(&sk->busy->compress_timer))
		return true;
	if (sk->srtt_us && sk->srtt_us < rtt_us)
		rtt_us = sk->srtt_us;
	delay_ns = (uint64_t)rtt_us * (1000 / 8) / 20;
	if (delay_ns > st->ctl.tcp_comp_sack_delay_ns)
		delay_ns = st->ctl.tcp_comp_sack_delay_ns;
	delay_ns += st->ctl.tcp_comp_sack_slack_ns; /* Linux has until then, and nothing makes it sooner */
	wheel_arm(&st->fine, &sk->busy->compress_timer, (uint32_t)(st->now_us + (delay_ns + 999) / 1000));
	return true;
}

void tcp_compressed_ack_send(struct ho_stack *st, struct sock *sk)
{
	if (!sk->busy->ack.compressed)
		return;
	sk->busy->ack.compressed--; /* one is sent */
	tcp_send_ack(st, sk);
}

hot_path void tcp_ack_check_now(struct ho_stack *st, struct sock *sk)
{
	bool more_than_one = rarely(seq_sub(sk->rcv_nxt, sk->rcv_wup) > sk->ack.rcv_mss) &&
	                     ((int32_t)seq_sub(sk->rcv_nxt, sk->copied_seq) < sk->rcvlowat ||
	                      tcp_window_select_raw(st, sk) >= sk->rcv_wnd);

	if (rarely(more_than_one) || rarely(tcp_in_quickack(st, sk)) || unlikely(sk->ack.pending & ACK_NOW))
		tcp_send_ack(st, sk);
	else if (mostly(!sk->busy->ofo_head))
		tcp_send_delayed_ack(st, sk);
	else if (!ack_compress(st, sk))
		tcp_send_ack(st, sk);
}

void tcp_ack_check(struct ho_stack *st, struct sock *sk)
{
	if (sk->ack.pending & ACK_SCHED)
		tcp_ack_check_now(st, sk);
}

/* ---- duplicates ---- */

void tcp_dsack_set(struct ho_stack *st, struct sock *sk, seq_t from, seq_t to)
{
	if (!sk->sack_ok || !st->ctl.tcp_dsack)
		return;
	count(st, sk, seq_lt(from, sk->rcv_nxt) ? HO_TcpExtTCPDSACKOldSent : HO_TcpExtTCPDSACKOfoSent);
	sk->busy->dsack_pending = true;
	sk->busy->dsack[0] = from;
	sk->busy->dsack[1] = to;
}

/* An unacceptable segment: say where we are.  Linux: tcp_send_dupack. */
void tcp_send_dupack(struct ho_stack *st, struct sock *sk, struct tcp_rx *t)
{
	if (!seq_eq(t->seq, t->end_seq) && seq_lt(t->seq, sk->rcv_nxt)) {
		count(st, sk, HO_TcpExtDelayedACKLost);
		tcp_enter_quickack(sk, TCP_MAX_QUICKACKS);
		if (sk->sack_ok && st->ctl.tcp_dsack)
			tcp_dsack_set(st, sk, t->seq, seq_gt(t->end_seq, sk->rcv_nxt) ? sk->rcv_nxt : t->end_seq);
	}
	tcp_send_ack(st, sk);
}

/* ---- tcp_data_queue ---- */

static void out_of_window(struct sock *sk)
{
	tcp_enter_quickack(sk, TCP_MAX_QUICKACKS);
	sk->ack.pending |= ACK_SCHED;
}

static void in_order(struct ho_stack *st, struct sock *sk, struct tcp_rx *t, uint32_t skip)
{
	if (unlikely(!tcp_rmem_schedule(st, sk, t))) {
		sk->ack.pending |= ACK_SCHED | ACK_NOW | ACK_NO_MEMORY;
		sock_wake(st, sk);
		if (sk->busy->rx_head && t->len_bytes) {
			count(st, sk, HO_TcpExtTCPRcvQDrop);
			return;
		}
		tcp_rmem_force(st, sk, t);
	}
	if (unlikely(!tcp_data_append(st, sk, t, skip))) {
		count_why(st, sk, HO_TcpExtTCPRcvQDrop, 1, HO_WHY_NO_MEMORY, 0, 0);
		return;
	}
	if (t->len_bytes)
		tcp_data_event(st, sk, t);
	if (t->flags & TCP_FIN)
		tcp_fin_in(st, sk);
	if (sk->e.kind != ENTRY_SOCK || sk->state == HO_CLOSE)
		return;
	if (unlikely(sk->busy->ofo_head))
		tcp_ofo_drain(st, sk);
	if (unlikely(sk->busy->num_sacks))
		tcp_sack_remove(sk);
	tcp_fast_path_check(sk);
	if (!sk->dead)
		sock_wake(st, sk);
}

void tcp_data_in(struct ho_stack *st, struct sock *sk, struct tcp_rx *t)
{
	if (seq_eq(t->seq, t->end_seq))
		return;
	sk->busy->dsack_pending = false;
	if (seq_eq(t->seq, sk->rcv_nxt)) {
		if (unlikely(!tcp_receive_window(sk) && t->len_bytes)) {
			count(st, sk, HO_TcpExtTCPZeroWindowDrop);
			out_of_window(sk);
			return;
		}
		in_order(st, sk, t, 0);
		return;
	}
	if (!seq_gt(t->end_seq, sk->rcv_nxt)) {
		count_why(st, sk, HO_TcpExtDelayedACKLost, 1, HO_WHY_OLD_DATA, 0, 0);
		tcp_dsack_set(st, sk, t->seq, t->end_seq);
		out_of_window(sk);
		return;
	}
	if (!seq_lt(t->seq, seq_add(sk->rcv_nxt, tcp_receive_window(sk)))) {
		out_of_window(sk);
		return;
	}
	if (seq_lt(t->seq, sk->rcv_nxt)) {
		tcp_dsack_set(st, sk, t->seq, sk->rcv_nxt);
		if (!tcp_receive_window(sk)) {
			count(st, sk, HO_TcpExtTCPZeroWindowDrop);
			out_of_window(sk);
			return;
		}
		in_order(st, sk, t, seq_sub(sk->rcv_nxt, t->seq));
		return;
	}
	if (!tcp_rmem_schedule(st, sk, t)) {
		count(st, sk, HO_TcpExtTCPOFODrop);
		sock_wake(st, sk);
		return;
	}
	tcp_ofo_in(st, sk, t);
}

struct rxseg *tcp_rxseg_make(struct ho_stack *st, struct tcp_rx *t)
{
	return rxseg_make(st, t, 0);
}
