/* SPDX-License-Identifier: MIT
 * Memory of all TCP sockets together (net.ipv4.tcp_mem: low, pressure, high, in pages).
 *
 * A socket reserves whole pages (sock.fwd_alloc) and charges its buffers against them; only when a page more is
 * needed, or a whole one is left over, the stack's count is touched.  Above `pressure` windows and send buffers stop
 * growing and shrink, until the count is below `low` again; what a socket may still have then is decided in
 * raise_allowed().
 * Source: Linux 6.18 net/core/sock.c __sk_mem_raise_allocated, __sk_mem_reclaim, sk_forced_mem_schedule;
 * include/net/sock.h sk_stream_moderate_sndbuf; net/ipv4/tcp.c tcp_enter_memory_pressure, tcp_leave_memory_pressure,
 * tcp_wmem_schedule, tcp_out_of_memory. */
#include "tcp.h"

static uint32_t pages_of(int32_t bytes)
{
	return ((uint32_t)bytes + PAGE_BYTES - 1) / PAGE_BYTES;
}

static void pages_move(struct ho_stack *st, struct sock *sk, int32_t pages)
{
	st->tcp_mem.pages += (uint32_t)pages;
	sk->fwd_alloc += pages * PAGE_BYTES;
}

/* ---- pressure ---- */

static void pressure_enter(struct ho_stack *st, struct sock *sk)
{
	if (st->tcp_mem.pressure)
		return;
	st->tcp_mem.pressure = true;
	st->tcp_mem.since_ms = st->now_ms;
	count_why(st, sk, HO_TcpExtTCPMemoryPressures, 1, HO_WHY_TCP_MEM_ABOVE, st->tcp_mem.pages, st->ctl.tcp_mem[1]);
}

static void pressure_leave(struct ho_stack *st, struct sock *sk)
{
	if (!st->tcp_mem.pressure)
		return;
	st->tcp_mem.pressure = false;
	count_why(st, sk, HO_TcpExtTCPMemoryPressuresChrono, (int32_t)min_u64(st->now_ms - st->tcp_mem.since_ms, INT32_MAX),
	          HO_WHY_TCP_MEM_BELOW, st->tcp_mem.pages, st->ctl.tcp_mem[0]);
}

/* ---- a page more ---- */

static bool below_minimum(const struct ho_stack *st, const struct sock *sk, enum mem_kind kind)
{
	if (kind == MEM_RECV)
		return sk->rmem_alloc < (int32_t)st->ctl.tcp_rmem[0];
	return sk->wmem_queued < (int32_t)st->ctl.tcp_wmem[0];
}

/* If all sockets held as much as this one, would that be below the limit? */
static bool below_average(const struct ho_stack *st, const struct sock *sk)
{
	return st->ctl.tcp_mem[2] > (uint64_t)st->tcp_mem.socks * pages_of(sk->wmem_queued + sk->rmem_alloc + sk->fwd_alloc);
}

/* The pages are counted already. */
static bool raise_allowed(struct ho_stack *st, struct sock *sk, enum mem_kind kind)
{
	if (st->tcp_mem.pages <= st->ctl.tcp_mem[0]) {
		pressure_leave(st, sk);
		return true;
	}
	if (st->tcp_mem.pages > st->ctl.tcp_mem[1])
		pressure_enter(st, sk);
	if (st->tcp_mem.pages > st->ctl.tcp_mem[2])
		return false;
	return below_minimum(st, sk, kind) || !st->tcp_mem.pressure || below_average(st, sk);
}

/* A sender that is refused memory gets a smaller buffer, unless the program has said how large it is to be. */
static void sndbuf_moderate(struct sock *sk)
{
	if (!sk->sndbuf_locked)
		sk->sndbuf = max_i32(min_i32(sk->sndbuf, sk->wmem_queued >> 1), SNDBUF_MIN);
}

bool tcp_mem_raise(struct ho_stack *st, struct sock *sk, int32_t bytes, enum mem_kind kind)
{
	int32_t pages = (int32_t)pages_of(bytes);

	pages_move(st, sk, pages);
	if (raise_allowed(st, sk, kind))
		return true;
	if (kind == MEM_SEND) {
		sndbuf_moderate(sk);
		if (sk->wmem_queued + bytes >= sk->sndbuf)
			return true; /* its buffer is full with this: it will wait for that */
	}
	pages_move(st, sk, -pages);
	return false;
}

void tcp_mem_raise_anyway(struct ho_stack *st, struct sock *sk, int32_t bytes)
{
	pages_move(st, sk, (int32_t)pages_of(bytes));
}

uint32_t tcp_wmem_schedule(struct ho_stack *st, struct sock *sk, uint32_t bytes)
{
	int32_t left;

	if (tcp_mem_schedule(st, sk, (int32_t)bytes, MEM_SEND))
		return bytes;
	left = (int32_t)st->ctl.tcp_wmem[0] - sk->wmem_queued;
	if (left > 0)
		tcp_mem_force(st, sk, min_i32(left, (int32_t)bytes));
	return min_u32(bytes, (uint32_t)max_i32(sk->fwd_alloc, 0));
}

/* ---- pages left over ---- */

void tcp_mem_reclaim(struct ho_stack *st, struct sock *sk)
{
	pages_move(st, sk, -(sk->fwd_alloc / PAGE_BYTES));
	if (unlikely(st->tcp_mem.pressure != 0) && st->tcp_mem.pages < st->ctl.tcp_mem[0])
		pressure_leave(st, sk);
}

/* ---- what follows ---- */

bool tcp_out_of_memory(const struct ho_stack *st, const struct sock *sk)
{
	return sk->wmem_queued > SNDBUF_MIN && st->tcp_mem.pages > st->ctl.tcp_mem[2];
}

void tcp_ssthresh_limit(const struct ho_stack *st, struct sock *sk)
{
	if (unlikely(st->tcp_mem.pressure))
		sk->rcv_ssthresh = min_u32(sk->rcv_ssthresh, 4 * sk->advmss);
}
