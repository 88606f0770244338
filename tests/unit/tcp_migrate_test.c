/* SPDX-License-Identifier: MIT
 * A listener of a SO_REUSEPORT group goes, and what waits at it moves to another one (net.ipv4.tcp_migrate_req).  A group
 * here begins with one listener, so it is known who has the clients.  The experiment reuseport_migrate asks both worlds. */
#include "tcp_lab.h"
#include "request.h"

static struct tcp_lab migrating(const char *test)
{
	struct tcp_lab t = tcp_lab_with((struct lab_options){0}, test);

	host_sysctl(&t, "net.ipv4.tcp_migrate_req", "1");
	return t;
}

static int listen_shared(struct tcp_lab *t, int backlog)
{
	int fd = host_socket(t);

	host_set(t, fd, HO_SOL_SOCKET, HO_SO_REUSEPORT, 1);
	host_bind(t, fd, LAB_PORT);
	host_backlog(t, fd, backlog);
	return fd;
}

static struct peer half_open(struct tcp_lab *t, unsigned n)
{
	struct peer p = peer_of(t, n);

	says(&p, "S");
	hears(&p, "S. 0 ack 1");
	return p;
}

static struct peer connected(struct tcp_lab *t, unsigned n)
{
	struct peer p = half_open(t, n);

	says(&p, ".");
	return p;
}

/* Of this listener alone: /proc/net/tcp cannot tell, so a replay is not asked. */
static void syn_queue_is(struct tcp_lab *t, int lfd, uint32_t length, uint32_t young)
{
	struct ho_listener_info i;

	assert_int_equal(ho_sock_listener_info(t->l.s, lfd, &i), 0);
	lab_expect(i.syn_queue, length);
	lab_expect(i.syn_queue_young, young);
}

static unsigned listeners_kept(const struct tcp_lab *t)
{
	unsigned n = 0;

	for (uint32_t slot = 0; slot < t->l.s->listeners_size; slot++)
		n += t->l.s->listeners[slot] != NULL;
	return n;
}

static bool told(struct tcp_lab *t, int fd)
{
	struct ho_event e;
	bool found = false;

	while (ho_stack_event(t->l.s, &e))
		found |= e.fd == fd && (e.mask & HO_IN);
	return found;
}

static void waiting_connections_move_in_their_order(void **state)
{
	struct tcp_lab t = migrating(__func__);
	int a = listen_shared(&t, 5), b, c;
	struct peer p1 = connected(&t, 1), p2 = connected(&t, 2);

	(void)state;
	b = listen_shared(&t, 5);
	marked(&t);
	told(&t, b);
	host_close(&t, a);
	quiet(&t);
	assert_true(told(&t, b));
	counted(&t, "TcpExtTCPMigrateReqSuccess 2");
	host_queues(&t, b, 0, 2);
	assert_int_equal(listeners_kept(&t), 1);
	c = host_accept(&t, b);
	says(&p1, "P. 1:6");
	hears(&p1, ". 1 ack 6");
	host_recv(&t, c, 100, 0, 5);
	c = host_accept(&t, b);
	host_send(&t, c, 7, 0, 7);
	hears(&p2, "P. 1:8 ack 1");
	host_accept_gives(&t, b, -EAGAIN);
	tcp_lab_close(&t);
}

static void how_long_they_have_waited_is_not_forgotten(void **state)
{
	struct tcp_lab t = migrating(__func__);
	int a = listen_shared(&t, 5), b;
	struct ho_listener_info i;

	(void)state;
	connected(&t, 1);
	b = listen_shared(&t, 5);
	lab_at(&t, 700);
	host_close(&t, a);
	assert_int_equal(ho_sock_listener_info(t.l.s, b, &i), 0);
	assert_int_equal((t.l.birth_ns + 700 * HO_MS - i.oldest_waiting) / HO_MS, 700);
	assert_int_equal(i.accept_queue_max, 1);
	host_accept(&t, b);
	tcp_lab_close(&t);
}

static void an_accept_queue_takes_more_than_its_limit(void **state)
{
	struct tcp_lab t = migrating(__func__);
	int a = listen_shared(&t, 5), b;
	struct peer late = peer_of(&t, 9);

	(void)state;
	for (unsigned n = 1; n <= 3; n++)
		connected(&t, n);
	b = listen_shared(&t, 0);
	marked(&t);
	host_shutdown(&t, a, HO_SHUT_RDWR, 0);
	counted(&t, "TcpExtTCPMigrateReqSuccess 3");
	host_queues(&t, b, 0, 3);
	says(&late, "S");
	quiet(&t);
	counted(&t, "TcpInSegs 1 TcpExtListenOverflows 1 TcpExtListenDrops 1");
	tcp_lab_close(&t);
}

static void they_spread_over_all_that_are_left(void **state)
{
	struct tcp_lab t = migrating(__func__);
	int a = listen_shared(&t, 500), b, c;
	struct ho_sock_info i;

	(void)state;
	for (unsigned n = 1; n <= 200; n++)
		connected(&t, n);
	b = listen_shared(&t, 500);
	c = listen_shared(&t, 500);
	marked(&t);
	host_close(&t, a);
	counted(&t, "TcpExtTCPMigrateReqSuccess 200");
	assert_int_equal(ho_sock_info_get(t.l.s, b, &i), 0);
	assert_in_range(i.recv_q, 60, 140);
	assert_int_equal(ho_sock_info_get(t.l.s, c, &i), 0);
	assert_in_range(i.recv_q, 60, 140);
	tcp_lab_close(&t);
}

static void with_nobody_left_they_are_reset_and_counted(void **state)
{
	struct tcp_lab t = migrating(__func__);
	int a = listen_shared(&t, 5);
	struct peer p1 = connected(&t, 1), p2 = connected(&t, 2);

	(void)state;
	marked(&t);
	host_close(&t, a);
	hears(&p1, "R. 1 ack 1");
	hears(&p2, "R. 1 ack 1");
	counted(&t, "TcpOutSegs 2 TcpOutRsts 2 TcpEstabResets 2 TcpCurrEstab -2 TcpExtTCPMigrateReqFailure 2");
	tcp_lab_close(&t);
}

static void without_so_reuseport_nothing_is_counted(void **state)
{
	struct tcp_lab t = migrating(__func__);
	int a = host_listen(&t, 5);
	struct peer p = connected(&t, 1), q = half_open(&t, 2);

	(void)state;
	marked(&t);
	host_close(&t, a);
	hears(&p, "R. 1 ack 1");
	says(&q, ".");
	hears(&q, "R 1");
	counted(&t, "TcpInSegs 1 TcpOutSegs 2 TcpOutRsts 2 TcpEstabResets 1 TcpCurrEstab -1");
	tcp_lab_close(&t);
}

static void a_request_moves_with_its_syn_ack(void **state)
{
	struct tcp_lab t = migrating(__func__);
	int a = listen_shared(&t, 5), b;
	struct peer p = half_open(&t, 1);

	(void)state;
	b = listen_shared(&t, 5);
	host_close(&t, a);
	marked(&t);
	syn_queue_is(&t, b, 0, 0);
	assert_int_equal(listeners_kept(&t), 2);
	hears_at(&p, 1000, "S. 0 ack 1");
	counted(&t,
	        "TcpOutSegs 1 TcpRetransSegs 1 TcpExtTCPTimeouts 1 TcpExtTCPSynRetrans 1 TcpExtTCPMigrateReqSuccess 1");
	syn_queue_is(&t, b, 1, 0);
	assert_int_equal(listeners_kept(&t), 1);
	hears_at(&p, 3000, "S. 0 ack 1");
	counted(&t, "TcpOutSegs 1 TcpRetransSegs 1 TcpExtTCPTimeouts 1 TcpExtTCPSynRetrans 1");
	says(&p, ".");
	counted(&t, "TcpInSegs 1 TcpPassiveOpens 1 TcpCurrEstab 1 TcpExtTCPPureAcks 1");
	syn_queue_is(&t, b, 0, 0);
	host_accept(&t, b);
	tcp_lab_close(&t);
}

static void a_request_at_its_end_does_not_move(void **state)
{
	struct tcp_lab t = migrating(__func__);
	int a = listen_shared(&t, 5), b;
	struct peer p = half_open(&t, 1);

	(void)state;
	host_sysctl(&t, "net.ipv4.tcp_synack_retries", "1");
	b = listen_shared(&t, 5);
	hears_at(&p, 1000, "S. 0 ack 1");
	host_close(&t, a);
	marked(&t);
	quiet_until(&t, 4000);
	counted(&t, "TcpExtTCPTimeouts 1 TcpExtTCPMigrateReqFailure 1");
	syn_queue_is(&t, b, 0, 0);
	assert_int_equal(listeners_kept(&t), 1);
	tcp_lab_close(&t);
}

static void a_repeated_syn_is_answered_and_moves_nothing(void **state)
{
	struct tcp_lab t = migrating(__func__);
	int a = listen_shared(&t, 5), b;
	struct peer p = half_open(&t, 1);

	(void)state;
	b = listen_shared(&t, 5);
	host_close(&t, a);
	marked(&t);
	says(&p, "S 0");
	hears(&p, "S. 0 ack 1");
	counted(&t, "TcpInSegs 1 TcpOutSegs 1 TcpRetransSegs 1 TcpExtTCPSynRetrans 1");
	host_drops(&t, b, 1);
	syn_queue_is(&t, b, 0, 0);
	says(&p, ". 1 ack 500");
	hears(&p, "R 500");
	counted(&t, "TcpInSegs 1 TcpOutSegs 1 TcpOutRsts 1");
	says(&p, ". 1 ack 1");
	quiet(&t);
	counted(&t, "TcpInSegs 1 TcpPassiveOpens 1 TcpCurrEstab 1 TcpExtTCPPureAcks 1 TcpExtTCPMigrateReqSuccess 1");
	assert_int_equal(listeners_kept(&t), 1);
	host_accept(&t, b);
	tcp_lab_close(&t);
}

static void a_final_ack_meets_the_other_accept_queue(void **state)
{
	struct tcp_lab t = migrating(__func__);
	int a = listen_shared(&t, 5), b;
	struct peer p = half_open(&t, 1);

	(void)state;
	connected(&t, 2);
	b = listen_shared(&t, 0);
	host_close(&t, a);
	marked(&t);
	says(&p, ". 1 ack 1");
	says(&p, ". 1 ack 1");
	quiet(&t);
	counted(&t, "TcpInSegs 2 TcpExtListenOverflows 2 TcpExtListenDrops 2 TcpExtTCPMigrateReqFailure 2");
	host_drops(&t, b, 4);
	host_accept(&t, b);
	says(&p, ". 1 ack 1");
	counted(&t, "TcpInSegs 1 TcpPassiveOpens 1 TcpCurrEstab 1 TcpExtTCPPureAcks 1 TcpExtTCPMigrateReqSuccess 1");
	host_accept(&t, b);
	tcp_lab_close(&t);
}

static void who_finds_an_empty_group_begins_another(void **state)
{
	struct tcp_lab t = migrating(__func__);
	int a = listen_shared(&t, 5), b;
	struct peer p = half_open(&t, 1), q = half_open(&t, 2);

	(void)state;
	host_close(&t, a);
	b = listen_shared(&t, 5);
	marked(&t);
	says(&p, ". 1 ack 1");
	hears(&p, "R 1");
	counted(&t, "TcpInSegs 1 TcpOutSegs 1 TcpOutRsts 1 TcpExtTCPMigrateReqFailure 1");
	says(&q, "S 0");
	hears(&q, "S. ack 1"); /* a request of its own */
	counted(&t, "TcpInSegs 1 TcpOutSegs 1 TcpExtTCPMigrateReqFailure 1");
	syn_queue_is(&t, b, 1, 1);
	tcp_lab_close(&t);
}

static void a_group_lives_on_in_who_joins_in_time(void **state)
{
	struct tcp_lab t = migrating(__func__);
	int a = listen_shared(&t, 5), b, c;
	struct peer p = half_open(&t, 1);

	(void)state;
	b = listen_shared(&t, 5);
	host_close(&t, a);
	c = listen_shared(&t, 5);
	host_close(&t, b);
	marked(&t);
	says(&p, ". 1 ack 1");
	quiet(&t);
	counted(&t, "TcpInSegs 1 TcpPassiveOpens 1 TcpCurrEstab 1 TcpExtTCPPureAcks 1 TcpExtTCPMigrateReqSuccess 1");
	host_accept(&t, c);
	tcp_lab_close(&t);
}

static void who_listens_again_has_its_requests_back(void **state)
{
	struct tcp_lab t = migrating(__func__);
	int a = listen_shared(&t, 5), b;
	struct peer p = half_open(&t, 1);

	(void)state;
	b = listen_shared(&t, 5);
	host_shutdown(&t, a, HO_SHUT_RDWR, 0);
	host_backlog(&t, a, 5);
	marked(&t);
	says(&p, ". 1 ack 1");
	counted(&t, "TcpInSegs 1 TcpPassiveOpens 1 TcpCurrEstab 1 TcpExtTCPPureAcks 1");
	host_accept(&t, a);
	host_accept_gives(&t, b, -EAGAIN);
	tcp_lab_close(&t);
}

/* The request is the closed listener's, the RST is dealt with by the other one, who counts one request less than none: more
 * than any limit.  A request that moves there, 1 s after its SYN, makes up for it. */
static void a_rst_fills_the_syn_queue_of_who_never_had_the_request(void **state)
{
	struct tcp_lab t = migrating(__func__);
	int a = listen_shared(&t, 5), b;
	struct peer p = half_open(&t, 1), q = half_open(&t, 2), r = peer_of(&t, 3);

	(void)state;
	host_sysctl(&t, "net.ipv4.tcp_syncookies", "0");
	b = listen_shared(&t, 5);
	host_close(&t, a);
	marked(&t);
	says(&p, "R 1");
	counted(&t, "TcpInSegs 1 TcpAttemptFails 1 TcpExtEmbryonicRsts 1");
	syn_queue_is(&t, b, 0, 0);
	says(&r, "S 0");
	quiet(&t);
	counted(&t, "TcpInSegs 1 TcpExtTCPReqQFullDrop 1 TcpExtListenDrops 1");
	hears_at(&q, 1000, "S. 0 ack 1");
	marked(&t);
	says(&r, "S 0");
	hears(&r, "S. 0 ack 1");
	counted(&t, "TcpInSegs 1 TcpOutSegs 1");
	syn_queue_is(&t, b, 2, 1);
	tcp_lab_close(&t);
}

static void the_sysctl_is_asked_at_the_close_and_at_the_move(void **state)
{
	struct tcp_lab t = migrating(__func__);
	int a = listen_shared(&t, 5), b, c;
	struct peer p = half_open(&t, 1), q;

	(void)state;
	b = listen_shared(&t, 5);
	host_close(&t, a);
	host_sysctl(&t, "net.ipv4.tcp_migrate_req", "0");
	marked(&t);
	says(&p, ". 1 ack 1");
	hears(&p, "R 1");
	counted(&t, "TcpInSegs 1 TcpOutSegs 1 TcpOutRsts 1 TcpExtTCPMigrateReqFailure 1");
	q = half_open(&t, 2);
	c = listen_shared(&t, 5);
	host_close(&t, b);
	host_sysctl(&t, "net.ipv4.tcp_migrate_req", "1");
	marked(&t);
	says(&q, ". 1 ack 1");
	hears(&q, "R 1");
	counted(&t, "TcpInSegs 1 TcpOutSegs 1 TcpOutRsts 1");
	host_accept_gives(&t, c, -EAGAIN);
	tcp_lab_close(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waiting_connections_move_in_their_order),
		cmocka_unit_test(how_long_they_have_waited_is_not_forgotten),
		cmocka_unit_test(an_accept_queue_takes_more_than_its_limit),
		cmocka_unit_test(they_spread_over_all_that_are_left),
		cmocka_unit_test(with_nobody_left_they_are_reset_and_counted),
		cmocka_unit_test(without_so_reuseport_nothing_is_counted),
		cmocka_unit_test(a_request_moves_with_its_syn_ack),
		cmocka_unit_test(a_request_at_its_end_does_not_move),
		cmocka_unit_test(a_repeated_syn_is_answered_and_moves_nothing),
		cmocka_unit_test(a_final_ack_meets_the_other_accept_queue),
		cmocka_unit_test(who_finds_an_empty_group_begins_another),
		cmocka_unit_test(a_group_lives_on_in_who_joins_in_time),
		cmocka_unit_test(who_listens_again_has_its_requests_back),
		cmocka_unit_test(a_rst_fills_the_syn_queue_of_who_never_had_the_request),
		cmocka_unit_test(the_sysctl_is_asked_at_the_close_and_at_the_move),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
