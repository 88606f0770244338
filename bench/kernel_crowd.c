/* SPDX-License-Identifier: MIT
 * Many listeners and connections of the kernel's own, in a network namespace of theirs, and what a list of the listeners costs.
 *
 * Descriptors are limited: several processes hold the sockets.  One more looks, so that only it has to be in the namespace. */
#include <errno.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

#define HOLDERS 8u
#define FIRST_PORT 20000u

struct kernel_crowd {
	pid_t looker;
	int ask, answer;
};

/* ---- who holds the sockets ---- */

static int pair_make(const struct sockaddr_in *to, int listener)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || connect(fd, (const struct sockaddr *)to, sizeof(*to)) < 0 || accept(listener, NULL, NULL) < 0)
		return -errno;
	return 0;
}

static int sockets_make(unsigned holder, uint32_t listeners, uint32_t pairs)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd[256], rc = 0;

	for (uint32_t i = 0; i < listeners && rc == 0; i++) {
		at.sin_port = htons((uint16_t)(FIRST_PORT + holder * listeners + i));
		fd[i] = socket(AF_INET, SOCK_STREAM, 0);
		if (fd[i] < 0 || bind(fd[i], (struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd[i], 4096) < 0)
			rc = -errno;
	}
	for (uint32_t i = 0; i < pairs && rc == 0; i++) {
		at.sin_port = htons((uint16_t)(FIRST_PORT + holder * listeners + i % listeners));
		rc = pair_make(&at, fd[i % listeners]);
	}
	return rc;
}

static int descriptors_allow(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) < 0)
		return -errno;
	l.rlim_cur = l.rlim_max;
	return setrlimit(RLIMIT_NOFILE, &l) < 0 ? -errno : 0;
}

static int holder_start(unsigned holder, uint32_t listeners, uint32_t pairs)
{
	int ready[2], rc = -EIO;
	pid_t pid;

	if (pipe(ready) < 0)
		return -errno;
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		rc = descriptors_allow();
		if (rc == 0)
			rc = sockets_make(holder, listeners, pairs);
		if (write(ready[1], &rc, sizeof(rc)) != sizeof(rc) || rc != 0)
			_exit(1);
		for (;;)
			pause();
	}
	if (pid < 0 || read(ready[0], &rc, sizeof(rc)) != sizeof(rc))
		rc = rc != 0 ? rc : -EIO;
	close(ready[0]);
	close(ready[1]);
	return rc;
}

/* ---- who looks ---- */

/* Not by fork(): what this process has in memory would be copied, and taken down again at the other's expense. */
struct looked process_run(char *const *words)
{
	const struct looked failed = {-1, -1};
	double began = wall_s();
	posix_spawn_file_actions_t to_null;
	struct rusage u;
	int status, err;
	pid_t pid;

	posix_spawn_file_actions_init(&to_null);
	posix_spawn_file_actions_addopen(&to_null, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	err = posix_spawnp(&pid, words[0], &to_null, NULL, words, environ);
	posix_spawn_file_actions_destroy(&to_null);
	if (err != 0 || wait4(pid, &status, 0, &u) != pid || status != 0)
		return failed;
	return (struct looked){(double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6,
	                       wall_s() - began};
}

/* Reads replies until the last.  Gives  how many there were, -1. */
static int replies_read(int fd)
{
	_Alignas(struct nlmsghdr) static char buf[1 << 16];
	int count = 0;

	for (;;) {
		ssize_t n = recv(fd, buf, sizeof(buf), 0);
		size_t left = n > 0 ? (size_t)n : 0;

		if (n <= 0)
			return -1;
		for (const struct nlmsghdr *h = (const void *)buf; NLMSG_OK(h, left); h = NLMSG_NEXT(h, left)) {
			if (h->nlmsg_type == NLMSG_DONE)
				return count;
			count++;
		}
	}
}

/* CPU time of the listeners by netlink, with everything that ss -i and -m ask for; < 0. */
static double dump_run(uint32_t listeners)
{
	struct {
		struct nlmsghdr head;
		struct inet_diag_req_v2 req;
	} m = {.head = {.nlmsg_len = sizeof(m), .nlmsg_type = SOCK_DIAG_BY_FAMILY, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
	       .req = {.sdiag_family = AF_INET, .sdiag_protocol = IPPROTO_TCP, .idiag_ext = 0xff,
	               .idiag_states = 1u << HO_LISTEN}};
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG), count = -1;
	double begin = cpu_s();

	if (fd >= 0 && send(fd, &m, sizeof(m), 0) == sizeof(m))
		count = replies_read(fd);
	begin = cpu_s() - begin;
	if (fd >= 0)
		close(fd);
	return count == (int)listeners ? begin : -1;
}

static int ports_allow(void)
{
	static const char range[] = "30000 65535";
	int fd = open("/proc/sys/net/ipv4/ip_local_port_range", O_WRONLY), rc = 0;

	if (fd < 0 || write(fd, range, sizeof(range) - 1) < 0)
		rc = -errno;
	if (fd >= 0)
		close(fd);
	return rc;
}

static int looker_start(uint32_t listeners, uint32_t connections)
{
	int rc = unshare(CLONE_NEWNET) < 0 ? -errno : kernel_interface_up("lo");

	if (rc == 0)
		rc = ports_allow();
	for (unsigned i = 0; i < HOLDERS && rc == 0; i++)
		rc = holder_start(i, listeners / HOLDERS, connections / 2 / HOLDERS);
	return rc;
}

/* Says once that all sockets are there, then answers each byte with a measurement. */
static void look(int ask, int answer, uint32_t listeners, uint32_t connections)
{
	int rc = looker_start(listeners, connections);
	char byte;

	if (write(answer, &rc, sizeof(rc)) != sizeof(rc) || rc != 0)
		return;
	while (read(ask, &byte, 1) == 1) {
		char *words[] = {"ss", "-ltn", NULL};
		struct kernel_list l = {.ss = process_run(words)};

		l.dump_s = dump_run(listeners / HOLDERS * HOLDERS);
		if (write(answer, &l, sizeof(l)) != sizeof(l))
			return;
	}
}

/* ---- the bench's side ---- */

void kernel_crowd_close(struct kernel_crowd *k)
{
	if (k == NULL)
		return;
	close(k->ask); /* the looker ends, and who holds sockets with it */
	close(k->answer);
	waitpid(k->looker, NULL, 0);
	free(k);
}

int kernel_crowd_open(uint32_t listeners, uint32_t connections, struct kernel_crowd **out)
{
	struct kernel_crowd *k = calloc(1, sizeof(*k));
	int ask[2], answer[2], rc = -EIO;

	if (k == NULL)
		return -ENOMEM;
	if (pipe2(ask, O_CLOEXEC) < 0 || pipe2(answer, O_CLOEXEC) < 0)
		abort();
	k->looker = fork();
	if (k->looker == 0) {
		close(ask[1]);
		close(answer[0]);
		look(ask[0], answer[1], listeners, connections);
		_exit(0);
	}
	close(ask[0]);
	close(answer[1]);
	k->ask = ask[1];
	k->answer = answer[0];
	if (k->looker < 0 || read(k->answer, &rc, sizeof(rc)) != sizeof(rc))
		rc = -EIO;
	if (rc != 0) {
		kernel_crowd_close(k);
		return rc;
	}
	*out = k;
	return 0;
}

int kernel_crowd_list(struct kernel_crowd *k, struct kernel_list *out)
{
	if (write(k->ask, "", 1) != 1 || read(k->answer, out, sizeof(*out)) != sizeof(*out))
		return -EIO;
	return out->ss.cpu_s < 0 || out->dump_s < 0 ? -EPROTO : 0;
}
