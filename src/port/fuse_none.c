/* SPDX-License-Identifier: MIT
 * Built without libfuse3. */
#include <halfopen/publish.h>

#include <errno.h>
#include <stddef.h>

int ho_fuse_open(const struct ho_fuse_config *c, struct ho_fuse **out)
{
	(void)c;
	(void)out;
	return -ENOSYS;
}

int ho_fuse_fd(const struct ho_fuse *f)
{
	(void)f;
	return -1;
}

int ho_fuse_run(struct ho_fuse *f, struct ho_stack *s)
{
	(void)f;
	(void)s;
	return -ENOSYS;
}

void ho_fuse_close(struct ho_fuse *f)
{
	(void)f;
}
