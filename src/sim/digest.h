/* SPDX-License-Identifier: MIT
 * A 64-bit digest of bytes that come in pieces; the same whatever the pieces and the machine's byte order.
 * XXH64 (Yann Collet, xxHash specification 0.1.1): four lanes of 8 bytes, fast enough to run over every packet. */
#ifndef HO_SIM_DIGEST_H
#define HO_SIM_DIGEST_H

#include <stddef.h>
#include <stdint.h>

struct digest {
	uint64_t lane[4];
	uint64_t seed;
	uint64_t len_bytes;
	uint8_t rest[32]; /* bytes that do not fill a block yet: len_bytes % 32 of them */
};

void digest_init(struct digest *d, uint64_t seed);
void digest_push(struct digest *d, const void *bytes, size_t len_bytes);
void digest_push_word(struct digest *d, uint64_t v); /* as 8 bytes, little-endian */
uint64_t digest_value(const struct digest *d);

#endif
