/* SPDX-License-Identifier: MIT
 * halfopen trace: what happens in a running host, as it happens. */
#include "tools.h"

#include "find_host.h"
#include "trace_spec.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORDS_MAX 32

static volatile sig_atomic_t stop;

static void on_signal(int signal)
{
	(void)signal;
	stop = 1;
}

/* What stands on the command line. */
struct wish {
	const char *at, *file;  /* NULL */
	char *words[WORDS_MAX]; /* for the host */
	int count;
};

static bool takes_value(const char *option)
{
	static const char *const options[] = {"--event", "--counter", "--port", "--peer", "-n"};

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (strcmp(option, options[i]) == 0)
			return true;
	return false;
}

/* Gives  EXIT_FINE; else it has said what is wrong. */
static int words_sort(const struct command *self, int argc, char **argv, struct wish *w)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "-w") == 0) {
			if (i + 1 == argc)
				return usage_error(self, "-w wants a file");
			w->file = argv[++i];
		} else if (argv[i][0] != '-' && w->at == NULL) {
			w->at = argv[i];
		} else if (w->count + 3 < WORDS_MAX) {
			w->words[w->count++] = argv[i];
			if (takes_value(argv[i]) && i + 1 < argc)
				w->words[w->count++] = argv[++i];
		} else {
			return usage_error(self, "too many words");
		}
	}
	if (w->file != NULL)
		w->words[w->count++] = "--pcapng";
	return EXIT_FINE;
}

/* Asks of the host only what it will take. */
static int request_of(const struct command *self, struct wish *w, char request[CONTROL_REQUEST_MAX],
                      struct trace_spec *spec)
{
	char why[192];
	size_t used = (size_t)snprintf(request, CONTROL_REQUEST_MAX, "trace");

	if (!trace_spec_parse(w->count, w->words, spec, why, sizeof(why)))
		return usage_error(self, "%s", why);
	for (int i = 0; i < w->count; i++) {
		if (strpbrk(w->words[i], " \t\r\n") != NULL || used + strlen(w->words[i]) + 2 > CONTROL_REQUEST_MAX)
			return usage_error(self, "'%.40s' is too long, or no word", w->words[i]);
		used += (size_t)snprintf(request + used, CONTROL_REQUEST_MAX - used, " %s", w->words[i]);
	}
	return EXIT_FINE;
}

static int stream_to(const struct command *self, const char *host, const char *request, int out)
{
	struct sigaction on_stop = {.sa_handler = on_signal};
	char *text = NULL;
	int status;

	sigaction(SIGINT, &on_stop, NULL);
	sigaction(SIGTERM, &on_stop, NULL);
	status = control_stream(host, request, &stop, out, &text);
	if (text != NULL) {
		fprintf(stderr, "halfopen trace: %s says: %s\n", host, text);
		free(text);
		return status;
	}
	return status < 0 ? ask_failed(self, host, status) : status;
}

static int trace_exec(const struct command *self, int argc, char **argv)
{
	struct wish w = {0};
	struct trace_spec spec;
	char request[CONTROL_REQUEST_MAX], host[CONTROL_NAME_MAX + 1];
	const char *at = NULL;
	int status =
		at_take(&argc, argv, &at) ? words_sort(self, argc, argv, &w) : usage_error(self, "--at wants a host");
	int out = STDOUT_FILENO;

	if (status == EXIT_FINE)
		status = request_of(self, &w, request, &spec);
	if (status == EXIT_FINE && w.file == NULL && spec.form == TRACE_PCAPNG && isatty(STDOUT_FILENO))
		status = usage_error(self, "a capture is nothing for a terminal: -w FILE, or a pipe");
	if (status == EXIT_FINE)
		status = find_host(self, at != NULL ? at : w.at, host);
	if (status != EXIT_FINE)
		return status;
	if (w.file != NULL)
		out = open(w.file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (out < 0) {
		fprintf(stderr, "halfopen trace: %s: %s\n", w.file, strerror(errno));
		return EXIT_FAILED;
	}
	status = stream_to(self, host, request, out);
	if (w.file != NULL && close(out) != 0 && status == EXIT_FINE)
		status = EXIT_FAILED;
	return status;
}

const struct command cmd_trace = {
	.name = "trace",
	.args = "[HOST] [--event LIST] [--counter PATTERN] [--port N] [--peer ADDR[:PORT]] "
		"[--json | --pcapng | -w FILE] [-n N]",
	.text = "tells what happens in a running host as it happens: calls, states, queues, drops, counters",
	.options =
		"  HOST, --at HOST     its --name, or its TUN device's; not needed if one host runs\n"
		"  --event LIST        call, state, queue, retransmit, drop, counter; by commas (default: all)\n"
		"  --counter PATTERN   counters whose name fits, '*listen*'; nothing else, unless --event names it\n"
		"  --port N            of either end\n"
		"  --peer ADDR[:PORT]  of the other end\n"
		"  --json              an object a line\n"
		"  --pcapng, -w FILE   packets, with comments that say what happened at each; --port and --peer choose\n"
		"                      packets, --event and --counter those at which such a thing happened\n"
		"  -n N                ends after so many lines or packets; without it at ^C\n"
		"A reader that is too slow loses events, and is told how many; the host never waits.\n",
	.exec = trace_exec,
};
