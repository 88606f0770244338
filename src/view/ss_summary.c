/* SPDX-License-Identifier: MIT
 * ss -s: how many sockets there are, by the sums of sockstat. */
#include <stdio.h>

#include "ss.h"

struct sums {
	unsigned all, inuse, orphans, timewait, alloc, udp, raw, fragments;
	uint64_t established;
};

static struct sums sums_of(const struct ho_stack *s)
{
	struct sums n = {.established = ho_counter_get(s, HO_TcpCurrEstab)};
	char text[512];

	ho_view_sockstat(s, text, sizeof(text));
	sscanf(text, "sockets: used %u TCP: inuse %u orphan %u tw %u alloc %u mem %*u UDP: inuse %u mem %*u UDPLITE: inuse %*u"
	       " RAW: inuse %u FRAG: inuse %u", &n.all, &n.inuse, &n.orphans, &n.timewait, &n.alloc, &n.udp, &n.raw, &n.fragments);
	return n;
}

static void transport_add(struct text *t, const char *name, unsigned count)
{
	text_add(t, "%s\t  %-9u %-9u %-9u\n", name, count, count, 0u);
}

static void words_add(struct text *t, const struct sums *n)
{
	text_add(t, "Total: %u\n", n->all);
	text_add(t, "TCP:   %u (estab %llu, closed %u, orphaned %u, timewait %u)\n\n", n->alloc + n->timewait, LLU(n->established),
	         n->alloc + n->timewait - n->inuse, n->orphans, n->timewait);
	text_add(t, "Transport Total     IP        IPv6\n");
	transport_add(t, "RAW", n->raw);
	transport_add(t, "UDP", n->udp);
	transport_add(t, "TCP", n->inuse);
	transport_add(t, "INET", n->raw + n->udp + n->inuse);
	transport_add(t, "FRAG", n->fragments);
	text_add(t, "\n");
}

void ss_summary_add(struct text *t, const struct ho_stack *s, const struct ho_ss *ask)
{
	const struct sums n = sums_of(s);

	if (!ask->json) {
		words_add(t, &n);
		return;
	}
	text_add(t, "{\"total\":%u,\"tcp\":{\"total\":%u,\"inuse\":%u,\"established\":%llu,\"closed\":%u,\"orphaned\":%u,\"timewait\":%u},",
	         n.all, n.alloc + n.timewait, n.inuse, LLU(n.established), n.alloc + n.timewait - n.inuse, n.orphans, n.timewait);
	text_add(t, "\"udp\":%u,\"raw\":%u,\"frag\":%u}\n", n.udp, n.raw, n.fragments);
}
