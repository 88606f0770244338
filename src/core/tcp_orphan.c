/* SPDX-License-Identifier: MIT
 * Connections that no program holds any more, and when there are too many of them.
 *
 * Linux does not count them exactly when it has to decide.  6.18 compares a number that a timer renews each 100 ms: here it
 * is found out when somebody asks, and before the count changes, so that no timer is needed.  Before 5.16 each CPU kept
 * a difference of its own, and told it to all when it reached 32; the sum of all CPUs was taken only when what had
 * been told was above the limit.  A stack is one CPU.
 *
 * Source: Linux 6.18 net/ipv4/tcp.c tcp_orphan_update, tcp_too_many_orphans, tcp_check_oom; 4.15 include/net/tcp.h
 * tcp_too_many_orphans, lib/percpu_counter.c. */
#include "tcp.h"

#define ORPHAN_REFRESH_MS 100u
#define PERCPU_BATCH 32

static void refresh(struct ho_stack *st)
{
	uint64_t now = st->now_ms / ORPHAN_REFRESH_MS;

	if (st->orphans_seen.refresh == now)
		return;
	st->orphans_seen.refresh = now;
	st->orphans_seen.cached = st->orphans;
}

static void count_change(struct ho_stack *st, int32_t by)
{
	int32_t own;

	refresh(st);
	st->orphans += (uint32_t)by;
	own = (int32_t)st->orphans - st->orphans_seen.shared;
	if (own >= PERCPU_BATCH || own <= -PERCPU_BATCH)
		st->orphans_seen.shared = (int32_t)st->orphans;
}

void tcp_orphan(struct ho_stack *st, struct sock *sk)
{
	assert(!sk->dead);
	sk->dead = true;
	sk->user = NULL;
	count_change(st, 1);
}

void tcp_orphan_gone(struct ho_stack *st)
{
	count_change(st, -1);
}

/* Each shift lets one count double. */
static bool beyond_limit(const struct ho_stack *st, uint32_t count, unsigned shift)
{
	return (uint64_t)count << shift > st->ctl.tcp_max_orphans;
}

/* The count that decides. */
static uint32_t orphans_seen(struct ho_stack *st, unsigned shift)
{
	uint32_t shared = (uint32_t)max_i32(st->orphans_seen.shared, 0);

	if (st->linux_profile != HO_LINUX_6_18)
		return beyond_limit(st, shared, shift) ? st->orphans : shared;
	refresh(st);
	return st->orphans_seen.cached;
}

bool tcp_check_oom(struct ho_stack *st, struct sock *sk, unsigned shift)
{
	uint32_t seen = orphans_seen(st, shift);

	if (beyond_limit(st, seen, shift))
		count_why(st, sk, HO_TcpExtTCPAbortOnMemory, 1, HO_WHY_ORPHANS, seen, st->ctl.tcp_max_orphans);
	else if (tcp_out_of_memory(st, sk))
		count_why(st, sk, HO_TcpExtTCPAbortOnMemory, 1, HO_WHY_OUT_OF_MEMORY, st->tcp_mem.pages, st->ctl.tcp_mem[2]);
	else
		return false;
	return true;
}
