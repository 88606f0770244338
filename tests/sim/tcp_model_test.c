/* SPDX-License-Identifier: MIT
 * Two stacks and, beside each connection's ends, the model of tcp_model.h: random steps (calls, segments delivered,
 * lost, twice, late, forged ones, timers) after each of which both must agree: the state, what calls gave, the poll
 * bits, the events that tell of them, the number of RSTs, what segments carry, CurrEstab.  When the faults stop,
 * everything ends, and nothing is left.
 *
 * No timestamps here: an old segment is one by its numbers alone.
 *
 *     tcp_model_test             1,000,000 steps: seeds 1 to SEEDS_SHARE
 *     tcp_model_test full        10,000,000
 *     tcp_model_test SEED        that one, with every step; SEED LAST: those */
#include "tcp_walk.h"

#include "csum.h"

#define STEPS 2000
#define SEEDS_SHARE 500 /* 1,000,000 steps */
#define SEEDS_FULL 5000
#define OPEN_MAX 5 /* connections at a time */
#define STREAM_MOST 3000

static uint64_t first_seed = 1, last_seed = SEEDS_SHARE;

/* ---- segments arrive ---- */

/* A SYN that comes late begins another one, whose client knows nothing of it. */
static void request_made(struct walk *w, uint16_t port_a, uint32_t irs)
{
	struct conn *c = &w->conn[w->newest[port_a - CLIENT_PORT] - 1];

	if (c->end[B].has_iss)
		c = conn_new(w, port_a, PORT);
	c->end[B].request = true;
	model_starts(&c->end[B], irs);
}

static void nobody_in(struct walk *w, int to, uint16_t port_a, uint16_t port_b, const struct model_seg *t)
{
	bool listens = to == B && port_b == PORT && w->listener >= 0;

	if (t->flags & M_RST)
		return;
	if (listens && !(t->flags & M_ACK)) {
		if ((t->flags & (M_SYN | M_FIN)) == M_SYN)
			request_made(w, port_a, t->seq);
		return;
	}
	w->rsts_due[to]++;
}

static void model_hears(struct walk *w, int to, const uint8_t *bytes, uint32_t len)
{
	struct model_seg t = seg_of(bytes, len);
	uint16_t port_a = get16(bytes + 20 + (to == B ? 0 : 2)), port_b = get16(bytes + 20 + (to == B ? 2 : 0));
	struct conn *c = &w->conn[conn_of(w, to, port_a)];
	struct model *m = &c->end[to];
	bool was_queued = m->queued, syn = false;
	uint8_t was = table_of(m);
	int r = MODEL_QUIET;

	if (m->there)
		r = model_sock_in(m, &t);
	else if (m->request)
		r = model_request_in(m, &t);
	else if (m->bucket)
		r = model_bucket_in(m, &t, &syn);
	else
		nobody_in(w, to, port_a, port_b, &t);
	if (syn && to == B && port_b == PORT && w->listener >= 0) {
		m->bucket = 0;
		request_made(w, port_a, t.seq);
		return;
	}
	if ((table_of(m) != was && waits_alone(m)) ||
	    (m->bucket == HO_TIME_WAIT && (t.flags & (M_ACK | M_RST)) == M_ACK))
		c->since[to] = w->now;
	w->rsts_due[to] += r == MODEL_RST;
	if (r == MODEL_EITHER && in_table(w, c, to) == HO_CLOSE)
		model_reset_in(m); /* the end of what was SACKed is as good */
	if (m->queued && !was_queued)
		w->accept_queue[w->queued++] = (int)(c - w->conn);
}

static void arrives(struct walk *w, int to, const uint8_t *bytes, uint32_t len)
{
	struct ho_frame *f = ho_frame_make(&w->al, bytes, len);
	uint16_t port_a = get16(bytes + 20 + (to == B ? 0 : 2));
	int before = conn_of(w, to, port_a);

	assert_non_null(f);
	ho_stack_input(w->s[to], f, w->now);
	model_hears(w, to, bytes, len);
	collect(w);
	conn_agrees(w, &w->conn[before]);
	conn_agrees(w, &w->conn[conn_of(w, to, port_a)]);
	w->delivered++;
}

static void air_take(struct walk *w, int i)
{
	w->flying--;
	memmove(&w->air[i], &w->air[i + 1], (size_t)(w->flying - i) * sizeof(w->air[0]));
}

static void deliver(struct walk *w, uint32_t lose_in_100, uint32_t twice_in_100)
{
	int i = w->good_wire || below(w, 10) > 2 ? 0 : (int)below(w, (uint32_t)w->flying);
	uint32_t fate = below(w, 100);
	struct flying f = w->air[i];
	struct model_seg t = seg_of(f.bytes, f.len);
	struct conn *c = &w->conn[conn_of(w, f.from, get16(f.bytes + 20 + (f.from == A ? 0 : 2)))];

	step_is(w, "%s of %c, port %u: flags %x seq %u len %u ack %u", fate < lose_in_100 ? "loss" : "delivery",
	        'A' + f.from, c->port[A], t.flags, t.seq - c->end[f.from].iss, t.len, t.ack - c->end[!f.from].iss);
	if (fate < lose_in_100 || fate >= lose_in_100 + twice_in_100)
		air_take(w, i);
	if (fate >= lose_in_100)
		arrives(w, !f.from, f.bytes, f.len);
}

static void forge(struct walk *w, struct conn *c)
{
	static const int32_t places[] = {0, 0, 1, 100, -1, -100, 1 << 20};
	static const uint8_t kinds[] = {M_RST, M_RST, M_RST | M_ACK, M_SYN, M_ACK, M_ACK, 0};
	int to = (int)below(w, 2), place = places[below(w, 7)];
	uint8_t p[64] = {0x45}, flags = kinds[below(w, 7)];
	struct model *m = &c->end[to];
	uint32_t acks[] = {m->una, m->nxt, m->nxt + 1000}, n = below(w, 3), len = place > 1000 && below(w, 2) ? 10 : 0;
	uint32_t total = 40 + len;
	uint16_t sum;

	if ((flags & (M_SYN | M_RST)) == M_SYN && (m->state == HO_SYN_SENT || !m->has_iss))
		return; /* of an opening that was never one */
	if (n == 1 && !(flags & M_RST))
		n = 0; /* what was not received would be acknowledged, and never come */
	put16(p + 2, (uint16_t)total);
	p[8] = 64;
	p[9] = 6;
	put32(p + 12, ADDR(!to));
	put32(p + 16, ADDR(to));
	sum = csum_fold(csum_partial(p, 20));
	memcpy(p + 10, &sum, 2);
	put16(p + 20, c->port[!to]);
	put16(p + 22, c->port[to]);
	put32(p + 24, m->rcv + (uint32_t)place);
	put32(p + 28, flags & M_ACK ? acks[n] : 0);
	p[32] = 5 << 4;
	p[33] = flags;
	put16(p + 34, 60);
	sum = csum_fold(csum_add(csum_partial(p + 20, total - 20), csum_pseudo(ADDR(!to), ADDR(to), 6, total - 20)));
	memcpy(p + 36, &sum, 2);
	step_is(w, "forgery for %c, port %u: flags %x at %d, ack %u, len %u", 'A' + to, c->port[A], flags, place, n,
	        len);
	arrives(w, to, p, total);
}

/* ---- programs call ---- */

static int stack_connect(struct walk *w, struct conn *c, int host)
{
	return ho_sock_connect(w->s[host], c->fd[host], (struct ho_endpoint){ADDR(!host), c->port[!host]});
}

static int stack_send(struct walk *w, struct conn *c, int host, uint32_t n)
{
	uint8_t buf[256];
	const struct model *m = &c->end[host];

	for (uint32_t i = 0; i < n; i++)
		buf[i] = stream_byte(c, host, m->write - m->iss - 1 + i);
	return (int)ho_sock_send(w->s[host], c->fd[host], buf, n, below(w, 4) ? 0 : HO_MSG_MORE);
}

static int stack_recv(struct walk *w, struct conn *c, int host, uint32_t n)
{
	uint8_t buf[512];
	const struct model *m = &c->end[host];
	ptrdiff_t got = ho_sock_recv(w->s[host], c->fd[host], buf, n, 0);

	for (ptrdiff_t i = 0; i < got; i++)
		if (buf[i] != stream_byte(c, !host, m->read - m->irs - 1 + (uint32_t)i))
			disagree(w, "a wrong byte is read");
	return (int)got;
}

static int stack_error(struct walk *w, struct conn *c, int host)
{
	int err = 0;
	size_t len = sizeof(err);

	assert_int_equal(ho_sock_getopt(w->s[host], c->fd[host], HO_SOL_SOCKET, HO_SO_ERROR, &err, &len), 0);
	return -err;
}

static void gave(struct walk *w, int stack, int model)
{
	char text[80];

	if (stack == model)
		return;
	snprintf(text, sizeof(text), "the call gave %d, the model %d", stack, model);
	disagree(w, text);
}

static void end_closes(struct walk *w, struct conn *c, int host)
{
	uint8_t was;

	step_is(w, "close of %c, port %u, state %u", 'A' + host, c->port[A], c->end[host].state);
	was = table_of(&c->end[host]);
	w->rsts_due[host] += model_close(&c->end[host]);
	gave(w, ho_sock_close(w->s[host], c->fd[host]), 0);
	c->fd[host] = -1;
	if (waits_alone(&c->end[host]) && table_of(&c->end[host]) != was)
		c->since[host] = w->now;
}

static void end_lingers(struct walk *w, struct conn *c, int host)
{
	struct ho_linger zero = {1, 0};

	step_is(w, "SO_LINGER of %c, port %u", 'A' + host, c->port[A]);
	c->end[host].linger_zero = true;
	gave(w, ho_sock_setopt(w->s[host], c->fd[host], HO_SOL_SOCKET, HO_SO_LINGER, &zero, sizeof(zero)), 0);
}

static bool never_connected(const struct model *m)
{
	return m->state == HO_CLOSE && !m->has_iss && m->err == 0;
}

static void end_calls(struct walk *w, struct conn *c, int host)
{
	struct model *m = &c->end[host];
	uint32_t what = below(w, 100), n = 1 + below(w, 200);
	int did;

	if (never_connected(m) && what < 60) {
		step_is(w, "connect of %c, port %u", 'A' + host, c->port[A]);
		gave(w, stack_connect(w, c, host), model_connect(m));
	} else if (what < 40) {
		if (m->write - m->iss > STREAM_MOST)
			return;
		step_is(w, "send of %c, port %u: %u", 'A' + host, c->port[A], n);
		did = stack_send(w, c, host, n);
		gave(w, did, model_send(m, n));
	} else if (what < 75) {
		step_is(w, "recv of %c, port %u: %u", 'A' + host, c->port[A], n);
		did = stack_recv(w, c, host, n);
		gave(w, did, model_recv(m, n));
	} else if (what < 80) {
		step_is(w, "SO_ERROR of %c, port %u", 'A' + host, c->port[A]);
		gave(w, stack_error(w, c, host), model_error_take(m));
	} else if (what < 90) {
		int how = (int)below(w, 3);

		step_is(w, "shutdown %d of %c, port %u, state %u", how, 'A' + host, c->port[A], m->state);
		gave(w, ho_sock_shutdown(w->s[host], c->fd[host], how), model_shutdown(m, (uint8_t)(how + 1)));
	} else if (what < 92) {
		end_lingers(w, c, host);
	} else {
		end_closes(w, c, host);
	}
	collect(w);
	w->calls = true;
	conn_agrees(w, c);
	w->calls = false;
}

static int socket_make(struct walk *w, int host, uint16_t port)
{
	int fd = ho_sock_open(w->s[host], HO_SOCK_STREAM, 0), on = 1;

	assert_true(fd >= 0);
	assert_int_equal(ho_sock_setopt(w->s[host], fd, HO_SOL_SOCKET, HO_SO_REUSEADDR, &on, sizeof(on)), 0);
	assert_int_equal(ho_sock_bind(w->s[host], fd, (struct ho_endpoint){ADDR(host), port}), 0);
	return fd;
}

static void conn_opens(struct walk *w)
{
	uint16_t port_a = (uint16_t)(CLIENT_PORT + w->conns);
	bool crossing = below(w, 4) == 0;
	struct conn *c;

	if (w->conns > CONNS_MAX - 100)
		return; /* the rest is for those that old SYNs begin */
	c = conn_new(w, port_a, crossing ? (uint16_t)(port_a + 10000) : PORT);
	step_is(w, "new, port %u%s", port_a, crossing ? ", from both" : "");
	c->crossing = crossing;
	for (int host = 0; host < 1 + crossing; host++) {
		c->fd[host] = socket_make(w, host, c->port[host]);
		c->end[host].held = true;
	}
	gave(w, stack_connect(w, c, A), model_connect(&c->end[A]));
	collect(w);
	w->calls = true;
	conn_agrees(w, c);
	w->calls = false;
}

static void accepts(struct walk *w)
{
	struct ho_endpoint peer;
	int fd = ho_sock_accept(w->s[B], w->listener, &peer);
	struct conn *c;

	step_is(w, "accept");
	gave(w, fd < 0 ? fd : 0, w->queued == 0 ? -EAGAIN : 0);
	if (fd < 0)
		return;
	c = &w->conn[w->accept_queue[0]];
	memmove(w->accept_queue, w->accept_queue + 1, (size_t)--w->queued * sizeof(w->accept_queue[0]));
	if (peer.port != c->port[A])
		disagree(w, "accept() gave another connection");
	c->fd[B] = fd;
	c->end[B].queued = false;
	c->end[B].held = true;
	w->calls = true;
	conn_agrees(w, c);
	w->calls = false;
}

/* ---- time ---- */

/* What a timer may do to an end that waits; after how long at least is roughly Linux's. */
static bool may_expire(const struct walk *w, const struct conn *c, int host, uint8_t is)
{
	const struct model *m = &c->end[host];
	ho_time_ns waited = w->now - c->since[host];

	if (m->bucket)
		return is == HO_CLOSE && waited >= 59 * HO_SEC;
	if (m->request)
		return is == HO_CLOSE && waited >= 30 * HO_SEC;
	if (orphaned(m) && m->state == HO_FIN_WAIT2)
		return is == (HO_FIN_WAIT2 | 0x80) || (is == HO_CLOSE && waited >= 59 * HO_SEC);
	return is == HO_CLOSE && m->una != m->write && waited >= (m->una == m->iss ? 2 : 5) * HO_SEC;
}

static void end_expires(struct walk *w, struct conn *c, int host, uint8_t is)
{
	struct model *m = &c->end[host];

	if (!may_expire(w, c, host, is)) {
		end_agrees(w, c, host);
		return;
	}
	if (m->request || m->bucket)
		m->request = false, m->bucket = 0;
	else if (is != HO_CLOSE)
		model_time_wait(m, HO_FIN_WAIT2);
	else
		model_ends(m, m->state == HO_FIN_WAIT2 ? 0 : ETIMEDOUT);
	w->ended_by[2]++;
}

static void all_agree(struct walk *w)
{
	for (int i = 0; i < w->conns; i++)
		for (int host = 0; host < 2; host++) {
			struct conn *c = &w->conn[i];
			uint8_t is;

			if (!c->end[host].held && !c->end[host].queued && table_of(&c->end[host]) == HO_CLOSE)
				continue;
			is = in_table(w, c, host);
			if (conn_of(w, host, c->port[A]) == i && is != table_of(&c->end[host]))
				end_expires(w, c, host, is);
			end_agrees(w, c, host);
		}
}

static void time_goes(struct walk *w, ho_time_ns by)
{
	ho_time_ns until = w->now + by;

	step_is(w, "%.4f s", (double)by / 1e9);
	for (;;) {
		ho_time_ns a = ho_stack_deadline(w->s[A]), b = ho_stack_deadline(w->s[B]), next = a < b ? a : b;

		w->now = next < until ? (next > w->now ? next : w->now) : until;
		ho_stack_expire(w->s[A], w->now, 0);
		ho_stack_expire(w->s[B], w->now, 0);
		w->timers = true;
		collect(w);
		w->timers = false;
		all_agree(w);
		if (next >= until)
			return;
	}
}

/* ---- a walk ---- */

static void stack_open(struct walk *w, int host)
{
	struct ho_stack_config c;

	ho_stack_config_init(&c);
	c.addr = ADDR(host);
	c.mtu = 576;
	c.link_flags = HO_LINK_ORPHANS;
	memset(c.secret, (int)(w->seed + (uint64_t)host), sizeof(c.secret));
	c.alloc = (struct ho_allocator){heap_take, heap_give, &w->heap[host]};
	assert_int_equal(ho_stack_open(&c, &w->s[host]), 0);
	assert_int_equal(ho_sysctl_set(w->s[host], "net.ipv4.tcp_timestamps", "0"), 0);
	assert_int_equal(ho_sysctl_set(w->s[host], "net.ipv4.tcp_retries2", "7"), 0);
	assert_int_equal(ho_sysctl_set(w->s[host], "net.ipv4.tcp_syn_retries", "3"), 0);
	assert_int_equal(ho_sysctl_set(w->s[host], "net.ipv4.tcp_sack", below(w, 2) ? "1" : "0"), 0);
}

static void walk_begin(struct walk *w, uint64_t seed)
{
	struct ho_stack_config c;

	memset(w, 0, sizeof(*w));
	w->seed = seed;
	w->dice = dice_of(seed, 3, 0);
	ho_stack_config_init(&c);
	w->al = c.alloc;
	stack_open(w, A);
	stack_open(w, B);
	w->listener = socket_make(w, B, PORT);
	assert_int_equal(ho_sock_listen(w->s[B], w->listener, 1000), 0);
}

static bool somebody(const struct conn *c)
{
	return c->end[A].held || c->end[B].held || c->end[A].there || c->end[B].there;
}

/* One of those that still have something to do; NULL. */
static struct conn *conn_any(struct walk *w, int *count)
{
	struct conn *found = NULL;

	*count = 0;
	for (int i = w->conns - 1; i >= 0 && i > w->conns - 60; i--)
		if (somebody(&w->conn[i]) && below(w, (uint32_t)++ * count) == 0)
			found = &w->conn[i];
	return found;
}

static void step_random(struct walk *w)
{
	uint32_t what = below(w, 100);
	int count;
	struct conn *c = conn_any(w, &count);

	if (what < 40 && w->flying > 0) {
		deliver(w, 8, 5);
	} else if (what < 75 && c != NULL) {
		int host = c->end[A].held && (!c->end[B].held || below(w, 2)) ? A : B;

		if (c->end[host].held)
			end_calls(w, c, host);
	} else if (what < 80) {
		accepts(w);
	} else if (what < 82 && c != NULL) {
		forge(w, c);
	} else if (what < 86 && count < OPEN_MAX) {
		conn_opens(w);
	} else if (what < 99) {
		time_goes(w, below(w, 30) * HO_MS + below(w, 1000000));
	} else {
		time_goes(w, below(w, 8) ? below(w, 4000) * HO_MS : below(w, 100) * HO_SEC);
	}
	counters_agree(w);
}

static void all_is_delivered(struct walk *w)
{
	for (int i = 0; w->flying > 0; i++) {
		if (i == 10000)
			disagree(w, "two ends talk for ever");
		deliver(w, 0, 0);
	}
}

static void programs_end(struct walk *w)
{
	while (w->queued > 0)
		accepts(w);
	for (int i = 0; i < w->conns; i++)
		for (int host = 0; host < 2; host++)
			if (w->conn[i].end[host].held) {
				end_closes(w, &w->conn[i], host);
				collect(w);
				conn_agrees(w, &w->conn[i]);
			}
}

static void nothing_is_left(struct walk *w)
{
	for (int host = 0; host < 2; host++) {
		struct ho_memory m;

		ho_stack_memory(w->s[host], &m);
		if (m.socks != 0 || m.requests != 0 || m.timewaits != 0 || m.orphans != 0 || m.ehash_count != 0)
			disagree(w, "a socket is stuck");
		assert_int_equal(w->s[host]->segs.used_count + w->s[host]->rxsegs.used_count + w->s[host]->wheel.count,
		                 0);
		ho_stack_close(w->s[host]);
		if (w->heap[host].blocks != 0 || w->heap[host].bytes != 0)
			disagree(w, "memory has leaked");
	}
}

/* The faults stop: what is on its way arrives, in order; programs close; time passes. */
static void walk_end(struct walk *w)
{
	w->good_wire = true;
	all_is_delivered(w);
	for (int i = 0; i < 100; i++) {
		time_goes(w, 50 * HO_MS);
		all_is_delivered(w);
	}
	programs_end(w);
	for (int i = 0; i < 400; i++) {
		all_is_delivered(w);
		time_goes(w, i < 100 ? 100 * HO_MS : 2 * HO_SEC);
	}
	step_is(w, "the end");
	gave(w, ho_sock_close(w->s[B], w->listener), 0);
	ho_stack_expire(w->s[A], w->now, 0);
	ho_stack_expire(w->s[B], w->now, 0);
	counters_agree(w);
	nothing_is_left(w);
}

static void the_stack_walks_as_the_model_does(void **state)
{
	static struct walk w;
	uint64_t delivered = 0, conns = 0, expired = 0, rsts = 0;

	(void)state;
	for (uint64_t seed = first_seed; seed <= last_seed; seed++) {
		walk_begin(&w, seed);
		for (w.step = 1; w.step <= STEPS; w.step++)
			step_random(&w);
		walk_end(&w);
		delivered += w.delivered;
		conns += (uint64_t)w.conns;
		expired += w.ended_by[2];
		rsts += w.rsts[A] + w.rsts[B];
	}
	print_message("%llu steps: %llu connections, %llu segments delivered, %llu RSTs, %llu ends of patience\n",
	              (unsigned long long)((last_seed - first_seed + 1) * STEPS), (unsigned long long)conns,
	              (unsigned long long)delivered, (unsigned long long)rsts, (unsigned long long)expired);
	if (last_seed > first_seed) /* or nothing was shown */
		assert_true(delivered > (last_seed - first_seed) * STEPS / 4 && conns > (last_seed - first_seed) * 20 &&
		            rsts > 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_stack_walks_as_the_model_does),
	};

	program = argv[0];
	if (argc > 1 && strcmp(argv[1], "full") == 0) {
		last_seed = SEEDS_FULL;
	} else if (argc > 1) {
		first_seed = last_seed = strtoull(argv[1], NULL, 10);
		talk = true;
	}
	if (argc > 2)
		last_seed = strtoull(argv[2], NULL, 10), talk = false;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
