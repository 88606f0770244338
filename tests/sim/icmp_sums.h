/* SPDX-License-Identifier: MIT
 * The two sums of the kernel's document on its counters, which hold at any time.  Out: the types are the messages.  In: the messages
 * are the types and those errors that were found before the type was counted; bad checksums always are. */
#ifndef ICMP_SUMS_H
#define ICMP_SUMS_H

#include <halfopen/sim.h>

static inline uint64_t icmp_types_sum(const struct ho_stack *s, unsigned first)
{
	uint64_t sum = 0;

	for (unsigned type = 0; type < 256; type++)
		sum += ho_counter_get(s, first + type);
	return sum;
}

static inline bool icmp_sums_hold(const struct ho_stack *s)
{
	uint64_t in = ho_counter_get(s, HO_IcmpInMsgs), types = icmp_types_sum(s, HO_IcmpMsgInType);

	return ho_counter_get(s, HO_IcmpOutMsgs) == icmp_types_sum(s, HO_IcmpMsgOutType) &&
	       in >= types + ho_counter_get(s, HO_IcmpInCsumErrors) && in <= types + ho_counter_get(s, HO_IcmpInErrors);
}

/* Of all hosts. */
static inline bool world_icmp_sums_hold(const struct ho_world *w)
{
	bool hold = true;

	for (int i = 0; ho_world_host(w, i) != NULL; i++)
		hold &= icmp_sums_hold(ho_world_host(w, i));
	return hold;
}

#endif
