/* SPDX-License-Identifier: MIT
 * The control socket's JSON: one shape of request, read without a library, and the answer to it. */
#include "control_json.h"

#include "tools.h"

#include <string.h>

/* ---- a request ---- */

static char *blanks_skip(char *at)
{
	return at + strspn(at, " \t\r\n");
}

bool control_is_json(const char *line)
{
	return line[strspn(line, " \t")] == '{';
}

/* Gives  the value of four digits, -1. */
static int hex4(const char *at)
{
	int v = 0;

	for (int i = 0; i < 4; i++) {
		const char *digits = "0123456789abcdef", *d;
		char c = at[i] >= 'A' && at[i] <= 'F' ? (char)(at[i] - 'A' + 'a') : at[i];

		d = c != '\0' ? strchr(digits, c) : NULL;
		if (d == NULL)
			return -1;
		v = v << 4 | (int)(d - digits);
	}
	return v;
}

/* What stands behind a backslash.  Gives  the place behind it, NULL; *out: one byte, for words are ASCII. */
static char *escape_take(char *at, char *out)
{
	static const char names[] = "\"\\/bfnrt", bytes[] = "\"\\/\b\f\n\r\t";
	const char *name = *at != '\0' ? strchr(names, *at) : NULL;
	int v;

	if (name != NULL) {
		*out = bytes[name - names];
		return at + 1;
	}
	v = *at == 'u' ? hex4(at + 1) : -1;
	*out = (char)v;
	return v > 0 && v < 128 ? at + 5 : NULL;
}

/* A string, which becomes *word where it stands.  Gives  the place behind it, NULL. */
static char *string_take(char *at, char **word)
{
	char *to = at + 1;

	if (*at != '"')
		return NULL;
	*word = to;
	for (at++; at != NULL && *at != '"';) {
		if (*at == '\0')
			return NULL;
		if (*at == '\\')
			at = escape_take(at + 1, to++);
		else
			*to++ = *at++;
	}
	if (at == NULL)
		return NULL;
	*to = '\0';
	return at + 1;
}

/* Takes  at: behind the bracket. */
static char *array_take(char *at, char *words[], int words_max, int *count)
{
	for (*count = 0;; at = blanks_skip(at + 1)) {
		at = blanks_skip(at);
		if (*at == ']' && *count == 0)
			return at + 1;
		if (*count == words_max || (at = string_take(at, &words[*count])) == NULL)
			return NULL;
		++*count;
		at = blanks_skip(at);
		if (*at == ']')
			return at + 1;
		if (*at != ',')
			return NULL;
	}
}

int control_json_words(char *line, char *words[], int words_max)
{
	char *at = blanks_skip(line), *key;
	int count = 0;

	if (*at != '{' || (at = string_take(blanks_skip(at + 1), &key)) == NULL || strcmp(key, "ask") != 0)
		return -1;
	at = blanks_skip(at);
	if (*at != ':')
		return -1;
	at = blanks_skip(at + 1);
	if (*at != '[' || (at = array_take(at + 1, words, words_max, &count)) == NULL)
		return -1;
	at = blanks_skip(at);
	return *at == '}' && *blanks_skip(at + 1) == '\0' ? count : -1;
}

/* ---- an answer ---- */

static void string_print(FILE *out, const char *text, size_t bytes)
{
	fputc('"', out);
	for (size_t i = 0; i < bytes; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c == '"' || c == '\\')
			fprintf(out, "\\%c", c);
		else if (c == '\n')
			fputs("\\n", out);
		else if (c < 0x20 || c >= 0x7f)
			fprintf(out, "\\u%04x", c);
		else
			fputc(c, out);
	}
	fputc('"', out);
}

/* It is on several lines; none of its strings is. */
static void json_print(FILE *out, const char *text, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		fputc(text[i] == '\n' ? ' ' : text[i], out);
}

void control_json_answer(FILE *out, int status, const char *id, const char *text, size_t text_bytes)
{
	bool json = text_bytes > 0 && (text[0] == '{' || text[0] == '[');

	if (status == EXIT_FINE)
		fprintf(out, "{\"ok\":true,\"id\":\"%s\",\"%s\":", id, json ? "json" : "text");
	else
		fprintf(out, "{\"ok\":false,\"usage\":%s,\"error\":", status == EXIT_USAGE ? "true" : "false");
	if (status == EXIT_FINE && json)
		json_print(out, text, text_bytes);
	else
		string_print(out, text, text_bytes);
	fputs("}\n", out);
}
