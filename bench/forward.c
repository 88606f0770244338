/* SPDX-License-Identifier: MIT
 * Packets passed on from one link to another: by a stack in memory, and by the kernel between two TUN devices that this
 * process feeds and empties.  The kernel's figure holds a write and a read of a device for each packet; what these cost
 * without forwarding is said beside it. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <halfopen/port.h>

#include "bench.h"

#define BATCH 64u
#define FLOWS_MAX 4096u
#define NEAR_ADDR HO_ADDR(198, 18, 0, 2)
#define PEER HO_ADDR(198, 18, 0, 1)
#define FAR_ADDR HO_ADDR(198, 19, 0, 1)
#define FAR_PREFIX 16
#define DESTINATION HO_ADDR(198, 19, 1, 0)

static const struct kind {
	const char *what;
	uint32_t bytes, flows;
} kinds[] = {
	{"64 B, one flow", 64, 1},
	{"64 B, 4096 destinations", 64, FLOWS_MAX},
	{"1500 B, one flow", 1500, 1},
};
#define KINDS (sizeof kinds / sizeof kinds[0])

/* ---- packets ---- */

struct packets {
	struct ho_frame frame[BATCH];
	uint8_t bytes[BATCH][1500];
	uint32_t next; /* flow */
};

static void nothing(struct ho_frame *f)
{
	(void)f;
}

static uint16_t sum20(const uint8_t *p)
{
	uint32_t sum = 0;

	for (unsigned i = 0; i < 20; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void put32(uint8_t *p, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (24 - 8 * i));
}

/* A UDP datagram without a checksum. */
static void packet_write(uint8_t *p, uint32_t bytes, uint32_t daddr, bool broken)
{
	uint16_t sum;

	memset(p, 0, 28);
	p[0] = 0x45;
	p[2] = (uint8_t)(bytes >> 8);
	p[3] = (uint8_t)bytes;
	p[8] = 64;
	p[9] = 17;
	put32(p + 12, PEER);
	put32(p + 16, daddr);
	sum = sum20(p);
	p[10] = (uint8_t)(sum >> 8);
	p[11] = (uint8_t)(sum ^ (broken ? 0x55 : 0));
	p[21] = p[23] = 9;
	p[24] = (uint8_t)((bytes - 20) >> 8);
	p[25] = (uint8_t)(bytes - 20);
}

static void packets_fill(struct packets *p, const struct kind *k, bool broken)
{
	for (unsigned i = 0; i < BATCH; i++) {
		packet_write(p->bytes[i], k->bytes, DESTINATION + p->next++ % k->flows, broken);
		p->frame[i] = (struct ho_frame){.len_bytes = k->bytes,
		                                .slice_count = 1,
		                                .gso_segs = 1,
		                                .hdr_len = 28,
		                                .refs = 1,
		                                .release = nothing};
		p->frame[i].slice[0] = (struct ho_slice){p->bytes[i], k->bytes};
	}
}

/* ---- ours ---- */

static int router_open(struct ho_stack **s)
{
	struct ho_link_config far = {.mtu = 1500, .out_queue_max = 1000};
	struct ho_addr addr = {FAR_ADDR, FAR_PREFIX, 1};
	struct ho_stack_config c;
	int rc;

	ho_stack_config_init(&c);
	c.addr = NEAR_ADDR;
	c.now_ns = HO_SEC;
	rc = ho_stack_open(&c, s);
	if (rc)
		return rc;
	rc = ho_link_add(*s, &far);
	if (rc == 1)
		rc = ho_addr_add(*s, &addr);
	if (rc == 0)
		rc = ho_sysctl_set(*s, "net.ipv4.ip_forward", "1");
	if (rc)
		ho_stack_close(*s);
	return rc;
}

static double our_batch(struct ho_stack *s, struct packets *p, uint64_t *passed)
{
	double begin = cpu_s();
	struct ho_frame *f;

	for (unsigned i = 0; i < BATCH; i++)
		ho_stack_input_link(s, 0, &p->frame[i], HO_SEC);
	while ((f = ho_stack_output_link(s, 1)) != NULL) {
		ho_frame_unref(f);
		++*passed;
	}
	return cpu_s() - begin;
}

static int our_cost(const struct kind *k, const struct options *o, double *cost)
{
	static struct packets p;
	uint64_t sent = 0, passed = 0;
	struct ho_stack *s;
	double spent = 0;
	int rc = router_open(&s);

	if (rc)
		return rc;
	while (spent < o->round_s) {
		packets_fill(&p, k, false);
		spent += our_batch(s, &p, &passed);
		sent += BATCH;
	}
	*cost = spent / (double)sent;
	rc = passed == sent && ho_counter_get(s, (unsigned)ho_counter_find("IpForwDatagrams")) == sent ? 0 : -EPROTO;
	ho_stack_close(s);
	return rc;
}

/* ---- the kernel's ---- */

static int file_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY), rc = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		rc = -errno;
	close(fd);
	return rc;
}

static int kernel_prepare(struct ho_tun *tun[2])
{
	struct ho_stack_config c;
	int rc;

	ho_stack_config_init(&c);
	if (unshare(CLONE_NEWNET))
		return -errno;
	file_write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
	rc = ho_tun_open("ho0", false, &c.alloc, &tun[0]);
	if (rc == 0)
		rc = ho_tun_open("ho1", false, &c.alloc, &tun[1]);
	if (rc == 0)
		rc = ho_tun_configure("ho0", NEAR_ADDR, 24, 1500);
	if (rc == 0)
		rc = ho_tun_configure("ho1", FAR_ADDR, FAR_PREFIX, 1500);
	return rc ? rc : file_write("/proc/sys/net/ipv4/ip_forward", "1");
}

static double kernel_batch(struct ho_tun *const tun[2], const struct packets *p, uint32_t bytes, uint64_t *passed)
{
	int in = ho_tun_fd(tun[0]), out = ho_tun_fd(tun[1]);
	uint8_t buf[2048];
	double begin = cpu_s();

	for (unsigned i = 0; i < BATCH; i++)
		if (write(in, p->bytes[i], bytes) < 0)
			break;
	while (read(out, buf, sizeof buf) == (ssize_t)bytes)
		++*passed;
	return cpu_s() - begin;
}

static void kernel_child(const struct kind *k, const struct options *o, bool broken, struct kernel_shared *sh)
{
	static struct packets p;
	struct ho_tun *tun[2];
	uint64_t passed = 0;
	double spent = 0;
	int rc = kernel_prepare(tun);

	while (rc == 0 && spent < o->round_s) {
		packets_fill(&p, k, broken);
		spent += kernel_batch(tun, &p, k->bytes, &passed);
		sh->units += BATCH;
	}
	if (rc == 0 && passed != (broken ? 0 : sh->units))
		rc = -EPROTO;
	sh->client_cpu = spent;
	sh->error = -rc;
}

static int kernel_time(const struct kind *k, const struct options *o, bool broken, double *cost)
{
	struct kernel_shared *sh = kernel_shared_map();
	double soft = softirqd_s(o->core);
	pid_t pid;
	int rc;

	if (!sh)
		return -ENOMEM;
	pid = fork();
	if (pid == 0) {
		kernel_child(k, o, broken, sh);
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

/* ---- rounds ---- */

static int kind_round(const struct kind *k, const struct options *o, struct row *w, bool kernel)
{
	double ours, ref = 0;
	int rc = kernel ? kernel_time(k, o, false, &ref) : 0;

	if (rc)
		return bench_fail("the kernel between two TUNs", rc);
	rc = our_cost(k, o, &ours);
	if (rc)
		return bench_fail(k->what, rc);
	row_sample(w, ours, ref);
	return 0;
}

int bench_forward(const struct options *o, struct report *r)
{
	bool kernel = geteuid() == 0 && access("/dev/net/tun", R_OK | W_OK) == 0;
	struct row *w[KINDS];
	double alone;
	int rc = 0;

	if (kernel && kernel_time(&kinds[0], o, true, &alone)) /* a wrong IPv4 checksum: dropped on arrival */
		kernel = false;
	for (size_t i = 0; i < KINDS; i++) {
		w[i] = report_row(r, kinds[i].what, UNIT_NS,
		                  kernel ? "the kernel between two TUNs, devices included" : NULL);
		w[i]->rate = true;
	}
	for (unsigned round = 0; round < o->rounds && rc == 0; round++)
		for (size_t i = 0; i < KINDS && rc == 0; i++)
			if (row_wanted(o, kinds[i].what))
				rc = kind_round(&kinds[i], o, w[i], kernel);
	if (kernel)
		report_fact(r, "a write to a TUN alone, CPU ns a packet", alone * 1e9);
	return rc;
}
