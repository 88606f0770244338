/* SPDX-License-Identifier: MIT
 * TCP's verbs: listen, accept, connect, shutdown, close, poll.
 * Source: Linux 6.18 net/ipv4/tcp.c, af_inet.c, inet_connection_sock.c, tcp_ipv4.c tcp_v4_connect. */
#include "tcp.h"
#include "watch.h"

void tcp_sock_init(struct ho_stack *st, struct sock *sk)
{
	sk->state = HO_CLOSE;
	sk->e.kind = ENTRY_SOCK;
	sk->rto_ms = TCP_TIMEOUT_INIT_MS;
	sk->mdev_us = TCP_TIMEOUT_INIT_MS * 1000;
	sk->snd_cwnd = TCP_INIT_CWND;
	sk->snd_ssthresh = TCP_INFINITE_SSTHRESH;
	sk->mss_cache = TCP_MSS_DEFAULT;
	sk->mss_clamp = TCP_MSS_DEFAULT;
	sk->reordering = st->ctl.tcp_reordering;
	sk->app_limited = UINT32_MAX; /* the first flight is none that fills a pipe */
	sk->rate_app_limited = true;
	winfilter_reset(&sk->rtt_min, (uint32_t)st->now_ms, UINT32_MAX);
	sk->cc = st->cc;
	sk->rcvbuf = (int32_t)st->ctl.tcp_rmem[1];
	sk->sndbuf = (int32_t)st->ctl.tcp_wmem[1];
	sk->rcvlowat = 1;
	sk->scaling_ratio = 128;
	sk->tcp_header_bytes = 20;
	sk->keep_timer.kind = T_KEEP;
	sk->ip_id = (uint16_t)stack_random(st);
}

/* ---- listen, accept ---- */

int tcp_sock_listen(struct ho_stack *st, struct sock *sk, int backlog)
{
	uint32_t limit = (uint32_t)backlog;
	int err;

	if (sk->ss != SS_UNCONNECTED || !state_is(sk, IN_(HO_CLOSE) | IN_(HO_LISTEN)))
		return -EINVAL;
	if (!sock_listen_open(st, sk))
		return -ENOMEM;
	limit = min_u32(limit, st->ctl.somaxconn);
	sk->l->backlog_asked = backlog;
	if (sk->state == HO_LISTEN) {
		sk->l->backlog = limit;
		return 0;
	}
	/* again, if it has a port: with SO_REUSEADDR another one may listen there by now */
	err = port_bind(st, sk, sk->bucket ? sk->e.lport : 0);
	if (err)
		return err;
	err = tcp_fastopen_listen(st, sk, limit);
	if (err)
		return err;
	err = listener_add(st, sk);
	if (err)
		return err;
	sk->l->backlog = limit;
	sk->l->accept_count = 0; /* requests from before a shutdown() go on */
	sk->l->accept_max = sk->l->syn_max = 0;
	sk->l->accept_wanted = sk->l->accept_wanted_max = 0;
	sk->l->longest_wait = 0;
	sk->l->since = st->now;
	sk->l->last_accept = sk->l->last_drop = HO_NEVER;
	watch_state(st, sk, HO_LISTEN);
	sk->state = HO_LISTEN;
	sk->err = 0;
	return 0;
}

int tcp_sock_accept(struct ho_stack *st, struct sock *sk, struct ho_endpoint *peer)
{
	struct sock *child;
	int fd;

	if (unlikely(sk->state != HO_LISTEN))
		return -EINVAL;
	child = sk->l->accept_head;
	if (!child) {
		tcp_listen_empty_note(sk);
		return -EAGAIN;
	}
	fd = sock_fd_give(st, child);
	if (fd < 0)
		return fd;
	sk->l->accept_head = child->accept_next;
	if (!sk->l->accept_head)
		sk->l->accept_tail = NULL;
	sk->l->accept_count--;
	tcp_listen_accepted_note(st, sk, child);
	watch_queue(st, sk, &child->e, HO_QUEUE_ACCEPT, HO_LEFT_ACCEPTED);
	tcp_accept_queue_leave(child);
	child->ss = SS_CONNECTED;
	if (peer)
		*peer = (struct ho_endpoint){child->e.raddr, child->e.rport};
	if (tcp_sock_poll(st, child) & (HO_IN | HO_ERR | HO_HUP))
		sock_wake(st, child);
	return fd;
}

/* ---- connect ---- */

/* connect() again.  Source: Linux 6.18 net/ipv4/af_inet.c __inet_stream_connect. */
static int connect_again(struct ho_stack *st, struct sock *sk)
{
	int err;

	if (sk->ss == SS_DISCONNECTING)
		return -EINVAL;
	if (sk->ss == SS_CONNECTED)
		return -EISCONN;
	if (state_is(sk, IN_(HO_SYN_SENT) | IN_(HO_SYN_RECV)))
		return sk->fastopen & FO_DEFER ? -EISCONN : -EALREADY;
	if (sk->state != HO_CLOSE) {
		sk->ss = SS_CONNECTED;
		return 0;
	}
	err = sk->err != 0 ? -sk->err : -ECONNABORTED;
	sk->err = 0;
	sk->ss = SS_UNCONNECTED;
	tcp_disconnect(st, sk);
	return err;
}

int tcp_sock_connect(struct ho_stack *st, struct sock *sk, struct ho_endpoint peer, struct fastopen_req *fo)
{
	struct fastopen_req asked;
	uint32_t saddr;
	int err;

	if (sk->ss != SS_UNCONNECTED)
		return connect_again(st, sk);
	if (sk->state != HO_CLOSE)
		return -EISCONN;
	if (!sock_busy(st, sk))
		return -ENOMEM;
	if (peer.addr == HO_ADDR_ANY)
		peer.addr = HO_ADDR_LOOPBACK;
	err = ip_route(st, peer.addr, &saddr, NULL);
	if (err < 0) {
		if (err == -ENETUNREACH)
			count(st, sk, HO_IpOutNoRoutes);
		return err;
	}
	if (!sk->bound_addr || !sk->e.laddr)
		sk->e.laddr = saddr;
	else if (ip_is_loopback(sk->e.laddr) && !ip_is_local(st, peer.addr))
		return -EINVAL; /* no such source leaves the host */
	sk->e.raddr = peer.addr;
	sk->e.rport = peer.port;
	tcp_state_set(st, sk, HO_SYN_SENT);
	err = port_connect(st, sk);
	if (err) {
		sk->state = HO_CLOSE;
		return err;
	}
	watch_connect(st, sk);
	if (!sk->write_seq.n)
		sk->write_seq = tcp_isn(st, sk->e.laddr, sk->e.raddr, sk->e.lport, sk->e.rport);
	if ((sk->fastopen & FO_CONNECT) && !fo) {
		if (tcp_fastopen_defer(st, sk, &asked)) {
			sk->ss = SS_CONNECTING;
			sock_wake(st, sk);
			return 0;
		}
		fo = &asked;
	}
	err = tcp_connect_send(st, sk, fo);
	if (err) {
		tcp_state_set(st, sk, HO_CLOSE);
		return err;
	}
	sk->ss = SS_CONNECTING;
	return -EINPROGRESS;
}

/* ---- shutdown, close ---- */

int tcp_sock_shutdown(struct ho_stack *st, struct sock *sk, int how)
{
	uint8_t bits = how == HO_SHUT_RD ? SHUT_RCV : how == HO_SHUT_WR ? SHUT_SND : SHUT_RCV | SHUT_SND;
	bool fin;

	if (how < 0 || how > 2)
		return -EINVAL;
	if (sk->ss == SS_CONNECTING)
		sk->ss = state_is(sk, IN_(HO_SYN_SENT) | IN_(HO_SYN_RECV) | IN_(HO_CLOSE)) ? SS_DISCONNECTING :
		                                                                             SS_CONNECTED;
	if (sk->state == HO_CLOSE) { /* told, and yet it is done */
		sk->shutdown |= bits;
		sock_wake(st, sk);
		return -ENOTCONN;
	}
	if (sk->state == HO_LISTEN && !(bits & SHUT_RCV))
		return 0;
	if (state_is(sk, IN_(HO_LISTEN) | IN_(HO_SYN_SENT)))
		return tcp_sock_disconnect(st, sk);
	fin = (bits & SHUT_SND) && state_is(sk, IN_(HO_ESTABLISHED) | IN_(HO_CLOSE_WAIT));
	if (fin && !(sock_busy(st, sk) && tcp_fin_room(st, sk)))
		return -ENOMEM;
	sk->shutdown |= bits; /* in SYN-RECEIVED the FIN waits for the handshake's end */
	if (fin && tcp_close_state(st, sk))
		tcp_fin_send(st, sk);
	sock_wake(st, sk);
	return 0;
}

static uint32_t unread_bytes(const struct sock *sk)
{
	uint32_t n = 0;

	for (const struct rxseg *r = sk->busy->rx_head; r; r = r->next) {
		seq_t end = seq_add(r->seq, r->len_bytes);

		if (seq_gt(end, sk->copied_seq))
			n += seq_lt(r->seq, sk->copied_seq) ? seq_sub(end, sk->copied_seq) : r->len_bytes;
	}
	return n;
}

static void rx_queue_drop(struct ho_stack *st, struct sock *sk)
{
	struct rxseg *r;

	if (!sk->busy->rx_head)
		return;
	while ((r = sk->busy->rx_head)) {
		sk->busy->rx_head = r->next;
		rxseg_free(st, sk, r);
	}
	sk->busy->rx_tail = NULL;
}

/* FIN-WAIT-2 without a program: a bucket will do.  Gives  true when the socket is gone. */
static bool orphan_fin_wait2(struct ho_stack *st, struct sock *sk)
{
	uint32_t tmo = tcp_fin_time_ms(st, sk);

	if (sk->habits->linger2_s < 0) {
		tcp_state_set(st, sk, HO_CLOSE);
		tcp_reset_send_active(st, sk);
		count_why(st, sk, HO_TcpExtTCPAbortOnLinger, 1, HO_WHY_LINGER2, 0, 0);
		return false;
	}
	if (tmo > TCP_TIMEWAIT_LEN_MS) {
		tcp_timer_keep(st, sk, tmo - TCP_TIMEWAIT_LEN_MS);
		return false;
	}
	tcp_time_wait(st, sk, HO_FIN_WAIT2, tmo);
	return true;
}

static void listener_close(struct ho_stack *st, struct sock *sk)
{
	tcp_listen_stop(st, sk);
	tcp_destroy(st, sk);
}

/* What close() does before it waits.  Gives  false when the socket is gone. */
static bool close_begin(struct ho_stack *st, struct sock *sk)
{
	uint32_t unread;

	sk->shutdown = SHUT_RCV | SHUT_SND;
	if (unlikely(sk->state == HO_LISTEN)) {
		listener_close(st, sk);
		return false;
	}
	unread = unread_bytes(sk);
	rx_queue_drop(st, sk);
	if (unlikely(sk->state == HO_CLOSE)) {
		tcp_destroy(st, sk);
		return false;
	}
	if (unlikely(unread)) {
		count_why(st, sk, HO_TcpExtTCPAbortOnClose, 1, HO_WHY_UNREAD_DATA, unread, 0);
		tcp_state_set(st, sk, HO_CLOSE);
		tcp_reset_send_active(st, sk);
	} else if (unlikely(sk->linger_on && !sk->habits->linger_s)) {
		count_why(st, sk, HO_TcpExtTCPAbortOnData, 1, HO_WHY_LINGER_ZERO, 0, 0);
		tcp_disconnect(st, sk);
	} else if (tcp_close_state(st, sk)) {
		tcp_fin_send(st, sk);
	}
	return sk->e.kind != 0;
}

/* The connection goes on without a program, or is gone. */
static void close_end(struct ho_stack *st, struct sock *sk)
{
	if (unlikely(sk->state == HO_CLOSE)) {
		tcp_destroy(st, sk);
		return;
	}
	tcp_orphan(st, sk);
	if (unlikely(sk->state == HO_FIN_WAIT2 && orphan_fin_wait2(st, sk)))
		return;
	if (unlikely(sk->state != HO_CLOSE && tcp_check_oom(st, sk, 0))) {
		tcp_state_set(st, sk, HO_CLOSE);
		tcp_reset_send_active(st, sk);
	}
	if (unlikely(sk->state == HO_CLOSE))
		tcp_destroy(st, sk);
}

void tcp_sock_close(struct ho_stack *st, struct sock *sk)
{
	if (unlikely(sk->lingers))
		tcp_linger_stop(st, sk);
	else if (unlikely(!close_begin(st, sk)))
		return;
	close_end(st, sk);
}

/* Linux: sk_stream_closing. */
static bool fin_unacked(const struct sock *sk)
{
	return state_is(sk, IN_(HO_FIN_WAIT1) | IN_(HO_CLOSING) | IN_(HO_LAST_ACK));
}

static bool fin_to_wait_for(const struct sock *sk)
{
	return fin_unacked(sk) || state_is(sk, IN_(HO_SYN_RECV) | IN_(HO_ESTABLISHED) | IN_(HO_CLOSE_WAIT));
}

bool tcp_sock_lingers(struct ho_stack *st, struct sock *sk)
{
	if (!sk->lingers) {
		if (!sk->linger_on || !sk->habits->linger_s || !fin_to_wait_for(sk) || unread_bytes(sk))
			return false;
		close_begin(st, sk);
		tcp_linger_start(st, sk);
	}
	return sk->habits->linger_s && fin_unacked(sk);
}

/* The stack dies: everything goes, nobody is told. */
void tcp_sock_vanish(struct ho_stack *st, struct sock *sk)
{
	tcp_timers_stop(st, sk);
	tcp_tx_queues_purge(st, sk);
	tcp_rx_queues_purge(st, sk);
}

/* ---- what holds now ---- */

/* Less is waiting to be sent than TCP_NOTSENT_LOWAT says; to be told of it, less than half.
 * Linux: tcp_stream_memory_free. */
bool tcp_unsent_low(const struct ho_stack *st, const struct sock *sk, bool wake)
{
	uint32_t low = unlikely(sk->habits->notsent_lowat) ? sk->habits->notsent_lowat : st->ctl.tcp_notsent_lowat;

	return (uint64_t)seq_sub(sk->write_seq, sk->snd_nxt) << wake < low;
}

/* Linux: sk_stream_is_writeable. */
bool tcp_sock_writable(const struct ho_stack *st, const struct sock *sk)
{
	if (unlikely(!tcp_unsent_low(st, sk, true)))
		return false;
	return mostly(sk->sndbuf - sk->wmem_queued >= sk->wmem_queued >> 1) && mostly(sk->wmem_queued < sk->sndbuf);
}

/* Enough to read, or no more will come until some of it is read.  Linux: tcp_poll, tcp_epollin_ready. */
static bool readable(const struct sock *sk)
{
	int32_t have = (int32_t)seq_sub(sk->rcv_nxt, sk->copied_seq);
	bool hidden_byte = likely(!sk->oob_inline) && tcp_sock_atmark(sk);

	if (have <= 0)
		return false;
	return mostly(have - hidden_byte >= sk->rcvlowat) || sk->rmem_alloc > sk->rcvbuf - (sk->rcvbuf >> 3) ||
	       tcp_receive_window(sk) <= sk->ack.rcv_mss;
}

hot_path uint32_t tcp_sock_poll(const struct ho_stack *st, const struct sock *sk)
{
	uint32_t mask = 0;

	(void)st;
	if (unlikely(sk->state == HO_LISTEN))
		return sk->l->accept_head ? HO_IN : 0;
	if (unlikely(sk->shutdown == (SHUT_RCV | SHUT_SND) || sk->state == HO_CLOSE))
		mask |= HO_HUP;
	if (unlikely(sk->shutdown & SHUT_RCV))
		mask |= HO_IN | HO_RDHUP;
	if (likely(!state_is(sk, IN_(HO_SYN_SENT) | IN_(HO_SYN_RECV))) || sk->busy->fo_child) {
		if (readable(sk))
			mask |= HO_IN;
		if (unlikely(sk->shutdown & SHUT_SND) || mostly(tcp_sock_writable(st, sk)))
			mask |= HO_OUT;
		if (unlikely(sk->busy->urg.state == URG_VALID))
			mask |= HO_PRI;
	} else if (sk->fastopen & FO_DEFER) {
		mask |= HO_OUT; /* so that somebody sends */
	}
	if (unlikely(sk->err || sk->habits->errors))
		mask |= HO_ERR;
	return mask;
}

static void timer_info(const struct ho_stack *st, const struct sock *sk, struct ho_sock_info *out)
{
	switch (sk->busy->pending) {
	case WRITE_RETRANS:
	case WRITE_TLP:
		out->timer = HO_TIMER_ON;
		out->retransmits = sk->retransmits;
		break;
	case WRITE_PROBE0:
		out->timer = HO_TIMER_PERSIST;
		out->retransmits = sk->probes_out;
		break;
	default:
		if (timer_armed(&sk->keep_timer) && !sk->lingers) {
			out->timer = HO_TIMER_KEEPALIVE;
			out->retransmits = sk->probes_out;
			out->timer_at = tick_time(st, sk->keep_timer.expires);
		}
		return;
	}
	out->timer_at = sk->busy->write_at_ms * HO_MS;
}

void tcp_sock_info(const struct ho_stack *st, const struct sock *sk, struct ho_sock_info *out)
{
	out->state = sk->state;
	if (sk->state == HO_LISTEN) {
		out->recv_q = sk->l->accept_count;
		out->send_q = sk->l->backlog;
		out->syn_queue = sk->l->syn_count;
		out->syn_queue_young = sk->l->syn_young;
	} else {
		out->recv_q = seq_sub(sk->rcv_nxt, sk->copied_seq);
		out->send_q = seq_sub(sk->write_seq, sk->snd_una);
		timer_info(st, sk, out);
		out->rto_ms = sk->rto_ms;
		out->ato_ms = sk->ack.ato_ms;
		out->quick_pingpong = (uint8_t)(sk->ack.quick << 1 | tcp_in_pingpong(st, sk));
		out->snd_cwnd = sk->snd_cwnd;
		out->snd_ssthresh = sk->snd_ssthresh >= TCP_INFINITE_SSTHRESH ? -1 : (int32_t)sk->snd_ssthresh;
	}
	out->drops = sk->drops;
	out->rmem_alloc = (uint32_t)sk->rmem_alloc;
	out->rcvbuf = (uint32_t)sk->rcvbuf;
	out->wmem_alloc = (uint32_t)sk->dev_bytes;
	out->sndbuf = (uint32_t)sk->sndbuf;
	out->fwd_alloc = (uint32_t)sk->fwd_alloc;
	out->wmem_queued = (uint32_t)sk->wmem_queued;
	out->accept_queued = sk->in_accept_queue;
}
