/* SPDX-License-Identifier: MIT
 * Memory runs out.  Two hosts play one scenario again and again; one of them is refused its 1st, 2nd, 3rd ...
 * allocation (or all from there on, for a while) until a run meets no refusal.  What must hold each time: no crash;
 * every call gives what it may give; nothing wrong is ever read; when memory is back a new connection works; after all
 * is closed and time has passed nothing is left; and the allocator gets back every byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <halfopen/sim.h>

#include "core.h"

#define PORT 9000
#define PORT_AFTER 9001
#define CLIENTS 4
#define STREAM_BYTES 150000u
#define FLOOD 12u

enum { CLIENT, SERVER, HOSTS };

static const uint32_t addr_of[HOSTS] = {HO_ADDR(198, 18, 0, 1), HO_ADDR(198, 18, 0, 2)};

/* ---- the allocator ---- */

struct ration {
	uint64_t calls, refused;
	uint64_t first, last; /* these calls are refused, from 1 */
	size_t refused_bytes; /* what the latest one refused wanted */
	size_t bytes;
	uint32_t blocks;
};

static void *ration_take(void *ctx, size_t bytes, size_t align)
{
	struct ration *r = ctx;
	void *block = NULL;

	r->calls++;
	if (r->calls >= r->first && r->calls <= r->last) {
		r->refused++;
		r->refused_bytes = bytes;
		return NULL;
	}
	assert_int_equal(posix_memalign(&block, align < sizeof(void *) ? sizeof(void *) : align, bytes), 0);
	memset(block, 0xa5, bytes);
	r->bytes += bytes;
	r->blocks++;
	return block;
}

static void ration_give(void *ctx, void *block, size_t bytes)
{
	struct ration *r = ctx;

	assert_true(r->blocks > 0 && r->bytes >= bytes);
	r->bytes -= bytes;
	r->blocks--;
	free(block);
}

static void ration_end(struct ration *r)
{
	r->first = r->last = 0;
}

/* ---- the scene ---- */

struct scene {
	struct ho_world *w;
	struct ho_stack *s[HOSTS];
	struct ration ration[HOSTS];
	int listener;
	int client[CLIENTS], child[CLIENTS];
	uint32_t wrote[CLIENTS], read[CLIENTS];
	int pinger;
	uint32_t errors;   /* calls that said -ENOMEM or -ENOBUFS */
	uint32_t refs_out; /* buffers given by reference */
};

static uint8_t stream_byte(uint32_t which, uint32_t offset)
{
	return (uint8_t)(offset * 31 + (offset >> 8) * 7 + which);
}

/* A call may do its work, or say that there is no memory. */
static int may(struct scene *t, int result)
{
	if (result < 0) {
		assert_true(result == -ENOMEM || result == -ENOBUFS);
		t->errors++;
	}
	return result;
}

/* Slabs of one object: as long as nothing has been given back, each object is an allocation that may be refused. */
static void pools_without_slabs(struct ho_stack *s)
{
	struct pool *pools[] = {&s->requests, &s->timewaits, &s->segs,     &s->blocks,    &s->rxsegs,
	                        &s->frames,   &s->buckets,   &s->accounts, &s->ref_blocks};

	for (size_t i = 0; i < sizeof(pools) / sizeof(pools[0]); i++) {
		assert_null(pools[i]->slabs);
		pools[i]->slab_objects = pools[i]->slab_objects_max = 1;
	}
	assert_int_equal(s->socks.slabs, 0);
	s->socks.first_bits = 0;
}

static int host_add(struct scene *t, int host, const char *name)
{
	struct ho_stack_config c;
	int n;

	ho_stack_config_init(&c);
	c.addr = addr_of[host];
	c.alloc = (struct ho_allocator){ration_take, ration_give, &t->ration[host]};
	c.charge_connections = true;
	c.trace_max = 16;
	c.link_flags = host == CLIENT ? HO_LINK_SHARES : HO_LINK_TSO;
	n = ho_world_host_add(t->w, name, &c);
	if (n < 0)
		return may(t, n);
	assert_int_equal(n, host);
	t->s[host] = ho_world_host(t->w, n);
	pools_without_slabs(t->s[host]);
	return 0;
}

/* Gives  false if a host could not be born: then it left nothing behind. */
static bool scene_open(struct scene *t, int victim, uint64_t first, uint64_t last)
{
	struct ho_wire_config wire = {
		.delay_ns = 3 * HO_MS, .loss_ppm = 60000, .reorder_ppm = 100000, .reorder_ns = 9 * HO_MS};

	memset(t, 0, sizeof(*t));
	t->listener = t->pinger = -1;
	memset(t->client, -1, sizeof(t->client));
	memset(t->child, -1, sizeof(t->child));
	t->ration[victim].first = first;
	t->ration[victim].last = last;
	assert_int_equal(ho_world_open(5, NULL, &t->w), 0);
	if (host_add(t, CLIENT, "client") < 0 || host_add(t, SERVER, "server") < 0) {
		assert_int_equal(t->ration[victim].blocks, 0);
		ho_world_close(t->w);
		return false;
	}
	assert_int_equal(ho_world_wire_add(t->w, CLIENT, SERVER, &wire, &wire), 0);
	return true;
}

static void scene_close(struct scene *t)
{
	ho_world_close(t->w);
	for (int h = 0; h < HOSTS; h++) {
		assert_int_equal(t->ration[h].blocks, 0);
		assert_int_equal(t->ration[h].bytes, 0);
	}
	assert_int_equal(t->refs_out, 0);
}

static void pass(struct scene *t, ho_time_ns ns)
{
	ho_world_run(t->w, ho_world_now(t->w) + ns, false);
}

/* ---- what the programs do ---- */

static int listen_at(struct scene *t, uint16_t port)
{
	int fd = may(t, ho_sock_open(t->s[SERVER], HO_SOCK_STREAM, 0));

	if (fd < 0)
		return -1;
	if (may(t, ho_sock_bind(t->s[SERVER], fd, (struct ho_endpoint){HO_ADDR_ANY, port})) < 0 ||
	    may(t, ho_sock_listen(t->s[SERVER], fd, CLIENTS + 4)) < 0) {
		assert_int_equal(ho_sock_close(t->s[SERVER], fd), 0);
		return -1;
	}
	return fd;
}

static int connect_to(struct scene *t, uint16_t port)
{
	int fd = may(t, ho_sock_open(t->s[CLIENT], HO_SOCK_STREAM, 0)), err;

	if (fd < 0)
		return -1;
	err = ho_sock_connect(t->s[CLIENT], fd, (struct ho_endpoint){addr_of[SERVER], port});
	if (err == -EINPROGRESS)
		return fd;
	may(t, err);
	assert_true(err < 0);
	assert_int_equal(ho_sock_close(t->s[CLIENT], fd), 0);
	return -1;
}

static void on_release(void *ctx)
{
	struct scene *t = ctx;

	assert_true(t->refs_out > 0);
	t->refs_out--;
}

/* A connection may be refused or reset when the other host found no room for it. */
static bool stream_error(ptrdiff_t n)
{
	return n == -EAGAIN || n == -ECONNREFUSED || n == -ECONNRESET || n == -EPIPE || n == -ENOTCONN ||
	       n == -ETIMEDOUT;
}

static uint8_t stream[CLIENTS][STREAM_BYTES];

static int streams_fill(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < CLIENTS; i++)
		for (uint32_t k = 0; k < STREAM_BYTES; k++)
			stream[i][k] = stream_byte(i, k);
	return 0;
}

/* Writes on connection i as much as there is room for. */
static void write_some(struct scene *t, int i)
{
	ptrdiff_t n;

	if (t->client[i] < 0 || t->wrote[i] == STREAM_BYTES)
		return;
	if (i == 1) {
		t->refs_out++;
		n = ho_sock_send_ref(t->s[CLIENT], t->client[i], stream[i] + t->wrote[i],
		                     min_u32(STREAM_BYTES - t->wrote[i], 50000), 0, on_release, t);
		if (n < 0)
			t->refs_out--;
	} else {
		n = ho_sock_send(t->s[CLIENT], t->client[i], stream[i] + t->wrote[i], STREAM_BYTES - t->wrote[i], 0);
	}
	if (n > 0)
		t->wrote[i] += (uint32_t)n;
	else if (!stream_error(n))
		may(t, (int)n);
}

static void read_some(struct scene *t, int i)
{
	static uint8_t buf[STREAM_BYTES];
	ptrdiff_t n;

	if (t->child[i] < 0)
		return;
	n = ho_sock_recv(t->s[SERVER], t->child[i], buf, sizeof(buf), 0);
	if (n < 0)
		assert_true(stream_error(n));
	for (ptrdiff_t k = 0; k < n; k++)
		if (buf[k] != stream_byte((uint32_t)i, t->read[i] + (uint32_t)k))
			fail_msg("connection %d: byte %u is wrong", i, t->read[i] + (uint32_t)k);
	t->read[i] += n > 0 ? (uint32_t)n : 0;
}

static void accept_all(struct scene *t)
{
	struct ho_endpoint peer, own;
	int fd;

	while (t->listener >= 0 && (fd = ho_sock_accept(t->s[SERVER], t->listener, &peer)) != -EAGAIN) {
		if (may(t, fd) < 0)
			return;
		for (int i = 0; i < CLIENTS && fd >= 0; i++)
			if (t->client[i] >= 0 && ho_sock_name(t->s[CLIENT], t->client[i], &own) == 0 &&
			    own.port == peer.port) {
				t->child[i] = fd;
				fd = -1;
			}
		if (fd >= 0)
			assert_int_equal(ho_sock_close(t->s[SERVER], fd), 0);
	}
}

static void ping(struct scene *t)
{
	static const uint8_t echo[64] = {8};
	ptrdiff_t n;

	if (t->pinger < 0)
		t->pinger = may(t, ho_sock_open(t->s[CLIENT], HO_SOCK_DGRAM, HO_IPPROTO_ICMP));
	if (t->pinger < 0)
		return;
	n = ho_sock_sendto(t->s[CLIENT], t->pinger, echo, sizeof(echo), 0, (struct ho_endpoint){addr_of[SERVER], 0});
	if (n < 0)
		may(t, (int)n);
}

static uint32_t pings_back(struct scene *t)
{
	uint8_t buf[128];
	uint32_t count = 0;

	while (t->pinger >= 0 && ho_sock_recv(t->s[CLIENT], t->pinger, buf, sizeof(buf), 0) == 64)
		count++;
	return count;
}

/* SYNs of peers that never answer. */
static void flood(struct scene *t)
{
	for (uint32_t i = 0; i < FLOOD; i++) {
		uint8_t p[40] = {0x45, 0, 0, 40, 0, 0, 0, 0, 64, IP_PROTO_TCP};
		uint16_t sum;

		put32(p + 12, HO_ADDR(198, 18, 9, 1) + i);
		put32(p + 16, addr_of[SERVER]);
		sum = csum_fold(csum_partial(p, 20));
		memcpy(p + 10, &sum, 2);
		put16(p + 20, 1234);
		put16(p + 22, PORT);
		put32(p + 24, 1000 + i);
		p[32] = 0x50;
		p[33] = TCP_SYN;
		sum = csum_fold(csum_add(csum_pseudo(get32(p + 12), get32(p + 16), IP_PROTO_TCP, 20),
		                         csum_partial(p + 20, 20)));
		memcpy(p + 36, &sum, 2);
		assert_int_equal(ho_world_inject(t->w, SERVER, p, sizeof(p), i * HO_MS), 0);
	}
}

static void fd_close(struct ho_stack *s, int *fd)
{
	if (*fd >= 0)
		assert_int_equal(ho_sock_close(s, *fd), 0);
	*fd = -1;
}

static void linger_zero(struct ho_stack *s, int fd)
{
	struct ho_linger l = {1, 0};

	if (fd >= 0)
		assert_int_equal(ho_sock_setopt(s, fd, HO_SOL_SOCKET, HO_SO_LINGER, &l, sizeof(l)), 0);
}

/* The first act, during which memory fails. */
static void play(struct scene *t)
{
	t->listener = listen_at(t, PORT);
	for (int i = 0; i < CLIENTS; i++)
		t->client[i] = connect_to(t, PORT);
	pass(t, 3 * HO_SEC);
	accept_all(t);
	flood(t);
	for (int i = 0; i < CLIENTS; i++)
		write_some(t, i);
	ping(t);
	pass(t, 2 * HO_SEC); /* nobody reads: frames and segments pile up */
	for (int round = 0; round < 10; round++) {
		for (int i = 0; i < CLIENTS; i++) {
			read_some(t, i);
			write_some(t, i);
		}
		ping(t);
		accept_all(t);
		pass(t, 400 * HO_MS);
	}
	linger_zero(t->s[CLIENT], t->client[0]);
	fd_close(t->s[CLIENT], &t->client[0]);
	fd_close(t->s[CLIENT], &t->client[1]);
	pass(t, HO_SEC);
	fd_close(t->s[SERVER], &t->child[1]);
	fd_close(t->s[SERVER], &t->child[2]);
	pass(t, HO_SEC);
}

/* The second act: memory is back, the wire is good, and a new connection works from its SYN to its TIME-WAIT. */
static void works_again(struct scene *t)
{
	char got[16];
	int listener, client, child;

	ration_end(&t->ration[CLIENT]);
	ration_end(&t->ration[SERVER]);
	assert_int_equal(ho_world_wire_set(t->w, CLIENT, NULL), 0);
	assert_int_equal(ho_world_wire_set(t->w, SERVER, NULL), 0);
	t->errors = 0;
	pass(t, HO_SEC);
	pings_back(t);
	ping(t);
	listener = listen_at(t, PORT_AFTER);
	client = connect_to(t, PORT_AFTER);
	assert_true(listener >= 0 && client >= 0);
	pass(t, HO_SEC);
	assert_int_equal(pings_back(t), 1);
	child = ho_sock_accept(t->s[SERVER], listener, NULL);
	assert_true(child >= 0);
	assert_int_equal(ho_sock_send(t->s[CLIENT], client, "hello, world", 12, 0), 12);
	pass(t, HO_SEC);
	assert_int_equal(ho_sock_recv(t->s[SERVER], child, got, sizeof(got), 0), 12);
	assert_memory_equal(got, "hello, world", 12);
	fd_close(t->s[CLIENT], &client);
	pass(t, HO_SEC);
	assert_int_equal(ho_sock_recv(t->s[SERVER], child, got, sizeof(got), 0), 0);
	fd_close(t->s[SERVER], &child);
	fd_close(t->s[SERVER], &listener);
	assert_int_equal(t->errors, 0);
}

static void nothing_is_left(const struct ho_stack *s)
{
	struct ho_memory m;

	ho_stack_memory(s, &m);
	assert_int_equal(m.socks, 0);
	assert_int_equal(m.requests, 0);
	assert_int_equal(m.timewaits, 0);
	assert_int_equal(m.orphans, 0);
	assert_int_equal(m.ehash_count, 0);
	assert_int_equal(s->wheel.count, 0);
	assert_int_equal(s->segs.used_count, 0);
	assert_int_equal(s->rxsegs.used_count, 0);
	assert_int_equal(s->buckets.used_count, 0);
	assert_int_equal(s->accounts.used_count, 0);
	assert_int_equal(s->ref_blocks.used_count, 0);
	assert_int_equal(s->frames_live, 0);
	assert_int_equal(ho_counter_get(s, HO_TcpCurrEstab), 0);
}

static void everything_ends(struct scene *t)
{
	for (int i = 0; i < CLIENTS; i++) {
		fd_close(t->s[CLIENT], &t->client[i]);
		fd_close(t->s[SERVER], &t->child[i]);
	}
	fd_close(t->s[CLIENT], &t->pinger);
	fd_close(t->s[SERVER], &t->listener);
	ho_world_run(t->w, HO_NEVER, false);
	for (int h = 0; h < HOSTS; h++) {
		assert_int_equal(ho_sock_close(t->s[h], 0), -EBADF); /* a door: what has ended is freed */
		nothing_is_left(t->s[h]);
	}
}

static void the_scenario_touches_everything(const struct scene *t)
{
	assert_int_equal(t->errors, 0);
	for (int i = 0; i < CLIENTS; i++)
		assert_int_equal(t->read[i], STREAM_BYTES);
	for (int h = 0; h < HOSTS; h++)
		assert_true(ho_counter_get(t->s[h], HO_TcpRetransSegs) > 0);
	assert_true(ho_counter_get(t->s[SERVER], HO_TcpExtTCPOFOQueue) > 0);
	assert_true(ho_counter_get(t->s[SERVER], HO_TcpExtTCPHPHits) > 0);
	assert_true(ho_counter_get(t->s[CLIENT], HO_TcpExtTW) > 0);
	assert_true(ho_counter_get(t->s[CLIENT], HO_IcmpInEchoReps) > 0);
}

/* A refused request, connection, bucket of ports or TIME-WAIT shows: in an errno or in a counter.  A frame that could
 * not be made is lost as on any wire; a connection can do without an account, and a reader without the fast path. */
static void refusal_was_told(const struct scene *t, int victim)
{
	const struct ho_stack *s = t->s[victim];
	const struct pool *told[] = {&s->requests, &s->timewaits, &s->buckets, &s->ref_blocks};
	uint64_t drops = ho_counter_get(s, HO_TcpExtListenDrops) + ho_counter_get(s, HO_TcpExtTCPTimeWaitOverflow);

	for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++)
		if (t->ration[victim].refused_bytes == pool_slab_bytes(told[i]))
			assert_true(t->errors + drops > 0);
	if (t->ration[victim].refused_bytes == sizeof(struct sock) + 8)
		assert_true(t->errors + drops > 0);
}

/* Gives  how many allocations were refused. */
static uint64_t run_once(int victim, uint64_t first, uint64_t last)
{
	struct scene *t = calloc(1, sizeof(*t));
	uint64_t refused;

	assert_non_null(t);
	if (scene_open(t, victim, first, last)) {
		play(t);
		if (first == 0)
			the_scenario_touches_everything(t);
		else if (first == last && t->ration[victim].refused > 0)
			refusal_was_told(t, victim);
		works_again(t);
		everything_ends(t);
		scene_close(t);
	}
	refused = t->ration[victim].refused;
	free(t);
	return refused;
}

static void nobody_is_refused_anything(void **state)
{
	(void)state;
	assert_int_equal(run_once(SERVER, 0, 0), 0);
}

static void one_after_the_other(int victim)
{
	uint64_t n = 1;

	while (run_once(victim, n, n) > 0)
		n++;
	assert_true(n > 100); /* or the scenario touches little */
}

static void all_from_one_on(int victim)
{
	uint64_t n = 1;

	while (run_once(victim, n, UINT64_MAX) > 0)
		n++;
	assert_true(n > 100);
}

static void the_client_may_be_refused_any_one_allocation(void **state)
{
	(void)state;
	one_after_the_other(CLIENT);
}

static void the_server_may_be_refused_any_one_allocation(void **state)
{
	(void)state;
	one_after_the_other(SERVER);
}

static void the_client_may_run_out_of_memory_at_any_moment(void **state)
{
	(void)state;
	all_from_one_on(CLIENT);
}

static void the_server_may_run_out_of_memory_at_any_moment(void **state)
{
	(void)state;
	all_from_one_on(SERVER);
}

/* Nothing has changed: so what the other side has still to say is heard, and the second try ends the connection. */
static void a_shutdown_without_memory_for_its_fin_is_refused(void **state)
{
	struct scene *t = calloc(1, sizeof(*t));
	char got[8];
	int lfd, client, child;

	(void)state;
	assert_non_null(t);
	assert_true(scene_open(t, CLIENT, 0, 0));
	lfd = listen_at(t, PORT);
	client = connect_to(t, PORT);
	pass(t, 10 * HO_SEC);
	child = ho_sock_accept(t->s[SERVER], lfd, NULL);
	assert_true(child >= 0);
	assert_int_equal(ho_sock_send(t->s[CLIENT], client, "x", 1, 0), 1); /* in the segment that the SYN has left */
	t->ration[CLIENT].first = 1;
	t->ration[CLIENT].last = UINT64_MAX;
	assert_int_equal(ho_sock_shutdown(t->s[CLIENT], client, HO_SHUT_WR), -ENOMEM);
	assert_int_equal(ho_sock_recv(t->s[CLIENT], client, got, sizeof(got), 0), -EAGAIN);
	ration_end(&t->ration[CLIENT]);
	assert_int_equal(ho_sock_send(t->s[SERVER], child, "more", 4, 0), 4);
	pass(t, 10 * HO_SEC);
	assert_int_equal(ho_sock_recv(t->s[CLIENT], client, got, sizeof(got), 0), 4);
	assert_int_equal(ho_sock_shutdown(t->s[CLIENT], client, HO_SHUT_WR), 0);
	pass(t, 10 * HO_SEC);
	assert_int_equal(ho_sock_recv(t->s[SERVER], child, got, sizeof(got), 0), 1);
	assert_int_equal(ho_sock_recv(t->s[SERVER], child, got, sizeof(got), 0), 0);
	scene_close(t);
	free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_is_refused_anything),
		cmocka_unit_test(the_client_may_be_refused_any_one_allocation),
		cmocka_unit_test(the_server_may_be_refused_any_one_allocation),
		cmocka_unit_test(the_client_may_run_out_of_memory_at_any_moment),
		cmocka_unit_test(a_shutdown_without_memory_for_its_fin_is_refused),
		cmocka_unit_test(the_server_may_run_out_of_memory_at_any_moment),
	};

	return cmocka_run_group_tests(tests, streams_fill, NULL);
}
