/* SPDX-License-Identifier: MIT
 * Any bytes as a DNS query: the responder stays inside them and inside its answer, and answers no answer. */
#include "dns_answer.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct dns_record record = {"www.example", 0xc6120709};
	uint8_t *exact = malloc(size > 0 ? size : 1), *answer = malloc(DNS_ANSWER_MAX), *none = malloc(DNS_ANSWER_MAX);
	size_t n;

	memcpy(exact, data, size);
	n = dns_answer(&record, exact, size, answer);
	if (n > DNS_ANSWER_MAX || (n > 0 && n < 12) || (n > 0 && (answer[2] & 0x80) == 0))
		abort();
	if (n > 0 && (memcmp(answer, exact, 2) != 0 || dns_answer(&record, answer, n, none) != 0))
		abort();
	free(none);
	free(answer);
	free(exact);
	return 0;
}
