/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire.h"

static uint64_t random_state;

static uint32_t draw(uint32_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)((random_state >> 32) * below >> 32);
}

#define PARSE(syn, ...) parse((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}), syn)

/* Parses a copy that ends with its allocation, so that AddressSanitizer sees one byte too many. */
static struct tcp_options parse(const uint8_t *opt, size_t len, bool syn)
{
	uint8_t *copy = malloc(len + 1);
	struct tcp_options o;

	memset(&o, 0xa5, sizeof(o));
	if (len != 0)
		memcpy(copy + 1, opt, len);
	tcp_options_parse(copy + 1, len, syn, &o);
	free(copy);
	return o;
}

static void a_linux_syn_is_read(void **state)
{
	struct tcp_options o = PARSE(true, 2, 4, 5, 0xb4, 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0, 1, 3, 3, 7);

	(void)state;
	assert_true(o.has_mss && o.has_sack_ok && o.has_ts && o.has_wscale);
	assert_int_equal(o.mss, 1460);
	assert_int_equal(o.ts_val, 0x01020304);
	assert_int_equal(o.ts_ecr, 0);
	assert_int_equal(o.wscale, 7);
	assert_int_equal(o.sack_count, 0);
}

static void what_belongs_to_a_syn_is_ignored_elsewhere(void **state)
{
	struct tcp_options o = PARSE(false, 2, 4, 5, 0xb4, 4, 2, 1, 3, 3, 7, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2);

	(void)state;
	assert_false(o.has_mss || o.has_sack_ok || o.has_wscale);
	assert_int_equal(o.mss, 0);
	assert_true(o.has_ts);
	assert_int_equal(o.ts_ecr, 2);
}

static void aligned_timestamps_and_any_others_read_alike(void **state)
{
	struct tcp_options aligned = PARSE(false, 1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8);
	struct tcp_options behind = PARSE(false, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 1);

	(void)state;
	assert_memory_equal(&aligned, &behind, sizeof(aligned));
	assert_int_equal(aligned.ts_val, 0x01020304);
	assert_int_equal(aligned.ts_ecr, 0x05060708);
}

static void sack_blocks_are_read_up_to_four(void **state)
{
	uint8_t opt[50] = {1, 1, 5, 0};

	(void)state;
	for (uint8_t i = 4; i < sizeof(opt); i++)
		opt[i] = i;
	for (uint8_t blocks = 1; blocks <= 5; blocks++) {
		struct tcp_options o;

		opt[3] = (uint8_t)(2 + 8 * blocks);
		o = parse(opt, 2u + opt[3], false);
		assert_int_equal(o.sack_count, blocks < 4 ? blocks : 4);
		assert_int_equal(o.sack[0][0], 0x04050607);
		assert_int_equal(o.sack[0][1], 0x08090a0b);
		if (blocks >= 4)
			assert_int_equal(o.sack[3][1], 0x20212223);
	}
}

static void an_option_of_a_wrong_length_is_skipped(void **state)
{
	struct tcp_options o = PARSE(true, 2, 3, 5, 3, 4, 9, 9, 4, 3, 0, 8, 4, 1, 1, 5, 9, 0, 0, 0, 0, 0, 0, 0, 3, 3, 5);

	(void)state;
	assert_false(o.has_mss || o.has_sack_ok || o.has_ts);
	assert_int_equal(o.sack_count, 0);
	assert_true(o.has_wscale);
	assert_int_equal(o.wscale, 5);
}

static void an_option_that_overruns_ends_the_parse_and_what_came_before_counts(void **state)
{
	struct tcp_options o = PARSE(true, 2, 4, 2, 24, 8, 10, 1, 2, 3);

	(void)state;
	assert_int_equal(o.mss, 536);
	assert_false(o.has_ts);
	o = PARSE(true, 2, 4, 2, 24, 3);
	assert_true(o.has_mss && !o.has_wscale);
	o = PARSE(true, 99, 1, 2, 4, 2, 24);
	assert_false(o.has_mss);
	o = PARSE(true, 99, 0, 2, 4, 2, 24);
	assert_false(o.has_mss);
}

static void the_end_of_the_list_ends_it(void **state)
{
	struct tcp_options o = PARSE(true, 1, 0, 2, 4, 2, 24);

	(void)state;
	assert_false(o.has_mss);
	o = parse(NULL, 0, true);
	assert_false(o.has_mss || o.has_ts || o.has_wscale || o.has_sack_ok);
}

static void unknown_options_are_skipped(void **state)
{
	struct tcp_options o = PARSE(true, 253, 6, 1, 2, 3, 4, 34, 2, 2, 4, 2, 24);

	(void)state;
	assert_int_equal(o.mss, 536);
}

static void an_mss_of_zero_is_none(void **state)
{
	struct tcp_options o = PARSE(true, 2, 4, 0, 0);

	(void)state;
	assert_false(o.has_mss);
	o = PARSE(true, 2, 4, 2, 24, 2, 4, 0, 0);
	assert_int_equal(o.mss, 536);
}

static void a_window_scale_beyond_14_is_14(void **state)
{
	struct tcp_options o = PARSE(true, 3, 3, 14);

	(void)state;
	assert_int_equal(o.wscale, 14);
	o = PARSE(true, 3, 3, 15);
	assert_int_equal(o.wscale, 14);
	o = PARSE(true, 3, 3, 255);
	assert_int_equal(o.wscale, 14);
}

static void a_fast_open_cookie_is_found_where_it_lies(void **state)
{
	struct tcp_options o = PARSE(true, 2, 4, 5, 180, 34, 10, 1, 2, 3, 4, 5, 6, 7, 8);

	(void)state;
	assert_int_equal(o.fastopen_at, 6);
	assert_int_equal(o.fastopen_bytes, 8);
	assert_false(o.fastopen_exp);
	o = PARSE(true, 34, 2);
	assert_int_equal(o.fastopen_at, 2);
	assert_int_equal(o.fastopen_bytes, 0);
	o = PARSE(true, 254, 8, 0xf9, 0x89, 1, 2, 3, 4);
	assert_int_equal(o.fastopen_at, 4);
	assert_int_equal(o.fastopen_bytes, 4);
	assert_true(o.fastopen_exp);
}

static void a_fast_open_cookie_has_4_to_16_bytes_and_belongs_to_a_syn(void **state)
{
	struct tcp_options o = PARSE(true, 34, 4, 1, 2);

	(void)state;
	assert_int_equal(o.fastopen_at, 0);
	o = PARSE(true, 34, 7, 1, 2, 3, 4, 5);
	assert_int_equal(o.fastopen_at, 0);
	o = PARSE(true, 34, 20, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18);
	assert_int_equal(o.fastopen_at, 0);
	o = PARSE(true, 254, 8, 0xf9, 0x88, 1, 2, 3, 4); /* somebody else's experiment */
	assert_int_equal(o.fastopen_at, 0);
	o = PARSE(true, 254, 3, 0xf9);
	assert_int_equal(o.fastopen_at, 0);
	o = PARSE(false, 34, 6, 1, 2, 3, 4);
	assert_int_equal(o.fastopen_at, 0);
	o = PARSE(true, 34, 6, 1, 2, 3, 4, 34, 7, 1, 2, 3, 4, 5); /* an odd one changes nothing */
	assert_int_equal(o.fastopen_at, 2);
	o = PARSE(true, 34, 6, 1, 2, 3, 4, 34, 4, 1, 2); /* a short one does */
	assert_int_equal(o.fastopen_at, 0);
}

static void of_several_the_last_one_counts(void **state)
{
	struct tcp_options o = PARSE(true, 2, 4, 2, 24, 2, 4, 5, 0xb4, 3, 3, 1, 3, 3, 2);

	(void)state;
	assert_int_equal(o.mss, 1460);
	assert_int_equal(o.wscale, 2);
	o = PARSE(false, 5, 10, 0, 0, 0, 1, 0, 0, 0, 2, 5, 10, 0, 0, 0, 3, 0, 0, 0, 4);
	assert_int_equal(o.sack_count, 1);
	assert_int_equal(o.sack[0][0], 3);
}

/* --- against a model: the same rules, written as a search for the last valid option of a kind -------------------- */

/* Where the last option of this kind and an allowed length begins, -1: none. */
static int last_option(const uint8_t *opt, int len, int kind, int min, int max, int step)
{
	int last = -1;

	for (int at = 0; at < len && opt[at] != 0; at += opt[at] == 1 ? 1 : opt[at + 1]) {
		if (opt[at] == 1)
			continue;
		if (at + 1 >= len || opt[at + 1] < 2 || at + opt[at + 1] > len)
			break;
		if (opt[at] == kind && opt[at + 1] >= min && opt[at + 1] <= max && (opt[at + 1] - min) % step == 0)
			last = at;
	}
	return last;
}

static void check_against_model(const uint8_t *opt, int len, bool syn)
{
	struct tcp_options o = parse(opt, (size_t)len, syn);
	int wscale = syn ? last_option(opt, len, 3, 3, 3, 1) : -1;
	int sack_ok = syn ? last_option(opt, len, 4, 2, 2, 1) : -1;
	int ts = last_option(opt, len, 8, 10, 10, 1);
	int sack = last_option(opt, len, 5, 10, 250, 8);

	assert_int_equal(o.has_wscale, wscale >= 0);
	assert_int_equal(o.has_sack_ok, sack_ok >= 0);
	assert_int_equal(o.has_ts, ts >= 0);
	if (wscale >= 0)
		assert_int_equal(o.wscale, opt[wscale + 2] > 14 ? 14 : opt[wscale + 2]);
	if (ts >= 0)
		assert_int_equal(o.ts_val, get32(opt + ts + 2));
	assert_int_equal(o.sack_count, sack < 0 ? 0 : opt[sack + 1] / 8 > 4 ? 4 : opt[sack + 1] / 8);
	if (sack >= 0)
		assert_int_equal(o.sack[o.sack_count - 1][1], get32(opt + sack + 8 * o.sack_count - 2));
	assert_true(syn || !o.has_mss);
}

/* Mostly well-formed: rubbish alone seldom gets beyond its second byte. */
static int draw_options(uint8_t *opt)
{
	static const uint8_t usual_length[] = {1, 1, 4, 3, 2, 10, 6, 6, 10, 4};
	int len = (int)draw(41);
	int at = 0;

	for (int i = 0; i < len; i++)
		opt[i] = (uint8_t)draw(256);
	while (at < len) {
		uint32_t kind = draw(30) == 0 ? 0 : 1 + draw(9);

		opt[at++] = (uint8_t)kind;
		if (kind < 2 || at >= len)
			continue;
		opt[at] = draw(12) == 0 ? (uint8_t)draw(20) : usual_length[kind];
		if (kind == 5 && draw(2))
			opt[at] = (uint8_t)(2 + 8 * draw(5));
		at += opt[at] > 1 ? opt[at] - 1 : 1;
	}
	return len;
}

static void random_options_agree_with_the_model(void **state)
{
	uint8_t opt[64];

	(void)state;
	random_state = UINT64_C(0x5eed000b);
	for (int round = 0; round < 200000; round++) {
		int len = draw_options(opt);

		check_against_model(opt, len, draw(2));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_linux_syn_is_read),
		cmocka_unit_test(what_belongs_to_a_syn_is_ignored_elsewhere),
		cmocka_unit_test(aligned_timestamps_and_any_others_read_alike),
		cmocka_unit_test(sack_blocks_are_read_up_to_four),
		cmocka_unit_test(an_option_of_a_wrong_length_is_skipped),
		cmocka_unit_test(an_option_that_overruns_ends_the_parse_and_what_came_before_counts),
		cmocka_unit_test(the_end_of_the_list_ends_it),
		cmocka_unit_test(unknown_options_are_skipped),
		cmocka_unit_test(an_mss_of_zero_is_none),
		cmocka_unit_test(a_window_scale_beyond_14_is_14),
		cmocka_unit_test(a_fast_open_cookie_is_found_where_it_lies),
		cmocka_unit_test(a_fast_open_cookie_has_4_to_16_bytes_and_belongs_to_a_syn),
		cmocka_unit_test(of_several_the_last_one_counts),
		cmocka_unit_test(random_options_agree_with_the_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
