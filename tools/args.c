/* SPDX-License-Identifier: MIT
 * Words of a command line into values, and what is said when they are wrong. */
#include "tools.h"

#include <halfopen/view.h>

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

int usage_error(const struct command *c, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "halfopen %s: ", c->name);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\nusage: halfopen %s %s\n", c->name, c->args);
	return EXIT_USAGE;
}

int option_error(const struct command *c, char **argv, int found)
{
	const char *word = argv[optind - 1];

	if (found == ':')
		return usage_error(c, "option '%s' needs a value", word);
	if (optopt != 0 && word[0] == '-' && word[1] != '-')
		return usage_error(c, "no option '-%c'; `halfopen help %s` lists them", optopt, c->name);
	return usage_error(c, "option '%s' is unknown, ambiguous or takes no value; `halfopen help %s` lists them",
	                   word, c->name);
}

int command_help(const struct command *c)
{
	printf("usage: halfopen %s %s\n\n%s\n%s%s", c->name, c->args, c->text, *c->options != '\0' ? "\n" : "",
	       c->options);
	return EXIT_FINE;
}

bool parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
	char *end;
	uint64_t v;

	if (*text < '0' || *text > '9') /* strtoull takes signs and spaces */
		return false;
	errno = 0;
	v = strtoull(text, &end, text[0] == '0' && text[1] == 'x' ? 16 : 10);
	if (errno != 0 || *end != '\0' || v < min || v > max)
		return false;
	*out = v;
	return true;
}

bool parse_i64(const char *text, int64_t min, int64_t max, int64_t *out)
{
	uint64_t v;
	bool negative = *text == '-';

	if (!parse_u64(text + negative, 0, INT64_MAX, &v))
		return false;
	*out = negative ? -(int64_t)v : (int64_t)v;
	return *out >= min && *out <= max;
}

bool parse_addr_prefix(const char *text, uint32_t *addr, uint8_t *prefix_len)
{
	const char *slash = strchr(text, '/');
	char host[16];
	uint64_t bits;

	if (slash == NULL || (size_t)(slash - text) >= sizeof(host))
		return false;
	memcpy(host, text, (size_t)(slash - text));
	host[slash - text] = '\0';
	if (ho_view_addr_parse(host, addr) != 0 || !parse_u64(slash + 1, 0, 32, &bits))
		return false;
	*prefix_len = (uint8_t)bits;
	return true;
}

bool parse_linux(const char *text, uint32_t *profile)
{
	if (strcmp(text, "6.18") == 0)
		*profile = HO_LINUX_6_18;
	else if (strcmp(text, "4.15") == 0)
		*profile = HO_LINUX_4_15;
	else if (strcmp(text, "3.10") == 0)
		*profile = HO_LINUX_3_10;
	else
		return false;
	return true;
}
