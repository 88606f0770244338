/* SPDX-License-Identifier: MIT
 * The rows of counters.def: names, order, and the way from a name to its counter and back. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <halfopen/counter.h>

static const char linux_names[] =
#include "../data/linux-6.18-names.inc"
	;

/* Writes the lines of names as the rows have them. */
static void names_write(char *to, size_t cap_bytes)
{
	const char *group = "";
	size_t len = 0;

	for (unsigned i = 0; i < HO_COUNTER_ROWS; i++) {
		const struct ho_counter_row *row = ho_counter_row(i);

		if (strcmp(row->group, group) != 0)
			len += (size_t)snprintf(to + len, cap_bytes - len, "%s%s:", i == 0 ? "" : "\n", row->group);
		group = row->group;
		len += (size_t)snprintf(to + len, cap_bytes - len, " %s", row->name);
		assert_true(len < cap_bytes);
	}
	snprintf(to + len, cap_bytes - len, "\n");
}

static void rows_have_the_names_and_the_order_of_linux_6_18(void **state)
{
	static char names[16384];

	(void)state;
	names_write(names, sizeof(names));
	assert_string_equal(names, linux_names);
}

static unsigned group_size(const char *group)
{
	unsigned n = 0;

	for (unsigned i = 0; i < HO_COUNTER_ROWS; i++)
		n += strcmp(ho_counter_row(i)->group, group) == 0;
	return n;
}

static void tcpext_has_135_rows_and_ipext_18(void **state)
{
	(void)state;
	assert_int_equal(group_size("TcpExt"), 135);
	assert_int_equal(group_size("IpExt"), 18);
	assert_int_equal(group_size("IcmpMsg"), 0);
	assert_int_equal(HO_COUNTER_ROWS, 235);
}

static void the_enum_names_the_row(void **state)
{
	(void)state;
	assert_string_equal(ho_counter_row(HO_TcpExtListenOverflows)->name, "ListenOverflows");
	assert_string_equal(ho_counter_row(HO_TcpExtListenOverflows)->group, "TcpExt");
	assert_string_equal(ho_counter_row(HO_IpExtInOctets)->name, "InOctets");
	assert_int_equal(ho_counter_row(HO_TcpCurrEstab)->kind, HO_LEVEL);
	assert_int_equal(ho_counter_row(HO_TcpMaxConn)->kind, HO_FIXED);
	assert_int_equal(ho_counter_row(HO_TcpExtTCPBacklogDrop)->kind, HO_NEVER_MOVES);
}

static void what_has_no_row_gives_null(void **state)
{
	(void)state;
	assert_null(ho_counter_row(HO_COUNTER_ROWS));
	assert_null(ho_counter_row(HO_IcmpMsgOutType));
	assert_null(ho_counter_row(HO_COUNTER_COUNT));
	assert_null(ho_counter_row(UINT32_MAX));
}

static void every_row_has_a_text_and_only_later_rows_say_not_counted_yet(void **state)
{
	(void)state;
	for (unsigned i = 0; i < HO_COUNTER_ROWS; i++) {
		const struct ho_counter_row *row = ho_counter_row(i);
		bool says = strstr(row->text, ", not counted yet") != NULL;

		assert_true(strlen(row->text) >= 10);
		if (says != (row->kind == HO_LATER))
			fail_msg("%s%s: kind and text disagree", row->group, row->name);
	}
}

static void every_name_finds_its_counter(void **state)
{
	char name[64];

	(void)state;
	for (unsigned i = 0; i < HO_COUNTER_COUNT; i++) {
		int len = ho_counter_name(i, name, sizeof(name));

		assert_int_equal(len, (int)strlen(name));
		assert_int_equal(ho_counter_find(name), (int)i);
	}
}

static void names_are_nstats(void **state)
{
	char name[64];

	(void)state;
	assert_int_equal(ho_counter_name(HO_TcpExtListenDrops, name, sizeof(name)), 17);
	assert_string_equal(name, "TcpExtListenDrops");
	ho_counter_name(HO_IcmpMsgInType + 8, name, sizeof(name));
	assert_string_equal(name, "IcmpMsgInType8");
	ho_counter_name(HO_IcmpMsgInType + 255, name, sizeof(name));
	assert_string_equal(name, "IcmpMsgInType255");
	ho_counter_name(HO_IcmpMsgOutType, name, sizeof(name));
	assert_string_equal(name, "IcmpMsgOutType0");
	ho_counter_name(HO_IcmpMsgOutType + 40, name, sizeof(name));
	assert_string_equal(name, "IcmpMsgOutType40");
}

static void a_name_that_does_not_fit_is_refused_and_nothing_written(void **state)
{
	char name[18] = "untouched";

	(void)state;
	assert_int_equal(ho_counter_name(HO_TcpExtListenDrops, name, 17), -ENOSPC);
	assert_string_equal(name, "untouched");
	assert_int_equal(ho_counter_name(HO_TcpExtListenDrops, NULL, 0), -ENOSPC);
	assert_int_equal(ho_counter_name(HO_TcpExtListenDrops, name, 18), 17);
	assert_int_equal(ho_counter_name(HO_COUNTER_COUNT, name, sizeof(name)), -EINVAL);
}

static void a_bare_name_finds_its_counter_if_one_group_has_it(void **state)
{
	(void)state;
	assert_int_equal(ho_counter_find("ListenOverflows"), HO_TcpExtListenOverflows);
	assert_int_equal(ho_counter_find("PassiveOpens"), HO_TcpPassiveOpens);
	assert_int_equal(ho_counter_find("TcpTimeoutRehash"), HO_TcpExtTcpTimeoutRehash);
	assert_int_equal(ho_counter_find("InType8"), HO_IcmpMsgInType + 8);
	assert_int_equal(ho_counter_find("OutType3"), HO_IcmpMsgOutType + 3);
}

static void a_bare_name_of_several_groups_finds_nothing(void **state)
{
	(void)state;
	assert_int_equal(ho_counter_find("InCsumErrors"), -ENOENT);
	assert_int_equal(ho_counter_find("InErrors"), -ENOENT);
	assert_int_equal(ho_counter_find("InDatagrams"), -ENOENT);
}

static void what_is_no_name_finds_nothing(void **state)
{
	static const char *const names[] = {
		"", "Tcp", "TcpExt", "TcpExtlistenoverflows", "TcpExtListenOverflow", "TcpExtListenOverflowsX", "IcmpMsg",
		"IcmpMsgInType", "IcmpMsgInType256", "IcmpMsgInType01", "IcmpMsgInType-1", "IcmpMsgInType 1",
		"IcmpMsgInType99999999999999999999", "MPTcpExtMPCapableSYNRX",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_int_equal(ho_counter_find(names[i]), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_have_the_names_and_the_order_of_linux_6_18),
		cmocka_unit_test(tcpext_has_135_rows_and_ipext_18),
		cmocka_unit_test(the_enum_names_the_row),
		cmocka_unit_test(what_has_no_row_gives_null),
		cmocka_unit_test(every_row_has_a_text_and_only_later_rows_say_not_counted_yet),
		cmocka_unit_test(every_name_finds_its_counter),
		cmocka_unit_test(names_are_nstats),
		cmocka_unit_test(a_name_that_does_not_fit_is_refused_and_nothing_written),
		cmocka_unit_test(a_bare_name_finds_its_counter_if_one_group_has_it),
		cmocka_unit_test(a_bare_name_of_several_groups_finds_nothing),
		cmocka_unit_test(what_is_no_name_finds_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
