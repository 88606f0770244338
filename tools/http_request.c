/* SPDX-License-Identifier: MIT
 * An HTTP/1 request's head, bytes to values. */
#include "http_request.h"

#include <limits.h>
#include <string.h>
#include <strings.h>

/* A piece of the input. */
struct span {
	const char *at;
	size_t len;
};

/* What the fields of a head say that matters here. */
struct fields {
	bool has_length, has_host, has_coding, close, keep_alive;
	uint64_t length;
};

/* ---- characters ---- */

static bool is_token(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_control(char c)
{
	return ((unsigned char)c < 0x20 && c != '\t') || c == 0x7f;
}

/* ---- spans ---- */

/* Cuts a line off the rest, without its CR LF or bare LF.  Gives  false if no line end has come yet. */
static bool line_take(struct span *rest, struct span *line)
{
	const char *lf = memchr(rest->at, '\n', rest->len);

	if (lf == NULL)
		return false;
	*line = (struct span){rest->at, (size_t)(lf - rest->at)};
	rest->len -= line->len + 1;
	rest->at = lf + 1;
	if (line->len > 0 && line->at[line->len - 1] == '\r')
		line->len--;
	return true;
}

static struct span trimmed(struct span s)
{
	while (s.len > 0 && is_blank(*s.at))
		s.at++, s.len--;
	while (s.len > 0 && is_blank(s.at[s.len - 1]))
		s.len--;
	return s;
}

/* Cuts off what stands before a character, and the character.  Without it: everything. */
static struct span before(struct span *rest, char c)
{
	const char *end = rest->len > 0 ? memchr(rest->at, c, rest->len) : NULL;
	struct span s = {rest->at, end != NULL ? (size_t)(end - rest->at) : rest->len};
	size_t cut = s.len + (end != NULL);

	rest->at += cut;
	rest->len -= cut;
	return s;
}

static bool says(struct span s, const char *word)
{
	return s.len == strlen(word) && strncasecmp(s.at, word, s.len) == 0;
}

static bool all_tokens(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!is_token(s.at[i]))
			return false;
	return s.len > 0;
}

static bool has_controls(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (is_control(s.at[i]))
			return true;
	return false;
}

/* ---- the request line ---- */

static int version_parse(struct span version, struct http_request *out)
{
	if (version.len != 8 || memcmp(version.at, "HTTP/", 5) != 0 || version.at[6] != '.')
		return -400;
	if (version.at[5] < '0' || version.at[5] > '9' || version.at[7] < '0' || version.at[7] > '9')
		return -400;
	if (version.at[5] != '1')
		return -505;
	out->minor = version.at[7] != '0';
	return 0;
}

/* "/path?query" or "http://host/path?query": the path. */
static int target_parse(struct span target, struct http_request *out)
{
	if (target.len >= 7 && strncasecmp(target.at, "http://", 7) == 0) {
		target.at += 7;
		target.len -= 7;
		while (target.len > 0 && *target.at != '/' && *target.at != '?')
			target.at++, target.len--;
	}
	target = before(&target, '?');
	if (target.len > HTTP_TARGET_MAX)
		return -414;
	memcpy(out->target, target.at, target.len);
	out->target[target.len] = '\0';
	return 0;
}

static int request_line_parse(struct span line, struct http_request *out)
{
	struct span method = before(&line, ' '), target = before(&line, ' ');
	int status;

	if (!all_tokens(method) || target.len == 0 || has_controls(target))
		return -400;
	status = version_parse(line, out);
	if (status != 0)
		return status;
	out->method = method.len == 3 && memcmp(method.at, "GET", 3) == 0    ? HTTP_GET
	              : method.len == 4 && memcmp(method.at, "HEAD", 4) == 0 ? HTTP_HEAD
	                                                                     : HTTP_OTHER;
	return target_parse(target, out);
}

/* ---- the fields ---- */

static bool length_parse(struct span value, struct fields *f)
{
	uint64_t v = 0;

	for (size_t i = 0; i < value.len; i++) {
		unsigned digit = (unsigned)(value.at[i] - '0');

		if (digit > 9 || v > (UINT64_MAX - digit) / 10)
			return false;
		v = v * 10 + digit;
	}
	if (value.len == 0 || (f->has_length && f->length != v))
		return false;
	f->has_length = true;
	f->length = v;
	return true;
}

static void connection_parse(struct span value, struct fields *f)
{
	while (value.len > 0) {
		struct span word = trimmed(before(&value, ','));

		f->close |= says(word, "close");
		f->keep_alive |= says(word, "keep-alive");
	}
}

static bool field_parse(struct span line, struct fields *f)
{
	struct span name = before(&line, ':'), value = trimmed(line);

	if (name.at + name.len == line.at) /* no colon */
		return false;
	if (!all_tokens(name) || has_controls(value)) /* also: a blank before the colon, or a folded line */
		return false;
	if (says(name, "content-length"))
		return length_parse(value, f);
	if (says(name, "connection"))
		connection_parse(value, f);
	f->has_coding |= says(name, "transfer-encoding");
	if (says(name, "host")) {
		if (f->has_host)
			return false;
		f->has_host = true;
	}
	return true;
}

static int finish(const struct fields *f, struct http_request *out)
{
	if (f->has_coding)
		return f->has_length ? -400 : -501;
	if (out->minor == 1 && !f->has_host)
		return -400;
	out->body_bytes = f->length;
	out->keep_alive = !f->close && (out->minor == 1 || f->keep_alive);
	return 0;
}

int http_request_parse(const char *bytes, size_t len_bytes, struct http_request *out)
{
	struct span rest = {bytes, len_bytes}, line;
	struct fields f = {0};
	int status;

	*out = (struct http_request){0};
	do /* empty lines before a request are overlooked */
		if (!line_take(&rest, &line))
			return 0;
	while (line.len == 0);
	status = request_line_parse(line, out);
	if (status != 0)
		return status;
	for (;;) {
		if (!line_take(&rest, &line))
			return 0;
		if (line.len == 0)
			break;
		if (!field_parse(line, &f))
			return -400;
	}
	if (len_bytes - rest.len > INT_MAX)
		return -400;
	status = finish(&f, out);
	return status != 0 ? status : (int)(len_bytes - rest.len);
}
