/* SPDX-License-Identifier: MIT
 * UDP ports: who may bind one, whom a datagram is for. */
#include "udp_lab.h"

/* ---- to whom ---- */

static void the_socket_that_says_most_gets_it(void **state)
{
	struct lab l = lab_open();
	int any = udp_socket(&l), own = udp_socket(&l), conn = udp_socket(&l);

	(void)state;
	set(&l, any, HO_SOL_SOCKET, HO_SO_REUSEADDR, 1);
	set(&l, own, HO_SOL_SOCKET, HO_SO_REUSEADDR, 1);
	set(&l, conn, HO_SOL_SOCKET, HO_SO_REUSEADDR, 1);
	assert_int_equal(ho_sock_bind(l.s, conn, (struct ho_endpoint){HO_ADDR_ANY, PORT}), 0);
	assert_int_equal(ho_sock_bind(l.s, own, (struct ho_endpoint){HOST, PORT}), 0);
	assert_int_equal(ho_sock_bind(l.s, any, (struct ho_endpoint){HO_ADDR_ANY, PORT}), 0);
	assert_int_equal(ho_sock_connect(l.s, conn, peer(1000)), 0);
	in(&l, PORT, "peer");
	lab_in(&l, udp_make((struct udp_fields){.sport = 1001, .dport = PORT, .data = "own", .len = 3}));
	hears(&l, conn, "peer");
	hears(&l, own, "own");
	hears(&l, any, NULL);
	ho_sock_close(l.s, own);
	lab_in(&l, udp_make((struct udp_fields){.sport = 1001, .dport = PORT, .data = "any", .len = 3}));
	hears(&l, any, "any");
	assert_int_equal(ho_sock_disconnect(l.s, conn), 0); /* bound before the other: that one stays the newer */
	lab_close(&l);
}

static void of_equals_the_last_bound_one_gets_it(void **state)
{
	struct lab l = lab_open();
	int first = udp_socket(&l), last = udp_socket(&l);

	(void)state;
	set(&l, first, HO_SOL_SOCKET, HO_SO_REUSEADDR, 1);
	set(&l, last, HO_SOL_SOCKET, HO_SO_REUSEADDR, 1);
	assert_int_equal(ho_sock_bind(l.s, first, (struct ho_endpoint){HO_ADDR_ANY, PORT}), 0);
	assert_int_equal(ho_sock_bind(l.s, last, (struct ho_endpoint){HO_ADDR_ANY, PORT}), 0);
	in(&l, PORT, "x");
	hears(&l, first, NULL);
	hears(&l, last, "x");
	lab_close(&l);
}

static void a_reuseport_group_shares_by_hash_and_one_source_stays_with_one(void **state)
{
	struct lab l = lab_open();
	int fd[4], heard[4] = {0};

	(void)state;
	for (int i = 0; i < 4; i++) {
		fd[i] = udp_socket(&l);
		set(&l, fd[i], HO_SOL_SOCKET, HO_SO_REUSEPORT, 1);
		assert_int_equal(ho_sock_bind(l.s, fd[i], (struct ho_endpoint){HO_ADDR_ANY, PORT}), 0);
	}
	for (uint16_t sport = 1; sport <= 200; sport++)
		for (int twice = 0; twice < 2; twice++)
			lab_in(&l, udp_make((struct udp_fields){.sport = sport, .dport = PORT, .data = "x", .len = 1}));
	for (int i = 0; i < 4; i++) {
		char buf[2];

		while (ho_sock_recv(l.s, fd[i], buf, sizeof(buf), 0) == 1)
			heard[i]++;
		assert_in_range(heard[i], 50, 150);
		assert_int_equal(heard[i] % 2, 0);
	}
	assert_int_equal(heard[0] + heard[1] + heard[2] + heard[3], 400);
	lab_close(&l);
}

static void a_broadcast_goes_to_all_who_want_it(void **state)
{
	struct lab l = lab_open();
	int a = udp_socket(&l), b = udp_socket(&l), own, there;

	(void)state;
	set(&l, a, HO_SOL_SOCKET, HO_SO_REUSEADDR, 1);
	set(&l, b, HO_SOL_SOCKET, HO_SO_REUSEADDR, 1);
	assert_int_equal(ho_sock_bind(l.s, a, (struct ho_endpoint){HO_ADDR_ANY, PORT}), 0);
	assert_int_equal(ho_sock_bind(l.s, b, (struct ho_endpoint){HO_ADDR_ANY, PORT}), 0);
	own = bound(&l, HOST, PORT + 1);
	there = bound(&l, BROADCAST, PORT + 2);
	lab_in(&l, udp_make((struct udp_fields){.ip.daddr = BROADCAST, .dport = PORT, .data = "x", .len = 1}));
	lab_deltas(&l, HEARD "IpExtInBcastPkts 1 IpExtInBcastOctets 29 IpExtInOctets 29 IpExtInNoECTPkts 1");
	hears(&l, a, "x");
	hears(&l, b, "x");
	lab_mark(&l);
	lab_in(&l, udp_make((struct udp_fields){.ip.daddr = BROADCAST, .dport = PORT + 1, .data = "x", .len = 1}));
	lab_deltas(&l, HEARD "UdpIgnoredMulti 1 IpExtInBcastPkts 1 IpExtInBcastOctets 29 IpExtInOctets 29 "
	                     "IpExtInNoECTPkts 1");
	hears(&l, own, NULL);
	lab_in(&l, udp_make((struct udp_fields){.ip.daddr = BROADCAST, .dport = PORT + 2, .data = "y", .len = 1}));
	in(&l, PORT + 2, "z");
	hears(&l, there, "y");
	hears(&l, there, NULL);
	lab_in(&l, udp_make((struct udp_fields){.ip.daddr = ALL_HOSTS, .dport = PORT, .data = "m", .len = 1}));
	hears(&l, a, "m");
	hears(&l, b, "m");
	assert_int_equal(ho_sock_connect(l.s, a, peer(9)), 0);
	lab_in(&l, udp_make((struct udp_fields){.ip.daddr = BROADCAST, .dport = PORT, .data = "x", .len = 1}));
	hears(&l, a, NULL);
	hears(&l, b, "x");
	lab_close(&l);
}

/* ---- names ---- */

static void who_may_bind_a_port(void **state)
{
	struct lab l = lab_open();
	int a = bound(&l, HOST, PORT), b = udp_socket(&l);
	struct ho_endpoint name;

	(void)state;
	assert_int_equal(ho_sock_bind(l.s, b, (struct ho_endpoint){HO_ADDR_ANY, PORT}), -EADDRINUSE);
	assert_int_equal(ho_sock_bind(l.s, b, (struct ho_endpoint){HOST, PORT}), -EADDRINUSE);
	assert_int_equal(ho_sock_bind(l.s, b, (struct ho_endpoint){HO_ADDR(198, 18, 0, 9), PORT}), -EADDRNOTAVAIL);
	assert_int_equal(ho_sock_bind(l.s, b, (struct ho_endpoint){HO_ADDR_LOOPBACK, PORT}), 0);
	assert_int_equal(ho_sock_bind(l.s, b, (struct ho_endpoint){HO_ADDR_LOOPBACK, PORT + 1}), -EINVAL);
	assert_int_equal(ho_sock_close(l.s, a), 0);
	bound(&l, HOST, PORT);
	a = udp_socket(&l);
	set(&l, a, HO_SOL_SOCKET, HO_SO_REUSEPORT, 1);
	assert_int_equal(ho_sock_bind(l.s, a, (struct ho_endpoint){HOST, PORT}), -EADDRINUSE); /* both must want it */
	assert_int_equal(ho_sock_bind(l.s, a, (struct ho_endpoint){HOST, PORT + 2}), 0);
	b = udp_socket(&l);
	set(&l, b, HO_SOL_SOCKET, HO_SO_REUSEADDR, 1);
	assert_int_equal(ho_sock_bind(l.s, b, (struct ho_endpoint){HOST, PORT + 2}), -EADDRINUSE);
	set(&l, b, HO_SOL_SOCKET, HO_SO_REUSEPORT, 1);
	assert_int_equal(ho_sock_bind(l.s, b, (struct ho_endpoint){HOST, PORT + 2}), 0);
	a = bound(&l, HO_ADDR_ANY, 0);
	assert_int_equal(ho_sock_name(l.s, a, &name), 0);
	assert_int_equal(name.addr, HO_ADDR_ANY);
	assert_in_range(name.port, 32768, 60999);
	lab_close(&l);
}

static int with(struct lab *l, bool reuseaddr, bool reuseport)
{
	int fd = udp_socket(l);

	set(l, fd, HO_SOL_SOCKET, HO_SO_REUSEADDR, reuseaddr);
	set(l, fd, HO_SOL_SOCKET, HO_SO_REUSEPORT, reuseport);
	return fd;
}

/* Asked of a kernel: the order in which the owners came decides. */
static void the_newest_owner_that_shares_by_reuseport_speaks_for_all(void **state)
{
	static const struct ho_endpoint lo = {HO_ADDR_LOOPBACK, 5000}, any = {HO_ADDR_ANY, 5000}, one = {HO_ADDR_ANY, 5001},
					two = {HO_ADDR_ANY, 5002};
	struct lab l = lab_open();

	(void)state;
	assert_int_equal(ho_sock_bind(l.s, with(&l, false, true), lo), 0);
	assert_int_equal(ho_sock_bind(l.s, with(&l, true, true), any), 0);
	assert_int_equal(ho_sock_bind(l.s, with(&l, true, false), lo), -EADDRINUSE);
	assert_int_equal(ho_sock_bind(l.s, with(&l, true, true), lo), 0);
	assert_int_equal(ho_sock_bind(l.s, with(&l, true, false), one), 0);
	assert_int_equal(ho_sock_bind(l.s, with(&l, true, true), one), 0);
	assert_int_equal(ho_sock_bind(l.s, with(&l, false, true), one), 0); /* the first owner would mind */
	assert_int_equal(ho_sock_bind(l.s, with(&l, true, true), two), 0);
	assert_int_equal(ho_sock_bind(l.s, with(&l, true, false), two), 0);
	assert_int_equal(ho_sock_bind(l.s, with(&l, false, true), two), -EADDRINUSE);
	lab_close(&l);
}

static void the_range_of_ports_runs_out(void **state)
{
	struct lab l = lab_open();
	bool seen[10] = {false};
	int fd;

	(void)state;
	assert_int_equal(ho_sysctl_set(l.s, "net.ipv4.ip_local_port_range", "40000 40009"), 0);
	for (int i = 0; i < 10; i++) {
		struct ho_endpoint name;

		fd = bound(&l, HO_ADDR_ANY, 0);
		ho_sock_name(l.s, fd, &name);
		assert_in_range(name.port, 40000, 40009);
		assert_false(seen[name.port - 40000]);
		seen[name.port - 40000] = true;
	}
	fd = udp_socket(&l);
	assert_int_equal(ho_sock_bind(l.s, fd, (struct ho_endpoint){HO_ADDR_ANY, 0}), -EADDRINUSE);
	assert_int_equal(ho_sock_sendto(l.s, fd, "x", 1, 0, peer(9)), -EAGAIN);
	assert_int_equal(ho_sock_connect(l.s, fd, peer(9)), -EAGAIN);
	lab_close(&l);
}

static void connect_gives_an_address_and_disconnect_takes_it(void **state)
{
	struct lab l = lab_open();
	int fd = udp_socket(&l), fixed = bound(&l, HO_ADDR_ANY, 5555);
	struct ho_endpoint name;

	(void)state;
	assert_int_equal(ho_sock_send(l.s, fd, "x", 1, 0), -EDESTADDRREQ);
	assert_int_equal(ho_sock_connect(l.s, fd, peer(9)), 0);
	ho_sock_name(l.s, fd, &name);
	assert_int_equal(name.addr, HOST);
	assert_true(name.port != 0);
	assert_int_equal(ho_sock_peer(l.s, fd, &name), 0);
	assert_int_equal(name.port, 9);
	assert_int_equal(ho_sock_disconnect(l.s, fd), 0);
	assert_int_equal(ho_sock_peer(l.s, fd, &name), -ENOTCONN);
	ho_sock_name(l.s, fd, &name);
	assert_int_equal(name.addr, HO_ADDR_ANY);
	assert_int_equal(name.port, 0);
	assert_int_equal(ho_sock_connect(l.s, fixed, peer(9)), 0);
	in(&l, 5555, "not from port 9");
	lab_counted(&l, UdpNoPorts, 1);
	assert_int_equal(ho_sock_disconnect(l.s, fixed), 0);
	ho_sock_name(l.s, fixed, &name);
	assert_int_equal(name.addr, HO_ADDR_ANY);
	assert_int_equal(name.port, 5555);
	in(&l, 5555, "x");
	hears(&l, fixed, "x");
	assert_int_equal(ho_sock_connect(l.s, fixed, peer(0)), 0);
	assert_int_equal(ho_sock_peer(l.s, fixed, &name), -ENOTCONN);
	in(&l, 5555, "from any port");
	hears(&l, fixed, "from any port");
	lab_close(&l);
}

/* ---- the table against a model that looks at everything ---- */

#define SOCKS 24
#define ADDRS 3

struct model {
	int fd;
	uint32_t laddr, raddr;
	uint16_t lport, rport;
	bool reuse, bound_addr;
	uint64_t order;
};

static int model_score(const struct model *m, uint32_t laddr, uint16_t lport, uint32_t raddr, uint16_t rport)
{
	if (m->fd < 0 || m->lport != lport || (m->laddr != 0 && m->laddr != laddr))
		return -1;
	if ((m->raddr != 0 && m->raddr != raddr) || (m->rport != 0 && m->rport != rport))
		return -1;
	return (m->laddr != 0 ? 100 : 0) + (m->raddr != 0 ? 4 : 0) + (m->rport != 0 ? 4 : 0);
}

static struct model *model_find(struct model *m, uint32_t laddr, uint16_t lport, uint32_t raddr, uint16_t rport)
{
	struct model *best = NULL;

	for (int i = 0; i < SOCKS; i++) {
		int score = model_score(&m[i], laddr, lport, raddr, rport);
		int top = best ? model_score(best, laddr, lport, raddr, rport) : -1;

		if (score > top || (score == top && best != NULL && m[i].order > best->order))
			best = &m[i];
	}
	return best;
}

static bool model_conflict(const struct model *m, uint32_t laddr, uint16_t port, bool reuse)
{
	for (int i = 0; i < SOCKS; i++)
		if (m[i].fd >= 0 && m[i].lport == port && !(m[i].reuse && reuse) &&
		    (m[i].laddr == laddr || m[i].laddr == 0 || laddr == 0))
			return true;
	return false;
}

static void the_table_does_what_a_naive_model_does(void **state)
{
	static const uint32_t own[ADDRS] = {HO_ADDR_ANY, HOST, HO_ADDR_LOOPBACK};
	struct lab l = lab_open();
	struct model m[SOCKS];
	uint32_t seed = 1;
	uint64_t order = 0;

	(void)state;
	for (int i = 0; i < SOCKS; i++)
		m[i] = (struct model){.fd = -1};
	for (int step = 0; step < 20000; step++) {
		struct model *x = &m[draw(&seed, SOCKS)];
		uint16_t lport = (uint16_t)(PORT + draw(&seed, 3)), rport = (uint16_t)(1 + draw(&seed, 3));
		uint32_t laddr = own[draw(&seed, ADDRS)], raddr = PEER_ADDR + draw(&seed, 2) * 8;

		switch (draw(&seed, 5)) {
		case 0:
			if (x->fd >= 0) {
				assert_int_equal(ho_sock_close(l.s, x->fd), 0);
				x->fd = -1;
				break;
			}
			*x = (struct model){.fd = udp_socket(&l), .reuse = draw(&seed, 3) != 0};
			set(&l, x->fd, HO_SOL_SOCKET, HO_SO_REUSEADDR, x->reuse);
			if (ho_sock_bind(l.s, x->fd, (struct ho_endpoint){laddr, lport}) < 0) {
				int fd = x->fd;

				x->fd = -1;
				assert_true(model_conflict(m, laddr, lport, x->reuse));
				ho_sock_close(l.s, fd);
				break;
			}
			assert_false(model_conflict(m, laddr, lport, x->reuse));
			x->laddr = laddr;
			x->bound_addr = laddr != 0;
			x->lport = lport;
			x->order = ++order;
			break;
		case 1:
			if (x->fd < 0)
				break;
			assert_int_equal(ho_sock_connect(l.s, x->fd, (struct ho_endpoint){raddr, rport}),
			                 x->laddr == HO_ADDR_LOOPBACK ? -EINVAL : 0);
			if (x->laddr == HO_ADDR_LOOPBACK)
				break;
			x->raddr = raddr;
			x->rport = rport;
			if (x->laddr == 0) {
				x->laddr = HOST;
				x->order = ++order;
			}
			break;
		case 2:
			if (x->fd < 0)
				break;
			assert_int_equal(ho_sock_disconnect(l.s, x->fd), 0);
			x->raddr = 0;
			x->rport = 0;
			if (!x->bound_addr) {
				x->laddr = 0;
				x->order = ++order;
			}
			break;
		default: {
			struct model *want = model_find(m, HOST, lport, raddr, rport);
			struct sock *got = udp_find(l.s, HOST, lport, raddr, rport);

			assert_int_equal(got ? got->fd : -1, want ? want->fd : -1);
		}
		}
	}
	lab_close(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_socket_that_says_most_gets_it),
		cmocka_unit_test(of_equals_the_last_bound_one_gets_it),
		cmocka_unit_test(a_reuseport_group_shares_by_hash_and_one_source_stays_with_one),
		cmocka_unit_test(a_broadcast_goes_to_all_who_want_it),
		cmocka_unit_test(who_may_bind_a_port),
		cmocka_unit_test(the_newest_owner_that_shares_by_reuseport_speaks_for_all),
		cmocka_unit_test(the_range_of_ports_runs_out),
		cmocka_unit_test(connect_gives_an_address_and_disconnect_takes_it),
		cmocka_unit_test(the_table_does_what_a_naive_model_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
