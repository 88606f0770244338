/* SPDX-License-Identifier: MIT
 * What a running host answers to `trace`. */
#include "answer.h"

#include "tools.h"
#include "tracer.h"

#include <errno.h>
#include <string.h>

int answer_trace(struct asked *a, int count, char **words, FILE *out)
{
	struct trace_spec spec;
	char why[192];
	int err;

	if (!trace_spec_parse(count - 1, words + 1, &spec, why, sizeof(why)))
		return answer_wrong(out, EXIT_USAGE, "%s", why);
	err = tracer_start(a->tracer, &spec);
	if (err == -EBUSY)
		return answer_wrong(out, EXIT_FAILED, "too many watch it already");
	return err == 0 ? CONTROL_LATER : answer_wrong(out, EXIT_FAILED, "%s", strerror(-err));
}
