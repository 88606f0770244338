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

int ask_host(const struct command *self, const char *name, const char *request, char id[64], char **text)
{
	int err = control_ask(name, request, id, text);

	if (err == -ENOENT || err == -ECONNREFUSED)
		return say_not_there(self, name);
	if (err == 1) {
		fprintf(stderr, "halfopen %s: %s says: %s\n", self->name, name, *text);
		free(*text);
		return EXIT_FAILED;
	}
	if (err < 0) {
		fprintf(stderr, "halfopen %s: asking %s: %s\n", self->name, name,
		        err == -EAGAIN ? "no answer within 10 seconds" : strerror(-err));
		return EXIT_FAILED;
	}
	return EXIT_FINE;
}
