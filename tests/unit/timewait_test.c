/* SPDX-License-Identifier: MIT
 * Places, times and ports of TIME-WAIT buckets: timewait.c and port.c beside a naive model. */
#include "lab.h"
#include "tcp.h"
#include "timewait.h"

#define REMOTE HO_ADDR(198, 18, 0, 9)
#define LONGEST_FIN_WAIT2_MS 420000u

static uint64_t random_state;

static uint32_t draw(uint32_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)((random_state >> 32) * below >> 32);
}

/* ---- a bucket of the stack's, and of the model's ---- */

struct bucket {
	struct timewait *tw; /* NULL: there is none */
	uint32_t laddr;
	uint16_t lport, rport;
	bool by_connect, reuseaddr, reuseport, fin_wait2;
	uint64_t expires_ms, born_ms, stamp_s, oow_ms; /* oow_ms 0: none */
};

#define BUCKETS 400u
#define PORTS 3u
#define FIRST_PORT 5000u

static const uint32_t addresses[] = {HOST, HOST + 1, HO_ADDR_LOOPBACK, HO_ADDR_LOOPBACK + 1};
#define ADDRESSES (sizeof(addresses) / sizeof(addresses[0]))

static struct bench {
	struct lab l;
	struct bucket bucket[BUCKETS];
	uint32_t count;
	uint32_t ratelimit_ms;
} b;

static uint64_t now_ms(void)
{
	return b.l.s->now_ms;
}

static struct sock *fresh(uint32_t laddr, bool reuseaddr, bool reuseport)
{
	struct sock *sk = sock_make(b.l.s, HO_SOCK_STREAM, HO_IPPROTO_TCP);

	assert_non_null(sk);
	sk->e.laddr = laddr;
	sk->reuseaddr = reuseaddr;
	sk->reuseport = reuseport;
	return sk;
}

static void ports_are(uint32_t low, uint32_t high)
{
	b.l.s->ctl.ip_local_port_min = low;
	b.l.s->ctl.ip_local_port_max = high;
}

/* Do only connects have the port? */
static bool model_shares(uint16_t port)
{
	for (uint32_t i = 0; i < BUCKETS; i++)
		if (b.bucket[i].tw != NULL && b.bucket[i].lport == port && !b.bucket[i].by_connect)
			return false;
	return true;
}

/* Source: Linux 6.18 inet_bind_conflict. */
static bool model_conflicts(uint16_t port, uint32_t laddr, bool reuseaddr, bool reuseport, bool picked)
{
	for (uint32_t i = 0; i < BUCKETS; i++) {
		const struct bucket *m = &b.bucket[i];

		if (m->tw == NULL || m->lport != port || (laddr != HO_ADDR_ANY && laddr != m->laddr))
			continue;
		if (picked || !((m->reuseaddr && reuseaddr) || (m->reuseport && reuseport)))
			return true;
	}
	return false;
}

/* A connection of the bucket's 4-tuple that has the port by connect(), or as a listener's child. */
static struct sock *connection(struct bucket *m)
{
	struct sock *sk = fresh(m->laddr, m->reuseaddr, m->reuseport);

	sk->e.raddr = REMOTE;
	sk->e.rport = m->rport;
	if (m->by_connect) {
		bool shares = model_shares(m->lport);

		ports_are(m->lport, m->lport);
		assert_int_equal(port_connect(b.l.s, sk), shares ? 0 : -EADDRNOTAVAIL);
		if (shares)
			return sk;
		m->by_connect = false;
	}
	assert_int_equal(port_inherit(b.l.s, sk, m->lport), 0);
	assert_true(conn_insert(b.l.s, &sk->e));
	return sk;
}

static struct timewait *ended(struct sock *sk, bool fin_wait2)
{
	struct timewait *tw = timewait_take(b.l.s);

	assert_non_null(tw);
	tw->e = sk->e;
	tw->e.kind = ENTRY_TIMEWAIT;
	tw->e.flags = TW_TS | (fin_wait2 ? TW_FIN_WAIT2 : 0);
	tw->e.oow_low = 0;
	assert_true(port_to_timewait(b.l.s, sk, tw));
	conn_replace(b.l.s, &sk->e, &tw->e);
	b.l.s->timewait_count++;
	sock_free(b.l.s, sk);
	return tw;
}

static void bucket_make(uint32_t i)
{
	struct bucket *m = &b.bucket[i];
	uint32_t timeout_ms = TCP_TIMEWAIT_LEN_MS;

	*m = (struct bucket){.laddr = addresses[draw(ADDRESSES)],
	                     .lport = (uint16_t)(FIRST_PORT + draw(PORTS)),
	                     .rport = (uint16_t)(1 + i),
	                     .by_connect = draw(20) != 0,
	                     .reuseaddr = draw(2),
	                     .reuseport = draw(2),
	                     .fin_wait2 = draw(3) == 0};
	m->tw = ended(connection(m), m->fin_wait2);
	if (m->fin_wait2)
		timeout_ms = draw(20) == 0 ? draw(LONGEST_FIN_WAIT2_MS) + 1 : draw(TCP_TIMEWAIT_LEN_MS) + 1;
	timewait_start(b.l.s, m->tw, timeout_ms);
	m->expires_ms = now_ms() + timeout_ms;
	m->born_ms = now_ms();
	m->stamp_s = now_ms() / 1000 - draw(2) * draw(40 * 86400);
	timewait_ts_stamp_set(b.l.s, m->tw, (uint32_t)m->stamp_s);
	b.count++;
}

static void bucket_free(uint32_t i)
{
	tcp_timewait_free(b.l.s, b.bucket[i].tw);
	b.bucket[i].tw = NULL;
	b.count--;
}

static void bucket_fin(struct bucket *m)
{
	bool anew = draw(2) || now_ms() - m->born_ms > UINT16_MAX; /* only that much is known of it */

	timewait_fin(b.l.s, m->tw, anew);
	m->fin_wait2 = false;
	if (anew)
		m->born_ms = now_ms();
	m->expires_ms = now_ms() + TCP_TIMEWAIT_LEN_MS;
}

static bool model_limited(const struct bucket *m)
{
	return m->oow_ms != 0 && now_ms() - m->oow_ms < b.ratelimit_ms;
}

static bool limited(const struct bucket *m)
{
	uint32_t last = timewait_oow_ms(b.l.s, m->tw);

	return last != 0 && (uint32_t)now_ms() - last < b.ratelimit_ms;
}

static void bucket_change(struct bucket *m)
{
	switch (draw(4)) {
	case 0:
		m->stamp_s = now_ms() / 1000;
		timewait_ts_stamp_set(b.l.s, m->tw, (uint32_t)m->stamp_s);
		return;
	case 1:
		if (model_limited(m))
			return;
		m->oow_ms = now_ms();
		timewait_oow_set(b.l.s, m->tw, (uint32_t)now_ms());
		return;
	default:
		if (m->fin_wait2) {
			bucket_fin(m);
			return;
		}
		timewait_restart(b.l.s, m->tw);
		m->expires_ms = now_ms() + TCP_TIMEWAIT_LEN_MS;
	}
}

/* ---- what both say ---- */

static void bucket_check(const struct bucket *m)
{
	uint64_t now_s = now_ms() / 1000, age_s = now_s - m->stamp_s;
	uint32_t told_s = (uint32_t)now_s - timewait_ts_stamp_s(b.l.s, m->tw);
	uint32_t ms = draw(60001);

	assert_ptr_equal(conn_find(b.l.s, m->laddr, m->lport, REMOTE, m->rport), &m->tw->e);
	assert_ptr_equal(timewait_at(b.l.s, timewait_number(b.l.s, m->tw)), m->tw);
	assert_int_equal(timewait_expires(b.l.s, m->tw), (uint32_t)m->expires_ms);
	assert_int_equal(!(m->tw->e.flags & TW_FIN_WAIT2), !m->fin_wait2);
	if (!m->fin_wait2) {
		assert_int_equal(timewait_older(b.l.s, m->tw, ms), now_ms() - m->born_ms > ms);
		assert_int_equal(timewait_older(b.l.s, m->tw, 60000), now_ms() - m->born_ms > 60000);
	}
	if (age_s < TCP_PAWS_24DAYS_S)
		assert_int_equal(told_s, age_s);
	else
		assert_true(told_s >= TCP_PAWS_24DAYS_S);
	assert_int_equal(limited(m), model_limited(m));
}

static void bind_check(void)
{
	static const uint32_t to[] = {HO_ADDR_ANY, HOST, HOST + 1, HO_ADDR_LOOPBACK, HO_ADDR_LOOPBACK + 1, HOST + 2};
	uint32_t laddr = to[draw(6)];
	bool reuseaddr = draw(2), reuseport = draw(2), picked = draw(3) == 0;
	uint16_t port = (uint16_t)(FIRST_PORT + draw(PORTS));
	bool conflicts = model_conflicts(port, laddr, reuseaddr, reuseport, picked);
	struct sock *sk = fresh(laddr, reuseaddr, reuseport);

	ports_are(port, port);
	assert_int_equal(port_bind(b.l.s, sk, picked ? 0 : port), conflicts ? -EADDRINUSE : 0);
	port_release(b.l.s, sk);
	sock_free(b.l.s, sk);
}

static uint64_t model_next(void)
{
	uint64_t next = UINT64_MAX;

	for (uint32_t i = 0; i < BUCKETS; i++)
		if (b.bucket[i].tw != NULL && b.bucket[i].expires_ms < next)
			next = b.bucket[i].expires_ms;
	return next;
}

/* Who is due goes, and nobody else; the deadline before was not too late. */
static void time_goes(uint32_t ms)
{
	uint64_t to = now_ms() + ms, next = model_next();

	assert_true(ho_stack_deadline(b.l.s) <= (next == UINT64_MAX ? HO_NEVER : next * HO_MS));
	ho_stack_expire(b.l.s, to * HO_MS, 0);
	for (uint32_t i = 0; i < BUCKETS; i++) {
		struct bucket *m = &b.bucket[i];

		if (m->tw == NULL || m->expires_ms > to)
			continue;
		assert_null(conn_find(b.l.s, m->laddr, m->lport, REMOTE, m->rport));
		m->tw = NULL;
		b.count--;
	}
	assert_int_equal(b.l.s->timewait_count, b.count);
}

static uint32_t draw_ms(void)
{
	switch (draw(12)) {
	case 0: return draw(70000);
	case 1: return draw(5000);
	default: return draw(60);
	}
}

static void step(void)
{
	uint32_t i = draw(BUCKETS);
	struct bucket *m = &b.bucket[i];

	switch (draw(10)) {
	case 0:
		time_goes(draw_ms());
		break;
	case 1:
		bind_check();
		break;
	case 2:
		if (m->tw != NULL && draw(3) == 0)
			bucket_free(i);
		break;
	case 3:
	case 4:
		if (m->tw != NULL)
			bucket_change(m);
		break;
	default:
		if (m->tw == NULL)
			bucket_make(i);
	}
	if (m->tw != NULL)
		bucket_check(m);
}

static void walk(uint64_t birth_ns, uint32_t ratelimit_ms)
{
	b = (struct bench){.l = lab_open(.birth_ns = birth_ns), .ratelimit_ms = ratelimit_ms};
	b.l.s->ctl.tcp_invalid_ratelimit = ratelimit_ms;
	for (int i = 0; i < 60000; i++)
		step();
	for (uint32_t i = 0; i < BUCKETS; i++)
		if (b.bucket[i].tw != NULL)
			bucket_check(&b.bucket[i]);
	time_goes(LONGEST_FIN_WAIT2_MS);
	assert_int_equal(b.count, 0);
	assert_int_equal(b.l.s->timewaits.used_count, 0);
	assert_int_equal(b.l.s->buckets.used_count, 0);
	assert_int_equal(b.l.s->bind_timewaits.used_count, 0);
	assert_int_equal(b.l.s->wheel.count, 0);
	lab_close(&b.l);
}

static void random_buckets_agree_with_the_model(void **state)
{
	static const uint64_t births_s[] = {60 * 86400, 4294967 /* 32 bits of ms end */, 4194304 /* 22 bits of s */};

	(void)state;
	random_state = UINT64_C(0x5eed7a17);
	for (unsigned i = 0; i < 3; i++) {
		walk(births_s[i] * HO_SEC, 500);
		walk(births_s[i] * HO_SEC - 100 * HO_SEC, 1200000);
	}
}

/* ---- times that a walk seldom meets ---- */

static struct bucket *one(uint64_t stamp_age_s)
{
	struct bucket *m = &b.bucket[0];

	b = (struct bench){.l = lab_open(.birth_ns = UINT64_C(60) * 86400 * HO_SEC), .ratelimit_ms = 500};
	*m = (struct bucket){.laddr = HOST, .lport = FIRST_PORT, .rport = 1, .by_connect = true};
	m->tw = ended(connection(m), false);
	timewait_start(b.l.s, m->tw, TCP_TIMEWAIT_LEN_MS);
	timewait_ts_stamp_set(b.l.s, m->tw, (uint32_t)(now_ms() / 1000 - stamp_age_s));
	return m;
}

/* Restarted once a minute, for a month. */
static void a_bucket_kept_alive_grows_old_but_never_young_again(void **state)
{
	struct bucket *m = one(0);
	uint64_t born_s = now_ms() / 1000;

	(void)state;
	timewait_oow_set(b.l.s, m->tw, (uint32_t)now_ms());
	for (uint32_t minute = 1; minute <= 30 * 24 * 60; minute++) {
		uint32_t age_s;

		ho_stack_expire(b.l.s, (now_ms() + 59999) * HO_MS, 0);
		assert_int_equal(b.l.s->timewait_count, 1);
		assert_true(timewait_older(b.l.s, m->tw, 59000));
		assert_int_equal(timewait_older(b.l.s, m->tw, 60000), minute > 1);
		age_s = (uint32_t)(now_ms() / 1000) - timewait_ts_stamp_s(b.l.s, m->tw);
		assert_true(age_s >= TCP_PAWS_24DAYS_S || age_s == now_ms() / 1000 - born_s);
		timewait_restart(b.l.s, m->tw);
		assert_int_equal(timewait_oow_ms(b.l.s, m->tw), 0);
	}
	ho_stack_expire(b.l.s, (now_ms() + 60000) * HO_MS, 0);
	assert_int_equal(b.l.s->timewait_count, 0);
	lab_close(&b.l);
}

static void a_stamp_of_more_than_24_days_ago_stays_so(void **state)
{
	struct bucket *m = one(50 * 86400);

	(void)state;
	assert_int_equal((uint32_t)(now_ms() / 1000) - timewait_ts_stamp_s(b.l.s, m->tw), TCP_PAWS_24DAYS_S);
	tcp_timewait_free(b.l.s, m->tw);
	lab_close(&b.l);
}

/* ---- places ---- */

#define MANY 100000u

static void a_hundred_thousand_buckets_take_44_bytes_each_and_one_timer_a_batch(void **state)
{
	static struct timewait *tw[MANY];
	struct lab l = lab_open();
	size_t before = l.heap->bytes;

	(void)state;
	for (uint32_t i = 0; i < MANY; i++) {
		tw[i] = timewait_take(l.s);
		assert_non_null(tw[i]);
		timewait_start(l.s, tw[i], TCP_TIMEWAIT_LEN_MS);
		assert_ptr_equal(timewait_at(l.s, timewait_number(l.s, tw[i])), tw[i]);
	}
	assert_in_range(l.heap->bytes - before, MANY * 43, MANY * 46);
	assert_int_equal(l.s->wheel.count, (MANY + BATCH_PLACES - 1) / BATCH_PLACES);
	for (uint32_t i = 0; i < MANY; i += 2)
		timewait_give(l.s, tw[i]);
	before = l.heap->bytes;
	for (uint32_t i = 0; i < MANY; i += 2)
		tw[i] = timewait_take(l.s);
	assert_int_equal(l.heap->bytes, before); /* the places of those that went */
	for (uint32_t i = 0; i < MANY; i++)
		timewait_give(l.s, tw[i]);
	assert_int_equal(l.s->timewaits.used_count, 0);
	assert_int_equal(l.s->wheel.count, 0);
	lab_close(&l);
}

/* Counts of a second address need memory. */
static void without_memory_a_port_refuses_a_bucket_and_stays_the_sockets(void **state)
{
	struct bucket m = {.laddr = HOST + 1, .lport = FIRST_PORT, .rport = 2, .by_connect = true};
	struct timewait *tw, *other;
	struct sock *sk;

	(void)state;
	tw = one(0)->tw;
	sk = connection(&m);
	other = timewait_take(b.l.s);
	other->e = sk->e;
	other->e.flags = 0;
	b.l.heap->refuse_bytes = 1;
	assert_false(port_to_timewait(b.l.s, sk, other));
	b.l.heap->refuse_bytes = 0;
	assert_non_null(sk->bucket);
	timewait_give(b.l.s, other);
	conn_remove(b.l.s, &sk->e);
	port_release(b.l.s, sk);
	sock_free(b.l.s, sk);
	tcp_timewait_free(b.l.s, tw);
	assert_int_equal(b.l.s->buckets.used_count, 0);
	lab_close(&b.l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_buckets_agree_with_the_model),
		cmocka_unit_test(a_bucket_kept_alive_grows_old_but_never_young_again),
		cmocka_unit_test(a_stamp_of_more_than_24_days_ago_stays_so),
		cmocka_unit_test(a_hundred_thousand_buckets_take_44_bytes_each_and_one_timer_a_batch),
		cmocka_unit_test(without_memory_a_port_refuses_a_bucket_and_stays_the_sockets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
