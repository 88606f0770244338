/* SPDX-License-Identifier: MIT
 * Places and times of TIME-WAIT buckets: timewait.h.
 *
 * Each time has the bits that its question needs.  When a bucket's 60 seconds begin anew, what has become too old to matter
 * is marked so; until then at most 60 s pass (in FIN-WAIT-2 at most 420), and no stamp comes round unnoticed:
 *
 *   age         TIME-WAIT longer than tcp_tw_reuse_delay (at most 60 s)?    16 bits of ms, saturating
 *   ts_stamp_s  is ts_recent older than 60 s, than 24 days?                 21 bits of s, at most 24 days ago
 *   oow         was the last ACK tcp_invalid_ratelimit ms ago?              22 bits of ms: exact for up to half an hour */
#include "timewait.h"

#include "tcp.h"

#define STAMP_MASK ((1u << 21) - 1)
#define OOW_MASK ((1u << 22) - 1)
#define OOW_AGE_MAX (1u << 21)

_Static_assert(TCP_PAWS_24DAYS_S + 60 + 420 < STAMP_MASK, "a stamp of 24 days ago lasts until it is looked at");

/* ---- places ---- */

static struct timewait_batch *batch_of(const struct ho_stack *st, const struct timewait *tw)
{
	return pool_object(&st->timewaits, tw);
}

static unsigned place_of(const struct timewait_batch *g, const struct timewait *tw)
{
	return (unsigned)(tw - g->tw);
}

struct timewait *timewait_take(struct ho_stack *st)
{
	unsigned place;
	struct batch *b = batch_take(&st->timewaits, &st->timewait_room, T_TIMEWAIT, &place);
	struct timewait *tw;

	if (!b)
		return NULL;
	tw = &container_of(b, struct timewait_batch, b)->tw[place];
	*tw = (struct timewait){.e = {.kind = ENTRY_TIMEWAIT}};
	return tw;
}

void timewait_give(struct ho_stack *st, struct timewait *tw)
{
	struct timewait_batch *g = batch_of(st, tw);

	batch_give(&st->timewaits, &st->timewait_room, &st->wheel, &g->b, place_of(g, tw));
}

/* ---- times ---- */

void timewait_start(struct ho_stack *st, struct timewait *tw, uint32_t timeout_ms)
{
	struct timewait_batch *g = batch_of(st, tw);
	unsigned place = place_of(g, tw);

	g->age_ms[place] = tw->e.flags & TW_FIN_WAIT2 ? (uint16_t)now_tick(st) : 0;
	batch_arm(&st->wheel, &g->b, place, now_tick(st) + timeout_ms);
}

static uint32_t age_ms(const struct ho_stack *st, const struct timewait_batch *g, unsigned place)
{
	return g->age_ms[place] + (now_tick(st) - (g->b.expires[place] - TCP_TIMEWAIT_LEN_MS));
}

void timewait_restart(struct ho_stack *st, struct timewait *tw)
{
	struct timewait_batch *g = batch_of(st, tw);
	unsigned place = place_of(g, tw);

	g->age_ms[place] = (uint16_t)min_u32(age_ms(st, g, place), UINT16_MAX);
	batch_arm(&st->wheel, &g->b, place, now_tick(st) + TCP_TIMEWAIT_LEN_MS);
	timewait_ts_stamp_set(st, tw, timewait_ts_stamp_s(st, tw));
	timewait_oow_set(st, tw, timewait_oow_ms(st, tw));
}

void timewait_fin(struct ho_stack *st, struct timewait *tw, bool anew)
{
	struct timewait_batch *g = batch_of(st, tw);
	unsigned place = place_of(g, tw);
	uint16_t age = (uint16_t)(now_tick(st) - g->age_ms[place]);

	tw->e.flags &= (uint8_t)~TW_FIN_WAIT2;
	timewait_start(st, tw, TCP_TIMEWAIT_LEN_MS);
	g->age_ms[place] = anew ? 0 : age;
}

uint32_t timewait_expires(const struct ho_stack *st, const struct timewait *tw)
{
	const struct timewait_batch *g = batch_of(st, tw);

	return g->b.expires[place_of(g, tw)];
}

bool timewait_older(const struct ho_stack *st, const struct timewait *tw, uint32_t ms)
{
	const struct timewait_batch *g = batch_of(st, tw);

	return age_ms(st, g, place_of(g, tw)) > ms;
}

static uint32_t now_s(const struct ho_stack *st)
{
	return (uint32_t)(st->now_ms / 1000);
}

uint32_t timewait_ts_stamp_s(const struct ho_stack *st, const struct timewait *tw)
{
	return now_s(st) - ((now_s(st) - tw->ts_stamp_s) & STAMP_MASK);
}

void timewait_ts_stamp_set(const struct ho_stack *st, struct timewait *tw, uint32_t stamp_s)
{
	uint32_t age_s = min_u32(now_s(st) - stamp_s, TCP_PAWS_24DAYS_S);

	tw->ts_stamp_s = (now_s(st) - age_s) & STAMP_MASK;
}

uint32_t timewait_oow_ms(const struct ho_stack *st, const struct timewait *tw)
{
	uint32_t stamp = (uint32_t)tw->oow_high << 16 | tw->e.oow_low;

	return tw->oow_set ? now_tick(st) - ((now_tick(st) - stamp) & OOW_MASK) : 0;
}

/* One that limits nothing any more is none. */
void timewait_oow_set(const struct ho_stack *st, struct timewait *tw, uint32_t at_ms)
{
	uint32_t age = now_tick(st) - at_ms;

	tw->oow_set = at_ms != 0 && age < st->ctl.tcp_invalid_ratelimit && age < OOW_AGE_MAX;
	tw->oow_high = at_ms >> 16 & 63;
	tw->e.oow_low = (uint16_t)at_ms;
}

/* ---- the timer ---- */

void timewait_on_timer(struct ho_stack *st, struct timer *t)
{
	struct timewait_batch *g = container_of(t, struct timewait_batch, b.timer);
	uint64_t due = batch_due(&st->wheel, &g->b, now_tick(st));

	for (; due != 0; due &= due - 1)
		tcp_timewait_free(st, &g->tw[__builtin_ctzll(due)]); /* the last one takes the batch along */
}
