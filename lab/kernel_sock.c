/* SPDX-License-Identifier: MIT
 * lab, the kernel's world: socket verbs, each a system call that does not block. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <linux/errqueue.h> /* wants time.h */

#include "kernel.h"

static void sock_keep(struct lab_world *w, int fd)
{
	if (w->sock_count == w->sock_cap) {
		w->sock_cap = w->sock_cap ? 2 * w->sock_cap : 64;
		w->socks = realloc(w->socks, w->sock_cap * sizeof *w->socks);
		if (!w->socks)
			abort();
	}
	w->socks[w->sock_count++] = fd;
}

/* By setsockopt, because a namespace may not choose an algorithm that tcp_allowed_congestion_control of the initial one
 * leaves out; accepted sockets inherit it.  Experiments on anything but cubic would compare nothing. */
static int use_cubic(int fd)
{
	char name[16] = "";
	socklen_t len = sizeof name;

	if (setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5) ||
	    getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &len))
		return -errno;
	return strcmp(name, "cubic") == 0 ? 0 : -EPROTONOSUPPORT;
}

int kernel_sock_open(struct lab_world *w, int host, enum lab_sock_kind kind, int protocol)
{
	static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_DGRAM, SOCK_RAW};
	static const int protocols[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP};
	int e = ns_enter(w, host);

	if (e)
		return e;
	int fd = socket(AF_INET, types[kind] | SOCK_NONBLOCK | SOCK_CLOEXEC, kind == LAB_SOCK_RAW ? protocol : protocols[kind]);

	e = fd < 0 ? -errno : 0;
	ns_leave(w);
	if (e)
		return e;
	if (kind == LAB_SOCK_TCP && (e = use_cubic(fd))) {
		close(fd);
		return e;
	}
	sock_keep(w, fd);
	return fd;
}

int kernel_bind(struct lab_world *w, int host, int fd, struct ho_endpoint local)
{
	struct sockaddr_in a = sa_of(local.addr, local.port);

	(void)w, (void)host;
	return bind(fd, (struct sockaddr *)&a, sizeof a) ? -errno : 0;
}

int kernel_listen(struct lab_world *w, int host, int fd, int backlog)
{
	(void)w, (void)host;
	return listen(fd, backlog) ? -errno : 0;
}

static struct ho_endpoint endpoint_of(const struct sockaddr_in *a)
{
	return (struct ho_endpoint){.addr = ntohl(a->sin_addr.s_addr), .port = ntohs(a->sin_port)};
}

int kernel_accept(struct lab_world *w, int host, int fd, struct ho_endpoint *peer)
{
	struct sockaddr_in a = {0};
	socklen_t len = sizeof a;

	(void)host;
	int s = accept4(fd, (struct sockaddr *)&a, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (s < 0)
		return -errno;
	*peer = endpoint_of(&a);
	sock_keep(w, s);
	return s;
}

int kernel_connect(struct lab_world *w, int host, int fd, struct ho_endpoint peer)
{
	struct sockaddr_in a = sa_of(peer.addr, peer.port);

	(void)w, (void)host;
	return connect(fd, (struct sockaddr *)&a, sizeof a) ? -errno : 0;
}

ptrdiff_t kernel_send(struct lab_world *w, int host, int fd, const void *buf, size_t len, int flags)
{
	ssize_t n = send(fd, buf, len, flags | MSG_NOSIGNAL);

	(void)w, (void)host;
	return n < 0 ? -errno : n;
}

ptrdiff_t kernel_recv(struct lab_world *w, int host, int fd, void *buf, size_t len, int flags)
{
	ssize_t n = recv(fd, buf, len, flags);

	(void)w, (void)host;
	return n < 0 ? -errno : n;
}

ptrdiff_t kernel_sendto(struct lab_world *w, int host, int fd, const void *buf, size_t len, int flags,
                        struct ho_endpoint to)
{
	struct sockaddr_in a = sa_of(to.addr, to.port);
	ssize_t n = sendto(fd, buf, len, flags | MSG_NOSIGNAL, (struct sockaddr *)&a, sizeof a);

	(void)w, (void)host;
	return n < 0 ? -errno : n;
}

ptrdiff_t kernel_recvfrom(struct lab_world *w, int host, int fd, void *buf, size_t len, struct ho_endpoint *from)
{
	struct sockaddr_in a = {0};
	socklen_t alen = sizeof a;
	ssize_t n = recvfrom(fd, buf, len, 0, (struct sockaddr *)&a, &alen);

	(void)w, (void)host;
	*from = endpoint_of(&a);
	return n < 0 ? -errno : n;
}

static void error_of(const struct cmsghdr *c, struct ho_sock_error *e)
{
	struct sock_extended_err ee;
	struct sockaddr_in offender = {0};

	if (c->cmsg_level != SOL_IP || c->cmsg_type != IP_RECVERR || c->cmsg_len < CMSG_LEN(sizeof ee))
		return;
	memcpy(&ee, CMSG_DATA(c), sizeof ee);
	if (c->cmsg_len >= CMSG_LEN(sizeof ee + sizeof offender))
		memcpy(&offender, CMSG_DATA(c) + sizeof ee, sizeof offender);
	e->err = (int32_t)ee.ee_errno;
	e->origin = ee.ee_origin;
	e->type = ee.ee_type;
	e->code = ee.ee_code;
	e->info = ee.ee_info;
	e->offender = ntohl(offender.sin_addr.s_addr);
}

ptrdiff_t kernel_recv_error(struct lab_world *w, int host, int fd, struct ho_sock_error *e, void *buf, size_t len)
{
	char control[512];
	struct sockaddr_in to = {0};
	struct iovec v = {buf, len};
	struct msghdr m = {&to, sizeof to, &v, 1, control, sizeof control, 0};
	ssize_t n = recvmsg(fd, &m, MSG_ERRQUEUE);

	(void)w, (void)host;
	*e = (struct ho_sock_error){.destination = endpoint_of(&to)};
	for (struct cmsghdr *c = n < 0 ? NULL : CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c))
		error_of(c, e);
	return n < 0 ? -errno : n;
}

int kernel_disconnect(struct lab_world *w, int host, int fd)
{
	struct sockaddr_in a = {.sin_family = AF_UNSPEC};

	(void)w, (void)host;
	return connect(fd, (struct sockaddr *)&a, sizeof a) ? -errno : 0;
}

int kernel_shutdown(struct lab_world *w, int host, int fd, int how)
{
	(void)w, (void)host;
	return shutdown(fd, how) ? -errno : 0;
}

/* A close() that waits does it in a thread: this one is the wire. */
struct closing {
	struct closing *next;
	int fd, over; /* over: an eventfd */
	_Atomic pid_t tid;
	pthread_t thread;
};

static void *close_thread(void *arg)
{
	struct closing *c = arg;
	const uint64_t one = 1;

	atomic_store(&c->tid, gettid());
	close(c->fd);
	if (write(c->over, &one, sizeof one) != sizeof one)
		abort();
	return NULL;
}

static bool lingers(int fd)
{
	struct linger l = {0};
	socklen_t len = sizeof l;

	return getsockopt(fd, SOL_SOCKET, SO_LINGER, &l, &len) == 0 && l.l_onoff && l.l_linger != 0;
}

static bool is_over(const struct closing *c)
{
	struct pollfd p = {.fd = c->over, .events = POLLIN};

	return poll(&p, 1, 0) == 1;
}

static bool sleeps(pid_t tid)
{
	char path[64], text[64], state = 0;
	FILE *f;

	snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)tid);
	f = fopen(path, "re");
	if (!f)
		return false;
	if (fgets(text, sizeof text, f))
		sscanf(text, "%*d (%*[^)]) %c", &state);
	fclose(f);
	return state == 'S';
}

/* Until it has done what it does at once: what the script says next comes after that. */
static void close_begun(const struct closing *c)
{
	const ho_time_ns patience = ho_clock_now() + 100 * HO_MS;

	while (!is_over(c) && ho_clock_now() < patience) {
		if (fcntl(c->fd, F_GETFD) < 0 && sleeps(atomic_load(&c->tid)))
			return;
		usleep(10);
	}
}

static int close_apart(struct lab_world *w, int fd)
{
	struct closing *c = calloc(1, sizeof *c);

	if (!c)
		abort();
	c->fd = fd;
	c->over = eventfd(0, EFD_CLOEXEC);
	if (c->over < 0 || pthread_create(&c->thread, NULL, close_thread, c)) {
		if (c->over >= 0)
			close(c->over);
		free(c);
		return close(fd) ? -errno : 0;
	}
	c->next = w->closing;
	w->closing = c;
	close_begun(c);
	return c->over;
}

int kernel_close_sock(struct lab_world *w, int host, int fd)
{
	(void)host;
	for (size_t i = 0; i < w->sock_count; i++)
		if (w->socks[i] == fd) {
			w->socks[i] = w->socks[--w->sock_count];
			if (lingers(fd))
				return close_apart(w, fd);
			return close(fd) ? -errno : 0;
		}
	return -EBADF;
}

static void closing_free(struct closing *c)
{
	pthread_join(c->thread, NULL);
	close(c->over);
	free(c);
}

int kernel_close_waits(struct lab_world *w, int host, int closing)
{
	struct closing **at = &w->closing, *c;

	(void)host;
	while ((c = *at) && c->over != closing)
		at = &c->next;
	if (!c || !is_over(c))
		return c != NULL;
	*at = c->next;
	closing_free(c);
	return 0;
}

int kernel_blocking(struct lab_world *w, int host, int fd)
{
	int flags = fcntl(fd, F_GETFL);

	(void)w, (void)host;
	return flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) ? -errno : 0;
}

/* At the end of an experiment that did not wait for it. */
void kernel_closing_forget(struct lab_world *w)
{
	for (struct closing *c; (c = w->closing);) {
		w->closing = c->next;
		closing_free(c);
	}
}

int kernel_setopt(struct lab_world *w, int host, int fd, int level, int name, const void *val, size_t len)
{
	(void)w, (void)host;
	return setsockopt(fd, level, name, val, (socklen_t)len) ? -errno : 0;
}

int kernel_getopt(struct lab_world *w, int host, int fd, int level, int name, void *val, size_t *len)
{
	socklen_t n = (socklen_t)*len;

	(void)w, (void)host;
	if (getsockopt(fd, level, name, val, &n))
		return -errno;
	*len = n;
	return 0;
}

uint32_t kernel_poll(struct lab_world *w, int host, int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN | POLLPRI | POLLOUT | POLLRDHUP};

	(void)w, (void)host;
	return poll(&p, 1, 0) == 1 ? (uint32_t)p.revents : 0;
}

int kernel_sock_name(struct lab_world *w, int host, int fd, struct ho_endpoint *local)
{
	struct sockaddr_in a = {0};
	socklen_t len = sizeof a;

	(void)w, (void)host;
	if (getsockname(fd, (struct sockaddr *)&a, &len))
		return -errno;
	*local = endpoint_of(&a);
	return 0;
}

int kernel_sock_peer(struct lab_world *w, int host, int fd, struct ho_endpoint *peer)
{
	struct sockaddr_in a = {0};
	socklen_t len = sizeof a;

	(void)w, (void)host;
	if (getpeername(fd, (struct sockaddr *)&a, &len))
		return -errno;
	*peer = endpoint_of(&a);
	return 0;
}

static int queue_bytes(int fd, unsigned long request)
{
	int n = 0;

	return ioctl(fd, request, &n) ? -errno : n;
}

int kernel_inq(struct lab_world *w, int host, int fd)
{
	(void)w, (void)host;
	return queue_bytes(fd, FIONREAD);
}

int kernel_outq(struct lab_world *w, int host, int fd)
{
	(void)w, (void)host;
	return queue_bytes(fd, TIOCOUTQ);
}
