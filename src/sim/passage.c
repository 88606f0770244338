/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "passage.h"

#define SLAB_PASSAGES 32

struct slab {
	struct slab *next;
	struct passage passage[SLAB_PASSAGES];
};

struct passages {
	struct ho_allocator al;
	struct passage *free_list;
	struct slab *slabs;
	uint64_t used_count;
	bool closed;
};

struct passages *passages_open(const struct ho_allocator *al)
{
	struct passages *p = al->alloc(al->ctx, sizeof(*p), _Alignof(struct passages));

	if (!p)
		return NULL;
	memset(p, 0, sizeof(*p));
	p->al = *al;
	return p;
}

const struct ho_allocator *passages_allocator(const struct passages *p)
{
	return &p->al;
}

static void passages_fini(struct passages *p)
{
	struct ho_allocator al = p->al;
	struct slab *next;

	for (struct slab *s = p->slabs; s; s = next) {
		next = s->next;
		al.free(al.ctx, s, sizeof(*s));
	}
	al.free(al.ctx, p, sizeof(*p));
}

void passages_close(struct passages *p)
{
	p->closed = true;
	if (!p->used_count)
		passages_fini(p);
}

static bool passages_grow(struct passages *p)
{
	struct slab *s = p->al.alloc(p->al.ctx, sizeof(*s), 64);

	if (!s)
		return false;
	s->next = p->slabs;
	p->slabs = s;
	for (int i = SLAB_PASSAGES - 1; i >= 0; i--) {
		s->passage[i].next = p->free_list;
		p->free_list = &s->passage[i];
	}
	return true;
}

static void passage_on_release(struct ho_frame *f)
{
	struct passage *g = (struct passage *)f; /* frame is its first member */
	struct passages *p = f->owner;

	ho_frame_unref(g->first);
	g->next = p->free_list;
	p->free_list = g;
	if (--p->used_count == 0 && p->closed)
		passages_fini(p);
}

struct passage *passage_take(struct passages *p, struct ho_frame *first)
{
	struct passage *g;

	if (!p->free_list && !passages_grow(p))
		return NULL;
	g = p->free_list;
	p->free_list = g->next;
	p->used_count++;
	/* only the slices in use: a frame has room for many and mostly needs two */
	memcpy(&g->frame, first, offsetof(struct ho_frame, slice));
	memcpy(g->frame.slice, first->slice, first->slice_count * sizeof(first->slice[0]));
	g->frame.refs = 1;
	g->frame.next = NULL;
	g->frame.release = passage_on_release;
	g->frame.owner = p;
	g->first = ho_frame_ref(first);
	return g;
}
