/* SPDX-License-Identifier: MIT
 * Runs a kernel client and server over loopback, each in a process of its own, both on our core.  A fresh network
 * namespace where that is allowed, so that no TIME-WAIT, port or metric of an earlier run is there.
 *
 * CPU time is what the scheduler charged to the two processes (softirqs run in their context) and to ksoftirqd. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

static void pair_run(const struct kernel_work *work, struct kernel_shared *sh, double seconds)
{
	uint16_t port = 0;
	int listener;
	pid_t server;

	if (unshare(CLONE_NEWNET) == 0)
		kernel_interface_up("lo");
	listener = kernel_listen(0, &port, 4096);
	if (listener < 0) {
		sh->error = -listener;
		return;
	}
	server = fork();
	if (server < 0) {
		sh->error = errno;
		return;
	}
	if (server == 0) {
		work->server(sh, listener);
		_exit(0);
	}
	close(listener);
	work->client(sh, HO_ADDR_LOOPBACK, port, seconds);
	if (sh->error)
		kill(server, SIGKILL);
	waitpid(server, NULL, 0);
}

int kernel_loopback(const struct kernel_work *work, const struct options *o, struct kernel_run *out)
{
	struct kernel_shared *sh = kernel_shared_map();
	double soft = softirqd_s(o->core);
	int error;
	pid_t pid;

	if (!sh)
		return -ENOMEM;
	pid = fork();
	if (pid == 0) {
		pair_run(work, sh, o->round_s);
		_exit(0);
	}
	if (pid > 0)
		waitpid(pid, NULL, 0);
	error = pid < 0 ? errno : sh->error;
	*out = (struct kernel_run){sh->client_cpu + sh->server_cpu + softirqd_s(o->core) - soft, sh->wall, sh->units};
	munmap(sh, sizeof *sh);
	return error ? -error : out->units == 0 ? -EIO : 0;
}

double kernel_cost(const struct kernel_run *k)
{
	return k->cpu_s / (double)k->units;
}
