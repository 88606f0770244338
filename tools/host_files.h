/* SPDX-License-Identifier: MIT
 * A running host's files: published in a directory from its birth, or from when somebody asks for them. */
#ifndef HO_HOST_FILES_H
#define HO_HOST_FILES_H

#include <halfopen/halfopen.h>

#include <limits.h>

struct host_files_options {
	const char *dir;      /* NULL: none from the beginning */
	const char *fuse_dir; /* NULL: none */
	uint32_t interval_ms; /* 0: 1000 */
	bool readable;        /* by every user */
};

struct host_files;

/* Takes  name: the host's.  Gives  0, -errno: of memory, or of publishing in o->dir. */
int host_files_open(const struct host_files_options *o, const char *name, struct ho_stack *s, struct host_files **out);
/* Mounts the file system at fuse_dir.  Gives  0, -errno of ho_fuse_open; -ENOENT ... : the directory is not there. */
int host_files_mount(struct host_files *f);
void host_files_close(struct host_files *f);

/* Everything is written, now, and from now on at the interval; into a directory beside the control socket if none was named.
 * Or the file system's directory: there it is always of this moment.
 * Gives  0 and the directory, -errno. */
int host_files_publish(struct host_files *f, const char **dir);

int host_files_fd(const struct host_files *f); /* readable: call host_files_run */
void host_files_run(struct host_files *f, ho_time_ns now);
ho_time_ns host_files_deadline(const struct host_files *f);

#endif
