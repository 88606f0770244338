/* SPDX-License-Identifier: MIT
 * Any text as the header Accept: the parser stays inside it, names the format only if it is named there, and does not change its
 * mind for a range that nobody wants. */
#define _GNU_SOURCE /* strcasestr */
#include "http_accept.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char unwanted[] = "application/openmetrics-text;q=0,";
	char *exact = malloc(size + 1), *longer = malloc(sizeof(unwanted) + size); /* the sanitizer sees a byte too far */
	bool asked;

	memcpy(exact, data, size);
	exact[size] = '\0';
	asked = http_accept_openmetrics(exact);
	check(!asked || strcasestr(exact, "application/openmetrics-text") != NULL);
	memcpy(longer, unwanted, sizeof(unwanted) - 1);
	memcpy(longer + sizeof(unwanted) - 1, exact, size + 1);
	check(http_accept_openmetrics(longer) == asked);
	free(exact);
	free(longer);
	return 0;
}
