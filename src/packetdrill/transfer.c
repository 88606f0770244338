/* SPDX-License-Identifier: MIT
 * The verbs that carry data.  All are one gather and one scatter: the caller's memory is copied by the kernel, so
 * that a script's wild pointer is -EFAULT. */
#include "drill.h"

#include <netinet/in.h>
#include <sys/syscall.h>

#define LINUX_MSG_ERRQUEUE 0x2000
#define LINUX_MSG_FASTOPEN 0x20000000
#define LINUX_TCP_CM_INQ 36
#define IOVS_MAX 1024
#define BYTES_MAX 0x7ffff000

static ptrdiff_t iov_bytes(const struct iovec *iov, size_t count)
{
	size_t sum = 0;

	if (count > IOVS_MAX)
		return -EMSGSIZE;
	for (size_t i = 0; i < count; i++) {
		if (iov[i].iov_len > BYTES_MAX)
			return -EINVAL;
		sum += iov[i].iov_len;
	}
	return (ptrdiff_t)(sum < BYTES_MAX ? sum : BYTES_MAX);
}

/* Gives  the bytes that could be read before the first fault; -EFAULT if none. */
static ptrdiff_t gather(void *to, size_t bytes, const struct iovec *iov, size_t count)
{
	ptrdiff_t sum = 0;

	for (size_t i = 0; i < count && (size_t)sum < bytes; i++) {
		struct iovec local = {(char *)to + sum, iov[i].iov_len};
		ssize_t n;

		if (iov[i].iov_len == 0)
			continue;
		n = process_vm_readv(getpid(), &local, 1, &iov[i], 1, 0);
		if (n < 0)
			return sum > 0 ? sum : -EFAULT;
		sum += n;
		if ((size_t)n < iov[i].iov_len)
			break;
	}
	return sum;
}

static void scatter(const uint8_t *from, size_t bytes, const struct iovec *iov, size_t count)
{
	for (size_t i = 0; i < count && bytes > 0; i++) {
		size_t n = iov[i].iov_len < bytes ? iov[i].iov_len : bytes;

		memcpy(iov[i].iov_base, from, n);
		from += n;
		bytes -= n;
	}
}

/* Both ends of each piece can be written: what is there is written over itself. */
static bool writable(const struct iovec *iov, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char *ends[2] = {iov[i].iov_base, (char *)iov[i].iov_base + (iov[i].iov_len ? iov[i].iov_len - 1 : 0)};

		for (int end = 0; iov[i].iov_len > 0 && end < 2; end++) {
			char byte;
			struct iovec local = {&byte, 1}, remote = {ends[end], 1};

			if (process_vm_readv(getpid(), &local, 1, &remote, 1, 0) != 1 ||
			    process_vm_writev(getpid(), &local, 1, &remote, 1, 0) != 1)
				return false;
		}
	}
	return true;
}

/* ---- out ---- */

struct sending {
	int fd, flags;
	const uint8_t *bytes;
	size_t len_bytes, sent;
};

static ptrdiff_t send_attempt(void *ctx)
{
	struct sending *s = ctx;
	ptrdiff_t n;

	do {
		n = ho_sock_send(drill.s, drill_fd_stack(s->fd), s->bytes + s->sent, s->len_bytes - s->sent, s->flags);
		if (n < 0)
			return n == -EAGAIN || s->sent == 0 ? n : (ptrdiff_t)s->sent;
		s->sent += (size_t)n;
	} while (n > 0 && s->sent < s->len_bytes);
	return (ptrdiff_t)s->sent;
}

/* Who waits for room is woken when there is enough of it, as EPOLLOUT tells; not for each byte. */
static ptrdiff_t send_when_writable(void *ctx)
{
	struct sending *s = ctx;

	if ((ho_sock_poll(drill.s, drill_fd_stack(s->fd)) & (HO_OUT | HO_ERR | HO_HUP)) == 0)
		return -EAGAIN;
	return send_attempt(s);
}

static ptrdiff_t send_bytes(int fd, const uint8_t *bytes, size_t len_bytes, int flags)
{
	struct sending s = {.fd = fd, .flags = flags, .bytes = bytes, .len_bytes = len_bytes};
	ptrdiff_t n = send_attempt(&s);

	if (n == -EAGAIN && !(flags & MSG_DONTWAIT) && !drill_fd(fd)->nonblock)
		n = drill_block(send_when_writable, &s, drill_after(drill_fd(fd)->snd_timeout));
	return n == -EAGAIN && s.sent > 0 ? (ptrdiff_t)s.sent : n;
}

static int state_of(int fd)
{
	struct ho_sock_info info;

	return ho_sock_info_get(drill.s, drill_fd_stack(fd), &info) == 0 ? info.state : 0;
}

/* What opens a connection and sends (Fast Open) blocks until there is one, and then sends the rest. */
static ptrdiff_t opening_finish(int fd, ptrdiff_t sent, const uint8_t *bytes, size_t len_bytes, int flags)
{
	ptrdiff_t n = drill_connect_wait(fd);

	if (n < 0)
		return n;
	if (sent < 0)
		sent = 0;
	if ((size_t)sent >= len_bytes)
		return sent;
	n = send_bytes(fd, bytes + sent, len_bytes - (size_t)sent, flags & ~LINUX_MSG_FASTOPEN);
	return n < 0 ? (sent > 0 ? sent : n) : sent + n;
}

static bool is_stream(int fd)
{
	size_t bytes = sizeof(int);
	int type = 0;

	ho_sock_getopt(drill.s, drill_fd_stack(fd), HO_SOL_SOCKET, HO_SO_TYPE, &type, &bytes);
	return type == SOCK_STREAM;
}

static ptrdiff_t send_to(int fd, const uint8_t *bytes, size_t len_bytes, int flags, const struct sockaddr *to,
                         socklen_t to_bytes)
{
	bool stream = is_stream(fd), unopened = stream && (state_of(fd) == HO_CLOSE || state_of(fd) == HO_SYN_SENT);
	bool wait = !(flags & MSG_DONTWAIT) && !drill_fd(fd)->nonblock;
	struct ho_endpoint e;
	ptrdiff_t n;

	if (stream && (flags & LINUX_MSG_FASTOPEN) && to != NULL && to_bytes >= sizeof(to->sa_family) &&
	    to->sa_family == AF_UNSPEC)
		return -EOPNOTSUPP; /* it would disconnect */
	if (unopened && wait)
		flags |= HO_MSG_SLEEPS;
	if (to != NULL && (!stream || (flags & LINUX_MSG_FASTOPEN))) {
		n = drill_endpoint_parse(to, to_bytes, &e);
		if (n == 0)
			n = ho_sock_sendto(drill.s, drill_fd_stack(fd), bytes, len_bytes, flags, e);
	} else if (unopened) {
		n = ho_sock_send(drill.s, drill_fd_stack(fd), bytes, len_bytes, flags);
	} else {
		return send_bytes(fd, bytes, len_bytes, flags);
	}
	if (n == -EAGAIN)
		return send_bytes(fd, bytes, len_bytes, flags);
	if (unopened && state_of(fd) == HO_SYN_SENT && wait)
		return opening_finish(fd, n, bytes, len_bytes, flags);
	return n;
}

static ssize_t send_iov(int fd, const struct iovec *iov, size_t count, int flags, const struct sockaddr *to,
                        socklen_t to_bytes)
{
	ptrdiff_t n = iov_bytes(iov, count), whole = n;
	uint8_t *bytes;

	if (!drill_fd_ours(fd))
		return drill_errno(-EBADF);
	if (n < 0)
		return drill_errno(n);
	bytes = malloc((size_t)n + 1);
	if (bytes == NULL)
		return drill_errno(-ENOMEM);
	n = gather(bytes, (size_t)n, iov, count);
	drill_enter();
	if (n >= 0 || whole == 0)
		n = send_to(fd, bytes, (size_t)n, flags, to, to_bytes);
	drill_leave();
	free(bytes);
	return drill_errno(n);
}

ssize_t drill_send(void *stack, int fd, const void *from, size_t bytes, int flags)
{
	struct iovec iov = {(void *)(uintptr_t)from, bytes};

	(void)stack;
	return send_iov(fd, &iov, 1, flags, NULL, 0);
}

ssize_t drill_write(void *stack, int fd, const void *from, size_t bytes)
{
	if (!drill_fd_ours(fd))
		return syscall(SYS_write, fd, from, bytes);
	return drill_send(stack, fd, from, bytes, 0);
}

static ssize_t drill_writev(void *stack, int fd, const struct iovec *from, int count)
{
	(void)stack;
	if (count < 0)
		return drill_errno(-EINVAL);
	return send_iov(fd, from, (size_t)count, 0, NULL, 0);
}

static ssize_t drill_sendto(void *stack, int fd, const void *from, size_t bytes, int flags, const struct sockaddr *to,
                            socklen_t to_bytes)
{
	struct iovec iov = {(void *)(uintptr_t)from, bytes};

	(void)stack;
	return send_iov(fd, &iov, 1, flags, to, to_bytes);
}

static ssize_t drill_sendmsg(void *stack, int fd, const struct msghdr *from, int flags)
{
	(void)stack;
	return send_iov(fd, from->msg_iov, from->msg_iovlen, flags, from->msg_name, from->msg_namelen);
}

/* ---- in ---- */

struct receiving {
	int fd, flags;
	uint8_t *bytes;
	size_t len_bytes, got, target;
	struct ho_msg_info info;
};

static ptrdiff_t recv_once(struct receiving *r)
{
	return ho_sock_recv_msg(drill.s, drill_fd_stack(r->fd), r->bytes + r->got, r->len_bytes - r->got, r->flags,
	                        &r->info);
}

static ptrdiff_t recv_attempt(void *ctx)
{
	struct receiving *r = ctx;
	ptrdiff_t n;

	do {
		n = recv_once(r);
		if (n < 0)
			return n == -EAGAIN || r->got == 0 ? n : (ptrdiff_t)r->got;
		r->got += (size_t)n;
	} while (n > 0 && r->got < r->target && !(r->flags & MSG_PEEK));
	return (ptrdiff_t)r->got;
}

/* How much a blocking read waits for. */
static size_t recv_target(int fd, size_t len_bytes, int flags)
{
	int low = 1;
	size_t n = sizeof(low);

	if (flags & MSG_WAITALL)
		return len_bytes;
	ho_sock_getopt(drill.s, drill_fd_stack(fd), HO_SOL_SOCKET, HO_SO_RCVLOWAT, &low, &n);
	return low > 0 && (size_t)low < len_bytes ? (size_t)low : len_bytes > 0;
}

static ptrdiff_t recv_bytes(struct receiving *r)
{
	bool wait = !(r->flags & MSG_DONTWAIT) && !drill_fd(r->fd)->nonblock;
	ptrdiff_t n;

	if (r->flags & LINUX_MSG_ERRQUEUE)
		return -EAGAIN; /* it is always empty: halfopen has none */
	r->target = wait ? recv_target(r->fd, r->len_bytes, r->flags) : 0;
	r->flags &= ~MSG_WAITALL;
	n = recv_attempt(r);
	if (n == -EAGAIN && wait)
		n = drill_block(recv_attempt, r, drill_after(drill_fd(r->fd)->rcv_timeout));
	return n == -EAGAIN && r->got > 0 ? (ptrdiff_t)r->got : n;
}

static ssize_t recv_iov(int fd, const struct iovec *iov, size_t count, int flags, struct ho_msg_info *info)
{
	ptrdiff_t n = iov_bytes(iov, count);
	struct receiving r = {.fd = fd, .flags = flags};
	bool bytes_wanted = !(flags & MSG_TRUNC);

	if (!drill_fd_ours(fd))
		return drill_errno(-EBADF);
	if (n < 0)
		return drill_errno(n);
	if (bytes_wanted && !writable(iov, count))
		return drill_errno(-EFAULT);
	r.len_bytes = (size_t)n;
	r.bytes = malloc(r.len_bytes + 1);
	if (r.bytes == NULL)
		return drill_errno(-ENOMEM);
	drill_enter();
	n = recv_bytes(&r);
	drill_leave();
	if (n > 0 && bytes_wanted)
		scatter(r.bytes, (size_t)n, iov, count);
	free(r.bytes);
	if (info != NULL)
		*info = r.info;
	return drill_errno(n);
}

ssize_t drill_recv(void *stack, int fd, void *to, size_t bytes, int flags)
{
	struct iovec iov = {to, bytes};

	(void)stack;
	return recv_iov(fd, &iov, 1, flags, NULL);
}

static ssize_t drill_read(void *stack, int fd, void *to, size_t bytes)
{
	if (!drill_fd_ours(fd))
		return syscall(SYS_read, fd, to, bytes);
	return drill_recv(stack, fd, to, bytes, 0);
}

static ssize_t drill_readv(void *stack, int fd, const struct iovec *to, int count)
{
	(void)stack;
	if (count < 0)
		return drill_errno(-EINVAL);
	return recv_iov(fd, to, (size_t)count, 0, NULL);
}

/* A stream does not say whom it comes from. */
static bool names_sender(int fd)
{
	bool stream;

	drill_enter();
	stream = is_stream(fd);
	drill_leave();
	return !stream;
}

static ssize_t drill_recvfrom(void *stack, int fd, void *to, size_t bytes, int flags, struct sockaddr *from,
                              socklen_t *from_bytes)
{
	struct iovec iov = {to, bytes};
	struct ho_msg_info info;
	ssize_t n = recv_iov(fd, &iov, 1, flags, &info);

	(void)stack;
	if (n >= 0 && from != NULL && names_sender(fd))
		drill_endpoint_emit(drill_fd(fd)->v6, info.from, from, from_bytes);
	return n;
}

static void inq_emit(int inq, struct msghdr *to, size_t room)
{
	struct cmsghdr *c = to->msg_control;

	if (inq < 0 || c == NULL || room < CMSG_SPACE(sizeof(inq)))
		return;
	c->cmsg_len = CMSG_LEN(sizeof(inq));
	c->cmsg_level = IPPROTO_TCP;
	c->cmsg_type = LINUX_TCP_CM_INQ;
	memcpy(CMSG_DATA(c), &inq, sizeof(inq));
	to->msg_controllen = CMSG_SPACE(sizeof(inq));
}

static ssize_t drill_recvmsg(void *stack, int fd, struct msghdr *to, int flags)
{
	struct ho_msg_info info;
	size_t control_bytes = to->msg_controllen;
	ssize_t n = recv_iov(fd, to->msg_iov, to->msg_iovlen, flags, &info);

	(void)stack;
	if (n < 0)
		return n;
	to->msg_flags = info.flags;
	to->msg_controllen = 0;
	if (to->msg_name != NULL && names_sender(fd))
		drill_endpoint_emit(drill_fd(fd)->v6, info.from, to->msg_name, &to->msg_namelen);
	else
		to->msg_namelen = 0;
	inq_emit(info.inq, to, control_bytes);
	return n;
}

void drill_transfer_fill(struct packetdrill_interface *i)
{
	i->read = drill_read;
	i->readv = drill_readv;
	i->recv = drill_recv;
	i->recvfrom = drill_recvfrom;
	i->recvmsg = drill_recvmsg;
	i->write = drill_write;
	i->writev = drill_writev;
	i->send = drill_send;
	i->sendto = drill_sendto;
	i->sendmsg = drill_sendmsg;
}
