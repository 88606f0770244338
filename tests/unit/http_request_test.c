/* SPDX-License-Identifier: MIT
 * HTTP requests as the http service reads them. */
#include "http_request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int parse(const char *text, struct http_request *out)
{
	return http_request_parse(text, strlen(text), out);
}

static void a_request_is_taken_apart(void **state)
{
	const char *text = "GET /bytes/10 HTTP/1.1\r\nHost: 198.18.0.2\r\nUser-Agent: curl\r\n\r\n";
	struct http_request r;

	(void)state;
	assert_int_equal(parse(text, &r), (int)strlen(text));
	assert_int_equal(r.method, HTTP_GET);
	assert_int_equal(r.minor, 1);
	assert_true(r.keep_alive);
	assert_int_equal(r.body_bytes, 0);
	assert_string_equal(r.target, "/bytes/10");
}

static void any_cut_of_a_request_wants_more(void **state)
{
	const char *text = "\r\nHEAD /a?b HTTP/1.1\r\nHost: x\r\nContent-Length: 12\r\n\r\n";
	struct http_request r;

	(void)state;
	for (size_t len = 0; len < strlen(text); len++)
		assert_int_equal(http_request_parse(text, len, &r), 0);
	assert_int_equal(parse(text, &r), (int)strlen(text));
	assert_int_equal(r.method, HTTP_HEAD);
	assert_int_equal(r.body_bytes, 12);
	assert_string_equal(r.target, "/a");
}

static void persistence_follows_version_and_connection(void **state)
{
	static const struct {
		const char *text;
		bool keep;
	} rows[] = {
		{"GET / HTTP/1.1\r\nHost: x\r\n\r\n", true},
		{"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", false},
		{"GET / HTTP/1.1\r\nHost: x\r\nConnection: foo , CLOSE\r\n\r\n", false},
		{"GET / HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n", false},
		{"GET / HTTP/1.0\r\n\r\n", false},
		{"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true},
		{"GET / HTTP/1.0\n\n", false}, /* bare line feeds will do */
	};
	struct http_request r;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_int_equal(parse(rows[i].text, &r), (int)strlen(rows[i].text));
		assert_int_equal(r.keep_alive, rows[i].keep);
	}
}

static void targets_lose_host_and_query(void **state)
{
	static const struct {
		const char *text, *target;
	} rows[] = {
		{"GET http://198.18.0.2:80/bytes/7?x=1 HTTP/1.0\r\n\r\n", "/bytes/7"},
		{"GET http://198.18.0.2 HTTP/1.0\r\n\r\n", ""},
		{"GET /?a=http://b HTTP/1.0\r\n\r\n", "/"},
		{"GET * HTTP/1.0\r\n\r\n", "*"},
	};
	struct http_request r;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_true(parse(rows[i].text, &r) > 0);
		assert_string_equal(r.target, rows[i].target);
	}
}

static void ill_formed_requests_get_a_status(void **state)
{
	static const struct {
		const char *text;
		int status;
	} rows[] = {
		{"GET /\r\n\r\n", -400}, /* HTTP/0.9 */
		{"GET  / HTTP/1.1\r\n\r\n", -400},
		{"GET / HTTP/1.1 \r\n\r\n", -400},
		{"GET / HTTP/2.0\r\n\r\n", -505},
		{"GET / HTTP/x.1\r\n\r\n", -400},
		{"GET / HTTX/1.1\r\n\r\n", -400},
		{"G(T / HTTP/1.1\r\nHost: x\r\n\r\n", -400},
		{"GET / HTTP/1.1\r\n\r\n", -400}, /* no Host */
		{"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", -400},
		{"GET / HTTP/1.1\r\nHost : x\r\n\r\n", -400},
		{"GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n", -400},
		{"GET / HTTP/1.1\r\nHost: x\r\nnothing\r\n\r\n", -400},
		{"GET / HTTP/1.1\r\nHost: x\r\n: y\r\n\r\n", -400},
		{"GET / HTTP/1.1\r\nHost: x\ry\r\n\r\n", -400},
		{"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", -400},
		{"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", -400},
		{"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 18446744073709551616\r\n\r\n", -400},
		{"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", -400},
		{"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", -501},
	};
	struct http_request r;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_int_equal(parse(rows[i].text, &r), rows[i].status);
}

static void lengths_at_the_edge(void **state)
{
	char text[400];
	struct http_request r;

	(void)state;
	snprintf(text, sizeof(text), "GET /%0*d HTTP/1.0\r\n\r\n", HTTP_TARGET_MAX - 1, 0);
	assert_true(parse(text, &r) > 0);
	assert_int_equal(strlen(r.target), HTTP_TARGET_MAX);
	snprintf(text, sizeof(text), "GET /%0*d HTTP/1.0\r\n\r\n", HTTP_TARGET_MAX, 0);
	assert_int_equal(parse(text, &r), -414);
	assert_true(parse("POST / HTTP/1.0\r\nContent-Length: 18446744073709551615\r\n\r\n", &r) > 0);
	assert_true(r.body_bytes == UINT64_MAX);
	assert_int_equal(r.method, HTTP_OTHER);
}

static void what_follows_a_request_is_left_alone(void **state)
{
	const char *text = "GET /1 HTTP/1.0\r\n\r\nGET /2 HTTP/1.0\r\n\r\n";
	struct http_request r;
	int n;

	(void)state;
	n = parse(text, &r);
	assert_int_equal(n, 19);
	assert_string_equal(r.target, "/1");
	assert_int_equal(parse(text + n, &r), 19);
	assert_string_equal(r.target, "/2");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_is_taken_apart),
		cmocka_unit_test(any_cut_of_a_request_wants_more),
		cmocka_unit_test(persistence_follows_version_and_connection),
		cmocka_unit_test(targets_lose_host_and_query),
		cmocka_unit_test(ill_formed_requests_get_a_status),
		cmocka_unit_test(lengths_at_the_edge),
		cmocka_unit_test(what_follows_a_request_is_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
