/* SPDX-License-Identifier: MIT
 * halfopen ping: echoes that a running host's stack sends. */
#include "tools.h"

#include "find_host.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static volatile sig_atomic_t stop;

static void on_signal(int signal)
{
	(void)signal;
	stop = 1;
}

static int ping_exec(const struct command *self, int argc, char **argv)
{
	struct sigaction on_stop = {.sa_handler = on_signal};
	char request[CONTROL_REQUEST_MAX], host[CONTROL_NAME_MAX + 1], *text = NULL;
	int status = request_make(self, "ping", argc, argv, host, request);

	if (status != EXIT_FINE)
		return status;
	sigaction(SIGINT, &on_stop, NULL);
	sigaction(SIGTERM, &on_stop, NULL);
	status = control_follow(host, request, &stop, stdout, &text);
	if (text != NULL) {
		fprintf(stderr, "halfopen ping: %s says: %s\n", host, text);
		free(text);
		return status;
	}
	return status < 0 ? ask_failed(self, host, status) : status;
}

const struct command cmd_ping = {
	.name = "ping",
	.args = "[--at HOST] [-c N] [-i S] [-s BYTES] [-t TTL] [-W S] ADDR",
	.text = "sends echoes from a running host and tells what comes back, as ping does",
	.options = "  --at HOST  its --name, or its TUN device's; not needed if one host runs\n"
		   "  -c N       so many; without it until ^C\n"
		   "  -i S       seconds between two (default 1)\n"
		   "  -s BYTES   of payload (default 56); 8 at least for times\n"
		   "  -t TTL     1 to 255 (default: net.ipv4.ip_default_ttl)\n"
		   "  -W S       seconds to wait for an answer to the last one (default 10)\n"
		   "Exit status: 0 answers came, 1 none came or there is no way there, 2 a wrong word.\n",
	.exec = ping_exec,
};
