/* SPDX-License-Identifier: MIT
 * One end of a connection as RFC 9293's states and Linux's rules of closing have it, without a packet of its own: it is
 * told what a program calls and which segments arrive, and says in which state that ends, what the call gives, whether a
 * RST answers, and what a segment that is sent may carry.  It knows no window, no timer, no retransmission, no timestamp:
 * segments are small, or far beyond any window.
 *
 * Source: RFC 9293 3.10; Linux 6.18 as experiments close_orders, sock_errors and abort_on_close have it. */
#ifndef TCP_MODEL_H
#define TCP_MODEL_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <halfopen/sock.h>

#define MODEL_BYTES 8192    /* of a stream, at most */
#define MODEL_BEYOND 500000 /* bytes behind what is expected: out of any window */

enum { M_FIN = 1, M_SYN = 2, M_RST = 4, M_ACK = 16 };
enum { M_RD = 1, M_WR = 2 };

struct model_seg {
	uint32_t seq, ack, len; /* len: of the data */
	uint8_t flags;
};

struct model {
	uint8_t state;     /* of the socket, enum ho_tcp_state; HO_CLOSE also where there is none */
	uint8_t bucket;    /* HO_FIN_WAIT2 or HO_TIME_WAIT without a socket; 0 */
	bool request;      /* half-open: HO_NEW_SYN_RECV */
	bool held, queued; /* a program has it; it waits for accept() */
	bool there;        /* the socket is in the table: segments reach it */
	bool done, linger_zero;
	uint8_t shut; /* M_RD, M_WR */
	int err;
	uint32_t iss, irs;
	uint32_t una, nxt, write; /* acknowledged, sent, written (SYN and FIN count) */
	uint32_t rcv, wup, read;  /* next one expected, told so, next one for the program */
	/* Before the segment that has just come: what its ACK lets go goes before its data is looked at, and may end it. */
	uint32_t rcv_before;
	bool there_before;
	bool has_iss, fin_known;
	uint32_t fin_seq;
	uint8_t got[MODEL_BYTES / 8]; /* bytes out of order, by their distance from irs + 1 */
};

/* What comes of a segment. */
enum { MODEL_QUIET, MODEL_RST, MODEL_EITHER };

static inline int32_t ahead(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b);
}

static inline bool in_states(const struct model *m, unsigned bits)
{
	return (1u << m->state) & bits;
}
#define S_(state) (1u << (state))

static inline bool orphaned(const struct model *m)
{
	return !m->held && !m->queued;
}

static inline uint32_t unread(const struct model *m)
{
	uint32_t end = m->done && m->fin_known && ahead(m->rcv, m->fin_seq) > 0 ? m->fin_seq : m->rcv;

	return ahead(end, m->read) > 0 ? end - m->read : 0;
}

/* ---- the end ---- */

/* No connection any more; the program's socket stays. */
static inline void model_ends(struct model *m, int err)
{
	if (err)
		m->err = err;
	m->state = HO_CLOSE;
	m->there = false;
	m->shut = M_RD | M_WR;
}

static inline void model_time_wait(struct model *m, uint8_t as)
{
	model_ends(m, 0);
	m->bucket = as;
}

static inline int model_reset_in(struct model *m)
{
	model_ends(m, m->state == HO_SYN_SENT ? ECONNREFUSED : m->state == HO_CLOSE_WAIT ? EPIPE : ECONNRESET);
	return MODEL_QUIET;
}

static inline void model_fin_out(struct model *m)
{
	m->write++;
	m->state = m->state == HO_CLOSE_WAIT ? HO_LAST_ACK : HO_FIN_WAIT1;
}

/* ---- segments ---- */

static inline void model_starts(struct model *m, uint32_t irs)
{
	m->irs = irs;
	m->rcv = m->wup = m->read = irs + 1;
	memset(m->got, 0, sizeof(m->got));
	m->fin_known = false;
}

static inline void model_data(struct model *m, const struct model_seg *t)
{
	uint32_t base = m->irs + 1, seq = t->seq + !!(t->flags & M_SYN), end = seq + t->len;

	if (ahead(end + !!(t->flags & M_FIN), m->rcv) <= 0)
		return;
	for (uint32_t at = ahead(seq, m->rcv) < 0 ? m->rcv : seq; ahead(end, at) > 0; at++)
		if (at - base < MODEL_BYTES)
			m->got[(at - base) / 8] |= (uint8_t)(1u << (at - base) % 8);
	if (t->flags & M_FIN) {
		m->fin_known = true;
		m->fin_seq = end;
	}
	while (m->rcv - base < MODEL_BYTES && m->got[(m->rcv - base) / 8] >> (m->rcv - base) % 8 & 1)
		m->rcv++;
	if (!m->fin_known || m->rcv != m->fin_seq)
		return;
	m->rcv++;
	m->shut |= M_RD;
	m->done = true;
	if (m->state == HO_ESTABLISHED)
		m->state = HO_CLOSE_WAIT;
	else if (m->state == HO_FIN_WAIT1)
		m->state = HO_CLOSING;
	else if (m->state == HO_FIN_WAIT2)
		model_time_wait(m, HO_TIME_WAIT);
}

static inline bool brings_new(const struct model *m, const struct model_seg *t)
{
	return t->len > 0 && ahead(t->seq + t->len, m->rcv) > 0;
}

/* Everything of ours is acknowledged.  Gives  MODEL_RST if that ends it badly. */
static inline int model_all_acked(struct model *m, const struct model_seg *t)
{
	switch (m->state) {
	case HO_FIN_WAIT1:
		m->state = HO_FIN_WAIT2;
		m->shut |= M_WR;
		if (!orphaned(m))
			break;
		if (brings_new(m, t)) {
			model_ends(m, 0);
			return MODEL_RST;
		}
		if (!(t->flags & M_FIN))
			model_time_wait(m, HO_FIN_WAIT2);
		break;
	case HO_CLOSING: model_time_wait(m, HO_TIME_WAIT); break;
	case HO_LAST_ACK: model_ends(m, 0); break;
	default: break;
	}
	return MODEL_QUIET;
}

static inline int model_syn_sent_in(struct model *m, const struct model_seg *t)
{
	if (t->flags & M_ACK) {
		if (ahead(t->ack, m->una) <= 0 || ahead(t->ack, m->nxt) > 0)
			return t->flags & M_RST ? MODEL_QUIET : MODEL_RST;
		if (t->flags & M_RST)
			return model_reset_in(m);
		if (!(t->flags & M_SYN))
			return MODEL_QUIET;
		model_starts(m, t->seq);
		m->una = t->ack;
		m->state = HO_ESTABLISHED;
	} else if ((t->flags & (M_SYN | M_RST)) == M_SYN) {
		model_starts(m, t->seq);
		m->state = HO_SYN_RECV;
	}
	return MODEL_QUIET;
}

static inline bool reset_fits(const struct model *m, const struct model_seg *t)
{
	return t->seq == m->rcv ||
	       (t->seq + 1 == m->rcv && in_states(m, S_(HO_CLOSE_WAIT) | S_(HO_LAST_ACK) | S_(HO_CLOSING)));
}

static inline bool behind_a_hole(const struct model *m, const struct model_seg *t)
{
	uint32_t last = t->seq - 1 - (m->irs + 1);

	if (ahead(t->seq, m->rcv) <= 0)
		return false;
	return (last < MODEL_BYTES && m->got[last / 8] >> last % 8 & 1) || (m->fin_known && t->seq == m->fin_seq + 1);
}

/* A segment for a socket (RFC 9293 3.10.7.4, RFC 5961). */
static inline int model_sock_in(struct model *m, const struct model_seg *t)
{
	uint32_t end = t->seq + t->len + !!(t->flags & M_SYN) + !!(t->flags & M_FIN);
	bool crossing;

	m->rcv_before = m->rcv;
	m->there_before = true;
	if (m->state == HO_SYN_SENT)
		return model_syn_sent_in(m, t);
	if (!(t->flags & (M_ACK | M_RST | M_SYN)))
		return MODEL_QUIET;
	if (t->flags & M_RST) {
		if (reset_fits(m, t))
			return model_reset_in(m);
		return behind_a_hole(m, t) ? MODEL_EITHER : MODEL_QUIET;
	}
	if (ahead(end, m->wup) < 0 || ahead(end, m->rcv) > MODEL_BEYOND)
		return MODEL_QUIET;
	crossing = m->state == HO_SYN_RECV && !orphaned(m) && (t->flags & M_ACK) && t->ack == m->nxt && end == m->rcv &&
	           t->seq + 1 == end;
	if (((t->flags & M_SYN) && !crossing) || !(t->flags & M_ACK))
		return MODEL_QUIET;
	if (ahead(t->ack, m->nxt) > 0)
		return m->state == HO_SYN_RECV ? MODEL_RST : MODEL_QUIET;
	if (ahead(t->ack, m->una) < 0) {
		if (m->state == HO_SYN_RECV)
			return MODEL_QUIET;
	} else {
		m->una = t->ack;
	}
	if (m->state == HO_SYN_RECV) {
		m->state = HO_ESTABLISHED;
		if (m->shut & M_WR)
			model_fin_out(m);
	} else if (m->una == m->write) {
		int r = model_all_acked(m, t);

		if (r != MODEL_QUIET || m->state == HO_CLOSE)
			return r;
	}
	if (in_states(m, S_(HO_CLOSE_WAIT) | S_(HO_CLOSING) | S_(HO_LAST_ACK)) && ahead(t->seq, m->rcv) >= 0)
		return MODEL_QUIET;
	if (m->state != HO_ESTABLISHED && (m->shut & M_RD) && brings_new(m, t)) {
		model_reset_in(m);
		return MODEL_RST;
	}
	if (in_states(m, S_(HO_ESTABLISHED) | S_(HO_FIN_WAIT1) | S_(HO_FIN_WAIT2)))
		model_data(m, t);
	return MODEL_QUIET;
}

/* A segment for a half-open request of the listener. */
static inline int model_request_in(struct model *m, const struct model_seg *t)
{
	uint32_t end = t->seq + t->len + !!(t->flags & M_SYN) + !!(t->flags & M_FIN);
	uint8_t flags = t->flags & (M_SYN | M_ACK | M_RST);

	if (t->seq == m->irs && flags == M_SYN)
		return MODEL_QUIET;
	if ((flags & (M_ACK | M_RST)) == M_ACK && t->ack != m->iss + 1)
		return MODEL_RST;
	if (t->seq != m->rcv && (ahead(end, m->rcv) <= 0 || ahead(t->seq, m->rcv) > MODEL_BEYOND))
		return MODEL_QUIET;
	if (t->seq == m->irs)
		flags &= (uint8_t)~M_SYN;
	if (flags & M_RST) {
		if (t->seq == m->rcv)
			m->request = false;
		return MODEL_QUIET;
	}
	if (flags & M_SYN) {
		m->request = false;
		return MODEL_RST;
	}
	if (!(flags & M_ACK))
		return MODEL_QUIET;
	m->request = false;
	m->there = m->queued = true;
	m->state = HO_ESTABLISHED;
	m->una = t->ack;
	m->write = m->iss + 1;
	model_data(m, t);
	return MODEL_QUIET;
}

/* A segment for a bucket.  *syn: it makes room for a new connection, if somebody listens. */
static inline int model_bucket_in(struct model *m, const struct model_seg *t, bool *syn)
{
	uint32_t end = t->seq + t->len + !!(t->flags & M_SYN) + !!(t->flags & M_FIN);

	*syn = false;
	if (m->bucket == HO_TIME_WAIT) {
		if (t->flags & M_RST) {
			if (t->seq == m->rcv)
				m->bucket = 0;
			return MODEL_QUIET;
		}
		*syn = !(t->flags & M_ACK) && (t->flags & M_SYN) && ahead(t->seq, m->rcv) > 0;
		return MODEL_QUIET;
	}
	if (t->seq != m->rcv && (ahead(end, m->rcv) <= 0 || ahead(t->seq, m->rcv) > MODEL_BEYOND))
		return MODEL_QUIET;
	if (t->flags & M_RST) {
		m->bucket = 0;
		return MODEL_QUIET;
	}
	if ((t->flags & M_SYN) && ahead(t->seq, m->rcv) >= 0) {
		m->bucket = 0;
		return MODEL_RST;
	}
	if (!(t->flags & M_ACK) || ahead(end, m->rcv) <= 0 || end == t->seq)
		return MODEL_QUIET;
	if (!(t->flags & M_FIN) || end != m->rcv + 1) {
		m->bucket = 0;
		return MODEL_RST;
	}
	m->bucket = HO_TIME_WAIT;
	m->rcv = end;
	return MODEL_QUIET;
}

/* ---- calls: each gives what the call gives ---- */

static inline int model_error_take(struct model *m)
{
	int err = m->err;

	m->err = 0;
	return -err;
}

static inline int model_connect(struct model *m)
{
	m->state = HO_SYN_SENT;
	m->there = true;
	return -EINPROGRESS;
}

static inline int model_send(struct model *m, uint32_t len)
{
	if (m->err)
		return model_error_take(m);
	if (m->shut & M_WR)
		return -EPIPE;
	if (in_states(m, S_(HO_SYN_SENT) | S_(HO_SYN_RECV)))
		return -EAGAIN;
	if (!in_states(m, S_(HO_ESTABLISHED) | S_(HO_CLOSE_WAIT)))
		return -EPIPE;
	m->write += len;
	return (int)len;
}

static inline int model_recv(struct model *m, uint32_t len)
{
	uint32_t n = unread(m);

	if (n > 0) {
		n = n < len ? n : len;
		m->read += n;
		return (int)n;
	}
	if (m->done)
		return 0;
	if (m->err)
		return model_error_take(m);
	if (m->shut & M_RD)
		return 0;
	return m->state == HO_CLOSE ? -ENOTCONN : -EAGAIN;
}

static inline int model_shutdown(struct model *m, uint8_t how)
{
	if (m->state == HO_CLOSE) {
		m->shut |= how;
		return -ENOTCONN;
	}
	if (m->state == HO_SYN_SENT) {
		model_ends(m, ECONNRESET);
		m->shut = 0;
		return 0;
	}
	m->shut |= how;
	if ((how & M_WR) && in_states(m, S_(HO_ESTABLISHED) | S_(HO_CLOSE_WAIT)))
		model_fin_out(m);
	return 0;
}

/* Gives  whether a RST leaves. */
static inline bool model_close(struct model *m)
{
	bool rst = false;

	m->held = false;
	if (m->state == HO_CLOSE)
		return false;
	if (unread(m) > 0) {
		rst = true;
		model_ends(m, 0);
	} else if (m->linger_zero) {
		rst = in_states(m, S_(HO_ESTABLISHED) | S_(HO_CLOSE_WAIT) | S_(HO_FIN_WAIT1) | S_(HO_FIN_WAIT2) |
		                           S_(HO_SYN_RECV)) ||
		      (in_states(m, S_(HO_CLOSING) | S_(HO_LAST_ACK)) && m->nxt != m->write);
		model_ends(m, 0);
	} else if (m->state == HO_SYN_SENT) {
		model_ends(m, 0);
	} else if (m->state == HO_FIN_WAIT2) {
		model_time_wait(m, HO_FIN_WAIT2);
	} else if (in_states(m, S_(HO_ESTABLISHED) | S_(HO_SYN_RECV) | S_(HO_CLOSE_WAIT))) {
		model_fin_out(m);
	}
	m->shut = M_RD | M_WR;
	return rst;
}

static inline uint32_t model_poll(const struct model *m)
{
	uint32_t mask = 0;

	if (m->shut == (M_RD | M_WR) || m->state == HO_CLOSE)
		mask |= HO_HUP;
	if (m->shut & M_RD)
		mask |= HO_IN | HO_RDHUP;
	if (!in_states(m, S_(HO_SYN_SENT) | S_(HO_SYN_RECV)))
		mask |= HO_OUT | (unread(m) > 0 ? HO_IN : 0);
	if (m->err)
		mask |= HO_ERR;
	return mask;
}

/* ---- who may send what (no RST: those are counted) ---- */
static inline const char *model_may_send(struct model *m, const struct model_seg *t)
{
	uint32_t end = t->seq + t->len + !!(t->flags & M_SYN) + !!(t->flags & M_FIN);
	bool fin_written = in_states(m, S_(HO_FIN_WAIT1) | S_(HO_FIN_WAIT2) | S_(HO_CLOSING) | S_(HO_LAST_ACK));

	if (t->flags & M_SYN) {
		bool ack = m->request || m->state != HO_SYN_SENT;

		if (m->has_iss && t->seq != m->iss)
			return "another first number";
		if (!m->request && (!m->there || (m->has_iss && m->una != m->iss)))
			return "a SYN without need";
		if (!!(t->flags & M_ACK) != ack || t->len > 0)
			return "a strange SYN";
		if (!m->has_iss)
			m->iss = m->una = t->seq, m->nxt = m->write = t->seq + 1;
		m->has_iss = true;
	} else if (!(t->flags & M_ACK)) {
		return "neither SYN nor ACK";
	} else if (!m->there && !m->there_before && !m->request && !m->bucket) {
		return "a segment of nobody";
	}
	if (t->flags & M_ACK) {
		if (t->ack != m->rcv && t->ack != m->rcv_before)
			return "an ACK of something else than what has arrived";
		m->wup = t->ack;
	}
	if (t->flags & M_SYN)
		return NULL;
	if (end != t->seq) {
		if (!m->there && !m->there_before)
			return "data or FIN without a socket";
		if (ahead(t->seq, m->iss) <= 0 || ahead(end, m->write) > 0)
			return "data that nobody wrote";
		if (m->there && (t->flags & M_FIN ? !fin_written || end != m->write : fin_written && end == m->write))
			return "a FIN where none is, or none where it is";
	} else if (ahead(t->seq, m->write) > 0) {
		return "an ACK from beyond what was written";
	}
	if (ahead(end, m->nxt) > 0)
		m->nxt = end;
	return NULL;
}

#endif
