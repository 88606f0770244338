/* SPDX-License-Identifier: MIT
 * IPv4 options: what is written into them, what is wrong with them, what an answer carries back.  The header is the one that
 * a raw socket sees, the answer an echo reply; held against Linux 6.18 by the experiment ip_options. */
#include "ip_parts.h"
#include "lab.h"

#define MIDNIGHT_MS (LAB_BIRTH_NS / HO_MS % 86400000)

/* An echo with these options; the reply. */
static struct packet *asked(struct lab *l, const void *options, uint8_t len)
{
	lab_in(l, icmp_make((struct icmp_fields){.type = 8, .data = "data", .len = 4, .ip.options = options, .ip.options_len = len}));
	return lab_out(l);
}

static void expect_options(const struct packet *p, const void *options, uint8_t len)
{
	assert_int_equal(p->bytes[0], 0x45 + len / 4);
	assert_int_equal(csum_fold(csum_partial(p->bytes, 20u + len)), 0);
	assert_memory_equal(p->bytes + 20, options, len);
	assert_memory_equal(p->bytes + 20 + len + 8, "data", 4);
	assert_int_equal(csum_fold(csum_partial(p->bytes + 20 + len, 12)), 0);
}

static void good_and_unknown_options_are_skipped(void **state)
{
	struct lab l = lab_open();

	(void)state;
	lab_in(&l, udp_make((struct udp_fields){.ip.options = "\x07\x07\x04\0\0\0\0\0", .ip.options_len = 8}));
	lab_counted(&l, UdpNoPorts, 1);
	lab_in(&l, udp_make((struct udp_fields){.ip.options = "\x1e\x04\0\0", .ip.options_len = 4}));
	lab_counted(&l, UdpNoPorts, 2);
	lab_in(&l, udp_make((struct udp_fields){.ip.options = "\1\1\1\0", .ip.options_len = 4}));
	lab_counted(&l, UdpNoPorts, 3);
	lab_close(&l);
}

static void a_route_is_recorded_as_it_comes_and_as_it_goes(void **state)
{
	static const uint8_t two[] = {7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0};
	static const uint8_t back[] = {7, 11, 12, 198, 18, 0, 2, 198, 18, 0, 2, 0};
	static const uint8_t one[] = {1, 7, 11, 8, 198, 18, 0, 9, 0, 0, 0, 0};
	static const uint8_t one_back[] = {7, 11, 12, 198, 18, 0, 9, 198, 18, 0, 2, 0};
	struct lab l = lab_open();

	(void)state;
	expect_options(asked(&l, two, 12), back, 12);
	expect_options(asked(&l, one, 12), one_back, 12); /* full: nothing more, and the padding is left out */
	expect_options(asked(&l, one_back, 12), one_back, 12);
	lab_close(&l);
}

static void times_are_written_with_and_without_addresses(void **state)
{
	static const uint8_t only[] = {68, 12, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0};
	static const uint8_t both[] = {68, 20, 5, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
	struct lab l = lab_open();
	struct packet *p = asked(&l, only, 12);

	(void)state;
	assert_int_equal(get32(p->bytes + 20), 0x440c0d00);
	assert_int_equal(get32(p->bytes + 24), MIDNIGHT_MS);
	assert_int_equal(get32(p->bytes + 28), MIDNIGHT_MS);
	p = asked(&l, both, 20);
	assert_int_equal(get32(p->bytes + 20), 0x44141501);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(get32(p->bytes + 24 + i * 8), HOST);
		assert_int_equal(get32(p->bytes + 28 + i * 8), MIDNIGHT_MS);
	}
	lab_close(&l);
}

static void prespecified_times_are_for_those_who_are_named(void **state)
{
	static const uint8_t us[] = {68, 20, 5, 3, 198, 18, 0, 2, 0, 0, 0, 0, 198, 18, 0, 2, 0, 0, 0, 0};
	static const uint8_t others[] = {68, 12, 5, 3, 198, 18, 0, 9, 0, 0, 0, 0};
	struct lab l = lab_open();
	struct packet *p = asked(&l, us, 20);

	(void)state;
	assert_int_equal(p->bytes[22], 21);
	assert_int_equal(get32(p->bytes + 28), MIDNIGHT_MS);
	assert_int_equal(get32(p->bytes + 36), MIDNIGHT_MS);
	expect_options(asked(&l, others, 12), others, 12);
	lab_close(&l);
}

static void who_finds_no_room_for_a_time_is_counted(void **state)
{
	static const uint8_t full[] = {68, 8, 9, 0x70, 1, 2, 3, 4}, back[] = {68, 8, 9, 0x80, 1, 2, 3, 4};
	static const uint8_t most[] = {68, 8, 9, 0xf0, 1, 2, 3, 4}, prespec[] = {68, 8, 9, 0xf3, 1, 2, 3, 4};
	struct lab l = lab_open();

	(void)state;
	expect_options(asked(&l, full, 8), back, 8);
	expect_options(asked(&l, prespec, 8), prespec, 8);
	assert_int_equal(asked(&l, most, 8)->bytes[20], 12);
	lab_close(&l);
}

static void a_bad_option_is_answered_with_a_parameter_problem(void **state)
{
	static const struct {
		uint8_t at, len, option[12];
	} bad[] = {
		{22, 4, {7, 3, 1}},           /* pointer before the first place */
		{21, 4, {7, 2, 4}},           /* shorter than its own head */
		{20, 4, {7, 1, 4}},           /* length */
		{20, 4, {7, 7, 4}},           /* beyond the header */
		{22, 8, {7, 7, 6}},           /* half a place */
		{27, 12, {7, 7, 8, 1, 1, 1, 1, 7, 3, 4}}, /* twice */
		{22, 8, {68, 8, 4}},          {21, 4, {68, 3, 5}}, {22, 8, {68, 8, 7}}, {22, 8, {68, 8, 5, 1}},
		{23, 8, {68, 8, 9, 0xf1}},    {21, 4, {131, 2}},   {22, 4, {131, 3, 3}}, {21, 4, {148, 3, 0}},
		{23, 4, {1, 1, 1, 7}},
	};
	struct lab l = lab_open();

	(void)state;
	ho_sysctl_set(l.s, "net.ipv4.icmp_ratelimit", "0");
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct packet *p = asked(&l, bad[i].option, bad[i].len);
		uint32_t hdr = (p->bytes[0] & 15u) * 4;

		assert_int_equal(p->bytes[hdr], 12);
		assert_int_equal(p->bytes[hdr + 4], bad[i].at);
		lab_counted(&l, IpInHdrErrors, i + 1);
		lab_counted(&l, IcmpOutParmProbs, i + 1);
		lab_nothing(&l);
		lab_run(&l, lab_now_ms(&l) + 100);
	}
	lab_close(&l);
}

static void what_lies_behind_the_end_is_cleared(void **state)
{
	struct lab l = lab_open();
	int fd = ho_sock_open(l.s, HO_SOCK_RAW, IP_PROTO_ICMP);
	uint8_t got[100];

	(void)state;
	asked(&l, "\1\0\1\2", 4);
	assert_int_equal(ho_sock_recv(l.s, fd, got, sizeof(got), 0), 36);
	assert_memory_equal(got + 20, "\1\0\0\0", 4);
	lab_close(&l);
}

static void a_source_route_is_refused_silently(void **state)
{
	struct lab l = lab_open();

	(void)state;
	lab_in(&l, udp_make((struct udp_fields){
			   .data = "x", .len = 1, .ip.options = "\x83\x07\x08\xc6\x12\0\x01\0", .ip.options_len = 8}));
	lab_deltas(&l, "IpInReceives 1 IpExtInOctets 37 IpExtInNoECTPkts 1");
	lab_nothing(&l);
	lab_close(&l);
}

static void an_accepted_source_route_goes_back_reversed(void **state)
{
	/* came by way of 198.18.0.7 and 198.18.0.8 */
	static const uint8_t came[] = {131, 11, 12, 198, 18, 0, 7, 198, 18, 0, 8, 0};
	static const uint8_t back[] = {131, 11, 4, 198, 18, 0, 7, 198, 18, 0, 1, 0};
	struct lab l = lab_open();
	struct packet *p;

	(void)state;
	ho_sysctl_set(l.s, "net.ipv4.conf.all.accept_source_route", "1");
	p = asked(&l, came, 12);
	expect_options(p, back, 12);
	assert_int_equal(get32(p->bytes + 16), HO_ADDR(198, 18, 0, 8));
	/* it goes on to somebody else: not by way of us */
	lab_in(&l, icmp_make((struct icmp_fields){.type = 8, .ip.options = "\x83\x07\x04\xc6\x12\0\x09\0", .ip.options_len = 8}));
	lab_nothing(&l);
	/* it goes on to us */
	lab_in(&l, icmp_make((struct icmp_fields){.type = 8, .ip.options = "\x83\x07\x04\xc6\x12\0\x02\0", .ip.options_len = 8}));
	lab_out(&l);
	lab_close(&l);
}

static void fragments_carry_the_options_of_the_first(void **state)
{
	static const uint8_t two[] = {7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0};
	static const uint8_t back[] = {7, 11, 12, 198, 18, 0, 2, 198, 18, 0, 2, 0};
	struct bytes whole = icmp_make((struct icmp_fields){.type = 8, .len = 24});
	struct lab l = lab_open();
	struct packet *p;

	(void)state;
	lab_in(&l, ip_make((struct ip_fields){.protocol = 1, .frag = 2, .data = whole.at + 36, .len = 16}));
	lab_in(&l, ip_make((struct ip_fields){
			   .protocol = 1, .frag = IP_MF, .data = whole.at + 20, .len = 16, .options = two, .options_len = 12}));
	p = lab_out(&l);
	assert_int_equal(p->len, 20 + 12 + 32);
	assert_memory_equal(p->bytes + 20, back, 12);
	lab_close(&l);
}

static void without_memory_to_write_into_it_counts_in_discards(void **state)
{
	struct lab l = lab_open();
	struct bytes b = icmp_make((struct icmp_fields){.type = 8, .ip.options = "\x07\x07\x04\0\0\0\0\0", .ip.options_len = 8});
	struct ho_frame *f = ho_frame_make(&l.al, b.at, b.len);

	(void)state;
	l.heap->fail_at = l.heap->calls + 1;
	ho_stack_input(l.s, f, LAB_BIRTH_NS);
	lab_deltas(&l, "IpInReceives 1 IpInDiscards 1 IpExtInOctets 36 IpExtInNoECTPkts 1");
	lab_nothing(&l);
	lab_close(&l);
}

static void any_options_are_survived(void **state)
{
	struct lab l = lab_open();
	uint32_t random = 1;
	uint8_t options[40];

	(void)state;
	ho_sysctl_set(l.s, "net.ipv4.conf.all.accept_source_route", "1");
	ho_sysctl_set(l.s, "net.ipv4.icmp_ratelimit", "0");
	for (unsigned n = 0; n < 60000; n++) {
		uint8_t len = (uint8_t)(4 + n % 10 * 4);

		for (unsigned i = 0; i < sizeof(options); i++) {
			random = random * 1664525 + 1013904223;
			options[i] = (uint8_t)(random >> 24) & ((random >> 8 & 3) ? 0x0f : 0xff);
		}
		options[0] = "\x07\x44\x83\x89\x94\x1e"[n / 10 % 6];
		options[1] = (uint8_t)((random >> 16) % (len + 1u));
		lab_in(&l, icmp_make((struct icmp_fields){.type = 8, .ip.options = options, .ip.options_len = len}));
		lab_pump(&l);
		for (struct packet *p = l.out_head; p != NULL; p = p->next)
			assert_int_equal(csum_fold(csum_partial(p->bytes, (p->bytes[0] & 15u) * 4)), 0);
		lab_forget(&l);
		lab_run(&l, lab_now_ms(&l) + 5);
	}
	assert_true(lab_moved(&l, HO_IcmpOutEchoReps) > 1000);
	assert_true(lab_moved(&l, HO_IcmpOutParmProbs) > 1000);
	lab_close(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_and_unknown_options_are_skipped),
		cmocka_unit_test(a_route_is_recorded_as_it_comes_and_as_it_goes),
		cmocka_unit_test(times_are_written_with_and_without_addresses),
		cmocka_unit_test(prespecified_times_are_for_those_who_are_named),
		cmocka_unit_test(who_finds_no_room_for_a_time_is_counted),
		cmocka_unit_test(a_bad_option_is_answered_with_a_parameter_problem),
		cmocka_unit_test(what_lies_behind_the_end_is_cleared),
		cmocka_unit_test(a_source_route_is_refused_silently),
		cmocka_unit_test(an_accepted_source_route_goes_back_reversed),
		cmocka_unit_test(fragments_carry_the_options_of_the_first),
		cmocka_unit_test(without_memory_to_write_into_it_counts_in_discards),
		cmocka_unit_test(any_options_are_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
