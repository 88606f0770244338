/* SPDX-License-Identifier: MIT
 * Sockets as JSON: every one of them, ping, raw and idle ones, too.  All strings are names and numbers: nothing to escape. */
#include <string.h>

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

/* ---- one socket: written by hand, as there may be a million ---- */

#define ROW_BYTES 1024 /* more than every key and the longest of values */

static char *words_put(char *to, const char *words)
{
	size_t len = strlen(words);

	memcpy(to, words, len);
	return to + len;
}

/* ,"name":7 */
static char *number_put(char *to, const char *before, uint64_t value)
{
	return dec_put(words_put(to, before), value, 1);
}

static char *endpoint_put(char *to, const char *before, struct ho_endpoint e)
{
	char words[22];

	to = words_put(words_put(to, before), ho_view_endpoint(e, words));
	*to++ = '"';
	return to;
}

static char *socket_timer_put(char *to, ho_time_ns now, const struct ho_sock_info *i)
{
	if (i->timer == HO_TIMER_NONE)
		return to;
	to = words_put(words_put(to, ",\"timer\":{\"name\":\""), sock_timer_name(i->timer));
	to = number_put(to, "\",\"left_ms\":", time_left(now, i->timer_at) / HO_MS);
	to = number_put(to, ",\"retransmits\":", i->retransmits);
	*to++ = '}';
	return to;
}

/* Its letters are ss's: rmem, rcvbuf, wmem, sndbuf, reserved, queued, drops. */
static char *socket_memory_put(char *to, const struct ho_sock_info *i)
{
	to = number_put(to, ",\"skmem\":{\"r\":", i->rmem_alloc);
	to = number_put(to, ",\"rb\":", i->rcvbuf);
	to = number_put(to, ",\"t\":", i->wmem_alloc);
	to = number_put(to, ",\"tb\":", i->sndbuf);
	to = number_put(to, ",\"f\":", i->fwd_alloc);
	to = number_put(to, ",\"w\":", i->wmem_queued);
	to = number_put(to, ",\"d\":", i->drops);
	*to++ = '}';
	return to;
}

static void socket_add(struct text *t, ho_time_ns now, const struct ho_sock_info *i)
{
	char row[ROW_BYTES], *to = words_put(words_put(row, "{\"type\":\""), sock_type_name(i));

	to = words_put(words_put(to, "\",\"state\":\""), ho_view_state(i->state));
	*to++ = '"';
	if (i->fd >= 0)
		to = number_put(to, ",\"fd\":", (uint64_t)i->fd);
	to = endpoint_put(to, ",\"local\":\"", i->local);
	to = endpoint_put(to, ",\"peer\":\"", i->peer);
	to = number_put(to, ",\"recv_q\":", i->recv_q);
	to = number_put(to, ",\"send_q\":", i->send_q);
	if (i->state == HO_LISTEN) {
		to = number_put(to, ",\"syn_queue\":", i->syn_queue);
		to = number_put(to, ",\"syn_queue_young\":", i->syn_queue_young);
	}
	if (i->accept_queued)
		to = words_put(to, ",\"accept_queued\":true");
	to = number_put(to, ",\"drops\":", i->drops);
	to = socket_timer_put(to, now, i);
	if (!sock_is_request(i))
		to = socket_memory_put(to, i);
	*to++ = '}';
	text_bytes(t, row, (size_t)(to - row));
}

size_t ho_view_sockets_json(const struct ho_stack *s, char *buf, size_t cap_bytes)
{
	struct text t = text_into(buf, cap_bytes);
	ho_time_ns now = ho_stack_now(s);
	const char *between = "\n";
	struct ho_sock_info i;
	uint64_t cursor = 0;

	text_add(&t, "{\"sockets\":[");
	while (ho_sock_next(s, &cursor, &i)) {
		text_bytes(&t, between, strlen(between));
		socket_add(&t, now, &i);
		between = ",\n";
	}
	text_add(&t, "]}\n");
	return t.len_bytes;
}
