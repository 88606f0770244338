/* SPDX-License-Identifier: MIT
 * What happened in a stack, as a line for people and as JSON for programs. */
#include "view.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *const kinds[HO_WATCH_KINDS] = {
	[HO_WATCH_CALL] = "call", [HO_WATCH_STATE] = "state",           [HO_WATCH_QUEUE] = "queue",
	[HO_WATCH_DROP] = "drop", [HO_WATCH_RETRANSMIT] = "retransmit", [HO_WATCH_COUNTER] = "counter",
};

static const struct {
	const char *name, *words;
} lefts[HO_LEFTS] = {
	[HO_LEFT_NOT] = {"", ""},
	[HO_LEFT_ESTABLISHED] = {"established", "the handshake is complete"},
	[HO_LEFT_TIMED_OUT] = {"timed_out", "its SYN+ACKs went unanswered"},
	[HO_LEFT_RESET] = {"reset", "it was reset"},
	[HO_LEFT_UNREACHABLE] = {"unreachable", "its peer cannot be reached"},
	[HO_LEFT_UNSENT] = {"unsent", "its SYN+ACK could not be sent"},
	[HO_LEFT_LISTENER_CLOSED] = {"listener_closed", "the listener is closed"},
	[HO_LEFT_ACCEPTED] = {"accepted", "accept() took it"},
};

const char *ho_view_watch_kind(unsigned kind)
{
	return kind < HO_WATCH_KINDS ? kinds[kind] : NULL;
}

/* ---- names ---- */

static const char *option_name(int level, int name)
{
	static const struct {
		int level, name;
		const char *text;
	} names[] = {
#define O(level, name) {HO_SOL_##level, HO_##name, #name}
		O(SOCKET, SO_REUSEADDR),
		O(SOCKET, SO_BROADCAST),
		O(SOCKET, SO_SNDBUF),
		O(SOCKET, SO_RCVBUF),
		O(SOCKET, SO_KEEPALIVE),
		O(SOCKET, SO_OOBINLINE),
		O(SOCKET, SO_NO_CHECK),
		O(SOCKET, SO_LINGER),
		O(SOCKET, SO_REUSEPORT),
		O(SOCKET, SO_RCVLOWAT),
		O(SOCKET, SO_MAX_PACING_RATE),
		O(SOCKET, SO_SNDBUFFORCE),
		O(SOCKET, SO_RCVBUFFORCE),
		O(SOCKET, SO_BUF_LOCK),
		O(IP, IP_TOS),
		O(IP, IP_TTL),
		O(IP, IP_HDRINCL),
		O(IP, IP_MTU_DISCOVER),
		O(IP, IP_RECVERR),
		O(IP, IP_MINTTL),
		O(IP, IP_MULTICAST_TTL),
		O(IP, IP_MULTICAST_LOOP),
		O(UDP, UDP_SEGMENT),
		O(UDP, UDP_GRO),
		O(TCP, TCP_NODELAY),
		O(TCP, TCP_MAXSEG),
		O(TCP, TCP_CORK),
		O(TCP, TCP_KEEPIDLE),
		O(TCP, TCP_KEEPINTVL),
		O(TCP, TCP_KEEPCNT),
		O(TCP, TCP_SYNCNT),
		O(TCP, TCP_LINGER2),
		O(TCP, TCP_DEFER_ACCEPT),
		O(TCP, TCP_WINDOW_CLAMP),
		O(TCP, TCP_QUICKACK),
		O(TCP, TCP_CONGESTION),
		O(TCP, TCP_THIN_LINEAR_TIMEOUTS),
		O(TCP, TCP_THIN_DUPACK),
		O(TCP, TCP_USER_TIMEOUT),
		O(TCP, TCP_FASTOPEN),
		O(TCP, TCP_NOTSENT_LOWAT),
		O(TCP, TCP_FASTOPEN_CONNECT),
		O(TCP, TCP_FASTOPEN_KEY),
		O(TCP, TCP_FASTOPEN_NO_COOKIE),
		O(TCP, TCP_INQ),
		O(TCP, TCP_RTO_MAX_MS),
		O(RAW, ICMP_FILTER),
#undef O
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].level == level && names[i].name == name)
			return names[i].text;
	return NULL;
}

/* Of errors that a call gives; "": some other. */
static const char *error_name(int err)
{
	static const struct {
		int err;
		const char *name;
	} names[] = {
#define E(name) {-name, #name}
		E(EAGAIN),       E(EBADF),        E(EINVAL),          E(ENOMEM),       E(EMFILE),    E(EPERM),
		E(EACCES),       E(EADDRINUSE),   E(EADDRNOTAVAIL),   E(EINPROGRESS),  E(EALREADY),  E(EISCONN),
		E(ENOTCONN),     E(ECONNREFUSED), E(ECONNRESET),      E(ECONNABORTED), E(ETIMEDOUT), E(ENETUNREACH),
		E(EHOSTUNREACH), E(EOPNOTSUPP),   E(EPROTONOSUPPORT), E(ENOPROTOOPT),  E(ENOBUFS),   E(ENOENT),
		E(EDOM),         E(EDESTADDRREQ), E(EAFNOSUPPORT),    E(EPIPE),        E(EMSGSIZE),
#undef E
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].err == err)
			return names[i].name;
	return "";
}

static const char *type_name(int type)
{
	static const char *const names[] = {
		[HO_SOCK_STREAM] = "stream", [HO_SOCK_DGRAM] = "dgram", [HO_SOCK_RAW] = "raw"};

	return type >= HO_SOCK_STREAM && type <= HO_SOCK_RAW ? names[type] : "?";
}

static const char *how_name(int how)
{
	return how == HO_SHUT_RD ? "RD" : how == HO_SHUT_WR ? "WR" : how == HO_SHUT_RDWR ? "RDWR" : "?";
}

/* As ss says, but for what it calls unconnected. */
static const char *state_name(uint8_t state)
{
	return state == HO_CLOSE ? "CLOSED" : ho_view_state(state);
}

static const char *queue_name(const struct ho_watched *w)
{
	return w->queue.queue == HO_QUEUE_SYN ? "SYN" : "accept";
}

/* What of a segment is sent again. */
static const char *segment_name(const struct ho_watched *w)
{
	bool syn = w->retransmit.flags & 0x02, ack = w->retransmit.flags & 0x10;

	if (syn)
		return ack ? "SYN+ACK" : "SYN";
	return w->retransmit.len_bytes > 0 ? "data" : "FIN";
}

/* ---- a line ---- */

static bool is_somebody(struct ho_endpoint e)
{
	return e.addr != 0 || e.port != 0;
}

static void call_add(struct text *t, const struct ho_watched *w)
{
	const char *option = option_name(w->call.a, w->call.b), *error = error_name(w->call.result);
	char endpoint[22];

	text_add(t, "%s", w->by.what != NULL ? w->by.what : "?");
	if (w->call.verb != HO_VERB_SOCKET)
		text_add(t, " fd=%d", w->call.fd);
	switch (w->call.verb) {
	case HO_VERB_SOCKET: text_add(t, " type=%s protocol=%d", type_name(w->call.a), w->call.b); break;
	case HO_VERB_LISTEN: text_add(t, " backlog=%d", w->call.a); break;
	case HO_VERB_SHUTDOWN: text_add(t, " how=%s", how_name(w->call.a)); break;
	case HO_VERB_BIND:
	case HO_VERB_CONNECT: text_add(t, " addr=%s", ho_view_endpoint(w->call.addr, endpoint)); break;
	case HO_VERB_ACCEPT:
		if (is_somebody(w->call.addr))
			text_add(t, " peer=%s", ho_view_endpoint(w->call.addr, endpoint));
		break;
	case HO_VERB_SETSOCKOPT:
		if (option != NULL)
			text_add(t, " %s=%d", option, w->call.value);
		else
			text_add(t, " level=%d name=%d value=%d", w->call.a, w->call.b, w->call.value);
		break;
	default: break;
	}
	text_add(t, " res=%d", w->call.result);
	if (*error != '\0')
		text_add(t, "(%s)", error);
}

static void state_add(struct text *t, const struct ho_watched *w)
{
	char endpoint[22];

	text_add(t, "%s", ho_view_endpoint(w->by.local, endpoint));
	if (is_somebody(w->by.peer))
		text_add(t, " with %s", ho_view_endpoint(w->by.peer, endpoint));
	text_add(t, ": %s -> %s", state_name(w->state.from), state_name(w->state.to));
	if (w->by.fd >= 0)
		text_add(t, ", fd %d", w->by.fd);
	cause_add(t, &w->by);
}

static void queue_add(struct text *t, const struct ho_watched *w)
{
	char peer[22], local[22];

	text_add(t, "%s %s the %s queue of %s: length %u limit %u", ho_view_endpoint(w->by.peer, peer),
	         w->queue.left == HO_LEFT_NOT ? "entered" : "left", queue_name(w), ho_view_endpoint(w->by.local, local),
	         w->queue.length, w->queue.limit);
	if (w->queue.left != HO_LEFT_NOT && w->queue.left < HO_LEFTS)
		text_add(t, ", %s", lefts[w->queue.left].words);
	cause_add(t, &w->by);
}

static void retransmit_add(struct text *t, const struct ho_watched *w)
{
	char peer[22], local[22];

	text_add(t, "%s to %s: %s seq %u", ho_view_endpoint(w->by.local, local), ho_view_endpoint(w->by.peer, peer),
	         segment_name(w), w->retransmit.offset);
	if (w->retransmit.len_bytes > 0)
		text_add(t, ", %u bytes in %u segment%s", w->retransmit.len_bytes, w->retransmit.segs,
		         w->retransmit.segs == 1 ? "" : "s");
	if (w->by.why != HO_WHY_ROW) {
		text_add(t, ": ");
		reason_add(t, &w->by);
	}
	cause_add(t, &w->by);
}

static void drop_add(struct text *t, const struct ho_watched *w)
{
	char peer[22], local[22];

	if (w->drop.listener) {
		text_add(t, "%s to %s: %s", ho_view_endpoint(w->by.peer, peer), ho_view_endpoint(w->by.local, local),
		         w->drop.cause < HO_DROP_CAUSES ? drop_words(w->drop.cause) : "?");
	} else {
		if (is_somebody(w->by.peer))
			text_add(t, "%s to %s: ", ho_view_endpoint(w->by.peer, peer),
			         ho_view_endpoint(w->by.local, local));
		reason_add(t, &w->by);
	}
	cause_add(t, &w->by);
}

size_t ho_view_watched(const struct ho_watched *w, char *buf, size_t cap_bytes)
{
	struct text t = text_into(buf, cap_bytes);
	char said[512];

	if (w->kind >= HO_WATCH_KINDS)
		return 0;
	text_add(&t, "%-10s ", kinds[w->kind]);
	switch (w->kind) {
	case HO_WATCH_CALL: call_add(&t, w); break;
	case HO_WATCH_STATE: state_add(&t, w); break;
	case HO_WATCH_QUEUE: queue_add(&t, w); break;
	case HO_WATCH_RETRANSMIT: retransmit_add(&t, w); break;
	case HO_WATCH_DROP: drop_add(&t, w); break;
	case HO_WATCH_COUNTER:
		ho_trace_say(&w->by, said, sizeof(said));
		text_add(&t, "%s", said);
		break;
	default: break;
	}
	return t.len_bytes;
}

/* ---- JSON ---- */

static void string_add(struct text *t, const char *name, const char *words)
{
	text_add(t, ",\"%s\":", name);
	text_json(t, words);
}

static void endpoint_add(struct text *t, const char *name, struct ho_endpoint e)
{
	char endpoint[22];

	if (is_somebody(e))
		string_add(t, name, ho_view_endpoint(e, endpoint));
}

static void reason_json_add(struct text *t, const struct ho_trace *r)
{
	char said[512];
	struct text words = text_into(said, sizeof(said));

	reason_add(&words, r);
	string_add(t, "reason", said);
}

static void counter_json_add(struct text *t, const struct ho_trace *r)
{
	char name[64];

	if (ho_counter_name(r->counter, name, sizeof(name)) > 0)
		string_add(t, "counter", name);
}

static void call_json_add(struct text *t, const struct ho_watched *w)
{
	const char *option = option_name(w->call.a, w->call.b), *error = error_name(w->call.result);

	string_add(t, "call", w->by.what != NULL ? w->by.what : "");
	switch (w->call.verb) {
	case HO_VERB_SOCKET:
		string_add(t, "type", type_name(w->call.a));
		text_add(t, ",\"protocol\":%d", w->call.b);
		break;
	case HO_VERB_LISTEN: text_add(t, ",\"backlog\":%d", w->call.a); break;
	case HO_VERB_SHUTDOWN: string_add(t, "how", how_name(w->call.a)); break;
	case HO_VERB_BIND:
	case HO_VERB_CONNECT: endpoint_add(t, "addr", w->call.addr); break;
	case HO_VERB_SETSOCKOPT:
		text_add(t, ",\"level\":%d,\"name\":%d", w->call.a, w->call.b);
		if (option != NULL)
			string_add(t, "option", option);
		text_add(t, ",\"value\":%d", w->call.value);
		break;
	default: break;
	}
	text_add(t, ",\"result\":%d", w->call.result);
	if (*error != '\0')
		string_add(t, "error", error);
}

static void queue_json_add(struct text *t, const struct ho_watched *w)
{
	string_add(t, "queue", w->queue.queue == HO_QUEUE_SYN ? "syn" : "accept");
	string_add(t, "move", w->queue.left == HO_LEFT_NOT ? "enter" : "leave");
	text_add(t, ",\"length\":%u,\"limit\":%u", w->queue.length, w->queue.limit);
	if (w->queue.left != HO_LEFT_NOT && w->queue.left < HO_LEFTS)
		string_add(t, "reason", lefts[w->queue.left].name);
}

static void retransmit_json_add(struct text *t, const struct ho_watched *w)
{
	string_add(t, "segment", segment_name(w));
	text_add(t, ",\"seq\":%u,\"offset\":%u,\"bytes\":%u,\"segments\":%u", w->retransmit.seq, w->retransmit.offset,
	         w->retransmit.len_bytes, w->retransmit.segs);
	if (w->by.why != HO_WHY_ROW)
		reason_json_add(t, &w->by);
}

static void drop_json_add(struct text *t, const struct ho_watched *w)
{
	if (w->drop.listener) {
		string_add(t, "drop", w->drop.cause < HO_DROP_CAUSES ? drop_name(w->drop.cause) : "");
		string_add(t, "reason", w->drop.cause < HO_DROP_CAUSES ? drop_words(w->drop.cause) : "");
	} else {
		counter_json_add(t, &w->by);
		reason_json_add(t, &w->by);
	}
}

static void by_json_add(struct text *t, const struct ho_trace *by)
{
	static const char *const causes[] = {
		[HO_CAUSE_FRAME] = "frame", [HO_CAUSE_TIMER] = "timer", [HO_CAUSE_CALL] = "call"};

	if (by->fd >= 0)
		text_add(t, ",\"fd\":%d", by->fd);
	endpoint_add(t, "local", by->local);
	endpoint_add(t, "peer", by->peer);
	if (by->cause < HO_CAUSE_FRAME || by->cause > HO_CAUSE_CALL)
		return;
	text_add(t, ",\"by\":{\"cause\":\"%s\"", causes[by->cause]);
	if (by->what != NULL)
		string_add(t, "what", by->what);
	if (by->frame_in != 0)
		text_add(t, ",\"frame_in\":%llu", LLU(by->frame_in));
	if (by->frame_out != 0)
		text_add(t, ",\"frame_out\":%llu", LLU(by->frame_out));
	text_add(t, "}");
}

size_t ho_view_watched_json(const struct ho_watched *w, char *buf, size_t cap_bytes)
{
	struct text t = text_into(buf, cap_bytes);

	if (w->kind >= HO_WATCH_KINDS)
		return 0;
	text_add(&t, "{\"at_ns\":%llu,\"number\":%llu,\"event\":\"%s\"", LLU(w->by.at), LLU(w->by.number),
	         kinds[w->kind]);
	switch (w->kind) {
	case HO_WATCH_CALL: call_json_add(&t, w); break;
	case HO_WATCH_STATE:
		string_add(&t, "from", state_name(w->state.from));
		string_add(&t, "to", state_name(w->state.to));
		break;
	case HO_WATCH_QUEUE: queue_json_add(&t, w); break;
	case HO_WATCH_RETRANSMIT: retransmit_json_add(&t, w); break;
	case HO_WATCH_DROP: drop_json_add(&t, w); break;
	case HO_WATCH_COUNTER:
		counter_json_add(&t, &w->by);
		text_add(&t, ",\"delta\":%d", (int)w->by.delta);
		reason_json_add(&t, &w->by);
		break;
	default: break;
	}
	by_json_add(&t, &w->by);
	text_add(&t, "}");
	return t.len_bytes;
}
