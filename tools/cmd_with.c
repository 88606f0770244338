/* SPDX-License-Identifier: MIT
 * halfopen with: a program of Linux's looks at a running host instead of at this machine.
 *
 * nstat and ss are told by their environment where to look.  netstat, sysctl and node_exporter read /proc: in a mount namespace
 * of its own the program finds the host's files there.  /proc/net is each process's own, so it is the program's that is replaced
 * (exec keeps the number), and its children see this machine's. */
#include "tools.h"

#include "find_host.h"
#include "history.h"

#include <halfopen/view.h>

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROC_SYS_NET "/proc/sys/net"

/* ---- ss ---- */

/* Does an option word of ss ("-tln", "--listening") mean this one? */
static bool word_has(const char *word, char letter, const char *name)
{
	if (word[0] != '-' || word[1] == '\0')
		return false;
	return word[1] == '-' ? strcmp(word + 2, name) == 0 : strchr(word + 1, letter) != NULL;
}

static bool any_has(char **argv, char letter, const char *name)
{
	for (; *argv != NULL; argv++)
		if (word_has(*argv, letter, name))
			return true;
	return false;
}

/* The word behind "state", or another for "exclude"; NULL without these. */
static const char *state_named(char **argv)
{
	for (; *argv != NULL; argv++)
		if (strcmp(*argv, "state") == 0 || strcmp(*argv, "exclude") == 0)
			return **argv == 's' && argv[1] != NULL ? argv[1] : *argv;
	return NULL;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

/* ss does not filter a file of inet_diag's replies by state: it gets one that holds the states it asks for.  With states in
 * words it reads net/tcp, which it does filter.  Gives  a name in net/, NULL. */
static const char *tcpdiag_name(char **argv)
{
	const char *state = state_named(argv + 1);

	if (strcmp(base_name(argv[0]), "ss") != 0)
		return "tcpdiag";
	if (state != NULL && strcmp(state, "listening") == 0)
		return "tcpdiag_listen";
	if (state != NULL)
		return strcmp(state, "all") == 0 ? "tcpdiag" : NULL;
	if (any_has(argv + 1, 'a', "all"))
		return "tcpdiag";
	return any_has(argv + 1, 'l', "listening") ? "tcpdiag_listen" : "tcpdiag_connected";
}

/* ---- who is looked at ---- */

struct shown {
	char name[PATH_MAX]; /* as it is called in words */
	char host[CONTROL_NAME_MAX + 1]; /* what histories are kept by */
	char id[64];         /* of this run of it */
	char *dir;           /* its files */
	bool is_directory;   /* that somebody publishes: nobody is asked */
};

static uint64_t sum_of(const char *text)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (; *text != '\0'; text++)
		h = (h ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
	return h;
}

/* Each time that somebody publishes, the directory of sysctls is made anew. */
static int directory_find(const struct command *self, const char *at, struct shown *s)
{
	char path[PATH_MAX];
	struct stat sys, snmp;

	s->dir = realpath(at, NULL);
	if (s->dir == NULL || snprintf(path, sizeof(path), "%s/net/snmp", s->dir) >= (int)sizeof(path) || stat(path, &snmp) < 0 ||
	    snprintf(path, sizeof(path), "%s/sys", s->dir) >= (int)sizeof(path) || stat(path, &sys) < 0) {
		fprintf(stderr, "halfopen %s: %s: no stack publishes its files there\n", self->name, at);
		return EXIT_USAGE;
	}
	s->is_directory = true;
	snprintf(s->name, sizeof(s->name), "%s", at);
	snprintf(s->host, sizeof(s->host), "dir-%016llx", (unsigned long long)sum_of(s->dir));
	snprintf(s->id, sizeof(s->id), "%llu.%lld.%09ld", (unsigned long long)sys.st_ino, (long long)sys.st_mtim.tv_sec,
	         sys.st_mtim.tv_nsec);
	return EXIT_FINE;
}

static int shown_find(const struct command *self, const char *at, struct shown *s)
{
	char *text;
	int status;

	if (at != NULL && strchr(at, '/') != NULL)
		return directory_find(self, at, s);
	status = find_host(self, at, s->host);
	if (status != EXIT_FINE)
		return status;
	status = ask_host(self, s->host, "publish", s->id, &text);
	if (status != EXIT_FINE)
		return status;
	s->dir = text;
	strcpy(s->name, s->host);
	s->dir[strcspn(s->dir, "\n")] = '\0';
	return EXIT_FINE;
}

/* ---- environment ---- */

/* nstat's memory of what it showed last is of this run of the host; it is gone when the host is (history.h).  Where nobody
 * can be told when a directory is gone, the next one at the same path takes the place of its history. */
static int history_set(const struct shown *s)
{
	char beside[CONTROL_PATH_MAX], path[PATH_MAX];
	int err = control_path(s->host, ".u", beside);

	if (err == 0 && s->is_directory)
		err = control_directory_make(beside);
	if (err != 0)
		return err;
	snprintf(path, sizeof(path), "%s%lu.history.nstat.%s", beside, (unsigned long)geteuid(), s->id);
	if (s->is_directory && access(path, F_OK) < 0)
		histories_remove(s->host);
	return setenv("NSTAT_HISTORY", path, 1) < 0 ? -errno : 0;
}

static int environment_set(const struct shown *s, char **argv)
{
	static const char *const others[] = {"PROC_NET_NETSTAT", "PROC_NET_SNMP",      "PROC_NET_SNMP6", "PROC_NET_TCP",
	                                     "PROC_NET_UDP",     "PROC_NET_RAW",       "PROC_NET_TCP6",  "PROC_NET_UDP6",
	                                     "PROC_NET_RAW6",    "PROC_NET_SOCKSTAT",  "PROC_NET_SOCKSTAT6", "TCPDIAG_FILE"};
	const char *diag = tcpdiag_name(argv);
	char path[PATH_MAX];

	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		unsetenv(others[i]);
	if (diag != NULL && snprintf(path, sizeof(path), "%s/net/%s", s->dir, diag) < (int)sizeof(path) &&
	    setenv("TCPDIAG_FILE", path, 1) < 0)
		return -errno;
	if (setenv("PROC_ROOT", s->dir, 1) < 0 || setenv("HALFOPEN_HOST", s->name, 1) < 0)
		return -errno;
	return history_set(s);
}

/* ---- the namespace ---- */

static int line_write(const char *path, const char *line)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? write(fd, line, strlen(line)) : -1;
	int err = n < 0 ? -errno : 0;

	if (fd >= 0)
		close(fd);
	return err;
}

/* Within a user namespace we are who we are outside. */
static int ids_map(uid_t uid, gid_t gid)
{
	char line[64];
	int err;

	snprintf(line, sizeof(line), "%u %u 1", uid, uid);
	err = line_write("/proc/self/uid_map", line);
	if (err == 0)
		err = line_write("/proc/self/setgroups", "deny");
	snprintf(line, sizeof(line), "%u %u 1", gid, gid);
	return err == 0 ? line_write("/proc/self/gid_map", line) : err;
}

static int namespace_enter(void)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();
	int err;

	if (unshare(CLONE_NEWNS) == 0)
		return 0;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return -errno;
	err = ids_map(uid, gid);
	return err;
}

static int bind_over(const char *dir, const char *name, const char *over)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	return mount(path, over, NULL, MS_BIND, NULL) < 0 ? -errno : 0;
}

/* A place for a file: its directories, and an empty file. */
static int place_make(char *path)
{
	int fd;

	for (char *slash = strchr(path + strlen(PROC_SYS_NET) + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(path, 0755) < 0 && errno != EEXIST)
			return -errno;
		*slash = '/';
	}
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

/* Each sysctl's file is bound over one of a tmpfs: `sysctl -a` takes the first two entries of a directory for "." and "..", and
 * so they are there, but not in every file system that the host's files may be in. */
static int sysctls_bind(const char *dir)
{
	char path[HO_VIEW_PATH_MAX], over[HO_VIEW_PATH_MAX + 8];
	int err = mount("halfopen", PROC_SYS_NET, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0755") < 0 ? -errno : 0;

	for (unsigned i = 0; err == 0 && ho_view_file_path(i, path); i++) {
		if (ho_view_file_sysctl(path) == NULL)
			continue;
		snprintf(over, sizeof(over), "/proc/%s", path);
		err = place_make(over);
		if (err == 0)
			err = bind_over(dir, path, over);
		if (err == -ENOENT)
			err = unlink(over) < 0 ? -errno : 0; /* it can only be written: it has no file */
	}
	return err;
}

/* Gives  0; -errno, and *what could not be done. */
static int files_bind(const char *dir, const char **what)
{
	int err = namespace_enter();

	*what = "a mount namespace";
	if (err == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		err = -errno;
	if (err != 0)
		return err;
	*what = "/proc/net";
	err = bind_over(dir, "net", "/proc/self/net");
	if (err != 0)
		return err;
	*what = PROC_SYS_NET;
	return sysctls_bind(dir);
}

/* ---- the command ---- */

static int with_run(const struct shown *s, char **argv, bool env_only)
{
	const char *what = "";
	char snmp[PATH_MAX];
	int err;

	snprintf(snmp, sizeof(snmp), "%s/net/snmp", s->dir);
	if (access(snmp, R_OK) < 0) {
		fprintf(stderr, "halfopen with: the files of %s: %s: %s%s\n", s->name, snmp, strerror(errno),
		        errno == ENOENT ? " (a FUSE directory is seen in its host's mount namespace only)" : "");
		return EXIT_FAILED;
	}
	err = env_only ? 0 : files_bind(s->dir, &what);
	if (err != 0) { /* it would look at this machine, and change it */
		fprintf(stderr, "halfopen with: %s: %s: nothing is run; --env shows %s to nstat and ss alone\n", what,
		        strerror(-err), s->name);
		return EXIT_FAILED;
	}
	err = environment_set(s, argv);
	if (err != 0) {
		fprintf(stderr, "halfopen with: %s%s\n", strerror(-err),
		        err == -ENOENT ? " for nstat's history: set HALFOPEN_RUN to a directory of yours" : "");
		return EXIT_FAILED;
	}
	execvp(argv[0], argv);
	err = errno;
	fprintf(stderr, "halfopen with: %s: %s\n", argv[0], strerror(err));
	return err == ENOENT ? 127 : 126;
}

static int with_exec(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = {
		{"env", no_argument, NULL, 'e'},
		{NULL, 0, NULL, 0},
	};
	struct shown shown = {.dir = NULL};
	bool env_only = false;
	const char *at = NULL;
	int found, status;

	while ((found = getopt_long(argc, argv, "+:e", options, NULL)) != -1) {
		if (found != 'e')
			return option_error(self, argv, found);
		env_only = true;
	}
	/* getopt has taken a "--" that stands first */
	if (optind < argc && strcmp(argv[optind - 1], "--") != 0 && strcmp(argv[optind], "--") != 0)
		at = argv[optind++];
	if (optind < argc && strcmp(argv[optind], "--") == 0)
		optind++;
	if (optind >= argc)
		return usage_error(self, "which COMMAND?");
	status = shown_find(self, at, &shown);
	if (status == EXIT_FINE)
		status = with_run(&shown, argv + optind, env_only);
	free(shown.dir);
	return status;
}

const struct command cmd_with = {
	.name = "with",
	.args = "[--env] [HOST|DIR] -- COMMAND [ARGUMENT]...",
	.text = "runs one of Linux's programs that looks at a running host instead of this machine",
	.options =
		"  HOST   its --name, or its TUN device's; not needed if one host runs\n"
		"  DIR    a directory in which files are published, with a '/': by host --publish, lab run --publish, ho_publish_open\n"
		"  --env  by environment only: PROC_ROOT, TCPDIAG_FILE, NSTAT_HISTORY (nstat and ss); no mount namespace\n"
		"For instance: halfopen with ho0 -- nstat -asz; -- ss -tanmi; -- netstat -s; -- sysctl net.ipv4.tcp_syncookies=0;\n"
		"-- prometheus-node-exporter; -- watch nstat.  Works without root where users may have namespaces of their own.\n"
		"The program has the host's files as /proc/net and /proc/sys/net; those that it starts have only the second of them,\n"
		"and the environment: `watch halfopen with ho0 -- netstat -s`, not the other way round.\n"
		"All files are of the moment at which the program starts; then counters are at most one --publish-every old.  Lists\n"
		"of more than 100 sockets are renewed in turn, for a 250th of a core: of 10,000 each every 2 s or so.\n"
		"The program runs as the same user; what it changes under /proc/sys/net changes the host's sysctls.  A value that the\n"
		"host refuses is an error there with host --fuse only; else the write seems to succeed, and nothing changes.\n"
		"Its exit status is the command's; 127: there is no such command.  Without a mount namespace nothing is run.\n",
	.exec = with_exec,
};
