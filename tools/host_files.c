/* SPDX-License-Identifier: MIT
 * A running host's files. */
#include "host_files.h"

#include "control.h"

#include <halfopen/publish.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define INTERVAL_MS 1000

struct host_files {
	struct host_files_options options;
	struct ho_stack *stack;
	struct ho_publish *publish; /* NULL: nobody has asked yet */
	struct ho_fuse *fuse;       /* NULL: none */
	char fuse_dir[PATH_MAX];
	char own_dir[CONTROL_PATH_MAX];
	char dir[PATH_MAX]; /* absolute */
	int epoll;
	bool told; /* of an error */
};

static int publish_start(struct host_files *f, const char *dir)
{
	struct ho_publish_config c = {
		.dir = dir, .interval_ms = f->options.interval_ms, .readable = f->options.readable};
	struct epoll_event e = {.events = EPOLLIN};
	int err = ho_publish_open(&c, f->stack, &f->publish);

	if (err != 0)
		return err;
	if (realpath(dir, f->dir) == NULL || epoll_ctl(f->epoll, EPOLL_CTL_ADD, ho_publish_fd(f->publish), &e) < 0)
		return -errno;
	return 0;
}

int host_files_open(const struct host_files_options *o, const char *name, struct ho_stack *s, struct host_files **out)
{
	struct host_files *f = calloc(1, sizeof(*f));
	int err = 0;

	if (f == NULL)
		return -ENOMEM;
	f->options = *o;
	if (f->options.interval_ms == 0)
		f->options.interval_ms = INTERVAL_MS;
	f->stack = s;
	if (control_path(name, ".files", f->own_dir) != 0)
		f->own_dir[0] = '\0';
	f->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (f->epoll < 0)
		err = -errno;
	else if (o->dir != NULL)
		err = publish_start(f, o->dir);
	if (err != 0) {
		host_files_close(f);
		return err;
	}
	*out = f;
	return 0;
}

int host_files_mount(struct host_files *f)
{
	struct ho_fuse_config c = {.dir = f->options.fuse_dir, .readable = f->options.readable};
	struct epoll_event e = {.events = EPOLLIN};
	int err = realpath(c.dir, f->fuse_dir) == NULL ? -errno : ho_fuse_open(&c, &f->fuse);

	if (err == 0 && epoll_ctl(f->epoll, EPOLL_CTL_ADD, ho_fuse_fd(f->fuse), &e) < 0)
		err = -errno;
	return err;
}

void host_files_close(struct host_files *f)
{
	if (f == NULL)
		return;
	ho_publish_close(f->publish);
	ho_fuse_close(f->fuse);
	if (f->epoll >= 0)
		close(f->epoll);
	free(f);
}

int host_files_publish(struct host_files *f, const char **dir)
{
	int err;

	*dir = f->fuse_dir;
	if (f->fuse != NULL)
		return 0;
	if (f->publish != NULL)
		err = ho_publish_now(f->publish, f->stack, ho_stack_now(f->stack));
	else
		err = f->own_dir[0] != '\0' ? publish_start(f, f->own_dir) : -ENAMETOOLONG;
	*dir = f->dir;
	return err;
}

int host_files_fd(const struct host_files *f)
{
	return f->epoll;
}

void host_files_run(struct host_files *f, ho_time_ns now)
{
	int err = f->publish != NULL ? ho_publish_run(f->publish, f->stack, now) : 0;

	if (err != 0 && !f->told)
		fprintf(stderr, "halfopen host: writing files into %s: %s\n", f->dir, strerror(-err));
	f->told |= err != 0;
	if (f->fuse != NULL && ho_fuse_run(f->fuse, f->stack) != 0) {
		ho_fuse_close(f->fuse); /* unmounted by somebody else */
		f->fuse = NULL;
	}
}

ho_time_ns host_files_deadline(const struct host_files *f)
{
	return f->publish != NULL ? ho_publish_deadline(f->publish) : HO_NEVER;
}
