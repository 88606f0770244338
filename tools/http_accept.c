/* SPDX-License-Identifier: MIT
 * "application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.5,text/html;q=0.1" */
#include "http_accept.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#define Q_ONE 1000

/* A part of the header, where it stands. */
struct word {
	const char *at;
	size_t len;
};

/* One of the ranges between commas. */
struct range {
	struct word type, version;
	int q; /* thousandths; -1: not understood */
};

static bool word_is(struct word w, const char *text)
{
	return w.len == strlen(text) && strncasecmp(w.at, text, w.len) == 0;
}

static void spaces_skip(const char **at)
{
	*at += strspn(*at, " \t");
}

static struct word token_take(const char **at)
{
	struct word w = {*at, strcspn(*at, "=;, \t\"")};

	*at += w.len;
	return w;
}

/* "1.0.0", its quotes are not of it.  Gives  an empty word if the second quote is missing. */
static struct word quoted_take(const char **at)
{
	struct word w = {*at + 1, 0};

	for (const char *c = w.at; *c != '\0'; c++) {
		if (*c == '"') {
			w.len = (size_t)(c - w.at);
			*at = c + 1;
			return w;
		}
		if (*c == '\\' && c[1] != '\0')
			c++;
	}
	*at += strlen(*at);
	return w;
}

/* "1", "0.25", "1.000": three digits behind the point, at most.  Gives  thousandths; -1: it is no such number. */
static int q_of(struct word w)
{
	int q = 0, unit = Q_ONE / 10;

	if (w.len == 0 || w.len > 5 || (w.at[0] != '0' && w.at[0] != '1') || (w.len > 1 && w.at[1] != '.'))
		return -1;
	q = (w.at[0] - '0') * Q_ONE;
	for (size_t i = 2; i < w.len; i++, unit /= 10) {
		if (w.at[i] < '0' || w.at[i] > '9')
			return -1;
		q += (w.at[i] - '0') * unit;
	}
	return q <= Q_ONE ? q : -1;
}

static void parameter_take(const char **at, struct range *r)
{
	struct word name = token_take(at), value = {NULL, 0};

	if (**at == '=') {
		++*at;
		value = **at == '"' ? quoted_take(at) : token_take(at);
	}
	if (word_is(name, "version"))
		r->version = value;
	else if (word_is(name, "q"))
		r->q = q_of(value);
}

/* Gives  false at the end of the header. */
static bool range_next(const char **at, struct range *r)
{
	*at += strspn(*at, ", \t");
	if (**at == '\0')
		return false;
	*r = (struct range){.type = token_take(at), .q = Q_ONE};
	spaces_skip(at);
	while (**at == ';') {
		++*at;
		spaces_skip(at);
		parameter_take(at, r);
		spaces_skip(at);
	}
	if (**at != ',' && **at != '\0') {
		r->q = -1;
		*at += strcspn(*at, ",");
	}
	return true;
}

/* How closely a range fits our text; 0: not at all. */
static int plain_closeness(const struct range *r)
{
	if (word_is(r->type, "text/plain"))
		return r->version.len == 0 ? 3 : word_is(r->version, "0.0.4") ? 4 : 0;
	return word_is(r->type, "text/*") ? 2 : word_is(r->type, "*/*");
}

bool http_accept_openmetrics(const char *accept)
{
	int openmetrics = 0, plain = 0, closest = 0;
	struct range r;

	while (accept != NULL && range_next(&accept, &r)) {
		int closeness = plain_closeness(&r);

		if (r.q < 0)
			continue;
		if (closeness > closest || (closeness == closest && closeness > 0 && r.q > plain)) {
			closest = closeness;
			plain = r.q;
		}
		if (word_is(r.type, "application/openmetrics-text") && r.q > openmetrics &&
		    (r.version.len == 0 || word_is(r.version, "1.0.0")))
			openmetrics = r.q;
	}
	return openmetrics > 0 && openmetrics >= plain;
}
