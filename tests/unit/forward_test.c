/* SPDX-License-Identifier: MIT
 * A packet for somebody else: passed on, or its sender is told why not.  Counters as a router of Linux 6.18 between two
 * namespaces showed them. */
#include <errno.h>

#include "net_lab.h"

#define FIRST_BYTES " IpInReceives 1 IpExtInNoECTPkts 1 "
#define ICMP_OUT " IpOutRequests 1 IpOutTransmits 1 IcmpOutMsgs 1 "
#define IP_DF 0x4000

static struct bytes datagram(uint32_t daddr, uint16_t len)
{
	return udp_make((struct udp_fields){.ip = {.daddr = daddr}, .len = len});
}

static struct bytes datagram_df(uint32_t daddr, uint16_t len)
{
	return udp_make((struct udp_fields){.ip = {.daddr = daddr, .frag = IP_DF}, .len = len});
}

/* ---- passed on ---- */

static void a_packet_for_another_link_goes_out_there_with_less_time_to_live(void **state)
{
	struct lab l = router_open((struct lab_options){0}, (struct ho_link_config){0});
	struct bytes in = datagram(FAR, 100), out;

	(void)state;
	net_in(&l, 0, in);
	out = net_out(&l, 1);
	assert_int_equal(out.len, in.len);
	assert_int_equal(out.at[8], 63);
	assert_true(ip_sum_is_right(out.at));
	in.at[8] = 63;
	memcpy(in.at + 10, out.at + 10, 2);
	assert_memory_equal(in.at, out.at, in.len);
	lab_deltas(&l, FIRST_BYTES "IpForwDatagrams 1 IpOutTransmits 1 IpExtInOctets 128 IpExtOutOctets 128");
	net_nothing(&l);
	lab_close(&l);
}

/* A drop at FORWARD: as measured, after IpForwDatagrams and before IpOutTransmits. */
static void a_forward_rule_drops_what_has_a_way_on_and_nothing_else(void **state)
{
	struct lab l = router_open((struct lab_options){0}, (struct ho_link_config){0});
	struct ho_rule r = {.hook = HO_HOOK_FORWARD, .protocol = 17, .dport = {true, 2000, 2000}, .in = "eth0", .out = "eth1"};

	(void)state;
	assert_int_equal(ho_rule_add(l.s, &r), 0);
	net_in(&l, 0, udp_make((struct udp_fields){.ip = {.daddr = FAR}, .dport = 2000, .len = 1}));
	lab_deltas(&l, FIRST_BYTES "IpForwDatagrams 1 IpExtInOctets 29");
	net_nothing(&l);
	net_in(&l, 0, udp_make((struct udp_fields){.ip = {.daddr = FAR}, .dport = 2001, .len = 1}));
	assert_int_equal(net_out(&l, 1).len, 29);
	lab_close(&l);
}

static void a_forward_rule_may_reject_with_an_icmp_error(void **state)
{
	struct lab l = router_open((struct lab_options){0}, (struct ho_link_config){0});
	struct ho_rule r = {.hook = HO_HOOK_FORWARD, .action = HO_RULE_REJECT};
	struct bytes out;

	(void)state;
	assert_int_equal(ho_rule_add(l.s, &r), 0);
	net_in(&l, 0, datagram(FAR, 10));
	out = net_out(&l, 0);
	assert_int_equal(out.at[20], 3);
	assert_int_equal(out.at[21], 3);
	assert_int_equal(out.at[28 + 8], 63); /* it quotes the packet on its way out */
	net_nothing(&l);
	lab_close(&l);
}

static void every_header_sum_is_right_after_the_time_to_live_went_down(void **state)
{
	struct lab l = router_open((struct lab_options){0}, (struct ho_link_config){0});

	(void)state;
	for (uint32_t i = 0; i < 5000; i++) {
		struct bytes b = ip_make((struct ip_fields){.daddr = FAR,
		                                            .protocol = (uint8_t)(200 + i % 7),
		                                            .tos = (uint8_t)(i * 37),
		                                            .ttl = (uint8_t)(2 + i % 254),
		                                            .len = 8});

		put16(b.at + 4, (uint16_t)(i * 13)); /* identification: every sum there is */
		put16(b.at + 10, 0);
		sum_store(b.at + 10, csum_partial(b.at, 20));
		net_in(&l, 0, b);
		b = net_out(&l, 1);
		assert_true(ip_sum_is_right(b.at));
	}
	lab_close(&l);
}

static void a_long_packet_goes_on_by_reference_and_its_frame_lives_as_long(void **state)
{
	struct lab l = router_open((struct lab_options){0}, (struct ho_link_config){0});
	struct bytes in = datagram(FAR, 1200);
	struct ho_frame *f = ho_frame_make(&l.al, in.at, in.len), *out;
	const uint8_t *payload = f->slice[0].data + 28;

	(void)state;
	ho_frame_ref(f);
	ho_stack_input_link(l.s, 0, f, ho_stack_now(l.s));
	out = ho_stack_output_link(l.s, 1);
	assert_non_null(out);
	assert_int_equal(out->slice_count, 2);
	assert_ptr_equal(out->slice[1].data, payload);
	assert_int_equal(f->refs, 2); /* ours, and that of what is going out */
	ho_frame_unref(out);
	assert_int_equal(f->refs, 1);
	ho_frame_unref(f);
	lab_close(&l);
}

static void a_frame_in_many_pieces_goes_on(void **state)
{
	struct lab l = router_open((struct lab_options){0}, (struct ho_link_config){0});
	struct bytes in = datagram(FAR, 1400), out;

	(void)state;
	for (uint32_t pieces = 2; pieces <= HO_FRAME_SLICES_MAX; pieces++) {
		struct ho_frame *f = ho_frame_make(&l.al, in.at, in.len);
		const uint8_t *at = f->slice[0].data;
		uint32_t step = in.len / pieces;

		f->slice_count = (uint16_t)pieces;
		for (uint32_t i = 0; i < pieces; i++)
			f->slice[i] = (struct ho_slice){at + i * step, i + 1 < pieces ? step : in.len - i * step};
		ho_stack_input_link(l.s, 0, f, ho_stack_now(l.s));
		out = net_out(&l, 1);
		assert_int_equal(out.len, in.len);
		assert_memory_equal(out.at + 20, in.at + 20, in.len - 20);
	}
	lab_close(&l);
}

static void bytes_behind_the_packet_stay_behind(void **state)
{
	struct lab l = router_open((struct lab_options){0}, (struct ho_link_config){0});
	struct bytes in = datagram(FAR, 100);

	(void)state;
	in.len += 30;
	net_in(&l, 0, in);
	assert_int_equal(net_out(&l, 1).len, 128);
	in = datagram(FAR, 1000);
	in.len += 30;
	net_in(&l, 0, in);
	assert_int_equal(net_out(&l, 1).len, 1028);
	lab_close(&l);
}

static void the_longest_prefix_and_its_gateway_decide(void **state)
{
	struct lab l = router_open((struct lab_options){0}, (struct ho_link_config){0});
	struct ho_link_config third = {.mtu = 1500, .out_queue_max = 10};

	(void)state;
	assert_int_equal(ho_link_add(l.s, &third), 2);
	assert_int_equal(net_addr(&l, 2, HO_ADDR(198, 18, 9, 1), 24), 0);
	assert_int_equal(net_route(&l, HO_ADDR(203, 0, 113, 0), 24, HO_ROUTE_UNICAST, FAR, -1), 0);
	assert_int_equal(net_route(&l, BEYOND, 32, HO_ROUTE_UNICAST, HO_ADDR(198, 18, 9, 9), -1), 0);
	net_in(&l, 0, datagram(BEYOND, 10));
	assert_int_equal(net_out(&l, 2).len, 38);
	net_in(&l, 0, datagram(BEYOND + 1, 10));
	assert_int_equal(net_out(&l, 1).len, 38);
	net_nothing(&l);
	lab_close(&l);
}

static void a_change_of_routes_counts_at_once(void **state)
{
	struct lab l = router_open((struct lab_options){0}, (struct ho_link_config){0});
	struct ho_route r = {.dst = BEYOND, .prefix_len = 32, .link = 1};

	(void)state;
	assert_int_equal(ho_route_add(l.s, &r), 0);
	net_in(&l, 0, datagram(BEYOND, 10));
	net_out(&l, 1);
	assert_int_equal(ho_route_del(l.s, &r), 0);
	net_in(&l, 0, datagram(BEYOND, 10));
	net_error(&l, 0, 3, 0);
	assert_int_equal(ho_route_add(l.s, &r), 0);
	net_in(&l, 0, datagram(BEYOND, 10));
	net_out(&l, 1);
	net_sysctl(&l, "net.ipv4.ip_forward", "0");
	net_in(&l, 0, datagram(BEYOND, 10));
	net_nothing(&l);
	lab_close(&l);
}

static void icmp_errors_of_others_go_on_too(void **state)
{
	struct lab l = router_open((struct lab_options){0}, (struct ho_link_config){0});
	struct bytes quoted = datagram(HOST, 8), out;

	(void)state;
	net_in(&l, 0,
	       icmp_make(
		       (struct icmp_fields){.ip = {.daddr = FAR}, .type = 3, .code = 1, .data = quoted.at, .len = 28}));
	out = net_out(&l, 1);
	assert_int_equal(out.at[20], 3);
	lab_deltas(&l, FIRST_BYTES "IpForwDatagrams 1 IpOutTransmits 1 IpExtInOctets 56 IpExtOutOctets 56");
	lab_close(&l);
}

static void steady_state_allocates_nothing(void **state)
{
	struct lab l = router_open((struct lab_options){0}, (struct ho_link_config){0});
	struct bytes in = datagram(FAR, 1200);
	uint64_t calls = 0;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		net_in(&l, 0, in); /* one call, for the frame that comes */
		net_out(&l, 1);
		if (i == 10)
			calls = l.heap->calls;
	}
	assert_int_equal(l.heap->calls, calls + 989);
	lab_close(&l);
}

/* ---- not passed on ---- */

static void forwarding_off_counts_in_addr_errors(void **state)
{
	struct lab l = net_open((struct lab_options){0}, (struct ho_link_config){0});

	(void)state;
	lab_mark(&l);
	net_in(&l, 0, datagram(FAR, 0));
	lab_deltas(&l, FIRST_BYTES "IpInAddrErrors 1 IpExtInOctets 28");
	net_in(&l, 0, datagram(BEYOND, 0));
	lab_deltas(&l, FIRST_BYTES "IpInAddrErrors 1 IpExtInOctets 28");
	assert_int_equal(net_route(&l, BEYOND, 32, HO_ROUTE_UNREACHABLE, 0, -1), 0);
	net_in(&l, 0, datagram(BEYOND, 0));
	lab_deltas(&l, FIRST_BYTES "IpInAddrErrors 1 IpExtInOctets 28");
	net_nothing(&l);
	lab_close(&l);
}

static void the_last_hop_of_a_packet_is_told(void **state)
{
	struct lab l = router_open((struct lab_options){0}, (struct ho_link_config){0});
	struct bytes in = udp_make((struct udp_fields){.ip = {.daddr = FAR, .ttl = 1}, .len = 100}), out;

	(void)state;
	net_in(&l, 0, in);
	out = net_error(&l, 0, 11, 0);
	assert_int_equal(get32(out.at + 12), HOST);
	assert_memory_equal(out.at + 28, in.at, in.len);
	lab_deltas(&l, FIRST_BYTES ICMP_OUT
	           "IpInHdrErrors 1 IcmpOutTimeExcds 1 IcmpMsgOutType11 1 IpExtInOctets 128 IpExtOutOctets 156");
	net_nothing(&l);
	lab_close(&l);
}

static void a_packet_that_must_not_be_cut_tells_the_mtu(void **state)
{
	struct lab l = router_open((struct lab_options){0}, (struct ho_link_config){.mtu = 1000});
	struct bytes out;

	(void)state;
	net_in(&l, 0, datagram_df(FAR, 972));
	assert_int_equal(net_out(&l, 1).len, 1000);
	lab_mark(&l);
	net_in(&l, 0, datagram_df(FAR, 973));
	out = net_error(&l, 0, 3, 4);
	assert_int_equal(get32(out.at + 24), 1000);
	lab_deltas(
		&l, FIRST_BYTES ICMP_OUT
		"IpForwDatagrams 1 IpFragFails 1 IcmpOutDestUnreachs 1 IcmpMsgOutType3 1 IpExtInOctets 1001 IpExtOutOctets 576");
	net_nothing(&l);
	lab_close(&l);
}

static void a_packet_that_may_be_cut_goes_on_in_fragments(void **state)
{
	struct lab l = router_open((struct lab_options){0}, (struct ho_link_config){.mtu = 1000});
	struct bytes in = datagram(FAR, 1200), first, second;

	(void)state;
	net_in(&l, 0, in);
	first = net_out(&l, 1);
	second = net_out(&l, 1);
	net_nothing(&l);
	assert_int_equal(first.len, 20 + 976);
	assert_int_equal(second.len, 20 + 1208 - 976);
	assert_int_equal(get16(first.at + 6), 0x2000);
	assert_int_equal(get16(second.at + 6), 976 / 8);
	assert_int_equal(second.at[8], 63);
	assert_true(ip_sum_is_right(first.at) && ip_sum_is_right(second.at));
	assert_memory_equal(first.at + 20, in.at + 20, 976);
	assert_memory_equal(second.at + 20, in.at + 996, 1208 - 976);
	lab_deltas(&l, FIRST_BYTES "IpForwDatagrams 1 IpFragOKs 1 IpFragCreates 2 IpOutTransmits 2 IpExtInOctets 1228 "
	                           "IpExtOutOctets 1248");
	lab_close(&l);
}

/* Ours is written when the packet comes, and that of the other link when it goes. */
static void the_way_of_a_packet_is_recorded(void **state)
{
	static const uint8_t record_route[12] = {7, 11, 4}, timestamps[12] = {68, 12, 5, 1};
	struct lab l = router_open((struct lab_options){0}, (struct ho_link_config){0});
	struct bytes out;

	(void)state;
	net_in(&l, 0,
	       ip_make((struct ip_fields){
		       .daddr = FAR, .protocol = 200, .options = record_route, .options_len = 12, .len = 8}));
	out = net_out(&l, 1);
	assert_int_equal(out.at[22], 8);
	assert_int_equal(get32(out.at + 23), OUR_FAR);
	assert_true(ip_sum_is_right(out.at));
	net_in(&l, 0,
	       ip_make((struct ip_fields){
		       .daddr = FAR, .protocol = 200, .options = timestamps, .options_len = 12, .len = 8}));
	out = net_out(&l, 1);
	assert_int_equal(out.at[22], 13);
	assert_int_equal(get32(out.at + 24), OUR_FAR);
	assert_true(ip_sum_is_right(out.at));
	lab_close(&l);
}

static void a_routes_mtu_counts_and_what_routers_said_only_if_asked_for(void **state)
{
	struct lab l = router_open((struct lab_options){0}, (struct ho_link_config){0});
	struct ho_route r = {.dst = BEYOND, .prefix_len = 32, .link = 1, .mtu = 900};

	(void)state;
	assert_int_equal(ho_route_add(l.s, &r), 0);
	net_in(&l, 0, datagram_df(BEYOND, 900));
	assert_int_equal(get32(net_error(&l, 0, 3, 4).at + 24), 900);
	pmtu_update(l.s, FAR, 700);
	net_in(&l, 0, datagram_df(FAR, 900));
	assert_int_equal(net_out(&l, 1).len, 928);
	net_sysctl(&l, "net.ipv4.ip_forward_use_pmtu", "1");
	net_in(&l, 0, datagram_df(FAR, 900));
	assert_int_equal(get32(net_error(&l, 0, 3, 4).at + 24), 700);
	lab_close(&l);
}

static void no_route_is_net_unreachable_and_counts_in_no_routes(void **state)
{
	struct lab l = router_open((struct lab_options){0}, (struct ho_link_config){0});

	(void)state;
	net_in(&l, 0, datagram(BEYOND, 0));
	net_error(&l, 0, 3, 0);
	lab_deltas(&l, FIRST_BYTES ICMP_OUT
	           "IpExtInNoRoutes 1 IcmpOutDestUnreachs 1 IcmpMsgOutType3 1 IpExtInOctets 28 IpExtOutOctets 56");
	lab_close(&l);
}

static void routes_that_refuse_have_their_own_words_and_no_counter(void **state)
{
	static const struct {
		uint8_t type;
		int code;
	} refusals[] = {{HO_ROUTE_UNREACHABLE, 1}, {HO_ROUTE_PROHIBIT, 13}, {HO_ROUTE_BLACKHOLE, -1}};

	(void)state;
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		struct lab l = router_open((struct lab_options){0}, (struct ho_link_config){0});

		assert_int_equal(net_route(&l, BEYOND, 32, refusals[i].type, 0, -1), 0);
		lab_mark(&l);
		net_in(&l, 0, datagram(BEYOND, 0));
		if (refusals[i].code >= 0) {
			net_error(&l, 0, 3, (uint8_t)refusals[i].code);
			lab_deltas(&l, FIRST_BYTES ICMP_OUT
			           "IcmpOutDestUnreachs 1 IcmpMsgOutType3 1 IpExtInOctets 28 IpExtOutOctets 56");
		} else {
			lab_deltas(&l, FIRST_BYTES "IpExtInOctets 28");
		}
		net_nothing(&l);
		lab_close(&l);
	}
}

/* The account that pays for it is that of all ICMP to this host: 5 s of it at most before, one second each. */
static void errors_about_routes_are_rationed_by_their_destination(void **state)
{
	struct lab l = router_open((struct lab_options){0}, (struct ho_link_config){0});

	(void)state;
	for (int i = 0; i < 8; i++)
		net_in(&l, 0, datagram(BEYOND, 0));
	lab_counted(&l, IpExtInNoRoutes, 8);
	lab_counted(&l, IcmpOutMsgs, 2); /* each of them pays twice: here and in icmp_send_error */
	lab_counted(&l, IcmpOutRateLimitHost, 1);
	net_run(&l, 2000);
	net_in(&l, 0, datagram(BEYOND, 0));
	lab_counted(&l, IcmpOutMsgs, 3);
	lab_close(&l);
}

static void what_everybody_hears_is_not_passed_on(void **state)
{
	struct lab l = router_open((struct lab_options){0}, (struct ho_link_config){0});

	(void)state;
	net_in(&l, 0, datagram(HO_ADDR(198, 18, 7, 255), 0)); /* another link's broadcast: for us */
	lab_counted(&l, UdpIgnoredMulti, 1);
	net_in(&l, 0, datagram(HO_ADDR(224, 1, 2, 3), 0));
	net_in(&l, 0, datagram(UINT32_MAX, 0));
	lab_counted(&l, IpForwDatagrams, 0);
	net_nothing(&l);
	lab_close(&l);
}

static void rules_of_forward_see_both_links(void **state)
{
	struct lab l = router_open((struct lab_options){0}, (struct ho_link_config){0});
	struct ho_rule drop = {.hook = HO_HOOK_FORWARD, .action = HO_RULE_DROP, .in = "eth0", .out = "eth1"};

	(void)state;
	assert_int_equal(ho_rule_add(l.s, &drop), 0);
	net_in(&l, 0, datagram(FAR, 0));
	lab_deltas(&l, FIRST_BYTES "IpForwDatagrams 1 IpExtInOctets 28");
	net_in(&l, 1, udp_make((struct udp_fields){.ip = {.saddr = FAR, .daddr = PEER_ADDR}}));
	assert_int_equal(net_out(&l, 0).len, 28);
	net_nothing(&l);
	lab_close(&l);
}

static void a_full_link_drops_and_counts_nothing(void **state)
{
	struct lab l = router_open((struct lab_options){0}, (struct ho_link_config){.out_queue_max = 1});

	(void)state;
	net_in(&l, 0, datagram(FAR, 0));
	net_in(&l, 0, datagram(FAR, 0));
	lab_deltas(
		&l,
		"IpInReceives 2 IpExtInNoECTPkts 2 IpForwDatagrams 2 IpOutTransmits 2 IpExtInOctets 56 IpExtOutOctets 56");
	net_out(&l, 1);
	net_nothing(&l);
	lab_close(&l);
}

/* ---- facts of frames ---- */

#define SUPER_PAYLOAD 3000u
#define SUPER_MSS 1000u

/* A super-frame of three packets, its checksum still to be filled. */
static struct ho_frame *super_frame(struct lab *l, bool df)
{
	static uint8_t bytes[40 + SUPER_PAYLOAD];
	struct ho_frame *f;
	uint16_t sum;

	for (size_t i = 40; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7);
	memcpy(bytes,
	       ip_make((struct ip_fields){.daddr = FAR, .protocol = IP_PROTO_TCP, .frag = df ? IP_DF : 0, .len = 20})
	               .at,
	       40);
	put16(bytes + 2, sizeof(bytes));
	put16(bytes + 10, 0);
	sum_store(bytes + 10, csum_partial(bytes, 20));
	memset(bytes + 20, 0, 20);
	put16(bytes + 20, 1000);
	put16(bytes + 22, 2000);
	bytes[32] = 0x50;
	bytes[33] = TCP_ACK | TCP_PSH;
	sum = csum_fold_plain(csum_pseudo(PEER_ADDR, FAR, IP_PROTO_TCP, 20 + SUPER_PAYLOAD));
	memcpy(bytes + 36, &sum, 2);
	f = ho_frame_make(&l->al, bytes, sizeof(bytes));
	assert_non_null(f);
	f->csum = HO_CSUM_PARTIAL;
	f->csum_start = 20;
	f->csum_offset = 16;
	f->gso = HO_GSO_TCPV4;
	f->gso_size = SUPER_MSS;
	f->gso_segs = 3;
	return f;
}

static bool tcp_sum_is_right(const struct bytes *b)
{
	return csum_fold(csum_add(csum_pseudo(get32(b->at + 12), get32(b->at + 16), IP_PROTO_TCP, b->len - 20),
	                          csum_partial(b->at + 20, b->len - 20))) == 0;
}

static void a_super_frame_stays_one_where_the_link_takes_it(void **state)
{
	struct lab l = router_open((struct lab_options){0}, (struct ho_link_config){.flags = HO_LINK_TSO});
	struct ho_frame *f;

	(void)state;
	ho_stack_input_link(l.s, 0, super_frame(&l, true), ho_stack_now(l.s));
	f = ho_stack_output_link(l.s, 1);
	assert_non_null(f);
	assert_int_equal(f->gso, HO_GSO_TCPV4);
	assert_int_equal(f->gso_segs, 3);
	assert_int_equal(f->csum, HO_CSUM_PARTIAL);
	assert_int_equal(f->hdr_len, 40);
	lab_deltas(
		&l,
		"IpInReceives 1 IpExtInNoECTPkts 3 IpForwDatagrams 1 IpOutTransmits 1 IpExtInOctets 3040 IpExtOutOctets 3040");
	ho_frame_unref(f);
	lab_close(&l);
}

static void a_super_frame_is_cut_where_the_link_does_not(void **state)
{
	struct lab l = router_open((struct lab_options){0}, (struct ho_link_config){0});

	(void)state;
	ho_stack_input_link(l.s, 0, super_frame(&l, true), ho_stack_now(l.s));
	for (uint32_t i = 0; i < 3; i++) {
		struct bytes b = net_out(&l, 1);

		assert_int_equal(b.len, 40 + SUPER_MSS);
		assert_int_equal(b.at[8], 63);
		assert_true(ip_sum_is_right(b.at));
		assert_true(tcp_sum_is_right(&b));
		assert_int_equal(get32(b.at + 24), i * SUPER_MSS);
		assert_int_equal(b.at[33], i == 2 ? TCP_ACK | TCP_PSH : TCP_ACK);
		assert_int_equal(b.at[40], (uint8_t)((40 + i * SUPER_MSS) * 7));
	}
	net_nothing(&l);
	lab_close(&l);
}

static void datagrams_in_one_frame_are_cut_for_a_link_that_takes_none(void **state)
{
	struct lab l = router_open((struct lab_options){0}, (struct ho_link_config){0});
	struct bytes in = datagram(FAR, 1300);
	uint16_t sum = csum_fold_plain(csum_pseudo(PEER_ADDR, FAR, IP_PROTO_UDP, 1308));
	struct ho_frame *f;

	(void)state;
	memcpy(in.at + 26, &sum, 2);
	f = ho_frame_make(&l.al, in.at, in.len);
	f->csum = HO_CSUM_PARTIAL;
	f->csum_start = 20;
	f->csum_offset = 6;
	f->gso = HO_GSO_UDPV4;
	f->gso_size = 500;
	f->gso_segs = 3;
	ho_stack_input_link(l.s, 0, f, ho_stack_now(l.s));
	for (uint32_t i = 0; i < 3; i++) {
		struct bytes b = net_out(&l, 1);

		assert_int_equal(b.len, 28 + (i < 2 ? 500 : 300));
		assert_int_equal(get16(b.at + 24), b.len - 20);
		assert_int_equal(csum_fold(csum_add(csum_pseudo(PEER_ADDR, FAR, IP_PROTO_UDP, b.len - 20),
		                                    csum_partial(b.at + 20, b.len - 20))),
		                 0);
	}
	net_nothing(&l);
	lab_close(&l);
}

static void of_a_super_frame_its_packets_must_fit(void **state)
{
	struct lab l = router_open((struct lab_options){0}, (struct ho_link_config){.mtu = 1039});

	(void)state;
	ho_stack_input_link(l.s, 0, super_frame(&l, true), ho_stack_now(l.s));
	assert_int_equal(get32(net_error(&l, 0, 3, 4).at + 24), 1039);
	lab_counted(&l, IpFragFails, 1);
	net_nothing(&l);
	lab_close(&l);
}

static void a_checksum_left_open_is_filled_for_a_link_that_does_not(void **state)
{
	struct lab l = router_open((struct lab_options){0}, (struct ho_link_config){0});
	struct bytes in = datagram(FAR, 300), out;
	struct ho_frame *f;
	uint16_t sum = csum_fold_plain(csum_pseudo(PEER_ADDR, FAR, IP_PROTO_UDP, 308)), right;

	(void)state;
	memcpy(&right, in.at + 26, 2);
	memcpy(in.at + 26, &sum, 2);
	f = ho_frame_make(&l.al, in.at, in.len);
	f->csum = HO_CSUM_PARTIAL;
	f->csum_start = 20;
	f->csum_offset = 6;
	ho_stack_input_link(l.s, 0, f, ho_stack_now(l.s));
	out = net_out(&l, 1);
	assert_memory_equal(out.at + 26, &right, 2);
	lab_close(&l);
}

/* ---- memory ---- */

static uint64_t forwards_some(uint64_t fail_at)
{
	struct lab l = router_open((struct lab_options){.fail_at = fail_at}, (struct ho_link_config){.mtu = 1000});
	uint64_t calls;
	struct bytes b;

	if (l.s == NULL) {
		lab_close(&l);
		return fail_at;
	}
	for (int i = 0; i < 3; i++)
		net_in(&l, 0, datagram(FAR, 800));
	net_in(&l, 0, datagram_df(FAR, 1200));
	net_in(&l, 0, datagram(BEYOND, 0));
	while (net_take(&l, 0, &b)) {
	}
	while (net_take(&l, 1, &b)) {
	}
	calls = l.heap->calls;
	lab_close(&l);
	return calls;
}

static void any_refused_allocation_costs_a_packet_at_most(void **state)
{
	(void)state;
	for (uint64_t n = 1; forwards_some(n) >= n; n++)
		assert_true(n < 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_packet_for_another_link_goes_out_there_with_less_time_to_live),
		cmocka_unit_test(a_forward_rule_drops_what_has_a_way_on_and_nothing_else),
		cmocka_unit_test(a_forward_rule_may_reject_with_an_icmp_error),
		cmocka_unit_test(every_header_sum_is_right_after_the_time_to_live_went_down),
		cmocka_unit_test(a_long_packet_goes_on_by_reference_and_its_frame_lives_as_long),
		cmocka_unit_test(a_frame_in_many_pieces_goes_on),
		cmocka_unit_test(bytes_behind_the_packet_stay_behind),
		cmocka_unit_test(the_longest_prefix_and_its_gateway_decide),
		cmocka_unit_test(a_change_of_routes_counts_at_once),
		cmocka_unit_test(icmp_errors_of_others_go_on_too),
		cmocka_unit_test(steady_state_allocates_nothing),
		cmocka_unit_test(forwarding_off_counts_in_addr_errors),
		cmocka_unit_test(the_last_hop_of_a_packet_is_told),
		cmocka_unit_test(a_packet_that_must_not_be_cut_tells_the_mtu),
		cmocka_unit_test(a_packet_that_may_be_cut_goes_on_in_fragments),
		cmocka_unit_test(the_way_of_a_packet_is_recorded),
		cmocka_unit_test(a_routes_mtu_counts_and_what_routers_said_only_if_asked_for),
		cmocka_unit_test(no_route_is_net_unreachable_and_counts_in_no_routes),
		cmocka_unit_test(routes_that_refuse_have_their_own_words_and_no_counter),
		cmocka_unit_test(errors_about_routes_are_rationed_by_their_destination),
		cmocka_unit_test(what_everybody_hears_is_not_passed_on),
		cmocka_unit_test(rules_of_forward_see_both_links),
		cmocka_unit_test(a_full_link_drops_and_counts_nothing),
		cmocka_unit_test(a_super_frame_stays_one_where_the_link_takes_it),
		cmocka_unit_test(a_super_frame_is_cut_where_the_link_does_not),
		cmocka_unit_test(datagrams_in_one_frame_are_cut_for_a_link_that_takes_none),
		cmocka_unit_test(of_a_super_frame_its_packets_must_fit),
		cmocka_unit_test(a_checksum_left_open_is_filled_for_a_link_that_does_not),
		cmocka_unit_test(any_refused_allocation_costs_a_packet_at_most),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
