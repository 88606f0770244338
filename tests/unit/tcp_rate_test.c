/* SPDX-License-Identifier: MIT
 * How fast a connection's data is delivered, the shortest round trip, and pacing: what is measured, and what leaves when. */
#include "tcp_talk.h"

#include "tcp.h"

#define MSS 1448

static struct sock *sock_of(struct talk *k)
{
	return sock_by_fd(k->t.l.s, k->fd);
}

static struct ho_tcp_info info(struct talk *k)
{
	return host_info(&k->t, k->fd);
}

/* So many full segments leave at once, one by one. */
static void host_sends_full(struct talk *k, unsigned n)
{
	while (n-- > 0) {
		host_send(&k->t, k->fd, MSS, 0, MSS);
		hears(&k->p, "P.");
	}
}

static void peer_acks_all_at(struct talk *k, uint64_t ms)
{
	lab_at(&k->t, ms);
	says(&k->p, ".");
	quiet(&k->t);
}

/* ---- rate samples ---- */

static void the_rate_is_what_arrived_over_the_time_from_sending_to_the_ack(void **state)
{
	struct talk *k = talk(.no_probes = true);

	(void)state;
	assert_int_equal(info(k).tcpi_delivery_rate, 0);
	assert_int_equal(info(k).tcpi_delivery_rate_app_limited, 1);
	host_sends_full(k, 4);
	peer_acks_all_at(k, 100);
	assert_int_equal(info(k).tcpi_delivery_rate, 4 * MSS * 10);
	talk_done(k);
}

/* Two segments leave 60 ms apart, their ACKs come 10 ms apart. */
static void acks_in_a_bunch_make_no_rate_faster_than_it_was_sent(void **state)
{
	struct talk *k = talk(.no_probes = true);

	(void)state;
	host_sends_full(k, 1);
	lab_at(&k->t, 60);
	host_sends_full(k, 1);
	lab_at(&k->t, 100);
	says(&k->p, ". ack 1449");
	assert_int_equal(info(k).tcpi_delivery_rate, MSS * 10);
	lab_at(&k->t, 110);
	says(&k->p, ".");
	/* the second one: 2 delivered since the first was sent, in max(60 ms of sending, 110 ms of ACKs) */
	assert_int_equal(info(k).tcpi_delivery_rate, (uint64_t)2 * MSS * 1000000 / 110000);
	talk_done(k);
}

static void an_idle_program_does_not_lower_the_rate(void **state)
{
	struct talk *k = talk(.no_probes = true);
	uint64_t rate;

	(void)state;
	host_sends_full(k, 4);
	peer_acks_all_at(k, 10);
	rate = info(k).tcpi_delivery_rate;
	assert_int_equal(rate, 4 * MSS * 100);
	lab_at(&k->t, 500);
	host_sends_full(k, 1);
	peer_acks_all_at(k, 600);
	assert_int_equal(info(k).tcpi_delivery_rate, rate);
	assert_int_equal(info(k).tcpi_delivery_rate_app_limited, 1);
	talk_done(k);
}

static void a_full_window_is_not_limited_by_the_program(void **state)
{
	struct talk *k = talk(.no_probes = true);

	(void)state;
	host_send(&k->t, k->fd, 30 * MSS, 0, 30 * MSS);
	assert_int_not_equal(sock_of(k)->app_limited, 0); /* before the first ACK nobody knows */
	for (int i = 0; i < 10; i++)
		lab_out(&k->t.l);
	lab_at(&k->t, 100);
	says(&k->p, ". ack 14481");
	assert_int_equal(sock_of(k)->app_limited, 0);
	talk_done(k);
}

static void what_is_told_twice_is_sampled_once(void **state)
{
	struct talk *k = talk(.no_probes = true);

	(void)state;
	host_sends_full(k, 4);
	lab_at(&k->t, 50);
	says(&k->p, ". ack 1 <nop,nop,TS,nop,nop,sack 2897:4345>");
	assert_int_equal(info(k).tcpi_delivery_rate, MSS * 20);
	lab_at(&k->t, 90);
	says(&k->p, ". ack 1 <nop,nop,TS,nop,nop,sack 2897:4345>");
	assert_int_equal(info(k).tcpi_delivery_rate, MSS * 20);
	talk_done(k);
}

/* ---- the shortest round trip ---- */

static uint32_t min_rtt_after(struct talk *k, uint64_t at_ms, uint64_t rtt_ms)
{
	lab_at(&k->t, at_ms);
	host_sends_full(k, 2);
	peer_acks_all_at(k, at_ms + rtt_ms);
	return info(k).tcpi_min_rtt;
}

static void the_shortest_round_trip_is_forgotten_after_the_window(void **state)
{
	struct talk *k = talk(.no_probes = true);

	(void)state;
	host_sysctl(&k->t, "net.ipv4.tcp_min_rtt_wlen", "10");
	winfilter_reset(&sock_of(k)->rtt_min, (uint32_t)k->t.l.s->now_ms, UINT32_MAX); /* the handshake took no time */
	assert_int_equal(min_rtt_after(k, 100, 20), 20000);
	assert_int_equal(min_rtt_after(k, 4000, 50), 20000);
	assert_int_equal(min_rtt_after(k, 9000, 60), 20000);
	assert_int_equal(min_rtt_after(k, 10061, 60), 50000);
	talk_done(k);
}

static void an_ack_that_may_have_been_delayed_does_not_raise_it(void **state)
{
	struct talk *k = talk(.no_probes = true);

	(void)state;
	host_sysctl(&k->t, "net.ipv4.tcp_min_rtt_wlen", "1");
	winfilter_reset(&sock_of(k)->rtt_min, (uint32_t)k->t.l.s->now_ms, UINT32_MAX);
	assert_int_equal(min_rtt_after(k, 100, 20), 20000);
	lab_at(&k->t, 3000);
	host_send(&k->t, k->fd, 10, 0, 10);
	hears(&k->p, "P.");
	peer_acks_all_at(k, 3060);
	assert_int_equal(info(k).tcpi_min_rtt, 20000);
	assert_int_equal(min_rtt_after(k, 4000, 60), 60000);
	talk_done(k);
}

/* ---- pacing ---- */

static void max_rate_set(struct talk *k, uint32_t rate)
{
	host_set(&k->t, k->fd, HO_SOL_SOCKET, HO_SO_MAX_PACING_RATE, (int)rate);
}

static void a_paced_segment_waits_for_its_time(void **state)
{
	struct talk *k = talk(.no_probes = true);

	(void)state;
	max_rate_set(k, MSS * 10); /* 100 ms for each */
	host_sends_full(k, 10);    /* these are not paced */
	peer_acks_all_at(k, 50);
	host_send(&k->t, k->fd, MSS, 0, MSS);
	quiet(&k->t);
	hears_at(&k->p, 100, "P. 14481:15929");
	host_send(&k->t, k->fd, MSS, 0, MSS);
	hears_at(&k->p, 200, "P. 15929:17377");
	talk_done(k);
}

static void time_that_was_lost_is_made_good_by_half_at_most(void **state)
{
	struct talk *k = talk(.no_probes = true);

	(void)state;
	max_rate_set(k, MSS * 100);
	host_sends_full(k, 10);
	peer_acks_all_at(k, 14);
	host_sends_full(k, 1); /* 4 ms late */
	host_send(&k->t, k->fd, MSS, 0, MSS);
	hears_at(&k->p, 20, "P. 15929:17377"); /* 14 + 10 - 4 */
	lab_at(&k->t, 90);
	host_sends_full(k, 1);
	host_send(&k->t, k->fd, MSS, 0, MSS);
	hears_at(&k->p, 95, "P. 18825:20273"); /* 60 ms late: 5 of them count */
	talk_done(k);
}

static void a_closed_connections_pacing_timer_is_gone(void **state)
{
	struct talk *k = talk(.no_probes = true);

	(void)state;
	max_rate_set(k, MSS * 100);
	host_sends_full(k, 10);
	host_send(&k->t, k->fd, MSS, 0, MSS);
	quiet(&k->t);
	assert_true(timer_armed(&sock_of(k)->busy->pace_timer));
	host_linger(&k->t, k->fd, 0);
	host_close(&k->t, k->fd);
	hears(&k->p, "R.");
	assert_int_equal(k->t.l.s->fine.count, 0);
	talk_done(k);
}

static void the_largest_rate_is_given_back_as_it_was_set(void **state)
{
	struct talk *k = talk(.no_probes = true);
	uint64_t wide = UINT64_C(10000000000);
	size_t len = sizeof(wide);
	int32_t narrow = 0;

	(void)state;
	host_has(k, HO_SOL_SOCKET, HO_SO_MAX_PACING_RATE, -1);
	assert_false(sock_of(k)->paced);
	max_rate_set(k, UINT32_MAX);
	assert_false(sock_of(k)->paced);
	max_rate_set(k, 12345);
	host_has(k, HO_SOL_SOCKET, HO_SO_MAX_PACING_RATE, 12345);
	assert_int_equal(info(k).tcpi_max_pacing_rate, 12345);
	assert_int_equal(info(k).tcpi_pacing_rate, 12345);
	assert_int_equal(ho_sock_setopt(k->t.l.s, k->fd, HO_SOL_SOCKET, HO_SO_MAX_PACING_RATE, &wide, len), 0);
	wide = 0;
	assert_int_equal(ho_sock_getopt(k->t.l.s, k->fd, HO_SOL_SOCKET, HO_SO_MAX_PACING_RATE, &wide, &len), 0);
	assert_int_equal(wide, UINT64_C(10000000000));
	len = sizeof(narrow);
	assert_int_equal(ho_sock_getopt(k->t.l.s, k->fd, HO_SOL_SOCKET, HO_SO_MAX_PACING_RATE, &narrow, &len), 0);
	assert_int_equal(narrow, -1);
	talk_done(k);
}

static void bbr_is_chosen_by_name_and_tells_of_its_model(void **state)
{
	struct talk *k = talk(.no_probes = true);
	struct ho_bbr_info m;
	size_t len = sizeof(m);
	char name[16];

	(void)state;
	assert_int_equal(ho_sock_getopt(k->t.l.s, k->fd, HO_SOL_TCP, HO_TCP_CC_INFO, &m, &len), 0);
	assert_int_equal(len, 0);
	assert_int_equal(ho_sock_setopt(k->t.l.s, k->fd, HO_SOL_TCP, HO_TCP_CONGESTION, "bbr", 3), 0);
	len = sizeof(name);
	assert_int_equal(ho_sock_getopt(k->t.l.s, k->fd, HO_SOL_TCP, HO_TCP_CONGESTION, name, &len), 0);
	assert_string_equal(name, "bbr");
	assert_true(sock_of(k)->paced);
	host_sends_full(k, 4);
	peer_acks_all_at(k, 100);
	len = sizeof(m);
	assert_int_equal(ho_sock_getopt(k->t.l.s, k->fd, HO_SOL_TCP, HO_TCP_CC_INFO, &m, &len), 0);
	assert_int_equal(len, sizeof(m));
	assert_int_equal(m.bbr_bw_lo, 671u * MSS * UINT64_C(1000000) >> 24); /* 4 packets << 24 in 100000 us */
	assert_int_equal(m.bbr_pacing_gain, 739);
	assert_int_equal(m.bbr_cwnd_gain, 739);
	talk_done(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rate_is_what_arrived_over_the_time_from_sending_to_the_ack),
		cmocka_unit_test(acks_in_a_bunch_make_no_rate_faster_than_it_was_sent),
		cmocka_unit_test(an_idle_program_does_not_lower_the_rate),
		cmocka_unit_test(a_full_window_is_not_limited_by_the_program),
		cmocka_unit_test(what_is_told_twice_is_sampled_once),
		cmocka_unit_test(the_shortest_round_trip_is_forgotten_after_the_window),
		cmocka_unit_test(an_ack_that_may_have_been_delayed_does_not_raise_it),
		cmocka_unit_test(a_paced_segment_waits_for_its_time),
		cmocka_unit_test(time_that_was_lost_is_made_good_by_half_at_most),
		cmocka_unit_test(a_closed_connections_pacing_timer_is_gone),
		cmocka_unit_test(the_largest_rate_is_given_back_as_it_was_set),
		cmocka_unit_test(bbr_is_chosen_by_name_and_tells_of_its_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
