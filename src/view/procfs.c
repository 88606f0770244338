/* SPDX-License-Identifier: MIT
 * The text of Linux's files under /proc/net: snmp, netstat, sockstat, tcp.
 * Source  Linux 6.18 net/ipv4/proc.c, net/ipv4/tcp_ipv4.c (tcp4_seq_show); the formats as read from a running kernel. */
#include <string.h>

#include "view.h"

/* ---- snmp, netstat: a line of names and a line of values for each group ---- */

/* The first row after those of the group that begins at first. */
static unsigned group_end(unsigned first)
{
	const char *group = ho_counter_row(first)->group;
	unsigned i = first + 1;

	while (i < HO_COUNTER_ROWS && strcmp(ho_counter_row(i)->group, group) == 0)
		i++;
	return i;
}

/* Gives  the first row after the group. */
static unsigned group_add(struct text *t, const struct ho_stack *s, unsigned first)
{
	unsigned end = group_end(first);

	text_add(t, "%s:", ho_counter_row(first)->group);
	for (unsigned i = first; i < end; i++)
		text_add(t, " %s", ho_counter_row(i)->name);
	text_add(t, "\n%s:", ho_counter_row(first)->group);
	for (unsigned i = first; i < end; i++) {
		text_add(t, " ");
		counter_value_add(t, s, i);
	}
	text_add(t, "\n");
	return end;
}

#define ICMPMSG_A_LINE 16

static void icmpmsg_line_add(struct text *t, const struct ho_stack *s, const unsigned *counters, unsigned count)
{
	char name[64];

	text_add(t, "IcmpMsg:");
	for (unsigned i = 0; i < count; i++) {
		if (ho_counter_name(counters[i], name, sizeof(name)) > 0)
			text_add(t, " %s", name + strlen("IcmpMsg"));
	}
	text_add(t, "\nIcmpMsg:");
	for (unsigned i = 0; i < count; i++) {
		text_add(t, " ");
		counter_value_add(t, s, counters[i]);
	}
	text_add(t, "\n");
}

/* Only types that have been seen, 16 a pair of lines; no line if there are none. */
static void icmpmsg_add(struct text *t, const struct ho_stack *s)
{
	unsigned seen[ICMPMSG_A_LINE];
	unsigned count = 0;

	for (unsigned c = HO_IcmpMsgInType; c < HO_COUNTER_COUNT; c++) {
		if (ho_counter_get(s, c) != 0)
			seen[count++] = c;
		if (count == ICMPMSG_A_LINE) {
			icmpmsg_line_add(t, s, seen, count);
			count = 0;
		}
	}
	if (count > 0)
		icmpmsg_line_add(t, s, seen, count);
}

size_t ho_view_snmp(const struct ho_stack *s, char *buf, size_t cap_bytes)
{
	struct text t = text_into(buf, cap_bytes);

	for (unsigned i = 0; i < HO_TcpExtSyncookiesSent;) {
		if (i == HO_TcpRtoAlgorithm)
			icmpmsg_add(&t, s);
		i = group_add(&t, s, i);
	}
	return t.len_bytes;
}

size_t ho_view_netstat(const struct ho_stack *s, char *buf, size_t cap_bytes)
{
	struct text t = text_into(buf, cap_bytes);

	for (unsigned i = HO_TcpExtSyncookiesSent; i < HO_COUNTER_ROWS;)
		i = group_add(&t, s, i);
	return t.len_bytes;
}

/* ---- sockstat ---- */

struct sockstat {
	uint32_t all;      /* sockets of any kind: no requests, no buckets */
	uint32_t tcp_rows; /* everything TCP that is no request: sockets and buckets */
	uint32_t tcp_idle; /* in no table: CLOSE */
	uint32_t raw;
};

static struct sockstat sockstat_of(const struct ho_stack *s)
{
	struct sockstat st = {0};
	struct ho_sock_info i;
	uint64_t cursor = 0;

	while (ho_sock_next(s, &cursor, &i)) {
		if (sock_is_request(&i))
			continue;
		st.all++;
		if (i.type == HO_SOCK_RAW)
			st.raw++;
		if (!sock_is_tcp(&i))
			continue;
		st.tcp_rows++;
		if (i.state == HO_CLOSE)
			st.tcp_idle++;
	}
	return st;
}

size_t ho_view_sockstat(const struct ho_stack *s, char *buf, size_t cap_bytes)
{
	struct text t = text_into(buf, cap_bytes);
	struct sockstat st = sockstat_of(s);
	struct ho_memory m;
	uint32_t tcp, buckets;

	/* A bucket in FIN-WAIT-2 looks like an orphan in FIN-WAIT-2, row by row: the stack's own count tells how many. */
	ho_stack_memory(s, &m);
	buckets = m.timewaits < st.tcp_rows ? m.timewaits : st.tcp_rows;
	tcp = st.tcp_rows - buckets;
	text_add(&t, "sockets: used %u\n", st.all - buckets);
	text_add(&t, "TCP: inuse %u orphan %u tw %u alloc %u mem %u\n", tcp > st.tcp_idle ? tcp - st.tcp_idle : 0,
	         m.orphans, m.timewaits, tcp, m.tcp_pages);
	text_add(&t, "UDP: inuse %u mem %u\n", m.udp_ports, m.udp_pages);
	text_add(&t, "UDPLITE: inuse 0\n");
	text_add(&t, "RAW: inuse %u\n", st.raw);
	text_add(&t, "FRAG: inuse %u memory %llu\n", m.frag_queues, LLU(m.frag_bytes));
	return t.len_bytes;
}

/* ---- tcp ---- */

#define TCP_LINE_BYTES 149 /* padded with spaces to this width, then a newline */
#define CLOCK_TICK_NS UINT64_C(10000000) /* USER_HZ is 100 */

static char *endpoint_put(char *to, struct ho_endpoint e)
{
	to = hex_put(to, proc_addr(e.addr), 8);
	*to++ = ':';
	to = hex_put(to, e.port, 4);
	*to++ = ' ';
	return to;
}

static char *pair_put(char *to, uint64_t a, unsigned digits, uint64_t b)
{
	to = hex_put(to, a, digits);
	*to++ = ':';
	to = hex_put(to, b, 8);
	*to++ = ' ';
	return to;
}

/* Retransmission timeout, delayed ACK, quick ACKs, window, threshold. */
static char *tcp_tail_put(char *to, const struct ho_sock_info *i)
{
	const uint32_t values[] = {i->rto_ms / 10, i->ato_ms / 10, i->quick_pingpong, i->snd_cwnd};

	for (unsigned k = 0; k < sizeof(values) / sizeof(*values); k++) {
		*to++ = ' ';
		to = dec_put(to, values[k], 1);
	}
	*to++ = ' ';
	if (i->snd_ssthresh < 0)
		*to++ = '-';
	return dec_put(to, i->snd_ssthresh < 0 ? (uint64_t)-(int64_t)i->snd_ssthresh : (uint64_t)i->snd_ssthresh, 1);
}

/* Written by hand: there may be a million rows. */
static void tcp_row_add(struct text *t, const struct ho_stack *s, const struct ho_sock_info *i, unsigned number)
{
	static const char nobody[] = "    0        0 ", listener_tail[] = " 100 0 0 10 0";
	unsigned timer = sock_timer_number(i->timer);
	ho_time_ns left = timer != 0 ? time_left(ho_stack_now(s), i->timer_at) : 0;
	bool request = sock_is_request(i);
	char row[TCP_LINE_BYTES + 64], *to = dec_put(row, number, 4);

	*to++ = ':';
	*to++ = ' ';
	to = endpoint_put(to, i->local);
	to = endpoint_put(to, i->peer);
	to = hex_put(to, request ? HO_SYN_RECV : i->state, 2);
	*to++ = ' ';
	to = pair_put(to, i->send_q, 8, i->recv_q);
	to = pair_put(to, timer, 2, left / CLOCK_TICK_NS);
	to = hex_put(to, i->retransmits, 8);
	*to++ = ' ';
	memcpy(to, nobody, sizeof(nobody) - 1); /* user, timeout */
	to = dec_put(to + sizeof(nobody) - 1, 0, 1); /* inode */
	*to++ = ' ';
	*to++ = request ? '0' : '1';
	*to++ = ' ';
	to = hex_put(to, 0, 16);
	if (i->state == HO_LISTEN) {
		memcpy(to, listener_tail, sizeof(listener_tail) - 1);
		to += sizeof(listener_tail) - 1;
	} else if (!request && !i->bucket) {
		to = tcp_tail_put(to, i);
	}
	while (to < row + TCP_LINE_BYTES)
		*to++ = ' ';
	*to++ = '\n';
	text_bytes(t, row, (size_t)(to - row));
}

size_t ho_view_proc_tcp(const struct ho_stack *s, char *buf, size_t cap_bytes)
{
	struct text t = text_into(buf, cap_bytes);
	struct ho_sock_info i;
	unsigned number = 0;

	text_add(&t, "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode");
	text_pad(&t, TCP_LINE_BYTES);
	text_add(&t, "\n");
	/* Listeners first, as in Linux; a socket in CLOSE is in none of its tables. */
	for (int listeners = 1; listeners >= 0; listeners--) {
		uint64_t cursor = 0;

		while (ho_sock_next(s, &cursor, &i))
			if (sock_is_tcp(&i) && i.state != HO_CLOSE && (i.state == HO_LISTEN) == (listeners != 0))
				tcp_row_add(&t, s, &i, number++);
	}
	return t.len_bytes;
}
