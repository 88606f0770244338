/* SPDX-License-Identifier: MIT
 * What a wire does to frames: rate, queue, MTU, and its faults. */
#include "sim_test.h"

#define MANY 100000

static void frames_of_a_wire_with_a_rate_arrive_one_behind_the_other(void **state)
{
	struct pair p = PAIR(.rate_bps = 8000000, .delay_ns = HO_MS); /* a byte a microsecond */

	(void)state;
	fake_send(p.a, '1', 1000);
	fake_send(p.a, '2', 500);
	ho_world_run(p.w, HO_SEC, false);
	assert_int_equal(p.b->arrivals[0].at, 2 * HO_MS);
	assert_int_equal(p.b->arrivals[1].at, 2 * HO_MS + 500 * HO_US);
	fake_send(p.a, '3', 500);
	ho_world_run(p.w, 2 * HO_SEC, false);
	assert_int_equal(p.b->arrivals[2].at, HO_SEC + HO_MS + 500 * HO_US);
	ho_world_close(p.w);
}

static void a_wire_is_never_faster_than_its_rate(void **state)
{
	struct pair p = PAIR(.rate_bps = 3000000000);

	(void)state;
	for (int i = 0; i < 1000; i++)
		fake_send(p.a, 'x', 100);
	ho_world_run(p.w, HO_SEC, false);
	assert_true(p.b->arrivals[999].at >= 1000 * 800 / 3);
	assert_true(p.b->arrivals[999].at <= 1000 * (800 / 3 + 1));
	ho_world_close(p.w);
}

static void what_a_slow_link_cannot_send_stays_with_the_host(void **state)
{
	struct pair p = PAIR(.delay_ns = HO_MS);

	(void)state;
	assert_int_equal(ho_world_egress_set(p.w, 0, 8000000, 1000), 0); /* a byte a microsecond */
	fake_send(p.a, '1', 600); /* 400 bytes of the burst are left */
	fake_send(p.a, '2', 700);
	fake_send(p.a, '3', 1500); /* no more than a burst */
	ho_world_run(p.w, 299 * HO_US, false);
	assert_int_equal(ho_stack_output_bytes(ho_world_host(p.w, 0)), 700);
	ho_world_run(p.w, HO_SEC, false);
	assert_string_equal(arrived(p.b), "123");
	assert_int_equal(p.b->arrivals[0].at, HO_MS);
	assert_int_equal(p.b->arrivals[1].at, HO_MS + 300 * HO_US);
	assert_int_equal(p.b->arrivals[2].at, HO_MS + 1300 * HO_US);
	assert_int_equal(ho_world_egress_set(p.w, 0, 8000000, 0), -EINVAL);
	assert_int_equal(ho_world_egress_set(p.w, 2, 8000000, 1000), -EINVAL);
	fake_send(p.a, '4', 1000);
	assert_int_equal(ho_world_egress_set(p.w, 0, 0, 0), 0);
	fake_send(p.a, '5', 1000);
	ho_world_run(p.w, 2 * HO_SEC, false);
	assert_int_equal(p.b->arrivals[4].at, HO_SEC + HO_MS);
	ho_world_close(p.w);
}

static void a_full_queue_drops_what_comes_last(void **state)
{
	struct pair p = PAIR(.rate_bps = 8000000, .queue_bytes = 250);
	struct tapped t = {0};

	(void)state;
	ho_world_tap_set(p.w, tap_count, &t);
	for (uint8_t i = '0'; i < '5'; i++)
		fake_send(p.a, i, 100); /* 0 is being sent; 1 and 2 wait; no room for 3 and 4 */
	ho_world_run(p.w, 100 * HO_US, false);
	fake_send(p.a, '5', 100); /* 1 is being sent; 2 and 5 wait */
	fake_send(p.a, '6', 50);  /* and 6 just fits */
	fake_send(p.a, '7', 1);
	ho_world_run(p.w, HO_SEC, false);
	assert_string_equal(arrived(p.b), "01256");
	assert_int_equal(t.fate[HO_FATE_QUEUE_FULL], 3);
	ho_world_close(p.w);
}

static void an_idle_wire_takes_a_frame_larger_than_its_queue(void **state)
{
	struct pair p = PAIR(.rate_bps = 8000000, .queue_bytes = 50);

	(void)state;
	fake_send(p.a, 'x', 1500);
	fake_send(p.a, 'y', 60);
	ho_world_run(p.w, HO_SEC, false);
	assert_string_equal(arrived(p.b), "x");
	ho_world_close(p.w);
}

static void a_long_queue_keeps_all_in_order(void **state)
{
	struct pair p = PAIR(.rate_bps = 8000000);

	(void)state;
	for (int round = 0; round < 5; round++) {
		for (int i = 0; i < 500; i++)
			fake_send(p.a, (uint8_t)i, 100);
		ho_world_run(p.w, ho_world_now(p.w) + 30 * HO_MS, false);
	}
	ho_world_run(p.w, HO_SEC, false);
	assert_int_equal(p.b->arrival_count, 2500);
	for (size_t i = 0; i < 2500; i++) {
		assert_int_equal(p.b->arrivals[i].id, i + 1);
		assert_int_equal(p.b->arrivals[i].at, (i + 1) * 100 * HO_US);
	}
	ho_world_close(p.w);
}

static void a_rate_taken_away_does_not_let_frames_overtake(void **state)
{
	struct pair p = PAIR(.rate_bps = 8000);

	(void)state;
	fake_send(p.a, '1', 100);
	ho_world_run(p.w, HO_MS, false);
	ho_world_wire_set(p.w, 0, NULL);
	fake_send(p.a, '2', 100);
	ho_world_run(p.w, HO_SEC, false);
	assert_string_equal(arrived(p.b), "12");
	assert_int_equal(p.b->arrivals[1].at, 100 * HO_MS);
	ho_world_close(p.w);
}

static void larger_packets_than_the_mtu_vanish(void **state)
{
	struct pair p = PAIR(.mtu = 576);
	struct tapped t = {0};

	(void)state;
	ho_world_tap_set(p.w, tap_count, &t);
	fake_send(p.a, 'a', 576);
	fake_send(p.a, 'b', 577);
	ho_world_run(p.w, HO_SEC, false);
	assert_string_equal(arrived(p.b), "a");
	assert_int_equal(t.fate[HO_FATE_TOO_BIG], 1);
	ho_world_close(p.w);
}

static struct ho_frame *super_frame(uint32_t len_bytes, uint16_t hdr_len, uint16_t gso_size)
{
	static const uint8_t bytes[HO_FRAME_BYTES_MAX];
	struct ho_frame *f = ho_frame_make(&fake_allocator, bytes, len_bytes);

	f->gso = HO_GSO_TCPV4;
	f->gso_size = gso_size;
	f->hdr_len = hdr_len;
	f->gso_segs = (uint16_t)((len_bytes - hdr_len + gso_size - 1u) / gso_size);
	return f;
}

static void a_super_frame_takes_the_time_and_the_mtu_of_the_packets_it_stands_for(void **state)
{
	struct pair p = PAIR(.rate_bps = 8000000, .mtu = 1040);

	(void)state;
	fake_push(p.a, super_frame(40 + 10000, 40, 1000));
	fake_push(p.a, super_frame(40 + 10000, 40, 1001));
	ho_world_run(p.w, HO_SEC, false);
	assert_int_equal(p.b->arrival_count, 1);
	assert_int_equal(p.b->arrivals[0].gso_segs, 10);
	assert_int_equal(p.b->arrivals[0].at, 10 * 1040 * HO_US);
	ho_world_close(p.w);
}

static void the_sender_of_a_partial_checksum_is_trusted(void **state)
{
	struct pair p = PAIR(0);
	struct ho_frame *f;

	(void)state;
	f = ho_frame_make(&fake_allocator, "0123456789abcdefghijABCDEFGHIJKLMNOPQRST", 40);
	f->csum = HO_CSUM_PARTIAL;
	fake_push(p.a, f);
	ho_world_run(p.w, HO_SEC, false);
	assert_int_equal(p.b->arrivals[0].csum, HO_CSUM_PARTIAL);
	ho_world_close(p.w);
}

/* ---- faults ---- */

static struct tapped fates_of_many(struct ho_wire_config c)
{
	struct pair p = pair_open(1, c);
	struct tapped t = {0};

	ho_world_tap_set(p.w, tap_count, &t);
	for (int i = 0; i < MANY; i++)
		fake_send(p.a, (uint8_t)i, 20);
	ho_world_run(p.w, HO_SEC, false);
	assert_int_equal(p.b->arrival_count, t.count - t.fate[HO_FATE_LOSS]);
	ho_world_close(p.w);
	return t;
}

static void assert_near(uint32_t count, uint32_t expected)
{
	assert_in_range(count, expected - expected / 10, expected + expected / 10);
}

static void loss_takes_its_share(void **state)
{
	struct tapped t = fates_of_many((struct ho_wire_config){.loss_ppm = 50000});

	(void)state;
	assert_near(t.fate[HO_FATE_LOSS], MANY / 20);
	assert_int_equal(t.fate[HO_FATE_LOSS] + t.fate[HO_FATE_PASS], MANY);
}

static void duplication_takes_its_share(void **state)
{
	struct tapped t = fates_of_many((struct ho_wire_config){.duplicate_ppm = 20000});

	(void)state;
	assert_near(t.fate[HO_FATE_DUPLICATE], MANY / 50);
	assert_int_equal(t.fate[HO_FATE_PASS], MANY);
}

static void corruption_takes_its_share(void **state)
{
	struct tapped t = fates_of_many((struct ho_wire_config){.corrupt_ppm = 100000});

	(void)state;
	assert_near(t.fate[HO_FATE_CORRUPT], MANY / 10);
	assert_int_equal(t.fate[HO_FATE_CORRUPT] + t.fate[HO_FATE_PASS], MANY);
}

static void no_part_per_million_never_happens_and_all_of_them_always(void **state)
{
	struct tapped t = fates_of_many((struct ho_wire_config){.loss_ppm = 0, .duplicate_ppm = 1000000});

	(void)state;
	assert_int_equal(t.fate[HO_FATE_LOSS], 0);
	assert_int_equal(t.fate[HO_FATE_DUPLICATE], MANY);
	t = fates_of_many((struct ho_wire_config){.loss_ppm = 1000000});
	assert_int_equal(t.fate[HO_FATE_LOSS], MANY);
}

static void a_duplicate_comes_right_behind_with_a_number_of_its_own(void **state)
{
	struct pair p = PAIR(.delay_ns = HO_MS, .duplicate_ppm = 1000000);

	(void)state;
	fake_send(p.a, 'a', 20);
	fake_send(p.a, 'b', 20);
	ho_world_run(p.w, HO_SEC, false);
	assert_string_equal(arrived(p.b), "aabb");
	for (uint64_t i = 0; i < 4; i++)
		assert_int_equal(p.b->arrivals[i].id, i + 1);
	assert_int_equal(p.b->arrivals[1].at, HO_MS);
	assert_int_equal(ho_world_frames(p.w), 4);
	ho_world_close(p.w);
}

static void a_reordered_frame_is_overtaken(void **state)
{
	struct pair p = PAIR(.delay_ns = HO_MS, .reorder_ppm = 1000000, .reorder_ns = 5 * HO_MS);

	(void)state;
	fake_send(p.a, 'a', 20);
	ho_world_flush(p.w);
	ho_world_wire_set(p.w, 0, &(struct ho_wire_config){.delay_ns = HO_MS});
	fake_send(p.a, 'b', 20);
	ho_world_run(p.w, HO_SEC, false);
	assert_string_equal(arrived(p.b), "ba");
	assert_int_equal(p.b->arrivals[0].at, HO_MS);
	assert_int_equal(p.b->arrivals[1].at, 6 * HO_MS);
	ho_world_close(p.w);
}

static uint32_t bits_that_differ(const uint8_t *a, const uint8_t *b, size_t n)
{
	uint32_t bits = 0;

	for (size_t i = 0; i < n; i++)
		for (int j = 0; j < 8; j++)
			bits += (uint32_t)((a[i] ^ b[i]) >> j & 1);
	return bits;
}

static void corruption_flips_one_bit_of_a_copy_and_leaves_the_original_alone(void **state)
{
	static const uint8_t bytes[40] = "precious bytes that nobody may change";
	struct pair p = PAIR(.corrupt_ppm = 1000000);
	struct ho_frame *f = ho_frame_make(&fake_allocator, bytes, sizeof(bytes));

	(void)state;
	f->csum = HO_CSUM_GOOD;
	for (int i = 0; i < 500; i++) {
		fake_push(p.a, ho_frame_ref(f));
		ho_world_flush(p.w);
	}
	ho_world_run(p.w, HO_SEC, false);
	assert_memory_equal(f->slice[0].data, bytes, sizeof(bytes));
	assert_int_equal(f->refs, 1);
	for (int i = 0; i < 500; i++) {
		assert_int_equal(bits_that_differ(p.b->arrivals[i].bytes, bytes, sizeof(bytes)), 1);
		assert_int_equal(p.b->arrivals[i].csum, HO_CSUM_NONE);
	}
	ho_frame_unref(f);
	ho_world_close(p.w);
}

static void corruption_reaches_every_bit(void **state)
{
	static const uint8_t zero[20];
	struct pair p = PAIR(.corrupt_ppm = 1000000);
	uint8_t any[20] = {0};

	(void)state;
	for (int i = 0; i < 5000; i++)
		fake_push(p.a, ho_frame_make(&fake_allocator, zero, sizeof(zero)));
	ho_world_run(p.w, HO_SEC, false);
	for (int i = 0; i < 5000; i++)
		for (int j = 0; j < 20; j++)
			any[j] |= p.b->arrivals[i].bytes[j];
	for (int j = 0; j < 20; j++)
		assert_int_equal(any[j], 0xff);
	ho_world_close(p.w);
}

/* ---- randomness ---- */

/* Which of 64 frames from a to b are lost, while b sends some, too. */
static uint64_t losses(uint64_t seed, uint32_t loss_ppm, uint32_t corrupt_ppm, int from_b)
{
	struct pair p = pair_open(seed, (struct ho_wire_config){.loss_ppm = loss_ppm, .corrupt_ppm = corrupt_ppm});
	struct ho_wire_config back = {.loss_ppm = 500000};
	uint64_t arrived_mask = 0;

	ho_world_wire_set(p.w, 1, &back);
	for (uint8_t i = 0; i < 64; i++) {
		for (int j = 0; j < from_b; j++)
			fake_send(p.b, 'b', 20);
		fake_send(p.a, i, 20);
		ho_world_run(p.w, ho_world_now(p.w) + HO_MS, false);
		if (p.b->arrival_count && p.b->arrivals[p.b->arrival_count - 1].at == i * HO_MS)
			arrived_mask |= UINT64_C(1) << i;
	}
	ho_world_close(p.w);
	return ~arrived_mask;
}

static void the_same_seed_loses_the_same_frames_and_another_seed_others(void **state)
{
	(void)state;
	assert_int_equal(losses(1, 500000, 0, 0), losses(1, 500000, 0, 0));
	assert_int_not_equal(losses(1, 500000, 0, 0), losses(2, 500000, 0, 0));
}

static void traffic_the_other_way_does_not_change_what_is_lost(void **state)
{
	(void)state;
	assert_int_equal(losses(1, 500000, 0, 0), losses(1, 500000, 0, 3));
}

static void another_fault_does_not_change_what_is_lost_and_more_loss_loses_the_same_and_more(void **state)
{
	uint64_t some = losses(1, 300000, 0, 0), more = losses(1, 600000, 0, 0);

	(void)state;
	assert_int_equal(some, losses(1, 300000, 900000, 0));
	assert_int_equal(some & more, some);
	assert_int_not_equal(some, more);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_of_a_wire_with_a_rate_arrive_one_behind_the_other),
		cmocka_unit_test(a_wire_is_never_faster_than_its_rate),
		cmocka_unit_test(what_a_slow_link_cannot_send_stays_with_the_host),
		cmocka_unit_test(a_full_queue_drops_what_comes_last),
		cmocka_unit_test(an_idle_wire_takes_a_frame_larger_than_its_queue),
		cmocka_unit_test(a_long_queue_keeps_all_in_order),
		cmocka_unit_test(a_rate_taken_away_does_not_let_frames_overtake),
		cmocka_unit_test(larger_packets_than_the_mtu_vanish),
		cmocka_unit_test(a_super_frame_takes_the_time_and_the_mtu_of_the_packets_it_stands_for),
		cmocka_unit_test(the_sender_of_a_partial_checksum_is_trusted),
		cmocka_unit_test(loss_takes_its_share),
		cmocka_unit_test(duplication_takes_its_share),
		cmocka_unit_test(corruption_takes_its_share),
		cmocka_unit_test(no_part_per_million_never_happens_and_all_of_them_always),
		cmocka_unit_test(a_duplicate_comes_right_behind_with_a_number_of_its_own),
		cmocka_unit_test(a_reordered_frame_is_overtaken),
		cmocka_unit_test(corruption_flips_one_bit_of_a_copy_and_leaves_the_original_alone),
		cmocka_unit_test(corruption_reaches_every_bit),
		cmocka_unit_test(the_same_seed_loses_the_same_frames_and_another_seed_others),
		cmocka_unit_test(traffic_the_other_way_does_not_change_what_is_lost),
		cmocka_unit_test(another_fault_does_not_change_what_is_lost_and_more_loss_loses_the_same_and_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
