/* SPDX-License-Identifier: MIT
 * Any text as a command line of ss: what is refused is refused with words; what is taken can be asked of a stack. */
#include <halfopen/halfopen.h>
#include <halfopen/ss.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool promise)
{
	if (!promise)
		abort();
}

/* A listener and a datagram socket. */
static struct ho_stack *stack_make(void)
{
	const struct ho_endpoint at = {HO_ADDR_ANY, 9000};
	struct ho_stack_config c;
	struct ho_stack *s;

	ho_stack_config_init(&c);
	c.addr = HO_ADDR(198, 18, 0, 2);
	c.prefix_len = 24;
	c.socks_max = 4;
	require(ho_stack_open(&c, &s) == 0);
	require(ho_sock_open(s, HO_SOCK_STREAM, 0) == 0 && ho_sock_bind(s, 0, at) == 0 && ho_sock_listen(s, 0, 3) == 0);
	require(ho_sock_open(s, HO_SOCK_DGRAM, 0) == 1 && ho_sock_bind(s, 1, at) == 0);
	return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ho_stack *stack;
	char text[1024], why[128] = "", table[16384];
	struct ho_ss ask;
	size_t length;

	if (size >= sizeof(text))
		return 0;
	if (stack == NULL)
		stack = stack_make();
	memcpy(text, data, size);
	text[size] = '\0';
	if (ho_ss_parse(text, &ask, why, sizeof(why)) != 0) {
		require(why[0] != '\0' && memchr(why, '\0', sizeof(why)) != NULL);
		return 0;
	}
	require(ask.step_count <= HO_SS_STEPS_MAX && (ask.states & ~0xfffu) == 0 && ask.protocols != 0);
	length = ho_view_ss(stack, &ask, table, sizeof(table));
	require(length < sizeof(table) && strlen(table) == length);
	require(ho_view_ss(stack, &ask, NULL, 0) == length);
	return 0;
}
