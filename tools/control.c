/* SPDX-License-Identifier: MIT
 * The host's side of its control socket: an epoll set of its own with the listening socket and a few clients.
 * Nothing waits: a client that is slow to ask or to read has CLIENT_NS for all of it. */
#include "control.h"

#include "control_json.h"
#include "tools.h"

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
#define WORDS_MAX 64
#define SAY_MAX (1u << 18) /* unread bytes of an answer in pieces: a few of the largest packets */

struct client {
	int fd; /* -1: free */
	ho_time_ns until;
	char request[CONTROL_REQUEST_MAX];
	size_t request_bytes;
	char *reply; /* NULL: still asking */
	size_t reply_bytes, reply_sent;
	uint64_t ticket;
	bool kept;   /* more is to be said */
	bool enough; /* it has shut down writing */
};

struct control {
	int listener, epoll;
	char path[CONTROL_PATH_MAX];
	char id[64];
	control_answer *answer;
	void *ctx;
	uint64_t tickets;   /* given out so far */
	uint64_t answering; /* the ticket of the request at hand */
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
	*k = (struct client){.fd = fd, .until = now + CLIENT_NS, .ticket = ++c->tickets};
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

/* The first line of a reply, by the status of its answer. */
static void head_write(const struct control *c, int status, FILE *out)
{
	if (status == EXIT_FINE || status == CONTROL_LATER)
		fprintf(out, "ok %s\n", c->id);
	else
		fputs(status == EXIT_USAGE ? "usage " : "error ", out);
}

/* An answer in pieces is one of words; JSON's has an end when it begins. */
static bool reply_join_json(const struct control *c, struct client *k, int status, const char *text, size_t text_bytes)
{
	static const char later[] = "this answer comes in pieces: ask for it in words";
	FILE *out = open_memstream(&k->reply, &k->reply_bytes);

	if (out == NULL)
		return false;
	if (status == CONTROL_LATER)
		control_json_answer(out, EXIT_USAGE, c->id, later, sizeof(later) - 1);
	else
		control_json_answer(out, status, c->id, text, text_bytes);
	return fclose(out) == 0;
}

static bool reply_join(const struct control *c, struct client *k, int status, const char *text, size_t text_bytes)
{
	FILE *out = open_memstream(&k->reply, &k->reply_bytes);

	if (out == NULL)
		return false;
	head_write(c, status, out);
	fwrite(text, 1, text_bytes, out);
	if (status != EXIT_FINE && status != CONTROL_LATER)
		fputc('\n', out);
	return fclose(out) == 0;
}

static bool reply_make(struct control *c, struct client *k)
{
	char *words[WORDS_MAX], *text = NULL;
	size_t text_bytes = 0;
	bool json = control_is_json(k->request), good;
	int count = json ? control_json_words(k->request, words, WORDS_MAX) : words_split(k->request, words);
	FILE *out = open_memstream(&text, &text_bytes);
	int status = EXIT_USAGE;

	if (out == NULL)
		return false;
	c->answering = k->ticket;
	if (count <= 0)
		fputs(count == 0 ? "an empty request" : "this is no request; {\"ask\":[\"WORD\",...]} is one", out);
	else
		status = c->answer(c->ctx, count, words, out);
	good = fclose(out) == 0 && (json ? reply_join_json : reply_join)(c, k, status, text, text_bytes);
	free(text);
	k->kept = good && !json && status == CONTROL_LATER;
	if (k->kept)
		k->until = HO_NEVER;
	return good;
}

/* What to wait for: room to write, or a word from who has not said that it is enough. */
static void client_wait(struct control *c, struct client *k)
{
	bool unsent = k->reply_sent < k->reply_bytes;
	struct epoll_event e = {.events = (unsent ? EPOLLOUT : 0u) | (k->kept && !k->enough ? EPOLLIN : 0u),
	                        .data.ptr = k};

	if (epoll_ctl(c->epoll, EPOLL_CTL_MOD, k->fd, &e) < 0)
		client_close(k);
}

static void reply_send(struct control *c, struct client *k)
{
	while (k->reply_sent < k->reply_bytes) {
		ssize_t n = send(k->fd, k->reply + k->reply_sent, k->reply_bytes - k->reply_sent, MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN) {
			client_wait(c, k);
			return;
		}
		if (n <= 0) {
			client_close(k);
			return;
		}
		k->reply_sent += (size_t)n;
	}
	if (k->kept)
		client_wait(c, k);
	else
		client_close(k);
}

/* ---- an answer in pieces ---- */

uint64_t control_ticket(const struct control *c)
{
	return c->answering;
}

static struct client *client_of(const struct control *c, uint64_t ticket)
{
	for (int i = 0; i < CLIENTS_MAX; i++)
		if (c->client[i].fd >= 0 && c->client[i].ticket == ticket)
			return (struct client *)&c->client[i];
	return NULL;
}

enum control_asker control_asker(const struct control *c, uint64_t ticket)
{
	const struct client *k = client_of(c, ticket);

	return k == NULL ? ASKER_GONE : k->enough ? ASKER_ENOUGH : ASKER_WAITS;
}

void control_say(struct control *c, uint64_t ticket, const char *text, size_t bytes)
{
	struct client *k = client_of(c, ticket);
	size_t unsent = k != NULL ? k->reply_bytes - k->reply_sent : 0;
	char *longer;

	if (k == NULL)
		return;
	longer = unsent + bytes <= SAY_MAX ? malloc(unsent + bytes + 1) : NULL;
	if (longer == NULL) {
		client_close(k);
		return;
	}
	memcpy(longer, k->reply + k->reply_sent, unsent);
	memcpy(longer + unsent, text, bytes);
	free(k->reply);
	k->reply = longer;
	k->reply_sent = 0;
	k->reply_bytes = unsent + bytes;
	reply_send(c, k);
}

void control_end(struct control *c, uint64_t ticket, int status)
{
	struct client *k = client_of(c, ticket);
	char line[32];

	if (k == NULL)
		return;
	k->kept = false;
	snprintf(line, sizeof(line), "end %d\n", status);
	control_say(c, ticket, line, strlen(line));
}

size_t control_room(const struct control *c, uint64_t ticket)
{
	const struct client *k = client_of(c, ticket);

	return k != NULL ? SAY_MAX - (k->reply_bytes - k->reply_sent) : 0;
}

void control_finish(struct control *c, uint64_t ticket)
{
	struct client *k = client_of(c, ticket);

	if (k == NULL)
		return;
	k->kept = false;
	reply_send(c, k);
}

/* A client with an answer in pieces has said something: that it is enough, or nothing that matters. */
static void word_read(struct control *c, struct client *k)
{
	char rest[256];
	ssize_t n = recv(k->fd, rest, sizeof(rest), 0);

	if (n < 0 && errno != EAGAIN) {
		client_close(k);
		return;
	}
	k->enough |= n == 0;
	client_wait(c, k);
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
		else if (events[i].events & EPOLLHUP)
			client_close(k);
		else if (events[i].events & EPOLLIN)
			word_read(c, k);
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

int control_directory_make(const char *path)
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
	int err = control_directory_make(c->path);

	strcpy(at.sun_path, c->path);
	if (err == 0)
		err = stale_remove(&at);
	if (err != 0)
		return err;
	c->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	/* a socket's file has the mode that the socket had */
	if (c->listener < 0 || fchmod(c->listener, 0600) < 0 ||
	    bind(c->listener, (struct sockaddr *)&at, sizeof(at)) < 0)
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
