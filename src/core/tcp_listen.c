/* SPDX-License-Identifier: MIT
 * A SYN meets a listener; the request it becomes; the handshake's last ACK; both queues.
 *
 * Theory of operation.  A listener has two queues with one limit, backlog = min(listen()'s argument, somaxconn):
 *
 *   SYN queue      half-open requests, 42 bytes each, found through the connection table by their 4-tuple; the listener
 *                  only counts them (l->syn_count).  Full when syn_count > backlog: so it holds backlog + 1.
 *   accept queue   finished connections that accept() has not taken (l->accept_count).  Full when accept_count > backlog.
 *
 *   SYN  -- both queues have room --> request (SYN+ACK sent, timer 1 s, 2 s, 4 s ...)   request_make
 *   SYN  -- SYN queue full, no cookies-> dropped: TCPReqQFullDrop, ListenDrops          tcp_listen_on_syn
 *   SYN  -- accept queue full ------> dropped: ListenOverflows, ListenDrops             tcp_listen_on_syn
 *   SYN  -- SYN queue full ---------> SYN+ACK with a cookie, no request (tcp_cookie.c)  cookie_answer
 *   request -- final ACK -----------> child in the accept queue                         tcp_request_on_segment
 *   request -- final ACK, full -----> stays: ListenOverflows, ListenDrops (drops + 2)   tcp_child_make
 *   request -- timer ---------------> SYN+ACK again, or gone                            tcp_request_on_timer
 *   request -- RST at the next number, or SYN in window -> gone: EmbryonicRsts          request_reset
 *
 * A request whose listener has closed dies at its next timer or segment, or moves to another one (tcp_migrate.c); until
 * then the listener's slot in st->listeners keeps the closed socket.
 *
 * Source: Linux 6.18 net/ipv4/tcp_input.c tcp_conn_request; tcp_minisocks.c tcp_check_req; inet_connection_sock.c
 * reqsk_timer_handler; measured: docs/DIFFERENCES.md. */
#include "request.h"
#include "tcp.h"
#include "watch.h"

#define REQ_OOW_SHIFT 6
#define REQ_OOW_MASK 0x3ffu

static void request_queue_ok(const struct sock *lsk)
{
	assert(lsk->l->syn_young <= lsk->l->syn_count);
}

static struct ho_endpoint sender(const struct tcp_rx *t)
{
	return (struct ho_endpoint){t->rx->saddr, t->sport};
}

static void listen_drop(struct ho_stack *st, struct sock *lsk, const struct tcp_rx *t, enum ho_listen_drop cause,
                        enum ho_why why, uint32_t a, uint32_t b)
{
	tcp_listen_drop_note(st, lsk, cause, sender(t));
	count_why(st, lsk, HO_TcpExtListenDrops, 1, why, a, b);
}

/* ---- the SYN+ACK ---- */

static uint32_t request_timeout_ms(const struct request *req)
{
	uint32_t shift = req->e.timeouts > 16 ? 16 : req->e.timeouts;

	return min_u32(TCP_TIMEOUT_INIT_MS << shift, TCP_RTO_MAX_MS);
}

static uint32_t request_window(struct ho_stack *st, const struct sock *lsk, const struct request *req, uint32_t *clamp)
{
	uint32_t wnd;
	uint8_t wscale;
	uint32_t mss = ip_advmss(st, req->e.raddr);

	*clamp = tcp_listen_window_clamp(lsk);
	tcp_initial_window(st, tcp_full_space(lsk), mss - (req->e.flags & REQ_TS ? TCP_TS_BYTES : 0),
	                   req->e.flags & REQ_WSCALE, &wnd, clamp, &wscale);
	return wnd;
}

static int synack_send(struct ho_stack *st, struct sock *lsk, const struct request *req, uint32_t ts_val,
                       const struct fastopen_cookie *cookie)
{
	uint32_t clamp;
	uint32_t wnd = request_window(st, lsk, req, &clamp);
	struct tcp_reply r = {
		.saddr = req->e.laddr,
		.daddr = req->e.raddr,
		.sport = req->e.lport,
		.dport = req->e.rport,
		.seq = req->snt_isn,
		.ack = seq_add(req->rcv_isn, 1),
		.flags = (uint8_t)(TCP_SYN | TCP_ACK | (req->e.flags & REQ_ECN ? TCP_ECE : 0)),
		.window = (uint16_t)min_u32(wnd, 65535),
		.synack = true,
		.mss = (uint16_t)tcp_advmss(st, lsk, req->e.raddr),
		.wscale = req->e.flags & REQ_WSCALE ? req->wscales & 15 : 255,
		.sack_ok = req->e.flags & REQ_SACK,
		.ts = req->e.flags & REQ_TS,
		.ts_val = ts_val + tcp_ts_offset(st, req->e.laddr, req->e.raddr),
		.ts_ecr = req->ts_recent,
		.cookie = cookie,
	};

	return tcp_transmit_reply(st, lsk, &r);
}

/* Linux: inet_csk_route_req, which counts whatever the route says. */
static bool synack_has_way(struct ho_stack *st, struct sock *lsk, uint32_t raddr)
{
	const struct way *way;

	if (mostly(ip_way(st, raddr, &way) == 0))
		return true;
	count(st, lsk, HO_IpOutNoRoutes);
	return false;
}

/* Linux: tcp_rtx_synack. */
static bool synack_send_again(struct ho_stack *st, struct sock *lsk, struct request *req, enum ho_why why, uint32_t a,
                              uint32_t b)
{
	if (!synack_has_way(st, lsk, req->e.raddr) || synack_send(st, lsk, req, (uint32_t)st->now_ms, NULL))
		return false;
	st->cause.frame_out = st->frame_id; /* what tcp_transmit_reply took */
	count_why(st, lsk, HO_TcpRetransSegs, 1, why, a, b);
	watch_synack(st, lsk, &req->e, req->snt_isn, why, a, b);
	count_why(st, lsk, HO_TcpExtTCPSynRetrans, 1, why, a, b);
	st->cause.frame_out = 0;
	if (req->e.retrans < 255)
		req->e.retrans++;
	return true;
}

/* ---- a request's birth and end ---- */

/* What a SYN asks for. */
static void request_fill(struct ho_stack *st, const struct sock *lsk, struct tcp_rx *t, struct request *req)
{
	uint32_t wnd, clamp;
	uint8_t wscale = 0;

	memset(req, 0, sizeof(*req));
	req->e = (struct entry){.laddr = t->rx->daddr, .raddr = t->rx->saddr, .lport = t->dport, .rport = t->sport,
	                        .kind = ENTRY_REQUEST};
	req->listener = lsk->l->slot & 0x3fffff;
	req->rcv_isn = t->seq;
	req->snt_isn = t->timewait_isn.n ? t->timewait_isn
	                                 : tcp_isn(st, req->e.laddr, req->e.raddr, req->e.lport, req->e.rport);
	tcp_options_of(t);
	req->mss = t->opt.mss ? t->opt.mss : TCP_MSS_DEFAULT;
	if (lsk->user_mss && lsk->user_mss < req->mss)
		req->mss = (uint16_t)lsk->user_mss;
	if (t->opt.has_ts && st->ctl.tcp_timestamps) {
		req->e.flags |= REQ_TS;
		req->ts_recent = t->opt.ts_val;
	}
	if (t->opt.has_sack_ok && st->ctl.tcp_sack)
		req->e.flags |= REQ_SACK;
	if (t->opt.has_wscale && st->ctl.tcp_window_scaling)
		req->e.flags |= REQ_WSCALE;
	if (tcp_ecn_request(st, t))
		req->e.flags |= REQ_ECN;
	clamp = tcp_listen_window_clamp(lsk);
	tcp_initial_window(st, tcp_full_space(lsk), ip_advmss(st, req->e.raddr) - (req->e.flags & REQ_TS ? TCP_TS_BYTES : 0),
	                   req->e.flags & REQ_WSCALE, &wnd, &clamp, &wscale);
	req->wscales = (uint8_t)((req->e.flags & REQ_WSCALE ? t->opt.wscale << 4 : 0) | wscale);
}

static struct request *request_make(struct ho_stack *st, struct sock *lsk, struct tcp_rx *t)
{
	struct request *req = request_take(st);

	if (req)
		request_fill(st, lsk, t, req);
	return req;
}

/* Gives  false without memory. */
static bool request_enqueue(struct ho_stack *st, struct sock *lsk, struct request *req)
{
	if (!conn_insert(st, &req->e))
		return false;
	lsk->l->syn_count++;
	lsk->l->syn_young++;
	lsk->l->syn_max = max_u32(lsk->l->syn_max, lsk->l->syn_count);
	lsk->l->requests++;
	watch_queue(st, lsk, &req->e, HO_QUEUE_SYN, HO_LEFT_NOT);
	req->sent_us = (uint32_t)(st->now_us % 1000) & 0x3ff;
	request_arm(st, req, TCP_TIMEOUT_INIT_MS);
	return true;
}

/* lsk has one request less.  It may have closed; then the last request takes its slot along. */
void tcp_request_gone(struct ho_stack *st, struct sock *lsk, const struct request *req, enum ho_left why)
{
	request_queue_ok(lsk);
	lsk->l->syn_count--;
	lsk->l->syn_young -= req->e.timeouts == 0;
	watch_queue(st, lsk, &req->e, HO_QUEUE_SYN, why);
	if (lsk->l->syn_count == 0 && lsk->e.kind == 0)
		tcp_destroy(st, lsk); /* for good, this time */
}

static void request_unlink(struct ho_stack *st, struct request *req, enum ho_left why)
{
	if (req->e.kind == ENTRY_REQUEST)
		conn_remove(st, &req->e);
	tcp_request_gone(st, tcp_request_listener(st, req), req, why);
	request_give(st, req);
}

void tcp_request_drop(struct ho_stack *st, struct request *req)
{
	request_unlink(st, req, HO_LEFT_UNREACHABLE);
}

/* ---- a segment for a listener ---- */

/* Less than a quarter of tcp_max_syn_backlog left, for peers that nothing proves (fact 3). */
static bool syn_backlog_short(const struct ho_stack *st, const struct sock *lsk)
{
	int32_t max = (int32_t)st->ctl.tcp_max_syn_backlog;

	return !st->ctl.tcp_syncookies && (int64_t)max - (int32_t)tcp_syn_queue_length(lsk) < max >> 2;
}

/* No request is kept: the SYN+ACK's numbers say it all. */
static void cookie_answer(struct ho_stack *st, struct sock *lsk, struct tcp_rx *t)
{
	struct request req;
	uint16_t mss;

	tcp_options_of(t);
	if (!t->opt.has_ts || !st->ctl.tcp_timestamps)
		t->opt.has_wscale = t->opt.has_sack_ok = false; /* nowhere to remember them */
	request_fill(st, lsk, t, &req);
	if (!(req.e.flags & REQ_TS))
		req.e.flags &= (uint8_t)~REQ_ECN;
	mss = req.mss;
	req.snt_isn = tcp_cookie_isn(st, lsk, t, &mss);
	count(st, lsk, HO_TcpExtSyncookiesSent);
	lsk->l->cookies++;
	synack_send(st, lsk, &req, req.e.flags & REQ_TS ? tcp_cookie_ts(st, &req) : 0, NULL);
}

/* Before 4.10 a SYN was answered although the accept queue was full, unless there were young requests enough already.
 * Source: Linux 3.10 net/ipv4/tcp_ipv4.c tcp_v4_conn_request. */
static bool accept_queue_refuses(const struct ho_stack *st, const struct sock *lsk)
{
	bool full = lsk->l->accept_count > lsk->l->backlog;

	if (st->linux_profile == HO_LINUX_3_10)
		return full && lsk->l->syn_young > 1;
	return full;
}

/* Before 4.3 the SYN queue was a table: at least 8 (so 16), a power of two, no larger than tcp_max_syn_backlog wants.
 * Source: Linux 3.10 net/core/request_sock.c reqsk_queue_alloc. */
uint32_t tcp_syn_queue_size_3_10(const struct ho_stack *st, const struct sock *lsk)
{
	uint32_t n = max_u32(min_u32(lsk->l->backlog, st->ctl.tcp_max_syn_backlog), 8), size = 8;

	while (size < n + 1)
		size *= 2;
	return size;
}

static bool syn_queue_full(const struct ho_stack *st, const struct sock *lsk)
{
	if (st->linux_profile == HO_LINUX_3_10)
		return lsk->l->syn_count >= tcp_syn_queue_size_3_10(st, lsk);
	return tcp_syn_queue_length(lsk) > lsk->l->backlog;
}

static enum ho_why syn_queue_why(const struct ho_stack *st, const struct sock *lsk)
{
	if (!syn_queue_full(st, lsk))
		return HO_WHY_COOKIES_ALWAYS;
	return (int32_t)tcp_syn_queue_length(lsk) < 0 ? HO_WHY_SYN_QUEUE_NEGATIVE : HO_WHY_SYN_QUEUE_FULL;
}

static void syn_queue_full_drop(struct ho_stack *st, struct sock *lsk, const struct tcp_rx *t)
{
	if (st->linux_profile == HO_LINUX_3_10) {
		/* the field notes: no counter moves */
		tcp_listen_drop_note(st, lsk, HO_DROP_SYN_QUEUE_FULL, sender(t));
		return;
	}
	count_why(st, lsk, HO_TcpExtTCPReqQFullDrop, 1, syn_queue_why(st, lsk), tcp_syn_queue_length(lsk), lsk->l->backlog);
	listen_drop(st, lsk, t, HO_DROP_SYN_QUEUE_FULL, syn_queue_why(st, lsk), tcp_syn_queue_length(lsk),
	            lsk->l->backlog);
}

void tcp_accept_queue_push(struct ho_stack *st, struct sock *lsk, struct sock *child)
{
	child->in_accept_queue = true;
	child->queued_at = st->now;
	child->accept_next = NULL;
	if (lsk->l->accept_tail)
		lsk->l->accept_tail->accept_next = child;
	else
		lsk->l->accept_head = child;
	lsk->l->accept_tail = child;
	lsk->l->accept_count++;
	lsk->l->queued++;
	watch_queue(st, lsk, &child->e, HO_QUEUE_ACCEPT, HO_LEFT_NOT);
}

/* Data on a SYN, or a Fast Open cookie: perhaps a child at once.  *answer becomes the option of the SYN+ACK, if not. */
static bool fastopen_accept(struct ho_stack *st, struct sock *lsk, struct request *req, struct tcp_rx *t,
                            struct fastopen_cookie *answer)
{
	struct sock *child = tcp_fastopen_on_syn(st, lsk, req, t, answer);

	if (!child)
		return false;
	request_give(st, req);
	tcp_accept_queue_push(st, lsk, child);
	tcp_listen_wanted_note(lsk, true);
	sock_wake(st, lsk);
	return true;
}

static void tcp_listen_on_syn(struct ho_stack *st, struct sock *lsk, struct tcp_rx *t)
{
	bool proven = t->timewait_isn.n; /* had a connection a moment ago */
	bool cookie = !proven && (st->ctl.tcp_syncookies == 2 || syn_queue_full(st, lsk));
	struct fastopen_cookie fo_cookie, *answer = NULL;
	struct request *req;

	if (cookie && !st->ctl.tcp_syncookies) {
		syn_queue_full_drop(st, lsk, t);
		return;
	}
	if (cookie)
		count_why(st, lsk, HO_TcpExtTCPReqQFullDoCookies, 1, syn_queue_why(st, lsk), tcp_syn_queue_length(lsk),
		          lsk->l->backlog);
	if (accept_queue_refuses(st, lsk)) {
		count_why(st, lsk, HO_TcpExtListenOverflows, 1, HO_WHY_ACCEPT_QUEUE_FULL_SYN, lsk->l->accept_count,
		          lsk->l->backlog);
		listen_drop(st, lsk, t, HO_DROP_SYN_ACCEPT_FULL, HO_WHY_ACCEPT_QUEUE_FULL_SYN, lsk->l->accept_count,
		            lsk->l->backlog);
		tcp_listen_wanted_note(lsk, true);
		return;
	}
	if (!synack_has_way(st, lsk, t->rx->saddr)) {
		listen_drop(st, lsk, t, HO_DROP_UNACCEPTABLE, HO_WHY_NO_WAY_BACK, 0, 0);
		return;
	}
	if (cookie) {
		cookie_answer(st, lsk, t);
		return;
	}
	if (!proven && syn_backlog_short(st, lsk)) {
		listen_drop(st, lsk, t, HO_DROP_SYN_BACKLOG, HO_WHY_SYN_BACKLOG_NEARLY_FULL, tcp_syn_queue_length(lsk),
		            st->ctl.tcp_max_syn_backlog);
		return;
	}
	req = request_make(st, lsk, t);
	if (!req) {
		listen_drop(st, lsk, t, HO_DROP_MEMORY, HO_WHY_NO_MEMORY, 0, 0);
		return;
	}
	if (unlikely(t->opt.fastopen_at || t->len_bytes)) {
		if (fastopen_accept(st, lsk, req, t, &fo_cookie))
			return;
		answer = &fo_cookie;
	}
	if (!request_enqueue(st, lsk, req)) {
		request_give(st, req);
		listen_drop(st, lsk, t, HO_DROP_MEMORY, HO_WHY_NO_MEMORY, 0, 0);
		return;
	}
	synack_send(st, lsk, req, (uint32_t)st->now_ms, answer);
}

void tcp_listen_on_segment(struct ho_stack *st, struct sock *lsk, struct tcp_rx *t)
{
	if (t->flags & TCP_ACK) {
		if ((t->flags & (TCP_SYN | TCP_RST)) || !tcp_cookie_on_ack(st, lsk, t))
			tcp_reset_reply(st, lsk, t);
	} else if ((t->flags & (TCP_SYN | TCP_RST | TCP_FIN)) != TCP_SYN) {
		tcp_listen_drop_note(st, lsk, HO_DROP_UNACCEPTABLE, sender(t));
	} else if (unlikely(t->rx->broadcast || t->rx->multicast)) {
		listen_drop(st, lsk, t, HO_DROP_UNACCEPTABLE, HO_WHY_SYN_TO_MANY, 0, 0);
	} else {
		tcp_listen_on_syn(st, lsk, t);
	}
}

/* ---- a segment for a request ---- */

static uint32_t oow_units(const struct ho_stack *st)
{
	return (uint32_t)(st->now_ms >> REQ_OOW_SHIFT) & REQ_OOW_MASK;
}

/* At most one answer out of turn in tcp_invalid_ratelimit ms.  Linux remembers when the last one was; here the timer tells
 * of a duplicate SYN's, as that starts it anew, and of an ACK's the bits of the round trip time below a millisecond. */
static bool request_oow_limited(struct ho_stack *st, struct sock *lsk, const struct request *req, const struct tcp_rx *t,
                                uint32_t counter)
{
	uint32_t armed_ago = now_tick(st) - (request_expires(st, req) - request_timeout_ms(req));
	uint32_t acked_ago = ((oow_units(st) - req->sent_us) & REQ_OOW_MASK) << REQ_OOW_SHIFT;
	uint32_t limit = st->ctl.tcp_invalid_ratelimit;

	if (t->len_bytes && !(t->flags & TCP_SYN))
		return false;
	if (!((req->e.flags & REQ_DUP_SYN) && armed_ago < limit) && !((req->e.flags & REQ_OOW) && acked_ago < limit))
		return false;
	count(st, lsk, counter);
	return true;
}

static void request_duplicate_syn(struct ho_stack *st, struct sock *lsk, struct request *req, const struct tcp_rx *t)
{
	if (request_oow_limited(st, lsk, req, t, HO_TcpExtTCPACKSkippedSynRecv))
		return;
	if (!synack_send_again(st, lsk, req, HO_WHY_SYNACK_DUPLICATE_SYN, 0, 0))
		return;
	req->e.flags |= (uint8_t)REQ_DUP_SYN;
	request_arm(st, req, request_timeout_ms(req));
}

static void request_send_ack(struct ho_stack *st, struct sock *lsk, struct request *req, const struct tcp_rx *t)
{
	uint32_t clamp;
	uint32_t wnd = request_window(st, lsk, req, &clamp);
	struct tcp_reply r = {
		.saddr = req->e.laddr,
		.daddr = req->e.raddr,
		.sport = req->e.lport,
		.dport = req->e.rport,
		.seq = seq_add(req->snt_isn, 1),
		.ack = seq_add(req->rcv_isn, 1),
		.flags = TCP_ACK,
		.window = (uint16_t)(wnd >> (req->wscales & 15)),
		.wscale = 255,
		.ts = req->e.flags & REQ_TS,
		.ts_val = (uint32_t)st->now_ms + tcp_ts_offset(st, req->e.laddr, req->e.raddr),
		.ts_ecr = req->ts_recent,
	};

	if (!t->len_bytes || (t->flags & TCP_SYN)) {
		req->e.flags |= REQ_OOW;
		req->sent_us = oow_units(st) & REQ_OOW_MASK;
	}
	tcp_transmit_reply(st, lsk, &r);
}

/* RFC 9293 3.10.7.4 first check, for SYN-RECEIVED. */
static bool request_in_window(struct ho_stack *st, struct sock *lsk, struct request *req, const struct tcp_rx *t)
{
	uint32_t clamp;
	seq_t left = seq_add(req->rcv_isn, 1);
	seq_t right = seq_add(left, request_window(st, lsk, req, &clamp));

	if (seq_eq(t->seq, left))
		return true;
	if (seq_lt(left, t->end_seq) && seq_lt(t->seq, right))
		return true;
	return seq_eq(t->seq, right) && seq_eq(t->seq, t->end_seq);
}

static bool request_paws_reject(const struct ho_stack *st, const struct request *req, struct tcp_rx *t)
{
	uint32_t stamp_s = (uint32_t)(st->now_ms / 1000) - request_timeout_ms(req) / 1000; /* may be before our time 0 */

	if (t->header_bytes == 20)
		return false;
	tcp_options_of(t);
	return t->opt.has_ts && (req->e.flags & REQ_TS) && tcp_paws_reject(st, req->ts_recent, stamp_s, t);
}

/* How long its timer has run before it was last started; more, if a duplicate SYN started it anew, or the host came late. */
static uint32_t request_timed_ms(const struct request *req)
{
	uint32_t n = req->e.timeouts;

	return n < 8 ? ((1u << n) - 1) * TCP_TIMEOUT_INIT_MS : 127 * TCP_TIMEOUT_INIT_MS + (n - 7) * TCP_RTO_MAX_MS;
}

/* How long ago the first SYN+ACK left: our first number has its time, in 64 ns, for 274 s (if it is no TIME-WAIT's). */
static uint32_t request_age_ms(const struct ho_stack *st, const struct request *req)
{
	uint64_t since = (st->now & ~UINT64_C(63)) % HO_MS;
	uint64_t age_ns = (uint64_t)(tcp_isn(st, req->e.laddr, req->e.raddr, req->e.lport, req->e.rport).n - req->snt_isn.n) << 6;

	return age_ns <= since ? 0 : (uint32_t)((age_ns - since + HO_MS - 1) / HO_MS);
}

/* Does the timestamp that came back lie outside of those that SYN+ACKs had?  The timer tells of the last one. */
static bool request_tsecr_reject(struct ho_stack *st, const struct request *req, struct tcp_rx *t)
{
	uint32_t ago, sent;

	if (t->header_bytes == 20 || !(req->e.flags & REQ_TS))
		return false;
	tcp_options_of(t);
	if (!t->opt.has_ts || !t->opt.ts_ecr)
		return false;
	ago = now_tick(st) - (request_expires(st, req) - request_timeout_ms(req));
	sent = (uint32_t)st->now_ms - (t->opt.ts_ecr - tcp_ts_offset(st, req->e.laddr, req->e.raddr));
	return sent < ago || (sent > ago + request_timed_ms(req) && sent > request_age_ms(st, req));
}

static void request_reset(struct ho_stack *st, struct sock *lsk, struct request *req, struct tcp_rx *t, bool answer)
{
	if (answer)
		tcp_reset_reply(st, lsk, t);
	count(st, lsk, HO_TcpExtEmbryonicRsts);
	tcp_migrate_miscount(st, lsk, req);
	request_unlink(st, req, HO_LEFT_RESET);
}

/* A socket at last.  Gives  false when the accept queue has no room (counted), or there is no memory. */
bool tcp_listen_finish(struct ho_stack *st, struct sock *lsk, struct request *req, struct tcp_rx *t)
{
	struct sock *child = tcp_child_make(st, lsk, req, t);
	bool full = !child && lsk->l->accept_count > lsk->l->backlog, first = !(req->e.flags & REQ_REFUSED);

	if (full)
		req->e.flags |= REQ_REFUSED;
	if (child)
		tcp_accept_queue_push(st, lsk, child);
	if (child || full)
		tcp_listen_wanted_note(lsk, first);
	if (!child)
		return false;
	child->segs_in += t->gso_segs;
	if (t->len_bytes)
		child->data_segs_in += t->gso_segs;
	tcp_closing_on_segment(st, child, t);
	sock_wake(st, lsk);
	return true;
}

static void request_final_ack(struct ho_stack *st, struct sock *lsk, struct request *req, struct tcp_rx *t)
{
	bool moves = tcp_request_listener(st, req) != lsk;

	if (!tcp_listen_finish(st, lsk, req, t)) {
		if (moves)
			count(st, lsk, HO_TcpExtTCPMigrateReqFailure);
		if (st->ctl.tcp_abort_on_overflow) {
			lsk->drops++; /* a second time, as Linux does (fact 7) */
			request_reset(st, lsk, req, t, true);
			return;
		}
		req->e.flags |= REQ_ACKED;
		lsk->drops++; /* a second time, as Linux does (fact 7) */
		return;
	}
	if (moves)
		count(st, lsk, HO_TcpExtTCPMigrateReqSuccess);
	request_unlink(st, req, HO_LEFT_ESTABLISHED); /* it gave its place in the table to the child */
}

own_way void tcp_request_on_segment(struct ho_stack *st, struct request *req, struct tcp_rx *t)
{
	struct sock *lsk = tcp_request_listener(st, req);
	uint8_t flags = t->flags & (TCP_RST | TCP_SYN | TCP_ACK);
	bool paws, tsecr;

	if (lsk->state != HO_LISTEN)
		lsk = tcp_migrate_target(st, lsk, &req->e);
	if (!lsk) {
		request_unlink(st, req, HO_LEFT_LISTENER_CLOSED);
		lsk = listener_find(st, t->rx->daddr, t->dport, t->rx->saddr, t->sport); /* the port may be another's now */
		if (lsk)
			tcp_listen_on_segment(st, lsk, t);
		else
			tcp_reset_reply(st, NULL, t);
		return;
	}
	paws = request_paws_reject(st, req, t);
	if (seq_eq(t->seq, req->rcv_isn) && flags == TCP_SYN && !paws) {
		request_duplicate_syn(st, lsk, req, t);
		tcp_listen_drop_note(st, lsk, HO_DROP_DUPLICATE_SYN, sender(t));
		return;
	}
	if ((flags & (TCP_ACK | TCP_RST)) == TCP_ACK && !seq_eq(t->ack, seq_add(req->snt_isn, 1))) {
		tcp_listen_on_segment(st, lsk, t);
		return;
	}
	tsecr = request_tsecr_reject(st, req, t);
	if (paws || tsecr || !request_in_window(st, lsk, req, t)) {
		if (!(flags & TCP_RST) && !request_oow_limited(st, lsk, req, t, HO_TcpExtTCPACKSkippedSynRecv))
			request_send_ack(st, lsk, req, t);
		if (paws)
			count(st, lsk, HO_TcpExtPAWSEstab);
		else if (tsecr)
			count(st, lsk, HO_TcpExtTSEcrRejected);
		tcp_listen_drop_note(st, lsk, HO_DROP_UNACCEPTABLE, sender(t));
		return;
	}
	if ((flags & TCP_RST) && !seq_eq(t->seq, seq_add(req->rcv_isn, 1))) { /* RFC 5961 3.2 */
		if (!request_oow_limited(st, lsk, req, t, HO_TcpExtTCPACKSkippedChallenge)) {
			count(st, lsk, HO_TcpExtTCPChallengeACK);
			request_send_ack(st, lsk, req, t);
		}
		tcp_listen_drop_note(st, lsk, HO_DROP_UNACCEPTABLE, sender(t));
		return;
	}
	if (seq_eq(t->seq, req->rcv_isn))
		flags &= (uint8_t)~TCP_SYN;
	if (flags & (TCP_RST | TCP_SYN)) {
		count(st, lsk, HO_TcpAttemptFails);
		tcp_listen_drop_note(st, lsk, HO_DROP_UNACCEPTABLE, sender(t));
		request_reset(st, lsk, req, t, !(flags & TCP_RST));
		return;
	}
	if (!(flags & TCP_ACK)) {
		tcp_listen_drop_note(st, lsk, HO_DROP_UNACCEPTABLE, sender(t));
		return;
	}
	if (req->e.timeouts < lsk->habits->defer_accept && seq_eq(t->end_seq, seq_add(req->rcv_isn, 1))) {
		/* TCP_DEFER_ACCEPT: a bare ACK is not worth a socket yet */
		req->e.flags |= REQ_ACKED;
		tcp_listen_drop_note(st, lsk, HO_DROP_DEFERRED, sender(t));
		count(st, lsk, HO_TcpExtTCPDeferAcceptDrop);
		return;
	}
	request_final_ack(st, lsk, req, t);
}

/* ---- a request's timer ---- */

/* When more than half of the queue is in use, old requests get fewer retries, so that young ones find room.
 * Source: Linux 6.18 reqsk_timer_handler. */
static uint32_t request_retries_max(const struct ho_stack *st, const struct sock *lsk)
{
	uint32_t max = lsk->syn_retries_max ? lsk->syn_retries_max : st->ctl.tcp_synack_retries;
	uint32_t limit = max_u32(8, lsk->l->backlog), length = tcp_syn_queue_length(lsk);

	if (length * 2 > limit) {
		uint32_t young = (lsk->l->syn_young + lsk->l->young_stray) * 2;

		while (max > 2 && (int32_t)length >= (int32_t)young) {
			max--;
			young *= 2;
		}
	}
	return max;
}

/* Is the request at its end, and does the peer need to hear the SYN+ACK again?  A peer that has acknowledged it is left in
 * peace until the last step of the deferral.  Source: Linux 6.18 syn_ack_recalc. */
static bool request_expired(const struct sock *lsk, const struct request *req, uint32_t max, bool *resend)
{
	bool acked = req->e.flags & REQ_ACKED;

	if (!lsk->habits->defer_accept) {
		*resend = true;
		return req->e.timeouts >= max;
	}
	*resend = !acked || req->e.timeouts >= lsk->habits->defer_accept - 1;
	return req->e.timeouts >= max && (!acked || req->e.timeouts >= lsk->habits->defer_accept);
}

static void request_on_timer(struct ho_stack *st, struct request *req)
{
	struct sock *lsk = tcp_request_listener(st, req);
	bool resend, moves = lsk->state != HO_LISTEN;
	uint32_t max;

	cause_timer(st, "syn+ack timer");
	if (moves)
		lsk = tcp_migrate_request(st, req);
	if (!lsk) {
		request_unlink(st, req, HO_LEFT_LISTENER_CLOSED);
		return;
	}
	max = request_retries_max(st, lsk);
	if (request_expired(lsk, req, max, &resend)) {
		count_why(st, lsk, HO_TcpExtTCPTimeouts, 1, HO_WHY_SYNACK_GIVE_UP, req->e.retrans, 0);
		lsk->l->timed_out++;
		if (moves)
			count(st, lsk, HO_TcpExtTCPMigrateReqFailure);
		request_unlink(st, req, HO_LEFT_TIMED_OUT);
		return;
	}
	count_why(st, lsk, HO_TcpExtTCPTimeouts, 1, HO_WHY_SYNACK_RETRANSMIT, req->e.retrans + 1u, max);
	if (resend && !synack_send_again(st, lsk, req, HO_WHY_SYNACK_RETRANSMIT, req->e.retrans + 1u, max) &&
	    !(req->e.flags & REQ_ACKED)) {
		if (moves)
			count(st, lsk, HO_TcpExtTCPMigrateReqFailure);
		request_unlink(st, req, HO_LEFT_UNSENT);
		return;
	}
	if (req->e.timeouts++ == 0)
		lsk->l->syn_young--;
	req->e.flags &= (uint8_t)~REQ_DUP_SYN;
	if (((oow_units(st) - req->sent_us) & REQ_OOW_MASK) << REQ_OOW_SHIFT >= st->ctl.tcp_invalid_ratelimit)
		req->e.flags &= (uint8_t)~REQ_OOW; /* before the units wrap around */
	request_arm(st, req, request_timeout_ms(req));
	if (moves)
		count(st, lsk, HO_TcpExtTCPMigrateReqSuccess);
}

uint32_t tcp_requests_on_timer(struct ho_stack *st, struct timer *t)
{
	struct request_batch *g = container_of(t, struct request_batch, b.timer);
	uint64_t due = batch_due(&st->wheel, &g->b, now_tick(st));
	uint32_t count = (uint32_t)__builtin_popcountll(due);

	for (; due != 0; due &= due - 1)
		request_on_timer(st, &g->req[__builtin_ctzll(due)]); /* the last one may take the batch along */
	return max_u32(count, 1); /* one that comes too early is a timer, too */
}

/* ---- the listener closes ---- */

/* Linux: inet_csk_listen_stop.  Requests stay until their timer or a segment finds the listener gone. */
void tcp_listen_stop(struct ho_stack *st, struct sock *lsk)
{
	struct sock *child;

	listener_remove(st, lsk);
	while ((child = lsk->l->accept_head)) {
		lsk->l->accept_head = child->accept_next;
		lsk->l->accept_count--;
		watch_queue(st, lsk, &child->e, HO_QUEUE_ACCEPT, HO_LEFT_LISTENER_CLOSED);
		if (tcp_migrate_child(st, lsk, child))
			continue;
		tcp_accept_queue_leave(child);
		tcp_disconnect(st, child);
		tcp_orphan(st, child);
		tcp_destroy(st, child);
	}
	lsk->l->accept_tail = NULL;
	tcp_fastopen_listen_stop(st, lsk);
}
