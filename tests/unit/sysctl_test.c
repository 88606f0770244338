/* SPDX-License-Identifier: MIT */
#include "lab.h"

static void expect_text(struct lab *l, const char *name, const char *text)
{
	char buf[64];

	assert_int_equal(ho_sysctl_get(l->s, name, buf, sizeof(buf)), strlen(text));
	assert_string_equal(buf, text);
}

static void defaults_are_those_of_linux(void **state)
{
	struct lab l = lab_open();

	(void)state;
	expect_text(&l, "net.core.somaxconn", "4096");
	expect_text(&l, "net.ipv4.tcp_rmem", "4096\t131072\t33554432");
	expect_text(&l, "net.ipv4.ip_local_port_range", "32768\t60999");
	expect_text(&l, "net.ipv4.tcp_notsent_lowat", "4294967295");
	expect_text(&l, "net.ipv4.ip_forward", "0");
	expect_text(&l, "net.ipv4.icmp_ratemask", "6168");
	lab_close(&l);
}

static void names_have_dots_or_slashes(void **state)
{
	struct lab l = lab_open();

	(void)state;
	expect_text(&l, "net/ipv4/tcp_syncookies", "1");
	assert_int_equal(ho_sysctl_set(l.s, "net/ipv4/tcp_syncookies", "2"), 0);
	expect_text(&l, "net.ipv4.tcp_syncookies", "2");
	lab_close(&l);
}

static void a_value_is_set_only_if_it_is_a_number_in_range(void **state)
{
	static const char *const wrong[] = {"",  " ",   "x",   "-1", "256", "1x", "99999999999999999999",
	                                    "1.0", "0x", "0x1g", "08", "0x100", "0400"};
	struct lab l = lab_open();

	(void)state;
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(ho_sysctl_set(l.s, "net.ipv4.tcp_syncookies", wrong[i]), -EINVAL);
	expect_text(&l, "net.ipv4.tcp_syncookies", "1");
	assert_int_equal(ho_sysctl_set(l.s, "net.ipv4.tcp_syncookies", " 0\n"), 0);
	expect_text(&l, "net.ipv4.tcp_syncookies", "0");
	lab_close(&l);
}

/* Where Linux has an int that it does not look at. */
static void some_values_have_a_sign(void **state)
{
	static const char *const signs[] = {
		"net.ipv4.ip_forward", "net.ipv4.conf.all.forwarding", "net.ipv4.conf.all.rp_filter",
		"net.ipv4.conf.all.accept_local", "net.ipv4.conf.all.accept_source_route", "net.ipv4.conf.all.send_redirects",
		"net.ipv4.conf.all.accept_redirects", "net.ipv4.conf.all.secure_redirects", "net.ipv4.conf.all.shared_media",
		"net.ipv4.tcp_max_syn_backlog", "net.ipv4.tcp_max_tw_buckets", "net.ipv4.tcp_fastopen",
		"net.ipv4.tcp_limit_output_bytes", "net.ipv4.tcp_challenge_ack_limit", "net.ipv4.tcp_base_mss",
		"net.ipv4.tcp_probe_threshold", "net.ipv4.route.min_adv_mss", "net.ipv4.icmp_ratemask",
	};
	static const char *const values[] = {"-1", "-2147483648", "0", "2147483647"};
	struct lab l = lab_open();

	(void)state;
	for (unsigned i = 0; i < sizeof(signs) / sizeof(*signs); i++) {
		for (unsigned v = 0; v < sizeof(values) / sizeof(*values); v++) {
			assert_int_equal(ho_sysctl_set(l.s, signs[i], values[v]), 0);
			expect_text(&l, signs[i], values[v]);
		}
		assert_int_equal(ho_sysctl_set(l.s, signs[i], "-2147483649"), -EINVAL);
		assert_int_equal(ho_sysctl_set(l.s, signs[i], "2147483648"), -EINVAL);
		assert_int_equal(ho_sysctl_set(l.s, signs[i], "- 1"), -EINVAL);
	}
	assert_int_equal(ho_sysctl_set(l.s, "net.ipv4.tcp_adv_win_scale", "-31"), 0);
	assert_int_equal(ho_sysctl_set(l.s, "net.ipv4.tcp_adv_win_scale", "-32"), -EINVAL);
	assert_int_equal(ho_sysctl_set(l.s, "net.ipv4.tcp_fin_timeout", "-0x10"), 0);
	expect_text(&l, "net.ipv4.tcp_fin_timeout", "-16");
	assert_int_equal(ho_sysctl_set(l.s, "net.core.somaxconn", "-1"), -EINVAL);
	lab_close(&l);
}

/* Linux: inet_forward_change, at each change of the value. */
static void another_value_of_ip_forward_decides_anew_about_redirects(void **state)
{
	struct lab l = lab_open();

	(void)state;
	assert_int_equal(ho_sysctl_set(l.s, "net.ipv4.ip_forward", "-1"), 0);
	expect_text(&l, "net.ipv4.conf.all.accept_redirects", "0");
	assert_int_equal(ho_sysctl_set(l.s, "net.ipv4.conf.all.accept_redirects", "1"), 0);
	assert_int_equal(ho_sysctl_set(l.s, "net.ipv4.ip_forward", "-1"), 0);
	expect_text(&l, "net.ipv4.conf.all.accept_redirects", "1");
	assert_int_equal(ho_sysctl_set(l.s, "net.ipv4.ip_forward", "2"), 0);
	expect_text(&l, "net.ipv4.conf.all.accept_redirects", "0");
	lab_close(&l);
}

static void numbers_are_read_as_linux_reads_them(void **state)
{
	static const struct {
		const char *said, *is;
	} right[] = {{"0x10", "16"}, {"0XfF", "255"}, {"010", "8"}, {"00", "0"}, {"5 6", "5"}, {"7 x", "7"}, {"3", "3"}};
	struct lab l = lab_open();

	(void)state;
	for (unsigned i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
		assert_int_equal(ho_sysctl_set(l.s, "net.ipv4.tcp_syncookies", right[i].said), 0);
		expect_text(&l, "net.ipv4.tcp_syncookies", right[i].is);
	}
	assert_int_equal(ho_sysctl_set(l.s, "net.ipv4.tcp_max_reordering", "0"), -EINVAL);
	assert_int_equal(ho_sysctl_set(l.s, "net.ipv4.ip_local_port_min", "5"), -ENOENT);
	lab_close(&l);
}

static void three_values_are_set_together_or_the_first_ones(void **state)
{
	struct lab l = lab_open();

	(void)state;
	assert_int_equal(ho_sysctl_set(l.s, "net.ipv4.tcp_wmem", "5000 6000\t7000\n"), 0);
	expect_text(&l, "net.ipv4.tcp_wmem", "5000\t6000\t7000");
	assert_int_equal(ho_sysctl_set(l.s, "net.ipv4.tcp_wmem", "1"), 0);
	expect_text(&l, "net.ipv4.tcp_wmem", "1\t6000\t7000");
	assert_int_equal(ho_sysctl_set(l.s, "net.ipv4.tcp_wmem", "8 x 9"), -EINVAL);
	assert_int_equal(ho_sysctl_set(l.s, "net.ipv4.tcp_wmem", "0 8 9"), -EINVAL);
	expect_text(&l, "net.ipv4.tcp_wmem", "1\t6000\t7000");
	assert_int_equal(ho_sysctl_set(l.s, "net.ipv4.tcp_wmem", "1 2 3 4"), 0);
	expect_text(&l, "net.ipv4.tcp_wmem", "1\t2\t3");
	lab_close(&l);
}

static void a_port_range_is_not_empty(void **state)
{
	struct lab l = lab_open();

	(void)state;
	assert_int_equal(ho_sysctl_set(l.s, "net.ipv4.ip_local_port_range", "5000 4999"), -EINVAL);
	assert_int_equal(ho_sysctl_set(l.s, "net.ipv4.ip_local_port_range", "5000 70000"), -EINVAL);
	assert_int_equal(ho_sysctl_set(l.s, "net.ipv4.ip_local_port_range", "1023 2000"), -EINVAL);
	assert_int_equal(ho_sysctl_set(l.s, "net.ipv4.ip_local_port_range", "61000"), -EINVAL);
	assert_int_equal(ho_sysctl_set(l.s, "net.ipv4.ip_local_port_range", "5000\t5000"), 0);
	expect_text(&l, "net.ipv4.ip_local_port_range", "5000\t5000");
	lab_close(&l);
}

static void unknown_fixed_and_too_long_have_their_errors(void **state)
{
	struct lab l = lab_open();
	char buf[4];

	(void)state;
	assert_int_equal(ho_sysctl_get(l.s, "net.ipv4.tcp_rmem", buf, sizeof(buf)), -ENOSPC);
	assert_int_equal(ho_sysctl_get(l.s, "net.ipv4.tcp_rme", buf, sizeof(buf)), -ENOENT);
	assert_int_equal(ho_sysctl_get(l.s, "net.ipv4.tcp_rmemm", buf, sizeof(buf)), -ENOENT);
	assert_int_equal(ho_sysctl_get(l.s, "", buf, sizeof(buf)), -ENOENT);
	assert_int_equal(ho_sysctl_set(l.s, "no.such.name", "1"), -ENOENT);
	assert_int_equal(ho_sysctl_set(l.s, "net.ipv4.tcp_available_congestion_control", "bbr"), -EPERM);
	lab_close(&l);
}

static void forwarding_has_two_names_and_shuts_out_redirects(void **state)
{
	struct lab l = lab_open();

	(void)state;
	expect_text(&l, "net.ipv4.conf.all.accept_redirects", "1");
	assert_int_equal(ho_counter_get(l.s, HO_IpForwarding), 2);
	assert_int_equal(ho_sysctl_set(l.s, "net.ipv4.ip_forward", "1"), 0);
	expect_text(&l, "net.ipv4.conf.all.forwarding", "1");
	expect_text(&l, "net.ipv4.conf.all.accept_redirects", "0");
	assert_int_equal(ho_counter_get(l.s, HO_IpForwarding), 1);
	assert_int_equal(ho_sysctl_set(l.s, "net.ipv4.conf.all.accept_redirects", "1"), 0);
	assert_int_equal(ho_sysctl_set(l.s, "net.ipv4.ip_forward", "2"), 0);
	expect_text(&l, "net.ipv4.conf.all.accept_redirects", "0");
	assert_int_equal(ho_sysctl_set(l.s, "net.ipv4.conf.all.forwarding", "0"), 0);
	expect_text(&l, "net.ipv4.ip_forward", "0");
	expect_text(&l, "net.ipv4.conf.all.accept_redirects", "1");
	lab_close(&l);
}

static void every_name_can_be_read_and_set_to_what_it_is(void **state)
{
	struct lab l = lab_open();
	char buf[64];
	unsigned i;

	(void)state;
	for (i = 0; ho_sysctl_name(i) != NULL; i++) {
		const char *name = ho_sysctl_name(i);
		int err;

		assert_true(ho_sysctl_get(l.s, name, buf, sizeof(buf)) > 0);
		err = ho_sysctl_set(l.s, name, buf);
		assert_true(err == 0 || err == -EPERM);
	}
	assert_true(i > 40);
	lab_close(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_those_of_linux),
		cmocka_unit_test(names_have_dots_or_slashes),
		cmocka_unit_test(a_value_is_set_only_if_it_is_a_number_in_range),
		cmocka_unit_test(numbers_are_read_as_linux_reads_them),
		cmocka_unit_test(some_values_have_a_sign),
		cmocka_unit_test(another_value_of_ip_forward_decides_anew_about_redirects),
		cmocka_unit_test(three_values_are_set_together_or_the_first_ones),
		cmocka_unit_test(a_port_range_is_not_empty),
		cmocka_unit_test(unknown_fixed_and_too_long_have_their_errors),
		cmocka_unit_test(forwarding_has_two_names_and_shuts_out_redirects),
		cmocka_unit_test(every_name_can_be_read_and_set_to_what_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
