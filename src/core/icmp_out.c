/* SPDX-License-Identifier: MIT
 * ICMP messages of the stack's own: replies, and errors about what others sent us.
 *
 * Theory of operation.  Errors are rationed twice.  Of a destination: 6 at once, then one a second (the credit is kept
 * in milliseconds in a table of 256 destinations; who shares a place with another has the newcomer's full credit).
 * Of all: 50 at once, then 1000 a second; each message costs 0, 1 or 2 of the global credit, by chance, so that it cannot
 * be used to count what others send.  The host's ration is asked last and pays for both.  Loopback is not rationed.
 *
 * Source: Linux 6.18 net/ipv4/icmp.c __icmp_send, icmp_reply, icmpv4_xrlim_allow, icmp_global_allow,
 * icmp_global_consume; net/ipv4/inetpeer.c inet_peer_xrlim_allow; net/ipv4/route.c ip_error. */
#include "wire/likely.h"
#include "forward.h"
#include "ip_parts.h"

#define IP_HDR 20u
#define ICMP_HDR 8u
#define ERROR_BYTES_MAX 576u
#define BURST_HOST 6u
#define REFILL_MIN_MS 20u
#define REFILL_MAX_MS 1000u
#define TICK_MS 4u /* the unit of net.ipv4.route.error_cost and error_burst (HZ 250) */
#define PEER_IDLE_MS 60000u /* the age of a peer just met */

#define ICMP_TYPE_MAX 18u
#define ICMP_ECHOREPLY 0
#define ICMP_DEST_UNREACH 3
#define ICMP_TIMESTAMPREPLY 14
#define ICMP_FRAG_NEEDED 4
#define TOS_MASK 0x1e
#define TOS_INTERNETCONTROL 0xc0

void icmp_count_out(struct ho_stack *st, uint8_t type)
{
	static const uint16_t named[ICMP_TYPE_MAX + 1] = {
		[0] = HO_IcmpOutEchoReps,   [3] = HO_IcmpOutDestUnreachs,  [4] = HO_IcmpOutSrcQuenchs,
		[5] = HO_IcmpOutRedirects,  [8] = HO_IcmpOutEchos,         [11] = HO_IcmpOutTimeExcds,
		[12] = HO_IcmpOutParmProbs, [13] = HO_IcmpOutTimestamps,   [14] = HO_IcmpOutTimestampReps,
		[17] = HO_IcmpOutAddrMasks, [18] = HO_IcmpOutAddrMaskReps,
	};

	count(st, NULL, HO_IcmpOutMsgs);
	count(st, NULL, HO_IcmpMsgOutType + type);
	if (type <= ICMP_TYPE_MAX && named[type] != 0)
		count(st, NULL, named[type]);
}

/* ---- a message ---- */

struct message {
	uint8_t header[ICMP_HDR]; /* checksum still to be filled */
	uint8_t counted_type;
	const uint8_t *data; /* NULL: out of from, at offset */
	const struct ho_frame *from;
	uint32_t offset, len_bytes;
	struct ip_options_out options;
};

static uint32_t headers_bytes(const struct message *m)
{
	return IP_HDR + m->options.len_bytes + ICMP_HDR;
}

static void message_copy(const struct message *m, uint32_t at, uint8_t *to, uint32_t bytes)
{
	if (m->data != NULL)
		memcpy(to, m->data + at, bytes);
	else
		ho_frame_read(m->from, m->offset + at, to, bytes);
}

/* What does not fit behind the headers goes into blocks. */
static bool message_fill(struct ho_stack *st, struct tx_frame *f, const struct message *m)
{
	uint32_t headers = headers_bytes(m), done = min_u32(m->len_bytes, TX_HEAD_BYTES - headers);

	memcpy(f->head + headers - ICMP_HDR, m->header, ICMP_HDR);
	message_copy(m, 0, f->head + headers, done);
	f->f.slice[0].len_bytes = headers + done;
	f->f.len_bytes = headers + done;
	f->f.hdr_len = (uint16_t)headers;
	while (done < m->len_bytes) {
		struct frag frag;
		uint8_t *room = block_room(st, m->len_bytes - done, &frag);

		if (room == NULL)
			return false;
		message_copy(m, done, room, frag.len_bytes);
		frame_add(f, frag);
		done += frag.len_bytes;
	}
	return true;
}

static void message_sum(struct tx_frame *f)
{
	uint32_t icmp = f->f.hdr_len - ICMP_HDR;
	uint16_t sum;

	memset(f->head + icmp + 2, 0, 2);
	sum = csum_fold(frame_sum(&f->f, icmp, f->f.len_bytes - icmp));
	if (sum == 0xffff) /* of nothing but zeros: 6.18 sends the other zero, which is wrong */
		sum = 0;
	memcpy(f->head + icmp + 2, &sum, 2);
}

static void message_send(struct ho_stack *st, const struct message *m, uint32_t saddr, uint32_t daddr, uint8_t tos,
                         uint32_t mtu)
{
	struct ip_tx t = {
		.saddr = saddr,
		.daddr = daddr,
		.protocol = IP_PROTO_ICMP,
		.tos = tos,
		.discards = true,
		.mtu = mtu,
		.options = m->options.len_bytes > 0 ? &m->options : NULL,
		.id = ip_ident_next(st, saddr, daddr, IP_PROTO_ICMP),
	};
	struct tx_frame *f = frame_take(st);

	if (f == NULL || !message_fill(st, f, m)) {
		count_why(st, NULL, HO_IcmpOutErrors, 1, HO_WHY_NO_MEMORY, 0, 0);
		if (f != NULL)
			ho_frame_unref(&f->f);
		return;
	}
	message_sum(f);
	st->cause.frame_out = f->f.id;
	icmp_count_out(st, m->counted_type);
	ip_output(st, NULL, f, &t);
}

/* What our answer carries back of a packet's options. */
static bool options_back(const struct ho_stack *st, const struct rx *rx, struct ip_options_out *out)
{
	return likely(rx->options == NULL) || options_echo(st, rx->ip, rx->saddr, rx->options, out);
}

/* ---- replies ---- */

void icmp_send_reply(struct ho_stack *st, struct rx *rx, const uint8_t header[8], const void *data, uint32_t len_bytes)
{
	struct message m = {
		.counted_type = header[0] == ICMP_TIMESTAMPREPLY ? ICMP_ECHOREPLY : header[0], /* 6.18 */
		.data = data,
		.from = rx->frame,
		.offset = rx->ip_bytes + ICMP_HDR,
		.len_bytes = len_bytes,
	};
	uint32_t saddr, mtu;

	if (!options_back(st, rx, &m.options) || ip_route(st, rx->saddr, &saddr, &mtu) < 0)
		return;
	if (headers_bytes(&m) + len_bytes > HO_FRAME_BYTES_MAX) {
		count(st, NULL, HO_IcmpOutErrors);
		return;
	}
	memcpy(m.header, header, ICMP_HDR);
	message_send(st, &m, rx->broadcast || rx->multicast ? saddr : rx->daddr, rx->saddr, rx->tos, mtu);
}

/* ---- rations ---- */

void icmp_rations_init(struct ho_stack *st)
{
	st->icmp_stamp_ms = st->now_ms - REFILL_MAX_MS;
}

static bool global_allows(struct ho_stack *st)
{
	uint64_t elapsed_ms = st->now_ms - st->icmp_stamp_ms;
	uint64_t refill;

	if (st->icmp_credit > 0)
		return true;
	if (elapsed_ms > REFILL_MAX_MS)
		elapsed_ms = REFILL_MAX_MS;
	if (elapsed_ms < REFILL_MIN_MS)
		return false;
	refill = elapsed_ms * st->ctl.icmp_msgs_per_sec / 1000;
	if (refill == 0)
		return false;
	st->icmp_stamp_ms = st->now_ms;
	if (refill + (uint64_t)(int64_t)st->icmp_credit > st->ctl.icmp_msgs_burst)
		st->icmp_credit = (int32_t)st->ctl.icmp_msgs_burst;
	else
		st->icmp_credit += (int32_t)refill;
	return true;
}

struct icmp_peer *icmp_peer(struct ho_stack *st, uint32_t addr)
{
	uint64_t hash = siphash13_2u64(&st->key_ports, addr, UINT64_C(2) << 32);
	struct icmp_peer *p = &st->icmp_peer[hash % ICMP_PEERS];

	if (p->addr != addr)
		*p = (struct icmp_peer){.addr = addr, .stamp_ms = st->now_ms - PEER_IDLE_MS};
	return p;
}

/* Pays cost_ms out of what has come together since the last time, burst_ms at most. */
static bool peer_pays(struct ho_stack *st, struct icmp_peer *p, uint64_t burst_ms, uint32_t cost_ms)
{
	uint64_t tokens = p->tokens_ms + (st->now_ms - p->stamp_ms);

	if (tokens > burst_ms)
		tokens = burst_ms;
	p->stamp_ms = st->now_ms;
	p->tokens_ms = (uint32_t)(tokens >= cost_ms ? tokens - cost_ms : tokens);
	return tokens >= cost_ms;
}

static bool host_allows(struct ho_stack *st, uint32_t addr)
{
	uint32_t timeout_ms = st->ctl.icmp_ratelimit;

	return timeout_ms == 0 || peer_pays(st, icmp_peer(st, addr), (uint64_t)timeout_ms * BURST_HOST, timeout_ms);
}

bool icmp_unroutable_allows(struct ho_stack *st, uint32_t addr)
{
	return peer_pays(st, icmp_peer(st, addr), (uint64_t)st->ctl.route_error_burst * TICK_MS,
	                 st->ctl.route_error_cost * TICK_MS);
}

static bool rationed(const struct ho_stack *st, const struct rx *rx, uint8_t type, uint8_t code)
{
	if (rx->loopback || (type == ICMP_DEST_UNREACH && code == ICMP_FRAG_NEEDED))
		return false;
	return type < 32 && (st->ctl.icmp_ratemask >> type & 1) != 0;
}

/* ---- errors ---- */

/* Types that are errors themselves, or might be: Linux's icmp_pointers[].error. */
static bool is_error_type(uint8_t type)
{
	return type > ICMP_TYPE_MAX || (UINT32_C(0x19efe) >> type & 1) != 0;
}

static bool error_is_due(const struct rx *rx)
{
	uint8_t type;

	if (rx->broadcast || rx->multicast || rx->link_cast || (get16(rx->ip + 6) & IP_OFFSET) != 0)
		return false;
	if (rx->protocol != IP_PROTO_ICMP)
		return true;
	return ho_frame_read(rx->frame, rx->ip_bytes, &type, 1) == 1 && rx->l4_bytes > 0 && !is_error_type(type);
}

/* Of the link that the packet came by: the one of the sender's network, or the first. */
static uint32_t inbound_addr(const struct ho_stack *st, const struct rx *rx, uint32_t otherwise)
{
	const struct address *first = NULL;

	for (uint32_t i = 0; i < st->address_count; i++) {
		const struct address *a = &st->address[i];

		if (a->link != rx->link)
			continue;
		if (((a->addr ^ rx->saddr) & a->netmask) == 0)
			return a->addr;
		if (first == NULL)
			first = a;
	}
	return first != NULL ? first->addr : otherwise;
}

/* The name under which we speak of a packet. */
static uint32_t error_saddr(const struct ho_stack *st, const struct rx *rx, uint32_t of_route)
{
	if (ip_is_local(st, rx->daddr))
		return rx->daddr;
	return st->ctl.icmp_errors_use_inbound_ifaddr && !rx->loopback ? inbound_addr(st, rx, of_route) : of_route;
}

void icmp_send_error(struct ho_stack *st, struct rx *rx, uint8_t type, uint8_t code, uint32_t rest)
{
	bool limited = rationed(st, rx, type, code);
	struct message m = {.header = {type, code}, .counted_type = type, .from = rx->frame};
	uint32_t saddr, mtu;

	if (!error_is_due(rx))
		return;
	if (limited && !global_allows(st)) {
		count(st, NULL, HO_IcmpOutRateLimitGlobal);
		return;
	}
	if (!options_back(st, rx, &m.options) || ip_route(st, rx->saddr, &saddr, &mtu) < 0)
		return;
	if (limited && !ip_is_local(st, rx->saddr) && !host_allows(st, rx->saddr)) {
		count(st, NULL, HO_IcmpOutRateLimitHost);
		return;
	}
	if (limited)
		st->icmp_credit -= (int32_t)(stack_random(st) % 3);
	put32(m.header + 4, rest);
	m.len_bytes = min_u32(rx->ip_bytes + rx->l4_bytes, min_u32(mtu, ERROR_BYTES_MAX) - headers_bytes(&m));
	message_send(st, &m, error_saddr(st, rx, saddr), rx->saddr,
	             (rx->tos & TOS_MASK) | TOS_INTERNETCONTROL, mtu);
}
