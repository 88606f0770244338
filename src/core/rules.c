/* SPDX-License-Identifier: MIT
 * The packet filter.
 *
 * Theory of operation.  A chain is an array and is walked from its beginning; a stack has a bit for each hook that says
 * whether there is anything to walk.  A rejected packet is dropped as any other, after its sender was told: by an ICMP
 * error under all the rules of such (rations, what is answered at all), or by a RST.  At OUTPUT the sender is ourselves.
 * The answer meets OUTPUT, too; what it cannot do is be answered again.
 *
 * Source: Linux 6.18 net/ipv4/netfilter/ip_tables.c ipt_do_table, ip_packet_match; net/netfilter/xt_tcpudp.c,
 * xt_statistic.c; net/ipv4/netfilter/nf_reject_ipv4.c nf_send_unreach, nf_send_reset. */
#include "core.h"

#define IP_HDR 20u
#define TCP_HDR 20u
#define UDP_HDR 8u
#define IP_OFFSET 0x1fff
#define ICMP_DEST_UNREACH 3
#define CHAIN_ROOM 8u

#define PROTO_GRE 47
#define PROTO_ESP 50
#define PROTO_AH 51
#define PROTO_SCTP 132
#define PROTO_UDPLITE 136
#define GRE_CSUM 0x8000

struct candidate {
	enum ho_hook hook;
	int in_link, out_link; /* FROM_LOOPBACK: lo */
	bool ours;             /* its checksum is ours to fill */
	struct rx *rx;
};

/* ---- does a rule match? ---- */

static bool prefix_matches(uint32_t addr, uint32_t prefix, uint8_t len)
{
	return len == 0 || ((addr ^ prefix) >> (32 - len)) == 0;
}

static bool name_matches(const char *pattern, const char *name)
{
	for (; *pattern == *name; pattern++, name++)
		if (*name == '\0')
			return true;
	return pattern[0] == '+' && pattern[1] == '\0';
}

static bool link_matches(const struct ho_stack *st, const char *pattern, int link)
{
	return name_matches(pattern, link == FROM_LOOPBACK ? "lo" : st->link[link].name);
}

static uint32_t fragment_offset(const struct rx *rx)
{
	return get16(rx->ip + 6) & IP_OFFSET;
}

/* Where the L4 header is not, nothing that asks about it matches, not even its contrary. */
static bool l4_there(const struct rx *rx, uint32_t bytes)
{
	return fragment_offset(rx) == 0 && rx->l4_bytes >= bytes;
}

static bool port_matches(const struct ho_ports *p, uint16_t port, bool inverted)
{
	return !p->given || (port >= p->first && port <= p->last) != inverted;
}

static bool ports_match(const struct ho_rule *r, const struct rx *rx)
{
	if (!r->sport.given && !r->dport.given)
		return true;
	return l4_there(rx, rx->protocol == IP_PROTO_TCP ? TCP_HDR : UDP_HDR) &&
	       port_matches(&r->sport, get16(rx->l4), r->invert & HO_RULE_NOT_SPORT) &&
	       port_matches(&r->dport, get16(rx->l4 + 2), r->invert & HO_RULE_NOT_DPORT);
}

static bool flags_match(const struct ho_rule *r, const struct rx *rx)
{
	bool inverted = r->invert & HO_RULE_NOT_TCP_FLAGS;

	return r->tcp_mask == 0 || (l4_there(rx, TCP_HDR) && ((rx->l4[13] & r->tcp_mask) == r->tcp_set) != inverted);
}

static bool icmp_matches(const struct ho_rule *r, const struct rx *rx)
{
	bool inverted = r->invert & HO_RULE_NOT_ICMP_TYPE;

	return !r->icmp_type_given ||
	       (l4_there(rx, 2) &&
	        (rx->l4[0] == r->icmp_type && (!r->icmp_code_given || rx->l4[1] == r->icmp_code)) != inverted);
}

static bool addresses_match(const struct ho_rule *r, const struct rx *rx)
{
	return prefix_matches(rx->saddr, r->saddr, r->saddr_len) != ((r->invert & HO_RULE_NOT_SADDR) != 0) &&
	       prefix_matches(rx->daddr, r->daddr, r->daddr_len) != ((r->invert & HO_RULE_NOT_DADDR) != 0);
}

static bool links_match(const struct ho_stack *st, const struct ho_rule *r, const struct candidate *c)
{
	return (r->in[0] == '\0' || link_matches(st, r->in, c->in_link) != ((r->invert & HO_RULE_NOT_IN) != 0)) &&
	       (r->out[0] == '\0' || link_matches(st, r->out, c->out_link) != ((r->invert & HO_RULE_NOT_OUT) != 0));
}

static bool chance_matches(struct ho_stack *st, struct rule *rule)
{
	const struct ho_rule *r = &rule->r;

	if (r->every != 0) {
		uint32_t number = rule->nth;

		rule->nth = number + 1 == r->every ? 0 : number + 1;
		if (number != r->packet)
			return false;
	}
	if (r->probability != 0 && (stack_random(st) & (HO_RULE_ALWAYS - 1)) >= r->probability)
		return false;
	if (r->first_count == 0)
		return true;
	if (rule->left == 0)
		return false;
	rule->left--;
	return true;
}

static bool content_matches(const struct ho_rule *r, const struct rx *rx)
{
	if (r->protocol != 0 && (r->protocol == rx->protocol) == ((r->invert & HO_RULE_NOT_PROTOCOL) != 0))
		return false;
	if (r->fragment && (fragment_offset(rx) != 0) == ((r->invert & HO_RULE_NOT_FRAGMENT) != 0))
		return false;
	return addresses_match(r, rx) && ports_match(r, rx) && flags_match(r, rx) && icmp_matches(r, rx);
}

static bool rule_matches(struct ho_stack *st, struct rule *rule, const struct candidate *c)
{
	return content_matches(&rule->r, c->rx) && links_match(st, &rule->r, c) && chance_matches(st, rule);
}

bool ho_rule_matches(const struct ho_rule *r, const void *packet, size_t len_bytes)
{
	const uint8_t *ip = packet;
	struct rx rx = {.ip = ip};
	uint32_t total;

	if (len_bytes < IP_HDR || ip[0] >> 4 != 4)
		return false;
	rx.ip_bytes = (uint16_t)((ip[0] & 15u) * 4);
	total = get16(ip + 2);
	if (rx.ip_bytes < IP_HDR || total < rx.ip_bytes || total > len_bytes)
		return false;
	rx.l4 = ip + rx.ip_bytes;
	rx.l4_bytes = (uint16_t)(total - rx.ip_bytes);
	rx.saddr = get32(ip + 12);
	rx.daddr = get32(ip + 16);
	rx.protocol = ip[9];
	return content_matches(r, &rx);
}

/* ---- reject ---- */

/* Protocols whose payload has no sum, or may have none. */
static bool sum_expected(const struct rx *rx)
{
	switch (rx->protocol) {
	case IP_PROTO_UDP: return rx->l4_bytes >= UDP_HDR && get16(rx->l4 + 6) != 0;
	case PROTO_GRE: return rx->l4_bytes >= 4 && (get16(rx->l4) & GRE_CSUM) != 0;
	case PROTO_ESP:
	case PROTO_AH:
	case PROTO_SCTP:
	case PROTO_UDPLITE: return false;
	default: return true;
	}
}

static bool sum_ok(const struct candidate *c)
{
	const struct rx *rx = c->rx;
	bool pseudo = rx->protocol == IP_PROTO_TCP || rx->protocol == IP_PROTO_UDP;
	uint32_t sum;

	if (c->ours || rx->frame->csum != HO_CSUM_NONE || !sum_expected(rx))
		return true;
	sum = frame_sum(rx->frame, rx->ip_bytes, rx->l4_bytes);
	if (pseudo)
		sum = csum_add(sum, csum_pseudo(rx->saddr, rx->daddr, rx->protocol, rx->l4_bytes));
	return csum_fold(sum) == 0;
}

static void reset_write(uint8_t *tcp, const struct rx *rx)
{
	const uint8_t *to = rx->l4;
	uint32_t payload_bytes = rx->l4_bytes - (to[12] >> 4) * 4u;
	bool acked = to[13] & TCP_ACK;
	uint16_t sum;

	memset(tcp, 0, TCP_HDR);
	memcpy(tcp, to + 2, 2);
	memcpy(tcp + 2, to, 2);
	if (acked)
		memcpy(tcp + 4, to + 8, 4);
	else
		put32(tcp + 8, get32(to + 4) + payload_bytes + ((to[13] & TCP_SYN) != 0) + ((to[13] & TCP_FIN) != 0));
	tcp[12] = TCP_HDR / 4 << 4;
	tcp[13] = acked ? TCP_RST : TCP_RST | TCP_ACK;
	sum = csum_fold(csum_add(csum_pseudo(rx->daddr, rx->saddr, IP_PROTO_TCP, TCP_HDR), csum_partial(tcp, TCP_HDR)));
	memcpy(tcp + 16, &sum, 2);
}

static bool reset_is_due(const struct candidate *c)
{
	const struct rx *rx = c->rx;

	if (rx->broadcast || rx->multicast || !l4_there(rx, TCP_HDR) || (rx->l4[13] & TCP_RST) != 0)
		return false;
	return (rx->l4[12] >> 4) * 4u >= TCP_HDR && (rx->l4[12] >> 4) * 4u <= rx->l4_bytes && sum_ok(c);
}

static void reset_send(struct ho_stack *st, const struct candidate *c)
{
	const struct rx *rx = c->rx;
	struct ip_tx tx = {.saddr = rx->daddr, .daddr = rx->saddr, .protocol = IP_PROTO_TCP, .df = true};
	struct tx_frame *t = reset_is_due(c) ? frame_take(st) : NULL;

	if (t == NULL)
		return;
	reset_write(t->head + IP_HDR, rx);
	t->f.slice[0].len_bytes = t->f.len_bytes = IP_HDR + TCP_HDR;
	t->f.hdr_len = IP_HDR + TCP_HDR;
	ip_output(st, NULL, t, &tx);
}

static void reject(struct ho_stack *st, const struct candidate *c, enum ho_reject with)
{
	static const uint8_t codes[HO_REJECTS] = {
		[HO_REJECT_PORT_UNREACHABLE] = 3,  [HO_REJECT_NET_UNREACHABLE] = 0, [HO_REJECT_HOST_UNREACHABLE] = 1,
		[HO_REJECT_PROTO_UNREACHABLE] = 2, [HO_REJECT_NET_PROHIBITED] = 9,  [HO_REJECT_HOST_PROHIBITED] = 10,
		[HO_REJECT_ADMIN_PROHIBITED] = 13,
	};

	if (with == HO_REJECT_TCP_RESET)
		reset_send(st, c);
	else if (fragment_offset(c->rx) == 0 && sum_ok(c))
		icmp_send_error(st, c->rx, ICMP_DEST_UNREACH, codes[with], 0);
}

/* ---- a packet meets a chain ---- */

static void charge(struct ho_rule_count *c, const struct rx *rx)
{
	c->packets++;
	c->bytes += (uint64_t)rx->ip_bytes + rx->l4_bytes;
}

static bool chain_passes(struct ho_stack *st, const struct candidate *c)
{
	struct chain *chain = &st->chain[c->hook];

	for (uint32_t i = 0; i < chain->count; i++) {
		struct rule *rule = &chain->rule[i];

		if (!rule_matches(st, rule, c))
			continue;
		charge(&rule->count, c->rx);
		if (rule->r.action == HO_RULE_REJECT)
			reject(st, c, rule->r.reject_with);
		return rule->r.action == HO_RULE_ACCEPT;
	}
	charge(&chain->passed, c->rx);
	return chain->policy == HO_RULE_ACCEPT;
}

static int link_of(const struct rx *rx)
{
	return rx->loopback ? FROM_LOOPBACK : rx->link;
}

bool rules_input(struct ho_stack *st, struct rx *rx)
{
	struct candidate c = {.hook = HO_HOOK_INPUT, .in_link = link_of(rx), .out_link = FROM_LOOPBACK, .rx = rx};

	return chain_passes(st, &c);
}

bool rules_forward(struct ho_stack *st, struct rx *rx, int out_link)
{
	struct candidate c = {.hook = HO_HOOK_FORWARD, .in_link = link_of(rx), .out_link = out_link, .rx = rx};

	return chain_passes(st, &c);
}

bool rules_output(struct ho_stack *st, struct tx_frame *t, int out_link)
{
	const uint8_t *ip = t->head;
	uint16_t ip_bytes = (uint16_t)((ip[0] & 15u) * 4);
	struct rx rx = {
		.frame = &t->f,
		.ip = ip,
		.l4 = ip + ip_bytes,
		.saddr = get32(ip + 12),
		.daddr = get32(ip + 16),
		.ip_bytes = ip_bytes,
		.l4_bytes = (uint16_t)(t->f.len_bytes - ip_bytes),
		.tos = ip[1],
		.ttl = ip[8],
		.protocol = ip[9],
	};
	struct candidate c = {
		.hook = HO_HOOK_OUTPUT, .in_link = FROM_LOOPBACK, .out_link = out_link, .ours = true, .rx = &rx};

	rx.multicast = ip_is_multicast(rx.daddr);
	rx.broadcast = ip_is_broadcast(st, rx.daddr);
	return chain_passes(st, &c);
}

/* ---- the contract's verbs ---- */

static bool is_prefix(uint32_t addr, uint8_t len)
{
	return len <= 32 && (len == 32 || (addr & (len == 0 ? UINT32_MAX : UINT32_MAX >> len)) == 0);
}

static bool is_name(const char name[HO_LINK_NAME_MAX])
{
	return memchr(name, '\0', HO_LINK_NAME_MAX) != NULL && strpbrk(name, "/ \t\n") == NULL;
}

static bool ports_ok(const struct ho_ports *p)
{
	return !p->given || p->first <= p->last;
}

static bool protocol_fits(const struct ho_rule *r)
{
	bool is = (r->invert & HO_RULE_NOT_PROTOCOL) == 0;
	bool tcp = is && r->protocol == IP_PROTO_TCP, udp = is && r->protocol == IP_PROTO_UDP;

	if ((r->sport.given || r->dport.given) && !tcp && !udp)
		return false;
	if ((r->tcp_mask != 0 || (r->action == HO_RULE_REJECT && r->reject_with == HO_REJECT_TCP_RESET)) && !tcp)
		return false;
	return !r->icmp_type_given || (is && r->protocol == IP_PROTO_ICMP);
}

static bool rule_ok(const struct ho_rule *r)
{
	if (r->hook >= HO_HOOKS || r->action > HO_RULE_REJECT || r->reject_with >= HO_REJECTS)
		return false;
	if (!is_prefix(r->saddr, r->saddr_len) || !is_prefix(r->daddr, r->daddr_len) || !is_name(r->in) ||
	    !is_name(r->out))
		return false;
	if ((r->hook == HO_HOOK_OUTPUT && r->in[0] != '\0') || (r->hook == HO_HOOK_INPUT && r->out[0] != '\0'))
		return false;
	if (!ports_ok(&r->sport) || !ports_ok(&r->dport) || (r->tcp_set & ~r->tcp_mask) != 0 ||
	    (r->icmp_code_given && !r->icmp_type_given))
		return false;
	return protocol_fits(r) && r->probability <= HO_RULE_ALWAYS &&
	       (r->every == 0 ? r->packet == 0 : r->packet < r->every);
}

static void busy_note(struct ho_stack *st, enum ho_hook hook)
{
	const struct chain *c = &st->chain[hook];
	uint8_t bit = (uint8_t)(1u << hook);

	if (c->count > 0 || c->policy != HO_RULE_ACCEPT)
		st->hooks_busy |= bit;
	else
		st->hooks_busy &= (uint8_t)~bit;
}

static bool chain_grow(struct ho_stack *st, struct chain *c)
{
	uint32_t room = c->room == 0 ? CHAIN_ROOM : c->room * 2;
	struct rule *larger;

	if (c->count < c->room)
		return true;
	larger = memory_take(&st->mem, room * sizeof(*larger));
	if (larger == NULL)
		return false;
	if (c->count > 0)
		memcpy(larger, c->rule, c->count * sizeof(*larger));
	memory_give(&st->mem, c->rule, c->room * sizeof(*larger));
	c->rule = larger;
	c->room = room;
	return true;
}

int ho_rule_insert(struct ho_stack *s, const struct ho_rule *r, uint32_t index)
{
	struct chain *c;

	if (!rule_ok(r))
		return -EINVAL;
	c = &s->chain[r->hook];
	if (index > c->count)
		return -ENOENT;
	if (c->count == HO_RULES_MAX)
		return -ENOSPC;
	if (!chain_grow(s, c))
		return -ENOMEM;
	memmove(&c->rule[index + 1], &c->rule[index], (c->count - index) * sizeof(*c->rule));
	c->rule[index] = (struct rule){.r = *r, .left = r->first_count};
	c->count++;
	busy_note(s, r->hook);
	return 0;
}

int ho_rule_add(struct ho_stack *s, const struct ho_rule *r)
{
	return ho_rule_insert(s, r, r->hook < HO_HOOKS ? s->chain[r->hook].count : 0);
}

int ho_rule_delete(struct ho_stack *s, enum ho_hook hook, uint32_t index)
{
	struct chain *c = &s->chain[hook];

	if (index >= c->count)
		return -ENOENT;
	memmove(&c->rule[index], &c->rule[index + 1], (c->count - index - 1) * sizeof(*c->rule));
	c->count--;
	busy_note(s, hook);
	return 0;
}

static bool ports_same(const struct ho_ports *a, const struct ho_ports *b)
{
	return a->given == b->given && (!a->given || (a->first == b->first && a->last == b->last));
}

static bool icmp_same(const struct ho_rule *a, const struct ho_rule *b)
{
	return a->icmp_type_given == b->icmp_type_given && a->icmp_code_given == b->icmp_code_given &&
	       (!a->icmp_type_given || a->icmp_type == b->icmp_type) &&
	       (!a->icmp_code_given || a->icmp_code == b->icmp_code);
}

static bool rule_same(const struct ho_rule *a, const struct ho_rule *b)
{
	return a->hook == b->hook && a->action == b->action &&
	       (a->action != HO_RULE_REJECT || a->reject_with == b->reject_with) && a->protocol == b->protocol &&
	       a->invert == b->invert && a->saddr_len == b->saddr_len && a->daddr_len == b->daddr_len &&
	       a->saddr == b->saddr && a->daddr == b->daddr && ports_same(&a->sport, &b->sport) &&
	       ports_same(&a->dport, &b->dport) && a->tcp_mask == b->tcp_mask && a->tcp_set == b->tcp_set &&
	       icmp_same(a, b) && a->fragment == b->fragment && strcmp(a->in, b->in) == 0 &&
	       strcmp(a->out, b->out) == 0 && a->every == b->every && a->packet == b->packet &&
	       a->probability == b->probability && a->first_count == b->first_count;
}

int ho_rule_find(const struct ho_stack *s, const struct ho_rule *r)
{
	const struct chain *c = &s->chain[r->hook];

	for (uint32_t i = 0; i < c->count; i++)
		if (rule_same(&c->rule[i].r, r))
			return (int)i;
	return -ENOENT;
}

void ho_rule_flush(struct ho_stack *s, enum ho_hook hook)
{
	for (enum ho_hook h = 0; h < HO_HOOKS; h++)
		if (hook == HO_HOOKS || hook == h) {
			s->chain[h].count = 0;
			busy_note(s, h);
		}
}

bool ho_rule_get(const struct ho_stack *s, enum ho_hook hook, uint32_t index, struct ho_rule *out,
                 struct ho_rule_count *count)
{
	const struct chain *c = &s->chain[hook];

	if (index >= c->count)
		return false;
	if (out != NULL)
		*out = c->rule[index].r;
	if (count != NULL)
		*count = c->rule[index].count;
	return true;
}

void ho_rule_zero(struct ho_stack *s, enum ho_hook hook)
{
	for (enum ho_hook h = 0; h < HO_HOOKS; h++) {
		if (hook != HO_HOOKS && hook != h)
			continue;
		s->chain[h].passed = (struct ho_rule_count){0, 0};
		for (uint32_t i = 0; i < s->chain[h].count; i++)
			s->chain[h].rule[i].count = (struct ho_rule_count){0, 0};
	}
}

int ho_rule_policy_set(struct ho_stack *s, enum ho_hook hook, enum ho_rule_action action)
{
	if (hook >= HO_HOOKS || (action != HO_RULE_ACCEPT && action != HO_RULE_DROP))
		return -EINVAL;
	s->chain[hook].policy = action;
	busy_note(s, hook);
	return 0;
}

enum ho_rule_action ho_rule_policy(const struct ho_stack *s, enum ho_hook hook, struct ho_rule_count *count)
{
	if (count != NULL)
		*count = s->chain[hook].passed;
	return s->chain[hook].policy;
}

void rules_init(struct ho_stack *st)
{
	for (enum ho_hook h = 0; h < HO_HOOKS; h++)
		st->chain[h].policy = HO_RULE_ACCEPT;
}

void rules_fini(struct ho_stack *st)
{
	for (enum ho_hook h = 0; h < HO_HOOKS; h++)
		memory_give(&st->mem, st->chain[h].rule, st->chain[h].room * sizeof(struct rule));
}
