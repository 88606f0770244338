/* SPDX-License-Identifier: MIT
 * The same work on the kernel's sockets: what the client and the server of each experiment do.  Blocking calls where one
 * connection is served at a time, epoll where there are many: what costs the kernel least. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"

#define CLIENT_ADDRS 16 /* churn spreads over this many server addresses, as ours over ports */

struct kernel_shared *kernel_shared_map(void)
{
	struct kernel_shared *sh = mmap(NULL, sizeof *sh, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return sh == MAP_FAILED ? NULL : sh;
}

int kernel_interface_up(const char *name)
{
	struct ifreq r = {0};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), rc = 0;

	if (fd < 0)
		return -errno;
	strncpy(r.ifr_name, name, sizeof r.ifr_name - 1);
	if (ioctl(fd, SIOCGIFFLAGS, &r) < 0)
		rc = -errno;
	r.ifr_flags |= IFF_UP;
	if (rc == 0 && ioctl(fd, SIOCSIFFLAGS, &r) < 0)
		rc = -errno;
	close(fd);
	return rc;
}

/* halfopen has cubic and reno; a kernel may have another default.  Tries cubic on fd, then reno. */
static const char *congestion_set(int fd)
{
	if (setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5) == 0)
		return "cubic";
	if (setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4) == 0)
		return "reno";
	return "its default congestion control";
}

const char *kernel_congestion(void)
{
	static const char *name;
	int fd;

	if (name)
		return name;
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	name = congestion_set(fd);
	close(fd);
	return name;
}

static int kernel_socket(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	if (fd < 0)
		return -errno;
	congestion_set(fd);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	return fd;
}

static struct sockaddr_in address(uint32_t addr, uint16_t port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {.s_addr = htonl(addr)}};
}

int kernel_listen(uint32_t addr, uint16_t *port, int backlog)
{
	struct sockaddr_in a = address(addr, *port);
	socklen_t len = sizeof a;
	int fd = kernel_socket(), on = 1;

	if (fd < 0)
		return fd;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(fd, (struct sockaddr *)&a, sizeof a) || listen(fd, backlog) ||
	    getsockname(fd, (struct sockaddr *)&a, &len)) {
		int rc = -errno;

		close(fd);
		return rc;
	}
	*port = ntohs(a.sin_port);
	return fd;
}

int kernel_connect(uint32_t addr, uint16_t port)
{
	struct sockaddr_in a = address(addr, port);
	int fd = kernel_socket();

	if (fd < 0)
		return fd;
	if (connect(fd, (struct sockaddr *)&a, sizeof a)) {
		int rc = -errno;

		close(fd);
		return rc;
	}
	return fd;
}

/* Gives  whether rc, a descriptor or negative errno, is usable; says so to the others if not. */
static bool fine(struct kernel_shared *sh, int rc)
{
	if (rc < 0 && !sh->error)
		sh->error = rc == -1 && errno ? errno : -rc;
	return rc >= 0;
}

static int accept_one(struct kernel_shared *sh, int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	fine(sh, fd < 0 ? -errno : fd);
	return fd;
}

/* ---- bulk: 64 KiB writes, 64 KiB reads ---- */

static void bulk_server(struct kernel_shared *sh, int listener)
{
	char *buf = calloc(1, CHUNK_BYTES);
	int fd = accept_one(sh, listener);
	double begin = cpu_s();
	ssize_t n;

	while ((n = read(fd, buf, CHUNK_BYTES)) > 0)
		sh->units += (uint64_t)n;
	sh->server_cpu = cpu_s() - begin;
	close(fd);
	free(buf);
}

static void bulk_client(struct kernel_shared *sh, uint32_t addr, uint16_t port, double seconds)
{
	char *buf = calloc(1, CHUNK_BYTES);
	int fd = kernel_connect(addr, port);
	double begin = cpu_s(), wall = wall_s();

	while (fine(sh, fd) && wall_s() - wall < seconds)
		for (int i = 0; i < 16; i++)
			if (write(fd, buf, CHUNK_BYTES) < 0)
				fine(sh, -errno);
	shutdown(fd, SHUT_WR);
	if (read(fd, buf, 1) < 0) /* until the server has read all */
		fine(sh, -errno);
	sh->client_cpu = cpu_s() - begin;
	sh->wall = wall_s() - wall;
	close(fd);
	free(buf);
}

/* ---- ping-pong: one byte ---- */

static void pingpong_server(struct kernel_shared *sh, int listener)
{
	int fd = accept_one(sh, listener);
	double begin = cpu_s();
	char c;

	while (read(fd, &c, 1) == 1 && write(fd, &c, 1) == 1)
		;
	sh->server_cpu = cpu_s() - begin;
	close(fd);
}

static void pingpong_client(struct kernel_shared *sh, uint32_t addr, uint16_t port, double seconds)
{
	int fd = kernel_connect(addr, port);
	double begin = cpu_s(), wall = wall_s();
	char c = 'x';

	while (fine(sh, fd) && wall_s() - wall < seconds)
		for (int i = 0; i < 100; i++, sh->units++)
			if (write(fd, &c, 1) != 1 || read(fd, &c, 1) != 1)
				fine(sh, -EPIPE);
	sh->client_cpu = cpu_s() - begin;
	sh->wall = wall_s() - wall;
	close(fd);
}

/* ---- churn: connect, one byte each way, the client closes first and keeps TIME-WAIT ---- */

static void churn_server(struct kernel_shared *sh, int listener)
{
	double begin = -1;

	while (!sh->stop && !sh->error) {
		int fd = accept_one(sh, listener);
		char c;

		if (begin < 0)
			begin = cpu_s();
		while (read(fd, &c, 1) == 1 && write(fd, &c, 1) == 1)
			;
		close(fd);
	}
	sh->server_cpu = cpu_s() - begin;
}

static void churn_client(struct kernel_shared *sh, uint32_t addr, uint16_t port, double seconds)
{
	double begin = cpu_s(), wall = wall_s();
	bool last = false;
	char c = 'x';

	while (!last) {
		int fd;

		last = sh->error || wall_s() - wall >= seconds;
		fd = kernel_connect(addr + (uint32_t)(sh->units % CLIENT_ADDRS), port);
		if (!fine(sh, fd))
			return;
		if (write(fd, &c, 1) != 1 || read(fd, &c, 1) != 1)
			fine(sh, -EPIPE);
		sh->stop = last; /* the server is at this connection now and looks after its end */
		close(fd);
		sh->units++;
	}
	sh->client_cpu = cpu_s() - begin;
	sh->wall = wall_s() - wall;
}

/* ---- messages: many connections, one small message in flight on each ---- */

static void watch(int ep, int fd)
{
	struct epoll_event e = {.events = EPOLLIN | EPOLLET, .data = {.fd = fd}};

	fcntl(fd, F_SETFL, O_NONBLOCK);
	epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
}

static void messages_server(struct kernel_shared *sh, int listener)
{
	struct epoll_event ev[64];
	char buf[4096];
	int ep = epoll_create1(EPOLL_CLOEXEC), open = 0;
	double begin = -1;

	for (; open < MESSAGES_CONNECTIONS && !sh->error; open++)
		watch(ep, accept_one(sh, listener));
	while (open > 0) {
		int n = epoll_wait(ep, ev, 64, 5000);

		if (begin < 0)
			begin = cpu_s();
		if (n <= 0)
			break;
		for (int i = 0; i < n; i++) {
			ssize_t got = read(ev[i].data.fd, buf, sizeof buf);

			if (got > 0 && write(ev[i].data.fd, buf, (size_t)got) == got)
				continue;
			close(ev[i].data.fd);
			open--;
			if (sh->stop) { /* the clients have finished: what follows is taking down */
				sh->server_cpu = cpu_s() - begin;
				return;
			}
		}
	}
	sh->server_cpu = cpu_s() - begin;
}

static void messages_turn(struct kernel_shared *sh, int ep)
{
	struct epoll_event ev[64];
	char buf[4096];
	int n = epoll_wait(ep, ev, 64, 5000);

	if (n <= 0)
		fine(sh, -ETIMEDOUT);
	for (int i = 0; i < n; i++) {
		ssize_t got = read(ev[i].data.fd, buf, sizeof buf);

		if (got <= 0)
			continue;
		sh->units++;
		if (write(ev[i].data.fd, buf, (size_t)got) != got)
			fine(sh, -EPIPE);
	}
}

static void messages_client(struct kernel_shared *sh, uint32_t addr, uint16_t port, double seconds)
{
	static int fd[MESSAGES_CONNECTIONS];
	char buf[MESSAGE_BYTES] = "message";
	int ep = epoll_create1(EPOLL_CLOEXEC);
	double begin, wall;

	for (int i = 0; i < MESSAGES_CONNECTIONS; i++) {
		fd[i] = kernel_connect(addr, port);
		if (!fine(sh, fd[i]))
			return;
		watch(ep, fd[i]);
	}
	usleep(20000); /* the server has accepted all */
	begin = cpu_s();
	wall = wall_s();
	for (int i = 0; i < MESSAGES_CONNECTIONS; i++)
		if (write(fd[i], buf, sizeof buf) != sizeof buf)
			fine(sh, -EPIPE);
	while (!sh->error && wall_s() - wall < (sh->units ? seconds : 10)) /* at least one, however busy the machine is */
		messages_turn(sh, ep);
	sh->client_cpu = cpu_s() - begin;
	sh->wall = wall_s() - wall;
	sh->stop = 1;
	for (int i = 0; i < MESSAGES_CONNECTIONS; i++)
		close(fd[i]);
}

const struct kernel_work kernel_bulk = {bulk_server, bulk_client};
const struct kernel_work kernel_pingpong = {pingpong_server, pingpong_client};
const struct kernel_work kernel_churn = {churn_server, churn_client};
const struct kernel_work kernel_messages = {messages_server, messages_client};
