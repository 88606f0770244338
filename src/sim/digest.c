/* SPDX-License-Identifier: MIT
 * XXH64, written from its specification. */
#include <string.h>

#include "digest.h"

#define P1 UINT64_C(0x9e3779b185ebca87)
#define P2 UINT64_C(0xc2b2ae3d27d4eb4f)
#define P3 UINT64_C(0x165667b19e3779f9)
#define P4 UINT64_C(0x85ebca77c2b2ae63)
#define P5 UINT64_C(0x27d4eb2f165667c5)

static uint64_t rotl(uint64_t v, int n)
{
	return v << n | v >> (64 - n);
}

static uint64_t le64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	v = __builtin_bswap64(v);
#endif
	return v;
}

static uint32_t le32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint64_t lane_round(uint64_t lane, uint64_t v)
{
	return rotl(lane + v * P2, 31) * P1;
}

static uint64_t lane_merge(uint64_t h, uint64_t lane)
{
	return (h ^ lane_round(0, lane)) * P1 + P4;
}

/* Takes  whole blocks of 32 bytes. */
static void blocks_push(struct digest *d, const uint8_t *p, size_t count)
{
	uint64_t a = d->lane[0], b = d->lane[1], c = d->lane[2], e = d->lane[3];

	for (; count; count--, p += 32) {
		a = lane_round(a, le64(p));
		b = lane_round(b, le64(p + 8));
		c = lane_round(c, le64(p + 16));
		e = lane_round(e, le64(p + 24));
	}
	d->lane[0] = a;
	d->lane[1] = b;
	d->lane[2] = c;
	d->lane[3] = e;
}

void digest_init(struct digest *d, uint64_t seed)
{
	d->lane[0] = seed + P1 + P2;
	d->lane[1] = seed + P2;
	d->lane[2] = seed;
	d->lane[3] = seed - P1;
	d->seed = seed;
	d->len_bytes = 0;
}

void digest_push(struct digest *d, const void *bytes, size_t len_bytes)
{
	const uint8_t *p = bytes;
	size_t held = d->len_bytes % 32;

	d->len_bytes += len_bytes;
	if (held) {
		size_t n = 32 - held < len_bytes ? 32 - held : len_bytes;

		memcpy(d->rest + held, p, n);
		p += n;
		len_bytes -= n;
		if (held + n < 32)
			return;
		blocks_push(d, d->rest, 1);
	}
	blocks_push(d, p, len_bytes / 32);
	if (len_bytes % 32)
		memcpy(d->rest, p + len_bytes / 32 * 32, len_bytes % 32);
}

void digest_push_word(struct digest *d, uint64_t v)
{
	uint8_t b[8];

	for (int i = 0; i < 8; i++)
		b[i] = (uint8_t)(v >> 8 * i);
	digest_push(d, b, 8);
}

uint64_t digest_value(const struct digest *d)
{
	const uint8_t *p = d->rest, *end = d->rest + d->len_bytes % 32;
	uint64_t h = d->seed + P5;

	if (d->len_bytes >= 32) {
		h = rotl(d->lane[0], 1) + rotl(d->lane[1], 7) + rotl(d->lane[2], 12) + rotl(d->lane[3], 18);
		for (int i = 0; i < 4; i++)
			h = lane_merge(h, d->lane[i]);
	}
	h += d->len_bytes;
	for (; end - p >= 8; p += 8)
		h = rotl(h ^ lane_round(0, le64(p)), 27) * P1 + P4;
	if (end - p >= 4) {
		h = rotl(h ^ le32(p) * P1, 23) * P2 + P3;
		p += 4;
	}
	for (; p < end; p++)
		h = rotl(h ^ *p * P5, 11) * P1;
	h = (h ^ h >> 33) * P2;
	h = (h ^ h >> 29) * P3;
	return h ^ h >> 32;
}
