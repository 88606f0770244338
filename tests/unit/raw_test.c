/* SPDX-License-Identifier: MIT
 * Raw sockets of any protocol, held against Linux 6.18 (experiment raw_sockets; the rest asked of a kernel). */
#include "lab.h"

#define SENT "IpOutRequests 1 IpOutTransmits 1 "

static int raw_socket(struct lab *l, int protocol)
{
	int fd = ho_sock_open(l->s, HO_SOCK_RAW, protocol);

	assert_true(fd >= 0);
	return fd;
}

static struct ho_endpoint to_peer(void)
{
	return (struct ho_endpoint){PEER_ADDR, 0};
}

static void set(struct lab *l, int fd, int level, int name, int v)
{
	assert_int_equal(ho_sock_setopt(l->s, fd, level, name, &v, sizeof(v)), 0);
}

static void protocol_in(struct lab *l, uint8_t protocol)
{
	lab_in(l, ip_make((struct ip_fields){.protocol = protocol, .data = "hello", .len = 5}));
}

static void a_protocol_is_known_as_long_as_a_socket_has_it(void **state)
{
	struct lab l = lab_open();
	int fd = raw_socket(&l, 200);
	struct ho_msg_info info;
	uint8_t buf[100];

	(void)state;
	protocol_in(&l, 200);
	lab_deltas(&l, "IpInReceives 1 IpInDelivers 1 IpExtInOctets 25 IpExtInNoECTPkts 1");
	assert_int_equal(ho_sock_inq(l.s, fd), 25);
	assert_int_equal(ho_sock_recv_msg(l.s, fd, buf, sizeof(buf), 0, &info), 25);
	assert_memory_equal(buf + 20, "hello", 5);
	assert_int_equal(info.from.addr, PEER_ADDR);
	assert_int_equal(info.from.port, 0);
	assert_int_equal(info.to_addr, HOST);
	protocol_in(&l, 201);
	lab_counted(&l, IpInUnknownProtos, 1);
	ho_sock_close(l.s, fd);
	protocol_in(&l, 200);
	lab_counted(&l, IpInUnknownProtos, 2);
	lab_close(&l);
}

static void tcp_and_udp_are_overheard_and_still_answered(void **state)
{
	struct lab l = lab_open();
	int fd = raw_socket(&l, HO_IPPROTO_UDP);
	uint8_t buf[100];

	(void)state;
	lab_in(&l, udp_make((struct udp_fields){.data = "x", .len = 1, .bad = true}));
	lab_counted(&l, UdpInCsumErrors, 1);
	lab_in(&l, udp_make((struct udp_fields){.data = "x", .len = 1}));
	lab_counted(&l, UdpNoPorts, 1);
	assert_int_equal(ho_sock_recv(l.s, fd, buf, sizeof(buf), 0), 29);
	assert_int_equal(ho_sock_recv(l.s, fd, buf, sizeof(buf), 0), 29);
	lab_counted(&l, UdpInDatagrams, 0);
	lab_close(&l);
}

static void a_filter_keeps_types_out(void **state)
{
	struct lab l = lab_open();
	int fd = raw_socket(&l, HO_IPPROTO_ICMP), other = raw_socket(&l, 200), bits = 1 << 0;
	size_t len = sizeof(bits);
	uint8_t buf[100];

	(void)state;
	assert_int_equal(ho_sock_setopt(l.s, other, HO_SOL_RAW, HO_ICMP_FILTER, &bits, len), -EOPNOTSUPP);
	assert_int_equal(ho_sock_getopt(l.s, other, HO_SOL_RAW, HO_ICMP_FILTER, &bits, &len), -EOPNOTSUPP);
	set(&l, fd, HO_SOL_RAW, HO_ICMP_FILTER, 1 << 0);
	assert_int_equal(ho_sock_getopt(l.s, fd, HO_SOL_RAW, HO_ICMP_FILTER, &bits, &len), 0);
	assert_int_equal(bits, 1);
	lab_in(&l, icmp_make((struct icmp_fields){.type = 0}));
	lab_in(&l, icmp_make((struct icmp_fields){.type = 14}));
	lab_in(&l, icmp_make((struct icmp_fields){.type = 100}));
	lab_in(&l, ip_make((struct ip_fields){.protocol = 1, .data = "\x0e\0\xf1\xff", .len = 4})); /* no whole header */
	assert_int_equal(ho_sock_recv(l.s, fd, buf, sizeof(buf), 0), 28);
	assert_int_equal(buf[20], 14);
	assert_int_equal(ho_sock_recv(l.s, fd, buf, sizeof(buf), 0), 28);
	assert_int_equal(buf[20], 100);
	assert_int_equal(ho_sock_recv(l.s, fd, buf, sizeof(buf), 0), -EAGAIN);
	lab_close(&l);
}

static void bind_and_connect_choose_what_is_heard(void **state)
{
	struct lab l = lab_open();
	int bound = raw_socket(&l, 200), connected = raw_socket(&l, 200);
	struct ho_endpoint name;
	uint8_t buf[100];

	(void)state;
	assert_int_equal(ho_sock_bind(l.s, bound, (struct ho_endpoint){HO_ADDR(198, 18, 0, 9), 0}), -EADDRNOTAVAIL);
	assert_int_equal(ho_sock_bind(l.s, bound, (struct ho_endpoint){HO_ADDR(198, 18, 0, 255), 0}), 0);
	assert_int_equal(ho_sock_bind(l.s, bound, (struct ho_endpoint){HO_ADDR_LOOPBACK, 9}), 0); /* as often as it likes */
	ho_sock_name(l.s, bound, &name);
	assert_int_equal(name.addr, HO_ADDR_LOOPBACK);
	assert_int_equal(name.port, 200);
	assert_int_equal(ho_sock_send(l.s, connected, "x", 1, 0), -EDESTADDRREQ);
	assert_int_equal(ho_sock_connect(l.s, connected, (struct ho_endpoint){HO_ADDR(198, 18, 0, 9), 0}), 0);
	assert_int_equal(ho_sock_bind(l.s, connected, (struct ho_endpoint){HO_ADDR_LOOPBACK, 0}), -EINVAL);
	protocol_in(&l, 200);
	lab_counted(&l, IpInUnknownProtos, 1);
	assert_int_equal(ho_sock_connect(l.s, connected, to_peer()), 0);
	protocol_in(&l, 200);
	assert_int_equal(ho_sock_recv(l.s, connected, buf, sizeof(buf), 0), 25);
	assert_int_equal(ho_sock_recv(l.s, bound, buf, sizeof(buf), 0), -EAGAIN);
	assert_int_equal(ho_sock_disconnect(l.s, connected), 0); /* and is deaf then */
	lab_mark(&l);
	protocol_in(&l, 200);
	lab_counted(&l, IpInUnknownProtos, 1);
	lab_close(&l);
}

static void a_header_of_the_programs_goes_out_as_it_is(void **state)
{
	struct lab l = lab_open();
	int fd = raw_socket(&l, HO_IPPROTO_RAW), icmp = raw_socket(&l, HO_IPPROTO_ICMP);
	struct bytes b = udp_make((struct udp_fields){.ip = {.saddr = HO_ADDR(1, 2, 3, 4), .daddr = HO_ADDR(9, 9, 9, 9), .ttl = 3},
	                                              .data = "x", .len = 1});
	struct packet *p;

	(void)state;
	put16(b.at + 4, 77);
	put16(b.at + 10, 0);
	sum_store(b.at + 10, csum_partial(b.at, 20));
	assert_int_equal(ho_sock_sendto(l.s, fd, b.at, b.len, 0, to_peer()), b.len);
	lab_deltas(&l, "IpOutTransmits 1 IpExtOutOctets 29");
	p = lab_out(&l);
	assert_memory_equal(p->bytes, b.at, b.len);
	b = icmp_make((struct icmp_fields){.type = 8, .ip.saddr_any = true});
	put16(b.at + 2, 9999);
	put16(b.at + 10, 7);
	assert_int_equal(ho_sock_sendto(l.s, fd, b.at, b.len, 0, to_peer()), b.len);
	lab_deltas(&l, "IpOutTransmits 1 IcmpOutMsgs 1 IcmpOutEchos 1 IcmpMsgOutType8 1 IpExtOutOctets 28");
	p = lab_out(&l);
	assert_int_equal(get16(p->bytes + 2), 28);
	assert_int_equal(get32(p->bytes + 12), HOST);
	assert_true(get16(p->bytes + 4) != 0);
	assert_int_equal(csum_fold(csum_partial(p->bytes, 20)), 0);
	set(&l, icmp, HO_SOL_IP, HO_IP_HDRINCL, 1);
	assert_int_equal(ho_sock_sendto(l.s, icmp, b.at, b.len, 0, to_peer()), b.len);
	lab_deltas(&l, "IpOutTransmits 1 IcmpOutMsgs 1 IcmpOutEchos 1 IcmpMsgOutType8 1 IpExtOutOctets 28");
	set(&l, icmp, HO_SOL_IP, HO_IP_HDRINCL, 0);
	assert_int_equal(ho_sock_sendto(l.s, icmp, b.at + 20, b.len - 20, 0, to_peer()), b.len - 20);
	lab_deltas(&l, SENT "IcmpOutMsgs 1 IcmpOutEchos 1 IcmpMsgOutType8 1 IpExtOutOctets 28");
	lab_close(&l);
}

static void options_of_the_programs_go_out_too(void **state)
{
	static const uint8_t options[40] = {7, 39, 4};
	struct lab l = lab_open();
	int fd = raw_socket(&l, HO_IPPROTO_RAW);
	struct bytes b = udp_make((struct udp_fields){.ip = {.options = options, .options_len = sizeof(options)}, .data = "x", .len = 1});
	struct packet *p;

	(void)state;
	assert_int_equal(ho_sock_sendto(l.s, fd, b.at, b.len, 0, to_peer()), b.len);
	p = lab_out(&l);
	assert_int_equal(p->len, b.len);
	assert_memory_equal(p->bytes + 20, b.at + 20, b.len - 20);
	assert_int_equal(csum_fold(csum_partial(p->bytes, 60)), 0);
	lab_close(&l);
}

static void headers_that_are_refused(void **state)
{
	static const uint8_t big[1501] = {0x45};
	struct lab l = lab_open(.no_default_route = true);
	int fd = raw_socket(&l, HO_IPPROTO_RAW);
	struct ho_endpoint nowhere = {HO_ADDR(192, 0, 2, 1), 0};

	(void)state;
	assert_int_equal(ho_sock_sendto(l.s, fd, "x", 1, 0, to_peer()), -EINVAL);
	assert_int_equal(ho_sock_sendto(l.s, fd, big, 1501, 0, to_peer()), -EMSGSIZE);
	assert_int_equal(ho_sock_sendto(l.s, fd, big, 100, 0, nowhere), -ENETUNREACH);
	lab_deltas(&l, "");
	assert_int_equal(ho_sock_sendto(l.s, fd, "\x4f\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 22, 0, to_peer()), -EINVAL);
	assert_int_equal(ho_sock_sendto(l.s, fd, "\x40\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 22, 0, to_peer()), -EINVAL);
	lab_deltas(&l, "IpOutDiscards 2");
	lab_close(&l);
}

static void neither_errors_nor_shutdown_stop_a_raw_socket(void **state)
{
	struct lab l = lab_open();
	int fd = raw_socket(&l, 200);
	uint8_t q[28], buf[10];

	(void)state;
	assert_int_equal(ho_sock_connect(l.s, fd, to_peer()), 0);
	assert_int_equal(ho_sock_send(l.s, fd, "12345678", 8, 0), 8);
	memcpy(q, lab_out(&l)->bytes, 28);
	lab_in(&l, icmp_make((struct icmp_fields){.type = 3, .code = 2, .data = q, .len = 28}));
	assert_int_equal(ho_sock_poll(l.s, fd), HO_OUT | HO_ERR);
	assert_int_equal(ho_sock_send(l.s, fd, "x", 1, 0), 1);
	assert_int_equal(ho_sock_recv(l.s, fd, buf, sizeof(buf), 0), -ENOPROTOOPT);
	assert_int_equal(ho_sock_shutdown(l.s, fd, HO_SHUT_WR), 0);
	assert_int_equal(ho_sock_send(l.s, fd, "x", 1, 0), 1);
	assert_int_equal(ho_sock_send(l.s, fd, "", 0, 0), 0);
	lab_close(&l);
}

static void a_raw_socket_fills_its_send_buffer_twice(void **state)
{
	static const uint8_t kilo[1000];
	struct lab l = lab_open();
	int fd = raw_socket(&l, 200), sent = 0;
	ptrdiff_t n;

	(void)state;
	set(&l, fd, HO_SOL_SOCKET, HO_SO_SNDBUF, 4608); /* 9216; 2304 a packet */
	while ((n = ho_sock_sendto(l.s, fd, kilo, sizeof(kilo), 0, to_peer())) == sizeof(kilo))
		sent++;
	assert_int_equal(n, -ENOBUFS);
	assert_int_equal(sent, 9);
	lab_counted(&l, IpOutDiscards, 1);
	lab_close(&l);
}

static uint64_t raw_with_failures(uint64_t fail_at)
{
	struct lab l = lab_open(.fail_at = fail_at);
	uint8_t big[1400] = {0x45}, buf[100];
	uint64_t calls;
	ptrdiff_t n;
	int fd;

	if (l.s == NULL)
		goto out;
	fd = ho_sock_open(l.s, HO_SOCK_RAW, HO_IPPROTO_RAW);
	assert_true(fd >= 0 || fd == -ENOMEM);
	if (fd >= 0) {
		n = ho_sock_sendto(l.s, fd, big, sizeof(big), 0, to_peer());
		assert_true(n == sizeof(big) || n == -ENOBUFS);
	}
	fd = ho_sock_open(l.s, HO_SOCK_RAW, 200);
	assert_true(fd >= 0 || fd == -ENOMEM);
	if (fd >= 0) {
		n = ho_sock_sendto(l.s, fd, big, 1000, 0, (struct ho_endpoint){HOST, 0});
		assert_true(n == 1000 || n == -ENOBUFS);
		lab_pump(&l);
		n = ho_sock_recv(l.s, fd, buf, sizeof(buf), 0);
		assert_true(n == 100 || n == -EAGAIN);
	}
out:
	calls = l.heap->calls;
	lab_close(&l);
	return calls;
}

static void every_allocation_may_fail(void **state)
{
	(void)state;
	lab_every_allocation_fails(raw_with_failures);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_protocol_is_known_as_long_as_a_socket_has_it),
		cmocka_unit_test(tcp_and_udp_are_overheard_and_still_answered),
		cmocka_unit_test(a_filter_keeps_types_out),
		cmocka_unit_test(bind_and_connect_choose_what_is_heard),
		cmocka_unit_test(a_header_of_the_programs_goes_out_as_it_is),
		cmocka_unit_test(options_of_the_programs_go_out_too),
		cmocka_unit_test(headers_that_are_refused),
		cmocka_unit_test(neither_errors_nor_shutdown_stop_a_raw_socket),
		cmocka_unit_test(a_raw_socket_fills_its_send_buffer_twice),
		cmocka_unit_test(every_allocation_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
