/* SPDX-License-Identifier: MIT
 * "PORT[,backlog=N][,app=NAME]" */
#include "listen_spec.h"

#include "tools.h"

#include <string.h>

#define WORD_BYTES 32

/* Cuts the next word off, up to a comma.  Gives  false at the end of the text, or if the word is too long. */
static bool next_word(const char **text, char word[WORD_BYTES])
{
	size_t len = strcspn(*text, ",");

	if (len >= WORD_BYTES)
		return false;
	memcpy(word, *text, len);
	word[len] = '\0';
	*text += len;
	if (**text == ',')
		(*text)++;
	return true;
}

static bool setting_parse(const char *word, struct listen_spec *out, char *why, size_t why_bytes)
{
	const char *equals = strchr(word, '=');
	size_t key = equals != NULL ? (size_t)(equals - word) : 0;
	int64_t v;

	if (key == 7 && memcmp(word, "backlog", 7) == 0) {
		if (!parse_i64(equals + 1, INT32_MIN, INT32_MAX, &v)) {
			snprintf(why, why_bytes, "'%s': the backlog is a number that fits an int", word);
			return false;
		}
		out->backlog = (int32_t)v;
		return true;
	}
	if (key == 3 && memcmp(word, "app", 3) == 0 && equals[1] != '\0' && strlen(equals + 1) < sizeof(out->app)) {
		strcpy(out->app, equals + 1);
		return true;
	}
	snprintf(why, why_bytes, "'%s' is none of backlog=N, app=NAME", word);
	return false;
}

bool listen_spec_parse(const char *text, struct listen_spec *out, char *why, size_t why_bytes)
{
	char word[WORD_BYTES] = "";
	uint64_t port = 0;

	*out = (struct listen_spec){.backlog = LISTEN_BACKLOG_DEFAULT, .app = "echo"};
	if (!next_word(&text, word) || !parse_u64(word, 1, 65535, &port)) {
		snprintf(why, why_bytes, "'%s' is no port from 1 to 65535", word);
		return false;
	}
	out->port = (uint16_t)port;
	while (*text != '\0') {
		if (!next_word(&text, word)) {
			snprintf(why, why_bytes, "'%.40s...' is too long", text);
			return false;
		}
		if (!setting_parse(word, out, why, why_bytes))
			return false;
	}
	return true;
}
