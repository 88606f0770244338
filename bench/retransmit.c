/* SPDX-License-Identifier: MIT
 * A million half-open connections whose SYN+ACK timers fire.  Timers are fired (or moved within the wheel) 64 at a time, as a program does that looks
 * at its device in between, and answers are taken after each call: what counts is that no call is long, and that every
 * peer hears the SYN+ACK again, once. */
#include <errno.h>
#include <stdio.h>

#include "bench.h"

#define MANY 1000000u
#define MANY_QUICK 20000u
#define BUDGET 64

static const struct kind {
	const char *what, *longest;
	ho_time_ns gap_ns;   /* from SYN to SYN */
	ho_time_ns sleep_ns; /* the program sleeps before it fires the first timer */
} kinds[] = {
	{"a SYN+ACK again, of SYNs at 2,000,000/s", "  longest call, 64 timers at most", 500, 0},
	{"a SYN+ACK again, all due at one moment", "  longest call, all due at one moment", 0, 0},
	{"a SYN+ACK again, after a sleep of 1 s", "  longest call, after a sleep of 1 s", 500, HO_SEC},
};
#define KINDS (sizeof kinds / sizeof kinds[0])

struct fired {
	double spent_s, longest_s;
};

/* Fires what is due now. */
static void expire_due(struct syns *f, struct fired *t)
{
	uint32_t n;

	do {
		double begin = cpu_s(), call;

		n = ho_stack_expire(f->s, f->now, BUDGET);
		call = cpu_s() - begin;
		syns_answers_take(f);
		t->spent_s += cpu_s() - begin;
		t->longest_s = call > t->longest_s ? call : t->longest_s;
	} while (n == BUDGET);
}

static uint64_t resent_count(const struct syns *f)
{
	return ho_counter_get(f->s, HO_TcpRetransSegs);
}

static int ok(const struct syns *f, uint32_t count)
{
	uint64_t resent = resent_count(f), timeouts = ho_counter_get(f->s, HO_TcpExtTCPTimeouts);

	if (timeouts == count && resent == count && f->answers == count && syns_half_open(f) == count)
		return 0;
	fprintf(stderr,
	        "retransmit: of %u requests: %llu timers, %llu retransmissions, %llu frames out, %u half-open\n", count,
	        (unsigned long long)timeouts, (unsigned long long)resent, (unsigned long long)f->answers,
	        syns_half_open(f));
	return -EPROTO;
}

static int kind_run(const struct kind *k, uint32_t count, struct fired *t)
{
	struct syns f;
	int rc = syns_open(&f, 1 << 20, 1, NULL);
	ho_time_ns end;

	*t = (struct fired){0};
	f.gap_ns = k->gap_ns;
	if (rc == 0)
		rc = syns_fill(&f, count);
	f.answers = 0;
	f.now += k->sleep_ns;
	for (end = f.now + 1200 * HO_MS; rc == 0 && f.now <= end && resent_count(&f) < count; f.now += HO_MS)
		expire_due(&f, t);
	if (rc == 0)
		rc = ok(&f, count);
	syns_close(&f);
	return rc;
}

int bench_retransmit(const struct options *o, struct report *r)
{
	struct row *each[KINDS], *longest[KINDS];
	uint32_t count = o->quick ? MANY_QUICK : MANY;

	for (size_t i = 0; i < KINDS; i++) {
		each[i] = report_row(r, kinds[i].what, UNIT_NS, NULL);
		each[i]->rate = true;
		longest[i] = report_row(r, kinds[i].longest, UNIT_US, NULL);
	}
	for (unsigned n = 0; n < o->rounds; n++)
		for (size_t i = 0; i < KINDS; i++) {
			struct fired t;
			int rc = kind_run(&kinds[i], count, &t);

			if (rc)
				return bench_fail(kinds[i].what, rc);
			row_sample(each[i], t.spent_s / count, 0);
			row_sample(longest[i], t.longest_s, 0);
		}
	report_fact(r, "half-open", count);
	return 0;
}
