/* SPDX-License-Identifier: MIT
 * A segment becomes a frame: header, options, payload by reference, checksum.
 * A segment of many packets leaves as one super-frame; ip_out.c cuts it when the link cannot. Options are laid out as
 * Linux lays them out (tcp_output.c tcp_options_write), because peers' header prediction looks for exactly that. */
#include "tcp.h"

#define IPV4_MIN_MTU 68u /* nobody cuts smaller ones */

struct opts {
	uint8_t *at;
};

static void put_ts(struct opts *o, uint32_t val, uint32_t ecr)
{
	put32(o->at, val);
	put32(o->at + 4, ecr);
	o->at += 8;
}

static void put_syn_options(struct opts *o, uint16_t mss, bool ts, uint32_t ts_val, uint32_t ts_ecr, bool sack_ok,
                            uint8_t wscale)
{
	put32(o->at, 0x02040000u | mss);
	o->at += 4;
	if (ts) {
		put32(o->at, (sack_ok ? 0x04020000u : 0x01010000u) | 0x080au);
		o->at += 4;
		put_ts(o, ts_val, ts_ecr);
	} else if (sack_ok) {
		put32(o->at, 0x01010402u);
		o->at += 4;
	}
	if (wscale != 255) {
		put32(o->at, 0x01030300u | wscale);
		o->at += 4;
	}
}

/* Linux: tcp_options_write pads it behind, not before. */
static void put_fastopen(struct opts *o, const struct fastopen_cookie *c)
{
	uint8_t bytes = (uint8_t)c->len_bytes, *at = o->at;

	if (c->len_bytes < 0)
		return;
	if (c->exp) {
		put32(at, (uint32_t)TCP_OPT_EXP << 24 | (4u + bytes) << 16 | TCP_EXP_FASTOPEN);
		at += 4;
	} else {
		*at++ = TCP_OPT_FASTOPEN;
		*at++ = (uint8_t)(2 + bytes);
	}
	memcpy(at, c->val, bytes);
	for (at += bytes; (at - o->at) % 4;)
		*at++ = 1;
	o->at = at;
}

/* SACK blocks that fit beside what else is in the header; the D-SACK comes first. */
static unsigned sack_blocks(const struct sock *sk)
{
	const struct busy *b = sk->busy;

	unsigned n = b->num_sacks + (b->dsack_pending ? 1u : 0u);
	unsigned room = (40 - (sk->tcp_header_bytes - 20) - 4) / 8;

	return n < room ? n : room;
}

uint32_t tcp_header_bytes_now(const struct sock *sk)
{
	unsigned n = sack_blocks(sk);

	return sk->tcp_header_bytes + (n ? 4 + n * 8 : 0);
}

hot_path static void put_sack(struct opts *o, struct sock *sk)
{
	struct busy *b = sk->busy;

	unsigned n = sack_blocks(sk), i = 0;

	if (mostly(!n))
		return;
	put32(o->at, 0x01010500u | (2 + n * 8));
	o->at += 4;
	if (b->dsack_pending) {
		put32(o->at, b->dsack[0].n);
		put32(o->at + 4, b->dsack[1].n);
		o->at += 8;
		n--;
		b->dsack_pending = false;
	}
	for (; i < n; i++) {
		put32(o->at, b->sack[i][0].n);
		put32(o->at + 4, b->sack[i][1].n);
		o->at += 8;
	}
}

static void put_header(uint8_t *h, uint16_t sport, uint16_t dport, seq_t seq, uint32_t ack, uint32_t header_bytes,
                       uint8_t flags, uint16_t window)
{
	put16(h, sport);
	put16(h + 2, dport);
	put32(h + 4, seq.n);
	put32(h + 8, ack);
	h[12] = (uint8_t)(header_bytes / 4 << 4);
	h[13] = flags;
	put16(h + 14, window);
	put32(h + 16, 0);
}

/* RFC 9293 3.8.5; a mark more than 65535 bytes away is told to be as far as can be said. */
cold_path static void put_urgent(const struct sock *sk, uint8_t *h, seq_t seq)
{
	if (!seq_lt(seq, sk->busy->snd_up))
		return;
	if (seq_lt(sk->busy->snd_up, seq_add(seq, 0x10000)))
		put16(h + 18, (uint16_t)seq_sub(sk->busy->snd_up, seq));
	else if (seq_gt(seq_add(seq, 0xffff), sk->snd_nxt))
		put16(h + 18, 0xffff);
	else
		return;
	h[13] |= TCP_URG;
}

/* Fills the checksum field, or prepares it for whoever will. */
hot_path static void finish_checksum(struct ho_stack *st, struct tx_frame *f, uint32_t saddr, uint32_t daddr)
{
	uint8_t *h = f->head + 20;
	uint32_t l4 = f->f.len_bytes - 20;
	uint64_t pseudo = csum_pseudo_wide(saddr, daddr, IP_PROTO_TCP, l4);
	uint32_t sum;
	uint16_t v;
	bool odd = false;

	f->f.csum_start = 20;
	f->f.csum_offset = 16;
	if (rarely(st->link[0].flags & (HO_LINK_TX_CSUM | HO_LINK_TSO)) || rarely(f->f.gso != HO_GSO_NONE)) {
		f->f.csum = HO_CSUM_PARTIAL;
		v = csum_fold_plain(csum_narrow(pseudo));
		memcpy(h + 16, &v, 2);
		return;
	}
	f->f.csum = HO_CSUM_NONE;
	sum = csum_narrow(csum_wide_add(pseudo, csum_tcp_header(h, f->f.hdr_len - 20u)));
	for (int i = 1; i < f->f.slice_count; i++) {
		uint32_t s = csum_payload(f->f.slice[i].data, f->f.slice[i].len_bytes);

		sum = rarely(odd) ? csum_add_odd(sum, s) : csum_add(sum, s);
		odd ^= f->f.slice[i].len_bytes & 1;
	}
	v = csum_fold(sum);
	memcpy(h + 16, &v, 2);
}

static void frame_head(struct tx_frame *f, uint32_t tcp_header_bytes)
{
	f->f.hdr_len = (uint16_t)(20 + tcp_header_bytes);
	f->f.slice[0] = (struct ho_slice){f->head, f->f.hdr_len};
	f->f.slice_count = 1;
	f->f.len_bytes = f->f.hdr_len;
}

static void frame_payload(struct tx_frame *f, const struct seg *g)
{
	for (int i = 0; i < g->frag_count; i++) {
		const struct frag *fr = &g->frag[i];

		f->block[f->blocks++] = block_ref(fr->block);
		f->f.slice[f->f.slice_count++] = (struct ho_slice){fr->block->data + fr->offset, fr->len_bytes};
	}
	f->f.len_bytes += g->len_bytes;
}

hot_path static int to_ip(struct ho_stack *st, struct sock *sk, struct tx_frame *f, const struct seg *g)
{
	uint16_t segs = g ? g->pcount : 1;
	struct ip_tx t = {.saddr = sk->e.laddr, .daddr = sk->e.raddr, .protocol = IP_PROTO_TCP, .tos = sk->tos,
	                  .ttl = sk->ttl, .id = sk->ip_id};

	tcp_route_look(st, sk);
	t.df = ip_dont_fragment(sk->pmtudisc, sk->busy->route.locked);
	t.mtu = sk->route_mtu;
	sk->ip_id = (uint16_t)(sk->ip_id + segs);
	if (likely(!(f->head[33] & TCP_SYN)))
		f->head[33] |= tcp_ecn_send(sk, g, &t.tos);
	finish_checksum(st, f, t.saddr, t.daddr);
	return ip_output(st, sk, f, &t);
}

/* ---- what follows from having sent (Linux: tcp_event_ack_sent, tcp_event_data_sent) ---- */

hot_path static void ack_sent(struct ho_stack *st, struct sock *sk)
{
	struct busy *b = sk->busy;

	if (unlikely(b->ack.compressed || timer_armed(&b->compress_timer))) {
		if (b->ack.compressed)
			count_why(st, sk, HO_TcpExtTCPAckCompressed, b->ack.compressed, HO_WHY_ROW, 0, 0);
		b->ack.compressed = 0;
		wheel_cancel(&st->fine, &b->compress_timer);
	}
	if (rarely(sk->ack.quick)) {
		uint32_t n = sk->ack.pending & ACK_SCHED ? 1 : 0;

		if (n >= sk->ack.quick) {
			sk->ack.quick = 0;
			sk->ack.ato_ms = TCP_ATO_MIN_MS;
		} else {
			sk->ack.quick = (uint8_t)(sk->ack.quick - n);
		}
	}
	sk->ack.pending = 0;
	if (timer_armed(&b->delack_timer))
		wheel_cancel(&st->wheel, &b->delack_timer);
}

static void data_sent(struct ho_stack *st, struct sock *sk)
{
	if (mostly(tcp_in_flight(sk) == 0))
		tcp_cc_tx_start(st, sk);
	sk->lsndtime_ms = (uint32_t)st->now_ms;
	if ((uint32_t)st->now_ms - sk->ack.lrcvtime_ms < sk->ack.ato_ms && sk->ack.pingpong < 255)
		sk->ack.pingpong++;
}

/* Of a SYN; and of the SYN+ACK when both ends open at once: it offers all of it again, whatever the peer's SYN had. */
static void syn_options(struct ho_stack *st, struct sock *sk, struct opts *o)
{
	uint8_t wscale = st->ctl.tcp_window_scaling ? (uint8_t)sk->rcv_wscale : 255;

	sk->advmss = (uint16_t)min_u32(sk->advmss, ip_advmss(st, sk->e.raddr)); /* a router may have answered the first SYN */
	put_syn_options(o, (uint16_t)sk->advmss, st->ctl.tcp_timestamps, (uint32_t)st->now_ms + sk->ts_offset,
	                sk->ts_recent, st->ctl.tcp_sack, wscale);
	if (st->fo.syn_cookie)
		put_fastopen(o, st->fo.syn_cookie);
}

/* Anything leaves now, or, of a paced connection, at its time.  Gives  what that was. */
static uint64_t departure_move(const struct ho_stack *st, struct sock *sk)
{
	uint64_t prior_ns = sk->busy->wstamp_ns;

	if (mostly(sk->busy->wstamp_ns < st->now))
		sk->busy->wstamp_ns = st->now;
	return prior_ns;
}

hot_path int tcp_transmit(struct ho_stack *st, struct sock *sk, struct seg *g)
{
	struct busy *b = sk->busy;
	struct tx_frame *f = frame_take(st);
	bool syn = g->flags & TCP_SYN;
	uint8_t flags = g->flags;
	uint64_t prior_ns;
	struct opts o;
	uint32_t header;
	uint16_t window;
	struct sending prior;
	int err;

	if (unlikely(!f))
		return -ENOBUFS;
	o.at = f->head + 40;
	if (unlikely(syn)) {
		syn_options(st, sk, &o);
		window = (uint16_t)min_u32(sk->rcv_wnd, 65535);
	} else {
		if (likely(sk->ts_ok)) {
			put32(o.at, 0x0101080au);
			o.at += 4;
			put_ts(&o, (uint32_t)st->now_ms + sk->ts_offset, sk->ts_recent);
		}
		put_sack(&o, sk);
		window = tcp_window_select(st, sk);
	}
	if (rarely(g->pcount > 1))
		flags |= TCP_PSH; /* lets the receiver's GRO hand a super-frame on at once; the segment does not keep it */
	header = (uint32_t)(o.at - (f->head + 20));
	put_header(f->head + 20, sk->e.lport, sk->e.rport, g->seq, flags & TCP_ACK ? sk->rcv_nxt.n : 0, header, flags,
	           window);
	if (unlikely(tcp_urg_mode(sk)))
		put_urgent(sk, f->head + 20, g->seq);
	frame_head(f, header);
	frame_payload(f, g);
	if (rarely(g->gso_size)) {
		f->f.gso = HO_GSO_TCPV4;
		f->f.gso_size = g->gso_size;
		f->f.gso_segs = g->pcount;
	}
	if (likely(g->flags & TCP_ACK))
		ack_sent(st, sk);
	if (likely(g->len_bytes)) {
		data_sent(st, sk);
		sk->data_segs_out += g->pcount;
		sk->bytes_sent += g->len_bytes;
	}
	sk->segs_out += g->pcount;
	prior_ns = departure_move(st, sk);
	prior = tcp_sending_of(g);
	st->cause.frame_out = f->f.id;
	if (mostly(seq_gt(g->end_seq, sk->snd_nxt)) || seq_eq(g->seq, g->end_seq))
		count_add(st, sk, HO_TcpOutSegs, g->pcount);
	g->sent_us = unlikely(sk->paced) ? b->wstamp_ns / HO_US : st->now_us;
	g->sent_no = ++b->sent_no;
	f->sk = sk;
	f->sk_bytes = rarely(st->link[0].flags & HO_LINK_ORPHANS) ? 0 : g->truesize;
	err = to_ip(st, sk, f, g);
	st->cause.frame_out = 0;
	if (unlikely(err)) {
		if (prior.no) { /* it keeps its place in sent_order */
			g->sent_us = prior.us;
			g->sent_no = prior.no;
		}
		return err;
	}
	if (unlikely(sk->paced))
		tcp_pace_sent(sk, g, prior_ns);
	tcp_rate_sent(sk, g);
	rtx_sent_forget(sk, g);
	list_add_tail(&b->sent_order, &g->sent);
	return 0;
}

int tcp_transmit_bare(struct ho_stack *st, struct sock *sk, uint8_t flags, seq_t seq)
{
	struct tx_frame *f = frame_take(st);
	struct opts o;
	uint32_t header;
	uint16_t window;
	int err;

	if (unlikely(!f))
		return -ENOMEM;
	o.at = f->head + 40;
	if (sk->ts_ok && sk->state != HO_SYN_SENT) {
		put32(o.at, 0x0101080au);
		o.at += 4;
		put_ts(&o, (uint32_t)st->now_ms + sk->ts_offset, sk->ts_recent);
	}
	put_sack(&o, sk);
	window = tcp_window_select(st, sk);
	header = (uint32_t)(o.at - (f->head + 20));
	put_header(f->head + 20, sk->e.lport, sk->e.rport, seq, flags & TCP_ACK ? sk->rcv_nxt.n : 0, header, flags, window);
	if (unlikely(tcp_urg_mode(sk)))
		put_urgent(sk, f->head + 20, seq);
	frame_head(f, header);
	if (flags & TCP_ACK)
		ack_sent(st, sk);
	sk->segs_out++;
	f->sk = sk;
	departure_move(st, sk);
	st->cause.frame_out = f->f.id;
	count_add(st, sk, HO_TcpOutSegs, 1);
	err = to_ip(st, sk, f, NULL);
	st->cause.frame_out = 0;
	return err;
}

int tcp_transmit_reply(struct ho_stack *st, struct sock *charge, const struct tcp_reply *r)
{
	struct tx_frame *f = frame_take(st);
	struct ip_tx t = {.saddr = r->saddr, .daddr = r->daddr, .protocol = IP_PROTO_TCP, .tos = r->tos, .df = true,
	                  .discards = !r->synack};
	const struct pmtu *path = r->synack ? pmtu_find(st, r->daddr) : NULL;
	struct opts o;
	uint32_t header;
	int err;

	if (unlikely(!f))
		return -ENOMEM;
	o.at = f->head + 40;
	if (r->synack) {
		put_syn_options(&o, r->mss, r->ts, r->ts_val, r->ts_ecr, r->sack_ok, r->wscale);
		if (unlikely(r->cookie))
			put_fastopen(&o, r->cookie);
	} else if (r->ts) {
		put32(o.at, 0x0101080au);
		o.at += 4;
		put_ts(&o, r->ts_val, r->ts_ecr);
	}
	header = (uint32_t)(o.at - (f->head + 20));
	put_header(f->head + 20, r->sport, r->dport, r->seq, r->ack.n, header, r->flags, r->window);
	frame_head(f, header);
	if (unlikely(r->synack && f->f.len_bytes > IPV4_MIN_MTU &&
	             !ip_dont_fragment(charge->pmtudisc, path && path->locked))) {
		t.df = false;
		t.id = (uint16_t)stack_random(st);
	}
	finish_checksum(st, f, t.saddr, t.daddr);
	st->cause.frame_out = f->f.id;
	count_add(st, charge, HO_TcpOutSegs, 1);
	err = ip_output(st, charge, f, &t);
	st->cause.frame_out = 0;
	return err;
}

/* ---- numbers that only we can know ---- */

/* RFC 7323 5.4: timestamps of a pair of hosts begin anywhere. */
uint32_t tcp_ts_offset(const struct ho_stack *st, uint32_t laddr, uint32_t raddr)
{
	return (uint32_t)siphash13_2u64(&st->key_ts, (uint64_t)laddr << 32 | raddr, 0);
}

/* RFC 6528: a 4 us clock (Linux: 64 ns) and a keyed hash of the 4-tuple. */
seq_t tcp_isn(const struct ho_stack *st, uint32_t laddr, uint32_t raddr, uint16_t lport, uint16_t rport)
{
	uint64_t tuple[2] = {(uint64_t)laddr << 32 | raddr, (uint64_t)lport << 16 | rport};

	return seq_of((uint32_t)siphash24(&st->key_isn, tuple, sizeof(tuple)) + (uint32_t)(st->now >> 6));
}
