/* SPDX-License-Identifier: MIT
 * What halfopen nstat asks for: the host's time in nanoseconds, "#at N", and every counter. */
#include "answer.h"

#include "tools.h"

#include <halfopen/view.h>

static size_t every_counter(const void *ctx, char *buf, size_t cap_bytes)
{
	return ho_view_counters(ctx, true, NULL, buf, cap_bytes);
}

int answer_nstat(struct asked *a, int count, char **words, FILE *out)
{
	(void)words;
	if (count > 1)
		return answer_wrong(out, EXIT_USAGE, "nstat takes nothing: patterns are the asker's");
	fprintf(out, "#at %llu\n", (unsigned long long)ho_stack_now(a->stack));
	return answer_print(every_counter, a->stack, out);
}
