/* SPDX-License-Identifier: MIT
 * A script sets sysctls by running `sysctl`: of its own network namespace.  The stack takes what stands there under
 * /proc/sys, once at the start and again after each command of the script. */
#include "drill.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/syscall.h>

#define TEXT_BYTES 64
#define SYSCTLS_MAX 128

static char seen[SYSCTLS_MAX][TEXT_BYTES];

static bool text_read(const char *name, char text[TEXT_BYTES])
{
	char path[128] = "/proc/sys/";
	size_t n = strlen(path);
	ssize_t bytes;
	int fd;

	for (; *name != '\0' && n < sizeof(path) - 1; name++)
		path[n++] = *name == '.' ? '/' : *name;
	path[n] = '\0';
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	bytes = read(fd, text, TEXT_BYTES - 1);
	syscall(SYS_close, fd);
	if (bytes <= 0)
		return false;
	text[bytes] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return true;
}

void drill_sysctls_read(void)
{
	const char *name;

	for (unsigned i = 0; i < SYSCTLS_MAX && (name = ho_sysctl_name(i)) != NULL; i++) {
		char text[TEXT_BYTES];
		bool first = seen[i][0] == '\0';
		int err;

		if (!text_read(name, text) || strcmp(text, seen[i]) == 0)
			continue;
		memcpy(seen[i], text, sizeof(text));
		if (first && strcmp(name, "net.ipv4.tcp_congestion_control") == 0)
			continue; /* the machine's taste: CUBIC, until the script says otherwise */
		err = ho_sysctl_set(drill.s, name, text);
		if (err && !first)
			fprintf(stderr, "halfopen-packetdrill: %s = %s: %s\n", name, text, strerror(-err));
	}
}
