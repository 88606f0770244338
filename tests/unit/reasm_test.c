/* SPDX-License-Identifier: MIT
 * Fragments in: rules one by one, then at random against a model that looks at every run of bytes; lack of memory; floods.
 * Held against Linux 6.18 by the experiments ip_fragments and ping_fragments. */
#include "ip_parts.h"
#include "lab.h"

#define MF 0x2000
#define DF 0x4000
#define LIMIT 4194304u

static uint64_t random_state = 88172645463325252u;

static uint32_t draw(uint32_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)((random_state >> 32) * below >> 32);
}

/* ---- an echo request, and parts of it ---- */

struct echo {
	uint32_t len;
	uint8_t at[65515];
};

static void echo_make(struct echo *e, uint32_t len, uint32_t seed)
{
	e->len = len;
	memset(e->at, 0, 8);
	e->at[0] = 8;
	for (uint32_t i = 8; i < len; i++)
		e->at[i] = (uint8_t)(i * 7 + i / 256 + seed);
	sum_store(e->at + 2, csum_partial(e->at, len));
}

struct part {
	uint32_t offset, end;
	bool more;
	uint16_t id, flags;
	uint8_t tos;
	uint32_t saddr;
	unsigned slices; /* 0: one */
	bool good;       /* a device has checked it */
};

struct sliced {
	struct ho_frame f; /* first */
	struct lab *l;
	uint32_t bytes;
	uint8_t at[];
};

static void sliced_release(struct ho_frame *f)
{
	struct sliced *s = (void *)f;

	heap_give(s->l->heap, s, s->bytes);
}

/* The same bytes in several slices, of any length. */
static struct ho_frame *sliced_make(struct lab *l, const uint8_t *bytes, uint32_t len, unsigned slices)
{
	struct sliced *s = heap_take(l->heap, sizeof(*s) + len, 8);
	uint32_t at = 0;

	if (s == NULL)
		return NULL;
	*s = (struct sliced){.l = l, .bytes = (uint32_t)sizeof(*s) + len};
	memcpy(s->at, bytes, len);
	s->f.len_bytes = len;
	s->f.refs = 1;
	s->f.gso_segs = 1;
	s->f.release = sliced_release;
	for (unsigned i = 0; i < slices; i++) {
		uint32_t n = i + 1 < slices ? draw((len - at) / 2) + (i == 0) : len - at;

		s->f.slice[s->f.slice_count++] = (struct ho_slice){s->at + at, n};
		at += n;
	}
	return &s->f;
}

static void part_in(struct lab *l, const struct echo *e, struct part p)
{
	uint32_t len = p.end - p.offset;
	uint8_t *b = calloc(1, 20 + len);
	struct ho_frame *f;

	b[0] = 0x45;
	b[1] = p.tos;
	put16(b + 2, (uint16_t)(20 + len));
	put16(b + 4, p.id);
	put16(b + 6, (uint16_t)(p.flags | p.offset / 8 | (p.more ? MF : 0)));
	b[8] = 64;
	b[9] = IP_PROTO_ICMP;
	put32(b + 12, p.saddr != 0 ? p.saddr : PEER_ADDR);
	put32(b + 16, HOST);
	sum_store(b + 10, csum_partial(b, 20));
	if (p.end <= e->len)
		memcpy(b + 20, e->at + p.offset, len);
	f = p.slices > 1 ? sliced_make(l, b, 20 + len, p.slices) : ho_frame_make(&l->al, b, 20 + len);
	free(b);
	if (f == NULL)
		return;
	if (p.good)
		f->csum = HO_CSUM_GOOD;
	ho_stack_input(l->s, f, ho_stack_now(l->s));
}
#define in(l, e, ...) part_in(l, e, (struct part){__VA_ARGS__})

static void expect_answer(struct lab *l, const struct echo *e)
{
	struct packet *p = lab_out(l);

	assert_int_equal(p->len, 20 + e->len);
	assert_int_equal(p->bytes[20], 0);
	assert_memory_equal(p->bytes + 24, e->at + 4, e->len - 4);
	assert_int_equal(csum_fold(csum_partial(p->bytes + 20, e->len)), 0);
}

/* ---- rules ---- */

static void two_fragments_make_a_packet_in_any_order(void **state)
{
	struct lab l = lab_open(.mtu = 65535);
	static struct echo e;

	(void)state;
	echo_make(&e, 2000, 1);
	for (uint16_t i = 0; i < 2; i++) {
		in(&l, &e, .id = i, .offset = i ? 1024 : 0, .end = i ? 2000 : 1024, .more = !i);
		lab_nothing(&l);
		in(&l, &e, .id = i, .offset = i ? 0 : 1024, .end = i ? 1024 : 2000, .more = i);
		expect_answer(&l, &e);
		lab_deltas(&l, "IpInReceives 2 IpInDelivers 1 IpOutRequests 1 IpReasmReqds 2 IpReasmOKs 1 IpOutTransmits 1 "
		               "IcmpInMsgs 1 IcmpInEchos 1 IcmpMsgInType8 1 IcmpOutMsgs 1 IcmpOutEchoReps 1 "
		               "IcmpMsgOutType0 1 IpExtInOctets 2040 IpExtOutOctets 2020 IpExtInNoECTPkts 2");
		assert_int_equal(reasm_memory(l.s), 0);
	}
	lab_close(&l);
}

static void a_duplicate_is_ignored(void **state)
{
	struct lab l = lab_open(.mtu = 65535);
	static struct echo e;

	(void)state;
	echo_make(&e, 3000, 1);
	in(&l, &e, .offset = 0, .end = 1024, .more = true);
	in(&l, &e, .offset = 0, .end = 1024, .more = true);
	in(&l, &e, .offset = 1024, .end = 2048, .more = true);
	in(&l, &e, .offset = 512, .end = 1536, .more = true); /* within what came in one run */
	lab_counted(&l, IpReasmFails, 0);
	in(&l, &e, .offset = 2048, .end = 3000);
	expect_answer(&l, &e);
	lab_counted(&l, IpReasmOKs, 1);
	lab_close(&l);
}

static void an_overlap_ends_the_packet(void **state)
{
	struct lab l = lab_open();
	static struct echo e;

	(void)state;
	echo_make(&e, 2056, 1);
	in(&l, &e, .offset = 0, .end = 1024, .more = true);
	in(&l, &e, .offset = 512, .end = 1536, .more = true);
	lab_deltas(&l, "IpInReceives 2 IpReasmReqds 2 IpReasmFails 1 IpExtInOctets 2088 IpExtInNoECTPkts 2 "
	               "IpExtReasmOverlaps 1");
	assert_int_equal(reasm_memory(l.s), 0);
	/* each piece a run of its own: both together are no duplicate */
	in(&l, &e, .offset = 1024, .end = 2048, .more = true);
	in(&l, &e, .offset = 0, .end = 1024, .more = true);
	in(&l, &e, .offset = 0, .end = 2048, .more = true);
	lab_counted(&l, IpExtReasmOverlaps, 1);
	lab_close(&l);
}

static void ends_that_contradict_each_other_end_the_packet(void **state)
{
	static const struct part pairs[][2] = {
		{{.offset = 1024, .end = 2000}, {.offset = 1024, .end = 2008}},
		{{.offset = 1024, .end = 2000}, {.offset = 2000, .end = 2008, .more = true}},
		{{.offset = 1024, .end = 2000, .more = true}, {.offset = 8, .end = 1000}},
	};
	struct lab l = lab_open();
	static struct echo e;

	(void)state;
	echo_make(&e, 3000, 1);
	for (unsigned i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		part_in(&l, &e, pairs[i][0]);
		lab_counted(&l, IpReasmFails, i);
		part_in(&l, &e, pairs[i][1]);
		lab_counted(&l, IpReasmFails, i + 1);
		assert_int_equal(reasm_memory(l.s), 0);
	}
	in(&l, &e, .offset = 1024, .end = 1030, .more = true); /* to a multiple of 8: nothing is left */
	lab_counted(&l, IpReasmFails, 4);
	lab_counted(&l, IpExtReasmOverlaps, 0);
	lab_close(&l);
}

static void a_packet_of_more_than_65535_bytes_is_none(void **state)
{
	struct lab l = lab_open();
	static struct echo e;

	(void)state;
	in(&l, &e, .offset = 0, .end = 65512, .more = true);
	in(&l, &e, .offset = 65512, .end = 65516);
	lab_counted(&l, IpReasmOKs, 0);
	lab_counted(&l, IpReasmFails, 1);
	in(&l, &e, .offset = 65528, .end = 66528);
	lab_counted(&l, IpReasmFails, 1);
	lab_run(&l, 30000);
	lab_counted(&l, IpReasmTimeout, 1);
	lab_close(&l);
}

static void time_is_up_after_ipfrag_time(void **state)
{
	struct lab l = lab_open();
	static struct echo e;
	struct packet *p;

	(void)state;
	echo_make(&e, 2000, 1);
	in(&l, &e, .offset = 0, .end = 1021, .more = true); /* 1016 of them count */
	in(&l, &e, .offset = 1024, .end = 2000, .id = 1);
	lab_mark(&l);
	lab_run(&l, 29999);
	lab_deltas(&l, "");
	lab_run(&l, 30000);
	p = lab_out(&l);
	assert_int_equal(p->len, 576);
	assert_int_equal(p->bytes[20], 11);
	assert_int_equal(p->bytes[21], 1);
	assert_int_equal(get16(p->bytes + 28 + 6), MF);
	assert_memory_equal(p->bytes + 48, e.at, 500);
	lab_deltas(&l, "IpOutRequests 1 IpReasmTimeout 2 IpReasmFails 2 IpOutTransmits 1 IcmpOutMsgs 1 IcmpOutTimeExcds 1 "
	               "IcmpMsgOutType11 1 IpExtOutOctets 576");
	assert_int_equal(reasm_memory(l.s), 0);
	ho_sysctl_set(l.s, "net.ipv4.ipfrag_time", "2");
	in(&l, &e, .offset = 1024, .end = 2000);
	lab_run(&l, 31999);
	lab_counted(&l, IpReasmTimeout, 0);
	lab_run(&l, 32000);
	lab_counted(&l, IpReasmTimeout, 1);
	lab_nothing(&l);
	lab_close(&l);
}

static void time_that_is_negative_is_none(void **state)
{
	static const char *const none[] = {"0", "-1", "-100"};

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct lab l = lab_open();
		static struct echo e;

		echo_make(&e, 2000, 1);
		assert_int_equal(ho_sysctl_set(l.s, "net.ipv4.ipfrag_time", none[i]), 0);
		lab_run(&l, 10);
		lab_mark(&l);
		in(&l, &e, .offset = 1024, .end = 2000);
		lab_run(&l, 12);
		lab_counted(&l, IpReasmTimeout, 1);
		in(&l, &e, .offset = 0, .end = 1024, .more = true, .id = 1);
		in(&l, &e, .offset = 1024, .end = 2000, .id = 1);
		lab_counted(&l, IpReasmOKs, 1);
		lab_run(&l, 100);
		lab_counted(&l, IpReasmTimeout, 1);
		lab_close(&l);
	}
}

static void too_many_others_in_between_and_it_begins_anew(void **state)
{
	struct lab l = lab_open(.mtu = 65535);
	static struct echo e;

	(void)state;
	echo_make(&e, 2000, 1);
	for (uint16_t others = 63; others < 65; others++) {
		in(&l, &e, .offset = 0, .end = 1024, .more = true, .id = 1);
		for (uint16_t i = 0; i < others; i++)
			in(&l, &e, .offset = 0, .end = 1024, .more = true, .id = (uint16_t)(others * 100 + i));
		in(&l, &e, .offset = 0, .end = 1024, .more = true, .id = 5000, .saddr = HO_ADDR(198, 18, 0, 9));
		in(&l, &e, .offset = 1024, .end = 2000, .id = 1);
		lab_counted(&l, IpReasmOKs, 1);
		lab_counted(&l, IpReasmFails, others == 63 ? 0 : 1);
	}
	lab_close(&l);
}

static void congestion_met_by_one_fragment_is_met_by_the_packet(void **state)
{
	static const struct {
		uint8_t first, second, whole; /* 9: dropped */
	} c[] = {{0, 0, 0}, {1, 2, 1}, {2, 3, 3}, {3, 1, 3}, {3, 3, 3}, {0, 2, 9}, {3, 0, 9}, {0, 1, 9}};
	struct lab l = lab_open(.mtu = 65535);
	static struct echo e;

	(void)state;
	echo_make(&e, 2000, 1);
	for (unsigned i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		lab_mark(&l);
		in(&l, &e, .offset = 0, .end = 1024, .more = true, .tos = c[i].first);
		in(&l, &e, .offset = 1024, .end = 2000, .tos = c[i].second);
		lab_counted(&l, IpReasmFails, c[i].whole == 9);
		if (c[i].whole != 9)
			assert_int_equal(lab_out(&l)->bytes[1], c[i].whole);
	}
	lab_close(&l);
}

/* What the program of a raw socket sees of the header. */
static void the_largest_fragment_decides_about_dont_fragment(void **state)
{
	struct lab l = lab_open(.mtu = 65535);
	int fd = ho_sock_open(l.s, HO_SOCK_RAW, IP_PROTO_ICMP);
	static struct echo e;
	uint8_t got[3000];

	(void)state;
	echo_make(&e, 2000, 1);
	for (uint16_t small = 0; small < 2; small++) {
		in(&l, &e, .offset = 0, .end = 1024, .more = true, .flags = small ? 0 : DF, .id = 7);
		in(&l, &e, .offset = 1024, .end = 2000, .flags = small ? DF : 0, .id = 7);
		assert_int_equal(ho_sock_recv(l.s, fd, got, sizeof(got), 0), 2020);
		assert_int_equal(get16(got + 6), small ? 0 : DF);
		assert_int_equal(get16(got + 2), 2020);
		assert_int_equal(csum_fold(csum_partial(got, 20)), 0);
		assert_memory_equal(got + 20, e.at, 2000);
	}
	lab_close(&l);
}

static void a_checksum_is_trusted_only_if_every_fragment_was_checked(void **state)
{
	struct lab l = lab_open(.mtu = 65535);
	static struct echo e;

	(void)state;
	echo_make(&e, 2000, 1);
	e.at[1500] ^= 1;
	for (uint16_t good = 0; good < 4; good++) {
		in(&l, &e, .offset = 0, .end = 1024, .more = true, .good = good & 1);
		in(&l, &e, .offset = 1024, .end = 2000, .good = good & 2);
		lab_counted(&l, IcmpInCsumErrors, good < 3 ? good + 1 : 3);
	}
	lab_close(&l);
}

/* ---- at random ---- */

#define QUEUES 5
#define RUNS 400

struct model_queue {
	bool there, first, last;
	uint32_t from[RUNS], to[RUNS], count, last_run, tail; /* count runs; tail: end of the last fragment of last_run */
	uint32_t len, meat, charged, size, rid;
	uint8_t seen;
	uint64_t until_ms;
};

static struct {
	struct model_queue q[QUEUES];
	uint32_t rid, max_dist;
	int64_t oks, fails, timeouts, overlaps, whole;
} m;

static void model_forget(struct model_queue *q)
{
	memset(q, 0, sizeof(*q));
}

static uint32_t model_truesize(uint32_t bytes)
{
	uint32_t object = (64 + bytes + 63) / 64 * 64 + 320, size = 576;

	while (size < object)
		size = size == 576 ? 1024 : size * 2;
	return size + 256;
}

static bool model_ecn_ok(uint8_t seen)
{
	return seen == 1 || !(seen & 1);
}

static void model_on_part(struct model_queue *q, const struct part *p, uint32_t full, uint64_t now_ms)
{
	uint32_t end = p->more ? p->end & ~7u : p->end, before;
	bool contained = false, touched = false;

	if (p->offset == 0 && !p->more) { /* no fragment */
		m.whole += p->end == full;
		return;
	}
	if (!q->there)
		*q = (struct model_queue){.there = true, .until_ms = now_ms + 30000};
	before = q->rid;
	q->rid = ++m.rid;
	if (q->count > 0 && q->rid - before > m.max_dist) {
		uint32_t rid = q->rid;

		m.fails++;
		*q = (struct model_queue){.there = true, .until_ms = now_ms + 30000, .rid = rid};
	}
	if (p->more ? (end > q->len && q->last) : (end < q->len || (q->last && end != q->len)))
		goto fail;
	q->last |= !p->more;
	if (end > q->len)
		q->len = end;
	if (end == p->offset)
		goto fail;
	for (uint32_t i = 0; i < q->count; i++) {
		contained |= p->offset >= q->from[i] && end <= q->to[i];
		touched |= p->offset < q->to[i] && end > q->from[i];
	}
	if (contained)
		return;
	if (touched) {
		m.overlaps++;
		goto fail;
	}
	if (q->count > 0 && p->offset == q->tail) {
		q->to[q->last_run] = end;
		q->tail = end;
	} else {
		if (q->count == 0 || end > q->tail) {
			q->last_run = q->count;
			q->tail = end;
		}
		assert_true(q->count < RUNS);
		q->from[q->count] = p->offset;
		q->to[q->count++] = end;
	}
	q->first |= p->offset == 0;
	q->meat += end - p->offset;
	q->charged += model_truesize(20 + p->end - p->offset);
	q->seen |= (uint8_t)(1u << p->tos);
	if (!q->first || !q->last || q->meat != q->len)
		return;
	if (!model_ecn_ok(q->seen))
		goto fail;
	m.oks++;
	m.whole += q->len == full;
	model_forget(q);
	return;
fail:
	m.fails++;
	model_forget(q);
}

static void model_time(uint64_t now_ms)
{
	for (unsigned i = 0; i < QUEUES; i++)
		if (m.q[i].there && m.q[i].until_ms <= now_ms) {
			m.fails++;
			m.timeouts++;
			model_forget(&m.q[i]);
		}
}

static void model_compare(struct lab *l)
{
	struct ho_memory memory;
	uint64_t charged = 0;
	uint32_t there = 0;

	for (unsigned i = 0; i < QUEUES; i++) {
		charged += m.q[i].there ? 200 + m.q[i].charged : 0;
		there += m.q[i].there;
	}
	assert_int_equal(reasm_memory(l->s), charged);
	ho_stack_memory(l->s, &memory);
	assert_int_equal(memory.frag_bytes, charged);
	assert_int_equal(memory.frag_queues, there);
	lab_counted(l, IpReasmOKs, m.oks);
	lab_counted(l, IpReasmFails, m.fails);
	lab_counted(l, IpReasmTimeout, m.timeouts);
	lab_counted(l, IpExtReasmOverlaps, m.overlaps);
	lab_counted(l, IcmpInEchos, m.whole);
}

/* Mostly a piece of an even cut, so that packets become whole; now and then anything. */
static struct part part_draw(uint32_t full, uint32_t step, uint32_t oddities)
{
	uint32_t pieces = (full + step - 1) / step, i = draw(pieces);
	struct part p = {.offset = i * step, .end = (i + 1) * step, .more = i + 1 < pieces, .tos = 2};

	if (p.end > full)
		p.end = full;
	if (draw(1000) < oddities) {
		p.offset = draw(full / 8) * 8;
		p.end = p.offset + draw(full - p.offset);
		p.more = draw(8) != 0;
	}
	if (draw(1000) < oddities)
		p.tos = (uint8_t)draw(4);
	return p;
}

static void any_fragments_do_what_the_model_says(void **state)
{
	static struct echo e[QUEUES];

	(void)state;
	for (uint32_t round = 0; round < 60; round++) {
		struct lab l = lab_open(.mtu = 65535, .secret = (uint8_t)round);
		uint32_t step = 8 * (1 + draw(40)), oddities = draw(3) * 10;
		char text[12];

		memset(&m, 0, sizeof(m));
		m.max_dist = round % 2 ? 6 : 1000000;
		snprintf(text, sizeof(text), "%u", m.max_dist);
		ho_sysctl_set(l.s, "net.ipv4.ipfrag_max_dist", text);
		for (unsigned i = 0; i < QUEUES; i++)
			echo_make(&e[i], step + draw(step * 12) + 8, i);
		for (unsigned n = 0; n < 1500; n++) {
			uint32_t i = draw(4) ? n / 40 % QUEUES : draw(QUEUES);
			struct part p = part_draw(e[i].len, step, oddities);

			p.id = (uint16_t)i;
			p.slices = draw(4);
			if (draw(200) == 0)
				lab_run(&l, lab_now_ms(&l) + draw(20000));
			model_time(lab_now_ms(&l));
			part_in(&l, &e[i], p);
			model_on_part(&m.q[i], &p, e[i].len, lab_now_ms(&l));
			model_compare(&l);
			lab_pump(&l);
			while (l.out_head != NULL) {
				if (l.out_head->bytes[20] == 0)
					expect_answer(&l, &e[i]);
				else
					lab_out(&l);
			}
		}
		lab_close(&l);
	}
	assert_true(m.oks > 0);
}

static void a_packet_of_8189_fragments_comes_in_any_order(void **state)
{
	static struct echo e;
	static uint32_t order[8189];
	struct lab l = lab_open(.mtu = 65535);

	(void)state;
	ho_sysctl_set(l.s, "net.ipv4.ipfrag_high_thresh", "100000000");
	for (uint32_t way = 0; way < 3; way++) {
		echo_make(&e, 65512 - way * 3, way);
		for (uint32_t i = 0; i < 8189; i++) {
			uint32_t j = way == 2 ? draw(i + 1) : i;

			order[i] = order[j];
			order[j] = way == 0 ? i : 8188 - i;
		}
		for (uint32_t i = 0; i < 8189; i++)
			in(&l, &e, .offset = order[i] * 8, .end = order[i] == 8188 ? e.len : order[i] * 8 + 8,
			   .more = order[i] != 8188, .slices = i % 3);
		expect_answer(&l, &e);
	}
	lab_close(&l);
}

/* ---- memory ---- */

static void a_flood_stays_below_the_limit_and_time_helps(void **state)
{
	static struct echo e;
	struct lab l = lab_open(.mtu = 65535);
	size_t before = l.heap->bytes;

	(void)state;
	echo_make(&e, 2000, 1);
	for (uint32_t i = 0; i < 100000; i++)
		in(&l, &e, .offset = (i & 7) * 8 + 8, .end = (i & 7) * 8 + 16, .more = true, .id = (uint16_t)i,
		   .saddr = HO_ADDR(198, 19, 0, 0) + i / 65536 + i % 1000);
	assert_in_range(reasm_memory(l.s), LIMIT - 1100, LIMIT + 1100);
	assert_true(l.heap->bytes - before < LIMIT + 65536);
	assert_true(lab_moved(&l, HO_IpReasmFails) > 90000);
	in(&l, &e, .offset = 0, .end = 1024, .more = true, .id = 1);
	in(&l, &e, .offset = 1024, .end = 2000, .id = 1);
	lab_counted(&l, IpReasmOKs, 0);
	lab_run(&l, 30000);
	assert_int_equal(reasm_memory(l.s), 0);
	in(&l, &e, .offset = 0, .end = 1024, .more = true, .id = 1);
	in(&l, &e, .offset = 1024, .end = 2000, .id = 1);
	lab_counted(&l, IpReasmOKs, 1);
	lab_close(&l);
}

static void ipfrag_high_thresh_0_takes_none(void **state)
{
	static struct echo e;
	struct lab l = lab_open();

	(void)state;
	assert_int_equal(ho_sysctl_set(l.s, "net.ipv4.ipfrag_high_thresh", "0"), -EINVAL); /* below the low one */
	assert_int_equal(ho_sysctl_set(l.s, "net.ipv4.ipfrag_low_thresh", "4194305"), -EINVAL);
	assert_int_equal(ho_sysctl_set(l.s, "net.ipv4.ipfrag_low_thresh", "0"), 0);
	assert_int_equal(ho_sysctl_set(l.s, "net.ipv4.ipfrag_high_thresh", "0"), 0);
	echo_make(&e, 2000, 1);
	in(&l, &e, .offset = 0, .end = 1024, .more = true);
	lab_deltas(&l, "IpInReceives 1 IpReasmReqds 1 IpReasmFails 1 IpExtInOctets 1044 IpExtInNoECTPkts 1");
	lab_close(&l);
}

static uint64_t scenario(uint64_t fail_at)
{
	static struct echo e;
	struct lab l = lab_open(.mtu = 65535, .fail_at = fail_at);
	uint64_t calls;

	if (l.s == NULL) {
		calls = l.heap->calls;
		lab_close(&l);
		return calls;
	}
	echo_make(&e, 40000, 1);
	for (uint16_t id = 0; id < 2; id++) /* by reference; copied */
		for (uint32_t at = 0; at < e.len; at += id ? 800 : 8000)
			in(&l, &e, .offset = at, .end = at + (id ? 800 : 8000), .more = at + (id ? 800 : 8000) < e.len, .id = id);
	in(&l, &e, .offset = 0, .end = 1024, .more = true, .id = 9);
	lab_run(&l, 40000);
	assert_int_equal(reasm_memory(l.s), 0);
	calls = l.heap->calls;
	lab_close(&l);
	return calls;
}

static void any_allocation_may_fail(void **state)
{
	(void)state;
	lab_every_allocation_fails(scenario);
}

static void a_stack_dies_with_fragments_waiting(void **state)
{
	static struct echo e;
	struct lab l = lab_open();

	(void)state;
	echo_make(&e, 3000, 1);
	in(&l, &e, .offset = 0, .end = 1024, .more = true, .id = 1);
	in(&l, &e, .offset = 2048, .end = 3000, .id = 1);
	in(&l, &e, .offset = 0, .end = 1024, .more = true, .id = 2);
	lab_close(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_fragments_make_a_packet_in_any_order),
		cmocka_unit_test(a_duplicate_is_ignored),
		cmocka_unit_test(an_overlap_ends_the_packet),
		cmocka_unit_test(ends_that_contradict_each_other_end_the_packet),
		cmocka_unit_test(a_packet_of_more_than_65535_bytes_is_none),
		cmocka_unit_test(time_is_up_after_ipfrag_time),
		cmocka_unit_test(time_that_is_negative_is_none),
		cmocka_unit_test(too_many_others_in_between_and_it_begins_anew),
		cmocka_unit_test(congestion_met_by_one_fragment_is_met_by_the_packet),
		cmocka_unit_test(the_largest_fragment_decides_about_dont_fragment),
		cmocka_unit_test(a_checksum_is_trusted_only_if_every_fragment_was_checked),
		cmocka_unit_test(any_fragments_do_what_the_model_says),
		cmocka_unit_test(a_packet_of_8189_fragments_comes_in_any_order),
		cmocka_unit_test(a_flood_stays_below_the_limit_and_time_helps),
		cmocka_unit_test(ipfrag_high_thresh_0_takes_none),
		cmocka_unit_test(any_allocation_may_fail),
		cmocka_unit_test(a_stack_dies_with_fragments_waiting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
