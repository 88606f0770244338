/* SPDX-License-Identifier: MIT
 * Sockets as inet_diag tells of them: each row has its message, states choose, what does not fit is left out whole. */
#include <halfopen/diag.h>
#include <halfopen/view.h>

#include "lab.h"
#include "request.h"
#include "timewait.h"

#define ROWS_MAX 512
#define BYTES_MAX (1 << 18)

/* ---- messages, read ---- */

struct seen {
	uint8_t state, timer, retrans;
	struct ho_endpoint local, peer;
	uint32_t cookie, expires_ms, recv_q, send_q;
	unsigned attrs; /* a bit a type */
	uint32_t skmem[9];
	uint8_t shutdown;
	struct ho_tcp_info tcp;
	char congestion[16];
};

static uint32_t u32_at(const uint8_t *at)
{
	uint32_t v;

	memcpy(&v, at, sizeof(v));
	return v;
}

static uint16_t u16_at(const uint8_t *at)
{
	uint16_t v;

	memcpy(&v, at, sizeof(v));
	return v;
}

static struct ho_endpoint endpoint_at(const uint8_t *port, const uint8_t *addr)
{
	return (struct ho_endpoint){HO_ADDR(addr[0], addr[1], addr[2], addr[3]), (uint16_t)(port[0] << 8 | port[1])};
}

static void attr_take(struct seen *r, unsigned type, const uint8_t *value, size_t bytes)
{
	assert_true(type < 32 && !(r->attrs >> type & 1)); /* each once */
	r->attrs |= 1u << type;
	if (type == 7) {
		assert_int_equal(bytes, sizeof(r->skmem));
		memcpy(r->skmem, value, bytes);
	} else if (type == 2) {
		assert_int_equal(bytes, sizeof(r->tcp));
		memcpy(&r->tcp, value, bytes);
	} else if (type == 4) {
		assert_true(bytes <= sizeof(r->congestion) && value[bytes - 1] == '\0');
		memcpy(r->congestion, value, bytes);
	} else if (type == 8) {
		r->shutdown = *value;
	}
}

/* Gives  bytes of the message; 0 for the last one. */
static size_t message_take(const uint8_t *at, size_t left, struct seen *r)
{
	const uint8_t *m = at + 16;
	size_t bytes;

	assert_true(left >= 20);
	bytes = u32_at(at);
	assert_true(bytes <= left && bytes % 4 == 0 && u16_at(at + 6) == 2);
	if (u16_at(at + 4) == 3) {
		assert_int_equal(bytes, left); /* nothing behind it */
		return 0;
	}
	assert_int_equal(u16_at(at + 4), 20);
	assert_int_equal(m[0], 2);
	*r = (struct seen){.state = m[1], .timer = m[2], .retrans = m[3]};
	r->local = endpoint_at(m + 4, m + 8);
	r->peer = endpoint_at(m + 6, m + 24);
	r->cookie = u32_at(m + 44);
	r->expires_ms = u32_at(m + 52);
	r->recv_q = u32_at(m + 56);
	r->send_q = u32_at(m + 60);
	for (size_t from = 16 + 72; from < bytes; from += (u16_at(at + from) + 3u) & ~3u) {
		assert_true(from + u16_at(at + from) <= bytes);
		attr_take(r, u16_at(at + from + 2), at + from + 4, u16_at(at + from) - 4u);
	}
	return bytes;
}

static unsigned file_read(const struct ho_stack *s, uint32_t states, struct seen rows[ROWS_MAX])
{
	static uint8_t buf[BYTES_MAX];
	size_t len = ho_view_tcpdiag(s, states, buf, sizeof(buf)), n;
	unsigned count = 0;

	assert_true(len <= sizeof(buf));
	for (size_t at = 0; (n = message_take(buf + at, len - at, &rows[count])) != 0; at += n)
		assert_true(++count < ROWS_MAX);
	return count;
}

/* ---- stacks to look at ---- */

static uint64_t dice;

static uint32_t draw(uint32_t sides)
{
	dice = dice * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(dice >> 33) % sides;
}

#define FIRST_PORT 9000
#define PORTS 8

/* Listeners, connections over loopback in many states, closed ones, datagram sockets. */
static void stack_live(struct lab *l, unsigned steps)
{
	for (unsigned i = 0; i < steps; i++) {
		int fd = (int)draw(60), made;
		uint16_t port = (uint16_t)(FIRST_PORT + draw(PORTS));
		char bytes[3000] = {0};

		switch (draw(9)) {
		case 0:
		case 1:
			made = ho_sock_open(l->s, HO_SOCK_STREAM, 0);
			if (made >= 0 && ho_sock_bind(l->s, made, (struct ho_endpoint){HO_ADDR_ANY, port}) == 0)
				ho_sock_listen(l->s, made, (int)draw(4));
			break;
		case 2:
		case 3:
			made = ho_sock_open(l->s, HO_SOCK_STREAM, 0);
			if (made >= 0)
				ho_sock_connect(l->s, made, (struct ho_endpoint){draw(4) ? HO_ADDR_LOOPBACK : PEER_ADDR, port});
			break;
		case 4: ho_sock_open(l->s, HO_SOCK_DGRAM, 0); break;
		case 5: ho_sock_accept(l->s, fd, NULL); break;
		case 6: ho_sock_send(l->s, fd, bytes, draw(sizeof(bytes)), 0); break;
		case 7: ho_sock_shutdown(l->s, fd, (int)draw(3)); break;
		case 8: ho_sock_close(l->s, fd); break;
		}
		lab_run(l, lab_now_ms(l) + draw(3));
		lab_forget(l);
	}
}

/* ---- tests ---- */

static bool same(const struct seen *r, const struct ho_sock_info *i)
{
	return r->local.addr == i->local.addr && r->local.port == i->local.port && r->peer.addr == i->peer.addr &&
	       r->peer.port == i->peer.port && r->state == i->state;
}

static void row_agrees(struct lab *l, const struct seen *r, const struct ho_sock_info *i)
{
	ho_time_ns now = ho_stack_now(l->s);
	size_t bytes = sizeof(struct ho_tcp_info);
	struct ho_tcp_info info;

	assert_int_equal(r->recv_q, i->recv_q);
	assert_int_equal(r->send_q, i->send_q);
	assert_int_equal(r->expires_ms, i->timer != HO_TIMER_NONE && i->timer_at > now ? (i->timer_at - now) / HO_MS : 0);
	assert_true((r->attrs >> 2 & 1) == (r->attrs >> 7 & 1));
	if (!(r->attrs >> 2 & 1)) { /* a request or a bucket */
		assert_true(i->fd < 0 && r->cookie == 0 && r->attrs == 1u << 15);
		return;
	}
	assert_true(r->cookie != 0);
	assert_int_equal(r->skmem[0], i->rmem_alloc);
	assert_int_equal(r->skmem[1], i->rcvbuf);
	assert_int_equal(r->skmem[3], i->sndbuf);
	assert_int_equal(r->skmem[5], i->wmem_queued);
	assert_int_equal(r->skmem[8], i->drops);
	assert_string_equal(r->congestion, "cubic");
	if (i->fd < 0)
		return;
	assert_int_equal(ho_sock_getopt(l->s, i->fd, HO_SOL_TCP, HO_TCP_INFO, &info, &bytes), 0);
	assert_memory_equal(&info, &r->tcp, sizeof(info));
}

static void every_tcp_row_of_a_walk_has_its_message(void **state)
{
	static struct seen rows[ROWS_MAX];

	(void)state;
	for (dice = 1; dice < 30; dice++) {
		struct lab l = lab_open();
		uint64_t seed = dice, cursor = 0;
		struct ho_sock_info i;
		unsigned count, wanted = 0;

		stack_live(&l, 150);
		count = file_read(l.s, HO_VIEW_STATES_ALL, rows);
		while (ho_sock_next(l.s, &cursor, &i)) {
			unsigned found = 0;

			if (i.type != HO_SOCK_STREAM || i.state == HO_CLOSE)
				continue;
			wanted++;
			for (unsigned k = 0; k < count; k++)
				if (same(&rows[k], &i) && ++found == 1)
					row_agrees(&l, &rows[k], &i);
			assert_int_equal(found, 1);
		}
		assert_true(wanted > 10);
		assert_int_equal(count, wanted);
		lab_close(&l);
		dice = seed;
	}
}

static void states_choose_the_rows(void **state)
{
	static struct seen all[ROWS_MAX], some[ROWS_MAX];
	struct lab l = lab_open();

	(void)state;
	dice = 77;
	stack_live(&l, 300);
	for (uint32_t states = 1; states <= HO_VIEW_STATES_ALL; states = states * 3 + 1) {
		unsigned count = file_read(l.s, HO_VIEW_STATES_ALL, all), got = file_read(l.s, states, some), wanted = 0;

		for (unsigned k = 0; k < count; k++)
			wanted += states >> all[k].state & 1;
		assert_int_equal(got, wanted);
		for (unsigned k = 0; k < got; k++)
			assert_true(states >> some[k].state & 1);
	}
	assert_int_equal(file_read(l.s, HO_VIEW_STATES_CONNECTED & HO_VIEW_STATES_LISTEN, some), 0);
	lab_close(&l);
}

static void listeners_are_walked_alone_and_all_of_them(void **state)
{
	(void)state;
	for (dice = 100; dice < 130; dice++) {
		struct lab l = lab_open();
		uint64_t seed = dice, cursor = 0;
		unsigned wanted = 0, found = 0;
		struct ho_sock_info i, j;
		struct ho_sock_detail d;

		stack_live(&l, 120);
		while (ho_sock_next(l.s, &cursor, &i))
			wanted += i.state == HO_LISTEN;
		cursor = 0;
		while (ho_sock_next_listener(l.s, &cursor, &i)) {
			assert_int_equal(ho_sock_info_get(l.s, i.fd, &j), 0);
			assert_true(i.state == HO_LISTEN && i.local.port == j.local.port && i.recv_q == j.recv_q);
			found++;
		}
		assert_int_equal(found, wanted);
		cursor = 0;
		while (ho_sock_next_listener_detail(l.s, &cursor, &d))
			found -= d.row.state == HO_LISTEN && d.tcp.tcpi_state == HO_LISTEN;
		assert_int_equal(found, 0);
		lab_close(&l);
		dice = seed;
	}
}

static void what_does_not_fit_is_left_out_whole(void **state)
{
	static uint8_t whole[BYTES_MAX], part[BYTES_MAX];
	struct lab l = lab_open();
	size_t len;

	(void)state;
	dice = 5;
	stack_live(&l, 60);
	len = ho_view_tcpdiag(l.s, HO_VIEW_STATES_ALL, whole, sizeof(whole));
	assert_int_equal(ho_view_tcpdiag(l.s, HO_VIEW_STATES_ALL, NULL, 0), len);
	for (size_t cap = 0; cap < len; cap += 7) {
		size_t fits = 0;

		memset(part, 0xa5, len + 1);
		assert_int_equal(ho_view_tcpdiag(l.s, HO_VIEW_STATES_ALL, part, cap), len);
		while (fits + u32_at(whole + fits) <= cap)
			fits += u32_at(whole + fits);
		assert_memory_equal(part, whole, fits);
		for (size_t i = fits; i <= len; i++)
			assert_int_equal(part[i], 0xa5);
	}
	lab_close(&l);
}

static void a_socket_that_is_shut_down_says_which_way(void **state)
{
	static struct seen rows[ROWS_MAX];
	struct lab l = lab_open();
	int listener = ho_sock_open(l.s, HO_SOCK_STREAM, 0), client = ho_sock_open(l.s, HO_SOCK_STREAM, 0);
	unsigned count, sent = 0, received = 0;

	(void)state;
	ho_sock_bind(l.s, listener, (struct ho_endpoint){HO_ADDR_ANY, FIRST_PORT});
	ho_sock_listen(l.s, listener, 4);
	ho_sock_connect(l.s, client, (struct ho_endpoint){HO_ADDR_LOOPBACK, FIRST_PORT});
	lab_run(&l, lab_now_ms(&l) + 1);
	assert_int_equal(ho_sock_shutdown(l.s, client, HO_SHUT_WR), 0);
	lab_run(&l, lab_now_ms(&l) + 1);
	count = file_read(l.s, HO_VIEW_STATES_CONNECTED, rows);
	assert_int_equal(count, 2);
	for (unsigned k = 0; k < count; k++) {
		sent += rows[k].state == HO_FIN_WAIT2 && rows[k].shutdown == 2;
		received += rows[k].state == HO_CLOSE_WAIT && rows[k].shutdown == 1;
	}
	assert_true(sent == 1 && received == 1);
	lab_close(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_tcp_row_of_a_walk_has_its_message),
		cmocka_unit_test(states_choose_the_rows),
		cmocka_unit_test(listeners_are_walked_alone_and_all_of_them),
		cmocka_unit_test(what_does_not_fit_is_left_out_whole),
		cmocka_unit_test(a_socket_that_is_shut_down_says_which_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
