/* SPDX-License-Identifier: MIT
 * The profile of kernels before 4.10: the field notes' own test, and the document's note on older kernels. */
#include "tcp_lab.h"

#define PEERS 24

struct old {
	struct tcp_lab t;
	int lfd;
	struct peer p[PEERS];
};

static struct old *old_kernel(int backlog, const char *test)
{
	struct old *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->t = tcp_lab_with((struct lab_options){.linux_profile = HO_LINUX_3_10}, test);
	for (unsigned i = 0; i < PEERS; i++)
		w->p[i] = peer_of(&w->t, i + 1);
	w->lfd = host_listen(&w->t, backlog);
	return w;
}

static void done(struct old *w)
{
	tcp_lab_close(&w->t);
	free(w);
}

static void the_fourth_client_is_answered_and_stays_half_open(void **state)
{
	struct old *w = old_kernel(1, __func__);

	(void)state;
	peer_handshake(&w->p[0]);
	host_accept(&w->t, w->lfd);
	peer_handshake(&w->p[1]);
	peer_handshake(&w->p[2]);
	host_queues(&w->t, w->lfd, 0, 2);
	marked(&w->t);
	says(&w->p[3], "S");
	hears(&w->p[3], "S. 0 ack 1"); /* to its client the connection is there */
	says(&w->p[3], ".");
	host_queues(&w->t, w->lfd, 1, 2);
	counted(&w->t, "TcpInSegs 2 TcpOutSegs 1 TcpExtListenOverflows 1 TcpExtListenDrops 1");
	hears_at(&w->p[3], 1000, "S. 0 ack 1"); /* the server repeats its SYN+ACK */
	says(&w->p[3], ".");
	counted(&w->t, "TcpInSegs 1 TcpOutSegs 1 TcpRetransSegs 1 TcpExtListenOverflows 1 TcpExtListenDrops 1 "
	               "TcpExtTCPTimeouts 1 TcpExtTCPSynRetrans 1");
	host_accept(&w->t, w->lfd);
	hears_at(&w->p[3], 3000, "S. 0 ack 1");
	says(&w->p[3], "."); /* there is room now */
	host_queues(&w->t, w->lfd, 0, 2);
	done(w);
}

static void two_young_requests_are_enough_at_a_full_accept_queue(void **state)
{
	struct old *w = old_kernel(0, __func__);

	(void)state;
	peer_handshake(&w->p[0]);
	for (unsigned i = 1; i < 3; i++) {
		says(&w->p[i], "S");
		hears(&w->p[i], "S. 0 ack 1");
	}
	marked(&w->t);
	says(&w->p[3], "S");
	quiet(&w->t);
	counted(&w->t, "TcpInSegs 1 TcpExtListenOverflows 1 TcpExtListenDrops 1");
	done(w);
}

static void the_syn_queue_is_a_power_of_two_and_full_in_silence(void **state)
{
	struct old *w = old_kernel(8, __func__);

	(void)state;
	for (unsigned i = 0; i < 16; i++) { /* 8 + 1, rounded up */
		says(&w->p[i], "S");
		hears(&w->p[i], "S. 0 ack 1");
	}
	marked(&w->t);
	says(&w->p[16], "S");
	quiet(&w->t);
	host_queues(&w->t, w->lfd, 16, 0);
	counted(&w->t, "TcpInSegs 1");
	host_drops(&w->t, w->lfd, 1);
	done(w);
}

static void somaxconn_was_128(void **state)
{
	struct old *w = old_kernel(4096, __func__);

	(void)state;
	assert_int_equal(host_info(&w->t, w->lfd).tcpi_sacked, 128);
	done(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_fourth_client_is_answered_and_stays_half_open),
		cmocka_unit_test(two_young_requests_are_enough_at_a_full_accept_queue),
		cmocka_unit_test(the_syn_queue_is_a_power_of_two_and_full_in_silence),
		cmocka_unit_test(somaxconn_was_128),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
