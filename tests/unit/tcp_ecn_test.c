/* SPDX-License-Identifier: MIT
 * ECN (RFC 3168): who asks for it, marks, echoes and reductions. */
#include "tcp_lab.h"

#define MSS 1448u

struct ecn {
	struct tcp_lab t;
	struct peer p;
	int lfd, fd;
};

static struct ecn *listening_with(const char *cookies, const char *tcp_ecn, const char *test)
{
	struct ecn *k = calloc(1, sizeof(*k));

	assert_non_null(k);
	k->t = tcp_lab_with((struct lab_options){0}, test);
	k->p = peer_of(&k->t, 1);
	if (cookies != NULL)
		host_sysctl(&k->t, "net.ipv4.tcp_syncookies", cookies);
	if (tcp_ecn != NULL)
		host_sysctl(&k->t, "net.ipv4.tcp_ecn", tcp_ecn);
	k->lfd = host_listen(&k->t, 5);
	return k;
}
#define listening(...) listening_with(__VA_ARGS__, __func__)

static void accepted(struct ecn *k)
{
	quiet(&k->t);
	k->fd = host_accept(&k->t, k->lfd);
	host_set(&k->t, k->fd, HO_SOL_TCP, HO_TCP_NODELAY, 1);
	marked(&k->t);
}

/* A connection with ECN; the SYN+ACK's answer comes at 100 ms. */
static struct ecn *talking_with(const char *test)
{
	struct ecn *k = listening_with(NULL, NULL, test);

	says(&k->p, "SEC");
	hears(&k->p, "S.E 0 ack 1 ecn 0");
	lab_at(&k->t, 100);
	says(&k->p, ".");
	accepted(k);
	host_info_is(&k->t, k->fd, tcpi_options, 15);
	return k;
}
#define talking() talking_with(__func__)

static void done(struct ecn *k)
{
	tcp_lab_close(&k->t);
	free(k);
}

static void a_listener_agrees_to_a_peer_that_asks(void **state)
{
	struct ecn *k = talking();

	(void)state;
	host_send(&k->t, k->fd, 100, 0, 100);
	hears(&k->p, "P. 1:101 ecn 2");
	done(k);
}

static void a_listener_with_tcp_ecn_0_does_not(void **state)
{
	struct ecn *k = listening(NULL, "0");

	(void)state;
	says(&k->p, "SEC");
	hears(&k->p, "S. 0 ack 1 ecn 0");
	says(&k->p, ".");
	accepted(k);
	host_send(&k->t, k->fd, 100, 0, 100);
	hears(&k->p, "P. 1:101 ecn 0");
	host_info_is(&k->t, k->fd, tcpi_options, 7);
	done(k);
}

static void half_a_request_is_none(void **state)
{
	struct ecn *k = listening(NULL, NULL);
	struct peer q = peer_of(&k->t, 2);

	(void)state;
	says(&k->p, "SE");
	hears(&k->p, "S. 0 ack 1");
	says(&q, "SC");
	hears(&q, "S. 0 ack 1");
	done(k);
}

static void a_marked_syn_is_no_request(void **state)
{
	struct ecn *k = listening(NULL, NULL);

	(void)state;
	says(&k->p, "SEC ecn 2");
	hears(&k->p, "S. 0 ack 1");
	done(k);
}

static void a_cookie_remembers_it(void **state)
{
	struct ecn *k = listening("2", NULL);

	(void)state;
	says(&k->p, "SEC");
	hears(&k->p, "S.E 0 ack 1");
	says(&k->p, ".");
	accepted(k);
	host_info_is(&k->t, k->fd, tcpi_options, 15);
	host_send(&k->t, k->fd, 100, 0, 100);
	hears(&k->p, "P. 1:101 ecn 2");
	done(k);
}

static void connect_asks_with_tcp_ecn_1_only(void **state)
{
	struct tcp_lab t = tcp_lab(0);
	struct peer p = peer_of(&t, 1), q = peer_of(&t, 2);
	int fd;

	(void)state;
	p.host_port = q.host_port = 0;
	host_connect(&t, host_socket(&t), &q, -EINPROGRESS);
	hears(&q, "S 0");
	host_sysctl(&t, "net.ipv4.tcp_ecn", "1");
	fd = host_socket(&t);
	host_connect(&t, fd, &p, -EINPROGRESS);
	hears(&p, "SEC 0 ecn 0");
	says(&p, "S.E");
	hears(&p, ". 1 ack 1 ecn 0");
	host_send(&t, fd, 100, 0, 100);
	hears(&p, "P. 1:101 ecn 2");
	tcp_lab_close(&t);
}

static void a_syn_that_is_sent_again_does_not_ask(void **state)
{
	struct tcp_lab t = tcp_lab(0);
	struct peer p = peer_of(&t, 1);

	(void)state;
	p.host_port = 0;
	host_sysctl(&t, "net.ipv4.tcp_ecn", "1");
	host_connect(&t, host_socket(&t), &p, -EINPROGRESS);
	hears(&p, "SEC 0");
	hears_at(&p, 1000, "S 0");
	tcp_lab_close(&t);
}

static void a_mark_is_echoed_until_the_sender_has_reduced(void **state)
{
	struct ecn *k = talking();

	(void)state;
	says(&k->p, "P. 1:101 ecn 2");
	hears(&k->p, ". 1 ack 101");
	says(&k->p, "P. 101:201 ecn 3");
	hears(&k->p, ".E 1 ack 201");
	says(&k->p, "P. 201:301 ecn 2");
	hears(&k->p, ".E 1 ack 301");
	says(&k->p, "P.C 301:401 ecn 2");
	hears(&k->p, ". 1 ack 401");
	host_info_is(&k->t, k->fd, tcpi_options, 31);
	done(k);
}

static void an_echo_reduces_the_window_once_a_round_trip(void **state)
{
	struct ecn *k = talking();

	(void)state;
	host_send(&k->t, k->fd, 10 * MSS, 0, 10 * MSS);
	for (unsigned i = 0; i < 10; i++)
		hears(&k->p, i % 2 ? "P. ecn 2" : ". ecn 2");
	lab_at(&k->t, 200);
	says(&k->p, ".E ack 1449");
	quiet(&k->t);
	host_info_is(&k->t, k->fd, tcpi_ca_state, 2);
	host_info_is(&k->t, k->fd, tcpi_snd_ssthresh, 7);
	says(&k->p, ".E ack 2897");
	host_send(&k->t, k->fd, MSS, 0, MSS);
	hears(&k->p, "P.C 14481:15929 ecn 2");
	says(&k->p, ". ack 14481");
	host_send(&k->t, k->fd, MSS, 0, MSS);
	hears(&k->p, "P. 15929:17377 ecn 2");
	says(&k->p, ". ack 15929");
	host_info_is(&k->t, k->fd, tcpi_ca_state, 0);
	host_info_is(&k->t, k->fd, tcpi_snd_cwnd, 7);
	host_info_is(&k->t, k->fd, tcpi_delivered_ce, 2);
	counted(&k->t, "TcpInSegs 4 TcpOutSegs 12 TCPPureAcks 2 TCPHPAcks 2 TCPOrigDataSent 12 TCPDelivered 11 "
	        "TCPDeliveredCE 2");
	done(k);
}

static void what_is_sent_again_is_not_marked(void **state)
{
	struct ecn *k = talking();

	(void)state;
	host_send(&k->t, k->fd, 2 * MSS, 0, 2 * MSS);
	hears(&k->p, ". 1:1449 ecn 2");
	hears(&k->p, "P. 1449:2897 ecn 2");
	hears_at(&k->p, 302, "P. 1449:2897 ecn 0");
	done(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_listener_agrees_to_a_peer_that_asks),
		cmocka_unit_test(a_listener_with_tcp_ecn_0_does_not),
		cmocka_unit_test(half_a_request_is_none),
		cmocka_unit_test(a_marked_syn_is_no_request),
		cmocka_unit_test(a_cookie_remembers_it),
		cmocka_unit_test(connect_asks_with_tcp_ecn_1_only),
		cmocka_unit_test(a_syn_that_is_sent_again_does_not_ask),
		cmocka_unit_test(a_mark_is_echoed_until_the_sender_has_reduced),
		cmocka_unit_test(an_echo_reduces_the_window_once_a_round_trip),
		cmocka_unit_test(what_is_sent_again_is_not_marked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
