/* SPDX-License-Identifier: MIT
 * The host that counters and sockets speak to. */
#include "find_host.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_BYTES 1024

/* Names of hosts, one behind the other with ", " between them. */
struct names {
	char last[CONTROL_NAME_MAX + 1];
	char text[NAMES_BYTES];
	size_t text_bytes;
};

static void name_add(void *ctx, const char *name)
{
	struct names *n = ctx;
	size_t room = sizeof(n->text) - n->text_bytes;
	int len = snprintf(n->text + n->text_bytes, room, "%s%s", n->text_bytes > 0 ? ", " : "", name);

	strcpy(n->last, name);
	if (len > 0 && (size_t)len < room)
		n->text_bytes += (size_t)len;
	else
		n->text[n->text_bytes] = '\0';
}

static void say_none_runs(void)
{
	char path[CONTROL_PATH_MAX];

	if (control_path("*", ".sock", path) == 0)
		fprintf(stderr, "no host runs (looked for %s); `halfopen host --tun NAME --addr A/P` starts one\n",
		        path);
	else
		fputs("no host can be found: set HALFOPEN_RUN to the directory that the host has\n", stderr);
}

int find_host(const struct command *self, const char *at, char name[CONTROL_NAME_MAX + 1])
{
	struct names names = {0};
	int count;

	if (at != NULL && control_name_ok(at)) {
		strcpy(name, at);
		return EXIT_FINE; /* ask_host will tell if it is not there */
	}
	count = control_list(name_add, &names);
	if (at == NULL && count == 1) {
		strcpy(name, names.last);
		return EXIT_FINE;
	}
	fprintf(stderr, "halfopen %s: ", self->name);
	if (count == 0)
		say_none_runs();
	else if (at != NULL)
		fprintf(stderr, "--at %s: no such host; there is %s\n", at, names.text);
	else
		fprintf(stderr, "%d hosts run, --at says which: %s\n", count, names.text);
	return EXIT_USAGE;
}

static int say_not_there(const struct command *self, const char *name)
{
	struct names names = {0};
	int count = control_list(name_add, &names);

	fprintf(stderr, "halfopen %s: no host named %s runs; ", self->name, name);
	if (count == 0)
		say_none_runs();
	else
		fprintf(stderr, "there is %s\n", names.text);
	return EXIT_USAGE;
}

int ask_failed(const struct command *self, const char *name, int err)
{
	if (err == -ENOENT || err == -ECONNREFUSED)
		return say_not_there(self, name);
	fprintf(stderr, "halfopen %s: asking %s: %s\n", self->name, name,
	        err == -EAGAIN ? "no answer within 10 seconds" : strerror(-err));
	return EXIT_FAILED;
}

int ask_host(const struct command *self, const char *name, const char *request, char id[64], char **text)
{
	int err = control_ask(name, request, id, text);

	if (err > 0) {
		fprintf(stderr, "halfopen %s: %s says: %s\n", self->name, name, *text);
		free(*text);
		return err;
	}
	return err < 0 ? ask_failed(self, name, err) : EXIT_FINE;
}

int ask_print(const struct command *self, const char *name, const char *request)
{
	char id[64], *text;
	int status = ask_host(self, name, request, id, &text);

	if (status != EXIT_FINE)
		return status;
	fputs(text, stdout);
	free(text);
	return EXIT_FINE;
}

bool at_take(int *argc, char **argv, const char **at)
{
	bool words = false; /* behind a "--" */
	int left = 0;

	*at = NULL;
	for (int i = 0; i < *argc; i++) {
		words = words || strcmp(argv[i], "--") == 0;
		if (!words && strncmp(argv[i], "--at=", 5) == 0)
			*at = argv[i] + 5;
		else if (words || strcmp(argv[i], "--at") != 0)
			argv[left++] = argv[i];
		else if (i + 1 < *argc)
			*at = argv[++i];
		else
			return false;
	}
	*argc = left;
	return true;
}

int request_make(const struct command *self, const char *word, int argc, char **argv, char name[CONTROL_NAME_MAX + 1],
                 char request[CONTROL_REQUEST_MAX])
{
	const char *at;
	int used = snprintf(request, CONTROL_REQUEST_MAX, "%s", word);

	if (!at_take(&argc, argv, &at))
		return usage_error(self, "option '--at' needs a value");
	for (int i = 1; i < argc; i++) {
		if (strpbrk(argv[i], "\r\n") != NULL || used + strlen(argv[i]) + 3 > CONTROL_REQUEST_MAX)
			return usage_error(self, "that is too long, or of several lines");
		used += snprintf(request + used, (size_t)(CONTROL_REQUEST_MAX - used), " %s", argv[i]);
	}
	return find_host(self, at, name);
}

int ask_words(const struct command *self, const char *word, int argc, char **argv)
{
	char name[CONTROL_NAME_MAX + 1], request[CONTROL_REQUEST_MAX];
	int status = request_make(self, word, argc, argv, name, request);

	return status == EXIT_FINE ? ask_print(self, name, request) : status;
}
