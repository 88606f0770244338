/* SPDX-License-Identifier: MIT
 * A running host: a stack behind TUN devices, its services, its control socket, its capture. */
#ifndef HO_HOST_H
#define HO_HOST_H

#include "host_files.h"
#include "listen_spec.h"
#include "metrics_spec.h"
#include "udp_spec.h"

#include <halfopen/halfopen.h>

#define HOST_LISTEN_MAX 1024
#define HOST_UDP_MAX 64
#define HOST_SYSCTL_MAX 64
#define HOST_RULES_MAX 64
#define HOST_ROUTES_MAX 64
#define HOST_LINKS_MAX 8
#define HOST_ADDRS_MAX HO_ADDRS_MAX

struct host_link {
	const char *tun;
	bool tap; /* an Ethernet */
	uint32_t mtu;
	uint32_t kernel_addr; /* 0: the interface is only brought up */
	uint8_t kernel_prefix_len;
};

struct host_options {
	const char *name; /* of the control socket */
	struct host_link link[HOST_LINKS_MAX];
	unsigned link_count;
	uint32_t mtu_default;
	struct ho_addr addr[HOST_ADDRS_MAX]; /* the first one is of link 0 */
	unsigned addr_count;
	uint32_t socks_max;
	uint32_t txqueuelen; /* of each device; 0: as it is */
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
	struct ho_rule rule[HOST_RULES_MAX];
	unsigned rule_count;
	char *route[HOST_ROUTES_MAX]; /* in iproute2's words; read once the links are there */
	unsigned route_count;
	bool forward;
	struct host_files_options files;
	struct metrics_spec metrics;
};

/* Runs until a signal.  Says on stderr what is wrong.  Gives  an exit status. */
int host_run(const struct host_options *o);

#endif
