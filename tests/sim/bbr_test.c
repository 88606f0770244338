/* SPDX-License-Identifier: MIT
 * BBR over a bottleneck: one sender, one receiver that reads all, a wire with a rate, a delay, a queue and loss; all in virtual
 * time from a seed. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <halfopen/sim.h>

#include "sums.h"

#define PORT 9000
#define LINK_BPS UINT64_C(10000000)
#define DELAY_NS (20 * HO_MS) /* each way */
#define BDP_BYTES (LINK_BPS / 8 * 2 * DELAY_NS / HO_SEC)

struct flow {
	struct ho_world *w;
	struct ho_stack *from, *to;
	int client, listener, server;
	uint64_t received;
	uint32_t rtt_us_max; /* of what the sender saw */
};

static void host_add(struct ho_world *w, uint32_t addr)
{
	struct ho_stack_config c;

	ho_stack_config_init(&c);
	c.addr = addr;
	assert_true(ho_world_host_add(w, "host", &c) >= 0);
}

static void cc_set(struct ho_stack *s, int fd, const char *cc)
{
	assert_int_equal(ho_sock_setopt(s, fd, HO_SOL_TCP, HO_TCP_CONGESTION, cc, strlen(cc)), 0);
}

static struct ho_tcp_info info_of(const struct flow *f)
{
	struct ho_tcp_info i;
	size_t len = sizeof(i);

	assert_int_equal(ho_sock_getopt(f->from, f->client, HO_SOL_TCP, HO_TCP_INFO, &i, &len), 0);
	return i;
}

static struct flow flow_open(uint64_t seed, const char *cc, uint32_t loss_ppm)
{
	struct ho_wire_config there = {.delay_ns = DELAY_NS, .rate_bps = LINK_BPS, .queue_bytes = 4 * BDP_BYTES,
	                               .loss_ppm = loss_ppm};
	struct ho_wire_config back = {.delay_ns = DELAY_NS};
	struct ho_endpoint any = {0, PORT}, at = {HO_ADDR(198, 18, 0, 2), PORT};
	struct flow f = {.server = -1};

	assert_int_equal(ho_world_open(seed, NULL, &f.w), 0);
	host_add(f.w, HO_ADDR(198, 18, 0, 1));
	host_add(f.w, HO_ADDR(198, 18, 0, 2));
	assert_int_equal(ho_world_wire_add(f.w, 0, 1, &there, &back), 0);
	f.from = ho_world_host(f.w, 0);
	f.to = ho_world_host(f.w, 1);
	f.listener = ho_sock_open(f.to, HO_SOCK_STREAM, HO_IPPROTO_TCP);
	assert_int_equal(ho_sock_bind(f.to, f.listener, any), 0);
	assert_int_equal(ho_sock_listen(f.to, f.listener, 1), 0);
	f.client = ho_sock_open(f.from, HO_SOCK_STREAM, HO_IPPROTO_TCP);
	cc_set(f.from, f.client, cc);
	assert_int_equal(ho_sock_connect(f.from, f.client, at), -EINPROGRESS);
	return f;
}

/* Sends as much as there is room for, and reads what has come, until a time. */
static void flow_run(struct flow *f, ho_time_ns until)
{
	static uint8_t bytes[65536];
	struct ho_event e;
	ptrdiff_t n;
	int host;

	while (ho_world_now(f->w) < until) {
		struct ho_tcp_info i;

		ho_world_run(f->w, until, true);
		while (ho_world_event(f->w, &host, &e))
			;
		if (f->server < 0)
			f->server = ho_sock_accept(f->to, f->listener, NULL);
		while (f->server >= 0 && (n = ho_sock_recv(f->to, f->server, bytes, sizeof(bytes), 0)) > 0)
			f->received += (uint64_t)n;
		while (ho_sock_send(f->from, f->client, bytes, sizeof(bytes), 0) > 0)
			;
		i = info_of(f);
		if (i.tcpi_rtt > f->rtt_us_max)
			f->rtt_us_max = i.tcpi_rtt;
	}
}

/* Payload, in parts per hundred of what the link can carry of it, from..to. */
static unsigned goodput(struct flow *f, ho_time_ns from, ho_time_ns to)
{
	uint64_t before, most = LINK_BPS / 8 * 1448 / 1500 * ((to - from) / HO_MS) / 1000;

	flow_run(f, from);
	before = f->received;
	f->rtt_us_max = 0;
	flow_run(f, to);
	return (unsigned)((f->received - before) * 100 / most);
}

static void bbr_fills_a_link_that_loses_one_packet_in_a_hundred_and_cubic_does_not(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 5; seed++) {
		struct flow bbr = flow_open(seed, "bbr", 10000), cubic = flow_open(seed, "cubic", 10000);
		unsigned of_bbr = goodput(&bbr, 2 * HO_SEC, 30 * HO_SEC), of_cubic = goodput(&cubic, 2 * HO_SEC, 30 * HO_SEC);

		print_message("seed %u: bbr %u %%, cubic %u %%\n", (unsigned)seed, of_bbr, of_cubic);
		assert_true(of_bbr >= 90);
		assert_true(of_cubic < 60);
		world_end(bbr.w);
		world_end(cubic.w);
	}
}

static void bbr_keeps_the_queue_small_where_cubic_fills_it(void **state)
{
	struct flow bbr = flow_open(1, "bbr", 0), cubic = flow_open(1, "cubic", 0);

	(void)state;
	assert_true(goodput(&bbr, 3 * HO_SEC, 9 * HO_SEC) >= 95);
	assert_true(goodput(&cubic, 3 * HO_SEC, 9 * HO_SEC) >= 95);
	print_message("smoothed rtt at most: bbr %u us, cubic %u us\n", bbr.rtt_us_max, cubic.rtt_us_max);
	assert_true(bbr.rtt_us_max < 60000);
	assert_true(cubic.rtt_us_max > 100000);
	world_end(bbr.w);
	world_end(cubic.w);
}

/* TCP_CC_INFO, and what tcp_info says of the same. */
static void the_model_knows_the_link(void **state)
{
	struct flow f = flow_open(1, "bbr", 0);
	struct ho_bbr_info m;
	struct ho_tcp_info i;
	size_t len = sizeof(m);

	(void)state;
	flow_run(&f, 5 * HO_SEC);
	assert_int_equal(ho_sock_getopt(f.from, f.client, HO_SOL_TCP, HO_TCP_CC_INFO, &m, &len), 0);
	assert_int_equal(len, sizeof(m));
	assert_in_range(m.bbr_bw_lo, LINK_BPS / 8 * 1448 / 1500 * 98 / 100, LINK_BPS / 8 * 1448 / 1500 * 102 / 100);
	assert_int_equal(m.bbr_bw_hi, 0);
	assert_in_range(m.bbr_min_rtt, 40000, 43000);
	assert_int_equal(m.bbr_cwnd_gain, 512);
	i = info_of(&f);
	assert_in_range(i.tcpi_delivery_rate, LINK_BPS / 8 * 1448 / 1500 * 90 / 100, LINK_BPS / 8 * 1448 / 1500 * 110 / 100);
	assert_int_equal(i.tcpi_delivery_rate_app_limited, 0);
	assert_in_range(i.tcpi_min_rtt, 40000, 43000);
	assert_in_range(i.tcpi_pacing_rate, LINK_BPS / 8 * 1448 / 1500 * 73 / 100, LINK_BPS / 8 * 1448 / 1500 * 126 / 100);
	world_end(f.w);
}

/* Every ten seconds four packets in flight, for 200 ms and a round trip. */
static void every_ten_seconds_the_shortest_round_trip_is_measured_again(void **state)
{
	struct flow f = flow_open(1, "bbr", 0);
	ho_time_ns began = 0, ended = 0;

	(void)state;
	for (ho_time_ns t = 5 * HO_SEC; t < 15 * HO_SEC && !ended; t += 10 * HO_MS) {
		bool probes;

		flow_run(&f, t);
		probes = info_of(&f).tcpi_snd_cwnd <= 4;
		if (probes && !began)
			began = t;
		if (!probes && began)
			ended = t;
	}
	assert_in_range(began, 10 * HO_SEC, 10 * HO_SEC + 500 * HO_MS);
	assert_in_range(ended - began, 200 * HO_MS, 400 * HO_MS);
	world_end(f.w);
}

static void the_same_seed_does_it_all_again(void **state)
{
	struct flow a = flow_open(7, "bbr", 10000), b = flow_open(7, "bbr", 10000);

	(void)state;
	flow_run(&a, 3 * HO_SEC);
	flow_run(&b, 3 * HO_SEC);
	assert_int_equal(ho_world_digest(a.w), ho_world_digest(b.w));
	world_end(a.w);
	world_end(b.w);
}

static void a_pacing_rate_of_the_programs_own_holds_for_any_algorithm(void **state)
{
	static const char *const names[] = {"cubic", "reno", "bbr"};
	uint32_t rate = 250000;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct flow f = flow_open(1, names[i], 0);
		uint64_t before;

		assert_int_equal(ho_sock_setopt(f.from, f.client, HO_SOL_SOCKET, HO_SO_MAX_PACING_RATE, &rate, sizeof(rate)), 0);
		flow_run(&f, HO_SEC);
		before = f.received;
		flow_run(&f, 9 * HO_SEC);
		assert_in_range((f.received - before) / 8, 240000, 252000);
		assert_int_equal(info_of(&f).tcpi_max_pacing_rate, rate);
		world_end(f.w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bbr_fills_a_link_that_loses_one_packet_in_a_hundred_and_cubic_does_not),
		cmocka_unit_test(bbr_keeps_the_queue_small_where_cubic_fills_it),
		cmocka_unit_test(the_model_knows_the_link),
		cmocka_unit_test(every_ten_seconds_the_shortest_round_trip_is_measured_again),
		cmocka_unit_test(the_same_seed_does_it_all_again),
		cmocka_unit_test(a_pacing_rate_of_the_programs_own_holds_for_any_algorithm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
