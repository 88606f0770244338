/* SPDX-License-Identifier: MIT
 * lab, the kernel's world: what a host can be asked.  Sysctls and counters are files of its namespace, the rows of ss come
 * from sock_diag, packet rules go through nft. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <net/if.h>
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
/* Into the namespace that has the file: of what only the machine has, our own. */
static int sysctl_enter(struct lab_world *w, int host, const char *name, const char *path)
{
	return kernel_of_machine(name) ? kernel_machine_begin(w, path) : ns_enter(w, host);
}

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

	e = e ? e : sysctl_enter(w, host, name, path);
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

	e = e ? e : sysctl_enter(w, host, name, path);
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

int kernel_sockstat(struct lab_world *w, int host, char *buf, size_t cap)
{
	int e = ns_enter(w, host);

	if (e)
		return e;
	char *text = file_get("/proc/thread-self/net/sockstat");

	e = text ? snprintf(buf, cap, "%s", text) : -errno;
	ns_leave(w);
	free(text);
	return e;
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
		.fd = m->idiag_inode ? 0 : -1, /* 0: some program's */
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

/* A script for nft. */
struct script {
	char text[1024];
	size_t n;
};

#define SAY(s, ...) ((s)->n = add((s)->text, sizeof (s)->text, (s)->n, __VA_ARGS__))

static const char *not_word(const struct ho_rule *r, unsigned bit)
{
	return r->invert & bit ? " !=" : "";
}

static void say_prefix(struct script *s, const char *field, const char *not_text, uint32_t addr, int len)
{
	struct in_addr a = {.s_addr = htonl(addr)};

	if (len)
		SAY(s, " ip %s%s %s/%d", field, not_text, inet_ntoa(a), len);
}

/* nft's wildcard is a star. */
static void say_link(struct script *s, const char *field, const char *not_text, const char *name)
{
	int len = (int)strlen(name);

	if (len && name[len - 1] == '+')
		SAY(s, " %s%s \"%.*s*\"", field, not_text, len - 1, name);
	else if (len)
		SAY(s, " %s%s \"%s\"", field, not_text, name);
}

static void say_ports(struct script *s, const struct ho_rule *r, const char *field, const char *not_text,
                      const struct ho_ports *p)
{
	const char *protocol = r->protocol == HO_IPPROTO_UDP ? "udp" : "tcp";

	if (p->given)
		SAY(s, " %s %s%s %u-%u", protocol, field, not_text, p->first, p->last);
}

static void say_fields(struct script *s, const struct ho_rule *r)
{
	if (r->protocol)
		SAY(s, " ip protocol%s %u", not_word(r, HO_RULE_NOT_PROTOCOL), r->protocol);
	say_prefix(s, "saddr", not_word(r, HO_RULE_NOT_SADDR), r->saddr, r->saddr_len);
	say_prefix(s, "daddr", not_word(r, HO_RULE_NOT_DADDR), r->daddr, r->daddr_len);
	say_link(s, "iifname", not_word(r, HO_RULE_NOT_IN), r->in);
	say_link(s, "oifname", not_word(r, HO_RULE_NOT_OUT), r->out);
	if (r->fragment)
		SAY(s, " ip frag-off & 0x1fff %s 0", r->invert & HO_RULE_NOT_FRAGMENT ? "==" : "!=");
	say_ports(s, r, "sport", not_word(r, HO_RULE_NOT_SPORT), &r->sport);
	say_ports(s, r, "dport", not_word(r, HO_RULE_NOT_DPORT), &r->dport);
	if (r->tcp_mask)
		SAY(s, " tcp flags & 0x%x %s 0x%x", r->tcp_mask, r->invert & HO_RULE_NOT_TCP_FLAGS ? "!=" : "==", r->tcp_set);
	if (r->icmp_type_given)
		SAY(s, " icmp type%s %u", not_word(r, HO_RULE_NOT_ICMP_TYPE), r->icmp_type);
	if (r->icmp_code_given)
		SAY(s, " icmp code %u", r->icmp_code);
}

static void say_chance(struct script *s, const struct ho_rule *r)
{
	if (r->every)
		SAY(s, " numgen inc mod %u %u", r->every, r->packet);
	if (r->probability)
		SAY(s, " numgen random mod %u < %u", HO_RULE_ALWAYS, r->probability);
	if (r->first_count)
		SAY(s, " limit rate 1/week burst %u packets", r->first_count);
}

static void say_action(struct script *s, const struct ho_rule *r)
{
	static const char *const rejects[HO_REJECTS] = {
		[HO_REJECT_PORT_UNREACHABLE] = "icmp type port-unreachable",
		[HO_REJECT_NET_UNREACHABLE] = "icmp type net-unreachable",
		[HO_REJECT_HOST_UNREACHABLE] = "icmp type host-unreachable",
		[HO_REJECT_PROTO_UNREACHABLE] = "icmp type prot-unreachable",
		[HO_REJECT_NET_PROHIBITED] = "icmp type net-prohibited",
		[HO_REJECT_HOST_PROHIBITED] = "icmp type host-prohibited",
		[HO_REJECT_ADMIN_PROHIBITED] = "icmp type admin-prohibited",
		[HO_REJECT_TCP_RESET] = "tcp reset",
	};

	if (r->action == HO_RULE_REJECT)
		SAY(s, " reject with %s", rejects[r->reject_with]);
	else
		SAY(s, r->action == HO_RULE_ACCEPT ? " accept" : " drop");
}

int kernel_rule_add(struct lab_world *w, int host, const struct ho_rule *r)
{
	static const char *const hooks[HO_HOOKS] = {"input", "output", "forward"};
	const char *hook = hooks[r->hook];
	struct script s = {.n = 0};

	if (r->icmp_code_given && r->invert & HO_RULE_NOT_ICMP_TYPE)
		return -EOPNOTSUPP; /* nft has no word for it */
	SAY(&s, "add table ip t; add chain ip t c%s { type filter hook %s priority 0; }; add rule ip t c%s", hook, hook, hook);
	say_fields(&s, r);
	say_chance(&s, r);
	say_action(&s, r);
	return nft(w, host, s.text);
}

int kernel_rule_clear(struct lab_world *w, int host)
{
	return nft(w, host, "flush ruleset");
}

/* ---- the device's queue ---- */

struct ask {
	uint32_t bytes;
	_Alignas(NLMSG_ALIGNTO) char at[512];
};

static char *ask_put(struct ask *a, const void *value, size_t bytes)
{
	char *to = a->at + a->bytes;

	if (bytes)
		memcpy(to, value, bytes);
	a->bytes += (uint32_t)NLMSG_ALIGN(bytes);
	return to;
}

static void attr_put(struct ask *a, unsigned short type, const void *value, size_t bytes)
{
	struct rtattr attr = {.rta_len = (unsigned short)RTA_LENGTH(bytes), .rta_type = type};

	ask_put(a, &attr, sizeof attr);
	ask_put(a, value, bytes);
}

static int netlink_ask(const struct ask *ask)
{
	struct {
		struct nlmsghdr h;
		struct nlmsgerr e;
		char rest[512];
	} said;
	int s = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), e = 0;

	if (s < 0)
		return -errno;
	if (send(s, ask->at, ask->bytes, 0) < 0 || recv(s, &said, sizeof said, 0) < (ssize_t)NLMSG_LENGTH(sizeof said.e))
		e = -errno;
	else if (said.h.nlmsg_type == NLMSG_ERROR)
		e = said.e.error;
	close(s);
	return e;
}

/* tc qdisc replace dev tun0 root tbf rate R burst B limit 200000; or del */
int kernel_egress_set(struct lab_world *w, int host, uint64_t rate_bps, uint32_t burst)
{
	struct nlmsghdr h = {.nlmsg_type = rate_bps ? RTM_NEWQDISC : RTM_DELQDISC,
	                     .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | (rate_bps ? NLM_F_CREATE | NLM_F_REPLACE : 0)};
	struct tcmsg tc = {.tcm_family = AF_UNSPEC, .tcm_parent = TC_H_ROOT};
	struct tc_tbf_qopt q = {.rate = {.rate = (uint32_t)(rate_bps / 8), .linklayer = TC_LINKLAYER_ETHERNET},
	                        .limit = 200000};
	struct ask ask = {0};
	int e = ns_enter(w, host);

	if (e)
		return e;
	tc.tcm_ifindex = (int)if_nametoindex("tun0");
	ask_put(&ask, &h, sizeof h);
	ask_put(&ask, &tc, sizeof tc);
	if (rate_bps) {
		struct ask options = {0};

		attr_put(&options, TCA_TBF_PARMS, &q, sizeof q);
		attr_put(&options, TCA_TBF_BURST, &burst, sizeof burst);
		attr_put(&ask, TCA_KIND, "tbf", 4);
		attr_put(&ask, TCA_OPTIONS, options.at, options.bytes);
	}
	h.nlmsg_len = ask.bytes;
	memcpy(ask.at, &h, sizeof h);
	e = netlink_ask(&ask);
	ns_leave(w);
	return e;
}

