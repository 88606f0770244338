/* SPDX-License-Identifier: MIT
 * The terminal of `halfopen top`: ncurses, and nobody else knows it. */
#ifndef HO_TOP_TTY_H
#define HO_TOP_TTY_H

#include "top_screen.h"

/* Gives  0; -ENOTTY: stdin or stdout is no terminal, or of a type that is not known. */
int tty_open(bool color);
void tty_close(void);
void tty_size(int *rows, int *cols);
void tty_show(const struct screen *s);

#define TTY_NOTHING (-1) /* the time was over, or a signal came */
#define TTY_RESIZED (-2)
#define TTY_GONE (-3) /* the terminal was hung up */
/* Waits for a key: enum top_key, a letter, or one of those above. */
int tty_key(int milliseconds);

#endif
