/* SPDX-License-Identifier: MIT
 * Sockets as inet_diag tells of them: what `ss` reads out of TCPDIAG_FILE.
 * Source  Linux 6.18 net/ipv4/inet_diag.c, tcp_diag.c; attributes, their order and lengths as read from a running kernel. */
#include <string.h>

#include <halfopen/diag.h>

#include "view.h"

#define SOCK_DIAG_BY_FAMILY 20
#define NLMSG_DONE 3
#define NLM_F_MULTI 2
#define NLMSG_HEADER_BYTES 16
#define INET_FAMILY 2

enum { /* INET_DIAG_* */
	ATTR_MEMINFO = 1,
	ATTR_INFO = 2,
	ATTR_CONG = 4,
	ATTR_TOS = 5,
	ATTR_SKMEMINFO = 7,
	ATTR_SHUTDOWN = 8,
	ATTR_MARK = 15,
	ATTR_BBRINFO = 16,
	ATTR_CLASS_ID = 17,
	ATTR_SOCKOPT = 22,
};

/* struct inet_diag_msg; ports and addresses in network order. */
struct diag_msg {
	uint8_t family, state, timer, retrans;
	uint8_t sport[2], dport[2], src[16], dst[16];
	uint32_t interface, cookie[2];
	uint32_t expires_ms, rqueue, wqueue, uid, inode;
};

struct nlmsg {
	uint32_t len_bytes;
	uint16_t type, flags;
	uint32_t seq, pid;
};

/* The largest: header, row, nine attributes. */
#define MESSAGE_MAX 640

struct message {
	union {
		struct nlmsg head;
		uint8_t bytes[MESSAGE_MAX];
	};
	uint32_t used;
};

/* ---- one message ---- */

static void put(struct message *m, const void *what, size_t bytes)
{
	memcpy(m->bytes + m->used, what, bytes);
	m->used += (uint32_t)bytes;
}

static void attr_put(struct message *m, uint16_t type, const void *what, size_t bytes)
{
	static const uint8_t zeros[4];
	const uint16_t head[2] = {(uint16_t)(sizeof(head) + bytes), type};

	put(m, head, sizeof(head));
	put(m, what, bytes);
	put(m, zeros, -bytes & 3);
}

static void addr_put(uint8_t to[16], uint32_t addr)
{
	for (unsigned i = 0; i < 4; i++)
		to[i] = (uint8_t)(addr >> (24 - 8 * i));
}

static void port_put(uint8_t to[2], uint16_t port)
{
	to[0] = (uint8_t)(port >> 8);
	to[1] = (uint8_t)port;
}

static void row_put(struct message *m, ho_time_ns now, const struct ho_sock_detail *d)
{
	const struct ho_sock_info *i = &d->row;
	struct diag_msg r = {
		.family = INET_FAMILY,
		.state = sock_is_request(i) ? HO_SYN_RECV : i->state,
		.timer = sock_timer_number(i->timer),
		.retrans = i->retransmits,
		.cookie[0] = d->cookie,
		.expires_ms = i->timer != HO_TIMER_NONE ? (uint32_t)(time_left(now, i->timer_at) / HO_MS) : 0,
		.rqueue = i->recv_q,
		.wqueue = i->send_q,
	};

	addr_put(r.src, i->local.addr);
	addr_put(r.dst, i->peer.addr);
	port_put(r.sport, i->local.port);
	port_put(r.dport, i->peer.port);
	put(m, &r, sizeof(r));
}

static void memory_put(struct message *m, const struct ho_sock_info *i)
{
	const uint32_t few[4] = {i->rmem_alloc, i->wmem_queued, i->fwd_alloc, i->wmem_alloc};
	const uint32_t all[9] = {i->rmem_alloc, i->rcvbuf,      i->wmem_alloc, i->sndbuf,
	                         i->fwd_alloc,  i->wmem_queued, 0, /* options */
	                         0, /* backlog: no socket is ever locked */
	                         (uint32_t)i->drops};

	attr_put(m, ATTR_MEMINFO, few, sizeof(few));
	attr_put(m, ATTR_SKMEMINFO, all, sizeof(all));
}

static void attrs_put(struct message *m, const struct ho_sock_detail *d)
{
	/* recverr, is_icsk; mc_loop and mc_all, which are on unless a program turns them off */
	const uint8_t options[2] = {(uint8_t)((d->recverr ? 1 : 0) | 0x52), 0};
	const uint32_t nothing = 0;

	if (d->socket) {
		attr_put(m, ATTR_SHUTDOWN, &d->shutdown, sizeof(d->shutdown));
		attr_put(m, ATTR_TOS, &d->tos, sizeof(d->tos));
	}
	attr_put(m, ATTR_MARK, &nothing, sizeof(nothing));
	if (!d->socket)
		return;
	attr_put(m, ATTR_CLASS_ID, &nothing, sizeof(nothing));
	attr_put(m, ATTR_SOCKOPT, options, sizeof(options));
	memory_put(m, &d->row);
	attr_put(m, ATTR_INFO, &d->tcp, sizeof(d->tcp));
	attr_put(m, ATTR_CONG, d->congestion, strlen(d->congestion) + 1);
	if (d->bbr_known)
		attr_put(m, ATTR_BBRINFO, &d->bbr, sizeof(d->bbr));
}

static void message_make(struct message *m, ho_time_ns now, const struct ho_sock_detail *d)
{
	m->head = (struct nlmsg){.type = SOCK_DIAG_BY_FAMILY, .flags = NLM_F_MULTI};
	m->used = NLMSG_HEADER_BYTES;
	row_put(m, now, d);
	attrs_put(m, d);
	m->head.len_bytes = m->used;
}

/* ---- a file of them ---- */

struct file {
	uint8_t *to;
	size_t cap_bytes, len_bytes;
};

static void message_add(struct file *f, const struct message *m)
{
	if (f->len_bytes + m->used <= f->cap_bytes)
		memcpy(f->to + f->len_bytes, m->bytes, m->used);
	else
		f->cap_bytes = 0; /* no message behind one that is missing */
	f->len_bytes += m->used;
}

/* A socket in CLOSE is in none of Linux's tables. */
static bool row_wanted(const struct ho_sock_info *i, uint32_t states)
{
	unsigned state = sock_is_request(i) ? HO_SYN_RECV : i->state;

	return sock_is_tcp(i) && state != HO_CLOSE && states >> state & 1;
}

size_t ho_view_tcpdiag(const struct ho_stack *s, uint32_t states, void *buf, size_t cap_bytes)
{
	struct file f = {.to = buf, .cap_bytes = cap_bytes};
	ho_time_ns now = ho_stack_now(s);
	struct ho_sock_detail d;
	struct message m;
	uint64_t cursor = 0;

	while (states >> HO_LISTEN & 1 && ho_sock_next_listener_detail(s, &cursor, &d)) {
		message_make(&m, now, &d);
		message_add(&f, &m);
	}
	cursor = 0;
	while (states & ~(1u << HO_LISTEN) && ho_sock_next_detail(s, &cursor, &d)) {
		if (d.row.state == HO_LISTEN || !row_wanted(&d.row, states))
			continue;
		message_make(&m, now, &d);
		message_add(&f, &m);
	}
	m.head = (struct nlmsg){.len_bytes = NLMSG_HEADER_BYTES + 4, .type = NLMSG_DONE, .flags = NLM_F_MULTI};
	memset(m.bytes + NLMSG_HEADER_BYTES, 0, 4);
	m.used = NLMSG_HEADER_BYTES + 4;
	message_add(&f, &m);
	return f.len_bytes;
}
