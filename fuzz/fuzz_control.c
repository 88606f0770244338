/* SPDX-License-Identifier: MIT
 * Any lines on a host's control socket, a client each, some of which say only a part, hang up, or do not read: each that stays gets
 * "ok", "error" or "usage", in words or in JSON, or is let go; and the socket answers the next one. */
#include "answer.h"
#include "control.h"
#include "pinger.h"
#include "tracer.h"
#include "tools.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define LINES_MAX 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool promise)
{
	if (!promise)
		abort();
}

struct host {
	struct ho_stack *stack;
	struct control *control;
	struct pinger *pinger;
	struct tracer *tracer;
	struct asked asked;
	ho_time_ns now;
};

/* One directory for the whole search. */
static void directory_set(void)
{
	static char dir[] = "/tmp/halfopen-fuzz-XXXXXX";
	static bool made;

	if (made)
		return;
	require(mkdtemp(dir) != NULL && setenv("HALFOPEN_RUN", dir, 1) == 0);
	made = true;
}

static void directory_remove(void)
{
	rmdir(getenv("HALFOPEN_RUN")); /* the socket goes with the host */
}

static void host_open(struct host *h)
{
	static bool first = true;
	struct ho_stack_config c;

	directory_set();
	if (first)
		atexit(directory_remove);
	first = false;
	ho_stack_config_init(&c);
	c.addr = HO_ADDR(198, 18, 0, 2);
	c.prefix_len = 24;
	c.default_route = true;
	c.socks_max = 8;
	c.now_ns = h->now = HO_SEC;
	require(ho_stack_open(&c, &h->stack) == 0);
	require(control_open("fuzz", "1.2", answer, &h->asked, &h->control) == 0);
	h->pinger = pinger_open(h->stack, h->control);
	require(h->pinger != NULL);
	h->tracer = tracer_open(h->stack, h->control, "fuzz");
	require(h->tracer != NULL);
	h->asked = (struct asked){h->stack, h->control, h->pinger, NULL, h->tracer};
}

static void host_close(struct host *h)
{
	pinger_close(h->pinger);
	tracer_close(h->tracer);
	control_close(h->control);
	ho_stack_close(h->stack);
}

static void host_turn(struct host *h)
{
	struct ho_frame *f;

	h->now += 10 * HO_MS;
	ho_stack_expire(h->stack, h->now, 0);
	control_run(h->control, h->now);
	pinger_run(h->pinger, h->now);
	if (tracer_busy(h->tracer))
		tracer_run(h->tracer, h->now, h->now);
	while ((f = ho_stack_output(h->stack)) != NULL)
		ho_frame_unref(f);
}

static int client_open(void)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	require(fd >= 0 && control_path("fuzz", ".sock", at.sun_path) == 0);
	require(connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0);
	return fd;
}

static bool is_answer(const char *text, size_t bytes)
{
	return bytes == 0 || (bytes >= 3 && memcmp(text, "ok ", 3) == 0) || (bytes >= 6 && memcmp(text, "error ", 6) == 0) ||
	       (bytes >= 6 && memcmp(text, "usage ", 6) == 0) || (bytes >= 6 && memcmp(text, "{\"ok\":", 6) == 0);
}

/* The first byte says how the client behaves, the rest is what it says. */
static void client_run(struct host *h, const uint8_t *line, size_t bytes)
{
	enum { WHOLE, PART, HANGS_UP, DEAF } how = bytes > 0 && line[0] <= DEAF ? line[0] : WHOLE;
	int fd = client_open();
	char text[4096];
	ssize_t n;

	for (size_t half = 0; half < 2; half++) { /* in two pieces */
		size_t from = half ? bytes / 2 : 0, to = half ? bytes : bytes / 2;

		(void)!send(fd, line + from, to - from, MSG_NOSIGNAL);
		host_turn(h);
	}
	if (how == WHOLE || how == DEAF)
		(void)!send(fd, "\n", 1, MSG_NOSIGNAL);
	if (how == PART)
		shutdown(fd, SHUT_WR);
	if (how == HANGS_UP)
		close(fd);
	host_turn(h);
	host_turn(h);
	if (how == HANGS_UP)
		return;
	n = how == DEAF ? 0 : recv(fd, text, sizeof(text), 0);
	require(is_answer(text, n > 0 ? (size_t)n : 0));
	close(fd);
}

static void a_good_one_is_answered(struct host *h)
{
	static const char request[] = "sysctl get net.core.rmem_max\n";
	char text[256];
	int fd = client_open();

	require(send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) == sizeof(request) - 1);
	host_turn(h);
	host_turn(h);
	require(recv(fd, text, sizeof(text), 0) > 30 && memcmp(text, "ok 1.2\nnet.core.rmem_max = ", 27) == 0);
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = data + size;
	struct host h = {0};

	if (size > 8192)
		return 0;
	host_open(&h);
	for (unsigned i = 0; i < LINES_MAX && data < end; i++) {
		const uint8_t *newline = memchr(data, '\n', (size_t)(end - data));
		size_t bytes = (size_t)((newline != NULL ? newline : end) - data);

		client_run(&h, data, bytes);
		data += bytes + (newline != NULL);
	}
	a_good_one_is_answered(&h);
	host_close(&h);
	return 0;
}
