/* SPDX-License-Identifier: MIT
 * ho_stack_prefetch is a hint: two stacks get the same frames, one of them hints besides, of frames that come and of frames
 * that never do; then they have said and counted the same. */
#include "lab.h"

#define PORT 9000
#define PEERS 3000u
#define FRAMES 40000

static uint64_t random_state;

static uint32_t draw(uint32_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)((random_state >> 32) * below >> 32);
}

static uint32_t host_isn[PEERS];

static struct bytes segment(uint32_t peer, uint8_t flags, uint32_t seq, uint32_t ack, uint16_t len)
{
	uint8_t tcp[20 + 64] = {0};
	uint32_t saddr = HO_ADDR(198, 18, 1, 0) + peer / 16;
	uint16_t bytes = (uint16_t)(20 + len);

	put16(tcp, (uint16_t)(5000 + peer % 16));
	put16(tcp + 2, PORT);
	put32(tcp + 4, seq);
	put32(tcp + 8, ack);
	tcp[12] = 0x50;
	tcp[13] = flags;
	put16(tcp + 14, 65535);
	sum_store(tcp + 16, csum_add(csum_pseudo(saddr, HOST, IP_PROTO_TCP, bytes), csum_partial(tcp, bytes)));
	return ip_make((struct ip_fields){.saddr = saddr, .protocol = IP_PROTO_TCP, .data = tcp, .len = bytes});
}

static struct bytes something(void)
{
	uint32_t peer = draw(PEERS);
	struct bytes b;

	switch (draw(8)) {
	default: return segment(peer, TCP_SYN, 1000 * peer, 0, 0);
	case 5: return segment(peer, TCP_ACK, 1000 * peer + 1, host_isn[peer] + 1, 0);
	case 6: return segment(peer, TCP_ACK | TCP_PSH, 1000 * peer + 1, host_isn[peer] + 1, (uint16_t)draw(64));
	case 7: b = segment(peer, TCP_RST, 1000 * peer + 1, 0, 0);
	}
	if (draw(3) == 0)
		b.at[draw(b.len)] = (uint8_t)draw(256);
	if (draw(3) == 0)
		b.len = 1 + draw(b.len);
	return b;
}

/* One frame among itself, up to as many as are no batch any more. */
static void hint_batch(struct lab *l, struct ho_frame *f)
{
	struct ho_frame *same[70];

	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		same[i] = f;
	ho_stack_prefetch_batch(l->s, same, draw(1 + sizeof(same) / sizeof(same[0])));
}

static void hint(struct lab *l, struct bytes b)
{
	int fds[40];
	struct ho_frame *f = ho_frame_make(&l->al, b.at, b.len);

	assert_non_null(f);
	ho_stack_prefetch(l->s, f);
	if (draw(2) == 0)
		hint_batch(l, f);
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		fds[i] = (int)draw(PEERS) - 2;
	ho_sock_prefetch(l->s, fds, draw(1 + sizeof(fds) / sizeof(fds[0])));
	assert_int_equal(f->refs, 1);
	ho_frame_unref(f);
}

/* Both have said the same; a SYN+ACK's number is kept. */
static void says_the_same(struct lab *plain, struct lab *hinted)
{
	lab_pump(plain);
	lab_pump(hinted);
	while (plain->out_head != NULL || hinted->out_head != NULL) {
		const struct packet *p = lab_out(plain), *q = lab_out(hinted);
		uint32_t peer = (get32(p->bytes + 16) - HO_ADDR(198, 18, 1, 0)) * 16 + get16(p->bytes + 22) - 5000u;

		assert_int_equal(p->len, q->len);
		assert_memory_equal(p->bytes, q->bytes, p->len);
		assert_int_equal(p->at_ms, q->at_ms);
		if (p->bytes[9] == IP_PROTO_TCP && p->bytes[33] == (TCP_SYN | TCP_ACK) && peer < PEERS)
			host_isn[peer] = get32(p->bytes + 24);
	}
}

static void listener_open(struct lab *l)
{
	int fd = ho_sock_open(l->s, HO_SOCK_STREAM, 0);

	assert_int_equal(ho_sock_bind(l->s, fd, (struct ho_endpoint){HO_ADDR_ANY, PORT}), 0);
	assert_int_equal(ho_sock_listen(l->s, fd, 1000), 0);
}

static void a_hint_changes_no_answer_and_no_counter(void **state)
{
	struct lab plain = lab_open(), hinted = lab_open();
	struct ho_memory m;

	(void)state;
	random_state = UINT64_C(0x5eed0021);
	listener_open(&plain);
	listener_open(&hinted);
	for (int i = 0; i < FRAMES; i++) {
		struct bytes b = something();

		if (draw(2))
			hint(&hinted, b);
		if (draw(4) == 0)
			hint(&hinted, something());
		lab_in(&plain, b);
		lab_in(&hinted, b);
		if (i % 64 == 0) {
			lab_run(&plain, (uint64_t)i / 4);
			lab_run(&hinted, (uint64_t)i / 4);
		}
		says_the_same(&plain, &hinted);
	}
	for (unsigned i = 0; i < HO_COUNTER_COUNT; i++)
		assert_int_equal(ho_counter_get(plain.s, i), ho_counter_get(hinted.s, i));
	ho_stack_memory(hinted.s, &m);
	assert_true(m.requests > 100 && m.socks > 100); /* or it was about nothing */
	lab_close(&plain);
	lab_close(&hinted);
}

static void a_hint_of_any_bytes_is_survived(void **state)
{
	struct lab l = lab_open();

	(void)state;
	random_state = UINT64_C(0x5eed0022);
	for (int i = 0; i < 20000; i++) {
		struct bytes b = {.len = 1 + draw(64)};

		for (uint32_t k = 0; k < b.len; k++)
			b.at[k] = (uint8_t)draw(256);
		if (draw(2))
			b.at[0] = (uint8_t)(0x40 + draw(16));
		if (draw(2) && b.len > 9)
			b.at[9] = IP_PROTO_TCP;
		hint(&l, b);
	}
	lab_deltas(&l, "");
	lab_nothing(&l);
	lab_close(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hint_changes_no_answer_and_no_counter),
		cmocka_unit_test(a_hint_of_any_bytes_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
