/* SPDX-License-Identifier: MIT
 * Memory and window of the receiver.
 *
 * Linux charges a socket not for payload but for the buffers that hold it (skb truesize), reserves that memory by pages,
 * and derives the window it offers from what is left.  Programs can see all of this (the window in every header,
 * TCPHPHits, TCPRcvCoalesce, SO_MEMINFO), so it is reproduced to the byte: rx_buffer_model() says which buffer Linux'
 * TUN driver would have allocated for a packet.
 *
 *   rmem_alloc   buffers in the receive queues
 *   fwd_alloc    reserved (whole pages) and not charged yet
 *   rcv_ssthresh the most that we dare to offer now; grows with well filled buffers up to window_clamp
 *   scaling_ratio payload per buffer byte, of 256
 *
 * Source: Linux 6.18 include/net/sock.h, net/ipv4/tcp_input.c (tcp_grow_window, tcp_measure_rcv_mss, tcp_rcv_space_adjust,
 * tcp_rcvbuf_grow), tcp_output.c (__tcp_select_window, tcp_select_window, tcp_select_initial_window), drivers/net/tun.c;
 * measured: skmem of `ss -m`. */
#include "tcp_cc.h"

/* ---- the buffer of a received packet ---- */

#define HEAD_ROOM 64u       /* NET_SKB_PAD */
#define SHARED_INFO 320u    /* struct skb_shared_info */
#define SKB_HEADER 256u     /* struct sk_buff */
#define SMALL_HEAD 576u     /* the small-head cache's objects */

static uint32_t kmalloc_size(uint32_t n)
{
	uint32_t size = 1024;

	while (size < n)
		size *= 2;
	return size;
}

/* Pages of a large packet: chunks of at most 32 KiB. */
static uint32_t page_chunks(uint32_t bytes, uint32_t *total)
{
	uint32_t count = 0;

	*total = 0;
	while (bytes) {
		uint32_t chunk = 8 * PAGE_BYTES, aligned = (bytes + PAGE_BYTES - 1) & ~(uint32_t)(PAGE_BYTES - 1);

		while (chunk > PAGE_BYTES && aligned < chunk)
			chunk /= 2;
		*total += chunk;
		bytes -= min_u32(bytes, chunk);
		count++;
	}
	return count;
}

/* Takes  packet_bytes: the whole IPv4 packet; header_bytes of it go into the head of a large one, 0: whoever put it on
 *        the link did not say where its headers end.
 * Gives  *room: of a linear buffer the bytes that still fit behind the packet; else the pages it has. */
void rx_buffer_model(uint32_t packet_bytes, uint32_t header_bytes, uint32_t *truesize, uint32_t *room, bool *linear)
{
	uint32_t head = HEAD_ROOM + packet_bytes, end, object;

	if (rarely(head >= PAGE_BYTES)) {
		uint32_t pages;

		if (header_bytes == 0) { /* a page is filled, payload in it: that never merges */
			page_chunks(head - (PAGE_BYTES - SHARED_INFO), &pages);
			*linear = true;
			*room = 0;
			*truesize = PAGE_BYTES + SKB_HEADER + pages;
			return;
		}
		*linear = false;
		*room = page_chunks(packet_bytes - header_bytes, &pages);
		*truesize = SKB_SMALL_TRUESIZE + pages;
		return;
	}
	object = ((head + 63) & ~63u) + SHARED_INFO;
	end = mostly(object <= SMALL_HEAD) ? SMALL_HEAD - SHARED_INFO : kmalloc_size(object) - SHARED_INFO;
	*linear = true;
	*room = end - head;
	*truesize = end + SHARED_INFO + SKB_HEADER;
}

hot_path void tcp_rx_buffer(const struct tcp_rx *t, uint32_t *truesize, uint32_t *room, bool *linear)
{
	uint32_t header_bytes = mostly(t->rx->frame->hdr_len) ? t->payload_offset : 0;

	rx_buffer_model(t->rx->ip_bytes + t->rx->l4_bytes, header_bytes, truesize, room, linear);
}

/* The buffer that Linux copies bytes of a receive queue into: room is all that it holds. */
void rx_copy_model(uint32_t bytes, uint32_t *truesize, uint32_t *room)
{
	uint32_t object = ((bytes + 63) & ~63u) + SHARED_INFO;

	*room = (object <= SMALL_HEAD ? SMALL_HEAD : kmalloc_size(object)) - SHARED_INFO;
	*truesize = *room + SHARED_INFO + SKB_HEADER;
}

/* ---- window ---- */

uint32_t tcp_win_from_space(const struct sock *sk, int32_t space)
{
	if (unlikely(space <= 0))
		return 0;
	return (uint32_t)(((uint64_t)space * sk->scaling_ratio) >> 8);
}

static uint32_t space_from_win(const struct sock *sk, uint64_t win)
{
	uint64_t space = (win << 8) / sk->scaling_ratio;

	return space > 0x7fffffff ? 0x7fffffffu : (uint32_t)space;
}

int32_t tcp_space(const struct sock *sk)
{
	return (int32_t)tcp_win_from_space(sk, sk->rcvbuf - sk->rmem_alloc);
}

int32_t tcp_full_space(const struct sock *sk)
{
	return (int32_t)tcp_win_from_space(sk, sk->rcvbuf);
}

static uint32_t log2_floor(uint32_t n)
{
	return n ? 31u - (uint32_t)__builtin_clz(n) : 0;
}

/* The window of a SYN or SYN+ACK, its clamp and scale.  *window_clamp 0: none. */
void tcp_initial_window(struct ho_stack *st, int32_t space_in, uint32_t mss, bool wscale_ok, uint32_t *rcv_wnd,
                        uint32_t *window_clamp, uint8_t *rcv_wscale)
{
	uint32_t space = space_in < 0 ? 0 : (uint32_t)space_in;

	if (!*window_clamp)
		*window_clamp = 65535u << TCP_MAX_WSCALE;
	space = min_u32(*window_clamp, space);
	if (space > mss)
		space -= space % mss;
	*rcv_wnd = space;
	*rcv_wscale = 0;
	if (wscale_ok) {
		uint32_t most = max_u32(space, st->ctl.tcp_rmem[2]);
		int shift;

		most = max_u32(most, st->ctl.rmem_max);
		most = min_u32(most, *window_clamp);
		shift = (int)log2_floor(most) - 15;
		*rcv_wscale = (uint8_t)(shift < 0 ? 0 : shift > (int)TCP_MAX_WSCALE ? (int)TCP_MAX_WSCALE : shift);
	}
	*window_clamp = min_u32(65535u << *rcv_wscale, *window_clamp);
}

/* The clamp of what a listener accepts: a buffer that its program has set is the limit (tcp_openreq_init_rwin). */
uint32_t tcp_listen_window_clamp(const struct sock *lsk)
{
	uint32_t full = (uint32_t)tcp_full_space(lsk), clamp = lsk->window_clamp;

	return lsk->rcvbuf_locked && (clamp > full || clamp == 0) ? full : clamp;
}

hot_path uint32_t tcp_window_select_raw(const struct ho_stack *st, struct sock *sk)
{
	int32_t mss = (int32_t)sk->ack.rcv_mss;
	int32_t space = tcp_space(sk), allowed = tcp_full_space(sk);
	int32_t full = min_i32((int32_t)sk->window_clamp, allowed);
	uint32_t window, unit = 1u << sk->rcv_wscale;

	if (unlikely(mss > full)) {
		mss = full;
		if (mss <= 0)
			return 0;
	}
	if (space < full >> 1) {
		sk->ack.quick = 0;
		tcp_ssthresh_limit(st, sk);
		space = (int32_t)((uint32_t)space & ~(unit - 1));
		if (space < allowed >> 4 || space < mss)
			return 0;
	}
	space = min_i32(space, (int32_t)sk->rcv_ssthresh);
	if (mostly(sk->rcv_wscale))
		return ((uint32_t)space + unit - 1) & ~(unit - 1);
	window = sk->rcv_wnd;
	if ((int32_t)window <= space - mss || (int32_t)window > space)
		window = (uint32_t)(space - space % mss);
	else if (mss == full && space > (int32_t)window + (full >> 1))
		window = (uint32_t)space;
	return window;
}

hot_path uint16_t tcp_window_select(struct ho_stack *st, struct sock *sk)
{
	uint32_t old = sk->rcv_wnd, current = tcp_receive_window(sk), unit = 1u << sk->rcv_wscale;
	uint32_t fresh;

	if (unlikely(sk->ack.pending & ACK_NO_MEMORY)) {
		sk->pred_flags = 0;
		sk->rcv_wnd = 0;
		sk->rcv_wup = sk->rcv_nxt;
		return 0;
	}
	fresh = tcp_window_select_raw(st, sk);
	if (fresh < current) {
		/* what was offered stays offered */
		if (unlikely(!fresh))
			count(st, sk, HO_TcpExtTCPWantZeroWindowAdv);
		fresh = (current + unit - 1) & ~(unit - 1);
	}
	sk->rcv_wnd = fresh;
	sk->rcv_wup = sk->rcv_nxt;
	fresh = sk->rcv_wscale ? min_u32(fresh, 65535u << sk->rcv_wscale) : min_u32(fresh, 65535);
	fresh >>= sk->rcv_wscale;
	if (unlikely(!fresh)) {
		sk->pred_flags = 0;
		if (old)
			count(st, sk, HO_TcpExtTCPToZeroWindowAdv);
	} else if (unlikely(!old)) {
		count(st, sk, HO_TcpExtTCPFromZeroWindowAdv);
	}
	return (uint16_t)fresh;
}

static uint32_t growth_for_poor_buffer(const struct sock *sk, uint32_t len_bytes, uint32_t truesize)
{
	uint32_t t = tcp_win_from_space(sk, (int32_t)truesize) >> 1;
	uint32_t window = tcp_win_from_space(sk, 33554432) >> 1;

	while (sk->rcv_ssthresh <= window) {
		if (t <= len_bytes)
			return 2 * sk->ack.rcv_mss;
		t >>= 1;
		window >>= 1;
	}
	return 0;
}

/* The window may grow if data fill the buffers well, and there is memory to be had. */
void tcp_window_grow(const struct ho_stack *st, struct sock *sk, const struct tcp_rx *t, uint32_t truesize)
{
	int32_t left = min_i32((int32_t)sk->window_clamp, tcp_space(sk)) - (int32_t)sk->rcv_ssthresh;
	uint32_t incr;

	if (left <= 0)
		return;
	if (unlikely(st->tcp_mem.pressure)) {
		tcp_ssthresh_limit(st, sk);
		return;
	}
	if (tcp_win_from_space(sk, (int32_t)truesize) <= t->len_bytes)
		incr = 2 * sk->advmss;
	else
		incr = growth_for_poor_buffer(sk, t->len_bytes, truesize);
	if (!incr)
		return;
	incr = max_u32(incr, 2 * t->len_bytes);
	sk->rcv_ssthresh += min_u32((uint32_t)left, incr);
	sk->ack.quick |= 1;
}

void tcp_window_clamp_set(struct sock *sk, uint32_t clamp)
{
	uint32_t old = sk->window_clamp;
	uint32_t fresh = max_u32(1152, clamp); /* SOCK_MIN_RCVBUF / 2 */

	if (fresh == old)
		return;
	sk->window_clamp = fresh;
	if (fresh < old)
		sk->rcv_ssthresh = min_u32(sk->rcv_ssthresh, fresh);
	else
		sk->rcv_ssthresh = max_u32(min_u32(sk->rcv_wnd, fresh), sk->rcv_ssthresh);
}

/* ---- what size are the peer's full segments ---- */

static void full_segment_size(struct sock *sk, const struct tcp_rx *t, uint32_t len, uint32_t truesize)
{
	if (unlikely(len != sk->ack.rcv_mss)) {
		uint64_t ratio = ((uint64_t)t->len_bytes << 8) / truesize;
		uint32_t old = sk->scaling_ratio;

		sk->scaling_ratio = ratio ? (uint8_t)(ratio > 255 ? 255 : ratio) : 1;
		if (old != sk->scaling_ratio) {
			uint32_t full = tcp_win_from_space(sk, sk->rcvbuf);

			tcp_window_clamp_set(sk, full);
			if (sk->window_clamp < sk->rcvq.space)
				sk->rcvq.space = sk->window_clamp;
		}
	}
	sk->ack.rcv_mss = (uint16_t)min_u32(len, sk->advmss);
	if (t->flags & TCP_PSH)
		sk->ack.pending |= ACK_PUSHED;
}

void tcp_rcv_mss_measure(struct sock *sk, const struct tcp_rx *t, uint32_t truesize)
{
	uint32_t last = sk->ack.last_seg_size;
	uint32_t len = t->gso_size ? t->gso_size : t->len_bytes;

	sk->ack.last_seg_size = 0;
	if (rarely(len >= sk->ack.rcv_mss)) {
		full_segment_size(sk, t, len, truesize);
		return;
	}
	len += t->header_bytes;
	if (rarely(len >= TCP_MSS_DEFAULT + 20) ||
	    (rarely(len >= TCP_MIN_MSS + 20) && !(t->flags & (TCP_FIN | TCP_URG | TCP_SYN | TCP_PSH)))) {
		len -= sk->tcp_header_bytes;
		sk->ack.last_seg_size = (uint16_t)len;
		if (len == last) {
			sk->ack.rcv_mss = (uint16_t)len;
			return;
		}
	}
	if (sk->ack.pending & ACK_PUSHED)
		sk->ack.pending |= ACK_PUSHED2;
	sk->ack.pending |= ACK_PUSHED;
}

void tcp_rcv_mss_init(struct sock *sk)
{
	uint32_t hint = min_u32(sk->advmss, sk->mss_cache);

	hint = min_u32(hint, sk->rcv_wnd / 2);
	hint = min_u32(hint, TCP_MSS_DEFAULT);
	sk->ack.rcv_mss = (uint16_t)max_u32(hint, TCP_MIN_MSS);
}

/* ---- buffers at the start of a connection ---- */

void tcp_sndbuf_expand(struct ho_stack *st, struct sock *sk)
{
	uint32_t per_mss = max_u32(sk->mss_clamp, sk->mss_cache) + 256 + SHARED_INFO;
	uint32_t segs, bytes;

	per_mss = (2u << log2_floor(per_mss - 1)) + SKB_HEADER;
	segs = max_u32(max_u32(TCP_INIT_CWND, sk->snd_cwnd), sk->reordering + 1);
	bytes = (sk->cc->sndbuf_windows ? sk->cc->sndbuf_windows : 2) * segs * per_mss;
	if (sk->sndbuf < (int32_t)bytes)
		sk->sndbuf = (int32_t)min_u32(bytes, st->ctl.tcp_wmem[2]);
}

void tcp_buffers_init(struct ho_stack *st, struct sock *sk)
{
	uint32_t full;

	if (!sk->sndbuf_locked)
		tcp_sndbuf_expand(st, sk);
	sk->rcvq.stamp_us = (uint32_t)st->now_us;
	sk->rcvq.seq = sk->copied_seq;
	full = (uint32_t)tcp_full_space(sk);
	if (sk->window_clamp >= full) {
		sk->window_clamp = full;
		if (st->ctl.tcp_app_win && full > 4 * sk->advmss)
			sk->window_clamp = max_u32(full - (uint32_t)((uint64_t)full >> st->ctl.tcp_app_win), 4 * sk->advmss);
	}
	if (st->ctl.tcp_app_win && sk->window_clamp > 2 * sk->advmss && sk->window_clamp + sk->advmss > full)
		sk->window_clamp = max_u32(2 * sk->advmss, full - sk->advmss);
	sk->rcv_ssthresh = min_u32(sk->rcv_ssthresh, sk->window_clamp);
	sk->snd_cwnd_stamp_ms = (uint32_t)st->now_ms;
	sk->rcvq.space = min_u32(min_u32(sk->rcv_ssthresh, sk->rcv_wnd), TCP_INIT_CWND * sk->advmss);
}

/* ---- autotuning: give the reader's pace a buffer (Dynamic Right-Sizing) ---- */

static void rcv_rtt_update(struct sock *sk, uint32_t sample_us, bool by_window)
{
	uint32_t old = sk->rcv_rtt.rtt_us;
	int64_t m = (int64_t)sample_us << 3;

	if (!old || m < old)
		sk->rcv_rtt.rtt_us = (uint32_t)m;
	else if (!by_window && seq_eq(sk->rcv_nxt, sk->copied_seq)) /* a slow reader makes it no longer */
		sk->rcv_rtt.rtt_us = (uint32_t)((int64_t)old + (((int64_t)sample_us) - (old >> 3)));
}

/* Without timestamps: the time in which one window arrives. */
void tcp_rcv_rtt_measure(struct ho_stack *st, struct sock *sk)
{
	if (mostly(sk->rcv_rtt.stamp_us)) {
		uint32_t delta;

		if (mostly(seq_lt(sk->rcv_nxt, sk->rcv_rtt.seq)))
			return;
		delta = (uint32_t)st->now_us - sk->rcv_rtt.stamp_us;
		rcv_rtt_update(sk, delta ? min_u32(delta, 0xfffffff) : 1, true);
	}
	sk->rcv_rtt.seq = seq_add(sk->rcv_nxt, sk->rcv_wnd);
	sk->rcv_rtt.stamp_us = (uint32_t)st->now_us ? (uint32_t)st->now_us : 1;
}

void tcp_rcv_rtt_measure_ts(struct ho_stack *st, struct sock *sk, const struct tcp_rx *t)
{
	int32_t ms;

	if (!sk->busy->saw_ts || mostly(sk->busy->rcv_tsecr == sk->rcv_rtt.tsecr))
		return;
	sk->rcv_rtt.tsecr = sk->busy->rcv_tsecr;
	if (t->len_bytes < sk->ack.rcv_mss)
		return;
	ms = (int32_t)((uint32_t)st->now_ms - sk->busy->rcv_tsecr);
	if (unlikely(ms > 0 && ms < 3600000))
		rcv_rtt_update(sk, (uint32_t)ms * 1000, false);
}

/* copied: what the program took in the last round trip.  Twice as much is on its way already, and if it was more than in the
 * round trip before, the peer goes on from there at the same rate. */
void tcp_rcvbuf_grow(struct ho_stack *st, struct sock *sk, uint32_t copied)
{
	uint64_t window = (uint64_t)copied << 1;
	uint32_t before = sk->rcvq.space, rcvbuf;

	sk->rcvq.space = copied;
	if (!st->ctl.tcp_moderate_rcvbuf || sk->rcvbuf_locked)
		return;
	if (before)
		window += window * (copied - before) / before << 1;
	if (sk->busy->ofo_tail)
		window += seq_sub(sk->busy->ofo_tail->end_seq, sk->rcv_nxt);
	rcvbuf = min_u32(space_from_win(sk, window), st->ctl.tcp_rmem[2]);
	if ((int32_t)rcvbuf > sk->rcvbuf) {
		sk->rcvbuf = (int32_t)rcvbuf;
		sk->window_clamp = tcp_win_from_space(sk, sk->rcvbuf); /* and rcv_ssthresh stays */
	}
}

/* SO_RCVLOWAT: the buffer must hold what the program waits for.  Linux: tcp_set_rcvlowat. */
void tcp_rcvlowat_set(struct ho_stack *st, struct sock *sk, int32_t bytes)
{
	int32_t cap = sk->rcvbuf_locked ? sk->rcvbuf >> 1 : (int32_t)(st->ctl.tcp_rmem[2] >> 1);
	uint32_t space;

	bytes = min_i32(bytes, cap);
	sk->rcvlowat = bytes ? bytes : 1;
	sock_wake(st, sk);
	if (sk->rcvbuf_locked)
		return;
	space = space_from_win(sk, (uint32_t)bytes);
	if ((int32_t)space > sk->rcvbuf) {
		sk->rcvbuf = (int32_t)space;
		if (sk->window_clamp && (uint32_t)bytes > sk->window_clamp)
			sk->window_clamp = (uint32_t)bytes;
	}
}

/* After each read: did the program take more in one round trip than ever before? */
void tcp_rcv_space_adjust(struct ho_stack *st, struct sock *sk)
{
	uint32_t time = (uint32_t)st->now_us - sk->rcvq.stamp_us;
	int32_t copied;

	if (mostly(!sk->rcv_rtt.rtt_us) || time < sk->rcv_rtt.rtt_us >> 3)
		return;
	copied = (int32_t)seq_sub(sk->copied_seq, sk->rcvq.seq) - (int32_t)seq_sub(sk->rcv_nxt, sk->copied_seq);
	if (copied > (int32_t)sk->rcvq.space)
		tcp_rcvbuf_grow(st, sk, (uint32_t)copied);
	sk->rcvq.seq = sk->copied_seq;
	sk->rcvq.stamp_us = (uint32_t)st->now_us;
}

/* The program has read: is it time to tell the peer?  Linux: __tcp_cleanup_rbuf. */
hot_path void tcp_cleanup_rbuf(struct ho_stack *st, struct sock *sk, uint32_t copied)
{
	bool now = false;

	if (sk->ack.pending & ACK_SCHED) {
		bool pushed = (sk->ack.pending & ACK_PUSHED2) ||
		              ((sk->ack.pending & ACK_PUSHED) && !tcp_in_pingpong(st, sk));

		if (rarely(seq_sub(sk->rcv_nxt, sk->rcv_wup) > sk->ack.rcv_mss) || (copied && pushed && !sk->rmem_alloc))
			now = true;
	}
	if (mostly(copied && !now) && likely(!(sk->shutdown & SHUT_RCV))) {
		uint32_t offered = tcp_receive_window(sk);

		if (unlikely(2 * (uint64_t)offered <= sk->window_clamp)) {
			uint32_t fresh = tcp_window_select_raw(st, sk);

			now = fresh && fresh >= 2 * offered;
		}
	}
	if (rarely(now))
		tcp_send_ack(st, sk);
}
