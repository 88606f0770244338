/* SPDX-License-Identifier: MIT
 * `halfopen host` as a process with many listeners and connections, in a network namespace of its own, and what `halfopen ss -ltn`
 * costs there: the process that asks and the host that answers.
 *
 * The connections' other ends are packets, written to the host's TUN device by a packet socket. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

#define TUN "hobench"
#define AT_ONCE 64u
#define LISTENERS_MAX 1024u
#define WAIT_S 5

struct host_crowd {
	pid_t looker;
	int ask, answer;
	char dir[32], tool[512];
};

struct looker {
	const struct host_crowd *crowd;
	uint32_t listeners, connections;
	pid_t host;
	int packets; /* socket */
};

/* ---- the host ---- */

static void host_exec(const struct looker *l)
{
	static char ports[LISTENERS_MAX][32];
	const char *words[16 + 2 * LISTENERS_MAX];
	const char *first[] = {l->crowd->tool, "host", "--tun", TUN, "--addr", "198.18.0.2/15", "--no-offload", "--socks-max", "1048576",
	                       "--sysctl", "net.core.somaxconn=1048576"};
	size_t count = sizeof(first) / sizeof(*first);
	int null = open("/dev/null", O_WRONLY);

	memcpy(words, first, sizeof(first));
	for (uint32_t i = 0; i < l->listeners; i++) {
		snprintf(ports[i], sizeof(ports[i]), "%u,backlog=1048576", (unsigned)ECHO_PORT + i);
		words[count++] = "--listen";
		words[count++] = ports[i];
	}
	words[count] = NULL;
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	dup2(null, STDOUT_FILENO);
	execv(words[0], (char **)(uintptr_t)words);
	_exit(127);
}

/* A socket for IP packets of the device, as soon as that is there. */
static int packets_open(void)
{
	struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP)};
	const struct timeval wait = {.tv_sec = WAIT_S};
	const int one = 1, room = 1 << 22;
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	for (int i = 0; i < WAIT_S * 1000 && at.sll_ifindex == 0; i++) {
		at.sll_ifindex = (int)if_nametoindex(TUN);
		usleep(1000);
	}
	if (fd < 0 || at.sll_ifindex == 0)
		return fd < 0 ? -errno : -ETIMEDOUT;
	setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	return bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 ? -errno : fd;
}

static int packet_send(const struct looker *l, const struct segment *s)
{
	struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP), .sll_ifindex = (int)if_nametoindex(TUN)};
	uint8_t bytes[SEGMENT_BYTES];
	size_t len = segment_write(s, bytes);

	for (int i = 0; i < 1000; i++) { /* until the device is up */
		if (sendto(l->packets, bytes, len, 0, (struct sockaddr *)&to, sizeof(to)) == (ssize_t)len)
			return 0;
		if (errno != ENETDOWN && errno != ENOBUFS)
			break;
		usleep(1000);
	}
	return -errno;
}

static int answer_read(const struct looker *l, struct segment *out)
{
	uint8_t bytes[256];
	struct ho_frame f = {.slice_count = 1, .slice[0] = {bytes, 0}};

	do {
		ssize_t n = recv(l->packets, bytes, sizeof(bytes), 0);

		if (n < 0)
			return -errno;
		f.slice[0].len_bytes = (uint32_t)n;
	} while (!segment_read(&f, out) || out->flags != (SEGMENT_SYN | SEGMENT_ACK));
	return 0;
}

/* Peers first, first + 1 ... connect. */
static int peers_connect(const struct looker *l, uint32_t first, uint32_t count)
{
	struct segment peer[AT_ONCE];
	int rc = 0;

	for (uint32_t i = 0; i < count && rc == 0; i++) {
		peer[i] = segment_peer(first + i);
		peer[i].dport = (uint16_t)(ECHO_PORT + (first + i) % l->listeners);
		rc = packet_send(l, &peer[i]);
	}
	for (uint32_t i = 0; i < count && rc == 0; i++) {
		struct segment answer;

		rc = answer_read(l, &answer);
		if (rc != 0)
			break;
		if (answer.daddr != peer[i].saddr || answer.dport != peer[i].sport)
			return -EPROTO;
		peer[i].flags = SEGMENT_ACK;
		peer[i].syn_options = false;
		peer[i].timestamps = answer.timestamps;
		peer[i].ts_ecr = answer.ts_val;
		peer[i].seq++;
		peer[i].ack = answer.seq + 1;
		rc = packet_send(l, &peer[i]);
	}
	return rc;
}

static int host_start(struct looker *l)
{
	int rc = unshare(CLONE_NEWNET) < 0 ? -errno : 0;

	if (rc != 0)
		return rc;
	setenv("HALFOPEN_RUN", l->crowd->dir, 1);
	l->host = fork();
	if (l->host < 0)
		return -errno;
	if (l->host == 0)
		host_exec(l);
	l->packets = packets_open();
	rc = l->packets < 0 ? l->packets : 0;
	for (uint32_t i = 0; i < l->connections && rc == 0; i += AT_ONCE)
		rc = peers_connect(l, i, l->connections - i < AT_ONCE ? l->connections - i : AT_ONCE);
	return rc;
}

/* ---- who looks ---- */

static double process_cpu_s(pid_t pid)
{
	struct timespec t = {0};
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) == 0)
		clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static unsigned lines_count(const char *path)
{
	FILE *f = fopen(path, "r");
	unsigned lines = 0;

	for (int c; f != NULL && (c = getc(f)) != EOF;)
		lines += c == '\n';
	if (f != NULL)
		fclose(f);
	return lines;
}

/* That the list is what it should be. */
static bool list_is_right(const struct looker *l)
{
	char path[64], command[1024];

	snprintf(path, sizeof(path), "%s/list", l->crowd->dir);
	snprintf(command, sizeof(command), "'%s' ss -ltn >'%s'", l->crowd->tool, path);
	if (system(command) != 0 || lines_count(path) != l->listeners + 1)
		return false;
	snprintf(command, sizeof(command), "'%s' ss -Htn state established >'%s'", l->crowd->tool, path);
	return system(command) == 0 && lines_count(path) == l->connections;
}

static struct host_list host_look(const struct looker *l)
{
	const double began = process_cpu_s(l->host);
	char *words[] = {(char *)(uintptr_t)l->crowd->tool, "ss", "-ltn", NULL};
	struct host_list r = {.ss = process_run(words)};

	r.host_s = process_cpu_s(l->host) - began;
	return r;
}

/* Says once that all sockets are there, then answers each byte with a measurement. */
static void look(struct looker *l, int ask, int answer)
{
	int rc = host_start(l);
	char byte;

	if (rc == 0 && !list_is_right(l))
		rc = -EPROTO;
	if (write(answer, &rc, sizeof(rc)) == sizeof(rc) && rc == 0)
		while (read(ask, &byte, 1) == 1) {
			struct host_list r = host_look(l);

			if (write(answer, &r, sizeof(r)) != sizeof(r))
				break;
		}
	if (l->host > 0) {
		kill(l->host, SIGTERM);
		waitpid(l->host, NULL, 0);
	}
}

/* ---- the bench's side ---- */

/* The program is beside this one's folder: BUILD/bench/halfopen-bench, BUILD/tools/halfopen. */
static int tool_find(char *path, size_t cap_bytes)
{
	ssize_t n = readlink("/proc/self/exe", path, cap_bytes - 32);

	if (n < 0)
		return -errno;
	path[n] = '\0';
	for (int up = 0; up < 2; up++)
		*strrchr(path, '/') = '\0';
	strcat(path, "/tools/halfopen");
	return access(path, X_OK) < 0 ? -errno : 0;
}

void host_crowd_close(struct host_crowd *h)
{
	char path[64];

	if (h == NULL)
		return;
	if (h->looker > 0) {
		close(h->ask);
		close(h->answer);
		waitpid(h->looker, NULL, 0);
	}
	snprintf(path, sizeof(path), "%s/list", h->dir);
	unlink(path);
	rmdir(h->dir);
	free(h);
}

static int looker_start(struct host_crowd *h, uint32_t listeners, uint32_t connections)
{
	int ask[2], answer[2], rc = -EIO;

	if (pipe2(ask, O_CLOEXEC) < 0 || pipe2(answer, O_CLOEXEC) < 0)
		abort();
	h->looker = fork();
	if (h->looker == 0) {
		struct looker l = {.crowd = h, .listeners = listeners, .connections = connections};

		close(ask[1]);
		close(answer[0]);
		look(&l, ask[0], answer[1]);
		_exit(0);
	}
	close(ask[0]);
	close(answer[1]);
	h->ask = ask[1];
	h->answer = answer[0];
	if (h->looker < 0 || read(h->answer, &rc, sizeof(rc)) != sizeof(rc))
		return -EIO;
	return rc;
}

int host_crowd_open(uint32_t listeners, uint32_t connections, struct host_crowd **out)
{
	struct host_crowd *h = calloc(1, sizeof(*h));
	int rc;

	if (h == NULL)
		return -ENOMEM;
	strcpy(h->dir, "/tmp/halfopen-bench-XXXXXX");
	rc = mkdtemp(h->dir) == NULL ? -errno : tool_find(h->tool, sizeof(h->tool));
	if (rc == 0)
		rc = looker_start(h, listeners, connections);
	if (rc != 0) {
		host_crowd_close(h);
		return rc;
	}
	*out = h;
	return 0;
}

int host_crowd_list(struct host_crowd *h, struct host_list *out)
{
	if (write(h->ask, "", 1) != 1 || read(h->answer, out, sizeof(*out)) != sizeof(*out))
		return -EIO;
	return out->ss.cpu_s < 0 ? -EPROTO : 0;
}
