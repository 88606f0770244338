/* SPDX-License-Identifier: MIT
 * Any bytes as what a host answers to `halfopen top`, and as keys: listeners, a NUL, counters, a NUL, keys. */
#include "top_screen.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void draw(struct top *t, int rows, int cols)
{
	const struct top_drawing d = {.host = "ho0", .delay_s = 1, .interactive = true};
	struct screen s;

	check(screen_open(&s, rows, cols, rows % 2) == 0);
	top_draw(&s, t, &d);
	screen_free(&s);
	for (int p = 0; p < TOP_PANES; p++)
		check(t->selected[p] < t->count[p] || t->selected[p] == 0);
}

static char *text_new(void)
{
	char *text = malloc(16);

	check(text != NULL);
	memcpy(text, "one\ntwo\nthree\n", 15);
	return text;
}

static void keys_press(struct top *t, const char *keys)
{
	for (int n = 0; n < 128 && *keys != '\0'; n++, keys++) {
		unsigned char key = (unsigned char)*keys;

		if (top_key(t, key < 128 ? key : TOP_KEY_UP + key % (TOP_KEY_F10 - TOP_KEY_UP + 1)) >= TOP_TELL_LISTENER)
			top_tell(t, "told", text_new());
		draw(t, key % 32, key % 90);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 3);
	const char *counters, *keys;
	struct top_look look;
	struct top t;

	memcpy(text, data, size);
	memset(text + size, 0, 3);
	counters = text + strlen(text) + 1;
	if (counters > text + size)
		counters = text + size;
	keys = counters + strlen(counters) + 1;
	if (keys > text + size)
		keys = text + size;
	top_init(&t);
	for (ho_time_ns at = HO_SEC; at <= 2 * HO_SEC; at += HO_SEC)
		if (top_look_read(text, counters, at, &look) == 0)
			check(top_add(&t, &look) == 0);
	keys_press(&t, keys);
	top_free(&t);
	free(text);
	return 0;
}
