/* SPDX-License-Identifier: MIT
 * halfopen explain NAME: a counter in words. */
#include "tools.h"

#include <halfopen/view.h>

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define HINTS_MAX 12

/* Names that contain the word, or that the word contains the end of: what somebody may have meant. */
static void hint(const char *word)
{
	char name[64];
	int said = 0;

	for (unsigned i = 0; i < HO_COUNTER_ROWS && said < HINTS_MAX; i++) {
		const struct ho_counter_row *row = ho_counter_row(i);

		if (ho_counter_name(i, name, sizeof(name)) < 0)
			continue;
		if (strcasestr(name, word) != NULL || strcasestr(word, row->name) != NULL)
			fprintf(stderr, "%s%s", said++ == 0 ? "; did you mean " : ", ", name);
	}
	fprintf(stderr, "%s\n", said == 0 ? "; `halfopen counters -az` shows all names" : "?");
}

static int explain_exec(const struct command *self, int argc, char **argv)
{
	static char text[16384];
	int status = EXIT_FINE;

	if (argc < 2)
		return usage_error(self, "which counter? for instance TcpExtListenOverflows");
	for (int i = 1; i < argc; i++) {
		if (argv[i][0] != '\0' && ho_view_explain(argv[i], text, sizeof(text)) > 0) {
			fputs(text, stdout);
			if (i + 1 < argc)
				putchar('\n');
			continue;
		}
		fprintf(stderr, "halfopen explain: there is no counter '%s'", argv[i]);
		hint(argv[i]);
		status = EXIT_USAGE;
	}
	return status;
}

const struct command cmd_explain = {
	.name = "explain",
	.args = "NAME...",
	.text = "says what moves a counter, in words",
	.options =
		"NAME is what nstat prints (TcpExtListenOverflows), or the part after the group where only one group has it.\n",
	.exec = explain_exec,
};
