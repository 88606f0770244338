/* SPDX-License-Identifier: MIT
 * What Prometheus reads: both formats, line by line. */
#include "tcp_lab.h"

#include <halfopen/view.h>
#include <inttypes.h>

#define TEXT_BYTES 600000

static char text[TEXT_BYTES], other[TEXT_BYTES];

static const char *metrics(const struct ho_stack *s, enum ho_metrics_format format)
{
	size_t len = ho_view_metrics(s, format, text, sizeof(text));

	assert_true(len < sizeof(text));
	assert_int_equal(strlen(text), len);
	return text;
}

static unsigned occurrences(const char *in, const char *what)
{
	unsigned n = 0;

	for (; (in = strstr(in, what)) != NULL; in++)
		n++;
	return n;
}

/* A stack whose listener with backlog 1 has been met by four clients, 1.5 s ago and now. */
static struct tcp_lab a_full_queue(int *lfd)
{
	struct tcp_lab t = tcp_lab();

	*lfd = host_listen(&t, 1);
	for (unsigned i = 1; i <= 2; i++) {
		struct peer p = peer_of(&t, i);

		peer_handshake(&p);
	}
	host_accept(&t, *lfd);
	for (unsigned i = 3; i <= 4; i++) {
		struct peer p = peer_of(&t, i);

		says(&p, "S");
		if (i == 3) {
			hears(&p, "S. 0 ack 1");
			says(&p, ".");
		}
	}
	lab_at(&t, 1500);
	return t;
}

static void openmetrics_of_a_listener_is_this_text(void **state)
{
	static const char expected[] =
		"# TYPE halfopen_tcp_memory_pressure gauge\n"
		"# HELP halfopen_tcp_memory_pressure 1: all TCP sockets together use more than tcp_mem's second number\n"
		"halfopen_tcp_memory_pressure 0\n"
		"# TYPE halfopen_listener_backlog_asked gauge\n"
		"# HELP halfopen_listener_backlog_asked The argument of listen(), read as unsigned\n"
		"halfopen_listener_backlog_asked{address=\"0.0.0.0\",port=\"9000\",fd=\"0\"} 1\n"
		"# TYPE halfopen_listener_backlog gauge\n"
		"# HELP halfopen_listener_backlog The smaller one of listen()'s argument and somaxconn: Send-Q of `ss -ltn`\n"
		"halfopen_listener_backlog{address=\"0.0.0.0\",port=\"9000\",fd=\"0\"} 1\n"
		"# TYPE halfopen_listener_accept_queue_length gauge\n"
		"# HELP halfopen_listener_accept_queue_length Connections that wait for accept(): Recv-Q of `ss -ltn`\n"
		"halfopen_listener_accept_queue_length{address=\"0.0.0.0\",port=\"9000\",fd=\"0\"} 2\n"
		"# TYPE halfopen_listener_accept_queue_limit gauge\n"
		"# HELP halfopen_listener_accept_queue_limit How many connections fit into the accept queue: the backlog and one more\n"
		"halfopen_listener_accept_queue_limit{address=\"0.0.0.0\",port=\"9000\",fd=\"0\"} 2\n"
		"# TYPE halfopen_listener_accept_queue_high_water gauge\n"
		"# HELP halfopen_listener_accept_queue_high_water The most connections that have waited for accept() at once since listen()\n"
		"halfopen_listener_accept_queue_high_water{address=\"0.0.0.0\",port=\"9000\",fd=\"0\"} 2\n"
		"# TYPE halfopen_listener_accept_queue_wanted gauge\n"
		"# HELP halfopen_listener_accept_queue_wanted The most that would have waited at once without a limit, at most\n"
		"halfopen_listener_accept_queue_wanted{address=\"0.0.0.0\",port=\"9000\",fd=\"0\"} 3\n"
		"# TYPE halfopen_listener_oldest_waiting_seconds gauge\n"
		"# UNIT halfopen_listener_oldest_waiting_seconds seconds\n"
		"# HELP halfopen_listener_oldest_waiting_seconds For how long the first one of the accept queue has been waiting; 0: nobody waits\n"
		"halfopen_listener_oldest_waiting_seconds{address=\"0.0.0.0\",port=\"9000\",fd=\"0\"} 1.500000000\n"
		"# TYPE halfopen_listener_longest_wait_seconds gauge\n"
		"# UNIT halfopen_listener_longest_wait_seconds seconds\n"
		"# HELP halfopen_listener_longest_wait_seconds The longest wait of those that accept() took\n"
		"halfopen_listener_longest_wait_seconds{address=\"0.0.0.0\",port=\"9000\",fd=\"0\"} 0.000000000\n"
		"# TYPE halfopen_listener_syn_queue_length gauge\n"
		"# HELP halfopen_listener_syn_queue_length Half-open connections\n"
		"halfopen_listener_syn_queue_length{address=\"0.0.0.0\",port=\"9000\",fd=\"0\"} 0\n"
		"# TYPE halfopen_listener_syn_queue_young gauge\n"
		"# HELP halfopen_listener_syn_queue_young Half-open connections whose SYN+ACK was not sent again\n"
		"halfopen_listener_syn_queue_young{address=\"0.0.0.0\",port=\"9000\",fd=\"0\"} 0\n"
		"# TYPE halfopen_listener_syn_queue_limit gauge\n"
		"# HELP halfopen_listener_syn_queue_limit How many half-open connections of unknown peers there may be\n"
		"halfopen_listener_syn_queue_limit{address=\"0.0.0.0\",port=\"9000\",fd=\"0\"} 2\n"
		"# TYPE halfopen_listener_syn_queue_high_water gauge\n"
		"# HELP halfopen_listener_syn_queue_high_water The most half-open connections at once since listen()\n"
		"halfopen_listener_syn_queue_high_water{address=\"0.0.0.0\",port=\"9000\",fd=\"0\"} 1\n"
		"# TYPE halfopen_listener_requests counter\n"
		"# HELP halfopen_listener_requests SYNs that became half-open connections\n"
		"halfopen_listener_requests_total{address=\"0.0.0.0\",port=\"9000\",fd=\"0\"} 3\n"
		"# TYPE halfopen_listener_requests_timed_out counter\n"
		"# HELP halfopen_listener_requests_timed_out Half-open connections whose SYN+ACK nobody answered\n"
		"halfopen_listener_requests_timed_out_total{address=\"0.0.0.0\",port=\"9000\",fd=\"0\"} 0\n"
		"# TYPE halfopen_listener_queued counter\n"
		"# HELP halfopen_listener_queued Connections that entered the accept queue\n"
		"halfopen_listener_queued_total{address=\"0.0.0.0\",port=\"9000\",fd=\"0\"} 3\n"
		"# TYPE halfopen_listener_accepted counter\n"
		"# HELP halfopen_listener_accepted Connections that accept() took\n"
		"halfopen_listener_accepted_total{address=\"0.0.0.0\",port=\"9000\",fd=\"0\"} 1\n"
		"# TYPE halfopen_listener_cookies_sent counter\n"
		"# HELP halfopen_listener_cookies_sent SYNs that were answered by a cookie\n"
		"halfopen_listener_cookies_sent_total{address=\"0.0.0.0\",port=\"9000\",fd=\"0\"} 0\n"
		"# TYPE halfopen_listener_cookies_received counter\n"
		"# HELP halfopen_listener_cookies_received Cookies that came back good\n"
		"halfopen_listener_cookies_received_total{address=\"0.0.0.0\",port=\"9000\",fd=\"0\"} 0\n"
		"# TYPE halfopen_listener_cookies_failed counter\n"
		"# HELP halfopen_listener_cookies_failed Cookies that came back bad\n"
		"halfopen_listener_cookies_failed_total{address=\"0.0.0.0\",port=\"9000\",fd=\"0\"} 0\n"
		"# TYPE halfopen_listener_sk_drops counter\n"
		"# HELP halfopen_listener_sk_drops What Linux counts as the socket's drops: d of `ss -lm`\n"
		"halfopen_listener_sk_drops_total{address=\"0.0.0.0\",port=\"9000\",fd=\"0\"} 1\n"
		"# TYPE halfopen_listener_drops counter\n"
		"# HELP halfopen_listener_drops What a listener did not take, or not at once, by cause\n"
		"halfopen_listener_drops_total{address=\"0.0.0.0\",port=\"9000\",fd=\"0\",cause=\"syn_accept_queue_full\"} 1\n"
		"halfopen_listener_drops_total{address=\"0.0.0.0\",port=\"9000\",fd=\"0\",cause=\"ack_accept_queue_full\"} 0\n"
		"halfopen_listener_drops_total{address=\"0.0.0.0\",port=\"9000\",fd=\"0\",cause=\"cookie_accept_queue_full\"} 0\n"
		"halfopen_listener_drops_total{address=\"0.0.0.0\",port=\"9000\",fd=\"0\",cause=\"syn_queue_full\"} 0\n"
		"halfopen_listener_drops_total{address=\"0.0.0.0\",port=\"9000\",fd=\"0\",cause=\"max_syn_backlog\"} 0\n"
		"halfopen_listener_drops_total{address=\"0.0.0.0\",port=\"9000\",fd=\"0\",cause=\"memory\"} 0\n"
		"halfopen_listener_drops_total{address=\"0.0.0.0\",port=\"9000\",fd=\"0\",cause=\"deferred\"} 0\n"
		"halfopen_listener_drops_total{address=\"0.0.0.0\",port=\"9000\",fd=\"0\",cause=\"duplicate_syn\"} 0\n"
		"halfopen_listener_drops_total{address=\"0.0.0.0\",port=\"9000\",fd=\"0\",cause=\"unacceptable\"} 0\n"
		"# EOF\n";
	struct tcp_lab t;
	const char *ours;
	int lfd;

	(void)state;
	t = a_full_queue(&lfd);
	ours = strstr(metrics(t.l.s, HO_METRICS_OPENMETRICS), "# TYPE halfopen_tcp_memory_pressure ");
	assert_non_null(ours);
	assert_string_equal(ours, expected);
	tcp_lab_close(&t);
}

/* Copies a text without its comments.  Gives  the end. */
static char *samples_copy(char *to, const char *from)
{
	while (*from != '\0') {
		size_t len = strcspn(from, "\n") + 1;

		if (*from != '#') {
			memcpy(to, from, len);
			to += len;
		}
		from += len;
	}
	*to = '\0';
	return to;
}

static void both_formats_have_the_same_samples_in_the_same_order(void **state)
{
	struct tcp_lab t;
	char *end;
	int lfd;

	(void)state;
	t = a_full_queue(&lfd);
	samples_copy(other, metrics(t.l.s, HO_METRICS_OPENMETRICS));
	metrics(t.l.s, HO_METRICS_PROMETHEUS);
	end = samples_copy(text, text);
	assert_true(end > text + 10000);
	assert_string_equal(text, other);
	tcp_lab_close(&t);
}

static void only_openmetrics_has_units_and_an_end_and_families_without_total(void **state)
{
	struct tcp_lab t;
	int lfd;

	(void)state;
	t = a_full_queue(&lfd);
	metrics(t.l.s, HO_METRICS_OPENMETRICS);
	assert_int_equal(occurrences(text, "# EOF\n"), 1);
	assert_string_equal(text + strlen(text) - 7, "\n# EOF\n");
	assert_int_equal(occurrences(text, "# UNIT "), 5);
	assert_int_equal(occurrences(text, " untyped\n"), 0);
	assert_non_null(strstr(text, "# TYPE halfopen_build info\n"));
	assert_non_null(strstr(text, "\nhalfopen_build_info{version=\"" HO_VERSION "\"} 1\n"));
	metrics(t.l.s, HO_METRICS_PROMETHEUS);
	assert_int_equal(occurrences(text, "# EOF"), 0);
	assert_int_equal(occurrences(text, "# UNIT "), 0);
	assert_int_equal(occurrences(text, " unknown\n"), 0);
	assert_non_null(strstr(text, "# TYPE halfopen_build_info gauge\n"));
	assert_non_null(strstr(
		text, "# TYPE halfopen_listener_drops_total counter\n# HELP halfopen_listener_drops_total What"));
	tcp_lab_close(&t);
}

static void every_counter_is_there_once_with_its_value(void **state)
{
	struct tcp_lab t;
	int lfd;

	(void)state;
	t = a_full_queue(&lfd);
	metrics(t.l.s, HO_METRICS_OPENMETRICS);
	for (unsigned i = 0; i < HO_COUNTER_ROWS; i++) {
		const struct ho_counter_row *row = ho_counter_row(i);
		char line[256];

		snprintf(line, sizeof(line), "\nnode_netstat_%s_%s %" PRId64 "\n", row->group, row->name,
		         (int64_t)ho_counter_get(t.l.s, i));
		assert_int_equal(occurrences(text, line), 1);
		snprintf(line, sizeof(line), "# TYPE node_netstat_%s_%s unknown\n", row->group, row->name);
		assert_int_equal(occurrences(text, line), 1);
	}
	assert_non_null(strstr(text, "\nnode_netstat_Tcp_MaxConn -1\n"));
	assert_non_null(strstr(text, "\nnode_netstat_TcpExt_ListenOverflows 1\n"));
	assert_non_null(strstr(text, "\nnode_netstat_Tcp_PassiveOpens 3\n"));
	tcp_lab_close(&t);
}

static void a_quote_in_a_help_is_escaped_in_openmetrics_only(void **state)
{
	struct tcp_lab t;
	int lfd;

	(void)state;
	t = a_full_queue(&lfd);
	assert_non_null(strstr(metrics(t.l.s, HO_METRICS_OPENMETRICS),
	                       "# HELP node_netstat_Tcp_RtoAlgorithm Constant: 1, \\\"other\\\", which "));
	assert_non_null(strstr(metrics(t.l.s, HO_METRICS_PROMETHEUS),
	                       "# HELP node_netstat_Tcp_RtoAlgorithm Constant: 1, \"other\", which "));
	tcp_lab_close(&t);
}

static void icmp_types_are_there_once_they_have_been_seen(void **state)
{
	static const uint8_t data[8];
	struct tcp_lab t = tcp_lab();

	(void)state;
	assert_null(strstr(metrics(t.l.s, HO_METRICS_OPENMETRICS), "node_netstat_IcmpMsg"));
	for (unsigned i = 0; i < 2; i++)
		lab_in(&t.l, icmp_make((struct icmp_fields){.type = 8, .data = data, .len = sizeof(data)}));
	metrics(t.l.s, HO_METRICS_OPENMETRICS);
	assert_non_null(strstr(text, "# TYPE node_netstat_IcmpMsg_InType8 unknown\n"));
	assert_non_null(strstr(text, "\nnode_netstat_IcmpMsg_InType8 2\n"));
	assert_non_null(strstr(text, "\nnode_netstat_IcmpMsg_OutType0 2\n"));
	assert_int_equal(occurrences(text, "# TYPE node_netstat_IcmpMsg"), 2);
	tcp_lab_close(&t);
}

static void sockstat_is_linuxs_file_and_pages_are_bytes_too(void **state)
{
	struct tcp_lab t = tcp_lab();
	struct peer p = peer_of(&t, 1);
	struct ho_memory mem;
	char line[128];

	(void)state;
	host_accepted(&t, host_listen(&t, 1), &p);
	says(&p, "P. 1:1001");
	metrics(t.l.s, HO_METRICS_OPENMETRICS);
	ho_stack_memory(t.l.s, &mem);
	assert_true(mem.tcp_pages > 0);
	assert_non_null(strstr(text, "\nnode_sockstat_sockets_used 2\n"));
	assert_non_null(strstr(text, "\nnode_sockstat_TCP_alloc 2\n"));
	assert_non_null(strstr(text, "\nnode_sockstat_FRAG_memory 0\n"));
	assert_int_equal(occurrences(text, "# TYPE node_sockstat_"), 14);
	snprintf(line, sizeof(line), "\nnode_sockstat_TCP_mem %u\n", mem.tcp_pages);
	assert_non_null(strstr(text, line));
	snprintf(line, sizeof(line), "\nnode_sockstat_TCP_mem_bytes %u\n", mem.tcp_pages * 4096);
	assert_non_null(strstr(text, line));
	tcp_lab_close(&t);
}

static void a_limit_of_several_numbers_has_an_index(void **state)
{
	struct tcp_lab t = tcp_lab();

	(void)state;
	host_sysctl(&t, "net.ipv4.tcp_mem", "11 22 33");
	host_sysctl(&t, "net.core.somaxconn", "7");
	metrics(t.l.s, HO_METRICS_OPENMETRICS);
	assert_non_null(strstr(text, "# TYPE node_sysctl_net_ipv4_tcp_mem unknown\n"
	                             "# HELP node_sysctl_net_ipv4_tcp_mem sysctl net.ipv4.tcp_mem\n"
	                             "node_sysctl_net_ipv4_tcp_mem{index=\"0\"} 11\n"
	                             "node_sysctl_net_ipv4_tcp_mem{index=\"1\"} 22\n"
	                             "node_sysctl_net_ipv4_tcp_mem{index=\"2\"} 33\n#"));
	assert_non_null(strstr(text, "\nnode_sysctl_net_core_somaxconn 7\n"));
	assert_int_equal(occurrences(text, "# TYPE node_sysctl_"), 8);
	tcp_lab_close(&t);
}

static void two_listeners_at_one_port_are_told_apart(void **state)
{
	struct tcp_lab t = tcp_lab();
	int fd[2];

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		fd[i] = host_socket(&t);
		host_set(&t, fd[i], HO_SOL_SOCKET, HO_SO_REUSEPORT, 1);
		host_bind(&t, fd[i], 9000);
		host_backlog(&t, fd[i], (int)i + 5);
	}
	metrics(t.l.s, HO_METRICS_OPENMETRICS);
	assert_non_null(strstr(text, "\nhalfopen_listener_backlog{address=\"0.0.0.0\",port=\"9000\",fd=\"0\"} 5\n"
	                             "halfopen_listener_backlog{address=\"0.0.0.0\",port=\"9000\",fd=\"1\"} 6\n"));
	tcp_lab_close(&t);
}

static void a_negative_backlog_is_read_as_listen_reads_it(void **state)
{
	struct tcp_lab t = tcp_lab();

	(void)state;
	host_listen(&t, -1);
	metrics(t.l.s, HO_METRICS_OPENMETRICS);
	assert_non_null(strstr(
		text, "halfopen_listener_backlog_asked{address=\"0.0.0.0\",port=\"9000\",fd=\"0\"} 4294967295\n"));
	assert_non_null(strstr(text, "halfopen_listener_backlog{address=\"0.0.0.0\",port=\"9000\",fd=\"0\"} 4096\n"));
	tcp_lab_close(&t);
}

#define MANY 700

/* More than the view writes down, with other sockets between them. */
static void each_of_many_listeners_is_in_each_family_once(void **state)
{
	static const char *const families[] = {"halfopen_listener_backlog", "halfopen_listener_accepted_total"};
	struct ho_stack_config c;
	struct ho_stack *s;
	size_t len;
	char *big;

	(void)state;
	ho_stack_config_init(&c);
	c.addr = HO_ADDR(198, 18, 0, 2);
	c.prefix_len = 24;
	c.socks_max = 2 * MANY;
	assert_int_equal(ho_stack_open(&c, &s), 0);
	for (unsigned i = 0; i < MANY; i++) {
		int fd = ho_sock_open(s, HO_SOCK_STREAM, 0);

		assert_true(fd >= 0 && ho_sock_open(s, HO_SOCK_STREAM, 0) >= 0);
		assert_int_equal(ho_sock_bind(s, fd, (struct ho_endpoint){HO_ADDR_ANY, (uint16_t)(1000 + i)}), 0);
		assert_int_equal(ho_sock_listen(s, fd, (int)i), 0);
	}
	len = ho_view_metrics(s, HO_METRICS_OPENMETRICS, NULL, 0);
	big = malloc(len + 1);
	assert_non_null(big);
	assert_int_equal(ho_view_metrics(s, HO_METRICS_OPENMETRICS, big, len + 1), len);
	for (unsigned i = 0; i < MANY; i++) {
		for (unsigned f = 0; f < 2; f++) {
			char line[128];

			snprintf(line, sizeof(line), "\n%s{address=\"0.0.0.0\",port=\"%u\",fd=\"%u\"} %u\n",
			         families[f], 1000 + i, 2 * i, f == 0 ? i : 0);
			assert_int_equal(occurrences(big, line), 1);
		}
	}
	assert_int_equal(occurrences(big, "\nhalfopen_listener_drops_total{"), MANY * HO_DROP_CAUSES);
	free(big);
	ho_stack_close(s);
}

static void a_short_buffer_is_not_overrun_and_the_length_is_the_whole_ones(void **state)
{
	struct tcp_lab t;
	size_t len;
	int lfd;

	(void)state;
	t = a_full_queue(&lfd);
	len = strlen(metrics(t.l.s, HO_METRICS_OPENMETRICS));
	for (size_t cap = 0; cap < len + 2; cap += cap < 200 || cap > len - 200 ? 1 : 997) {
		memset(other, 'x', cap + 1);
		assert_int_equal(ho_view_metrics(t.l.s, HO_METRICS_OPENMETRICS, other, cap), len);
		assert_int_equal(other[cap], 'x');
		if (cap > 0) {
			assert_int_equal(strlen(other), cap <= len ? cap - 1 : len);
			assert_memory_equal(other, text, strlen(other));
		}
	}
	tcp_lab_close(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(openmetrics_of_a_listener_is_this_text),
		cmocka_unit_test(both_formats_have_the_same_samples_in_the_same_order),
		cmocka_unit_test(only_openmetrics_has_units_and_an_end_and_families_without_total),
		cmocka_unit_test(every_counter_is_there_once_with_its_value),
		cmocka_unit_test(a_quote_in_a_help_is_escaped_in_openmetrics_only),
		cmocka_unit_test(icmp_types_are_there_once_they_have_been_seen),
		cmocka_unit_test(sockstat_is_linuxs_file_and_pages_are_bytes_too),
		cmocka_unit_test(a_limit_of_several_numbers_has_an_index),
		cmocka_unit_test(two_listeners_at_one_port_are_told_apart),
		cmocka_unit_test(a_negative_backlog_is_read_as_listen_reads_it),
		cmocka_unit_test(each_of_many_listeners_is_in_each_family_once),
		cmocka_unit_test(a_short_buffer_is_not_overrun_and_the_length_is_the_whole_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
