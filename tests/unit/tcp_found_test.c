/* SPDX-License-Identifier: MIT
 * What fuzzing and random worlds found, each as the shortest story that shows it. */
#include "tcp_lab.h"

/* Measured on Linux 6.18: TcpPassiveOpens and TcpExtSyncookiesRecv move, nothing is queued, and the request goes on. */
static void a_cookie_that_comes_back_while_a_request_has_its_place_makes_no_connection(void **state)
{
	struct tcp_lab t = tcp_lab();
	int lfd = host_listen(&t, 5);
	struct peer p = peer_of(&t, 1), again = p;

	(void)state;
	host_sysctl(&t, "net.ipv4.tcp_syncookies", "2");
	says(&p, "S");
	hears(&p, "S. 0 ack 1");
	host_sysctl(&t, "net.ipv4.tcp_syncookies", "1");
	says(&again, "S");
	hears(&again, "S. 0 ack 1");
	assert_int_not_equal(p.host_isn, again.host_isn);
	marked(&t);
	says(&p, ".");
	quiet(&t);
	counted(&t, "TcpInSegs 1 TcpPassiveOpens 1 TcpExtSyncookiesRecv 1");
	host_queues(&t, lfd, 1, 0);
	host_accept_gives(&t, lfd, -EAGAIN);
	says(&again, ".");
	quiet(&t);
	host_queues(&t, lfd, 0, 1);
	host_accept(&t, lfd);
	tcp_lab_close(&t);
}

/* Whoever waits for HO_OUT after -EAGAIN hears of it when it holds, and not when it is only near. */
static void the_event_that_there_is_room_to_send_is_not_lost(void **state)
{
	struct tcp_lab t = tcp_lab();
	int lfd = host_listen(&t, 5), fd;
	struct peer p = peer_of(&t, 1);
	struct ho_event e;
	uint32_t acked = 0;
	bool woken = false;

	(void)state;
	fd = host_accepted(&t, lfd, &p);
	host_set(&t, fd, HO_SOL_SOCKET, HO_SO_SNDBUF, 20000); /* 40000 */
	for (uint8_t buf[100] = {0}; ho_sock_send(t.l.s, fd, buf, sizeof(buf), 0) > 0;)
		;
	while (ho_stack_event(t.l.s, &e))
		;
	while (!woken && ho_sock_outq(t.l.s, fd) > 0) {
		char text[32];

		lab_pump(&t.l);
		lab_forget(&t.l);
		acked += 100;
		snprintf(text, sizeof(text), ". ack %u", acked + 1);
		says(&p, text);
		while (ho_stack_event(t.l.s, &e))
			woken |= e.fd == fd && (e.mask & HO_OUT) != 0;
		assert_int_equal(woken, (ho_sock_poll(t.l.s, fd) & HO_OUT) != 0);
	}
	assert_true(woken);
	tcp_lab_close(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cookie_that_comes_back_while_a_request_has_its_place_makes_no_connection),
		cmocka_unit_test(the_event_that_there_is_room_to_send_is_not_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
