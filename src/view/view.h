/* SPDX-License-Identifier: MIT
 * What the files of view share. */
#ifndef HO_VIEW_INSIDE_H
#define HO_VIEW_INSIDE_H

#include <halfopen/view.h>

#include <string.h>

#include "text.h"

/* Appends a counter's value in decimal. */
void counter_value_add(struct text *t, const struct ho_stack *s, unsigned counter);

/* "204ms", "1.204sec", "59sec", "1min59sec", "119min" */
void time_words(ho_time_ns ns, char *buf, size_t cap_bytes);

/* Appends words in lines that begin at column 14; the first is there already. */
void words_wrap(struct text *t, const char *words);

/* ---- trace.c ---- */

/* Why a counter moved: why.def's sentence, or the row's own text. */
void reason_add(struct text *t, const struct ho_trace *r);
/* " (frame 7 arrived, frame 8 went out)", " (during listen())" */
void cause_add(struct text *t, const struct ho_trace *r);

/* ---- listeners.c ---- */

/* All that is known of a listener. */
struct listener {
	ho_time_ns now;
	struct ho_listener_info i;
	uint64_t sk_drops;                   /* SK_MEMINFO_DROPS */
	uint64_t cookies_good, cookies_bad;  /* SyncookiesRecv, SyncookiesFailed */
	uint64_t old_timestamps;             /* PAWSEstab: some of HO_DROP_UNACCEPTABLE */
};

/* Gives  false after the last.  Takes  *cursor: 0 to begin. */
bool listener_next(const struct ho_stack *s, uint64_t *cursor, struct listener *out);
/* "syn_accept_queue_full" */
const char *drop_name(enum ho_listen_drop cause);
/* "a SYN met a full accept queue" */
const char *drop_words(enum ho_listen_drop cause);
uint64_t drops_sum(const struct ho_listener_info *i, enum ho_listen_drop first, enum ho_listen_drop last);
/* "0.0.0.0:80" with "*" for port 0, as ss shows it. */
void endpoint_words(struct ho_endpoint e, char buf[22]);
/* {"local": ...}: everything, without the closing brace. */
void listener_json_add(struct text *t, const struct listener *l);

/* ---- why.c ---- */

/* A sentence or more, to be wrapped or quoted. */
struct words {
	struct text t;
	char buf[2048]; /* more than all sentences of a part together */
};

static inline struct text *words_begin(struct words *w)
{
	w->t = text_into(w->buf, sizeof(w->buf));
	return &w->t;
}

#define LLU(x) ((unsigned long long)(x)) /* for printf */

bool listener_has_dropped(const struct listener *l);
/* A paragraph with headings; the same as the rest of a JSON object. */
void listener_say(struct text *t, const struct listener *l);
void listener_say_json(struct text *t, const struct listener *l);

bool glob_match(const char *pattern, const char *text);

/* "on", "keepalive" ... as ss says; "" for none. */
const char *sock_timer_name(uint8_t timer);
/* As /proc/net/tcp and inet_diag number them. */
static inline uint8_t sock_timer_number(uint8_t timer)
{
	switch (timer) {
	case HO_TIMER_ON: return 1;
	case HO_TIMER_KEEPALIVE: return 2;
	case HO_TIMER_TIMEWAIT: return 3;
	case HO_TIMER_PERSIST: return 4;
	default: return 0;
	}
}

/* A half-open request: no socket yet. (A socket in SYN-RECV by simultaneous open has a descriptor.) */
static inline bool sock_is_request(const struct ho_sock_info *i)
{
	return i->state == HO_NEW_SYN_RECV || (i->state == HO_SYN_RECV && i->fd < 0);
}

static inline bool sock_is_tcp(const struct ho_sock_info *i)
{
	return i->type == HO_SOCK_STREAM;
}

/* An address as Linux's files print it: the 4 bytes as they go on the wire, read as a number of this machine. */
static inline unsigned proc_addr(uint32_t addr)
{
	const uint8_t wire[4] = {(uint8_t)(addr >> 24), (uint8_t)(addr >> 16), (uint8_t)(addr >> 8), (uint8_t)addr};
	uint32_t n;

	memcpy(&n, wire, sizeof(n));
	return n;
}

/* Time until a moment, 0 if it has passed. */
static inline ho_time_ns time_left(ho_time_ns now, ho_time_ns at)
{
	return at > now ? at - now : 0;
}

#endif
