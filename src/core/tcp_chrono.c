/* SPDX-License-Identifier: MIT
 * How long a sender had something to send, and what held it up: tcpi_busy_time, _rwnd_limited, _sndbuf_limited. The
 * three exclude each other; a later one goes before.  Source: Linux 6.18 net/ipv4/tcp_output.c tcp_chrono_start,
 * _stop. */
#include "tcp.h"

static void turn_to(const struct ho_stack *st, struct sock *sk, enum chrono why)
{
	uint32_t now = (uint32_t)st->now_ms;

	if (sk->chrono.now != CHRONO_IDLE)
		sk->chrono.ms[sk->chrono.now - 1] += now - sk->chrono.since_ms;
	sk->chrono.since_ms = now;
	sk->chrono.now = (uint8_t)why;
}

void tcp_chrono_start(const struct ho_stack *st, struct sock *sk, enum chrono why)
{
	if (why > sk->chrono.now)
		turn_to(st, sk, why);
}

void tcp_chrono_stop(const struct ho_stack *st, struct sock *sk, enum chrono why)
{
	if (!sk->wq_head && mostly(!sk->rtx_head))
		turn_to(st, sk, CHRONO_IDLE);
	else if (rarely(why == sk->chrono.now))
		turn_to(st, sk, CHRONO_BUSY);
}

uint64_t tcp_chrono_us(const struct ho_stack *st, const struct sock *sk, enum chrono why)
{
	uint32_t ms = sk->chrono.ms[why - 1];

	if (sk->chrono.now == why)
		ms += (uint32_t)st->now_ms - sk->chrono.since_ms;
	return (uint64_t)ms * 1000;
}
