/* SPDX-License-Identifier: MIT
 * What a running host answers, word by word: rule, route, addr, sysctl; and what they refuse. */
#include "answer.h"
#include "pinger.h"
#include "route_spec.h"
#include "tools.h"

#include <errno.h>

#include "lab.h"

#define WORDS_MAX 32

struct host {
	struct lab l;
	struct asked asked;
	char *text; /* the last answer */
};

static struct host host_open(void)
{
	struct host h = {.l = lab_open()};

	h.asked.stack = h.l.s;
	return h;
}

static void host_close(struct host *h)
{
	free(h->text);
	lab_close(&h->l);
}

static int ask(struct host *h, const char *request)
{
	char line[512], *words[WORDS_MAX], *save = NULL;
	int count = 0, status;
	size_t bytes;
	FILE *out;

	free(h->text);
	out = open_memstream(&h->text, &bytes);
	snprintf(line, sizeof(line), "%s", request);
	for (char *w = strtok_r(line, " ", &save); w != NULL && count < WORDS_MAX; w = strtok_r(NULL, " ", &save))
		words[count++] = w;
	status = answer(&h->asked, count, words, out);
	fclose(out);
	return status;
}

static void says(struct host *h, const char *request, const char *text)
{
	if (ask(h, request) != EXIT_FINE)
		fail_msg("%s: %s", request, h->text);
	assert_string_equal(h->text, text);
}

/* Refused, in words that speak of something. */
static void refuses(struct host *h, const char *request, int status, const char *part)
{
	assert_int_equal(ask(h, request), status);
	if (strstr(h->text, part) == NULL)
		fail_msg("%s: '%s' does not speak of %s", request, h->text, part);
}

static void rules_are_added_in_order_and_taken_away(void **state)
{
	struct host h = host_open();

	(void)state;
	says(&h, "rule", "-P INPUT ACCEPT\n-P FORWARD ACCEPT\n-P OUTPUT ACCEPT\n");
	says(&h, "rule add INPUT -p tcp --dport 9000 -j DROP", "");
	says(&h, "rule insert INPUT -s 198.18.0.1 -j ACCEPT", "");
	says(&h, "rule insert INPUT 2 -p udp -j REJECT", "");
	says(&h, "rule list INPUT",
	     "-P INPUT ACCEPT\n-A INPUT -s 198.18.0.1/32 -j ACCEPT\n"
	     "-A INPUT -p udp -j REJECT --reject-with icmp-port-unreachable\n-A INPUT -p tcp -m tcp --dport 9000 -j DROP\n");
	says(&h, "rule delete INPUT 2", "");
	says(&h, "rule delete INPUT -p tcp --dport 9000 -j DROP", "");
	says(&h, "rule policy FORWARD DROP", "");
	says(&h, "rule list",
	     "-P INPUT ACCEPT\n-P FORWARD DROP\n-P OUTPUT ACCEPT\n-A INPUT -s 198.18.0.1/32 -j ACCEPT\n");
	lab_in(&h.l, icmp_make((struct icmp_fields){.type = 8}));
	says(&h, "rule list INPUT -v", "-P INPUT ACCEPT -c 0 0\n-A INPUT -s 198.18.0.1/32 -c 1 28 -j ACCEPT\n");
	says(&h, "rule zero INPUT", "");
	says(&h, "rule -v",
	     "-P INPUT ACCEPT -c 0 0\n-P FORWARD DROP -c 0 0\n-P OUTPUT ACCEPT -c 0 0\n"
	     "-A INPUT -s 198.18.0.1/32 -c 0 0 -j ACCEPT\n");
	says(&h, "rule flush", "");
	says(&h, "rule list INPUT", "-P INPUT ACCEPT\n");
	host_close(&h);
}

static void wrong_rules_are_refused(void **state)
{
	struct host h = host_open();

	(void)state;
	refuses(&h, "rule append", EXIT_USAGE, "insert");
	refuses(&h, "rule add", EXIT_USAGE, "INPUT");
	refuses(&h, "rule add INPUT --dport 80 -j DROP", EXIT_USAGE, "-p tcp");
	refuses(&h, "rule insert INPUT 2 -j DROP", EXIT_FAILED, "no such rule");
	refuses(&h, "rule delete INPUT 1", EXIT_FAILED, "no such rule");
	refuses(&h, "rule delete INPUT -j DROP", EXIT_FAILED, "no such rule");
	refuses(&h, "rule list MANGLE", EXIT_USAGE, "FORWARD");
	refuses(&h, "rule flush INPUT OUTPUT", EXIT_USAGE, "INPUT");
	refuses(&h, "rule policy INPUT REJECT", EXIT_USAGE, "DROP");
	host_close(&h);
}

static void routes_are_shown_as_ip_shows_them(void **state)
{
	struct host h = host_open();

	(void)state;
	says(&h, "route",
	     "default dev eth0 scope link\n198.18.0.0/24 dev eth0 proto kernel scope link src 198.18.0.2\n");
	says(&h, "route add 198.18.7.0/24 via 198.18.0.1 metric 5 mtu 1300", "");
	says(&h, "route add 198.18.7.1 via 198.18.0.9 src 198.18.0.2", "");
	says(&h, "route add blackhole 198.18.9.0/24", "");
	says(&h, "route replace default via 198.18.0.1 dev eth0", "");
	says(&h, "route show",
	     "default via 198.18.0.1 dev eth0\n198.18.0.0/24 dev eth0 proto kernel scope link src 198.18.0.2\n"
	     "198.18.7.0/24 via 198.18.0.1 dev eth0 metric 5 mtu 1300\n198.18.7.1 via 198.18.0.9 dev eth0 src 198.18.0.2\n"
	     "blackhole 198.18.9.0/24\n");
	says(&h, "route get 198.18.7.2", "198.18.7.2 via 198.18.0.1 dev eth0 src 198.18.0.2\n    cache mtu 1300\n");
	says(&h, "route get 198.18.0.2", "local 198.18.0.2 dev lo src 198.18.0.2\n    cache <local>\n");
	says(&h, "route del 198.18.7.1", "");
	says(&h, "route show --json",
	     "[{\"dst\":\"default\",\"gateway\":\"198.18.0.1\",\"dev\":\"eth0\",\"flags\":[]},\n"
	     "{\"dst\":\"198.18.0.0/24\",\"dev\":\"eth0\",\"protocol\":\"kernel\",\"scope\":\"link\",\"prefsrc\":\"198.18.0.2\","
	     "\"flags\":[]},\n"
	     "{\"dst\":\"198.18.7.0/24\",\"gateway\":\"198.18.0.1\",\"dev\":\"eth0\",\"metric\":5,\"flags\":[],"
	     "\"metrics\":[{\"mtu\":1300}]},\n{\"type\":\"blackhole\",\"dst\":\"198.18.9.0/24\",\"flags\":[]}]\n");
	host_close(&h);
}

static void metrics_of_a_route_are_read_and_shown_in_the_same_words(void **state)
{
	struct host h = host_open();

	(void)state;
	says(&h, "route add 198.19.0.0/16 dev eth0 metric 7 mtu lock 1400 advmss 1000 initcwnd 20 rto_min lock 50ms quickack 1", "");
	says(&h, "route show",
	     "default dev eth0 scope link\n198.18.0.0/24 dev eth0 proto kernel scope link src 198.18.0.2\n198.19.0.0/16 dev eth0 scope link metric 7 mtu lock 1400 advmss 1000 initcwnd 20 rto_min lock 50ms quickack 1\n");
	refuses(&h, "route add 198.19.1.0/24 dev eth0 rto_min lock", EXIT_USAGE, "number");
	refuses(&h, "route add 198.19.1.0/24 dev eth0 quickack 2", EXIT_USAGE, "0 or 1");
	host_close(&h);
}

static void wrong_routes_are_refused(void **state)
{
	struct host h = host_open();

	(void)state;
	refuses(&h, "route flush", EXIT_USAGE, "replace");
	refuses(&h, "route add", EXIT_USAGE, "default");
	refuses(&h, "route add 198.18.7.0/33 dev eth0", EXIT_USAGE, "prefix");
	refuses(&h, "route add 198.18.7.0/24 dev eth7", EXIT_USAGE, "Cannot find device");
	refuses(&h, "route add 198.18.7.0/24 via", EXIT_USAGE, "alone");
	refuses(&h, "route add 198.18.7.0/24 via eth0", EXIT_USAGE, "address");
	refuses(&h, "route add 198.18.7.0/24 dev eth0 metric -1", EXIT_USAGE, "number");
	refuses(&h, "route add 198.18.7.0/24 scope link", EXIT_USAGE, "metric N");
	refuses(&h, "route add 198.18.7.1/24 dev eth0", EXIT_FAILED, "RTNETLINK answers: Invalid argument");
	refuses(&h, "route add 198.18.0.0/24 dev eth0", EXIT_FAILED, "RTNETLINK answers: File exists");
	refuses(&h, "route del 198.18.7.0/24", EXIT_FAILED, "RTNETLINK answers: No such process");
	refuses(&h, "route get", EXIT_USAGE, "address");
	says(&h, "route replace unreachable default", "");
	refuses(&h, "route get 198.18.7.1", EXIT_FAILED, "No route to host");
	refuses(&h, "route get 198.18.7.1 --json", EXIT_USAGE, "--json");
	host_close(&h);
}

static void addresses_come_and_go(void **state)
{
	struct host h = host_open();
	struct ho_link_config c = {.name = "wan", .mtu = 1400, .out_queue_max = 10};

	(void)state;
	says(&h, "addr add 198.18.0.3/24", "");
	says(&h, "addr",
	     "1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 state UNKNOWN\n    link/loopback\n    inet 127.0.0.1/8 scope host lo\n"
	     "       valid_lft forever preferred_lft forever\n"
	     "2: eth0: <POINTOPOINT,MULTICAST,NOARP,UP,LOWER_UP> mtu 1500 state UNKNOWN qlen 1000\n    link/none\n"
	     "    inet 198.18.0.2/24 scope global eth0\n       valid_lft forever preferred_lft forever\n"
	     "    inet 198.18.0.3/24 scope global secondary eth0\n       valid_lft forever preferred_lft forever\n");
	says(&h, "addr del 198.18.0.3/24", "");
	assert_int_equal(ho_link_add(h.l.s, &c), 1);
	refuses(&h, "addr add 198.18.1.2/24", EXIT_USAGE, "several links");
	says(&h, "addr add 198.18.1.2/24 dev wan", "");
	says(&h, "addr show --json",
	     "[{\"ifindex\":1,\"ifname\":\"lo\",\"mtu\":65536,\"addr_info\":[{\"family\":\"inet\",\"local\":\"127.0.0.1\","
	     "\"prefixlen\":8,\"scope\":\"host\",\"label\":\"lo\"}]},\n"
	     "{\"ifindex\":2,\"ifname\":\"eth0\",\"mtu\":1500,\"txqlen\":1000,\"addr_info\":[{\"family\":\"inet\","
	     "\"local\":\"198.18.0.2\",\"prefixlen\":24,\"scope\":\"global\",\"label\":\"eth0\"}]},\n"
	     "{\"ifindex\":3,\"ifname\":\"wan\",\"mtu\":1400,\"txqlen\":10,\"addr_info\":[{\"family\":\"inet\","
	     "\"local\":\"198.18.1.2\",\"prefixlen\":24,\"scope\":\"global\",\"label\":\"wan\"}]}]\n");
	refuses(&h, "addr add 198.18.1.2/24 dev wan", EXIT_FAILED, "File exists");
	refuses(&h, "addr del 198.18.1.9/24 dev wan", EXIT_FAILED, "Cannot assign requested address");
	refuses(&h, "addr add 198.18.1.9/24 dev lan", EXIT_USAGE, "Cannot find device");
	refuses(&h, "addr add default dev wan", EXIT_USAGE, "PREFIX");
	refuses(&h, "addr flush", EXIT_USAGE, "del");
	host_close(&h);
}

static void sysctls_are_read_and_set(void **state)
{
	struct host h = host_open();

	(void)state;
	says(&h, "sysctl get net/ipv4/tcp_syncookies", "net.ipv4.tcp_syncookies = 1\n");
	says(&h, "sysctl set net.ipv4.tcp_syncookies 0", "net.ipv4.tcp_syncookies = 0\n");
	says(&h, "sysctl set net.ipv4.tcp_rmem 4096 131072 6291456", "net.ipv4.tcp_rmem = 4096\t131072\t6291456\n");
	refuses(&h, "sysctl get net.ipv4.tcp_syncookie", EXIT_USAGE, "net.ipv4.tcp_syncookies");
	refuses(&h, "sysctl get nothing", EXIT_USAGE, "sysctl -a");
	refuses(&h, "sysctl set net.ipv4.tcp_syncookies many", EXIT_USAGE, "out of range, or no number");
	refuses(&h, "sysctl net.ipv4.tcp_syncookies", EXIT_USAGE, "get NAME");
	assert_int_equal(ask(&h, "sysctl all"), EXIT_FINE);
	assert_non_null(strstr(h.text, "\nnet.ipv4.tcp_syncookies = 0\n"));
	assert_true(strstr(h.text, "net.core.somaxconn") < strstr(h.text, "net.ipv4.tcp_syncookies"));
	assert_int_equal(ask(&h, "sysctl all --json"), EXIT_FINE);
	assert_non_null(strstr(h.text, "\n\"net.ipv4.tcp_syncookies\":\"0\""));
	refuses(&h, "nothing", EXIT_USAGE, "sysctl");
	host_close(&h);
}

static void neighbours_are_shown_as_ip_shows_them(void **state)
{
	struct host h = host_open();
	struct ho_link_config c = {.name = "tap0", .mtu = 1500, .out_queue_max = 10, .flags = HO_LINK_ETHERNET,
	                           .mac = {2, 0, 0, 0, 0, 1}};
	uint8_t reply[42] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0x1f, 8, 6, 0, 1, 8, 0, 6, 4, 0, 2,
	                     2, 0, 0, 0, 0, 0x1f, 198, 18, 7, 9, 2, 0, 0, 0, 0, 1, 198, 18, 7, 1};
	int fd = ho_sock_open(h.l.s, HO_SOCK_DGRAM, 0);

	(void)state;
	says(&h, "neigh", "");
	says(&h, "neigh --json", "[]\n");
	assert_int_equal(ho_link_add(h.l.s, &c), 1);
	says(&h, "addr add 198.18.7.1/24 dev tap0", "");
	assert_int_equal(ask(&h, "addr"), EXIT_FINE);
	assert_non_null(strstr(h.text, "\n3: tap0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 state UNKNOWN qlen 10\n"
	                               "    link/ether 02:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff\n    inet 198.18.7.1/24 "));
	for (uint8_t i = 9; i <= 10; i++)
		assert_int_equal(ho_sock_sendto(h.l.s, fd, "x", 1, 0, (struct ho_endpoint){HO_ADDR(198, 18, 7, i), 53}), 1);
	ho_stack_input_link(h.l.s, 1, ho_frame_make(&h.l.al, reply, sizeof(reply)), ho_stack_now(h.l.s));
	says(&h, "neigh", "198.18.7.9 dev tap0 lladdr 02:00:00:00:00:1f REACHABLE\n198.18.7.10 dev tap0 INCOMPLETE\n");
	ho_stack_at(h.l.s, ho_stack_now(h.l.s) + 2500 * HO_MS);
	says(&h, "neigh show dev tap0 -s --json",
	     "[{\"dst\":\"198.18.7.9\",\"dev\":\"tap0\",\"lladdr\":\"02:00:00:00:00:1f\",\"used\":2,\"confirmed\":2,\"updated\":2,"
	     "\"probes\":4,\"state\":[\"REACHABLE\"]},\n"
	     "{\"dst\":\"198.18.7.10\",\"dev\":\"tap0\",\"used\":2,\"confirmed\":62,\"updated\":2,\"probes\":4,"
	     "\"state\":[\"INCOMPLETE\"]}]\n");
	says(&h, "neigh list dev eth0", "");
	refuses(&h, "neigh show dev tap1", EXIT_USAGE, "Cannot find device");
	refuses(&h, "neigh dev", EXIT_USAGE, "dev LINK");
	refuses(&h, "neigh flush", EXIT_USAGE, "show");
	host_close(&h);
}

static bool ping_takes(const char *text, struct ping_spec *spec, char why[128])
{
	char line[128], *words[WORDS_MAX], *save = NULL;
	int count = 0;

	snprintf(line, sizeof(line), "%s", text);
	for (char *w = strtok_r(line, " ", &save); w != NULL; w = strtok_r(NULL, " ", &save))
		words[count++] = w;
	return ping_spec_parse(count, words, spec, why, 128);
}

static void pings_words_are_read(void **state)
{
	static const char *const wrong[][2] = {
		{"", "address"},
		{"198.18.0.1 198.18.0.2", "one IPv4"},
		{"host", "IPv4"},
		{"-c 0 198.18.0.1", "from 1"},
		{"-c", "number"},
		{"-s 65508 198.18.0.1", "65507"},
		{"-t 256 198.18.0.1", "255"},
		{"-i 0 198.18.0.1", "0.001"},
		{"-W x 198.18.0.1", "-W"},
		{"-f 198.18.0.1", "-W S"},
	};
	struct ping_spec s;
	char why[128];

	(void)state;
	assert_true(ping_takes("198.18.0.1", &s, why));
	assert_int_equal(s.addr, HO_ADDR(198, 18, 0, 1));
	assert_int_equal(s.count, 0);
	assert_true(s.interval_ns == HO_SEC && s.wait_ns == 10 * HO_SEC);
	assert_int_equal(s.payload_bytes, 56);
	assert_true(ping_takes("-c3 -i 0.25 198.18.0.1 -s 0 -t 9 -W 1.5", &s, why));
	assert_int_equal(s.count, 3);
	assert_true(s.interval_ns == 250 * HO_MS && s.wait_ns == 1500 * HO_MS);
	assert_int_equal(s.payload_bytes, 0);
	assert_int_equal(s.ttl, 9);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		if (ping_takes(wrong[i][0], &s, why))
			fail_msg("'%s' was taken", wrong[i][0]);
		if (strstr(why, wrong[i][1]) == NULL)
			fail_msg("'%s': '%s' does not speak of %s", wrong[i][0], why, wrong[i][1]);
	}
}

static void ss_and_nstat_are_answered(void **state)
{
	struct host h = host_open();

	(void)state;
	says(&h, "ss -Htan", "");
	assert_int_equal(ho_sock_open(h.l.s, HO_SOCK_STREAM, 0), 0);
	assert_int_equal(ho_sock_bind(h.l.s, 0, (struct ho_endpoint){HO_ADDR_ANY, 9000}), 0);
	assert_int_equal(ho_sock_listen(h.l.s, 0, 3), 0);
	says(&h, "ss -Hltn ( sport = :9000 )", "LISTEN 0      3      0.0.0.0:9000 0.0.0.0:*\n");
	says(&h, "ss -Hltn sport = :9001", "");
	refuses(&h, "ss -ltn sport = :nobody", EXIT_USAGE, "a number 0 to 65535 is wanted");
	refuses(&h, "nstat Tcp*", EXIT_USAGE, "patterns are the asker's");
	assert_int_equal(ask(&h, "nstat"), EXIT_FINE);
	assert_string_not_equal(h.text, "");
	assert_non_null(strstr(h.text, "#at 1000000000000000\n"));
	assert_non_null(strstr(h.text, "\nTcpExtListenOverflows           0\n"));
	host_close(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ss_and_nstat_are_answered),
		cmocka_unit_test(rules_are_added_in_order_and_taken_away),
		cmocka_unit_test(wrong_rules_are_refused),
		cmocka_unit_test(routes_are_shown_as_ip_shows_them),
		cmocka_unit_test(metrics_of_a_route_are_read_and_shown_in_the_same_words),
		cmocka_unit_test(wrong_routes_are_refused),
		cmocka_unit_test(addresses_come_and_go),
		cmocka_unit_test(neighbours_are_shown_as_ip_shows_them),
		cmocka_unit_test(sysctls_are_read_and_set),
		cmocka_unit_test(pings_words_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
