/* SPDX-License-Identifier: MIT
 * What tests of UDP sockets say again and again. */
#ifndef HO_TEST_UDP_LAB_H
#define HO_TEST_UDP_LAB_H

#include "lab.h"

#include "dgram.h"

#define PORT 7000
#define BROADCAST HO_ADDR(198, 18, 0, 255)
#define ALL_HOSTS HO_ADDR(224, 0, 0, 1)
#define HEARD "IpInReceives 1 IpInDelivers 1 "
#define SENT "IpOutRequests 1 IpOutTransmits 1 UdpOutDatagrams 1 "
#define SMALL 832 /* what a packet of few bytes is charged */

static UNUSED int udp_socket(struct lab *l)
{
	int fd = ho_sock_open(l->s, HO_SOCK_DGRAM, 0);

	assert_true(fd >= 0);
	return fd;
}

static UNUSED int bound(struct lab *l, uint32_t addr, uint16_t port)
{
	int fd = udp_socket(l);

	assert_int_equal(ho_sock_bind(l->s, fd, (struct ho_endpoint){addr, port}), 0);
	return fd;
}

static UNUSED struct ho_endpoint peer(uint16_t port)
{
	return (struct ho_endpoint){PEER_ADDR, port};
}

static UNUSED void set(struct lab *l, int fd, int level, int name, int v)
{
	assert_int_equal(ho_sock_setopt(l->s, fd, level, name, &v, sizeof(v)), 0);
}

static UNUSED int get(struct lab *l, int fd, int level, int name)
{
	int v = -77;
	size_t len = sizeof(v);
	int err = ho_sock_getopt(l->s, fd, level, name, &v, &len);

	return err < 0 ? err : v;
}

static UNUSED void in(struct lab *l, uint16_t dport, const char *text)
{
	lab_in(l, udp_make((struct udp_fields){.dport = dport, .data = text, .len = (uint16_t)strlen(text)}));
}

static UNUSED void hears(struct lab *l, int fd, const char *text)
{
	char buf[100] = "";
	ptrdiff_t n = ho_sock_recv(l->s, fd, buf, sizeof(buf) - 1, 0);

	if (text == NULL) {
		assert_int_equal(n, -EAGAIN);
		return;
	}
	assert_int_equal(n, strlen(text));
	assert_string_equal(buf, text);
}

static UNUSED uint32_t mem(struct lab *l, int fd, int which)
{
	uint32_t m[9];
	size_t len = sizeof(m);

	assert_int_equal(ho_sock_getopt(l->s, fd, HO_SOL_SOCKET, HO_SO_MEMINFO, m, &len), 0);
	return m[which];
}
#define RMEM 0
#define FORWARD 4
#define DROPS 8

static UNUSED uint32_t draw(uint32_t *seed, uint32_t n)
{
	*seed = *seed * 1664525 + 1013904223;
	return (*seed >> 8) % n;
}

#endif
