/* SPDX-License-Identifier: MIT
 * Options of level SOL_TCP, and struct tcp_info.  Source: Linux 6.18 net/ipv4/tcp.c do_tcp_setsockopt, tcp_get_info. */
#include "tcp_cc.h"

static int int_of(const void *val, size_t len_bytes, int *out)
{
	int32_t v;

	if (len_bytes < sizeof(v))
		return -EINVAL;
	memcpy(&v, val, sizeof(v));
	*out = v;
	return 0;
}

static void push_now(struct ho_stack *st, struct sock *sk)
{
	if (state_is(sk, IN_(HO_ESTABLISHED) | IN_(HO_CLOSE_WAIT)))
		tcp_push_pending(st, sk, tcp_current_mss(st, sk), sk->nonagle);
}

static int set_cork(struct ho_stack *st, struct sock *sk, bool on)
{
	if (on) {
		sk->nonagle |= NAGLE_CORK;
		return 0;
	}
	sk->nonagle &= (uint8_t)~NAGLE_CORK;
	if (sk->nonagle & NAGLE_OFF)
		sk->nonagle |= NAGLE_PUSH;
	push_now(st, sk);
	return 0;
}

static int set_nodelay(struct ho_stack *st, struct sock *sk, bool on)
{
	if (on) {
		sk->nonagle |= NAGLE_OFF | NAGLE_PUSH;
		push_now(st, sk);
	} else {
		sk->nonagle &= (uint8_t)~NAGLE_OFF;
	}
	return 0;
}

static int set_quickack(struct ho_stack *st, struct sock *sk, int v)
{
	if (v == 0) {
		sk->ack.pingpong = (uint8_t)st->ctl.tcp_pingpong_thresh;
		return 0;
	}
	sk->ack.pingpong = 0;
	if (state_is(sk, IN_(HO_ESTABLISHED) | IN_(HO_CLOSE_WAIT)) && (sk->ack.pending & ACK_SCHED)) {
		sk->ack.pending |= ACK_PUSHED;
		tcp_cleanup_rbuf(st, sk, 1);
		if (!(v & 1))
			sk->ack.pingpong = (uint8_t)st->ctl.tcp_pingpong_thresh;
	}
	return 0;
}

static int set_keepidle(struct ho_stack *st, struct sock *sk, int v)
{
	uint32_t idle_ms = tcp_idle_ms(st, sk);
	struct habits *h;

	if (v < 1 || v > 32767)
		return -EINVAL;
	h = sock_habits(st, sk);
	if (h == NULL)
		return -ENOMEM;
	h->keep_idle_s = (uint32_t)v;
	if (sk->keepalive && !state_is(sk, IN_(HO_CLOSE) | IN_(HO_LISTEN)))
		tcp_timer_keep(st, sk, sk->habits->keep_idle_s * 1000 > idle_ms ? sk->habits->keep_idle_s * 1000 - idle_ms : 0);
	return 0;
}

static int in_range(int v, int min, int max, uint32_t *to)
{
	if (v < min || v > max)
		return -EINVAL;
	*to = (uint32_t)v;
	return 0;
}

static int set_congestion(struct ho_stack *st, struct sock *sk, const void *val, size_t len_bytes)
{
	const struct cc *cc;
	size_t n = 0;

	if (len_bytes == 0)
		return -EINVAL;
	while (n < len_bytes && ((const char *)val)[n])
		n++;
	cc = tcp_cc_find(val, n);
	if (cc == NULL)
		return -ENOENT;
	tcp_cc_set(st, sk, cc);
	sk->cc_chosen = true;
	return 0;
}

/* TCP_DEFER_ACCEPT counts firings of the SYN+ACK timer: seconds become as many as cover them (Linux: secs_to_retrans). */
static uint32_t retries_of_seconds(int seconds)
{
	uint32_t step = 1, period = 1, n = 1;

	if (seconds <= 0)
		return 0;
	while ((uint32_t)seconds > period && n < 255) {
		n++;
		step = min_u32(step << 1, TCP_RTO_MAX_MS / 1000);
		period += step;
	}
	return n;
}

static int32_t seconds_of_retries(uint32_t n)
{
	uint32_t step = 1, period = n ? 1 : 0;

	for (; n > 1; n--) {
		step = min_u32(step << 1, TCP_RTO_MAX_MS / 1000);
		period += step;
	}
	return (int32_t)period;
}

static int defer_accept_set(struct ho_stack *st, struct sock *sk, int seconds)
{
	if (sock_habits(st, sk) == NULL)
		return -ENOMEM;
	sk->habits->defer_accept = retries_of_seconds(seconds);
	return 0;
}

/* To a habit of its own, which it may have to get first.  Gives  0, -EINVAL, -ENOMEM. */
#define HABIT_SET(st, sk, habit, v, min, max) \
	((v) < (min) || (v) > (max) ? -EINVAL : sock_habits(st, sk) == NULL ? -ENOMEM : ((sk)->habits->habit = (v), 0))

static int set_window_clamp(struct sock *sk, int v)
{
	if (v == 0) {
		if (sk->state != HO_CLOSE)
			return -EINVAL;
		sk->window_clamp = 0;
		return 0;
	}
	v = max_i32(v, 1);
	if (sk->state == HO_CLOSE || sk->state == HO_LISTEN)
		sk->window_clamp = max_u32(1152, (uint32_t)v);
	else
		tcp_window_clamp_set(sk, (uint32_t)v);
	return 0;
}

int tcp_sock_setopt(struct ho_stack *st, struct sock *sk, int name, const void *val, size_t len_bytes)
{
	uint32_t n;
	int v, err;

	if (!state_is(sk, IN_(HO_CLOSE) | IN_(HO_LISTEN)) && !sock_busy(st, sk))
		return -ENOMEM; /* it may send, or learn */
	if (name == HO_TCP_CONGESTION)
		return set_congestion(st, sk, val, len_bytes);
	if (name == HO_TCP_FASTOPEN || name == HO_TCP_FASTOPEN_KEY || name == HO_TCP_FASTOPEN_CONNECT ||
	    name == HO_TCP_FASTOPEN_NO_COOKIE)
		return tcp_fastopen_setopt(st, sk, name, val, len_bytes);
	err = int_of(val, len_bytes, &v);
	if (err)
		return err;
	switch (name) {
	case HO_TCP_NODELAY:
		return set_nodelay(st, sk, v);
	case HO_TCP_CORK:
		return set_cork(st, sk, v);
	case HO_TCP_MAXSEG:
		if (v && (v < (int)TCP_MIN_MSS || v > 32767))
			return -EINVAL;
		sk->user_mss = (uint16_t)v;
		return 0;
	case HO_TCP_KEEPIDLE:
		return set_keepidle(st, sk, v);
	case HO_TCP_KEEPINTVL:
		return HABIT_SET(st, sk, keep_intvl_s, v, 1, 32767);
	case HO_TCP_KEEPCNT:
		return HABIT_SET(st, sk, keep_probes, v, 1, 127);
	case HO_TCP_SYNCNT:
		err = in_range(v, 1, 127, &n);
		if (!err)
			sk->syn_retries_max = (uint8_t)n;
		return err;
	case HO_TCP_LINGER2:
		return HABIT_SET(st, sk, linger2_s, v < 0 ? -1 : min_i32(v, 120), -1, 120);
	case HO_TCP_DEFER_ACCEPT:
		return defer_accept_set(st, sk, v);
	case HO_TCP_WINDOW_CLAMP:
		return set_window_clamp(sk, v);
	case HO_TCP_QUICKACK:
		return set_quickack(st, sk, v);
	case HO_TCP_THIN_LINEAR_TIMEOUTS:
		err = in_range(v, 0, 1, &n);
		if (!err)
			sk->thin_linear = n;
		return err;
	case HO_TCP_THIN_DUPACK:
		return in_range(v, 0, 1, &n);
	case HO_TCP_INQ:
		err = in_range(v, 0, 1, &n);
		if (!err)
			sk->recvmsg_inq = n;
		return err;
	case HO_TCP_USER_TIMEOUT:
		return HABIT_SET(st, sk, user_timeout_ms, v, 0, INT32_MAX);
	case HO_TCP_NOTSENT_LOWAT:
		return HABIT_SET(st, sk, notsent_lowat, v, INT32_MIN, INT32_MAX);
	case HO_TCP_RTO_MAX_MS:
		return HABIT_SET(st, sk, rto_max_ms, v, 1000, 120000);
	default:
		return -ENOPROTOOPT;
	}
}

/* ---- struct tcp_info ---- */

static uint32_t ms_since(const struct ho_stack *st, uint32_t then)
{
	return (uint32_t)st->now_ms - then;
}

void tcp_info_fill(const struct ho_stack *st, struct sock *sk, struct ho_tcp_info *i)
{
	bool settled = sk->state != HO_SYN_SENT; /* what was offered is not agreed on yet */

	memset(i, 0, sizeof(*i));
	i->tcpi_state = sk->state;
	i->tcpi_pacing_rate = tcp_pacing_rate(sk);
	i->tcpi_max_pacing_rate = sk->habits->max_pacing_rate;
	i->tcpi_reordering = sk->reordering;
	i->tcpi_snd_cwnd = sk->snd_cwnd;
	if (sk->state == HO_LISTEN) {
		i->tcpi_unacked = sk->l->accept_count;
		i->tcpi_sacked = sk->l->backlog;
		return;
	}
	i->tcpi_ca_state = sk->ca_state;
	i->tcpi_retransmits = sk->retransmits;
	i->tcpi_probes = sk->probes_out;
	i->tcpi_backoff = sk->busy->backoff;
	i->tcpi_options = (uint8_t)((settled && sk->ts_ok ? 1 : 0) | (settled && sk->sack_ok ? 2 : 0) |
	                             (settled && sk->wscale_ok ? 4 : 0) |
	                             (sk->ecn & ECN_OK ? 8 : 0) | (sk->ecn & ECN_SEEN ? 16 : 0) |
	                             (sk->fastopen & FO_SYN_DATA_ACKED ? 32 : 0) |
	                             (sk->fastopen & FO_CHILD ? 128 : 0));
	i->tcpi_fastopen_client_fail = sk->fastopen_fail & 3u;
	if (settled && sk->wscale_ok) {
		i->tcpi_snd_wscale = (uint8_t)(sk->snd_wscale & 15);
		i->tcpi_rcv_wscale = (uint8_t)(sk->rcv_wscale & 15);
	}
	i->tcpi_rto = sk->rto_ms * 1000;
	i->tcpi_ato = min_u32(sk->ack.ato_ms, TCP_DELACK_MAX_MS) * 1000;
	i->tcpi_snd_mss = sk->mss_cache;
	i->tcpi_rcv_mss = sk->ack.rcv_mss;
	i->tcpi_unacked = sk->packets_out;
	i->tcpi_sacked = sk->busy->sacked_out;
	i->tcpi_lost = sk->busy->lost_out;
	i->tcpi_retrans = sk->busy->retrans_out;
	i->tcpi_last_data_sent = ms_since(st, sk->lsndtime_ms);
	i->tcpi_last_data_recv = ms_since(st, (uint32_t)sk->ack.lrcvtime_ms);
	i->tcpi_last_ack_recv = ms_since(st, sk->rcv_tstamp_ms);
	i->tcpi_pmtu = sk->pmtu;
	i->tcpi_rcv_ssthresh = sk->rcv_ssthresh;
	i->tcpi_rtt = sk->srtt_us >> 3;
	i->tcpi_rttvar = sk->mdev_us >> 2;
	i->tcpi_snd_ssthresh = sk->snd_ssthresh;
	i->tcpi_advmss = sk->advmss;
	i->tcpi_rcv_rtt = sk->rcv_rtt.rtt_us >> 3;
	i->tcpi_rcv_space = sk->rcvq.space;
	i->tcpi_total_retrans = sk->busy->total_retrans;
	i->tcpi_bytes_acked = sk->bytes_acked;
	i->tcpi_bytes_received = sk->bytes_received;
	i->tcpi_segs_out = sk->segs_out;
	i->tcpi_segs_in = sk->segs_in;
	i->tcpi_notsent_bytes = seq_sub(sk->write_seq, sk->snd_nxt);
	i->tcpi_min_rtt = tcp_min_rtt_us(sk);
	i->tcpi_delivery_rate = tcp_delivery_rate(sk);
	i->tcpi_delivery_rate_app_limited = sk->rate_app_limited;
	i->tcpi_data_segs_in = sk->data_segs_in;
	i->tcpi_data_segs_out = sk->data_segs_out;
	i->tcpi_delivered = (uint32_t)sk->delivered;
	i->tcpi_delivered_ce = (uint32_t)sk->busy->delivered_ce;
	i->tcpi_bytes_sent = sk->bytes_sent;
	i->tcpi_bytes_retrans = sk->busy->bytes_retrans;
	i->tcpi_rwnd_limited = tcp_chrono_us(st, sk, CHRONO_RWND);
	i->tcpi_sndbuf_limited = tcp_chrono_us(st, sk, CHRONO_SNDBUF);
	i->tcpi_busy_time = tcp_chrono_us(st, sk, CHRONO_BUSY) + i->tcpi_rwnd_limited + i->tcpi_sndbuf_limited;
	i->tcpi_dsack_dups = sk->busy->dsack_dups;
	i->tcpi_reord_seen = sk->busy->reord_seen;
	i->tcpi_rcv_ooopack = sk->busy->rcv_ooopack;
	i->tcpi_snd_wnd = sk->snd_wnd;
	i->tcpi_rcv_wnd = sk->rcv_wnd;
	i->tcpi_rehash = sk->busy->timeout_rehash;
	i->tcpi_received_ce = sk->busy->received_ce;
	i->tcpi_received_e1_bytes = sk->busy->received_ecn_bytes[0];
	i->tcpi_received_e0_bytes = sk->busy->received_ecn_bytes[1];
	i->tcpi_received_ce_bytes = sk->busy->received_ecn_bytes[2];
	i->tcpi_total_rto = sk->busy->total_rto;
	i->tcpi_total_rto_recoveries = sk->busy->total_rto_recoveries;
	i->tcpi_total_rto_time = sk->busy->total_rto_time_ms + (sk->busy->rto_stamp_ms ? ms_since(st, sk->busy->rto_stamp_ms) : 0);
}

static int give(const void *what, size_t what_bytes, void *val, size_t *len_bytes)
{
	size_t n = *len_bytes < what_bytes ? *len_bytes : what_bytes;

	if (n != 0)
		memcpy(val, what, n);
	*len_bytes = n;
	return 0;
}

static int32_t option_value(const struct ho_stack *st, const struct sock *sk, int name, bool *known)
{
	switch (name) {
	case HO_TCP_NODELAY:
		return (sk->nonagle & NAGLE_OFF) != 0;
	case HO_TCP_CORK:
		return (sk->nonagle & NAGLE_CORK) != 0;
	case HO_TCP_MAXSEG:
		return (int32_t)(state_is(sk, IN_(HO_CLOSE) | IN_(HO_LISTEN)) && sk->user_mss ? sk->user_mss : sk->mss_cache);
	case HO_TCP_KEEPIDLE:
		return (int32_t)tcp_keep_idle_ms(st, sk) / 1000;
	case HO_TCP_KEEPINTVL:
		return (int32_t)tcp_keep_intvl_ms(st, sk) / 1000;
	case HO_TCP_KEEPCNT:
		return (int32_t)tcp_keep_probes(st, sk);
	case HO_TCP_SYNCNT:
		return (int32_t)(sk->syn_retries_max ? sk->syn_retries_max : st->ctl.tcp_syn_retries);
	case HO_TCP_LINGER2:
		return sk->habits->linger2_s ? sk->habits->linger2_s : (int32_t)st->ctl.tcp_fin_timeout;
	case HO_TCP_DEFER_ACCEPT:
		return seconds_of_retries(sk->habits->defer_accept);
	case HO_TCP_WINDOW_CLAMP:
		return (int32_t)sk->window_clamp;
	case HO_TCP_QUICKACK:
		return !tcp_in_pingpong(st, sk);
	case HO_TCP_THIN_LINEAR_TIMEOUTS:
		return sk->thin_linear;
	case HO_TCP_THIN_DUPACK:
		return 0;
	case HO_TCP_USER_TIMEOUT:
		return (int32_t)sk->habits->user_timeout_ms;
	case HO_TCP_NOTSENT_LOWAT:
		return (int32_t)sk->habits->notsent_lowat;
	case HO_TCP_RTO_MAX_MS:
		return (int32_t)tcp_rto_max_ms(st, sk);
	case HO_TCP_INQ:
		return sk->recvmsg_inq;
	case HO_TCP_FASTOPEN:
		return sk->habits->fo_queue ? sk->habits->fo_queue->max_qlen : 0;
	case HO_TCP_FASTOPEN_CONNECT:
		return (sk->fastopen & FO_CONNECT) != 0;
	case HO_TCP_FASTOPEN_NO_COOKIE:
		return (sk->fastopen & FO_NO_COOKIE) != 0;
	default:
		*known = false;
		return 0;
	}
}

int tcp_sock_getopt(struct ho_stack *st, struct sock *sk, int name, void *val, size_t *len_bytes)
{
	uint8_t key[2 * FASTOPEN_KEY_BYTES];
	struct ho_tcp_info info;
	union cc_info cc;
	bool known = true;
	int32_t v;

	if (name == HO_TCP_INFO) {
		tcp_info_fill(st, sk, &info);
		return give(&info, sizeof(info), val, len_bytes);
	}
	if (name == HO_TCP_CC_INFO) {
		if (sk->cc->info != NULL)
			return give(&cc, sk->cc->info(sk, &cc), val, len_bytes);
		*len_bytes = 0;
		return 0;
	}
	if (name == HO_TCP_CONGESTION)
		return give(tcp_cc_name(sk->cc), strlen(tcp_cc_name(sk->cc)) + 1, val, len_bytes);
	if (name == HO_TCP_FASTOPEN_KEY)
		return give(key, tcp_fastopen_key_opt(st, sk, key), val, len_bytes);
	v = option_value(st, sk, name, &known);
	return known ? give(&v, sizeof(v), val, len_bytes) : -ENOPROTOOPT;
}
