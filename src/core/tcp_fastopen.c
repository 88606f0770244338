/* SPDX-License-Identifier: MIT
 * TCP Fast Open, the server's half: data on a SYN (RFC 7413).
 *
 *   SYN, empty cookie ----------> a request as ever; its SYN+ACK carries a cookie
 *   SYN, good cookie -----------> a child at once: in the accept queue, readable, writable
 *   SYN, bad cookie ------------> a request as ever, data forgotten; its SYN+ACK carries a good one
 *   child -- final ACK ---------> ESTABLISHED like any other                tcp_fastopen_established
 *   child -- timer -------------> the SYN+ACK again, or given up            tcp_fastopen_on_timer
 *   child -- SYN again ---------> the SYN+ACK again                         tcp_fastopen_on_segment
 *   child -- RST ---------------> reset; if accept() had it, it counts in the queue for 60 s more
 *
 * A cookie proves that its sender can hear us at its address.  A listener takes no more of such children than its
 * TCP_FASTOPEN says (max_qlen), until their handshake ends.  What a request would have remembered is in struct
 * fastopen_child, which the child has until then.
 *
 * Source: Linux 6.18 net/ipv4/tcp_fastopen.c tcp_try_fastopen, tcp_fastopen_create_child; tcp_minisocks.c tcp_check_req;
 * tcp_timer.c tcp_fastopen_synack_timer; tcp_input.c tcp_rcv_synrecv_state_fastopen; net/core/request_sock.c
 * reqsk_fastopen_remove. */
#include "tcp.h"
#include "watch.h"

#define COOKIE_BYTES 8
#define RST_MEMORY_MS 60000u

/* ---- keys, cookies ---- */

static uint64_t le64_of(const uint8_t *p)
{
	uint64_t v = 0;

	for (int i = 7; i >= 0; i--)
		v = v << 8 | p[i];
	return v;
}

static void le64_to(uint8_t *p, uint64_t v)
{
	for (int i = 0; i < 8; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

/* Nobody has set a key: one of the stack's own, before the first cookie.  Linux: tcp_fastopen_init_key_once. */
static void key_init(struct ho_stack *st)
{
	struct fastopen_keys *k = &st->fo.keys;

	if (k->count)
		return;
	le64_to(k->key[0], st->fo.key_origin.k0);
	le64_to(k->key[0] + 8, st->fo.key_origin.k1);
	k->count = 1;
}

static const struct fastopen_keys *keys_of(const struct ho_stack *st, const struct sock *sk)
{
	return sk->habits->fo_queue && sk->habits->fo_queue->keys.count ? &sk->habits->fo_queue->keys : &st->fo.keys;
}

static void cookie_make(const uint8_t key[FASTOPEN_KEY_BYTES], const struct tcp_rx *t, struct fastopen_cookie *out)
{
	struct siphash_key k = {le64_of(key), le64_of(key + 8)};
	uint8_t addrs[8];

	put32(addrs, t->rx->saddr);
	put32(addrs + 4, t->rx->daddr);
	le64_to(out->val, siphash24(&k, addrs, sizeof(addrs)));
	out->len_bytes = COOKIE_BYTES;
}

static bool cookie_is(const struct fastopen_cookie *a, const struct fastopen_cookie *b)
{
	return a->len_bytes == b->len_bytes && !memcmp(a->val, b->val, (size_t)a->len_bytes);
}

void tcp_fastopen_cookie_of(const struct tcp_rx *t, struct fastopen_cookie *out)
{
	*out = (struct fastopen_cookie){.len_bytes = -1, .exp = t->opt.fastopen_exp};
	if (!t->opt.fastopen_at)
		return;
	out->len_bytes = (int8_t)t->opt.fastopen_bytes;
	memcpy(out->val, t->th + 20 + t->opt.fastopen_at, t->opt.fastopen_bytes);
}

/* Gives  0 a bad cookie, 1 a good one, 2 a good one of the older key.  *good becomes what it should be. */
static int cookie_check(const struct ho_stack *st, const struct sock *lsk, const struct tcp_rx *t,
                        const struct fastopen_cookie *theirs, struct fastopen_cookie *good)
{
	const struct fastopen_keys *k = keys_of(st, lsk);
	struct fastopen_cookie older;

	if (!k->count)
		return 0;
	cookie_make(k->key[0], t, good);
	if (cookie_is(theirs, good))
		return 1;
	if (k->count == 1)
		return 0;
	cookie_make(k->key[1], t, &older);
	return cookie_is(theirs, &older) ? 2 : 0;
}

/* ---- the queue ---- */

static struct fastopen_queue *queue_of(struct ho_stack *st, struct sock *sk)
{
	struct fastopen_queue *q = sk->habits->fo_queue;

	if (q)
		return q;
	if (sock_habits(st, sk) == NULL)
		return NULL;
	q = sk->habits->fo_queue = pool_take(&st->fo_queues);
	if (!q)
		return NULL;
	memset(q, 0, sizeof(*q));
	list_init(&q->pending);
	list_init(&q->rst);
	return q;
}

/* Is there room?  The oldest of those that were reset makes some when its time is over. */
static bool queue_check(struct ho_stack *st, struct sock *lsk)
{
	struct fastopen_queue *q = lsk->habits->fo_queue;
	struct fastopen_child *c;

	if (!q || !q->max_qlen)
		return false;
	if (q->qlen < q->max_qlen)
		return true;
	c = list_empty(&q->rst) ? NULL : container_of(q->rst.next, struct fastopen_child, link);
	if (!c || c->until_ms > st->now_ms) {
		count_why(st, lsk, HO_TcpExtTCPFastOpenListenOverflow, 1, HO_WHY_ROW, 0, 0);
		return false;
	}
	list_del(&c->link);
	pool_give(&st->fo_children, c);
	q->qlen--;
	return true;
}

/* listen(): net.ipv4.tcp_fastopen 0x402 gives every listener a queue; an old one begins anew. */
int tcp_fastopen_listen(struct ho_stack *st, struct sock *sk, uint32_t backlog)
{
	uint32_t all = TFO_SERVER | TFO_SERVER_WO_SOCKOPT;
	struct fastopen_queue *q = sk->habits->fo_queue;

	if ((st->ctl.tcp_fastopen & all) == all && !(q && q->max_qlen)) {
		q = queue_of(st, sk);
		if (!q)
			return -ENOMEM;
		q->max_qlen = (int32_t)min_u32(backlog, st->ctl.somaxconn);
		key_init(st);
	}
	if (q)
		q->qlen = 0;
	return 0;
}

static void rst_list_free(struct ho_stack *st, struct fastopen_queue *q)
{
	while (!list_empty(&q->rst)) {
		struct fastopen_child *c = container_of(q->rst.next, struct fastopen_child, link);

		list_del(&c->link);
		pool_give(&st->fo_children, c);
	}
}

/* The listener stops; its accepted children go on by themselves. */
void tcp_fastopen_listen_stop(struct ho_stack *st, struct sock *lsk)
{
	if (lsk->habits->fo_queue)
		rst_list_free(st, lsk->habits->fo_queue);
}

/* The handshake of a child is over, in one way or another. */
void tcp_fastopen_release(struct ho_stack *st, struct sock *sk, bool reset)
{
	struct fastopen_child *c = sk->busy->fo_child;
	struct sock *lsk = c->lsk;

	sk->busy->fo_child = NULL;
	list_del(&c->link);
	if (lsk)
		lsk->habits->fo_queue->qlen--;
	if (!reset || !lsk || sk->in_accept_queue || lsk->state != HO_LISTEN) {
		pool_give(&st->fo_children, c);
		return;
	}
	c->until_ms = st->now_ms + RST_MEMORY_MS;
	list_add_tail(&lsk->habits->fo_queue->rst, &c->link);
	lsk->habits->fo_queue->qlen++;
}

/* A socket dies. */
void tcp_fastopen_destroy(struct ho_stack *st, struct sock *sk)
{
	struct fastopen_queue *q = sk->habits->fo_queue;

	if (sk->busy->fo_child)
		tcp_fastopen_release(st, sk, false);
	tcp_fastopen_fin_check(st, sk);
	if (!q)
		return;
	rst_list_free(st, q);
	while (!list_empty(&q->pending)) {
		struct fastopen_child *c = container_of(q->pending.next, struct fastopen_child, link);

		list_del(&c->link);
		c->lsk = NULL;
	}
	sk->habits->fo_queue = NULL;
	pool_give(&st->fo_queues, q);
}

/* ---- SYN+ACK ---- */

static int synack_send(struct ho_stack *st, struct sock *sk, const struct fastopen_cookie *cookie)
{
	const struct fastopen_child *c = sk->busy->fo_child;
	struct tcp_reply r = {
		.saddr = sk->e.laddr,
		.daddr = sk->e.raddr,
		.sport = sk->e.lport,
		.dport = sk->e.rport,
		.seq = c->snt_isn,
		.ack = c->rcv_nxt,
		.flags = TCP_SYN | TCP_ACK,
		.window = (uint16_t)min_u32(c->wnd, 65535),
		.synack = true,
		.mss = (uint16_t)tcp_advmss(st, sk, sk->e.raddr),
		.wscale = sk->wscale_ok ? (uint8_t)sk->rcv_wscale : 255,
		.sack_ok = sk->sack_ok,
		.ts = sk->ts_ok,
		.ts_val = (uint32_t)st->now_ms + sk->ts_offset,
		.ts_ecr = c->ts_recent,
		.cookie = cookie,
	};

	return tcp_transmit_reply(st, sk, &r);
}

static void synack_send_again(struct ho_stack *st, struct sock *sk, enum ho_why why, uint32_t a, uint32_t b)
{
	if (synack_send(st, sk, NULL))
		return;
	st->cause.frame_out = st->frame_id; /* what tcp_transmit_reply took */
	count_why(st, sk, HO_TcpRetransSegs, 1, why, a, b);
	watch_synack(st, sk, &sk->e, sk->busy->fo_child->snt_isn, why, a, b);
	count_why(st, sk, HO_TcpExtTCPSynRetrans, 1, why, a, b);
	st->cause.frame_out = 0;
	sk->busy->total_retrans++;
	if (sk->busy->fo_child->retrans < 255)
		sk->busy->fo_child->retrans++;
}

/* The write timer of a child whose SYN+ACK is not acknowledged; nothing else is sent again meanwhile. */
void tcp_fastopen_on_timer(struct ho_stack *st, struct sock *sk)
{
	struct fastopen_child *c = sk->busy->fo_child;
	uint32_t max = sk->syn_retries_max ? sk->syn_retries_max : st->ctl.tcp_synack_retries + 1;

	cause_timer(st, "syn+ack timer");
	if (c->timeouts >= max) {
		count_why(st, sk, HO_TcpExtTCPTimeouts, 1, HO_WHY_SYNACK_GIVE_UP, c->retrans, 0);
		tcp_write_error(st, sk, HO_WHY_TIMED_OUT);
		return;
	}
	count_why(st, sk, HO_TcpExtTCPTimeouts, 1, HO_WHY_SYNACK_RETRANSMIT, c->retrans + 1u, max);
	if (sk->retransmits == 1)
		tcp_enter_loss(st, sk);
	synack_send_again(st, sk, HO_WHY_SYNACK_RETRANSMIT, c->retrans + 1u, max);
	c->timeouts++;
	tcp_rto_note(st, sk);
	if (!sk->busy->retrans_stamp_ms)
		sk->busy->retrans_stamp_ms = (uint32_t)st->now_ms;
	tcp_timer_write(st, sk, WRITE_RETRANS,
	                min_u32(TCP_TIMEOUT_INIT_MS << min_u32(c->timeouts, 16), tcp_rto_max_ms(st, sk)));
}

/* ---- the child ---- */

/* The payload of a SYN, or of a SYN+ACK, into the receive queue: no window is asked. */
void tcp_fastopen_data(struct ho_stack *st, struct sock *sk, const struct tcp_rx *t)
{
	struct tcp_rx data = *t;
	uint32_t truesize, room;
	bool linear;

	if (seq_eq(t->end_seq, sk->rcv_nxt))
		return;
	data.seq = seq_add(t->seq, 1);
	data.flags &= (uint8_t)~TCP_SYN;
	tcp_rx_buffer(t, &truesize, &room, &linear);
	tcp_mem_force(st, sk, (int32_t)truesize);
	if (!tcp_data_append(st, sk, &data, 0))
		return;
	sk->fastopen |= FO_SYN_DATA_ACKED;
	if (t->flags & TCP_FIN)
		tcp_fin_in(st, sk);
}

static struct sock *child_make(struct ho_stack *st, struct sock *lsk, struct request *req, struct tcp_rx *t)
{
	struct fastopen_child *c = pool_take(&st->fo_children);
	struct sock *sk;

	if (!c)
		return NULL;
	req->e.kind = ENTRY_FASTOPEN;
	sk = tcp_child_make(st, lsk, req, t);
	req->e.kind = ENTRY_REQUEST;
	if (!sk) {
		pool_give(&st->fo_children, c);
		return NULL;
	}
	*c = (struct fastopen_child){.lsk = lsk, .rcv_isn = req->rcv_isn, .snt_isn = req->snt_isn,
	                             .ts_recent = req->ts_recent, .wnd = sk->rcv_wnd, .synack_us = st->now_us};
	list_add_tail(&lsk->habits->fo_queue->pending, &c->link);
	lsk->habits->fo_queue->qlen++;
	sk->busy->fo_child = c;
	sk->fastopen |= FO_CHILD | (lsk->fastopen & FO_NO_COOKIE);
	sk->snd_wnd = sk->max_window = t->window; /* a SYN's window is not scaled */
	tcp_timer_write(st, sk, WRITE_RETRANS, TCP_TIMEOUT_INIT_MS);
	tcp_rtt_fallback(sk);
	tcp_mtu_probing_init(st, sk);
	tcp_buffers_init(st, sk);
	tcp_cc_set(st, sk, sk->cc);
	if (t->len_bytes)
		sk->data_segs_in += t->gso_segs;
	tcp_fastopen_data(st, sk, t);
	c->rcv_nxt = sk->rcv_wup = sk->rcv_nxt;
	return sk;
}

static bool needs_no_cookie(const struct ho_stack *st, const struct sock *lsk)
{
	return (st->ctl.tcp_fastopen & TFO_SERVER_NO_COOKIE) || (lsk->fastopen & FO_NO_COOKIE);
}

/* A SYN with data or the option, that would become this request.  *answer becomes the option of a request's SYN+ACK.
 * Gives  a child whose SYN+ACK has left; NULL: go on with the request. */
struct sock *tcp_fastopen_on_syn(struct ho_stack *st, struct sock *lsk, struct request *req, struct tcp_rx *t,
                                 struct fastopen_cookie *answer)
{
	struct fastopen_cookie theirs, good = {.len_bytes = -1, .exp = t->opt.fastopen_exp};
	struct sock *child;
	int ok = 1;

	*answer = good;
	tcp_fastopen_cookie_of(t, &theirs);
	if (theirs.len_bytes == 0)
		count(st, lsk, HO_TcpExtTCPFastOpenCookieReqd);
	if (!(st->ctl.tcp_fastopen & TFO_SERVER) || (!t->len_bytes && theirs.len_bytes < 0) || !queue_check(st, lsk))
		return NULL;
	if (!needs_no_cookie(st, lsk)) {
		if (theirs.len_bytes < 0)
			return NULL;
		ok = cookie_check(st, lsk, t, &theirs, &good);
		*answer = good;
		if (theirs.len_bytes == 0)
			return NULL;
		if (!ok) {
			count(st, lsk, HO_TcpExtTCPFastOpenPassiveFail);
			return NULL;
		}
	}
	child = child_make(st, lsk, req, t);
	if (!child) {
		count_why(st, lsk, HO_TcpExtTCPFastOpenPassiveFail, 1, HO_WHY_NO_MEMORY, 0, 0);
		return NULL;
	}
	if (ok == 2)
		count(st, lsk, HO_TcpExtTCPFastOpenPassiveAltKey);
	count(st, lsk, HO_TcpExtTCPFastOpenPassive);
	synack_send(st, child, ok == 2 ? answer : NULL);
	return child;
}

/* ---- a segment for a child whose handshake goes on ---- */

static bool in_window(const struct fastopen_child *c, const struct tcp_rx *t)
{
	seq_t right = seq_add(c->rcv_isn, 1 + c->wnd);

	if (seq_eq(t->seq, c->rcv_nxt))
		return true;
	if (seq_lt(c->rcv_nxt, t->end_seq) && seq_lt(t->seq, right))
		return true;
	return seq_eq(t->seq, right) && seq_eq(t->seq, t->end_seq);
}

static void ack_send(struct ho_stack *st, struct sock *sk)
{
	const struct fastopen_child *c = sk->busy->fo_child;
	struct tcp_reply r = {
		.saddr = sk->e.laddr,
		.daddr = sk->e.raddr,
		.sport = sk->e.lport,
		.dport = sk->e.rport,
		.seq = sk->snd_nxt,
		.ack = c->rcv_nxt,
		.flags = TCP_ACK,
		.window = (uint16_t)((c->wnd - seq_sub(c->rcv_nxt, seq_add(c->rcv_isn, 1))) >> sk->rcv_wscale),
		.wscale = 255,
		.ts = sk->ts_ok,
		.ts_val = (uint32_t)st->now_ms + sk->ts_offset,
		.ts_ecr = c->ts_recent,
	};

	tcp_transmit_reply(st, sk, &r);
}

static bool paws(const struct ho_stack *st, const struct fastopen_child *c, struct tcp_rx *t)
{
	uint32_t stamp_s = (uint32_t)(st->now_ms / 1000) - (1u << min_u32(c->timeouts, 16));

	if (t->header_bytes == 20)
		return false;
	tcp_options_of(t);
	return t->opt.has_ts && tcp_paws_reject(st, c->ts_recent, stamp_s, t);
}

/* Gives  true when the segment goes on as a connection's. */
bool tcp_fastopen_on_segment(struct ho_stack *st, struct sock *sk, struct tcp_rx *t)
{
	struct fastopen_child *c = sk->busy->fo_child;
	uint8_t flags = t->flags & (TCP_RST | TCP_SYN | TCP_ACK);
	bool old = paws(st, c, t);

	if (seq_eq(t->seq, c->rcv_isn) && flags == TCP_SYN && !old) {
		if (!tcp_oow_limited(st, sk, t, HO_TcpExtTCPACKSkippedSynRecv, &c->last_oow_ack_ms))
			synack_send_again(st, sk, HO_WHY_SYNACK_DUPLICATE_SYN, 0, 0);
		return false;
	}
	if (old || !in_window(c, t)) {
		if (!(flags & TCP_RST) && !tcp_oow_limited(st, sk, t, HO_TcpExtTCPACKSkippedSynRecv, &c->last_oow_ack_ms))
			ack_send(st, sk);
		if (old)
			count(st, sk, HO_TcpExtPAWSEstab);
		return false;
	}
	if (seq_eq(t->seq, c->rcv_isn))
		flags &= (uint8_t)~TCP_SYN;
	if ((flags & TCP_RST) && !seq_eq(t->seq, c->rcv_nxt)) {
		if (!tcp_oow_limited(st, sk, t, HO_TcpExtTCPACKSkippedChallenge, &c->last_oow_ack_ms)) {
			count(st, sk, HO_TcpExtTCPChallengeACK);
			ack_send(st, sk);
		}
		return false;
	}
	if (!(flags & (TCP_RST | TCP_SYN)))
		return flags & TCP_ACK;
	count(st, sk, HO_TcpAttemptFails);
	if (flags & TCP_RST) {
		tcp_fastopen_release(st, sk, true);
		tcp_reset_in(st, sk);
	} else {
		tcp_reset_reply(st, sk, t); /* the connection stays: anybody might have sent this SYN */
	}
	return false;
}

/* The final ACK. */
void tcp_fastopen_established(struct ho_stack *st, struct sock *sk)
{
	const struct fastopen_child *c = sk->busy->fo_child;

	if (!sk->srtt_us) {
		if (!c->retrans)
			tcp_rtt_first(st, sk, (int64_t)(st->now_us - c->synack_us));
		else if (sk->busy->saw_ts && sk->busy->rcv_tsecr)
			tcp_rtt_sample_ts(st, sk);
	}
	if (sk->ca_state == CA_LOSS && !sk->packets_out)
		tcp_undo_recovery(st, sk);
	if (sk->ts_ok)
		sk->advmss = (uint16_t)(sk->advmss - TCP_TS_BYTES);
	tcp_rto_over(st, sk);
	sk->retransmits = 0;
	if (!sk->busy->retrans_out)
		sk->busy->retrans_stamp_ms = 0;
	tcp_fastopen_release(st, sk, false);
	tcp_rearm_rto(st, sk);
}

/* ---- options and sysctls ---- */

static int key_opt(struct ho_stack *st, struct sock *sk, const void *val, size_t len_bytes)
{
	struct fastopen_queue *q;

	if (len_bytes != FASTOPEN_KEY_BYTES && len_bytes != 2 * FASTOPEN_KEY_BYTES)
		return -EINVAL;
	q = queue_of(st, sk);
	if (!q)
		return -ENOMEM;
	memcpy(q->keys.key, val, len_bytes);
	q->keys.count = (uint8_t)(len_bytes / FASTOPEN_KEY_BYTES);
	return 0;
}

static int queue_opt(struct ho_stack *st, struct sock *sk, int v)
{
	struct fastopen_queue *q;

	if (v < 0 || !state_is(sk, IN_(HO_CLOSE) | IN_(HO_LISTEN)))
		return -EINVAL;
	q = queue_of(st, sk);
	if (!q)
		return -ENOMEM;
	key_init(st);
	q->max_qlen = (int32_t)min_u32((uint32_t)v, st->ctl.somaxconn);
	return 0;
}

static int flag_opt(struct sock *sk, int v, uint32_t states, uint16_t flag)
{
	if (v < 0 || v > 1 || !state_is(sk, states))
		return -EINVAL;
	sk->fastopen = (uint16_t)(v ? sk->fastopen | flag : sk->fastopen & ~flag);
	return 0;
}

int tcp_fastopen_setopt(struct ho_stack *st, struct sock *sk, int name, const void *val, size_t len_bytes)
{
	int32_t v;

	if (name == HO_TCP_FASTOPEN_KEY)
		return key_opt(st, sk, val, len_bytes);
	if (len_bytes < sizeof(v))
		return -EINVAL;
	memcpy(&v, val, sizeof(v));
	if (name == HO_TCP_FASTOPEN)
		return queue_opt(st, sk, v);
	if (name == HO_TCP_FASTOPEN_NO_COOKIE)
		return flag_opt(sk, v, IN_(HO_CLOSE) | IN_(HO_LISTEN), FO_NO_COOKIE);
	if (v < 0 || v > 1)
		return -EINVAL;
	if (!(st->ctl.tcp_fastopen & TFO_CLIENT))
		return -EOPNOTSUPP;
	return flag_opt(sk, v, IN_(HO_CLOSE), FO_CONNECT);
}

/* Gives  bytes of the keys in use, current one first. */
size_t tcp_fastopen_key_opt(const struct ho_stack *st, const struct sock *sk, uint8_t key[2 * FASTOPEN_KEY_BYTES])
{
	const struct fastopen_keys *k = keys_of(st, sk);

	memcpy(key, k->key, sizeof(k->key));
	return (size_t)k->count * FASTOPEN_KEY_BYTES;
}

static char *key_emit(char *to, const uint8_t key[FASTOPEN_KEY_BYTES])
{
	static const char digits[] = "0123456789abcdef";

	for (int word = 0; word < 4; word++) {
		if (word)
			*to++ = '-';
		for (int i = 3; i >= 0; i--) {
			*to++ = digits[key[word * 4 + i] >> 4];
			*to++ = digits[key[word * 4 + i] & 15];
		}
	}
	return to;
}

int tcp_fastopen_key_get(const struct ho_stack *st, char *text)
{
	const struct fastopen_keys *k = &st->fo.keys;
	char *to = key_emit(text, k->key[0]); /* nobody needed one yet: zeros */

	if (k->count == 2) {
		*to++ = ',';
		to = key_emit(to, k->key[1]);
	}
	return (int)(to - text);
}

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Gives  where the key ends, NULL if it is none: four numbers of up to 32 bits. */
static const char *key_parse(const char *at, uint8_t key[FASTOPEN_KEY_BYTES])
{
	for (int word = 0; word < 4; word++) {
		uint64_t v = 0;
		int n = 0;

		if (word && *at++ != '-')
			return NULL;
		for (; digit_of(*at) >= 0 && n < 9; n++)
			v = v << 4 | (uint64_t)digit_of(*at++);
		if (n == 0 || v > UINT32_MAX)
			return NULL;
		for (int i = 0; i < 4; i++)
			key[word * 4 + i] = (uint8_t)(v >> (8 * i));
	}
	return at;
}

int tcp_fastopen_key_set(struct ho_stack *st, const char *text)
{
	struct fastopen_keys k = {.count = 1};

	text = key_parse(text, k.key[0]);
	if (text && *text == ',') {
		k.count = 2;
		text = key_parse(text + 1, k.key[1]);
	}
	if (!text)
		return -EINVAL;
	while (*text == ' ' || *text == '\t' || *text == '\n')
		text++;
	if (*text)
		return -EINVAL;
	st->fo.keys = k;
	return 0;
}
