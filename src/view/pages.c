/* SPDX-License-Identifier: MIT */
#include "pages.h"

#include <halfopen/counter.h>

#include <string.h>

#define OLD "older than 2.6.12"

static const struct page pages[] = {
#define P(group, name, grade, means, bad, next, limits, since, source) \
	{HO_##group##name, grade, means, bad, next, limits, since, source},
#include "pages_icmp.def"
#include "pages_ip.def"
#include "pages_tcp.def"
#include "pages_tcp_loss.def"
#include "pages_tcp_more.def"
#include "pages_udp.def"
#undef P
};

static const struct relation relations[] = {
#define R(word, title, counters, holds, text) {word, title, counters, holds, text},
#include "relations.def"
#undef R
};

const struct page *page_of(unsigned counter)
{
	if (counter >= HO_IcmpMsgOutType)
		counter = HO_IcmpMsgOutType;
	else if (counter >= HO_IcmpMsgInType)
		counter = HO_IcmpMsgInType;
	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++)
		if (pages[i].counter == counter)
			return &pages[i];
	return NULL;
}

const struct relation *relation_row(unsigned i)
{
	return i < sizeof(relations) / sizeof(relations[0]) ? &relations[i] : NULL;
}

int relation_is_about(const struct relation *r, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = r->counters; (at = strstr(at, name)) != NULL; at += len)
		if ((at == r->counters || at[-1] == ' ') && (at[len] == ' ' || at[len] == '\0'))
			return 1;
	return 0;
}
