/* SPDX-License-Identifier: MIT
 * Errors as sockets hear of them, held against Linux 6.18 (experiment sock_errors). */
#include "lab.h"

#define ROUTER HO_ADDR(198, 18, 0, 77)

static struct ho_endpoint peer(uint16_t port)
{
	return (struct ho_endpoint){PEER_ADDR, port};
}

static void set(struct lab *l, int fd, int level, int name, int v)
{
	assert_int_equal(ho_sock_setopt(l->s, fd, level, name, &v, sizeof(v)), 0);
}

static int get(struct lab *l, int fd, int level, int name)
{
	int v = -77;
	size_t len = sizeof(v);

	assert_int_equal(ho_sock_getopt(l->s, fd, level, name, &v, &len), 0);
	return v;
}

static int pending(struct lab *l, int fd)
{
	return get(l, fd, HO_SOL_SOCKET, HO_SO_ERROR);
}

static int udp_socket(struct lab *l)
{
	int fd = ho_sock_open(l->s, HO_SOCK_DGRAM, 0);

	assert_true(fd >= 0);
	return fd;
}

/* What the socket sent last, as a router quotes it. */
struct sent {
	uint8_t at[200];
	uint16_t len;
};

static struct sent send_one(struct lab *l, int fd, const char *text)
{
	struct sent s;
	struct packet *p;

	assert_int_equal(ho_sock_sendto(l->s, fd, text, strlen(text), 0, peer(9)), strlen(text));
	p = lab_out(l);
	s.len = (uint16_t)p->len;
	memcpy(s.at, p->bytes, p->len);
	return s;
}

static void said(struct lab *l, const struct sent *s, uint8_t type, uint8_t code, uint32_t rest)
{
	lab_in(l, icmp_make((struct icmp_fields){
		.ip.saddr = ROUTER, .type = type, .code = code, .rest = rest, .data = s->at, .len = s->len}));
}

static void an_error_is_told_in_full(void **state)
{
	struct lab l = lab_open();
	int fd = udp_socket(&l);
	struct ho_sock_error e;
	struct ho_event event;
	struct sent s;
	char buf[100];

	(void)state;
	set(&l, fd, HO_SOL_IP, HO_IP_RECVERR, 1);
	assert_int_equal(get(&l, fd, HO_SOL_IP, HO_IP_RECVERR), 1);
	assert_int_equal(ho_sock_recv_error(l.s, fd, &e, buf, sizeof(buf)), -EAGAIN);
	s = send_one(&l, fd, "hello");
	said(&l, &s, 3, 1, 0);
	assert_true(ho_stack_event(l.s, &event));
	assert_int_equal(event.mask, HO_OUT | HO_ERR);
	assert_int_equal(ho_sock_recv_error(l.s, fd, &e, buf, 3), 3);
	assert_memory_equal(buf, "hel", 3);
	assert_int_equal(e.len_bytes, 5);
	assert_int_equal(e.err, EHOSTUNREACH);
	assert_int_equal(e.origin, HO_ORIGIN_ICMP);
	assert_int_equal(e.type, 3);
	assert_int_equal(e.code, 1);
	assert_int_equal(e.info, 0);
	assert_int_equal(e.destination.addr, PEER_ADDR);
	assert_int_equal(e.destination.port, 9);
	assert_int_equal(e.offender, ROUTER);
	assert_int_equal(pending(&l, fd), 0); /* taken with it */
	assert_int_equal(ho_sock_poll(l.s, fd), HO_OUT);
	assert_int_equal(ho_sock_recv_error(l.s, 77, &e, buf, 3), -EBADF);
	lab_close(&l);
}

static void the_pending_error_is_that_of_the_next_message(void **state)
{
	struct lab l = lab_open();
	int fd = udp_socket(&l);
	struct ho_sock_error e;
	struct sent s;
	char buf[10];

	(void)state;
	set(&l, fd, HO_SOL_IP, HO_IP_RECVERR, 1);
	s = send_one(&l, fd, "hello");
	said(&l, &s, 3, 1, 0);
	said(&l, &s, 12, 0, 0x14000000);
	s.len = 28;
	said(&l, &s, 3, 3, 0);
	lab_counted(&l, IcmpInErrors, 0);
	assert_int_equal(pending(&l, fd), ECONNREFUSED); /* the latest; and it is gone with this */
	assert_int_equal(ho_sock_poll(l.s, fd), HO_OUT | HO_ERR);
	assert_int_equal(ho_sock_recv_error(l.s, fd, &e, buf, sizeof(buf)), 5);
	assert_int_equal(e.err, EHOSTUNREACH);
	assert_int_equal(ho_sock_recv(l.s, fd, buf, sizeof(buf), 0), -EPROTO);
	assert_int_equal(ho_sock_recv_error(l.s, fd, &e, buf, sizeof(buf)), 5);
	assert_int_equal(e.info, 0x14);
	assert_int_equal(ho_sock_recv_error(l.s, fd, &e, buf, sizeof(buf)), 0);
	assert_int_equal(e.err, ECONNREFUSED);
	assert_int_equal(pending(&l, fd), 0);
	lab_close(&l);
}

static void they_are_charged_to_the_receive_buffer_and_forgotten_on_request(void **state)
{
	struct lab l = lab_open();
	int fd = udp_socket(&l), kept = 0;
	struct ho_sock_info info;
	struct ho_sock_error e;
	struct ho_memory m;
	struct sent s;
	char buf[10];

	(void)state;
	set(&l, fd, HO_SOL_IP, HO_IP_RECVERR, 1);
	set(&l, fd, HO_SOL_SOCKET, HO_SO_RCVBUF, 4608);
	s = send_one(&l, fd, "hello");
	for (int i = 0; i < 50; i++)
		said(&l, &s, 3, 1, 0);
	ho_sock_info_get(l.s, fd, &info);
	assert_int_equal(info.rmem_alloc, 11 * 832); /* 12 would fill it */
	while (ho_sock_recv_error(l.s, fd, &e, buf, sizeof(buf)) == 5)
		kept++;
	assert_int_equal(kept, 11);
	ho_sock_info_get(l.s, fd, &info);
	assert_int_equal(info.rmem_alloc, 0);
	said(&l, &s, 3, 1, 0);
	pending(&l, fd);
	set(&l, fd, HO_SOL_IP, HO_IP_RECVERR, 0);
	assert_int_equal(ho_sock_recv_error(l.s, fd, &e, buf, sizeof(buf)), -EAGAIN);
	said(&l, &s, 3, 1, 0);
	assert_int_equal(ho_sock_poll(l.s, fd), HO_OUT);
	set(&l, fd, HO_SOL_IP, HO_IP_RECVERR, 1);
	said(&l, &s, 3, 1, 0);
	lab_in(&l, udp_make((struct udp_fields){.dport = get16(s.at + 20), .data = "x", .len = 1}));
	assert_int_equal(ho_sock_close(l.s, fd), 0); /* with one left, and a datagram */
	ho_stack_memory(l.s, &m);
	assert_int_equal(m.udp_pages, 0);
	lab_close(&l);
}

static void without_being_asked_only_a_connected_socket_hears_of_hard_ones(void **state)
{
	struct lab l = lab_open();
	int loose = udp_socket(&l), conn = udp_socket(&l);
	struct sent s;
	char buf[10];

	(void)state;
	s = send_one(&l, loose, "x");
	said(&l, &s, 3, 3, 0);
	assert_int_equal(pending(&l, loose), 0);
	assert_int_equal(ho_sock_connect(l.s, conn, peer(9)), 0);
	s = send_one(&l, conn, "x");
	said(&l, &s, 3, 1, 0); /* may pass */
	said(&l, &s, 11, 0, 0);
	said(&l, &s, 4, 0, 0);
	said(&l, &s, 5, 1, 0);
	assert_int_equal(ho_sock_poll(l.s, conn), HO_OUT);
	said(&l, &s, 3, 3, 0);
	assert_int_equal(ho_sock_poll(l.s, conn), HO_OUT | HO_ERR);
	lab_mark(&l);
	assert_int_equal(ho_sock_send(l.s, conn, "x", 1, 0), -ECONNREFUSED);
	lab_deltas(&l, "IpOutDiscards 1");
	assert_int_equal(ho_sock_send(l.s, conn, "x", 1, 0), 1);
	said(&l, &s, 12, 0, 0);
	assert_int_equal(ho_sock_recv(l.s, conn, buf, sizeof(buf), 0), -EPROTO);
	assert_int_equal(ho_sock_recv(l.s, conn, buf, sizeof(buf), 0), -EAGAIN);
	lab_close(&l);
}

static void an_error_about_nobodys_datagram_counts(void **state)
{
	struct lab l = lab_open();
	int fd = udp_socket(&l);
	struct sent s = send_one(&l, fd, "x");

	(void)state;
	ho_sock_close(l.s, fd);
	said(&l, &s, 3, 3, 0);
	lab_counted(&l, IcmpInErrors, 1);
	lab_close(&l);
}

static void a_router_lowers_the_path_of_udp(void **state)
{
	static const uint8_t big[1472];
	struct lab l = lab_open();
	int fd = udp_socket(&l), still = udp_socket(&l);
	struct ho_sock_error e;
	struct sent s;

	(void)state;
	assert_int_equal(ho_sock_connect(l.s, fd, peer(9)), 0);
	s = send_one(&l, fd, "x");
	said(&l, &s, 3, 4, 1000);
	assert_int_equal(pending(&l, fd), EMSGSIZE);
	assert_int_equal(get(&l, fd, HO_SOL_IP, HO_IP_MTU), 1000);
	set(&l, fd, HO_SOL_IP, HO_IP_RECVERR, 1);
	set(&l, fd, HO_SOL_IP, HO_IP_MTU_DISCOVER, HO_IP_PMTUDISC_DO);
	assert_int_equal(ho_sock_send(l.s, fd, big, 973, 0), -EMSGSIZE);
	assert_int_equal(ho_sock_recv_error(l.s, fd, &e, NULL, 0), 0);
	assert_int_equal(e.err, EMSGSIZE);
	assert_int_equal(e.origin, HO_ORIGIN_LOCAL);
	assert_int_equal(e.info, 1000);
	assert_int_equal(e.offender, 0);
	assert_int_equal(e.destination.addr, PEER_ADDR);
	assert_int_equal(ho_sock_send(l.s, fd, big, 972, 0), 972);
	assert_int_equal(get16(lab_out(&l)->bytes + 6), 0x4000);
	set(&l, fd, HO_SOL_IP, HO_IP_MTU_DISCOVER, HO_IP_PMTUDISC_PROBE);
	assert_int_equal(ho_sock_send(l.s, fd, big, 1472, 0), 1472);
	assert_int_equal(get16(lab_out(&l)->bytes + 6), 0x4000);
	assert_int_equal(ho_sock_connect(l.s, still, peer(9)), 0);
	set(&l, still, HO_SOL_IP, HO_IP_MTU_DISCOVER, HO_IP_PMTUDISC_DONT);
	s = send_one(&l, still, "x");
	said(&l, &s, 3, 4, 800);
	assert_int_equal(pending(&l, still), 0);
	assert_int_equal(get(&l, still, HO_SOL_IP, HO_IP_MTU), 800);
	lab_close(&l);
}

static void nobody_is_told_an_mtu_that_sysctls_forbid(void **state)
{
	struct lab l = lab_open();
	int fd = udp_socket(&l);
	struct sent s;

	(void)state;
	assert_int_equal(ho_sock_connect(l.s, fd, peer(9)), 0);
	s = send_one(&l, fd, "x");
	assert_int_equal(ho_sysctl_set(l.s, "net.ipv4.ip_no_pmtu_disc", "2"), 0);
	said(&l, &s, 3, 4, 1000);
	assert_int_equal(ho_sysctl_set(l.s, "net.ipv4.ip_no_pmtu_disc", "3"), 0); /* UDP cannot tell a lie */
	said(&l, &s, 3, 4, 1000);
	assert_int_equal(pending(&l, fd), 0);
	assert_int_equal(get(&l, fd, HO_SOL_IP, HO_IP_MTU), 1500);
	lab_close(&l);
}

static void tcp_keeps_the_error_that_ended_a_connect(void **state)
{
	struct lab l = lab_open();
	int fd = ho_sock_open(l.s, HO_SOCK_STREAM, 0);
	struct ho_sock_error e;
	struct packet *p;
	struct sent s;
	uint8_t buf[100];

	(void)state;
	assert_int_equal(ho_sock_connect(l.s, fd, peer(80)), -EINPROGRESS);
	p = lab_out(&l);
	s.len = (uint16_t)p->len;
	memcpy(s.at, p->bytes, p->len);
	said(&l, &s, 3, 1, 0);
	assert_true(ho_sock_poll(l.s, fd) & HO_ERR);
	assert_int_equal(ho_sock_recv_error(l.s, fd, &e, buf, sizeof(buf)), s.len - 20);
	assert_memory_equal(buf, s.at + 20, s.len - 20u);
	assert_int_equal(e.err, EHOSTUNREACH);
	assert_int_equal(e.destination.port, 80);
	assert_int_equal(pending(&l, fd), 0); /* went with the message */
	lab_close(&l);
}

static void a_raw_socket_with_headers_gets_headers(void **state)
{
	struct lab l = lab_open();
	int fd = ho_sock_open(l.s, HO_SOCK_RAW, 200);
	struct ho_sock_error e;
	uint8_t buf[100];
	struct sent s;

	(void)state;
	set(&l, fd, HO_SOL_IP, HO_IP_RECVERR, 1);
	s = send_one(&l, fd, "12345678");
	said(&l, &s, 3, 2, 0);
	assert_int_equal(ho_sock_recv_error(l.s, fd, &e, buf, sizeof(buf)), 8);
	set(&l, fd, HO_SOL_IP, HO_IP_HDRINCL, 1);
	said(&l, &s, 3, 2, 0);
	assert_int_equal(ho_sock_recv_error(l.s, fd, &e, buf, sizeof(buf)), 28);
	assert_memory_equal(buf, s.at, 28);
	assert_int_equal(e.destination.port, 0);
	lab_close(&l);
}

static uint64_t errors_with_failures(uint64_t fail_at)
{
	struct lab l = lab_open(.fail_at = fail_at);
	struct ho_sock_error e;
	uint64_t calls;
	uint8_t q[28] = {0x45, 0, 0, 28, [9] = 17}, buf[10];
	int fd, v = 1;
	ptrdiff_t n;

	if (l.s == NULL)
		goto out;
	fd = ho_sock_open(l.s, HO_SOCK_DGRAM, 0);
	assert_true(fd >= 0 || fd == -ENOMEM);
	if (fd < 0 || ho_sock_bind(l.s, fd, (struct ho_endpoint){HO_ADDR_ANY, 7000}) < 0)
		goto out;
	ho_sock_setopt(l.s, fd, HO_SOL_IP, HO_IP_RECVERR, &v, sizeof(v));
	put32(q + 12, HOST);
	put32(q + 16, PEER_ADDR);
	put16(q + 20, 7000);
	put16(q + 22, 9);
	lab_in(&l, icmp_make((struct icmp_fields){.type = 3, .code = 3, .data = q, .len = 28}));
	n = ho_sock_recv_error(l.s, fd, &e, buf, sizeof(buf));
	assert_true(n == 0 || n == -EAGAIN);
	n = ho_sock_recv(l.s, fd, buf, sizeof(buf), 0);
	assert_true(n == -EAGAIN || n == -ECONNREFUSED); /* the queue had no room: the error is told all the same */
out:
	calls = l.heap->calls;
	lab_close(&l);
	return calls;
}

static void every_allocation_may_fail(void **state)
{
	(void)state;
	lab_every_allocation_fails(errors_with_failures);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_error_is_told_in_full),
		cmocka_unit_test(the_pending_error_is_that_of_the_next_message),
		cmocka_unit_test(they_are_charged_to_the_receive_buffer_and_forgotten_on_request),
		cmocka_unit_test(without_being_asked_only_a_connected_socket_hears_of_hard_ones),
		cmocka_unit_test(an_error_about_nobodys_datagram_counts),
		cmocka_unit_test(a_router_lowers_the_path_of_udp),
		cmocka_unit_test(nobody_is_told_an_mtu_that_sysctls_forbid),
		cmocka_unit_test(tcp_keeps_the_error_that_ended_a_connect),
		cmocka_unit_test(a_raw_socket_with_headers_gets_headers),
		cmocka_unit_test(every_allocation_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
