/* SPDX-License-Identifier: MIT
 * The world's loop: time, order, events, hosts. */
#include "sim_test.h"

static void a_frame_arrives_after_the_delay_and_not_before(void **state)
{
	struct pair p = PAIR(.delay_ns = 5 * HO_MS);

	(void)state;
	fake_send(p.a, 'x', 100);
	assert_int_equal(ho_world_run(p.w, 5 * HO_MS - 1, false), 5 * HO_MS - 1);
	assert_int_equal(p.b->arrival_count, 0);
	assert_int_equal(ho_world_run(p.w, 5 * HO_MS, false), 5 * HO_MS);
	assert_int_equal(p.b->arrival_count, 1);
	assert_int_equal(p.b->arrivals[0].at, 5 * HO_MS);
	ho_world_close(p.w);
}

static void the_receiver_sees_the_worlds_number_and_the_sender_keeps_its_own(void **state)
{
	struct pair p = PAIR(0);
	struct tapped t = {0};
	struct ho_frame *f;

	(void)state;
	ho_world_tap_set(p.w, tap_count, &t);
	p.a->made = 40;
	f = ho_frame_make(&fake_allocator, "held", 4);
	fake_push(p.a, ho_frame_ref(f));
	ho_world_run(p.w, HO_MS, false);
	assert_int_equal(p.b->arrivals[0].id, 1);
	assert_int_equal(f->id, 41);
	assert_int_equal(f->refs, 1);
	assert_int_equal(t.last.number, 1);
	assert_int_equal(t.last.sent_id, 41);
	ho_frame_unref(f);
	ho_world_close(p.w);
}

static void a_frame_crosses_without_a_copy(void **state)
{
	struct pair p = PAIR(.delay_ns = 1, .duplicate_ppm = 1000000);
	struct ho_frame *f;

	(void)state;
	f = ho_frame_make(&fake_allocator, "here", 4);
	fake_push(p.a, ho_frame_ref(f));
	ho_world_run(p.w, HO_MS, false);
	assert_int_equal(p.b->arrival_count, 2);
	assert_ptr_equal(p.b->arrivals[0].data, f->slice[0].data);
	assert_ptr_equal(p.b->arrivals[1].data, f->slice[0].data);
	ho_frame_unref(f);
	ho_world_close(p.w);
}

static void a_receiver_may_keep_a_frame_until_after_its_sender_is_gone(void **state)
{
	struct pair p = PAIR(.delay_ns = 1);

	(void)state;
	p.b->keeps = true;
	fake_send(p.a, 'x', 100);
	ho_world_run(p.w, HO_MS, false);
	assert_int_equal(p.b->kept->slice[0].data[0], 'x');
	ho_world_close(p.w); /* host 0 first; the sanitizer watches */
}

static void frames_due_at_one_instant_arrive_in_the_order_in_which_they_left(void **state)
{
	struct pair p = PAIR(.delay_ns = HO_MS);

	(void)state;
	for (uint8_t i = 0; i < 200; i++)
		fake_send(p.a, i, 20);
	ho_world_run(p.w, HO_MS, false);
	assert_int_equal(p.b->arrival_count, 200);
	for (uint8_t i = 0; i < 200; i++) {
		assert_int_equal(p.b->arrivals[i].bytes[0], i);
		assert_int_equal(p.b->arrivals[i].id, i + 1);
	}
	ho_world_close(p.w);
}

static void at_one_instant_frames_come_before_timers_and_hosts_go_in_order(void **state)
{
	struct pair p = PAIR(.delay_ns = HO_MS);
	char order[32] = "", *end = order;

	(void)state;
	p.a->letter = 'a';
	p.b->letter = 'b';
	fake_timer(p.b, HO_MS);
	fake_timer(p.a, HO_MS);
	fake_send(p.a, 'x', 20);
	p.a->order = p.b->order = &end;
	ho_world_run(p.w, HO_MS - 1, false);
	ho_world_run(p.w, HO_MS, false);
	assert_string_equal(order, "ibtatb");
	ho_world_close(p.w);
}

static void timers_of_hosts_fire_in_the_order_of_the_hosts(void **state)
{
	struct ho_world *w;
	char order[32] = "", *end = order;
	struct ho_stack *s[3];

	(void)state;
	ho_world_open(1, NULL, &w);
	for (int i = 0; i < 3; i++)
		host_add(w, "h");
	for (int i = 2; i >= 0; i--) {
		s[i] = ho_world_host(w, i);
		s[i]->letter = (char)('0' + i);
		s[i]->order = &end;
		fake_timer(s[i], HO_SEC);
	}
	ho_world_run(w, HO_SEC, false);
	assert_string_equal(order, "t0t1t2");
	ho_world_close(w);
}

static void a_timer_fires_in_time_although_the_deadline_was_early(void **state)
{
	struct pair p = PAIR(0);

	(void)state;
	p.a->early_ns = 3 * HO_MS;
	fake_timer(p.a, 10 * HO_MS);
	ho_world_run(p.w, HO_SEC, false);
	assert_int_equal(p.a->fired_count, 1);
	assert_true(p.a->fired_at[0] >= 10 * HO_MS && p.a->fired_at[0] < 10 * HO_MS + 10 * HO_US);
	assert_true(p.a->expire_count < 500);
	ho_world_close(p.w);
}

static void time_goes_on_past_a_deadline_that_stays_in_the_past(void **state)
{
	struct pair p = PAIR(.delay_ns = HO_MS);

	(void)state;
	p.a->stuck = true;
	fake_send(p.a, 'x', 20);
	fake_timer(p.b, 500 * HO_MS);
	assert_int_equal(ho_world_run(p.w, HO_SEC, false), HO_SEC);
	assert_int_equal(p.b->arrival_count, 1);
	assert_int_equal(p.b->fired_at[0], 500 * HO_MS);
	assert_true(p.a->expire_count < 200000);
	ho_world_close(p.w);
}

static void what_a_timer_sends_leaves_at_once(void **state)
{
	struct pair p = PAIR(.delay_ns = HO_MS);

	(void)state;
	p.a->beats = true;
	fake_timer(p.a, 7 * HO_MS);
	ho_world_run(p.w, HO_SEC, false);
	assert_int_equal(p.b->arrivals[0].at, 8 * HO_MS);
	ho_world_close(p.w);
}

static void an_echo_takes_a_round_trip(void **state)
{
	struct pair p = PAIR(.delay_ns = 2 * HO_MS);
	struct ho_wire_config back = {.delay_ns = 3 * HO_MS};

	(void)state;
	assert_int_equal(ho_world_wire_set(p.w, 1, &back), 0);
	p.b->echo = true;
	fake_send(p.a, 'x', 50);
	ho_world_run(p.w, HO_SEC, false);
	assert_string_equal(arrived(p.a), "x");
	assert_int_equal(p.a->arrivals[0].at, 5 * HO_MS);
	ho_world_close(p.w);
}

static void running_for_ever_ends_when_nothing_is_due_and_stays_there(void **state)
{
	struct pair p = PAIR(.delay_ns = 2 * HO_MS);

	(void)state;
	fake_send(p.a, 'x', 50);
	assert_int_equal(ho_world_run(p.w, HO_NEVER, false), 2 * HO_MS);
	assert_int_equal(ho_world_next(p.w), HO_NEVER);
	assert_int_equal(ho_world_now(p.w), 2 * HO_MS);
	ho_world_close(p.w);
}

static void time_does_not_go_back(void **state)
{
	struct pair p = PAIR(0);

	(void)state;
	ho_world_run(p.w, HO_SEC, false);
	assert_int_equal(ho_world_run(p.w, HO_MS, false), HO_SEC);
	ho_world_close(p.w);
}

static void all_hosts_know_the_time_after_a_run(void **state)
{
	struct pair p = PAIR(0);

	(void)state;
	ho_world_run(p.w, 3 * HO_SEC, false);
	assert_int_equal(ho_stack_now(p.a), 3 * HO_SEC);
	assert_int_equal(ho_stack_now(p.b), 3 * HO_SEC);
	assert_int_equal(ho_stack_now(ho_world_host(p.w, host_add(p.w, "late"))), 3 * HO_SEC);
	ho_world_close(p.w);
}

static void next_is_the_earliest_of_frames_and_timers(void **state)
{
	struct pair p = PAIR(.delay_ns = 5 * HO_MS);

	(void)state;
	assert_int_equal(ho_world_next(p.w), HO_NEVER);
	fake_timer(p.b, 9 * HO_MS);
	assert_int_equal(ho_world_next(p.w), 9 * HO_MS);
	fake_send(p.a, 'x', 20);
	assert_int_equal(ho_world_next(p.w), 5 * HO_MS);
	ho_world_run(p.w, 5 * HO_MS, false);
	fake_timer(p.a, HO_MS);
	assert_int_equal(ho_world_next(p.w), 5 * HO_MS); /* due in the past: now */
	ho_world_close(p.w);
}

static void a_run_stops_at_the_time_of_an_event(void **state)
{
	struct pair p = PAIR(.delay_ns = 5 * HO_MS);
	struct ho_event e;
	int host;

	(void)state;
	p.b->wants_events = true;
	fake_send(p.a, 'x', 20);
	fake_timer(p.a, 5 * HO_MS + 1);
	assert_int_equal(ho_world_run(p.w, HO_SEC, true), 5 * HO_MS);
	assert_int_equal(p.a->fired_count, 0);
	assert_int_equal(ho_world_run(p.w, HO_SEC, true), 5 * HO_MS); /* nobody has taken it */
	assert_true(ho_world_event(p.w, &host, &e));
	assert_int_equal(host, 1);
	assert_int_equal(e.fd, FAKE_FD);
	assert_int_equal(e.mask, HO_IN);
	assert_false(ho_world_event(p.w, &host, &e));
	assert_int_equal(ho_world_run(p.w, HO_SEC, true), HO_SEC);
	assert_int_equal(p.a->fired_count, 1);
	ho_world_close(p.w);
}

static void a_run_that_does_not_stop_leaves_events_to_be_taken(void **state)
{
	struct pair p = PAIR(.delay_ns = 5 * HO_MS);
	struct ho_event e;
	int host;

	(void)state;
	p.a->wants_events = p.b->wants_events = true;
	p.b->echo = true;
	fake_send(p.a, 'x', 20);
	assert_int_equal(ho_world_run(p.w, HO_SEC, false), HO_SEC);
	assert_true(ho_world_event(p.w, &host, &e));
	assert_int_equal(host, 0);
	assert_true(ho_world_event(p.w, &host, &e));
	assert_int_equal(host, 1);
	assert_false(ho_world_event(p.w, &host, &e));
	ho_world_close(p.w);
}

static void the_event_of_a_socket_closed_meanwhile_is_not_told(void **state)
{
	struct pair p = PAIR(0);
	struct ho_event e;
	int host;

	(void)state;
	p.b->wants_events = true;
	fake_send(p.a, 'x', 20);
	assert_int_equal(ho_world_run(p.w, HO_SEC, true), 0);
	p.b->closed_fd = true;
	assert_false(ho_world_event(p.w, &host, &e));
	ho_world_close(p.w);
}

static void two_hosts_that_answer_each_other_at_one_instant_do_not_hang_the_world(void **state)
{
	struct pair p = PAIR(0);

	(void)state;
	p.a->echo = p.b->echo = true;
	p.a->forgets = p.b->forgets = true;
	fake_send(p.a, 'x', 20);
	assert_int_equal(ho_world_run(p.w, HO_SEC, false), 0);
	p.a->echo = false;
	assert_int_equal(ho_world_run(p.w, HO_SEC, false), HO_SEC);
	ho_world_close(p.w);
}

static void a_zero_secret_is_drawn_from_the_seed_and_another_is_kept(void **state)
{
	static const uint8_t zero[16], mine[16] = "mine";
	struct ho_world *w, *v;
	struct ho_stack_config c;
	int host;

	(void)state;
	ho_world_open(7, NULL, &w);
	ho_world_open(8, NULL, &v);
	for (int i = 0; i < 2; i++) {
		host_add(w, "h");
		host_add(v, "h");
	}
	assert_memory_not_equal(ho_world_host(w, 0)->config.secret, zero, 16);
	assert_memory_not_equal(ho_world_host(w, 0)->config.secret, ho_world_host(w, 1)->config.secret, 16);
	assert_memory_not_equal(ho_world_host(w, 0)->config.secret, ho_world_host(v, 0)->config.secret, 16);
	ho_stack_config_init(&c);
	memcpy(c.secret, mine, 16);
	host = ho_world_host_add(w, "mine", &c);
	assert_memory_equal(ho_world_host(w, host)->config.secret, mine, 16);
	assert_string_equal(ho_world_host_name(w, host), "mine");
	ho_world_close(w);
	ho_world_close(v);
}

static void refusals_change_nothing(void **state)
{
	struct ho_wire_config bad = {.loss_ppm = 1000001};
	struct pair p = PAIR(0);
	struct ho_stack_config c;

	(void)state;
	ho_stack_config_init(&c);
	c.mtu = 0;
	assert_int_equal(ho_world_host_add(p.w, "bad", &c), -EINVAL);
	assert_int_equal(host_add(p.w, "c"), 2);
	assert_int_equal(ho_world_wire_add(p.w, 1, 2, NULL, NULL), -EBUSY);
	assert_int_equal(ho_world_wire_add(p.w, 2, 2, NULL, NULL), -EINVAL);
	assert_int_equal(ho_world_wire_add(p.w, 2, 9, NULL, NULL), -EINVAL);
	assert_int_equal(ho_world_wire_set(p.w, 2, NULL), -EINVAL);
	assert_int_equal(ho_world_wire_set(p.w, 0, &bad), -EINVAL);
	assert_int_equal(ho_world_inject(p.w, 3, "x", 1, 0), -EINVAL);
	assert_int_equal(ho_world_inject(p.w, 0, "x", 0, 0), -EINVAL);
	assert_int_equal(ho_world_frames(p.w), 0);
	assert_null(ho_world_host(p.w, 3));
	assert_null(ho_world_host_name(p.w, -1));
	ho_world_close(p.w);
}

static void frames_of_a_host_without_a_wire_go_nowhere_but_are_seen(void **state)
{
	struct tapped t = {0};
	struct ho_world *w;

	(void)state;
	ho_world_open(1, NULL, &w);
	host_add(w, "alone");
	ho_world_tap_set(w, tap_count, &t);
	fake_send(ho_world_host(w, 0), 'x', 20);
	ho_world_run(w, HO_SEC, false);
	assert_int_equal(t.fate[HO_FATE_PASS], 1);
	assert_int_equal(t.last.from, 0);
	assert_int_equal(t.last.to, -1);
	assert_int_equal(t.bytes[0], 'x');
	ho_world_close(w);
}

/* ---- memory ---- */

struct tight {
	size_t held_bytes;
	int until_refusal; /* allocations that are granted; -1: all */
};

static void *tight_alloc(void *ctx, size_t bytes, size_t align)
{
	struct tight *t = ctx;

	if (t->until_refusal == 0)
		return NULL;
	t->until_refusal--;
	t->held_bytes += bytes;
	return aligned_alloc(align, (bytes + align - 1) / align * align);
}

static void tight_free(void *ctx, void *block, size_t bytes)
{
	struct tight *t = ctx;

	t->held_bytes -= bytes;
	free(block);
}

/* Gives  true if nothing was refused. */
static bool scenario(struct tight *t)
{
	struct ho_allocator al = {tight_alloc, tight_free, t};
	struct ho_wire_config slow = {.rate_bps = 1000000, .corrupt_ppm = 300000, .duplicate_ppm = 300000};
	struct tapped tapped = {0};
	struct ho_world *w;
	bool fine = true;

	if (ho_world_open(1, &al, &w))
		return false;
	ho_world_tap_set(w, tap_count, &tapped);
	fine &= host_add(w, "a") == 0;
	fine &= host_add(w, "b") == 1;
	if (fine) {
		ho_world_wire_add(w, 0, 1, &slow, NULL);
		for (uint8_t i = 0; i < 40; i++)
			fake_send(ho_world_host(w, 0), i, 100);
		fine &= ho_world_inject(w, 1, "inject", 6, 0) == 0;
		ho_world_run(w, HO_SEC, false);
		fine &= tapped.fate[HO_FATE_QUEUE_FULL] == 0;
		assert_int_equal(tapped.count, ho_world_frames(w)); /* each number has exactly one fate */
	}
	ho_world_close(w);
	return fine;
}

static void each_allocation_may_fail_and_nothing_leaks(void **state)
{
	bool fine = false;
	int n;

	(void)state;
	for (n = 0; !fine && n < 1000; n++) {
		struct tight t = {.until_refusal = n};

		fine = scenario(&t);
		assert_int_equal(t.held_bytes, 0);
	}
	assert_true(fine && n > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_frame_arrives_after_the_delay_and_not_before),
		cmocka_unit_test(the_receiver_sees_the_worlds_number_and_the_sender_keeps_its_own),
		cmocka_unit_test(a_frame_crosses_without_a_copy),
		cmocka_unit_test(a_receiver_may_keep_a_frame_until_after_its_sender_is_gone),
		cmocka_unit_test(frames_due_at_one_instant_arrive_in_the_order_in_which_they_left),
		cmocka_unit_test(at_one_instant_frames_come_before_timers_and_hosts_go_in_order),
		cmocka_unit_test(timers_of_hosts_fire_in_the_order_of_the_hosts),
		cmocka_unit_test(a_timer_fires_in_time_although_the_deadline_was_early),
		cmocka_unit_test(time_goes_on_past_a_deadline_that_stays_in_the_past),
		cmocka_unit_test(what_a_timer_sends_leaves_at_once),
		cmocka_unit_test(an_echo_takes_a_round_trip),
		cmocka_unit_test(running_for_ever_ends_when_nothing_is_due_and_stays_there),
		cmocka_unit_test(time_does_not_go_back),
		cmocka_unit_test(all_hosts_know_the_time_after_a_run),
		cmocka_unit_test(next_is_the_earliest_of_frames_and_timers),
		cmocka_unit_test(a_run_stops_at_the_time_of_an_event),
		cmocka_unit_test(a_run_that_does_not_stop_leaves_events_to_be_taken),
		cmocka_unit_test(the_event_of_a_socket_closed_meanwhile_is_not_told),
		cmocka_unit_test(two_hosts_that_answer_each_other_at_one_instant_do_not_hang_the_world),
		cmocka_unit_test(a_zero_secret_is_drawn_from_the_seed_and_another_is_kept),
		cmocka_unit_test(refusals_change_nothing),
		cmocka_unit_test(frames_of_a_host_without_a_wire_go_nowhere_but_are_seen),
		cmocka_unit_test(each_allocation_may_fail_and_nothing_leaks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
