/* SPDX-License-Identifier: MIT
 * Ping sockets: ICMP echoes, told apart by their identifier, which is the socket's "port".  They are few and looked for in a
 * list.
 *
 * Source: Linux 6.18 net/ipv4/ping.c ping_rcv, ping_v4_sendmsg, ping_get_port, ping_err. */
#include "dgram.h"

#include "sock_error.h"

static struct sock *ping_find(const struct ho_stack *st, uint16_t ident, uint32_t laddr)
{
	for (struct list *n = st->ping_socks.next; n != &st->ping_socks; n = n->next) {
		struct sock *sk = dgram_sock(n);

		if (sk->d->ident == ident && ident != 0 && (sk->e.laddr == 0 || sk->e.laddr == laddr))
			return sk;
	}
	return NULL;
}

/* ---- identifiers ---- */

/* Shares an identifier only if both say so. */
static bool ident_is_free(const struct ho_stack *st, const struct sock *sk, uint16_t ident)
{
	for (struct list *n = st->ping_socks.next; n != &st->ping_socks; n = n->next) {
		const struct sock *o = dgram_sock(n);

		if (o != sk && o->d->ident == ident && !(o->reuseaddr && sk->reuseaddr))
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

int ping_autobind(struct ho_stack *st, struct sock *sk)
{
	return sk->d->ident != 0 ? 0 : ident_take(st, sk, 0);
}

int ping_bind(struct ho_stack *st, struct sock *sk, struct ho_endpoint local)
{
	int err;

	if (local.addr != HO_ADDR_ANY && !ip_is_local(st, local.addr))
		return -EADDRNOTAVAIL;
	if (sk->state != HO_CLOSE || sk->d->ident != 0)
		return -EINVAL;
	err = ident_take(st, sk, local.port);
	if (err < 0)
		return err;
	sk->e.laddr = sk->d->saddr = local.addr;
	sk->bound_addr = local.addr != HO_ADDR_ANY;
	sk->bound_port = local.port != 0;
	return 0;
}

/* ---- in ---- */

void ping_on_reply(struct ho_stack *st, struct rx *rx)
{
	struct sock *sk = ping_find(st, get16(rx->l4 + 4), rx->daddr);

	if (sk != NULL)
		dgram_keep(st, sk, rx, rx->ip_bytes);
}

/* A source quench and a redirect are no errors, but ping wants to see them. */
static int ping_error_of(const struct quoted *q, bool *fatal)
{
	int err = icmp_error_of(q, fatal);

	return err != 0 ? err : EREMOTEIO;
}

/* Differs: the path's MTU stays, as anybody can guess what a ping looks like. */
void ping_on_icmp(struct ho_stack *st, const struct quoted *q)
{
	const uint8_t *icmp = q->inner + q->inner_hdr;
	bool fatal;
	int err = ping_error_of(q, &fatal);
	struct sock *sk;

	if (icmp[0] != ICMP_ECHO || icmp[1] != 0)
		return;
	sk = ping_find(st, get16(icmp + 4), q->saddr);
	if (sk == NULL)
		return;
	if (q->type == ICMP_REDIRECT)
		redirect_on_icmp(st, q->daddr);
	if (q->type == ICMP_DEST_UNREACH && q->code == ICMP_FRAG_NEEDED) {
		if (sk->pmtudisc == HO_IP_PMTUDISC_DONT)
			return;
		fatal = true;
	}
	if (!sk->recverr && (!fatal || sk->state != HO_ESTABLISHED))
		return;
	if (sk->recverr)
		sock_error_keep(st, sk, q, err, 0, q->inner_hdr);
	sk->err = (int16_t)err;
	sock_wake(st, sk);
}

/* ---- out ---- */

static void ping_finish(struct tx_frame *f, uint16_t ident)
{
	uint8_t *icmp = f->head + IP_HDR;
	uint16_t sum;

	put16(icmp + 2, 0);
	put16(icmp + 4, ident);
	sum = csum_fold(frame_sum(&f->f, IP_HDR, f->f.len_bytes - IP_HDR));
	memcpy(icmp + 2, &sum, 2);
}

static int message_check(const uint8_t *bytes, size_t len_bytes)
{
	if (len_bytes > HO_FRAME_BYTES_MAX)
		return -EMSGSIZE;
	return len_bytes < ICMP_HDR || bytes[0] != ICMP_ECHO || bytes[1] != 0 ? -EINVAL : 0;
}

ptrdiff_t ping_send(struct ho_stack *st, struct sock *sk, const void *buf, size_t len_bytes, const struct ho_endpoint *to)
{
	struct dgram_tx t = {.bytes = buf, .len_bytes = len_bytes};
	int err = message_check(buf, len_bytes);
	struct tx_frame *f;
	struct ip_tx x;

	err = err < 0 ? err : dgram_target(sk, to, &t);
	err = err < 0 ? err : dgram_route(st, sk, &t, true);
	err = err < 0 ? err : dgram_size_check(st, sk, &t);
	err = err < 0 ? err : dgram_room_check(st, sk);
	if (err < 0)
		return err;
	f = dgram_message_make(st, sk, &t);
	if (f == NULL)
		return -ENOBUFS;
	ping_finish(f, sk->d->ident);
	x = dgram_ip_tx(st, sk, &t);
	st->cause.frame_out = f->f.id;
	icmp_count_out(st, f->head[IP_HDR]);
	err = ip_output(st, sk, f, &x);
	return err < 0 ? err : (ptrdiff_t)len_bytes;
}
