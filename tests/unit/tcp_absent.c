/* SPDX-License-Identifier: MIT
 * Stands in for TCP until it is there: weak doors that do nothing. */
#include "core.h"

#define ABSENT __attribute__((weak))

ABSENT void tcp_on_packet(struct ho_stack *st, struct rx *rx)
{
	(void)rx;
	count(st, NULL, HO_TcpInSegs);
}
ABSENT void tcp_on_icmp(struct ho_stack *st, uint8_t type, uint8_t code, uint32_t saddr, uint32_t daddr,
                        const uint8_t *inner, uint32_t mtu)
{
	(void)type, (void)code, (void)mtu;
	if (conn_find(st, saddr, get16(inner), daddr, get16(inner + 2)) == NULL)
		count(st, NULL, HO_IcmpInErrors);
}
ABSENT void tcp_on_timer(struct ho_stack *st, struct timer *t)
{
	(void)st, (void)t;
}
ABSENT void tcp_on_dequeue(struct ho_stack *st, struct sock *sk, uint32_t bytes)
{
	(void)st, (void)sk, (void)bytes;
}
ABSENT void tcp_sock_init(struct ho_stack *st, struct sock *sk)
{
	sk->rcvbuf = (int32_t)st->ctl.tcp_rmem[1];
	sk->sndbuf = (int32_t)st->ctl.tcp_wmem[1];
}
ABSENT int tcp_sock_listen(struct ho_stack *st, struct sock *sk, int backlog)
{
	int err;

	(void)backlog;
	if (sk->state != HO_CLOSE)
		return -EINVAL;
	sk->state = HO_LISTEN;
	err = port_bind(st, sk, sk->e.lport);
	if (err == 0)
		err = listener_add(st, sk);
	if (err < 0)
		sk->state = HO_CLOSE;
	return err;
}
ABSENT int tcp_sock_accept(struct ho_stack *st, struct sock *sk, struct ho_endpoint *peer)
{
	(void)st, (void)sk, (void)peer;
	return -EAGAIN;
}
ABSENT int tcp_sock_connect(struct ho_stack *st, struct sock *sk, struct ho_endpoint peer)
{
	uint32_t saddr, mtu;
	int err = ip_route(st, peer.addr, &saddr, &mtu);

	if (err < 0)
		return err;
	if (sk->e.laddr == HO_ADDR_ANY)
		sk->e.laddr = saddr;
	sk->e.raddr = peer.addr;
	sk->e.rport = peer.port;
	err = port_connect(st, sk);
	if (err == 0)
		sk->state = HO_ESTABLISHED;
	return err;
}
ABSENT ptrdiff_t tcp_sock_send(struct ho_stack *st, struct sock *sk, const void *buf, size_t len_bytes, int flags,
                               struct block *by_ref)
{
	(void)st, (void)sk, (void)buf, (void)len_bytes, (void)flags, (void)by_ref;
	return -EPIPE;
}
ABSENT ptrdiff_t tcp_sock_recv(struct ho_stack *st, struct sock *sk, void *buf, size_t len_bytes, int flags)
{
	(void)st, (void)sk, (void)buf, (void)len_bytes, (void)flags;
	return -ENOTCONN;
}
ABSENT int tcp_sock_recv_peek(struct ho_stack *st, struct sock *sk, struct ho_slice *slices, int max_count)
{
	(void)st, (void)sk, (void)slices, (void)max_count;
	return -ENOTCONN;
}
ABSENT int tcp_sock_shutdown(struct ho_stack *st, struct sock *sk, int how)
{
	(void)st, (void)sk, (void)how;
	return -ENOTCONN;
}
ABSENT void tcp_sock_close(struct ho_stack *st, struct sock *sk)
{
	listener_remove(st, sk);
	listener_slot_free(st, sk);
	if (sk->hashed)
		conn_remove(st, &sk->e);
	port_release(st, sk);
	sock_free(st, sk);
}
ABSENT uint32_t tcp_sock_poll(const struct ho_stack *st, const struct sock *sk)
{
	(void)st, (void)sk;
	return HO_OUT;
}
ABSENT int tcp_sock_setopt(struct ho_stack *st, struct sock *sk, int name, const void *val, size_t len_bytes)
{
	(void)st, (void)sk, (void)name, (void)val, (void)len_bytes;
	return -ENOPROTOOPT;
}
ABSENT int tcp_sock_getopt(struct ho_stack *st, struct sock *sk, int name, void *val, size_t *len_bytes)
{
	(void)st, (void)sk, (void)name, (void)val, (void)len_bytes;
	return -ENOPROTOOPT;
}
ABSENT void tcp_sock_info(const struct ho_stack *st, const struct sock *sk, struct ho_sock_info *out)
{
	(void)st, (void)sk, (void)out;
}
ABSENT void tcp_sock_vanish(struct ho_stack *st, struct sock *sk)
{
	(void)st, (void)sk;
}
ABSENT void tcp_reap(struct ho_stack *st)
{
	(void)st;
}
ABSENT void tcp_keepalive_set(struct ho_stack *st, struct sock *sk, bool on)
{
	(void)st, (void)sk, (void)on;
}
ABSENT void tcp_timewait_free(struct ho_stack *st, struct timewait *tw)
{
	wheel_cancel(&st->wheel, &tw->timer);
	conn_remove(st, &tw->e);
	port_release_timewait(st, tw);
	st->timewait_count--;
	pool_give(&st->timewaits, tw);
}
