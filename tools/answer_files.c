/* SPDX-License-Identifier: MIT
 * What a running host answers to `publish` (the directory in which its files are, and are of this moment) and to
 * `file PATH` (what is in one of them). */
#include "answer.h"

#include "host_files.h"
#include "tools.h"

#include <halfopen/view.h>

#include <stdlib.h>
#include <string.h>

int answer_publish(struct asked *a, int count, char **words, FILE *out)
{
	const char *dir;
	int err;

	(void)words;
	if (count != 1)
		return answer_wrong(out, EXIT_USAGE, "publish takes nothing");
	if (a->files == NULL)
		return answer_wrong(out, EXIT_FAILED, "this host has no files");
	err = host_files_publish(a->files, &dir);
	if (err != 0)
		return answer_wrong(out, EXIT_FAILED, "publishing files: %s", strerror(-err));
	fprintf(out, "%s\n", dir);
	return EXIT_FINE;
}

struct file_wish {
	const struct ho_stack *stack;
	const char *path;
};

static size_t file_view(const void *ctx, char *buf, size_t cap_bytes)
{
	const struct file_wish *w = ctx;
	ptrdiff_t n = ho_view_file(w->stack, w->path, buf, cap_bytes);

	return n > 0 ? (size_t)n : 0;
}

static int files_list(FILE *out)
{
	char path[HO_VIEW_PATH_MAX];

	for (unsigned i = 0; ho_view_file_path(i, path); i++)
		fprintf(out, "%s\n", path);
	return EXIT_FINE;
}

int answer_file(struct asked *a, int count, char **words, FILE *out)
{
	struct file_wish w = {a->stack, count == 2 ? words[1] : NULL};
	ptrdiff_t n;

	if (count == 1)
		return files_list(out);
	if (count != 2)
		return answer_wrong(out, EXIT_USAGE, "file takes one PATH, or nothing: which there are");
	n = ho_view_file(a->stack, w.path, NULL, 0);
	if (n < 0)
		return answer_wrong(out, EXIT_USAGE, "file %s: %s", w.path, strerror((int)-n));
	return answer_print(file_view, &w, out);
}
