/* SPDX-License-Identifier: MIT
 * A TCP segment arrives: is it sound, and whose is it?
 *
 * Order of the questions is Linux's (6.18 net/ipv4/tcp_ipv4.c tcp_v4_rcv): count it, header length, checksum, then the
 * connection table (connection, half-open request, TIME-WAIT bucket), then the listeners, then nobody's. */
#include "tcp.h"
#include "timewait.h"

void tcp_options_of(struct tcp_rx *t)
{
	if (t->parsed)
		return;
	tcp_options_parse(t->th + 20, (size_t)t->header_bytes - 20, t->flags & TCP_SYN, &t->opt);
	t->parsed = true;
}

/* The header lies in one piece at rx->l4; the payload mostly in a slice of its own. */
static bool checksum_good(const struct rx *rx, uint32_t header_bytes)
{
	const struct ho_frame *f = rx->frame;
	uint32_t offset = rx->ip_bytes + header_bytes, payload_bytes = rx->l4_bytes - header_bytes, sum;

	if (rarely(f->csum != HO_CSUM_NONE) || unlikely(rx->loopback))
		return true;
	sum = csum_narrow(csum_wide_add(csum_pseudo_wide(rx->saddr, rx->daddr, IP_PROTO_TCP, rx->l4_bytes),
	                                csum_tcp_header(rx->l4, header_bytes)));
	if (mostly(payload_bytes)) {
		bool own_slice = mostly(f->slice_count == 2) && mostly(f->slice[0].len_bytes == offset) &&
		                 mostly(f->slice[1].len_bytes == payload_bytes);

		sum = csum_add(sum, mostly(own_slice) ? csum_payload(f->slice[1].data, payload_bytes)
		                                      : frame_sum(f, offset, payload_bytes));
	}
	return csum_fold(sum) == 0;
}

/* Gives  false when the segment is not one (counted). */
static bool segment_parse(struct ho_stack *st, struct rx *rx, struct tcp_rx *t)
{
	const uint8_t *h = rx->l4;
	uint32_t doff;

	count_add(st, NULL, HO_TcpInSegs, 1);
	if (unlikely(rx->l4_bytes < 20)) /* not there: no error to Linux */
		return false;
	doff = (uint32_t)(h[12] >> 4) * 4;
	if (unlikely(doff < 20)) {
		count(st, NULL, HO_TcpInErrs);
		return false;
	}
	if (unlikely(doff > rx->l4_bytes))
		return false;
	if (unlikely(!checksum_good(rx, doff))) {
		count(st, NULL, HO_TcpInCsumErrors);
		count(st, NULL, HO_TcpInErrs);
		return false;
	}
	t->rx = rx;
	t->th = h;
	t->sport = get16(h);
	t->dport = get16(h + 2);
	t->seq = seq_of(get32(h + 4));
	t->ack = seq_of(get32(h + 8));
	t->flags = h[13];
	t->window = get16(h + 14);
	t->urg = get16(h + 18);
	t->header_bytes = (uint8_t)doff;
	t->len_bytes = rx->l4_bytes - doff;
	t->payload_offset = rx->ip_bytes + doff;
	t->end_seq = seq_add(t->seq, t->len_bytes + !!(t->flags & TCP_SYN) + !!(t->flags & TCP_FIN));
	t->parsed = false;
	t->timewait_isn = seq_of(0);
	t->gso_size = rarely(rx->frame->gso == HO_GSO_TCPV4) ? rx->frame->gso_size : 0;
	t->gso_segs = rx->frame->gso_segs ? rx->frame->gso_segs : 1;
	return true;
}

/* ---- signatures (RFC 2385): nobody here has a key ---- */

#define OPT_MD5 19
#define MD5_BYTES 18

enum signature {
	SIGNATURE_NONE,
	SIGNATURE_MD5,
	SIGNATURE_BROKEN, /* options that do not add up: who knows what was signed */
};

/* Linux: tcp_do_parse_auth_options. */
static enum signature signature_of(const struct tcp_rx *t)
{
	const uint8_t *o = t->th + 20;
	uint32_t left = t->header_bytes - 20u;
	enum signature found = SIGNATURE_NONE;

	while (left >= MD5_BYTES && o[0] != 0) {
		uint32_t bytes = o[0] == 1 ? 1 : o[1];

		if (bytes == 0 || bytes > left || (o[0] != 1 && bytes < 2))
			return SIGNATURE_BROKEN;
		if (o[0] == OPT_MD5) {
			if (bytes != MD5_BYTES || found)
				return SIGNATURE_BROKEN;
			found = SIGNATURE_MD5;
		}
		o += bytes;
		left -= bytes;
	}
	return found;
}

/* Gives  true when a segment for sk is refused.  Linux: tcp_inbound_hash. */
static bool signature_refused(struct ho_stack *st, struct sock *sk, const struct tcp_rx *t)
{
	enum signature signature;

	if (likely(t->header_bytes < 20 + MD5_BYTES))
		return false;
	signature = signature_of(t);
	if (likely(signature == SIGNATURE_NONE))
		return false;
	if (signature == SIGNATURE_MD5)
		count(st, sk, HO_TcpExtTCPMD5Unexpected);
	sk->drops++;
	return true;
}

/* IP_MINTTL (RFC 5082): gives  true when it came from too far away. */
static bool from_too_far(struct ho_stack *st, struct sock *sk, uint8_t ttl)
{
	if (likely(ttl >= sk->min_ttl))
		return false;
	count(st, sk, HO_TcpExtTCPMinTTLDrop);
	sk->drops++;
	return true;
}

cold_path static void drop_without_memory(struct ho_stack *st, struct sock *sk, const struct tcp_rx *t)
{
	if (t->len_bytes)
		count_why(st, sk, HO_TcpExtTCPRcvQDrop, 1, HO_WHY_NO_MEMORY, 0, 0);
	sk->drops++;
}

own_way static hot_path void sock_on_segment(struct ho_stack *st, struct sock *sk, struct tcp_rx *t)
{
	if (unlikely(!sock_busy(st, sk))) {
		drop_without_memory(st, sk, t);
		return;
	}
	sk->segs_in += t->gso_segs;
	if (t->len_bytes)
		sk->data_segs_in += t->gso_segs;
	if (likely(sk->state == HO_ESTABLISHED)) {
		if (!tcp_fastpath_on_segment(st, sk, t))
			tcp_established_on_segment(st, sk, t);
		return;
	}
	switch (sk->state) {
	case HO_SYN_SENT:
		tcp_synsent_on_segment(st, sk, t);
		break;
	default:
		tcp_closing_on_segment(st, sk, t);
		break;
	}
}

cold_path static void nobody_on_segment(struct ho_stack *st, struct tcp_rx *t)
{
	if (t->header_bytes < 20 + MD5_BYTES || signature_of(t) == SIGNATURE_NONE)
		tcp_reset_reply(st, NULL, t);
}

own_way hot_path void tcp_on_packet(struct ho_stack *st, struct rx *rx)
{
	struct tcp_rx t;
	struct entry *e;
	struct sock *lsk;

	tcp_reap(st);
#ifdef HO_IDLE_AT_ONCE
	busy_give_idle(st);
#endif
	if (unlikely(rx->link_cast || (rx->loopback && (rx->broadcast || rx->multicast))))
		return; /* to everybody on the link, or our own copy of such a packet */
	if (unlikely(!segment_parse(st, rx, &t)))
		return;
	if (unlikely(st->trace != NULL)) {
		st->cause.from = (struct ho_endpoint){rx->saddr, t.sport};
		st->cause.to = (struct ho_endpoint){rx->daddr, t.dport};
	}
	e = conn_find(st, rx->daddr, t.dport, rx->saddr, t.sport);
	if (likely(e && e->kind == ENTRY_SOCK)) {
		if (!from_too_far(st, entry_sock(e), rx->ttl) && !signature_refused(st, entry_sock(e), &t))
			sock_on_segment(st, entry_sock(e), &t);
		return;
	}
	if (e && e->kind == ENTRY_REQUEST) {
		struct request *req = container_of(e, struct request, e);

		if (!signature_refused(st, tcp_request_listener(st, req), &t))
			tcp_request_on_segment(st, req, &t);
		return;
	}
	if (e) {
		tcp_timewait_on_segment(st, timewait_of(e), &t);
		return;
	}
	lsk = listener_find(st, rx->daddr, t.dport, rx->saddr, t.sport);
	if (lsk) {
		if (!from_too_far(st, lsk, rx->ttl) && !signature_refused(st, lsk, &t))
			tcp_listen_on_segment(st, lsk, &t);
	} else
		nobody_on_segment(st, &t);
}
