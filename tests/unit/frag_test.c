/* SPDX-License-Identifier: MIT
 * A packet too large for the link is cut: sizes, offsets, checksums, options, counters; and back together in another stack. */
#include "ip_parts.h"
#include "lab.h"

static const struct ho_endpoint peer = {PEER_ADDR, 0};

static uint8_t *ping_make(uint32_t len)
{
	uint8_t *b = calloc(1, len);

	b[0] = 8;
	for (uint32_t i = 8; i < len; i++)
		b[i] = (uint8_t)(i * 13 + i / 256);
	return b;
}

static int socket_of(struct lab *l, int pmtudisc)
{
	int fd = ho_sock_open(l->s, HO_SOCK_DGRAM, IP_PROTO_ICMP);

	assert_true(fd >= 0);
	assert_int_equal(ho_sock_setopt(l->s, fd, HO_SOL_IP, HO_IP_MTU_DISCOVER, &pmtudisc, sizeof(pmtudisc)), 0);
	return fd;
}

/* ---- what left, put together the plain way ---- */

struct whole {
	uint32_t len, count, octets;
	uint16_t id;
	uint8_t at[65535]; /* payload */
};

static void whole_read(struct lab *l, struct whole *w, uint32_t mtu)
{
	bool more = true;

	w->len = w->count = w->octets = 0;
	lab_pump(l);
	while (l->out_head != NULL) {
		struct packet *p = lab_out(l);
		uint32_t hdr = (p->bytes[0] & 15u) * 4, payload = p->len - hdr;
		uint16_t flags = get16(p->bytes + 6);

		assert_true(more && p->len <= mtu);
		assert_int_equal(csum_fold(csum_partial(p->bytes, hdr)), 0);
		assert_int_equal((flags & IP_OFFSET) * 8u, w->len);
		assert_int_equal(flags & IP_DF, 0);
		more = flags & IP_MF;
		if (more) {
			assert_int_equal(payload % 8, 0);
			assert_true(p->len + 8 > mtu); /* as large as may be */
		}
		if (w->count == 0)
			w->id = get16(p->bytes + 4);
		assert_int_equal(get16(p->bytes + 4), w->id);
		memcpy(w->at + w->len, p->bytes + hdr, payload);
		w->len += payload;
		w->count++;
		w->octets += p->len;
	}
	assert_false(more);
}

static void a_ping_of_any_size_is_cut_into_pieces_that_fit(void **state)
{
	static const uint32_t mtus[] = {68, 69, 76, 576, 1500, 9000, 60000};
	static struct whole w;

	(void)state;
	for (unsigned i = 0; i < sizeof(mtus) / sizeof(mtus[0]); i++) {
		struct lab l = lab_open(.mtu = mtus[i], .out_queue_max = 5000);
		int fd = socket_of(&l, HO_IP_PMTUDISC_WANT);

		for (uint32_t len = mtus[i] - 19; len <= 65515; len += len < 200 ? 1 : len < 5000 ? 37 : 9973) {
			uint8_t *b = ping_make(len);
			char expected[300];

			assert_int_equal(ho_sock_sendto(l.s, fd, b, len, 0, peer), len);
			whole_read(&l, &w, mtus[i]);
			assert_int_equal(w.len, len);
			assert_memory_equal(w.at + 8, b + 8, len - 8);
			assert_int_equal(csum_fold(csum_partial(w.at, len)), 0);
			snprintf(expected, sizeof(expected),
			         "IpOutRequests 1 IpFragOKs 1 IpFragCreates %u IpOutTransmits %u IcmpOutMsgs 1 IcmpOutEchos 1 "
			         "IcmpMsgOutType8 1 IpExtOutOctets %u", w.count, w.count, w.octets);
			lab_deltas(&l, expected);
			free(b);
		}
		lab_close(&l);
	}
}

static void an_echo_reply_is_cut(void **state)
{
	struct lab l = lab_open(.mtu = 600);
	uint8_t data[1000];
	static struct whole w;

	(void)state;
	for (unsigned i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 3);
	lab_in(&l, icmp_make((struct icmp_fields){.type = 8, .data = data, .len = sizeof(data)}));
	lab_counted(&l, IpFragOKs, 1);
	lab_counted(&l, IpFragCreates, 2);
	lab_counted(&l, IcmpOutEchoReps, 1);
	whole_read(&l, &w, 600);
	assert_int_equal(w.len, 1008);
	assert_memory_equal(w.at + 8, data, sizeof(data));
	assert_int_equal(csum_fold(csum_partial(w.at, w.len)), 0);
	lab_close(&l);
}

static void what_must_not_be_cut_is_refused(void **state)
{
	static const struct {
		int how;
		bool cut;
	} modes[] = {{HO_IP_PMTUDISC_DONT, true}, {HO_IP_PMTUDISC_WANT, true}, {HO_IP_PMTUDISC_DO, false},
	             {HO_IP_PMTUDISC_PROBE, false}, {HO_IP_PMTUDISC_INTERFACE, false}, {HO_IP_PMTUDISC_OMIT, true}};
	struct lab l = lab_open();
	uint8_t *b = ping_make(1481);

	(void)state;
	for (unsigned i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		int fd = socket_of(&l, modes[i].how);

		lab_mark(&l);
		assert_int_equal(ho_sock_sendto(l.s, fd, b, 1481, 0, peer), modes[i].cut ? 1481 : -EMSGSIZE);
		lab_counted(&l, IpFragCreates, modes[i].cut ? 2 : 0);
		lab_counted(&l, IpOutRequests, modes[i].cut ? 1 : 0);
		lab_pump(&l);
		lab_forget(&l);
		assert_int_equal(ho_sock_sendto(l.s, fd, b, 1480, 0, peer), 1480);
		assert_int_equal(get16(lab_out(&l)->bytes + 6),
		                 modes[i].how >= HO_IP_PMTUDISC_WANT && modes[i].how <= HO_IP_PMTUDISC_PROBE ? IP_DF : 0);
	}
	free(b);
	lab_close(&l);
}

static void a_full_queue_ends_it(void **state)
{
	struct lab l = lab_open(.out_queue_max = 2);
	int fd = socket_of(&l, HO_IP_PMTUDISC_WANT);
	uint8_t *b = ping_make(6000);

	(void)state;
	assert_int_equal(ho_sock_sendto(l.s, fd, b, 6000, 0, peer), -ENOBUFS);
	lab_deltas(&l, "IpOutRequests 1 IpOutDiscards 1 IpFragFails 1 IpFragCreates 2 IpOutTransmits 3 IcmpOutMsgs 1 "
	               "IcmpOutEchos 1 IcmpMsgOutType8 1 IpExtOutOctets 4500");
	free(b);
	lab_close(&l);
}

static void fragments_of_one_stack_are_a_packet_to_another(void **state)
{
	struct lab a = lab_open(.addr = PEER_ADDR, .mtu = 700), b = lab_open(.mtu = 700);
	int fd = ho_sock_open(a.s, HO_SOCK_DGRAM, IP_PROTO_ICMP);
	uint8_t got[5000];

	(void)state;
	for (uint32_t len = 680; len < 4000; len += 111) {
		uint8_t *p = ping_make(len);

		assert_int_equal(ho_sock_sendto(a.s, fd, p, len, 0, (struct ho_endpoint){HOST, 0}), len);
		for (int way = 0; way < 2; way++) {
			struct lab *from = way ? &b : &a, *to = way ? &a : &b;
			struct ho_frame *f;

			while ((f = ho_stack_output(from->s)) != NULL) /* the frames themselves */
				ho_stack_input(to->s, f, ho_stack_now(to->s));
		}
		assert_int_equal(ho_sock_recv(a.s, fd, got, sizeof(got), 0), len);
		assert_memory_equal(got + 8, p + 8, len - 8);
		free(p);
	}
	lab_counted(&a, IpReasmFails, 0);
	lab_counted(&b, IpReasmFails, 0);
	lab_close(&a);
	lab_close(&b);
}

/* ---- frames as other protocols make them ---- */

/* A UDP packet whose checksum the link was to fill in. */
static struct tx_frame *udp_frame(struct ho_stack *st, uint32_t payload, uint32_t options)
{
	struct tx_frame *t = frame_take(st);
	uint8_t *udp = t->head + 20 + options;
	uint16_t pseudo;

	put16(udp, 1000);
	put16(udp + 2, 2000);
	put16(udp + 4, (uint16_t)(8 + payload));
	pseudo = csum_fold_plain(csum_pseudo(HOST, PEER_ADDR, IP_PROTO_UDP, 8 + payload));
	memcpy(udp + 6, &pseudo, 2);
	t->f.slice[0].len_bytes = 28 + options;
	t->f.len_bytes = 28 + options;
	t->f.hdr_len = (uint16_t)(28 + options);
	t->f.csum = HO_CSUM_PARTIAL;
	t->f.csum_start = (uint16_t)(20 + options);
	t->f.csum_offset = 6;
	for (uint32_t done = 0; done < payload;) {
		struct frag frag;
		uint8_t *room = block_room(st, min_u32(payload - done, 100 + done), &frag);

		for (uint32_t i = 0; i < frag.len_bytes; i++)
			room[i] = (uint8_t)(done + i);
		frame_add(t, frag);
		done += frag.len_bytes;
	}
	return t;
}

static void no_device_sums_over_fragments(void **state)
{
	struct lab l = lab_open(.mtu = 600, .link_flags = HO_LINK_TX_CSUM);
	struct ip_tx tx = {.saddr = HOST, .daddr = PEER_ADDR, .protocol = IP_PROTO_UDP, .mtu = 600, .id = 77};
	static struct whole w;

	(void)state;
	for (uint32_t payload = 573; payload < 3000; payload += 101) {
		assert_int_equal(ip_output(l.s, NULL, udp_frame(l.s, payload, 0), &tx), 0);
		whole_read(&l, &w, 600);
		assert_int_equal(w.len, 8 + payload);
		assert_int_equal(w.id, 77);
		assert_int_equal(csum_fold(csum_add(csum_pseudo(HOST, PEER_ADDR, IP_PROTO_UDP, w.len), csum_partial(w.at, w.len))),
		                 0);
		for (uint32_t i = 0; i < payload; i++)
			assert_int_equal(w.at[8 + i], (uint8_t)i);
	}
	lab_close(&l);
}

static void only_the_first_fragment_has_options_that_are_not_to_be_copied(void **state)
{
	/* record route (not copied), stream id (copied), timestamp (not copied) */
	static const struct ip_options_out options = {
		.len_bytes = 20, .data = {7, 7, 4, 0, 0, 0, 0, 136, 4, 1, 2, 68, 8, 5, 0, 0, 0, 0, 0, 0}};
	static const uint8_t later[] = {1, 1, 1, 1, 1, 1, 1, 136, 4, 1, 2, 1, 1, 1, 1, 1, 1, 1, 1, 0};
	struct lab l = lab_open(.mtu = 600);
	struct ip_tx tx = {.saddr = HOST, .daddr = PEER_ADDR, .protocol = IP_PROTO_UDP, .mtu = 600, .options = &options};
	struct packet *p;

	(void)state;
	assert_int_equal(ip_output(l.s, NULL, udp_frame(l.s, 1500, 20), &tx), 0);
	for (int i = 0; i < 3; i++) {
		p = lab_out(&l);
		assert_int_equal(p->bytes[0], 0x4a);
		assert_int_equal(csum_fold(csum_partial(p->bytes, 40)), 0);
		assert_memory_equal(p->bytes + 20, i == 0 ? options.data : later, 20);
	}
	lab_nothing(&l);
	lab_close(&l);
}

static void every_packet_of_a_super_frame_is_cut(void **state)
{
	struct lab l = lab_open(.mtu = 600);
	struct ip_tx tx = {.saddr = HOST, .daddr = PEER_ADDR, .protocol = IP_PROTO_TCP, .mtu = 600};
	struct tx_frame *t = frame_take(l.s);
	uint32_t bytes = 0;
	struct frag frag;

	(void)state;
	memset(t->head, 0, 40);
	t->head[32] = 0x50;
	t->f.slice[0].len_bytes = 40;
	t->f.len_bytes = 40;
	t->f.hdr_len = 40;
	t->f.gso = HO_GSO_TCPV4;
	t->f.gso_size = 1000;
	t->f.gso_segs = 3;
	memset(block_room(l.s, 2500, &frag), 'x', 2500);
	frame_add(t, frag);
	assert_int_equal(ip_output(l.s, NULL, t, &tx), 0);
	lab_counted(&l, IpFragOKs, 2);
	lab_counted(&l, IpFragCreates, 4);
	lab_counted(&l, IpOutTransmits, 5);
	for (int i = 0; i < 5; i++)
		bytes += lab_out(&l)->len - 20;
	assert_int_equal(bytes, 2500 + 3 * 20);
	lab_nothing(&l);
	lab_close(&l);
}

static uint64_t scenario(uint64_t fail_at)
{
	struct lab l = lab_open(.mtu = 600, .fail_at = fail_at);
	uint64_t calls;

	if (l.s != NULL) {
		int fd = ho_sock_open(l.s, HO_SOCK_DGRAM, IP_PROTO_ICMP);
		uint8_t *b = ping_make(60000);

		if (fd >= 0 && ho_sock_sendto(l.s, fd, b, 60000, 0, peer) < 0)
			lab_counted(&l, IpFragOKs, 0);
		lab_pump(&l);
		free(b);
	}
	calls = l.heap->calls;
	lab_close(&l);
	return calls;
}

static void any_allocation_may_fail(void **state)
{
	(void)state;
	lab_every_allocation_fails(scenario);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_ping_of_any_size_is_cut_into_pieces_that_fit),
		cmocka_unit_test(an_echo_reply_is_cut),
		cmocka_unit_test(what_must_not_be_cut_is_refused),
		cmocka_unit_test(a_full_queue_ends_it),
		cmocka_unit_test(fragments_of_one_stack_are_a_packet_to_another),
		cmocka_unit_test(no_device_sums_over_fragments),
		cmocka_unit_test(only_the_first_fragment_has_options_that_are_not_to_be_copied),
		cmocka_unit_test(every_packet_of_a_super_frame_is_cut),
		cmocka_unit_test(any_allocation_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
