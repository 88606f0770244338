/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <halfopen/frame.h>

static uint64_t random_state;

static uint32_t draw(uint32_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)((random_state >> 32) * below >> 32);
}

/* --- the naive way, sharing nothing with the code under test ----------------------------------------------------- */

static uint32_t be16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t be32(const uint8_t *p)
{
	return be16(p) << 16 | be16(p + 2);
}

static void set16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static uint32_t naive_sum(uint32_t sum, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		sum += (i & 1) ? p[i] : (uint32_t)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static uint32_t naive_pseudo(const uint8_t *ip, uint32_t l4_bytes)
{
	return naive_sum(ip[9] + l4_bytes, ip + 12, 8);
}

static uint32_t ip_bytes_of(const uint8_t *ip)
{
	return (ip[0] & 15u) * 4;
}

static void assert_ip_csum_right(const uint8_t *ip)
{
	assert_int_equal(naive_sum(0, ip, ip_bytes_of(ip)), 0xffff);
}

static void assert_l4_csum_right(const uint8_t *ip, uint32_t len)
{
	uint32_t l4_bytes = len - ip_bytes_of(ip);

	assert_int_equal(naive_sum(naive_pseudo(ip, l4_bytes), ip + ip_bytes_of(ip), l4_bytes), 0xffff);
}

/* --- packets and frames ------------------------------------------------------------------------------------------ */

#define FIN_PSH 0x09
#define CWR 0x80
#define PACKET_MAX 65535

static uint32_t heap_blocks;

static void *heap_alloc(void *ctx, size_t bytes, size_t align)
{
	void *block = malloc(bytes); /* to the very byte, for AddressSanitizer: a frame needs no more alignment */

	assert_int_equal(align & (align - 1), 0);
	if (ctx != NULL) {
		free(block);
		return NULL;
	}
	assert_non_null(block);
	heap_blocks++;
	return block;
}

static void heap_free(void *ctx, void *block, size_t bytes)
{
	(void)ctx;
	(void)bytes;
	heap_blocks--;
	free(block);
}

static const struct ho_allocator heap = {heap_alloc, heap_free, NULL};

/* A TCP packet with random content; its TCP checksum is that of the pseudo-header, as HO_CSUM_PARTIAL wants it. */
static uint32_t draw_tcp_packet(uint8_t *ip, uint32_t ip_bytes, uint32_t tcp_bytes, uint32_t payload_bytes)
{
	uint32_t len = ip_bytes + tcp_bytes + payload_bytes;

	for (uint32_t i = 0; i < len; i++)
		ip[i] = (uint8_t)draw(256);
	ip[0] = (uint8_t)(0x40 | ip_bytes / 4);
	set16(ip + 2, len);
	set16(ip + 6, 0x4000);
	ip[9] = 6;
	ip[ip_bytes + 12] = (uint8_t)(tcp_bytes / 4 << 4 | (ip[ip_bytes + 12] & 15));
	set16(ip + 10, 0);
	set16(ip + 10, ~naive_sum(0, ip, ip_bytes));
	set16(ip + ip_bytes + 16, naive_pseudo(ip, len - ip_bytes));
	return len;
}

static uint32_t segs_of(uint32_t payload_bytes, uint32_t mss)
{
	return payload_bytes == 0 ? 1 : (payload_bytes + mss - 1) / mss;
}

static void make_super(struct ho_frame *f, uint32_t mss)
{
	f->csum = HO_CSUM_PARTIAL;
	f->csum_start = (uint16_t)ip_bytes_of(f->slice[0].data);
	f->csum_offset = 16;
	f->gso = HO_GSO_TCPV4;
	f->gso_size = (uint16_t)mss;
	f->gso_segs = (uint16_t)segs_of(f->len_bytes - f->hdr_len, mss);
}

/* Cuts the frame's one slice into up to HO_FRAME_SLICES_MAX, some of them empty. */
static void cut_into_slices(struct ho_frame *f)
{
	uint32_t cuts = draw(HO_FRAME_SLICES_MAX);

	for (uint32_t i = 0; i < cuts; i++) {
		struct ho_slice *last = &f->slice[f->slice_count - 1];
		uint32_t keep = i == 0 ? f->hdr_len + draw(last->len_bytes - f->hdr_len + 1) : draw(last->len_bytes + 1);

		last[1] = (struct ho_slice){last->data + keep, last->len_bytes - keep};
		last->len_bytes = keep;
		f->slice_count++;
	}
}

/* --- making and reading ------------------------------------------------------------------------------------------ */

static void a_made_frame_holds_its_own_copy_and_gives_its_memory_back(void **state)
{
	uint8_t packet[1500], copy[1500];
	uint32_t len = draw_tcp_packet(packet, 20, 32, 1000);
	struct ho_frame *f = ho_frame_make(&heap, packet, len);

	(void)state;
	memcpy(copy, packet, len);
	memset(packet, 0, sizeof(packet));
	assert_int_equal(f->len_bytes, len);
	assert_int_equal(f->hdr_len, 52);
	assert_int_equal(f->gso_segs, 1);
	assert_int_equal(f->csum, HO_CSUM_NONE);
	assert_int_equal(f->refs, 1);
	assert_memory_equal(f->slice[0].data, copy, len);
	ho_frame_unref(ho_frame_ref(f));
	assert_int_equal(heap_blocks, 1);
	ho_frame_unref(f);
	assert_int_equal(heap_blocks, 0);
}

static void a_refused_frame_is_null(void **state)
{
	struct ho_allocator refusing = {heap_alloc, heap_free, &refusing};

	(void)state;
	assert_null(ho_frame_make(&refusing, "x", 1));
}

static void rubbish_makes_a_frame_without_headers(void **state)
{
	uint8_t packet[100];

	(void)state;
	random_state = UINT64_C(0x5eed000c);
	for (int round = 0; round < 20000; round++) {
		uint32_t len = 1 + draw(99);
		uint8_t *exact = malloc(len);
		struct ho_frame *f;

		for (uint32_t i = 0; i < len; i++)
			exact[i] = (uint8_t)draw(256);
		if (draw(2))
			exact[0] = 0x45;
		if (draw(2) && len > 9)
			exact[9] = draw(2) ? 6 : 17;
		f = ho_frame_make(&heap, exact, len);
		assert_true(f->hdr_len <= len);
		assert_int_equal(ho_frame_flatten(f, packet, sizeof(packet)), len);
		assert_memory_equal(packet, exact, len);
		ho_frame_unref(f);
		free(exact);
	}
}

static void any_part_is_read_as_from_one_buffer(void **state)
{
	static uint8_t packet[3000], part[3000];

	(void)state;
	random_state = UINT64_C(0x5eed000d);
	for (int round = 0; round < 20000; round++) {
		uint32_t len = draw_tcp_packet(packet, 20, 20, draw(2900));
		struct ho_frame *f = ho_frame_make(&heap, packet, len);
		uint32_t offset = draw(len + 20), want = draw(len + 20);
		uint32_t expected = offset >= len ? 0 : want < len - offset ? want : len - offset;

		cut_into_slices(f);
		assert_int_equal(ho_frame_read(f, offset, part, want), expected);
		if (expected != 0)
			assert_memory_equal(part, packet + offset, expected);
		ho_frame_unref(f);
	}
}

/* --- flattening -------------------------------------------------------------------------------------------------- */

static void a_partial_checksum_is_filled_when_flattened(void **state)
{
	static uint8_t packet[3000], flat[3000];

	(void)state;
	random_state = UINT64_C(0x5eed000e);
	for (int round = 0; round < 5000; round++) {
		uint32_t len = draw_tcp_packet(packet, 20 + 4 * draw(11), 20 + 4 * draw(11), draw(2000));
		struct ho_frame *f = ho_frame_make(&heap, packet, len);

		f->csum = HO_CSUM_PARTIAL;
		f->csum_start = (uint16_t)ip_bytes_of(packet);
		f->csum_offset = 16;
		cut_into_slices(f);
		assert_int_equal(ho_frame_flatten(f, flat, len - 1), 0);
		assert_int_equal(ho_frame_flatten(f, flat, len), len);
		assert_l4_csum_right(flat, len);
		ho_frame_unref(f);
	}
}

static void a_udp_checksum_of_zero_is_written_as_all_ones(void **state)
{
	uint8_t packet[32] = {0x45, 0, 0, 30, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 1, 2, 3, 4, 0, 10};
	uint8_t flat[32];
	struct ho_frame *f;

	(void)state;
	set16(packet + 26, naive_pseudo(packet, 10));
	set16(packet + 28, ~naive_sum(0, packet + 20, 8)); /* the payload that makes the sum all ones */
	f = ho_frame_make(&heap, packet, 30);
	assert_int_equal(f->hdr_len, 28);
	f->csum = HO_CSUM_PARTIAL;
	f->csum_start = 20;
	f->csum_offset = 6;
	assert_int_equal(ho_frame_flatten(f, flat, sizeof(flat)), 30);
	assert_int_equal(be16(flat + 26), 0xffff);
	ho_frame_unref(f);
}

static void a_checksum_that_is_there_is_left_alone(void **state)
{
	uint8_t packet[100], flat[100];
	uint32_t len = draw_tcp_packet(packet, 20, 20, 50);
	struct ho_frame *f = ho_frame_make(&heap, packet, len);

	(void)state;
	assert_int_equal(ho_frame_flatten(f, flat, len), len);
	assert_memory_equal(flat, packet, len);
	f->csum = HO_CSUM_GOOD;
	assert_int_equal(ho_frame_flatten(f, flat, len), len);
	assert_memory_equal(flat, packet, len);
	ho_frame_unref(f);
}

/* --- segmentation ------------------------------------------------------------------------------------------------ */

struct expected {
	const uint8_t *super; /* the flat super-frame */
	uint32_t hdr_len, payload_bytes, mss, segs;
	uint32_t seen;
	size_t scratch_bytes;
};

static void assert_headers_are_those_of_the_super_frame(const struct expected *e, const uint8_t *packet, uint8_t flags)
{
	uint32_t ip_bytes = ip_bytes_of(packet);
	const uint8_t *tcp = packet + ip_bytes, *super_tcp = e->super + ip_bytes;

	assert_memory_equal(packet, e->super, 2);
	assert_memory_equal(packet + 6, e->super + 6, 4);
	assert_memory_equal(packet + 12, e->super + 12, ip_bytes - 12);
	assert_memory_equal(tcp, super_tcp, 4);
	assert_memory_equal(tcp + 8, super_tcp + 8, 5);
	assert_int_equal(tcp[13], flags);
	assert_memory_equal(tcp + 14, super_tcp + 14, 2);
	assert_memory_equal(tcp + 18, super_tcp + 18, e->hdr_len - ip_bytes - 18);
}

static void expect_packet(void *ctx, const void *bytes, size_t len)
{
	struct expected *e = ctx;
	const uint8_t *packet = bytes;
	uint32_t ip_bytes = ip_bytes_of(e->super), i = e->seen++;
	uint32_t at = i * e->mss;
	uint32_t payload = e->payload_bytes - at < e->mss ? e->payload_bytes - at : e->mss;
	uint8_t flags = e->super[ip_bytes + 13];

	if (i != 0)
		flags &= (uint8_t)~CWR;
	if (i + 1 != e->segs)
		flags &= (uint8_t)~FIN_PSH;
	assert_true(i < e->segs);
	assert_true(len <= e->scratch_bytes);
	assert_int_equal(len, e->hdr_len + payload);
	assert_int_equal(be16(packet + 2), len);
	assert_int_equal(be16(packet + 4), (be16(e->super + 4) + i) & 0xffff);
	assert_int_equal(be32(packet + ip_bytes + 4), be32(e->super + ip_bytes + 4) + at);
	assert_headers_are_those_of_the_super_frame(e, packet, flags);
	if (payload != 0)
		assert_memory_equal(packet + e->hdr_len, e->super + e->hdr_len + at, payload);
	assert_ip_csum_right(packet);
	assert_l4_csum_right(packet, (uint32_t)len);
}

static void segment_and_compare(uint32_t ip_bytes, uint32_t tcp_bytes, uint32_t payload_bytes, uint32_t mss)
{
	static uint8_t packet[PACKET_MAX], flat[PACKET_MAX];
	uint32_t len = draw_tcp_packet(packet, ip_bytes, tcp_bytes, payload_bytes);
	struct ho_frame *f = ho_frame_make(&heap, packet, len);
	struct expected e = {packet, ip_bytes + tcp_bytes, payload_bytes, mss, segs_of(payload_bytes, mss), 0, 0};
	uint8_t *scratch;

	e.scratch_bytes = e.hdr_len + (payload_bytes < mss ? payload_bytes : mss);
	scratch = malloc(e.scratch_bytes);
	make_super(f, mss);
	f->csum = draw(4) == 0 ? HO_CSUM_GOOD : HO_CSUM_PARTIAL;
	cut_into_slices(f);
	assert_int_equal(ho_frame_segment(f, scratch, e.scratch_bytes - 1, expect_packet, &e), -EINVAL);
	assert_int_equal(e.seen, 0);
	assert_int_equal(ho_frame_segment(f, scratch, e.scratch_bytes, expect_packet, &e), e.segs);
	assert_int_equal(e.seen, e.segs);
	assert_int_equal(ho_frame_flatten(f, flat, len - 1), 0);
	assert_int_equal(ho_frame_flatten(f, flat, len), len);
	assert_l4_csum_right(flat, len);
	ho_frame_unref(f);
	free(scratch);
}

static void super_frames_are_cut_as_linux_cuts_them(void **state)
{
	(void)state;
	random_state = UINT64_C(0x5eed000f);
	for (int round = 0; round < 1500; round++) {
		uint32_t ip_bytes = 20 + 4 * draw(11), tcp_bytes = 20 + 4 * draw(11);
		uint32_t mss = 1 + draw(draw(2) ? 100 : 9000);
		uint32_t payload_bytes = draw(round % 10 == 0 ? PACKET_MAX - ip_bytes - tcp_bytes + 1 : 10000);

		segment_and_compare(ip_bytes, tcp_bytes, payload_bytes, mss);
	}
	segment_and_compare(20, 32, 0, 1448);
	segment_and_compare(20, 32, 1448, 1448);
	segment_and_compare(20, 32, 1449, 1448);
	segment_and_compare(20, 32, 44 * 1448, 1448);
	segment_and_compare(20, 20, PACKET_MAX - 40, 1);
}

static void count_packet(void *ctx, const void *packet, size_t len)
{
	(void)packet;
	assert_true(len >= 1);
	++*(int *)ctx;
}

static void a_plain_frame_is_one_packet(void **state)
{
	uint8_t packet[200], scratch[200];
	uint32_t len = draw_tcp_packet(packet, 20, 20, 100);
	struct ho_frame *f = ho_frame_make(&heap, packet, len);
	int emitted = 0;

	(void)state;
	assert_int_equal(ho_frame_segment(f, scratch, len, count_packet, &emitted), 1);
	assert_memory_equal(scratch, packet, len);
	assert_int_equal(ho_frame_segment(f, scratch, len - 1, count_packet, &emitted), -EINVAL);
	assert_int_equal(emitted, 1);
	ho_frame_unref(f);
}

/* --- lies -------------------------------------------------------------------------------------------------------- */

#define SUPER_BYTES 3052u /* 20 + 32 + 3000: three packets of 1448 */

struct lie {
	uint8_t packet[SUPER_BYTES]; /* what the frame's slice points to, so that headers can be spoilt */
	struct ho_frame *f;
};

static struct lie lie_begin(void)
{
	struct lie l;

	draw_tcp_packet(l.packet, 20, 32, 3000);
	l.f = ho_frame_make(&heap, l.packet, SUPER_BYTES);
	make_super(l.f, 1448);
	return l;
}

static void lie_expect(struct lie *l, int packets)
{
	uint8_t scratch[SUPER_BYTES];
	int emitted = 0;

	l->f->slice[0].data = l->packet;
	assert_int_equal(ho_frame_segment(l->f, scratch, sizeof(scratch), count_packet, &emitted), packets);
	assert_int_equal(emitted, packets > 0 ? packets : 0);
	assert_int_equal(ho_frame_flatten(l->f, scratch, sizeof(scratch)) != 0, packets > 0);
	ho_frame_unref(l->f);
}

#define REFUSED(spoil) \
	do { \
		struct lie l = lie_begin(); \
		spoil; \
		lie_expect(&l, -EINVAL); \
	} while (0)

static void the_truth_is_believed(void **state)
{
	struct lie l = lie_begin();

	(void)state;
	lie_expect(&l, 3);
}

static void facts_that_contradict_each_other_are_refused(void **state)
{
	(void)state;
	REFUSED(l.f->gso = HO_GSO_NONE);
	REFUSED(l.f->gso = 77);
	REFUSED(l.f->gso_size = 0);
	REFUSED(l.f->gso_size = 999);
	REFUSED(l.f->gso_segs = 0);
	REFUSED(l.f->gso_segs = 2);
	REFUSED(l.f->gso_segs = 4);
	REFUSED(l.f->slice_count = 0);
	REFUSED(l.f->slice_count = 2; l.f->slice[1].len_bytes = 1; l.f->slice[1].data = l.packet);
	REFUSED(l.f->slice_count = HO_FRAME_SLICES_MAX + 1);
	REFUSED(l.f->len_bytes--);
	REFUSED(l.f->len_bytes++);
	REFUSED(l.f->slice[0].len_bytes--);
	REFUSED(l.f->csum_start = 24);
	REFUSED(l.f->csum_offset = 6);
}

static void facts_that_contradict_the_headers_are_refused(void **state)
{
	(void)state;
	REFUSED(l.packet[0] = 0x65);
	REFUSED(l.packet[0] = 0x44);
	REFUSED(l.packet[0] = 0x46);
	REFUSED(set16(l.packet + 2, SUPER_BYTES - 1));
	REFUSED(set16(l.packet + 6, 0x2000));
	REFUSED(set16(l.packet + 6, 1));
	REFUSED(l.packet[9] = 17);
	REFUSED(l.packet[32] = 0x40);
	REFUSED(l.packet[32] = 0x90);
	REFUSED(l.f->hdr_len = 40);
	REFUSED(l.f->hdr_len = 0);
	REFUSED(l.f->hdr_len = UINT16_MAX);
}

static void a_partial_checksum_beyond_the_packet_is_refused(void **state)
{
	uint8_t packet[60], flat[60];
	uint32_t len = draw_tcp_packet(packet, 20, 20, 20);
	struct ho_frame *f = ho_frame_make(&heap, packet, len);

	(void)state;
	f->csum = HO_CSUM_PARTIAL;
	f->csum_start = 20;
	f->csum_offset = 38;
	assert_int_equal(ho_frame_flatten(f, flat, len), len);
	f->csum_offset = 39;
	assert_int_equal(ho_frame_flatten(f, flat, len), 0);
	f->csum_start = f->csum_offset = UINT16_MAX;
	assert_int_equal(ho_frame_flatten(f, flat, len), 0);
	ho_frame_unref(f);
}

static uint16_t draw_fact(uint16_t truth)
{
	switch (draw(8)) {
	case 0:
		return (uint16_t)draw(65536);
	case 1:
		return (uint16_t)(truth + draw(9) - 4);
	case 2:
		return (uint16_t)draw(80);
	default:
		return truth;
	}
}

static void spoil_facts(struct ho_frame *f)
{
	f->gso_size = draw_fact(f->gso_size);
	f->gso_segs = draw_fact(f->gso_segs);
	f->hdr_len = draw_fact(f->hdr_len);
	f->csum_start = draw_fact(f->csum_start);
	f->csum_offset = draw_fact(f->csum_offset);
	f->gso = draw(4) == 0 ? (uint8_t)draw(3) : f->gso;
	f->csum = draw(4) == 0 ? (uint8_t)draw(4) : f->csum;
}

/* Slices and scratch end with their allocations: one byte too far, and AddressSanitizer ends the test. */
static void random_lies_are_refused_or_harmless(void **state)
{
	uint8_t packet[400];

	(void)state;
	random_state = UINT64_C(0x5eed0010);
	for (int round = 0; round < 100000; round++) {
		uint32_t len = draw_tcp_packet(packet, 20 + 4 * draw(3), 20 + 4 * draw(3), draw(300));
		size_t cap = draw(500);
		uint8_t *scratch = malloc(cap + 1);
		int emitted = 0, got;
		struct ho_frame *f;

		for (uint32_t spoilt = draw(3); spoilt > 0; spoilt--)
			packet[draw(40)] = (uint8_t)draw(256);
		f = ho_frame_make(&heap, packet, 1 + draw(2) * (len - 1));
		make_super(f, 1 + draw(200));
		spoil_facts(f);
		got = ho_frame_segment(f, scratch + 1, cap, count_packet, &emitted);
		assert_true(got == (emitted > 0 ? emitted : -EINVAL));
		assert_true(ho_frame_flatten(f, scratch + 1, cap) <= cap);
		ho_frame_unref(f);
		free(scratch);
	}
	assert_int_equal(heap_blocks, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_made_frame_holds_its_own_copy_and_gives_its_memory_back),
		cmocka_unit_test(a_refused_frame_is_null),
		cmocka_unit_test(rubbish_makes_a_frame_without_headers),
		cmocka_unit_test(any_part_is_read_as_from_one_buffer),
		cmocka_unit_test(a_partial_checksum_is_filled_when_flattened),
		cmocka_unit_test(a_udp_checksum_of_zero_is_written_as_all_ones),
		cmocka_unit_test(a_checksum_that_is_there_is_left_alone),
		cmocka_unit_test(super_frames_are_cut_as_linux_cuts_them),
		cmocka_unit_test(a_plain_frame_is_one_packet),
		cmocka_unit_test(the_truth_is_believed),
		cmocka_unit_test(facts_that_contradict_each_other_are_refused),
		cmocka_unit_test(facts_that_contradict_the_headers_are_refused),
		cmocka_unit_test(a_partial_checksum_beyond_the_packet_is_refused),
		cmocka_unit_test(random_lies_are_refused_or_harmless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
