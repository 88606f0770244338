/* SPDX-License-Identifier: MIT
 * halfopen host: a stack behind a TUN device, with small services. */
#include "tools.h"

#include "control.h"
#include "host.h"
#include "services.h"

#include <halfopen/view.h>

#include <getopt.h>
#include <string.h>

static int listen_add(const struct command *self, struct host_options *o, const char *word)
{
	struct listen_spec *l = &o->listen[o->listen_count];
	char why[128];

	if (o->listen_count == HOST_LISTEN_MAX)
		return usage_error(self, "more than %d --listen", HOST_LISTEN_MAX);
	if (!listen_spec_parse(word, l, why, sizeof(why)))
		return usage_error(self, "--listen %s: %s", word, why);
	if (service_find(l->app) == NULL)
		return usage_error(
			self, "--listen %s: no app '%s'; there are echo, discard, chargen, http, hold and noaccept",
			word, l->app);
	o->listen_count++;
	return EXIT_FINE;
}

static int udp_add(const struct command *self, struct host_options *o, const char *word)
{
	char why[160];

	if (o->udp_count == HOST_UDP_MAX)
		return usage_error(self, "more than %d --udp", HOST_UDP_MAX);
	if (!udp_spec_parse(word, &o->udp[o->udp_count], why, sizeof(why)))
		return usage_error(self, "--udp %s: %s", word, why);
	o->udp_count++;
	return EXIT_FINE;
}

static int sysctl_add(const struct command *self, struct host_options *o, char *word)
{
	if (o->sysctl_count == HOST_SYSCTL_MAX)
		return usage_error(self, "more than %d --sysctl", HOST_SYSCTL_MAX);
	if (strchr(word, '=') == NULL)
		return usage_error(self, "--sysctl %s: NAME=VALUE is wanted, for instance net.ipv4.tcp_syncookies=0",
		                   word);
	o->sysctl[o->sysctl_count++] = word;
	return EXIT_FINE;
}

static int number_take(const struct command *self, const char *option, const char *word, uint64_t min, uint64_t max,
                       uint32_t *out)
{
	uint64_t v;

	if (!parse_u64(word, min, max, &v))
		return usage_error(self, "--%s %s: a number from %llu to %llu is wanted", option, word,
		                   (unsigned long long)min, (unsigned long long)max);
	*out = (uint32_t)v;
	return EXIT_FINE;
}

static int address_take(const struct command *self, const char *option, const char *word, uint32_t *addr,
                        uint8_t *prefix_len)
{
	if (!parse_addr_prefix(word, addr, prefix_len) || *addr == 0)
		return usage_error(self,
		                   "--%s %s: an address and a prefix length are wanted, for instance 198.18.0.2/24",
		                   option, word);
	return EXIT_FINE;
}

/* --addr, --kernel-addr and --mtu are of the --tun before them, or of the first one. */
static unsigned link_meant(const struct host_options *o)
{
	return o->link_count > 0 ? o->link_count - 1 : 0;
}

static int tun_add(const struct command *self, struct host_options *o, const char *word, bool tap)
{
	struct host_link *l = &o->link[o->link_count];

	if (o->link_count == HOST_LINKS_MAX)
		return usage_error(self, "more than %d --tun", HOST_LINKS_MAX);
	if (strlen(word) >= HO_LINK_NAME_MAX || *word == '\0')
		return usage_error(self, "--tun %s: a name of %d letters at most is wanted", word,
		                   HO_LINK_NAME_MAX - 1);
	for (unsigned i = 0; i < o->link_count; i++)
		if (strcmp(o->link[i].tun, word) == 0)
			return usage_error(self, "--tun %s: it was named already", word);
	if (o->link_count > 0)
		l->mtu = o->mtu_default;
	l->tun = word;
	l->tap = tap;
	o->link_count++;
	return EXIT_FINE;
}

static int addr_add(const struct command *self, struct host_options *o, const char *word)
{
	struct ho_addr *a = &o->addr[o->addr_count];
	int status;

	if (o->addr_count == HOST_ADDRS_MAX)
		return usage_error(self, "more than %d --addr", HOST_ADDRS_MAX);
	status = address_take(self, "addr", word, &a->addr, &a->prefix_len);
	a->link = (int)link_meant(o);
	o->addr_count++;
	return status;
}

static int mtu_take(const struct command *self, struct host_options *o, const char *word)
{
	int status = number_take(self, "mtu", word, 68, 65535, &o->link[link_meant(o)].mtu);

	if (o->link_count == 0)
		o->mtu_default = o->link[0].mtu;
	return status;
}

static int rule_add(const struct command *self, struct host_options *o, const char *word)
{
	char why[256];

	if (o->rule_count == HOST_RULES_MAX)
		return usage_error(self, "more than %d --rule", HOST_RULES_MAX);
	if (ho_view_rule_parse(word, &o->rule[o->rule_count], why, sizeof(why)) != 0)
		return usage_error(self, "--rule '%s': %s", word, why);
	o->rule_count++;
	return EXIT_FINE;
}

static int route_add(const struct command *self, struct host_options *o, char *word)
{
	if (o->route_count == HOST_ROUTES_MAX)
		return usage_error(self, "more than %d --route", HOST_ROUTES_MAX);
	o->route[o->route_count++] = word;
	return EXIT_FINE;
}

static int metrics_take(const struct command *self, struct host_options *o, const char *word)
{
	char why[160];

	if (!metrics_spec_parse(word, &o->metrics, why, sizeof(why)))
		return usage_error(self, "--metrics %s: %s", word, why);
	return EXIT_FINE;
}

static int option_take(const struct command *self, struct host_options *o, char **argv, int found)
{
	switch (found) {
	case 't': return tun_add(self, o, optarg, false);
	case 'T': return tun_add(self, o, optarg, true);
	case 'f': o->forward = true; return EXIT_FINE;
	case 'r': return rule_add(self, o, optarg);
	case 'R': return route_add(self, o, optarg);
	case 'n': o->name = optarg; return EXIT_FINE;
	case 'p': o->pcap = optarg; return EXIT_FINE;
	case 'O': o->offload = false; return EXIT_FINE;
	case 'a': return addr_add(self, o, optarg);
	case 'k':
		return address_take(self, "kernel-addr", optarg, &o->link[link_meant(o)].kernel_addr,
		                    &o->link[link_meant(o)].kernel_prefix_len);
	case 'm': return mtu_take(self, o, optarg);
	case 'x': return number_take(self, "socks-max", optarg, 1, 1u << 20, &o->socks_max);
	case 'q': return number_take(self, "txqueuelen", optarg, 1, 1u << 20, &o->txqueuelen);
	case 'l': return listen_add(self, o, optarg);
	case 'u': return udp_add(self, o, optarg);
	case 'M': return metrics_take(self, o, optarg);
	case 'y': return sysctl_add(self, o, optarg);
	case 'L':
		if (!parse_linux(optarg, &o->linux_profile))
			return usage_error(self, "--linux %s: the stack can be as Linux 6.18, 4.15 or 3.10", optarg);
		return EXIT_FINE;
	case 's':
		o->seed_given = true;
		if (!parse_u64(optarg, 0, UINT64_MAX, &o->seed))
			return usage_error(self, "--seed %s: a number from 0 to 2^64-1 is wanted", optarg);
		return EXIT_FINE;
	default: return option_error(self, argv, found);
	}
}

static int host_exec(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = {
		{"tap", required_argument, NULL, 'T'},    {"metrics", required_argument, NULL, 'M'},
		{"tun", required_argument, NULL, 't'},    {"addr", required_argument, NULL, 'a'},
		{"listen", required_argument, NULL, 'l'}, {"kernel-addr", required_argument, NULL, 'k'},
		{"udp", required_argument, NULL, 'u'},    {"txqueuelen", required_argument, NULL, 'q'},
		{"mtu", required_argument, NULL, 'm'},    {"sysctl", required_argument, NULL, 'y'},
		{"pcap", required_argument, NULL, 'p'},   {"name", required_argument, NULL, 'n'},
		{"seed", required_argument, NULL, 's'},   {"socks-max", required_argument, NULL, 'x'},
		{"no-offload", no_argument, NULL, 'O'},   {"linux", required_argument, NULL, 'L'},
		{"rule", required_argument, NULL, 'r'},   {"route", required_argument, NULL, 'R'},
		{"forward", no_argument, NULL, 'f'},      {NULL, 0, NULL, 0},
	};
	static struct host_options o = {.mtu_default = 1500,
	                                .link[0].mtu = 1500,
	                                .socks_max = 4096,
	                                .offload = true,
	                                .linux_profile = HO_LINUX_6_18};
	int found, status = EXIT_FINE;

	while (status == EXIT_FINE && (found = getopt_long(argc, argv, ":", options, NULL)) != -1)
		status = option_take(self, &o, argv, found);
	if (status != EXIT_FINE)
		return status;
	if (optind < argc)
		return usage_error(self, "'%s' is not wanted", argv[optind]);
	if (o.link_count == 0 || o.addr_count == 0)
		return usage_error(self, "--%s is needed", o.link_count == 0 ? "tun NAME" : "addr A/P");
	if (o.addr[0].link != 0)
		return usage_error(self, "the first --tun needs an --addr");
	for (unsigned i = 0; i < o.link_count && o.pcap != NULL; i++)
		if (o.link[i].tap)
			return usage_error(self, "--pcap keeps IP packets: not with --tap");
	if (o.name == NULL)
		o.name = o.link[0].tun;
	if (!control_name_ok(o.name))
		return usage_error(self, "the name '%s': letters, digits, '-', '_' and '.' are wanted, %d at most",
		                   o.name, CONTROL_NAME_MAX);
	return host_run(&o);
}

const struct command cmd_host = {
	.name = "host",
	.args = "{--tun|--tap NAME --addr A/P}... [--listen PORT[,backlog=N][,app=NAME]]... [OPTION]...",
	.text = "runs a stack behind TUN or TAP devices, with small services, until a signal",
	.options =
		"  --tun NAME           the device (made if need be); several are several links, and what follows is the last one's:\n"
		"  --tap NAME           the same with Ethernet frames: a TAP device, where next hops are found by ARP; the stack's station\n"
		"                       there is 02:00 and its address in hex; everything but its network needs a --route\n"
		"  --addr A/P           the stack's address there and its prefix length; several are several\n"
		"  --kernel-addr A/P    gives the kernel's side of the device this address (root)\n"
		"  --mtu N              68 to 65535, default 1500; before the first --tun: of all\n"
		"  --txqueuelen N       packets that wait in each device for this program, then they are dropped; default as it is (500)\n"
		"  --route ROUTE        in the words of ip route, for instance 'default via 198.18.0.1'; several are several.\n"
		"                       Without one to default, all goes to the device if there is only one\n"
		"  --forward            passes packets on between links: --sysctl net.ipv4.ip_forward=1\n"
		"  --rule RULE          in iptables' words, for instance 'INPUT -p tcp --dport 9000 -j DROP'; several, in order\n"
		"  --listen PORT[,backlog=N][,app=NAME]\n"
		"                       backlog 128 and app echo unless said otherwise; apps:\n"
		"                       echo, discard, chargen, http (/ and /bytes/N), hold (never reads), noaccept\n"
		"  --udp PORT[,app=NAME][,name=NAME,addr=A.B.C.D]\n"
		"                       app echo unless said otherwise; apps: echo, discard, dns (the A record of one name)\n"
		"  --sysctl NAME=VALUE  for instance net.ipv4.tcp_syncookies=0\n"
		"  --linux V            as which Linux it behaves: 6.18 (default), 4.15 (orphans) or 3.10 (listen queues, too)\n"
		"  --no-offload         one packet at a time, with its checksum (default: super-frames)\n"
		"  --socks-max N        descriptors at most, default 4096\n"
		"  --pcap FILE          a pcapng of every frame; comments name the counters that it moved\n"
		"  --metrics A:P        serves /metrics there, for Prometheus: 127.0.0.1:9464, or [::1]:9464; to whoever can connect\n"
		"  --seed N             draw all randomness from this (default: from the system)\n"
		"  --name NAME          by which the other commands find it (default: the first device's)\n"
		"It answers `halfopen counters`, `sockets`, `why`, `ping`, `route`, `addr`, `neigh`, `sysctl` and `rule`.\n",
	.exec = host_exec,
};
