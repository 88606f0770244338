/* SPDX-License-Identifier: MIT
 * A router under fire: a stack of three links (two that carry IPv4 packets, one Ethernet) that forwards.  4 bytes
 * choose its birth; then come decisions: packets with mostly right headers on any link, ARP, redirects and other errors
 * about packets that came out, routes and addresses that come and go, sysctls, time.
 *
 * What must hold: no crash; what leaves is an IPv4 packet with a right header, behind an Ethernet header on the
 * Ethernet, larger than the link only as a super-frame of packets that fit; whatever was taken from the allocator is
 * given back; every frame that came is released once; output runs dry; a deadline that has been served lies in the
 * future.
 *
 * fuzz/make_corpus.py writes scripts of this format. */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <halfopen/halfopen.h>
#include <halfopen/link.h>

#include "wire/csum.h"
#include "wire/wire.h"

#define LINKS 3
#define ETHERNET 2
#define ETH_HDR 14u
#define STEPS_MAX 400
#define OUTPUT_MAX 100000
#define PLACES 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define must(condition, text) \
	do { \
		if (!(condition)) { \
			fprintf(stderr, "broken promise: %s\n", (text)); \
			abort(); \
		} \
	} while (0)

static const uint8_t our_mac[6] = {2, 0, 0, 0, 0, 1};

/* Ours, neighbours, far ones, and those that no packet should have. */
static const uint32_t places[PLACES] = {
	HO_ADDR(198, 18, 0, 2),
	HO_ADDR(198, 18, 1, 2),
	HO_ADDR(198, 18, 2, 2),
	HO_ADDR(198, 18, 0, 1),
	HO_ADDR(198, 18, 1, 1),
	HO_ADDR(198, 18, 2, 1),
	HO_ADDR(198, 18, 2, 7),
	HO_ADDR(198, 19, 0, 1),
	HO_ADDR(198, 19, 7, 1),
	HO_ADDR(203, 0, 113, 5),
	UINT32_MAX,
	HO_ADDR(198, 18, 2, 255),
	HO_ADDR(224, 0, 0, 1),
	HO_ADDR(127, 0, 0, 1),
	0,
	HO_ADDR(240, 0, 0, 1),
};

struct cursor {
	const uint8_t *at, *end;
};

static uint8_t take8(struct cursor *c)
{
	return c->at < c->end ? *c->at++ : 0;
}

/* ---- memory that is counted, and refused on order ---- */
struct account {
	size_t bytes, blocks, calls, refuse_at;
};

static void *account_alloc(void *ctx, size_t bytes, size_t align)
{
	struct account *a = ctx;
	void *block = NULL;

	a->calls++;
	if (a->refuse_at != 0 && a->calls >= a->refuse_at && a->calls < a->refuse_at + 3)
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

struct router {
	struct ho_stack *s;
	struct account memory;
	ho_time_ns now;
	size_t frames;     /* that came and are not released */
	uint8_t last[128]; /* the latest packet that left */
	size_t last_bytes;
	struct ho_frame *held;
};

/* ---- what leaves ---- */

static void frame_watch(struct router *r, const struct ho_frame *f, int link)
{
	uint8_t head[ETH_HDR + 128];
	size_t got = ho_frame_read(f, 0, head, sizeof(head)), at = link == ETHERNET ? ETH_HDR : 0;
	struct ho_link_config c;
	size_t total = 0;
	const uint8_t *ip = head + at;

	must(f->slice_count >= 1 && f->slice_count <= HO_FRAME_SLICES_MAX, "1 to 20 slices");
	for (uint16_t i = 0; i < f->slice_count; i++)
		total += f->slice[i].len_bytes;
	must(total == f->len_bytes, "len_bytes is the sum of the slices");
	ho_link_get(r->s, link, &c);
	must((c.flags & HO_LINK_TX_CSUM) || f->csum != HO_CSUM_PARTIAL, "no open checksum on a link that fills none");
	must(f->gso != HO_GSO_NONE || f->len_bytes - at <= c.mtu, "a packet that the link takes");
	must(f->gso == HO_GSO_NONE || (c.flags & (f->gso == HO_GSO_UDPV4 ? HO_LINK_USO : HO_LINK_TSO)), "no super-frame on a link that takes none");
	if (link == ETHERNET) {
		must(got >= ETH_HDR && memcmp(head + 6, our_mac, 6) == 0, "an Ethernet header of ours");
		if (get16(head + 12) == 0x0806) {
			must(f->len_bytes == ETH_HDR + 28, "a whole ARP packet");
			return;
		}
		must(get16(head + 12) == 0x0800, "IPv4 or ARP");
	}
	must(got >= at + 20 && ip[0] >> 4 == 4 && get16(ip + 2) == (uint16_t)(f->len_bytes - at),
	     "a frame is an IPv4 packet");
	must((ip[0] & 15u) * 4 >= 20 && got >= at + (ip[0] & 15u) * 4, "a whole header");
	must(csum_fold(csum_partial(ip, (ip[0] & 15u) * 4)) == 0, "a right IPv4 checksum");
	must(ip[8] > 0, "time to live");
	if (f->gso != HO_GSO_NONE)
		must(f->hdr_len < f->len_bytes && f->gso_size > 0 && f->gso_segs > 1 && f->csum == HO_CSUM_PARTIAL,
		     "a super-frame");
	r->last_bytes = got - at;
	memcpy(r->last, ip, r->last_bytes < sizeof(r->last) ? r->last_bytes : sizeof(r->last));
	if (r->last_bytes > sizeof(r->last))
		r->last_bytes = sizeof(r->last);
}

static void drain(struct router *r)
{
	struct ho_frame *f;
	uint32_t n = 0;

	for (int link = 0; link < LINKS; link++)
		while ((f = ho_stack_output_link(r->s, link)) != NULL) {
			must(++n < OUTPUT_MAX, "output runs dry");
			frame_watch(r, f, link);
			if (n % 5 == 1) { /* some stay for a while */
				if (r->held != NULL)
					ho_frame_unref(r->held);
				r->held = f;
			} else {
				ho_frame_unref(f);
			}
		}
}

/* ---- what comes ---- */

struct own_frame {
	struct ho_frame f; /* first */
	struct router *r;
	uint8_t bytes[];
};

static void own_release(struct ho_frame *f)
{
	((struct own_frame *)(void *)f)->r->frames--;
	free(f);
}

static void facts_set(struct ho_frame *f, uint8_t form, uint32_t len_bytes)
{
	f->csum = form & 3;
	if (f->csum > HO_CSUM_PARTIAL)
		f->csum = HO_CSUM_NONE;
	if (f->csum == HO_CSUM_PARTIAL) {
		f->csum_start = 20;
		f->csum_offset = form & 4 ? 16 : 6;
		if (len_bytes < 20u + f->csum_offset + 2u)
			f->csum = HO_CSUM_NONE;
	}
	if (form & 8) {
		f->gso = f->csum_offset == 6 ? HO_GSO_UDPV4 : HO_GSO_TCPV4;
		f->gso_size = (uint16_t)(100 + (form >> 4) * 100);
		f->gso_segs = (uint16_t)((len_bytes + f->gso_size) / f->gso_size);
	}
}

static void input(struct router *r, int link, const uint8_t *bytes, uint32_t len_bytes, uint8_t form)
{
	struct own_frame *o = calloc(1, sizeof(*o) + len_bytes);
	struct ho_frame *f;
	uint32_t cut = form & 0x80 ? len_bytes / 2 : form & 0x40 ? 40 : 0;

	must(o != NULL, "memory for the test itself");
	f = &o->f;
	o->r = r;
	memcpy(o->bytes, bytes, len_bytes);
	*f = (struct ho_frame){.len_bytes = len_bytes,
	                       .slice_count = 1,
	                       .gso_segs = 1,
	                       .hdr_len = 40,
	                       .refs = 1,
	                       .release = own_release};
	f->slice[0] = (struct ho_slice){o->bytes, len_bytes};
	if (cut > ETH_HDR && cut < len_bytes) {
		f->slice[0].len_bytes = cut;
		f->slice[1] = (struct ho_slice){o->bytes + cut, len_bytes - cut};
		f->slice_count = 2;
	}
	if (link != ETHERNET)
		facts_set(f, form, len_bytes);
	r->frames++;
	if (form & 0x20) {
		ho_frame_ref(f);
		ho_stack_input_link(r->s, link, f, r->now);
		must(memcmp(o->bytes, bytes, len_bytes) == 0, "nobody writes into a frame");
		ho_frame_unref(f);
	} else {
		ho_stack_input_link(r->s, link, f, r->now);
	}
}

/* Puts the packet behind an Ethernet header, if the link wants one. */
static void packet_in(struct router *r, int link, const uint8_t *packet, uint32_t len_bytes, uint8_t to, uint8_t form)
{
	static uint8_t frame[ETH_HDR + 65535];

	if (link != ETHERNET) {
		input(r, link, packet, len_bytes, form);
		return;
	}
	memset(frame, to & 1 ? 0xff : 0, ETH_HDR);
	if (!(to & 1))
		memcpy(frame, our_mac, 6);
	memcpy(frame + 6, (uint8_t[6]){2, 0, 0, 0, 0, to}, 6);
	put16(frame + 12, to & 2 ? 0x86dd : 0x0800);
	memcpy(frame + ETH_HDR, packet, len_bytes);
	input(r, link, frame, ETH_HDR + len_bytes, form);
}

static void header_finish(uint8_t *ip, uint32_t ip_bytes)
{
	uint16_t sum;

	put16(ip + 10, 0);
	sum = csum_fold(csum_partial(ip, ip_bytes));
	memcpy(ip + 10, &sum, 2);
}

/* A packet with a right header, options if asked for, and anything behind it. */
static void op_packet(struct router *r, struct cursor *c)
{
	static uint8_t packet[4000];
	uint8_t way = take8(c), ends = take8(c), protocol = take8(c), ttl = take8(c), frag = take8(c), size = take8(c),
		form = take8(c);
	uint32_t options = (way >> 4 & 7) * 4u, len = 20 + options + size * 12u;

	memset(packet, 0, sizeof(packet));
	packet[0] = (uint8_t)(0x45 + options / 4);
	put16(packet + 2, (uint16_t)len);
	put16(packet + 6, (uint16_t)((frag & 1 ? 0x4000 : 0) | (frag & 2 ? 0x2000 : 0) | (frag & 4 ? frag >> 3 : 0)));
	packet[8] = ttl;
	packet[9] = protocol & 1 ? IP_PROTO_TCP : protocol & 2 ? IP_PROTO_ICMP : protocol & 4 ? IP_PROTO_UDP : protocol;
	put32(packet + 12, places[ends % PLACES]);
	put32(packet + 16, places[ends / PLACES]);
	for (uint32_t i = 0; i < options; i++)
		packet[20 + i] = take8(c);
	if (packet[9] == IP_PROTO_TCP && len >= 20 + options + 20)
		packet[20 + options + 12] = (uint8_t)(frag & 8 ? frag : 0x50);
	else if (len > 20 + options + 2)
		packet[20 + options] = take8(c);
	header_finish(packet, 20 + options);
	packet_in(r, (way & 3) % LINKS, packet, len, (uint8_t)(way & 8 ? take8(c) : 4), form);
}

/* Any bytes at all. */
static void op_raw(struct router *r, struct cursor *c)
{
	uint8_t packet[256];
	int link = take8(c) % LINKS;
	uint32_t want = take8(c), n = 0;

	while (n < want && c->at < c->end)
		packet[n++] = take8(c);
	if (n > 0)
		input(r, link, packet, n, 0);
}

static void op_arp(struct router *r, struct cursor *c)
{
	uint8_t what = take8(c), ends = take8(c), who = take8(c), frame[ETH_HDR + 28] = {0};
	uint8_t *p = frame + ETH_HDR;

	memcpy(frame, what & 4 ? our_mac : (const uint8_t[6]){0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 6);
	memcpy(frame + 6, (uint8_t[6]){2, 0, 0, 0, 0, who}, 6);
	put16(frame + 12, 0x0806);
	put16(p, 1);
	put16(p + 2, 0x0800);
	p[4] = 6;
	p[5] = 4;
	put16(p + 6, 1 + (what & 3));
	memcpy(p + 8, frame + 6, 6);
	put32(p + 14, places[ends % PLACES]);
	memcpy(p + 18, what & 8 ? frame + 6 : our_mac, 6);
	put32(p + 24, places[ends / PLACES]);
	if (what & 0x10)
		p[take8(c) % 28] ^= take8(c);
	input(r, ETHERNET, frame, what & 0x20 ? take8(c) % 42u + 1 : sizeof(frame), 0);
}

/* An ICMP error, redirects among them, about the latest packet that left. */
static void op_error(struct router *r, struct cursor *c)
{
	uint8_t way = take8(c), ends = take8(c), type = take8(c), code = take8(c), packet[28 + 128] = {0x45};
	uint32_t len = 28 + (uint32_t)r->last_bytes;
	uint16_t sum;

	put16(packet + 2, (uint16_t)len);
	packet[8] = 64;
	packet[9] = IP_PROTO_ICMP;
	put32(packet + 12, places[ends % PLACES]);
	put32(packet + 16, way & 4 ? places[way % LINKS] : get32(r->last + 12));
	header_finish(packet, 20);
	packet[20] = type;
	packet[21] = code;
	put32(packet + 24, places[ends / PLACES]);
	memcpy(packet + 28, r->last, r->last_bytes);
	sum = csum_fold(csum_partial(packet + 20, len - 20));
	memcpy(packet + 22, &sum, 2);
	packet_in(r, (way & 3) % LINKS, packet, len, 4, 0);
}

static void op_route(struct router *r, struct cursor *c)
{
	uint8_t what = take8(c), where = take8(c);
	struct ho_route route = {
		.prefix_len = 16, .type = what >> 2 & 3, .link = (where >> 4) % LINKS, .metric = what >> 4 & 1};
	struct ho_addr addr = {places[where % PLACES], 24, (where >> 4) % LINKS};

	route.dst = places[where % PLACES] & 0xffff0000;
	if (route.type != HO_ROUTE_UNICAST)
		route.link = -1;
	else if (what & 0x20)
		route.gateway = places[3 + what % 4];
	route.mtu = what & 0x40 ? 600 : 0;
	switch (what & 3) {
	case 0: ho_route_add(r->s, &route); break;
	case 1: ho_route_replace(r->s, &route); break;
	case 2: ho_route_del(r->s, &route); break;
	default:
		if (what & 0x80)
			ho_addr_del(r->s, addr.addr);
		else
			ho_addr_add(r->s, &addr);
		break;
	}
}

static void op_sysctl(struct router *r, struct cursor *c)
{
	static const char *const names[] = {
		"net.ipv4.ip_forward",
		"net.ipv4.conf.all.rp_filter",
		"net.ipv4.conf.all.accept_local",
		"net.ipv4.conf.all.send_redirects",
		"net.ipv4.conf.all.accept_redirects",
		"net.ipv4.conf.all.shared_media",
		"net.ipv4.ip_forward_use_pmtu",
		"net.ipv4.neigh.default.gc_thresh3",
		"net.ipv4.neigh.default.unres_qlen_bytes",
		"net.ipv4.neigh.default.base_reachable_time_ms",
		"net.ipv4.neigh.default.mcast_solicit",
		"net.ipv4.neigh.default.retrans_time_ms",
		"net.ipv4.neigh.default.ucast_solicit",
	};
	char text[8];
	const char *name = names[take8(c) % (sizeof(names) / sizeof(names[0]))];

	snprintf(text, sizeof(text), "%u", take8(c));
	ho_sysctl_set(r->s, name, text);
}

static void neighbours_look(struct router *r)
{
	struct ho_neigh n, before = {.link = -1};
	uint32_t count = 0;

	for (bool more = ho_neigh_next(r->s, NULL, &n); more; more = ho_neigh_next(r->s, &before, &n)) {
		must(n.link == ETHERNET && n.state <= HO_NEIGH_FAILED, "a neighbour of the Ethernet");
		must(before.link == -1 || before.addr < n.addr, "neighbours by address");
		must(++count < 2000, "neighbours run dry");
		before = n;
	}
}

/* A packet of our own, so that there is somebody whom errors and redirects are about. */
static void op_send(struct router *r, struct cursor *c)
{
	uint8_t where = take8(c);
	int fd = ho_sock_open(r->s, HO_SOCK_STREAM, HO_IPPROTO_TCP);

	ho_stack_at(r->s, r->now);
	if (fd < 0)
		return;
	ho_sock_connect(r->s, fd, (struct ho_endpoint){places[where % PLACES], 80});
	if (where & 0x80)
		ho_sock_close(r->s, fd);
}

static void pass_time(struct router *r, uint8_t how)
{
	static const ho_time_ns steps[] = {HO_MS, 100 * HO_MS, HO_SEC, 5 * HO_SEC, 60 * HO_SEC, 400 * HO_SEC};

	r->now += steps[how % (sizeof(steps) / sizeof(steps[0]))];
	ho_stack_expire(r->s, r->now, 0);
	must(ho_stack_deadline(r->s) > r->now, "a served deadline lies in the future");
}

/* ---- birth ---- */

static bool router_open(struct router *r, struct cursor *c)
{
	uint8_t b[4] = {take8(c), take8(c), take8(c), take8(c)};
	struct ho_link_config second = {
		.mtu = b[0] & 1 ? 600 : 1500, .flags = b[0] & 2 ? HO_LINK_TSO | HO_LINK_USO : 0, .out_queue_max = 50};
	struct ho_link_config ether = {
		.mtu = b[0] & 4 ? 68 : 1500, .flags = HO_LINK_ETHERNET, .out_queue_max = b[0] & 8 ? 2 : 50};
	struct ho_stack_config config;

	*r = (struct router){.now = 5 * HO_SEC};
	r->memory.refuse_at = b[1];
	memcpy(ether.mac, our_mac, 6);
	ho_stack_config_init(&config);
	config.addr = places[0];
	config.alloc = (struct ho_allocator){account_alloc, account_free, &r->memory};
	config.now_ns = r->now;
	config.link_flags = b[0] & 16 ? HO_LINK_TSO : 0;
	config.socks_max = 32;
	if (ho_stack_open(&config, &r->s) != 0)
		return false;
	must(ho_link_add(r->s, &second) == 1 && ho_link_add(r->s, &ether) == ETHERNET, "two more links");
	for (int link = 1; link < LINKS; link++)
		ho_addr_add(r->s, &(struct ho_addr){places[link], 24, link});
	ho_sysctl_set(r->s, "net.ipv4.ip_forward", b[2] & 1 ? "0" : "1");
	ho_sysctl_set(r->s, "net.ipv4.conf.all.rp_filter", b[2] & 2 ? "1" : b[2] & 4 ? "2" : "0");
	ho_sysctl_set(r->s, "net.ipv4.neigh.default.gc_thresh1", b[2] & 8 ? "2" : "128");
	return true;
}

static void step(struct router *r, struct cursor *c)
{
	uint8_t kind = take8(c);

	switch (kind & 7) {
	case 0:
	case 1: op_packet(r, c); break;
	case 2: op_arp(r, c); break;
	case 3: op_error(r, c); break;
	case 4: op_route(r, c); break;
	case 5: pass_time(r, kind >> 3); break;
	case 6: kind & 8 ? op_sysctl(r, c) : op_send(r, c); break;
	default: kind & 8 ? op_raw(r, c) : neighbours_look(r); break;
	}
	drain(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct router r;
	struct cursor c = {data, data + size};

	if (router_open(&r, &c)) {
		for (uint32_t i = 0; i < STEPS_MAX && c.at < c.end; i++)
			step(&r, &c);
		ho_stack_close(r.s);
		if (r.held != NULL)
			ho_frame_unref(r.held);
	}
	must(r.memory.blocks == 0 && r.memory.bytes == 0, "a closed stack gives all its memory back");
	must(r.frames == 0, "every frame is released");
	return 0;
}
