/* SPDX-License-Identifier: MIT
 * The Internet checksum (RFC 1071), over bytes as they lie in memory: sums are in "memory order" and may be stored
 * into a packet as they are, on any endianness. */
#ifndef HO_CSUM_H
#define HO_CSUM_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "likely.h"

/* Partial sum of a buffer; add partial sums with csum_add, fold at the end.  A buffer that begins at an odd offset of
 * the packet must be added with csum_add_odd. */
uint32_t csum_partial(const void *data, size_t len_bytes);
static inline uint32_t csum_add(uint32_t a, uint32_t b)
{
	uint64_t s = (uint64_t)a + b;

	return (uint32_t)(s + (s >> 32));
}
static inline uint16_t csum_fold_plain(uint32_t sum) /* 16-bit sum, not complemented */
{
	/* The upper half of sum + (sum with its halves exchanged) is both halves added, with the carry of the lower half. */
	return (uint16_t)((sum + (sum << 16 | sum >> 16)) >> 16);
}
static inline uint16_t csum_fold(uint32_t sum) /* complemented: what goes into the packet */
{
	return (uint16_t)~csum_fold_plain(sum);
}
static inline uint32_t csum_add_odd(uint32_t a, uint32_t b)
{
	uint16_t f = csum_fold_plain(b);

	return csum_add(a, (uint32_t)(uint16_t)((f << 8) | (f >> 8)));
}

/* ---- 64 bits wide, in line: for what every packet has summed ---- */

static inline uint64_t csum_wide_add(uint64_t sum, uint64_t words)
{
	sum += words;
	return sum + (sum < words);
}
static inline uint64_t csum_wide_load(const uint8_t *at)
{
	uint64_t words;

	memcpy(&words, at, 8);
	return words;
}
static inline uint32_t csum_narrow(uint64_t sum)
{
	return csum_add((uint32_t)sum, (uint32_t)(sum >> 32));
}
/* Sum of the IPv4 pseudo-header; addresses in host order. */
static inline uint64_t csum_pseudo_wide(uint32_t saddr, uint32_t daddr, uint8_t protocol, uint32_t l4_bytes)
{
	uint64_t addrs = (uint64_t)saddr << 32 | daddr, rest = (uint64_t)protocol + l4_bytes;

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	addrs = __builtin_bswap64(addrs);
	rest = __builtin_bswap64(rest);
#endif
	return csum_wide_add(addrs, rest);
}
static inline uint32_t csum_pseudo(uint32_t saddr, uint32_t daddr, uint8_t protocol, uint32_t l4_bytes)
{
	return csum_narrow(csum_pseudo_wide(saddr, daddr, protocol, l4_bytes));
}
/* Sum of an IPv4 header without options. */
static inline uint32_t csum_ip20(const void *header)
{
	const uint8_t *h = header;
	uint32_t last;

	memcpy(&last, h + 16, 4);
	return csum_narrow(csum_wide_add(csum_wide_add(csum_wide_load(h), csum_wide_load(h + 8)), last));
}
/* Sum of a TCP header; the usual one has timestamps. */
static inline uint32_t csum_tcp_header(const uint8_t *h, uint32_t len_bytes)
{
	uint64_t sum;

	if (unlikely(len_bytes != 32))
		return csum_partial(h, len_bytes);
	sum = csum_wide_add(csum_wide_load(h), csum_wide_load(h + 8));
	sum = csum_wide_add(sum, csum_wide_load(h + 16));
	return csum_narrow(csum_wide_add(sum, csum_wide_load(h + 24)));
}
/* Sum of a payload: a byte or two are not worth a call. */
static inline uint32_t csum_payload(const uint8_t *at, uint32_t len_bytes)
{
	uint16_t two = 0;

	if (len_bytes > 2)
		return csum_partial(at, len_bytes);
	if (mostly(len_bytes == 1))
		memcpy(&two, at, 1); /* the first byte in memory, whatever the machine's order */
	else if (len_bytes == 2)
		memcpy(&two, at, 2);
	return two;
}

#endif
