/* SPDX-License-Identifier: MIT
 * What it costs to be looked at: files published ten times a second beside 10,000 connections, and a list of 1,000 listeners
 * beside 100,000 connections, which the kernel's ss makes of as many sockets of its own (root). */
#include <halfopen/publish.h>
#include <halfopen/view.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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

static int crowd_open(struct crowd *c, uint32_t connections, uint32_t listeners, int *listener)
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
	*listener = fd;
	return rc < 0 ? rc : 0;
}

/* ---- files ---- */

#define TALKING 100u

/* Peers that send a request in each tenth of a second, and are answered. */
struct talk {
	struct segment peer[TALKING];
	int fd[TALKING];
	uint32_t count;
};

static int talk_open(struct crowd *c, int listener, uint32_t count, struct talk *t)
{
	int rc = 0;

	t->count = count;
	for (uint32_t i = 0; i < count && rc >= 0; i++) {
		t->peer[i] = segment_peer(PUBLISH_CONNECTIONS + i);
		rc = segment_handshake(c->s, &c->box, &t->peer[i]);
		if (rc >= 0)
			rc = t->fd[i] = ho_sock_accept(c->s, listener, NULL);
	}
	return rc < 0 ? rc : 0;
}

static int talk_on(struct crowd *c, struct talk *t)
{
	int rc = 0;

	for (uint32_t i = 0; i < t->count && rc == 0; i++)
		rc = segment_talk(c->s, &c->box, &t->peer[i], t->fd[i]);
	return rc;
}

/* A file is renamed into place each time it has changed: how often is that?  The last one is held, so that no other can have its
 * number. */
struct renewals {
	char path[64];
	int held;
	unsigned count;
};

static void renewals_begin(struct renewals *r, const char *dir, const char *file)
{
	snprintf(r->path, sizeof(r->path), "%s/%s", dir, file);
	r->held = open(r->path, O_RDONLY);
}

static void renewals_look(struct renewals *r)
{
	struct stat now, last;

	if (stat(r->path, &now) < 0 || fstat(r->held, &last) < 0 || now.st_ino == last.st_ino)
		return;
	close(r->held);
	r->held = open(r->path, O_RDONLY);
	r->count++;
}

struct published {
	struct crowd crowd;
	struct talk talk;
	struct ho_publish *publish;
	char dir[32];
	struct renewals list, counters;
	unsigned seconds; /* that went by */
};

/* CPU time of a second in which all that is due is written; before it somebody talks, and a stray packet comes. */
static double second_publish(struct published *p, unsigned seconds)
{
	ho_time_ns now = ho_stack_now(p->crowd.s);
	struct segment stray = segment_peer(0);
	struct ho_stack *s = p->crowd.s;
	double sum = 0;

	stray.flags = SEGMENT_ACK;
	stray.dport = 1;
	for (unsigned i = 0; i < seconds * PUBLISH_HZ; i++) {
		struct ho_frame *f;
		double begin;

		now += HO_SEC / PUBLISH_HZ;
		ho_stack_expire(s, now, 0);
		ho_stack_input(s, frame_box_fill(&p->crowd.box, 0, &stray), now);
		while ((f = ho_stack_output(s)) != NULL)
			ho_frame_unref(f);
		if (talk_on(&p->crowd, &p->talk) != 0)
			return -1;
		begin = cpu_s();
		if (ho_publish_run(p->publish, s, now) != 0)
			return -1;
		sum += cpu_s() - begin;
		renewals_look(&p->list);
		renewals_look(&p->counters);
	}
	p->seconds += seconds;
	return sum / seconds;
}

static int published_open(struct published *p, uint32_t connections, uint32_t talking)
{
	struct ho_publish_config config = {.dir = p->dir, .interval_ms = 1000 / PUBLISH_HZ};
	int fd = -1, rc = crowd_open(&p->crowd, connections - talking, 1, &fd);

	strcpy(p->dir, "/tmp/halfopen-bench-XXXXXX");
	if (rc == 0)
		rc = talk_open(&p->crowd, fd, talking, &p->talk);
	if (rc == 0 && mkdtemp(p->dir) == NULL)
		rc = -errno;
	if (rc == 0)
		rc = ho_publish_open(&config, p->crowd.s, &p->publish);
	renewals_begin(&p->list, p->dir, "net/tcpdiag");
	renewals_begin(&p->counters, p->dir, "net/snmp");
	return rc;
}

static void published_close(struct published *p)
{
	close(p->list.held);
	close(p->counters.held);
	ho_publish_close(p->publish);
	rmdir(p->dir);
	crowd_close(&p->crowd);
}

/* What it would be if nothing waited for its turn. */
static double everything_publish(struct published *p)
{
	ho_time_ns now = ho_stack_now(p->crowd.s);
	double begin;

	if (talk_on(&p->crowd, &p->talk) != 0)
		return -1;
	begin = cpu_s();
	return ho_publish_now(p->publish, p->crowd.s, now) == 0 ? (cpu_s() - begin) * PUBLISH_HZ : -1;
}

/* Gives  0 and after how long each list of sockets was renewed. */
static int publish_measure(const struct options *o, uint32_t connections, struct row *w, struct row *all, double *list_s)
{
	struct published p = {.seconds = 0};
	int rc = published_open(&p, connections, o->quick ? 2 : TALKING);

	for (unsigned n = 0; n < o->rounds && rc == 0; n++) {
		double cost = second_publish(&p, o->quick ? 1 : 20), dear = everything_publish(&p);

		if (cost < 0 || dear < 0)
			rc = -EIO;
		row_sample(w, cost, 0);
		row_sample(all, dear, 0);
	}
	if (rc == 0 && !o->quick && p.counters.count < p.seconds * PUBLISH_HZ * 9 / 10)
		rc = -EPROTO; /* counters are not what is to wait */
	*list_s = p.list.count > 0 ? (double)p.seconds / p.list.count : 0;
	published_close(&p);
	return rc;
}

static int publish_both(const struct options *o, struct report *r)
{
	struct row *few = report_row(r, "files beside 1,000 connections: counters at 10 Hz, lists in turn", UNIT_PERCENT, NULL);
	struct row *few_all = report_row(r, "the same, lists of sockets at 10 Hz, too", UNIT_PERCENT, NULL);
	struct row *many = report_row(r, "files beside 10,000 connections: counters at 10 Hz, lists in turn", UNIT_PERCENT, NULL);
	struct row *many_all = report_row(r, "the same, lists at 10 Hz, too", UNIT_PERCENT, NULL);
	double few_s = 0, many_s = 0;
	int rc;

	row_floor(few, FLOOR_VALUE, 0.01);
	row_floor(many, FLOOR_VALUE, 0.01);
	rc = publish_measure(o, o->quick ? 150 : PUBLISH_CONNECTIONS / 10, few, few_all, &few_s);
	if (rc == 0)
		rc = publish_measure(o, o->quick ? 200 : PUBLISH_CONNECTIONS, many, many_all, &many_s);
	report_fact(r, "connections that talk in each tenth of a second", o->quick ? 2 : TALKING);
	report_fact(r, "seconds after which each list of 1,000 sockets is renewed", few_s);
	report_fact(r, "seconds after which each list of 10,000 sockets is renewed", many_s);
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
	int last, rc = crowd_open(&c, connections, listeners, &last), kernel, host;

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
	struct row *text = report_row(r, "a list as of ss -ltn", UNIT_US, "the kernel's ss -ltn");
	struct row *diag = report_row(r, "the same as inet_diag replies with tcp_info", UNIT_US, "the kernel's, by netlink");
	struct row *process = report_row(r, "the process halfopen ss -ltn, and the host that answers", UNIT_US, "the kernel's ss -ltn");
	int rc;

	row_floor(text, FLOOR_TIMES_CHEAPER, 5);
	row_floor(process, FLOOR_TIMES_CHEAPER, 5);
	rc = publish_both(o, r);
	if (rc == 0)
		rc = list_measure(o, text, diag, process, r);
	return rc ? bench_fail("look", rc) : 0;
}
