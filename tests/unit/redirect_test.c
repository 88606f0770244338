/* SPDX-License-Identifier: MIT
 * Redirects: told to those who go the long way, and followed if the right router says so.  Times and counters as a
 * router of Linux 6.18 showed them. */
#include <errno.h>

#include "net_lab.h"

#define ROUTER PEER_ADDR
#define NEARER HO_ADDR(198, 18, 0, 9)

/* ---- sent ---- */

/* A router whose way to BEYOND leads back onto link 0, where PEER_ADDR is. */
static struct lab roundabout_open(void)
{
	struct lab l = router_open((struct lab_options){0}, (struct ho_link_config){0});

	assert_int_equal(net_route(&l, BEYOND, 32, HO_ROUTE_UNICAST, NEARER, -1), 0);
	lab_mark(&l);
	return l;
}

static struct bytes datagram(uint32_t saddr)
{
	return udp_make((struct udp_fields){.ip = {.saddr = saddr, .daddr = BEYOND}});
}

/* Sends one and takes what comes of it.  Gives  how many redirects there were. */
static int redirects_for(struct lab *l, uint32_t saddr)
{
	struct bytes b;
	int n = 0;

	net_in(l, 0, datagram(saddr));
	while (net_take(l, 0, &b))
		n += b.at[9] == IP_PROTO_ICMP && b.at[20] == 5;
	return n;
}

static void who_takes_the_long_way_on_the_same_link_is_told(void **state)
{
	struct lab l = roundabout_open();
	struct bytes b;

	(void)state;
	net_in(&l, 0, datagram(PEER_ADDR));
	b = net_error(&l, 0, 5, 1);
	assert_int_equal(get32(b.at + 12), HOST);
	assert_int_equal(get32(b.at + 16), PEER_ADDR);
	assert_int_equal(get32(b.at + 24), NEARER);
	assert_int_equal(b.at[28 + 8], 63); /* it quotes the packet as it goes on */
	assert_int_equal(net_out(&l, 0).at[8], 63);
	lab_deltas(&l,
	           "IpInReceives 1 IpExtInNoECTPkts 1 IpForwDatagrams 1 IpOutRequests 1 IpOutTransmits 2 IcmpOutMsgs 1 "
	           "IcmpOutRedirects 1 IcmpMsgOutType5 1 IpExtInOctets 28 IpExtOutOctets 84");
	lab_close(&l);
}

static void who_is_not_on_the_link_itself_is_not_told(void **state)
{
	struct lab l = roundabout_open();

	(void)state;
	assert_int_equal(redirects_for(&l, HO_ADDR(192, 0, 2, 1)), 0);
	assert_int_equal(net_route(&l, HO_ADDR(192, 0, 2, 0), 24, HO_ROUTE_UNICAST, NEARER, -1), 0);
	assert_int_equal(redirects_for(&l, HO_ADDR(192, 0, 2, 1)), 0);
	net_in(&l, 1, datagram(FAR)); /* in here, out there */
	lab_counted(&l, IcmpOutRedirects, 0);
	lab_close(&l);
}

static void send_redirects_off_is_silence(void **state)
{
	struct lab l = roundabout_open();

	(void)state;
	net_sysctl(&l, "net.ipv4.conf.all.send_redirects", "0");
	assert_int_equal(redirects_for(&l, PEER_ADDR), 0);
	net_sysctl(&l, "net.ipv4.conf.all.send_redirects", "1");
	assert_int_equal(redirects_for(&l, PEER_ADDR), 1);
	lab_close(&l);
}

static void without_shared_media_the_router_must_be_of_the_senders_net(void **state)
{
	struct lab l = roundabout_open();

	(void)state;
	assert_int_equal(net_addr(&l, 0, HO_ADDR(192, 0, 2, 2), 24), 0);
	net_sysctl(&l, "net.ipv4.conf.all.shared_media", "0");
	assert_int_equal(redirects_for(&l, HO_ADDR(192, 0, 2, 1)), 0);
	assert_int_equal(redirects_for(&l, PEER_ADDR), 1);
	net_sysctl(&l, "net.ipv4.conf.all.shared_media", "1");
	assert_int_equal(redirects_for(&l, HO_ADDR(192, 0, 2, 1)), 1);
	lab_close(&l);
}

/* The n-th waits 20 ms << n; after 9 there are no more until 20.48 s have passed without a packet. */
static void a_sender_that_does_not_listen_hears_it_ever_less_often(void **state)
{
	struct lab l = roundabout_open();
	uint64_t at = 0;

	(void)state;
	assert_int_equal(redirects_for(&l, PEER_ADDR), 1);
	for (unsigned n = 1; n < 9; n++) {
		net_run(&l, at + (20u << n));
		assert_int_equal(redirects_for(&l, PEER_ADDR), 0);
		at += (20u << n) + 1;
		net_run(&l, at);
		assert_int_equal(redirects_for(&l, PEER_ADDR), 1);
	}
	for (int i = 0; i < 5; i++) {
		at += 20000;
		net_run(&l, at);
		assert_int_equal(redirects_for(&l, PEER_ADDR), 0);
	}
	net_run(&l, at + 20481);
	assert_int_equal(redirects_for(&l, PEER_ADDR), 1);
	lab_close(&l);
}

/* ---- received ---- */

struct host {
	struct lab l;
	int fd;
	uint32_t seq; /* of our SYN */
	uint16_t port;
};

/* A host whose way to BEYOND is ROUTER, with a connection to there that waits for its SYN+ACK. */
static struct host host_open(void)
{
	struct host h;
	struct bytes syn;

	h.l = net_open((struct lab_options){0}, (struct ho_link_config){.mtu = 1500});
	assert_int_equal(net_route(&h.l, 0, 0, HO_ROUTE_UNICAST, ROUTER, -1), 0);
	h.fd = ho_sock_open(h.l.s, HO_SOCK_STREAM, 0);
	assert_true(h.fd >= 0);
	assert_int_equal(ho_sock_connect(h.l.s, h.fd, (struct ho_endpoint){BEYOND, 80}), -EINPROGRESS);
	syn = net_out(&h.l, 0);
	h.port = get16(syn.at + 20);
	h.seq = get32(syn.at + 24);
	lab_mark(&h.l);
	return h;
}

static void host_close(struct host *h)
{
	ho_sock_close(h->l.s, h->fd);
	lab_close(&h->l);
}

static void redirect_in(struct host *h, uint32_t from, uint32_t to, uint8_t code, uint32_t seq)
{
	struct bytes quoted =
		ip_make((struct ip_fields){.saddr = HOST, .daddr = BEYOND, .protocol = IP_PROTO_TCP, .len = 8});

	put16(quoted.at + 20, h->port);
	put16(quoted.at + 22, 80);
	put32(quoted.at + 24, seq);
	net_in(&h->l, 0,
	       icmp_make((struct icmp_fields){
		       .ip = {.saddr = from}, .type = 5, .code = code, .rest = to, .data = quoted.at, .len = 28}));
}

static uint32_t next_hop(struct host *h)
{
	const struct way *way;

	assert_int_equal(ip_way(h->l.s, BEYOND, &way), 0);
	return way->next_hop;
}

static void a_redirect_of_the_router_in_use_is_followed_for_300_seconds(void **state)
{
	struct host h = host_open();

	(void)state;
	redirect_in(&h, ROUTER, NEARER, 1, h.seq);
	lab_deltas(&h.l,
	           "IpInReceives 1 IpExtInNoECTPkts 1 IpInDelivers 1 IcmpInMsgs 1 IcmpInRedirects 1 IcmpMsgInType5 1 "
	           "IpExtInOctets 56");
	assert_int_equal(next_hop(&h), NEARER);
	ho_stack_at(h.l.s, LAB_BIRTH_NS + 299999 * HO_MS);
	assert_int_equal(next_hop(&h), NEARER);
	ho_stack_at(h.l.s, LAB_BIRTH_NS + 300000 * HO_MS);
	assert_int_equal(next_hop(&h), ROUTER);
	host_close(&h);
}

static void the_new_router_may_redirect_again_and_the_old_one_no_more(void **state)
{
	struct host h = host_open();

	(void)state;
	redirect_in(&h, ROUTER, NEARER, 0, h.seq);
	redirect_in(&h, ROUTER, NEARER + 1, 1, h.seq);
	assert_int_equal(next_hop(&h), NEARER);
	redirect_in(&h, NEARER, NEARER + 2, 1, h.seq);
	assert_int_equal(next_hop(&h), NEARER + 2);
	host_close(&h);
}

static void redirects_that_cannot_be_right_change_nothing(void **state)
{
	struct host h = host_open();

	(void)state;
	redirect_in(&h, HO_ADDR(198, 18, 0, 5), NEARER, 1, h.seq); /* not the router in use */
	redirect_in(&h, ROUTER, ROUTER, 1, h.seq);
	redirect_in(&h, ROUTER, HOST, 1, h.seq);
	redirect_in(&h, ROUTER, OUR_FAR, 1, h.seq);
	redirect_in(&h, ROUTER, HO_ADDR(198, 18, 0, 255), 1, h.seq);
	redirect_in(&h, ROUTER, HO_ADDR(224, 0, 0, 1), 1, h.seq);
	redirect_in(&h, ROUTER, 0, 1, h.seq);
	redirect_in(&h, ROUTER, UINT32_MAX, 1, h.seq);
	redirect_in(&h, ROUTER, NEARER, 4, h.seq);
	assert_int_equal(next_hop(&h), ROUTER);
	lab_counted(&h.l, IcmpInRedirects, 9);
	lab_counted(&h.l, IcmpInErrors, 0);
	redirect_in(&h, ROUTER, NEARER, 1, h.seq + 100); /* not about what is on its way */
	lab_counted(&h.l, TcpExtOutOfWindowIcmps, 1);
	h.port++;
	redirect_in(&h, ROUTER, NEARER, 1, h.seq); /* nobody's */
	lab_counted(&h.l, IcmpInErrors, 1);
	assert_int_equal(next_hop(&h), ROUTER);
	host_close(&h);
}

static void accept_redirects_off_and_forwarding_refuse(void **state)
{
	struct host h = host_open();

	(void)state;
	net_sysctl(&h.l, "net.ipv4.conf.all.accept_redirects", "0");
	redirect_in(&h, ROUTER, NEARER, 1, h.seq);
	assert_int_equal(next_hop(&h), ROUTER);
	net_sysctl(&h.l, "net.ipv4.conf.all.accept_redirects", "1");
	net_sysctl(&h.l, "net.ipv4.ip_forward", "1");
	redirect_in(&h, ROUTER, NEARER, 1, h.seq);
	assert_int_equal(next_hop(&h), ROUTER);
	host_close(&h);
}

static void without_shared_media_the_new_router_is_on_the_link_and_a_default_one(void **state)
{
	struct host h = host_open();
	struct ho_route second = {.link = -1, .gateway = NEARER, .metric = 10};

	(void)state;
	net_sysctl(&h.l, "net.ipv4.conf.all.shared_media", "0");
	redirect_in(&h, ROUTER, HO_ADDR(192, 0, 2, 1), 1, h.seq);
	redirect_in(&h, ROUTER, NEARER, 1, h.seq);
	assert_int_equal(next_hop(&h), ROUTER);
	assert_int_equal(ho_route_add(h.l.s, &second), 0);
	redirect_in(&h, ROUTER, NEARER, 1, h.seq);
	assert_int_equal(next_hop(&h), NEARER);
	net_sysctl(&h.l, "net.ipv4.conf.all.secure_redirects", "0");
	redirect_in(&h, NEARER, HO_ADDR(198, 18, 0, 44), 1, h.seq);
	assert_int_equal(next_hop(&h), HO_ADDR(198, 18, 0, 44));
	host_close(&h);
}

static void a_change_of_the_route_ends_it(void **state)
{
	struct host h = host_open();
	struct ho_route r = {.link = -1, .gateway = HO_ADDR(198, 18, 0, 50)};

	(void)state;
	redirect_in(&h, ROUTER, NEARER, 1, h.seq);
	assert_int_equal(next_hop(&h), NEARER);
	assert_int_equal(ho_route_replace(h.l.s, &r), 0);
	assert_int_equal(next_hop(&h), HO_ADDR(198, 18, 0, 50));
	host_close(&h);
}

static void a_datagram_is_redirected_too(void **state)
{
	struct lab l = net_open((struct lab_options){0}, (struct ho_link_config){.mtu = 1500});
	struct bytes quoted =
		udp_make((struct udp_fields){.ip = {.saddr = HOST, .daddr = BEYOND}, .sport = 5000, .dport = 53});
	int fd = ho_sock_open(l.s, HO_SOCK_DGRAM, 0);
	const struct way *way;

	(void)state;
	assert_int_equal(net_route(&l, 0, 0, HO_ROUTE_UNICAST, ROUTER, -1), 0);
	assert_int_equal(ho_sock_bind(l.s, fd, (struct ho_endpoint){HO_ADDR_ANY, 5000}), 0);
	net_in(&l, 0,
	       icmp_make((struct icmp_fields){.type = 5, .code = 1, .rest = NEARER, .data = quoted.at, .len = 28}));
	assert_int_equal(ip_way(l.s, BEYOND, &way), 0);
	assert_int_equal(way->next_hop, NEARER);
	ho_sock_close(l.s, fd);
	lab_close(&l);
}

static void short_redirects_are_errors(void **state)
{
	struct host h = host_open();

	(void)state;
	net_in(&h.l, 0, icmp_make((struct icmp_fields){.type = 5, .rest = NEARER, .len = 19}));
	lab_counted(&h.l, IcmpInErrors, 1);
	host_close(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_takes_the_long_way_on_the_same_link_is_told),
		cmocka_unit_test(who_is_not_on_the_link_itself_is_not_told),
		cmocka_unit_test(send_redirects_off_is_silence),
		cmocka_unit_test(without_shared_media_the_router_must_be_of_the_senders_net),
		cmocka_unit_test(a_sender_that_does_not_listen_hears_it_ever_less_often),
		cmocka_unit_test(a_redirect_of_the_router_in_use_is_followed_for_300_seconds),
		cmocka_unit_test(the_new_router_may_redirect_again_and_the_old_one_no_more),
		cmocka_unit_test(redirects_that_cannot_be_right_change_nothing),
		cmocka_unit_test(accept_redirects_off_and_forwarding_refuse),
		cmocka_unit_test(without_shared_media_the_new_router_is_on_the_link_and_a_default_one),
		cmocka_unit_test(a_change_of_the_route_ends_it),
		cmocka_unit_test(a_datagram_is_redirected_too),
		cmocka_unit_test(short_redirects_are_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
