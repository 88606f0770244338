/* SPDX-License-Identifier: MIT
 * What the addresses of a packet say on a host of several links: for us, for others, from nowhere. */
#include <errno.h>

#include "forward.h"
#include "net_lab.h"

#define MARTIAN "IpInReceives 1 IpExtInNoECTPkts 1 IpExtInOctets 28"
#define FILTERED MARTIAN " TcpExtIPReversePathFilter 1"

static struct bytes datagram(uint32_t saddr, uint32_t daddr)
{
	return udp_make((struct udp_fields){
		.ip = {.saddr = saddr, .saddr_any = saddr == 0, .daddr = daddr, .daddr_any = daddr == 0}});
}

/* Whether it comes as far as UDP, and nothing but InReceives moves if not. */
static bool delivered(struct lab *l, int link, uint32_t saddr, uint32_t daddr)
{
	bool came;
	struct bytes b;

	lab_mark(l);
	net_in(l, link, datagram(saddr, daddr));
	came = lab_moved(l, HO_IpInDelivers) != 0;
	for (int i = 0; i < 2; i++)
		while (net_take(l, i, &b)) {
		}
	if (!came)
		lab_deltas(l, MARTIAN);
	return came;
}

static void any_link_takes_packets_for_any_of_our_addresses(void **state)
{
	struct lab l = net_open((struct lab_options){0}, (struct ho_link_config){0});

	(void)state;
	assert_true(delivered(&l, 0, PEER_ADDR, HOST));
	assert_true(delivered(&l, 0, PEER_ADDR, OUR_FAR));
	assert_true(delivered(&l, 1, FAR, HOST));
	assert_true(delivered(&l, 1, FAR, HO_ADDR(198, 18, 0, 255)));
	assert_true(delivered(&l, 1, PEER_ADDR, HOST)); /* the way back is another: nobody asks */
	assert_true(delivered(&l, 1, BEYOND, HOST));    /* there is no way back at all */
	lab_close(&l);
}

static void impossible_sources_vanish(void **state)
{
	struct lab l = router_open((struct lab_options){0}, (struct ho_link_config){0});
	static const uint32_t sources[] = {
		HO_ADDR(224, 0, 0, 1), HO_ADDR(239, 1, 1, 1), UINT32_MAX, HO_ADDR(127, 0, 0, 1),
		HO_ADDR(0, 0, 0, 0),   HOST,                  OUR_FAR};
	static const uint32_t destinations[] = {HOST, OUR_FAR, FAR};

	(void)state;
	for (size_t s = 0; s < sizeof(sources) / sizeof(sources[0]); s++)
		for (size_t d = 0; d < sizeof(destinations) / sizeof(destinations[0]); d++)
			assert_false(delivered(&l, 0, sources[s], destinations[d]));
	lab_close(&l);
}

static void impossible_destinations_vanish(void **state)
{
	struct lab l = router_open((struct lab_options){0}, (struct ho_link_config){0});

	(void)state;
	assert_false(delivered(&l, 0, PEER_ADDR, HO_ADDR(127, 0, 0, 1)));
	assert_false(delivered(&l, 0, PEER_ADDR, 0));
	assert_false(delivered(&l, 0, PEER_ADDR, HO_ADDR(224, 0, 0, 5)));
	lab_close(&l);
}

static void who_has_no_address_yet_may_speak_to_everybody(void **state)
{
	struct lab l = net_open((struct lab_options){0}, (struct ho_link_config){0});

	(void)state;
	assert_true(delivered(&l, 0, 0, UINT32_MAX));
	assert_true(delivered(&l, 0, 0, 0));
	assert_true(delivered(&l, 0, 0, HO_ADDR(224, 0, 0, 1)));
	assert_true(delivered(&l, 0, HO_ADDR(0, 0, 0, 9), HOST)); /* an address as any other, since Linux 5.3 */
	lab_close(&l);
}

static void a_source_of_ours_is_believed_with_accept_local(void **state)
{
	struct lab l = net_open((struct lab_options){0}, (struct ho_link_config){0});

	(void)state;
	assert_false(delivered(&l, 0, OUR_FAR, HOST));
	net_sysctl(&l, "net.ipv4.conf.all.accept_local", "1");
	assert_true(delivered(&l, 0, OUR_FAR, HOST));
	net_sysctl(&l, "net.ipv4.conf.all.rp_filter", "1");
	lab_mark(&l);
	net_in(&l, 0, datagram(OUR_FAR, HOST));
	lab_deltas(&l, FILTERED);
	assert_true(delivered(&l, 1, OUR_FAR, HOST));
	lab_close(&l);
}

/* ---- rp_filter ---- */

static void strict_reverse_path_wants_the_way_back_on_the_same_link(void **state)
{
	struct lab l = net_open((struct lab_options){0}, (struct ho_link_config){0});

	(void)state;
	net_sysctl(&l, "net.ipv4.conf.all.rp_filter", "1");
	assert_true(delivered(&l, 0, PEER_ADDR, HOST));
	assert_true(delivered(&l, 1, FAR, HOST));
	lab_mark(&l);
	net_in(&l, 1, datagram(PEER_ADDR, HOST));
	lab_deltas(&l, FILTERED);
	net_in(&l, 0, datagram(BEYOND, HOST));
	lab_deltas(&l, FILTERED);
	assert_int_equal(net_route(&l, BEYOND, 32, HO_ROUTE_UNICAST, PEER_ADDR, -1), 0);
	assert_true(delivered(&l, 0, BEYOND, HOST));
	lab_mark(&l);
	net_in(&l, 1, datagram(BEYOND, HOST));
	lab_deltas(&l, FILTERED);
	lab_close(&l);
}

static void loose_reverse_path_wants_any_way_back(void **state)
{
	struct lab l = net_open((struct lab_options){0}, (struct ho_link_config){0});

	(void)state;
	net_sysctl(&l, "net.ipv4.conf.all.rp_filter", "2");
	assert_true(delivered(&l, 1, PEER_ADDR, HOST));
	lab_mark(&l);
	net_in(&l, 0, datagram(BEYOND, HOST));
	lab_deltas(&l, FILTERED);
	assert_int_equal(net_route(&l, BEYOND, 32, HO_ROUTE_UNREACHABLE, 0, -1), 0);
	net_in(&l, 0, datagram(BEYOND, HOST));
	lab_deltas(&l, FILTERED);
	lab_close(&l);
}

static void a_link_without_an_address_has_no_way_back(void **state)
{
	struct lab l = net_open((struct lab_options){0}, (struct ho_link_config){0});

	(void)state;
	assert_int_equal(ho_addr_del(l.s, OUR_FAR), 0);
	net_sysctl(&l, "net.ipv4.conf.all.rp_filter", "2");
	lab_mark(&l);
	net_in(&l, 1, datagram(PEER_ADDR, HOST));
	lab_deltas(&l, FILTERED);
	lab_close(&l);
}

static void reverse_path_is_asked_of_what_passes_through_too(void **state)
{
	struct lab l = router_open((struct lab_options){0}, (struct ho_link_config){0});

	(void)state;
	net_sysctl(&l, "net.ipv4.conf.all.rp_filter", "1");
	lab_mark(&l);
	net_in(&l, 0, datagram(BEYOND, FAR));
	lab_deltas(&l, FILTERED);
	net_in(&l, 0, datagram(PEER_ADDR, FAR));
	assert_int_equal(net_out(&l, 1).len, 28);
	net_sysctl(&l, "net.ipv4.conf.all.rp_filter", "0");
	net_in(&l, 0, datagram(BEYOND, FAR));
	assert_int_equal(net_out(&l, 1).len, 28);
	lab_close(&l);
}

/* ---- the table of answers, against asking anew ---- */

static uint32_t draw(uint32_t *seed)
{
	*seed = *seed * 1103515245u + 12345u;
	return *seed >> 8;
}

/* The same packet meets a router that has seen others and one that has not: with any change between, both agree. */
static void what_was_answered_before_changes_no_answer(void **state)
{
	static const uint32_t addrs[] = {HOST,
	                                 PEER_ADDR,
	                                 OUR_FAR,
	                                 FAR,
	                                 BEYOND,
	                                 BEYOND + 1,
	                                 HO_ADDR(198, 18, 7, 255),
	                                 UINT32_MAX,
	                                 HO_ADDR(224, 0, 0, 1),
	                                 HO_ADDR(127, 0, 0, 1),
	                                 0,
	                                 HO_ADDR(198, 18, 0, 77)};
	static const char *const filters[] = {"0", "1", "2"};
	struct lab l = router_open((struct lab_options){0}, (struct ho_link_config){0});
	struct ho_route r = {.dst = BEYOND, .prefix_len = 31, .link = 1};
	const struct way_in *in;
	uint32_t seed = 7;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		struct rx rx = {
			.saddr = addrs[draw(&seed) % 12], .daddr = addrs[draw(&seed) % 12], .link = draw(&seed) & 1};
		enum destination cached, fresh;
		bool redirect;
		int err;

		switch (draw(&seed) % 40) {
		case 0: net_sysctl(&l, "net.ipv4.conf.all.rp_filter", filters[draw(&seed) % 3]); break;
		case 1:
			r.link = (int)(draw(&seed) & 1);
			ho_route_add(l.s, &r);
			break;
		case 2:
			r.link = -1;
			ho_route_del(l.s, &r);
			break;
		case 3: net_sysctl(&l, "net.ipv4.ip_forward", draw(&seed) & 1 ? "1" : "0"); break;
		case 4: ho_addr_del(l.s, HO_ADDR(198, 18, 0, 77)); break;
		case 5: net_addr(&l, 0, HO_ADDR(198, 18, 0, 77), 32); break;
		default: break;
		}
		cached = ip_destination(l.s, &rx, &in);
		err = in != NULL && cached == TO_ANOTHER ? in->err : 0;
		redirect = in != NULL && in->redirect;
		memset(l.s->fib.in, 0, sizeof(l.s->fib.in));
		fresh = ip_destination(l.s, &rx, &in);
		assert_int_equal(cached, fresh);
		assert_int_equal(err, in != NULL && fresh == TO_ANOTHER ? in->err : 0);
		assert_int_equal(redirect, in != NULL && in->redirect);
		for (int k = 0; k < 5; k++) { /* others, so that there is something to remember */
			rx.saddr = addrs[draw(&seed) % 12];
			rx.daddr = addrs[draw(&seed) % 12];
			ip_destination(l.s, &rx, &in);
		}
	}
	lab_close(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_link_takes_packets_for_any_of_our_addresses),
		cmocka_unit_test(impossible_sources_vanish),
		cmocka_unit_test(impossible_destinations_vanish),
		cmocka_unit_test(who_has_no_address_yet_may_speak_to_everybody),
		cmocka_unit_test(a_source_of_ours_is_believed_with_accept_local),
		cmocka_unit_test(strict_reverse_path_wants_the_way_back_on_the_same_link),
		cmocka_unit_test(loose_reverse_path_wants_any_way_back),
		cmocka_unit_test(a_link_without_an_address_has_no_way_back),
		cmocka_unit_test(reverse_path_is_asked_of_what_passes_through_too),
		cmocka_unit_test(what_was_answered_before_changes_no_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
