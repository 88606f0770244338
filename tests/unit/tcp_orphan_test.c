/* SPDX-License-Identifier: MIT
 * Too many connections without a program: which count it is that tcp_max_orphans is compared with. */
#include "tcp_talk.h"

#include "tcp.h"

#define PEERS 40

struct crowd {
	struct tcp_lab t;
	struct peer p[PEERS];
	int lfd, fd[PEERS];
};

static struct crowd *crowd_of(unsigned n, uint32_t profile, const char *limit, const char *test)
{
	struct crowd *c = calloc(1, sizeof(*c));

	assert_non_null(c);
	c->t = tcp_lab_with((struct lab_options){.linux_profile = profile}, test);
	host_sysctl(&c->t, "net.ipv4.tcp_max_orphans", limit);
	c->lfd = host_listen(&c->t, (int)n);
	for (unsigned i = 0; i < n; i++) {
		c->p[i] = peer_of(&c->t, i + 1);
		c->fd[i] = host_accepted(&c->t, c->lfd, &c->p[i]);
	}
	marked(&c->t);
	return c;
}
#define crowd(n, profile, limit) crowd_of(n, profile, limit, __func__)

static void done(struct crowd *c)
{
	tcp_lab_close(&c->t);
	free(c);
}

static void closed_is_polite(struct crowd *c, unsigned i)
{
	host_close(&c->t, c->fd[i]);
	hears(&c->p[i], "F. 1 ack 1");
}

static void closed_is_reset(struct crowd *c, unsigned i)
{
	closed_is_polite(c, i);
	hears(&c->p[i], "R. 2 ack 1");
}

static void there_are(struct crowd *c, uint32_t n)
{
	struct ho_memory m;

	ho_stack_memory(c->t.l.s, &m);
	assert_int_equal(m.orphans, n);
}

/* ---- 6.18 ---- */

static void orphans_of_the_last_100_ms_are_not_known_yet(void **state)
{
	struct crowd *c = crowd(4, HO_LINUX_6_18, "1");

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		closed_is_polite(c, i);
	lab_at(&c->t, 99);
	there_are(c, 3);
	counted(&c->t, "TcpOutSegs 3 TcpCurrEstab -3 TCPOrigDataSent 3");
	lab_at(&c->t, 100);
	closed_is_reset(c, 3);
	counted(&c->t, "TcpOutSegs 2 TcpOutRsts 1 TcpCurrEstab -1 TCPAbortOnMemory 1 TCPOrigDataSent 1");
	there_are(c, 3);
	done(c);
}

static void orphans_that_are_gone_are_counted_for_up_to_100_ms(void **state)
{
	struct crowd *c = crowd(4, HO_LINUX_6_18, "1");

	(void)state;
	closed_is_polite(c, 0);
	closed_is_polite(c, 1);
	lab_at(&c->t, 110);
	says(&c->p[0], "R 1");
	says(&c->p[1], "R 1");
	there_are(c, 0);
	closed_is_reset(c, 2);
	lab_at(&c->t, 199);
	there_are(c, 0);
	lab_at(&c->t, 200);
	closed_is_polite(c, 3);
	done(c);
}

static void all_go_at_their_first_timeout_when_there_were_too_many(void **state)
{
	struct crowd *c = crowd(3, HO_LINUX_6_18, "1");

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		closed_is_polite(c, i);
	for (unsigned i = 0; i < 3; i++)
		hears_at(&c->p[i], 201, "F. 1 ack 1");
	marked(&c->t);
	for (unsigned i = 0; i < 3; i++)
		hears_at(&c->p[i], 402, "R. 2 ack 1");
	counted(&c->t, "TcpOutSegs 3 TcpOutRsts 3 TCPTimeouts 3 TCPAbortOnMemory 3");
	there_are(c, 0);
	done(c);
}

static void an_orphan_about_which_icmp_complains_counts_double(void **state)
{
	struct crowd *c = crowd(1, HO_LINUX_6_18, "1");

	(void)state;
	closed_is_polite(c, 0);
	says_icmp(&c->p[0], 3, 10, 0);
	hears_at(&c->p[0], 201, "F. 1 ack 1");
	marked(&c->t);
	hears_at(&c->p[0], 402, "R. 2 ack 1");
	counted(&c->t, "TcpOutSegs 1 TcpOutRsts 1 TCPTimeouts 1 TCPAbortOnMemory 1");
	done(c);
}

/* ---- 4.15 ---- */

static void before_5_16_the_first_31_orphans_are_not_seen(void **state)
{
	struct crowd *c = crowd(40, HO_LINUX_4_15, "10");

	(void)state;
	for (unsigned i = 0; i < 31; i++)
		closed_is_polite(c, i);
	counted(&c->t, "TcpOutSegs 31 TcpCurrEstab -31 TCPOrigDataSent 31");
	for (unsigned i = 31; i < 40; i++)
		closed_is_reset(c, i);
	counted(&c->t, "TcpOutSegs 18 TcpOutRsts 9 TcpCurrEstab -9 TCPAbortOnMemory 9 TCPOrigDataSent 9");
	there_are(c, 31);
	done(c);
}

static void before_5_16_timeouts_bring_orphans_down_to_the_limit_exactly(void **state)
{
	struct crowd *c = crowd(32, HO_LINUX_4_15, "10");

	(void)state;
	for (unsigned i = 0; i < 31; i++)
		closed_is_polite(c, i);
	closed_is_reset(c, 31);
	for (unsigned i = 0; i < 31; i++)
		hears_at(&c->p[i], 201, "F. 1 ack 1");
	marked(&c->t);
	for (unsigned i = 0; i < 21; i++)
		hears_at(&c->p[i], 402, "R. 2 ack 1");
	for (unsigned i = 21; i < 31; i++)
		hears_at(&c->p[i], 402, "F. 1 ack 1");
	there_are(c, 10);
	counted(&c->t,
	        "TcpOutSegs 21 TcpRetransSegs 10 TcpOutRsts 21 TCPTimeouts 31 TCPAbortOnMemory 21 TcpTimeoutRehash 10");
	done(c);
}

static void before_5_16_11_orphans_are_not_too_many_for_a_limit_of_10(void **state)
{
	struct crowd *c = crowd(11, HO_LINUX_4_15, "10");

	(void)state;
	for (unsigned i = 0; i < 11; i++)
		closed_is_polite(c, i);
	lab_at(&c->t, 1000);
	there_are(c, 11);
	done(c);
}

/* ---- against naive models: a timer that fires each 100 ms; a CPU that counts and tells ---- */

static uint32_t draw(uint64_t *seed, uint32_t below)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((*seed >> 33) % below);
}

struct model {
	int64_t count, cached, shared, own;
	uint64_t now_ms;
};

static void model_add(struct model *m, int by)
{
	m->count += by;
	m->own += by;
	if (m->own >= 32 || m->own <= -32) {
		m->shared += m->own;
		m->own = 0;
	}
}

static void model_time(struct model *m, uint64_t to_ms)
{
	while (m->now_ms < to_ms)
		if (++m->now_ms % 100 == 0)
			m->cached = m->count;
}

static bool model_too_many(const struct model *m, bool old, unsigned shift, int64_t limit)
{
	int64_t seen = old ? m->shared : m->cached;

	if (seen < 0)
		seen = 0;
	if (seen << shift <= limit)
		return false;
	return !old || (m->shared + m->own) << shift > limit;
}

static void walk(uint32_t profile, uint64_t seed)
{
	struct lab l = lab_open_with((struct lab_options){.linux_profile = profile});
	struct model m = {.now_ms = lab_now_ms(&l)};
	bool up = true;
	unsigned refused = 0;

	for (unsigned step = 0; step < 20000; step++) {
		struct sock sk = {.habits = (struct habits *)&habits_default};
		unsigned shift = draw(&seed, 3), limit = draw(&seed, 150);
		char text[16];

		if (draw(&seed, 50) == 0)
			up = m.count < 100 && draw(&seed, 2) == 0;
		if (up) {
			tcp_orphan(l.s, &sk);
			model_add(&m, 1);
		} else if (m.count > 0) {
			tcp_orphan_gone(l.s);
			model_add(&m, -1);
		}
		snprintf(text, sizeof(text), "%u", limit);
		assert_int_equal(ho_sysctl_set(l.s, "net.ipv4.tcp_max_orphans", text), 0);
		refused += model_too_many(&m, profile != HO_LINUX_6_18, shift, limit);
		assert_int_equal(tcp_check_oom(l.s, &sk, shift),
		                 model_too_many(&m, profile != HO_LINUX_6_18, shift, limit));
		if (draw(&seed, 4) == 0) {
			uint64_t to = m.now_ms + draw(&seed, draw(&seed, 10) == 0 ? 500 : 20);

			lab_run(&l, to);
			model_time(&m, to);
		}
	}
	assert_in_range(refused, 1000, 19000);
	while (m.count-- > 0)
		tcp_orphan_gone(l.s);
	lab_close(&l);
}

static void the_count_is_what_a_timer_of_100_ms_would_see(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 10; seed++)
		walk(HO_LINUX_6_18, seed);
}

static void before_5_16_the_count_is_what_one_cpu_would_have_told(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 10; seed++)
		walk(HO_LINUX_4_15, seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(orphans_of_the_last_100_ms_are_not_known_yet),
		cmocka_unit_test(orphans_that_are_gone_are_counted_for_up_to_100_ms),
		cmocka_unit_test(all_go_at_their_first_timeout_when_there_were_too_many),
		cmocka_unit_test(an_orphan_about_which_icmp_complains_counts_double),
		cmocka_unit_test(before_5_16_the_first_31_orphans_are_not_seen),
		cmocka_unit_test(before_5_16_timeouts_bring_orphans_down_to_the_limit_exactly),
		cmocka_unit_test(before_5_16_11_orphans_are_not_too_many_for_a_limit_of_10),
		cmocka_unit_test(the_count_is_what_a_timer_of_100_ms_would_see),
		cmocka_unit_test(before_5_16_the_count_is_what_one_cpu_would_have_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
