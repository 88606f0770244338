/* SPDX-License-Identifier: MIT
 * TCP Fast Open, the client's half: asking for cookies, data on SYNs, what happens when nobody wants it. */
#include "tcp_lab.h"

#define COOKIE "0102030405060708"
#define SYN_OPTIONS "mss 1460,sackOK,TS,wscale 10"
#define ASKS "S 0 <" SYN_OPTIONS ",fastopen>"
#define PLAIN "S 0 <" SYN_OPTIONS ">"
#define GIVES "S. <mss 1460,sackOK,TS,nop,wscale 7,fastopen " COOKIE ">"
#define WITH_COOKIE " <" SYN_OPTIONS ",fastopen " COOKIE ">"

static struct peer server_of(struct tcp_lab *t, unsigned n)
{
	struct peer p = peer_of(t, n);

	p.host_port = 0;
	return p;
}

/* A connection that brings a cookie, and is gone. */
static void cookie_learn(struct tcp_lab *t, const char *synack)
{
	struct peer p = server_of(t, 9);
	int fd = host_socket(t);

	host_sendto(t, fd, &p, 5, -EINPROGRESS);
	hears(&p, "S 0");
	says(&p, synack);
	hears(&p, ". 1 ack 1");
	says(&p, "R. 1");
	host_close(t, fd);
	marked(t);
}

static void the_first_time_it_asks_for_a_cookie_and_takes_no_data(void **state)
{
	struct tcp_lab t = tcp_lab(0);
	struct peer p = server_of(&t, 1);
	int fd = host_socket(&t);

	(void)state;
	host_sendto(&t, fd, &p, 5, -EINPROGRESS);
	hears(&p, ASKS);
	host_info_is(&t, fd, tcpi_delivered, 0);
	says(&p, GIVES);
	hears(&p, ". 1 ack 1");
	host_info_is(&t, fd, tcpi_options, 1 | 2 | 4);
	counted(&t, "TcpActiveOpens 1 TcpCurrEstab 1 TcpInSegs 1 TcpOutSegs 2 TcpExtTCPPureAcks 0 TcpExtTCPDelivered 1");
	host_send(&t, fd, 5, 0, 5);
	hears(&p, "P. 1:6 ack 1");
	tcp_lab_close(&t);
}

static void the_next_time_data_goes_with_the_syn(void **state)
{
	struct tcp_lab t = tcp_lab(0);
	struct peer p = server_of(&t, 1);
	int fd;

	(void)state;
	cookie_learn(&t, GIVES);
	fd = host_socket(&t);
	host_sendto(&t, fd, &p, 5, 5);
	hears(&p, "S 0:5" WITH_COOKIE);
	host_state(&t, fd, HO_SYN_SENT);
	host_info_is(&t, fd, tcpi_unacked, 2);
	says(&p, "S. 0 ack 6");
	hears(&p, ". 6 ack 1");
	host_info_is(&t, fd, tcpi_options, 1 | 2 | 4 | 32);
	host_info_is(&t, fd, tcpi_delivered, 1);
	host_info_is(&t, fd, tcpi_bytes_acked, 6);
	host_info_is(&t, fd, tcpi_bytes_sent, 5);
	host_info_is(&t, fd, tcpi_data_segs_out, 1);
	host_info_is(&t, fd, tcpi_snd_cwnd, 10);
	counted(&t, "TcpActiveOpens 1 TcpCurrEstab 1 TcpInSegs 1 TcpOutSegs 2 TcpExtTCPFastOpenActive 1 "
	            "TcpExtTCPOrigDataSent 1 TcpExtTCPDelivered 2");
	host_send(&t, fd, 5, 0, 5);
	hears(&p, "P. 6:11 ack 1");
	tcp_lab_close(&t);
}

static void as_much_goes_as_fits_beside_40_bytes_of_options(void **state)
{
	struct tcp_lab t = tcp_lab(0);
	struct peer p = server_of(&t, 1), q = server_of(&t, 2);
	int fd;

	(void)state;
	cookie_learn(&t, GIVES);
	fd = host_socket(&t);
	host_sendto(&t, fd, &p, 5000, 1420);
	hears(&p, "S 0:1420" WITH_COOKIE);
	says(&p, "S. 0 ack 1421 <mss 1000,sackOK,TS,nop,wscale 7>");
	hears(&p, ". 1421 ack 1");
	fd = host_socket(&t);
	host_sendto(&t, fd, &q, 5000, 960); /* it remembers the peer's MSS, too */
	hears(&q, "S 0:960" WITH_COOKIE);
	tcp_lab_close(&t);
}

static void data_that_is_not_acknowledged_goes_again_at_once(void **state)
{
	struct tcp_lab t = tcp_lab(0);
	struct peer p = server_of(&t, 1);
	int fd;

	(void)state;
	cookie_learn(&t, GIVES);
	fd = host_socket(&t);
	host_sendto(&t, fd, &p, 5, 5);
	hears(&p, "S 0:5");
	says(&p, "S. 0 ack 1");
	hears(&p, "P. 1:6 ack 1");
	quiet(&t);
	counted(&t, "TcpActiveOpens 1 TcpCurrEstab 1 TcpInSegs 1 TcpOutSegs 1 TcpRetransSegs 1 TcpExtTCPSlowStartRetrans 1 "
	            "TcpExtTCPFastOpenActiveFail 1 TcpExtTCPOrigDataSent 1 TcpExtTCPDelivered 1");
	host_info_is(&t, fd, tcpi_ca_state, 4);
	host_info_is(&t, fd, tcpi_snd_cwnd, 10);
	host_info_is(&t, fd, tcpi_total_retrans, 1);
	says(&p, ". 1 ack 6");
	host_info_is(&t, fd, tcpi_ca_state, 0);
	host_info_is(&t, fd, tcpi_unacked, 0);
	host_info_is(&t, fd, tcpi_lost, 0);
	host_info_is(&t, fd, tcpi_options, 1 | 2 | 4);
	counted(&t, "TcpInSegs 1 TcpExtTCPPureAcks 1 TcpExtTCPDelivered 1");
	tcp_lab_close(&t);
}

static void a_syn_is_sent_again_without_option_and_data(void **state)
{
	struct tcp_lab t = tcp_lab(0);
	struct peer p = server_of(&t, 1);
	int fd;

	(void)state;
	cookie_learn(&t, GIVES);
	fd = host_socket(&t);
	host_sendto(&t, fd, &p, 5, 5);
	hears(&p, "S 0:5");
	hears_at(&p, 1000, PLAIN);
	counted(&t, "TcpActiveOpens 1 TcpOutSegs 1 TcpRetransSegs 1 TcpExtTCPTimeouts 1 TcpExtTCPSynRetrans 1 "
	            "TcpExtTCPOrigDataSent 1 TcpExtTcpTimeoutRehash 1");
	says(&p, "S. 0 ack 1");
	hears(&p, "P. 1:6 ack 1");
	host_info_is(&t, fd, tcpi_ca_state, 4);
	host_info_is(&t, fd, tcpi_snd_cwnd, 10);
	counted(&t, "TcpCurrEstab 1 TcpInSegs 1 TcpRetransSegs 1 TcpExtTCPSlowStartRetrans 1 TcpExtTCPFastOpenActiveFail 1 "
	            "TcpExtTCPDelivered 1");
	says(&p, ". 1 ack 6");
	host_info_is(&t, fd, tcpi_ca_state, 0);
	host_info_is(&t, fd, tcpi_unacked, 0);
	tcp_lab_close(&t);
}

static void two_lost_syns_leave_a_window_of_one(void **state)
{
	struct tcp_lab t = tcp_lab(0);
	struct peer p = server_of(&t, 1), q = server_of(&t, 2);
	int fd;

	(void)state;
	cookie_learn(&t, GIVES);
	fd = host_socket(&t);
	host_sendto(&t, fd, &p, 5, 5);
	hears(&p, "S 0:5");
	hears_at(&p, 1000, PLAIN);
	hears_at(&p, 2000, PLAIN);
	says(&p, "S. 0 ack 1");
	hears(&p, "P. 1:6 ack 1");
	host_info_is(&t, fd, tcpi_snd_cwnd, 1);
	says(&p, ". 1 ack 6");
	fd = host_socket(&t);
	host_connect(&t, fd, &q, -EINPROGRESS); /* without Fast Open, too */
	hears(&q, PLAIN);
	lab_at(&t, 3100);
	hears(&q, PLAIN);
	lab_at(&t, 4200);
	hears(&q, PLAIN);
	says(&q, "S. 0 ack 1");
	hears(&q, ". 1 ack 1");
	host_info_is(&t, fd, tcpi_snd_cwnd, 1);
	tcp_lab_close(&t);
}

static void the_first_syn_may_have_been_slow_only(void **state)
{
	struct tcp_lab t = tcp_lab(0);
	struct peer p = server_of(&t, 1);
	int fd;

	(void)state;
	cookie_learn(&t, GIVES);
	fd = host_socket(&t);
	host_sendto(&t, fd, &p, 5, 5);
	hears(&p, "S 0:5");
	hears_at(&p, 1000, PLAIN);
	marked(&t);
	says(&p, "S. 0 ack 6");
	hears(&p, ". 6 ack 1");
	counted(&t, "TcpCurrEstab 1 TcpInSegs 1 TcpOutSegs 1 TcpExtTCPFastOpenActive 1 TcpExtTCPDelivered 2 TCPLossUndo 1 "
	            "TCPSpuriousRTOs 1");
	host_info_is(&t, fd, tcpi_ca_state, 0);
	tcp_lab_close(&t);
}

static void it_fails_when_the_last_syn_goes_unanswered(void **state)
{
	struct tcp_lab t = tcp_lab(0);
	struct peer p = server_of(&t, 1);
	int fd;

	(void)state;
	host_sysctl(&t, "net.ipv4.tcp_syn_retries", "1");
	host_sysctl(&t, "net.ipv4.tcp_syn_linear_timeouts", "0");
	cookie_learn(&t, GIVES);
	fd = host_socket(&t);
	host_sendto(&t, fd, &p, 5, 5);
	hears(&p, "S 0:5");
	hears_at(&p, 1000, PLAIN);
	quiet_until(&t, 2950);
	lab_at(&t, 3100);
	host_error(&t, fd, ETIMEDOUT);
	counted(&t, "TcpActiveOpens 1 TcpAttemptFails 1 TcpOutSegs 1 TcpRetransSegs 1 TcpExtTCPTimeouts 2 "
	            "TcpExtTCPAbortOnTimeout 1 TcpExtTCPFastOpenActiveFail 1 TcpExtTCPSynRetrans 1 TcpExtTCPOrigDataSent 1 "
	            "TcpExtTcpTimeoutRehash 1");
	tcp_lab_close(&t);
}

static void the_third_timeout_in_a_row_pauses_it(void **state)
{
	struct tcp_lab t = tcp_lab(0);
	struct peer p = server_of(&t, 1), q = server_of(&t, 2), r = server_of(&t, 3);
	int fd;

	(void)state;
	host_sysctl(&t, "net.ipv4.tcp_fastopen_blackhole_timeout_sec", "2");
	cookie_learn(&t, GIVES);
	fd = host_socket(&t);
	host_sendto(&t, fd, &p, 5, 5);
	hears(&p, "S 0:5");
	hears_at(&p, 1000, PLAIN);
	hears_at(&p, 2000, PLAIN);
	marked(&t);
	hears_at(&p, 3000, PLAIN);
	counted(&t, "TcpRetransSegs 1 TcpExtTCPTimeouts 1 TcpExtTCPFastOpenActiveFail 1 TcpExtTCPFastOpenBlackhole 1 "
	            "TcpExtTCPLostRetransmit 1 TcpExtTCPSynRetrans 1 TcpExtTcpTimeoutRehash 1");
	host_close(&t, fd);
	lab_at(&t, 4500);
	fd = host_socket(&t);
	host_sendto(&t, fd, &q, 5, -EINPROGRESS); /* neither cookie nor request */
	hears(&q, PLAIN);
	host_close(&t, fd);
	lab_at(&t, 5500);
	fd = host_socket(&t);
	host_sendto(&t, fd, &r, 5, 5);
	hears(&r, "S 0:5" WITH_COOKIE);
	tcp_lab_close(&t);
}

static void a_lone_fin_out_of_order_pauses_it(void **state)
{
	struct tcp_lab t = tcp_lab(0);
	struct peer p = server_of(&t, 1);
	int fd;

	(void)state;
	host_sysctl(&t, "net.ipv4.tcp_fastopen_blackhole_timeout_sec", "2");
	cookie_learn(&t, GIVES);
	fd = host_socket(&t);
	host_sendto(&t, fd, &p, 5, 5);
	hears(&p, "S 0:5");
	says(&p, "S. 0 ack 6");
	hears(&p, ". 6 ack 1");
	says(&p, "F. 100:100 ack 6");
	hears(&p, ". 6 ack 1 <TS,sack 100:101>");
	marked(&t);
	says(&p, "R 1 <>");
	host_close(&t, fd);
	counted(&t, "TcpEstabResets 1 TcpCurrEstab -1 TcpInSegs 1 TcpExtTCPFastOpenBlackhole 1");
	tcp_lab_close(&t);
}

static void a_peer_that_gives_no_cookie_is_asked_in_the_older_form_once(void **state)
{
	struct tcp_lab t = tcp_lab(0);
	struct peer p = server_of(&t, 1), q = server_of(&t, 2);
	int fd;

	(void)state;
	cookie_learn(&t, "S.");
	fd = host_socket(&t);
	host_sendto(&t, fd, &p, 5, -EINPROGRESS);
	hears(&p, "S 0 <" SYN_OPTIONS ",exp-fastopen>");
	says(&p, "S.");
	hears(&p, ". 1 ack 1");
	fd = host_socket(&t);
	host_sendto(&t, fd, &q, 5, -EINPROGRESS);
	hears(&q, ASKS);
	tcp_lab_close(&t);
}

static void a_cookie_of_the_older_form_is_used_in_it(void **state)
{
	struct tcp_lab t = tcp_lab(0);
	struct peer p = server_of(&t, 1);
	int fd;

	(void)state;
	cookie_learn(&t, "S.");
	cookie_learn(&t, "S. <mss 1460,sackOK,TS,nop,wscale 7,exp-fastopen " COOKIE ">");
	fd = host_socket(&t);
	host_sendto(&t, fd, &p, 5, 5);
	hears(&p, "S 0:5 <" SYN_OPTIONS ",exp-fastopen " COOKIE ">");
	tcp_lab_close(&t);
}

static void without_cookies_data_goes_with_every_syn(void **state)
{
	struct tcp_lab t = tcp_lab(0);
	struct peer p = server_of(&t, 1);
	int fd;

	(void)state;
	host_sysctl(&t, "net.ipv4.tcp_fastopen", "5");
	fd = host_socket(&t);
	host_sendto(&t, fd, &p, 5, 5);
	hears(&p, "S 0:5 <" SYN_OPTIONS ">");
	says(&p, "S. 0 ack 6 <mss 1460,sackOK,TS,nop,wscale 7,fastopen " COOKIE ">");
	hears(&p, ". 6 ack 1");
	counted(&t, "TcpActiveOpens 1 TcpCurrEstab 1 TcpInSegs 1 TcpOutSegs 2 TcpExtTCPFastOpenActive 1 "
	            "TcpExtTCPOrigDataSent 1 TcpExtTCPDelivered 2");
	tcp_lab_close(&t);
}

static void data_in_the_syn_ack_is_taken(void **state)
{
	struct tcp_lab t = tcp_lab(0);
	struct peer p = server_of(&t, 1);
	int fd;

	(void)state;
	cookie_learn(&t, GIVES);
	fd = host_socket(&t);
	host_sendto(&t, fd, &p, 5, 5);
	hears(&p, "S 0:5");
	says(&p, "S. 0:7 ack 6");
	hears(&p, ". 6 ack 8");
	host_recv(&t, fd, 100, 0, 7);
	tcp_lab_close(&t);
}

static void errors_are_those_of_linux(void **state)
{
	struct tcp_lab t = tcp_lab(0);
	struct peer p = server_of(&t, 1);
	int fd = host_socket(&t);

	(void)state;
	host_sysctl(&t, "net.ipv4.tcp_fastopen", "2");
	host_sendto(&t, fd, &p, 5, -EOPNOTSUPP);
	host_sysctl(&t, "net.ipv4.tcp_fastopen", "1");
	host_send(&t, fd, 5, HO_MSG_FASTOPEN, -EINVAL);
	host_sendto(&t, fd, &p, 5, -EINPROGRESS);
	hears(&p, ASKS);
	host_sendto(&t, fd, &p, 5, -EALREADY);
	says(&p, "S.");
	hears(&p, ". 1 ack 1");
	host_sendto(&t, fd, &p, 5, 5); /* the connection has become one: sent as ever */
	hears(&p, "P. 1:6 ack 1");
	host_sendto(&t, fd, &p, 5, -EISCONN);
	tcp_lab_close(&t);
}

static void a_refused_syn_is_an_error_once(void **state)
{
	struct tcp_lab t = tcp_lab(0);
	struct peer p = server_of(&t, 1);
	int fd;

	(void)state;
	cookie_learn(&t, GIVES);
	fd = host_socket(&t);
	host_sendto(&t, fd, &p, 5, 5);
	hears(&p, "S 0:5");
	says(&p, "R. 0 ack 6");
	host_error(&t, fd, ECONNREFUSED);
	counted(&t, "TcpActiveOpens 1 TcpAttemptFails 1 TcpInSegs 1 TcpOutSegs 1 TcpExtTCPOrigDataSent 1");
	tcp_lab_close(&t);
}

static void connect_waits_for_the_first_send_if_there_is_a_cookie(void **state)
{
	struct tcp_lab t = tcp_lab(0);
	struct peer p = server_of(&t, 1);
	int fd;

	(void)state;
	cookie_learn(&t, GIVES);
	fd = host_socket(&t);
	host_set(&t, fd, HO_SOL_TCP, HO_TCP_FASTOPEN_CONNECT, 1);
	host_connect(&t, fd, &p, 0);
	quiet(&t);
	host_state(&t, fd, HO_SYN_SENT);
	host_polls(&t, fd, HO_OUT);
	host_connect(&t, fd, &p, -EISCONN);
	host_recv(&t, fd, 10, 0, -EAGAIN);
	host_send(&t, fd, 5, 0, 5);
	hears(&p, "S 0:5" WITH_COOKIE);
	host_polls(&t, fd, 0);
	says(&p, "S. 0 ack 6");
	hears(&p, ". 6 ack 1");
	host_polls(&t, fd, HO_OUT);
	counted(&t, "TcpActiveOpens 1 TcpCurrEstab 1 TcpInSegs 1 TcpOutSegs 2 TcpExtTCPFastOpenActive 1 "
	            "TcpExtTCPOrigDataSent 1 TcpExtTCPDelivered 2");
	tcp_lab_close(&t);
}

static void connect_asks_for_a_cookie_if_there_is_none(void **state)
{
	struct tcp_lab t = tcp_lab(0);
	struct peer p = server_of(&t, 1);
	int fd = host_socket(&t);

	(void)state;
	host_set(&t, fd, HO_SOL_TCP, HO_TCP_FASTOPEN_CONNECT, 1);
	host_connect(&t, fd, &p, -EINPROGRESS);
	hears(&p, ASKS);
	says(&p, GIVES);
	hears(&p, ". 1 ack 1");
	host_sendto(&t, fd, &p, 5, -EALREADY);
	host_send(&t, fd, 5, 0, 5);
	hears(&p, "P. 1:6 ack 1");
	host_info_is(&t, fd, tcpi_options, 1 | 2 | 4);
	tcp_lab_close(&t);
}

static void a_connect_that_waits_may_be_closed_or_shut_down(void **state)
{
	struct tcp_lab t = tcp_lab(0);
	struct peer p = server_of(&t, 1);
	int fd;

	(void)state;
	cookie_learn(&t, GIVES);
	fd = host_socket(&t);
	host_set(&t, fd, HO_SOL_TCP, HO_TCP_FASTOPEN_CONNECT, 1);
	host_connect(&t, fd, &p, 0);
	host_close(&t, fd);
	fd = host_socket(&t);
	host_set(&t, fd, HO_SOL_TCP, HO_TCP_FASTOPEN_CONNECT, 1);
	host_connect(&t, fd, &p, 0);
	host_shutdown(&t, fd, HO_SHUT_RDWR, 0);
	host_state(&t, fd, HO_CLOSE);
	quiet_until(&t, 1500);
	counted(&t, "");
	tcp_lab_close(&t);
}

static void a_connection_that_times_out_three_times_counts_a_failure(void **state)
{
	struct tcp_lab t = tcp_lab(0);
	struct peer p = server_of(&t, 1);
	int fd;

	(void)state;
	cookie_learn(&t, GIVES);
	fd = host_socket(&t);
	host_sendto(&t, fd, &p, 5, 5);
	hears(&p, "S 0:5");
	says(&p, "S. 0 ack 6 <mss 1460,TS,nop,wscale 7>");
	hears(&p, ". 6 ack 1");
	host_send(&t, fd, 5, 0, 5);
	hears(&p, "P. 6:11 ack 1");
	for (unsigned i = 0; i < 2; i++) {
		lab_at(&t, i == 0 ? 300 : 800);
		hears(&p, "P. 6:11 ack 1");
	}
	marked(&t);
	lab_at(&t, 1700);
	hears(&p, "P. 6:11 ack 1");
	counted(&t, "TcpRetransSegs 1 TcpExtTCPTimeouts 1 TcpExtTCPFastOpenActiveFail 1 TcpExtTCPLostRetransmit 1 "
	            "TcpExtTcpTimeoutRehash 1");
	tcp_lab_close(&t);
}

static void an_empty_message_with_a_cookie(void **state)
{
	struct tcp_lab t = tcp_lab(0);
	struct peer p = server_of(&t, 1);
	int fd;

	(void)state;
	cookie_learn(&t, GIVES);
	fd = host_socket(&t);
	host_sendto(&t, fd, &p, 0, -EINPROGRESS);
	hears(&p, "S 0" WITH_COOKIE);
	host_info_is(&t, fd, tcpi_unacked, 2);
	says(&p, "S. 0 ack 1");
	hears(&p, ". 1 ack 1");
	host_info_is(&t, fd, tcpi_unacked, 0);
	counted(&t, "TcpActiveOpens 1 TcpCurrEstab 1 TcpInSegs 1 TcpOutSegs 2 TcpExtTCPOrigDataSent 1 TcpExtTCPDelivered 2");
	tcp_lab_close(&t);
}

/* ---- two stacks ---- */

struct pair {
	struct ho_stack *s[2]; /* 198.18.0.1, 198.18.0.2 */
	uint64_t ms;
	int lfd;
};

static struct pair pair_open(void)
{
	struct pair w = {.ms = 1};
	struct ho_stack_config c;
	int queue = 5;

	for (unsigned i = 0; i < 2; i++) {
		ho_stack_config_init(&c);
		c.addr = HO_ADDR(198, 18, 0, i + 1);
		c.secret[0] = (uint8_t)i;
		assert_int_equal(ho_stack_open(&c, &w.s[i]), 0);
	}
	assert_int_equal(ho_sysctl_set(w.s[1], "net.ipv4.tcp_fastopen", "2"), 0);
	w.lfd = ho_sock_open(w.s[1], HO_SOCK_STREAM, 0);
	assert_int_equal(ho_sock_bind(w.s[1], w.lfd, (struct ho_endpoint){0, LAB_PORT}), 0);
	assert_int_equal(ho_sock_setopt(w.s[1], w.lfd, HO_SOL_TCP, HO_TCP_FASTOPEN, &queue, sizeof(queue)), 0);
	assert_int_equal(ho_sock_listen(w.s[1], w.lfd, 5), 0);
	return w;
}

/* What one sends the other hears at once. */
static void pair_run(struct pair *w, uint64_t ms)
{
	struct ho_frame *f;

	for (uint64_t end = w->ms + ms; w->ms < end; w->ms++)
		for (unsigned i = 0; i < 4; i++) {
			ho_stack_expire(w->s[i % 2], w->ms * HO_MS, 0);
			while ((f = ho_stack_output(w->s[i % 2])) != NULL)
				ho_stack_input(w->s[(i + 1) % 2], f, w->ms * HO_MS);
		}
}

static void pair_close(struct pair *w)
{
	for (unsigned i = 0; i < 2; i++)
		ho_stack_close(w->s[i]);
}

static uint64_t pair_count(const struct pair *w, unsigned i, const char *name)
{
	return ho_counter_get(w->s[i], (unsigned)ho_counter_find(name));
}

/* Sends hello, reads it at the other end. */
static void pair_hello(struct pair *w, ptrdiff_t expected)
{
	int fd = ho_sock_open(w->s[0], HO_SOCK_STREAM, 0), child;
	char buf[16];

	assert_int_equal(ho_sock_sendto(w->s[0], fd, "hello", 5, HO_MSG_FASTOPEN, (struct ho_endpoint){HOST, LAB_PORT}),
	                 expected);
	pair_run(w, 10);
	if (expected < 0)
		assert_int_equal(ho_sock_send(w->s[0], fd, "hello", 5, 0), 5);
	pair_run(w, 10);
	child = ho_sock_accept(w->s[1], w->lfd, NULL);
	assert_true(child >= 0);
	assert_int_equal(ho_sock_recv(w->s[1], child, buf, sizeof(buf), 0), 5);
	assert_memory_equal(buf, "hello", 5);
	ho_sock_close(w->s[0], fd);
	pair_run(w, 10);
	ho_sock_close(w->s[1], child);
	pair_run(w, 10);
}

static void two_stacks_save_a_round_trip_the_second_time(void **state)
{
	struct pair w = pair_open();

	(void)state;
	pair_hello(&w, -EINPROGRESS);
	assert_int_equal(pair_count(&w, 1, "TcpExtTCPFastOpenCookieReqd"), 1);
	pair_hello(&w, 5);
	pair_hello(&w, 5);
	assert_int_equal(pair_count(&w, 0, "TcpExtTCPFastOpenActive"), 2);
	assert_int_equal(pair_count(&w, 1, "TcpExtTCPFastOpenPassive"), 2);
	assert_int_equal(ho_sysctl_set(w.s[1], "net.ipv4.tcp_fastopen_key", "1-2-3-4"), 0);
	pair_hello(&w, 5); /* a new key: the data goes twice, and the new cookie is learnt */
	assert_int_equal(pair_count(&w, 0, "TcpExtTCPFastOpenActiveFail"), 1);
	assert_int_equal(pair_count(&w, 1, "TcpExtTCPFastOpenPassiveFail"), 1);
	pair_hello(&w, 5);
	assert_int_equal(pair_count(&w, 0, "TcpExtTCPFastOpenActive"), 3);
	assert_int_equal(pair_count(&w, 0, "TcpCurrEstab") + pair_count(&w, 1, "TcpCurrEstab"), 0);
	pair_close(&w);
}

/* ---- memory runs out ---- */

struct ration {
	uint64_t calls, refused_at;
	uint32_t blocks;
};

static void *ration_take(void *ctx, size_t bytes, size_t align)
{
	struct ration *r = ctx;

	if (++r->calls == r->refused_at)
		return NULL;
	r->blocks++;
	return aligned_alloc(align, (bytes + align - 1) & ~(align - 1));
}

static void ration_give(void *ctx, void *block, size_t bytes)
{
	(void)bytes;
	((struct ration *)ctx)->blocks--;
	free(block);
}

/* Two connections by Fast Open, the second with a cookie, whatever the calls say.  Gives  was nothing refused? */
static bool pair_without(unsigned victim, uint64_t refused_at)
{
	struct ration r[2] = {0};
	struct pair w = {.ms = 1};
	struct ho_stack_config c;
	int queue = 5, fd[2], child;
	char buf[16];

	r[victim].refused_at = refused_at;
	for (unsigned i = 0; i < 2; i++) {
		ho_stack_config_init(&c);
		c.addr = HO_ADDR(198, 18, 0, i + 1);
		c.alloc = (struct ho_allocator){ration_take, ration_give, &r[i]};
		if (ho_stack_open(&c, &w.s[i]) < 0) {
			if (i == 1)
				ho_stack_close(w.s[0]);
			assert_int_equal(r[0].blocks + r[1].blocks, 0);
			return false;
		}
	}
	ho_sysctl_set(w.s[1], "net.ipv4.tcp_fastopen", "2");
	w.lfd = ho_sock_open(w.s[1], HO_SOCK_STREAM, 0);
	ho_sock_bind(w.s[1], w.lfd, (struct ho_endpoint){0, LAB_PORT});
	ho_sock_setopt(w.s[1], w.lfd, HO_SOL_TCP, HO_TCP_FASTOPEN, &queue, sizeof(queue));
	ho_sock_listen(w.s[1], w.lfd, 5);
	for (unsigned i = 0; i < 2; i++) {
		fd[i] = ho_sock_open(w.s[0], HO_SOCK_STREAM, 0);
		ho_sock_sendto(w.s[0], fd[i], "hello", 5, HO_MSG_FASTOPEN, (struct ho_endpoint){HOST, LAB_PORT});
		pair_run(&w, 2000);
		child = ho_sock_accept(w.s[1], w.lfd, NULL);
		if (child >= 0 && ho_sock_recv(w.s[1], child, buf, sizeof(buf), 0) > 0)
			assert_memory_equal(buf, "hello", 5);
	}
	pair_close(&w);
	assert_int_equal(r[0].blocks + r[1].blocks, 0);
	return r[victim].calls < refused_at;
}

static void any_one_allocation_may_be_refused(void **state)
{
	(void)state;
	for (unsigned victim = 0; victim < 2; victim++) {
		uint64_t n = 1;

		while (!pair_without(victim, n))
			n++;
		assert_in_range(n, 8, 200);
	}
}

static void the_cache_of_cookies_forgets_the_longest_unused(void **state)
{
	struct tcp_lab t = tcp_lab(0);
	unsigned kept = 0;
	uint8_t data[5];

	(void)state;
	t.log = NULL;
	for (unsigned i = 0; i < sizeof(data); i++)
		data[i] = stream_byte(1 + i);
	for (unsigned round = 0; round < 2; round++)
		for (unsigned i = 0; i < 400; i++) {
			struct peer p = server_of(&t, 1 + i);
			int fd = ho_sock_open(t.l.s, HO_SOCK_STREAM, 0);
			ptrdiff_t n;

			p.addr = HO_ADDR(198, 18, 0, 0) + 256 + i;
			p.port = 40001;
			n = ho_sock_sendto(t.l.s, fd, data, 5, HO_MSG_FASTOPEN, (struct ho_endpoint){p.addr, p.port});
			if (round == 1 && n == 5)
				kept++;
			hears(&p, n == 5 ? "S 0:5" : "S 0");
			lab_forget(&t.l);
			if (round == 0) {
				says(&p, GIVES);
				lab_pump(&t.l);
				lab_forget(&t.l);
			}
			ho_sock_close(t.l.s, fd);
			lab_pump(&t.l);
			lab_forget(&t.l);
			lab_at(&t, (round * 400 + i + 1) * 2);
			lab_forget(&t.l);
		}
	assert_in_range(kept, 200, 256);
	tcp_lab_close(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_time_it_asks_for_a_cookie_and_takes_no_data),
		cmocka_unit_test(the_next_time_data_goes_with_the_syn),
		cmocka_unit_test(as_much_goes_as_fits_beside_40_bytes_of_options),
		cmocka_unit_test(data_that_is_not_acknowledged_goes_again_at_once),
		cmocka_unit_test(a_syn_is_sent_again_without_option_and_data),
		cmocka_unit_test(two_lost_syns_leave_a_window_of_one),
		cmocka_unit_test(the_first_syn_may_have_been_slow_only),
		cmocka_unit_test(it_fails_when_the_last_syn_goes_unanswered),
		cmocka_unit_test(the_third_timeout_in_a_row_pauses_it),
		cmocka_unit_test(a_lone_fin_out_of_order_pauses_it),
		cmocka_unit_test(a_peer_that_gives_no_cookie_is_asked_in_the_older_form_once),
		cmocka_unit_test(a_cookie_of_the_older_form_is_used_in_it),
		cmocka_unit_test(without_cookies_data_goes_with_every_syn),
		cmocka_unit_test(data_in_the_syn_ack_is_taken),
		cmocka_unit_test(errors_are_those_of_linux),
		cmocka_unit_test(a_refused_syn_is_an_error_once),
		cmocka_unit_test(connect_waits_for_the_first_send_if_there_is_a_cookie),
		cmocka_unit_test(connect_asks_for_a_cookie_if_there_is_none),
		cmocka_unit_test(a_connect_that_waits_may_be_closed_or_shut_down),
		cmocka_unit_test(a_connection_that_times_out_three_times_counts_a_failure),
		cmocka_unit_test(an_empty_message_with_a_cookie),
		cmocka_unit_test(two_stacks_save_a_round_trip_the_second_time),
		cmocka_unit_test(any_one_allocation_may_be_refused),
		cmocka_unit_test(the_cache_of_cookies_forgets_the_longest_unused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
