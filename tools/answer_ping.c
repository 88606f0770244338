/* SPDX-License-Identifier: MIT
 * What a running host answers to `ping`. */
#include "answer.h"

#include "pinger.h"
#include "tools.h"

#include <string.h>

int answer_ping(struct asked *a, int count, char **words, FILE *out)
{
	struct ping_spec spec;
	char why[128];
	int err;

	if (!ping_spec_parse(count - 1, words + 1, &spec, why, sizeof(why)))
		return answer_wrong(out, EXIT_USAGE, "%s", why);
	err = pinger_start(a->pinger, &spec, out);
	return err == 0 ? CONTROL_LATER : answer_wrong(out, EXIT_FAILED, "connect: %s", strerror(-err));
}
