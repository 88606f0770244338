/* SPDX-License-Identifier: MIT
 * Cells, text in them, bars. */
#include "top_screen.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int screen_open(struct screen *s, int rows, int cols, bool utf8)
{
	*s = (struct screen){.rows = rows > 0 ? rows : 1, .cols = cols > 0 ? cols : 1, .utf8 = utf8};
	s->cell = calloc((size_t)s->rows * (size_t)s->cols, sizeof(*s->cell));
	if (s->cell == NULL)
		return -ENOMEM;
	for (int row = 0; row < s->rows; row++)
		screen_fill(s, row, 0, s->cols, LOOK_PLAIN);
	return 0;
}

void screen_free(struct screen *s)
{
	free(s->cell);
	s->cell = NULL;
}

static struct cell *cell_at(struct screen *s, int row, int col)
{
	if (row < 0 || row >= s->rows || col < 0 || col >= s->cols)
		return NULL;
	return &s->cell[(size_t)row * (size_t)s->cols + (size_t)col];
}

/* Gives  the bytes of the character that text begins with: 1 if it is none of UTF-8. */
static int character_bytes(const char *text)
{
	unsigned char c = (unsigned char)text[0];
	int bytes = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;

	for (int i = 1; i < bytes; i++)
		if (((unsigned char)text[i] & 0xc0) != 0x80)
			return 1;
	return bytes;
}

static void cell_set(struct screen *s, int row, int col, const char *text, int bytes, enum look look)
{
	struct cell *c = cell_at(s, row, col);
	bool shown = bytes == 1 ? text[0] >= ' ' && text[0] < 127 : s->utf8;

	if (c == NULL)
		return;
	snprintf(c->bytes, sizeof(c->bytes), "%.*s", shown ? bytes : 1, shown ? text : "?");
	c->look = (unsigned char)look;
}

int screen_print(struct screen *s, int row, int col, enum look look, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	for (const char *at = text; *at != '\0'; col++) {
		int bytes = character_bytes(at);

		cell_set(s, row, col, at, bytes, look);
		at += bytes;
	}
	return col;
}

void screen_fill(struct screen *s, int row, int col, int count, enum look look)
{
	for (int i = 0; i < count; i++)
		cell_set(s, row, col + i, " ", 1, look);
}

char *screen_line(const struct screen *s, int row)
{
	const struct cell *c = &s->cell[(size_t)row * (size_t)s->cols];
	char *line = malloc((size_t)s->cols * 4 + 1), *end = line, *last = line;

	if (line == NULL)
		return NULL;
	for (int col = 0; col < s->cols; col++) {
		size_t len = strlen(c[col].bytes);

		memcpy(end, c[col].bytes, len);
		end += len;
		if (strcmp(c[col].bytes, " ") != 0)
			last = end;
	}
	*last = '\0';
	return line;
}

static enum look fill_look(double fill)
{
	return fill >= 1 ? LOOK_BAD : fill >= 0.6 ? LOOK_WARN : LOOK_GOOD;
}

/* One column of the bar; filled: eighths of it. */
static void bar_cell(struct screen *s, int row, int col, int filled, bool mark, enum look look)
{
	static const char *const eighths[] = {" ", "\u258f", "\u258e", "\u258d", "\u258c", "\u258b", "\u258a", "\u2589", "\u2588"};

	if (filled <= 0 && mark)
		screen_print(s, row, col, LOOK_DIM, "%s", s->utf8 ? "\u2502" : ":");
	else if (s->utf8)
		screen_print(s, row, col, look, "%s", eighths[filled < 0 ? 0 : filled > 8 ? 8 : filled]);
	else
		screen_print(s, row, col, look, "%s", filled >= 4 ? "|" : " ");
}

void screen_bar(struct screen *s, int row, int col, int cols, int number_cols, const struct top_queue *q, enum look text)
{
	int width = cols - 3 - number_cols, eighths, mark = -1;
	double fill = top_fill(q);
	char numbers[32];

	snprintf(numbers, sizeof(numbers), "%u/%u", q->now, q->holds);
	if (width < 1) {
		screen_print(s, row, col, text, "%.*s", cols, numbers);
		return;
	}
	/* Something is never drawn as nothing, and what is not full never as full. */
	eighths = (int)(fill * 8 * width);
	if (q->now > 0 && eighths < 4)
		eighths = 4;
	if (fill < 1 && width > 1 && eighths > 8 * width - 8)
		eighths = 8 * width - 8;
	if (q->most > 0 && q->holds > 0)
		mark = q->most >= q->holds ? width - 1 : (int)(((uint64_t)q->most * (unsigned)width + q->holds - 1) / q->holds) - 1;
	screen_print(s, row, col, LOOK_DIM, "[");
	for (int i = 0; i < width; i++)
		bar_cell(s, row, col + 1 + i, eighths - 8 * i, i == mark, fill_look(fill));
	screen_print(s, row, col + 1 + width, text, " %*s", number_cols, numbers);
	screen_print(s, row, col + cols - 1, LOOK_DIM, "]");
}
