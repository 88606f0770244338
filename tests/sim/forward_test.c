/* SPDX-License-Identifier: MIT
 * Random rows of networks: two hosts with one to three routers between them, every wire with faults, MTUs and offloads that
 * differ from link to link, and noise: packets that the routers must answer, refuse or lose.  All of it drawn from a seed.
 *
 * What must hold: a connection from one end to the other, with data both ways, gets every byte to its place, and when the
 * faults end it finishes; datagrams, sent in bursts that may go as super-frames, are whole, and then none is missing; routers forward and keep nothing; ICMP's sums hold at every host; the same seed does it again.
 *
 *     forward_test             seeds 1 to 120
 *     forward_test SEED [LAST] that one (those), with what was drawn */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <halfopen/sim.h>

#include "csum.h"
#include "dice.h"
#include "sums.h"

#define HOSTS_MAX 5
#define PORT 9000
#define BYTES_MAX 200000u
#define UDP_PORT 7000
#define SEGMENT_BYTES 500u /* fits the smallest MTU */
#define BURST_SEGMENTS 7u
#define ACT_1_NS (20 * HO_SEC)
#define ACT_2_NS (900 * HO_SEC)
#define NOWHERE HO_ADDR(192, 0, 2, 8)

static const char *program = "forward_test";
static uint64_t first_seed = 1, last_seed = 120;
static bool talk;

struct end {
	int host, fd;
	uint32_t writes, wrote, read, expects;
	uint8_t key;
	bool shut, saw_end;
};

struct row {
	uint64_t seed;
	struct dice dice;
	struct ho_world *w;
	struct ho_stack *s[HOSTS_MAX];
	int hosts, ear;
	struct end end[2];
	int datagrams[2]; /* sockets */
	uint64_t bursts, segments;
	uint64_t noise;
};

#define must(t, condition) must_at(t, condition, #condition, __LINE__)

static void must_at(const struct row *t, bool holds, const char *what, int line)
{
	if (holds)
		return;
	print_message("line %d: broken: %s\n  at %.6f s; again: %s %llu\n", line, what, (double)ho_world_now(t->w) / 1e9,
	              program, (unsigned long long)t->seed);
	fail();
}

static uint32_t below(struct row *t, uint32_t n)
{
	return dice_below(&t->dice, n);
}

/* ---- the row: wire n joins hosts n and n + 1 and is the network 198.18.n.0/24 ---- */

static uint32_t net_of(int wire)
{
	return HO_ADDR(198, 18, 0, 0) + ((uint32_t)wire << 8);
}

static uint32_t addr_left_of(int wire)
{
	return net_of(wire) + 1;
}

static uint32_t addr_right_of(int wire)
{
	return net_of(wire) + 2;
}

static uint32_t mtu_draw(struct row *t)
{
	static const uint32_t mtus[] = {1500, 1500, 1500, 1400, 1006, 576, 9000};

	return mtus[below(t, sizeof(mtus) / sizeof(mtus[0]))];
}

static void route_add(struct row *t, int host, uint32_t dst, uint8_t prefix_len, uint32_t gateway)
{
	struct ho_route r = {.dst = dst, .prefix_len = prefix_len, .link = -1, .gateway = gateway};

	must(t, ho_route_add(t->s[host], &r) == 0);
}

/* Networks that are not a router's own lie to the left by its left neighbour, to the right by its right one. */
static void router_routes(struct row *t, int host)
{
	for (int wire = 0; wire < t->hosts - 1; wire++)
		if (wire < host - 1)
			route_add(t, host, net_of(wire), 24, addr_left_of(host - 1));
		else if (wire > host)
			route_add(t, host, net_of(wire), 24, addr_right_of(host));
}

static void second_link(struct row *t, int host, uint32_t mtu)
{
	struct ho_link_config c = {.mtu = mtu, .flags = below(t, 32), .out_queue_max = 1000};
	struct ho_addr a = {addr_left_of(host), 24, 1};

	must(t, ho_link_add(t->s[host], &c) == 1);
	must(t, ho_addr_add(t->s[host], &a) == 0);
	must(t, ho_sysctl_set(t->s[host], "net.ipv4.ip_forward", "1") == 0);
}

/* A host has the MTU of the wires at its links. */
static void host_draw(struct row *t, int host, const uint32_t *mtu)
{
	struct ho_stack_config c;

	ho_stack_config_init(&c);
	c.addr = host == 0 ? addr_left_of(0) : addr_right_of(host - 1);
	c.prefix_len = 24;
	c.mtu = mtu[host == 0 ? 0 : host - 1];
	c.link_flags = below(t, 32);
	must(t, ho_world_host_add(t->w, "host", &c) == host);
	t->s[host] = ho_world_host(t->w, host);
	if (host > 0 && host < t->hosts - 1)
		second_link(t, host, mtu[host]);
}

static struct ho_wire_config wire_draw(struct row *t)
{
	struct ho_wire_config c = {.delay_ns = below(t, 20) * HO_MS + below(t, 1000) * HO_US};

	if (below(t, 2))
		c.rate_bps = UINT64_C(4000000) << below(t, 8);
	if (c.rate_bps > 0 && below(t, 2))
		c.queue_bytes = 20000 + below(t, 100000);
	if (below(t, 2))
		c.loss_ppm = below(t, 50000);
	if (!below(t, 3))
		c.duplicate_ppm = below(t, 100000);
	if (!below(t, 3))
		c.corrupt_ppm = below(t, 30000);
	if (below(t, 2))
		c.reorder_ppm = below(t, 100000);
	c.reorder_ns = below(t, 60) * HO_MS;
	return c;
}

static void row_open(struct row *t, uint64_t seed)
{
	uint32_t mtu[HOSTS_MAX];

	memset(t, 0, sizeof(*t));
	t->seed = seed;
	t->dice = dice_of(seed, 3, 0);
	t->hosts = 3 + (int)below(t, HOSTS_MAX - 2);
	must(t, ho_world_open(seed, NULL, &t->w) == 0);
	for (int i = 0; i < t->hosts - 1; i++)
		mtu[i] = mtu_draw(t);
	for (int i = 0; i < t->hosts; i++)
		host_draw(t, i, mtu);
	for (int i = 0; i < t->hosts - 1; i++) {
		struct ho_wire_config there = wire_draw(t), back = wire_draw(t);

		must(t, ho_world_join(t->w, i, i > 0, i + 1, 0, &there, &back) == 0);
		if (talk)
			print_message("wire %d: mtu %u, loss %u/%u, corrupt %u/%u, rate %llu/%llu\n", i, mtu[i], there.loss_ppm,
			              back.loss_ppm, there.corrupt_ppm, back.corrupt_ppm,
			              (unsigned long long)there.rate_bps, (unsigned long long)back.rate_bps);
	}
	route_add(t, 0, 0, 0, addr_right_of(0));
	route_add(t, t->hosts - 1, 0, 0, addr_left_of(t->hosts - 2));
	for (int i = 1; i < t->hosts - 1; i++)
		router_routes(t, i);
}

/* ---- both ends of the connection ---- */

static uint8_t stream_byte(uint8_t key, uint32_t at)
{
	return (uint8_t)(dice_mix(at / 8 + ((uint64_t)key << 32)) >> at % 8 * 8);
}

static void end_writes(struct row *t, struct end *e)
{
	uint8_t buf[8192];

	while (e->wrote < e->writes) {
		uint32_t n = e->writes - e->wrote < sizeof(buf) ? e->writes - e->wrote : (uint32_t)sizeof(buf);

		for (uint32_t i = 0; i < n; i++)
			buf[i] = stream_byte(e->key, e->wrote + i);
		ptrdiff_t took = ho_sock_send(t->s[e->host], e->fd, buf, n, 0);

		if (took == -EAGAIN)
			return;
		must(t, took > 0);
		e->wrote += (uint32_t)took;
	}
	if (!e->shut)
		must(t, ho_sock_shutdown(t->s[e->host], e->fd, HO_SHUT_WR) == 0);
	e->shut = true;
}

static void end_reads(struct row *t, struct end *e)
{
	uint8_t buf[8192];
	ptrdiff_t n;

	while (!e->saw_end && (n = ho_sock_recv(t->s[e->host], e->fd, buf, sizeof(buf), 0)) != -EAGAIN) {
		must(t, n >= 0);
		for (ptrdiff_t i = 0; i < n; i++)
			must(t, buf[i] == stream_byte((uint8_t)(e->key ^ 1), e->read + (uint32_t)i));
		e->read += (uint32_t)n;
		e->saw_end = n == 0;
	}
}

static void ends_work(struct row *t)
{
	if (t->end[1].fd < 0)
		t->end[1].fd = ho_sock_accept(t->s[t->end[1].host], t->ear, NULL);
	for (int i = 0; i < 2; i++) {
		struct end *e = &t->end[i];

		if (e->fd < 0 || !(ho_sock_poll(t->s[e->host], e->fd) & (HO_IN | HO_OUT | HO_ERR | HO_HUP)))
			continue;
		end_writes(t, e);
		end_reads(t, e);
	}
}

static void ends_open(struct row *t)
{
	int last = t->hosts - 1;
	struct ho_endpoint there = {addr_right_of(last - 1), PORT};

	for (int i = 0; i < 2; i++)
		t->end[i] = (struct end){.host = i ? last : 0, .fd = -1, .key = (uint8_t)i, .writes = below(t, BYTES_MAX)};
	for (int i = 0; i < 2; i++)
		t->end[i].expects = t->end[!i].writes;
	t->ear = ho_sock_open(t->s[last], HO_SOCK_STREAM, 0);
	must(t, ho_sock_bind(t->s[last], t->ear, (struct ho_endpoint){HO_ADDR_ANY, PORT}) == 0);
	must(t, ho_sock_listen(t->s[last], t->ear, 1) == 0);
	t->end[0].fd = ho_sock_open(t->s[0], HO_SOCK_STREAM, 0);
	must(t, ho_sock_connect(t->s[0], t->end[0].fd, there) == -EINPROGRESS);
}

/* ---- datagrams ---- */

static void datagrams_open(struct row *t)
{
	int last = t->hosts - 1, segment = SEGMENT_BYTES, dont = HO_IP_PMTUDISC_DONT;
	struct ho_endpoint there = {addr_right_of(last - 1), UDP_PORT};

	for (int i = 0; i < 2; i++)
		t->datagrams[i] = ho_sock_open(t->s[i ? last : 0], HO_SOCK_DGRAM, HO_IPPROTO_UDP);
	must(t, ho_sock_bind(t->s[last], t->datagrams[1], there) == 0);
	must(t, ho_sock_connect(t->s[0], t->datagrams[0], there) == 0);
	must(t, ho_sock_setopt(t->s[0], t->datagrams[0], HO_SOL_IP, HO_IP_MTU_DISCOVER, &dont, sizeof(dont)) == 0);
	must(t, ho_sock_setopt(t->s[0], t->datagrams[0], HO_SOL_UDP, HO_UDP_SEGMENT, &segment, sizeof(segment)) == 0);
}

/* Segment i of burst n is filled with one byte that is known by both; an error of an earlier one may be told instead. */
static void burst_send(struct row *t)
{
	uint8_t bytes[BURST_SEGMENTS * SEGMENT_BYTES];
	ptrdiff_t n;

	for (uint32_t i = 0; i < BURST_SEGMENTS; i++)
		memset(bytes + i * SEGMENT_BYTES, (int)(t->bursts * BURST_SEGMENTS + i) & 255, SEGMENT_BYTES);
	n = ho_sock_send(t->s[0], t->datagrams[0], bytes, sizeof(bytes), 0);
	must(t, n == (ptrdiff_t)sizeof(bytes) || n == -ECONNREFUSED || n == -EHOSTUNREACH);
	t->bursts += n > 0;
}

static void datagrams_read(struct row *t)
{
	uint8_t bytes[2 * SEGMENT_BYTES];
	ptrdiff_t n;

	while ((n = ho_sock_recv(t->s[t->hosts - 1], t->datagrams[1], bytes, sizeof(bytes), 0)) >= 0) {
		must(t, n == SEGMENT_BYTES);
		for (ptrdiff_t i = 1; i < n; i++)
			must(t, bytes[i] == bytes[0]);
		t->segments++;
	}
	must(t, n == -EAGAIN);
}

static void no_datagram_is_missing(struct row *t)
{
	ho_world_run(t->w, ho_world_now(t->w) + 10 * HO_SEC, false);
	datagrams_read(t);
	t->bursts = t->segments = 0;
	for (int i = 0; i < 5; i++)
		burst_send(t);
	ho_world_run(t->w, ho_world_now(t->w) + HO_SEC, false);
	datagrams_read(t);
	must(t, t->bursts == 5 && t->segments == 5 * BURST_SEGMENTS);
}

/* ---- noise ---- */

static void be16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void be32(uint8_t *p, uint32_t v)
{
	be16(p, v >> 16);
	be16(p + 2, v & 0xffff);
}

static void sum_fill(uint8_t *field, const uint8_t *bytes, size_t len_bytes)
{
	uint16_t sum;

	be16(field, 0);
	sum = csum_fold(csum_partial(bytes, len_bytes));
	memcpy(field, &sum, 2);
}

static uint32_t addr_draw(struct row *t)
{
	uint32_t wire = below(t, (uint32_t)t->hosts);

	return wire == 0 ? NOWHERE : net_of((int)wire - 1) + 1 + below(t, 4);
}

/* An ICMP message or a UDP packet of any kind, between any addresses, with a TTL that may end on the way. */
static void noise_make(struct row *t)
{
	int to = (int)below(t, (uint32_t)t->hosts), link = to > 0 && to < t->hosts - 1 ? (int)below(t, 2) : 0;
	uint32_t l4_bytes = below(t, 8) == 0 ? below(t, 8) : 8 + below(t, below(t, 4) == 0 ? 1400 : 60);
	bool icmp = below(t, 3) > 0;
	uint8_t p[20 + 1500] = {0x45}, *l4 = p + 20;

	be16(p + 2, 20 + l4_bytes);
	be16(p + 4, below(t, 65536));
	be16(p + 6, below(t, 2) ? 0x4000 : 0);
	p[8] = (uint8_t)(below(t, 3) == 0 ? 1 + below(t, 3) : 64);
	p[9] = icmp ? HO_IPPROTO_ICMP : 17;
	be32(p + 12, addr_draw(t));
	be32(p + 16, addr_draw(t));
	for (uint32_t i = 0; i < l4_bytes; i++)
		l4[i] = (uint8_t)below(t, 256);
	if (icmp && l4_bytes >= 4) {
		static const uint8_t types[] = {8, 8, 8, 0, 3, 11, 5, 13, 17, 4, 12, 42, 200};

		l4[0] = types[below(t, sizeof(types))];
		if (below(t, 4) > 0)
			sum_fill(l4 + 2, l4, l4_bytes);
	}
	sum_fill(p + 10, p, 20);
	must(t, ho_world_inject_link(t->w, to, link, p, 20 + l4_bytes, 0) == 0);
	t->noise++;
}

/* ---- the play ---- */

static bool finished(const struct row *t)
{
	for (int i = 0; i < 2; i++)
		if (!t->end[i].saw_end || !t->end[i].shut || ho_sock_outq(t->s[t->end[i].host], t->end[i].fd) > 0)
			return false;
	return true;
}

static void play(struct row *t, ho_time_ns until, bool noisy)
{
	ho_time_ns loud_at = noisy ? ho_world_now(t->w) : HO_NEVER;

	while (ho_world_now(t->w) < until && !finished(t)) {
		struct ho_event e;
		int host;

		ho_world_run(t->w, loud_at < until ? loud_at : until, true);
		while (ho_world_event(t->w, &host, &e))
			;
		ends_work(t);
		if (ho_world_now(t->w) < loud_at)
			continue;
		noise_make(t);
		burst_send(t);
		datagrams_read(t);
		loud_at = ho_world_now(t->w) + below(t, 50) * HO_MS;
	}
}

static void faults_end(struct row *t)
{
	struct ho_wire_config good = {.delay_ns = HO_MS};

	for (int i = 0; i < t->hosts; i++)
		for (int link = 0; link < (i > 0 && i < t->hosts - 1 ? 2 : 1); link++)
			must(t, ho_world_wire_set_link(t->w, i, link, &good) == 0);
}

struct outcome {
	uint64_t digest, frames, forwarded, noise;
};

static void routers_forward_and_keep_nothing(struct row *t, struct outcome *o)
{
	for (int i = 1; i < t->hosts - 1; i++) {
		struct ho_memory m;

		must(t, ho_counter_get(t->s[i], HO_IpForwDatagrams) > 0);
		must(t, ho_counter_get(t->s[i], HO_IpForwDatagrams) <= ho_counter_get(t->s[i], HO_IpInReceives));
		ho_stack_memory(t->s[i], &m);
		must(t, m.socks == 0 && m.ehash_count == 0);
		o->forwarded += ho_counter_get(t->s[i], HO_IpForwDatagrams);
	}
}

static void sums_hold(struct row *t)
{
	for (int i = 0; i < t->hosts; i++)
		must(t, icmp_sums_hold(t->s[i]) && fragment_sums_hold(t->s[i]));
}

static struct outcome seed_run(uint64_t seed)
{
	struct outcome o = {0};
	struct row t;

	row_open(&t, seed);
	ends_open(&t);
	datagrams_open(&t);
	play(&t, ACT_1_NS, true);
	sums_hold(&t);
	faults_end(&t);
	play(&t, ACT_1_NS + ACT_2_NS, false);
	must(&t, finished(&t));
	must(&t, t.end[0].read == t.end[0].expects && t.end[1].read == t.end[1].expects);
	no_datagram_is_missing(&t);
	routers_forward_and_keep_nothing(&t, &o);
	sums_hold(&t);
	o.digest = ho_world_digest(t.w);
	o.frames = ho_world_frames(t.w);
	o.noise = t.noise;
	if (talk)
		print_message("seed %llu: digest %016llx, %llu frames, %llu forwarded, done at %.3f s\n",
		              (unsigned long long)seed, (unsigned long long)o.digest, (unsigned long long)o.frames,
		              (unsigned long long)o.forwarded, (double)ho_world_now(t.w) / 1e9);
	ho_world_close(t.w);
	return o;
}

static void rows_of_networks_carry_every_byte_and_repeat_themselves(void **state)
{
	struct outcome all = {0};

	(void)state;
	for (uint64_t seed = first_seed; seed <= last_seed; seed++) {
		struct outcome once = seed_run(seed), again = seed_run(seed);

		if (once.digest != again.digest || once.frames != again.frames)
			fail_msg("seed %llu does not repeat itself", (unsigned long long)seed);
		all.frames += once.frames;
		all.forwarded += once.forwarded;
		all.noise += once.noise;
	}
	print_message("%llu frames, %llu forwarded, %llu of noise\n", (unsigned long long)all.frames,
	              (unsigned long long)all.forwarded, (unsigned long long)all.noise);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_of_networks_carry_every_byte_and_repeat_themselves),
	};

	program = argv[0];
	if (argc > 1) {
		first_seed = last_seed = strtoull(argv[1], NULL, 10);
		talk = true;
	}
	if (argc > 2)
		last_seed = strtoull(argv[2], NULL, 10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
