/* SPDX-License-Identifier: MIT
 * lab: the hosts of an experiment on the stack, as they were at its end, each in a directory of its own, for the programs that
 * look at Linux.  Virtual time stands still: nothing moves any more but the sysctls that somebody writes. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "halfopen/publish.h"
#include "inside.h"

#define INTERVAL_MS 1000 /* of no consequence while time stands still */
#define PATH_ROOM (LAB_NAME_MAX + 2)

struct lab_publish {
	char *dir;
	bool made;
	int signals; /* -1: not waiting for any yet */
	bool line_ends;
	struct ho_publish *host[LAB_HOSTS_MAX];
};

int lab_publish_open(const char *dir, struct lab_publish **out)
{
	struct lab_publish *p = calloc(1, sizeof *p);

	if (!p)
		abort();
	p->signals = -1;
	p->made = mkdir(dir, 0700) == 0;
	if (!p->made && (errno != EEXIST || access(dir, W_OK | X_OK))) {
		int e = errno;

		free(p);
		return -e;
	}
	p->dir = strdup(dir);
	if (!p->dir)
		abort();
	*out = p;
	return 0;
}

void lab_publish_close(struct lab_publish *p)
{
	if (!p)
		return;
	for (int h = 0; h < LAB_HOSTS_MAX; h++)
		ho_publish_close(p->host[h]);
	if (p->signals >= 0)
		close(p->signals);
	if (p->made)
		rmdir(p->dir);
	free(p->dir);
	free(p);
}

static int host_publish(struct lab_publish *p, struct lab *l, int host, FILE *err)
{
	size_t cap = strlen(p->dir) + PATH_ROOM;
	char *dir = malloc(cap);

	if (!dir)
		abort();
	snprintf(dir, cap, "%s/%s", p->dir, l->net.host[host].name);
	int e = ho_publish_open(&(struct ho_publish_config){.dir = dir, .interval_ms = INTERVAL_MS},
	                        lab_stack_of(l->world, host), &p->host[host]);

	if (e)
		fprintf(err, "lab: %s: %s\n", dir,
		        e == -EPERM   ? "it belongs to another user, or others may write to it"
		        : e == -EBUSY ? "somebody publishes there"
		                      : strerror(-e));
	free(dir);
	return e;
}

static void signals_take(struct lab_publish *p)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	p->signals = signalfd(-1, &set, SFD_CLOEXEC);
	if (p->signals < 0)
		abort();
	/* In the background a terminal's lines are somebody else's. */
	p->line_ends = !isatty(STDIN_FILENO) || tcgetpgrp(STDIN_FILENO) == getpgrp();
}

static void told(const struct lab_publish *p, const struct lab *l, FILE *err)
{
	fprintf(err, "lab: the hosts as they are now are in");
	for (int h = 0; h < l->net.host_count; h++)
		fprintf(err, " %s/%s", p->dir, l->net.host[h].name);
	fprintf(err, "; `halfopen with %s%s/%s -- nstat -asz` looks at one; Enter or Ctrl-C ends this\n",
	        strchr(p->dir, '/') ? "" : "./", p->dir, l->net.host[l->net.host_count - 1].name);
	fflush(err);
}

/* Gives  true: a line has come.  The end of what is no terminal says nothing. */
static bool line_read(struct lab_publish *p)
{
	char words[256];
	ssize_t n = read(STDIN_FILENO, words, sizeof words);

	if (n > 0)
		return memchr(words, '\n', (size_t)n) != NULL;
	p->line_ends = isatty(STDIN_FILENO);
	return p->line_ends;
}

/* Gives  false: it is over. */
static bool wait_once(struct lab_publish *p, struct lab *l)
{
	struct pollfd fd[2 + LAB_HOSTS_MAX] = {
		{.fd = p->signals, .events = POLLIN},
		{.fd = p->line_ends ? STDIN_FILENO : -1, .events = POLLIN},
	};
	int count = l->net.host_count;

	for (int h = 0; h < count; h++)
		fd[2 + h] = (struct pollfd){.fd = ho_publish_fd(p->host[h]), .events = POLLIN};
	if (poll(fd, (nfds_t)(2 + count), -1) < 0)
		return errno == EINTR;
	for (int h = 0; h < count; h++)
		if (fd[2 + h].revents)
			ho_publish_now(p->host[h], lab_stack_of(l->world, h), l->ops->now(l->world));
	return !fd[0].revents && !(fd[1].revents && line_read(p));
}

int lab_publish_run(struct lab_publish *p, struct lab *l, FILE *err)
{
	signals_take(p);
	for (int h = 0; h < l->net.host_count; h++)
		if (host_publish(p, l, h, err))
			return 2;
	told(p, l, err);
	while (wait_once(p, l))
		;
	return 0;
}
