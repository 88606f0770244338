/* SPDX-License-Identifier: MIT
 * /proc/net/udp, raw and icmp (ping sockets).
 * Source  Linux 6.18 net/ipv4/udp.c, raw.c, ping.c; the formats as read from a running kernel. */
#include "view.h"

#define HEAD \
	"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops"
#define LINE_BYTES 127 /* of udp and icmp; raw is not padded */

enum kind { KIND_UDP, KIND_PING, KIND_RAW, KIND_OTHER };

static enum kind kind_of(const struct ho_sock_info *i)
{
	if (i->type == HO_SOCK_RAW)
		return KIND_RAW;
	if (i->type != HO_SOCK_DGRAM)
		return KIND_OTHER;
	return i->protocol == HO_IPPROTO_UDP ? KIND_UDP : KIND_PING;
}

static void row_add(struct text *t, const struct ho_sock_info *i, enum kind kind, unsigned number)
{
	text_add(t, "%*u: %08X:%04X %08X:%04X %02X %08X:%08X 00:00000000 00000000 %5u %8d %d 2 %016x %llu", kind == KIND_RAW ? 4 : 5,
	         number, proc_addr(i->local.addr), (unsigned)i->local.port, proc_addr(i->peer.addr), (unsigned)i->peer.port,
	         i->state, i->send_q, i->recv_q, 0u, 0, 0, 0u, (unsigned long long)i->drops);
}

/* A UDP or ping socket without a port is in no table. */
static bool is_listed(const struct ho_sock_info *i, enum kind kind)
{
	return kind == KIND_RAW || i->local.port != 0;
}

static size_t file_make(const struct ho_stack *s, enum kind kind, char *buf, size_t cap_bytes)
{
	struct text t = text_into(buf, cap_bytes);
	size_t width = kind == KIND_RAW ? 0 : LINE_BYTES;
	struct ho_sock_info i;
	uint64_t cursor = 0;
	unsigned number = 0;

	text_add(&t, kind == KIND_UDP ? " " HEAD : HEAD);
	text_pad(&t, width);
	text_add(&t, "\n");
	while (ho_sock_next(s, &cursor, &i)) {
		size_t line = t.len_bytes;

		if (kind_of(&i) != kind || !is_listed(&i, kind))
			continue;
		row_add(&t, &i, kind, number++);
		text_pad(&t, line + width);
		text_add(&t, "\n");
	}
	return t.len_bytes;
}

size_t ho_view_proc_udp(const struct ho_stack *s, char *buf, size_t cap_bytes)
{
	return file_make(s, KIND_UDP, buf, cap_bytes);
}

size_t ho_view_proc_raw(const struct ho_stack *s, char *buf, size_t cap_bytes)
{
	return file_make(s, KIND_RAW, buf, cap_bytes);
}

size_t ho_view_proc_icmp(const struct ho_stack *s, char *buf, size_t cap_bytes)
{
	return file_make(s, KIND_PING, buf, cap_bytes);
}
