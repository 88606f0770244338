/* SPDX-License-Identifier: MIT
 * The command line of ss: what it asks for, how filters are joined, what is said when it is wrong. */
#include <halfopen/ss.h>

#include "lab.h"

static struct ho_ss parsed(const char *line)
{
	struct ho_ss ask;
	char why[256] = "";

	if (ho_ss_parse(line, &ask, why, sizeof(why)) != 0)
		fail_msg("'%s' is refused: %s", line, why);
	return ask;
}

static void refused(const char *line, const char *words)
{
	struct ho_ss ask;
	char why[256] = "";

	assert_int_equal(ho_ss_parse(line, &ask, why, sizeof(why)), -EINVAL);
	if (strstr(why, words) == NULL)
		fail_msg("'%s': not said: %s, but: %s", line, words, why);
}

/* 198.18.0.2:9000, whose peer is 198.18.0.1:40000 */
static const struct ho_sock_info connection = {
	.fd = 3,
	.type = HO_SOCK_STREAM,
	.protocol = HO_IPPROTO_TCP,
	.state = HO_ESTABLISHED,
	.local = {HO_ADDR(198, 18, 0, 2), 9000},
	.peer = {HO_ADDR(198, 18, 0, 1), 40000},
};

static bool wants(const char *line, const struct ho_sock_info *i)
{
	const struct ho_ss ask = parsed(line);

	return ho_ss_wants(&ask, i);
}

static bool wants_state(const char *line, uint8_t state)
{
	struct ho_sock_info i = connection;

	i.state = state;
	if (state == HO_NEW_SYN_RECV)
		i.fd = -1;
	return wants(line, &i);
}

static void without_a_state_named_it_shows_what_is_connected(void **state)
{
	(void)state;
	assert_true(wants_state("-t", HO_ESTABLISHED));
	assert_true(wants_state("-t", HO_SYN_SENT));
	assert_true(wants_state("-t", HO_LAST_ACK));
	assert_false(wants_state("-t", HO_LISTEN));
	assert_false(wants_state("-t", HO_TIME_WAIT));
	assert_false(wants_state("-t", HO_NEW_SYN_RECV));
	assert_true(wants_state("-ta", HO_NEW_SYN_RECV));
	assert_true(wants_state("-ta", HO_LISTEN));
	assert_true(wants_state("-tl", HO_LISTEN));
	assert_false(wants_state("-tl", HO_ESTABLISHED));
}

static void a_state_named_counts_more_than_an_option(void **state)
{
	(void)state;
	assert_false(wants_state("-tl state established", HO_LISTEN));
	assert_true(wants_state("-tl state established", HO_ESTABLISHED));
	assert_true(wants_state("state SYN-recv -t", HO_NEW_SYN_RECV));
	assert_true(wants_state("state syn-recv state time-wait", HO_TIME_WAIT));
	assert_false(wants_state("exclude established exclude closing", HO_CLOSING));
	assert_true(wants_state("exclude established", HO_LISTEN));
	assert_false(wants_state("state all exclude bucket", HO_TIME_WAIT));
	assert_false(wants_state("state synchronized", HO_SYN_SENT));
	assert_true(wants_state("state connected", HO_SYN_SENT));
	assert_false(wants_state("state big", HO_NEW_SYN_RECV));
}

static void a_closed_tcp_socket_is_in_no_table(void **state)
{
	struct ho_sock_info udp = connection;

	(void)state;
	assert_false(wants_state("-a", HO_CLOSE));
	udp.type = HO_SOCK_DGRAM;
	udp.protocol = HO_IPPROTO_UDP;
	udp.state = HO_CLOSE;
	assert_true(wants("-ua", &udp));
	assert_true(wants("-ul", &udp));
	assert_false(wants("-u", &udp));
	assert_false(wants("-ta", &udp));
	udp.protocol = HO_IPPROTO_ICMP; /* ping sockets are shown by none */
	assert_false(wants("-a", &udp));
}

static void addresses_have_prefixes_and_ports(void **state)
{
	(void)state;
	assert_true(wants("dst 198.18.0.1", &connection));
	assert_true(wants("dst = 198.18.0.0/24", &connection));
	assert_true(wants("dst 198.18.0.1:40000", &connection));
	assert_false(wants("dst 198.18.0.1:40001", &connection));
	assert_true(wants("dst 198.18.0.0/31:40000", &connection));
	assert_false(wants("dst 198.18.0.2/31", &connection));
	assert_true(wants("dst :40000 src :9000", &connection));
	assert_true(wants("src any dst *", &connection));
	assert_true(wants("src *:9000", &connection));
	assert_true(wants("src 198/8", &connection));
	assert_false(wants("src 198", &connection));
	assert_false(wants("dst != 198.18.0.0/16", &connection));
	assert_true(wants("dst != 198.18.0.3", &connection));
}

static void ports_are_compared(void **state)
{
	(void)state;
	assert_true(wants("sport = :9000", &connection));
	assert_true(wants("sport=9000", &connection));
	assert_true(wants("sport 0x2328", &connection));
	assert_true(wants("sport>=:9000 sport<=:9000", &connection));
	assert_false(wants("sport > 9000", &connection));
	assert_false(wants("sport lt 9000", &connection));
	assert_true(wants("dport neq 9000", &connection));
	assert_true(wants("dport gt 9000", &connection));
}

static void and_binds_no_more_than_or(void **state)
{
	(void)state;
	assert_true(wants("dport :1 and dport :2 or sport :9000", &connection));
	assert_false(wants("sport :9000 or dport :1 and dport :2", &connection));
	assert_false(wants("sport :9000 or dport :1 dport :2", &connection));
	assert_true(wants("sport :9000 or ( dport :1 and dport :2 )", &connection));
	assert_false(wants("not sport :9000 or dport :1", &connection));
	assert_true(wants("not ( sport :9000 and dport :1 )", &connection));
	assert_true(wants("(sport=:1|sport=:9000)&!dport=:2", &connection));
}

static void options_stand_anywhere_and_together(void **state)
{
	struct ho_ss ask = parsed("( sport = :9000 ) -tanmi -oHOe --processes --json");

	(void)state;
	assert_true(ask.protocols == HO_SS_TCP && ask.numeric && ask.memory && ask.info && ask.timer && ask.oneline);
	assert_true(ask.extended && ask.processes && ask.json && !ask.header && !ask.summary);
	assert_int_equal(ask.states, 0xfff);
	assert_int_equal(ask.step_count, 1);
	assert_int_equal(parsed("").protocols, HO_SS_TCP | HO_SS_UDP | HO_SS_RAW);
	assert_true(parsed("-e").timer);
}

static void a_wrong_line_is_told_what_would_be_right(void **state)
{
	(void)state;
	refused("-tq", "no option '-q'; there are");
	refused("--tpc", "no option '--tpc'");
	refused("-", "alone");
	refused("-6", "no IPv6");
	refused("-K", "closing sockets");
	refused("state", "there is no state ''; there are established");
	refused("state nosuch", "there is no state 'nosuch'");
	refused("sport", "'' is no port; a number 0 to 65535 is wanted");
	refused("sport = :65536", "':65536' is no port");
	refused("sport = :http", "no port");
	refused("dst 198.18.0.1/33", "no address");
	refused("dst 198.18.0.256", "no address");
	refused("dst 198.18.0.1.1", "no address");
	refused("dst", "no address");
	refused("dst < 198.18.0.1", "not more or less");
	refused("sport :80 or", "ends too early");
	refused("not", "ends too early");
	refused("( sport :80", "'(' is not closed");
	refused("sport :80 )", "')' without its '('");
	refused("( )", "')' is not wanted here");
	refused("sport :80 state established", "'state' is not wanted here");
	refused("sport :80 & & sport :81", "'&' is not wanted here");
	refused("averyveryveryverylongwordthatisnotone", "is no word of a filter");
}

static void a_filter_too_large_is_refused(void **state)
{
	char line[1024] = "sport 1";

	(void)state;
	for (int i = 1; i < 32; i++)
		strcat(line, " or sport 1");
	assert_int_equal(parsed(line).step_count, 63);
	strcat(line, " or sport 1");
	refused(line, "64 questions");
	memset(line, '(', 100);
	strcpy(line + 100, "sport 1");
	refused(line, "within each other");
}

/* ---- a model: an expression is made together with its value ---- */

#define MODEL_BYTES 4096

struct model {
	uint64_t seed;
	const struct ho_sock_info *about;
	char text[MODEL_BYTES];
	unsigned steps;
};

static unsigned model_chance(struct model *m, unsigned n)
{
	m->seed = m->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(m->seed >> 33) % n;
}

__attribute__((format(printf, 2, 3))) static void model_say(struct model *m, const char *format, ...)
{
	size_t used = strlen(m->text);
	va_list args;

	va_start(args, format);
	vsnprintf(m->text + used, sizeof(m->text) - used, format, args);
	va_end(args);
}

static bool model_port(struct model *m)
{
	static const char *const signs[][3] = {{"=", "==", "eq"}, {"!=", "ne", "neq"}, {"<", "lt", "<"},
	                                       {"<=", "le", "leq"}, {">", "gt", ">"}, {">=", "ge", "geq"}};
	const bool peer = model_chance(m, 2);
	const unsigned has = peer ? m->about->peer.port : m->about->local.port, sign = model_chance(m, 6);
	const unsigned asked = has + model_chance(m, 3) - 1;

	model_say(m, "%s %s %s%u ", peer ? "dport" : "sport", signs[sign][model_chance(m, 3)], model_chance(m, 2) ? ":" : "", asked);
	switch (sign) {
	case 0: return has == asked;
	case 1: return has != asked;
	case 2: return has < asked;
	case 3: return has <= asked;
	case 4: return has > asked;
	default: return has >= asked;
	}
}

static bool model_addr(struct model *m)
{
	const bool peer = model_chance(m, 2), port = model_chance(m, 2);
	const struct ho_endpoint *has = peer ? &m->about->peer : &m->about->local;
	const unsigned bits = model_chance(m, 33), asked_port = has->port + model_chance(m, 2);
	const uint32_t asked = has->addr ^ (model_chance(m, 2) ? UINT32_C(1) << model_chance(m, 32) : 0);
	bool same = true;

	model_say(m, "%s %u.%u.%u.%u/%u", peer ? "dst" : "src", asked >> 24, asked >> 16 & 255, asked >> 8 & 255, asked & 255, bits);
	if (port)
		model_say(m, ":%u", asked_port);
	model_say(m, " ");
	for (unsigned bit = 0; bit < bits; bit++)
		same = same && (asked >> (31 - bit) & 1) == (has->addr >> (31 - bit) & 1);
	return same && (!port || asked_port == has->port);
}

static bool model_list(struct model *m, unsigned depth);

static bool model_term(struct model *m, unsigned depth)
{
	bool value;

	m->steps++;
	switch (model_chance(m, depth < 4 ? 4 : 2)) {
	case 0: return model_port(m);
	case 1: return model_addr(m);
	case 2:
		model_say(m, model_chance(m, 2) ? "not " : "! ");
		return !model_term(m, depth + 1);
	default:
		m->steps--;
		model_say(m, "( ");
		value = model_list(m, depth + 1);
		model_say(m, ") ");
		return value;
	}
}

static bool model_list(struct model *m, unsigned depth)
{
	static const char *const ands[] = {"and ", "& ", "&& ", ""}, *const ors[] = {"or ", "| ", "|| "};
	bool value = model_term(m, depth), next;

	while (model_chance(m, 5) < 2) {
		const bool either = model_chance(m, 2);

		model_say(m, "%s", either ? ors[model_chance(m, 3)] : ands[model_chance(m, 4)]);
		m->steps++;
		next = model_term(m, depth);
		value = either ? value || next : value && next;
	}
	return value;
}

static void any_filter_says_what_its_model_says(void **state)
{
	unsigned compared = 0, fits = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 50000; seed++) {
		struct model m = {.seed = seed, .about = &connection};
		struct ho_ss ask;
		char why[256];
		bool value = model_list(&m, 0);

		if (m.steps > HO_SS_STEPS_MAX) {
			assert_int_equal(ho_ss_parse(m.text, &ask, why, sizeof(why)), -EINVAL);
			continue;
		}
		ask = parsed(m.text);
		if (ho_ss_wants(&ask, &connection) != value)
			fail_msg("%s: %s is not what the model says", m.text, value ? "false" : "true");
		compared++;
		fits += value;
	}
	assert_true(compared > 40000 && fits > 10000 && compared - fits > 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_state_named_it_shows_what_is_connected),
		cmocka_unit_test(a_state_named_counts_more_than_an_option),
		cmocka_unit_test(a_closed_tcp_socket_is_in_no_table),
		cmocka_unit_test(addresses_have_prefixes_and_ports),
		cmocka_unit_test(ports_are_compared),
		cmocka_unit_test(and_binds_no_more_than_or),
		cmocka_unit_test(options_stand_anywhere_and_together),
		cmocka_unit_test(a_wrong_line_is_told_what_would_be_right),
		cmocka_unit_test(a_filter_too_large_is_refused),
		cmocka_unit_test(any_filter_says_what_its_model_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
