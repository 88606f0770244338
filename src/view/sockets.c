/* SPDX-License-Identifier: MIT
 * Sockets as a table for people: `ss -tan` with drops and timer; `ss -uwan` with drops. */
#include <stdio.h>
#include <string.h>

#include "view.h"

void endpoint_words(struct ho_endpoint e, char buf[22])
{
	ho_view_endpoint(e, buf);
	if (e.port == 0)
		strcpy(strrchr(buf, ':'), ":*");
}

void time_words(ho_time_ns ns, char *buf, size_t cap_bytes)
{
	unsigned long long ms = ns / HO_MS, sec = ms / 1000, min = sec / 60;

	if (min > 9)
		snprintf(buf, cap_bytes, "%llumin", min);
	else if (min > 0)
		snprintf(buf, cap_bytes, "%llumin%llusec", min, sec % 60);
	else if (sec > 9)
		snprintf(buf, cap_bytes, "%llusec", sec);
	else if (sec > 0)
		snprintf(buf, cap_bytes, "%llu.%03llusec", sec, ms % 1000);
	else
		snprintf(buf, cap_bytes, "%llums", ms);
}

static void timer_add(struct text *t, ho_time_ns now, const struct ho_sock_info *i)
{
	char left[32];

	if (i->timer == HO_TIMER_NONE)
		return;
	time_words(time_left(now, i->timer_at), left, sizeof(left));
	text_add(t, " timer:(%s,%s,%u)", sock_timer_name(i->timer), left, (unsigned)i->retransmits);
}

static void sockets_row_add(struct text *t, ho_time_ns now, const struct ho_sock_info *i)
{
	char local[22], peer[22];

	endpoint_words(i->local, local);
	endpoint_words(i->peer, peer);
	text_add(t, "%-10s %6u %6u %21s %21s %6llu", ho_view_state(i->state), i->recv_q, i->send_q, local, peer,
	         (unsigned long long)i->drops);
	timer_add(t, now, i);
	if (i->state == HO_LISTEN)
		text_add(t, " syn-queue:%u,young:%u", i->syn_queue, i->syn_queue_young);
	if (i->accept_queued)
		text_add(t, " not-accepted");
	text_add(t, "\n");
}

static const char *datagram_kind(const struct ho_sock_info *i)
{
	if (i->type == HO_SOCK_RAW)
		return "raw";
	return i->protocol == HO_IPPROTO_UDP ? "udp" : "ping";
}

static void datagram_row_add(struct text *t, const struct ho_sock_info *i)
{
	char local[22], peer[22];

	endpoint_words(i->local, local);
	endpoint_words(i->peer, peer);
	text_add(t, "%-5s %-6s %6u %6u %21s %21s %6llu\n", datagram_kind(i), i->state == HO_CLOSE ? "UNCONN" : "ESTAB", i->recv_q,
	         i->send_q, local, peer, (unsigned long long)i->drops);
}

size_t ho_view_datagram_sockets(const struct ho_stack *s, char *buf, size_t cap_bytes)
{
	struct text t = text_into(buf, cap_bytes);
	struct ho_sock_info i;
	uint64_t cursor = 0;

	text_add(&t, "%-5s %-6s %6s %6s %21s %21s %6s\n", "Netid", "State", "Recv-Q", "Send-Q", "Local Address:Port",
	         "Peer Address:Port", "Drops");
	while (ho_sock_next(s, &cursor, &i))
		if (!sock_is_tcp(&i))
			datagram_row_add(&t, &i);
	return t.len_bytes;
}

size_t ho_view_sockets(const struct ho_stack *s, char *buf, size_t cap_bytes)
{
	struct text t = text_into(buf, cap_bytes);
	ho_time_ns now = ho_stack_now(s);
	struct ho_sock_info i;
	uint64_t cursor = 0;

	text_add(&t, "%-10s %6s %6s %21s %21s %6s\n", "State", "Recv-Q", "Send-Q", "Local Address:Port",
	         "Peer Address:Port", "Drops");
	while (ho_sock_next(s, &cursor, &i))
		if (sock_is_tcp(&i) && i.state != HO_CLOSE)
			sockets_row_add(&t, now, &i);
	return t.len_bytes;
}
