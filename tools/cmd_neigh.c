/* SPDX-License-Identifier: MIT
 * halfopen neigh: the neighbours of a running host. */
#include "tools.h"

#include "find_host.h"

static int neigh_exec(const struct command *self, int argc, char **argv)
{
	return ask_words(self, "neigh", argc, argv);
}

const struct command cmd_neigh = {
	.name = "neigh",
	.args = "[--at HOST] [show [dev LINK] [-s] [--json]]",
	.text = "shows the Ethernet neighbours of a running host, in the words of ip neigh",
	.options = "  --at HOST  its --name, or its TUN or TAP device's; not needed if one host runs\n"
		   "  -s         seconds since it was used, confirmed and changed, and questions without an answer\n"
		   "A TUN device has none.\n",
	.exec = neigh_exec,
};
