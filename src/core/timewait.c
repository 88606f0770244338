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
#define PLACES_ALL ((UINT64_C(1) << TIMEWAIT_GROUP) - 1)

_Static_assert(TCP_PAWS_24DAYS_S + 60 + 420 < STAMP_MASK, "a stamp of 24 days ago lasts until it is looked at");
_Static_assert(TIMEWAIT_GROUP <= 1u << TIMEWAIT_PLACE_BITS, "a place fits");

/* ---- places ---- */

static struct timewait_group *group_of(const struct ho_stack *st, const struct timewait *tw)
{
	return pool_at(&st->timewaits, pool_number(&st->timewaits, tw));
}

static unsigned place_of(const struct timewait_group *g, const struct timewait *tw)
{
	return (unsigned)(tw - g->tw);
}

static struct timewait_group *group_make(struct ho_stack *st)
{
	struct timewait_group *g = pool_take(&st->timewaits);

	if (!g)
		return NULL;
	if (pool_number(&st->timewaits, g) >> (POOL_NUMBER_BITS - TIMEWAIT_PLACE_BITS)) {
		pool_give(&st->timewaits, g);
		return NULL;
	}
	g->timer = (struct timer){.kind = T_TIMEWAIT};
	g->used = 0;
	list_add_tail(&st->timewait_room, &g->room);
	return g;
}

struct timewait *timewait_take(struct ho_stack *st)
{
	struct timewait_group *g;
	unsigned place;

	if (!list_empty(&st->timewait_room))
		g = container_of(st->timewait_room.next, struct timewait_group, room);
	else
		g = group_make(st);
	if (!g)
		return NULL;
	place = (unsigned)__builtin_ctzll(~g->used);
	g->used |= UINT64_C(1) << place;
	if (g->used == PLACES_ALL)
		list_del(&g->room);
	g->tw[place] = (struct timewait){.e = {.kind = ENTRY_TIMEWAIT}};
	return &g->tw[place];
}

/* The timer stays: if it comes too early, it finds the next expiry. */
void timewait_give(struct ho_stack *st, struct timewait *tw)
{
	struct timewait_group *g = group_of(st, tw);
	uint64_t bit = UINT64_C(1) << place_of(g, tw);

	assert(g->used & bit);
	if (g->used == PLACES_ALL)
		list_add_tail(&st->timewait_room, &g->room);
	g->used &= ~bit;
	if (g->used != 0)
		return;
	wheel_cancel(&st->wheel, &g->timer);
	list_del(&g->room);
	pool_give(&st->timewaits, g);
}

/* ---- times ---- */

void timewait_start(struct ho_stack *st, struct timewait *tw, uint32_t timeout_ms)
{
	struct timewait_group *g = group_of(st, tw);
	unsigned place = place_of(g, tw);
	uint32_t expires = now_tick(st) + timeout_ms;

	g->expires[place] = expires;
	g->age_ms[place] = tw->e.flags & TW_FIN_WAIT2 ? (uint16_t)now_tick(st) : 0;
	if (!timer_armed(&g->timer) || (int32_t)(g->timer.expires - expires) > 0)
		wheel_arm(&st->wheel, &g->timer, expires);
}

static uint32_t age_ms(const struct ho_stack *st, const struct timewait_group *g, unsigned place)
{
	return g->age_ms[place] + (now_tick(st) - (g->expires[place] - TCP_TIMEWAIT_LEN_MS));
}

void timewait_restart(struct ho_stack *st, struct timewait *tw)
{
	struct timewait_group *g = group_of(st, tw);
	unsigned place = place_of(g, tw);

	g->age_ms[place] = (uint16_t)min_u32(age_ms(st, g, place), UINT16_MAX);
	g->expires[place] = now_tick(st) + TCP_TIMEWAIT_LEN_MS;
	timewait_ts_stamp_set(st, tw, timewait_ts_stamp_s(st, tw));
	timewait_oow_set(st, tw, timewait_oow_ms(st, tw));
}

void timewait_fin(struct ho_stack *st, struct timewait *tw, bool anew)
{
	struct timewait_group *g = group_of(st, tw);
	unsigned place = place_of(g, tw);
	uint16_t age = (uint16_t)(now_tick(st) - g->age_ms[place]);

	tw->e.flags &= (uint8_t)~TW_FIN_WAIT2;
	timewait_start(st, tw, TCP_TIMEWAIT_LEN_MS);
	g->age_ms[place] = anew ? 0 : age;
}

uint32_t timewait_expires(const struct ho_stack *st, const struct timewait *tw)
{
	const struct timewait_group *g = group_of(st, tw);

	return g->expires[place_of(g, tw)];
}

bool timewait_older(const struct ho_stack *st, const struct timewait *tw, uint32_t ms)
{
	const struct timewait_group *g = group_of(st, tw);

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
	struct timewait_group *g = container_of(t, struct timewait_group, timer);
	uint64_t left = g->used;
	uint32_t next = now_tick(st) + WHEEL_AHEAD_MAX;

	for (; left != 0; left &= left - 1) {
		unsigned place = (unsigned)__builtin_ctzll(left);

		if ((int32_t)(g->expires[place] - now_tick(st)) <= 0)
			tcp_timewait_free(st, &g->tw[place]); /* the last one takes the group along */
		else if ((int32_t)(g->expires[place] - next) < 0)
			next = g->expires[place];
	}
	if (next != now_tick(st) + WHEEL_AHEAD_MAX)
		wheel_arm(&st->wheel, &g->timer, next);
}
