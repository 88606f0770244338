/* SPDX-License-Identifier: MIT
 * The asker's side of the control sockets, and where they are. */
#include "control.h"

#include "tools.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define ASK_SECONDS 10

bool control_name_ok(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && len <= CONTROL_NAME_MAX && name[0] != '.' &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == len;
}

int control_path(const char *name, const char *suffix, char path[CONTROL_PATH_MAX])
{
	const char *dir = getenv("HALFOPEN_RUN"), *sub = "";
	int n;

	if (dir == NULL || *dir == '\0') {
		dir = geteuid() == 0 ? "/run" : getenv("XDG_RUNTIME_DIR");
		sub = "/halfopen";
	}
	if (dir == NULL || *dir == '\0')
		return -ENOENT;
	n = snprintf(path, CONTROL_PATH_MAX, "%s%s/%s%s", dir, sub, name, suffix);
	return n < 0 || n >= CONTROL_PATH_MAX ? -ENAMETOOLONG : 0;
}

/* Gives  a connected socket, -errno. */
static int host_connect(const char *name)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	struct timeval bound = {.tv_sec = ASK_SECONDS};
	int err = control_path(name, ".sock", at.sun_path), fd;

	if (err != 0)
		return err;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &bound, sizeof(bound));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &bound, sizeof(bound));
	if (connect(fd, (struct sockaddr *)&at, sizeof(at)) < 0) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

/* The name before ".sock" of a directory entry; false if it is none. */
static bool name_of_entry(const char *entry, char name[CONTROL_NAME_MAX + 1])
{
	size_t len = strlen(entry);

	if (len <= 5 || len - 5 > CONTROL_NAME_MAX || strcmp(entry + len - 5, ".sock") != 0)
		return false;
	memcpy(name, entry, len - 5);
	name[len - 5] = '\0';
	return control_name_ok(name);
}

int control_list(void (*each)(void *ctx, const char *name), void *ctx)
{
	char path[CONTROL_PATH_MAX], name[CONTROL_NAME_MAX + 1];
	struct dirent **entries;
	int count, hosts = 0;

	if (control_path("", "", path) != 0)
		return 0;
	count = scandir(path, &entries, NULL, alphasort);
	if (count < 0)
		return 0;
	for (int i = 0; i < count; i++) {
		int fd = name_of_entry(entries[i]->d_name, name) ? host_connect(name) : -1;

		free(entries[i]);
		if (fd < 0)
			continue; /* no host, or one that is gone */
		close(fd);
		hosts++;
		each(ctx, name);
	}
	free(entries);
	return hosts;
}

/* Everything until the end.  Gives  0, -errno. */
static int reply_read(int fd, FILE *out)
{
	char buf[16384];
	ssize_t n;

	while ((n = recv(fd, buf, sizeof(buf), 0)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		fwrite(buf, 1, (size_t)n, out);
	}
	return 0;
}

/* Gives  the status that a first line tells, -EPROTO; *rest: what stands behind its first word. */
static int status_of(const char *line, const char **rest)
{
	static const struct {
		const char *word;
		int status;
	} words[] = {{"ok ", EXIT_FINE}, {"error ", EXIT_FAILED}, {"usage ", EXIT_USAGE}};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (strncmp(line, words[i].word, strlen(words[i].word)) == 0) {
			*rest = line + strlen(words[i].word);
			return words[i].status;
		}
	return -EPROTO;
}

/* Takes the first line off.  Gives  what control_ask gives. */
static int status_take(char *text, char id[64])
{
	char *end = strchr(text, '\n');
	const char *rest;
	int status = end == NULL ? -EPROTO : status_of(text, &rest);

	if (status < 0)
		return status;
	*end = '\0';
	if (status != EXIT_FINE) {
		memmove(text, rest, strlen(rest) + 1);
		return status;
	}
	snprintf(id, 64, "%s", rest);
	memmove(text, end + 1, strlen(end + 1) + 1);
	return EXIT_FINE;
}

/* Gives  a socket that the request went to, -errno. */
static int request_send(const char *name, const char *request)
{
	char line[CONTROL_REQUEST_MAX];
	int length = snprintf(line, sizeof(line), "%s\n", request), fd;

	if (length < 0 || (size_t)length >= sizeof(line))
		return -EMSGSIZE;
	fd = host_connect(name);
	if (fd < 0 || send(fd, line, (size_t)length, MSG_NOSIGNAL) == length)
		return fd;
	close(fd);
	return -EIO;
}

int control_ask(const char *name, const char *request, char id[64], char **text)
{
	size_t text_bytes = 0;
	int fd = request_send(name, request), err;
	FILE *out;

	if (fd < 0)
		return fd;
	*text = NULL;
	out = open_memstream(text, &text_bytes);
	err = out == NULL ? -ENOMEM : reply_read(fd, out);
	close(fd);
	if (out != NULL && fclose(out) != 0 && err == 0)
		err = -ENOMEM;
	if (err == 0)
		err = status_take(*text, id);
	if (err < 0) {
		free(*text);
		*text = NULL;
	}
	return err;
}

/* ---- an answer in pieces ---- */

#define LINE_MAX_BYTES 512

struct follower {
	FILE *out;
	char **text;
	int status; /* what to give at the end; -EPROTO until the host has said it */
	bool begun; /* the first line is read */
	char line[LINE_MAX_BYTES];
	size_t line_bytes;
};

static void line_take(struct follower *f)
{
	const char *rest;
	int status;

	f->line[f->line_bytes] = '\0';
	f->line_bytes = 0;
	if (!f->begun) {
		status = status_of(f->line, &rest);
		f->begun = true;
		if (status > EXIT_FINE) {
			f->status = status;
			*f->text = strdup(rest);
		}
	} else if (sscanf(f->line, "end %d", &status) == 1) {
		f->status = status;
	} else {
		fprintf(f->out, "%s\n", f->line);
		fflush(f->out);
	}
}

static void bytes_take(struct follower *f, const char *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (bytes[i] == '\n')
			line_take(f);
		else if (f->line_bytes < sizeof(f->line) - 1)
			f->line[f->line_bytes++] = bytes[i];
}

int control_follow(const char *name, const char *request, const volatile sig_atomic_t *stop, FILE *out, char **text)
{
	struct follower f = {.out = out, .text = text, .status = -EPROTO};
	int fd = request_send(name, request);
	bool stopped = false;
	char buf[4096];
	ssize_t n;

	*text = NULL;
	if (fd < 0)
		return fd;
	while ((n = recv(fd, buf, sizeof(buf), 0)) != 0) {
		if (*stop && !stopped)
			stopped = shutdown(fd, SHUT_WR) == 0;
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			break;
		if (n > 0)
			bytes_take(&f, buf, (size_t)n);
	}
	close(fd);
	return f.status;
}

/* ---- a stream ---- */

/* Takes the first line.  Gives  0 and the bytes of the stream that came with it, EXIT_FAILED, EXIT_USAGE (and *text), -EPROTO,
 * -errno. */
static int stream_begin(int fd, char *buf, size_t cap_bytes, size_t *rest_bytes, char **text)
{
	size_t used = 0;
	char *end = NULL;
	const char *rest;
	int status;

	while (end == NULL) {
		ssize_t n = recv(fd, buf + used, cap_bytes - 1 - used, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EPROTO;
		used += (size_t)n;
		end = memchr(buf, '\n', used);
	}
	*end = '\0';
	status = status_of(buf, &rest);
	if (status > EXIT_FINE)
		*text = strdup(rest);
	*rest_bytes = used - (size_t)(end + 1 - buf);
	memmove(buf, end + 1, *rest_bytes);
	return status;
}

/* Gives  false if they cannot be written. */
static bool bytes_pass(int out, const char *bytes, size_t count)
{
	while (count > 0) {
		ssize_t n = write(out, bytes, count);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		bytes += n;
		count -= (size_t)n;
	}
	return true;
}

int control_stream(const char *name, const char *request, const volatile sig_atomic_t *stop, int out, char **text)
{
	int fd = request_send(name, request), status;
	bool stopped = false;
	char buf[16384];
	size_t got = 0;
	ssize_t n;

	*text = NULL;
	if (fd < 0)
		return fd;
	status = stream_begin(fd, buf, sizeof(buf), &got, text);
	if (status == EXIT_FINE && !bytes_pass(out, buf, got))
		status = -errno;
	while (status == EXIT_FINE && (n = recv(fd, buf, sizeof(buf), 0)) != 0) {
		if (*stop && !stopped)
			stopped = shutdown(fd, SHUT_WR) == 0;
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			break; /* the host is gone */
		if (n > 0 && !bytes_pass(out, buf, (size_t)n))
			status = -errno;
	}
	close(fd);
	return status;
}
