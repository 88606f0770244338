/* SPDX-License-Identifier: MIT
 * A connection whose route goes away. */
#include "tcp_talk.h"

static const struct ho_route none = {.dst = PEER_ADDR, .prefix_len = 32, .type = HO_ROUTE_UNREACHABLE, .link = -1};

static void route_gone(struct talk *k)
{
	say_log(&k->t, "unreachable 198.18.0.1 1");
	assert_int_equal(ho_route_add(k->t.l.s, &none), 0);
	marked(&k->t);
}

static void route_back(struct talk *k)
{
	say_log(&k->t, "unreachable 198.18.0.1 0");
	assert_int_equal(ho_route_del(k->t.l.s, &none), 0);
}

static void what_is_sent_without_route_counts_at_each_try(void **state)
{
	struct talk *k = talk();

	(void)state;
	route_gone(k);
	host_send(&k->t, k->fd, 10, 0, 10);
	quiet_until(&k->t, 1200); /* tried at once, at 200 ms, at 600 ms */
	counted(&k->t, "IpOutNoRoutes 3 TcpOutSegs 3");
	route_back(k);
	hears_at(&k->p, 1407, "P. 1:11 ack 1");
	talk_done(k);
}

static void what_would_be_sent_again_without_route_is_no_try(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_send(&k->t, k->fd, 10, 0, 10);
	hears(&k->p, "P. 1:11 ack 1");
	route_gone(k);
	quiet_until(&k->t, 1200);
	counted(&k->t, "TCPTimeouts 2 TcpTimeoutRehash 2");
	talk_done(k);
}

static void an_ack_without_route_counts(void **state)
{
	struct talk *k = talk();

	(void)state;
	route_gone(k);
	says(&k->p, "P. 1:11 ack 1");
	quiet_until(&k->t, 300);
	counted(&k->t, "IpOutNoRoutes 1 TcpInSegs 1 TcpOutSegs 1");
	talk_done(k);
}

static void a_reset_of_a_connection_without_route_counts_and_fails_but_not_an_answer(void **state)
{
	struct talk *k = talk();

	(void)state;
	says(&k->p, "P. 1:11 ack 1");
	hears(&k->p, ". 1 ack 11");
	route_gone(k);
	host_close(&k->t, k->fd);
	counted(&k->t, "IpOutNoRoutes 1 TcpEstabResets 1 TcpCurrEstab -1 TcpOutSegs 1 TcpOutRsts 1 TCPAbortOnClose 1 TCPAbortFailed 1");
	marked(&k->t);
	says(&k->p, "P. 11:21 ack 1");
	counted(&k->t, "TcpInSegs 1 TcpOutSegs 1 TcpOutRsts 1");
	talk_done(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_sent_without_route_counts_at_each_try),
		cmocka_unit_test(what_would_be_sent_again_without_route_is_no_try),
		cmocka_unit_test(an_ack_without_route_counts),
		cmocka_unit_test(a_reset_of_a_connection_without_route_counts_and_fails_but_not_an_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
