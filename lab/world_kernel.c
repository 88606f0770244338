/* SPDX-License-Identifier: MIT
 * lab: the world that is Linux.  A network namespace without a name for each host, held by descriptors, so that nothing is
 * left when the process dies; in it a TUN device for each link; between them this process is the wire.
 *
 * There is no thread: packets are forwarded while the experiment waits.  A call takes no time, then, as in the virtual
 * world, and twenty sends in a row are twenty packets (or what TCP makes of them) before the first answer is seen. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "kernel.h"
#include "ladder.h"

#define BATCH 64 /* packets taken from one device before the other is looked at */

/* ---- namespaces ---- */
int ns_enter(struct lab_world *w, int host)
{
	return setns(w->ns[host], CLONE_NEWNET) ? -errno : 0;
}

void ns_leave(struct lab_world *w)
{
	if (setns(w->home_ns, CLONE_NEWNET)) {
		perror("lab: setns back home");
		_exit(1);
	}
}

int file_put(const char *path, const char *text)
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
char *file_get(const char *path)
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

static int tun_open(const char *name, bool offload)
{
	struct ifreq r = {.ifr_flags = (short)(IFF_TUN | IFF_NO_PI | (offload ? IFF_VNET_HDR : 0))};
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	snprintf(r.ifr_name, sizeof r.ifr_name, "%s", name);
	if (ioctl(fd, TUNSETIFF, &r) || (offload && ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4))) {
		int e = errno;

		close(fd);
		return -e;
	}
	return fd;
}

struct sockaddr_in sa_of(uint32_t addr, uint16_t port)
{
	return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(addr)};
}

/* ip link set NAME [mtu MTU] up */
static int link_up(const char *name, uint32_t mtu)
{
	struct ifreq r = {0};
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), e = 0;

	if (s < 0)
		return -errno;
	snprintf(r.ifr_name, sizeof r.ifr_name, "%s", name);
	if (mtu) {
		r.ifr_mtu = (int)mtu;
		e = ioctl(s, SIOCSIFMTU, &r);
	}
	e = e ? e : ioctl(s, SIOCGIFFLAGS, &r);
	r.ifr_flags |= IFF_UP;
	e = e ? e : ioctl(s, SIOCSIFFLAGS, &r);
	if (e)
		e = -errno;
	close(s);
	return e;
}

static int link_make(struct lab_world *w, int host, int end)
{
	const struct lab_net *n = &w->lab->net;
	struct ho_addr a = {n->end[end].addr, (uint8_t)n->wire[end / 2].prefix_len, n->end[end].link};
	char name[IFNAMSIZ];

	snprintf(name, sizeof name, "tun%d", a.link);
	int e = ns_enter(w, host);

	if (e)
		return e;
	w->tun[end] = tun_open(name, n->wire[end / 2].offload);
	e = w->tun[end] < 0 ? w->tun[end] : link_up(name, n->wire[end / 2].mtu);
	ns_leave(w);
	return e ? e : kernel_addr_add(w, host, &a);
}

/* A new namespace has its host's settings of these, and that may have been told something else. */
static void sysctls_default(void)
{
	static const char *const rows[][2] = {
		{"conf/all/rp_filter", "0"},         {"conf/default/rp_filter", "0"},
		{"conf/all/accept_redirects", "1"},  {"conf/default/accept_redirects", "1"},
		{"conf/all/send_redirects", "1"},    {"conf/default/send_redirects", "1"},
		{"conf/all/secure_redirects", "1"},  {"conf/default/secure_redirects", "1"},
		{"conf/all/accept_source_route", "0"}, {"conf/default/accept_source_route", "1"},
		{"ping_group_range", "0 1000"}, /* ping sockets for us, as on the stack */
	};
	char path[128];

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		snprintf(path, sizeof path, "/proc/sys/net/ipv4/%s", rows[i][0]);
		file_put(path, rows[i][1]);
	}
	file_put("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1");
	file_put("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
}

static int host_make(struct lab_world *w, int h, char *why, size_t cap)
{
	const struct lab_net *n = &w->lab->net;

	if (unshare(CLONE_NEWNET)) {
		snprintf(why, cap, "a network namespace cannot be made: %s (--on kernel needs root)", strerror(errno));
		return -EPERM;
	}
	w->ns[h] = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	sysctls_default();
	if (n->host[h].forwards)
		file_put("/proc/sys/net/ipv4/ip_forward", "1");
	int e = w->ns[h] < 0 ? -EPERM : link_up("lo", 0);

	w->diag[h] = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	ns_leave(w);
	for (int i = 0; i < n->host[h].link_count && !e; i++)
		e = link_make(w, h, n->host[h].end[i]);
	if (e)
		snprintf(why, cap, "host %s cannot be made: %s (--on kernel needs root, and /dev/net/tun)",
		         n->host[h].name, strerror(-e));
	return e;
}

static int routes_make(struct lab_world *w, int host)
{
	struct ho_route r[LAB_ROUTES_MAX];
	int count = lab_net_routes(&w->lab->net, host, r), e = 0;

	for (int i = 0; i < count && !e; i++)
		e = kernel_route_add(w, host, &r[i]);
	return e;
}

/* The kernel's timers do not wait for a wire that a busy machine lets wait: this process goes first, where it may. */
static void go_first(bool first)
{
	struct sched_param p = {.sched_priority = first ? 1 : 0};

	sched_setscheduler(0, first ? SCHED_RR | SCHED_RESET_ON_FORK : SCHED_OTHER, &p);
}

static void kernel_close(struct lab_world *w)
{
	go_first(false);
	kernel_machine_end(w);
	for (size_t i = 0; i < w->sock_count; i++)
		close(w->socks[i]);
	for (int h = 0; h < LAB_HOSTS_MAX; h++) {
		if (w->diag[h] >= 0)
			close(w->diag[h]);
		if (w->ns[h] >= 0)
			close(w->ns[h]);
	}
	for (int i = 0; i < LAB_ENDS_MAX; i++)
		if (w->tun[i] >= 0)
			close(w->tun[i]);
	if (w->home_ns >= 0)
		close(w->home_ns);
	for (size_t i = 0; i < w->waiting_count; i++)
		free(w->waiting[i].bytes);
	free(w->waiting);
	kernel_closing_forget(w);
	free(w->socks);
	free(w);
}

static int kernel_open(struct lab *l, struct lab_world **out, char *why, size_t cap)
{
	struct lab_world *w = calloc(1, sizeof *w);
	int e = 0;

	if (!w)
		abort();
	*w = (struct lab_world){.lab = l, .began = ho_clock_now()};
	for (int i = 0; i < LAB_HOSTS_MAX; i++)
		w->ns[i] = w->diag[i] = -1;
	for (int i = 0; i < LAB_ENDS_MAX; i++)
		w->tun[i] = -1;
	w->home_ns = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (w->home_ns < 0) {
		snprintf(why, cap, "/proc/thread-self/ns/net: %s", strerror(errno));
		e = -EPERM;
	}
	for (int h = 0; h < l->net.host_count && !e; h++)
		e = host_make(w, h, why, cap);
	for (int h = 0; h < l->net.host_count && !e; h++)
		if ((e = routes_make(w, h)))
			snprintf(why, cap, "host %s cannot be given its routes: %s", l->net.host[h].name, strerror(-e));
	if (e) {
		kernel_close(w);
		return e;
	}
	go_first(true);
	*out = w;
	return 0;
}

static ho_time_ns kernel_now(struct lab_world *w)
{
	return ho_clock_now() - w->began;
}

/* ---- the wire ---- */
static bool offloads(const struct lab_world *w, int end)
{
	return w->lab->net.wire[end / 2].offload;
}

static void put_out(struct lab_world *w, int to, struct virtio_net_hdr h, const void *bytes, size_t len)
{
	struct iovec v[] = {{&h, sizeof h}, {(void *)(uintptr_t)bytes, len}};
	int skip = offloads(w, to) ? 0 : 1;
	ssize_t n = w->tun[to] < 0 ? 0 : writev(w->tun[to], v + skip, 2 - skip);

	(void)n; /* what the kernel refuses (not an IP packet at all) is lost */
}

static void delay(struct lab_world *w, ho_time_ns at, int to, struct virtio_net_hdr h, const void *bytes, size_t len)
{
	struct delayed d = {
		.at = at, .number = ++w->number, .to = to, .offload = h, .len = len, .bytes = malloc(len ? len : 1)};
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
		const struct delayed *d = &w->waiting[n];

		put_out(w, d->to, d->offload, d->bytes, d->len);
		free(d->bytes);
	}
	if (n) {
		w->waiting_count -= n;
		memmove(w->waiting, w->waiting + n, w->waiting_count * sizeof *w->waiting);
	}
}

/* Gives  when it arrives. */
static ho_time_ns send_on(struct lab_world *w, int from, struct virtio_net_hdr h, const void *bytes, size_t len,
                          ho_time_ns extra)
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
		put_out(w, from ^ 1, h, bytes, len);
	else
		delay(w, at, from ^ 1, h, bytes, len);
	return at;
}

static void draw(struct lab_world *w, int from, const void *bytes, size_t len, const struct lab_verdict *v, ho_time_ns sent,
                 ho_time_ns at)
{
	const struct lab_end *end = w->lab->net.end;

	lab_ladder_packet(w->lab, &(struct lab_crossing){
		.sent = sent,
		.at = at,
		.wire = from / 2,
		.from = end[from].host,
		.to = end[from ^ 1].host,
		.fate = v->count == 0 ? "lost: the experiment's rule dropped it"
		        : v->count > 1 ? "more than one arrives: the experiment's rule made copies"
		        : v->count == 1 && v->item[0].bytes != bytes ? "the experiment's rule put another in its place"
		                                                     : NULL,
		.lost = v->count == 0,
		.bytes = bytes,
		.len = len,
	});
}

static void forward(struct lab_world *w, int from, struct virtio_net_hdr h, const void *bytes, size_t len)
{
	static const struct virtio_net_hdr whole;
	struct lab_verdict v;
	struct timespec ts;

	if (len < 1 || *(const uint8_t *)bytes >> 4 != 4)
		return;
	if (w->lab->pcap) {
		clock_gettime(CLOCK_REALTIME, &ts);
		lab_pcap_packet(w->lab, from / 2, (ho_time_ns)ts.tv_sec * HO_SEC + (ho_time_ns)ts.tv_nsec, bytes, len, NULL, 0);
	}
	lab_wire_pass(w->lab, from, bytes, len, &v);
	ho_time_ns sent = kernel_now(w), at = sent;

	if (v.count < 0)
		at = send_on(w, from, h, bytes, len, 0);
	for (int i = 0; i < v.count; i++) {
		ho_time_ns arrives = send_on(w, from, v.item[i].bytes == bytes ? h : whole, v.item[i].bytes, v.item[i].len,
		                             v.item[i].delay);

		at = i == 0 ? arrives : at;
	}
	draw(w, from, bytes, len, &v, sent, at);
}

/* Forwards what has come out of a host.  Gives  whether there was anything. */
static bool drain(struct lab_world *w, int from)
{
	static uint8_t buf[LAB_FRAME_MAX + 1];
	struct virtio_net_hdr h = {0};
	struct iovec v[] = {{&h, sizeof h}, {buf, sizeof buf}};
	int skip = offloads(w, from) ? 0 : 1;
	bool any = false;

	for (int i = 0; i < BATCH && w->tun[from] >= 0; i++) {
		ssize_t n = readv(w->tun[from], v + skip, 2 - skip);

		if (n <= 0)
			break;
		if (!skip)
			n -= (ssize_t)sizeof h;
		forward(w, from, h, buf, (size_t)n);
		any = true;
	}
	return any;
}

static short poll_of(uint32_t mask)
{
	if (mask == LAB_CLOSED)
		return POLLIN;
	return (short)(mask & 0x2fff); /* POLLIN, POLLOUT, POLLRDHUP ... have the numbers of EPOLL* */
}

#define POLL_MAX (256 + LAB_ENDS_MAX)

static int kernel_wait(struct lab_world *w, ho_time_ns until, const struct lab_want *want, int want_count)
{
	struct pollfd fd[POLL_MAX];
	int n = 0, ends = 2 * w->lab->net.wire_count;

	for (int i = 0; i < ends; i++)
		fd[n++] = (struct pollfd){.fd = w->tun[i], .events = POLLIN}; /* -1 is left out */
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
		for (int i = 0; i < ends; i++)
			any |= drain(w, i);
		for (int i = ends; i < n && r > 0; i++)
			any |= fd[i].revents != 0;
		if (any || kernel_now(w) >= until || left >= HO_SEC)
			return 0;
	}
}

static int kernel_inject(struct lab_world *w, int to, const void *packet, size_t len, ho_time_ns extra)
{
	static const struct virtio_net_hdr whole;

	/* what the hosts have sent before goes first */
	for (int i = 0; i < 2 * w->lab->net.wire_count && !w->lab->wire.in_rule; i++)
		drain(w, i);
	if (w->lab->pcap) {
		static const char *const comment[] = {"injected by the experiment"};

		lab_pcap_packet(w->lab, to / 2, ho_clock_wall(), packet, len, comment, 1);
	}
	lab_ladder_packet(w->lab, &(struct lab_crossing){
		.sent = kernel_now(w) + extra,
		.at = kernel_now(w) + extra,
		.wire = to / 2,
		.from = -1,
		.to = w->lab->net.end[to].host,
		.fate = "injected by the experiment",
		.bytes = packet,
		.len = len,
	});
	if (extra)
		delay(w, kernel_now(w) + extra, to, whole, packet, len);
	else
		put_out(w, to, whole, packet, len);
	return 0;
}

static int kernel_wire_set(struct lab_world *w, int from, ho_time_ns extra, uint64_t rate_bps)
{
	w->extra[from] = extra;
	w->rate[from] = rate_bps;
	return 0;
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
	.sockstat = kernel_sockstat,
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
	.recv_error = kernel_recv_error,
	.disconnect = kernel_disconnect,
	.shutdown = kernel_shutdown,
	.close_sock = kernel_close_sock,
	.close_waits = kernel_close_waits,
	.blocking = kernel_blocking,
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
	.egress_set = kernel_egress_set,
	.route_add = kernel_route_add,
	.route_del = kernel_route_del,
	.route_get = kernel_route_get,
	.addr_add = kernel_addr_add,
	.addr_del = kernel_addr_del,
	.phase_begin = kernel_phase_begin,
	.phase_whys = kernel_phase_whys,
	.describe = kernel_describe,
};
