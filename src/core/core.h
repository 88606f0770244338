/* SPDX-License-Identifier: MIT
 * The inside of a stack: what the files of core share.  Everything hangs off struct ho_stack; there is no global.
 *
 * Reading order: struct entry (what a 4-tuple finds), struct request (a half-open connection), timewait.h, struct sock,
 * struct ho_stack. */
#ifndef HO_CORE_H
#define HO_CORE_H

#include <assert.h>
#include <errno.h>
#include <string.h>

#include <halfopen/halfopen.h>

#include "busy.h"
#include "ctable.h"
#include "habits.h"
#include "hlist.h"
#include "lhash.h"
#include "list.h"
#include "listen.h"
#include "wire/likely.h"
#include "numbered.h"
#include "pool.h"
#include "orphan.h"
#include "route.h"
#include "rules.h"
#include "seq.h"
#include "siphash.h"
#include "tcp_mem.h"
#include "tree.h"
#include "wheel.h"
#include "winfilter.h"
#include "wire/csum.h"
#include "wire/wire.h"

#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr) - offsetof(type, member)))

static inline uint32_t min_u32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}
static inline uint32_t max_u32(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}
static inline int32_t min_i32(int32_t a, int32_t b)
{
	return a < b ? a : b;
}
static inline uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}
static inline int32_t max_i32(int32_t a, int32_t b)
{
	return a > b ? a : b;
}

/* ---- what a 4-tuple finds in the connection table (Linux: ehash) ---- */
enum entry_kind { ENTRY_SOCK = 1, ENTRY_REQUEST, ENTRY_TIMEWAIT, ENTRY_FASTOPEN /* a request that never is in the table */ };

struct entry {
	uint32_t laddr, raddr;
	uint16_t lport, rport;
	uint8_t kind;      /* enum entry_kind */
	uint8_t flags;     /* the kind's own */
	union {
		struct {
			uint8_t retrans;  /* request: SYN+ACKs sent again */
			uint8_t timeouts; /* request: firings of the timer */
		};
		uint16_t oow_low;         /* timewait */
	};
};

/* ---- a half-open connection: 40 bytes, no socket ----
 * Linux: struct request_sock / tcp_request_sock (320 bytes).  What can be computed again is not kept: the receive window
 * offered, the timestamp offset. */
#define REQ_TS 0x01     /* peer sent timestamps */
#define REQ_SACK 0x02
#define REQ_WSCALE 0x04
#define REQ_ACKED 0x08  /* a final ACK came while the accept queue was full */
#define REQ_ECN 0x10
#define REQ_DUP_SYN 0x20 /* the timer was last started by a duplicate SYN */
#define REQ_REFUSED 0x40 /* the accept queue had no room for it */
#define REQ_OOW 0x80     /* an ACK went out for a segment out of window: .sent_us says when */

struct request {
	struct entry e;
	uint32_t listener : 22;  /* slot in st->listeners */
	uint32_t sent_us : 10;   /* SYN+ACK sent at (expiry - first timeout) ms + this; REQ_OOW: 64 ms units of time */
	seq_t rcv_isn, snt_isn;
	uint32_t ts_recent;
	uint16_t mss;            /* the peer's */
	uint8_t wscales;         /* snd_wscale << 4 | rcv_wscale */
};
_Static_assert(sizeof(struct request) == 36, "a half-open connection takes 36 bytes, and the tick of its timer: request.h");

/* ---- payload to be sent ----
 * A block is a piece of memory that segments and frames point into; each pointer is a reference. */
#define BLOCK_BYTES 32768u

struct block {
	uint32_t refs;
	uint32_t used_bytes;  /* own blocks: bytes given out so far */
	struct ho_stack *st;
	void (*release)(void *ctx); /* payload by reference: the caller's */
	void *ctx;
	uint8_t *data;        /* BLOCK_BYTES behind the header, or the caller's bytes */
};

struct frag {
	struct block *block;
	uint32_t offset, len_bytes;
};

/* One element of the write queue and of the retransmission queue: 1 byte to 64 KiB of stream, SYN or FIN included.
 * Linux: sk_buff with TCP_SKB_CB. */
#define SEG_FRAGS_MAX 17
#define SEG_SACKED 0x01
#define SEG_RETRANS 0x02      /* retransmitted and not yet accounted lost again */
#define SEG_LOST 0x04
#define SEG_EVER_RETRANS 0x08

struct seg {
	struct seg *next, *prev;
	seq_t seq, end_seq;
	uint32_t len_bytes;   /* payload */
	uint32_t truesize;    /* what Linux charges: 832 + payload */
	uint16_t pcount;      /* packets this makes on the wire */
	uint16_t gso_size;    /* MSS it was cut for; 0: not yet cut */
	uint8_t flags;        /* TCP_* */
	uint8_t sacked;       /* SEG_* */
	uint8_t frag_count;
	bool fresh;           /* not sent yet */
	bool settled;         /* SACKED, and nothing can move it to the one before: another look changes nothing */
	bool eor;             /* nothing is to be put behind it (MSG_EOR) */
	uint64_t sent_us;     /* last transmission */
	uint32_t sent_no;     /* its number: time stands still while a packet is worked on */
	struct list sent;     /* on sock.sent_order if it may still be found lost, on sent_lost if it was by the timer */
	uint32_t delivered;   /* these as of the last transmission: tcp_rate.c */
	bool is_app_limited;
	bool is_rated;        /* no rate sample comes of it: it was SACKED already, or never sent by itself */
	uint32_t first_tx_ago_us, delivered_ago_us; /* before sent_us */
	struct frag frag[SEG_FRAGS_MAX];
	struct node node;     /* of sock.rtx_index, if there is one; not set before */
};

/* ---- a received segment that waits for its reader ---- */
struct rxseg {
	struct rxseg *next;
	seq_t seq, end_seq;     /* FIN included */
	struct ho_frame *frame; /* one reference */
	uint32_t offset;        /* of the payload at seq, in the frame */
	uint32_t len_bytes;     /* payload */
	uint32_t truesize;      /* what Linux charges for its buffer; 0 if merged into the one before */
	uint32_t tailroom;      /* of the group's buffer: what still merges into it */
	bool fin;
	bool merged;            /* lives in the buffer of the segment before it (TCPRcvCoalesce) */
	bool linear;            /* head-only buffer, as TUN makes for small packets: merges by tailroom only */
	bool cut;               /* began before seq, in bytes that were there already: not merged into the one before */
	struct node node;       /* out of order: of sock.ofo_index, if there is one; not set before */
};

/* ---- a frame that a stack makes ---- */
#define TX_HEAD_BYTES 128
#define TX_LOWER_BYTES 16
struct tx_frame {
	struct ho_frame f; /* first; f.owner is the stack */
	struct sock *sk;   /* whose queue allowance it uses until it leaves the out queue; NULL */
	uint32_t sk_bytes;
	uint8_t blocks;    /* references held: block[0..blocks-1] */
	struct block *block[SEG_FRAGS_MAX + 1];
	uint8_t lower[TX_LOWER_BYTES]; /* its end: the link's header, if the link has any */
	uint8_t head[TX_HEAD_BYTES]; /* IPv4 and L4 headers */
};
_Static_assert(offsetof(struct tx_frame, head) == offsetof(struct tx_frame, lower) + TX_LOWER_BYTES,
               "a link's header ends where the IPv4 header begins");

/* ---- a packet being received: what ip_in hands to the protocols ---- */
struct rx {
	struct ho_frame *frame;  /* the door's reference: keep one of your own if you keep it */
	const uint8_t *ip, *l4;
	uint32_t saddr, daddr;
	uint16_t ip_bytes;       /* header */
	uint16_t l4_bytes;       /* header and payload, at most 65515 */
	uint8_t tos, ttl, protocol;
	bool loopback;
	uint8_t link;            /* where it came from, if not loopback */
	bool link_cast;          /* the link's header was not for us alone */
	bool broadcast, multicast; /* by daddr */
	const struct ip_options *options; /* NULL: none */
};

/* ---- ports in use (Linux: bhash) ---- */
/* TIME-WAIT buckets of a local address, by what bind() asks them: had they SO_REUSEADDR (1), SO_REUSEPORT (2)? */
struct bind_timewaits {
	struct bind_timewaits *next;
	uint32_t laddr;
	uint32_t count[4];
};

struct bind_bucket {
	struct lnode link; /* first */
	uint16_t port;
	struct hlist owners;   /* sock.bind */
	struct bind_timewaits timewaits; /* those of one address; others' behind it */
	uint32_t owner_count;  /* sockets and TIME-WAIT buckets */
	uint32_t bound_count;  /* of them, not by connect(): then connect() does not share the port (Linux: fastreuse >= 0) */
};

enum timer_kind { T_REQUEST = 1, T_TIMEWAIT, T_WRITE, T_DELACK, T_KEEP, T_COMPRESS, T_PACE, T_REASM, T_NEIGH };

/* What the write timer is for (Linux: icsk_pending). */
enum write_timer { WRITE_NONE, WRITE_RETRANS, WRITE_PROBE0, WRITE_TLP, WRITE_REORDER };

enum ca_state { CA_OPEN, CA_DISORDER, CA_CWR, CA_RECOVERY, CA_LOSS };

/* ack.pending */
#define ACK_SCHED 1
#define ACK_TIMER 2
#define ACK_PUSHED 4
#define ACK_PUSHED2 8
#define ACK_NOW 16
#define ACK_NO_MEMORY 32 /* a segment was dropped: offer nothing */

/* nonagle */
#define NAGLE_OFF 1
#define NAGLE_CORK 2
#define NAGLE_PUSH 4

enum urg { URG_NONE, URG_NOTYET, URG_VALID, URG_READ };

/* ecn (RFC 3168) */
#define ECN_OK 1              /* negotiated */
#define ECN_QUEUE_CWR 2       /* tell the peer that our window was reduced */
#define ECN_DEMAND_CWR 4      /* echo congestion until the peer says so */
#define ECN_SEEN 8            /* the peer sends ECT */

#define SHUT_RCV 1
#define SHUT_SND 2

/* What Linux calls the state of a socket (against that of its connection): what connect() has been told. */
enum sock_state { SS_UNCONNECTED, SS_CONNECTING, SS_CONNECTED, SS_DISCONNECTING };

struct sock;

/* ---- TCP Fast Open (RFC 7413): what few sockets have ---- */
#define FASTOPEN_COOKIE_MAX 16
#define FASTOPEN_KEY_BYTES 16

/* sock.fastopen */
#define FO_SYN_FASTOPEN 0x01   /* our SYN had the option */
#define FO_SYN_EXP 0x02        /* in its experimental form */
#define FO_SYN_DATA 0x04       /* our SYN had data */
#define FO_SYN_DATA_ACKED 0x08 /* ours were taken, or the peer's came */
#define FO_SYN_CHECK 0x10      /* opened after a pause: if it works, the pauses are over */
#define FO_CONNECT 0x20        /* TCP_FASTOPEN_CONNECT */
#define FO_DEFER 0x40          /* connect() has returned, the SYN waits for the first send() */
#define FO_HELD 0x80           /* connect() has asked for a cookie: no MSG_FASTOPEN any more */
#define FO_NO_COOKIE 0x100     /* TCP_FASTOPEN_NO_COOKIE */
#define FO_CHILD 0x200         /* made by a SYN */

struct fastopen_cookie {
	int8_t len_bytes; /* -1: no option; 0: a request for a cookie */
	bool exp;         /* in an experimental option (RFC 6994) */
	uint8_t val[FASTOPEN_COOKIE_MAX];
};

struct fastopen_keys {
	uint8_t count; /* 0..2; the second one is good still */
	uint8_t key[2][FASTOPEN_KEY_BYTES];
};

/* Of a listener. */
struct fastopen_queue {
	int32_t max_qlen, qlen; /* below 0 if children of before a shutdown() are left */
	struct list pending;    /* struct fastopen_child: the handshake goes on */
	struct list rst;        /* reset after accept(): they count for 60 s, against spoofed SYNs */
	struct fastopen_keys keys; /* TCP_FASTOPEN_KEY */
};

/* A child's request, until the handshake ends. */
struct fastopen_child {
	struct list link;
	struct sock *lsk;        /* NULL: it is gone */
	seq_t rcv_isn, snt_isn, rcv_nxt;
	uint32_t ts_recent, wnd, last_oow_ack_ms;
	uint8_t retrans, timeouts; /* of the SYN+ACK */
	uint64_t synack_us;      /* first sent */
	uint64_t until_ms;       /* on the list of the reset ones */
};

/* Of a stack. */
struct fastopen_net {
	struct fastopen_keys keys;    /* net.ipv4.tcp_fastopen_key */
	struct siphash_key key_origin; /* where they come from if nobody sets them */
	struct fastopen_cache *cache; /* peers' cookies; NULL: none yet */
	const struct fastopen_cookie *syn_cookie; /* of the SYN that is being sent */
	uint32_t disable_times;       /* pauses, since it last worked */
	uint64_t disable_ms;          /* when the last one began */
};

struct sock {
	struct entry e;          /* first; kind ENTRY_SOCK; in the connection table if hashed */
	uint32_t handle;         /* its number in st->socks */
	int32_t fd;              /* -1 */
	struct busy *busy;       /* busy_at_rest: none now */
	struct habits *habits;   /* habits_default: none of its own */
	uint8_t type, protocol;
	uint8_t state;           /* enum ho_tcp_state */
	uint8_t shutdown;        /* SHUT_* */
	bool ts_ok : 1, sack_ok : 1, wscale_ok : 1;
	bool seen_out : 1;       /* HO_OUT was refused */
	bool in_ready : 1;       /* on st->ready */
	bool paced : 1;          /* tcp_pace.c */
	bool confirm : 1;        /* the next packet tells that its next hop is there; so does a change of delivered */
	bool rate_app_limited : 1;
	bool hashed : 1;
	bool dead : 1;           /* no descriptor any more and not in an accept queue: an orphan */
	bool in_accept_queue : 1;
	bool done : 1;           /* SOCK_DONE: a FIN came */
	bool write_waits : 1;    /* somebody sleeps until the connection takes the rest (sk_write_pending) */
	bool bound_addr : 1, bound_port : 1; /* by bind() */
	bool connect_port : 1;   /* its port was chosen by connect() */
	bool reuseaddr : 1, reuseport : 1, broadcast : 1, recverr : 1, keepalive : 1, oob_inline : 1, linger_on : 1;
	bool rcvbuf_locked : 1, sndbuf_locked : 1;
	bool cc_chosen : 1;      /* by TCP_CONGESTION: children inherit it */
	bool thin_linear : 1;    /* TCP_THIN_LINEAR_TIMEOUTS */
	bool recvmsg_inq : 1;    /* TCP_INQ */
	bool has_account : 1;    /* habits.account */
	bool lingers : 1;        /* a close() that waits: keep_timer says for how long */
	bool passive : 1;        /* opened by the peer: bytes_acked leaves our SYN out */

	/* send: RFC 9293 3.3.1 and Linux's names */
	seq_t snd_una, snd_nxt;
	seq_t write_seq, pushed_seq, snd_wl1;
	uint32_t snd_wnd, max_window;
	uint32_t snd_cwnd, snd_ssthresh, snd_cwnd_cnt;
	uint32_t packets_out;
	uint32_t mss_cache;
	uint32_t pmtu;           /* of the path, as mss_cache takes it to be */
	uint32_t route_changes;  /* st->path_changes when that was last looked up; busy.route has the rest */
	uint32_t route_mtu;      /* what was found; 0: it is to be looked up */
	uint8_t ca_state;
	uint8_t retransmits, probes_out;
	uint8_t nonagle;
	uint8_t ecn;             /* ECN_* */
	uint8_t pmtudisc;        /* HO_IP_PMTUDISC_* */
	uint8_t tos, ttl;        /* ttl 0: the default */
	uint16_t ip_id;          /* of the next packet */
	uint8_t tcp_header_bytes; /* 20 + timestamps */
	uint8_t snd_wscale, rcv_wscale;
	uint8_t scaling_ratio;
	uint8_t min_ttl;         /* IP_MINTTL: a segment with less is dropped */
	uint8_t ss;              /* enum sock_state */

	/* receive */
	seq_t rcv_nxt, rcv_wup, copied_seq;
	uint32_t rcv_wnd, window_clamp, rcv_ssthresh;
	uint32_t pred_flags;     /* header prediction; 0: off */
	struct {
		uint8_t pending; /* ACK_* */
		uint8_t quick, pingpong;
		uint32_t ato_ms;
		uint16_t last_seg_size, rcv_mss;
		uint32_t lrcvtime_ms;
	} ack;
	struct {
		uint32_t space;
		seq_t seq;
		uint32_t stamp_us;
	} rcvq;
	struct {
		uint32_t rtt_us;
		uint32_t tsecr; /* that has been measured */
		seq_t seq;
		uint32_t stamp_us; /* 0: never */
	} rcv_rtt;
	uint32_t ts_recent, ts_recent_stamp_s, ts_offset;
	uint32_t rcv_tstamp_ms;  /* last segment, for keepalive */

	/* memory, in Linux's terms */
	int32_t rcvbuf, sndbuf, rcvlowat;
	int32_t rmem_alloc;      /* buffers of received segments */
	int32_t fwd_alloc;       /* reserved and not used; moves by pages of 4096 */
	int32_t wmem_queued;     /* buffers of segments to be sent or acknowledged */
	int32_t dev_bytes;       /* of frames in the out queue (sk_wmem_alloc) */

	/* round trip time (us, scaled as in Linux: srtt << 3) */
	uint32_t srtt_us, mdev_us, mdev_max_us, rttvar_us, rto_ms;
	seq_t rtt_seq;
	struct winfilter rtt_min; /* us, by the millisecond */
	uint32_t delay_min_us;   /* CUBIC's least round trip */
	const struct cc *cc;     /* congestion control */

	/* sums, rates, times */
	uint64_t bytes_received, bytes_acked, bytes_sent;
	uint64_t pacing_rate;    /* bytes per second; UINT64_MAX: no limit; read by tcp_pacing_rate() */
	uint32_t pacing_srtt_us; /* pacing_rate is still to be divided by this; 0: it is */
	uint32_t segs_in, segs_out, data_segs_in, data_segs_out;
	uint32_t delivered;
	uint32_t app_limited;    /* sock.delivered must pass this before a full pipe is sampled again; 0: it has */
	uint32_t rate_delivered, rate_interval_us; /* the best recent rate sample */
	uint32_t busy_ms;        /* that there was something to send: tcp_chrono.c */
	uint32_t lsndtime_ms;
	uint32_t snd_cwnd_stamp_ms;
	uint32_t confirmed_delivered;
	uint32_t reordering;
	uint16_t mss_clamp, advmss, user_mss;
	uint16_t fastopen;       /* FO_* */
	uint8_t fastopen_fail;   /* tcpi_fastopen_client_fail */
	uint8_t syn_retries_max; /* TCP_SYNCNT, 0: sysctl */
	int16_t err;             /* positive errno, given once */
	int16_t err_soft;
	uint32_t drops;          /* SK_MEMINFO_DROPS */

	union {
		struct {         /* with a descriptor */
			void *user;
			struct hlink ready; /* on st->ready */
		};
		struct {         /* in an accept queue, or in the graveyard */
			struct sock *accept_next;
			ho_time_ns queued_at; /* into it */
		};
	};
	struct hlink bind;       /* on bucket->owners */
	struct bind_bucket *bucket;
	union {
		struct listen *l; /* TCP; NULL: it has never listened */
		struct dgram *d;  /* UDP, ping, raw: dgram.h; NULL */
	};
	struct timer keep_timer;
};
/* All of a connection that its way may touch: its lines come at once, not one after the other. */
static inline void sock_prefetch(const struct sock *sk)
{
	for (size_t at = 0; at < sizeof(*sk); at += 64)
		__builtin_prefetch((const char *)sk + at, 1);
}
_Static_assert(sizeof(struct sock) <= 480, "an idle connection takes 512 bytes with its part of all tables");

/* ---- counters, trace ---- */
struct cause {
	uint8_t kind;        /* enum ho_cause */
	const char *what;    /* timer or call */
	uint64_t frame_in;
	uint64_t frame_out;  /* set while a frame is being sent */
	struct ho_endpoint from, to; /* of the TCP segment that is being received; else zero */
};

struct sysctls {
#define S_U32(field, name, def, min, max) uint32_t field;
#define S_INT(field, name, def, min, max) uint32_t field;
#define S_TRIPLE(field, name, min, a, b, c) uint32_t field[3];
#define S_FIELD(field, def) uint32_t field;
#include "sysctls.def"
#undef S_U32
#undef S_INT
#undef S_TRIPLE
#undef S_FIELD
};

#define HASHED 128u
struct hashed {
	uint32_t laddr, raddr;
	uint16_t lport, rport;
	uint64_t hash;
};

struct ho_stack {
	ho_time_ns now;
	uint64_t now_us, now_ms; /* now, divided once */
	struct entry *last_hit;  /* the connection that the last segment was for */
	struct memory mem;
	struct sysctls ctl;

	uint64_t counter[HO_COUNTER_COUNT];
	struct cause cause;
	struct ho_trace *trace;  /* ring of trace_max; NULL: nobody reads along, there or in st->watch */
	uint32_t trace_max, trace_count, trace_first;
	uint64_t trace_number;
	bool charge_connections;
	uint32_t linux_profile;     /* HO_LINUX_* */
	const struct cc *cc;        /* net.ipv4.tcp_congestion_control */

	struct link link[HO_LINKS_MAX];
	uint32_t link_count;
	struct address address[HO_ADDRS_MAX];
	uint32_t address_count;
	uint32_t addr;              /* address[0].addr: most packets are for it; 0: none */
	struct fib fib;
	struct frame_queue loop;
	struct chain chain[HO_HOOKS];
	uint8_t hooks_busy;         /* bit of a hook: it has rules, or a policy other than ACCEPT */
	uint16_t ip_id;

	struct wheel wheel;
	struct wheel fine;          /* timers exact to a microsecond (Linux: hrtimer); its ticks are those */
	struct pool requests, timewaits, segs, blocks, rxsegs, frames, buckets, bind_timewaits;
	struct list request_room, timewait_room; /* struct request_batch, timewait_batch: those with a free place */
	struct ctable conns;        /* struct entry */
	struct lhash listen_table;  /* struct listen, by port */
	struct lhash binds;         /* struct bind_bucket, by port */
	struct list raw_socks, ping_socks;
	struct lhash udp_ports;     /* struct udp_port, by port */
	struct lhash udp_conns;     /* dgram.conn of connected UDP sockets */
	struct pool dgram_rxs, udp_port_pool, sock_errors;
	uint64_t udp_order;         /* sockets and changes of their addresses so far */
	uint32_t udp_pages;         /* reserved by all UDP sockets (net.ipv4.udp_mem) */
	uint32_t udp_count;         /* of them with a port */
	struct tcp_memory tcp_mem;
	struct sock *graveyard;     /* ended during this event; freed before the next (sock.accept_next) */
	struct hlist ready;
	struct sock **fds;
	struct sock *recent;         /* whom the last event told of, while he has a descriptor; NULL */
	uint32_t fds_size, fds_free; /* fds_free: where to look for a free one */
	uint32_t socks_max, sock_count;
	struct sock **listeners;    /* slots that requests name; a closed listener stays until its requests are gone */
	uint32_t listeners_size;
	uint32_t orphans, request_count, timewait_count;
	struct block *cur_block;    /* where small writes go */
	uint32_t frames_live;       /* made and not yet released */
	bool closed;                /* ho_stack_close was called; the rest goes with the last frame */
	struct siphash_key key_conns, key_isn, key_ts, key_ports;
	uint32_t port_seed[256];
	uint32_t challenge_stamp_s, challenge_count;
	uint64_t frame_id;
	struct pool accounts;       /* habits.account */
	struct pool listens;        /* sock.l */
	struct pool busy_pool;      /* sock.busy */
	struct pool habits_pool;    /* sock.habits */
	struct list busy_ring;      /* of those that are given out: who has had one the longest comes first */
	struct pool ref_blocks;     /* headers of payload by reference */
	uint64_t *fd_used, *fd_full; /* bits: descriptor in use; 64 descriptors all in use */
	uint32_t fd_count;
	uint32_t listeners_free;    /* no free slot below; slot 0 is nobody's */
	uint64_t listener_groups;   /* numbers given so far */
	uint64_t random_count;      /* numbers drawn by stack_random */
	uint32_t port_odd[256];     /* port_connect: the destination (by hash) whose even ports were all taken */
	int32_t icmp_credit;        /* messages that the global limit allows now */
	uint64_t icmp_stamp_ms;     /* when icmp_credit was last refilled */
	struct fastopen_net fo;
	struct pool fo_queues, fo_children;
	struct icmp_peer icmp_peer[ICMP_PEERS];
	struct ip_ident ip_ident[IP_IDENTS];
	struct pmtu pmtu[PMTU_ENTRIES];
	uint32_t pmtu_changes;      /* how often one was written */
	uint32_t path_changes;      /* that, or routes: connections look again */
	struct redirect redirect[REDIRECTS];
	uint32_t redirect_count;    /* how often one was written */
	const struct rx *redirecting; /* the redirect that is being delivered; NULL */
	struct neighs neighs;
	struct orphans_seen orphans_seen;
	struct reasm *reasm;        /* fragments that wait for others; NULL: there never were any */
	struct hashed hashed[HASHED]; /* what conn_hash said last, by the lower bits of the peer's port and address */
	struct watch *watch;        /* watch.h; NULL: nobody watches */
	uint64_t watch_number;      /* of its newest record */
	struct numbered socks;      /* struct sock; its number is its handle */
};

static inline struct sock *entry_sock(struct entry *e)
{
	return (struct sock *)(void *)e;
}

/* ---- count.c: the one door through which every counter moves ---- */
cold_path void count_report(struct ho_stack *st, struct sock *sk, uint32_t counter, int32_t delta, enum ho_why why,
                            uint32_t a, uint32_t b);
/* sk: the listener or connection concerned, or NULL. */
static inline void count_why(struct ho_stack *st, struct sock *sk, uint32_t counter, int32_t delta, enum ho_why why,
                             uint32_t a, uint32_t b)
{
	st->counter[counter] += (uint64_t)(int64_t)delta;
	if (sk && unlikely(sk->has_account))
		sk->habits->account[counter] += (uint32_t)delta;
	if (unlikely(st->trace != NULL))
		count_report(st, sk, counter, delta, why, a, b);
}
static inline void count_add(struct ho_stack *st, struct sock *sk, uint32_t counter, int32_t delta)
{
	count_why(st, sk, counter, delta, HO_WHY_ROW, 0, 0);
}
static inline void count(struct ho_stack *st, struct sock *sk, uint32_t counter)
{
	count_why(st, sk, counter, 1, HO_WHY_ROW, 0, 0);
}
static inline void cause_call(struct ho_stack *st, const char *what)
{
	st->cause = (struct cause){.kind = HO_CAUSE_CALL, .what = what};
}
static inline void cause_timer(struct ho_stack *st, const char *what)
{
	st->cause = (struct cause){.kind = HO_CAUSE_TIMER, .what = what};
}

static inline struct sock *sock_at(const struct ho_stack *st, uint32_t handle)
{
	return numbered_at(&st->socks, handle);
}

/* A walk over all of them: from 0 to st->socks.fresh - 1; NULL: nobody has this one now. */
static inline struct sock *handle_sock(const struct ho_stack *st, uint32_t handle)
{
	return numbered_used(&st->socks, handle) ? sock_at(st, handle) : NULL;
}

/* ---- lists by handle: hlist.h; offset: of the link in struct sock ---- */
static inline struct hlink *hlink_of(const struct ho_stack *st, uint32_t place, size_t offset)
{
	return (struct hlink *)(void *)((char *)sock_at(st, place - 1) + offset);
}
static inline void hlist_add_tail(const struct ho_stack *st, struct hlist *l, struct sock *sk, size_t offset)
{
	struct hlink *n = (struct hlink *)(void *)((char *)sk + offset);

	n->next = 0;
	n->prev = l->last;
	l->last = sk->handle + 1;
	if (n->prev != 0)
		hlink_of(st, n->prev, offset)->next = l->last;
	else
		l->first = l->last;
}
static inline void hlist_del(const struct ho_stack *st, struct hlist *l, struct sock *sk, size_t offset)
{
	struct hlink *n = (struct hlink *)(void *)((char *)sk + offset);

	*(n->prev != 0 ? &hlink_of(st, n->prev, offset)->next : &l->first) = n->next;
	*(n->next != 0 ? &hlink_of(st, n->next, offset)->prev : &l->last) = n->prev;
	*n = (struct hlink){0, 0};
}

/* ---- busy.c ---- */
bool busy_take(struct ho_stack *st, struct sock *sk); /* false: no memory */
void busy_give(struct ho_stack *st, struct sock *sk); /* timers off, queues empty */
void busy_give_idle(struct ho_stack *st); /* every idle one's */
static inline bool sock_is_busy(const struct sock *sk)
{
	return sk->busy != &busy_at_rest;
}
/* sk is about to have something to do.  Gives  false: no memory. */
static inline bool sock_busy(struct ho_stack *st, struct sock *sk)
{
	return likely(sk->busy != &busy_at_rest) || busy_take(st, sk);
}

/* ---- stack.c ---- */
void stack_time_set(struct ho_stack *st, ho_time_ns now);
/* One reference; slice[0] is {head, 0}, slice_count 1, gso_segs 1, everything else of f 0.  NULL. */
struct tx_frame *frame_take(struct ho_stack *st);
void frames_forget_sock(struct ho_stack *st, struct sock *sk); /* sk dies: the queues' frames are nobody's now */
uint32_t stack_random(struct ho_stack *st);                   /* from the secret: the same calls, the same numbers */
uint32_t sock_poll(const struct ho_stack *st, const struct sock *sk);
void sock_wake(struct ho_stack *st, struct sock *sk);         /* onto the ready list, if it has a descriptor */
/* The time of a tick up to 2^31 ticks away; of a past one: now. */
static inline ho_time_ns tick_time(const struct ho_stack *st, uint32_t tick)
{
	int32_t ahead = (int32_t)(tick - (uint32_t)st->now_ms);

	return unlikely(ahead <= 0) ? st->now : (st->now_ms + (uint32_t)ahead) * HO_MS;
}
static inline uint32_t now_tick(const struct ho_stack *st)
{
	return (uint32_t)st->now_ms;
}

/* ---- block.c ---- */
struct block *block_make(struct ho_stack *st);                /* BLOCK_BYTES, one reference; NULL */
static inline struct block *block_ref(struct block *b)
{
	b->refs++;
	return b;
}
void block_unref(struct block *b);
/* The caller's bytes as a block, one reference.  release may be set to NULL before the last reference goes. */
struct block *block_make_ref(struct ho_stack *st, const void *bytes, void (*release)(void *ctx), void *ctx);
/* Room for up to want_bytes in st->cur_block, or in a new one: 1..want_bytes.
 * Gives  where, with a reference in frag->block; NULL without memory. */
uint8_t *block_room(struct ho_stack *st, uint32_t want_bytes, struct frag *frag);
/* Appends a piece of a block to a frame: a slice and len_bytes; the frame takes over the reference. */
void frame_add(struct tx_frame *f, struct frag frag);

/* ---- sock_fd.c: descriptors ---- */
struct sock *sock_make(struct ho_stack *st, uint8_t type, uint8_t protocol); /* no descriptor yet, all zero; NULL */
int sock_fd_give(struct ho_stack *st, struct sock *sk);       /* a descriptor: >= 0, -EMFILE, -ENOMEM */
void sock_fd_take(struct ho_stack *st, struct sock *sk);      /* it has none any more */
void sock_free(struct ho_stack *st, struct sock *sk);         /* unhashed, no timers, queues empty, port released */
bool sock_account_open(struct ho_stack *st, struct sock *sk); /* false: no memory */
struct habits *sock_habits(struct ho_stack *st, struct sock *sk); /* its own, to be changed; NULL: no memory */
bool sock_listen_open(struct ho_stack *st, struct sock *sk);  /* sk->l: likewise */
void fd_table_free(struct ho_stack *st);
struct sock *sock_by_fd(const struct ho_stack *st, int fd);   /* NULL */

/* ---- conn_table.c: who is it for ---- */
uint64_t conn_hash_of(const void *st, uint32_t ref); /* of an entry in the table */
struct entry *conn_find(struct ho_stack *st, uint32_t laddr, uint16_t lport, uint32_t raddr, uint16_t rport);
bool conn_insert(struct ho_stack *st, struct entry *e); /* false: no memory */
void conn_remove(struct ho_stack *st, struct entry *e);
void conn_replace(struct ho_stack *st, struct entry *old, struct entry *new); /* same 4-tuple */
struct entry *conn_at(const struct ho_stack *st, uint32_t bucket, uint64_t place); /* a walk's; NULL: no more in bucket */
void conn_prefetch(struct ho_stack *st, uint32_t laddr, uint16_t lport, uint32_t raddr, uint16_t rport);
uint64_t conn_hash(struct ho_stack *st, uint32_t laddr, uint16_t lport, uint32_t raddr, uint16_t rport);
#define HINTS 32u
void conns_prefetch(const struct ho_stack *st, const uint64_t *hash, unsigned count); /* up to HINTS of them */
/* The listener for a SYN: exact address before any; SO_REUSEPORT groups by hash. NULL. */
struct sock *listener_find(struct ho_stack *st, uint32_t laddr, uint16_t lport, uint32_t raddr, uint16_t rport);
struct sock *listener_of_group(struct ho_stack *st, uint64_t group, const struct entry *e); /* by e's hash; NULL */
int listener_add(struct ho_stack *st, struct sock *sk);       /* a slot and the table: 0, -ENOMEM */
void listener_remove(struct ho_stack *st, struct sock *sk);   /* out of the table; the slot stays */
void listener_slot_free(struct ho_stack *st, struct sock *sk);

/* ---- port.c: local ports (RFC 6056; Linux inet_csk_get_port, __inet_hash_connect) ---- */
int port_bind(struct ho_stack *st, struct sock *sk, uint16_t port); /* 0 picks one; 0, -EADDRINUSE, -ENOMEM. sets e.lport */
/* Picks a port for a connect whose e.laddr, raddr, rport are set, and inserts sk into the connection table (a TIME-WAIT
 * bucket in the way is reused by tcp_tw_reuse's rules).  With e.lport already bound: only the table.
 * Gives  0, -EADDRNOTAVAIL, -ENOMEM. */
int port_connect(struct ho_stack *st, struct sock *sk);
/* A child of a listener shares its port; so does a TIME-WAIT bucket: timewait.h. */
int port_inherit(struct ho_stack *st, struct sock *child, uint16_t port);
void port_release(struct ho_stack *st, struct sock *sk);

/* ---- ip ---- */
#define FROM_LOOPBACK (-1)
/* Keeps no reference of the caller's.  cast: the link's header was not for us alone. */
void ip_on_packet(struct ho_stack *st, struct ho_frame *f, int link, bool cast);
bool ip_is_local(const struct ho_stack *st, uint32_t addr);
bool ip_is_broadcast(const struct ho_stack *st, uint32_t addr); /* 255.255.255.255 or a link's */
static inline bool ip_is_multicast(uint32_t addr)
{
	return addr >> 28 == 0xe;
}
static inline bool ip_is_loopback(uint32_t addr)
{
	return addr >> 24 == 127;
}
/* The next identification for a packet that may be fragmented (Linux: __ip_select_ident). */
uint16_t ip_ident_next(struct ho_stack *st, uint32_t saddr, uint32_t daddr, uint8_t protocol);
/* Sum of a frame's bytes, the first one counting as even; for csum_fold. */
uint32_t frame_sum(const struct ho_frame *f, uint32_t offset, uint32_t len_bytes);
/* Sends a frame whose head holds 20 free bytes and then the L4 header, f->slice_count == 1 + payload slices, L4
 * checksum done or HO_CSUM_PARTIAL.  Writes the IPv4 header, counts, puts it into the out or loop queue.
 * df: Don't Fragment; id as Linux: df and no data to fragment -> 0 for SYN+ACK/RST, else per socket/stack.
 * f->sk, if set: its dev_bytes grow by f->sk_bytes when the frame enters a queue and shrink when it leaves it.
 * sk: whom the counters are charged to.
 * Gives  0, -ENETUNREACH (nothing counted), -EPERM (a rule), -ENOBUFS (queue full).  Owns: takes the reference. */
struct ip_tx {
	uint32_t saddr, daddr;
	uint8_t protocol, tos, ttl; /* ttl 0: the default */
	bool df;
	uint32_t mtu;  /* larger packets are cut, with df they get no further than here; 0: none is too large */
	bool hdrincl;  /* the IPv4 header is there and stays; IpOutRequests does not count */
	bool keep_from_us; /* a multicast does not come back (IP_MULTICAST_LOOP) */
	bool discards; /* a rule's drop counts IpOutDiscards: all but a connection's segments and SYN+ACKs (Linux: ip_send_skb) */
	uint16_t id;
	const struct ip_options_out *options; /* the head has room for them behind its 20 bytes; NULL: none */
};
int ip_output(struct ho_stack *st, struct sock *sk, struct tx_frame *f, const struct ip_tx *t);
static inline bool rules_any(const struct ho_stack *st, enum ho_hook hook)
{
	return unlikely((st->hooks_busy >> hook & 1) != 0);
}

/* For l, or if NULL for one that fills no checksums. */
unsigned gso_cut(struct ho_stack *st, struct link *l, struct tx_frame *t,
                 void (*push)(struct ho_stack *st, struct link *l, struct tx_frame *c));

/* ---- icmp ---- */
cold_path void icmp_on_packet(struct ho_stack *st, struct rx *rx);
cold_path void icmp_send_error(struct ho_stack *st, struct rx *rx, uint8_t type, uint8_t code, uint32_t rest);
void icmp_send_reply(struct ho_stack *st, struct rx *rx, const uint8_t header[8], const void *data, uint32_t len_bytes);
void icmp_count_out(struct ho_stack *st, uint8_t type);
void icmp_rations_init(struct ho_stack *st);

/* ---- tcp: doors for the rest of core ---- */
void tcp_on_packet(struct ho_stack *st, struct rx *rx);
/* An ICMP error about a segment of ours, or so it says.  Counts IcmpInErrors if there is no such connection. */
struct quoted;
void tcp_on_icmp(struct ho_stack *st, const struct quoted *q);
void tcp_on_timer(struct ho_stack *st, struct timer *t);
/* The out queue has let go of sk_bytes of this socket: TSQ. */
void tcp_on_dequeue(struct ho_stack *st, struct sock *sk, uint32_t bytes);
void tcp_sock_init(struct ho_stack *st, struct sock *sk);
int tcp_sock_listen(struct ho_stack *st, struct sock *sk, int backlog);
int tcp_sock_accept(struct ho_stack *st, struct sock *sk, struct ho_endpoint *peer);
struct fastopen_req;
int tcp_sock_connect(struct ho_stack *st, struct sock *sk, struct ho_endpoint peer, struct fastopen_req *fo); /* fo: NULL */
/* MSG_FASTOPEN, and the first send() after a connect() that waits for it.  to may be NULL.
 * Gives  bytes that went with the SYN; 0: there is a connection already, send as ever; an error. */
cold_path ptrdiff_t tcp_fastopen_send(struct ho_stack *st, struct sock *sk, const void *buf, size_t len_bytes,
                                      struct block *by_ref, const struct ho_endpoint *to);
void tcp_fastopen_net_close(struct ho_stack *st);
int tcp_fastopen_key_get(const struct ho_stack *st, char *text); /* of net.ipv4.tcp_fastopen_key: bytes written */
int tcp_fastopen_key_set(struct ho_stack *st, const char *text); /* 0, -EINVAL */
#define FASTOPEN_KEY_TEXT 72 /* two of them */
ptrdiff_t tcp_sock_send(struct ho_stack *st, struct sock *sk, const void *buf, size_t len_bytes, int flags,
                        struct block *by_ref);
ptrdiff_t tcp_sock_recv(struct ho_stack *st, struct sock *sk, void *buf, size_t len_bytes, int flags);
uint32_t tcp_sock_inq(const struct sock *sk);   /* SIOCINQ */
int tcp_sock_inq_hint(const struct sock *sk);   /* TCP_INQ */
bool tcp_sock_atmark(const struct sock *sk);    /* SIOCATMARK */
void tcp_rcvlowat_set(struct ho_stack *st, struct sock *sk, int32_t bytes);
int tcp_sock_recv_peek(struct ho_stack *st, struct sock *sk, struct ho_slice *slices, int max_count);
int tcp_sock_shutdown(struct ho_stack *st, struct sock *sk, int how);
int tcp_sock_disconnect(struct ho_stack *st, struct sock *sk);
void tcp_sock_close(struct ho_stack *st, struct sock *sk);  /* the descriptor is gone already */
bool tcp_sock_lingers(struct ho_stack *st, struct sock *sk); /* SO_LINGER: begins to close; true: it is to wait */
uint32_t tcp_sock_poll(const struct ho_stack *st, const struct sock *sk);
int tcp_sock_setopt(struct ho_stack *st, struct sock *sk, int name, const void *val, size_t len_bytes);   /* SOL_TCP */
int tcp_sock_getopt(struct ho_stack *st, struct sock *sk, int name, void *val, size_t *len_bytes);
void tcp_sock_info(const struct ho_stack *st, const struct sock *sk, struct ho_sock_info *out); /* queues, timer, memory */
void tcp_reap(struct ho_stack *st); /* frees what ended during the last event: at every door */
void tcp_sock_vanish(struct ho_stack *st, struct sock *sk); /* the stack dies: free queues and timers, send nothing */
uint32_t tcp_route_mtu(struct ho_stack *st, struct sock *sk);
void tcp_keepalive_set(struct ho_stack *st, struct sock *sk, bool on); /* SO_KEEPALIVE changed */

/* ---- sysctl.c ---- */
void sysctl_init(struct sysctls *ctl);

#endif
