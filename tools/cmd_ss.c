/* SPDX-License-Identifier: MIT
 * halfopen ss: the sockets of a running host, as ss shows the kernel's. */
#include "tools.h"

#include "find_host.h"

#include <halfopen/ss.h>

#include <string.h>

/* As many as a host takes apart. */
#define WORDS_MAX 60

static int words_count(const char *text)
{
	int count = 0;

	for (text += strspn(text, " \t\n"); *text != '\0'; text += strspn(text, " \t\n")) {
		count++;
		text += strcspn(text, " \t\n");
	}
	return count;
}

/* The line is read here first: what is wrong with it is told even if no host runs. */
static int ss_exec(const struct command *self, int argc, char **argv)
{
	char name[CONTROL_NAME_MAX + 1], request[CONTROL_REQUEST_MAX] = "ss", why[256];
	size_t used = strlen(request);
	struct ho_ss ask;
	const char *at;
	int status;

	if (!at_take(&argc, argv, &at))
		return usage_error(self, "option '--at' needs a value");
	for (int i = 1; i < argc; i++) {
		if (strpbrk(argv[i], "\r\n") != NULL || used + strlen(argv[i]) + 2 > sizeof(request))
			return usage_error(self, "that is too long, or of several lines");
		used += (size_t)snprintf(request + used, sizeof(request) - used, " %s", argv[i]);
	}
	if (words_count(request) > WORDS_MAX)
		return usage_error(self, "that is too long: %d words at most", WORDS_MAX);
	if (ho_ss_parse(request + strlen("ss"), &ask, why, sizeof(why)) != 0)
		return usage_error(self, "%s", why);
	status = find_host(self, at, name);
	return status == EXIT_FINE ? ask_print(self, name, request) : status;
}

const struct command cmd_ss = {
	.name = "ss",
	.args = "[--at HOST] [-tuwalnoemipsHOj] [state X] [EXPRESSION]",
	.text = "shows the sockets of a running host in ss's format, and by its filters",
	.options = "  --at HOST            its --name, or its TUN device's; not needed if one host runs\n"
		   "  -t, -u, -w           TCP, UDP, raw sockets (none of them: all)\n"
		   "  -a, --all            listeners, half-open requests and TIME-WAIT, too\n"
		   "  -l, --listening      listeners only: Recv-Q is the accept queue now, Send-Q its limit\n"
		   "  -o, --options        timers; -e, --extended: and more\n"
		   "  -m, --memory         skmem; -i, --info: what TCP knows of the connection; -O: on one line\n"
		   "  -p, --processes      whose descriptor it is, and which: the host's own numbers\n"
		   "  -n, --numeric        rates in bits; ports always are numbers\n"
		   "  -s, --summary        how many there are\n"
		   "  -H, --no-header      no headings\n"
		   "  -j, --json           everything known of each, as JSON (ss has none)\n"
		   "X is established, syn-sent, syn-recv, fin-wait-1, fin-wait-2, time-wait, closed, close-wait, last-ack, listening,\n"
		   "closing, all, connected, synchronized, bucket or big; `exclude X` is all others.\n"
		   "EXPRESSION: sport and dport with = != < <= > >= and a port, src and dst with ADDRESS[/PREFIX][:PORT], not, and,\n"
		   "or, ( ).  As in ss, and binds no more than or: `a or b and c` is `( a or b ) and c`.\n"
		   "  halfopen ss -tan '( dport = :9000 or sport = :9000 )'\n",
	.exec = ss_exec,
};
