/* SPDX-License-Identifier: MIT
 * An index over a sorted queue: a treap whose nodes lie in the queue's elements.  The queue stays a list; the index finds
 * a place in it, or the next element with a mark, in logarithmic time.  What the order is, only the caller knows. */
#ifndef HO_TREE_H
#define HO_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct node {
	struct node *up, *left, *right;
	uint32_t priority;
	uint32_t count;     /* of this and below */
	uint8_t marks, any; /* its own; of this and below */
};

struct tree {
	struct node *root;  /* NULL: empty, or nobody keeps the index now */
	uint64_t random;
};

static inline void tree_init(struct tree *t, uint64_t seed)
{
	t->root = NULL;
	t->random = seed | 1;
}
void tree_insert(struct tree *t, struct node *n, struct node *before, uint8_t marks); /* behind before; NULL: first */
void tree_remove(struct tree *t, struct node *n);
void node_mark(struct node *n, uint8_t marks); /* exactly those */
struct node *tree_first(const struct tree *t, uint8_t marks);                /* with one of them; NULL */
struct node *node_next(const struct node *n, uint8_t marks);                 /* the next behind n with one of them; NULL */
struct node *tree_last(const struct tree *t, uint8_t marks);
struct node *node_previous(const struct node *n, uint8_t marks);
uint32_t node_rank(const struct node *n);                                    /* how many come before it */

#endif
