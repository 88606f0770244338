/* SPDX-License-Identifier: MIT
 * Pages of counters: every counter that moves has one, and the names in them exist; what moved on a stack, worst
 * first. */
#include "tcp_lab.h"

#include <ctype.h>
#include <halfopen/view.h>
#include <jansson.h>
#include <pages.h>

static char text[1 << 18];

static bool moves(const struct ho_counter_row *row)
{
	return row->kind == HO_LIVE || row->kind == HO_LEVEL;
}

/* ---- pages ---- */

static bool begins(const char *words, const char *with)
{
	return strncmp(words, with, strlen(with)) == 0;
}

static void page_is_complete(const char *name, const struct page *p)
{
	bool sentence = p->means[0] != '\0' && p->means[strlen(p->means) - 1] == '.';
	bool judged = begins(p->bad, "yes: ") || begins(p->bad, "no: ") || strcmp(p->bad, "no") == 0 ||
	              begins(p->bad, "it depends: ");

	if (!sentence || !judged || strlen(p->next) < 5 || p->since[0] == '\0' || strlen(p->source) < 5)
		fail_msg("%s: its page is not complete", name);
}

static void every_counter_that_moves_has_a_complete_page_and_no_other_has_one(void **state)
{
	char name[64];

	(void)state;
	for (unsigned i = 0; i < HO_COUNTER_COUNT; i++) {
		const struct ho_counter_row *row = ho_counter_row(i);
		const struct page *p = page_of(i);

		ho_counter_name(i, name, sizeof(name));
		if ((p != NULL) != (row == NULL || moves(row)))
			fail_msg("%s: %s", name,
			         p == NULL ? "it moves and has no page" : "it does not move and has a page");
		if (p != NULL)
			page_is_complete(name, p);
	}
}

static void a_loss_is_called_bad_and_ordinary_work_is_not(void **state)
{
	(void)state;
	for (unsigned i = 0; i < HO_COUNTER_COUNT; i++) {
		const struct page *p = page_of(i);

		if (p == NULL)
			continue;
		assert_true((p->grade == LOST) <= begins(p->bad, "yes"));
		assert_true((p->grade == FINE) == begins(p->bad, "no") || p->grade == WATCH);
	}
}

static void a_page_says_it_all_in_one_order(void **state)
{
	static const char *const headings[] = {"\n  kind  ",    "\n  counts  ", "\n  means  ",     "\n  bad  ",
	                                       "\n  look at  ", "\n  limits  ", "\n  documents  ", "\n  often said  ",
	                                       "\n  since  ",   "\n  source  ", "\n  relations  "};
	const char *at = text;

	(void)state;
	ho_view_explain("TcpExtListenOverflows", text, sizeof(text));
	for (size_t i = 0; i < sizeof(headings) / sizeof(headings[0]); i++) {
		at = strstr(at, headings[i]);
		assert_non_null(at);
	}
}

/* ---- names ---- */

static const char *const groups[] = {"IpExt", "Ip", "IcmpMsg", "Icmp", "TcpExt", "Tcp", "Udp"};

/* A name as nstat prints it begins with a group and goes on with a capital or a digit. */
static bool looks_like_a_counter(const char *word)
{
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		size_t len = strlen(groups[i]);

		if (begins(word, groups[i]) && isupper((unsigned char)word[len]))
			return true;
	}
	return false;
}

static bool is_sysctl(const char *word)
{
	const char *name;

	for (unsigned i = 0; (name = ho_sysctl_name(i)) != NULL; i++)
		if (strcmp(name, word) == 0)
			return true;
	return false;
}

/* Calls each for the words of a text, without what stands around them. */
static void words_of(const char *of, const char *words, void (*each)(const char *of, const char *word))
{
	static const char inside[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.";
	char word[128];

	while (*words != '\0') {
		size_t len = strspn(words, inside);

		if (len > 0 && len < sizeof(word)) {
			memcpy(word, words, len);
			while (len > 1 && word[len - 1] == '.')
				len--;
			word[len] = '\0';
			each(of, word);
		}
		words += len > 0 ? strspn(words, inside) : 1;
	}
}

static unsigned names_seen;

static void name_exists(const char *of, const char *word)
{
	bool counter = looks_like_a_counter(word), sysctl = begins(word, "net.");

	if (strcmp(word, "IcmpMsgInType") == 0 || strcmp(word, "IcmpMsgOutType") == 0)
		return; /* all types */
	names_seen += counter || sysctl;
	if (counter && ho_counter_find(word) < 0)
		fail_msg("%s: there is no counter %s", of, word);
	if (sysctl && !is_sysctl(word))
		fail_msg("%s: there is no sysctl %s", of, word);
}

static void counters_and_sysctls_that_pages_name_exist(void **state)
{
	char name[64];

	(void)state;
	names_seen = 0;
	for (unsigned i = 0; i < HO_COUNTER_COUNT; i++) {
		const struct page *p = page_of(i);

		ho_counter_name(i, name, sizeof(name));
		if (p == NULL)
			continue;
		words_of(name, p->means, name_exists);
		words_of(name, p->bad, name_exists);
		words_of(name, p->next, name_exists);
		words_of(name, p->limits, name_exists);
		ho_view_explain(name, text, sizeof(text));
		words_of(name, text, name_exists);
	}
	assert_true(names_seen > 1000);
}

static void counter_exists(const char *of, const char *word)
{
	if (ho_counter_find(word) < 0)
		fail_msg("%s: there is no counter %s", of, word);
}

static void relations_name_counters_that_exist_and_have_words_of_their_own(void **state)
{
	const struct relation *r;

	(void)state;
	for (unsigned i = 0; (r = relation_row(i)) != NULL; i++) {
		assert_true(ho_counter_find(r->word) < 0);
		words_of(r->word, r->counters, counter_exists);
		words_of(r->word, r->text, name_exists);
		words_of(r->word, r->holds, name_exists);
		for (unsigned k = 0; k < i; k++)
			assert_string_not_equal(r->word, relation_row(k)->word);
		assert_true(ho_view_explain(r->word, text, sizeof(text)) > 0);
		assert_true(begins(text, r->word));
	}
	assert_true(ho_view_explain_relations(NULL, text, sizeof(text)) > 1000);
	assert_int_equal(ho_view_explain_relations("no-such-relation", text, sizeof(text)), 0);
}

static void a_relation_is_about_whole_names_only(void **state)
{
	static const struct relation r = {.counters = "TcpExtTW TcpOutSegs"};

	(void)state;
	assert_true(relation_is_about(&r, "TcpExtTW"));
	assert_true(relation_is_about(&r, "TcpOutSegs"));
	assert_false(relation_is_about(&r, "TcpExtT"));
	assert_false(relation_is_about(&r, "OutSegs"));
	assert_false(relation_is_about(&r, "TcpOutSeg"));
}

/* ---- all of them ---- */

static void the_list_has_a_line_for_each_counter_under_its_group(void **state)
{
	const char *at = text;
	char line[80];

	(void)state;
	assert_true(ho_view_explain_list(text, sizeof(text)) < sizeof(text));
	for (unsigned i = 0; i < HO_COUNTER_ROWS; i++) {
		const struct ho_counter_row *row = ho_counter_row(i);

		snprintf(line, sizeof(line), "\n  %s ", row->name);
		at = strstr(at, line);
		assert_non_null(at);
		at++;
	}
	assert_non_null(strstr(text, "\nTcpExt: "));
}

static void markdown_has_a_section_for_each_counter(void **state)
{
	char name[64], line[80];

	(void)state;
	assert_true(ho_view_explain_markdown(text, sizeof(text)) < sizeof(text));
	for (unsigned i = 0; i < HO_COUNTER_ROWS; i++) {
		ho_counter_name(i, name, sizeof(name));
		snprintf(line, sizeof(line), "\n### %s\n", name);
		assert_non_null(strstr(text, line));
	}
}

static size_t say(unsigned view, const struct ho_stack *s, char *buf, size_t cap_bytes)
{
	switch (view) {
	case 0: return ho_view_explain("TcpExtListenDrops", buf, cap_bytes);
	case 1: return ho_view_explain_list(buf, cap_bytes);
	case 2: return ho_view_explain_relations(NULL, buf, cap_bytes);
	case 3: return ho_view_explain_moved(s, buf, cap_bytes);
	case 4: return ho_view_explain_moved_json(s, buf, cap_bytes);
	default: return ho_view_explain_markdown(buf, cap_bytes);
	}
}

static void a_short_buffer_gets_the_beginning_and_the_whole_length_is_told(void **state)
{
	struct tcp_lab t = tcp_lab();

	(void)state;
	t.l.s->counter[HO_TcpExtListenDrops] = 3;
	for (unsigned view = 0; view < 6; view++) {
		size_t len = say(view, t.l.s, text, sizeof(text));

		assert_true(len > 0 && len < sizeof(text));
		assert_int_equal(strlen(text), len);
		assert_int_equal(say(view, t.l.s, NULL, 0), len);
		for (size_t cap = 1; cap <= len + 1; cap += 1 + len / 13) {
			char *exact = malloc(cap); /* the sanitizers guard its end */

			assert_non_null(exact);
			assert_int_equal(say(view, t.l.s, exact, cap), len);
			assert_int_equal(strlen(exact), cap - 1);
			assert_memory_equal(exact, text, cap - 1);
			free(exact);
		}
	}
	tcp_lab_close(&t);
}

/* ---- what moved ---- */

static const char *moved(const struct tcp_lab *t)
{
	assert_true(ho_view_explain_moved(t->l.s, text, sizeof(text)) < sizeof(text));
	return text;
}

static void a_full_accept_queue_comes_first_with_listener_limit_and_cause(void **state)
{
	struct tcp_lab t = tcp_lab();
	struct peer p[3];
	const char *ordinary;

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		p[i] = peer_of(&t, i + 1);
	host_listen(&t, 1);
	peer_handshake(&p[0]);
	peer_handshake(&p[1]);
	for (unsigned at = 400; at <= 1400; at += 1000) {
		lab_at(&t, at);
		says(&p[2], "S");
		quiet(&t);
	}
	lab_at(&t, 1900);
	ordinary = strstr(moved(&t), "\n-- ordinary work");
	assert_non_null(ordinary);
	text[ordinary - text] = '\0';
	assert_string_equal(
		text,
		"-- who dropped, and what to change\n"
		"\n"
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
		"              tcp_abort_on_overflow: it only tells clients earlier.\n"
		"\n"
		"-- this host refused or lost something\n"
		"\n"
		"TcpExtListenOverflows  2\n"
		"  counts      a SYN or a final ACK met a full accept queue\n"
		"  where       listener 0.0.0.0:9000: 2\n"
		"  means       A program does not call accept() as fast as clients connect, so the queue of finished\n"
		"              connections is full.\n"
		"  bad         yes: a client whose SYN is dropped waits a second and tries again; one whose final ACK\n"
		"              is dropped believes to be connected\n"
		"  look at     `ss -ltn`: Recv-Q above Send-Q is a full queue now. `halfopen why`: which listener,\n"
		"              its limit, whether the program is slow. A longer queue helps against bursts only, not\n"
		"              against a slow program.\n"
		"  limits      listen()'s argument, net.core.somaxconn (the smaller one, at the time of listen()),\n"
		"              net.ipv4.tcp_abort_on_overflow\n"
		"\n"
		"TcpExtListenDrops  2\n"
		"  counts      a listener dropped a SYN or a final ACK that it wanted to serve (queue full, no\n"
		"              memory); not: rubbish sent to a listener\n"
		"  where       listener 0.0.0.0:9000: 2\n"
		"  means       A listener dropped a SYN or a final ACK. Each of TcpExtListenOverflows is in it; what\n"
		"              is left over met a full SYN queue without cookies, or a lack of memory.\n"
		"  bad         yes: clients wait, and try again after a second\n"
		"  look at     TcpExtListenOverflows: as many, then it is the accept queue. TcpExtTCPReqQFullDrop:\n"
		"              the SYN queue. Neither: tcp_max_syn_backlog, memory, an ICMP error about a half-open\n"
		"              client, a SYN to a broadcast or multicast address, or no route back to the client\n"
		"              (IpOutNoRoutes). `halfopen why`.\n"
		"  limits      listen()'s argument, net.core.somaxconn, net.ipv4.tcp_syncookies,\n"
		"              net.ipv4.tcp_max_syn_backlog (without cookies only)\n"
		"\n"
		"-- read together: halfopen explain WORD\n"
		"\n"
		"connected-but-dead: The client is connected, the server knows nothing of it\n"
		"  numbers     TcpPassiveOpens 2, TcpExtListenOverflows 2, TcpExtSyncookiesRecv 0,\n"
		"              TcpExtTCPDeferAcceptDrop 0, TcpExtTCPSynRetrans 0, TcpExtTSEcrRejected 0\n"
		"listen-drops: ListenDrops without ListenOverflows\n"
		"  numbers     TcpExtListenDrops 2, TcpExtListenOverflows 2, TcpExtTCPReqQFullDrop 0\n"
		"overflow-at-syn-or-ack: ListenOverflows: was it a SYN or a final ACK?\n"
		"  numbers     TcpExtListenOverflows 2, TcpExtListenDrops 2, TcpExtTCPSynRetrans 0,\n"
		"              TcpExtEmbryonicRsts 0, TcpExtSyncookiesRecv 0\n");
	assert_non_null(strstr(ordinary + 1, "  TcpInSegs                        6\n"));
	tcp_lab_close(&t);
}

static uint64_t random_state;

static uint32_t random_below(uint32_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)((random_state >> 32) * below >> 32);
}

static const struct ho_stack *sorting;

/* Worst first, then by value, then as Linux prints them; what is fine only as Linux prints it. */
static int worse(const void *a, const void *b)
{
	unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;
	const struct page *p = page_of(x), *q = page_of(y);

	if (p->grade != q->grade)
		return p->grade < q->grade ? -1 : 1;
	if (p->grade != FINE && sorting->counter[x] != sorting->counter[y])
		return sorting->counter[x] > sorting->counter[y] ? -1 : 1;
	return x < y ? -1 : x > y;
}

/* The next line "Name  value", or with two spaces before it.  Gives  where the line ends. */
static const char *next_named(const char *at, const char *name, uint64_t value)
{
	for (; *at != '\0'; at += strcspn(at, "\n"), at += *at == '\n') {
		size_t spaces = strspn(at, " "), len = strcspn(at + spaces, " \n");

		if (spaces > 2 || !looks_like_a_counter(at + spaces))
			continue;
		if (len != strlen(name) || memcmp(at + spaces, name, len) != 0)
			fail_msg("%s was to come, not %.*s", name, (int)len, at + spaces);
		assert_int_equal(strtoull(at + spaces + len, NULL, 10), value);
		return at + strcspn(at, "\n");
	}
	fail_msg("%s is missing", name);
	return at;
}

static json_t *moved_json(const struct tcp_lab *t)
{
	json_error_t error;
	json_t *j;

	assert_true(ho_view_explain_moved_json(t->l.s, text, sizeof(text)) < sizeof(text));
	j = json_loads(text, JSON_REJECT_DUPLICATES, &error);
	if (j == NULL)
		fail_msg("no JSON: %s, line %d", error.text, error.line);
	return j;
}

static void member_is(const json_t *object, const char *name, const char *words)
{
	assert_string_equal(json_string_value(json_object_get(object, name)), words);
}

/* It stands in JSON as on its page, quotes and all. */
static void entry_is(const struct tcp_lab *t, const json_t *entry, unsigned counter)
{
	static const char *const grades[] = {[LOST] = "lost", [TROUBLE] = "trouble", [WATCH] = "watch", [FINE] = "fine"};
	const struct page *p = page_of(counter);
	char name[64];

	ho_counter_name(counter, name, sizeof(name));
	member_is(entry, "counter", name);
	assert_int_equal(json_integer_value(json_object_get(entry, "value")), t->l.s->counter[counter]);
	member_is(entry, "grade", grades[p->grade]);
	assert_int_equal(json_object_size(entry), p->grade == FINE ? 3 : 9);
	if (p->grade == FINE)
		return;
	member_is(entry, "means", p->means);
	member_is(entry, "bad", p->bad);
	member_is(entry, "look_at", p->next);
	member_is(entry, "limits", p->limits);
}

static void json_says_the_same(const struct tcp_lab *t, const unsigned *expected, size_t count)
{
	json_t *j = moved_json(t), *list = json_object_get(j, "moved");

	assert_int_equal(json_array_size(list), count);
	for (size_t i = 0; i < count; i++)
		entry_is(t, json_array_get(list, i), expected[i]);
	assert_int_equal(json_array_size(json_object_get(j, "dropped")), 0);
	json_decref(j);
}

static json_t *told_together(const json_t *moved, const char *word)
{
	json_t *relation;
	size_t i;

	json_array_foreach(json_object_get(moved, "together"), i, relation)
		if (strcmp(json_string_value(json_object_get(relation, "word")), word) == 0)
			return relation;
	fail_msg("%s is missing", word);
	return NULL;
}

static void json_names_the_listener_that_dropped_and_what_is_read_together(void **state)
{
	struct tcp_lab t = tcp_lab();
	json_t *j, *first, *together;
	struct peer p[3];

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		p[i] = peer_of(&t, i + 1);
	host_listen(&t, 1);
	peer_handshake(&p[0]);
	peer_handshake(&p[1]);
	says(&p[2], "S");
	j = moved_json(&t);
	assert_int_equal(json_array_size(json_object_get(j, "dropped")), 1);
	member_is(json_array_get(json_object_get(j, "dropped"), 0), "accept_verdict", "stalled");
	first = json_array_get(json_object_get(j, "moved"), 0);
	member_is(first, "counter", "TcpExtListenOverflows");
	member_is(json_array_get(json_object_get(first, "where"), 0), "listener", "0.0.0.0:9000");
	assert_int_equal(json_integer_value(json_object_get(json_array_get(json_object_get(first, "where"), 0), "value")), 1);
	together = told_together(j, "listen-drops");
	member_is(together, "title", "ListenDrops without ListenOverflows");
	assert_int_equal(json_integer_value(json_object_get(json_object_get(together, "numbers"), "TcpExtListenDrops")), 1);
	json_decref(j);
	tcp_lab_close(&t);
}

static void whatever_moved_is_told_once_and_worst_first(void **state)
{
	static unsigned expected[HO_COUNTER_COUNT];
	char name[64];

	(void)state;
	for (uint64_t seed = 1; seed <= 50; seed++) {
		struct tcp_lab t = tcp_lab();
		const char *at;
		size_t count = 0;

		random_state = seed * 7919;
		for (unsigned n = random_below(60); n > 0; n--) {
			unsigned i = random_below(HO_COUNTER_COUNT);

			if (page_of(i) != NULL)
				t.l.s->counter[i] = random_below(5);
		}
		for (unsigned i = 0; i < HO_COUNTER_COUNT; i++)
			if (t.l.s->counter[i] > 0)
				expected[count++] = i;
		sorting = t.l.s;
		qsort(expected, count, sizeof(expected[0]), worse);
		at = moved(&t);
		for (size_t i = 0; i < count; i++) {
			ho_counter_name(expected[i], name, sizeof(name));
			at = next_named(at, name, t.l.s->counter[expected[i]]);
		}
		for (; *at != '\0'; at++)
			assert_false(looks_like_a_counter(at) && at[-1] == '\n');
		json_says_the_same(&t, expected, count);
		tcp_lab_close(&t);
	}
}

static void on_a_stack_at_rest_nothing_has_moved(void **state)
{
	struct tcp_lab t = tcp_lab();

	(void)state;
	assert_string_equal(moved(&t), "nothing has moved\n");
	tcp_lab_close(&t);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_counter_that_moves_has_a_complete_page_and_no_other_has_one),
		cmocka_unit_test(a_loss_is_called_bad_and_ordinary_work_is_not),
		cmocka_unit_test(a_page_says_it_all_in_one_order),
		cmocka_unit_test(counters_and_sysctls_that_pages_name_exist),
		cmocka_unit_test(relations_name_counters_that_exist_and_have_words_of_their_own),
		cmocka_unit_test(a_relation_is_about_whole_names_only),
		cmocka_unit_test(the_list_has_a_line_for_each_counter_under_its_group),
		cmocka_unit_test(markdown_has_a_section_for_each_counter),
		cmocka_unit_test(a_short_buffer_gets_the_beginning_and_the_whole_length_is_told),
		cmocka_unit_test(a_full_accept_queue_comes_first_with_listener_limit_and_cause),
		cmocka_unit_test(whatever_moved_is_told_once_and_worst_first),
		cmocka_unit_test(json_names_the_listener_that_dropped_and_what_is_read_together),
		cmocka_unit_test(on_a_stack_at_rest_nothing_has_moved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
