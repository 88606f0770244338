/* SPDX-License-Identifier: MIT
 * Which listener, which limit, which packet: what a listener tells of itself, and the words made of it. */
#include "tcp_lab.h"

#include <halfopen/view.h>
#include <jansson.h>

#define PEERS 64

struct world {
	struct tcp_lab t;
	int lfd;
	struct peer p[PEERS];
};

static char text[65536];

static struct world *world_open(struct lab_options o, const char *test)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->t = tcp_lab_with(o, test);
	for (unsigned i = 0; i < PEERS; i++)
		w->p[i] = peer_of(&w->t, i + 1);
	return w;
}
#define world() world_open((struct lab_options){0}, __func__)

static void world_close(struct world *w)
{
	tcp_lab_close(&w->t);
	free(w);
}

static struct ho_listener_info info(const struct world *w)
{
	struct ho_listener_info i;

	assert_int_equal(ho_sock_listener_info(w->t.l.s, w->lfd, &i), 0);
	return i;
}

static const char *why_about(const struct world *w, uint16_t port, const char *counter)
{
	struct ho_view_about about = {.listener.port = port,
	                              .counter = counter != NULL ? ho_counter_find(counter) : -1};

	text[0] = '\0';
	assert_true(ho_view_why(w->t.l.s, &about, text, sizeof(text)) < sizeof(text));
	return text;
}

static const char *why(const struct world *w)
{
	return why_about(w, 0, NULL);
}

/* The text without its line breaks, so that a sentence can be looked for. */
static bool says_that(const char *words, const char *sentence)
{
	static char flat[sizeof(text)];
	size_t n = 0;

	for (; *words != '\0'; words++)
		if ((*words != ' ' && *words != '\n') || (n > 0 && flat[n - 1] != ' '))
			flat[n++] = *words == '\n' ? ' ' : *words;
	flat[n] = '\0';
	if (strstr(flat, sentence) == NULL)
		print_message("%s\n", flat);
	return strstr(flat, sentence) != NULL;
}

static void syns(struct world *w, unsigned first, unsigned count)
{
	for (unsigned i = first; i < first + count; i++)
		says(&w->p[i], "S");
	lab_pump(&w->t.l);
	lab_forget(&w->t.l);
}

static void handshakes(struct world *w, unsigned first, unsigned count)
{
	for (unsigned i = first; i < first + count; i++)
		peer_handshake(&w->p[i]);
}

/* ---- the accept queue ---- */

static void a_program_that_never_accepts_is_told_with_limit_packet_and_oldest(void **state)
{
	struct world *w = world();

	(void)state;
	w->lfd = host_listen(&w->t, 1);
	handshakes(w, 0, 2);
	lab_at(&w->t, 400);
	syns(w, 2, 1);
	lab_at(&w->t, 1400);
	syns(w, 2, 1);
	lab_at(&w->t, 1900);
	assert_string_equal(
		why(w),
		"0.0.0.0:9000, listen(1)\n"
		"  dropped     2 SYNs met a full accept queue: not answered; a client tries again after 1 s, and\n"
		"              counts again. The last was a SYN of 198.18.0.1:40003, 500ms ago.\n"
		"  limit       The accept queue holds 2 (the limit and one more), held 2 at most and 2 now. The\n"
		"              smallest limit is listen(1); net.core.somaxconn is 4096.\n"
		"  program     It has listened for 1.900sec and never taken a connection. The oldest connection, of\n"
		"              198.18.0.1:40001, has been waiting for 1.900sec.\n"
		"  change      The program: it does not call accept(). Find out what it waits for.\n"
		"  no use      A larger listen() argument or net.core.somaxconn: a longer queue fills as well, later.\n"
		"              tcp_max_syn_backlog and tcp_syncookies: they are of the SYN queue.\n"
		"              tcp_abort_on_overflow: it only tells clients earlier.\n");
	world_close(w);
}

static void a_program_that_has_stopped_to_accept_is_told_from_one_that_never_did(void **state)
{
	struct world *w = world();

	(void)state;
	w->lfd = host_listen(&w->t, 0);
	handshakes(w, 0, 1);
	host_accept(&w->t, w->lfd);
	handshakes(w, 1, 1);
	syns(w, 2, 1);
	lab_at(&w->t, 1500);
	assert_true(says_that(why(w), "it does not call accept() any more."));
	assert_true(says_that(
		text, "It has taken 1 of 2 connections, the last one 1.500sec ago; none of them had waited for a "
		      "millisecond."));
	world_close(w);
}

static void the_backlog_that_is_said_to_be_enough_is_just_enough(void **state)
{
	static const int backlogs[] = {1, 4, 3};
	static const unsigned drops[] = {3, 0, 1};

	(void)state;
	for (unsigned run = 0; run < 3; run++) {
		struct world *w = world();

		w->lfd = host_listen(&w->t, backlogs[run]);
		for (unsigned i = 0; i < 5; i++) {
			says(&w->p[i], "S");
			if (i <= (unsigned)backlogs[run]) {
				hears(&w->p[i], "S. 0 ack 1");
				says(&w->p[i], ".");
			}
		}
		lab_at(&w->t, 10);
		while (ho_sock_accept(w->t.l.s, w->lfd, NULL) >= 0)
			;
		assert_int_equal(info(w).drops[HO_DROP_SYN_ACCEPT_FULL], drops[run]);
		assert_int_equal(info(w).accept_queue_wanted, 5);
		if (run == 0)
			assert_true(says_that(why(w),
			                      "at most 5 would have waited at once. listen(4) would have been enough. "
			                      "no use net.core.somaxconn alone: listen(1) is the smaller one."));
		world_close(w);
	}
}

/* Whoever was refused would still be waiting, unless the program asks for more than there is. */
static void what_was_wanted_ends_when_accept_finds_nothing(void **state)
{
	(void)state;
	for (unsigned empties = 0; empties < 2; empties++) {
		struct world *w = world();

		w->lfd = host_listen(&w->t, 1);
		handshakes(w, 0, 2);
		syns(w, 2, 1);
		assert_int_equal(info(w).accept_queue_wanted, 3);
		host_accept(&w->t, w->lfd);
		host_accept(&w->t, w->lfd);
		if (empties)
			host_accept_gives(&w->t, w->lfd, -EAGAIN);
		handshakes(w, 3, 2);
		syns(w, 5, 1);
		assert_int_equal(info(w).accept_queue_wanted, empties ? 3 : 4);
		assert_int_equal(info(w).accept_queue_max, 2);
		world_close(w);
	}
}

static void data_behind_a_refused_final_ack_is_no_second_client(void **state)
{
	struct world *w = world();

	(void)state;
	w->lfd = host_listen(&w->t, 1);
	says(&w->p[0], "S");
	hears(&w->p[0], "S. 0 ack 1");
	handshakes(w, 1, 2);
	says(&w->p[0], ".");
	says(&w->p[0], "P. 1:5");
	says(&w->p[0], "P. 1:5");
	assert_int_equal(info(w).drops[HO_DROP_ACK_ACCEPT_FULL], 3);
	assert_int_equal(info(w).accept_queue_wanted, 3);
	assert_true(says_that(why(w),
	                      "3 final ACKs (or data behind one) met a full accept queue: the client believes to be "
	                      "connected, here it stays half-open. The last was a final ACK of 198.18.0.1:40001,"));
	host_accept(&w->t, w->lfd);
	says(&w->p[0], "P. 1:5"); /* there is room: the same client */
	host_queues(&w->t, w->lfd, 0, 2);
	assert_int_equal(info(w).accept_queue_wanted, 3);
	world_close(w);
}

static void a_wait_of_a_second_makes_the_program_slow_and_not_the_backlog_small(void **state)
{
	struct world *w = world();

	(void)state;
	w->lfd = host_listen(&w->t, 1);
	handshakes(w, 0, 2);
	syns(w, 2, 2);
	lab_at(&w->t, 1200);
	host_accept(&w->t, w->lfd);
	host_accept(&w->t, w->lfd);
	assert_int_equal(info(w).longest_wait, 1200 * HO_MS);
	assert_true(says_that(why(w), "none of them had waited for more than 1.200sec. Nobody waits now."));
	assert_true(says_that(text, "it is too slow at accept()."));
	assert_true(
		says_that(text, "In a queue long enough for all, 4 at most, the last would have waited for 2.400sec."));
	assert_true(says_that(text, "who waits longer gives up instead."));
	world_close(w);
}

static void somaxconn_is_named_when_it_was_the_smaller_one_and_listen_must_be_called_again(void **state)
{
	struct world *w = world();

	(void)state;
	host_sysctl(&w->t, "net.core.somaxconn", "1");
	w->lfd = host_listen(&w->t, 100);
	handshakes(w, 0, 2);
	syns(w, 2, 1);
	host_accept(&w->t, w->lfd);
	host_accept(&w->t, w->lfd);
	assert_int_equal(info(w).accept_clamp, HO_CLAMP_SOMAXCONN);
	assert_true(
		says_that(why(w), "The smallest limit is net.core.somaxconn, 1 when listen(100) was called. program"));
	assert_true(says_that(
		text, "listen(100) would have been enough with net.core.somaxconn 2 or more, set before listen() is "
		      "called."));
	host_sysctl(&w->t, "net.core.somaxconn", "4096");
	assert_true(says_that(why(w), "It is 4096 now, which holds from the next listen() on."));
	assert_true(says_that(text, "with net.core.somaxconn as it is now: listen() must be called again."));
	assert_true(
		says_that(text, "no use A larger argument of listen() alone: net.core.somaxconn is the smaller one."));
	host_backlog(&w->t, w->lfd, 100);
	assert_int_equal(info(w).accept_clamp, HO_CLAMP_BACKLOG);
	assert_int_equal(info(w).accept_queue_holds, 101);
	world_close(w);
}

static void a_negative_backlog_asks_for_all_of_somaxconn(void **state)
{
	struct world *w = world();

	(void)state;
	host_sysctl(&w->t, "net.core.somaxconn", "0");
	w->lfd = host_listen(&w->t, -1);
	handshakes(w, 0, 1);
	syns(w, 1, 1);
	assert_true(
		says_that(why(w), "somaxconn, 0 when listen(-1) was called (a negative number asks for all of it)."));
	world_close(w);
}

/* ---- the SYN queue ---- */

static void what_a_syn_queue_is_said_to_hold_is_what_it_holds(void **state)
{
	static const char *const max_syn_backlogs[] = {"0", "1", "3", "4", "16", "20", "64", "2048"};
	static const int backlogs[] = {0, 1, 4, 12, 30};

	(void)state;
	for (unsigned run = 0; run < 8 * 5 * 2 * 2; run++) {
		unsigned profile = run / 80 ? HO_LINUX_3_10 : HO_LINUX_6_18;
		struct world *w = world_open((struct lab_options){.linux_profile = profile}, __func__);
		struct ho_listener_info i;

		host_sysctl(&w->t, "net.ipv4.tcp_syncookies", run / 40 % 2 ? "1" : "0");
		host_sysctl(&w->t, "net.ipv4.tcp_max_syn_backlog", max_syn_backlogs[run % 8]);
		w->lfd = host_listen(&w->t, backlogs[run / 8 % 5]);
		syns(w, 0, PEERS);
		i = info(w);
		assert_int_equal(i.syn_queue, i.syn_queue_holds < PEERS ? i.syn_queue_holds : PEERS);
		assert_int_equal(i.syn_clamp == HO_CLAMP_MAX_SYN_BACKLOG && i.syncookies == 0,
		                 i.syncookies == 0 && (i.drops[HO_DROP_SYN_BACKLOG] > 0 ||
		                                       (profile == HO_LINUX_3_10 && i.max_syn_backlog < i.limit)));
		world_close(w);
	}
}

static void a_full_syn_queue_without_cookies_is_told_with_the_limit_that_was_met(void **state)
{
	struct world *w = world();

	(void)state;
	host_sysctl(&w->t, "net.ipv4.tcp_syncookies", "0");
	w->lfd = host_listen(&w->t, 4);
	syns(w, 0, 8);
	assert_string_equal(
		why(w),
		"0.0.0.0:9000, listen(4)\n"
		"  dropped     3 SYNs met a full SYN queue: not answered. The last was a SYN of 198.18.0.1:40008, 0ms\n"
		"              ago.\n"
		"  limit       The SYN queue holds 5, held 5 at most and 5 now. The smallest limit is listen(4);\n"
		"              net.core.somaxconn is 4096.\n"
		"  program     It has listened for 0ms and never taken a connection. Nobody waits now.\n"
		"  change      net.ipv4.tcp_syncookies 1: what finds no place in the SYN queue is answered all the\n"
		"              same. Or room for 8 requests at most: listen(7) or more.\n"
		"  no use      A faster accept(): the accept queue had room. tcp_max_syn_backlog, 2048: it is larger\n"
		"              than the limit that was met.\n");
	world_close(w);
}

static void three_quarters_of_max_syn_backlog_are_told_from_the_argument(void **state)
{
	struct world *w = world();

	(void)state;
	host_sysctl(&w->t, "net.ipv4.tcp_syncookies", "0");
	host_sysctl(&w->t, "net.ipv4.tcp_max_syn_backlog", "16");
	w->lfd = host_listen(&w->t, 10);
	syns(w, 0, 5);
	assert_int_equal(info(w).syn_clamp, HO_CLAMP_BACKLOG);
	world_close(w);

	w = world();
	host_sysctl(&w->t, "net.ipv4.tcp_syncookies", "0");
	host_sysctl(&w->t, "net.ipv4.tcp_max_syn_backlog", "16");
	w->lfd = host_listen(&w->t, 100);
	syns(w, 0, 20);
	assert_true(says_that(why(w), "7 SYNs found less than a quarter of tcp_max_syn_backlog left: not answered."));
	assert_true(says_that(text,
	                      "The SYN queue holds 13, held 13 at most and 13 now. The smallest limit is "
	                      "net.ipv4.tcp_max_syn_backlog, 16, of which a quarter is kept for peers known already; "
	                      "listen(100) and net.core.somaxconn 4096 are larger."));
	assert_true(says_that(text,
	                      "Or room for 20 requests at most: net.ipv4.tcp_max_syn_backlog 26, listen(19) or more."));
	assert_true(says_that(text, "listen() or net.core.somaxconn alone: tcp_max_syn_backlog is the smaller one."));
	world_close(w);

	w = world(); /* what was said */
	host_sysctl(&w->t, "net.ipv4.tcp_syncookies", "0");
	host_sysctl(&w->t, "net.ipv4.tcp_max_syn_backlog", "26");
	w->lfd = host_listen(&w->t, 19);
	syns(w, 0, 20);
	assert_true(says_that(why(w), "no listener has dropped anything"));
	world_close(w);
}

static void requests_that_nobody_answers_are_called_a_flood(void **state)
{
	struct world *w = world();

	(void)state;
	host_sysctl(&w->t, "net.ipv4.tcp_syncookies", "0");
	w->lfd = host_listen(&w->t, 4);
	syns(w, 0, 8);
	lab_at(&w->t, 70000);
	lab_forget(&w->t.l);
	assert_int_equal(info(w).timed_out, 5);
	assert_true(says_that(why(w), "5 of 5 requests were given up, their SYN+ACKs never answered."));
	assert_true(says_that(text, "is a flood, or cannot be reached: no queue is long enough for that."));
	world_close(w);
}

static void cookies_are_no_drops_and_the_words_say_so(void **state)
{
	struct world *w = world();

	(void)state;
	w->lfd = host_listen(&w->t, 4);
	syns(w, 0, 8);
	assert_true(says_that(
		why(w), "dropped 3 SYNs had no place in the SYN queue and got a cookie, which loses nothing; 0 came "
			"back good, 0 bad. limit The SYN queue holds 5"));
	assert_true(says_that(text, "tcp_max_syn_backlog: it has no effect with syncookies."));
	world_close(w);

	w = world();
	host_sysctl(&w->t, "net.ipv4.tcp_syncookies", "2");
	w->lfd = host_listen(&w->t, 4);
	syns(w, 0, 1);
	assert_int_equal(info(w).syn_queue_holds, 0);
	assert_true(says_that(why(w), "every SYN gets a cookie."));
	world_close(w);
}

static void drops_for_other_reasons_stand_apart(void **state)
{
	struct world *w = world();

	(void)state;
	w->lfd = host_listen(&w->t, 4);
	says(&w->p[0], "S");
	hears(&w->p[0], "S. 0 ack 1");
	says(&w->p[0], "S 0 <mss 1460,sackOK,TS,nop,wscale 7>");
	hears(&w->p[0], "S. 0 ack 1");
	says(&w->p[0], "R 1");
	assert_true(says_that(
		why(w), "dropped Dropped, but not for want of room: a SYN came again and was answered again: 1; "));
	assert_int_equal(info(w).last_drop, HO_NEVER);
	world_close(w);
}

/* ---- which listener, which counter ---- */

static void a_listener_that_is_named_is_told_of_whatever_it_did(void **state)
{
	struct world *w = world();

	(void)state;
	assert_string_equal(why(w), "nobody listens\n");
	w->lfd = host_listen(&w->t, 4);
	assert_string_equal(why(w), "no listener has dropped anything\n");
	assert_true(says_that(why_about(w, LAB_PORT, NULL),
	                      "0.0.0.0:9000, listen(4) dropped Nothing. limit The accept queue holds 5"));
	assert_string_equal(why_about(w, LAB_PORT + 1, NULL), "");
	world_close(w);
}

static void a_counter_is_shared_out_among_its_listeners(void **state)
{
	struct world *w = world();
	int other;

	(void)state;
	w->lfd = host_listen(&w->t, 0);
	other = host_socket(&w->t);
	host_bind(&w->t, other, 9001);
	host_backlog(&w->t, other, 0);
	w->p[9].host_port = w->p[10].host_port = 9001;
	handshakes(w, 0, 1);
	syns(w, 1, 3);
	handshakes(w, 9, 1);
	syns(w, 10, 1);
	assert_true(
		says_that(why_about(w, 0, "TcpExtListenOverflows"),
	                  "TcpExtListenOverflows 4 meaning a SYN or a final ACK met a full accept queue where 4 on the "
	                  "listeners below, 0 elsewhere 0.0.0.0:9000"));
	assert_true(says_that(text, "counted TcpExtListenOverflows 3 0.0.0.0:9001"));
	assert_true(says_that(why_about(w, 9001, "ListenOverflows"), "where 1 on the listener below, 3 elsewhere"));
	assert_null(strstr(text, ":9000"));
	assert_true(says_that(why_about(w, 0, "TcpExtTCPReqQFullDrop"), "where nobody moved it"));
	assert_true(says_that(why_about(w, 0, "IpInReceives"), "where on no listener that is open now"));
	host_close(&w->t, other);
	assert_true(says_that(why_about(w, 0, "ListenOverflows"), "where 3 on the listener below, 1 elsewhere"));
	world_close(w);
}

/* ---- the table, JSON, short buffers ---- */

static void the_table_has_both_queues_now_at_most_and_how_many_fit(void **state)
{
	struct world *w = world();

	(void)state;
	w->lfd = host_listen(&w->t, 1);
	handshakes(w, 0, 2);
	syns(w, 2, 1);
	host_accept(&w->t, w->lfd);
	syns(w, 3, 1);
	lab_at(&w->t, 250);
	assert_true(ho_view_listeners(w->t.l.s, text, sizeof(text)) < sizeof(text));
	assert_string_equal(
		text, "Listener                    Accept-Q          SYN-Q   listen() somaxconn  Accepted    Drops    "
		      "Oldest Last accept\n"
		      "0.0.0.0:9000                   1/2/2          1/1/2          1      4096         1        1     "
		      "250ms       250ms\n"
		      "           1  a SYN met a full accept queue\n"
		      "        last  250ms ago: a SYN met a full accept queue, from 198.18.0.1:40003\n");
	world_close(w);
}

static json_int_t number(const json_t *o, const char *a, const char *b)
{
	const json_t *v = json_object_get(o, a);

	v = b != NULL ? json_object_get(v, b) : v;
	assert_true(json_is_integer(v));
	return json_integer_value(v);
}

static const char *string(const json_t *o, const char *a, const char *b)
{
	const json_t *v = json_object_get(o, a);

	v = b != NULL ? json_object_get(v, b) : v;
	assert_true(json_is_string(v));
	return json_string_value(v);
}

/* One of a document's listeners. */
static const json_t *listener_of(json_t *document, size_t i)
{
	const json_t *l = json_array_get(json_object_get(document, "listeners"), i);

	assert_true(json_is_object(l));
	return l;
}

static void json_has_the_numbers_and_the_words(void **state)
{
	struct world *w = world();
	struct ho_view_about about = {.counter = HO_TcpExtListenOverflows};
	const json_t *l;
	json_t *j;

	(void)state;
	w->lfd = host_listen(&w->t, 1);
	handshakes(w, 0, 2);
	syns(w, 2, 3);
	lab_at(&w->t, 300);
	assert_true(ho_view_listeners_json(w->t.l.s, text, sizeof(text)) < sizeof(text));
	j = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(j);
	l = listener_of(j, 0);
	assert_string_equal(string(l, "local", NULL), "0.0.0.0:9000");
	assert_int_equal(number(l, "backlog", NULL), 1);
	assert_int_equal(number(l, "accept_queue", "now"), 2);
	assert_int_equal(number(l, "accept_queue", "wanted_at_most"), 5);
	assert_int_equal(number(l, "drops", "syn_accept_queue_full"), 3);
	assert_int_equal(number(l, "sk_drops", NULL), 3);
	assert_string_equal(string(l, "last_drop", "peer"), "198.18.0.1:40005");
	assert_int_equal(number(l, "oldest_waiting_ms", NULL), 300);
	assert_true(json_is_null(json_object_get(l, "last_accept_ms_ago")));
	json_decref(j);
	assert_true(ho_view_why_json(w->t.l.s, &about, text, sizeof(text)) < sizeof(text));
	j = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(j);
	l = listener_of(j, 0);
	assert_int_equal(number(j, "value", NULL), 3);
	assert_int_equal(number(j, "on_listeners", NULL), 3);
	assert_string_equal(string(l, "accept_verdict", NULL), "stalled");
	assert_string_equal(string(l, "said", "change"),
	                    "The program: it does not call accept(). Find out what it waits for.");
	json_decref(j);
	world_close(w);
}

static void short_buffers_are_never_overrun(void **state)
{
	struct ho_view_about about = {.counter = -1};
	struct world *w = world();
	char exact[64];

	(void)state;
	w->lfd = host_listen(&w->t, 0);
	handshakes(w, 0, 1);
	syns(w, 1, 1);
	for (unsigned v = 0; v < 4; v++) {
		for (size_t cap = 0; cap < sizeof(exact); cap++) {
			size_t need = v == 0   ? ho_view_why(w->t.l.s, &about, exact, cap)
			              : v == 1 ? ho_view_why_json(w->t.l.s, &about, exact, cap)
			              : v == 2 ? ho_view_listeners(w->t.l.s, exact, cap)
			                       : ho_view_listeners_json(w->t.l.s, exact, cap);

			assert_true(need > sizeof(exact));
			if (cap > 0)
				assert_int_equal(strlen(exact), cap - 1);
		}
	}
	world_close(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_program_that_never_accepts_is_told_with_limit_packet_and_oldest),
		cmocka_unit_test(a_program_that_has_stopped_to_accept_is_told_from_one_that_never_did),
		cmocka_unit_test(the_backlog_that_is_said_to_be_enough_is_just_enough),
		cmocka_unit_test(what_was_wanted_ends_when_accept_finds_nothing),
		cmocka_unit_test(data_behind_a_refused_final_ack_is_no_second_client),
		cmocka_unit_test(a_wait_of_a_second_makes_the_program_slow_and_not_the_backlog_small),
		cmocka_unit_test(somaxconn_is_named_when_it_was_the_smaller_one_and_listen_must_be_called_again),
		cmocka_unit_test(a_negative_backlog_asks_for_all_of_somaxconn),
		cmocka_unit_test(what_a_syn_queue_is_said_to_hold_is_what_it_holds),
		cmocka_unit_test(a_full_syn_queue_without_cookies_is_told_with_the_limit_that_was_met),
		cmocka_unit_test(three_quarters_of_max_syn_backlog_are_told_from_the_argument),
		cmocka_unit_test(requests_that_nobody_answers_are_called_a_flood),
		cmocka_unit_test(cookies_are_no_drops_and_the_words_say_so),
		cmocka_unit_test(drops_for_other_reasons_stand_apart),
		cmocka_unit_test(a_listener_that_is_named_is_told_of_whatever_it_did),
		cmocka_unit_test(a_counter_is_shared_out_among_its_listeners),
		cmocka_unit_test(the_table_has_both_queues_now_at_most_and_how_many_fit),
		cmocka_unit_test(json_has_the_numbers_and_the_words),
		cmocka_unit_test(short_buffers_are_never_overrun),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
