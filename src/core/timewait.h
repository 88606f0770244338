/* SPDX-License-Identifier: MIT
 * TIME-WAIT, and FIN-WAIT-2 of an orphan: what is left of a connection.
 *
 * Buckets live in batches (batch.h).  All of them wait for 60 seconds since their last start, hardly any for less or more:
 * a new one and one that starts anew expire after those that are there, and touch no timer.  A port knows how many it has,
 * by address and by the options that bind() asks for (port.c), but not which.
 *
 * What can be computed again is not kept (the timestamp offset), and times are as long as their question needs: see
 * timewait.c. */
#ifndef HO_TIMEWAIT_H
#define HO_TIMEWAIT_H

#include "batch.h"
#include "core.h"

#define TW_TS 0x01        /* timestamps in use */
#define TW_FIN_WAIT2 0x02 /* the peer's FIN has not come; else TIME-WAIT */
#define TW_REUSEADDR 0x04
#define TW_REUSEPORT 0x08
#define TW_CONNECT 0x10   /* its port was chosen by connect() */

struct timewait {
	struct entry e;              /* flags: TW_* */
	seq_t rcv_nxt, snd_nxt;
	uint32_t ts_recent;
	uint32_t rcv_wnd : 30;       /* unscaled */
	uint32_t ts_stamp_s : 21;    /* when ts_recent came, modulo 2^21: 24 days and some hours */
	uint32_t rcv_wscale : 4;
	uint32_t oow_set : 1;        /* an ACK went out for a segment out of window: */
	uint32_t oow_high : 6;       /* with e.oow_low, when: ms modulo 2^22 */
};

struct timewait_batch {
	struct batch b;              /* first; T_TIMEWAIT */
	uint16_t age_ms[BATCH_PLACES]; /* TIME-WAIT: how old it was when the 60 s last began, at most 65535;
	                                  FIN-WAIT-2: when it came, modulo 65536 */
	struct timewait tw[BATCH_PLACES];
};
_Static_assert(sizeof(struct timewait) == 36, "four bytes of expiry and two of age are the batch's");
_Static_assert(sizeof(struct timewait_batch) <= 2040, "two batches a page");

static inline struct timewait *timewait_of(struct entry *e)
{
	return container_of(e, struct timewait, e);
}

/* Its number, below 2^26, and back. */
static inline uint32_t timewait_number(const struct ho_stack *st, const struct timewait *tw)
{
	const struct timewait_batch *g = pool_object(&st->timewaits, tw);

	return pool_number(&st->timewaits, g) << BATCH_PLACE_BITS | (uint32_t)(tw - g->tw);
}
static inline struct timewait *timewait_at(const struct ho_stack *st, uint32_t number)
{
	struct timewait_batch *g = pool_at(&st->timewaits, number >> BATCH_PLACE_BITS);

	return &g->tw[number & ((1u << BATCH_PLACE_BITS) - 1)];
}

/* ---- timewait.c: places and times ---- */
struct timewait *timewait_take(struct ho_stack *st); /* all zero; NULL: no memory */
void timewait_give(struct ho_stack *st, struct timewait *tw); /* in no table any more */
void timewait_start(struct ho_stack *st, struct timewait *tw, uint32_t timeout_ms);
void timewait_restart(struct ho_stack *st, struct timewait *tw); /* 60 s from now; it is in TIME-WAIT */
/* FIN-WAIT-2 becomes TIME-WAIT.  anew: its age counts from now. */
void timewait_fin(struct ho_stack *st, struct timewait *tw, bool anew);
uint32_t timewait_expires(const struct ho_stack *st, const struct timewait *tw); /* tick */
/* In TIME-WAIT for more than this?  Takes  ms below 65535. */
bool timewait_older(const struct ho_stack *st, const struct timewait *tw, uint32_t ms);
uint32_t timewait_ts_stamp_s(const struct ho_stack *st, const struct timewait *tw); /* 24 days ago, if earlier */
void timewait_ts_stamp_set(const struct ho_stack *st, struct timewait *tw, uint32_t stamp_s);
uint32_t timewait_oow_ms(const struct ho_stack *st, const struct timewait *tw); /* 0: none */
void timewait_oow_set(const struct ho_stack *st, struct timewait *tw, uint32_t at_ms); /* 0: none */
void timewait_on_timer(struct ho_stack *st, struct timer *t);

/* ---- tcp_timewait.c ---- */
struct tcp_rx;
void tcp_timewait_on_segment(struct ho_stack *st, struct timewait *tw, struct tcp_rx *t);
void tcp_timewait_free(struct ho_stack *st, struct timewait *tw); /* out of every table */
seq_t tcp_timewait_next_isn(const struct timewait *tw);

/* ---- port.c ---- */
bool port_to_timewait(struct ho_stack *st, struct sock *sk, struct timewait *tw); /* false: no memory */
void port_release_timewait(struct ho_stack *st, const struct timewait *tw);

#endif
