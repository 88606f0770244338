/* SPDX-License-Identifier: MIT
 * What a running host answers on its control socket: a function a first word.  Each writes the text to out, or one line that
 * says what is wrong, and gives an exit status of tools.h. */
#ifndef HO_ANSWER_H
#define HO_ANSWER_H

#include <halfopen/halfopen.h>

#include <stdio.h>

struct control;
struct pinger;
struct host_files;
struct tracer;

/* Who is asked. */
struct asked {
	struct ho_stack *stack;
	struct control *control;
	struct pinger *pinger;
	struct host_files *files; /* NULL: none */
	struct tracer *tracer;
};

/* A control_answer; ctx: struct asked. */
int answer(void *ctx, int count, char **words, FILE *out);

int answer_explain(struct asked *a, int count, char **words, FILE *out);
int answer_rule(struct asked *a, int count, char **words, FILE *out);
int answer_route(struct asked *a, int count, char **words, FILE *out);
int answer_neigh(struct asked *a, int count, char **words, FILE *out);
int answer_addr(struct asked *a, int count, char **words, FILE *out);
int answer_sysctl(struct asked *a, int count, char **words, FILE *out);
int answer_nstat(struct asked *a, int count, char **words, FILE *out);
int answer_ss(struct asked *a, int count, char **words, FILE *out);
int answer_publish(struct asked *a, int count, char **words, FILE *out);
int answer_file(struct asked *a, int count, char **words, FILE *out);
int answer_ping(struct asked *a, int count, char **words, FILE *out); /* CONTROL_LATER */
int answer_trace(struct asked *a, int count, char **words, FILE *out); /* CONTROL_LATER */

/* Writes words that say what is wrong.  Gives  status. */
__attribute__((format(printf, 3, 4))) int answer_wrong(FILE *out, int status, const char *format, ...);

/* A view that writes into a buffer: asked for its length, then for its text. */
typedef size_t answer_view(const void *ctx, char *buf, size_t cap_bytes);
int answer_print(answer_view *view, const void *ctx, FILE *out);

#endif
