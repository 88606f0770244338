/* SPDX-License-Identifier: MIT
 * What a running host answers to `neigh`, in iproute2's words. */
#include "answer.h"

#include "tools.h"

#include <halfopen/view.h>

#include <string.h>

#define LINE_BYTES 256

struct wanted {
	bool json, details;
	int link; /* -1: of every link */
};

static int neigh_show(struct asked *a, struct wanted w, FILE *out)
{
	const char *between = "";
	char line[LINE_BYTES];
	struct ho_neigh n;

	fputs(w.json ? "[" : "", out);
	for (bool more = ho_neigh_next(a->stack, NULL, &n); more; more = ho_neigh_next(a->stack, &n, &n)) {
		if (n.state == 0 || (w.link >= 0 && n.link != w.link))
			continue;
		if (w.json)
			ho_view_neigh_json(a->stack, &n, w.details, line, sizeof(line));
		else
			ho_view_neigh(a->stack, &n, w.details, line, sizeof(line));
		fprintf(out, "%s%s%s", between, line, w.json ? "" : "\n");
		between = w.json ? ",\n" : "";
	}
	fputs(w.json ? "]\n" : "", out);
	return EXIT_FINE;
}

static bool is_show(const char *word)
{
	return strcmp(word, "show") == 0 || strcmp(word, "list") == 0 || strcmp(word, "ls") == 0;
}

/* dev LINK.  Gives  false: there is no such link. */
static bool link_take(struct asked *a, const char *name, struct wanted *w)
{
	w->link = ho_link_find(a->stack, name);
	return w->link >= 0;
}

int answer_neigh(struct asked *a, int count, char **words, FILE *out)
{
	struct wanted w = {.link = -1};

	for (int i = 1; i < count; i++) {
		if (strcmp(words[i], "--json") == 0)
			w.json = true;
		else if (strcmp(words[i], "-s") == 0)
			w.details = true;
		else if (strcmp(words[i], "dev") == 0 && i + 1 < count) {
			if (!link_take(a, words[++i], &w))
				return answer_wrong(out, EXIT_USAGE,
				                    "Cannot find device \"%.40s\"; `halfopen addr` shows the links", words[i]);
		} else if (i > 1 || !is_show(words[i])) {
			return answer_wrong(out, EXIT_USAGE, "neigh takes show, dev LINK, -s and --json");
		}
	}
	return neigh_show(a, w, out);
}
