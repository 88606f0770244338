/* SPDX-License-Identifier: MIT
 * Counters as they are read, and the trace: a ring of the last increments, each with its cause.  When the ring is full
 * the oldest record goes, and the numbers of those that stay show the gap. */
#include "watch.h"

/* A listener has no peer of its own: then it is the sender of the segment at hand. */
void trace_sock(struct ho_trace *t, const struct cause *c, const struct sock *sk)
{
	t->fd = -1;
	if (sk == NULL || sk->e.rport == 0)
		t->peer = c->from;
	if (sk == NULL) {
		t->local = c->to;
		return;
	}
	t->fd = sk->fd;
	t->state = sk->state;
	t->local = (struct ho_endpoint){sk->e.laddr, sk->e.lport};
	if (sk->e.rport != 0)
		t->peer = (struct ho_endpoint){sk->e.raddr, sk->e.rport};
}

static struct ho_trace *trace_slot(struct ho_stack *st)
{
	uint32_t i = st->trace_first + st->trace_count;

	if (st->trace_count < st->trace_max) {
		st->trace_count++;
		return &st->trace[i < st->trace_max ? i : i - st->trace_max];
	}
	i = st->trace_first;
	st->trace_first = i + 1 < st->trace_max ? i + 1 : 0;
	return &st->trace[i];
}

void count_report(struct ho_stack *st, struct sock *sk, uint32_t counter, int32_t delta, enum ho_why why, uint32_t a,
                  uint32_t b)
{
	struct ho_trace t = {
		.at = st->now,
		.counter = (uint16_t)counter,
		.cause = st->cause.kind,
		.why = (uint8_t)why,
		.delta = delta,
		.frame_in = st->cause.frame_in,
		.frame_out = st->cause.frame_out,
		.what = st->cause.what,
		.a = a,
		.b = b,
	};
	trace_sock(&t, &st->cause, sk);
	watch_count(st, sk, &t);
	if (st->trace_max == 0)
		return;
	t.number = ++st->trace_number;
	*trace_slot(st) = t;
}

bool ho_trace_next(struct ho_stack *s, struct ho_trace *out)
{
	if (s->trace_count == 0)
		return false;
	*out = s->trace[s->trace_first];
	s->trace_first = s->trace_first + 1 < s->trace_max ? s->trace_first + 1 : 0;
	s->trace_count--;
	return true;
}

/* Source: Linux 6.18 net/ipv4/proc.c snmp_seq_show; include/net/tcp.h TCP_RTO_MIN, TCP_RTO_MAX. */
uint64_t ho_counter_get(const struct ho_stack *s, unsigned counter)
{
	switch (counter) {
	case HO_IpForwarding: return s->ctl.ip_forward ? 1 : 2;
	case HO_IpDefaultTTL: return s->ctl.ip_default_ttl;
	case HO_TcpRtoAlgorithm: return 1;
	case HO_TcpRtoMin: return 200;
	case HO_TcpRtoMax: return 120000;
	case HO_TcpMaxConn: return (uint64_t)-1;
	default: return counter < HO_COUNTER_COUNT ? s->counter[counter] : 0;
	}
}

uint64_t ho_counter_get_sock(const struct ho_stack *s, int fd, unsigned counter)
{
	const struct sock *sk = sock_by_fd(s, fd);

	if (sk == NULL || sk->habits->account == NULL || counter >= HO_COUNTER_COUNT)
		return 0;
	return sk->habits->account[counter];
}
