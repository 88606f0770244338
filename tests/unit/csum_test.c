/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "csum.h"

static uint64_t random_state;

static uint8_t draw_byte(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint8_t)(random_state >> 32);
}

static uint32_t draw(uint32_t below)
{
	draw_byte();
	return (uint32_t)((random_state >> 32) * below >> 32);
}

/* RFC 1071 section 4.1, bytes as the network orders them; the result as it lies in memory. */
static uint16_t naive_sum(const uint8_t *data, size_t len)
{
	uint32_t sum = 0;
	uint8_t result[2];
	uint16_t in_memory;

	for (size_t i = 0; i < len; i++) {
		sum += (i & 1) ? data[i] : (uint32_t)data[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	result[0] = (uint8_t)(sum >> 8);
	result[1] = (uint8_t)sum;
	memcpy(&in_memory, result, 2);
	return in_memory;
}

/* The two zeros of one's complement are one number. */
static void assert_same_sum(uint16_t a, uint16_t b)
{
	assert_int_equal(a == 0xffff ? 0 : a, b == 0xffff ? 0 : b);
}

/* A block whose end is the end of its allocation, filled at random or with what carries most. */
static uint8_t *block_of(size_t bytes, int filling)
{
	uint8_t *block = malloc(bytes + 1);

	for (size_t i = 0; i < bytes; i++)
		block[i] = filling == 0 ? draw_byte() : filling == 1 ? 0xff : 0;
	return block;
}

static void every_length_from_0_to_300_at_every_alignment_is_rfc_1071(void **state)
{
	(void)state;
	random_state = UINT64_C(0x5eed0007);
	for (int filling = 0; filling < 3; filling++)
		for (size_t len = 0; len <= 300; len++)
			for (size_t at = 0; at < 9; at++) {
				uint8_t *block = block_of(at + len, filling);

				assert_same_sum(csum_fold_plain(csum_partial(block + at, len)), naive_sum(block + at, len));
				free(block);
			}
}

static void large_buffers_are_rfc_1071(void **state)
{
	static const size_t lens[] = {1459, 1460, 1500, 9000, 65535, 65536, 1000001, 5000000};

	(void)state;
	random_state = UINT64_C(0x5eed0008);
	for (int filling = 0; filling < 2; filling++)
		for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
			uint8_t *block = block_of(lens[i], filling);

			assert_same_sum(csum_fold_plain(csum_partial(block, lens[i])), naive_sum(block, lens[i]));
			free(block);
		}
}

static void only_zeros_sum_to_zero(void **state)
{
	uint8_t zeros[200] = {0};
	uint8_t ones[200];

	(void)state;
	memset(ones, 0xff, sizeof(ones));
	for (size_t len = 1; len < 200; len++) {
		assert_int_equal(csum_fold_plain(csum_partial(zeros, len)), 0);
		assert_int_not_equal(csum_fold_plain(csum_partial(ones, len)), 0);
	}
}

static void a_buffer_cut_anywhere_sums_to_the_same(void **state)
{
	(void)state;
	random_state = UINT64_C(0x5eed0009);
	for (int round = 0; round < 3000; round++) {
		size_t len = 1 + draw(2000);
		uint8_t *block = block_of(len, 0);
		uint32_t sum = 0;
		size_t bytes;

		for (size_t at = 0; at < len; at += bytes) {
			uint32_t piece;

			bytes = 1 + draw((uint32_t)(len - at));
			piece = csum_partial(block + at, bytes);
			sum = at & 1 ? csum_add_odd(sum, piece) : csum_add(sum, piece);
		}
		assert_same_sum(csum_fold_plain(sum), naive_sum(block, len));
		free(block);
	}
}

static void a_packet_with_its_checksum_in_place_sums_to_all_ones(void **state)
{
	static uint8_t header[20] = {0x45, 0, 0, 0x73, 0, 0, 0x40, 0, 0x40, 0x11, 0, 0, 0xc0, 0xa8, 0, 1, 0xc0, 0xa8, 0, 0xc7};
	uint16_t csum = csum_fold(csum_partial(header, 20));

	(void)state;
	memcpy(header + 10, &csum, 2);
	assert_int_equal(header[10], 0xb8);
	assert_int_equal(header[11], 0x61);
	assert_int_equal(csum_fold(csum_partial(header, 20)), 0);
}

static void a_pseudo_header_sums_as_its_12_bytes_do(void **state)
{
	(void)state;
	random_state = UINT64_C(0x5eed000a);
	for (int round = 0; round < 10000; round++) {
		uint8_t p[12];
		uint32_t saddr, daddr;

		for (int i = 0; i < 12; i++)
			p[i] = round == 0 ? 0xff : draw_byte();
		p[8] = 0;
		saddr = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
		daddr = (uint32_t)p[4] << 24 | (uint32_t)p[5] << 16 | (uint32_t)p[6] << 8 | p[7];
		assert_same_sum(csum_fold_plain(csum_pseudo(saddr, daddr, p[9], (uint32_t)p[10] << 8 | p[11])), naive_sum(p, 12));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_length_from_0_to_300_at_every_alignment_is_rfc_1071),
		cmocka_unit_test(large_buffers_are_rfc_1071),
		cmocka_unit_test(only_zeros_sum_to_zero),
		cmocka_unit_test(a_buffer_cut_anywhere_sums_to_the_same),
		cmocka_unit_test(a_packet_with_its_checksum_in_place_sums_to_all_ones),
		cmocka_unit_test(a_pseudo_header_sums_as_its_12_bytes_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
