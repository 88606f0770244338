/* SPDX-License-Identifier: MIT
 * Blocks: payload that segments and frames point into, so that no byte is copied between the program and the wire. */
#include "core.h"

static uint8_t *block_bytes(struct block *b)
{
	return (uint8_t *)(b + 1);
}

struct block *block_make(struct ho_stack *st)
{
	struct block *b = pool_take(&st->blocks);

	if (unlikely(b == NULL))
		return NULL;
	*b = (struct block){.refs = 1, .st = st};
	b->data = block_bytes(b);
	return b;
}

struct block *block_make_ref(struct ho_stack *st, const void *bytes, void (*release)(void *ctx), void *ctx)
{
	struct block *b = pool_take(&st->ref_blocks);

	if (b == NULL)
		return NULL;
	/* Never written: frames give the bytes out as const. */
	*b = (struct block){.refs = 1, .st = st, .release = release, .ctx = ctx, .data = (uint8_t *)(uintptr_t)bytes};
	return b;
}

void block_unref(struct block *b)
{
	struct ho_stack *st = b->st;

	assert(b->refs > 0);
	if (mostly(--b->refs > 0))
		return;
	if (b->data == block_bytes(b)) {
		pool_give(&st->blocks, b);
		return;
	}
	if (b->release != NULL)
		b->release(b->ctx);
	pool_give(&st->ref_blocks, b);
}

uint8_t *block_room(struct ho_stack *st, uint32_t want_bytes, struct frag *frag)
{
	struct block *b = st->cur_block;

	if (b == NULL || b->used_bytes == BLOCK_BYTES) {
		b = block_make(st);
		if (b == NULL)
			return NULL;
		if (st->cur_block != NULL)
			block_unref(st->cur_block);
		st->cur_block = b;
	}
	*frag = (struct frag){
		.block = block_ref(b),
		.offset = b->used_bytes,
		.len_bytes = min_u32(want_bytes, BLOCK_BYTES - b->used_bytes),
	};
	b->used_bytes += frag->len_bytes;
	return b->data + frag->offset;
}

void frame_add(struct tx_frame *t, struct frag frag)
{
	struct ho_frame *f = &t->f;

	assert(t->blocks < SEG_FRAGS_MAX + 1 && f->slice_count < HO_FRAME_SLICES_MAX);
	t->block[t->blocks++] = frag.block;
	f->slice[f->slice_count++] = (struct ho_slice){frag.block->data + frag.offset, frag.len_bytes};
	f->len_bytes += frag.len_bytes;
}
