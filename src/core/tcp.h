/* SPDX-License-Identifier: MIT
 * What the tcp_*.c files share.  A segment's way in:
 *
 *   tcp_in.c         checksum, whose is it -> one line a state
 *   tcp_listen.c     a SYN meets a listener; a request's timer; the final ACK; both queues
 *   tcp_migrate.c    the listener is gone, another of its group is there
 *   tcp_fastopen.c   a SYN with data (tcp_fastopen_client.c: ours)
 *   tcp_synsent.c    the answer to our SYN
 *   tcp_fastpath.c   header prediction
 *   tcp_segment.c    the checks of an established connection's segment, the closing states
 *   tcp_ack.c        what an ACK acknowledges (tcp_sack.c, tcp_dsack.c, tcp_rack.c: what was received, duplicate, lost)
 *   tcp_recovery.c   what follows from that (tcp_retransmit.c: sending again; tcp_undo.c: taking it back)
 *   tcp_data.c       in order, out of order, old data (tcp_rcvbuf.c: and the memory and window for it; tcp_prune.c:
 *                    and none of it left; tcp_mem.c: what all connections hold)
 *   tcp_urgent.c     the urgent pointer, and the byte that it means
 *   tcp_fin.c        FINs; tcp_timewait.c; tcp_abort.c: RSTs out and in, errors
 *   tcp_mtu.c        how large segments may be; ICMP 3/4 (tcp_mtu_probe.c: finding out without)
 *
 * and out: sock_tcp_send.c -> tcp_out.c (what may leave now) -> tcp_transmit.c (a segment becomes frames) -> ip_out.c;
 * tcp_host_queue.c: has it left?
 * Timers: tcp_timer.c.  Round trip times: tcp_rtt.c.  Windows of congestion: tcp_cc.c, tcp_cubic.c,
 * tcp_ecn.c. */
#ifndef HO_TCP_H
#define HO_TCP_H

#include "core.h"

#define TCP_MSS_DEFAULT 536u
#define TCP_MIN_MSS 88u
#define TCP_TIMEOUT_INIT_MS 1000u
#define TCP_TIMEOUT_FALLBACK_MS 3000u /* no round trip time from the handshake */
#define TCP_RTO_MAX_MS 120000u        /* of SYN+ACKs, whatever tcp_rto_max_ms says */
#define TCP_ATO_MIN_MS 40u
#define TCP_DELACK_MIN_MS 40u
#define TCP_DELACK_MAX_MS 200u
#define TCP_TIMEOUT_MIN_US 2000u
#define TCP_TIMEWAIT_LEN_MS 60000u
#define TCP_INIT_CWND 10u
#define TCP_MAX_QUICKACKS 16u
#define TCP_MAX_WSCALE 14u
#define TCP_PAWS_WINDOW 1
#define TCP_PAWS_24DAYS_S (60u * 60 * 24 * 24)
#define TCP_PAWS_MSL_S 60u
#define DUP_THRESH 3
#define TCP_INFINITE_SSTHRESH 0x7fffffffu
#define TCP_TS_BYTES 12u          /* NOP NOP timestamps */
#define TCP_GSO_MAX_SIZE 65536u
#define TCP_GSO_MAX_BYTES 65279u  /* 65536 - 1 - MAX_TCP_HEADER (256) */

#define SKB_SMALL_TRUESIZE 832    /* an sk_buff with a small head, no payload in pages */
#define PAGE_BYTES 4096
#define SNDBUF_MIN 4608           /* SOCK_MIN_SNDBUF */

/* A TCP segment that has arrived, header parsed and checksum good. */
struct tcp_rx {
	struct rx *rx;
	const uint8_t *th;
	seq_t seq, end_seq, ack;
	uint32_t window;         /* as in the header, not scaled */
	uint32_t payload_offset; /* in the frame */
	uint32_t len_bytes;      /* payload */
	uint16_t sport, dport, urg;
	uint8_t flags, header_bytes;
	bool parsed;             /* opt is valid */
	struct tcp_options opt;
	uint16_t gso_size, gso_segs;
	seq_t timewait_isn;      /* a SYN that takes the place of a TIME-WAIT bucket: our first number; else 0 */
};

/* flags of tcp_ack_in */
#define FLAG_DATA 0x01u
#define FLAG_WIN_UPDATE 0x02u
#define FLAG_DATA_ACKED 0x04u
#define FLAG_RETRANS_ACKED 0x08u
#define FLAG_SYN_ACKED 0x10u
#define FLAG_DATA_SACKED 0x20u
#define FLAG_ECE 0x40u
#define FLAG_LOST_RETRANS 0x80u
#define FLAG_SLOWPATH 0x100u
#define FLAG_ORIG_SACK_ACKED 0x200u     /* never sent twice, arrived, and below high_seq */
#define FLAG_SND_UNA_ADVANCED 0x400u
#define FLAG_DSACKING_ACK 0x800u
#define FLAG_SET_XMIT_TIMER 0x1000u
#define FLAG_SACK_RENEGING 0x2000u
#define FLAG_UPDATE_TS_RECENT 0x4000u
#define FLAG_NO_CHALLENGE_ACK 0x8000u
#define FLAG_DSACK_TLP 0x20000u
#define FLAG_ACKED (FLAG_DATA_ACKED | FLAG_SYN_ACKED)
#define FLAG_NOT_DUP (FLAG_DATA | FLAG_WIN_UPDATE | FLAG_ACKED)
#define FLAG_CA_ALERT (FLAG_DATA_SACKED | FLAG_ECE | FLAG_DSACKING_ACK)
#define FLAG_FORWARD_PROGRESS (FLAG_ACKED | FLAG_DATA_SACKED)

#define FLAG_ACK_MAYBE_DELAYED 0x10000u  /* the only small segment in flight: the answer may have waited */

/* What one ACK says of the rate of delivery (tcp_rate.c). */
struct rate_sample {
	bool is_valid, is_app_limited, is_ack_delayed;
	int32_t delivered;        /* packets in interval_us; -1: no sample */
	int64_t interval_us;      /* -1: no sample */
	int64_t rtt_us;           /* of the newest segment; -1: none */
	uint64_t prior_us;        /* the interval's beginning, as ACKs have it */
	uint32_t prior_delivered; /* sock.delivered when the newest of what arrived was sent; 0: nothing did */
	uint32_t prior_in_flight; /* packets, before this ACK */
	uint32_t acked_sacked, losses; /* packets that it told of */
	struct sending last;      /* the newest */
};

/* What is learnt from one ACK on its way through tcp_ack.c, tcp_sack.c, tcp_rack.c. */
struct acking {
	uint32_t flag;          /* FLAG_*, from the SACK blocks */
	uint32_t delivered;     /* packets, by SACK and D-SACK */
	seq_t reord;            /* the lowest number that was SACKED below the highest */
	uint64_t first_sack_us, last_sack_us; /* when what is newly SACKED had been sent; 0: nothing */
	struct rate_sample rate;
};

enum resend { RESEND_NONE, RESEND_LOST, RESEND_NEW /* new data first (F-RTO) */ };

/* ---- small facts ---- */
static inline uint32_t tcp_in_flight(const struct sock *sk)
{
	return sk->packets_out - (sk->busy->sacked_out + sk->busy->lost_out) + sk->busy->retrans_out;
}
static inline seq_t tcp_wnd_end(const struct sock *sk)
{
	return seq_add(sk->snd_una, sk->snd_wnd);
}
static inline bool tcp_sent_after(struct sending a, struct sending b)
{
	if (a.us != b.us)
		return a.us > b.us;
	if (a.no != b.no)
		return (int32_t)(a.no - b.no) > 0;
	return seq_gt(a.end_seq, b.end_seq);
}
static inline struct sending tcp_sending_of(const struct seg *g)
{
	return (struct sending){g->sent_us, g->sent_no, g->end_seq};
}
/* UINT32_MAX: none was measured. */
static inline uint32_t tcp_min_rtt_us(const struct sock *sk)
{
	return winfilter_get(&sk->rtt_min);
}
/* Bytes per second, as of the last ACK; few ask, so that not each ACK divides. */
static inline uint64_t tcp_pacing_rate(struct sock *sk)
{
	if (sk->pacing_srtt_us) {
		sk->pacing_rate /= sk->pacing_srtt_us;
		sk->pacing_srtt_us = 0;
	}
	if (sk->pacing_rate > sk->habits->max_pacing_rate)
		sk->pacing_rate = sk->habits->max_pacing_rate;
	return sk->pacing_rate;
}
/* What is left of the window that we have offered. */
static inline uint32_t tcp_receive_window(const struct sock *sk)
{
	int32_t w = (int32_t)(sk->rcv_wup.n + sk->rcv_wnd - sk->rcv_nxt.n);

	return w < 0 ? 0 : (uint32_t)w;
}
static inline bool tcp_in_pingpong(const struct ho_stack *st, const struct sock *sk)
{
	return sk->ack.pingpong >= st->ctl.tcp_pingpong_thresh;
}
static inline bool tcp_in_quickack(const struct ho_stack *st, const struct sock *sk)
{
	return (sk->ack.quick && !tcp_in_pingpong(st, sk)) || unlikely(sk->busy->route.quickack);
}
static inline bool tcp_urg_mode(const struct sock *sk)
{
	return !seq_eq(sk->snd_una, sk->busy->snd_up);
}
static inline bool tcp_in_slow_start(const struct sock *sk)
{
	return sk->snd_cwnd < sk->snd_ssthresh;
}
/* The last of a group of received segments (tcp_data.c). */
static inline struct rxseg *rx_group_end(struct rxseg *r)
{
	while (r->next && r->next->merged)
		r = r->next;
	return r;
}
static inline bool state_is(const struct sock *sk, uint32_t mask)
{
	return (1u << sk->state) & mask;
}
#define IN_(s) (1u << (s))

/* The place of its links is what a descriptor needs. */
static inline void tcp_accept_queue_leave(struct sock *child)
{
	child->in_accept_queue = false;
	child->user = NULL;
	child->ready = (struct hlink){0, 0};
}

/* ---- tcp_in.c ---- */
void tcp_options_of(struct tcp_rx *t); /* parses once */

/* ---- tcp_listen.c ---- */
void tcp_listen_on_segment(struct ho_stack *st, struct sock *lsk, struct tcp_rx *t);
static inline struct sock *tcp_request_listener(const struct ho_stack *st, const struct request *req)
{
	struct sock *lsk = st->listeners[req->listener];

	assert(lsk);
	return lsk;
}
void tcp_request_on_segment(struct ho_stack *st, struct request *req, struct tcp_rx *t);
void tcp_request_drop(struct ho_stack *st, struct request *req);
void tcp_request_gone(struct ho_stack *st, struct sock *lsk, const struct request *req, enum ho_left why); /* of lsk's */
void tcp_listen_stop(struct ho_stack *st, struct sock *lsk);
void tcp_accept_queue_push(struct ho_stack *st, struct sock *lsk, struct sock *child);

uint32_t tcp_syn_queue_size_3_10(const struct ho_stack *st, const struct sock *lsk);
bool tcp_listen_finish(struct ho_stack *st, struct sock *lsk, struct request *req, struct tcp_rx *t);

/* ---- tcp_migrate.c ---- */
struct sock *tcp_migrate_target(struct ho_stack *st, struct sock *lsk, const struct entry *e); /* NULL (counted) */
struct sock *tcp_migrate_request(struct ho_stack *st, struct request *req); /* its listener then; NULL: as above */
bool tcp_migrate_child(struct ho_stack *st, struct sock *lsk, struct sock *child);
void tcp_migrate_miscount(struct ho_stack *st, const struct sock *lsk, const struct request *req);
/* What Linux takes the length of a SYN queue to be. */
static inline uint32_t tcp_syn_queue_length(const struct sock *lsk)
{
	return lsk->l->syn_count + lsk->l->syn_stray;
}

/* ---- tcp_listen_note.c ---- */
void tcp_listen_drop_note(struct ho_stack *st, struct sock *lsk, enum ho_listen_drop cause, struct ho_endpoint peer);
void tcp_listen_wanted_note(struct sock *lsk, bool first);
void tcp_listen_accepted_note(const struct ho_stack *st, struct sock *lsk, const struct sock *child);
void tcp_listen_empty_note(struct sock *lsk);

/* ---- tcp_cookie.c ---- */
seq_t tcp_cookie_isn(struct ho_stack *st, struct sock *lsk, const struct tcp_rx *t, uint16_t *mss);
uint32_t tcp_cookie_ts(const struct ho_stack *st, const struct request *req);
bool tcp_cookie_on_ack(struct ho_stack *st, struct sock *lsk, struct tcp_rx *t);

/* ---- tcp_fastopen.c ---- */
/* net.ipv4.tcp_fastopen */
#define TFO_CLIENT 0x1u
#define TFO_SERVER 0x2u
#define TFO_CLIENT_NO_COOKIE 0x4u
#define TFO_SERVER_NO_COOKIE 0x200u
#define TFO_SERVER_WO_SOCKOPT 0x400u

struct sock *tcp_fastopen_on_syn(struct ho_stack *st, struct sock *lsk, struct request *req, struct tcp_rx *t,
                                 struct fastopen_cookie *answer);
bool tcp_fastopen_on_segment(struct ho_stack *st, struct sock *sk, struct tcp_rx *t);
void tcp_fastopen_on_timer(struct ho_stack *st, struct sock *sk);
void tcp_fastopen_established(struct ho_stack *st, struct sock *sk);
void tcp_fastopen_release(struct ho_stack *st, struct sock *sk, bool reset);
void tcp_fastopen_destroy(struct ho_stack *st, struct sock *sk);
int tcp_fastopen_listen(struct ho_stack *st, struct sock *sk, uint32_t backlog);
void tcp_fastopen_listen_stop(struct ho_stack *st, struct sock *lsk);
void tcp_fastopen_data(struct ho_stack *st, struct sock *sk, const struct tcp_rx *t);
void tcp_fastopen_cookie_of(const struct tcp_rx *t, struct fastopen_cookie *out);
int tcp_fastopen_setopt(struct ho_stack *st, struct sock *sk, int name, const void *val, size_t len_bytes);
size_t tcp_fastopen_key_opt(const struct ho_stack *st, const struct sock *sk, uint8_t key[2 * FASTOPEN_KEY_BYTES]);

/* ---- tcp_fastopen_client.c ---- */
struct fastopen_req { /* a connect() that takes data along */
	const uint8_t *from;
	size_t size;
	struct block *by_ref;
	uint32_t copied; /* what went with the SYN */
	struct fastopen_cookie cookie;
};
int tcp_fastopen_syn_send(struct ho_stack *st, struct sock *sk, struct seg *syn, struct fastopen_req *fo);
bool tcp_fastopen_defer(struct ho_stack *st, struct sock *sk, struct fastopen_req *fo);
bool tcp_fastopen_on_synack(struct ho_stack *st, struct sock *sk, struct tcp_rx *t);
void tcp_fastopen_on_timeout(struct ho_stack *st, struct sock *sk, bool expired);
void tcp_fastopen_fin_check(struct ho_stack *st, struct sock *sk);
bool tcp_fastopen_cookie_check(struct ho_stack *st, struct sock *sk, uint32_t *mss, struct fastopen_cookie *cookie);

/* ---- tcp_child.c ---- */
struct sock *tcp_child_make(struct ho_stack *st, struct sock *lsk, struct request *req, struct tcp_rx *t);

/* ---- tcp_synsent.c, tcp_fastpath.c, tcp_segment.c ---- */
void tcp_synsent_on_segment(struct ho_stack *st, struct sock *sk, struct tcp_rx *t);
bool tcp_fastpath_on_segment(struct ho_stack *st, struct sock *sk, struct tcp_rx *t); /* false: not for it */
void tcp_established_on_segment(struct ho_stack *st, struct sock *sk, struct tcp_rx *t);
void tcp_closing_on_segment(struct ho_stack *st, struct sock *sk, struct tcp_rx *t);
bool tcp_rx_timestamps(struct sock *sk, struct tcp_rx *t); /* saw them; fills sk->busy->rcv_tsval, rcv_tsecr */
void tcp_ts_recent_store(struct ho_stack *st, struct sock *sk);
bool tcp_paws_reject(const struct ho_stack *st, uint32_t ts_recent, uint32_t stamp_s, const struct tcp_rx *t);
bool tcp_oow_limited(struct ho_stack *st, struct sock *sk, const struct tcp_rx *t, uint32_t counter, uint32_t *last_ms);
void tcp_fast_path_on(struct sock *sk);
void tcp_fast_path_check(struct sock *sk);

/* ---- tcp_ack.c, tcp_sack.c, tcp_dsack.c ---- */
int tcp_ack_in(struct ho_stack *st, struct sock *sk, struct tcp_rx *t, uint32_t flag); /* < 0: unacceptable */
void tcp_delivered(struct sock *sk, uint32_t n, bool ece);
uint32_t tcp_sack_in(struct ho_stack *st, struct sock *sk, struct tcp_rx *t, seq_t prior_una, struct acking *a);
bool tcp_dsack_in(struct ho_stack *st, struct sock *sk, struct tcp_rx *t, seq_t prior_una, struct acking *a);
seq_t tcp_highest_sack(const struct sock *sk); /* end of the highest SACKed segment; snd_una without one */
void tcp_sack_reordering(struct ho_stack *st, struct sock *sk, seq_t low, bool by_ts);

/* ---- tcp_rack.c ---- */
void tcp_rack_advance(const struct ho_stack *st, struct sock *sk, uint8_t sacked, struct sending s);
bool tcp_rack_mark_lost(struct ho_stack *st, struct sock *sk);
void tcp_rack_set_aside(struct sock *sk);   /* what the timer has called lost is none of RACK's until it is sent again */
void tcp_rack_take_back(struct sock *sk);   /* it was not lost */
void tcp_rack_on_timer(struct ho_stack *st, struct sock *sk);
void tcp_rack_window_update(const struct ho_stack *st, struct sock *sk, const struct acking *a);
int64_t tcp_rack_remaining_us(const struct ho_stack *st, const struct sock *sk, const struct seg *g, uint32_t window_us);

/* ---- tcp_rate.c ---- */
void tcp_rate_sent(struct sock *sk, struct seg *g);
void tcp_rate_delivered(struct sock *sk, struct rate_sample *rs, struct seg *g);
void tcp_rate_sample(struct ho_stack *st, struct sock *sk, struct rate_sample *rs, uint32_t delivered, uint32_t lost,
                     bool reneged);
void tcp_app_limited_set(struct sock *sk);
void tcp_app_limited_check(struct sock *sk);
uint64_t tcp_delivery_rate(const struct sock *sk);

/* ---- tcp_pace.c ---- */
void tcp_pace_sent(struct sock *sk, const struct seg *g, uint64_t prior_ns);
bool tcp_pace_waits(struct ho_stack *st, struct sock *sk);
/* May nothing leave yet? */
static inline bool tcp_pace_holds(struct ho_stack *st, struct sock *sk)
{
	return unlikely(sk->paced) && tcp_pace_waits(st, sk);
}
int tcp_max_pacing_rate_set(struct ho_stack *st, struct sock *sk, uint64_t rate); /* bytes per second; UINT64_MAX: none; -ENOMEM */
/* What the retransmission timer waits longer, because the segments that it is for leave later. */
static inline uint32_t tcp_pace_delay_ms(const struct ho_stack *st, const struct sock *sk)
{
	return unlikely(sk->paced) && sk->busy->wstamp_ns > st->now ? (uint32_t)((sk->busy->wstamp_ns - st->now) / HO_MS) : 0;
}

/* ---- tcp_recovery.c, tcp_undo.c ---- */
void tcp_recovery_on_ack(struct ho_stack *st, struct sock *sk, seq_t prior_una, uint32_t dupacks, uint32_t *flag,
                         enum resend *resend);
void tcp_ca_state_set(struct ho_stack *st, struct sock *sk, uint8_t state);
bool tcp_in_cwnd_reduction(const struct sock *sk);
uint32_t tcp_current_ssthresh(const struct sock *sk);
void tcp_cwnd_reduction(struct sock *sk, uint32_t delivered, uint32_t lost, uint32_t flag);
void tcp_enter_cwr(struct ho_stack *st, struct sock *sk);
void tcp_enter_recovery(struct ho_stack *st, struct sock *sk, bool ece);
void tcp_enter_loss(struct ho_stack *st, struct sock *sk);
void tcp_loss_probe_recovered(struct ho_stack *st, struct sock *sk);
void tcp_keep_open(struct ho_stack *st, struct sock *sk);
void tcp_mark_lost(struct ho_stack *st, struct sock *sk, struct seg *g);
void tcp_reno_acked(struct ho_stack *st, struct sock *sk, uint32_t packets, bool ece);
void tcp_undo_init(struct sock *sk);
bool tcp_reno_limit(struct sock *sk);
bool tcp_any_retrans_done(const struct sock *sk);
bool tcp_undo_recovery(struct ho_stack *st, struct sock *sk);
bool tcp_undo_dsack(struct ho_stack *st, struct sock *sk);
bool tcp_undo_loss(struct ho_stack *st, struct sock *sk, bool spurious);
bool tcp_undo_partial(struct ho_stack *st, struct sock *sk, seq_t prior_una);

/* ---- tcp_ecn.c ---- */
bool tcp_ecn_request(const struct ho_stack *st, const struct tcp_rx *t);
uint8_t tcp_ecn_syn(const struct ho_stack *st, struct sock *sk);
void tcp_ecn_synack_in(struct sock *sk, const struct tcp_rx *t);
void tcp_ecn_syn_in(struct sock *sk, const struct tcp_rx *t);
void tcp_ecn_count(struct sock *sk, const struct tcp_rx *t);
void tcp_ecn_data_in(struct sock *sk, const struct tcp_rx *t);
void tcp_ecn_accept_cwr(struct sock *sk, const struct tcp_rx *t);
bool tcp_ecn_echo(const struct sock *sk, const struct tcp_rx *t);
uint8_t tcp_ecn_send(struct sock *sk, const struct seg *g, uint8_t *tos);

/* ---- tcp_data.c ---- */
void tcp_data_in(struct ho_stack *st, struct sock *sk, struct tcp_rx *t);
bool tcp_data_append(struct ho_stack *st, struct sock *sk, struct tcp_rx *t, uint32_t skip); /* false: no memory */
void tcp_data_event(struct ho_stack *st, struct sock *sk, struct tcp_rx *t); /* ACK policy, MSS, window */
void tcp_ack_check(struct ho_stack *st, struct sock *sk);       /* is an ACK due, now or delayed? */
void tcp_ack_check_now(struct ho_stack *st, struct sock *sk);   /* the same, one is due */
void tcp_compressed_ack_send(struct ho_stack *st, struct sock *sk); /* if any was left out */
void tcp_dsack_set(struct ho_stack *st, struct sock *sk, seq_t from, seq_t to);
void tcp_send_dupack(struct ho_stack *st, struct sock *sk, struct tcp_rx *t);
cold_path void tcp_challenge_ack(struct ho_stack *st, struct sock *sk);
cold_path void tcp_enter_quickack(struct sock *sk, uint32_t max);
void tcp_rx_queues_purge(struct ho_stack *st, struct sock *sk);
bool tcp_rxseg_merge(struct ho_stack *st, struct sock *sk, const struct rxseg *tail, struct rxseg *first,
                     struct rxseg *last); /* merged? */
void tcp_rx_append(struct ho_stack *st, struct sock *sk, struct rxseg *first, struct rxseg *last);
struct rxseg *tcp_rxseg_make(struct ho_stack *st, struct tcp_rx *t);
void rxseg_free(struct ho_stack *st, struct sock *sk, struct rxseg *r);

/* ---- tcp_urgent.c ---- */
void tcp_urgent_in(struct ho_stack *st, struct sock *sk, const struct tcp_rx *t);
void tcp_urgent_passed(struct sock *sk);
cold_path ptrdiff_t tcp_urgent_recv(struct sock *sk, uint8_t *to, size_t len_bytes, int flags);

/* ---- tcp_ofo.c ---- */
void tcp_ofo_in(struct ho_stack *st, struct sock *sk, struct tcp_rx *t);
void tcp_ofo_drain(struct ho_stack *st, struct sock *sk);
void rxseg_trim_front(struct rxseg *r, seq_t to);
void tcp_ofo_remove_group(struct ho_stack *st, struct sock *sk, struct rxseg *before);
struct rxseg *tcp_ofo_group_end(struct ho_stack *st, struct sock *sk, struct rxseg *first);
struct rxseg *tcp_ofo_last_group(struct ho_stack *st, struct sock *sk, struct rxseg **before); /* there is one */
void tcp_ofo_index_drop(struct sock *sk);
void tcp_ofo_purge(struct ho_stack *st, struct sock *sk);
void tcp_sack_remove(struct sock *sk);

/* ---- tcp_prune.c ---- */
bool tcp_rmem_schedule(struct ho_stack *st, struct sock *sk, const struct tcp_rx *t); /* false: drop it */
void tcp_rmem_force(struct ho_stack *st, struct sock *sk, const struct tcp_rx *t);    /* all the same */

/* ---- tcp_mem.c ---- */
enum mem_kind { MEM_SEND, MEM_RECV };
bool tcp_mem_raise(struct ho_stack *st, struct sock *sk, int32_t bytes, enum mem_kind kind);
void tcp_mem_raise_anyway(struct ho_stack *st, struct sock *sk, int32_t bytes);
void tcp_mem_reclaim(struct ho_stack *st, struct sock *sk);
/* So many bytes may be charged.  Gives  false: the stack's limits forbid it. */
static inline bool tcp_mem_schedule(struct ho_stack *st, struct sock *sk, int32_t bytes, enum mem_kind kind)
{
	return bytes <= sk->fwd_alloc || tcp_mem_raise(st, sk, bytes - sk->fwd_alloc, kind);
}
/* The same for what must be: limits are not asked. */
static inline void tcp_mem_force(struct ho_stack *st, struct sock *sk, int32_t bytes)
{
	if (bytes > sk->fwd_alloc)
		tcp_mem_raise_anyway(st, sk, bytes - sk->fwd_alloc);
}
static inline void tcp_mem_charge(struct sock *sk, int32_t bytes)
{
	sk->fwd_alloc -= bytes;
}
static inline void tcp_mem_uncharge(struct ho_stack *st, struct sock *sk, int32_t bytes)
{
	sk->fwd_alloc += bytes;
	if (sk->fwd_alloc >= PAGE_BYTES)
		tcp_mem_reclaim(st, sk);
}
/* Gives  how many of these payload bytes may be charged, after some of the least that a socket may have; 0. */
uint32_t tcp_wmem_schedule(struct ho_stack *st, struct sock *sk, uint32_t bytes);
bool tcp_out_of_memory(const struct ho_stack *st, const struct sock *sk); /* what a program has left is reset */
void tcp_ssthresh_limit(const struct ho_stack *st, struct sock *sk);      /* under pressure: offer 4 segments */

/* ---- tcp_rcvbuf.c ---- */
void rx_copy_model(uint32_t bytes, uint32_t *truesize, uint32_t *room);
void tcp_rx_buffer(const struct tcp_rx *t, uint32_t *truesize, uint32_t *room, bool *linear);
void rx_buffer_model(uint32_t packet_bytes, uint32_t header_bytes, uint32_t *truesize, uint32_t *room, bool *linear);
uint32_t tcp_win_from_space(const struct sock *sk, int32_t space);
int32_t tcp_space(const struct sock *sk);
int32_t tcp_full_space(const struct sock *sk);
void tcp_initial_window(struct ho_stack *st, int32_t space, uint32_t mss, bool wscale_ok, uint32_t *rcv_wnd,
                        uint32_t *window_clamp, uint8_t *rcv_wscale);
uint32_t tcp_listen_window_clamp(const struct sock *lsk);
uint32_t tcp_window_select_raw(const struct ho_stack *st, struct sock *sk); /* __tcp_select_window */
uint16_t tcp_window_select(struct ho_stack *st, struct sock *sk); /* what goes into the header */
/* truesize: of what holds payload. */
void tcp_window_grow(const struct ho_stack *st, struct sock *sk, const struct tcp_rx *t, uint32_t truesize);
void tcp_window_clamp_set(struct sock *sk, uint32_t clamp);
void tcp_rcv_mss_measure(struct sock *sk, const struct tcp_rx *t, uint32_t truesize);
void tcp_rcv_mss_init(struct sock *sk);
void tcp_buffers_init(struct ho_stack *st, struct sock *sk);
void tcp_sndbuf_expand(struct ho_stack *st, struct sock *sk);
void tcp_rcv_rtt_measure(struct ho_stack *st, struct sock *sk);
void tcp_rcv_rtt_measure_ts(struct ho_stack *st, struct sock *sk, const struct tcp_rx *t);
void tcp_rcvbuf_grow(struct ho_stack *st, struct sock *sk, uint32_t copied);
void tcp_rcv_space_adjust(struct ho_stack *st, struct sock *sk);
void tcp_cleanup_rbuf(struct ho_stack *st, struct sock *sk, uint32_t copied);

/* ---- tcp_fin.c, tcp_timewait.c, tcp_abort.c ---- */
void tcp_fin_in(struct ho_stack *st, struct sock *sk);
bool tcp_fin_room(struct ho_stack *st, struct sock *sk); /* false: no memory for a FIN */
void tcp_fin_send(struct ho_stack *st, struct sock *sk);
bool tcp_close_state(struct ho_stack *st, struct sock *sk); /* next state; is a FIN due? */
void tcp_state_set(struct ho_stack *st, struct sock *sk, uint8_t state);
void tcp_time_wait(struct ho_stack *st, struct sock *sk, uint8_t state, uint32_t timeout_ms); /* sk is gone */
uint32_t tcp_fin_time_ms(const struct ho_stack *st, const struct sock *sk);
void tcp_done(struct ho_stack *st, struct sock *sk);        /* CLOSE; freed if nobody holds it */
void tcp_destroy(struct ho_stack *st, struct sock *sk);     /* free, whatever it still has */
void tcp_error(struct ho_stack *st, struct sock *sk, int err); /* pending error, and wake */
void tcp_reset_in(struct ho_stack *st, struct sock *sk);
void tcp_reset_send_active(struct ho_stack *st, struct sock *sk);
void tcp_reset_reply(struct ho_stack *st, struct sock *sk, const struct tcp_rx *t);
void tcp_write_error(struct ho_stack *st, struct sock *sk, enum ho_why why);
void tcp_orphan(struct ho_stack *st, struct sock *sk);
void tcp_orphan_gone(struct ho_stack *st);
bool tcp_check_oom(struct ho_stack *st, struct sock *sk, unsigned shift); /* true: counted, it has to go */

/* ---- tcp_disconnect.c ---- */
void tcp_disconnect(struct ho_stack *st, struct sock *sk); /* CLOSE; the socket can be used again */

/* ---- sock_tcp_recv.c ---- */
void tcp_rx_eat(struct ho_stack *st, struct sock *sk); /* takes the head off the receive queue */

/* ---- sock_tcp_opt.c ---- */
void tcp_info_fill(const struct ho_stack *st, struct sock *sk, struct ho_tcp_info *i);

/* ---- sock_tcp_send.c ---- */
ptrdiff_t tcp_seg_fill(struct ho_stack *st, struct sock *sk, struct seg *g, const uint8_t *from, uint32_t n,
                       struct block *by_ref);

/* ---- sock_tcp.c ---- */
bool tcp_unsent_low(const struct ho_stack *st, const struct sock *sk, bool wake);
bool tcp_sock_writable(const struct ho_stack *st, const struct sock *sk); /* HO_OUT holds, and whoever waits for it is to be woken */

/* ---- tcp_chrono.c ---- */
enum chrono { CHRONO_IDLE, CHRONO_BUSY, CHRONO_RWND, CHRONO_SNDBUF };
void tcp_chrono_start(const struct ho_stack *st, struct sock *sk, enum chrono why);
void tcp_chrono_stop(const struct ho_stack *st, struct sock *sk, enum chrono why);
uint64_t tcp_chrono_us(const struct ho_stack *st, const struct sock *sk, enum chrono why);

/* ---- tcp_out.c ---- */
uint32_t tcp_half_window_bound(const struct sock *sk, uint32_t bytes);
void tcp_new_data_sent(struct ho_stack *st, struct sock *sk, struct seg *g);
bool tcp_write_xmit(struct ho_stack *st, struct sock *sk, uint32_t mss, int nonagle, int push_one);
void tcp_push_pending(struct ho_stack *st, struct sock *sk, uint32_t mss, int nonagle); /* and the probe timer */
void tcp_send_on(struct ho_stack *st, struct sock *sk); /* what had to wait for the link's queue, or for its time */
void tcp_data_snd_check(struct ho_stack *st, struct sock *sk);
void tcp_send_ack(struct ho_stack *st, struct sock *sk);
void tcp_send_delayed_ack(struct ho_stack *st, struct sock *sk);
int tcp_connect_send(struct ho_stack *st, struct sock *sk, struct fastopen_req *fo); /* fo: NULL */
uint32_t tcp_tso_segs(const struct ho_stack *st, struct sock *sk, uint32_t mss);
bool tcp_wnd_allows(const struct sock *sk, const struct seg *g, uint32_t mss);
bool tcp_small_queue_full(const struct ho_stack *st, struct sock *sk, const struct seg *g);
void tcp_probe0_send(struct ho_stack *st, struct sock *sk);
int tcp_write_wakeup(struct ho_stack *st, struct sock *sk, uint32_t counter);
uint32_t tcp_size_goal(struct ho_stack *st, struct sock *sk, uint32_t mss, bool may_be_large);

/* ---- tcp_mtu.c, tcp_mtu_probe.c ---- */
uint32_t tcp_current_mss(struct ho_stack *st, struct sock *sk);
void tcp_mss_sync(struct ho_stack *st, struct sock *sk, uint32_t pmtu);
uint16_t tcp_advmss(struct ho_stack *st, const struct sock *sk, uint32_t daddr);
uint32_t tcp_mtu_to_mss(const struct ho_stack *st, const struct sock *sk, uint32_t mtu);
uint32_t tcp_init_cwnd(const struct sock *sk);
void tcp_route_look(struct ho_stack *st, struct sock *sk); /* the path as it is now known: sk->route */
void tcp_route_forget(struct sock *sk);
void tcp_frag_needed_in(struct ho_stack *st, struct sock *sk, uint32_t mtu);
void tcp_simple_retransmit(struct ho_stack *st, struct sock *sk);
enum mtu_probe { MTU_PROBE_NO, MTU_PROBE_SENT, MTU_PROBE_SOON /* send nothing until there is room for it */ };
cold_path enum mtu_probe tcp_mtu_probe(struct ho_stack *st, struct sock *sk);
void tcp_mtu_probing_init(const struct ho_stack *st, struct sock *sk);
cold_path void tcp_mtu_probe_acked(struct ho_stack *st, struct sock *sk);
void tcp_mtu_probe_lost(struct ho_stack *st, struct sock *sk);
void tcp_mtu_black_hole(struct ho_stack *st, struct sock *sk);

/* ---- tcp_host_queue.c ---- */
bool tcp_still_in_host_queue(struct ho_stack *st, struct sock *sk, const struct seg *g); /* then it need not go again */

/* ---- tcp_retransmit.c ---- */
int tcp_retransmit(struct ho_stack *st, struct sock *sk, struct seg *g, uint32_t max_segs); /* and marks it */
void tcp_retransmit_lost(struct ho_stack *st, struct sock *sk);
void tcp_loss_probe_send(struct ho_stack *st, struct sock *sk);
bool tcp_loss_probe_schedule(struct ho_stack *st, struct sock *sk, bool advancing_rto);

/* ---- tcp_seg.c: the elements of the queues ---- */
struct seg *seg_make(struct ho_stack *st);
void seg_free(struct ho_stack *st, struct seg *g);
bool seg_split(struct ho_stack *st, struct sock *sk, struct seg *g, uint32_t len_bytes, uint32_t mss, bool in_rtx);
bool seg_shift(struct seg *to, struct seg *from, uint32_t len_bytes);
void seg_pcount_moved(struct sock *sk, const struct seg *g, int32_t more);
void seg_trim_head(struct ho_stack *st, struct sock *sk, struct seg *g, uint32_t len_bytes);
void seg_cut(struct seg *g, uint32_t mss); /* sets gso_size and pcount */
void wq_append(struct sock *sk, struct seg *g);
struct seg *wq_pop(struct sock *sk);
bool wq_grow(struct ho_stack *st, struct sock *sk, struct seg *g, uint32_t bytes);
void rtx_append(struct sock *sk, struct seg *g);
void rtx_remove(struct ho_stack *st, struct sock *sk, struct seg *g); /* and frees, uncharges */
void rtx_index_make(struct ho_stack *st, struct sock *sk); /* if the queue is long and has none */
void rtx_changed(struct sock *sk, struct seg *g);          /* its state, or what of the stream it holds */
void rtx_settle(struct sock *sk, struct seg *g);
void rtx_sent_forget(struct sock *sk, struct seg *g);      /* off sent_order or sent_lost */
/* marks in rtx_index */
#define RTX_UNSETTLED 1u /* a SACK block that covers it must look at it */
#define RTX_RESEND 2u    /* lost, and not on its way again */
#define RTX_LOST 4u
#define RTX_EVER_RETRANS 8u
#define RTX_UNSACKED 16u
static inline struct seg *seg_of_node(struct node *n)
{
	return n ? container_of(n, struct seg, node) : NULL;
}
void tcp_tx_queues_purge(struct ho_stack *st, struct sock *sk);

/* ---- tcp_transmit.c ---- */
int tcp_transmit(struct ho_stack *st, struct sock *sk, struct seg *g);  /* data, SYN, FIN: 0, -ENOBUFS ... */
/* A segment without payload and without a place in a queue; flags with TCP_ACK carry rcv_nxt. */
int tcp_transmit_bare(struct ho_stack *st, struct sock *sk, uint8_t flags, seq_t seq);
uint32_t tcp_header_bytes_now(const struct sock *sk); /* with SACK blocks */
struct tcp_reply {
	uint32_t saddr, daddr;
	uint16_t sport, dport;
	seq_t seq, ack;
	uint8_t flags, tos;
	uint16_t window;
	bool ts;
	uint32_t ts_val, ts_ecr;
	bool synack;          /* with mss, and by flags below */
	uint16_t mss;
	uint8_t wscale;       /* 255: none */
	bool sack_ok;
	const struct fastopen_cookie *cookie; /* NULL: none */
};
/* A segment that belongs to no socket: RST, TIME-WAIT's ACK, SYN+ACK of a request.  Counts OutSegs. */
int tcp_transmit_reply(struct ho_stack *st, struct sock *charge, const struct tcp_reply *r);
uint32_t tcp_ts_offset(const struct ho_stack *st, uint32_t laddr, uint32_t raddr);
seq_t tcp_isn(const struct ho_stack *st, uint32_t laddr, uint32_t raddr, uint16_t lport, uint16_t rport);

/* ---- tcp_timer.c ---- */
void tcp_timer_write(struct ho_stack *st, struct sock *sk, uint8_t what, uint32_t in_ms);
void tcp_timer_write_stop(struct ho_stack *st, struct sock *sk);
void tcp_timer_delack(struct ho_stack *st, struct sock *sk, uint64_t at_ms);
void tcp_timer_keep(struct ho_stack *st, struct sock *sk, uint32_t in_ms);
void tcp_linger_start(struct ho_stack *st, struct sock *sk);
void tcp_linger_stop(struct ho_stack *st, struct sock *sk);
void tcp_timers_stop(struct ho_stack *st, struct sock *sk);
void tcp_rearm_rto(struct ho_stack *st, struct sock *sk);
void tcp_rto_note(const struct ho_stack *st, struct sock *sk); /* a timeout; tcp_rto_over: the last of its series */
void tcp_rto_over(const struct ho_stack *st, struct sock *sk);
void tcp_rto_revert(struct ho_stack *st, struct sock *sk);
void tcp_probe_timer(struct ho_stack *st, struct sock *sk);
int64_t tcp_rto_delta_us(const struct ho_stack *st, const struct sock *sk);
uint32_t tcp_rto_max_ms(const struct ho_stack *st, const struct sock *sk);
uint32_t tcp_rto_min_us(const struct ho_stack *st, const struct sock *sk);
void tcp_keepalive_set(struct ho_stack *st, struct sock *sk, bool on);
uint32_t tcp_keep_idle_ms(const struct ho_stack *st, const struct sock *sk);
uint32_t tcp_keep_intvl_ms(const struct ho_stack *st, const struct sock *sk);
uint32_t tcp_keep_probes(const struct ho_stack *st, const struct sock *sk);
uint32_t tcp_idle_ms(const struct ho_stack *st, const struct sock *sk);

/* ---- tcp_rtt.c ---- */
void tcp_min_rtt_update(struct ho_stack *st, struct sock *sk, int64_t rtt_us, bool maybe_delayed);
void tcp_rtt_sample(struct ho_stack *st, struct sock *sk, int64_t rtt_us); /* estimator and RTO */
cold_path int64_t tcp_rtt_of_ts(const struct ho_stack *st, const struct sock *sk); /* us; -1: none */
void tcp_rtt_first(struct ho_stack *st, struct sock *sk, int64_t rtt_us);
void tcp_rtt_sample_ts(struct ho_stack *st, struct sock *sk);
void tcp_rtt_fallback(struct sock *sk);
void tcp_rto_set(struct ho_stack *st, struct sock *sk);

/* ---- tcp_cc.c ---- */
void tcp_cc_acked(struct ho_stack *st, struct sock *sk, uint32_t acked);
uint32_t tcp_cc_ssthresh(struct ho_stack *st, struct sock *sk);
uint32_t tcp_cc_undo_cwnd(struct sock *sk);
void tcp_cc_tx_start(struct ho_stack *st, struct sock *sk);             /* data leaves, nothing was in flight */
const struct cc *tcp_cc_find(const char *name, size_t len_bytes);       /* NULL */
const struct cc *tcp_cc_default(void);
const char *tcp_cc_name(const struct cc *cc);
void tcp_cc_set(struct ho_stack *st, struct sock *sk, const struct cc *cc);
void tcp_cc_state(struct ho_stack *st, struct sock *sk, uint8_t state); /* what ca_state is about to become */
void tcp_pacing_rate_update(const struct ho_stack *st, struct sock *sk);
void tcp_cc_pkts_acked(struct ho_stack *st, struct sock *sk, uint32_t packets, int64_t rtt_us);
bool tcp_cc_control(struct ho_stack *st, struct sock *sk, const struct rate_sample *rs); /* false: it leaves that to PRR and avoid */
void tcp_cwnd_validate(struct ho_stack *st, struct sock *sk, bool is_cwnd_limited);
void tcp_slow_start_after_idle(struct ho_stack *st, struct sock *sk);

#endif
