/* SPDX-License-Identifier: MIT
 * A half-open request and the way back to its client.  No replay knows of routes: measured with namespaces. */
#include "tcp_lab.h"

#define FAR 0xc6130001u /* 198.19.0.1 */

static void a_request_whose_route_is_gone_ends_at_its_timer(void **state)
{
	struct tcp_lab t = tcp_lab_with((struct lab_options){.no_default_route = true}, __func__);
	struct ho_route r = {.dst = FAR, .prefix_len = 32, .gateway = PEER_ADDR, .link = -1};
	int lfd = host_listen(&t, 5);
	struct peer p = peer_of(&t, 1);

	(void)state;
	assert_int_equal(ho_route_add(t.l.s, &r), 0);
	says_between(&p, FAR, HOST, "S 0");
	assert_non_null(lab_out(&t.l));
	host_queues(&t, lfd, 1, 0);
	assert_int_equal(ho_route_del(t.l.s, &r), 0);
	marked(&t);
	quiet_until(&t, 1300);
	counted(&t, "IpOutNoRoutes 1 TCPTimeouts 1");
	host_queues(&t, lfd, 0, 0);
	tcp_lab_close(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_whose_route_is_gone_ends_at_its_timer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
