/* SPDX-License-Identifier: MIT
 * The host opens: its SYN, the answers that it may get, and none. */
#include "tcp_lab.h"

#define HANGED_UP (HO_IN | HO_OUT | HO_ERR | HO_HUP | HO_RDHUP)

/* The host's first SYN has gone out to peer 1. */
static int connecting(struct tcp_lab *t, struct peer *p)
{
	int fd = host_socket(t);

	*p = peer_of(t, 1);
	p->host_port = 0;
	host_connect(t, fd, p, -EINPROGRESS);
	hears(p, "S 0");
	return fd;
}

/* ---- the SYN, byte for byte ---- */

static void syn_carries(struct tcp_lab *t, const uint8_t *options, unsigned len, int ts_at)
{
	struct peer p = peer_of(t, 1);
	struct packet *k;
	uint8_t expected[40];

	p.host_port = 0;
	host_connect(t, host_socket(t), &p, -EINPROGRESS);
	k = hears(&p, "S 0 win 64240");
	assert_int_equal(k->len, 40 + len);
	assert_int_equal(k->bytes[40 - 8], (20 + len) / 4 << 4);
	memcpy(expected, options, len);
	if (ts_at >= 0) { /* the value is any, the echo is none */
		memcpy(expected + ts_at, k->bytes + 40 + ts_at, 4);
		assert_int_not_equal(get32(expected + ts_at), 0);
	}
	assert_memory_equal(k->bytes + 40, expected, len);
	assert_int_equal(get32(k->bytes + 28), 0); /* no ACK number, no urgent pointer */
	assert_int_equal(get16(k->bytes + 38), 0);
}

static void a_syn_offers_mss_sack_timestamps_and_scale_10(void **state)
{
	static const uint8_t options[] = {2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0, 1, 3, 3, 10};
	struct tcp_lab t = tcp_lab();

	(void)state;
	syn_carries(&t, options, sizeof(options), 8);
	counted(&t, "TcpActiveOpens 1 TcpOutSegs 1");
	tcp_lab_close(&t);
}

static void a_syn_without_timestamps_pads_sack_permitted(void **state)
{
	static const uint8_t options[] = {2, 4, 5, 0xb4, 1, 1, 4, 2, 1, 3, 3, 10};
	struct tcp_lab t = tcp_lab();

	(void)state;
	host_sysctl(&t, "net.ipv4.tcp_timestamps", "0");
	syn_carries(&t, options, sizeof(options), -1);
	tcp_lab_close(&t);
}

static void a_syn_without_sack_pads_timestamps(void **state)
{
	static const uint8_t options[] = {2, 4, 5, 0xb4, 1, 1, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0, 1, 3, 3, 10};
	struct tcp_lab t = tcp_lab();

	(void)state;
	host_sysctl(&t, "net.ipv4.tcp_sack", "0");
	syn_carries(&t, options, sizeof(options), 8);
	tcp_lab_close(&t);
}

static void a_syn_without_scaling_and_all_else_has_only_mss(void **state)
{
	static const uint8_t options[] = {2, 4, 5, 0xb4};
	struct tcp_lab t = tcp_lab();

	(void)state;
	host_sysctl(&t, "net.ipv4.tcp_sack", "0");
	host_sysctl(&t, "net.ipv4.tcp_timestamps", "0");
	host_sysctl(&t, "net.ipv4.tcp_window_scaling", "0");
	syn_carries(&t, options, sizeof(options), -1);
	tcp_lab_close(&t);
}

static void the_mss_follows_the_mtu_and_tcp_maxseg(void **state)
{
	struct tcp_lab t = tcp_lab(.mtu = 1400);
	struct peer p = peer_of(&t, 1), q = peer_of(&t, 2);
	int fd = host_socket(&t);

	(void)state;
	p.host_port = q.host_port = 0;
	host_connect(&t, fd, &p, -EINPROGRESS);
	hears(&p, "S 0 <mss 1360,sackOK,TS,wscale 10>");
	fd = host_socket(&t);
	host_set(&t, fd, HO_SOL_TCP, HO_TCP_MAXSEG, 1000);
	host_connect(&t, fd, &q, -EINPROGRESS);
	hears(&q, "S 0 <mss 1000,sackOK,TS,wscale 10>");
	tcp_lab_close(&t);
}

static void a_syn_is_60_bytes_of_ipv4_that_must_not_be_cut(void **state)
{
	struct tcp_lab t = tcp_lab();
	struct peer p = peer_of(&t, 1);
	const uint8_t *ip;

	(void)state;
	p.host_port = 0;
	host_connect(&t, host_socket(&t), &p, -EINPROGRESS);
	ip = hears(&p, "S 0")->bytes;
	assert_int_equal(ip[0], 0x45);
	assert_int_equal(ip[1], 0);
	assert_int_equal(get16(ip + 2), 60);
	assert_int_equal(get16(ip + 6), 0x4000);
	assert_int_equal(ip[8], 64);
	assert_int_equal(get32(ip + 12), HOST);
	assert_int_equal(get32(ip + 16), PEER_ADDR);
	tcp_lab_close(&t);
}

/* ---- the handshake ---- */

static void a_syn_ack_is_acknowledged_and_the_socket_is_writable(void **state)
{
	struct tcp_lab t = tcp_lab();
	struct peer p;
	int fd = connecting(&t, &p);

	(void)state;
	host_polls(&t, fd, 0);
	host_send(&t, fd, 5, 0, -EAGAIN);
	host_recv(&t, fd, 5, 0, -EAGAIN);
	says(&p, "S.");
	hears(&p, ". 1 ack 1 win 63 <TS>");
	quiet(&t);
	counted(&t, "TcpActiveOpens 1 TcpInSegs 1 TcpOutSegs 2 TcpCurrEstab 1 TCPDelivered 1");
	host_state(&t, fd, HO_ESTABLISHED);
	host_polls(&t, fd, HO_OUT);
	host_error(&t, fd, 0);
	tcp_lab_close(&t);
}

static void connect_says_already_then_once_done_then_connected(void **state)
{
	struct tcp_lab t = tcp_lab();
	struct peer p;
	int fd = connecting(&t, &p);

	(void)state;
	host_connect(&t, fd, &p, -EALREADY);
	says(&p, "S.");
	hears(&p, ". 1 ack 1");
	host_connect(&t, fd, &p, 0);
	host_connect(&t, fd, &p, -EISCONN);
	says(&p, "R. 1 ack 1");
	host_connect(&t, fd, &p, -EISCONN);
	tcp_lab_close(&t);
}

static void connect_tells_of_a_connection_that_came_and_went(void **state)
{
	struct tcp_lab t = tcp_lab();
	struct peer p;
	int fd = connecting(&t, &p);

	(void)state;
	says(&p, "S.");
	hears(&p, ". 1 ack 1");
	says(&p, "R. 1 ack 1");
	host_connect(&t, fd, &p, -ECONNRESET);
	host_connect(&t, fd, &p, -EINPROGRESS);
	tcp_lab_close(&t);
}

static void a_syn_ack_without_options_makes_a_plain_connection(void **state)
{
	struct tcp_lab t = tcp_lab();
	struct peer p;
	int fd = connecting(&t, &p);

	(void)state;
	p.ts = false;
	says(&p, "S. 0 win 5000 <>");
	hears(&p, ". 1 ack 1 win 64240 <>");
	host_info_is(&t, fd, tcpi_snd_mss, 536);
	host_send(&t, fd, 1000, 0, 1000);
	hears(&p, ". 1:537 ack 1 <>");
	tcp_lab_close(&t);
}

static void the_window_of_a_syn_ack_is_not_scaled(void **state)
{
	struct tcp_lab t = tcp_lab();
	struct peer p;
	int fd = connecting(&t, &p);

	(void)state;
	host_sysctl(&t, "net.ipv4.tcp_early_retrans", "0"); /* on a path without delay Linux would send a probe among these steps */
	says(&p, "S. 0 win 3000 <mss 1460,sackOK,TS,wscale 14>");
	hears(&p, ". 1 ack 1");
	host_info_is(&t, fd, tcpi_snd_wnd, 3000);
	host_send(&t, fd, 4000, 0, 4000);
	hears(&p, ". 1:1449 ack 1");
	hears(&p, "P. 1449:2897 ack 1");
	quiet(&t);
	says(&p, ". 1 ack 2897 win 1");
	hears(&p, "P. 2897:4001 ack 1");
	tcp_lab_close(&t);
}

static void data_on_a_syn_ack_is_not_kept(void **state)
{
	struct tcp_lab t = tcp_lab();
	struct peer p;
	int fd = connecting(&t, &p);

	(void)state;
	says(&p, "SP. 0:10");
	hears(&p, ". 1 ack 1");
	quiet(&t);
	host_recv(&t, fd, 100, 0, -EAGAIN);
	tcp_lab_close(&t);
}

static void a_repeated_syn_ack_gets_a_challenge_ack(void **state)
{
	struct tcp_lab t = tcp_lab();
	struct peer p;

	(void)state;
	connecting(&t, &p);
	says(&p, "S.");
	hears(&p, ". 1 ack 1");
	marked(&t);
	says(&p, "S. 0");
	hears(&p, ". 1 ack 1 <TS>");
	quiet(&t);
	counted(&t, "TcpInSegs 1 TcpOutSegs 1 TcpInErrs 1 TCPChallengeACK 1 TCPSYNChallenge 1");
	says(&p, "S. 0");
	quiet(&t);
	counted(&t, "TcpInSegs 1 TcpInErrs 1 TCPSYNChallenge 1 TCPACKSkippedChallenge 1");
	tcp_lab_close(&t);
}

static void both_ends_may_open_at_once(void **state)
{
	struct tcp_lab t = tcp_lab();
	struct peer p;
	int fd = connecting(&t, &p);

	(void)state;
	marked(&t);
	says(&p, "S 0");
	hears(&p, "S. 0 ack 1 <mss 1460,sackOK,TS,wscale 10>");
	quiet(&t);
	host_state(&t, fd, HO_SYN_RECV);
	host_polls(&t, fd, 0);
	host_connect(&t, fd, &p, -EALREADY);
	counted(&t, "TcpInSegs 1");
	says(&p, "S. 0 ack 1");
	hears(&p, ". 1 ack 1 <TS,sack 0:1>");
	host_state(&t, fd, HO_ESTABLISHED);
	host_connect(&t, fd, &p, 0);
	counted(&t, "TcpInSegs 1 TcpOutSegs 1 TcpCurrEstab 1 DelayedACKLost 1 TCPDSACKOldSent 1 TCPDelivered 1");
	says(&p, ".");
	quiet(&t);
	counted(&t, "TcpInSegs 1 TCPPureAcks 1");
	host_send(&t, fd, 5, 0, 5);
	hears(&p, "P. 1:6 ack 1");
	says(&p, "P. 1:6 ack 6");
	hears(&p, ". 6 ack 6");
	host_recv(&t, fd, 100, 0, 5);
	tcp_lab_close(&t);
}

static void the_syn_ack_of_a_simultaneous_open_is_retransmitted(void **state)
{
	struct tcp_lab t = tcp_lab();
	struct peer p;
	int fd = connecting(&t, &p);

	(void)state;
	says(&p, "S 0");
	hears(&p, "S. 0 ack 1");
	hears_at(&p, 1000, "S. 0 ack 1");
	marked(&t);
	says(&p, "R. 1 ack 1");
	quiet(&t);
	counted(&t, "TcpInSegs 1 TcpAttemptFails 1");
	host_polls(&t, fd, HANGED_UP);
	host_error(&t, fd, ECONNRESET);
	tcp_lab_close(&t);
}

static void a_simultaneous_open_offers_everything_and_scales_in_any_case(void **state)
{
	struct tcp_lab t = tcp_lab();
	struct peer p;
	int fd = connecting(&t, &p);

	(void)state;
	p.ts = false;
	says(&p, "S 0 <mss 1460>");
	hears(&p, "S. 0 ack 1 win 64240 <mss 1460,sackOK,TS,wscale 10>");
	says(&p, ".");
	says(&p, "P. 1:5");
	hears(&p, ". 1 ack 5 win 63 <>");
	host_recv(&t, fd, 100, 0, 4);
	tcp_lab_close(&t);
}

static void a_shutdown_waits_for_the_end_of_a_simultaneous_open(void **state)
{
	struct tcp_lab t = tcp_lab();
	struct peer p;
	int fd = connecting(&t, &p);

	(void)state;
	says(&p, "S 0");
	hears(&p, "S. 0 ack 1");
	host_shutdown(&t, fd, HO_SHUT_WR, 0);
	quiet(&t);
	host_state(&t, fd, HO_SYN_RECV);
	host_connect(&t, fd, &p, -EINVAL);
	marked(&t);
	says(&p, ".");
	hears(&p, "F. 1 ack 1");
	host_state(&t, fd, HO_FIN_WAIT1);
	counted(&t, "TcpInSegs 1 TcpOutSegs 1 TCPPureAcks 1 TCPOrigDataSent 1 TCPDelivered 1");
	tcp_lab_close(&t);
}

/* ---- refused ---- */

static void a_rst_refuses(void **state)
{
	struct tcp_lab t = tcp_lab();
	struct peer p;
	int fd = connecting(&t, &p);

	(void)state;
	says(&p, "R. 0 ack 1");
	quiet(&t);
	counted(&t, "TcpActiveOpens 1 TcpAttemptFails 1 TcpInSegs 1 TcpOutSegs 1");
	host_polls(&t, fd, HANGED_UP);
	host_state(&t, fd, HO_CLOSE);
	host_error(&t, fd, ECONNREFUSED);
	host_error(&t, fd, 0);
	host_send(&t, fd, 5, 0, -EPIPE);
	host_recv(&t, fd, 5, 0, 0);
	tcp_lab_close(&t);
}

static void connect_gives_econnaborted_for_a_refusal_that_was_taken(void **state)
{
	struct tcp_lab t = tcp_lab();
	struct peer p;
	int fd = connecting(&t, &p);

	(void)state;
	says(&p, "R. 0 ack 1");
	host_error(&t, fd, ECONNREFUSED);
	host_connect(&t, fd, &p, -ECONNABORTED);
	host_connect(&t, fd, &p, -EINPROGRESS);
	tcp_lab_close(&t);
}

static void recv_gives_the_refusal_once(void **state)
{
	struct tcp_lab t = tcp_lab();
	struct peer p;
	int fd = connecting(&t, &p);

	(void)state;
	says(&p, "R. 0 ack 1");
	host_recv(&t, fd, 5, 0, -ECONNREFUSED);
	host_recv(&t, fd, 5, 0, 0);
	tcp_lab_close(&t);
}

static void connect_gives_the_refusal_and_then_begins_anew(void **state)
{
	struct tcp_lab t = tcp_lab();
	struct peer p;
	int fd = connecting(&t, &p);

	(void)state;
	says(&p, "R. 0 ack 1");
	host_connect(&t, fd, &p, -ECONNREFUSED);
	p.host_port = 0;
	p.ack = 0;
	host_connect(&t, fd, &p, -EINPROGRESS);
	hears(&p, "S");
	tcp_lab_close(&t);
}

static void a_rst_that_acknowledges_nothing_of_ours_is_ignored(void **state)
{
	struct tcp_lab t = tcp_lab();
	struct peer p;
	int fd = connecting(&t, &p);

	(void)state;
	says(&p, "R 0");
	says(&p, "R. 0 ack 0");
	quiet(&t);
	host_state(&t, fd, HO_SYN_SENT);
	counted(&t, "TcpActiveOpens 1 TcpInSegs 2 TcpOutSegs 1");
	says(&p, ". 0 ack 1");
	quiet(&t);
	host_state(&t, fd, HO_SYN_SENT);
	tcp_lab_close(&t);
}

static void a_syn_ack_of_something_else_gets_a_rst_and_hastens_the_next_syn(void **state)
{
	struct tcp_lab t = tcp_lab();
	struct peer p;
	int fd = connecting(&t, &p);

	(void)state;
	says(&p, "S. 0 ack 77");
	hears(&p, "R 77 win 0 <>");
	counted(&t, "TcpActiveOpens 1 TcpInSegs 1 TcpOutSegs 2 TcpOutRsts 1");
	hears_at(&p, 2, "S 0 <mss 1460,sackOK,TS,wscale 10>");
	host_state(&t, fd, HO_SYN_SENT);
	tcp_lab_close(&t);
}

static void a_syn_ack_that_echoes_a_strange_timestamp_gets_a_rst(void **state)
{
	struct tcp_lab t = tcp_lab();
	struct peer p;
	int fd = connecting(&t, &p);

	(void)state;
	says(&p, "S. 0 ack 1 <mss 1460,sackOK,TS 0 e-10000,wscale 7>");
	hears(&p, "R 1 win 0 <>");
	counted(&t, "TcpActiveOpens 1 TcpInSegs 1 TcpOutSegs 2 TcpOutRsts 1 PAWSActive 1");
	host_state(&t, fd, HO_SYN_SENT);
	says(&p, "S. 0 ack 1");
	hears(&p, ". 1 ack 1");
	tcp_lab_close(&t);
}

/* ---- no answer ---- */

static void expect_schedule(struct tcp_lab *t, struct peer *p, const unsigned *at_s, unsigned count, unsigned end_s)
{
	for (unsigned i = 0; i < count; i++)
		hears_at(p, at_s[i] * 1000, "S 0 <mss 1460,sackOK,TS,wscale 10>");
	quiet_until(t, end_s * 1000 - 1);
}

static void syns_go_out_at_1_2_3_4_5_7_11_19_35_67_s_and_the_end_is_at_131_s(void **state)
{
	static const unsigned at_s[] = {1, 2, 3, 4, 5, 7, 11, 19, 35, 67};
	struct tcp_lab t = tcp_lab();
	struct peer p;
	int fd = connecting(&t, &p);

	(void)state;
	expect_schedule(&t, &p, at_s, 10, 131);
	host_state(&t, fd, HO_SYN_SENT);
	quiet_until(&t, 131000);
	host_polls(&t, fd, HANGED_UP);
	host_error(&t, fd, ETIMEDOUT);
	counted(&t, "TcpActiveOpens 1 TcpAttemptFails 1 TcpOutSegs 1 TcpRetransSegs 10 TCPLostRetransmit 9 TCPTimeouts 11 "
	            "TCPAbortOnTimeout 1 TCPSynRetrans 10 TcpTimeoutRehash 10");
	tcp_lab_close(&t);
}

static void without_linear_timeouts_the_interval_doubles_from_the_start(void **state)
{
	static const unsigned at_s[] = {1, 3, 7, 15, 31, 63};
	struct tcp_lab t = tcp_lab();
	struct peer p;
	int fd;

	(void)state;
	host_sysctl(&t, "net.ipv4.tcp_syn_linear_timeouts", "0");
	fd = connecting(&t, &p);
	expect_schedule(&t, &p, at_s, 6, 127);
	quiet_until(&t, 127000);
	host_error(&t, fd, ETIMEDOUT);
	tcp_lab_close(&t);
}

static void tcp_syncnt_1_ends_after_3_s_and_two_retransmissions(void **state)
{
	static const unsigned at_s[] = {1, 2};
	struct tcp_lab t = tcp_lab();
	struct peer p = peer_of(&t, 1);
	int fd = host_socket(&t);

	(void)state;
	host_set(&t, fd, HO_SOL_TCP, HO_TCP_SYNCNT, 1);
	p.host_port = 0;
	host_connect(&t, fd, &p, -EINPROGRESS);
	hears(&p, "S 0");
	expect_schedule(&t, &p, at_s, 2, 3);
	quiet_until(&t, 3000);
	host_error(&t, fd, ETIMEDOUT);
	counted(&t, "TcpActiveOpens 1 TcpAttemptFails 1 TcpOutSegs 1 TcpRetransSegs 2 TCPLostRetransmit 1 TCPTimeouts 3 "
	            "TCPAbortOnTimeout 1 TCPSynRetrans 2 TcpTimeoutRehash 2");
	tcp_lab_close(&t);
}

static void tcp_syn_retries_2_without_linear_timeouts_ends_at_7_s(void **state)
{
	static const unsigned at_s[] = {1, 3};
	struct tcp_lab t = tcp_lab();
	struct peer p;
	int fd;

	(void)state;
	host_sysctl(&t, "net.ipv4.tcp_syn_linear_timeouts", "0");
	host_sysctl(&t, "net.ipv4.tcp_syn_retries", "2");
	fd = connecting(&t, &p);
	expect_schedule(&t, &p, at_s, 2, 7);
	quiet_until(&t, 7000);
	host_error(&t, fd, ETIMEDOUT);
	tcp_lab_close(&t);
}

static void user_timeout_ends_a_connect_early(void **state)
{
	struct tcp_lab t = tcp_lab();
	struct peer p = peer_of(&t, 1);
	int fd = host_socket(&t);

	(void)state;
	host_set(&t, fd, HO_SOL_TCP, HO_TCP_USER_TIMEOUT, 2500);
	p.host_port = 0;
	host_connect(&t, fd, &p, -EINPROGRESS);
	hears(&p, "S 0");
	hears_at(&p, 1000, "S 0");
	hears_at(&p, 2000, "S 0");
	quiet_until(&t, 2400);
	host_state(&t, fd, HO_SYN_SENT);
	quiet_until(&t, 2600);
	host_error(&t, fd, ETIMEDOUT);
	tcp_lab_close(&t);
}

static void a_late_syn_ack_is_still_good_and_karn_takes_no_sample_of_it(void **state)
{
	struct tcp_lab t = tcp_lab();
	struct peer p;
	int fd = connecting(&t, &p);

	(void)state;
	p.syn_options = "<mss 1460,sackOK>";
	p.ts = false;
	hears_at(&p, 1000, "S 0");
	lab_at(&t, 1300);
	says(&p, "S. 0 ack 1 <mss 1460,sackOK>");
	hears(&p, ". 1 ack 1 <>");
	host_info_is(&t, fd, tcpi_rtt, 0);
	host_info_is(&t, fd, tcpi_rto, 3000000); /* RFC 6298 5.7 */
	host_info_is(&t, fd, tcpi_total_retrans, 1);
	tcp_lab_close(&t);
}

static void the_round_trip_of_the_handshake_sets_the_timeout(void **state)
{
	struct tcp_lab t = tcp_lab();
	struct peer p;
	int fd = connecting(&t, &p);

	(void)state;
	lab_at(&t, 300);
	says(&p, "S.");
	hears(&p, ". 1 ack 1");
	host_info_is(&t, fd, tcpi_rtt, 300000);
	host_info_is(&t, fd, tcpi_rttvar, 150000);
	host_info_is(&t, fd, tcpi_rto, 900000);
	tcp_lab_close(&t);
}

static void closing_and_shutting_down_while_connecting_say_nothing(void **state)
{
	struct tcp_lab t = tcp_lab();
	struct peer p;
	int fd = connecting(&t, &p);

	(void)state;
	host_close(&t, fd);
	quiet_until(&t, 1500);
	counted(&t, "TcpActiveOpens 1 TcpOutSegs 1");
	says(&p, "S. 0 ack 1");
	hears(&p, "R 1");
	fd = connecting(&t, &p);
	host_shutdown(&t, fd, HO_SHUT_WR, 0);
	quiet_until(&t, 3000);
	host_polls(&t, fd, HO_OUT | HO_ERR | HO_HUP);
	host_error(&t, fd, ECONNRESET);
	tcp_lab_close(&t);
}

static void icmp_unreachable_ends_a_connect(void **state)
{
	struct tcp_lab t = tcp_lab();
	struct peer p = peer_of(&t, 1);
	int fd = host_socket(&t);

	(void)state;
	p.host_port = 0;
	host_connect(&t, fd, &p, -EINPROGRESS);
	hears(&p, "S 0");
	says_icmp(&p, 3, 1, 0);
	host_error(&t, fd, EHOSTUNREACH);
	counted(&t, "TcpActiveOpens 1 TcpAttemptFails 1 TcpOutSegs 1");
	tcp_lab_close(&t);
}

/* ---- no way, no port ---- */

static void without_a_route_connect_fails_at_once(void **state)
{
	struct tcp_lab t = tcp_lab(.no_default_route = true);
	int fd = host_socket(&t);

	(void)state;
	host_connect_to(&t, fd, HO_ADDR(198, 19, 0, 1), 80, -ENETUNREACH);
	lab_deltas(&t.l, "IpOutNoRoutes 1");
	host_polls(&t, fd, HO_OUT | HO_HUP);
	tcp_lab_close(&t);
}

static void what_is_bound_to_127_0_0_1_stays_on_the_host(void **state)
{
	struct tcp_lab t = tcp_lab();
	int fd = ho_sock_open(t.l.s, HO_SOCK_STREAM, 0), ufd = ho_sock_open(t.l.s, HO_SOCK_DGRAM, 0);
	struct ho_endpoint lo = {HO_ADDR_LOOPBACK, 0}, peer = {PEER_ADDR, 80}, us = {HOST, 80};

	(void)state;
	assert_int_equal(ho_sock_bind(t.l.s, fd, lo), 0);
	assert_int_equal(ho_sock_bind(t.l.s, ufd, lo), 0);
	assert_int_equal(ho_sock_connect(t.l.s, fd, peer), -EINVAL);
	assert_int_equal(ho_sock_sendto(t.l.s, ufd, "x", 1, 0, peer), -EINVAL);
	assert_int_equal(ho_sock_connect(t.l.s, ufd, peer), -EINVAL);
	lab_deltas(&t.l, "");
	lab_nothing(&t.l);
	assert_int_equal(ho_sock_sendto(t.l.s, ufd, "x", 1, 0, us), 1);
	assert_int_equal(ho_sock_connect(t.l.s, fd, us), -EINPROGRESS);
	tcp_lab_close(&t);
}

static uint16_t port_of(struct tcp_lab *t, int fd)
{
	struct ho_endpoint e;

	assert_int_equal(ho_sock_name(t->l.s, fd, &e), 0);
	return e.port;
}

static void connect_picks_even_ports_of_the_range(void **state)
{
	struct tcp_lab t = tcp_lab();
	uint16_t port[8];

	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		struct peer p = peer_of(&t, 1);
		int fd = host_socket(&t);

		p.host_port = 0;
		host_connect(&t, fd, &p, -EINPROGRESS);
		hears(&p, "S 0");
		port[i] = port_of(&t, fd);
		assert_int_equal(port[i], p.host_port);
		assert_in_range(port[i], 32768, 60999);
		assert_int_equal(port[i] % 2, 0);
		for (unsigned j = 0; j < i; j++)
			assert_int_not_equal(port[i], port[j]);
	}
	tcp_lab_close(&t);
}

static void a_port_serves_one_connection_to_each_peer(void **state)
{
	struct tcp_lab t = tcp_lab();
	(void)state;
	host_sysctl(&t, "net.ipv4.ip_local_port_range", "40000 40001");
	host_connect_to(&t, host_socket(&t), PEER_ADDR, 80, -EINPROGRESS);
	host_connect_to(&t, host_socket(&t), PEER_ADDR, 80, -EINPROGRESS);
	host_connect_to(&t, host_socket(&t), PEER_ADDR, 80, -EADDRNOTAVAIL);
	host_connect_to(&t, host_socket(&t), PEER_ADDR, 81, -EINPROGRESS);
	counted(&t, "TcpActiveOpens 3 TcpOutSegs 3");
	tcp_lab_close(&t);
}

static void a_bound_port_is_kept(void **state)
{
	struct tcp_lab t = tcp_lab();
	struct peer p = peer_of(&t, 1);
	int fd = host_socket(&t);

	(void)state;
	host_bind(&t, fd, 12345);
	p.host_port = 0;
	host_connect(&t, fd, &p, -EINPROGRESS);
	hears(&p, "S 0");
	assert_int_equal(p.host_port, 12345);
	tcp_lab_close(&t);
}

static void a_host_connects_to_itself(void **state)
{
	struct tcp_lab t = tcp_lab();
	int lfd = host_listen(&t, 1), fd = host_socket(&t), child;

	(void)state;
	host_connect_to(&t, fd, HO_ADDR_LOOPBACK, LAB_PORT, -EINPROGRESS);
	quiet(&t); /* and the loop turns */
	child = host_accept(&t, lfd);
	host_state(&t, fd, HO_ESTABLISHED);
	host_send(&t, fd, 40000, 0, 40000);
	lab_at(&t, 1000);
	host_recv(&t, child, 100000, 0, 40000);
	host_close(&t, fd);
	lab_at(&t, 2000);
	host_recv(&t, child, 10, 0, 0);
	host_close(&t, child);
	lab_at(&t, 3000);
	quiet(&t);
	lab_counted(&t.l, TcpCurrEstab, 0);
	lab_counted(&t.l, TcpExtTW, 1);
	tcp_lab_close(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_syn_offers_mss_sack_timestamps_and_scale_10),
		cmocka_unit_test(a_syn_without_timestamps_pads_sack_permitted),
		cmocka_unit_test(a_syn_without_sack_pads_timestamps),
		cmocka_unit_test(a_syn_without_scaling_and_all_else_has_only_mss),
		cmocka_unit_test(the_mss_follows_the_mtu_and_tcp_maxseg),
		cmocka_unit_test(a_syn_is_60_bytes_of_ipv4_that_must_not_be_cut),
		cmocka_unit_test(a_syn_ack_is_acknowledged_and_the_socket_is_writable),
		cmocka_unit_test(connect_says_already_then_once_done_then_connected),
		cmocka_unit_test(connect_tells_of_a_connection_that_came_and_went),
		cmocka_unit_test(a_syn_ack_without_options_makes_a_plain_connection),
		cmocka_unit_test(the_window_of_a_syn_ack_is_not_scaled),
		cmocka_unit_test(data_on_a_syn_ack_is_not_kept),
		cmocka_unit_test(a_repeated_syn_ack_gets_a_challenge_ack),
		cmocka_unit_test(both_ends_may_open_at_once),
		cmocka_unit_test(the_syn_ack_of_a_simultaneous_open_is_retransmitted),
		cmocka_unit_test(a_simultaneous_open_offers_everything_and_scales_in_any_case),
		cmocka_unit_test(a_shutdown_waits_for_the_end_of_a_simultaneous_open),
		cmocka_unit_test(a_rst_refuses),
		cmocka_unit_test(connect_gives_econnaborted_for_a_refusal_that_was_taken),
		cmocka_unit_test(recv_gives_the_refusal_once),
		cmocka_unit_test(connect_gives_the_refusal_and_then_begins_anew),
		cmocka_unit_test(a_rst_that_acknowledges_nothing_of_ours_is_ignored),
		cmocka_unit_test(a_syn_ack_of_something_else_gets_a_rst_and_hastens_the_next_syn),
		cmocka_unit_test(a_syn_ack_that_echoes_a_strange_timestamp_gets_a_rst),
		cmocka_unit_test(syns_go_out_at_1_2_3_4_5_7_11_19_35_67_s_and_the_end_is_at_131_s),
		cmocka_unit_test(without_linear_timeouts_the_interval_doubles_from_the_start),
		cmocka_unit_test(tcp_syncnt_1_ends_after_3_s_and_two_retransmissions),
		cmocka_unit_test(tcp_syn_retries_2_without_linear_timeouts_ends_at_7_s),
		cmocka_unit_test(user_timeout_ends_a_connect_early),
		cmocka_unit_test(a_late_syn_ack_is_still_good_and_karn_takes_no_sample_of_it),
		cmocka_unit_test(the_round_trip_of_the_handshake_sets_the_timeout),
		cmocka_unit_test(closing_and_shutting_down_while_connecting_say_nothing),
		cmocka_unit_test(icmp_unreachable_ends_a_connect),
		cmocka_unit_test(without_a_route_connect_fails_at_once),
		cmocka_unit_test(what_is_bound_to_127_0_0_1_stays_on_the_host),
		cmocka_unit_test(connect_picks_even_ports_of_the_range),
		cmocka_unit_test(a_port_serves_one_connection_to_each_peer),
		cmocka_unit_test(a_bound_port_is_kept),
		cmocka_unit_test(a_host_connects_to_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
