/* SPDX-License-Identifier: MIT
 * Who gets through to a neighbour's host need not ask for it again: TCP's progress, HO_MSG_CONFIRM.  Link 1 is an Ethernet, FAR
 * is on it.  An answer to ARP holds for a millisecond here; then, in use, for 5 seconds more. */
#include <errno.h>

#include "neigh.h"
#include "net_lab.h"
#include "tcp.h"

#define OUR_MAC \
	{ \
		2, 0, 0, 0, 0, 1 \
	}
#define FAR_PORT 80

static const uint8_t our_mac[6] = OUR_MAC, far_mac[6] = {2, 0, 0, 0, 0, 9};

struct far {
	struct lab l;
	int fd;
	uint16_t host_port;
	uint32_t heard; /* the host's numbers: all below */
	uint32_t seq;   /* our next */
	unsigned questions;
};

static void frame_in(struct far *f, uint16_t type, const void *packet, uint32_t bytes)
{
	struct bytes b = {.len = 14 + bytes};

	memcpy(b.at, our_mac, 6);
	memcpy(b.at + 6, far_mac, 6);
	put16(b.at + 12, type);
	memcpy(b.at + 14, packet, bytes);
	net_in(&f->l, 1, b);
}

static void far_answers(struct far *f)
{
	uint8_t p[28] = {0, 1, 8, 0, 6, 4, 0, 2};

	memcpy(p + 8, far_mac, 6);
	put32(p + 14, FAR);
	memcpy(p + 18, our_mac, 6);
	put32(p + 24, OUR_FAR);
	frame_in(f, ETH_P_ARP, p, sizeof(p));
}

static void far_says(struct far *f, uint8_t flags, uint32_t len_bytes)
{
	uint8_t m[64] = {0};
	struct bytes b;

	put16(m, FAR_PORT);
	put16(m + 2, f->host_port);
	put32(m + 4, f->seq);
	put32(m + 8, f->heard);
	m[12] = 0x50;
	m[13] = flags;
	put16(m + 14, 20000);
	sum_store(m + 16, csum_add(csum_pseudo(FAR, OUR_FAR, IP_PROTO_TCP, 20 + len_bytes), csum_partial(m, 20 + len_bytes)));
	b = ip_make((struct ip_fields){.saddr = FAR, .daddr = OUR_FAR, .protocol = IP_PROTO_TCP, .data = m,
	                               .len = (uint16_t)(20 + len_bytes)});
	frame_in(f, ETH_P_IP, b.at, b.len);
	f->seq += len_bytes + (flags & TCP_SYN ? 1 : 0);
}

/* Takes all that has come out: questions are counted, not answered. */
static void far_hears(struct far *f)
{
	struct bytes b;

	while (net_take(&f->l, 1, &b)) {
		const uint8_t *ip = b.at + 14, *tcp = ip + 20;
		uint32_t end;

		if (get16(b.at + 12) == ETH_P_ARP) {
			f->questions++;
			continue;
		}
		if (ip[9] != IP_PROTO_TCP)
			continue;
		end = get32(tcp + 4) + get16(ip + 2) - 20 - (tcp[12] >> 4) * 4u + (tcp[13] & TCP_SYN ? 1 : 0);
		f->host_port = get16(tcp);
		if ((tcp[13] & TCP_SYN) || (int32_t)(end - f->heard) > 0)
			f->heard = end;
	}
}

static struct far far_open(int type)
{
	struct far f = {.l = router_open((struct lab_options){0},
	                                 (struct ho_link_config){.flags = HO_LINK_ETHERNET, .mac = OUR_MAC})};

	net_sysctl(&f.l, "net.ipv4.neigh.default.base_reachable_time_ms", "1");
	f.fd = ho_sock_open(f.l.s, type, 0);
	assert_true(f.fd >= 0);
	return f;
}

static struct far far_connected(void)
{
	struct far f = far_open(HO_SOCK_STREAM);
	int on = 1;

	assert_int_equal(ho_sock_setopt(f.l.s, f.fd, HO_SOL_TCP, HO_TCP_NODELAY, &on, sizeof(on)), 0);
	assert_int_equal(ho_sock_connect(f.l.s, f.fd, (struct ho_endpoint){FAR, FAR_PORT}), -EINPROGRESS);
	far_hears(&f);
	assert_int_equal(f.questions, 1);
	far_answers(&f);
	far_hears(&f);
	far_says(&f, TCP_SYN | TCP_ACK, 0);
	far_hears(&f);
	assert_int_equal(ho_sock_poll(f.l.s, f.fd), HO_OUT);
	f.questions = 0;
	return f;
}

static void host_sends(struct far *f)
{
	assert_int_equal(ho_sock_send(f->l.s, f->fd, "x", 1, 0), 1);
	far_hears(f);
}

static void acknowledged_data_keeps_a_neighbour(void **state)
{
	struct far f = far_connected();

	(void)state;
	for (unsigned s = 1; s <= 30; s++) {
		net_run(&f.l, s * 1000);
		host_sends(&f);
		far_says(&f, TCP_ACK, 0);
	}
	assert_int_equal(f.questions, 0);
	lab_close(&f.l);
}

static void the_news_goes_with_the_next_packet(void **state)
{
	struct far f = far_connected();
	struct ho_neigh n;

	(void)state;
	net_run(&f.l, 2000);
	host_sends(&f);
	net_run(&f.l, 3000);
	far_says(&f, TCP_ACK, 0);
	assert_true(ho_neigh_next(f.l.s, NULL, &n));
	assert_int_equal(n.confirmed_ms, 3000); /* the SYN's acknowledgement */
	net_run(&f.l, 4000);
	host_sends(&f);
	assert_true(ho_neigh_next(f.l.s, NULL, &n));
	assert_int_equal(n.confirmed_ms, 0);
	net_run(&f.l, 4100);
	host_sends(&f); /* told already */
	assert_true(ho_neigh_next(f.l.s, NULL, &n));
	assert_int_equal(n.confirmed_ms, 100);
	lab_close(&f.l);
}

static void data_that_is_not_acknowledged_tells_nothing(void **state)
{
	struct far f = far_connected();

	(void)state;
	for (unsigned s = 1; s <= 8; s++) {
		net_run(&f.l, s * 1000);
		host_sends(&f);
	}
	assert_true(f.questions > 0);
	lab_close(&f.l);
}

static void what_is_received_tells_nothing(void **state)
{
	struct far f = far_connected();
	char c;

	(void)state;
	for (unsigned s = 1; s <= 8; s++) {
		net_run(&f.l, s * 1000);
		far_says(&f, TCP_ACK | TCP_PSH, 1);
		assert_int_equal(ho_sock_recv(f.l.s, f.fd, &c, 1, 0), 1);
		far_hears(&f);
	}
	assert_true(f.questions > 0);
	lab_close(&f.l);
}

static void duplicate_acks_come_of_what_got_through(void **state)
{
	struct far f = far_connected();
	uint32_t una = f.heard;

	(void)state;
	for (unsigned s = 1; s <= 8; s++) {
		net_run(&f.l, s * 1000);
		host_sends(&f);
		f.heard = una; /* but for the first byte */
		far_says(&f, TCP_ACK, 0);
	}
	assert_int_equal(f.questions, 0);
	lab_close(&f.l);
}

/* A handshake from the other side: nothing that is acknowledged by it was in a queue. */
static void a_final_ack_tells_nothing(void **state)
{
	struct far f = far_open(HO_SOCK_STREAM);
	struct ho_neigh n;

	(void)state;
	assert_int_equal(ho_sock_bind(f.l.s, f.fd, (struct ho_endpoint){HO_ADDR_ANY, 9000}), 0);
	assert_int_equal(ho_sock_listen(f.l.s, f.fd, 1), 0);
	f.host_port = 9000;
	far_says(&f, TCP_SYN, 0);
	far_hears(&f);
	far_answers(&f);
	far_hears(&f);
	net_run(&f.l, 500);
	far_says(&f, TCP_ACK, 0);
	f.fd = ho_sock_accept(f.l.s, f.fd, NULL);
	assert_true(f.fd >= 0);
	host_sends(&f);
	assert_true(ho_neigh_next(f.l.s, NULL, &n));
	assert_int_equal(n.confirmed_ms, 500); /* ARP */
	far_says(&f, TCP_ACK, 0);
	host_sends(&f);
	assert_true(ho_neigh_next(f.l.s, NULL, &n));
	assert_int_equal(n.confirmed_ms, 0);
	lab_close(&f.l);
}

/* The questions in 8 s of a datagram each second. */
static unsigned questions_of_datagrams(int flags)
{
	struct far f = far_open(HO_SOCK_DGRAM);
	struct ho_endpoint to = {FAR, 53};

	for (unsigned s = 0; s <= 8; s++) {
		net_run(&f.l, s * 1000);
		assert_int_equal(ho_sock_sendto(f.l.s, f.fd, "x", 1, flags, to), 1);
		far_hears(&f);
		if (s == 0) {
			far_answers(&f);
			far_hears(&f);
			f.questions = 0;
		}
	}
	lab_close(&f.l);
	return f.questions;
}

static void a_program_may_say_that_answers_come(void **state)
{
	(void)state;
	assert_int_equal(questions_of_datagrams(HO_MSG_CONFIRM), 0);
	assert_true(questions_of_datagrams(0) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(acknowledged_data_keeps_a_neighbour),
		cmocka_unit_test(the_news_goes_with_the_next_packet),
		cmocka_unit_test(data_that_is_not_acknowledged_tells_nothing),
		cmocka_unit_test(what_is_received_tells_nothing),
		cmocka_unit_test(duplicate_acks_come_of_what_got_through),
		cmocka_unit_test(a_final_ack_tells_nothing),
		cmocka_unit_test(a_program_may_say_that_answers_come),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
