/* SPDX-License-Identifier: MIT
 * The program halfopen: a row a command. */
#include "tools.h"

#include <signal.h>
#include <string.h>

static const struct command *const commands[] = {&cmd_lab,    &cmd_host, &cmd_counters, &cmd_sockets,
                                                 &cmd_why,    &cmd_ping, &cmd_route,    &cmd_addr,
                                                 &cmd_neigh,  &cmd_sysctl, &cmd_rule, &cmd_explain,
                                                 &cmd_nstat,  &cmd_ss,
                                                 &cmd_with,   &cmd_top, &cmd_hosts, &cmd_trace};

#define COMMANDS (sizeof(commands) / sizeof(*commands))

static const struct command *command_find(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	return NULL;
}

static void usage(FILE *out)
{
	fputs("usage: halfopen COMMAND ...\n\n", out);
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(out, "  %-10s%s\n", commands[i]->name, commands[i]->text);
	fputs("  help      how a command is called\n  version   which halfopen this is\n", out);
}

static int unknown(const char *name)
{
	fprintf(stderr, "halfopen: there is no command '%s'; there are", name);
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(stderr, " %s,", commands[i]->name);
	fputs(" help and version\n", stderr);
	return EXIT_USAGE;
}

static int help(const char *name)
{
	const struct command *c = name != NULL ? command_find(name) : NULL;

	if (c != NULL)
		return command_help(c);
	if (name != NULL)
		return unknown(name);
	usage(stdout);
	return EXIT_FINE;
}

/* Output that did not reach its file is a failure, whatever the command thinks. */
static int finish(int status)
{
	if ((fflush(stdout) != 0 || ferror(stdout)) && status == EXIT_FINE) {
		perror("halfopen: writing the output");
		return EXIT_FAILED;
	}
	return status;
}

int main(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : NULL;
	const struct command *c;

	signal(SIGPIPE, SIG_DFL);
	if (word == NULL) {
		usage(stderr);
		return EXIT_USAGE;
	}
	if (strcmp(word, "help") == 0 || strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
		return finish(help(argc > 2 ? argv[2] : NULL));
	if (strcmp(word, "version") == 0 || strcmp(word, "--version") == 0) {
		printf("halfopen %s\n", ho_version());
		return finish(EXIT_FINE);
	}
	c = command_find(word);
	if (c == NULL)
		return unknown(word);
	for (int i = 2; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			return finish(command_help(c));
	return finish(c->exec(c, argc - 1, argv + 1));
}
