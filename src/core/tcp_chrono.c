/* SPDX-License-Identifier: MIT
 * How long a sender had something to send, and what held it up: tcpi_busy_time, _rwnd_limited, _sndbuf_limited. The
 * three exclude each other; a later one goes before.  Source: Linux 6.18 net/ipv4/tcp_output.c tcp_chrono_start,
 * _stop. */
#include "tcp.h"

static uint32_t *total_ms(struct sock *sk, uint8_t why)
{
	return why == CHRONO_BUSY ? &sk->busy_ms : &sk->busy->limited_ms[why - CHRONO_RWND];
}

static void turn_to(const struct ho_stack *st, struct sock *sk, enum chrono why)
{
	struct busy *b = sk->busy;
	uint32_t now = (uint32_t)st->now_ms;

	if (b->chrono.now != CHRONO_IDLE)
		*total_ms(sk, b->chrono.now) += now - b->chrono.since_ms;
	b->chrono.since_ms = now;
	b->chrono.now = (uint8_t)why;
}

void tcp_chrono_start(const struct ho_stack *st, struct sock *sk, enum chrono why)
{
	if (why > sk->busy->chrono.now)
		turn_to(st, sk, why);
}

void tcp_chrono_stop(const struct ho_stack *st, struct sock *sk, enum chrono why)
{
	struct busy *b = sk->busy;

	if (!b->wq_head && mostly(!b->rtx_head))
		turn_to(st, sk, CHRONO_IDLE);
	else if (rarely(why == b->chrono.now))
		turn_to(st, sk, CHRONO_BUSY);
}

uint64_t tcp_chrono_us(const struct ho_stack *st, const struct sock *sk, enum chrono why)
{
	uint32_t ms = why == CHRONO_BUSY ? sk->busy_ms : sk->busy->limited_ms[why - CHRONO_RWND];

	if (sk->busy->chrono.now == why)
		ms += (uint32_t)st->now_ms - sk->busy->chrono.since_ms;
	return (uint64_t)ms * 1000;
}
