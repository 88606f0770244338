/* SPDX-License-Identifier: MIT
 * How state looks.  The stack is a fake here, so that every number and state can be had: link with view and
 * src/core/counter_rows.c, nothing else of core. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include <halfopen/view.h>

/* ---- the fake ---- */

#define SOCKS_MAX 16
#define NOW (100 * HO_SEC)
#define SERVER HO_ADDR(198, 18, 0, 2)
#define CLIENT HO_ADDR(198, 18, 0, 1)

struct ho_stack {
	uint64_t counter[HO_COUNTER_COUNT];
	struct ho_sock_info sock[SOCKS_MAX];
	uint32_t sock_count;
	struct ho_memory memory;
};

uint64_t ho_counter_get(const struct ho_stack *s, unsigned counter)
{
	return counter < HO_COUNTER_COUNT ? s->counter[counter] : 0;
}

ho_time_ns ho_stack_now(const struct ho_stack *s)
{
	(void)s;
	return NOW;
}

void ho_stack_memory(const struct ho_stack *s, struct ho_memory *out)
{
	*out = s->memory;
}

bool ho_sock_next(const struct ho_stack *s, uint64_t *cursor, struct ho_sock_info *out)
{
	if (*cursor >= s->sock_count)
		return false;
	*out = s->sock[(*cursor)++];
	return true;
}

/* ---- stacks to look at ---- */

static void stack_counting(struct ho_stack *s)
{
	memset(s, 0, sizeof(*s));
	s->counter[HO_IpForwarding] = 2;
	s->counter[HO_IpDefaultTTL] = 64;
	s->counter[HO_TcpRtoAlgorithm] = 1;
	s->counter[HO_TcpRtoMin] = 200;
	s->counter[HO_TcpRtoMax] = 120000;
	s->counter[HO_TcpMaxConn] = UINT64_MAX;
	s->counter[HO_TcpCurrEstab] = 3;
	s->counter[HO_TcpPassiveOpens] = 7;
	s->counter[HO_TcpExtListenOverflows] = 31415;
	s->counter[HO_TcpExtListenDrops] = 31416;
}

static struct ho_sock_info *sock_add(struct ho_stack *s, int fd, int state, uint16_t peer_port)
{
	struct ho_sock_info *i = &s->sock[s->sock_count++];

	assert_true(s->sock_count <= SOCKS_MAX);
	*i = (struct ho_sock_info){.fd = fd, .type = HO_SOCK_STREAM, .protocol = HO_IPPROTO_TCP, .state = (uint8_t)state};
	i->local = (struct ho_endpoint){SERVER, 9000};
	if (peer_port != 0)
		i->peer = (struct ho_endpoint){CLIENT, peer_port};
	return i;
}

/* A connection, a listener with all sorts of connections, an idle socket, a raw and a ping socket. */
static void stack_with_sockets(struct ho_stack *s)
{
	struct ho_sock_info *i;

	stack_counting(s);
	i = sock_add(s, 5, HO_ESTABLISHED, 40000);
	i->recv_q = 5;
	i->send_q = 0x1234;
	i->timer = HO_TIMER_ON;
	i->timer_at = NOW + 204 * HO_MS;
	i->retransmits = 2;
	i->rmem_alloc = 4097;
	i = sock_add(s, 3, HO_LISTEN, 0);
	i->local = (struct ho_endpoint){HO_ADDR_ANY, 9000};
	i->recv_q = 1;
	i->send_q = 511;
	i->syn_queue = 2;
	i->syn_queue_young = 1;
	i->drops = 7;
	i = sock_add(s, -1, HO_SYN_RECV, 40001);
	i->timer = HO_TIMER_ON;
	i->timer_at = NOW + 1500 * HO_MS;
	i->retransmits = 1;
	i = sock_add(s, -1, HO_ESTABLISHED, 40002);
	i->accept_queued = true;
	i = sock_add(s, -1, HO_TIME_WAIT, 40003);
	i->timer = HO_TIMER_TIMEWAIT;
	i->timer_at = NOW + 59 * HO_SEC;
	sock_add(s, -1, HO_FIN_WAIT2, 40004); /* a bucket */
	sock_add(s, -1, HO_FIN_WAIT1, 40005); /* an orphan */
	sock_add(s, 4, HO_CLOSE, 0);
	i = sock_add(s, 6, HO_CLOSE, 0);
	i->type = HO_SOCK_RAW;
	i->protocol = HO_IPPROTO_UDP;
	i->local.port = HO_IPPROTO_UDP;
	i = sock_add(s, 7, HO_CLOSE, 0);
	i->type = HO_SOCK_DGRAM;
	i->protocol = HO_IPPROTO_ICMP;
	s->memory = (struct ho_memory){.socks = 7, .requests = 1, .timewaits = 2, .orphans = 1, .tcp_pages = 3,
	                               .frag_queues = 3, .frag_bytes = 4992};
}

/* ---- procfs ---- */

static char text[65536];

static void snmp_and_netstat_have_linuxs_lines_of_names(void **state)
{
	static const char expected[] =
#include "../data/linux-6.18-names.inc"
		;
	static char names[16384];
	struct ho_stack s;
	size_t len, n = 0;

	(void)state;
	stack_counting(&s);
	len = ho_view_snmp(&s, text, sizeof(text));
	len += ho_view_netstat(&s, text + len, sizeof(text) - len);
	assert_true(len < sizeof(text));
	for (const char *line = text; *line != '\0';) {
		const char *values = strchr(line, '\n') + 1, *next = strchr(values, '\n') + 1;

		memcpy(names + n, line, (size_t)(values - line));
		n += (size_t)(values - line);
		line = next;
	}
	names[n] = '\0';
	assert_string_equal(names, expected);
}

static unsigned words_count(const char *from, const char *to)
{
	unsigned n = 1;

	for (; from < to; from++)
		n += *from == ' ';
	return n;
}

static void names_and_values_of_a_group_are_equally_many_and_single_spaced(void **state)
{
	struct ho_stack s;

	(void)state;
	stack_counting(&s);
	s.counter[HO_IcmpMsgInType + 8] = 1;
	ho_view_snmp(&s, text, sizeof(text));
	ho_view_netstat(&s, text + strlen(text), sizeof(text) - strlen(text));
	assert_null(strstr(text, "  "));
	assert_null(strstr(text, " \n"));
	for (const char *line = text; *line != '\0';) {
		const char *values = strchr(line, '\n') + 1, *next = strchr(values, '\n') + 1;
		size_t group = (size_t)(strchr(line, ' ') - line);

		assert_memory_equal(line, values, group + 1);
		assert_int_equal(words_count(line, values), words_count(values, next));
		line = next;
	}
}

static void snmp_without_traffic_is_linuxs_of_a_fresh_namespace(void **state)
{
	struct ho_stack s;

	(void)state;
	stack_counting(&s);
	s.counter[HO_TcpCurrEstab] = s.counter[HO_TcpPassiveOpens] = 0;
	ho_view_snmp(&s, text, sizeof(text));
	assert_non_null(strstr(text, "\nIp: 2 64 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\nIcmp: InMsgs"));
	assert_non_null(strstr(text, "\nTcp: 1 200 120000 -1 0 0 0 0 0 0 0 0 0 0 0\nUdp: InDatagrams"));
	assert_null(strstr(text, "IcmpMsg"));
	assert_string_equal(strstr(text, "\nUdpLite: 0"), "\nUdpLite: 0 0 0 0 0 0 0 0 0\n");
}

static void the_tcp_line_fits_the_1023_bytes_that_ss_reads(void **state)
{
	struct ho_stack s;

	(void)state;
	for (unsigned i = 0; i < HO_COUNTER_COUNT; i++)
		s.counter[i] = UINT64_MAX;
	ho_view_snmp(&s, text, sizeof(text));
	for (const char *line = text; *line != '\0'; line = strchr(line, '\n') + 1)
		assert_true(strncmp(line, "Tcp:", 4) != 0 || strchr(line, '\n') - line < 1023);
}

static void icmpmsg_shows_types_seen_in_first_16_a_line(void **state)
{
	struct ho_stack s;
	const char *at;

	(void)state;
	stack_counting(&s);
	s.counter[HO_IcmpMsgOutType + 0] = 9;
	for (unsigned type = 20; type < 36; type++)
		s.counter[HO_IcmpMsgInType + type] = type;
	ho_view_snmp(&s, text, sizeof(text));
	at = strstr(text, "\nIcmpMsg:");
	assert_non_null(at);
	assert_memory_equal(at,
	                    "\nIcmpMsg: InType20 InType21 InType22 InType23 InType24 InType25 InType26 InType27 InType28 "
	                    "InType29 InType30 InType31 InType32 InType33 InType34 InType35\n"
	                    "IcmpMsg: 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35\n"
	                    "IcmpMsg: OutType0\nIcmpMsg: 9\nTcp: RtoAlgorithm",
	                    strlen("\nIcmpMsg: InType20 InType21 InType22 InType23 InType24 InType25 InType26 InType27 "
	                           "InType28 InType29 InType30 InType31 InType32 InType33 InType34 InType35\n"
	                           "IcmpMsg: 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35\n"
	                           "IcmpMsg: OutType0\nIcmpMsg: 9\nTcp: RtoAlgorithm"));
}

static void icmpmsg_with_exactly_16_types_has_one_pair_of_lines(void **state)
{
	struct ho_stack s;
	unsigned lines = 0;

	(void)state;
	stack_counting(&s);
	for (unsigned type = 240; type < 256; type++)
		s.counter[HO_IcmpMsgOutType + type] = 1;
	ho_view_snmp(&s, text, sizeof(text));
	for (const char *at = text; (at = strstr(at, "\nIcmpMsg:")) != NULL; at++)
		lines++;
	assert_int_equal(lines, 2);
}

static void a_counter_holds_and_shows_64_bits(void **state)
{
	struct ho_stack s;

	(void)state;
	stack_counting(&s);
	s.counter[HO_IpInReceives] = UINT64_MAX;
	s.counter[HO_IcmpMsgInType] = UINT64_MAX;
	s.counter[HO_TcpExtListenDrops] = UINT64_MAX;
	ho_view_snmp(&s, text, sizeof(text));
	assert_non_null(strstr(text, "\nIp: 2 64 18446744073709551615 0"));
	assert_non_null(strstr(text, "\nIcmpMsg: 18446744073709551615\n"));
	ho_view_netstat(&s, text, sizeof(text));
	assert_non_null(strstr(text, " 31415 18446744073709551615 0 "));
	ho_view_counters(&s, false, NULL, text, sizeof(text));
	assert_non_null(strstr(text, "IpInReceives                    18446744073709551615\n"));
}

static void sockstat_tells_sockets_from_requests_and_buckets(void **state)
{
	struct ho_stack s;

	(void)state;
	stack_with_sockets(&s);
	ho_view_sockstat(&s, text, sizeof(text));
	assert_string_equal(text, "sockets: used 7\n"
	                          "TCP: inuse 4 orphan 1 tw 2 alloc 5 mem 3\n"
	                          "UDP: inuse 0 mem 0\n"
	                          "UDPLITE: inuse 0\n"
	                          "RAW: inuse 1\n"
	                          "FRAG: inuse 3 memory 4992\n");
}

#define PAD_55 "                                                       "

static void proc_tcp_has_linuxs_lines_of_150_bytes_listeners_first(void **state)
{
	struct ho_stack s;
	unsigned lines = 0;

	(void)state;
	stack_with_sockets(&s);
	ho_view_proc_tcp(&s, text, sizeof(text));
	for (const char *line = text; *line != '\0'; line += 150, lines++)
		assert_ptr_equal(strchr(line, '\n'), line + 149);
	assert_int_equal(lines, 8);
	assert_memory_equal(text, "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  "
	                          "timeout inode" PAD_55, 149);
	assert_memory_equal(text + 150, "   0: 00000000:2328 00000000:0000 0A 000001FF:00000001 00:00000000 00000000     "
	                                "0        0 0 1 0000000000000000 100 0 0 10 0 ", 124);
	assert_memory_equal(text + 300, "   1: 020012C6:2328 010012C6:9C40 01 00001234:00000005 01:00000014 00000002     "
	                                "0        0 0 1 0000000000000000 ", 111);
	assert_memory_equal(text + 450, "   2: 020012C6:2328 010012C6:9C41 03 00000000:00000000 01:00000096 00000001     "
	                                "0        0 0 0 0000000000000000 ", 111);
	assert_memory_equal(text + 750, "   4: 020012C6:2328 010012C6:9C43 06 00000000:00000000 03:0000170C 00000000     "
	                                "0        0 0 1 0000000000000000 ", 111);
}

/* ---- tables and JSON ---- */

static void sockets_look_like_ss_with_drops_and_timer(void **state)
{
	struct ho_stack s;

	(void)state;
	stack_with_sockets(&s);
	ho_view_sockets(&s, text, sizeof(text));
	assert_string_equal(
		text,
		"State      Recv-Q Send-Q    Local Address:Port     Peer Address:Port  Drops\n"
		"ESTAB           5   4660       198.18.0.2:9000      198.18.0.1:40000      0 timer:(on,204ms,2)\n"
		"LISTEN          1    511          0.0.0.0:9000             0.0.0.0:*      7 syn-queue:2,young:1\n"
		"SYN-RECV        0      0       198.18.0.2:9000      198.18.0.1:40001      0 timer:(on,1.500sec,1)\n"
		"ESTAB           0      0       198.18.0.2:9000      198.18.0.1:40002      0 not-accepted\n"
		"TIME-WAIT       0      0       198.18.0.2:9000      198.18.0.1:40003      0 timer:(timewait,59sec,0)\n"
		"FIN-WAIT-2      0      0       198.18.0.2:9000      198.18.0.1:40004      0\n"
		"FIN-WAIT-1      0      0       198.18.0.2:9000      198.18.0.1:40005      0\n");
}

static void datagram_sockets_look_like_ss_with_drops(void **state)
{
	struct ho_sock_info *i;
	struct ho_stack s;

	(void)state;
	stack_with_sockets(&s);
	i = sock_add(&s, 8, HO_ESTABLISHED, 53);
	i->type = HO_SOCK_DGRAM;
	i->protocol = HO_IPPROTO_UDP;
	i->recv_q = 832;
	i->drops = 3;
	ho_view_datagram_sockets(&s, text, sizeof(text));
	assert_string_equal(text,
	                    "Netid State  Recv-Q Send-Q    Local Address:Port     Peer Address:Port  Drops\n"
	                    "raw   UNCONN      0      0         198.18.0.2:17             0.0.0.0:*      0\n"
	                    "ping  UNCONN      0      0       198.18.0.2:9000             0.0.0.0:*      0\n"
	                    "udp   ESTAB     832      0       198.18.0.2:9000         198.18.0.1:53      3\n");
}

static void a_timer_is_said_in_the_unit_that_suits_it(void **state)
{
	static const struct {
		ho_time_ns left;
		const char *said;
	} timers[] = {
		{0, "(persist,0ms,0)"},
		{999 * HO_MS, "(persist,999ms,0)"},
		{9999 * HO_MS, "(persist,9.999sec,0)"},
		{10 * HO_SEC, "(persist,10sec,0)"},
		{119 * HO_SEC, "(persist,1min59sec,0)"},
		{7199 * HO_SEC, "(persist,119min,0)"},
	};
	struct ho_stack s;

	(void)state;
	for (size_t i = 0; i < sizeof(timers) / sizeof(timers[0]); i++) {
		struct ho_sock_info *sock;

		stack_counting(&s);
		sock = sock_add(&s, 3, HO_ESTABLISHED, 40000);
		sock->timer = HO_TIMER_PERSIST;
		sock->timer_at = NOW + timers[i].left;
		ho_view_sockets(&s, text, sizeof(text));
		assert_non_null(strstr(text, timers[i].said));
	}
}

static json_t *json_parse(const char *from)
{
	json_error_t error;
	json_t *root = json_loads(from, JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, &error);

	if (root == NULL)
		fail_msg("line %d: %s: %s", error.line, error.text, from);
	return root;
}

static void sockets_json_is_json_and_has_every_socket(void **state)
{
	struct ho_stack s;
	json_t *root, *socks, *listener;

	(void)state;
	stack_with_sockets(&s);
	ho_view_sockets_json(&s, text, sizeof(text));
	root = json_parse(text);
	socks = json_object_get(root, "sockets");
	assert_int_equal(json_array_size(socks), s.sock_count);
	listener = json_array_get(socks, 1);
	assert_string_equal(json_string_value(json_object_get(listener, "state")), "LISTEN");
	assert_string_equal(json_string_value(json_object_get(listener, "local")), "0.0.0.0:9000");
	assert_true(json_number_value(json_object_get(listener, "syn_queue")) == 2);
	assert_true(json_number_value(json_object_get(listener, "drops")) == 7);
	assert_null(json_object_get(json_array_get(socks, 2), "fd"));
	assert_true(json_is_true(json_object_get(json_array_get(socks, 3), "accept_queued")));
	assert_string_equal(json_string_value(json_object_get(json_array_get(socks, 8), "type")), "raw");
	json_decref(root);
}

static void sockets_json_of_no_sockets_is_json(void **state)
{
	struct ho_stack s;
	json_t *root;

	(void)state;
	stack_counting(&s);
	ho_view_sockets_json(&s, text, sizeof(text));
	root = json_parse(text);
	assert_int_equal(json_array_size(json_object_get(root, "sockets")), 0);
	json_decref(root);
}

static void counters_json_has_every_row_once(void **state)
{
	struct ho_stack s;
	json_t *root;

	(void)state;
	for (unsigned i = 0; i < HO_COUNTER_COUNT; i++)
		s.counter[i] = UINT64_MAX;
	ho_view_counters_json(&s, true, NULL, text, sizeof(text));
	root = json_parse(text);
	assert_int_equal(json_object_size(json_object_get(root, "kernel")), HO_COUNTER_COUNT);
	assert_non_null(strstr(text, "\"IpInReceives\":18446744073709551615,"));
	assert_non_null(strstr(text, "\"TcpMaxConn\":-1,"));
	json_decref(root);
	memset(&s, 0, sizeof(s));
	ho_view_counters_json(&s, false, NULL, text, sizeof(text));
	assert_string_equal(text, "{\"kernel\":{}}\n");
}

static void counters_are_listed_as_nstat_lists_them(void **state)
{
	struct ho_stack s;

	(void)state;
	stack_counting(&s);
	s.counter[HO_IcmpMsgInType + 8] = 4;
	ho_view_counters(&s, false, NULL, text, sizeof(text));
	assert_string_equal(text, "IcmpMsgInType8                  4\n"
	                          "TcpPassiveOpens                 7\n"
	                          "TcpCurrEstab                    3\n"
	                          "TcpExtListenOverflows           31415\n"
	                          "TcpExtListenDrops               31416\n");
}

static void all_counters_are_the_rows_and_the_icmp_types_seen(void **state)
{
	struct ho_stack s;
	unsigned lines = 0;

	(void)state;
	stack_counting(&s);
	s.counter[HO_IcmpMsgInType + 8] = 4;
	ho_view_counters(&s, true, NULL, text, sizeof(text));
	for (const char *c = text; *c != '\0'; c++)
		lines += *c == '\n';
	assert_int_equal(lines, HO_COUNTER_ROWS + 1);
	assert_non_null(strstr(text, "\nTcpMaxConn                      -1\n"));
}

static void a_pattern_chooses_counters(void **state)
{
	static const struct {
		const char *pattern, *first;
	} patterns[] = {
		{"TcpExtListenD*", "TcpExtListenDrops "},
		{"tcpextlistend*", "TcpExtListenDrops "},
		{"*Listen?verflows", "TcpExtListenOverflows "},
		{"Tcp[c-d]urrEstab", "TcpCurrEstab "},
		{"Tcp[!a-b]urrEstab", "TcpCurrEstab "},
		{"Tcp[^c]urrEstab", ""},
		{"Tcp\\CurrEstab", "TcpCurrEstab "},
		{"*e*e*e*e*z", ""},
		{"TcpCurrEstab[", ""},
		{"[]]", ""},
		{"[", ""},
		{"\\", ""},
		{"", ""},
		{"ListenDrops", ""},
	};
	struct ho_stack s;

	(void)state;
	stack_counting(&s);
	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		ho_view_counters(&s, false, patterns[i].pattern, text, sizeof(text));
		assert_int_equal(strlen(patterns[i].first) == 0, strlen(text) == 0);
		assert_memory_equal(text, patterns[i].first, strlen(patterns[i].first));
	}
}

/* ---- words ---- */

static void explain_says_something_of_every_counter(void **state)
{
	char name[64];

	(void)state;
	for (unsigned i = 0; i < HO_COUNTER_COUNT; i++) {
		const struct ho_counter_row *row = ho_counter_row(i);
		size_t len;

		ho_counter_name(i, name, sizeof(name));
		len = ho_view_explain(name, text, sizeof(text));
		assert_true(len > 40);
		assert_int_equal(len, strlen(text));
		assert_memory_equal(text, name, strlen(name));
		assert_int_equal(text[len - 1], '\n');
		if (row != NULL)
			assert_non_null(strstr(text, row->text));
	}
}

static void explain_tells_kind_text_and_what_the_document_says_else(void **state)
{
	(void)state;
	ho_view_explain("PassiveOpens", text, sizeof(text));
	assert_non_null(strstr(text, "TcpPassiveOpens\n  kind        LIVE"));
	assert_non_null(strstr(text, "\n  documents   The kernel's document says: when a SYN is answered."));
	ho_view_explain("TcpExtTCPBacklogDrop", text, sizeof(text));
	assert_non_null(strstr(text, "\n  kind        NEVER"));
	assert_non_null(strstr(text, "\n  why not     "));
	ho_view_explain("IcmpMsgInType13", text, sizeof(text));
	assert_non_null(strstr(text, "type 13 arrived"));
}

static void explain_of_no_counter_is_empty(void **state)
{
	(void)state;
	strcpy(text, "before");
	assert_int_equal(ho_view_explain("TcpExtNoSuchThing", text, sizeof(text)), 0);
	assert_string_equal(text, "");
	assert_int_equal(ho_view_explain("InCsumErrors", text, sizeof(text)), 0);
	assert_int_equal(ho_view_explain("TcpExtNoSuchThing", NULL, 0), 0);
}

static void states_have_the_names_of_ss(void **state)
{
	(void)state;
	assert_string_equal(ho_view_state(HO_ESTABLISHED), "ESTAB");
	assert_string_equal(ho_view_state(HO_FIN_WAIT1), "FIN-WAIT-1");
	assert_string_equal(ho_view_state(HO_NEW_SYN_RECV), "SYN-RECV");
	assert_string_equal(ho_view_state(HO_CLOSE), "UNCONN");
	assert_string_equal(ho_view_state(0), "UNKNOWN");
	assert_string_equal(ho_view_state(13), "UNKNOWN");
	assert_string_equal(ho_view_state(-1), "UNKNOWN");
}

static void an_endpoint_fits_22_bytes(void **state)
{
	char buf[22];

	(void)state;
	assert_string_equal(ho_view_endpoint((struct ho_endpoint){UINT32_MAX, 65535}, buf), "255.255.255.255:65535");
	assert_string_equal(ho_view_endpoint((struct ho_endpoint){CLIENT, 80}, buf), "198.18.0.1:80");
}

static void an_address_is_four_plain_numbers(void **state)
{
	static const char *const wrong[] = {"",         "1.2.3",   "1.2.3.4.5", "1.2.3.256", "1.2.3.4 ", " 1.2.3.4", "1..3.4",
	                                    "01.2.3.4", "1.2.3.",  "1.2.3.-4",  "a.b.c.d",   "1,2,3,4",  "0x1.2.3.4",
	                                    "1.2.3.99999999999"};
	uint32_t addr = 42;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(ho_view_addr_parse(wrong[i], &addr), -EINVAL);
	assert_int_equal(addr, 42);
	assert_int_equal(ho_view_addr_parse("198.18.0.1", &addr), 0);
	assert_int_equal(addr, CLIENT);
	assert_int_equal(ho_view_addr_parse("0.0.0.0", &addr), 0);
	assert_int_equal(addr, 0);
	assert_int_equal(ho_view_addr_parse("255.255.255.255", &addr), 0);
	assert_int_equal(addr, UINT32_MAX);
}

/* ---- trace ---- */

static void a_trace_record_says_what_moved_why_and_what_set_it_off(void **state)
{
	struct ho_trace t = {
		.counter = HO_TcpExtListenOverflows,
		.why = HO_WHY_ACCEPT_QUEUE_FULL_SYN,
		.cause = HO_CAUSE_FRAME,
		.frame_in = 12,
		.delta = 1,
		.a = 2,
		.b = 1,
		.local = {HO_ADDR_ANY, 9000},
		.peer = {CLIENT, 40000},
	};

	(void)state;
	ho_trace_say(&t, text, sizeof(text));
	assert_string_equal(text, "ListenOverflows +1: a SYN from 198.18.0.1:40000 met a full accept queue (2 connections, "
	                          "limit 1) of the listener on 0.0.0.0:9000 (frame 12 arrived)");
}

static void a_trace_record_of_a_listener_may_not_know_the_peer(void **state)
{
	struct ho_trace t = {.counter = HO_TcpExtListenDrops, .why = HO_WHY_ACCEPT_QUEUE_FULL_SYN, .delta = 1};
	const char *begin = "ListenDrops +1: a SYN from a peer met";

	(void)state;
	ho_trace_say(&t, text, sizeof(text));
	assert_memory_equal(text, begin, strlen(begin));
}

static void a_trace_record_leaves_the_rows_details_to_explain(void **state)
{
	struct ho_trace t = {.counter = HO_TcpInSegs, .cause = HO_CAUSE_FRAME, .frame_in = 3, .delta = 1};

	(void)state;
	assert_non_null(strchr(ho_counter_row(HO_TcpInSegs)->text, ';'));
	ho_trace_say(&t, text, sizeof(text));
	assert_string_equal(text, "InSegs +1: a segment reached TCP, good or bad (frame 3 arrived)");
}

static void a_trace_record_without_a_reason_says_the_rows_text(void **state)
{
	struct ho_trace t = {.counter = HO_TcpCurrEstab, .cause = HO_CAUSE_CALL, .what = "close", .delta = -1};

	(void)state;
	t.local = (struct ho_endpoint){SERVER, 9000};
	t.peer = (struct ho_endpoint){CLIENT, 40000};
	ho_trace_say(&t, text, sizeof(text));
	assert_string_equal(text, "CurrEstab -1: connections now in ESTABLISHED or CLOSE-WAIT; on 198.18.0.2:9000 with "
	                          "198.18.0.1:40000 (during close())");
}

static void a_trace_record_names_timer_and_frame_sent(void **state)
{
	struct ho_trace t = {.counter = HO_TcpRetransSegs, .cause = HO_CAUSE_TIMER, .what = "syn+ack timer", .delta = 1};
	const char *end = " (the syn+ack timer fired, frame 7 went out)";
	size_t len;

	(void)state;
	t.frame_out = 7;
	len = ho_trace_say(&t, text, sizeof(text));
	assert_string_equal(text + len - strlen(end), end);
}

static void a_trace_record_of_an_icmp_type_and_of_an_ambiguous_name(void **state)
{
	struct ho_trace t = {.counter = HO_IcmpMsgOutType + 3, .cause = HO_CAUSE_FRAME, .delta = 1};

	(void)state;
	ho_trace_say(&t, text, sizeof(text));
	assert_string_equal(text, "IcmpMsgOutType3 +1: an ICMP message of type 3 was sent (a frame arrived)");
	t.counter = HO_IpExtInCsumErrors;
	ho_trace_say(&t, text, sizeof(text));
	assert_memory_equal(text, "IpExtInCsumErrors +1: ", 22);
}

static void every_reason_is_a_sentence_without_a_sign_left(void **state)
{
	struct ho_trace t = {.counter = HO_TcpExtTCPTimeouts, .delta = 1};

	(void)state;
	for (unsigned why = 0; why < HO_WHY_COUNT + 1u; why++) {
		t.why = (uint8_t)why;
		ho_trace_say(&t, text, sizeof(text));
		assert_true(strlen(text) > 20);
		assert_null(strchr(text, '%'));
	}
}

static void a_trace_sentence_is_cut_to_the_buffer(void **state)
{
	struct ho_trace t = {.counter = HO_TcpInSegs, .delta = 1};
	char buf[12];

	(void)state;
	memset(buf, 'x', sizeof(buf));
	assert_int_equal(ho_trace_say(&t, buf, 10), 9);
	assert_string_equal(buf, "InSegs +1");
	assert_int_equal(buf[10], 'x');
	assert_int_equal(ho_trace_say(&t, buf, 1), 0);
	assert_string_equal(buf, "");
	assert_int_equal(ho_trace_say(&t, NULL, 0), 0);
}

/* ---- truncation ---- */

static size_t counters_all(const struct ho_stack *s, char *buf, size_t cap_bytes)
{
	return ho_view_counters(s, true, NULL, buf, cap_bytes);
}

static size_t counters_json_all(const struct ho_stack *s, char *buf, size_t cap_bytes)
{
	return ho_view_counters_json(s, true, NULL, buf, cap_bytes);
}

static size_t explain_one(const struct ho_stack *s, char *buf, size_t cap_bytes)
{
	(void)s;
	return ho_view_explain("TcpExtListenOverflows", buf, cap_bytes);
}

static void a_short_buffer_is_never_overrun_and_the_whole_length_is_told(void **state)
{
	static size_t (*const views[])(const struct ho_stack *, char *, size_t) = {
		ho_view_snmp,    ho_view_netstat,      ho_view_sockstat, ho_view_proc_tcp,  ho_view_sockets,
		ho_view_sockets_json, counters_all, counters_json_all, explain_one,
	};
	struct ho_stack s;

	(void)state;
	stack_with_sockets(&s);
	for (size_t v = 0; v < sizeof(views) / sizeof(views[0]); v++) {
		size_t len = views[v](&s, text, sizeof(text));

		assert_true(len > 0 && len < sizeof(text));
		assert_int_equal(strlen(text), len);
		assert_int_equal(views[v](&s, NULL, 0), len);
		for (size_t cap = 1; cap <= len + 1; cap += cap < 300 || cap > len - 2 ? 1 : 97) {
			char *exact = malloc(cap); /* the sanitizers guard its end */

			assert_non_null(exact);
			assert_int_equal(views[v](&s, exact, cap), len);
			assert_memory_equal(exact, text, cap - 1);
			assert_int_equal(exact[cap - 1], '\0');
			free(exact);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(snmp_and_netstat_have_linuxs_lines_of_names),
		cmocka_unit_test(names_and_values_of_a_group_are_equally_many_and_single_spaced),
		cmocka_unit_test(snmp_without_traffic_is_linuxs_of_a_fresh_namespace),
		cmocka_unit_test(the_tcp_line_fits_the_1023_bytes_that_ss_reads),
		cmocka_unit_test(icmpmsg_shows_types_seen_in_first_16_a_line),
		cmocka_unit_test(icmpmsg_with_exactly_16_types_has_one_pair_of_lines),
		cmocka_unit_test(a_counter_holds_and_shows_64_bits),
		cmocka_unit_test(sockstat_tells_sockets_from_requests_and_buckets),
		cmocka_unit_test(proc_tcp_has_linuxs_lines_of_150_bytes_listeners_first),
		cmocka_unit_test(sockets_look_like_ss_with_drops_and_timer),
		cmocka_unit_test(datagram_sockets_look_like_ss_with_drops),
		cmocka_unit_test(a_timer_is_said_in_the_unit_that_suits_it),
		cmocka_unit_test(sockets_json_is_json_and_has_every_socket),
		cmocka_unit_test(sockets_json_of_no_sockets_is_json),
		cmocka_unit_test(counters_json_has_every_row_once),
		cmocka_unit_test(counters_are_listed_as_nstat_lists_them),
		cmocka_unit_test(all_counters_are_the_rows_and_the_icmp_types_seen),
		cmocka_unit_test(a_pattern_chooses_counters),
		cmocka_unit_test(explain_says_something_of_every_counter),
		cmocka_unit_test(explain_tells_kind_text_and_what_the_document_says_else),
		cmocka_unit_test(explain_of_no_counter_is_empty),
		cmocka_unit_test(states_have_the_names_of_ss),
		cmocka_unit_test(an_endpoint_fits_22_bytes),
		cmocka_unit_test(an_address_is_four_plain_numbers),
		cmocka_unit_test(a_trace_record_says_what_moved_why_and_what_set_it_off),
		cmocka_unit_test(a_trace_record_of_a_listener_may_not_know_the_peer),
		cmocka_unit_test(a_trace_record_leaves_the_rows_details_to_explain),
		cmocka_unit_test(a_trace_record_without_a_reason_says_the_rows_text),
		cmocka_unit_test(a_trace_record_names_timer_and_frame_sent),
		cmocka_unit_test(a_trace_record_of_an_icmp_type_and_of_an_ambiguous_name),
		cmocka_unit_test(every_reason_is_a_sentence_without_a_sign_left),
		cmocka_unit_test(a_trace_sentence_is_cut_to_the_buffer),
		cmocka_unit_test(a_short_buffer_is_never_overrun_and_the_whole_length_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
