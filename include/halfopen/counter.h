/* SPDX-License-Identifier: MIT
 * halfopen: counters, with Linux's names, and the trace that says why one moved. */
#ifndef HALFOPEN_COUNTER_H
#define HALFOPEN_COUNTER_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One value a row of counters.def, in the order of Linux 6.18's /proc/net/snmp and /proc/net/netstat.
 * HO_TcpExtListenOverflows is what nstat calls TcpExtListenOverflows. */
enum ho_counter {
#define C(group, name, kind, text) HO_##group##name,
#include "counters.def"
#undef C
	HO_COUNTER_ROWS,
	/* IcmpMsg: one counter a type and direction, printed only when not zero, as Linux does */
	HO_IcmpMsgInType = HO_COUNTER_ROWS,         /* + type 0..255 */
	HO_IcmpMsgOutType = HO_COUNTER_ROWS + 256,  /* + type 0..255 */
	HO_COUNTER_COUNT = HO_COUNTER_ROWS + 512,
};

enum ho_counter_kind {
	HO_LIVE,  /* counts */
	HO_LEVEL, /* also goes down */
	HO_FIXED, /* a constant */
	HO_LATER, /* prints 0: not counted yet */
	HO_NEVER_MOVES, /* prints 0 and cannot be otherwise: the text says why */
};

struct ho_counter_row {
	const char *group; /* "TcpExt" */
	const char *name;  /* "ListenOverflows" */
	enum ho_counter_kind kind;
	const char *text;  /* what moves it, or why nothing does */
};

/* Gives  the row of a counter 0..HO_COUNTER_ROWS-1, else NULL (IcmpMsg counters have no row). */
HO_API const struct ho_counter_row *ho_counter_row(unsigned counter);

/* Writes nstat's name ("TcpExtListenOverflows", "IcmpMsgInType8").
 * Gives  its length, -EINVAL, -ENOSPC. */
HO_API int ho_counter_name(unsigned counter, char *buf, size_t cap_bytes);

/* Gives  the counter of nstat's name, or of the bare name where only one group has it; -ENOENT. */
HO_API int ho_counter_find(const char *name);

/* Gives  a stack's value (gauges and constants included), 0 for an unknown one. */
HO_API uint64_t ho_counter_get(const struct ho_stack *s, unsigned counter);

/* What was charged to one socket: a listener always has an account, a connection if config.charge_connections.
 * Gives  the value, 0 without an account. */
HO_API uint64_t ho_counter_get_sock(const struct ho_stack *s, int fd, unsigned counter);

/* ---- trace: one record an increment ---- */

enum ho_cause { HO_CAUSE_FRAME = 1, HO_CAUSE_TIMER, HO_CAUSE_CALL };

/* Reasons beyond the row's own text: rows of why.def */
enum ho_why {
	HO_WHY_ROW, /* the row's text says it all */
#define W(name, text) HO_WHY_##name,
#include "why.def"
#undef W
	HO_WHY_COUNT,
};

struct ho_trace {
	ho_time_ns at;
	uint64_t number;        /* of the record, from 1; a gap means that records were lost (trace_max) */
	uint16_t counter;       /* enum ho_counter */
	uint8_t cause;          /* enum ho_cause */
	uint8_t why;            /* enum ho_why */
	int32_t delta;
	uint64_t frame_in;      /* cause frame: its id; else 0 */
	uint64_t frame_out;     /* the frame being sent when the counter moved: its id; else 0 */
	const char *what;       /* cause timer or call: its name ("syn+ack timer", "connect"), a string that lives for ever */
	uint32_t a, b;          /* the numbers that why's text speaks of */
	int32_t fd;             /* of the listener or connection concerned; -1 if it has none */
	uint8_t state;          /* enum ho_tcp_state of that socket, 0 if none */
	struct ho_endpoint local, peer; /* of that socket; zero if none */
};

/* Takes the oldest record.  Gives  false if there is none. */
HO_API bool ho_trace_next(struct ho_stack *s, struct ho_trace *out);

/* Says a record in one sentence for people: "ListenOverflows +1: the SYN from 198.18.0.1:40000 met a full accept queue
 * (2 of limit 1+1) of listener 0.0.0.0:9000".
 * Gives  the length (cut to cap). */
HO_API size_t ho_trace_say(const struct ho_trace *t, char *buf, size_t cap_bytes);

#ifdef __cplusplus
}
#endif
#endif
