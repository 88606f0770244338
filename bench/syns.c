/* SPDX-License-Identifier: MIT
 * A stack with one listener, and SYNs at it from ever new peers. */
#include <errno.h>

#include "bench.h"

#define TURN 64 /* SYNs read at once from a device, and timers fired at once in between */
#define AHEAD 6 /* so many frames behind the one that goes in, the stack is told what comes */

static int listener_open(struct ho_stack *s, int backlog)
{
	int fd = ho_sock_open(s, HO_SOCK_STREAM, 0), rc;

	if (fd < 0)
		return fd;
	rc = ho_sock_bind(s, fd, (struct ho_endpoint){.addr = HO_ADDR_ANY, .port = ECHO_PORT});
	if (rc == 0)
		rc = ho_sock_listen(s, fd, backlog);
	return rc ? rc : fd;
}

int syns_open(struct syns *f, int backlog, int syncookies, const struct ho_allocator *al)
{
	struct ho_stack_config c;
	char number[2] = {(char)('0' + syncookies), 0};
	int rc;

	*f = (struct syns){.gap_ns = HO_US};
	rc = frame_box_open(&f->box, SYNS_BATCH);
	wire_config(&c, SERVER_ADDR, (struct link_kind){1500, 0});
	if (al)
		c.alloc = *al;
	f->now = c.now_ns;
	if (rc == 0)
		rc = ho_stack_open(&c, &f->s);
	if (rc)
		return rc;
	ho_sysctl_set(f->s, "net.core.somaxconn", "1100000");
	ho_sysctl_set(f->s, "net.ipv4.tcp_max_syn_backlog", "1100000");
	ho_sysctl_set(f->s, "net.ipv4.tcp_syncookies", number);
	f->listener = listener_open(f->s, backlog);
	return f->listener < 0 ? f->listener : 0;
}

void syns_close(struct syns *f)
{
	if (f->s)
		ho_stack_close(f->s);
	frame_box_close(&f->box);
}

void syns_answers_take(struct syns *f)
{
	struct ho_frame *out;

	while ((out = ho_stack_output(f->s)) != NULL) {
		ho_frame_unref(out);
		f->answers++;
	}
}

static void timers_fire(struct syns *f)
{
	uint32_t n;

	do {
		n = ho_stack_expire(f->s, f->now, TURN);
		syns_answers_take(f);
	} while (n == TURN);
}

double syns_batch(struct syns *f, unsigned count)
{
	double begin;

	for (unsigned i = 0; i < count; i++) {
		struct segment syn = segment_peer(f->next++);

		frame_box_fill(&f->box, i, &syn);
	}
	begin = cpu_s();
	for (unsigned i = 0; i < count; i++) {
		if (i % TURN == 0) {
			f->now += TURN * f->gap_ns;
			timers_fire(f);
		}
		if (i + AHEAD < count)
			ho_stack_prefetch(f->s, &f->box.frame[i + AHEAD]);
		ho_stack_input(f->s, &f->box.frame[i], f->now);
		syns_answers_take(f);
	}
	return cpu_s() - begin;
}

int syns_fill(struct syns *f, uint32_t count)
{
	uint32_t before = syns_half_open(f);

	for (uint32_t left = count; left > 0;) {
		unsigned n = left < SYNS_BATCH ? left : SYNS_BATCH;

		syns_batch(f, n);
		left -= n;
	}
	return syns_half_open(f) == before + count ? 0 : -EPROTO;
}

uint32_t syns_half_open(const struct syns *f)
{
	struct ho_memory m;

	ho_stack_memory(f->s, &m);
	return m.requests;
}

size_t syns_allocated(const struct syns *f)
{
	struct ho_memory m;

	ho_stack_memory(f->s, &m);
	return m.allocated_bytes;
}
