/* SPDX-License-Identifier: MIT
 * Shell patterns, as nstat takes them: * ? [a-z] [!a-z] \x, letters of either case alike. */
#include "view.h"

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Does the set at p (behind its '[') hold c?  *end is behind its ']', or NULL if it has none: then '[' is a letter. */
static bool set_holds(const char *p, char c, const char **end)
{
	bool invert = *p == '!' || *p == '^', holds = false, first = true;

	for (p += invert; *p != '\0' && (first || *p != ']'); first = false) {
		char from = lower(*p++), to = from;

		if (p[0] == '-' && p[1] != '\0' && p[1] != ']') {
			to = lower(p[1]);
			p += 2;
		}
		if (lower(c) >= from && lower(c) <= to)
			holds = true;
	}
	*end = *p == ']' ? p + 1 : NULL;
	return holds != invert;
}

/* Matches one letter of the text against what stands at p.  Gives  behind it, or NULL. */
static const char *one_match(const char *p, char c)
{
	const char *end;

	if (*p == '?')
		return p + 1;
	if (*p == '[') {
		bool holds = set_holds(p + 1, c, &end);

		if (end != NULL)
			return holds ? end : NULL;
	}
	if (*p == '\\' && p[1] != '\0')
		p++;
	return *p != '\0' && lower(*p) == lower(c) ? p + 1 : NULL;
}

/* Work  pattern times text: only the last star is ever tried again. */
bool glob_match(const char *pattern, const char *text)
{
	const char *star = NULL, *star_text = NULL;

	for (;;) {
		const char *next;

		if (*pattern == '*') {
			star = ++pattern;
			star_text = text;
			continue;
		}
		if (*text == '\0')
			return *pattern == '\0';
		next = one_match(pattern, *text);
		if (next != NULL) {
			pattern = next;
			text++;
		} else if (star != NULL) {
			pattern = star;
			text = ++star_text;
		} else {
			return false;
		}
	}
}
