/* SPDX-License-Identifier: MIT
 * Congestion control: a table of functions for each algorithm, as Linux's struct tcp_congestion_ops. */
#ifndef HO_TCP_CC_H
#define HO_TCP_CC_H

#include "tcp.h"

union cc_info { /* what TCP_CC_INFO gives */
	struct ho_bbr_info bbr;
};

struct cc {
	const char *name;
	void (*init)(struct ho_stack *st, struct sock *sk);
	uint32_t (*ssthresh)(struct ho_stack *st, struct sock *sk);          /* for a reduction now */
	uint32_t (*undo_cwnd)(struct sock *sk); /* NULL: what it was before the reduction, or more */
	void (*avoid)(struct ho_stack *st, struct sock *sk, uint32_t acked); /* packets delivered, window in use; NULL */
	void (*state)(struct ho_stack *st, struct sock *sk, uint8_t state);  /* ca_state will be this; NULL */
	void (*acked)(struct ho_stack *st, struct sock *sk, uint32_t packets, int64_t rtt_us); /* rtt_us < 0: no sample; NULL */
	void (*control)(struct ho_stack *st, struct sock *sk, const struct rate_sample *rs); /* window and pacing rate after
	                                                      each ACK, instead of avoid, PRR and the window's ends; NULL */
	void (*tx_start)(struct ho_stack *st, struct sock *sk);              /* data leaves, nothing was in flight; NULL */
	uint32_t (*min_tso_segs)(const struct sock *sk); /* packets of the smallest super-frame; NULL: tcp_min_tso_segs */
	uint32_t sndbuf_windows;                         /* the send buffer holds so many windows; 0: two */
	size_t (*info)(const struct sock *sk, union cc_info *info); /* bytes; NULL: none */
};

#define CUBIC_HYSTART_LOW_WINDOW 16u

extern const struct cc cc_reno, cc_cubic, cc_bbr;

/* Packets left over when slow start has ended. */
uint32_t tcp_slow_start(struct sock *sk, uint32_t acked);
/* One packet more for each w acknowledged. */
void tcp_cong_avoid_ai(struct sock *sk, uint32_t w, uint32_t acked);
bool tcp_cwnd_limited(const struct sock *sk);

#endif
