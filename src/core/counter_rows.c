/* SPDX-License-Identifier: MIT
 * counters.def as a table, and the way between a counter's number and its name.  IcmpMsg has no rows: its 512 counters
 * are the types 0..255 of messages in, then of messages out, named as nstat shows them (IcmpMsgInType8). */
#include <errno.h>
#include <string.h>

#include <halfopen/counter.h>

#define KIND_LIVE HO_LIVE
#define KIND_LEVEL HO_LEVEL
#define KIND_FIXED HO_FIXED
#define KIND_LATER HO_LATER
#define KIND_NEVER HO_NEVER_MOVES

static const struct ho_counter_row rows[] = {
#define C(group, name, kind, text) {#group, #name, KIND_##kind, text},
#include "counters.def"
#undef C
};

_Static_assert(sizeof(rows) / sizeof(rows[0]) == HO_COUNTER_ROWS, "one row a counter");

#define TYPES 256u
#define NAME_MAX_BYTES 64 /* the longest is TcpExtTCPFastOpenListenOverflow: 31 */

const struct ho_counter_row *ho_counter_row(unsigned counter)
{
	return counter < HO_COUNTER_ROWS ? &rows[counter] : NULL;
}

/* The end of a decimal number 0..255 written at p. */
static char *type_emit(char *p, unsigned type)
{
	if (type >= 100)
		*p++ = (char)('0' + type / 100);
	if (type >= 10)
		*p++ = (char)('0' + type / 10 % 10);
	*p++ = (char)('0' + type % 10);
	return p;
}

/* 0..255 without leading zeros; else -1. */
static int type_parse(const char *p)
{
	int type = 0;

	if (*p == '\0' || (*p == '0' && p[1] != '\0'))
		return -1;
	for (; *p != '\0'; p++) {
		if (*p < '0' || *p > '9')
			return -1;
		type = type * 10 + (*p - '0');
		if (type >= (int)TYPES)
			return -1;
	}
	return type;
}

static char *text_emit(char *p, const char *text)
{
	size_t n = strlen(text);

	memcpy(p, text, n);
	return p + n;
}

int ho_counter_name(unsigned counter, char *buf, size_t cap_bytes)
{
	char name[NAME_MAX_BYTES];
	char *p = name;
	size_t len;

	if (counter < HO_COUNTER_ROWS) {
		p = text_emit(p, rows[counter].group);
		p = text_emit(p, rows[counter].name);
	} else if (counter < HO_IcmpMsgOutType) {
		p = text_emit(p, "IcmpMsgInType");
		p = type_emit(p, counter - HO_IcmpMsgInType);
	} else if (counter < HO_COUNTER_COUNT) {
		p = text_emit(p, "IcmpMsgOutType");
		p = type_emit(p, counter - HO_IcmpMsgOutType);
	} else {
		return -EINVAL;
	}
	len = (size_t)(p - name);
	if (len >= cap_bytes)
		return -ENOSPC;
	memcpy(buf, name, len);
	buf[len] = '\0';
	return (int)len;
}

static int icmpmsg_find(const char *name)
{
	int type;

	if (strncmp(name, "IcmpMsg", 7) == 0)
		name += 7;
	if (strncmp(name, "InType", 6) == 0) {
		type = type_parse(name + 6);
		return type < 0 ? -ENOENT : (int)HO_IcmpMsgInType + type;
	}
	if (strncmp(name, "OutType", 7) == 0) {
		type = type_parse(name + 7);
		return type < 0 ? -ENOENT : (int)HO_IcmpMsgOutType + type;
	}
	return -ENOENT;
}

int ho_counter_find(const char *name)
{
	int bare = -ENOENT;
	unsigned bare_count = 0;

	for (unsigned i = 0; i < HO_COUNTER_ROWS; i++) {
		size_t group_len = strlen(rows[i].group);

		if (strncmp(name, rows[i].group, group_len) == 0 && strcmp(name + group_len, rows[i].name) == 0)
			return (int)i;
		if (strcmp(name, rows[i].name) == 0) {
			bare = (int)i;
			bare_count++;
		}
	}
	if (bare_count > 0)
		return bare_count == 1 ? bare : -ENOENT;
	return icmpmsg_find(name);
}
