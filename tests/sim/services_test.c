/* SPDX-License-Identifier: MIT
 * The services of `halfopen host` on a stack in virtual time, used by another stack: no device, no root, no sleep. */
#include "services.h"

#include <halfopen/sim.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sums.h"

#define CLIENT HO_ADDR(198, 18, 0, 1)
#define SERVER HO_ADDR(198, 18, 0, 2)
#define STEP (100 * HO_US)
#define GOT_BYTES (1 << 20)

/* A client that speaks through calls, and a server with services. */
struct scene {
	struct ho_world *w;
	struct ho_stack *client, *server;
	struct services *services;
	char got[GOT_BYTES + 1];
	size_t got_bytes;
};

static void host_add(struct ho_world *w, const char *name, uint32_t addr, uint32_t socks_max)
{
	struct ho_stack_config c;

	ho_stack_config_init(&c);
	c.addr = addr;
	c.prefix_len = 24;
	c.socks_max = socks_max;
	assert_true(ho_world_host_add(w, name, &c) >= 0);
}

static struct scene *scene_open(const char *listen, uint32_t socks_max)
{
	struct ho_wire_config wire = {.delay_ns = 50 * HO_US};
	struct scene *t = calloc(1, sizeof(*t));
	struct listen_spec spec;
	char why[128];

	assert_int_equal(ho_world_open(1, NULL, &t->w), 0);
	host_add(t->w, "client", CLIENT, 4096);
	host_add(t->w, "server", SERVER, socks_max);
	assert_int_equal(ho_world_wire_add(t->w, 0, 1, &wire, &wire), 0);
	t->client = ho_world_host(t->w, 0);
	t->server = ho_world_host(t->w, 1);
	assert_int_equal(services_open(t->server, socks_max, &t->services), 0);
	assert_true(listen_spec_parse(listen, &spec, why, sizeof(why)));
	assert_int_equal(services_listen(t->services, &spec), 0);
	return t;
}

static void scene_close(struct scene *t)
{
	services_close(t->services);
	world_end(t->w);
	free(t);
}

static void pass(struct scene *t, ho_time_ns ns)
{
	const ho_time_ns until = ho_world_now(t->w) + ns;

	while (ho_world_now(t->w) < until) {
		ho_world_run(t->w, ho_world_now(t->w) + STEP, false);
		while (services_run(t->services, ho_world_now(t->w)))
			;
	}
}

static int connected(struct scene *t, uint16_t port)
{
	int fd = ho_sock_open(t->client, HO_SOCK_STREAM, 0);

	assert_true(fd >= 0);
	assert_int_equal(ho_sock_connect(t->client, fd, (struct ho_endpoint){SERVER, port}), -EINPROGRESS);
	pass(t, HO_MS);
	assert_true(ho_sock_poll(t->client, fd) & HO_OUT);
	return fd;
}

static void say(struct scene *t, int fd, const char *text)
{
	assert_int_equal(ho_sock_send(t->client, fd, text, strlen(text), 0), strlen(text));
}

/* Reads until the end or until nothing has come for 100 ms.  Gives  true at the end of the stream. */
static bool hear(struct scene *t, int fd)
{
	t->got_bytes = 0;
	for (int quiet = 0; quiet < 100;) {
		ptrdiff_t n = ho_sock_recv(t->client, fd, t->got + t->got_bytes, GOT_BYTES - t->got_bytes, 0);

		t->got[t->got_bytes + (n > 0 ? (size_t)n : 0)] = '\0';
		if (n == 0 || (n < 0 && n != -EAGAIN))
			return n == 0;
		t->got_bytes += n > 0 ? (size_t)n : 0;
		quiet = n > 0 ? 0 : quiet + 1;
		pass(t, HO_MS);
	}
	return false;
}

static const char *body(const struct scene *t)
{
	const char *end = strstr(t->got, "\r\n\r\n");

	assert_non_null(end);
	return end + 4;
}

static void pattern_is_right(const char *at, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++) {
		size_t j = i % 65521;

		if ((uint8_t)at[i] != (uint8_t)(j ^ j >> 8))
			fail_msg("byte %zu of the pattern is wrong", i);
	}
}

static void echo_gives_back_everything_before_it_closes(void **state)
{
	struct scene *t = scene_open("7", 64);
	int fd = connected(t, 7);

	(void)state;
	say(t, fd, "hello");
	assert_false(hear(t, fd));
	assert_string_equal(t->got, "hello");
	say(t, fd, "the end");
	assert_int_equal(ho_sock_shutdown(t->client, fd, HO_SHUT_WR), 0);
	assert_true(hear(t, fd));
	assert_string_equal(t->got, "the end");
	pass(t, HO_MS);
	assert_int_equal(services_stats(t->services)->open, 0);
	scene_close(t);
}

static void http_answers_and_keeps_the_connection(void **state)
{
	struct scene *t = scene_open("80,app=http", 64);
	int fd = connected(t, 80);

	(void)state;
	say(t, fd, "GET /bytes/5 HTTP/1.1\r\nHost: x\r\n\r\nHEAD /bytes/7 HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_false(hear(t, fd)); /* two requests in a row, two answers, one body */
	assert_memory_equal(t->got, "HTTP/1.1 200 OK\r\n", 17);
	assert_non_null(strstr(t->got, "Content-Length: 5\r\n"));
	pattern_is_right(body(t), 5);
	assert_memory_equal(body(t) + 5, "HTTP/1.1 200 OK\r\n", 17);
	assert_non_null(strstr(body(t) + 5, "Content-Length: 7\r\n"));
	assert_memory_equal(t->got + t->got_bytes - 4, "\r\n\r\n", 4);
	say(t, fd, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	assert_true(hear(t, fd));
	assert_non_null(strstr(t->got, "TcpPassiveOpens"));
	assert_non_null(strstr(t->got, "Connection: close\r\n"));
	scene_close(t);
}

static void http_sends_large_bodies_right(void **state)
{
	struct scene *t = scene_open("80,app=http", 64);
	int fd = connected(t, 80);

	(void)state;
	say(t, fd, "GET /bytes/1000000 HTTP/1.0\r\n\r\n");
	assert_true(hear(t, fd));
	assert_int_equal(t->got_bytes - (size_t)(body(t) - t->got), 1000000);
	pattern_is_right(body(t), 1000000);
	scene_close(t);
}

static void http_refuses_without_resetting(void **state)
{
	static const struct {
		const char *request, *answer;
	} rows[] = {
		{"GET /nothing HTTP/1.0\r\n\r\n", "HTTP/1.1 404 "},
		{"GET /bytes/x HTTP/1.0\r\n\r\n", "HTTP/1.1 404 "},
		{"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody and more", "HTTP/1.1 405 "},
		{"rubbish\r\n\r\nand more of it", "HTTP/1.1 400 "},
		{"GET / HTTP/2.0\r\n\r\n", "HTTP/1.1 505 "},
	};
	struct scene *t = scene_open("80,app=http", 64);
	char *big = malloc(10000);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		int fd = connected(t, 80);

		say(t, fd, rows[i].request);
		assert_true(hear(t, fd)); /* the end of the stream, no reset */
		assert_memory_equal(t->got, rows[i].answer, strlen(rows[i].answer));
		ho_sock_close(t->client, fd);
	}
	memset(big, 'x', 9999);
	memcpy(big, "GET / HTTP/1.1\r\n", 16);
	big[9999] = '\0';
	int fd = connected(t, 80);
	say(t, fd, big);
	assert_true(hear(t, fd));
	assert_memory_equal(t->got, "HTTP/1.1 431 ", 13);
	assert_int_equal(ho_counter_get(t->server, HO_TcpOutRsts), 0);
	free(big);
	scene_close(t);
}

static void a_client_that_does_not_read_stops_nobody(void **state)
{
	struct scene *t = scene_open("80,app=http", 64);
	int slow = connected(t, 80), fd;

	(void)state;
	say(t, slow, "GET /bytes/100000000 HTTP/1.1\r\nHost: x\r\n\r\n");
	pass(t, HO_SEC);
	fd = connected(t, 80);
	say(t, fd, "GET /bytes/300000 HTTP/1.0\r\n\r\n");
	assert_true(hear(t, fd));
	pattern_is_right(body(t), 300000);
	scene_close(t);
}

static void an_idle_http_connection_is_closed_after_30_s(void **state)
{
	struct scene *t = scene_open("80,app=http", 64);
	int fd = connected(t, 80);
	char byte;

	(void)state;
	pass(t, 20 * HO_SEC);
	say(t, fd, "GET ");
	pass(t, 29 * HO_SEC); /* that was progress */
	assert_int_equal(ho_sock_recv(t->client, fd, &byte, 1, 0), -EAGAIN);
	pass(t, 2 * HO_SEC);
	assert_int_equal(ho_sock_recv(t->client, fd, &byte, 1, 0), 0);
	assert_true(services_deadline(t->services) == HO_NEVER);
	scene_close(t);
}

static void who_finds_no_descriptor_free_is_served_later(void **state)
{
	struct scene *t = scene_open("7", 3); /* the listener and two connections */
	int fd[4];

	(void)state;
	for (int i = 0; i < 4; i++) {
		fd[i] = connected(t, 7);
		say(t, fd[i], "x");
	}
	for (int i = 0; i < 4; i++) {
		hear(t, fd[i]);
		assert_string_equal(t->got, "x"); /* 2 and 3 wait for 0 and 1 to go */
		ho_sock_close(t->client, fd[i]);
		pass(t, HO_MS);
	}
	scene_close(t);
}

static void hold_and_noaccept_do_nothing(void **state)
{
	struct scene *t = scene_open("9,app=hold", 64);
	int fd = connected(t, 9);

	(void)state;
	say(t, fd, "never read");
	pass(t, HO_SEC);
	assert_int_equal(services_stats(t->services)->open, 1);
	ho_sock_close(t->client, fd);
	pass(t, HO_SEC);
	assert_int_equal(services_stats(t->services)->open, 1); /* CLOSE-WAIT, for ever */
	scene_close(t);
	t = scene_open("9,app=noaccept", 64);
	connected(t, 9);
	assert_int_equal(services_stats(t->services)->accepted, 0);
	scene_close(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(echo_gives_back_everything_before_it_closes),
		cmocka_unit_test(http_answers_and_keeps_the_connection),
		cmocka_unit_test(http_sends_large_bodies_right),
		cmocka_unit_test(http_refuses_without_resetting),
		cmocka_unit_test(a_client_that_does_not_read_stops_nobody),
		cmocka_unit_test(an_idle_http_connection_is_closed_after_30_s),
		cmocka_unit_test(who_finds_no_descriptor_free_is_served_later),
		cmocka_unit_test(hold_and_noaccept_do_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
