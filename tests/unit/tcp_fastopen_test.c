/* SPDX-License-Identifier: MIT
 * TCP Fast Open, the server's half: cookies, data on SYNs, the queue of children whose handshake goes on. */
#include "tcp_lab.h"

#define KEY "a1a1a1a1b2b2b2b2c3c3c3c3d4d4d4d4"
#define OTHER_KEY "00112233445566778899aabbccddeeff"
#define COOKIE "dd36de77b0e33091"       /* of PEER_ADDR and HOST under KEY */
#define OTHER_COOKIE "96ea8f53bb3e40c9" /* under OTHER_KEY */
#define SYN_OPTIONS "mss 1460,sackOK,TS,nop,wscale 7"
#define WITH_COOKIE "<" SYN_OPTIONS ",fastopen " COOKIE ">"
#define BAD_COOKIE "<" SYN_OPTIONS ",fastopen 0011223344556677>"
#define SYNACK "<mss 1460,sackOK,TS,wscale 10>"

struct fast {
	struct tcp_lab t;
	int lfd;
};

static struct fast fast_with(int backlog, int queue, const char *key, const char *test)
{
	struct fast f = {.t = tcp_lab_with((struct lab_options){0}, test)};

	host_sysctl(&f.t, "net.ipv4.tcp_fastopen", "3");
	f.lfd = host_socket(&f.t);
	host_set(&f.t, f.lfd, HO_SOL_SOCKET, HO_SO_REUSEADDR, 1);
	host_bind(&f.t, f.lfd, LAB_PORT);
	host_set(&f.t, f.lfd, HO_SOL_TCP, HO_TCP_FASTOPEN, queue);
	host_fastopen_key(&f.t, f.lfd, key, 0);
	host_backlog(&f.t, f.lfd, backlog);
	marked(&f.t);
	return f;
}
#define fast_listening() fast_with(5, 5, KEY, __func__)

/* A child with 5 bytes of data, accepted, its SYN+ACK heard. */
static int accepted_child(struct fast *f, struct peer *p)
{
	says(p, "S 0:5 " WITH_COOKIE);
	hears(p, "S. 0 ack 6 " SYNACK);
	return host_accept(&f->t, f->lfd);
}

static void a_syn_that_asks_for_a_cookie_gets_one_and_is_a_request(void **state)
{
	struct fast f = fast_listening();
	struct peer p = peer_of(&f.t, 1);

	(void)state;
	says(&p, "S <" SYN_OPTIONS ",fastopen>");
	hears(&p, "S. 0 ack 1 <mss 1460,sackOK,TS,wscale 10,fastopen " COOKIE ">");
	host_queues(&f.t, f.lfd, 1, 0);
	counted(&f.t, "TcpInSegs 1 TcpOutSegs 1 TcpExtTCPFastOpenCookieReqd 1");
	tcp_lab_close(&f.t);
}

static void a_syn_ack_sent_again_brings_no_cookie(void **state)
{
	struct fast f = fast_listening();
	struct peer p = peer_of(&f.t, 1);

	(void)state;
	says(&p, "S <" SYN_OPTIONS ",fastopen>");
	hears(&p, "S. 0 ack 1 <mss 1460,sackOK,TS,wscale 10,fastopen " COOKIE ">");
	hears_at(&p, 1000, "S. 0 ack 1 " SYNACK);
	tcp_lab_close(&f.t);
}

static void data_with_a_good_cookie_is_there_before_the_handshake_ends(void **state)
{
	struct fast f = fast_listening();
	struct peer p = peer_of(&f.t, 1);
	int fd;

	(void)state;
	says(&p, "S 0:5 " WITH_COOKIE);
	hears(&p, "S. 0 ack 6 win 65160 " SYNACK);
	host_info_is(&f.t, f.lfd, tcpi_unacked, 1);
	counted(&f.t, "TcpPassiveOpens 1 TcpInSegs 1 TcpOutSegs 1 TcpExtTCPFastOpenPassive 1");
	fd = host_accept(&f.t, f.lfd);
	host_state(&f.t, fd, HO_SYN_RECV);
	host_polls(&f.t, fd, HO_IN | HO_OUT);
	host_info_is(&f.t, fd, tcpi_options, 1 | 2 | 4 | 32 | 128);
	host_recv(&f.t, fd, 100, 0, 5);
	says(&p, ".");
	host_state(&f.t, fd, HO_ESTABLISHED);
	counted(&f.t, "TcpCurrEstab 1 TcpInSegs 1 TcpExtTCPPureAcks 1");
	host_info_is(&f.t, fd, tcpi_snd_cwnd, 10);
	host_info_is(&f.t, fd, tcpi_segs_in, 2);
	host_info_is(&f.t, fd, tcpi_data_segs_in, 1);
	host_info_is(&f.t, fd, tcpi_bytes_received, 5);
	host_info_is(&f.t, fd, tcpi_delivered, 1);
	host_info_is(&f.t, fd, tcpi_rcv_space, 14600);
	says(&p, "P. 6:12");
	hears(&p, ". 1 ack 12");
	host_recv(&f.t, fd, 100, 0, 6);
	tcp_lab_close(&f.t);
}

static void a_good_cookie_without_data_makes_a_child_too(void **state)
{
	struct fast f = fast_listening();
	struct peer p = peer_of(&f.t, 1);
	int fd;

	(void)state;
	says(&p, "S " WITH_COOKIE);
	hears(&p, "S. 0 ack 1 " SYNACK);
	fd = host_accept(&f.t, f.lfd);
	host_polls(&f.t, fd, HO_OUT);
	host_info_is(&f.t, fd, tcpi_options, 1 | 2 | 4 | 128);
	counted(&f.t, "TcpPassiveOpens 1 TcpInSegs 1 TcpOutSegs 1 TcpExtTCPFastOpenPassive 1");
	tcp_lab_close(&f.t);
}

static void a_bad_cookie_makes_a_request_whose_data_is_not_acknowledged(void **state)
{
	struct fast f = fast_listening();
	struct peer p = peer_of(&f.t, 1);

	(void)state;
	says(&p, "S 0:5 " BAD_COOKIE);
	hears(&p, "S. 0 ack 1 <mss 1460,sackOK,TS,wscale 10,fastopen " COOKIE ">");
	host_queues(&f.t, f.lfd, 1, 0);
	counted(&f.t, "TcpInSegs 1 TcpOutSegs 1 TcpExtTCPFastOpenPassiveFail 1");
	tcp_lab_close(&f.t);
}

static void a_cookie_of_the_older_key_is_good_and_is_replaced(void **state)
{
	struct fast f = fast_with(5, 5, OTHER_KEY KEY, __func__);
	struct peer p = peer_of(&f.t, 1);

	(void)state;
	says(&p, "S 0:5 " WITH_COOKIE);
	hears(&p, "S. 0 ack 6 <mss 1460,sackOK,TS,wscale 10,fastopen " OTHER_COOKIE ">");
	counted(&f.t, "TcpPassiveOpens 1 TcpInSegs 1 TcpOutSegs 1 TcpExtTCPFastOpenPassive 1 "
	              "TcpExtTCPFastOpenPassiveAltKey 1");
	tcp_lab_close(&f.t);
}

static void the_answer_is_in_the_form_of_the_question(void **state)
{
	struct fast f = fast_listening();
	struct peer p = peer_of(&f.t, 1), q = peer_of(&f.t, 2);

	(void)state;
	says(&p, "S <" SYN_OPTIONS ",exp-fastopen>");
	hears(&p, "S. 0 ack 1 <mss 1460,sackOK,TS,wscale 10,exp-fastopen " COOKIE ">");
	says(&q, "S 0:5 <" SYN_OPTIONS ",exp-fastopen " COOKIE ">");
	hears(&q, "S. 0 ack 6 " SYNACK);
	counted(&f.t, "TcpPassiveOpens 1 TcpInSegs 2 TcpOutSegs 2 TcpExtTCPFastOpenPassive 1 TcpExtTCPFastOpenCookieReqd 1");
	tcp_lab_close(&f.t);
}

static void a_cookie_of_a_wrong_length_is_no_option(void **state)
{
	struct fast f = fast_listening();
	struct peer p = peer_of(&f.t, 1), q = peer_of(&f.t, 2), r = peer_of(&f.t, 3);

	(void)state;
	says(&p, "S 0:5 <" SYN_OPTIONS ",fastopen dd36de77b0>"); /* odd */
	hears(&p, "S. 0 ack 1 " SYNACK);
	says(&q, "S 0:5 <" SYN_OPTIONS ",fastopen dd36>"); /* too short */
	hears(&q, "S. 0 ack 1 " SYNACK);
	says(&r, "S 0:5 <mss 1460,fastopen " COOKIE ",fastopen dd36>"); /* which takes back a good one */
	hears(&r, "S. 0 ack 1 <mss 1460>");
	counted(&f.t, "TcpInSegs 3 TcpOutSegs 3");
	tcp_lab_close(&f.t);
}

static void a_cookie_that_is_shorter_than_ours_is_bad(void **state)
{
	struct fast f = fast_listening();
	struct peer p = peer_of(&f.t, 1);

	(void)state;
	says(&p, "S 0:5 <" SYN_OPTIONS ",fastopen dd36de77>");
	hears(&p, "S. 0 ack 1 <mss 1460,sackOK,TS,wscale 10,fastopen " COOKIE ">");
	counted(&f.t, "TcpInSegs 1 TcpOutSegs 1 TcpExtTCPFastOpenPassiveFail 1");
	tcp_lab_close(&f.t);
}

static void data_without_the_option_is_not_kept(void **state)
{
	struct fast f = fast_listening();
	struct peer p = peer_of(&f.t, 1);

	(void)state;
	says(&p, "S 0:5");
	hears(&p, "S. 0 ack 1 " SYNACK);
	counted(&f.t, "TcpInSegs 1 TcpOutSegs 1");
	tcp_lab_close(&f.t);
}

static void a_listener_that_was_not_told_gives_no_cookie(void **state)
{
	struct tcp_lab t = tcp_lab(0);
	struct peer p = peer_of(&t, 1), q = peer_of(&t, 2);

	(void)state;
	host_sysctl(&t, "net.ipv4.tcp_fastopen", "3");
	host_listen(&t, 5);
	marked(&t);
	says(&p, "S <" SYN_OPTIONS ",fastopen>");
	hears(&p, "S. 0 ack 1 " SYNACK);
	says(&q, "S 0:5 " WITH_COOKIE);
	hears(&q, "S. 0 ack 1 " SYNACK);
	counted(&t, "TcpInSegs 2 TcpOutSegs 2 TcpExtTCPFastOpenCookieReqd 1");
	tcp_lab_close(&t);
}

static void by_default_only_clients_use_it(void **state)
{
	struct fast f = fast_listening();
	struct peer p = peer_of(&f.t, 1);

	(void)state;
	host_sysctl(&f.t, "net.ipv4.tcp_fastopen", "1");
	says(&p, "S 0:5 " WITH_COOKIE);
	hears(&p, "S. 0 ack 1 " SYNACK);
	counted(&f.t, "TcpInSegs 1 TcpOutSegs 1");
	tcp_lab_close(&f.t);
}

static void with_0x400_every_listener_has_it(void **state)
{
	struct tcp_lab t = tcp_lab(0);
	struct peer p = peer_of(&t, 1), q = peer_of(&t, 2);
	int lfd;

	(void)state;
	host_sysctl(&t, "net.ipv4.tcp_fastopen", "1026");
	lfd = host_listen(&t, 1);
	host_fastopen_key(&t, lfd, KEY, 0);
	assert_int_equal(host_get(&t, lfd, HO_SOL_TCP, HO_TCP_FASTOPEN), 1);
	says(&p, "S 0:5 " WITH_COOKIE);
	hears(&p, "S. 0 ack 6 " SYNACK);
	marked(&t);
	says(&q, "S 0:5 " WITH_COOKIE);
	hears(&q, "S. 0 ack 1 " SYNACK);
	counted(&t, "TcpInSegs 1 TcpOutSegs 1 TcpExtTCPFastOpenListenOverflow 1");
	tcp_lab_close(&t);
}

static void without_cookies_every_syn_with_data_or_the_option_makes_a_child(void **state)
{
	struct fast f = fast_listening();
	struct peer p = peer_of(&f.t, 1), q = peer_of(&f.t, 2), r = peer_of(&f.t, 3);

	(void)state;
	host_sysctl(&f.t, "net.ipv4.tcp_fastopen", "515");
	says(&p, "S 0:5");
	hears(&p, "S. 0 ack 6 " SYNACK);
	says(&q, "S <" SYN_OPTIONS ",fastopen>");
	hears(&q, "S. 0 ack 1 " SYNACK);
	says(&r, "S");
	hears(&r, "S. 0 ack 1 " SYNACK);
	host_info_is(&f.t, f.lfd, tcpi_unacked, 2);
	counted(&f.t, "TcpPassiveOpens 2 TcpInSegs 3 TcpOutSegs 3 TcpExtTCPFastOpenPassive 2 TcpExtTCPFastOpenCookieReqd 1");
	tcp_lab_close(&f.t);
}

static void a_listener_may_ask_for_no_cookies(void **state)
{
	struct fast f = fast_listening();
	struct peer p = peer_of(&f.t, 1);

	(void)state;
	host_set(&f.t, f.lfd, HO_SOL_TCP, HO_TCP_FASTOPEN_NO_COOKIE, 1);
	says(&p, "S 0:5");
	hears(&p, "S. 0 ack 6 " SYNACK);
	counted(&f.t, "TcpPassiveOpens 1 TcpInSegs 1 TcpOutSegs 1 TcpExtTCPFastOpenPassive 1");
	tcp_lab_close(&f.t);
}

static void no_more_children_than_the_queue_holds(void **state)
{
	struct fast f = fast_with(5, 1, KEY, __func__);
	struct peer p = peer_of(&f.t, 1), q = peer_of(&f.t, 2), r = peer_of(&f.t, 3);

	(void)state;
	says(&p, "S 0:5 " WITH_COOKIE);
	hears(&p, "S. 0 ack 6 " SYNACK);
	marked(&f.t);
	says(&q, "S 0:5 " WITH_COOKIE);
	hears(&q, "S. 0 ack 1 " SYNACK);
	counted(&f.t, "TcpInSegs 1 TcpOutSegs 1 TcpExtTCPFastOpenListenOverflow 1");
	says(&p, "."); /* its handshake is over: there is room */
	marked(&f.t);
	says(&r, "S 0:5 " WITH_COOKIE);
	hears(&r, "S. 0 ack 6 " SYNACK);
	counted(&f.t, "TcpPassiveOpens 1 TcpInSegs 1 TcpOutSegs 1 TcpExtTCPFastOpenPassive 1");
	tcp_lab_close(&f.t);
}

static void a_rst_after_accept_holds_its_place_for_a_minute(void **state)
{
	struct fast f = fast_with(5, 1, KEY, __func__);
	struct peer p = peer_of(&f.t, 1), q = peer_of(&f.t, 2), r = peer_of(&f.t, 3), s = peer_of(&f.t, 4);
	int fd = accepted_child(&f, &p);

	(void)state;
	host_recv(&f.t, fd, 100, 0, 5);
	marked(&f.t);
	says(&p, "R 6");
	host_polls(&f.t, fd, HO_IN | HO_OUT | HO_ERR | HO_HUP | HO_RDHUP);
	host_error(&f.t, fd, ECONNRESET);
	counted(&f.t, "TcpAttemptFails 2 TcpInSegs 1");
	says(&q, "S 0:5 " WITH_COOKIE);
	hears(&q, "S. 0 ack 1 " SYNACK);
	says(&q, "R 1");
	counted(&f.t, "TcpAttemptFails 1 TcpInSegs 2 TcpOutSegs 1 TcpExtEmbryonicRsts 1 TcpExtTCPFastOpenListenOverflow 1");
	quiet_until(&f.t, 59900);
	says(&r, "S 0:5 " WITH_COOKIE);
	hears(&r, "S. 0 ack 1 " SYNACK);
	says(&r, "R 1");
	quiet_until(&f.t, 60100);
	marked(&f.t);
	says(&s, "S 0:5 " WITH_COOKIE);
	hears(&s, "S. 0 ack 6 " SYNACK);
	counted(&f.t, "TcpPassiveOpens 1 TcpInSegs 1 TcpOutSegs 1 TcpExtTCPFastOpenPassive 1");
	tcp_lab_close(&f.t);
}

static void a_rst_before_accept_gives_its_place_back(void **state)
{
	struct fast f = fast_with(5, 1, KEY, __func__);
	struct peer p = peer_of(&f.t, 1), q = peer_of(&f.t, 2);
	int fd;

	(void)state;
	says(&p, "S 0:5 " WITH_COOKIE);
	hears(&p, "S. 0 ack 6 " SYNACK);
	marked(&f.t);
	says(&p, "R 6");
	counted(&f.t, "TcpAttemptFails 2 TcpInSegs 1");
	says(&q, "S 0:5 " WITH_COOKIE);
	hears(&q, "S. 0 ack 6 " SYNACK);
	fd = host_accept(&f.t, f.lfd);
	host_state(&f.t, fd, HO_CLOSE);
	host_recv(&f.t, fd, 100, 0, 5);
	host_recv(&f.t, fd, 100, 0, -ECONNRESET);
	counted(&f.t, "TcpPassiveOpens 1 TcpInSegs 1 TcpOutSegs 1 TcpExtTCPFastOpenPassive 1");
	tcp_lab_close(&f.t);
}

static void the_syn_ack_is_sent_again_and_given_up_at_last(void **state)
{
	struct fast f = fast_listening();
	struct peer p = peer_of(&f.t, 1);
	int fd;

	(void)state;
	host_sysctl(&f.t, "net.ipv4.tcp_synack_retries", "1");
	fd = accepted_child(&f, &p);
	host_recv(&f.t, fd, 100, 0, 5);
	marked(&f.t);
	hears_at(&p, 1000, "S. 0 ack 6 " SYNACK);
	counted(&f.t, "TcpRetransSegs 1 TcpOutSegs 1 TcpExtTCPTimeouts 1 TcpExtTCPSynRetrans 1");
	host_info_is(&f.t, fd, tcpi_snd_cwnd, 10);
	hears_at(&p, 3000, "S. 0 ack 6 " SYNACK);
	counted(&f.t, "TcpRetransSegs 1 TcpOutSegs 1 TcpExtTCPTimeouts 1 TcpExtTCPSynRetrans 1");
	host_info_is(&f.t, fd, tcpi_snd_cwnd, 1);
	host_info_is(&f.t, fd, tcpi_ca_state, 4);
	host_info_is(&f.t, fd, tcpi_total_retrans, 2);
	quiet_until(&f.t, 6990);
	lab_at(&f.t, 7100);
	quiet(&f.t);
	host_error(&f.t, fd, ETIMEDOUT);
	counted(&f.t, "TcpAttemptFails 1 TcpExtTCPTimeouts 1 TcpExtTCPAbortOnTimeout 1");
	tcp_lab_close(&f.t);
}

static void an_ack_after_retransmissions_ends_the_loss(void **state)
{
	struct fast f = fast_listening();
	struct peer p = peer_of(&f.t, 1);
	int fd = accepted_child(&f, &p);

	(void)state;
	hears_at(&p, 1000, "S. 0 ack 6");
	hears_at(&p, 3000, "S. 0 ack 6");
	marked(&f.t);
	says(&p, ".");
	host_state(&f.t, fd, HO_ESTABLISHED);
	host_info_is(&f.t, fd, tcpi_ca_state, 0);
	host_info_is(&f.t, fd, tcpi_retransmits, 0);
	host_info_is(&f.t, fd, tcpi_snd_cwnd, 1);
	counted(&f.t, "TcpCurrEstab 1 TcpInSegs 1 TcpExtTCPPureAcks 1");
	quiet_until(&f.t, 7500);
	tcp_lab_close(&f.t);
}

/* The final ACK echoes the first SYN+ACK's timestamp: those after it were needless. */
static void an_ack_of_the_first_syn_ack_takes_the_loss_back(void **state)
{
	struct fast f = fast_listening();
	struct peer p = peer_of(&f.t, 1);
	int fd = accepted_child(&f, &p);

	(void)state;
	hears_at(&p, 1000, "S. 0 ack 6");
	hears_at(&p, 3000, "S. 0 ack 6");
	marked(&f.t);
	says(&p, ". <nop,nop,TS 0 e-3000>");
	host_state(&f.t, fd, HO_ESTABLISHED);
	host_info_is(&f.t, fd, tcpi_ca_state, 0);
	host_info_is(&f.t, fd, tcpi_snd_cwnd, 10);
	counted(&f.t, "TcpCurrEstab 1 TcpInSegs 1 TcpExtTCPPureAcks 1 TCPLossUndo 1");
	tcp_lab_close(&f.t);
}

static void a_duplicate_syn_gets_the_syn_ack_again(void **state)
{
	struct fast f = fast_listening();
	struct peer p = peer_of(&f.t, 1);

	(void)state;
	accepted_child(&f, &p);
	marked(&f.t);
	lab_at(&f.t, 100);
	says(&p, "S 0:5 " WITH_COOKIE);
	hears(&p, "S. 0 ack 6 " SYNACK);
	says(&p, "S 0");
	quiet(&f.t);
	counted(&f.t, "TcpInSegs 2 TcpRetransSegs 1 TcpOutSegs 1 TcpExtTCPSynRetrans 1 TcpExtTCPACKSkippedSynRecv 1");
	tcp_lab_close(&f.t);
}

static void a_syn_in_window_gets_a_rst_but_the_child_lives(void **state)
{
	struct fast f = fast_listening();
	struct peer p = peer_of(&f.t, 1);
	int fd = accepted_child(&f, &p);

	(void)state;
	marked(&f.t);
	says(&p, "S 100:100 <>");
	hears(&p, "R. ack 101");
	host_state(&f.t, fd, HO_SYN_RECV);
	counted(&f.t, "TcpAttemptFails 1 TcpInSegs 1 TcpOutSegs 1 TcpOutRsts 1");
	says(&p, ". 6:6 ack 1");
	host_state(&f.t, fd, HO_ESTABLISHED);
	tcp_lab_close(&f.t);
}

static void a_rst_elsewhere_in_the_window_is_challenged(void **state)
{
	struct fast f = fast_listening();
	struct peer p = peer_of(&f.t, 1);
	int fd = accepted_child(&f, &p);

	(void)state;
	marked(&f.t);
	says(&p, "R 50");
	hears(&p, ". 1 ack 6");
	host_state(&f.t, fd, HO_SYN_RECV);
	counted(&f.t, "TcpInSegs 1 TcpOutSegs 1 TcpExtTCPChallengeACK 1");
	says(&p, "R 51");
	quiet(&f.t);
	counted(&f.t, "TcpInSegs 1 TcpExtTCPACKSkippedChallenge 1");
	tcp_lab_close(&f.t);
}

static void out_of_window_gets_an_ack(void **state)
{
	struct fast f = fast_listening();
	struct peer p = peer_of(&f.t, 1);
	int fd = accepted_child(&f, &p);

	(void)state;
	marked(&f.t);
	says(&p, ". 99999:99999 ack 1");
	hears(&p, ". 1 ack 6 win 63 <TS>");
	host_state(&f.t, fd, HO_SYN_RECV);
	counted(&f.t, "TcpInSegs 1 TcpOutSegs 1");
	tcp_lab_close(&f.t);
}

static void an_ack_of_what_was_not_sent_gets_a_rst(void **state)
{
	struct fast f = fast_listening();
	struct peer p = peer_of(&f.t, 1);
	int fd = accepted_child(&f, &p);

	(void)state;
	marked(&f.t);
	says(&p, ". 6:6 ack 100");
	hears(&p, "R 100");
	host_state(&f.t, fd, HO_SYN_RECV);
	counted(&f.t, "TcpInSegs 1 TcpOutSegs 1 TcpOutRsts 1");
	tcp_lab_close(&f.t);
}

static void a_child_sends_before_the_handshake_ends(void **state)
{
	struct fast f = fast_listening();
	struct peer p = peer_of(&f.t, 1);
	int fd = accepted_child(&f, &p);

	(void)state;
	host_recv(&f.t, fd, 100, 0, 5);
	marked(&f.t);
	host_send(&f.t, fd, 6, 0, 6);
	hears(&p, "P. 1:7 ack 6");
	counted(&f.t, "TcpOutSegs 1 TcpExtTCPOrigDataSent 1");
	says(&p, ". 6 ack 7");
	host_state(&f.t, fd, HO_ESTABLISHED);
	host_info_is(&f.t, fd, tcpi_delivered, 2);
	host_info_is(&f.t, fd, tcpi_unacked, 0);
	counted(&f.t, "TcpCurrEstab 1 TcpInSegs 1 TcpExtTCPPureAcks 1 TcpExtTCPDelivered 1");
	quiet_until(&f.t, 1500);
	tcp_lab_close(&f.t);
}

static void its_data_is_not_sent_again_before_the_syn_ack_is_acknowledged(void **state)
{
	struct fast f = fast_listening();
	struct peer p = peer_of(&f.t, 1);
	int fd = accepted_child(&f, &p);

	(void)state;
	host_send(&f.t, fd, 6, 0, 6);
	hears(&p, "P. 1:7 ack 6");
	hears_at(&p, 1000, "S. 0 ack 6");
	marked(&f.t);
	says(&p, ". 6 ack 1");
	host_state(&f.t, fd, HO_ESTABLISHED);
	counted(&f.t, "TcpCurrEstab 1 TcpInSegs 1 TcpExtTCPPureAcks 1");
	quiet(&f.t);
	tcp_lab_close(&f.t);
}

static void data_that_overtakes_the_final_ack_ends_the_handshake(void **state)
{
	struct fast f = fast_listening();
	struct peer p = peer_of(&f.t, 1);
	int fd = accepted_child(&f, &p);

	(void)state;
	marked(&f.t);
	says(&p, "P. 6:12 ack 1");
	hears(&p, ". 1 ack 12");
	host_state(&f.t, fd, HO_ESTABLISHED);
	host_recv(&f.t, fd, 100, 0, 11);
	counted(&f.t, "TcpCurrEstab 1 TcpInSegs 1 TcpOutSegs 1 TcpExtTCPRcvCoalesce 1");
	tcp_lab_close(&f.t);
}

static void a_child_closed_before_the_handshake_ends_says_fin(void **state)
{
	struct fast f = fast_listening();
	struct peer p = peer_of(&f.t, 1);
	int fd = accepted_child(&f, &p);

	(void)state;
	host_recv(&f.t, fd, 100, 0, 5);
	marked(&f.t);
	host_close(&f.t, fd);
	hears(&p, "F. 1 ack 6");
	says(&p, ". 6 ack 2");
	says(&p, "F. 6 ack 2");
	hears(&p, ". 2 ack 7");
	counted(&f.t, "TcpInSegs 2 TcpOutSegs 2 TcpExtTW 1 TcpExtTCPPureAcks 1 TcpExtTCPOrigDataSent 1 TcpExtTCPDelivered 1");
	tcp_lab_close(&f.t);
}

static void a_shutdown_before_the_handshake_ends_waits_for_it(void **state)
{
	struct fast f = fast_listening();
	struct peer p = peer_of(&f.t, 1);
	int fd = accepted_child(&f, &p);

	(void)state;
	host_recv(&f.t, fd, 100, 0, 5);
	host_shutdown(&f.t, fd, HO_SHUT_WR, 0);
	quiet(&f.t);
	host_state(&f.t, fd, HO_SYN_RECV);
	says(&p, ".");
	hears(&p, "F. 1 ack 6");
	host_state(&f.t, fd, HO_FIN_WAIT1);
	tcp_lab_close(&f.t);
}

static void a_child_closed_with_data_unread_is_reset(void **state)
{
	struct fast f = fast_with(5, 1, KEY, __func__);
	struct peer p = peer_of(&f.t, 1), q = peer_of(&f.t, 2);
	int fd = accepted_child(&f, &p);

	(void)state;
	marked(&f.t);
	host_close(&f.t, fd);
	hears(&p, "R. 1 ack 6");
	counted(&f.t, "TcpOutSegs 1 TcpOutRsts 1 TcpExtTCPAbortOnClose 1");
	says(&q, "S 0:5 " WITH_COOKIE); /* its place is free */
	hears(&q, "S. 0 ack 6 " SYNACK);
	tcp_lab_close(&f.t);
}

static void a_listener_that_closes_resets_its_children(void **state)
{
	struct fast f = fast_listening();
	struct peer p = peer_of(&f.t, 1), q = peer_of(&f.t, 2);
	int fd = accepted_child(&f, &p);

	(void)state;
	says(&q, "S 0:5 " WITH_COOKIE);
	hears(&q, "S. 0 ack 6 " SYNACK);
	marked(&f.t);
	host_close(&f.t, f.lfd);
	hears(&q, "R. 1 ack 6");
	counted(&f.t, "TcpOutSegs 1 TcpOutRsts 1");
	says(&p, "."); /* accepted: it goes on */
	host_state(&f.t, fd, HO_ESTABLISHED);
	tcp_lab_close(&f.t);
}

static void a_child_whose_listener_is_gone_may_be_reset(void **state)
{
	struct fast f = fast_listening();
	struct peer p = peer_of(&f.t, 1);
	int fd = accepted_child(&f, &p);

	(void)state;
	host_close(&f.t, f.lfd);
	marked(&f.t);
	says(&p, "R 6");
	host_error(&f.t, fd, ECONNRESET);
	counted(&f.t, "TcpAttemptFails 2 TcpInSegs 1");
	tcp_lab_close(&f.t);
}

static void a_listener_that_begins_anew_has_an_empty_queue(void **state)
{
	struct fast f = fast_with(5, 1, KEY, __func__);
	struct peer p = peer_of(&f.t, 1), q = peer_of(&f.t, 2);

	(void)state;
	says(&p, "S 0:5 " WITH_COOKIE);
	hears(&p, "S. 0 ack 6 " SYNACK);
	host_shutdown(&f.t, f.lfd, HO_SHUT_RD, 0);
	hears(&p, "R. 1 ack 6");
	host_backlog(&f.t, f.lfd, 5);
	says(&q, "S 0:5 " WITH_COOKIE);
	hears(&q, "S. 0 ack 6 " SYNACK);
	tcp_lab_close(&f.t);
}

static void a_syn_with_data_and_fin_is_dropped(void **state)
{
	struct fast f = fast_listening();
	struct peer p = peer_of(&f.t, 1);

	(void)state;
	says(&p, "FS 0:5 " WITH_COOKIE);
	quiet(&f.t);
	counted(&f.t, "TcpInSegs 1");
	tcp_lab_close(&f.t);
}

static void an_icmp_error_ends_a_child_that_is_not_accepted_only(void **state)
{
	struct fast f = fast_listening();
	struct peer p = peer_of(&f.t, 1), q = peer_of(&f.t, 2);
	int fd = accepted_child(&f, &p);

	(void)state;
	marked(&f.t);
	says_icmp(&p, 3, 3, 0);
	host_state(&f.t, fd, HO_SYN_RECV);
	counted(&f.t, "");
	says(&q, "S 0:5 " WITH_COOKIE);
	hears(&q, "S. 0 ack 6 " SYNACK);
	marked(&f.t);
	says_icmp(&q, 3, 3, 0);
	counted(&f.t, "TcpAttemptFails 1");
	fd = host_accept(&f.t, f.lfd);
	host_error(&f.t, fd, ECONNREFUSED);
	tcp_lab_close(&f.t);
}

static void a_full_accept_queue_drops_the_syn(void **state)
{
	struct fast f = fast_with(0, 5, KEY, __func__);
	struct peer p = peer_of(&f.t, 1), q = peer_of(&f.t, 2);

	(void)state;
	says(&p, "S 0:5 " WITH_COOKIE);
	hears(&p, "S. 0 ack 6 " SYNACK);
	host_info_is(&f.t, f.lfd, tcpi_unacked, 1);
	marked(&f.t);
	says(&q, "S 0:5 " WITH_COOKIE);
	quiet(&f.t);
	counted(&f.t, "TcpInSegs 1 TcpExtListenOverflows 1 TcpExtListenDrops 1");
	tcp_lab_close(&f.t);
}

static void a_syn_cookie_leaves_fast_open_out(void **state)
{
	struct fast f = fast_listening();
	struct peer p = peer_of(&f.t, 1);

	(void)state;
	host_sysctl(&f.t, "net.ipv4.tcp_syncookies", "2");
	says(&p, "S 0:5 " WITH_COOKIE);
	hears(&p, "S. 0 ack 1 " SYNACK);
	counted(&f.t, "TcpInSegs 1 TcpOutSegs 1 TcpExtSyncookiesSent 1 TcpExtTCPReqQFullDoCookies 1");
	tcp_lab_close(&f.t);
}

static void options_are_refused_as_linux_refuses_them(void **state)
{
	struct tcp_lab t = tcp_lab(0);
	struct peer p = peer_of(&t, 1);
	int fd = host_socket(&t), lfd;

	(void)state;
	host_set_gives(&t, fd, HO_SOL_TCP, HO_TCP_FASTOPEN, -1, -EINVAL);
	host_set_gives(&t, fd, HO_SOL_TCP, HO_TCP_FASTOPEN, 100000, 0);
	assert_int_equal(host_get(&t, fd, HO_SOL_TCP, HO_TCP_FASTOPEN), 4096);
	host_set_gives(&t, fd, HO_SOL_TCP, HO_TCP_FASTOPEN_CONNECT, 2, -EINVAL);
	host_set_gives(&t, fd, HO_SOL_TCP, HO_TCP_FASTOPEN_CONNECT, 1, 0);
	assert_int_equal(host_get(&t, fd, HO_SOL_TCP, HO_TCP_FASTOPEN_CONNECT), 1);
	host_set_gives(&t, fd, HO_SOL_TCP, HO_TCP_FASTOPEN_NO_COOKIE, 2, -EINVAL);
	host_set_gives(&t, fd, HO_SOL_TCP, HO_TCP_FASTOPEN_NO_COOKIE, 1, 0);
	assert_int_equal(host_get(&t, fd, HO_SOL_TCP, HO_TCP_FASTOPEN_NO_COOKIE), 1);
	host_fastopen_key(&t, fd, "a1a1", -EINVAL);
	host_sysctl(&t, "net.ipv4.tcp_fastopen", "2");
	host_set_gives(&t, fd, HO_SOL_TCP, HO_TCP_FASTOPEN_CONNECT, 1, -EOPNOTSUPP);
	host_sysctl(&t, "net.ipv4.tcp_fastopen", "1");
	lfd = host_listen(&t, 5);
	fd = host_accepted(&t, lfd, &p);
	host_set_gives(&t, fd, HO_SOL_TCP, HO_TCP_FASTOPEN, 5, -EINVAL);
	host_set_gives(&t, fd, HO_SOL_TCP, HO_TCP_FASTOPEN_CONNECT, 1, -EINVAL);
	host_set_gives(&t, fd, HO_SOL_TCP, HO_TCP_FASTOPEN_NO_COOKIE, 1, -EINVAL);
	tcp_lab_close(&t);
}

static void expect_key(struct tcp_lab *t, const char *text)
{
	char buf[128];

	assert_int_equal(ho_sysctl_get(t->l.s, "net.ipv4.tcp_fastopen_key", buf, sizeof(buf)), strlen(text));
	assert_string_equal(buf, text);
}

static void the_key_is_a_sysctl(void **state)
{
	static const char *const wrong[] = {"", "1-2-3", "1-2-3-4-5", "1-2-3-g", "1-2-3-4,", "123456789-2-3-4", "1-2-3-4 x"};
	struct tcp_lab t = tcp_lab(0);
	uint8_t key[32];
	size_t len = sizeof(key);
	int fd;

	(void)state;
	expect_key(&t, "00000000-00000000-00000000-00000000");
	fd = host_socket(&t);
	assert_int_equal(ho_sock_getopt(t.l.s, fd, HO_SOL_TCP, HO_TCP_FASTOPEN_KEY, key, &len), 0);
	assert_int_equal(len, 0);
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(ho_sysctl_set(t.l.s, "net.ipv4.tcp_fastopen_key", wrong[i]), -EINVAL);
	assert_int_equal(ho_sysctl_set(t.l.s, "net.ipv4.tcp_fastopen_key", "a1-B2c3-0-ffffffff,1-2-3-4\n"), 0);
	expect_key(&t, "000000a1-0000b2c3-00000000-ffffffff,00000001-00000002-00000003-00000004");
	len = sizeof(key);
	assert_int_equal(ho_sock_getopt(t.l.s, fd, HO_SOL_TCP, HO_TCP_FASTOPEN_KEY, key, &len), 0);
	assert_int_equal(len, 32);
	assert_memory_equal(key, "\xa1\0\0\0\xc3\xb2\0\0", 8); /* the words are little-endian */
	tcp_lab_close(&t);
}

static void without_a_key_the_stack_has_one_of_its_own(void **state)
{
	struct tcp_lab t = tcp_lab(0);
	char buf[128];
	int fd = host_socket(&t);

	(void)state;
	host_set(&t, fd, HO_SOL_TCP, HO_TCP_FASTOPEN, 5);
	assert_int_equal(ho_sysctl_get(t.l.s, "net.ipv4.tcp_fastopen_key", buf, sizeof(buf)), 35);
	assert_string_not_equal(buf, "00000000-00000000-00000000-00000000");
	tcp_lab_close(&t);
}

/* local 192.168.0.1, peer 192.0.2.1, key a1a1a1a1-b2b2b2b2-c3c3c3c3-d4d4d4d4: as Linux computes it. */
static void the_cookie_is_siphash_of_both_addresses(void **state)
{
	static const uint8_t addrs[8] = {192, 0, 2, 1, 192, 168, 0, 1};
	static const uint8_t cookie[8] = {0x30, 0x21, 0xb9, 0xd8, 0x89, 0x01, 0x7e, 0xeb};
	struct siphash_key key = {UINT64_C(0xb2b2b2b2a1a1a1a1), UINT64_C(0xd4d4d4d4c3c3c3c3)};
	uint64_t h = siphash24(&key, addrs, sizeof(addrs));

	(void)state;
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal((uint8_t)(h >> (8 * i)), cookie[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_syn_that_asks_for_a_cookie_gets_one_and_is_a_request),
		cmocka_unit_test(a_syn_ack_sent_again_brings_no_cookie),
		cmocka_unit_test(data_with_a_good_cookie_is_there_before_the_handshake_ends),
		cmocka_unit_test(a_good_cookie_without_data_makes_a_child_too),
		cmocka_unit_test(a_bad_cookie_makes_a_request_whose_data_is_not_acknowledged),
		cmocka_unit_test(a_cookie_of_the_older_key_is_good_and_is_replaced),
		cmocka_unit_test(the_answer_is_in_the_form_of_the_question),
		cmocka_unit_test(a_cookie_of_a_wrong_length_is_no_option),
		cmocka_unit_test(a_cookie_that_is_shorter_than_ours_is_bad),
		cmocka_unit_test(data_without_the_option_is_not_kept),
		cmocka_unit_test(a_listener_that_was_not_told_gives_no_cookie),
		cmocka_unit_test(by_default_only_clients_use_it),
		cmocka_unit_test(with_0x400_every_listener_has_it),
		cmocka_unit_test(without_cookies_every_syn_with_data_or_the_option_makes_a_child),
		cmocka_unit_test(a_listener_may_ask_for_no_cookies),
		cmocka_unit_test(no_more_children_than_the_queue_holds),
		cmocka_unit_test(a_rst_after_accept_holds_its_place_for_a_minute),
		cmocka_unit_test(a_rst_before_accept_gives_its_place_back),
		cmocka_unit_test(the_syn_ack_is_sent_again_and_given_up_at_last),
		cmocka_unit_test(an_ack_after_retransmissions_ends_the_loss),
		cmocka_unit_test(an_ack_of_the_first_syn_ack_takes_the_loss_back),
		cmocka_unit_test(a_duplicate_syn_gets_the_syn_ack_again),
		cmocka_unit_test(a_syn_in_window_gets_a_rst_but_the_child_lives),
		cmocka_unit_test(a_rst_elsewhere_in_the_window_is_challenged),
		cmocka_unit_test(out_of_window_gets_an_ack),
		cmocka_unit_test(an_ack_of_what_was_not_sent_gets_a_rst),
		cmocka_unit_test(a_child_sends_before_the_handshake_ends),
		cmocka_unit_test(its_data_is_not_sent_again_before_the_syn_ack_is_acknowledged),
		cmocka_unit_test(data_that_overtakes_the_final_ack_ends_the_handshake),
		cmocka_unit_test(a_child_closed_before_the_handshake_ends_says_fin),
		cmocka_unit_test(a_shutdown_before_the_handshake_ends_waits_for_it),
		cmocka_unit_test(a_child_closed_with_data_unread_is_reset),
		cmocka_unit_test(a_listener_that_closes_resets_its_children),
		cmocka_unit_test(a_child_whose_listener_is_gone_may_be_reset),
		cmocka_unit_test(a_listener_that_begins_anew_has_an_empty_queue),
		cmocka_unit_test(a_syn_with_data_and_fin_is_dropped),
		cmocka_unit_test(an_icmp_error_ends_a_child_that_is_not_accepted_only),
		cmocka_unit_test(a_full_accept_queue_drops_the_syn),
		cmocka_unit_test(a_syn_cookie_leaves_fast_open_out),
		cmocka_unit_test(options_are_refused_as_linux_refuses_them),
		cmocka_unit_test(the_key_is_a_sysctl),
		cmocka_unit_test(without_a_key_the_stack_has_one_of_its_own),
		cmocka_unit_test(the_cookie_is_siphash_of_both_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
