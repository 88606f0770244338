/* SPDX-License-Identifier: MIT
 * SYN cookies: the SYN queue is full, so the SYN+ACK itself carries what a request would have remembered.
 *
 *   cookie = H1(4-tuple) + peer's ISN + (minute << 24) + ((H2(4-tuple, minute) + mss index) mod 2^24)
 *
 * It is good for two minutes at most, and only while the listener has overflowed within that time.  With timestamps, the
 * lowest 6 bits of our timestamp carry the options: window scale (15: none), SACK, ECN; without, there are none.
 * No memory is touched until the final ACK comes back.
 * Source: Linux 6.18 net/ipv4/syncookies.c (cookie_init_timestamp, __cookie_v4_check, cookie_tcp_check, cookie_v4_check),
 * for what is carried and counted; the hashes are our own (SipHash), as no peer looks inside. */
#include "tcp.h"

#define COOKIE_BITS 24
#define COOKIE_MASK ((UINT32_C(1) << COOKIE_BITS) - 1)
#define COOKIE_AGE_MAX 2u          /* minutes */
#define OVERFLOW_FRESH_MS 120000u
#define TS_BITS 6
#define TS_MASK ((1u << TS_BITS) - 1)
#define TS_WSCALE_MASK 0xfu
#define TS_SACK 0x10u
#define TS_ECN 0x20u

static const uint16_t mss_table[] = {536, 1300, 1440, 1460};

static uint32_t minute(const struct ho_stack *st)
{
	return (uint32_t)(st->now_ms / 60000);
}

static uint32_t cookie_hash(const struct ho_stack *st, const struct tcp_rx *t, uint32_t count, uint32_t which)
{
	uint64_t tuple[3] = {(uint64_t)t->rx->saddr << 32 | t->rx->daddr, (uint64_t)t->sport << 16 | t->dport,
	                     (uint64_t)count << 32 | which};

	return (uint32_t)siphash24(&st->key_isn, tuple, sizeof(tuple)) ^ 0x5c5c5c5cu;
}

static uint32_t mss_index(uint16_t mss)
{
	uint32_t i = sizeof(mss_table) / sizeof(mss_table[0]) - 1;

	while (i > 0 && mss < mss_table[i])
		i--;
	return i;
}

/* The ISN that remembers.  *mss becomes what the final ACK will give back. */
seq_t tcp_cookie_isn(struct ho_stack *st, struct sock *lsk, const struct tcp_rx *t, uint16_t *mss)
{
	uint32_t count = minute(st), i = mss_index(*mss);

	lsk->l->overflow_ms = (uint32_t)st->now_ms;
	lsk->l->overflowed = true;
	*mss = mss_table[i];
	return seq_of(cookie_hash(st, t, 0, 0) + t->seq.n + (count << COOKIE_BITS) +
	              ((cookie_hash(st, t, count, 1) + i) & COOKIE_MASK));
}

/* The timestamp that remembers: not after now. */
uint32_t tcp_cookie_ts(const struct ho_stack *st, const struct request *req)
{
	uint32_t now = (uint32_t)st->now_ms, options = TS_WSCALE_MASK, ts;

	if (req->e.flags & REQ_WSCALE)
		options = req->wscales >> 4;
	if (req->e.flags & REQ_SACK)
		options |= TS_SACK;
	if (req->e.flags & REQ_ECN)
		options |= TS_ECN;
	ts = (now & ~TS_MASK) | options;
	return (int32_t)(ts - now) > 0 ? ts - (1u << TS_BITS) : ts;
}

/* Gives  the MSS, 0 for a cookie that is not ours or too old. */
static uint16_t cookie_mss(const struct ho_stack *st, const struct tcp_rx *t)
{
	uint32_t cookie = t->ack.n - 1, now = minute(st), age, i;

	cookie -= cookie_hash(st, t, 0, 0) + (t->seq.n - 1);
	age = (now - (cookie >> COOKIE_BITS)) & (0xffffffffu >> COOKIE_BITS);
	if (age >= COOKIE_AGE_MAX)
		return 0;
	i = (cookie - cookie_hash(st, t, now - age, 1)) & COOKIE_MASK;
	return i < sizeof(mss_table) / sizeof(mss_table[0]) ? mss_table[i] : 0;
}

/* Gives  false when the options that the timestamp names are switched off here. */
static bool options_decode(const struct ho_stack *st, struct tcp_rx *t, struct request *req)
{
	uint32_t options;

	tcp_options_of(t);
	if (!t->opt.has_ts || !st->ctl.tcp_timestamps)
		return true;
	req->e.flags |= REQ_TS;
	req->ts_recent = t->opt.ts_val;
	options = (t->opt.ts_ecr - tcp_ts_offset(st, t->rx->daddr, t->rx->saddr)) & TS_MASK;
	if (options & TS_SACK) {
		if (!st->ctl.tcp_sack)
			return false;
		req->e.flags |= REQ_SACK;
	}
	if ((options & TS_ECN) && st->ctl.tcp_ecn)
		req->e.flags |= REQ_ECN;
	if ((options & TS_WSCALE_MASK) == TS_WSCALE_MASK)
		return true;
	req->e.flags |= REQ_WSCALE;
	req->wscales = (uint8_t)((options & TS_WSCALE_MASK) << 4);
	return st->ctl.tcp_window_scaling;
}

/* An ACK for a listener: the end of a handshake that nobody remembers?
 * Gives  true when it was one (a child, or dropped and counted); false: answer it with a RST. */
bool tcp_cookie_on_ack(struct ho_stack *st, struct sock *lsk, struct tcp_rx *t)
{
	struct request req = {0};
	uint32_t wnd, clamp = tcp_listen_window_clamp(lsk);
	uint8_t wscale;
	uint16_t mss;

	if (!st->ctl.tcp_syncookies || !lsk->l->overflowed ||
	    (uint32_t)st->now_ms - lsk->l->overflow_ms > OVERFLOW_FRESH_MS)
		return false;
	mss = cookie_mss(st, t);
	if (!mss) {
		count(st, lsk, HO_TcpExtSyncookiesFailed);
		return false;
	}
	count(st, lsk, HO_TcpExtSyncookiesRecv);
	if (!options_decode(st, t, &req))
		return false;
	req.e = (struct entry){.laddr = t->rx->daddr, .raddr = t->rx->saddr, .lport = t->dport, .rport = t->sport,
	                       .flags = req.e.flags, .retrans = 1 /* no round trip time */};
	req.rcv_isn = seq_of(t->seq.n - 1);
	req.snt_isn = seq_of(t->ack.n - 1);
	req.mss = mss;
	tcp_initial_window(st, tcp_full_space(lsk), mss, req.e.flags & REQ_WSCALE, &wnd, &clamp, &wscale);
	req.wscales |= wscale;
	if (lsk->l->accept_count <= lsk->l->backlog &&
	    conn_find(st, req.e.laddr, req.e.lport, req.e.raddr, req.e.rport) != NULL) {
		/* the SYN came again and became a request meanwhile: the child is made, finds its place taken, and goes */
		count(st, lsk, HO_TcpPassiveOpens);
		return true;
	}
	tcp_listen_finish(st, lsk, &req, t);
	return true;
}
