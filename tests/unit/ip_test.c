/* SPDX-License-Identifier: MIT
 * IPv4 in and out, held against what Linux 6.18 counted for the same packets (oracle: ip_hdr_errors, ip_addr_errors,
 * ip_ecn, icmp_out_types, udp_counters). */
#include "lab.h"

#define BROADCAST HO_ADDR(198, 18, 0, 255)

static const uint8_t zeros[1500];

/* ---- form ---- */

static void a_header_that_is_none_counts_hdr_errors(void **state)
{
	struct lab l = lab_open();
	struct bytes shorter = ip_make((struct ip_fields){.protocol = 17, .len = 16});

	(void)state;
	lab_in(&l, ip_make((struct ip_fields){.protocol = 17, .len = 16, .version = 5}));
	lab_deltas(&l, "IpInReceives 1 IpInHdrErrors 1 IpExtInOctets 36");
	lab_in(&l, ip_make((struct ip_fields){.protocol = 17, .len = 16, .ihl = 4}));
	lab_deltas(&l, "IpInReceives 1 IpInHdrErrors 1 IpExtInOctets 36");
	lab_in(&l, ip_make((struct ip_fields){.protocol = 17, .len = 16, .ihl = 15}));
	lab_deltas(&l, "IpInReceives 1 IpInHdrErrors 1 IpExtInOctets 36 IpExtInNoECTPkts 1");
	shorter.len = 10;
	lab_in(&l, shorter);
	lab_deltas(&l, "IpInReceives 1 IpInHdrErrors 1 IpExtInOctets 10");
	lab_in(&l, ip_make((struct ip_fields){.protocol = 17, .len = 16, .total = 19}));
	lab_deltas(&l, "IpInReceives 1 IpInHdrErrors 1 IpExtInOctets 36 IpExtInNoECTPkts 1");
	lab_nothing(&l);
	lab_close(&l);
}

static void a_bad_header_checksum_counts_csum_and_hdr_errors(void **state)
{
	struct lab l = lab_open();

	(void)state;
	lab_in(&l, ip_make((struct ip_fields){.protocol = 17, .len = 16, .bad_sum = 0x1111}));
	lab_deltas(&l, "IpInReceives 1 IpInHdrErrors 1 IpExtInOctets 36 IpExtInCsumErrors 1 IpExtInNoECTPkts 1");
	lab_in(&l, ip_make((struct ip_fields){.protocol = 200, .len = 16, .bad_sum = 1, .tos = 2}));
	lab_deltas(&l, "IpInReceives 1 IpInHdrErrors 1 IpExtInOctets 36 IpExtInCsumErrors 1 IpExtInECT0Pkts 1");
	lab_nothing(&l);
	lab_close(&l);
}

static void a_truncated_packet_counts_only_truncated(void **state)
{
	struct lab l = lab_open();

	(void)state;
	lab_in(&l, ip_make((struct ip_fields){.protocol = 17, .len = 16, .total = 100, .tos = 3}));
	lab_deltas(&l, "IpInReceives 1 IpExtInTruncatedPkts 1 IpExtInOctets 36 IpExtInCEPkts 1");
	lab_close(&l);
}

static void bytes_beyond_the_total_length_are_padding(void **state)
{
	struct lab l = lab_open();
	struct bytes b = udp_make((struct udp_fields){.data = "12345678", .len = 8});

	(void)state;
	b.len += 10;
	lab_in(&l, b);
	assert_int_equal(lab_out(&l)->len, 64);
	lab_deltas(&l,
	           "IpInReceives 1 IpInDelivers 1 IpOutRequests 1 IpOutTransmits 1 IcmpOutMsgs 1 IcmpOutDestUnreachs 1 "
	           "IcmpMsgOutType3 1 UdpNoPorts 1 IpExtInOctets 46 IpExtOutOctets 64 IpExtInNoECTPkts 1");
	lab_close(&l);
}

static void ecn_is_counted_by_codepoint(void **state)
{
	static const char *const names[4] = {"IpExtInNoECTPkts", "IpExtInECT1Pkts", "IpExtInECT0Pkts", "IpExtInCEPkts"};
	struct lab l = lab_open();
	char expected[200];

	(void)state;
	for (uint8_t ecn = 0; ecn < 4; ecn++) {
		lab_in(&l,
		       ip_make((struct ip_fields){.protocol = 17, .tos = 0xb8 | ecn, .daddr = HO_ADDR(198, 18, 0, 9)}));
		snprintf(expected, sizeof(expected), "IpInReceives 1 IpInAddrErrors 1 IpExtInOctets 20 %s 1",
		         names[ecn]);
		lab_deltas(&l, expected);
	}
	lab_close(&l);
}

static void a_super_frame_is_one_packet_received_but_many_marked(void **state)
{
	struct lab l = lab_open();
	struct bytes b = ip_make((struct ip_fields){.protocol = 6, .len = 1020, .daddr = HO_ADDR(198, 18, 0, 9)});
	struct ho_frame *f = ho_frame_make(&l.al, b.at, b.len);

	(void)state;
	f->gso = HO_GSO_TCPV4;
	f->gso_size = 100;
	f->gso_segs = 10;
	ho_stack_input(l.s, f, LAB_BIRTH_NS);
	lab_deltas(&l, "IpInReceives 1 IpInAddrErrors 1 IpExtInOctets 1040 IpExtInNoECTPkts 10");
	lab_close(&l);
}

/* The same packet cut anywhere has the same effect. */
static void headers_may_be_split_over_slices(void **state)
{
	struct lab l = lab_open();
	struct bytes b = udp_make((struct udp_fields){.data = "abc", .len = 3});

	(void)state;
	for (uint32_t cut = 1; cut < b.len; cut++) {
		struct ho_frame *f = ho_frame_make(&l.al, b.at, b.len);

		f->slice_count = 2;
		f->slice[1] = (struct ho_slice){f->slice[0].data + cut, b.len - cut};
		f->slice[0].len_bytes = cut;
		ho_stack_input(l.s, f, LAB_BIRTH_NS + cut * 2 * HO_SEC);
		lab_counted(&l, UdpNoPorts, 1);
		assert_int_equal(lab_out(&l)->len, 59);
		lab_mark(&l);
	}
	lab_close(&l);
}

/* ---- addresses ---- */

static void expect_silence(struct lab *l, struct ip_fields f, const char *more)
{
	char expected[200];

	f.protocol = 17;
	f.len = 16;
	lab_in(l, ip_make(f));
	snprintf(expected, sizeof(expected), "IpInReceives 1 IpExtInOctets 36 IpExtInNoECTPkts 1 %s", more);
	lab_deltas(l, expected);
	lab_nothing(l);
}

static void martians_vanish_without_a_counter(void **state)
{
	struct lab l = lab_open();

	(void)state;
	expect_silence(&l, (struct ip_fields){.saddr = HO_ADDR_LOOPBACK}, "");
	expect_silence(&l, (struct ip_fields){.daddr = HO_ADDR_LOOPBACK}, "");
	expect_silence(&l, (struct ip_fields){.saddr = UINT32_MAX}, "");
	expect_silence(&l, (struct ip_fields){.saddr = HO_ADDR(224, 1, 1, 1)}, "");
	expect_silence(&l, (struct ip_fields){.saddr_any = true}, "");
	expect_silence(&l, (struct ip_fields){.daddr_any = true}, "");
	expect_silence(&l, (struct ip_fields){.saddr = HOST}, "");
	expect_silence(&l, (struct ip_fields){.saddr = HOST, .daddr = BROADCAST}, "");
	expect_silence(&l, (struct ip_fields){.daddr = HO_ADDR(224, 5, 5, 5)}, "");
	lab_close(&l);
}

static void of_network_0_only_0_0_0_0_is_a_martian(void **state)
{
	struct lab l = lab_open();

	(void)state;
	lab_in(&l, icmp_make((struct icmp_fields){.type = 8, .ip.saddr = HO_ADDR(0, 0, 0, 5)}));
	lab_counted(&l, IpInDelivers, 1);
	lab_counted(&l, IcmpInEchos, 1);
	lab_in(&l, icmp_make((struct icmp_fields){.type = 8, .ip.daddr = HO_ADDR(0, 0, 0, 5)}));
	lab_counted(&l, IpInDelivers, 1);
	lab_close(&l);
}

static void packets_for_others_count_addr_errors(void **state)
{
	struct lab l = lab_open();

	(void)state;
	expect_silence(&l, (struct ip_fields){.daddr = HO_ADDR(198, 18, 0, 99)}, "IpInAddrErrors 1");
	expect_silence(&l, (struct ip_fields){.daddr = HO_ADDR(240, 0, 0, 1)}, "IpInAddrErrors 1");
	lab_close(&l);
}

static void broadcasts_and_joined_multicasts_are_counted_and_ignored_by_udp(void **state)
{
	struct lab l = lab_open();

	(void)state;
	lab_in(&l, udp_make((struct udp_fields){.ip.daddr = BROADCAST, .data = "12345678", .len = 8}));
	lab_deltas(&l, "IpInReceives 1 IpInDelivers 1 UdpIgnoredMulti 1 IpExtInBcastPkts 1 IpExtInOctets 36 "
	               "IpExtInBcastOctets 36 IpExtInNoECTPkts 1");
	lab_in(&l, udp_make((struct udp_fields){.ip.daddr = HO_ADDR(224, 0, 0, 1), .data = "12345678", .len = 8}));
	lab_deltas(&l, "IpInReceives 1 IpInDelivers 1 UdpIgnoredMulti 1 IpExtInMcastPkts 1 IpExtInOctets 36 "
	               "IpExtInMcastOctets 36 IpExtInNoECTPkts 1");
	lab_nothing(&l);
	lab_close(&l);
}

static void a_link_of_two_has_no_broadcast_address(void **state)
{
	struct lab l = lab_open(.prefix_len = 31);

	(void)state;
	assert_false(ip_is_broadcast(l.s, HO_ADDR(198, 18, 0, 3)));
	assert_true(ip_is_broadcast(l.s, UINT32_MAX));
	lab_close(&l);
}

/* ---- protocols ---- */

static void an_unknown_protocol_is_refused_with_3_2(void **state)
{
	struct lab l = lab_open();
	struct packet *p;

	(void)state;
	lab_in(&l, ip_make((struct ip_fields){.protocol = 200, .len = 16}));
	p = lab_out(&l);
	assert_int_equal(p->len, 64);
	assert_int_equal(p->bytes[20], 3);
	assert_int_equal(p->bytes[21], 2);
	lab_deltas(&l, "IpInReceives 1 IpInUnknownProtos 1 IpOutRequests 1 IpOutTransmits 1 IcmpOutMsgs 1 "
	               "IcmpOutDestUnreachs 1 IcmpMsgOutType3 1 IpExtInOctets 36 IpExtOutOctets 64 IpExtInNoECTPkts 1");
	lab_close(&l);
}

static void udp_is_refused_as_without_a_listener(void **state)
{
	struct lab l = lab_open();
	struct packet *p;

	(void)state;
	lab_in(&l, udp_make((struct udp_fields){.data = zeros, .len = 20}));
	p = lab_out(&l);
	assert_int_equal(p->len, 76);
	assert_int_equal(p->bytes[1], 0xc0);
	assert_int_equal(p->bytes[21], 3);
	lab_deltas(&l,
	           "IpInReceives 1 IpInDelivers 1 IpOutRequests 1 IpOutTransmits 1 IcmpOutMsgs 1 IcmpOutDestUnreachs 1 "
	           "IcmpMsgOutType3 1 UdpNoPorts 1 IpExtInOctets 48 IpExtOutOctets 76 IpExtInNoECTPkts 1");
	lab_in(&l, udp_make((struct udp_fields){.data = "x", .len = 1, .no_sum = true}));
	lab_counted(&l, UdpNoPorts, 1);
	lab_close(&l);
}

static void a_malformed_datagram_is_an_udp_error(void **state)
{
	struct lab l = lab_open();
	const char *errors = "IpInReceives 1 IpInDelivers 1 UdpInErrors 1 IpExtInOctets 29 IpExtInNoECTPkts 1";

	(void)state;
	lab_in(&l, udp_make((struct udp_fields){.data = "x", .len = 1, .bad = true}));
	lab_deltas(&l,
	           "IpInReceives 1 IpInDelivers 1 UdpInErrors 1 UdpInCsumErrors 1 IpExtInOctets 29 IpExtInNoECTPkts 1");
	lab_in(&l, udp_make((struct udp_fields){.data = "x", .len = 1, .udp_bytes = 100}));
	lab_deltas(&l, errors);
	lab_in(&l, udp_make((struct udp_fields){.data = "x", .len = 1, .udp_bytes = 7}));
	lab_deltas(&l, errors);
	lab_in(&l, ip_make((struct ip_fields){.protocol = 17}));
	lab_deltas(&l, "IpInReceives 1 IpInDelivers 1 UdpInErrors 1 IpExtInOctets 20 IpExtInNoECTPkts 1");
	lab_nothing(&l);
	lab_close(&l);
}

static void a_long_broadcast_datagram_is_ignored_unsummed(void **state)
{
	struct lab l = lab_open();

	(void)state;
	lab_in(&l, udp_make((struct udp_fields){.ip.daddr = BROADCAST, .data = zeros, .len = 100, .bad = true}));
	lab_counted(&l, UdpIgnoredMulti, 1);
	lab_in(&l, udp_make((struct udp_fields){.ip.daddr = BROADCAST, .data = zeros, .len = 60, .bad = true}));
	lab_counted(&l, UdpIgnoredMulti, 1);
	lab_counted(&l, UdpInCsumErrors, 1);
	lab_close(&l);
}

/* ---- out ---- */

static void a_full_out_queue_discards_and_says_so(void **state)
{
	struct lab l = lab_open(.out_queue_max = 2, .trace_max = 1000);
	struct ho_trace t;
	unsigned discards = 0;

	(void)state;
	for (int i = 0; i < 3; i++)
		lab_in(&l, icmp_make((struct icmp_fields){.type = 8}));
	lab_counted(&l, IpOutDiscards, 1);
	lab_counted(&l, IpOutRequests, 3);
	lab_counted(&l, IpOutTransmits, 3);
	while (ho_trace_next(l.s, &t)) {
		if (t.counter != HO_IpOutDiscards)
			continue;
		discards++;
		assert_int_equal(t.why, HO_WHY_OUT_QUEUE_FULL);
		assert_int_equal(t.a, 2);
		assert_int_equal(t.b, 2);
		assert_int_equal(t.cause, HO_CAUSE_FRAME);
		assert_int_not_equal(t.frame_out, 0);
	}
	assert_int_equal(discards, 1);
	lab_out(&l);
	lab_out(&l);
	lab_nothing(&l);
	lab_close(&l);
}

static void a_packet_leaves_with_a_right_header(void **state)
{
	struct lab l = lab_open();
	struct packet *p;

	(void)state;
	lab_in(&l,
	       icmp_make((struct icmp_fields){.type = 8, .ip.tos = 0xbb, .data = "abc", .len = 3, .rest = 0x00010002}));
	p = lab_out(&l);
	assert_int_equal(p->len, 31);
	assert_int_equal(p->bytes[0], 0x45);
	assert_int_equal(p->bytes[1], 0xbb);
	assert_int_equal(get16(p->bytes + 2), 31);
	assert_int_equal(get16(p->bytes + 6), 0);
	assert_int_equal(p->bytes[8], 64);
	assert_int_equal(get32(p->bytes + 12), HOST);
	assert_int_equal(get32(p->bytes + 16), PEER_ADDR);
	assert_int_equal(csum_fold(csum_partial(p->bytes, 20)), 0);
	assert_int_equal(csum_fold(csum_partial(p->bytes + 20, 11)), 0);
	assert_memory_equal(p->bytes + 24, "\0\1\0\2abc", 7);
	lab_close(&l);
}

static void identifications_follow_each_other_for_a_destination(void **state)
{
	struct lab l = lab_open();
	uint16_t first;

	(void)state;
	lab_in(&l, icmp_make((struct icmp_fields){.type = 8}));
	first = get16(lab_out(&l)->bytes + 4);
	lab_in(&l, icmp_make((struct icmp_fields){.type = 8}));
	assert_int_equal(get16(lab_out(&l)->bytes + 4), (uint16_t)(first + 1));
	lab_close(&l);
}

static void without_a_route_nothing_is_sent_nor_counted(void **state)
{
	struct lab l = lab_open(.no_default_route = true);

	(void)state;
	lab_in(&l, udp_make((struct udp_fields){.ip.saddr = HO_ADDR(203, 0, 113, 9), .data = "12345678", .len = 8}));
	lab_deltas(&l, "IpInReceives 1 IpInDelivers 1 UdpNoPorts 1 IpExtInOctets 36 IpExtInNoECTPkts 1");
	lab_nothing(&l);
	lab_close(&l);
}

static void an_answer_to_a_broadcast_source_is_heard_by_ourselves(void **state)
{
	struct lab l = lab_open();

	(void)state;
	lab_in(&l, udp_make((struct udp_fields){.ip.saddr = BROADCAST, .data = "x", .len = 1}));
	assert_int_equal(lab_out(&l)->len, 57);
	lab_nothing(&l);
	lab_deltas(
		&l,
		"IpInReceives 2 IpInDelivers 2 IpOutRequests 1 IpOutTransmits 1 IcmpInMsgs 1 IcmpInErrors 1 "
		"IcmpInDestUnreachs 1 IcmpOutMsgs 1 IcmpOutDestUnreachs 1 IcmpMsgInType3 1 IcmpMsgOutType3 1 UdpNoPorts 1 "
		"IpExtInBcastPkts 1 IpExtOutBcastPkts 1 IpExtInOctets 86 IpExtOutOctets 57 IpExtInBcastOctets 57 "
		"IpExtOutBcastOctets 57 IpExtInNoECTPkts 2");
	lab_close(&l);
}

static void routes_are_loopback_link_and_gateway(void **state)
{
	struct lab l = lab_open(.no_default_route = true);
	struct lab g = lab_open(.no_default_route = true, .gateway = PEER_ADDR);
	uint32_t saddr, mtu;

	(void)state;
	assert_int_equal(ip_route(l.s, HO_ADDR(127, 0, 0, 5), &saddr, &mtu), 0);
	assert_int_equal(saddr, HO_ADDR_LOOPBACK);
	assert_int_equal(mtu, 65535);
	assert_int_equal(ip_route(l.s, HOST, &saddr, &mtu), 0);
	assert_int_equal(saddr, HOST);
	assert_int_equal(ip_route(l.s, PEER_ADDR, &saddr, &mtu), 0);
	assert_int_equal(saddr, HOST);
	assert_int_equal(mtu, 1500);
	assert_int_equal(ip_route(l.s, HO_ADDR(198, 18, 1, 1), &saddr, &mtu), -ENETUNREACH);
	assert_int_equal(ip_route(g.s, HO_ADDR(198, 18, 1, 1), &saddr, &mtu), 0);
	lab_close(&l);
	lab_close(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_header_that_is_none_counts_hdr_errors),
		cmocka_unit_test(a_bad_header_checksum_counts_csum_and_hdr_errors),
		cmocka_unit_test(a_truncated_packet_counts_only_truncated),
		cmocka_unit_test(bytes_beyond_the_total_length_are_padding),
		cmocka_unit_test(ecn_is_counted_by_codepoint),
		cmocka_unit_test(a_super_frame_is_one_packet_received_but_many_marked),
		cmocka_unit_test(headers_may_be_split_over_slices),
		cmocka_unit_test(martians_vanish_without_a_counter),
		cmocka_unit_test(of_network_0_only_0_0_0_0_is_a_martian),
		cmocka_unit_test(packets_for_others_count_addr_errors),
		cmocka_unit_test(broadcasts_and_joined_multicasts_are_counted_and_ignored_by_udp),
		cmocka_unit_test(a_link_of_two_has_no_broadcast_address),
		cmocka_unit_test(an_unknown_protocol_is_refused_with_3_2),
		cmocka_unit_test(udp_is_refused_as_without_a_listener),
		cmocka_unit_test(a_malformed_datagram_is_an_udp_error),
		cmocka_unit_test(a_long_broadcast_datagram_is_ignored_unsummed),
		cmocka_unit_test(a_full_out_queue_discards_and_says_so),
		cmocka_unit_test(a_packet_leaves_with_a_right_header),
		cmocka_unit_test(identifications_follow_each_other_for_a_destination),
		cmocka_unit_test(without_a_route_nothing_is_sent_nor_counted),
		cmocka_unit_test(an_answer_to_a_broadcast_source_is_heard_by_ourselves),
		cmocka_unit_test(routes_are_loopback_link_and_gateway),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
