/* SPDX-License-Identifier: MIT
 * Preloaded into packetdrill on a kernel whose default is another congestion control and whose namespaces may not
 * choose CUBIC by sysctl: each TCP socket gets it, unless the script has chosen Reno. */
#include <dlfcn.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static int reno_chosen(void)
{
	char name[16] = "";
	FILE *f = fopen("/proc/sys/net/ipv4/tcp_congestion_control", "r");

	if (f == NULL)
		return 0;
	if (fgets(name, sizeof(name), f) == NULL)
		name[0] = '\0';
	fclose(f);
	return strcmp(name, "reno\n") == 0;
}

int socket(int domain, int type, int protocol)
{
	int (*real)(int, int, int);
	int fd;

	*(void **)&real = dlsym(RTLD_NEXT, "socket");
	fd = real(domain, type, protocol);
	if (fd >= 0 && (domain == AF_INET || domain == AF_INET6) && (type & 0xf) == SOCK_STREAM && !reno_chosen())
		(void)setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5);
	return fd;
}
