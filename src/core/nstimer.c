/* SPDX-License-Identifier: MIT */
#include "nstimer.h"

static bool earlier(const struct nstimer *a, const struct nstimer *b)
{
	return a->expires_ns < b->expires_ns || (a->expires_ns == b->expires_ns && a->order < b->order);
}

/* Two heaps, each not empty and without a sibling, become one. */
static struct nstimer *meld(struct nstimer *a, struct nstimer *b)
{
	struct nstimer *top = earlier(a, b) ? a : b, *sub = top == a ? b : a;

	sub->next = top->child;
	if (sub->next)
		sub->next->at = &sub->next;
	sub->at = &top->child;
	top->child = sub;
	return top;
}

/* Siblings become one heap: pairs from left to right, those together from right to left.  NULL of none. */
static struct nstimer *meld_all(struct nstimer *t)
{
	struct nstimer *pairs = NULL, *all = NULL;

	while (t) {
		struct nstimer *a = t, *b = t->next;

		t = b ? b->next : NULL;
		a->next = NULL;
		if (b) {
			b->next = NULL;
			a = meld(a, b);
		}
		a->next = pairs;
		pairs = a;
	}
	while (pairs) {
		struct nstimer *next = pairs->next;

		pairs->next = NULL;
		all = all ? meld(all, pairs) : pairs;
		pairs = next;
	}
	return all;
}

static void first_set(struct nstimers *h, struct nstimer *t)
{
	h->first = t;
	if (t)
		t->at = &h->first;
}

static void add(struct nstimers *h, struct nstimer *heap)
{
	first_set(h, h->first && heap ? meld(h->first, heap) : heap ? heap : h->first);
}

void nstimer_arm(struct nstimers *h, struct nstimer *t, uint64_t expires_ns)
{
	nstimer_cancel(h, t);
	t->child = t->next = NULL;
	t->expires_ns = expires_ns;
	t->order = h->order++;
	add(h, t);
}

void nstimer_cancel(struct nstimers *h, struct nstimer *t)
{
	if (!t->at)
		return;
	*t->at = t->next;
	if (t->next)
		t->next->at = t->at;
	t->at = NULL;
	add(h, meld_all(t->child));
}

struct nstimer *nstimer_pop(struct nstimers *h, uint64_t now_ns)
{
	struct nstimer *t = h->first;

	if (!t || t->expires_ns > now_ns)
		return NULL;
	nstimer_cancel(h, t);
	return t;
}
