/* SPDX-License-Identifier: MIT
 * Memory: the size of each object, and what 100,000 connections of each state take from the allocator, tables and pools
 * included.  Counted, not estimated: the stack gets its memory from a counting allocator.  And what the process grows by
 * with a million half-open connections, TIME-WAIT buckets, or idle connections that have talked, and malloc. */
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

#define COUNT 100000u
#define COUNT_QUICK 2000u
#define PROCESS_COUNT 1000000u
#define HALF_OPEN_FLOOR_BYTES 64.0
#define TIMEWAIT_FLOOR_BYTES 56.0
#define IDLE_FLOOR_BYTES 512.0

struct counted {
	size_t bytes;
	uint64_t calls;
};

static void *counted_alloc(void *ctx, size_t bytes, size_t align)
{
	struct counted *c = ctx;
	void *p = NULL;

	if (posix_memalign(&p, align < sizeof p ? sizeof p : align, bytes))
		return NULL;
	c->bytes += bytes;
	c->calls++;
	return p;
}

static void counted_free(void *ctx, void *block, size_t bytes)
{
	struct counted *c = ctx;

	c->bytes -= bytes;
	free(block);
}

struct host {
	struct counted counted;
	struct ho_stack *s;
	struct frame_box box;
	int listener;
	size_t empty_bytes; /* of the stack with its listener */
};

static int host_open(struct host *h)
{
	struct ho_stack_config c;
	int rc;

	*h = (struct host){0};
	wire_config(&c, SERVER_ADDR, (struct link_kind){1500, 0});
	c.alloc = (struct ho_allocator){counted_alloc, counted_free, &h->counted};
	c.socks_max = PROCESS_COUNT + 1000;
	rc = ho_stack_open(&c, &h->s);
	if (rc == 0)
		rc = frame_box_open(&h->box, 1);
	if (rc)
		return rc;
	ho_sysctl_set(h->s, "net.core.somaxconn", "1048576");
	ho_sysctl_set(h->s, "net.ipv4.tcp_max_syn_backlog", "1048576");
	ho_sysctl_set(h->s, "net.ipv4.tcp_max_tw_buckets", "1048576");
	h->listener = ho_sock_open(h->s, HO_SOCK_STREAM, 0);
	if (h->listener < 0)
		return h->listener;
	rc = ho_sock_bind(h->s, h->listener, (struct ho_endpoint){.addr = HO_ADDR_ANY, .port = ECHO_PORT});
	if (rc == 0)
		rc = ho_sock_listen(h->s, h->listener, 1 << 20);
	h->empty_bytes = h->counted.bytes;
	return rc;
}

static void host_close(struct host *h)
{
	if (h->s)
		ho_stack_close(h->s);
	frame_box_close(&h->box);
	if (h->counted.bytes)
		fprintf(stderr, "memory: %zu bytes were never given back\n", h->counted.bytes);
}

static int grow_half_open(struct host *h, uint32_t i)
{
	struct segment syn = segment_peer(i);
	struct ho_frame *f;

	ho_stack_input(h->s, frame_box_fill(&h->box, 0, &syn), ho_stack_now(h->s));
	f = ho_stack_output(h->s);
	if (!f)
		return -EPROTO;
	ho_frame_unref(f);
	return 0;
}

static int grow_accept_queue(struct host *h, uint32_t i)
{
	struct segment peer = segment_peer(i);

	return segment_handshake(h->s, &h->box, &peer);
}

static int grow_accepted(struct host *h, uint32_t i)
{
	int rc = grow_accept_queue(h, i);

	return rc ? rc : ho_sock_accept(h->s, h->listener, NULL);
}

static int grow_timewait(struct host *h, uint32_t i)
{
	struct segment peer = segment_peer(i);
	int rc = segment_handshake(h->s, &h->box, &peer), fd;

	if (rc)
		return rc;
	fd = ho_sock_accept(h->s, h->listener, NULL);
	if (fd < 0)
		return fd;
	ho_sock_close(h->s, fd);
	return segment_answer_fin(h->s, &h->box, &peer);
}

static uint32_t population(const struct ho_memory *m, unsigned which)
{
	return which == 0 ? m->requests : which == 3 ? m->timewaits : m->socks - 1;
}

static const struct state {
	const char *what;
	int (*grow)(struct host *h, uint32_t i); /* one more: >= 0, -errno */
} states[] = {
	{"half-open, each of 100,000", grow_half_open},
	{"established, not accepted, each of 100,000", grow_accept_queue},
	{"established and accepted, each of 100,000", grow_accepted},
	{"TIME-WAIT, each of 100,000", grow_timewait},
};
#define STATES (sizeof states / sizeof states[0])

static int state_measure(unsigned which, const struct options *o, struct row *w, double kernel)
{
	uint32_t count = o->quick ? COUNT_QUICK : COUNT;
	struct ho_memory m;
	struct host h;
	int rc = host_open(&h);

	for (uint32_t i = 0; i < count && rc >= 0; i++)
		rc = states[which].grow(&h, i);
	if (rc >= 0) {
		ho_stack_memory(h.s, &m);
		if (population(&m, which) != count)
			rc = -EPROTO;
		row_sample(w, (double)(h.counted.bytes - h.empty_bytes) / count, kernel);
	}
	host_close(&h);
	return rc < 0 ? rc : 0;
}

/* ---- the growth of a process ---- */

/* Bytes of this process in memory that no file backs; 0 if it cannot be said. */
static size_t resident_bytes(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	unsigned long resident = 0, of_files = 0;

	if (f && fscanf(f, "%*u %lu %lu", &resident, &of_files) != 2)
		resident = of_files = 0;
	if (f)
		fclose(f);
	return (resident - of_files) * (size_t)sysconf(_SC_PAGESIZE);
}

static int half_open_grow(uint32_t count, size_t *grown)
{
	struct syns f;
	int rc = syns_open(&f, 1 << 20, 1, NULL);
	size_t before;

	f.gap_ns = 500; /* no SYN+ACK timer fires */
	memset(f.box.frame, 0, SYNS_BATCH * sizeof *f.box.frame);
	memset(f.box.bytes, 0, SYNS_BATCH * sizeof *f.box.bytes);
	malloc_trim(0); /* what others freed before the fork */
	before = resident_bytes();
	if (rc == 0)
		rc = syns_fill(&f, count);
	*grown = before ? resident_bytes() - before : 0;
	syns_close(&f);
	return rc;
}

static int timewait_grow(uint32_t count, size_t *grown)
{
	struct host h;
	int rc = host_open(&h);
	size_t before;

	malloc_trim(0);
	before = resident_bytes();
	for (uint32_t i = 0; i < count && rc >= 0; i++)
		rc = grow_timewait(&h, i);
	*grown = before ? resident_bytes() - before : 0;
	host_close(&h);
	return rc < 0 ? rc : 0;
}

/* Handshake, accept(), a request and its answer, acknowledged; the peers are no stack: one end of each. */
static int grow_idle(struct host *h, uint32_t i)
{
	struct segment peer = segment_peer(i);
	int rc = segment_handshake(h->s, &h->box, &peer), fd;

	if (rc)
		return rc;
	fd = ho_sock_accept(h->s, h->listener, NULL);
	for (int n = 0; n < 3 && fd >= 0 && rc == 0; n++)
		rc = segment_talk(h->s, &h->box, &peer, fd);
	return fd < 0 ? fd : rc;
}

static int idle_grow(uint32_t count, size_t *grown)
{
	struct host h;
	int rc = host_open(&h);
	size_t before;

	malloc_trim(0);
	before = resident_bytes();
	for (uint32_t i = 0; i < count && rc >= 0; i++)
		rc = grow_idle(&h, i);
	*grown = before ? resident_bytes() - before : 0;
	host_close(&h);
	return rc < 0 ? rc : 0;
}

static const struct process {
	const char *what;
	int (*grow)(uint32_t count, size_t *grown); /* 0, -errno; grown 0: it cannot be said */
	double floor;
} processes[] = {
	{"half-open, each of 1,000,000, growth of RSS", half_open_grow, HALF_OPEN_FLOOR_BYTES},
	{"TIME-WAIT, each of 1,000,000, growth of RSS", timewait_grow, TIMEWAIT_FLOOR_BYTES},
	{"idle established, each of 1,000,000, growth of RSS", idle_grow, IDLE_FLOOR_BYTES},
};

/* In a process of its own, so that nothing that was freed before is used again. */
static int process_measure(const struct process *p, const struct options *o, struct row *w)
{
	struct kernel_shared *sh = kernel_shared_map();
	uint32_t count = o->quick ? COUNT_QUICK : PROCESS_COUNT;
	size_t grown;
	pid_t pid;
	int rc;

	if (!sh)
		return -ENOMEM;
	pid = fork();
	if (pid == 0) {
		sh->error = -p->grow(count, &grown);
		sh->units = grown;
		_exit(0);
	}
	if (pid > 0)
		waitpid(pid, NULL, 0);
	rc = pid < 0 ? -errno : -sh->error;
	if (rc == 0 && sh->units > 0)
		row_sample(w, (double)sh->units / count, 0);
	munmap(sh, sizeof *sh);
	return rc;
}

/* The kernel's objects, from /proc/slabinfo (root): 0 if it cannot be said. */
static double slab_bytes(const char *name)
{
	FILE *f = fopen("/proc/slabinfo", "r");
	char line[512], slab[128];
	double bytes = 0;

	while (f && fgets(line, sizeof line, f)) {
		unsigned long active, total, size;

		if (sscanf(line, "%127s %lu %lu %lu", slab, &active, &total, &size) == 4 && strcmp(slab, name) == 0)
			bytes = (double)size;
	}
	if (f)
		fclose(f);
	return bytes;
}

static struct row *bytes_row(struct report *r, const char *what, double kernel, const char *reference)
{
	struct row *w = report_row(r, what, UNIT_BYTES, kernel > 0 ? reference : NULL);

	w->dearer = true;
	return w;
}

static void objects(struct report *r)
{
	static const struct {
		const char *object, *slab, *what, *reference;
	} list[] = {
		{"request", "request_sock_TCP", "object: half-open entry", "kernel slab object request_sock_TCP"},
		{"timewait", "tw_sock_TCP", "object: TIME-WAIT bucket", "kernel slab object tw_sock_TCP"},
		{"tcp", "TCP", "object: TCP socket", "kernel slab object TCP (struct tcp_sock)"},
		{"listener", "TCP", "object: listener", "kernel slab object TCP (struct tcp_sock)"},
		{"segment", "skbuff_fclone_cache", "object: segment to be sent",
	         "kernel slab object skbuff_fclone_cache"},
		{"frame", "skbuff_head_cache", "object: frame", "kernel slab object skbuff_head_cache"},
	};

	for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
		double kernel = slab_bytes(list[i].slab);
		struct row *w = bytes_row(r, list[i].what, kernel, list[i].reference);

		if (i == 0)
			row_floor(w, FLOOR_VALUE, 64);
		row_sample(w, (double)ho_stack_sizeof(list[i].object), kernel);
	}
}

static int processes_report(const struct options *o, struct report *r)
{
	for (size_t i = 0; i < sizeof processes / sizeof processes[0]; i++) {
		struct row *w = bytes_row(r, processes[i].what, 0, NULL);
		int rc = process_measure(&processes[i], o, w);

		row_floor(w, FLOOR_VALUE, processes[i].floor);
		if (rc)
			return bench_fail(w->what, rc);
	}
	return 0;
}

int bench_memory(const struct options *o, struct report *r)
{
	double request = slab_bytes("request_sock_TCP"), tcp = slab_bytes("TCP"), tw = slab_bytes("tw_sock_TCP");
	double file = tcp > 0 ? slab_bytes("sock_inode_cache") + slab_bytes("dentry") + slab_bytes("filp") : 0;
	const double kernel[STATES] = {request, tcp + request, tcp + file, tw};

	objects(r);
	for (unsigned i = 0; i < STATES; i++) {
		struct row *w = bytes_row(r, states[i].what, kernel[i],
		                          "the kernel's slab objects for it, without tables and waste");
		int rc = state_measure(i, o, w, kernel[i]);

		if (rc)
			return bench_fail(states[i].what, rc);
	}
	return processes_report(o, r);
}
