/* SPDX-License-Identifier: MIT
 * Smoke test: a command of halfopen-bench finishes and prints JSON that parses.  Judges no figure.
 * smoke PROGRAM COMMAND */
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

int main(int argc, char **argv)
{
	char line[4096];
	json_error_t err;
	json_t *j;
	FILE *p;
	int rc;

	if (argc != 3)
		return 2;
	snprintf(line, sizeof line, "'%s' %s --rounds 1 --quick --json", argv[1], argv[2]);
	p = popen(line, "r");
	if (!p)
		return 1;
	j = json_loadf(p, 0, &err);
	rc = pclose(p);
	if (rc) {
		fprintf(stderr, "%s: status %d\n", line, WEXITSTATUS(rc));
		return 1;
	}
	if (!j) {
		fprintf(stderr, "%s: line %d: %s\n", line, err.line, err.text);
		return 1;
	}
	if (json_object_get(j, "skipped"))
		return 77;
	rc = strcmp(json_string_value(json_object_get(j, "bench")), argv[2]) != 0 ||
	     json_array_size(json_object_get(j, "rows")) == 0;
	json_decref(j);
	return rc;
}
