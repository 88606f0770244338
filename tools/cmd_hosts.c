/* SPDX-License-Identifier: MIT
 * halfopen hosts: the names of hosts that run, for --at. */
#include "tools.h"

#include "control.h"

static void host_print(void *ctx, const char *name)
{
	(void)ctx;
	puts(name);
}

static int hosts_exec(const struct command *self, int argc, char **argv)
{
	if (argc > 1)
		return usage_error(self, "'%s' is not wanted", argv[1]);
	control_list(host_print, NULL);
	return EXIT_FINE;
}

const struct command cmd_hosts = {
	.name = "hosts",
	.args = "",
	.text = "names the hosts that run, a line each",
	.options = "",
	.exec = hosts_exec,
};
