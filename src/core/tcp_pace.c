/* SPDX-License-Identifier: MIT
 * Pacing: segments of a connection leave at a rate, not in bursts, where its congestion control asks for it or the program has
 * set SO_MAX_PACING_RATE.
 *
 * wstamp_ns is the earliest departure time of the next segment: each one sent moves it on by its length over the rate.  Until
 * then nothing is sent, and the pacing timer goes on with it, at most a microsecond late: no segment waits in the out queue, so
 * that one connection's pace does not hold up another's.  The first ten segments are not paced.  Time lost by a timer that was late is
 * made good by half of a segment's share at most.  Retransmissions by a timer leave at once.
 *
 * Source: Linux 6.18 net/ipv4/tcp_output.c tcp_update_skb_after_send, tcp_pacing_check, tcp_pace_kick; net/core/sock.c. */
#include "tcp.h"

#define UNPACED_SEGS 10u

/* g has left; before it, the next one was to leave at prior_ns. */
void tcp_pace_sent(struct sock *sk, const struct seg *g, uint64_t prior_ns)
{
	uint64_t len_ns, credit_ns = sk->busy->wstamp_ns - prior_ns;

	if (sk->pacing_rate == UINT64_MAX || !sk->pacing_rate || sk->data_segs_out < UNPACED_SEGS)
		return;
	len_ns = (uint64_t)g->len_bytes * HO_SEC / sk->pacing_rate;
	sk->busy->wstamp_ns += len_ns - (credit_ns < len_ns / 2 ? credit_ns : len_ns / 2);
}

/* Gives  true when nothing may leave now; then the timer runs. */
bool tcp_pace_waits(struct ho_stack *st, struct sock *sk)
{
	if (sk->busy->wstamp_ns <= st->now)
		return false;
	if (!timer_armed(&sk->busy->pace_timer))
		wheel_arm(&st->fine, &sk->busy->pace_timer, (uint32_t)((sk->busy->wstamp_ns + HO_US - 1) / HO_US));
	return true;
}

int tcp_max_pacing_rate_set(struct ho_stack *st, struct sock *sk, uint64_t rate)
{
	if (rate != sk->habits->max_pacing_rate) {
		struct habits *h = sock_habits(st, sk);

		if (h == NULL)
			return -ENOMEM;
		h->max_pacing_rate = rate;
	}
	if (rate != UINT64_MAX)
		sk->paced = true;
	tcp_pacing_rate(sk);
	return 0;
}
