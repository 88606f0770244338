/* SPDX-License-Identifier: MIT
 * A host without a device, for tests of what looks at hosts: it answers on its control socket as any other, a second stack is
 * at the other end of its link, and nothing happens, not even time passes, but by the lines on standard input:
 *
 *     socket tcp|udp|raw|ping       a line with "far" before it is of the other stack, 198.18.0.1; the host is 198.18.0.2
 *     bind FD ADDR PORT   listen FD BACKLOG   connect FD ADDR PORT   accept FD   send FD BYTES   recv FD BYTES
 *     shutdown FD HOW   close FD   set FD LEVEL OPTION VALUE   congestion FD NAME   sysctl NAME VALUE
 *     lose 0|1                      what the host sends does not arrive
 *     run MS                        time passes, in steps of a millisecond, which is what a packet takes
 *     files DIR [STATES]            writes DIR/net: the host as Linux's tools read it, DIR/net/tcpdiag of these states
 *
 * Each is answered with the number that its call gave.  Arguments: the host's name, and its id. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <halfopen/view.h>

#include "answer.h"
#include "control.h"

#define BEGIN_NS (1000 * HO_SEC)

struct world {
	struct ho_stack *host, *far;
	bool lossy;
	ho_time_ns now;
};

static struct ho_stack *stack_make(uint32_t addr, uint8_t secret)
{
	struct ho_stack_config c;
	struct ho_stack *s;

	ho_stack_config_init(&c);
	c.addr = addr;
	c.prefix_len = 24;
	memset(c.secret, secret, sizeof(c.secret));
	c.now_ns = BEGIN_NS;
	if (ho_stack_open(&c, &s) < 0)
		exit(1);
	return s;
}

/* ---- time ---- */

static void carry(struct ho_stack *from, struct ho_stack *to, ho_time_ns now, bool lossy)
{
	struct ho_frame *f;

	while ((f = ho_stack_output(from)) != NULL)
		if (lossy)
			ho_frame_unref(f);
		else
			ho_stack_input(to, f, now);
}

static int run(struct world *w, long ms)
{
	for (long i = 0; i < ms; i++) {
		w->now += HO_MS;
		ho_stack_expire(w->host, w->now, 0);
		ho_stack_expire(w->far, w->now, 0);
		carry(w->host, w->far, w->now, w->lossy);
		carry(w->far, w->host, w->now, false);
	}
	return 0;
}

/* ---- files ---- */

static int file_write(const char *dir, const char *name, answer_view *view, const struct ho_stack *s)
{
	size_t need = view(s, NULL, 0);
	char path[4096], *text = malloc(need + 1);
	FILE *f;

	snprintf(path, sizeof(path), "%s/net/%s", dir, name);
	f = fopen(path, "w");
	if (f == NULL || text == NULL || view(s, text, need + 1) != need || fwrite(text, 1, need, f) != need || fclose(f) != 0) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		exit(1);
	}
	free(text);
	return 0;
}

static size_t snmp(const void *s, char *buf, size_t cap_bytes)
{
	return ho_view_snmp(s, buf, cap_bytes);
}

static size_t netstat(const void *s, char *buf, size_t cap_bytes)
{
	return ho_view_netstat(s, buf, cap_bytes);
}

static size_t sockstat(const void *s, char *buf, size_t cap_bytes)
{
	return ho_view_sockstat(s, buf, cap_bytes);
}

static size_t tcp(const void *s, char *buf, size_t cap_bytes)
{
	return ho_view_proc_tcp(s, buf, cap_bytes);
}

static size_t udp(const void *s, char *buf, size_t cap_bytes)
{
	return ho_view_proc_udp(s, buf, cap_bytes);
}

static size_t raw(const void *s, char *buf, size_t cap_bytes)
{
	return ho_view_proc_raw(s, buf, cap_bytes);
}

static uint32_t tcpdiag_states;

static size_t tcpdiag(const void *s, char *buf, size_t cap_bytes)
{
	return ho_view_tcpdiag(s, tcpdiag_states, buf, cap_bytes);
}

static int files(const struct world *w, const char *dir, const char *states)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/net", dir);
	tcpdiag_states = states != NULL ? (uint32_t)strtoul(states, NULL, 0) : HO_VIEW_STATES_ALL;
	mkdir(dir, 0777); /* if it exists, well: the files tell */
	mkdir(path, 0777);
	return file_write(dir, "snmp", snmp, w->host) | file_write(dir, "netstat", netstat, w->host) |
	       file_write(dir, "sockstat", sockstat, w->host) | file_write(dir, "tcp", tcp, w->host) |
	       file_write(dir, "udp", udp, w->host) |
	       file_write(dir, "raw", raw, w->host) | file_write(dir, "tcpdiag", tcpdiag, w->host);
}

/* ---- calls ---- */

#define WORDS_MAX 6

static int open_kind(struct ho_stack *s, const char *kind)
{
	if (strcmp(kind, "tcp") == 0)
		return ho_sock_open(s, HO_SOCK_STREAM, 0);
	if (strcmp(kind, "udp") == 0)
		return ho_sock_open(s, HO_SOCK_DGRAM, 0);
	if (strcmp(kind, "ping") == 0)
		return ho_sock_open(s, HO_SOCK_DGRAM, HO_IPPROTO_ICMP);
	return ho_sock_open(s, HO_SOCK_RAW, HO_IPPROTO_ICMP);
}

static struct ho_endpoint endpoint_of(char **words)
{
	struct ho_endpoint e = {0};

	if (ho_view_addr_parse(words[2], &e.addr) < 0)
		exit(1);
	e.port = (uint16_t)atoi(words[3]);
	return e;
}

static int call_with_fd(struct ho_stack *s, char **words)
{
	static char bytes[1 << 20];
	const int fd = atoi(words[1]), number = words[2] != NULL ? atoi(words[2]) : 0;
	const char *verb = words[0];

	if (strcmp(verb, "bind") == 0)
		return ho_sock_bind(s, fd, endpoint_of(words));
	if (strcmp(verb, "connect") == 0)
		return ho_sock_connect(s, fd, endpoint_of(words));
	if (strcmp(verb, "listen") == 0)
		return ho_sock_listen(s, fd, number);
	if (strcmp(verb, "accept") == 0)
		return ho_sock_accept(s, fd, NULL);
	if (strcmp(verb, "send") == 0)
		return (int)ho_sock_send(s, fd, bytes, (size_t)number, 0);
	if (strcmp(verb, "recv") == 0)
		return (int)ho_sock_recv(s, fd, bytes, (size_t)number, 0);
	if (strcmp(verb, "shutdown") == 0)
		return ho_sock_shutdown(s, fd, number);
	if (strcmp(verb, "close") == 0)
		return ho_sock_close(s, fd);
	if (strcmp(verb, "congestion") == 0)
		return ho_sock_setopt(s, fd, HO_SOL_TCP, HO_TCP_CONGESTION, words[2], strlen(words[2]));
	if (strcmp(verb, "set") == 0) {
		const int value = atoi(words[4]);

		return ho_sock_setopt(s, fd, number, atoi(words[3]), &value, sizeof(value));
	}
	fprintf(stderr, "what is %s?\n", verb);
	exit(1);
}

static int act(struct world *w, int count, char **words)
{
	bool far = strcmp(words[0], "far") == 0;
	struct ho_stack *s = far ? w->far : w->host;

	words += far;
	if (count - far < 2)
		exit(1);
	if (strcmp(words[0], "run") == 0)
		return run(w, atol(words[1]));
	if (strcmp(words[0], "files") == 0)
		return files(w, words[1], words[2]);
	if (strcmp(words[0], "lose") == 0)
		return w->lossy = words[1][0] == '1';
	if (strcmp(words[0], "sysctl") == 0)
		return ho_sysctl_set(s, words[1], words[2]);
	if (strcmp(words[0], "socket") == 0)
		return open_kind(s, words[1]);
	return call_with_fd(s, words);
}

/* Gives  false at the end of the input. */
static bool line_act(struct world *w)
{
	char line[256], *words[WORDS_MAX + 1] = {0}, *save = NULL;
	int count = 0;

	if (fgets(line, sizeof(line), stdin) == NULL)
		return false;
	for (char *word = strtok_r(line, " \n", &save); word != NULL && count < WORDS_MAX; word = strtok_r(NULL, " \n", &save))
		words[count++] = word;
	if (count > 0)
		printf("%d\n", act(w, count, words));
	fflush(stdout);
	return true;
}

int main(int argc, char **argv)
{
	struct world w = {.now = BEGIN_NS};
	struct asked asked = {0};
	struct pollfd fds[2];

	if (argc != 3)
		return 2;
	setvbuf(stdin, NULL, _IONBF, 0); /* nothing lies unread where poll() does not see it */
	w.host = asked.stack = stack_make(HO_ADDR(198, 18, 0, 2), 1);
	w.far = stack_make(HO_ADDR(198, 18, 0, 1), 2);
	if (control_open(argv[1], argv[2], answer, &asked, &asked.control) != 0)
		return 1;
	fds[0] = (struct pollfd){.fd = 0, .events = POLLIN};
	fds[1] = (struct pollfd){.fd = control_fd(asked.control), .events = POLLIN};
	while (poll(fds, 2, 60000) > 0) {
		if (fds[1].revents != 0)
			control_run(asked.control, 0);
		if (fds[0].revents != 0 && !line_act(&w))
			break;
	}
	control_close(asked.control);
	ho_stack_close(w.host);
	ho_stack_close(w.far);
	return 0;
}
