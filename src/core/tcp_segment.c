/* SPDX-License-Identifier: MIT
 * The slow path: every check that header prediction skips, and the states after ESTABLISHED.
 *
 *   PAWS -> sequence -> RST -> SYN -> ACK -> (closing states move here) -> data -> what to send
 *
 * Source: RFC 9293 3.10.7.4, RFC 5961, RFC 7323; Linux 6.18 net/ipv4/tcp_input.c tcp_validate_incoming,
 * tcp_rcv_established, tcp_rcv_state_process. */
#include "tcp_cc.h"

bool tcp_rx_timestamps(struct sock *sk, struct tcp_rx *t)
{
	sk->busy->saw_ts = false;
	if (unlikely(t->header_bytes == 20))
		return false;
	tcp_options_of(t);
	if (unlikely(!t->opt.has_ts || !sk->ts_ok))
		return false;
	sk->busy->saw_ts = true;
	sk->busy->rcv_tsval = t->opt.ts_val;
	sk->busy->rcv_tsecr = t->opt.ts_ecr ? t->opt.ts_ecr - sk->ts_offset : 0;
	return true;
}

void tcp_ts_recent_store(struct ho_stack *st, struct sock *sk)
{
	sk->ts_recent = sk->busy->rcv_tsval;
	sk->ts_recent_stamp_s = (uint32_t)(st->now_ms / 1000);
}

/* An older timestamp than ours: for those who know no window of reordering (Linux: tcp_paws_reject). */
bool tcp_paws_reject(const struct ho_stack *st, uint32_t ts_recent, uint32_t stamp_s, const struct tcp_rx *t)
{
	uint32_t age_s = (uint32_t)(st->now_ms / 1000) - stamp_s;

	if ((int32_t)(ts_recent - t->opt.ts_val) <= 0 || age_s >= TCP_PAWS_24DAYS_S || !ts_recent)
		return false;
	return !(t->flags & TCP_RST) || age_s < TCP_PAWS_MSL_S;
}

/* Out of window and the like: at most one answer in tcp_invalid_ratelimit ms, so that two ends cannot loop. */
bool tcp_oow_limited(struct ho_stack *st, struct sock *sk, const struct tcp_rx *t, uint32_t counter, uint32_t *last_ms)
{
	uint32_t now = (uint32_t)st->now_ms;

	if (t && !seq_eq(t->seq, t->end_seq) && !(t->flags & TCP_SYN))
		return false;
	if (*last_ms && now - *last_ms < st->ctl.tcp_invalid_ratelimit) {
		count(st, sk, counter);
		return true;
	}
	*last_ms = now ? now : 1;
	return false;
}

/* Linux counts answered challenges at one place only. */
void tcp_challenge_ack(struct ho_stack *st, struct sock *sk)
{
	uint32_t now_s = (uint32_t)(st->now_ms / 1000);

	if (tcp_oow_limited(st, sk, NULL, HO_TcpExtTCPACKSkippedChallenge, &sk->busy->last_oow_ack_ms))
		return;
	if (st->ctl.tcp_challenge_ack_limit != 2147483647u) {
		if (st->challenge_stamp_s != now_s) {
			st->challenge_stamp_s = now_s;
			st->challenge_count = st->ctl.tcp_challenge_ack_limit;
		}
		if (!st->challenge_count)
			return;
		st->challenge_count--;
	}
	count(st, sk, HO_TcpExtTCPChallengeACK);
	tcp_send_ack(st, sk);
}

enum paws { PAWS_REJECT, PAWS_OLD_ACK, PAWS_FINE };

/* A pure ACK that was overtaken by data has an old timestamp and is harmless (RFC 7323 5.3); one that is older than what
 * we have is not worth an answer.  Source: Linux 6.18 tcp_disordered_ack_check. */
static enum paws paws_disordered_ack(const struct sock *sk, const struct tcp_rx *t)
{
	uint32_t nwin = t->window << sk->snd_wscale;

	if (!(t->flags & TCP_ACK) || !seq_eq(t->seq, t->end_seq))
		return PAWS_REJECT;
	if (!seq_eq(t->seq, sk->rcv_nxt))
		return seq_lt(t->seq, sk->rcv_nxt) ? PAWS_OLD_ACK : PAWS_REJECT;
	if (!seq_eq(t->ack, sk->snd_una))
		return PAWS_REJECT;
	if (seq_gt(t->seq, sk->snd_wl1) || (seq_eq(t->seq, sk->snd_wl1) && (nwin > sk->snd_wnd || !nwin)))
		return PAWS_REJECT;
	if ((int32_t)(sk->ts_recent - sk->busy->rcv_tsval) > (int32_t)(sk->rto_ms * 6 / 5))
		return PAWS_REJECT;
	return PAWS_FINE;
}

static bool paws_reject(const struct ho_stack *st, const struct sock *sk)
{
	uint32_t now_s = (uint32_t)(st->now_ms / 1000);

	if ((int32_t)(sk->ts_recent - sk->busy->rcv_tsval) <= TCP_PAWS_WINDOW)
		return false;
	if (now_s - sk->ts_recent_stamp_s >= TCP_PAWS_24DAYS_S)
		return false;
	return sk->ts_recent != 0;
}

/* Gives  0 fine; 1 old; 2 beyond the window */
static int sequence_check(const struct sock *sk, const struct tcp_rx *t)
{
	seq_t right = seq_add(sk->rcv_nxt, tcp_receive_window(sk));

	if (unlikely(seq_lt(t->end_seq, sk->rcv_wup)))
		return 1;
	if (unlikely(seq_gt(t->end_seq, right))) {
		if ((t->flags & TCP_FIN) && !seq_gt(t->end_seq, seq_add(right, 1)))
			return 0; /* some send their FIN into a full window, too */
		if (seq_gt(t->seq, right))
			return 2;
		if (sk->busy->rx_head)
			return 2;
	}
	return 0;
}

/* RFC 5961 3.2, and rcv_nxt - 1 after our peer's FIN (Linux: tcp_reset_check). */
static bool reset_exact(const struct sock *sk, const struct tcp_rx *t)
{
	if (seq_eq(t->seq, sk->rcv_nxt))
		return true;
	return seq_eq(seq_add(t->seq, 1), sk->rcv_nxt) &&
	       state_is(sk, IN_(HO_CLOSE_WAIT) | IN_(HO_LAST_ACK) | IN_(HO_CLOSING));
}

/* A peer that has thrown its connection away may know only how far it had sent. */
static bool reset_at_sacked_end(const struct sock *sk, const struct tcp_rx *t)
{
	seq_t end;

	if (!sk->sack_ok || !sk->busy->num_sacks)
		return false;
	end = sk->busy->sack[0][1];
	for (unsigned i = 1; i < sk->busy->num_sacks; i++)
		if (seq_gt(sk->busy->sack[i][1], end))
			end = sk->busy->sack[i][1];
	return seq_eq(t->seq, end);
}

static void syn_challenge(struct ho_stack *st, struct sock *sk, bool syn_inerr)
{
	if (syn_inerr)
		count(st, sk, HO_TcpInErrs);
	count(st, sk, HO_TcpExtTCPSYNChallenge);
	tcp_challenge_ack(st, sk);
}

/* The timestamp is old.  Gives  true when the segment is fine nevertheless. */
static bool paws_pass(struct ho_stack *st, struct sock *sk, struct tcp_rx *t, bool syn_inerr)
{
	enum paws p = paws_disordered_ack(sk, t);

	if (p == PAWS_FINE || (t->flags & TCP_RST))
		return true;
	if (t->flags & TCP_SYN) {
		syn_challenge(st, sk, syn_inerr);
		return false;
	}
	if (p == PAWS_OLD_ACK) {
		count(st, sk, HO_TcpExtPAWSOldAck);
		return false;
	}
	count(st, sk, HO_TcpExtPAWSEstab);
	if (!tcp_oow_limited(st, sk, t, HO_TcpExtTCPACKSkippedPAWS, &sk->busy->last_oow_ack_ms))
		tcp_send_dupack(st, sk, t);
	return false;
}

/* Both ends opened at once: the other's SYN+ACK acknowledges our SYN. */
static bool crossing_synack(const struct sock *sk, const struct tcp_rx *t)
{
	return sk->state == HO_SYN_RECV && !sk->dead && (t->flags & TCP_ACK) && seq_eq(t->ack, sk->snd_nxt) &&
	       seq_eq(t->end_seq, sk->rcv_nxt) && seq_eq(seq_add(t->seq, 1), t->end_seq);
}

/* Gives  false when the segment is done with. */
static bool validate(struct ho_stack *st, struct sock *sk, struct tcp_rx *t, bool syn_inerr)
{
	int bad;

	if (unlikely(tcp_rx_timestamps(sk, t) && paws_reject(st, sk) && !paws_pass(st, sk, t, syn_inerr)))
		return false;
	bad = sequence_check(sk, t);
	if (unlikely(bad)) {
		if (t->flags & TCP_RST) {
			if (reset_exact(sk, t))
				tcp_reset_in(st, sk);
			return false;
		}
		if (t->flags & TCP_SYN) {
			syn_challenge(st, sk, syn_inerr);
			return false;
		}
		if (bad == 2)
			count(st, sk, HO_TcpExtBeyondWindow);
		if (!tcp_oow_limited(st, sk, t, HO_TcpExtTCPACKSkippedSeq, &sk->busy->last_oow_ack_ms))
			tcp_send_dupack(st, sk, t);
		return false;
	}
	if (unlikely(t->flags & TCP_RST)) {
		if (reset_exact(sk, t) || reset_at_sacked_end(sk, t))
			tcp_reset_in(st, sk);
		else
			tcp_challenge_ack(st, sk);
		return false;
	}
	if (unlikely((t->flags & TCP_SYN) && !crossing_synack(sk, t))) {
		syn_challenge(st, sk, syn_inerr);
		return false;
	}
	return true;
}

void tcp_established_on_segment(struct ho_stack *st, struct sock *sk, struct tcp_rx *t)
{
	if (unlikely(!(t->flags & (TCP_ACK | TCP_RST | TCP_SYN))))
		return;
	if (unlikely(!validate(st, sk, t, true)))
		return;
	if (unlikely(!(t->flags & TCP_ACK)))
		return;
	tcp_ecn_count(sk, t);
	if (unlikely(tcp_ack_in(st, sk, t, FLAG_SLOWPATH | FLAG_UPDATE_TS_RECENT) < 0))
		return;
	tcp_rcv_rtt_measure_ts(st, sk, t);
	tcp_urgent_in(st, sk, t);
	tcp_data_in(st, sk, t);
	if (unlikely(sk->state == HO_CLOSE))
		return;
	tcp_data_snd_check(st, sk);
	tcp_ack_check(st, sk);
}

/* ---- SYN-RECEIVED and the closing states ---- */

static void child_transfer_init(struct ho_stack *st, struct sock *sk)
{
	sk->busy->retrans_stamp_ms = 0;
	if (!sk->srtt_us && sk->busy->saw_ts && sk->busy->rcv_tsecr)
		tcp_rtt_sample_ts(st, sk); /* the SYN+ACK was sent more than once, or is forgotten (a cookie) */
	tcp_rtt_fallback(sk);
	tcp_mtu_probing_init(st, sk);
	if (sk->ts_ok)
		sk->advmss = (uint16_t)(sk->advmss - TCP_TS_BYTES);
	tcp_buffers_init(st, sk);
	tcp_cc_set(st, sk, sk->cc);
	sk->copied_seq = sk->rcv_nxt;
}

static void child_established(struct ho_stack *st, struct sock *sk, struct tcp_rx *t)
{
	sk->delivered++;
	sk->confirmed_delivered++; /* as in Linux a final ACK confirms no neighbour */
	if (sk->busy->fo_child)
		tcp_fastopen_established(st, sk);
	else
		child_transfer_init(st, sk);
	tcp_state_set(st, sk, HO_ESTABLISHED);
	sk->snd_una = t->ack;
	sk->snd_wnd = t->window << sk->snd_wscale;
	sk->snd_wl1 = t->seq;
	if (sk->cc->control == NULL)
		tcp_pacing_rate_update(st, sk);
	sk->lsndtime_ms = (uint32_t)st->now_ms;
	tcp_rcv_mss_init(sk);
	tcp_fast_path_on(sk);
	if ((sk->shutdown & SHUT_SND) && tcp_close_state(st, sk))
		tcp_fin_send(st, sk);
	sock_wake(st, sk);
}

static bool data_after_close(struct ho_stack *st, struct sock *sk, struct tcp_rx *t)
{
	seq_t data_end = seq_add(t->seq, t->len_bytes);

	if (!t->len_bytes || !seq_gt(data_end, sk->rcv_nxt))
		return false;
	count_why(st, sk, HO_TcpExtTCPAbortOnData, 1, HO_WHY_DATA_AFTER_CLOSE, t->len_bytes, 0);
	return true;
}

/* Our FIN is acknowledged.  Gives  true when the socket is gone. */
static bool fin_acked(struct ho_stack *st, struct sock *sk, struct tcp_rx *t)
{
	uint32_t tmo = tcp_fin_time_ms(st, sk);

	tcp_state_set(st, sk, HO_FIN_WAIT2);
	sk->shutdown |= SHUT_SND;
	if (!sk->dead) {
		sock_wake(st, sk);
		return false;
	}
	if (sk->habits->linger2_s < 0) {
		count_why(st, sk, HO_TcpExtTCPAbortOnData, 1, HO_WHY_LINGER2, 0, 0);
		tcp_reset_reply(st, NULL, t);
		tcp_done(st, sk);
		return true;
	}
	if (t->len_bytes && seq_gt(seq_add(t->seq, t->len_bytes), sk->rcv_nxt)) {
		count_why(st, sk, HO_TcpExtTCPAbortOnData, 1, HO_WHY_DATA_AFTER_CLOSE, t->len_bytes, 0);
		tcp_reset_reply(st, NULL, t);
		tcp_done(st, sk);
		return true;
	}
	if (tmo > TCP_TIMEWAIT_LEN_MS) {
		tcp_timer_keep(st, sk, tmo - TCP_TIMEWAIT_LEN_MS);
	} else if (t->flags & TCP_FIN) {
		tcp_timer_keep(st, sk, tmo);
	} else {
		tcp_time_wait(st, sk, HO_FIN_WAIT2, tmo);
		return true;
	}
	return false;
}

/* The states that wait for an ACK of our FIN.  Gives  true when the socket is gone. */
static bool closing_on_ack(struct ho_stack *st, struct sock *sk, struct tcp_rx *t)
{
	if (unlikely(sk->busy->fo_child))
		tcp_fastopen_established(st, sk); /* closed before the handshake's end */
	if (unlikely(!seq_eq(sk->snd_una, sk->write_seq)))
		return false;
	switch (sk->state) {
	case HO_FIN_WAIT1:
		return fin_acked(st, sk, t);
	case HO_CLOSING:
		tcp_time_wait(st, sk, HO_TIME_WAIT, 0);
		return true;
	case HO_LAST_ACK:
		tcp_done(st, sk);
		return true;
	default:
		return false;
	}
}

static void closing_data(struct ho_stack *st, struct sock *sk, struct tcp_rx *t)
{
	switch (sk->state) {
	case HO_CLOSE_WAIT:
	case HO_CLOSING:
	case HO_LAST_ACK:
		if (!seq_lt(t->seq, sk->rcv_nxt))
			return;
		/* fallthrough */
	case HO_FIN_WAIT1:
	case HO_FIN_WAIT2:
		if ((sk->shutdown & SHUT_RCV) && data_after_close(st, sk, t)) {
			tcp_reset_reply(st, NULL, t);
			tcp_reset_in(st, sk);
			return;
		}
		break;
	case HO_ESTABLISHED:
		break;
	default:
		return;
	}
	tcp_data_in(st, sk, t);
}

void tcp_closing_on_segment(struct ho_stack *st, struct sock *sk, struct tcp_rx *t)
{
	int ok;

	if (unlikely(sk->busy->fo_child && !tcp_fastopen_on_segment(st, sk, t)))
		return;
	if (unlikely(sk->state == HO_CLOSE || !(t->flags & (TCP_ACK | TCP_RST | TCP_SYN))))
		return;
	if (unlikely(!validate(st, sk, t, false)))
		return;
	if (unlikely(!(t->flags & TCP_ACK)))
		return;
	tcp_ecn_count(sk, t);
	ok = tcp_ack_in(st, sk, t, FLAG_SLOWPATH | FLAG_UPDATE_TS_RECENT | FLAG_NO_CHALLENGE_ACK);
	if (unlikely(ok <= 0)) {
		if (sk->state == HO_SYN_RECV) {
			if (!ok)
				return;
			tcp_reset_reply(st, sk, t);
			return;
		}
		if (ok < 0) {
			tcp_challenge_ack(st, sk);
			return;
		}
	}
	if (sk->state == HO_SYN_RECV)
		child_established(st, sk, t);
	else if (closing_on_ack(st, sk, t))
		return;
	tcp_urgent_in(st, sk, t);
	closing_data(st, sk, t);
	if (sk->state == HO_CLOSE || sk->e.kind != ENTRY_SOCK)
		return;
	tcp_data_snd_check(st, sk);
	tcp_ack_check(st, sk);
}
