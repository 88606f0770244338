/* SPDX-License-Identifier: MIT
 * halfopen sockets: the sockets of a running host. */
#include "tools.h"

#include "find_host.h"

#include <getopt.h>
#include <stdlib.h>

static int sockets_exec(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = {
		{"at", required_argument, NULL, 'h'},
		{"json", no_argument, NULL, 'j'},
		{"listen", no_argument, NULL, 'l'},
		{"udp", no_argument, NULL, 'u'},
		{NULL, 0, NULL, 0},
	};
	const char *at = NULL;
	bool json = false, listen = false, udp = false;
	char request[CONTROL_REQUEST_MAX], name[CONTROL_NAME_MAX + 1], id[64], *text;
	int found, status;

	while ((found = getopt_long(argc, argv, ":lu", options, NULL)) != -1) {
		if (found == 'h')
			at = optarg;
		else if (found == 'j')
			json = true;
		else if (found == 'l')
			listen = true;
		else if (found == 'u')
			udp = true;
		else
			return option_error(self, argv, found);
	}
	if (optind < argc)
		return usage_error(self, "'%s' is not wanted", argv[optind]);
	snprintf(request, sizeof(request), "sockets%s%s%s", listen ? " --listen" : "", udp ? " --udp" : "", json ? " --json" : "");
	status = find_host(self, at, name);
	if (status == EXIT_FINE)
		status = ask_host(self, name, request, id, &text);
	if (status != EXIT_FINE)
		return status;
	fputs(text, stdout);
	free(text);
	return EXIT_FINE;
}

const struct command cmd_sockets = {
	.name = "sockets",
	.args = "[--at HOST] [-l | -u] [--json]",
	.text = "shows the sockets of a running host as ss does, half-open ones included",
	.options = "  --at HOST     its --name, or its TUN device's; not needed if one host runs\n"
		   "  -l, --listen  listeners only: both queues now/at most/how many fit, drops by cause, oldest waiting\n"
		   "  -u, --udp     datagram sockets instead: UDP, raw (the port is the protocol) and ping, with their drops\n"
		   "  --json        everything known of each socket, as JSON\n"
		   "For LISTEN, Recv-Q is the accept queue now and Send-Q its limit.\n",
	.exec = sockets_exec,
};
