/* SPDX-License-Identifier: MIT
 * Descriptors, and the verbs of sock.h: each looks up its socket, names itself as the cause, and hands over to the
 * socket's kind: TCP (sock_tcp*.c), or datagrams (dgram.c).
 *
 * Descriptors are given lowest first.  fd_used has a bit for each descriptor, fd_full a bit for each word of fd_used
 * that has no zero left, so that the lowest free one is found in a step for 4096 descriptors. */
#include "wire/likely.h"
#include "dgram_doors.h"
#include "watch.h"

#define FDS_START 64u /* a word of fd_used; doubling keeps it a multiple */
#define IP_PROTO_MAX 255
#define SEND_REF_MAX (UINT32_C(1) << 20)

/* ---- the table ---- */

static inline struct sock *sock_in_table(const struct ho_stack *st, int fd)
{
	return (uint32_t)fd < st->fds_size ? st->fds[fd] : NULL;
}

struct sock *sock_by_fd(const struct ho_stack *st, int fd)
{
	struct sock *recent = st->recent;

	return mostly(recent != NULL) && mostly(recent->fd == fd) ? recent : sock_in_table(st, fd);
}

static size_t words_of(size_t bits)
{
	return (bits + 63) / 64;
}

struct fd_table {
	struct sock **fds;
	uint64_t *used, *full;
	uint32_t size;
};

static size_t fd_table_bytes(uint32_t size)
{
	return size * sizeof(struct sock *) + (words_of(size) + words_of(words_of(size))) * sizeof(uint64_t);
}

static bool fd_table_make(struct ho_stack *st, uint32_t size, struct fd_table *t)
{
	void *block = memory_take(&st->mem, fd_table_bytes(size));

	if (block == NULL)
		return false;
	memset(block, 0, fd_table_bytes(size));
	t->size = size;
	t->fds = block;
	t->used = (uint64_t *)(void *)(t->fds + size);
	t->full = t->used + words_of(size);
	return true;
}

void fd_table_free(struct ho_stack *st)
{
	memory_give(&st->mem, st->fds, fd_table_bytes(st->fds_size));
	st->fds = NULL;
	st->fds_size = 0;
}

static bool fd_table_grow(struct ho_stack *st)
{
	struct fd_table t;

	if (!fd_table_make(st, st->fds_size == 0 ? FDS_START : st->fds_size * 2, &t))
		return false;
	if (st->fds_size > 0) {
		memcpy(t.fds, st->fds, st->fds_size * sizeof(*t.fds));
		memcpy(t.used, st->fd_used, words_of(st->fds_size) * sizeof(*t.used));
		memcpy(t.full, st->fd_full, words_of(words_of(st->fds_size)) * sizeof(*t.full));
	}
	fd_table_free(st);
	st->fds = t.fds;
	st->fd_used = t.used;
	st->fd_full = t.full;
	st->fds_size = t.size;
	return true;
}

/* The lowest free descriptor, fds_size if there is none: fds_free is where to look first. */
static uint32_t fd_lowest(const struct ho_stack *st)
{
	size_t words = words_of(st->fds_size);

	for (size_t i = st->fds_free / 4096; i < words_of(words); i++) {
		size_t word;

		if (unlikely(st->fd_full[i] == UINT64_MAX))
			continue;
		word = i * 64 + (size_t)__builtin_ctzll(~st->fd_full[i]);
		if (unlikely(word >= words))
			continue;
		return (uint32_t)(word * 64) + (uint32_t)__builtin_ctzll(~st->fd_used[word]);
	}
	return st->fds_size;
}

int sock_fd_give(struct ho_stack *st, struct sock *sk)
{
	uint32_t fd;

	if (unlikely(st->fd_count >= st->socks_max))
		return -EMFILE;
	fd = fd_lowest(st);
	if (unlikely(fd == st->fds_size && !fd_table_grow(st)))
		return -ENOMEM;
	st->fds[fd] = sk;
	st->fd_used[fd / 64] |= UINT64_C(1) << fd % 64;
	if (unlikely(st->fd_used[fd / 64] == UINT64_MAX))
		st->fd_full[fd / 4096] |= UINT64_C(1) << fd / 64 % 64;
	st->fds_free = fd + 1;
	st->fd_count++;
	sk->fd = (int32_t)fd;
	return (int)fd;
}

void sock_fd_take(struct ho_stack *st, struct sock *sk)
{
	uint32_t fd = (uint32_t)sk->fd;

	if (sk->fd < 0)
		return;
	st->fds[fd] = NULL;
	if (st->recent == sk)
		st->recent = NULL;
	st->fd_used[fd / 64] &= ~(UINT64_C(1) << fd % 64);
	st->fd_full[fd / 4096] &= ~(UINT64_C(1) << fd / 64 % 64);
	st->fds_free = min_u32(st->fds_free, fd);
	st->fd_count--;
	sk->fd = -1;
	if (unlikely(sk->in_ready))
		hlist_del(st, &st->ready, sk, offsetof(struct sock, ready));
	sk->in_ready = false;
}

/* ---- sockets ---- */

const struct habits habits_default = {.max_pacing_rate = UINT64_MAX};

struct habits *sock_habits(struct ho_stack *st, struct sock *sk)
{
	struct habits *h = sk->habits;

	if (h != &habits_default)
		return h;
	h = pool_take(&st->habits_pool);
	if (h != NULL) {
		*h = habits_default;
		sk->habits = h;
	}
	return h;
}

bool sock_account_open(struct ho_stack *st, struct sock *sk)
{
	if (sk->habits->account != NULL)
		return true;
	if (sock_habits(st, sk) == NULL)
		return false;
	sk->habits->account = pool_take(&st->accounts);
	if (sk->habits->account == NULL)
		return false;
	sk->has_account = true;
	memset(sk->habits->account, 0, HO_COUNTER_COUNT * sizeof(*sk->habits->account));
	return true;
}

bool sock_listen_open(struct ho_stack *st, struct sock *sk)
{
	if (sk->l != NULL)
		return true;
	sk->l = pool_take(&st->listens);
	if (sk->l == NULL)
		return false;
	memset(sk->l, 0, sizeof(*sk->l));
	sk->l->sk = sk;
	return true;
}

struct sock *sock_make(struct ho_stack *st, uint8_t type, uint8_t protocol)
{
	uint32_t handle;
	struct sock *sk = numbered_take(&st->socks, &handle);

	if (unlikely(sk == NULL))
		return NULL;
	memset(sk, 0, sizeof(*sk));
	sk->handle = handle;
	sk->e.kind = ENTRY_SOCK;
	sk->busy = (struct busy *)&busy_at_rest;
	sk->habits = (struct habits *)&habits_default;
	sk->type = type;
	sk->pmtudisc = st->ctl.ip_no_pmtu_disc ? HO_IP_PMTUDISC_DONT : HO_IP_PMTUDISC_WANT;
	sk->protocol = protocol;
	sk->state = HO_CLOSE;
	sk->fd = -1;
	sk->pacing_rate = UINT64_MAX;
	st->sock_count++;
	st->tcp_mem.socks += type == HO_SOCK_STREAM;
	if (unlikely(st->charge_connections))
		sock_account_open(st, sk); /* without memory it has none */
	return sk;
}

void sock_free(struct ho_stack *st, struct sock *sk)
{
	assert(!sk->hashed && sk->bucket == NULL && (sk->type == HO_SOCK_STREAM || sk->d == NULL));
	sock_fd_take(st, sk);
	frames_forget_sock(st, sk);
	sock_errors_purge(st, sk);
	busy_give(st, sk);
	if (unlikely(sk->habits->account != NULL))
		pool_give(&st->accounts, sk->habits->account);
	if (unlikely(sk->habits != &habits_default))
		pool_give(&st->habits_pool, sk->habits);
	if (unlikely(sk->l != NULL))
		pool_give(&st->listens, sk->l);
	st->tcp_mem.socks -= sk->type == HO_SOCK_STREAM;
	numbered_give(&st->socks, sk->handle);
	st->sock_count--;
}

static bool is_tcp(const struct sock *sk)
{
	return sk->type == HO_SOCK_STREAM;
}

/* Every verb begins so. */
static struct sock *call_begin(struct ho_stack *st, int fd, const char *verb)
{
	cause_call(st, verb);
	tcp_reap(st);
#ifdef HO_IDLE_AT_ONCE
	busy_give_idle(st);
#endif
	return sock_by_fd(st, fd);
}

/* ---- open, bind, listen, accept, connect ---- */

/* Gives  the protocol, -EPROTONOSUPPORT, -EINVAL. */
static int protocol_of(int type, int protocol)
{
	if (protocol < 0 || protocol > IP_PROTO_MAX)
		return -EINVAL;
	if (type == HO_SOCK_STREAM && (protocol == 0 || protocol == HO_IPPROTO_TCP))
		return HO_IPPROTO_TCP;
	if (type == HO_SOCK_DGRAM && (protocol == 0 || protocol == HO_IPPROTO_UDP))
		return HO_IPPROTO_UDP;
	if (type == HO_SOCK_DGRAM && protocol == HO_IPPROTO_ICMP)
		return protocol;
	return type == HO_SOCK_RAW && protocol != 0 ? protocol : -EPROTONOSUPPORT;
}

static int sock_open(struct ho_stack *st, struct sock *sk)
{
	int err;

	if (is_tcp(sk))
		tcp_sock_init(st, sk);
	err = is_tcp(sk) ? 0 : dgram_open(st, sk);
	if (err == 0)
		err = sock_fd_give(st, sk);
	if (err < 0 && !is_tcp(sk) && sk->d != NULL)
		dgram_close(st, sk);
	return err;
}

static int socket_call(struct ho_stack *s, int type, int protocol)
{
	struct sock *sk;
	int fd;

	cause_call(s, "socket");
	protocol = protocol_of(type, protocol);
	if (protocol < 0)
		return protocol;
	if (s->fd_count >= s->socks_max)
		return -EMFILE;
	sk = sock_make(s, (uint8_t)type, (uint8_t)protocol);
	if (sk == NULL)
		return -ENOMEM;
	fd = sock_open(s, sk);
	if (fd < 0)
		sock_free(s, sk);
	return fd;
}

int ho_sock_open(struct ho_stack *s, int type, int protocol)
{
	uint64_t call = watch_call(s, HO_VERB_SOCKET, -1, type, protocol);

	return watch_return(s, call, socket_call(s, type, protocol));
}

static int tcp_bind(struct ho_stack *st, struct sock *sk, struct ho_endpoint local)
{
	int err;

	if (local.addr != HO_ADDR_ANY && !ip_is_local(st, local.addr))
		return -EADDRNOTAVAIL;
	if (sk->state != HO_CLOSE || sk->bucket != NULL)
		return -EINVAL;
	sk->e.laddr = local.addr;
	err = port_bind(st, sk, local.port);
	if (err < 0) {
		sk->e.laddr = HO_ADDR_ANY;
		return err;
	}
	sk->bound_addr = local.addr != HO_ADDR_ANY;
	sk->bound_port = local.port != 0;
	return 0;
}

static int bind_call(struct ho_stack *s, int fd, struct ho_endpoint local)
{
	struct sock *sk = call_begin(s, fd, "bind");

	if (sk == NULL)
		return -EBADF;
	if (is_tcp(sk))
		return tcp_bind(s, sk, local);
	return dgram_bind(s, sk, local);
}

int ho_sock_bind(struct ho_stack *s, int fd, struct ho_endpoint local)
{
	uint64_t call = watch_call_at(s, HO_VERB_BIND, fd, local);

	return watch_return(s, call, bind_call(s, fd, local));
}

static int listen_call(struct ho_stack *s, int fd, int backlog)
{
	struct sock *sk = call_begin(s, fd, "listen");

	if (sk == NULL)
		return -EBADF;
	return is_tcp(sk) ? tcp_sock_listen(s, sk, backlog) : -EOPNOTSUPP;
}

int ho_sock_listen(struct ho_stack *s, int fd, int backlog)
{
	uint64_t call = watch_call(s, HO_VERB_LISTEN, fd, backlog, 0);

	return watch_return(s, call, listen_call(s, fd, backlog));
}

static int accept_call(struct ho_stack *s, int fd, struct ho_endpoint *peer)
{
	struct sock *sk = call_begin(s, fd, "accept");

	if (unlikely(sk == NULL))
		return -EBADF;
	return is_tcp(sk) ? tcp_sock_accept(s, sk, peer) : -EOPNOTSUPP;
}

int ho_sock_accept(struct ho_stack *s, int fd, struct ho_endpoint *peer)
{
	uint64_t call = watch_call(s, HO_VERB_ACCEPT, fd, 0, 0);

	return watch_return(s, call, accept_call(s, fd, peer));
}

/* 0.0.0.0 as a destination is this host. */
static struct ho_endpoint destination_of(const struct sock *sk, struct ho_endpoint to)
{
	uint32_t own = is_tcp(sk) ? sk->e.laddr : dgram_local_addr(sk);

	if (to.addr == HO_ADDR_ANY)
		to.addr = own != HO_ADDR_ANY ? own : HO_ADDR_LOOPBACK;
	return to;
}

/* No stream goes to many; it is not counted, unlike a missing route. */
static bool for_many(struct ho_stack *st, const struct sock *sk, uint32_t daddr)
{
	uint32_t saddr;

	return sk->state == HO_CLOSE && ip_route(st, daddr, &saddr, NULL) == 0 &&
	       (ip_is_multicast(daddr) || ip_is_broadcast(st, daddr));
}

static int connect_call(struct ho_stack *s, int fd, struct ho_endpoint peer)
{
	struct sock *sk = call_begin(s, fd, "connect");

	if (sk == NULL)
		return -EBADF;
	peer = destination_of(sk, peer);
	if (!is_tcp(sk))
		return dgram_connect(s, sk, peer);
	return for_many(s, sk, peer.addr) ? -ENETUNREACH : tcp_sock_connect(s, sk, peer, NULL);
}

int ho_sock_connect(struct ho_stack *s, int fd, struct ho_endpoint peer)
{
	uint64_t call = watch_call_at(s, HO_VERB_CONNECT, fd, peer);

	return watch_return(s, call, connect_call(s, fd, peer));
}

static int disconnect_call(struct ho_stack *s, int fd)
{
	struct sock *sk = call_begin(s, fd, "disconnect");

	if (sk == NULL)
		return -EBADF;
	return is_tcp(sk) ? tcp_sock_disconnect(s, sk) : dgram_disconnect(s, sk);
}

int ho_sock_disconnect(struct ho_stack *s, int fd)
{
	uint64_t call = watch_call(s, HO_VERB_DISCONNECT, fd, 0, 0);

	return watch_return(s, call, disconnect_call(s, fd));
}

/* ---- send ---- */

hot_path static ptrdiff_t stream_send(struct ho_stack *st, struct sock *sk, const void *buf, size_t len_bytes,
                                      int flags, struct block *by_ref, const struct ho_endpoint *to)
{
	ptrdiff_t sent = 0;

	if (unlikely((flags & HO_MSG_FASTOPEN) || (sk->fastopen & FO_DEFER)))
		sent = tcp_fastopen_send(st, sk, buf, len_bytes, by_ref, to);
	if (sent == 0)
		sent = tcp_sock_send(st, sk, buf, len_bytes, flags, by_ref);
	if (unlikely((flags & HO_MSG_SLEEPS) && sk->state == HO_SYN_SENT && sent < (ptrdiff_t)len_bytes))
		sk->write_waits = true;
	return sent;
}

hot_path ptrdiff_t ho_sock_send(struct ho_stack *s, int fd, const void *buf, size_t len_bytes, int flags)
{
	struct sock *sk = call_begin(s, fd, "send");

	if (unlikely(sk == NULL))
		return -EBADF;
	if (mostly(is_tcp(sk)))
		return stream_send(s, sk, buf, len_bytes, flags, NULL, NULL);
	return dgram_send(s, sk, buf, len_bytes, flags, NULL);
}

ptrdiff_t ho_sock_sendto(struct ho_stack *s, int fd, const void *buf, size_t len_bytes, int flags,
                         struct ho_endpoint to)
{
	struct sock *sk = call_begin(s, fd, "sendto");

	if (sk == NULL)
		return -EBADF;
	to = destination_of(sk, to);
	if (is_tcp(sk)) { /* Linux ignores the address of a connected stream, too */
		if ((flags & HO_MSG_FASTOPEN) && sk->ss == SS_UNCONNECTED && for_many(s, sk, to.addr))
			return -ENETUNREACH;
		return stream_send(s, sk, buf, len_bytes, flags, NULL, &to);
	}
	return dgram_send(s, sk, buf, len_bytes, flags, &to);
}

ptrdiff_t ho_sock_send_ref(struct ho_stack *s, int fd, const void *buf, size_t len_bytes, int flags,
                           void (*release)(void *ctx), void *ctx)
{
	struct sock *sk = call_begin(s, fd, "send");
	struct block *b;
	ptrdiff_t sent;

	if (sk == NULL)
		return -EBADF;
	if (!is_tcp(sk))
		return -EOPNOTSUPP;
	if (len_bytes == 0 || len_bytes > SEND_REF_MAX)
		return -EINVAL;
	b = block_make_ref(s, buf, release, ctx);
	if (b == NULL)
		return -ENOMEM;
	sent = stream_send(s, sk, buf, len_bytes, flags, b, NULL);
	if (sent < 0)
		b->release = NULL; /* the bytes are still the caller's */
	block_unref(b);
	return sent;
}

/* ---- receive ---- */

ptrdiff_t ho_sock_recv(struct ho_stack *s, int fd, void *buf, size_t len_bytes, int flags)
{
	return ho_sock_recvfrom(s, fd, buf, len_bytes, flags, NULL);
}

static void stream_info(const struct sock *sk, ptrdiff_t got, int flags, struct ho_msg_info *info)
{
	*info = (struct ho_msg_info){
		.from = {sk->e.raddr, sk->e.rport},
		.to_addr = sk->e.laddr,
		.flags = got > 0 ? flags & HO_MSG_OOB : 0,
		.inq = sk->recvmsg_inq ? tcp_sock_inq_hint(sk) : -1,
	};
}

hot_path ptrdiff_t ho_sock_recv_msg(struct ho_stack *s, int fd, void *buf, size_t len_bytes, int flags,
                                    struct ho_msg_info *info)
{
	struct sock *sk = call_begin(s, fd, "recv");
	ptrdiff_t n;

	if (unlikely(sk == NULL))
		return -EBADF;
	if (unlikely(!is_tcp(sk)))
		return dgram_recv(s, sk, buf, len_bytes, flags, info);
	n = tcp_sock_recv(s, sk, buf, len_bytes, flags);
	if (info != NULL && n >= 0)
		stream_info(sk, n, flags, info);
	return n;
}

ptrdiff_t ho_sock_recvfrom(struct ho_stack *s, int fd, void *buf, size_t len_bytes, int flags, struct ho_endpoint *from)
{
	struct ho_msg_info info;
	ptrdiff_t n = ho_sock_recv_msg(s, fd, buf, len_bytes, flags, from != NULL ? &info : NULL);

	if (unlikely(from != NULL && n >= 0))
		*from = info.from;
	return n;
}

ptrdiff_t ho_sock_recv_error(struct ho_stack *s, int fd, struct ho_sock_error *out, void *buf, size_t len_bytes)
{
	struct sock *sk = call_begin(s, fd, "recv");

	return sk == NULL ? -EBADF : sock_error_recv(s, sk, out, buf, len_bytes);
}

int ho_sock_recv_peek(struct ho_stack *s, int fd, struct ho_slice *slices, int max_count)
{
	struct sock *sk = call_begin(s, fd, "recv");

	if (unlikely(sk == NULL))
		return -EBADF;
	if (unlikely(!is_tcp(sk)))
		return -EOPNOTSUPP;
	return max_count > 0 ? tcp_sock_recv_peek(s, sk, slices, max_count) : -EINVAL;
}

ptrdiff_t ho_sock_recv_skip(struct ho_stack *s, int fd, size_t len_bytes)
{
	struct sock *sk = call_begin(s, fd, "recv");

	if (sk == NULL)
		return -EBADF;
	return is_tcp(sk) ? tcp_sock_recv(s, sk, NULL, len_bytes, HO_MSG_TRUNC) : -EOPNOTSUPP;
}

/* ---- shutdown, close ---- */

static int shutdown_call(struct ho_stack *s, int fd, int how)
{
	struct sock *sk = call_begin(s, fd, "shutdown");

	if (sk == NULL)
		return -EBADF;
	if (how < HO_SHUT_RD || how > HO_SHUT_RDWR)
		return -EINVAL;
	return is_tcp(sk) ? tcp_sock_shutdown(s, sk, how) : dgram_shutdown(s, sk, how);
}

int ho_sock_shutdown(struct ho_stack *s, int fd, int how)
{
	uint64_t call = watch_call(s, HO_VERB_SHUTDOWN, fd, how, 0);

	return watch_return(s, call, shutdown_call(s, fd, how));
}

static int close_call(struct ho_stack *s, int fd, bool linger)
{
	struct sock *sk = call_begin(s, fd, "close");

	if (unlikely(sk == NULL))
		return -EBADF;
	if (unlikely(linger) && is_tcp(sk) && tcp_sock_lingers(s, sk))
		return -EINPROGRESS;
	sock_fd_take(s, sk);
	if (is_tcp(sk)) {
		tcp_sock_close(s, sk);
		return 0;
	}
	dgram_close(s, sk);
	sock_free(s, sk);
	return 0;
}

int ho_sock_close(struct ho_stack *s, int fd)
{
	uint64_t call = watch_call(s, HO_VERB_CLOSE, fd, 0, 0);

	return watch_return(s, call, close_call(s, fd, false));
}

int ho_sock_linger(struct ho_stack *s, int fd)
{
	struct sock *sk = sock_by_fd(s, fd);
	uint64_t call;

	if (sk != NULL && sk->lingers && tcp_sock_lingers(s, sk))
		return -EINPROGRESS; /* nothing has happened that a trace should tell */
	call = watch_call(s, HO_VERB_CLOSE, fd, 0, 0);
	return watch_return(s, call, close_call(s, fd, true));
}

/* ---- facts ---- */

int ho_sock_name(const struct ho_stack *s, int fd, struct ho_endpoint *local)
{
	const struct sock *sk = sock_by_fd(s, fd);

	if (sk == NULL)
		return -EBADF;
	*local = (struct ho_endpoint){sk->e.laddr, sk->e.lport};
	return 0;
}

static bool has_peer(const struct sock *sk)
{
	if (!is_tcp(sk))
		return sk->e.rport != 0; /* as in Linux: not if it was connected to port 0 */
	return sk->e.rport != 0 && sk->state != HO_CLOSE && sk->state != HO_SYN_SENT && sk->state != HO_LISTEN;
}

int ho_sock_peer(const struct ho_stack *s, int fd, struct ho_endpoint *peer)
{
	const struct sock *sk = sock_by_fd(s, fd);

	if (sk == NULL)
		return -EBADF;
	if (!has_peer(sk))
		return -ENOTCONN;
	*peer = (struct ho_endpoint){sk->e.raddr, sk->e.rport};
	return 0;
}

void ho_sock_prefetch(const struct ho_stack *s, const int *fds, unsigned count)
{
	while (count > 0) {
		const struct sock *sk[HINTS];
		unsigned some = count < HINTS ? count : HINTS;

		for (unsigned i = 0; i < some; i++)
			sk[i] = sock_in_table(s, fds[i]);
		for (unsigned i = 0; i < some; i++)
			if (likely(sk[i] != NULL))
				sock_prefetch(sk[i]);
		fds += some;
		count -= some;
	}
}

hot_path uint32_t sock_poll(const struct ho_stack *st, const struct sock *sk)
{
	return mostly(is_tcp(sk)) ? tcp_sock_poll(st, sk) : dgram_poll(sk);
}

hot_path uint32_t ho_sock_poll(const struct ho_stack *s, int fd)
{
	const struct sock *sk = sock_by_fd(s, fd);

	return likely(sk != NULL) ? sock_poll(s, sk) : 0;
}

int ho_sock_user_set(struct ho_stack *s, int fd, void *user)
{
	struct sock *sk = sock_by_fd(s, fd);

	if (sk == NULL)
		return -EBADF;
	sk->user = user;
	return 0;
}
