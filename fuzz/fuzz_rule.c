/* SPDX-License-Identifier: MIT
 * Any text as a packet rule: what is refused is refused with words; what is taken can be added to a stack, and written and
 * read again it is the same rule. */
#include <halfopen/view.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool promise)
{
	if (!promise)
		abort();
}

static struct ho_stack *stack_make(void)
{
	struct ho_stack_config c;
	struct ho_stack *s;

	ho_stack_config_init(&c);
	c.addr = HO_ADDR(198, 18, 0, 2);
	c.prefix_len = 24;
	c.socks_max = 1;
	require(ho_stack_open(&c, &s) == 0);
	return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ho_stack *stack;
	char text[1024], again[1024], why[256] = "";
	struct ho_rule r, back;

	if (size >= sizeof(text))
		return 0;
	if (stack == NULL)
		stack = stack_make();
	memcpy(text, data, size);
	text[size] = '\0';
	if (ho_view_rule_parse(text, &r, why, sizeof(why)) != 0) {
		require(why[0] != '\0' && memchr(why, '\0', sizeof(why)) != NULL);
		return 0;
	}
	require(ho_rule_add(stack, &r) == 0);
	require(ho_view_rule(&r, again, sizeof(again)) < sizeof(again));
	require(ho_view_rule_parse(again, &back, why, sizeof(why)) == 0);
	require(ho_rule_find(stack, &back) == 0);
	ho_rule_flush(stack, HO_HOOKS);
	return 0;
}
