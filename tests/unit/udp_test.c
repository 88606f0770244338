/* SPDX-License-Identifier: MIT
 * UDP sockets, held against Linux 6.18 (oracle: udp_counters; the rest asked of a kernel with the same calls). */
#include "udp_lab.h"

/* ---- in ---- */

static void a_datagram_counts_as_received_when_it_is_read(void **state)
{
	struct lab l = lab_open();
	int fd = bound(&l, HO_ADDR_ANY, PORT);
	struct ho_msg_info info;
	char buf[10];

	(void)state;
	lab_in(&l, udp_make((struct udp_fields){.ip = {.tos = 0x2c, .ttl = 7}, .dport = PORT, .data = "hello", .len = 5}));
	lab_deltas(&l, HEARD "IpExtInOctets 33 IpExtInNoECTPkts 1");
	assert_int_equal(ho_sock_poll(l.s, fd), HO_IN | HO_OUT);
	assert_int_equal(ho_sock_inq(l.s, fd), 5);
	assert_int_equal(ho_sock_recv_msg(l.s, fd, buf, sizeof(buf), HO_MSG_PEEK, &info), 5);
	lab_deltas(&l, "");
	assert_int_equal(ho_sock_recv_msg(l.s, fd, buf, sizeof(buf), 0, &info), 5);
	assert_memory_equal(buf, "hello", 5);
	assert_int_equal(info.from.addr, PEER_ADDR);
	assert_int_equal(info.from.port, 1000);
	assert_int_equal(info.to_addr, HOST);
	assert_int_equal(info.tos, 0x2c);
	assert_int_equal(info.ttl, 7);
	assert_int_equal(info.flags, 0);
	lab_deltas(&l, "UdpInDatagrams 1");
	assert_int_equal(ho_sock_poll(l.s, fd), HO_OUT);
	lab_close(&l);
}

static void what_does_not_fit_is_cut_off(void **state)
{
	struct lab l = lab_open();
	int fd = bound(&l, HO_ADDR_ANY, PORT);
	struct ho_msg_info info;
	char buf[4];

	(void)state;
	in(&l, PORT, "hello");
	in(&l, PORT, "hello");
	in(&l, PORT, "");
	assert_int_equal(ho_sock_recv_msg(l.s, fd, buf, 4, 0, &info), 4);
	assert_int_equal(info.flags, HO_MSG_TRUNC);
	assert_int_equal(ho_sock_recv(l.s, fd, buf, 4, HO_MSG_TRUNC), 5);
	assert_int_equal(ho_sock_inq(l.s, fd), 0);
	assert_int_equal(ho_sock_recv(l.s, fd, buf, 4, 0), 0); /* an empty datagram is one */
	assert_int_equal(ho_sock_recv(l.s, fd, buf, 4, 0), -EAGAIN);
	lab_close(&l);
}

static void bytes_behind_the_length_are_nobodys(void **state)
{
	struct lab l = lab_open();
	int fd = bound(&l, HO_ADDR_ANY, PORT);
	struct bytes b = udp_make((struct udp_fields){.dport = PORT, .data = "hello", .len = 5, .no_sum = true});

	(void)state;
	put16(b.at + 24, 10); /* 2 bytes of payload */
	lab_in(&l, b);
	hears(&l, fd, "he");
	lab_close(&l);
}

static void a_damaged_short_one_is_dropped_at_once_a_long_one_when_it_is_read(void **state)
{
	static const uint8_t zeros[100];
	struct lab l = lab_open();
	int fd = bound(&l, HO_ADDR_ANY, PORT);
	char buf[200];

	(void)state;
	lab_in(&l, udp_make((struct udp_fields){.dport = PORT, .data = "x", .len = 1, .bad = true}));
	lab_deltas(&l, HEARD "UdpInErrors 1 UdpInCsumErrors 1 IpExtInOctets 29 IpExtInNoECTPkts 1");
	lab_in(&l, udp_make((struct udp_fields){.dport = PORT, .data = zeros, .len = 100, .bad = true}));
	lab_deltas(&l, HEARD "IpExtInOctets 128 IpExtInNoECTPkts 1");
	in(&l, PORT, "good");
	lab_mark(&l);
	assert_int_equal(ho_sock_inq(l.s, fd), 4);
	assert_int_equal(ho_sock_recv(l.s, fd, buf, sizeof(buf), HO_MSG_PEEK), 4);
	lab_deltas(&l, "UdpInErrors 1 UdpInCsumErrors 1");
	assert_int_equal(mem(&l, fd, DROPS), 1);
	assert_int_equal(ho_sock_recv(l.s, fd, buf, sizeof(buf), 0), 4);
	lab_in(&l, udp_make((struct udp_fields){.dport = PORT, .data = zeros, .len = 100, .bad = true}));
	lab_mark(&l);
	assert_int_equal(ho_sock_recv(l.s, fd, buf, sizeof(buf), 0), -EAGAIN);
	lab_deltas(&l, "UdpInErrors 1 UdpInCsumErrors 1");
	lab_close(&l);
}

static void a_checksum_of_0_is_none(void **state)
{
	struct lab l = lab_open();
	int fd = bound(&l, HO_ADDR_ANY, PORT);

	(void)state;
	lab_in(&l, udp_make((struct udp_fields){.dport = PORT, .data = "x", .len = 1, .no_sum = true}));
	lab_deltas(&l, HEARD "IpExtInOctets 29 IpExtInNoECTPkts 1");
	hears(&l, fd, "x");
	lab_close(&l);
}

static void a_long_datagram_to_nobody_is_summed_before_it_is_answered(void **state)
{
	static const uint8_t zeros[100];
	struct lab l = lab_open();

	(void)state;
	lab_in(&l, udp_make((struct udp_fields){.data = zeros, .len = 100, .bad = true}));
	lab_deltas(&l, HEARD "UdpInErrors 1 UdpInCsumErrors 1 IpExtInOctets 128 IpExtInNoECTPkts 1");
	lab_nothing(&l);
	lab_close(&l);
}

static void a_full_receive_buffer_counts(void **state)
{
	static const uint8_t zeros[1000];
	struct lab l = lab_open();
	int fd = bound(&l, HO_ADDR_ANY, PORT);

	(void)state;
	in(&l, PORT, "x");
	set(&l, fd, HO_SOL_SOCKET, HO_SO_RCVBUF, 2304);
	lab_mark(&l);
	for (int i = 0; i < 20; i++)
		lab_in(&l, udp_make((struct udp_fields){.dport = PORT, .data = zeros, .len = 1000}));
	lab_deltas(&l, "IpInReceives 20 IpInDelivers 20 UdpInErrors 19 UdpRcvbufErrors 19 IpExtInOctets 20560 "
	               "IpExtInNoECTPkts 20");
	assert_int_equal(mem(&l, fd, DROPS), 19);
	lab_close(&l);
}

static void an_empty_queue_takes_a_datagram_of_any_size(void **state)
{
	static const uint8_t zeros[1400];
	struct lab l = lab_open();
	int fd = bound(&l, HO_ADDR_ANY, PORT);

	(void)state;
	set(&l, fd, HO_SOL_SOCKET, HO_SO_RCVBUF, 1); /* Linux's smallest: 2304 */
	in(&l, PORT, "x");
	lab_in(&l, udp_make((struct udp_fields){.dport = PORT, .data = zeros, .len = 1400}));
	lab_counted(&l, UdpRcvbufErrors, 1);
	hears(&l, fd, "x");
	lab_in(&l, udp_make((struct udp_fields){.dport = PORT, .data = zeros, .len = 1400}));
	lab_counted(&l, UdpRcvbufErrors, 1);
	assert_int_equal(mem(&l, fd, RMEM), 2304);
	lab_close(&l);
}

/* Numbers of a kernel. */
static void memory_that_was_read_is_given_back_late(void **state)
{
	static const uint32_t after_read[] = {9152, 9152, 6656, 6656, 6656, 4160, 4160, 4160, 1664};
	struct lab l = lab_open();
	int fd = bound(&l, HO_ADDR_ANY, PORT);

	(void)state;
	for (int i = 0; i < 4; i++)
		in(&l, PORT, "x");
	assert_int_equal(mem(&l, fd, RMEM), 4 * SMALL);
	assert_int_equal(mem(&l, fd, FORWARD), 768);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(mem(&l, fd, RMEM), 4 * SMALL);
		hears(&l, fd, "x");
	}
	assert_int_equal(mem(&l, fd, RMEM), 0);
	assert_int_equal(mem(&l, fd, FORWARD), 4096);
	set(&l, fd, HO_SOL_SOCKET, HO_SO_RCVBUF, 4608);
	lab_mark(&l);
	for (int i = 0; i < 12; i++)
		in(&l, PORT, "x");
	lab_counted(&l, UdpRcvbufErrors, 1);
	assert_int_equal(mem(&l, fd, FORWARD), 3136);
	for (int i = 0; i < 9; i++) {
		hears(&l, fd, "x");
		assert_int_equal(mem(&l, fd, RMEM), after_read[i]);
	}
	lab_close(&l);
}

static void all_of_udp_has_a_limit(void **state)
{
	struct lab l = lab_open();
	int a = bound(&l, HO_ADDR_ANY, PORT), b = bound(&l, HO_ADDR_ANY, PORT + 1);
	struct ho_memory m;

	(void)state;
	assert_int_equal(ho_sysctl_set(l.s, "net.ipv4.udp_mem", "2 2 3"), 0);
	for (int i = 0; i < 12; i++)
		in(&l, PORT, "x"); /* 9 fill two pages; the 10th is over the limit, and the socket is not poor */
	lab_counted(&l, UdpMemErrors, 3);
	lab_counted(&l, UdpInErrors, 3);
	lab_counted(&l, UdpRcvbufErrors, 0);
	assert_int_equal(mem(&l, a, DROPS), 3);
	in(&l, PORT + 1, "x"); /* this one has less than udp_rmem_min */
	lab_counted(&l, UdpMemErrors, 3);
	ho_stack_memory(l.s, &m);
	assert_int_equal(m.udp_pages, 3);
	assert_int_equal(m.udp_ports, 2);
	assert_int_equal(ho_sock_close(l.s, a), 0);
	assert_int_equal(ho_sock_close(l.s, b), 0);
	ho_stack_memory(l.s, &m);
	assert_int_equal(m.udp_pages, 0);
	assert_int_equal(m.udp_ports, 0);
	lab_close(&l);
}

/* ---- out ---- */

static void a_datagram_goes_out_as_linux_sends_it(void **state)
{
	struct lab l = lab_open();
	int fd = bound(&l, HO_ADDR_ANY, PORT);
	struct packet *p;

	(void)state;
	assert_int_equal(ho_sock_sendto(l.s, fd, "hello", 5, 0, peer(9)), 5);
	lab_deltas(&l, SENT "IpExtOutOctets 33");
	p = lab_out(&l);
	assert_int_equal(p->len, 33);
	assert_int_equal(get16(p->bytes + 6), 0x4000);
	assert_int_equal(p->bytes[8], 64);
	assert_int_equal(get16(p->bytes + 20), PORT);
	assert_int_equal(get16(p->bytes + 22), 9);
	assert_int_equal(get16(p->bytes + 24), 13);
	assert_int_equal(csum_fold(csum_add(csum_pseudo(HOST, PEER_ADDR, IP_PROTO_UDP, 13), csum_partial(p->bytes + 20, 13))),
	                 0);
	assert_memory_equal(p->bytes + 28, "hello", 5);
	set(&l, fd, HO_SOL_SOCKET, HO_SO_NO_CHECK, 1);
	assert_int_equal(get(&l, fd, HO_SOL_SOCKET, HO_SO_NO_CHECK), 1);
	ho_sock_sendto(l.s, fd, "hello", 5, 0, peer(9));
	p = lab_out(&l);
	assert_int_equal(get16(p->bytes + 26), 0);
	lab_close(&l);
}

static void identifications_are_random_then_consecutive_and_0_where_nobody_cuts(void **state)
{
	struct lab l = lab_open();
	int fd = udp_socket(&l);
	uint16_t id;

	(void)state;
	assert_int_equal(ho_sock_connect(l.s, fd, peer(9)), 0);
	ho_sock_send(l.s, fd, "x", 1, 0);
	id = get16(lab_out(&l)->bytes + 4);
	ho_sock_send(l.s, fd, "x", 1, 0);
	assert_int_equal(get16(lab_out(&l)->bytes + 4), (uint16_t)(id + 1));
	ho_sock_disconnect(l.s, fd);
	set(&l, fd, HO_SOL_IP, HO_IP_MTU_DISCOVER, HO_IP_PMTUDISC_DO);
	ho_sock_sendto(l.s, fd, "x", 1, 0, peer(9));
	assert_int_equal(get16(lab_out(&l)->bytes + 4), 0);
	set(&l, fd, HO_SOL_IP, HO_IP_MTU_DISCOVER, HO_IP_PMTUDISC_DONT);
	ho_sock_sendto(l.s, fd, "x", 1, 0, peer(9));
	assert_int_equal(get16(lab_out(&l)->bytes + 6), 0);
	lab_close(&l);
}

static void a_link_that_sums_gets_the_sum_of_the_pseudo_header(void **state)
{
	struct lab l = lab_open(.link_flags = HO_LINK_TX_CSUM);
	int fd = bound(&l, HO_ADDR_ANY, PORT);
	struct packet *p;

	(void)state;
	ho_sock_sendto(l.s, fd, "hello", 5, 0, peer(9));
	p = lab_out(&l);
	assert_int_equal(p->csum, HO_CSUM_PARTIAL);
	assert_int_equal(csum_fold(csum_add(csum_pseudo(HOST, PEER_ADDR, IP_PROTO_UDP, 13), csum_partial(p->bytes + 20, 13))),
	                 0);
	lab_close(&l);
}

static void what_a_send_is_refused_for(void **state)
{
	static const uint8_t big[65536];
	struct lab l = lab_open(.no_default_route = true);
	int fd = udp_socket(&l);
	struct ho_endpoint name;

	(void)state;
	assert_int_equal(ho_sock_sendto(l.s, fd, "x", 1, 0, peer(0)), -EINVAL);
	ho_sock_name(l.s, fd, &name);
	assert_true(name.port != 0); /* a port it has nevertheless */
	assert_int_equal(ho_sock_sendto(l.s, fd, "x", 1, 0, (struct ho_endpoint){BROADCAST, 9}), -EACCES);
	assert_int_equal(ho_sock_sendto(l.s, fd, "x", 1, HO_MSG_OOB, peer(9)), -EOPNOTSUPP);
	assert_int_equal(ho_sock_sendto(l.s, fd, "x", 1, HO_MSG_MORE, peer(9)), -EOPNOTSUPP);
	assert_int_equal(ho_sock_sendto(l.s, fd, "x", 1, HO_MSG_DONTROUTE, peer(9)), -EOPNOTSUPP);
	assert_int_equal(ho_sock_sendto(l.s, fd, big, 65536, 0, peer(9)), -EMSGSIZE);
	assert_int_equal(ho_sock_sendto(l.s, fd, big, 65508, 0, peer(9)), -EMSGSIZE);
	lab_deltas(&l, "");
	assert_int_equal(ho_sock_sendto(l.s, fd, "x", 1, 0, (struct ho_endpoint){HO_ADDR(192, 0, 2, 1), 9}), -ENETUNREACH);
	assert_int_equal(ho_sock_connect(l.s, fd, (struct ho_endpoint){HO_ADDR(192, 0, 2, 1), 9}), -ENETUNREACH);
	lab_deltas(&l, "IpOutNoRoutes 2");
	assert_int_equal(ho_sock_shutdown(l.s, fd, HO_SHUT_WR), -ENOTCONN); /* and yet */
	assert_int_equal(ho_sock_sendto(l.s, fd, "x", 1, 0, peer(9)), -EPIPE);
	lab_deltas(&l, "IpOutDiscards 1");
	assert_int_equal(ho_sock_shutdown(l.s, fd, HO_SHUT_RD), -ENOTCONN);
	assert_int_equal(ho_sock_poll(l.s, fd), HO_IN | HO_OUT | HO_RDHUP | HO_HUP);
	assert_int_equal(ho_sock_listen(l.s, fd, 1), -EOPNOTSUPP);
	assert_int_equal(ho_sock_accept(l.s, fd, NULL), -EOPNOTSUPP);
	lab_close(&l);
}

static void broadcasts_need_so_broadcast_and_come_back(void **state)
{
	struct lab l = lab_open();
	int fd = bound(&l, HO_ADDR_ANY, PORT);
	struct packet *p;

	(void)state;
	set(&l, fd, HO_SOL_SOCKET, HO_SO_BROADCAST, 1);
	assert_int_equal(ho_sock_sendto(l.s, fd, "hello", 5, 0, (struct ho_endpoint){BROADCAST, 9}), 5);
	lab_out(&l);
	lab_nothing(&l);
	lab_deltas(&l, SENT HEARD "UdpIgnoredMulti 1 IpExtInBcastPkts 1 IpExtOutBcastPkts 1 IpExtInOctets 33 "
	                          "IpExtOutOctets 33 IpExtInBcastOctets 33 IpExtOutBcastOctets 33 IpExtInNoECTPkts 1");
	assert_int_equal(ho_sock_sendto(l.s, fd, "hello", 5, 0, (struct ho_endpoint){ALL_HOSTS, PORT}), 5);
	p = lab_out(&l);
	assert_int_equal(p->bytes[8], 1); /* not beyond the first router */
	lab_nothing(&l);
	hears(&l, fd, "hello");
	set(&l, fd, HO_SOL_IP, HO_IP_MULTICAST_LOOP, 0);
	set(&l, fd, HO_SOL_IP, HO_IP_MULTICAST_TTL, 9);
	assert_int_equal(ho_sock_sendto(l.s, fd, "hello", 5, 0, (struct ho_endpoint){ALL_HOSTS, PORT}), 5);
	assert_int_equal(lab_out(&l)->bytes[8], 9);
	lab_nothing(&l);
	hears(&l, fd, NULL);
	lab_close(&l);
}

static void a_full_send_buffer_counts_and_says_when_there_is_room(void **state)
{
	static const uint8_t kilo[1000];
	struct lab l = lab_open();
	int fd = udp_socket(&l), sent = 0;
	struct ho_event e;
	ptrdiff_t n;

	(void)state;
	set(&l, fd, HO_SOL_SOCKET, HO_SO_SNDBUF, 4608);
	while ((n = ho_sock_sendto(l.s, fd, kilo, sizeof(kilo), 0, peer(9))) == sizeof(kilo))
		sent++;
	assert_int_equal(n, -EAGAIN);
	assert_int_equal(sent, 4); /* of 2304 each */
	lab_counted(&l, UdpSndbufErrors, 1);
	lab_counted(&l, IpOutDiscards, 1);
	assert_int_equal(ho_sock_poll(l.s, fd), 0);
	while (ho_stack_event(l.s, &e))
		;
	lab_out(&l); /* takes all */
	assert_true(ho_stack_event(l.s, &e));
	assert_int_equal(e.mask, HO_OUT);
	assert_false(ho_stack_event(l.s, &e));
	for (int i = 0; i < 2; i++) /* half of it is enough to be no longer ready, without a refusal */
		assert_int_equal(ho_sock_sendto(l.s, fd, kilo, sizeof(kilo), 0, peer(9)), sizeof(kilo));
	assert_int_equal(ho_sock_poll(l.s, fd), 0);
	lab_pump(&l);
	assert_true(ho_stack_event(l.s, &e));
	assert_int_equal(ho_sock_sendto(l.s, fd, kilo, sizeof(kilo), 0, peer(9)), sizeof(kilo));
	lab_close(&l);
}

static void what_a_full_link_loses_is_told_to_those_who_asked(void **state)
{
	struct lab l = lab_open(.out_queue_max = 1);
	int fd = udp_socket(&l);

	(void)state;
	assert_int_equal(ho_sock_sendto(l.s, fd, "x", 1, 0, peer(9)), 1);
	lab_deltas(&l, SENT "IpExtOutOctets 29");
	assert_int_equal(ho_sock_sendto(l.s, fd, "x", 1, 0, peer(9)), 1);
	lab_deltas(&l, "IpOutRequests 1 IpOutTransmits 1 IpOutDiscards 1 UdpSndbufErrors 1 IpExtOutOctets 29");
	set(&l, fd, HO_SOL_IP, HO_IP_RECVERR, 1);
	assert_int_equal(ho_sock_sendto(l.s, fd, "x", 1, 0, peer(9)), -ENOBUFS);
	lab_deltas(&l, "IpOutRequests 1 IpOutTransmits 1 IpOutDiscards 1 UdpSndbufErrors 1 IpExtOutOctets 29");
	lab_close(&l);
}

static void a_rule_may_forbid_it(void **state)
{
	struct lab l = lab_open();
	int fd = udp_socket(&l);

	(void)state;
	assert_int_equal(ho_rule_add(l.s, &(struct ho_rule){.hook = HO_HOOK_OUTPUT, .protocol = IP_PROTO_UDP, .dport = {true, 9, 9}}), 0);
	assert_int_equal(ho_sock_sendto(l.s, fd, "x", 1, 0, peer(9)), -EPERM);
	lab_deltas(&l, "IpOutRequests 1 IpOutDiscards 1");
	lab_close(&l);
}

static void we_can_talk_to_ourselves(void **state)
{
	static uint8_t big[65507];
	struct lab l = lab_open();
	int a = bound(&l, HO_ADDR_ANY, PORT), b = udp_socket(&l);
	struct ho_endpoint from;

	(void)state;
	for (uint32_t i = 0; i < sizeof(big); i++)
		big[i] = (uint8_t)(i * 31 + (i >> 8));
	assert_int_equal(ho_sock_sendto(l.s, b, big, sizeof(big), 0, (struct ho_endpoint){HO_ADDR_ANY, PORT}), 65507);
	lab_nothing(&l);
	memset(big, 0, 100);
	assert_int_equal(ho_sock_recvfrom(l.s, a, big, sizeof(big), 0, &from), 65507);
	for (uint32_t i = 0; i < 100; i++)
		assert_int_equal(big[i], (uint8_t)(i * 31));
	assert_int_equal(from.addr, HO_ADDR_LOOPBACK);
	lab_close(&l);
}

static uint64_t talk_with_failures(uint64_t fail_at)
{
	struct lab l = lab_open(.fail_at = fail_at);
	uint8_t big[3000] = {8}, buf[100];
	uint64_t calls;
	int fd, err;
	ptrdiff_t n;

	if (l.s == NULL)
		goto out;
	fd = ho_sock_open(l.s, HO_SOCK_DGRAM, 0);
	assert_true(fd >= 0 || fd == -ENOMEM);
	if (fd < 0)
		goto out;
	err = ho_sock_bind(l.s, fd, (struct ho_endpoint){HO_ADDR_ANY, PORT});
	assert_true(err == 0 || err == -ENOMEM);
	n = ho_sock_sendto(l.s, fd, big, sizeof(big), 0, (struct ho_endpoint){HOST, PORT});
	assert_true(n == sizeof(big) || n == -ENOBUFS || n == -EAGAIN);
	lab_pump(&l);
	in(&l, PORT, "x");
	lab_pump(&l);
	n = ho_sock_recv(l.s, fd, buf, sizeof(buf), 0);
	assert_true(n == sizeof(buf) || n == 1 || n == -EAGAIN);
	if (n == -EAGAIN)
		assert_int_equal(mem(&l, fd, RMEM), 0);
out:
	calls = l.heap->calls;
	lab_close(&l);
	return calls;
}

static void every_allocation_may_fail(void **state)
{
	(void)state;
	lab_every_allocation_fails(talk_with_failures);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_datagram_counts_as_received_when_it_is_read),
		cmocka_unit_test(what_does_not_fit_is_cut_off),
		cmocka_unit_test(bytes_behind_the_length_are_nobodys),
		cmocka_unit_test(a_damaged_short_one_is_dropped_at_once_a_long_one_when_it_is_read),
		cmocka_unit_test(a_checksum_of_0_is_none),
		cmocka_unit_test(a_long_datagram_to_nobody_is_summed_before_it_is_answered),
		cmocka_unit_test(a_full_receive_buffer_counts),
		cmocka_unit_test(an_empty_queue_takes_a_datagram_of_any_size),
		cmocka_unit_test(memory_that_was_read_is_given_back_late),
		cmocka_unit_test(all_of_udp_has_a_limit),
		cmocka_unit_test(a_datagram_goes_out_as_linux_sends_it),
		cmocka_unit_test(identifications_are_random_then_consecutive_and_0_where_nobody_cuts),
		cmocka_unit_test(a_link_that_sums_gets_the_sum_of_the_pseudo_header),
		cmocka_unit_test(what_a_send_is_refused_for),
		cmocka_unit_test(broadcasts_need_so_broadcast_and_come_back),
		cmocka_unit_test(a_full_send_buffer_counts_and_says_when_there_is_room),
		cmocka_unit_test(what_a_full_link_loses_is_told_to_those_who_asked),
		cmocka_unit_test(a_rule_may_forbid_it),
		cmocka_unit_test(we_can_talk_to_ourselves),
		cmocka_unit_test(every_allocation_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
