/* SPDX-License-Identifier: MIT
 * The world's leaf structures: digest, dice, agenda. */
#include "sim_test.h"

#include "agenda.h"
#include "dice.h"
#include "digest.h"

static uint64_t xxh64(const char *text, uint64_t seed)
{
	struct digest d;

	digest_init(&d, seed);
	digest_push(&d, text, strlen(text));
	return digest_value(&d);
}

static void the_digest_is_xxh64(void **state)
{
	(void)state; /* values of xxhsum -H64 */
	assert_int_equal(xxh64("", 0), UINT64_C(0xef46db3751d8e999));
	assert_int_equal(xxh64("a", 0), UINT64_C(0xd24ec4f1a98c6e5b));
	assert_int_equal(xxh64("abc", 0), UINT64_C(0x44bc2cf5ad770999));
	assert_int_equal(xxh64("Nobody inspects the spammish repetition", 0), UINT64_C(0xfbcea83c8a378bf1));
}

static void the_digest_is_the_same_whatever_the_pieces(void **state)
{
	uint8_t bytes[300];
	struct dice dice = {1};
	struct digest whole, pieces;

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)dice_throw(&dice);
	for (int round = 0; round < 2000; round++) {
		size_t len = dice_below(&dice, sizeof(bytes) + 1);

		digest_init(&whole, 5);
		digest_push(&whole, bytes, len);
		digest_init(&pieces, 5);
		for (size_t at = 0, n; at < len; at += n) {
			n = dice_below(&dice, 70);
			n = n < len - at ? n : len - at;
			digest_push(&pieces, bytes + at, n);
		}
		assert_int_equal(digest_value(&whole), digest_value(&pieces));
	}
}

static void dice_are_splitmix64(void **state)
{
	struct dice d = {1234567};

	(void)state; /* Vigna's splitmix64.c, seed 1234567 */
	assert_int_equal(dice_throw(&d), UINT64_C(6457827717110365317));
	assert_int_equal(dice_throw(&d), UINT64_C(3203168211198807973));
	assert_int_equal(dice_throw(&d), UINT64_C(9817491932198370423));
}

static void dice_of_different_users_differ(void **state)
{
	uint64_t seen[3 * 3 * 8];
	int n = 0;

	(void)state;
	for (uint64_t seed = 0; seed < 3; seed++)
		for (uint64_t purpose = 0; purpose < 3; purpose++)
			for (uint64_t user = 0; user < 8; user++) {
				struct dice d = dice_of(seed, purpose, user);

				seen[n] = dice_throw(&d);
				for (int i = 0; i < n; i++)
					assert_int_not_equal(seen[i], seen[n]);
				n++;
			}
}

static void dice_below_reaches_all_faces(void **state)
{
	struct dice d = {3};
	uint32_t count[6] = {0};

	(void)state;
	for (int i = 0; i < 60000; i++)
		count[dice_below(&d, 6)]++;
	for (int i = 0; i < 6; i++)
		assert_in_range(count[i], 9600, 10400);
}

static void the_agenda_gives_back_by_time_and_then_by_number(void **state)
{
	struct ho_stack_config c;
	struct passages *pool;
	struct agenda a = {0};
	struct dice d = {9};
	ho_time_ns now = 0;
	uint64_t last = 0, pushed = 0, popped = 0;
	struct ho_frame *f;

	(void)state;
	ho_stack_config_init(&c);
	pool = passages_open(&c.alloc);
	f = ho_frame_make(&c.alloc, "f", 1);
	for (now = 0; now < 3000 || a.count; now++) {
		for (uint32_t i = dice_below(&d, 5); i && now < 3000; i--) {
			struct passage *g = passage_take(pool, f);

			g->frame.id = ++pushed;
			g->sent_id = now + dice_below(&d, 200); /* due then */
			assert_true(agenda_push(&a, &c.alloc, g->sent_id, g));
		}
		last = 0;
		for (struct passage *g; (g = agenda_pop(&a, now)); popped++) {
			assert_int_equal(g->sent_id, now);
			assert_true(g->frame.id > last);
			last = g->frame.id;
			ho_frame_unref(&g->frame);
		}
	}
	assert_int_equal(popped, pushed);
	assert_int_equal(f->refs, 1);
	agenda_fini(&a, &c.alloc);
	passages_close(pool);
	ho_frame_unref(f);
}

static void a_pool_closed_early_stays_until_its_last_frame_is_released(void **state)
{
	struct ho_stack_config c;
	struct passages *pool;
	struct passage *g;
	struct ho_frame *f;

	(void)state;
	ho_stack_config_init(&c);
	pool = passages_open(&c.alloc);
	f = ho_frame_make(&c.alloc, "f", 1);
	g = passage_take(pool, f);
	ho_frame_unref(f);
	passages_close(pool);
	assert_int_equal(g->frame.slice[0].data[0], 'f');
	ho_frame_unref(&g->frame);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_digest_is_xxh64),
		cmocka_unit_test(the_digest_is_the_same_whatever_the_pieces),
		cmocka_unit_test(dice_are_splitmix64),
		cmocka_unit_test(dice_of_different_users_differ),
		cmocka_unit_test(dice_below_reaches_all_faces),
		cmocka_unit_test(the_agenda_gives_back_by_time_and_then_by_number),
		cmocka_unit_test(a_pool_closed_early_stays_until_its_last_frame_is_released),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
