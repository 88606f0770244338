/* SPDX-License-Identifier: MIT
 * halfopen: sockets, with the verbs of BSD and the numbers of Linux.
 *
 * A socket is a small non-negative descriptor, valid in its stack.  Every call answers at once: what would block gives
 * -EAGAIN (or -EINPROGRESS for connect) and an event follows when it is worth trying again.  Errors are negative errno
 * values with the meaning of the Linux manual pages.  A closed or foreign descriptor gives -EBADF.
 * Calls act at the time last told to the stack (ho_stack_at, ho_stack_input, ho_stack_expire). */
#ifndef HALFOPEN_SOCK_H
#define HALFOPEN_SOCK_H

#include "frame.h"
#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ho_sock_open's types and protocols: Linux's numbers. */
#define HO_SOCK_STREAM 1
#define HO_SOCK_DGRAM 2
#define HO_SOCK_RAW 3
#define HO_IPPROTO_ICMP 1
#define HO_IPPROTO_TCP 6
#define HO_IPPROTO_UDP 17
#define HO_IPPROTO_RAW 255 /* a raw socket that sends whole IPv4 packets (HO_IP_HDRINCL is on) and receives nothing */

/* Levels and options: Linux's numbers (asm-generic/socket.h, linux/tcp.h). */
#define HO_SOL_SOCKET 1
#define HO_SO_REUSEADDR 2
#define HO_SO_TYPE 3
#define HO_SO_ERROR 4
#define HO_SO_BROADCAST 6
#define HO_SO_SNDBUF 7
#define HO_SO_RCVBUF 8
#define HO_SO_KEEPALIVE 9
#define HO_SO_OOBINLINE 10
#define HO_SO_NO_CHECK 11 /* UDP: no checksum goes out */
#define HO_SO_LINGER 13
#define HO_SO_REUSEPORT 15
#define HO_SO_RCVLOWAT 18
#define HO_SO_ACCEPTCONN 30
#define HO_SO_PROTOCOL 38
#define HO_SO_MAX_PACING_RATE 47 /* bytes per second, uint32_t or uint64_t; all ones: none */
#define HO_SO_SNDBUFFORCE 32 /* SO_SNDBUF, SO_RCVBUF beyond net.core.wmem_max, rmem_max: here anybody may */
#define HO_SO_RCVBUFFORCE 33
#define HO_SO_MEMINFO 55     /* nine uint32_t: what the socket holds, and its limits (as ss -m) */
#define HO_SO_BUF_LOCK 72    /* which buffers do not grow by themselves: those that SO_SNDBUF, SO_RCVBUF have set */
#define HO_SOCK_SNDBUF_LOCK 1
#define HO_SOCK_RCVBUF_LOCK 2
#define HO_SOL_IP 0
#define HO_IP_TOS 1
#define HO_IP_TTL 2
#define HO_IP_HDRINCL 3       /* raw: what is sent begins with its IPv4 header */
#define HO_IP_MTU_DISCOVER 10 /* HO_IP_PMTUDISC_* */
#define HO_IP_PMTUDISC_DONT 0      /* may be fragmented */
#define HO_IP_PMTUDISC_WANT 1      /* the default, unless net.ipv4.ip_no_pmtu_disc */
#define HO_IP_PMTUDISC_DO 2
#define HO_IP_PMTUDISC_PROBE 3
#define HO_IP_PMTUDISC_INTERFACE 4
#define HO_IP_PMTUDISC_OMIT 5
#define HO_IP_RECVERR 11      /* errors are kept, and every one is told: ho_sock_recv_error */
#define HO_IP_MTU 14          /* of the path to a connected socket's peer; -ENOTCONN; cannot be set */
#define HO_IP_MINTTL 21       /* segments with a smaller TTL are dropped (RFC 5082); TCP only */
#define HO_IP_MULTICAST_TTL 33 /* 1 unless set */
#define HO_IP_MULTICAST_LOOP 34
#define HO_SOL_UDP 17
#define HO_UDP_SEGMENT 103 /* a send() is cut into datagrams of so many bytes (super-frames); 0: not */
#define HO_UDP_GRO 104     /* super-frames are received in one piece: ho_msg_info.segment_bytes */
#define HO_SOL_TCP 6
#define HO_TCP_NODELAY 1
#define HO_TCP_MAXSEG 2
#define HO_TCP_CORK 3
#define HO_TCP_KEEPIDLE 4
#define HO_TCP_KEEPINTVL 5
#define HO_TCP_KEEPCNT 6
#define HO_TCP_SYNCNT 7
#define HO_TCP_LINGER2 8
#define HO_TCP_DEFER_ACCEPT 9
#define HO_TCP_WINDOW_CLAMP 10
#define HO_TCP_INFO 11
#define HO_TCP_QUICKACK 12
#define HO_TCP_CONGESTION 13
#define HO_TCP_THIN_LINEAR_TIMEOUTS 16
#define HO_TCP_THIN_DUPACK 17 /* 0 or 1, and of no effect, as in Linux since 4.x */
#define HO_TCP_USER_TIMEOUT 18
#define HO_TCP_FASTOPEN 23
#define HO_TCP_NOTSENT_LOWAT 25
#define HO_TCP_CC_INFO 26 /* struct ho_bbr_info; Reno and CUBIC have none: 0 bytes */
#define HO_TCP_FASTOPEN_CONNECT 30
#define HO_TCP_FASTOPEN_KEY 33
#define HO_TCP_FASTOPEN_NO_COOKIE 34
#define HO_TCP_INQ 36 /* 0 or 1: ho_sock_recv_msg tells what is left; accepted sockets inherit it */
#define HO_TCP_RTO_MAX_MS 44

#define HO_SOL_RAW 255
#define HO_ICMP_FILTER 1 /* raw ICMP: uint32_t, a bit for each type that is not wanted */

struct ho_linger { /* struct linger */
	int32_t l_onoff;
	int32_t l_linger; /* seconds */
};

/* flags of send and recv: Linux's MSG_* */
#define HO_MSG_OOB 0x1
#define HO_MSG_PEEK 0x2
#define HO_MSG_DONTROUTE 0x4 /* refused: docs/REFUSALS.md */
#define HO_MSG_TRUNC 0x20
#define HO_MSG_DONTWAIT 0x40
#define HO_MSG_EOR 0x80 /* what is written later does not share a segment with this */
#define HO_MSG_WAITALL 0x100
#define HO_MSG_CONFIRM 0x800 /* of a datagram: an answer to it has come by the same way, its next hop is there */
#define HO_MSG_NOSIGNAL 0x4000
#define HO_MSG_MORE 0x8000
#define HO_MSG_FASTOPEN 0x20000000

/* Ours: the caller sleeps until the rest of its bytes has been taken, too.  It makes one difference: the SYN+ACK's ACK is
 * left to the data. */
#define HO_MSG_SLEEPS 0x00100000

/* Readiness: Linux's EPOLL* bits. */
#define HO_IN 0x001u
#define HO_PRI 0x002u
#define HO_OUT 0x004u
#define HO_ERR 0x008u
#define HO_HUP 0x010u
#define HO_RDHUP 0x2000u

#define HO_SHUT_RD 0
#define HO_SHUT_WR 1
#define HO_SHUT_RDWR 2

/* Shape  nothing -> a descriptor
 * Takes  (STREAM, 0|TCP): a TCP socket.  (DGRAM, 0|UDP): a UDP socket.  (DGRAM, ICMP): a ping socket.
 *        (RAW, 1..255): a raw socket of that protocol.
 * Gives  the descriptor >= 0; -EMFILE (socks_max), -ENOMEM, -EPROTONOSUPPORT (see docs/REFUSALS.md), -EINVAL (no protocol). */
HO_API int ho_sock_open(struct ho_stack *s, int type, int protocol);

/* Shape  CLOSE -> CLOSE, with a local address
 * Takes  addr: an own address, a loopback address or HO_ADDR_ANY (UDP and raw: or a broadcast or multicast address, whose
 *        packets alone are received then); port 0: the stack picks one of ip_local_port_range.
 * Gives  0; -EADDRINUSE as Linux decides it (SO_REUSEADDR; SO_REUSEPORT; the owner's state), -EADDRNOTAVAIL, -EINVAL (already
 *        bound). */
HO_API int ho_sock_bind(struct ho_stack *s, int fd, struct ho_endpoint local);

/* Shape  CLOSE -> LISTEN; LISTEN -> LISTEN with a new limit (queued connections stay)
 * Takes  backlog: both queues hold min(backlog as unsigned, net.core.somaxconn) + 1; so a negative one means somaxconn.
 * Gives  0; -EADDRINUSE, -EINVAL (connected).
 * Source Linux 6.18 net/ipv4/af_inet.c inet_listen. */
HO_API int ho_sock_listen(struct ho_stack *s, int fd, int backlog);

/* Shape  takes the oldest connection out of the accept queue
 * Gives  its descriptor; -EAGAIN (queue empty), -EINVAL (not listening), -EMFILE, -ENOMEM.
 * Owns   *peer may be NULL.  A connection that has died meanwhile is handed out like any other, as Linux does. */
HO_API int ho_sock_accept(struct ho_stack *s, int fd, struct ho_endpoint *peer);

/* Shape  CLOSE -> SYN-SENT (TCP); or remembers the peer (UDP, ping, raw): only its packets are received, send() goes to it,
 *        and errors of packets to it are told
 * Gives  -EINPROGRESS (TCP: an HO_OUT event follows, SO_ERROR tells), 0 (datagrams, or TCP already through);
 *        -EACCES (datagrams: a broadcast address without SO_BROADCAST);
 *        -EISCONN, -EALREADY, -ENETUNREACH (IpOutNoRoutes), -EADDRNOTAVAIL (no port left), -ENOMEM.
 *        Asked again about a connect(): 0 once it is through, its error once, -ECONNABORTED if SO_ERROR took that. */
HO_API int ho_sock_connect(struct ho_stack *s, int fd, struct ho_endpoint peer);

/* connect() with AF_UNSPEC.
 * Shape  a datagram socket forgets its peer, and its port if no bind() has named one
 *        TCP: any state -> CLOSE; the connection is taken apart (a RST where the peer may expect something), a listener stops
 *        listening, and the socket may bind, connect or listen again.  Its options stay, but for TCP_MAXSEG and
 *        TCP_WINDOW_CLAMP; ports and addresses stay that bind() has named.
 * Gives  0.  TCP: ECONNRESET is pending if there was a connection or a SYN.
 * Counts TcpEstabResets, TcpOutRsts.
 * Source Linux 6.18 net/ipv4/udp.c __udp_disconnect; net/ipv4/tcp.c tcp_disconnect. */
HO_API int ho_sock_disconnect(struct ho_stack *s, int fd);

/* Gives  bytes taken (may be fewer); -EAGAIN (buffer full), -EPIPE (shut down or reset before), -ECONNRESET and other
 *        pending errors once, -ENOTCONN, -EMSGSIZE (datagrams). */
HO_API ptrdiff_t ho_sock_send(struct ho_stack *s, int fd, const void *buf, size_t len_bytes, int flags);

/* Like ho_sock_send, by reference: the bytes stay where they are until release(ctx) has run, exactly once, after the
 * last byte was acknowledged and the last frame that holds it is gone (MSG_ZEROCOPY without the copy fallback).
 * Gives  len_bytes (all; fewer only if the allocator refuses half-way, or if it is the first of a connection by Fast Open:
 *        release then runs for those taken), or an error;
 *        then release will not run.
 * Takes  1..2^20 bytes. */
HO_API ptrdiff_t ho_sock_send_ref(struct ho_stack *s, int fd, const void *buf, size_t len_bytes, int flags,
                                  void (*release)(void *ctx), void *ctx);

/* Gives  bytes; 0 at the end of the stream (FIN, or shut down for reading); -EAGAIN, -ENOTCONN, a pending error once.
 *        A read ends in front of the urgent byte, and without SO_OOBINLINE the next one begins behind it.  HO_MSG_OOB gives
 *        that byte: 1, -EAGAIN (announced, not here yet), -EINVAL (none, or taken already, or SO_OOBINLINE). */
HO_API ptrdiff_t ho_sock_recv(struct ho_stack *s, int fd, void *buf, size_t len_bytes, int flags);

/* The next unread bytes of a stream where they lie, without a copy.
 * Gives  slices filled (>= 1), 0 at the end of the stream, or an error as ho_sock_recv.  The bytes stay valid and
 *        unread until the next call on this socket: ho_sock_recv_skip(n) then takes n of them. */
HO_API int ho_sock_recv_peek(struct ho_stack *s, int fd, struct ho_slice *slices, int max_count);
HO_API ptrdiff_t ho_sock_recv_skip(struct ho_stack *s, int fd, size_t len_bytes);

/* Of a stream with HO_MSG_FASTOPEN: connect() and send() in one, by TCP Fast Open (RFC 7413).
 * Gives  bytes that went with the SYN, the rest is to be sent when HO_OUT holds; -EINPROGRESS (none: the SYN asks for a
 *        cookie, HO_OUT follows); -EOPNOTSUPP (net.ipv4.tcp_fastopen forbids it), -EALREADY, -EISCONN, and connect's errors.
 *
 * Of a datagram: it goes out whole or not at all.
 * Takes  UDP: the payload.  Ping: an ICMP echo, whose identifier and checksum are filled in.  Raw: what follows the IPv4
 *        header; with HO_IP_HDRINCL that, too (length and checksum are filled in; source and identification, if they are 0).
 * Gives  len_bytes; -EDESTADDRREQ (send() without a peer), -EINVAL (port 0; a malformed header), -EACCES (a broadcast without
 *        SO_BROADCAST), -EMSGSIZE (larger than IP_MTU_DISCOVER allows; a segment of UDP_SEGMENT than
 *        the MTU), -EINVAL (more than 128 of those), -ENETUNREACH, -EPERM (a rule), -EAGAIN (send buffer
 *        full; HO_OUT follows), -EPIPE, -ENOBUFS, a pending error once; -EOPNOTSUPP (MSG_OOB, MSG_MORE, MSG_DONTROUTE).
 * Counts UdpOutDatagrams, UdpSndbufErrors, IpOutDiscards, IpOutNoRoutes (raw sockets: not that). */
HO_API ptrdiff_t ho_sock_sendto(struct ho_stack *s, int fd, const void *buf, size_t len_bytes, int flags,
                                struct ho_endpoint to);

/* Gives  bytes of the next datagram (as many as fit; with HO_MSG_TRUNC all that it has), without its headers, but of raw
 *        sockets with the IPv4 header; -EAGAIN; a pending error once.  *from may be NULL.
 * Counts UdpInDatagrams; UdpInErrors and UdpInCsumErrors for each that turns out to be damaged. */
HO_API ptrdiff_t ho_sock_recvfrom(struct ho_stack *s, int fd, void *buf, size_t len_bytes, int flags,
                                  struct ho_endpoint *from);

/* What IP_PKTINFO, IP_RECVTTL, IP_RECVTOS and UDP_GRO tell of a datagram, always there, no option is to be set; and what
 * TCP_INQ tells of a stream. */
struct ho_msg_info {
	struct ho_endpoint from;
	uint32_t to_addr;       /* the packet's destination: ours, a broadcast or a multicast address */
	uint8_t tos, ttl;
	uint16_t segment_bytes; /* several datagrams of this length, the last one perhaps shorter; 0: it is one */
	int flags;              /* HO_MSG_TRUNC: the buffer was too small; HO_MSG_OOB: it is the urgent byte */
	int inq;                /* TCP_INQ: bytes unread after this call, an urgent byte and a FIN among them, and 1 as long
	                         * as only the end of the stream is left; -1: not asked for */
};
/* The same as ho_sock_recvfrom; *info (may be NULL) is written if it gives 0 or more. */
HO_API ptrdiff_t ho_sock_recv_msg(struct ho_stack *s, int fd, void *buf, size_t len_bytes, int flags,
                                  struct ho_msg_info *info);

/* Who found the error: Linux's SO_EE_ORIGIN_*. */
#define HO_ORIGIN_LOCAL 1
#define HO_ORIGIN_ICMP 2

/* One error of IP_RECVERR: struct sock_extended_err and what comes with it. */
struct ho_sock_error {
	int32_t err;       /* positive errno */
	uint8_t origin;    /* HO_ORIGIN_* */
	uint8_t type, code; /* of the ICMP message */
	uint32_t info;     /* the MTU (EMSGSIZE), the pointer of a parameter problem */
	struct ho_endpoint destination; /* of the packet that it is about */
	uint32_t offender; /* who sent the ICMP message; 0: nobody */
	uint32_t len_bytes; /* of what the message quotes */
};
/* Shape  the oldest error leaves the queue (MSG_ERRQUEUE); HO_ERR holds while there is one
 * Takes  buf: for what the message quotes: the payload of UDP, the message of ping, what follows the IPv4 header of raw and
 *        TCP sockets.
 * Gives  bytes copied; -EAGAIN (no error).  The pending error (SO_ERROR) becomes that of the next one.
 * Source Linux 6.18 net/ipv4/ip_sockglue.c ip_recv_error. */
HO_API ptrdiff_t ho_sock_recv_error(struct ho_stack *s, int fd, struct ho_sock_error *out, void *buf, size_t len_bytes);

/* Gives  0; -ENOTCONN (of a datagram socket without a peer: and yet it is done, as in Linux), -EINVAL; -ENOMEM (no memory for
 *        the FIN: nothing has changed). */
HO_API int ho_sock_shutdown(struct ho_stack *s, int fd, int how);

/* Shape  the descriptor is gone at once; the connection goes on closing by itself (an orphan), is reset if there was
 *        unread data (TcpExtTCPAbortOnClose) or SO_LINGER {1,0} (TcpExtTCPAbortOnData).
 * Gives  0, -EBADF.
 * Differs SO_LINGER with a time does not wait: ho_sock_linger does. */
HO_API int ho_sock_close(struct ho_stack *s, int fd);

/* close() with SO_LINGER and a time, in steps as nothing blocks: call it, and again at each event of the descriptor, until it does
 * not say -EINPROGRESS.
 * Shape  the first call closes: a reset if there is unread data, else what is unsent and the FIN.  Then it waits, not yet an
 *        orphan, until the FIN is acknowledged, the connection has ended another way, or the time is over; each of that
 *        is an event.  The call after it ends as ho_sock_close does.
 *        Where Linux's close() does not wait (no SO_LINGER, nothing to wait for, no stream) it is ho_sock_close.
 * Gives  0 (the descriptor is gone), -EINPROGRESS (it waits; only this, ho_sock_close, which gives up waiting, and reading its
 *        state make sense now), -EBADF.  As with Linux's close() nobody learns whether the data arrived in time.
 * Time   seconds of the option, from the first call on; below 0: without end.
 * Source Linux 6.18 net/core/stream.c sk_stream_wait_close; it waits with O_NONBLOCK, too. */
HO_API int ho_sock_linger(struct ho_stack *s, int fd);

/* getsockname() and getpeername(): the socket's own address and port, 0 where none is set; the peer's.
 * Gives  0; -EBADF, -ENOTCONN (peer: there is none). */
HO_API int ho_sock_name(const struct ho_stack *s, int fd, struct ho_endpoint *local);
HO_API int ho_sock_peer(const struct ho_stack *s, int fd, struct ho_endpoint *peer);

/* Linux's option numbers and layouts.
 * Gives  0; -ENOPROTOOPT (unknown or not there: docs/REFUSALS.md), -EINVAL, -EDOM. *len_bytes is set to what was written. */
HO_API int ho_sock_setopt(struct ho_stack *s, int fd, int level, int name, const void *val, size_t len_bytes);
HO_API int ho_sock_getopt(struct ho_stack *s, int fd, int level, int name, void *val, size_t *len_bytes);

/* A hint: calls for these descriptors will follow soon.  Whoever is about to write to many of many connections gives it for
 * some (eight to thirty) before their turn; what their connections hold is in the cache then.  They are fetched side by side: a
 * few at once cost little more than one.  Nothing else changes with it.
 * Takes  any numbers: one that is no descriptor is no error.
 * Work   O(count). */
HO_API void ho_sock_prefetch(const struct ho_stack *s, const int *fds, unsigned count);

/* What holds now: HO_IN | HO_OUT ... as epoll_wait would say for a level-triggered descriptor. */
HO_API uint32_t ho_sock_poll(const struct ho_stack *s, int fd);

/* SIOCINQ: bytes unread, up to the urgent mark.  SIOCOUTQ: bytes not yet acknowledged.  SIOCOUTQNSD: of those, bytes not yet
 * sent.  A FIN is one of the last two.
 * Gives  bytes; -EBADF, -EINVAL (a listener); SIOCOUTQNSD: -ENOTTY (no stream).
 * Source Linux 6.18 net/ipv4/tcp.c tcp_ioctl. */
HO_API int ho_sock_inq(const struct ho_stack *s, int fd);
HO_API int ho_sock_outq(const struct ho_stack *s, int fd);
HO_API int ho_sock_outq_unsent(const struct ho_stack *s, int fd);

/* SIOCATMARK: is the next byte of the stream the urgent one?
 * Gives  1, 0; -EBADF, -ENOTTY (no stream). */
HO_API int ho_sock_atmark(const struct ho_stack *s, int fd);

/* A pointer of the caller's, which the socket's events carry (struct ho_event).
 * Gives  0, -EBADF.
 * Owns   nothing: it is never looked into. */
HO_API int ho_sock_user_set(struct ho_stack *s, int fd, void *user);

/* States: Linux's numbers (net/tcp_states.h). */
enum ho_tcp_state {
	HO_ESTABLISHED = 1,
	HO_SYN_SENT,
	HO_SYN_RECV,
	HO_FIN_WAIT1,
	HO_FIN_WAIT2,
	HO_TIME_WAIT,
	HO_CLOSE,
	HO_CLOSE_WAIT,
	HO_LAST_ACK,
	HO_LISTEN,
	HO_CLOSING,
	HO_NEW_SYN_RECV,
};

enum ho_sock_timer { HO_TIMER_NONE, HO_TIMER_ON, HO_TIMER_KEEPALIVE, HO_TIMER_TIMEWAIT, HO_TIMER_PERSIST };

/* One row of what `ss -tanoem` shows: sockets, half-open requests (state HO_SYN_RECV, fd -1) and TIME-WAIT buckets. */
struct ho_sock_info {
	int fd; /* -1: no descriptor (request, TIME-WAIT, orphan, or still in an accept queue) */
	uint8_t type, protocol;
	uint8_t state; /* enum ho_tcp_state */
	struct ho_endpoint local, peer;
	uint32_t recv_q; /* LISTEN: connections in the accept queue; else unread bytes */
	uint32_t send_q; /* LISTEN: its limit; else unacknowledged bytes */
	uint32_t syn_queue; /* LISTEN: half-open requests now; else 0 */
	uint32_t syn_queue_young;
	uint64_t drops; /* SK_MEMINFO_DROPS */
	uint8_t timer;  /* enum ho_sock_timer */
	uint8_t retransmits;
	ho_time_ns timer_at;
	uint32_t rmem_alloc, rcvbuf, wmem_alloc, sndbuf, fwd_alloc, wmem_queued; /* skmem r rb t tb f w */
	uint32_t rto_ms, ato_ms, snd_cwnd; /* connections only */
	int32_t snd_ssthresh;   /* -1: still in the first slow start */
	uint8_t quick_pingpong; /* quick ACKs left << 1 | interactive */
	bool bucket;            /* FIN-WAIT-2 or TIME-WAIT without a socket */
	bool accept_queued; /* ESTABLISHED but not yet accepted */
};

/* Why a listener dropped something: what `halfopen why` speaks of. */
enum ho_listen_drop {
	HO_DROP_SYN_ACCEPT_FULL,  /* a SYN met a full accept queue */
	HO_DROP_ACK_ACCEPT_FULL,  /* a final ACK (or data) of a request met a full accept queue */
	HO_DROP_COOKIE_ACCEPT_FULL, /* a valid cookie met a full accept queue */
	HO_DROP_SYN_QUEUE_FULL,   /* a SYN met a full SYN queue, no cookies */
	HO_DROP_SYN_BACKLOG,      /* a SYN, and tcp_max_syn_backlog is three quarters used (tcp_syncookies 0) */
	HO_DROP_MEMORY,           /* the allocator refused */
	HO_DROP_DEFERRED,         /* a bare final ACK with TCP_DEFER_ACCEPT */
	HO_DROP_DUPLICATE_SYN,    /* a SYN of a request that is there already (answered again) */
	HO_DROP_UNACCEPTABLE,     /* for a request: out of window, old timestamp, RST, without ACK; for a listener:
	                             neither SYN nor ACK, or a SYN to a broadcast or multicast address, or from where no
	                             route leads to */
	HO_DROP_CAUSES,
};

/* Which of the limits of a listener's queue is the smallest, so the one that holds. */
enum ho_listen_clamp {
	HO_CLAMP_BACKLOG,         /* listen()'s argument */
	HO_CLAMP_SOMAXCONN,       /* net.core.somaxconn as it was at listen() */
	HO_CLAMP_MAX_SYN_BACKLOG, /* net.ipv4.tcp_max_syn_backlog: the SYN queue only, and without syncookies */
};

/* All there is to know about a listener: both queues now, at their highest, and what was dropped why. */
struct ho_listener_info {
	int fd;
	struct ho_endpoint local;
	int backlog_asked;         /* listen()'s argument */
	uint32_t limit;            /* min(backlog_asked as unsigned, somaxconn at that time): each queue holds one more */
	uint32_t somaxconn;        /* now; so are the three below */
	uint32_t max_syn_backlog;
	int32_t syncookies;
	bool abort_on_overflow;
	uint32_t accept_queue, accept_queue_max; /* now, and the most ever since listen() */
	uint32_t accept_queue_holds; /* how many fit */
	uint32_t accept_queue_wanted; /* the most it would have held without a limit, at most: a SYN sent again counts anew */
	enum ho_listen_clamp accept_clamp;
	uint32_t syn_queue, syn_queue_young, syn_queue_max;
	uint32_t syn_queue_holds;  /* of peers that nothing proves; with syncookies 2 none */
	enum ho_listen_clamp syn_clamp;
	uint64_t requests;         /* SYNs that became requests */
	uint64_t cookies;          /* SYNs that were answered by a cookie instead */
	uint64_t queued;           /* connections that entered the accept queue */
	uint64_t accepted;         /* that accept() took */
	uint64_t timed_out;        /* requests whose SYN+ACK nobody answered */
	uint64_t drops[HO_DROP_CAUSES];
	ho_time_ns listening_since;
	ho_time_ns last_accept;    /* HO_NEVER: none yet */
	ho_time_ns oldest_waiting; /* when the head of the accept queue entered it; HO_NEVER: queue empty */
	struct ho_endpoint oldest_waiting_peer;
	ho_time_ns longest_wait;   /* in the accept queue, of those that accept() took */
	ho_time_ns last_drop;      /* for want of room; HO_NEVER: none yet */
	enum ho_listen_drop last_drop_cause;
	struct ho_endpoint last_drop_peer; /* whose SYN or ACK that was */
	uint64_t last_drop_frame;  /* its id; 0: it had none */
};
/* Gives  0; -EBADF, -EINVAL (not listening). */
HO_API int ho_sock_listener_info(const struct ho_stack *s, int fd, struct ho_listener_info *out);

/* Walks every socket, request and bucket.
 * Takes  *cursor: 0 to begin; opaque after that.  A call that changes sockets between two steps may make the walk miss or
 *        repeat rows, never crash.
 * Gives  false after the last. */
HO_API bool ho_sock_next(const struct ho_stack *s, uint64_t *cursor, struct ho_sock_info *out);
/* The row of one descriptor: 0, -EBADF. */
HO_API int ho_sock_info_get(const struct ho_stack *s, int fd, struct ho_sock_info *out);

#ifdef __cplusplus
}
#endif
#endif
