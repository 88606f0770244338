/* SPDX-License-Identifier: MIT
 * A stack's files in a directory: each is made in memory, compared with what is there, written beside it and renamed. */
#include <halfopen/publish.h>
#include <halfopen/view.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NEW_FILE ".new"
#define SYSCTL_NS HO_SEC  /* how often sysctls are looked at */
#define CROWD 100u           /* with more sockets, requests and buckets than this ... */
#define DEAR_NS (40 * HO_US) /* ... a list of them that takes longer to make is written when its turn comes, one at a time ... */
#define DEAR_FACTOR 250u     /* ... and after so many times what it took the next one */
#define COMPARE_MAX_BYTES (2u << 20)
#define VALUE_MAX 256
#define WATCHES_MAX 64

struct file {
	char path[HO_VIEW_PATH_MAX];
	ho_time_ns due;
	ho_time_ns made, cost; /* CPU time that it took last, to make and in all */
	uint64_t sum; /* of what is there; 0: not known */
};

struct watch {
	int wd;
	char dir[HO_VIEW_PATH_MAX];
};

struct ho_publish {
	struct ho_publish_config config;
	int root, inotify;
	bool root_made;
	char *dir;
	uint8_t *buf;
	size_t cap_bytes;
	struct file *file;
	unsigned file_count;
	bool crowded;
	ho_time_ns dear_from; /* when the next of the dear files may be written */
	struct watch watch[WATCHES_MAX];
	unsigned watch_count;
};

/* ---- directories ---- */

static mode_t dir_mode(const struct ho_publish *p)
{
	return p->config.readable ? 0755 : 0700;
}

static int root_open(struct ho_publish *p)
{
	struct stat st;

	p->root_made = mkdir(p->dir, 0700) == 0;
	if (!p->root_made && errno != EEXIST)
		return -errno;
	p->root = open(p->dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (p->root < 0 || fstat(p->root, &st) < 0)
		return -errno;
	if (st.st_uid != geteuid() || st.st_mode & 022)
		return -EPERM;
	if (flock(p->root, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? -EBUSY : -errno;
	return fchmod(p->root, dir_mode(p)) < 0 ? -errno : 0;
}

/* Of a directory with sysctls: that somebody has written one. */
static int watch_add(struct ho_publish *p, const char *dir)
{
	struct watch *w = &p->watch[p->watch_count];
	char path[64 + HO_VIEW_PATH_MAX];

	if (p->watch_count == WATCHES_MAX)
		return -ENOSPC;
	snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", p->root, dir);
	w->wd = inotify_add_watch(p->inotify, path, IN_CLOSE_WRITE | IN_ONLYDIR);
	if (w->wd < 0)
		return -errno;
	strcpy(w->dir, dir);
	p->watch_count++;
	return 0;
}

/* Makes every directory above a file. */
static int parents_make(struct ho_publish *p, const char *path)
{
	char dir[HO_VIEW_PATH_MAX];
	int err = 0;

	for (const char *slash = strchr(path, '/'); slash != NULL && err == 0; slash = strchr(slash + 1, '/')) {
		struct stat st;

		memcpy(dir, path, (size_t)(slash - path));
		dir[slash - path] = '\0';
		if (fstatat(p->root, dir, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(st.st_mode))
			return -ENOTDIR;
		if (mkdirat(p->root, dir, dir_mode(p)) < 0 && errno != EEXIST)
			return -errno;
		if (fchmodat(p->root, dir, dir_mode(p), 0) < 0)
			return -errno;
	}
	return err;
}

static bool is_watched(const struct ho_publish *p, const char *dir)
{
	for (unsigned i = 0; i < p->watch_count; i++)
		if (strcmp(p->watch[i].dir, dir) == 0)
			return true;
	return false;
}

static int file_add(struct ho_publish *p, unsigned i)
{
	struct file *f = &p->file[i];
	char dir[HO_VIEW_PATH_MAX];
	int err;

	ho_view_file_path(i, f->path);
	err = parents_make(p, f->path);
	if (err != 0 || ho_view_file_sysctl(f->path) == NULL)
		return err;
	strcpy(dir, f->path);
	*strrchr(dir, '/') = '\0';
	return is_watched(p, dir) ? 0 : watch_add(p, dir);
}

static int files_add(struct ho_publish *p)
{
	char path[HO_VIEW_PATH_MAX];
	int err = 0;

	while (ho_view_file_path(p->file_count, path))
		p->file_count++;
	p->file = calloc(p->file_count, sizeof(*p->file));
	if (p->file == NULL)
		return -ENOMEM;
	for (unsigned i = 0; i < p->file_count && err == 0; i++)
		err = file_add(p, i);
	return err;
}

/* ---- one file ---- */

/* Gives  bytes in p->buf, -errno. */
static ptrdiff_t file_make(struct ho_publish *p, const struct ho_stack *s, const struct file *f)
{
	for (;;) {
		ptrdiff_t n = ho_view_file(s, f->path, p->buf, p->cap_bytes);
		uint8_t *larger;

		if (n < 0 || (size_t)n < p->cap_bytes)
			return n;
		larger = realloc(p->buf, (size_t)n + (size_t)n / 4 + 4096);
		if (larger == NULL)
			return -ENOMEM;
		p->buf = larger;
		p->cap_bytes = (size_t)n + (size_t)n / 4 + 4096;
	}
}

/* As FNV-1a, by eight bytes; never 0. */
static uint64_t sum_of(const uint8_t *bytes, size_t count)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325) + count;

	for (size_t i = 0; i < count; i += 8) {
		uint64_t word = 0;

		memcpy(&word, bytes + i, count - i < 8 ? count - i : 8);
		h = (h ^ word) * UINT64_C(0x9e3779b97f4a7c15);
		h ^= h >> 32;
	}
	return h | 1;
}

static int all_write(int fd, const uint8_t *bytes, size_t count)
{
	while (count > 0) {
		ssize_t n = write(fd, bytes, count);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		bytes += n;
		count -= (size_t)n;
	}
	return 0;
}

/* Keys are nobody else's to read, as in Linux. */
static mode_t file_mode(const struct ho_publish *p, const struct file *f)
{
	size_t len = strlen(f->path);

	return p->config.readable && (len < 4 || strcmp(f->path + len - 4, "_key") != 0) ? 0644 : 0600;
}

static int file_put(struct ho_publish *p, const struct file *f, size_t bytes)
{
	int fd = openat(p->root, NEW_FILE, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600), err;

	if (fd < 0)
		return -errno;
	err = fchmod(fd, file_mode(p, f)) < 0 ? -errno : all_write(fd, p->buf, bytes);
	if (close(fd) < 0 && err == 0)
		err = -errno;
	if (err == 0 && renameat(p->root, NEW_FILE, p->root, f->path) < 0)
		err = -errno;
	if (err != 0)
		unlinkat(p->root, NEW_FILE, 0);
	return err;
}

/* A sysctl's file stays the same one, so that it can be bound over another (a mount is of the file, not of its name). */
static int file_write(struct ho_publish *p, const struct file *f, size_t bytes)
{
	int fd = openat(p->root, f->path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600), err;

	if (fd < 0)
		return -errno;
	err = fchmod(fd, file_mode(p, f)) < 0 ? -errno : all_write(fd, p->buf, bytes);
	if (err == 0 && ftruncate(fd, (off_t)bytes) < 0)
		err = -errno;
	close(fd);
	return err;
}

static ho_time_ns cpu_time(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (ho_time_ns)t.tv_sec * HO_SEC + (ho_time_ns)t.tv_nsec;
}

static ho_time_ns interval_of(const struct ho_publish *p, const struct file *f)
{
	ho_time_ns interval = p->config.interval_ms * HO_MS;

	return ho_view_file_sysctl(f->path) != NULL && interval < SYSCTL_NS ? SYSCTL_NS : interval;
}

static int file_renew(struct ho_publish *p, const struct ho_stack *s, struct file *f, ho_time_ns now)
{
	ho_time_ns began = cpu_time();
	ptrdiff_t n = file_make(p, s, f);
	uint64_t sum = 0;
	int err = 0;

	f->made = cpu_time() - began;
	if (n >= 0 && n <= COMPARE_MAX_BYTES)
		sum = sum_of(p->buf, (size_t)n);
	if (n >= 0 && (sum == 0 || sum != f->sum))
		err = ho_view_file_sysctl(f->path) != NULL ? file_write(p, f, (size_t)n) : file_put(p, f, (size_t)n);
	f->sum = err == 0 ? sum : 0;
	f->due = now + interval_of(p, f);
	f->cost = cpu_time() - began;
	return n == -ENOMEM ? -ENOMEM : err; /* some sysctls can only be written: they have no file */
}

static int files_renew(struct ho_publish *p, const struct ho_stack *s, ho_time_ns now)
{
	int first = 0;

	for (unsigned i = 0; i < p->file_count; i++) {
		int err = file_renew(p, s, &p->file[i], now);

		first = first != 0 ? first : err;
	}
	return first;
}

static bool is_dear(const struct ho_publish *p, const struct file *f)
{
	return p->crowded && f->made > DEAR_NS && ho_view_file_crowd(f->path);
}

static bool is_crowded(const struct ho_stack *s)
{
	struct ho_memory m;

	ho_stack_memory(s, &m);
	return m.socks + m.requests + m.timewaits > CROWD;
}

/* The dear file that has waited longest. */
static struct file *dear_first(const struct ho_publish *p)
{
	struct file *first = NULL;

	for (unsigned i = 0; i < p->file_count; i++)
		if (is_dear(p, &p->file[i]) && (first == NULL || p->file[i].due < first->due))
			first = &p->file[i];
	return first;
}

static int due_renew(struct ho_publish *p, const struct ho_stack *s, ho_time_ns now)
{
	struct file *dear;
	int first = 0;

	p->crowded = is_crowded(s);
	dear = now >= p->dear_from ? dear_first(p) : NULL;
	for (unsigned i = 0; i < p->file_count; i++) {
		struct file *f = &p->file[i];
		int err;

		if (f->due > now || (is_dear(p, f) && f != dear))
			continue;
		err = file_renew(p, s, f, now);
		if (f == dear)
			p->dear_from = now + f->cost * DEAR_FACTOR;
		first = first != 0 ? first : err;
	}
	return first;
}

/* ---- a sysctl was written ---- */

static struct file *file_find(struct ho_publish *p, const char *dir, const char *name)
{
	size_t len = strlen(dir);

	for (unsigned i = 0; i < p->file_count; i++) {
		const char *path = p->file[i].path;

		if (strncmp(path, dir, len) == 0 && path[len] == '/' && strcmp(path + len + 1, name) == 0)
			return &p->file[i];
	}
	return NULL;
}

/* Gives  bytes, which may be 0. */
static size_t value_read(const struct ho_publish *p, const struct file *f, char value[VALUE_MAX])
{
	int fd = openat(p->root, f->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, value, VALUE_MAX - 1) : 0;

	if (fd >= 0)
		close(fd);
	n = n > 0 ? n : 0;
	value[n] = '\0';
	return (size_t)n;
}

/* The first line is the value. */
static void sysctl_take(struct ho_publish *p, struct ho_stack *s, struct file *f, ho_time_ns now)
{
	char value[VALUE_MAX];
	size_t bytes = value_read(p, f, value);

	if (sum_of((const uint8_t *)value, bytes) == f->sum)
		return; /* we have written it ourselves, perhaps */
	value[strcspn(value, "\n")] = '\0';
	if (value[0] != '\0')
		(void)ho_sysctl_set(s, ho_view_file_sysctl(f->path), value); /* refused: what holds is written back */
	f->sum = 0;
	file_renew(p, s, f, now);
}

static void event_take(struct ho_publish *p, struct ho_stack *s, const struct inotify_event *e, ho_time_ns now)
{
	for (unsigned i = 0; i < p->watch_count && e->len > 0; i++) {
		struct file *f = p->watch[i].wd == e->wd ? file_find(p, p->watch[i].dir, e->name) : NULL;

		if (f != NULL)
			sysctl_take(p, s, f, now);
	}
}

static void sysctls_take(struct ho_publish *p, struct ho_stack *s, ho_time_ns now)
{
	_Alignas(struct inotify_event) char buf[4096];
	ssize_t n = read(p->inotify, buf, sizeof(buf));

	for (ssize_t at = 0; at < n;) {
		const struct inotify_event *e = (const struct inotify_event *)(const void *)(buf + at);

		event_take(p, s, e, now);
		at += (ssize_t)(sizeof(*e) + e->len);
	}
}

/* ---- the whole ---- */

int ho_publish_fd(const struct ho_publish *p)
{
	return p->inotify;
}

int ho_publish_run(struct ho_publish *p, struct ho_stack *s, ho_time_ns now)
{
	sysctls_take(p, s, now);
	return due_renew(p, s, now);
}

int ho_publish_now(struct ho_publish *p, struct ho_stack *s, ho_time_ns now)
{
	sysctls_take(p, s, now);
	return files_renew(p, s, now);
}

ho_time_ns ho_publish_deadline(const struct ho_publish *p)
{
	const struct file *dear = dear_first(p);
	ho_time_ns first = HO_NEVER;

	if (dear != NULL)
		first = dear->due > p->dear_from ? dear->due : p->dear_from;
	for (unsigned i = 0; i < p->file_count; i++)
		if (!is_dear(p, &p->file[i]) && p->file[i].due < first)
			first = p->file[i].due;
	return first;
}

static int start(struct ho_publish *p, const struct ho_stack *s)
{
	int err;

	p->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (p->inotify < 0)
		return -errno;
	err = root_open(p);
	if (err == 0)
		err = files_add(p);
	return err == 0 ? files_renew(p, s, ho_stack_now(s)) : err;
}

int ho_publish_open(const struct ho_publish_config *c, const struct ho_stack *s, struct ho_publish **out)
{
	struct ho_publish *p;
	int err;

	if (c->dir == NULL || c->interval_ms < 10 || c->interval_ms > 3600000)
		return -EINVAL;
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return -ENOMEM;
	p->config = *c;
	p->root = p->inotify = -1;
	p->dir = strdup(c->dir);
	err = p->dir != NULL ? start(p, s) : -ENOMEM;
	if (err != 0) {
		ho_publish_close(p);
		return err;
	}
	*out = p;
	return 0;
}

/* A directory goes when nothing is in it any more. */
static void parents_remove(const struct ho_publish *p, const char *path)
{
	char dir[HO_VIEW_PATH_MAX];

	strcpy(dir, path);
	for (char *slash = strrchr(dir, '/'); slash != NULL; slash = strrchr(dir, '/')) {
		*slash = '\0';
		if (unlinkat(p->root, dir, AT_REMOVEDIR) < 0)
			return;
	}
}

void ho_publish_close(struct ho_publish *p)
{
	if (p == NULL)
		return;
	for (unsigned i = 0; i < p->file_count && p->file != NULL; i++) {
		unlinkat(p->root, p->file[i].path, 0);
		parents_remove(p, p->file[i].path);
	}
	if (p->root_made)
		rmdir(p->dir);
	if (p->root >= 0)
		close(p->root);
	if (p->inotify >= 0)
		close(p->inotify);
	free(p->file);
	free(p->buf);
	free(p->dir);
	free(p);
}
