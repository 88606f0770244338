/* SPDX-License-Identifier: MIT
 * Hosts of several links: each link has a wire of its own. */
#include "sim_test.h"

/* a -- r -- b: r has two links. */
struct row {
	struct ho_world *w;
	struct ho_stack *a, *r, *b;
};

enum { A, R, B };

static struct row row_open(uint64_t seed, const struct ho_wire_config *a_to_r, const struct ho_wire_config *r_to_b)
{
	struct row t;

	assert_int_equal(ho_world_open(seed, NULL, &t.w), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(host_add(t.w, "h"), i);
	t.a = ho_world_host(t.w, A);
	t.r = ho_world_host(t.w, R);
	t.b = ho_world_host(t.w, B);
	t.r->link_count = 2;
	assert_int_equal(ho_world_wire_add(t.w, A, R, a_to_r, NULL), 0);
	assert_int_equal(ho_world_join(t.w, R, 1, B, 0, r_to_b, NULL), 0);
	return t;
}

#define ROW(...) row_open(1, &(struct ho_wire_config){__VA_ARGS__}, &(struct ho_wire_config){__VA_ARGS__})

static void a_frame_leaves_by_its_link_and_arrives_at_the_one_it_is_joined_to(void **state)
{
	struct row t = ROW(0);
	struct tapped tap = {0};

	(void)state;
	ho_world_tap_set(t.w, tap_count, &tap);
	fake_send_link(t.r, 1, 'b', 20);
	ho_world_run(t.w, HO_MS, false);
	assert_string_equal(arrived(t.b), "b");
	assert_string_equal(arrived(t.a), "");
	assert_int_equal(t.b->arrivals[0].link, 0);
	assert_int_equal(tap.last.from, R);
	assert_int_equal(tap.last.from_link, 1);
	assert_int_equal(tap.last.to, B);
	assert_int_equal(tap.last.to_link, 0);
	fake_send(t.b, 'r', 20);
	ho_world_run(t.w, 2 * HO_MS, false);
	assert_int_equal(t.r->arrivals[0].link, 1);
	assert_int_equal(tap.last.to_link, 1);
	ho_world_close(t.w);
}

static void what_is_relayed_goes_on_at_the_instant_of_its_arrival(void **state)
{
	struct row t = ROW(.delay_ns = 3 * HO_MS);

	(void)state;
	t.r->relays = true;
	fake_send(t.a, 'x', 20);
	ho_world_run(t.w, HO_SEC, false);
	assert_int_equal(t.r->arrivals[0].at, 3 * HO_MS);
	assert_int_equal(t.b->arrivals[0].at, 6 * HO_MS);
	ho_world_close(t.w);
}

static void each_link_has_a_delay_of_its_own(void **state)
{
	struct row t = ROW(.delay_ns = HO_MS);

	(void)state;
	assert_int_equal(ho_world_wire_set_link(t.w, R, 1, &(struct ho_wire_config){.delay_ns = 7 * HO_MS}), 0);
	fake_send(t.r, 'a', 20);
	fake_send_link(t.r, 1, 'b', 20);
	ho_world_run(t.w, HO_SEC, false);
	assert_int_equal(t.a->arrivals[0].at, 0);
	assert_int_equal(t.b->arrivals[0].at, 7 * HO_MS);
	ho_world_close(t.w);
}

static void links_of_a_host_send_in_the_order_of_their_numbers(void **state)
{
	struct row t = ROW(0);

	(void)state;
	fake_send_link(t.r, 1, 'b', 20);
	fake_send_link(t.r, 0, 'a', 20);
	ho_world_run(t.w, HO_MS, false);
	assert_int_equal(t.a->arrivals[0].id, 1);
	assert_int_equal(t.b->arrivals[0].id, 2);
	ho_world_close(t.w);
}

static struct ho_order drop_from_link_1(void *ctx, const struct ho_passing *p)
{
	(void)ctx;
	return (struct ho_order){.drop = p->from == R && p->from_link == 1};
}

static void a_rule_knows_the_link(void **state)
{
	struct row t = ROW(0);

	(void)state;
	ho_world_rule_set(t.w, drop_from_link_1, NULL);
	fake_send_link(t.r, 0, 'a', 20);
	fake_send_link(t.r, 1, 'b', 20);
	ho_world_run(t.w, HO_MS, false);
	assert_string_equal(arrived(t.a), "a");
	assert_string_equal(arrived(t.b), "");
	ho_world_close(t.w);
}

static void a_packet_is_injected_to_a_link(void **state)
{
	struct row t = ROW(0);

	(void)state;
	assert_int_equal(ho_world_inject_link(t.w, R, 1, "one", 3, 0), 0);
	assert_int_equal(ho_world_inject(t.w, R, "nought", 6, 0), 0);
	assert_int_equal(ho_world_inject_link(t.w, R, 2, "two", 3, 0), -EINVAL);
	assert_int_equal(ho_world_inject_link(t.w, R, -1, "none", 4, 0), -EINVAL);
	ho_world_run(t.w, HO_MS, false);
	assert_int_equal(t.r->arrival_count, 2);
	assert_int_equal(t.r->arrivals[0].link, 1);
	assert_int_equal(t.r->arrivals[1].link, 0);
	ho_world_close(t.w);
}

static void a_link_that_came_later_is_seen_without_a_wire_and_can_be_joined(void **state)
{
	struct row t = ROW(0);
	struct tapped tap = {0};

	(void)state;
	ho_world_tap_set(t.w, tap_count, &tap);
	t.r->link_count = 3;
	fake_send_link(t.r, 2, 'n', 20);
	ho_world_run(t.w, HO_MS, false);
	assert_int_equal(tap.last.from_link, 2);
	assert_int_equal(tap.last.to, -1);
	t.a->link_count = 2;
	assert_int_equal(ho_world_join(t.w, A, 1, R, 2, NULL, NULL), 0);
	fake_send_link(t.r, 2, 'y', 20);
	ho_world_run(t.w, 2 * HO_MS, false);
	assert_string_equal(arrived(t.a), "y");
	assert_int_equal(t.a->arrivals[0].link, 1);
	ho_world_close(t.w);
}

static void two_links_of_one_host_may_be_joined(void **state)
{
	struct ho_world *w;
	struct ho_stack *s;

	(void)state;
	ho_world_open(1, NULL, &w);
	host_add(w, "alone");
	s = ho_world_host(w, 0);
	s->link_count = 2;
	assert_int_equal(ho_world_join(w, 0, 0, 0, 1, NULL, NULL), 0);
	fake_send(s, 'x', 20);
	ho_world_run(w, HO_MS, false);
	assert_int_equal(s->arrivals[0].link, 1);
	ho_world_close(w);
}

static void what_cannot_be_joined_is_refused(void **state)
{
	struct row t = ROW(0);
	struct ho_wire_config absurd = {.loss_ppm = 1000001};

	(void)state;
	t.a->link_count = t.b->link_count = 2;
	assert_int_equal(ho_world_join(t.w, A, 1, B, 0, NULL, NULL), -EBUSY);
	assert_int_equal(ho_world_join(t.w, R, 1, B, 1, NULL, NULL), -EBUSY);
	assert_int_equal(ho_world_join(t.w, A, 2, B, 1, NULL, NULL), -EINVAL);
	assert_int_equal(ho_world_join(t.w, A, -1, B, 1, NULL, NULL), -EINVAL);
	assert_int_equal(ho_world_join(t.w, A, 1, 3, 0, NULL, NULL), -EINVAL);
	assert_int_equal(ho_world_join(t.w, A, 1, A, 1, NULL, NULL), -EINVAL);
	assert_int_equal(ho_world_join(t.w, A, 1, B, 1, &absurd, NULL), -EINVAL);
	assert_int_equal(ho_world_wire_set_link(t.w, A, 1, NULL), -EINVAL);
	assert_int_equal(ho_world_join(t.w, A, 1, B, 1, NULL, NULL), 0);
	assert_int_equal(ho_world_wire_set_link(t.w, A, 1, NULL), 0);
	assert_int_equal(ho_world_wire_set_link(t.w, A, 2, NULL), -EINVAL);
	assert_int_equal(ho_world_wire_set_link(t.w, A, -1, NULL), -EINVAL);
	ho_world_close(t.w);
}

/* What a link loses is its own: the n-th frame's fate there does not depend on another link's traffic. */
static uint32_t lost_at_link_1(uint32_t others)
{
	struct ho_wire_config half = {.loss_ppm = 500000};
	struct row t = row_open(3, NULL, &half);
	uint32_t fates = 0;

	for (int i = 0; i < 32; i++) {
		size_t before = t.b->arrival_count;

		for (uint32_t k = 0; k < others; k++)
			fake_send(t.r, 'o', 20);
		fake_send_link(t.r, 1, 'x', 20);
		ho_world_run(t.w, (ho_time_ns)i * HO_MS, false);
		fates = fates << 1 | (t.b->arrival_count == before);
	}
	ho_world_close(t.w);
	return fates;
}

static void the_luck_of_a_link_is_its_own(void **state)
{
	(void)state;
	assert_int_equal(lost_at_link_1(0), lost_at_link_1(3));
	assert_int_not_equal(lost_at_link_1(0), 0);
}

static uint64_t digest_by_link(int link)
{
	struct row t = ROW(0);
	uint64_t digest;

	t.r->link_count = t.b->link_count = 3;
	ho_world_join(t.w, R, 2, B, 1, NULL, NULL);
	fake_send_link(t.r, link, 'x', 20);
	ho_world_run(t.w, HO_MS, false);
	digest = ho_world_digest(t.w);
	ho_world_close(t.w);
	return digest;
}

static void the_digest_knows_the_link(void **state)
{
	(void)state;
	assert_int_equal(digest_by_link(1), digest_by_link(1));
	assert_int_not_equal(digest_by_link(1), digest_by_link(2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_frame_leaves_by_its_link_and_arrives_at_the_one_it_is_joined_to),
		cmocka_unit_test(what_is_relayed_goes_on_at_the_instant_of_its_arrival),
		cmocka_unit_test(each_link_has_a_delay_of_its_own),
		cmocka_unit_test(links_of_a_host_send_in_the_order_of_their_numbers),
		cmocka_unit_test(a_rule_knows_the_link),
		cmocka_unit_test(a_packet_is_injected_to_a_link),
		cmocka_unit_test(a_link_that_came_later_is_seen_without_a_wire_and_can_be_joined),
		cmocka_unit_test(two_links_of_one_host_may_be_joined),
		cmocka_unit_test(what_cannot_be_joined_is_refused),
		cmocka_unit_test(the_luck_of_a_link_is_its_own),
		cmocka_unit_test(the_digest_knows_the_link),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
