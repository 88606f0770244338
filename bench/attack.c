/* SPDX-License-Identifier: MIT
 * What one packet of a hostile peer costs when our queues are long, beside what it costs when they are short: SACK blocks over
 * a long retransmission queue, and bytes that leave holes.  The stack listens; the peer is no stack. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

#define LONG 4000u
#define SHORT 50u
#define LONG_QUICK 200u
#define PACKET_BYTES 128

struct victim {
	struct ho_stack *s;
	struct ho_allocator alloc;
	struct frame_box box;
	int listener, fd;
	struct segment peer;
	uint32_t una;      /* first number of what is outstanding */
	uint32_t heard;    /* behind the last byte that came */
	uint32_t at[LONG + 1]; /* where segment i begins, from una */
	uint32_t length;
	ho_time_ns now;
	uint64_t random;
};

struct block {
	uint32_t from, to;
};

static uint32_t draw(struct victim *v, uint32_t below)
{
	v->random ^= v->random << 13;
	v->random ^= v->random >> 7;
	v->random ^= v->random << 17;
	return (uint32_t)((v->random >> 32) * below >> 32);
}

/* ---- packets ---- */

static void put32(uint8_t *p, uint32_t n)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(n >> 8 * (3 - i));
}

static void keep(struct ho_frame *f)
{
	(void)f;
}

static void head_sum(uint8_t *ip)
{
	uint32_t sum = 0;

	ip[10] = ip[11] = 0;
	for (int i = 0; i < 20; i += 2)
		sum += (uint32_t)ip[i] << 8 | ip[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~((sum & 0xffff) + (sum >> 16)) & 0xffff;
	ip[10] = (uint8_t)(sum >> 8);
	ip[11] = (uint8_t)sum;
}

/* A segment of the peer's with SACK blocks and payload: the device says that its checksum is good. */
static void say(struct victim *v, const struct block *sack, unsigned blocks, uint32_t seq, unsigned payload)
{
	uint8_t bytes[PACKET_BYTES + SEGMENT_BYTES];
	struct segment s = v->peer;
	struct ho_frame f = {.slice_count = 1, .csum = HO_CSUM_GOOD, .gso_segs = 1, .refs = 1, .release = keep};
	size_t len;

	s.flags = SEGMENT_ACK;
	s.seq = seq;
	s.ack = v->una;
	s.ts_val = v->peer.ts_val + (uint32_t)(v->now / HO_MS);
	len = segment_write(&s, bytes);
	if (blocks) {
		bytes[len] = bytes[len + 1] = 1;
		bytes[len + 2] = 5;
		bytes[len + 3] = (uint8_t)(2 + 8 * blocks);
		len += 4;
		for (unsigned i = 0; i < blocks; i++, len += 8) {
			put32(bytes + len, v->una + sack[i].from);
			put32(bytes + len + 4, v->una + sack[i].to);
		}
		bytes[32] = (uint8_t)((len - 20) << 2);
	}
	memset(bytes + len, 'x', payload);
	len += payload;
	bytes[2] = (uint8_t)(len >> 8);
	bytes[3] = (uint8_t)len;
	head_sum(bytes);
	f.len_bytes = (uint32_t)len;
	f.slice[0] = (struct ho_slice){bytes, f.len_bytes};
	if (payload) { /* it stays with the stack */
		struct ho_frame *own = ho_frame_make(&v->alloc, bytes, len);

		own->csum = HO_CSUM_GOOD;
		ho_stack_input(v->s, own, v->now);
	} else {
		ho_stack_input(v->s, &f, v->now);
	}
}

static void listen_to(struct victim *v)
{
	struct ho_frame *f;

	while ((f = ho_stack_output(v->s)) != NULL) {
		struct segment heard;

		if (segment_read(f, &heard)) {
			uint32_t head = 20 + (((const uint8_t *)f->slice[0].data)[32] >> 4) * 4u;

			v->peer.ts_ecr = heard.ts_val;
			v->heard = heard.seq + (uint32_t)f->len_bytes - head;
		}
		ho_frame_unref(f);
	}
}

/* ---- the victim ---- */

static void victim_close(struct victim *v)
{
	ho_stack_close(v->s);
	frame_box_close(&v->box);
}

static int victim_open(struct victim *v)
{
	static const char *const settings[][2] = {{"net.ipv4.tcp_congestion_control", "reno"},
	                                          {"net.ipv4.tcp_wmem", "4096 16777216 16777216"},
	                                          {"net.ipv4.tcp_rmem", "4096 16777216 16777216"}};
	struct ho_stack_config c;
	int one = 1, rc;

	*v = (struct victim){.now = HO_SEC, .random = 88172645463325252u, .peer = segment_peer(1)};
	wire_config(&c, SERVER_ADDR, (struct link_kind){.mtu = 1500, .flags = HO_LINK_SHARES});
	c.now_ns = v->now;
	v->alloc = c.alloc;
	rc = ho_stack_open(&c, &v->s);
	if (rc == 0)
		rc = frame_box_open(&v->box, 1);
	for (size_t i = 0; rc == 0 && i < sizeof settings / sizeof settings[0]; i++)
		rc = ho_sysctl_set(v->s, settings[i][0], settings[i][1]);
	if (rc)
		return rc;
	v->listener = ho_sock_open(v->s, HO_SOCK_STREAM, 0);
	rc = ho_sock_bind(v->s, v->listener, (struct ho_endpoint){SERVER_ADDR, ECHO_PORT});
	if (rc == 0)
		rc = ho_sock_listen(v->s, v->listener, 1);
	if (rc == 0)
		rc = segment_handshake(v->s, &v->box, &v->peer);
	if (rc)
		return rc;
	v->fd = ho_sock_accept(v->s, v->listener, NULL);
	v->una = v->peer.ack;
	return v->fd < 0 ? v->fd : ho_sock_setopt(v->s, v->fd, HO_SOL_TCP, HO_TCP_NODELAY, &one, sizeof one);
}

/* The peer takes all, round trip by round trip, until so many packets may be outstanding. */
static void window_open(struct victim *v, uint32_t packets)
{
	static const uint8_t bytes[65536];
	bool open = false;

	do {
		uint32_t round;

		while (!open && ho_sock_outq(v->s, v->fd) < (int)(2 * packets * 1448) &&
		       ho_sock_send(v->s, v->fd, bytes, sizeof bytes, 0) > 0)
			listen_to(v);
		listen_to(v);
		round = v->heard - v->una;
		open |= round >= packets * 1448;
		v->now += 10 * HO_MS;
		v->una = v->heard;
		say(v, NULL, 0, v->peer.seq, 0);
		listen_to(v);
	} while (ho_sock_outq(v->s, v->fd) > 0);
}

/* A window of which only the end arrives at first: what is sent again may be called duplicate later. */
static void resends_earn(struct victim *v, uint32_t packets)
{
	static const uint8_t bytes[1448];
	uint32_t end;

	window_open(v, packets);
	for (uint32_t i = 0; i < packets; i++) {
		ho_sock_send(v->s, v->fd, bytes, sizeof bytes, 0);
		listen_to(v);
	}
	end = v->heard - v->una;
	v->now += 10 * HO_MS;
	say(v, &(struct block){end - 1448, end}, 1, v->peer.seq, 0);
	for (uint32_t left = end; left > 0; left -= left < 14480 ? left : 14480) {
		listen_to(v);
		v->now += HO_MS;
		v->una += left < 14480 ? left : 14480;
		say(v, NULL, 0, v->peer.seq, 0);
	}
	listen_to(v);
}

/* So many segments of 1, 2, 1, 2 ... bytes are outstanding: neighbours of different sizes never become one. */
static int queue_fill(struct victim *v, uint32_t length)
{
	window_open(v, length);
	for (uint32_t i = 0; i < length; i++) {
		if (ho_sock_send(v->s, v->fd, "xy", 1 + i % 2, 0) != (ptrdiff_t)(1 + i % 2))
			return -ENOBUFS;
		v->at[i + 1] = v->at[i] + 1 + i % 2;
		listen_to(v);
	}
	v->length = length;
	v->now += 10 * HO_MS;
	return 0;
}

/* ---- the attacks: each gives CPU seconds a packet ---- */

/* Half of the queue is said to be there, then the other half, then the first one again. */
static double sack_halves(struct victim *v, unsigned packets)
{
	uint32_t middle = v->at[v->length / 2], end = v->at[v->length];
	const struct block half[2] = {{1, middle}, {middle, end}};
	double began;

	say(v, half, 2, v->peer.seq, 0);
	listen_to(v);
	began = cpu_s();
	for (unsigned i = 0; i < packets; i++)
		say(v, &half[i % 2], 1, v->peer.seq, 0);
	began = cpu_s() - began;
	listen_to(v);
	return began / packets;
}

/* Three segments anywhere among those that are there. */
static double sack_anywhere(struct victim *v, unsigned packets)
{
	const struct block all = {1, v->at[v->length]};
	double began;

	say(v, &all, 1, v->peer.seq, 0);
	listen_to(v);
	began = cpu_s();
	for (unsigned i = 0; i < packets; i++) {
		struct block b[3];

		for (int k = 0; k < 3; k++) {
			uint32_t g = 1 + draw(v, v->length - 1);

			b[k] = (struct block){v->at[g], v->at[g + 1]};
		}
		say(v, b, 3, v->peer.seq, 0);
	}
	began = cpu_s() - began;
	listen_to(v);
	return began / packets;
}

/* Something within what is there came twice. */
static double dsacks(struct victim *v, unsigned packets)
{
	uint32_t end = v->at[v->length];
	const struct block all = {1, end};
	double began;

	say(v, &all, 1, v->peer.seq, 0);
	listen_to(v);
	began = cpu_s();
	packets /= 10; /* no more are believed */
	for (unsigned i = 0; i < packets; i++) {
		const struct block twice[2] = {{1 + i % 4, end - 1 - i % 4}, all};

		say(v, twice, 2, v->peer.seq, 0);
	}
	began = cpu_s() - began;
	listen_to(v);
	return began / packets;
}

/* Bytes with a hole before each. */
static double bytes_apart(struct victim *v, uint32_t first, unsigned count, int32_t step)
{
	double began = cpu_s();

	for (unsigned i = 0; i < count; i++) {
		say(v, NULL, 0, v->peer.seq + 2 + 2 * first, 1);
		first += (uint32_t)step;
		if (i % 64 == 63)
			listen_to(v);
	}
	listen_to(v);
	return (cpu_s() - began) / count;
}

static double bytes_backwards(struct victim *v, unsigned packets)
{
	bytes_apart(v, 2 * v->length, v->length, -1);
	return bytes_apart(v, v->length, packets, -1);
}

static double bytes_anywhere(struct victim *v, unsigned packets)
{
	double spent = 0;

	bytes_apart(v, 0, v->length, 2);
	for (unsigned i = 0; i < packets; i++)
		spent += bytes_apart(v, 1 + 2 * draw(v, v->length), 1, 0);
	return spent / packets;
}

static const struct kind {
	const char *what;
	bool sends; /* the victim has sent the queue */
	double (*run)(struct victim *v, unsigned packets);
} kinds[] = {
	{"SACK, half of the queue and the other", true, sack_halves},
	{"SACK, three segments anywhere", true, sack_anywhere},
	{"D-SACK within the whole queue", true, dsacks},
	{"out of order, each byte before the last", false, bytes_backwards},
	{"out of order, a byte anywhere", false, bytes_anywhere},
};
#define KINDS (sizeof kinds / sizeof kinds[0])

static int sample(const struct kind *k, uint32_t length, double *cost)
{
	struct victim *v = calloc(1, sizeof *v);
	int rc;

	if (!v)
		return -ENOMEM;
	rc = victim_open(v);
	if (rc == 0 && k->run == dsacks)
		resends_earn(v, length);
	if (rc == 0 && k->sends)
		rc = queue_fill(v, length);
	v->length = length;
	if (rc == 0)
		*cost = k->run(v, length / 2);
	victim_close(v);
	free(v);
	return rc;
}

int bench_attack(const struct options *o, struct report *r)
{
	uint32_t length = o->quick ? LONG_QUICK : LONG;

	for (size_t i = 0; i < KINDS; i++) {
		struct row *w;

		if (!row_wanted(o, kinds[i].what))
			continue;
		w = report_row(r, kinds[i].what, UNIT_NS, "a short queue");
		w->dearer = true;
		row_floor(w, FLOOR_TIMES_DEARER, 4);
		for (unsigned n = 0; n < o->rounds; n++) {
			double few = 0, many, cost;
			int rc = 0;

			for (unsigned k = 0; rc == 0 && k < length / SHORT; k++, few += cost)
				rc = sample(&kinds[i], SHORT, &cost);
			if (rc == 0)
				rc = sample(&kinds[i], length, &many);
			if (rc)
				return bench_fail(kinds[i].what, rc);
			row_sample(w, many, few / (length / SHORT));
		}
	}
	report_fact(r, "long queue", length);
	report_fact(r, "short queue", SHORT);
	return 0;
}
