/* SPDX-License-Identifier: MIT
 * IPv4 options: checked and obeyed as they come, carried back by answers.
 *
 * Theory of operation.  Record route and timestamp have a pointer to the next free place: where there is one, our address
 * and the time are written there, and the pointer moves on; a timestamp option without room counts us among those who
 * found none.  So a packet with options is worked on in a copy of its header.  An answer carries both back and is
 * written into once more as it leaves; a source route that was followed to its end goes back reversed.
 *
 * Source: RFC 791 3.1, RFC 1812 5.2.4.1; Linux 6.18 net/ipv4/ip_options.c __ip_options_compile, __ip_options_echo,
 * ip_options_build, ip_options_fragment, ip_options_rcv_srr. */
#include "ip_parts.h"

#define OPT_END 0
#define OPT_NOOP 1
#define OPT_COPIED 0x80
#define OPT_RR 7
#define OPT_TIMESTAMP 68
#define OPT_LSRR 131
#define OPT_SSRR 137
#define OPT_RA 148
#define FINE (-1)

#define TS_ONLY 0 /* what a timestamp option wants */
#define TS_AND_ADDR 1
#define TS_PRESPEC 3
#define MS_A_DAY UINT64_C(86400000)

static uint32_t ms_of_day(const struct ho_stack *st)
{
	return (uint32_t)(st->now_ms % MS_A_DAY);
}

static bool is_somebody_else(const struct ho_stack *st, uint32_t addr)
{
	return addr != 0 && !ip_is_multicast(addr) && !ip_is_broadcast(st, addr) && !ip_is_local(st, addr);
}

/* What we are called by whoever sent this. */
static uint32_t own_name(struct ho_stack *st, const struct rx *rx)
{
	uint32_t saddr = st->addr;

	if (ip_is_local(st, rx->daddr))
		return rx->daddr;
	ip_route(st, rx->saddr, &saddr, NULL);
	return saddr;
}

/* ---- in ----
 * Each gives the offset in the option of what is wrong with it, FINE. */

static int route_obey(uint8_t *o, uint32_t len, struct ip_options *at, uint8_t offset)
{
	if (len < 3)
		return 1;
	if (o[2] < 4)
		return 2;
	if (at->srr != 0)
		return 0;
	at->strict = o[0] == OPT_SSRR;
	at->srr = offset;
	return FINE;
}

static int record_obey(uint8_t *o, uint32_t len, struct ip_options *at, uint8_t offset, uint32_t name)
{
	if (at->rr != 0)
		return 0;
	if (len < 3)
		return 1;
	if (o[2] < 4 || (o[2] <= len && o[2] + 3u > len))
		return 2;
	if (o[2] <= len) {
		put32(o + o[2] - 1, name);
		o[2] += 4;
		at->rr_needaddr = true;
	}
	at->rr = offset;
	return FINE;
}

/* There is room for one more. */
static int time_write(const struct ho_stack *st, uint8_t *o, uint32_t len, struct ip_options *at, uint32_t name)
{
	uint8_t *place = o + o[2] - 1;
	uint32_t type = o[3] & 15;

	if (o[2] + 3u > len)
		return 2;
	if (type == TS_ONLY) {
		put32(place, ms_of_day(st));
		at->ts_needtime = true;
		o[2] += 4;
		return FINE;
	}
	if (type != TS_AND_ADDR && type != TS_PRESPEC)
		return FINE;
	if (o[2] + 7u > len)
		return 2;
	if (type == TS_PRESPEC && is_somebody_else(st, get32(place)))
		return FINE;
	if (type == TS_AND_ADDR) {
		put32(place, name);
		at->ts_needaddr = true;
	}
	put32(place + 4, ms_of_day(st));
	at->ts_needtime = true;
	o[2] += 8;
	return FINE;
}

static int time_obey(const struct ho_stack *st, uint8_t *o, uint32_t len, struct ip_options *at, uint8_t offset,
                     uint32_t name)
{
	int wrong = FINE;

	if (at->ts != 0)
		return 0;
	if (len < 4)
		return 1;
	if (o[2] < 5)
		return 2;
	if (o[2] <= len) {
		wrong = time_write(st, o, len, at, name);
	} else if ((o[3] & 15) != TS_PRESPEC) {
		if (o[3] >> 4 == 15)
			return 3;
		o[3] = (uint8_t)(o[3] + 0x10);
	}
	if (wrong < 0)
		at->ts = offset;
	return wrong;
}

static int option_obey(const struct ho_stack *st, uint8_t *o, struct ip_options *at, uint8_t offset, uint32_t name)
{
	switch (o[0]) {
	case OPT_RR: return record_obey(o, o[1], at, offset, name);
	case OPT_LSRR:
	case OPT_SSRR: return route_obey(o, o[1], at, offset);
	case OPT_TIMESTAMP: return time_obey(st, o, o[1], at, offset, name);
	case OPT_RA: return o[1] < 4 ? 1 : FINE;
	default: return FINE;
	}
}

int options_obey(struct ho_stack *st, const struct rx *rx, uint8_t *ip, struct ip_options *at)
{
	uint32_t name = own_name(st, rx), i = IP_HDR_MIN;

	*at = (struct ip_options){0};
	while (i < rx->ip_bytes && ip[i] != OPT_END) {
		uint8_t *o = ip + i;
		int wrong;

		if (o[0] == OPT_NOOP) {
			i++;
			continue;
		}
		if (rx->ip_bytes - i < 2 || o[1] < 2 || o[1] > rx->ip_bytes - i)
			return (int)i;
		wrong = option_obey(st, o, at, (uint8_t)i, name);
		if (wrong >= 0)
			return (int)i + wrong;
		i += o[1];
	}
	if (i < rx->ip_bytes) /* nothing is hidden behind the end */
		memset(ip + i, OPT_END, rx->ip_bytes - i);
	return FINE;
}

bool options_route_ends(struct ho_stack *st, struct rx *rx, uint8_t *ip, const struct ip_options *at)
{
	const uint8_t *o = ip + at->srr;

	for (uint32_t i = o[2]; i <= o[1]; i += 4) {
		uint32_t next;

		if (i + 3 > o[1]) {
			icmp_send_error(st, rx, 12, 0, (at->srr + 2u) << 24);
			return false;
		}
		next = get32(o + i - 1);
		if (!ip_is_local(st, next))
			return false;
		put32(ip + 16, next);
		rx->daddr = next;
	}
	return true;
}

/* ---- back ---- */

static bool record_echo(const uint8_t *o, const struct ip_options *at, struct ip_options_out *out)
{
	uint8_t *to = out->data + out->len_bytes;

	memcpy(to, o, o[1]);
	if (at->rr_needaddr && o[2] <= o[1]) {
		if (o[2] + 3u > o[1])
			return false;
		to[2] = (uint8_t)(o[2] + 4);
		out->at.rr_needaddr = true;
	}
	out->at.rr = (uint8_t)(IP_HDR_MIN + out->len_bytes);
	out->len_bytes += o[1];
	return true;
}

/* The sender of a prespecified list wants the next one's time only if that one is us. */
static uint32_t time_echo_prespec(const struct ho_stack *st, const uint8_t *o, uint32_t pointer,
                                  struct ip_options_out *out)
{
	out->at.ts_needtime = pointer + 7 <= o[1] && !is_somebody_else(st, get32(o + pointer - 1));
	return out->at.ts_needtime ? pointer + 8 : pointer;
}

static bool time_echo(const struct ho_stack *st, const uint8_t *o, const struct ip_options *at,
                      struct ip_options_out *out)
{
	uint8_t *to = out->data + out->len_bytes;
	uint32_t pointer = o[2];

	memcpy(to, o, o[1]);
	if (pointer <= o[1]) {
		if (at->ts_needaddr) {
			if (pointer + 3 > o[1])
				return false;
			out->at.ts_needaddr = true;
			pointer += 4;
		}
		if (at->ts_needtime) {
			if (pointer + 3 > o[1])
				return false;
			if ((o[3] & 15) == TS_PRESPEC) {
				pointer = time_echo_prespec(st, o, pointer, out);
			} else {
				out->at.ts_needtime = true;
				pointer += 4;
			}
		}
		to[2] = (uint8_t)pointer;
	}
	out->at.ts = (uint8_t)(IP_HDR_MIN + out->len_bytes);
	out->len_bytes += o[1];
	return true;
}

/* The way back is the recorded one in reverse; its first hop is where the answer goes, its last the sender. */
static void route_echo(const uint8_t *o, uint32_t saddr, const struct ip_options *at, struct ip_options_out *out)
{
	uint8_t *to = out->data + out->len_bytes;
	int32_t from = (o[2] > o[1] ? o[1] + 1 : o[2]) - 4, bytes = 0;

	if (from <= 3)
		return;
	out->first_hop = get32(o + from - 1);
	for (from -= 4, bytes = 4; from > 3; from -= 4, bytes += 4)
		memcpy(to + bytes - 1, o + from - 1, 4);
	if (get32(o + from + 3) == saddr) /* RFC 1812: the sender is no hop */
		bytes -= 4;
	if (bytes <= 3)
		return;
	to[0] = o[0];
	to[1] = (uint8_t)(bytes + 3);
	to[2] = 4;
	out->at.srr = (uint8_t)(IP_HDR_MIN + out->len_bytes);
	out->at.strict = at->strict;
	out->len_bytes += to[1];
}

bool options_echo(const struct ho_stack *st, const uint8_t *ip, uint32_t saddr, const struct ip_options *at,
                  struct ip_options_out *out)
{
	*out = (struct ip_options_out){0};
	if (at->rr != 0 && !record_echo(ip + at->rr, at, out))
		return false;
	if (at->ts != 0 && !time_echo(st, ip + at->ts, at, out))
		return false;
	if (at->srr != 0)
		route_echo(ip + at->srr, saddr, at, out);
	while (out->len_bytes % 4 != 0)
		out->data[out->len_bytes++] = OPT_END;
	return true;
}

/* ---- out ---- */

void options_emit(const struct ho_stack *st, uint8_t *ip, const struct ip_options_out *out, uint32_t saddr,
                  uint32_t daddr)
{
	uint8_t *rr = ip + out->at.rr, *ts = ip + out->at.ts, *srr = ip + out->at.srr;

	memcpy(ip + IP_HDR_MIN, out->data, out->len_bytes);
	if (out->at.srr != 0)
		put32(srr + srr[1] - 4, daddr);
	if (out->at.rr_needaddr)
		put32(rr + rr[2] - 5, saddr);
	if (out->at.ts_needaddr)
		put32(ts + ts[2] - 9, saddr);
	if (out->at.ts_needtime)
		put32(ts + ts[2] - 5, ms_of_day(st));
}

void options_uncopied_clear(uint8_t *ip)
{
	uint32_t i = IP_HDR_MIN, end = (ip[0] & 15u) * 4;

	while (i < end && ip[i] != OPT_END) {
		if (ip[i] == OPT_NOOP) {
			i++;
			continue;
		}
		if (end - i < 2 || ip[i + 1] < 2 || ip[i + 1] > end - i)
			return;
		if (!(ip[i] & OPT_COPIED)) {
			uint32_t len = ip[i + 1];

			memset(ip + i, OPT_NOOP, len);
			i += len;
		} else {
			i += ip[i + 1];
		}
	}
}
