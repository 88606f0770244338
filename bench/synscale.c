/* SPDX-License-Identifier: MIT
 * What a SYN costs when 1,000 are half-open, and when 1,000,000 are.
 *
 * One stack holds the million.  Beside it small ones are born, one a sample, and filled with 1,000.  Each sample is a batch
 * that follows 1,000 SYNs on the same stack, and both get memory that no one has touched, in small pages: so code is warm and
 * page faults are the same for both, and what differs is the number of the half-open.  Both are told of each frame a few
 * frames ahead (ho_stack_prefetch), as whoever reads a batch from a device does.  Virtual time is slow enough that no SYN+ACK
 * timer fires. */
#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>

#include "bench.h"

#define FEW 1000u
#define MANY 1000000u
#define MANY_QUICK 4000u
#define SAMPLE 256u
#define SAMPLES 64
#define BACKLOG 1100000
#define ARENA_BYTES (UINT64_C(256) << 20)

/* Memory straight from the operating system, given back all at once. */
struct arena {
	uint8_t *base;
	size_t used_bytes;
};

static void *arena_alloc(void *ctx, size_t bytes, size_t align)
{
	struct arena *a = ctx;
	size_t at = (a->used_bytes + align - 1) & ~(align - 1);

	if (bytes > ARENA_BYTES || at > ARENA_BYTES - bytes)
		return NULL;
	a->used_bytes = at + bytes;
	return a->base + at;
}

static void arena_free(void *ctx, void *block, size_t bytes)
{
	(void)ctx;
	(void)block;
	(void)bytes;
}

struct crowd {
	struct arena arena;
	struct syns syns;
};

static int crowd_open(struct crowd *c, uint32_t count)
{
	struct ho_allocator al = {arena_alloc, arena_free, &c->arena};
	void *p = mmap(NULL, ARENA_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	int rc;

	*c = (struct crowd){0};
	if (p == MAP_FAILED)
		return -ENOMEM;
	madvise(p, ARENA_BYTES, MADV_NOHUGEPAGE);
	c->arena.base = p;
	rc = syns_open(&c->syns, BACKLOG, 1, &al);
	c->syns.gap_ns = 500;
	return rc ? rc : syns_fill(&c->syns, count);
}

static void crowd_close(struct crowd *c)
{
	syns_close(&c->syns);
	if (c->arena.base)
		munmap(c->arena.base, ARENA_BYTES);
}

static double sample(struct crowd *c)
{
	return syns_batch(&c->syns, SAMPLE) / SAMPLE;
}

static int sample_few(double *cost)
{
	struct crowd c;
	int rc = crowd_open(&c, FEW);

	if (rc == 0)
		*cost = sample(&c);
	crowd_close(&c);
	return rc;
}

static int samples_take(struct crowd *many, double *few_cost, double *many_cost)
{
	int rc = 0;

	for (int i = 0; i < SAMPLES && rc == 0; i++) {
		rc = sample_few(&few_cost[i]);
		syns_fill(&many->syns, FEW);
		many_cost[i] = sample(many);
	}
	return rc;
}

struct row *synscale_row(struct report *r)
{
	struct row *w = report_row(r, "a SYN more at 1,000,000 half-open", UNIT_NS,
	                           "a SYN more at 1,000 half-open, same memory and pages");

	w->rate = true;
	row_floor(w, FLOOR_TIMES_DEARER, 1.5);
	return w;
}

int synscale_round(const struct options *o, struct row *w)
{
	double few_cost[SAMPLES] = {0}, many_cost[SAMPLES] = {0};
	struct crowd many;
	int rc = crowd_open(&many, o->quick ? MANY_QUICK : MANY);

	if (rc == 0)
		rc = samples_take(&many, few_cost, many_cost);
	if (rc == 0 && ho_counter_get(many.syns.s, HO_TcpRetransSegs) != 0)
		rc = -EPROTO; /* a timer fired: the figure is of something else */
	if (rc == 0)
		row_sample(w, spread_of(many_cost, SAMPLES).median, spread_of(few_cost, SAMPLES).median);
	crowd_close(&many);
	return rc;
}
