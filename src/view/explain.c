/* SPDX-License-Identifier: MIT
 * A counter in words: the page that its rows make, the list of all, how they hang together. */
#include <stdio.h>
#include <string.h>

#include "pages.h"
#include "view.h"

static const struct {
	uint16_t counter; /* IcmpMsg: the first of its direction, for all types */
	const char *text;
} documents[] = {
#define D(group, name, point, text) {HO_##group##name, text},
#include "documents.def"
#undef D
};

static const struct {
	uint16_t counter;
	const char *text;
} advice[] = {
#define A(group, name, text) {HO_##group##name, text},
#include "advice.def"
#undef A
};

#define ADVICE (sizeof(advice) / sizeof(advice[0]))
#define DOCUMENTS (sizeof(documents) / sizeof(documents[0]))

static const char *kind_words(enum ho_counter_kind kind)
{
	switch (kind) {
	case HO_LIVE: return "LIVE: it counts";
	case HO_LEVEL: return "LEVEL: it goes up and down";
	case HO_FIXED: return "FIXED: a constant";
	case HO_LATER: return "LATER: it prints 0, not counted yet";
	case HO_NEVER_MOVES: return "NEVER: it prints 0 and cannot move here";
	}
	return "";
}

/* What the text of a row tells: what moves it, or what it is. */
static const char *text_heading(enum ho_counter_kind kind)
{
	switch (kind) {
	case HO_LIVE:
	case HO_LATER: return "counts";
	case HO_LEVEL:
	case HO_FIXED: return "says";
	case HO_NEVER_MOVES: return "why not";
	}
	return "";
}

/* What is told of a counter, in this order; both as text and for docs/COUNTERS.md. */
#define PARTS_MAX 24
#define ROW_PARTS 2 /* of counters.def, a line each: for those who grep */

struct part {
	const char *heading, *words;
};

struct counter_page {
	char name[64], counts[80], relations[512];
	struct part parts[PARTS_MAX];
	unsigned count;
};

static void part_add(struct counter_page *p, const char *heading, const char *words)
{
	if (p->count < PARTS_MAX)
		p->parts[p->count++] = (struct part){heading, words};
}

static void row_add(struct counter_page *p, unsigned counter)
{
	const struct ho_counter_row *row = ho_counter_row(counter);
	bool out = counter >= HO_IcmpMsgOutType;

	if (row != NULL) {
		part_add(p, "kind", kind_words(row->kind));
		part_add(p, text_heading(row->kind), row->text);
		return;
	}
	part_add(p, "kind", "LIVE: it counts, and is printed only when not zero");
	snprintf(p->counts, sizeof(p->counts), "an ICMP message of type %u %s",
	         counter - (unsigned)(out ? HO_IcmpMsgOutType : HO_IcmpMsgInType),
	         out ? "was sent" : "arrived with a right checksum");
	part_add(p, "counts", p->counts);
}

/* IcmpMsg: the first of its direction stands for all. */
static unsigned stands_for(unsigned counter)
{
	if (counter >= HO_IcmpMsgOutType)
		return HO_IcmpMsgOutType;
	return counter >= HO_IcmpMsgInType ? HO_IcmpMsgInType : counter;
}

static void documents_add(struct counter_page *p, unsigned counter)
{
	for (size_t i = 0; i < DOCUMENTS; i++)
		if (documents[i].counter == stands_for(counter))
			part_add(p, "documents", documents[i].text);
	for (size_t i = 0; i < ADVICE; i++)
		if (advice[i].counter == counter)
			part_add(p, "often said", advice[i].text);
}

static void relations_add(struct counter_page *p)
{
	struct text t = text_into(p->relations, sizeof(p->relations));
	const struct relation *r;

	for (unsigned i = 0; (r = relation_row(i)) != NULL; i++)
		if (relation_is_about(r, p->name))
			text_add(&t, "%s%s", t.len_bytes > 0 ? ", " : "", r->word);
	if (t.len_bytes > 0)
		part_add(p, "relations", p->relations);
}

/* Gives  false if there is no such counter. */
static bool page_make(struct counter_page *p, unsigned counter)
{
	const struct page *page = page_of(counter);

	p->count = 0;
	if (ho_counter_name(counter, p->name, sizeof(p->name)) < 0)
		return false;
	row_add(p, counter);
	if (page != NULL) {
		part_add(p, "means", page->means);
		part_add(p, "bad", page->bad);
		part_add(p, "look at", page->next);
		part_add(p, "limits", page->limits[0] != '\0' ? page->limits : "none");
	}
	documents_add(p, counter);
	if (page != NULL) {
		part_add(p, "since", page->since);
		part_add(p, "source", page->source);
	}
	relations_add(p);
	return true;
}

static void relation_say(struct text *t, const struct relation *r)
{
	text_add(t, "%s: %s\n", r->word, r->title);
	if (r->holds[0] != '\0')
		text_add(t, "  always      %s\n", r->holds);
	text_add(t, "  means       ");
	words_wrap(t, r->text);
	text_add(t, "  counters    ");
	words_wrap(t, r->counters);
}

size_t ho_view_explain_relations(const char *word, char *buf, size_t cap_bytes)
{
	struct text t = text_into(buf, cap_bytes);
	const struct relation *r;

	for (unsigned i = 0; (r = relation_row(i)) != NULL; i++) {
		if (word != NULL && strcmp(word, r->word) != 0)
			continue;
		text_add(&t, "%s", t.len_bytes > 0 ? "\n" : "");
		relation_say(&t, r);
	}
	return t.len_bytes;
}

size_t ho_view_explain(const char *name, char *buf, size_t cap_bytes)
{
	struct text t = text_into(buf, cap_bytes);
	int found = ho_counter_find(name);
	struct counter_page p;

	if (found < 0 || !page_make(&p, (unsigned)found))
		return ho_view_explain_relations(name, buf, cap_bytes);
	text_add(&t, "%s\n", p.name);
	for (unsigned i = 0; i < p.count; i++) {
		text_add(&t, "  %-10s  ", p.parts[i].heading);
		if (i < ROW_PARTS)
			text_add(&t, "%s\n", p.parts[i].words);
		else
			words_wrap(&t, p.parts[i].words);
	}
	return t.len_bytes;
}

/* ---- all of them ---- */

static const struct {
	const char *group, *words;
} groups[] = {
	{"Ip", "packets, /proc/net/snmp"},
	{"Icmp", "control messages, /proc/net/snmp"},
	{"Tcp", "connections and segments, /proc/net/snmp"},
	{"Udp", "datagrams, /proc/net/snmp"},
	{"UdpLite", "datagrams of UDP-Lite, /proc/net/snmp"},
	{"TcpExt", "what Linux counts of TCP besides, /proc/net/netstat"},
	{"IpExt", "what Linux counts of IP besides, /proc/net/netstat"},
};

static const char *group_words(const char *group)
{
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (strcmp(groups[i].group, group) == 0)
			return groups[i].words;
	return "";
}

static bool group_begins(unsigned counter)
{
	return counter == 0 || strcmp(ho_counter_row(counter)->group, ho_counter_row(counter - 1)->group) != 0;
}

size_t ho_view_explain_list(char *buf, size_t cap_bytes)
{
	struct text t = text_into(buf, cap_bytes);

	for (unsigned i = 0; i < HO_COUNTER_ROWS; i++) {
		const struct ho_counter_row *row = ho_counter_row(i);

		if (group_begins(i))
			text_add(&t, "%s%s: %s\n", i > 0 ? "\n" : "", row->group, group_words(row->group));
		text_add(&t, "  %-26s %.*s\n", row->name, (int)strcspn(row->text, ";"), row->text);
	}
	return t.len_bytes;
}

/* A cell of a table: nothing in the rows but '|' and '<' would be taken for markup. */
static void cell_add(struct text *t, const char *words)
{
	for (; *words != '\0'; words++)
		if (*words == '|' || *words == '<')
			text_add(t, "%s", *words == '|' ? "\\|" : "&lt;");
		else
			text_add(t, "%c", *words);
}

static void markdown_page(struct text *t, unsigned counter, const char *name)
{
	struct counter_page p;

	if (!page_make(&p, counter))
		return;
	text_add(t, "\n### %s\n\n| | |\n|---|---|\n", name != NULL ? name : p.name);
	for (unsigned i = 0; i < p.count; i++) {
		text_add(t, "| %s | ", p.parts[i].heading);
		cell_add(t, p.parts[i].words);
		text_add(t, " |\n");
	}
}

static void markdown_relations(struct text *t)
{
	const struct relation *r;

	text_add(t, "\n## How they hang together\n");
	for (unsigned i = 0; (r = relation_row(i)) != NULL; i++) {
		text_add(t, "\n### %s: %s\n\n", r->word, r->title);
		if (r->holds[0] != '\0')
			text_add(t, "Always: `%s`\n\n", r->holds);
		cell_add(t, r->text);
		text_add(t, "\n\nCounters: %s\n", r->counters);
	}
}

size_t ho_view_explain_markdown(char *buf, size_t cap_bytes)
{
	struct text t = text_into(buf, cap_bytes);

	text_add(
		&t,
		"# Every counter\n\nMade of the rows of `src/core/counters.def` and `src/view/*.def` by `halfopen explain --markdown`; "
		"not to be edited. What is said of Linux is said of 6.18.\n"
		"How several of them are read together is at the end: "
		"[how they hang together](#how-they-hang-together).\n");
	for (unsigned i = 0; i < HO_COUNTER_ROWS; i++) {
		const char *group = ho_counter_row(i)->group;

		if (group_begins(i))
			text_add(&t, "\n## %s: %s\n", group, group_words(group));
		markdown_page(&t, i, NULL);
		if (i + 1 < HO_COUNTER_ROWS && strcmp(group, "Icmp") == 0 && group_begins(i + 1)) {
			text_add(&t, "\n## IcmpMsg: a counter a type, /proc/net/snmp\n");
			markdown_page(&t, HO_IcmpMsgInType + 3, "IcmpMsgInType3 and the other types");
			markdown_page(&t, HO_IcmpMsgOutType + 3, "IcmpMsgOutType3 and the other types");
		}
	}
	markdown_relations(&t);
	return t.len_bytes;
}
