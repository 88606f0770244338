/* SPDX-License-Identifier: MIT */
#include "siphash.h"

#include <string.h>

struct sip {
	uint64_t v0, v1, v2, v3;
};

static inline uint64_t le64(uint64_t v)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	v = __builtin_bswap64(v);
#endif
	return v;
}

static inline uint64_t rotl64(uint64_t v, unsigned n)
{
	return v << n | v >> (64 - n);
}

static inline void sip_round(struct sip *s)
{
	s->v0 += s->v1;
	s->v2 += s->v3;
	s->v1 = rotl64(s->v1, 13) ^ s->v0;
	s->v3 = rotl64(s->v3, 16) ^ s->v2;
	s->v0 = rotl64(s->v0, 32) + s->v3;
	s->v2 += s->v1;
	s->v1 = rotl64(s->v1, 17) ^ s->v2;
	s->v3 = rotl64(s->v3, 21) ^ s->v0;
	s->v2 = rotl64(s->v2, 32);
}

static inline struct sip sip_begin(const struct siphash_key *k)
{
	return (struct sip){
		k->k0 ^ UINT64_C(0x736f6d6570736575), /* "somepseudorandomlygeneratedbytes" */
		k->k1 ^ UINT64_C(0x646f72616e646f6d),
		k->k0 ^ UINT64_C(0x6c7967656e657261),
		k->k1 ^ UINT64_C(0x7465646279746573),
	};
}

static inline void sip_absorb(struct sip *s, uint64_t word, unsigned rounds)
{
	s->v3 ^= word;
	for (unsigned i = 0; i < rounds; i++)
		sip_round(s);
	s->v0 ^= word;
}

static inline uint64_t sip_end(struct sip *s, unsigned rounds)
{
	s->v2 ^= 0xff;
	for (unsigned i = 0; i < rounds; i++)
		sip_round(s);
	return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

uint64_t siphash24(const struct siphash_key *k, const void *data, size_t len_bytes)
{
	const uint8_t *at = data;
	struct sip s = sip_begin(k);
	uint64_t last = (uint64_t)len_bytes << 56;
	uint64_t word;

	for (; len_bytes >= 8; len_bytes -= 8, at += 8) {
		memcpy(&word, at, 8);
		sip_absorb(&s, le64(word), 2);
	}
	for (size_t i = 0; i < len_bytes; i++)
		last |= (uint64_t)at[i] << (8 * i);
	sip_absorb(&s, last, 2);
	return sip_end(&s, 4);
}

uint64_t siphash13_2u64(const struct siphash_key *k, uint64_t a, uint64_t b)
{
	struct sip s = sip_begin(k);

	sip_absorb(&s, a, 1);
	sip_absorb(&s, b, 1);
	sip_absorb(&s, UINT64_C(16) << 56, 1);
	return sip_end(&s, 3);
}

struct siphash_key siphash_key_of(const uint8_t secret[16], uint64_t purpose)
{
	struct siphash_key master;
	uint64_t label[2] = {le64(purpose), 0};
	struct siphash_key sub;

	memcpy(&master, secret, sizeof(master));
	master.k0 = le64(master.k0);
	master.k1 = le64(master.k1);
	sub.k0 = siphash24(&master, label, sizeof(label));
	label[1] = le64(1);
	sub.k1 = siphash24(&master, label, sizeof(label));
	return sub;
}
