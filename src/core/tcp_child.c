/* SPDX-License-Identifier: MIT
 * The final ACK of a handshake makes a socket out of a request and its listener.
 * Source: Linux 6.18 net/ipv4/tcp_ipv4.c tcp_v4_syn_recv_sock, tcp_minisocks.c tcp_create_openreq_child. */
#include "request.h"
#include "tcp.h"
#include "watch.h"

/* Gives  false: no memory. */
static bool habits_inherit(struct ho_stack *st, struct sock *sk, const struct habits *of)
{
	const size_t bytes = offsetof(struct habits, inherited_end);
	struct habits *h;

	if (likely(memcmp(of, &habits_default, bytes) == 0))
		return true;
	h = sock_habits(st, sk);
	if (h != NULL)
		memcpy(h, of, bytes);
	return h != NULL;
}

static void child_inherit(struct sock *sk, const struct sock *lsk)
{
	sk->passive = true;
	sk->bound_addr = lsk->bound_addr;
	sk->reuseaddr = lsk->reuseaddr;
	sk->reuseport = lsk->reuseport;
	sk->keepalive = lsk->keepalive;
	sk->oob_inline = lsk->oob_inline;
	sk->shutdown = lsk->shutdown; /* from before listen() */
	sk->linger_on = lsk->linger_on;
	sk->rcvbuf = lsk->rcvbuf;
	sk->sndbuf = lsk->sndbuf;
	sk->rcvbuf_locked = lsk->rcvbuf_locked;
	sk->sndbuf_locked = lsk->sndbuf_locked;
	sk->rcvlowat = lsk->rcvlowat;
	sk->recvmsg_inq = lsk->recvmsg_inq;
	sk->tos = lsk->tos;
	sk->ttl = lsk->ttl;
	sk->min_ttl = lsk->min_ttl;
	sk->pmtudisc = lsk->pmtudisc;
	sk->nonagle = lsk->nonagle;
	sk->user_mss = lsk->user_mss;
	sk->thin_linear = lsk->thin_linear;
	sk->paced = lsk->paced;
	sk->pacing_rate = lsk->pacing_rate;
	if (lsk->cc_chosen) {
		sk->cc = lsk->cc;
		sk->cc_chosen = true;
	}
}

static void child_sequences(struct ho_stack *st, struct sock *sk, const struct request *req)
{
	seq_t rcv = seq_add(req->rcv_isn, 1), snd = seq_add(req->snt_isn, 1);

	sk->rcv_nxt = sk->rcv_wup = sk->copied_seq = rcv;
	sk->snd_una = sk->snd_nxt = sk->busy->snd_sml = sk->busy->snd_up = snd;
	sk->write_seq = sk->pushed_seq = snd;
	sk->snd_wl1 = req->rcv_isn;
	sk->ack.lrcvtime_ms = (uint32_t)st->now_ms;
	sk->lsndtime_ms = (uint32_t)st->now_ms;
}

static void child_options(struct ho_stack *st, struct sock *sk, const struct request *req, struct tcp_rx *t)
{
	sk->ts_offset = tcp_ts_offset(st, req->e.laddr, req->e.raddr);
	sk->sack_ok = req->e.flags & REQ_SACK;
	sk->ts_ok = req->e.flags & REQ_TS;
	sk->wscale_ok = req->e.flags & REQ_WSCALE;
	if (sk->wscale_ok) {
		sk->snd_wscale = req->wscales >> 4;
		sk->rcv_wscale = req->wscales & 15;
	} else {
		sk->window_clamp = min_u32(sk->window_clamp, 65535);
	}
	sk->snd_wnd = t->window << sk->snd_wscale;
	sk->max_window = sk->snd_wnd;
	sk->tcp_header_bytes = 20;
	if (sk->ts_ok) {
		sk->ts_recent = req->ts_recent;
		sk->ts_recent_stamp_s = (uint32_t)(st->now_ms / 1000);
		sk->tcp_header_bytes += TCP_TS_BYTES;
	}
	sk->mss_clamp = req->mss;
	sk->ecn = req->e.flags & REQ_ECN ? ECN_OK : 0;
}

/* The round trip of the SYN+ACK, if it was sent once only. */
static void child_synack_rtt(struct ho_stack *st, struct sock *sk, const struct request *req)
{
	uint64_t sent_ms, sent_us;

	if (req->e.retrans || req->e.kind == ENTRY_FASTOPEN)
		return;
	sent_ms = st->now_ms - (uint32_t)(now_tick(st) - (request_expires(st, req) - TCP_TIMEOUT_INIT_MS));
	sent_us = sent_ms * 1000 + (req->e.flags & REQ_OOW ? 0 : req->sent_us);
	tcp_rtt_first(st, sk, (int64_t)(st->now_us - sent_us));
}

/* What the window is a multiple of.  A cookie knows of the path only its own MSS. */
static uint32_t child_window_mss(struct ho_stack *st, const struct request *req)
{
	if (req->e.kind == 0)
		return req->mss;
	return ip_advmss(st, req->e.raddr) - (req->e.flags & REQ_TS ? TCP_TS_BYTES : 0);
}

static enum ho_why accept_full_why(const struct ho_stack *st, const struct request *req)
{
	if (req->e.kind != ENTRY_REQUEST)
		return HO_WHY_ACCEPT_QUEUE_FULL_COOKIE;
	return st->ctl.tcp_abort_on_overflow ? HO_WHY_ACCEPT_QUEUE_FULL_RST : HO_WHY_ACCEPT_QUEUE_FULL_ACK;
}

struct sock *tcp_child_make(struct ho_stack *st, struct sock *lsk, struct request *req, struct tcp_rx *t)
{
	struct sock *sk;
	uint8_t wscale;
	uint32_t wnd;
	bool full;

	if (lsk->l->accept_count > lsk->l->backlog) {
		count_why(st, lsk, HO_TcpExtListenOverflows, 1, accept_full_why(st, req), lsk->l->accept_count,
		          lsk->l->backlog);
		goto drop;
	}
	sk = sock_make(st, HO_SOCK_STREAM, HO_IPPROTO_TCP);
	if (!sk)
		goto drop;
	tcp_sock_init(st, sk);
	if (!busy_take(st, sk) || !habits_inherit(st, sk, lsk->habits)) {
		sock_free(st, sk);
		goto drop;
	}
	child_inherit(sk, lsk);
	sk->e.laddr = req->e.laddr;
	sk->e.raddr = req->e.raddr;
	sk->e.lport = req->e.lport;
	sk->e.rport = req->e.rport;
	sk->e.kind = ENTRY_SOCK;
	if (port_inherit(st, sk, req->e.lport)) {
		sock_free(st, sk);
		goto drop;
	}
	sk->window_clamp = tcp_listen_window_clamp(lsk);
	tcp_initial_window(st, tcp_full_space(lsk), child_window_mss(st, req), req->e.flags & REQ_WSCALE, &wnd,
	                   &sk->window_clamp, &wscale);
	sk->rcv_wnd = sk->rcv_ssthresh = wnd;
	child_sequences(st, sk, req);
	child_options(st, sk, req, t);
	sk->advmss = tcp_advmss(st, sk, sk->e.raddr);
	tcp_route_look(st, sk);
	sk->snd_cwnd = tcp_init_cwnd(sk);
	tcp_mss_sync(st, sk, sk->route_mtu);
	tcp_rcv_mss_init(sk);
	if (t->len_bytes >= TCP_MSS_DEFAULT)
		sk->ack.last_seg_size = (uint16_t)t->len_bytes;
	child_synack_rtt(st, sk, req);
	sk->segs_in = 1; /* the SYN */
	sk->busy->total_retrans = req->e.kind == ENTRY_REQUEST ? req->e.retrans : 0;
	sk->state = HO_SYN_RECV;
	if (req->e.kind == ENTRY_REQUEST) {
		conn_replace(st, &req->e, &sk->e);
		req->e.kind = 0; /* not in the table any more */
	} else if (!conn_insert(st, &sk->e)) { /* a cookie's, or Fast Open's */
		port_release(st, sk);
		sock_free(st, sk);
		goto drop;
	}
	if (sk->keepalive)
		tcp_keepalive_set(st, sk, true);
	watch_child(st, sk);
	count(st, lsk, HO_TcpPassiveOpens);
	return sk;
drop:
	full = lsk->l->accept_count > lsk->l->backlog;
	tcp_listen_drop_note(st, lsk, !full ? HO_DROP_MEMORY : req->e.kind == ENTRY_REQUEST ? HO_DROP_ACK_ACCEPT_FULL :
	                     HO_DROP_COOKIE_ACCEPT_FULL, (struct ho_endpoint){req->e.raddr, req->e.rport});
	count_why(st, lsk, HO_TcpExtListenDrops, 1,
	          full ? accept_full_why(st, req) : HO_WHY_NO_MEMORY, lsk->l->accept_count,
	          lsk->l->backlog);
	return NULL;
}
