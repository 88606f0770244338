/* SPDX-License-Identifier: MIT
 * lab: the world that is Linux.  Two network namespaces without names, held by descriptors, so that nothing is left when
 * the process dies; in each a TUN device; between them this process is the wire.
 *
 * There is no thread: packets are forwarded while the experiment waits.  A call takes no time, then, as in the virtual
 * world, and twenty sends in a row are twenty packets (or what TCP makes of them) before the first answer is seen. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "inside.h"

#define BATCH 64 /* packets taken from one device before the other is looked at */

struct delayed {
	ho_time_ns at;
	uint64_t number;
	int to;
	size_t len;
	uint8_t *bytes;
};

struct lab_world {
	struct lab *lab;
	int home_ns, ns[LAB_HOSTS], tun[LAB_HOSTS], diag[LAB_HOSTS];
	ho_time_ns began;
	struct delayed *waiting; /* sorted by time, then number */
	size_t waiting_count, waiting_cap;
	uint64_t number;
	ho_time_ns extra[LAB_HOSTS], free_at[LAB_HOSTS];
	uint64_t rate[LAB_HOSTS];
	int *socks; /* open ones, closed with the world */
	size_t sock_count, sock_cap;
};

/* ---- namespaces ---- */
static int ns_enter(struct lab_world *w, int host)
{
	return setns(w->ns[host], CLONE_NEWNET) ? -errno : 0;
}

static void ns_leave(struct lab_world *w)
{
	if (setns(w->home_ns, CLONE_NEWNET)) {
		perror("lab: setns back home");
		_exit(1);
	}
}

static int file_put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	ssize_t n = write(fd, text, strlen(text));
	int r = n < 0 ? -errno : 0;

	close(fd);
	return r;
}

/* Reads a whole file; the caller frees.  NULL with errno. */
static char *file_get(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t cap = 32768, len = 0;

	if (fd < 0)
		return NULL;
	char *buf = malloc(cap);

	for (;;) {
		if (!buf)
			abort();
		ssize_t n = read(fd, buf + len, cap - len - 1);

		if (n <= 0)
			break;
		len += (size_t)n;
		if (len + 1 == cap)
			buf = realloc(buf, cap *= 2);
	}
	close(fd);
	buf[len] = 0;
	return buf;
}

static int tun_open(const char *name)
{
	struct ifreq r = {.ifr_flags = IFF_TUN | IFF_NO_PI};
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	strncpy(r.ifr_name, name, IFNAMSIZ - 1);
	if (ioctl(fd, TUNSETIFF, &r)) {
		int e = errno;

		close(fd);
		return -e;
	}
	return fd;
}

static struct sockaddr_in sa_of(uint32_t addr, uint16_t port)
{
	return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(addr)};
}

/* ifconfig NAME [ADDR/24] up */
static int link_up(const char *name, uint32_t addr)
{
	struct ifreq r = {0};
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), e = 0;

	if (s < 0)
		return -errno;
	strncpy(r.ifr_name, name, IFNAMSIZ - 1);
	if (addr) {
		struct sockaddr_in a = sa_of(addr, 0), m = sa_of(HO_ADDR(255, 255, 255, 0), 0);

		memcpy(&r.ifr_addr, &a, sizeof a);
		e = ioctl(s, SIOCSIFADDR, &r);
		memcpy(&r.ifr_netmask, &m, sizeof m);
		e = e ? e : ioctl(s, SIOCSIFNETMASK, &r);
	}
	e = e ? e : ioctl(s, SIOCGIFFLAGS, &r);
	r.ifr_flags |= IFF_UP;
	e = e ? e : ioctl(s, SIOCSIFFLAGS, &r);
	if (e)
		e = -errno;
	close(s);
	return e;
}

static int host_make(struct lab_world *w, int h, char *why, size_t cap)
{
	if (unshare(CLONE_NEWNET)) {
		snprintf(why, cap, "a network namespace cannot be made: %s (--on kernel needs root)", strerror(errno));
		return -EPERM;
	}
	w->ns[h] = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	w->tun[h] = tun_open("tun0");
	file_put("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1");
	file_put("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
	file_put("/proc/sys/net/ipv4/ping_group_range", "0 1000"); /* ping sockets for us, as on the stack */
	int e = w->ns[h] < 0 ? -EPERM : w->tun[h] < 0 ? w->tun[h] : 0;

	e = e ? e : link_up("lo", 0);
	e = e ? e : link_up("tun0", h == 0 ? LAB_ADDR_A : LAB_ADDR_B);
	w->diag[h] = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	if (e)
		snprintf(why, cap, "host %c cannot be made: %s (--on kernel needs root, and /dev/net/tun)", 'A' + h, strerror(-e));
	ns_leave(w);
	return e;
}

static void kernel_close(struct lab_world *w)
{
	for (size_t i = 0; i < w->sock_count; i++)
		close(w->socks[i]);
	for (int h = 0; h < LAB_HOSTS; h++) {
		int fds[] = {w->tun[h], w->diag[h], w->ns[h]};

		for (int i = 0; i < 3; i++)
			if (fds[i] >= 0)
				close(fds[i]);
	}
	if (w->home_ns >= 0)
		close(w->home_ns);
	for (size_t i = 0; i < w->waiting_count; i++)
		free(w->waiting[i].bytes);
	free(w->waiting);
	free(w->socks);
	free(w);
}

static int kernel_open(struct lab *l, struct lab_world **out, char *why, size_t cap)
{
	struct lab_world *w = calloc(1, sizeof *w);
	int e = 0;

	if (!w)
		abort();
	*w = (struct lab_world){.lab = l, .ns = {-1, -1}, .tun = {-1, -1}, .diag = {-1, -1}, .began = ho_clock_now()};
	w->home_ns = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (w->home_ns < 0) {
		snprintf(why, cap, "/proc/thread-self/ns/net: %s", strerror(errno));
		e = -EPERM;
	}
	for (int h = 0; h < LAB_HOSTS && !e; h++)
		e = host_make(w, h, why, cap);
	if (e) {
		kernel_close(w);
		return e;
	}
	*out = w;
	return 0;
}

static ho_time_ns kernel_now(struct lab_world *w)
{
	return ho_clock_now() - w->began;
}

/* ---- the wire ---- */
static void put_out(struct lab_world *w, int to, const void *bytes, size_t len)
{
	ssize_t n = write(w->tun[to], bytes, len);

	(void)n; /* what the kernel refuses (not an IP packet at all) is lost */
}

static void delay(struct lab_world *w, ho_time_ns at, int to, const void *bytes, size_t len)
{
	struct delayed d = {.at = at, .number = ++w->number, .to = to, .len = len, .bytes = malloc(len ? len : 1)};
	size_t i;

	if (w->waiting_count == w->waiting_cap) {
		w->waiting_cap = w->waiting_cap ? 2 * w->waiting_cap : 64;
		w->waiting = realloc(w->waiting, w->waiting_cap * sizeof *w->waiting);
	}
	if (!w->waiting || !d.bytes)
		abort();
	memcpy(d.bytes, bytes, len);
	for (i = w->waiting_count; i > 0 && w->waiting[i - 1].at > at; i--)
		w->waiting[i] = w->waiting[i - 1];
	w->waiting[i] = d;
	w->waiting_count++;
}

static void take_due(struct lab_world *w)
{
	size_t n = 0;
	ho_time_ns now = kernel_now(w);

	for (; n < w->waiting_count && w->waiting[n].at <= now; n++) {
		put_out(w, w->waiting[n].to, w->waiting[n].bytes, w->waiting[n].len);
		free(w->waiting[n].bytes);
	}
	if (n) {
		w->waiting_count -= n;
		memmove(w->waiting, w->waiting + n, w->waiting_count * sizeof *w->waiting);
	}
}

static void send_on(struct lab_world *w, int from, const void *bytes, size_t len, ho_time_ns extra)
{
	ho_time_ns now = kernel_now(w), at = now;

	if (w->rate[from]) {
		if (w->free_at[from] > at)
			at = w->free_at[from];
		at += len * 8 * HO_SEC / w->rate[from];
		w->free_at[from] = at;
	}
	at += extra + w->extra[from];
	if (at <= now)
		put_out(w, !from, bytes, len);
	else
		delay(w, at, !from, bytes, len);
}

static void forward(struct lab_world *w, int from, const void *bytes, size_t len)
{
	struct lab_verdict v;
	struct timespec ts;

	if (len < 1 || *(const uint8_t *)bytes >> 4 != 4)
		return;
	if (w->lab->pcap) {
		clock_gettime(CLOCK_REALTIME, &ts);
		lab_pcap_packet(w->lab, (ho_time_ns)ts.tv_sec * HO_SEC + (ho_time_ns)ts.tv_nsec, bytes, len, NULL, 0);
	}
	lab_wire_pass(w->lab, from, bytes, len, &v);
	if (v.count < 0)
		send_on(w, from, bytes, len, 0);
	for (int i = 0; i < v.count; i++)
		send_on(w, from, v.item[i].bytes, v.item[i].len, v.item[i].delay);
}

/* Forwards what has come out of a host.  Gives  whether there was anything. */
static bool drain(struct lab_world *w, int from)
{
	static uint8_t buf[LAB_FRAME_MAX + 1];
	bool any = false;

	for (int i = 0; i < BATCH; i++) {
		ssize_t n = read(w->tun[from], buf, sizeof buf);

		if (n <= 0)
			break;
		forward(w, from, buf, (size_t)n);
		any = true;
	}
	return any;
}

static short poll_of(uint32_t mask)
{
	return (short)(mask & 0x2fff); /* POLLIN, POLLOUT, POLLRDHUP ... have the numbers of EPOLL* */
}

#define POLL_MAX 258

static int kernel_wait(struct lab_world *w, ho_time_ns until, const struct lab_want *want, int want_count)
{
	struct pollfd fd[POLL_MAX];
	int n = 0;

	for (int h = 0; h < LAB_HOSTS; h++)
		fd[n++] = (struct pollfd){.fd = w->tun[h], .events = POLLIN};
	for (int i = 0; i < want_count && n < POLL_MAX; i++)
		fd[n++] = (struct pollfd){.fd = want[i].fd, .events = poll_of(want[i].mask)};
	for (;;) {
		bool any = false;

		take_due(w);
		ho_time_ns now = kernel_now(w), wake = until;

		if (w->waiting_count && w->waiting[0].at < wake)
			wake = w->waiting[0].at;
		if (wake > now + HO_SEC)
			wake = now + HO_SEC; /* progress is shown, limits are checked */
		ho_time_ns left = wake > now ? wake - now : 0;
		struct timespec ts = {.tv_sec = (time_t)(left / HO_SEC), .tv_nsec = (long)(left % HO_SEC)};
		int r = ppoll(fd, (nfds_t)n, &ts, NULL);

		if (r < 0 && errno != EINTR)
			return -errno;
		for (int h = 0; h < LAB_HOSTS; h++)
			any |= drain(w, h);
		for (int i = LAB_HOSTS; i < n && r > 0; i++)
			any |= fd[i].revents != 0;
		if (any || kernel_now(w) >= until || left >= HO_SEC)
			return 0;
	}
}

static int kernel_inject(struct lab_world *w, int to, const void *packet, size_t len, ho_time_ns extra)
{
	/* what the hosts have sent before goes first */
	for (int h = 0; h < LAB_HOSTS; h++)
		drain(w, h);
	if (w->lab->pcap) {
		static const char *const comment[] = {"injected by the experiment"};

		lab_pcap_packet(w->lab, ho_clock_wall(), packet, len, comment, 1);
	}
	if (extra)
		delay(w, kernel_now(w) + extra, to, packet, len);
	else
		put_out(w, to, packet, len);
	return 0;
}

static int kernel_wire_set(struct lab_world *w, int from, ho_time_ns extra, uint64_t rate_bps)
{
	w->extra[from] = extra;
	w->rate[from] = rate_bps;
	return 0;
}

/* ---- sysctls, counters, rows ---- */
static int sysctl_path(const char *name, char *path, size_t cap)
{
	int n = snprintf(path, cap, "/proc/sys/%s", name);

	if (n < 0 || (size_t)n >= cap || strstr(name, ".."))
		return -EINVAL;
	for (char *p = path + 10; *p; p++)
		if (*p == '.')
			*p = '/';
	return 0;
}

static int kernel_sysctl_get(struct lab_world *w, int host, const char *name, char *buf, size_t cap)
{
	char path[256];
	int e = sysctl_path(name, path, sizeof path);

	e = e ? e : ns_enter(w, host);
	if (e)
		return e;
	char *text = file_get(path);

	e = text ? 0 : -errno;
	ns_leave(w);
	if (e)
		return e;
	size_t len = strcspn(text, "\n");

	if (len >= cap)
		len = cap - 1;
	memcpy(buf, text, len);
	buf[len] = 0;
	free(text);
	return (int)len;
}

static int kernel_sysctl_set(struct lab_world *w, int host, const char *name, const char *value)
{
	char path[256];
	int e = sysctl_path(name, path, sizeof path);

	e = e ? e : ns_enter(w, host);
	if (e)
		return e;
	e = file_put(path, value);
	ns_leave(w);
	return e;
}

/* "Ip: Forwarding DefaultTTL ..." and the line of values below it */
static void counters_parse(char *text, struct lab_counters *out)
{
	char *line, *rest = text;

	while ((line = strsep(&rest, "\n")) && *line) {
		char *values = strsep(&rest, "\n"), *name, *value;
		char group[32];

		if (!values)
			break;
		size_t g = strcspn(line, ":");

		if (g >= sizeof group)
			continue;
		memcpy(group, line, g);
		group[g] = 0;
		name = strtok_r(line, " ", &line);
		value = strtok_r(values, " ", &values);
		while ((name = strtok_r(NULL, " ", &line)) && (value = strtok_r(NULL, " ", &values))) {
			char full[96];

			snprintf(full, sizeof full, "%s%s", group, name);
			lab_counters_add(out, full, strtoll(value, NULL, 10));
		}
	}
}

static int kernel_counters(struct lab_world *w, int host, struct lab_counters *out)
{
	static const char *const files[] = {"/proc/thread-self/net/snmp", "/proc/thread-self/net/netstat"};
	int e = ns_enter(w, host);

	for (int i = 0; i < 2 && !e; i++) {
		char *text = file_get(files[i]);

		e = text ? 0 : -errno;
		if (text)
			counters_parse(text, out);
		free(text);
	}
	ns_leave(w);
	return e;
}

static void row_take(const struct nlmsghdr *h, struct ho_sock_info *r)
{
	const struct inet_diag_msg *m = NLMSG_DATA(h);
	int left = (int)h->nlmsg_len - (int)NLMSG_LENGTH(sizeof *m);
	const struct rtattr *a = (const struct rtattr *)(m + 1);

	*r = (struct ho_sock_info){
		.fd = -1, .type = SOCK_STREAM, .protocol = IPPROTO_TCP, .state = m->idiag_state,
		.local = {ntohl(m->id.idiag_src[0]), ntohs(m->id.idiag_sport)},
		.peer = {ntohl(m->id.idiag_dst[0]), ntohs(m->id.idiag_dport)},
		.recv_q = m->idiag_rqueue, .send_q = m->idiag_wqueue,
		.timer = m->idiag_timer, .retransmits = m->idiag_retrans, .timer_at = m->idiag_expires * HO_MS,
	};
	for (; RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		uint32_t mem[SK_MEMINFO_VARS] = {0};
		size_t len = RTA_PAYLOAD(a);

		if (a->rta_type != INET_DIAG_SKMEMINFO)
			continue;
		memcpy(mem, RTA_DATA(a), len < sizeof mem ? len : sizeof mem);
		r->rmem_alloc = mem[SK_MEMINFO_RMEM_ALLOC];
		r->rcvbuf = mem[SK_MEMINFO_RCVBUF];
		r->wmem_alloc = mem[SK_MEMINFO_WMEM_ALLOC];
		r->sndbuf = mem[SK_MEMINFO_SNDBUF];
		r->fwd_alloc = mem[SK_MEMINFO_FWD_ALLOC];
		r->wmem_queued = mem[SK_MEMINFO_WMEM_QUEUED];
		r->drops = mem[SK_MEMINFO_DROPS];
	}
}

static int kernel_rows(struct lab_world *w, int host, struct ho_sock_info **out, size_t *count)
{
	struct {
		struct nlmsghdr h;
		struct inet_diag_req_v2 r;
	} q = {
		.h = {.nlmsg_len = sizeof q, .nlmsg_type = SOCK_DIAG_BY_FAMILY, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
		.r = {.sdiag_family = AF_INET, .sdiag_protocol = IPPROTO_TCP, .idiag_ext = 1 << (INET_DIAG_SKMEMINFO - 1),
		      .idiag_states = 0xfff & ~(1u << TCP_CLOSE)},
	};
	static char buf[65536] __attribute__((aligned(8)));
	size_t cap = 0;

	*out = NULL;
	*count = 0;
	if (send(w->diag[host], &q, sizeof q, 0) < 0)
		return -errno;
	for (;;) {
		ssize_t n = recv(w->diag[host], buf, sizeof buf, 0);

		if (n <= 0)
			return -errno;
		int left = (int)n;

		for (const struct nlmsghdr *h = (const struct nlmsghdr *)buf; NLMSG_OK(h, left); h = NLMSG_NEXT(h, left)) {
			if (h->nlmsg_type == NLMSG_DONE)
				return 0;
			if (h->nlmsg_type == NLMSG_ERROR)
				return ((const struct nlmsgerr *)NLMSG_DATA(h))->error;
			if (*count == cap) {
				cap = cap ? 2 * cap : 64;
				*out = realloc(*out, cap * sizeof **out);
				if (!*out)
					abort();
			}
			row_take(h, &(*out)[(*count)++]);
		}
	}
}

/* ---- sockets ---- */
static void sock_keep(struct lab_world *w, int fd)
{
	if (w->sock_count == w->sock_cap) {
		w->sock_cap = w->sock_cap ? 2 * w->sock_cap : 64;
		w->socks = realloc(w->socks, w->sock_cap * sizeof *w->socks);
		if (!w->socks)
			abort();
	}
	w->socks[w->sock_count++] = fd;
}

/* By setsockopt, because a namespace may not choose an algorithm that tcp_allowed_congestion_control of the initial one
 * leaves out; accepted sockets inherit it.  Experiments on anything but cubic would compare nothing. */
static int use_cubic(int fd)
{
	char name[16] = "";
	socklen_t len = sizeof name;

	if (setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5) ||
	    getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &len))
		return -errno;
	return strcmp(name, "cubic") == 0 ? 0 : -EPROTONOSUPPORT;
}

static int kernel_sock_open(struct lab_world *w, int host, enum lab_sock_kind kind)
{
	static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_RAW};
	int e = ns_enter(w, host);

	if (e)
		return e;
	int fd = socket(AF_INET, types[kind] | SOCK_NONBLOCK | SOCK_CLOEXEC, kind == LAB_SOCK_TCP ? 0 : IPPROTO_ICMP);

	e = fd < 0 ? -errno : 0;
	ns_leave(w);
	if (e)
		return e;
	if (kind == LAB_SOCK_TCP && (e = use_cubic(fd))) {
		close(fd);
		return e;
	}
	sock_keep(w, fd);
	return fd;
}

static int kernel_bind(struct lab_world *w, int host, int fd, struct ho_endpoint local)
{
	struct sockaddr_in a = sa_of(local.addr, local.port);

	(void)w, (void)host;
	return bind(fd, (struct sockaddr *)&a, sizeof a) ? -errno : 0;
}

static int kernel_listen(struct lab_world *w, int host, int fd, int backlog)
{
	(void)w, (void)host;
	return listen(fd, backlog) ? -errno : 0;
}

static struct ho_endpoint endpoint_of(const struct sockaddr_in *a)
{
	return (struct ho_endpoint){.addr = ntohl(a->sin_addr.s_addr), .port = ntohs(a->sin_port)};
}

static int kernel_accept(struct lab_world *w, int host, int fd, struct ho_endpoint *peer)
{
	struct sockaddr_in a = {0};
	socklen_t len = sizeof a;

	(void)host;
	int s = accept4(fd, (struct sockaddr *)&a, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (s < 0)
		return -errno;
	*peer = endpoint_of(&a);
	sock_keep(w, s);
	return s;
}

static int kernel_connect(struct lab_world *w, int host, int fd, struct ho_endpoint peer)
{
	struct sockaddr_in a = sa_of(peer.addr, peer.port);

	(void)w, (void)host;
	return connect(fd, (struct sockaddr *)&a, sizeof a) ? -errno : 0;
}

static ptrdiff_t kernel_send(struct lab_world *w, int host, int fd, const void *buf, size_t len, int flags)
{
	ssize_t n = send(fd, buf, len, flags | MSG_NOSIGNAL);

	(void)w, (void)host;
	return n < 0 ? -errno : n;
}

static ptrdiff_t kernel_recv(struct lab_world *w, int host, int fd, void *buf, size_t len, int flags)
{
	ssize_t n = recv(fd, buf, len, flags);

	(void)w, (void)host;
	return n < 0 ? -errno : n;
}

static ptrdiff_t kernel_sendto(struct lab_world *w, int host, int fd, const void *buf, size_t len, struct ho_endpoint to)
{
	struct sockaddr_in a = sa_of(to.addr, to.port);
	ssize_t n = sendto(fd, buf, len, MSG_NOSIGNAL, (struct sockaddr *)&a, sizeof a);

	(void)w, (void)host;
	return n < 0 ? -errno : n;
}

static ptrdiff_t kernel_recvfrom(struct lab_world *w, int host, int fd, void *buf, size_t len, struct ho_endpoint *from)
{
	struct sockaddr_in a = {0};
	socklen_t alen = sizeof a;
	ssize_t n = recvfrom(fd, buf, len, 0, (struct sockaddr *)&a, &alen);

	(void)w, (void)host;
	*from = endpoint_of(&a);
	return n < 0 ? -errno : n;
}

static int kernel_shutdown(struct lab_world *w, int host, int fd, int how)
{
	(void)w, (void)host;
	return shutdown(fd, how) ? -errno : 0;
}

static int kernel_close_sock(struct lab_world *w, int host, int fd)
{
	(void)host;
	for (size_t i = 0; i < w->sock_count; i++)
		if (w->socks[i] == fd) {
			w->socks[i] = w->socks[--w->sock_count];
			return close(fd) ? -errno : 0;
		}
	return -EBADF;
}

static int kernel_setopt(struct lab_world *w, int host, int fd, int level, int name, const void *val, size_t len)
{
	(void)w, (void)host;
	return setsockopt(fd, level, name, val, (socklen_t)len) ? -errno : 0;
}

static int kernel_getopt(struct lab_world *w, int host, int fd, int level, int name, void *val, size_t *len)
{
	socklen_t n = (socklen_t)*len;

	(void)w, (void)host;
	if (getsockopt(fd, level, name, val, &n))
		return -errno;
	*len = n;
	return 0;
}

static uint32_t kernel_poll(struct lab_world *w, int host, int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN | POLLPRI | POLLOUT | POLLRDHUP};

	(void)w, (void)host;
	return poll(&p, 1, 0) == 1 ? (uint32_t)p.revents : 0;
}

static int kernel_sock_name(struct lab_world *w, int host, int fd, struct ho_endpoint *local)
{
	struct sockaddr_in a = {0};
	socklen_t len = sizeof a;

	(void)w, (void)host;
	if (getsockname(fd, (struct sockaddr *)&a, &len))
		return -errno;
	*local = endpoint_of(&a);
	return 0;
}

static int kernel_sock_peer(struct lab_world *w, int host, int fd, struct ho_endpoint *peer)
{
	struct sockaddr_in a = {0};
	socklen_t len = sizeof a;

	(void)w, (void)host;
	if (getpeername(fd, (struct sockaddr *)&a, &len))
		return -errno;
	*peer = endpoint_of(&a);
	return 0;
}

static int queue_bytes(int fd, unsigned long request)
{
	int n = 0;

	return ioctl(fd, request, &n) ? -errno : n;
}

static int kernel_inq(struct lab_world *w, int host, int fd)
{
	(void)w, (void)host;
	return queue_bytes(fd, FIONREAD);
}

static int kernel_outq(struct lab_world *w, int host, int fd)
{
	(void)w, (void)host;
	return queue_bytes(fd, TIOCOUTQ);
}

/* ---- rules and routes ---- */
static int nft(struct lab_world *w, int host, const char *script)
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		return -errno;
	if (pid == 0) {
		if (ns_enter(w, host))
			_exit(126);
		execlp("nft", "nft", script, (char *)NULL);
		_exit(127);
	}
	for (int i = 0; i < 1000; i++) {
		pid_t r = waitpid(pid, &status, WNOHANG);

		if (r == pid)
			return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : WIFEXITED(status) && WEXITSTATUS(status) == 127 ? -ENOENT : -EINVAL;
		if (r < 0)
			return -errno;
		poll(NULL, 0, 10);
	}
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return -ETIMEDOUT;
}

static size_t add(char *buf, size_t cap, size_t n, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
static size_t add(char *buf, size_t cap, size_t n, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int r = n < cap ? vsnprintf(buf + n, cap - n, fmt, ap) : 0;
	va_end(ap);
	return n + (r > 0 ? (size_t)r : 0);
}

static int kernel_rule_add(struct lab_world *w, int host, const struct ho_rule *r)
{
	static const struct {
		uint8_t bit;
		const char *name;
	} flags[] = {{LAB_FIN, "fin"}, {LAB_SYN, "syn"}, {LAB_RST, "rst"}, {LAB_PSH, "psh"}, {LAB_ACK, "ack"}};
	const char *hook = r->output ? "output" : "input";
	char s[512];
	size_t n = add(s, sizeof s, 0, "add table ip t; add chain ip t c%s { type filter hook %s priority 0; }; add rule ip t c%s", hook,
	               hook, hook);
	struct in_addr a;

	if (r->protocol)
		n = add(s, sizeof s, n, " ip protocol %u", r->protocol);
	if (r->saddr) {
		a.s_addr = htonl(r->saddr);
		n = add(s, sizeof s, n, " ip saddr %s", inet_ntoa(a));
	}
	if (r->daddr) {
		a.s_addr = htonl(r->daddr);
		n = add(s, sizeof s, n, " ip daddr %s", inet_ntoa(a));
	}
	if (r->sport)
		n = add(s, sizeof s, n, " tcp sport %u", r->sport);
	if (r->dport)
		n = add(s, sizeof s, n, " tcp dport %u", r->dport);
	if (r->tcp_flags) {
		const char *sep = "";

		n = add(s, sizeof s, n, " tcp flags & (");
		for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
			if (r->tcp_flags & flags[i].bit) {
				n = add(s, sizeof s, n, "%s%s", sep, flags[i].name);
				sep = "|";
			}
		n = add(s, sizeof s, n, ") != 0");
	}
	add(s, sizeof s, n, " drop");
	return nft(w, host, s);
}

static int kernel_rule_clear(struct lab_world *w, int host)
{
	return nft(w, host, "flush ruleset");
}

static int kernel_route_add(struct lab_world *w, int host, uint32_t addr, int prefix_len)
{
	struct sockaddr_in dst = sa_of(addr, 0), mask = sa_of(prefix_len ? ~UINT32_C(0) << (32 - prefix_len) : 0, 0);
	struct rtentry r = {.rt_flags = RTF_UP, .rt_dev = (char[]){"tun0"}};
	int e = ns_enter(w, host);

	if (e)
		return e;
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	memcpy(&r.rt_dst, &dst, sizeof dst);
	memcpy(&r.rt_genmask, &mask, sizeof mask);
	e = s < 0 || ioctl(s, SIOCADDRT, &r) ? -errno : 0;
	if (s >= 0)
		close(s);
	ns_leave(w);
	return e;
}

static void kernel_phase_begin(struct lab_world *w)
{
	(void)w;
}

static json_t *kernel_phase_whys(struct lab_world *w)
{
	(void)w;
	return NULL;
}

static void kernel_describe(struct lab_world *w, json_t *result)
{
	char *release = file_get("/proc/sys/kernel/osrelease");

	(void)w;
	if (release) {
		release[strcspn(release, "\n")] = 0;
		json_object_set_new(result, "kernel", json_string(release));
	}
	free(release);
}

const struct lab_world_ops lab_world_kernel = {
	.name = "kernel",
	.open = kernel_open,
	.close = kernel_close,
	.now = kernel_now,
	.wait = kernel_wait,
	.sysctl_get = kernel_sysctl_get,
	.sysctl_set = kernel_sysctl_set,
	.counters = kernel_counters,
	.rows = kernel_rows,
	.sock_open = kernel_sock_open,
	.bind = kernel_bind,
	.listen = kernel_listen,
	.accept = kernel_accept,
	.connect = kernel_connect,
	.send = kernel_send,
	.recv = kernel_recv,
	.sendto = kernel_sendto,
	.recvfrom = kernel_recvfrom,
	.shutdown = kernel_shutdown,
	.close_sock = kernel_close_sock,
	.setopt = kernel_setopt,
	.getopt = kernel_getopt,
	.poll = kernel_poll,
	.sock_name = kernel_sock_name,
	.sock_peer = kernel_sock_peer,
	.inq = kernel_inq,
	.outq = kernel_outq,
	.inject = kernel_inject,
	.wire_set = kernel_wire_set,
	.rule_add = kernel_rule_add,
	.rule_clear = kernel_rule_clear,
	.route_add = kernel_route_add,
	.phase_begin = kernel_phase_begin,
	.phase_whys = kernel_phase_whys,
	.describe = kernel_describe,
};
