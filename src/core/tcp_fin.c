/* SPDX-License-Identifier: MIT
 * FINs, theirs and ours, and the states that they lead through (RFC 9293 3.6).
 *
 *   ESTABLISHED --close--> FIN-WAIT-1 --ack--> FIN-WAIT-2 --fin--> TIME-WAIT
 *        |                      '--fin--> CLOSING --ack--> TIME-WAIT
 *        '--fin--> CLOSE-WAIT --close--> LAST-ACK --ack--> CLOSE
 *
 * Source: Linux 6.18 net/ipv4/tcp_input.c tcp_fin, tcp.c tcp_set_state, tcp_close_state, tcp_output.c tcp_send_fin. */
#include "tcp.h"
#include "watch.h"

static bool counts_as_established(uint8_t state)
{
	return state == HO_ESTABLISHED || state == HO_CLOSE_WAIT;
}

void tcp_state_set(struct ho_stack *st, struct sock *sk, uint8_t state)
{
	uint8_t old = sk->state;

	if (old == state)
		return;
	if (state == HO_ESTABLISHED)
		count_add(st, sk, HO_TcpCurrEstab, 1);
	else if (state == HO_CLOSE_WAIT && old == HO_SYN_RECV)
		count_add(st, sk, HO_TcpCurrEstab, 1);
	else if (state != HO_CLOSE_WAIT && counts_as_established(old)) {
		if (state == HO_CLOSE)
			count(st, sk, HO_TcpEstabResets);
		count_add(st, sk, HO_TcpCurrEstab, -1);
	}
	watch_state(st, sk, state);
	sk->state = state;
	if (state == HO_CLOSE && sk->hashed) {
		conn_remove(st, &sk->e);
		sk->hashed = false;
		if (!sk->bound_port)
			port_release(st, sk);
	}
}

/* The peer has said everything. */
void tcp_fin_in(struct ho_stack *st, struct sock *sk)
{
	sk->ack.pending |= ACK_SCHED;
	sk->shutdown |= SHUT_RCV;
	sk->done = true;
	switch (sk->state) {
	case HO_SYN_RECV:
	case HO_ESTABLISHED:
		tcp_state_set(st, sk, HO_CLOSE_WAIT);
		sk->ack.pingpong = (uint8_t)st->ctl.tcp_pingpong_thresh;
		break;
	case HO_FIN_WAIT1:
		tcp_send_ack(st, sk);
		tcp_state_set(st, sk, HO_CLOSING);
		break;
	case HO_FIN_WAIT2:
		tcp_send_ack(st, sk);
		tcp_time_wait(st, sk, HO_TIME_WAIT, 0);
		return;
	default: /* a FIN again */
		break;
	}
	tcp_ofo_purge(st, sk);
	sk->busy->dsack_pending = false;
	if (!sk->dead)
		sock_wake(st, sk);
}

bool tcp_close_state(struct ho_stack *st, struct sock *sk)
{
	switch (sk->state) {
	case HO_SYN_RECV:
	case HO_ESTABLISHED:
		tcp_state_set(st, sk, HO_FIN_WAIT1);
		return true;
	case HO_CLOSE_WAIT:
		tcp_state_set(st, sk, HO_LAST_ACK);
		return true;
	case HO_SYN_SENT:
		tcp_state_set(st, sk, HO_CLOSE);
		return false;
	default:
		return false;
	}
}

/* Under pressure a FIN is taken to have gone with the last segment that was sent: it goes when that is sent again. */
static bool fin_rides(const struct ho_stack *st, const struct sock *sk)
{
	return unlikely(st->tcp_mem.pressure) && !sk->busy->wq_tail && sk->busy->rtx_tail;
}

/* Our FIN goes with the last unsent segment, or alone: then it needs one. */
bool tcp_fin_room(struct ho_stack *st, struct sock *sk)
{
	struct seg *g;

	if (sk->busy->wq_tail || fin_rides(st, sk))
		return true;
	g = seg_make(st);
	if (!g)
		return false;
	g->seq = g->end_seq = sk->write_seq;
	g->flags = TCP_ACK;
	tcp_mem_force(st, sk, (int32_t)g->truesize);
	wq_append(sk, g);
	tcp_chrono_start(st, sk, CHRONO_BUSY);
	return true;
}

void tcp_fin_send(struct ho_stack *st, struct sock *sk)
{
	struct seg *g;

	if (!(sock_busy(st, sk) && tcp_fin_room(st, sk))) {
		/* No memory for a polite end: a RST is better than silence (Linux would wait for memory). */
		tcp_reset_send_active(st, sk);
		tcp_done(st, sk);
		return;
	}
	g = sk->busy->wq_tail ? sk->busy->wq_tail : sk->busy->rtx_tail;
	g->flags |= TCP_FIN;
	g->end_seq = seq_add(g->end_seq, 1);
	sk->write_seq = seq_add(sk->write_seq, 1);
	if (g == sk->busy->rtx_tail) {
		sk->snd_nxt = seq_add(sk->snd_nxt, 1);
		rtx_changed(sk, g);
		return;
	}
	tcp_push_pending(st, sk, tcp_current_mss(st, sk), NAGLE_OFF);
}

uint32_t tcp_fin_time_ms(const struct ho_stack *st, const struct sock *sk)
{
	int32_t ms = (sk->habits->linger2_s > 0 ? sk->habits->linger2_s : (int32_t)st->ctl.tcp_fin_timeout) * 1000;
	int32_t least = (int32_t)((sk->rto_ms << 2) - (sk->rto_ms >> 1));

	return (uint32_t)max_i32(ms, least);
}
