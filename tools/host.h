/* SPDX-License-Identifier: MIT
 * A running host: a stack behind a TUN device, its services, its control socket, its capture. */
#ifndef HO_HOST_H
#define HO_HOST_H

#include "listen_spec.h"
#include "udp_spec.h"

#include <halfopen/halfopen.h>

#define HOST_LISTEN_MAX 64
#define HOST_UDP_MAX 64
#define HOST_SYSCTL_MAX 64

struct host_options {
	const char *tun;
	const char *name; /* of the control socket */
	uint32_t addr;
	uint8_t prefix_len;
	uint32_t kernel_addr; /* 0: the interface is only brought up */
	uint8_t kernel_prefix_len;
	uint32_t mtu;
	uint32_t socks_max;
	uint32_t linux_profile; /* HO_LINUX_* */
	bool offload;
	bool seed_given;
	uint64_t seed;
	const char *pcap; /* NULL: none */
	struct listen_spec listen[HOST_LISTEN_MAX];
	unsigned listen_count;
	struct udp_spec udp[HOST_UDP_MAX];
	unsigned udp_count;
	char *sysctl[HOST_SYSCTL_MAX]; /* "name=value" */
	unsigned sysctl_count;
};

/* Runs until a signal.  Says on stderr what is wrong.  Gives  an exit status. */
int host_run(const struct host_options *o);

#endif
