/* SPDX-License-Identifier: MIT
 * struct tcp_info: a table of fields for each of some moments of a connection's life. */
#include "tcp_talk.h"

struct row {
	const char *field;
	size_t offset, size;
	uint64_t value;
};
#define IS(f, v) {#f, offsetof(struct ho_tcp_info, tcpi_##f), sizeof(((struct ho_tcp_info *)0)->tcpi_##f), v}

static void holds(struct talk *k, const struct row *rows, size_t count)
{
	struct ho_tcp_info i = host_info(&k->t, k->fd);

	for (const struct row *r = rows; r < rows + count; r++) {
		uint64_t is = 0;

		memcpy(&is, (const char *)&i + r->offset, r->size);
		say_log(&k->t, "info %d tcpi_%s %zu %zu %llu", k->fd, r->field, r->offset, r->size, (unsigned long long)r->value);
		if (is != r->value)
			lab_fail("%s is %llu, not %llu", r->field, (unsigned long long)is, (unsigned long long)r->value);
	}
}
#define table(k, ...) holds(k, (const struct row[]){__VA_ARGS__}, sizeof((const struct row[]){__VA_ARGS__}) / sizeof(struct row))

static void of_a_new_connection(void **state)
{
	struct talk *k = talk();

	(void)state;
	table(k, IS(state, HO_ESTABLISHED), IS(ca_state, 0), IS(retransmits, 0), IS(probes, 0), IS(backoff, 0), IS(options, 7),
	      IS(rto, 201000), IS(ato, 0), IS(snd_mss, 1448), IS(rcv_mss, 536), IS(unacked, 0), IS(sacked, 0), IS(lost, 0),
	      IS(retrans, 0), IS(fackets, 0), IS(last_ack_sent, 0), IS(pmtu, 1500), IS(snd_ssthresh, 2147483647),
	      IS(snd_cwnd, 10), IS(advmss, 1448), IS(reordering, 3), IS(rcv_space, 14480), IS(total_retrans, 0),
	      IS(max_pacing_rate, UINT64_MAX), IS(bytes_acked, 0), IS(bytes_received, 0), IS(segs_out, 0), IS(segs_in, 2),
	      IS(notsent_bytes, 0), IS(data_segs_in, 0), IS(data_segs_out, 0), IS(delivered, 1), IS(delivered_ce, 0),
	      IS(bytes_sent, 0), IS(bytes_retrans, 0), IS(dsack_dups, 0), IS(reord_seen, 0), IS(rcv_ooopack, 0),
	      IS(snd_wnd, 65535 << 7), IS(rcv_wnd, 65160), IS(rehash, 0), IS(total_rto, 0), IS(total_rto_recoveries, 0),
	      IS(total_rto_time, 0), IS(received_ce, 0), IS(busy_time, 0), IS(rwnd_limited, 0), IS(sndbuf_limited, 0));
	talk_done(k);
}

static void of_data_on_their_way(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_send(&k->t, k->fd, 100, 0, 100);
	hears(&k->p, "P. 1:101");
	host_send(&k->t, k->fd, 50, 0, 50); /* Nagle holds it */
	lab_at(&k->t, 100);
	table(k, IS(unacked, 1), IS(notsent_bytes, 50), IS(bytes_acked, 0), IS(bytes_sent, 100), IS(data_segs_out, 1), IS(segs_out, 1),
	      IS(delivered, 1), IS(busy_time, 100000), IS(last_data_sent, 100), IS(last_ack_recv, 100));
	says(&k->p, ".");
	hears(&k->p, "P. 101:151");
	says(&k->p, ".");
	lab_at(&k->t, 300);
	table(k, IS(unacked, 0), IS(notsent_bytes, 0), IS(bytes_acked, 150), IS(bytes_sent, 150), IS(delivered, 3), IS(segs_in, 4),
	      IS(busy_time, 100000), IS(last_data_sent, 200), IS(last_ack_recv, 200));
	talk_done(k);
}

static void of_timeouts(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_send(&k->t, k->fd, 100, 0, 100);
	hears(&k->p, "P. 1:101");
	hears_at(&k->p, 201, "P. 1:101"); /* the probe, which is no timeout */
	hears_at(&k->p, 402, "P. 1:101");
	lab_at(&k->t, 700);
	table(k, IS(ca_state, 4), IS(retransmits, 1), IS(backoff, 1), IS(rto, 402000), IS(lost, 1), IS(retrans, 1), IS(total_retrans, 2),
	      IS(bytes_retrans, 200), IS(bytes_sent, 300), IS(data_segs_out, 3), IS(rehash, 1), IS(total_rto, 1),
	      IS(total_rto_recoveries, 1), IS(total_rto_time, 298), IS(snd_cwnd, 1));
	says(&k->p, ".");
	lab_at(&k->t, 900);
	table(k, IS(ca_state, 0), IS(retransmits, 0), IS(backoff, 0), IS(lost, 0), IS(retrans, 0), IS(total_rto, 1),
	      IS(total_rto_recoveries, 1), IS(total_rto_time, 298), IS(rehash, 1), IS(busy_time, 700000));
	talk_done(k);
}

static void of_a_shut_window(void **state)
{
	struct talk *k = talk();

	(void)state;
	says(&k->p, ". win 0");
	host_send(&k->t, k->fd, 100, 0, 100);
	hears_at(&k->p, 201, ". 0");
	lab_at(&k->t, 300);
	table(k, IS(probes, 1), IS(backoff, 1), IS(snd_wnd, 0), IS(notsent_bytes, 100), IS(rwnd_limited, 300000), IS(busy_time, 300000));
	talk_done(k);
}

static void of_a_receiver(void **state)
{
	struct talk *k = talk();

	(void)state;
	says(&k->p, "P. 1:101");
	hears(&k->p, ". 1 ack 101");
	says(&k->p, "P. 201:301");
	hears(&k->p, ". 1 ack 101");
	lab_at(&k->t, 50);
	table(k, IS(bytes_received, 100), IS(segs_in, 4), IS(data_segs_in, 2), IS(segs_out, 2), IS(rcv_ooopack, 1), IS(ato, 40000),
	      IS(last_data_recv, 50));
	talk_done(k);
}

static void of_data_near_the_right_edge(void **state)
{
	struct talk *k = talk();

	(void)state;
	table(k, IS(rcv_ssthresh, 64088));
	says(&k->p, "P. 65151:65159"); /* the buffer grows for it, what is offered does not */
	hears(&k->p, ". 1 ack 1 <TS,sack 65151:65159>");
	table(k, IS(rcv_ssthresh, 64088), IS(rcv_wnd, 65536));
	talk_done(k);
}

static void of_a_refused_connect(void **state)
{
	struct tcp_lab t = tcp_lab();
	struct peer p = peer_of(&t, 1);
	int fd = host_socket(&t);

	(void)state;
	p.host_port = 0;
	host_connect(&t, fd, &p, -EINPROGRESS);
	hears(&p, "S 0");
	says(&p, "R. 0 ack 1");
	host_state(&t, fd, HO_CLOSE);
	host_info_is(&t, fd, tcpi_options, 0); /* offered, and never agreed on */
	assert_int_equal(host_info(&t, fd).tcpi_rcv_wscale, 0);
	tcp_lab_close(&t);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_a_new_connection),
		cmocka_unit_test(of_data_on_their_way),
		cmocka_unit_test(of_timeouts),
		cmocka_unit_test(of_a_shut_window),
		cmocka_unit_test(of_a_receiver),
		cmocka_unit_test(of_data_near_the_right_edge),
		cmocka_unit_test(of_a_refused_connect),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
