/* SPDX-License-Identifier: MIT
 * An ICMP message arrives: counted by type, answered if it asks, passed on to whoever sent what it complains about.
 *
 * Linux's named counters (IcmpInEchos) are the counters of the types under another name, so both move here, together.
 *
 * Source: Linux 6.18 net/ipv4/icmp.c icmp_rcv, icmp_unreach, icmp_redirect, icmp_echo, icmp_timestamp,
 * icmp_socket_deliver. */
#include "dgram_doors.h"
#include "sock_error.h"

#define ICMP_HDR 8u
#define IP_HDR_MIN 20u
#define QUOTED_L4 8u /* what an error quotes at least behind the IPv4 header */
#define TIMESTAMP_BYTES 12u
#define MS_A_DAY UINT64_C(86400000)

enum icmp_type {
	ICMP_ECHOREPLY = 0,
	ICMP_DEST_UNREACH = 3,
	ICMP_SOURCE_QUENCH = 4,
	ICMP_REDIRECT = 5,
	ICMP_ECHO = 8,
	ICMP_TIME_EXCEEDED = 11,
	ICMP_PARAMETERPROB = 12,
	ICMP_TIMESTAMP = 13,
	ICMP_TIMESTAMPREPLY = 14,
	ICMP_ADDRESS = 17,
	ICMP_ADDRESSREPLY = 18,
	ICMP_EXT_ECHO = 42,
	ICMP_EXT_ECHOREPLY = 43,
};
#define ICMP_TYPE_MAX ICMP_ADDRESSREPLY
#define ICMP_FRAG_NEEDED 4
#define ICMP_CODE_MAX 15
#define ICMP_EXC_FRAGTIME 1

static void count_in(struct ho_stack *st, uint8_t type)
{
	static const uint16_t named[ICMP_TYPE_MAX + 1] = {
		[ICMP_ECHOREPLY] = HO_IcmpInEchoReps,
		[ICMP_DEST_UNREACH] = HO_IcmpInDestUnreachs,
		[ICMP_SOURCE_QUENCH] = HO_IcmpInSrcQuenchs,
		[ICMP_REDIRECT] = HO_IcmpInRedirects,
		[ICMP_ECHO] = HO_IcmpInEchos,
		[ICMP_TIME_EXCEEDED] = HO_IcmpInTimeExcds,
		[ICMP_PARAMETERPROB] = HO_IcmpInParmProbs,
		[ICMP_TIMESTAMP] = HO_IcmpInTimestamps,
		[ICMP_TIMESTAMPREPLY] = HO_IcmpInTimestampReps,
		[ICMP_ADDRESS] = HO_IcmpInAddrMasks,
		[ICMP_ADDRESSREPLY] = HO_IcmpInAddrMaskReps,
	};

	count(st, NULL, HO_IcmpMsgInType + type);
	if (type <= ICMP_TYPE_MAX && named[type] != 0)
		count(st, NULL, named[type]);
}

/* ---- errors about packets of ours ---- */

/* net.ipv4.ip_no_pmtu_disc */
#define NO_PMTU_DISC_DROP 2
#define NO_PMTU_DISC_STRICT 3   /* TCP looks at what is quoted, so nothing changes */

static bool frag_needed(const struct rx *rx)
{
	return rx->l4[0] == ICMP_DEST_UNREACH && rx->l4[1] == ICMP_FRAG_NEEDED;
}

/* Gives  false: an MTU that nobody is to believe, as this protocol does not look at what is quoted. */
static bool info_take(const struct ho_stack *st, struct quoted *q)
{
	uint32_t mode = st->ctl.ip_no_pmtu_disc;

	if (q->type == ICMP_PARAMETERPROB)
		q->info = q->rx->l4[4];
	if (!frag_needed(q->rx))
		return true;
	if (mode == NO_PMTU_DISC_STRICT && q->protocol != IP_PROTO_TCP)
		return false;
	if (mode == 0 || mode == NO_PMTU_DISC_STRICT)
		q->info = get16(q->rx->l4 + 6);
	return true;
}

static void quoted_deliver(struct ho_stack *st, struct rx *rx)
{
	const uint8_t *inner = rx->l4 + ICMP_HDR;
	struct quoted q = {.rx = rx, .type = rx->l4[0], .code = rx->l4[1], .inner = inner,
	                   .inner_hdr = (inner[0] & 15u) * 4, .protocol = inner[9],
	                   .saddr = get32(inner + 12), .daddr = get32(inner + 16)};

	if (!info_take(st, &q))
		return;
	if (rx->l4_bytes - ICMP_HDR < q.inner_hdr + QUOTED_L4) {
		count(st, NULL, HO_IcmpInErrors);
		return;
	}
	if (!list_empty(&st->raw_socks))
		raw_on_icmp(st, &q);
	switch (q.protocol) {
	case IP_PROTO_TCP: tcp_on_icmp(st, &q); return;
	case IP_PROTO_UDP: udp_on_icmp(st, &q); return;
	case IP_PROTO_ICMP: ping_on_icmp(st, &q); return;
	default: return;
	}
}

/* Destination unreachable, source quench, time exceeded, parameter problem. */
static void error_in(struct ho_stack *st, struct rx *rx)
{
	uint8_t type = rx->l4[0], code = rx->l4[1];
	uint32_t inner_bytes = rx->l4_bytes - ICMP_HDR;

	if (inner_bytes < IP_HDR_MIN || (rx->l4[ICMP_HDR] & 15) < 5) {
		count(st, NULL, HO_IcmpInErrors);
		return;
	}
	if (type == ICMP_DEST_UNREACH && code > ICMP_CODE_MAX)
		return;
	if (type == ICMP_TIME_EXCEEDED && code == ICMP_EXC_FRAGTIME)
		return;
	if (frag_needed(rx) && st->ctl.ip_no_pmtu_disc == NO_PMTU_DISC_DROP)
		return;
	quoted_deliver(st, rx);
}

static void redirect_in(struct ho_stack *st, struct rx *rx)
{
	if (rx->l4_bytes < ICMP_HDR + IP_HDR_MIN) {
		count(st, NULL, HO_IcmpInErrors);
		return;
	}
	st->redirecting = rx;
	quoted_deliver(st, rx);
	st->redirecting = NULL;
}

/* ---- questions ---- */

/* The reply is the request with another type; its code is not looked at. */
static void echo_in(struct ho_stack *st, struct rx *rx)
{
	uint8_t header[ICMP_HDR];

	if (st->ctl.icmp_echo_ignore_all)
		return;
	memcpy(header, rx->l4, ICMP_HDR);
	header[0] = ICMP_ECHOREPLY;
	icmp_send_reply(st, rx, header, NULL, rx->l4_bytes - ICMP_HDR);
}

/* Milliseconds since midnight: of the epoch that the caller counts from. */
static void timestamp_in(struct ho_stack *st, struct rx *rx)
{
	uint8_t header[ICMP_HDR];
	uint8_t times[TIMESTAMP_BYTES] = {0};

	if (rx->l4_bytes < ICMP_HDR + 4) {
		count(st, NULL, HO_IcmpInErrors);
		return;
	}
	memcpy(header, rx->l4, ICMP_HDR);
	header[0] = ICMP_TIMESTAMPREPLY;
	header[1] = 0;
	memcpy(times, rx->l4 + ICMP_HDR, 4);
	put32(times + 4, (uint32_t)(st->now_ms % MS_A_DAY));
	memcpy(times + 8, times + 4, 4);
	icmp_send_reply(st, rx, header, times, TIMESTAMP_BYTES);
}

/* ---- every message ---- */

static bool icmp_sum_ok(const struct rx *rx)
{
	if (rx->frame->csum != HO_CSUM_NONE)
		return true;
	return csum_fold(frame_sum(rx->frame, rx->ip_bytes, rx->l4_bytes)) == 0;
}

/* To everybody on the link only questions are put, and echoes are answered only if somebody wants that. */
static bool cast_acceptable(const struct ho_stack *st, const struct rx *rx)
{
	if (!rx->broadcast && !rx->multicast)
		return true;
	if (rx->l4[0] == ICMP_ECHO || rx->l4[0] == ICMP_TIMESTAMP)
		return !st->ctl.icmp_echo_ignore_broadcasts;
	return rx->l4[0] == ICMP_ADDRESS || rx->l4[0] == ICMP_ADDRESSREPLY;
}

static void icmp_dispatch(struct ho_stack *st, struct rx *rx)
{
	switch (rx->l4[0]) {
	case ICMP_ECHOREPLY: ping_on_reply(st, rx); return;
	case ICMP_DEST_UNREACH:
	case ICMP_SOURCE_QUENCH:
	case ICMP_TIME_EXCEEDED:
	case ICMP_PARAMETERPROB: error_in(st, rx); return;
	case ICMP_REDIRECT: redirect_in(st, rx); return;
	case ICMP_ECHO: echo_in(st, rx); return;
	case ICMP_TIMESTAMP: timestamp_in(st, rx); return;
	default: /* known and nobody's */ return;
	}
}

own_way void icmp_on_packet(struct ho_stack *st, struct rx *rx)
{
	uint8_t type;

	count(st, NULL, HO_IcmpInMsgs);
	if (!icmp_sum_ok(rx)) {
		count(st, NULL, HO_IcmpInCsumErrors);
		count(st, NULL, HO_IcmpInErrors);
		return;
	}
	if (rx->l4_bytes < ICMP_HDR) {
		count(st, NULL, HO_IcmpInErrors);
		return;
	}
	type = rx->l4[0];
	count_in(st, type);
	if (type == ICMP_EXT_ECHO || type == ICMP_EXT_ECHOREPLY) /* icmp_echo_enable_probe is 0 */
		return;
	if (type > ICMP_TYPE_MAX || !cast_acceptable(st, rx)) {
		count(st, NULL, HO_IcmpInErrors);
		return;
	}
	icmp_dispatch(st, rx);
}
