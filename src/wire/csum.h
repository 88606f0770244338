/* SPDX-License-Identifier: MIT
 * The Internet checksum (RFC 1071), over bytes as they lie in memory: sums are in "memory order" and may be stored
 * into a packet as they are, on any endianness. */
#ifndef HO_CSUM_H
#define HO_CSUM_H

#include <stddef.h>
#include <stdint.h>

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
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
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
/* Sum of the IPv4 pseudo-header; addresses in host order. */
uint32_t csum_pseudo(uint32_t saddr, uint32_t daddr, uint8_t protocol, uint32_t l4_bytes);

#endif
