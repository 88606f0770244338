/* SPDX-License-Identifier: MIT
 * halfopen why: which listener, which limit, which packet, and what to do about it. */
#include "tools.h"

#include "about.h"
#include "find_host.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

static int word_error(const struct command *self, const char *word, const struct ho_view_about *about)
{
	if (about->counter >= 0 && ho_counter_find(word) >= 0)
		return usage_error(self, "one COUNTER at most");
	return usage_error(self, "'%s' is no listener (80, 198.18.0.2:80), and no counter (TcpExtListenOverflows)%s",
	                   word, about->listener.port != 0 ? ", or the second one" : "");
}

/* The words were looked at here; the host is told them as they are. */
static int why_request(const struct command *self, int argc, char **argv, bool json, char request[CONTROL_REQUEST_MAX])
{
	struct ho_view_about about = {.counter = -1};
	int len = snprintf(request, CONTROL_REQUEST_MAX, "why%s", json ? " --json" : "");

	for (int i = optind; i < argc; i++) {
		if (strlen(argv[i]) > 100 || !about_parse(argv[i], &about))
			return word_error(self, argv[i], &about);
		len += snprintf(request + len, (size_t)(CONTROL_REQUEST_MAX - len), " %s", argv[i]);
	}
	return EXIT_FINE;
}

static int why_exec(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = {
		{"at", required_argument, NULL, 'h'},
		{"json", no_argument, NULL, 'j'},
		{NULL, 0, NULL, 0},
	};
	const char *at = NULL;
	char request[CONTROL_REQUEST_MAX], host[CONTROL_NAME_MAX + 1], id[64], *text;
	bool json = false;
	int found, status;

	while ((found = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		if (found == 'h')
			at = optarg;
		else if (found == 'j')
			json = true;
		else
			return option_error(self, argv, found);
	}
	status = why_request(self, argc, argv, json, request);
	if (status == EXIT_FINE)
		status = find_host(self, at, host);
	if (status == EXIT_FINE)
		status = ask_host(self, host, request, id, &text);
	if (status != EXIT_FINE)
		return status;
	fputs(text, stdout);
	free(text);
	return EXIT_FINE;
}

const struct command cmd_why = {
	.name = "why",
	.args = "[--at HOST] [--json] [LISTENER] [COUNTER]",
	.text = "says why listeners dropped something: which limit, which packet, what to change",
	.options = "  --at HOST  its --name, or its TUN device's; not needed if one host runs\n"
		   "  --json     the same with all numbers, as JSON\n"
		   "LISTENER   only this one, whatever it did: 80, 198.18.0.2:80\n"
		   "COUNTER    only listeners that moved it, and how often: TcpExtListenOverflows\n"
		   "Exit status: 0 said, 1 nobody listens there, 2 a wrong word.\n",
	.exec = why_exec,
};
