/* SPDX-License-Identifier: MIT
 * The control socket's JSON: which requests are taken apart into which words, and how answers look. */
#include "control_json.h"
#include "tools.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WORDS 4

static void requests_become_words(void **state)
{
	static const struct {
		const char *line;
		int count;
		const char *words[WORDS];
	} cases[] = {
		{"{\"ask\":[\"counters\",\"-z\"]}", 2, {"counters", "-z"}},
		{" { \"ask\" : [ \"a b\" ,\t\"\" ] } \r\n", 2, {"a b", ""}},
		{"{\"ask\":[]}", 0, {NULL}},
		{"{\"ask\":[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u007E\"]}", 1, {"\"\\/\b\f\n\r\tA~"}},
		{"{\"ask\":[\"1\",\"2\",\"3\",\"4\"]}", 4, {"1", "2", "3", "4"}},
		{"{\"ask\":[\"\xc3\xa9\"]}", 1, {"\xc3\xa9"}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char line[256], *words[WORDS];

		strcpy(line, cases[i].line);
		assert_true(control_is_json(line));
		assert_int_equal(control_json_words(line, words, WORDS), cases[i].count);
		for (int w = 0; w < cases[i].count; w++)
			assert_string_equal(words[w], cases[i].words[w]);
	}
}

static void what_is_no_request_is_refused(void **state)
{
	static const char *const lines[] = {
		"{", "{}", "{\"ask\"}", "{\"ask\":", "{\"ask\":[", "{\"ask\":[\"a\"", "{\"ask\":[\"a\"]", "{\"ask\":[\"a\"]}x", "{\"ask\":[\"a\",]}",
		"{\"ask\":[,\"a\"]}", "{\"ask\":[\"a\" \"b\"]}", "{\"ask\":\"a\"}", "{\"ask\":[1]}", "{\"other\":[\"a\"]}", "{\"ask\":[\"a\"],\"b\":1}",
		"{\"ask\":[\"a\\\"]}", "{\"ask\":[\"\\x\"]}", "{\"ask\":[\"\\u00e9\"]}", "{\"ask\":[\"\\u0000\"]}", "{\"ask\":[\"\\u00\"]}", "{\"ask\":[\"\\",
		"{\"ask\":[\"1\",\"2\",\"3\",\"4\",\"5\"]}", "{\"ask\":[[\"a\"]]}", "{\"ask",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		char line[256], *words[WORDS];

		strcpy(line, lines[i]);
		if (control_json_words(line, words, WORDS) != -1)
			fail_msg("taken: %s", lines[i]);
	}
	assert_false(control_is_json("counters {"));
}

static void answers_are_one_line(void **state)
{
	static const struct {
		int status;
		const char *text, *line;
	} cases[] = {
		{EXIT_FINE, "a \"b\"\n\\\x01\xff", "{\"ok\":true,\"id\":\"1.2\",\"text\":\"a \\\"b\\\"\\n\\\\\\u0001\\u00ff\"}\n"},
		{EXIT_FINE, "{\"a\":[\n1]}\n", "{\"ok\":true,\"id\":\"1.2\",\"json\":{\"a\":[ 1]} }\n"},
		{EXIT_FINE, "", "{\"ok\":true,\"id\":\"1.2\",\"text\":\"\"}\n"},
		{EXIT_USAGE, "no", "{\"ok\":false,\"usage\":true,\"error\":\"no\"}\n"},
		{EXIT_FAILED, "{", "{\"ok\":false,\"usage\":false,\"error\":\"{\"}\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char *line;
		size_t bytes;
		FILE *out = open_memstream(&line, &bytes);

		control_json_answer(out, cases[i].status, "1.2", cases[i].text, strlen(cases[i].text));
		fclose(out);
		assert_string_equal(line, cases[i].line);
		free(line);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_become_words),
		cmocka_unit_test(what_is_no_request_is_refused),
		cmocka_unit_test(answers_are_one_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
