/* SPDX-License-Identifier: MIT
 * Words for people: states, addresses, and what a counter means. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "view.h"

const char *ho_view_state(int state)
{
	static const char *const names[] = {
		[HO_ESTABLISHED] = "ESTAB",      [HO_SYN_SENT] = "SYN-SENT",      [HO_SYN_RECV] = "SYN-RECV",
		[HO_FIN_WAIT1] = "FIN-WAIT-1",   [HO_FIN_WAIT2] = "FIN-WAIT-2",   [HO_TIME_WAIT] = "TIME-WAIT",
		[HO_CLOSE] = "UNCONN",           [HO_CLOSE_WAIT] = "CLOSE-WAIT",  [HO_LAST_ACK] = "LAST-ACK",
		[HO_LISTEN] = "LISTEN",          [HO_CLOSING] = "CLOSING",        [HO_NEW_SYN_RECV] = "SYN-RECV",
	};

	if (state < HO_ESTABLISHED || state > HO_NEW_SYN_RECV)
		return "UNKNOWN";
	return names[state];
}

const char *sock_timer_name(uint8_t timer)
{
	static const char *const names[] = {
		[HO_TIMER_NONE] = "",
		[HO_TIMER_ON] = "on",
		[HO_TIMER_KEEPALIVE] = "keepalive",
		[HO_TIMER_TIMEWAIT] = "timewait",
		[HO_TIMER_PERSIST] = "persist",
	};

	return timer <= HO_TIMER_PERSIST ? names[timer] : "";
}

char *ho_view_endpoint(struct ho_endpoint e, char buf[22])
{
	snprintf(buf, 22, "%u.%u.%u.%u:%u", e.addr >> 24 & 0xffu, e.addr >> 16 & 0xffu, e.addr >> 8 & 0xffu,
	         e.addr & 0xffu, (unsigned)e.port);
	return buf;
}

int ho_view_addr_parse(const char *text, uint32_t *addr)
{
	uint32_t whole = 0;

	for (int byte = 0; byte < 4; byte++) {
		uint32_t value = 0;
		int digits = 0;

		if (byte > 0 && *text++ != '.')
			return -EINVAL;
		for (; *text >= '0' && *text <= '9'; text++, digits++) {
			if (digits > 0 && value == 0)
				return -EINVAL; /* 010 is eight to some and ten to others */
			value = value * 10 + (uint32_t)(*text - '0');
			if (value > 255)
				return -EINVAL;
		}
		if (digits == 0)
			return -EINVAL;
		whole = whole << 8 | value;
	}
	if (*text != '\0')
		return -EINVAL;
	*addr = whole;
	return 0;
}

/* ---- explain ---- */

static const struct {
	uint16_t counter; /* IcmpMsg: the first of its direction, for all types */
	uint16_t point;   /* of the measured differences */
	const char *text;
} documents[] = {
#define D(group, name, point, text) {HO_##group##name, point, text},
#include "documents.def"
#undef D
};

static const char *kind_words(enum ho_counter_kind kind)
{
	switch (kind) {
	case HO_LIVE:
		return "LIVE: it counts";
	case HO_LEVEL:
		return "LEVEL: it goes up and down";
	case HO_FIXED:
		return "FIXED: a constant";
	case HO_LATER:
		return "LATER: it prints 0, not counted yet";
	case HO_NEVER_MOVES:
		return "NEVER: it prints 0 and cannot move here";
	}
	return "";
}

/* What the text of a row tells: what moves it, or what it is. */
static const char *text_heading(enum ho_counter_kind kind)
{
	switch (kind) {
	case HO_LIVE:
	case HO_LATER:
		return "counts";
	case HO_LEVEL:
	case HO_FIXED:
		return "says";
	case HO_NEVER_MOVES:
		return "why not";
	}
	return "";
}

#define COLUMN 14 /* where texts begin */
#define COLUMNS 100

void words_wrap(struct text *t, const char *words)
{
	size_t column = COLUMN;

	while (*words != '\0') {
		size_t len = strcspn(words, " ");

		if (column > COLUMN && column + 1 + len > COLUMNS) {
			text_add(t, "\n%*s", COLUMN, "");
			column = COLUMN;
		}
		text_add(t, "%s%.*s", column > COLUMN ? " " : "", (int)len, words);
		column += len + (column > COLUMN);
		words += len;
		words += strspn(words, " ");
	}
	text_add(t, "\n");
}

static void explain_documents(struct text *t, unsigned counter)
{
	for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++) {
		if (documents[i].counter != counter)
			continue;
		text_add(t, "  documents   ");
		words_wrap(t, documents[i].text);
	}
}

static void explain_icmpmsg(struct text *t, unsigned counter)
{
	bool out = counter >= HO_IcmpMsgOutType;
	unsigned first = out ? HO_IcmpMsgOutType : HO_IcmpMsgInType;

	text_add(t, "  kind        LIVE: it counts, and is printed only when not zero\n");
	text_add(t, "  counts      an ICMP message of type %u %s\n", counter - first,
	         out ? "was sent" : "arrived with a right checksum");
	explain_documents(t, first);
}

size_t ho_view_explain(const char *name, char *buf, size_t cap_bytes)
{
	struct text t = text_into(buf, cap_bytes);
	int found = ho_counter_find(name);
	unsigned counter = (unsigned)found;
	const struct ho_counter_row *row;
	char full[64];

	if (found < 0 || ho_counter_name(counter, full, sizeof(full)) < 0)
		return 0;
	text_add(&t, "%s\n", full);
	row = ho_counter_row(counter);
	if (row == NULL) {
		explain_icmpmsg(&t, counter);
		return t.len_bytes;
	}
	text_add(&t, "  kind        %s\n", kind_words(row->kind));
	text_add(&t, "  %-10s  %s\n", text_heading(row->kind), row->text);
	explain_documents(&t, counter);
	return t.len_bytes;
}
