/* SPDX-License-Identifier: MIT
 * 1,000,000 idle connections with keepalive, beside 1,000: what a second costs in which nothing is due, and what a connection
 * costs when its time has come. Connections are made a millisecond apart (all of them within 1000 s), so that as many are due
 * each second of virtual time, whatever their number. */
#include <errno.h>

#include "bench.h"

#define FEW 1000u
#define MANY 1000000u
#define MANY_QUICK 3000u
#define SPREAD_S 1000u
#define IDLE_S 7200u

struct crowd {
	struct ho_stack *s;
	struct frame_box box;
	ho_time_ns now;
	uint32_t count;
	uint64_t steps; /* timers fired, or moved within the wheel */
	uint64_t frames;
};

static int crowd_listen(struct crowd *c)
{
	int fd = ho_sock_open(c->s, HO_SOCK_STREAM, 0), on = 1, rc;

	if (fd < 0)
		return fd;
	rc = ho_sock_setopt(c->s, fd, HO_SOL_SOCKET, HO_SO_KEEPALIVE, &on, sizeof on); /* its children inherit it */
	if (rc == 0)
		rc = ho_sock_bind(c->s, fd, (struct ho_endpoint){.addr = HO_ADDR_ANY, .port = ECHO_PORT});
	if (rc == 0)
		rc = ho_sock_listen(c->s, fd, 1 << 20);
	return rc;
}

/* Fires what is due up to this moment. */
static void crowd_go(struct crowd *c, ho_time_ns now)
{
	struct ho_frame *f;

	c->now = now;
	c->steps += ho_stack_expire(c->s, now, 0);
	while ((f = ho_stack_output(c->s)) != NULL) {
		ho_frame_unref(f);
		c->frames++;
	}
}

static int crowd_open(struct crowd *c, uint32_t count)
{
	struct ho_stack_config config;
	ho_time_ns gap = SPREAD_S * HO_SEC / count;
	int rc;

	*c = (struct crowd){.count = count};
	wire_config(&config, SERVER_ADDR, (struct link_kind){1500, 0});
	config.out_queue_max = 1 << 20;
	rc = ho_stack_open(&config, &c->s);
	if (rc == 0)
		rc = frame_box_open(&c->box, 1);
	if (rc)
		return rc;
	ho_sysctl_set(c->s, "net.core.somaxconn", "1048576");
	ho_sysctl_set(c->s, "net.ipv4.tcp_max_syn_backlog", "1048576");
	c->now = ho_stack_now(c->s);
	rc = crowd_listen(c);
	for (uint32_t i = 0; i < count && rc == 0; i++) {
		struct segment peer = segment_peer(i);

		crowd_go(c, c->now + gap);
		rc = segment_handshake(c->s, &c->box, &peer);
	}
	return rc;
}

static void crowd_close(struct crowd *c)
{
	if (c->s)
		ho_stack_close(c->s);
	frame_box_close(&c->box);
}

struct figures {
	double second_s;     /* CPU time of a second without anything due */
	double due_s;        /* of a connection that is probed */
	double steps;        /* a connection, from its beginning until it has been probed */
	uint64_t idle_steps; /* in an hour in which nothing is due */
};

static double seconds_pass(struct crowd *c, unsigned seconds)
{
	double begin = cpu_s();

	for (unsigned i = 0; i < seconds; i++)
		crowd_go(c, c->now + HO_SEC);
	return cpu_s() - begin;
}

static int crowd_measure(uint32_t count, struct figures *f)
{
	struct crowd c;
	int rc = crowd_open(&c, count);

	if (rc == 0) {
		uint64_t begin = c.steps;

		f->second_s = seconds_pass(&c, 3600) / 3600;
		f->idle_steps = c.steps - begin;
		/* up to the first; what waits for it to come near is moved on the way */
		seconds_pass(&c, IDLE_S - SPREAD_S - 3600 - 1);
		c.frames = 0;
		f->due_s = seconds_pass(&c, 70) * SPREAD_S / 69 / count; /* before a first one is probed again */
		f->steps = (double)c.steps / count;
		if (c.frames < (uint64_t)count * 65 / SPREAD_S ||
		    ho_counter_get(c.s, HO_TcpExtTCPKeepAlive) != c.frames)
			rc = -EPROTO;
	}
	crowd_close(&c);
	return rc;
}

int bench_idle(const struct options *o, struct report *r)
{
	struct row *second =
		report_row(r, "a second with 1,000,000 idle connections, keepalive armed", UNIT_NS, "with 1,000");
	struct row *due = report_row(r, "a keepalive probe that is due, of 1,000,000", UNIT_NS, "of 1,000");
	uint32_t many = o->quick ? MANY_QUICK : MANY;

	second->dearer = due->dearer = true;
	for (unsigned n = 0; n < o->rounds; n++) {
		struct figures few = {0}, all = {0};
		int rc = crowd_measure(FEW, &few);

		if (rc == 0)
			rc = crowd_measure(many, &all);
		if (rc)
			return bench_fail("idle", rc);
		row_sample(second, all.second_s, few.second_s);
		row_sample(due, all.due_s, few.due_s);
		report_fact(r, "timers touched in an hour without anything due", (double)all.idle_steps);
		report_fact(r, "timers touched, a connection, in two hours", all.steps);
	}
	report_fact(r, "connections", many);
	return 0;
}
