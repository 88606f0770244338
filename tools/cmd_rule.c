/* SPDX-License-Identifier: MIT
 * halfopen rule: the packet filter of a running host. */
#include "tools.h"

#include "find_host.h"

static int rule_exec(const struct command *self, int argc, char **argv)
{
	return ask_words(self, "rule", argc, argv);
}

const struct command cmd_rule = {
	.name = "rule",
	.args = "[--at HOST] [list [HOOK] [-v] [--json] | add RULE | insert HOOK [N] ... | delete HOOK N | delete RULE | flush "
		"[HOOK] | zero [HOOK] | policy HOOK ACCEPT|DROP]",
	.text = "shows and changes the packet filter of a running host, in iptables' words",
	.options =
		"  --at HOST  its --name, or its TUN device's; not needed if one host runs\n"
		"  list       as `iptables -S`; -v with packets and bytes\n"
		"HOOK is INPUT, OUTPUT or FORWARD; RULE is HOOK and then\n"
		"  -p tcp|udp|icmp|N  -s PREFIX  -d PREFIX  -i LINK  -o LINK  -f  --sport A[:B]  --dport A[:B]\n"
		"  --tcp-flags MASK SET  --syn  --icmp-type T[/C]      each may have a ! before it\n"
		"  -m statistic --mode random --probability P, -m statistic --mode nth --every N [--packet P], --first N\n"
		"  -j ACCEPT|DROP|REJECT  --reject-with icmp-port-unreachable|...|tcp-reset\n"
		"for instance: halfopen rule add INPUT -p tcp --dport 9000 -j DROP\n",
	.exec = rule_exec,
};
