/* SPDX-License-Identifier: MIT
 * The answer to our SYN (RFC 9293 3.10.7.3; Linux 6.18 net/ipv4/tcp_input.c tcp_rcv_synsent_state_process). */
#include "tcp.h"

static bool ack_acceptable(struct ho_stack *st, struct sock *sk, struct tcp_rx *t)
{
	if (!seq_gt(t->ack, sk->snd_una) || seq_gt(t->ack, sk->snd_nxt)) {
		/* an answer to an earlier SYN of the same ports: bring the retransmission of ours nearer */
		if (sk->retransmits == 0)
			tcp_timer_write(st, sk, WRITE_RETRANS, TCP_TIMEOUT_MIN_US / 1000);
		return false;
	}
	if (sk->busy->saw_ts && sk->busy->rcv_tsecr) {
		if ((int32_t)(sk->busy->rcv_tsecr - sk->busy->retrans_stamp_ms) < 0 ||
		    (int32_t)((uint32_t)st->now_ms - sk->busy->rcv_tsecr) < 0) {
			count(st, sk, HO_TcpExtPAWSActive);
			return false;
		}
	}
	return true;
}

static void options_settle(struct ho_stack *st, struct sock *sk, struct tcp_rx *t)
{
	sk->wscale_ok = sk->wscale_ok && t->opt.has_wscale;
	sk->snd_wscale = sk->wscale_ok ? t->opt.wscale : 0;
	sk->sack_ok = sk->sack_ok && t->opt.has_sack_ok;
	if (t->opt.has_ts && sk->ts_ok) {
		sk->tcp_header_bytes = 20 + TCP_TS_BYTES;
		tcp_ts_recent_store(st, sk);
	} else {
		sk->ts_ok = false;
		sk->tcp_header_bytes = 20;
	}
	sk->mss_clamp = t->opt.mss ? t->opt.mss : TCP_MSS_DEFAULT;
	if (sk->user_mss && sk->user_mss < sk->mss_clamp)
		sk->mss_clamp = sk->user_mss;
}

static void connected(struct ho_stack *st, struct sock *sk)
{
	tcp_state_set(st, sk, HO_ESTABLISHED);
	tcp_mtu_probing_init(st, sk);
	sk->ack.lrcvtime_ms = (uint32_t)st->now_ms;
	tcp_rtt_fallback(sk);
	tcp_buffers_init(st, sk);
	tcp_cc_set(st, sk, sk->cc);
	sk->lsndtime_ms = (uint32_t)st->now_ms;
	sk->ack.lrcvtime_ms = (uint32_t)st->now_ms;
	if (sk->keepalive)
		tcp_timer_keep(st, sk, tcp_keep_idle_ms(st, sk));
	if (!sk->snd_wscale)
		tcp_fast_path_on(sk);
	else
		sk->pred_flags = 0;
	sock_wake(st, sk);
}

/* Lost SYNs are no congestion, but two of them are a bad path; unless the first one is what is answered.
 * Linux: tcp_init_transfer, tcp_try_undo_spurious_syn. */
static uint32_t first_window(const struct sock *sk)
{
	bool answers_first = sk->busy->saw_ts && sk->busy->rcv_tsecr == sk->busy->retrans_stamp_ms;

	return sk->busy->total_retrans > 1 && !answers_first ? 1 : tcp_init_cwnd(sk);
}

static void synack_in(struct ho_stack *st, struct sock *sk, struct tcp_rx *t)
{
	uint32_t cwnd = first_window(sk);

	tcp_ecn_synack_in(sk, t);
	sk->snd_wl1 = t->seq;
	tcp_ack_in(st, sk, t, FLAG_SLOWPATH);
	sk->rcv_nxt = sk->rcv_wup = seq_add(t->seq, 1);
	sk->snd_wnd = t->window;
	options_settle(st, sk, t);
	if (!sk->wscale_ok) {
		sk->rcv_wscale = 0;
		sk->window_clamp = min_u32(sk->window_clamp, 65535);
	}
	if (sk->ts_ok)
		sk->advmss = (uint16_t)(sk->advmss - TCP_TS_BYTES);
	tcp_mtu_probing_init(st, sk);
	tcp_mss_sync(st, sk, sk->pmtu);
	tcp_rcv_mss_init(sk);
	sk->copied_seq = sk->rcv_nxt;
	sk->max_window = max_u32(sk->max_window, sk->snd_wnd);
	sk->snd_cwnd = cwnd;
	connected(st, sk);
	if ((sk->fastopen & (FO_SYN_FASTOPEN | FO_SYN_DATA)) && tcp_fastopen_on_synack(st, sk, t)) {
		tcp_data_snd_check(st, sk);
		return;
	}
	if (sk->habits->defer_accept || sk->write_waits || tcp_in_pingpong(st, sk)) {
		sk->write_waits = false;
		sk->ack.pending |= ACK_SCHED;
		tcp_enter_quickack(sk, TCP_MAX_QUICKACKS);
		tcp_timer_delack(st, sk, st->now_ms + TCP_DELACK_MAX_MS);
		return;
	}
	tcp_send_ack(st, sk);
	if (sk->busy->wq_head)
		tcp_data_snd_check(st, sk);
}

/* Both ends opened at once (RFC 9293 figure 7).  As Linux: our windows are scaled even if the peer never offered it. */
static void simultaneous_open(struct ho_stack *st, struct sock *sk, struct tcp_rx *t)
{
	tcp_state_set(st, sk, HO_SYN_RECV);
	tcp_ecn_syn_in(sk, t);
	options_settle(st, sk, t);
	sk->rcv_nxt = sk->rcv_wup = sk->copied_seq = seq_add(t->seq, 1);
	sk->snd_wnd = t->window;
	sk->snd_wl1 = t->seq;
	sk->max_window = sk->snd_wnd;
	tcp_mtu_probing_init(st, sk);
	tcp_mss_sync(st, sk, sk->pmtu);
	tcp_rcv_mss_init(sk);
	if (sk->busy->rtx_head) {
		sk->busy->rtx_head->flags &= (uint8_t)~TCP_CWR;
		if (!(sk->ecn & ECN_OK))
			sk->busy->rtx_head->flags &= (uint8_t)~TCP_ECE;
		sk->busy->rtx_head->flags |= TCP_ACK;
		tcp_transmit(st, sk, sk->busy->rtx_head);
	}
}

own_way void tcp_synsent_on_segment(struct ho_stack *st, struct sock *sk, struct tcp_rx *t)
{
	if ((sk->fastopen & FO_DEFER) && !(t->flags & TCP_ACK))
		return; /* no SYN of ours is out that another could cross */
	tcp_options_of(t);
	tcp_rx_timestamps(sk, t);
	if (t->flags & TCP_ACK) {
		if (!ack_acceptable(st, sk, t)) {
			if (!(t->flags & TCP_RST))
				tcp_reset_reply(st, sk, t);
			return;
		}
		if (t->flags & TCP_RST) {
			tcp_reset_in(st, sk);
			return;
		}
		if (t->flags & TCP_SYN)
			synack_in(st, sk, t);
		return;
	}
	if (!(t->flags & TCP_RST) && (t->flags & TCP_SYN))
		simultaneous_open(st, sk, t);
}
