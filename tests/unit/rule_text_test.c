/* SPDX-License-Identifier: MIT
 * Packet rules as text: read, refused with words, and written as `iptables -S` does. */
#include <halfopen/view.h>

#include "lab.h"

static void becomes(const char *text, const char *printed)
{
	struct ho_rule r;
	char why[256] = "", buf[400];

	if (ho_view_rule_parse(text, &r, why, sizeof(why)) != 0)
		fail_msg("%s: %s", text, why);
	assert_int_equal(ho_view_rule(&r, buf, sizeof(buf)), strlen(printed));
	assert_string_equal(buf, printed);
}

static void a_rule_is_printed_as_iptables_does(void **state)
{
	(void)state;
	becomes("INPUT -p tcp --dport 9000 -j DROP", "-A INPUT -p tcp -m tcp --dport 9000 -j DROP");
	becomes("-A INPUT -j ACCEPT", "-A INPUT -j ACCEPT");
	becomes("OUTPUT --jump DROP --protocol udp --source-port 53 -d 198.18.0.77/24",
	        "-A OUTPUT -d 198.18.0.0/24 -p udp -m udp --sport 53 -j DROP");
	becomes("FORWARD -i eth0 -o tun+ ! -s 198.18.0.1 -j REJECT",
	        "-A FORWARD ! -s 198.18.0.1/32 -i eth0 -o tun+ -j REJECT --reject-with icmp-port-unreachable");
	becomes("INPUT -p tcp --syn --sport 1024: -j REJECT --reject-with tcp-reset",
	        "-A INPUT -p tcp -m tcp --sport 1024:65535 --tcp-flags FIN,SYN,RST,ACK SYN -j REJECT --reject-with tcp-reset");
	becomes("INPUT -p tcp ! --tcp-flags ALL NONE -j DROP",
	        "-A INPUT -p tcp -m tcp ! --tcp-flags FIN,SYN,RST,PSH,ACK,URG NONE -j DROP");
	becomes("INPUT -p icmp --icmp-type echo-request -j DROP", "-A INPUT -p icmp -m icmp --icmp-type 8 -j DROP");
	becomes("INPUT -p 1 -m icmp ! --icmp-type port-unreachable -j DROP",
	        "-A INPUT -p icmp -m icmp ! --icmp-type 3/3 -j DROP");
	becomes("INPUT ! -p 99 -f -j DROP", "-A INPUT ! -p 99 -f -j DROP");
	becomes("INPUT -p all -s 0.0.0.0/0 -j DROP", "-A INPUT -j DROP");
	becomes("INPUT -m statistic --mode random --probability 0.5 -j DROP",
	        "-A INPUT -m statistic --mode random --probability 0.50000000000 -j DROP");
	becomes("INPUT -m statistic --mode nth --every 3 --packet 1 -j DROP",
	        "-A INPUT -m statistic --mode nth --every 3 --packet 1 -j DROP");
	becomes("INPUT --first 7 -j DROP", "-A INPUT --first 7 -j DROP");
}

static void what_is_wrong_is_named(void **state)
{
	static const struct {
		const char *text, *names;
	} wrong[] = {
		{"", "INPUT"},
		{"input -j DROP", "INPUT"},
		{"PREROUTING -j DROP", "FORWARD"},
		{"INPUT", "-j"},
		{"INPUT -p tcp", "-j"},
		{"INPUT -j", "ACCEPT"},
		{"INPUT -j LOG", "REJECT"},
		{"INPUT -p sctpp -j DROP", "icmp"},
		{"INPUT -p 256 -j DROP", "255"},
		{"INPUT --dport 80 -j DROP", "-p tcp"},
		{"INPUT ! -p tcp --dport 80 -j DROP", "-p tcp"},
		{"INPUT -p tcp --dport 65536 -j DROP", "port"},
		{"INPUT -p tcp --dport 2:1 -j DROP", "range"},
		{"INPUT -p tcp --dport http -j DROP", "port"},
		{"INPUT -p udp --syn -j DROP", "-p tcp"},
		{"INPUT -p tcp --tcp-flags SYN -j DROP", "lists"},
		{"INPUT -p tcp --tcp-flags SYN ACK -j DROP", "lists"},
		{"INPUT -p tcp --tcp-flags SYN, SYN -j DROP", "lists"},
		{"INPUT -p tcp --icmp-type 8 -j DROP", "-p icmp"},
		{"INPUT -p icmp --icmp-type 8/256 -j DROP", "TYPE/CODE"},
		{"INPUT -s 198.18.0 -j DROP", "address"},
		{"INPUT -s 198.18.0.1/33 -j DROP", "prefix"},
		{"INPUT -o eth0 -j DROP", "OUTPUT"},
		{"OUTPUT -i eth0 -j DROP", "INPUT"},
		{"INPUT -i a/b -j DROP", "link"},
		{"INPUT -i 0123456789abcdef -j DROP", "link"},
		{"INPUT -m conntrack -j DROP", "statistic"},
		{"INPUT --mode any -j DROP", "nth"},
		{"INPUT --probability 0 -j DROP", "above 0"},
		{"INPUT --probability 1.5 -j DROP", "up to 1"},
		{"INPUT --probability 0x1 -j DROP", "up to 1"},
		{"INPUT --every 0 -j DROP", "from 1"},
		{"INPUT --every 2 --packet 2 -j DROP", "--every"},
		{"INPUT --packet 1 -j DROP", "--every"},
		{"INPUT --first 0 -j DROP", "from 1"},
		{"INPUT -j DROP --reject-with tcp-reset", "REJECT"},
		{"INPUT -j REJECT --reject-with tcp-reset", "-p tcp"},
		{"INPUT -j REJECT --reject-with nothing", "tcp-reset"},
		{"INPUT ! -j DROP", "!"},
		{"INPUT ! -s 0.0.0.0/0 -j DROP", "no packet"},
		{"INPUT -j DROP --state NEW", "--dport"},
		{"INPUT -j DROP 0123456789012345678901234567890123456789012345678901234567890123456789", "too long"},
	};
	struct ho_rule r;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		char why[256] = "";

		if (ho_view_rule_parse(wrong[i].text, &r, why, sizeof(why)) != -EINVAL)
			fail_msg("'%s' was taken", wrong[i].text);
		if (strstr(why, wrong[i].names) == NULL)
			fail_msg("'%s': '%s' does not speak of %s", wrong[i].text, why, wrong[i].names);
	}
}

static uint32_t draw(uint64_t *x, uint32_t below)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return (uint32_t)(*x % below);
}

static void prefix_draw(uint64_t *x, uint32_t *addr, uint8_t *len)
{
	*len = (uint8_t)draw(x, 33);
	*addr = *len == 0 ? 0 : draw(x, UINT32_MAX) & (UINT32_MAX << (32 - *len));
}

static void ports_draw(uint64_t *x, struct ho_ports *p)
{
	p->given = draw(x, 2);
	p->first = p->given ? (uint16_t)draw(x, 65536) : 0;
	p->last = p->given ? (uint16_t)(p->first + draw(x, 65536u - p->first)) : 0;
}

static struct ho_rule rule_draw(uint64_t *x)
{
	static const uint8_t protocols[] = {0, 1, 6, 17, 50, 99, 255};
	static const char *const names[] = {"", "lo", "eth+", "a.b-c_d@1234567"};
	struct ho_rule r = {.hook = (uint8_t)draw(x, HO_HOOKS),
	                    .action = (uint8_t)draw(x, 3),
	                    .protocol = protocols[draw(x, sizeof(protocols))]};

	prefix_draw(x, &r.saddr, &r.saddr_len);
	prefix_draw(x, &r.daddr, &r.daddr_len);
	if (r.protocol == HO_IPPROTO_TCP || r.protocol == HO_IPPROTO_UDP) {
		ports_draw(x, &r.sport);
		ports_draw(x, &r.dport);
	}
	if (r.protocol == HO_IPPROTO_TCP) {
		r.tcp_mask = (uint8_t)draw(x, 64);
		r.tcp_set = (uint8_t)draw(x, 64) & r.tcp_mask;
	}
	if (r.protocol == HO_IPPROTO_ICMP && draw(x, 2)) {
		r.icmp_type_given = true;
		r.icmp_type = (uint8_t)draw(x, 256);
		r.icmp_code_given = draw(x, 2);
		r.icmp_code = r.icmp_code_given ? (uint8_t)draw(x, 256) : 0;
	}
	if (r.action == HO_RULE_REJECT)
		r.reject_with = (uint8_t)draw(x, r.protocol == HO_IPPROTO_TCP ? HO_REJECTS : HO_REJECT_TCP_RESET);
	if (r.hook != HO_HOOK_OUTPUT)
		strcpy(r.in, names[draw(x, 4)]);
	if (r.hook != HO_HOOK_INPUT)
		strcpy(r.out, names[draw(x, 4)]);
	r.fragment = draw(x, 2);
	r.every = draw(x, 4);
	r.packet = r.every > 0 ? draw(x, r.every) : 0;
	r.probability = draw(x, 3) == 0 ? draw(x, HO_RULE_ALWAYS) + 1 : 0;
	r.first_count = draw(x, 3) == 0 ? draw(x, 1000) + 1 : 0;
	if (draw(x, 3) == 0) {
		r.invert |= r.saddr_len > 0 ? HO_RULE_NOT_SADDR : 0;
		r.invert |= r.dport.given ? HO_RULE_NOT_DPORT : 0;
		r.invert |= r.tcp_mask != 0 ? HO_RULE_NOT_TCP_FLAGS : 0;
		r.invert |= r.icmp_type_given ? HO_RULE_NOT_ICMP_TYPE : 0;
		r.invert |= r.in[0] != '\0' ? HO_RULE_NOT_IN : 0;
		r.invert |= r.fragment ? HO_RULE_NOT_FRAGMENT : 0;
		r.invert |= r.protocol > 17 ? HO_RULE_NOT_PROTOCOL : 0;
	}
	return r;
}

static void what_is_written_reads_as_the_same(void **state)
{
	struct lab l = lab_open();
	uint64_t x = 362436069362436069u;
	char text[400], why[256] = "";

	(void)state;
	for (int i = 0; i < 20000; i++) {
		struct ho_rule r = rule_draw(&x), back;

		ho_view_rule(&r, text, sizeof(text));
		if (ho_view_rule_parse(text, &back, why, sizeof(why)) != 0)
			fail_msg("%s: %s", text, why);
		assert_int_equal(ho_rule_add(l.s, &r), 0);
		if (ho_rule_find(l.s, &back) != 0)
			fail_msg("%s is read otherwise", text);
		ho_rule_flush(l.s, HO_HOOKS);
	}
	lab_close(&l);
}

static void policies_and_counts_are_listed(void **state)
{
	struct lab l = lab_open();
	struct ho_rule r;
	char buf[1000], why[100];

	(void)state;
	assert_int_equal(ho_view_rule_parse("INPUT -p udp -j DROP", &r, why, sizeof(why)), 0);
	assert_int_equal(ho_rule_add(l.s, &r), 0);
	assert_int_equal(ho_rule_policy_set(l.s, HO_HOOK_FORWARD, HO_RULE_DROP), 0);
	lab_in(&l, udp_make((struct udp_fields){.len = 1}));
	lab_in(&l, icmp_make((struct icmp_fields){.type = 0}));
	ho_view_rules(l.s, HO_HOOKS, false, buf, sizeof(buf));
	assert_string_equal(buf, "-P INPUT ACCEPT\n-P FORWARD DROP\n-P OUTPUT ACCEPT\n-A INPUT -p udp -j DROP\n");
	ho_view_rules(l.s, HO_HOOK_INPUT, true, buf, sizeof(buf));
	assert_string_equal(buf, "-P INPUT ACCEPT -c 1 28\n-A INPUT -p udp -c 1 29 -j DROP\n");
	ho_view_rules_json(l.s, HO_HOOK_INPUT, buf, sizeof(buf));
	assert_string_equal(
		buf, "{\"chains\":[\n{\"hook\":\"INPUT\",\"policy\":\"ACCEPT\",\"packets\":1,\"bytes\":28,\"rules\":[\n"
		     " {\"number\":1,\"packets\":1,\"bytes\":29,\"action\":\"DROP\",\"rule\":\"-A INPUT -p udp -j "
		     "DROP\"}]}]}\n");
	lab_close(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rule_is_printed_as_iptables_does),
		cmocka_unit_test(what_is_wrong_is_named),
		cmocka_unit_test(what_is_written_reads_as_the_same),
		cmocka_unit_test(policies_and_counts_are_listed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
