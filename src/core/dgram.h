/* SPDX-License-Identifier: MIT
 * Datagram sockets, inside: what udp.c, raw.c, ping.c and sock_error.c share.
 *
 *     dgram.c       life, the receive queue and its memory, messages on their way out
 *     udp_table.c   ports: who may bind one, whom a datagram is for
 *     udp.c         bind, connect, send of UDP; udp_in.c: a datagram arrives, an error about one, recv
 *     raw.c         raw sockets of any protocol, IP_HDRINCL
 *     ping.c        ICMP echo by identifier
 *     sock_error.c  what an ICMP error means to a program, IP_RECVERR */
#ifndef HO_DGRAM_H
#define HO_DGRAM_H

#include "dgram_doors.h"

#define IP_HDR 20u
#define UDP_HDR 8u
#define ICMP_HDR 8u

#define ICMP_ECHO 8
#define ICMP_DEST_UNREACH 3
#define ICMP_REDIRECT 5
#define ICMP_FRAG_NEEDED 4
#define ICMP_PORT_UNREACH 3

/* A packet that waits for its reader. */
struct dgram_rx {
	struct dgram_rx *next;
	struct ho_frame *frame; /* one reference */
	uint32_t offset;        /* of what the program gets, in the frame */
	uint32_t len_bytes;
	uint32_t truesize;      /* what Linux charges for its buffer */
	uint32_t saddr, daddr;
	uint16_t sport;         /* 0 but for UDP */
	uint16_t segment_bytes; /* UDP_GRO: each datagram but the last; 0: it is one */
	uint8_t tos, ttl;
	bool unchecked;         /* its UDP checksum is looked at when it is read */
};

struct udp_port;

struct dgram {
	struct list link;       /* raw, ping: on st->raw_socks, st->ping_socks; UDP: on its port's socks, newest first */
	struct sock *sk;        /* whose this is */
	struct dgram_rx *head, *tail;
	uint32_t count;
	uint32_t reader_count;  /* UDP: of them, taken over by the reader (Linux: reader_queue) */
	int32_t deficit;        /* UDP: memory read but not given back yet (Linux: forward_deficit) */
	uint32_t saddr;         /* what packets come from; 0: the route says */
	uint16_t ident;         /* ping: ICMP identifier */
	uint16_t ip_id;         /* of the next packet to a connected peer */
	uint16_t segment_bytes; /* UDP_SEGMENT */
	uint32_t icmp_filter;   /* raw: a bit for each type that is not wanted */
	uint8_t mcast_ttl;
	bool mcast_loop, hdrincl, no_check, gro;
	bool nospace;           /* the send buffer was full: every later refusal counts as that (SOCK_NOSPACE) */
	struct udp_port *port;
	struct lnode conn;      /* UDP: on st->udp_conns, if it has a peer */
	bool in_conns;
	uint64_t order;         /* UDP: of two that fit equally well the later one wins */
};

static inline struct sock *dgram_sock(const struct list *n)
{
	return container_of(n, struct dgram, link)->sk;
}
static inline bool is_udp(const struct sock *sk)
{
	return sk->type == HO_SOCK_DGRAM && sk->protocol == IP_PROTO_UDP;
}
static inline bool is_raw(const struct sock *sk)
{
	return sk->type == HO_SOCK_RAW;
}

/* ---- dgram.c ---- */
/* A packet for the receive queue: NULL without memory.  Nothing is charged yet. */
struct dgram_rx *dgram_rx_make(struct ho_stack *st, const struct rx *rx, uint32_t offset, uint32_t len_bytes);
void dgram_rx_free(struct ho_stack *st, struct dgram_rx *r);
void dgram_append(struct ho_stack *st, struct sock *sk, struct dgram_rx *r);
struct dgram_rx *dgram_shift(struct sock *sk);
/* Keeps a packet for a raw or ping socket, or drops it: a full queue is a matter of that socket alone. */
void dgram_keep(struct ho_stack *st, struct sock *sk, const struct rx *rx, uint32_t offset);
int32_t dgram_truesize(uint32_t packet_bytes);
bool dgram_mem_schedule(struct ho_stack *st, struct sock *sk, int32_t bytes); /* false: udp_mem forbids it */
void dgram_mem_reclaim(struct ho_stack *st, struct sock *sk, int32_t keep);
int dgram_error_take(struct sock *sk); /* negative, once; 0 */

/* What is to be sent, and where. */
struct dgram_tx {
	uint32_t daddr;
	uint16_t dport;
	uint32_t saddr;
	uint32_t mtu, path_mtu, link_mtu; /* the first is what the socket goes by (IP_MTU_DISCOVER) */
	bool orphans;          /* the link forgets whose packets it has */
	uint32_t header_bytes; /* the protocol's own, in front of the program's bytes */
	uint16_t segment_bytes; /* UDP_SEGMENT: of each datagram; 0: it is one */
	const uint8_t *bytes;
	size_t len_bytes;
};
/* To whom: *to, or the peer of connect().  Gives  0, -EDESTADDRREQ. */
int dgram_target(const struct sock *sk, const struct ho_endpoint *to, struct dgram_tx *t);
/* Finds the route, refuses broadcasts, fills in what depends on it.  counted: a missing route counts IpOutNoRoutes.
 * Gives  0, -ENETUNREACH, -EACCES. */
int dgram_route(struct ho_stack *st, struct sock *sk, struct dgram_tx *t, bool counted);
/* May it be that long?  Gives  0; -EMSGSIZE, and says so in the error queue. */
int dgram_size_check(struct ho_stack *st, struct sock *sk, const struct dgram_tx *t);
/* Is there room in the send buffer?  Gives  0; a pending error, -EPIPE, -EAGAIN: IpOutDiscards counts them. */
int dgram_room_check(struct ho_stack *st, struct sock *sk);
/* The message behind room for the IPv4 header and the protocol's; NULL without memory (IpOutDiscards). */
struct tx_frame *dgram_message_make(struct ho_stack *st, struct sock *sk, const struct dgram_tx *t);
struct ip_tx dgram_ip_tx(struct ho_stack *st, struct sock *sk, const struct dgram_tx *t);
/* What connect() does for all of them. */
int dgram_connect_to(struct ho_stack *st, struct sock *sk, struct ho_endpoint peer);

/* ---- udp.c, udp_in.c ---- */
int udp_bind(struct ho_stack *st, struct sock *sk, struct ho_endpoint local);
int udp_autobind(struct ho_stack *st, struct sock *sk);
int udp_connect(struct ho_stack *st, struct sock *sk, struct ho_endpoint peer);
void udp_disconnect(struct ho_stack *st, struct sock *sk);
void udp_close(struct ho_stack *st, struct sock *sk);
ptrdiff_t udp_send(struct ho_stack *st, struct sock *sk, const void *buf, size_t len_bytes, const struct ho_endpoint *to);
struct dgram_rx *udp_peek(struct ho_stack *st, struct sock *sk);     /* the next one that is whole; NULL */
void udp_taken(struct ho_stack *st, struct sock *sk, int32_t bytes); /* a packet was read, or dropped */
bool udp_sum_ok(const struct dgram_rx *r);

/* ---- udp_table.c ---- */
/* Gives  0, -EADDRINUSE, -ENOMEM.  port 0: picks one. */
int udp_port_bind(struct ho_stack *st, struct sock *sk, uint16_t port);
void udp_port_release(struct ho_stack *st, struct sock *sk);
void udp_peer_changed(struct ho_stack *st, struct sock *sk); /* e.raddr, e.rport, e.laddr or the state are others now */
void udp_peer_changing(struct ho_stack *st, struct sock *sk); /* will be */
struct sock *udp_find(struct ho_stack *st, uint32_t laddr, uint16_t lport, uint32_t raddr, uint16_t rport);
struct udp_port *udp_port_find(const struct ho_stack *st, uint16_t port);
struct list *udp_port_socks(struct udp_port *p);
bool udp_wants_cast(const struct sock *sk, const struct rx *rx, uint16_t sport);

/* ---- raw.c, ping.c ---- */
int raw_bind(struct ho_stack *st, struct sock *sk, struct ho_endpoint local);
ptrdiff_t raw_send(struct ho_stack *st, struct sock *sk, const void *buf, size_t len_bytes, const struct ho_endpoint *to);
int ping_bind(struct ho_stack *st, struct sock *sk, struct ho_endpoint local);
int ping_autobind(struct ho_stack *st, struct sock *sk);
ptrdiff_t ping_send(struct ho_stack *st, struct sock *sk, const void *buf, size_t len_bytes, const struct ho_endpoint *to);

#endif
