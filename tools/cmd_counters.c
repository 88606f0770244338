/* SPDX-License-Identifier: MIT
 * halfopen counters: the counters of a running host, as nstat shows the kernel's. */
#include "tools.h"

#include "find_host.h"
#include "history.h"

#include <fnmatch.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct wish {
	const char *at, *pattern;
	bool absolute, zero, json;
};

/* Everything is asked for, whatever the pattern: the history is of all counters. */
#define REQUEST_ALL "counters -z"

/* Gives  a counter's kind; HO_LIVE if the name has no row (IcmpMsg). */
static enum ho_counter_kind kind_of(const char *name)
{
	int counter = ho_counter_find(name);
	const struct ho_counter_row *row = counter >= 0 ? ho_counter_row((unsigned)counter) : NULL;

	return row != NULL ? row->kind : HO_LIVE;
}

static void increments_print(const struct wish *w, const char *lines, const struct history *then)
{
	char name[64], value[24];
	const char *between = "";

	if (w->json)
		fputs("{\"kernel\":{", stdout);
	while (counter_line_take(&lines, name, value)) {
		const enum ho_counter_kind kind = kind_of(name);

		if (w->pattern != NULL && fnmatch(w->pattern, name, FNM_CASEFOLD) != 0)
			continue;
		if (kind != HO_LEVEL && kind != HO_FIXED) /* these two have no increment */
			snprintf(value, sizeof(value), "%" PRIu64,
			         (uint64_t)strtoull(value, NULL, 10) - history_value(then, name));
		if (!w->zero && (strcmp(value, "0") == 0 || kind == HO_FIXED))
			continue;
		if (w->json)
			printf("%s\"%s\":%s", between, name, value);
		else
			printf("%-31s %s\n", name, value);
		between = ",";
	}
	if (w->json)
		fputs("}}\n", stdout);
}

static int show_increments(const struct command *self, const char *host, const struct wish *w)
{
	char id[64], *lines;
	struct history then;
	int status = ask_host(self, host, REQUEST_ALL, id, &lines), err;

	if (status != EXIT_FINE)
		return status;
	history_read(host, id, &then);
	increments_print(w, lines, &then);
	history_free(&then);
	err = history_write(host, id, lines);
	if (err != 0)
		fprintf(stderr, "halfopen counters: the history of %s cannot be kept: %s\n", host, strerror(-err));
	free(lines);
	return EXIT_FINE;
}

static int show_absolute(const struct command *self, const char *host, const struct wish *w)
{
	char request[CONTROL_REQUEST_MAX], id[64], *text;
	int status;

	snprintf(request, sizeof(request), "counters%s%s %s", w->zero ? " -z" : "", w->json ? " --json" : "",
	         w->pattern != NULL ? w->pattern : "");
	status = ask_host(self, host, request, id, &text);
	if (status != EXIT_FINE)
		return status;
	fputs(text, stdout);
	free(text);
	return EXIT_FINE;
}

static int counters_exec(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = {
		{"at", required_argument, NULL, 'h'},
		{"json", no_argument, NULL, 'j'},
		{"zeros", no_argument, NULL, 'z'},
		{"absolute", no_argument, NULL, 'a'},
		{NULL, 0, NULL, 0},
	};
	struct wish w = {0};
	char host[CONTROL_NAME_MAX + 1];
	int found, status;

	while ((found = getopt_long(argc, argv, ":azj", options, NULL)) != -1) {
		switch (found) {
		case 'h': w.at = optarg; break;
		case 'j': w.json = true; break;
		case 'z': w.zero = true; break;
		case 'a': w.absolute = true; break;
		default: return option_error(self, argv, found);
		}
	}
	if (argc - optind > 1)
		return usage_error(self, "one PATTERN at most (quote it: '*Listen*')");
	w.pattern = argv[optind];
	if (w.pattern != NULL &&
	    (strlen(w.pattern) > 200 || *w.pattern == '\0' || strpbrk(w.pattern, " \t\r\n") != NULL))
		return usage_error(self, "'%s' cannot match a name; a shell pattern such as 'TcpExtListen*' can",
		                   w.pattern);
	status = find_host(self, w.at, host);
	if (status != EXIT_FINE)
		return status;
	return w.absolute ? show_absolute(self, host, &w) : show_increments(self, host, &w);
}

const struct command cmd_counters = {
	.name = "counters",
	.args = "[--at HOST] [-a] [-z] [--json] [PATTERN]",
	.text = "shows the counters of a running host as nstat does: what moved since the last time",
	.options = "  --at HOST       its --name, or its TUN device's; not needed if one host runs\n"
		   "  -a, --absolute  values since the host began; what was shown last stays remembered\n"
		   "  -z, --zeros     zero rows, too\n"
		   "  --json          as nstat's\n"
		   "PATTERN is a shell pattern over names, letters of either case alike: '*listen*'.\n",
	.exec = counters_exec,
};
