/* SPDX-License-Identifier: MIT
 * What an idle connection costs, and what it must find again when it goes on. */
#include "tcp_talk.h"

static void asks_and_is_answered(struct tcp_lab *t, struct peer *p, int fd)
{
	char text[64], message[20] = {0};
	uint32_t seq = p->seq, ack = p->ack;

	snprintf(text, sizeof(text), "P. %u:%u", seq, seq + 10);
	says(p, text);
	assert_int_equal(ho_sock_recv(t->l.s, fd, message, sizeof(message), 0), 10);
	lab_pump(&t->l);
	lab_forget(&t->l); /* an ACK at once, at first */
	for (unsigned i = 0; i < sizeof(message); i++)
		message[i] = (char)stream_byte(ack + i);
	assert_int_equal(ho_sock_send(t->l.s, fd, message, sizeof(message), 0), 20);
	snprintf(text, sizeof(text), "P. %u:%u ack %u", ack, ack + 20, seq + 10);
	hears(p, text);
	snprintf(text, sizeof(text), ". %u ack %u", seq + 10, ack + 20);
	says(p, text);
	quiet(t);
}

/* ---- bytes ---- */

#define FEW 1000u  /* tables are full, as they double, and of a million are */
#define MANY 8000u
#define IDLE_BYTES 512u
#define KEPT 256u /* busy objects that are not taken away: busy.c */

static void an_idle_connection_costs_no_more_than_512_bytes(void **state)
{
	struct talk *k = talk(.lab = {.socks_max = MANY + 2});
	struct ho_stack *s = k->t.l.s;
	size_t few = 0;

	(void)state;
	for (unsigned n = 2; n < MANY + 2; n++) {
		struct peer p = peer_of(&k->t, n);
		int fd;

		peer_handshake(&p);
		fd = ho_sock_accept(s, k->lfd, NULL);
		assert_true(fd >= 0);
		asks_and_is_answered(&k->t, &p, fd);
		if (n == FEW + 1)
			few = k->t.l.heap->bytes;
	}
	assert_true((k->t.l.heap->bytes - few) / (MANY - FEW) <= IDLE_BYTES);
	assert_true(s->busy_pool.used_count <= KEPT + 1);
	talk_done(k);
}

/* ---- it goes on as if nothing had been taken ---- */

/* Gives  tcp_info after a dialogue with pauses; each time the connection is idle, its busy object is given back or not. */
static struct ho_tcp_info talked(bool gives_back)
{
	struct talk *k = talk();
	struct ho_tcp_info info;
	size_t bytes = sizeof(info);

	for (unsigned n = 0; n < 20; n++) {
		asks_and_is_answered(&k->t, &k->p, k->fd);
		lab_at(&k->t, lab_now_ms(&k->t.l) + 7 * n * n);
		lab_forget(&k->t.l);
		if (!gives_back)
			continue;
		busy_give_idle(k->t.l.s);
		assert_false(sock_is_busy(sock_by_fd(k->t.l.s, k->fd)));
	}
	assert_int_equal(ho_sock_getopt(k->t.l.s, k->fd, HO_SOL_TCP, HO_TCP_INFO, &info, &bytes), 0);
	talk_done(k);
	return info;
}

static void a_connection_that_was_idle_goes_on_as_one_that_was_not(void **state)
{
	struct ho_tcp_info kept = talked(false), given = talked(true);

	(void)state;
	assert_memory_equal(&kept, &given, sizeof(kept));
}

static void who_has_retransmitted_keeps_what_tcp_info_tells(void **state)
{
	struct talk *k = talk();
	struct ho_tcp_info info;
	size_t bytes = sizeof(info);

	(void)state;
	host_send(&k->t, k->fd, 20, 0, 20);
	lab_at(&k->t, 1000); /* sent again, more than once */
	lab_forget(&k->t.l);
	says(&k->p, ". 1 ack 21");
	busy_give_idle(k->t.l.s);
	assert_int_equal(ho_sock_getopt(k->t.l.s, k->fd, HO_SOL_TCP, HO_TCP_INFO, &info, &bytes), 0);
	assert_true(info.tcpi_total_retrans > 0);
	talk_done(k);
}

static void without_memory_a_segment_for_an_idle_one_is_dropped_and_a_send_refused(void **state)
{
	struct talk *k = talk();
	struct ho_stack *s = k->t.l.s;
	struct ho_sock_info info;
	char message[20];

	(void)state;
	asks_and_is_answered(&k->t, &k->p, k->fd);
	busy_give_idle(s);
	k->t.l.heap->refuse_bytes = 16384; /* a slab */
	while (pool_take(&s->busy_pool) != NULL) /* all that is there */
		;
	assert_int_equal(ho_sock_send(s, k->fd, message, 1, 0), -ENOMEM);
	lab_mark(&k->t.l);
	says(&k->p, "P. 11:21");
	assert_int_equal(lab_moved(&k->t.l, HO_TcpExtTCPRcvQDrop), 1);
	assert_int_equal(ho_sock_info_get(s, k->fd, &info), 0);
	assert_int_equal(info.drops, 1);
	k->t.l.heap->refuse_bytes = 0;
	says(&k->p, "P. 11:21"); /* again, when there is memory */
	assert_int_equal(ho_sock_recv(s, k->fd, message, sizeof(message), 0), 10);
	lab_forget(&k->t.l);
	talk_done(k);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_idle_connection_costs_no_more_than_512_bytes),
		cmocka_unit_test(a_connection_that_was_idle_goes_on_as_one_that_was_not),
		cmocka_unit_test(who_has_retransmitted_keeps_what_tcp_info_tells),
		cmocka_unit_test(without_memory_a_segment_for_an_idle_one_is_dropped_and_a_send_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
