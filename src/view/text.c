/* SPDX-License-Identifier: MIT */
#include "text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void text_add(struct text *t, const char *format, ...)
{
	size_t room = t->len_bytes < t->cap_bytes ? t->cap_bytes - t->len_bytes : 0;
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(room > 0 ? t->to + t->len_bytes : NULL, room, format, ap);
	va_end(ap);
	if (n > 0)
		t->len_bytes += (size_t)n;
}

void text_pad(struct text *t, size_t len_bytes)
{
	if (t->len_bytes < len_bytes)
		text_add(t, "%*s", (int)(len_bytes - t->len_bytes), "");
}

void text_bytes(struct text *t, const char *bytes, size_t count)
{
	if (t->cap_bytes > t->len_bytes) {
		size_t room = t->cap_bytes - t->len_bytes - 1, n = count < room ? count : room;

		memcpy(t->to + t->len_bytes, bytes, n);
		t->to[t->len_bytes + n] = '\0';
	}
	t->len_bytes += count;
}

void text_json(struct text *t, const char *words)
{
	text_bytes(t, "\"", 1);
	while (*words != '\0') {
		size_t plain = strcspn(words, "\"\\");

		text_bytes(t, words, plain);
		words += plain;
		if (*words != '\0')
			text_add(t, "\\%c", *words++);
	}
	text_bytes(t, "\"", 1);
}

char *hex_put(char *to, uint64_t value, unsigned digits)
{
	for (unsigned i = digits; i > 0; i--, value >>= 4)
		to[i - 1] = "0123456789ABCDEF"[value & 15];
	return to + digits;
}

char *dec_put(char *to, uint64_t value, unsigned width)
{
	char digits[20];
	unsigned count = 0;

	do {
		digits[count++] = (char)('0' + value % 10);
		value /= 10;
	} while (value != 0);
	for (; width > count; width--)
		*to++ = ' ';
	while (count > 0)
		*to++ = digits[--count];
	return to;
}
