/* SPDX-License-Identifier: MIT
 * Timers of a connection: write (retransmission, loss probe, zero-window probe), delayed ACK, keep (keepalive,
 * FIN-WAIT-2 of an orphan, and SO_LINGER); the one of compressed ACKs is tcp_data.c's.
 *
 * The write timer is moved on with every ACK; the wheel is told only when it must fire earlier, and a firing that comes too
 * early goes back to sleep.  Source: Linux 6.18 net/ipv4/tcp_timer.c. */
#include "tcp.h"
#include "timewait.h"

/* ---- arming ---- */

void tcp_timer_write(struct ho_stack *st, struct sock *sk, uint8_t what, uint32_t in_ms)
{
	struct busy *b = sk->busy;
	uint32_t tick;

	in_ms = min_u32(in_ms, tcp_rto_max_ms(st, sk));
	tick = now_tick(st) + in_ms;
	b->pending = what;
	b->write_at_ms = st->now_ms + in_ms;
	if (rarely(!timer_armed(&b->write_timer)) || rarely((int32_t)(tick - b->write_timer.expires) < 0))
		wheel_arm(&st->wheel, &b->write_timer, tick);
}

void tcp_timer_write_stop(struct ho_stack *st, struct sock *sk)
{
	(void)st;
	sk->busy->pending = WRITE_NONE; /* the wheel's entry finds nothing to do */
}

void tcp_timer_delack(struct ho_stack *st, struct sock *sk, uint64_t at_ms)
{
	sk->ack.pending |= ACK_SCHED | ACK_TIMER;
	sk->busy->ack.timeout_ms = at_ms;
	if (rarely(at_ms == st->now_ms))
		at_ms++; /* a lone FIN's is due at once; a timer fires with the next tick */
	wheel_arm(&st->wheel, &sk->busy->delack_timer, (uint32_t)at_ms);
}

void tcp_timer_keep(struct ho_stack *st, struct sock *sk, uint32_t in_ms)
{
	wheel_arm(&st->wheel, &sk->keep_timer, now_tick(st) + min_u32(max_u32(in_ms, 1), WHEEL_AHEAD_MAX));
}

void tcp_timers_stop(struct ho_stack *st, struct sock *sk)
{
	wheel_cancel(&st->wheel, &sk->keep_timer);
	if (!sock_is_busy(sk))
		return;
	sk->busy->pending = WRITE_NONE;
	wheel_cancel(&st->wheel, &sk->busy->write_timer);
	wheel_cancel(&st->wheel, &sk->busy->delack_timer);
	wheel_cancel(&st->fine, &sk->busy->pace_timer);
	wheel_cancel(&st->fine, &sk->busy->compress_timer);
}

int64_t tcp_rto_delta_us(const struct ho_stack *st, const struct sock *sk)
{
	if (unlikely(!sk->busy->rtx_head))
		return (int64_t)sk->rto_ms * 1000;
	return (int64_t)(sk->busy->rtx_head->sent_us + (uint64_t)sk->rto_ms * 1000) - (int64_t)st->now_us;
}

hot_path void tcp_rearm_rto(struct ho_stack *st, struct sock *sk)
{
	struct busy *b = sk->busy;
	uint32_t in_ms = sk->rto_ms;

	if (unlikely(b->fo_child))
		return; /* the timer is the SYN+ACK's */
	if (!sk->packets_out) {
		tcp_timer_write_stop(st, sk);
		return;
	}
	if (b->pending == WRITE_TLP || b->pending == WRITE_REORDER) {
		int64_t us = tcp_rto_delta_us(st, sk);

		in_ms = us > 0 ? (uint32_t)((us + 999) / 1000) : 1;
	}
	in_ms += tcp_pace_delay_ms(st, sk);
	tcp_timer_write(st, sk, WRITE_RETRANS, min_u32(in_ms, tcp_rto_max_ms(st, sk)));
}

/* ---- retransmission timeout ---- */

/* Time that retries doublings take, from the first retransmission on (Linux: tcp_model_timeout). */
static uint64_t model_timeout_ms(const struct ho_stack *st, const struct sock *sk, uint32_t retries, uint32_t base_ms)
{
	uint32_t max = tcp_rto_max_ms(st, sk), thresh = 0;

	while ((base_ms << (thresh + 1)) <= max)
		thresh++;
	if (retries <= thresh)
		return ((UINT64_C(2) << retries) - 1) * base_ms;
	return ((UINT64_C(2) << thresh) - 1) * base_ms + (uint64_t)(retries - thresh) * max;
}

static bool timed_out(const struct ho_stack *st, const struct sock *sk, uint32_t retries, uint32_t user_ms)
{
	uint32_t base = state_is(sk, IN_(HO_SYN_SENT) | IN_(HO_SYN_RECV)) ? TCP_TIMEOUT_INIT_MS : 200;
	uint64_t limit = user_ms ? user_ms : model_timeout_ms(st, sk, retries, base);

	if (!sk->retransmits)
		return false;
	return (uint32_t)st->now_ms - sk->busy->retrans_stamp_ms >= limit;
}

static uint32_t orphan_retries(const struct ho_stack *st, const struct sock *sk, bool alive)
{
	uint32_t n = st->ctl.tcp_orphan_retries;

	if (sk->err_soft && !alive)
		return 0;
	return n == 0 && alive ? 8 : n;
}

/* Too many orphans, or too much memory: this one goes, sooner if it looks bad.  Linux: tcp_out_of_resources.
 * Gives  true when it is gone. */
static bool out_of_resources(struct ho_stack *st, struct sock *sk, bool reset)
{
	uint32_t idle_ms = (uint32_t)st->now_ms - sk->lsndtime_ms;
	unsigned shift = idle_ms > 2 * tcp_rto_max_ms(st, sk) || !reset;

	if (sk->err_soft)
		shift++;
	if (!tcp_check_oom(st, sk, shift))
		return false;
	if (reset || idle_ms <= TCP_TIMEWAIT_LEN_MS || (!sk->snd_wnd && !sk->packets_out))
		tcp_reset_send_active(st, sk);
	tcp_done(st, sk);
	return true;
}

/* Gives  true when the connection was given up. */
static bool write_timeout(struct ho_stack *st, struct sock *sk)
{
	uint32_t retries, max;
	bool expired;

	if (state_is(sk, IN_(HO_SYN_SENT) | IN_(HO_SYN_RECV))) {
		retries = sk->syn_retries_max ? sk->syn_retries_max : st->ctl.tcp_syn_retries;
		max = retries + (sk->state == HO_SYN_SENT ? st->ctl.tcp_syn_linear_timeouts : 0);
		expired = sk->retransmits >= max;
	} else {
		retries = st->ctl.tcp_retries2;
		expired = false;
		if (timed_out(st, sk, st->ctl.tcp_retries1, 0))
			tcp_mtu_black_hole(st, sk);
		if (sk->dead) {
			bool alive = sk->rto_ms < tcp_rto_max_ms(st, sk);

			retries = orphan_retries(st, sk, alive);
			if (out_of_resources(st, sk, alive || !timed_out(st, sk, retries, 0)))
				return true;
		}
	}
	if (!expired)
		expired = timed_out(st, sk, retries, sk->habits->user_timeout_ms);
	tcp_fastopen_on_timeout(st, sk, expired);
	if (expired) {
		tcp_write_error(st, sk, sk->state == HO_SYN_SENT ? HO_WHY_CONNECT_TIMED_OUT : HO_WHY_TIMED_OUT);
		return true;
	}
	count(st, sk, HO_TcpExtTcpTimeoutRehash);
	sk->busy->timeout_rehash++;
	return false;
}

/* Which recovery failed, told once a timeout (Linux: the mib_idx of tcp_retransmit_timer). */
static void failed_state_count(struct ho_stack *st, struct sock *sk)
{
	if (sk->retransmits)
		return;
	if (sk->ca_state == CA_RECOVERY)
		count(st, sk, sk->sack_ok ? HO_TcpExtTCPSackRecoveryFail : HO_TcpExtTCPRenoRecoveryFail);
	else if (sk->ca_state == CA_LOSS)
		count(st, sk, HO_TcpExtTCPLossFailures);
	else if (sk->ca_state == CA_DISORDER || sk->busy->sacked_out)
		count(st, sk, sk->sack_ok ? HO_TcpExtTCPSackFailures : HO_TcpExtTCPRenoFailures);
}

#define THIN_PACKETS 4u
#define THIN_RETRIES 6 /* after so many the doublings begin nevertheless: the path may be gone */

/* Too little under way for duplicate ACKs to tell of a loss. */
static bool stays_linear(const struct ho_stack *st, const struct sock *sk)
{
	return sk->state == HO_ESTABLISHED && (sk->thin_linear || st->ctl.tcp_thin_linear_timeouts) &&
	       sk->packets_out < THIN_PACKETS && sk->snd_ssthresh < TCP_INFINITE_SSTHRESH &&
	       sk->retransmits <= THIN_RETRIES;
}

static void backoff(struct ho_stack *st, struct sock *sk)
{
	if (stays_linear(st, sk)) {
		sk->busy->backoff = 0;
		tcp_rto_set(st, sk);
		sk->rto_ms = max_u32(sk->rto_ms, tcp_rto_min_us(st, sk) / 1000);
		return;
	}
	if (sk->state != HO_SYN_SENT || sk->busy->syn_retries > st->ctl.tcp_syn_linear_timeouts) {
		sk->busy->backoff++;
		sk->rto_ms = min_u32(sk->rto_ms << 1, tcp_rto_max_ms(st, sk));
	}
}

static uint32_t clamp_to_user_timeout(const struct ho_stack *st, const struct sock *sk)
{
	int64_t left;

	if (!sk->habits->user_timeout_ms)
		return sk->rto_ms;
	left = (int64_t)sk->habits->user_timeout_ms - (int64_t)((uint32_t)st->now_ms - sk->busy->retrans_stamp_ms);
	return left <= 0 ? 1 : min_u32(sk->rto_ms, (uint32_t)left);
}

/* The peer took its window back: probe for ever as long as it answers, or as TCP_USER_TIMEOUT says.
 * Linux: tcp_rtx_probe0_timed_out. */
static bool shut_window_timed_out(const struct ho_stack *st, const struct sock *sk)
{
	uint32_t now = (uint32_t)st->now_ms, limit = 2 * tcp_rto_max_ms(st, sk);
	uint32_t since = sk->busy->retrans_stamp_ms ? now - sk->busy->retrans_stamp_ms
	                                      : (uint32_t)((st->now_us - sk->busy->rtx_head->sent_us) / 1000);

	if (sk->habits->user_timeout_ms) {
		if (since >= sk->habits->user_timeout_ms) /* Linux: >, but its timers are late */
			return true;
		limit = min_u32(limit, sk->habits->user_timeout_ms);
	}
	return now - sk->rcv_tstamp_ms > limit && since > limit;
}

/* For tcp_info: how often, in how many series, for how long.  Linux: tcp_update_rto_stats. */
void tcp_rto_note(const struct ho_stack *st, struct sock *sk)
{
	if (!sk->retransmits) {
		sk->busy->total_rto_recoveries++;
		sk->busy->rto_stamp_ms = (uint32_t)st->now_ms ? (uint32_t)st->now_ms : 1;
	}
	if (sk->retransmits < 255)
		sk->retransmits++;
	sk->busy->total_rto++;
}

void tcp_rto_over(const struct ho_stack *st, struct sock *sk)
{
	if (!sk->busy->rto_stamp_ms)
		return;
	sk->busy->total_rto_time_ms += (uint32_t)st->now_ms - sk->busy->rto_stamp_ms;
	sk->busy->rto_stamp_ms = 0;
}

static void retransmit_on_timer(struct ho_stack *st, struct sock *sk)
{
	if (sk->busy->fo_child) {
		tcp_fastopen_on_timer(st, sk);
		return;
	}
	cause_timer(st, sk->state == HO_SYN_SENT ? "syn timer" : "retransmission timer");
	if (!sk->packets_out || !sk->busy->rtx_head)
		return;
	if (!sk->snd_wnd && !sk->dead && !state_is(sk, IN_(HO_SYN_SENT) | IN_(HO_SYN_RECV))) {
		if (shut_window_timed_out(st, sk)) {
			tcp_write_error(st, sk, HO_WHY_TIMED_OUT);
			return;
		}
		tcp_enter_loss(st, sk);
		tcp_retransmit(st, sk, sk->busy->rtx_head, 1);
	} else {
		count_why(st, sk, HO_TcpExtTCPTimeouts, 1, HO_WHY_RTO, sk->rto_ms, sk->retransmits + 1u);
		if (write_timeout(st, sk))
			return;
		failed_state_count(st, sk);
		tcp_enter_loss(st, sk);
		tcp_rto_note(st, sk);
		if (sk->busy->syn_retries < 255)
			sk->busy->syn_retries++;
		if (tcp_retransmit(st, sk, sk->busy->rtx_head, 1) == -ENOBUFS) {
			tcp_timer_write(st, sk, WRITE_RETRANS, 500);
			return;
		}
	}
	backoff(st, sk);
	tcp_timer_write(st, sk, WRITE_RETRANS, clamp_to_user_timeout(st, sk));
	if (timed_out(st, sk, st->ctl.tcp_retries1 + 1, 0))
		tcp_route_forget(sk);
}

/* The path is broken, not crowded: the last doubling is taken back (RFC 6069).  Linux: tcp_ld_RTO_revert. */
void tcp_rto_revert(struct ho_stack *st, struct sock *sk)
{
	int64_t left_us;

	if (!sk->retransmits || !sk->busy->backoff || !sk->busy->rtx_head)
		return;
	sk->busy->backoff--;
	if (sk->srtt_us)
		tcp_rto_set(st, sk);
	else
		sk->rto_ms = TCP_TIMEOUT_INIT_MS;
	sk->rto_ms = (uint32_t)((uint64_t)sk->rto_ms << min_u32(sk->busy->backoff, 16) > tcp_rto_max_ms(st, sk)
	                                ? tcp_rto_max_ms(st, sk)
	                                : sk->rto_ms << sk->busy->backoff);
	left_us = tcp_rto_delta_us(st, sk);
	if (left_us > 0)
		tcp_timer_write(st, sk, WRITE_RETRANS, (uint32_t)((left_us + 999) / 1000));
	else
		retransmit_on_timer(st, sk);
}

/* ---- zero window ---- */

static uint32_t probe_interval_ms(const struct ho_stack *st, const struct sock *sk)
{
	uint64_t ms = (uint64_t)max_u32(sk->rto_ms, 200) << min_u32(sk->busy->backoff, 10);

	return ms < tcp_rto_max_ms(st, sk) ? (uint32_t)ms : tcp_rto_max_ms(st, sk);
}

/* Arms it, at the latest for the end that TCP_USER_TIMEOUT sets.  Linux: tcp_clamp_probe0_to_user_timeout. */
void tcp_probe_timer(struct ho_stack *st, struct sock *sk)
{
	uint32_t in_ms = probe_interval_ms(st, sk);

	if (sk->habits->user_timeout_ms && sk->busy->probes_stamp_ms) {
		int64_t left = (int64_t)sk->habits->user_timeout_ms - (int64_t)((uint32_t)st->now_ms - sk->busy->probes_stamp_ms);

		in_ms = min_u32(in_ms, left < 2 ? 2 : (uint32_t)left);
	}
	tcp_timer_write(st, sk, WRITE_PROBE0, in_ms + tcp_pace_delay_ms(st, sk));
}

static void probe_on_timer(struct ho_stack *st, struct sock *sk)
{
	uint32_t max = st->ctl.tcp_retries2;

	cause_timer(st, "persist timer");
	if (sk->packets_out || !sk->busy->wq_head) {
		sk->probes_out = 0;
		sk->busy->probes_stamp_ms = 0;
		return;
	}
	if (!sk->busy->probes_stamp_ms) {
		sk->busy->probes_stamp_ms = (uint32_t)st->now_ms ? (uint32_t)st->now_ms : 1;
	} else if (sk->habits->user_timeout_ms && (uint32_t)st->now_ms - sk->busy->probes_stamp_ms >= sk->habits->user_timeout_ms) {
		tcp_write_error(st, sk, HO_WHY_PROBES_TIMED_OUT);
		return;
	}
	if (sk->dead) {
		bool alive = probe_interval_ms(st, sk) < tcp_rto_max_ms(st, sk);

		max = orphan_retries(st, sk, alive);
		if (!alive && sk->busy->backoff >= max) {
			tcp_write_error(st, sk, HO_WHY_PROBES_TIMED_OUT);
			return;
		}
		if (out_of_resources(st, sk, true))
			return;
	}
	if (sk->probes_out >= max)
		tcp_write_error(st, sk, HO_WHY_PROBES_TIMED_OUT);
	else
		tcp_probe0_send(st, sk);
}

static void write_on_timer(struct ho_stack *st, struct sock *sk)
{
	uint8_t what = sk->busy->pending;

	if (sk->state == HO_CLOSE || sk->state == HO_LISTEN || what == WRITE_NONE)
		return;
	if (sk->busy->write_at_ms > st->now_ms) {
		wheel_arm(&st->wheel, &sk->busy->write_timer, (uint32_t)sk->busy->write_at_ms);
		return;
	}
	switch (what) {
	case WRITE_TLP:
		cause_timer(st, "loss probe timer");
		tcp_loss_probe_send(st, sk);
		break;
	case WRITE_REORDER:
		cause_timer(st, "reordering timer");
		tcp_rack_on_timer(st, sk);
		break;
	case WRITE_RETRANS:
		sk->busy->pending = WRITE_NONE;
		retransmit_on_timer(st, sk);
		break;
	case WRITE_PROBE0:
		sk->busy->pending = WRITE_NONE;
		probe_on_timer(st, sk);
		break;
	default:
		break;
	}
}

/* ---- delayed ACK ---- */

static void delack_on_timer(struct ho_stack *st, struct sock *sk)
{
	uint32_t waited;

	cause_timer(st, "delayed ack timer");
	if (sk->state == HO_CLOSE || sk->state == HO_LISTEN)
		return;
	if (sk->busy->ack.compressed) {
		tcp_compressed_ack_send(st, sk);
		return;
	}
	if (!(sk->ack.pending & ACK_TIMER))
		return;
	if (sk->busy->ack.timeout_ms > st->now_ms) {
		wheel_arm(&st->wheel, &sk->busy->delack_timer, (uint32_t)sk->busy->ack.timeout_ms);
		return;
	}
	sk->ack.pending &= (uint8_t)~ACK_TIMER;
	if (!(sk->ack.pending & ACK_SCHED))
		return;
	if (!tcp_in_pingpong(st, sk)) {
		sk->ack.ato_ms = min_u32(sk->ack.ato_ms << 1, sk->rto_ms);
	} else {
		sk->ack.pingpong = 0;
		sk->ack.ato_ms = TCP_ATO_MIN_MS;
	}
	waited = (uint32_t)st->now_ms - sk->ack.lrcvtime_ms;
	tcp_send_ack(st, sk);
	count_why(st, sk, HO_TcpExtDelayedACKs, 1, HO_WHY_DELAYED_ACK, waited, 0);
}

/* ---- keepalive, and the patience with an orphan in FIN-WAIT-2 ---- */

/* A negative sysctl is a time that does not come: measured, the timer stands 71582 minutes ahead. */
uint32_t tcp_keep_idle_ms(const struct ho_stack *st, const struct sock *sk)
{
	return (sk->habits->keep_idle_s ? sk->habits->keep_idle_s : st->ctl.tcp_keepalive_time) * 1000;
}

uint32_t tcp_keep_intvl_ms(const struct ho_stack *st, const struct sock *sk)
{
	return (sk->habits->keep_intvl_s ? sk->habits->keep_intvl_s : st->ctl.tcp_keepalive_intvl) * 1000;
}

uint32_t tcp_keep_probes(const struct ho_stack *st, const struct sock *sk)
{
	return sk->habits->keep_probes ? sk->habits->keep_probes : st->ctl.tcp_keepalive_probes;
}

/* Since the peer was last heard of. */
uint32_t tcp_idle_ms(const struct ho_stack *st, const struct sock *sk)
{
	return min_u32((uint32_t)st->now_ms - sk->rcv_tstamp_ms, (uint32_t)st->now_ms - sk->ack.lrcvtime_ms);
}

void tcp_keepalive_set(struct ho_stack *st, struct sock *sk, bool on)
{
	if (sk->type != HO_SOCK_STREAM || state_is(sk, IN_(HO_CLOSE) | IN_(HO_LISTEN)))
		return;
	if (on)
		tcp_timer_keep(st, sk, tcp_keep_idle_ms(st, sk));
	else
		wheel_cancel(&st->wheel, &sk->keep_timer);
}

static void fin_wait2_over(struct ho_stack *st, struct sock *sk)
{
	uint32_t left = tcp_fin_time_ms(st, sk);

	if (sk->habits->linger2_s >= 0 && left > TCP_TIMEWAIT_LEN_MS) {
		tcp_time_wait(st, sk, HO_FIN_WAIT2, left - TCP_TIMEWAIT_LEN_MS);
		return;
	}
	tcp_reset_send_active(st, sk);
	tcp_done(st, sk);
}

/* ---- a close() that waits: no keepalive goes out while a FIN is unacknowledged, so its timer is free ---- */

#define LINGER_STEP_S 1000000 /* the wheel takes 12 days */

/* habits.linger_s is what is left; below 0 it never ends. */
void tcp_linger_start(struct ho_stack *st, struct sock *sk)
{
	sk->lingers = true;
	wheel_cancel(&st->wheel, &sk->keep_timer);
	if (sk->habits->linger_s > 0)
		tcp_timer_keep(st, sk, (uint32_t)min_i32(sk->habits->linger_s, LINGER_STEP_S) * 1000);
}

void tcp_linger_stop(struct ho_stack *st, struct sock *sk)
{
	sk->lingers = false;
	wheel_cancel(&st->wheel, &sk->keep_timer);
}

static void linger_on_timer(struct ho_stack *st, struct sock *sk)
{
	sk->habits->linger_s -= min_i32(sk->habits->linger_s, LINGER_STEP_S);
	if (sk->habits->linger_s > 0)
		tcp_linger_start(st, sk);
	else
		sock_wake(st, sk);
}

static void keep_on_timer(struct ho_stack *st, struct sock *sk)
{
	uint32_t idle_ms, limit_ms = tcp_keep_idle_ms(st, sk);

	if (unlikely(sk->lingers)) {
		cause_timer(st, "linger timer");
		linger_on_timer(st, sk);
		return;
	}
	cause_timer(st, "keepalive timer");
	if (sk->state == HO_FIN_WAIT2 && sk->dead) {
		fin_wait2_over(st, sk);
		return;
	}
	if (!sk->keepalive || state_is(sk, IN_(HO_CLOSE) | IN_(HO_SYN_SENT) | IN_(HO_LISTEN)))
		return;
	if (sk->packets_out || sk->busy->wq_head) {
		tcp_timer_keep(st, sk, limit_ms);
		return;
	}
	idle_ms = tcp_idle_ms(st, sk);
	if (idle_ms < limit_ms) {
		tcp_timer_keep(st, sk, limit_ms - idle_ms);
		return;
	}
	if (sk->probes_out > 0 && (int32_t)tcp_keep_intvl_ms(st, sk) < 0) {
		tcp_timer_keep(st, sk, WHEEL_AHEAD_MAX);
		return;
	}
	if (!sock_busy(st, sk)) {
		tcp_timer_keep(st, sk, 500);
		return;
	}
	if ((sk->habits->user_timeout_ms && idle_ms >= sk->habits->user_timeout_ms && sk->probes_out > 0) ||
	    (!sk->habits->user_timeout_ms && sk->probes_out >= tcp_keep_probes(st, sk))) {
		tcp_reset_send_active(st, sk);
		tcp_write_error(st, sk, HO_WHY_KEEPALIVE_TIMED_OUT);
		return;
	}
	if (tcp_write_wakeup(st, sk, HO_TcpExtTCPKeepAlive) <= 0) {
		sk->probes_out++;
		tcp_timer_keep(st, sk, tcp_keep_intvl_ms(st, sk));
	} else {
		tcp_timer_keep(st, sk, 500);
	}
}

void tcp_on_timer(struct ho_stack *st, struct timer *t)
{
	tcp_reap(st);
	switch (t->kind) {
	case T_TIMEWAIT:
		cause_timer(st, "time-wait timer");
		timewait_on_timer(st, t);
		break;
	case T_WRITE:
		write_on_timer(st, container_of(t, struct busy, write_timer)->sk);
		break;
	case T_DELACK:
		delack_on_timer(st, container_of(t, struct busy, delack_timer)->sk);
		break;
	case T_KEEP:
		keep_on_timer(st, container_of(t, struct sock, keep_timer));
		break;
	case T_PACE:
		tcp_send_on(st, container_of(t, struct busy, pace_timer)->sk);
		break;
	case T_COMPRESS:
		tcp_compressed_ack_send(st, container_of(t, struct busy, compress_timer)->sk);
		break;
	default:
		assert(t->kind <= T_PACE);
	}
}
