/* SPDX-License-Identifier: MIT
 * A socket as a row of ss, column by column.
 * Source  what iproute2 6.1's ss prints of inet_diag replies: tests/kernel/ss_rows.c has it read any values. */
#include <stdio.h>
#include <string.h>

#include "ss.h"

#define US_A_MS 1000.0

/* "1.93M"; in full with -n */
static void rate_add(struct text *t, const struct ho_ss *ask, const char *name, double bits)
{
	static const struct {
		double size;
		const char *letter;
	} sizes[] = {{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "k"}};

	if (ask->numeric) {
		text_add(t, "%s%.0fbps", name, bits);
		return;
	}
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
		if (bits > sizes[i].size) {
			text_add(t, "%s%.3g%sbps", name, bits / sizes[i].size, sizes[i].letter);
			return;
		}
	text_add(t, "%s%gbps", name, bits);
}

static void count_add(struct text *t, const char *name, uint64_t value)
{
	if (value != 0)
		text_add(t, " %s:%llu", name, LLU(value));
}

static void ms_add(struct text *t, const char *name, double us)
{
	if (us != 0)
		text_add(t, " %s:%g", name, us / US_A_MS);
}

/* ---- tcp_info ---- */

static void agreed_add(struct text *t, const struct ho_ss *ask, const struct ho_sock_detail *d)
{
	static const char *const names[] = {" ts", " sack", NULL, " ecn", " ecnseen", " fastopen"};
	const struct ho_tcp_info *i = &d->tcp;

	for (size_t n = 0; ask->timer && n < sizeof(names) / sizeof(*names); n++)
		if (names[n] != NULL && (i->tcpi_options >> n & 1))
			text_add(t, "%s", names[n]);
	if (d->congestion[0] != '\0')
		text_add(t, " %s", d->congestion);
	if (i->tcpi_options & 4)
		text_add(t, " wscale:%u,%u", (unsigned)i->tcpi_snd_wscale, (unsigned)i->tcpi_rcv_wscale);
}

static void times_add(struct text *t, const struct ho_tcp_info *i)
{
	if (i->tcpi_rto != 3000000)
		ms_add(t, "rto", i->tcpi_rto);
	count_add(t, "backoff", i->tcpi_backoff);
	if (i->tcpi_rtt != 0)
		text_add(t, " rtt:%g/%g", i->tcpi_rtt / US_A_MS, i->tcpi_rttvar / US_A_MS);
	ms_add(t, "ato", i->tcpi_ato);
}

static void sizes_add(struct text *t, const struct ho_tcp_info *i)
{
	count_add(t, "mss", i->tcpi_snd_mss);
	count_add(t, "pmtu", i->tcpi_pmtu);
	count_add(t, "rcvmss", i->tcpi_rcv_mss);
	count_add(t, "advmss", i->tcpi_advmss);
	count_add(t, "cwnd", i->tcpi_snd_cwnd);
	if (i->tcpi_snd_ssthresh < 0xffff)
		count_add(t, "ssthresh", i->tcpi_snd_ssthresh);
}

static void sums_add(struct text *t, const struct ho_tcp_info *i)
{
	count_add(t, "bytes_sent", i->tcpi_bytes_sent);
	count_add(t, "bytes_retrans", i->tcpi_bytes_retrans);
	count_add(t, "bytes_acked", i->tcpi_bytes_acked);
	count_add(t, "bytes_received", i->tcpi_bytes_received);
	count_add(t, "segs_out", i->tcpi_segs_out);
	count_add(t, "segs_in", i->tcpi_segs_in);
	count_add(t, "data_segs_out", i->tcpi_data_segs_out);
	count_add(t, "data_segs_in", i->tcpi_data_segs_in);
}

static void bbr_add(struct text *t, const struct ho_ss *ask, const struct ho_bbr_info *b)
{
	const uint64_t bytes = (uint64_t)b->bbr_bw_hi << 32 | b->bbr_bw_lo;

	rate_add(t, ask, " bbr:(bw:", (double)bytes * 8.0);
	text_add(t, ",mrtt:%g", b->bbr_min_rtt / US_A_MS);
	if (b->bbr_pacing_gain != 0)
		text_add(t, ",pacing_gain:%g", b->bbr_pacing_gain / 256.0);
	if (b->bbr_cwnd_gain != 0)
		text_add(t, ",cwnd_gain:%g", b->bbr_cwnd_gain / 256.0);
	text_add(t, ")");
}

static void rates_add(struct text *t, const struct ho_ss *ask, const struct ho_tcp_info *i)
{
	if (i->tcpi_rtt != 0 && i->tcpi_snd_mss != 0 && i->tcpi_snd_cwnd != 0)
		rate_add(t, ask, " send ", (double)i->tcpi_snd_cwnd * i->tcpi_snd_mss * 8e6 / i->tcpi_rtt);
	count_add(t, "lastsnd", i->tcpi_last_data_sent);
	count_add(t, "lastrcv", i->tcpi_last_data_recv);
	count_add(t, "lastack", i->tcpi_last_ack_recv);
	if (i->tcpi_pacing_rate != 0 && i->tcpi_pacing_rate != UINT64_MAX) {
		rate_add(t, ask, " pacing_rate ", (double)i->tcpi_pacing_rate * 8.0);
		if (i->tcpi_max_pacing_rate != 0 && i->tcpi_max_pacing_rate != UINT64_MAX)
			rate_add(t, ask, "/", (double)i->tcpi_max_pacing_rate * 8.0);
	}
	if (i->tcpi_delivery_rate != 0)
		rate_add(t, ask, " delivery_rate ", (double)i->tcpi_delivery_rate * 8.0);
	count_add(t, "delivered", i->tcpi_delivered);
	count_add(t, "delivered_ce", i->tcpi_delivered_ce);
	if (i->tcpi_delivery_rate_app_limited)
		text_add(t, " app_limited");
}

static void limited_add(struct text *t, const char *name, uint64_t us, uint64_t busy_us)
{
	if (us != 0)
		text_add(t, " %s:%llums(%.1f%%)", name, LLU(us / 1000), 100.0 * (double)us / (double)busy_us);
}

static void busy_add(struct text *t, const struct ho_tcp_info *i)
{
	if (i->tcpi_busy_time == 0)
		return;
	text_add(t, " busy:%llums", LLU(i->tcpi_busy_time / 1000));
	limited_add(t, "rwnd_limited", i->tcpi_rwnd_limited, i->tcpi_busy_time);
	limited_add(t, "sndbuf_limited", i->tcpi_sndbuf_limited, i->tcpi_busy_time);
}

static void losses_add(struct text *t, const struct ho_tcp_info *i, unsigned state)
{
	count_add(t, "unacked", i->tcpi_unacked);
	if (i->tcpi_retrans != 0 || i->tcpi_total_retrans != 0)
		text_add(t, " retrans:%u/%u", i->tcpi_retrans, i->tcpi_total_retrans);
	count_add(t, "lost", i->tcpi_lost);
	if (state != HO_LISTEN)
		count_add(t, "sacked", i->tcpi_sacked);
	count_add(t, "dsack_dups", i->tcpi_dsack_dups);
	count_add(t, "fackets", i->tcpi_fackets);
	if (i->tcpi_reordering != 3)
		text_add(t, " reordering:%u", i->tcpi_reordering);
	count_add(t, "reord_seen", i->tcpi_reord_seen);
}

static void receiver_add(struct text *t, const struct ho_tcp_info *i)
{
	ms_add(t, "rcv_rtt", i->tcpi_rcv_rtt);
	count_add(t, "rcv_space", i->tcpi_rcv_space);
	count_add(t, "rcv_ssthresh", i->tcpi_rcv_ssthresh);
	count_add(t, "notsent", i->tcpi_notsent_bytes);
	if (i->tcpi_min_rtt != UINT32_MAX)
		ms_add(t, "minrtt", i->tcpi_min_rtt);
	count_add(t, "rcv_ooopack", i->tcpi_rcv_ooopack);
	count_add(t, "snd_wnd", i->tcpi_snd_wnd);
}

void ss_info_add(struct text *t, const struct ho_ss *ask, const struct ho_sock_detail *d)
{
	agreed_add(t, ask, d);
	times_add(t, &d->tcp);
	sizes_add(t, &d->tcp);
	sums_add(t, &d->tcp);
	if (d->bbr_known)
		bbr_add(t, ask, &d->bbr);
	rates_add(t, ask, &d->tcp);
	busy_add(t, &d->tcp);
	losses_add(t, &d->tcp, ss_state(&d->row));
	receiver_add(t, &d->tcp);
}

/* ---- the rest of what stands behind the addresses ---- */

/* As ss writes it: 1281 ms is "1.281ms", 5 are "005ms", none are nothing. */
static void time_add(struct text *t, uint64_t ms)
{
	uint64_t sec = ms / 1000 % 60;
	const uint64_t min = ms / 60000;

	ms %= 1000;
	if (min > 9)
		sec = 0;
	if (min > 0 || sec > 9)
		ms = 0;
	if (min > 0)
		text_add(t, "%llumin", LLU(min));
	if (sec > 0)
		text_add(t, ms > 0 ? "%llu." : "%llusec", LLU(sec));
	if (ms > 0)
		text_add(t, "%03llums", LLU(ms));
}

static void timer_add(struct text *t, ho_time_ns now, const struct ho_sock_info *i)
{
	if (i->timer == HO_TIMER_NONE)
		return;
	text_add(t, " timer:(%s,", sock_timer_name(i->timer));
	time_add(t, time_left(now, i->timer_at) / HO_MS);
	text_add(t, ",%u)", (unsigned)i->retransmits);
}

static void memory_add(struct text *t, const struct ho_sock_info *i)
{
	text_add(t, " skmem:(r%u,rb%u,t%u,tb%u,f%u,w%u,o0,bl0,d%llu)", i->rmem_alloc, i->rcvbuf, i->wmem_alloc, i->sndbuf,
	         i->fwd_alloc, i->wmem_queued, LLU(i->drops));
}

static void more_add(struct text *t, const struct ho_ss *ask, ho_time_ns now, const struct ho_sock_detail *d)
{
	const bool tcp = sock_is_tcp(&d->row);

	if (ask->processes && ask->process != NULL && d->row.fd >= 0)
		text_add(t, " users:((\"%s\",pid=%d,fd=%d))", ask->process, ask->pid, d->row.fd);
	if (ask->timer)
		timer_add(t, now, &d->row);
	if (ask->extended) {
		text_add(t, " ino:0 sk:%x", (unsigned)d->cookie);
		if (d->socket)
			text_add(t, " %c-%c", d->shutdown & 1 ? '-' : '<', d->shutdown & 2 ? '-' : '>');
	}
	if ((ask->memory || (ask->info && tcp)) && !ask->oneline)
		text_add(t, "\n\t");
	if (ask->memory && d->socket)
		memory_add(t, &d->row);
	if (ask->info && tcp && d->socket)
		ss_info_add(t, ask, d);
}

/* ---- columns ---- */

const char *ss_netid(const struct ho_sock_info *i)
{
	if (sock_is_tcp(i))
		return "tcp";
	return i->type == HO_SOCK_RAW ? "raw" : "udp";
}

static void endpoint_split(struct ho_endpoint e, char addr[20], char port[20])
{
	snprintf(addr, 20, "%u.%u.%u.%u", (unsigned)(e.addr >> 24), (unsigned)(e.addr >> 16 & 255), (unsigned)(e.addr >> 8 & 255),
	         (unsigned)(e.addr & 255));
	if (e.port != 0)
		snprintf(port, 20, "%u", (unsigned)e.port);
	else
		strcpy(port, "*");
}

void ss_row_make(struct ss_row *row, const struct ho_ss *ask, ho_time_ns now, const struct ho_sock_detail *d)
{
	const struct ho_sock_info *i = &d->row;
	struct text t = text_into(row->more, sizeof(row->more));
	const unsigned state = ss_state(i);

	strcpy(row->small[SS_NETID], ss_netid(i));
	strcpy(row->small[SS_STATE], state == HO_CLOSE ? "UNCONN" : ho_view_state((int)state));
	snprintf(row->small[SS_RECVQ], sizeof(row->small[0]), "%-6u", i->recv_q);
	snprintf(row->small[SS_SENDQ], sizeof(row->small[0]), "%-6u", i->send_q);
	endpoint_split(i->local, row->small[SS_LOCAL], row->small[SS_LPORT]);
	endpoint_split(i->peer, row->small[SS_PEER], row->small[SS_PPORT]);
	row->more[0] = '\0';
	more_add(&t, ask, now, d);
}
