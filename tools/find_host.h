/* SPDX-License-Identifier: MIT
 * The host that counters and sockets speak to. */
#ifndef HO_FIND_HOST_H
#define HO_FIND_HOST_H

#include "control.h"
#include "tools.h"

/* Takes  at: the name after --at, or NULL: the one that runs, if there is exactly one.
 * Gives  EXIT_FINE and the name; else it has said what is wrong and which hosts there are. */
int find_host(const struct command *self, const char *at, char name[CONTROL_NAME_MAX + 1]);

/* Asks a host; says what is wrong on stderr.  Gives  EXIT_FINE and text (malloc'ed), or an exit status. */
int ask_host(const struct command *self, const char *name, const char *request, char id[64], char **text);

#endif
