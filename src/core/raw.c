/* SPDX-License-Identifier: MIT
 * Raw sockets: every packet of their protocol that is delivered, its header included and its checksum unlooked at; and
 * packets of the program's own making, with IP_HDRINCL down to the IPv4 header.  They are few and looked for in a list.
 *
 * Source: Linux 6.18 net/ipv4/raw.c raw_v4_input, raw_rcv_skb, raw_err, raw_sendmsg, raw_send_hdrinc, raw_bind, icmp_filter. */
#include "dgram.h"

#include "sock_error.h"

#define TYPE_AND_CODE 2u

int raw_bind(struct ho_stack *st, struct sock *sk, struct ho_endpoint local)
{
	bool cast = ip_is_multicast(local.addr) || ip_is_broadcast(st, local.addr);

	if (sk->state != HO_CLOSE)
		return -EINVAL;
	if (local.addr != HO_ADDR_ANY && !cast && !ip_is_local(st, local.addr))
		return -EADDRNOTAVAIL;
	sk->e.laddr = local.addr;
	sk->d->saddr = cast ? HO_ADDR_ANY : local.addr;
	return 0;
}

/* ---- in ---- */

static bool raw_wants(const struct sock *sk, uint8_t protocol, uint32_t laddr, uint32_t raddr)
{
	return sk->protocol == protocol && (sk->e.laddr == 0 || sk->e.laddr == laddr) &&
	       (sk->e.raddr == 0 || sk->e.raddr == raddr);
}

static bool filtered(const struct sock *sk, const struct rx *rx)
{
	if (sk->protocol != IP_PROTO_ICMP || sk->d->icmp_filter == 0)
		return false;
	if (rx->l4_bytes < ICMP_HDR)
		return true;
	return rx->l4[0] < 32 && (sk->d->icmp_filter >> rx->l4[0] & 1) != 0;
}

bool raw_on_packet(struct ho_stack *st, struct rx *rx)
{
	bool any = false;

	for (struct list *n = st->raw_socks.next; n != &st->raw_socks; n = n->next) {
		struct sock *sk = dgram_sock(n);

		if (!raw_wants(sk, rx->protocol, rx->daddr, rx->saddr))
			continue;
		if (!filtered(sk, rx))
			dgram_keep(st, sk, rx, 0);
		any = true;
	}
	return any;
}

static void error_give(struct ho_stack *st, struct sock *sk, const struct quoted *q)
{
	bool fatal;
	int err = icmp_error_of(q, &fatal);

	if (q->type == ICMP_REDIRECT) {
		redirect_on_icmp(st, q->daddr);
		return;
	}
	if (q->type == ICMP_DEST_UNREACH && q->code == ICMP_FRAG_NEEDED) {
		pmtu_update(st, q->daddr, q->info);
		fatal = sk->pmtudisc != HO_IP_PMTUDISC_DONT;
	}
	if (err == 0 || (!sk->recverr && (!fatal || sk->state != HO_ESTABLISHED)))
		return;
	if (sk->recverr)
		sock_error_keep(st, sk, q, err, 0, sk->d->hdrincl ? 0 : q->inner_hdr);
	sk->err = (int16_t)err;
	sock_wake(st, sk);
}

void raw_on_icmp(struct ho_stack *st, const struct quoted *q)
{
	for (struct list *n = st->raw_socks.next; n != &st->raw_socks; n = n->next)
		if (raw_wants(dgram_sock(n), q->protocol, q->saddr, q->daddr))
			error_give(st, dgram_sock(n), q);
}

/* ---- out ---- */

/* A raw socket looks neither at a pending error nor at shutdown(), and may fill its buffer twice. */
static int room_check(struct ho_stack *st, struct sock *sk)
{
	if ((int64_t)sk->dev_bytes <= 2 * (int64_t)sk->sndbuf)
		return 0;
	count(st, sk, HO_IpOutDiscards);
	return -ENOBUFS;
}

static ptrdiff_t sent(const struct sock *sk, int err, size_t len_bytes)
{
	if (err == -ENOBUFS && !sk->recverr) /* lost on the way, as the network might have */
		err = 0;
	return err < 0 ? err : (ptrdiff_t)len_bytes;
}

static ptrdiff_t plain_send(struct ho_stack *st, struct sock *sk, const struct dgram_tx *t)
{
	struct tx_frame *f;
	struct ip_tx x;
	int err = dgram_size_check(st, sk, t);

	err = err < 0 ? err : room_check(st, sk);
	if (err < 0)
		return err;
	f = dgram_message_make(st, sk, t);
	if (f == NULL)
		return -ENOBUFS;
	x = dgram_ip_tx(st, sk, t);
	st->cause.frame_out = f->f.id;
	if (sk->protocol == IP_PROTO_ICMP)
		icmp_count_out(st, f->head[IP_HDR]);
	return sent(sk, ip_output(st, sk, f, &x), t->len_bytes);
}

/* ---- with a header of the program's ---- */

/* Source, length, identification and checksum are filled in; the rest is the program's. */
static void header_finish(struct ho_stack *st, struct tx_frame *f, const struct dgram_tx *t, uint32_t ip_bytes)
{
	uint8_t *ip = f->head;
	uint16_t sum;

	if (get32(ip + 12) == 0)
		put32(ip + 12, t->saddr);
	put16(ip + 2, (uint16_t)t->len_bytes);
	if (get16(ip + 4) == 0 && !(ip[6] & 0x40))
		put16(ip + 4, ip_ident_next(st, get32(ip + 12), get32(ip + 16), ip[9]));
	put16(ip + 10, 0);
	sum = csum_fold(csum_partial(ip, ip_bytes));
	memcpy(ip + 10, &sum, 2);
}

static int header_check(const struct dgram_tx *t, uint32_t *ip_bytes)
{
	*ip_bytes = (t->bytes[0] & 15u) * 4;
	return *ip_bytes < IP_HDR || *ip_bytes > t->len_bytes ? -EINVAL : 0;
}

static int header_send(struct ho_stack *st, struct sock *sk, struct dgram_tx *t)
{
	struct ip_tx x = {.saddr = t->saddr, .daddr = t->daddr, .protocol = sk->protocol, .discards = true, .hdrincl = true};
	struct dgram_tx whole = *t;
	struct tx_frame *f;
	uint32_t ip_bytes;
	int err = header_check(t, &ip_bytes);

	if (err < 0) {
		count(st, sk, HO_IpOutDiscards);
		return err;
	}
	whole.bytes += IP_HDR;
	whole.len_bytes -= IP_HDR;
	f = dgram_message_make(st, sk, &whole);
	if (f == NULL)
		return -ENOBUFS;
	memcpy(f->head, t->bytes, IP_HDR);
	x.protocol = f->head[9];
	header_finish(st, f, t, ip_bytes);
	st->cause.frame_out = f->f.id;
	if (x.protocol == IP_PROTO_ICMP && t->len_bytes >= ip_bytes + ICMP_HDR)
		icmp_count_out(st, f->head[ip_bytes]);
	return ip_output(st, sk, f, &x);
}

static ptrdiff_t hdrincl_send(struct ho_stack *st, struct sock *sk, struct dgram_tx *t)
{
	int err;

	if (t->len_bytes > t->link_mtu) {
		sock_error_local(st, sk, EMSGSIZE, (struct ho_endpoint){t->daddr, sk->e.rport}, t->link_mtu);
		return -EMSGSIZE;
	}
	if (t->len_bytes < IP_HDR)
		return -EINVAL;
	err = dgram_room_check(st, sk);
	return err < 0 ? err : sent(sk, header_send(st, sk, t), t->len_bytes);
}

ptrdiff_t raw_send(struct ho_stack *st, struct sock *sk, const void *buf, size_t len_bytes, const struct ho_endpoint *to)
{
	struct dgram_tx t = {.bytes = buf, .len_bytes = len_bytes};
	bool hdrincl = sk->d->hdrincl;
	int err = len_bytes > HO_FRAME_BYTES_MAX ? -EMSGSIZE : dgram_target(sk, to, &t);

	if (err < 0)
		return err;
	if (!hdrincl && sk->protocol == IP_PROTO_ICMP && len_bytes < TYPE_AND_CODE)
		return -EFAULT; /* Linux looks for type and code in the program's bytes */
	err = dgram_route(st, sk, &t, false); /* a raw socket's refusal is not counted */
	if (err < 0)
		return err;
	return hdrincl ? hdrincl_send(st, sk, &t) : plain_send(st, sk, &t);
}
