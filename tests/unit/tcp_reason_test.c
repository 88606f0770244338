/* SPDX-License-Identifier: MIT
 * What a listener's counters say of why they moved: the sentence of the trace must be true of what became of the client. */
#include <halfopen/counter.h>

#include "tcp_lab.h"

#define FAR 0xc6130001u /* 198.19.0.1 */

static struct tcp_lab traced(const char *test)
{
	return tcp_lab_with((struct lab_options){.trace_max = 1000}, test);
}

/* The last time that the counter moved. */
static void because(struct tcp_lab *t, int counter, const char *reason)
{
	char said[400] = "";
	struct ho_trace r;

	while (ho_trace_next(t->l.s, &r))
		if (r.counter == counter)
			ho_trace_say(&r, said, sizeof(said));
	if (!strstr(said, reason))
		fail_msg("said  %s\nnot   %s", said, reason);
}

/* The accept queue is full by the time that the second client's final ACK comes. */
static struct peer overtaken(struct tcp_lab *t)
{
	int lfd = host_listen(t, 0);
	struct peer first = peer_of(t, 1), second = peer_of(t, 2);

	says(&first, "S");
	hears(&first, "S. 0 ack 1");
	host_backlog(t, lfd, 1);
	says(&second, "S");
	hears(&second, "S. 0 ack 1");
	host_backlog(t, lfd, 0);
	says(&first, ".");
	says(&second, ".");
	return second;
}

static void a_final_ack_at_a_full_queue_leaves_the_request_half_open_and_the_reason_says_so(void **state)
{
	struct tcp_lab t = traced(__func__);

	(void)state;
	overtaken(&t);
	because(&t, HO_TcpExtListenOverflows,
	        "(1 connections, limit 0) of the listener on 0.0.0.0:9000; the request stays "
	        "half-open");
	tcp_lab_close(&t);
}

static void with_abort_on_overflow_the_reason_names_the_rst(void **state)
{
	struct tcp_lab t = traced(__func__);
	struct peer p;

	(void)state;
	host_sysctl(&t, "net.ipv4.tcp_abort_on_overflow", "1");
	p = overtaken(&t);
	hears(&p, "R 1");
	because(&t, HO_TcpExtListenDrops, "; with tcp_abort_on_overflow 1 it gets a RST");
	tcp_lab_close(&t);
}

static void of_a_cookie_nothing_is_kept_whatever_abort_on_overflow_is(void **state)
{
	struct tcp_lab t = traced(__func__);
	struct peer p = peer_of(&t, 1), q = peer_of(&t, 2);

	(void)state;
	host_sysctl(&t, "net.ipv4.tcp_abort_on_overflow", "1");
	host_sysctl(&t, "net.ipv4.tcp_syncookies", "2");
	host_listen(&t, 0);
	says(&p, "S");
	hears(&p, "S. 0 ack 1");
	says(&q, "S");
	hears(&q, "S. 0 ack 1");
	because(&t, HO_TcpExtTCPReqQFullDoCookies,
	        "tcp_syncookies is 2, whatever the SYN queue of the listener on "
	        "0.0.0.0:9000 holds (0 requests, limit 0)");
	says(&p, ".");
	says(&q, ".");
	quiet(&t);
	because(&t, HO_TcpExtListenOverflows, " brought a cookie back to a full accept queue (1 connections, limit 0)");
	tcp_lab_close(&t);
}

static void a_full_syn_queue_is_the_reason_for_cookies_and_for_drops(void **state)
{
	struct tcp_lab t = traced(__func__);
	struct peer p = peer_of(&t, 1), q = peer_of(&t, 2), r = peer_of(&t, 3);

	(void)state;
	host_listen(&t, 0);
	says(&p, "S");
	hears(&p, "S. 0 ack 1");
	says(&q, "S");
	hears(&q, "S. 0 ack 1");
	because(&t, HO_TcpExtTCPReqQFullDoCookies,
	        "the SYN queue of the listener on 0.0.0.0:9000 is full (1 requests, limit 0)");
	host_sysctl(&t, "net.ipv4.tcp_syncookies", "0");
	says(&r, "S");
	quiet(&t);
	because(&t, HO_TcpExtTCPReqQFullDrop, "is full (1 requests, limit 0)");
	tcp_lab_close(&t);
}

/* tcp_migrate_req: the RST is dealt with by a listener that never counted the request. */
static void a_length_below_zero_has_its_sign(void **state)
{
	struct tcp_lab t = traced(__func__);
	struct peer p = peer_of(&t, 1), q = peer_of(&t, 2);
	int fd[2];

	(void)state;
	host_sysctl(&t, "net.ipv4.tcp_migrate_req", "1");
	host_sysctl(&t, "net.ipv4.tcp_syncookies", "0");
	for (int i = 0; i < 2; i++) {
		fd[i] = host_socket(&t);
		host_set(&t, fd[i], HO_SOL_SOCKET, HO_SO_REUSEPORT, 1);
		host_bind(&t, fd[i], LAB_PORT);
		host_backlog(&t, fd[i], 5);
		if (i == 0) {
			says(&p, "S");
			hears(&p, "S. 0 ack 1");
		}
	}
	host_close(&t, fd[0]);
	says(&p, "R 1");
	says(&q, "S");
	quiet(&t);
	because(&t, HO_TcpExtTCPReqQFullDrop,
	        "the length of the SYN queue of the listener on 0.0.0.0:9000 is taken to be -1");
	tcp_lab_close(&t);
}

/* Measured: 6.18 drops such a SYN with or without cookies. */
static void a_syn_from_where_no_route_leads_is_dropped(void **state)
{
	struct tcp_lab t = tcp_lab_with((struct lab_options){.trace_max = 1000, .no_default_route = true}, __func__);
	int lfd = host_listen(&t, 5);
	struct peer p = peer_of(&t, 1);

	(void)state;
	marked(&t);
	says_between(&p, FAR, HOST, "S 0");
	quiet(&t);
	lab_counted(&t.l, IpOutNoRoutes, 1);
	counted(&t, "TcpInSegs 1 ListenDrops 1");
	host_queues(&t, lfd, 0, 0);
	host_drops(&t, lfd, 1);
	because(&t, HO_TcpExtListenDrops, "no route leads back to 198.19.0.1:");
	host_sysctl(&t, "net.ipv4.tcp_syncookies", "2");
	says_between(&p, FAR, HOST, "S 0");
	quiet(&t);
	lab_counted(&t.l, IpOutNoRoutes, 1);
	counted(&t, "TcpInSegs 1 ListenDrops 1 TCPReqQFullDoCookies 1");
	tcp_lab_close(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_final_ack_at_a_full_queue_leaves_the_request_half_open_and_the_reason_says_so),
		cmocka_unit_test(with_abort_on_overflow_the_reason_names_the_rst),
		cmocka_unit_test(of_a_cookie_nothing_is_kept_whatever_abort_on_overflow_is),
		cmocka_unit_test(a_full_syn_queue_is_the_reason_for_cookies_and_for_drops),
		cmocka_unit_test(a_length_below_zero_has_its_sign),
		cmocka_unit_test(a_syn_from_where_no_route_leads_is_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
