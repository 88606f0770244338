/* SPDX-License-Identifier: MIT
 * What a user saw last time of a host's counters: a file NAME.uUID.history beside its socket, "#ID" and "name value" lines.
 * A history of another run of the host (another ID) counts as none. */
#ifndef HO_HISTORY_H
#define HO_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct history {
	char *text; /* the file; malloc'ed */
	bool stale; /* there was one, of another run */
};

/* Gives  a history, empty if there is none that fits. */
void history_read(const char *host, const char *id, struct history *h);
void history_free(struct history *h);
/* Gives  the value of a name then, 0 if it was not there. */
uint64_t history_value(const struct history *h, const char *name);
/* Takes  lines "name value" as a host says them.  Gives  0, -errno. */
int history_write(const char *host, const char *id, const char *lines);

/* The host has ended: nobody will ask for what anybody saw of it. */
void histories_remove(const char *host);

/* "name value" at the beginning of *at: moves *at behind the line.  Gives  false at the end of the text. */
bool counter_line_take(const char **at, char name[64], char value[24]);

#endif
