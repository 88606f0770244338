/* SPDX-License-Identifier: MIT
 * The terminal: cells onto it, keys from it. */
#include "top_tty.h"

#define NCURSES_NOMACROS
#include <curses.h>
#undef getch /* curses.h keeps some */

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

static SCREEN *terminal;

static const struct {
	short fore, back;
	attr_t color, mono; /* with the pair; without colour */
} looks[LOOK_COUNT] = {
	[LOOK_PLAIN] = {-1, -1, A_NORMAL, A_NORMAL},
	[LOOK_DIM] = {-1, -1, A_DIM, A_NORMAL},
	[LOOK_HEAD] = {COLOR_BLACK, COLOR_GREEN, A_NORMAL, A_REVERSE},
	[LOOK_SELECTED] = {COLOR_BLACK, COLOR_CYAN, A_NORMAL, A_REVERSE},
	[LOOK_GOOD] = {COLOR_GREEN, -1, A_NORMAL, A_NORMAL},
	[LOOK_WARN] = {COLOR_YELLOW, -1, A_NORMAL, A_BOLD},
	[LOOK_BAD] = {COLOR_RED, -1, A_BOLD, A_BOLD},
	[LOOK_KEY] = {COLOR_BLACK, COLOR_CYAN, A_NORMAL, A_REVERSE},
};

static bool colored;

static void colors_init(bool wanted)
{
	colored = wanted && has_colors() && start_color() == OK && use_default_colors() == OK;
	for (short i = 0; colored && i < LOOK_COUNT; i++)
		init_pair((short)(i + 1), looks[i].fore, looks[i].back);
}

int tty_open(bool color)
{
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return -ENOTTY;
	terminal = newterm(NULL, stdout, stdin);
	if (terminal == NULL)
		return -ENOTTY;
	set_escdelay(50);
	cbreak();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	curs_set(0);
	colors_init(color);
	return 0;
}

void tty_close(void)
{
	endwin();
	delscreen(terminal);
	terminal = NULL;
}

void tty_size(int *rows, int *cols)
{
	*rows = getmaxy(stdscr);
	*cols = getmaxx(stdscr);
}

void tty_show(const struct screen *s)
{
	erase();
	for (int row = 0; row < s->rows; row++)
		for (int col = 0; col < s->cols; col++) {
			const struct cell *c = &s->cell[(size_t)row * (size_t)s->cols + (size_t)col];

			if (strcmp(c->bytes, " ") == 0 && c->look == LOOK_PLAIN)
				continue;
			attr_set(colored ? looks[c->look].color : looks[c->look].mono, (short)(colored ? c->look + 1 : 0), NULL);
			mvaddstr(row, col, c->bytes);
		}
	attr_set(A_NORMAL, 0, NULL);
	refresh();
}

static int key_of(int c)
{
	static const struct {
		int curses, key;
	} keys[] = {
		{KEY_UP, TOP_KEY_UP}, {KEY_DOWN, TOP_KEY_DOWN}, {KEY_PPAGE, TOP_KEY_PAGE_UP}, {KEY_NPAGE, TOP_KEY_PAGE_DOWN},
		{KEY_HOME, TOP_KEY_HOME}, {KEY_END, TOP_KEY_END}, {KEY_ENTER, TOP_KEY_ENTER}, {'\r', TOP_KEY_ENTER},
		{'\n', TOP_KEY_ENTER}, {27, TOP_KEY_ESCAPE}, {KEY_BACKSPACE, TOP_KEY_BACKSPACE}, {127, TOP_KEY_BACKSPACE},
		{8, TOP_KEY_BACKSPACE}, {KEY_RESIZE, TTY_RESIZED},
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		if (keys[i].curses == c)
			return keys[i].key;
	if (c > KEY_F0 && c <= KEY_F(10))
		return TOP_KEY_F1 + (c - KEY_F(1));
	return c > 0 && c < 256 ? c : TTY_NOTHING;
}

int tty_key(int milliseconds)
{
	struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
	int c;

	timeout(milliseconds);
	c = getch();
	if (c != ERR)
		return key_of(c);
	if (poll(&in, 1, 0) > 0 && in.revents & (POLLHUP | POLLERR | POLLNVAL))
		return TTY_GONE;
	return TTY_NOTHING;
}
