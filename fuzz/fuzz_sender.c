/* SPDX-License-Identifier: MIT
 * One connection that sends, and a peer whose acknowledgements are as wild as the bytes say: 4 bytes choose the config, then
 * each decision is 3 bytes: what, and two arguments.  Numbers that the peer names lie in what is outstanding, or a little off
 * it, so that scoreboard, recovery, undo, probes and timers all come about.
 *
 * What must hold after each decision: the counts of packets out, SACKED, lost are the sums over the retransmission queue,
 * that of packets sent again no less than it; the queue is whole from snd_una to snd_nxt, the index over it says the same, the lists by time are
 * in order and hold what may still be found lost; and a timer runs while anything is outstanding, or data wait for a window.
 * In the end the peer acknowledges all: then everything is sent, and nothing left. */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>

#include "tcp.h"

#define OWN_ADDR HO_ADDR(198, 18, 0, 2)
#define PEER_ADDR HO_ADDR(198, 18, 0, 1)
#define PORT 9000
#define PEER_PORT 40000
#define PEER_ISN 1000u
#define STEPS_MAX 400
#define HELD_MAX 64
#define END_ROUNDS 3000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define must(condition) \
	do { \
		if (!(condition)) { \
			fprintf(stderr, "%s:%d: broken promise: %s\n", __FILE__, __LINE__, #condition); \
			abort(); \
		} \
	} while (0)

enum decision {
	SEND,      /* (a + 1) * (b + 1) bytes */
	SEND_SMALL, /* 1 + a % 8 segments of 1 + b bytes */
	ACK,       /* a/256 of what is outstanding, window of b */
	ACK_SEGS,  /* a % 16 packets of the queue */
	SACK,      /* a block: from a/256 of what is outstanding, b * 64 bytes */
	SACK_SEGS, /* from the a % 64-th packet, 1 + b % 16 of them */
	SACK_TWO,  /* a block around a, a block around b */
	DSACK_OLD, /* of what was acknowledged */
	DSACK_IN,  /* within a SACKED block */
	DUPLICATE, /* 1 + a % 4 duplicate ACKs */
	ECE,
	WINDOW,    /* a * b */
	OLD_ACK,
	TIME,      /* a * b * 100 us */
	TIME_LONG, /* a * 100 ms */
	HOLD,      /* the link takes nothing, or again */
	DATA,      /* of the peer */
	STALE_TS,  /* what it echoes from now on is a ms old */
	OPTION,    /* TCP_NODELAY, TCP_CORK, the sending buffer */
	FUTURE,    /* acknowledges what was never sent */
	DECISIONS,
};

struct account {
	size_t bytes, blocks;
};

struct fuzz {
	struct ho_stack *st;
	struct sock *sk;
	struct account mem, frame_mem;
	struct ho_allocator frame_al;
	ho_time_ns now;
	int lfd, fd;
	uint32_t seq;                /* the peer's next */
	uint32_t window, stale_ms;
	bool ts, holds, ended;
	uint32_t ts_ecr;
};

static void *account_alloc(void *ctx, size_t bytes, size_t align)
{
	struct account *a = ctx;
	void *block = NULL;

	if (posix_memalign(&block, align < sizeof(void *) ? sizeof(void *) : align, bytes) != 0)
		return NULL;
	a->bytes += bytes;
	a->blocks++;
	return block;
}

static void account_free(void *ctx, void *block, size_t bytes)
{
	struct account *a = ctx;

	must(a->blocks > 0 && a->bytes >= bytes);
	a->bytes -= bytes;
	a->blocks--;
	free(block);
}

/* ---- what must hold ---- */

static void sums_agree(const struct sock *sk)
{
	uint32_t out = 0, sacked = 0, lost = 0, retrans = 0;
	seq_t at = sk->busy->rtx_head ? sk->busy->rtx_head->seq : sk->snd_nxt;
	const struct seg *before = NULL;

	must(!seq_gt(at, sk->snd_una) || !sk->busy->rtx_head);
	for (const struct seg *g = sk->busy->rtx_head; g; before = g, g = g->next) {
		must(g->prev == before && seq_eq(g->seq, at) && seq_lt(g->seq, g->end_seq));
		must(seq_gt(g->end_seq, sk->snd_una));
		out += g->pcount;
		sacked += g->sacked & SEG_SACKED ? g->pcount : 0;
		lost += g->sacked & SEG_LOST ? g->pcount : 0;
		retrans += g->sacked & SEG_RETRANS ? g->pcount : 0;
		must(!(g->sacked & SEG_SACKED) || !(g->sacked & SEG_LOST));
		at = g->end_seq;
	}
	must(before == sk->busy->rtx_tail && seq_eq(at, sk->snd_nxt));
	must(out == sk->packets_out && lost == sk->busy->lost_out);
	must(retrans <= sk->busy->retrans_out); /* one that was undone and is sent again counts twice, until all is acknowledged */
	must(sk->packets_out || !sk->sack_ok || !sk->busy->retrans_out);
	must(!sk->sack_ok || sacked == sk->busy->sacked_out);
	must(sk->busy->sacked_out + sk->busy->lost_out <= sk->packets_out);
	must(!sk->sack_ok || !sk->busy->sacked_out || (seq_gt(sk->busy->highest_sack, sk->snd_una) && !seq_gt(sk->busy->highest_sack, sk->snd_nxt)));
}

/* The stack's pages are what its sockets hold. */
static void pages_agree(const struct ho_stack *st)
{
	int64_t bytes = 0;

	for (uint32_t i = 0; i < st->socks.fresh; i++) {
		const struct sock *sk = handle_sock(st, i);

		if (sk == NULL)
			continue;
		bytes += (int64_t)sk->rmem_alloc + sk->wmem_queued + sk->fwd_alloc;
	}
	must((int64_t)st->tcp_mem.pages * PAGE_BYTES == bytes);
}

static uint8_t marks_due(const struct seg *g)
{
	uint32_t marks = (g->settled ? 0 : RTX_UNSETTLED) | (g->sacked & SEG_LOST ? RTX_LOST : 0) |
	                 (g->sacked & SEG_EVER_RETRANS ? RTX_EVER_RETRANS : 0) | (g->sacked & SEG_SACKED ? 0 : RTX_UNSACKED);

	if ((g->sacked & (SEG_LOST | SEG_RETRANS | SEG_SACKED)) == SEG_LOST)
		marks |= RTX_RESEND;
	return (uint8_t)marks;
}

static void index_agrees(const struct sock *sk)
{
	struct node *n = tree_first(&sk->busy->rtx_index, 0xff);
	uint32_t rank = 0;

	for (const struct seg *g = sk->busy->rtx_head; g; g = g->next) {
		must(!g->settled || (g->sacked & SEG_SACKED));
		if (!sk->busy->rtx_index.root)
			continue;
		must(g->node.marks == marks_due(g));
		must(node_rank(&g->node) == rank++);
		if (g->node.marks) {
			must(n == &g->node);
			n = node_next(n, 0xff);
		}
	}
	must(!sk->busy->rtx_index.root || (rank == sk->busy->rtx_index.root->count && !n));
	for (n = tree_first(&sk->busy->rtx_index, RTX_RESEND), rank = 0; n; n = node_next(n, RTX_RESEND))
		rank++;
	for (const struct seg *g = sk->busy->rtx_head; g && sk->busy->rtx_index.root; g = g->next)
		rank -= (g->node.marks & RTX_RESEND) != 0;
	must(rank == 0);
}

static uint32_t list_agrees(const struct list *head, const struct list *edge, bool *edge_met)
{
	const struct seg *before = NULL;
	uint32_t count = 0;

	for (const struct list *l = head->next; l != head; l = l->next, count++) {
		const struct seg *g = container_of((struct list *)(uintptr_t)l, struct seg, sent);

		must(!(g->sacked & SEG_SACKED) || (g->sacked & SEG_EVER_RETRANS)); /* a loss probe, sent all the same */
		must(!before || before->sent_us <= g->sent_us);
		*edge_met |= l == edge;
		before = g;
	}
	return count;
}

static void times_agree(const struct sock *sk)
{
	bool edge_met = sk->busy->rack_edge == &sk->busy->sent_order, none = false;
	uint32_t listed = list_agrees(&sk->busy->sent_order, sk->busy->rack_edge, &edge_met);

	listed += list_agrees(&sk->busy->sent_lost, NULL, &none);
	must(edge_met);
	for (const struct seg *g = sk->busy->rtx_head; g; g = g->next)
		listed -= !list_empty(&g->sent);
	must(listed == 0);
}

static void timers_run(const struct fuzz *z)
{
	const struct sock *sk = z->sk;

	if (sk->busy->pending != WRITE_NONE) {
		must(timer_armed(&sk->busy->write_timer));
		must(sk->busy->write_at_ms <= z->st->now_ms + TCP_RTO_MAX_MS);
	}
	if (sk->packets_out)
		must(sk->busy->pending != WRITE_NONE && sk->busy->pending != WRITE_PROBE0);
	else if (sk->busy->wq_head && !sk->busy->throttled && !(sk->nonagle & NAGLE_CORK))
		must(sk->busy->pending == WRITE_PROBE0 || z->holds);
}

static void everything_agrees(struct fuzz *z)
{
	if (z->ended)
		return;
	pages_agree(z->st);
	sums_agree(z->sk);
	index_agrees(z->sk);
	times_agree(z->sk);
	timers_run(z);
	must(z->sk->snd_cwnd >= 1 && !seq_gt(z->sk->snd_una, z->sk->snd_nxt));
}

/* ---- what comes out ---- */

static void listen_to(struct fuzz *z)
{
	struct ho_frame *f;
	struct ho_event e;

	while (!z->holds && (f = ho_stack_output(z->st)) != NULL) {
		const uint8_t *tcp = (const uint8_t *)f->slice[0].data + 20;
		struct tcp_options opt;

		tcp_options_parse(tcp + 20, (tcp[12] >> 4) * 4u - 20, (tcp[13] & TCP_SYN) != 0, &opt);
		if (opt.has_ts)
			z->ts_ecr = opt.ts_val;
		ho_frame_unref(f);
	}
	while (ho_stack_event(z->st, &e))
		;
	if (z->sk)
		z->ended = z->sk->state == HO_CLOSE;
}

static void pass_time(struct fuzz *z, ho_time_ns ns)
{
	z->now += ns;
	for (int i = 0; i < 100000 && ho_stack_deadline(z->st) <= z->now; i++) {
		ho_stack_expire(z->st, z->now, 0);
		listen_to(z);
		if (z->holds)
			return;
	}
	ho_stack_at(z->st, z->now);
}

/* ---- what goes in ---- */

struct blocks {
	unsigned count;
	uint32_t at[4][2];
};

static size_t options_write(const struct fuzz *z, uint8_t *o, const struct blocks *b, bool syn)
{
	size_t n = 0;

	if (syn) {
		memcpy(o, "\x02\x04\x05\xb4\x01\x01\x04\x02\x01\x03\x03\x07", 12);
		n = 12;
	}
	if (z->ts) {
		memcpy(o + n, "\x01\x01\x08\x0a", 4);
		put32(o + n + 4, (uint32_t)(z->now / HO_MS));
		put32(o + n + 8, syn ? 0 : z->ts_ecr - z->stale_ms);
		n += 12;
	}
	if (b && b->count) {
		o[n] = o[n + 1] = 1;
		o[n + 2] = 5;
		o[n + 3] = (uint8_t)(2 + 8 * b->count);
		n += 4;
		for (unsigned i = 0; i < b->count; i++, n += 8) {
			put32(o + n, b->at[i][0]);
			put32(o + n + 4, b->at[i][1]);
		}
	}
	return n;
}

static void say(struct fuzz *z, uint8_t flags, seq_t ack, const struct blocks *b, uint32_t payload)
{
	uint8_t packet[20 + 60 + 256] = {0x45};
	size_t header = 40 + options_write(z, packet + 40, b, flags & TCP_SYN), len = header + payload;
	struct ho_frame *f;
	uint16_t sum;

	put16(packet + 2, (uint16_t)len);
	packet[8] = 64;
	packet[9] = 6;
	put32(packet + 12, PEER_ADDR);
	put32(packet + 16, OWN_ADDR);
	sum = csum_fold(csum_partial(packet, 20));
	memcpy(packet + 10, &sum, 2);
	put16(packet + 20, PEER_PORT);
	put16(packet + 22, PORT);
	put32(packet + 24, z->seq);
	put32(packet + 28, ack.n);
	packet[32] = (uint8_t)((header - 20) << 2);
	packet[33] = flags;
	put16(packet + 34, (uint16_t)z->window);
	f = ho_frame_make(&z->frame_al, packet, len);
	must(f);
	f->csum = HO_CSUM_GOOD;
	ho_stack_input(z->st, f, z->now);
	z->seq += payload + ((flags & TCP_SYN) != 0);
	listen_to(z);
}

static void say_ack(struct fuzz *z, seq_t ack)
{
	say(z, TCP_ACK, ack, NULL, 0);
}

/* ---- decisions ---- */

static uint32_t outstanding(const struct fuzz *z)
{
	return seq_sub(z->sk->snd_nxt, z->sk->snd_una);
}

/* The n-th packet's beginning; the end if there are fewer. */
static seq_t packet_at(const struct fuzz *z, uint32_t n)
{
	for (const struct seg *g = z->sk->busy->rtx_head; g; g = g->next) {
		uint32_t bytes = g->gso_size ? g->gso_size : g->len_bytes;

		if (n < g->pcount && seq_lt(seq_add(g->seq, n * bytes), g->end_seq))
			return seq_add(g->seq, n * bytes);
		n -= n < g->pcount ? n : g->pcount;
	}
	return z->sk->snd_nxt;
}

static struct blocks block_of(seq_t from, seq_t to)
{
	return (struct blocks){1, {{from.n, to.n}}};
}

static void sack_decide(struct fuzz *z, enum decision what, uint8_t a, uint8_t b)
{
	seq_t una = z->sk->snd_una, nxt = z->sk->snd_nxt, from = seq_add(una, outstanding(z) / 256 * a + outstanding(z) % 256 * a / 256);
	struct blocks k;

	switch (what) {
	case SACK: k = block_of(from, seq_add(from, b * 64u + 1)); break;
	case SACK_SEGS: k = block_of(packet_at(z, a % 64u), packet_at(z, a % 64u + 1 + b % 16u)); break;
	case SACK_TWO:
		k = block_of(packet_at(z, a), packet_at(z, a + 1u));
		k.count = 2;
		k.at[1][0] = packet_at(z, b).n;
		k.at[1][1] = packet_at(z, b + 1u).n;
		break;
	case DSACK_OLD: k = block_of(seq_of(una.n - 1 - a * 16u), seq_of(una.n - a * 16u + b * 16u)); break;
	default:
		k = block_of(packet_at(z, a % 64u), packet_at(z, a % 64u + 1 + b % 4u));
		k.count = 2;
		k.at[1][0] = packet_at(z, 1).n;
		k.at[1][1] = b & 0x80 ? nxt.n : packet_at(z, 64u + b).n;
	}
	if (z->sk->busy->sack_known[0].from.n && (b & 0x40) && k.count < 3) { /* and one of before */
		k.at[k.count][0] = z->sk->busy->sack_known[0].from.n;
		k.at[k.count++][1] = z->sk->busy->sack_known[0].to.n;
	}
	say(z, TCP_ACK, una, &k, 0);
}

static void send_decide(struct fuzz *z, uint32_t bytes)
{
	static const uint8_t zeros[65536];

	ho_stack_at(z->st, z->now);
	ho_sock_send(z->st, z->fd, zeros, bytes, 0);
	listen_to(z);
}

static void option_decide(struct fuzz *z, uint8_t a, uint8_t b)
{
	static const char *const tcp_mem[] = {"0 0 0", "0 0 9", "2 4 40", "9 20 1000", "100000 100000 100000"};
	int on = b & 1, bytes = 4096 << b % 12;

	ho_stack_at(z->st, z->now);
	if (a >= 192)
		ho_sysctl_set(z->st, "net.ipv4.tcp_mem", tcp_mem[b % 5]);
	else if (a % 3 == 0)
		ho_sock_setopt(z->st, z->fd, HO_SOL_TCP, HO_TCP_NODELAY, &on, sizeof(on));
	else if (a % 3 == 1)
		ho_sock_setopt(z->st, z->fd, HO_SOL_TCP, HO_TCP_CORK, &on, sizeof(on));
	else
		ho_sock_setopt(z->st, z->fd, HO_SOL_SOCKET, HO_SO_SNDBUF, &bytes, sizeof(bytes));
	listen_to(z);
}

static void decide(struct fuzz *z, enum decision what, uint8_t a, uint8_t b)
{
	const struct sock *sk = z->sk;

	switch (what) {
	case SEND: send_decide(z, (a + 1u) * (b + 1u) > 65536 ? 65536 : (a + 1u) * (b + 1u)); break;
	case SEND_SMALL:
		for (int i = 0; i <= a % 8; i++)
			send_decide(z, b + 1u);
		break;
	case ACK: say_ack(z, seq_add(sk->snd_una, outstanding(z) / 256 * a + outstanding(z) % 256 * a / 256)); break;
	case ACK_SEGS: say_ack(z, packet_at(z, a % 16u)); break;
	case SACK:
	case SACK_SEGS:
	case SACK_TWO:
	case DSACK_OLD:
	case DSACK_IN: sack_decide(z, what, a, b); break;
	case DUPLICATE:
		for (int i = 0; i <= a % 4 && !z->ended; i++)
			say_ack(z, sk->snd_una);
		break;
	case ECE: say(z, TCP_ACK | TCP_ECE, packet_at(z, a % 8u), NULL, 0); break;
	case WINDOW:
		z->window = (uint32_t)a * b;
		say_ack(z, sk->snd_una);
		break;
	case OLD_ACK: say(z, TCP_ACK, seq_of(sk->snd_una.n - a), &(struct blocks){1, {{packet_at(z, b % 32u).n, packet_at(z, b % 32u + 1).n}}}, 0); break;
	case TIME: pass_time(z, (ho_time_ns)a * b * 100 * HO_US); break;
	case TIME_LONG: pass_time(z, a * 100 * HO_MS); break;
	case HOLD:
		z->holds = a & 1;
		listen_to(z);
		break;
	case DATA: say(z, TCP_ACK | TCP_PSH, packet_at(z, a % 4u), NULL, 1 + b % 200u); break;
	case STALE_TS: z->stale_ms = a; break;
	case OPTION: option_decide(z, a, b); break;
	case FUTURE: say_ack(z, seq_add(sk->snd_nxt, 1u + a)); break;
	case DECISIONS: break;
	}
}

/* ---- birth and end ---- */

static void born(struct fuzz *z, const uint8_t *c)
{
	struct ho_stack_config config;

	memset(z, 0, sizeof(*z));
	z->now = 5 * HO_SEC;
	z->window = 65535;
	z->seq = PEER_ISN;
	z->ts = c[0] & 1;
	z->frame_al = (struct ho_allocator){account_alloc, account_free, &z->frame_mem};
	ho_stack_config_init(&config);
	config.addr = OWN_ADDR;
	config.default_route = true;
	config.link_flags = c[0] >> 1 & 3;
	config.out_queue_max = c[0] & 8 ? 20 : 1000;
	config.alloc = (struct ho_allocator){account_alloc, account_free, &z->mem};
	config.now_ns = z->now;
	memset(config.secret, 0x5a, sizeof(config.secret));
	must(ho_stack_open(&config, &z->st) == 0);
	must(ho_sysctl_set(z->st, "net.ipv4.tcp_sack", c[1] & 3 ? "1" : "0") == 0);
	must(ho_sysctl_set(z->st, "net.ipv4.tcp_ecn", c[1] & 4 ? "1" : "0") == 0);
	must(ho_sysctl_set(z->st, "net.ipv4.tcp_congestion_control", c[1] & 8 ? "reno" : "cubic") == 0);
	must(ho_sysctl_set(z->st, "net.ipv4.tcp_retries2", "100") == 0);
	z->lfd = ho_sock_open(z->st, HO_SOCK_STREAM, 0);
	must(ho_sock_bind(z->st, z->lfd, (struct ho_endpoint){OWN_ADDR, PORT}) == 0);
	must(ho_sock_listen(z->st, z->lfd, 1) == 0);
	say(z, c[1] & 4 ? TCP_SYN | TCP_ECE | TCP_CWR : TCP_SYN, seq_of(0), NULL, 0);
	must(!z->ended);
}

/* The server's first number is only in its SYN+ACK: it is looked up. */
static void established(struct fuzz *z, const uint8_t *c)
{
	const struct request *req = NULL;

	for (uint32_t b = 0; b < z->st->conns.buckets && !req; b++)
		for (uint64_t i = 0; conn_at(z->st, b, i); i++)
			if (conn_at(z->st, b, i)->kind == ENTRY_REQUEST)
				req = container_of(conn_at(z->st, b, i), struct request, e);
	must(req);
	say_ack(z, seq_add(req->snt_isn, 1));
	z->fd = ho_sock_accept(z->st, z->lfd, NULL);
	must(z->fd >= 0);
	z->sk = z->st->fds[z->fd];
	/* a window that is open already, for half of the inputs */
	if (c[2] & 1)
		z->sk->snd_cwnd = 20u + c[3];
}

/* The peer is good again: everything must be sent and acknowledged. */
static void finish(struct fuzz *z)
{
	int off = 0;

	z->holds = false;
	z->stale_ms = 0;
	z->window = 65535;
	listen_to(z);
	ho_stack_at(z->st, z->now);
	ho_sock_setopt(z->st, z->fd, HO_SOL_TCP, HO_TCP_CORK, &off, sizeof(off));
	for (int i = 0; i < END_ROUNDS && !z->ended && (z->sk->packets_out || z->sk->busy->wq_head); i++) {
		say_ack(z, z->sk->snd_nxt);
		everything_agrees(z);
		pass_time(z, 250 * HO_MS);
		everything_agrees(z);
	}
	must(z->ended || (!z->sk->packets_out && !z->sk->busy->wq_head));
	z->sk = NULL;
	must(ho_sock_close(z->st, z->fd) == 0 && ho_sock_close(z->st, z->lfd) == 0);
	listen_to(z);
	ho_stack_close(z->st);
	must(z->mem.blocks == 0 && z->mem.bytes == 0 && z->frame_mem.blocks == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fuzz z;

	if (size < 4)
		return 0;
	born(&z, data);
	established(&z, data);
	everything_agrees(&z);
	for (uint32_t i = 0; i < STEPS_MAX && 4 + 3 * i + 3 <= size && !z.ended; i++) {
		const uint8_t *d = data + 4 + 3 * i;

		decide(&z, d[0] % DECISIONS, d[1], d[2]);
		everything_agrees(&z);
	}
	finish(&z);
	return 0;
}
