/* SPDX-License-Identifier: MIT
 * One established connection in a tcp_lab: peer 1 has connected to the host, which has accepted it.
 *
 *     struct talk *k = talk();                      MSS 1448, timestamps, SACK, windows scaled; counters begin at zero
 *     says(&k->p, "P. 1:101");
 *     host_recv(&k->t, k->fd, 1000, 0, 100);
 *     talk_done(k);
 *
 * talk(.rcvbuf = N) sets SO_RCVBUF before listening, .syn_options and .window are the peer's.  .no_probes: no tail loss probes.
 * The handshake takes no time here, so that one comes after 3 ms: on Linux in the midst of a test's steps, if they take long. */
#ifndef HO_TEST_TCP_TALK_H
#define HO_TEST_TCP_TALK_H

#include "tcp_lab.h"

struct talk {
	struct tcp_lab t;
	struct peer p;
	int lfd, fd;
};

struct talk_options {
	struct lab_options lab;
	int rcvbuf;
	const char *syn_options;
	uint32_t window;
	bool plain; /* no timestamps on what the peer says */
	bool no_probes;
};

static UNUSED struct talk *talk_with(struct talk_options o, const char *test)
{
	struct talk *k = calloc(1, sizeof(*k));

	assert_non_null(k);
	k->t = tcp_lab_with(o.lab, test);
	k->p = peer_of(&k->t, 1);
	if (o.syn_options != NULL)
		k->p.syn_options = o.syn_options;
	if (o.window != 0)
		k->p.window = o.window;
	k->p.ts = !o.plain;
	if (o.no_probes)
		host_sysctl(&k->t, "net.ipv4.tcp_early_retrans", "0");
	k->lfd = host_socket(&k->t);
	host_set(&k->t, k->lfd, HO_SOL_SOCKET, HO_SO_REUSEADDR, 1);
	if (o.rcvbuf != 0)
		host_set(&k->t, k->lfd, HO_SOL_SOCKET, HO_SO_RCVBUF, o.rcvbuf);
	host_bind(&k->t, k->lfd, LAB_PORT);
	host_backlog(&k->t, k->lfd, 5);
	k->fd = host_accepted(&k->t, k->lfd, &k->p);
	marked(&k->t);
	return k;
}
#define talk(...) talk_with((struct talk_options){__VA_ARGS__}, __func__)

static UNUSED void talk_done(struct talk *k)
{
	tcp_lab_close(&k->t);
	free(k);
}

/* recvmsg(), which tells what is left by TCP_INQ; -1: it does not. */
static UNUSED void host_recv_inq(struct tcp_lab *t, int fd, uint32_t len, int flags, ptrdiff_t expected, int inq)
{
	uint8_t *buf = malloc(len + 1);
	struct ho_msg_info info;

	assert_non_null(buf);
	say_log(t, "recv_inq %d %u %d %lld %d", fd, len, flags, (long long)expected, inq);
	lab_expect(ho_sock_recv_msg(t->l.s, fd, buf, len, flags, &info), expected);
	for (uint32_t i = 0; i < (uint32_t)expected && !(flags & HO_MSG_OOB); i++)
		lab_expect(buf[i], stream_byte(t->read[fd] + i));
	free(buf);
	if (!(flags & (HO_MSG_PEEK | HO_MSG_OOB)))
		t->read[fd] += (uint32_t)expected;
	lab_expect(info.inq, inq);
	lab_expect(info.flags, flags & HO_MSG_OOB);
}

/* SIOCOUTQ, SIOCOUTQNSD */
static UNUSED void host_outqs(struct tcp_lab *t, int fd, int unacked, int unsent)
{
	say_log(t, "outqs %d %d %d", fd, unacked, unsent);
	lab_expect(ho_sock_outq(t->l.s, fd), unacked);
	lab_expect(ho_sock_outq_unsent(t->l.s, fd), unsent);
}

/* An option of one int has this value. */
static UNUSED void host_has(struct talk *k, int level, int name, int expected)
{
	int value = 0;
	size_t len = sizeof(value);

	say_log(&k->t, "getopt %d %d %d %d", k->fd, level, name, expected);
	assert_int_equal(ho_sock_getopt(k->t.l.s, k->fd, level, name, &value, &len), 0);
	lab_expect(value, expected);
}

/* The peer sends n segments of len bytes, in order, and hears an ACK for each at once. */
static UNUSED void peer_sends(struct talk *k, unsigned n, uint32_t len)
{
	char text[64];

	while (n-- > 0) {
		snprintf(text, sizeof(text), "P. %u:%u", k->p.seq, k->p.seq + len);
		says(&k->p, text);
		snprintf(text, sizeof(text), ". ack %u", k->p.seq);
		hears(&k->p, text);
	}
}

/* Both FINs said and acknowledged, ours first: a bucket in TIME-WAIT; snd_nxt 2, rcv_nxt 2. */
static UNUSED void time_waits(struct talk *k)
{
	host_close(&k->t, k->fd);
	hears(&k->p, "F. 1 ack 1");
	says(&k->p, "F. 1 ack 2");
	hears(&k->p, ". 2 ack 2");
	quiet(&k->t);
	marked(&k->t);
}

/* Our FIN is acknowledged, theirs has not come: a bucket in FIN-WAIT-2. */
static UNUSED void fin_wait2_waits(struct talk *k)
{
	host_close(&k->t, k->fd);
	hears(&k->p, "F. 1 ack 1");
	says(&k->p, ". 1 ack 2");
	quiet(&k->t);
	marked(&k->t);
}

#endif
