/* SPDX-License-Identifier: MIT
 * What holds of every host's counters at the end of every world, whatever happened in it: the sums of the kernel's
 * documentation (snmp_counter.rst, "General ICMP counters"). */
#ifndef SUMS_H
#define SUMS_H

#include <halfopen/sim.h>

static inline bool icmp_sums_hold(const struct ho_stack *s)
{
	uint64_t in = 0, out = 0, msgs = ho_counter_get(s, HO_IcmpInMsgs);

	for (unsigned type = 0; type < 256; type++) {
		in += ho_counter_get(s, HO_IcmpMsgInType + type);
		out += ho_counter_get(s, HO_IcmpMsgOutType + type);
	}
	return out == ho_counter_get(s, HO_IcmpOutMsgs) && in <= msgs && msgs <= in + ho_counter_get(s, HO_IcmpInErrors);
}

/* Every fragment that came is in a packet, has failed, or is a duplicate; what was cut left in pieces. */
static inline bool fragment_sums_hold(const struct ho_stack *s)
{
	uint64_t done = ho_counter_get(s, HO_IpReasmOKs) + ho_counter_get(s, HO_IpReasmFails);

	return done <= ho_counter_get(s, HO_IpReasmReqds) &&
	       ho_counter_get(s, HO_IpReasmTimeout) <= ho_counter_get(s, HO_IpReasmFails) &&
	       ho_counter_get(s, HO_IpFragCreates) >= 2 * ho_counter_get(s, HO_IpFragOKs);
}

/* Closes a world of two hosts. */
static inline void world_end(struct ho_world *w)
{
	for (int i = 0; i < 2; i++) {
		assert_true(icmp_sums_hold(ho_world_host(w, i)));
		assert_true(fragment_sums_hold(ho_world_host(w, i)));
	}
	ho_world_close(w);
}

#endif
