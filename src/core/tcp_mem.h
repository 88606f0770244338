/* SPDX-License-Identifier: MIT
 * What all TCP sockets of a stack have reserved, in pages: net.ipv4.tcp_mem limits it. */
#ifndef HO_TCP_MEM_H
#define HO_TCP_MEM_H

#include <stdbool.h>
#include <stdint.h>

struct tcp_memory {
	uint32_t pages;    /* their buffers and sock.fwd_alloc, together */
	uint32_t socks;    /* how many they are */
	bool pressure;     /* above tcp_mem[1], and since then never below tcp_mem[0] */
	uint64_t since_ms; /* when that began */
};

#endif
