/* SPDX-License-Identifier: MIT
 * Options that only datagram sockets have.
 *
 * Source: Linux 6.18 net/ipv4/ip_sockglue.c do_ip_setsockopt; net/ipv4/raw.c do_raw_setsockopt; net/ipv4/udp.c
 * udp_lib_setsockopt; net/core/sock.c sk_setsockopt. */
#include "dgram.h"

static int mcast_ttl_set(struct sock *sk, int32_t v)
{
	if (v < -1 || v > 255)
		return -EINVAL;
	sk->d->mcast_ttl = v == -1 ? 1 : (uint8_t)v;
	return 0;
}

static int ip_option_set(struct sock *sk, int name, int32_t v)
{
	switch (name) {
	case HO_IP_HDRINCL:
		if (!is_raw(sk))
			return -ENOPROTOOPT;
		sk->d->hdrincl = v != 0;
		return 0;
	case HO_IP_MULTICAST_TTL: return mcast_ttl_set(sk, v);
	case HO_IP_MULTICAST_LOOP: sk->d->mcast_loop = v != 0; return 0;
	default: return -ENOPROTOOPT;
	}
}

static int udp_option_set(struct sock *sk, int name, int32_t v)
{
	if (name == HO_UDP_SEGMENT && (v < 0 || v > UINT16_MAX))
		return -EINVAL;
	switch (name) {
	case HO_UDP_SEGMENT: sk->d->segment_bytes = (uint16_t)v; return 0;
	case HO_UDP_GRO: sk->d->gro = v != 0; return 0;
	default: return -ENOPROTOOPT;
	}
}

int dgram_option_set(struct ho_stack *st, struct sock *sk, int level, int name, int32_t v)
{
	(void)st;
	if (level == HO_SOL_IP)
		return ip_option_set(sk, name, v);
	if (level == HO_SOL_UDP)
		return udp_option_set(sk, name, v);
	if (level == HO_SOL_SOCKET && name == HO_SO_NO_CHECK) {
		sk->d->no_check = v != 0;
		return 0;
	}
	if (level == HO_SOL_RAW && name == HO_ICMP_FILTER) {
		if (sk->protocol != HO_IPPROTO_ICMP)
			return -EOPNOTSUPP;
		sk->d->icmp_filter = (uint32_t)v;
		return 0;
	}
	return -ENOPROTOOPT;
}

static int ip_option_get(const struct sock *sk, int name, int32_t *v)
{
	switch (name) {
	case HO_IP_HDRINCL: *v = sk->d->hdrincl; return 0;
	case HO_IP_MULTICAST_TTL: *v = sk->d->mcast_ttl; return 0;
	case HO_IP_MULTICAST_LOOP: *v = sk->d->mcast_loop; return 0;
	default: return -ENOPROTOOPT;
	}
}

static int udp_option_get(const struct sock *sk, int name, int32_t *v)
{
	switch (name) {
	case HO_UDP_SEGMENT: *v = sk->d->segment_bytes; return 0;
	case HO_UDP_GRO: *v = sk->d->gro; return 0;
	default: return -ENOPROTOOPT;
	}
}

int dgram_option_get(const struct sock *sk, int level, int name, int32_t *v)
{
	if (level == HO_SOL_IP)
		return ip_option_get(sk, name, v);
	if (level == HO_SOL_UDP)
		return udp_option_get(sk, name, v);
	if (level == HO_SOL_SOCKET && name == HO_SO_NO_CHECK) {
		*v = sk->d->no_check;
		return 0;
	}
	if (level == HO_SOL_RAW && name == HO_ICMP_FILTER) {
		*v = (int32_t)sk->d->icmp_filter;
		return sk->protocol == HO_IPPROTO_ICMP ? 0 : -EOPNOTSUPP;
	}
	return -ENOPROTOOPT;
}
