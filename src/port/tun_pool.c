/* SPDX-License-Identifier: MIT
 * Buffers for packets read from a device. */
#include "tun_pool.h"

struct tun_list {
	struct ho_frame *free;
	uint32_t free_count;
};

struct tun_pool {
	struct ho_allocator al;
	uint32_t refs; /* the device's one, and one a frame that is out */
	struct tun_list list[TUN_SIZES];
};

struct tun_block {
	struct ho_frame frame; /* first: a frame's address is its block's */
	enum tun_size size;
	_Alignas(16) uint8_t bytes[];
};

static const struct {
	uint32_t bytes;
	uint32_t keep_max; /* free ones kept for later; more go back to the allocator */
} sizes[TUN_SIZES] = {
	[TUN_SMALL] = {TUN_SMALL_BYTES, 1024},
	[TUN_BIG] = {TUN_BIG_BYTES, 128},
};

static size_t block_bytes(enum tun_size size)
{
	return sizeof(struct tun_block) + sizes[size].bytes;
}

struct tun_pool *tun_pool_open(const struct ho_allocator *al)
{
	struct tun_pool *p = al->alloc(al->ctx, sizeof(*p), 16);

	if (p != NULL)
		*p = (struct tun_pool){.al = *al, .refs = 1};
	return p;
}

static void list_free(struct tun_pool *p, enum tun_size size)
{
	struct ho_frame *f = p->list[size].free;

	while (f != NULL) {
		struct ho_frame *next = f->next;

		p->al.free(p->al.ctx, f, block_bytes(size));
		f = next;
	}
}

static void pool_unref(struct tun_pool *p)
{
	struct ho_allocator al = p->al;

	if (--p->refs > 0)
		return;
	list_free(p, TUN_SMALL);
	list_free(p, TUN_BIG);
	al.free(al.ctx, p, sizeof(*p));
}

void tun_pool_close(struct tun_pool *p)
{
	pool_unref(p);
}

static void frame_release(struct ho_frame *f)
{
	struct tun_pool *p = f->owner;
	enum tun_size size = ((struct tun_block *)f)->size;
	struct tun_list *l = &p->list[size];

	if (l->free_count < sizes[size].keep_max) {
		f->next = l->free;
		l->free = f;
		l->free_count++;
	} else {
		p->al.free(p->al.ctx, f, block_bytes(size));
	}
	pool_unref(p);
}

uint8_t *tun_frame_bytes(struct ho_frame *f)
{
	return ((struct tun_block *)f)->bytes;
}

struct ho_frame *tun_pool_take(struct tun_pool *p, enum tun_size size)
{
	struct tun_list *l = &p->list[size];
	struct ho_frame *f = l->free;

	if (f != NULL) {
		l->free = f->next;
		l->free_count--;
	} else {
		f = p->al.alloc(p->al.ctx, block_bytes(size), 16);
		if (f == NULL)
			return NULL;
		((struct tun_block *)f)->size = size;
		f->release = frame_release;
		f->owner = p;
	}
	f->refs = 1;
	f->next = NULL;
	f->id = 0;
	f->slice_count = 1;
	f->slice[0].data = tun_frame_bytes(f);
	p->refs++;
	return f;
}
