/* SPDX-License-Identifier: MIT
 * Rules, taps, injection, and the digest of it all. */
#include "sim_test.h"

/* A rule that gives one order to packets that begin with a certain byte. */
struct one_rule {
	uint8_t first_byte;
	struct ho_order order;
	struct ho_passing last;
	uint32_t asked;
};

static struct ho_order one_rule(void *ctx, const struct ho_passing *p)
{
	struct one_rule *r = ctx;

	r->asked++;
	r->last = *p;
	return p->bytes[0] == r->first_byte ? r->order : (struct ho_order){0};
}

static void send_text(struct pair *p, const char *text)
{
	for (; *text; text++)
		fake_send(p->a, (uint8_t)*text, 20);
}

static void a_rule_sees_each_frame_that_enters_a_wire(void **state)
{
	struct one_rule r = {0};
	struct pair p = PAIR(.delay_ns = HO_MS);

	(void)state;
	ho_world_rule_set(p.w, one_rule, &r);
	p.a->made = 10;
	ho_world_run(p.w, HO_SEC, false);
	send_text(&p, "abc");
	ho_world_run(p.w, 2 * HO_SEC, false);
	assert_int_equal(r.asked, 3);
	assert_int_equal(r.last.at, HO_SEC);
	assert_int_equal(r.last.from, 0);
	assert_int_equal(r.last.to, 1);
	assert_int_equal(r.last.number, 3);
	assert_int_equal(r.last.sent_id, 13);
	assert_int_equal(r.last.len_bytes, 20);
	ho_world_rule_set(p.w, NULL, NULL);
	send_text(&p, "d");
	ho_world_run(p.w, 3 * HO_SEC, false);
	assert_int_equal(r.asked, 3);
	assert_string_equal(arrived(p.b), "abcd");
	ho_world_close(p.w);
}

static void a_rule_drops(void **state)
{
	struct one_rule r = {.first_byte = 'b', .order = {.drop = true}};
	struct tapped t = {0};
	struct pair p = PAIR(0);

	(void)state;
	ho_world_rule_set(p.w, one_rule, &r);
	ho_world_tap_set(p.w, tap_count, &t);
	send_text(&p, "abc");
	ho_world_run(p.w, HO_SEC, false);
	assert_string_equal(arrived(p.b), "ac");
	assert_int_equal(t.fate[HO_FATE_RULE_DROP], 1);
	ho_world_close(p.w);
}

static void a_rule_delays_and_others_overtake(void **state)
{
	struct one_rule r = {.first_byte = 'a', .order = {.delay_ns = 7 * HO_MS}};
	struct pair p = PAIR(.delay_ns = HO_MS);

	(void)state;
	ho_world_rule_set(p.w, one_rule, &r);
	send_text(&p, "abc");
	ho_world_run(p.w, HO_SEC, false);
	assert_string_equal(arrived(p.b), "bca");
	assert_int_equal(p.b->arrivals[2].at, 8 * HO_MS);
	ho_world_close(p.w);
}

static void a_rule_may_hold_a_frame_for_ever(void **state)
{
	struct one_rule r = {.first_byte = 'a', .order = {.delay_ns = HO_NEVER}};
	struct pair p = PAIR(.delay_ns = HO_MS);

	(void)state;
	ho_world_rule_set(p.w, one_rule, &r);
	send_text(&p, "ab");
	assert_int_equal(ho_world_run(p.w, HO_NEVER, false), HO_MS);
	assert_string_equal(arrived(p.b), "b");
	ho_world_close(p.w);
}

static void copies_come_each_a_delay_later_than_the_one_before(void **state)
{
	struct one_rule r = {.first_byte = 'a', .order = {.copies = 2, .delay_ns = HO_MS}};
	struct tapped t = {0};
	struct pair p = PAIR(.delay_ns = 10 * HO_MS);

	(void)state;
	ho_world_rule_set(p.w, one_rule, &r);
	ho_world_tap_set(p.w, tap_count, &t);
	send_text(&p, "a");
	ho_world_run(p.w, HO_SEC, false);
	assert_int_equal(p.b->arrival_count, 3);
	for (uint64_t i = 0; i < 3; i++) {
		assert_int_equal(p.b->arrivals[i].at, (11 + i) * HO_MS);
		assert_int_equal(p.b->arrivals[i].id, 1 + i);
	}
	assert_int_equal(t.fate[HO_FATE_PASS], 1);
	assert_int_equal(t.fate[HO_FATE_DUPLICATE], 2);
	assert_int_equal(t.last.sent_id, 1);
	assert_int_equal(r.asked, 1);
	ho_world_close(p.w);
}

static void a_copy_has_its_own_luck(void **state)
{
	struct one_rule r = {.first_byte = 'a', .order = {.copies = 999}};
	struct pair p = PAIR(.loss_ppm = 500000);

	(void)state;
	ho_world_rule_set(p.w, one_rule, &r);
	send_text(&p, "a");
	ho_world_run(p.w, HO_SEC, false);
	assert_in_range(p.b->arrival_count, 400, 600);
	ho_world_close(p.w);
}

static void a_rule_replaces_the_bytes_and_leaves_the_senders_alone(void **state)
{
	struct one_rule r = {.first_byte = 'a', .order = {.replacement = "other", .replacement_bytes = 5, .copies = 1}};
	struct pair p = PAIR(0);
	struct ho_frame *f = ho_frame_make(&fake_allocator, "a frame", 7);

	(void)state;
	ho_world_rule_set(p.w, one_rule, &r);
	fake_push(p.a, ho_frame_ref(f));
	ho_world_run(p.w, HO_SEC, false);
	assert_int_equal(p.b->arrival_count, 2);
	assert_int_equal(p.b->arrivals[1].len_bytes, 5);
	assert_memory_equal(p.b->arrivals[0].bytes, "other", 5);
	assert_memory_equal(p.b->arrivals[1].bytes, "other", 5);
	assert_memory_equal(f->slice[0].data, "a frame", 7);
	assert_int_equal(f->refs, 1);
	ho_frame_unref(f);
	ho_world_close(p.w);
}

static struct ho_order rule_cut(void *ctx, const struct ho_passing *p)
{
	(void)ctx;
	return (struct ho_order){.replacement = p->bytes + 1, .replacement_bytes = p->len_bytes - 1};
}

static void a_replacement_may_lie_in_the_bytes_shown(void **state)
{
	struct pair p = PAIR(0);

	(void)state;
	ho_world_rule_set(p.w, rule_cut, NULL);
	fake_push(p.a, ho_frame_make(&fake_allocator, "cut", 3));
	ho_world_run(p.w, HO_SEC, false);
	assert_int_equal(p.b->arrivals[0].len_bytes, 2);
	assert_memory_equal(p.b->arrivals[0].bytes, "ut", 2);
	ho_world_close(p.w);
}

/* A rule that reacts: whatever passes to b makes a send. */
struct reaction {
	struct ho_world *w;
	int left;
};

static struct ho_order rule_that_sends(void *ctx, const struct ho_passing *p)
{
	struct reaction *r = ctx;

	if (r->left-- > 0)
		fake_send(ho_world_host(r->w, 0), (uint8_t)('0' + r->left), 20);
	(void)p;
	return (struct ho_order){0};
}

static void tap_that_sends(void *ctx, const struct ho_passing *p)
{
	rule_that_sends(ctx, p);
}

static void what_a_rule_makes_another_host_send_leaves_at_the_same_instant(void **state)
{
	struct pair p = PAIR(.delay_ns = HO_MS);
	struct reaction r = {p.w, 3};

	(void)state;
	ho_world_wire_set(p.w, 1, &(struct ho_wire_config){.delay_ns = 5 * HO_MS}); /* nothing else is due at once */
	ho_world_rule_set(p.w, rule_that_sends, &r);
	fake_send(p.b, 'x', 20);
	ho_world_run(p.w, HO_SEC, false);
	assert_string_equal(arrived(p.a), "x");
	assert_string_equal(arrived(p.b), "210");
	assert_int_equal(p.b->arrivals[2].at, HO_MS);
	ho_world_close(p.w);
}

static void what_a_tap_makes_another_host_send_leaves_at_the_same_instant(void **state)
{
	struct pair p = PAIR(.delay_ns = HO_MS);
	struct reaction r = {p.w, 2};

	(void)state;
	ho_world_tap_set(p.w, tap_that_sends, &r);
	fake_send(p.a, 'x', 20);
	ho_world_run(p.w, HO_SEC, false);
	assert_string_equal(arrived(p.b), "x10");
	assert_int_equal(p.b->arrivals[1].at, 2 * HO_MS);
	assert_int_equal(p.b->arrivals[2].at, 3 * HO_MS);
	ho_world_close(p.w);
}

/* ---- taps ---- */

struct order_of_tap {
	struct ho_stack *to;
	size_t arrivals_then;
};

static void tap_looks_at_receiver(void *ctx, const struct ho_passing *p)
{
	struct order_of_tap *o = ctx;

	assert_int_equal(p->bytes[0], 'x');
	o->arrivals_then = o->to->arrival_count;
}

static void the_tap_is_told_after_the_receiver_has_dealt_with_the_frame(void **state)
{
	struct pair p = PAIR(.delay_ns = HO_MS);
	struct order_of_tap o = {p.b, 0};

	(void)state;
	ho_world_tap_set(p.w, tap_looks_at_receiver, &o);
	fake_send(p.a, 'x', 20);
	ho_world_run(p.w, HO_SEC, false);
	assert_int_equal(o.arrivals_then, 1);
	ho_world_close(p.w);
}

static void the_tap_is_told_where_when_and_what(void **state)
{
	struct pair p = PAIR(.delay_ns = HO_MS);
	struct tapped t = {0};

	(void)state;
	ho_world_tap_set(p.w, tap_count, &t);
	fake_send(p.b, 'y', 20);
	ho_world_wire_set(p.w, 1, &(struct ho_wire_config){.delay_ns = 4 * HO_MS});
	ho_world_run(p.w, HO_SEC, false);
	assert_int_equal(t.last.at, 4 * HO_MS);
	assert_int_equal(t.last.from, 1);
	assert_int_equal(t.last.to, 0);
	assert_int_equal(t.last.fate, HO_FATE_PASS);
	assert_int_equal(t.last.len_bytes, 20);
	assert_int_equal(t.bytes[0], 'y');
	ho_world_close(p.w);
}

/* ---- injection ---- */

static void an_injected_packet_arrives_whatever_the_wire_is_like(void **state)
{
	struct one_rule r = {.first_byte = 'i', .order = {.drop = true}};
	struct pair p = PAIR(.loss_ppm = 1000000, .delay_ns = HO_SEC);
	struct tapped t = {0};

	(void)state;
	ho_world_rule_set(p.w, one_rule, &r);
	ho_world_tap_set(p.w, tap_count, &t);
	assert_int_equal(ho_world_inject(p.w, 1, "injected", 8, 3 * HO_MS), 0);
	assert_int_equal(ho_world_next(p.w), 3 * HO_MS);
	ho_world_run(p.w, HO_SEC, false);
	assert_int_equal(p.b->arrivals[0].at, 3 * HO_MS);
	assert_memory_equal(p.b->arrivals[0].bytes, "injected", 8);
	assert_int_equal(p.b->arrivals[0].csum, HO_CSUM_NONE);
	assert_int_equal(p.b->arrivals[0].id, 1);
	assert_int_equal(t.last.from, -1);
	assert_int_equal(t.last.to, 1);
	assert_int_equal(t.last.number, 1);
	assert_int_equal(t.last.sent_id, 0);
	assert_int_equal(t.last.fate, HO_FATE_INJECTED);
	assert_int_equal(r.asked, 0);
	ho_world_close(p.w);
}

static void an_injection_needs_no_wire_and_copies_its_bytes(void **state)
{
	char bytes[] = "first";
	struct ho_world *w;

	(void)state;
	ho_world_open(1, NULL, &w);
	host_add(w, "alone");
	assert_int_equal(ho_world_inject(w, 0, bytes, 5, HO_MS), 0);
	memset(bytes, 0, sizeof(bytes));
	ho_world_run(w, HO_SEC, false);
	assert_memory_equal(ho_world_host(w, 0)->arrivals[0].bytes, "first", 5);
	ho_world_close(w);
}

/* ---- digest ---- */

/* A lively world; seeds, an extra tap or a single other byte are the differences. */
static uint64_t lively_digest(uint64_t seed, uint8_t byte, bool tapped)
{
	struct pair p = pair_open(seed, (struct ho_wire_config){.loss_ppm = 100000, .duplicate_ppm = 100000,
	                          .corrupt_ppm = 100000, .reorder_ppm = 100000, .reorder_ns = HO_MS,
	                          .rate_bps = 10000000, .queue_bytes = 3000, .delay_ns = 2 * HO_MS});
	struct tapped t = {0};
	uint64_t digest;

	if (tapped)
		ho_world_tap_set(p.w, tap_count, &t);
	p.b->echo = true;
	p.a->beats = true;
	for (int i = 0; i < FAKE_TIMERS; i++)
		fake_timer(p.a, (ho_time_ns)i * HO_MS);
	for (uint8_t i = 0; i < 100; i++) {
		fake_send(p.a, i == 50 ? byte : i, 20u + i);
		ho_world_run(p.w, i * HO_MS / 4, false);
	}
	ho_world_run(p.w, HO_SEC, false);
	digest = ho_world_digest(p.w);
	ho_world_close(p.w);
	return digest;
}

static void the_digest_is_the_same_for_the_same_seed_and_not_for_another(void **state)
{
	(void)state;
	assert_int_equal(lively_digest(1, 50, false), lively_digest(1, 50, false));
	assert_int_not_equal(lively_digest(1, 50, false), lively_digest(2, 50, false));
}

static void the_digest_knows_a_single_byte(void **state)
{
	(void)state;
	assert_int_not_equal(lively_digest(1, 50, false), lively_digest(1, 51, false));
}

static void the_digest_does_not_know_the_tap(void **state)
{
	(void)state;
	assert_int_equal(lively_digest(1, 50, false), lively_digest(1, 50, true));
}

/* Compilers, optimisation and sanitizers must agree on this very number. */
static void the_digest_is_the_same_everywhere(void **state)
{
	(void)state;
	assert_int_equal(lively_digest(1, 50, false), UINT64_C(0xfbe2b9425f981831));
}

static uint64_t digest_of_pieces(ho_time_ns delay_ns, uint32_t first_bytes)
{
	static const char bytes[] = "the same bytes in one piece or in two, long enough for a few blocks of the digest";
	struct pair p = PAIR(.delay_ns = delay_ns);
	struct ho_frame *f = ho_frame_make(&fake_allocator, bytes, sizeof(bytes));
	uint64_t digest;

	f->slice_count = 2;
	f->slice[1] = (struct ho_slice){f->slice[0].data + first_bytes, f->len_bytes - first_bytes};
	f->slice[0].len_bytes = first_bytes;
	fake_push(p.a, f);
	ho_world_run(p.w, HO_SEC, false);
	digest = ho_world_digest(p.w);
	ho_world_close(p.w);
	return digest;
}

static void the_digest_knows_the_time_but_not_the_slices(void **state)
{
	(void)state;
	for (uint32_t i = 1; i < 80; i++)
		assert_int_equal(digest_of_pieces(1, i), digest_of_pieces(1, 40));
	assert_int_not_equal(digest_of_pieces(1, 40), digest_of_pieces(2, 40));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rule_sees_each_frame_that_enters_a_wire),
		cmocka_unit_test(a_rule_drops),
		cmocka_unit_test(a_rule_delays_and_others_overtake),
		cmocka_unit_test(a_rule_may_hold_a_frame_for_ever),
		cmocka_unit_test(copies_come_each_a_delay_later_than_the_one_before),
		cmocka_unit_test(a_copy_has_its_own_luck),
		cmocka_unit_test(a_rule_replaces_the_bytes_and_leaves_the_senders_alone),
		cmocka_unit_test(a_replacement_may_lie_in_the_bytes_shown),
		cmocka_unit_test(what_a_rule_makes_another_host_send_leaves_at_the_same_instant),
		cmocka_unit_test(what_a_tap_makes_another_host_send_leaves_at_the_same_instant),
		cmocka_unit_test(the_tap_is_told_after_the_receiver_has_dealt_with_the_frame),
		cmocka_unit_test(the_tap_is_told_where_when_and_what),
		cmocka_unit_test(an_injected_packet_arrives_whatever_the_wire_is_like),
		cmocka_unit_test(an_injection_needs_no_wire_and_copies_its_bytes),
		cmocka_unit_test(the_digest_is_the_same_for_the_same_seed_and_not_for_another),
		cmocka_unit_test(the_digest_knows_a_single_byte),
		cmocka_unit_test(the_digest_does_not_know_the_tap),
		cmocka_unit_test(the_digest_is_the_same_everywhere),
		cmocka_unit_test(the_digest_knows_the_time_but_not_the_slices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
