/* SPDX-License-Identifier: MIT
 * A packet rule out of iptables' words.  Words are separated by blanks; each option is a row. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rule_words.h"
#include "view.h"

#define WORD_BYTES 64

struct reader {
	const char *at;        /* the text left */
	char word[WORD_BYTES]; /* the one read last */
	struct ho_rule *r;
	bool has_action, has_reject;
	char *why;
	size_t why_bytes;
};

struct option {
	const char *name, *other;
	bool (*take)(struct reader *p); /* p->word is the option */
	unsigned not_bit;               /* HO_RULE_NOT_*; 0: cannot be turned round */
};

__attribute__((format(printf, 2, 3))) static bool wrong(struct reader *p, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(p->why, p->why_bytes, format, args);
	va_end(args);
	return false;
}

/* Gives  false at the end, and at a word that is too long for any. */
static bool next_word(struct reader *p)
{
	size_t len;

	p->at += strspn(p->at, " \t\r\n");
	len = strcspn(p->at, " \t\r\n");
	if (len >= sizeof(p->word))
		len = 0;
	memcpy(p->word, p->at, len);
	p->word[len] = '\0';
	p->at += len;
	return len > 0;
}

static bool number(const char *text, uint64_t max, uint64_t *out)
{
	uint64_t v = 0;

	if (*text == '\0' || strlen(text) > 12)
		return false;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return false;
		v = v * 10 + (uint64_t)(*text - '0');
	}
	*out = v;
	return v <= max;
}

/* ---- values ---- */

static bool hook_take(struct reader *p)
{
	if (next_word(p) && (strcmp(p->word, "-A") == 0 || strcmp(p->word, "--append") == 0))
		next_word(p);
	for (unsigned i = 0; i < HO_HOOKS; i++)
		if (strcmp(p->word, hook_names[i]) == 0) {
			p->r->hook = (uint8_t)i;
			return true;
		}
	return wrong(p, "a rule begins with INPUT, OUTPUT or FORWARD, not with '%s'", p->word);
}

static bool protocol_take(struct reader *p)
{
	static const struct {
		const char *name;
		uint8_t number;
	} known[] = {{"all", 0},  {"icmp", 1}, {"tcp", 6},    {"udp", 17},
	             {"esp", 50}, {"ah", 51},  {"sctp", 132}, {"udplite", 136}};
	uint64_t v;

	if (next_word(p) && number(p->word, 255, &v)) {
		p->r->protocol = (uint8_t)v;
		return true;
	}
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (strcmp(p->word, known[i].name) == 0) {
			p->r->protocol = known[i].number;
			return true;
		}
	return wrong(p, "-p '%s': tcp, udp, icmp, all or a number up to 255 is wanted", p->word);
}

static bool prefix_take(struct reader *p, const char *option, uint32_t *addr, uint8_t *len)
{
	char *slash;
	uint64_t bits = 32;

	next_word(p);
	slash = strchr(p->word, '/');
	if (slash != NULL)
		*slash = '\0';
	if (ho_view_addr_parse(p->word, addr) != 0 || (slash != NULL && !number(slash + 1, 32, &bits)))
		return wrong(p, "%s '%s%s%s': an address is wanted, or a prefix such as 198.18.0.0/24", option, p->word,
		             slash != NULL ? "/" : "", slash != NULL ? slash + 1 : "");
	*len = (uint8_t)bits;
	*addr &= bits == 0 ? 0 : UINT32_MAX << (32 - bits);
	return true;
}

static bool saddr_take(struct reader *p)
{
	return prefix_take(p, "-s", &p->r->saddr, &p->r->saddr_len);
}

static bool daddr_take(struct reader *p)
{
	return prefix_take(p, "-d", &p->r->daddr, &p->r->daddr_len);
}

/* What a name may hold is what JSON needs no escape for. */
static bool link_take(struct reader *p, const char *option, char name[HO_LINK_NAME_MAX])
{
	if (!next_word(p) || strlen(p->word) >= HO_LINK_NAME_MAX || strpbrk(p->word, "/\"\\") != NULL)
		return wrong(p, "%s '%s': the name of a link is wanted, or the beginning of one and a +", option,
		             p->word);
	for (const char *c = p->word; *c != '\0'; c++)
		if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 127)
			return wrong(p, "%s: a link's name has no such character", option);
	strcpy(name, p->word);
	return true;
}

static bool in_take(struct reader *p)
{
	return link_take(p, "-i", p->r->in);
}

static bool out_take(struct reader *p)
{
	return link_take(p, "-o", p->r->out);
}

static bool fragment_take(struct reader *p)
{
	p->r->fragment = true;
	return true;
}

/* "80", "80:90", ":90", "80:" */
static bool ports_take(struct reader *p, const char *option, struct ho_ports *out)
{
	uint64_t first = 0, last = 65535;
	char *colon;
	bool good;

	next_word(p);
	colon = strchr(p->word, ':');
	if (colon == NULL) {
		good = number(p->word, 65535, &first);
		last = first;
	} else {
		*colon = '\0';
		good = (p->word[0] == '\0' || number(p->word, 65535, &first)) &&
		       (colon[1] == '\0' || number(colon + 1, 65535, &last)) && first <= last;
		*colon = ':';
	}
	if (!good)
		return wrong(p, "%s '%s': a port is wanted, or a range such as 9000:9009", option, p->word);
	*out = (struct ho_ports){true, (uint16_t)first, (uint16_t)last};
	return true;
}

static bool sport_take(struct reader *p)
{
	return ports_take(p, "--sport", &p->r->sport);
}

static bool dport_take(struct reader *p)
{
	return ports_take(p, "--dport", &p->r->dport);
}

/* "SYN,ACK", "ALL", "NONE" */
static bool flags_read(struct reader *p, uint8_t *out)
{
	uint8_t flags = 0;

	if (!next_word(p))
		return false;
	for (const char *at = p->word; *at != '\0';) {
		size_t len = strcspn(at, ","), before = flags;

		for (unsigned i = 0; i < 6; i++)
			if (len == 3 && memcmp(at, tcp_flag_names[i], 3) == 0)
				flags |= (uint8_t)(1u << i);
		if (len == 3 && memcmp(at, "ALL", 3) == 0)
			flags = 0x3f;
		else if (!(len == 4 && memcmp(at, "NONE", 4) == 0) && flags == before)
			return false;
		at += len;
		if (*at == ',' && *++at == '\0')
			return false;
	}
	*out = flags;
	return true;
}

static bool tcp_flags_take(struct reader *p)
{
	uint8_t mask, set;

	if (!flags_read(p, &mask) || !flags_read(p, &set) || mask == 0 || (set & ~mask) != 0)
		return wrong(p, "--tcp-flags: two lists are wanted, those to look at and those of them that are set, "
		                "for instance SYN,ACK,RST SYN; there are SYN ACK FIN RST PSH URG ALL NONE");
	p->r->tcp_mask = mask;
	p->r->tcp_set = set;
	return true;
}

static bool syn_take(struct reader *p)
{
	p->r->tcp_mask = 0x17; /* FIN SYN RST ACK */
	p->r->tcp_set = 0x02;
	return true;
}

static bool icmp_number(struct reader *p)
{
	char *slash = strchr(p->word, '/');
	uint64_t type, code = 0;
	bool good;

	if (slash != NULL)
		*slash = '\0';
	good = number(p->word, 255, &type) && (slash == NULL || number(slash + 1, 255, &code));
	if (slash != NULL)
		*slash = '/';
	if (!good)
		return false;
	p->r->icmp_type = (uint8_t)type;
	p->r->icmp_code = (uint8_t)code;
	p->r->icmp_code_given = slash != NULL;
	return true;
}

static bool icmp_take(struct reader *p)
{
	static const struct {
		const char *name;
		uint8_t type;
		int16_t code; /* -1: any */
	} known[] = {
		{"echo-reply", 0, -1},          {"destination-unreachable", 3, -1}, {"network-unreachable", 3, 0},
		{"host-unreachable", 3, 1},     {"protocol-unreachable", 3, 2},     {"port-unreachable", 3, 3},
		{"fragmentation-needed", 3, 4}, {"source-quench", 4, -1},           {"redirect", 5, -1},
		{"echo-request", 8, -1},        {"time-exceeded", 11, -1},          {"parameter-problem", 12, -1},
		{"timestamp-request", 13, -1},  {"timestamp-reply", 14, -1},        {"address-mask-request", 17, -1},
		{"address-mask-reply", 18, -1},
	};

	next_word(p);
	p->r->icmp_type_given = true;
	p->r->icmp_code_given = false;
	if (icmp_number(p))
		return true;
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (strcmp(p->word, known[i].name) == 0) {
			p->r->icmp_type = known[i].type;
			p->r->icmp_code = known[i].code >= 0 ? (uint8_t)known[i].code : 0;
			p->r->icmp_code_given = known[i].code >= 0;
			return true;
		}
	return wrong(p, "--icmp-type '%s': TYPE or TYPE/CODE in numbers is wanted, or a name such as echo-request",
	             p->word);
}

/* Which options may follow is not its to say here; and all of these are known. */
static bool match_take(struct reader *p)
{
	static const char *const known[] = {"tcp", "udp", "icmp", "statistic"};

	next_word(p);
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (strcmp(p->word, known[i]) == 0)
			return true;
	return wrong(p, "-m '%s': there are tcp, udp, icmp and statistic", p->word);
}

static bool mode_take(struct reader *p)
{
	next_word(p);
	return strcmp(p->word, "random") == 0 || strcmp(p->word, "nth") == 0 ||
	       wrong(p, "--mode '%s': random or nth is wanted", p->word);
}

static bool probability_take(struct reader *p)
{
	double v = -1;

	if (next_word(p) && strspn(p->word, "0123456789.") == strlen(p->word) &&
	    strchr(p->word, '.') == strrchr(p->word, '.'))
		v = strtod(p->word, NULL);
	if (!(v > 0 && v <= 1) || (uint32_t)(v * HO_RULE_ALWAYS + 0.5) == 0)
		return wrong(p, "--probability '%s': a number above 0 and up to 1 is wanted", p->word);
	p->r->probability = (uint32_t)(v * HO_RULE_ALWAYS + 0.5);
	return true;
}

static bool count_take(struct reader *p, const char *option, uint64_t min, uint32_t *out)
{
	uint64_t v;

	if (!next_word(p) || !number(p->word, UINT32_MAX, &v) || v < min)
		return wrong(p, "%s '%s': a number from %u on is wanted", option, p->word, (unsigned)min);
	*out = (uint32_t)v;
	return true;
}

static bool every_take(struct reader *p)
{
	return count_take(p, "--every", 1, &p->r->every);
}

static bool packet_take(struct reader *p)
{
	return count_take(p, "--packet", 0, &p->r->packet);
}

static bool first_take(struct reader *p)
{
	return count_take(p, "--first", 1, &p->r->first_count);
}

static bool action_take(struct reader *p)
{
	next_word(p);
	for (uint8_t i = 0; i < 3; i++)
		if (strcmp(p->word, action_names[i]) == 0) {
			p->r->action = i;
			p->has_action = true;
			return true;
		}
	return wrong(p, "-j '%s': there are ACCEPT, DROP and REJECT", p->word);
}

static bool reject_take(struct reader *p)
{
	next_word(p);
	for (uint8_t i = 0; i < HO_REJECTS; i++)
		if (strcmp(p->word, reject_names[i]) == 0) {
			p->r->reject_with = i;
			p->has_reject = true;
			return true;
		}
	return wrong(p,
	             "--reject-with '%s': there are tcp-reset and icmp-{port,net,host,proto}-unreachable, "
	             "icmp-{net,host,admin}-prohibited",
	             p->word);
}

/* ---- a rule ---- */

static const struct option options[] = {
	{"-p", "--protocol", protocol_take, HO_RULE_NOT_PROTOCOL},
	{"-s", "--source", saddr_take, HO_RULE_NOT_SADDR},
	{"-d", "--destination", daddr_take, HO_RULE_NOT_DADDR},
	{"-i", "--in-interface", in_take, HO_RULE_NOT_IN},
	{"-o", "--out-interface", out_take, HO_RULE_NOT_OUT},
	{"-f", "--fragment", fragment_take, HO_RULE_NOT_FRAGMENT},
	{"--sport", "--source-port", sport_take, HO_RULE_NOT_SPORT},
	{"--dport", "--destination-port", dport_take, HO_RULE_NOT_DPORT},
	{"--tcp-flags", "--tcp-flags", tcp_flags_take, HO_RULE_NOT_TCP_FLAGS},
	{"--syn", "--syn", syn_take, HO_RULE_NOT_TCP_FLAGS},
	{"--icmp-type", "--icmp-type", icmp_take, HO_RULE_NOT_ICMP_TYPE},
	{"-m", "--match", match_take, 0},
	{"--mode", "--mode", mode_take, 0},
	{"--probability", "--probability", probability_take, 0},
	{"--every", "--every", every_take, 0},
	{"--packet", "--packet", packet_take, 0},
	{"--first", "--first", first_take, 0},
	{"-j", "--jump", action_take, 0},
	{"--reject-with", "--reject-with", reject_take, 0},
};

static bool option_take(struct reader *p)
{
	bool turned = strcmp(p->word, "!") == 0;

	if (turned)
		next_word(p);
	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++) {
		const struct option *o = &options[i];

		if (strcmp(p->word, o->name) != 0 && strcmp(p->word, o->other) != 0)
			continue;
		if (turned && o->not_bit == 0)
			return wrong(p, "'!' cannot stand before %s", o->name);
		p->r->invert = (uint16_t)(turned ? p->r->invert | o->not_bit : p->r->invert & ~o->not_bit);
		return o->take(p);
	}
	return wrong(
		p,
		"'%s' is no option of a rule; there are -p -s -d -i -o -f --sport --dport --tcp-flags --syn --icmp-type "
		"-m --probability --every --packet --first -j --reject-with",
		p->word);
}

/* What fits where it stands alone and not with the rest. */
static bool rule_check(struct reader *p)
{
	const struct ho_rule *r = p->r;
	bool is = (r->invert & HO_RULE_NOT_PROTOCOL) == 0;
	bool tcp = is && r->protocol == HO_IPPROTO_TCP, udp = is && r->protocol == HO_IPPROTO_UDP;

	if (!p->has_action)
		return wrong(p, "what becomes of the packet? -j ACCEPT, DROP or REJECT is missing");
	if ((r->sport.given || r->dport.given) && !tcp && !udp)
		return wrong(p, "--sport and --dport need -p tcp or -p udp");
	if (r->tcp_mask != 0 && !tcp)
		return wrong(p, "--tcp-flags and --syn need -p tcp");
	if (r->icmp_type_given && (!is || r->protocol != HO_IPPROTO_ICMP))
		return wrong(p, "--icmp-type needs -p icmp");
	if (p->has_reject && r->action != HO_RULE_REJECT)
		return wrong(p, "--reject-with needs -j REJECT");
	if (r->reject_with == HO_REJECT_TCP_RESET && !tcp)
		return wrong(p, "--reject-with tcp-reset needs -p tcp");
	if (r->hook == HO_HOOK_OUTPUT && r->in[0] != '\0')
		return wrong(p, "a packet at OUTPUT came in nowhere: -i is for INPUT and FORWARD");
	if (r->hook == HO_HOOK_INPUT && r->out[0] != '\0')
		return wrong(p, "a packet at INPUT goes out nowhere: -o is for OUTPUT and FORWARD");
	if (r->packet != 0 && r->packet >= r->every)
		return wrong(p, "--packet is from 0 to one less than --every");
	if (((r->invert & HO_RULE_NOT_PROTOCOL) && r->protocol == 0) ||
	    ((r->invert & HO_RULE_NOT_SADDR) && r->saddr_len == 0) ||
	    ((r->invert & HO_RULE_NOT_DADDR) && r->daddr_len == 0))
		return wrong(p, "'!' before what matches anything: no packet would match");
	return true;
}

int ho_view_rule_parse(const char *text, struct ho_rule *out, char *why, size_t why_bytes)
{
	struct ho_rule r = {.hook = HO_HOOK_INPUT};
	struct reader p = {.at = text, .r = &r, .why = why, .why_bytes = why_bytes};

	if (!hook_take(&p))
		return -EINVAL;
	while (next_word(&p))
		if (!option_take(&p))
			return -EINVAL;
	if (*p.at != '\0') {
		wrong(&p, "a word of %d letters is too long", (int)strcspn(p.at, " \t\r\n"));
		return -EINVAL;
	}
	if (!rule_check(&p))
		return -EINVAL;
	*out = r;
	return 0;
}
