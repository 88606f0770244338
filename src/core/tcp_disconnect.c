/* SPDX-License-Identifier: MIT
 * A connection is taken apart and its socket kept: connect() to AF_UNSPEC, and on the way to other ends close() with
 * SO_LINGER {1,0}, shutdown() of a listener or of a SYN that has no answer, and connect() after one that has failed.
 *
 * Theory of operation.  The peer is told by a RST where it may still expect something; the program by ECONNRESET.  What
 * bind() and options have set stays; ports and addresses that the stack has picked go.  So does what was learnt from the
 * peer, and what TCP_INFO counts, but for a few numbers that Linux leaves until the next connection begins; and TCP_MAXSEG and
 * TCP_WINDOW_CLAMP, which go as if they had been learnt.  The next connection's sequence numbers begin above all that the
 * old one's peer could take for its own.
 *
 * Source: Linux 6.18 net/ipv4/tcp.c tcp_disconnect, tcp_clear_retrans; inet_connection_sock.c inet_csk_delack_init. */
#include "tcp.h"

static bool need_reset(const struct sock *sk)
{
	switch (sk->state) {
	case HO_ESTABLISHED:
	case HO_CLOSE_WAIT:
	case HO_FIN_WAIT1:
	case HO_FIN_WAIT2:
	case HO_SYN_RECV: return true;
	case HO_CLOSING:
	case HO_LAST_ACK: return !seq_eq(sk->snd_nxt, sk->write_seq); /* the FIN has not left yet */
	default: return false;
	}
}

static void peer_forget(struct sock *sk)
{
	sk->e.raddr = HO_ADDR_ANY;
	sk->e.rport = 0;
	if (!sk->bound_addr)
		sk->e.laddr = HO_ADDR_ANY;
	tcp_route_forget(sk);
}

static void sender_reset(struct ho_stack *st, struct sock *sk)
{
	sk->write_seq = seq_add(sk->write_seq, sk->max_window + 2);
	if (sk->write_seq.n == 0)
		sk->write_seq = seq_of(1);
	sk->srtt_us = 0;
	sk->mdev_us = TCP_TIMEOUT_INIT_MS * 1000;
	sk->rto_ms = TCP_TIMEOUT_INIT_MS;
	sk->probes_out = 0;
	sk->snd_cwnd = TCP_INIT_CWND;
	sk->snd_cwnd_cnt = 0;
	sk->snd_ssthresh = TCP_INFINITE_SSTHRESH;
	sk->ca_state = CA_OPEN;
	tcp_cc_set(st, sk, sk->cc);
	sk->app_limited = UINT32_MAX;
	sk->rate_app_limited = true;
	sk->write_waits = false;
}

static void busy_reset(struct busy *b)
{
	b->undo_marker = seq_of(0);
	b->undo_retrans = -1;
	b->is_sack_reneg = false;
	b->tlp_high_seq = seq_of(0);
	b->rack.sent = (struct sending){0};
	b->rack.last_delivered = 0;
	b->rack.reo_wnd_steps = 1;
	b->rack.reo_wnd_persist = 0;
	b->rack.advanced = b->rack.dsack_seen = false;
	memset(b->sack_known, 0, sizeof(b->sack_known));
	b->rto_stamp_ms = b->total_rto_time_ms = 0;
	b->total_rto = b->total_rto_recoveries = 0;
	b->probes_stamp_ms = 0;
	b->last_oow_ack_ms = 0;
	b->is_cwnd_limited = false;
	b->max_packets_out = 0;
	b->urg.state = URG_NONE;
	memset(&b->ack, 0, sizeof(b->ack));
	b->dsack_pending = b->saw_ts = false;
	b->num_sacks = 0;
	b->rcv_tsval = b->rcv_tsecr = 0;
	b->total_retrans = 0;
	b->delivered_ce = b->bytes_retrans = 0;
	b->dsack_dups = b->reord_seen = b->rcv_ooopack = 0;
	b->received_ce = 0;
	memset(b->received_ecn_bytes, 0, sizeof(b->received_ecn_bytes));
}

static void receiver_reset(struct sock *sk)
{
	sk->copied_seq = sk->rcv_nxt;
	sk->rcv_rtt.tsecr = 0;
	sk->window_clamp = 0;
	memset(&sk->ack, 0, sizeof(sk->ack));
	sk->ack.rcv_mss = TCP_MIN_MSS;
}

static void options_reset(struct sock *sk)
{
	sk->ts_ok = sk->sack_ok = sk->wscale_ok = false;
	sk->snd_wscale = sk->rcv_wscale = 0;
	sk->mss_clamp = sk->user_mss = 0;
	sk->ts_recent = sk->ts_recent_stamp_s = 0;
}

static void counts_reset(struct sock *sk)
{
	sk->delivered = 0;
	sk->confirmed_delivered = 0;
	sk->confirm = false;
	sk->bytes_received = sk->bytes_acked = sk->bytes_sent = 0;
	sk->passive = false;
	sk->segs_in = sk->segs_out = sk->data_segs_in = sk->data_segs_out = 0;
}

void tcp_disconnect(struct ho_stack *st, struct sock *sk)
{
	bool reset = need_reset(sk), syn_sent = sk->state == HO_SYN_SENT;

	tcp_fastopen_fin_check(st, sk);
	sk->fastopen &= FO_CONNECT | FO_NO_COOKIE;
	sk->fastopen_fail = 0;
	if (sk->state == HO_LISTEN) {
		tcp_listen_stop(st, sk);
		if (!sk->bound_port)
			port_release(st, sk);
	}
	tcp_state_set(st, sk, HO_CLOSE);
	if (reset)
		tcp_reset_send_active(st, sk);
	if (reset || syn_sent)
		sk->err = ECONNRESET;
	if (sk->busy->fo_child)
		tcp_fastopen_release(st, sk, false);
	tcp_timers_stop(st, sk);
	tcp_rx_queues_purge(st, sk);
	tcp_tx_queues_purge(st, sk);
	sk->shutdown = 0;
	sk->done = false;
	peer_forget(sk);
	sender_reset(st, sk);
	if (sock_is_busy(sk))
		busy_reset(sk->busy);
	receiver_reset(sk);
	options_reset(sk);
	counts_reset(sk);
}

int tcp_sock_disconnect(struct ho_stack *st, struct sock *sk)
{
	tcp_disconnect(st, sk);
	sk->ss = SS_UNCONNECTED;
	sock_wake(st, sk);
	return 0;
}
