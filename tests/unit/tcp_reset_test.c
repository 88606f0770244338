/* SPDX-License-Identifier: MIT
 * RSTs in every state, and the segments that RFC 5961 answers with a challenge instead. */
#include "tcp_talk.h"

#define HANGED_UP (HO_IN | HO_OUT | HO_HUP | HO_RDHUP)

/* Nobody knows the connection any more. */
static void gone(struct talk *k)
{
	says(&k->p, ". 77 ack 55");
	hears(&k->p, "R 55 win 0 <>");
	quiet(&k->t);
}

/* ---- RSTs in ---- */

static void a_rst_ends_an_established_connection(void **state)
{
	struct talk *k = talk();

	(void)state;
	says(&k->p, "R 1");
	quiet(&k->t);
	counted(&k->t, "TcpInSegs 1 TcpEstabResets 1 TcpCurrEstab -1");
	host_state(&k->t, k->fd, HO_CLOSE);
	host_polls(&k->t, k->fd, HANGED_UP | HO_ERR);
	host_recv(&k->t, k->fd, 10, 0, -ECONNRESET);
	host_recv(&k->t, k->fd, 10, 0, 0);
	host_send(&k->t, k->fd, 10, 0, -EPIPE);
	gone(k);
	talk_done(k);
}

static void send_gives_the_reset_first_and_then_epipe(void **state)
{
	struct talk *k = talk();

	(void)state;
	says(&k->p, "R. 1 ack 1");
	host_send(&k->t, k->fd, 10, 0, -ECONNRESET);
	host_send(&k->t, k->fd, 10, 0, -EPIPE);
	host_error(&k->t, k->fd, 0);
	talk_done(k);
}

static void data_before_a_rst_can_still_be_read(void **state)
{
	struct talk *k = talk();

	(void)state;
	says(&k->p, "P. 1:11 ack 1");
	hears(&k->p, ". 1 ack 11");
	says(&k->p, "R 11");
	host_recv(&k->t, k->fd, 100, 0, 10);
	host_recv(&k->t, k->fd, 100, 0, -ECONNRESET);
	talk_done(k);
}

static void a_rst_in_close_wait_is_a_broken_pipe(void **state)
{
	struct talk *k = talk();

	(void)state;
	says(&k->p, "F. 1 ack 1");
	lab_at(&k->t, 10);
	hears(&k->p, ". 1 ack 2");
	marked(&k->t);
	says(&k->p, "R 2");
	counted(&k->t, "TcpInSegs 1 TcpEstabResets 1 TcpCurrEstab -1");
	host_recv(&k->t, k->fd, 10, 0, 0);
	host_error(&k->t, k->fd, EPIPE);
	talk_done(k);
}

static void a_rst_with_the_number_of_the_fin_before_it_is_taken(void **state)
{
	struct talk *k = talk();

	(void)state;
	says(&k->p, "F. 1 ack 1");
	lab_at(&k->t, 10);
	hears(&k->p, ". 1 ack 2");
	marked(&k->t);
	says(&k->p, "R 1");
	quiet(&k->t);
	counted(&k->t, "TcpInSegs 1 TcpEstabResets 1 TcpCurrEstab -1");
	host_state(&k->t, k->fd, HO_CLOSE);
	talk_done(k);
}

static void a_rst_in_fin_wait_resets_without_estab_resets(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_shutdown(&k->t, k->fd, HO_SHUT_WR, 0);
	hears(&k->p, "F. 1 ack 1");
	marked(&k->t);
	says(&k->p, "R 1");
	quiet(&k->t);
	counted(&k->t, "TcpInSegs 1");
	host_error(&k->t, k->fd, ECONNRESET);
	host_state(&k->t, k->fd, HO_CLOSE);
	gone(k);
	talk_done(k);
}

static void a_rst_in_fin_wait_2_resets(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_shutdown(&k->t, k->fd, HO_SHUT_WR, 0);
	hears(&k->p, "F. 1 ack 1");
	says(&k->p, ". 1 ack 2");
	says(&k->p, "R 1");
	quiet(&k->t);
	host_error(&k->t, k->fd, ECONNRESET);
	gone(k);
	talk_done(k);
}

static void a_rst_in_closing_or_last_ack_resets(void **state)
{
	struct talk *k = talk();
	struct peer q = peer_of(&k->t, 2);
	int fd = host_accepted(&k->t, k->lfd, &q);

	(void)state;
	host_shutdown(&k->t, k->fd, HO_SHUT_WR, 0);
	hears(&k->p, "F. 1 ack 1");
	says(&k->p, "F. 1 ack 1");
	hears(&k->p, ". 2 ack 2");
	says(&k->p, "R 2");
	host_error(&k->t, k->fd, ECONNRESET);
	host_state(&k->t, k->fd, HO_CLOSE);
	says(&q, "F. 1 ack 1");
	host_shutdown(&k->t, fd, HO_SHUT_WR, 0);
	hears(&q, "F. 1 ack 2");
	says(&q, "R 2");
	host_error(&k->t, fd, ECONNRESET);
	host_state(&k->t, fd, HO_CLOSE);
	talk_done(k);
}

static void a_rst_elsewhere_in_the_window_gets_a_challenge(void **state)
{
	struct talk *k = talk();

	(void)state;
	says(&k->p, "R 2");
	hears(&k->p, ". 1 ack 1 <TS>");
	counted(&k->t, "TcpInSegs 1 TcpOutSegs 1 TCPChallengeACK 1");
	says(&k->p, "R 3");
	quiet(&k->t);
	counted(&k->t, "TcpInSegs 1 TCPACKSkippedChallenge 1");
	lab_at(&k->t, 550);
	says(&k->p, "R 3");
	hears(&k->p, ". 1 ack 1");
	host_state(&k->t, k->fd, HO_ESTABLISHED);
	talk_done(k);
}

static void a_rst_out_of_the_window_is_ignored(void **state)
{
	struct talk *k = talk();

	(void)state;
	says(&k->p, "R 0");
	says(&k->p, "R 4000000");
	quiet(&k->t);
	counted(&k->t, "TcpInSegs 2");
	host_state(&k->t, k->fd, HO_ESTABLISHED);
	talk_done(k);
}

static void a_rst_at_the_end_of_what_was_sacked_is_taken(void **state)
{
	struct talk *k = talk();

	(void)state;
	says(&k->p, "P. 101:201 ack 1");
	hears(&k->p, ". 1 ack 1 <TS,sack 101:201>");
	says(&k->p, "P. 301:401 ack 1");
	hears(&k->p, ". 1 ack 1 <TS,sack 301:401 101:201>");
	says(&k->p, "R 201");
	hears(&k->p, ". 1 ack 1");
	says(&k->p, "R 401");
	quiet(&k->t);
	host_error(&k->t, k->fd, ECONNRESET);
	talk_done(k);
}

/* ---- other challenges ---- */

static void a_syn_in_a_connection_gets_a_challenge(void **state)
{
	struct talk *k = talk();

	(void)state;
	says(&k->p, "S 1 <mss 1460>");
	hears(&k->p, ". 1 ack 1");
	counted(&k->t, "TcpInSegs 1 TcpInErrs 1 TcpOutSegs 1 TCPChallengeACK 1 TCPSYNChallenge 1");
	says(&k->p, "S 9000000 <mss 1460>");
	quiet(&k->t);
	counted(&k->t, "TcpInSegs 1 TcpInErrs 1 TCPSYNChallenge 1 TCPACKSkippedChallenge 1");
	host_state(&k->t, k->fd, HO_ESTABLISHED);
	talk_done(k);
}

static void a_syn_in_a_closing_state_is_no_error(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_shutdown(&k->t, k->fd, HO_SHUT_WR, 0);
	hears(&k->p, "F. 1 ack 1");
	marked(&k->t);
	says(&k->p, "S 1 <mss 1460>");
	hears(&k->p, ". 2 ack 1");
	counted(&k->t, "TcpInSegs 1 TcpOutSegs 1 TCPChallengeACK 1 TCPSYNChallenge 1");
	talk_done(k);
}

static void an_ack_of_what_was_never_sent_is_challenged(void **state)
{
	struct talk *k = talk();

	(void)state;
	says(&k->p, "P. 1:11 ack 1000");
	hears(&k->p, ". 1 ack 1");
	counted(&k->t, "TcpInSegs 1 TcpOutSegs 1 TCPChallengeACK 1");
	host_recv(&k->t, k->fd, 100, 0, -EAGAIN);
	lab_at(&k->t, 600);
	host_shutdown(&k->t, k->fd, HO_SHUT_WR, 0);
	hears(&k->p, "F. 1 ack 1");
	marked(&k->t);
	says(&k->p, "P. 1:11 ack 1000");
	hears(&k->p, ". 2 ack 1");
	counted(&k->t, "TcpInSegs 1 TcpOutSegs 1 TCPChallengeACK 1");
	talk_done(k);
}

static void an_ack_from_before_the_window_is_challenged(void **state)
{
	struct talk *k = talk();

	(void)state;
	says(&k->p, ". 1 ack -1");
	hears(&k->p, ". 1 ack 1");
	counted(&k->t, "TcpInSegs 1 TcpOutSegs 1 TCPChallengeACK 1");
	talk_done(k);
}

static void challenges_are_limited_by_the_host_too(void **state)
{
	struct talk *k = talk();
	struct peer q = peer_of(&k->t, 2);

	(void)state;
	host_accepted(&k->t, k->lfd, &q);
	host_sysctl(&k->t, "net.ipv4.tcp_challenge_ack_limit", "1");
	marked(&k->t);
	says(&k->p, "R 2");
	hears(&k->p, ". 1 ack 1");
	says(&q, "R 2");
	quiet(&k->t);
	counted(&k->t, "TcpInSegs 2 TcpOutSegs 1 TCPChallengeACK 1");
	lab_at(&k->t, 1100);
	says(&q, "R 2");
	hears(&q, ". 1 ack 1");
	talk_done(k);
}

/* ---- segments signed with MD5, for which nobody has a key ---- */

static void a_signed_segment_of_a_connection_is_dropped(void **state)
{
	struct talk *k = talk();

	(void)state;
	says(&k->p, "P. 1:11 <md5>");
	quiet(&k->t);
	says(&k->p, "R 1 <md5>");
	host_state(&k->t, k->fd, HO_ESTABLISHED);
	counted(&k->t, "TcpInSegs 2 TCPMD5Unexpected 2");
	host_drops(&k->t, k->fd, 2);
	talk_done(k);
}

static void so_are_a_signed_syn_and_the_ack_of_a_handshake(void **state)
{
	struct tcp_lab t = tcp_lab();
	struct peer p = peer_of(&t, 1);
	int lfd = host_listen(&t, 5);

	(void)state;
	says(&p, "S 0 <mss 1460,md5>");
	quiet(&t);
	says(&p, "S 0 <mss 1460>");
	hears(&p, "S. 0 ack 1");
	p.ts = false;
	says(&p, ". 1 ack 1 <md5>");
	quiet(&t);
	host_queues(&t, lfd, 1, 0);
	host_drops(&t, lfd, 2);
	says(&p, ". 1 ack 1");
	host_queues(&t, lfd, 0, 1);
	tcp_lab_close(&t);
}

static void a_signed_segment_for_nobody_gets_no_reset(void **state)
{
	struct tcp_lab t = tcp_lab();
	struct peer p = peer_of(&t, 1);

	(void)state;
	says(&p, ". 1 ack 1 <md5>");
	says(&p, "S 0 <mss 1460,md5>");
	quiet(&t);
	p.ts = false;
	says(&p, ". 1 ack 1");
	hears(&p, "R 1 win 0 <>");
	tcp_lab_close(&t);
}

static void a_signature_of_a_wrong_length_is_dropped_uncounted(void **state)
{
	struct talk *k = talk();

	(void)state;
	says(&k->p, "P. 1:11 <md5-short>");
	quiet(&k->t);
	counted(&k->t, "TcpInSegs 1");
	host_drops(&k->t, k->fd, 1);
	talk_done(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rst_ends_an_established_connection),
		cmocka_unit_test(send_gives_the_reset_first_and_then_epipe),
		cmocka_unit_test(data_before_a_rst_can_still_be_read),
		cmocka_unit_test(a_rst_in_close_wait_is_a_broken_pipe),
		cmocka_unit_test(a_rst_with_the_number_of_the_fin_before_it_is_taken),
		cmocka_unit_test(a_rst_in_fin_wait_resets_without_estab_resets),
		cmocka_unit_test(a_rst_in_fin_wait_2_resets),
		cmocka_unit_test(a_rst_in_closing_or_last_ack_resets),
		cmocka_unit_test(a_rst_elsewhere_in_the_window_gets_a_challenge),
		cmocka_unit_test(a_rst_out_of_the_window_is_ignored),
		cmocka_unit_test(a_rst_at_the_end_of_what_was_sacked_is_taken),
		cmocka_unit_test(a_syn_in_a_connection_gets_a_challenge),
		cmocka_unit_test(a_syn_in_a_closing_state_is_no_error),
		cmocka_unit_test(an_ack_of_what_was_never_sent_is_challenged),
		cmocka_unit_test(an_ack_from_before_the_window_is_challenged),
		cmocka_unit_test(challenges_are_limited_by_the_host_too),
		cmocka_unit_test(a_signed_segment_of_a_connection_is_dropped),
		cmocka_unit_test(so_are_a_signed_syn_and_the_ack_of_a_handshake),
		cmocka_unit_test(a_signed_segment_for_nobody_gets_no_reset),
		cmocka_unit_test(a_signature_of_a_wrong_length_is_dropped_uncounted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
