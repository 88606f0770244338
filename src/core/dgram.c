/* SPDX-License-Identifier: MIT
 * Ping and raw ICMP sockets: packets kept as frames until they are read.
 *
 * A raw socket gets every ICMP packet that is delivered, checksum right or wrong, header and all; a ping socket gets the
 * echo replies with its identifier, which is its "port".  Both are few: they are looked for in a list.
 *
 * Source: Linux 6.18 net/ipv4/raw.c raw_v4_input, raw_rcv_skb, raw_err; net/ipv4/ping.c ping_rcv, ping_v4_sendmsg,
 * ping_get_port, ping_err; net/ipv4/datagram.c __ip4_datagram_connect. */
#include "tcp.h" /* rx_buffer_model */

#define IP_HDR 20u
#define ICMP_HDR 8u
#define ICMP_ECHO 8
#define ICMP_DEST_UNREACH 3
#define ICMP_FRAG_NEEDED 4
#define ICMP_SOURCE_QUENCH 4
#define ICMP_REDIRECT 5
#define ICMP_TIME_EXCEEDED 11
#define RING (sizeof(((struct dgram *)0)->head) / sizeof(((struct dgram *)0)->head[0]))

static struct sock *sock_of(const struct list *n)
{
	return container_of(n, struct dgram, link)->sk;
}

static bool is_ping(const struct sock *sk)
{
	return sk->type == HO_SOCK_DGRAM;
}

/* ---- life ---- */

int dgram_open(struct ho_stack *st, struct sock *sk)
{
	struct dgram *d = memory_take(&st->mem, sizeof(*d));

	if (d == NULL)
		return -ENOMEM;
	*d = (struct dgram){.sk = sk};
	list_add_tail(&st->dgram_socks, &d->link);
	sk->d = d;
	sk->rcvbuf = (int32_t)st->ctl.rmem_default;
	sk->sndbuf = (int32_t)st->ctl.wmem_default;
	sk->rcvlowat = 1;
	if (!is_ping(sk))
		sk->e.lport = sk->protocol;
	return 0;
}

static int32_t truesize(const struct ho_frame *f)
{
	uint32_t bytes, room;
	bool linear;

	rx_buffer_model(f->len_bytes, IP_HDR, &bytes, &room, &linear);
	return (int32_t)bytes;
}

static struct ho_frame *queue_pop(struct sock *sk)
{
	struct dgram *d = sk->d;
	struct ho_frame *f = d->head[d->first];

	d->first = (d->first + 1) % RING;
	d->count--;
	sk->rmem_alloc -= truesize(f);
	return f;
}

void dgram_close(struct ho_stack *st, struct sock *sk)
{
	while (sk->d->count > 0)
		ho_frame_unref(queue_pop(sk));
	list_del(&sk->d->link);
	memory_give(&st->mem, sk->d, sizeof(*sk->d));
	sk->d = NULL;
}

/* ---- names ---- */

static struct sock *ping_find(const struct ho_stack *st, uint16_t ident, uint32_t laddr)
{
	for (struct list *n = st->dgram_socks.next; n != &st->dgram_socks; n = n->next) {
		struct sock *sk = sock_of(n);

		if (is_ping(sk) && sk->d->ident == ident && ident != 0 && (sk->e.laddr == 0 || sk->e.laddr == laddr))
			return sk;
	}
	return NULL;
}

/* Shares an identifier only if both say so. */
static bool ident_is_free(const struct ho_stack *st, const struct sock *sk, uint16_t ident)
{
	for (struct list *n = st->dgram_socks.next; n != &st->dgram_socks; n = n->next) {
		const struct sock *o = sock_of(n);

		if (o != sk && is_ping(o) && o->d->ident == ident && !(o->reuseaddr && sk->reuseaddr))
			return false;
	}
	return true;
}

static int ident_take(struct ho_stack *st, struct sock *sk, uint16_t ident)
{
	uint32_t first = stack_random(st) % 65535;

	if (ident != 0 && !ident_is_free(st, sk, ident))
		return -EADDRINUSE;
	for (uint32_t i = 0; ident == 0 && i < 65535; i++) {
		uint16_t candidate = (uint16_t)(1 + (first + i) % 65535);

		if (ident_is_free(st, sk, candidate))
			ident = candidate;
	}
	if (ident == 0)
		return -EADDRINUSE;
	sk->d->ident = ident;
	sk->e.lport = ident;
	return 0;
}

int dgram_bind(struct ho_stack *st, struct sock *sk, struct ho_endpoint local)
{
	int err;

	if (local.addr != HO_ADDR_ANY && !ip_is_local(st, local.addr))
		return -EADDRNOTAVAIL;
	if (is_ping(sk)) {
		if (sk->d->ident != 0)
			return -EINVAL;
		err = ident_take(st, sk, local.port);
		if (err < 0)
			return err;
	}
	sk->e.laddr = local.addr;
	sk->bound_addr = local.addr != HO_ADDR_ANY;
	sk->bound_port = local.port != 0;
	return 0;
}

int dgram_connect(struct ho_stack *st, struct sock *sk, struct ho_endpoint peer)
{
	uint32_t saddr;
	int err;

	if (ip_is_broadcast(st, peer.addr))
		return -EACCES;
	if (is_ping(sk) && sk->d->ident == 0) {
		err = ident_take(st, sk, 0);
		if (err < 0)
			return err;
	}
	err = ip_route(st, peer.addr, &saddr, NULL);
	if (err < 0) {
		if (err == -ENETUNREACH)
			count(st, sk, HO_IpOutNoRoutes);
		return err;
	}
	if (sk->e.laddr == HO_ADDR_ANY)
		sk->e.laddr = saddr;
	sk->e.raddr = peer.addr;
	sk->e.rport = peer.port;
	sk->state = HO_ESTABLISHED;
	return 0;
}

/* ---- in ---- */

static void queue_push(struct ho_stack *st, struct sock *sk, struct ho_frame *f)
{
	struct dgram *d = sk->d;

	if (d->count == RING || sk->rmem_alloc >= sk->rcvbuf) {
		sk->drops++;
		return;
	}
	d->head[(d->first + d->count++) % RING] = ho_frame_ref(f);
	sk->rmem_alloc += truesize(f);
	sock_wake(st, sk);
}

static bool raw_wants(const struct sock *sk, uint8_t protocol, uint32_t laddr, uint32_t raddr)
{
	return !is_ping(sk) && sk->protocol == protocol && (sk->e.laddr == 0 || sk->e.laddr == laddr) &&
	       (sk->e.raddr == 0 || sk->e.raddr == raddr);
}

bool dgram_on_packet(struct ho_stack *st, struct rx *rx)
{
	bool any = false;

	for (struct list *n = st->dgram_socks.next; n != &st->dgram_socks; n = n->next) {
		struct sock *sk = sock_of(n);

		if (!raw_wants(sk, rx->protocol, rx->daddr, rx->saddr))
			continue;
		queue_push(st, sk, rx->frame);
		any = true;
	}
	return any;
}

void ping_on_reply(struct ho_stack *st, struct rx *rx)
{
	struct sock *sk = ping_find(st, get16(rx->l4 + 4), rx->daddr);

	if (sk != NULL)
		queue_push(st, sk, rx->frame);
}

/* An error stays with a connected socket, and only one that will not pass. */
static void error_give(struct ho_stack *st, struct sock *sk, uint8_t type, uint8_t code)
{
	bool fatal = type != ICMP_TIME_EXCEEDED;
	int err = type == ICMP_TIME_EXCEEDED ? EHOSTUNREACH : EPROTO;

	if (type == ICMP_SOURCE_QUENCH || type == ICMP_REDIRECT)
		return;
	if (type == ICMP_DEST_UNREACH)
		err = icmp_unreach_errno(code, &fatal);
	if (!fatal || sk->state != HO_ESTABLISHED)
		return;
	sk->err = err;
	sock_wake(st, sk);
}

void dgram_on_icmp(struct ho_stack *st, uint8_t type, uint8_t code, const uint8_t *inner)
{
	const uint8_t *l4 = inner + (inner[0] & 15u) * 4;
	uint32_t laddr = get32(inner + 12), raddr = get32(inner + 16);
	struct sock *ping = NULL;

	for (struct list *n = st->dgram_socks.next; n != &st->dgram_socks; n = n->next)
		if (raw_wants(sock_of(n), inner[9], laddr, raddr))
			error_give(st, sock_of(n), type, code);
	if (inner[9] == IP_PROTO_ICMP && l4[0] == ICMP_ECHO)
		ping = ping_find(st, get16(l4 + 4), laddr);
	if (ping != NULL)
		error_give(st, ping, type, code);
}

/* ---- out ---- */

/* The message behind 20 bytes for the IPv4 header; a ping socket's identifier and checksum are filled in. */
static bool message_fill(struct ho_stack *st, struct tx_frame *f, const uint8_t *bytes, uint32_t len_bytes)
{
	uint32_t done = min_u32(len_bytes, TX_HEAD_BYTES - IP_HDR);

	memcpy(f->head + IP_HDR, bytes, done);
	f->f.slice[0].len_bytes = IP_HDR + done;
	f->f.len_bytes = IP_HDR + done;
	f->f.hdr_len = (uint16_t)(IP_HDR + min_u32(done, ICMP_HDR));
	while (done < len_bytes) {
		struct frag frag;
		uint8_t *room = block_room(st, len_bytes - done, &frag);

		if (room == NULL)
			return false;
		memcpy(room, bytes + done, frag.len_bytes);
		frame_add(f, frag);
		done += frag.len_bytes;
	}
	return true;
}

static void ping_finish(struct tx_frame *f, uint16_t ident)
{
	uint8_t *icmp = f->head + IP_HDR;
	uint16_t sum;

	put16(icmp + 2, 0);
	put16(icmp + 4, ident);
	sum = csum_fold(frame_sum(&f->f, IP_HDR, f->f.len_bytes - IP_HDR));
	memcpy(icmp + 2, &sum, 2);
}

/* Gives  the frame, NULL without memory. */
static struct tx_frame *message_make(struct ho_stack *st, struct sock *sk, const void *buf, size_t len_bytes)
{
	struct tx_frame *f = frame_take(st);

	if (f == NULL)
		return NULL;
	if (!message_fill(st, f, buf, (uint32_t)len_bytes)) {
		ho_frame_unref(&f->f);
		return NULL;
	}
	if (is_ping(sk))
		ping_finish(f, sk->d->ident);
	return f;
}

static int send_check(struct ho_stack *st, struct sock *sk, const uint8_t *buf, size_t len_bytes, uint32_t daddr)
{
	if (len_bytes > HO_FRAME_BYTES_MAX - IP_HDR)
		return -EMSGSIZE;
	if (is_ping(sk) && (len_bytes < ICMP_HDR || buf[0] != ICMP_ECHO || buf[1] != 0))
		return -EINVAL;
	if (is_ping(sk) && sk->d->ident == 0 && ident_take(st, sk, 0) < 0)
		return -EAGAIN;
	if (ip_is_broadcast(st, daddr))
		return -EACCES;
	return !is_ping(sk) && len_bytes < 2 ? -EFAULT : 0; /* Linux looks for type and code in the program's bytes */
}

static int take_error(struct sock *sk)
{
	int err = sk->err;

	sk->err = 0;
	return -err;
}

ptrdiff_t dgram_send(struct ho_stack *st, struct sock *sk, const void *buf, size_t len_bytes, uint32_t daddr)
{
	struct ip_tx t = {.daddr = daddr, .protocol = sk->protocol, .tos = sk->tos, .ttl = sk->ttl};
	const struct pmtu *path;
	const struct ho_route_metrics *metrics;
	uint32_t mtu;
	struct tx_frame *f;
	int err;

	t.discards = true;
	if (sk->err != 0)
		return take_error(sk);
	err = send_check(st, sk, buf, len_bytes, daddr);
	if (err < 0)
		return err;
	err = ip_route(st, daddr, &t.saddr, &mtu);
	if (err == -ENETUNREACH && is_ping(sk)) /* a raw socket's refusal is not counted */
		count(st, sk, HO_IpOutNoRoutes);
	if (err < 0)
		return err;
	if (sk->shutdown & SHUT_SND) {
		count(st, sk, HO_IpOutDiscards);
		return -EPIPE;
	}
	if (IP_HDR + len_bytes > mtu) /* Linux would fragment it */
		return -EMSGSIZE;
	path = pmtu_find(st, daddr);
	metrics = metrics_find(st, daddr);
	t.df = sk->pmtudisc == HO_IP_PMTUDISC_PROBE || ip_dont_fragment(sk->pmtudisc, (path && path->locked) || (metrics && metrics->mtu_locked));
	f = message_make(st, sk, buf, len_bytes);
	if (f == NULL)
		return -ENOBUFS;
	if (sk->e.laddr != HO_ADDR_ANY)
		t.saddr = sk->e.laddr;
	t.id = ip_ident_next(st, t.saddr, daddr, sk->protocol);
	st->cause.frame_out = f->f.id;
	if (sk->protocol == IP_PROTO_ICMP)
		icmp_count_out(st, f->head[IP_HDR]);
	err = ip_output(st, sk, f, &t);
	if (err == -ENOBUFS && !is_ping(sk)) /* lost on the way, as the network might have */
		err = 0;
	return err < 0 ? err : (ptrdiff_t)len_bytes;
}

/* ---- to the program ---- */

/* Where what the program sees begins, and how long it is: the frame may be longer than its packet. */
static uint32_t payload_of(const struct sock *sk, const struct ho_frame *f, uint32_t *offset)
{
	uint8_t ip[IP_HDR];

	ho_frame_read(f, 0, ip, sizeof(ip));
	*offset = is_ping(sk) ? (ip[0] & 15u) * 4 : 0;
	return get16(ip + 2) - *offset;
}

static struct ho_endpoint source_of(const struct ho_frame *f)
{
	uint8_t addr[4];

	ho_frame_read(f, 12, addr, sizeof(addr));
	return (struct ho_endpoint){get32(addr), 0};
}

ptrdiff_t dgram_recv(struct ho_stack *st, struct sock *sk, void *buf, size_t len_bytes, int flags,
                     struct ho_endpoint *from)
{
	struct ho_frame *f;
	uint32_t offset, bytes;
	size_t copied;

	(void)st;
	if (sk->err != 0)
		return take_error(sk);
	if (sk->d->count == 0)
		return -EAGAIN; /* shut down for reading, too, as Linux's nonblocking ones */
	f = sk->d->head[sk->d->first];
	bytes = payload_of(sk, f, &offset);
	copied = ho_frame_read(f, offset, buf, len_bytes < bytes ? len_bytes : bytes);
	if (from != NULL)
		*from = source_of(f);
	if (!(flags & HO_MSG_PEEK))
		ho_frame_unref(queue_pop(sk));
	return flags & HO_MSG_TRUNC ? (ptrdiff_t)bytes : (ptrdiff_t)copied;
}

int dgram_inq(const struct sock *sk)
{
	uint32_t offset;

	return sk->d->count == 0 ? 0 : (int)payload_of(sk, sk->d->head[sk->d->first], &offset);
}

uint32_t dgram_poll(const struct sock *sk)
{
	uint32_t mask = HO_OUT;

	if (sk->err != 0)
		mask |= HO_ERR;
	if (sk->d->count > 0 || sk->shutdown & SHUT_RCV)
		mask |= HO_IN;
	if (sk->shutdown & SHUT_RCV)
		mask |= HO_RDHUP;
	if ((sk->shutdown & (SHUT_RCV | SHUT_SND)) == (SHUT_RCV | SHUT_SND))
		mask |= HO_HUP;
	return mask;
}
