/* SPDX-License-Identifier: MIT
 * lab, the kernel's world: sysctls of the whole machine, which no namespace has for itself.  Whoever has asked for one
 * has it for himself until his world ends (others wait), and a process that outlives even kill -9 writes back
 * what it was. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel.h"

bool kernel_of_machine(const char *name)
{
	return strcmp(name, "net.ipv4.tcp_mem") == 0;
}

/* Ends when the other end of the pipe is closed, by whatever end its owner came to. */
static void keep(int fd, int pipe_end, const char *value, size_t len)
{
	char c;

	setsid();
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	while (read(pipe_end, &c, 1) < 0 && errno == EINTR)
		;
	_exit(pwrite(fd, value, len, 0) == (ssize_t)len ? 0 : 1);
}

static int keeper_start(struct lab_world *w, int fd)
{
	char value[256];
	ssize_t len = pread(fd, value, sizeof value, 0);
	int ends[2];

	if (len <= 0 || pipe2(ends, O_CLOEXEC))
		return -EIO;
	w->keeper = fork();
	if (w->keeper == 0) {
		close(ends[1]);
		keep(fd, ends[0], value, (size_t)len);
	}
	close(ends[0]);
	if (w->keeper < 0) {
		close(ends[1]);
		return -EAGAIN;
	}
	w->keeper_pipe = ends[1];
	return 0;
}

/* There is one such sysctl; were there two, each would need a keeper. */
int kernel_machine_begin(struct lab_world *w, const char *path)
{
	int e, fd;

	if (w->keeper > 0)
		return 0;
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	e = flock(fd, LOCK_EX) ? -errno : keeper_start(w, fd);
	close(fd); /* the keeper has it, and the lock with it */
	return e;
}

void kernel_machine_end(struct lab_world *w)
{
	if (w->keeper <= 0)
		return;
	close(w->keeper_pipe);
	while (waitpid(w->keeper, NULL, 0) < 0 && errno == EINTR)
		;
	w->keeper = 0;
}
