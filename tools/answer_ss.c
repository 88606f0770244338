/* SPDX-License-Identifier: MIT
 * halfopen ss: the sockets that a command line of ss asks for. */
#include "answer.h"

#include "control.h"
#include "tools.h"

#include <halfopen/ss.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A first guess of how much text it is, which spares most answers a second walk. */
#define TEXT_BYTES (1 << 18)

int answer_ss(struct asked *a, int count, char **words, FILE *out)
{
	char line[CONTROL_REQUEST_MAX] = "", why[256], *text;
	struct ho_ss ask;
	size_t used = 0, need;

	for (int i = 1; i < count; i++)
		used += (size_t)snprintf(line + used, sizeof(line) - used, "%s ", words[i]);
	if (ho_ss_parse(line, &ask, why, sizeof(why)) != 0)
		return answer_wrong(out, EXIT_USAGE, "%s", why);
	ask.process = program_invocation_short_name;
	ask.pid = (int)getpid();
	text = malloc(TEXT_BYTES);
	need = text != NULL ? ho_view_ss(a->stack, &ask, text, TEXT_BYTES) : 0;
	if (text != NULL && need >= TEXT_BYTES) {
		free(text);
		text = malloc(need + 1);
		if (text != NULL)
			ho_view_ss(a->stack, &ask, text, need + 1);
	}
	if (text == NULL)
		return answer_wrong(out, EXIT_FAILED, "out of memory");
	fwrite(text, 1, need, out);
	free(text);
	return EXIT_FINE;
}
