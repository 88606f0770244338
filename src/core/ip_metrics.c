/* SPDX-License-Identifier: MIT
 * What is said of the way to a destination, as `ip route` says it: MTU, what to tell a peer, how to begin, how to wait.
 * Kept apart from the routes (ip_route.c): a connection asks when it begins, and again when something has changed.
 *
 * Source: Linux 6.18 net/ipv4/metrics.c ip_metrics_convert; include/net/dst.h dst_metric. */
#include "core.h"

static uint32_t mask_of(uint8_t prefix_len)
{
	return prefix_len ? UINT32_MAX << (32 - prefix_len) : 0;
}

const struct ho_route_metrics *metrics_find(const struct ho_stack *st, uint32_t daddr)
{
	const struct ho_route_metrics *best = NULL;

	for (uint32_t i = 0; unlikely(i < st->metrics_count); i++) {
		const struct ho_route_metrics *m = &st->metrics[i];

		if (((daddr ^ m->dst) & mask_of(m->prefix_len)) == 0 && (!best || m->prefix_len > best->prefix_len))
			best = m;
	}
	return best;
}

static bool says_something(const struct ho_route_metrics *m)
{
	return m->mtu_locked || m->quickack || m->mtu || m->advmss || m->initcwnd || m->rto_min_ms;
}

static bool in_range(const struct ho_route_metrics *m)
{
	return m->prefix_len <= 32 && !(m->dst & ~mask_of(m->prefix_len)) && (!m->mtu || m->mtu >= MTU_MIN) &&
	       m->mtu <= HO_FRAME_BYTES_MAX && m->advmss <= ADVMSS_MAX && m->initcwnd <= UINT16_MAX &&
	       m->rto_min_ms <= 120000;
}

static struct ho_route_metrics *of_prefix(struct ho_stack *st, const struct ho_route_metrics *m)
{
	for (uint32_t i = 0; i < st->metrics_count; i++)
		if (st->metrics[i].dst == m->dst && st->metrics[i].prefix_len == m->prefix_len)
			return &st->metrics[i];
	return NULL;
}

int ho_route_metrics_set(struct ho_stack *s, const struct ho_route_metrics *m)
{
	struct ho_route_metrics *place;

	if (!in_range(m))
		return -EINVAL;
	place = of_prefix(s, m);
	if (!says_something(m)) {
		if (place)
			*place = s->metrics[--s->metrics_count];
	} else if (place) {
		*place = *m;
	} else {
		if (s->metrics_count == METRICS_MAX)
			return -ENOSPC;
		s->metrics[s->metrics_count++] = *m;
	}
	s->pmtu_changes++;
	return 0;
}
