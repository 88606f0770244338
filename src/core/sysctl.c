/* SPDX-License-Identifier: MIT
 * Sysctls: rows of sysctls.def by Linux's names, as text.
 *
 * Every value is a uint32_t of struct sysctls, or three in a row; a range of ports is a pair of two neighbours.
 * Numbers are read as Linux reads them: 0x10 and 020 are 16, and what follows the last value is ignored.  Facts that cannot be changed here have fixed text. */
#include "tcp.h"

struct sysctl_row {
	const char *name;
	const char *fixed; /* the text of a value that cannot be set; NULL */
	bool congestion;   /* the name of an algorithm */
	size_t offset;     /* of the first value in struct sysctls */
	uint32_t count;    /* values: 1..3; 0: tcp_fastopen_key, which is no number */
	int64_t min, max;  /* of each; min below 0: the value has a sign */
};

#define VALUES_MAX 3u
#define INT_MAX_U 2147483647u
#define INT_MIN_S (-INT64_C(2147483648))

_Static_assert(offsetof(struct sysctls, ip_local_port_max) ==
                       offsetof(struct sysctls, ip_local_port_min) + sizeof(uint32_t),
               "the port range is a pair of neighbours");

static const struct sysctl_row rows[] = {
#define S_U32(field, text, def, low, high) \
	{.name = text, .offset = offsetof(struct sysctls, field), .count = 1, .min = low, .max = high},
#define S_INT S_U32
#define S_TRIPLE(field, text, low, a, b, c) \
	{.name = text, .offset = offsetof(struct sysctls, field), .count = 3, .min = low, .max = INT_MAX_U},
#define S_FIELD(field, def)
#include "sysctls.def"
#undef S_U32
#undef S_INT
#undef S_TRIPLE
#undef S_FIELD
	{.name = "net.ipv4.ip_local_port_range",
         .offset = offsetof(struct sysctls, ip_local_port_min),
         .count = 2,
         .min = 1024, /* ip_unprivileged_port_start */
         .max = 65535},
	{.name = "net.ipv4.tcp_fastopen_key"},
	{.name = "net.ipv4.tcp_congestion_control", .congestion = true, .count = 1},
	{.name = "net.ipv4.tcp_available_congestion_control", .fixed = "reno bbr cubic", .count = 1},
	{.name = "net.ipv4.tcp_allowed_congestion_control", .fixed = "reno bbr cubic", .count = 1},
	{.name = "net.ipv4.conf.all.forwarding",
         .offset = offsetof(struct sysctls, ip_forward),
         .count = 1,
         .min = INT_MIN_S,
         .max = INT_MAX_U},
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

void sysctl_init(struct sysctls *ctl)
{
	*ctl = (struct sysctls)
	{
#define S_U32(field, text, def, low, high) .field = def,
#define S_INT S_U32
#define S_TRIPLE(field, text, low, a, b, c) .field = {a, b, c},
#define S_FIELD(field, def) .field = def,
#include "sysctls.def"
#undef S_U32
#undef S_INT
#undef S_TRIPLE
#undef S_FIELD
	};
}

/* "net/ipv4/tcp_rmem" is "net.ipv4.tcp_rmem". */
static bool name_is(const char *row, const char *name)
{
	for (; *row != '\0'; row++, name++)
		if (*row != (*name == '/' ? '.' : *name))
			return false;
	return *name == '\0';
}

static const struct sysctl_row *row_find(const char *name)
{
	for (size_t i = 0; i < ROWS; i++)
		if (name_is(rows[i].name, name))
			return &rows[i];
	return NULL;
}

const char *ho_sysctl_name(unsigned i)
{
	return i < ROWS ? rows[i].name : NULL;
}

/* Gives  the bytes written. */
static size_t u32_emit(char *to, uint32_t value)
{
	char digits[10];
	size_t count = 0;

	do {
		digits[count++] = (char)('0' + value % 10);
		value /= 10;
	} while (value != 0);
	for (size_t i = 0; i < count; i++)
		to[i] = digits[count - 1 - i];
	return count;
}

static int text_give(const char *text, size_t bytes, char *buf, size_t cap_bytes)
{
	if (bytes >= cap_bytes)
		return -ENOSPC;
	memcpy(buf, text, bytes);
	buf[bytes] = '\0';
	return (int)bytes;
}

int ho_sysctl_get(const struct ho_stack *s, const char *name, char *buf, size_t cap_bytes)
{
	const struct sysctl_row *row = row_find(name);
	char text[VALUES_MAX * 12];
	uint32_t value[VALUES_MAX];
	size_t bytes = 0;

	if (row == NULL)
		return -ENOENT;
	if (row->count == 0) {
		char keys[FASTOPEN_KEY_TEXT];
		int n = tcp_fastopen_key_get(s, keys);

		return text_give(keys, (size_t)n, buf, cap_bytes);
	}
	if (row->fixed != NULL)
		return text_give(row->fixed, strlen(row->fixed), buf, cap_bytes);
	if (row->congestion)
		return text_give(tcp_cc_name(s->cc), strlen(tcp_cc_name(s->cc)), buf, cap_bytes);
	memcpy(value, (const char *)&s->ctl + row->offset, row->count * sizeof(value[0]));
	for (uint32_t i = 0; i < row->count; i++) {
		bool negative = row->min < 0 && (int32_t)value[i] < 0;

		if (i > 0)
			text[bytes++] = '\t';
		if (negative)
			text[bytes++] = '-';
		bytes += u32_emit(text + bytes, negative ? -value[i] : value[i]);
	}
	return text_give(text, bytes, buf, cap_bytes);
}

static const char *space_skip(const char *at)
{
	while (*at == ' ' || *at == '\t' || *at == '\n')
		at++;
	return at;
}

static uint32_t digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return (uint32_t)(c - '0');
	c |= 'a' - 'A';
	return c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a') + 10 : 16;
}

/* Gives  where the number ends, NULL if there is none up to 2^32 - 1. */
static const char *u32_parse(const char *at, uint32_t *value)
{
	uint32_t base = *at != '0' ? 10 : 8;
	uint64_t v = 0;

	if (*at < '0' || *at > '9')
		return NULL;
	if (base == 8 && (at[1] | 0x20) == 'x' && digit_of(at[2]) < 16) {
		base = 16;
		at += 2;
	}
	for (; digit_of(*at) < base; at++) {
		v = v * base + digit_of(*at);
		if (v > UINT32_MAX)
			return NULL;
	}
	*value = (uint32_t)v;
	return *at == '\0' || space_skip(at) != at ? at : NULL;
}

/* Gives  how many numbers the text holds, at most the row's; -EINVAL if one is none, or out of range. */
static int values_parse(const struct sysctl_row *row, const char *text, uint32_t value[VALUES_MAX])
{
	uint32_t count = 0;

	for (text = space_skip(text); *text != '\0' && count < row->count; text = space_skip(text)) {
		bool negative = *text == '-';
		uint32_t digits;
		int64_t v;

		text = u32_parse(text + negative, &digits);
		v = text == NULL ? 0 : negative ? -(int64_t)digits : (int64_t)digits;
		if (text == NULL || v < row->min || v > row->max)
			return -EINVAL;
		value[count++] = (uint32_t)v;
	}
	return count == 0 ? -EINVAL : (int)count;
}

static int congestion_set(struct ho_stack *s, const char *value)
{
	size_t n = 0;
	const struct cc *cc;

	value = space_skip(value);
	while (value[n] != '\0' && value[n] != ' ' && value[n] != '\n')
		n++;
	cc = tcp_cc_find(value, n);
	if (cc == NULL)
		return -ENOENT;
	s->cc = cc;
	return 0;
}

/* Those who pass packets on do not take advice about where to send them (Linux: inet_forward_change). */
static void forwarding_changed(struct ho_stack *s, uint32_t before)
{
	if (s->ctl.ip_forward != before)
		s->ctl.accept_redirects = s->ctl.ip_forward == 0;
}

/* The low one of a pair of thresholds stays below the high one. */
static bool limits_agree(const struct sysctls *ctl, const struct sysctl_row *row, uint32_t value)
{
	if (row->offset == offsetof(struct sysctls, ipfrag_high_thresh))
		return value >= ctl->ipfrag_low_thresh;
	return row->offset != offsetof(struct sysctls, ipfrag_low_thresh) || value <= ctl->ipfrag_high_thresh;
}

/* As in Linux, fewer values than a row has set the first ones, and a range must not be empty. */
int ho_sysctl_set(struct ho_stack *s, const char *name, const char *value)
{
	const struct sysctl_row *row = row_find(name);
	uint32_t forward = s->ctl.ip_forward;
	uint32_t v[VALUES_MAX];
	int count;

	if (row == NULL)
		return -ENOENT;
	if (row->count == 0)
		return tcp_fastopen_key_set(s, value);
	if (row->fixed != NULL)
		return -EPERM;
	if (row->congestion)
		return congestion_set(s, value);
	memcpy(v, (char *)&s->ctl + row->offset, row->count * sizeof(v[0]));
	count = values_parse(row, value, v);
	if (count < 0)
		return count;
	if (row->count == 2 && v[0] > v[1])
		return -EINVAL;
	if (!limits_agree(&s->ctl, row, v[0]))
		return -EINVAL;
	memcpy((char *)&s->ctl + row->offset, v, row->count * sizeof(v[0]));
	if (row->offset == offsetof(struct sysctls, tcp_fastopen_blackhole_timeout_sec))
		s->fo.disable_times = 0;
	forwarding_changed(s, forward);
	fib_changed(s);
	return 0;
}
