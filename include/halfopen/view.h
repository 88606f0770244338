/* SPDX-License-Identifier: MIT
 * halfopen: how a stack's state looks: the text of Linux's files, JSON, tables and words.
 * Every function writes at most cap bytes with a NUL and gives the length the whole text needs (as snprintf). */
#ifndef HALFOPEN_VIEW_H
#define HALFOPEN_VIEW_H

#include "halfopen.h"

#ifdef __cplusplus
extern "C" {
#endif

/* /proc/net/snmp, netstat, sockstat, tcp: byte for byte in Linux 6.18's format.  snmp has no UdpLite-less variants; netstat
 * has no MPTcpExt (docs/DIFFERENCES.md). tcp: LISTEN rows carry the backlog in tx_queue so that `ss -ltn` shows it. */
HO_API size_t ho_view_snmp(const struct ho_stack *s, char *buf, size_t cap_bytes);
HO_API size_t ho_view_netstat(const struct ho_stack *s, char *buf, size_t cap_bytes);
HO_API size_t ho_view_sockstat(const struct ho_stack *s, char *buf, size_t cap_bytes);
HO_API size_t ho_view_proc_tcp(const struct ho_stack *s, char *buf, size_t cap_bytes);
HO_API size_t ho_view_proc_udp(const struct ho_stack *s, char *buf, size_t cap_bytes);
HO_API size_t ho_view_proc_raw(const struct ho_stack *s, char *buf, size_t cap_bytes);
HO_API size_t ho_view_proc_icmp(const struct ho_stack *s, char *buf, size_t cap_bytes); /* ping sockets */
/* /proc/net/snmp6: Linux's rows, each 0, for there is no IPv6. */
HO_API size_t ho_view_snmp6(char *buf, size_t cap_bytes);

/* TCP sockets, requests and TIME-WAIT buckets as inet_diag replies of Linux 6.18 and an NLMSG_DONE: what ss reads from
 * TCPDIAG_FILE, with its memory, tcp_info, congestion control and timers.  Whole messages are written as long as they fit; there
 * is no NUL, and gives the bytes of all.
 * Takes  states: a set of bits 1 << HO_LISTEN ...; ss filters a file by address and port, not by state. */
HO_API size_t ho_view_tcpdiag(const struct ho_stack *s, uint32_t states, void *buf, size_t cap_bytes);
#define HO_VIEW_STATES_ALL 0xfffu
#define HO_VIEW_STATES_LISTEN (1u << HO_LISTEN)
/* What ss shows without -a and -l: neither listeners nor requests nor TIME-WAIT. */
#define HO_VIEW_STATES_CONNECTED \
	(HO_VIEW_STATES_ALL & ~(1u << HO_LISTEN | 1u << HO_CLOSE | 1u << HO_TIME_WAIT | 1u << HO_SYN_RECV))

/* `ss -tan`'s columns (State Recv-Q Send-Q Local Peer), with SYN-RECV rows, then drops and timer. */
HO_API size_t ho_view_sockets(const struct ho_stack *s, char *buf, size_t cap_bytes);
/* UDP, raw (the port is the protocol) and ping sockets, as `ss -uwan` does, with their drops. */
HO_API size_t ho_view_datagram_sockets(const struct ho_stack *s, char *buf, size_t cap_bytes);
HO_API size_t ho_view_sockets_json(const struct ho_stack *s, char *buf, size_t cap_bytes);

/* Every listener: both queues now, at their most, and how many fit; limits; drops by cause; whether accept() is called. */
HO_API size_t ho_view_listeners(const struct ho_stack *s, char *buf, size_t cap_bytes);
HO_API size_t ho_view_listeners_json(const struct ho_stack *s, char *buf, size_t cap_bytes);

/* Which listeners are spoken of. */
struct ho_view_about {
	struct ho_endpoint listener; /* port 0: every one; addr HO_ADDR_ANY: at any address */
	int counter;                 /* only those that moved it, and how often; -1: those that dropped something */
};

/* In words, a paragraph a listener: what was dropped and who was the last, which limit was the smallest, whether the
 * program is slow, what to change, and what would not help.  With a listener named it is told of, whatever it did.
 * Gives  0 length if nobody listens there, or there is no such counter. */
HO_API size_t ho_view_why(const struct ho_stack *s, const struct ho_view_about *about, char *buf, size_t cap_bytes);
HO_API size_t ho_view_why_json(const struct ho_stack *s, const struct ho_view_about *about, char *buf, size_t cap_bytes);

/* nstat's look: a name and a value a line.  all: zero rows, too; pattern: shell pattern or NULL. */
HO_API size_t ho_view_counters(const struct ho_stack *s, bool all, const char *pattern, char *buf, size_t cap_bytes);
HO_API size_t ho_view_counters_json(const struct ho_stack *s, bool all, const char *pattern, char *buf, size_t cap_bytes);

/* What Prometheus reads: every counter, sockstat and limits under the names of node_exporter (node_netstat_TcpExt_ListenDrops),
 * listeners, requests and memory as halfopen_*.  The series are the same ones in both formats (docs/METRICS.md).
 * Source  OpenMetrics 1.0.0; Prometheus' text format 0.0.4; node_exporter 1.5.0. */
enum ho_metrics_format { HO_METRICS_PROMETHEUS, HO_METRICS_OPENMETRICS };
HO_API size_t ho_view_metrics(const struct ho_stack *s, enum ho_metrics_format format, char *buf, size_t cap_bytes);

/* One counter in words: its name, kind, what moves it; of those that move: what that usually means, whether it is bad, what
 * to look at next, which limits matter, since which Linux, where it comes from; where document and kernel disagree; which
 * relations speak of it.  The word of a relation ("listen-drops") gives that.
 * Gives  0 length if there is no such name. */
HO_API size_t ho_view_explain(const char *name, char *buf, size_t cap_bytes);
/* All counters by group, a line each. */
HO_API size_t ho_view_explain_list(char *buf, size_t cap_bytes);
/* How several counters are read together.  Takes  word: of one relation, or NULL: all. */
HO_API size_t ho_view_explain_relations(const char *word, char *buf, size_t cap_bytes);
/* What moved on a stack, worst first: which listeners moved it, what it means, what to look at; and of listeners that
 * dropped something what ho_view_why says. */
HO_API size_t ho_view_explain_moved(const struct ho_stack *s, char *buf, size_t cap_bytes);
/* The same as {"dropped": [a listener as in ho_view_why_json, ...], "moved": [{"counter", "value", "grade": "lost", "trouble",
 * "watch" or "fine", and but for what is fine "counts", "means", "bad", "look_at", "limits", "where": [{"listener", "value"},
 * ...]}, ...], "together": [{"word", "title", "numbers": {NAME: value, ...}}, ...]}. */
HO_API size_t ho_view_explain_moved_json(const struct ho_stack *s, char *buf, size_t cap_bytes);
/* docs/COUNTERS.md. */
HO_API size_t ho_view_explain_markdown(char *buf, size_t cap_bytes);

/* "call", "state", "queue", "retransmit", "drop", "counter"; NULL: no such kind of record. */
HO_API const char *ho_view_watch_kind(unsigned kind);
/* What happened (watch.h), a line without its end, its kind first; the time is the caller's to put before it:
 *   call       listen fd=3 backlog=1 res=0
 *   queue      198.18.0.1:40000 entered the SYN queue of 198.18.0.2:9000: length 1 limit 1 (frame 1 arrived)
 *   drop       198.18.0.1:40002 to 0.0.0.0:9000: a SYN met a full accept queue (frame 7 arrived) */
HO_API size_t ho_view_watched(const struct ho_watched *w, char *buf, size_t cap_bytes);
/* The same as a JSON object; at_ns is the stack's time. */
HO_API size_t ho_view_watched_json(const struct ho_watched *w, char *buf, size_t cap_bytes);

/* A packet rule out of iptables' words (rule.h), "INPUT -p tcp --dport 9000 -j DROP"; "-A" may stand before it:
 *   -p -s -d -i -o -f --sport --dport --tcp-flags --syn --icmp-type, each after a '!' if it must not be so
 *   -m statistic --mode random --probability P, -m statistic --mode nth --every N [--packet P]
 *   --first N (none of iptables': only the first N)
 *   -j ACCEPT, -j DROP, -j REJECT [--reject-with icmp-port-unreachable ... tcp-reset]
 * Gives  0; -EINVAL, and in why what is wrong and what would be right (why_bytes > 0). */
HO_API int ho_view_rule_parse(const char *text, struct ho_rule *out, char *why, size_t why_bytes);
/* As `iptables -S` prints it, which ho_view_rule_parse reads. */
HO_API size_t ho_view_rule(const struct ho_rule *r, char *buf, size_t cap_bytes);
/* Policies and rules of a hook (HO_HOOKS: of all), as `iptables -S`; counts: as `iptables -S -v`. */
HO_API size_t ho_view_rules(const struct ho_stack *s, enum ho_hook hook, bool counts, char *buf, size_t cap_bytes);
HO_API size_t ho_view_rules_json(const struct ho_stack *s, enum ho_hook hook, char *buf, size_t cap_bytes);

/* A route as `ip route` and `ip -j route` print it, without the end of the line. */
HO_API size_t ho_view_route(const struct ho_stack *s, const struct ho_route *r, char *buf, size_t cap_bytes);
HO_API size_t ho_view_route_json(const struct ho_stack *s, const struct ho_route *r, char *buf, size_t cap_bytes);
/* What ho_route_get gave for daddr, as `ip route get`: two lines. */
HO_API size_t ho_view_route_got(const struct ho_stack *s, uint32_t daddr, const struct ho_route *r, char *buf,
                                size_t cap_bytes);
/* A neighbour as `ip neigh` and `ip -j neigh` print it (details: as `ip -s neigh`), without the end of the line. */
HO_API size_t ho_view_neigh(const struct ho_stack *s, const struct ho_neigh *n, bool details, char *buf, size_t cap_bytes);
HO_API size_t ho_view_neigh_json(const struct ho_stack *s, const struct ho_neigh *n, bool details, char *buf,
                                 size_t cap_bytes);
/* Links and their addresses, as `ip addr` and `ip -j addr`; loopback is number 1, link 0 number 2. */
HO_API size_t ho_view_addrs(const struct ho_stack *s, char *buf, size_t cap_bytes);
HO_API size_t ho_view_addrs_json(const struct ho_stack *s, char *buf, size_t cap_bytes);

/* ---- all that can be looked at, as files: net/snmp ... net/tcpdiag, halfopen/NAME.json, sys/net/ipv4/NAME ... ---- */
#define HO_VIEW_PATH_MAX 128
/* The path of the i-th file.  Gives  false after the last. */
HO_API bool ho_view_file_path(unsigned i, char path[HO_VIEW_PATH_MAX]);
/* Gives  the bytes of a file; of those at most cap_bytes are written, texts with a NUL; -ENOENT; -EPERM, -EACCES (of sysctls:
 *        it can only be written). */
HO_API ptrdiff_t ho_view_file(const struct ho_stack *s, const char *path, void *buf, size_t cap_bytes);
/* Is it of sockets or listeners, so that making it takes the longer the more there are? */
HO_API bool ho_view_file_crowd(const char *path);
/* Gives  a sysctl's name, with slashes, if the path is of one: ho_sysctl_set writes that file; else NULL. */
HO_API const char *ho_view_file_sysctl(const char *path);

/* "ESTAB", "SYN-RECV" ... as ss says. */
HO_API const char *ho_view_state(int state);

/* "198.18.0.1:80" into a 22-byte buffer; gives the buffer.  And back: 0, -EINVAL. */
HO_API char *ho_view_endpoint(struct ho_endpoint e, char buf[22]);
HO_API int ho_view_addr_parse(const char *text, uint32_t *addr);

#ifdef __cplusplus
}
#endif
#endif
