/* SPDX-License-Identifier: MIT
 * What `host --metrics` takes, and what it says to the rest. */
#include "metrics_spec.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void an_address_and_a_port_are_taken(void **state)
{
	struct metrics_spec m;
	struct sockaddr_in at;
	char why[160];

	(void)state;
	assert_true(metrics_spec_parse("127.0.0.1:9464", &m, why, sizeof(why)));
	assert_int_equal(m.at_bytes, sizeof(at));
	memcpy(&at, &m.at, sizeof(at));
	assert_int_equal(at.sin_family, AF_INET);
	assert_int_equal(ntohs(at.sin_port), 9464);
	assert_int_equal(ntohl(at.sin_addr.s_addr), INADDR_LOOPBACK);
	assert_true(metrics_spec_parse("0.0.0.0:65535", &m, why, sizeof(why)));
}

static void an_ipv6_address_stands_in_brackets(void **state)
{
	struct metrics_spec m;
	struct sockaddr_in6 at;
	char why[160];

	(void)state;
	assert_true(metrics_spec_parse("[::1]:1", &m, why, sizeof(why)));
	assert_int_equal(m.at_bytes, sizeof(at));
	memcpy(&at, &m.at, sizeof(at));
	assert_int_equal(at.sin6_family, AF_INET6);
	assert_int_equal(ntohs(at.sin6_port), 1);
	assert_memory_equal(&at.sin6_addr, &in6addr_loopback, sizeof(at.sin6_addr));
	assert_true(metrics_spec_parse("[1111:2222:3333:4444:5555:6666:177.177.177.177]:9", &m, why, sizeof(why)));
}

static void what_is_wrong_is_named(void **state)
{
	static const struct {
		const char *word, *why;
	} wrong[] = {
		{"", "for instance 127.0.0.1:9464"},
		{"9464", "for instance 127.0.0.1:9464"},
		{":9464", "for instance 127.0.0.1:9464"},
		{"127.0.0.1", "for instance 127.0.0.1:9464"},
		{"11111111111111111111111111111111111111111111111111111111111:1", "for instance 127.0.0.1:9464"},
		{"127.0.0.1:", "'' is no port"},
		{"127.0.0.1:0", "'0' is no port"},
		{"127.0.0.1:65536", "'65536' is no port"},
		{"127.0.0.1:+80", "'+80' is no port"},
		{"127.0.0.1:http", "'http' is no port"},
		{"127.0.0.1:80:81", "'127.0.0.1:80' is no address"},
		{"127.0.0.256:80", "'127.0.0.256' is no address"},
		{"127.1:80", "'127.1' is no address"},
		{" 127.0.0.1:80", "' 127.0.0.1' is no address"},
		{"localhost:80", "names are not looked up"},
		{"::1:80", "IPv6 ones stand in brackets"},
		{"[127.0.0.1]:80", "'127.0.0.1' is no address"},
		{"[::1:80", "no address"},
		{"[]:80", "'[]' is no address"},
		{"[::g]:80", "'::g' is no address"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct metrics_spec m;
		char why[160] = "";

		if (metrics_spec_parse(wrong[i].word, &m, why, sizeof(why)) || strstr(why, wrong[i].why) == NULL)
			fail_msg("'%s': %s", wrong[i].word, why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_and_a_port_are_taken),
		cmocka_unit_test(an_ipv6_address_stands_in_brackets),
		cmocka_unit_test(what_is_wrong_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
