/* SPDX-License-Identifier: MIT
 * Sockets as JSON: every one of them, ping, raw and idle ones, too.  All strings are names and numbers: nothing to escape. */
#include "view.h"

static const char *sock_type_name(const struct ho_sock_info *i)
{
	switch (i->type) {
	case HO_SOCK_STREAM:
		return "tcp";
	case HO_SOCK_DGRAM:
		return i->protocol == HO_IPPROTO_UDP ? "udp" : "ping";
	case HO_SOCK_RAW:
		return "raw";
	default:
		return "unknown";
	}
}

static void socket_timer_add(struct text *t, ho_time_ns now, const struct ho_sock_info *i)
{
	if (i->timer == HO_TIMER_NONE)
		return;
	text_add(t, ",\"timer\":{\"name\":\"%s\",\"left_ms\":%llu,\"retransmits\":%u}", sock_timer_name(i->timer),
	         (unsigned long long)(time_left(now, i->timer_at) / HO_MS), (unsigned)i->retransmits);
}

/* Its letters are ss's: rmem, rcvbuf, wmem, sndbuf, reserved, queued, drops. */
static void socket_memory_add(struct text *t, const struct ho_sock_info *i)
{
	text_add(t, ",\"skmem\":{\"r\":%u,\"rb\":%u,\"t\":%u,\"tb\":%u,\"f\":%u,\"w\":%u,\"d\":%llu}", i->rmem_alloc,
	         i->rcvbuf, i->wmem_alloc, i->sndbuf, i->fwd_alloc, i->wmem_queued, (unsigned long long)i->drops);
}

static void socket_add(struct text *t, ho_time_ns now, const struct ho_sock_info *i)
{
	char local[22], peer[22];

	text_add(t, "{\"type\":\"%s\",\"state\":\"%s\"", sock_type_name(i), ho_view_state(i->state));
	if (i->fd >= 0)
		text_add(t, ",\"fd\":%d", i->fd);
	text_add(t, ",\"local\":\"%s\",\"peer\":\"%s\"", ho_view_endpoint(i->local, local), ho_view_endpoint(i->peer, peer));
	text_add(t, ",\"recv_q\":%u,\"send_q\":%u", i->recv_q, i->send_q);
	if (i->state == HO_LISTEN)
		text_add(t, ",\"syn_queue\":%u,\"syn_queue_young\":%u", i->syn_queue, i->syn_queue_young);
	if (i->accept_queued)
		text_add(t, ",\"accept_queued\":true");
	text_add(t, ",\"drops\":%llu", (unsigned long long)i->drops);
	socket_timer_add(t, now, i);
	if (!sock_is_request(i))
		socket_memory_add(t, i);
	text_add(t, "}");
}

size_t ho_view_sockets_json(const struct ho_stack *s, char *buf, size_t cap_bytes)
{
	struct text t = text_into(buf, cap_bytes);
	ho_time_ns now = ho_stack_now(s);
	const char *between = "";
	struct ho_sock_info i;
	uint64_t cursor = 0;

	text_add(&t, "{\"sockets\":[");
	while (ho_sock_next(s, &cursor, &i)) {
		text_add(&t, "%s\n", between);
		socket_add(&t, now, &i);
		between = ",";
	}
	text_add(&t, "]}\n");
	return t.len_bytes;
}
