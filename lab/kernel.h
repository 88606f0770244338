/* SPDX-License-Identifier: MIT
 * lab, the kernel's world: what its files share. */
#ifndef HALFOPEN_LAB_KERNEL_H
#define HALFOPEN_LAB_KERNEL_H

#include <linux/virtio_net.h>
#include <netinet/in.h>

#include "inside.h"

struct delayed {
	ho_time_ns at;
	uint64_t number;
	int to;                        /* end */
	struct virtio_net_hdr offload; /* of a wire with it */
	size_t len;
	uint8_t *bytes;
};

struct lab_world {
	struct lab *lab;
	int home_ns, ns[LAB_HOSTS_MAX], diag[LAB_HOSTS_MAX];
	int tun[LAB_ENDS_MAX]; /* -1: nobody is at that end */
	ho_time_ns began;
	struct delayed *waiting; /* sorted by time, then number */
	size_t waiting_count, waiting_cap;
	uint64_t number;
	ho_time_ns extra[LAB_ENDS_MAX], free_at[LAB_ENDS_MAX]; /* of the direction that enters there */
	uint64_t rate[LAB_ENDS_MAX];
	pid_t keeper;    /* of a machine's sysctl; 0: none was asked for */
	int keeper_pipe;
	int *socks; /* open ones, closed with the world */
	size_t sock_count, sock_cap;
	struct closing *closing; /* close() that a thread waits for */
};

/* In and out of a host's namespace.  Gives  0, -errno. */
int ns_enter(struct lab_world *w, int host);
void ns_leave(struct lab_world *w);
int file_put(const char *path, const char *text);
char *file_get(const char *path); /* the caller frees; NULL with errno */
struct sockaddr_in sa_of(uint32_t addr, uint16_t port);

/* kernel_machine.c */
bool kernel_of_machine(const char *name);
int kernel_machine_begin(struct lab_world *w, const char *path); /* 0, -errno */
void kernel_machine_end(struct lab_world *w);

/* kernel_host.c: struct lab_world_ops's questions to a host */
int kernel_sysctl_get(struct lab_world *w, int host, const char *name, char *buf, size_t cap);
int kernel_sysctl_set(struct lab_world *w, int host, const char *name, const char *value);
int kernel_sockstat(struct lab_world *w, int host, char *buf, size_t cap);
int kernel_counters(struct lab_world *w, int host, struct lab_counters *out);
int kernel_rows(struct lab_world *w, int host, struct ho_sock_info **out, size_t *count);
int kernel_rule_add(struct lab_world *w, int host, const struct ho_rule *r);
int kernel_rule_clear(struct lab_world *w, int host);
int kernel_egress_set(struct lab_world *w, int host, uint64_t rate_bps, uint32_t burst);

/* kernel_route.c: addresses and routes, by rtnetlink */
int kernel_route_add(struct lab_world *w, int host, const struct ho_route *r);
int kernel_route_del(struct lab_world *w, int host, const struct ho_route *r);
int kernel_route_get(struct lab_world *w, int host, uint32_t daddr, struct ho_route *out);
int kernel_addr_add(struct lab_world *w, int host, const struct ho_addr *a);
int kernel_addr_del(struct lab_world *w, int host, const struct ho_addr *a);

/* kernel_sock.c: and its socket verbs */
int kernel_sock_open(struct lab_world *w, int host, enum lab_sock_kind kind, int protocol);
int kernel_bind(struct lab_world *w, int host, int fd, struct ho_endpoint local);
int kernel_listen(struct lab_world *w, int host, int fd, int backlog);
int kernel_accept(struct lab_world *w, int host, int fd, struct ho_endpoint *peer);
int kernel_connect(struct lab_world *w, int host, int fd, struct ho_endpoint peer);
ptrdiff_t kernel_send(struct lab_world *w, int host, int fd, const void *buf, size_t len, int flags);
ptrdiff_t kernel_recv(struct lab_world *w, int host, int fd, void *buf, size_t len, int flags);
ptrdiff_t kernel_sendto(struct lab_world *w, int host, int fd, const void *buf, size_t len, int flags,
                        struct ho_endpoint to);
ptrdiff_t kernel_recvfrom(struct lab_world *w, int host, int fd, void *buf, size_t len, struct ho_endpoint *from);
ptrdiff_t kernel_recv_error(struct lab_world *w, int host, int fd, struct ho_sock_error *e, void *buf, size_t len);
int kernel_disconnect(struct lab_world *w, int host, int fd);
int kernel_shutdown(struct lab_world *w, int host, int fd, int how);
int kernel_close_sock(struct lab_world *w, int host, int fd);
int kernel_blocking(struct lab_world *w, int host, int fd);
int kernel_close_waits(struct lab_world *w, int host, int closing);
void kernel_closing_forget(struct lab_world *w);
int kernel_setopt(struct lab_world *w, int host, int fd, int level, int name, const void *val, size_t len);
int kernel_getopt(struct lab_world *w, int host, int fd, int level, int name, void *val, size_t *len);
uint32_t kernel_poll(struct lab_world *w, int host, int fd);
int kernel_sock_name(struct lab_world *w, int host, int fd, struct ho_endpoint *local);
int kernel_sock_peer(struct lab_world *w, int host, int fd, struct ho_endpoint *peer);
int kernel_inq(struct lab_world *w, int host, int fd);
int kernel_outq(struct lab_world *w, int host, int fd);

#endif
