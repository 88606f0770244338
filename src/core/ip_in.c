/* SPDX-License-Identifier: MIT
 * A packet arrives: is it whole, is it for us, who gets it.
 *
 * Theory of operation.  The order is Linux's, because the order is what the counters show: everything that arrives is
 * received; the header's form; its ECN bits; checksum and length; the addresses; the options; only then local delivery:
 * fragments, rules, protocol (or passing it on, if it is for somebody else).  A packet with impossible addresses (a
 * martian) vanishes without a further counter.
 *
 * Source: Linux 6.18 net/ipv4/ip_input.c ip_rcv_core, ip_rcv_finish_core, ip_local_deliver, ip_protocol_deliver_rcu;
 * net/ipv4/ip_options.c __ip_options_compile. */
#include "wire/likely.h"
#include "dgram_doors.h"
#include "forward.h"
#include "ip_parts.h"

#define UDP_HDR 8u
#define HEADERS_MAX 136u /* IPv4, ICMP, and the IPv4 header and 8 bytes that an ICMP error quotes */

#define ICMP_DEST_UNREACH 3
#define ICMP_PROT_UNREACH 2
#define ICMP_PARAMETERPROB 12

uint32_t frame_sum(const struct ho_frame *f, uint32_t offset, uint32_t len_bytes)
{
	const struct ho_slice *s = f->slice;
	uint32_t sum = 0;
	uint32_t done = 0;

	for (; done < len_bytes && s < f->slice + f->slice_count; s++) {
		uint32_t bytes, part;

		if (offset >= s->len_bytes) {
			offset -= s->len_bytes;
			continue;
		}
		bytes = min_u32(s->len_bytes - offset, len_bytes - done);
		part = csum_partial(s->data + offset, bytes);
		sum = done & 1 ? csum_add_odd(sum, part) : csum_add(sum, part);
		done += bytes;
		offset = 0;
	}
	return sum;
}

/* ---- form ---- */

/* How much of the L4 header a protocol wants in one piece. */
static uint32_t l4_want_bytes(uint8_t protocol, const uint8_t *l4, uint32_t have_bytes)
{
	if (likely(protocol == IP_PROTO_TCP))
		return unlikely(have_bytes < 20) ? 60 : max_u32((l4[12] >> 4) * 4u, 20);
	switch (protocol) {
	case IP_PROTO_ICMP: return 8 + 60 + 8;
	default: return UDP_HDR;
	}
}

/* The headers in one piece: where they lie, or copied.  Gives the first byte; *have_bytes is how much is readable. */
static const uint8_t *headers_find(const struct ho_frame *f, uint8_t scratch[HEADERS_MAX], uint32_t *have_bytes)
{
	const uint8_t *ip = f->slice[0].data;
	uint32_t have = f->slice[0].len_bytes;

	*have_bytes = have;
	if (have == f->len_bytes)
		return ip;
	if (have >= IP_HDR_MIN) {
		uint32_t ip_bytes = (ip[0] & 15u) * 4;

		if (likely(have >= ip_bytes) && likely(have - ip_bytes >= l4_want_bytes(ip[9], ip + ip_bytes, have - ip_bytes)))
			return ip;
	}
	*have_bytes = (uint32_t)ho_frame_read(f, 0, scratch, HEADERS_MAX);
	return scratch;
}

static void count_ecn(struct ho_stack *st, const struct ho_frame *f, uint8_t tos)
{
	static const uint16_t counters[4] = {HO_IpExtInNoECTPkts, HO_IpExtInECT1Pkts, HO_IpExtInECT0Pkts,
	                                     HO_IpExtInCEPkts};

	count_add(st, NULL, counters[tos & 3], f->gso_segs > 0 ? f->gso_segs : 1);
}

static bool header_sum_ok(const uint8_t *ip, uint32_t ip_bytes)
{
	uint32_t sum = csum_ip20(ip);

	if (unlikely(ip_bytes > IP_HDR_MIN))
		sum = csum_add(sum, csum_partial(ip + IP_HDR_MIN, ip_bytes - IP_HDR_MIN));
	return csum_fold(sum) == 0;
}

/* Counts what is wrong.  Bytes beyond the total length are not part of the packet. */
static bool header_take(struct ho_stack *st, struct rx *rx, uint32_t have_bytes)
{
	uint32_t frame_bytes = rx->frame->len_bytes;
	const uint8_t *ip = rx->ip;
	uint32_t total, ip_bytes;

	if (unlikely(have_bytes < IP_HDR_MIN || ip[0] >> 4 != 4 || (ip[0] & 15) < 5))
		goto header_error;
	ip_bytes = (ip[0] & 15u) * 4;
	count_ecn(st, rx->frame, ip[1]);
	if (unlikely(have_bytes < ip_bytes))
		goto header_error;
	if (unlikely(!header_sum_ok(ip, ip_bytes))) {
		count(st, NULL, HO_IpExtInCsumErrors);
		goto header_error;
	}
	total = get16(ip + 2);
	if (unlikely(frame_bytes < total)) {
		count(st, NULL, HO_IpExtInTruncatedPkts);
		return false;
	}
	if (unlikely(total < ip_bytes))
		goto header_error;
	rx->l4 = ip + ip_bytes;
	rx->saddr = get32(ip + 12);
	rx->daddr = get32(ip + 16);
	rx->ip_bytes = (uint16_t)ip_bytes;
	rx->l4_bytes = (uint16_t)(total - ip_bytes);
	rx->tos = ip[1];
	rx->ttl = ip[8];
	rx->protocol = ip[9];
	return true;
header_error:
	count(st, NULL, HO_IpInHdrErrors);
	return false;
}

/* ---- delivery ---- */

static void ip_deliver(struct ho_stack *st, struct rx *rx)
{
	bool raw = unlikely(!list_empty(&st->raw_socks)) && raw_on_packet(st, rx);

	if (mostly(rx->protocol == IP_PROTO_TCP)) {
		count(st, NULL, HO_IpInDelivers);
		tcp_on_packet(st, rx);
		return;
	}
	switch (rx->protocol) {
	case IP_PROTO_ICMP:
		count(st, NULL, HO_IpInDelivers);
		icmp_on_packet(st, rx);
		return;
	case IP_PROTO_UDP:
		count(st, NULL, HO_IpInDelivers);
		udp_on_packet(st, rx);
		return;
	default:
		if (raw) {
			count(st, NULL, HO_IpInDelivers);
			return;
		}
		count(st, NULL, HO_IpInUnknownProtos);
		icmp_send_error(st, rx, ICMP_DEST_UNREACH, ICMP_PROT_UNREACH, 0);
	}
}

static void count_cast(struct ho_stack *st, const struct rx *rx)
{
	int32_t bytes = rx->ip_bytes + rx->l4_bytes;

	if (rx->multicast) {
		count(st, NULL, HO_IpExtInMcastPkts);
		count_add(st, NULL, HO_IpExtInMcastOctets, bytes);
	} else {
		count(st, NULL, HO_IpExtInBcastPkts);
		count_add(st, NULL, HO_IpExtInBcastOctets, bytes);
	}
}

static bool is_fragment(const struct rx *rx)
{
	return (get16(rx->ip + 6) & (IP_MF | IP_OFFSET)) != 0;
}

hot_path static void ip_local_in(struct ho_stack *st, struct rx *rx)
{
	if (unlikely(rules_any(st, HO_HOOK_INPUT) && !rules_input(st, rx)))
		return;
	ip_deliver(st, rx);
}

/* Another frame takes the place of the one that came: its bytes are those of the packet. */
static void rx_replace(struct rx *rx, struct ho_frame *f, uint8_t scratch[HEADERS_MAX])
{
	uint32_t have_bytes;

	rx->frame = f;
	rx->ip = headers_find(f, scratch, &have_bytes);
	rx->ip_bytes = (uint16_t)((rx->ip[0] & 15) * 4);
	rx->l4 = rx->ip + rx->ip_bytes;
	rx->l4_bytes = (uint16_t)(get16(rx->ip + 2) - rx->ip_bytes);
	rx->tos = rx->ip[1];
	rx->ttl = rx->ip[8];
}

/* The last one missing makes the packet whole. */
cold_path static void ip_on_fragment(struct ho_stack *st, struct rx *rx)
{
	uint8_t scratch[HEADERS_MAX];
	struct ip_options options;
	struct ho_frame *whole = reasm_on_fragment(st, rx, &options);

	if (whole == NULL)
		return;
	rx_replace(rx, whole, scratch);
	rx->options = rx->ip_bytes > IP_HDR_MIN ? &options : NULL;
	ip_local_in(st, rx);
	ho_frame_unref(whole);
}

hot_path static void ip_receive(struct ho_stack *st, struct rx *rx, enum destination to, const struct way_in *in)
{
	if (unlikely(to == TO_ANOTHER)) {
		ip_forward_on_packet(st, rx, in);
		return;
	}
	if (unlikely(to != TO_US))
		count_cast(st, rx);
	if (unlikely(is_fragment(rx)))
		ip_on_fragment(st, rx);
	else
		ip_local_in(st, rx);
}

/* Source routes are refused without a word, unless net.ipv4.conf.all.accept_source_route says otherwise. */
static bool options_accept(struct ho_stack *st, struct rx *rx, uint8_t *ip, int wrong, enum destination to)
{
	if (wrong >= 0) {
		icmp_send_error(st, rx, ICMP_PARAMETERPROB, 0, (uint32_t)wrong << 24);
		count_why(st, NULL, HO_IpInHdrErrors, 1, HO_WHY_BAD_OPTION, (uint32_t)wrong, 0);
		return false;
	}
	if (rx->options->srr == 0)
		return true;
	return st->ctl.accept_source_route && to == TO_US && options_route_ends(st, rx, ip, rx->options);
}

/* They are written into: the packet goes on with a header of our own. */
cold_path static void ip_on_options(struct ho_stack *st, struct rx *rx, enum destination to, const struct way_in *in)
{
	struct tx_frame *own = frame_own_head(st, rx->frame);
	uint8_t scratch[HEADERS_MAX];
	struct ip_options options;
	int wrong;

	if (own == NULL) {
		count_why(st, NULL, HO_IpInDiscards, 1, HO_WHY_NO_MEMORY, 0, 0);
		return;
	}
	wrong = options_obey(st, rx, own->head, &options);
	rx_replace(rx, &own->f, scratch);
	rx->options = &options;
	if (options_accept(st, rx, own->head, wrong, to)) {
		rx_replace(rx, &own->f, scratch);
		ip_receive(st, rx, to, in);
	}
	ho_frame_unref(&own->f);
}

hot_path void ip_on_packet(struct ho_stack *st, struct ho_frame *f, int link, bool cast)
{
	struct rx rx = {.frame = f, .loopback = link == FROM_LOOPBACK, .link = (uint8_t)link, .link_cast = cast};
	uint8_t scratch[HEADERS_MAX];
	const struct way_in *in;
	uint32_t have_bytes;
	enum destination to;

	count(st, NULL, HO_IpInReceives);
	count_add(st, NULL, HO_IpExtInOctets, (int32_t)f->len_bytes);
	rx.ip = headers_find(f, scratch, &have_bytes);
	if (unlikely(!header_take(st, &rx, have_bytes)))
		return;
	to = ip_destination(st, &rx, &in);
	if (unlikely(to == TO_MARS || to == TO_FILTER)) {
		if (to == TO_FILTER)
			count(st, NULL, HO_TcpExtIPReversePathFilter);
		return;
	}
	rx.broadcast = to == TO_BROADCAST;
	rx.multicast = to == TO_ALL_HOSTS;
	if (unlikely(rx.ip_bytes > IP_HDR_MIN))
		ip_on_options(st, &rx, to, in);
	else
		ip_receive(st, &rx, to, in);
}
