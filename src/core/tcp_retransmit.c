/* SPDX-License-Identifier: MIT
 * Sending again: one segment, all that is lost, and the probe for a lost tail (RFC 8985 7).
 * Source: Linux 6.18 net/ipv4/tcp_output.c __tcp_retransmit_skb, tcp_xmit_retransmit_queue, tcp_retrans_try_collapse,
 * tcp_schedule_loss_probe, tcp_send_loss_probe. */
#include "tcp.h"
#include "watch.h"

/* Small segments behind g move into it as long as one packet holds them. */
static void collapse(struct ho_stack *st, struct sock *sk, struct seg *g, uint32_t room)
{
	struct seg *n;

	if (!st->ctl.tcp_retrans_collapse || (g->flags & TCP_SYN))
		return;
	while ((n = g->next)) {
		if (g->eor || g->pcount > 1 || n->pcount > 1 || ((g->sacked | n->sacked) & SEG_SACKED))
			return;
		if (g->len_bytes + n->len_bytes > room || seq_gt(n->end_seq, tcp_wnd_end(sk)))
			return;
		if (n->len_bytes && !seg_shift(g, n, n->len_bytes)) /* a lone FIN has none */
			return;
		g->end_seq = n->end_seq;
		g->flags |= n->flags;
		g->eor = n->eor;
		g->sacked |= n->sacked & SEG_EVER_RETRANS;
		if (sk->busy->retransmit_hint == n)
			sk->busy->retransmit_hint = g;
		seg_pcount_moved(sk, n, -(int32_t)n->pcount);
		rtx_remove(st, sk, n);
		rtx_changed(sk, g);
	}
}

/* How much of g may go: max_segs packets, what the window has room for. */
static bool cut_to_fit(struct ho_stack *st, struct sock *sk, struct seg *g, uint32_t max_segs)
{
	uint32_t mss = tcp_current_mss(st, sk), bytes = mss * max_segs;
	int32_t window = seq_cmp(tcp_wnd_end(sk), g->seq);
	uint16_t pcount = g->pcount;

	if (window <= 0) /* the peer shrank its window to nothing: g serves as a probe */
		window = (int32_t)mss;
	if (bytes > (uint32_t)window) {
		bytes = (uint32_t)window / mss * mss;
		if (!bytes)
			bytes = (uint32_t)window;
	}
	if (g->len_bytes > bytes)
		return seg_split(st, sk, g, bytes, mss, true);
	seg_cut(g, mss);
	if (g->pcount != pcount)
		seg_pcount_moved(sk, g, (int32_t)g->pcount - pcount);
	rtx_changed(sk, g);
	if (g->len_bytes < min_u32((uint32_t)window, mss))
		collapse(st, sk, g, min_u32((uint32_t)window, mss));
	return true;
}

/* Sends g once more; it must be outstanding. */
static int resend(struct ho_stack *st, struct sock *sk, struct seg *g, uint32_t max_segs)
{
	bool syn = g->flags & TCP_SYN;
	const struct way *way;
	int err;

	sk->busy->mtup.probe_size = 0; /* it shows nothing now */
	if (seq_lt(g->seq, sk->snd_una) && g->len_bytes)
		seg_trim_head(st, sk, g, seq_sub(sk->snd_una, g->seq));
	if (ip_way(st, sk->e.raddr, &way) < 0)
		return -EHOSTUNREACH; /* no try: nothing is counted */
	if (!syn && !seq_lt(g->seq, tcp_wnd_end(sk)) && !seq_eq(g->seq, sk->snd_una))
		return -EAGAIN;
	if (!cut_to_fit(st, sk, g, max_segs))
		return -ENOMEM;
	if (syn && st->ctl.tcp_ecn_fallback)
		g->flags &= (uint8_t)~(TCP_ECE | TCP_CWR);
	st->cause.frame_out = st->frame_id + 1; /* what tcp_transmit takes next */
	count_add(st, sk, HO_TcpRetransSegs, g->pcount);
	watch_resend(st, sk, g);
	if (syn)
		count_why(st, sk, HO_TcpExtTCPSynRetrans, 1, HO_WHY_SYN_RETRANSMIT, sk->retransmits, 0);
	sk->busy->total_retrans += g->pcount;
	sk->busy->bytes_retrans += g->len_bytes;
	err = tcp_transmit(st, sk, g);
	g->sacked |= SEG_EVER_RETRANS;
	rtx_changed(sk, g);
	if (err)
		count_add(st, sk, HO_TcpExtTCPRetransFail, g->pcount);
	return err;
}

int tcp_retransmit(struct ho_stack *st, struct sock *sk, struct seg *g, uint32_t max_segs)
{
	int err = tcp_still_in_host_queue(st, sk, g) ? -EBUSY : resend(st, sk, g, max_segs);

	if (!err) {
		g->sacked |= SEG_RETRANS;
		sk->busy->retrans_out += g->pcount;
		rtx_changed(sk, g);
	}
	if (!sk->busy->retrans_stamp_ms) { /* what was left out has the time of the original */
		uint32_t ms = (uint32_t)(err == -EBUSY ? g->sent_us / 1000 : st->now_ms);

		sk->busy->retrans_stamp_ms = ms ? ms : 1;
	}
	if (sk->busy->undo_retrans < 0)
		sk->busy->undo_retrans = 0;
	sk->busy->undo_retrans += g->pcount;
	return err;
}

static struct seg *first_to_resend(const struct sock *sk)
{
	if (sk->busy->rtx_index.root)
		return seg_of_node(tree_first(&sk->busy->rtx_index, RTX_RESEND));
	return sk->busy->retransmit_hint ? sk->busy->retransmit_hint : sk->busy->rtx_head;
}

/* What is lost and not on its way again, as far as the congestion window allows. */
void tcp_retransmit_lost(struct ho_stack *st, struct sock *sk)
{
	uint32_t max_segs = tcp_tso_segs(st, sk, tcp_current_mss(st, sk));
	bool indexed = sk->busy->rtx_index.root, rearm = false;
	struct seg *next, *hole = NULL;

	if (!sk->packets_out)
		return;
	for (struct seg *g = first_to_resend(sk); g; g = next) {
		int32_t room = (int32_t)(sk->snd_cwnd - tcp_in_flight(sk));

		next = indexed ? seg_of_node(node_next(&g->node, RTX_RESEND)) : g->next;
		if (tcp_pace_holds(st, sk))
			break;
		if (!hole && !indexed)
			sk->busy->retransmit_hint = g;
		if (room <= 0 || sk->busy->retrans_out >= sk->busy->lost_out)
			break;
		if (!(g->sacked & SEG_LOST)) {
			if (!hole && !(g->sacked & (SEG_RETRANS | SEG_SACKED)))
				hole = g;
			continue;
		}
		if (g->sacked & (SEG_SACKED | SEG_RETRANS))
			continue;
		if (tcp_small_queue_full(st, sk, g) || tcp_retransmit(st, sk, g, min_u32((uint32_t)room, max_segs)))
			break;
		/* it may have been cut, or have swallowed its neighbour */
		next = indexed ? seg_of_node(node_next(&g->node, RTX_RESEND)) : g->next;
		count_add(st, sk, sk->ca_state == CA_LOSS ? HO_TcpExtTCPSlowStartRetrans : HO_TcpExtTCPFastRetrans, g->pcount);
		if (tcp_in_cwnd_reduction(sk))
			sk->busy->prr_out += g->pcount;
		if (g == sk->busy->rtx_head && sk->busy->pending != WRITE_REORDER)
			rearm = true;
	}
	if (rearm)
		tcp_timer_write(st, sk, WRITE_RETRANS, sk->rto_ms + tcp_pace_delay_ms(st, sk));
}

/* ---- tail loss probe ---- */

hot_path bool tcp_loss_probe_schedule(struct ho_stack *st, struct sock *sk, bool advancing_rto)
{
	uint32_t timeout_ms = TCP_TIMEOUT_INIT_MS;
	int64_t rto_us;

	if (unlikely(st->ctl.tcp_early_retrans < 3) || !sk->packets_out || unlikely(!sk->sack_ok) || unlikely(sk->busy->fo_child) ||
	    (unlikely(sk->ca_state != CA_OPEN) && sk->ca_state != CA_CWR))
		return false;
	if (likely(sk->srtt_us)) {
		uint64_t us = sk->srtt_us >> 2;

		us += mostly(sk->packets_out == 1) ? tcp_rto_min_us(st, sk) : TCP_TIMEOUT_MIN_US;
		timeout_ms = (uint32_t)((us + 999) / 1000);
	}
	rto_us = advancing_rto ? (int64_t)sk->rto_ms * 1000 : tcp_rto_delta_us(st, sk);
	if (rto_us > 0)
		timeout_ms = min_u32(timeout_ms, (uint32_t)((rto_us + 999) / 1000));
	tcp_timer_write(st, sk, WRITE_TLP, timeout_ms + tcp_pace_delay_ms(st, sk));
	return true;
}

static bool probe_with_old_data(struct ho_stack *st, struct sock *sk, uint32_t mss)
{
	struct seg *g = sk->busy->rtx_tail;

	if (!g || tcp_still_in_host_queue(st, sk, g))
		return false;
	if (g->pcount > 1 && g->len_bytes > (g->pcount - 1u) * mss) {
		if (!seg_split(st, sk, g, (g->pcount - 1u) * mss, mss, true))
			return false;
		g = g->next;
	}
	return resend(st, sk, g, 1) == 0;
}

void tcp_loss_probe_send(struct ho_stack *st, struct sock *sk)
{
	uint32_t mss = tcp_current_mss(st, sk), packets = sk->packets_out;

	if (sk->busy->tlp_high_seq.n)
		goto rearm;
	sk->busy->tlp_retrans = false;
	if (sk->busy->wq_head && tcp_wnd_allows(sk, sk->busy->wq_head, mss)) {
		tcp_write_xmit(st, sk, mss, NAGLE_OFF, 2);
		if (sk->packets_out == packets)
			goto rearm;
	} else {
		if (!probe_with_old_data(st, sk, mss))
			goto rearm;
		sk->busy->tlp_retrans = true;
	}
	sk->busy->tlp_high_seq = sk->snd_nxt;
	count_why(st, sk, HO_TcpExtTCPLossProbes, 1, HO_WHY_TLP, 0, 0);
	sk->busy->pending = WRITE_NONE;
rearm:
	tcp_rearm_rto(st, sk);
}
