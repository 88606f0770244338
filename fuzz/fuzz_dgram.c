/* SPDX-License-Identifier: MIT
 * Datagram sockets under fire: the bytes are a script of calls and packets for one stack.  Packets are datagrams to its ports,
 * packets of other protocols, and ICMP errors that quote what the stack sent last; checksums are right unless the script says
 * otherwise, so that all of them get as far as a socket.
 *
 * What must hold: no crash; a call gives what sock.h allows; what a socket has reserved is never negative; output and events run
 * dry; when all is closed no port and no page is left, and the allocator has everything back. */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <halfopen/halfopen.h>

#include "wire/csum.h"
#include "wire/wire.h"

#define OWN_ADDR HO_ADDR(198, 18, 0, 2)
#define PEER_ADDR HO_ADDR(198, 18, 0, 1)
#define ROUTER_ADDR HO_ADDR(198, 18, 0, 77)
#define FIRST_PORT 7000
#define FDS 8
#define OPS_MAX 600
#define OUTPUT_MAX 20000
#define BIG_BYTES 3000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define must(condition, text) \
	do { \
		if (!(condition)) { \
			fprintf(stderr, "broken promise: %s\n", (text)); \
			abort(); \
		} \
	} while (0)

struct cursor {
	const uint8_t *at, *end;
};

static uint8_t take8(struct cursor *c)
{
	return c->at < c->end ? *c->at++ : 0;
}

struct account {
	size_t bytes, blocks, calls, refuse_at;
};

static void *account_alloc(void *ctx, size_t bytes, size_t align)
{
	struct account *a = ctx;
	void *block = NULL;

	if (++a->calls == a->refuse_at)
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

	must(a->blocks > 0 && a->bytes >= bytes, "freed what was taken");
	a->bytes -= bytes;
	a->blocks--;
	free(block);
}

struct fuzz {
	struct ho_stack *st;
	struct account stack_mem, frame_mem;
	struct ho_allocator frame_al;
	int fd[FDS];
	uint8_t last_out[128];
	size_t last_out_bytes;
};

static const uint32_t addresses[8] = {
	HO_ADDR_ANY, OWN_ADDR, HO_ADDR_LOOPBACK, PEER_ADDR, HO_ADDR(198, 18, 0, 255), HO_ADDR(224, 0, 0, 1),
	HO_ADDR(224, 9, 9, 9), HO_ADDR(203, 0, 113, 5),
};

static struct ho_endpoint take_endpoint(struct cursor *c)
{
	uint8_t b = take8(c);

	return (struct ho_endpoint){addresses[b & 7], (uint16_t)(b >> 3 & 7 ? FIRST_PORT + (b >> 3 & 7) : 0)};
}

/* ---- out ---- */

static void sockets_watch(const struct fuzz *z)
{
	for (int i = 0; i < FDS; i++) {
		struct ho_sock_info info;

		if (z->fd[i] < 0 || ho_sock_info_get(z->st, z->fd[i], &info) < 0)
			continue;
		must((int32_t)info.rmem_alloc >= 0 && (int32_t)info.fwd_alloc >= 0 && (int32_t)info.wmem_alloc >= 0,
		     "no account is below 0");
		must((int32_t)info.recv_q >= 0 && info.recv_q <= info.rmem_alloc, "what waits is charged");
	}
}

static void drain(struct fuzz *z)
{
	struct ho_frame *f;
	struct ho_event e;
	uint32_t n = 0;

	while ((f = ho_stack_output(z->st)) != NULL) {
		uint8_t packet[4000];
		size_t bytes = ho_frame_flatten(f, packet, sizeof(packet));

		must(++n < OUTPUT_MAX, "output runs dry");
		must(bytes == f->len_bytes || f->len_bytes > sizeof(packet), "a frame can be written");
		z->last_out_bytes = ho_frame_read(f, 0, z->last_out, sizeof(z->last_out));
		ho_frame_unref(f);
	}
	for (n = 0; ho_stack_event(z->st, &e); n++)
		must(n < OUTPUT_MAX, "events run dry");
	sockets_watch(z);
}

/* ---- in ---- */

static void sum_store(uint8_t *at, uint32_t sum)
{
	uint16_t folded = csum_fold(sum);

	memcpy(at, &folded, 2);
}

static void ip_input(struct fuzz *z, uint8_t *packet, size_t bytes, uint8_t protocol, uint32_t saddr, uint32_t daddr,
                     uint16_t segment_bytes)
{
	struct ho_frame *f;

	memset(packet, 0, 20);
	packet[0] = 0x45;
	put16(packet + 2, (uint16_t)bytes);
	packet[8] = 64;
	packet[9] = protocol;
	put32(packet + 12, saddr);
	put32(packet + 16, daddr);
	sum_store(packet + 10, csum_partial(packet, 20));
	f = ho_frame_make(&z->frame_al, packet, bytes);
	must(f != NULL, "a frame");
	if (segment_bytes != 0 && bytes > 28u + segment_bytes) {
		f->gso = HO_GSO_UDPV4;
		f->gso_size = segment_bytes;
		f->gso_segs = (uint16_t)((bytes - 28 + segment_bytes - 1) / segment_bytes);
		f->csum = HO_CSUM_GOOD;
	}
	ho_stack_input(z->st, f, ho_stack_now(z->st));
}

static void op_datagram(struct fuzz *z, struct cursor *c)
{
	uint8_t packet[28 + 255 * 8] = {0}, form = take8(c), *udp = packet + 20;
	struct ho_endpoint to = take_endpoint(c);
	uint32_t len = form & 1 ? take8(c) * 8u : take8(c) % 16u, daddr = to.addr != 0 ? to.addr : OWN_ADDR;

	put16(udp, (uint16_t)(FIRST_PORT + (form >> 1 & 7)));
	put16(udp + 2, to.port);
	put16(udp + 4, (uint16_t)(8 + len + (form & 0x10 ? take8(c) : 0)));
	sum_store(udp + 6, csum_add(csum_pseudo(PEER_ADDR, daddr, IP_PROTO_UDP, 8 + len), csum_partial(udp, 8 + len)));
	if (form & 0x20)
		udp[6] ^= 1;
	if (form & 0x40)
		put16(udp + 6, 0);
	ip_input(z, packet, 28 + len, IP_PROTO_UDP, PEER_ADDR, daddr, form & 0x80 ? (uint16_t)(1 + take8(c)) : 0);
}

static void op_protocol(struct fuzz *z, struct cursor *c)
{
	uint8_t packet[64] = {0}, protocol = take8(c), len = take8(c) % 40;

	for (uint8_t i = 0; i < len; i++)
		packet[20 + i] = take8(c);
	if (protocol == IP_PROTO_ICMP && len >= 4) {
		put16(packet + 22, 0);
		sum_store(packet + 22, csum_partial(packet + 20, len));
	}
	ip_input(z, packet, 20u + len, protocol, PEER_ADDR, OWN_ADDR, 0);
}

static void op_icmp_error(struct fuzz *z, struct cursor *c)
{
	static const uint8_t types[8] = {3, 3, 3, 4, 5, 11, 12, 3};
	uint8_t packet[28 + 128] = {0}, kind = take8(c), code = take8(c) % 17, *icmp = packet + 20;
	size_t quoted = z->last_out_bytes;

	if (kind & 0x80)
		quoted = quoted < take8(c) ? quoted : take8(c) % (quoted + 1);
	memcpy(icmp + 8, z->last_out, quoted);
	if (kind & 0x40 && quoted > 20)
		icmp[8 + take8(c) % quoted] ^= take8(c);
	icmp[0] = types[kind & 7];
	icmp[1] = code;
	put16(icmp + 6, (uint16_t)(take8(c) * 8));
	sum_store(icmp + 2, csum_partial(icmp, 8 + quoted));
	ip_input(z, packet, 28 + quoted, IP_PROTO_ICMP, ROUTER_ADDR, OWN_ADDR, 0);
}

/* ---- calls ---- */

static void op_open(struct fuzz *z, struct cursor *c)
{
	static const int kinds[8][2] = {{2, 17}, {2, 17}, {2, 0}, {2, 1}, {3, 1}, {3, 17}, {3, 255}, {3, 200}};
	uint8_t slot = take8(c) % FDS, kind = take8(c) & 7;

	if (z->fd[slot] >= 0)
		must(ho_sock_close(z->st, z->fd[slot]) == 0, "close() closes");
	z->fd[slot] = ho_sock_open(z->st, kinds[kind][0], kinds[kind][1]);
	must(z->fd[slot] >= 0 || z->fd[slot] == -ENOMEM, "socket() gives a descriptor or has no memory");
}

static void op_option(struct fuzz *z, int fd, struct cursor *c)
{
	static const int options[16][2] = {
		{HO_SOL_SOCKET, HO_SO_REUSEADDR}, {HO_SOL_SOCKET, HO_SO_REUSEPORT}, {HO_SOL_SOCKET, HO_SO_BROADCAST},
		{HO_SOL_SOCKET, HO_SO_RCVBUF},    {HO_SOL_SOCKET, HO_SO_SNDBUF},    {HO_SOL_SOCKET, HO_SO_NO_CHECK},
		{HO_SOL_IP, HO_IP_RECVERR},       {HO_SOL_IP, HO_IP_HDRINCL},       {HO_SOL_IP, HO_IP_MTU_DISCOVER},
		{HO_SOL_IP, HO_IP_TTL},           {HO_SOL_IP, HO_IP_MULTICAST_TTL}, {HO_SOL_IP, HO_IP_MULTICAST_LOOP},
		{HO_SOL_RAW, HO_ICMP_FILTER},     {HO_SOL_UDP, HO_UDP_SEGMENT},     {HO_SOL_UDP, HO_UDP_GRO},
		{HO_SOL_SOCKET, HO_SO_ERROR},
	};
	uint8_t which = take8(c) & 15;
	int32_t v = take8(c);
	uint8_t out[64];
	size_t len = sizeof(out);

	ho_sock_setopt(z->st, fd, options[which][0], options[which][1], &v, sizeof(v));
	ho_sock_getopt(z->st, fd, options[which][0], options[which][1], out, &len);
	must(len <= sizeof(out), "an option fits where it was written");
}

static void op_send(struct fuzz *z, int fd, struct cursor *c, bool to_peer)
{
	uint8_t message[BIG_BYTES] = {8}, form = take8(c);
	size_t len = form & 0x80 ? (size_t)(form & 0x7f) * 20 : form & 0x3f;
	ptrdiff_t n;

	if (form & 0x40)
		for (int i = 0; i < 24; i++)
			message[i] = take8(c);
	n = to_peer ? ho_sock_send(z->st, fd, message, len, 0) : ho_sock_sendto(z->st, fd, message, len, 0, take_endpoint(c));
	must(n == (ptrdiff_t)len || n < 0, "a datagram goes out whole or not at all");
}

static void op_recv(struct fuzz *z, int fd, uint8_t form)
{
	uint8_t buf[256];
	struct ho_msg_info info;
	struct ho_sock_error e;
	size_t len = form & 0x0f ? 16 : sizeof(buf);
	ptrdiff_t n;

	if (form & 0x40) {
		n = ho_sock_recv_error(z->st, fd, &e, buf, len);
		must(n == -EAGAIN || (n >= 0 && (size_t)n <= len && e.err > 0), "an error has an errno");
		return;
	}
	n = ho_sock_recv_msg(z->st, fd, buf, len, form & 0x10 ? HO_MSG_PEEK : 0, &info);
	must(n < 0 || (size_t)n <= len, "no more than there is room for");
	must(ho_sock_inq(z->st, fd) >= 0, "FIONREAD answers");
}

static void op_call(struct fuzz *z, struct cursor *c)
{
	uint8_t verb = take8(c) % 10;
	int fd = z->fd[take8(c) % FDS];

	if (verb == 0)
		op_open(z, c);
	if (fd < 0 || verb == 0)
		return;
	switch (verb) {
	case 1: ho_sock_bind(z->st, fd, take_endpoint(c)); return;
	case 2: ho_sock_connect(z->st, fd, take_endpoint(c)); return;
	case 3: must(ho_sock_disconnect(z->st, fd) == 0, "a datagram socket can always be disconnected"); return;
	case 4: op_send(z, fd, c, true); return;
	case 5: op_send(z, fd, c, false); return;
	case 6: op_recv(z, fd, take8(c)); return;
	case 7: op_option(z, fd, c); return;
	case 8: ho_sock_shutdown(z->st, fd, take8(c) % 3); return;
	default: ho_sysctl_set(z->st, "net.ipv4.udp_mem", take8(c) & 1 ? "1 2 3" : "1000 2000 3000"); return;
	}
}

/* ---- a life ---- */

static bool fuzz_open(struct fuzz *z, struct cursor *c)
{
	struct ho_stack_config config;
	uint8_t link = take8(c);
	int err;

	*z = (struct fuzz){.stack_mem.refuse_at = take8(c)};
	memset(z->fd, -1, sizeof(z->fd));
	z->frame_al = (struct ho_allocator){account_alloc, account_free, &z->frame_mem};
	ho_stack_config_init(&config);
	config.addr = OWN_ADDR;
	config.default_route = link & 1;
	config.link_flags = (link & 2 ? HO_LINK_TX_CSUM : 0) | (link & 4 ? HO_LINK_ORPHANS : 0) | (link & 32 ? HO_LINK_USO : 0);
	config.out_queue_max = link & 8 ? 2 : 100;
	config.trace_max = link & 16 ? 8 : 0;
	config.alloc = (struct ho_allocator){account_alloc, account_free, &z->stack_mem};
	err = ho_stack_open(&config, &z->st);
	must(err == 0 || err == -ENOMEM, "a stack is born, or there is no memory");
	return err == 0;
}

static void fuzz_close(struct fuzz *z)
{
	struct ho_memory m;

	for (int i = 0; i < FDS; i++)
		if (z->fd[i] >= 0)
			must(ho_sock_close(z->st, z->fd[i]) == 0, "close() closes");
	ho_stack_memory(z->st, &m);
	must(m.socks == 0 && m.udp_ports == 0 && m.udp_pages == 0, "nothing is left of closed sockets");
	drain(z);
	ho_stack_close(z->st);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor c = {data, data + size};
	struct fuzz z;

	if (fuzz_open(&z, &c)) {
		for (int i = 0; i < OPS_MAX && c.at < c.end; i++) {
			uint8_t op = take8(&c);

			switch (op & 7) {
			case 0: op_datagram(&z, &c); break;
			case 1: op_protocol(&z, &c); break;
			case 2: op_icmp_error(&z, &c); break;
			case 3: drain(&z); break;
			default: op_call(&z, &c); break;
			}
			if (op & 0x80)
				drain(&z);
			sockets_watch(&z);
		}
		fuzz_close(&z);
	}
	must(z.stack_mem.blocks == 0 && z.stack_mem.bytes == 0, "the stack gave everything back");
	must(z.frame_mem.blocks == 0, "every frame was released");
	return 0;
}
