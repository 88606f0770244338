/* SPDX-License-Identifier: MIT
 * The command line of ss: options, states, and a filter expression as steps in postfix order.
 *
 *     line  := { 'state' NAME | 'exclude' NAME } [ list ]        options stand anywhere
 *     list  := term { [ 'and' | 'or' ] term }        from left to right: neither binds more than the other
 *     term  := 'not' term | '(' list ')' | question */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ss.h"

#define WORD_MAX 32
#define DEPTH_MAX 24

struct reader {
	const char *at;
	struct ho_ss *ask;
	char *why;
	size_t why_bytes;
	char word[WORD_MAX]; /* the one at hand; "": the end */
	bool all, listening, states_named;
};

#define wrong(r, ...) (snprintf((r)->why, (r)->why_bytes, __VA_ARGS__), -EINVAL)

/* ---- words ---- */

static bool one_of(char c, const char *letters)
{
	return c != '\0' && strchr(letters, c) != NULL;
}

/* How long the word at p is: a sign of one or two letters, or all up to a space or a sign.  An option is one word. */
static size_t word_length(const char *p)
{
	if (one_of(*p, "()"))
		return 1;
	if (one_of(*p, "&|=") && p[1] == *p)
		return 2;
	if (one_of(*p, "=!<>"))
		return p[1] == '=' ? 2 : 1;
	if (one_of(*p, "&|"))
		return 1;
	return *p == '-' ? strcspn(p, " \t\r\n") : strcspn(p, " \t\r\n()&|=!<>");
}

static int option_word(struct reader *r);

/* The next word that is no option: those may stand anywhere. */
static int word_next(struct reader *r)
{
	size_t length;

	r->at += strspn(r->at, " \t\r\n");
	length = word_length(r->at);
	if (length >= WORD_MAX)
		return wrong(r, "'%.20s...' is no word of a filter: src, dst, sport, dport, and, or, not, ( )", r->at);
	memcpy(r->word, r->at, length);
	r->word[length] = '\0';
	r->at += length;
	if (r->word[0] != '-')
		return 0;
	return option_word(r) != 0 ? -EINVAL : word_next(r);
}

static bool is(const struct reader *r, const char *word)
{
	return strcmp(r->word, word) == 0;
}

static bool same_letters(const char *a, const char *b)
{
	for (; *a != '\0'; a++, b++)
		if ((*a >= 'A' && *a <= 'Z' ? *a - 'A' + 'a' : *a) != *b)
			return false;
	return *b == '\0';
}

/* A number of up to 16 bits, decimal or 0x...; behind it *end. */
static bool number_read(const char *p, unsigned max, unsigned *out, const char **end)
{
	const char *digits = "0123456789abcdef", *digit;
	unsigned base = p[0] == '0' && (p[1] == 'x' || p[1] == 'X') ? 16 : 10, n = 0, count = 0;

	for (p += base == 16 ? 2 : 0; *p != '\0'; p++, count++) {
		digit = strchr(digits, *p >= 'A' && *p <= 'F' ? *p - 'A' + 'a' : *p);
		if (digit == NULL || (unsigned)(digit - digits) >= base)
			break;
		n = n * base + (unsigned)(digit - digits);
		if (n > max)
			return false;
	}
	*out = n;
	*end = p;
	return count > 0;
}

/* ---- options ---- */

static const struct option {
	char letter;
	const char *name;
} options[] = {
	{'a', "all"},   {'l', "listening"}, {'t', "tcp"},  {'u', "udp"},       {'w', "raw"},      {'n', "numeric"},
	{'o', "options"}, {'e', "extended"}, {'m', "memory"}, {'i', "info"},  {'p', "processes"}, {'s', "summary"},
	{'H', "no-header"}, {'O', "oneline"}, {'j', "json"}, {'4', "ipv4"},
};

#define OPTIONS (sizeof(options) / sizeof(*options))

/* What ss has and a halfopen host does not. */
static const char *foreign(char letter)
{
	switch (letter) {
	case '6': return "there is no IPv6 yet";
	case 'x': return "a host has no UNIX sockets";
	case '0': return "a host has no packet sockets";
	case 'r': return "names are not resolved";
	case 'K': return "closing sockets is the program's, not the looker's";
	case 'E': return "events are told by `halfopen trace`";
	default: return NULL;
	}
}

static void option_take(struct reader *r, char letter)
{
	struct ho_ss *ask = r->ask;

	switch (letter) {
	case 'a': r->all = true; break;
	case 'l': r->listening = true; break;
	case 't': ask->protocols |= HO_SS_TCP; break;
	case 'u': ask->protocols |= HO_SS_UDP; break;
	case 'w': ask->protocols |= HO_SS_RAW; break;
	case 'n': ask->numeric = true; break;
	case 'o': ask->timer = true; break;
	case 'e': ask->extended = ask->timer = true; break;
	case 'm': ask->memory = true; break;
	case 'i': ask->info = true; break;
	case 'p': ask->processes = true; break;
	case 's': ask->summary = true; break;
	case 'H': ask->header = false; break;
	case 'O': ask->oneline = true; break;
	case 'j': ask->json = true; break;
	default: break; /* 4: there is nothing else */
	}
}

static char letter_of(const char *name)
{
	for (size_t i = 0; i < OPTIONS; i++)
		if (strcmp(options[i].name, name) == 0)
			return options[i].letter;
	return '\0';
}

static bool letter_known(char letter)
{
	for (size_t i = 0; i < OPTIONS; i++)
		if (options[i].letter == letter)
			return true;
	return false;
}

static int option_word(struct reader *r)
{
	const char *p = r->word + 1;
	char letter;

	if (*p == '-') {
		letter = letter_of(p + 1);
		if (letter == '\0')
			return wrong(r, "no option '%s'; there are -t -u -w -a -l -n -o -e -m -i -p -s -H -O -j", r->word);
		option_take(r, letter);
		return 0;
	}
	if (*p == '\0')
		return wrong(r, "'-' alone is no option");
	for (; *p != '\0'; p++) {
		if (foreign(*p) != NULL)
			return wrong(r, "-%c: %s", *p, foreign(*p));
		if (!letter_known(*p))
			return wrong(r, "no option '-%c'; there are -t -u -w -a -l -n -o -e -m -i -p -s -H -O -j", *p);
		option_take(r, *p);
	}
	return 0;
}

/* ---- states ---- */

#define BIT(state) (1u << (state))
#define STATES_ALL HO_VIEW_STATES_ALL
#define STATES_CONNECTED (STATES_ALL & ~(BIT(HO_LISTEN) | BIT(HO_CLOSE)))

static const struct {
	const char *name;
	uint32_t states;
} state_names[] = {
	{"established", BIT(HO_ESTABLISHED)},
	{"syn-sent", BIT(HO_SYN_SENT)},
	{"syn-recv", BIT(HO_SYN_RECV)},
	{"fin-wait-1", BIT(HO_FIN_WAIT1)},
	{"fin-wait-2", BIT(HO_FIN_WAIT2)},
	{"time-wait", BIT(HO_TIME_WAIT)},
	{"closed", BIT(HO_CLOSE)},
	{"close-wait", BIT(HO_CLOSE_WAIT)},
	{"last-ack", BIT(HO_LAST_ACK)},
	{"listening", BIT(HO_LISTEN)},
	{"closing", BIT(HO_CLOSING)},
	{"all", STATES_ALL},
	{"connected", STATES_CONNECTED},
	{"synchronized", STATES_CONNECTED & ~BIT(HO_SYN_SENT)},
	{"bucket", BIT(HO_SYN_RECV) | BIT(HO_TIME_WAIT)},
	{"big", STATES_ALL & ~(BIT(HO_SYN_RECV) | BIT(HO_TIME_WAIT))},
	{"close", BIT(HO_CLOSE)},
	{"unconnected", BIT(HO_CLOSE)},
};

/* The word behind `state` or `exclude`. */
static int states_read(struct reader *r, bool exclude)
{
	uint32_t *states = &r->ask->states;

	if (word_next(r) != 0)
		return -EINVAL;
	for (size_t i = 0; i < sizeof(state_names) / sizeof(*state_names); i++) {
		if (!same_letters(r->word, state_names[i].name))
			continue;
		if (!r->states_named)
			*states = exclude ? STATES_ALL : 0;
		r->states_named = true;
		*states = exclude ? *states & ~state_names[i].states : *states | state_names[i].states;
		return 0;
	}
	return wrong(r, "there is no state '%s'; there are established, syn-sent, syn-recv, fin-wait-1, fin-wait-2, time-wait, closed,"
	             " close-wait, last-ack, listening, closing, all, connected, synchronized, bucket and big", r->word);
}

/* ---- questions ---- */

static int step_add(struct reader *r, struct ho_ss_step step)
{
	if (r->ask->step_count == HO_SS_STEPS_MAX)
		return wrong(r, "a filter of %d questions, 'and', 'or' and 'not' at most", HO_SS_STEPS_MAX);
	r->ask->step[r->ask->step_count++] = step;
	return 0;
}

/* Takes a sign if there is one. */
static int compare_read(struct reader *r, uint8_t *compare)
{
	static const struct {
		const char *word;
		uint8_t compare;
	} signs[] = {
		{"=", HO_SS_EQ}, {"==", HO_SS_EQ}, {"eq", HO_SS_EQ}, {"!=", HO_SS_NE}, {"ne", HO_SS_NE},  {"neq", HO_SS_NE},
		{"<", HO_SS_LT}, {"lt", HO_SS_LT}, {"<=", HO_SS_LE}, {"le", HO_SS_LE}, {"leq", HO_SS_LE}, {">", HO_SS_GT},
		{"gt", HO_SS_GT}, {">=", HO_SS_GE}, {"ge", HO_SS_GE}, {"geq", HO_SS_GE},
	};

	*compare = HO_SS_EQ;
	for (size_t i = 0; i < sizeof(signs) / sizeof(*signs); i++)
		if (is(r, signs[i].word)) {
			*compare = signs[i].compare;
			return word_next(r);
		}
	return 0;
}

static bool port_read(const char *p, uint16_t *port)
{
	const char *end;
	unsigned n;

	if (!number_read(p, 65535, &n, &end) || *end != '\0')
		return false;
	*port = (uint16_t)n;
	return true;
}

static int port_question(struct reader *r, bool peer)
{
	struct ho_ss_step step = {.op = HO_SS_PORT, .peer = peer};
	const char *name = peer ? "dport" : "sport";

	if (word_next(r) != 0 || compare_read(r, &step.compare) != 0)
		return -EINVAL;
	if (!port_read(r->word + (r->word[0] == ':'), &step.port))
		return wrong(r, "%s: '%s' is no port; a number 0 to 65535 is wanted, as in '%s = :9000'", name, r->word, name);
	return step_add(r, step) != 0 ? -EINVAL : word_next(r);
}

/* "198.18.0.1", or with fewer numbers: the others are 0. */
static bool octets_read(const char **at, uint32_t *addr)
{
	const char *p = *at;
	unsigned n, shift = 32;

	*addr = 0;
	do {
		if (shift == 0 || (shift < 32 && *p++ != '.') || !number_read(p, 255, &n, &p))
			return false;
		shift -= 8;
		*addr |= (uint32_t)n << shift;
	} while (*p == '.');
	*at = p;
	return true;
}

/* ADDRESS, ADDRESS/PREFIX, * or any, each with :PORT behind it or not; or :PORT alone. */
static bool addr_read(const char *p, struct ho_ss_step *step)
{
	unsigned bits = 32;

	step->any_port = true;
	if (*p == '*' || strncmp(p, "any", 3) == 0)
		p += *p == '*' ? 1 : 3;
	else if (*p != ':') {
		if (!octets_read(&p, &step->addr))
			return false;
		if (*p == '/' && !number_read(p + 1, 32, &bits, &p))
			return false;
		step->prefix_len = (uint8_t)bits;
	}
	if (*p == '\0')
		return true;
	step->any_port = false;
	return *p == ':' && (strcmp(p, ":*") == 0 ? (step->any_port = true) : port_read(p + 1, &step->port));
}

static int addr_question(struct reader *r, bool peer)
{
	struct ho_ss_step step = {.op = HO_SS_ADDR, .peer = peer};
	const char *name = peer ? "dst" : "src";
	uint8_t compare;

	if (word_next(r) != 0 || compare_read(r, &compare) != 0)
		return -EINVAL;
	if (compare != HO_SS_EQ && compare != HO_SS_NE)
		return wrong(r, "%s: an address is = or != another, not more or less", name);
	if (r->word[0] == '\0' || !addr_read(r->word, &step))
		return wrong(r, "%s: '%s' is no address; 198.18.0.1, 198.18.0.0/24, 198.18.0.1:9000 are", name, r->word);
	if (step_add(r, step) != 0 ||
	    (compare == HO_SS_NE && step_add(r, (struct ho_ss_step){.op = HO_SS_NOT}) != 0))
		return -EINVAL;
	return word_next(r);
}

/* ---- expressions ---- */

static int list_read(struct reader *r, unsigned depth);

static bool is_not(const struct reader *r)
{
	return is(r, "not") || is(r, "!");
}

static int term_read(struct reader *r, unsigned depth)
{
	if (depth > DEPTH_MAX)
		return wrong(r, "too many '(' and 'not' within each other: %d at most", DEPTH_MAX);
	if (is_not(r)) {
		if (word_next(r) != 0 || term_read(r, depth + 1) != 0)
			return -EINVAL;
		return step_add(r, (struct ho_ss_step){.op = HO_SS_NOT});
	}
	if (is(r, "(")) {
		if (word_next(r) != 0 || list_read(r, depth + 1) != 0)
			return -EINVAL;
		if (!is(r, ")"))
			return wrong(r, "a '(' is not closed");
		return word_next(r);
	}
	if (is(r, "sport") || is(r, "dport"))
		return port_question(r, r->word[0] == 'd');
	if (is(r, "src") || is(r, "dst"))
		return addr_question(r, r->word[0] == 'd');
	if (r->word[0] == '\0')
		return wrong(r, "the filter ends too early: sport, dport, src, dst, not or ( is wanted");
	return wrong(r, "'%s' is not wanted here; sport, dport, src, dst, not or ( is", r->word);
}

/* The word before the next term: *op; without one it is an 'and'.  Gives  false if the list ends here. */
static bool join_take(const struct reader *r, uint8_t *op, bool *taken)
{
	*op = is(r, "or") || is(r, "|") || is(r, "||") ? HO_SS_OR : HO_SS_AND;
	*taken = *op == HO_SS_OR || is(r, "and") || is(r, "&") || is(r, "&&");
	return r->word[0] != '\0' && !is(r, ")");
}

static int list_read(struct reader *r, unsigned depth)
{
	uint8_t op;
	bool taken;

	if (term_read(r, depth) != 0)
		return -EINVAL;
	while (join_take(r, &op, &taken)) {
		if ((taken && word_next(r) != 0) || term_read(r, depth) != 0)
			return -EINVAL;
		if (step_add(r, (struct ho_ss_step){.op = op}) != 0)
			return -EINVAL;
	}
	return 0;
}

/* ---- the line ---- */

static int line_read(struct reader *r)
{
	if (word_next(r) != 0)
		return -EINVAL;
	while (is(r, "state") || is(r, "exclude"))
		if (states_read(r, r->word[0] == 'e') != 0 || word_next(r) != 0)
			return -EINVAL;
	if (r->word[0] != '\0' && list_read(r, 0) != 0)
		return -EINVAL;
	if (r->word[0] != '\0')
		return wrong(r, "a ')' without its '('");
	return 0;
}

/* Of datagram sockets only those that have a peer are connected. */
static uint32_t states_unsaid(const struct reader *r)
{
	if (r->all)
		return STATES_ALL;
	if (r->listening)
		return BIT(HO_LISTEN) | BIT(HO_CLOSE);
	return r->ask->protocols & HO_SS_TCP ? HO_VIEW_STATES_CONNECTED : BIT(HO_ESTABLISHED);
}

int ho_ss_parse(const char *text, struct ho_ss *out, char *why, size_t why_bytes)
{
	struct ho_ss ask = {.header = true};
	struct reader r = {.at = text, .ask = &ask, .why = why, .why_bytes = why_bytes};

	if (line_read(&r) != 0)
		return -EINVAL;
	if (ask.protocols == 0)
		ask.protocols = HO_SS_TCP | HO_SS_UDP | HO_SS_RAW;
	if (!r.states_named)
		ask.states = states_unsaid(&r);
	*out = ask;
	return 0;
}

/* ---- asking ---- */

static bool port_fits(const struct ho_ss_step *q, uint16_t port)
{
	switch (q->compare) {
	case HO_SS_EQ: return port == q->port;
	case HO_SS_NE: return port != q->port;
	case HO_SS_LT: return port < q->port;
	case HO_SS_LE: return port <= q->port;
	case HO_SS_GT: return port > q->port;
	default: return port >= q->port;
	}
}

static bool question_fits(const struct ho_ss_step *q, const struct ho_sock_info *i)
{
	const struct ho_endpoint *e = q->peer ? &i->peer : &i->local;

	if (q->op == HO_SS_PORT)
		return port_fits(q, e->port);
	return (q->any_port || e->port == q->port) &&
	       (q->prefix_len == 0 || (e->addr ^ q->addr) >> (32 - q->prefix_len) == 0);
}

/* Truths so far are the bits of one number, the last one lowest. */
static bool filter_fits(const struct ho_ss *ask, const struct ho_sock_info *i)
{
	uint64_t truths = 1;

	for (uint32_t n = 0; n < ask->step_count; n++) {
		const struct ho_ss_step *q = &ask->step[n];

		if (q->op == HO_SS_NOT)
			truths ^= 1;
		else if (q->op == HO_SS_AND)
			truths = truths >> 1 & ~(~truths & 1);
		else if (q->op == HO_SS_OR)
			truths = truths >> 1 | (truths & 1);
		else
			truths = truths << 1 | (question_fits(q, i) ? 1 : 0);
	}
	return truths & 1;
}

unsigned ss_protocol(const struct ho_sock_info *i)
{
	if (sock_is_tcp(i))
		return HO_SS_TCP;
	if (i->type == HO_SOCK_RAW)
		return HO_SS_RAW;
	return i->protocol == HO_IPPROTO_UDP ? HO_SS_UDP : 0;
}

unsigned ss_state(const struct ho_sock_info *i)
{
	return sock_is_request(i) ? HO_SYN_RECV : i->state;
}

bool ho_ss_wants(const struct ho_ss *ask, const struct ho_sock_info *i)
{
	const unsigned protocol = ss_protocol(i), state = ss_state(i);

	/* A TCP socket in CLOSE is in none of Linux's tables. */
	if ((ask->protocols & protocol) == 0 || (protocol == HO_SS_TCP && state == HO_CLOSE))
		return false;
	return (ask->states >> state & 1) && filter_fits(ask, i);
}
