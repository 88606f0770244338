/* SPDX-License-Identifier: MIT
 * The kernel speaks to the kernel through us: two namespaces, a TUN or TAP device in each, and a host of ours that
 * passes packets on between the two in a thread of its own.
 *
 *     namespace A, 198.18.1.1 --- tun --- 198.18.1.2 [ours] 198.18.2.2 --- tun or tap --- 198.18.2.1, namespace B */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/errqueue.h>
#include <linux/if.h>
#include <linux/route.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include <halfopen/halfopen.h>
#include <halfopen/port.h>

#define A HO_ADDR(198, 18, 1, 1)
#define OUR_A HO_ADDR(198, 18, 1, 2)
#define B HO_ADDR(198, 18, 2, 1)
#define OUR_B HO_ADDR(198, 18, 2, 2)
#define NOBODY HO_ADDR(198, 18, 2, 77)
#define BULK_BYTES (24u << 20)
#define TURN_MS 20
#define DEADLINE_MS 20000

enum { SIDE_A, SIDE_B, SIDES };

struct side {
	int netns;
	struct ho_tun *tun;
};

struct net {
	struct side side[SIDES];
	struct ho_stack *s;
	pthread_t thread;
	atomic_bool stop;
};

static struct ho_stack_config config;

/* ---- our host ---- */

static void move(struct net *n, int i)
{
	struct ho_frame *f;

	for (int k = 0; k < 64 && ho_tun_read(n->side[i].tun, &f) == 1; k++)
		ho_stack_input_link(n->s, i, f, ho_clock_now());
}

static void *host(void *arg)
{
	struct net *n = arg;
	struct pollfd p[SIDES];

	for (int i = 0; i < SIDES; i++)
		p[i] = (struct pollfd){.fd = ho_tun_fd(n->side[i].tun), .events = POLLIN};
	while (!n->stop) {
		struct ho_frame *f;

		poll(p, SIDES, TURN_MS);
		ho_stack_expire(n->s, ho_clock_now(), 0);
		for (int i = 0; i < SIDES; i++)
			move(n, i);
		for (int i = 0; i < SIDES; i++)
			while ((f = ho_stack_output_link(n->s, i)) != NULL) {
				ho_tun_write(n->side[i].tun, f);
				ho_frame_unref(f);
			}
	}
	return NULL;
}

/* ---- the kernel's ends ---- */

static void enter(const struct net *n, int side)
{
	assert_int_equal(setns(n->side[side].netns, CLONE_NEWNET), 0);
}

static void file_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0)
		return;
	assert_true(write(fd, text, strlen(text)) > 0);
	close(fd);
}

static void default_route(uint32_t gateway)
{
	struct rtentry r = {.rt_flags = RTF_UP | RTF_GATEWAY};
	struct sockaddr_in *a = (struct sockaddr_in *)(void *)&r.rt_gateway;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	((struct sockaddr_in *)(void *)&r.rt_dst)->sin_family = AF_INET;
	((struct sockaddr_in *)(void *)&r.rt_genmask)->sin_family = AF_INET;
	*a = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(gateway)};
	assert_int_equal(ioctl(fd, SIOCADDRT, &r), 0);
	close(fd);
}

struct kind {
	bool vnet, tap;
	uint32_t mtu;
};

static void side_open(struct net *n, int i, const struct kind *k)
{
	struct side *side = &n->side[i];
	uint32_t addr = i == SIDE_A ? A : B;

	assert_int_equal(unshare(CLONE_NEWNET), 0);
	side->netns = open("/proc/thread-self/ns/net", O_RDONLY);
	assert_true(side->netns >= 0);
	file_write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
	if (k->tap)
		assert_int_equal(ho_tap_open("ho0", &config.alloc, &side->tun), 0);
	else
		assert_int_equal(ho_tun_open("ho0", k->vnet, &config.alloc, &side->tun), 0);
	assert_int_equal(ho_tun_configure("ho0", addr, 24, k->mtu), 0);
	default_route(i == SIDE_A ? OUR_A : OUR_B);
}

static void host_open(struct net *n, const struct kind kind[SIDES])
{
	struct ho_link_config second = {.mtu = kind[SIDE_B].mtu,
	                                .flags = ho_tun_link_flags(n->side[SIDE_B].tun),
	                                .out_queue_max = 4096,
	                                .mac = {2, 0, 0, 0, 0, 2}};
	struct ho_addr addr = {OUR_B, 24, 1};
	struct ho_stack_config c = config;

	c.addr = OUR_A;
	c.mtu = kind[SIDE_A].mtu;
	c.link_flags = ho_tun_link_flags(n->side[SIDE_A].tun);
	memcpy(c.mac, (uint8_t[6]){2, 0, 0, 0, 0, 1}, 6);
	c.out_queue_max = 4096;
	c.now_ns = ho_clock_now();
	assert_int_equal(ho_stack_open(&c, &n->s), 0);
	assert_int_equal(ho_link_add(n->s, &second), 1);
	assert_int_equal(ho_addr_add(n->s, &addr), 0);
	assert_int_equal(ho_sysctl_set(n->s, "net.ipv4.ip_forward", "1"), 0);
	assert_int_equal(pthread_create(&n->thread, NULL, host, n), 0);
}

static void net_open(struct net *n, struct kind a, struct kind b)
{
	struct kind kinds[SIDES] = {a, b};

	*n = (struct net){0};
	ho_stack_config_init(&config);
	for (int i = 0; i < SIDES; i++)
		side_open(n, i, &kinds[i]);
	host_open(n, kinds);
}

static void net_halt(struct net *n)
{
	n->stop = true;
	assert_int_equal(pthread_join(n->thread, NULL), 0);
}

static void net_close(struct net *n)
{
	ho_stack_close(n->s);
	for (int i = 0; i < SIDES; i++) {
		ho_tun_close(n->side[i].tun);
		close(n->side[i].netns);
	}
}

static uint64_t counted(const struct net *n, const char *name)
{
	int counter = ho_counter_find(name);

	assert_true(counter >= 0);
	return ho_counter_get(n->s, (unsigned)counter);
}

static struct sockaddr_in address(uint32_t addr, uint16_t port)
{
	return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(addr)};
}

static int udp_from_a(const struct net *n, uint32_t to, int ttl)
{
	struct timeval limit = {.tv_sec = 8};
	struct sockaddr_in a = address(to, 33434);
	int fd;

	enter(n, SIDE_A);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), 0);
	assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_RECVERR, &(int){1}, sizeof(int)), 0);
	assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_TTL, &ttl, sizeof(ttl)), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

/* Waits for an ICMP error and says who sent it. */
static uint32_t error_of(int fd, uint8_t type, uint8_t code)
{
	char control[256], data[64];
	struct iovec iov = {data, sizeof(data)};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
	struct pollfd p = {.fd = fd};
	struct sock_extended_err *e;

	assert_int_equal(poll(&p, 1, 8000), 1);
	assert_true(recvmsg(fd, &m, MSG_ERRQUEUE) >= 0);
	assert_non_null(CMSG_FIRSTHDR(&m));
	e = (struct sock_extended_err *)(void *)CMSG_DATA(CMSG_FIRSTHDR(&m));
	assert_int_equal(e->ee_origin, SO_EE_ORIGIN_ICMP);
	assert_int_equal(e->ee_type, type);
	assert_int_equal(e->ee_code, code);
	return ntohl(((struct sockaddr_in *)(void *)SO_EE_OFFENDER(e))->sin_addr.s_addr);
}

/* ---- tests ---- */

static const struct kind plain = {false, false, 1500}, super = {true, false, 1500}, tap = {false, true, 1500};

static void ping_through(struct kind a, struct kind b)
{
	struct net n;

	net_open(&n, a, b);
	enter(&n, SIDE_A);
	assert_int_equal(system("ping -n -c 3 -i 0.2 -W 5 198.18.2.1 >/dev/null"), 0);
	assert_int_equal(system("ping -n -c 1 -s 1400 -W 5 198.18.2.1 >/dev/null"), 0);
	assert_int_equal(system("ping -n -c 1 -W 5 198.18.2.2 >/dev/null"), 0); /* us, by our other address */
	net_halt(&n);
	assert_int_equal(counted(&n, "IpForwDatagrams"), 8);
	assert_int_equal(counted(&n, "IcmpInEchos"), 1);
	net_close(&n);
}

static void a_ping_passes_between_two_tuns(void **state)
{
	(void)state;
	ping_through(plain, plain);
}

static void a_ping_passes_from_a_tun_to_an_ethernet(void **state)
{
	(void)state;
	ping_through(super, tap);
}

/* What traceroute does. */
static void every_hop_says_where_it_is(void **state)
{
	struct net n;
	int fd;

	(void)state;
	net_open(&n, plain, tap);
	fd = udp_from_a(&n, B, 1);
	assert_int_equal(send(fd, "x", 1, 0), 1);
	assert_int_equal(error_of(fd, 11, 0), OUR_A);
	close(fd);
	fd = udp_from_a(&n, B, 2);
	assert_int_equal(send(fd, "x", 1, 0), 1);
	assert_int_equal(error_of(fd, 3, 3), B);
	close(fd);
	if (system("command -v traceroute >/dev/null") == 0)
		assert_int_equal(system("traceroute -n -q 1 -w 5 198.18.2.1 2>&1 | tail -n 1 | grep -q 198.18.2.1"), 0);
	net_halt(&n);
	net_close(&n);
}

static void whom_nobody_knows_is_unreachable_after_three_seconds(void **state)
{
	struct net n;
	int fd;

	(void)state;
	net_open(&n, plain, tap);
	fd = udp_from_a(&n, NOBODY, 64);
	assert_int_equal(send(fd, "x", 1, 0), 1);
	assert_int_equal(error_of(fd, 3, 1), OUR_A);
	close(fd);
	net_halt(&n);
	net_close(&n);
}

static void a_smaller_link_tells_its_mtu(void **state)
{
	struct kind small = {false, false, 1000};
	int mtu = 0, fd;
	struct net n;
	char big[1200] = {0};
	socklen_t bytes = sizeof(mtu);

	(void)state;
	net_open(&n, plain, small);
	fd = udp_from_a(&n, B, 64);
	assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &(int){IP_PMTUDISC_DO}, sizeof(int)), 0);
	assert_int_equal(send(fd, big, sizeof(big), 0), sizeof(big));
	assert_int_equal(error_of(fd, 3, 4), OUR_A);
	assert_int_equal(getsockopt(fd, IPPROTO_IP, IP_MTU, &mtu, &bytes), 0);
	assert_int_equal(mtu, 1000);
	close(fd);
	net_halt(&n);
	net_close(&n);
}

static uint8_t pattern(size_t at)
{
	return (uint8_t)(at * 13 + (at >> 8) * 7 + (at >> 16));
}

static int nonblocking(int type)
{
	int fd = socket(AF_INET, type | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	return fd;
}

static void wait_for(int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};

	assert_int_equal(poll(&p, 1, DEADLINE_MS), 1);
}

/* A connection from A to B.  Gives  both ends. */
static void connect_both(const struct net *n, int end[SIDES])
{
	struct sockaddr_in b = address(B, 9000);
	int listener;

	enter(n, SIDE_B);
	listener = nonblocking(SOCK_STREAM);
	assert_int_equal(bind(listener, (struct sockaddr *)&b, sizeof(b)), 0);
	assert_int_equal(listen(listener, 1), 0);
	enter(n, SIDE_A);
	end[SIDE_A] = nonblocking(SOCK_STREAM);
	assert_int_equal(connect(end[SIDE_A], (struct sockaddr *)&b, sizeof(b)), -1);
	assert_int_equal(errno, EINPROGRESS);
	wait_for(listener, POLLIN);
	end[SIDE_B] = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
	assert_true(end[SIDE_B] >= 0);
	wait_for(end[SIDE_A], POLLOUT);
	close(listener);
}

static void bulk(int from, int to)
{
	static uint8_t out[65536], in[65536];
	size_t sent = 0, got = 0;

	while (got < BULK_BYTES) {
		struct pollfd p[2] = {{.fd = sent < BULK_BYTES ? from : -1, .events = POLLOUT},
		                      {.fd = to, .events = POLLIN}};
		ssize_t bytes;

		assert_true(poll(p, 2, DEADLINE_MS) > 0);
		if (p[0].revents != 0) {
			size_t want = BULK_BYTES - sent < sizeof(out) ? BULK_BYTES - sent : sizeof(out);

			for (size_t i = 0; i < want; i++)
				out[i] = pattern(sent + i);
			bytes = send(from, out, want, 0);
			assert_true(bytes > 0 || errno == EAGAIN);
			sent += bytes > 0 ? (size_t)bytes : 0;
		}
		if (p[1].revents != 0) {
			bytes = recv(to, in, sizeof(in), 0);
			assert_true(bytes > 0);
			for (ssize_t i = 0; i < bytes; i++)
				if (in[i] != pattern(got + (size_t)i))
					fail_msg("byte %zu is not what was sent", got + (size_t)i);
			got += (size_t)bytes;
		}
	}
}

/* Of the namespace of this thread: TCP segments with a wrong checksum. */
static long wrong_checksums(const struct net *n, int side)
{
	char line[1024], *last = NULL;
	FILE *f;

	enter(n, side);
	f = fopen("/proc/thread-self/net/snmp", "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, "Tcp: ", 5) == 0 && line[5] >= '0' && line[5] <= '9')
			last = strrchr(line, ' ');
	fclose(f);
	assert_non_null(last);
	return strtol(last, NULL, 10);
}

static void bulk_through(struct kind a, struct kind b)
{
	int end[SIDES];
	struct net n;

	net_open(&n, a, b);
	connect_both(&n, end);
	bulk(end[SIDE_A], end[SIDE_B]);
	bulk(end[SIDE_B], end[SIDE_A]);
	assert_int_equal(wrong_checksums(&n, SIDE_A), 0);
	assert_int_equal(wrong_checksums(&n, SIDE_B), 0);
	close(end[SIDE_A]);
	close(end[SIDE_B]);
	net_halt(&n);
	assert_true(counted(&n, "IpForwDatagrams") > BULK_BYTES / 65536);
	assert_int_equal(counted(&n, "IpInHdrErrors"), 0);
	net_close(&n);
}

static void bulk_passes_packet_by_packet(void **state)
{
	(void)state;
	bulk_through(plain, plain);
}

static void bulk_passes_in_super_frames(void **state)
{
	(void)state;
	bulk_through(super, super);
}

static void super_frames_are_cut_for_a_link_that_has_none(void **state)
{
	(void)state;
	bulk_through(super, plain);
}

static void super_frames_are_cut_for_an_ethernet(void **state)
{
	(void)state;
	bulk_through(super, tap);
}

/* ---- a host of ours on an Ethernet ---- */

static void the_kernel_pings_us_over_ethernet_and_knows_our_address(void **state)
{
	struct net n;

	(void)state;
	net_open(&n, tap, tap);
	enter(&n, SIDE_B);
	assert_int_equal(system("ping -n -c 2 -i 0.2 -W 5 198.18.2.2 >/dev/null"), 0);
	assert_int_equal(system("grep -q '198.18.2.2 .* 02:00:00:00:00:02 ' /proc/self/net/arp"), 0);
	net_halt(&n);
	net_close(&n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_ping_passes_between_two_tuns),
		cmocka_unit_test(a_ping_passes_from_a_tun_to_an_ethernet),
		cmocka_unit_test(every_hop_says_where_it_is),
		cmocka_unit_test(whom_nobody_knows_is_unreachable_after_three_seconds),
		cmocka_unit_test(a_smaller_link_tells_its_mtu),
		cmocka_unit_test(bulk_passes_packet_by_packet),
		cmocka_unit_test(bulk_passes_in_super_frames),
		cmocka_unit_test(super_frames_are_cut_for_a_link_that_has_none),
		cmocka_unit_test(super_frames_are_cut_for_an_ethernet),
		cmocka_unit_test(the_kernel_pings_us_over_ethernet_and_knows_our_address),
	};

	if (geteuid() != 0 || access("/dev/net/tun", R_OK | W_OK) != 0 || unshare(CLONE_NEWNET) != 0 ||
	    system("command -v ping >/dev/null") != 0) {
		puts("skipped: needs root, /dev/net/tun, network namespaces and ping");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
