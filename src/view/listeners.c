/* SPDX-License-Identifier: MIT
 * Listeners as a table and as JSON: both queues, their limits, what was dropped and why. */
#include <stdio.h>

#include "view.h"

static const struct {
	const char *name, *words;
} drops[HO_DROP_CAUSES] = {
	[HO_DROP_SYN_ACCEPT_FULL] = {"syn_accept_queue_full", "a SYN met a full accept queue"},
	[HO_DROP_ACK_ACCEPT_FULL] = {"ack_accept_queue_full", "a final ACK met a full accept queue"},
	[HO_DROP_COOKIE_ACCEPT_FULL] = {"cookie_accept_queue_full", "a valid cookie met a full accept queue"},
	[HO_DROP_SYN_QUEUE_FULL] = {"syn_queue_full", "a SYN met a full SYN queue"},
	[HO_DROP_SYN_BACKLOG] = {"max_syn_backlog", "a SYN met tcp_max_syn_backlog, three quarters used"},
	[HO_DROP_MEMORY] = {"memory", "no memory"},
	[HO_DROP_DEFERRED] = {"deferred", "a bare final ACK, put off by TCP_DEFER_ACCEPT"},
	[HO_DROP_DUPLICATE_SYN] = {"duplicate_syn", "a SYN came again and was answered again"},
	[HO_DROP_UNACCEPTABLE] = {"unacceptable",
                                  "not what a listener or a half-open connection waits for (flags, window, timestamp, address)"},
};

const char *drop_name(enum ho_listen_drop cause)
{
	return drops[cause].name;
}

const char *drop_words(enum ho_listen_drop cause)
{
	return drops[cause].words;
}

uint64_t drops_sum(const struct ho_listener_info *i, enum ho_listen_drop first, enum ho_listen_drop last)
{
	uint64_t sum = 0;

	for (unsigned cause = first; cause <= last; cause++)
		sum += i->drops[cause];
	return sum;
}

bool listener_next(const struct ho_stack *s, uint64_t *cursor, struct listener *out)
{
	struct ho_sock_info row;

	while (ho_sock_next(s, cursor, &row)) {
		if (row.state != HO_LISTEN || ho_sock_listener_info(s, row.fd, &out->i) != 0)
			continue;
		out->now = ho_stack_now(s);
		out->sk_drops = row.drops;
		out->cookies_good = ho_counter_get_sock(s, row.fd, HO_TcpExtSyncookiesRecv);
		out->cookies_bad = ho_counter_get_sock(s, row.fd, HO_TcpExtSyncookiesFailed);
		out->old_timestamps = ho_counter_get_sock(s, row.fd, HO_TcpExtPAWSEstab);
		return true;
	}
	return false;
}

/* ---- the table ---- */

static void ago_words(ho_time_ns now, ho_time_ns at, const char *never, char buf[32])
{
	if (at == HO_NEVER)
		snprintf(buf, 32, "%s", never);
	else
		time_words(time_left(at, now), buf, 32);
}

static void drops_rows_add(struct text *t, const struct listener *l)
{
	char peer[22], ago[32];

	for (unsigned cause = 0; cause < HO_DROP_CAUSES; cause++)
		if (l->i.drops[cause] > 0)
			text_add(t, "  %10llu  %s\n", (unsigned long long)l->i.drops[cause], drops[cause].words);
	if (l->old_timestamps > 0)
		text_add(t, "  %10llu  of them with an old timestamp (PAWS)\n", (unsigned long long)l->old_timestamps);
	if (l->i.cookies > 0)
		text_add(t, "  %10llu  SYNs answered by a cookie; %llu came back good, %llu bad\n",
		         (unsigned long long)l->i.cookies, (unsigned long long)l->cookies_good,
		         (unsigned long long)l->cookies_bad);
	if (l->i.last_drop == HO_NEVER)
		return;
	ago_words(l->now, l->i.last_drop, "", ago);
	text_add(t, "        last  %s ago: %s, from %s\n", ago, drops[l->i.last_drop_cause].words,
	         ho_view_endpoint(l->i.last_drop_peer, peer));
}

static void triple_words(uint32_t now, uint32_t most, uint32_t holds, char buf[36])
{
	snprintf(buf, 36, "%u/%u/%u", now, most, holds);
}

static void listener_row_add(struct text *t, const struct listener *l)
{
	char local[22], accept[36], syn[36], oldest[32], last[32];

	endpoint_words(l->i.local, local);
	triple_words(l->i.accept_queue, l->i.accept_queue_max, l->i.accept_queue_holds, accept);
	triple_words(l->i.syn_queue, l->i.syn_queue_max, l->i.syn_queue_holds, syn);
	ago_words(l->now, l->i.oldest_waiting, "-", oldest);
	ago_words(l->now, l->i.last_accept, "never", last);
	text_add(t, "%-21s %14s %14s %10d %9u %9llu %8llu %9s %11s\n", local, accept, syn, l->i.backlog_asked,
	         l->i.somaxconn, (unsigned long long)l->i.accepted, (unsigned long long)l->sk_drops, oldest, last);
}

size_t ho_view_listeners(const struct ho_stack *s, char *buf, size_t cap_bytes)
{
	struct text t = text_into(buf, cap_bytes);
	struct listener l;
	uint64_t cursor = 0;

	text_add(&t, "%-21s %14s %14s %10s %9s %9s %8s %9s %11s\n", "Listener", "Accept-Q", "SYN-Q", "listen()",
	         "somaxconn", "Accepted", "Drops", "Oldest", "Last accept");
	while (listener_next(s, &cursor, &l)) {
		listener_row_add(&t, &l);
		drops_rows_add(&t, &l);
	}
	return t.len_bytes;
}

/* ---- JSON ---- */

static const char *clamp_name(enum ho_listen_clamp c)
{
	static const char *const names[] = {
		[HO_CLAMP_BACKLOG] = "backlog",
		[HO_CLAMP_SOMAXCONN] = "somaxconn",
		[HO_CLAMP_MAX_SYN_BACKLOG] = "tcp_max_syn_backlog",
	};

	return names[c];
}

/* A moment as milliseconds since then; null if there was none. */
static void ago_add(struct text *t, const char *name, ho_time_ns now, ho_time_ns at)
{
	if (at == HO_NEVER)
		text_add(t, ",\"%s\":null", name);
	else
		text_add(t, ",\"%s\":%llu", name, (unsigned long long)(time_left(at, now) / HO_MS));
}

static void queues_add(struct text *t, const struct ho_listener_info *i)
{
	text_add(t, ",\"accept_queue\":{\"now\":%u,\"most\":%u,\"holds\":%u,\"clamp\":\"%s\",\"wanted_at_most\":%u}",
	         i->accept_queue, i->accept_queue_max, i->accept_queue_holds, clamp_name(i->accept_clamp),
	         i->accept_queue_wanted);
	text_add(t, ",\"syn_queue\":{\"now\":%u,\"young\":%u,\"most\":%u,\"holds\":%u,\"clamp\":\"%s\"}", i->syn_queue,
	         i->syn_queue_young, i->syn_queue_max, i->syn_queue_holds, clamp_name(i->syn_clamp));
}

static void drops_add(struct text *t, const struct listener *l)
{
	const char *between = "";
	char peer[22];

	text_add(t, ",\"sk_drops\":%llu,\"paws\":%llu,\"drops\":{", (unsigned long long)l->sk_drops,
	         (unsigned long long)l->old_timestamps);
	for (unsigned cause = 0; cause < HO_DROP_CAUSES; cause++, between = ",")
		text_add(t, "%s\"%s\":%llu", between, drops[cause].name, (unsigned long long)l->i.drops[cause]);
	text_add(t, "},\"last_drop\":");
	if (l->i.last_drop == HO_NEVER) {
		text_add(t, "null");
		return;
	}
	text_add(t, "{\"cause\":\"%s\",\"peer\":\"%s\",\"frame\":%llu", drops[l->i.last_drop_cause].name,
	         ho_view_endpoint(l->i.last_drop_peer, peer), (unsigned long long)l->i.last_drop_frame);
	ago_add(t, "ms_ago", l->now, l->i.last_drop);
	text_add(t, "}");
}

static void waiting_add(struct text *t, const struct listener *l)
{
	char peer[22];

	ago_add(t, "listening_ms", l->now, l->i.listening_since);
	ago_add(t, "last_accept_ms_ago", l->now, l->i.last_accept);
	ago_add(t, "oldest_waiting_ms", l->now, l->i.oldest_waiting);
	if (l->i.oldest_waiting != HO_NEVER)
		text_add(t, ",\"oldest_waiting_peer\":\"%s\"", ho_view_endpoint(l->i.oldest_waiting_peer, peer));
	text_add(t, ",\"longest_wait_ms\":%llu", (unsigned long long)(l->i.longest_wait / HO_MS));
}

void listener_json_add(struct text *t, const struct listener *l)
{
	const struct ho_listener_info *i = &l->i;
	char local[22];

	text_add(t, "{\"local\":\"%s\",\"fd\":%d,\"backlog\":%d,\"limit\":%u,\"somaxconn\":%u",
	         ho_view_endpoint(i->local, local), i->fd, i->backlog_asked, i->limit, i->somaxconn);
	text_add(t, ",\"tcp_max_syn_backlog\":%u,\"tcp_syncookies\":%d,\"tcp_abort_on_overflow\":%d",
	         i->max_syn_backlog, i->syncookies, i->abort_on_overflow);
	queues_add(t, i);
	text_add(t, ",\"requests\":%llu,\"timed_out\":%llu,\"queued\":%llu,\"accepted\":%llu",
	         (unsigned long long)i->requests, (unsigned long long)i->timed_out, (unsigned long long)i->queued,
	         (unsigned long long)i->accepted);
	text_add(t, ",\"cookies\":{\"sent\":%llu,\"good\":%llu,\"bad\":%llu}", (unsigned long long)i->cookies,
	         (unsigned long long)l->cookies_good, (unsigned long long)l->cookies_bad);
	drops_add(t, l);
	waiting_add(t, l);
}

size_t ho_view_listeners_json(const struct ho_stack *s, char *buf, size_t cap_bytes)
{
	struct text t = text_into(buf, cap_bytes);
	const char *between = "";
	struct listener l;
	uint64_t cursor = 0;

	text_add(&t, "{\"listeners\":[");
	for (; listener_next(s, &cursor, &l); between = ",") {
		text_add(&t, "%s\n", between);
		listener_json_add(&t, &l);
		text_add(&t, "}");
	}
	text_add(&t, "]}\n");
	return t.len_bytes;
}
