/* SPDX-License-Identifier: MIT
 * Requests and answers of the control socket as JSON, for programs: {"ask":["counters","-z","--json"]} on one line gives, on one
 * line, {"ok":true,"id":ID,"json":{...}}, or "text":"..." for what is no JSON; or {"ok":false,"usage":true,"error":"..."}, usage
 * false when the host refuses what is well said. */
#ifndef HO_CONTROL_JSON_H
#define HO_CONTROL_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Is the line meant as JSON? */
bool control_is_json(const char *line);

/* Takes a request apart, in place.  Gives  the number of words, 0 or more; -1: it is no such request, or has more words. */
int control_json_words(char *line, char *words[], int words_max);

/* status: of tools.h. */
void control_json_answer(FILE *out, int status, const char *id, const char *text, size_t text_bytes);

#endif
