/* SPDX-License-Identifier: MIT
 * Any record and any words of `trace`: the parser stays inside them, what it takes it can use, and any record is told in
 * text and in JSON whose length is what it says, whatever the buffer.  The first bytes are the record. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* strtok_r */
#endif
#include "trace_spec.h"

#include <halfopen/view.h>

#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 32

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void record_told(const struct ho_watched *w)
{
	char all[2048], cut[64];
	size_t n = ho_view_watched(w, all, sizeof(all)), json;

	check(n < sizeof(all) && strlen(all) == n && strchr(all, '\n') == NULL);
	check(ho_view_watched(w, cut, sizeof(cut)) == n && strncmp(cut, all, sizeof(cut) - 1) == 0);
	json = ho_view_watched_json(w, all, sizeof(all));
	check(json < 900 && /* a line of the tracer's holds it */ strlen(all) == json && strchr(all, '\n') == NULL);
	check((json == 0) == (n == 0) && (json == 0 || (all[0] == '{' && all[json - 1] == '}')));
}

static void words_taken(char *text, const struct ho_watched *w)
{
	char *words[WORDS_MAX], *save = NULL, why[192] = "";
	struct trace_spec s;
	int count = 0;

	for (char *t = strtok_r(text, " \n", &save); t != NULL && count < WORDS_MAX; t = strtok_r(NULL, " \n", &save))
		words[count++] = t;
	if (!trace_spec_parse(count, words, &s, why, sizeof(why))) {
		check(why[0] != '\0');
		return;
	}
	check(s.kinds != 0 && s.kinds <= HO_WATCH_ALL);
	check(!trace_spec_fits(&s, w) || trace_spec_fits_kind(&s, w));
	trace_spec_fits_packet(&s, w->by.local, w->by.peer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ho_watched w = {0};
	size_t record = size < sizeof(w) ? size : sizeof(w);
	char *text = malloc(size - record + 1);

	memcpy(&w, data, record);
	memcpy(text, data + record, size - record);
	text[size - record] = '\0';
	w.by.what = w.by.number % 2 != 0 ? "listen" : NULL;
	w.kind %= HO_WATCH_KINDS;
	w.drop.listener = w.kind == HO_WATCH_DROP ? data[0] & 1 : false;
	record_told(&w);
	words_taken(text, &w);
	free(text);
	return 0;
}
