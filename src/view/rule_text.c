/* SPDX-License-Identifier: MIT
 * Packet rules as `iptables -S` prints them. */
#include "rule_words.h"
#include "view.h"

const char *const hook_names[HO_HOOKS] = {"INPUT", "OUTPUT", "FORWARD"};
const char *const action_names[3] = {[HO_RULE_DROP] = "DROP", [HO_RULE_ACCEPT] = "ACCEPT", [HO_RULE_REJECT] = "REJECT"};
const char *const tcp_flag_names[6] = {"FIN", "SYN", "RST", "PSH", "ACK", "URG"};
const char *const reject_names[HO_REJECTS] = {
	[HO_REJECT_PORT_UNREACHABLE] = "icmp-port-unreachable",
	[HO_REJECT_NET_UNREACHABLE] = "icmp-net-unreachable",
	[HO_REJECT_HOST_UNREACHABLE] = "icmp-host-unreachable",
	[HO_REJECT_PROTO_UNREACHABLE] = "icmp-proto-unreachable",
	[HO_REJECT_NET_PROHIBITED] = "icmp-net-prohibited",
	[HO_REJECT_HOST_PROHIBITED] = "icmp-host-prohibited",
	[HO_REJECT_ADMIN_PROHIBITED] = "icmp-admin-prohibited",
	[HO_REJECT_TCP_RESET] = "tcp-reset",
};

/* Which way a field is asked. */
static const char *not_word(const struct ho_rule *r, unsigned bit)
{
	return r->invert & bit ? " !" : "";
}

static void prefix_add(struct text *t, const char *not_text, const char *option, uint32_t addr, uint8_t len)
{
	if (len > 0)
		text_add(t, "%s %s %u.%u.%u.%u/%u", not_text, option, addr >> 24, addr >> 16 & 255, addr >> 8 & 255,
		         addr & 255, len);
}

static void name_add(struct text *t, const char *not_text, const char *option, const char *name)
{
	if (name[0] != '\0')
		text_add(t, "%s %s %s", not_text, option, name);
}

static const char *protocol_name(uint8_t protocol)
{
	switch (protocol) {
	case HO_IPPROTO_ICMP: return "icmp";
	case HO_IPPROTO_TCP: return "tcp";
	case HO_IPPROTO_UDP: return "udp";
	default: return NULL;
	}
}

static void protocol_add(struct text *t, const struct ho_rule *r)
{
	const char *name = protocol_name(r->protocol);

	if (r->protocol == 0)
		return;
	if (name != NULL)
		text_add(t, "%s -p %s", not_word(r, HO_RULE_NOT_PROTOCOL), name);
	else
		text_add(t, "%s -p %u", not_word(r, HO_RULE_NOT_PROTOCOL), r->protocol);
}

static void ports_add(struct text *t, const char *not_text, const char *option, const struct ho_ports *p)
{
	if (!p->given)
		return;
	text_add(t, "%s %s %u", not_text, option, p->first);
	if (p->last != p->first)
		text_add(t, ":%u", p->last);
}

static void flags_add(struct text *t, uint8_t flags)
{
	const char *between = " ";

	if (flags == 0)
		text_add(t, " NONE");
	for (unsigned i = 0; i < 6; i++)
		if (flags >> i & 1) {
			text_add(t, "%s%s", between, tcp_flag_names[i]);
			between = ",";
		}
}

static void l4_add(struct text *t, const struct ho_rule *r)
{
	if (r->sport.given || r->dport.given || r->tcp_mask != 0)
		text_add(t, " -m %s", r->protocol == HO_IPPROTO_UDP ? "udp" : "tcp");
	ports_add(t, not_word(r, HO_RULE_NOT_SPORT), "--sport", &r->sport);
	ports_add(t, not_word(r, HO_RULE_NOT_DPORT), "--dport", &r->dport);
	if (r->tcp_mask != 0) {
		text_add(t, "%s --tcp-flags", not_word(r, HO_RULE_NOT_TCP_FLAGS));
		flags_add(t, r->tcp_mask);
		flags_add(t, r->tcp_set);
	}
	if (!r->icmp_type_given)
		return;
	text_add(t, " -m icmp%s --icmp-type %u", not_word(r, HO_RULE_NOT_ICMP_TYPE), r->icmp_type);
	if (r->icmp_code_given)
		text_add(t, "/%u", r->icmp_code);
}

static void chance_add(struct text *t, const struct ho_rule *r)
{
	if (r->every != 0)
		text_add(t, " -m statistic --mode nth --every %u --packet %u", r->every, r->packet);
	if (r->probability != 0)
		text_add(t, " -m statistic --mode random --probability %.11f", r->probability / (double)HO_RULE_ALWAYS);
	if (r->first_count != 0)
		text_add(t, " --first %u", r->first_count);
}

static void rule_add(struct text *t, const struct ho_rule *r, const struct ho_rule_count *count)
{
	text_add(t, "-A %s", hook_names[r->hook]);
	prefix_add(t, not_word(r, HO_RULE_NOT_SADDR), "-s", r->saddr, r->saddr_len);
	prefix_add(t, not_word(r, HO_RULE_NOT_DADDR), "-d", r->daddr, r->daddr_len);
	name_add(t, not_word(r, HO_RULE_NOT_IN), "-i", r->in);
	name_add(t, not_word(r, HO_RULE_NOT_OUT), "-o", r->out);
	protocol_add(t, r);
	if (r->fragment)
		text_add(t, "%s -f", not_word(r, HO_RULE_NOT_FRAGMENT));
	l4_add(t, r);
	chance_add(t, r);
	if (count != NULL)
		text_add(t, " -c %llu %llu", LLU(count->packets), LLU(count->bytes));
	text_add(t, " -j %s", action_names[r->action]);
	if (r->action == HO_RULE_REJECT)
		text_add(t, " --reject-with %s", reject_names[r->reject_with]);
}

size_t ho_view_rule(const struct ho_rule *r, char *buf, size_t cap_bytes)
{
	struct text t = text_into(buf, cap_bytes);

	rule_add(&t, r, NULL);
	return t.len_bytes;
}

static bool is_wanted(enum ho_hook wanted, enum ho_hook hook)
{
	return wanted == HO_HOOKS || wanted == hook;
}

/* In the order of iptables' table `filter`. */
static const enum ho_hook hooks[HO_HOOKS] = {HO_HOOK_INPUT, HO_HOOK_FORWARD, HO_HOOK_OUTPUT};

static void policy_add(struct text *t, const struct ho_stack *s, enum ho_hook hook, bool counts)
{
	struct ho_rule_count c;
	enum ho_rule_action policy = ho_rule_policy(s, hook, &c);

	text_add(t, "-P %s %s", hook_names[hook], action_names[policy]);
	if (counts)
		text_add(t, " -c %llu %llu", LLU(c.packets), LLU(c.bytes));
	text_add(t, "\n");
}

size_t ho_view_rules(const struct ho_stack *s, enum ho_hook hook, bool counts, char *buf, size_t cap_bytes)
{
	struct text t = text_into(buf, cap_bytes);
	struct ho_rule_count c;
	struct ho_rule r;

	for (int i = 0; i < HO_HOOKS; i++)
		if (is_wanted(hook, hooks[i]))
			policy_add(&t, s, hooks[i], counts);
	for (int i = 0; i < HO_HOOKS; i++)
		for (uint32_t n = 0; is_wanted(hook, hooks[i]) && ho_rule_get(s, hooks[i], n, &r, &c); n++) {
			rule_add(&t, &r, counts ? &c : NULL);
			text_add(&t, "\n");
		}
	return t.len_bytes;
}

static void chain_json_add(struct text *t, const struct ho_stack *s, enum ho_hook hook)
{
	struct ho_rule_count c;
	struct ho_rule r;

	text_add(t, "{\"hook\":\"%s\",\"policy\":\"%s\"", hook_names[hook], action_names[ho_rule_policy(s, hook, &c)]);
	text_add(t, ",\"packets\":%llu,\"bytes\":%llu,\"rules\":[", LLU(c.packets), LLU(c.bytes));
	for (uint32_t n = 0; ho_rule_get(s, hook, n, &r, &c); n++) {
		text_add(t, "%s\n {\"number\":%u,\"packets\":%llu,\"bytes\":%llu,\"action\":\"%s\",\"rule\":\"",
		         n > 0 ? "," : "", n + 1, LLU(c.packets), LLU(c.bytes), action_names[r.action]);
		rule_add(t, &r, NULL); /* without a quotation mark or a backslash: see rule_parse.c */
		text_add(t, "\"}");
	}
	text_add(t, "]}");
}

size_t ho_view_rules_json(const struct ho_stack *s, enum ho_hook hook, char *buf, size_t cap_bytes)
{
	struct text t = text_into(buf, cap_bytes);
	const char *between = "";

	text_add(&t, "{\"chains\":[");
	for (int i = 0; i < HO_HOOKS; i++) {
		if (!is_wanted(hook, hooks[i]))
			continue;
		text_add(&t, "%s\n", between);
		chain_json_add(&t, s, hooks[i]);
		between = ",";
	}
	text_add(&t, "]}\n");
	return t.len_bytes;
}
