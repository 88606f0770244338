/* SPDX-License-Identifier: MIT
 * Which of the two texts a scrape asks for. */
#include "http_accept.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void prometheus_asks_for_openmetrics(void **state)
{
	(void)state;
	assert_true(http_accept_openmetrics("application/openmetrics-text;version=1.0.0,application/openmetrics-text;"
	                                    "version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"));
	assert_true(http_accept_openmetrics(
		"application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;"
		"version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1"));
}

static void it_is_asked_for_by_name(void **state)
{
	static const char *const asked[] = {
		"application/openmetrics-text",
		"Application/OpenMetrics-Text",
		" application/openmetrics-text ; version=1.0.0 ; charset=utf-8",
		"application/openmetrics-text;version=\"1.0.0\"",
		"application/openmetrics-text;q=0.001",
		"application/openmetrics-text;Q=1.000",
		"text/html,application/openmetrics-text,*/*",
		",,application/openmetrics-text,",
		"application/openmetrics-text;q=0.5,text/plain;q=0.5",
		"application/openmetrics-text;q=0.5,text/plain;version=0.0.3",
		"application/openmetrics-text;q=0.5,text/plain;version=0.0.4;q=0.2,text/plain,*/*",
		"application/openmetrics-text;q=0.5,text/*;q=0.2,*/*",
		"application/openmetrics-text;q=0.5;version=1.0.0;q=0.9,text/plain;q=0.8",
		"text/plain;q=7,application/openmetrics-text",
		"application/openmetrics-text;version=2.0.0,application/openmetrics-text;version=1.0.0",
		"a/b;c=\"application/x,\\\",q=0\",application/openmetrics-text",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++)
		if (!http_accept_openmetrics(asked[i]))
			fail_msg("%s", asked[i]);
}

static void everybody_else_gets_the_older_text(void **state)
{
	static const char *const others[] = {
		"",
		"*/*",
		"application/*",
		"text/plain",
		"text/plain;version=0.0.4",
		"application/openmetrics-text;version=2.0.0",
		"application/openmetrics-text;version=0.0.1",
		"application/openmetrics-text;version=1.0.00",
		"application/openmetrics-text;q=0",
		"application/openmetrics-text;q=0.000",
		"application/openmetrics-text;q=",
		"application/openmetrics-text;q=2",
		"application/openmetrics-text;q=1.001",
		"application/openmetrics-text;q=0.0001",
		"application/openmetrics-text;q=-1",
		"application/openmetrics-text;q=0,5",
		"application/openmetrics-text;q=x",
		"application/openmetrics-text;q=0.5,text/plain",
		"application/openmetrics-text;q=0.5,text/plain;version=0.0.4;q=0.6",
		"application/openmetrics-text;q=0.5,*/*",
		"application/openmetrics-textual",
		"application/openmetrics",
		"application/openmetrics-text x",
		"a/b;c=\"application/openmetrics-text",
		"a/b;c=\",application/openmetrics-text\"",
		"a/b;c=\"\\\",application/openmetrics-text",
		";;;;",
		"=",
		"\"",
		";q=\"",
	};

	(void)state;
	assert_false(http_accept_openmetrics(NULL));
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (http_accept_openmetrics(others[i]))
			fail_msg("%s", others[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prometheus_asks_for_openmetrics),
		cmocka_unit_test(it_is_asked_for_by_name),
		cmocka_unit_test(everybody_else_gets_the_older_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
