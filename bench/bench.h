/* SPDX-License-Identifier: MIT
 * halfopen-bench: what the files of bench/ share.
 *
 * A command makes a report: rows of figures.  A figure is a cost (CPU seconds a byte, a round trip, a connection ...) or
 * a number of bytes; each round gives one sample of ours and, just before it, one of the reference, so that a machine
 * that drifts drifts under both.  Ratios are taken round by round; what is printed is the median. */
#ifndef HO_BENCH_H
#define HO_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <halfopen/halfopen.h>

#define ROUNDS_MAX 101
#define ROWS_MAX 24
#define FACTS_MAX 24

struct options {
	unsigned rounds;
	double round_s; /* of work a sample */
	bool quick;     /* smoke test: small and meaningless figures */
	bool json;
	int core;         /* everything runs there */
	const char *only; /* rows whose name holds this text; NULL: all */
};

/* How a cost is shown. */
enum unit {
	UNIT_GB_PER_S, /* cost is CPU seconds a byte, shown as 10^9 bytes a CPU second */
	UNIT_US,       /* cost is CPU seconds, shown as microseconds */
	UNIT_NS,
	UNIT_BYTES,   /* bytes, as they are */
	UNIT_MS,      /* cost is seconds of virtual time, shown as milliseconds */
	UNIT_PERCENT, /* a share of 1 */
};

enum floor_kind {
	FLOOR_NONE,
	FLOOR_TIMES_CHEAPER, /* reference / ours must be at least floor */
	FLOOR_TIMES_DEARER,  /* ours / reference must be at most floor */
	FLOOR_VALUE,         /* ours must be at most floor */
	FLOOR_RATE,          /* 1 / ours must be at least floor */
	FLOOR_SHARE,         /* ours must be at least floor */
};

struct row {
	const char *what;
	enum unit unit;
	const char *reference; /* NULL: none */
	bool dearer;           /* the ratio is ours / reference; else reference / ours */
	bool rate;             /* say 1 / ours, too: a second of CPU does that many */
	enum floor_kind floor_kind;
	double floor;
	unsigned count;
	double ours[ROUNDS_MAX], ref[ROUNDS_MAX];
};

/* A number worth saying beside the rows. */
struct fact {
	const char *name;
	double value;
};

struct report {
	const char *bench;
	struct row row[ROWS_MAX];
	unsigned rows;
	struct fact fact[FACTS_MAX];
	unsigned facts;
	const char *skipped; /* why nothing was measured; NULL */
};

struct row *report_row(struct report *r, const char *what, enum unit unit, const char *reference);
bool row_wanted(const struct options *o, const char *what);         /* --only */
void report_fact(struct report *r, const char *name, double value); /* the last value said stands */
void row_floor(struct row *w, enum floor_kind kind, double floor);
void row_sample(struct row *w, double ours, double ref);

/* ---- stats.c ---- */
struct spread {
	double median, min, max;
};
struct spread spread_of(const double *v, unsigned count);
struct spread row_ratio(const struct row *w); /* median of the rounds' ratios */
bool row_meets_floor(const struct row *w);
double unit_shown(enum unit u, double cost);
const char *unit_name(enum unit u);
void report_print(const struct report *r, const struct options *o);

/* ---- json.c ---- */
int report_print_json(const struct report *r, const struct options *o); /* 0, -1 */

/* ---- clock.c ---- */
double cpu_s(void); /* of this process, user + system */
double wall_s(void);
int core_pin(int core);      /* 0, -errno */
double softirqd_s(int core); /* CPU time of that core's ksoftirqd so far; 0 if it cannot be read */

/* ---- wire.c: two stacks and what lies between ----
 * Frames go over by reference, none is lost, each turn takes step_ns of virtual time. */
struct wire {
	struct ho_stack *end[2]; /* client 198.18.0.1, server 198.18.0.2 */
	ho_time_ns now, step_ns;
	uint64_t turns, frames;
};
#define CLIENT 0
#define SERVER 1
#define CLIENT_ADDR HO_ADDR(198, 18, 0, 1)
#define SERVER_ADDR HO_ADDR(198, 18, 0, 2)

/* What kind of link: its MTU and HO_LINK_* flags. */
struct link_kind {
	uint32_t mtu, flags;
};
int wire_open(struct wire *w, struct link_kind kind); /* 0, -errno */
void wire_close(struct wire *w);
/* One batch: fires due timers, carries all frames over and all answers back.  Gives  frames carried. */
unsigned wire_turn(struct wire *w);
void wire_settle(struct wire *w);                            /* turns until a turn carries nothing */
int wire_listen(struct wire *w, uint16_t port, int backlog); /* the server's descriptor, -errno */
/* A connection through the handshake: 0 and both descriptors, -errno. */
int wire_connect(struct wire *w, int listener, uint16_t port, int *client, int *server);
void wire_config(struct ho_stack_config *c, uint32_t addr, struct link_kind kind);

/* ---- echo.c: a server that gives back what it gets, driven by events as a real one ---- */
struct echo {
	struct wire *w;
	int listener[32];
	unsigned listeners;
	uint64_t accepted, bytes, closed;
};
#define ECHO_PORT 9000
int echo_open(struct echo *e, struct wire *w, unsigned listeners); /* ports ECHO_PORT + 0.. */
void echo_serve(struct echo *e);                                   /* takes the server's events */

/* ---- kernel.c, kernel_loopback.c: the same work on the kernel's own stack ---- */
struct kernel_run {
	double cpu_s; /* of both processes and ksoftirqd */
	double wall_s;
	uint64_t units; /* bytes, round trips, connections, messages */
};
struct kernel_shared {
	volatile double client_cpu, server_cpu, wall;
	volatile uint64_t units;
	volatile int stop;
	volatile int error; /* positive errno of whoever failed first */
};
struct kernel_work {
	/* Each runs in its own process, pinned; connected sockets are theirs to make. */
	void (*server)(struct kernel_shared *sh, int listener);
	void (*client)(struct kernel_shared *sh, uint32_t addr, uint16_t port, double seconds);
};
extern const struct kernel_work kernel_bulk, kernel_pingpong, kernel_churn, kernel_messages;
#define MESSAGES_CONNECTIONS 1000
#define MESSAGE_BYTES 64
#define CHUNK_BYTES 65536

/* Runs work on 127.0.0.1, in a fresh network namespace if that is allowed.  Gives 0, -errno. */
int kernel_loopback(const struct kernel_work *work, const struct options *o, struct kernel_run *out);
double kernel_cost(const struct kernel_run *k); /* CPU seconds a unit */
const char *kernel_congestion(void);            /* what the reference's sockets use */

int kernel_listen(uint32_t addr, uint16_t *port, int backlog); /* descriptor, -errno */
int kernel_connect(uint32_t addr, uint16_t port);              /* descriptor, -errno */
int kernel_interface_up(const char *name);                     /* 0, -errno */
struct kernel_shared *kernel_shared_map(void);

/* ---- kernel_crowd.c: many sockets of the kernel's, and what a list of the listeners among them costs (root) ---- */
struct kernel_crowd;
struct looked {
	double cpu_s, wall_s; /* < 0: it failed */
};
struct kernel_list {
	struct looked ss; /* the process `ss -ltn` */
	double dump_s;    /* CPU time of asking for all of them by netlink */
};
struct looked process_run(char *const *words); /* from fork to exit, its output thrown away */
/* At most 256 listeners a process, of which there are eight.  Gives  0, -errno. */
int kernel_crowd_open(uint32_t listeners, uint32_t connections, struct kernel_crowd **out);
int kernel_crowd_list(struct kernel_crowd *k, struct kernel_list *out); /* 0, -errno */
void kernel_crowd_close(struct kernel_crowd *k);

/* ---- host_crowd.c: the same of `halfopen host`, as a process, and of `halfopen ss -ltn` (root) ---- */
struct host_crowd;
/* At most 1024 listeners.  Gives  0, -errno: -ENOENT if the program is not where it was built. */
int host_crowd_open(uint32_t listeners, uint32_t connections, struct host_crowd **out);
struct host_list {
	struct looked ss; /* who asks */
	double host_s;    /* CPU time of the host, for it */
};
int host_crowd_list(struct host_crowd *h, struct host_list *out); /* 0, -errno */
void host_crowd_close(struct host_crowd *h);

/* ---- segment.c: packets of peers that are no stack ---- */
struct segment {
	uint32_t saddr, daddr, seq, ack;
	uint16_t sport, dport;
	uint8_t flags;    /* TCP's */
	bool syn_options; /* MSS 1460, SACK, timestamps, window scale 7: 40 bytes, as Linux sends them */
	bool timestamps;
	uint32_t ts_val, ts_ecr;
	bool request;     /* with SEGMENT_REQUEST_BYTES of payload, all zero */
};
#define SEGMENT_REQUEST_BYTES 2
#define SEGMENT_SYN 0x02
#define SEGMENT_FIN 0x01
#define SEGMENT_RST 0x04
#define SEGMENT_ACK 0x10
#define SEGMENT_BYTES 64 /* of the longest */
size_t segment_write(const struct segment *s, uint8_t out[SEGMENT_BYTES]); /* length of the IPv4 packet */
bool segment_read(const struct ho_frame *f, struct segment *out);          /* false: not TCP */

/* Frames made once and injected many times: release gives nothing back. */
struct frame_box {
	struct ho_frame *frame;
	uint8_t (*bytes)[SEGMENT_BYTES];
	unsigned count;
};
int frame_box_open(struct frame_box *b, unsigned count); /* 0, -ENOMEM */
void frame_box_close(struct frame_box *b);
struct ho_frame *frame_box_fill(struct frame_box *b, unsigned i, const struct segment *s); /* one reference */

/* The i-th of many peers: an address of 198.18.0.0/15 and a port, to SERVER_ADDR:ECHO_PORT. */
struct segment segment_peer(uint32_t i);
/* A peer connects.  Gives  0 and *peer ready for its next segment, -EPROTO if no SYN+ACK came. */
int segment_handshake(struct ho_stack *s, struct frame_box *b, struct segment *peer);
/* A request of the peer's, the same back, acknowledged.  Gives  0, -EPROTO. */
int segment_talk(struct ho_stack *s, struct frame_box *b, struct segment *peer, int fd);
/* The stack has closed: the peer acknowledges its FIN and sends its own.  Gives  0, -EPROTO if there was no FIN. */
int segment_answer_fin(struct ho_stack *s, struct frame_box *b, struct segment *peer);

/* ---- syns.c: a stack with one listener, and SYNs at it from ever new peers ----
 * Answers are taken away and counted; SYNs are built before the clock starts. */
#define SYNS_BATCH 1024
struct syns {
	struct ho_stack *s;
	struct frame_box box;
	int listener;
	ho_time_ns now, gap_ns; /* virtual time from SYN to SYN */
	uint32_t next;
	uint64_t answers;
};
/* Both queues have room for a million, but for the backlog.  al: NULL for malloc.  Gives  0, -errno. */
int syns_open(struct syns *f, int backlog, int syncookies, const struct ho_allocator *al);
void syns_close(struct syns *f);
void syns_answers_take(struct syns *f);
double syns_batch(struct syns *f, unsigned count); /* at most SYNS_BATCH; gives CPU seconds */
int syns_fill(struct syns *f, uint32_t count);     /* that many more half-open; 0, -EPROTO */
uint32_t syns_half_open(const struct syns *f);
size_t syns_allocated(const struct syns *f);

/* ---- synscale.c: what a SYN costs when many are half-open ---- */
struct row *synscale_row(struct report *r);
int synscale_round(const struct options *o, struct row *w); /* 0, -errno */

/* ---- the commands ---- */
/* Give  0 (or r->skipped set), -1 after a message on stderr. */
int bench_bulk(const struct options *o, struct report *r);
int bench_pingpong(const struct options *o, struct report *r);
int bench_churn(const struct options *o, struct report *r);
int bench_synflood(const struct options *o, struct report *r);
int bench_retransmit(const struct options *o, struct report *r);
int bench_flood(const struct options *o, struct report *r);
int bench_messages(const struct options *o, struct report *r);
int bench_attack(const struct options *o, struct report *r);
int bench_idle(const struct options *o, struct report *r);
int bench_memory(const struct options *o, struct report *r);
int bench_tun(const struct options *o, struct report *r);
int bench_look(const struct options *o, struct report *r);
int bench_forward(const struct options *o, struct report *r);

int bench_fail(const char *what, int error); /* says it on stderr; -1 */

#endif
