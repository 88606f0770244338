/* SPDX-License-Identifier: MIT
 * Who may bind a port, and which one a connect() gets: Linux 6.18's rules. */
#include "lab.h"
#include "timewait.h"

#define REMOTE HO_ADDR(198, 18, 0, 9)

static struct sock *fresh(struct lab *l)
{
	struct sock *sk = sock_make(l->s, HO_SOCK_STREAM, HO_IPPROTO_TCP);

	assert_non_null(sk);
	return sk;
}

static int bound(struct lab *l, struct sock *sk, uint32_t addr, uint16_t port)
{
	sk->e.laddr = addr;
	return port_bind(l->s, sk, port);
}

static int connected(struct lab *l, struct sock *sk, uint32_t raddr, uint16_t rport)
{
	if (sk->e.laddr == 0)
		sk->e.laddr = raddr >> 24 == 127 ? HO_ADDR_LOOPBACK : HOST;
	sk->e.raddr = raddr;
	sk->e.rport = rport;
	return port_connect(l->s, sk);
}

static void gone(struct lab *l, struct sock *sk)
{
	if (sk->hashed)
		conn_remove(l->s, &sk->e);
	port_release(l->s, sk);
	sock_free(l->s, sk);
}

/* The socket goes, as a connection that ends, and leaves a TIME-WAIT bucket. */
static struct timewait *ended(struct lab *l, struct sock *sk, bool timestamps)
{
	struct timewait *tw = timewait_take(l->s);

	assert_non_null(tw);
	tw->e = sk->e;
	tw->e.kind = ENTRY_TIMEWAIT;
	tw->e.flags = timestamps ? TW_TS : 0;
	tw->snd_nxt = seq_of(1000000);
	tw->ts_recent = 77;
	timewait_ts_stamp_set(l->s, tw, 5);
	l->s->timewait_count++;
	assert_true(port_to_timewait(l->s, sk, tw));
	conn_replace(l->s, &sk->e, &tw->e);
	timewait_start(l->s, tw, 60000);
	sock_free(l->s, sk);
	return tw;
}

static void ports_set(struct lab *l, const char *range)
{
	assert_int_equal(ho_sysctl_set(l->s, "net.ipv4.ip_local_port_range", range), 0);
}

/* ---- bind ---- */

static void two_sockets_may_not_have_one_port(void **state)
{
	struct lab l = lab_open();
	struct sock *a = fresh(&l), *b = fresh(&l);

	(void)state;
	assert_int_equal(bound(&l, a, HO_ADDR_ANY, 80), 0);
	assert_int_equal(a->e.lport, 80);
	assert_int_equal(bound(&l, b, HO_ADDR_ANY, 80), -EADDRINUSE);
	assert_int_equal(bound(&l, b, HOST, 80), -EADDRINUSE);
	assert_int_equal(bound(&l, b, HOST, 81), 0);
	gone(&l, a);
	gone(&l, b);
	lab_close(&l);
}

static void different_addresses_do_not_overlap(void **state)
{
	struct lab l = lab_open();
	struct sock *a = fresh(&l), *b = fresh(&l), *c = fresh(&l);

	(void)state;
	assert_int_equal(bound(&l, a, HOST, 80), 0);
	assert_int_equal(bound(&l, b, HO_ADDR_LOOPBACK, 80), 0);
	assert_int_equal(bound(&l, c, HO_ADDR_ANY, 80), -EADDRINUSE);
	gone(&l, a);
	gone(&l, b);
	gone(&l, c);
	lab_close(&l);
}

static void reuseaddr_shares_until_one_listens(void **state)
{
	struct lab l = lab_open();
	struct sock *a = fresh(&l), *b = fresh(&l);

	(void)state;
	a->reuseaddr = b->reuseaddr = true;
	assert_int_equal(bound(&l, a, HO_ADDR_ANY, 80), 0);
	assert_int_equal(bound(&l, b, HO_ADDR_ANY, 80), 0);
	a->state = HO_LISTEN;
	assert_int_equal(port_bind(l.s, a, 80), 0); /* listen() asks again: it may */
	b->state = HO_LISTEN;
	assert_int_equal(port_bind(l.s, b, 80), -EADDRINUSE);
	b->state = HO_CLOSE;
	port_release(l.s, b);
	assert_int_equal(bound(&l, b, HO_ADDR_ANY, 80), -EADDRINUSE);
	gone(&l, a);
	gone(&l, b);
	lab_close(&l);
}

static void reuseaddr_of_one_is_not_enough(void **state)
{
	struct lab l = lab_open();
	struct sock *a = fresh(&l), *b = fresh(&l);

	(void)state;
	a->reuseaddr = true;
	assert_int_equal(bound(&l, a, HO_ADDR_ANY, 80), 0);
	assert_int_equal(bound(&l, b, HO_ADDR_ANY, 80), -EADDRINUSE);
	gone(&l, a);
	gone(&l, b);
	lab_close(&l);
}

static void reuseport_shares_listeners_too(void **state)
{
	struct lab l = lab_open();
	struct sock *a = fresh(&l), *b = fresh(&l);

	(void)state;
	a->reuseport = b->reuseport = true;
	assert_int_equal(bound(&l, a, HO_ADDR_ANY, 80), 0);
	a->state = HO_LISTEN;
	assert_int_equal(bound(&l, b, HO_ADDR_ANY, 80), 0);
	gone(&l, a);
	gone(&l, b);
	lab_close(&l);
}

static void timewait_minds_unless_both_had_reuseaddr(void **state)
{
	struct lab l = lab_open();
	struct sock *server = fresh(&l), *child = fresh(&l), *next = fresh(&l);
	struct timewait *tw;

	(void)state;
	server->reuseaddr = true;
	assert_int_equal(bound(&l, server, HO_ADDR_ANY, 80), 0);
	child->e = (struct entry){.kind = ENTRY_SOCK, .laddr = HOST, .lport = 80, .raddr = REMOTE, .rport = 1};
	child->reuseaddr = true;
	assert_int_equal(port_inherit(l.s, child, 80), 0);
	conn_insert(l.s, &child->e);
	gone(&l, server);
	tw = ended(&l, child, true);
	assert_int_equal(bound(&l, next, HO_ADDR_ANY, 80), -EADDRINUSE);
	next->reuseaddr = true;
	assert_int_equal(bound(&l, next, HO_ADDR_ANY, 80), 0);
	gone(&l, next);
	tcp_timewait_free(l.s, tw);
	next = fresh(&l);
	assert_int_equal(bound(&l, next, HO_ADDR_ANY, 80), 0);
	gone(&l, next);
	assert_int_equal(l.s->buckets.used_count, 0);
	lab_close(&l);
}

static void timewait_of_a_reuseport_listener_minds_only_others(void **state)
{
	struct lab l = lab_open();
	struct sock *child = fresh(&l), *next = fresh(&l);

	(void)state;
	child->e = (struct entry){.kind = ENTRY_SOCK, .laddr = HOST, .lport = 80, .raddr = REMOTE, .rport = 1};
	child->reuseport = true;
	assert_int_equal(port_inherit(l.s, child, 80), 0);
	conn_insert(l.s, &child->e);
	ended(&l, child, true);
	assert_int_equal(bound(&l, next, HO_ADDR_ANY, 80), -EADDRINUSE);
	next->reuseaddr = true;
	assert_int_equal(bound(&l, next, HO_ADDR_ANY, 80), -EADDRINUSE);
	next->reuseport = true;
	assert_int_equal(bound(&l, next, HO_ADDR_ANY, 80), 0);
	gone(&l, next);
	lab_close(&l);
}

static void port_0_takes_every_port_of_the_range_once(void **state)
{
	struct lab l = lab_open();
	struct sock *sk[101];
	bool seen[101] = {false};

	(void)state;
	ports_set(&l, "5000 5099");
	for (int i = 0; i < 100; i++) {
		sk[i] = fresh(&l);
		assert_int_equal(bound(&l, sk[i], HO_ADDR_ANY, 0), 0);
		assert_in_range(sk[i]->e.lport, 5000, 5099);
		assert_false(seen[sk[i]->e.lport - 5000]);
		seen[sk[i]->e.lport - 5000] = true;
		assert_int_equal(sk[i]->e.lport % 2, i < 50); /* odd ones first: connect() prefers the even ones */
	}
	sk[100] = fresh(&l);
	assert_int_equal(bound(&l, sk[100], HO_ADDR_ANY, 0), -EADDRINUSE);
	for (int i = 0; i < 101; i++)
		gone(&l, sk[i]);
	lab_close(&l);
}

static void port_0_shares_nothing_whatever_the_options(void **state)
{
	struct lab l = lab_open();
	struct sock *a = fresh(&l), *b = fresh(&l);

	(void)state;
	ports_set(&l, "5000 5000");
	a->reuseaddr = b->reuseaddr = a->reuseport = b->reuseport = true;
	assert_int_equal(bound(&l, a, HO_ADDR_ANY, 0), 0);
	assert_int_equal(a->e.lport, 5000);
	assert_int_equal(bound(&l, b, HO_ADDR_ANY, 0), -EADDRINUSE);
	gone(&l, a);
	gone(&l, b);
	lab_close(&l);
}

/* ---- connect ---- */

static void connects_take_even_ports_first_and_all_of_them(void **state)
{
	struct lab l = lab_open();
	struct sock *sk[101];
	bool seen[100] = {false};

	(void)state;
	ports_set(&l, "5000 5099");
	for (int i = 0; i < 100; i++) {
		sk[i] = fresh(&l);
		assert_int_equal(connected(&l, sk[i], REMOTE, 80), 0);
		assert_true(sk[i]->hashed);
		assert_ptr_equal(conn_find(l.s, HOST, sk[i]->e.lport, REMOTE, 80), &sk[i]->e);
		assert_false(seen[sk[i]->e.lport - 5000]);
		seen[sk[i]->e.lport - 5000] = true;
		assert_int_equal(sk[i]->e.lport % 2, i >= 50);
	}
	sk[100] = fresh(&l);
	assert_int_equal(connected(&l, sk[100], REMOTE, 80), -EADDRNOTAVAIL);
	assert_int_equal(connected(&l, sk[100], REMOTE, 81), 0); /* to another port they are all free */
	for (int i = 0; i < 101; i++)
		gone(&l, sk[i]);
	assert_int_equal(l.s->buckets.used_count, 0);
	lab_close(&l);
}

static void a_range_of_one_port_works(void **state)
{
	struct lab l = lab_open();
	struct sock *a = fresh(&l), *b = fresh(&l);

	(void)state;
	ports_set(&l, "5001 5001");
	assert_int_equal(connected(&l, a, REMOTE, 80), 0);
	assert_int_equal(a->e.lport, 5001);
	assert_int_equal(connected(&l, b, REMOTE, 80), -EADDRNOTAVAIL);
	gone(&l, a);
	gone(&l, b);
	lab_close(&l);
}

static void connect_keeps_away_from_bound_ports(void **state)
{
	struct lab l = lab_open();
	struct sock *a = fresh(&l), *b = fresh(&l);

	(void)state;
	ports_set(&l, "5000 5000");
	assert_int_equal(bound(&l, a, HO_ADDR_ANY, 5000), 0);
	assert_int_equal(connected(&l, b, REMOTE, 80), -EADDRNOTAVAIL);
	gone(&l, a);
	assert_int_equal(connected(&l, b, REMOTE, 80), 0);
	gone(&l, b);
	lab_close(&l);
}

static void a_bound_socket_connects_from_its_port(void **state)
{
	struct lab l = lab_open();
	struct sock *a = fresh(&l), *b = fresh(&l);

	(void)state;
	a->reuseaddr = b->reuseaddr = true;
	assert_int_equal(bound(&l, a, HOST, 7000), 0);
	assert_int_equal(bound(&l, b, HOST, 7000), 0);
	assert_int_equal(connected(&l, a, REMOTE, 80), 0);
	assert_int_equal(a->e.lport, 7000);
	assert_int_equal(connected(&l, b, REMOTE, 80), -EADDRNOTAVAIL);
	assert_int_equal(connected(&l, b, REMOTE, 81), 0);
	gone(&l, a);
	gone(&l, b);
	lab_close(&l);
}

static void the_sequence_of_ports_depends_on_secret_and_destination(void **state)
{
	uint16_t port[4];

	(void)state;
	for (uint8_t i = 0; i < 4; i++) {
		struct lab l = lab_open(.secret = i == 2);
		struct sock *sk = fresh(&l);

		assert_int_equal(connected(&l, sk, i == 3 ? REMOTE + 1 : REMOTE, 80), 0);
		port[i] = sk->e.lport;
		gone(&l, sk);
		lab_close(&l);
	}
	assert_int_equal(port[0], port[1]);
	assert_int_not_equal(port[0], port[2]);
	assert_int_not_equal(port[0], port[3]);
}

/* ---- TIME-WAIT in the way ---- */

static struct timewait *in_the_way(struct lab *l, uint32_t raddr, bool timestamps)
{
	struct sock *sk = fresh(l);

	ports_set(l, "5000 5000");
	assert_int_equal(connected(l, sk, raddr, 80), 0);
	return ended(l, sk, timestamps);
}

static void by_default_only_loopback_reuses_timewait(void **state)
{
	struct lab l = lab_open();
	struct timewait *tw = in_the_way(&l, REMOTE, true);
	struct sock *sk = fresh(&l);

	(void)state;
	ho_stack_at(l.s, LAB_BIRTH_NS + 30 * HO_SEC);
	assert_int_equal(connected(&l, sk, REMOTE, 80), -EADDRNOTAVAIL);
	ho_sysctl_set(l.s, "net.ipv4.tcp_tw_reuse", "1");
	assert_int_equal(connected(&l, sk, REMOTE, 80), 0);
	(void)tw; /* taken over */
	assert_int_equal(l.s->timewait_count, 0);
	lab_counted(&l, TcpExtTWRecycled, 1);
	assert_int_equal(sk->write_seq.n, 1000000 + 65537);
	assert_int_equal(sk->ts_recent, 77);
	assert_int_equal(sk->ts_recent_stamp_s, 5);
	gone(&l, sk);
	assert_int_equal(l.s->buckets.used_count, 0);
	lab_close(&l);
}

static void timewait_is_reused_after_a_second_not_before(void **state)
{
	struct lab l = lab_open();
	struct timewait *tw = in_the_way(&l, HO_ADDR_LOOPBACK, true);
	struct sock *sk = fresh(&l);

	(void)state;
	(void)tw;
	ho_stack_at(l.s, LAB_BIRTH_NS + 1000 * HO_MS);
	assert_int_equal(connected(&l, sk, HO_ADDR_LOOPBACK, 80), -EADDRNOTAVAIL);
	ho_stack_at(l.s, LAB_BIRTH_NS + 1001 * HO_MS);
	assert_int_equal(connected(&l, sk, HO_ADDR_LOOPBACK, 80), 0);
	gone(&l, sk);
	lab_close(&l);
}

static void timewait_without_timestamps_is_never_reused(void **state)
{
	struct lab l = lab_open();
	struct timewait *tw = in_the_way(&l, HO_ADDR_LOOPBACK, false);
	struct sock *sk = fresh(&l);

	(void)state;
	ho_stack_at(l.s, LAB_BIRTH_NS + 30 * HO_SEC);
	assert_int_equal(connected(&l, sk, HO_ADDR_LOOPBACK, 80), -EADDRNOTAVAIL);
	tcp_timewait_free(l.s, tw);
	gone(&l, sk);
	lab_close(&l);
}

static void an_orphans_fin_wait_2_is_not_reused(void **state)
{
	struct lab l = lab_open();
	struct timewait *tw = in_the_way(&l, HO_ADDR_LOOPBACK, true);
	struct sock *sk = fresh(&l);

	(void)state;
	tw->e.flags |= TW_FIN_WAIT2;
	ho_stack_at(l.s, LAB_BIRTH_NS + 30 * HO_SEC);
	assert_int_equal(connected(&l, sk, HO_ADDR_LOOPBACK, 80), -EADDRNOTAVAIL);
	tcp_timewait_free(l.s, tw);
	gone(&l, sk);
	lab_close(&l);
}

/* As in Linux: who has chosen the port himself does not wait. */
static void a_bound_socket_takes_over_timewait_at_once(void **state)
{
	struct lab l = lab_open();
	struct sock *a = fresh(&l), *b = fresh(&l);

	(void)state;
	a->reuseaddr = b->reuseaddr = true;
	assert_int_equal(bound(&l, a, HOST, 7000), 0);
	assert_int_equal(connected(&l, a, REMOTE, 80), 0);
	ended(&l, a, true);
	assert_int_equal(bound(&l, b, HOST, 7000), 0);
	assert_int_equal(connected(&l, b, REMOTE, 80), 0);
	lab_counted(&l, TcpExtTWRecycled, 1);
	gone(&l, b);
	lab_close(&l);
}

static void a_socket_may_become_timewait_and_the_port_stays_taken(void **state)
{
	struct lab l = lab_open();
	struct timewait *tw = in_the_way(&l, REMOTE, true);
	struct sock *sk = fresh(&l);

	(void)state;
	assert_int_equal(bound(&l, sk, HO_ADDR_ANY, 5000), -EADDRINUSE);
	tcp_timewait_free(l.s, tw);
	assert_int_equal(bound(&l, sk, HO_ADDR_ANY, 5000), 0);
	gone(&l, sk);
	lab_close(&l);
}

/* 28,232 connections to one destination, as the default range allows, and not one more. */
static void the_whole_default_range_can_be_used(void **state)
{
	struct lab l = lab_open();
	struct sock *sk, *extra = fresh(&l);

	(void)state;
	for (int i = 0; i < 28232; i++) {
		sk = fresh(&l);
		assert_int_equal(connected(&l, sk, REMOTE, 80), 0);
	}
	assert_int_equal(connected(&l, extra, REMOTE, 80), -EADDRNOTAVAIL);
	assert_int_equal(connected(&l, extra, REMOTE + 1, 80), 0);
	lab_close(&l);
}

static uint64_t connect_with_failures(uint64_t fail_at)
{
	struct lab l = lab_open(.fail_at = fail_at);
	uint64_t calls;

	if (l.s != NULL) {
		struct sock *sk = sock_make(l.s, HO_SOCK_STREAM, HO_IPPROTO_TCP);
		int err = sk == NULL ? -ENOMEM : connected(&l, sk, REMOTE, 80);

		assert_true(err == 0 || err == -ENOMEM);
		assert_true(sk == NULL || sk->hashed == (err == 0));
		if (sk != NULL)
			gone(&l, sk);
	}
	calls = l.heap->calls;
	lab_close(&l);
	return calls;
}

static void every_allocation_may_fail(void **state)
{
	(void)state;
	lab_every_allocation_fails(connect_with_failures);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_sockets_may_not_have_one_port),
		cmocka_unit_test(different_addresses_do_not_overlap),
		cmocka_unit_test(reuseaddr_shares_until_one_listens),
		cmocka_unit_test(reuseaddr_of_one_is_not_enough),
		cmocka_unit_test(reuseport_shares_listeners_too),
		cmocka_unit_test(timewait_minds_unless_both_had_reuseaddr),
		cmocka_unit_test(timewait_of_a_reuseport_listener_minds_only_others),
		cmocka_unit_test(port_0_takes_every_port_of_the_range_once),
		cmocka_unit_test(port_0_shares_nothing_whatever_the_options),
		cmocka_unit_test(connects_take_even_ports_first_and_all_of_them),
		cmocka_unit_test(a_range_of_one_port_works),
		cmocka_unit_test(connect_keeps_away_from_bound_ports),
		cmocka_unit_test(a_bound_socket_connects_from_its_port),
		cmocka_unit_test(the_sequence_of_ports_depends_on_secret_and_destination),
		cmocka_unit_test(by_default_only_loopback_reuses_timewait),
		cmocka_unit_test(timewait_is_reused_after_a_second_not_before),
		cmocka_unit_test(timewait_without_timestamps_is_never_reused),
		cmocka_unit_test(an_orphans_fin_wait_2_is_not_reused),
		cmocka_unit_test(a_bound_socket_takes_over_timewait_at_once),
		cmocka_unit_test(a_socket_may_become_timewait_and_the_port_stays_taken),
		cmocka_unit_test(the_whole_default_range_can_be_used),
		cmocka_unit_test(every_allocation_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
