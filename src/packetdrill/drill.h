/* SPDX-License-Identifier: MIT
 * packetdrill's stack: one halfopen stack behind one lock, in virtual time.  What the files of this room share. */
#ifndef DRILL_H
#define DRILL_H

#include "interface.h"

#include <errno.h>
#include <halfopen/halfopen.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Descriptors of the stack and of its epoll instances, as packetdrill sees them; lower ones are the kernel's. */
#define DRILL_FD_FIRST 0x100000
#define DRILL_FDS_MAX 4096
#define DRILL_EPOLL_FIRST (DRILL_FD_FIRST + DRILL_FDS_MAX)
#define DRILL_EPOLLS_MAX 16
#define DRILL_WATCHES_MAX 64

/* What a descriptor of Linux has and a socket of halfopen, which never blocks, has not. */
struct drill_fd {
	bool v6;               /* opened as AF_INET6: its addresses are mapped ones */
	bool nonblock;
	ho_time_ns rcv_timeout, snd_timeout; /* SO_RCVTIMEO, SO_SNDTIMEO; 0: for ever */
};

struct drill_watch {
	int fd; /* of the stack; -1: unused */
	struct epoll_event event;
	bool armed; /* on the ready list */
};

struct drill_epoll {
	bool open;
	struct drill_watch watches[DRILL_WATCHES_MAX];
};

struct drill_packet {
	struct drill_packet *next;
	ho_time_ns left;
	size_t len_bytes;
	uint8_t bytes[];
};

struct drill {
	pthread_mutex_t lock;
	struct ho_stack *s;
	ho_time_ns now;
	uint32_t mss; /* of super-frames from the script; 0: what is large is one large packet */
	struct drill_packet *first, **last; /* left the stack, not yet asked for */
	struct drill_fd fds[DRILL_FDS_MAX];
	struct drill_epoll epolls[DRILL_EPOLLS_MAX];

	/* A call that blocks sleeps in packetdrill's second thread (clock.c). */
	pthread_t main;
	pthread_cond_t changed, settled;
	uint64_t round;        /* of looking again */
	unsigned blocked;      /* calls asleep */
	unsigned unsettled;    /* calls that were woken and have neither gone back to sleep nor taken their time */
	ho_time_ns call_deadline;
	long returned;         /* the thread of a call that was blocked and has returned; 0: none */
};

extern struct drill drill;

/* ---- clock.c ---- */
void drill_enter(void);
void drill_leave(void);
/* Takes what the stack has put out, and lets blocked calls look again. */
void drill_settle(void);
int drill_netdev_send(void *stack, const void *packet, size_t bytes);
int drill_netdev_receive(void *stack, void *packet, size_t *bytes, long long *left_us);
int drill_usleep(void *stack, useconds_t us);
int drill_gettimeofday(void *stack, struct timeval *now, struct timezone *zone);

/* Calls attempt(ctx) until it gives something else than -EAGAIN, or until deadline: then -EAGAIN. */
ptrdiff_t drill_block(ptrdiff_t (*attempt)(void *ctx), void *ctx, ho_time_ns deadline);
ho_time_ns drill_after(ho_time_ns timeout); /* 0: never */
ho_time_ns drill_after_ms(int timeout_ms);  /* negative: never */

/* ---- calls.c, transfer.c ---- */
static inline bool drill_fd_ours(int fd)
{
	return fd >= DRILL_FD_FIRST && fd < DRILL_EPOLL_FIRST;
}
static inline struct drill_fd *drill_fd(int fd)
{
	return &drill.fds[fd - DRILL_FD_FIRST];
}
static inline int drill_fd_stack(int fd)
{
	return fd - DRILL_FD_FIRST;
}
int drill_errno(ptrdiff_t result); /* -1 and errno, or the result */
int drill_endpoint_parse(const struct sockaddr *a, socklen_t bytes, struct ho_endpoint *e);
void drill_endpoint_emit(bool v6, struct ho_endpoint e, struct sockaddr *a, socklen_t *bytes);
ptrdiff_t drill_connect_wait(int fd); /* until it is through: 0, its error, or -EINPROGRESS at the timeout */
ssize_t drill_write(void *stack, int fd, const void *from, size_t bytes);
ssize_t drill_send(void *stack, int fd, const void *from, size_t bytes, int flags);
ssize_t drill_recv(void *stack, int fd, void *to, size_t bytes, int flags);
int drill_close(void *stack, int fd);
int drill_getsockopt(void *stack, int fd, int level, int name, void *value, socklen_t *bytes);
void drill_calls_fill(struct packetdrill_interface *i);
void drill_transfer_fill(struct packetdrill_interface *i);

/* ---- poll.c ---- */
void drill_epoll_ready(int stack_fd);
void drill_epoll_forget(int stack_fd);
int drill_epoll_close(int epoll);
void drill_poll_fill(struct packetdrill_interface *i);

/* ---- splice.c ---- */
ssize_t drill_sendfile(int to, int from, off_t *offset, size_t bytes);
void drill_splice_fill(struct packetdrill_interface *i);

/* ---- sysctls.c ---- */
void drill_sysctls_read(void);

/* ---- link.c ---- */
void drill_link_read(void);

/* ---- libc.c ---- */
/* Sees to it that packetdrill's own calls of close(), getsockopt() ... come here: may start it anew. */
void drill_preload(void);

#endif
