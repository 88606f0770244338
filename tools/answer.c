/* SPDX-License-Identifier: MIT
 * What a running host answers: counters, sockets, why; and who answers the rest. */
#include "answer.h"

#include "about.h"
#include "tools.h"

#include <halfopen/view.h>

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

int answer_wrong(FILE *out, int status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(out, format, args);
	va_end(args);
	return status;
}

int answer_print(answer_view *view, const void *ctx, FILE *out)
{
	size_t need = view(ctx, NULL, 0);
	char *text = malloc(need + 1);

	if (text == NULL)
		return answer_wrong(out, EXIT_FAILED, "out of memory");
	view(ctx, text, need + 1);
	fwrite(text, 1, need, out);
	free(text);
	return EXIT_FINE;
}

/* A request for counters or sockets. */
struct question {
	const struct ho_stack *stack;
	bool all, json, listen, datagrams;
	const char *pattern;
	struct ho_view_about about;
};

static size_t counters_view(const void *ctx, char *buf, size_t cap_bytes)
{
	const struct question *q = ctx;

	return q->json ? ho_view_counters_json(q->stack, q->all, q->pattern, buf, cap_bytes)
	               : ho_view_counters(q->stack, q->all, q->pattern, buf, cap_bytes);
}

static size_t sockets_view(const void *ctx, char *buf, size_t cap_bytes)
{
	const struct question *q = ctx;

	if (q->listen)
		return q->json ? ho_view_listeners_json(q->stack, buf, cap_bytes)
		               : ho_view_listeners(q->stack, buf, cap_bytes);
	if (q->datagrams && !q->json)
		return ho_view_datagram_sockets(q->stack, buf, cap_bytes);
	return q->json ? ho_view_sockets_json(q->stack, buf, cap_bytes) : ho_view_sockets(q->stack, buf, cap_bytes);
}

static size_t why_view(const void *ctx, char *buf, size_t cap_bytes)
{
	const struct question *q = ctx;

	return q->json ? ho_view_why_json(q->stack, &q->about, buf, cap_bytes)
	               : ho_view_why(q->stack, &q->about, buf, cap_bytes);
}

static int answer_counters(struct asked *a, int count, char **words, FILE *out)
{
	struct question q = {.stack = a->stack};

	for (int i = 1; i < count; i++) {
		if (strcmp(words[i], "-z") == 0)
			q.all = true;
		else if (strcmp(words[i], "--json") == 0)
			q.json = true;
		else if (words[i][0] == '-' || q.pattern != NULL)
			return answer_wrong(out, EXIT_USAGE, "counters takes -z, --json and one PATTERN");
		else
			q.pattern = words[i];
	}
	return answer_print(counters_view, &q, out);
}

static int answer_sockets(struct asked *a, int count, char **words, FILE *out)
{
	struct question q = {.stack = a->stack};

	for (int i = 1; i < count; i++) {
		if (strcmp(words[i], "--json") == 0)
			q.json = true;
		else if (strcmp(words[i], "--listen") == 0)
			q.listen = true;
		else if (strcmp(words[i], "--udp") == 0)
			q.datagrams = true;
		else
			return answer_wrong(out, EXIT_USAGE, "sockets takes --listen, --udp and --json");
	}
	return answer_print(sockets_view, &q, out);
}

static int answer_why(struct asked *a, int count, char **words, FILE *out)
{
	struct question q = {.stack = a->stack, .about.counter = -1};

	for (int i = 1; i < count; i++) {
		if (strcmp(words[i], "--json") == 0)
			q.json = true;
		else if (!about_parse(words[i], &q.about))
			return answer_wrong(out, EXIT_USAGE,
			                    "why takes --json, a LISTENER (80, 198.18.0.2:80) and a COUNTER");
	}
	if (why_view(&q, NULL, 0) == 0)
		return answer_wrong(out, EXIT_FAILED, "nobody listens there");
	return answer_print(why_view, &q, out);
}

int answer(void *ctx, int count, char **words, FILE *out)
{
	static const struct {
		const char *word;
		int (*answer)(struct asked *a, int count, char **words, FILE *out);
	} answers[] = {
		{"counters", answer_counters}, {"sockets", answer_sockets}, {"why", answer_why},
		{"rule", answer_rule},         {"route", answer_route},     {"addr", answer_addr},
		{"ping", answer_ping},         {"sysctl", answer_sysctl},
		{"neigh", answer_neigh},
		{"nstat", answer_nstat},       {"ss", answer_ss},
		{"publish", answer_publish},   {"file", answer_file},
		{"explain", answer_explain},
		{"trace", answer_trace},
	};

	for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++)
		if (strcmp(words[0], answers[i].word) == 0)
			return answers[i].answer(ctx, count, words, out);
	return answer_wrong(out, EXIT_USAGE,
	                    "a host answers counters, sockets, why, rule, route, addr, neigh, nstat, ss, ping, sysctl, publish, file, explain and trace");
}
