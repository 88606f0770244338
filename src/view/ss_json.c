/* SPDX-License-Identifier: MIT
 * A socket as JSON, with everything that is known of it.  Names are those of ss and of struct tcp_info without its tcpi_;
 * rates are bytes a second, as in tcp_info. */
#include <stddef.h>
#include <string.h>

#include "ss.h"

#define FIELD(name) {#name, offsetof(struct ho_tcp_info, tcpi_##name), sizeof(((struct ho_tcp_info *)0)->tcpi_##name)},
#define AND_BYTES(name) +sizeof(((struct ho_tcp_info *)0)->tcpi_##name)

static const struct {
	const char *name;
	size_t offset, bytes;
} fields[] = {HO_TCP_INFO_FIELDS(FIELD)};

_Static_assert(4 HO_TCP_INFO_FIELDS(AND_BYTES) == sizeof(struct ho_tcp_info), "HO_TCP_INFO_FIELDS has them all");

static uint64_t field_value(const struct ho_tcp_info *i, size_t offset, size_t bytes)
{
	const unsigned char *at = (const unsigned char *)i + offset;
	uint64_t v64;
	uint32_t v32;
	uint16_t v16;

	switch (bytes) {
	case 8: memcpy(&v64, at, 8); return v64;
	case 4: memcpy(&v32, at, 4); return v32;
	case 2: memcpy(&v16, at, 2); return v16;
	default: return *at;
	}
}

static void options_add(struct text *t, const struct ho_tcp_info *i)
{
	static const char *const names[] = {"timestamps", "sack", "wscale", "ecn", "ecn_seen", "syn_data"};
	const char *between = "";

	text_add(t, "\"options\":[");
	for (size_t n = 0; n < sizeof(names) / sizeof(*names); n++)
		if (i->tcpi_options >> n & 1) {
			text_add(t, "%s\"%s\"", between, names[n]);
			between = ",";
		}
	text_add(t, "]");
}

static void info_add(struct text *t, const struct ho_sock_detail *d)
{
	const struct ho_tcp_info *i = &d->tcp;

	text_add(t, ",\"congestion\":\"%s\",\"tcp_info\":{", d->congestion);
	options_add(t, i);
	text_add(t, ",\"snd_wscale\":%u,\"rcv_wscale\":%u,\"app_limited\":%s", (unsigned)i->tcpi_snd_wscale,
	         (unsigned)i->tcpi_rcv_wscale, i->tcpi_delivery_rate_app_limited ? "true" : "false");
	for (size_t n = 0; n < sizeof(fields) / sizeof(*fields); n++)
		text_add(t, ",\"%s\":%llu", fields[n].name, LLU(field_value(i, fields[n].offset, fields[n].bytes)));
	text_add(t, "}");
	if (d->bbr_known)
		text_add(t, ",\"bbr\":{\"bw\":%llu,\"min_rtt\":%u,\"pacing_gain\":%g,\"cwnd_gain\":%g}",
		         LLU((uint64_t)d->bbr.bbr_bw_hi << 32 | d->bbr.bbr_bw_lo), d->bbr.bbr_min_rtt,
		         d->bbr.bbr_pacing_gain / 256.0, d->bbr.bbr_cwnd_gain / 256.0);
}

static void end_add(struct text *t, const char *name, struct ho_endpoint e)
{
	char words[22];

	ho_view_endpoint(e, words);
	*strrchr(words, ':') = '\0';
	text_add(t, ",\"%s\":{\"address\":\"%s\",\"port\":%u}", name, words, (unsigned)e.port);
}

static void socket_add(struct text *t, const struct ho_ss *ask, const struct ho_sock_detail *d)
{
	const struct ho_sock_info *i = &d->row;

	if (i->fd >= 0)
		text_add(t, ",\"fd\":%d", i->fd);
	if (i->fd >= 0 && ask->process != NULL)
		text_add(t, ",\"process\":{\"name\":\"%s\",\"pid\":%d}", ask->process, ask->pid);
	text_add(t, ",\"cookie\":%u,\"tos\":%u,\"shutdown\":%u", (unsigned)d->cookie, (unsigned)d->tos, (unsigned)d->shutdown);
	text_add(t, ",\"skmem\":{\"r\":%u,\"rb\":%u,\"t\":%u,\"tb\":%u,\"f\":%u,\"w\":%u,\"d\":%llu}", i->rmem_alloc, i->rcvbuf,
	         i->wmem_alloc, i->sndbuf, i->fwd_alloc, i->wmem_queued, LLU(i->drops));
	if (sock_is_tcp(i))
		info_add(t, d);
}

void ss_json_add(struct text *t, ho_time_ns now, const struct ho_ss *ask, const struct ho_sock_detail *d)
{
	const struct ho_sock_info *i = &d->row;
	const unsigned state = ss_state(i);

	text_add(t, "{\"netid\":\"%s\",\"state\":\"%s\",\"recv_q\":%u,\"send_q\":%u", ss_netid(i),
	         state == HO_CLOSE ? "UNCONN" : ho_view_state((int)state), i->recv_q, i->send_q);
	end_add(t, "local", i->local);
	end_add(t, "peer", i->peer);
	if (i->state == HO_LISTEN)
		text_add(t, ",\"syn_queue\":%u", i->syn_queue);
	if (i->accept_queued)
		text_add(t, ",\"accept_queued\":true");
	if (i->timer != HO_TIMER_NONE)
		text_add(t, ",\"timer\":{\"name\":\"%s\",\"left_ms\":%llu,\"retransmits\":%u}", sock_timer_name(i->timer),
		         LLU(time_left(now, i->timer_at) / HO_MS), (unsigned)i->retransmits);
	if (d->socket)
		socket_add(t, ask, d);
	text_add(t, "}");
}
