/* SPDX-License-Identifier: MIT
 * A stack's files as a file system: each is made when it is opened.
 *
 * No thread: requests of the kernel are read from libfuse's descriptor when the program has time for them.  Nodes are numbered
 * by their place in a table: the root, directories and files as ho_view_file_path names them. */
#define FUSE_USE_VERSION 314
#include <fuse_lowlevel.h>

#include <halfopen/publish.h>
#include <halfopen/view.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define REQUESTS_A_RUN 64
#define ENTRY_SECONDS 3600.0 /* what there is never changes */
#define VALUE_MAX 256
#define DOTS 2 /* "." and "..": sysctl -a takes the first two entries of a directory for these */

struct node {
	char path[HO_VIEW_PATH_MAX]; /* "": the root */
	bool dir;
};

struct ho_fuse {
	struct fuse_session *session;
	struct fuse_buf buf;
	struct ho_stack *stack; /* while requests are answered */
	struct node *node;
	unsigned node_count;
	bool readable, mounted;
};

/* What was in a file when it was opened. */
struct text {
	size_t len_bytes;
	char bytes[];
};

/* ---- nodes ---- */

/* Gives  the node of a path, -1. */
static int node_find(const struct ho_fuse *f, const char *path, size_t len)
{
	for (unsigned i = 0; i < f->node_count; i++)
		if (strncmp(f->node[i].path, path, len) == 0 && f->node[i].path[len] == '\0')
			return (int)i;
	return -1;
}

static int node_add(struct ho_fuse *f, const char *path, size_t len, bool dir)
{
	struct node *more;

	if (node_find(f, path, len) >= 0)
		return 0;
	more = realloc(f->node, (f->node_count + 1) * sizeof(*more));
	if (more == NULL)
		return -ENOMEM;
	f->node = more;
	memcpy(more[f->node_count].path, path, len);
	more[f->node_count].path[len] = '\0';
	more[f->node_count++].dir = dir;
	return 0;
}

static int nodes_add(struct ho_fuse *f)
{
	char path[HO_VIEW_PATH_MAX];
	int err = node_add(f, "", 0, true);

	for (unsigned i = 0; err == 0 && ho_view_file_path(i, path); i++) {
		for (const char *c = path; err == 0 && (c = strchr(c, '/')) != NULL; c++)
			err = node_add(f, path, (size_t)(c - path), true);
		if (err == 0)
			err = node_add(f, path, strlen(path), false);
	}
	return err;
}

static struct node *node_of(const struct ho_fuse *f, fuse_ino_t ino)
{
	return ino >= FUSE_ROOT_ID && ino - FUSE_ROOT_ID < f->node_count ? &f->node[ino - FUSE_ROOT_ID] : NULL;
}

/* The last part of a path if it lies in this directory, NULL. */
static const char *name_in(const struct node *dir, const struct node *n)
{
	size_t len = strlen(dir->path);
	const char *name = n->path + len + (len > 0);

	if (n == dir || strncmp(n->path, dir->path, len) != 0 || (len > 0 && n->path[len] != '/') || strchr(name, '/') != NULL)
		return NULL;
	return name;
}

/* Keys are nobody else's to read, as in Linux. */
static mode_t node_mode(const struct ho_fuse *f, const struct node *n)
{
	size_t len = strlen(n->path);
	bool ours = !f->readable || (len > 4 && strcmp(n->path + len - 4, "_key") == 0);

	if (n->dir)
		return S_IFDIR | (f->readable ? 0755 : 0700);
	return S_IFREG | (mode_t)((ours ? 0400 : 0444) | (ho_view_file_sysctl(n->path) != NULL ? 0200 : 0));
}

static struct stat node_stat(const struct ho_fuse *f, const struct node *n)
{
	struct stat st = {.st_mode = node_mode(f, n),
	                  .st_nlink = 1,
	                  .st_uid = geteuid(),
	                  .st_gid = getegid(),
	                  .st_ino = (ino_t)(n - f->node) + FUSE_ROOT_ID};

	return st;
}

/* ---- what the kernel asks ---- */

static struct ho_fuse *fs_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

static void on_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct ho_fuse *f = fs_of(req);
	const struct node *dir = node_of(f, parent);
	struct fuse_entry_param e = {.attr_timeout = ENTRY_SECONDS, .entry_timeout = ENTRY_SECONDS};

	for (unsigned i = 0; dir != NULL && i < f->node_count; i++) {
		const char *found = name_in(dir, &f->node[i]);

		if (found == NULL || strcmp(found, name) != 0)
			continue;
		e.attr = node_stat(f, &f->node[i]);
		e.ino = e.attr.st_ino;
		fuse_reply_entry(req, &e);
		return;
	}
	fuse_reply_err(req, ENOENT);
}

static void on_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct ho_fuse *f = fs_of(req);
	const struct node *n = node_of(f, ino);
	struct stat st;

	(void)fi;
	if (n == NULL) {
		fuse_reply_err(req, ENOENT);
		return;
	}
	st = node_stat(f, n);
	fuse_reply_attr(req, &st, ENTRY_SECONDS);
}

/* A shell that opens a sysctl with '>' makes it empty first. */
static void on_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set, struct fuse_file_info *fi)
{
	(void)attr;
	if (to_set & ~(FUSE_SET_ATTR_SIZE | FUSE_SET_ATTR_MTIME_NOW | FUSE_SET_ATTR_ATIME_NOW | FUSE_SET_ATTR_MTIME |
	               FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_CTIME))
		fuse_reply_err(req, EPERM);
	else
		on_getattr(req, ino, fi);
}

static void on_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	struct ho_fuse *f = fs_of(req);
	static const char *const dots[DOTS] = {".", ".."};
	const struct node *dir = node_of(f, ino);
	char buf[4096];
	size_t used = 0;

	(void)fi;
	if (dir == NULL || !dir->dir) {
		fuse_reply_err(req, ENOTDIR);
		return;
	}
	size = size < sizeof(buf) ? size : sizeof(buf);
	for (unsigned i = off >= 0 ? (unsigned)off : UINT_MAX; i < f->node_count + DOTS; i++) {
		const struct node *n = i < DOTS ? dir : &f->node[i - DOTS];
		const char *name = i < DOTS ? dots[i] : name_in(dir, n);
		struct stat st = node_stat(f, n);
		size_t need = name != NULL ? fuse_add_direntry(req, buf + used, size - used, name, &st, i + 1) : 0;

		if (need > size - used)
			break;
		used += need;
	}
	fuse_reply_buf(req, buf, used);
}

/* Gives  NULL and *err. */
static struct text *text_make(const struct ho_fuse *f, const struct node *n, int *err)
{
	ptrdiff_t bytes = ho_view_file(f->stack, n->path, NULL, 0);
	struct text *t;

	*err = bytes < 0 ? (int)-bytes : ENOMEM;
	t = bytes < 0 ? NULL : malloc(sizeof(*t) + (size_t)bytes + 1);
	if (t == NULL)
		return NULL;
	t->len_bytes = (size_t)bytes;
	ho_view_file(f->stack, n->path, t->bytes, (size_t)bytes + 1);
	return t;
}

static void on_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct ho_fuse *f = fs_of(req);
	const struct node *n = node_of(f, ino);
	struct text *t = NULL;
	int err = ENOENT;

	if (n == NULL || n->dir) {
		fuse_reply_err(req, n == NULL ? ENOENT : EISDIR);
		return;
	}
	if ((fi->flags & O_ACCMODE) != O_WRONLY)
		t = text_make(f, n, &err);
	if (t == NULL && (fi->flags & O_ACCMODE) != O_WRONLY) {
		fuse_reply_err(req, err);
		return;
	}
	fi->fh = (uint64_t)(uintptr_t)t;
	fi->direct_io = 1; /* its length is not known before */
	if (fuse_reply_open(req, fi) < 0)
		free(t); /* whoever opened it is gone */
}

static void on_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	const struct text *t = (const struct text *)(uintptr_t)fi->fh;
	size_t from = (size_t)off, left;

	(void)ino;
	left = t != NULL && off >= 0 && from < t->len_bytes ? t->len_bytes - from : 0;
	fuse_reply_buf(req, left > 0 ? t->bytes + from : NULL, left < size ? left : size);
}

static void on_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	free((void *)(uintptr_t)fi->fh);
	fuse_reply_err(req, 0);
}

/* The first line is the value. */
static void on_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size, off_t off, struct fuse_file_info *fi)
{
	struct ho_fuse *f = fs_of(req);
	const struct node *n = node_of(f, ino);
	const char *name = n != NULL ? ho_view_file_sysctl(n->path) : NULL;
	char value[VALUE_MAX];
	int err;

	(void)fi;
	if (name == NULL || off != 0 || size >= sizeof(value)) {
		fuse_reply_err(req, name == NULL ? EPERM : EINVAL);
		return;
	}
	memcpy(value, buf, size);
	value[size] = '\0';
	value[strcspn(value, "\n")] = '\0';
	err = ho_sysctl_set(f->stack, name, value);
	if (err != 0)
		fuse_reply_err(req, -err);
	else
		fuse_reply_write(req, size);
}

static const struct fuse_lowlevel_ops ops = {
	.lookup = on_lookup,
	.getattr = on_getattr,
	.setattr = on_setattr,
	.readdir = on_readdir,
	.open = on_open,
	.read = on_read,
	.release = on_release,
	.write = on_write,
};

/* ---- the whole ---- */

static int session_open(struct ho_fuse *f, const char *dir)
{
	char name[] = "halfopen", flag[] = "-o", own[] = "fsname=halfopen,default_permissions",
	     all[] = "fsname=halfopen,default_permissions,allow_other";
	char *argv[] = {name, flag, f->readable ? all : own, NULL};
	struct fuse_args args = FUSE_ARGS_INIT(3, argv);
	int fd;

	f->session = fuse_session_new(&args, &ops, sizeof(ops), f);
	if (f->session == NULL)
		return -EINVAL;
	if (fuse_session_mount(f->session, dir) != 0)
		return -EPERM;
	f->mounted = true;
	fd = fuse_session_fd(f->session);
	return fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ? -errno : 0;
}

int ho_fuse_open(const struct ho_fuse_config *c, struct ho_fuse **out)
{
	struct ho_fuse *f;
	int err;

	if (c->dir == NULL)
		return -EINVAL;
	f = calloc(1, sizeof(*f));
	if (f == NULL)
		return -ENOMEM;
	f->readable = c->readable;
	err = nodes_add(f);
	if (err == 0)
		err = session_open(f, c->dir);
	if (err != 0) {
		ho_fuse_close(f);
		return err;
	}
	*out = f;
	return 0;
}

int ho_fuse_fd(const struct ho_fuse *f)
{
	return fuse_session_fd(f->session);
}

int ho_fuse_run(struct ho_fuse *f, struct ho_stack *s)
{
	f->stack = s;
	for (int i = 0; i < REQUESTS_A_RUN && !fuse_session_exited(f->session); i++) {
		int n = fuse_session_receive_buf(f->session, &f->buf);

		if (n == -EAGAIN || n == -EINTR)
			return 0;
		if (n <= 0)
			return -ENODEV;
		fuse_session_process_buf(f->session, &f->buf);
	}
	return fuse_session_exited(f->session) ? -ENODEV : 0;
}

void ho_fuse_close(struct ho_fuse *f)
{
	if (f == NULL)
		return;
	if (f->mounted)
		fuse_session_unmount(f->session);
	if (f->session != NULL)
		fuse_session_destroy(f->session);
	free(f->buf.mem);
	free(f->node);
	free(f);
}
