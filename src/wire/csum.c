/* SPDX-License-Identifier: MIT
 *
 * One's complement sums do not care how wide the words are (RFC 1071 section 2): 64-bit words are summed and folded at
 * the end.  Instead of chasing carries, two ordinary sums are kept: of the words, modulo 2^64, and of their upper halves.
 * Σ words - 2^32 Σ upper halves is the sum of the lower halves, and that one is exact as long as it is below 2^64,
 * which takes 16 GiB to pass. */
#include "csum.h"

#include <string.h>

/* HO_CSUM_PORTABLE: so that the other path can be tested where AVX2 exists. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(HO_CSUM_PORTABLE)
#include <immintrin.h>
#define HAVE_AVX2_PATH 1
#endif

/* Up to here a call of the wide loop costs more than it saves. */
#define SHORT_BYTES 64

struct halves {
	uint64_t words, uppers;
};

static inline uint64_t halves_sum(struct halves h)
{
	return h.words - (h.uppers << 32) + h.uppers;
}

static inline uint64_t load64(const uint8_t *at)
{
	uint64_t v;

	memcpy(&v, at, 8);
	return v;
}

static inline uint64_t load32(const uint8_t *at)
{
	uint32_t v;

	memcpy(&v, at, 4);
	return v;
}

static inline uint64_t load16(const uint8_t *at, size_t len_bytes)
{
	uint16_t v = 0;

	memcpy(&v, at, len_bytes == 1 ? 1 : 2);
	return v;
}

static inline uint32_t fold64(uint64_t sum)
{
	return csum_add((uint32_t)sum, (uint32_t)(sum >> 32));
}

/* Adds fewer than 8 bytes to a sum that leaves room. */
static inline uint64_t sum_rest(uint64_t sum, const uint8_t *at, size_t len_bytes)
{
	if (len_bytes & 4) {
		sum += load32(at);
		at += 4;
	}
	if (len_bytes & 2) {
		sum += load16(at, 2);
		at += 2;
	}
	if (len_bytes & 1)
		sum += load16(at, 1);
	return sum;
}

static inline uint64_t sum_short(uint64_t sum, const uint8_t *at, size_t len_bytes)
{
	for (; len_bytes >= 8; len_bytes -= 8, at += 8) {
		sum += load32(at);
		sum += load32(at + 4);
	}
	return sum_rest(sum, at, len_bytes);
}

static uint64_t sum_portable(const uint8_t *at, size_t len_bytes)
{
	struct halves a = {0, 0}, b = {0, 0}, c = {0, 0}, d = {0, 0};

	for (; len_bytes >= 32; len_bytes -= 32, at += 32) {
		uint64_t v0 = load64(at), v1 = load64(at + 8), v2 = load64(at + 16), v3 = load64(at + 24);

		a.words += v0, a.uppers += v0 >> 32;
		b.words += v1, b.uppers += v1 >> 32;
		c.words += v2, c.uppers += v2 >> 32;
		d.words += v3, d.uppers += v3 >> 32;
	}
	return sum_short(halves_sum(a) + halves_sum(b) + halves_sum(c) + halves_sum(d), at, len_bytes);
}

#ifdef HAVE_AVX2_PATH
#define AVX2 __attribute__((target("avx2")))

struct wide_halves {
	__m256i words, uppers;
};

AVX2 static inline void wide_add(struct wide_halves *h, const uint8_t *at)
{
	__m256i v = _mm256_loadu_si256((const __m256i *)(const void *)at);

	h->words = _mm256_add_epi64(h->words, v);
	h->uppers = _mm256_add_epi64(h->uppers, _mm256_srli_epi64(v, 32));
}

AVX2 static inline uint64_t wide_total(__m256i v)
{
	__m128i half = _mm_add_epi64(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));

	return (uint64_t)_mm_cvtsi128_si64(half) + (uint64_t)_mm_extract_epi64(half, 1);
}

AVX2 static uint64_t sum_avx2(const uint8_t *at, size_t len_bytes)
{
	struct wide_halves a = {_mm256_setzero_si256(), _mm256_setzero_si256()}, b = a;
	struct halves total;

	for (; len_bytes >= 128; len_bytes -= 128, at += 128) {
		wide_add(&a, at);
		wide_add(&b, at + 32);
		wide_add(&a, at + 64);
		wide_add(&b, at + 96);
	}
	for (; len_bytes >= 32; len_bytes -= 32, at += 32)
		wide_add(&a, at);
	total.words = wide_total(_mm256_add_epi64(a.words, b.words));
	total.uppers = wide_total(_mm256_add_epi64(a.uppers, b.uppers));
	return sum_short(halves_sum(total), at, len_bytes);
}
#endif

uint32_t csum_partial(const void *data, size_t len_bytes)
{
	if (len_bytes < SHORT_BYTES)
		return fold64(sum_short(0, data, len_bytes));
#ifdef HAVE_AVX2_PATH
	if (__builtin_cpu_supports("avx2"))
		return fold64(sum_avx2(data, len_bytes));
#endif
	return fold64(sum_portable(data, len_bytes));
}
