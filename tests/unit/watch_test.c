/* SPDX-License-Identifier: MIT
 * Who watches a stack sees every call, state, queue, retransmission, drop and counter, in order; who is slow is told
 * what he has missed; and when nobody watches nothing is kept. */
#include <halfopen/sim.h>
#include <halfopen/view.h>

#include "tcp_lab.h"

#define WORDS_ONLY (HO_WATCH_ALL & ~(1u << HO_WATCH_COUNTER)) /* all but counters */
#define RECORDS 256u

struct watched {
	struct tcp_lab t;
	uint64_t seen;
};

static struct watched watched_with(const char *test, uint32_t kinds)
{
	struct watched w = {.t = tcp_lab_with((struct lab_options){0}, test)};

	assert_int_equal(ho_watch(w.t.l.s, kinds, RECORDS), 0);
	return w;
}
#define watched() watched_with(__func__, WORDS_ONLY)

/* Of the time up to now: kind and words of a record a line. */
static char *told(struct watched *w)
{
	static char all[1 << 16];
	size_t n = 0;
	struct ho_watched r;
	uint64_t lost;

	all[0] = '\0';
	while (ho_watch_next(w->t.l.s, &w->seen, &r, &lost)) {
		char line[512], *words;

		assert_int_equal(lost, 0);
		ho_view_watched(&r, line, sizeof(line));
		words = line + strcspn(line, " ");
		*words++ = '\0';
		n += (size_t)snprintf(all + n, sizeof(all) - n, "%s: %s\n", line, words + strspn(words, " "));
	}
	return all;
}

#define happened(w, lines) assert_string_equal(told(w), lines)

/* ---- calls ---- */

static void a_call_is_told_with_its_arguments_and_its_result(void **state)
{
	struct watched w = watched();
	struct ho_stack *s = w.t.l.s;
	int fd, one = 1;

	(void)state;
	fd = ho_sock_open(s, HO_SOCK_STREAM, 0);
	assert_int_equal(ho_sock_setopt(s, fd, HO_SOL_SOCKET, HO_SO_REUSEADDR, &one, sizeof(one)), 0);
	assert_int_equal(ho_sock_setopt(s, fd, HO_SOL_TCP, 9999, &one, sizeof(one)), -ENOPROTOOPT);
	assert_int_equal(ho_sock_bind(s, fd, (struct ho_endpoint){HOST, 9000}), 0);
	assert_int_equal(ho_sock_listen(s, fd, 3), 0);
	assert_int_equal(ho_sock_accept(s, fd, NULL), -EAGAIN);
	assert_int_equal(ho_sock_shutdown(s, fd, HO_SHUT_WR), 0);
	assert_int_equal(ho_sock_close(s, fd), 0);
	assert_int_equal(ho_sock_close(s, fd), -EBADF);
	happened(&w, "call: socket type=stream protocol=0 res=0\n"
	             "call: setsockopt fd=0 SO_REUSEADDR=1 res=0\n"
	             "call: setsockopt fd=0 level=6 name=9999 value=1 res=-92(ENOPROTOOPT)\n"
	             "call: bind fd=0 addr=198.18.0.2:9000 res=0\n"
	             "call: listen fd=0 backlog=3 res=0\n"
	             "state: 198.18.0.2:9000: CLOSED -> LISTEN, fd 0 (during listen())\n"
	             "call: accept fd=0 res=-11(EAGAIN)\n"
	             "call: shutdown fd=0 how=WR res=0\n"
	             "call: close fd=0 res=0\n"
	             "state: 198.18.0.2:9000: LISTEN -> CLOSED (during close())\n"
	             "call: close fd=0 res=-9(EBADF)\n");
	tcp_lab_close(&w.t);
}

/* ---- queues ---- */

static void a_handshake_passes_through_both_queues(void **state)
{
	struct watched w = watched();
	struct peer p = peer_of(&w.t, 1);
	int lfd = host_listen(&w.t, 1);

	(void)state;
	told(&w);
	peer_handshake(&p);
	happened(
		&w,
		"queue: 198.18.0.1:40001 entered the SYN queue of 198.18.0.2:9000: length 1 limit 1 (a frame arrived)\n"
		"state: 198.18.0.2:9000 with 198.18.0.1:40001: LISTEN -> SYN-RECV (a frame arrived)\n"
		"queue: 198.18.0.1:40001 entered the accept queue of 198.18.0.2:9000: length 1 limit 1 (a frame arrived)\n"
		"state: 198.18.0.2:9000 with 198.18.0.1:40001: SYN-RECV -> ESTAB (a frame arrived)\n"
		"queue: 198.18.0.1:40001 left the SYN queue of 198.18.0.2:9000: length 0 limit 1, the handshake is complete (a frame arrived)\n");
	host_accept(&w.t, lfd);
	happened(
		&w,
		"call: accept fd=0 peer=198.18.0.1:40001 res=1\n"
		"queue: 198.18.0.1:40001 left the accept queue of 198.18.0.2:9000: length 0 limit 1, accept() took it (during accept())\n");
	tcp_lab_close(&w.t);
}

static void a_syn_at_a_full_accept_queue_is_a_drop(void **state)
{
	struct watched w = watched_with(__func__, 1u << HO_WATCH_DROP);
	struct peer p[2] = {peer_of(&w.t, 1), peer_of(&w.t, 2)};

	(void)state;
	host_listen(&w.t, 0);
	peer_handshake(&p[0]);
	says(&p[1], "S");
	quiet(&w.t);
	happened(&w, "drop: 198.18.0.1:40002 to 0.0.0.0:9000: a SYN met a full accept queue (a frame arrived)\n");
	tcp_lab_close(&w.t);
}

static void a_request_leaves_its_queue_for_a_reason(void **state)
{
	struct watched w = watched_with(__func__, 1u << HO_WATCH_QUEUE);
	struct peer p[4] = {peer_of(&w.t, 1), peer_of(&w.t, 2), peer_of(&w.t, 3), peer_of(&w.t, 4)};
	int lfd = host_listen(&w.t, 8);

	(void)state;
	for (int i = 0; i < 3; i++) {
		says(&p[i], "S");
		hears(&p[i], "S. 0 ack 1");
	}
	told(&w);
	says(&p[0], "R 1");
	happened(
		&w,
		"queue: 198.18.0.1:40001 left the SYN queue of 198.18.0.2:9000: length 2 limit 8, it was reset (a frame arrived)\n");
	says_icmp(&p[2], 3, 1, 0);
	happened(
		&w,
		"queue: 198.18.0.1:40003 left the SYN queue of 198.18.0.2:9000: length 1 limit 8, its peer cannot be reached (a frame arrived)\n");
	lab_at(&w.t, 70000);
	happened(
		&w,
		"queue: 198.18.0.1:40002 left the SYN queue of 198.18.0.2:9000: length 0 limit 8, its SYN+ACKs went unanswered (the syn+ack timer fired)\n");
	lab_forget(&w.t.l);
	peer_handshake(&p[3]);
	told(&w);
	host_close(&w.t, lfd);
	happened(
		&w,
		"queue: 198.18.0.1:40004 left the accept queue of 198.18.0.2:9000: length 0 limit 8, the listener is closed (during close())\n");
	lab_forget(&w.t.l);
	tcp_lab_close(&w.t);
}

/* ---- states, retransmissions ---- */

static void a_connection_is_followed_from_its_syn_to_the_end_of_time_wait(void **state)
{
	static const char *const steps[] = {
		"CLOSED -> SYN-SENT, fd 0 (during connect())", "SYN-SENT -> ESTAB, fd 0 (a frame arrived)",
		"ESTAB -> FIN-WAIT-1 (during close())",        "FIN-WAIT-1 -> FIN-WAIT-2 (a frame arrived)",
		"FIN-WAIT-2 -> TIME-WAIT (a frame arrived)",   "TIME-WAIT -> CLOSED (the time-wait timer fired)",
	};
	struct watched w = watched_with(__func__, 1u << HO_WATCH_STATE);
	struct peer p = peer_of(&w.t, 1);
	int fd = host_connected(&w.t, &p);
	struct ho_endpoint local;
	char text[1024], end[22];
	size_t n = 0;

	(void)state;
	assert_int_equal(ho_sock_name(w.t.l.s, fd, &local), 0);
	host_close(&w.t, fd);
	hears(&p, "F. 1 ack 1");
	says(&p, ". 1 ack 2");
	says(&p, "F. 1 ack 2");
	hears(&p, ". 2 ack 2");
	lab_at(&w.t, 70000);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "state: %s with 198.18.0.1:40001: %s\n",
		                      ho_view_endpoint(local, end), steps[i]);
	happened(&w, text);
	tcp_lab_close(&w.t);
}

static void what_is_sent_again_is_told_with_its_numbers(void **state)
{
	struct watched w = watched_with(__func__, 1u << HO_WATCH_RETRANSMIT);
	struct peer p[2] = {peer_of(&w.t, 1), peer_of(&w.t, 2)};
	int lfd = host_listen(&w.t, 8), fd = host_accepted(&w.t, lfd, &p[0]);

	(void)state;
	says(&p[1], "S");
	hears(&p[1], "S. 0 ack 1");
	host_send(&w.t, fd, 100, 0, 100);
	hears(&p[0], "P. 1:101 ack 1");
	happened(&w, "");
	lab_at(&w.t, 1100);
	happened(
		&w,
		"retransmit: 198.18.0.2:9000 to 198.18.0.1:40001: data seq 1, 100 bytes in 1 segment (the loss probe timer fired, frame 4 went out)\n"
		"retransmit: 198.18.0.2:9000 to 198.18.0.1:40001: data seq 1, 100 bytes in 1 segment (the retransmission timer fired, frame 5 went out)\n"
		"retransmit: 198.18.0.2:9000 to 198.18.0.1:40001: data seq 1, 100 bytes in 1 segment (the retransmission timer fired, frame 6 went out)\n"
		"retransmit: 198.18.0.2:9000 to 198.18.0.1:40002: SYN+ACK seq 0: no final ACK from 198.18.0.1:40002 yet: SYN+ACK retransmission 1 of at most 5 (the syn+ack timer fired, frame 7 went out)\n");
	lab_forget(&w.t.l);
	tcp_lab_close(&w.t);
}

/* ---- drops that are only counted ---- */

static void a_drop_is_told_once_whatever_counters_move(void **state)
{
	struct watched w = watched_with(__func__, 1u << HO_WATCH_DROP);
	struct ho_watched r;
	uint64_t lost;

	(void)state;
	lab_in(&w.t.l, udp_make((struct udp_fields){.dport = 9, .len = 4}));
	lab_in(&w.t.l, ip_make((struct ip_fields){.protocol = 200, .len = 16}));
	assert_true(ho_watch_next(w.t.l.s, &w.seen, &r, &lost));
	assert_int_equal(r.by.counter, HO_UdpNoPorts);
	assert_false(r.drop.listener);
	assert_true(ho_watch_next(w.t.l.s, &w.seen, &r, &lost));
	assert_int_equal(r.by.counter, HO_IpInUnknownProtos);
	assert_false(ho_watch_next(w.t.l.s, &w.seen, &r, &lost));
	lab_forget(&w.t.l);
	tcp_lab_close(&w.t);
}

/* ---- the ring ---- */

static void a_slow_reader_is_told_how_many_he_has_missed(void **state)
{
	struct tcp_lab t = tcp_lab();
	struct ho_stack *s = t.l.s;
	uint64_t slow = 0, quick, lost;
	struct ho_watched r;

	(void)state;
	assert_int_equal(ho_watch(s, 1u << HO_WATCH_CALL, 4), 0);
	for (int i = 0; i < 10; i++)
		ho_sock_close(s, 100 + i);
	quick = ho_watch_newest(s);
	assert_int_equal(quick, 10);
	ho_sock_close(s, 110);
	assert_true(ho_watch_next(s, &quick, &r, &lost));
	assert_int_equal(r.call.fd, 110);
	assert_int_equal(lost, 0);
	assert_true(ho_watch_next(s, &slow, &r, &lost));
	assert_int_equal(r.call.fd, 107); /* the last four are there */
	assert_int_equal(lost, 7);
	assert_true(ho_watch_next(s, &slow, &r, &lost));
	assert_int_equal(r.call.fd, 108);
	assert_int_equal(lost, 0);
	tcp_lab_close(&t);
}

static void when_nobody_watches_nothing_is_kept(void **state)
{
	struct tcp_lab t = tcp_lab();
	struct ho_stack *s = t.l.s;
	struct ho_memory before, after;
	struct ho_watched r;
	uint64_t seen = 0, lost;

	(void)state;
	ho_sock_close(s, 100);
	assert_int_equal(ho_watch_newest(s), 0);
	ho_stack_memory(s, &before);
	assert_int_equal(ho_watch(s, HO_WATCH_ALL, 1000), 0);
	ho_stack_memory(s, &after);
	assert_true(after.allocated_bytes - before.allocated_bytes >= 1000 * sizeof(struct ho_watched));
	assert_int_equal(sizeof(struct ho_watched), 120); /* as the header says */
	ho_sock_close(s, 100);
	assert_int_equal(ho_watch(s, 0, 0), 0);
	ho_stack_memory(s, &after);
	assert_int_equal(after.allocated_bytes, before.allocated_bytes);
	ho_sock_close(s, 100);
	assert_int_equal(ho_watch_newest(s), 1);
	assert_false(ho_watch_next(s, &seen, &r, &lost));
	tcp_lab_close(&t);
}

static void a_wish_that_cannot_be_met_changes_nothing(void **state)
{
	struct lab l = lab_open();
	uint64_t seen = 0, lost;
	struct ho_watched r;

	(void)state;
	assert_int_equal(ho_watch(l.s, HO_WATCH_ALL + 1, 10), -EINVAL);
	assert_int_equal(ho_watch(l.s, HO_WATCH_ALL, 0), -EINVAL);
	assert_int_equal(ho_watch(l.s, HO_WATCH_ALL, (1u << 24) + 1), -EINVAL);
	assert_int_equal(ho_watch(l.s, 1u << HO_WATCH_CALL, 8), 0);
	ho_sock_close(l.s, 7);
	l.heap->fail_at = l.heap->calls + 1;
	assert_int_equal(ho_watch(l.s, HO_WATCH_ALL, 16), -ENOMEM);
	ho_sock_close(l.s, 8);
	for (int fd = 7; fd <= 8; fd++) {
		assert_true(ho_watch_next(l.s, &seen, &r, &lost));
		assert_int_equal(r.call.fd, fd);
	}
	lab_close(&l);
}

/* A call that sets off more than the ring holds leaves no trace of itself, and harms nobody. */
static void a_calls_record_may_be_gone_when_it_ends(void **state)
{
	struct tcp_lab t = tcp_lab();
	struct ho_watched r;
	uint64_t seen = 0, lost;
	int fd;

	(void)state;
	fd = host_socket(&t);
	host_bind(&t, fd, LAB_PORT);
	assert_int_equal(ho_watch(t.l.s, HO_WATCH_ALL, 1), 0);
	host_backlog(&t, fd, 1);
	assert_true(ho_watch_next(t.l.s, &seen, &r, &lost));
	assert_int_equal(r.kind, HO_WATCH_STATE);
	assert_int_equal(lost, 1);
	tcp_lab_close(&t);
}

/* ---- against a naive model ---- */

#define READERS 4
#define STEPS 20000

struct model {
	uint64_t newest, first_of_ring; /* the ring was made when so many had been */
	uint32_t kinds, records_max;
	int fd[STEPS + 1]; /* of record n: which call it tells of */
	uint64_t seen[READERS];
};

static uint32_t dice(uint64_t *x, uint32_t sides)
{
	*x = *x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(*x >> 33) % sides;
}

static void model_watch(struct model *m, uint32_t kinds, uint32_t records_max)
{
	if (kinds == 0)
		records_max = 0;
	if (records_max != m->records_max)
		m->first_of_ring = m->newest;
	m->kinds = kinds;
	m->records_max = records_max;
}

static void model_reads(struct model *m, struct ho_stack *s, int reader)
{
	uint64_t oldest = m->newest > m->records_max ? m->newest - m->records_max : 0, at, lost;
	struct ho_watched r;

	oldest = oldest > m->first_of_ring ? oldest : m->first_of_ring;
	at = (m->seen[reader] > oldest ? m->seen[reader] : oldest) + 1;
	if (m->records_max == 0 || at > m->newest) {
		assert_false(ho_watch_next(s, &m->seen[reader], &r, &lost));
		return;
	}
	lost = UINT64_MAX;
	assert_true(ho_watch_next(s, &(uint64_t){m->seen[reader]}, &r, &lost));
	assert_int_equal(r.by.number, at);
	assert_int_equal(r.call.fd, m->fd[at]);
	assert_int_equal(lost, at - m->seen[reader] - 1);
	m->seen[reader] = at;
}

static void many_readers_of_changing_rings_agree_with_a_list(void **state)
{
	struct tcp_lab t = tcp_lab();
	struct model *m = calloc(1, sizeof(*m));
	uint64_t x = 7;

	(void)state;
	assert_non_null(m);
	for (int step = 0; step < STEPS; step++) {
		uint32_t what = dice(&x, 100);

		if (what == 0) {
			uint32_t kinds = dice(&x, 3) == 0 ? 0 : 1u << HO_WATCH_CALL, records_max = 1 + dice(&x, 9);

			assert_int_equal(ho_watch(t.l.s, kinds, records_max), 0);
			model_watch(m, kinds, records_max);
		} else if (what < 50) {
			int fd = 1000 + (int)dice(&x, 1000);

			assert_int_equal(ho_sock_close(t.l.s, fd), -EBADF);
			if (m->kinds != 0)
				m->fd[++m->newest] = fd;
		} else {
			model_reads(m, t.l.s, (int)dice(&x, READERS));
		}
		assert_int_equal(ho_watch_newest(t.l.s), m->newest);
	}
	assert_true(m->newest > STEPS / 8);
	free(m);
	tcp_lab_close(&t);
}

/* ---- over a bad wire: what is told hangs together ---- */

#define TUPLES 256
#define PORT 9000

struct thread { /* a connection, as one host sees it */
	struct ho_endpoint local, peer;
	uint8_t state;
};

struct follower {
	struct ho_stack *s;
	uint64_t seen, moved[HO_COUNTER_COUNT];
	uint32_t threads, queue[2], states, drops[HO_DROP_CAUSES], retransmitted;
	struct thread thread[TUPLES];
};

static struct thread *thread_of(struct follower *c, const struct ho_watched *r)
{
	for (uint32_t i = 0; i < c->threads; i++)
		if (memcmp(&c->thread[i].local, &r->by.local, 6) == 0 &&
		    memcmp(&c->thread[i].peer, &r->by.peer, 6) == 0)
			return &c->thread[i];
	assert_true(c->threads < TUPLES);
	c->thread[c->threads] = (struct thread){r->by.local, r->by.peer, 0};
	return &c->thread[c->threads++];
}

static void record_follows(struct follower *c, const struct ho_watched *r)
{
	char text[1024];
	struct thread *t;

	assert_true(ho_view_watched(r, text, sizeof(text)) < sizeof(text));
	assert_true(ho_view_watched_json(r, text, sizeof(text)) < sizeof(text));
	switch (r->kind) {
	case HO_WATCH_STATE:
		t = thread_of(c, r);
		c->states++;
		if (t->state != 0 && t->state != HO_CLOSE)
			assert_int_equal(r->state.from, t->state); /* no step is missing */
		t->state = r->state.to;
		break;
	case HO_WATCH_QUEUE:
		if (r->queue.left == HO_LEFT_NOT)
			assert_int_equal(r->queue.length, c->queue[r->queue.queue] + 1);
		else
			assert_int_equal(r->queue.length + 1, c->queue[r->queue.queue]);
		c->queue[r->queue.queue] = r->queue.length;
		break;
	case HO_WATCH_DROP:
		if (r->drop.listener)
			c->drops[r->drop.cause]++;
		break;
	case HO_WATCH_RETRANSMIT: c->retransmitted += r->retransmit.segs; break;
	case HO_WATCH_COUNTER: c->moved[r->by.counter] += (uint64_t)(int64_t)r->by.delta; break;
	default: break;
	}
}

static void follower_read(struct follower *c)
{
	struct ho_watched r;
	uint64_t lost;

	while (ho_watch_next(c->s, &c->seen, &r, &lost)) {
		assert_int_equal(lost, 0);
		record_follows(c, &r);
	}
}

static void server_works(struct follower *c, int lfd, uint64_t *x)
{
	static uint8_t buf[4096];
	struct ho_event e;
	int fd;

	while (dice(x, 6) == 0 && (fd = ho_sock_accept(c->s, lfd, NULL)) >= 0)
		ho_sock_send(c->s, fd, buf, sizeof(buf), 0);
	while (ho_stack_event(c->s, &e))
		if (e.fd != lfd && (e.mask & HO_IN) && ho_sock_recv(c->s, e.fd, buf, sizeof(buf), 0) == 0)
			ho_sock_close(c->s, e.fd);
}

static void client_works(struct follower *c, uint64_t *x)
{
	static uint8_t buf[4096];
	struct ho_event e;
	int fd;

	if (dice(x, 4) == 0 && c->threads < TUPLES / 2) {
		fd = ho_sock_open(c->s, HO_SOCK_STREAM, 0);
		assert_int_equal(ho_sock_connect(c->s, fd, (struct ho_endpoint){HO_ADDR(198, 18, 0, 2), PORT}),
		                 -EINPROGRESS);
	}
	while (ho_stack_event(c->s, &e)) {
		if (e.mask & HO_IN)
			ho_sock_recv(c->s, e.fd, buf, sizeof(buf), 0);
		if (dice(x, 3) == 0 || (e.mask & (HO_ERR | HO_HUP)))
			ho_sock_close(c->s, e.fd);
	}
}

static struct follower *follower_open(struct ho_world *w, const char *name, uint32_t addr)
{
	struct follower *c = calloc(1, sizeof(*c));
	struct ho_stack_config config;
	int host;

	assert_non_null(c);
	ho_stack_config_init(&config);
	config.addr = addr;
	config.prefix_len = 24;
	host = ho_world_host_add(w, name, &config);
	assert_true(host >= 0);
	c->s = ho_world_host(w, host);
	assert_int_equal(ho_watch(c->s, HO_WATCH_ALL, 1u << 14), 0);
	return c;
}

static void follower_agrees(struct follower *c)
{
	for (unsigned i = 0; i < HO_COUNTER_COUNT; i++)
		if (i >= HO_COUNTER_ROWS || ho_counter_row(i)->kind != HO_FIXED)
			assert_int_equal(c->moved[i], ho_counter_get(c->s, i));
	assert_int_equal(c->retransmitted, ho_counter_get(c->s, HO_TcpRetransSegs));
}

static void over_a_bad_wire_no_step_of_anything_is_missing(void **state)
{
	struct ho_wire_config wire = {.delay_ns = 2 * HO_MS,
	                              .loss_ppm = 100000,
	                              .duplicate_ppm = 50000,
	                              .corrupt_ppm = 20000,
	                              .reorder_ppm = 50000,
	                              .reorder_ns = 8 * HO_MS};
	struct ho_listener_info info;
	struct ho_world *w;
	struct follower *client, *server;
	uint64_t x = 3;
	int lfd;

	(void)state;
	assert_int_equal(ho_world_open(5, NULL, &w), 0);
	client = follower_open(w, "client", HO_ADDR(198, 18, 0, 1));
	server = follower_open(w, "server", HO_ADDR(198, 18, 0, 2));
	assert_int_equal(ho_world_wire_add(w, 0, 1, &wire, &wire), 0);
	lfd = ho_sock_open(server->s, HO_SOCK_STREAM, 0);
	assert_int_equal(ho_sock_bind(server->s, lfd, (struct ho_endpoint){HO_ADDR_ANY, PORT}), 0);
	assert_int_equal(ho_sock_listen(server->s, lfd, 1), 0);
	for (int round = 0; round < 600; round++) {
		client_works(client, &x);
		server_works(server, lfd, &x);
		ho_world_run(w, ho_world_now(w) + 100 * HO_MS, false);
		follower_read(client);
		follower_read(server);
	}
	assert_int_equal(ho_sock_listener_info(server->s, lfd, &info), 0);
	assert_int_equal(server->queue[HO_QUEUE_SYN], info.syn_queue);
	assert_int_equal(server->queue[HO_QUEUE_ACCEPT], info.accept_queue);
	for (int i = 0; i < HO_DROP_CAUSES; i++)
		assert_int_equal(server->drops[i], info.drops[i]);
	assert_true(info.drops[HO_DROP_SYN_ACCEPT_FULL] > 0 && info.drops[HO_DROP_ACK_ACCEPT_FULL] > 0);
	assert_true(server->states > 100 && client->states > 100 && server->retransmitted > 0);
	follower_agrees(client);
	follower_agrees(server);
	ho_world_close(w);
	free(client);
	free(server);
}

/* Both at once: what is kept from birth on, once for one reader, and what is watched. */
static void the_trace_from_birth_and_who_watches_see_the_same_counters(void **state)
{
	struct ho_stack_config c;
	struct ho_stack *s;
	struct ho_watched r;
	struct ho_trace t;
	uint64_t seen = 0, lost, n = 0;

	(void)state;
	ho_stack_config_init(&c);
	c.addr = HOST;
	c.trace_max = 64;
	assert_int_equal(ho_stack_open(&c, &s), 0);
	assert_int_equal(ho_watch(s, 1u << HO_WATCH_COUNTER, 64), 0);
	for (int i = 0; i < 3; i++) {
		int fd = ho_sock_open(s, HO_SOCK_STREAM, 0);

		ho_sock_connect(s, fd, (struct ho_endpoint){HO_ADDR(203, 0, 113, 1), 80}); /* no way there */
		ho_sock_close(s, fd);
	}
	while (ho_trace_next(s, &t)) {
		assert_true(ho_watch_next(s, &seen, &r, &lost));
		assert_int_equal(t.number, ++n);
		assert_memory_equal(&t, &r.by, sizeof(t));
	}
	assert_false(ho_watch_next(s, &seen, &r, &lost));
	assert_int_equal(n, 3);
	assert_int_equal(ho_watch(s, 0, 0), 0);
	ho_sock_connect(s, ho_sock_open(s, HO_SOCK_STREAM, 0), (struct ho_endpoint){HO_ADDR(203, 0, 113, 1), 80});
	assert_true(ho_trace_next(s, &t)); /* the other one goes on */
	ho_stack_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_is_told_with_its_arguments_and_its_result),
		cmocka_unit_test(a_handshake_passes_through_both_queues),
		cmocka_unit_test(a_syn_at_a_full_accept_queue_is_a_drop),
		cmocka_unit_test(a_request_leaves_its_queue_for_a_reason),
		cmocka_unit_test(a_connection_is_followed_from_its_syn_to_the_end_of_time_wait),
		cmocka_unit_test(what_is_sent_again_is_told_with_its_numbers),
		cmocka_unit_test(a_drop_is_told_once_whatever_counters_move),
		cmocka_unit_test(a_slow_reader_is_told_how_many_he_has_missed),
		cmocka_unit_test(when_nobody_watches_nothing_is_kept),
		cmocka_unit_test(a_wish_that_cannot_be_met_changes_nothing),
		cmocka_unit_test(a_calls_record_may_be_gone_when_it_ends),
		cmocka_unit_test(many_readers_of_changing_rings_agree_with_a_list),
		cmocka_unit_test(over_a_bad_wire_no_step_of_anything_is_missing),
		cmocka_unit_test(the_trace_from_birth_and_who_watches_see_the_same_counters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
