/* SPDX-License-Identifier: MIT
 * Dice: all randomness of a world, from its seed.  SplitMix64 (Steele, Lea, Flood 2014): one word of state, so that
 * each host, each wire and each frame can have dice of its own and nobody's throws shift another's. */
#ifndef HO_SIM_DICE_H
#define HO_SIM_DICE_H

#include <stdbool.h>
#include <stdint.h>

#define DICE_GOLDEN UINT64_C(0x9e3779b97f4a7c15)
#define PPM_ALL 1000000u

struct dice {
	uint64_t state;
};

static inline uint64_t dice_mix(uint64_t z)
{
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static inline uint64_t dice_throw(struct dice *d)
{
	d->state += DICE_GOLDEN;
	return dice_mix(d->state);
}

/* The dice of one purpose's n-th user: independent of how many others there are. */
static inline struct dice dice_of(uint64_t seed, uint64_t purpose, uint64_t n)
{
	struct dice d = {seed};

	d.state = dice_throw(&d) ^ dice_mix(purpose * DICE_GOLDEN);
	d.state = dice_throw(&d) + n * DICE_GOLDEN;
	d.state = dice_throw(&d);
	return d;
}

/* Uniform 0..n-1 but for a bias below n / 2^32. */
static inline uint32_t dice_below(struct dice *d, uint32_t n)
{
	return (uint32_t)(((dice_throw(d) >> 32) * n) >> 32);
}

static inline bool dice_happens(struct dice *d, uint32_t ppm)
{
	return dice_below(d, PPM_ALL) < ppm;
}

#endif
