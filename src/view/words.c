/* SPDX-License-Identifier: MIT
 * Words for people: states, addresses; text in lines. */
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
	char *to = buf;

	for (unsigned shift = 24;; shift -= 8) {
		to = dec_put(to, e.addr >> shift & 0xffu, 1);
		*to++ = shift > 0 ? '.' : ':';
		if (shift == 0)
			break;
	}
	*dec_put(to, e.port, 1) = '\0';
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
