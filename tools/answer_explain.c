/* SPDX-License-Identifier: MIT
 * A running host says what moved on it, worst first. */
#include "answer.h"

#include "tools.h"

#include <halfopen/view.h>

#include <string.h>

static size_t moved_view(const void *ctx, char *buf, size_t cap_bytes)
{
	return ho_view_explain_moved(ctx, buf, cap_bytes);
}

static size_t moved_json_view(const void *ctx, char *buf, size_t cap_bytes)
{
	return ho_view_explain_moved_json(ctx, buf, cap_bytes);
}

int answer_explain(struct asked *a, int count, char **words, FILE *out)
{
	bool json = count > 1 && strcmp(words[1], "--json") == 0;

	if (count > 1 + json)
		return answer_wrong(out, EXIT_USAGE, "explain takes --json and no more; '%s' is too much", words[1 + json]);
	return answer_print(json ? moved_json_view : moved_view, a->stack, out);
}
