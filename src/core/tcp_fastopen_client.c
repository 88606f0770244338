/* SPDX-License-Identifier: MIT
 * TCP Fast Open, the client's half: cookies of peers, SYNs with data, and when to leave it (RFC 7413).
 *
 *   no cookie -----> SYN with an empty option; what the SYN+ACK brings is kept for the next time
 *   cookie --------> SYN with it and as much data as fits: two elements of the retransmission queue, SYN and data
 *     SYN+ACK acknowledges both --> TCPFastOpenActive
 *     ... the SYN only -----------> TCPFastOpenActiveFail, the data at once again
 *     nothing --------------------> the SYN again, without option and data
 *   the third timeout in a row, or a FIN out of order and nothing else: the path may swallow it.  If
 *   tcp_fastopen_blackhole_timeout_sec says so, nobody uses it for a while: twice as long each time, up to 64 times.
 *
 * Source: Linux 6.18 net/ipv4/tcp_fastopen.c, tcp_metrics.c tcp_fastopen_cache_get/_set, tcp_output.c tcp_send_syn_data,
 * tcp_input.c tcp_rcv_fastopen_synack, tcp.c tcp_sendmsg_fastopen. */
#include "tcp.h"

#define CACHE_SETS 64u
#define CACHE_WAYS 4u
#define OPTION_BYTES_MAX 40u
#define PAUSE_SHIFT_MAX 6u

enum client_fail { COOKIE_UNAVAILABLE = 1, DATA_NOT_ACKED, SYN_RETRANSMITTED };

/* ---- what is known of a peer (Linux: tcp_metrics) ---- */

struct fastopen_peer {
	uint32_t laddr, raddr; /* raddr 0: free */
	uint64_t used_ms;
	uint16_t mss;          /* that it told; 0: never */
	uint8_t try_exp;       /* 1: it did not answer the option, try the experimental one; 2: nor that */
	struct fastopen_cookie cookie; /* len_bytes 0: none */
};

struct fastopen_cache {
	struct fastopen_peer peer[CACHE_SETS][CACHE_WAYS];
};

static struct fastopen_peer *cache_set_of(const struct ho_stack *st, uint32_t laddr, uint32_t raddr)
{
	uint64_t h = siphash13_2u64(&st->key_conns, (uint64_t)laddr << 32 | raddr, 0);

	return st->fo.cache->peer[h % CACHE_SETS];
}

static struct fastopen_peer *cache_find(const struct ho_stack *st, const struct sock *sk)
{
	struct fastopen_peer *p;

	if (!st->fo.cache)
		return NULL;
	p = cache_set_of(st, sk->e.laddr, sk->e.raddr);
	for (unsigned i = 0; i < CACHE_WAYS; i++)
		if (p[i].laddr == sk->e.laddr && p[i].raddr == sk->e.raddr)
			return &p[i];
	return NULL;
}

/* A place for a peer, the one that was longest unused; NULL without memory. */
static struct fastopen_peer *cache_place(struct ho_stack *st, const struct sock *sk)
{
	struct fastopen_peer *p, *oldest;

	if (!st->fo.cache) {
		st->fo.cache = memory_take(&st->mem, sizeof(*st->fo.cache));
		if (!st->fo.cache)
			return NULL;
		memset(st->fo.cache, 0, sizeof(*st->fo.cache));
	}
	p = cache_find(st, sk);
	if (p)
		return p;
	oldest = p = cache_set_of(st, sk->e.laddr, sk->e.raddr);
	for (unsigned i = 1; i < CACHE_WAYS; i++)
		if (p[i].used_ms < oldest->used_ms)
			oldest = &p[i];
	*oldest = (struct fastopen_peer){.laddr = sk->e.laddr, .raddr = sk->e.raddr};
	return oldest;
}

static void cache_put(struct ho_stack *st, const struct sock *sk, uint16_t mss, const struct fastopen_cookie *cookie,
                      uint8_t try_exp)
{
	struct fastopen_peer *p = cache_place(st, sk);

	if (!p)
		return;
	p->used_ms = st->now_ms;
	if (mss)
		p->mss = mss;
	if (cookie->len_bytes > 0)
		p->cookie = *cookie;
	else if (try_exp > p->try_exp && p->cookie.len_bytes <= 0 && !p->cookie.exp)
		p->try_exp = try_exp;
}

static void cache_get(struct ho_stack *st, const struct sock *sk, uint32_t *mss, struct fastopen_cookie *cookie)
{
	struct fastopen_peer *p = cache_find(st, sk);

	if (!p)
		return;
	p->used_ms = st->now_ms;
	if (p->mss)
		*mss = p->mss;
	*cookie = p->cookie;
	if (cookie->len_bytes <= 0 && p->try_exp == 1)
		cookie->exp = true;
}

void tcp_fastopen_net_close(struct ho_stack *st)
{
	memory_give(&st->mem, st->fo.cache, sizeof(*st->fo.cache));
	st->fo.cache = NULL;
}

void ho_stack_peers_forget(struct ho_stack *s)
{
	tcp_fastopen_net_close(s);
}

/* ---- pauses ---- */

static void pause_begin(struct ho_stack *st, struct sock *sk)
{
	if (!st->ctl.tcp_fastopen_blackhole_timeout_sec)
		return;
	st->fo.disable_ms = st->now_ms;
	st->fo.disable_times++;
	count(st, sk, HO_TcpExtTCPFastOpenBlackhole);
}

static bool paused(const struct ho_stack *st, struct sock *sk)
{
	uint64_t ms = (uint64_t)st->ctl.tcp_fastopen_blackhole_timeout_sec * 1000;

	if (!ms || !st->fo.disable_times)
		return false;
	if (st->now_ms < st->fo.disable_ms + (ms << min_u32(st->fo.disable_times - 1, PAUSE_SHIFT_MAX)))
		return true;
	sk->fastopen |= FO_SYN_CHECK;
	return false;
}

/* A retransmission timeout, before it is counted in sk->retransmits. */
void tcp_fastopen_on_timeout(struct ho_stack *st, struct sock *sk, bool expired)
{
	if (!(sk->fastopen & (FO_SYN_FASTOPEN | FO_SYN_DATA | FO_SYN_DATA_ACKED)))
		return;
	if (sk->retransmits != 2 && !(sk->retransmits < 2 && expired))
		return;
	pause_begin(st, sk);
	count(st, sk, HO_TcpExtTCPFastOpenActiveFail);
}

/* The end of a socket: did anything but a FIN arrive? */
void tcp_fastopen_fin_check(struct ho_stack *st, struct sock *sk)
{
	const struct rxseg *r = sk->busy->ofo_head;

	if (!(sk->fastopen & FO_SYN_FASTOPEN))
		return;
	if (!sk->data_segs_in) {
		if (r && !r->next && r->fin)
			pause_begin(st, sk);
	} else if ((sk->fastopen & FO_SYN_CHECK) && !ip_is_loopback(sk->e.raddr) && !ip_is_local(st, sk->e.raddr)) {
		st->fo.disable_times = 0;
	}
}

/* ---- SYN ---- */

/* What to put on a SYN.  Gives  true when data may go with it. */
bool tcp_fastopen_cookie_check(struct ho_stack *st, struct sock *sk, uint32_t *mss, struct fastopen_cookie *cookie)
{
	cache_get(st, sk, mss, cookie);
	if (paused(st, sk)) {
		cookie->len_bytes = -1;
		return false;
	}
	if ((st->ctl.tcp_fastopen & TFO_CLIENT_NO_COOKIE) || (sk->fastopen & FO_NO_COOKIE)) {
		cookie->len_bytes = -1;
		return true;
	}
	if (cookie->len_bytes > 0)
		return true;
	sk->fastopen_fail = COOKIE_UNAVAILABLE;
	return false;
}

static int syn_transmit(struct ho_stack *st, struct sock *sk, struct seg *g, const struct fastopen_cookie *cookie)
{
	int err;

	if (cookie->len_bytes >= 0)
		sk->fastopen = (uint16_t)((sk->fastopen & ~FO_SYN_EXP) | FO_SYN_FASTOPEN | (cookie->exp ? FO_SYN_EXP : 0));
	st->fo.syn_cookie = cookie;
	err = tcp_transmit(st, sk, g);
	st->fo.syn_cookie = NULL;
	return err;
}

/* A segment with what fits of the data, at the SYN's place; NULL without memory. */
static struct seg *syn_data_make(struct ho_stack *st, struct sock *sk, const struct seg *syn, struct fastopen_req *fo,
                                 uint32_t space)
{
	struct seg *g = seg_make(st);

	if (g && !tcp_mem_schedule(st, sk, (int32_t)g->truesize, MEM_SEND)) {
		seg_free(st, g);
		g = NULL;
	}
	if (!g)
		return NULL;
	g->seq = syn->seq;
	g->end_seq = syn->end_seq;
	g->flags = TCP_SYN;
	g->fresh = false;
	wq_append(sk, g);
	while (fo->copied < space) {
		ptrdiff_t n = tcp_seg_fill(st, sk, g, fo->from + fo->copied, space - fo->copied, fo->by_ref);

		if (n <= 0)
			break;
		fo->copied += (uint32_t)n;
	}
	wq_pop(sk);
	if (space && !fo->copied) {
		sk->wmem_queued -= (int32_t)g->truesize;
		tcp_mem_uncharge(st, sk, (int32_t)g->truesize);
		seg_free(st, g);
		return NULL;
	}
	return g;
}

static uint32_t syn_data_space(struct ho_stack *st, struct sock *sk)
{
	uint32_t mss = min_u32(sk->pmtu - 40, sk->mss_clamp);

	return max_u32(mss, st->ctl.tcp_min_snd_mss) - OPTION_BYTES_MAX;
}

/* The data behind the SYN was sent with it; on the retransmission queue they are two. */
static void syn_data_sent(struct ho_stack *st, struct sock *sk, struct seg *syn, struct seg *g,
                          const struct fastopen_req *fo)
{
	syn->sent_us = g->sent_us;
	g->seq = seq_add(g->seq, 1);
	g->flags = TCP_ACK | TCP_PSH;
	rtx_append(sk, g);
	sk->packets_out++;
	if (fo->copied)
		sk->fastopen |= FO_SYN_DATA;
	st->cause.frame_out = st->frame_id; /* what tcp_transmit took */
	count(st, sk, HO_TcpExtTCPOrigDataSent);
	st->cause.frame_out = 0;
}

/* Data that could not leave with its SYN waits in the write queue. */
static void syn_data_unsent(struct ho_stack *st, struct sock *sk, struct seg *g)
{
	g->seq = seq_add(g->seq, 1);
	g->flags = TCP_ACK | TCP_PSH;
	g->fresh = true;
	sk->wmem_queued -= (int32_t)g->truesize; /* wq_append charges it again */
	tcp_mem_uncharge(st, sk, (int32_t)g->truesize);
	wq_append(sk, g);
}

int tcp_fastopen_syn_send(struct ho_stack *st, struct sock *sk, struct seg *syn, struct fastopen_req *fo)
{
	struct seg *g;
	uint32_t mss = sk->advmss, space;

	if (tcp_fastopen_cookie_check(st, sk, &mss, &fo->cookie)) {
		sk->mss_clamp = (uint16_t)(sk->user_mss && sk->user_mss < mss ? sk->user_mss : mss);
		tcp_mss_sync(st, sk, sk->pmtu);
		space = syn_data_space(st, sk);
		g = syn_data_make(st, sk, syn, fo, fo->size < space ? (uint32_t)fo->size : space);
		if (g && !syn_transmit(st, sk, g, &fo->cookie)) {
			syn_data_sent(st, sk, syn, g, fo);
			return 0;
		}
		if (g)
			syn_data_unsent(st, sk, g);
	} else {
		sk->mss_clamp = (uint16_t)mss;
	}
	if (fo->cookie.len_bytes > 0)
		fo->cookie.len_bytes = 0;
	return syn_transmit(st, sk, syn, &fo->cookie);
}

/* connect() with TCP_FASTOPEN_CONNECT.  Gives  true when the SYN waits for the first send(). */
bool tcp_fastopen_defer(struct ho_stack *st, struct sock *sk, struct fastopen_req *fo)
{
	uint32_t mss = 0;

	*fo = (struct fastopen_req){0};
	if (!tcp_fastopen_cookie_check(st, sk, &mss, &fo->cookie)) {
		sk->fastopen |= FO_HELD;
		return false;
	}
	sk->fastopen |= FO_DEFER;
	return true;
}

static ptrdiff_t deferred_send(struct ho_stack *st, struct sock *sk, struct fastopen_req *fo)
{
	int err;

	sk->fastopen &= (uint16_t)~FO_DEFER;
	err = tcp_connect_send(st, sk, fo);
	if (err) {
		tcp_state_set(st, sk, HO_CLOSE);
		sk->e.rport = 0;
		sk->ss = SS_UNCONNECTED;
		return -ECONNABORTED;
	}
	return fo->copied ? (ptrdiff_t)fo->copied : -EINPROGRESS;
}

ptrdiff_t tcp_fastopen_send(struct ho_stack *st, struct sock *sk, const void *buf, size_t len_bytes, struct block *by_ref,
                            const struct ho_endpoint *to)
{
	struct fastopen_req fo = {.from = buf, .size = len_bytes, .by_ref = by_ref};
	int err;

	if (!(st->ctl.tcp_fastopen & TFO_CLIENT))
		return -EOPNOTSUPP;
	if (sk->fastopen & FO_HELD)
		return -EALREADY;
	if (sk->fastopen & FO_DEFER)
		return deferred_send(st, sk, &fo);
	if (!to && sk->ss == SS_UNCONNECTED)
		return sk->state == HO_CLOSE ? -EINVAL : -EISCONN;
	err = tcp_sock_connect(st, sk, to ? *to : (struct ho_endpoint){sk->e.raddr, sk->e.rport}, &fo);
	return err == -EINPROGRESS && fo.copied ? (ptrdiff_t)fo.copied : err;
}

/* ---- SYN+ACK ---- */

static void not_acked(struct ho_stack *st, struct sock *sk, struct seg *data)
{
	sk->fastopen_fail = sk->busy->total_retrans ? SYN_RETRANSMITTED : DATA_NOT_ACKED;
	for (; data; data = data->next)
		tcp_mark_lost(st, sk, data);
	if (sk->ca_state != CA_LOSS) { /* lost, but not to congestion */
		sk->busy->high_seq = sk->snd_nxt;
		sk->snd_ssthresh = max_u32(sk->snd_ssthresh, (sk->snd_cwnd >> 1) + (sk->snd_cwnd >> 2));
		sk->busy->undo_marker = seq_of(0);
		sk->ca_state = CA_LOSS;
	}
	tcp_retransmit_lost(st, sk);
	count(st, sk, HO_TcpExtTCPFastOpenActiveFail);
}

/* The SYN+ACK of a connection that used it; ESTABLISHED by now.  Gives  true when the data went again, and the ACK. */
bool tcp_fastopen_on_synack(struct ho_stack *st, struct sock *sk, struct tcp_rx *t)
{
	struct seg *data = sk->fastopen & FO_SYN_DATA ? sk->busy->rtx_head : NULL;
	struct fastopen_cookie cookie;
	uint8_t try_exp = 0;

	tcp_fastopen_cookie_of(t, &cookie);
	if (!(sk->fastopen & FO_SYN_FASTOPEN))
		cookie.len_bytes = -1; /* nobody asked for it */
	else if (!sk->busy->total_retrans && cookie.len_bytes < 0 && !(sk->fastopen & FO_SYN_DATA))
		try_exp = sk->fastopen & FO_SYN_EXP ? 2 : 1;
	cache_put(st, sk, (uint16_t)(sk->mss_clamp == sk->user_mss ? t->opt.mss : sk->mss_clamp), &cookie, try_exp);
	if (data) {
		not_acked(st, sk, data);
		return true;
	}
	if (sk->fastopen & FO_SYN_DATA) {
		sk->fastopen |= FO_SYN_DATA_ACKED;
		count(st, sk, HO_TcpExtTCPFastOpenActive);
		if (sk->delivered > 1)
			sk->delivered--; /* SYN and data were one packet */
	}
	tcp_fastopen_data(st, sk, t);
	return false;
}
