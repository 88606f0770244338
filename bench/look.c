/* SPDX-License-Identifier: MIT
 * What it costs to be looked at: files published ten times a second beside 10,000 connections, and a list of 1,000 listeners
 * beside 100,000 connections, which the kernel's ss makes of as many sockets of its own (root). */
#include <halfopen/publish.h>
#include <halfopen/view.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"

#define PUBLISH_CONNECTIONS 10000u
#define PUBLISH_HZ 10u
#define LIST_CONNECTIONS 100000u
#define LISTENERS 1000u

struct crowd {
	struct ho_stack *s;
	struct frame_box box;
};

static int crowd_listen(struct crowd *c, uint16_t port)
{
	int fd = ho_sock_open(c->s, HO_SOCK_STREAM, 0), rc;

	if (fd < 0)
		return fd;
	rc = ho_sock_bind(c->s, fd, (struct ho_endpoint){.addr = HO_ADDR_ANY, .port = port});
	if (rc == 0)
		rc = ho_sock_listen(c->s, fd, 1 << 20);
	return rc ? rc : fd;
}

static void crowd_close(struct crowd *c)
{
	if (c->s)
		ho_stack_close(c->s);
	frame_box_close(&c->box);
}

static int crowd_open(struct crowd *c, uint32_t connections, uint32_t listeners)
{
	struct ho_stack_config config;
	int rc, fd = -1;

	*c = (struct crowd){0};
	wire_config(&config, SERVER_ADDR, (struct link_kind){1500, 0});
	config.socks_max = 1 << 20;
	rc = ho_stack_open(&config, &c->s);
	if (rc == 0)
		rc = frame_box_open(&c->box, 1);
	if (rc)
		return rc;
	ho_sysctl_set(c->s, "net.core.somaxconn", "1048576");
	ho_sysctl_set(c->s, "net.ipv4.tcp_max_syn_backlog", "1048576");
	for (uint32_t i = 0; i < listeners && rc >= 0; i++)
		rc = fd = crowd_listen(c, (uint16_t)(ECHO_PORT + listeners - 1 - i));
	for (uint32_t i = 0; i < connections && rc >= 0; i++) {
		struct segment peer = segment_peer(i);

		rc = segment_handshake(c->s, &c->box, &peer);
		if (rc >= 0)
			rc = ho_sock_accept(c->s, fd, NULL);
	}
	return rc < 0 ? rc : 0;
}

/* ---- files ---- */

/* CPU time of a second in which all that is due is written, and every counter of TCP's has moved before. */
static double second_publish(struct crowd *c, struct ho_publish *p, unsigned seconds)
{
	ho_time_ns now = ho_stack_now(c->s);
	struct segment stray = segment_peer(0);
	double sum = 0;

	stray.flags = SEGMENT_ACK;
	stray.dport = 1;
	for (unsigned i = 0; i < seconds * PUBLISH_HZ; i++) {
		struct ho_frame *f;
		double begin;

		now += HO_SEC / PUBLISH_HZ;
		ho_stack_input(c->s, frame_box_fill(&c->box, 0, &stray), now);
		ho_stack_expire(c->s, now, 0);
		while ((f = ho_stack_output(c->s)) != NULL)
			ho_frame_unref(f);
		begin = cpu_s();
		if (ho_publish_run(p, c->s, now) != 0)
			return -1;
		sum += cpu_s() - begin;
	}
	return sum / seconds;
}

static int publish_measure(const struct options *o, struct row *w, struct report *r)
{
	char dir[] = "/tmp/halfopen-bench-XXXXXX";
	struct ho_publish_config config = {.dir = dir, .interval_ms = 1000 / PUBLISH_HZ};
	uint32_t count = o->quick ? 100 : PUBLISH_CONNECTIONS;
	struct ho_publish *p = NULL;
	struct crowd c;
	int rc = crowd_open(&c, count, 1);

	if (rc == 0 && mkdtemp(dir) == NULL)
		rc = -errno;
	if (rc == 0)
		rc = ho_publish_open(&config, c.s, &p);
	for (unsigned n = 0; n < o->rounds && rc == 0; n++) {
		double cost = second_publish(&c, p, o->quick ? 1 : 20);

		if (cost < 0)
			rc = -EIO;
		row_sample(w, cost, 0);
	}
	report_fact(r, "connections beside which files are published", count);
	ho_publish_close(p);
	rmdir(dir);
	crowd_close(&c);
	return rc;
}

/* ---- a list ---- */

/* The columns of `ss -ltn`. */
static size_t listeners_text(const struct ho_stack *s, char *buf, size_t cap_bytes)
{
	struct ho_sock_info i;
	uint64_t cursor = 0;
	size_t len = 0;

	while (ho_sock_next_listener(s, &cursor, &i) && len < cap_bytes) {
		char local[22];

		len += (size_t)snprintf(buf + len, cap_bytes - len, "LISTEN %-6u %-6u %21s %21s\n", i.recv_q, i.send_q,
		                        ho_view_endpoint(i.local, local), "0.0.0.0:*");
	}
	return len;
}

static size_t listeners_diag(const struct ho_stack *s, char *buf, size_t cap_bytes)
{
	return ho_view_tcpdiag(s, HO_VIEW_STATES_LISTEN, buf, cap_bytes);
}

#define LISTS 20

/* CPU time of one list.  Gives  < 0: it is not all there. */
static double list_cost(const struct crowd *c, size_t (*list)(const struct ho_stack *s, char *buf, size_t cap_bytes),
                        uint32_t listeners)
{
	static char buf[1 << 20];
	double begin = cpu_s();
	size_t len = 0;

	for (unsigned i = 0; i < LISTS; i++)
		len = list(c->s, buf, sizeof(buf));
	return len >= listeners * 60 && len < sizeof(buf) ? (cpu_s() - begin) / LISTS : -1;
}

static int list_measure(const struct options *o, struct row *text, struct row *diag, struct row *process, struct report *r)
{
	uint32_t listeners = o->quick ? 16 : LISTENERS, connections = o->quick ? 64 : LIST_CONNECTIONS;
	struct kernel_crowd *k = NULL;
	struct host_crowd *h = NULL;
	struct host_list mine = {0};
	struct kernel_list ref = {.ss = {-1, -1}};
	struct crowd c;
	int rc = crowd_open(&c, connections, listeners), kernel, host;

	if (rc) {
		crowd_close(&c);
		return rc;
	}
	kernel = kernel_crowd_open(listeners, connections, &k);
	if (kernel != 0)
		fprintf(stderr, "halfopen-bench: look: nothing to compare lists with: %s\n", strerror(-kernel));
	host = host_crowd_open(listeners, connections, &h);
	if (host != 0)
		fprintf(stderr, "halfopen-bench: look: no process to look at: %s\n", strerror(-host));
	for (unsigned n = 0; n < o->rounds && rc == 0; n++) {
		double a, b;

		ref = (struct kernel_list){0};
		if (k != NULL)
			rc = kernel_crowd_list(k, &ref);
		if (h != NULL && rc == 0)
			rc = host_crowd_list(h, &mine);
		a = list_cost(&c, listeners_text, listeners);
		b = list_cost(&c, listeners_diag, listeners);
		if (a < 0 || b < 0)
			rc = -EPROTO;
		row_sample(text, a, ref.ss.cpu_s);
		if (h != NULL)
			row_sample(process, mine.ss.cpu_s + mine.host_s, ref.ss.cpu_s);
		row_sample(diag, b, ref.dump_s);
	}
	report_fact(r, "listeners", listeners);
	report_fact(r, "connections beside them", connections);
	if (h != NULL) {
		report_fact(r, "of halfopen ss -ltn the host's part: CPU us", mine.host_s * 1e6);
		report_fact(r, "halfopen ss -ltn: milliseconds by the clock", mine.ss.wall_s * 1e3);
	}
	if (k != NULL)
		report_fact(r, "the kernel's ss -ltn: milliseconds by the clock", ref.ss.wall_s * 1e3);
	host_crowd_close(h);
	kernel_crowd_close(k);
	crowd_close(&c);
	return rc;
}

int bench_look(const struct options *o, struct report *r)
{
	struct row *publish = report_row(r, "files at 10 Hz beside 10,000 connections: share of a core", UNIT_PERCENT, NULL);
	struct row *text = report_row(r, "a list as of ss -ltn", UNIT_US, "the kernel's ss -ltn");
	struct row *process = report_row(r, "the process halfopen ss -ltn, and the host that answers", UNIT_US, "the kernel's ss -ltn");
	struct row *diag = report_row(r, "the same as inet_diag replies with tcp_info", UNIT_US, "the kernel's, by netlink");
	int rc;

	row_floor(publish, FLOOR_VALUE, 0.01);
	row_floor(text, FLOOR_TIMES_CHEAPER, 5);
	row_floor(process, FLOOR_TIMES_CHEAPER, 5);
	rc = publish_measure(o, publish, r);
	if (rc == 0)
		rc = list_measure(o, text, diag, process, r);
	return rc ? bench_fail("look", rc) : 0;
}
