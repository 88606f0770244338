/* SPDX-License-Identifier: MIT
 * SYN flood: SYNs from ever new addresses at one listener, answers taken away.  They are built before the clock starts,
 * 1024 at a time; what is timed is input, timers and output, at a million SYNs a (virtual) second.  Then what cookies take
 * of memory, and what a SYN costs when a million are half-open (synscale.c).
 *
 * The reference is the kernel behind a TUN device: its figures hold the delivery through TUN, which is measured, too. */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <halfopen/port.h>

#include "bench.h"

#define BATCH SYNS_BATCH
#define FILLED 8192            /* SYNs after which a queue of 4097 is full */
#define SETTLED (1280 * BATCH) /* and its SYN+ACK timers have fired: pools are as large as they get */

enum queue { ROOM, FULL, ACCEPT_FULL };

struct kind {
	const char *what;
	enum queue queue;
	int syncookies;
	double floor;       /* SYNs a CPU second; 0: none */
	const char *growth; /* the row of its memory; NULL: none */
};

static const struct kind kinds[] = {
	{"queue has room (to 100,000 entries)", ROOM, 1, 3e6, NULL},
	{"queue full (4097), no cookies: dropped", FULL, 0, 0, NULL},
	{"queue full (4097): a cookie goes out", FULL, 1, 5e6, "queue full, cookies: memory grows by"},
	{"always a cookie", FULL, 2, 5e6, "always a cookie: memory grows by"},
	{"accept queue full: dropped", ACCEPT_FULL, 1, 0, NULL},
};
#define KINDS (sizeof kinds / sizeof kinds[0])

struct rows {
	struct row *time[KINDS], *growth[KINDS], *scale;
};

static int backlog_of(const struct kind *k)
{
	return k->queue == ROOM ? 1 << 20 : k->queue == FULL ? 4096 : 16;
}

static int accept_queue_fill(struct syns *f, int backlog)
{
	int rc = 0;

	for (int i = 0; i <= backlog && rc == 0; i++) {
		struct segment peer = segment_peer(f->next++);

		rc = segment_handshake(f->s, &f->box, &peer);
	}
	return rc;
}

static int flood_open(struct syns *f, const struct kind *k)
{
	int rc = syns_open(f, backlog_of(k), k->syncookies, NULL);

	if (rc == 0 && k->queue == ACCEPT_FULL)
		rc = accept_queue_fill(f, backlog_of(k));
	return rc;
}

/* What must be so after a run, or the figure is of something else. */
static int flood_ok(const struct syns *f, const struct kind *k, uint64_t syns)
{
	uint64_t drops = ho_counter_get(f->s, HO_TcpExtListenDrops),
		 cookies = ho_counter_get(f->s, HO_TcpExtSyncookiesSent), filled;
	bool ok = false;

	switch (k->queue) {
	case ROOM: ok = syns_half_open(f) == syns && f->answers >= syns; break;
	case FULL: /* the first fill the queue; no more than once again do requests age out of it */
		filled = syns - (k->syncookies ? cookies : drops);
		ok = k->syncookies == 2 ? cookies == syns : filled >= 4097 && filled <= 2 * 4097;
		break;
	case ACCEPT_FULL: ok = ho_counter_get(f->s, HO_TcpExtListenOverflows) == syns; break;
	}
	if (!ok)
		fprintf(stderr, "%s: %llu SYNs: %u half-open, %llu answers, %llu dropped, %llu cookies\n", k->what,
		        (unsigned long long)syns, syns_half_open(f), (unsigned long long)f->answers,
		        (unsigned long long)drops, (unsigned long long)cookies);
	return ok ? 0 : -EPROTO;
}

struct figures {
	double cost, growth_bytes;
};

static int kind_time(const struct kind *k, const struct options *o, struct figures *out)
{
	struct syns f;
	int rc = flood_open(&f, k);
	uint64_t syns = 0, timed = 0;
	uint64_t max = k->queue == ROOM ? (o->quick ? 4096 : 100 * 1000) : UINT64_MAX;
	double spent = 0;
	uint64_t settled = o->quick ? FILLED : SETTLED;
	size_t settled_bytes = 0;

	while (rc == 0 && syns < max && (spent < o->round_s || syns <= FILLED || (k->growth && syns <= settled))) {
		double s = syns_batch(&f, BATCH);

		syns += BATCH;
		if (syns == settled)
			settled_bytes = syns_allocated(&f);
		if (k->queue != FULL || k->syncookies == 2 || syns > FILLED) {
			timed += BATCH;
			spent += s;
		}
	}
	out->cost = spent / (double)timed;
	if (rc == 0) {
		out->growth_bytes = (double)syns_allocated(&f) - (double)settled_bytes;
		rc = flood_ok(&f, k, syns);
	}
	syns_close(&f);
	return rc;
}

/* ---- the kernel behind a TUN ---- */

static void sysctl_write(const char *path, const char *value)
{
	FILE *f = fopen(path, "w");

	if (!f)
		return;
	fputs(value, f);
	fclose(f);
}

static int kernel_prepare(const struct kind *k, struct ho_tun **tun)
{
	struct ho_stack_config c;
	uint16_t port = ECHO_PORT;
	char number[2] = {(char)('0' + k->syncookies), 0};
	int rc, listener;

	ho_stack_config_init(&c);
	if (unshare(CLONE_NEWNET))
		return -errno;
	kernel_interface_up("lo");
	sysctl_write("/proc/sys/net/core/somaxconn", "1048576");
	sysctl_write("/proc/sys/net/ipv4/tcp_max_syn_backlog", "1048576");
	sysctl_write("/proc/sys/net/ipv4/tcp_syncookies", number);
	rc = ho_tun_open("ho0", false, &c.alloc, tun);
	if (rc == 0)
		rc = ho_tun_configure("ho0", SERVER_ADDR, 15, 1500);
	if (rc)
		return rc;
	listener = kernel_listen(0, &port, backlog_of(k));
	if (listener < 0)
		return listener;
	for (int i = 0; k->queue == ACCEPT_FULL && i <= backlog_of(k); i++)
		kernel_connect(HO_ADDR_LOOPBACK, port);
	return 0;
}

static double kernel_batch(struct ho_tun *tun, struct frame_box *box, uint32_t *next, bool broken)
{
	double begin;

	for (unsigned i = 0; i < BATCH; i++) {
		struct segment syn = segment_peer((*next)++);

		frame_box_fill(box, i, &syn);
		if (broken)
			box->bytes[i][10] ^= 0xff; /* the IPv4 checksum: dropped on arrival */
	}
	begin = cpu_s();
	for (unsigned i = 0; i < BATCH; i++)
		ho_tun_write(tun, &box->frame[i]);
	return cpu_s() - begin;
}

static void kernel_flood(const struct kind *k, const struct options *o, bool broken, struct kernel_shared *sh)
{
	struct frame_box box = {0};
	struct ho_tun *tun = NULL;
	uint64_t syns = 0;
	uint64_t max = k->queue == ROOM && !broken ? (o->quick ? 4096 : 100 * 1000) : UINT64_MAX;
	uint32_t next = 0;
	double spent = 0;
	int rc = kernel_prepare(k, &tun);

	if (rc == 0)
		rc = frame_box_open(&box, BATCH);
	while (rc == 0 && syns < max && spent < o->round_s) {
		double s = kernel_batch(tun, &box, &next, broken);

		syns += BATCH;
		if (k->queue != FULL || k->syncookies == 2 || syns > FILLED) {
			sh->units += BATCH;
			spent += s;
		}
	}
	sh->client_cpu = spent;
	sh->error = -rc;
}

static int kernel_time(const struct kind *k, const struct options *o, bool broken, double *cost)
{
	struct kernel_shared *sh = kernel_shared_map();
	double soft = softirqd_s(o->core);
	int rc;
	pid_t pid;

	if (!sh)
		return -ENOMEM;
	pid = fork();
	if (pid == 0) {
		kernel_flood(k, o, broken, sh);
		_exit(0);
	}
	if (pid > 0)
		waitpid(pid, NULL, 0);
	rc = pid < 0 ? -errno : -sh->error;
	if (rc == 0 && sh->units == 0)
		rc = -EIO;
	*cost = (sh->client_cpu + softirqd_s(o->core) - soft) / (double)sh->units;
	munmap(sh, sizeof *sh);
	return rc;
}

static int kind_round(size_t i, const struct options *o, struct rows *w, bool kernel)
{
	struct figures ours;
	double ref = 0;
	int rc = kernel ? kernel_time(&kinds[i], o, false, &ref) : 0;

	if (rc)
		return bench_fail("kernel behind a TUN", rc);
	rc = kind_time(&kinds[i], o, &ours);
	if (rc)
		return bench_fail(kinds[i].what, rc);
	row_sample(w->time[i], ours.cost, ref);
	if (w->growth[i])
		row_sample(w->growth[i], ours.growth_bytes, 0);
	return 0;
}

static int round_run(const struct options *o, struct report *r, struct rows *w, bool kernel)
{
	double ref;
	int rc = 0;

	for (size_t i = 0; i < KINDS && rc == 0; i++)
		if (row_wanted(o, kinds[i].what))
			rc = kind_round(i, o, w, kernel);
	if (rc == 0 && row_wanted(o, w->scale->what)) {
		rc = synscale_round(o, w->scale);
		if (rc)
			return bench_fail(w->scale->what, rc);
	}
	if (rc == 0 && kernel && kernel_time(&kinds[1], o, true, &ref) == 0)
		report_fact(r, "delivery through TUN alone, CPU ns a packet", ref * 1e9);
	return rc;
}

static void rows_make(struct report *r, struct rows *w, bool kernel)
{
	*w = (struct rows){0};
	for (size_t i = 0; i < KINDS; i++) {
		const char *reference = kernel ? "the kernel behind a TUN, delivery included" : NULL;

		w->time[i] = report_row(r, kinds[i].what, UNIT_NS, reference);
		w->time[i]->rate = true;
		if (kinds[i].floor > 0)
			row_floor(w->time[i], FLOOR_RATE, kinds[i].floor);
	}
	for (size_t i = 0; i < KINDS; i++)
		if (kinds[i].growth) {
			w->growth[i] = report_row(r, kinds[i].growth, UNIT_BYTES, NULL);
			row_floor(w->growth[i], FLOOR_VALUE, 0);
		}
	w->scale = synscale_row(r);
}

int bench_synflood(const struct options *o, struct report *r)
{
	bool kernel = geteuid() == 0;
	struct rows w;
	double ref;
	int rc = 0;

	if (kernel && kernel_time(&kinds[1], o, true, &ref))
		kernel = false; /* no TUN here */
	rows_make(r, &w, kernel);
	for (unsigned i = 0; i < o->rounds && rc == 0; i++)
		rc = round_run(o, r, &w, kernel);
	report_fact(r, "bytes of a half-open entry", (double)ho_stack_sizeof("request"));
	return rc;
}
