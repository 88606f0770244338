/* SPDX-License-Identifier: MIT
 * The verbs of a socket, but for those that carry data (transfer.c).  What would block waits in drill_block(). */
#include "drill.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#define LINUX_SIOCATMARK 0x8905
#define LINUX_SIOCOUTQNSD 0x894B
#define LINUX_TCP_INFO_BYTES 280 /* 6.18's; what lies past struct ho_tcp_info is AccECN's, which is never on here */

int drill_errno(ptrdiff_t result)
{
	if (result >= 0)
		return (int)result;
	errno = (int)-result;
	return -1;
}

/* ---- addresses ---- */

int drill_endpoint_parse(const struct sockaddr *a, socklen_t bytes, struct ho_endpoint *e)
{
	const struct sockaddr_in *v4 = (const void *)a;
	const struct sockaddr_in6 *v6 = (const void *)a;
	uint32_t addr;

	if (bytes < sizeof(a->sa_family))
		return -EINVAL;
	if (a->sa_family == AF_INET && bytes >= sizeof(*v4)) {
		*e = (struct ho_endpoint){ntohl(v4->sin_addr.s_addr), ntohs(v4->sin_port)};
		return 0;
	}
	if (a->sa_family != AF_INET6 || bytes < sizeof(*v6))
		return a->sa_family == AF_INET || a->sa_family == AF_INET6 ? -EINVAL : -EAFNOSUPPORT;
	if (!IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr) && !IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr))
		return -EAFNOSUPPORT;
	memcpy(&addr, &v6->sin6_addr.s6_addr[12], sizeof(addr));
	*e = (struct ho_endpoint){ntohl(addr), ntohs(v6->sin6_port)};
	return 0;
}

void drill_endpoint_emit(bool v6, struct ho_endpoint e, struct sockaddr *a, socklen_t *bytes)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(e.port), .sin_addr.s_addr = htonl(e.addr)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(e.port)};
	uint32_t addr = htonl(e.addr);
	const void *from = v6 ? (const void *)&in6 : &in;
	socklen_t size = v6 ? sizeof(in6) : sizeof(in);

	if (a == NULL || bytes == NULL)
		return;
	in6.sin6_addr.s6_addr[10] = in6.sin6_addr.s6_addr[11] = 0xff;
	memcpy(&in6.sin6_addr.s6_addr[12], &addr, sizeof(addr));
	memcpy(a, from, *bytes < size ? *bytes : size);
	*bytes = size;
}

/* ---- open, bind, listen, accept, connect ---- */

static int fd_give(int stack_fd, bool v6, bool nonblock)
{
	int fd = DRILL_FD_FIRST + stack_fd;

	*drill_fd(fd) = (struct drill_fd){.v6 = v6, .nonblock = nonblock};
	return fd;
}

static int drill_socket(void *stack, int domain, int type, int protocol)
{
	int kind = type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC), fd;

	(void)stack;
	if (domain != AF_INET && domain != AF_INET6)
		return drill_errno(-EAFNOSUPPORT);
	drill_enter();
	fd = ho_sock_open(drill.s, kind, protocol);
	if (fd >= 0)
		fd = fd_give(fd, domain == AF_INET6, (type & SOCK_NONBLOCK) != 0);
	drill_leave();
	return drill_errno(fd);
}

static int drill_bind(void *stack, int fd, const struct sockaddr *local, socklen_t bytes)
{
	struct ho_endpoint e;
	int err = drill_endpoint_parse(local, bytes, &e);

	(void)stack;
	if (err)
		return drill_errno(err);
	drill_enter();
	err = ho_sock_bind(drill.s, drill_fd_stack(fd), e);
	drill_leave();
	return drill_errno(err);
}

static int drill_listen(void *stack, int fd, int backlog)
{
	int err;

	(void)stack;
	drill_enter();
	err = ho_sock_listen(drill.s, drill_fd_stack(fd), backlog);
	drill_leave();
	return drill_errno(err);
}

struct accepting {
	int fd;
	struct ho_endpoint peer;
};

static ptrdiff_t accept_attempt(void *ctx)
{
	struct accepting *a = ctx;

	return ho_sock_accept(drill.s, drill_fd_stack(a->fd), &a->peer);
}

static int drill_accept(void *stack, int fd, struct sockaddr *peer, socklen_t *bytes)
{
	struct accepting a = {.fd = fd};
	ptrdiff_t got;

	(void)stack;
	if (!drill_fd_ours(fd))
		return drill_errno(-EBADF);
	drill_enter();
	got = accept_attempt(&a);
	if (got == -EAGAIN && !drill_fd(fd)->nonblock)
		got = drill_block(accept_attempt, &a, drill_after(drill_fd(fd)->rcv_timeout));
	if (got >= 0) {
		got = fd_give((int)got, drill_fd(fd)->v6, false);
		drill_endpoint_emit(drill_fd(fd)->v6, a.peer, peer, bytes);
	}
	drill_leave();
	return drill_errno(got);
}

/* A connect() in progress is through when something can be done: to write, or to fetch the error. */
static ptrdiff_t connect_attempt(void *ctx)
{
	int fd = drill_fd_stack(*(int *)ctx), error = 0;
	size_t bytes = sizeof(error);

	if ((ho_sock_poll(drill.s, fd) & (HO_OUT | HO_ERR | HO_HUP)) == 0)
		return -EAGAIN;
	ho_sock_getopt(drill.s, fd, HO_SOL_SOCKET, HO_SO_ERROR, &error, &bytes);
	return -error;
}

ptrdiff_t drill_connect_wait(int fd)
{
	ptrdiff_t r = drill_block(connect_attempt, &fd, drill_after(drill_fd(fd)->snd_timeout));

	return r == -EAGAIN ? -EINPROGRESS : r;
}

static int disconnect(int fd)
{
	int err;

	drill_enter();
	err = ho_sock_disconnect(drill.s, drill_fd_stack(fd));
	drill_leave();
	return drill_errno(err);
}

static int drill_connect(void *stack, int fd, const struct sockaddr *peer, socklen_t bytes)
{
	struct ho_endpoint e;
	ptrdiff_t r;

	(void)stack;
	if (!drill_fd_ours(fd))
		return drill_errno(-EBADF);
	if (bytes >= sizeof(peer->sa_family) && peer->sa_family == AF_UNSPEC)
		return disconnect(fd);
	r = drill_endpoint_parse(peer, bytes, &e);
	if (r < 0)
		return drill_errno(r);
	drill_enter();
	r = ho_sock_connect(drill.s, drill_fd_stack(fd), e);
	if ((r == -EINPROGRESS || r == -EALREADY) && !drill_fd(fd)->nonblock)
		r = drill_connect_wait(fd);
	drill_leave();
	return drill_errno(r);
}

/* ---- close, shutdown ---- */

/* SO_LINGER with a time: close() sleeps, also with O_NONBLOCK. */
static ptrdiff_t close_attempt(void *ctx)
{
	int err = ho_sock_linger(drill.s, drill_fd_stack(*(int *)ctx));

	return err == -EINPROGRESS ? -EAGAIN : err;
}

int drill_close(void *stack, int fd)
{
	int err;

	(void)stack;
	if (fd >= DRILL_EPOLL_FIRST)
		return drill_epoll_close(fd);
	if (!drill_fd_ours(fd))
		return (int)syscall(SYS_close, fd);
	drill_enter();
	drill_epoll_forget(drill_fd_stack(fd));
	err = (int)drill_block(close_attempt, &fd, HO_NEVER);
	if (err == -EAGAIN) /* the script ends first */
		err = ho_sock_close(drill.s, drill_fd_stack(fd));
	drill_leave();
	return drill_errno(err);
}

static int drill_shutdown(void *stack, int fd, int how)
{
	int err;

	(void)stack;
	drill_enter();
	err = ho_sock_shutdown(drill.s, drill_fd_stack(fd), how);
	drill_leave();
	return drill_errno(err);
}

/* ---- options ---- */

static ho_time_ns *timeout_of(int fd, int level, int name)
{
	if (level != SOL_SOCKET)
		return NULL;
	return name == SO_RCVTIMEO ? &drill_fd(fd)->rcv_timeout : name == SO_SNDTIMEO ? &drill_fd(fd)->snd_timeout : NULL;
}

static int adapter_setsockopt(int fd, int level, int name, const void *value, socklen_t bytes)
{
	ho_time_ns *timeout = timeout_of(fd, level, name);
	const struct timeval *tv = value;

	if (timeout != NULL) {
		if (bytes < sizeof(*tv))
			return -EINVAL;
		if (tv->tv_usec < 0 || tv->tv_usec >= 1000000)
			return -EDOM;
		*timeout = (ho_time_ns)tv->tv_sec * HO_SEC + (ho_time_ns)tv->tv_usec * HO_US;
		return 0;
	}
	return ho_sock_setopt(drill.s, drill_fd_stack(fd), level, name, value, bytes);
}

static int drill_setsockopt(void *stack, int fd, int level, int name, const void *value, socklen_t bytes)
{
	int err;

	(void)stack;
	if (!drill_fd_ours(fd))
		return drill_errno(-EBADF);
	drill_enter();
	err = adapter_setsockopt(fd, level, name, value, bytes);
	drill_leave();
	return drill_errno(err);
}

static int adapter_getsockopt(int fd, int level, int name, void *value, size_t *bytes)
{
	ho_time_ns *timeout = timeout_of(fd, level, name);
	size_t room = *bytes;
	int err;

	if (timeout != NULL) {
		struct timeval tv = {(time_t)(*timeout / HO_SEC), (suseconds_t)(*timeout % HO_SEC / HO_US)};

		*bytes = room < sizeof(tv) ? room : sizeof(tv);
		memcpy(value, &tv, *bytes);
		return 0;
	}
	err = ho_sock_getopt(drill.s, drill_fd_stack(fd), level, name, value, bytes);
	if (!err && level == IPPROTO_TCP && name == HO_TCP_INFO && *bytes < room) {
		size_t whole = room < LINUX_TCP_INFO_BYTES ? room : LINUX_TCP_INFO_BYTES;

		memset((char *)value + *bytes, 0, whole - *bytes);
		*bytes = whole;
	}
	return err;
}

int drill_getsockopt(void *stack, int fd, int level, int name, void *value, socklen_t *bytes)
{
	size_t n = *bytes;
	int err;

	(void)stack;
	if (!drill_fd_ours(fd))
		return drill_errno(-EBADF);
	drill_enter();
	err = adapter_getsockopt(fd, level, name, value, &n);
	drill_leave();
	*bytes = (socklen_t)n;
	return drill_errno(err);
}

/* ---- fcntl, ioctl ---- */

static int drill_fcntl(void *stack, int fd, int command, ...)
{
	va_list rest;
	int argument;

	(void)stack;
	va_start(rest, command);
	argument = command == F_SETFL || command == F_SETFD ? va_arg(rest, int) : 0;
	va_end(rest);
	if (!drill_fd_ours(fd))
		return (int)syscall(SYS_fcntl, fd, command, argument);
	switch (command) {
	case F_SETFL:
		drill_fd(fd)->nonblock = (argument & O_NONBLOCK) != 0;
		return 0;
	case F_GETFL:
		return O_RDWR | (drill_fd(fd)->nonblock ? O_NONBLOCK : 0);
	case F_SETFD:
	case F_GETFD:
		return 0;
	default:
		return drill_errno(-EINVAL);
	}
}

static int ioctl_value(int fd, unsigned long request)
{
	switch (request) {
	case FIONREAD:
		return ho_sock_inq(drill.s, drill_fd_stack(fd));
	case TIOCOUTQ:
		return ho_sock_outq(drill.s, drill_fd_stack(fd));
	case LINUX_SIOCOUTQNSD:
		return ho_sock_outq_unsent(drill.s, drill_fd_stack(fd));
	case LINUX_SIOCATMARK:
		return ho_sock_atmark(drill.s, drill_fd_stack(fd));
	default:
		return -ENOTTY;
	}
}

static int drill_ioctl(void *stack, int fd, unsigned long request, ...)
{
	va_list rest;
	int *argument, value;

	(void)stack;
	va_start(rest, request);
	argument = va_arg(rest, int *);
	va_end(rest);
	if (!drill_fd_ours(fd))
		return (int)syscall(SYS_ioctl, fd, request, argument);
	if (request == FIONBIO) {
		drill_fd(fd)->nonblock = *argument != 0;
		return 0;
	}
	drill_enter();
	value = ioctl_value(fd, request);
	drill_leave();
	if (value < 0)
		return drill_errno(value);
	*argument = value;
	return 0;
}

void drill_calls_fill(struct packetdrill_interface *i)
{
	i->socket = drill_socket;
	i->bind = drill_bind;
	i->listen = drill_listen;
	i->accept = drill_accept;
	i->connect = drill_connect;
	i->close = drill_close;
	i->shutdown = drill_shutdown;
	i->setsockopt = drill_setsockopt;
	i->getsockopt = drill_getsockopt;
	i->fcntl = drill_fcntl;
	i->ioctl = drill_ioctl;
}
