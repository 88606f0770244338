/* SPDX-License-Identifier: MIT
 * The HTTP of `host --metrics`: libmicrohttpd without a thread of its own. Its epoll set is one descriptor of the host's loop,
 * which calls when it is readable; so a text is made of a stack that nobody else is touching.
 *
 * Whoever connects has REQUEST_NS for a whole request and its answer, and as long again for the next one. */
#include "metrics.h"

#include "http_accept.h"
#include "mhd.h"

#include <halfopen/view.h>

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CLIENTS_MAX 16
#define REQUEST_NS (5 * HO_SEC)
#define BACKLOG 64
#define MEMORY_BYTES 16384 /* of a request: more is answered by 431 or 413 */

struct client {
	int fd;     /* -1: free */
	bool ended; /* it says no more */
	ho_time_ns until;
};

struct metrics {
	const struct ho_stack *stack;
	struct MHD_Daemon *daemon;
	int listener, epoll;
	ho_time_ns now;
	bool more;         /* it has not come to an end */
	bool left;         /* somebody has: libmicrohttpd looks for who waits for the place when it runs next */
	size_t text_bytes; /* of the last one */
	struct client client[CLIENTS_MAX];
};

static struct mhd mhd; /* the library, of all there are */

/* ---- texts ---- */

struct text_of {
	char *text; /* malloc'ed; NULL: no memory */
	size_t bytes;
};

static struct text_of text_make(struct metrics *m, enum ho_metrics_format format)
{
	size_t cap = m->text_bytes + 4096;
	char *text = malloc(cap);

	while (text != NULL) {
		char *longer;

		m->text_bytes = ho_view_metrics(m->stack, format, text, cap);
		if (m->text_bytes < cap)
			return (struct text_of){text, m->text_bytes};
		cap = m->text_bytes + 4096;
		longer = realloc(text, cap);
		if (longer == NULL)
			free(text);
		text = longer;
	}
	return (struct text_of){NULL, 0};
}

static struct MHD_Response *response_metrics(struct metrics *m, struct MHD_Connection *c)
{
	const char *accept = mhd.lookup_connection_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);
	bool openmetrics = http_accept_openmetrics(accept);
	struct text_of made = text_make(m, openmetrics ? HO_METRICS_OPENMETRICS : HO_METRICS_PROMETHEUS);
	struct MHD_Response *r;

	if (made.text == NULL)
		return NULL;
	r = mhd.create_response_from_buffer(made.bytes, made.text, MHD_RESPMEM_MUST_FREE);
	if (r == NULL) {
		free(made.text);
		return NULL;
	}
	mhd.add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE,
	                        openmetrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
	                                    : "text/plain; version=0.0.4; charset=utf-8");
	mhd.add_response_header(r, MHD_HTTP_HEADER_VARY, MHD_HTTP_HEADER_ACCEPT);
	return r;
}

static struct MHD_Response *response_words(const char *type, const char *words)
{
	struct MHD_Response *r =
		mhd.create_response_from_buffer(strlen(words), (void *)(uintptr_t)words, MHD_RESPMEM_PERSISTENT);

	if (r != NULL)
		mhd.add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	return r;
}

/* ---- requests ---- */

static enum MHD_Result respond(struct MHD_Connection *c, unsigned status, struct MHD_Response *r)
{
	enum MHD_Result result;

	if (r == NULL)
		return MHD_NO; /* no memory: the connection ends */
	result = mhd.queue_response(c, status, r);
	mhd.destroy_response(r);
	return result;
}

static enum MHD_Result refuse(struct MHD_Connection *c, unsigned status, const char *words)
{
	struct MHD_Response *r = response_words("text/plain; charset=utf-8", words);

	if (r != NULL && status == MHD_HTTP_METHOD_NOT_ALLOWED)
		mhd.add_response_header(r, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	return respond(c, status, r);
}

/* The path of "/metrics" and of "http://127.0.0.1:9464/metrics", as a proxy is asked. */
static const char *path_of(const char *url)
{
	if (strncasecmp(url, "http://", 7) != 0)
		return url;
	url += 7 + strcspn(url + 7, "/");
	return *url != '\0' ? url : "/";
}

/* Called once when the head of a request is there, then for each piece of its body, then to be answered. What is refused is
 * refused at once: nobody has to read a body for that. */
static enum MHD_Result on_request(void *ctx, struct MHD_Connection *c, const char *url, const char *method,
                                  const char *version, const char *body, size_t *body_bytes, void **seen)
{
	static const char front[] = "<!DOCTYPE html>\n<title>halfopen</title>\n<a href=\"/metrics\">metrics</a>\n";
	static int once;
	const char *path = path_of(url);

	(void)version;
	(void)body;
	if (strcmp(path, "/metrics") != 0 && strcmp(path, "/") != 0)
		return refuse(c, MHD_HTTP_NOT_FOUND, "There are / and /metrics here.\n");
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return refuse(c, MHD_HTTP_METHOD_NOT_ALLOWED, "Only GET and HEAD are answered here.\n");
	if (*seen == NULL || *body_bytes > 0) {
		*seen = &once;
		*body_bytes = 0;
		return MHD_YES;
	}
	if (strcmp(path, "/") == 0)
		return respond(c, MHD_HTTP_OK, response_words("text/html; charset=utf-8", front));
	return respond(c, MHD_HTTP_OK, response_metrics(ctx, c));
}

/* ---- who takes too long ---- */

static void on_connection(void *ctx, struct MHD_Connection *c, void **seat, enum MHD_ConnectionNotificationCode code)
{
	struct metrics *m = ctx;
	struct client *k = *seat;

	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		if (k != NULL)
			k->fd = -1;
		m->left = true;
		return;
	}
	for (int i = 0; i < CLIENTS_MAX; i++) {
		if (m->client[i].fd >= 0)
			continue;
		m->client[i] = (struct client){
			.fd = mhd.get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd,
			.until = m->now + REQUEST_NS,
		};
		*seat = &m->client[i];
		return;
	}
}

static void on_completed(void *ctx, struct MHD_Connection *c, void **seen, enum MHD_RequestTerminationCode code)
{
	const union MHD_ConnectionInfo *seat = mhd.get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct metrics *m = ctx;

	(void)code;
	*seen = NULL;
	if (seat != NULL && seat->socket_context != NULL)
		((struct client *)seat->socket_context)->until = m->now + REQUEST_NS;
}

/* libmicrohttpd finds the connection ended, and closes it. */
static void clients_end(struct metrics *m)
{
	for (int i = 0; i < CLIENTS_MAX; i++) {
		if (m->client[i].fd < 0 || m->client[i].until > m->now)
			continue;
		shutdown(m->client[i].fd, SHUT_RDWR);
		m->client[i].until = m->now + REQUEST_NS;
	}
}

/* libmicrohttpd (0.9.75) does not notice a FIN that came together with the last bytes: shutting down wakes its epoll set once more. */
static void ends_notice(struct metrics *m)
{
	char byte;

	for (int i = 0; i < CLIENTS_MAX; i++) {
		struct client *k = &m->client[i];

		if (k->fd < 0 || k->ended || recv(k->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) != 0)
			continue;
		k->ended = true;
		shutdown(k->fd, SHUT_RD);
	}
}

/* ---- the door ---- */

void metrics_run(struct metrics *m, ho_time_ns now)
{
	MHD_UNSIGNED_LONG_LONG left_ms;

	m->now = now;
	m->left = false;
	clients_end(m);
	mhd.run(m->daemon);
	ends_notice(m);
	m->more = m->left || (mhd.get_timeout(m->daemon, &left_ms) == MHD_YES && left_ms == 0);
}

ho_time_ns metrics_deadline(const struct metrics *m)
{
	ho_time_ns first = HO_NEVER;

	if (m == NULL)
		return HO_NEVER;
	if (m->more)
		return 0;
	for (int i = 0; i < CLIENTS_MAX; i++)
		if (m->client[i].fd >= 0 && m->client[i].until < first)
			first = m->client[i].until;
	return first;
}

int metrics_fd(const struct metrics *m)
{
	return m->epoll;
}

static int listener_open(struct metrics *m, const struct metrics_spec *spec)
{
	int one = 1;

	m->listener = socket(spec->at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (spec->at.ss_family == AF_INET6) /* [::] is not 0.0.0.0, too */
		setsockopt(m->listener, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	if (m->listener < 0 || setsockopt(m->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    bind(m->listener, (const struct sockaddr *)&spec->at, spec->at_bytes) < 0 ||
	    listen(m->listener, BACKLOG) < 0)
		return -errno;
	return 0;
}

static int daemon_open(struct metrics *m)
{
	const struct MHD_OptionItem options[] = {
		{MHD_OPTION_LISTEN_SOCKET, m->listener, NULL},
		{MHD_OPTION_CONNECTION_LIMIT, CLIENTS_MAX, NULL},
		{MHD_OPTION_CONNECTION_MEMORY_LIMIT, MEMORY_BYTES, NULL},
		{MHD_OPTION_STRICT_FOR_CLIENT, 1, NULL},
		{MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)on_connection, m},
		{MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)on_completed, m},
		{MHD_OPTION_END, 0, NULL},
	};
	const union MHD_DaemonInfo *info;

	m->daemon = mhd.start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, on_request, m, MHD_OPTION_ARRAY, options,
	                             MHD_OPTION_END);
	if (m->daemon == NULL)
		return -ENOMEM;
	m->listener = -1; /* the daemon's now */
	info = mhd.get_daemon_info(m->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	m->epoll = info != NULL ? info->epoll_fd : -1;
	return m->epoll >= 0 ? 0 : -ENOTSUP;
}

int metrics_open(const struct metrics_spec *spec, const struct ho_stack *s, struct metrics **out)
{
	struct metrics *m = calloc(1, sizeof(*m));
	int err;

	if (m == NULL)
		return -ENOMEM;
	m->stack = s;
	m->listener = -1;
	for (int i = 0; i < CLIENTS_MAX; i++)
		m->client[i].fd = -1;
	err = mhd_load(&mhd);
	if (err == 0)
		err = listener_open(m, spec);
	if (err == 0)
		err = daemon_open(m);
	if (err != 0) {
		metrics_close(m);
		return err;
	}
	*out = m;
	return 0;
}

void metrics_close(struct metrics *m)
{
	if (m == NULL)
		return;
	if (m->daemon != NULL)
		mhd.stop_daemon(m->daemon);
	if (m->listener >= 0)
		close(m->listener);
	mhd_unload(&mhd);
	free(m);
}
