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

#define MANY_ROWS_BYTES (1u << 20) /* more than it takes, mostly: what is not touched costs nothing */

/* A guess of how much text it is, which spares most answers a second making. */
static size_t guess_bytes(const struct ho_stack *s, const struct ho_ss *ask)
{
	const size_t row = ask->json ? 1600 : ask->info ? 700 : 160;
	struct ho_memory m;

	ho_stack_memory(s, &m);
	if (ask->states == 1u << HO_LISTEN || ask->step_count != 0)
		return MANY_ROWS_BYTES;
	return 65536 + row * ((size_t)m.socks + m.requests + m.timewaits);
}

static size_t text_make(const struct ho_stack *s, const struct ho_ss *ask, char **text)
{
	size_t guess = guess_bytes(s, ask), need;

	*text = malloc(guess);
	need = ho_view_ss(s, ask, *text, *text != NULL ? guess : 0);
	if (*text != NULL && need < guess)
		return need;
	free(*text);
	*text = malloc(need + 1);
	return *text != NULL ? ho_view_ss(s, ask, *text, need + 1) : 0;
}

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
	need = text_make(a->stack, &ask, &text);
	if (text == NULL)
		return answer_wrong(out, EXIT_FAILED, "out of memory");
	fwrite(text, 1, need, out);
	free(text);
	return EXIT_FINE;
}
