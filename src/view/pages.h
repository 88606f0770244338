/* SPDX-License-Identifier: MIT
 * A page a counter that moves: what it means, whether that is bad, where to look next.  The rows are in pages_*.def;
 * what moves a counter is in counters.def, where documents and hearsay are wrong in documents.def and advice.def, how
 * counters hang together in relations.def. */
#ifndef HO_PAGES_H
#define HO_PAGES_H

#include <stdint.h>

/* How much somebody who asks why connections fail should care: worst first. */
enum grade {
	LOST,    /* this host refused or lost something that somebody wanted */
	TROUBLE, /* something went wrong on the way or at the other end */
	WATCH,   /* ordinary in small numbers */
	FINE,    /* ordinary work */
	GRADES
};

struct page {
	uint16_t counter; /* IcmpMsg: the first of its direction, for all types */
	uint8_t grade;
	const char *means;  /* usually */
	const char *bad;    /* begins with "yes", "no" or "it depends" */
	const char *next;   /* what to look at */
	const char *limits; /* sysctls, options, arguments; "" for none */
	const char *since;  /* Linux: "3.10"; "3.6 or older" if the first release is not known */
	const char *source; /* RFC section, function of Linux */
};

/* Gives  NULL if there is none.  IcmpMsg counters of one direction share theirs. */
const struct page *page_of(unsigned counter);

struct relation {
	const char *word;     /* "listen-drops" */
	const char *title;
	const char *counters; /* their names, a space between */
	const char *holds;    /* "A >= B + C", true of every 6.18 and every stack; "" for none */
	const char *text;
};

/* Gives  NULL after the last. */
const struct relation *relation_row(unsigned i);
/* Whether it is about the counter of nstat's name. */
int relation_is_about(const struct relation *r, const char *name);

#endif
