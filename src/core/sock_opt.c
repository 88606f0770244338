/* SPDX-License-Identifier: MIT
 * Socket options of the levels SOL_SOCKET and SOL_IP, with Linux's lengths, limits and doubling; those of SOL_TCP are
 * TCP's (sock_tcp_opt.c).
 *
 * Source: Linux 6.18 net/core/sock.c sk_setsockopt, sk_getsockopt; net/ipv4/ip_sockglue.c do_ip_setsockopt. */
#include "dgram_doors.h"
#include "tcp.h"
#include "watch.h"

#define RCVBUF_MIN 2304
#define ECN_MASK 3
#define MEMINFO_COUNT 9

/* ---- set ---- */

static int32_t buffer_bytes(int32_t asked, uint32_t max, int32_t min)
{
	uint32_t bytes = min_u32((uint32_t)asked, max); /* a negative number asks for the most there is */

	return max_i32((int32_t)min_u32(bytes, INT32_MAX / 2) * 2, min);
}

/* max: net.core.wmem_max, or for those who may exceed it INT32_MAX. */
static void sndbuf_set(struct ho_stack *st, struct sock *sk, int32_t asked, uint32_t max)
{
	sk->sndbuf = buffer_bytes(asked, max, SNDBUF_MIN);
	sk->sndbuf_locked = true;
	if (sk->seen_out || sk->type != HO_SOCK_STREAM)
		sock_wake(st, sk);
}

static void rcvbuf_set(struct sock *sk, int32_t asked, uint32_t max)
{
	sk->rcvbuf = buffer_bytes(asked, max, RCVBUF_MIN);
	sk->rcvbuf_locked = true;
}

/* Which buffers the stack leaves alone, as if SO_SNDBUF and SO_RCVBUF had been set. */
static int buf_lock_set(struct sock *sk, int32_t v)
{
	if (v & ~(HO_SOCK_SNDBUF_LOCK | HO_SOCK_RCVBUF_LOCK))
		return -EINVAL;
	sk->sndbuf_locked = v & HO_SOCK_SNDBUF_LOCK;
	sk->rcvbuf_locked = v & HO_SOCK_RCVBUF_LOCK;
	return 0;
}

static void rcvlowat_set(struct ho_stack *st, struct sock *sk, int32_t bytes)
{
	if (sk->type == HO_SOCK_STREAM)
		tcp_rcvlowat_set(st, sk, bytes);
	else
		sk->rcvlowat = max_i32(bytes, 1);
}

#define LINGER_FOREVER_S (-1752346657) /* what Linux makes of the longest time that a 64 bit kernel knows at HZ 250 */

static int linger_set(struct ho_stack *st, struct sock *sk, const void *val, size_t len_bytes)
{
	struct habits *h;
	struct ho_linger l;

	if (len_bytes < sizeof(l))
		return -EINVAL;
	memcpy(&l, val, sizeof(l));
	if (l.l_onoff != 0 && l.l_linger != sk->habits->linger_s) {
		h = sock_habits(st, sk);
		if (h == NULL)
			return -ENOMEM;
		h->linger_s = l.l_linger;
	}
	sk->linger_on = l.l_onoff != 0;
	return 0;
}

static void keepalive_set(struct ho_stack *st, struct sock *sk, bool on)
{
	if (sk->type == HO_SOCK_STREAM && on != sk->keepalive)
		tcp_keepalive_set(st, sk, on);
	sk->keepalive = on;
}

/* As an int, or as 64 bits; all ones: no limit. */
static int max_pacing_rate_set(struct ho_stack *st, struct sock *sk, uint32_t v, const void *val, size_t len_bytes)
{
	uint64_t rate = v == UINT32_MAX ? UINT64_MAX : v;

	if (len_bytes >= sizeof(rate))
		memcpy(&rate, val, sizeof(rate));
	return tcp_max_pacing_rate_set(st, sk, rate);
}

static int socket_set(struct ho_stack *st, struct sock *sk, int name, const void *val, size_t len_bytes)
{
	int32_t v;

	if (name == HO_SO_LINGER)
		return linger_set(st, sk, val, len_bytes);
	if (len_bytes < sizeof(v))
		return -EINVAL;
	memcpy(&v, val, sizeof(v));
	if (name == HO_SO_MAX_PACING_RATE)
		return max_pacing_rate_set(st, sk, (uint32_t)v, val, len_bytes);
	switch (name) {
	case HO_SO_REUSEADDR: sk->reuseaddr = v != 0; return 0;
	case HO_SO_REUSEPORT: sk->reuseport = v != 0; return 0;
	case HO_SO_BROADCAST: sk->broadcast = v != 0; return 0;
	case HO_SO_SNDBUF: sndbuf_set(st, sk, v, st->ctl.wmem_max); return 0;
	case HO_SO_SNDBUFFORCE: sndbuf_set(st, sk, max_i32(v, 0), INT32_MAX); return 0;
	case HO_SO_RCVBUF: rcvbuf_set(sk, v, st->ctl.rmem_max); return 0;
	case HO_SO_RCVBUFFORCE: rcvbuf_set(sk, max_i32(v, 0), INT32_MAX); return 0;
	case HO_SO_BUF_LOCK: return buf_lock_set(sk, v);
	case HO_SO_KEEPALIVE: keepalive_set(st, sk, v != 0); return 0;
	case HO_SO_OOBINLINE: sk->oob_inline = v != 0; return 0;
	case HO_SO_RCVLOWAT: rcvlowat_set(st, sk, v < 0 ? INT32_MAX : v); return 0;
	default: return sk->type != HO_SOCK_STREAM ? dgram_option_set(st, sk, HO_SOL_SOCKET, name, v) : -ENOPROTOOPT;
	}
}

/* Level IP takes a byte as well as an int. */
static bool ip_value(const void *val, size_t len_bytes, int32_t *v)
{
	if (len_bytes >= sizeof(*v))
		memcpy(v, val, sizeof(*v));
	else if (len_bytes >= 1)
		*v = *(const uint8_t *)val;
	return len_bytes >= 1;
}

static int ttl_set(struct sock *sk, int32_t v)
{
	if (v != -1 && (v < 1 || v > 255))
		return -EINVAL;
	sk->ttl = v == -1 ? 0 : (uint8_t)v;
	return 0;
}

static int min_ttl_set(struct sock *sk, int32_t v)
{
	if (v < 0 || v > 255)
		return -EINVAL;
	sk->min_ttl = (uint8_t)v;
	return 0;
}

static int tos_set(struct sock *sk, int32_t v)
{
	if (sk->type == HO_SOCK_STREAM) /* ECN is TCP's own */
		v = (v & ~ECN_MASK) | (sk->tos & ECN_MASK);
	sk->tos = (uint8_t)v;
	return 0;
}

static int mtu_discover_set(struct sock *sk, int32_t v)
{
	if (v < HO_IP_PMTUDISC_DONT || v > HO_IP_PMTUDISC_OMIT)
		return -EINVAL;
	sk->pmtudisc = (uint8_t)v;
	return 0;
}

static int recverr_set(struct ho_stack *st, struct sock *sk, bool on)
{
	sk->recverr = on;
	if (!on)
		sock_errors_purge(st, sk);
	return 0;
}

static bool ip_known(const struct sock *sk, int name)
{
	switch (name) {
	case HO_IP_TOS:
	case HO_IP_TTL:
	case HO_IP_MTU_DISCOVER:
	case HO_IP_MINTTL:
	case HO_IP_RECVERR: return true;
	case HO_IP_HDRINCL:
	case HO_IP_MULTICAST_TTL:
	case HO_IP_MULTICAST_LOOP: return sk->type != HO_SOCK_STREAM;
	default: return false;
	}
}

static int ip_set(struct ho_stack *st, struct sock *sk, int name, const void *val, size_t len_bytes)
{
	int32_t v = 0;

	if (!ip_known(sk, name))
		return -ENOPROTOOPT;
	if (!ip_value(val, len_bytes, &v))
		return -EINVAL;
	switch (name) {
	case HO_IP_TOS: return tos_set(sk, v);
	case HO_IP_TTL: return ttl_set(sk, v);
	case HO_IP_MTU_DISCOVER: return mtu_discover_set(sk, v);
	case HO_IP_RECVERR: return recverr_set(st, sk, v != 0);
	case HO_IP_MINTTL: return min_ttl_set(sk, v);
	default: return dgram_option_set(st, sk, HO_SOL_IP, name, v);
	}
}

static int udp_set(struct ho_stack *st, struct sock *sk, int name, const void *val, size_t len_bytes)
{
	int32_t v;

	if (sk->protocol != HO_IPPROTO_UDP || sk->type != HO_SOCK_DGRAM)
		return -ENOPROTOOPT;
	if (len_bytes < sizeof(v))
		return -EINVAL;
	memcpy(&v, val, sizeof(v));
	return dgram_option_set(st, sk, HO_SOL_UDP, name, v);
}

/* As much of the mask as is there. */
static int filter_set(struct ho_stack *st, struct sock *sk, const void *val, size_t len_bytes)
{
	uint32_t types;
	int err = dgram_option_get(sk, HO_SOL_RAW, HO_ICMP_FILTER, (int32_t *)&types);

	if (err < 0)
		return err;
	memcpy(&types, val, len_bytes < sizeof(types) ? len_bytes : sizeof(types));
	return dgram_option_set(st, sk, HO_SOL_RAW, HO_ICMP_FILTER, (int32_t)types);
}

static int setopt_call(struct ho_stack *s, int fd, int level, int name, const void *val, size_t len_bytes)
{
	struct sock *sk = sock_by_fd(s, fd);

	cause_call(s, "setsockopt");
	if (sk == NULL)
		return -EBADF;
	if (level == HO_SOL_SOCKET)
		return socket_set(s, sk, name, val, len_bytes);
	if (level == HO_SOL_IP)
		return ip_set(s, sk, name, val, len_bytes);
	if (level == HO_SOL_UDP && sk->type != HO_SOCK_STREAM)
		return udp_set(s, sk, name, val, len_bytes);
	if (level == HO_SOL_RAW && sk->type == HO_SOCK_RAW && name == HO_ICMP_FILTER)
		return filter_set(s, sk, val, len_bytes);
	if (level == HO_SOL_TCP && sk->type == HO_SOCK_STREAM)
		return tcp_sock_setopt(s, sk, name, val, len_bytes);
	return -ENOPROTOOPT;
}

int ho_sock_setopt(struct ho_stack *s, int fd, int level, int name, const void *val, size_t len_bytes)
{
	uint64_t call = watch_call(s, HO_VERB_SETSOCKOPT, fd, level, name);

	if (unlikely(call != 0))
		watch_note_value(s, call, val, len_bytes);
	return watch_return(s, call, setopt_call(s, fd, level, name, val, len_bytes));
}

/* ---- get ---- */

/* As much as there is room for. */
static int value_give(const void *from, size_t bytes, void *val, size_t *len_bytes)
{
	if (bytes < *len_bytes)
		*len_bytes = bytes;
	memcpy(val, from, *len_bytes);
	return 0;
}

static int int_give(int32_t v, void *val, size_t *len_bytes)
{
	return value_give(&v, sizeof(v), val, len_bytes);
}

static int meminfo_give(const struct ho_stack *st, const struct sock *sk, void *val, size_t *len_bytes)
{
	struct ho_sock_info info;
	uint32_t m[MEMINFO_COUNT];

	ho_sock_info_get(st, sk->fd, &info);
	m[0] = info.rmem_alloc;
	m[1] = info.rcvbuf;
	m[2] = info.wmem_alloc;
	m[3] = info.sndbuf;
	m[4] = info.fwd_alloc;
	m[5] = info.wmem_queued;
	m[6] = 0; /* options */
	m[7] = 0; /* backlog: no socket is ever locked */
	m[8] = (uint32_t)info.drops;
	return value_give(m, sizeof(m), val, len_bytes);
}

static int32_t error_take(struct sock *sk)
{
	int32_t err = sk->err;

	sk->err = 0;
	if (err == 0) {
		err = sk->err_soft;
		sk->err_soft = 0;
	}
	return err;
}

static int max_pacing_rate_give(const struct sock *sk, void *val, size_t *len_bytes)
{
	uint64_t rate = sk->habits->max_pacing_rate;

	if (*len_bytes >= sizeof(rate))
		return value_give(&rate, sizeof(rate), val, len_bytes);
	return int_give(rate < UINT32_MAX ? (int32_t)(uint32_t)rate : -1, val, len_bytes);
}

static int dgram_give(const struct sock *sk, int level, int name, void *val, size_t *len_bytes)
{
	int32_t v;
	int err = sk->type != HO_SOCK_STREAM ? dgram_option_get(sk, level, name, &v) : -ENOPROTOOPT;

	return err < 0 ? err : int_give(v, val, len_bytes);
}

static int socket_get(struct ho_stack *st, struct sock *sk, int name, void *val, size_t *len_bytes)
{
	struct ho_linger l = {sk->linger_on, sk->habits->linger_s < 0 ? LINGER_FOREVER_S : sk->habits->linger_s};

	switch (name) {
	case HO_SO_REUSEADDR: return int_give(sk->reuseaddr, val, len_bytes);
	case HO_SO_REUSEPORT: return int_give(sk->reuseport, val, len_bytes);
	case HO_SO_BROADCAST: return int_give(sk->broadcast, val, len_bytes);
	case HO_SO_TYPE: return int_give(sk->type, val, len_bytes);
	case HO_SO_PROTOCOL: return int_give(sk->protocol, val, len_bytes);
	case HO_SO_ERROR: return int_give(error_take(sk), val, len_bytes);
	case HO_SO_SNDBUF: return int_give(sk->sndbuf, val, len_bytes);
	case HO_SO_RCVBUF: return int_give(sk->rcvbuf, val, len_bytes);
	case HO_SO_BUF_LOCK:
		return int_give((sk->sndbuf_locked ? HO_SOCK_SNDBUF_LOCK : 0) | (sk->rcvbuf_locked ? HO_SOCK_RCVBUF_LOCK : 0),
		                val, len_bytes);
	case HO_SO_KEEPALIVE: return int_give(sk->keepalive, val, len_bytes);
	case HO_SO_OOBINLINE: return int_give(sk->oob_inline, val, len_bytes);
	case HO_SO_LINGER: return value_give(&l, sizeof(l), val, len_bytes);
	case HO_SO_RCVLOWAT: return int_give(sk->rcvlowat, val, len_bytes);
	case HO_SO_MAX_PACING_RATE: return max_pacing_rate_give(sk, val, len_bytes);
	case HO_SO_ACCEPTCONN: return int_give(sk->state == HO_LISTEN, val, len_bytes);
	case HO_SO_MEMINFO: return meminfo_give(st, sk, val, len_bytes);
	default: return dgram_give(sk, HO_SOL_SOCKET, name, val, len_bytes);
	}
}

static int mtu_get(struct ho_stack *st, struct sock *sk, void *val, size_t *len_bytes)
{
	uint32_t mtu;

	if (sk->e.raddr == HO_ADDR_ANY || sk->state == HO_CLOSE)
		return -ENOTCONN;
	mtu = sk->type == HO_SOCK_STREAM ? tcp_route_mtu(st, sk) : ip_mtu(st, sk->e.raddr);
	if (mtu == 0)
		return -ENOTCONN;
	return int_give((int32_t)mtu, val, len_bytes);
}

static int ip_get(struct ho_stack *st, struct sock *sk, int name, void *val, size_t *len_bytes)
{
	if (name == HO_IP_TOS)
		return int_give(sk->tos, val, len_bytes);
	if (name == HO_IP_TTL)
		return int_give(sk->ttl != 0 ? sk->ttl : (int32_t)st->ctl.ip_default_ttl, val, len_bytes);
	if (name == HO_IP_MTU_DISCOVER)
		return int_give(sk->pmtudisc, val, len_bytes);
	if (name == HO_IP_MTU)
		return mtu_get(st, sk, val, len_bytes);
	if (name == HO_IP_MINTTL)
		return int_give(sk->min_ttl, val, len_bytes);
	if (name == HO_IP_RECVERR)
		return int_give(sk->recverr, val, len_bytes);
	return dgram_give(sk, HO_SOL_IP, name, val, len_bytes);
}

int ho_sock_getopt(struct ho_stack *s, int fd, int level, int name, void *val, size_t *len_bytes)
{
	struct sock *sk = sock_by_fd(s, fd);

	cause_call(s, "getsockopt");
	if (sk == NULL)
		return -EBADF;
	if (level == HO_SOL_SOCKET)
		return socket_get(s, sk, name, val, len_bytes);
	if (level == HO_SOL_IP)
		return ip_get(s, sk, name, val, len_bytes);
	if ((level == HO_SOL_RAW && sk->type == HO_SOCK_RAW) ||
	    (level == HO_SOL_UDP && sk->type == HO_SOCK_DGRAM && sk->protocol == HO_IPPROTO_UDP))
		return dgram_give(sk, level, name, val, len_bytes);
	if (level == HO_SOL_TCP && sk->type == HO_SOCK_STREAM)
		return tcp_sock_getopt(s, sk, name, val, len_bytes);
	return -EOPNOTSUPP; /* sic: setsockopt says ENOPROTOOPT */
}
