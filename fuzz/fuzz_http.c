/* SPDX-License-Identifier: MIT
 * Any bytes as an HTTP request: the parser stays inside them, and what it says of a head does not depend on what follows. */
#include "http_request.h"

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
	struct http_request all, head;
	char *exact = malloc(size > 0 ? size : 1); /* the sanitizer sees a byte too far */
	int n;

	memcpy(exact, data, size);
	n = http_request_parse(exact, size, &all);
	check(n <= (int)size);
	check(n >= 0 || n == -400 || n == -414 || n == -501 || n == -505);
	if (n > 0) {
		check(strlen(all.target) <= HTTP_TARGET_MAX);
		check(http_request_parse(exact, (size_t)n, &head) == n);
		check(memcmp(&all, &head, sizeof(all)) == 0);
		check(http_request_parse(exact, (size_t)n - 1, &head) == 0);
	}
	free(exact);
	return 0;
}
