/* SPDX-License-Identifier: MIT
 * Links, addresses, routes: which way a packet goes, held against a list that is searched from end to end. */
#include <errno.h>
#include <stdlib.h>

#include "lab.h"

static struct ho_stack *stack_make(uint32_t addr, uint8_t prefix_len)
{
	struct ho_stack_config c;
	struct ho_stack *s;

	ho_stack_config_init(&c);
	c.addr = addr;
	c.prefix_len = prefix_len;
	assert_int_equal(ho_stack_open(&c, &s), 0);
	return s;
}

static int link_add(struct ho_stack *s, const char *name)
{
	struct ho_link_config c = {.mtu = 1400, .out_queue_max = 10};

	strcpy(c.name, name);
	return ho_link_add(s, &c);
}

static int addr_add(struct ho_stack *s, int link, uint32_t addr, uint8_t prefix_len)
{
	struct ho_addr a = {addr, prefix_len, link};

	return ho_addr_add(s, &a);
}

/* ---- links and addresses ---- */

static void a_stack_is_born_with_one_link_one_address_and_its_route(void **state)
{
	struct ho_stack *s = stack_make(HO_ADDR(198, 18, 0, 2), 24);
	struct ho_link_config l;
	struct ho_route r;
	struct ho_addr a;

	(void)state;
	assert_int_equal(ho_link_get(s, 0, &l), 0);
	assert_string_equal(l.name, "eth0");
	assert_int_equal(l.mtu, 1500);
	assert_int_equal(ho_link_get(s, 1, &l), -ENODEV);
	assert_true(ho_addr_get(s, 0, &a));
	assert_int_equal(a.addr, HO_ADDR(198, 18, 0, 2));
	assert_false(ho_addr_get(s, 1, &a));
	assert_true(ho_route_next(s, NULL, &r));
	assert_int_equal(r.dst, HO_ADDR(198, 18, 0, 0));
	assert_int_equal(r.prefix_len, 24);
	assert_true(r.connected);
	assert_int_equal(r.src, HO_ADDR(198, 18, 0, 2));
	assert_false(ho_route_next(s, &r, &r));
	ho_stack_close(s);
}

static void a_link_needs_a_name_of_its_own_and_a_possible_mtu(void **state)
{
	struct ho_stack *s = stack_make(HO_ADDR(198, 18, 0, 2), 24);
	struct ho_link_config c = {.name = "eth0", .mtu = 1500, .out_queue_max = 1};

	(void)state;
	assert_int_equal(ho_link_add(s, &c), -EEXIST);
	strcpy(c.name, "lo");
	assert_int_equal(ho_link_add(s, &c), -EINVAL);
	strcpy(c.name, "wan");
	c.mtu = 67;
	assert_int_equal(ho_link_add(s, &c), -EINVAL);
	c.mtu = 68;
	assert_int_equal(ho_link_add(s, &c), 1);
	assert_int_equal(ho_link_find(s, "wan"), 1);
	assert_int_equal(ho_link_find(s, "lan"), -ENODEV);
	for (int i = 2; i < HO_LINKS_MAX; i++) {
		strcpy(c.name, "");
		assert_int_equal(ho_link_add(s, &c), i);
	}
	assert_int_equal(ho_link_add(s, &c), -ENOSPC);
	assert_int_equal(ho_link_find(s, "eth15"), 15);
	ho_stack_close(s);
}

static void a_link_can_be_changed_but_for_what_it_is(void **state)
{
	struct ho_stack *s = stack_make(HO_ADDR(198, 18, 0, 2), 24);
	struct ho_link_config c = {.mtu = 1300, .flags = HO_LINK_TSO, .out_queue_max = 1};
	int fd = ho_sock_open(s, HO_SOCK_DGRAM, 0), mtu = 0;
	size_t len = sizeof(mtu);

	(void)state;
	assert_int_equal(ho_sock_connect(s, fd, (struct ho_endpoint){HO_ADDR(198, 18, 0, 9), 9}), 0);
	assert_int_equal(ho_link_set(s, 0, &c), 0);
	assert_int_equal(ho_link_get(s, 0, &c), 0);
	assert_string_equal(c.name, "eth0");
	assert_int_equal(c.flags, HO_LINK_TSO | HO_LINK_TX_CSUM);
	assert_int_equal(ho_sock_getopt(s, fd, HO_SOL_IP, HO_IP_MTU, &mtu, &len), 0);
	assert_int_equal(mtu, 1300);
	assert_int_equal(ho_sock_send(s, fd, "a", 1, 0), 1);
	assert_int_equal(ho_sock_send(s, fd, "b", 1, 0), 1); /* there is no room for it: lost, as on a network */
	assert_int_equal(ho_counter_get(s, HO_IpOutDiscards), 1);
	assert_int_equal(ho_link_set(s, 1, &c), -ENODEV);
	c.mtu = 67;
	assert_int_equal(ho_link_set(s, 0, &c), -EINVAL);
	c.mtu = 1500;
	c.flags = HO_LINK_ETHERNET;
	assert_int_equal(ho_link_set(s, 0, &c), -EINVAL);
	ho_stack_close(s);
}

static void an_address_goes_with_its_connected_route_unless_another_has_the_same_net(void **state)
{
	struct ho_stack *s = stack_make(HO_ADDR(198, 18, 0, 2), 24);
	struct ho_route r;

	(void)state;
	assert_int_equal(link_add(s, "wan"), 1);
	assert_int_equal(addr_add(s, 1, HO_ADDR(198, 18, 7, 1), 24), 0);
	assert_int_equal(addr_add(s, 1, HO_ADDR(198, 18, 7, 2), 24), 0);
	assert_int_equal(addr_add(s, 0, HO_ADDR(198, 18, 7, 2), 24), -EEXIST);
	assert_int_equal(addr_add(s, 2, HO_ADDR(198, 18, 7, 3), 24), -ENODEV);
	assert_int_equal(addr_add(s, 1, HO_ADDR(127, 0, 0, 2), 8), -EINVAL);
	assert_int_equal(ho_route_get(s, HO_ADDR(198, 18, 7, 9), &r), 0);
	assert_int_equal(r.link, 1);
	assert_int_equal(r.src, HO_ADDR(198, 18, 7, 1));
	assert_int_equal(ho_addr_del(s, HO_ADDR(198, 18, 7, 1)), 0);
	assert_int_equal(ho_route_get(s, HO_ADDR(198, 18, 7, 9), &r), 0);
	assert_int_equal(r.src, HO_ADDR(198, 18, 7, 2));
	assert_int_equal(ho_addr_del(s, HO_ADDR(198, 18, 7, 2)), 0);
	assert_int_equal(ho_route_get(s, HO_ADDR(198, 18, 7, 9), &r), -ENETUNREACH);
	assert_int_equal(ho_addr_del(s, HO_ADDR(198, 18, 7, 2)), -EADDRNOTAVAIL);
	ho_stack_close(s);
}

/* ---- routes ---- */

static void a_route_leads_where_its_gateway_is(void **state)
{
	struct ho_stack *s = stack_make(HO_ADDR(198, 18, 0, 2), 24);
	struct ho_route r = {.dst = HO_ADDR(198, 19, 0, 0), .prefix_len = 16, .link = -1, .gateway = HO_ADDR(198, 18, 7, 9)};

	(void)state;
	assert_int_equal(ho_route_add(s, &r), -ENETUNREACH);
	assert_int_equal(link_add(s, "wan"), 1);
	assert_int_equal(addr_add(s, 1, HO_ADDR(198, 18, 7, 1), 24), 0);
	assert_int_equal(ho_route_add(s, &r), 0);
	assert_int_equal(ho_route_add(s, &r), -EEXIST);
	assert_int_equal(ho_route_replace(s, &r), 0);
	assert_int_equal(ho_route_get(s, HO_ADDR(198, 19, 3, 4), &r), 0);
	assert_int_equal(r.link, 1);
	assert_int_equal(r.gateway, HO_ADDR(198, 18, 7, 9));
	assert_int_equal(r.src, HO_ADDR(198, 18, 7, 1));
	r.gateway = HO_ADDR(198, 18, 7, 1); /* ourselves */
	assert_int_equal(ho_route_replace(s, &r), -EINVAL);
	r.dst++;
	assert_int_equal(ho_route_add(s, &r), -EINVAL);
	ho_stack_close(s);
}

static void routes_that_lead_nowhere_have_their_own_errors(void **state)
{
	static const struct {
		uint8_t type;
		int err;
	} expected[] = {{HO_ROUTE_BLACKHOLE, -EINVAL}, {HO_ROUTE_UNREACHABLE, -EHOSTUNREACH}, {HO_ROUTE_PROHIBIT, -EACCES}};
	struct ho_stack *s = stack_make(HO_ADDR(198, 18, 0, 2), 24);
	int fd = ho_sock_open(s, HO_SOCK_STREAM, 0);

	(void)state;
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		struct ho_route r = {.dst = HO_ADDR(198, 19, 0, (uint8_t)i), .prefix_len = 32, .type = expected[i].type, .link = -1};

		assert_int_equal(ho_route_add(s, &r), 0);
		assert_int_equal(ho_route_get(s, r.dst, &(struct ho_route){0}), expected[i].err);
		assert_int_equal(ho_sock_connect(s, fd, (struct ho_endpoint){r.dst, 80}), expected[i].err);
	}
	assert_int_equal(ho_counter_get(s, HO_IpOutNoRoutes), 0);
	assert_int_equal(ho_sock_connect(s, fd, (struct ho_endpoint){HO_ADDR(198, 19, 0, 9), 80}), -ENETUNREACH);
	assert_int_equal(ho_counter_get(s, HO_IpOutNoRoutes), 1);
	ho_stack_close(s);
}

static void a_frame_leaves_by_the_link_of_its_route(void **state)
{
	struct ho_stack *s = stack_make(HO_ADDR(198, 18, 0, 2), 24);
	int fd = ho_sock_open(s, HO_SOCK_STREAM, 0);
	struct ho_frame *f;
	uint8_t saddr[4];

	(void)state;
	assert_int_equal(link_add(s, "wan"), 1);
	assert_int_equal(addr_add(s, 1, HO_ADDR(198, 18, 7, 1), 24), 0);
	assert_int_equal(ho_sock_connect(s, fd, (struct ho_endpoint){HO_ADDR(198, 18, 7, 9), 80}), -EINPROGRESS);
	assert_null(ho_stack_output(s));
	assert_null(ho_stack_output_link(s, 7));
	f = ho_stack_output_link(s, 1);
	assert_non_null(f);
	assert_int_equal(ho_frame_read(f, 12, saddr, 4), 4);
	assert_memory_equal(saddr, ((uint8_t[]){198, 18, 7, 1}), 4);
	ho_frame_unref(f);
	ho_stack_close(s);
}

/* ---- against a list ---- */

#define MODEL_MAX 300
#define STEPS 20000

static struct ho_route model[MODEL_MAX];
static int model_count;
static uint64_t random_state = 88172645463325252u;

static uint32_t draw(uint32_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)((random_state >> 32) * below >> 32);
}

/* Few bits vary, so that routes lie within one another. */
static uint32_t addr_draw(void)
{
	return HO_ADDR(10, draw(3), draw(3), draw(4) * 64);
}

static struct ho_route route_draw(void)
{
	struct ho_route r = {.link = (int)draw(2), .metric = draw(3)};

	r.prefix_len = (uint8_t)(draw(40) == 0 ? 0 : 8 + draw(25));
	r.dst = r.prefix_len == 0 ? 0 : addr_draw() & UINT32_MAX << (32 - r.prefix_len);
	r.mtu = draw(2) ? 0 : 1000 + draw(100);
	return r;
}

static int model_find(const struct ho_route *r)
{
	for (int i = 0; i < model_count; i++)
		if (model[i].dst == r->dst && model[i].prefix_len == r->prefix_len && model[i].metric == r->metric)
			return i;
	return -1;
}

static const struct ho_route *model_lookup(uint32_t daddr)
{
	const struct ho_route *best = NULL;

	for (int i = 0; i < model_count; i++) {
		const struct ho_route *r = &model[i];

		if (r->prefix_len != 0 && (daddr ^ r->dst) >> (32 - r->prefix_len) != 0)
			continue;
		if (best == NULL || r->prefix_len > best->prefix_len ||
		    (r->prefix_len == best->prefix_len && r->metric < best->metric))
			best = r;
	}
	return best;
}

static void step_change(struct ho_stack *s)
{
	struct ho_route r = route_draw();
	int i = model_find(&r);

	switch (draw(4)) {
	case 0:
		assert_int_equal(ho_route_replace(s, &r), 0);
		model[i < 0 ? model_count++ : i] = r;
		return;
	case 1:
		r.type = HO_ROUTE_UNICAST;
		if (i < 0)
			return;
		assert_int_equal(ho_route_del(s, &model[i]), 0);
		model[i] = model[--model_count];
		return;
	default:
		assert_int_equal(ho_route_add(s, &r), i < 0 ? 0 : -EEXIST);
		if (i < 0)
			model[model_count++] = r;
	}
}

static void step_ask(struct ho_stack *s)
{
	uint32_t daddr = addr_draw() + draw(3);
	const struct ho_route *expected = model_lookup(daddr);
	struct ho_route got;
	int err = ho_route_get(s, daddr, &got);

	if (expected == NULL) {
		assert_int_equal(err, -ENETUNREACH);
		return;
	}
	assert_int_equal(err, 0);
	assert_int_equal(got.dst, expected->dst);
	assert_int_equal(got.prefix_len, expected->prefix_len);
	assert_int_equal(got.metric, expected->metric);
	assert_int_equal(got.link, expected->link);
	assert_int_equal(got.mtu, expected->mtu);
}

static void the_table_gives_what_a_search_of_all_routes_gives(void **state)
{
	struct ho_stack *s = stack_make(HO_ADDR(198, 18, 0, 2), 32);
	struct ho_route r;
	int walked = 0;

	(void)state;
	assert_int_equal(link_add(s, "wan"), 1);
	model_count = 0;
	for (int i = 0; i < STEPS; i++) {
		if (model_count < MODEL_MAX - 1)
			step_change(s);
		step_ask(s);
	}
	assert_true(model_count > 20);
	for (bool more = ho_route_next(s, NULL, &r); more; more = ho_route_next(s, &r, &r), walked++)
		assert_true(model_find(&r) >= 0);
	assert_int_equal(walked, model_count);
	while (model_count > 0)
		assert_int_equal(ho_route_del(s, &model[--model_count]), 0);
	assert_false(ho_route_next(s, NULL, &r));
	ho_stack_close(s);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stack_is_born_with_one_link_one_address_and_its_route),
		cmocka_unit_test(a_link_needs_a_name_of_its_own_and_a_possible_mtu),
		cmocka_unit_test(a_link_can_be_changed_but_for_what_it_is),
		cmocka_unit_test(an_address_goes_with_its_connected_route_unless_another_has_the_same_net),
		cmocka_unit_test(a_route_leads_where_its_gateway_is),
		cmocka_unit_test(routes_that_lead_nowhere_have_their_own_errors),
		cmocka_unit_test(a_frame_leaves_by_the_link_of_its_route),
		cmocka_unit_test(the_table_gives_what_a_search_of_all_routes_gives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
