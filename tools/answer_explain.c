/* SPDX-License-Identifier: MIT
 * A running host says what moved on it, worst first. */
#include "answer.h"

#include "tools.h"

#include <halfopen/view.h>

static size_t moved_view(const void *ctx, char *buf, size_t cap_bytes)
{
	return ho_view_explain_moved(ctx, buf, cap_bytes);
}

int answer_explain(struct asked *a, int count, char **words, FILE *out)
{
	if (count > 1)
		return answer_wrong(out, EXIT_USAGE, "explain takes nothing; '%s' is too much", words[1]);
	return answer_print(moved_view, a->stack, out);
}
