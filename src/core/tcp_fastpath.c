/* SPDX-License-Identifier: MIT
 * Header prediction (Van Jacobson 1990): the segment that was expected, nothing else to look at.
 *
 * sk->pred_flags is bytes 12..15 of the header we expect (offset, flags, window) with PSH left out; 0 means that the
 * next segment must take the slow path.  Data goes the fast way only if the socket has enough memory reserved
 * (fwd_alloc) for its buffer: the reason why a reader that empties the queue never sees TCPHPHits.
 * Source: Linux 6.18 net/ipv4/tcp_input.c tcp_rcv_established. */
#include "tcp.h"

void tcp_fast_path_on(struct sock *sk)
{
	sk->pred_flags = ((uint32_t)sk->tcp_header_bytes << 26) | ((uint32_t)TCP_ACK << 16) | (sk->snd_wnd >> sk->snd_wscale);
}

void tcp_fast_path_check(struct sock *sk)
{
	if (!sk->busy->ofo_head && sk->rcv_wnd && sk->rmem_alloc < sk->rcvbuf && sk->busy->urg.state == URG_NONE)
		tcp_fast_path_on(sk);
}

/* Only timestamps, in the place where everybody puts them: no parser needed. */
static bool aligned_timestamps(struct sock *sk, const uint8_t *opt)
{
	struct busy *b = sk->busy;

	if (unlikely(get32(opt) != 0x0101080au))
		return false;
	b->saw_ts = true;
	b->rcv_tsval = get32(opt + 4);
	b->rcv_tsecr = get32(opt + 8);
	if (likely(b->rcv_tsecr))
		b->rcv_tsecr -= sk->ts_offset;
	return true;
}

static void pure_ack(struct ho_stack *st, struct sock *sk, struct tcp_rx *t)
{
	if (sk->tcp_header_bytes == 20 + TCP_TS_BYTES && seq_eq(sk->rcv_nxt, sk->rcv_wup))
		tcp_ts_recent_store(st, sk);
	tcp_ecn_count(sk, t);
	tcp_ack_in(st, sk, t, 0);
	tcp_data_snd_check(st, sk);
}

static bool data(struct ho_stack *st, struct sock *sk, struct tcp_rx *t)
{
	bool spans_last_ack = seq_eq(sk->rcv_nxt, sk->rcv_wup);
	uint32_t truesize, room;
	bool linear;

	if (unlikely(seq_gt(t->end_seq, seq_add(sk->rcv_nxt, tcp_receive_window(sk)))))
		return false;
	tcp_rx_buffer(t, &truesize, &room, &linear);
	if (rarely((int32_t)truesize > sk->fwd_alloc))
		return false;
	tcp_rcv_rtt_measure_ts(st, sk, t);
	if (unlikely(!tcp_data_append(st, sk, t, 0)))
		return false;
	if (mostly(sk->tcp_header_bytes == 20 + TCP_TS_BYTES) && mostly(spans_last_ack))
		tcp_ts_recent_store(st, sk);
	tcp_ecn_count(sk, t);
	count(st, sk, HO_TcpExtTCPHPHits);
	tcp_data_event(st, sk, t);
	if (!seq_eq(t->ack, sk->snd_una)) {
		tcp_ack_in(st, sk, t, FLAG_DATA);
		tcp_data_snd_check(st, sk);
		if (unlikely(!(sk->ack.pending & ACK_SCHED)))
			goto wake;
	} else {
		sk->snd_wl1 = t->seq;
	}
	tcp_ack_check_now(st, sk);
wake:
	sock_wake(st, sk);
	return true;
}

bool tcp_fastpath_on_segment(struct ho_stack *st, struct sock *sk, struct tcp_rx *t)
{
	if (rarely((get32(t->th + 12) & ~0x0f080000u) != sk->pred_flags) || rarely(!seq_eq(t->seq, sk->rcv_nxt)) ||
	    unlikely(seq_gt(t->ack, sk->snd_nxt)))
		return false;
	sk->busy->saw_ts = false;
	if (mostly(t->header_bytes == 20 + TCP_TS_BYTES)) {
		if (unlikely(!aligned_timestamps(sk, t->th + 20)))
			return false;
		if (unlikely((int32_t)(sk->busy->rcv_tsval - sk->ts_recent) < 0))
			return false;
	}
	if (t->len_bytes == 0) {
		pure_ack(st, sk, t);
		return true;
	}
	return data(st, sk, t);
}
