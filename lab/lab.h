/* SPDX-License-Identifier: MIT
 * lab: experiments, written in Lua, that run on this stack in virtual time and on the Linux kernel in namespaces.
 * docs/LAB.md teaches the language; lab/README.md says which file does what. */
#ifndef HALFOPEN_LAB_H
#define HALFOPEN_LAB_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define LAB_ON_STACK 1
#define LAB_ON_KERNEL 2
#define LAB_ON_BOTH 3

struct lab_run_options {
	const char *what; /* a shipped experiment's name, "all", or a path (has a '/' or ends in ".lua") */
	int on;           /* LAB_ON_* */
	bool json;        /* one JSON document instead of tables */
	const char *pcap; /* a pcapng to write, or NULL */
	const char *html; /* a page to write, or for "all" a directory of them; NULL */
	const char *publish; /* a directory for the files of the stack's hosts at the end of one experiment; NULL */
	uint64_t seed;    /* of the virtual world */
	bool seed_given;  /* false: seed 1 */
	uint32_t linux_profile; /* HO_LINUX_*, or 0: 6.18, and what belongs to older kernels at its side; an older one: the stack only */
	FILE *out, *err;
};

/* Prints the shipped experiments, a line each.  Gives  0. */
int lab_list(FILE *out);

/* Runs one experiment, or all.  With publish it comes back when a signal (INT, TERM, HUP) or a line on the standard input says so.
 * Gives  0: done, nothing differs (or every difference has its reason in differences.def); 1: something differs, or an
 *        experiment failed; 2: no such experiment or file, the script does not compile, or --on kernel without root. */
int lab_run(const struct lab_run_options *o);

#endif
