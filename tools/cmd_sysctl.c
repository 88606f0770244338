/* SPDX-License-Identifier: MIT
 * halfopen sysctl: the sysctls of a running host. */
#include "tools.h"

#include "find_host.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

/* One that is read or set: what the host says is "NAME = VALUE". */
static int one_exec(const struct command *self, const char *host, const char *word, bool bare)
{
	const char *equals = strchr(word, '=');
	char request[CONTROL_REQUEST_MAX], id[64], *text;
	int status;

	if (strpbrk(word, "\r\n") != NULL || word[0] == '\0' || equals == word)
		return usage_error(self, "'%s' is no name of a sysctl, and no NAME=VALUE", word);
	if (equals != NULL && equals[1 + strspn(equals + 1, " \t")] == '\0')
		return usage_error(self, "\"%s\" must be of the form name=value", word);
	if (equals != NULL)
		snprintf(request, sizeof(request), "sysctl set %.*s %s", (int)(equals - word), word, equals + 1);
	else
		snprintf(request, sizeof(request), "sysctl get %s", word);
	status = ask_host(self, host, request, id, &text);
	if (status != EXIT_FINE)
		return status;
	fputs(bare && strstr(text, " = ") != NULL ? strstr(text, " = ") + 3 : text, stdout);
	free(text);
	return EXIT_FINE;
}

static int sysctl_exec(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = {
		{"all", no_argument, NULL, 'a'},   {"json", no_argument, NULL, 'j'}, {"values", no_argument, NULL, 'n'},
		{"write", no_argument, NULL, 'w'}, {NULL, 0, NULL, 0},
	};
	bool all = false, json = false, bare = false, write = false;
	int found, status, worst = EXIT_FINE;
	char host[CONTROL_NAME_MAX + 1];
	const char *at;

	if (!at_take(&argc, argv, &at))
		return usage_error(self, "option '--at' needs a value");
	while ((found = getopt_long(argc, argv, ":anw", options, NULL)) != -1) {
		switch (found) {
		case 'a': all = true; break;
		case 'j': json = true; break;
		case 'n': bare = true; break;
		case 'w': write = true; break;
		default: return option_error(self, argv, found);
		}
	}
	if (all == (optind < argc) || (json && !all))
		return usage_error(self, all    ? "-a takes no names"
		                         : json ? "--json goes with -a"
		                                : "-a, or which one?");
	status = find_host(self, at, host);
	if (status != EXIT_FINE)
		return status;
	if (all)
		return ask_print(self, host, json ? "sysctl all --json" : "sysctl all");
	for (int i = optind; i < argc; i++) {
		if (write && strchr(argv[i], '=') == NULL)
			return usage_error(self, "\"%s\" must be of the form name=value", argv[i]);
		status = one_exec(self, host, argv[i], bare);
		worst = status > worst ? status : worst;
	}
	return worst;
}

const struct command cmd_sysctl = {
	.name = "sysctl",
	.args = "[--at HOST] [-n] [-w] NAME[=VALUE]... | [--at HOST] -a [--json]",
	.text = "shows and sets the sysctls of a running host, as sysctl does",
	.options = "  --at HOST  its --name, or its TUN device's; not needed if one host runs\n"
		   "  -a, --all     every one that there is\n"
		   "  -n, --values  values without names\n"
		   "  -w, --write   all are to be set\n"
		   "  --json        of -a: an object\n"
		   "Connections that exist keep what they took at their birth, as in Linux.\n",
	.exec = sysctl_exec,
};
