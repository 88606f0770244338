/* SPDX-License-Identifier: MIT
 * Memory of all TCP sockets together (net.ipv4.tcp_mem), and what waits in the host's own queues. */
#include "tcp_talk.h"

#define PAGE 4096

static void tcp_mem(struct talk *k, const char *pages)
{
	assert_int_equal(ho_sysctl_set(k->t.l.s, "net.ipv4.tcp_mem", pages), 0);
}

static struct ho_memory memory(struct talk *k)
{
	struct ho_memory m;

	ho_stack_memory(k->t.l.s, &m);
	return m;
}

static void moved(struct talk *k, unsigned counter, int64_t by)
{
	assert_int_equal(lab_moved(&k->t.l, counter), by);
}

static void reset(struct talk *k, int fd)
{
	struct ho_linger l = {1, 0};

	assert_int_equal(ho_sock_setopt(k->t.l.s, fd, HO_SOL_SOCKET, HO_SO_LINGER, &l, sizeof(l)), 0);
	assert_int_equal(ho_sock_close(k->t.l.s, fd), 0);
}

static ptrdiff_t sends(struct talk *k, int fd, size_t bytes)
{
	char *text = calloc(1, bytes);
	ptrdiff_t n;

	assert_non_null(text);
	n = ho_sock_send(k->t.l.s, fd, text, bytes, 0);
	free(text);
	return n;
}

/* ---- pressure ---- */

static void pressure_begins_above_the_second_value_and_ends_below_the_first(void **state)
{
	struct talk *k = talk();

	(void)state;
	tcp_mem(k, "3 10 1000");
	assert_int_equal(sends(k, k->fd, 9 * PAGE), 9 * PAGE); /* and buffers: 10 pages */
	assert_int_equal(memory(k).tcp_pages, 10);
	assert_false(memory(k).tcp_pressure);
	moved(k, HO_TcpExtTCPMemoryPressures, 0);
	assert_int_equal(sends(k, k->fd, PAGE), PAGE);
	assert_true(memory(k).tcp_pressure);
	moved(k, HO_TcpExtTCPMemoryPressures, 1);
	lab_at(&k->t, 100);
	lab_forget(&k->t.l);
	says(&k->p, ". 1 ack 14481"); /* 7 pages are left: still above the first value */
	assert_true(memory(k).tcp_pages > 3 && memory(k).tcp_pages < 10);
	assert_true(memory(k).tcp_pressure);
	lab_at(&k->t, 150);
	reset(k, k->fd);
	assert_int_equal(memory(k).tcp_pages, 0);
	assert_false(memory(k).tcp_pressure);
	moved(k, HO_TcpExtTCPMemoryPressures, 1);
	moved(k, HO_TcpExtTCPMemoryPressuresChrono, 150);
	talk_done(k);
}

static void a_fin_under_pressure_goes_when_the_last_segment_is_sent_again(void **state)
{
	struct talk *k = talk();

	(void)state;
	tcp_mem(k, "0 0 1000");
	host_send(&k->t, k->fd, 4344, 0, 4344);
	for (unsigned i = 0; i < 3; i++)
		hears(&k->p, i < 2 ? "." : "P.");
	says(&k->p, ". 1 ack 4345");
	host_send(&k->t, k->fd, 100, 0, 100);
	hears(&k->p, "P. 4345:4445 ack 1");
	assert_true(memory(k).tcp_pressure);
	host_shutdown(&k->t, k->fd, HO_SHUT_WR, 0);
	quiet(&k->t);
	lab_at(&k->t, 202);
	hears(&k->p, "FP. 4345:4445 ack 1");
	says(&k->p, ". 1 ack 4446");
	says(&k->p, "F. 1 ack 4446");
	hears(&k->p, ". 4446 ack 2");
	talk_done(k);
}

/* ---- between the second value and the third ---- */

static void a_socket_may_have_as_much_as_all_of_its_size_would_fit(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_set(&k->t, k->fd, HO_SOL_SOCKET, HO_SO_SNDBUF, 1 << 20);
	tcp_mem(k, "0 1 40"); /* with the listener two sockets: 19 pages each */
	assert_int_equal(sends(k, k->fd, 200000), 19 * PAGE - 832 * 3);
	assert_int_equal(memory(k).tcp_pages, 19);
	assert_int_equal(sends(k, k->fd, 1), -EAGAIN);
	talk_done(k);
}

static void tcp_wmem_and_tcp_rmem_say_what_is_given_anyway(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_set(&k->t, k->fd, HO_SOL_SOCKET, HO_SO_SNDBUF, 1 << 20);
	tcp_mem(k, "0 0 2");
	assert_int_equal(sends(k, k->fd, 200000), PAGE - 832);
	assert_int_equal(memory(k).tcp_pages, 1);
	lab_pump(&k->t.l);
	lab_forget(&k->t.l);
	says(&k->p, "P. 1:1001 ack 1"); /* one buffer, then another page, while less than 4096 bytes are there */
	assert_int_equal(memory(k).tcp_pages, 2);
	moved(k, HO_TcpExtPruneCalled, 0);
	says(&k->p, "P. 1001:2001 ack 1");
	says(&k->p, "P. 2001:3001 ack 1");
	assert_true(lab_moved(&k->t.l, HO_TcpExtTCPRcvQDrop) > 0);
	talk_done(k);
}

/* ---- above the third ---- */

static void a_buffer_that_nobody_has_set_shrinks_and_takes_what_fits_one_segment(void **state)
{
	struct talk *k = talk();

	(void)state;
	tcp_mem(k, "0 0 0");
	assert_true(sends(k, k->fd, 200000) > 30000);
	assert_int_equal(host_get(&k->t, k->fd, HO_SOL_SOCKET, HO_SO_SNDBUF), 4608);
	assert_int_equal(sends(k, k->fd, 1), -EAGAIN);
	talk_done(k);
}

static void a_segment_that_must_be_dropped_shuts_the_window(void **state)
{
	struct talk *k = talk();

	(void)state;
	says(&k->p, "P. 1:101");
	says(&k->p, "P. 101:1101");
	lab_pump(&k->t.l);
	lab_forget(&k->t.l);
	marked(&k->t);
	tcp_mem(k, "0 0 0");
	says(&k->p, "P. 1101:2101");
	hears(&k->p, ". 1 ack 1101 win 0");
	counted(&k->t, "TcpInSegs 1 TcpOutSegs 1 PruneCalled 1 TCPRcvQDrop 1 TCPMemoryPressures 1");
	tcp_mem(k, "100 200 300");
	host_recv(&k->t, k->fd, 2000, 0, 1100);
	says(&k->p, "P. 1101:2101");
	host_recv(&k->t, k->fd, 2000, 0, 1000);
	moved(k, HO_TcpExtTCPMemoryPressuresChrono, 0); /* in no time */
	assert_false(memory(k).tcp_pressure);
	talk_done(k);
}

static void the_first_segment_of_an_empty_queue_is_kept(void **state)
{
	struct talk *k = talk();

	(void)state;
	tcp_mem(k, "0 0 0");
	says(&k->p, "P. 1:101");
	hears(&k->p, ". 1 ack 101 win 0");
	host_recv(&k->t, k->fd, 200, 0, 100);
	talk_done(k);
}

static void out_of_order_segments_make_room_or_are_dropped(void **state)
{
	struct talk *k = talk();

	(void)state;
	for (unsigned i = 5; i > 0; i--) {
		char text[32];

		snprintf(text, sizeof(text), "P. %u:%u", i * 10000 + 1, i * 10000 + 1001);
		says(&k->p, text);
	}
	assert_int_equal(memory(k).tcp_pages, 3); /* five times 2304, and 768 to spare */
	marked(&k->t);
	tcp_mem(k, "0 0 0");
	says(&k->p, "P. 25001:26001"); /* those behind it go, but no page is to be had yet */
	moved(k, HO_TcpExtPruneCalled, 1);
	moved(k, HO_TcpExtOfoPruned, 1);
	moved(k, HO_TcpExtTCPOFODrop, 0);
	says(&k->p, "P. 60001:61001"); /* nothing is behind this one */
	moved(k, HO_TcpExtPruneCalled, 2);
	moved(k, HO_TcpExtOfoPruned, 1);
	moved(k, HO_TcpExtTCPOFODrop, 1);
	talk_done(k);
}

static void a_closed_connection_with_more_than_4608_bytes_is_reset(void **state)
{
	struct talk *k = talk();
	struct peer q = peer_of(&k->t, 2);
	int small = host_accepted(&k->t, k->lfd, &q);

	(void)state;
	host_send(&k->t, k->fd, 10000, 0, 10000);
	host_send(&k->t, small, 100, 0, 100);
	hears(&k->p, ". 1:1449 ack 1");
	lab_forget(&k->t.l);
	tcp_mem(k, "0 0 1");
	marked(&k->t);
	assert_int_equal(ho_sock_close(k->t.l.s, small), 0);
	moved(k, HO_TcpExtTCPAbortOnMemory, 0);
	assert_int_equal(ho_sock_close(k->t.l.s, k->fd), 0);
	moved(k, HO_TcpExtTCPAbortOnMemory, 1);
	moved(k, HO_TcpOutRsts, 1);
	talk_done(k);
}

static void an_orphan_is_reset_when_its_timer_finds_no_memory(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_send(&k->t, k->fd, 10000, 0, 10000);
	hears(&k->p, ". 1:1449 ack 1");
	host_close(&k->t, k->fd);
	assert_int_equal(memory(k).orphans, 1);
	tcp_mem(k, "0 0 1");
	lab_at(&k->t, 500);
	moved(k, HO_TcpExtTCPAbortOnMemory, 1);
	assert_int_equal(memory(k).orphans, 0);
	assert_int_equal(memory(k).tcp_pages, 0);
	talk_done(k);
}

/* ---- pages are what sockets hold: any steps, against a sum over all rows ---- */

static uint32_t dice(uint32_t *seed, uint32_t n)
{
	*seed = *seed * 1664525u + 1013904223u;
	return (uint32_t)((uint64_t)(*seed >> 8) * n >> 24);
}

static int64_t bytes_held(struct talk *k)
{
	struct ho_sock_info i;
	uint64_t cursor = 0;
	int64_t sum = 0;

	while (ho_sock_next(k->t.l.s, &cursor, &i))
		if (i.type == HO_SOCK_STREAM)
			sum += (int64_t)i.rmem_alloc + i.wmem_queued + (int32_t)i.fwd_alloc;
	return sum;
}

#define PEERS 5

static void a_peer_acts(struct talk *k, struct peer *p, uint32_t *seed)
{
	uint32_t at = p->seq + dice(seed, 4) * 1000, len = 1 + dice(seed, 1400);
	char text[64];

	if (dice(seed, 8) == 0)
		at = p->seq;
	snprintf(text, sizeof(text), "P. %u:%u ack %u", at, at + len, p->ack - (p->ack > 1 ? dice(seed, 2) : 0));
	says(p, text);
	p->seq = dice(seed, 2) == 0 ? at + len : p->seq;
	lab_pump(&k->t.l);
	while (k->t.l.out_head != NULL) {
		struct packet *out = lab_out(&k->t.l);

		for (struct peer *q = p - (p->n - 1); q->n <= PEERS; q++) {
			if (get16(out->bytes + 22) == q->port)
				heard_learn(q, out);
			if (q->n == PEERS)
				break;
		}
	}
}

static void the_program_acts(struct talk *k, int fd, uint32_t *seed)
{
	static uint8_t buf[65536];
	struct ho_sock_info i;

	assert_int_equal(ho_sock_info_get(k->t.l.s, fd, &i), 0);
	if (dice(seed, 3) == 0) {
		ho_sock_recv(k->t.l.s, fd, buf, 1 + dice(seed, 6000), 0);
		return;
	}
	for (uint32_t n = 1 + dice(seed, 20000), j = 0; n != 0; n = 0) {
		ptrdiff_t sent;

		for (j = 0; j < n; j++)
			buf[j] = stream_byte(k->t.wrote[fd] + j);
		sent = ho_sock_send(k->t.l.s, fd, buf, n, 0);
		assert_true(sent > 0 || sent == -EAGAIN);
		if (sent > 0)
			k->t.wrote[fd] += (uint32_t)sent;
	}
}

static void a_walk(uint32_t seed)
{
	static const char *const limits[] = {"0 0 0", "1 2 4", "5 9 12", "10 20 60", "30 60 90", "100 200 400", "100000 100000 100000"};
	struct talk *k = talk();
	struct peer p[PEERS];
	int fd[PEERS];

	p[0] = k->p;
	fd[0] = k->fd;
	for (unsigned i = 1; i < PEERS; i++) {
		p[i] = peer_of(&k->t, i + 1);
		fd[i] = host_accepted(&k->t, k->lfd, &p[i]);
	}
	for (unsigned step = 0; step < 1500; step++) {
		unsigned i = dice(&seed, PEERS);
		uint64_t pressures, leaves;

		switch (dice(&seed, 8)) {
		case 0:
			tcp_mem(k, limits[dice(&seed, sizeof(limits) / sizeof(limits[0]))]);
			break;
		case 1:
			lab_at(&k->t, lab_now_ms(&k->t.l) + dice(&seed, 40));
			break;
		case 2: case 3: case 4:
			the_program_acts(k, fd[i], &seed);
			break;
		default:
			a_peer_acts(k, &p[i], &seed);
			break;
		}
		assert_int_equal((int64_t)memory(k).tcp_pages * PAGE, bytes_held(k));
		pressures = (uint64_t)lab_moved(&k->t.l, HO_TcpExtTCPMemoryPressures);
		leaves = (uint64_t)lab_moved(&k->t.l, HO_TcpExtTCPMemoryPressuresChrono);
		assert_true(pressures > 0 || (leaves == 0 && !memory(k).tcp_pressure));
	}
	tcp_mem(k, "100000 100000 100000");
	for (unsigned i = 0; i < PEERS; i++)
		reset(k, fd[i]);
	assert_int_equal(memory(k).tcp_pages, 0);
	assert_false(memory(k).tcp_pressure);
	talk_done(k);
}

static void pages_are_what_sockets_hold_whatever_happens(void **state)
{
	(void)state;
	for (uint32_t seed = 1; seed <= 20; seed++)
		a_walk(seed);
}

/* ---- the host's own queue ---- */

static void what_still_waits_for_the_link_is_not_sent_again(void **state)
{
	struct talk *k = talk();
	struct ho_stack *s = k->t.l.s;

	(void)state;
	host_set(&k->t, k->fd, HO_SOL_TCP, HO_TCP_NODELAY, 1);
	assert_int_equal(sends(k, k->fd, 100), 100);
	for (unsigned ms = 0; ms < 700; ms++)
		ho_stack_expire(s, k->t.l.birth_ns + ms * HO_MS, 0);
	moved(k, HO_TcpExtTCPSpuriousRtxHostQueues, 3); /* the probe, and two timeouts */
	moved(k, HO_TcpExtTCPTimeouts, 2);
	moved(k, HO_TcpRetransSegs, 0);
	lab_pump(&k->t.l); /* now it has left, and what is to be sent is looked at */
	moved(k, HO_TcpRetransSegs, 1);
	assert_int_equal(k->t.l.out_head->next->len, k->t.l.out_head->len);
	assert_null(k->t.l.out_head->next->next);
	talk_done(k);
}

static void a_link_that_takes_all_at_once_keeps_nothing(void **state)
{
	struct talk *k = talk(.lab = {.link_flags = HO_LINK_ORPHANS});

	(void)state;
	assert_int_equal(sends(k, k->fd, 100), 100);
	ho_stack_expire(k->t.l.s, k->t.l.birth_ns + 300 * HO_MS, 0);
	moved(k, HO_TcpExtTCPSpuriousRtxHostQueues, 0);
	moved(k, HO_TcpRetransSegs, 1);
	talk_done(k);
}

/* ---- too much is outstanding to be cut ---- */

static void nothing_is_cut_when_the_queue_is_twice_its_buffer(void **state)
{
	struct talk *k = talk(.window = 8192, .syn_options = "<mss 1460,sackOK,TS,nop,wscale 10>");
	char text[96];

	(void)state;
	host_set(&k->t, k->fd, HO_SOL_SOCKET, HO_SO_SNDBUF, 1 << 20);
	assert_true(sends(k, k->fd, 900000) > 800000);
	for (unsigned i = 1; i <= 4; i++) {
		lab_forget(&k->t.l);
		snprintf(text, sizeof(text), ". 1 ack %u", 1 + i * 14480);
		says(&k->p, text);
		lab_pump(&k->t.l);
	}
	lab_forget(&k->t.l);
	marked(&k->t);
	says(&k->p, ". 1 ack 57921 <nop,nop,TS,sack 65161:66609>");
	moved(k, HO_TcpExtTCPWqueueTooBig, 0);
	host_set(&k->t, k->fd, HO_SOL_SOCKET, HO_SO_SNDBUF, 2304);
	says(&k->p, ". 1 ack 57921 <nop,nop,TS,sack 73849:75297>");
	moved(k, HO_TcpExtTCPWqueueTooBig, 1);
	talk_done(k);
}

/* ---- IP_MINTTL, and buffers by force ---- */

static void segments_from_further_away_than_ip_minttl_allows_are_dropped(void **state)
{
	struct talk *k = talk();
	struct peer q = peer_of(&k->t, 2);

	(void)state;
	host_set(&k->t, k->fd, HO_SOL_IP, HO_IP_MINTTL, 64); /* what peers send */
	says(&k->p, "P. 1:11");
	host_recv(&k->t, k->fd, 100, 0, 10);
	hears(&k->p, ". 1 ack 11");
	host_set(&k->t, k->fd, HO_SOL_IP, HO_IP_MINTTL, 65);
	host_has(k, HO_SOL_IP, HO_IP_MINTTL, 65);
	marked(&k->t);
	says(&k->p, "P. 11:21");
	host_recv(&k->t, k->fd, 100, 0, -EAGAIN);
	quiet(&k->t);
	counted(&k->t, "TcpInSegs 1 TCPMinTTLDrop 1");
	host_set(&k->t, k->lfd, HO_SOL_IP, HO_IP_MINTTL, 65);
	says(&q, "S");
	quiet(&k->t);
	counted(&k->t, "TcpInSegs 1 TCPMinTTLDrop 1");
	host_set_gives(&k->t, k->fd, HO_SOL_IP, HO_IP_MINTTL, 256, -EINVAL);
	host_set_gives(&k->t, k->fd, HO_SOL_IP, HO_IP_MINTTL, -1, -EINVAL);
	talk_done(k);
}

static void force_sets_buffers_beyond_the_limits_and_locks_them(void **state)
{
	struct talk *k = talk();

	(void)state;
	host_has(k, HO_SOL_SOCKET, HO_SO_BUF_LOCK, 0);
	host_set(&k->t, k->fd, HO_SOL_SOCKET, HO_SO_SNDBUF, 1 << 28);
	host_has(k, HO_SOL_SOCKET, HO_SO_SNDBUF, 8388608);
	host_has(k, HO_SOL_SOCKET, HO_SO_BUF_LOCK, HO_SOCK_SNDBUF_LOCK);
	host_set(&k->t, k->fd, HO_SOL_SOCKET, HO_SO_SNDBUFFORCE, 1 << 28);
	host_has(k, HO_SOL_SOCKET, HO_SO_SNDBUF, 1 << 29);
	host_set(&k->t, k->fd, HO_SOL_SOCKET, HO_SO_RCVBUFFORCE, INT32_MAX);
	host_has(k, HO_SOL_SOCKET, HO_SO_RCVBUF, INT32_MAX - 1);
	host_has(k, HO_SOL_SOCKET, HO_SO_BUF_LOCK, 3);
	host_set(&k->t, k->fd, HO_SOL_SOCKET, HO_SO_RCVBUFFORCE, -1);
	host_has(k, HO_SOL_SOCKET, HO_SO_RCVBUF, 2304);
	host_set(&k->t, k->fd, HO_SOL_SOCKET, HO_SO_BUF_LOCK, 0);
	host_has(k, HO_SOL_SOCKET, HO_SO_BUF_LOCK, 0);
	host_has(k, HO_SOL_SOCKET, HO_SO_RCVBUF, 2304);
	host_set_gives(&k->t, k->fd, HO_SOL_SOCKET, HO_SO_BUF_LOCK, 4, -EINVAL);
	talk_done(k);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(pressure_begins_above_the_second_value_and_ends_below_the_first),
		cmocka_unit_test(a_fin_under_pressure_goes_when_the_last_segment_is_sent_again),
		cmocka_unit_test(a_socket_may_have_as_much_as_all_of_its_size_would_fit),
		cmocka_unit_test(tcp_wmem_and_tcp_rmem_say_what_is_given_anyway),
		cmocka_unit_test(a_buffer_that_nobody_has_set_shrinks_and_takes_what_fits_one_segment),
		cmocka_unit_test(a_segment_that_must_be_dropped_shuts_the_window),
		cmocka_unit_test(the_first_segment_of_an_empty_queue_is_kept),
		cmocka_unit_test(out_of_order_segments_make_room_or_are_dropped),
		cmocka_unit_test(a_closed_connection_with_more_than_4608_bytes_is_reset),
		cmocka_unit_test(an_orphan_is_reset_when_its_timer_finds_no_memory),
		cmocka_unit_test(pages_are_what_sockets_hold_whatever_happens),
		cmocka_unit_test(what_still_waits_for_the_link_is_not_sent_again),
		cmocka_unit_test(a_link_that_takes_all_at_once_keeps_nothing),
		cmocka_unit_test(nothing_is_cut_when_the_queue_is_twice_its_buffer),
		cmocka_unit_test(segments_from_further_away_than_ip_minttl_allows_are_dropped),
		cmocka_unit_test(force_sets_buffers_beyond_the_limits_and_locks_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
