/* SPDX-License-Identifier: MIT
 * How a connection ends early: RSTs out and in, errors, and what happens to a socket that nobody holds.
 * Source: Linux 6.18 net/ipv4/tcp.c tcp_done, tcp_input.c tcp_reset, tcp_output.c tcp_send_active_reset,
 * tcp_ipv4.c tcp_v4_send_reset, tcp_timer.c tcp_write_err. */
#include "tcp.h"

#include "sock_error.h"
#include "watch.h"

void tcp_error(struct ho_stack *st, struct sock *sk, int err)
{
	sk->err = (int16_t)err;
	if (!sk->dead)
		sock_wake(st, sk);
}

/* ---- the end of a socket ---- */

void tcp_destroy(struct ho_stack *st, struct sock *sk)
{
	if (sk->fastopen || sk->busy->fo_child || sk->habits->fo_queue)
		tcp_fastopen_destroy(st, sk);
	tcp_timers_stop(st, sk);
	tcp_tx_queues_purge(st, sk);
	tcp_rx_queues_purge(st, sk);
	if (sk->hashed) {
		conn_remove(st, &sk->e);
		sk->hashed = false;
	}
	port_release(st, sk);
	frames_forget_sock(st, sk);
	if (sk->dead)
		tcp_orphan_gone(st);
	sk->dead = false;
	watch_state(st, sk, HO_CLOSE);
	sk->state = HO_CLOSE;
	sk->e.kind = 0;
	if (unlikely(sk->l != NULL)) {
		if (sk->l->syn_count)
			return; /* requests still name it: with the last of them */
		listener_slot_free(st, sk);
	}
	sk->accept_next = st->graveyard;
	st->graveyard = sk;
}

/* Whoever ended a connection may still look at it until the event is over. */
void tcp_reap(struct ho_stack *st)
{
	struct sock *sk;

	while (unlikely((sk = st->graveyard) != NULL)) {
		st->graveyard = sk->accept_next;
		sock_free(st, sk);
	}
}

/* CLOSE, whatever came before.  An orphan is freed; others wait for their descriptor's close. */
void tcp_done(struct ho_stack *st, struct sock *sk)
{
	if (state_is(sk, IN_(HO_SYN_SENT) | IN_(HO_SYN_RECV)))
		count(st, sk, HO_TcpAttemptFails);
	if (sk->state == HO_SYN_SENT)
		sk->ts_ok = sk->sack_ok = sk->wscale_ok = false; /* offered, never agreed on */
	tcp_state_set(st, sk, HO_CLOSE);
	tcp_timers_stop(st, sk);
	if (sk->busy->fo_child)
		tcp_fastopen_release(st, sk, false);
	sk->shutdown = SHUT_RCV | SHUT_SND;
	if (sk->dead) {
		tcp_destroy(st, sk);
		return;
	}
	sock_wake(st, sk);
}

/* ---- RST out ---- */

/* The sequence number that the peer will accept. */
static seq_t acceptable_seq(const struct sock *sk)
{
	if (!seq_lt(tcp_wnd_end(sk), sk->snd_nxt) ||
	    (sk->wscale_ok && seq_sub(sk->snd_nxt, tcp_wnd_end(sk)) < 1u << sk->rcv_wscale))
		return sk->snd_nxt;
	return tcp_wnd_end(sk);
}

void tcp_reset_send_active(struct ho_stack *st, struct sock *sk)
{
	count(st, sk, HO_TcpOutRsts);
	if (!sock_busy(st, sk) || tcp_transmit_bare(st, sk, TCP_RST | TCP_ACK, acceptable_seq(sk)))
		count(st, sk, HO_TcpExtTCPAbortFailed);
}

/* RFC 9293 3.10.7.1: a RST that fits the segment that it answers. */
void tcp_reset_reply(struct ho_stack *st, struct sock *sk, const struct tcp_rx *t)
{
	struct tcp_reply r = {
		.saddr = t->rx->daddr,
		.daddr = t->rx->saddr,
		.sport = t->dport,
		.dport = t->sport,
		.flags = TCP_RST,
		.wscale = 255,
	};

	if (t->flags & TCP_RST)
		return;
	if (unlikely(t->rx->broadcast || t->rx->multicast)) {
		if (sk) { /* a listener's is counted, but no address may send it */
			count_add(st, sk, HO_TcpOutSegs, 1);
			count(st, sk, HO_TcpOutRsts);
		}
		return;
	}
	if (t->flags & TCP_ACK) {
		r.seq = t->ack;
	} else {
		r.flags |= TCP_ACK;
		r.ack = t->end_seq;
	}
	if (tcp_transmit_reply(st, sk, &r) != -ENOMEM)
		count(st, sk, HO_TcpOutRsts); /* whether or not a rule let it out, as Linux */
}

/* ---- RST in ---- */

void tcp_reset_in(struct ho_stack *st, struct sock *sk)
{
	switch (sk->state) {
	case HO_SYN_SENT:
		sk->err = ECONNREFUSED;
		break;
	case HO_CLOSE_WAIT:
		sk->err = EPIPE;
		break;
	case HO_CLOSE:
		return;
	default:
		sk->err = ECONNRESET;
		break;
	}
	tcp_tx_queues_purge(st, sk);
	tcp_done(st, sk);
}

/* ---- giving up ---- */

void tcp_write_error(struct ho_stack *st, struct sock *sk, enum ho_why why)
{
	sk->err = sk->err_soft ? sk->err_soft : ETIMEDOUT;
	count_why(st, sk, HO_TcpExtTCPAbortOnTimeout, 1, why, sk->packets_out ? sk->retransmits : sk->probes_out, 0);
	tcp_tx_queues_purge(st, sk);
	tcp_done(st, sk);
}

/* ---- ICMP says that it cannot be delivered (RFC 5927: checked against what is outstanding) ---- */

/* Which errors end a half-open request: not those that may be about one packet (a port or a protocol unreachable). */
static bool ends_request(uint8_t type, uint8_t code)
{
	return type == 11 || type == 12 || (type == 3 && code <= 1);
}

static void request_on_icmp(struct ho_stack *st, struct request *req, seq_t seq, bool ends)
{
	struct sock *lsk = st->listeners[req->listener];

	if (!seq_eq(seq, req->snt_isn)) {
		count(st, NULL, HO_TcpExtOutOfWindowIcmps);
		return;
	}
	if (!ends)
		return;
	count(st, lsk, HO_TcpExtListenDrops);
	lsk->drops++;
	tcp_request_drop(st, req);
}

static struct entry *quoted_entry(struct ho_stack *st, const struct quoted *q)
{
	const uint8_t *tcp = q->inner + q->inner_hdr;

	return conn_find(st, q->saddr, get16(tcp), q->daddr, get16(tcp + 2));
}

static void sock_on_icmp(struct ho_stack *st, struct sock *sk, const struct quoted *q, seq_t seq)
{
	bool fatal;
	int err = icmp_error_of(q, &fatal);

	if (unlikely(!sock_busy(st, sk))) {
		sk->drops++;
		return;
	}
	if (q->type == 3 && q->code == 4) {
		tcp_frag_needed_in(st, sk, q->info);
		return;
	}
	if (!err || (q->type == 3 && q->code > 15))
		return;
	if (q->type == 3 && q->code <= 1 && seq_eq(seq, sk->snd_una)) {
		tcp_rto_revert(st, sk);
		if (sk->state == HO_CLOSE)
			return;
	}
	if (state_is(sk, IN_(HO_SYN_SENT) | IN_(HO_SYN_RECV)) && !(sk->busy->fo_child && !sk->in_accept_queue)) {
		/* kept whether or not the program has asked for it */
		sock_error_keep(st, sk, q, err, get16(q->inner + q->inner_hdr + 2), q->inner_hdr);
		sk->err = (int16_t)err;
		tcp_done(st, sk);
		return;
	}
	if (!sk->recverr) {
		sk->err_soft = (int16_t)err;
		return;
	}
	tcp_error(st, sk, err);
}

void tcp_on_icmp(struct ho_stack *st, const struct quoted *q)
{
	struct entry *e = quoted_entry(st, q);
	seq_t seq = seq_of(get32(q->inner + q->inner_hdr + 4));
	struct sock *sk;

	if (!e) {
		count(st, NULL, HO_IcmpInErrors);
		return;
	}
	if (e->kind == ENTRY_TIMEWAIT)
		return;
	if (e->kind == ENTRY_REQUEST) {
		request_on_icmp(st, container_of(e, struct request, e), seq, ends_request(q->type, q->code));
		return;
	}
	sk = entry_sock(e);
	if (sk->state == HO_CLOSE)
		return;
	if (q->inner[8] < sk->min_ttl) {
		count(st, sk, HO_TcpExtTCPMinTTLDrop);
		return;
	}
	if (!seq_between(seq, sk->busy->fo_child ? sk->busy->fo_child->snt_isn : sk->snd_una, sk->snd_nxt)) {
		count(st, sk, HO_TcpExtOutOfWindowIcmps);
		return;
	}
	if (q->type == 5) {
		redirect_on_icmp(st, q->daddr);
		return;
	}
	sock_on_icmp(st, sk, q, seq);
}
