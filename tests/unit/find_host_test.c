/* SPDX-License-Identifier: MIT
 * --at and the words that go to a host. */
#include "find_host.h"

#include "lab.h"

static const struct command rule = {.name = "rule", .args = "...", .text = "", .options = ""};

/* "rule add --at ho1 INPUT": what the host named `host` is asked; NULL: the command line is wrong. */
static void asks(const char *line, const char *host, const char *request)
{
	char words[256], name[CONTROL_NAME_MAX + 1], made[CONTROL_REQUEST_MAX], *argv[16], *save = NULL;
	int argc = 0, status;

	snprintf(words, sizeof(words), "%s", line);
	for (char *w = strtok_r(words, " ", &save); w != NULL; w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	status = request_make(&rule, "rule", argc, argv, name, made);
	if (host == NULL) {
		assert_int_equal(status, EXIT_USAGE);
		return;
	}
	assert_int_equal(status, EXIT_FINE);
	assert_string_equal(name, host);
	assert_string_equal(made, request);
}

static void at_may_stand_before_the_verb_and_behind_it(void **state)
{
	(void)state;
	asks("rule --at ho1 add INPUT -j DROP", "ho1", "rule add INPUT -j DROP");
	asks("rule add --at ho1 INPUT -j DROP", "ho1", "rule add INPUT -j DROP");
	asks("rule add INPUT -j DROP --at ho1", "ho1", "rule add INPUT -j DROP");
	asks("rule --at=ho1 add INPUT -j DROP", "ho1", "rule add INPUT -j DROP");
	asks("rule add INPUT --at=ho1 -j DROP", "ho1", "rule add INPUT -j DROP");
}

static void the_last_of_several_counts(void **state)
{
	(void)state;
	asks("rule --at ho1 list --at ho2", "ho2", "rule list");
}

static void at_needs_a_value(void **state)
{
	(void)state;
	asks("rule list --at", NULL, NULL);
	asks("rule --at", NULL, NULL);
}

static void behind_two_dashes_it_is_a_word(void **state)
{
	(void)state;
	asks("rule --at ho1 -- --at ho2", "ho1", "rule -- --at ho2");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(at_may_stand_before_the_verb_and_behind_it),
		cmocka_unit_test(the_last_of_several_counts),
		cmocka_unit_test(at_needs_a_value),
		cmocka_unit_test(behind_two_dashes_it_is_a_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
