/* SPDX-License-Identifier: MIT
 * lab, the kernel's world: what a host can be asked.  Sysctls and counters are files of its namespace, the rows of ss come
 * from sock_diag, packet rules go through nft. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel.h"

/* ---- sysctls, counters, rows ---- */
static int sysctl_path(const char *name, char *path, size_t cap)
{
	int n = snprintf(path, cap, "/proc/sys/%s", name);

	if (n < 0 || (size_t)n >= cap || strstr(name, ".."))
		return -EINVAL;
	for (char *p = path + 10; *p; p++)
		if (*p == '.')
			*p = '/';
	return 0;
}

int kernel_sysctl_get(struct lab_world *w, int host, const char *name, char *buf, size_t cap)
{
	char path[256];
	int e = sysctl_path(name, path, sizeof path);

	e = e ? e : ns_enter(w, host);
	if (e)
		return e;
	char *text = file_get(path);

	e = text ? 0 : -errno;
	ns_leave(w);
	if (e)
		return e;
	size_t len = strcspn(text, "\n");

	if (len >= cap)
		len = cap - 1;
	memcpy(buf, text, len);
	buf[len] = 0;
	free(text);
	return (int)len;
}

/* "all" is not each: what holds for a link is made of both, by rules that differ.  On the stack it is each. */
static void link_sysctl_set(const char *path, int link, const char *value)
{
	static const char all[] = "/proc/sys/net/ipv4/conf/all/";
	char of_link[300];

	if (strncmp(path, all, sizeof all - 1) != 0)
		return;
	snprintf(of_link, sizeof of_link, "/proc/sys/net/ipv4/conf/tun%d/%s", link, path + sizeof all - 1);
	file_put(of_link, value);
}

int kernel_sysctl_set(struct lab_world *w, int host, const char *name, const char *value)
{
	char path[256];
	int e = sysctl_path(name, path, sizeof path);

	e = e ? e : ns_enter(w, host);
	if (e)
		return e;
	e = file_put(path, value);
	for (int i = 0; i < w->lab->net.host[host].link_count && !e; i++)
		link_sysctl_set(path, i, value);
	ns_leave(w);
	return e;
}

/* "Ip: Forwarding DefaultTTL ..." and the line of values below it */
static void counters_parse(char *text, struct lab_counters *out)
{
	char *line, *rest = text;

	while ((line = strsep(&rest, "\n")) && *line) {
		char *values = strsep(&rest, "\n"), *name, *value;
		char group[32];

		if (!values)
			break;
		size_t g = strcspn(line, ":");

		if (g >= sizeof group)
			continue;
		memcpy(group, line, g);
		group[g] = 0;
		name = strtok_r(line, " ", &line);
		value = strtok_r(values, " ", &values);
		while ((name = strtok_r(NULL, " ", &line)) && (value = strtok_r(NULL, " ", &values))) {
			char full[96];

			snprintf(full, sizeof full, "%s%s", group, name);
			lab_counters_add(out, full, strtoll(value, NULL, 10));
		}
	}
}

int kernel_counters(struct lab_world *w, int host, struct lab_counters *out)
{
	static const char *const files[] = {"/proc/thread-self/net/snmp", "/proc/thread-self/net/netstat"};
	int e = ns_enter(w, host);

	for (int i = 0; i < 2 && !e; i++) {
		char *text = file_get(files[i]);

		e = text ? 0 : -errno;
		if (text)
			counters_parse(text, out);
		free(text);
	}
	ns_leave(w);
	return e;
}

static void row_take(const struct nlmsghdr *h, struct ho_sock_info *r)
{
	const struct inet_diag_msg *m = NLMSG_DATA(h);
	int left = (int)h->nlmsg_len - (int)NLMSG_LENGTH(sizeof *m);
	const struct rtattr *a = (const struct rtattr *)(m + 1);

	*r = (struct ho_sock_info){
		.fd = -1,
		.type = SOCK_STREAM,
		.protocol = IPPROTO_TCP,
		.state = m->idiag_state,
		.local = {ntohl(m->id.idiag_src[0]), ntohs(m->id.idiag_sport)},
		.peer = {ntohl(m->id.idiag_dst[0]), ntohs(m->id.idiag_dport)},
		.recv_q = m->idiag_rqueue,
		.send_q = m->idiag_wqueue,
		.timer = m->idiag_timer,
		.retransmits = m->idiag_retrans,
		.timer_at = m->idiag_expires * HO_MS,
	};
	for (; RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		uint32_t mem[SK_MEMINFO_VARS] = {0};
		size_t len = RTA_PAYLOAD(a);

		if (a->rta_type != INET_DIAG_SKMEMINFO)
			continue;
		memcpy(mem, RTA_DATA(a), len < sizeof mem ? len : sizeof mem);
		r->rmem_alloc = mem[SK_MEMINFO_RMEM_ALLOC];
		r->rcvbuf = mem[SK_MEMINFO_RCVBUF];
		r->wmem_alloc = mem[SK_MEMINFO_WMEM_ALLOC];
		r->sndbuf = mem[SK_MEMINFO_SNDBUF];
		r->fwd_alloc = mem[SK_MEMINFO_FWD_ALLOC];
		r->wmem_queued = mem[SK_MEMINFO_WMEM_QUEUED];
		r->drops = mem[SK_MEMINFO_DROPS];
	}
}

int kernel_rows(struct lab_world *w, int host, struct ho_sock_info **out, size_t *count)
{
	struct {
		struct nlmsghdr h;
		struct inet_diag_req_v2 r;
	} q = {
		.h = {.nlmsg_len = sizeof q,
	              .nlmsg_type = SOCK_DIAG_BY_FAMILY,
	              .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
		.r = {.sdiag_family = AF_INET,
	              .sdiag_protocol = IPPROTO_TCP,
	              .idiag_ext = 1 << (INET_DIAG_SKMEMINFO - 1),
	              .idiag_states = 0xfff & ~(1u << TCP_CLOSE)},
	};
	static char buf[65536] __attribute__((aligned(8)));
	size_t cap = 0;

	*out = NULL;
	*count = 0;
	if (send(w->diag[host], &q, sizeof q, 0) < 0)
		return -errno;
	for (;;) {
		ssize_t n = recv(w->diag[host], buf, sizeof buf, 0);

		if (n <= 0)
			return -errno;
		unsigned left = (unsigned)n;

		for (const struct nlmsghdr *h = (const struct nlmsghdr *)buf; NLMSG_OK(h, left);
		     h = NLMSG_NEXT(h, left)) {
			if (h->nlmsg_type == NLMSG_DONE)
				return 0;
			if (h->nlmsg_type == NLMSG_ERROR)
				return ((const struct nlmsgerr *)NLMSG_DATA(h))->error;
			if (*count == cap) {
				cap = cap ? 2 * cap : 64;
				*out = realloc(*out, cap * sizeof **out);
				if (!*out)
					abort();
			}
			row_take(h, &(*out)[(*count)++]);
		}
	}
}

/* ---- rules ---- */
static int nft(struct lab_world *w, int host, const char *script)
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		return -errno;
	if (pid == 0) {
		if (ns_enter(w, host))
			_exit(126);
		execlp("nft", "nft", script, (char *)NULL);
		_exit(127);
	}
	for (int i = 0; i < 1000; i++) {
		pid_t r = waitpid(pid, &status, WNOHANG);

		if (r == pid)
			return WIFEXITED(status) && WEXITSTATUS(status) == 0     ? 0
			       : WIFEXITED(status) && WEXITSTATUS(status) == 127 ? -ENOENT
			                                                         : -EINVAL;
		if (r < 0)
			return -errno;
		poll(NULL, 0, 10);
	}
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return -ETIMEDOUT;
}

static size_t add(char *buf, size_t cap, size_t n, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
static size_t add(char *buf, size_t cap, size_t n, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int r = n < cap ? vsnprintf(buf + n, cap - n, fmt, ap) : 0;
	va_end(ap);
	return n + (r > 0 ? (size_t)r : 0);
}

int kernel_rule_add(struct lab_world *w, int host, const struct ho_rule *r)
{
	static const struct {
		uint8_t bit;
		const char *name;
	} flags[] = {{LAB_FIN, "fin"}, {LAB_SYN, "syn"}, {LAB_RST, "rst"}, {LAB_PSH, "psh"}, {LAB_ACK, "ack"}};
	const char *hook = r->output ? "output" : "input";
	char s[512];
	size_t n = add(s, sizeof s, 0,
	               "add table ip t; add chain ip t c%s { type filter hook %s priority 0; }; add rule ip t c%s",
	               hook, hook, hook);
	struct in_addr a;

	if (r->protocol)
		n = add(s, sizeof s, n, " ip protocol %u", r->protocol);
	if (r->saddr) {
		a.s_addr = htonl(r->saddr);
		n = add(s, sizeof s, n, " ip saddr %s", inet_ntoa(a));
	}
	if (r->daddr) {
		a.s_addr = htonl(r->daddr);
		n = add(s, sizeof s, n, " ip daddr %s", inet_ntoa(a));
	}
	if (r->sport)
		n = add(s, sizeof s, n, " tcp sport %u", r->sport);
	if (r->dport)
		n = add(s, sizeof s, n, " tcp dport %u", r->dport);
	if (r->tcp_flags) {
		const char *sep = "";

		n = add(s, sizeof s, n, " tcp flags & (");
		for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
			if (r->tcp_flags & flags[i].bit) {
				n = add(s, sizeof s, n, "%s%s", sep, flags[i].name);
				sep = "|";
			}
		n = add(s, sizeof s, n, ") != 0");
	}
	add(s, sizeof s, n, " drop");
	return nft(w, host, s);
}

int kernel_rule_clear(struct lab_world *w, int host)
{
	return nft(w, host, "flush ruleset");
}
