/* SPDX-License-Identifier: MIT
 * What a running host answers to `route` and `addr`, in iproute2's words. */
#include "answer.h"

#include "route_spec.h"
#include "tools.h"

#include <halfopen/view.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LINE_BYTES 256

static bool is_show(const char *word)
{
	return strcmp(word, "show") == 0 || strcmp(word, "list") == 0 || strcmp(word, "ls") == 0;
}

static bool is_del(const char *word)
{
	return strcmp(word, "del") == 0 || strcmp(word, "delete") == 0;
}

/* ---- routes ---- */

/* As Linux's table is walked: by address, of the same the longer prefix first. */
static int route_order(const void *x, const void *y)
{
	const struct ho_route *a = x, *b = y;

	if (a->dst != b->dst)
		return a->dst < b->dst ? -1 : 1;
	if (a->prefix_len != b->prefix_len)
		return a->prefix_len > b->prefix_len ? -1 : 1;
	return a->metric < b->metric ? -1 : a->metric > b->metric;
}

/* Gives  false without memory.  Owns: *out is malloc'ed. */
static bool routes_collect(const struct ho_stack *s, struct ho_route **out, size_t *count)
{
	struct ho_route r, *all = NULL;
	size_t n = 0, room = 0;

	for (bool more = ho_route_next(s, NULL, &r); more; more = ho_route_next(s, &r, &r)) {
		if (n == room) {
			struct ho_route *larger = realloc(all, (room = room * 2 + 16) * sizeof(*all));

			if (larger == NULL) {
				free(all);
				return false;
			}
			all = larger;
		}
		all[n++] = r;
	}
	if (n > 0)
		qsort(all, n, sizeof(*all), route_order);
	*out = all;
	*count = n;
	return true;
}

static int route_show(struct asked *a, bool json, FILE *out)
{
	struct ho_route *all;
	char line[LINE_BYTES];
	size_t count;

	if (!routes_collect(a->stack, &all, &count))
		return answer_wrong(out, EXIT_FAILED, "out of memory");
	fputs(json ? "[" : "", out);
	for (size_t i = 0; i < count; i++) {
		if (json)
			ho_view_route_json(a->stack, &all[i], line, sizeof(line));
		else
			ho_view_route(a->stack, &all[i], line, sizeof(line));
		fprintf(out, "%s%s%s", json && i > 0 ? ",\n" : "", line, json ? "" : "\n");
	}
	fputs(json ? "]\n" : "", out);
	free(all);
	return EXIT_FINE;
}

static int route_get(struct asked *a, int count, char **words, FILE *out)
{
	struct ho_route r;
	char lines[LINE_BYTES];
	uint32_t daddr;
	int err;

	if (count != 1 || ho_view_addr_parse(words[0], &daddr) != 0)
		return answer_wrong(out, EXIT_USAGE, "route get takes one address");
	err = ho_route_get(a->stack, daddr, &r);
	if (err < 0)
		return answer_wrong(out, EXIT_FAILED, "%s", route_error(err));
	ho_view_route_got(a->stack, daddr, &r, lines, sizeof(lines));
	fputs(lines, out);
	return EXIT_FINE;
}

static int route_change(struct asked *a, int (*verb)(struct ho_stack *s, const struct ho_route *r), int count,
                        char **words, FILE *out)
{
	struct ho_route r;
	char why[128];
	int err;

	if (!route_spec_parse(a->stack, count, words, &r, why, sizeof(why)))
		return answer_wrong(out, EXIT_USAGE, "%s", why);
	err = verb(a->stack, &r);
	return err == 0 ? EXIT_FINE : answer_wrong(out, EXIT_FAILED, "%s", route_error(err));
}

int answer_route(struct asked *a, int count, char **words, FILE *out)
{
	bool json = count > 1 && strcmp(words[count - 1], "--json") == 0;
	int left = count - json - 2;

	if (left < 0 || (left == 0 && is_show(words[1])))
		return route_show(a, json, out);
	words += 2;
	if (json)
		return answer_wrong(out, EXIT_USAGE, "--json is for route show");
	if (strcmp(words[-1], "get") == 0)
		return route_get(a, left, words, out);
	if (strcmp(words[-1], "add") == 0)
		return route_change(a, ho_route_add, left, words, out);
	if (strcmp(words[-1], "replace") == 0)
		return route_change(a, ho_route_replace, left, words, out);
	if (is_del(words[-1]))
		return route_change(a, ho_route_del, left, words, out);
	return answer_wrong(out, EXIT_USAGE, "route '%.40s': there are show, get, add, replace and del", words[-1]);
}

/* ---- addresses ---- */

struct addrs {
	const struct ho_stack *stack;
	bool json;
};

static size_t addrs_view(const void *ctx, char *buf, size_t cap_bytes)
{
	const struct addrs *q = ctx;

	return q->json ? ho_view_addrs_json(q->stack, buf, cap_bytes) : ho_view_addrs(q->stack, buf, cap_bytes);
}

/* A/P dev LINK; the link need not be said if there is one. */
static int addr_change(struct asked *a, bool add, int count, char **words, FILE *out)
{
	struct ho_addr addr = {.link = 0};
	struct ho_link_config c;
	int err;

	if ((count != 1 && (count != 3 || strcmp(words[1], "dev") != 0)) || strcmp(words[0], "default") == 0 ||
	    !route_prefix_parse(words[0], &addr.addr, &addr.prefix_len))
		return answer_wrong(out, EXIT_USAGE, "addr %s takes ADDR/PREFIX dev LINK", add ? "add" : "del");
	if (count == 3)
		addr.link = ho_link_find(a->stack, words[2]);
	if (addr.link < 0)
		return answer_wrong(out, EXIT_USAGE, "Cannot find device \"%.40s\"; `halfopen addr` shows the links",
		                    words[2]);
	if (count == 1 && add && ho_link_get(a->stack, 1, &c) == 0)
		return answer_wrong(out, EXIT_USAGE, "there are several links: dev LINK says which");
	err = add ? ho_addr_add(a->stack, &addr) : ho_addr_del(a->stack, addr.addr);
	return err == 0 ? EXIT_FINE : answer_wrong(out, EXIT_FAILED, "%s", route_error(err));
}

int answer_addr(struct asked *a, int count, char **words, FILE *out)
{
	struct addrs q = {a->stack, count > 1 && strcmp(words[count - 1], "--json") == 0};
	int left = count - q.json;

	if (left == 1 || (left == 2 && is_show(words[1])))
		return answer_print(addrs_view, &q, out);
	if (strcmp(words[1], "add") == 0)
		return addr_change(a, true, count - 2, words + 2, out);
	if (is_del(words[1]))
		return addr_change(a, false, count - 2, words + 2, out);
	return answer_wrong(out, EXIT_USAGE, "addr '%.40s': there are show, add and del", words[1]);
}
