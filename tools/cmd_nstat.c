/* SPDX-License-Identifier: MIT
 * halfopen nstat: what moved on a running host since the last look, as nstat tells it of the kernel. */
#include "tools.h"

#include "find_host.h"
#include "history.h"
#include "nstat.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct nstat_options {
	struct nstat_wish wish;
	bool silent, keep, reset; /* -n, -s, -r */
	uint64_t every_ms, looks; /* -d, --count; 0: not given */
};

/* A host's counters at a moment. */
struct look {
	char id[64];
	char *text;
	uint64_t at_ns;
};

static int look_take(const struct command *self, const char *host, struct look *l)
{
	int status = ask_host(self, host, "nstat", l->id, &l->text);

	if (status == EXIT_FINE && sscanf(l->text, "#at %" SCNu64, &l->at_ns) != 1) {
		fprintf(stderr, "halfopen nstat: %s answers in words of another version of halfopen\n", host);
		free(l->text);
		return EXIT_FAILED;
	}
	return status;
}

static void remember(const struct nstat_options *o, const char *host, const struct look *l, const struct history *then)
{
	char *lines = NULL;
	size_t bytes = 0;
	FILE *out = open_memstream(&lines, &bytes);
	int err = out == NULL ? -ENOMEM : 0;

	if (err == 0) {
		if (!o->keep)
			nstat_remember(&o->wish, l->text, then, out);
		err = fclose(out) == 0 ? history_write(host, l->id, lines) : -ENOMEM;
	}
	free(lines);
	if (err != 0)
		fprintf(stderr, "halfopen nstat: the history of %s cannot be kept: %s\n", host, strerror(-err));
}

static int one_look(const struct command *self, const char *host, const struct nstat_options *o)
{
	struct history then = {0};
	struct look l;
	int status = look_take(self, host, &l);

	if (status != EXIT_FINE)
		return status;
	if (!o->reset)
		history_read(host, l.id, &then);
	if (then.stale)
		fprintf(stderr, "halfopen nstat: %s has begun anew since the last look: counted from its beginning\n", host);
	if (!o->silent)
		nstat_say(&o->wish, l.text, &then, -1, stdout);
	if (!o->keep || o->reset)
		remember(o, host, &l, &then);
	history_free(&then);
	free(l.text);
	return EXIT_FINE;
}

static void sleep_ms(uint64_t ms)
{
	struct timespec left = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000 * 1000000)};

	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
}

/* Since the look before, whose counters are the history; they are let go of. */
static void say_between(const struct nstat_options *o, const char *host, struct look *before, const struct look *now)
{
	struct history then = {.text = before->text};

	if (strcmp(before->id, now->id) != 0) {
		fprintf(stderr, "halfopen nstat: %s has begun anew\n", host);
	} else {
		nstat_say(&o->wish, now->text, &then, (double)(now->at_ns - before->at_ns) / 1e9, stdout);
		fflush(stdout);
	}
	history_free(&then);
	*before = *now;
}

/* Time is the host's: what was late here is no slower there. */
static int look_again_and_again(const struct command *self, const char *host, const struct nstat_options *o)
{
	struct look before, now;
	int status = look_take(self, host, &before);

	if (status != EXIT_FINE)
		return status;
	for (uint64_t i = 0; o->looks == 0 || i < o->looks; i++) {
		sleep_ms(o->every_ms);
		status = look_take(self, host, &now);
		if (status != EXIT_FINE)
			break;
		say_between(o, host, &before, &now);
	}
	free(before.text);
	return status;
}

/* "1", "0.5" seconds */
static bool parse_seconds(const char *text, uint64_t *ms)
{
	char *end;
	double seconds = strtod(text, &end);

	if (end == text || *end != '\0' || !(seconds >= 0.01 && seconds <= 86400))
		return false;
	*ms = (uint64_t)(seconds * 1000 + 0.5);
	return true;
}

static int options_check(const struct command *self, const struct nstat_options *o)
{
	if (o->every_ms != 0 && (o->silent || o->keep || o->reset || o->wish.absolute))
		return usage_error(self, "-d tells of its own looks alone: without -a, -n, -r and -s");
	if (o->looks != 0 && o->every_ms == 0)
		return usage_error(self, "--count is how often -d SECONDS looks");
	if (o->wish.pretty && !o->wish.json)
		return usage_error(self, "-p is how --json looks: give both");
	for (int i = 0; i < o->wish.pattern_count; i++)
		if (o->wish.patterns[i][0] == '\0')
			return usage_error(self, "an empty word matches no name; a shell pattern such as 'TcpExtListen*' can");
	return EXIT_FINE;
}

static int nstat_exec(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = {
		{"at", required_argument, NULL, 'h'},  {"count", required_argument, NULL, 'c'},
		{"ignore", no_argument, NULL, 'a'},    {"json", no_argument, NULL, 'j'},
		{"nooutput", no_argument, NULL, 'n'},  {"noupdate", no_argument, NULL, 's'},
		{"pretty", no_argument, NULL, 'p'},    {"reset", no_argument, NULL, 'r'},
		{"scan", required_argument, NULL, 'd'}, {"zeros", no_argument, NULL, 'z'},
		{NULL, 0, NULL, 0},
	};
	struct nstat_options o = {0};
	char host[CONTROL_NAME_MAX + 1];
	const char *at = NULL;
	int found, status;

	while ((found = getopt_long(argc, argv, ":ad:jnprsz", options, NULL)) != -1) {
		switch (found) {
		case 'h': at = optarg; break;
		case 'a': o.wish.absolute = true; break;
		case 'j': o.wish.json = true; break;
		case 'n': o.silent = true; break;
		case 'p': o.wish.pretty = true; break;
		case 'r': o.reset = true; break;
		case 's': o.keep = true; break;
		case 'z': o.wish.zero = true; break;
		case 'c':
			if (!parse_u64(optarg, 1, UINT32_MAX, &o.looks))
				return usage_error(self, "--count %s: a number from 1 on is wanted", optarg);
			break;
		case 'd':
			if (!parse_seconds(optarg, &o.every_ms))
				return usage_error(self, "-d %s: seconds are wanted, 0.01 to 86400", optarg);
			break;
		default: return option_error(self, argv, found);
		}
	}
	o.wish.patterns = argv + optind;
	o.wish.pattern_count = argc - optind;
	status = options_check(self, &o);
	if (status == EXIT_FINE)
		status = find_host(self, at, host);
	if (status != EXIT_FINE)
		return status;
	return o.every_ms != 0 ? look_again_and_again(self, host, &o) : one_look(self, host, &o);
}

const struct command cmd_nstat = {
	.name = "nstat",
	.args = "[--at HOST] [-anrsz] [-j [-p]] [-d SECONDS [--count N]] [PATTERN...]",
	.text = "shows what moved on a running host since the last look, in nstat's format",
	.options = "  --at HOST        its --name, or its TUN device's; not needed if one host runs\n"
		   "  -a, --ignore     values since the host began, whatever was seen before\n"
		   "  -z, --zeros      zero rows, too\n"
		   "  -s, --noupdate   this look is not remembered\n"
		   "  -n, --nooutput   it is only remembered\n"
		   "  -r, --reset      what was remembered is forgotten before\n"
		   "  -j, --json       as nstat's\n"
		   "  -p, --pretty     with --json: indented\n"
		   "  -d, --scan SECONDS  looks again every SECONDS, and shows what moved between and how often a second\n"
		   "      --count N       N times\n"
		   "PATTERN is a shell pattern over names, letters of either case alike: '*listen*'.  What no pattern matches\n"
		   "is not seen: the next look tells of it.  Each user and host has a history (halfopen counters shares it);\n"
		   "that of a host that ended since is not used.\n",
	.exec = nstat_exec,
};
