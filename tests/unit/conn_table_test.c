/* SPDX-License-Identifier: MIT */
#include "tcp_lab.h"
#include "request.h"
#include "timewait.h"

static struct sock *made(struct lab *l, uint32_t laddr, uint16_t lport, uint32_t raddr, uint16_t rport)
{
	struct sock *sk = sock_make(l->s, HO_SOCK_STREAM, HO_IPPROTO_TCP);

	assert_non_null(sk);
	sk->e.laddr = laddr;
	sk->e.lport = lport;
	sk->e.raddr = raddr;
	sk->e.rport = rport;
	return sk;
}

static void a_connection_is_found_by_all_four(void **state)
{
	struct lab l = lab_open();
	struct sock *sk = made(&l, HOST, 80, PEER_ADDR, 4000);

	(void)state;
	conn_insert(l.s, &sk->e);
	assert_true(sk->hashed);
	for (int twice = 0; twice < 2; twice++) { /* the second time from last_hit */
		assert_ptr_equal(conn_find(l.s, HOST, 80, PEER_ADDR, 4000), &sk->e);
		assert_null(conn_find(l.s, HOST, 81, PEER_ADDR, 4000));
		assert_null(conn_find(l.s, HOST, 80, PEER_ADDR, 4001));
		assert_null(conn_find(l.s, HOST + 1, 80, PEER_ADDR, 4000));
		assert_null(conn_find(l.s, HOST, 80, PEER_ADDR + 1, 4000));
		assert_null(conn_find(l.s, PEER_ADDR, 4000, HOST, 80));
	}
	conn_remove(l.s, &sk->e);
	assert_false(sk->hashed);
	assert_null(conn_find(l.s, HOST, 80, PEER_ADDR, 4000));
	sock_free(l.s, sk);
	lab_close(&l);
}

static void a_replacement_takes_the_place_and_the_last_hit(void **state)
{
	struct lab l = lab_open();
	struct sock *a = made(&l, HOST, 80, PEER_ADDR, 4000), *b = made(&l, HOST, 80, PEER_ADDR, 4000);

	(void)state;
	conn_insert(l.s, &a->e);
	assert_ptr_equal(conn_find(l.s, HOST, 80, PEER_ADDR, 4000), &a->e);
	conn_replace(l.s, &a->e, &b->e);
	assert_ptr_equal(conn_find(l.s, HOST, 80, PEER_ADDR, 4000), &b->e);
	assert_true(b->hashed);
	assert_false(a->hashed);
	sock_free(l.s, a);
	conn_remove(l.s, &b->e);
	sock_free(l.s, b);
	lab_close(&l);
}

static void a_hundred_thousand_connections_are_all_found(void **state)
{
	static struct entry *e[100000];
	struct lab l = lab_open();
	struct ho_memory m;

	(void)state;
	for (uint32_t i = 0; i < 100000; i++) {
		e[i] = i % 3 ? &request_take(l.s)->e : &timewait_take(l.s)->e;
		assert_non_null(e[i]);
		*e[i] = (struct entry){.laddr = HOST,
		                       .raddr = PEER_ADDR + i / 60000,
		                       .lport = 80,
		                       .rport = (uint16_t)(i % 60000),
		                       .kind = i % 3 ? ENTRY_REQUEST : ENTRY_TIMEWAIT};
		assert_true(conn_insert(l.s, e[i]));
	}
	ho_stack_memory(l.s, &m);
	assert_int_equal(m.ehash_count, 100000);
	assert_true(m.ehash_size >= 50000);
	for (uint32_t i = 0; i < 100000; i++)
		assert_ptr_equal(conn_find(l.s, HOST, 80, PEER_ADDR + i / 60000, (uint16_t)(i % 60000)), e[i]);
	for (uint32_t i = 0; i < 100000; i++)
		conn_remove(l.s, e[i]);
	lab_close(&l);
}

/* A bucket of seven is full at twelve: without memory the table refuses somebody before long, and only him. */
static void without_memory_a_connection_is_refused_and_the_others_stay(void **state)
{
	static struct entry *e[2000];
	struct lab l = lab_open();
	uint32_t refused = 0;

	(void)state;
	for (uint16_t i = 0; i < 2000; i++) {
		e[i] = &request_take(l.s)->e;
		assert_non_null(e[i]);
		*e[i] = (struct entry){.laddr = HOST, .raddr = PEER_ADDR, .lport = 80, .rport = i, .kind = ENTRY_REQUEST};
	}
	l.heap->refuse_bytes = CTABLE_SEGMENT * 64;
	for (int i = 0; i < 2000; i++)
		if (!conn_insert(l.s, e[i])) {
			assert_null(conn_find(l.s, HOST, 80, PEER_ADDR, e[i]->rport));
			e[i] = NULL;
			refused++;
		}
	l.heap->refuse_bytes = 0;
	assert_in_range(refused, 1000, 1900); /* there were 64 buckets */
	for (uint16_t i = 0; i < 2000; i++)
		assert_ptr_equal(conn_find(l.s, HOST, 80, PEER_ADDR, i), e[i]);
	for (int i = 0; i < 2000; i++)
		if (e[i] != NULL)
			conn_remove(l.s, e[i]);
	lab_close(&l);
}

static void handles_name_sockets_and_are_used_again(void **state)
{
	struct lab l = lab_open();
	struct sock *sk[100], *again;
	uint32_t handle;

	(void)state;
	for (uint16_t i = 0; i < 100; i++) {
		sk[i] = made(&l, HOST, 80, PEER_ADDR, i);
		assert_ptr_equal(sock_at(l.s, sk[i]->handle), sk[i]);
		assert_true(conn_insert(l.s, &sk[i]->e));
	}
	for (uint16_t i = 0; i < 100; i++)
		assert_ptr_equal(conn_find(l.s, HOST, 80, PEER_ADDR, i), &sk[i]->e);
	handle = sk[40]->handle;
	conn_remove(l.s, &sk[40]->e);
	sock_free(l.s, sk[40]);
	again = made(&l, HOST, 80, PEER_ADDR, 40);
	assert_int_equal(again->handle, handle);
	sk[40] = again;
	assert_true(conn_insert(l.s, &again->e));
	for (uint16_t i = 0; i < 100; i++) {
		assert_ptr_equal(conn_find(l.s, HOST, 80, PEER_ADDR, i), &sk[i]->e);
		conn_remove(l.s, &sk[i]->e);
		sock_free(l.s, sk[i]);
	}
	lab_close(&l);
}

/* Requests of others in every place, and some to spare in the pool. */
static void table_fill(struct lab *l)
{
	struct entry *e[2000];

	for (uint16_t i = 0; i < 2000; i++) {
		e[i] = &request_take(l->s)->e;
		assert_non_null(e[i]);
		*e[i] = (struct entry){.laddr = HOST, .raddr = 7, .lport = 80, .rport = i, .kind = ENTRY_REQUEST};
	}
	l->heap->refuse_bytes = CTABLE_SEGMENT * 64;
	for (uint16_t i = 0; i < 2000; i++)
		if (!conn_insert(l->s, e[i]))
			request_give(l->s, request_of(e[i]));
}

static void who_finds_no_place_is_dropped_and_counted(void **state)
{
	struct tcp_lab t = tcp_lab();
	struct peer p = peer_of(&t, 1), q = peer_of(&t, 2);
	int fd;

	(void)state;
	host_listen(&t, 100);
	fd = ho_sock_open(t.l.s, HO_SOCK_STREAM, 0);
	ho_sysctl_set(t.l.s, "net.ipv4.tcp_syncookies", "2");
	says(&q, "S");
	hears(&q, "S. 0 ack 1"); /* a cookie */
	table_fill(&t.l);
	ho_sysctl_set(t.l.s, "net.ipv4.tcp_syncookies", "1");
	lab_mark(&t.l);
	says(&p, "S");
	quiet(&t);
	counted(&t, "TcpInSegs 1 TcpExtListenDrops 1");
	says(&q, "."); /* the cookie comes back */
	quiet(&t);
	counted(&t, "TcpInSegs 1 TcpExtSyncookiesRecv 1 TcpExtListenDrops 1");
	assert_int_equal(ho_sock_connect(t.l.s, fd, (struct ho_endpoint){PEER_ADDR, 9}), -ENOMEM);
	quiet(&t);
	counted(&t, "");
	t.l.heap->refuse_bytes = 0; /* memory is back */
	says(&p, "S 0");
	hears(&p, "S. 0 ack 1");
	says(&q, ".");
	assert_int_equal(ho_sock_connect(t.l.s, fd, (struct ho_endpoint){PEER_ADDR, 9}), -EINPROGRESS);
	counted(&t, "TcpActiveOpens 1 TcpPassiveOpens 1 TcpInSegs 2 TcpOutSegs 2 TcpCurrEstab 1 TcpExtSyncookiesRecv 1 "
	            "TcpExtTCPPureAcks 1");
	tcp_lab_close(&t);
}

/* ---- listeners ---- */

static struct sock *listening(struct lab *l, uint32_t laddr, uint16_t lport, bool reuseport)
{
	struct sock *sk = made(l, laddr, lport, 0, 0);

	sk->state = HO_LISTEN;
	sk->reuseport = reuseport;
	assert_int_equal(listener_add(l->s, sk), 0);
	return sk;
}

static void gone(struct lab *l, struct sock *sk)
{
	listener_remove(l->s, sk);
	listener_slot_free(l->s, sk);
	sock_free(l->s, sk);
}

static void an_exact_address_wins_over_any(void **state)
{
	struct lab l = lab_open();
	struct sock *exact = listening(&l, HOST, 80, false), *any = listening(&l, HO_ADDR_ANY, 80, false);

	(void)state;
	assert_ptr_equal(listener_find(l.s, HOST, 80, PEER_ADDR, 1), exact);
	assert_ptr_equal(listener_find(l.s, HO_ADDR_LOOPBACK, 80, PEER_ADDR, 1), any);
	assert_null(listener_find(l.s, HOST, 81, PEER_ADDR, 1));
	gone(&l, exact);
	assert_ptr_equal(listener_find(l.s, HOST, 80, PEER_ADDR, 1), any);
	gone(&l, any);
	assert_null(listener_find(l.s, HOST, 80, PEER_ADDR, 1));
	lab_close(&l);
}

static void a_reuseport_group_shares_by_hash_and_stays_with_a_peer(void **state)
{
	struct lab l = lab_open();
	struct sock *group[4];
	unsigned got[4] = {0};

	(void)state;
	for (int i = 0; i < 4; i++)
		group[i] = listening(&l, HO_ADDR_ANY, 80, true);
	for (uint16_t port = 1; port <= 4000; port++) {
		struct sock *sk = listener_find(l.s, HOST, 80, PEER_ADDR, port);

		assert_ptr_equal(listener_find(l.s, HOST, 80, PEER_ADDR, port), sk);
		for (int i = 0; i < 4; i++)
			got[i] += sk == group[i];
	}
	for (int i = 0; i < 4; i++) {
		assert_in_range(got[i], 800, 1200);
		gone(&l, group[i]);
	}
	lab_close(&l);
}

/* ---- groups of SO_REUSEPORT, beside lists of who listens and who has stopped ---- */

#define GROUP_SOCKS 24u
#define GROUP_PORTS 3u
#define GROUPS_MAX 4000

struct model_group {
	uint64_t listening, stopped; /* a bit a socket */
};

struct group_world {
	struct lab l;
	struct sock *sk[GROUP_SOCKS];
	bool listed[GROUP_SOCKS];
	int group[GROUP_SOCKS];      /* -1: none */
	struct model_group of[GROUPS_MAX + 2];
	int groups;
	unsigned late;
	uint32_t random;
};

static uint32_t group_random(struct group_world *w, uint32_t below)
{
	w->random = w->random * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)w->random * below >> 32);
}

/* Whom a newcomer may join: anybody that listens at its port, and shares. */
static int model_fellow(const struct group_world *w, unsigned i)
{
	for (unsigned n = 0; n < GROUP_SOCKS; n++)
		if (n != i && w->listed[n] && w->sk[n]->reuseport && w->sk[n]->e.lport == w->sk[i]->e.lport)
			return (int)n;
	return -1;
}

/* bind() would say so. */
static bool model_refused(const struct group_world *w, unsigned i)
{
	for (unsigned n = 0; n < GROUP_SOCKS; n++)
		if (w->listed[n] && w->sk[n]->e.lport == w->sk[i]->e.lport && !(w->sk[n]->reuseport && w->sk[i]->reuseport))
			return true;
	return false;
}

static void model_leave(struct group_world *w, unsigned i)
{
	if (w->group[i] >= 0) {
		w->of[w->group[i]].listening &= ~(UINT64_C(1) << i);
		w->of[w->group[i]].stopped &= ~(UINT64_C(1) << i);
	}
	w->group[i] = -1;
}

static void model_begin(struct group_world *w, unsigned i)
{
	w->group[i] = w->groups++;
	w->of[w->group[i]].listening = UINT64_C(1) << i;
}

static void group_starts(struct group_world *w, unsigned i)
{
	int fellow = model_fellow(w, i);

	assert_int_equal(listener_add(w->l.s, w->sk[i]), 0);
	w->listed[i] = true;
	model_leave(w, i);
	if (!w->sk[i]->reuseport)
		return;
	if (fellow < 0) {
		model_begin(w, i);
		return;
	}
	if (w->group[fellow] < 0) { /* it had the option only when it listened already */
		model_begin(w, (unsigned)fellow);
		w->late++;
	}
	w->group[i] = w->group[fellow];
	w->of[w->group[i]].listening |= UINT64_C(1) << i;
}

static void group_stops(struct group_world *w, unsigned i)
{
	listener_remove(w->l.s, w->sk[i]);
	w->listed[i] = false;
	if (!w->l.s->ctl.tcp_migrate_req) {
		model_leave(w, i);
	} else if (w->group[i] >= 0) {
		w->of[w->group[i]].listening &= ~(UINT64_C(1) << i);
		w->of[w->group[i]].stopped |= UINT64_C(1) << i;
	}
}

static void group_is_asked(struct group_world *w, unsigned i, uint64_t *moved)
{
	struct entry e = {.laddr = HOST, .raddr = PEER_ADDR, .lport = w->sk[i]->e.lport, .rport = (uint16_t)group_random(w, 65536)};
	struct sock *to;
	bool found = false;

	if (w->group[i] < 0) {
		assert_true(w->sk[i]->l->group == 0);
		return;
	}
	to = listener_of_group(w->l.s, w->sk[i]->l->group, &e);
	for (unsigned n = 0; n < GROUP_SOCKS; n++)
		found |= to == w->sk[n] && w->of[w->group[i]].listening >> n & 1;
	assert_int_equal(found, w->of[w->group[i]].listening != 0);
	assert_int_equal(to != NULL, found);
	*moved += found;
}

static void groups_are_who_listened_together(void **state)
{
	struct group_world *w = calloc(1, sizeof(*w));
	uint64_t moved = 0;

	(void)state;
	assert_non_null(w);
	w->l = lab_open();
	w->random = 1;
	for (unsigned i = 0; i < GROUP_SOCKS; i++) {
		w->sk[i] = made(&w->l, HO_ADDR_ANY, (uint16_t)(80 + i % GROUP_PORTS), 0, 0);
		w->group[i] = -1;
		assert_true(sock_listen_open(w->l.s, w->sk[i]));
	}
	for (unsigned step = 0; step < 20000 && w->groups < GROUPS_MAX; step++) {
		unsigned i = group_random(w, GROUP_SOCKS);

		if (group_random(w, 16) == 0) /* setsockopt() of who listens */
			for (unsigned n = i % GROUP_PORTS; n < GROUP_SOCKS; n += GROUP_PORTS)
				w->sk[n]->reuseport = true;
		w->l.s->ctl.tcp_migrate_req = group_random(w, 8) != 0;
		if (w->listed[i]) {
			group_stops(w, i);
			w->sk[i]->reuseport = group_random(w, 2) != 0;
		} else if (group_random(w, 4) == 0 && !model_refused(w, i)) { /* few listen at a time, so that groups end */
			group_starts(w, i);
		}
		for (unsigned n = 0; n < GROUP_SOCKS; n++)
			if (!w->listed[n])
				group_is_asked(w, n, &moved);
	}
	assert_true(moved > 1000);
	assert_true(w->groups > 100);
	assert_true(w->late > 10);
	for (unsigned i = 0; i < GROUP_SOCKS; i++)
		gone(&w->l, w->sk[i]);
	lab_close(&w->l);
	free(w);
}

static void slots_outlive_the_table_and_are_used_again_lowest_first(void **state)
{
	struct lab l = lab_open();
	struct sock *sk[40];
	uint32_t slot;

	(void)state;
	for (uint16_t i = 0; i < 40; i++) {
		sk[i] = listening(&l, HO_ADDR_ANY, (uint16_t)(100 + i), false);
		assert_int_equal(sk[i]->l->slot, i + 1); /* 0 is nobody's */
		assert_ptr_equal(l.s->listeners[i + 1], sk[i]);
	}
	slot = sk[7]->l->slot;
	listener_remove(l.s, sk[7]);
	assert_ptr_equal(l.s->listeners[slot], sk[7]);
	listener_slot_free(l.s, sk[7]);
	assert_null(l.s->listeners[slot]);
	sock_free(l.s, sk[7]);
	sk[7] = listening(&l, HO_ADDR_ANY, 99, false);
	assert_int_equal(sk[7]->l->slot, slot);
	for (int i = 0; i < 40; i++)
		gone(&l, sk[i]);
	lab_close(&l);
}

static void a_listener_always_has_an_account(void **state)
{
	struct lab l = lab_open();
	struct sock *sk = listening(&l, HO_ADDR_ANY, 80, false), *other = made(&l, HOST, 1, PEER_ADDR, 2);

	(void)state;
	assert_int_equal(sock_fd_give(l.s, sk), 0);
	assert_int_equal(sock_fd_give(l.s, other), 1);
	count(l.s, sk, HO_TcpExtListenDrops);
	count(l.s, other, HO_TcpExtListenDrops);
	assert_int_equal(ho_counter_get_sock(l.s, 0, HO_TcpExtListenDrops), 1);
	assert_int_equal(ho_counter_get_sock(l.s, 1, HO_TcpExtListenDrops), 0);
	assert_int_equal(ho_counter_get_sock(l.s, 2, HO_TcpExtListenDrops), 0);
	assert_int_equal(ho_counter_get(l.s, HO_TcpExtListenDrops), 2);
	gone(&l, sk);
	sock_free(l.s, other);
	lab_close(&l);
}

static uint64_t listen_with_failures(uint64_t fail_at)
{
	struct lab l = lab_open(.fail_at = fail_at);
	uint64_t calls;

	if (l.s != NULL) {
		struct sock *sk = sock_make(l.s, HO_SOCK_STREAM, HO_IPPROTO_TCP);
		int err = sk == NULL ? -ENOMEM : listener_add(l.s, sk);

		assert_true(err == 0 || err == -ENOMEM);
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
	lab_every_allocation_fails(listen_with_failures);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_connection_is_found_by_all_four),
		cmocka_unit_test(a_replacement_takes_the_place_and_the_last_hit),
		cmocka_unit_test(a_hundred_thousand_connections_are_all_found),
		cmocka_unit_test(without_memory_a_connection_is_refused_and_the_others_stay),
		cmocka_unit_test(handles_name_sockets_and_are_used_again),
		cmocka_unit_test(who_finds_no_place_is_dropped_and_counted),
		cmocka_unit_test(an_exact_address_wins_over_any),
		cmocka_unit_test(a_reuseport_group_shares_by_hash_and_stays_with_a_peer),
		cmocka_unit_test(groups_are_who_listened_together),
		cmocka_unit_test(slots_outlive_the_table_and_are_used_again_lowest_first),
		cmocka_unit_test(a_listener_always_has_an_account),
		cmocka_unit_test(every_allocation_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
