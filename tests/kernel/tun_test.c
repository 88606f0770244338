/* SPDX-License-Identifier: MIT
 * A TUN device against the running kernel: in a network namespace of its own (unshare), as root; else skipped (exit 77).
 * The peer behind the device is written by hand, so that this test needs nothing of the stack. */
#include <halfopen/port.h>

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define KERNEL HO_ADDR(198, 18, 0, 1)
#define OURS HO_ADDR(198, 18, 0, 2)
#define NAME "ho0"

/* ---- an allocator that keeps accounts ---- */

static long blocks, calls, refuse_at; /* refuse_at: the call that is refused; 0: none */

static void *count_alloc(void *ctx, size_t bytes, size_t align)
{
	(void)ctx;
	calls++;
	if (calls == refuse_at)
		return NULL;
	blocks++;
	return aligned_alloc(align, (bytes + align - 1) / align * align);
}

static void count_free(void *ctx, void *block, size_t bytes)
{
	(void)ctx;
	(void)bytes;
	blocks--;
	free(block);
}

static const struct ho_allocator counting = {count_alloc, count_free, NULL};

/* ---- packets by hand ---- */

static uint32_t sum(uint32_t s, const void *bytes, size_t len)
{
	const uint8_t *b = bytes;

	for (size_t i = 0; i < len; i++)
		s += (uint32_t)b[i] << (i % 2 == 0 ? 8 : 0);
	return s;
}

static uint16_t fold(uint32_t s)
{
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return (uint16_t)s;
}

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v);
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void ip_header(uint8_t *p, uint8_t protocol, uint32_t len)
{
	memset(p, 0, 20);
	p[0] = 0x45;
	put16(p + 2, len);
	p[8] = 64;
	p[9] = protocol;
	put32(p + 12, OURS);
	put32(p + 16, KERNEL);
	put16(p + 10, (uint16_t)~fold(sum(0, p, 20)));
}

/* A TCP header whose checksum field holds the pseudo-header's sum only. */
static void tcp_header(uint8_t *p, uint16_t port, uint32_t seq, uint32_t ack, uint8_t flags, uint32_t payload)
{
	const uint32_t bytes = 20 + payload;

	ip_header(p, 6, 20 + bytes);
	memset(p + 20, 0, 20);
	put16(p + 20, 80);
	put16(p + 22, port);
	put32(p + 24, seq);
	put32(p + 28, ack);
	p[32] = 0x50;
	p[33] = flags;
	put16(p + 34, 65535);
	put16(p + 36, fold(sum(6 + bytes, p + 12, 8)));
}

static void nothing(struct ho_frame *f)
{
	(void)f;
}

static struct ho_frame tcp_frame(const uint8_t *header, const uint8_t *payload, uint32_t payload_bytes)
{
	struct ho_frame f = {.len_bytes = 40 + payload_bytes,
	                     .slice_count = payload_bytes > 0 ? 2 : 1,
	                     .csum = HO_CSUM_PARTIAL,
	                     .gso_segs = 1,
	                     .hdr_len = 40,
	                     .csum_start = 20,
	                     .csum_offset = 16,
	                     .refs = 1,
	                     .release = nothing};

	f.slice[0] = (struct ho_slice){header, 40};
	f.slice[1] = (struct ho_slice){payload, payload_bytes};
	return f;
}

/* ---- devices and sockets ---- */

static struct ho_tun *device(bool vnet)
{
	struct ho_tun *t = NULL;

	assert_int_equal(ho_tun_open(NAME, vnet, &counting, &t), 0);
	assert_int_equal(ho_tun_configure(NAME, KERNEL, 24, 1500), 0);
	return t;
}

/* The next IPv4 frame of a protocol, within two seconds. */
static struct ho_frame *read_frame(struct ho_tun *t, uint8_t protocol)
{
	struct pollfd p = {.fd = ho_tun_fd(t), .events = POLLIN};

	for (;;) {
		struct ho_frame *f = NULL;
		int got = ho_tun_read(t, &f);

		if (got == 0 && poll(&p, 1, 2000) == 0)
			fail_msg("nothing to read within two seconds");
		assert_true(got >= 0);
		if (got == 1 && f->slice[0].data[9] == protocol)
			return f;
		if (got == 1)
			ho_frame_unref(f);
	}
}

static void is_bounded(int fd)
{
	struct timeval two_seconds = {.tv_sec = 2};

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &two_seconds, sizeof(two_seconds)), 0);
}

static int kernel_connects(struct ho_tun *t, uint16_t *port, uint32_t *seq)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(80), .sin_addr.s_addr = htonl(OURS)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	struct pollfd ready = {.fd = fd, .events = POLLOUT};
	uint8_t header[40];
	struct ho_frame *syn, reply;

	is_bounded(fd);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), -1);
	assert_int_equal(errno, EINPROGRESS);
	syn = read_frame(t, 6);
	assert_int_equal(syn->slice[0].data[33], 2);
	*port = (uint16_t)(syn->slice[0].data[20] << 8 | syn->slice[0].data[21]);
	*seq = get32(syn->slice[0].data + 24) + 1;
	ho_frame_unref(syn);
	tcp_header(header, *port, 1000, *seq, 0x12, 0);
	reply = tcp_frame(header, NULL, 0);
	assert_int_equal(ho_tun_write(t, &reply), 0);
	assert_int_equal(poll(&ready, 1, 2000), 1);
	assert_int_equal(ioctl(fd, FIONBIO, &(int){0}), 0);
	ho_frame_unref(read_frame(t, 6)); /* the ACK */
	return fd;
}

/* ---- tests ---- */

static void configure_sets_address_mtu_and_up(void **state)
{
	struct ho_tun *t = device(false);
	struct ifreq ifr = {.ifr_name = NAME};
	struct sockaddr_in a;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	(void)state;
	assert_int_equal(ho_tun_configure(NAME, KERNEL, 24, 1400), 0); /* again: as good as the first time */
	assert_int_equal(ioctl(fd, SIOCGIFADDR, &ifr), 0);
	memcpy(&a, &ifr.ifr_addr, sizeof(a));
	assert_int_equal(ntohl(a.sin_addr.s_addr), KERNEL);
	assert_int_equal(ioctl(fd, SIOCGIFNETMASK, &ifr), 0);
	memcpy(&a, &ifr.ifr_netmask, sizeof(a));
	assert_int_equal(ntohl(a.sin_addr.s_addr), 0xffffff00);
	assert_int_equal(ioctl(fd, SIOCGIFMTU, &ifr), 0);
	assert_int_equal(ifr.ifr_mtu, 1400);
	assert_int_equal(ioctl(fd, SIOCGIFFLAGS, &ifr), 0);
	assert_true(ifr.ifr_flags & IFF_UP);
	close(fd);
	ho_tun_close(t);
}

static void open_and_configure_refuse_with_the_reason(void **state)
{
	struct ho_tun *t = device(false), *second = NULL;
	uint8_t header[40];
	struct ho_frame f = tcp_frame(header, NULL, 0);

	(void)state;
	assert_int_equal(ho_tun_open("a-name-of-16-chs", false, &counting, &second), -EINVAL);
	assert_int_equal(ho_tun_open("", false, &counting, &second), -EINVAL);
	assert_int_equal(ho_tun_open(NAME, false, &counting, &second), -EBUSY);
	assert_null(second);
	assert_int_equal(ho_tun_configure("nosuch0", KERNEL, 24, 0), -ENODEV);
	assert_int_equal(ho_tun_configure(NAME, KERNEL, 33, 0), -EINVAL);
	assert_int_equal(ho_tun_queue_set("nosuch0", 1000), -ENODEV);
	assert_int_equal(ho_tun_queue_set("a-name-of-16-chs", 1000), -EINVAL);
	assert_int_equal(ho_tun_queue_set(NAME, UINT32_MAX), -EINVAL);
	tcp_header(header, 1, 1, 1, 2, 0);
	assert_int_equal(ho_tun_write(t, &f), -EINVAL); /* checksum still to be filled: not offered without vnet */
	f.csum = HO_CSUM_NONE;
	assert_int_equal(ho_tun_write(t, &f), 0);
	assert_int_equal(ho_tun_link_flags(t) & (HO_LINK_TSO | HO_LINK_TX_CSUM), 0);
	ho_tun_close(t);
	assert_int_equal(ho_tun_open(NAME, true, &counting, &t), 0);
	assert_int_equal(ho_tun_link_flags(t) & (HO_LINK_TSO | HO_LINK_TX_CSUM), HO_LINK_TSO | HO_LINK_TX_CSUM);
	assert_int_equal(ho_tun_write(t, &f), -EIO); /* the interface is down */
	ho_tun_close(t);
	assert_int_equal(blocks, 0);
}

static void ping_the_kernel(bool vnet)
{
	struct ho_tun *t = device(vnet);
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(OURS)};
	uint8_t echo[64] = {8, 0, 0, 0, 0x12, 0x34, 0, 1}, ip[20], icmp[64], got[128];
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
	struct ho_frame *request;
	struct ho_frame reply = {
		.len_bytes = 84, .slice_count = 3, .gso_segs = 1, .hdr_len = 28, .refs = 1, .release = nothing};

	is_bounded(fd);
	put16(echo + 2, (uint16_t)~fold(sum(0, echo, 64)));
	assert_int_equal(sendto(fd, echo, 64, 0, (struct sockaddr *)&to, sizeof(to)), 64);
	request = read_frame(t, 1);
	assert_int_equal(request->len_bytes, 84);
	assert_int_equal(request->hdr_len, 28);
	assert_int_equal(get32(request->slice[0].data + 12), KERNEL);
	memcpy(icmp, request->slice[0].data + 20, 64);
	ho_frame_unref(request);
	icmp[0] = 0;
	put16(icmp + 2, 0);
	put16(icmp + 2, (uint16_t)~fold(sum(0, icmp, 64)));
	ip_header(ip, 1, 84);
	reply.slice[0] = (struct ho_slice){ip, 20};
	reply.slice[1] = (struct ho_slice){icmp, 31};
	reply.slice[2] = (struct ho_slice){icmp + 31, 33};
	assert_int_equal(ho_tun_write(t, &reply), 0);
	assert_int_equal(recv(fd, got, sizeof(got), 0), 84);
	assert_memory_equal(got + 20, icmp, 64);
	close(fd);
	ho_tun_close(t);
	assert_int_equal(blocks, 0);
}

static void a_ping_crosses_without_offload(void **state)
{
	(void)state;
	ping_the_kernel(false);
}

static void a_ping_crosses_with_offload(void **state)
{
	(void)state;
	ping_the_kernel(true);
}

static void super_frames_cross_both_ways(void **state)
{
	static uint8_t out[60000], payload[30000], got[30000], header[40];
	struct ho_tun *t = device(true);
	uint16_t port;
	uint32_t seq, received = 0;
	bool saw_super = false;
	int fd = kernel_connects(t, &port, &seq);
	struct ho_frame f;

	(void)state;
	/* the kernel's window is 64 KiB and its first flight 10 segments: acknowledge until all is here */
	assert_int_equal(send(fd, out, sizeof(out), MSG_DONTWAIT), sizeof(out));
	while (received < sizeof(out)) {
		struct ho_frame *in = read_frame(t, 6);

		if (in->gso != HO_GSO_NONE) {
			saw_super = true;
			assert_int_equal(in->csum, HO_CSUM_PARTIAL);
			assert_int_equal(in->gso_size, 536); /* our SYN+ACK named no MSS */
			assert_int_equal(in->gso_segs, (in->len_bytes - in->hdr_len + 535) / 536);
		}
		received += in->len_bytes - in->hdr_len;
		ho_frame_unref(in);
		tcp_header(header, port, 1001, seq + received, 0x10, 0);
		f = tcp_frame(header, NULL, 0);
		assert_int_equal(ho_tun_write(t, &f), 0);
	}
	assert_true(saw_super);
	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = (uint8_t)(i * 7 + (i >> 8));
	tcp_header(header, port, 1001, seq + received, 0x18, sizeof(payload));
	f = tcp_frame(header, payload, sizeof(payload));
	f.gso = HO_GSO_TCPV4;
	f.gso_size = 1000;
	f.gso_segs = 30;
	assert_int_equal(ho_tun_write(t, &f), 0);
	assert_int_equal(recv(fd, got, sizeof(got), MSG_WAITALL), sizeof(got));
	assert_memory_equal(got, payload, sizeof(got));
	close(fd);
	ho_tun_close(t);
	assert_int_equal(blocks, 0);
}

static void steady_state_allocates_nothing_and_frames_outlive_the_device(void **state)
{
	struct ho_tun *t = device(true);
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(OURS)};
	static uint8_t small[100], big[1400 * 40];
	struct ho_frame *kept[3];
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	long before = 0;

	(void)state;
	assert_int_equal(ho_tun_configure(NAME, 0, 0, 65535), 0);
	for (int round = 0; round < 200; round++) {
		assert_int_equal(sendto(fd, small, sizeof(small), 0, (struct sockaddr *)&to, sizeof(to)),
		                 sizeof(small));
		assert_int_equal(sendto(fd, big, sizeof(big), 0, (struct sockaddr *)&to, sizeof(to)), sizeof(big));
		kept[0] = read_frame(t, 17);
		kept[1] = read_frame(t, 17);
		assert_int_equal(kept[0]->len_bytes, 28 + sizeof(small));
		assert_int_equal(kept[1]->len_bytes, 28 + sizeof(big));
		ho_frame_unref(kept[0]);
		ho_frame_unref(kept[1]);
		if (round == 10)
			before = calls;
	}
	assert_int_equal(calls, before);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(sendto(fd, big, sizeof(big), 0, (struct sockaddr *)&to, sizeof(to)), sizeof(big));
		kept[i] = read_frame(t, 17);
	}
	ho_tun_close(t);
	assert_true(blocks > 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(kept[i]->slice[0].data[9], 17);
		ho_frame_unref(kept[i]);
	}
	assert_int_equal(blocks, 0);
	close(fd);
}

static void a_refused_allocation_costs_a_packet_at_most(void **state)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(OURS)};
	struct ho_tun *t = NULL;
	struct ho_frame *f;
	long n = 0;
	int fd = socket(AF_INET, SOCK_DGRAM, 0), err;

	(void)state;
	do { /* until opening passes untouched */
		calls = 0;
		refuse_at = ++n;
		err = ho_tun_open(NAME, true, &counting, &t);
		assert_true(err == 0 || err == -ENOMEM);
		assert_true(err == 0 || blocks == 0);
	} while (err != 0);
	assert_true(n > 3);
	assert_int_equal(ho_tun_configure(NAME, KERNEL, 24, 1500), 0);
	refuse_at = calls + 1;
	for (int i = 0; i < 2; i++)
		assert_int_equal(sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof(to)), 1);
	do /* other packets of the kernel may come first, and one of them may be the one that is lost */
		err = ho_tun_read(t, &f);
	while (err == 0);
	assert_int_equal(err, -ENOMEM);
	ho_frame_unref(read_frame(t, 17)); /* the next one comes through */
	refuse_at = 0;
	close(fd);
	ho_tun_close(t);
	assert_int_equal(blocks, 0);
}

/* Sends that many datagrams with nobody reading.  Gives  how many waited in the device. */
static int datagrams_that_wait(struct ho_tun *t, int count)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(OURS)};
	int fd = socket(AF_INET, SOCK_DGRAM, 0), waited = 0;
	struct ho_frame *f;

	for (int i = 0; i < count; i++)
		sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof(to));
	while (ho_tun_read(t, &f) == 1) {
		waited += f->slice[0].data[9] == 17;
		ho_frame_unref(f);
	}
	close(fd);
	return waited;
}

static void as_many_packets_wait_in_the_device_as_it_was_told(void **state)
{
	struct ho_tun *t = device(true);

	(void)state;
	assert_int_equal(ho_tun_queue_set(NAME, 100), 0);
	assert_in_range(datagrams_that_wait(t, 800), 90, 100); /* a few packets of the kernel's own may be among them */
	assert_int_equal(ho_tun_queue_set(NAME, 1000), 0);
	assert_int_equal(datagrams_that_wait(t, 800), 800);
	ho_tun_close(t);
	assert_int_equal(blocks, 0);
}

static void other_protocols_of_the_ip_layer_are_skipped(void **state)
{
	struct ho_tun *t = device(true);
	struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_port = htons(9)};
	struct ifreq ifr = {.ifr_name = NAME};
	struct ho_frame *f;
	int fd = socket(AF_INET6, SOCK_DGRAM, 0);

	(void)state;
	if (fd < 0) {
		ho_tun_close(t);
		skip();
	}
	assert_int_equal(ioctl(fd, SIOCGIFINDEX, &ifr), 0);
	to.sin6_scope_id = (uint32_t)ifr.ifr_ifindex;
	assert_int_equal(inet_pton(AF_INET6, "ff02::1", &to.sin6_addr), 1);
	for (int i = 0; i < 3; i++)
		sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof(to));
	while (ho_tun_read(t, &f) == 1) {
		assert_int_equal(f->slice[0].data[0] >> 4, 4);
		ho_frame_unref(f);
	}
	close(fd);
	ho_tun_close(t);
	assert_int_equal(blocks, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(configure_sets_address_mtu_and_up),
		cmocka_unit_test(open_and_configure_refuse_with_the_reason),
		cmocka_unit_test(a_ping_crosses_without_offload),
		cmocka_unit_test(a_ping_crosses_with_offload),
		cmocka_unit_test(super_frames_cross_both_ways),
		cmocka_unit_test(steady_state_allocates_nothing_and_frames_outlive_the_device),
		cmocka_unit_test(a_refused_allocation_costs_a_packet_at_most),
		cmocka_unit_test(as_many_packets_wait_in_the_device_as_it_was_told),
		cmocka_unit_test(other_protocols_of_the_ip_layer_are_skipped),
	};

	if (geteuid() != 0 || access("/dev/net/tun", R_OK | W_OK) != 0 || unshare(CLONE_NEWNET) != 0) {
		puts("skipped: needs root, /dev/net/tun and network namespaces");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
