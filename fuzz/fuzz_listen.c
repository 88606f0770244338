/* SPDX-License-Identifier: MIT
 * One listener under fire: the bytes are a sequence of decisions.  4 bytes choose the config, then each decision is 3
 * bytes: what, which peer, and an argument.  Peers are as good or as bad as the decisions say; their segments follow
 * what the listener answered, so that handshakes, duplicates, resets, cookies and overflows all come about.
 *
 * What must hold after each decision: no queue longer than its limit allows; the requests, sockets, buckets and timers
 * that exist are those that the queues and tables name, no 4-tuple twice; a listener's own numbers, what it was
 * charged and the stack's counters say the same; no frame is forgotten.  In the end, when all is closed and time has
 * passed: nothing.
 *
 * fuzz/make_corpus.py writes sequences of this format. */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>

#include "core.h"

#define OWN_ADDR HO_ADDR(198, 18, 0, 2)
#define PEER_ADDR HO_ADDR(198, 18, 0, 1)
#define PORT 9000
#define PEERS 16u
#define ACCEPTED_MAX 32
#define STEPS_MAX 300
#define FLOOD_MAX 24

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define must(condition) \
	do { \
		if (!(condition)) { \
			fprintf(stderr, "%s:%d: broken promise: %s\n", __FILE__, __LINE__, #condition); \
			abort(); \
		} \
	} while (0)

enum decision {
	SYN,
	SYN_AGAIN,
	SYN_OTHER,
	RST,
	FINAL_ACK,
	BAD_ACK,
	DATA,
	FIN,
	ICMP,
	ACCEPT,
	CLOSE,
	OPEN,
	LISTEN_AGAIN,
	SHUTDOWN,
	TIME,
	SYSCTL,
	DEFER,
	CLOSE_CHILD,
	FLOOD,
	SYNACK,
	STRAY,
	RECV,
	DECISIONS,
};

/* ---- memory that is counted, and refused on order ---- */
struct account {
	size_t bytes, blocks, calls;
	uint32_t refuse_every; /* 0: never */
};

static void *account_alloc(void *ctx, size_t bytes, size_t align)
{
	struct account *a = ctx;
	void *block = NULL;

	if (a->refuse_every != 0 && ++a->calls % a->refuse_every == 0)
		return NULL;
	if (posix_memalign(&block, align < sizeof(void *) ? sizeof(void *) : align, bytes) != 0)
		return NULL;
	memset(block, 0xa5, bytes);
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

/* ---- the scene ---- */
struct peer {
	uint16_t port;
	uint32_t isn, seq;      /* the first SYN's; next to say */
	uint32_t host_isn, ack; /* of the latest SYN+ACK; all heard before */
	uint32_t older_isn;     /* of the SYN+ACK before, if it was another */
	uint32_t ts_val, ts_ecr;
	bool ts;
	uint8_t synack[128]; /* for ICMP errors to quote */
	size_t synack_bytes;
};

/* What listeners that are gone have counted. */
struct ledger {
	uint64_t queued, cookies, drops[HO_DROP_CAUSES];
};

struct fuzz {
	struct ho_stack *st;
	struct account mem, frame_mem;
	struct ho_allocator frame_al;
	ho_time_ns now;
	struct peer peer[PEERS];
	int lfd;
	int accepted[ACCEPTED_MAX];
	uint32_t accepted_count;
	struct ledger gone;
	uint64_t flushed;        /* queued connections that a shutdown of the present listener ended */
	uint64_t icmp, icmp_own; /* requests that ICMP ended: all, of the present listener */
	uint32_t accept_before, syn_before, buckets_before;
};

/* ---- what comes out ---- */
static void peer_hears(struct fuzz *z, const uint8_t *ip, size_t len_bytes)
{
	const uint8_t *tcp = ip + 20;
	size_t hdr = (size_t)(tcp[12] >> 4) * 4;
	struct tcp_options opt;
	struct peer *p;

	must(get16(tcp) == PORT && 20 + hdr <= len_bytes);
	if (get16(tcp + 2) < 40000 || get16(tcp + 2) >= 40000 + PEERS)
		return; /* the flood does not listen */
	p = &z->peer[get16(tcp + 2) - 40000];
	if (tcp[13] & TCP_RST)
		return;
	tcp_options_parse(tcp + 20, hdr - 20, (tcp[13] & TCP_SYN) != 0, &opt);
	if (opt.has_ts)
		p->ts_ecr = opt.ts_val;
	if (tcp[13] & TCP_SYN) {
		if (get32(tcp + 4) != p->host_isn)
			p->older_isn = p->host_isn;
		p->host_isn = get32(tcp + 4);
		p->synack_bytes = len_bytes < sizeof(p->synack) ? len_bytes : sizeof(p->synack);
		memcpy(p->synack, ip, p->synack_bytes);
	}
	p->ack = get32(tcp + 4) + (uint32_t)(len_bytes - 20 - hdr) + !!(tcp[13] & TCP_SYN) + !!(tcp[13] & TCP_FIN);
}

static void drain(struct fuzz *z)
{
	static uint8_t bytes[65536];
	struct ho_frame *f;
	struct ho_event e;
	struct ho_trace t;

	while ((f = ho_stack_output(z->st)) != NULL) {
		size_t n = ho_frame_flatten(f, bytes, sizeof(bytes));

		must(n >= 40 && bytes[0] == 0x45);
		if (bytes[9] == IP_PROTO_TCP)
			peer_hears(z, bytes, n);
		ho_frame_unref(f);
	}
	while (ho_stack_event(z->st, &e))
		must(e.fd >= 0 && e.mask != 0);
	while (ho_trace_next(z->st, &t))
		;
}

/* ---- what goes in ---- */
static void put_sum(uint8_t *at, uint32_t sum)
{
	uint16_t folded = csum_fold(sum);

	memcpy(at, &folded, 2);
}

static void put_ip(uint8_t *ip, size_t total_bytes, uint8_t protocol)
{
	memset(ip, 0, 20);
	ip[0] = 0x45;
	put16(ip + 2, (uint16_t)total_bytes);
	ip[8] = 64;
	ip[9] = protocol;
	put32(ip + 12, PEER_ADDR);
	put32(ip + 16, OWN_ADDR);
	put_sum(ip + 10, csum_partial(ip, 20));
}

static void input(struct fuzz *z, const uint8_t *packet, size_t len_bytes)
{
	struct ho_frame *f = ho_frame_make(&z->frame_al, packet, len_bytes);

	must(f != NULL);
	ho_stack_prefetch(z->st, f);
	ho_stack_input(z->st, f, z->now);
}

static void says(struct fuzz *z, const struct peer *p, uint8_t flags, uint32_t seq, uint32_t ack, uint32_t len_bytes)
{
	uint8_t b[200] = {0}, *tcp = b + 20;
	size_t opt = 0, total;

	must(len_bytes <= 100);
	if (flags & TCP_SYN) {
		memcpy(tcp + 20, "\x02\x04\x05\xb4", 4);
		opt = 4;
		if (p->ts) {
			memcpy(tcp + 24, "\x04\x02\x08\x0a\0\0\0\0\0\0\0\0\x01\x03\x03\x07", 16);
			put32(tcp + 28, p->ts_val);
			opt = 20;
		}
	} else if (p->ts && !(flags & TCP_RST)) {
		memcpy(tcp + 20, "\x01\x01\x08\x0a", 4);
		put32(tcp + 24, p->ts_val);
		put32(tcp + 28, p->ts_ecr);
		opt = 12;
	}
	put16(tcp, p->port);
	put16(tcp + 2, PORT);
	put32(tcp + 4, seq);
	put32(tcp + 8, flags & TCP_ACK ? ack : 0);
	tcp[12] = (uint8_t)((20 + opt) / 4 << 4);
	tcp[13] = flags;
	put16(tcp + 14, 65535);
	memset(tcp + 20 + opt, 'x', len_bytes);
	total = 40 + opt + len_bytes;
	put_sum(tcp + 16, csum_add(csum_pseudo(PEER_ADDR, OWN_ADDR, IP_PROTO_TCP, (uint32_t)total - 20),
	                           csum_partial(tcp, total - 20)));
	put_ip(b, total, IP_PROTO_TCP);
	input(z, b, total);
}

static void flood(struct fuzz *z, uint8_t n, uint8_t arg)
{
	for (uint32_t i = 0; i <= n % FLOOD_MAX; i++) {
		struct peer p = {.port = (uint16_t)(20000 + arg * 8 + i), .ts = arg & 1};

		says(z, &p, TCP_SYN, 77 * arg, 0, 0);
	}
}

/* arg: the error's type and code; bit 7: about another sequence number. */
static void icmp_error(struct fuzz *z, const struct peer *p, uint8_t arg)
{
	static const uint8_t kinds[4][2] = {{3, 1}, {3, 3}, {11, 0}, {3, 4}};
	uint8_t b[28 + 128];
	size_t total = 28 + p->synack_bytes;
	uint64_t all = ho_counter_get(z->st, HO_TcpExtListenDrops),
		 own = ho_counter_get_sock(z->st, z->lfd, HO_TcpExtListenDrops);

	if (p->synack_bytes == 0)
		return;
	memset(b, 0, 28);
	memcpy(b + 28, p->synack, p->synack_bytes);
	if (arg & 0x80)
		put32(b + 28 + 24, get32(p->synack + 24) + arg);
	b[20] = kinds[arg & 3][0];
	b[21] = kinds[arg & 3][1];
	put_sum(b + 22, csum_partial(b + 20, total - 20));
	put_ip(b, total, IP_PROTO_ICMP);
	input(z, b, total);
	all = ho_counter_get(z->st, HO_TcpExtListenDrops) - all;
	own = ho_counter_get_sock(z->st, z->lfd, HO_TcpExtListenDrops) - own;
	must(all <= 1 && own <= all);
	z->icmp += all;
	z->icmp_own += own;
}

/* ---- calls ---- */
static bool info_of(const struct fuzz *z, struct ho_listener_info *info)
{
	return z->lfd >= 0 && ho_sock_listener_info(z->st, z->lfd, info) == 0;
}

static void listener_open(struct fuzz *z, uint8_t backlog, uint8_t arg)
{
	int fd, one = 1;

	if (z->lfd >= 0)
		return;
	fd = ho_sock_open(z->st, HO_SOCK_STREAM, 0);
	if (fd < 0)
		return;
	ho_sock_setopt(z->st, fd, HO_SOL_SOCKET, HO_SO_REUSEADDR, &one, sizeof(one));
	if (ho_sock_bind(z->st, fd, (struct ho_endpoint){arg & 1 ? OWN_ADDR : HO_ADDR_ANY, PORT}) < 0 ||
	    ho_sock_listen(z->st, fd, (int8_t)backlog) < 0) {
		ho_sock_close(z->st, fd);
		return;
	}
	z->lfd = fd;
	z->flushed = z->icmp_own = 0;
}

/* Its numbers, while it still can tell them. */
static struct listen *listener(const struct fuzz *z)
{
	return z->lfd >= 0 ? sock_by_fd(z->st, z->lfd)->l : NULL;
}

static void listener_close(struct fuzz *z)
{
	const struct listen *l = listener(z);

	if (l == NULL)
		return;
	z->gone.queued += l->queued;
	z->gone.cookies += l->cookies;
	for (int i = 0; i < HO_DROP_CAUSES; i++)
		z->gone.drops[i] += l->drops[i];
	must(ho_sock_close(z->st, z->lfd) == 0);
	z->lfd = -1;
}

static void listener_shutdown(struct fuzz *z, uint8_t arg)
{
	struct ho_listener_info info;
	bool had = info_of(z, &info);

	if (z->lfd < 0 || ho_sock_shutdown(z->st, z->lfd, arg % 3) != 0)
		return;
	if (had && arg % 3 != HO_SHUT_WR)
		z->flushed += info.accept_queue;
}

static void accept_one(struct fuzz *z)
{
	int fd;

	if (z->accepted_count == ACCEPTED_MAX)
		return;
	fd = ho_sock_accept(z->st, z->lfd, NULL);
	if (fd >= 0)
		z->accepted[z->accepted_count++] = fd;
}

static void child_close(struct fuzz *z, uint8_t which)
{
	uint32_t i;

	if (z->accepted_count == 0)
		return;
	i = which % z->accepted_count;
	must(ho_sock_close(z->st, z->accepted[i]) == 0);
	z->accepted[i] = z->accepted[--z->accepted_count];
}

static void sysctl_change(struct fuzz *z, uint8_t which, uint8_t value)
{
	static const char *const names[] = {
		"net.ipv4.tcp_syncookies",     "net.ipv4.tcp_abort_on_overflow",
		"net.core.somaxconn",          "net.ipv4.tcp_max_syn_backlog",
		"net.ipv4.tcp_synack_retries", "net.ipv4.tcp_timestamps",
		"net.ipv4.tcp_sack",           "net.ipv4.tcp_window_scaling",
	};
	char text[16];

	snprintf(text, sizeof(text), "%u", value % 16);
	ho_sysctl_set(z->st, names[which % 8], text);
}

static void time_passes(struct fuzz *z, uint8_t step)
{
	static const ho_time_ns steps[8] = {HO_US,        HO_MS,      100 * HO_MS, 600 * HO_MS,
	                                    1100 * HO_MS, 5 * HO_SEC, 40 * HO_SEC, 130 * HO_SEC};

	z->now += steps[step % 8];
	ho_stack_expire(z->st, z->now, 0);
	must(ho_stack_deadline(z->st) > z->now);
}

static void decide(struct fuzz *z, uint8_t what, uint8_t which, uint8_t arg)
{
	struct peer *p = &z->peer[which % PEERS];
	int32_t seconds = arg % 8;
	uint8_t buf[64];

	ho_stack_at(z->st, z->now);
	p->ts_val++;
	switch ((enum decision)(what % DECISIONS)) {
	case SYN_OTHER: p->isn += arg * 1000u; /* fall through */
	case SYN:
		p->ts = arg & 1;
		p->seq = p->isn + 1;
		/* fall through */
	case SYN_AGAIN: says(z, p, TCP_SYN, p->isn, 0, arg & 0x40 ? 10 : 0); break;
	case RST: says(z, p, arg & 2 ? TCP_RST | TCP_ACK : TCP_RST, p->seq + (arg & 0x80 ? arg : 0), p->ack, 0); break;
	case FINAL_ACK: says(z, p, TCP_ACK, p->seq, (arg & 0x80 ? p->older_isn : p->host_isn) + 1, 0); break;
	case BAD_ACK: says(z, p, TCP_ACK, p->seq, p->host_isn + 1 + arg, 0); break;
	case DATA:
		says(z, p, TCP_ACK | TCP_PSH, p->seq, p->ack, arg % 64);
		p->seq += arg & 0x80 ? 0 : arg % 64;
		break;
	case FIN: says(z, p, TCP_ACK | TCP_FIN, p->seq++, p->ack, arg % 8); break;
	case ICMP: icmp_error(z, p, arg); break;
	case ACCEPT: accept_one(z); break;
	case CLOSE: listener_close(z); break;
	case OPEN: listener_open(z, which, arg); break;
	case LISTEN_AGAIN: ho_sock_listen(z->st, z->lfd, (int8_t)which); break;
	case SHUTDOWN: listener_shutdown(z, arg); break;
	case TIME: time_passes(z, arg); break;
	case SYSCTL: sysctl_change(z, which, arg); break;
	case DEFER: ho_sock_setopt(z->st, z->lfd, HO_SOL_TCP, HO_TCP_DEFER_ACCEPT, &seconds, sizeof(seconds)); break;
	case CLOSE_CHILD: child_close(z, which); break;
	case FLOOD: flood(z, which, arg); break;
	case SYNACK: says(z, p, TCP_SYN | TCP_ACK, p->isn, p->host_isn + 1, 0); break;
	case STRAY: says(z, p, arg & 0x3f, p->seq, p->ack, arg & 0x40 ? 1 : 0); break;
	case RECV:
		if (z->accepted_count > 0)
			ho_sock_recv(z->st, z->accepted[which % z->accepted_count], buf, sizeof(buf), 0);
		break;
	case DECISIONS: break;
	}
}

/* ---- what must hold ---- */

/* The connection table: what is in it, and nothing twice. */
static void table_holds(const struct fuzz *z)
{
	struct ho_sock_info row[512];
	uint32_t n = 0, requests = 0, buckets = 0, hashed = 0;
	struct ho_memory m;
	uint64_t cursor = 0;

	ho_stack_memory(z->st, &m);
	while (ho_sock_next(z->st, &cursor, &row[n])) {
		const struct ho_sock_info *r = &row[n];

		if (r->peer.port == 0)
			continue; /* listeners, and descriptors that are no connection */
		if (r->bucket)
			buckets++;
		else if (r->state == HO_SYN_RECV && r->fd < 0 && !r->accept_queued)
			requests++;
		else if (r->state != HO_CLOSE)
			hashed++;
		else
			continue;
		for (uint32_t i = 0; i < n; i++)
			must(row[i].peer.port != r->peer.port || row[i].peer.addr != r->peer.addr ||
			     row[i].local.port != r->local.port);
		must(++n < 512);
	}
	must(requests == m.requests && buckets == m.timewaits);
	must(m.ehash_count == requests + buckets + hashed);
	must(m.allocated_bytes == z->mem.bytes);
}

/* Every socket belongs to somebody: a descriptor, an accept queue, its last packets, or the requests that name it. */
static void sockets_hold(const struct fuzz *z)
{
	uint32_t queued = 0, requests = 0, dead = 0, socks = 0;

	for (uint32_t i = 0; i < z->st->socks.fresh; i++) {
		const struct sock *sk = handle_sock(z->st, i);
		uint32_t length = 0;

		if (sk == NULL)
			continue;
		socks++;
		dead += sk->dead;
		must((sk->fd >= 0) + (sk->in_accept_queue) + sk->dead + (sk->e.kind == 0) == 1);
		if (sk->l == NULL)
			continue;
		must(sk->l->syn_young <= sk->l->syn_count &&
		     (sk->l->syn_count == 0 || z->st->listeners[sk->l->slot] == sk));
		for (const struct sock *c = sk->l->accept_head; c != NULL; c = c->accept_next, length++)
			must(c->in_accept_queue && (c->accept_next != NULL || c == sk->l->accept_tail));
		must(length == sk->l->accept_count);
		queued += length;
		requests += sk->l->syn_count;
	}
	must(socks == z->st->sock_count && dead == z->st->orphans && requests == z->st->request_count);
	for (uint32_t i = 0; i < z->st->socks.fresh; i++)
		queued -= handle_sock(z->st, i) != NULL && handle_sock(z->st, i)->in_accept_queue;
	must(queued == 0);
}

static uint32_t syn_room(const struct fuzz *z, uint32_t limit)
{
	uint32_t max = z->st->ctl.tcp_max_syn_backlog, n = max_u32(min_u32(limit, max), 8), size = 8;

	if (z->st->linux_profile != HO_LINUX_3_10)
		return limit < UINT32_MAX ? limit + 1 : limit;
	while (size < n + 1)
		size *= 2;
	return size;
}

static void queues_hold(struct fuzz *z)
{
	struct ho_listener_info info;
	uint32_t buckets = z->st->timewait_count;
	uint32_t proven =
		z->buckets_before > buckets ? z->buckets_before - buckets : 0; /* a SYN in TIME-WAIT meets no limit */

	z->buckets_before = buckets;
	if (!info_of(z, &info)) {
		z->accept_before = z->syn_before = 0;
		if (z->lfd >= 0)
			z->syn_before = listener(z)->syn_count;
		return;
	}
	must(info.accept_queue <= max_u32(z->accept_before, info.limit + 1));
	must(info.syn_queue <= max_u32(z->syn_before, syn_room(z, info.limit)) + proven);
	must(info.syn_queue_young <= info.syn_queue);
	must(info.accept_queue <= info.accept_queue_max && info.syn_queue_max + z->syn_before >= info.syn_queue);
	must(info.queued == info.accepted + info.accept_queue + z->flushed);
	must((info.oldest_waiting == HO_NEVER) == (info.accept_queue == 0));
	must(info.last_drop == HO_NEVER || info.last_drop <= z->now);
	must(((ho_sock_poll(z->st, z->lfd) & HO_IN) != 0) == (info.accept_queue > 0));
	z->accept_before = info.accept_queue;
	z->syn_before = info.syn_queue;
}

/* For want of room or memory. */
static uint64_t drops_of(const struct fuzz *z, const uint64_t drops[HO_DROP_CAUSES])
{
	bool silent =
		z->st->linux_profile == HO_LINUX_3_10; /* as the field notes have it, a full SYN queue counts nothing */

	return drops[HO_DROP_SYN_ACCEPT_FULL] + drops[HO_DROP_ACK_ACCEPT_FULL] + drops[HO_DROP_COOKIE_ACCEPT_FULL] +
	       drops[HO_DROP_SYN_BACKLOG] + drops[HO_DROP_MEMORY] + (silent ? 0 : drops[HO_DROP_SYN_QUEUE_FULL]);
}

static void counters_hold(const struct fuzz *z)
{
	const struct ho_stack *st = z->st;
	const struct listen *l = listener(z);
	struct ledger sum = z->gone;

	if (l != NULL) {
		sum.queued += l->queued;
		sum.cookies += l->cookies;
		for (int i = 0; i < HO_DROP_CAUSES; i++)
			sum.drops[i] += l->drops[i];
		must(ho_counter_get_sock(st, z->lfd, HO_TcpExtListenDrops) == drops_of(z, l->drops) + z->icmp_own);
		must(ho_counter_get_sock(st, z->lfd, HO_TcpPassiveOpens) >= l->queued);
		must(ho_counter_get_sock(st, z->lfd, HO_TcpExtSyncookiesSent) == l->cookies);
	}
	must(ho_counter_get(st, HO_TcpExtListenDrops) == drops_of(z, sum.drops) + z->icmp);
	must(ho_counter_get(st, HO_TcpExtListenOverflows) == sum.drops[HO_DROP_SYN_ACCEPT_FULL] +
	                                                             sum.drops[HO_DROP_ACK_ACCEPT_FULL] +
	                                                             sum.drops[HO_DROP_COOKIE_ACCEPT_FULL]);
	/* a child that a cookie made is gone at once when a request has its place; Linux has counted it by then */
	must(ho_counter_get(st, HO_TcpPassiveOpens) >= sum.queued);
	must(ho_counter_get(st, HO_TcpPassiveOpens) <= sum.queued + ho_counter_get(st, HO_TcpExtSyncookiesRecv));
	must(ho_counter_get(st, HO_TcpExtSyncookiesSent) == sum.cookies);
	must(ho_counter_get(st, HO_TcpExtTCPDeferAcceptDrop) == sum.drops[HO_DROP_DEFERRED]);
	if (st->linux_profile != HO_LINUX_3_10)
		must(ho_counter_get(st, HO_TcpExtTCPReqQFullDrop) == sum.drops[HO_DROP_SYN_QUEUE_FULL]);
}

static void everything_holds(struct fuzz *z)
{
	ho_sock_poll(z->st, 0);
	must(ho_sock_shutdown(z->st, -1, 0) == -EBADF); /* a door: what has ended is freed */
	table_holds(z);
	sockets_hold(z);
	queues_hold(z);
	counters_hold(z);
	must(z->st->frames_live == 0 && z->frame_mem.blocks <= 2 * z->st->rxsegs.used_count);
}

/* ---- birth and death ---- */
static bool fuzz_init(struct fuzz *z, const uint8_t b[4])
{
	struct ho_stack_config c;

	memset(z, 0, sizeof(*z));
	z->lfd = -1;
	z->now = 5 * HO_SEC;
	z->frame_al = (struct ho_allocator){account_alloc, account_free, &z->frame_mem};
	z->mem.refuse_every = b[3] & 0x7f;
	for (uint32_t i = 0; i < PEERS; i++)
		z->peer[i] = (struct peer){
			.port = (uint16_t)(40000 + i), .isn = 1000000 * i, .seq = 1000000 * i + 1, .ts_val = 500};
	ho_stack_config_init(&c);
	c.addr = OWN_ADDR;
	c.alloc = (struct ho_allocator){account_alloc, account_free, &z->mem};
	c.now_ns = z->now;
	c.socks_max = 64;
	c.trace_max = b[2] & 1 ? 32 : 0;
	c.charge_connections = b[2] & 2;
	c.linux_profile = b[2] & 4 ? HO_LINUX_3_10 : HO_LINUX_6_18;
	memset(c.secret, 0x5a, sizeof(c.secret));
	if (ho_stack_open(&c, &z->st) != 0)
		return false;
	sysctl_change(z, 0, b[1] & 3);
	sysctl_change(z, 1, b[1] >> 2 & 1);
	listener_open(z, b[0] & 15, b[0] >> 7);
	return true;
}

static void fuzz_fini(struct fuzz *z)
{
	struct ho_memory m;

	listener_close(z);
	while (z->accepted_count > 0)
		child_close(z, 0);
	for (uint32_t i = 0; i < 10000 && ho_stack_deadline(z->st) != HO_NEVER; i++) {
		z->now = ho_stack_deadline(z->st) > z->now ? ho_stack_deadline(z->st) : z->now;
		ho_stack_expire(z->st, z->now, 0);
		drain(z);
	}
	drain(z);
	everything_holds(z);
	ho_stack_memory(z->st, &m);
	must(m.socks == 0 && m.requests == 0 && m.timewaits == 0 && m.orphans == 0 && m.ehash_count == 0);
	must(z->st->wheel.count == 0 && z->st->segs.used_count == 0 && z->st->rxsegs.used_count == 0);
	must(ho_counter_get(z->st, HO_TcpCurrEstab) == 0);
	ho_stack_close(z->st);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fuzz z;

	if (size < 4)
		return 0;
	if (fuzz_init(&z, data)) {
		everything_holds(&z);
		for (size_t at = 4, n = 0; at + 3 <= size && n < STEPS_MAX; at += 3, n++) {
			decide(&z, data[at], data[at + 1], data[at + 2]);
			drain(&z);
			everything_holds(&z);
		}
		fuzz_fini(&z);
	}
	must(z.mem.blocks == 0 && z.mem.bytes == 0 && z.frame_mem.blocks == 0);
	return 0;
}
