/* SPDX-License-Identifier: MIT
 * IPv4 under fire: the bytes are a script for one stack.  4 bytes choose its config; then come operations: packets with
 * any options behind right checksums, fragments of a few packets that can become whole, ICMP errors that quote any
 * header, pings of any size from us, reads, sysctls, time.
 *
 * What must hold after each: what leaves is an IPv4 packet with right checksums, no larger than the link; fragments that
 * wait take no more memory than the limit and one more; the counters' sums.  In the end: nothing is left.
 *
 * fuzz/make_corpus.py writes scripts of this format. */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>

#include "ip_parts.h"

#define OWN_ADDR HO_ADDR(198, 18, 0, 2)
#define PEER_ADDR HO_ADDR(198, 18, 0, 1)
#define OPS_MAX 600
#define PACKETS 8u       /* whose fragments come */
#define BODY_BYTES 65515u
#define FRAGMENT_TRUESIZE_MAX 140000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define must(condition) \
	do { \
		if (!(condition)) { \
			fprintf(stderr, "%s:%d: broken promise: %s\n", __FILE__, __LINE__, #condition); \
			abort(); \
		} \
	} while (0)

struct script {
	const uint8_t *at, *end;
};

static uint8_t take8(struct script *s)
{
	return s->at < s->end ? *s->at++ : 0;
}

static uint16_t take16(struct script *s)
{
	uint8_t high = take8(s);

	return (uint16_t)(high << 8 | take8(s));
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

	must(a->blocks > 0 && a->bytes >= bytes);
	a->bytes -= bytes;
	a->blocks--;
	free(block);
}

struct fuzz {
	struct ho_stack *st;
	struct account mem, frame_mem;
	struct ho_allocator frame_al;
	ho_time_ns now;
	uint32_t mtu;
	int ping, raw;
	uint8_t last_out[136];
	uint32_t last_out_bytes;
};

static uint8_t body[BODY_BYTES]; /* of every fragmented packet: an echo request of the length that its last fragment says */
static uint8_t packet[65535];

static void sum_store(uint8_t *at, uint32_t sum)
{
	uint16_t folded = csum_fold(sum);

	memcpy(at, &folded, 2);
}

/* ---- out ---- */

static void frame_watch(struct fuzz *z, const struct ho_frame *f)
{
	uint8_t *ip = packet;
	uint32_t bytes = (uint32_t)ho_frame_flatten(f, packet, sizeof(packet)), hdr = (ip[0] & 15u) * 4;
	bool whole = (get16(ip + 6) & (IP_MF | IP_OFFSET)) == 0;

	must(bytes == f->len_bytes && bytes >= IP_HDR_MIN && bytes <= z->mtu);
	must(ip[0] >> 4 == 4 && hdr >= IP_HDR_MIN && hdr <= bytes && get16(ip + 2) == bytes);
	must(csum_fold(csum_partial(ip, hdr)) == 0);
	if (get16(ip + 6) & IP_MF)
		must((bytes - hdr) % 8 == 0 && bytes > hdr);
	if (whole && ip[9] == IP_PROTO_ICMP && bytes >= hdr + 8 && get16(ip + hdr + 2) != 0) /* zeros only: Linux's way */
		must(csum_fold(csum_partial(ip + hdr, bytes - hdr)) == 0);
	z->last_out_bytes = min_u32(bytes, sizeof(z->last_out));
	memcpy(z->last_out, packet, z->last_out_bytes);
}

static void sums_hold(const struct ho_stack *st)
{
	uint64_t in = 0, out = 0, msgs = ho_counter_get(st, HO_IcmpInMsgs);

	for (unsigned type = 0; type < 256; type++) {
		in += ho_counter_get(st, HO_IcmpMsgInType + type);
		out += ho_counter_get(st, HO_IcmpMsgOutType + type);
	}
	must(out == ho_counter_get(st, HO_IcmpOutMsgs));
	must(in <= msgs && msgs <= in + ho_counter_get(st, HO_IcmpInErrors));
	must(ho_counter_get(st, HO_IpReasmOKs) + ho_counter_get(st, HO_IpReasmFails) <= ho_counter_get(st, HO_IpReasmReqds));
}

static void drain(struct fuzz *z)
{
	struct ho_frame *f;
	struct ho_event e;

	while ((f = ho_stack_output(z->st)) != NULL) {
		frame_watch(z, f);
		ho_frame_unref(f);
	}
	while (ho_stack_event(z->st, &e))
		continue;
	must(reasm_memory(z->st) <= (uint64_t)z->st->ctl.ipfrag_high_thresh + FRAGMENT_TRUESIZE_MAX ||
	     z->st->ctl.ipfrag_high_thresh < 100000);
}

/* ---- in ---- */

struct own_frame {
	struct ho_frame f; /* first */
	uint8_t bytes[];
};

static void own_release(struct ho_frame *f)
{
	free(f);
}

/* form: bits 0-1 where slices end (0: one slice), bit 2 checked by a device, bits 3-5 how many slices. */
static void input(struct fuzz *z, const uint8_t *bytes, uint32_t len, uint8_t form)
{
	struct own_frame *o;
	struct ho_frame *f;
	uint32_t at = 0, slices = 1 + (form >> 3 & 7), step = len / (slices + (form & 3)) + 1;

	if ((form & 3) == 0) {
		f = ho_frame_make(&z->frame_al, bytes, len);
		must(f != NULL);
	} else {
		o = calloc(1, sizeof(*o) + len);
		must(o != NULL);
		f = &o->f;
		memcpy(o->bytes, bytes, len);
		f->len_bytes = len;
		f->refs = 1;
		f->gso_segs = 1;
		f->release = own_release;
		while (at < len) {
			uint32_t n = f->slice_count + 1u < slices ? min_u32(step, len - at) : len - at;

			f->slice[f->slice_count++] = (struct ho_slice){o->bytes + at, n};
			at += n;
		}
	}
	if (form & 4)
		f->csum = HO_CSUM_GOOD;
	ho_stack_input(z->st, f, z->now);
}

static const uint32_t destinations[4] = {OWN_ADDR, OWN_ADDR, HO_ADDR(198, 18, 0, 255), HO_ADDR(224, 0, 0, 1)};

static void header_emit(uint8_t *ip, uint32_t hdr, uint32_t total, uint8_t protocol, uint8_t tos, uint8_t where)
{
	ip[0] = (uint8_t)(0x40 | hdr / 4);
	ip[1] = tos;
	put16(ip + 2, (uint16_t)total);
	memset(ip + 4, 0, 4);
	ip[8] = 64;
	ip[9] = protocol;
	memset(ip + 10, 0, 2);
	put32(ip + 12, PEER_ADDR + (where >> 2 & 3));
	put32(ip + 16, destinations[where & 3]);
	sum_store(ip + 10, csum_partial(ip, hdr));
}

/* Options as the script has them, lengths cut to what is there now and then. */
static uint32_t options_take(struct script *s, uint8_t *at)
{
	uint32_t len = take8(s) % 11 * 4;

	for (uint32_t i = 0; i < len; i++)
		at[i] = take8(s);
	return len;
}

static void l4_sum(uint8_t *ip, uint32_t hdr, uint32_t total)
{
	static const uint8_t field[256] = {[IP_PROTO_ICMP] = 2, [IP_PROTO_TCP] = 16, [IP_PROTO_UDP] = 6};
	uint32_t at = field[ip[9]], bytes = total - hdr, sum = 0;

	if (at == 0 || bytes < at + 2)
		return;
	memset(ip + hdr + at, 0, 2);
	if (ip[9] != IP_PROTO_ICMP)
		sum = csum_pseudo(get32(ip + 12), get32(ip + 16), ip[9], bytes);
	sum_store(ip + hdr + at, csum_add(sum, csum_partial(ip + hdr, bytes)));
}

static void op_packet(struct fuzz *z, struct script *s)
{
	static const uint8_t protocols[4] = {IP_PROTO_ICMP, IP_PROTO_UDP, IP_PROTO_TCP, 200};
	uint8_t kind = take8(s), form = take8(s);
	uint32_t hdr = IP_HDR_MIN + options_take(s, packet + IP_HDR_MIN), len = take8(s), total;

	for (uint32_t i = 0; i < len; i++)
		packet[hdr + i] = take8(s);
	if (kind & 0x80 && len > 0)
		packet[hdr] = 8; /* an echo, which is answered */
	total = hdr + len;
	header_emit(packet, hdr, total, protocols[kind & 3], kind >> 4 & 3, kind >> 2 & 3);
	l4_sum(packet, hdr, total);
	input(z, packet, total, form);
}

/* A piece of packet `which`: its header may have options, its place may be anywhere. */
static void op_fragment(struct fuzz *z, struct script *s)
{
	uint8_t which = take8(s), form = take8(s), marks = take8(s);
	uint32_t offset = (take16(s) & IP_OFFSET) * 8u, len = take16(s) % 4096, hdr = IP_HDR_MIN, total;
	uint16_t frag = (uint16_t)(offset / 8 | (marks & 4 ? IP_MF : 0) | (marks & 8 ? IP_DF : 0));

	if (marks & 16)
		hdr += options_take(s, packet + IP_HDR_MIN);
	len = min_u32(len, BODY_BYTES - IP_HDR_MAX);
	total = hdr + len;
	if (offset + len <= BODY_BYTES)
		memcpy(packet + hdr, body + offset, len);
	else
		memset(packet + hdr, 0x55, len);
	header_emit(packet, hdr, total, marks & 32 ? 200 : IP_PROTO_ICMP, marks & 3, which >> 4);
	put16(packet + 4, which % PACKETS);
	put16(packet + 6, frag);
	memset(packet + 10, 0, 2);
	sum_store(packet + 10, csum_partial(packet, hdr));
	input(z, packet, total, form);
}

/* All of a packet in n pieces, from the first to the last or the other way. */
static void op_pieces(struct fuzz *z, struct script *s)
{
	uint8_t which = take8(s) % PACKETS, form = take8(s), how = take8(s);
	uint32_t len = max_u32(take16(s), 8), step = max_u32(len / (1 + (how & 0x3f)) & ~7u, 8), count = (len + step - 1) / step;

	len = min_u32(len, BODY_BYTES);
	count = (len + step - 1) / step;
	for (uint32_t n = 0; n < count; n++) {
		uint32_t i = how & 0x40 ? count - 1 - n : n, bytes = min_u32(step, len - i * step);

		if (how & 0x80 && n == count / 2)
			continue; /* one is missing */
		memcpy(packet + IP_HDR_MIN, body + i * step, bytes);
		header_emit(packet, IP_HDR_MIN, IP_HDR_MIN + bytes, IP_PROTO_ICMP, 0, 0);
		put16(packet + 4, which);
		put16(packet + 6, (uint16_t)(i * step / 8 | (i + 1 < count ? IP_MF : 0)));
		memset(packet + 10, 0, 2);
		sum_store(packet + 10, csum_partial(packet, IP_HDR_MIN));
		input(z, packet, IP_HDR_MIN + bytes, form);
	}
}

/* An error about the latest packet of ours, or about what the script says it was. */
static void op_error(struct fuzz *z, struct script *s)
{
	uint8_t type = take8(s), code = take8(s), how = take8(s), form = take8(s);
	uint32_t hdr = IP_HDR_MIN + (how & 4 ? options_take(s, packet + IP_HDR_MIN) : 0), quoted;

	memset(packet + hdr, 0, 8);
	packet[hdr] = type % 20;
	packet[hdr + 1] = code;
	put16(packet + hdr + 6, take16(s));
	if (how & 1) {
		quoted = z->last_out_bytes;
		memcpy(packet + hdr + 8, z->last_out, quoted);
	} else {
		quoted = take8(s) % 128;
		for (uint32_t i = 0; i < quoted; i++)
			packet[hdr + 8 + i] = take8(s);
		if (how & 8 && quoted >= IP_HDR_MIN) {
			put32(packet + hdr + 8 + 12, OWN_ADDR);
			put32(packet + hdr + 8 + 16, PEER_ADDR);
		}
	}
	if (how & 2)
		quoted = min_u32(quoted, how >> 4 << 2);
	header_emit(packet, hdr, hdr + 8 + quoted, IP_PROTO_ICMP, 0, 0);
	l4_sum(packet, hdr, hdr + 8 + quoted);
	input(z, packet, hdr + 8 + quoted, form);
}

/* ---- calls ---- */

static void op_call(struct fuzz *z, struct script *s)
{
	static const char *const names[] = {"net.ipv4.ipfrag_high_thresh", "net.ipv4.ipfrag_low_thresh", "net.ipv4.ipfrag_time",
	                                    "net.ipv4.ipfrag_max_dist", "net.ipv4.conf.all.accept_source_route",
	                                    "net.ipv4.icmp_echo_ignore_broadcasts", "net.ipv4.icmp_ratelimit",
	                                    "net.ipv4.icmp_ratemask", "net.ipv4.icmp_msgs_burst"};
	static uint8_t got[65535];
	uint8_t verb = take8(s);
	uint32_t number = take16(s);
	const struct ho_endpoint to = {verb & 8 ? OWN_ADDR : PEER_ADDR, 0};
	int value = (int)(number % 6);
	char text[16];

	switch (verb & 7) {
	case 0:
	case 1: ho_sock_sendto(z->st, z->ping, body, number, 0, to); break;
	case 2: ho_sock_sendto(z->st, z->raw, body, number, 0, to); break;
	case 3: ho_sock_recv(z->st, z->ping, got, sizeof(got), 0); break;
	case 4: ho_sock_recv(z->st, z->raw, got, sizeof(got), 0); break;
	case 5: ho_sock_setopt(z->st, z->ping, HO_SOL_IP, HO_IP_MTU_DISCOVER, &value, sizeof(value)); break;
	default:
		snprintf(text, sizeof(text), "%u", verb & 0x40 ? number : number % 4);
		ho_sysctl_set(z->st, names[verb >> 3 & 7], text);
	}
}

static void op_time(struct fuzz *z, struct script *s)
{
	static const uint32_t steps_ms[4] = {1, 300, 5000, 31000};

	z->now += (ho_time_ns)steps_ms[take8(s) & 3] * HO_MS;
	ho_stack_expire(z->st, z->now, 0);
}

/* ---- birth and death ---- */

static bool fuzz_init(struct fuzz *z, struct script *s)
{
	static const uint32_t mtus[4] = {1500, 576, 68, 65535};
	struct ho_stack_config c;
	uint8_t b[4];

	for (size_t i = 0; i < sizeof(b); i++)
		b[i] = take8(s);
	memset(z, 0, sizeof(*z));
	z->now = 5 * HO_SEC;
	z->frame_al = (struct ho_allocator){account_alloc, account_free, &z->frame_mem};
	z->mem.refuse_at = b[1] == 0 ? 0 : b[1] * (b[0] & 8 ? 1u : 5u);
	ho_stack_config_init(&c);
	c.addr = OWN_ADDR;
	c.default_route = true;
	c.mtu = z->mtu = mtus[b[0] & 3];
	c.link_flags = b[0] & 4 ? HO_LINK_TX_CSUM : 0;
	c.out_queue_max = b[2] & 1 ? 3 : 100000;
	c.alloc = (struct ho_allocator){account_alloc, account_free, &z->mem};
	c.now_ns = z->now;
	memset(c.secret, 0x5a, sizeof(c.secret));
	if (ho_stack_open(&c, &z->st) != 0)
		return false;
	ho_sysctl_set(z->st, "net.ipv4.conf.all.accept_source_route", b[2] & 2 ? "1" : "0");
	ho_sysctl_set(z->st, "net.ipv4.icmp_ratelimit", b[2] & 4 ? "1000" : "0");
	if (b[2] & 8) {
		ho_sysctl_set(z->st, "net.ipv4.ipfrag_low_thresh", "1000");
		ho_sysctl_set(z->st, "net.ipv4.ipfrag_high_thresh", "20000");
	}
	z->ping = ho_sock_open(z->st, HO_SOCK_DGRAM, HO_IPPROTO_ICMP);
	z->raw = ho_sock_open(z->st, HO_SOCK_RAW, HO_IPPROTO_ICMP);
	return true;
}

static void body_init(void)
{
	body[0] = 8;
	for (uint32_t i = 8; i < BODY_BYTES; i++)
		body[i] = (uint8_t)(i * 7 + i / 256);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fuzz z;
	struct script s = {data, data + size};

	if (size < 4)
		return 0;
	body_init();
	if (fuzz_init(&z, &s)) {
		for (uint32_t i = 0; i < OPS_MAX && s.at < s.end; i++) {
			switch (take8(&s) % 8) {
			case 0:
			case 1: op_packet(&z, &s); break;
			case 2:
			case 3: op_fragment(&z, &s); break;
			case 4: op_pieces(&z, &s); break;
			case 5: op_error(&z, &s); break;
			case 6: op_call(&z, &s); break;
			default: op_time(&z, &s); break;
			}
			drain(&z);
			sums_hold(z.st);
		}
		z.now += 70000 * HO_SEC; /* more than any ipfrag_time of a script */
		ho_stack_expire(z.st, z.now, 0);
		drain(&z);
		must(reasm_memory(z.st) == 0);
		ho_stack_close(z.st);
	}
	must(z.mem.blocks == 0 && z.mem.bytes == 0);
	must(z.frame_mem.blocks == 0);
	return 0;
}
