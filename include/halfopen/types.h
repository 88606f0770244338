/* SPDX-License-Identifier: MIT
 * halfopen: the words every other header uses. */
#ifndef HALFOPEN_TYPES_H
#define HALFOPEN_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define HO_API __attribute__((visibility("default")))
#else
#define HO_API
#endif

/* Time: nanoseconds since an epoch of the caller's choosing.  It never goes back. */
typedef uint64_t ho_time_ns;

#define HO_NEVER UINT64_MAX
#define HO_US UINT64_C(1000)
#define HO_MS UINT64_C(1000000)
#define HO_SEC UINT64_C(1000000000)

/* A stack: one host.  Any number of them live in a process; they share nothing. */
struct ho_stack;

/* An IPv4 address and a port, both in HOST byte order: 198.18.0.1 is 0xc6120001. */
struct ho_endpoint {
	uint32_t addr;
	uint16_t port;
};

#define HO_ADDR(a, b, c, d) \
	(((uint32_t)(a) << 24) | ((uint32_t)(b) << 16) | ((uint32_t)(c) << 8) | (uint32_t)(d))
#define HO_ADDR_ANY UINT32_C(0)
#define HO_ADDR_LOOPBACK HO_ADDR(127, 0, 0, 1)

/* Memory: the only way in which a stack gets any.
 * Takes  alloc: bytes > 0, align a power of two <= 64; must not call back into halfopen.
 * Gives  alloc: the block, or NULL (an ordinary event: the stack refuses or drops, and counts it).
 * Owns   the stack owns a block until it calls free with the same size. */
struct ho_allocator {
	void *(*alloc)(void *ctx, size_t bytes, size_t align);
	void (*free)(void *ctx, void *block, size_t bytes);
	void *ctx;
};

#ifdef __cplusplus
}
#endif
#endif
