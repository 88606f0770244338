/* SPDX-License-Identifier: MIT
 * Counters as nstat shows them: a name and a value a line, or one JSON object. */
#include "view.h"

#define ICMPMSG_COUNT (HO_COUNTER_COUNT - HO_COUNTER_ROWS)

void counter_value_add(struct text *t, const struct ho_stack *s, unsigned counter)
{
	uint64_t value = ho_counter_get(s, counter);

	/* TcpMaxConn is the one that Linux prints signed: -1, no limit. */
	if (counter == HO_TcpMaxConn)
		text_add(t, "%lld", (long long)(int64_t)value);
	else
		text_add(t, "%llu", (unsigned long long)value);
}

/* The counter at a place of the list, 0..HO_COUNTER_COUNT-1: the rows' order with IcmpMsg between Icmp and Tcp. */
static unsigned counter_at(unsigned place)
{
	if (place < HO_TcpRtoAlgorithm)
		return place;
	place -= HO_TcpRtoAlgorithm;
	if (place < ICMPMSG_COUNT)
		return HO_IcmpMsgInType + place;
	return HO_TcpRtoAlgorithm + place - ICMPMSG_COUNT;
}

/* Types of IcmpMsg never seen are never shown; constants and zeros only if all are wanted. */
static bool counter_shown(const struct ho_stack *s, unsigned counter, bool all)
{
	const struct ho_counter_row *row = ho_counter_row(counter);

	if (row != NULL && all)
		return true;
	if (row != NULL && row->kind == HO_FIXED)
		return false;
	return ho_counter_get(s, counter) != 0;
}

/* Finds the next counter to be listed from *place on, and leaves *place behind it.  Gives  false after the last. */
static bool counter_next(const struct ho_stack *s, bool all, const char *pattern, unsigned *place, char name[64],
                         unsigned *counter)
{
	while (*place < HO_COUNTER_COUNT) {
		*counter = counter_at((*place)++);
		if (counter_shown(s, *counter, all) && ho_counter_name(*counter, name, 64) > 0 &&
		    (pattern == NULL || glob_match(pattern, name)))
			return true;
	}
	return false;
}

size_t ho_view_counters(const struct ho_stack *s, bool all, const char *pattern, char *buf, size_t cap_bytes)
{
	struct text t = text_into(buf, cap_bytes);
	unsigned place = 0, counter;
	char name[64];

	while (counter_next(s, all, pattern, &place, name, &counter)) {
		text_add(&t, "%-31s ", name);
		counter_value_add(&t, s, counter);
		text_add(&t, "\n");
	}
	return t.len_bytes;
}

size_t ho_view_counters_json(const struct ho_stack *s, bool all, const char *pattern, char *buf, size_t cap_bytes)
{
	struct text t = text_into(buf, cap_bytes);
	unsigned place = 0, counter;
	const char *between = "";
	char name[64];

	text_add(&t, "{\"kernel\":{");
	while (counter_next(s, all, pattern, &place, name, &counter)) {
		text_add(&t, "%s\"%s\":", between, name);
		counter_value_add(&t, s, counter);
		between = ",";
	}
	text_add(&t, "}}\n");
	return t.len_bytes;
}
