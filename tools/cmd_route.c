/* SPDX-License-Identifier: MIT
 * halfopen route, halfopen addr: the routes and addresses of a running host. */
#include "tools.h"

#include "find_host.h"

static int route_exec(const struct command *self, int argc, char **argv)
{
	return ask_words(self, "route", argc, argv);
}

static int addr_exec(const struct command *self, int argc, char **argv)
{
	return ask_words(self, "addr", argc, argv);
}

const struct command cmd_route = {
	.name = "route",
	.args = "[--at HOST] [show [--json] | get ADDR | add ROUTE | replace ROUTE | del ROUTE]",
	.text = "shows and changes the routes of a running host, in the words of ip route",
	.options =
		"  --at HOST  its --name, or its TUN device's; not needed if one host runs\n"
		"ROUTE is [blackhole|unreachable|prohibit] PREFIX|default [via ADDR] [dev LINK] [src ADDR] [metric N] [mtu N]\n",
	.exec = route_exec,
};

const struct command cmd_addr = {
	.name = "addr",
	.args = "[--at HOST] [show [--json] | add ADDR/PREFIX [dev LINK] | del ADDR/PREFIX [dev LINK]]",
	.text = "shows and changes the addresses of a running host, in the words of ip addr",
	.options = "  --at HOST  its --name, or its TUN device's; not needed if one host runs\n",
	.exec = addr_exec,
};
