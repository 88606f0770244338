/* SPDX-License-Identifier: MIT
 * The input door under fire: the bytes are a script for one stack.  8 bytes choose its config; then come operations, each a
 * kind, a time step and arguments: raw packets, segments that reach TCP because the script's peer follows the connection (its
 * sequence numbers come from what the stack sent), ICMP errors about packets of the stack, socket calls, timers.
 *
 * What must hold: no crash; whatever was taken from the allocator is given back; every referenced buffer is released once;
 * output, events and timers run dry; a deadline that has been served lies in the future.
 *
 * fuzz/make_corpus.py writes scripts of this format. */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>

#include <halfopen/halfopen.h>
#include <halfopen/view.h>

#include "wire/csum.h"
#include "wire/wire.h"

#define OWN_ADDR HO_ADDR(198, 18, 0, 2)
#define PEER_ADDR HO_ADDR(198, 18, 0, 1)
#define OPS_MAX 400
#define CONNS 8
#define FDS 12
#define HELD 8
#define OUTPUT_MAX 200000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define must(condition, text) \
	do { \
		if (!(condition)) { \
			fprintf(stderr, "broken promise: %s\n", (text)); \
			abort(); \
		} \
	} while (0)

/* ---- the script ---- */
struct cursor {
	const uint8_t *at, *end;
};

static uint8_t take8(struct cursor *c)
{
	return c->at < c->end ? *c->at++ : 0;
}

static uint16_t take16(struct cursor *c)
{
	uint8_t high = take8(c);

	return (uint16_t)(high << 8 | take8(c));
}

/* A signed step that is small as a rule and huge now and then. */
static uint32_t take_delta(struct cursor *c)
{
	int16_t d = (int16_t)take16(c);

	if (d >= 0x7f00 || d < -0x7f00)
		return (uint32_t)d << 16;
	return (uint32_t)(int32_t)d;
}

/* ---- memory that is counted, and refused on order ---- */
struct account {
	size_t bytes, blocks, calls;
	size_t refuse_at, refuse_count; /* the refuse_at-th call and those after it; 0: never */
};

static void *account_alloc(void *ctx, size_t bytes, size_t align)
{
	struct account *a = ctx;
	void *block = NULL;

	a->calls++;
	if (a->refuse_at != 0 && a->calls >= a->refuse_at && a->calls < a->refuse_at + a->refuse_count)
		return NULL;
	must(bytes > 0 && align <= 64 && (align & (align - 1)) == 0, "an allocation within the allocator's contract");
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

	must(a->blocks > 0 && a->bytes >= bytes, "freed what was taken");
	a->bytes -= bytes;
	a->blocks--;
	free(block);
}

/* ---- the peer: what the script's segments are relative to ---- */
struct conn {
	uint16_t own_port, peer_port; /* own: the stack's */
	uint32_t snd_nxt;             /* what the stack expects from us */
	uint32_t rcv_nxt;             /* the end of what it has sent */
	uint32_t ts_val, ts_ecr;
};

struct fuzz {
	struct ho_stack *st;
	struct account stack_mem, frame_mem;
	struct ho_allocator frame_al;
	ho_time_ns now;
	int fd[FDS];
	struct conn conn[CONNS];
	uint32_t conn_turn;
	uint8_t last_out[128]; /* the latest packet, for ICMP errors to quote */
	size_t last_out_bytes;
	struct ho_frame *held[HELD];
	uint32_t held_turn;
	uint8_t cookie[16]; /* of Fast Open: what the latest SYN+ACK gave */
	uint8_t cookie_bytes;
	uint32_t refs_out; /* buffers given by reference and not yet released */
	bool hold_output;
};

static const ho_time_ns steps[16] = {
	0,           1 * HO_US,    300 * HO_US, 1 * HO_MS,  4 * HO_MS,   40 * HO_MS,  200 * HO_MS,  220 * HO_MS,
	500 * HO_MS, 1050 * HO_MS, 2 * HO_SEC,  5 * HO_SEC, 20 * HO_SEC, 70 * HO_SEC, 600 * HO_SEC, 8000 * HO_SEC,
};

static struct conn *conn_of(struct fuzz *z, uint16_t own_port, uint16_t peer_port)
{
	for (uint32_t i = 0; i < CONNS; i++)
		if (z->conn[i].own_port == own_port && z->conn[i].peer_port == peer_port)
			return &z->conn[i];
	z->conn_turn = (z->conn_turn + 1) % CONNS;
	z->conn[z->conn_turn] = (struct conn){.own_port = own_port, .peer_port = peer_port, .snd_nxt = 7000};
	return &z->conn[z->conn_turn];
}

/* Learns from a segment of the stack where the connection stands. */
static void peer_on_segment(struct fuzz *z, const uint8_t *ip, size_t ip_len_bytes, size_t packet_bytes)
{
	const uint8_t *tcp = ip + ip_len_bytes;
	size_t hdr = (size_t)(tcp[12] >> 4) * 4;
	struct conn *c = conn_of(z, get16(tcp), get16(tcp + 2));
	uint8_t flags = tcp[13];
	struct tcp_options opt;

	must(hdr >= 20 && ip_len_bytes + hdr <= packet_bytes, "a segment with whole headers");
	tcp_options_parse(tcp + 20, hdr - 20, (flags & TCP_SYN) != 0, &opt);
	if (opt.has_ts) {
		c->ts_ecr = opt.ts_val;
		c->ts_val = opt.ts_ecr;
	}
	if (opt.fastopen_at != 0 && opt.fastopen_bytes != 0) {
		z->cookie_bytes = opt.fastopen_bytes;
		memcpy(z->cookie, tcp + 20 + opt.fastopen_at, opt.fastopen_bytes);
	}
	if (flags & TCP_ACK)
		c->snd_nxt = get32(tcp + 8);
	c->rcv_nxt = get32(tcp + 4) + (uint32_t)(packet_bytes - ip_len_bytes - hdr) + (flags & TCP_SYN ? 1 : 0) +
	             (flags & TCP_FIN ? 1 : 0);
}

static void frame_watch(struct fuzz *z, const struct ho_frame *f)
{
	uint8_t head[128];
	size_t got = ho_frame_read(f, 0, head, sizeof(head));
	size_t total = 0;

	must(f->slice_count >= 1 && f->slice_count <= HO_FRAME_SLICES_MAX, "1 to 20 slices");
	for (uint16_t i = 0; i < f->slice_count; i++)
		total += f->slice[i].len_bytes;
	must(total == f->len_bytes, "len_bytes is the sum of the slices");
	must(got >= 20 && head[0] >> 4 == 4 && (head[0] & 15) >= 5 && get16(head + 2) == (uint16_t)f->len_bytes, "a frame is an IPv4 packet");
	must(csum_fold(csum_partial(head, (head[0] & 15u) * 4)) == 0, "a right IPv4 checksum");
	if (head[9] == IP_PROTO_TCP && (get16(head + 6) & 0x3fff) == 0)
		peer_on_segment(z, head, 20, f->len_bytes);
	memcpy(z->last_out, head, got);
	z->last_out_bytes = got;
}

static void drain(struct fuzz *z)
{
	struct ho_frame *f;
	struct ho_event e;
	struct ho_trace t;
	char said[256];
	uint32_t n = 0;

	while ((f = ho_stack_output(z->st)) != NULL) {
		must(++n < OUTPUT_MAX, "output runs dry");
		frame_watch(z, f);
		if (z->hold_output && n % 4 == 1) {
			z->held_turn = (z->held_turn + 1) % HELD;
			if (z->held[z->held_turn] != NULL)
				ho_frame_unref(z->held[z->held_turn]);
			z->held[z->held_turn] = f;
		} else {
			ho_frame_unref(f);
		}
	}
	for (n = 0; ho_stack_event(z->st, &e); n++)
		must(n < OUTPUT_MAX, "events run dry");
	for (n = 0; ho_trace_next(z->st, &t); n++)
		if (n < 4)
			ho_trace_say(&t, said, sizeof(said));
}

static void pass_time(struct fuzz *z, uint8_t step)
{
	z->now += steps[step & 15];
	ho_stack_expire(z->st, z->now, 0);
	must(ho_stack_deadline(z->st) > z->now, "a served deadline lies in the future");
}

/* ---- frames ---- */
struct own_frame {
	struct ho_frame f; /* first */
	uint8_t bytes[];
};

static void own_release(struct ho_frame *f)
{
	free(f);
}

/* form: bits 0-1 checksum state, bit 2 headers in a slice of their own, bit 3 super-frame. */
static void input(struct fuzz *z, const uint8_t *packet, size_t len_bytes, size_t hdr_bytes, uint16_t mss, uint8_t form)
{
	struct own_frame *o;
	struct ho_frame *f;

	if (len_bytes == 0)
		return;
	if ((form & 0x0f) == 0) {
		f = ho_frame_make(&z->frame_al, packet, len_bytes);
		must(f != NULL, "a frame");
		ho_stack_prefetch(z->st, f);
		ho_stack_input(z->st, f, z->now);
		return;
	}
	o = calloc(1, sizeof(*o) + len_bytes);
	must(o != NULL, "memory for the test itself");
	f = &o->f;
	memcpy(o->bytes, packet, len_bytes);
	f->len_bytes = (uint32_t)len_bytes;
	f->refs = 1;
	f->release = own_release;
	f->gso_segs = 1;
	f->hdr_len = (uint16_t)hdr_bytes;
	f->csum = (form & 3) == 1 ? HO_CSUM_GOOD : HO_CSUM_NONE;
	if ((form & 3) == 2 && hdr_bytes >= 40) {
		f->csum = HO_CSUM_PARTIAL;
		f->csum_start = 20;
		f->csum_offset = 16;
		put16(o->bytes + 36, 0);
	}
	f->slice[0] = (struct ho_slice){o->bytes, (uint32_t)len_bytes};
	f->slice_count = 1;
	if ((form & 4) && hdr_bytes > 0 && hdr_bytes < len_bytes) {
		uint32_t rest = (uint32_t)(len_bytes - hdr_bytes);

		f->slice[0].len_bytes = (uint32_t)hdr_bytes;
		f->slice[1] = (struct ho_slice){o->bytes + hdr_bytes, rest - rest / 2};
		f->slice[2] = (struct ho_slice){o->bytes + hdr_bytes + (rest - rest / 2), rest / 2};
		f->slice_count = rest / 2 > 0 ? 3 : 2;
	}
	if ((form & 8) && hdr_bytes > 0 && mss > 0 && len_bytes - hdr_bytes > mss) {
		f->gso = HO_GSO_TCPV4;
		f->gso_size = mss;
		f->gso_segs = (uint16_t)((len_bytes - hdr_bytes + mss - 1) / mss);
	}
	ho_stack_prefetch(z->st, f);
	ho_stack_input(z->st, f, z->now);
}

static void ip_head(uint8_t *ip, size_t total_bytes, uint8_t protocol, uint8_t tos, uint8_t ttl, uint32_t daddr)
{
	memset(ip, 0, 20);
	ip[0] = 0x45;
	ip[1] = tos;
	put16(ip + 2, (uint16_t)total_bytes);
	put16(ip + 6, 0x4000);
	ip[8] = ttl;
	ip[9] = protocol;
	put32(ip + 12, PEER_ADDR);
	put32(ip + 16, daddr);

	uint16_t sum = csum_fold(csum_partial(ip, 20));

	memcpy(ip + 10, &sum, 2);
}

static void l4_csum(uint8_t *ip, size_t total_bytes, size_t field)
{
	uint32_t sum;
	uint16_t folded;

	put16(ip + 20 + field, 0);
	sum = csum_partial(ip + 20, total_bytes - 20);
	if (ip[9] != IP_PROTO_ICMP)
		sum = csum_add(sum, csum_pseudo(get32(ip + 12), get32(ip + 16), ip[9], (uint32_t)total_bytes - 20));
	folded = csum_fold(sum);
	memcpy(ip + 20 + field, &folded, 2);
}

static void op_raw(struct fuzz *z, struct cursor *c)
{
	uint8_t packet[256];
	size_t want = take8(c), n = 0;

	while (n < want && c->at < c->end)
		packet[n++] = take8(c);
	input(z, packet, n, 0, 0, 0);
}

/* The script's bytes behind a right IPv4 header, with the protocol's checksum repaired if it has one. */
static void op_repaired(struct fuzz *z, struct cursor *c)
{
	uint8_t packet[300], protocol = take8(c), tos = take8(c), ttl = take8(c);
	size_t want = take8(c), n = 20;

	while (n < want + 20 && c->at < c->end)
		packet[n++] = take8(c);
	ip_head(packet, n, protocol, tos, ttl, OWN_ADDR);
	if (protocol == IP_PROTO_TCP && n >= 40)
		l4_csum(packet, n, 16);
	else if (protocol == IP_PROTO_ICMP && n >= 24)
		l4_csum(packet, n, 2);
	input(z, packet, n, 0, 0, 0);
}

enum { OPT_NONE, OPT_RAW, OPT_SYN, OPT_TS, OPT_SACK, OPT_FASTOPEN, OPT_COUNT };

/* Fast Open: a request for a cookie, the cookie that was given, or one that nobody gave; as the older option, too. */
static size_t fastopen_option(const struct fuzz *z, uint8_t form, uint8_t *opt)
{
	size_t cookie = form & 1 ? z->cookie_bytes : 0, n = form & 2 ? 4 : 2;

	memcpy(opt, form & 2 ? "\xfe\0\xf9\x89" : "\x22", n);
	memcpy(opt + n, z->cookie, cookie);
	if (form & 4)
		opt[n] ^= 1;
	opt[1] = (uint8_t)(n + cookie);
	return n + cookie;
}

static size_t segment_options(const struct fuzz *z, struct conn *k, struct cursor *c, uint8_t kind, uint8_t *opt)
{
	size_t n = 0;

	switch (kind % OPT_COUNT) {
	case OPT_RAW:
		for (size_t want = take8(c) % 41; n < want && c->at < c->end;)
			opt[n++] = take8(c);
		break;
	case OPT_SYN:
		memcpy(opt, "\x02\x04\x05\xb4\x04\x02\x08\x0a\0\0\0\0\0\0\0\0\x01\x03\x03\x07", 20);
		put16(opt + 2, take16(c));
		put32(opt + 8, k->ts_val + 1);
		n = 20;
		break;
	case OPT_TS:
	case OPT_SACK:
		memcpy(opt, "\x01\x01\x08\x0a", 4);
		put32(opt + 4, k->ts_val += take8(c));
		put32(opt + 8, k->ts_ecr);
		n = 12;
		if (kind % OPT_COUNT == OPT_SACK) {
			uint32_t left = k->rcv_nxt + take_delta(c);

			memcpy(opt + 12, "\x01\x01\x05\x0a", 4);
			put32(opt + 16, left);
			put32(opt + 20, left + take8(c) * UINT32_C(100));
			n = 24;
		}
		break;
	case OPT_FASTOPEN:
		memcpy(opt, "\x02\x04\x05\xb4", 4);
		n = 4 + fastopen_option(z, take8(c), opt + 4);
		break;
	default: break;
	}
	while (n % 4 != 0)
		opt[n++] = 0;
	return n;
}

static void op_segment(struct fuzz *z, struct cursor *c)
{
	static uint8_t packet[20 + 60 + 24000];
	struct conn *k = &z->conn[take8(c) % CONNS];
	uint8_t flags = take8(c), form = take8(c), tos = take8(c);
	uint32_t seq = k->snd_nxt + take_delta(c), ack = k->rcv_nxt + take_delta(c);
	uint16_t window = take16(c), urgent = flags & TCP_URG ? take8(c) : 0;
	size_t opt = segment_options(z, k, c, take8(c), packet + 40);
	uint8_t amount = take8(c);
	static const uint16_t scale[4] = {1, 40, 536, 1448};
	size_t payload = (size_t)(amount & 0x0f) * scale[amount >> 4 & 3], hdr = 40 + opt;

	ip_head(packet, hdr + payload, IP_PROTO_TCP, tos, 64, OWN_ADDR);
	put16(packet + 20, k->peer_port);
	put16(packet + 22, k->own_port);
	put32(packet + 24, seq);
	put32(packet + 28, flags & TCP_ACK ? ack : 0);
	packet[32] = (uint8_t)((20 + opt) / 4 << 4);
	packet[33] = flags;
	put16(packet + 34, window);
	put16(packet + 38, urgent);
	memset(packet + hdr, 'x', payload);
	l4_csum(packet, hdr + payload, 16);
	if (amount & 0x80)
		packet[36] ^= 0x55;
	input(z, packet, hdr + payload, hdr, form & 0x10 ? 536 : 1448, form);
}

/* An ICMP error about the latest packet of the stack. */
static void op_icmp_error(struct fuzz *z, struct cursor *c)
{
	uint8_t packet[28 + 128];
	uint8_t type = take8(c), code = take8(c);
	uint16_t mtu = take16(c);
	size_t quote = z->last_out_bytes;

	if (take8(c) & 1 && quote > 28)
		quote = 28;
	memcpy(packet + 28, z->last_out, quote);
	ip_head(packet, 28 + quote, IP_PROTO_ICMP, 0, 64, OWN_ADDR);
	packet[20] = type;
	packet[21] = code;
	put16(packet + 24, 0);
	put16(packet + 26, mtu);
	l4_csum(packet, 28 + quote, 2);
	input(z, packet, 28 + quote, 0, 0, 0);
}

/* ---- calls ---- */
static void on_release(void *ctx)
{
	struct fuzz *z = ctx;

	must(z->refs_out > 0, "a buffer is released once");
	z->refs_out--;
}

static void fd_keep(struct fuzz *z, uint8_t slot, int fd)
{
	if (fd < 0)
		return;
	for (uint32_t i = 0; i < FDS; i++)
		if (z->fd[(slot + i) % FDS] < 0) {
			z->fd[(slot + i) % FDS] = fd;
			return;
		}
	ho_sock_close(z->st, fd);
}

static struct ho_endpoint place(uint8_t which)
{
	static const uint32_t addr[4] = {HO_ADDR_ANY, OWN_ADDR, HO_ADDR_LOOPBACK, PEER_ADDR};
	static const uint16_t port[4] = {9000, 9001, 0, 33000};

	return (struct ho_endpoint){addr[which & 3], port[which >> 2 & 3]};
}

static void call_option(struct fuzz *z, int fd, struct cursor *c)
{
	static const uint8_t levels[3] = {HO_SOL_SOCKET, HO_SOL_IP, HO_SOL_TCP};
	uint8_t which = take8(c), name = take8(c);
	int32_t value[2] = {(int16_t)take16(c), (int16_t)take16(c)};
	uint8_t got[256];
	size_t len = sizeof(got);

	if (which & 4) {
		ho_sock_setopt(z->st, fd, levels[which % 3], name, value, which & 8 ? 8 : which & 16 ? 1 : 4);
	} else if (ho_sock_getopt(z->st, fd, levels[which % 3], name, got, &len) == 0) {
		must(len <= sizeof(got), "an option no longer than asked for");
	}
}

static void call_look(struct fuzz *z, int fd)
{
	struct ho_sock_info info;
	struct ho_memory mem;
	struct ho_endpoint e;
	uint64_t cursor = 0;
	uint32_t n = 0;
	static char text[4096];

	while (ho_sock_next(z->st, &cursor, &info))
		must(++n < OUTPUT_MAX, "the walk over sockets ends");
	ho_sock_info_get(z->st, fd, &info);
	ho_sock_name(z->st, fd, &e);
	ho_sock_peer(z->st, fd, &e);
	ho_sock_poll(z->st, fd);
	ho_sock_inq(z->st, fd);
	ho_sock_outq(z->st, fd);
	ho_sock_outq_unsent(z->st, fd);
	ho_counter_get_sock(z->st, fd, HO_TcpExtListenDrops);
	ho_stack_memory(z->st, &mem);
	must(mem.allocated_bytes == z->stack_mem.bytes, "ho_stack_memory says what the allocator gave");
	ho_view_sockets(z->st, text, sizeof(text));
	ho_view_proc_tcp(z->st, text, sizeof(text));
	ho_view_netstat(z->st, text, sizeof(text));
}

static void call_sysctl(struct fuzz *z, struct cursor *c)
{
	const char *name = ho_sysctl_name(take8(c) % 64);
	char text[64];

	if (name == NULL)
		return;
	ho_sysctl_get(z->st, name, text, sizeof(text));
	snprintf(text, sizeof(text), "%d", (int16_t)take16(c));
	ho_sysctl_set(z->st, name, text);
}

static void call_rule(struct fuzz *z, struct cursor *c)
{
	uint8_t which = take8(c), flags = take8(c);
	struct ho_rule r = {
		.hook = which & 1 ? HO_HOOK_OUTPUT : HO_HOOK_INPUT,
		.protocol = which & 2 ? IP_PROTO_TCP : 0,
		.tcp_mask = which & 2 ? flags & 0x3f : 0,
		.invert = HO_RULE_NOT_TCP_FLAGS,
		.every = which >> 6,
		.action = which & 8 ? HO_RULE_REJECT : HO_RULE_DROP,
		.reject_with = which & 2 && which & 16 ? HO_REJECT_TCP_RESET : HO_REJECT_ADMIN_PROHIBITED,
	};

	if (which & 32)
		ho_rule_policy_set(z->st, r.hook, which & 8 ? HO_RULE_DROP : HO_RULE_ACCEPT);
	if (which & 4)
		ho_rule_add(z->st, &r);
	else
		ho_rule_flush(z->st, HO_HOOKS);
}

static void op_call(struct fuzz *z, struct cursor *c)
{
	static uint8_t buf[20000];
	static const uint8_t lasting[20000];
	uint8_t verb = take8(c) % 20, slot = take8(c) % FDS, arg = take8(c);
	size_t len = (size_t)(arg & 0x3f) * (arg & 0x40 ? 300 : 1);
	int flags = arg & 0x80 ? HO_MSG_OOB : 0, fd = z->fd[slot];
	struct ho_slice slices[4];
	struct ho_endpoint e;

	ho_stack_at(z->st, z->now);
	switch (verb) {
	case 0:
	case 1: fd_keep(z, slot, ho_sock_open(z->st, HO_SOCK_STREAM, HO_IPPROTO_TCP)); break;
	case 2: fd_keep(z, slot, ho_sock_open(z->st, 1 + arg % 3, arg & 8 ? 0 : HO_IPPROTO_ICMP)); break;
	case 3: ho_sock_bind(z->st, fd, place(arg)); break;
	case 4: ho_sock_listen(z->st, fd, (int8_t)arg); break;
	case 5: fd_keep(z, arg, ho_sock_accept(z->st, fd, &e)); break;
	case 6: ho_sock_connect(z->st, fd, place(arg)); break;
	case 7: ho_sock_send(z->st, fd, lasting, len, flags); break;
	case 8: ho_sock_send(z->st, fd, lasting, len, HO_MSG_MORE); break;
	case 9:
		z->refs_out++;
		if (ho_sock_send_ref(z->st, fd, lasting, len + 1, 0, on_release, z) < 0)
			z->refs_out--;
		break;
	case 10: ho_sock_recv(z->st, fd, buf, len, flags); break;
	case 11: ho_sock_recv(z->st, fd, buf, len, arg & 1 ? HO_MSG_PEEK : HO_MSG_TRUNC); break;
	case 12:
		if (ho_sock_recv_peek(z->st, fd, slices, 4) > 0)
			ho_sock_recv_skip(z->st, fd, arg & 1 ? slices[0].len_bytes : len);
		break;
	case 13:
		if (arg % 8 == 7)
			ho_sock_disconnect(z->st, fd);
		else
			ho_sock_shutdown(z->st, fd, arg % 4);
		break;
	case 14:
		ho_sock_close(z->st, fd);
		z->fd[slot] = -1;
		break;
	case 15: call_option(z, fd, c); break;
	case 16: call_look(z, fd); break;
	case 17: call_sysctl(z, c); break;
	case 18: call_rule(z, c); break;
	default:
		ho_sock_sendto(z->st, fd, lasting, len, arg & 0x80 ? HO_MSG_FASTOPEN : 0, place(arg));
		ho_sock_recvfrom(z->st, fd, buf, sizeof(buf), 0, &e);
		break;
	}
}

/* ---- birth and death ---- */
static bool fuzz_init(struct fuzz *z, struct cursor *c)
{
	struct ho_stack_config config;
	uint8_t b[8];
	static const uint32_t mtus[4] = {1500, 576, 68, 65535};

	for (size_t i = 0; i < 8; i++)
		b[i] = take8(c);
	memset(z, 0, sizeof(*z));
	z->now = 5 * HO_SEC;
	z->frame_al = (struct ho_allocator){account_alloc, account_free, &z->frame_mem};
	z->hold_output = b[0] & 0x80;
	for (uint32_t i = 0; i < FDS; i++)
		z->fd[i] = -1;
	for (uint32_t i = 0; i < CONNS; i++)
		z->conn[i] = (struct conn){(uint16_t)(9000 + i / 4), (uint16_t)(40000 + i), 1000 * i, 0, 500, 0};
	if (b[1] != 0) {
		z->stack_mem.refuse_at = (size_t)b[1] * (b[2] & 1 ? 1 : 4);
		z->stack_mem.refuse_count = b[2] & 2 ? 1 : 1000000;
	}
	ho_stack_config_init(&config);
	config.addr = OWN_ADDR;
	config.prefix_len = 24;
	config.default_route = b[0] & 1;
	config.mtu = mtus[b[0] >> 1 & 3];
	config.link_flags = b[0] >> 3 & 7;
	config.out_queue_max = b[2] & 4 ? 4 : 1000;
	config.alloc = (struct ho_allocator){account_alloc, account_free, &z->stack_mem};
	config.now_ns = z->now;
	config.socks_max = b[2] & 8 ? 3 : 64;
	config.trace_max = b[2] & 16 ? 64 : 0;
	config.charge_connections = b[2] & 32;
	memset(config.secret, 0x5a, sizeof(config.secret));
	if (ho_stack_open(&config, &z->st) != 0)
		return false;
	ho_sysctl_set(z->st, "net.ipv4.tcp_syncookies", b[3] & 32 ? "2" : b[3] & 1 ? "1" : "0");
	ho_sysctl_set(z->st, "net.ipv4.tcp_abort_on_overflow", b[3] & 2 ? "1" : "0");
	ho_sysctl_set(z->st, "net.ipv4.tcp_timestamps", b[3] & 4 ? "0" : "1");
	ho_sysctl_set(z->st, "net.ipv4.tcp_sack", b[3] & 8 ? "0" : "1");
	ho_sysctl_set(z->st, "net.ipv4.tcp_window_scaling", b[3] & 16 ? "0" : "1");
	if (b[5] & 1)
		ho_sysctl_set(z->st, "net.ipv4.tcp_fastopen", b[5] & 2 ? "519" : "3"); /* 519: nobody needs a cookie */
	if (b[5] & 16)
		ho_sysctl_set(z->st, "net.ipv4.tcp_fastopen_blackhole_timeout_sec", "1");
	if (b[4] & 1) { /* a listener to begin with */
		int fd = ho_sock_open(z->st, HO_SOCK_STREAM, HO_IPPROTO_TCP);

		int queue = 1 + (b[5] >> 2 & 3);

		ho_sock_bind(z->st, fd, (struct ho_endpoint){HO_ADDR_ANY, 9000});
		if (b[5] & 1)
			ho_sock_setopt(z->st, fd, HO_SOL_TCP, HO_TCP_FASTOPEN, &queue, sizeof(queue));
		ho_sock_listen(z->st, fd, b[4] >> 1 & 7);
		fd_keep(z, 0, fd);
	}
	return true;
}

static void fuzz_fini(struct fuzz *z)
{
	for (uint32_t i = 0; i < FDS; i++)
		if (z->fd[i] >= 0)
			ho_sock_close(z->st, z->fd[i]);
	drain(z);
	ho_stack_close(z->st);
	for (uint32_t i = 0; i < HELD; i++)
		if (z->held[i] != NULL)
			ho_frame_unref(z->held[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fuzz z;
	struct cursor c = {data, data + size};

	if (size < 8)
		return 0;
	if (fuzz_init(&z, &c)) {
		for (uint32_t i = 0; i < OPS_MAX && c.at < c.end; i++) {
			uint8_t kind = take8(&c);

			if (kind >> 3)
				pass_time(&z, kind >> 3);
			switch (kind & 7) {
			case 0:
			case 1:
			case 2: op_segment(&z, &c); break;
			case 3: op_call(&z, &c); break;
			case 4: op_raw(&z, &c); break;
			case 5: op_repaired(&z, &c); break;
			case 6: op_icmp_error(&z, &c); break;
			default: break; /* only time */
			}
			drain(&z);
		}
		fuzz_fini(&z);
	}
	must(z.refs_out == 0, "every buffer given by reference is released");
	must(z.stack_mem.blocks == 0 && z.stack_mem.bytes == 0, "a closed stack gives all its memory back");
	must(z.frame_mem.blocks == 0, "every frame is released");
	return 0;
}
