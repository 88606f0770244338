/* SPDX-License-Identifier: MIT
 * What `halfopen top` shows: deltas, rates, order, filter, keys, cells.  No terminal in here, and no clock. */
#include "top_screen.h"

#include "lab.h"

#define LISTENER(local, fd, now, holds, accepted, drops) \
	"{\"local\":\"" local "\",\"fd\":" #fd ",\"backlog\":1,\"somaxconn\":4096,\"accept_queue\":{\"now\":" #now ",\"most\":" #now \
	",\"holds\":" #holds ",\"clamp\":\"backlog\"},\"syn_queue\":{\"now\":0,\"most\":1,\"holds\":2,\"clamp\":\"backlog\"},\"accepted\":" \
	#accepted ",\"sk_drops\":" #drops ",\"drops\":{\"syn_accept_queue_full\":" #drops "},\"last_drop\":null,\"last_accept_ms_ago\":null}"

static void look_at(struct top *t, ho_time_ns at, const char *id, const char *listeners, const char *counters)
{
	char json[4096];
	struct top_look look;

	snprintf(json, sizeof(json), "{\"listeners\":[%s]}", listeners);
	assert_int_equal(top_look_read(json, counters, at, &look), 0);
	snprintf(look.id, sizeof(look.id), "%s", id);
	assert_int_equal(top_add(t, &look), 0);
}

static void keys(struct top *t, const char *letters)
{
	for (; *letters != '\0'; letters++)
		top_key(t, *letters);
}

/* The names of the counters shown, in order. */
static void counters_are(const struct top *t, const char *expected)
{
	char names[4096] = "";

	for (size_t i = 0; i < t->count[TOP_COUNTERS]; i++) {
		strcat(names, i > 0 ? " " : "");
		strcat(names, t->counter[i].c->name);
	}
	assert_string_equal(names, expected);
}

static void listeners_are(const struct top *t, const char *expected)
{
	char names[4096] = "";

	for (size_t i = 0; i < t->count[TOP_LISTENERS]; i++) {
		strcat(names, i > 0 ? " " : "");
		strcat(names, t->listener[i].l->local);
	}
	assert_string_equal(names, expected);
}

static void a_rate_is_the_change_over_the_seconds_between_looks(void **state)
{
	struct top t;

	(void)state;
	top_init(&t);
	look_at(&t, 5 * HO_SEC, "1", LISTENER("0.0.0.0:80", 3, 0, 2, 10, 4), "TcpInSegs 100\nTcpCurrEstab 7\n");
	counters_are(&t, "");
	assert_true(t.listener[0].accept_rate == 0 && t.listener[0].drop_rate == 0);
	look_at(&t, 7 * HO_SEC, "1", LISTENER("0.0.0.0:80", 3, 0, 2, 13, 5), "TcpInSegs 150\nTcpCurrEstab 4\n");
	counters_are(&t, "TcpInSegs TcpCurrEstab");
	assert_true(t.counter[0].rate == 25 && t.counter[0].change == 50);
	assert_true(t.counter[1].rate == -1.5 && t.counter[1].change == -3);
	assert_true(t.listener[0].accept_rate == 1.5 && t.listener[0].drop_rate == 0.5);
	assert_true(t.listener[0].cause_rate[HO_DROP_SYN_ACCEPT_FULL] == 0.5);
	look_at(&t, 9 * HO_SEC, "1", LISTENER("0.0.0.0:80", 3, 0, 2, 13, 5), "TcpInSegs 150\nTcpCurrEstab 4\n");
	assert_true(t.counter[0].rate == 0 && t.counter[0].change == 50); /* it has moved, so it stays */
	top_free(&t);
}

static void a_counter_that_appears_began_at_zero(void **state)
{
	struct top t;

	(void)state;
	top_init(&t);
	look_at(&t, HO_SEC, "1", "", "TcpInSegs 1\n");
	look_at(&t, 2 * HO_SEC, "1", "", "IcmpMsgInType8 3\nTcpInSegs 1\n");
	counters_are(&t, "IcmpMsgInType8");
	assert_true(t.counter[0].rate == 3 && t.counter[0].c->row == -1);
	top_free(&t);
}

static void another_run_of_the_host_begins_anew(void **state)
{
	struct top t;

	(void)state;
	top_init(&t);
	look_at(&t, HO_SEC, "1", LISTENER("0.0.0.0:80", 3, 0, 2, 10, 4), "TcpInSegs 100\n");
	look_at(&t, 2 * HO_SEC, "2", LISTENER("0.0.0.0:80", 3, 0, 2, 1, 0), "TcpInSegs 5\n");
	counters_are(&t, "");
	assert_true(t.listener[0].accept_rate == 0);
	look_at(&t, 3 * HO_SEC, "2", LISTENER("0.0.0.0:80", 3, 0, 2, 1, 0), "TcpInSegs 8\n");
	assert_true(t.counter[0].rate == 3 && t.counter[0].change == 3);
	top_free(&t);
}

static void trouble_comes_first_then_what_moves_most(void **state)
{
	struct top t;

	(void)state;
	top_init(&t);
	look_at(&t, HO_SEC, "1", "", "IpInReceives 0\nTcpInSegs 0\nTcpRetransSegs 0\nTcpExtListenDrops 0\nTcpExtTW 0\n");
	look_at(&t, 2 * HO_SEC, "1", "", "IpInReceives 900\nTcpInSegs 800\nTcpRetransSegs 1\nTcpExtListenDrops 2\nTcpExtTW 0\n");
	counters_are(&t, "TcpExtListenDrops TcpRetransSegs IpInReceives TcpInSegs");
	assert_true(top_sort_set(&t, "rate"));
	top_arrange(&t);
	counters_are(&t, "IpInReceives TcpInSegs TcpExtListenDrops TcpRetransSegs");
	assert_true(top_sort_set(&t, "name"));
	keys(&t, "\tI");
	counters_are(&t, "TcpRetransSegs TcpInSegs TcpExtListenDrops IpInReceives");
	keys(&t, "I\\tcp\r");
	counters_are(&t, "TcpExtListenDrops TcpInSegs TcpRetransSegs");
	top_free(&t);
}

static void listeners_are_in_the_order_asked_for(void **state)
{
	static const char *const three = LISTENER("0.0.0.0:9000", 3, 1, 2, 0, 5) "," LISTENER("198.18.0.2:80", 4, 2, 2, 0, 0) ","
	                                 LISTENER("0.0.0.0:80", 5, 3, 9, 0, 7);
	struct top t;

	(void)state;
	top_init(&t);
	look_at(&t, HO_SEC, "1", three, "TcpInSegs 1\n");
	listeners_are(&t, "0.0.0.0:80 198.18.0.2:80 0.0.0.0:9000");
	top_sort_set(&t, "drops");
	top_arrange(&t);
	listeners_are(&t, "0.0.0.0:80 0.0.0.0:9000 198.18.0.2:80");
	top_key(&t, TOP_KEY_F1 + 5); /* the menu stands where the order is */
	top_key(&t, TOP_KEY_HOME);
	top_key(&t, TOP_KEY_DOWN);
	top_key(&t, TOP_KEY_ENTER);
	listeners_are(&t, "198.18.0.2:80 0.0.0.0:9000 0.0.0.0:80"); /* by accept */
	assert_false(top_sort_set(&t, "height"));
	top_free(&t);
}

static void the_cursor_stays_on_its_row(void **state)
{
	struct top t;

	(void)state;
	top_init(&t);
	look_at(&t, HO_SEC, "1", LISTENER("0.0.0.0:80", 3, 0, 2, 0, 1) "," LISTENER("0.0.0.0:81", 4, 0, 2, 0, 0), "TcpInSegs 1\n");
	top_sort_set(&t, "drops");
	top_arrange(&t);
	top_key(&t, TOP_KEY_DOWN);
	look_at(&t, 2 * HO_SEC, "1", LISTENER("0.0.0.0:79", 5, 0, 2, 0, 8) "," LISTENER("0.0.0.0:80", 3, 0, 2, 0, 1) ","
	        LISTENER("0.0.0.0:81", 4, 0, 2, 0, 0), "TcpInSegs 1\n");
	assert_int_equal(t.selected[TOP_LISTENERS], 2);
	look_at(&t, 3 * HO_SEC, "1", "", "TcpInSegs 1\n");
	assert_int_equal(t.selected[TOP_LISTENERS], 0);
	assert_int_equal(top_key(&t, TOP_KEY_ENTER), TOP_NOTHING);
	top_free(&t);
}

static void keys_ask_and_leave(void **state)
{
	struct top t;

	(void)state;
	top_init(&t);
	look_at(&t, HO_SEC, "1", LISTENER("0.0.0.0:80", 3, 0, 2, 0, 1), "TcpInSegs 1\n");
	assert_int_equal(top_key(&t, TOP_KEY_ENTER), TOP_TELL_LISTENER);
	top_tell(&t, "why", strdup("one\ntwo\n"));
	assert_int_equal(top_key(&t, 'q'), TOP_NOTHING);
	assert_int_equal(t.mode, TOP_LIST);
	keys(&t, "a\t");
	assert_int_equal(top_key(&t, TOP_KEY_ENTER), TOP_TELL_COUNTER);
	keys(&t, " ");
	assert_true(t.paused);
	keys(&t, "/q"); /* a letter of the word */
	assert_int_equal(t.mode, TOP_SEARCH);
	assert_int_equal(top_key(&t, TOP_KEY_ESCAPE), TOP_NOTHING);
	assert_int_equal(top_key(&t, 'q'), TOP_QUIT);
	assert_int_equal(top_key(&t, TOP_KEY_F10), TOP_QUIT);
	top_free(&t);
}

/* ---- many looks at random, beside a model without any cleverness ---- */

static uint64_t seed;

static unsigned draw(unsigned below)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % below;
}

#define NAMES 12

static void naive_check(const struct top *t, const uint64_t first[NAMES], const uint64_t then[NAMES], const uint64_t now[NAMES],
                        double seconds, bool began)
{
	size_t shown = 0;

	for (unsigned i = 0; i < NAMES; i++) {
		char name[16];
		bool there = false;

		snprintf(name, sizeof(name), "Counter%u", i);
		for (size_t row = 0; row < t->count[TOP_COUNTERS]; row++) {
			const struct top_counter_row *r = &t->counter[row];

			if (strcmp(r->c->name, name) != 0)
				continue;
			there = true;
			assert_int_equal(r->change, (int64_t)(now[i] - first[i]));
			assert_true(r->rate == (began ? 0 : (double)(int64_t)(now[i] - then[i]) / seconds));
		}
		assert_int_equal(there, now[i] != first[i] || (!began && now[i] != then[i]));
		shown += there;
	}
	assert_int_equal(shown, t->count[TOP_COUNTERS]);
	for (size_t row = 1; row < t->count[TOP_COUNTERS]; row++) { /* by rate, then as they come */
		const struct top_counter_row *a = &t->counter[row - 1], *b = &t->counter[row];
		double fast = a->rate < 0 ? -a->rate : a->rate, slow = b->rate < 0 ? -b->rate : b->rate;

		assert_true(fast > slow || (fast == slow && a->c < b->c));
	}
}

static void any_looks_give_what_a_naive_count_gives(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 200; round++) {
		uint64_t first[NAMES], then[NAMES] = {0}, now[NAMES] = {0};
		ho_time_ns at = HO_SEC;
		unsigned run = 0;
		struct top t;

		seed = round + 1;
		top_init(&t);
		top_sort_set(&t, "rate");
		for (unsigned look = 0; look < 12; look++) {
			char text[1024] = "", line[64], id[8];
			ho_time_ns step = (1 + draw(40)) * 100 * HO_MS;
			bool began = look == 0 || draw(6) == 0;

			run += began;
			at += step;
			memcpy(then, now, sizeof(now));
			for (unsigned i = 0; i < NAMES; i++) {
				now[i] += draw(3) == 0 ? draw(5) - 2u : 0; /* levels go down */
				snprintf(line, sizeof(line), "Counter%u %llu\n", i, (unsigned long long)now[i]);
				strcat(text, line);
			}
			if (began)
				memcpy(first, now, sizeof(now));
			snprintf(id, sizeof(id), "%u", run);
			look_at(&t, at, id, "", text);
			naive_check(&t, first, then, now, (double)step / (double)HO_SEC, began);
		}
		top_free(&t);
	}
}

/* ---- the screen ---- */

static void line_is(const struct screen *s, int row, const char *expected)
{
	char *line = screen_line(s, row);

	assert_string_equal(line, expected);
	free(line);
}

static void bar_is(bool utf8, uint32_t now, uint32_t most, uint32_t holds, const char *expected)
{
	struct top_queue q = {.now = now, .most = most, .holds = holds};
	struct screen s;

	assert_int_equal(screen_open(&s, 1, 17, utf8), 0);
	screen_bar(&s, 0, 0, 16, 3, &q, LOOK_PLAIN);
	line_is(&s, 0, expected);
	screen_free(&s);
}

static void a_bar_is_full_only_when_the_queue_is(void **state)
{
	(void)state;
	bar_is(false, 0, 0, 9, "[           0/9]");
	bar_is(false, 5, 5, 9, "[||||||     5/9]");
	bar_is(false, 5, 9, 9, "[||||||   : 5/9]");
	bar_is(false, 9, 9, 9, "[|||||||||| 9/9]");
	bar_is(false, 8, 8, 9, "[|||||||||  8/9]");
	bar_is(true, 5, 5, 8, "[\u2588\u2588\u2588\u2588\u2588\u2588\u258e    5/8]");
}

static void something_is_never_drawn_as_nothing(void **state)
{
	struct top_queue q = {.now = 1, .most = 1, .holds = 4097}, near = {.now = 4096, .most = 4096, .holds = 4097};
	struct screen s;

	(void)state;
	assert_int_equal(screen_open(&s, 2, 40, false), 0);
	screen_bar(&s, 0, 0, 24, 9, &q, LOOK_PLAIN);
	screen_bar(&s, 1, 0, 24, 9, &near, LOOK_PLAIN);
	line_is(&s, 0, "[|               1/4097]");
	line_is(&s, 1, "[|||||||||||: 4096/4097]");
	screen_free(&s);
}

static void any_size_is_drawn_within_itself(void **state)
{
	struct top_drawing d = {.host = "ho0", .delay_s = 1, .interactive = true};
	struct top t;

	(void)state;
	top_init(&t);
	look_at(&t, HO_SEC, "1", LISTENER("0.0.0.0:80", 3, 1, 9, 0, 7) "," LISTENER("0.0.0.0:81", 4, 2, 2, 0, 1), "TcpInSegs 1\n");
	look_at(&t, 2 * HO_SEC, "1", LISTENER("0.0.0.0:80", 3, 1, 9, 0, 7) "," LISTENER("0.0.0.0:81", 4, 2, 2, 0, 1), "TcpInSegs 5\n");
	for (int rows = 1; rows <= 30; rows++)
		for (int cols = 1; cols <= 100; cols += 3)
			for (int mode = 0; mode < 6; mode++) {
				struct screen s;

				assert_int_equal(screen_open(&s, rows, cols, mode % 2), 0);
				t.mode = (enum top_mode)mode;
				top_draw(&s, &t, &d); /* the sanitizers watch */
				assert_true(t.page >= 1);
				screen_free(&s);
			}
	top_free(&t);
}

static void a_full_queue_says_what_holds_it_up(void **state)
{
	struct top_listener l = {.backlog = 1, .accept = {.now = 2, .holds = 2, .clamp = "backlog"}, .last_accept_ms = TOP_NONE};
	struct top_listener_row r = {.l = &l};
	char words[160];

	(void)state;
	top_listener_words(&r, words, sizeof(words));
	assert_string_equal(words, "full (limit: listen(1)): the program has never accepted");
	l.last_accept_ms = 2500;
	top_listener_words(&r, words, sizeof(words));
	assert_string_equal(words, "full (limit: listen(1)): the program last accepted 2.5 s ago");
	r.accept_rate = 3;
	snprintf(l.accept.clamp, sizeof(l.accept.clamp), "somaxconn");
	top_listener_words(&r, words, sizeof(words));
	assert_string_equal(words, "full (limit: net.core.somaxconn): the program is too slow for what comes");
	l.accept.now = 1;
	top_listener_words(&r, words, sizeof(words));
	assert_string_equal(words, "");
}

static void an_answer_that_is_none_is_refused(void **state)
{
	static const char *const wrong[] = {"", "[", "{}", "[]", "{\"listeners\":1}", "{\"listeners\":[1]}", "{\"listeners\":[{}]}"};
	struct top_look look;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_int_equal(top_look_read(wrong[i], "TcpInSegs 1\n", 0, &look), -EPROTO);
	assert_int_equal(top_look_read("{\"listeners\":[]}", "", 0, &look), -EPROTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rate_is_the_change_over_the_seconds_between_looks),
		cmocka_unit_test(a_counter_that_appears_began_at_zero),
		cmocka_unit_test(another_run_of_the_host_begins_anew),
		cmocka_unit_test(trouble_comes_first_then_what_moves_most),
		cmocka_unit_test(listeners_are_in_the_order_asked_for),
		cmocka_unit_test(the_cursor_stays_on_its_row),
		cmocka_unit_test(keys_ask_and_leave),
		cmocka_unit_test(any_looks_give_what_a_naive_count_gives),
		cmocka_unit_test(a_bar_is_full_only_when_the_queue_is),
		cmocka_unit_test(something_is_never_drawn_as_nothing),
		cmocka_unit_test(any_size_is_drawn_within_itself),
		cmocka_unit_test(a_full_queue_says_what_holds_it_up),
		cmocka_unit_test(an_answer_that_is_none_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
