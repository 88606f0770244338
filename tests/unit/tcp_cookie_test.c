/* SPDX-License-Identifier: MIT
 * SYN cookies: the SYN queue is full, and nothing is remembered. */
#include "tcp_lab.h"

struct flooded {
	struct tcp_lab t;
	int lfd;
	struct peer p[6];
};

/* A listener whose SYN queue is full: backlog 1, two requests. */
static struct flooded flooded_with(const char *cookies, const char *test)
{
	struct flooded w = {.t = tcp_lab_with((struct lab_options){0}, test)};

	host_sysctl(&w.t, "net.ipv4.tcp_syncookies", cookies);
	w.lfd = host_listen(&w.t, 1);
	return w;
}

static void flood(struct flooded *w)
{
	for (unsigned i = 0; i < 6; i++)
		w->p[i] = peer_of(&w->t, i + 1);
	for (unsigned i = 0; i < 2; i++) {
		says(&w->p[i], "S");
		hears(&w->p[i], "S. 0 ack 1");
	}
	quiet(&w->t);
	marked(&w->t);
}

static void a_syn_at_a_full_syn_queue_is_answered_with_a_cookie_and_no_request(void **state)
{
	struct flooded w = flooded_with("1", __func__);

	(void)state;
	flood(&w);
	says(&w.p[2], "S");
	hears(&w.p[2], "S. 0 ack 1 win 65160 <mss 1460,sackOK,TS,wscale 10>");
	host_queues(&w.t, w.lfd, 2, 0);
	quiet_until(&w.t, 900);
	counted(&w.t, "TcpInSegs 1 TcpOutSegs 1 TcpExtSyncookiesSent 1 TcpExtTCPReqQFullDoCookies 1");
	tcp_lab_close(&w.t);
}

static void the_ack_of_a_cookie_makes_a_connection_with_its_options(void **state)
{
	struct flooded w = flooded_with("1", __func__);
	struct ho_tcp_info info;
	int fd;

	(void)state;
	flood(&w);
	says(&w.p[2], "S");
	hears(&w.p[2], "S. 0 ack 1");
	marked(&w.t);
	says(&w.p[2], ".");
	quiet(&w.t);
	counted(&w.t, "TcpPassiveOpens 1 TcpCurrEstab 1 TcpInSegs 1 TcpExtSyncookiesRecv 1 TcpExtTCPPureAcks 1");
	fd = host_accept(&w.t, w.lfd);
	info = host_info(&w.t, fd);
	assert_int_equal(info.tcpi_options, 1 | 2 | 4);
	assert_int_equal(info.tcpi_snd_wscale, 7);
	assert_int_equal(info.tcpi_rcv_wscale, 10);
	says(&w.p[2], "P. 1:7");
	hears(&w.p[2], ". 1 ack 7");
	host_recv(&w.t, fd, 100, 0, 6);
	tcp_lab_close(&w.t);
}

static void without_timestamps_a_cookie_carries_the_mss_only(void **state)
{
	struct flooded w = flooded_with("1", __func__);
	int fd;

	(void)state;
	flood(&w);
	w.p[2].ts = false;
	w.p[2].syn_options = "<mss 1400,sackOK,nop,wscale 7>";
	says(&w.p[2], "S");
	hears(&w.p[2], "S. 0 ack 1 <mss 1460>");
	says(&w.p[2], ".");
	fd = host_accept(&w.t, w.lfd);
	assert_int_equal(host_info(&w.t, fd).tcpi_options, 0);
	assert_int_equal(host_info(&w.t, fd).tcpi_snd_mss, 1300);
	tcp_lab_close(&w.t);
}

static void a_cookie_grants_no_options_when_our_timestamps_are_off(void **state)
{
	struct flooded w = flooded_with("2", __func__);
	int fd;

	(void)state;
	host_sysctl(&w.t, "net.ipv4.tcp_timestamps", "0");
	w.p[0] = peer_of(&w.t, 1);
	says(&w.p[0], "S");
	hears(&w.p[0], "S. 0 ack 1 <mss 1460>");
	says(&w.p[0], ". <>");
	fd = host_accept(&w.t, w.lfd);
	host_info_is(&w.t, fd, tcpi_options, 0);
	tcp_lab_close(&w.t);
}

static void syncookies_2_never_keeps_a_request(void **state)
{
	struct flooded w = flooded_with("2", __func__);

	(void)state;
	w.p[0] = peer_of(&w.t, 1);
	says(&w.p[0], "S");
	hears(&w.p[0], "S. 0 ack 1");
	host_queues(&w.t, w.lfd, 0, 0);
	counted(&w.t, "TcpInSegs 1 TcpOutSegs 1 TcpExtSyncookiesSent 1 TcpExtTCPReqQFullDoCookies 1");
	tcp_lab_close(&w.t);
}

static void a_made_up_ack_is_a_failed_cookie_and_gets_a_rst(void **state)
{
	struct flooded w = flooded_with("1", __func__);

	(void)state;
	flood(&w);
	says(&w.p[2], "S");
	hears(&w.p[2], "S. 0 ack 1");
	marked(&w.t);
	says(&w.p[2], ". 1 ack 77");
	hears(&w.p[2], "R 77");
	counted(&w.t, "TcpInSegs 1 TcpOutSegs 1 TcpOutRsts 1 TcpExtSyncookiesFailed 1");
	tcp_lab_close(&w.t);
}

static void a_cookie_is_stale_after_two_minutes(void **state)
{
	struct flooded w = flooded_with("2", __func__);
	struct peer early = peer_of(&w.t, 1), late = peer_of(&w.t, 2);

	(void)state;
	says(&early, "S");
	hears(&early, "S. 0 ack 1");
	quiet_until(&w.t, 115000);
	says(&late, "S"); /* the listener is under pressure still */
	hears(&late, "S. 0 ack 1");
	quiet_until(&w.t, 180001);
	marked(&w.t);
	says(&early, ".");
	hears(&early, "R 1");
	counted(&w.t, "TcpInSegs 1 TcpOutSegs 1 TcpOutRsts 1 TcpExtSyncookiesFailed 1");
	says(&late, ".");
	host_accept(&w.t, w.lfd);
	tcp_lab_close(&w.t);
}

static void an_ack_at_a_listener_that_never_overflowed_is_no_cookie(void **state)
{
	struct flooded w = flooded_with("1", __func__);

	(void)state;
	w.p[0] = peer_of(&w.t, 1);
	says(&w.p[0], ". 1 ack 5");
	hears(&w.p[0], "R");
	counted(&w.t, "TcpInSegs 1 TcpOutSegs 1 TcpOutRsts 1");
	tcp_lab_close(&w.t);
}

static void a_good_cookie_at_a_full_accept_queue_counts_an_overflow_each_time(void **state)
{
	struct flooded w = flooded_with("1", __func__);

	(void)state;
	flood(&w);
	says(&w.p[2], "S");
	hears(&w.p[2], "S. 0 ack 1");
	says(&w.p[0], ".");
	says(&w.p[1], ".");
	host_queues(&w.t, w.lfd, 0, 2);
	host_sysctl(&w.t, "net.ipv4.tcp_abort_on_overflow", "1");
	marked(&w.t);
	says(&w.p[2], ".");
	says(&w.p[2], "P. 1:7");
	quiet(&w.t);
	host_drops(&w.t, w.lfd, 2);
	counted(&w.t, "TcpInSegs 2 TcpExtSyncookiesRecv 2 TcpExtListenOverflows 2 TcpExtListenDrops 2");
	tcp_lab_close(&w.t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_syn_at_a_full_syn_queue_is_answered_with_a_cookie_and_no_request),
		cmocka_unit_test(the_ack_of_a_cookie_makes_a_connection_with_its_options),
		cmocka_unit_test(without_timestamps_a_cookie_carries_the_mss_only),
		cmocka_unit_test(a_cookie_grants_no_options_when_our_timestamps_are_off),
		cmocka_unit_test(syncookies_2_never_keeps_a_request),
		cmocka_unit_test(a_made_up_ack_is_a_failed_cookie_and_gets_a_rst),
		cmocka_unit_test(a_cookie_is_stale_after_two_minutes),
		cmocka_unit_test(an_ack_at_a_listener_that_never_overflowed_is_no_cookie),
		cmocka_unit_test(a_good_cookie_at_a_full_accept_queue_counts_an_overflow_each_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
