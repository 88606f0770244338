/* SPDX-License-Identifier: MIT
 * The packet filter: hooks, actions, fields, chains and counts.  What moves where is as recorded (experiment packet_filter). */
#include <halfopen/view.h>

#include "lab.h"

#define NAMED 60

/* A rule in iptables' words, at the end of its chain. */
static void rule(struct lab *l, const char *text)
{
	struct ho_rule r;
	char why[256];

	if (ho_view_rule_parse(text, &r, why, sizeof(why)) != 0)
		fail_msg("%s: %s", text, why);
	assert_int_equal(ho_rule_add(l->s, &r), 0);
}

static void counts(const struct lab *l, enum ho_hook hook, uint32_t index, uint64_t packets, uint64_t bytes)
{
	struct ho_rule_count c;

	assert_true(ho_rule_get(l->s, hook, index, NULL, &c));
	assert_int_equal(c.packets, packets);
	assert_int_equal(c.bytes, bytes);
}

static struct bytes udp_to(uint16_t dport)
{
	return udp_make((struct udp_fields){.data = "x", .len = 1, .dport = dport});
}

struct tcp_fields {
	uint32_t seq, ack;
	uint8_t flags;
	uint16_t payload_bytes;
	bool bad;
};

static struct bytes tcp_make(struct tcp_fields f)
{
	uint8_t m[200] = {0};
	uint32_t bytes = 20u + f.payload_bytes;

	put16(m, 1000);
	put16(m + 2, 2000);
	put32(m + 4, f.seq);
	put32(m + 8, f.ack);
	m[12] = 0x50;
	m[13] = f.flags;
	sum_store(m + 16, csum_add(csum_pseudo(PEER_ADDR, HOST, IP_PROTO_TCP, bytes), csum_partial(m, bytes)));
	if (f.bad)
		m[16] ^= 1;
	return ip_make((struct ip_fields){.protocol = IP_PROTO_TCP, .data = m, .len = (uint16_t)bytes});
}

/* ---- hooks ---- */

static void an_input_rule_drops_after_receives_and_before_delivers(void **state)
{
	struct lab l = lab_open();

	(void)state;
	rule(&l, "INPUT -p udp --dport 2000 -j DROP");
	lab_in(&l, udp_to(2000));
	lab_deltas(&l, "IpInReceives 1 IpExtInOctets 29 IpExtInNoECTPkts 1");
	lab_in(&l, udp_to(2001));
	lab_counted(&l, UdpNoPorts, 1);
	ho_rule_flush(l.s, HO_HOOK_INPUT);
	lab_in(&l, udp_to(2000));
	lab_counted(&l, UdpNoPorts, 2);
	lab_close(&l);
}

static void an_output_rule_counts_requests_and_discards(void **state)
{
	struct lab l = lab_open();

	(void)state;
	rule(&l, "OUTPUT -d 198.18.0.1 -j DROP");
	lab_in(&l, icmp_make((struct icmp_fields){.type = 8}));
	lab_deltas(
		&l,
		"IpInReceives 1 IpInDelivers 1 IpOutRequests 1 IpOutDiscards 1 IcmpInMsgs 1 IcmpInEchos 1 IcmpOutMsgs 1 "
		"IcmpOutEchoReps 1 IcmpMsgInType8 1 IcmpMsgOutType0 1 IpExtInOctets 28 IpExtInNoECTPkts 1");
	lab_nothing(&l);
	lab_close(&l);
}

/* As measured: a connection's own segments are refused without IpOutDiscards. */
static void an_output_rule_against_a_connection_counts_only_the_request(void **state)
{
	struct lab l = lab_open();
	int fd = ho_sock_open(l.s, HO_SOCK_STREAM, 0);

	(void)state;
	rule(&l, "OUTPUT -d 198.18.0.1 -j DROP");
	assert_int_equal(ho_sock_connect(l.s, fd, (struct ho_endpoint){PEER_ADDR, 9}), -EINPROGRESS);
	lab_deltas(&l, "IpOutRequests 1 TcpActiveOpens 1 TcpOutSegs 1");
	lab_nothing(&l);
	lab_close(&l);
}

static void a_program_is_told_that_its_packet_may_not_leave(void **state)
{
	struct lab l = lab_open();
	int fd = ho_sock_open(l.s, HO_SOCK_DGRAM, HO_IPPROTO_ICMP);
	uint8_t echo[8] = {8};

	(void)state;
	rule(&l, "OUTPUT -p icmp -j DROP");
	assert_int_equal(ho_sock_sendto(l.s, fd, echo, sizeof(echo), 0, (struct ho_endpoint){PEER_ADDR, 0}), -EPERM);
	lab_close(&l);
}

static bool forwards(struct lab *l, int in_link, int out_link)
{
	struct bytes b = udp_make((struct udp_fields){.ip = {.daddr = HO_ADDR(198, 18, 9, 9)}});
	struct ho_frame *f = ho_frame_make(&l->al, b.at, b.len);
	struct rx rx = {.frame = f,
	                .ip = b.at,
	                .l4 = b.at + 20,
	                .saddr = PEER_ADDR,
	                .daddr = HO_ADDR(198, 18, 9, 9),
	                .ip_bytes = 20,
	                .l4_bytes = (uint16_t)(b.len - 20),
	                .protocol = IP_PROTO_UDP,
	                .ttl = 64,
	                .link = (uint8_t)in_link};
	bool passed = !rules_any(l->s, HO_HOOK_FORWARD) || rules_forward(l->s, &rx, out_link);

	ho_frame_unref(f);
	return passed;
}

static void a_packet_of_others_meets_forward_with_both_links(void **state)
{
	struct lab l = lab_open();
	struct ho_link_config c = {.name = "wan", .mtu = 1500, .out_queue_max = 10};

	(void)state;
	assert_int_equal(ho_link_add(l.s, &c), 1);
	assert_true(forwards(&l, 0, 1));
	rule(&l, "FORWARD -i eth+ -o wan -j REJECT --reject-with icmp-admin-prohibited");
	assert_true(forwards(&l, 1, 0));
	assert_true(forwards(&l, 0, 0));
	lab_mark(&l);
	assert_false(forwards(&l, 0, 1));
	assert_int_equal(lab_out(&l)->bytes[21], 13);
	lab_counted(&l, IcmpMsgOutType + 3, 1);
	counts(&l, HO_HOOK_FORWARD, 0, 1, 28);
	lab_close(&l);
}

/* ---- reject ---- */

static void a_rejected_packet_brings_its_sender_an_icmp_error(void **state)
{
	static const struct {
		const char *name;
		uint8_t code;
	} kinds[] = {{"icmp-net-unreachable", 0},  {"icmp-host-unreachable", 1}, {"icmp-proto-unreachable", 2},
	             {"icmp-port-unreachable", 3}, {"icmp-net-prohibited", 9},   {"icmp-host-prohibited", 10},
	             {"icmp-admin-prohibited", 13}};
	char text[100];

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		struct lab l = lab_open();
		struct packet *p;

		snprintf(text, sizeof(text), "INPUT -p udp -j REJECT --reject-with %s", kinds[i].name);
		rule(&l, text);
		lab_in(&l, udp_to(2000));
		p = lab_out(&l);
		assert_int_equal(p->bytes[9], IP_PROTO_ICMP);
		assert_int_equal(p->bytes[20], 3);
		assert_int_equal(p->bytes[21], kinds[i].code);
		lab_deltas(&l, "IpInReceives 1 IpOutRequests 1 IpOutTransmits 1 IcmpOutMsgs 1 IcmpOutDestUnreachs 1 "
		               "IcmpMsgOutType3 1 IpExtInOctets 29 IpExtOutOctets 57 IpExtInNoECTPkts 1");
		counts(&l, HO_HOOK_INPUT, 0, 1, 29);
		lab_close(&l);
	}
}

static void who_is_not_told_why(void **state)
{
	static const uint8_t gre[8] = {0x80, 0, 8, 0, 1, 2};
	struct lab l = lab_open();

	(void)state;
	rule(&l, "INPUT -j REJECT");
	lab_in(&l, tcp_make((struct tcp_fields){.flags = TCP_SYN, .bad = true}));
	lab_in(&l, udp_make((struct udp_fields){.bad = true}));
	lab_in(&l, icmp_make((struct icmp_fields){.type = 8, .bad = true}));
	lab_in(&l, icmp_make((struct icmp_fields){.type = 3, .code = 3}));
	lab_in(&l, ip_make((struct ip_fields){.protocol = 99, .data = "abcd", .len = 4}));
	lab_in(&l, ip_make((struct ip_fields){.protocol = 47, .data = gre, .len = 8}));
	lab_in(&l, udp_make((struct udp_fields){.ip = {.daddr = HO_ADDR(198, 18, 0, 255)}}));
	lab_nothing(&l);
	lab_in(&l, udp_make((struct udp_fields){.no_sum = true}));
	assert_int_equal(lab_out(&l)->bytes[20], 3);
	lab_in(&l, ip_make((struct ip_fields){.protocol = 50, .data = "abcd", .len = 4})); /* its sum is none of IP's */
	assert_int_equal(lab_out(&l)->bytes[20], 3);
	counts(&l, HO_HOOK_INPUT, 0, 9, 40 + 28 + 28 + 28 + 24 + 28 + 28 + 28 + 24);
	lab_close(&l);
}

static void resets(uint32_t seq, uint32_t ack, uint8_t flags, uint16_t payload_bytes, uint32_t rst_seq,
                   uint32_t rst_ack, uint8_t rst_flags)
{
	struct lab l = lab_open();
	struct packet *p;

	rule(&l, "INPUT -p tcp -j REJECT --reject-with tcp-reset");
	lab_in(&l,
	       tcp_make((struct tcp_fields){.seq = seq, .ack = ack, .flags = flags, .payload_bytes = payload_bytes}));
	p = lab_out(&l);
	lab_deltas(&l, payload_bytes == 0
	                       ? "IpInReceives 1 IpOutRequests 1 IpOutTransmits 1 IpExtInOctets 40 IpExtOutOctets 40 "
	                         "IpExtInNoECTPkts 1"
	                       : "IpInReceives 1 IpOutRequests 1 IpOutTransmits 1 IpExtInOctets 43 IpExtOutOctets 40 "
	                         "IpExtInNoECTPkts 1");
	assert_int_equal(p->len, 40);
	assert_int_equal(get16(p->bytes + 6), 0x4000);
	assert_int_equal(get16(p->bytes + 20), 2000);
	assert_int_equal(get16(p->bytes + 22), 1000);
	assert_int_equal(get32(p->bytes + 24), rst_seq);
	assert_int_equal(get32(p->bytes + 28), rst_ack);
	assert_int_equal(p->bytes[33], rst_flags);
	assert_int_equal(
		csum_fold(csum_add(csum_pseudo(HOST, PEER_ADDR, IP_PROTO_TCP, 20), csum_partial(p->bytes + 20, 20))),
		0);
	lab_close(&l);
}

static void a_reset_answers_as_if_nobody_listened(void **state)
{
	(void)state;
	resets(1000, 0, TCP_SYN, 0, 0, 1001, TCP_RST | TCP_ACK);
	resets(1000, 0, TCP_SYN, 3, 0, 1004, TCP_RST | TCP_ACK);
	resets(1000, 0, TCP_FIN, 0, 0, 1001, TCP_RST | TCP_ACK);
	resets(1000, 5000, TCP_ACK, 0, 5000, 0, TCP_RST);
	resets(1000, 5000, TCP_ACK | TCP_PSH, 3, 5000, 0, TCP_RST);
}

static void a_reset_is_not_answered_by_one(void **state)
{
	struct lab l = lab_open();

	(void)state;
	rule(&l, "INPUT -p tcp -j REJECT --reject-with tcp-reset");
	lab_in(&l, tcp_make((struct tcp_fields){.seq = 1, .flags = TCP_RST}));
	lab_in(&l, tcp_make((struct tcp_fields){.seq = 1, .flags = TCP_SYN, .bad = true}));
	lab_nothing(&l);
	lab_close(&l);
}

static void what_we_may_not_send_comes_back_as_an_error(void **state)
{
	struct lab l = lab_open();
	int fd = ho_sock_open(l.s, HO_SOCK_STREAM, 0);

	(void)state;
	rule(&l, "OUTPUT -p tcp -j REJECT");
	assert_int_equal(ho_sock_connect(l.s, fd, (struct ho_endpoint){PEER_ADDR, 9}), -EINPROGRESS);
	ho_stack_expire(l.s, ho_stack_now(l.s), 0); /* what is for ourselves waits for a door */
	assert_int_equal(ho_sock_connect(l.s, fd, (struct ho_endpoint){PEER_ADDR, 9}), -ECONNREFUSED);
	lab_counted(&l, IcmpInDestUnreachs, 1);
	lab_nothing(&l);
	lab_close(&l);
}

static void a_reset_of_our_own_ends_our_connection(void **state)
{
	struct lab l = lab_open();
	int fd = ho_sock_open(l.s, HO_SOCK_STREAM, 0);

	(void)state;
	rule(&l, "OUTPUT -p tcp -d 198.18.0.1 -j REJECT --reject-with tcp-reset");
	ho_sock_connect(l.s, fd, (struct ho_endpoint){PEER_ADDR, 9});
	ho_stack_expire(l.s, ho_stack_now(l.s), 0);
	lab_deltas(&l,
	           "IpInReceives 1 IpInDelivers 1 IpOutRequests 2 IpOutTransmits 1 TcpActiveOpens 1 TcpAttemptFails 1 "
	           "TcpInSegs 1 TcpOutSegs 1 IpExtInOctets 40 IpExtOutOctets 40 IpExtInNoECTPkts 1");
	lab_nothing(&l);
	lab_close(&l);
}

/* An answer that a rule rejects again ends there. */
static void rejecting_everything_ends(void **state)
{
	struct lab l = lab_open();

	(void)state;
	rule(&l, "INPUT -j REJECT");
	rule(&l, "OUTPUT -p tcp -j REJECT --reject-with tcp-reset");
	rule(&l, "OUTPUT -j REJECT");
	lab_in(&l, udp_to(2000));
	lab_in(&l, tcp_make((struct tcp_fields){.flags = TCP_SYN}));
	ho_stack_expire(l.s, ho_stack_now(l.s), 0);
	lab_nothing(&l);
	lab_close(&l);
}

/* ---- fields ---- */

/* Does a rule with these words drop the packet? */
static bool drops(const char *words, struct bytes b)
{
	struct lab l = lab_open();
	struct ho_rule r;
	char text[200];
	bool dropped;

	snprintf(text, sizeof(text), "INPUT %s -j DROP", words);
	rule(&l, text);
	lab_in(&l, b);
	dropped = lab_moved(&l, HO_IpInDelivers) + lab_moved(&l, HO_IpInUnknownProtos) == 0;
	assert_true(ho_rule_get(l.s, HO_HOOK_INPUT, 0, &r, NULL));
	if (r.in[0] == '\0')
		assert_int_equal(ho_rule_matches(&r, b.at, b.len), dropped);
	lab_close(&l);
	return dropped;
}

static void each_field_is_asked_and_can_be_turned_round(void **state)
{
	struct bytes udp = udp_to(2000), syn = tcp_make((struct tcp_fields){.flags = TCP_SYN});
	struct bytes ack = tcp_make((struct tcp_fields){.flags = TCP_ACK | TCP_PSH});
	struct bytes echo = icmp_make((struct icmp_fields){.type = 8}),
		     code = icmp_make((struct icmp_fields){.type = 8, .code = 1});

	(void)state;
	assert_true(drops("", udp));
	assert_true(drops("-p udp", udp));
	assert_false(drops("-p tcp", udp));
	assert_true(drops("! -p tcp", udp));
	assert_false(drops("! -p udp", udp));
	assert_true(drops("-s 198.18.0.1", udp));
	assert_true(drops("-s 198.0.0.0/8", udp));
	assert_false(drops("-s 198.18.0.2/31", udp));
	assert_true(drops("! -s 198.18.0.2/31", udp));
	assert_true(drops("-d 198.18.0.2", udp));
	assert_false(drops("! -d 198.18.0.2", udp));
	assert_true(drops("-p udp --dport 2000", udp));
	assert_true(drops("-p udp --dport 1999:2000", udp));
	assert_true(drops("-p udp --dport 2000: --sport :1000", udp));
	assert_false(drops("-p udp --dport 2001:", udp));
	assert_false(drops("-p udp --dport 2000 --sport 999", udp));
	assert_true(drops("-p udp ! --dport 2001:2009", udp));
	assert_false(drops("-p tcp --dport 2000", udp));
	assert_true(drops("-p tcp --syn", syn));
	assert_false(drops("-p tcp --syn", ack));
	assert_true(drops("-p tcp ! --syn", ack));
	assert_true(drops("-p tcp --tcp-flags ALL PSH,ACK", ack));
	assert_true(drops("-p tcp --tcp-flags SYN,ACK,RST ACK", ack));
	assert_false(drops("-p tcp --tcp-flags ALL NONE", ack));
	assert_true(drops("-p icmp --icmp-type echo-request", echo));
	assert_true(drops("-p icmp --icmp-type 8/1", code));
	assert_false(drops("-p icmp --icmp-type 8/1", echo));
	assert_false(drops("-p icmp --icmp-type 0", echo));
	assert_true(drops("-p icmp ! --icmp-type 8/1", echo));
	assert_true(drops("-i eth0", udp));
	assert_true(drops("-i e+", udp));
	assert_false(drops("-i eth", udp));
	assert_false(drops("-i lo", udp));
	assert_true(drops("! -i lo", udp));
	assert_false(drops("-f", udp));
	assert_true(drops("! -f", udp));
	/* where there is no header to look at, its fields are neither so nor otherwise */
	assert_false(drops("-p tcp ! --dport 1", ip_make((struct ip_fields){.protocol = IP_PROTO_TCP, .len = 8})));
	assert_false(drops("-p udp --sport 0", ip_make((struct ip_fields){.protocol = IP_PROTO_UDP, .len = 7})));
}

static void what_is_no_whole_packet_matches_nothing(void **state)
{
	static const struct ho_rule any = {.action = HO_RULE_DROP};
	struct bytes b = udp_to(2000);

	(void)state;
	assert_true(ho_rule_matches(&any, b.at, b.len));
	for (uint32_t len = 0; len < b.len; len++)
		assert_false(ho_rule_matches(&any, b.at, len));
	b.at[0] = 0x65;
	assert_false(ho_rule_matches(&any, b.at, b.len));
	b.at[0] = 0x44;
	assert_false(ho_rule_matches(&any, b.at, b.len));
	b.at[0] = 0x4f;
	assert_false(ho_rule_matches(&any, b.at, b.len));
}

static void a_packet_to_ourselves_comes_in_by_lo_and_leaves_by_it(void **state)
{
	struct lab l = lab_open();
	int fd = ho_sock_open(l.s, HO_SOCK_DGRAM, HO_IPPROTO_ICMP);
	uint8_t echo[8] = {8};

	(void)state;
	rule(&l, "OUTPUT -o lo -j ACCEPT");
	rule(&l, "INPUT -i lo -j ACCEPT");
	assert_int_equal(ho_sock_sendto(l.s, fd, echo, sizeof(echo), 0, (struct ho_endpoint){HOST, 0}), 8);
	ho_stack_expire(l.s, ho_stack_now(l.s), 0);
	counts(&l, HO_HOOK_OUTPUT, 0, 2, 56);
	counts(&l, HO_HOOK_INPUT, 0, 2, 56);
	lab_close(&l);
}

static unsigned dropped_of(struct lab *l, unsigned n, char pattern[])
{
	unsigned dropped = 0;

	for (unsigned i = 0; i < n; i++) {
		uint64_t before = ho_counter_get(l->s, HO_IpInDelivers);

		lab_in(l, udp_to(2000));
		pattern[i] = ho_counter_get(l->s, HO_IpInDelivers) == before ? 'x' : '.';
		dropped += pattern[i] == 'x';
	}
	pattern[n] = '\0';
	return dropped;
}

static void every_nth_and_only_the_first_few(void **state)
{
	struct lab l = lab_open();
	char pattern[NAMED + 1];

	(void)state;
	rule(&l, "INPUT -p udp -m statistic --mode nth --every 3 --packet 1 -j DROP");
	dropped_of(&l, 9, pattern);
	assert_string_equal(pattern, ".x..x..x.");
	ho_rule_flush(l.s, HO_HOOKS);
	rule(&l, "INPUT -p udp --first 2 -j DROP");
	dropped_of(&l, 5, pattern);
	assert_string_equal(pattern, "xx...");
	counts(&l, HO_HOOK_INPUT, 0, 2, 58);
	ho_rule_flush(l.s, HO_HOOKS);
	rule(&l, "INPUT -p tcp -m statistic --mode nth --every 2 -j DROP"); /* others do not move it on */
	dropped_of(&l, 3, pattern);
	assert_string_equal(pattern, "...");
	lab_close(&l);
}

static void chance_is_the_secrets(void **state)
{
	char one[NAMED + 1], again[NAMED + 1], other[NAMED + 1];
	struct lab a = lab_open(.secret = 1), b = lab_open(.secret = 1), c = lab_open(.secret = 2);
	unsigned n;

	(void)state;
	rule(&a, "INPUT -m statistic --mode random --probability 0.25 -j DROP");
	rule(&b, "INPUT -m statistic --mode random --probability 0.25 -j DROP");
	rule(&c, "INPUT -m statistic --mode random --probability 0.25 -j DROP");
	n = dropped_of(&a, NAMED, one);
	dropped_of(&b, NAMED, again);
	dropped_of(&c, NAMED, other);
	assert_in_range(n, NAMED / 10, NAMED / 2);
	assert_string_equal(one, again);
	assert_string_not_equal(one, other);
	ho_rule_flush(a.s, HO_HOOKS);
	rule(&a, "INPUT -m statistic --mode random --probability 1 -j DROP");
	assert_int_equal(dropped_of(&a, NAMED, one), NAMED);
	lab_close(&a);
	lab_close(&b);
	lab_close(&c);
}

/* ---- chains ---- */

static void the_first_rule_that_matches_decides(void **state)
{
	struct lab l = lab_open();

	(void)state;
	rule(&l, "INPUT -p udp --dport 2001 -j ACCEPT");
	rule(&l, "INPUT -p udp -j DROP");
	rule(&l, "INPUT -p udp --dport 2000 -j ACCEPT");
	lab_in(&l, udp_to(2000));
	lab_in(&l, udp_to(2001));
	lab_counted(&l, UdpNoPorts, 1);
	counts(&l, HO_HOOK_INPUT, 0, 1, 29);
	counts(&l, HO_HOOK_INPUT, 1, 1, 29);
	counts(&l, HO_HOOK_INPUT, 2, 0, 0);
	ho_rule_zero(l.s, HO_HOOKS);
	counts(&l, HO_HOOK_INPUT, 1, 0, 0);
	lab_close(&l);
}

static void what_no_rule_matches_is_the_policys(void **state)
{
	struct lab l = lab_open();
	struct ho_rule_count c;

	(void)state;
	assert_int_equal(ho_rule_policy_set(l.s, HO_HOOK_INPUT, HO_RULE_REJECT), -EINVAL);
	assert_int_equal(ho_rule_policy_set(l.s, HO_HOOK_INPUT, HO_RULE_DROP), 0);
	lab_in(&l, udp_to(2000));
	lab_counted(&l, UdpNoPorts, 0);
	assert_int_equal(ho_rule_policy(l.s, HO_HOOK_INPUT, &c), HO_RULE_DROP);
	assert_int_equal(c.packets, 1);
	assert_int_equal(c.bytes, 29);
	assert_int_equal(ho_rule_policy_set(l.s, HO_HOOK_INPUT, HO_RULE_ACCEPT), 0);
	lab_in(&l, udp_to(2000));
	lab_counted(&l, UdpNoPorts, 1);
	lab_close(&l);
}

static void a_rule_that_cannot_be_is_refused(void **state)
{
	static const struct ho_rule wrong[] = {
		{.hook = HO_HOOKS},
		{.action = 3},
		{.reject_with = HO_REJECTS},
		{.dport = {true, 1, 2}},
		{.protocol = 6, .invert = HO_RULE_NOT_PROTOCOL, .dport = {true, 1, 2}},
		{.protocol = 6, .dport = {true, 2, 1}},
		{.protocol = 17, .tcp_mask = 2},
		{.protocol = 6, .tcp_mask = 2, .tcp_set = 3},
		{.protocol = 17, .action = HO_RULE_REJECT, .reject_with = HO_REJECT_TCP_RESET},
		{.protocol = 17, .icmp_type_given = true},
		{.protocol = 1, .icmp_code_given = true},
		{.saddr = 1},
		{.saddr = HO_ADDR(198, 18, 0, 1), .saddr_len = 24},
		{.saddr_len = 33},
		{.out = "eth0"},
		{.hook = HO_HOOK_OUTPUT, .in = "eth0"},
		{.in = "a/b"},
		{.in = "0123456789abcdef"},
		{.packet = 1},
		{.every = 2, .packet = 2},
		{.probability = HO_RULE_ALWAYS + 1},
	};
	struct lab l = lab_open();

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		if (ho_rule_add(l.s, &wrong[i]) != -EINVAL)
			fail_msg("rule %zu was taken", i);
	assert_int_equal(ho_rule_insert(l.s, &(struct ho_rule){.protocol = 1}, 1), -ENOENT);
	assert_int_equal(ho_rule_delete(l.s, HO_HOOK_INPUT, 0), -ENOENT);
	lab_close(&l);
}

static void a_chain_holds_1024_rules(void **state)
{
	struct lab l = lab_open();

	(void)state;
	for (int i = 0; i < HO_RULES_MAX; i++)
		assert_int_equal(ho_rule_add(l.s, &(struct ho_rule){.protocol = 99}), 0);
	assert_int_equal(ho_rule_add(l.s, &(struct ho_rule){.protocol = 99}), -ENOSPC);
	assert_int_equal(ho_rule_add(l.s, &(struct ho_rule){.hook = HO_HOOK_OUTPUT, .protocol = 99}), 0);
	lab_close(&l);
}

static uint64_t rules_without_memory(uint64_t fail_at)
{
	struct lab l = lab_open(.fail_at = fail_at);
	uint32_t n = 0;
	uint64_t calls;

	for (unsigned i = 0; l.s != NULL && i < 40; i++) {
		int err = ho_rule_add(l.s, &(struct ho_rule){.protocol = 99});

		assert_true(err == 0 || err == -ENOMEM);
		n += err == 0;
	}
	for (; l.s != NULL && n > 0; n--)
		assert_int_equal(ho_rule_delete(l.s, HO_HOOK_INPUT, 0), 0);
	calls = l.heap->calls;
	lab_close(&l);
	return calls;
}

static void without_memory_a_chain_stays_as_it_was(void **state)
{
	(void)state;
	lab_every_allocation_fails(rules_without_memory);
}

static uint32_t draw(uint64_t *x, uint32_t below)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return (uint32_t)(*x % below);
}

/* Against an array of numbers: inserts, deletions, searches; and which rule a packet meets first. */
static void a_chain_is_a_list(void **state)
{
	struct lab l = lab_open();
	uint16_t model[200];
	uint32_t n = 0;
	uint64_t x = 88172645463325252u;

	(void)state;
	for (int step = 0; step < 4000; step++) {
		uint16_t port = (uint16_t)(3000 + draw(&x, 60));
		struct ho_rule r = {.protocol = IP_PROTO_UDP, .dport = {true, port, port}};
		uint32_t at = draw(&x, n + 1), found;
		struct ho_rule got;

		if (draw(&x, 2) && n < 200) {
			assert_int_equal(ho_rule_insert(l.s, &r, at), 0);
			memmove(&model[at + 1], &model[at], (n++ - at) * sizeof(*model));
			model[at] = port;
		} else {
			assert_int_equal(ho_rule_delete(l.s, HO_HOOK_INPUT, at), at < n ? 0 : -ENOENT);
			if (at < n)
				memmove(&model[at], &model[at + 1], (--n - at) * sizeof(*model));
		}
		for (found = 0; found < n && model[found] != port; found++) {
		}
		assert_int_equal(ho_rule_find(l.s, &r), found < n ? (int)found : -ENOENT);
		for (uint32_t i = 0; step % 50 == 0 && i < n; i++) {
			assert_true(ho_rule_get(l.s, HO_HOOK_INPUT, i, &got, NULL));
			assert_int_equal(got.dport.first, model[i]);
		}
		assert_false(ho_rule_get(l.s, HO_HOOK_INPUT, n, NULL, NULL));
		ho_rule_zero(l.s, HO_HOOK_INPUT);
		lab_in(&l, udp_to(port));
		if (found < n)
			counts(&l, HO_HOOK_INPUT, found, 1, 29);
	}
	lab_close(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_input_rule_drops_after_receives_and_before_delivers),
		cmocka_unit_test(an_output_rule_counts_requests_and_discards),
		cmocka_unit_test(an_output_rule_against_a_connection_counts_only_the_request),
		cmocka_unit_test(a_program_is_told_that_its_packet_may_not_leave),
		cmocka_unit_test(a_packet_of_others_meets_forward_with_both_links),
		cmocka_unit_test(a_rejected_packet_brings_its_sender_an_icmp_error),
		cmocka_unit_test(who_is_not_told_why),
		cmocka_unit_test(a_reset_answers_as_if_nobody_listened),
		cmocka_unit_test(a_reset_is_not_answered_by_one),
		cmocka_unit_test(what_we_may_not_send_comes_back_as_an_error),
		cmocka_unit_test(a_reset_of_our_own_ends_our_connection),
		cmocka_unit_test(rejecting_everything_ends),
		cmocka_unit_test(each_field_is_asked_and_can_be_turned_round),
		cmocka_unit_test(what_is_no_whole_packet_matches_nothing),
		cmocka_unit_test(a_packet_to_ourselves_comes_in_by_lo_and_leaves_by_it),
		cmocka_unit_test(every_nth_and_only_the_first_few),
		cmocka_unit_test(chance_is_the_secrets),
		cmocka_unit_test(the_first_rule_that_matches_decides),
		cmocka_unit_test(what_no_rule_matches_is_the_policys),
		cmocka_unit_test(a_rule_that_cannot_be_is_refused),
		cmocka_unit_test(a_chain_holds_1024_rules),
		cmocka_unit_test(without_memory_a_chain_stays_as_it_was),
		cmocka_unit_test(a_chain_is_a_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
