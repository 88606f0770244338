/* SPDX-License-Identifier: MIT
 * Sockets of any state with any values, as inet_diag replies for the real ss and as rows of ours: ss_rows DIR SEED fills
 * DIR/OPTIONS.diag and DIR/OPTIONS.ours for several sets of options.  A kernel tells what it is asked: the attributes are those
 * that ss -OPTIONS asks for. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>

#include "ss.h"

#define SOCKETS 400
#define NOW_NS (1000 * HO_SEC)

static uint64_t state_of_chance;

/* splitmix64 */
static uint64_t chance(void)
{
	uint64_t z = (state_of_chance += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* Nothing, one, few, many, the most. */
static uint64_t any(uint64_t max)
{
	switch (chance() % 6) {
	case 0: return 0;
	case 1: return chance() % 5;
	case 2: return chance() % 10000 & max;
	case 3: return max - (chance() % 8 == 0);
	default: return chance() >> chance() % 64 & max;
	}
}

static void any_bytes(void *to, size_t bytes)
{
	for (uint8_t *p = to; bytes-- > 0;)
		*p++ = (uint8_t)chance();
}

/* Each number by itself; beyond 31 bits ss prints some as negative ones, which no kernel has. */
static void any_info(struct ho_tcp_info *i)
{
	uint32_t *word = (uint32_t *)(void *)i;

	for (size_t n = 0; n < sizeof(*i) / sizeof(*word); n++)
		word[n] = (uint32_t)any(chance() % 4 == 0 ? 0xffff : INT32_MAX);
	i->tcpi_options &= 63;
	if (i->tcpi_snd_ssthresh < 2)
		i->tcpi_snd_ssthresh = 0xffff + (uint32_t)(chance() % 2);
	if (chance() % 4 == 0)
		i->tcpi_reordering = 3;
	if (chance() % 4 == 0)
		i->tcpi_pacing_rate = UINT64_MAX;
	if (chance() % 4 == 0)
		i->tcpi_max_pacing_rate = UINT64_MAX;
}

static struct ho_endpoint any_endpoint(void)
{
	return (struct ho_endpoint){(uint32_t)any(UINT32_MAX), (uint16_t)(any(65535) | 49152)};
}

static struct ho_sock_detail any_socket(void)
{
	static const uint8_t states[] = {HO_ESTABLISHED, HO_SYN_SENT, HO_FIN_WAIT1, HO_FIN_WAIT2, HO_TIME_WAIT, HO_CLOSE_WAIT,
	                                 HO_LAST_ACK, HO_LISTEN, HO_CLOSING, HO_NEW_SYN_RECV};
	static const char *const algorithms[] = {"cubic", "reno", "bbr", ""};
	struct ho_sock_detail d = {0};
	struct ho_sock_info *i = &d.row;

	*i = (struct ho_sock_info){.fd = -1, .type = HO_SOCK_STREAM, .protocol = HO_IPPROTO_TCP, .local = any_endpoint(),
	                           .peer = any_endpoint()};
	i->state = states[chance() % sizeof(states)];
	i->recv_q = (uint32_t)any(INT32_MAX);
	i->send_q = (uint32_t)any(INT32_MAX);
	i->timer = (uint8_t)(chance() % 5);
	i->timer_at = NOW_NS + (any(20000000) + chance() % 2) * HO_MS;
	i->retransmits = (uint8_t)any(255);
	i->drops = any(INT32_MAX);
	any_bytes(&i->rmem_alloc, sizeof(uint32_t));
	i->rcvbuf = (uint32_t)any(INT32_MAX);
	i->wmem_queued = (uint32_t)any(INT32_MAX);
	d.socket = i->state != HO_TIME_WAIT && i->state != HO_NEW_SYN_RECV;
	d.cookie = d.socket ? (uint32_t)any(UINT32_MAX) : 0;
	d.shutdown = (uint8_t)(chance() % 4);
	strcpy(d.congestion, algorithms[chance() % 4]);
	any_info(&d.tcp);
	d.bbr_known = strcmp(d.congestion, "bbr") == 0;
	any_bytes(&d.bbr, sizeof(d.bbr));
	d.bbr.bbr_pacing_gain = (uint32_t)any(1023);
	return d;
}

/* ---- a file of replies, with the kernel's own headers ---- */

struct reply {
	struct nlmsghdr head;
	struct inet_diag_msg row;
	uint8_t attrs[1024];
};

static void attr_put(struct reply *r, uint16_t type, const void *what, size_t bytes)
{
	const uint16_t head[2] = {(uint16_t)(sizeof(head) + bytes), type};
	uint8_t *at = (uint8_t *)r + r->head.nlmsg_len;

	memcpy(at, head, sizeof(head));
	memcpy(at + sizeof(head), what, bytes);
	r->head.nlmsg_len += NLMSG_ALIGN((uint32_t)(sizeof(head) + bytes));
}

static uint32_t swapped(uint32_t v)
{
	return v >> 24 | (v >> 8 & 0xff00) | (v << 8 & 0xff0000) | v << 24;
}

static void row_fill(struct inet_diag_msg *m, const struct ho_sock_info *i)
{
	m->idiag_family = 2;
	m->idiag_state = (uint8_t)ss_state(i);
	m->idiag_timer = i->timer;
	m->idiag_retrans = i->retransmits;
	m->id.idiag_sport = (uint16_t)(i->local.port >> 8 | i->local.port << 8);
	m->id.idiag_dport = (uint16_t)(i->peer.port >> 8 | i->peer.port << 8);
	m->id.idiag_src[0] = swapped(i->local.addr);
	m->id.idiag_dst[0] = swapped(i->peer.addr);
	m->idiag_expires = i->timer != 0 ? (uint32_t)((i->timer_at - NOW_NS) / HO_MS) : 0;
	m->idiag_rqueue = i->recv_q;
	m->idiag_wqueue = i->send_q;
}

static void reply_write(FILE *f, const struct ho_ss *ask, const struct ho_sock_detail *d)
{
	const struct ho_sock_info *i = &d->row;
	const uint32_t memory[9] = {i->rmem_alloc, i->rcvbuf, i->wmem_alloc, i->sndbuf, i->fwd_alloc, i->wmem_queued, 0, 0,
	                            (uint32_t)i->drops};
	struct reply r = {.head = {.nlmsg_len = offsetof(struct reply, attrs), .nlmsg_type = SOCK_DIAG_BY_FAMILY}};

	row_fill(&r.row, i);
	r.row.id.idiag_cookie[0] = d->cookie;
	if (d->socket)
		attr_put(&r, INET_DIAG_SHUTDOWN, &d->shutdown, 1);
	if (d->socket && ask->memory)
		attr_put(&r, INET_DIAG_SKMEMINFO, memory, sizeof(memory));
	if (d->socket && ask->info) {
		attr_put(&r, INET_DIAG_INFO, &d->tcp, sizeof(d->tcp));
		if (d->congestion[0] != '\0')
			attr_put(&r, INET_DIAG_CONG, d->congestion, strlen(d->congestion) + 1);
		if (d->bbr_known)
			attr_put(&r, INET_DIAG_BBRINFO, &d->bbr, sizeof(d->bbr));
	}
	fwrite(&r, 1, r.head.nlmsg_len, f);
}

/* ---- the same as rows, one space between columns ---- */

static void row_write(FILE *f, const struct ho_ss *ask, const struct ho_sock_detail *d)
{
	struct ss_row row;

	ss_row_make(&row, ask, NOW_NS, d);
	fprintf(f, "%s %s %s %s:%s %s:%s%s\n", row.small[SS_STATE], row.small[SS_RECVQ], row.small[SS_SENDQ], row.small[SS_LOCAL],
	        row.small[SS_LPORT], row.small[SS_PEER], row.small[SS_PPORT], row.more);
}

static FILE *file_open(const char *dir, const char *options, const char *suffix)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s.%s", dir, options, suffix);
	f = fopen(path, "w");
	if (f == NULL) {
		perror(path);
		exit(1);
	}
	return f;
}

static void set_write(const char *dir, const char *options, const struct ho_sock_detail *sockets)
{
	const struct nlmsghdr done = {.nlmsg_len = sizeof(done), .nlmsg_type = NLMSG_DONE};
	FILE *diag = file_open(dir, options, "diag"), *ours = file_open(dir, options, "ours");
	struct ho_ss ask;
	char why[256];

	if (ho_ss_parse(options, &ask, why, sizeof(why)) != 0)
		exit(1);
	for (int i = 0; i < SOCKETS; i++) {
		reply_write(diag, &ask, &sockets[i]);
		row_write(ours, &ask, &sockets[i]);
	}
	fwrite(&done, 1, sizeof(done), diag);
	if (fclose(diag) != 0 || fclose(ours) != 0)
		exit(1);
}

int main(int argc, char **argv)
{
	static const char *const sets[] = {"-HOtan", "-HOtane", "-HOtanm", "-HOtani", "-HOtai", "-HOtano", "-HOtanmi", "-HOtamoei"};
	static struct ho_sock_detail sockets[SOCKETS];

	if (argc != 3)
		return 2;
	mkdir(argv[1], 0777); /* if it exists, well: the files tell */
	state_of_chance = strtoull(argv[2], NULL, 10);
	for (int i = 0; i < SOCKETS; i++)
		sockets[i] = any_socket();
	for (size_t n = 0; n < sizeof(sets) / sizeof(*sets); n++)
		set_write(argv[1], sets[n], sockets);
	return 0;
}
