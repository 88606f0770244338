/* SPDX-License-Identifier: MIT */
#include "text.h"

#include <stdarg.h>
#include <stdio.h>

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
