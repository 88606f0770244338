/* SPDX-License-Identifier: MIT
 * What may come for a half-open request instead of the final ACK, and what a connection knows when its SYN+ACK was sent
 * more than once.  The experiment halfopen_segments asks the same of both worlds. */
#include "tcp_lab.h"

#define BROADCAST HO_ADDR(198, 18, 0, 255)

struct half_open {
	struct tcp_lab t;
	int lfd;
	struct peer p;
};

static struct half_open *half_open(const char *syn_options, const char *test)
{
	struct half_open *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->t = tcp_lab_with((struct lab_options){0}, test);
	w->lfd = host_listen(&w->t, 5);
	w->p = peer_of(&w->t, 1);
	if (syn_options) {
		w->p.syn_options = syn_options;
		w->p.ts = false;
	}
	says(&w->p, "S");
	hears(&w->p, "S. 0 ack 1");
	marked(&w->t);
	return w;
}

static void done(struct half_open *w)
{
	tcp_lab_close(&w->t);
	free(w);
}

static void a_rst_that_is_not_the_next_number_is_challenged(void **state)
{
	struct half_open *w = half_open(NULL, __func__);

	(void)state;
	says(&w->p, "R 100");
	hears(&w->p, ". 1 ack 1 <TS>");
	says(&w->p, "R 200");
	quiet(&w->t);
	counted(&w->t, "TcpInSegs 2 TcpOutSegs 1 TcpExtTCPChallengeACK 1 TcpExtTCPACKSkippedChallenge 1");
	host_drops(&w->t, w->lfd, 2);
	host_queues(&w->t, w->lfd, 1, 0);
	says(&w->p, "R 1");
	counted(&w->t, "TcpInSegs 1 TcpAttemptFails 1 TcpExtEmbryonicRsts 1");
	host_queues(&w->t, w->lfd, 0, 0);
	done(w);
}

static void a_rst_is_judged_before_its_ack(void **state)
{
	struct half_open *w = half_open(NULL, __func__);

	(void)state;
	says(&w->p, "R. 1 ack 500");
	quiet(&w->t);
	counted(&w->t, "TcpInSegs 1 TcpAttemptFails 1 TcpExtEmbryonicRsts 1");
	host_queues(&w->t, w->lfd, 0, 0);
	done(w);
}

static void segments_out_of_window_get_one_ack_in_half_a_second(void **state)
{
	struct half_open *w = half_open(NULL, __func__);

	(void)state;
	says(&w->p, ". 4000000 ack 1 <nop,nop,TS +0 s+0>");
	hears(&w->p, ". 1 ack 1");
	says(&w->p, ". 4000000 ack 1 <nop,nop,TS +0 s+0>");
	says(&w->p, "S 0"); /* the SYN again counts as well */
	quiet(&w->t);
	counted(&w->t, "TcpInSegs 3 TcpOutSegs 1 TcpExtTCPACKSkippedSynRecv 2");
	lab_at(&w->t, 600);
	says(&w->p, ". 4000000 ack 1 <nop,nop,TS +0 s+0>");
	hears(&w->p, ". 1 ack 1");
	says(&w->p, ". 4000000:4000005 ack 1"); /* data are not part of a loop; what they echo was no SYN+ACK's */
	hears(&w->p, ". 1 ack 1");
	counted(&w->t, "TcpInSegs 2 TcpOutSegs 2 TcpExtTSEcrRejected 1");
	done(w);
}

static void the_timestamps_of_all_syn_acks_are_good_and_no_others(void **state)
{
	struct half_open *w = half_open(NULL, __func__);

	(void)state;
	lab_at(&w->t, 900);
	says(&w->p, "S 0"); /* the timer starts anew */
	hears(&w->p, "S. 0 ack 1");
	counted(&w->t, "TcpInSegs 1 TcpOutSegs 1 TcpRetransSegs 1 TcpExtTCPSynRetrans 1");
	lab_at(&w->t, 1500);
	says(&w->p, ". 1 ack 1 <nop,nop,TS +0 s-1>");
	hears(&w->p, ". 1 ack 1");
	counted(&w->t, "TcpInSegs 1 TcpOutSegs 1 TSEcrRejected 1");
	hears_at(&w->p, 1900, "S. 0 ack 1");
	marked(&w->t);
	says(&w->p, ". 1 ack 1 <nop,nop,TS +0 e+1>");
	says(&w->p, ". 1 ack 1 <nop,nop,TS +0 s-1>");
	counted(&w->t, "TcpInSegs 2 TcpExtTCPACKSkippedSynRecv 2 TSEcrRejected 2");
	host_queues(&w->t, w->lfd, 1, 0);
	says(&w->p, ". 1 ack 1 <nop,nop,TS +0 s+0>");
	host_queues(&w->t, w->lfd, 0, 1);
	done(w);
}

/* Nobody asked the host meanwhile: all its timers come at once. */
static void lab_late(struct tcp_lab *t, uint64_t ms)
{
	say_log(t, "at %llu", (unsigned long long)ms);
	ho_stack_expire(t->l.s, t->l.birth_ns + ms * HO_MS, 0);
}

static void a_host_that_comes_late_knows_its_first_syn_ack(void **state)
{
	struct half_open *w = half_open(NULL, __func__);

	(void)state;
	lab_late(&w->t, 1300);
	hears(&w->p, "S. 0 ack 1");
	says(&w->p, ". 1 ack 1 <nop,nop,TS +0 s+0>");
	host_queues(&w->t, w->lfd, 0, 1);
	done(w);
}

static void an_ack_out_of_window_follows_no_repeated_syn(void **state)
{
	struct half_open *w = half_open(NULL, __func__);

	(void)state;
	says(&w->p, "S 0");
	hears(&w->p, "S. 0 ack 1");
	says(&w->p, ". 4000000 ack 1");
	quiet(&w->t);
	counted(&w->t, "TcpInSegs 2 TcpOutSegs 1 TcpRetransSegs 1 TcpExtTCPSynRetrans 1 TcpExtTCPACKSkippedSynRecv 1");
	done(w);
}

static void the_limit_is_forgotten_before_its_clock_wraps_around(void **state)
{
	struct half_open *w = half_open(NULL, __func__);

	(void)state;
	says(&w->p, ". 4000000 ack 1");
	hears(&w->p, ". 1 ack 1");
	for (unsigned at = 1000, step = 2000; at < 63000; at += step, step *= 2)
		hears_at(&w->p, at, "S. 0 ack 1");
	lab_at(&w->t, 62000);
	says(&w->p, ". 4000000 ack 1");
	hears(&w->p, ". 1 ack 1");
	done(w);
}

static void a_repeated_syn_ack_leaves_the_round_trip_time_to_the_timestamp(void **state)
{
	struct half_open *w = half_open(NULL, __func__);
	struct ho_tcp_info info;

	(void)state;
	hears_at(&w->p, 1000, "S. 0 ack 1");
	lab_at(&w->t, 1030);
	says(&w->p, ".");
	info = host_info(&w->t, host_accept(&w->t, w->lfd));
	assert_int_equal(info.tcpi_rtt, 30000);
	assert_int_equal(info.tcpi_rto, 230000);
	assert_int_equal(info.tcpi_rcv_space, 14480);
	done(w);
}

static void without_a_timestamp_the_timeout_is_three_seconds(void **state)
{
	struct half_open *w = half_open("<mss 1460>", __func__);
	struct ho_tcp_info info;

	(void)state;
	hears_at(&w->p, 1000, "S. 0 ack 1");
	says(&w->p, ".");
	info = host_info(&w->t, host_accept(&w->t, w->lfd));
	assert_int_equal(info.tcpi_rtt, 0);
	assert_int_equal(info.tcpi_rttvar, 750000);
	assert_int_equal(info.tcpi_rto, 3000000);
	assert_int_equal(info.tcpi_rcv_space, 14600);
	done(w);
}

static void tcp_rto_max_ms_is_not_for_syn_acks(void **state)
{
	struct half_open *w;

	(void)state;
	w = half_open(NULL, __func__);
	host_sysctl(&w->t, "net.ipv4.tcp_rto_max_ms", "1000");
	hears_at(&w->p, 1000, "S. 0 ack 1");
	hears_at(&w->p, 3000, "S. 0 ack 1");
	hears_at(&w->p, 7000, "S. 0 ack 1");
	done(w);
}

static void a_full_syn_queue_is_found_before_a_full_accept_queue(void **state)
{
	struct tcp_lab t = tcp_lab();
	struct peer p[4];
	int lfd = host_listen(&t, 0);

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		p[i] = peer_of(&t, i + 1);
	says(&p[0], "S");
	hears(&p[0], "S. 0 ack 1");
	host_sysctl(&t, "net.ipv4.tcp_syncookies", "2");
	peer_handshake(&p[1]);
	host_sysctl(&t, "net.ipv4.tcp_syncookies", "0");
	host_queues(&t, lfd, 1, 1);
	marked(&t);
	says(&p[2], "S");
	quiet(&t);
	counted(&t, "TcpInSegs 1 TcpExtListenDrops 1 TcpExtTCPReqQFullDrop 1");
	host_sysctl(&t, "net.ipv4.tcp_syncookies", "1");
	says(&p[3], "S");
	quiet(&t);
	counted(&t, "TcpInSegs 1 TcpExtListenOverflows 1 TcpExtListenDrops 1 TcpExtTCPReqQFullDoCookies 1");
	tcp_lab_close(&t);
}

static void tcp_to_everybody_is_answered_by_nobody(void **state)
{
	static const uint32_t everybody[] = {BROADCAST, UINT32_MAX, HO_ADDR(224, 0, 0, 1)};
	struct tcp_lab t = tcp_lab();
	int lfd = host_listen(&t, 5);
	struct peer p = peer_of(&t, 1), closed = peer_of(&t, 2);

	(void)state;
	closed.host_port = LAB_PORT + 1;
	for (uint32_t i = 0; i < 3; i++) {
		marked(&t);
		says_between(&p, PEER_ADDR, everybody[i], "S 0");
		counted(&t, "TcpInSegs 1 TcpExtListenDrops 1");
		says_between(&closed, PEER_ADDR, everybody[i], "S 0");
		says_between(&closed, PEER_ADDR, everybody[i], ". 5 ack 7");
		counted(&t, "TcpInSegs 2");
		says_between(&p, PEER_ADDR, everybody[i], ". 5 ack 7"); /* the listener's RST has no address to leave from */
		counted(&t, "TcpInSegs 1 TcpOutSegs 1 TcpOutRsts 1");
		quiet(&t);
		host_drops(&t, lfd, i + 1);
	}
	tcp_lab_close(&t);
}

static void a_syn_ack_to_everybody_does_not_come_back_to_us(void **state)
{
	struct tcp_lab t = tcp_lab();
	int lfd = host_listen(&t, 5);
	struct peer p = peer_of(&t, 1);

	(void)state;
	says_between(&p, BROADCAST, HOST, "S 0");
	assert_int_equal(get32(lab_out(&t.l)->bytes + 16), BROADCAST);
	lab_counted(&t.l, IpInReceives, 2);
	lab_counted(&t.l, TcpInSegs, 1);
	host_queues(&t, lfd, 1, 0);
	tcp_lab_close(&t);
}

static void an_old_timestamp_is_old_in_the_first_second_of_the_clock(void **state)
{
	struct tcp_lab t = tcp_lab(.birth_ns = 1);
	struct peer p = peer_of(&t, 1);

	(void)state;
	host_listen(&t, 5);
	says(&p, "S");
	hears(&p, "S. 0 ack 1");
	marked(&t);
	says(&p, ". 1 ack 1 <nop,nop,TS -5>");
	hears(&p, ". 1 ack 1 <TS>");
	counted(&t, "TcpInSegs 1 TcpOutSegs 1 TcpExtPAWSEstab 1");
	tcp_lab_close(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rst_that_is_not_the_next_number_is_challenged),
		cmocka_unit_test(a_rst_is_judged_before_its_ack),
		cmocka_unit_test(segments_out_of_window_get_one_ack_in_half_a_second),
		cmocka_unit_test(the_timestamps_of_all_syn_acks_are_good_and_no_others),
		cmocka_unit_test(a_host_that_comes_late_knows_its_first_syn_ack),
		cmocka_unit_test(an_ack_out_of_window_follows_no_repeated_syn),
		cmocka_unit_test(the_limit_is_forgotten_before_its_clock_wraps_around),
		cmocka_unit_test(a_repeated_syn_ack_leaves_the_round_trip_time_to_the_timestamp),
		cmocka_unit_test(without_a_timestamp_the_timeout_is_three_seconds),
		cmocka_unit_test(tcp_rto_max_ms_is_not_for_syn_acks),
		cmocka_unit_test(tcp_to_everybody_is_answered_by_nobody),
		cmocka_unit_test(a_syn_ack_to_everybody_does_not_come_back_to_us),
		cmocka_unit_test(an_old_timestamp_is_old_in_the_first_second_of_the_clock),
		cmocka_unit_test(a_full_syn_queue_is_found_before_a_full_accept_queue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
