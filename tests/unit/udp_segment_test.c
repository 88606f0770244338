/* SPDX-License-Identifier: MIT
 * Several datagrams in one call and in one frame (experiment udp_segment). */
#include "udp_lab.h"

/* ---- several in one ---- */

static void a_send_is_cut_into_datagrams(void **state)
{
	static uint8_t bytes[2500];
	struct lab l = lab_open();
	int fd = udp_socket(&l);
	uint16_t id = 0;

	(void)state;
	for (uint32_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7 + (i >> 8));
	set(&l, fd, HO_SOL_UDP, HO_UDP_SEGMENT, 1000);
	assert_int_equal(get(&l, fd, HO_SOL_UDP, HO_UDP_SEGMENT), 1000);
	assert_int_equal(ho_sock_sendto(l.s, fd, bytes, sizeof(bytes), 0, peer(9)), sizeof(bytes));
	lab_deltas(&l, SENT "IpExtOutOctets 2528");
	for (uint32_t i = 0; i < 3; i++) {
		struct packet *p = lab_out(&l);
		uint32_t n = i < 2 ? 1000 : 500;

		assert_int_equal(p->len, 28 + n);
		assert_int_equal(p->gso_segs, 1);
		assert_int_equal(get16(p->bytes + 2), 28 + n);
		assert_int_equal(get16(p->bytes + 24), 8 + n);
		id = i == 0 ? get16(p->bytes + 4) : id;
		assert_int_equal(get16(p->bytes + 4), (uint16_t)(id + i));
		assert_int_equal(csum_fold(csum_partial(p->bytes, 20)), 0);
		assert_int_equal(csum_fold(csum_add(csum_pseudo(HOST, PEER_ADDR, IP_PROTO_UDP, 8 + n),
		                                    csum_partial(p->bytes + 20, 8 + n))), 0);
		assert_memory_equal(p->bytes + 28, bytes + i * 1000, n);
	}
	lab_nothing(&l);
	assert_int_equal(ho_sock_sendto(l.s, fd, bytes, 1000, 0, peer(9)), 1000); /* one, and no super-frame */
	assert_int_equal(lab_out(&l)->len, 1028);
	lab_close(&l);
}

static void a_link_that_can_takes_them_in_one_piece(void **state)
{
	static const uint8_t bytes[2500];
	struct lab l = lab_open(.link_flags = HO_LINK_USO);
	int fd = udp_socket(&l);
	struct ho_frame *f;
	uint8_t scratch[2000];

	(void)state;
	set(&l, fd, HO_SOL_UDP, HO_UDP_SEGMENT, 1000);
	assert_int_equal(ho_sock_sendto(l.s, fd, bytes, sizeof(bytes), 0, peer(9)), sizeof(bytes));
	f = ho_stack_output(l.s);
	assert_int_equal(f->gso, HO_GSO_UDPV4);
	assert_int_equal(f->gso_size, 1000);
	assert_int_equal(f->gso_segs, 3);
	assert_int_equal(f->csum, HO_CSUM_PARTIAL);
	assert_int_equal(f->hdr_len, 28);
	assert_int_equal(ho_frame_segment(f, scratch, 100, NULL, NULL), -EINVAL);
	assert_true(ho_frame_flatten(f, scratch, sizeof(scratch)) == 0); /* no room */
	ho_frame_unref(f);
	lab_nothing(&l);
	lab_close(&l);
}

struct pieces {
	uint32_t count;
	struct bytes at[40];
};

static void piece_note(void *ctx, const void *packet, size_t len_bytes)
{
	struct pieces *p = ctx;

	assert_true(p->count < 40 && len_bytes <= sizeof(p->at[0].at));
	memcpy(p->at[p->count].at, packet, len_bytes);
	p->at[p->count++].len = (uint32_t)len_bytes;
}

static void whoever_cuts_cuts_the_same(void **state)
{
	static uint8_t bytes[1473 * 30];
	uint32_t seed = 7;

	(void)state;
	for (int round = 0; round < 200; round++) {
		struct lab whole = lab_open(.link_flags = HO_LINK_USO), cut = lab_open();
		uint16_t size = (uint16_t)(1 + draw(&seed, 1472));
		uint32_t len = draw(&seed, size * 30u);
		int a = udp_socket(&whole), b = udp_socket(&cut);
		static struct pieces pieces;
		struct ho_frame *f;
		uint8_t scratch[2000];

		for (uint32_t i = 0; i < len; i++)
			bytes[i] = (uint8_t)draw(&seed, 256);
		set(&whole, a, HO_SOL_UDP, HO_UDP_SEGMENT, size);
		set(&cut, b, HO_SOL_UDP, HO_UDP_SEGMENT, size);
		assert_int_equal(ho_sock_sendto(whole.s, a, bytes, len, 0, peer(9)), len);
		assert_int_equal(ho_sock_sendto(cut.s, b, bytes, len, 0, peer(9)), len);
		pieces.count = 0;
		f = ho_stack_output(whole.s);
		assert_true(ho_frame_segment(f, scratch, sizeof(scratch), piece_note, &pieces) > 0);
		ho_frame_unref(f);
		for (uint32_t i = 0; i < pieces.count; i++) {
			struct packet *p = lab_out(&cut);

			assert_int_equal(p->len, pieces.at[i].len);
			assert_memory_equal(p->bytes, pieces.at[i].at, p->len);
		}
		lab_nothing(&cut);
		lab_close(&whole);
		lab_close(&cut);
	}
}

static void segments_that_are_refused(void **state)
{
	static const uint8_t bytes[2000];
	struct lab l = lab_open();
	int fd = udp_socket(&l), v = 65536;

	(void)state;
	assert_int_equal(ho_sock_setopt(l.s, fd, HO_SOL_UDP, HO_UDP_SEGMENT, &v, sizeof(v)), -EINVAL);
	set(&l, fd, HO_SOL_UDP, HO_UDP_SEGMENT, 1473);
	assert_int_equal(ho_sock_sendto(l.s, fd, bytes, 2000, 0, peer(9)), -EMSGSIZE);
	set(&l, fd, HO_SOL_UDP, HO_UDP_SEGMENT, 10);
	assert_int_equal(ho_sock_sendto(l.s, fd, bytes, 1281, 0, peer(9)), -EINVAL);
	assert_int_equal(ho_sock_sendto(l.s, fd, bytes, 1280, 0, peer(9)), 1280);
	set(&l, fd, HO_SOL_SOCKET, HO_SO_NO_CHECK, 1);
	assert_int_equal(ho_sock_sendto(l.s, fd, bytes, 20, 0, peer(9)), -EINVAL);
	lab_close(&l);
}

static void who_asks_gets_them_in_one_piece_who_does_not_one_by_one(void **state)
{
	static uint8_t bytes[2500], buf[4000];
	struct lab l = lab_open();
	int from = udp_socket(&l), plain = bound(&l, HO_ADDR_ANY, PORT), gro = bound(&l, HO_ADDR_ANY, PORT + 1);
	struct ho_msg_info info;

	(void)state;
	for (uint32_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7 + (i >> 8));
	set(&l, from, HO_SOL_UDP, HO_UDP_SEGMENT, 1000);
	set(&l, gro, HO_SOL_UDP, HO_UDP_GRO, 1);
	assert_int_equal(get(&l, gro, HO_SOL_UDP, HO_UDP_GRO), 1);
	ho_sock_sendto(l.s, from, bytes, sizeof(bytes), 0, (struct ho_endpoint){HOST, PORT});
	ho_sock_sendto(l.s, from, bytes, sizeof(bytes), 0, (struct ho_endpoint){HOST, PORT + 1});
	lab_nothing(&l);
	lab_deltas(&l, "IpInReceives 2 IpInDelivers 2 IpOutRequests 2 IpOutTransmits 2 UdpOutDatagrams 2 "
	               "IpExtInOctets 5056 IpExtOutOctets 5056 IpExtInNoECTPkts 6");
	for (uint32_t i = 0; i < 3; i++) {
		uint32_t n = i < 2 ? 1000 : 500;

		assert_int_equal(ho_sock_recv_msg(l.s, plain, buf, sizeof(buf), 0, &info), n);
		assert_int_equal(info.segment_bytes, 0);
		assert_memory_equal(buf, bytes + i * 1000, n);
	}
	assert_int_equal(ho_sock_recv_msg(l.s, gro, buf, sizeof(buf), 0, &info), 2500);
	assert_int_equal(info.segment_bytes, 1000);
	assert_memory_equal(buf, bytes, 2500);
	lab_counted(&l, UdpInDatagrams, 4);
	lab_close(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_send_is_cut_into_datagrams),
		cmocka_unit_test(a_link_that_can_takes_them_in_one_piece),
		cmocka_unit_test(whoever_cuts_cuts_the_same),
		cmocka_unit_test(segments_that_are_refused),
		cmocka_unit_test(who_asks_gets_them_in_one_piece_who_does_not_one_by_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
