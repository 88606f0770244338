/* SPDX-License-Identifier: MIT
 * What datagram sockets share: a queue of packets kept as frames until they are read, the memory that Linux would charge for
 * them, and messages on their way out.
 *
 * Source: Linux 6.18 net/core/datagram.c datagram_poll; net/core/sock.c sock_alloc_send_pskb, sock_queue_rcv_skb_reason;
 * net/ipv4/datagram.c __ip4_datagram_connect; net/ipv4/ip_output.c __ip_append_data, __ip_make_skb. */
#include "dgram.h"

#include "sock_error.h"
#include "tcp.h" /* rx_buffer_model */

#define TX_ROOM_BYTES 31u     /* in front of a packet on its way out: the link's header, rounded up */
#define TX_LINEAR_MAX 16064u  /* SKB_MAX_ALLOC */
#define PAGES_MASK (PAGE_BYTES - 1)

/* ---- life ---- */

static void dgram_list(struct ho_stack *st, struct sock *sk)
{
	if (is_raw(sk))
		list_add_tail(&st->raw_socks, &sk->d->link);
	else if (!is_udp(sk))
		list_add_tail(&st->ping_socks, &sk->d->link);
}

int dgram_open(struct ho_stack *st, struct sock *sk)
{
	struct dgram *d = memory_take(&st->mem, sizeof(*d));

	if (d == NULL)
		return -ENOMEM;
	*d = (struct dgram){.sk = sk, .mcast_ttl = 1, .mcast_loop = true, .hdrincl = sk->protocol == HO_IPPROTO_RAW};
	list_init(&d->link);
	sk->d = d;
	sk->rcvbuf = (int32_t)st->ctl.rmem_default;
	sk->sndbuf = (int32_t)st->ctl.wmem_default;
	sk->rcvlowat = 1;
	if (is_raw(sk))
		sk->e.lport = sk->protocol;
	dgram_list(st, sk);
	return 0;
}

void dgram_close(struct ho_stack *st, struct sock *sk)
{
	struct dgram_rx *r;

	sock_errors_purge(st, sk); /* charged to the receive buffer, but not reserved */
	while ((r = dgram_shift(sk)) != NULL)
		dgram_rx_free(st, r);
	if (is_udp(sk))
		udp_close(st, sk);
	list_del(&sk->d->link);
	memory_give(&st->mem, sk->d, sizeof(*sk->d));
	sk->d = NULL;
}

int dgram_bind(struct ho_stack *st, struct sock *sk, struct ho_endpoint local)
{
	if (is_udp(sk))
		return udp_bind(st, sk, local);
	return is_raw(sk) ? raw_bind(st, sk, local) : ping_bind(st, sk, local);
}

static int autobind(struct ho_stack *st, struct sock *sk)
{
	if (is_udp(sk))
		return udp_autobind(st, sk);
	return is_raw(sk) ? 0 : ping_autobind(st, sk);
}

int dgram_connect_to(struct ho_stack *st, struct sock *sk, struct ho_endpoint peer)
{
	struct dgram_tx t = {.daddr = peer.addr};
	int err = dgram_route(st, sk, &t, true);

	if (err < 0)
		return err;
	sk->d->saddr = t.saddr;
	if (sk->e.laddr == HO_ADDR_ANY)
		sk->e.laddr = t.saddr;
	sk->e.raddr = peer.addr;
	sk->e.rport = peer.port;
	sk->d->ip_id = (uint16_t)stack_random(st);
	sk->state = HO_ESTABLISHED;
	return 0;
}

int dgram_connect(struct ho_stack *st, struct sock *sk, struct ho_endpoint peer)
{
	if (autobind(st, sk) < 0)
		return -EAGAIN;
	return is_udp(sk) ? udp_connect(st, sk, peer) : dgram_connect_to(st, sk, peer);
}

int dgram_disconnect(struct ho_stack *st, struct sock *sk)
{
	if (is_udp(sk))
		udp_peer_changing(st, sk);
	sk->state = HO_CLOSE;
	sk->e.raddr = 0;
	sk->e.rport = 0;
	if (!sk->bound_addr)
		sk->e.laddr = sk->d->saddr = HO_ADDR_ANY;
	if (is_udp(sk)) {
		udp_disconnect(st, sk);
		return 0;
	}
	/* A port that no bind() has chosen is given up, and a raw socket has none that it chose. */
	if (is_raw(sk))
		list_del(&sk->d->link);
	else if (!sk->bound_port)
		sk->d->ident = 0;
	if (is_raw(sk) || !sk->bound_port)
		sk->e.lport = 0;
	return 0;
}

/* Linux's hack: who is not connected is told so, and yet it is done. */
int dgram_shutdown(struct ho_stack *st, struct sock *sk, int how)
{
	sk->shutdown |= (uint8_t)(how + 1);
	sock_wake(st, sk);
	return sk->state == HO_ESTABLISHED ? 0 : -ENOTCONN;
}

/* ---- memory ---- */

int32_t dgram_truesize(uint32_t packet_bytes)
{
	uint32_t bytes, room;
	bool linear;

	rx_buffer_model(packet_bytes, IP_HDR, &bytes, &room, &linear);
	return (int32_t)bytes;
}

static bool pages_allowed(const struct ho_stack *st, const struct sock *sk, uint64_t pages)
{
	if (pages <= st->ctl.udp_mem[0])
		return true;
	return pages <= st->ctl.udp_mem[2] && sk->rmem_alloc < (int32_t)st->ctl.udp_rmem_min;
}

bool dgram_mem_schedule(struct ho_stack *st, struct sock *sk, int32_t bytes)
{
	int32_t delta = bytes - sk->fwd_alloc;
	uint32_t pages;

	if (delta > 0) {
		pages = ((uint32_t)delta + PAGES_MASK) / PAGE_BYTES;
		if (!pages_allowed(st, sk, (uint64_t)st->udp_pages + pages))
			return false;
		st->udp_pages += pages;
		sk->fwd_alloc += (int32_t)(pages * PAGE_BYTES);
	}
	sk->fwd_alloc -= bytes;
	return true;
}

/* keep: bytes that need not go back yet, so that the last page stays. */
void dgram_mem_reclaim(struct ho_stack *st, struct sock *sk, int32_t keep)
{
	int32_t bytes = (sk->fwd_alloc - keep) & ~(int32_t)PAGES_MASK;

	if (bytes <= 0)
		return;
	sk->fwd_alloc -= bytes;
	st->udp_pages -= (uint32_t)bytes / PAGE_BYTES;
}

/* ---- the receive queue ---- */

struct dgram_rx *dgram_rx_make(struct ho_stack *st, const struct rx *rx, uint32_t offset, uint32_t len_bytes)
{
	struct dgram_rx *r = pool_take(&st->dgram_rxs);

	if (r == NULL)
		return NULL;
	*r = (struct dgram_rx){
		.frame = ho_frame_ref(rx->frame),
		.offset = offset,
		.len_bytes = len_bytes,
		.truesize = (uint32_t)dgram_truesize(rx->frame->len_bytes),
		.saddr = rx->saddr,
		.daddr = rx->daddr,
		.tos = rx->tos,
		.ttl = rx->ttl,
	};
	return r;
}

void dgram_rx_free(struct ho_stack *st, struct dgram_rx *r)
{
	ho_frame_unref(r->frame);
	pool_give(&st->dgram_rxs, r);
}

void dgram_append(struct ho_stack *st, struct sock *sk, struct dgram_rx *r)
{
	struct dgram *d = sk->d;

	r->next = NULL;
	if (d->tail != NULL)
		d->tail->next = r;
	else
		d->head = r;
	d->tail = r;
	d->count++;
	sk->rmem_alloc += (int32_t)r->truesize;
	sock_wake(st, sk);
}

struct dgram_rx *dgram_shift(struct sock *sk)
{
	struct dgram *d = sk->d;
	struct dgram_rx *r = d->head;

	if (r == NULL)
		return NULL;
	d->head = r->next;
	if (d->head == NULL)
		d->tail = NULL;
	d->count--;
	if (d->reader_count > 0)
		d->reader_count--;
	if (!is_udp(sk)) /* udp_taken() does it when Linux would */
		sk->rmem_alloc -= (int32_t)r->truesize;
	return r;
}

void dgram_keep(struct ho_stack *st, struct sock *sk, const struct rx *rx, uint32_t offset)
{
	struct dgram_rx *r = NULL;

	if (sk->rmem_alloc < sk->rcvbuf)
		r = dgram_rx_make(st, rx, offset, (uint32_t)rx->ip_bytes + rx->l4_bytes - offset);
	if (r != NULL)
		dgram_append(st, sk, r);
	else
		sk->drops++;
}

/* ---- to the program ---- */

int dgram_error_take(struct sock *sk)
{
	int err = sk->err;

	sk->err = 0;
	return -err;
}

static void info_give(const struct dgram_rx *r, bool truncated, struct ho_msg_info *info)
{
	*info = (struct ho_msg_info){
		.from = {r->saddr, r->sport},
		.to_addr = r->daddr,
		.tos = r->tos,
		.ttl = r->ttl,
		.segment_bytes = r->segment_bytes,
		.flags = truncated ? HO_MSG_TRUNC : 0,
		.inq = -1,
	};
}

ptrdiff_t dgram_recv(struct ho_stack *st, struct sock *sk, void *buf, size_t len_bytes, int flags, struct ho_msg_info *info)
{
	struct dgram_rx *r;
	size_t copied;
	ptrdiff_t result;

	if ((flags & HO_MSG_OOB) && !is_udp(sk))
		return -EOPNOTSUPP;
	if (sk->err != 0)
		return dgram_error_take(sk);
	r = is_udp(sk) ? udp_peek(st, sk) : sk->d->head;
	if (r == NULL)
		return -EAGAIN; /* shut down for reading, too, as Linux's nonblocking ones */
	copied = ho_frame_read(r->frame, r->offset, buf, len_bytes < r->len_bytes ? len_bytes : r->len_bytes);
	result = flags & HO_MSG_TRUNC ? (ptrdiff_t)r->len_bytes : (ptrdiff_t)copied;
	if (info != NULL)
		info_give(r, copied < r->len_bytes, info);
	if (flags & HO_MSG_PEEK)
		return result;
	dgram_shift(sk);
	if (is_udp(sk)) {
		udp_taken(st, sk, (int32_t)r->truesize);
		count(st, sk, HO_UdpInDatagrams);
	}
	dgram_rx_free(st, r);
	return result;
}

int dgram_inq(const struct sock *sk)
{
	const struct dgram_rx *r = sk->d->head;

	while (r != NULL && r->unchecked && !udp_sum_ok(r))
		r = r->next;
	return r == NULL ? 0 : (int)r->len_bytes;
}

uint32_t dgram_recv_q(const struct sock *sk)
{
	return (uint32_t)(sk->rmem_alloc - sk->d->deficit);
}

uint32_t dgram_poll(const struct sock *sk)
{
	uint32_t mask = sk->dev_bytes < sk->sndbuf >> 1 ? HO_OUT : 0;

	if (sk->err != 0 || sk->habits->errors != NULL)
		mask |= HO_ERR;
	if (sk->d->count > 0 || sk->shutdown & SHUT_RCV)
		mask |= HO_IN;
	if (sk->shutdown & SHUT_RCV)
		mask |= HO_RDHUP;
	if ((sk->shutdown & (SHUT_RCV | SHUT_SND)) == (SHUT_RCV | SHUT_SND))
		mask |= HO_HUP;
	return mask;
}

/* ---- out ---- */

ptrdiff_t dgram_send(struct ho_stack *st, struct sock *sk, const void *buf, size_t len_bytes, int flags,
                     const struct ho_endpoint *to)
{
	if (flags & (HO_MSG_OOB | HO_MSG_MORE | HO_MSG_DONTROUTE))
		return -EOPNOTSUPP;
	sk->confirm = flags & HO_MSG_CONFIRM;
	if (autobind(st, sk) < 0)
		return -EAGAIN;
	if (is_udp(sk))
		return udp_send(st, sk, buf, len_bytes, to);
	return is_raw(sk) ? raw_send(st, sk, buf, len_bytes, to) : ping_send(st, sk, buf, len_bytes, to);
}

int dgram_target(const struct sock *sk, const struct ho_endpoint *to, struct dgram_tx *t)
{
	if (to == NULL && sk->state != HO_ESTABLISHED)
		return -EDESTADDRREQ;
	t->daddr = to != NULL ? to->addr : sk->e.raddr;
	t->dport = to != NULL ? to->port : sk->e.rport;
	return 0;
}

int dgram_route(struct ho_stack *st, struct sock *sk, struct dgram_tx *t, bool counted)
{
	const struct way *way;
	int err = ip_way(st, t->daddr, &way);

	if (err == -ENETUNREACH && counted)
		count(st, sk, HO_IpOutNoRoutes);
	if (err < 0)
		return err;
	t->saddr = sk->d->saddr != HO_ADDR_ANY ? sk->d->saddr : way->saddr;
	if (ip_is_loopback(t->saddr) && way->type != WAY_LOCAL)
		return -EINVAL;
	if (way->type == WAY_BROADCAST && !sk->broadcast)
		return -EACCES;
	t->link_mtu = way->type == WAY_LOCAL ? HO_FRAME_BYTES_MAX : st->link[way->link].mtu;
	t->orphans = way->type == WAY_LOCAL || (st->link[way->link].flags & HO_LINK_ORPHANS) != 0;
	t->path_mtu = ip_mtu(st, t->daddr);
	t->mtu = sk->pmtudisc < HO_IP_PMTUDISC_PROBE ? t->path_mtu : t->link_mtu;
	return 0;
}

static bool may_be_fragmented(uint8_t pmtudisc)
{
	return pmtudisc < HO_IP_PMTUDISC_DO || pmtudisc == HO_IP_PMTUDISC_OMIT;
}

static uint32_t packet_bytes(const struct dgram_tx *t)
{
	return IP_HDR + t->header_bytes + (uint32_t)t->len_bytes;
}

int dgram_size_check(struct ho_stack *st, struct sock *sk, const struct dgram_tx *t)
{
	bool whole = t->segment_bytes == 0 && !may_be_fragmented(sk->pmtudisc);

	if (packet_bytes(t) <= (whole ? t->mtu : HO_FRAME_BYTES_MAX))
		return 0;
	sock_error_local(st, sk, EMSGSIZE, (struct ho_endpoint){t->daddr, sk->e.rport}, t->mtu);
	return -EMSGSIZE;
}

int dgram_room_check(struct ho_stack *st, struct sock *sk)
{
	int err = dgram_error_take(sk);

	if (err == 0 && sk->shutdown & SHUT_SND)
		err = -EPIPE;
	if (err == 0 && sk->dev_bytes >= sk->sndbuf) {
		sk->d->nospace = true;
		err = -EAGAIN;
	}
	if (err < 0)
		count(st, sk, HO_IpOutDiscards);
	return err;
}

static uint32_t tx_truesize(uint32_t bytes)
{
	uint32_t truesize, room;

	rx_copy_model(TX_ROOM_BYTES + (bytes < TX_LINEAR_MAX ? bytes : IP_HDR + UDP_HDR), &truesize, &room);
	return bytes < TX_LINEAR_MAX ? truesize : truesize + bytes;
}

/* What does not fit behind the headers goes into blocks; all of what may be cut again does. */
static bool message_fill(struct ho_stack *st, struct tx_frame *f, const struct dgram_tx *t)
{
	uint32_t head = IP_HDR + t->header_bytes, len_bytes = (uint32_t)t->len_bytes;
	uint32_t done = t->segment_bytes != 0 ? 0 : min_u32(len_bytes, TX_HEAD_BYTES - head);

	if (done > 0)
		memcpy(f->head + head, t->bytes, done);
	f->f.slice[0].len_bytes = head + done;
	f->f.len_bytes = head + done;
	f->f.hdr_len = (uint16_t)(t->header_bytes != 0 ? head : head + min_u32(done, ICMP_HDR));
	while (done < len_bytes) {
		struct frag frag;
		uint8_t *room = block_room(st, len_bytes - done, &frag);

		if (room == NULL)
			return false;
		memcpy(room, t->bytes + done, frag.len_bytes);
		frame_add(f, frag);
		done += frag.len_bytes;
	}
	return true;
}

struct tx_frame *dgram_message_make(struct ho_stack *st, struct sock *sk, const struct dgram_tx *t)
{
	struct tx_frame *f = frame_take(st);

	if (f != NULL && !message_fill(st, f, t)) {
		ho_frame_unref(&f->f);
		f = NULL;
	}
	if (f == NULL) {
		count_why(st, sk, HO_IpOutDiscards, 1, HO_WHY_NO_MEMORY, 0, 0);
		return NULL;
	}
	f->sk = sk;
	f->sk_bytes = t->orphans ? 0 : tx_truesize(f->f.len_bytes);
	return f;
}

static bool dont_fragment(struct ho_stack *st, const struct sock *sk, const struct dgram_tx *t)
{
	const struct pmtu *path = pmtu_find(st, t->daddr);

	if (sk->pmtudisc == HO_IP_PMTUDISC_DO || sk->pmtudisc == HO_IP_PMTUDISC_PROBE)
		return true;
	return packet_bytes(t) <= t->path_mtu &&
	       ip_dont_fragment(sk->pmtudisc, (path && path->locked) || ip_metrics(st, t->daddr)->mtu_locked);
}

/* A connected socket has a counter of its own.  What nobody may cut needs no number. */
static uint16_t ident_of(struct ho_stack *st, struct sock *sk, const struct dgram_tx *t, bool df)
{
	if (sk->e.raddr != HO_ADDR_ANY)
		return ++sk->d->ip_id;
	if (df && !may_be_fragmented(sk->pmtudisc))
		return 0;
	return ip_ident_next(st, t->saddr, t->daddr, sk->protocol);
}

struct ip_tx dgram_ip_tx(struct ho_stack *st, struct sock *sk, const struct dgram_tx *t)
{
	struct ip_tx x = {.saddr = t->saddr, .daddr = t->daddr, .protocol = sk->protocol, .tos = sk->tos, .ttl = sk->ttl};

	x.discards = true;
	x.mtu = t->mtu;
	x.df = dont_fragment(st, sk, t);
	x.id = ident_of(st, sk, t, x.df);
	if (ip_is_multicast(t->daddr)) {
		x.ttl = sk->d->mcast_ttl;
		x.keep_from_us = !sk->d->mcast_loop;
	}
	return x;
}

uint32_t dgram_local_addr(const struct sock *sk)
{
	return sk->d->saddr;
}

/* A frame has left the out queue (Linux: sock_wfree, sock_def_write_space). */
void dgram_on_dequeue(struct ho_stack *st, struct sock *sk, uint32_t bytes)
{
	int32_t half = sk->sndbuf >> 1;

	if (sk->dev_bytes < half && sk->dev_bytes + (int32_t)bytes >= half)
		sock_wake(st, sk);
}
