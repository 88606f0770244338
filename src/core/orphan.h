/* SPDX-License-Identifier: MIT
 * How many connections have no program any more, and how many the kernel that is imitated believes there are: that is what
 * it compares with net.ipv4.tcp_max_orphans. */
#ifndef HO_ORPHAN_H
#define HO_ORPHAN_H

#include <stdint.h>

struct orphans {
	uint32_t count;   /* all of them, exactly */
	uint32_t cached;  /* 6.18: the count at the last refresh */
	uint64_t refresh; /* the last refresh, in ORPHAN_REFRESH_MS */
	int32_t shared;   /* before 5.16: what the counter of all CPUs says; its own one has the rest */
};

#endif
