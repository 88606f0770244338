/* SPDX-License-Identifier: MIT
 * halfopen lab: the experiments.  What they are and do is in lab/. */
#include "tools.h"

#include "lab/lab.h"
#include "sizing.h"

#include <errno.h>
#include <getopt.h>
#include <string.h>

static bool on_parse(const char *word, struct lab_run_options *o)
{
	if (strcmp(word, "stack") == 0)
		o->on = LAB_ON_STACK;
	else if (strcmp(word, "kernel") == 0)
		o->on = LAB_ON_KERNEL;
	else if (strcmp(word, "both") == 0)
		o->on = LAB_ON_BOTH;
	else
		return false;
	return true;
}

static bool is_old(uint32_t profile)
{
	return profile != 0 && profile != HO_LINUX_6_18;
}

/* An experiment with words of its own: not the counters but the length of the queue is looked for. */
static int run_sizing(const struct command *self, const struct lab_run_options *o, const char *set)
{
	struct sizing z = SIZING_DEFAULTS;
	const char *wrong;
	int err;

	if (o->on != LAB_ON_STACK || o->pcap != NULL || o->html != NULL || o->publish != NULL || is_old(o->linux_profile))
		return usage_error(self, "sizing runs in virtual time only, as Linux 6.18: no --on kernel, --pcap, --html, --publish or older --linux");
	if (o->seed_given)
		z.seed = o->seed;
	wrong = set != NULL ? sizing_set(&z, set) : NULL;
	if (wrong != NULL)
		return usage_error(self, "--set %s: wanted is %s", set, wrong);
	err = sizing_tell(&z, o->json, o->out);
	if (err == 0)
		return EXIT_FINE;
	fprintf(o->err, "halfopen lab: sizing: %s\n",
	        err == -EADDRNOTAVAIL ? "more clients at once than a host has ports; a lower rate, or fewer seconds"
	                              : strerror(-err));
	return EXIT_FAILED;
}

static int run(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = {
		{"on", required_argument, NULL, 'o'},
		{"json", no_argument, NULL, 'j'},
		{"pcap", required_argument, NULL, 'p'},
		{"html", required_argument, NULL, 'H'},
		{"publish", required_argument, NULL, 'P'},
		{"seed", required_argument, NULL, 's'},
		{"linux", required_argument, NULL, 'L'},
		{"set", required_argument, NULL, 'S'},
		{NULL, 0, NULL, 0},
	};
	struct lab_run_options o = {.on = LAB_ON_STACK, .out = stdout, .err = stderr};
	const char *set = NULL;
	int found;

	while ((found = getopt_long(argc, argv, ":", options, NULL)) != -1) {
		switch (found) {
		case 'o':
			if (!on_parse(optarg, &o))
				return usage_error(self, "--on %s: it runs on stack, kernel or both", optarg);
			break;
		case 'j': o.json = true; break;
		case 'L':
			if (!parse_linux(optarg, &o.linux_profile))
				return usage_error(self, "--linux %s: the stack can be as Linux 6.18, 4.15 or 3.10", optarg);
			break;
		case 'S': set = optarg; break;
		case 'p': o.pcap = optarg; break;
		case 'H': o.html = optarg; break;
		case 'P': o.publish = optarg; break;
		case 's':
			if (!parse_u64(optarg, 0, UINT64_MAX, &o.seed))
				return usage_error(self, "--seed %s: a number from 0 to 2^64-1 is wanted", optarg);
			o.seed_given = true;
			break;
		default: return option_error(self, argv, found);
		}
	}
	if (argc - optind != 1)
		return usage_error(self, "lab run wants one NAME or FILE, or all; `halfopen lab list` shows the names");
	o.what = argv[optind];
	if (is_old(o.linux_profile) && o.on != LAB_ON_STACK)
		return usage_error(self, "an older --linux is a profile of the stack; the kernel here is what it is: --on stack");
	if (o.publish != NULL && (o.on == LAB_ON_KERNEL || strcmp(o.what, "all") == 0))
		return usage_error(self, "--publish is of the stack's hosts at the end of one experiment");
	if (strcmp(o.what, "sizing") == 0)
		return run_sizing(self, &o, set);
	if (set != NULL)
		return usage_error(self, "--set is for sizing only");
	return lab_run(&o);
}

static int lab_exec(const struct command *self, int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "list") == 0)
		return lab_list(stdout);
	if (argc >= 2 && strcmp(argv[1], "run") == 0)
		return run(self, argc - 1, argv + 1);
	if (argc >= 2 && strcmp(argv[1], "list") != 0)
		return usage_error(self, "'%s' is not a thing the lab can do; list and run are", argv[1]);
	return usage_error(self, argc < 2 ? "list or run?" : "lab list takes nothing more");
}

const struct command cmd_lab = {
	.name = "lab",
	.args = "list | run NAME|FILE|all [--on stack|kernel|both] [--json] [--pcap FILE] [--html FILE|DIR]\n"
		"                                [--publish DIR] [--seed N] [--linux 6.18|4.15|3.10]\n"
		"       halfopen lab run sizing [--set NAME=VALUE[,...]] [--json] [--seed N]",
	.text = "runs experiments on this stack, on the Linux kernel, or on both and compares",
	.options = "  --on WHERE   stack (default), kernel (root: uses network namespaces of its own), or both\n"
		   "  --json       results as JSON\n"
		   "  --pcap FILE  a pcapng of every frame; comments name the counters that it moved\n"
		   "  --html FILE  a page to look at in a browser: every packet, queues, sockets, counters; of all: a\n"
		   "               directory of pages with an index.html\n"
		   "  --publish DIR\n"
		   "               after one experiment on the stack its hosts stay as they are, with their files in DIR/NAME,\n"
		   "               until a signal or Enter: `halfopen with DIR/B -- nstat -asz`, `ss -tan`, `sysctl -a`\n"
		   "  --seed N     of the simulated world (default: the experiment's own)\n"
		   "  --linux V    as which Linux the stack behaves: 6.18 (default); 4.15, which counted orphans\n"
		   "               otherwise; or 3.10, whose listen queues were others, too\n"
		   "  --set ...    sizing: rate=100 (clients a second), burst=1, service_ms=5, workers=1, seconds=10,\n"
		   "               backlog=128, somaxconn=4096: what is dropped, and the smallest backlog without drops\n"
		   "Exit status: 0 all as expected, 1 rows differ, 2 a name or option is wrong.\n",
	.exec = lab_exec,
};
