/* SPDX-License-Identifier: MIT
 * What a running host answers to `sysctl`: all [--json], get NAME, set NAME VALUE... */
#include "answer.h"

#include "sysctl_words.h"
#include "tools.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define VALUE_BYTES 256
#define NAMES_MAX 512

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Some can only be written: their value is left out, as `sysctl -a` does. */
static int sysctl_all(struct asked *a, bool json, FILE *out)
{
	const char *names[NAMES_MAX], *between = "";
	char value[VALUE_BYTES];
	unsigned count = 0;

	while (count < NAMES_MAX && ho_sysctl_name(count) != NULL) {
		names[count] = ho_sysctl_name(count);
		count++;
	}
	qsort(names, count, sizeof(*names), by_name);
	fputs(json ? "{" : "", out);
	for (unsigned i = 0; i < count; i++) {
		if (ho_sysctl_get(a->stack, names[i], value, sizeof(value)) < 0)
			continue;
		fprintf(out, json ? "%s\n\"%s\":\"%s\"" : "%s%s = %s\n", json ? between : "", names[i], value);
		between = ",";
	}
	fputs(json ? "}\n" : "", out);
	return EXIT_FINE;
}

static int refused(FILE *out, const char *name, const char *value, int err)
{
	char words[512];

	sysctl_refusal(name, value, err, words, sizeof(words));
	return answer_wrong(out, EXIT_USAGE, "%s", words);
}

static void dotted(char *name)
{
	for (; *name != '\0'; name++)
		if (*name == '/')
			*name = '.';
}

static int sysctl_get(struct asked *a, char *name, FILE *out)
{
	char value[VALUE_BYTES];
	int len = ho_sysctl_get(a->stack, name, value, sizeof(value));

	if (len < 0)
		return refused(out, name, NULL, len);
	dotted(name);
	fprintf(out, "%s = %s\n", name, value);
	return EXIT_FINE;
}

static int sysctl_set(struct asked *a, char *name, int count, char **words, FILE *out)
{
	char value[VALUE_BYTES] = "";
	size_t used = 0;
	int err;

	for (int i = 0; i < count && used + strlen(words[i]) + 2 < sizeof(value); i++)
		used += (size_t)snprintf(value + used, sizeof(value) - used, "%s%s", i > 0 ? " " : "", words[i]);
	err = ho_sysctl_set(a->stack, name, value);
	if (err != 0)
		return refused(out, name, value, err);
	return sysctl_get(a, name, out);
}

int answer_sysctl(struct asked *a, int count, char **words, FILE *out)
{
	if (count >= 2 && strcmp(words[1], "all") == 0)
		return sysctl_all(a, count > 2 && strcmp(words[2], "--json") == 0, out);
	if (count == 3 && strcmp(words[1], "get") == 0)
		return sysctl_get(a, words[2], out);
	if (count >= 4 && strcmp(words[1], "set") == 0)
		return sysctl_set(a, words[2], count - 3, words + 3, out);
	return answer_wrong(out, EXIT_USAGE, "sysctl takes all [--json], get NAME, or set NAME VALUE");
}
