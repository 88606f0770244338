/* SPDX-License-Identifier: MIT
 * What a connection's timers do: retransmission timeout and what follows it, loss probe, keepalive; what ICMP says meanwhile. */
#include "tcp_talk.h"

#define HANGED_UP (HO_IN | HO_OUT | HO_ERR | HO_HUP | HO_RDHUP)

/* Without SACK there is no loss probe: the first to fire is the retransmission timer. */
#define NO_SACK .syn_options = "<mss 1460,TS,nop,nop,nop,wscale 7>"

static void gone(struct talk *k)
{
	says(&k->p, ". 77 ack 55");
	hears(&k->p, "R 55 win 0 <>");
	quiet(&k->t);
}

static void host_sends_5(struct talk *k)
{
	char text[40];

	host_send(&k->t, k->fd, 5, 0, 5);
	snprintf(text, sizeof(text), "P. %u:%u ack %u", k->t.wrote[k->fd] - 5, k->t.wrote[k->fd], k->p.seq);
	hears(&k->p, text);
}

/* To the millisecond, which only our own timers are. */
static void alive_until(struct talk *k, uint64_t ms)
{
	lab_run(&k->t.l, ms);
	lab_nothing(&k->t.l);
	assert_int_equal(host_info(&k->t, k->fd).tcpi_state, HO_ESTABLISHED);
}

/* ---- the retransmission timeout ---- */

static void the_timeout_is_at_least_200_ms_and_doubles(void **state)
{
	static const unsigned at_ms[] = {201, 603, 1407, 3015, 6231};
	struct talk *k = talk(NO_SACK);

	(void)state;
	host_sends_5(k);
	counted(&k->t, "TcpOutSegs 1 TCPOrigDataSent 1");
	hears_at(&k->p, at_ms[0], "P. 1:6 ack 1");
	counted(&k->t, "TcpRetransSegs 1 TCPTimeouts 1 TcpTimeoutRehash 1");
	for (unsigned i = 1; i < 5; i++) {
		hears_at(&k->p, at_ms[i], "P. 1:6 ack 1");
		host_info_is(&k->t, k->fd, tcpi_retransmits, i + 1);
		counted(&k->t, "TcpRetransSegs 1 TCPLostRetransmit 1 TCPTimeouts 1 TcpTimeoutRehash 1");
	}
	talk_done(k);
}

static void the_timeout_grows_to_120_seconds_and_retries2_ends_it(void **state)
{
	struct talk *k = talk(NO_SACK);
	uint64_t at = 201, rto = 402;

	(void)state;
	host_sends_5(k);
	marked(&k->t);
	for (unsigned i = 0; i < 15; i++) {
		hears_at(&k->p, at, "P. 1:6 ack 1");
		at += rto;
		rto = rto * 2 < 120000 ? rto * 2 : 120000;
	}
	host_info_is(&k->t, k->fd, tcpi_rto, 120000000);
	quiet_until(&k->t, at - 1);
	host_state(&k->t, k->fd, HO_ESTABLISHED);
	quiet_until(&k->t, at);
	counted(&k->t, "TcpRetransSegs 15 TcpEstabResets 1 TcpCurrEstab -1 TCPLostRetransmit 14 TCPTimeouts 16 "
	               "TCPAbortOnTimeout 1 TcpTimeoutRehash 15");
	host_polls(&k->t, k->fd, HANGED_UP);
	host_recv(&k->t, k->fd, 10, 0, -ETIMEDOUT);
	host_recv(&k->t, k->fd, 10, 0, 0);
	gone(k);
	talk_done(k);
}

static void fewer_retries2_end_it_sooner(void **state)
{
	struct talk *k = talk(NO_SACK);

	(void)state;
	host_sysctl(&k->t, "net.ipv4.tcp_retries2", "2");
	host_sends_5(k);
	hears_at(&k->p, 201, "P. 1:6 ack 1");
	hears_at(&k->p, 603, "P. 1:6 ack 1");
	hears_at(&k->p, 1407, "P. 1:6 ack 1");
	quiet_until(&k->t, 3014);
	host_state(&k->t, k->fd, HO_ESTABLISHED);
	quiet_until(&k->t, 3015);
	host_error(&k->t, k->fd, ETIMEDOUT);
	gone(k);
	talk_done(k);
}

/* Beyond tcp_retries1 Linux asks for another route: on one link there is none. */
static void retries1_ends_nothing(void **state)
{
	struct talk *k = talk(NO_SACK);

	(void)state;
	host_sysctl(&k->t, "net.ipv4.tcp_retries1", "1");
	host_sends_5(k);
	hears_at(&k->p, 201, "P. 1:6 ack 1");
	hears_at(&k->p, 603, "P. 1:6 ack 1");
	hears_at(&k->p, 1407, "P. 1:6 ack 1");
	hears_at(&k->p, 3015, "P. 1:6 ack 1");
	host_state(&k->t, k->fd, HO_ESTABLISHED);
	talk_done(k);
}

static void user_timeout_ends_it_at_its_time(void **state)
{
	struct talk *k = talk(NO_SACK);

	(void)state;
	host_set(&k->t, k->fd, HO_SOL_TCP, HO_TCP_USER_TIMEOUT, 1000);
	host_sends_5(k);
	marked(&k->t);
	hears_at(&k->p, 201, "P. 1:6 ack 1");
	hears_at(&k->p, 603, "P. 1:6 ack 1");
	alive_until(k, 1200); /* counted from the first retransmission */
	quiet_until(&k->t, 1201);
	host_error(&k->t, k->fd, ETIMEDOUT);
	counted(&k->t, "TcpRetransSegs 2 TcpEstabResets 1 TcpCurrEstab -1 TCPLostRetransmit 1 TCPTimeouts 3 "
	               "TCPAbortOnTimeout 1 TcpTimeoutRehash 2");
	talk_done(k);
}

static void rto_max_ms_is_the_ceiling(void **state)
{
	struct talk *k = talk(NO_SACK);

	(void)state;
	host_set(&k->t, k->fd, HO_SOL_TCP, HO_TCP_RTO_MAX_MS, 1000);
	host_sends_5(k);
	hears_at(&k->p, 201, "P. 1:6 ack 1");
	hears_at(&k->p, 603, "P. 1:6 ack 1");
	hears_at(&k->p, 1407, "P. 1:6 ack 1");
	hears_at(&k->p, 2407, "P. 1:6 ack 1");
	hears_at(&k->p, 3407, "P. 1:6 ack 1");
	talk_done(k);
}

static void an_ack_starts_the_timer_anew(void **state)
{
	struct talk *k = talk(NO_SACK);

	(void)state;
	host_set(&k->t, k->fd, HO_SOL_TCP, HO_TCP_NODELAY, 1);
	host_sends_5(k);
	host_sends_5(k);
	lab_at(&k->t, 100);
	says(&k->p, ". 1 ack 6");
	host_info_is(&k->t, k->fd, tcpi_rto, 213000);
	hears_at(&k->p, 313, "P. 6:11 ack 1");
	talk_done(k);
}

/* ---- Karn ---- */

static void karn_takes_no_sample_of_what_was_sent_twice(void **state)
{
	struct talk *k = talk(.syn_options = "<mss 1460,nop,wscale 7>", .plain = true);

	(void)state;
	host_sends_5(k);
	hears_at(&k->p, 201, "P. 1:6 ack 1");
	hears_at(&k->p, 603, "P. 1:6 ack 1");
	says(&k->p, ". 1 ack 6");
	host_info_is(&k->t, k->fd, tcpi_rto, 804000); /* backed off until something new is answered */
	host_sends_5(k);
	hears_at(&k->p, 603 + 804, "P. 6:11 ack 1");
	talk_done(k);
}

static void a_timestamp_tells_which_one_was_answered(void **state)
{
	struct talk *k = talk(NO_SACK);

	(void)state;
	host_sends_5(k);
	hears_at(&k->p, 201, "P. 1:6 ack 1");
	lab_at(&k->t, 211);
	says(&k->p, ". 1 ack 6");
	host_info_is(&k->t, k->fd, tcpi_rto, 202000);
	host_info_is(&k->t, k->fd, tcpi_retransmits, 0);
	talk_done(k);
}

/* ---- loss probe ---- */

static void a_loss_probe_comes_before_the_timeout(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_sends_5(k);
	marked(&k->t);
	hears_at(&k->p, 201, "P. 1:6 ack 1");
	counted(&k->t, "TcpRetransSegs 1 TCPLossProbes 1");
	hears_at(&k->p, 402, "P. 1:6 ack 1");
	counted(&k->t, "TcpRetransSegs 1 TCPTimeouts 1 TcpTimeoutRehash 1");
	hears_at(&k->p, 804, "P. 1:6 ack 1");
	counted(&k->t, "TcpRetransSegs 1 TCPLostRetransmit 1 TCPTimeouts 1 TcpTimeoutRehash 1");
	talk_done(k);
}

static void a_loss_probe_sends_the_last_segment(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_send(&k->t, k->fd, 3 * 1448, 0, 3 * 1448);
	hears(&k->p, ". 1:1449 ack 1");
	hears(&k->p, ". 1449:2897 ack 1");
	hears(&k->p, "P. 2897:4345 ack 1");
	marked(&k->t);
	hears_at(&k->p, 3, "P. 2897:4345 ack 1");
	counted(&k->t, "TcpRetransSegs 1 TCPLossProbes 1");
	talk_done(k);
}

static void a_loss_probe_prefers_new_data(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_sends_5(k);
	host_send(&k->t, k->fd, 7, 0, 7); /* Nagle holds it */
	quiet(&k->t);
	marked(&k->t);
	hears_at(&k->p, 201, "P. 6:13 ack 1");
	counted(&k->t, "TcpOutSegs 1 TCPLossProbes 1 TCPOrigDataSent 1");
	says(&k->p, ". 1 ack 13");
	counted(&k->t, "TcpInSegs 1 TCPHPAcks 1 TCPDelivered 2");
	talk_done(k);
}

static void a_probe_that_repaired_a_loss_counts_when_more_is_acknowledged(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_sends_5(k);
	hears_at(&k->p, 201, "P. 1:6 ack 1");
	marked(&k->t);
	says(&k->p, ". 1 ack 6");
	counted(&k->t, "TcpInSegs 1 TCPHPAcks 1 TCPDelivered 1");
	host_sends_5(k);
	says(&k->p, ". 1 ack 11");
	counted(&k->t, "TcpInSegs 1 TcpOutSegs 1 TCPHPAcks 1 TCPLossProbeRecovery 1 TCPOrigDataSent 1 TCPDelivered 1");
	talk_done(k);
}

static void a_probe_that_was_needless_is_not_a_loss(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_sends_5(k);
	hears_at(&k->p, 201, "P. 1:6 ack 1");
	says(&k->p, ". 1 ack 6");
	says(&k->p, ". 1 ack 6 <nop,nop,TS,nop,nop,sack 1:6>");
	host_sends_5(k);
	marked(&k->t);
	says(&k->p, ". 1 ack 11");
	counted(&k->t, "TcpInSegs 1 TCPHPAcks 1 TCPDelivered 1");
	talk_done(k);
}

static void early_retrans_0_turns_probes_off(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_sysctl(&k->t, "net.ipv4.tcp_early_retrans", "0");
	host_sends_5(k);
	marked(&k->t);
	hears_at(&k->p, 201, "P. 1:6 ack 1");
	counted(&k->t, "TcpRetransSegs 1 TCPTimeouts 1 TcpTimeoutRehash 1");
	talk_done(k);
}

/* ---- what follows a timeout ---- */

/* Three segments sent, nothing heard, the first one sent again at 201 ms. */
static struct talk *three_lost(const char *test)
{
	struct talk *k = talk_with((struct talk_options){NO_SACK}, test);

	host_send(&k->t, k->fd, 3 * 1448, 0, 3 * 1448);
	hears(&k->p, ". 1:1449 ack 1");
	hears(&k->p, ". 1449:2897 ack 1");
	hears(&k->p, "P. 2897:4345 ack 1");
	hears_at(&k->p, 201, ". 1:1449 ack 1");
	marked(&k->t);
	return k;
}

static void after_a_timeout_the_rest_goes_again_in_slow_start(void **state)
{
	struct talk *k = three_lost(__func__);

	(void)state;
	host_info_is(&k->t, k->fd, tcpi_snd_cwnd, 1);
	host_info_is(&k->t, k->fd, tcpi_lost, 3);
	says(&k->p, ". 1 ack 1449");
	hears(&k->p, ". 1449:2897 ack 1");
	hears(&k->p, "P. 2897:4345 ack 1");
	counted(&k->t, "TcpInSegs 1 TcpRetransSegs 2 TCPHPAcks 1 TCPSlowStartRetrans 2 TCPDelivered 1");
	says(&k->p, ". 1 ack 4345");
	host_info_is(&k->t, k->fd, tcpi_unacked, 0);
	host_info_is(&k->t, k->fd, tcpi_ca_state, 4); /* without SACK until something newer is acknowledged */
	host_sends_5(k);
	says(&k->p, ". 1 ack 4350");
	host_info_is(&k->t, k->fd, tcpi_ca_state, 0);
	talk_done(k);
}

static void with_sack_the_repair_ends_with_the_last_of_what_was_lost(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_sends_5(k);
	hears_at(&k->p, 201, "P. 1:6 ack 1");
	hears_at(&k->p, 402, "P. 1:6 ack 1");
	host_info_is(&k->t, k->fd, tcpi_ca_state, 4);
	says(&k->p, ". 1 ack 6");
	host_info_is(&k->t, k->fd, tcpi_ca_state, 0);
	talk_done(k);
}

static void a_second_timeout_during_the_repair_is_a_loss_failure(void **state)
{
	struct talk *k = three_lost(__func__);

	(void)state;
	says(&k->p, ". 1 ack 1449");
	hears(&k->p, ". 1449:2897 ack 1");
	hears(&k->p, "P. 2897:4345 ack 1");
	marked(&k->t);
	hears_at(&k->p, 402, ". 1449:2897 ack 1");
	counted(&k->t, "TcpRetransSegs 1 TCPLostRetransmit 2 TCPLossFailures 1 TCPTimeouts 1 TcpTimeoutRehash 1");
	talk_done(k);
}

static void a_timeout_lowers_the_threshold_once(void **state)
{
	struct talk *k = three_lost(__func__);
	uint32_t first = host_info(&k->t, k->fd).tcpi_snd_ssthresh;

	(void)state;
	assert_true(first < 10);
	hears_at(&k->p, 603, ". 1:1449 ack 1");
	assert_int_equal(host_info(&k->t, k->fd).tcpi_snd_ssthresh, first);
	talk_done(k);
}

/* ---- a window that was taken back ---- */

static void a_window_that_is_taken_back_is_probed_with_the_segment(void **state)
{
	struct talk *k = talk(NO_SACK);

	(void)state;
	host_send(&k->t, k->fd, 2 * 1448, 0, 2 * 1448);
	hears(&k->p, ". 1:1449 ack 1");
	hears(&k->p, "P. 1449:2897 ack 1");
	says(&k->p, ". 1 ack 1449 win 0");
	marked(&k->t);
	hears_at(&k->p, 201, "P. 1449:2897 ack 1");
	counted(&k->t, "TcpRetransSegs 1");
	hears_at(&k->p, 603, "P. 1449:2897 ack 1");
	counted(&k->t, "TcpRetransSegs 1 TCPLostRetransmit 1");
	talk_done(k);
}

static void user_timeout_ends_that_too(void **state)
{
	struct talk *k = talk(NO_SACK);

	(void)state;
	host_set(&k->t, k->fd, HO_SOL_TCP, HO_TCP_USER_TIMEOUT, 1000);
	host_send(&k->t, k->fd, 2 * 1448, 0, 2 * 1448);
	hears(&k->p, ". 1:1449 ack 1");
	hears(&k->p, "P. 1449:2897 ack 1");
	says(&k->p, ". 1 ack 1449 win 0");
	hears_at(&k->p, 201, "P. 1449:2897 ack 1");
	hears_at(&k->p, 603, "P. 1449:2897 ack 1");
	says(&k->p, ". 1 ack 1449 win 0");
	alive_until(k, 1200);
	quiet_until(&k->t, 1201);
	host_error(&k->t, k->fd, ETIMEDOUT);
	talk_done(k);
}

static void user_timeout_ends_probes_into_a_shut_window(void **state)
{
	struct talk *k = talk(NO_SACK);

	(void)state;
	host_set(&k->t, k->fd, HO_SOL_TCP, HO_TCP_USER_TIMEOUT, 1000);
	says(&k->p, ". 1 ack 1 win 0");
	host_send(&k->t, k->fd, 5, 0, 5);
	marked(&k->t);
	hears_at(&k->p, 201, ". 0 ack 1");
	says(&k->p, ". 1 ack 1 win 0");
	hears_at(&k->p, 603, ". 0 ack 1");
	says(&k->p, ". 1 ack 1 win 0");
	alive_until(k, 1200);
	quiet_until(&k->t, 1201);
	host_error(&k->t, k->fd, ETIMEDOUT);
	talk_done(k);
}

/* ---- a retransmission that cannot leave ---- */

static void a_full_queue_delays_a_retransmission_by_half_a_second(void **state)
{
	struct talk *k = talk(.lab = {.out_queue_max = 1}, NO_SACK);
	struct peer q = peer_of(&k->t, 2);
	int fd = host_accepted(&k->t, k->lfd, &q);

	(void)state;
	host_sends_5(k);
	lab_at(&k->t, 200);
	host_send(&k->t, fd, 5, 0, 5);
	marked(&k->t);
	ho_stack_expire(k->t.l.s, LAB_BIRTH_NS + 201 * HO_MS, 0);
	counted(&k->t, "TcpRetransSegs 1 TCPTimeouts 1 TCPRetransFail 1 TcpTimeoutRehash 1");
	hears(&q, "P. 1:6 ack 1");
	says(&q, ". 1 ack 6");
	hears_at(&k->p, 701, "P. 1:6 ack 1");
	talk_done(k);
}

static void a_rule_that_stops_a_retransmission_changes_no_timer(void **state)
{
	static const struct ho_rule out = {.hook = HO_HOOK_OUTPUT, .protocol = IP_PROTO_TCP};
	struct talk *k = talk();

	(void)state;
	host_sends_5(k);
	assert_int_equal(ho_rule_add(k->t.l.s, &out), 0);
	marked(&k->t);
	quiet_until(&k->t, 3300); /* a probe at 201 ms, timeouts at 402, 804, 1608, 3216 */
	counted(&k->t, "TcpRetransSegs 5 TCPTimeouts 4 TCPRetransFail 5 TcpTimeoutRehash 4");
	host_info_is(&k->t, k->fd, tcpi_retransmits, 4);
	talk_done(k);
}

/* ---- ICMP ---- */

static void icmp_only_explains_why_an_established_connection_ends(void **state)
{
	struct talk *k = talk(NO_SACK);

	(void)state;
	host_sysctl(&k->t, "net.ipv4.tcp_retries2", "1");
	host_sends_5(k);
	says_icmp(&k->p, 3, 10, 0);
	host_state(&k->t, k->fd, HO_ESTABLISHED);
	host_polls(&k->t, k->fd, HO_OUT);
	hears_at(&k->p, 201, "P. 1:6 ack 1");
	hears_at(&k->p, 603, "P. 1:6 ack 1");
	quiet_until(&k->t, 1407);
	host_error(&k->t, k->fd, EHOSTUNREACH);
	talk_done(k);
}

static void so_error_tells_what_icmp_said_once(void **state)
{
	struct talk *k = talk(NO_SACK);

	(void)state;
	host_sends_5(k);
	says_icmp(&k->p, 3, 10, 0);
	host_error(&k->t, k->fd, EHOSTUNREACH);
	host_error(&k->t, k->fd, 0);
	host_state(&k->t, k->fd, HO_ESTABLISHED);
	talk_done(k);
}

static void an_ack_makes_the_icmp_error_forgotten(void **state)
{
	struct talk *k = talk(NO_SACK);

	(void)state;
	host_sysctl(&k->t, "net.ipv4.tcp_retries2", "1");
	host_sends_5(k);
	says_icmp(&k->p, 3, 10, 0);
	says(&k->p, ". 1 ack 6");
	host_sends_5(k);
	hears_at(&k->p, 201, "P. 6:11 ack 1");
	hears_at(&k->p, 603, "P. 6:11 ack 1");
	quiet_until(&k->t, 1407);
	host_error(&k->t, k->fd, ETIMEDOUT);
	talk_done(k);
}

static void icmp_about_something_else_is_out_of_window(void **state)
{
	struct talk *k = talk(NO_SACK);

	(void)state;
	host_sends_5(k);
	says(&k->p, ". 1 ack 6");
	marked(&k->t);
	says_icmp(&k->p, 3, 1, 0);
	counted(&k->t, "OutOfWindowIcmps 1");
	host_state(&k->t, k->fd, HO_ESTABLISHED);
	talk_done(k);
}

static void an_unreachable_network_takes_back_a_doubling(void **state)
{
	struct talk *k = talk(NO_SACK);

	(void)state;
	host_sends_5(k);
	hears_at(&k->p, 201, "P. 1:6 ack 1");
	says_icmp(&k->p, 3, 0, 0);
	hears_at(&k->p, 402, "P. 1:6 ack 1");
	says_icmp(&k->p, 3, 3, 0);
	hears_at(&k->p, 804, "P. 1:6 ack 1");
	lab_at(&k->t, 1300);
	marked(&k->t);
	says_icmp(&k->p, 3, 1, 0); /* its time is over already */
	hears(&k->p, "P. 1:6 ack 1");
	counted(&k->t, "TcpRetransSegs 1 TCPLostRetransmit 1 TCPTimeouts 1 TcpTimeoutRehash 1");
	talk_done(k);
}

static void icmp_for_a_half_open_request_drops_it_unless_it_is_about_the_port(void **state)
{
	struct talk *k = talk();
	struct peer q = peer_of(&k->t, 2), r = peer_of(&k->t, 3);

	(void)state;
	says(&q, "S");
	hears(&q, "S. 0 ack 1");
	marked(&k->t);
	says_icmp(&q, 3, 3, 0);
	host_queues(&k->t, k->lfd, 1, 0);
	counted(&k->t, "");
	says_icmp(&q, 3, 1, 0);
	host_queues(&k->t, k->lfd, 0, 0);
	counted(&k->t, "ListenDrops 1");
	says(&r, "S");
	hears(&r, "S. 0 ack 1");
	says(&r, ".");
	marked(&k->t);
	says_icmp(&r, 11, 0, 0);
	counted(&k->t, "OutOfWindowIcmps 1");
	talk_done(k);
}

/* ---- keepalive ---- */

static struct talk *kept_alive(const char *test)
{
	struct talk *k = talk_with((struct talk_options){0}, test);

	host_set(&k->t, k->fd, HO_SOL_TCP, HO_TCP_KEEPIDLE, 2);
	host_set(&k->t, k->fd, HO_SOL_TCP, HO_TCP_KEEPINTVL, 1);
	host_set(&k->t, k->fd, HO_SOL_TCP, HO_TCP_KEEPCNT, 3);
	host_set(&k->t, k->fd, HO_SOL_SOCKET, HO_SO_KEEPALIVE, 1);
	return k;
}

static void a_silent_peer_is_probed_and_given_up_with_a_rst(void **state)
{
	struct talk *k = kept_alive(__func__);

	(void)state;
	for (unsigned i = 2; i < 5; i++) {
		hears_at(&k->p, i * 1000, ". 0 ack 1 <TS>");
		counted(&k->t, "TcpOutSegs 1 TCPKeepAlive 1");
	}
	hears_at(&k->p, 5000, "R. 1 ack 1");
	counted(&k->t, "TcpOutSegs 1 TcpOutRsts 1 TcpEstabResets 1 TcpCurrEstab -1 TCPAbortOnTimeout 1");
	host_polls(&k->t, k->fd, HANGED_UP);
	host_error(&k->t, k->fd, ETIMEDOUT);
	talk_done(k);
}

static void what_no_option_sets_is_the_sysctls_of_the_moment(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_set(&k->t, k->fd, HO_SOL_SOCKET, HO_SO_KEEPALIVE, 1);
	host_has(k, HO_SOL_TCP, HO_TCP_KEEPIDLE, 7200);
	host_sysctl(&k->t, "net.ipv4.tcp_keepalive_time", "2");
	host_sysctl(&k->t, "net.ipv4.tcp_keepalive_intvl", "1");
	host_sysctl(&k->t, "net.ipv4.tcp_keepalive_probes", "1");
	host_has(k, HO_SOL_TCP, HO_TCP_KEEPIDLE, 2);
	host_has(k, HO_SOL_TCP, HO_TCP_KEEPINTVL, 1);
	host_has(k, HO_SOL_TCP, HO_TCP_KEEPCNT, 1);
	host_set(&k->t, k->fd, HO_SOL_SOCKET, HO_SO_KEEPALIVE, 0);
	host_set(&k->t, k->fd, HO_SOL_SOCKET, HO_SO_KEEPALIVE, 1);
	hears_at(&k->p, 2000, ". 0 ack 1");
	hears_at(&k->p, 3000, "R. 1 ack 1");
	host_error(&k->t, k->fd, ETIMEDOUT);
	talk_done(k);
}

static void keepalive_that_is_on_does_not_begin_anew(void **state)
{
	struct talk *k = kept_alive(__func__);

	(void)state;
	lab_at(&k->t, 1500);
	host_set(&k->t, k->fd, HO_SOL_SOCKET, HO_SO_KEEPALIVE, 1);
	hears_at(&k->p, 2000, ". 0 ack 1");
	talk_done(k);
}

/* Its timer would be armed for the present again and again. */
static void a_keepalive_time_of_0_does_not_stop_the_clock(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_sysctl(&k->t, "net.ipv4.tcp_keepalive_time", "0");
	host_send(&k->t, k->fd, 1, 0, 1);
	host_set(&k->t, k->fd, HO_SOL_SOCKET, HO_SO_KEEPALIVE, 1);
	hears(&k->p, "P. 1:2 ack 1");
	hears_at(&k->p, 201, "P. 1:2 ack 1");
	says(&k->p, ". 1 ack 2");
	hears_at(&k->p, 202, ". 1 ack 1");
	talk_done(k);
}

/* Linux 6.18 takes the values, shows them by getsockopt, and no probe comes. */
static void a_negative_keepalive_time_probes_nobody(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_sysctl(&k->t, "net.ipv4.tcp_keepalive_time", "-1");
	host_has(k, HO_SOL_TCP, HO_TCP_KEEPIDLE, -1);
	host_set(&k->t, k->fd, HO_SOL_SOCKET, HO_SO_KEEPALIVE, 1);
	quiet_until(&k->t, 30u * 86400000);
	host_set(&k->t, k->fd, HO_SOL_TCP, HO_TCP_KEEPIDLE, 1); /* the socket's own time, and it has been idle for longer */
	hears_at(&k->p, 30u * 86400000 + 1, ". 0 ack 1");
	talk_done(k);
}

static void a_negative_keepalive_interval_probes_once(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_sysctl(&k->t, "net.ipv4.tcp_keepalive_time", "1");
	host_sysctl(&k->t, "net.ipv4.tcp_keepalive_intvl", "-1");
	host_has(k, HO_SOL_TCP, HO_TCP_KEEPINTVL, -1);
	host_set(&k->t, k->fd, HO_SOL_SOCKET, HO_SO_KEEPALIVE, 1);
	hears_at(&k->p, 1000, ". 0 ack 1");
	quiet_until(&k->t, 30u * 86400000);
	talk_done(k);
}

static void a_probe_that_is_answered_begins_the_idle_time_anew(void **state)
{
	struct talk *k = kept_alive(__func__);

	(void)state;
	hears_at(&k->p, 2000, ". 0 ack 1");
	says(&k->p, ". 1 ack 1");
	hears_at(&k->p, 4000, ". 0 ack 1");
	hears_at(&k->p, 5000, ". 0 ack 1");
	says(&k->p, ". 1 ack 1");
	hears_at(&k->p, 7000, ". 0 ack 1");
	talk_done(k);
}

static void traffic_postpones_keepalive(void **state)
{
	struct talk *k = kept_alive(__func__);

	(void)state;
	lab_at(&k->t, 1500);
	says(&k->p, "P. 1:6 ack 1");
	hears(&k->p, ". 1 ack 6");
	hears_at(&k->p, 3500, ". 0 ack 6");
	talk_done(k);
}

static void unanswered_data_are_the_retransmission_timers_business(void **state)
{
	struct talk *k = kept_alive(__func__);

	(void)state;
	lab_at(&k->t, 1900);
	host_sends_5(k);
	marked(&k->t);
	hears_at(&k->p, 2101, "P. 1:6 ack 1");
	hears_at(&k->p, 2302, "P. 1:6 ack 1");
	hears_at(&k->p, 2704, "P. 1:6 ack 1");
	hears_at(&k->p, 3508, "P. 1:6 ack 1");
	counted(&k->t, "TcpRetransSegs 4 TCPLostRetransmit 2 TCPTimeouts 3 TCPLossProbes 1 TcpTimeoutRehash 3");
	talk_done(k);
}

static void user_timeout_decides_when_keepalive_ends(void **state)
{
	struct talk *k = kept_alive(__func__);

	(void)state;
	host_set(&k->t, k->fd, HO_SOL_TCP, HO_TCP_USER_TIMEOUT, 2500);
	hears_at(&k->p, 2000, ". 0 ack 1");
	hears_at(&k->p, 3000, "R. 1 ack 1");
	host_error(&k->t, k->fd, ETIMEDOUT);
	talk_done(k);
}

static void keepidle_counts_from_the_last_segment(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_set(&k->t, k->fd, HO_SOL_SOCKET, HO_SO_KEEPALIVE, 1);
	lab_at(&k->t, 1500);
	host_set(&k->t, k->fd, HO_SOL_TCP, HO_TCP_KEEPIDLE, 2);
	hears_at(&k->p, 2000, ". 0 ack 1");
	talk_done(k);
}

static void keepalive_may_be_turned_off_again(void **state)
{
	struct talk *k = kept_alive(__func__);

	(void)state;
	lab_at(&k->t, 1000);
	host_set(&k->t, k->fd, HO_SOL_SOCKET, HO_SO_KEEPALIVE, 0);
	quiet_until(&k->t, 6000);
	host_state(&k->t, k->fd, HO_ESTABLISHED);
	talk_done(k);
}

static void keepalive_goes_on_in_close_wait(void **state)
{
	struct talk *k = kept_alive(__func__);

	(void)state;
	says(&k->p, "F. 1 ack 1");
	lab_at(&k->t, 10);
	hears(&k->p, ". 1 ack 2");
	hears_at(&k->p, 2000, ". 0 ack 2");
	hears_at(&k->p, 3000, ". 0 ack 2");
	talk_done(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_timeout_is_at_least_200_ms_and_doubles),
		cmocka_unit_test(the_timeout_grows_to_120_seconds_and_retries2_ends_it),
		cmocka_unit_test(fewer_retries2_end_it_sooner),
		cmocka_unit_test(retries1_ends_nothing),
		cmocka_unit_test(user_timeout_ends_it_at_its_time),
		cmocka_unit_test(rto_max_ms_is_the_ceiling),
		cmocka_unit_test(an_ack_starts_the_timer_anew),
		cmocka_unit_test(karn_takes_no_sample_of_what_was_sent_twice),
		cmocka_unit_test(a_timestamp_tells_which_one_was_answered),
		cmocka_unit_test(a_loss_probe_comes_before_the_timeout),
		cmocka_unit_test(a_loss_probe_sends_the_last_segment),
		cmocka_unit_test(a_loss_probe_prefers_new_data),
		cmocka_unit_test(a_probe_that_repaired_a_loss_counts_when_more_is_acknowledged),
		cmocka_unit_test(a_probe_that_was_needless_is_not_a_loss),
		cmocka_unit_test(early_retrans_0_turns_probes_off),
		cmocka_unit_test(after_a_timeout_the_rest_goes_again_in_slow_start),
		cmocka_unit_test(with_sack_the_repair_ends_with_the_last_of_what_was_lost),
		cmocka_unit_test(a_second_timeout_during_the_repair_is_a_loss_failure),
		cmocka_unit_test(a_timeout_lowers_the_threshold_once),
		cmocka_unit_test(a_window_that_is_taken_back_is_probed_with_the_segment),
		cmocka_unit_test(user_timeout_ends_that_too),
		cmocka_unit_test(user_timeout_ends_probes_into_a_shut_window),
		cmocka_unit_test(a_full_queue_delays_a_retransmission_by_half_a_second),
		cmocka_unit_test(a_rule_that_stops_a_retransmission_changes_no_timer),
		cmocka_unit_test(icmp_only_explains_why_an_established_connection_ends),
		cmocka_unit_test(so_error_tells_what_icmp_said_once),
		cmocka_unit_test(an_ack_makes_the_icmp_error_forgotten),
		cmocka_unit_test(icmp_about_something_else_is_out_of_window),
		cmocka_unit_test(an_unreachable_network_takes_back_a_doubling),
		cmocka_unit_test(icmp_for_a_half_open_request_drops_it_unless_it_is_about_the_port),
		cmocka_unit_test(a_silent_peer_is_probed_and_given_up_with_a_rst),
		cmocka_unit_test(a_probe_that_is_answered_begins_the_idle_time_anew),
		cmocka_unit_test(what_no_option_sets_is_the_sysctls_of_the_moment),
		cmocka_unit_test(keepalive_that_is_on_does_not_begin_anew),
		cmocka_unit_test(a_keepalive_time_of_0_does_not_stop_the_clock),
		cmocka_unit_test(a_negative_keepalive_time_probes_nobody),
		cmocka_unit_test(a_negative_keepalive_interval_probes_once),
		cmocka_unit_test(traffic_postpones_keepalive),
		cmocka_unit_test(unanswered_data_are_the_retransmission_timers_business),
		cmocka_unit_test(user_timeout_decides_when_keepalive_ends),
		cmocka_unit_test(keepidle_counts_from_the_last_segment),
		cmocka_unit_test(keepalive_may_be_turned_off_again),
		cmocka_unit_test(keepalive_goes_on_in_close_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
