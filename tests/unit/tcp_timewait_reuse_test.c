/* SPDX-License-Identifier: MIT
 * A connect() meets a TIME-WAIT bucket: tcp_tw_reuse and its delay, ports that were bound, ports that are shared. */
#include "tcp_talk.h"

/* The host has connected from its only port, and closed first. */
static struct talk *connected_once(const char *reuse, const char *syn_options, const char *test)
{
	struct talk *k = calloc(1, sizeof(*k));

	assert_non_null(k);
	k->t = tcp_lab_with((struct lab_options){0}, test);
	k->p = peer_of(&k->t, 1);
	k->p.syn_options = syn_options;
	k->p.ts = strstr(syn_options, "TS") != NULL;
	host_sysctl(&k->t, "net.ipv4.ip_local_port_range", "50000 50000");
	host_sysctl(&k->t, "net.ipv4.tcp_tw_reuse", reuse);
	k->fd = host_connected(&k->t, &k->p);
	time_waits(k);
	return k;
}

#define SYN_TS "<mss 1460,sackOK,TS,nop,wscale 7>"

static void tw_reuse_takes_a_bucket_after_a_second(void **state)
{
	struct talk *k = connected_once("1", SYN_TS, __func__);
	int fd = host_socket(&k->t);

	(void)state;
	lab_at(&k->t, 900);
	host_connect(&k->t, fd, &k->p, -EADDRNOTAVAIL);
	lab_at(&k->t, 1100);
	host_connect(&k->t, fd, &k->p, -EINPROGRESS);
	hears(&k->p, "S 65539");
	counted(&k->t, "TcpActiveOpens 1 TcpOutSegs 1 TWRecycled 1");
	talk_done(k);
}

static void tw_reuse_2_is_for_loopback_only(void **state)
{
	struct talk *k = connected_once("2", SYN_TS, __func__);
	int fd = host_socket(&k->t);

	(void)state;
	lab_at(&k->t, 2000);
	host_connect(&k->t, fd, &k->p, -EADDRNOTAVAIL);
	counted(&k->t, "");
	talk_done(k);
}

static void tw_reuse_needs_timestamps(void **state)
{
	struct talk *k = connected_once("1", "<mss 1460,sackOK,nop,wscale 7>", __func__);
	int fd = host_socket(&k->t);

	(void)state;
	lab_at(&k->t, 2000);
	host_connect(&k->t, fd, &k->p, -EADDRNOTAVAIL);
	talk_done(k);
}

static void a_bound_port_may_be_taken_over_at_once(void **state)
{
	struct talk *k = talk();
	int fd = host_socket(&k->t);

	(void)state;
	time_waits(k);
	host_close(&k->t, k->lfd);
	host_set(&k->t, fd, HO_SOL_SOCKET, HO_SO_REUSEADDR, 1);
	host_bind(&k->t, fd, LAB_PORT);
	host_connect(&k->t, fd, &k->p, -EINPROGRESS);
	hears(&k->p, "S 65539");
	counted(&k->t, "TcpActiveOpens 1 TcpOutSegs 1 TWRecycled 1");
	talk_done(k);
}

static void tw_reuse_delay_is_a_sysctl(void **state)
{
	struct talk *k = connected_once("1", SYN_TS, __func__);
	int fd = host_socket(&k->t);

	(void)state;
	host_sysctl(&k->t, "net.ipv4.tcp_tw_reuse_delay", "2500");
	lab_at(&k->t, 2400);
	host_connect(&k->t, fd, &k->p, -EADDRNOTAVAIL);
	lab_at(&k->t, 2600);
	host_connect(&k->t, fd, &k->p, -EINPROGRESS);
	hears(&k->p, "S 65539");
	talk_done(k);
}

static void what_begins_the_60_seconds_anew_does_not_delay_reuse(void **state)
{
	struct talk *k = connected_once("1", SYN_TS, __func__);
	int fd = host_socket(&k->t);

	(void)state;
	lab_at(&k->t, 900);
	says(&k->p, "F. 1 ack 2");
	hears(&k->p, ". 2 ack 2");
	host_connect(&k->t, fd, &k->p, -EADDRNOTAVAIL);
	lab_at(&k->t, 1100);
	host_connect(&k->t, fd, &k->p, -EINPROGRESS);
	hears(&k->p, "S 65539");
	talk_done(k);
}

/* As connected_once, up to the FIN that the bucket waits for. */
static struct talk *connected_half(const char *test)
{
	struct talk *k = calloc(1, sizeof(*k));

	assert_non_null(k);
	k->t = tcp_lab_with((struct lab_options){0}, test);
	k->p = peer_of(&k->t, 1);
	host_sysctl(&k->t, "net.ipv4.ip_local_port_range", "50000 50000");
	host_sysctl(&k->t, "net.ipv4.tcp_tw_reuse", "1");
	k->fd = host_connected(&k->t, &k->p);
	fin_wait2_waits(k);
	return k;
}

static void the_fin_that_makes_it_time_wait_begins_the_delay_of_reuse(void **state)
{
	struct talk *k = connected_half(__func__);
	int fd = host_socket(&k->t);

	(void)state;
	lab_at(&k->t, 1900);
	host_connect(&k->t, fd, &k->p, -EADDRNOTAVAIL);
	lab_at(&k->t, 2000);
	says(&k->p, "F. 1 ack 2");
	hears(&k->p, ". 2 ack 2");
	lab_at(&k->t, 2900);
	host_connect(&k->t, fd, &k->p, -EADDRNOTAVAIL);
	lab_at(&k->t, 3100);
	host_connect(&k->t, fd, &k->p, -EINPROGRESS);
	hears(&k->p, "S 65539");
	counted(&k->t, "TcpActiveOpens 1 TcpInSegs 1 TcpOutSegs 2 TWRecycled 1");
	talk_done(k);
}

static void a_fin_without_timestamp_does_not_begin_it(void **state)
{
	struct talk *k = connected_half(__func__);
	int fd = host_socket(&k->t);

	(void)state;
	lab_at(&k->t, 2000);
	says(&k->p, "F. 1 ack 2 <>");
	hears(&k->p, ". 2 ack 2");
	lab_at(&k->t, 2100);
	host_connect(&k->t, fd, &k->p, -EINPROGRESS);
	hears(&k->p, "S 65539");
	talk_done(k);
}

/* The answer to it may have an older timestamp than the old connection's last one. */
static void the_connection_that_takes_over_opens(void **state)
{
	struct talk *k = connected_once("1", SYN_TS, __func__);
	int fd = host_socket(&k->t);

	(void)state;
	lab_at(&k->t, 1100);
	host_connect(&k->t, fd, &k->p, -EINPROGRESS);
	hears(&k->p, "S 65539");
	says(&k->p, "S. 90000 ack 65540 <mss 1460,sackOK,TS -5000,nop,wscale 7>");
	hears(&k->p, ". 65540 ack 90001");
	host_state(&k->t, fd, HO_ESTABLISHED);
	counted(&k->t, "TcpActiveOpens 1 TcpInSegs 1 TcpOutSegs 2 TcpCurrEstab 1 TWRecycled 1 TCPDelivered 1");
	talk_done(k);
}

/* The old end is still there, and tells the new one so: its number is out of place, and a RST ends it. */
static void an_ack_of_the_old_connection_is_reset_by_the_new_one(void **state)
{
	struct talk *k = connected_once("1", SYN_TS, __func__);
	int fd = host_socket(&k->t);

	(void)state;
	lab_at(&k->t, 1100);
	host_connect(&k->t, fd, &k->p, -EINPROGRESS);
	hears(&k->p, "S 65539");
	says(&k->p, ". 2 ack 2");
	hears(&k->p, "R 2");
	host_state(&k->t, fd, HO_SYN_SENT);
	talk_done(k);
}

static void a_port_is_shared_again_when_only_connects_have_it(void **state)
{
	struct talk *k = talk();
	struct peer q = peer_of(&k->t, 2);
	int first = host_socket(&k->t), bound = host_socket(&k->t), fd = host_socket(&k->t);

	(void)state;
	host_sysctl(&k->t, "net.ipv4.ip_local_port_range", "50000 50000");
	host_set(&k->t, first, HO_SOL_SOCKET, HO_SO_REUSEADDR, 1);
	host_connect(&k->t, first, &k->p, -EINPROGRESS);
	host_set(&k->t, bound, HO_SOL_SOCKET, HO_SO_REUSEADDR, 1);
	host_bind(&k->t, bound, 50000);
	host_connect(&k->t, fd, &q, -EADDRNOTAVAIL);
	host_close(&k->t, bound);
	host_connect(&k->t, fd, &q, -EINPROGRESS);
	talk_done(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tw_reuse_takes_a_bucket_after_a_second),
		cmocka_unit_test(tw_reuse_2_is_for_loopback_only),
		cmocka_unit_test(tw_reuse_needs_timestamps),
		cmocka_unit_test(a_bound_port_may_be_taken_over_at_once),
		cmocka_unit_test(tw_reuse_delay_is_a_sysctl),
		cmocka_unit_test(what_begins_the_60_seconds_anew_does_not_delay_reuse),
		cmocka_unit_test(the_fin_that_makes_it_time_wait_begins_the_delay_of_reuse),
		cmocka_unit_test(a_fin_without_timestamp_does_not_begin_it),
		cmocka_unit_test(the_connection_that_takes_over_opens),
		cmocka_unit_test(an_ack_of_the_old_connection_is_reset_by_the_new_one),
		cmocka_unit_test(a_port_is_shared_again_when_only_connects_have_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
