/* SPDX-License-Identifier: MIT
 * lab, inside: what the rooms of the lab share.  One run of one experiment in one world is a struct lab.
 *
 *     lab.c      which experiments, in which worlds, in which order; the exit status
 *     engine.c   the Lua state and the tasks: who waits for what
 *     api_*.c    the C functions that prelude.lua makes its objects from
 *     net.c      which hosts there are, how their links are joined, the routes that follow from that
 *     world_*.c  the two worlds behind struct lab_world_ops
 *     wire.c     a packet enters the wire: rule, trace, capture - the same for both worlds
 *     ladder.c   packets and what they moved; tracks.c: queues and sockets over time; both for the pages of page.c
 *     publish.c  an experiment's hosts as files, for nstat, ss ...
 *     sums.c     what must hold of the counters after every run
 *     json.c     values of Lua as JSON; report.c  the tables for people */
#ifndef HALFOPEN_LAB_INSIDE_H
#define HALFOPEN_LAB_INSIDE_H

#include <jansson.h>
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "halfopen/halfopen.h"
#include "halfopen/port.h"
#include "lab.h"

#define LAB_HOSTS_MAX 8
#define LAB_WIRES_MAX 16
#define LAB_ENDS_MAX (2 * LAB_WIRES_MAX)
#define LAB_LINKS_MAX 8 /* of a host */
#define LAB_NAME_MAX 16 /* of a host, with the NUL */
#define LAB_ROUTES_MAX LAB_WIRES_MAX
#define LAB_FRAME_MAX 65535
#define LAB_COPIES_MAX 16

struct lab;
struct lab_world;
struct lab_ladder;

/* ---- counters ---- */
struct lab_counter {
	char name[64]; /* nstat's */
	int64_t value;
};
struct lab_counters {
	struct lab_counter *row; /* in the order of /proc/net/snmp, then netstat */
	size_t count, cap;
};
void lab_counters_add(struct lab_counters *c, const char *name, int64_t value);
void lab_counters_free(struct lab_counters *c);
const struct lab_counter *lab_counters_find(const struct lab_counters *c, const char *name, size_t hint);
/* new - old, non-zero ones, as a JSON object in the order of new. */
json_t *lab_counters_diff(const struct lab_counters *old, const struct lab_counters *new);

/* ---- the network ---- */
struct lab_end { /* of a wire.  Ends 2n and 2n + 1 are those of wire n: what enters at end e comes out at e ^ 1 */
	int host; /* -1: nobody is there */
	int link; /* of the host */
	uint32_t addr;
};

struct lab_net {
	int host_count, wire_count;
	struct {
		char name[LAB_NAME_MAX];
		bool forwards;
		int link_count;
		int end[LAB_LINKS_MAX]; /* of each link */
	} host[LAB_HOSTS_MAX];
	struct lab_end end[LAB_ENDS_MAX];
	struct {
		uint32_t net;
		int prefix_len;
		uint32_t mtu;
		bool offload; /* super-frames of TCP, checksums not filled in */
	} wire[LAB_WIRES_MAX];
	bool declared; /* by the experiment */
};

/* A and B, and a wire between them. */
void lab_net_default(struct lab_net *n);
/* Gives  the host's number, or -1: there are LAB_HOSTS_MAX, or the name is taken. */
int lab_net_host_add(struct lab_net *n, const char *name);
/* Joins new links of two hosts; b may be -1.  The first gets the net's first address, the second the second.
 * Gives  the wire's number, or -1: no room. */
int lab_net_wire_add(struct lab_net *n, int a, int b, uint32_t net, int prefix_len, uint32_t mtu);
/* Gives  the end at that link of a host, or -1. */
int lab_net_end(const struct lab_net *n, int host, int link);
/* "A", or "-" where nobody is. */
const char *lab_net_name(const struct lab_net *n, int end);
/* The routes of a host to where it is not: of one that forwards, to each network; of another, the default route.
 * Gives  how many. */
int lab_net_routes(const struct lab_net *n, int host, struct ho_route r[LAB_ROUTES_MAX]);

/* ---- worlds ---- */
enum lab_sock_kind { LAB_SOCK_TCP, LAB_SOCK_UDP, LAB_SOCK_PING, LAB_SOCK_RAW };

struct lab_want { /* a socket that somebody waits for */
	int host, fd;
	uint32_t mask; /* HO_IN ..., or LAB_CLOSED */
};
#define LAB_CLOSED UINT32_C(0x80000000) /* fd is the name of a close() that waits: it is over */

/* All verbs give >= 0 or a negative errno; none blocks.  Hosts and ends of wires have their numbers in struct lab_net. */
struct lab_world_ops {
	const char *name; /* "stack", "kernel" */
	int (*open)(struct lab *l, struct lab_world **out, char *why, size_t why_cap);
	void (*close)(struct lab_world *w);
	ho_time_ns (*now)(struct lab_world *w); /* since the world began */

	/* Lets the world go on until something has happened (a packet, a socket) or until the time.
	 * Gives  0; -EDEADLK: nothing will ever happen again and there is no end to the wait. */
	int (*wait)(struct lab_world *w, ho_time_ns until, const struct lab_want *want, int want_count);

	int (*sysctl_get)(struct lab_world *w, int host, const char *name, char *buf, size_t cap);
	int (*sysctl_set)(struct lab_world *w, int host, const char *name, const char *value);
	int (*sockstat)(struct lab_world *w, int host, char *buf, size_t cap); /* as /proc/net/sockstat */
	int (*counters)(struct lab_world *w, int host, struct lab_counters *out);
	int (*rows)(struct lab_world *w, int host, struct ho_sock_info **out, size_t *count); /* TCP; free() them */

	int (*sock_open)(struct lab_world *w, int host, enum lab_sock_kind kind, int protocol); /* protocol: of raw ones */
	int (*bind)(struct lab_world *w, int host, int fd, struct ho_endpoint local);
	int (*listen)(struct lab_world *w, int host, int fd, int backlog);
	int (*accept)(struct lab_world *w, int host, int fd, struct ho_endpoint *peer);
	int (*connect)(struct lab_world *w, int host, int fd, struct ho_endpoint peer);
	ptrdiff_t (*send)(struct lab_world *w, int host, int fd, const void *buf, size_t len, int flags);
	ptrdiff_t (*recv)(struct lab_world *w, int host, int fd, void *buf, size_t len, int flags);
	ptrdiff_t (*sendto)(struct lab_world *w, int host, int fd, const void *buf, size_t len, int flags,
	                    struct ho_endpoint to);
	ptrdiff_t (*recvfrom)(struct lab_world *w, int host, int fd, void *buf, size_t len, struct ho_endpoint *from);
	ptrdiff_t (*recv_error)(struct lab_world *w, int host, int fd, struct ho_sock_error *e, void *buf, size_t len);
	int (*disconnect)(struct lab_world *w, int host, int fd);
	int (*shutdown)(struct lab_world *w, int host, int fd, int how);
	int (*close_sock)(struct lab_world *w, int host, int fd); /* above 0: SO_LINGER, the name of what waits */
	int (*close_waits)(struct lab_world *w, int host, int closing); /* 1, or 0: it is closed, and has no name any more */
	int (*blocking)(struct lab_world *w, int host, int fd); /* the kernel: without O_NONBLOCK from now on */
	int (*setopt)(struct lab_world *w, int host, int fd, int level, int name, const void *val, size_t len);
	int (*getopt)(struct lab_world *w, int host, int fd, int level, int name, void *val, size_t *len);
	uint32_t (*poll)(struct lab_world *w, int host, int fd);
	int (*sock_name)(struct lab_world *w, int host, int fd, struct ho_endpoint *local);
	int (*sock_peer)(struct lab_world *w, int host, int fd, struct ho_endpoint *peer);
	int (*inq)(struct lab_world *w, int host, int fd);
	int (*outq)(struct lab_world *w, int host, int fd);

	int (*inject)(struct lab_world *w, int to_end, const void *packet, size_t len, ho_time_ns delay);
	/* delay: extra, rate: bits per second or 0; of the direction that enters at from_end */
	int (*wire_set)(struct lab_world *w, int from_end, ho_time_ns delay, uint64_t rate_bps);
	int (*egress_set)(struct lab_world *w, int host, uint64_t rate_bps, uint32_t burst); /* of link 0; rate 0: none */
	int (*rule_add)(struct lab_world *w, int host, const struct ho_rule *r);
	int (*rule_clear)(struct lab_world *w, int host);
	int (*route_add)(struct lab_world *w, int host, const struct ho_route *r);
	int (*route_del)(struct lab_world *w, int host, const struct ho_route *r);
	int (*route_get)(struct lab_world *w, int host, uint32_t daddr, struct ho_route *out); /* link, gateway, src */
	int (*addr_add)(struct lab_world *w, int host, const struct ho_addr *a);
	int (*addr_del)(struct lab_world *w, int host, const struct ho_addr *a);

	void (*phase_begin)(struct lab_world *w);
	json_t *(*phase_whys)(struct lab_world *w);            /* [{"host","counter","times","said"}], or NULL */
	void (*describe)(struct lab_world *w, json_t *result); /* seed, digest ... */
};
extern const struct lab_world_ops lab_world_stack;
extern const struct lab_world_ops lab_world_kernel;
/* A host of the stack's world. */
struct ho_stack *lab_stack_of(struct lab_world *w, int host);

/* ---- packets ---- */
enum { LAB_FIN = 1, LAB_SYN = 2, LAB_RST = 4, LAB_PSH = 8, LAB_ACK = 16, LAB_URG = 32, LAB_ECE = 64, LAB_CWR = 128 };

struct lab_seg { /* a parsed IPv4 packet; the pointers lie in it */
	uint32_t src, dst;
	uint8_t tos, ttl, proto;
	uint16_t tot, id, frag;
	const uint8_t *l4;
	size_t l4_len;
	bool tcp; /* the fields below hold */
	uint16_t sport, dport, win, urg;
	uint32_t seq, ack;
	uint8_t flags;
	const uint8_t *opts, *data;
	size_t opts_len, data_len;
	uint8_t type, code; /* ICMP */
};
bool lab_seg_parse(const void *bytes, size_t len, struct lab_seg *s);
uint16_t lab_csum(const void *bytes, size_t len, uint32_t start);
/* Writes the header (checksum included) in front of a payload that is already there.  Takes  at: 20 bytes of room. */
void lab_ip_emit(uint8_t *at, const struct lab_seg *s, size_t payload_len);
void lab_tcp_csum_fill(uint8_t *l4, size_t len, uint32_t src, uint32_t dst, bool bad);
uint8_t lab_flags_parse(const char *text); /* "S." */
void lab_flags_text(uint8_t flags, char buf[9]);

struct lab_flow {
	int wire;
	uint32_t src, dst;
	uint16_t sport, dport;
	uint32_t isn;
	uint32_t max_seq, data_count;
	bool has_max;
};
struct lab_packet { /* one that entered the wire */
	ho_time_ns at;
	int from;     /* the end at which it entered */
	bool fresh;   /* carries data that was not seen before */
	uint32_t nth; /* the how manieth fresh one of its direction */
	uint32_t len;
	uint8_t *bytes;
};
struct lab_wire {
	struct lab_packet *packet;
	size_t count, cap;
	uint64_t seen; /* all, also those that were not kept */
	struct lab_flow *flow;
	size_t flow_count, flow_cap;
	json_t *lines;
	int rule_ref; /* Lua function or LUA_NOREF */
	lua_State *rule_thread;
	bool in_rule; /* it is being asked, and may inject */
	uint8_t *copy[LAB_COPIES_MAX];
};

struct lab_verdict { /* what the rule orders */
	int count;   /* -1: pass; 0: drop; else this many copies */
	struct {
		ho_time_ns delay;
		const uint8_t *bytes;
		size_t len;
	} item[LAB_COPIES_MAX];
};
/* A packet enters the wire at an end: asks the rule, notes the trace.  The verdict holds until the next call. */
void lab_wire_pass(struct lab *l, int from_end, const void *bytes, size_t len, struct lab_verdict *v);
/* A raw packet is put on the wire towards an end. */
void lab_wire_injected(struct lab *l, int to_end, const void *bytes, size_t len);
/* A packet as a line of the trace has it, without time and hosts. */
void lab_wire_say(struct lab *l, int wire, const struct lab_seg *s, char *buf, size_t cap);
void lab_wire_free(struct lab *l);
/* The packet as the table that rules and searches see. */
void lab_push_packet(lua_State *L, const struct lab_net *n, const struct lab_packet *p, const void *bytes, size_t len);

/* ---- captures ---- */
struct lab_pcap {
	struct ho_pcapng *file;
	int interface[LAB_WIRES_MAX]; /* one more than its number; 0: not yet in the file */
};
/* comments may be NULL */
void lab_pcap_packet(struct lab *l, int wire, ho_time_ns at, const void *bytes, size_t len, const char *const *comments,
                     int count);

/* ---- a run ---- */
struct lab_task {
	lua_State *co;
	int ref;
	bool done, waits, woken_by_event;
	ho_time_ns until; /* HO_NEVER: no end */
	bool for_sock, for_packet;
	struct lab_want want;
	uint64_t packets_seen;
	struct lab_task *next;
};

struct lab {
	const struct lab_run_options *opt;
	const char *name;
	const struct lab_world_ops *ops;
	struct lab_world *world;
	struct lab_net net, wanted; /* of the world; as the script declares it */
	bool begun; /* it is too late for another network */
	lua_State *L;
	struct lab_task *tasks;
	struct lab_task *running;
	struct lab_wire wire;
	struct lab_pcap *pcap;
	struct lab_ladder *ladder; /* NULL: nobody draws it */
	uint64_t seed;
	double settle_s, limit_s;
	json_t *phases, *observations, *failures;
	bool in_phase, progress;
	uint32_t generations; /* HO_LINUX_*: the script wants to be seen as this older kernel, too; 0 */
	char *not_here;       /* why this world cannot run the script, or NULL */
	json_t *phase;
	struct lab_counters before[LAB_HOSTS_MAX];
	char *fatal; /* the script went wrong */
	ho_time_ns progress_at, wall_start;
};

/* Runs one experiment.  Gives  the result.  *status: 0, 1 failed, 2 does not compile.
 * Takes  kept: NULL, or where the run is left as it ended, for lab_run_free. */
json_t *lab_experiment_run(const struct lab_run_options *o, const char *name, const char *text,
                           const struct lab_world_ops *ops, struct lab_pcap *pcap, bool progress, int *status,
                           struct lab **kept);
void lab_run_free(struct lab *l); /* NULL is fine */
/* Counters that contradict each other become failures. */
void lab_sums_check(struct lab *l);
/* Makes the world of l->net, in the place of the one that there was.  Gives  0, or -1: a fatal error. */
int lab_world_make(struct lab *l);
void lab_fatal(struct lab *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* "3.10" of HO_LINUX_3_10, and the reverse: 0 if it is none. */
const char *lab_linux_name(uint32_t profile);
uint32_t lab_linux_of(const char *name);

struct lab *lab_of(lua_State *L);
int lab_give(lua_State *L, ptrdiff_t r); /* r >= 0: the integer; else nil, message, name */
void lab_api_sock(lua_State *L);         /* each adds its functions to the table on top */
void lab_api_host(lua_State *L);
void lab_api_wire(lua_State *L);
void lab_api_net(lua_State *L);
void lab_api_phase(lua_State *L);
int lab_check_host(lua_State *L); /* argument 1; from here on the network stays as it is */
uint32_t lab_check_addr(lua_State *L, int arg);
void lab_push_addr(lua_State *L, uint32_t addr);
ho_time_ns lab_ns(double seconds);

json_t *lab_json_of(lua_State *L, int idx, int depth);

/* ---- what is built into the program ---- */
struct lab_file {
	const char *name, *text;
};
extern const struct lab_file lab_experiments[]; /* ends with a NULL name */
extern const struct lab_file lab_recordings[];  /* JSON: tests/data/recorded */
extern const struct lab_file lab_page_files[]; /* page.html, page.css, page.js, ... by these names */
extern const char lab_prelude[];

/* ---- reports ---- */
/* The recording of an experiment or NULL; the caller's. */
json_t *lab_recording(const char *name);
/* Why a counter may differ between stack and kernel: a row of differences.def, or NULL. */
const char *lab_difference(const char *experiment, const char *phase, const char *host, const char *counter);
/* Prints tables.  stack and kernel may be NULL (not run); recording: what the kernel did once, or NULL; old: what the stack
 * did as an older Linux, or NULL.
 * Gives  how many counters differ without a reason. */
int lab_report(FILE *out, const char *name, const json_t *stack, const json_t *kernel, const json_t *recording,
               const json_t *old);
/* The rows of those tables: [{"phase", "host", "counter", "stack", "kernel", "old", "document", "mark", "note"}], what is not
 * known left out.  *open counts as lab_report does. */
json_t *lab_rows(const char *name, const json_t *stack, const json_t *kernel, const json_t *recording, const json_t *old,
                 int *open);
/* Several runs on the kernel: counters that were not the same in all go into the first one's phases, as "nondeterministic". */
void lab_runs_merge(json_t *const run[], int count);
/* [{"phase","host","counter","stack","kernel","reason"}]; *open counts those without a reason. */
json_t *lab_differences(const char *name, const json_t *stack, const json_t *kernel, const json_t *recording,
                        int *open);

/* ---- hosts as files ---- */
struct lab_publish;

/* Makes the directory, if it is not there.  Gives  0, -errno. */
int lab_publish_open(const char *dir, struct lab_publish **out);
/* Shows each host of a run on the stack in DIR/NAME, until a signal or a line on the standard input.  Gives  0, or 2: it has
 * said on err what is wrong. */
int lab_publish_run(struct lab_publish *p, struct lab *l, FILE *err);
/* The directory goes, if it was made.  NULL is fine. */
void lab_publish_close(struct lab_publish *p);

#endif
