/* SPDX-License-Identifier: MIT
 * Ping and raw ICMP sockets, held against Linux 6.18 (oracle: ping, icmp_out_types). */
#include "lab.h"

#define ECHO_BYTES 64
#define SENT "IpOutRequests 1 IpOutTransmits 1 IcmpOutMsgs 1 "

static const uint8_t echo[ECHO_BYTES] = {8, 0, 0, 0, 0x12, 0x34, 0, 1, 'd', 'a', 't', 'a'};

static int ping_socket(struct lab *l)
{
	int fd = ho_sock_open(l->s, HO_SOCK_DGRAM, HO_IPPROTO_ICMP);

	assert_true(fd >= 0);
	return fd;
}

static int raw_socket(struct lab *l)
{
	int fd = ho_sock_open(l->s, HO_SOCK_RAW, HO_IPPROTO_ICMP);

	assert_true(fd >= 0);
	return fd;
}

static struct ho_endpoint to_peer(void)
{
	return (struct ho_endpoint){PEER_ADDR, 0};
}

static void reply_in(struct lab *l, uint32_t id_seq)
{
	lab_in(l, icmp_make((struct icmp_fields){.type = 0, .rest = id_seq, .len = 56}));
}

static void a_ping_counts_as_on_linux(void **state)
{
	struct lab l = lab_open();
	int fd = ping_socket(&l);
	uint8_t buf[200];
	struct packet *p;
	uint16_t ident;
	struct ho_endpoint name, from;

	(void)state;
	assert_int_equal(ho_sock_sendto(l.s, fd, echo, ECHO_BYTES, 0, to_peer()), ECHO_BYTES);
	lab_deltas(&l, SENT "IcmpOutEchos 1 IcmpMsgOutType8 1 IpExtOutOctets 84");
	p = lab_out(&l);
	assert_int_equal(p->len, 84);
	assert_int_equal(get16(p->bytes + 6), 0x4000);
	assert_int_equal(csum_fold(csum_partial(p->bytes + 20, 64)), 0);
	ident = get16(p->bytes + 24);
	assert_int_equal(ho_sock_name(l.s, fd, &name), 0);
	assert_int_equal(name.port, ident);
	assert_int_equal(get16(p->bytes + 26), 1);

	reply_in(&l, (uint32_t)ident << 16 | 1);
	lab_deltas(&l, "IpInReceives 1 IpInDelivers 1 IcmpInMsgs 1 IcmpInEchoReps 1 IcmpMsgInType0 1 IpExtInOctets 84 "
	               "IpExtInNoECTPkts 1");
	assert_int_equal(ho_sock_inq(l.s, fd), 64);
	assert_int_equal(ho_sock_recvfrom(l.s, fd, buf, sizeof(buf), 0, &from), 64);
	assert_int_equal(from.addr, PEER_ADDR);
	assert_int_equal(buf[0], 0);
	assert_int_equal(get16(buf + 4), ident);
	assert_int_equal(ho_sock_recv(l.s, fd, buf, sizeof(buf), 0), -EAGAIN);
	lab_close(&l);
}

static void a_raw_ping_counts_as_on_linux(void **state)
{
	struct lab l = lab_open();
	int fd = raw_socket(&l);
	uint8_t buf[200];
	struct packet *p;

	(void)state;
	assert_int_equal(ho_sock_sendto(l.s, fd, echo, ECHO_BYTES, 0, to_peer()), ECHO_BYTES);
	lab_deltas(&l, SENT "IcmpOutEchos 1 IcmpMsgOutType8 1 IpExtOutOctets 84");
	p = lab_out(&l);
	assert_memory_equal(p->bytes + 20, echo, ECHO_BYTES); /* as the program wrote it, checksum included */
	reply_in(&l, 0x12340001);
	lab_deltas(&l, "IpInReceives 1 IpInDelivers 1 IcmpInMsgs 1 IcmpInEchoReps 1 IcmpMsgInType0 1 IpExtInOctets 84 "
	               "IpExtInNoECTPkts 1");
	assert_int_equal(ho_sock_recv(l.s, fd, buf, sizeof(buf), 0), 84);
	assert_int_equal(buf[0], 0x45);
	assert_int_equal(get32(buf + 12), PEER_ADDR);
	lab_close(&l);
}

static void the_pinged_host_counts_as_on_linux(void **state)
{
	struct lab l = lab_open();

	(void)state;
	lab_in(&l, icmp_make((struct icmp_fields){.type = 8, .rest = 0x00010001, .len = 56}));
	lab_deltas(&l, "IpInReceives 1 IpInDelivers 1 " SENT
	               "IcmpInMsgs 1 IcmpInEchos 1 IcmpOutEchoReps 1 IcmpMsgInType8 1 "
	               "IcmpMsgOutType0 1 IpExtInOctets 84 IpExtOutOctets 84 IpExtInNoECTPkts 1");
	lab_close(&l);
}

static void raw_sockets_send_every_type(void **state)
{
	static const struct {
		uint8_t type;
		const char *name;
	} types[] = {
		{0, "IcmpOutEchoReps"},      {3, "IcmpOutDestUnreachs"},   {4, "IcmpOutSrcQuenchs"},
		{5, "IcmpOutRedirects"},     {8, "IcmpOutEchos"},          {11, "IcmpOutTimeExcds"},
		{12, "IcmpOutParmProbs"},    {13, "IcmpOutTimestamps"},    {17, "IcmpOutAddrMasks"},
		{18, "IcmpOutAddrMaskReps"}, {14, "IcmpOutTimestampReps"},
	};
	struct lab l = lab_open();
	int fd = raw_socket(&l);
	char expected[200];

	(void)state;
	for (unsigned i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		uint8_t m[12] = {types[i].type};

		assert_int_equal(ho_sock_sendto(l.s, fd, m, sizeof(m), 0, to_peer()), 12);
		snprintf(expected, sizeof(expected), SENT "%s 1 IcmpMsgOutType%u 1 IpExtOutOctets 32", types[i].name,
		         types[i].type);
		lab_deltas(&l, expected);
	}
	assert_int_equal(ho_sock_sendto(l.s, fd, "\x64\0\0\0\0\0\0\0", 8, 0, to_peer()), 8);
	lab_deltas(&l, SENT "IcmpMsgOutType100 1 IpExtOutOctets 28");
	lab_close(&l);
}

static void a_raw_socket_hears_everything_and_a_ping_socket_its_own(void **state)
{
	struct lab l = lab_open();
	int raw = raw_socket(&l), ping = ping_socket(&l), other = ping_socket(&l);
	uint8_t buf[200];

	(void)state;
	assert_int_equal(ho_sock_bind(l.s, ping, (struct ho_endpoint){HO_ADDR_ANY, 77}), 0);
	assert_int_equal(ho_sock_bind(l.s, other, (struct ho_endpoint){HOST, 78}), 0);
	reply_in(&l, 77 << 16);
	lab_in(&l, icmp_make((struct icmp_fields){.type = 8}));
	lab_in(&l, icmp_make((struct icmp_fields){.type = 3, .bad = true}));
	lab_in(&l, udp_make((struct udp_fields){.data = "x", .len = 1}));
	assert_int_equal(ho_sock_recv(l.s, ping, buf, sizeof(buf), 0), 64);
	assert_int_equal(ho_sock_recv(l.s, ping, buf, sizeof(buf), 0), -EAGAIN);
	assert_int_equal(ho_sock_recv(l.s, other, buf, sizeof(buf), 0), -EAGAIN);
	for (int i = 0; i < 3; i++)
		assert_true(ho_sock_recv(l.s, raw, buf, sizeof(buf), 0) > 0);
	assert_int_equal(ho_sock_recv(l.s, raw, buf, sizeof(buf), 0), -EAGAIN);
	lab_close(&l);
}

static void a_connected_raw_socket_hears_its_peer_only(void **state)
{
	struct lab l = lab_open();
	int fd = raw_socket(&l);
	uint8_t buf[100];

	(void)state;
	assert_int_equal(ho_sock_connect(l.s, fd, (struct ho_endpoint){HO_ADDR(198, 18, 0, 9), 0}), 0);
	reply_in(&l, 1);
	assert_int_equal(ho_sock_recv(l.s, fd, buf, sizeof(buf), 0), -EAGAIN);
	lab_close(&l);
}

static void we_can_ping_ourselves(void **state)
{
	struct lab l = lab_open();
	int fd = ping_socket(&l);
	uint8_t buf[100];
	struct ho_endpoint from;

	(void)state;
	assert_int_equal(ho_sock_sendto(l.s, fd, echo, ECHO_BYTES, 0, (struct ho_endpoint){HO_ADDR_LOOPBACK, 0}),
	                 ECHO_BYTES);
	assert_int_equal(ho_stack_deadline(l.s), ho_stack_now(l.s));
	lab_nothing(&l);
	lab_deltas(&l,
	           "IpInReceives 2 IpInDelivers 2 IpOutRequests 2 IpOutTransmits 2 IcmpInMsgs 2 IcmpInEchos 1 "
	           "IcmpInEchoReps 1 IcmpOutMsgs 2 IcmpOutEchos 1 IcmpOutEchoReps 1 IcmpMsgInType0 1 IcmpMsgInType8 1 "
	           "IcmpMsgOutType0 1 IcmpMsgOutType8 1 IpExtInOctets 168 IpExtOutOctets 168 IpExtInNoECTPkts 2");
	assert_int_equal(ho_sock_recvfrom(l.s, fd, buf, sizeof(buf), 0, &from), ECHO_BYTES);
	assert_int_equal(from.addr, HO_ADDR_LOOPBACK);
	/* our own address; and 0.0.0.0, which is ourselves */
	assert_int_equal(ho_sock_sendto(l.s, fd, echo, ECHO_BYTES, 0, (struct ho_endpoint){HOST, 0}), ECHO_BYTES);
	assert_int_equal(ho_sock_sendto(l.s, fd, echo, ECHO_BYTES, 0, (struct ho_endpoint){HO_ADDR_ANY, 0}),
	                 ECHO_BYTES);
	lab_nothing(&l);
	assert_int_equal(ho_sock_recvfrom(l.s, fd, buf, sizeof(buf), 0, &from), ECHO_BYTES);
	assert_int_equal(from.addr, HOST);
	assert_int_equal(ho_sock_recvfrom(l.s, fd, buf, sizeof(buf), 0, &from), ECHO_BYTES);
	assert_int_equal(from.addr, HO_ADDR_LOOPBACK);
	lab_close(&l);
}

static void a_multicast_that_we_have_joined_comes_back(void **state)
{
	struct lab l = lab_open();
	int fd = raw_socket(&l);

	(void)state;
	assert_int_equal(
		ho_sock_sendto(l.s, fd, "\x09\0\xf6\xff\0\0\0\0", 8, 0, (struct ho_endpoint){HO_ADDR(224, 0, 0, 1), 0}),
		8);
	lab_out(&l);
	lab_nothing(&l);
	lab_deltas(
		&l, SENT
		"IpInReceives 1 IpInDelivers 1 IcmpInMsgs 1 IcmpInErrors 1 IcmpMsgInType9 1 IcmpMsgOutType9 1 "
		"IpExtInMcastPkts 1 IpExtInMcastOctets 28 IpExtOutMcastPkts 1 IpExtOutMcastOctets 28 IpExtInOctets 28 "
		"IpExtOutOctets 28 IpExtInNoECTPkts 1");
	ho_sock_sendto(l.s, fd, "\x09\0\xf6\xff\0\0\0\0", 8, 0, (struct ho_endpoint){HO_ADDR(224, 9, 9, 9), 0});
	lab_deltas(&l, SENT "IcmpMsgOutType9 1 IpExtOutMcastPkts 1 IpExtOutMcastOctets 28 IpExtOutOctets 28");
	lab_close(&l);
}

static void the_memory_of_a_packet_is_that_of_linux(void **state)
{
	static const struct {
		uint16_t len;
		uint32_t bytes;
	} sizes[] = {{0, 832}, {92, 832}, {492, 1280}, {992, 2304}, {1392, 2304}};
	struct lab l = lab_open();

	(void)state;
	for (int i = 0; i < 5; i++) {
		int fd = raw_socket(&l);
		struct ho_sock_info info;

		lab_in(&l, icmp_make((struct icmp_fields){.type = 0, .len = sizes[i].len}));
		ho_sock_info_get(l.s, fd, &info);
		assert_int_equal(info.rmem_alloc, sizes[i].bytes);
		ho_sock_close(l.s, fd);
	}
	lab_close(&l);
}

static void what_a_ping_socket_refuses(void **state)
{
	struct lab l = lab_open();
	int fd = ping_socket(&l);
	uint8_t big[1600] = {8};
	struct ho_endpoint name;

	(void)state;
	assert_int_equal(ho_sock_send(l.s, fd, echo, 8, 0), -EDESTADDRREQ);
	assert_int_equal(ho_sock_sendto(l.s, fd, echo, 7, 0, to_peer()), -EINVAL);
	assert_int_equal(ho_sock_sendto(l.s, fd, "\0\0\0\0\0\0\0\0", 8, 0, to_peer()), -EINVAL);
	assert_int_equal(ho_sock_sendto(l.s, fd, "\x08\1\0\0\0\0\0\0", 8, 0, to_peer()), -EINVAL);
	assert_int_equal(ho_sock_setopt(l.s, fd, HO_SOL_IP, HO_IP_MTU_DISCOVER, &(int){HO_IP_PMTUDISC_DO}, sizeof(int)), 0);
	assert_int_equal(ho_sock_sendto(l.s, fd, big, 1481, 0, to_peer()), -EMSGSIZE);
	assert_int_equal(ho_sock_sendto(l.s, fd, big, 1480, 0, to_peer()), 1480);
	assert_int_equal(ho_sock_sendto(l.s, fd, echo, 8, 0, (struct ho_endpoint){HO_ADDR(198, 18, 0, 255), 0}),
	                 -EACCES);
	assert_int_equal(ho_sock_listen(l.s, fd, 1), -EOPNOTSUPP);
	assert_int_equal(ho_sock_accept(l.s, fd, NULL), -EOPNOTSUPP);
	assert_int_equal(ho_sock_bind(l.s, fd, (struct ho_endpoint){HO_ADDR(1, 2, 3, 4), 0}), -EADDRNOTAVAIL);
	assert_int_equal(ho_sock_shutdown(l.s, fd, HO_SHUT_WR), -ENOTCONN);
	assert_int_equal(ho_sock_recv(l.s, fd, big, 10, HO_MSG_OOB), -EOPNOTSUPP);
	assert_int_equal(ho_sock_connect(l.s, fd, (struct ho_endpoint){HO_ADDR(198, 18, 0, 255), 0}), -EACCES);
	assert_int_equal(ho_sock_connect(l.s, fd, to_peer()), 0);
	assert_int_equal(ho_sock_connect(l.s, fd, to_peer()), 0);
	assert_int_equal(ho_sock_peer(l.s, fd, &name), -ENOTCONN); /* no port, no peer */
	assert_int_equal(ho_sock_shutdown(l.s, fd, HO_SHUT_WR), 0);
	lab_mark(&l);
	assert_int_equal(ho_sock_send(l.s, fd, echo, 8, 0), -EPIPE);
	lab_deltas(&l, "IpOutDiscards 1");
	assert_int_equal(ho_sock_shutdown(l.s, fd, HO_SHUT_RD), 0);
	assert_int_equal(ho_sock_recv(l.s, fd, big, 10, 0), -EAGAIN);
	assert_int_equal(ho_sock_shutdown(l.s, fd, 7), -EINVAL);
	fd = raw_socket(&l);
	assert_int_equal(ho_sock_sendto(l.s, fd, echo, 0, 0, to_peer()), -EFAULT);
	assert_int_equal(ho_sock_connect(l.s, fd, (struct ho_endpoint){PEER_ADDR, 7}), 0);
	assert_int_equal(ho_sock_peer(l.s, fd, &name), 0);
	assert_int_equal(name.port, 7);
	ho_sock_name(l.s, fd, &name);
	assert_int_equal(name.port, 1); /* the protocol */
	lab_close(&l);
}

static void without_a_route_a_ping_counts_and_a_raw_socket_does_not(void **state)
{
	struct lab l = lab_open(.no_default_route = true);
	int ping = ping_socket(&l), raw = raw_socket(&l);
	struct ho_endpoint far_away = {HO_ADDR(192, 0, 2, 8), 0};

	(void)state;
	assert_int_equal(ho_sock_sendto(l.s, raw, echo, 8, 0, far_away), -ENETUNREACH);
	lab_deltas(&l, "");
	assert_int_equal(ho_sock_sendto(l.s, ping, echo, 8, 0, far_away), -ENETUNREACH);
	lab_deltas(&l, "IpOutNoRoutes 1");
	assert_int_equal(ho_sock_connect(l.s, raw, far_away), -ENETUNREACH);
	lab_deltas(&l, "IpOutNoRoutes 1");
	lab_close(&l);
}

static void identifiers_are_unique_unless_shared_by_both(void **state)
{
	struct lab l = lab_open();
	int a = ping_socket(&l), b = ping_socket(&l), one = 1;

	(void)state;
	assert_int_equal(ho_sock_bind(l.s, a, (struct ho_endpoint){HO_ADDR_ANY, 5}), 0);
	assert_int_equal(ho_sock_bind(l.s, a, (struct ho_endpoint){HO_ADDR_ANY, 6}), -EINVAL);
	assert_int_equal(ho_sock_bind(l.s, b, (struct ho_endpoint){HO_ADDR_ANY, 5}), -EADDRINUSE);
	ho_sock_setopt(l.s, a, HO_SOL_SOCKET, HO_SO_REUSEADDR, &one, sizeof(one));
	ho_sock_setopt(l.s, b, HO_SOL_SOCKET, HO_SO_REUSEADDR, &one, sizeof(one));
	assert_int_equal(ho_sock_bind(l.s, b, (struct ho_endpoint){HO_ADDR_ANY, 5}), 0);
	lab_close(&l);
}

static void a_full_queue_drops_for_that_socket_alone(void **state)
{
	struct lab l = lab_open();
	int small = raw_socket(&l), large = raw_socket(&l), bytes = 2304;
	uint32_t mem[9];
	size_t len = sizeof(mem);
	uint8_t buf[2000];
	int got = 0;

	(void)state;
	ho_sock_setopt(l.s, small, HO_SOL_SOCKET, HO_SO_RCVBUF, &bytes, sizeof(bytes));
	for (int i = 0; i < 20; i++)
		lab_in(&l, icmp_make((struct icmp_fields){.type = 0, .len = 1370}));
	lab_deltas(
		&l,
		"IpInReceives 20 IpInDelivers 20 IcmpInMsgs 20 IcmpInEchoReps 20 IcmpMsgInType0 20 IpExtInOctets 27960 "
		"IpExtInNoECTPkts 20");
	while (ho_sock_recv(l.s, large, buf, sizeof(buf), 0) == 1398)
		got++;
	assert_int_equal(got, 20);
	assert_int_equal(ho_sock_getopt(l.s, small, HO_SOL_SOCKET, HO_SO_MEMINFO, mem, &len), 0);
	assert_int_equal(len, sizeof(mem));
	assert_int_equal(mem[1], 4608);
	assert_int_equal(mem[0], 2 * 2304);
	assert_int_equal(mem[8], 18);
	lab_close(&l);
}

static void peek_and_trunc_as_on_linux(void **state)
{
	struct lab l = lab_open();
	int fd = raw_socket(&l);
	uint8_t buf[10];

	(void)state;
	reply_in(&l, 1);
	assert_int_equal(ho_sock_recv(l.s, fd, buf, 10, HO_MSG_PEEK), 10);
	assert_int_equal(ho_sock_recv(l.s, fd, buf, 10, HO_MSG_PEEK | HO_MSG_TRUNC), 84);
	assert_int_equal(ho_sock_recv(l.s, fd, buf, 10, 0), 10);
	assert_int_equal(ho_sock_recv(l.s, fd, buf, 10, 0), -EAGAIN);
	lab_close(&l);
}

static void a_hard_error_reaches_a_connected_socket_once(void **state)
{
	struct lab l = lab_open();
	int connected = ping_socket(&l), loose = ping_socket(&l), err;
	size_t len = sizeof(err);
	struct bytes q;
	struct packet *p;
	uint8_t buf[10];

	(void)state;
	assert_int_equal(ho_sock_connect(l.s, connected, to_peer()), 0);
	assert_int_equal(ho_sock_send(l.s, connected, echo, 8, 0), 8);
	p = lab_out(&l);
	memcpy(q.at, p->bytes, p->len);
	lab_in(&l, icmp_make((struct icmp_fields){.type = 3, .code = 1, .data = q.at, .len = 28})); /* may pass */
	assert_int_equal(ho_sock_poll(l.s, connected), HO_OUT);
	lab_in(&l, icmp_make((struct icmp_fields){.type = 3, .code = 3, .data = q.at, .len = 28}));
	assert_int_equal(ho_sock_poll(l.s, connected), HO_OUT | HO_ERR);
	assert_int_equal(ho_sock_recv(l.s, connected, buf, 10, 0), -ECONNREFUSED);
	assert_int_equal(ho_sock_recv(l.s, connected, buf, 10, 0), -EAGAIN);
	lab_in(&l, icmp_make((struct icmp_fields){.type = 12, .code = 0, .data = q.at, .len = 28}));
	assert_int_equal(ho_sock_getopt(l.s, connected, HO_SOL_SOCKET, HO_SO_ERROR, &err, &len), 0);
	assert_int_equal(err, EPROTO);
	assert_int_equal(ho_sock_sendto(l.s, loose, echo, 8, 0, to_peer()), 8);
	p = lab_out(&l);
	memcpy(q.at, p->bytes, p->len);
	lab_in(&l, icmp_make((struct icmp_fields){.type = 3, .code = 3, .data = q.at, .len = 28}));
	assert_int_equal(ho_sock_poll(l.s, loose), HO_OUT);
	lab_counted(&l, IcmpInErrors, 0);
	lab_close(&l);
}

static void tos_and_ttl_go_out(void **state)
{
	struct lab l = lab_open();
	int fd = raw_socket(&l), tos = 0xb9, ttl = 3;
	struct packet *p;

	(void)state;
	assert_int_equal(ho_sock_setopt(l.s, fd, HO_SOL_IP, HO_IP_TOS, &tos, sizeof(tos)), 0);
	assert_int_equal(ho_sock_setopt(l.s, fd, HO_SOL_IP, HO_IP_TTL, &ttl, sizeof(ttl)), 0);
	ho_sock_sendto(l.s, fd, echo, 8, 0, to_peer());
	p = lab_out(&l);
	assert_int_equal(p->bytes[1], 0xb9);
	assert_int_equal(p->bytes[8], 3);
	lab_close(&l);
}

static void a_padded_frame_is_read_without_its_padding(void **state)
{
	struct lab l = lab_open();
	int fd = raw_socket(&l);
	struct bytes b = icmp_make((struct icmp_fields){.type = 0});
	uint8_t buf[100];

	(void)state;
	b.len += 18;
	lab_in(&l, b);
	assert_int_equal(ho_sock_recv(l.s, fd, buf, sizeof(buf), 0), 28);
	lab_close(&l);
}

static uint64_t ping_with_failures(uint64_t fail_at)
{
	struct lab l = lab_open(.fail_at = fail_at);
	uint64_t calls;
	uint8_t big[1000] = {8}, buf[100];
	int fd;

	if (l.s == NULL)
		goto out;
	fd = ho_sock_open(l.s, HO_SOCK_DGRAM, HO_IPPROTO_ICMP);
	assert_true(fd >= 0 || fd == -ENOMEM);
	if (fd >= 0) {
		ptrdiff_t n = ho_sock_sendto(l.s, fd, big, sizeof(big), 0, (struct ho_endpoint){HOST, 0});

		assert_true(n == sizeof(big) || n == -ENOBUFS);
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
	lab_every_allocation_fails(ping_with_failures);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_ping_counts_as_on_linux),
		cmocka_unit_test(a_raw_ping_counts_as_on_linux),
		cmocka_unit_test(the_pinged_host_counts_as_on_linux),
		cmocka_unit_test(raw_sockets_send_every_type),
		cmocka_unit_test(a_raw_socket_hears_everything_and_a_ping_socket_its_own),
		cmocka_unit_test(a_connected_raw_socket_hears_its_peer_only),
		cmocka_unit_test(we_can_ping_ourselves),
		cmocka_unit_test(a_multicast_that_we_have_joined_comes_back),
		cmocka_unit_test(the_memory_of_a_packet_is_that_of_linux),
		cmocka_unit_test(what_a_ping_socket_refuses),
		cmocka_unit_test(without_a_route_a_ping_counts_and_a_raw_socket_does_not),
		cmocka_unit_test(identifiers_are_unique_unless_shared_by_both),
		cmocka_unit_test(a_full_queue_drops_for_that_socket_alone),
		cmocka_unit_test(peek_and_trunc_as_on_linux),
		cmocka_unit_test(a_hard_error_reaches_a_connected_socket_once),
		cmocka_unit_test(tos_and_ttl_go_out),
		cmocka_unit_test(a_padded_frame_is_read_without_its_padding),
		cmocka_unit_test(every_allocation_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
