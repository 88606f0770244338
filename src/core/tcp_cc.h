/* SPDX-License-Identifier: MIT
 * Congestion control: a table of functions for each algorithm, as Linux's struct tcp_congestion_ops. */
#ifndef HO_TCP_CC_H
#define HO_TCP_CC_H

#include "tcp.h"

struct cc {
	const char *name;
	void (*init)(struct ho_stack *st, struct sock *sk);
	uint32_t (*ssthresh)(struct ho_stack *st, struct sock *sk);          /* for a reduction now */
	void (*avoid)(struct ho_stack *st, struct sock *sk, uint32_t acked); /* packets delivered, window in use */
	void (*state)(struct ho_stack *st, struct sock *sk, uint8_t state);  /* ca_state will be this; NULL */
	void (*acked)(struct ho_stack *st, struct sock *sk, uint32_t packets, int64_t rtt_us); /* rtt_us < 0: no sample; NULL */
	void (*control)(struct ho_stack *st, struct sock *sk, const struct rate_sample *rs); /* window and pacing rate after
	                                                      each ACK, instead of avoid, PRR and the window's ends; NULL */
	void (*tx_start)(struct ho_stack *st, struct sock *sk);              /* data leaves, nothing was in flight; NULL */
};

extern const struct cc cc_reno, cc_cubic;

/* Packets left over when slow start has ended. */
uint32_t tcp_slow_start(struct sock *sk, uint32_t acked);
/* One packet more for each w acknowledged. */
void tcp_cong_avoid_ai(struct sock *sk, uint32_t w, uint32_t acked);
bool tcp_cwnd_limited(const struct sock *sk);

#endif
