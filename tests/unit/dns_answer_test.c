/* SPDX-License-Identifier: MIT
 * What the DNS responder of `host --udp PORT,app=dns` answers, and what `--udp` takes. */
#include "udp_spec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct dns_record record = {"www.example", 0xc6120709};

#define HEADER "\x12\x34\x01\x00\0\1\0\0\0\0\0\0"
#define NAME "\3www\7example\0"

struct reply {
	size_t bytes;
	uint8_t at[DNS_ANSWER_MAX];
};

static struct reply ask(const char *query, size_t bytes)
{
	struct reply r = {0};
	uint8_t *exact = malloc(bytes > 0 ? bytes : 1);

	memcpy(exact, query, bytes);
	r.bytes = dns_answer(&record, exact, bytes, r.at);
	free(exact);
	return r;
}
#define ask_literal(q) ask(q, sizeof(q) - 1)

static void the_name_has_an_address(void **state)
{
	static const char expected[] = "\x12\x34\x85\x00\0\1\0\1\0\0\0\0" NAME "\0\1\0\1"
				       "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc6\x12\7\x9";
	struct reply r = ask_literal(HEADER NAME "\0\1\0\1");

	(void)state;
	assert_int_equal(r.bytes, sizeof(expected) - 1);
	assert_memory_equal(r.at, expected, r.bytes);
	assert_int_equal(ask_literal(HEADER NAME "\0\xff\0\1").bytes, r.bytes); /* ANY */
	assert_int_equal(ask_literal(HEADER "\3WwW\7eXAMPLE\0\0\1\0\1").bytes, r.bytes);
	assert_int_equal(ask_literal("\x12\x34\x01\x20\0\1\0\0\0\0\0\1" NAME "\0\1\0\1\0\0\x29\4\xd0\0\0\0\0\0\0").bytes, r.bytes);
}

static void another_type_has_no_record_and_another_name_does_not_exist(void **state)
{
	struct reply r = ask_literal(HEADER NAME "\0\x1c\0\1");

	(void)state;
	assert_int_equal(r.bytes, 12 + 13 + 4);
	assert_int_equal(r.at[3], 0);
	assert_int_equal(r.at[7], 0);
	assert_int_equal(ask_literal(HEADER NAME "\0\1\0\3").at[7], 0); /* class CHAOS */
	assert_int_equal(ask_literal(HEADER "\3www\0\0\1\0\1").at[3], 3);
	assert_int_equal(ask_literal(HEADER "\7example\0\0\1\0\1").at[3], 3);
	assert_int_equal(ask_literal(HEADER "\4www.\6xample\0\0\1\0\1").at[3], 3);
	assert_int_equal(ask_literal(HEADER "\x0bwww.example\0\0\1\0\1").at[3], 3); /* a dot within a label is none */
	assert_int_equal(ask_literal(HEADER "\3www\7example\1x\0\0\1\0\1").at[3], 3);
	assert_int_equal(ask_literal(HEADER "\0\0\1\0\1").at[3], 3); /* the root */
}

static void rubbish_is_refused_or_ignored(void **state)
{
	(void)state;
	assert_int_equal(ask_literal("\x12\x34\x01").bytes, 0);
	assert_int_equal(ask_literal("\x12\x34\x81\0\0\1\0\0\0\0\0\0" NAME "\0\1\0\1").bytes, 0); /* an answer */
	assert_int_equal(ask_literal("\x12\x34\x29\0\0\1\0\0\0\0\0\0" NAME "\0\1\0\1").at[3], 4); /* UPDATE */
	assert_int_equal(ask_literal("\x12\x34\x01\0\0\0\0\0\0\0\0\0").at[3], 1);
	assert_int_equal(ask_literal("\x12\x34\x01\0\0\2\0\0\0\0\0\0" NAME "\0\1\0\1" NAME "\0\1\0\1").at[3], 1);
	assert_int_equal(ask_literal(HEADER "\xc0\x0c\0\1\0\1").at[3], 1);
	assert_int_equal(ask_literal(HEADER NAME "\0\1\0").at[3], 1);
	assert_int_equal(ask_literal(HEADER "\3ww").at[3], 1);
	assert_int_equal(ask_literal(HEADER "").at[3], 1);
}

static void names_have_labels_of_up_to_63(void **state)
{
	char name[80];

	(void)state;
	assert_true(dns_name_ok("a"));
	assert_true(dns_name_ok("www.example"));
	assert_false(dns_name_ok(""));
	assert_false(dns_name_ok("."));
	assert_false(dns_name_ok("a..b"));
	assert_false(dns_name_ok("a."));
	memset(name, 'x', 63);
	name[63] = '\0';
	assert_true(dns_name_ok(name));
	name[63] = 'x';
	name[64] = '\0';
	assert_false(dns_name_ok(name));
}

static void what_udp_takes(void **state)
{
	struct udp_spec s;
	char why[160];

	(void)state;
	assert_true(udp_spec_parse("7", &s, why, sizeof(why)));
	assert_int_equal(s.app, UDP_ECHO);
	assert_true(udp_spec_parse("9,app=discard", &s, why, sizeof(why)));
	assert_int_equal(s.app, UDP_DISCARD);
	assert_true(udp_spec_parse("53,addr=198.18.7.9,name=www.example,app=dns", &s, why, sizeof(why)));
	assert_int_equal(s.port, 53);
	assert_int_equal(s.record.addr, record.addr);
	assert_string_equal(s.record.name, record.name);
	assert_false(udp_spec_parse("53,app=dns,name=x", &s, why, sizeof(why)));
	assert_non_null(strstr(why, "addr="));
	assert_false(udp_spec_parse("53,name=x,addr=1.2.3.4", &s, why, sizeof(why)));
	assert_false(udp_spec_parse("0", &s, why, sizeof(why)));
	assert_false(udp_spec_parse("7,app=ehco", &s, why, sizeof(why)));
	assert_false(udp_spec_parse("7,name=a..b", &s, why, sizeof(why)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_name_has_an_address),
		cmocka_unit_test(another_type_has_no_record_and_another_name_does_not_exist),
		cmocka_unit_test(rubbish_is_refused_or_ignored),
		cmocka_unit_test(names_have_labels_of_up_to_63),
		cmocka_unit_test(what_udp_takes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
