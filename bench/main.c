/* SPDX-License-Identifier: MIT
 * halfopen-bench: one row a command. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

struct command {
	const char *name;
	int (*run)(const struct options *o, struct report *r);
	const char *text;
};

static const struct command commands[] = {
	{"bulk", bench_bulk, "one connection, as many bytes as it takes; copied in, copied out, checksummed"},
	{"pingpong", bench_pingpong, "one byte there and back"},
	{"churn", bench_churn, "connect, one byte each way, close; TIME-WAIT is kept"},
	{"synflood", bench_synflood, "a SYN at a listener: queue with room, full, cookies, accept queue full"},
	{"retransmit", bench_retransmit, "1,000,000 half-open connections whose SYN+ACK timers fire"},
	{"flood", bench_flood, "10,000 clients connect while a flood of 1,000,000 SYN/s runs (virtual time)"},
	{"messages", bench_messages, "1000 connections, 64-byte messages there and back; 1 byte over 1,000,000 (1 GB)"},
	{"attack", bench_attack, "SACK blocks and holes of a hostile peer, long queues beside short ones"},
	{"idle", bench_idle, "1,000,000 idle connections with keepalive (0.5 GB): a second of it, a probe"},
	{"memory", bench_memory, "bytes of each object, and of 100,000 of each"},
	{"forward", bench_forward, "packets from one link to another, beside the kernel between two TUNs (root)"},
	{"look", bench_look, "files published at 10 Hz; a list of listeners beside ss -ltn (root)"},
	{"tun", bench_tun, "bulk over a TUN with GSO to and from a kernel peer (root)"},
};
#define COMMANDS (sizeof commands / sizeof commands[0])

static int usage(void)
{
	fputs("halfopen-bench COMMAND [--rounds N] [--round-ms N] [--core N] [--only TEXT] [--quick] [--json]\n",
	      stderr);
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(stderr, "  %-10s %s\n", commands[i].name, commands[i].text);
	fputs("  all        each of them\n", stderr);
	return 2;
}

int bench_fail(const char *what, int error)
{
	fprintf(stderr, "halfopen-bench: %s: %s\n", what, strerror(error < 0 ? -error : error));
	return -1;
}

static bool options_read(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{"rounds", required_argument, NULL, 'r'},
		{"round-ms", required_argument, NULL, 'm'},
		{"core", required_argument, NULL, 'c'},
		{"quick", no_argument, NULL, 'q'},
		{"json", no_argument, NULL, 'j'},
		{"only", required_argument, NULL, 'o'},
		{NULL, 0, NULL, 0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 'r': o->rounds = (unsigned)strtoul(optarg, NULL, 10); break;
		case 'm': o->round_s = strtod(optarg, NULL) / 1e3; break;
		case 'c': o->core = atoi(optarg); break;
		case 'q': o->quick = true; break;
		case 'j': o->json = true; break;
		case 'o': o->only = optarg; break;
		default: return false;
		}
	}
	if (o->quick)
		o->round_s = 0.02;
	return o->rounds >= 1 && o->rounds <= ROUNDS_MAX && o->round_s > 0 && optind == argc - 1;
}

static int command_run(const struct command *c, const struct options *o)
{
	struct report *r = calloc(1, sizeof *r);
	int rc;

	if (!r)
		return 1;
	r->bench = c->name;
	rc = c->run(o, r) ? 1 : 0;
	if (rc == 0 && o->json)
		rc = report_print_json(r, o) ? 1 : 0;
	else if (rc == 0)
		report_print(r, o);
	free(r);
	return rc;
}

int main(int argc, char **argv)
{
	struct options o = {.rounds = 5, .round_s = 0.5};
	int rc = 0, known = 0, err;
	bool all;

	if (!options_read(argc, argv, &o))
		return usage();
	err = core_pin(o.core);
	if (err)
		return bench_fail("cannot pin to that core", err) ? 1 : 0;
	all = strcmp(argv[optind], "all") == 0;
	for (size_t i = 0; i < COMMANDS; i++) {
		if (!all && strcmp(argv[optind], commands[i].name) != 0)
			continue;
		known = 1;
		rc |= command_run(&commands[i], &o);
	}
	return known ? rc : usage();
}
