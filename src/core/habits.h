/* SPDX-License-Identifier: MIT
 * What few sockets have: options that few set, errors that wait, an account.  Until the first of them is set a socket has
 * habits_default, which is nobody's to write: sock_habits() gives it its own. */
#ifndef HO_HABITS_H
#define HO_HABITS_H

#include <stdint.h>

struct fastopen_queue;
struct sock_error_node;

struct habits {
	/* children have these as well: from here to inherited_end */
	uint64_t max_pacing_rate; /* bytes per second; UINT64_MAX: no limit */
	int32_t linger_s, linger2_s;
	uint32_t keep_idle_s, keep_intvl_s, keep_probes; /* 0: as the sysctl says */
	uint32_t user_timeout_ms, notsent_lowat;
	uint32_t rto_max_ms;      /* 0: as the sysctl says */
	char inherited_end[8];

	uint32_t defer_accept;
	uint32_t *account;        /* charges, HO_COUNTER_COUNT of them; NULL: none kept */
	struct sock_error_node *errors; /* IP_RECVERR: the last of a ring; NULL */
	struct fastopen_queue *fo_queue; /* TCP_FASTOPEN of a listener; NULL */
};

extern const struct habits habits_default;

#endif
