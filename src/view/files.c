/* SPDX-License-Identifier: MIT
 * The files that a stack has for those who look at it: which there are, and what is in each. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "view.h"

#define SYSCTL_PREFIX "sys/"
#define VALUE_BYTES 256

static size_t snmp6(const struct ho_stack *s, char *buf, size_t cap_bytes)
{
	(void)s;
	return ho_view_snmp6(buf, cap_bytes);
}

static size_t tcpdiag(const struct ho_stack *s, char *buf, size_t cap_bytes)
{
	return ho_view_tcpdiag(s, HO_VIEW_STATES_ALL, buf, cap_bytes);
}

static size_t tcpdiag_listen(const struct ho_stack *s, char *buf, size_t cap_bytes)
{
	return ho_view_tcpdiag(s, HO_VIEW_STATES_LISTEN, buf, cap_bytes);
}

static size_t tcpdiag_connected(const struct ho_stack *s, char *buf, size_t cap_bytes)
{
	return ho_view_tcpdiag(s, HO_VIEW_STATES_CONNECTED, buf, cap_bytes);
}

static size_t counters_json(const struct ho_stack *s, char *buf, size_t cap_bytes)
{
	return ho_view_counters_json(s, true, NULL, buf, cap_bytes);
}

static size_t why_json(const struct ho_stack *s, char *buf, size_t cap_bytes)
{
	const struct ho_view_about every = {.counter = -1};

	return ho_view_why_json(s, &every, buf, cap_bytes);
}

static size_t rules_json(const struct ho_stack *s, char *buf, size_t cap_bytes)
{
	return ho_view_rules_json(s, HO_HOOKS, buf, cap_bytes);
}

static const struct row {
	const char *path;
	size_t (*view)(const struct ho_stack *s, char *buf, size_t cap_bytes);
	bool crowd; /* the more sockets, the more work */
} rows[] = {
	{"net/snmp", ho_view_snmp, false},
	{"net/netstat", ho_view_netstat, false},
	{"net/snmp6", snmp6, false},
	{"net/sockstat", ho_view_sockstat, true},
	{"net/tcp", ho_view_proc_tcp, true},
	{"net/udp", ho_view_proc_udp, true},
	{"net/raw", ho_view_proc_raw, true},
	{"net/icmp", ho_view_proc_icmp, true},
	{"net/tcpdiag", tcpdiag, true},
	{"net/tcpdiag_listen", tcpdiag_listen, true},
	{"net/tcpdiag_connected", tcpdiag_connected, true},
	{"halfopen/counters.json", counters_json, false},
	{"halfopen/listeners.json", ho_view_listeners_json, true},
	{"halfopen/sockets.json", ho_view_sockets_json, true},
	{"halfopen/why.json", why_json, true},
	{"halfopen/rules.json", rules_json, false},
	{"halfopen/addrs.json", ho_view_addrs_json, false},
};
#define ROWS (sizeof(rows) / sizeof(*rows))

bool ho_view_file_path(unsigned i, char path[HO_VIEW_PATH_MAX])
{
	const char *sysctl = i < ROWS ? NULL : ho_sysctl_name(i - (unsigned)ROWS);

	if (i < ROWS) {
		strcpy(path, rows[i].path);
		return true;
	}
	if (sysctl == NULL)
		return false;
	snprintf(path, HO_VIEW_PATH_MAX, SYSCTL_PREFIX "%s", sysctl);
	for (char *c = path; *c != '\0'; c++)
		if (*c == '.')
			*c = '/';
	return true;
}

const char *ho_view_file_sysctl(const char *path)
{
	return strncmp(path, SYSCTL_PREFIX, strlen(SYSCTL_PREFIX)) == 0 ? path + strlen(SYSCTL_PREFIX) : NULL;
}

bool ho_view_file_crowd(const char *path)
{
	for (size_t i = 0; i < ROWS; i++)
		if (strcmp(path, rows[i].path) == 0)
			return rows[i].crowd;
	return false;
}

static ptrdiff_t sysctl_file(const struct ho_stack *s, const char *name, char *buf, size_t cap_bytes)
{
	struct text t = text_into(buf, cap_bytes);
	char value[VALUE_BYTES];
	int len = ho_sysctl_get(s, name, value, sizeof(value));

	if (len < 0)
		return len;
	text_add(&t, "%s\n", value);
	return (ptrdiff_t)t.len_bytes;
}

ptrdiff_t ho_view_file(const struct ho_stack *s, const char *path, void *buf, size_t cap_bytes)
{
	for (size_t i = 0; i < ROWS; i++)
		if (strcmp(path, rows[i].path) == 0)
			return (ptrdiff_t)rows[i].view(s, buf, cap_bytes);
	if (ho_view_file_sysctl(path) == NULL)
		return -ENOENT;
	return sysctl_file(s, ho_view_file_sysctl(path), buf, cap_bytes);
}
