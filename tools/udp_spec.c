/* SPDX-License-Identifier: MIT
 * "PORT[,app=NAME][,name=NAME][,addr=A]" */
#include "udp_spec.h"

#include "tools.h"

#include <string.h>

#define WORD_BYTES (DNS_NAME_MAX + 8)

/* Cuts the next word off, up to a comma.  Gives  false if it is too long. */
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

static const char *const app_names[] = {[UDP_ECHO] = "echo", [UDP_DISCARD] = "discard", [UDP_DNS] = "dns"};

const char *udp_app_name(enum udp_app app)
{
	return app_names[app];
}

static bool app_parse(const char *name, enum udp_app *app)
{
	for (unsigned i = 0; i < sizeof(app_names) / sizeof(app_names[0]); i++) {
		if (strcmp(name, app_names[i]) != 0)
			continue;
		*app = (enum udp_app)i;
		return true;
	}
	return false;
}

static bool setting_parse(const char *word, struct udp_spec *out, char *why, size_t why_bytes)
{
	uint8_t prefix_len;

	if (strncmp(word, "app=", 4) == 0 && app_parse(word + 4, &out->app))
		return true;
	if (strncmp(word, "name=", 5) == 0 && dns_name_ok(word + 5)) {
		strcpy(out->record.name, word + 5);
		return true;
	}
	if (strncmp(word, "addr=", 5) == 0) {
		char with_prefix[WORD_BYTES + 3];

		snprintf(with_prefix, sizeof(with_prefix), "%s/32", word + 5);
		if (parse_addr_prefix(with_prefix, &out->record.addr, &prefix_len))
			return true;
	}
	snprintf(why, why_bytes, "'%.60s' is none of app=echo, app=discard, app=dns, name=NAME, addr=A.B.C.D", word);
	return false;
}

bool udp_spec_parse(const char *text, struct udp_spec *out, char *why, size_t why_bytes)
{
	char word[WORD_BYTES] = "";
	uint64_t port = 0;

	*out = (struct udp_spec){.app = UDP_ECHO};
	if (!next_word(&text, word) || !parse_u64(word, 1, 65535, &port)) {
		snprintf(why, why_bytes, "'%.60s' is no port from 1 to 65535", word);
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
	if ((out->app == UDP_DNS) == (out->record.name[0] != '\0' && out->record.addr != 0))
		return true;
	snprintf(why, why_bytes, "app=dns wants name=NAME and addr=A.B.C.D, and no other app does");
	return false;
}
