/* SPDX-License-Identifier: MIT
 * An interface's address, MTU and "up", by rtnetlink; its queue. */
#include <halfopen/port.h>

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <limits.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define REQUEST_BYTES 512
#define REPLY_BYTES 8192

/* Sends a request and waits for its acknowledgement.  Gives  0, -errno. */
static int talk(struct mnl_socket *nl, struct nlmsghdr *request, unsigned sequence)
{
	char reply[REPLY_BYTES];
	ssize_t n;

	request->nlmsg_seq = sequence;
	if (mnl_socket_sendto(nl, request, request->nlmsg_len) < 0)
		return -errno;
	do
		n = mnl_socket_recvfrom(nl, reply, sizeof(reply));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	/* an acknowledgement carries the answer as an errno, which mnl_cb_run hands on */
	return mnl_cb_run(reply, (size_t)n, sequence, mnl_socket_get_portid(nl), NULL, NULL) < 0 ? -errno : 0;
}

static struct nlmsghdr *request_begin(char *buf, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *request = mnl_nlmsg_put_header(buf);

	request->nlmsg_type = type;
	request->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
	return request;
}

static int address_add(struct mnl_socket *nl, unsigned index, uint32_t addr, uint8_t prefix_len)
{
	_Alignas(struct nlmsghdr) char buf[REQUEST_BYTES];
	struct nlmsghdr *request = request_begin(buf, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE);
	struct ifaddrmsg *msg = mnl_nlmsg_put_extra_header(request, sizeof(*msg));

	msg->ifa_family = AF_INET;
	msg->ifa_prefixlen = prefix_len;
	msg->ifa_index = index;
	mnl_attr_put_u32(request, IFA_LOCAL, htonl(addr));
	mnl_attr_put_u32(request, IFA_ADDRESS, htonl(addr));
	return talk(nl, request, 1);
}

static int link_up(struct mnl_socket *nl, unsigned index, uint32_t mtu)
{
	_Alignas(struct nlmsghdr) char buf[REQUEST_BYTES];
	struct nlmsghdr *request = request_begin(buf, RTM_NEWLINK, 0);
	struct ifinfomsg *msg = mnl_nlmsg_put_extra_header(request, sizeof(*msg));

	msg->ifi_family = AF_UNSPEC;
	msg->ifi_index = (int)index;
	msg->ifi_flags = msg->ifi_change = IFF_UP;
	if (mtu != 0)
		mnl_attr_put_u32(request, IFLA_MTU, mtu);
	return talk(nl, request, 2);
}

/* An interface that somebody prepared (ip tuntap add ... user me) needs no privilege from us. */
static bool is_ready(const char *name, uint32_t mtu)
{
	struct ifreq ifr = {0};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool ready;

	if (fd < 0)
		return false;
	memcpy(ifr.ifr_name, name, strlen(name) + 1);
	ready = ioctl(fd, SIOCGIFFLAGS, &ifr) == 0 && (ifr.ifr_flags & IFF_UP) && ioctl(fd, SIOCGIFMTU, &ifr) == 0 &&
	        (mtu == 0 || (uint32_t)ifr.ifr_mtu == mtu);
	close(fd);
	return ready;
}

int ho_tun_queue_set(const char *name, uint32_t packets)
{
	struct ifreq ifr = {.ifr_qlen = (int)packets};
	int fd, err = 0;

	if (strlen(name) >= sizeof(ifr.ifr_name) || packets > INT_MAX)
		return -EINVAL;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	memcpy(ifr.ifr_name, name, strlen(name) + 1);
	if (ioctl(fd, SIOCSIFTXQLEN, &ifr) < 0)
		err = -errno;
	close(fd);
	return err;
}

int ho_tun_configure(const char *name, uint32_t addr, uint8_t prefix_len, uint32_t mtu)
{
	struct mnl_socket *nl;
	unsigned index;
	int err = 0;

	if (strlen(name) >= IFNAMSIZ || prefix_len > 32)
		return -EINVAL;
	index = if_nametoindex(name);
	if (index == 0)
		return -errno;
	if (addr == 0 && is_ready(name, mtu))
		return 0;
	nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (nl == NULL)
		return -errno;
	if (mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0)
		err = -errno;
	if (err == 0 && addr != 0)
		err = address_add(nl, index, addr, prefix_len);
	if (err == 0)
		err = link_up(nl, index, mtu);
	mnl_socket_close(nl);
	return err;
}
