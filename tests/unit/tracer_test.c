/* SPDX-License-Identifier: MIT
 * Those who ask a host for what happens get it as it happens; who does not read loses some, is told so, and holds up
 * nobody. */
#include "answer.h"
#include "control.h"
#include "tools.h"
#include "tracer.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lab.h"

#define READERS_MAX 16
#define TEXT_MAX (1 << 20)

struct host {
	struct lab l;
	struct asked asked;
	char dir[64];
	int reader[READERS_MAX], readers;
	char *text;
};

static struct host *host_open(void)
{
	struct host *h = calloc(1, sizeof(*h));

	assert_non_null(h);
	h->l = lab_open();
	strcpy(h->dir, "/tmp/ho-tracer-XXXXXX");
	assert_non_null(mkdtemp(h->dir));
	setenv("HALFOPEN_RUN", h->dir, 1);
	assert_int_equal(control_open("h", "1", answer, &h->asked, &h->asked.control), 0);
	h->asked.stack = h->l.s;
	h->asked.tracer = tracer_open(h->l.s, h->asked.control, "h");
	assert_non_null(h->asked.tracer);
	tracer_link(h->asked.tracer, "ho0", false);
	h->text = malloc(TEXT_MAX);
	assert_non_null(h->text);
	return h;
}

static void host_close(struct host *h)
{
	tracer_close(h->asked.tracer);
	control_close(h->asked.control);
	for (int i = 0; i < h->readers; i++)
		close(h->reader[i]);
	rmdir(h->dir);
	lab_forget(&h->l);
	lab_close(&h->l);
	free(h->text);
	free(h);
}

/* A round of the host's loop. */
static void host_round(struct host *h)
{
	ho_time_ns now = ho_stack_now(h->l.s);

	control_run(h->asked.control, now);
	tracer_run(h->asked.tracer, now, now);
}

static int reader_open(struct host *h, const char *request)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0 && h->readers < READERS_MAX);
	assert_int_equal(control_path("h", ".sock", at.sun_path), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(send(fd, request, strlen(request), 0), strlen(request));
	h->reader[h->readers++] = fd;
	host_round(h); /* it is accepted */
	host_round(h); /* and read */
	return fd;
}

/* What has come by now; *over: that was all. */
static char *got(struct host *h, int fd, size_t *bytes, bool *over)
{
	size_t used = 0;
	ssize_t n;

	*over = false;
	for (;;) {
		n = recv(fd, h->text + used, TEXT_MAX - 1 - used, MSG_DONTWAIT);
		if (n <= 0)
			break;
		used += (size_t)n;
		host_round(h); /* there is room again */
	}
	*over = n == 0;
	h->text[used] = '\0';
	*bytes = used;
	return h->text;
}

static void gets(struct host *h, int fd, const char *expected, bool end)
{
	size_t bytes;
	bool over;
	char *text = got(h, fd, &bytes, &over), *line = text, out[4096] = "";

	while (*line != '\0') { /* without the time of day */
		char *end_of_line = strchr(line, '\n');

		assert_non_null(end_of_line);
		*end_of_line = '\0';
		if (line[2] == ':' && line[5] == ':')
			line += strcspn(line, " ") + 1;
		snprintf(out + strlen(out), sizeof(out) - strlen(out), "%s\n", line);
		line = end_of_line + 1;
	}
	assert_string_equal(out, expected);
	assert_int_equal(over, end);
}

static void calls(struct host *h, int first, int last)
{
	for (int fd = first; fd <= last; fd++)
		assert_int_equal(ho_sock_close(h->l.s, fd), -EBADF);
}

static void a_reader_gets_what_happens_until_he_has_enough(void **state)
{
	struct host *h = host_open();
	int fd;

	(void)state;
	calls(h, 1, 1); /* nobody watches */
	fd = reader_open(h, "trace --event call\n");
	gets(h, fd, "ok 1\n", false);
	calls(h, 2, 3);
	host_round(h);
	gets(h, fd, "call       close fd=2 res=-9(EBADF)\ncall       close fd=3 res=-9(EBADF)\n", false);
	assert_true(tracer_busy(h->asked.tracer));
	calls(h, 4, 4);
	shutdown(fd, SHUT_WR);
	host_round(h);
	host_round(h);
	gets(h, fd, "call       close fd=4 res=-9(EBADF)\n", true);
	assert_false(tracer_busy(h->asked.tracer));
	assert_int_equal(ho_watch_newest(h->l.s), 3);
	calls(h, 5, 5);
	assert_int_equal(ho_watch_newest(h->l.s), 3); /* nobody watches */
	host_close(h);
}

static void a_number_of_lines_is_the_end(void **state)
{
	struct host *h = host_open();
	int fd = reader_open(h, "trace -n 2 --event call,state\n");

	(void)state;
	calls(h, 1, 5);
	host_round(h);
	gets(h, fd, "ok 1\ncall       close fd=1 res=-9(EBADF)\ncall       close fd=2 res=-9(EBADF)\n", true);
	host_close(h);
}

static void json_is_a_line_an_event(void **state)
{
	struct host *h = host_open();
	int fd = reader_open(h, "trace --json --event call\n");
	char expected[256];

	(void)state;
	calls(h, 1, 1);
	host_round(h);
	snprintf(
		expected, sizeof(expected),
		"ok 1\n{\"time\":%llu.%09llu,\"at_ns\":%llu,\"number\":1,\"event\":\"call\",\"call\":\"close\",\"result\":-9,"
		"\"error\":\"EBADF\",\"by\":{\"cause\":\"call\",\"what\":\"close\"}}\n",
		(unsigned long long)(LAB_BIRTH_NS / HO_SEC), (unsigned long long)(LAB_BIRTH_NS % HO_SEC),
		(unsigned long long)LAB_BIRTH_NS);
	gets(h, fd, expected, false);
	host_close(h);
}

/* Lines in all, and the sum of what the lines "lost" say. */
static void lines_count(const char *text, uint64_t *lines, uint64_t *lost)
{
	*lines = *lost = 0;
	for (const char *at = text; *at != '\0'; at = strchr(at, '\n') + 1) {
		unsigned long long n;

		if (strncmp(at, "ok ", 3) == 0)
			continue;
		if (sscanf(at, "%*s lost %llu", &n) == 1)
			*lost += n;
		else
			++*lines;
	}
}

static void who_does_not_read_loses_some_and_holds_up_nobody(void **state)
{
	struct host *h = host_open();
	int slow = reader_open(h, "trace --event call\n"), quick = reader_open(h, "trace --event call\n");
	uint64_t lines, lost, read = 0;
	size_t bytes;
	bool over;

	(void)state;
	for (int round = 0; round < 100; round++) {
		calls(h, 0, 999);
		for (int i = 0; i < 8; i++)
			host_round(h);
		lines_count(got(h, quick, &bytes, &over), &lines, &lost);
		assert_int_equal(lost, 0);
		read += lines;
	}
	assert_int_equal(read, 100000);
	lines_count(got(h, slow, &bytes, &over), &lines, &lost);
	assert_false(over);
	assert_true(lines > 1000 && lost > 50000);
	assert_int_equal(lines + lost, 100000);
	host_close(h);
}

static void a_ninth_reader_is_refused(void **state)
{
	struct host *h = host_open();
	int fd = -1;

	(void)state;
	for (int i = 0; i < 9; i++)
		fd = reader_open(h, "trace\n");
	gets(h, fd, "error too many watch it already\n", true);
	fd = reader_open(h, "trace --event what\n");
	gets(h, fd, "usage --event 'what': there are call, state, queue, retransmit, drop and counter\n", true);
	host_close(h);
}

static void a_reader_who_is_gone_is_forgotten(void **state)
{
	struct host *h = host_open();
	struct ho_memory before, after;

	(void)state;
	ho_stack_memory(h->l.s, &before);
	reader_open(h, "trace\n");
	assert_true(tracer_busy(h->asked.tracer));
	close(h->reader[--h->readers]);
	host_round(h);
	calls(h, 1, 10);
	host_round(h);
	host_round(h);
	assert_false(tracer_busy(h->asked.tracer));
	ho_stack_memory(h->l.s, &after);
	assert_int_equal(after.allocated_bytes, before.allocated_bytes);
	host_close(h);
}

/* ---- captures ---- */

static uint32_t u32(const char *bytes)
{
	uint32_t v;

	memcpy(&v, bytes, 4);
	return v;
}

/* A packet from outside, as the host's loop gives it to the stack. */
static void packet_in(struct host *h, struct bytes b, uint64_t id)
{
	struct ho_frame *f = ho_frame_make(&h->l.al, b.at, b.len);

	assert_non_null(f);
	f->id = id;
	ho_stack_input(h->l.s, ho_frame_ref(f), ho_stack_now(h->l.s));
	if (tracer_captures(h->asked.tracer))
		tracer_frame(h->asked.tracer, 0, f, false, ho_stack_now(h->l.s));
	ho_frame_unref(f);
}

/* The blocks of a capture: how many of a type; comments, one behind the other, in text. */
static int blocks(const char *at, size_t bytes, uint32_t type, char *text, size_t cap)
{
	const char *end = at + bytes;
	int count = 0;

	text[0] = '\0';
	for (; at < end; at += u32(at + 4)) {
		assert_true(u32(at + 4) >= 12 && at + u32(at + 4) <= end);
		assert_int_equal(u32(at + u32(at + 4) - 4), u32(at + 4));
		count += u32(at) == type;
		if (u32(at) != 6)
			continue;
		for (const char *o = at + 28 + ((u32(at + 20) + 3) & ~3u); (u32(o) & 0xffff) != 0;
		     o += 4 + (((u32(o) >> 16) + 3) & ~3u))
			if ((u32(o) & 0xffff) == 1)
				snprintf(text + strlen(text), cap - strlen(text), "%.*s\n", (int)(u32(o) >> 16), o + 4);
	}
	return count;
}

static void a_capture_begins_at_once_and_says_what_happened_at_each_packet(void **state)
{
	struct host *h = host_open();
	int fd = reader_open(h, "trace --pcapng --event counter,drop --counter *Unknown*\n");
	char *text, comments[4096];
	size_t bytes;
	bool over;

	(void)state;
	text = got(h, fd, &bytes, &over);
	assert_memory_equal(text, "ok 1\n", 5);
	assert_int_equal(blocks(text + 5, bytes - 5, 0x0a0d0d0a, comments, sizeof(comments)), 1);
	assert_int_equal(blocks(text + 5, bytes - 5, 1, comments, sizeof(comments)), 1);
	packet_in(h, ip_make((struct ip_fields){.protocol = 200, .len = 16}), 5);
	packet_in(h, icmp_make((struct icmp_fields){.type = 8}), 6); /* nothing that was asked for happens */
	text = got(h, fd, &bytes, &over);
	assert_int_equal(blocks(text, bytes, 6, comments, sizeof(comments)), 1);
	assert_string_equal(
		comments,
		"h: IpInUnknownProtos +1\n"
		"h: drop no protocol and no raw socket takes the packet: it gets ICMP protocol unreachable and no "
		"IpInDelivers (frame 5 arrived)\n");
	host_close(h);
}

static void a_capture_takes_only_packets_of_its_port(void **state)
{
	struct host *h = host_open();
	int fd = reader_open(h, "trace --pcapng --port 9\n");
	char *text, comments[8192];
	size_t bytes;
	bool over;

	(void)state;
	got(h, fd, &bytes, &over);
	packet_in(h, udp_make((struct udp_fields){.dport = 8, .len = 4}), 1);
	packet_in(h, udp_make((struct udp_fields){.dport = 9, .len = 4}), 2);
	text = got(h, fd, &bytes, &over);
	assert_int_equal(blocks(text, bytes, 6, comments, sizeof(comments)), 1);
	assert_non_null(strstr(comments, "h: IpInReceives +1 "));
	assert_non_null(strstr(comments, "frame 2 arrived"));
	assert_null(strstr(comments, "frame 1 arrived"));
	host_close(h);
}

static void packets_that_find_no_room_are_counted_in_the_next_one(void **state)
{
	struct host *h = host_open();
	int fd = reader_open(h, "trace --pcapng --event drop\n");
	char *text, comments[4096];
	size_t bytes;
	bool over;
	int first;

	(void)state;
	for (uint64_t id = 1; id <= 2000; id++) {
		packet_in(h, udp_make((struct udp_fields){.dport = 9, .len = 1000}), id);
		host_round(h);
	}
	text = got(h, fd, &bytes, &over);
	first = blocks(text + 5, bytes - 5, 6, comments, sizeof(comments));
	assert_true(first > 100 && first < 2000);
	packet_in(h, udp_make((struct udp_fields){.dport = 9, .len = 4}), 2001);
	text = got(h, fd, &bytes, &over);
	assert_int_equal(blocks(text, bytes, 6, comments, sizeof(comments)), 1);
	snprintf(h->text, TEXT_MAX, "h, before this frame: %d packets and 0 events lost: the reader is too slow\n",
	         2000 - first);
	assert_memory_equal(comments, h->text, strlen(h->text));
	assert_false(over);
	host_close(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reader_gets_what_happens_until_he_has_enough),
		cmocka_unit_test(a_number_of_lines_is_the_end),
		cmocka_unit_test(json_is_a_line_an_event),
		cmocka_unit_test(who_does_not_read_loses_some_and_holds_up_nobody),
		cmocka_unit_test(a_ninth_reader_is_refused),
		cmocka_unit_test(a_reader_who_is_gone_is_forgotten),
		cmocka_unit_test(a_capture_begins_at_once_and_says_what_happened_at_each_packet),
		cmocka_unit_test(a_capture_takes_only_packets_of_its_port),
		cmocka_unit_test(packets_that_find_no_room_are_counted_in_the_next_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
