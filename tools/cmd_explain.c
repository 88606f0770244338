/* SPDX-License-Identifier: MIT
 * halfopen explain: a counter in words, all of them, how they hang together, what moved on a host. */
#include "tools.h"

#include "find_host.h"

#include <halfopen/view.h>

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

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
	fprintf(stderr, "%s\n", said == 0 ? "; `halfopen explain --list` shows all names" : "?");
}

/* A view without a stack. */
typedef size_t say_view(const char *word, char *buf, size_t cap_bytes);

static size_t list_view(const char *word, char *buf, size_t cap_bytes)
{
	(void)word;
	return ho_view_explain_list(buf, cap_bytes);
}

static size_t markdown_view(const char *word, char *buf, size_t cap_bytes)
{
	(void)word;
	return ho_view_explain_markdown(buf, cap_bytes);
}

/* Gives  false if there is nothing to say. */
static bool say(say_view *view, const char *word)
{
	size_t need = view(word, NULL, 0);
	char *text = need > 0 ? malloc(need + 1) : NULL;

	if (text == NULL)
		return false;
	view(word, text, need + 1);
	fputs(text, stdout);
	free(text);
	return true;
}

static int explain_names(int argc, char **argv)
{
	int status = EXIT_FINE;

	for (int i = optind; i < argc; i++) {
		if (argv[i][0] != '\0' && say(ho_view_explain, argv[i])) {
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

static int explain_from(const struct command *self, const char *at, bool json)
{
	char host[CONTROL_NAME_MAX + 1];
	int status = find_host(self, at, host);

	return status == EXIT_FINE ? ask_print(self, host, json ? "explain --json" : "explain") : status;
}

static int explain_exec(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = {
		{"from", required_argument, NULL, 'f'},
		{"json", no_argument, NULL, 'j'},
		{"list", no_argument, NULL, 'l'},
		{"markdown", no_argument, NULL, 'm'},
		{"relations", no_argument, NULL, 'r'},
		{NULL, 0, NULL, 0},
	};
	const char *from = NULL;
	bool json = false;
	int found, what = 0;

	while ((found = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (found == 'j') {
			json = true;
			continue;
		}
		if (strchr("flmr", found) == NULL)
			return option_error(self, argv, found);
		if (what != 0)
			return usage_error(self, "one of its options at most");
		what = found;
		from = optarg;
	}
	if (what == 0 && optind == argc)
		return usage_error(self, "which counter? for instance TcpExtListenOverflows");
	if (json && what != 'f')
		return usage_error(self, "--json is of --from HOST");
	if (what != 0 && optind < argc)
		return usage_error(self, "a NAME, or one of its options: not '%s' besides", argv[optind]);
	switch (what) {
	case 'f': return explain_from(self, from, json);
	case 'l': return say(list_view, NULL) ? EXIT_FINE : EXIT_FAILED;
	case 'm': return say(markdown_view, NULL) ? EXIT_FINE : EXIT_FAILED;
	case 'r': return say(ho_view_explain_relations, NULL) ? EXIT_FINE : EXIT_FAILED;
	default: return explain_names(argc, argv);
	}
}

const struct command cmd_explain = {
	.name = "explain",
	.args = "NAME... | --list | --relations | --from HOST [--json] | --markdown",
	.text = "says what moves a counter, whether that is bad, and what to look at next",
	.options =
		"NAME is what nstat prints (TcpExtListenOverflows), or the part after the group where only one group has it;\n"
		"or the word of a relation (listen-drops).\n"
		"  --list       all counters by group, a line each\n"
		"  --relations  what several counters say together\n"
		"  --from HOST  what moved on a running host, worst first, and on which listeners\n"
		"  --json       --from as JSON: {\"dropped\", \"moved\", \"together\"}\n"
		"  --markdown   all of it, as docs/COUNTERS.md\n",
	.exec = explain_exec,
};
