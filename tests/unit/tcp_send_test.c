/* SPDX-License-Identifier: MIT
 * What leaves: how large a segment may be, what shares one, and what a sender waits for.
 * The packetdrill scripts path_mtu, path_mtu_least and message_boundaries ask the kernel the same. */
#include "tcp_talk.h"

#define FRAG_NEEDED 4

static struct talk *talk_plain_with(const char *test)
{
	return talk_with((struct talk_options){.syn_options = "mss 1460 sack", .plain = true}, test);
}
#define talk_plain() talk_plain_with(__func__)

/* ---- path MTU ---- */

static void what_a_router_calls_too_large_goes_again_at_once_and_smaller(void **state)
{
	struct talk *k = talk_plain();

	(void)state;
	host_send(&k->t, k->fd, 1460, 0, 1460);
	hears(&k->p, "P. 1:1461 ack 1");
	says_icmp(&k->p, 3, FRAG_NEEDED, 800);
	hears(&k->p, ". 1:761 ack 1");
	hears(&k->p, "P. 761:1461 ack 1");
	quiet(&k->t);
	host_info_is(&k->t, k->fd, tcpi_snd_mss, 760);
	host_info_is(&k->t, k->fd, tcpi_pmtu, 800);
	host_info_is(&k->t, k->fd, tcpi_snd_cwnd, 10);
	says(&k->p, ". 1 ack 1461");
	host_send(&k->t, k->fd, 800, 0, 800);
	hears(&k->p, ". 1461:2221 ack 1");
	hears(&k->p, "P. 2221:2261 ack 1");
	talk_done(k);
}

static void no_path_mtu_below_552_is_believed(void **state)
{
	struct talk *k = talk_plain();

	(void)state;
	host_send(&k->t, k->fd, 1000, 0, 1000);
	hears(&k->p, "P. 1:1001 ack 1");
	says_icmp(&k->p, 3, FRAG_NEEDED, 68);
	hears(&k->p, ". 1:513 ack 1");
	hears(&k->p, "P. 513:1001 ack 1");
	host_info_is(&k->t, k->fd, tcpi_pmtu, 552);
	talk_done(k);
}

static void a_path_mtu_that_is_larger_than_ours_changes_nothing(void **state)
{
	struct talk *k = talk_plain();

	(void)state;
	host_send(&k->t, k->fd, 1000, 0, 1000);
	hears(&k->p, "P. 1:1001 ack 1");
	says_icmp(&k->p, 3, FRAG_NEEDED, 9000);
	quiet(&k->t);
	host_info_is(&k->t, k->fd, tcpi_pmtu, 1500);
	talk_done(k);
}

static void who_wants_no_discovery_lets_routers_cut_and_does_not_listen_to_them(void **state)
{
	struct talk *k = talk_plain();
	const struct packet *out;

	(void)state;
	host_set(&k->t, k->fd, HO_SOL_IP, HO_IP_MTU_DISCOVER, 0);
	host_send(&k->t, k->fd, 1460, 0, 1460);
	out = hears(&k->p, "P. 1:1461 ack 1");
	assert_int_equal(out->bytes[6] & 0x40, 0);
	says_icmp(&k->p, 3, FRAG_NEEDED, 800);
	quiet(&k->t);
	host_info_is(&k->t, k->fd, tcpi_snd_mss, 1460);
	talk_done(k);
}

/* ---- what shares a segment ---- */

static void nothing_is_put_behind_the_end_of_a_record(void **state)
{
	struct talk *k = talk_plain();

	(void)state;
	host_set(&k->t, k->fd, HO_SOL_TCP, HO_TCP_NODELAY, 1);
	host_set(&k->t, k->fd, HO_SOL_TCP, HO_TCP_CORK, 1);
	host_send(&k->t, k->fd, 100, HO_MSG_EOR, 100);
	host_send(&k->t, k->fd, 200, 0, 200);
	host_send(&k->t, k->fd, 300, 0, 300);
	host_set(&k->t, k->fd, HO_SOL_TCP, HO_TCP_CORK, 0);
	hears(&k->p, "P. 1:101 ack 1");
	hears(&k->p, "P. 101:601 ack 1");
	quiet(&k->t);
	talk_done(k);
}

/* ---- what is not sent yet ---- */

static void no_limit_of_its_own_on_unsent_bytes_means_the_sysctl(void **state)
{
	struct talk *k = talk_plain();

	(void)state;
	host_has(k, HO_SOL_TCP, HO_TCP_NOTSENT_LOWAT, 0);
	host_sysctl(&k->t, "net.ipv4.tcp_notsent_lowat", "4000");
	says(&k->p, ". win 0");
	host_send(&k->t, k->fd, 1900, 0, 1900);
	host_polls(&k->t, k->fd, HO_OUT);
	host_send(&k->t, k->fd, 100, 0, 100); /* half of it: nobody is woken any more, but there is room */
	host_polls(&k->t, k->fd, 0);
	host_send(&k->t, k->fd, 1900, 0, 1900);
	host_has(k, HO_SOL_TCP, HO_TCP_NOTSENT_LOWAT, 0);
	talk_done(k);
}

/* Two super-frames leave, of half a window and less: after the first there is still room in the window. */
static void the_buffer_grows_while_the_window_is_not_full(void **state)
{
	struct talk *k = talk();
	int per_segment = 2304;

	(void)state;
	host_has(k, HO_SOL_SOCKET, HO_SO_SNDBUF, 2 * 10 * per_segment);
	host_send(&k->t, k->fd, 200000, 0, 79640);
	lab_pump(&k->t.l); /* how many they are depends on the round trip */
	says(&k->p, ". 1 ack 7241");
	lab_pump(&k->t.l);
	host_has(k, HO_SOL_SOCKET, HO_SO_SNDBUF, 2 * 15 * per_segment);
	talk_done(k);
}

/* ---- what held it up ---- */

static void the_time_that_the_peer_held_us_up_is_told(void **state)
{
	struct talk *k = talk_plain();

	(void)state;
	says(&k->p, ". win 0");
	host_send(&k->t, k->fd, 100, 0, 100);
	lab_at(&k->t, 100);
	host_info_is(&k->t, k->fd, tcpi_rwnd_limited, 100000);
	host_info_is(&k->t, k->fd, tcpi_busy_time, 100000);
	says(&k->p, ".");
	hears(&k->p, "P. 1:101 ack 1");
	lab_at(&k->t, 150);
	says(&k->p, ". 1 ack 101");
	lab_at(&k->t, 500);
	host_info_is(&k->t, k->fd, tcpi_rwnd_limited, 100000);
	host_info_is(&k->t, k->fd, tcpi_busy_time, 150000);
	host_info_is(&k->t, k->fd, tcpi_sndbuf_limited, 0);
	talk_done(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_router_calls_too_large_goes_again_at_once_and_smaller),
		cmocka_unit_test(no_path_mtu_below_552_is_believed),
		cmocka_unit_test(a_path_mtu_that_is_larger_than_ours_changes_nothing),
		cmocka_unit_test(who_wants_no_discovery_lets_routers_cut_and_does_not_listen_to_them),
		cmocka_unit_test(nothing_is_put_behind_the_end_of_a_record),
		cmocka_unit_test(no_limit_of_its_own_on_unsent_bytes_means_the_sysctl),
		cmocka_unit_test(the_buffer_grows_while_the_window_is_not_full),
		cmocka_unit_test(the_time_that_the_peer_held_us_up_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
