/* SPDX-License-Identifier: MIT
 * What is said of a sysctl that cannot be had or set: names that are like it, or what is wrong with the value. */
#include "sysctl_words.h"

#include <halfopen/halfopen.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ALIKE_MAX 8

static void names_alike(const char *name, char *words, size_t words_bytes)
{
	const char *last = strrchr(name, '.') != NULL ? strrchr(name, '.') + 1 : name;
	size_t used = strlen(words);
	unsigned said = 0;

	for (unsigned i = 0; ho_sysctl_name(i) != NULL && said < ALIKE_MAX && used < words_bytes; i++)
		if (*last != '\0' && strstr(ho_sysctl_name(i), last) != NULL)
			used += (size_t)snprintf(words + used, words_bytes - used, "%s%s",
			                         said++ == 0 ? "; there is " : ", ", ho_sysctl_name(i));
	if (said == 0 && used < words_bytes)
		snprintf(words + used, words_bytes - used, "; `halfopen sysctl -a` shows them all");
}

void sysctl_refusal(const char *name, const char *value, int err, char *words, size_t words_bytes)
{
	if (err == -ENOENT) {
		snprintf(words, words_bytes, "cannot stat %.100s: No such file or directory", name);
		names_alike(name, words, words_bytes);
	} else if (value == NULL) {
		snprintf(words, words_bytes, "reading key \"%.100s\": %s", name, strerror(-err));
	} else {
		snprintf(words, words_bytes, "setting key \"%.100s\" to \"%.100s\": %s", name, value,
		         err == -EPERM ? "it cannot be set here" : "its value is out of range, or no number");
	}
}
