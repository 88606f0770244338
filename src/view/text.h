/* SPDX-License-Identifier: MIT
 * A text that grows into a buffer of fixed size: what does not fit is counted and not written. */
#ifndef HO_TEXT_H
#define HO_TEXT_H

#include <stddef.h>
#include <stdint.h>

struct text {
	char *to;         /* NULL if cap_bytes is 0 */
	size_t cap_bytes; /* the NUL included */
	size_t len_bytes; /* that the whole text needs, the NUL not included */
};

static inline struct text text_into(char *buf, size_t cap_bytes)
{
	struct text t = {.to = cap_bytes > 0 ? buf : NULL, .cap_bytes = buf != NULL ? cap_bytes : 0};

	if (t.to != NULL)
		t.to[0] = '\0';
	return t;
}

/* Appends, as printf would. */
void text_add(struct text *t, const char *format, ...)
#if defined(__GNUC__)
	__attribute__((format(printf, 2, 3)))
#endif
	;

/* Appends count bytes, none of them NUL. */
void text_bytes(struct text *t, const char *bytes, size_t count);

/* Appends words as a string of JSON.  They are our own: of what it escapes they hold quotes and backslashes only. */
void text_json(struct text *t, const char *words);

/* Digits into a buffer, without a NUL; give the place behind.  dec_put: at least width places, spaces before it. */
char *hex_put(char *to, uint64_t value, unsigned digits);
char *dec_put(char *to, uint64_t value, unsigned width);

/* Appends spaces until the text is at least len_bytes long. */
void text_pad(struct text *t, size_t len_bytes);

#endif
