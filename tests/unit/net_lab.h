/* SPDX-License-Identifier: MIT
 * A laboratory of several links: link 0 is lab.h's (198.18.0.2/24, peer 198.18.0.1), link 1 is 198.18.7.1/24 with FAR
 * on it.
 *
 *     struct lab l = net_open((struct lab_options){0}, (struct ho_link_config){.mtu = 1400});
 *     net_in(&l, 0, bytes);
 *     struct bytes b = net_out(&l, 1);           the next packet for link 1, or the test fails
 *     net_nothing(&l);                            for none of them
 *     net_run(&l, 1000);                          timers, without looking at what goes out */
#ifndef HO_TEST_NET_LAB_H
#define HO_TEST_NET_LAB_H

#include "lab.h"

#define FAR HO_ADDR(198, 18, 7, 9)
#define OUR_FAR HO_ADDR(198, 18, 7, 1)
#define BEYOND HO_ADDR(203, 0, 113, 5) /* has no route */

static UNUSED void net_sysctl(struct lab *l, const char *name, const char *value)
{
	assert_int_equal(ho_sysctl_set(l->s, name, value), 0);
}

static UNUSED int net_addr(struct lab *l, int link, uint32_t addr, uint8_t prefix_len)
{
	struct ho_addr a = {addr, prefix_len, link};

	return ho_addr_add(l->s, &a);
}

static UNUSED int net_route(struct lab *l, uint32_t dst, uint8_t prefix_len, uint8_t type, uint32_t gateway, int link)
{
	struct ho_route r = {.dst = dst, .prefix_len = prefix_len, .type = type, .link = link, .gateway = gateway};

	return ho_route_add(l->s, &r);
}

static UNUSED struct lab net_open(struct lab_options o, struct ho_link_config second)
{
	struct lab l;

	o.no_default_route = true;
	l = lab_open_with(o);
	if (l.s == NULL)
		return l;
	if (second.mtu == 0)
		second.mtu = 1500;
	if (second.out_queue_max == 0)
		second.out_queue_max = 100;
	assert_int_equal(ho_link_add(l.s, &second), 1);
	if (net_addr(&l, 1, OUR_FAR, 24) == 0)
		return l;
	assert_true(o.fail_at != 0);
	ho_stack_close(l.s);
	l.s = NULL;
	return l;
}

/* One that passes packets on. */
static UNUSED struct lab router_open(struct lab_options o, struct ho_link_config second)
{
	struct lab l = net_open(o, second);

	if (l.s == NULL)
		return l;
	net_sysctl(&l, "net.ipv4.ip_forward", "1");
	lab_mark(&l);
	return l;
}

static UNUSED void net_in(struct lab *l, int link, struct bytes b)
{
	struct ho_frame *f = ho_frame_make(&l->al, b.at, b.len);

	if (f == NULL) {
		assert_true(l->heap->fail_at != 0);
		return;
	}
	ho_stack_input_link(l->s, link, f, ho_stack_now(l->s));
}

static UNUSED bool net_take(struct lab *l, int link, struct bytes *b)
{
	struct ho_frame *f = ho_stack_output_link(l->s, link);

	if (f == NULL)
		return false;
	*b = (struct bytes){.len = (uint32_t)ho_frame_flatten(f, b->at, sizeof(b->at))};
	b->len = (uint32_t)ho_frame_flatten(f, b->at, sizeof(b->at));
	assert_int_equal(b->len, f->len_bytes);
	ho_frame_unref(f);
	return true;
}

static UNUSED struct bytes net_out(struct lab *l, int link)
{
	struct bytes b;

	assert_true(net_take(l, link, &b));
	return b;
}

static UNUSED void net_nothing(struct lab *l)
{
	for (int link = 0; link < HO_LINKS_MAX; link++)
		assert_null(ho_stack_output_link(l->s, link));
}

/* To a time after the beginning, by every timer. */
static UNUSED void net_run(struct lab *l, uint64_t to_ms)
{
	ho_time_ns end = LAB_BIRTH_NS + to_ms * HO_MS;

	while (ho_stack_deadline(l->s) <= end)
		ho_stack_expire(l->s, ho_stack_deadline(l->s), 0);
	ho_stack_at(l->s, end);
}

static UNUSED bool ip_sum_is_right(const uint8_t *ip)
{
	return csum_fold(csum_partial(ip, (ip[0] & 15u) * 4)) == 0;
}

/* An ICMP error of this type and code. */
static UNUSED struct bytes net_error(struct lab *l, int link, uint8_t type, uint8_t code)
{
	struct bytes b = net_out(l, link);

	assert_int_equal(b.at[9], IP_PROTO_ICMP);
	assert_int_equal(b.at[20], type);
	assert_int_equal(b.at[21], code);
	assert_int_equal(csum_fold(csum_partial(b.at + 20, b.len - 20)), 0);
	return b;
}

#endif
