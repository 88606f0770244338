/* SPDX-License-Identifier: MIT
 * Increments of counters, and what is remembered of a look. */
#include "nstat.h"

#include "lab.h"

/* A look: what it says, and what it remembers. */
struct seen {
	char *said, *remembered;
};

static struct seen look(struct nstat_wish w, const char *lines, const char *then, double seconds)
{
	struct history h = {.text = then != NULL ? strdup(then) : NULL};
	struct seen s;
	size_t bytes;
	FILE *out = open_memstream(&s.said, &bytes);

	nstat_say(&w, lines, &h, seconds, out);
	fclose(out);
	out = open_memstream(&s.remembered, &bytes);
	nstat_remember(&w, lines, &h, out);
	fclose(out);
	history_free(&h);
	return s;
}

static void sees(struct nstat_wish w, const char *lines, const char *then, double seconds, const char *said, const char *remembered)
{
	struct seen s = look(w, lines, then, seconds);

	assert_string_equal(s.said, said);
	if (remembered != NULL)
		assert_string_equal(s.remembered, remembered);
	free(s.said);
	free(s.remembered);
}

static char *tcp_patterns[] = {"tcp*"};
static const struct nstat_wish plain, tcp = {.patterns = tcp_patterns, .pattern_count = 1};

static void an_increment_is_since_the_last_look(void **state)
{
	(void)state;
	sees(plain, "IpInReceives 7\nTcpInSegs 5\n", NULL, -1,
	     "#kernel\nIpInReceives                    7                  0.0\nTcpInSegs                       5                  0.0\n",
	     "IpInReceives 7\nTcpInSegs 5\n");
	sees(plain, "IpInReceives 7\nTcpInSegs 5\n", "#id\nIpInReceives 7\nTcpInSegs 2\n", -1,
	     "#kernel\nTcpInSegs                       3                  0.0\n", NULL);
}

static void what_no_pattern_asks_for_is_not_seen(void **state)
{
	(void)state;
	sees(tcp, "IpInReceives 7\nTcpInSegs 5\n", "#id\nIpInReceives 4\n", -1,
	     "#kernel\nTcpInSegs                       5                  0.0\n", "IpInReceives 4\nTcpInSegs 5\n");
	sees(tcp, "IpInReceives 7\nTcpInSegs 5\n", NULL, -1,
	     "#kernel\nTcpInSegs                       5                  0.0\n", "IpInReceives 0\nTcpInSegs 5\n");
}

static void a_rate_is_of_the_time_between_two_looks(void **state)
{
	struct nstat_wish json = {.json = true, .pretty = true};

	(void)state;
	sees(plain, "TcpInSegs 25\n", "TcpInSegs 5\n", 2.5, "#kernel\nTcpInSegs                       20                 8.0\n", NULL);
	sees(json, "TcpInSegs 25\n", "TcpInSegs 5\n", 2.5,
	     "{\"kernel\":{\"TcpInSegs\":20},\"seconds\":2.500,\"rate\":{\"TcpInSegs\":8.0}}\n", NULL);
	sees(plain, "TcpInSegs 25\n", "TcpInSegs 5\n", 0, "#kernel\nTcpInSegs                       20                 0.0\n", NULL);
}

static void constants_and_levels_have_no_increment(void **state)
{
	(void)state;
	sees((struct nstat_wish){.zero = true}, "IpDefaultTTL 64\nTcpMaxConn -1\nTcpCurrEstab 3\nIpInHdrErrors 0\nIcmpMsgInType3 2\n", NULL, -1,
	     "#kernel\nIpInHdrErrors                   0                  0.0\nIcmpMsgInType3                  2                  0.0\n",
	     "IpDefaultTTL 64\nTcpMaxConn -1\nTcpCurrEstab 3\nIpInHdrErrors 0\nIcmpMsgInType3 2\n");
}

static void a_counter_that_went_back_is_said_to_have(void **state)
{
	(void)state;
	sees((struct nstat_wish){.zero = true}, "TcpInSegs 2\n", "TcpInSegs 5\n", -1,
	     "#kernel\nTcpInSegs                       0                  0.0 (overflow)\n", NULL);
	sees(plain, "TcpInSegs 2\n", "TcpInSegs 5\n", -1, "#kernel\n", NULL);
	sees((struct nstat_wish){.absolute = true}, "TcpInSegs 2\n", "TcpInSegs 5\n", -1,
	     "#kernel\nTcpInSegs                       2                  0.0\n", NULL);
}

static void the_largest_value_is_a_value(void **state)
{
	(void)state;
	sees(plain, "TcpInSegs 18446744073709551615\n", "TcpInSegs 1\n", -1,
	     "#kernel\nTcpInSegs                       18446744073709551614   0.0\n", "TcpInSegs 18446744073709551615\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_increment_is_since_the_last_look),
		cmocka_unit_test(what_no_pattern_asks_for_is_not_seen),
		cmocka_unit_test(a_rate_is_of_the_time_between_two_looks),
		cmocka_unit_test(constants_and_levels_have_no_increment),
		cmocka_unit_test(a_counter_that_went_back_is_said_to_have),
		cmocka_unit_test(the_largest_value_is_a_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
