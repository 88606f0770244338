/* SPDX-License-Identifier: MIT
 * Timers exact to the nanosecond, for the few that need it (pacing; the wheel's are exact to a millisecond): a pairing heap
 * (Fredman, Sedgewick, Sleator, Tarjan 1986).  Arm and look in O(1), pop and cancel in O(log n) amortised, no memory of its
 * own.  Neither the heap nor an armed timer may be moved. */
#ifndef HO_NSTIMER_H
#define HO_NSTIMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nstimer {
	struct nstimer *child, *next;
	struct nstimer **at;  /* what points here; NULL: not armed */
	uint64_t expires_ns;
	uint64_t order;       /* among those of one moment: as armed */
};

struct nstimers {
	struct nstimer *first; /* the earliest */
	uint64_t order;
};

static inline bool nstimer_armed(const struct nstimer *t)
{
	return t->at != NULL;
}
void nstimer_arm(struct nstimers *h, struct nstimer *t, uint64_t expires_ns); /* or re-arms */
void nstimer_cancel(struct nstimers *h, struct nstimer *t);                    /* of an unarmed one: nothing */
struct nstimer *nstimer_pop(struct nstimers *h, uint64_t now_ns);              /* the next with expires_ns <= now_ns; NULL */

#endif
