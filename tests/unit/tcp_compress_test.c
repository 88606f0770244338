/* SPDX-License-Identifier: MIT
 * ACK compression: with SACK, the duplicate ACKs after the third wait for a twentieth of the round trip, a millisecond at
 * most, and go out as one. */
#include "tcp_talk.h"

/* A connection whose both ends know that the round trip takes 40 ms: the delay is a millisecond (and the slack).  Up to
 * 1001 all is acknowledged, it is 80 ms. */
static struct talk *far_talk_with(const char *test, const char *syn_options)
{
	struct talk *k = calloc(1, sizeof(*k));

	assert_non_null(k);
	k->t = tcp_lab_with((struct lab_options){0}, test);
	k->p = peer_of(&k->t, 1);
	k->p.syn_options = syn_options;
	k->lfd = host_socket(&k->t);
	host_set(&k->t, k->lfd, HO_SOL_SOCKET, HO_SO_REUSEADDR, 1);
	host_set(&k->t, k->lfd, HO_SOL_SOCKET, HO_SO_RCVBUF, 10000); /* so that the window is as large as it will be */
	host_bind(&k->t, k->lfd, LAB_PORT);
	host_backlog(&k->t, k->lfd, 5);
	says(&k->p, "S");
	hears(&k->p, "S.");
	lab_at(&k->t, 40);
	says(&k->p, ".");
	k->fd = host_accept(&k->t, k->lfd);
	says(&k->p, "P. 1:1001");
	hears(&k->p, ". 1 ack 1001");
	host_set(&k->t, k->fd, HO_SOL_TCP, HO_TCP_QUICKACK, 0); /* of the first ACKs all are sent at once */
	lab_at(&k->t, 80);
	marked(&k->t);
	return k;
}
#define far_talk() far_talk_with(__func__, "<mss 1460,sackOK,TS,nop,wscale 7>")

static void three_duplicate_acks(struct talk *k)
{
	says(&k->p, "P. 1101:1201");
	hears(&k->p, ". 1 ack 1001 <TS,sack 1101:1201>");
	says(&k->p, "P. 1201:1301");
	hears(&k->p, ". 1 ack 1001 <TS,sack 1101:1301>");
	says(&k->p, "P. 1301:1401");
	hears(&k->p, ". 1 ack 1001 <TS,sack 1101:1401>");
}

static void the_duplicate_acks_after_the_third_go_out_as_one(void **state)
{
	struct talk *k = far_talk();

	(void)state;
	three_duplicate_acks(k);
	says(&k->p, "P. 1401:1501");
	says(&k->p, "P. 1501:1601");
	says(&k->p, "P. 1601:1701");
	lab_at(&k->t, 82); /* 81.1 */
	hears(&k->p, ". 1 ack 1001 <TS,sack 1101:1701>");
	quiet_until(&k->t, 200);
	counted(&k->t, "TcpInSegs 6 TcpOutSegs 4 TCPOFOQueue 6 TCPAckCompressed 2");
	talk_done(k);
}

static void the_ack_of_a_filled_hole_takes_them_along(void **state)
{
	struct talk *k = far_talk();

	(void)state;
	three_duplicate_acks(k);
	says(&k->p, "P. 1401:1501");
	says(&k->p, "P. 1001:1101");
	hears(&k->p, ". 1 ack 1501 <TS>");
	quiet_until(&k->t, 200);
	counted(&k->t, "TcpInSegs 5 TcpOutSegs 4 TCPRcvCoalesce 5 TCPOFOQueue 4 TCPAckCompressed 1");
	talk_done(k);
}

static void data_take_them_along(void **state)
{
	struct talk *k = far_talk();

	(void)state;
	three_duplicate_acks(k);
	says(&k->p, "P. 1401:1501");
	host_send(&k->t, k->fd, 10, 0, 10);
	hears(&k->p, "P. 1:11 ack 1001 <TS,sack 1101:1501>");
	quiet_until(&k->t, 100);
	counted(&k->t, "TcpInSegs 4 TcpOutSegs 4 TCPOFOQueue 4 TCPOrigDataSent 1 TCPAckCompressed 1");
	talk_done(k);
}

static void a_new_hole_begins_with_three_again(void **state)
{
	struct talk *k = far_talk();

	(void)state;
	three_duplicate_acks(k);
	says(&k->p, "P. 1001:1101");
	hears(&k->p, ". 1 ack 1401 <TS>");
	for (unsigned i = 0; i < 3; i++) {
		char text[64];

		snprintf(text, sizeof(text), "P. %u:%u", 1501 + i * 100, 1601 + i * 100);
		says(&k->p, text);
		hears(&k->p, ". 1 ack 1401");
	}
	says(&k->p, "P. 1801:1901");
	lab_at(&k->t, 82);
	hears(&k->p, ". 1 ack 1401 <TS,sack 1501:1901>");
	talk_done(k);
}

static void so_many_and_no_more(void **state)
{
	struct talk *k = far_talk();

	(void)state;
	host_sysctl(&k->t, "net.ipv4.tcp_comp_sack_nr", "2");
	three_duplicate_acks(k);
	says(&k->p, "P. 1401:1501");
	says(&k->p, "P. 1501:1601");
	says(&k->p, "P. 1601:1701");
	hears(&k->p, ". 1 ack 1001 <TS,sack 1101:1701>");
	counted(&k->t, "TcpInSegs 6 TcpOutSegs 4 TCPOFOQueue 6 TCPAckCompressed 2");
	talk_done(k);
}

static void none_if_the_limit_is_0(void **state)
{
	struct talk *k = far_talk();

	(void)state;
	host_sysctl(&k->t, "net.ipv4.tcp_comp_sack_nr", "0");
	three_duplicate_acks(k);
	says(&k->p, "P. 1401:1501");
	hears(&k->p, ". 1 ack 1001 <TS,sack 1101:1501>");
	says(&k->p, "P. 1501:1601");
	hears(&k->p, ". 1 ack 1001 <TS,sack 1101:1601>");
	counted(&k->t, "TcpInSegs 5 TcpOutSegs 5 TCPOFOQueue 5");
	talk_done(k);
}

static void none_without_sack(void **state)
{
	struct talk *k = far_talk_with(__func__, "<mss 1460,nop,nop,TS,nop,wscale 7>");

	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		char text[64];

		snprintf(text, sizeof(text), "P. %u:%u", 1101 + i * 100, 1201 + i * 100);
		says(&k->p, text);
		hears(&k->p, ". 1 ack 1001 <TS>");
	}
	counted(&k->t, "TcpInSegs 6 TcpOutSegs 6 TCPOFOQueue 6");
	talk_done(k);
}

static void a_third_block_is_not_kept_waiting(void **state)
{
	struct talk *k = far_talk();

	(void)state;
	says(&k->p, "P. 1101:1201");
	hears(&k->p, ". 1 ack 1001 <TS,sack 1101:1201>");
	says(&k->p, "P. 1301:1401");
	hears(&k->p, ". 1 ack 1001 <TS,sack 1301:1401 1101:1201>");
	says(&k->p, "P. 1401:1501");
	hears(&k->p, ". 1 ack 1001 <TS,sack 1301:1501 1101:1201>");
	says(&k->p, "P. 1501:1601");
	says(&k->p, "P. 1701:1801");
	hears(&k->p, ". 1 ack 1001 <TS,sack 1301:1601 1101:1201>"); /* before the new one moves them back */
	quiet_until(&k->t, 200); /* and that was its ACK: no other is due */
	counted(&k->t, "TcpInSegs 5 TcpOutSegs 4 TCPOFOQueue 5");
	talk_done(k);
}

static void the_delay_is_a_setting(void **state)
{
	struct talk *k = far_talk();

	(void)state;
	host_sysctl(&k->t, "net.ipv4.tcp_comp_sack_delay_ns", "100000000");
	three_duplicate_acks(k);
	says(&k->p, "P. 1401:1501");
	lab_at(&k->t, 82);
	assert_null(k->t.l.out_head);
	lab_at(&k->t, 83);
	hears(&k->p, ". 1 ack 1001 <TS,sack 1101:1501>"); /* a twentieth of 40 ms, and the slack */
	talk_done(k);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_duplicate_acks_after_the_third_go_out_as_one),
		cmocka_unit_test(the_ack_of_a_filled_hole_takes_them_along),
		cmocka_unit_test(data_take_them_along),
		cmocka_unit_test(a_new_hole_begins_with_three_again),
		cmocka_unit_test(so_many_and_no_more),
		cmocka_unit_test(none_if_the_limit_is_0),
		cmocka_unit_test(none_without_sack),
		cmocka_unit_test(a_third_block_is_not_kept_waiting),
		cmocka_unit_test(the_delay_is_a_setting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
