/* SPDX-License-Identifier: MIT
 * What packetdrill asks of libc although it means the stack: close() at the end of a script, getsockopt() for the
 * variables of its Python snippets, sendfile().  This library is therefore preloaded, too, and these symbols go
 * before libc's.  system() runs the commands of a script: they may set sysctls, may read the counters (with nstat),
 * and may flush what is known of peers (`ip tcp_metrics flush`), which the kernel keeps where nobody can watch it. */
#include "drill.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <halfopen/view.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#define SHOWN __attribute__((visibility("default")))
#define STARTED "HALFOPEN_PACKETDRILL_STARTED"

SHOWN int close(int fd)
{
	return drill.s != NULL && fd >= DRILL_FD_FIRST ? drill_close(NULL, fd) : (int)syscall(SYS_close, fd);
}

SHOWN int getsockopt(int fd, int level, int name, void *restrict value, socklen_t *restrict bytes)
{
	return drill.s != NULL && drill_fd_ours(fd) ? drill_getsockopt(NULL, fd, level, name, value, bytes)
	                                            : (int)syscall(SYS_getsockopt, fd, level, name, value, bytes);
}

/* Where off_t has 64 bits, both of libc's names are one function. */
ssize_t sendfile_taken(int to, int from, off_t *offset, size_t bytes) __asm__("sendfile");

SHOWN ssize_t sendfile_taken(int to, int from, off_t *offset, size_t bytes)
{
	return drill.s != NULL && drill_fd_ours(to) ? drill_sendfile(to, from, offset, bytes)
	                                            : syscall(SYS_sendfile, to, from, offset, bytes);
}

/* ---- commands ---- */

#define PATH_BYTES 64

/* A file with what the view says, for other processes.  Gives  its descriptor, < 0: none. */
static int view_publish(const char *name, size_t (*view)(const struct ho_stack *, char *, size_t), char path[PATH_BYTES])
{
	static char text[65536];
	size_t bytes = view(drill.s, text, sizeof(text));
	int fd = memfd_create(name, 0);

	if (fd >= 0 && (bytes >= sizeof(text) || write(fd, text, bytes) != (ssize_t)bytes)) {
		syscall(SYS_close, fd);
		fd = -1;
	}
	snprintf(path, PATH_BYTES, "/proc/%d/fd/%d", (int)getpid(), fd);
	return fd;
}

/* nstat reads these files instead of /proc/net's if its environment says so. */
static void counters_publish(const char *variable, size_t (*view)(const struct ho_stack *, char *, size_t))
{
	char path[PATH_BYTES];

	if (view_publish(variable, view, path) >= 0)
		setenv(variable, path, 1);
}

/* Closes what counters_publish() opened. */
static void counters_withdraw(const char *variable)
{
	const char *path = getenv(variable);

	if (path != NULL)
		syscall(SYS_close, atoi(strrchr(path, '/') + 1));
	unsetenv(variable);
}

#define TABLE "/proc/net/tcp"

/* The command with the stack's table where it says /proc/net/tcp. */
static void table_name(const char *command, const char *path, char *to, size_t cap)
{
	const char *at;
	size_t n = 0;

	while ((at = strstr(command, TABLE)) != NULL && n < cap) {
		const char *behind = at + strlen(TABLE);

		n += (size_t)snprintf(to + n, cap - n, "%.*s%s", (int)(at - command), command, *behind == '6' ? TABLE : path);
		command = behind;
	}
	if (n < cap)
		snprintf(to + n, cap - n, "%s", command);
}

/* Runs it.  A script that looks into the kernel's table of TCP sockets looks into the stack's. */
static int run(int (*real)(const char *), const char *command)
{
	static char changed[65536];
	char path[PATH_BYTES];
	int fd, status;

	if (strstr(command, TABLE) == NULL || (fd = view_publish("tcp", ho_view_proc_tcp, path)) < 0)
		return real(command);
	table_name(command, path, changed, sizeof(changed));
	status = real(changed);
	syscall(SYS_close, fd);
	return status;
}

SHOWN int system(const char *command)
{
	int (*real)(const char *);
	int status;

	*(void **)&real = dlsym(RTLD_NEXT, "system");
	if (drill.s == NULL)
		return real(command);
	drill_enter();
	counters_publish("PROC_NET_SNMP", ho_view_snmp);
	counters_publish("PROC_NET_NETSTAT", ho_view_netstat);
	status = run(real, command);
	counters_withdraw("PROC_NET_SNMP");
	counters_withdraw("PROC_NET_NETSTAT");
	drill_sysctls_read();
	drill_link_read();
	if (strstr(command, "tcp_metrics flush") != NULL)
		ho_stack_peers_forget(drill.s);
	drill_leave();
	return status;
}

/* ---- preloading ---- */

static bool preloaded(Dl_info *self)
{
	Dl_info first;
	void *symbol = dlsym(dlopen(NULL, RTLD_LAZY), "close"); /* as the program itself finds it */

	return dladdr((void *)(uintptr_t)drill_preload, self) != 0 && symbol != NULL && dladdr(symbol, &first) != 0 &&
	       first.dli_fbase == self->dli_fbase;
}

static void start_anew(const char *library)
{
	static char line[65536];
	char *argv[256];
	int argc = 0, fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
	ssize_t bytes = fd < 0 ? -1 : read(fd, line, sizeof(line) - 1);

	for (ssize_t i = 0; i < bytes && argc < 255; i += (ssize_t)strlen(line + i) + 1)
		argv[argc++] = line + i;
	argv[argc] = NULL;
	setenv(STARTED, "1", 1);
	setenv("LD_PRELOAD", library, 1);
	fflush(NULL);
	if (argc > 0)
		execv("/proc/self/exe", argv);
}

void drill_preload(void)
{
	Dl_info self;

	if (!preloaded(&self)) {
		if (getenv(STARTED) == NULL)
			start_anew(self.dli_fname);
		fprintf(stderr,
		        "halfopen-packetdrill: cannot be preloaded: scripts that leave a socket open or have a Python "
		        "snippet will fail\n");
	}
	unsetenv(STARTED);
	unsetenv("LD_PRELOAD");
}
