/* SPDX-License-Identifier: MIT
 * Thin streams, slow start after idle, SO_RCVLOWAT. */
#include "tcp_talk.h"

/* ---- thin streams ---- */

static void lost_again_and_again(struct talk *k, const uint64_t *at_ms, unsigned count)
{
	host_send(&k->t, k->fd, 10, 0, 10);
	hears(&k->p, "P. 1:11 ack 1");
	for (unsigned i = 0; i < count; i++)
		hears_at(&k->p, at_ms[i], "P. 1:11 ack 1");
}

static void a_thin_stream_does_not_double_its_timeout(void **state)
{
	struct talk *k = talk();
	static const uint64_t at_ms[] = {201, 402, 603, 804, 1005, 1206, 1407, 1608, 2010, 2814};

	(void)state;
	host_set(&k->t, k->fd, HO_SOL_TCP, HO_TCP_THIN_LINEAR_TIMEOUTS, 1);
	host_has(k, HO_SOL_TCP, HO_TCP_THIN_LINEAR_TIMEOUTS, 1);
	lost_again_and_again(k, at_ms, 10); /* seven times */
	talk_done(k);
}

static void a_sysctl_makes_all_streams_thin(void **state)
{
	struct talk *k = talk();
	static const uint64_t at_ms[] = {201, 402, 603};

	(void)state;
	host_sysctl(&k->t, "net.ipv4.tcp_thin_linear_timeouts", "1");
	lost_again_and_again(k, at_ms, 3);
	talk_done(k);
}

static void four_packets_are_not_thin(void **state)
{
	struct talk *k = talk();
	static const char *const sent[] = {"P. 1:1449 ack 1", "P. 1449:2897 ack 1", "P. 2897:4345 ack 1", "P. 4345:5793 ack 1"};

	(void)state;
	host_set(&k->t, k->fd, HO_SOL_TCP, HO_TCP_NODELAY, 1);
	host_set(&k->t, k->fd, HO_SOL_TCP, HO_TCP_THIN_LINEAR_TIMEOUTS, 1);
	for (unsigned i = 0; i < 4; i++) {
		host_send(&k->t, k->fd, 1448, 0, 1448);
		hears(&k->p, sent[i]);
	}
	hears_at(&k->p, 3, sent[3]); /* the probe */
	hears_at(&k->p, 204, sent[0]);
	hears_at(&k->p, 606, sent[0]);
	talk_done(k);
}

static void thin_options_take_0_and_1(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_set_gives(&k->t, k->fd, HO_SOL_TCP, HO_TCP_THIN_LINEAR_TIMEOUTS, 2, -EINVAL);
	host_set_gives(&k->t, k->fd, HO_SOL_TCP, HO_TCP_THIN_LINEAR_TIMEOUTS, -1, -EINVAL);
	host_set_gives(&k->t, k->fd, HO_SOL_TCP, HO_TCP_THIN_DUPACK, 1, 0);
	host_set_gives(&k->t, k->fd, HO_SOL_TCP, HO_TCP_THIN_DUPACK, 2, -EINVAL);
	host_has(k, HO_SOL_TCP, HO_TCP_THIN_DUPACK, 0);
	talk_done(k);
}

/* ---- slow start after idle ---- */

/* Sends n full segments, in super-frames of so many, and has each acknowledged: the window grows by n. */
static void window_raised(struct talk *k, unsigned n, unsigned frame)
{
	uint32_t from = k->p.ack;
	char text[64];

	host_send(&k->t, k->fd, n * 1448, 0, n * 1448);
	for (unsigned i = 1; i <= n; i++)
		hears(&k->p, i % frame == 0 ? "P." : ".");
	for (unsigned i = 1; i <= n; i++) {
		snprintf(text, sizeof(text), ". ack %u", from + i * 1448);
		says(&k->p, text);
	}
	quiet(&k->t);
}

static void after_an_idle_timeout_the_window_begins_anew(void **state)
{
	struct talk *k = talk(.no_probes = true);

	(void)state;
	window_raised(k, 10, 5);
	host_info_is(&k->t, k->fd, tcpi_snd_cwnd, 20);
	lab_at(&k->t, 1000);
	host_send(&k->t, k->fd, 10, 0, 10);
	hears(&k->p, "P.");
	host_info_is(&k->t, k->fd, tcpi_snd_cwnd, 10);
	host_info_is(&k->t, k->fd, tcpi_snd_ssthresh, 2147483647);
	talk_done(k);
}

static void a_large_window_is_halved_for_each_timeout(void **state)
{
	struct talk *k = talk(.no_probes = true);

	(void)state;
	window_raised(k, 10, 5);
	window_raised(k, 20, 10);
	host_info_is(&k->t, k->fd, tcpi_snd_cwnd, 40);
	lab_at(&k->t, 300);
	host_send(&k->t, k->fd, 10, 0, 10);
	hears(&k->p, "P.");
	host_info_is(&k->t, k->fd, tcpi_snd_cwnd, 20);
	talk_done(k);
}

static void a_sysctl_keeps_the_window(void **state)
{
	struct talk *k = talk(.no_probes = true);

	(void)state;
	host_sysctl(&k->t, "net.ipv4.tcp_slow_start_after_idle", "0");
	window_raised(k, 10, 5);
	lab_at(&k->t, 1000);
	host_send(&k->t, k->fd, 10, 0, 10);
	hears(&k->p, "P.");
	host_info_is(&k->t, k->fd, tcpi_snd_cwnd, 20);
	talk_done(k);
}

/* ---- SO_RCVLOWAT ---- */

static void a_program_may_wait_for_so_many_bytes(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_set(&k->t, k->fd, HO_SOL_SOCKET, HO_SO_RCVLOWAT, 100);
	says(&k->p, "P. 1:51");
	host_polls(&k->t, k->fd, HO_OUT);
	says(&k->p, "P. 51:101");
	host_polls(&k->t, k->fd, HO_IN | HO_OUT);
	host_recv(&k->t, k->fd, 10, 0, 10);
	host_polls(&k->t, k->fd, HO_OUT);
	host_set(&k->t, k->fd, HO_SOL_SOCKET, HO_SO_RCVLOWAT, 0);
	host_has(k, HO_SOL_SOCKET, HO_SO_RCVLOWAT, 1);
	host_polls(&k->t, k->fd, HO_IN | HO_OUT);
	talk_done(k);
}

static void the_buffer_grows_to_what_is_waited_for(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_set(&k->t, k->fd, HO_SOL_SOCKET, HO_SO_RCVLOWAT, 300000);
	host_has(k, HO_SOL_SOCKET, HO_SO_RCVLOWAT, 300000);
	host_has(k, HO_SOL_SOCKET, HO_SO_RCVBUF, 600000);
	host_has(k, HO_SOL_TCP, HO_TCP_WINDOW_CLAMP, 300000);
	host_set(&k->t, k->fd, HO_SOL_SOCKET, HO_SO_RCVLOWAT, -1);
	host_has(k, HO_SOL_SOCKET, HO_SO_RCVLOWAT, 16777216);
	host_has(k, HO_SOL_SOCKET, HO_SO_RCVBUF, 33554432);
	talk_done(k);
}

static void a_buffer_that_was_set_is_the_limit(void **state)
{
	struct talk *k = talk(.rcvbuf = 10000);

	(void)state;
	host_set(&k->t, k->fd, HO_SOL_SOCKET, HO_SO_RCVLOWAT, 300000);
	host_has(k, HO_SOL_SOCKET, HO_SO_RCVLOWAT, 10000);
	host_has(k, HO_SOL_SOCKET, HO_SO_RCVBUF, 20000);
	talk_done(k);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_thin_stream_does_not_double_its_timeout),
		cmocka_unit_test(a_sysctl_makes_all_streams_thin),
		cmocka_unit_test(four_packets_are_not_thin),
		cmocka_unit_test(thin_options_take_0_and_1),
		cmocka_unit_test(after_an_idle_timeout_the_window_begins_anew),
		cmocka_unit_test(a_large_window_is_halved_for_each_timeout),
		cmocka_unit_test(a_sysctl_keeps_the_window),
		cmocka_unit_test(a_program_may_wait_for_so_many_bytes),
		cmocka_unit_test(the_buffer_grows_to_what_is_waited_for),
		cmocka_unit_test(a_buffer_that_was_set_is_the_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
