/* SPDX-License-Identifier: MIT
 * A stack's doors: birth, death, time, descriptors, events, trace, what fails without memory. */
#include "lab.h"
#include "request.h"
#include "timewait.h"

#define RAW HO_SOCK_RAW, HO_IPPROTO_ICMP
#define TCP HO_SOCK_STREAM, 0

/* ---- birth and death ---- */

static void a_config_out_of_range_is_refused(void **state)
{
	struct ho_stack_config good, c;
	struct ho_stack *s = (struct ho_stack *)(uintptr_t)1;

	(void)state;
	ho_stack_config_init(&good);
	c = good;
	assert_int_equal(ho_stack_open(&c, &s), -EINVAL); /* no address */
	good.addr = HOST;
	c = good, c.prefix_len = 33;
	assert_int_equal(ho_stack_open(&c, &s), -EINVAL);
	c = good, c.mtu = 67;
	assert_int_equal(ho_stack_open(&c, &s), -EINVAL);
	c = good, c.mtu = 65536;
	assert_int_equal(ho_stack_open(&c, &s), -EINVAL);
	c = good, c.link_flags = 0x80;
	assert_int_equal(ho_stack_open(&c, &s), -EINVAL);
	c = good, c.out_queue_max = 0;
	assert_int_equal(ho_stack_open(&c, &s), -EINVAL);
	c = good, c.addr = HO_ADDR(224, 0, 0, 1);
	assert_int_equal(ho_stack_open(&c, &s), -EINVAL);
	c = good, c.addr = HO_ADDR_LOOPBACK;
	assert_int_equal(ho_stack_open(&c, &s), -EINVAL);
	c = good, c.linux_profile = 0x0504;
	assert_int_equal(ho_stack_open(&c, &s), -EINVAL);
	assert_ptr_equal(s, (struct ho_stack *)(uintptr_t)1);
	assert_int_equal(ho_stack_open(&good, &s), 0); /* malloc is the default allocator */
	ho_stack_close(s);
}

static void frames_outlive_their_stack(void **state)
{
	struct lab l = lab_open();
	uint8_t data[1000] = {0};
	struct ho_frame *f, *g;
	uint8_t buf[1500];

	(void)state;
	memset(data, 'x', sizeof(data));
	lab_in(&l, icmp_make((struct icmp_fields){.type = 8, .data = data, .len = sizeof(data)}));
	lab_in(&l, icmp_make((struct icmp_fields){.type = 8, .data = data, .len = sizeof(data)}));
	lab_in(&l, icmp_make((struct icmp_fields){.type = 8}));
	f = ho_stack_output(l.s);
	g = ho_stack_output(l.s);
	ho_stack_close(l.s); /* one frame still queued, two in our hands */
	l.s = NULL;
	assert_true(l.heap->blocks > 0);
	assert_int_equal(ho_frame_flatten(f, buf, sizeof(buf)), 1028);
	assert_memory_equal(buf + 28, data, sizeof(data));
	ho_frame_ref(g);
	ho_frame_unref(f);
	ho_frame_unref(g);
	assert_int_equal(ho_frame_flatten(g, buf, sizeof(buf)), 1028);
	ho_frame_unref(g);
	lab_close(&l);
}

static void frames_of_others_are_given_back(void **state)
{
	struct lab l = lab_open();
	int fd = ho_sock_open(l.s, RAW);

	(void)state;
	assert_true(fd >= 0);
	for (int i = 0; i < 10; i++)
		lab_in(&l, icmp_make((struct icmp_fields){.type = 0})); /* queued and never read */
	lab_close(&l);
}

static uint64_t open_with_failures(uint64_t fail_at)
{
	struct lab l = lab_open(.fail_at = fail_at, .trace_max = 100);
	uint64_t calls = l.heap->calls;

	lab_close(&l);
	return calls;
}

static uint64_t sockets_with_failures(uint64_t fail_at)
{
	struct lab l = lab_open(.fail_at = fail_at, .charge_connections = true);
	uint64_t calls;

	for (int i = 0; l.s != NULL && i < 200; i++) {
		int fd = ho_sock_open(l.s, i % 2 ? HO_SOCK_STREAM : HO_SOCK_RAW, i % 2 ? 0 : HO_IPPROTO_ICMP);

		assert_true(fd >= 0 || fd == -ENOMEM);
	}
	calls = l.heap->calls;
	lab_close(&l);
	return calls;
}

static void every_allocation_may_fail(void **state)
{
	(void)state;
	lab_every_allocation_fails(open_with_failures);
	lab_every_allocation_fails(sockets_with_failures);
}

/* ---- time ---- */

static void time_does_not_go_back(void **state)
{
	struct lab l = lab_open();

	(void)state;
	ho_stack_at(l.s, LAB_BIRTH_NS + 5);
	ho_stack_at(l.s, LAB_BIRTH_NS);
	assert_int_equal(ho_stack_now(l.s), LAB_BIRTH_NS + 5);
	lab_close(&l);
}

static void an_idle_stack_wants_nothing(void **state)
{
	struct lab l = lab_open();

	(void)state;
	assert_int_equal(ho_stack_deadline(l.s), HO_NEVER);
	ho_stack_at(l.s, LAB_BIRTH_NS +
	                         UINT64_C(100) * 24 * 3600 * HO_SEC); /* a hundred days: the wheel is not far behind */
	assert_int_equal(ho_stack_expire(l.s, ho_stack_now(l.s), 0), 0);
	assert_int_equal(l.s->wheel.tick, now_tick(l.s));
	assert_int_equal(ho_stack_deadline(l.s), HO_NEVER);
	lab_close(&l);
}

static void a_deadline_is_exact_to_the_millisecond(void **state)
{
	struct lab l = lab_open();
	struct timer t = {.kind = T_KEEP};

	(void)state;
	wheel_arm(&l.s->wheel, &t, now_tick(l.s) + 7);
	assert_int_equal(ho_stack_deadline(l.s), LAB_BIRTH_NS + 7 * HO_MS);
	ho_stack_at(l.s, LAB_BIRTH_NS + 9 * HO_MS);
	assert_int_equal(ho_stack_deadline(l.s), ho_stack_now(l.s));
	wheel_cancel(&l.s->wheel, &t);
	lab_close(&l);
}

/* ---- descriptors ---- */

static void descriptors_are_the_lowest_free(void **state)
{
	struct lab l = lab_open();

	(void)state;
	for (int i = 0; i < 300; i++)
		assert_int_equal(ho_sock_open(l.s, TCP), i);
	assert_int_equal(ho_sock_close(l.s, 200), 0);
	assert_int_equal(ho_sock_close(l.s, 7), 0);
	assert_int_equal(ho_sock_close(l.s, 64), 0);
	assert_int_equal(ho_sock_open(l.s, TCP), 7);
	assert_int_equal(ho_sock_open(l.s, TCP), 64);
	assert_int_equal(ho_sock_open(l.s, TCP), 200);
	assert_int_equal(ho_sock_open(l.s, TCP), 300);
	lab_close(&l);
}

static void any_order_of_opening_and_closing_gives_the_lowest(void **state)
{
	struct lab l = lab_open(.socks_max = 10000);
	static bool used[10000];
	uint32_t random = 1;
	int lowest;

	(void)state;
	memset(used, 0, sizeof(used));
	for (int n = 0; n < 30000; n++) {
		random = random * 1664525 + 1013904223;
		if (random >> 31 || n < 5000) {
			for (lowest = 0; used[lowest];)
				lowest++;
			assert_int_equal(ho_sock_open(l.s, TCP), lowest);
			used[lowest] = true;
		} else {
			int fd = (int)(random % 5000);

			assert_int_equal(ho_sock_close(l.s, fd), used[fd] ? 0 : -EBADF);
			used[fd] = false;
		}
	}
	lab_close(&l);
}

static void socks_max_is_the_limit(void **state)
{
	struct lab l = lab_open(.socks_max = 3);

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(ho_sock_open(l.s, TCP), i);
	assert_int_equal(ho_sock_open(l.s, TCP), -EMFILE);
	assert_int_equal(ho_sock_close(l.s, 1), 0);
	assert_int_equal(ho_sock_open(l.s, TCP), 1);
	lab_close(&l);
}

static void a_foreign_descriptor_is_ebadf_everywhere(void **state)
{
	struct lab l = lab_open();
	struct ho_endpoint e = {0, 0};
	struct ho_sock_info info;
	size_t len = 4;
	char buf[4] = {0};

	(void)state;
	for (int fd = -1; fd <= 1; fd += 2) {
		assert_int_equal(ho_sock_bind(l.s, fd, e), -EBADF);
		assert_int_equal(ho_sock_listen(l.s, fd, 1), -EBADF);
		assert_int_equal(ho_sock_accept(l.s, fd, &e), -EBADF);
		assert_int_equal(ho_sock_connect(l.s, fd, e), -EBADF);
		assert_int_equal(ho_sock_send(l.s, fd, buf, 1, 0), -EBADF);
		assert_int_equal(ho_sock_sendto(l.s, fd, buf, 1, 0, e), -EBADF);
		assert_int_equal(ho_sock_recv(l.s, fd, buf, 1, 0), -EBADF);
		assert_int_equal(ho_sock_recv_skip(l.s, fd, 1), -EBADF);
		assert_int_equal(ho_sock_shutdown(l.s, fd, 0), -EBADF);
		assert_int_equal(ho_sock_close(l.s, fd), -EBADF);
		assert_int_equal(ho_sock_name(l.s, fd, &e), -EBADF);
		assert_int_equal(ho_sock_peer(l.s, fd, &e), -EBADF);
		assert_int_equal(ho_sock_setopt(l.s, fd, 1, 2, buf, 4), -EBADF);
		assert_int_equal(ho_sock_getopt(l.s, fd, 1, 2, buf, &len), -EBADF);
		assert_int_equal(ho_sock_inq(l.s, fd), -EBADF);
		assert_int_equal(ho_sock_outq(l.s, fd), -EBADF);
		assert_int_equal(ho_sock_user_set(l.s, fd, NULL), -EBADF);
		assert_int_equal(ho_sock_info_get(l.s, fd, &info), -EBADF);
		assert_int_equal(ho_sock_poll(l.s, fd), 0);
	}
	lab_close(&l);
}

static void only_the_sockets_of_ipv4_exist(void **state)
{
	struct lab l = lab_open();

	(void)state;
	assert_int_equal(ho_sock_open(l.s, HO_SOCK_STREAM, HO_IPPROTO_TCP), 0);
	assert_int_equal(ho_sock_open(l.s, HO_SOCK_DGRAM, HO_IPPROTO_ICMP), 1);
	assert_int_equal(ho_sock_open(l.s, HO_SOCK_RAW, HO_IPPROTO_ICMP), 2);
	assert_int_equal(ho_sock_open(l.s, HO_SOCK_DGRAM, 0), 3);
	assert_int_equal(ho_sock_open(l.s, HO_SOCK_DGRAM, HO_IPPROTO_UDP), 4);
	assert_int_equal(ho_sock_open(l.s, HO_SOCK_RAW, 255), 5);
	assert_int_equal(ho_sock_open(l.s, HO_SOCK_RAW, 0), -EPROTONOSUPPORT);
	assert_int_equal(ho_sock_open(l.s, HO_SOCK_RAW, 256), -EINVAL);
	assert_int_equal(ho_sock_open(l.s, HO_SOCK_RAW, -1), -EINVAL);
	assert_int_equal(ho_sock_open(l.s, HO_SOCK_DGRAM, 136), -EPROTONOSUPPORT);
	assert_int_equal(ho_sock_open(l.s, HO_SOCK_DGRAM, HO_IPPROTO_TCP), -EPROTONOSUPPORT);
	assert_int_equal(ho_sock_open(l.s, HO_SOCK_STREAM, HO_IPPROTO_UDP), -EPROTONOSUPPORT);
	assert_int_equal(ho_sock_open(l.s, HO_SOCK_STREAM, 132), -EPROTONOSUPPORT);
	assert_int_equal(ho_sock_open(l.s, 77, 0), -EPROTONOSUPPORT);
	lab_close(&l);
}

/* ---- options ---- */

static int opt(struct lab *l, int fd, int level, int name)
{
	int v = -1;
	size_t len = sizeof(v);
	int err = ho_sock_getopt(l->s, fd, level, name, &v, &len);

	return err < 0 ? err : v;
}

static int opt_set(struct lab *l, int fd, int level, int name, int v)
{
	return ho_sock_setopt(l->s, fd, level, name, &v, sizeof(v));
}

static void buffers_are_doubled_and_kept_within_limits(void **state)
{
	struct lab l = lab_open();
	int fd = ho_sock_open(l.s, TCP);

	(void)state;
	assert_int_equal(opt(&l, fd, HO_SOL_SOCKET, HO_SO_RCVBUF), 131072);
	assert_int_equal(opt(&l, fd, HO_SOL_SOCKET, HO_SO_SNDBUF), 16384);
	opt_set(&l, fd, HO_SOL_SOCKET, HO_SO_RCVBUF, 5000);
	opt_set(&l, fd, HO_SOL_SOCKET, HO_SO_SNDBUF, 5000);
	assert_int_equal(opt(&l, fd, HO_SOL_SOCKET, HO_SO_RCVBUF), 10000);
	assert_int_equal(opt(&l, fd, HO_SOL_SOCKET, HO_SO_SNDBUF), 10000);
	opt_set(&l, fd, HO_SOL_SOCKET, HO_SO_RCVBUF, 0);
	opt_set(&l, fd, HO_SOL_SOCKET, HO_SO_SNDBUF, 0);
	assert_int_equal(opt(&l, fd, HO_SOL_SOCKET, HO_SO_RCVBUF), 2304);
	assert_int_equal(opt(&l, fd, HO_SOL_SOCKET, HO_SO_SNDBUF), 4608);
	ho_sysctl_set(l.s, "net.core.rmem_max", "212992");
	opt_set(&l, fd, HO_SOL_SOCKET, HO_SO_RCVBUF, 100000000);
	assert_int_equal(opt(&l, fd, HO_SOL_SOCKET, HO_SO_RCVBUF), 425984);
	opt_set(&l, fd, HO_SOL_SOCKET, HO_SO_RCVBUF, -1);
	assert_int_equal(opt(&l, fd, HO_SOL_SOCKET, HO_SO_RCVBUF), 425984);
	lab_close(&l);
}

static void socket_options_as_on_linux(void **state)
{
	struct lab l = lab_open();
	int tcp = ho_sock_open(l.s, TCP), raw = ho_sock_open(l.s, RAW);
	struct ho_linger linger = {1, 10};
	size_t len = sizeof(linger);
	char one = 1;

	(void)state;
	assert_int_equal(opt(&l, tcp, HO_SOL_SOCKET, HO_SO_TYPE), HO_SOCK_STREAM);
	assert_int_equal(opt(&l, tcp, HO_SOL_SOCKET, HO_SO_PROTOCOL), HO_IPPROTO_TCP);
	assert_int_equal(opt(&l, raw, HO_SOL_SOCKET, HO_SO_TYPE), HO_SOCK_RAW);
	assert_int_equal(opt(&l, raw, HO_SOL_SOCKET, HO_SO_PROTOCOL), HO_IPPROTO_ICMP);
	assert_int_equal(opt(&l, raw, HO_SOL_SOCKET, HO_SO_RCVBUF), 212992);
	assert_int_equal(opt(&l, tcp, HO_SOL_SOCKET, HO_SO_ACCEPTCONN), 0);
	static const int flags[] = {HO_SO_REUSEADDR, HO_SO_REUSEPORT, HO_SO_KEEPALIVE, HO_SO_OOBINLINE};
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(opt(&l, tcp, HO_SOL_SOCKET, flags[i]), 0);
		assert_int_equal(opt_set(&l, tcp, HO_SOL_SOCKET, flags[i], 5), 0);
		assert_int_equal(opt(&l, tcp, HO_SOL_SOCKET, flags[i]), 1);
		assert_int_equal(opt_set(&l, tcp, HO_SOL_SOCKET, flags[i], 0), 0);
		assert_int_equal(opt(&l, tcp, HO_SOL_SOCKET, flags[i]), 0);
	}
	assert_int_equal(ho_sock_setopt(l.s, tcp, HO_SOL_SOCKET, HO_SO_REUSEADDR, &one, 1), -EINVAL);
	assert_int_equal(ho_sock_setopt(l.s, tcp, HO_SOL_SOCKET, HO_SO_LINGER, &linger, 4), -EINVAL);
	assert_int_equal(ho_sock_setopt(l.s, tcp, HO_SOL_SOCKET, HO_SO_LINGER, &linger, sizeof(linger)), 0);
	linger = (struct ho_linger){0, 0};
	assert_int_equal(ho_sock_getopt(l.s, tcp, HO_SOL_SOCKET, HO_SO_LINGER, &linger, &len), 0);
	assert_true(linger.l_onoff == 1 && linger.l_linger == 10);
	linger = (struct ho_linger){5, -1};
	assert_int_equal(ho_sock_setopt(l.s, tcp, HO_SOL_SOCKET, HO_SO_LINGER, &linger, sizeof(linger)), 0);
	assert_int_equal(ho_sock_getopt(l.s, tcp, HO_SOL_SOCKET, HO_SO_LINGER, &linger, &len), 0);
	assert_true(linger.l_onoff == 1 && linger.l_linger == -1752346657); /* as Linux gives it at HZ 250 */
	assert_int_equal(opt_set(&l, tcp, HO_SOL_SOCKET, HO_SO_TYPE, 1), -ENOPROTOOPT);
	assert_int_equal(opt(&l, tcp, HO_SOL_SOCKET, 999), -ENOPROTOOPT);
	assert_int_equal(opt(&l, tcp, 77, 1), -EOPNOTSUPP);
	assert_int_equal(opt_set(&l, tcp, 77, 1, 1), -ENOPROTOOPT);
	assert_int_equal(opt(&l, raw, HO_SOL_TCP, HO_TCP_NODELAY), -EOPNOTSUPP);
	assert_int_equal(opt_set(&l, raw, HO_SOL_TCP, HO_TCP_NODELAY, 1), -ENOPROTOOPT);
	opt_set(&l, tcp, HO_SOL_SOCKET, HO_SO_RCVLOWAT, 0);
	assert_int_equal(opt(&l, tcp, HO_SOL_SOCKET, HO_SO_RCVLOWAT), 1);
	lab_close(&l);
}

static void ip_options_as_on_linux(void **state)
{
	struct lab l = lab_open();
	int tcp = ho_sock_open(l.s, TCP);
	uint8_t byte = 9;

	(void)state;
	assert_int_equal(opt(&l, tcp, HO_SOL_IP, HO_IP_TTL), 64);
	assert_int_equal(ho_sock_setopt(l.s, tcp, HO_SOL_IP, HO_IP_TTL, &byte, 1), 0);
	assert_int_equal(opt(&l, tcp, HO_SOL_IP, HO_IP_TTL), 9);
	assert_int_equal(opt_set(&l, tcp, HO_SOL_IP, HO_IP_TTL, 0), -EINVAL);
	assert_int_equal(opt_set(&l, tcp, HO_SOL_IP, HO_IP_TTL, 256), -EINVAL);
	assert_int_equal(opt_set(&l, tcp, HO_SOL_IP, HO_IP_TTL, -1), 0);
	assert_int_equal(opt(&l, tcp, HO_SOL_IP, HO_IP_TTL), 64);
	assert_int_equal(opt_set(&l, tcp, HO_SOL_IP, HO_IP_TOS, 0xbb), 0);
	assert_int_equal(opt(&l, tcp, HO_SOL_IP, HO_IP_TOS), 0xb8); /* ECN is TCP's own */
	assert_int_equal(opt_set(&l, tcp, HO_SOL_IP, 77, 1), -ENOPROTOOPT);
	lab_close(&l);
}

/* ---- bind ---- */

static void tcp_connects_to_one_host_only(void **state)
{
	struct lab l = lab_open(), n = lab_open(.no_default_route = true);
	int fd = ho_sock_open(l.s, TCP), nfd = ho_sock_open(n.s, TCP);

	(void)state;
	assert_int_equal(ho_sock_connect(l.s, fd, (struct ho_endpoint){HO_ADDR(224, 0, 0, 1), 9}), -ENETUNREACH);
	assert_int_equal(ho_sock_connect(l.s, fd, (struct ho_endpoint){HO_ADDR(198, 18, 0, 255), 9}), -ENETUNREACH);
	assert_int_equal(ho_sock_connect(l.s, fd, (struct ho_endpoint){UINT32_MAX, 9}), -ENETUNREACH);
	lab_deltas(&l, "");
	assert_int_equal(ho_sock_connect(n.s, nfd, (struct ho_endpoint){UINT32_MAX, 9}), -ENETUNREACH);
	lab_deltas(&n, "IpOutNoRoutes 1");
	lab_close(&l);
	lab_close(&n);
}

static void bind_takes_own_addresses_once(void **state)
{
	struct lab l = lab_open();
	int a = ho_sock_open(l.s, TCP), b = ho_sock_open(l.s, TCP);
	struct ho_endpoint name;

	(void)state;
	assert_int_equal(ho_sock_bind(l.s, a, (struct ho_endpoint){PEER_ADDR, 80}), -EADDRNOTAVAIL);
	assert_int_equal(ho_sock_bind(l.s, a, (struct ho_endpoint){HO_ADDR(127, 1, 2, 3), 80}), 0);
	assert_int_equal(ho_sock_bind(l.s, a, (struct ho_endpoint){HO_ADDR_ANY, 81}), -EINVAL);
	assert_int_equal(ho_sock_bind(l.s, b, (struct ho_endpoint){HO_ADDR_ANY, 80}), -EADDRINUSE);
	assert_int_equal(ho_sock_name(l.s, b, &name), 0);
	assert_int_equal(name.addr, 0);
	assert_int_equal(ho_sock_bind(l.s, b, (struct ho_endpoint){HOST, 0}), 0);
	ho_sock_name(l.s, b, &name);
	assert_int_equal(name.addr, HOST);
	assert_in_range(name.port, 32768, 60999);
	assert_int_equal(ho_sock_peer(l.s, b, &name), -ENOTCONN);
	lab_close(&l);
}

/* ---- events, walks ---- */

static void an_event_comes_once_and_says_what_holds_now(void **state)
{
	struct lab l = lab_open();
	int fd = ho_sock_open(l.s, RAW), mark;
	struct ho_event e;
	uint8_t buf[100];

	(void)state;
	ho_sock_user_set(l.s, fd, &mark);
	assert_false(ho_stack_event(l.s, &e));
	lab_in(&l, icmp_make((struct icmp_fields){.type = 0}));
	lab_in(&l, icmp_make((struct icmp_fields){.type = 0}));
	assert_true(ho_stack_event(l.s, &e));
	assert_int_equal(e.fd, fd);
	assert_int_equal(e.mask, HO_IN | HO_OUT);
	assert_ptr_equal(e.user, &mark);
	assert_false(ho_stack_event(l.s, &e));
	lab_in(&l, icmp_make((struct icmp_fields){.type = 0}));
	ho_sock_recv(l.s, fd, buf, sizeof(buf), 0);
	ho_sock_close(l.s, fd); /* an event of a closed descriptor does not come */
	assert_false(ho_stack_event(l.s, &e));
	lab_close(&l);
}

static void a_walk_shows_every_socket_request_and_bucket_once(void **state)
{
	struct lab l = lab_open();
	struct ho_sock_info info;
	uint64_t cursor = 0;
	unsigned fds = 0, requests = 0, buckets = 0;
	struct request *req[500];
	struct timewait *tw[500];

	(void)state;
	for (int i = 0; i < 100; i++)
		ho_sock_open(l.s, TCP);
	for (uint16_t i = 0; i < 500; i++) {
		req[i] = request_take(l.s);
		tw[i] = timewait_take(l.s);
		*req[i] = (struct request){
			.e = {.laddr = HOST, .raddr = PEER_ADDR, .lport = 80, .rport = i, .kind = ENTRY_REQUEST}};
		tw[i]->e = (struct entry){.laddr = HOST, .raddr = PEER_ADDR, .lport = 81, .rport = i, .kind = ENTRY_TIMEWAIT,
		                          .flags = TW_FIN_WAIT2};
		conn_insert(l.s, &req[i]->e);
		conn_insert(l.s, &tw[i]->e);
	}
	while (ho_sock_next(l.s, &cursor, &info)) {
		fds += info.fd >= 0;
		requests += info.state == HO_SYN_RECV && info.local.port == 80;
		buckets += info.state == HO_FIN_WAIT2 && info.local.port == 81;
	}
	assert_int_equal(fds, 100);
	assert_int_equal(requests, 500);
	assert_int_equal(buckets, 500);
	assert_false(ho_sock_next(l.s, &cursor, &info));
	for (uint64_t i = 0; i < 64; i++) { /* any cursor is survived */
		cursor = UINT64_C(1) << i | i * 77;
		ho_sock_next(l.s, &cursor, &info);
	}
	for (int i = 0; i < 500; i++) {
		conn_remove(l.s, &req[i]->e);
		conn_remove(l.s, &tw[i]->e);
	}
	lab_close(&l);
}

/* ---- trace ---- */

static void the_trace_names_frame_and_reason_and_shows_what_was_lost(void **state)
{
	struct lab l = lab_open(.trace_max = 4);
	struct ho_trace t;
	uint64_t number = 0;
	struct bytes b = udp_make((struct udp_fields){.ip.daddr = HO_ADDR(198, 18, 0, 9)});
	struct ho_frame *f = ho_frame_make(&l.al, b.at, b.len);

	(void)state;
	f->id = 4711;
	ho_stack_input(l.s, f, LAB_BIRTH_NS + 3); /* InReceives InOctets InNoECTPkts InAddrErrors */
	assert_true(ho_trace_next(l.s, &t));
	assert_int_equal(t.number, 1);
	assert_int_equal(t.counter, HO_IpInReceives);
	assert_int_equal(t.cause, HO_CAUSE_FRAME);
	assert_int_equal(t.frame_in, 4711);
	assert_int_equal(t.at, LAB_BIRTH_NS + 3);
	assert_int_equal(t.fd, -1);
	lab_in(&l, b);
	for (int i = 0; i < 4; i++) {
		assert_true(ho_trace_next(l.s, &t));
		assert_true(t.number > number);
		number = t.number;
	}
	assert_int_equal(t.number, 8);
	assert_int_equal(t.counter, HO_IpInAddrErrors);
	assert_false(ho_trace_next(l.s, &t));
	lab_close(&l);
}

static void a_call_is_its_own_cause(void **state)
{
	struct lab l = lab_open(.trace_max = 100, .no_default_route = true);
	int fd = ho_sock_open(l.s, RAW);
	struct ho_trace t;

	(void)state;
	ho_sock_connect(l.s, fd, (struct ho_endpoint){HO_ADDR(192, 0, 2, 1), 0});
	assert_true(ho_trace_next(l.s, &t));
	assert_int_equal(t.counter, HO_IpOutNoRoutes);
	assert_int_equal(t.cause, HO_CAUSE_CALL);
	assert_string_equal(t.what, "connect");
	assert_int_equal(t.fd, fd);
	lab_close(&l);
}

static void sent_frames_are_named_while_their_counters_move(void **state)
{
	struct lab l = lab_open(.trace_max = 100);
	struct ho_trace t;
	uint64_t id;
	unsigned named = 0;

	(void)state;
	lab_in(&l, icmp_make((struct icmp_fields){.type = 8}));
	id = lab_out(&l)->id;
	while (ho_trace_next(l.s, &t)) {
		bool out = t.counter == HO_IpOutRequests || t.counter == HO_IpOutTransmits ||
		           t.counter == HO_IpExtOutOctets || t.counter == HO_IcmpOutMsgs ||
		           t.counter == HO_IcmpOutEchoReps || t.counter == HO_IcmpMsgOutType;

		assert_int_equal(t.frame_out, out ? id : 0);
		named += out;
	}
	assert_int_equal(named, 6);
	assert_int_equal(l.s->cause.frame_out, 0);
	lab_close(&l);
}

/* ---- the rest ---- */

static void fixed_counters_have_their_values(void **state)
{
	struct lab l = lab_open();

	(void)state;
	assert_int_equal(ho_counter_get(l.s, HO_IpForwarding), 2);
	assert_int_equal(ho_counter_get(l.s, HO_IpDefaultTTL), 64);
	ho_sysctl_set(l.s, "net.ipv4.ip_default_ttl", "32");
	assert_int_equal(ho_counter_get(l.s, HO_IpDefaultTTL), 32);
	assert_int_equal(ho_counter_get(l.s, HO_TcpRtoAlgorithm), 1);
	assert_int_equal(ho_counter_get(l.s, HO_TcpRtoMin), 200);
	assert_int_equal(ho_counter_get(l.s, HO_TcpRtoMax), 120000);
	assert_int_equal(ho_counter_get(l.s, HO_TcpMaxConn), (uint64_t)-1);
	assert_int_equal(ho_counter_get(l.s, HO_COUNTER_COUNT), 0);
	lab_close(&l);
}

static void objects_have_sizes(void **state)
{
	(void)state;
	assert_int_equal(ho_stack_sizeof("request"), sizeof(struct request_batch) / BATCH_PLACES + 1);
	assert_true(ho_stack_sizeof("timewait") > 0 && ho_stack_sizeof("tcp") > 0 && ho_stack_sizeof("listener") > 0);
	assert_true(ho_stack_sizeof("segment") > 0 && ho_stack_sizeof("frame") > 0);
	assert_int_equal(ho_stack_sizeof("elephant"), 0);
	assert_non_null(ho_version());
}

/* Two sockets of ours that answer each other for ever do not keep a door from returning. */
static void a_door_carries_a_bounded_number_of_packets_to_ourselves(void **state)
{
	struct lab l = lab_open();
	int fd = ho_sock_open(l.s, RAW);
	uint8_t echo[8] = {8, 0, 0xf7, 0xfe, 0, 1};
	unsigned doors = 0;

	(void)state;
	for (int i = 0; i < 3000; i++)
		assert_int_equal(ho_sock_sendto(l.s, fd, echo, 8, 0, (struct ho_endpoint){HO_ADDR_LOOPBACK, 0}), 8);
	while (ho_stack_deadline(l.s) != HO_NEVER) {
		ho_stack_expire(l.s, ho_stack_now(l.s), 0);
		doors++;
	}
	assert_in_range(doors, 6, 7); /* 3000 echoes and 3000 replies, 1024 a door */
	lab_counted(&l, IcmpInEchoReps, 3000);
	lab_close(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_config_out_of_range_is_refused),
		cmocka_unit_test(frames_outlive_their_stack),
		cmocka_unit_test(frames_of_others_are_given_back),
		cmocka_unit_test(every_allocation_may_fail),
		cmocka_unit_test(time_does_not_go_back),
		cmocka_unit_test(an_idle_stack_wants_nothing),
		cmocka_unit_test(a_deadline_is_exact_to_the_millisecond),
		cmocka_unit_test(descriptors_are_the_lowest_free),
		cmocka_unit_test(any_order_of_opening_and_closing_gives_the_lowest),
		cmocka_unit_test(socks_max_is_the_limit),
		cmocka_unit_test(a_foreign_descriptor_is_ebadf_everywhere),
		cmocka_unit_test(only_the_sockets_of_ipv4_exist),
		cmocka_unit_test(buffers_are_doubled_and_kept_within_limits),
		cmocka_unit_test(socket_options_as_on_linux),
		cmocka_unit_test(ip_options_as_on_linux),
		cmocka_unit_test(tcp_connects_to_one_host_only),
		cmocka_unit_test(bind_takes_own_addresses_once),
		cmocka_unit_test(an_event_comes_once_and_says_what_holds_now),
		cmocka_unit_test(a_walk_shows_every_socket_request_and_bucket_once),
		cmocka_unit_test(the_trace_names_frame_and_reason_and_shows_what_was_lost),
		cmocka_unit_test(a_call_is_its_own_cause),
		cmocka_unit_test(sent_frames_are_named_while_their_counters_move),
		cmocka_unit_test(fixed_counters_have_their_values),
		cmocka_unit_test(objects_have_sizes),
		cmocka_unit_test(a_door_carries_a_bounded_number_of_packets_to_ourselves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
