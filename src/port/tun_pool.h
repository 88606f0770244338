/* SPDX-License-Identifier: MIT
 * Buffers for packets read from a device: a frame and its bytes in one block, in two sizes.
 *
 * A released frame goes to the free list of its size and is taken again from there, so that steady state allocates nothing.
 * Frames hold the pool alive: it goes when its device has let go of it (tun_pool_close) and the last frame is back.
 * One thread at a time, as with everything else that holds frames. */
#ifndef HO_TUN_POOL_H
#define HO_TUN_POOL_H

#include <halfopen/frame.h>

enum tun_size { TUN_SMALL, TUN_BIG, TUN_SIZES };

#define TUN_SMALL_BYTES 2048u
#define TUN_BIG_BYTES 65536u

struct tun_pool;

struct tun_pool *tun_pool_open(const struct ho_allocator *al); /* NULL: the allocator refused */
void tun_pool_close(struct tun_pool *p);

/* Gives  a frame with one reference and slice[0].data at room for the size's bytes (tun_frame_bytes); nothing else is set.
 *        NULL when the allocator refuses. */
struct ho_frame *tun_pool_take(struct tun_pool *p, enum tun_size size);
uint8_t *tun_frame_bytes(struct ho_frame *f);

#endif
