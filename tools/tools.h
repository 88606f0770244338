/* SPDX-License-Identifier: MIT
 * What the commands of the program share.  One file a command (cmd_NAME.c), one row a command (struct command). */
#ifndef HO_TOOLS_H
#define HO_TOOLS_H

#include <halfopen/halfopen.h>

#include <stdio.h>

/* Exit statuses of every command. */
enum {
	EXIT_FINE = 0,
	EXIT_FAILED = 1, /* the world refused, or rows differ */
	EXIT_USAGE = 2,  /* a bad name, file, address or option: the message says what would be right */
};

struct command {
	const char *name;
	const char *args;                                               /* the rest of the usage line */
	const char *text;                                               /* what it does, one line */
	const char *options;                                            /* its options, a line each, or "" */
	int (*exec)(const struct command *self, int argc, char **argv); /* argv[0] is the command's name */
};

extern const struct command cmd_lab, cmd_host, cmd_counters, cmd_sockets, cmd_why, cmd_explain, cmd_ping, cmd_route, cmd_addr,
	cmd_neigh, cmd_sysctl, cmd_rule, cmd_with;
extern const struct command cmd_nstat, cmd_ss;
extern const struct command cmd_top, cmd_hosts, cmd_trace;

/* Says on stderr what is wrong and how the command is called.  Gives  EXIT_USAGE. */
__attribute__((format(printf, 2, 3))) int usage_error(const struct command *c, const char *format, ...);

/* getopt_long gave '?' or ':' for argv[optind - 1]: says which option is wrong.  Gives  EXIT_USAGE. */
int option_error(const struct command *c, char **argv, int found);

/* Prints a command's help on stdout.  Gives  EXIT_FINE. */
int command_help(const struct command *c);

/* ---- words into values: false if the text is not one, or out of range ---- */
bool parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *out);
bool parse_i64(const char *text, int64_t min, int64_t max, int64_t *out);
/* "198.18.0.2/24" */
bool parse_addr_prefix(const char *text, uint32_t *addr, uint8_t *prefix_len);
/* "6.18", "4.15" or "3.10": a profile of struct ho_stack_config */
bool parse_linux(const char *text, uint32_t *profile);

#endif
