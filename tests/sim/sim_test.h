/* SPDX-License-Identifier: MIT
 * What the tests of the world share: cmocka, and a pair of fake hosts with a wire. */
#ifndef SIM_TEST_H
#define SIM_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fake_stack.h"

struct pair {
	struct ho_world *w;
	struct ho_stack *a, *b; /* hosts 0 and 1 */
};

static inline int host_add(struct ho_world *w, const char *name)
{
	struct ho_stack_config c;

	ho_stack_config_init(&c);
	return ho_world_host_add(w, name, &c);
}

static inline struct pair pair_open(uint64_t seed, struct ho_wire_config a_to_b)
{
	struct pair p;

	assert_int_equal(ho_world_open(seed, NULL, &p.w), 0);
	assert_int_equal(host_add(p.w, "a"), 0);
	assert_int_equal(host_add(p.w, "b"), 1);
	assert_int_equal(ho_world_wire_add(p.w, 0, 1, &a_to_b, NULL), 0);
	p.a = ho_world_host(p.w, 0);
	p.b = ho_world_host(p.w, 1);
	return p;
}

#define PAIR(...) pair_open(1, (struct ho_wire_config){__VA_ARGS__})

/* The first bytes of what has arrived at a host, as a string. */
static inline const char *arrived(const struct ho_stack *s)
{
	static char text[256];
	size_t n = s->arrival_count < sizeof(text) ? s->arrival_count : sizeof(text) - 1;

	for (size_t i = 0; i < n; i++)
		text[i] = (char)s->arrivals[i].bytes[0];
	text[n] = 0;
	return text;
}

/* What a tap was told. */
struct tapped {
	uint32_t count, fate[8];
	struct ho_passing last;
	uint8_t bytes[FAKE_BYTES_MAX];
};

static inline void tap_count(void *ctx, const struct ho_passing *p)
{
	struct tapped *t = ctx;

	t->count++;
	t->fate[p->fate]++;
	t->last = *p;
	memcpy(t->bytes, p->bytes, p->len_bytes < FAKE_BYTES_MAX ? p->len_bytes : FAKE_BYTES_MAX);
}

#endif
