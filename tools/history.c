/* SPDX-License-Identifier: MIT
 * What a user saw last time of a host's counters. */
#include "history.h"

#include "control.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HISTORY_BYTES_MAX (1 << 20)

static int history_path(const char *host, const char *suffix, char path[CONTROL_PATH_MAX])
{
	char words[64];

	snprintf(words, sizeof(words), ".u%lu.history%s", (unsigned long)geteuid(), suffix);
	return control_path(host, words, path);
}

/* A regular file of our own, not too large: others may write into the directory, too. */
static char *file_read(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;
	char *text = NULL;
	ssize_t n = -1;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() && st.st_size < HISTORY_BYTES_MAX)
		text = malloc((size_t)st.st_size + 1);
	if (text != NULL)
		n = read(fd, text, (size_t)st.st_size);
	close(fd);
	if (n < 0) {
		free(text);
		return NULL;
	}
	text[n] = '\0';
	return text;
}

void history_read(const char *host, const char *id, struct history *h)
{
	char path[CONTROL_PATH_MAX];
	size_t len = strlen(id);

	h->text = history_path(host, "", path) == 0 ? file_read(path) : NULL;
	h->stale = h->text != NULL && (h->text[0] != '#' || strncmp(h->text + 1, id, len) != 0 || h->text[1 + len] != '\n');
	if (h->stale)
		history_free(h);
}

void history_free(struct history *h)
{
	free(h->text);
	h->text = NULL;
}

uint64_t history_value(const struct history *h, const char *name)
{
	const char *at = h->text;
	char then[64], value[24];

	while (at != NULL && counter_line_take(&at, then, value))
		if (strcmp(then, name) == 0)
			return strtoull(value, NULL, 10);
	return 0;
}

int history_write(const char *host, const char *id, const char *lines)
{
	char path[CONTROL_PATH_MAX], draft[CONTROL_PATH_MAX];
	FILE *f;
	int fd, err = history_path(host, "", path);

	if (err == 0)
		err = history_path(host, ".new", draft);
	if (err != 0)
		return err;
	unlink(draft);
	fd = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	f = fdopen(fd, "w");
	if (f == NULL) {
		close(fd);
		return -ENOMEM;
	}
	fprintf(f, "#%s\n%s", id, lines);
	if (fclose(f) != 0 || rename(draft, path) != 0)
		err = -errno;
	return err;
}

void histories_remove(const char *host)
{
	char pattern[CONTROL_PATH_MAX];
	glob_t found;

	if (control_path(host, ".u*.history*", pattern) != 0 || glob(pattern, GLOB_NOSORT, NULL, &found) != 0)
		return;
	for (size_t i = 0; i < found.gl_pathc; i++)
		unlink(found.gl_pathv[i]);
	globfree(&found);
}
