/* SPDX-License-Identifier: MIT
 * The host that counters and sockets speak to. */
#ifndef HO_FIND_HOST_H
#define HO_FIND_HOST_H

#include "control.h"
#include "tools.h"

/* Takes  at: the name after --at, or NULL: the one that runs, if there is exactly one.
 * Gives  EXIT_FINE and the name; else it has said what is wrong and which hosts there are. */
int find_host(const struct command *self, const char *at, char name[CONTROL_NAME_MAX + 1]);

/* Takes --at HOST or --at=HOST off a command line, wherever it stands before a "--".
 * Gives  false: it has no value; else *at, NULL without one; the last of several. */
bool at_take(int *argc, char **argv, const char **at);

/* Takes --at off and makes one request of the rest, behind the word that it begins with.
 * Gives  EXIT_FINE, the host and the request; else it has said what is wrong. */
int request_make(const struct command *self, const char *word, int argc, char **argv, char name[CONTROL_NAME_MAX + 1],
                 char request[CONTROL_REQUEST_MAX]);

/* Asks a host; says what is wrong on stderr.  Gives  EXIT_FINE and text (malloc'ed), or an exit status. */
int ask_host(const struct command *self, const char *name, const char *request, char id[64], char **text);
/* err: of control_ask, < 0.  Says it on stderr.  Gives  an exit status. */
int ask_failed(const struct command *self, const char *name, int err);
/* Asks and prints the text. */
int ask_print(const struct command *self, const char *name, const char *request);
/* All of a command that only hands its words to a host: request_make, ask_print. */
int ask_words(const struct command *self, const char *word, int argc, char **argv);

#endif
