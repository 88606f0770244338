/* SPDX-License-Identifier: MIT
 * ICMP in and out, held against what Linux 6.18 counted for the same messages (oracle: icmp_in_types, icmp_out_types,
 * icmp_ratelimit). */
#include "lab.h"

#define GHOST HO_ADDR(198, 18, 1, 5)
#define BROADCAST HO_ADDR(198, 18, 0, 255)
#define ID_SEQ 0x00010001u
#define ANSWERED "IpOutRequests 1 IpOutTransmits 1 IcmpOutMsgs 1 IcmpOutEchoReps 1 IcmpMsgOutType0 1 "

static const uint8_t zeros[1500];

/* What an error message quotes: a datagram of ours to the ghost. */
static struct bytes quoted_udp(void)
{
	return udp_make((struct udp_fields){
		.ip = {.saddr = HOST, .daddr = GHOST}, .sport = 33000, .dport = 33001, .data = "12345678", .len = 8});
}

static void expect_in(struct lab *l, struct icmp_fields f, uint32_t octets, const char *more)
{
	char expected[400];

	if (f.ip.saddr == 0)
		f.ip.saddr = GHOST;
	lab_in(l, icmp_make(f));
	snprintf(expected, sizeof(expected),
	         "IpInReceives 1 IpInDelivers 1 IcmpInMsgs 1 IpExtInOctets %u IpExtInNoECTPkts 1 %s", octets, more);
	lab_deltas(l, expected);
}

static void expect_error_in(struct lab *l, uint8_t type, uint8_t code, const char *more)
{
	struct bytes q = quoted_udp();

	expect_in(l, (struct icmp_fields){.type = type, .code = code, .data = q.at, .len = (uint16_t)q.len}, 64, more);
}

/* ---- in ---- */

static void errors_about_unknown_datagrams_count_by_name_and_type(void **state)
{
	static const uint8_t codes[] = {0, 1, 2, 3, 4, 5, 9, 13, 15};
	struct lab l = lab_open();

	(void)state;
	for (unsigned i = 0; i < sizeof(codes); i++)
		expect_error_in(&l, 3, codes[i], "IcmpInErrors 1 IcmpInDestUnreachs 1 IcmpMsgInType3 1");
	expect_error_in(&l, 3, 16, "IcmpInDestUnreachs 1 IcmpMsgInType3 1");
	expect_error_in(&l, 4, 0, "IcmpInErrors 1 IcmpInSrcQuenchs 1 IcmpMsgInType4 1");
	expect_error_in(&l, 5, 1, "IcmpInErrors 1 IcmpInRedirects 1 IcmpMsgInType5 1");
	expect_error_in(&l, 11, 0, "IcmpInErrors 1 IcmpInTimeExcds 1 IcmpMsgInType11 1");
	expect_error_in(&l, 12, 0, "IcmpInErrors 1 IcmpInParmProbs 1 IcmpMsgInType12 1");
	lab_nothing(&l);
	lab_close(&l);
}

static void an_error_must_quote_a_header_and_8_bytes(void **state)
{
	static const uint16_t lengths[] = {0, 19, 20, 27};
	struct lab l = lab_open();
	struct bytes q = quoted_udp();

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		expect_in(&l, (struct icmp_fields){.type = 3, .code = 1, .data = q.at, .len = lengths[i]},
		          28u + lengths[i], "IcmpInErrors 1 IcmpInDestUnreachs 1 IcmpMsgInType3 1");
	q.at[0] = 0x44;
	expect_in(&l, (struct icmp_fields){.type = 3, .code = 1, .data = q.at, .len = 36}, 64,
	          "IcmpInErrors 1 IcmpInDestUnreachs 1 IcmpMsgInType3 1");
	lab_close(&l);
}

static void errors_about_other_protocols_are_not_errors(void **state)
{
	struct lab l = lab_open();
	struct bytes tcp = ip_make((struct ip_fields){.saddr = HOST, .daddr = GHOST, .protocol = 6, .len = 20});
	struct bytes other = ip_make((struct ip_fields){.saddr = HOST, .daddr = GHOST, .protocol = 200, .len = 8});
	struct bytes echo = icmp_make((struct icmp_fields){.ip = {.saddr = HOST, .daddr = GHOST}, .type = 8});

	(void)state;
	expect_in(&l, (struct icmp_fields){.type = 3, .code = 1, .data = tcp.at, .len = 40}, 68,
	          "IcmpInErrors 1 IcmpInDestUnreachs 1 IcmpMsgInType3 1");
	expect_in(&l, (struct icmp_fields){.type = 3, .code = 1, .data = other.at, .len = 28}, 56,
	          "IcmpInDestUnreachs 1 IcmpMsgInType3 1");
	expect_in(&l, (struct icmp_fields){.type = 11, .data = echo.at, .len = 28}, 56,
	          "IcmpInTimeExcds 1 IcmpMsgInType11 1");
	lab_close(&l);
}

static void every_type_counts_once(void **state)
{
	static const uint8_t harmless[] = {1, 2, 6, 7, 9, 10, 15, 16, 42, 43};
	static const uint8_t unknown[] = {19, 30, 40, 41, 44, 100, 255};
	struct lab l = lab_open();
	char more[100];

	(void)state;
	expect_in(&l, (struct icmp_fields){.type = 0, .data = "data", .len = 4}, 32,
	          "IcmpInEchoReps 1 IcmpMsgInType0 1");
	expect_in(&l, (struct icmp_fields){.type = 14, .data = zeros, .len = 12}, 40,
	          "IcmpInTimestampReps 1 IcmpMsgInType14 1");
	expect_in(&l, (struct icmp_fields){.type = 17, .data = zeros, .len = 4}, 32,
	          "IcmpInAddrMasks 1 IcmpMsgInType17 1");
	expect_in(&l, (struct icmp_fields){.type = 18, .data = zeros, .len = 4}, 32,
	          "IcmpInAddrMaskReps 1 IcmpMsgInType18 1");
	for (unsigned i = 0; i < sizeof(harmless); i++) {
		snprintf(more, sizeof(more), "IcmpMsgInType%u 1", harmless[i]);
		expect_in(&l, (struct icmp_fields){.type = harmless[i], .data = zeros, .len = 8}, 36, more);
	}
	for (unsigned i = 0; i < sizeof(unknown); i++) {
		snprintf(more, sizeof(more), "IcmpInErrors 1 IcmpMsgInType%u 1", unknown[i]);
		expect_in(&l, (struct icmp_fields){.type = unknown[i], .data = zeros, .len = 8}, 36, more);
	}
	lab_nothing(&l);
	lab_close(&l);
}

static void a_bad_checksum_counts_no_type(void **state)
{
	static const uint8_t types[] = {8, 3, 100};
	struct lab l = lab_open();

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		expect_in(&l, (struct icmp_fields){.type = types[i], .data = "data", .len = 4, .bad = true}, 32,
		          "IcmpInErrors 1 IcmpInCsumErrors 1");
	lab_in(&l, ip_make((struct ip_fields){.protocol = 1}));
	lab_deltas(&l, "IpInReceives 1 IpInDelivers 1 IcmpInMsgs 1 IcmpInErrors 1 IcmpInCsumErrors 1 IpExtInOctets 20 "
	               "IpExtInNoECTPkts 1");
	lab_in(&l, ip_make((struct ip_fields){.protocol = 1, .data = "\x08\0\xf7\xff", .len = 4}));
	lab_deltas(&l, "IpInReceives 1 IpInDelivers 1 IcmpInMsgs 1 IcmpInErrors 1 IpExtInOctets 24 IpExtInNoECTPkts 1");
	lab_nothing(&l);
	lab_close(&l);
}

/* ---- replies ---- */

static void an_echo_is_answered_with_its_own_data(void **state)
{
	struct lab l = lab_open();
	struct packet *p;

	(void)state;
	expect_in(&l, (struct icmp_fields){.type = 8, .rest = ID_SEQ, .data = "data", .len = 4}, 32,
	          "IcmpInEchos 1 IcmpMsgInType8 1 IpExtOutOctets 32 " ANSWERED);
	p = lab_out(&l);
	assert_int_equal(p->len, 32);
	assert_int_equal(p->bytes[20], 0);
	assert_int_equal(get32(p->bytes + 12), HOST);
	assert_int_equal(get32(p->bytes + 16), GHOST);
	assert_memory_equal(p->bytes + 24, "\0\1\0\1data", 8);
	assert_int_equal(csum_fold(csum_partial(p->bytes + 20, p->len - 20)), 0);
	expect_in(&l, (struct icmp_fields){.type = 8, .code = 1, .data = "data", .len = 4}, 32,
	          "IcmpInEchos 1 IcmpMsgInType8 1 IpExtOutOctets 32 " ANSWERED);
	assert_int_equal(lab_out(&l)->bytes[21], 1);
	lab_close(&l);
}

static void an_answer_of_nothing_but_zeros_has_linuxs_wrong_checksum(void **state)
{
	struct lab l = lab_open();

	(void)state;
	for (uint16_t len = 0; len <= 1400; len += 350) {
		lab_in(&l, icmp_make((struct icmp_fields){.type = 8, .data = zeros, .len = len}));
		assert_int_equal(get16(lab_out(&l)->bytes + 22), 0);
	}
	lab_close(&l);
}

static void echoes_of_every_size_come_back_whole(void **state)
{
	struct lab l = lab_open();
	uint8_t data[1472];

	(void)state;
	for (unsigned i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7 + i / 256);
	for (uint16_t len = 0; len <= sizeof(data); len++) {
		struct packet *p;

		lab_in(&l, icmp_make((struct icmp_fields){.type = 8, .rest = ID_SEQ, .data = data, .len = len}));
		p = lab_out(&l);
		assert_int_equal(p->len, 28 + len);
		assert_memory_equal(p->bytes + 28, data, len);
		assert_int_equal(csum_fold(csum_partial(p->bytes + 20, p->len - 20)), 0);
	}
	lab_close(&l);
}

static void a_huge_echo_is_answered_over_a_huge_link(void **state)
{
	struct lab l = lab_open(.mtu = 65535);
	uint8_t *b = calloc(1, 65535);
	struct packet *p;

	(void)state;
	b[0] = 0x45;
	put16(b + 2, 65535);
	b[8] = 64;
	b[9] = 1;
	put32(b + 12, PEER_ADDR);
	put32(b + 16, HOST);
	sum_store(b + 10, csum_partial(b, 20));
	for (unsigned i = 28; i < 65535; i++)
		b[i] = (uint8_t)(i * 31);
	b[20] = 8;
	sum_store(b + 22, csum_partial(b + 20, 65515));
	ho_stack_input(l.s, ho_frame_make(&l.al, b, 65535), LAB_BIRTH_NS);
	p = lab_out(&l);
	assert_int_equal(p->len, 65535);
	assert_memory_equal(p->bytes + 24, b + 24, 65535 - 24);
	assert_int_equal(csum_fold(csum_partial(p->bytes + 20, 65515)), 0);
	free(b);
	lab_close(&l);
}

static void a_timestamp_is_answered_and_counted_as_linux_counts_it(void **state)
{
	struct lab l = lab_open();
	struct packet *p;

	(void)state;
	expect_in(&l, (struct icmp_fields){.type = 13, .rest = ID_SEQ, .data = "\1\2\3\4\0\0\0\0\0\0\0\0", .len = 12},
	          40, "IcmpInTimestamps 1 IcmpMsgInType13 1 IpExtOutOctets 40 " ANSWERED);
	p = lab_out(&l);
	assert_int_equal(p->bytes[20], 14);
	assert_memory_equal(p->bytes + 24, "\0\1\0\1\1\2\3\4", 8);
	assert_int_equal(get32(p->bytes + 32), LAB_BIRTH_NS / HO_MS % 86400000);
	assert_int_equal(get32(p->bytes + 36), get32(p->bytes + 32));
	expect_in(&l, (struct icmp_fields){.type = 13, .rest = ID_SEQ}, 28,
	          "IcmpInErrors 1 IcmpInTimestamps 1 IcmpMsgInType13 1");
	lab_nothing(&l);
	lab_close(&l);
}

static void echoes_to_everybody_are_errors(void **state)
{
	struct lab l = lab_open();

	(void)state;
	expect_in(
		&l,
		(struct icmp_fields){.type = 8, .ip = {.saddr = PEER_ADDR, .daddr = BROADCAST}, .data = "x", .len = 1},
		29, "IcmpInErrors 1 IcmpInEchos 1 IcmpMsgInType8 1 IpExtInBcastPkts 1 IpExtInBcastOctets 29");
	lab_nothing(&l);
	lab_close(&l);
}

static void icmp_echo_ignore_all_ignores_silently(void **state)
{
	struct lab l = lab_open();

	(void)state;
	assert_int_equal(ho_sysctl_set(l.s, "net.ipv4.icmp_echo_ignore_all", "1"), 0);
	expect_in(&l, (struct icmp_fields){.type = 8, .data = "data", .len = 4}, 32, "IcmpInEchos 1 IcmpMsgInType8 1");
	lab_nothing(&l);
	lab_close(&l);
}

static void a_reply_that_finds_no_memory_counts_out_errors(void **state)
{
	struct lab l = lab_open();
	struct bytes b = icmp_make((struct icmp_fields){.type = 8, .data = zeros, .len = 1000});
	struct ho_frame *f = ho_frame_make(&l.al, b.at, b.len);

	(void)state;
	l.heap->fail_at = l.heap->calls + 2; /* the frame is there, its block is not */
	ho_stack_input(l.s, f, LAB_BIRTH_NS);
	lab_counted(&l, IcmpOutErrors, 1);
	lab_counted(&l, IcmpOutMsgs, 0);
	lab_nothing(&l);
	lab_close(&l);
}

/* ---- errors out ---- */

static void an_error_quotes_up_to_576_bytes(void **state)
{
	struct lab l = lab_open();
	struct packet *p;
	struct bytes b = udp_make((struct udp_fields){.data = zeros, .len = 1372});

	(void)state;
	lab_in(&l, b);
	p = lab_out(&l);
	assert_int_equal(p->len, 576);
	assert_memory_equal(p->bytes + 28, b.at, 548);
	assert_int_equal(get16(p->bytes + 6), 0); /* may be fragmented */
	lab_close(&l);
}

static void the_tos_of_an_error_is_internetwork_control(void **state)
{
	struct lab l = lab_open();

	(void)state;
	lab_in(&l, udp_make((struct udp_fields){.ip.tos = 0xbb, .data = "x", .len = 1}));
	assert_int_equal(lab_out(&l)->bytes[1], 0xda);
	lab_close(&l);
}

static void no_error_about_errors_fragments_and_broadcasts(void **state)
{
	struct lab l = lab_open();

	(void)state;
	lab_in(&l, ip_make((struct ip_fields){.protocol = 200, .len = 8, .daddr = BROADCAST}));
	lab_counted(&l, IpInUnknownProtos, 1);
	/* an error message with a bad option, and an echo with one */
	lab_in(&l, icmp_make((struct icmp_fields){.type = 3, .ip.options = "\x07\x03\x01\0", .ip.options_len = 4}));
	lab_counted(&l, IpInHdrErrors, 1);
	lab_nothing(&l);
	lab_in(&l, icmp_make((struct icmp_fields){.type = 8, .ip.options = "\x07\x03\x01\0", .ip.options_len = 4}));
	lab_counted(&l, IcmpOutParmProbs, 1);
	lab_out(&l);
	lab_in(&l, udp_make((struct udp_fields){.ip = {.options = "\x07\x03\x01\0", .options_len = 4, .frag = 1}}));
	lab_nothing(&l);
	lab_close(&l);
}

static void icmp_errors_use_inbound_ifaddr_names_the_link_that_it_came_by(void **state)
{
	struct lab l = lab_open();
	struct ho_link_config link = {.mtu = 1500, .out_queue_max = 10};
	struct ho_addr addr = {HO_ADDR(198, 19, 0, 2), 24, 1};
	struct ho_frame *f;

	(void)state;
	assert_int_equal(ho_link_add(l.s, &link), 1);
	assert_int_equal(ho_addr_add(l.s, &addr), 0);
	for (uint32_t inbound = 0; inbound < 2; inbound++) {
		ho_sysctl_set(l.s, "net.ipv4.icmp_errors_use_inbound_ifaddr", inbound ? "1" : "0");
		/* from the second link's network, by way of the first, to somebody else */
		lab_in(&l, udp_make((struct udp_fields){.ip = {.saddr = HO_ADDR(198, 19, 0, 9), .daddr = GHOST,
		                                               .options = "\x07\x03\x01\0", .options_len = 4}}));
		lab_counted(&l, IcmpOutParmProbs, inbound + 1);
		f = ho_stack_output_link(l.s, 1);
		assert_int_equal(get32(f->slice[0].data + 12), inbound ? HOST : HO_ADDR(198, 19, 0, 2));
		ho_frame_unref(f);
	}
	lab_close(&l);
}

/* ---- rations ---- */

static void poke(struct lab *l, uint32_t from)
{
	lab_in(l, udp_make((struct udp_fields){.ip.saddr = from, .data = "x", .len = 1}));
}

static void a_host_gets_6_errors_at_once_and_then_one_a_second(void **state)
{
	struct lab l = lab_open();

	(void)state;
	for (int i = 0; i < 20; i++)
		poke(&l, PEER_ADDR);
	lab_counted(&l, IcmpOutDestUnreachs, 6);
	lab_counted(&l, IcmpOutRateLimitHost, 14);
	lab_mark(&l);
	lab_run(&l, 999);
	poke(&l, PEER_ADDR);
	lab_counted(&l, IcmpOutDestUnreachs, 0);
	lab_run(&l, 1000);
	poke(&l, PEER_ADDR);
	poke(&l, PEER_ADDR);
	lab_counted(&l, IcmpOutDestUnreachs, 1);
	poke(&l, GHOST);
	lab_counted(&l, IcmpOutDestUnreachs, 2);
	lab_close(&l);
}

static void all_hosts_together_get_50_at_once_and_then_1000_a_second(void **state)
{
	struct lab l = lab_open();
	int64_t first;

	(void)state;
	for (uint32_t i = 0; i < 400; i++)
		poke(&l, HO_ADDR(198, 19, 0, 0) + i);
	first = lab_moved(&l, HO_IcmpOutDestUnreachs);
	assert_in_range(first, 35, 75); /* each costs 0, 1 or 2 */
	lab_counted(&l, IcmpOutRateLimitGlobal, 400 - first);
	lab_mark(&l);
	lab_run(&l, 30);
	for (uint32_t i = 0; i < 400; i++)
		poke(&l, HO_ADDR(198, 19, 4, 0) + i);
	assert_in_range(lab_moved(&l, HO_IcmpOutDestUnreachs), 18, 45);
	lab_close(&l);
}

static void echo_replies_are_not_rationed(void **state)
{
	struct lab l = lab_open();

	(void)state;
	for (int i = 0; i < 300; i++)
		lab_in(&l, icmp_make((struct icmp_fields){.type = 8}));
	lab_counted(&l, IcmpOutEchoReps, 300);
	lab_close(&l);
}

static void icmp_ratelimit_0_lifts_the_host_ration(void **state)
{
	struct lab l = lab_open();

	(void)state;
	ho_sysctl_set(l.s, "net.ipv4.icmp_ratelimit", "0");
	for (int i = 0; i < 20; i++)
		poke(&l, PEER_ADDR);
	lab_counted(&l, IcmpOutDestUnreachs, 20);
	lab_close(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(errors_about_unknown_datagrams_count_by_name_and_type),
		cmocka_unit_test(an_error_must_quote_a_header_and_8_bytes),
		cmocka_unit_test(errors_about_other_protocols_are_not_errors),
		cmocka_unit_test(every_type_counts_once),
		cmocka_unit_test(a_bad_checksum_counts_no_type),
		cmocka_unit_test(an_echo_is_answered_with_its_own_data),
		cmocka_unit_test(an_answer_of_nothing_but_zeros_has_linuxs_wrong_checksum),
		cmocka_unit_test(echoes_of_every_size_come_back_whole),
		cmocka_unit_test(a_huge_echo_is_answered_over_a_huge_link),
		cmocka_unit_test(a_timestamp_is_answered_and_counted_as_linux_counts_it),
		cmocka_unit_test(echoes_to_everybody_are_errors),
		cmocka_unit_test(icmp_echo_ignore_all_ignores_silently),
		cmocka_unit_test(a_reply_that_finds_no_memory_counts_out_errors),
		cmocka_unit_test(an_error_quotes_up_to_576_bytes),
		cmocka_unit_test(the_tos_of_an_error_is_internetwork_control),
		cmocka_unit_test(no_error_about_errors_fragments_and_broadcasts),
		cmocka_unit_test(icmp_errors_use_inbound_ifaddr_names_the_link_that_it_came_by),
		cmocka_unit_test(a_host_gets_6_errors_at_once_and_then_one_a_second),
		cmocka_unit_test(all_hosts_together_get_50_at_once_and_then_1000_a_second),
		cmocka_unit_test(echo_replies_are_not_rationed),
		cmocka_unit_test(icmp_ratelimit_0_lifts_the_host_ration),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
