/* SPDX-License-Identifier: MIT
 * What `host --listen` takes, and what it says to the rest. */
#include "listen_spec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void a_port_alone_echoes_with_backlog_128(void **state)
{
	struct listen_spec l;
	char why[128];

	(void)state;
	assert_true(listen_spec_parse("80", &l, why, sizeof(why)));
	assert_int_equal(l.port, 80);
	assert_int_equal(l.backlog, 128);
	assert_string_equal(l.app, "echo");
}

static void settings_come_in_any_order(void **state)
{
	struct listen_spec l;
	char why[128];

	(void)state;
	assert_true(listen_spec_parse("9000,app=noaccept,backlog=0", &l, why, sizeof(why)));
	assert_int_equal(l.port, 9000);
	assert_int_equal(l.backlog, 0);
	assert_string_equal(l.app, "noaccept");
	assert_true(listen_spec_parse("65535,backlog=-1", &l, why, sizeof(why)));
	assert_int_equal(l.backlog, -1);
}

static void what_is_wrong_is_named(void **state)
{
	static const char *const wrong[] = {
		"",
		"0",
		"65536",
		"-1",
		" 80",
		"80 ",
		"http",
		"80,,",
		"80,backlog",
		"80,backlog=",
		"80,backlog=x",
		"80,backlog=2147483648",
		"80,backlog=--1",
		"80,app=",
		"80,app=a-name-of-16-byte",
		"80,color=red",
		",80",
		"010x",
		"80,backlog=99999999999999999999999999999999",
	};
	struct listen_spec l;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		char why[128] = "";

		if (listen_spec_parse(wrong[i], &l, why, sizeof(why)))
			fail_msg("'%s' was taken", wrong[i]);
		assert_true(strlen(why) > 10);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_port_alone_echoes_with_backlog_128),
		cmocka_unit_test(settings_come_in_any_order),
		cmocka_unit_test(what_is_wrong_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
