/* SPDX-License-Identifier: MIT
 * What may leave now.
 *
 * tcp_write_xmit() sends from the write queue while the congestion window, the peer's window, Nagle, the deferral of
 * half-filled super-frames and the link's queue allow; each segment sent moves to the retransmission queue.
 * Source: Linux 6.18 net/ipv4/tcp_output.c tcp_write_xmit, tcp_tso_should_defer, tcp_mss_split_point, tcp_small_queue_check,
 * tcp_write_wakeup, tcp_send_probe0. */
#include "tcp_cc.h"

/* ---- sizes ---- */

/* Never more than half of what the peer can take; of a small window all.  Linux: tcp_bound_to_half_wnd. */
uint32_t tcp_half_window_bound(const struct sock *sk, uint32_t bytes)
{
	uint32_t most = sk->max_window > TCP_MSS_DEFAULT ? sk->max_window >> 1 : sk->max_window;

	return most && bytes > most ? max_u32(most, 68 - sk->tcp_header_bytes) : bytes;
}

uint32_t tcp_size_goal(struct ho_stack *st, struct sock *sk, uint32_t mss, bool may_be_large)
{
	uint32_t segs;

	(void)st;
	if (unlikely(!may_be_large))
		return mss;
	segs = tcp_half_window_bound(sk, TCP_GSO_MAX_BYTES) / mss;
	return max_u32(segs, 1) * mss;
}

/* Packets of the largest super-frame now (tcp_tso_autosize): a millisecond's worth, more on short paths. */
uint32_t tcp_tso_segs(const struct ho_stack *st, struct sock *sk, uint32_t mss)
{
	uint64_t bytes;
	uint32_t most = max_u32(TCP_GSO_MAX_BYTES / mss, 1); /* no super-frame is larger, whatever the least is */
	uint32_t shift = tcp_min_rtt_us(sk) >> 9;
	uint32_t least;

	if (mostly(shift == 0))
		return most;
	least = rarely(sk->cc->min_tso_segs != NULL) ? sk->cc->min_tso_segs(sk) : st->ctl.tcp_min_tso_segs;
	bytes = tcp_pacing_rate(sk) >> 10;
	if (shift < 32)
		bytes += TCP_GSO_MAX_BYTES >> shift;
	if (bytes > TCP_GSO_MAX_BYTES)
		bytes = TCP_GSO_MAX_BYTES;
	return min_u32(max_u32((uint32_t)bytes / mss, least), most);
}

/* ---- may it leave? ---- */

static uint32_t cwnd_quota(const struct sock *sk)
{
	uint32_t flight = tcp_in_flight(sk), half = max_u32(sk->snd_cwnd >> 1, 1);

	return rarely(flight >= sk->snd_cwnd) ? 0 : min_u32(half, sk->snd_cwnd - flight);
}

bool tcp_wnd_allows(const struct sock *sk, const struct seg *g, uint32_t mss)
{
	seq_t end = g->len_bytes > mss ? seq_add(g->seq, mss) : g->end_seq;

	return !seq_gt(end, tcp_wnd_end(sk));
}

/* Minshall's Nagle: wait only while an earlier small segment is unacknowledged. */
static bool nagle_holds(const struct sock *sk, bool partial, int nonagle)
{
	const struct busy *b = sk->busy;

	if (unlikely(!partial))
		return false;
	if (unlikely(nonagle & NAGLE_CORK))
		return true;
	return rarely(!nonagle) && rarely(sk->packets_out) && seq_gt(b->snd_sml, sk->snd_una) && !seq_gt(b->snd_sml, sk->snd_nxt);
}

static bool nagle_allows(const struct sock *sk, const struct seg *g, uint32_t mss, int nonagle)
{
	if (rarely(nonagle & NAGLE_PUSH) || unlikely(tcp_urg_mode(sk)) || (g->flags & TCP_FIN))
		return true;
	return !nagle_holds(sk, g->len_bytes < mss, nonagle);
}

static uint32_t split_point(const struct sock *sk, const struct seg *g, uint32_t mss, uint32_t max_segs, int nonagle)
{
	uint32_t window = seq_sub(tcp_wnd_end(sk), g->seq), most = mss * max_segs, needed, partial;

	if (unlikely(most <= window && g != sk->busy->wq_tail))
		return most;
	needed = min_u32(g->len_bytes, window);
	if (most <= needed)
		return most;
	partial = needed % mss;
	return nagle_holds(sk, partial != 0, nonagle) ? needed - partial : needed;
}

/* A super-frame that is not full may wait a moment for more ACKs. */
static bool tso_defer(struct ho_stack *st, const struct sock *sk, const struct seg *g, bool *cwnd_limited,
                      bool *rwnd_limited, uint32_t max_segs)
{
	uint32_t send_win = seq_sub(tcp_wnd_end(sk), g->seq);
	uint32_t cong_win = (sk->snd_cwnd - tcp_in_flight(sk)) * sk->mss_cache;
	uint32_t limit = min_u32(send_win, cong_win);
	const struct seg *head = sk->busy->rtx_head;
	int64_t ack_in_us;

	if (sk->ca_state >= CA_RECOVERY || (int64_t)(st->now - sk->busy->wstamp_ns) > (int64_t)HO_MS)
		return false;
	if (limit >= max_segs * sk->mss_cache)
		return false;
	if (g != sk->busy->wq_tail && limit >= g->len_bytes)
		return false;
	if (st->ctl.tcp_tso_win_divisor) {
		uint32_t chunk = min_u32(sk->snd_wnd, sk->snd_cwnd * sk->mss_cache) / st->ctl.tcp_tso_win_divisor;

		if (limit >= chunk)
			return false;
	} else if (limit > 3 * sk->mss_cache) {
		return false;
	}
	if (!head)
		return false;
	ack_in_us = (int64_t)(head->sent_us + (sk->srtt_us >> 3)) - (int64_t)st->now_us;
	if (ack_in_us > (int64_t)min_u32(sk->srtt_us >> 4, 1000)) /* too late to wait for */
		return false;
	if (cong_win < send_win) {
		if (cong_win <= g->len_bytes) {
			*cwnd_limited = true;
			return true;
		}
	} else if (send_win <= g->len_bytes) {
		*rwnd_limited = true;
		return true;
	}
	return !(g->flags & TCP_FIN);
}

/* Enough of ours waits in the link's queue already (TSQ). */
bool tcp_small_queue_full(const struct ho_stack *st, struct sock *sk, const struct seg *g)
{
	uint64_t limit = 2 * (uint64_t)g->truesize;

	if (mostly((uint64_t)sk->dev_bytes <= limit))
		return false;
	if (tcp_pacing_rate(sk) >> 10 > limit)
		limit = sk->pacing_rate >> 10;
	if (!sk->paced && limit > st->ctl.tcp_limit_output_bytes)
		limit = st->ctl.tcp_limit_output_bytes;
	if ((uint64_t)sk->dev_bytes <= limit || !sk->busy->rtx_head || !sk->busy->rtx_head->next)
		return false; /* one, or none: whoever frees it late shall not stop us */
	sk->busy->throttled = true;
	return true;
}

/* A program waits for room.  While the window is not full the buffer is what holds it back: it may be larger.
 * Linux: tcp_check_space, tcp_new_space. */
static void space_check(struct ho_stack *st, struct sock *sk)
{
	if (!sk->sndbuf_locked && st->tcp_mem.pages < st->ctl.tcp_mem[0] && !st->tcp_mem.pressure &&
	    tcp_in_flight(sk) < sk->snd_cwnd) {
		tcp_sndbuf_expand(st, sk);
		sk->snd_cwnd_stamp_ms = (uint32_t)st->now_ms;
	}
	if (tcp_sock_writable(st, sk)) {
		sk->seen_out = false;
		sock_wake(st, sk);
		tcp_chrono_stop(st, sk, CHRONO_SNDBUF);
	}
}

hot_path void tcp_new_data_sent(struct ho_stack *st, struct sock *sk, struct seg *g)
{
	uint32_t prior = sk->packets_out;

	sk->snd_nxt = g->end_seq;
	wq_pop(sk);
	g->fresh = false;
	rtx_append(sk, g);
	sk->packets_out += g->pcount;
	if (mostly(!prior) || sk->busy->pending == WRITE_TLP)
		tcp_rearm_rto(st, sk);
	count_add(st, sk, HO_TcpExtTCPOrigDataSent, g->pcount);
	if (unlikely(sk->seen_out))
		space_check(st, sk);
}

/* push_one: 1 one segment (tcp_push_one); 2 a loss probe, window or not.
 * Gives  true when data wait and nothing is outstanding: somebody must start the probe timer. */
hot_path bool tcp_write_xmit(struct ho_stack *st, struct sock *sk, uint32_t mss, int nonagle, int push_one)
{
	struct busy *b = sk->busy;
	bool cwnd_limited = false, rwnd_limited = false;
	uint32_t max_segs, sent = 0;
	struct seg *g;

	if (unlikely(b->mtup.enabled) && !push_one) {
		enum mtu_probe probe = tcp_mtu_probe(st, sk);

		if (probe == MTU_PROBE_SOON)
			return false;
		sent = probe == MTU_PROBE_SENT;
	}
	max_segs = tcp_tso_segs(st, sk, mss);
	while (mostly((g = b->wq_head) != NULL) && likely(!tcp_pace_holds(st, sk))) {
		uint32_t quota = cwnd_quota(sk), limit = mss;

		if (unlikely(!quota)) {
			if (push_one != 2)
				break;
			quota = 1;
		}
		quota = min_u32(quota, max_segs);
		if (mostly(g->len_bytes < quota * mss) && rarely(g->next != NULL))
			wq_grow(st, sk, g, quota * mss - g->len_bytes);
		seg_cut(g, mss);
		if (unlikely(!tcp_wnd_allows(sk, g, mss))) {
			rwnd_limited = true;
			break;
		}
		if (mostly(g->pcount == 1)) {
			if (!nagle_allows(sk, g, mss, g == b->wq_tail ? nonagle : NAGLE_PUSH))
				break;
		} else {
			if (!push_one && tso_defer(st, sk, g, &cwnd_limited, &rwnd_limited, max_segs))
				break;
			if (!tcp_urg_mode(sk))
				limit = split_point(sk, g, mss, quota, nonagle);
		}
		if (unlikely(!limit))
			break;
		if (unlikely(g->len_bytes > limit && !seg_split(st, sk, g, limit, mss, false)))
			break;
		if (unlikely(tcp_small_queue_full(st, sk, g)))
			break;
		if (unlikely(tcp_transmit(st, sk, g)))
			break;
		tcp_new_data_sent(st, sk, g);
		if (g->len_bytes < g->pcount * mss)
			b->snd_sml = g->end_seq;
		sent += g->pcount;
		if (push_one)
			break;
	}
	if (unlikely(rwnd_limited))
		tcp_chrono_start(st, sk, CHRONO_RWND);
	else
		tcp_chrono_stop(st, sk, CHRONO_RWND);
	cwnd_limited |= tcp_in_flight(sk) >= sk->snd_cwnd;
	if (mostly(sent != 0) || cwnd_limited)
		tcp_cwnd_validate(st, sk, cwnd_limited);
	if (mostly(sent != 0)) {
		if (unlikely(tcp_in_cwnd_reduction(sk)))
			b->prr_out += sent;
		if (likely(push_one != 2))
			tcp_loss_probe_schedule(st, sk, false);
		return false;
	}
	return !sk->packets_out && b->wq_head;
}

static void probe_timer_start(struct ho_stack *st, struct sock *sk)
{
	if (!sk->packets_out && sk->busy->pending == WRITE_NONE)
		tcp_timer_write(st, sk, WRITE_PROBE0, max_u32(sk->rto_ms, 200) + tcp_pace_delay_ms(st, sk));
}

void tcp_push_pending(struct ho_stack *st, struct sock *sk, uint32_t mss, int nonagle)
{
	if (unlikely(sk->state == HO_CLOSE))
		return;
	if (rarely(tcp_write_xmit(st, sk, mss, nonagle, 0)))
		probe_timer_start(st, sk);
}

/* An ACK may have made room: send, and tell the program. */
hot_path void tcp_data_snd_check(struct ho_stack *st, struct sock *sk)
{
	if (rarely(sk->busy->wq_head != NULL))
		tcp_push_pending(st, sk, tcp_current_mss(st, sk), sk->nonagle);
	if (unlikely(sk->seen_out))
		space_check(st, sk);
}

/* Linux: tcp_tsq_write. */
void tcp_send_on(struct ho_stack *st, struct sock *sk)
{
	if (unlikely(!state_is(sk, IN_(HO_ESTABLISHED) | IN_(HO_FIN_WAIT1) | IN_(HO_CLOSING) | IN_(HO_CLOSE_WAIT) |
	                                   IN_(HO_LAST_ACK))))
		return;
	if (unlikely(sk->busy->lost_out > sk->busy->retrans_out && sk->snd_cwnd > tcp_in_flight(sk)))
		tcp_retransmit_lost(st, sk);
	tcp_write_xmit(st, sk, tcp_current_mss(st, sk), sk->nonagle, 0);
}

void tcp_on_dequeue(struct ho_stack *st, struct sock *sk, uint32_t bytes)
{
	(void)bytes;
	if (mostly(!sk->busy->throttled))
		return;
	sk->busy->throttled = false;
	tcp_send_on(st, sk);
}

/* ---- ACKs ---- */

void tcp_send_ack(struct ho_stack *st, struct sock *sk)
{
	if (unlikely(sk->state == HO_CLOSE))
		return;
	if (tcp_transmit_bare(st, sk, TCP_ACK, seq_lt(tcp_wnd_end(sk), sk->snd_nxt) && !sk->wscale_ok ? tcp_wnd_end(sk)
	                                                                                              : sk->snd_nxt) == -ENOMEM) {
		sk->ack.pending |= ACK_SCHED;
		sk->ack.ato_ms = TCP_ATO_MIN_MS;
		tcp_timer_delack(st, sk, st->now_ms + TCP_DELACK_MAX_MS);
	}
}

void tcp_send_delayed_ack(struct ho_stack *st, struct sock *sk)
{
	uint32_t ato = sk->ack.ato_ms;
	uint64_t at;

	if (unlikely(ato > TCP_DELACK_MIN_MS)) {
		uint32_t most = 500;

		if (tcp_in_pingpong(st, sk) || (sk->ack.pending & ACK_PUSHED))
			most = TCP_DELACK_MAX_MS;
		if (sk->srtt_us)
			most = min_u32(most, max_u32(sk->srtt_us / 8000, TCP_DELACK_MIN_MS));
		ato = min_u32(ato, most);
	}
	ato = min_u32(ato, TCP_DELACK_MAX_MS);
	at = st->now_ms + ato;
	if (rarely(sk->ack.pending & ACK_TIMER)) {
		if (unlikely(sk->busy->ack.timeout_ms <= st->now_ms + (ato >> 2))) {
			tcp_send_ack(st, sk);
			return;
		}
		if (unlikely(at > sk->busy->ack.timeout_ms))
			at = sk->busy->ack.timeout_ms;
	}
	tcp_timer_delack(st, sk, at);
}

/* ---- the first SYN ---- */

static void connect_init(struct ho_stack *st, struct sock *sk)
{
	uint8_t wscale;

	sk->tcp_header_bytes = 20 + (st->ctl.tcp_timestamps ? TCP_TS_BYTES : 0);
	sk->ts_ok = st->ctl.tcp_timestamps;
	sk->sack_ok = st->ctl.tcp_sack;
	sk->wscale_ok = st->ctl.tcp_window_scaling;
	sk->ts_offset = tcp_ts_offset(st, sk->e.laddr, sk->e.raddr);
	sk->max_window = 0;
	sk->mss_clamp = sk->user_mss ? sk->user_mss : TCP_MSS_DEFAULT; /* the peer has said nothing yet */
	sk->ack.rcv_mss = TCP_MIN_MSS;
	tcp_mtu_probing_init(st, sk);
	tcp_route_look(st, sk);
	tcp_mss_sync(st, sk, sk->route_mtu);
	sk->advmss = tcp_advmss(st, sk, sk->e.raddr);
	if (sk->rcvbuf_locked && (sk->window_clamp > (uint32_t)tcp_full_space(sk) || !sk->window_clamp))
		sk->window_clamp = (uint32_t)tcp_full_space(sk);
	tcp_initial_window(st, tcp_full_space(sk), sk->advmss, st->ctl.tcp_window_scaling, &sk->rcv_wnd,
	                   &sk->window_clamp, &wscale);
	sk->rcv_wscale = wscale;
	sk->rcv_ssthresh = sk->rcv_wnd;
	sk->err = 0;
	sk->done = false;
	sk->snd_wnd = 0;
	sk->snd_wl1 = seq_of(0);
	sk->snd_una = sk->busy->snd_sml = sk->busy->snd_up = sk->snd_nxt = sk->write_seq;
	sk->rcv_nxt = sk->rcv_wup = sk->copied_seq = seq_of(0);
	sk->rto_ms = TCP_TIMEOUT_INIT_MS;
	sk->retransmits = sk->busy->backoff = sk->busy->syn_retries = 0;
	sk->rcv_tstamp_ms = (uint32_t)st->now_ms;
}

int tcp_connect_send(struct ho_stack *st, struct sock *sk, struct fastopen_req *fo)
{
	struct busy *b = sk->busy;
	struct seg *g;

	connect_init(st, sk);
	g = seg_make(st);
	if (!g)
		return -ENOBUFS;
	g->flags = TCP_SYN | tcp_ecn_syn(st, sk);
	g->seq = sk->write_seq;
	g->end_seq = sk->write_seq = seq_add(sk->write_seq, 1);
	g->fresh = false;
	b->retrans_stamp_ms = (uint32_t)st->now_ms ? (uint32_t)st->now_ms : 1;
	tcp_mem_force(st, sk, (int32_t)g->truesize);
	wq_append(sk, g);
	wq_pop(sk);
	rtx_append(sk, g);
	sk->packets_out += 1;
	if (fo)
		tcp_fastopen_syn_send(st, sk, g, fo);
	else
		tcp_transmit(st, sk, g);
	sk->snd_nxt = sk->pushed_seq = b->wq_head ? b->wq_head->seq : sk->write_seq;
	st->cause.frame_out = st->frame_id; /* what tcp_transmit took */
	count(st, sk, HO_TcpActiveOpens);
	st->cause.frame_out = 0;
	tcp_timer_write(st, sk, WRITE_RETRANS, sk->rto_ms);
	return 0;
}

/* ---- zero window ---- */

/* A segment of no bytes that the peer must answer; before it, if urgent data wait, one that says where. */
static int probe_bare(struct ho_stack *st, struct sock *sk, uint32_t counter)
{
	if (seq_sub(sk->busy->snd_up, seq_add(sk->snd_una, 1)) < 0xffff) {
		count(st, sk, counter);
		tcp_transmit_bare(st, sk, TCP_ACK, sk->snd_una);
	}
	if (counter == HO_TcpExtTCPWinProbe)
		count_why(st, sk, counter, 1, HO_WHY_PERSIST, sk->probes_out + 1u, 0);
	else
		count(st, sk, counter);
	return tcp_transmit_bare(st, sk, TCP_ACK, seq_of(sk->snd_una.n - 1));
}

/* counter: of a bare probe; data that may go are no probe. */
int tcp_write_wakeup(struct ho_stack *st, struct sock *sk, uint32_t counter)
{
	struct seg *g = sk->busy->wq_head;
	uint32_t mss = tcp_current_mss(st, sk), room;
	int err;

	if (sk->state == HO_CLOSE)
		return -1;
	if (!g || !seq_lt(g->seq, tcp_wnd_end(sk)))
		return probe_bare(st, sk, counter);
	room = seq_sub(tcp_wnd_end(sk), g->seq);
	if (seq_lt(sk->pushed_seq, g->end_seq))
		sk->pushed_seq = g->end_seq;
	if (room < seq_sub(g->end_seq, g->seq) || g->len_bytes > mss) {
		room = min_u32(room, mss);
		g->flags |= TCP_PSH;
		if (room < g->len_bytes && !seg_split(st, sk, g, room, mss, false))
			return -1;
	}
	seg_cut(g, mss);
	g->flags |= TCP_PSH;
	err = tcp_transmit(st, sk, g);
	if (!err)
		tcp_new_data_sent(st, sk, g);
	return err;
}

void tcp_probe0_send(struct ho_stack *st, struct sock *sk)
{
	int err = tcp_write_wakeup(st, sk, HO_TcpExtTCPWinProbe);

	if (sk->packets_out || !sk->busy->wq_head) {
		sk->probes_out = 0;
		sk->busy->backoff = 0;
		sk->busy->probes_stamp_ms = 0;
		return;
	}
	sk->probes_out++;
	if (err != -ENOBUFS) {
		if (sk->busy->backoff < st->ctl.tcp_retries2)
			sk->busy->backoff++;
		tcp_probe_timer(st, sk);
	} else {
		tcp_timer_write(st, sk, WRITE_PROBE0, 500);
	}
}
