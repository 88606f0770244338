/* SPDX-License-Identifier: MIT
 * The trace is complete: every increment has a record, every record a cause that is true, and what was charged to a
 * listener or a connection is what the records about it say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <halfopen/sim.h>

#include "core.h"

#define PORT 9000
#define CLOSED_PORT 9
#define CHARGED_MAX 64

enum { CLIENT, SERVER, HOSTS };

static const uint32_t addr_of[HOSTS] = {HO_ADDR(198, 18, 0, 1), HO_ADDR(198, 18, 0, 2)};

/* Whose increments: a socket, as far as the trace names it. */
struct charged {
	struct ho_endpoint local, peer; /* peer 0: a listener */
	int64_t sum[HO_COUNTER_COUNT];
};

struct traced {
	struct ho_stack *s;
	int64_t sum[HO_COUNTER_COUNT]; /* of all records */
	struct charged *charged;
	uint32_t charged_count;
	uint64_t number; /* of the latest record */
	ho_time_ns at;
	uint32_t causes[HO_CAUSE_CALL + 1];
	uint32_t whys[HO_WHY_COUNT];
};

struct scene {
	struct ho_world *w;
	struct traced host[HOSTS];
};

/* ---- reading the trace ---- */

static bool same_endpoint(struct ho_endpoint a, struct ho_endpoint b)
{
	return a.addr == b.addr && a.port == b.port;
}

static struct charged *charged_of(struct traced *h, struct ho_endpoint local, struct ho_endpoint peer)
{
	for (uint32_t i = 0; i < h->charged_count; i++)
		if (same_endpoint(h->charged[i].local, local) && same_endpoint(h->charged[i].peer, peer))
			return &h->charged[i];
	assert_true(h->charged_count < CHARGED_MAX);
	h->charged[h->charged_count] = (struct charged){.local = local, .peer = peer};
	return &h->charged[h->charged_count++];
}

static bool is_timer(const char *what)
{
	static const char *const names[] = {"syn+ack timer", "time-wait timer", "retransmission timer", "delayed ack timer",
	                                    "keepalive timer", "syn timer", "persist timer", "loss probe timer",
	                                    "reordering timer"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(what, names[i]) == 0)
			return true;
	return false;
}

static bool is_call(const char *what)
{
	static const char *const names[] = {"open", "socket", "bind", "listen",   "accept", "connect",
	                                    "send", "sendto", "recv", "shutdown", "close",  "output"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(what, names[i]) == 0)
			return true;
	return false;
}

/* frame_in: the only frame that can be a cause now; 0: none can. */
static void cause_is_true(const struct ho_trace *r, uint64_t frame_in)
{
	switch (r->cause) {
	case HO_CAUSE_FRAME:
		assert_int_not_equal(r->frame_in, 0);
		assert_int_equal(r->frame_in, frame_in);
		assert_null(r->what);
		break;
	case HO_CAUSE_TIMER:
		assert_int_equal(r->frame_in, 0);
		assert_true(is_timer(r->what));
		break;
	case HO_CAUSE_CALL:
		assert_int_equal(r->frame_in, 0);
		assert_true(is_call(r->what));
		break;
	default: fail_msg("a record without a cause");
	}
}

static void record_read(struct traced *h, const struct ho_trace *r, uint64_t frame_in)
{
	char said[512];

	assert_int_equal(r->number, h->number + 1); /* none is lost */
	assert_true(r->at >= h->at && r->at <= ho_stack_now(h->s));
	assert_true(r->counter < HO_COUNTER_COUNT && r->why < HO_WHY_COUNT && r->delta != 0);
	if (r->counter < HO_COUNTER_ROWS && r->delta < 0)
		assert_int_equal(ho_counter_row(r->counter)->kind, HO_LEVEL);
	cause_is_true(r, frame_in);
	assert_true(ho_trace_say(r, said, sizeof(said)) > 0);
	h->number = r->number;
	h->at = r->at;
	h->causes[r->cause]++;
	h->whys[r->why]++;
	h->sum[r->counter] += r->delta;
	if (r->state == HO_LISTEN)
		charged_of(h, r->local, (struct ho_endpoint){0})->sum[r->counter] += r->delta;
	else if (r->state != 0)
		charged_of(h, r->local, r->peer)->sum[r->counter] += r->delta;
}

static void trace_read(struct traced *h, uint64_t frame_in)
{
	struct ho_trace r;

	while (ho_trace_next(h->s, &r))
		record_read(h, &r, frame_in);
}

static void traces_read(struct scene *t)
{
	for (int i = 0; i < HOSTS; i++)
		trace_read(&t->host[i], 0);
}

/* Right after the receiver has dealt with a frame: whatever names a frame names this one. */
static void on_passing(void *ctx, const struct ho_passing *p)
{
	struct scene *t = ctx;

	if (p->to >= 0 && (p->fate == HO_FATE_PASS || p->fate == HO_FATE_CORRUPT || p->fate == HO_FATE_DUPLICATE ||
	                   p->fate == HO_FATE_INJECTED))
		trace_read(&t->host[p->to], p->number);
}

/* ---- what must agree ---- */

static void sums_are_the_counters(struct scene *t)
{
	char name[64];

	traces_read(t);
	for (int h = 0; h < HOSTS; h++)
		for (unsigned i = 0; i < HO_COUNTER_COUNT; i++) {
			if (i < HO_COUNTER_ROWS && ho_counter_row(i)->kind == HO_FIXED)
				continue;
			ho_counter_name(i, name, sizeof(name));
			if ((uint64_t)t->host[h].sum[i] != ho_counter_get(t->host[h].s, i))
				fail_msg("host %d: %s is %llu, its records say %lld", h, name,
				         (unsigned long long)ho_counter_get(t->host[h].s, i),
				         (long long)t->host[h].sum[i]);
		}
}

static void account_is_the_sum(struct traced *h, int fd)
{
	struct ho_sock_info info;
	struct charged *c;
	char name[64];

	assert_int_equal(ho_sock_info_get(h->s, fd, &info), 0);
	c = charged_of(h, info.local, info.peer);
	for (unsigned i = 0; i < HO_COUNTER_COUNT; i++) {
		ho_counter_name(i, name, sizeof(name));
		if ((uint32_t)c->sum[i] != (uint32_t)ho_counter_get_sock(h->s, fd, i))
			fail_msg("port %u: %s is charged %llu, its records say %lld", info.local.port, name,
			         (unsigned long long)ho_counter_get_sock(h->s, fd, i), (long long)c->sum[i]);
	}
}

/* What only a listener moves, the only listener has moved. */
static void listener_has_it_all(struct traced *h, int lfd)
{
	static const unsigned only_listeners[] = {
		HO_TcpPassiveOpens,
		HO_TcpExtListenOverflows,
		HO_TcpExtListenDrops,
		HO_TcpExtSyncookiesSent,
		HO_TcpExtSyncookiesRecv,
		HO_TcpExtSyncookiesFailed,
		HO_TcpExtTCPReqQFullDoCookies,
		HO_TcpExtTCPReqQFullDrop,
		HO_TcpExtEmbryonicRsts,
		HO_TcpExtTCPDeferAcceptDrop,
	};
	struct ho_listener_info info;
	uint64_t dropped = 0;

	for (size_t i = 0; i < sizeof(only_listeners) / sizeof(only_listeners[0]); i++)
		assert_int_equal(ho_counter_get_sock(h->s, lfd, only_listeners[i]),
		                 ho_counter_get(h->s, only_listeners[i]));
	assert_int_equal(ho_sock_listener_info(h->s, lfd, &info), 0);
	for (int i = HO_DROP_SYN_ACCEPT_FULL; i <= HO_DROP_MEMORY; i++)
		dropped += info.drops[i];
	assert_int_equal(ho_counter_get_sock(h->s, lfd, HO_TcpExtListenDrops), dropped);
	assert_int_equal(ho_counter_get_sock(h->s, lfd, HO_TcpPassiveOpens), info.queued);
}

/* ---- the scene ---- */

static struct scene *scene_open(struct ho_wire_config wire)
{
	struct scene *t = calloc(1, sizeof(*t));
	struct ho_stack_config c;

	assert_non_null(t);
	assert_int_equal(ho_world_open(11, NULL, &t->w), 0);
	ho_stack_config_init(&c);
	c.trace_max = 1 << 16;
	c.charge_connections = true;
	c.prefix_len = 16;
	for (int h = 0; h < HOSTS; h++) {
		c.addr = addr_of[h];
		c.link_flags = h == CLIENT ? HO_LINK_TSO : 0;
		assert_int_equal(ho_world_host_add(t->w, h == CLIENT ? "client" : "server", &c), h);
		t->host[h].s = ho_world_host(t->w, h);
		t->host[h].charged = calloc(CHARGED_MAX, sizeof(struct charged));
		assert_non_null(t->host[h].charged);
	}
	assert_int_equal(ho_world_wire_add(t->w, CLIENT, SERVER, &wire, &wire), 0);
	ho_world_tap_set(t->w, on_passing, t);
	return t;
}

static void scene_close(struct scene *t)
{
	for (int h = 0; h < HOSTS; h++)
		free(t->host[h].charged);
	ho_world_close(t->w);
	free(t);
}

static void pass(struct scene *t, ho_time_ns ns)
{
	traces_read(t); /* of calls: no frame is their cause */
	ho_world_run(t->w, ho_world_now(t->w) + ns, false);
}

static int listening(struct scene *t, int backlog)
{
	struct ho_stack *s = t->host[SERVER].s;
	int fd = ho_sock_open(s, HO_SOCK_STREAM, 0);

	assert_true(fd >= 0);
	assert_int_equal(ho_sock_bind(s, fd, (struct ho_endpoint){HO_ADDR_ANY, PORT}), 0);
	assert_int_equal(ho_sock_listen(s, fd, backlog), 0);
	return fd;
}

static int connecting(struct scene *t, uint16_t port)
{
	struct ho_stack *s = t->host[CLIENT].s;
	int fd = ho_sock_open(s, HO_SOCK_STREAM, 0);

	assert_true(fd >= 0);
	assert_int_equal(ho_sock_connect(s, fd, (struct ho_endpoint){addr_of[SERVER], port}), -EINPROGRESS);
	return fd;
}

static void sends(struct scene *t, int host, int fd, size_t len_bytes)
{
	static const uint8_t zeros[60000];

	assert_true(len_bytes <= sizeof(zeros));
	assert_true(ho_sock_send(t->host[host].s, fd, zeros, len_bytes, 0) > 0);
}

static void reads(struct scene *t, int host, int fd)
{
	static uint8_t buf[60000];

	while (ho_sock_recv(t->host[host].s, fd, buf, sizeof(buf), 0) > 0)
		;
}

static void sysctl(struct scene *t, int host, const char *name, const char *value)
{
	assert_int_equal(ho_sysctl_set(t->host[host].s, name, value), 0);
}

/* ---- the tests ---- */

static void a_transfer_over_a_bad_wire(void **state)
{
	struct scene *t = scene_open((struct ho_wire_config){.delay_ns = 2 * HO_MS,
	                                                     .loss_ppm = 50000,
	                                                     .duplicate_ppm = 50000,
	                                                     .corrupt_ppm = 30000,
	                                                     .reorder_ppm = 50000,
	                                                     .reorder_ns = 8 * HO_MS});
	int lfd = listening(t, 5), client[3], server[3];

	(void)state;
	for (int i = 0; i < 3; i++)
		client[i] = connecting(t, PORT);
	pass(t, 10 * HO_SEC);
	for (int i = 0; i < 3; i++) {
		server[i] = ho_sock_accept(t->host[SERVER].s, lfd, NULL);
		assert_true(server[i] >= 0);
	}
	for (int round = 0; round < 30; round++) {
		sends(t, CLIENT, client[0], 20000);
		sends(t, SERVER, server[1], 1000);
		pass(t, HO_SEC);
		reads(t, SERVER, server[0]);
		reads(t, CLIENT, client[1]);
	}
	pass(t, 30 * HO_SEC);
	sums_are_the_counters(t);
	for (int i = 0; i < 3; i++) {
		account_is_the_sum(&t->host[CLIENT], client[i]);
		account_is_the_sum(&t->host[SERVER], server[i]);
	}
	account_is_the_sum(&t->host[SERVER], lfd);
	listener_has_it_all(&t->host[SERVER], lfd);
	assert_true(ho_counter_get(t->host[SERVER].s, HO_TcpInCsumErrors) > 0);
	assert_true(ho_counter_get(t->host[CLIENT].s, HO_TcpRetransSegs) > 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(ho_sock_close(t->host[CLIENT].s, client[i]), 0);
		assert_int_equal(ho_sock_close(t->host[SERVER].s, server[i]), 0);
	}
	pass(t, 400 * HO_SEC);
	assert_int_equal(ho_sock_close(t->host[SERVER].s, lfd), 0);
	sums_are_the_counters(t);
	for (int i = HO_CAUSE_FRAME; i <= HO_CAUSE_CALL; i++)
		assert_true(t->host[CLIENT].causes[i] > 0);
	assert_true(t->host[CLIENT].whys[HO_WHY_RTO] > 0);
	scene_close(t);
}

static void both_queues_overflow(void **state)
{
	struct scene *t = scene_open((struct ho_wire_config){.delay_ns = HO_MS});
	int lfd = listening(t, 1);

	(void)state;
	for (int i = 0; i < 6; i++)
		connecting(t, PORT);
	pass(t, 100 * HO_MS);
	connecting(t, PORT);
	pass(t, 3 * HO_SEC);
	sysctl(t, SERVER, "net.ipv4.tcp_abort_on_overflow", "1");
	pass(t, 2 * HO_SEC);
	while (ho_sock_accept(t->host[SERVER].s, lfd, NULL) >= 0)
		;
	sysctl(t, SERVER, "net.ipv4.tcp_syncookies", "2");
	for (int i = 0; i < 4; i++)
		connecting(t, PORT);
	pass(t, 5 * HO_SEC);
	sums_are_the_counters(t);
	account_is_the_sum(&t->host[SERVER], lfd);
	listener_has_it_all(&t->host[SERVER], lfd);
	assert_true(ho_counter_get(t->host[SERVER].s, HO_TcpExtListenOverflows) > 0);
	assert_true(ho_counter_get(t->host[SERVER].s, HO_TcpExtSyncookiesRecv) > 0);
	assert_true(t->host[SERVER].whys[HO_WHY_ACCEPT_QUEUE_FULL_SYN] > 0);
	scene_close(t);
}

/* A SYN from nowhere; what answers the SYN+ACK comes from far away. */
static void request_of_nobody(struct scene *t, uint16_t port)
{
	uint8_t p[40] = {0x45, 0, 0, 40, 0, 0, 0, 0, 64, IP_PROTO_TCP};
	uint16_t sum;

	put32(p + 12, HO_ADDR(198, 18, 9, 1));
	put32(p + 16, addr_of[SERVER]);
	sum = csum_fold(csum_partial(p, 20));
	memcpy(p + 10, &sum, 2);
	put16(p + 20, port);
	put16(p + 22, PORT);
	p[32] = 0x50;
	p[33] = TCP_SYN;
	sum = csum_fold(
		csum_add(csum_pseudo(get32(p + 12), get32(p + 16), IP_PROTO_TCP, 20), csum_partial(p + 20, 20)));
	memcpy(p + 36, &sum, 2);
	assert_int_equal(ho_world_inject(t->w, SERVER, p, sizeof(p), 0), 0);
}

struct quoting {
	struct scene *scene;
	uint8_t packet[28 + 40];
	bool has;
};

/* Keeps the first SYN+ACK to the peer from nowhere in an ICMP host unreachable. */
static struct ho_order quote_synack(void *ctx, const struct ho_passing *p)
{
	struct quoting *q = ctx;
	uint8_t *m = q->packet;
	uint16_t sum;

	if (p->from != SERVER || q->has || get32(p->bytes + 16) != HO_ADDR(198, 18, 9, 1))
		return (struct ho_order){0};
	q->has = true;
	memcpy(m + 28, p->bytes, 40);
	m[0] = 0x45;
	put16(m + 2, sizeof(q->packet));
	m[8] = 64;
	m[9] = IP_PROTO_ICMP;
	put32(m + 12, addr_of[CLIENT]);
	put32(m + 16, addr_of[SERVER]);
	sum = csum_fold(csum_partial(m, 20));
	memcpy(m + 10, &sum, 2);
	m[20] = 3;
	m[21] = 1;
	sum = csum_fold(csum_partial(m + 20, sizeof(q->packet) - 20));
	memcpy(m + 22, &sum, 2);
	return (struct ho_order){.drop = true};
}

static void an_icmp_error_ends_a_request_and_the_listener_is_charged(void **state)
{
	struct scene *t = scene_open((struct ho_wire_config){.delay_ns = HO_MS});
	struct quoting q = {.scene = t};
	struct ho_listener_info info;
	int lfd = listening(t, 5);

	(void)state;
	ho_world_rule_set(t->w, quote_synack, &q);
	request_of_nobody(t, 1000);
	request_of_nobody(t, 1001);
	pass(t, 10 * HO_MS);
	assert_true(q.has);
	assert_int_equal(ho_world_inject(t->w, SERVER, q.packet, sizeof(q.packet), 0), 0);
	pass(t, 10 * HO_MS);
	assert_int_equal(ho_sock_listener_info(t->host[SERVER].s, lfd, &info), 0);
	assert_int_equal(info.requests, 2);
	assert_int_equal(info.syn_queue, 1);
	sums_are_the_counters(t);
	account_is_the_sum(&t->host[SERVER], lfd);
	assert_int_equal(ho_counter_get(t->host[SERVER].s, HO_TcpExtListenDrops), 1);
	assert_int_equal(ho_counter_get_sock(t->host[SERVER].s, lfd, HO_TcpExtListenDrops), 1);
	scene_close(t);
}

static void connects_that_fail_and_pings(void **state)
{
	static const uint8_t echo[64] = {8};
	struct scene *t = scene_open((struct ho_wire_config){.delay_ns = HO_MS});
	struct ho_stack *c = t->host[CLIENT].s;
	int refused = connecting(t, CLOSED_PORT), lost, ping = ho_sock_open(c, HO_SOCK_DGRAM, HO_IPPROTO_ICMP);

	(void)state;
	assert_true(ping >= 0);
	assert_int_equal(ho_sock_sendto(c, ping, echo, sizeof(echo), 0, (struct ho_endpoint){addr_of[SERVER], 0}), 64);
	pass(t, HO_SEC);
	lost = ho_sock_open(c, HO_SOCK_STREAM, 0);
	assert_int_equal(ho_sock_connect(c, lost, (struct ho_endpoint){HO_ADDR(198, 18, 7, 7), 1}), -EINPROGRESS);
	assert_int_equal(ho_sock_connect(c, ping, (struct ho_endpoint){HO_ADDR(192, 0, 2, 1), 1}), -ENETUNREACH);
	pass(t, 300 * HO_SEC);
	sums_are_the_counters(t);
	account_is_the_sum(&t->host[CLIENT], refused);
	account_is_the_sum(&t->host[CLIENT], lost);
	assert_int_equal(ho_counter_get(c, HO_TcpAttemptFails), 2);
	assert_int_equal(ho_counter_get(c, HO_IcmpInEchoReps), 1);
	assert_int_equal(ho_counter_get(c, HO_IpOutNoRoutes), 1);
	assert_int_equal(t->host[CLIENT].whys[HO_WHY_CONNECT_TIMED_OUT], 1);
	scene_close(t);
}

static void closes_of_every_kind(void **state)
{
	struct scene *t = scene_open((struct ho_wire_config){.delay_ns = HO_MS});
	struct ho_stack *c = t->host[CLIENT].s, *s = t->host[SERVER].s;
	struct ho_linger zero = {1, 0};
	int lfd = listening(t, 10), client[5], server[5];

	(void)state;
	for (int i = 0; i < 5; i++)
		client[i] = connecting(t, PORT);
	pass(t, HO_SEC);
	for (int i = 0; i < 4; i++) { /* the fifth is still in the queue when the listener closes */
		server[i] = ho_sock_accept(s, lfd, NULL);
		assert_true(server[i] >= 0);
		sends(t, CLIENT, client[i], 100);
	}
	pass(t, HO_SEC);
	assert_int_equal(ho_sock_close(s, server[0]), 0); /* unread data: RST */
	reads(t, SERVER, server[1]);
	assert_int_equal(ho_sock_setopt(s, server[1], HO_SOL_SOCKET, HO_SO_LINGER, &zero, sizeof(zero)), 0);
	assert_int_equal(ho_sock_close(s, server[1]), 0); /* RST */
	reads(t, SERVER, server[2]);
	assert_int_equal(ho_sock_close(s, server[2]), 0); /* FIN, then data after close */
	pass(t, HO_SEC);
	sends(t, CLIENT, client[2], 100);
	account_is_the_sum(&t->host[SERVER], lfd);
	assert_int_equal(ho_sock_close(s, lfd), 0);
	reads(t, SERVER, server[3]);
	assert_int_equal(ho_sock_shutdown(c, client[3], HO_SHUT_WR), 0); /* half a close, then the other */
	pass(t, HO_SEC);
	sums_are_the_counters(t);
	for (int i = 0; i < 5; i++)
		account_is_the_sum(&t->host[CLIENT], client[i]);
	account_is_the_sum(&t->host[SERVER], server[3]);
	assert_int_equal(ho_sock_close(s, server[3]), 0);
	for (int i = 0; i < 5; i++)
		assert_int_equal(ho_sock_close(c, client[i]), 0);
	pass(t, 200 * HO_SEC);
	sums_are_the_counters(t);
	assert_true(t->host[SERVER].whys[HO_WHY_UNREAD_DATA] == 1);
	assert_true(t->host[SERVER].whys[HO_WHY_LINGER_ZERO] == 1);
	assert_int_equal(ho_counter_get(s, HO_TcpCurrEstab), 0);
	assert_int_equal(ho_counter_get(c, HO_TcpCurrEstab), 0);
	scene_close(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_transfer_over_a_bad_wire),
		cmocka_unit_test(both_queues_overflow),
		cmocka_unit_test(an_icmp_error_ends_a_request_and_the_listener_is_charged),
		cmocka_unit_test(connects_that_fail_and_pings),
		cmocka_unit_test(closes_of_every_kind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
