/* SPDX-License-Identifier: MIT
 * The host's side of its control socket: an epoll set of its own with the listening socket and a few clients.
 * Nothing waits: a client that is slow to ask or to read has CLIENT_NS for all of it. */
#include "control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define CLIENTS_MAX 16
#define CLIENT_NS (5 * HO_SEC)
#define WORDS_MAX 16

struct client {
	int fd; /* -1: free */
	ho_time_ns until;
	char request[CONTROL_REQUEST_MAX];
	size_t request_bytes;
	char *reply; /* NULL: still asking */
	size_t reply_bytes, reply_sent;
};

struct control {
	int listener, epoll;
	char path[CONTROL_PATH_MAX];
	char id[64];
	control_answer *answer;
	void *ctx;
	struct client client[CLIENTS_MAX];
};

/* ---- clients ---- */

static void client_close(struct client *k)
{
	close(k->fd);
	free(k->reply);
	*k = (struct client){.fd = -1};
}

static struct client *client_free_one(struct control *c)
{
	for (int i = 0; i < CLIENTS_MAX; i++)
		if (c->client[i].fd < 0)
			return &c->client[i];
	return NULL;
}

static void client_accept(struct control *c, ho_time_ns now)
{
	int fd = accept4(c->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct client *k = client_free_one(c);
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = k};

	if (fd < 0)
		return;
	if (k == NULL || epoll_ctl(c->epoll, EPOLL_CTL_ADD, fd, &e) < 0) {
		close(fd);
		return;
	}
	*k = (struct client){.fd = fd, .until = now + CLIENT_NS};
}

/* ---- answers ---- */

static int words_split(char *line, char *words[WORDS_MAX])
{
	char *save = NULL;
	int count = 0;

	for (char *w = strtok_r(line, " \t\r\n", &save); w != NULL && count < WORDS_MAX;
	     w = strtok_r(NULL, " \t\r\n", &save))
		words[count++] = w;
	return count;
}

static bool reply_make(struct control *c, struct client *k)
{
	char *words[WORDS_MAX], *text = NULL;
	size_t text_bytes = 0;
	int count = words_split(k->request, words);
	FILE *out = open_memstream(&text, &text_bytes);
	const char *wrong;

	if (out == NULL)
		return false;
	fprintf(out, "ok %s\n", c->id);
	wrong = count == 0 ? "an empty request" : c->answer(c->ctx, count, words, out);
	if (wrong != NULL) {
		fseek(out, 0, SEEK_SET);
		fprintf(out, "error %s\n", wrong);
	}
	if (fclose(out) != 0) {
		free(text);
		return false;
	}
	k->reply = text;
	k->reply_bytes = wrong != NULL ? strlen("error \n") + strlen(wrong) : text_bytes;
	return true;
}

static void reply_send(struct control *c, struct client *k)
{
	struct epoll_event e = {.events = EPOLLOUT, .data.ptr = k};

	while (k->reply_sent < k->reply_bytes) {
		ssize_t n = send(k->fd, k->reply + k->reply_sent, k->reply_bytes - k->reply_sent, MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN && epoll_ctl(c->epoll, EPOLL_CTL_MOD, k->fd, &e) == 0)
			return;
		if (n <= 0)
			break;
		k->reply_sent += (size_t)n;
	}
	client_close(k);
}

/* The end of the line, or of the stream, ends a request. */
static void request_read(struct control *c, struct client *k)
{
	ssize_t n = recv(k->fd, k->request + k->request_bytes, sizeof(k->request) - 1 - k->request_bytes, 0);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n > 0) {
		k->request_bytes += (size_t)n;
		k->request[k->request_bytes] = '\0';
		if (memchr(k->request, '\n', k->request_bytes) == NULL && k->request_bytes < sizeof(k->request) - 1)
			return;
	}
	if (n < 0 || k->request_bytes == 0 || !reply_make(c, k))
		client_close(k);
	else
		reply_send(c, k);
}

/* ---- the socket ---- */

void control_run(struct control *c, ho_time_ns now)
{
	struct epoll_event events[CLIENTS_MAX + 1];
	int count = epoll_wait(c->epoll, events, CLIENTS_MAX + 1, 0);

	for (int i = 0; i < count; i++) {
		struct client *k = events[i].data.ptr;

		if (k == NULL)
			client_accept(c, now);
		else if (k->reply == NULL)
			request_read(c, k);
		else
			reply_send(c, k);
	}
	for (int i = 0; i < CLIENTS_MAX; i++)
		if (c->client[i].fd >= 0 && c->client[i].until <= now)
			client_close(&c->client[i]);
}

ho_time_ns control_deadline(const struct control *c)
{
	ho_time_ns first = HO_NEVER;

	for (int i = 0; i < CLIENTS_MAX; i++)
		if (c->client[i].fd >= 0 && c->client[i].until < first)
			first = c->client[i].until;
	return first;
}

int control_fd(const struct control *c)
{
	return c->epoll;
}

/* A socket file whose owner is gone refuses connections: it is in the way. */
static int stale_remove(const struct sockaddr_un *at)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), err = 0;

	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)at, sizeof(*at)) == 0)
		err = -EADDRINUSE;
	else if (errno == ECONNREFUSED && unlink(at->sun_path) < 0)
		err = -errno;
	close(fd);
	return err;
}

static int directory_make(const char *path)
{
	char dir[CONTROL_PATH_MAX];
	char *slash;

	strcpy(dir, path);
	slash = strrchr(dir, '/');
	*slash = '\0';
	return mkdir(dir, geteuid() == 0 ? 0755 : 0700) < 0 && errno != EEXIST ? -errno : 0;
}

static int socket_open(struct control *c)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	struct epoll_event e = {.events = EPOLLIN};
	int err = directory_make(c->path);

	strcpy(at.sun_path, c->path);
	if (err == 0)
		err = stale_remove(&at);
	if (err != 0)
		return err;
	c->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->listener < 0 || bind(c->listener, (struct sockaddr *)&at, sizeof(at)) < 0)
		return -errno;
	if (listen(c->listener, CLIENTS_MAX) < 0)
		return -errno;
	c->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (c->epoll < 0 || epoll_ctl(c->epoll, EPOLL_CTL_ADD, c->listener, &e) < 0)
		return -errno;
	return 0;
}

int control_open(const char *name, const char *id, control_answer *answer, void *ctx, struct control **out)
{
	struct control *c = calloc(1, sizeof(*c));
	int err;

	if (c == NULL)
		return -ENOMEM;
	c->listener = c->epoll = -1;
	c->answer = answer;
	c->ctx = ctx;
	for (int i = 0; i < CLIENTS_MAX; i++)
		c->client[i].fd = -1;
	snprintf(c->id, sizeof(c->id), "%s", id);
	err = control_path(name, ".sock", c->path);
	if (err == 0)
		err = socket_open(c);
	if (err != 0) {
		c->path[0] = '\0'; /* not ours to remove */
		control_close(c);
		return err;
	}
	*out = c;
	return 0;
}

void control_close(struct control *c)
{
	if (c == NULL)
		return;
	for (int i = 0; i < CLIENTS_MAX; i++)
		if (c->client[i].fd >= 0)
			client_close(&c->client[i]);
	if (c->path[0] != '\0')
		unlink(c->path);
	if (c->listener >= 0)
		close(c->listener);
	if (c->epoll >= 0)
		close(c->epoll);
	free(c);
}
