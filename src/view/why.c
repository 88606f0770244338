/* SPDX-License-Identifier: MIT
 * Why a listener dropped what it dropped, in words: what happened, which limit was the smallest, whether its program is
 * slow, what to change, and what would not help.
 *
 * How a full accept queue is judged.  A connection that waits LONG_NS for accept() waits as long as a client whose SYN
 * was dropped (it sends again after 1 s): then the program is the trouble and no length of the queue is a cure.
 *   stalled   accept() was never called, or somebody waits that long now
 *   slow      somebody did wait that long, or would have, had all that came found room
 *   short     neither: a burst was larger than the queue */
#include <stdio.h>
#include <string.h>

#include "view.h"

#define LONG_NS HO_SEC

enum verdict { FINE, STALLED, SLOW, SHORT };

/* "1 SYN", "2 SYNs" */
static void count_add(struct text *t, uint64_t count, const char *what)
{
	text_add(t, "%llu %s%s", LLU(count), what, count == 1 ? "" : "s");
}

static void time_add(struct text *t, ho_time_ns ns)
{
	char buf[32];

	time_words(ns, buf, sizeof(buf));
	text_add(t, "%s", buf);
}

/* ---- facts ---- */

static uint64_t accept_full(const struct listener *l)
{
	return drops_sum(&l->i, HO_DROP_SYN_ACCEPT_FULL, HO_DROP_COOKIE_ACCEPT_FULL);
}

static uint64_t syn_full(const struct listener *l)
{
	return drops_sum(&l->i, HO_DROP_SYN_QUEUE_FULL, HO_DROP_SYN_BACKLOG);
}

static uint64_t other_drops(const struct listener *l)
{
	return drops_sum(&l->i, HO_DROP_DEFERRED, HO_DROP_UNACCEPTABLE);
}

bool listener_has_dropped(const struct listener *l)
{
	return drops_sum(&l->i, 0, HO_DROP_CAUSES - 1) > 0 || l->i.cookies > 0;
}

static ho_time_ns waiting_now(const struct listener *l)
{
	return l->i.oldest_waiting == HO_NEVER ? 0 : time_left(l->i.oldest_waiting, l->now);
}

/* How long the last of them would have waited, had all found room: as long for each place as was waited at most. */
static ho_time_ns wait_of_all(const struct listener *l)
{
	const struct ho_listener_info *i = &l->i;

	return i->accept_queue_max > 0 ? i->longest_wait / i->accept_queue_max * i->accept_queue_wanted : 0;
}

static enum verdict verdict_of(const struct listener *l)
{
	if (accept_full(l) == 0)
		return FINE;
	if (l->i.last_accept == HO_NEVER || waiting_now(l) >= LONG_NS)
		return STALLED;
	return l->i.longest_wait >= LONG_NS || wait_of_all(l) >= LONG_NS ? SLOW : SHORT;
}

/* listen()'s argument that would have been enough: the queue holds one more. */
static uint32_t backlog_enough(const struct listener *l)
{
	return l->i.accept_queue_wanted > 0 ? l->i.accept_queue_wanted - 1 : 0;
}

/* The same for the SYN queue, if each SYN that found no room was a client of its own. */
static uint64_t requests_enough(const struct listener *l)
{
	return l->i.syn_queue_max + syn_full(l);
}

static bool mostly_unanswered(const struct listener *l)
{
	return l->i.timed_out > 0 && l->i.timed_out * 2 >= l->i.requests - l->i.syn_queue;
}

/* ---- dropped ---- */

static void accept_drops_add(struct text *t, const struct listener *l)
{
	const uint64_t *d = l->i.drops;

	if (d[HO_DROP_SYN_ACCEPT_FULL] > 0) {
		count_add(t, d[HO_DROP_SYN_ACCEPT_FULL], "SYN");
		text_add(t,
		         " met a full accept queue: not answered; a client tries again after 1 s, and counts again. ");
	}
	if (d[HO_DROP_ACK_ACCEPT_FULL] > 0) {
		count_add(t, d[HO_DROP_ACK_ACCEPT_FULL], "final ACK");
		text_add(t, " (or data behind one) met a full accept queue: %s ",
		         l->i.abort_on_overflow ? "answered by a RST, as tcp_abort_on_overflow is 1."
		                                : "the client believes to be connected, here it stays half-open.");
	}
	if (d[HO_DROP_COOKIE_ACCEPT_FULL] > 0) {
		count_add(t, d[HO_DROP_COOKIE_ACCEPT_FULL], "valid cookie");
		text_add(t, " met a full accept queue: the client believes to be connected, here nobody knows of it. ");
	}
}

static void syn_drops_add(struct text *t, const struct listener *l)
{
	const uint64_t *d = l->i.drops;

	if (d[HO_DROP_SYN_QUEUE_FULL] > 0) {
		count_add(t, d[HO_DROP_SYN_QUEUE_FULL], "SYN");
		text_add(t, " met a full SYN queue: not answered. ");
	}
	if (d[HO_DROP_SYN_BACKLOG] > 0) {
		count_add(t, d[HO_DROP_SYN_BACKLOG], "SYN");
		text_add(t, " found less than a quarter of tcp_max_syn_backlog left: not answered. ");
	}
	if (d[HO_DROP_MEMORY] > 0)
		text_add(t, "%llu times there was no memory. ", LLU(d[HO_DROP_MEMORY]));
}

static void cookies_add(struct text *t, const struct listener *l)
{
	if (l->i.cookies == 0)
		return;
	count_add(t, l->i.cookies, "SYN");
	text_add(
		t,
		" had no place in the SYN queue and got a cookie, which loses nothing; %llu came back good, %llu bad. ",
		LLU(l->cookies_good), LLU(l->cookies_bad));
}

static void others_add(struct text *t, const struct listener *l)
{
	const char *between = "";

	if (other_drops(l) == 0)
		return;
	text_add(t, "Dropped, but not for want of room: ");
	for (unsigned cause = HO_DROP_DEFERRED; cause <= HO_DROP_UNACCEPTABLE; cause++) {
		if (l->i.drops[cause] == 0)
			continue;
		text_add(t, "%s%s: %llu", between, drop_words(cause), LLU(l->i.drops[cause]));
		between = "; ";
	}
	text_add(t, ". ");
}

static const char *packet_words(enum ho_listen_drop cause)
{
	switch (cause) {
	case HO_DROP_SYN_ACCEPT_FULL:
	case HO_DROP_SYN_QUEUE_FULL:
	case HO_DROP_SYN_BACKLOG: return "a SYN";
	case HO_DROP_ACK_ACCEPT_FULL: return "a final ACK";
	case HO_DROP_COOKIE_ACCEPT_FULL: return "an ACK with a cookie";
	default: return "a packet";
	}
}

static void last_drop_add(struct text *t, const struct listener *l)
{
	char peer[22];

	if (l->i.last_drop == HO_NEVER)
		return;
	text_add(t, "The last was %s of %s, ", packet_words(l->i.last_drop_cause),
	         ho_view_endpoint(l->i.last_drop_peer, peer));
	time_add(t, time_left(l->i.last_drop, l->now));
	text_add(t, " ago");
	if (l->i.last_drop_frame != 0)
		text_add(t, " (frame %llu)", LLU(l->i.last_drop_frame));
	text_add(t, ". ");
}

static void happened_say(struct words *w, const struct listener *l)
{
	struct text *t = words_begin(w);

	if (!listener_has_dropped(l))
		text_add(t, "Nothing. ");
	accept_drops_add(t, l);
	syn_drops_add(t, l);
	cookies_add(t, l);
	last_drop_add(t, l);
	others_add(t, l);
}

/* ---- limit ---- */

static void accept_limit_add(struct text *t, const struct ho_listener_info *i)
{
	text_add(t, "The accept queue holds %u (the limit and one more), held %u at most and %u now. ",
	         i->accept_queue_holds, i->accept_queue_max, i->accept_queue);
	if (i->accept_clamp == HO_CLAMP_BACKLOG) {
		text_add(t, "The smallest limit is listen(%d); net.core.somaxconn is %u. ", i->backlog_asked,
		         i->somaxconn);
		return;
	}
	text_add(t, "The smallest limit is net.core.somaxconn, %u when listen(%d) was called%s. ", i->limit,
	         i->backlog_asked, i->backlog_asked < 0 ? " (a negative number asks for all of it)" : "");
	if (i->somaxconn != i->limit)
		text_add(t, "It is %u now, which holds from the next listen() on. ", i->somaxconn);
}

static void syn_limit_add(struct text *t, const struct ho_listener_info *i)
{
	if (i->syncookies == 2) {
		text_add(t, "With net.ipv4.tcp_syncookies 2 the SYN queue is not used: every SYN gets a cookie. ");
		return;
	}
	text_add(t, "The SYN queue holds %u, held %u at most and %u now. ", i->syn_queue_holds, i->syn_queue_max,
	         i->syn_queue);
	if (i->syn_clamp == HO_CLAMP_MAX_SYN_BACKLOG)
		text_add(
			t,
			"The smallest limit is net.ipv4.tcp_max_syn_backlog, %u%s; listen(%d) and net.core.somaxconn %u are "
			"larger. ",
			i->max_syn_backlog,
			i->syncookies == 0 ? ", of which a quarter is kept for peers known already" : "",
			i->backlog_asked, i->somaxconn);
	else if (i->syn_clamp == HO_CLAMP_SOMAXCONN)
		text_add(t, "The smallest limit is net.core.somaxconn, %u when listen(%d) was called. ", i->limit,
		         i->backlog_asked);
	else
		text_add(t, "The smallest limit is listen(%d); net.core.somaxconn is %u. ", i->backlog_asked,
		         i->somaxconn);
}

static void limit_say(struct words *w, const struct listener *l)
{
	struct text *t = words_begin(w);

	if (accept_full(l) > 0 || (syn_full(l) == 0 && l->i.cookies == 0))
		accept_limit_add(t, &l->i);
	if (syn_full(l) > 0 || l->i.cookies > 0)
		syn_limit_add(t, &l->i);
}

/* ---- program ---- */

static void waiting_add(struct text *t, const struct listener *l)
{
	char peer[22];

	if (l->i.oldest_waiting == HO_NEVER) {
		text_add(t, "Nobody waits now. ");
		return;
	}
	text_add(t, "The oldest connection, of %s, has been waiting for ",
	         ho_view_endpoint(l->i.oldest_waiting_peer, peer));
	time_add(t, waiting_now(l));
	text_add(t, ". ");
}

static void program_say(struct words *w, const struct listener *l)
{
	struct text *t = words_begin(w);

	if (l->i.last_accept == HO_NEVER) {
		text_add(t, "It has listened for ");
		time_add(t, time_left(l->i.listening_since, l->now));
		text_add(t, " and never taken a connection. ");
	} else {
		text_add(t, "It has taken %llu of ", LLU(l->i.accepted));
		count_add(t, l->i.queued, "connection");
		text_add(t, ", the last one ");
		time_add(t, time_left(l->i.last_accept, l->now));
		text_add(t, " ago; none of them had waited for ");
		if (l->i.longest_wait >= HO_MS) {
			text_add(t, "more than ");
			time_add(t, l->i.longest_wait);
		} else {
			text_add(t, "a millisecond");
		}
		text_add(t, ". ");
	}
	waiting_add(t, l);
	if (mostly_unanswered(l))
		text_add(t, "%llu of %llu requests were given up, their SYN+ACKs never answered. ", LLU(l->i.timed_out),
		         LLU(l->i.requests));
}

/* ---- change ---- */

static void backlog_change_add(struct text *t, const struct listener *l)
{
	const struct ho_listener_info *i = &l->i;
	uint32_t enough = backlog_enough(l);
	bool asked_enough = (uint32_t)i->backlog_asked >= enough;

	text_add(t, "A burst was larger than the queue: at most %u would have waited at once. ",
	         i->accept_queue_wanted);
	if (!asked_enough)
		text_add(t, "listen(%u) would have been enough", enough);
	else
		text_add(t, "listen(%d) would have been enough", i->backlog_asked);
	if (enough > i->somaxconn)
		text_add(t, " with net.core.somaxconn %u or more, set before listen() is called. ", enough);
	else if (asked_enough)
		text_add(t, " with net.core.somaxconn as it is now: listen() must be called again. ");
	else
		text_add(t, ". ");
}

static void accept_change_add(struct text *t, const struct listener *l)
{
	switch (verdict_of(l)) {
	case FINE: return;
	case STALLED:
		text_add(t, "The program: it does not call accept()%s. Find out what it waits for. ",
		         l->i.last_accept == HO_NEVER ? "" : " any more");
		return;
	case SLOW:
		text_add(
			t,
			"The program: it is too slow at accept(). Let it accept before it works, or in more threads or "
			"processes. In a queue long enough for all, %u at most, the last would have waited for ",
			l->i.accept_queue_wanted);
		time_add(t, wait_of_all(l));
		text_add(t, ". ");
		return;
	case SHORT: backlog_change_add(t, l); return;
	}
}

static void syn_change_add(struct text *t, const struct listener *l)
{
	const struct ho_listener_info *i = &l->i;
	uint64_t enough = requests_enough(l), max_syn_backlog = ((enough - 1) * 4 + 2) / 3; /* all but a quarter */

	if (syn_full(l) == 0)
		return;
	text_add(t, "%snet.ipv4.tcp_syncookies 1: what finds no place in the SYN queue is answered all the same. ",
	         i->syncookies == 0 ? "" : "(set by now) ");
	if (mostly_unanswered(l)) {
		text_add(
			t,
			"Who does not answer a SYN+ACK is a flood, or cannot be reached: no queue is long enough for that. ");
		return;
	}
	text_add(t, "Or room for %llu requests at most:", LLU(enough));
	if (max_syn_backlog > i->max_syn_backlog)
		text_add(t, " net.ipv4.tcp_max_syn_backlog %llu,", LLU(max_syn_backlog));
	if (enough - 1 > i->somaxconn)
		text_add(t, " net.core.somaxconn %llu,", LLU(enough - 1));
	text_add(t, " listen(%llu) or more. ", LLU(enough - 1));
}

static void cookies_change_add(struct text *t, const struct listener *l)
{
	if (syn_full(l) > 0 || l->i.cookies == 0)
		return;
	if (l->i.syncookies == 2)
		text_add(t, "Nothing need be; tcp_syncookies 1 would use the queue first. ");
	else if (l->cookies_good * 2 < l->i.cookies)
		text_add(
			t,
			"Nothing need be: most cookies did not come back, which is a flood, or clients that are gone. ");
	else
		text_add(
			t,
			"A larger argument of listen() lets clients without timestamps keep window scaling and SACK, which a "
			"cookie cannot carry for them. ");
}

static void change_say(struct words *w, const struct listener *l)
{
	struct text *t = words_begin(w);

	accept_change_add(t, l);
	syn_change_add(t, l);
	cookies_change_add(t, l);
	if (l->i.drops[HO_DROP_MEMORY] > 0)
		text_add(t, "More memory for the stack, or fewer sockets. ");
	if (t->len_bytes == 0)
		text_add(t, "Nothing. ");
}

/* ---- no use ---- */

static void accept_no_use_add(struct text *t, const struct listener *l)
{
	switch (verdict_of(l)) {
	case FINE: return;
	case STALLED:
		text_add(t, "A larger listen() argument or net.core.somaxconn: a longer queue fills as well, later. ");
		break;
	case SLOW:
		text_add(t, "A larger listen() argument or net.core.somaxconn: who waits longer gives up instead. ");
		break;
	case SHORT:
		if (l->i.accept_clamp == HO_CLAMP_BACKLOG)
			text_add(t, "net.core.somaxconn alone: listen(%d) is the smaller one. ", l->i.backlog_asked);
		else
			text_add(t, "A larger argument of listen() alone: net.core.somaxconn is the smaller one. ");
		break;
	}
	text_add(
		t,
		"tcp_max_syn_backlog and tcp_syncookies: they are of the SYN queue. tcp_abort_on_overflow: it only tells "
		"clients earlier. ");
}

static void syn_no_use_add(struct text *t, const struct listener *l)
{
	const struct ho_listener_info *i = &l->i;

	if (accept_full(l) == 0)
		text_add(t, "A faster accept(): the accept queue had room. ");
	if (i->syncookies != 0 && syn_full(l) == 0)
		text_add(t, "tcp_max_syn_backlog: it has no effect with syncookies. ");
	else if (i->drops[HO_DROP_SYN_BACKLOG] == 0 && i->syn_clamp != HO_CLAMP_MAX_SYN_BACKLOG)
		text_add(t, "tcp_max_syn_backlog, %u: it is larger than the limit that was met. ", i->max_syn_backlog);
	else if (i->drops[HO_DROP_SYN_QUEUE_FULL] == 0)
		text_add(t, "listen() or net.core.somaxconn alone: tcp_max_syn_backlog is the smaller one. ");
}

static void no_use_say(struct words *w, const struct listener *l)
{
	struct text *t = words_begin(w);

	accept_no_use_add(t, l);
	if (syn_full(l) > 0 || l->i.cookies > 0)
		syn_no_use_add(t, l);
}

/* ---- a listener ---- */

static const struct {
	const char *heading, *name;
	void (*say)(struct words *w, const struct listener *l);
} parts[] = {
	{"dropped", "happened", happened_say}, {"limit", "limit", limit_say},    {"program", "program", program_say},
	{"change", "change", change_say},      {"no use", "no_use", no_use_say},
};

#define PARTS (sizeof(parts) / sizeof(parts[0]))

void listener_say(struct text *t, const struct listener *l)
{
	struct words w;
	char local[22];

	endpoint_words(l->i.local, local);
	text_add(t, "%s, listen(%d)\n", local, l->i.backlog_asked);
	for (size_t p = 0; p < PARTS; p++) {
		parts[p].say(&w, l);
		if (w.t.len_bytes == 0)
			continue;
		text_add(t, "  %-10s  ", parts[p].heading);
		words_wrap(t, w.buf);
	}
}

/* The sentences hold no character that JSON would escape, and each ends with a space. */
void listener_say_json(struct text *t, const struct listener *l)
{
	static const char *const verdicts[] = {
		[FINE] = "fine", [STALLED] = "stalled", [SLOW] = "slow", [SHORT] = "backlog"};
	struct words w;

	listener_json_add(t, l);
	text_add(t, ",\"accept_verdict\":\"%s\",\"backlog_enough_at_most\":%u", verdicts[verdict_of(l)],
	         backlog_enough(l));
	text_add(t, ",\"said\":{");
	for (size_t p = 0; p < PARTS; p++) {
		size_t len;

		parts[p].say(&w, l);
		len = strlen(w.buf);
		text_add(t, "%s\"%s\":\"%.*s\"", p > 0 ? "," : "", parts[p].name, (int)(len - (len > 0)), w.buf);
	}
	text_add(t, "}}");
}
