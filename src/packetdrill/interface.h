/* SPDX-License-Identifier: MIT
 * packetdrill's interface to a stack in a shared object (--so_filename): our declaration of its binary layout.
 *
 * packetdrill calls packetdrill_interface_init() once, which fills in every function.  Each gets `stack` first;
 * results are as those of the system call of the name, with errno. */
#ifndef PACKETDRILL_INTERFACE_H
#define PACKETDRILL_INTERFACE_H

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

struct packetdrill_interface {
	void *stack;
	void (*free)(void *stack); /* only after a script that passed */

	int (*socket)(void *stack, int domain, int type, int protocol);
	int (*bind)(void *stack, int fd, const struct sockaddr *local, socklen_t bytes);
	int (*listen)(void *stack, int fd, int backlog);
	int (*accept)(void *stack, int fd, struct sockaddr *peer, socklen_t *bytes);
	int (*connect)(void *stack, int fd, const struct sockaddr *peer, socklen_t bytes);

	ssize_t (*read)(void *stack, int fd, void *to, size_t bytes);
	ssize_t (*readv)(void *stack, int fd, const struct iovec *to, int count);
	ssize_t (*recv)(void *stack, int fd, void *to, size_t bytes, int flags);
	ssize_t (*recvfrom)(void *stack, int fd, void *to, size_t bytes, int flags, struct sockaddr *from,
	                    socklen_t *from_bytes);
	ssize_t (*recvmsg)(void *stack, int fd, struct msghdr *to, int flags);

	ssize_t (*write)(void *stack, int fd, const void *from, size_t bytes);
	ssize_t (*writev)(void *stack, int fd, const struct iovec *from, int count);
	ssize_t (*send)(void *stack, int fd, const void *from, size_t bytes, int flags);
	ssize_t (*sendto)(void *stack, int fd, const void *from, size_t bytes, int flags, const struct sockaddr *to,
	                  socklen_t to_bytes);
	ssize_t (*sendmsg)(void *stack, int fd, const struct msghdr *from, int flags);

	int (*fcntl)(void *stack, int fd, int command, ...);
	int (*ioctl)(void *stack, int fd, unsigned long request, ...);
	int (*close)(void *stack, int fd);
	int (*shutdown)(void *stack, int fd, int how);
	int (*getsockopt)(void *stack, int fd, int level, int name, void *value, socklen_t *bytes);
	int (*setsockopt)(void *stack, int fd, int level, int name, const void *value, socklen_t bytes);
	int (*poll)(void *stack, struct pollfd *fds, nfds_t count, int timeout_ms);

	/* A packet for the stack: 0, or -1. */
	int (*netdev_send)(void *stack, const void *packet, size_t bytes);
	/* The next packet of the stack, and when it left, on the clock of gettimeofday: 0, with *bytes 0 when none can come.
	 * -1 makes packetdrill ask again, for ever. */
	int (*netdev_receive)(void *stack, void *packet, size_t *bytes, long long *left_us);

	int (*usleep)(void *stack, useconds_t us);
	int (*gettimeofday)(void *stack, struct timeval *now, struct timezone *zone);

	int (*epoll_create)(void *stack, int size);
	int (*epoll_ctl)(void *stack, int epoll, int operation, int fd, struct epoll_event *event);
	int (*epoll_wait)(void *stack, int epoll, struct epoll_event *events, int count_max, int timeout_ms);
	int (*pipe)(void *stack, int ends[2]);
	int (*splice)(void *stack, int from, loff_t *from_offset, int to, loff_t *to_offset, size_t bytes,
	              unsigned flags);
};

__attribute__((visibility("default"))) void packetdrill_interface_init(const char *flags,
                                                                       struct packetdrill_interface *interface);

#endif
