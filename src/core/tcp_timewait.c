/* SPDX-License-Identifier: MIT
 * TIME-WAIT: a bucket of a few words instead of a socket; also FIN-WAIT-2 of a connection that its program has closed.
 *
 *   FIN-WAIT-2  -- FIN ----------> TIME-WAIT, ACK                         timewait_on_fin
 *   FIN-WAIT-2  -- data ---------> RST, gone
 *   TIME-WAIT   -- old segment --> ACK                                    (at most one in tcp_invalid_ratelimit ms)
 *   TIME-WAIT   -- new SYN ------> a listener may take it, the bucket goes
 *   either      -- RST ----------> gone (unless tcp_rfc1337)
 *   either      -- timer --------> gone
 *
 * Source: RFC 9293 3.10.7.4, RFC 6191; Linux 6.18 net/ipv4/tcp_minisocks.c tcp_timewait_state_process, tcp_time_wait. */
#include "tcp.h"
#include "timewait.h"
#include "watch.h"

void tcp_timewait_free(struct ho_stack *st, struct timewait *tw)
{
	watch_bucket(st, &tw->e, tw->e.flags & TW_FIN_WAIT2 ? HO_FIN_WAIT2 : HO_TIME_WAIT, HO_CLOSE);
	conn_remove(st, &tw->e);
	port_release_timewait(st, tw);
	st->timewait_count--;
	timewait_give(st, tw);
}

static struct timewait *timewait_make(struct ho_stack *st, struct sock *sk, uint8_t state)
{
	struct timewait *tw;

	if (st->timewait_count >= st->ctl.tcp_max_tw_buckets)
		return NULL;
	tw = timewait_take(st);
	if (!tw)
		return NULL;
	tw->e = (struct entry){.laddr = sk->e.laddr, .raddr = sk->e.raddr, .lport = sk->e.lport, .rport = sk->e.rport,
	                       .kind = ENTRY_TIMEWAIT};
	tw->e.flags = (uint8_t)((sk->ts_ok ? TW_TS : 0) | (state == HO_FIN_WAIT2 ? TW_FIN_WAIT2 : 0));
	tw->rcv_nxt = sk->rcv_nxt;
	tw->snd_nxt = sk->snd_nxt;
	tw->rcv_wnd = tcp_receive_window(sk) & 0x3fffffff;
	tw->rcv_wscale = (uint8_t)(sk->rcv_wscale & 15);
	tw->ts_recent = sk->ts_recent;
	timewait_ts_stamp_set(st, tw, sk->ts_recent_stamp_s);
	if (port_to_timewait(st, sk, tw))
		return tw;
	timewait_give(st, tw);
	return NULL;
}

/* The socket becomes a bucket; sk is gone or, if a descriptor still holds it, CLOSE. */
void tcp_time_wait(struct ho_stack *st, struct sock *sk, uint8_t state, uint32_t timeout_ms)
{
	struct timewait *tw = timewait_make(st, sk, state);
	uint32_t least = (sk->rto_ms << 2) - (sk->rto_ms >> 1);

	if (!tw) {
		count(st, sk, HO_TcpExtTCPTimeWaitOverflow);
		tcp_done(st, sk);
		return;
	}
	timeout_ms = max_u32(timeout_ms, least);
	if (state == HO_TIME_WAIT)
		timeout_ms = TCP_TIMEWAIT_LEN_MS;
	st->timewait_count++;
	conn_replace(st, &sk->e, &tw->e);
	sk->hashed = false;
	watch_bucket(st, &tw->e, sk->state, state);
	count(st, sk, timeout_ms <= 4000 ? HO_TcpExtTWKilled : HO_TcpExtTW);
	timewait_start(st, tw, timeout_ms);
	tcp_done(st, sk);
}

/* Where a connection that takes the bucket's place begins: beyond anything that the old one may have on its way. */
seq_t tcp_timewait_next_isn(const struct timewait *tw)
{
	uint32_t n = tw->snd_nxt.n + 65535 + 2;

	return seq_of(n ? n : 1);
}

static void timewait_ack(struct ho_stack *st, const struct timewait *tw)
{
	struct tcp_reply r = {
		.saddr = tw->e.laddr,
		.daddr = tw->e.raddr,
		.sport = tw->e.lport,
		.dport = tw->e.rport,
		.seq = tw->snd_nxt,
		.ack = tw->rcv_nxt,
		.flags = TCP_ACK,
		.window = (uint16_t)(tw->rcv_wnd >> tw->rcv_wscale),
		.wscale = 255,
		.ts = tw->e.flags & TW_TS,
		.ts_val = (uint32_t)st->now_ms + tcp_ts_offset(st, tw->e.laddr, tw->e.raddr),
		.ts_ecr = tw->ts_recent,
	};

	tcp_transmit_reply(st, NULL, &r);
}

static void timewait_ack_limited(struct ho_stack *st, struct timewait *tw, const struct tcp_rx *t, uint32_t counter)
{
	uint32_t last_ms = timewait_oow_ms(st, tw);

	if (tcp_oow_limited(st, NULL, t, counter, &last_ms))
		return;
	timewait_oow_set(st, tw, last_ms);
	timewait_ack(st, tw);
}

static void timewait_ts_update(struct ho_stack *st, struct timewait *tw, struct tcp_rx *t)
{
	if (!t->opt.has_ts)
		return;
	tw->ts_recent = t->opt.ts_val;
	timewait_ts_stamp_set(st, tw, (uint32_t)(st->now_ms / 1000));
}

static bool timewait_paws(const struct ho_stack *st, const struct timewait *tw, struct tcp_rx *t)
{
	if (t->header_bytes == 20 || !(tw->e.flags & TW_TS))
		return false;
	tcp_options_of(t);
	return t->opt.has_ts && tcp_paws_reject(st, tw->ts_recent, timewait_ts_stamp_s(st, tw), t);
}

static bool in_window(const struct tcp_rx *t, seq_t left, seq_t right)
{
	if (seq_eq(t->seq, left))
		return true;
	if (seq_gt(t->end_seq, left) && seq_lt(t->seq, right))
		return true;
	return seq_eq(t->seq, right) && seq_eq(t->seq, t->end_seq);
}

static void fin_wait2_on_segment(struct ho_stack *st, struct timewait *tw, struct tcp_rx *t, bool paws)
{
	if (paws || !in_window(t, tw->rcv_nxt, seq_add(tw->rcv_nxt, tw->rcv_wnd))) {
		timewait_ack_limited(st, tw, t, HO_TcpExtTCPACKSkippedFinWait2);
		return;
	}
	if (t->flags & TCP_RST) {
		tcp_timewait_free(st, tw);
		return;
	}
	if ((t->flags & TCP_SYN) && !seq_lt(t->seq, tw->rcv_nxt)) {
		tcp_reset_reply(st, NULL, t);
		tcp_timewait_free(st, tw);
		return;
	}
	if (!(t->flags & TCP_ACK) || !seq_gt(t->end_seq, tw->rcv_nxt) || seq_eq(t->end_seq, t->seq))
		return;
	if (!(t->flags & TCP_FIN) || !seq_eq(t->end_seq, seq_add(tw->rcv_nxt, 1))) {
		tcp_reset_reply(st, NULL, t);
		tcp_timewait_free(st, tw);
		return;
	}
	tw->rcv_nxt = t->end_seq;
	timewait_ts_update(st, tw, t);
	timewait_fin(st, tw, t->opt.has_ts);
	watch_bucket(st, &tw->e, HO_FIN_WAIT2, HO_TIME_WAIT);
	timewait_ack(st, tw);
}

/* RFC 6191: a SYN that is newer than anything of the old connection. */
static bool new_connection(const struct timewait *tw, struct tcp_rx *t, bool paws)
{
	if (!(t->flags & TCP_SYN) || (t->flags & (TCP_RST | TCP_ACK)) || paws)
		return false;
	tcp_options_of(t);
	return seq_gt(t->seq, tw->rcv_nxt) ||
	       (t->opt.has_ts && (tw->e.flags & TW_TS) && (int32_t)(tw->ts_recent - t->opt.ts_val) < 0);
}

/* Gives  false when nobody listens any more. */
static bool taken_by_listener(struct ho_stack *st, struct timewait *tw, struct tcp_rx *t)
{
	struct sock *lsk = listener_find(st, t->rx->daddr, t->dport, t->rx->saddr, t->sport);

	if (!lsk)
		return false;
	t->timewait_isn = tcp_timewait_next_isn(tw);
	tcp_timewait_free(st, tw);
	tcp_listen_on_segment(st, lsk, t);
	return true;
}

own_way void tcp_timewait_on_segment(struct ho_stack *st, struct timewait *tw, struct tcp_rx *t)
{
	bool paws = timewait_paws(st, tw, t);

	tcp_options_of(t);
	if (tw->e.flags & TW_FIN_WAIT2) {
		fin_wait2_on_segment(st, tw, t, paws);
		return;
	}
	if (!paws && seq_eq(t->seq, tw->rcv_nxt) && (seq_eq(t->seq, t->end_seq) || (t->flags & TCP_RST))) {
		if ((t->flags & TCP_RST) && !st->ctl.tcp_rfc1337) {
			tcp_timewait_free(st, tw);
			return;
		}
		if (!(t->flags & TCP_RST))
			timewait_restart(st, tw);
		timewait_ts_update(st, tw, t);
		return;
	}
	if (new_connection(tw, t, paws)) {
		if (!taken_by_listener(st, tw, t))
			timewait_ack(st, tw);
		return;
	}
	if (paws)
		count(st, NULL, HO_TcpExtPAWSTimewait);
	if (t->flags & TCP_RST)
		return;
	if (paws || (t->flags & TCP_ACK))
		timewait_restart(st, tw);
	timewait_ack_limited(st, tw, t, HO_TcpExtTCPACKSkippedTimeWait);
}
