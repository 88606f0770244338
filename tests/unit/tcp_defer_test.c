/* SPDX-License-Identifier: MIT
 * TCP_DEFER_ACCEPT: a connection is not worth a socket before it has said something. */
#include "tcp_lab.h"

static int listener(struct tcp_lab *t, int seconds)
{
	int fd = host_socket(t);

	host_bind(t, fd, LAB_PORT);
	host_set(t, fd, HO_SOL_TCP, HO_TCP_DEFER_ACCEPT, seconds);
	host_backlog(t, fd, 5);
	return fd;
}

static void seconds_are_rounded_up_to_firings_of_the_timer(void **state)
{
	static const int given[] = {0, 1, 2, 3, 4, 5, 10, 60}, read[] = {0, 1, 3, 3, 7, 7, 15, 63};
	struct tcp_lab t = tcp_lab();
	int fd = host_socket(&t);

	(void)state;
	for (unsigned i = 0; i < sizeof(given) / sizeof(given[0]); i++) {
		host_set(&t, fd, HO_SOL_TCP, HO_TCP_DEFER_ACCEPT, given[i]);
		assert_int_equal(host_get(&t, fd, HO_SOL_TCP, HO_TCP_DEFER_ACCEPT), read[i]);
	}
	tcp_lab_close(&t);
}

static void a_bare_ack_is_dropped_and_data_make_the_connection(void **state)
{
	struct tcp_lab t = tcp_lab();
	int lfd = listener(&t, 5);
	struct peer p = peer_of(&t, 1);

	(void)state;
	says(&p, "S");
	hears(&p, "S. 0 ack 1");
	says(&p, ".");
	quiet(&t);
	host_queues(&t, lfd, 1, 0);
	counted(&t, "TcpInSegs 2 TcpOutSegs 1 TcpExtTCPDeferAcceptDrop 1");
	lab_at(&t, 500);
	marked(&t);
	says(&p, "P. 1:6");
	hears(&p, ". 1 ack 6");
	host_queues(&t, lfd, 0, 1);
	counted(&t, "TcpPassiveOpens 1 TcpCurrEstab 1 TcpInSegs 1 TcpOutSegs 1");
	tcp_lab_close(&t);
}

static void a_silent_client_hears_the_syn_ack_again_at_the_last_step_and_is_let_in(void **state)
{
	struct tcp_lab t = tcp_lab();
	int lfd = listener(&t, 5);
	struct peer p = peer_of(&t, 1);

	(void)state;
	says(&p, "S");
	hears(&p, "S. 0 ack 1");
	says(&p, ".");
	hears_at(&p, 7000, "S. 0 ack 1");
	host_queues(&t, lfd, 1, 0);
	says(&p, ".");
	host_queues(&t, lfd, 0, 1);
	counted(&t, "TcpPassiveOpens 1 TcpCurrEstab 1 TcpInSegs 3 TcpOutSegs 2 TcpRetransSegs 1 TcpExtTCPPureAcks 1 "
	            "TcpExtTCPTimeouts 3 TcpExtTCPDeferAcceptDrop 1 TcpExtTCPSynRetrans 1");
	tcp_lab_close(&t);
}

static void a_client_that_acked_once_and_vanished_is_forgotten_after_63_seconds(void **state)
{
	struct tcp_lab t = tcp_lab();
	int lfd = listener(&t, 5);
	struct peer p = peer_of(&t, 1);

	(void)state;
	says(&p, "S");
	hears(&p, "S. 0 ack 1");
	says(&p, ".");
	hears_at(&p, 7000, "S. 0 ack 1");
	hears_at(&p, 15000, "S. 0 ack 1");
	hears_at(&p, 31000, "S. 0 ack 1");
	quiet_until(&t, 63001);
	host_queues(&t, lfd, 0, 0);
	counted(&t, "TcpInSegs 2 TcpOutSegs 4 TcpRetransSegs 3 TcpExtTCPTimeouts 6 TcpExtTCPDeferAcceptDrop 1 "
	            "TcpExtTCPSynRetrans 3");
	tcp_lab_close(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(seconds_are_rounded_up_to_firings_of_the_timer),
		cmocka_unit_test(a_bare_ack_is_dropped_and_data_make_the_connection),
		cmocka_unit_test(a_silent_client_hears_the_syn_ack_again_at_the_last_step_and_is_let_in),
		cmocka_unit_test(a_client_that_acked_once_and_vanished_is_forgotten_after_63_seconds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
