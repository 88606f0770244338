/* SPDX-License-Identifier: MIT
 * Bulk over a TUN device with vnet headers, so that super-frames cross in one piece: kernel socket <-> TUN <-> stack, in
 * a network namespace of its own.  The reference: kernel <-> veth <-> kernel between two namespaces, offloads as veth has
 * them by default.  Everything is pinned to one core; what both processes and ksoftirqd used there is what a byte cost. */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <halfopen/port.h>

#include "bench.h"
#include "veth.h"

#define KERNEL_ADDR CLIENT_ADDR
#define STACK_ADDR SERVER_ADDR
#define PORT 9000
#define READS_MAX 8 /* frames taken from the device before the program has its turn */

struct host {
	struct ho_stack *s;
	struct ho_tun *tun;
	uint8_t *buf;
};

static int host_open(struct host *h)
{
	struct ho_stack_config c;
	int rc;

	h->buf = calloc(1, CHUNK_BYTES);
	if (unshare(CLONE_NEWNET))
		return -errno;
	ho_stack_config_init(&c);
	rc = ho_tun_open("ho0", true, &c.alloc, &h->tun);
	if (rc == 0)
		rc = ho_tun_configure("ho0", KERNEL_ADDR, 15, 1500);
	if (rc)
		return rc;
	wire_config(&c, STACK_ADDR, (struct link_kind){1500, ho_tun_link_flags(h->tun)});
	c.now_ns = ho_clock_now();
	return ho_stack_open(&c, &h->s);
}

static void wait_for_device(const struct host *h, ho_time_ns now)
{
	struct pollfd p = {.fd = ho_tun_fd(h->tun), .events = POLLIN};
	ho_time_ns at = ho_stack_deadline(h->s);

	if (at > now)
		poll(&p, 1, at - now > HO_SEC ? 1000 : (int)((at - now + HO_MS - 1) / HO_MS));
}

/* One turn of the usual loop; work is the program.  Sleeps if neither the device nor the program had anything to do. */
static void host_turn(struct host *h, bool (*work)(struct host *h, void *ctx), void *ctx)
{
	ho_time_ns now = ho_clock_now();
	struct ho_frame *f;
	unsigned moved = 0;

	if (ho_stack_deadline(h->s) <= now)
		ho_stack_expire(h->s, now, 0);
	for (; moved < READS_MAX && ho_tun_read(h->tun, &f) == 1; moved++)
		ho_stack_input(h->s, f, now);
	moved += work(h, ctx);
	for (; (f = ho_stack_output(h->s)) != NULL; moved++) {
		ho_tun_write(h->tun, f);
		ho_frame_unref(f);
	}
	if (moved == 0)
		wait_for_device(h, now);
}

/* ---- kernel to stack ---- */

struct sink {
	int listener, fd;
	double begin;
	bool done;
	uint64_t bytes;
};

static bool sink_work(struct host *h, void *ctx)
{
	struct sink *k = ctx;
	bool some = false;
	ptrdiff_t n;

	if (k->fd < 0) {
		k->fd = ho_sock_accept(h->s, k->listener, NULL);
		k->begin = cpu_s();
		return k->fd >= 0;
	}
	if (k->done)
		return false;
	while ((n = ho_sock_recv(h->s, k->fd, h->buf, CHUNK_BYTES, 0)) > 0) {
		k->bytes += (uint64_t)n;
		some = true;
	}
	if (n != -EAGAIN) {
		k->done = true;
		ho_sock_close(h->s, k->fd);
	}
	return some;
}

/* Is our FIN still to be acknowledged? */
static bool closing(const struct host *h)
{
	struct ho_memory m;

	ho_stack_memory(h->s, &m);
	return m.orphans > 0;
}

static int stack_receives(struct host *h, struct kernel_shared *sh, double seconds)
{
	struct sink k = {.fd = -1, .listener = ho_sock_open(h->s, HO_SOCK_STREAM, 0)};
	pid_t peer;

	if (k.listener < 0 || ho_sock_bind(h->s, k.listener, (struct ho_endpoint){HO_ADDR_ANY, PORT}) ||
	    ho_sock_listen(h->s, k.listener, 1))
		return -EIO;
	peer = fork();
	if (peer == 0) {
		kernel_bulk.client(sh, STACK_ADDR, PORT, seconds);
		_exit(0);
	}
	while (!k.done && !sh->error)
		host_turn(h, sink_work, &k);
	sh->server_cpu = cpu_s() - k.begin;
	sh->units = k.bytes;
	for (double begin = wall_s(); closing(h) && wall_s() - begin < 1;)
		host_turn(h, sink_work, &k);
	if (closing(h))
		kill(peer, SIGKILL); /* it would never see the end */
	waitpid(peer, NULL, 0);
	return 0;
}

/* ---- stack to kernel ---- */

struct source {
	int fd;
	double begin, wall, seconds;
	bool connected, shut, done;
};

static bool source_work(struct host *h, void *ctx)
{
	struct source *k = ctx;
	ptrdiff_t n;

	if (!k->connected) {
		if (!(ho_sock_poll(h->s, k->fd) & HO_OUT))
			return false;
		k->connected = true;
		k->begin = cpu_s();
		k->wall = wall_s();
	}
	if (k->shut) {
		k->done = ho_sock_recv(h->s, k->fd, h->buf, 1, 0) == 0;
		return false;
	}
	if (wall_s() - k->wall >= k->seconds) {
		ho_sock_shutdown(h->s, k->fd, HO_SHUT_WR);
		k->shut = true;
		return true;
	}
	n = ho_sock_send(h->s, k->fd, h->buf, CHUNK_BYTES, 0);
	return n > 0;
}

static int stack_sends(struct host *h, struct kernel_shared *sh, double seconds)
{
	struct source k = {.seconds = seconds, .fd = ho_sock_open(h->s, HO_SOCK_STREAM, 0)};
	uint16_t port = PORT;
	int listener = kernel_listen(0, &port, 1), rc;
	pid_t peer;

	if (listener < 0)
		return listener;
	rc = ho_sock_connect(h->s, k.fd, (struct ho_endpoint){KERNEL_ADDR, PORT});
	if (rc != -EINPROGRESS)
		return rc;
	peer = fork();
	if (peer == 0) {
		kernel_bulk.server(sh, listener);
		_exit(0);
	}
	while (!k.done && !sh->error)
		host_turn(h, source_work, &k);
	sh->client_cpu = cpu_s() - k.begin;
	sh->wall = wall_s() - k.wall;
	waitpid(peer, NULL, 0);
	return 0;
}

/* ---- a sample in processes of its own ---- */

static void run_receives(struct kernel_shared *sh, double seconds)
{
	struct host h = {0};
	int rc = host_open(&h);

	sh->error = rc ? -rc : -stack_receives(&h, sh, seconds);
}

static void run_sends(struct kernel_shared *sh, double seconds)
{
	struct host h = {0};
	int rc = host_open(&h);

	sh->error = rc ? -rc : -stack_sends(&h, sh, seconds);
}

static int sample(void (*run)(struct kernel_shared *sh, double seconds), const struct options *o,
                  struct kernel_run *out)
{
	struct kernel_shared *sh = kernel_shared_map();
	double soft = softirqd_s(o->core);
	pid_t pid;
	int rc;

	if (!sh)
		return -ENOMEM;
	pid = fork();
	if (pid == 0) {
		run(sh, o->round_s);
		_exit(0);
	}
	if (pid > 0)
		waitpid(pid, NULL, 0);
	*out = (struct kernel_run){sh->client_cpu + sh->server_cpu + softirqd_s(o->core) - soft, sh->wall, sh->units};
	rc = pid < 0 ? -errno : sh->error ? -sh->error : sh->units == 0 ? -EIO : 0;
	munmap(sh, sizeof *sh);
	return rc;
}

static const struct kind {
	const char *what, *wall;
	void (*run)(struct kernel_shared *sh, double seconds);
} kinds[] = {
	{"kernel -> TUN -> halfopen", "the same, wall time of the core", run_receives},
	{"halfopen -> TUN -> kernel", "the same, wall time of the core", run_sends},
};
#define KINDS (sizeof kinds / sizeof kinds[0])

static double wall_cost(const struct kernel_run *k)
{
	return k->wall_s / (double)k->units;
}

int bench_tun(const struct options *o, struct report *r)
{
	static const char against[] = "kernel over veth, both ends kernel, TSO as veth has it";
	struct kernel_run ref, ours;
	int rc;

	if (geteuid() != 0 || access("/dev/net/tun", R_OK | W_OK)) {
		r->skipped = "needs root and /dev/net/tun";
		return 0;
	}
	if (sample(veth_run, o, &ref)) {
		r->skipped = "cannot make network namespaces joined by veth";
		return 0;
	}
	for (size_t i = 0; i < KINDS; i++) {
		row_floor(report_row(r, kinds[i].what, UNIT_GB_PER_S, against), FLOOR_TIMES_DEARER, 2.5);
		report_row(r, kinds[i].wall, UNIT_GB_PER_S, against)->dearer = true;
	}
	for (unsigned i = 0; i < o->rounds; i++)
		for (size_t k = 0; k < KINDS; k++) {
			if (!row_wanted(o, kinds[k].what))
				continue;
			rc = sample(veth_run, o, &ref);
			if (rc)
				return bench_fail("kernel over veth", rc);
			rc = sample(kinds[k].run, o, &ours);
			if (rc)
				return bench_fail(kinds[k].what, rc);
			row_sample(&r->row[2 * k], kernel_cost(&ours), kernel_cost(&ref));
			row_sample(&r->row[2 * k + 1], wall_cost(&ours), wall_cost(&ref));
		}
	return 0;
}
