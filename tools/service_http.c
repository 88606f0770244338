/* SPDX-License-Identifier: MIT
 * The http service: GET and HEAD of / (what this is, with live counters) and /bytes/N (N bytes of a fixed pattern).
 *
 * A connection is in one of three states:
 *     READING    a request is not whole yet, or its body (which nobody wants) is not over
 *     ANSWERING  head and body on their way out
 *     LINGERING  answered for the last time and shut down for writing: what still comes is read away, because closing with
 *                unread bytes would reset the connection and take the answer with it (RFC 9112 9.6)
 * READING -> ANSWERING respond(); ANSWERING -> READING or LINGERING answer_send(); LINGERING -> closed at the peer's FIN.
 * Each state ends by the idle limit of services.c, too.
 *
 * The byte at offset i of the pattern is (j ^ j >> 8) & 255 with j = i mod 65521.  65521 is a prime: a piece that is missing,
 * double or at the wrong place shows, whatever its size. */
#include "services.h"

#include "http_request.h"
#include "tools.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define REQUEST_BYTES 8192
#define HEAD_BYTES 512
#define PATTERN_PERIOD 65521u
#define PIECE_BYTES 65536u
#define PIECE_REF_BYTES 16384u /* from here on by reference */

enum http_state { READING, ANSWERING, LINGERING };

struct http_conn {
	enum http_state state;
	bool close_after;
	uint64_t skip_bytes; /* of the request's body, still to come */
	size_t in_bytes;
	char in[REQUEST_BYTES];
	char head[HEAD_BYTES];
	size_t head_bytes, head_sent;
	char *text; /* the body, if it is one of our making; else the pattern */
	uint64_t body_bytes, body_sent;
};

static uint8_t pattern[PATTERN_PERIOD + PIECE_BYTES]; /* a piece from any place on lies in one piece */

static void pattern_fill(void)
{
	if (pattern[1] != 0)
		return;
	for (uint32_t i = 0; i < sizeof(pattern); i++) {
		uint32_t j = i % PATTERN_PERIOD;

		pattern[i] = (uint8_t)(j ^ j >> 8);
	}
}

int http_on_open(struct conn *c)
{
	pattern_fill();
	c->http = malloc(sizeof(*c->http));
	if (c->http == NULL)
		return -ENOMEM;
	c->http->state = READING;
	c->http->skip_bytes = 0;
	c->http->in_bytes = 0;
	c->http->text = NULL;
	return 0;
}

void http_on_close(struct conn *c)
{
	free(c->http->text);
	free(c->http);
}

/* ---- pages ---- */

static void page_counters(FILE *out, const struct ho_stack *s)
{
	char name[64];

	for (unsigned i = 0; i < HO_COUNTER_ROWS; i++) {
		const uint64_t v = ho_counter_get(s, i);

		if (v == 0 || ho_counter_row(i)->kind == HO_FIXED || ho_counter_name(i, name, sizeof(name)) < 0)
			continue;
		fprintf(out, "<tr><td>%s</td><td align=right>%llu</td><td>", name, (unsigned long long)v);
		for (const char *at = ho_counter_row(i)->text; *at != '\0'; at++) {
			if (*at == '<' || *at == '&')
				fputs(*at == '<' ? "&lt;" : "&amp;", out);
			else
				fputc(*at, out);
		}
		fputs("</td></tr>\n", out);
	}
}

/* Gives  the page, malloc'ed, or NULL. */
static char *page_index(struct conn *c, size_t *len_bytes)
{
	const struct services_stats *st = services_stats(c->services);
	char *text = NULL;
	FILE *out = open_memstream(&text, len_bytes);

	if (out == NULL)
		return NULL;
	fprintf(out,
	        "<!doctype html>\n<html lang=en><head><meta charset=utf-8><title>halfopen</title></head><body>\n"
	        "<h1>halfopen %s</h1>\n"
	        "<p>This page comes from a TCP/IP stack in a user process, which counts as Linux does. "
	        "Connections accepted: %llu, open: %u, requests: %llu.</p>\n"
	        "<p><a href=\"/bytes/10485760\">/bytes/N</a> sends N bytes of a fixed pattern.</p>\n"
	        "<table>\n<tr><th>counter</th><th>value</th><th>what moves it</th></tr>\n",
	        ho_version(), (unsigned long long)st->accepted, st->open, (unsigned long long)st->requests);
	page_counters(out, c->stack);
	fputs("</table>\n</body></html>\n", out);
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

/* ---- answers ---- */

static const char *status_words(int status)
{
	switch (status) {
	case 200: return "OK";
	case 400: return "Bad Request";
	case 404: return "Not Found";
	case 405: return "Method Not Allowed";
	case 414: return "URI Too Long";
	case 431: return "Request Header Fields Too Large";
	case 501: return "Not Implemented";
	case 505: return "HTTP Version Not Supported";
	default: return "Internal Server Error";
	}
}

static void head_write(struct http_conn *h, int status, const char *type)
{
	int n = snprintf(
		h->head, sizeof(h->head),
		"HTTP/1.1 %d %s\r\nServer: halfopen/%s\r\nContent-Type: %s\r\nContent-Length: %llu\r\n%s%s\r\n", status,
		status_words(status), ho_version(), type, (unsigned long long)h->body_bytes,
		status == 405 ? "Allow: GET, HEAD\r\n" : "",
		h->close_after ? "Connection: close\r\n" : "Connection: keep-alive\r\n");

	h->head_bytes = n > 0 && (size_t)n < sizeof(h->head) ? (size_t)n : 0;
	h->head_sent = 0;
	h->body_sent = 0;
	h->state = ANSWERING;
}

static void respond_error(struct http_conn *h, int status, bool with_body)
{
	h->text = malloc(HEAD_BYTES);
	h->body_bytes = 0;
	if (h->text != NULL)
		h->body_bytes = (uint64_t)snprintf(h->text, HEAD_BYTES,
		                                   "%d %s\nThere are / and /bytes/N here, for GET and HEAD.\n", status,
		                                   status_words(status));
	head_write(h, status, "text/plain; charset=utf-8");
	if (!with_body)
		h->body_bytes = 0;
}

static void respond(struct conn *c, const struct http_request *r)
{
	struct http_conn *h = c->http;
	size_t page_bytes = 0;

	services_stats(c->services)->requests++;
	h->close_after = !r->keep_alive || r->method == HTTP_OTHER;
	h->skip_bytes = r->body_bytes;
	if (r->method == HTTP_OTHER) {
		respond_error(h, 405, true);
		return;
	}
	if (strcmp(r->target, "/") == 0 || *r->target == '\0') {
		h->text = page_index(c, &page_bytes);
		h->body_bytes = page_bytes;
		if (h->text == NULL) {
			respond_error(h, 500, r->method == HTTP_GET);
			return;
		}
		head_write(h, 200, "text/html; charset=utf-8");
	} else if (strncmp(r->target, "/bytes/", 7) == 0 && parse_u64(r->target + 7, 0, INT64_MAX, &h->body_bytes)) {
		head_write(h, 200, "application/octet-stream");
	} else {
		respond_error(h, 404, r->method == HTTP_GET);
		return;
	}
	if (r->method == HTTP_HEAD)
		h->body_bytes = 0;
}

static void nothing(void *ctx)
{
	(void)ctx;
}

/* The next piece of the body.  Gives  what send gave. */
static ptrdiff_t body_send(struct conn *c)
{
	struct http_conn *h = c->http;
	uint64_t left = h->body_bytes - h->body_sent;
	size_t piece = left < PIECE_BYTES ? (size_t)left : PIECE_BYTES;
	const uint8_t *from;

	if (h->text != NULL)
		return ho_sock_send(c->stack, c->fd, h->text + h->body_sent, piece, HO_MSG_NOSIGNAL);
	from = pattern + h->body_sent % PATTERN_PERIOD;
	if (piece < PIECE_REF_BYTES)
		return ho_sock_send(c->stack, c->fd, from, piece, HO_MSG_NOSIGNAL);
	return ho_sock_send_ref(c->stack, c->fd, from, piece, HO_MSG_NOSIGNAL, nothing, NULL);
}

static void answer_end(struct conn *c)
{
	struct http_conn *h = c->http;

	free(h->text);
	h->text = NULL;
	h->state = READING;
	if (h->close_after) {
		h->state = LINGERING;
		ho_sock_shutdown(c->stack, c->fd, HO_SHUT_WR);
	}
}

/* ---- the three states: each gives RUN_MORE when the state has changed or the share is used up ---- */

static enum run_verdict answer_send(struct conn *c)
{
	struct http_conn *h = c->http;

	for (size_t moved = 0; moved < SERVICE_SHARE_BYTES;) {
		bool in_head = h->head_sent < h->head_bytes;
		ptrdiff_t n;

		if (!in_head && h->body_sent == h->body_bytes) {
			answer_end(c);
			return RUN_MORE;
		}
		n = in_head ? ho_sock_send(c->stack, c->fd, h->head + h->head_sent, h->head_bytes - h->head_sent,
		                           HO_MSG_NOSIGNAL | (h->body_bytes > 0 ? HO_MSG_MORE : 0))
		            : body_send(c);
		if (n == -EAGAIN)
			return RUN_WAIT;
		if (n < 0)
			return RUN_DONE;
		*(in_head ? &h->head_sent : &h->body_sent) += (size_t)n;
		moved += (size_t)n;
		conn_progress(c);
	}
	return RUN_MORE;
}

static void buffer_cut(struct http_conn *h, size_t bytes)
{
	h->in_bytes -= bytes;
	memmove(h->in, h->in + bytes, h->in_bytes);
}

/* What the buffer holds, as far as it goes.  Gives  true if there is something to answer. */
static bool buffer_parse(struct conn *c)
{
	struct http_conn *h = c->http;
	struct http_request r;
	size_t skip = h->skip_bytes < h->in_bytes ? (size_t)h->skip_bytes : h->in_bytes;
	int n;

	h->skip_bytes -= skip;
	buffer_cut(h, skip);
	n = http_request_parse(h->in, h->in_bytes, &r);
	if (n == 0 && h->in_bytes == sizeof(h->in))
		n = -431;
	if (n == 0)
		return false;
	if (n > 0) {
		buffer_cut(h, (size_t)n);
		respond(c, &r);
	} else {
		h->close_after = true;
		respond_error(h, -n, true);
	}
	return true;
}

static enum run_verdict request_read(struct conn *c)
{
	struct http_conn *h = c->http;

	for (;;) {
		ptrdiff_t n;

		if (buffer_parse(c))
			return RUN_MORE;
		n = ho_sock_recv(c->stack, c->fd, h->in + h->in_bytes, sizeof(h->in) - h->in_bytes, 0);
		if (n == -EAGAIN)
			return RUN_WAIT;
		if (n <= 0)
			return RUN_DONE;
		h->in_bytes += (size_t)n;
		conn_progress(c);
	}
}

static enum run_verdict linger(struct conn *c)
{
	for (size_t moved = 0; moved < SERVICE_SHARE_BYTES;) {
		ptrdiff_t n = ho_sock_recv(c->stack, c->fd, c->http->in, sizeof(c->http->in), 0);

		if (n == -EAGAIN)
			return RUN_WAIT;
		if (n <= 0)
			return RUN_DONE;
		moved += (size_t)n;
	}
	return RUN_MORE;
}

enum run_verdict http_run(struct conn *c)
{
	switch (c->http->state) {
	case READING: return request_read(c);
	case ANSWERING: return answer_send(c);
	default: return linger(c);
	}
}
