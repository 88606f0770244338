/* SPDX-License-Identifier: MIT
 * A line of `halfopen counters`, and of a history. */
#include "history.h"

#include <stdio.h>
#include <string.h>

bool counter_line_take(const char **at, char name[64], char value[24])
{
	for (;;) {
		const char *line = *at, *end = strchr(line, '\n');

		if (end == NULL)
			return false;
		*at = end + 1;
		if (sscanf(line, " %63[A-Za-z0-9_] %23[0-9-]", name, value) == 2)
			return true;
	}
}
