/* SPDX-License-Identifier: MIT
 * What `trace` takes, what it says to the rest, and which records fit. */
#include "trace_spec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PEER HO_ADDR(198, 18, 0, 1)

static bool parse(const char *text, struct trace_spec *out, char *why, size_t why_bytes)
{
	char line[256], *words[32], *save = NULL;
	int count = 0;

	snprintf(line, sizeof(line), "%s", text);
	for (char *w = strtok_r(line, " ", &save); w != NULL; w = strtok_r(NULL, " ", &save))
		words[count++] = w;
	return trace_spec_parse(count, words, out, why, why_bytes);
}

static struct trace_spec spec(const char *text)
{
	struct trace_spec s;
	char why[192];

	if (!parse(text, &s, why, sizeof(why)))
		fail_msg("%s: %s", text, why);
	return s;
}

static struct ho_watched event(enum ho_watch_kind kind, uint16_t local, uint32_t peer, uint16_t port)
{
	return (struct ho_watched){.kind = (uint8_t)kind,
	                           .by = {.local = {HO_ADDR(198, 18, 0, 2), local}, .peer = {peer, port}}};
}

static bool fits(const char *text, struct ho_watched w)
{
	struct trace_spec s = spec(text);

	return trace_spec_fits(&s, &w);
}

static void without_a_word_everything_fits(void **state)
{
	struct trace_spec s = spec("");

	(void)state;
	assert_int_equal(s.form, TRACE_TEXT);
	assert_int_equal(s.kinds, HO_WATCH_ALL);
	assert_false(s.chosen);
	for (int kind = 0; kind < HO_WATCH_KINDS; kind++)
		assert_true(fits("", event((enum ho_watch_kind)kind, 0, 0, 0)));
}

static void kinds_are_named_by_commas(void **state)
{
	(void)state;
	assert_int_equal(spec("--event state,queue").kinds, 1u << HO_WATCH_STATE | 1u << HO_WATCH_QUEUE);
	assert_int_equal(spec("--event drop --event call").kinds, 1u << HO_WATCH_DROP | 1u << HO_WATCH_CALL);
	assert_true(fits("--event drop", event(HO_WATCH_DROP, 1, PEER, 2)));
	assert_false(fits("--event drop", event(HO_WATCH_QUEUE, 1, PEER, 2)));
}

static void a_counters_name_chooses_counters_alone(void **state)
{
	struct ho_watched w = event(HO_WATCH_COUNTER, 9000, PEER, 40000);

	(void)state;
	assert_int_equal(spec("--counter *listen*").kinds, 1u << HO_WATCH_COUNTER);
	assert_int_equal(spec("--counter *listen* --event drop").kinds, 1u << HO_WATCH_COUNTER | 1u << HO_WATCH_DROP);
	w.by.counter = HO_TcpExtListenDrops;
	assert_true(fits("--counter *listen*", w));
	assert_true(fits("--counter ListenDrops", w));
	assert_true(fits("--counter TcpExt*", w));
	assert_false(fits("--counter ListenOverflows", w));
	assert_true(fits("--counter ListenOverflows --event drop", event(HO_WATCH_DROP, 9000, PEER, 40000)));
	w.by.counter = HO_IcmpMsgInType + 8;
	assert_true(fits("--counter IcmpMsgInType8", w));
}

static void a_port_is_either_ends(void **state)
{
	struct ho_watched bind = event(HO_WATCH_CALL, 0, 0, 0);

	(void)state;
	bind.call.addr.port = 9000;
	assert_true(fits("--port 9000", event(HO_WATCH_STATE, 9000, PEER, 40000)));
	assert_true(fits("--port 40000", event(HO_WATCH_STATE, 9000, PEER, 40000)));
	assert_false(fits("--port 9001", event(HO_WATCH_STATE, 9000, PEER, 40000)));
	assert_true(fits("--port 9000", bind));
}

static void a_peer_is_an_address_with_a_port_or_without(void **state)
{
	(void)state;
	assert_true(fits("--peer 198.18.0.1", event(HO_WATCH_STATE, 9000, PEER, 40000)));
	assert_true(fits("--peer 198.18.0.1:40000", event(HO_WATCH_STATE, 9000, PEER, 40000)));
	assert_false(fits("--peer 198.18.0.1:40001", event(HO_WATCH_STATE, 9000, PEER, 40000)));
	assert_false(fits("--peer 198.18.0.3", event(HO_WATCH_STATE, 9000, PEER, 40000)));
	assert_false(fits("--peer 198.18.0.2", event(HO_WATCH_STATE, 9000, PEER, 40000))); /* that is us */
}

static void a_packet_fits_whichever_way_it_goes(void **state)
{
	struct trace_spec s = spec("--port 9000 --peer 198.18.0.1 --pcapng");
	struct ho_endpoint us = {HO_ADDR(198, 18, 0, 2), 9000}, them = {PEER, 40000}, others = {PEER + 8, 40000};

	(void)state;
	assert_int_equal(s.form, TRACE_PCAPNG);
	assert_true(trace_spec_fits_packet(&s, us, them));
	assert_true(trace_spec_fits_packet(&s, them, us));
	assert_false(trace_spec_fits_packet(&s, others, us));
	us.port = 9001;
	assert_false(trace_spec_fits_packet(&s, us, them));
}

static void what_is_wrong_is_named(void **state)
{
	static const struct {
		const char *text, *part;
	} wrong[] = {
		{"--event", "retransmit"},
		{"--event states", "state, queue"},
		{"--event state,", "''"},
		{"--counter ListenOverflow", "fits no counter"},
		{"--counter", "fits no counter"},
		{"--port 0", "65535"},
		{"--port 65536", "65535"},
		{"--port", "65535"},
		{"--peer 198.18.0", "address"},
		{"--peer 198.18.0.1:", "address"},
		{"--peer 198.18.0.1:0", "address"},
		{"--peer 198.18.0.1.198.18.0.1", "address"},
		{"--peer 0.0.0.0", "address"},
		{"-n 0", "from 1"},
		{"-n", "from 1"},
		{"--events drop", "--event LIST"},
		{"drop", "--event LIST"},
	};
	struct trace_spec s;
	char why[192];

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		why[0] = '\0';
		if (parse(wrong[i].text, &s, why, sizeof(why)))
			fail_msg("'%s' was taken", wrong[i].text);
		if (strstr(why, wrong[i].part) == NULL)
			fail_msg("%s: '%s' does not speak of %s", wrong[i].text, why, wrong[i].part);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_word_everything_fits),
		cmocka_unit_test(kinds_are_named_by_commas),
		cmocka_unit_test(a_counters_name_chooses_counters_alone),
		cmocka_unit_test(a_port_is_either_ends),
		cmocka_unit_test(a_peer_is_an_address_with_a_port_or_without),
		cmocka_unit_test(a_packet_fits_whichever_way_it_goes),
		cmocka_unit_test(what_is_wrong_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
