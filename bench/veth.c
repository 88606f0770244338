/* SPDX-License-Identifier: MIT
 * Kernel to kernel over veth, each end in a namespace of its own. */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <halfopen/port.h>

#include "veth.h"

#define PORT 9000

static int netlink_ask(struct nlmsghdr *n)
{
	struct mnl_socket *nl = mnl_socket_open(NETLINK_ROUTE);
	char buf[8192];
	ssize_t got = -1;

	if (!nl)
		return -errno;
	if (mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) == 0 && mnl_socket_sendto(nl, n, n->nlmsg_len) >= 0)
		got = mnl_socket_recvfrom(nl, buf, sizeof buf);
	if (got >= 0)
		got = mnl_cb_run(buf, (size_t)got, n->nlmsg_seq, mnl_socket_get_portid(nl), NULL, NULL);
	mnl_socket_close(nl);
	return got < 0 ? -errno : 0;
}

/* A pair named veth0 at both ends, one here, one in the namespace of pid. */
static int veth_make(pid_t pid)
{
	char buf[1024];
	struct nlmsghdr *n = mnl_nlmsg_put_header(buf);
	struct nlattr *info, *data, *peer;

	n->nlmsg_type = RTM_NEWLINK;
	n->nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK;
	n->nlmsg_seq = 1;
	mnl_nlmsg_put_extra_header(n, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(n, IFLA_IFNAME, "veth0");
	info = mnl_attr_nest_start(n, IFLA_LINKINFO);
	mnl_attr_put_strz(n, IFLA_INFO_KIND, "veth");
	data = mnl_attr_nest_start(n, IFLA_INFO_DATA);
	peer = mnl_attr_nest_start(n, VETH_INFO_PEER);
	mnl_nlmsg_put_extra_header(n, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(n, IFLA_IFNAME, "veth0");
	mnl_attr_put_u32(n, IFLA_NET_NS_PID, (uint32_t)pid);
	mnl_attr_nest_end(n, peer);
	mnl_attr_nest_end(n, data);
	mnl_attr_nest_end(n, info);
	return netlink_ask(n);
}

static bool told(int fd)
{
	char c;

	return read(fd, &c, 1) == 1;
}

static void tell(int fd)
{
	if (write(fd, "x", 1) != 1)
		_exit(1);
}

static void server_run(struct kernel_shared *sh, int pipe_fd)
{
	uint16_t port = PORT;
	int rc = unshare(CLONE_NEWNET) ? -errno : 0, listener = -1;

	tell(pipe_fd); /* our namespace is there */
	if (rc == 0 && told(pipe_fd)) {
		rc = ho_tun_configure("veth0", SERVER_ADDR, 15, 1500);
		listener = rc ? rc : kernel_listen(0, &port, 1);
	}
	if (listener < 0)
		sh->error = listener == -1 ? EPERM : -listener;
	tell(pipe_fd); /* we listen */
	if (listener >= 0)
		kernel_bulk.server(sh, listener);
}

static int client_run(struct kernel_shared *sh, int pipe_fd, pid_t server, double seconds)
{
	int rc;

	if (!told(pipe_fd))
		return -EIO;
	rc = veth_make(server);
	if (rc == 0)
		rc = ho_tun_configure("veth0", CLIENT_ADDR, 15, 1500);
	if (rc)
		return rc;
	tell(pipe_fd);
	if (!told(pipe_fd) || sh->error)
		return -EIO;
	kernel_bulk.client(sh, SERVER_ADDR, PORT, seconds);
	return 0;
}

void veth_run(struct kernel_shared *sh, double seconds)
{
	int fd[2], rc;
	pid_t server;

	if (unshare(CLONE_NEWNET) || socketpair(AF_UNIX, SOCK_STREAM, 0, fd)) {
		sh->error = errno;
		return;
	}
	server = fork();
	if (server == 0) {
		close(fd[0]);
		server_run(sh, fd[1]);
		_exit(0);
	}
	close(fd[1]);
	rc = server < 0 ? -errno : client_run(sh, fd[0], server, seconds);
	if (rc && !sh->error)
		sh->error = -rc;
	if (server > 0 && sh->error)
		kill(server, SIGKILL);
	if (server > 0)
		waitpid(server, NULL, 0);
}
