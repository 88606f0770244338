/* SPDX-License-Identifier: MIT
 * Delivery rate samples (draft-cheng-iccrg-delivery-rate-estimation): how fast the network delivered what one ACK tells of.
 *
 * Each segment remembers, when it is sent, how much had been delivered by then and when that was told (delivered,
 * delivered_us), and when the segment was sent that had been delivered last (first_tx_us).  When it is delivered itself,
 * what has been delivered meanwhile, over the longer of the time in which it was sent and the time in which it was
 * acknowledged, is a sample: the longer one, because ACKs may come in bunches and segments may leave in bunches.
 *
 *   send phase   first_tx_us ------------> sent_us
 *   ACK phase    delivered_us -----------------------------> now
 *
 * A sample of a time in which the program had nothing to send says only what the path can do at least: app_limited is
 * what must be delivered until that is over (0: it is).  Source: Linux 6.18 net/ipv4/tcp_rate.c. */
#include "tcp.h"

#define IDLE_LINK_BYTES 640 /* an empty sk_buff: less than that in the link's queue is nothing */

static uint64_t us_between(uint64_t from_us, uint64_t to_us)
{
	return mostly(to_us >= from_us) ? to_us - from_us : 0;
}

/* Up to 71 minutes: flights that take longer have no rate worth a sample. */
static uint32_t us_ago(uint64_t then_us, uint64_t now_us)
{
	uint64_t us = us_between(then_us, now_us);

	return likely(us < UINT32_MAX) ? (uint32_t)us : UINT32_MAX;
}

void tcp_rate_sent(struct sock *sk, struct seg *g)
{
	struct busy *b = sk->busy;

	if (mostly(!sk->packets_out))
		b->first_tx_us = b->delivered_us = g->sent_us; /* a flight begins: time that was idle does not count */
	g->first_tx_ago_us = us_ago(b->first_tx_us, g->sent_us);
	g->delivered_ago_us = us_ago(b->delivered_us, g->sent_us);
	g->delivered = (uint32_t)sk->delivered;
	g->is_app_limited = sk->app_limited != 0;
	g->is_rated = false;
}

/* g has arrived: the sample is of the one among an ACK's segments that was sent last. */
void tcp_rate_delivered(struct sock *sk, struct rate_sample *rs, struct seg *g)
{
	if (unlikely(g->is_rated))
		return;
	g->is_rated = g->sacked & SEG_SACKED;
	if (unlikely(rs->prior_delivered && !tcp_sent_after(tcp_sending_of(g), rs->last)))
		return;
	rs->is_valid = true;
	rs->prior_delivered = g->delivered;
	rs->prior_us = g->sent_us - g->delivered_ago_us;
	rs->is_app_limited = g->is_app_limited;
	rs->last = tcp_sending_of(g);
	sk->busy->first_tx_us = g->sent_us;
	rs->interval_us = g->first_tx_ago_us;
}

static void best_keep(struct sock *sk, const struct rate_sample *rs)
{
	if (rs->is_app_limited && (uint64_t)rs->delivered * sk->rate_interval_us <
	                                  (uint64_t)sk->rate_delivered * (uint64_t)rs->interval_us)
		return;
	sk->rate_delivered = (uint32_t)rs->delivered;
	sk->rate_interval_us = (uint32_t)rs->interval_us;
	sk->rate_app_limited = rs->is_app_limited;
}

/* The ACK is dealt with: so many packets delivered and lost by it. */
void tcp_rate_sample(struct ho_stack *st, struct sock *sk, struct rate_sample *rs, uint32_t delivered, uint32_t lost,
                     bool reneged)
{
	int64_t ack_us;

	if (sk->app_limited && (int32_t)((uint32_t)sk->delivered - sk->app_limited) > 0)
		sk->app_limited = 0;
	if (delivered)
		sk->busy->delivered_us = st->now_us;
	rs->acked_sacked = delivered;
	rs->losses = lost;
	rs->delivered = -1;
	if (unlikely(!rs->is_valid || reneged)) {
		rs->interval_us = -1;
		return;
	}
	rs->delivered = (int32_t)((uint32_t)sk->delivered - rs->prior_delivered);
	ack_us = (int64_t)us_between(rs->prior_us, st->now_us);
	if (ack_us > rs->interval_us)
		rs->interval_us = ack_us;
	if (unlikely(rs->interval_us < (int64_t)tcp_min_rtt_us(sk))) {
		rs->interval_us = -1; /* faster than possible: what was sent twice confuses it */
		return;
	}
	best_keep(sk, rs);
}

/* Nothing more may be sampled as what the path can do until what is in flight now has been delivered. */
void tcp_app_limited_set(struct sock *sk)
{
	uint32_t until = (uint32_t)sk->delivered + tcp_in_flight(sk);

	sk->app_limited = until ? until : 1;
}

/* The program is about to write: had all of it been sent, and would more have been allowed? */
void tcp_app_limited_check(struct sock *sk)
{
	if (mostly(seq_sub(sk->write_seq, sk->snd_nxt) < sk->mss_cache) && mostly(sk->dev_bytes < IDLE_LINK_BYTES) &&
	    mostly(tcp_in_flight(sk) < sk->snd_cwnd) && mostly(sk->busy->lost_out <= sk->busy->retrans_out))
		tcp_app_limited_set(sk);
}

/* Bytes per second of the best recent sample; 0: none. */
uint64_t tcp_delivery_rate(const struct sock *sk)
{
	if (!sk->rate_delivered || !sk->rate_interval_us)
		return 0;
	return (uint64_t)sk->rate_delivered * sk->mss_cache * 1000000 / sk->rate_interval_us;
}
