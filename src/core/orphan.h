/* SPDX-License-Identifier: MIT
 * How many connections without a program the kernel that is imitated believes there are: that is what it compares with
 * net.ipv4.tcp_max_orphans.  Exactly there are ho_stack.orphans. */
#ifndef HO_ORPHAN_H
#define HO_ORPHAN_H

#include <stdint.h>

struct orphans_seen {
	uint32_t cached;  /* 6.18: the count at the last refresh */
	int32_t shared;   /* before 5.16: what the counter of all CPUs says; its own one has the rest */
	uint64_t refresh; /* the last refresh, in ORPHAN_REFRESH_MS */
};

#endif
