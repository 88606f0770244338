/* SPDX-License-Identifier: MIT
 * Treap (Seidel, Aragon 1996): a search tree by place, a heap by priority; priorities are random, so its depth is some
 * 2 log2(n) whatever the order of insertion. */
#include "tree.h"

static void pull(struct node *n)
{
	n->count = 1 + (n->left ? n->left->count : 0) + (n->right ? n->right->count : 0);
	n->any = (uint8_t)(n->marks | (n->left ? n->left->any : 0) | (n->right ? n->right->any : 0));
}

static void pull_up(struct node *n)
{
	for (; n; n = n->up)
		pull(n);
}

/* What hung at n's place hangs at other (NULL: nothing). */
static void put_in_place_of(struct tree *t, struct node *n, struct node *other)
{
	if (!n->up)
		t->root = other;
	else if (n->up->left == n)
		n->up->left = other;
	else
		n->up->right = other;
	if (other)
		other->up = n->up;
}

/* n changes places with its parent. */
static void rotate_up(struct tree *t, struct node *n)
{
	struct node *p = n->up;

	put_in_place_of(t, p, n);
	if (p->left == n) {
		p->left = n->right;
		if (p->left)
			p->left->up = p;
		n->right = p;
	} else {
		p->right = n->left;
		if (p->right)
			p->right->up = p;
		n->left = p;
	}
	p->up = n;
	pull(p);
	pull(n);
}

static uint32_t priority(struct tree *t)
{
	t->random ^= t->random << 13;
	t->random ^= t->random >> 7;
	t->random ^= t->random << 17;
	return (uint32_t)(t->random >> 32);
}

static void hang_leftmost(struct node *at, struct node *n)
{
	while (at->left)
		at = at->left;
	at->left = n;
	n->up = at;
}

void tree_insert(struct tree *t, struct node *n, struct node *before, uint8_t marks)
{
	*n = (struct node){.priority = priority(t), .count = 1, .marks = marks, .any = marks};
	if (!t->root) {
		t->root = n;
	} else if (!before) {
		hang_leftmost(t->root, n);
	} else if (before->right) {
		hang_leftmost(before->right, n);
	} else {
		before->right = n;
		n->up = before;
	}
	while (n->up && n->up->priority < n->priority)
		rotate_up(t, n);
	pull_up(n->up);
}

void tree_remove(struct tree *t, struct node *n)
{
	while (n->left && n->right)
		rotate_up(t, n->left->priority > n->right->priority ? n->left : n->right);
	put_in_place_of(t, n, n->left ? n->left : n->right);
	pull_up(n->up);
}

void node_mark(struct node *n, uint8_t marks)
{
	n->marks = marks;
	for (; n; n = n->up) {
		uint8_t before = n->any;

		pull(n);
		if (n->any == before)
			return;
	}
}

/* Of n and below; there is one. */
static struct node *first_below(struct node *n, uint8_t marks)
{
	for (;;) {
		if (n->left && (n->left->any & marks))
			n = n->left;
		else if (n->marks & marks)
			return n;
		else
			n = n->right;
	}
}

struct node *tree_first(const struct tree *t, uint8_t marks)
{
	return t->root && (t->root->any & marks) ? first_below(t->root, marks) : NULL;
}

struct node *node_next(const struct node *n, uint8_t marks)
{
	if (n->right && (n->right->any & marks))
		return first_below(n->right, marks);
	for (; n->up; n = n->up) {
		struct node *p = n->up;

		if (p->right == n)
			continue;
		if (p->marks & marks)
			return p;
		if (p->right && (p->right->any & marks))
			return first_below(p->right, marks);
	}
	return NULL;
}

static struct node *last_below(struct node *n, uint8_t marks)
{
	for (;;) {
		if (n->right && (n->right->any & marks))
			n = n->right;
		else if (n->marks & marks)
			return n;
		else
			n = n->left;
	}
}

struct node *tree_last(const struct tree *t, uint8_t marks)
{
	return t->root && (t->root->any & marks) ? last_below(t->root, marks) : NULL;
}

struct node *node_previous(const struct node *n, uint8_t marks)
{
	if (n->left && (n->left->any & marks))
		return last_below(n->left, marks);
	for (; n->up; n = n->up) {
		struct node *p = n->up;

		if (p->left == n)
			continue;
		if (p->marks & marks)
			return p;
		if (p->left && (p->left->any & marks))
			return last_below(p->left, marks);
	}
	return NULL;
}

uint32_t node_rank(const struct node *n)
{
	uint32_t rank = n->left ? n->left->count : 0;

	for (; n->up; n = n->up)
		if (n->up->right == n)
			rank += n->up->count - n->count;
	return rank;
}
