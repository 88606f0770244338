/* SPDX-License-Identifier: MIT
 * lab: pages to look at in a browser, one an experiment, and an index of all.  Each is a file that needs no other. */
#ifndef HALFOPEN_LAB_PAGE_H
#define HALFOPEN_LAB_PAGE_H

#include "inside.h"

struct lab_shown { /* one experiment; all but name and text may be NULL */
	const char *name, *text;
	const json_t *stack, *kernel, *recording, *old;
	const char *not_on_kernel; /* why it was not run there */
};

struct lab_pages;

/* Takes  path: the page, or with many a directory, which is made if it is not there.
 * Gives  0, -errno. */
int lab_pages_open(const char *path, bool many, struct lab_pages **out);
void lab_pages_add(struct lab_pages *p, const struct lab_shown *s);
/* Gives  0; -errno: a page could not be written.  NULL is fine. */
int lab_pages_close(struct lab_pages *p);

#endif
