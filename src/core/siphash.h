/* SPDX-License-Identifier: MIT
 * SipHash-2-4 and -1-3 (Aumasson and Bernstein 2012) of short fixed inputs, keyed by the stack's secret. */
#ifndef HO_SIPHASH_H
#define HO_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

struct siphash_key {
	uint64_t k0, k1;
};

struct siphash_key siphash_key_of(const uint8_t secret[16], uint64_t purpose); /* a subkey for each purpose */
uint64_t siphash24(const struct siphash_key *k, const void *data, size_t len_bytes);
/* For tables: of two 64-bit words. */
uint64_t siphash13_2u64(const struct siphash_key *k, uint64_t a, uint64_t b);

#endif
