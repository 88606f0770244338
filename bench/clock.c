/* SPDX-License-Identifier: MIT
 * CPU time and where it is spent. */
#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench.h"

static double clock_s(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

double cpu_s(void)
{
	return clock_s(CLOCK_PROCESS_CPUTIME_ID);
}

double wall_s(void)
{
	return clock_s(CLOCK_MONOTONIC);
}

int core_pin(int core)
{
	cpu_set_t set;

	if (core < 0 || core >= CPU_SETSIZE)
		return -EINVAL;
	CPU_ZERO(&set);
	CPU_SET(core, &set);
	return sched_setaffinity(0, sizeof set, &set) ? -errno : 0;
}

static bool comm_is(const char *pid, const char *name)
{
	char path[300], comm[32] = "";
	FILE *f;

	snprintf(path, sizeof path, "/proc/%s/comm", pid);
	f = fopen(path, "r");
	if (!f)
		return false;
	if (!fgets(comm, sizeof comm, f))
		comm[0] = 0;
	fclose(f);
	comm[strcspn(comm, "\n")] = 0;
	return strcmp(comm, name) == 0;
}

static int pid_of(const char *name)
{
	DIR *d = opendir("/proc");
	struct dirent *e;
	int pid = 0;

	while (d && !pid && (e = readdir(d)))
		if (e->d_name[0] >= '1' && e->d_name[0] <= '9' && comm_is(e->d_name, name))
			pid = atoi(e->d_name);
	if (d)
		closedir(d);
	return pid;
}

double softirqd_s(int core)
{
	static int pid = -1;
	char path[64];
	unsigned long long ns = 0;
	FILE *f;

	if (pid < 0) {
		snprintf(path, sizeof path, "ksoftirqd/%d", core);
		pid = pid_of(path);
	}
	snprintf(path, sizeof path, "/proc/%d/schedstat", pid);
	f = pid > 0 ? fopen(path, "r") : NULL;
	if (!f)
		return 0;
	if (fscanf(f, "%llu", &ns) != 1)
		ns = 0;
	fclose(f);
	return (double)ns * 1e-9;
}
