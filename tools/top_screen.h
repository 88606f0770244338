/* SPDX-License-Identifier: MIT
 * A screen of `halfopen top` as cells, and what is drawn into it.  Whoever has a terminal, or a file, puts the cells there. */
#ifndef HO_TOP_SCREEN_H
#define HO_TOP_SCREEN_H

#include "top.h"

enum look { LOOK_PLAIN, LOOK_DIM, LOOK_HEAD, LOOK_SELECTED, LOOK_GOOD, LOOK_WARN, LOOK_BAD, LOOK_KEY, LOOK_COUNT };

struct cell {
	char bytes[5]; /* one character, NUL-terminated */
	unsigned char look;
};

struct screen {
	int rows, cols;
	bool utf8;
	struct cell *cell; /* rows * cols */
};

/* Gives  0, -ENOMEM.  All blank. */
int screen_open(struct screen *s, int rows, int cols, bool utf8);
void screen_free(struct screen *s);

/* Text is cut at the right edge, and nothing is drawn outside.  Without utf8 other characters become '?'.
 * Gives  the column behind it. */
__attribute__((format(printf, 5, 6))) int screen_print(struct screen *s, int row, int col, enum look look, const char *format, ...);
void screen_fill(struct screen *s, int row, int col, int count, enum look look);
/* A cell's row as text without blanks at its end, malloc'ed; NULL. */
char *screen_line(const struct screen *s, int row);

/* A bar of `cols` columns with its numbers: "[####|   3/8]". */
void screen_bar(struct screen *s, int row, int col, int cols, int number_cols, const struct top_queue *q, enum look text);

struct top_drawing {
	const char *host;
	double delay_s;
	bool interactive; /* with a cursor and the line of keys */
	const char *note; /* instead of the keys; NULL: none */
};

/* All of it.  t changes where only drawing knows: how many lines a page has. */
void top_draw(struct screen *s, struct top *t, const struct top_drawing *d);

#endif
