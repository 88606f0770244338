/* SPDX-License-Identifier: MIT
 * Neighbours: asked for, waited for, forgotten.  Link 1 is an Ethernet, where FAR has the address FAR_MAC. */
#include <errno.h>

#include "neigh.h"
#include "net_lab.h"

#define OUR_MAC \
	{ \
		2, 0, 0, 0, 0, 1 \
	}
#define NOBODY HO_ADDR(198, 18, 7, 77)

static const uint8_t our_mac[6] = OUR_MAC, far_mac[6] = {2, 0, 0, 0, 0, 9}, other_mac[6] = {2, 0, 0, 0, 0, 10};
static const uint8_t everybody[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

static struct lab ether_open(uint64_t fail_at)
{
	struct lab l = router_open((struct lab_options){.fail_at = fail_at},
	                           (struct ho_link_config){.flags = HO_LINK_ETHERNET, .mac = OUR_MAC});

	if (l.s != NULL) /* what is random is not what these are about */
		net_sysctl(&l, "net.ipv4.neigh.default.base_reachable_time_ms", "1");
	return l;
}

/* ---- frames ---- */

struct arp_fields {
	uint16_t op;
	uint32_t sip, tip;
	const uint8_t *sha, *tha, *to; /* NULL: zero; to: everybody */
};

static struct bytes arp_make(struct arp_fields f)
{
	struct bytes b = {.len = 42};
	uint8_t *p = b.at + 14;

	memcpy(b.at, f.to != NULL ? f.to : everybody, 6);
	memcpy(b.at + 6, f.sha, 6);
	put16(b.at + 12, 0x0806);
	put16(p, 1);
	put16(p + 2, 0x0800);
	p[4] = 6;
	p[5] = 4;
	put16(p + 6, f.op);
	memcpy(p + 8, f.sha, 6);
	put32(p + 14, f.sip);
	if (f.tha != NULL)
		memcpy(p + 18, f.tha, 6);
	put32(p + 24, f.tip);
	return b;
}

static struct bytes ether_make(const uint8_t *to, const uint8_t *from, struct bytes ip)
{
	struct bytes b = {.len = ip.len + 14};

	memcpy(b.at, to, 6);
	memcpy(b.at + 6, from, 6);
	put16(b.at + 12, 0x0800);
	memcpy(b.at + 14, ip.at, ip.len);
	return b;
}

static void far_answers(struct lab *l, const uint8_t *mac)
{
	net_in(l, 1,
	       arp_make((struct arp_fields){
		       .op = 2, .sip = FAR, .tip = OUR_FAR, .sha = mac, .tha = our_mac, .to = our_mac}));
}

static struct bytes datagram(uint32_t daddr)
{
	return udp_make((struct udp_fields){.ip = {.daddr = daddr}, .len = 10});
}

static void expect_question(struct lab *l, uint32_t addr, const uint8_t *to)
{
	struct bytes b = net_out(l, 1);

	assert_memory_equal(
		b.at, arp_make((struct arp_fields){.op = 1, .sip = OUR_FAR, .tip = addr, .sha = our_mac, .to = to}).at,
		42);
	assert_int_equal(b.len, 42);
}

static void expect_packet(struct lab *l, const uint8_t *to)
{
	struct bytes b = net_out(l, 1);

	assert_memory_equal(b.at, to, 6);
	assert_memory_equal(b.at + 6, our_mac, 6);
	assert_int_equal(get16(b.at + 12), 0x0800);
	assert_true(ip_sum_is_right(b.at + 14));
	assert_int_equal(b.len, 14u + get16(b.at + 16));
}

static uint8_t state_of(struct lab *l, uint32_t addr)
{
	struct ho_neigh n;

	for (bool more = ho_neigh_next(l->s, NULL, &n); more; more = ho_neigh_next(l->s, &n, &n))
		if (n.addr == addr)
			return n.state;
	return 0;
}

/* ---- asking ---- */

static void a_packet_waits_until_its_next_hop_has_answered(void **state)
{
	struct lab l = ether_open(0);

	(void)state;
	net_in(&l, 0, datagram(FAR));
	expect_question(&l, FAR, NULL);
	net_nothing(&l);
	assert_int_equal(state_of(&l, FAR), HO_NEIGH_INCOMPLETE);
	net_in(&l, 0, datagram(FAR));
	net_nothing(&l);
	far_answers(&l, far_mac);
	assert_int_equal(state_of(&l, FAR), HO_NEIGH_REACHABLE);
	expect_packet(&l, far_mac);
	expect_packet(&l, far_mac);
	net_in(&l, 0, datagram(FAR));
	expect_packet(&l, far_mac);
	net_nothing(&l);
	lab_close(&l);
}

static void the_gateway_is_asked_for_and_not_the_destination(void **state)
{
	struct lab l = ether_open(0);

	(void)state;
	assert_int_equal(net_route(&l, BEYOND, 32, HO_ROUTE_UNICAST, FAR, -1), 0);
	net_in(&l, 0, datagram(BEYOND));
	expect_question(&l, FAR, NULL);
	far_answers(&l, far_mac);
	expect_packet(&l, far_mac);
	lab_close(&l);
}

static void a_syn_that_waits_for_its_neighbour_is_not_sent_again(void **state)
{
	struct lab l = ether_open(0);
	int fd = ho_sock_open(l.s, HO_SOCK_STREAM, 0);

	(void)state;
	assert_int_equal(ho_sock_connect(l.s, fd, (struct ho_endpoint){FAR, 80}), -EINPROGRESS);
	expect_question(&l, FAR, NULL);
	net_run(&l, 1500);
	expect_question(&l, FAR, NULL);
	net_nothing(&l);
	assert_int_equal(lab_moved(&l, HO_TcpExtTCPTimeouts), 1);
	assert_int_equal(lab_moved(&l, HO_TcpExtTCPSpuriousRtxHostQueues), 1);
	assert_int_equal(lab_moved(&l, HO_TcpRetransSegs), 0);
	assert_int_equal(lab_moved(&l, HO_TcpExtTCPSynRetrans), 0);
	far_answers(&l, far_mac);
	expect_packet(&l, far_mac);
	net_nothing(&l);
	net_run(&l, 2500);
	expect_packet(&l, far_mac);
	assert_int_equal(lab_moved(&l, HO_TcpRetransSegs), 1);
	lab_close(&l);
}

static void nobody_answers_three_questions_and_all_senders_are_told(void **state)
{
	struct lab l = ether_open(0);

	(void)state;
	lab_mark(&l);
	for (int i = 0; i < 3; i++)
		net_in(&l, 0, datagram(NOBODY));
	for (uint64_t ms = 0; ms < 3000; ms += 1000) {
		net_run(&l, ms + 999);
		expect_question(&l, NOBODY, NULL);
		net_nothing(&l);
	}
	net_run(&l, 3000);
	for (int i = 0; i < 3; i++)
		assert_int_equal(get32(net_error(&l, 0, 3, 1).at + 16), PEER_ADDR);
	net_nothing(&l);
	assert_int_equal(state_of(&l, NOBODY), HO_NEIGH_FAILED);
	lab_deltas(&l,
	           "IpInReceives 3 IpExtInNoECTPkts 3 IpForwDatagrams 3 IpOutRequests 3 IpOutTransmits 6 IcmpOutMsgs 3 "
	           "IcmpOutDestUnreachs 3 IcmpMsgOutType3 3 IpExtInOctets 114 IpExtOutOctets 312");
	net_in(&l, 0, datagram(NOBODY)); /* once more */
	expect_question(&l, NOBODY, NULL);
	lab_close(&l);
}

static void a_connection_to_nobody_ends_with_no_route_to_host(void **state)
{
	struct lab l = ether_open(0);
	int fd = ho_sock_open(l.s, HO_SOCK_STREAM, 0);

	(void)state;
	lab_mark(&l);
	assert_int_equal(ho_sock_connect(l.s, fd, (struct ho_endpoint){NOBODY, 80}), -EINPROGRESS);
	net_run(&l, 2999);
	lab_counted(&l, TcpRetransSegs, 0);
	assert_int_equal(ho_sock_poll(l.s, fd) & HO_ERR, 0);
	net_run(&l, 3000);
	assert_int_equal(ho_sock_poll(l.s, fd) & HO_ERR, HO_ERR);
	assert_int_equal(ho_sock_connect(l.s, fd, (struct ho_endpoint){NOBODY, 80}), -EHOSTUNREACH);
	lab_counted(&l, TcpAttemptFails, 1);
	lab_counted(&l, IcmpOutDestUnreachs, 1); /* one SYN waited: it was not repeated while it did */
	lab_counted(&l, IcmpInDestUnreachs, 1);
	ho_sock_close(l.s, fd);
	lab_close(&l);
}

static void what_waits_is_limited_and_the_oldest_gives_way(void **state)
{
	struct lab l = ether_open(0);
	struct ho_neigh n;

	(void)state;
	net_sysctl(&l, "net.ipv4.neigh.default.unres_qlen_bytes", "2500"); /* three small ones of 768 */
	for (uint8_t i = 1; i <= 5; i++)
		net_in(&l, 0, udp_make((struct udp_fields){.ip = {.daddr = FAR, .tos = (uint8_t)(i << 2)}}));
	assert_true(ho_neigh_next(l.s, NULL, &n));
	assert_int_equal(n.waiting, 3);
	expect_question(&l, FAR, NULL);
	far_answers(&l, far_mac);
	for (uint8_t i = 3; i <= 5; i++)
		assert_int_equal(net_out(&l, 1).at[15], i << 2);
	net_nothing(&l);
	lab_close(&l);
}

/* ---- ages ---- */

static void a_neighbour_without_news_is_asked_by_itself_when_it_is_used(void **state)
{
	struct lab l = ether_open(0);

	(void)state;
	net_in(&l, 0, datagram(FAR));
	far_answers(&l, far_mac);
	net_out(&l, 1);
	net_out(&l, 1);
	net_run(&l, 20); /* used within 5 s: not STALE, but DELAY */
	assert_int_equal(state_of(&l, FAR), HO_NEIGH_DELAY);
	net_run(&l, 5100);
	assert_int_equal(state_of(&l, FAR), HO_NEIGH_PROBE);
	expect_question(&l, FAR, far_mac);
	far_answers(&l, far_mac);
	assert_int_equal(state_of(&l, FAR), HO_NEIGH_REACHABLE);
	net_run(&l, 5300);
	assert_int_equal(state_of(&l, FAR), HO_NEIGH_STALE);
	net_in(&l, 0, datagram(FAR));
	expect_packet(&l, far_mac);
	assert_int_equal(state_of(&l, FAR), HO_NEIGH_DELAY);
	net_run(&l, 10299);
	net_nothing(&l);
	net_run(&l, 12299);
	for (int i = 0; i < 2; i++)
		expect_question(&l, FAR, far_mac);
	net_in(&l, 0, datagram(FAR)); /* while it is asked, packets go */
	expect_packet(&l, far_mac);
	net_run(&l, 13400);
	expect_question(&l, FAR, far_mac);
	assert_int_equal(state_of(&l, FAR), HO_NEIGH_FAILED);
	net_nothing(&l);
	lab_close(&l);
}

/* base_reachable_time 30 s: between 15 and 45 s, drawn anew each 5 minutes. */
static void reachable_lasts_half_to_one_and_a_half_times_the_base(void **state)
{
	bool differs = false;
	uint64_t first = 0;

	(void)state;
	for (uint8_t secret = 0; secret < 8; secret++) {
		struct lab l = router_open((struct lab_options){.secret = secret},
		                           (struct ho_link_config){.flags = HO_LINK_ETHERNET, .mac = OUR_MAC});
		uint64_t ms = 0;

		net_in(&l, 0, datagram(FAR));
		far_answers(&l, far_mac);
		while (state_of(&l, FAR) == HO_NEIGH_REACHABLE)
			net_run(&l, ms += 100);
		assert_true(ms >= 15000 && ms <= 45100);
		differs |= first != 0 && ms != first;
		first = ms;
		lab_close(&l);
	}
	assert_true(differs);
}

/* ---- being asked ---- */

static void who_asks_for_us_is_answered_and_becomes_a_neighbour(void **state)
{
	struct lab l = ether_open(0);
	struct bytes b;

	(void)state;
	net_in(&l, 1, arp_make((struct arp_fields){.op = 1, .sip = FAR, .tip = OUR_FAR, .sha = far_mac}));
	b = net_out(&l, 1);
	assert_memory_equal(
		b.at,
		arp_make((struct arp_fields){
				 .op = 2, .sip = OUR_FAR, .tip = FAR, .sha = our_mac, .tha = far_mac, .to = far_mac})
			.at,
		42);
	assert_int_equal(state_of(&l, FAR), HO_NEIGH_STALE);
	net_in(&l, 0, datagram(FAR)); /* no question needed */
	expect_packet(&l, far_mac);
	lab_close(&l);
}

static void any_address_of_ours_is_answered_for_on_any_link(void **state)
{
	struct lab l = ether_open(0);

	(void)state;
	net_in(&l, 1, arp_make((struct arp_fields){.op = 1, .sip = FAR, .tip = HOST, .sha = far_mac}));
	assert_int_equal(get32(net_out(&l, 1).at + 14 + 14), HOST);
	net_in(&l, 1, arp_make((struct arp_fields){.op = 1, .sip = FAR, .tip = NOBODY, .sha = far_mac}));
	net_nothing(&l);
	lab_close(&l);
}

static void whether_our_address_is_free_is_answered_to_who_has_none(void **state)
{
	struct lab l = ether_open(0);
	struct bytes b;

	(void)state;
	net_in(&l, 1, arp_make((struct arp_fields){.op = 1, .sip = 0, .tip = OUR_FAR, .sha = far_mac}));
	b = net_out(&l, 1);
	assert_int_equal(get16(b.at + 20), 2);
	assert_int_equal(get32(b.at + 38), 0);
	assert_false(ho_neigh_next(l.s, NULL, &(struct ho_neigh){0}));
	net_in(&l, 1, arp_make((struct arp_fields){.op = 1, .sip = 0, .tip = NOBODY, .sha = far_mac}));
	net_nothing(&l);
	lab_close(&l);
}

static void who_claims_our_address_is_not_answered_and_not_kept(void **state)
{
	struct lab l = ether_open(0);

	(void)state;
	net_in(&l, 1, arp_make((struct arp_fields){.op = 1, .sip = OUR_FAR, .tip = OUR_FAR, .sha = far_mac}));
	net_in(&l, 1, arp_make((struct arp_fields){.op = 1, .sip = OUR_FAR, .tip = HOST, .sha = far_mac}));
	net_in(&l, 1, arp_make((struct arp_fields){.op = 1, .sip = FAR, .tip = HO_ADDR(127, 0, 0, 1), .sha = far_mac}));
	net_nothing(&l);
	assert_false(ho_neigh_next(l.s, NULL, &(struct ho_neigh){0}));
	lab_close(&l);
}

static void answers_of_strangers_are_no_news(void **state)
{
	struct lab l = ether_open(0);

	(void)state;
	far_answers(&l, far_mac);
	net_in(&l, 1, arp_make((struct arp_fields){.op = 1, .sip = FAR, .tip = FAR, .sha = far_mac}));
	assert_false(ho_neigh_next(l.s, NULL, &(struct ho_neigh){0}));
	lab_close(&l);
}

static void the_first_of_two_answers_counts_and_a_gratuitous_one_always(void **state)
{
	struct lab l = ether_open(0);
	struct ho_neigh n;

	(void)state;
	net_in(&l, 0, datagram(FAR));
	far_answers(&l, far_mac);
	far_answers(&l, other_mac);
	assert_true(ho_neigh_next(l.s, NULL, &n));
	assert_memory_equal(n.mac, far_mac, 6);
	net_in(&l, 1, arp_make((struct arp_fields){.op = 1, .sip = FAR, .tip = FAR, .sha = other_mac}));
	assert_true(ho_neigh_next(l.s, NULL, &n));
	assert_memory_equal(n.mac, other_mac, 6);
	assert_int_equal(n.state, HO_NEIGH_STALE);
	ho_stack_at(l.s, LAB_BIRTH_NS + 1001 * HO_MS); /* locktime is over */
	far_answers(&l, far_mac);
	assert_true(ho_neigh_next(l.s, NULL, &n));
	assert_memory_equal(n.mac, far_mac, 6);
	assert_int_equal(n.state, HO_NEIGH_REACHABLE);
	lab_close(&l);
}

static void arp_that_is_none_is_dropped(void **state)
{
	static const unsigned fields[] = {14, 15, 16, 18,
	                                  19, 20}; /* kinds of address, their lengths, the high byte of the operation */
	struct lab l = ether_open(0);

	(void)state;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		struct bytes b = arp_make((struct arp_fields){.op = 1, .sip = FAR, .tip = OUR_FAR, .sha = far_mac});

		b.at[fields[i]] ^= 0x40;
		net_in(&l, 1, b);
	}
	for (uint32_t len = 1; len < 42; len++) {
		struct bytes b = arp_make((struct arp_fields){.op = 1, .sip = FAR, .tip = OUR_FAR, .sha = far_mac});

		b.len = len;
		net_in(&l, 1, b);
	}
	net_nothing(&l);
	lab_close(&l);
}

/* ---- frames in ---- */

static void frames_for_other_stations_are_not_looked_at(void **state)
{
	struct lab l = ether_open(0);
	struct bytes ip = icmp_make((struct icmp_fields){.ip = {.saddr = FAR, .daddr = OUR_FAR}, .type = 8});

	(void)state;
	lab_mark(&l);
	net_in(&l, 1, ether_make(other_mac, far_mac, ip));
	lab_deltas(&l, "");
	net_in(&l, 1, ether_make(our_mac, far_mac, ip));
	lab_counted(&l, IcmpInEchos, 1);
	lab_close(&l);
}

/* A frame to everybody with a packet for one is delivered, answered by no ICMP error, and not passed on. */
static void packets_for_one_in_frames_for_all_get_no_further(void **state)
{
	struct lab l = ether_open(0);

	(void)state;
	lab_mark(&l);
	net_in(&l, 1,
	       ether_make(everybody, far_mac, udp_make((struct udp_fields){.ip = {.saddr = FAR, .daddr = OUR_FAR}})));
	lab_deltas(&l, "IpInReceives 1 IpExtInNoECTPkts 1 IpInDelivers 1 UdpNoPorts 1 IpExtInOctets 28");
	net_in(&l, 1,
	       ether_make(everybody, far_mac, udp_make((struct udp_fields){.ip = {.saddr = FAR, .daddr = PEER_ADDR}})));
	lab_deltas(&l, "IpInReceives 1 IpExtInNoECTPkts 1 IpExtInOctets 28");
	net_nothing(&l);
	lab_close(&l);
}

static void a_frame_that_others_hold_too_stays_as_it_is(void **state)
{
	struct lab l = ether_open(0);
	struct bytes b = ether_make(
		our_mac, far_mac, udp_make((struct udp_fields){.ip = {.saddr = FAR, .daddr = PEER_ADDR}, .len = 900}));
	struct ho_frame *f = ho_frame_make(&l.al, b.at, b.len);
	struct bytes out;

	(void)state;
	ho_frame_ref(f);
	ho_stack_input_link(l.s, 1, f, ho_stack_now(l.s));
	assert_int_equal(f->len_bytes, b.len);
	assert_memory_equal(f->slice[0].data, b.at, b.len);
	out = net_out(&l, 0);
	assert_memory_equal(out.at + 20, b.at + 34, b.len - 34);
	assert_int_equal(f->refs, 1);
	ho_frame_unref(f);
	lab_close(&l);
}

static void a_connection_over_ethernet_carries_data(void **state)
{
	struct lab l = ether_open(0);
	struct bytes b;
	int fd = ho_sock_open(l.s, HO_SOCK_DGRAM, HO_IPPROTO_ICMP);
	uint8_t echo[8] = {8};

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(ho_sock_sendto(l.s, fd, echo, sizeof(echo), 0, (struct ho_endpoint){FAR, 0}), 8);
	expect_question(&l, FAR, NULL);
	far_answers(&l, far_mac);
	b = net_out(&l, 1);
	memmove(b.at, b.at + 14, b.len - 14);
	b.at[20] = 0;
	put16(b.at + 22, 0);
	sum_store(b.at + 22, csum_partial(b.at + 20, 8));
	put32(b.at + 12, FAR);
	put32(b.at + 16, OUR_FAR);
	b.len -= 14;
	net_in(&l, 1, ether_make(our_mac, far_mac, b));
	assert_int_equal(ho_sock_poll(l.s, fd) & HO_IN, HO_IN);
	ho_sock_close(l.s, fd);
	lab_close(&l);
}

static void broadcasts_need_no_neighbour(void **state)
{
	struct lab l = ether_open(0);
	const struct way *way;
	struct tx_frame *t;

	(void)state;
	assert_int_equal(ip_way(l.s, HO_ADDR(198, 18, 7, 255), &way), 0);
	t = frame_take(l.s);
	t->f.slice[0].len_bytes = t->f.len_bytes = 28;
	memset(t->head, 0, 28);
	ip_output(l.s, NULL, t, &(struct ip_tx){.saddr = OUR_FAR, .daddr = HO_ADDR(198, 18, 7, 255), .protocol = 200});
	expect_packet(&l, everybody);
	assert_int_equal(net_route(&l, HO_ADDR(224, 0, 0, 0), 4, HO_ROUTE_UNICAST, 0, 1), 0);
	t = frame_take(l.s);
	t->f.slice[0].len_bytes = t->f.len_bytes = 28;
	memset(t->head, 0, 28);
	ip_output(l.s, NULL, t, &(struct ip_tx){.saddr = OUR_FAR, .daddr = HO_ADDR(239, 129, 2, 3), .protocol = 200});
	expect_packet(&l, (const uint8_t[6]){0x01, 0x00, 0x5e, 0x01, 0x02, 0x03});
	assert_false(ho_neigh_next(l.s, NULL, &(struct ho_neigh){0}));
	lab_close(&l);
}

static void a_link_with_neighbours_needs_an_address_and_fills_its_checksums(void **state)
{
	struct lab l = lab_open();
	struct ho_link_config c = {.mtu = 1500, .out_queue_max = 10, .flags = HO_LINK_ETHERNET}, got;

	(void)state;
	assert_int_equal(ho_link_add(l.s, &c), -EINVAL);
	memcpy(c.mac, everybody, 6);
	assert_int_equal(ho_link_add(l.s, &c), -EINVAL);
	memcpy(c.mac, our_mac, 6);
	c.flags |= HO_LINK_TX_CSUM;
	assert_int_equal(ho_link_add(l.s, &c), -EINVAL);
	c.flags = HO_LINK_ETHERNET;
	c.mtu = 65522;
	assert_int_equal(ho_link_add(l.s, &c), -EINVAL);
	c.mtu = 65521;
	assert_int_equal(ho_link_add(l.s, &c), 1);
	assert_int_equal(ho_link_get(l.s, 1, &got), 0);
	assert_memory_equal(got.mac, our_mac, 6);
	lab_close(&l);
}

/* ---- a redirect to a router that is not known yet ---- */

static void a_new_router_is_asked_for_before_it_is_believed(void **state)
{
	struct lab l = ether_open(0);

	(void)state;
	assert_false(neigh_is_known(l.s, 1, FAR));
	expect_question(&l, FAR, NULL);
	far_answers(&l, far_mac);
	assert_true(neigh_is_known(l.s, 1, FAR));
	assert_true(neigh_is_known(l.s, 0, PEER_ADDR)); /* no neighbours there */
	lab_close(&l);
}

/* ---- the table against a model ---- */

#define ADDRS 40u

struct model {
	bool known;
	uint8_t mac[6];
	uint32_t waiting;
};

static uint32_t draw(uint32_t *seed)
{
	*seed = *seed * 1103515245u + 12345u;
	return *seed >> 8;
}

/* Packets, answers and claims in any order: whoever has said where he is gets what was for him, all of it, at the place
 * that he last named; nobody else gets anything. */
static void packets_reach_who_has_answered_and_nobody_else(void **state)
{
	static struct model model[ADDRS];
	struct lab l = ether_open(0);
	uint32_t seed = 3, sent = 0, arrived = 0;
	struct bytes b;

	(void)state;
	memset(model, 0, sizeof(model));
	for (int i = 0; i < 30000; i++) {
		uint32_t k = draw(&seed) % ADDRS, addr = HO_ADDR(198, 18, 7, 100) + k;
		struct model *m = &model[k];
		const uint8_t mac[6] = {2, 1, 0, 0, (uint8_t)k, (uint8_t)(draw(&seed) % 3)};

		switch (draw(&seed) % 8) {
		case 0: /* asks for us: what it says counts */
			net_in(&l, 1, arp_make((struct arp_fields){.op = 1, .sip = addr, .tip = OUR_FAR, .sha = mac}));
			m->known = true;
			memcpy(m->mac, mac, 6);
			assert_int_equal(state_of(&l, addr) != 0, true);
			break;
		case 1: /* says of himself where he is: news only of somebody known or asked for */
			net_in(&l, 1, arp_make((struct arp_fields){.op = 1, .sip = addr, .tip = addr, .sha = mac}));
			if (m->known || m->waiting > 0) {
				m->known = true;
				memcpy(m->mac, mac, 6);
			}
			break;
		default:
			net_in(&l, 0, datagram(addr));
			sent++;
			m->waiting++;
			break;
		}
		while (net_take(&l, 1, &b)) {
			if (get16(b.at + 12) != 0x0800)
				continue;
			k = get32(b.at + 14 + 16) - HO_ADDR(198, 18, 7, 100);
			assert_true(k < ADDRS && model[k].known && model[k].waiting > 0);
			assert_memory_equal(b.at, model[k].mac, 6);
			model[k].waiting--;
			arrived++;
		}
		for (k = 0; k < ADDRS; k++)
			assert_true(!model[k].known || model[k].waiting == 0);
	}
	for (uint32_t k = 0; k < ADDRS; k++)
		sent -= model[k].waiting;
	assert_int_equal(sent, arrived);
	lab_close(&l);
}

static void the_table_is_limited_and_gives_up_what_is_old(void **state)
{
	struct lab l = ether_open(0);
	struct bytes b;

	(void)state;
	net_sysctl(&l, "net.ipv4.neigh.default.gc_thresh1", "4");
	net_sysctl(&l, "net.ipv4.neigh.default.gc_thresh2", "8");
	net_sysctl(&l, "net.ipv4.neigh.default.gc_thresh3", "16");
	lab_mark(&l);
	for (uint32_t i = 0; i < 20; i++)
		net_in(&l, 0, datagram(HO_ADDR(198, 18, 7, 100) + i));
	assert_int_equal(l.s->neighs.table.count, 16); /* all of them are being asked for */
	lab_counted(&l, IpForwDatagrams, 20);
	lab_counted(&l, IpOutDiscards, 0); /* nobody counts what was to be passed on: measured */
	net_run(&l, 4000); /* and have failed */
	for (int i = 0; i < 2; i++)
		while (net_take(&l, i, &b)) {
		}
	net_in(&l, 0, datagram(HO_ADDR(198, 18, 7, 200)));
	expect_question(&l, HO_ADDR(198, 18, 7, 200), NULL);
	assert_int_equal(l.s->neighs.table.count, 1);
	lab_close(&l);
}

/* What follows was measured on Linux 6.18 with a table that had no room. */

static struct lab full_open(void)
{
	struct lab l = ether_open(0);

	net_sysctl(&l, "net.ipv4.neigh.default.gc_thresh3", "0");
	lab_mark(&l);
	return l;
}

static void full_says(struct lab *l, int type, int protocol, bool recverr, const char *bytes, size_t len,
                      ptrdiff_t says, const char *deltas)
{
	const struct ho_endpoint to = {FAR, 9};
	int fd = ho_sock_open(l->s, type, protocol), one = 1;

	assert_true(fd >= 0);
	if (recverr)
		assert_int_equal(ho_sock_setopt(l->s, fd, HO_SOL_IP, HO_IP_RECVERR, &one, sizeof(one)), 0);
	lab_mark(l);
	assert_int_equal(ho_sock_sendto(l->s, fd, bytes, len, 0, to), says);
	lab_deltas(l, deltas);
	net_nothing(l);
	ho_sock_close(l->s, fd);
}

static void a_datagram_for_which_there_is_no_neighbour_is_discarded(void **state)
{
	static const char echo[16] = {8}, large[4000],
		pinged[] = "IpOutRequests 1 IpOutDiscards 1 IpOutTransmits 1 IcmpOutMsgs 1 IcmpOutEchos 1 "
			   "IcmpMsgOutType8 1 IpExtOutOctets 36";
	struct lab l = full_open();

	(void)state;
	full_says(&l, HO_SOCK_DGRAM, 0, false, "x", 1, 1,
	          "IpOutRequests 1 IpOutDiscards 1 IpOutTransmits 1 UdpSndbufErrors 1 IpExtOutOctets 29");
	full_says(&l, HO_SOCK_DGRAM, 0, true, "x", 1, -ENOBUFS,
	          "IpOutRequests 1 IpOutDiscards 1 IpOutTransmits 1 UdpSndbufErrors 1 IpExtOutOctets 29");
	full_says(&l, HO_SOCK_DGRAM, 0, false, large, sizeof(large), sizeof(large),
	          "IpOutRequests 1 IpOutDiscards 1 IpFragFails 1 IpOutTransmits 1 UdpSndbufErrors 1 IpExtOutOctets 1500");
	full_says(&l, HO_SOCK_DGRAM, IP_PROTO_ICMP, false, echo, sizeof(echo), -ENOBUFS,
	          pinged);
	full_says(&l, HO_SOCK_RAW, IP_PROTO_ICMP, false, echo, sizeof(echo), sizeof(echo),
	          pinged);
	full_says(&l, HO_SOCK_RAW, IP_PROTO_ICMP, true, echo, sizeof(echo), -ENOBUFS,
	          pinged);
	lab_close(&l);
}

static void a_packet_passed_on_for_which_there_is_no_neighbour_is_counted_by_nobody(void **state)
{
	struct lab l = full_open();

	(void)state;
	net_in(&l, 0, datagram(FAR));
	net_nothing(&l);
	lab_deltas(&l,
	           "IpInReceives 1 IpForwDatagrams 1 IpOutTransmits 1 IpExtInOctets 38 IpExtOutOctets 38 IpExtInNoECTPkts 1");
	lab_close(&l);
}

static void a_syn_for_which_there_is_no_neighbour_is_sent_again_and_discarded_by_nobody(void **state)
{
	struct lab l = full_open();
	int fd = ho_sock_open(l.s, HO_SOCK_STREAM, 0);

	(void)state;
	assert_int_equal(ho_sock_connect(l.s, fd, (struct ho_endpoint){FAR, 80}), -EINPROGRESS);
	lab_deltas(&l, "IpOutRequests 1 IpOutTransmits 1 TcpActiveOpens 1 TcpOutSegs 1 IpExtOutOctets 60");
	lab_mark(&l);
	net_run(&l, 1999); /* it is no congestion: not tried again after half a second */
	lab_deltas(&l,
	           "IpOutRequests 1 IpOutTransmits 1 TcpRetransSegs 1 TcpExtTCPTimeouts 1 TcpExtTCPRetransFail 1 "
	           "TcpExtTCPSynRetrans 1 TcpExtTcpTimeoutRehash 1 IpExtOutOctets 60");
	net_nothing(&l);
	net_sysctl(&l, "net.ipv4.neigh.default.gc_thresh3", "1024");
	net_run(&l, 2000);
	expect_question(&l, FAR, NULL);
	far_answers(&l, far_mac);
	expect_packet(&l, far_mac);
	lab_close(&l);
}

/* ---- memory ---- */

static uint64_t asks_and_sends(uint64_t fail_at)
{
	struct lab l = ether_open(fail_at);
	uint64_t calls;
	struct bytes b;

	if (l.s == NULL) {
		lab_close(&l);
		return fail_at;
	}
	for (int i = 0; i < 3; i++)
		net_in(&l, 0, datagram(FAR));
	net_in(&l, 0, datagram(NOBODY));
	far_answers(&l, far_mac);
	net_in(&l, 1, arp_make((struct arp_fields){.op = 1, .sip = FAR + 1, .tip = OUR_FAR, .sha = other_mac}));
	net_in(&l, 1,
	       ether_make(our_mac, far_mac,
	                  udp_make((struct udp_fields){.ip = {.saddr = FAR, .daddr = PEER_ADDR}, .len = 500})));
	net_run(&l, 10000);
	for (int i = 0; i < 2; i++)
		while (net_take(&l, i, &b)) {
		}
	calls = l.heap->calls;
	lab_close(&l);
	return calls;
}

static void any_refused_allocation_costs_a_packet_at_most(void **state)
{
	(void)state;
	for (uint64_t n = 1; asks_and_sends(n) >= n; n++)
		assert_true(n < 1000);
}

static void what_still_waits_goes_with_the_stack(void **state)
{
	struct lab l = ether_open(0);

	(void)state;
	net_in(&l, 0, datagram(FAR));
	net_in(&l, 0, datagram(NOBODY));
	lab_close(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_packet_waits_until_its_next_hop_has_answered),
		cmocka_unit_test(the_gateway_is_asked_for_and_not_the_destination),
		cmocka_unit_test(a_syn_that_waits_for_its_neighbour_is_not_sent_again),
		cmocka_unit_test(nobody_answers_three_questions_and_all_senders_are_told),
		cmocka_unit_test(a_connection_to_nobody_ends_with_no_route_to_host),
		cmocka_unit_test(what_waits_is_limited_and_the_oldest_gives_way),
		cmocka_unit_test(a_neighbour_without_news_is_asked_by_itself_when_it_is_used),
		cmocka_unit_test(reachable_lasts_half_to_one_and_a_half_times_the_base),
		cmocka_unit_test(who_asks_for_us_is_answered_and_becomes_a_neighbour),
		cmocka_unit_test(any_address_of_ours_is_answered_for_on_any_link),
		cmocka_unit_test(whether_our_address_is_free_is_answered_to_who_has_none),
		cmocka_unit_test(who_claims_our_address_is_not_answered_and_not_kept),
		cmocka_unit_test(answers_of_strangers_are_no_news),
		cmocka_unit_test(the_first_of_two_answers_counts_and_a_gratuitous_one_always),
		cmocka_unit_test(arp_that_is_none_is_dropped),
		cmocka_unit_test(frames_for_other_stations_are_not_looked_at),
		cmocka_unit_test(packets_for_one_in_frames_for_all_get_no_further),
		cmocka_unit_test(a_frame_that_others_hold_too_stays_as_it_is),
		cmocka_unit_test(a_connection_over_ethernet_carries_data),
		cmocka_unit_test(broadcasts_need_no_neighbour),
		cmocka_unit_test(a_link_with_neighbours_needs_an_address_and_fills_its_checksums),
		cmocka_unit_test(a_new_router_is_asked_for_before_it_is_believed),
		cmocka_unit_test(packets_reach_who_has_answered_and_nobody_else),
		cmocka_unit_test(the_table_is_limited_and_gives_up_what_is_old),
		cmocka_unit_test(a_datagram_for_which_there_is_no_neighbour_is_discarded),
		cmocka_unit_test(a_packet_passed_on_for_which_there_is_no_neighbour_is_counted_by_nobody),
		cmocka_unit_test(a_syn_for_which_there_is_no_neighbour_is_sent_again_and_discarded_by_nobody),
		cmocka_unit_test(any_refused_allocation_costs_a_packet_at_most),
		cmocka_unit_test(what_still_waits_goes_with_the_stack),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
