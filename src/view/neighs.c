/* SPDX-License-Identifier: MIT
 * Neighbours as iproute2 prints them. */
#include "view.h"

#define STATES 7

static const char *state_name(const struct ho_neigh *n)
{
	static const char *const names[STATES] = {"NONE",  "INCOMPLETE", "REACHABLE", "STALE",
	                                          "DELAY", "PROBE",      "FAILED"};

	return n->state < STATES ? names[n->state] : "NONE";
}

static void addr_add(struct text *t, uint32_t addr)
{
	text_add(t, "%u.%u.%u.%u", addr >> 24, addr >> 16 & 255, addr >> 8 & 255, addr & 255);
}

static bool has_mac(const struct ho_neigh *n)
{
	return n->state != HO_NEIGH_INCOMPLETE && n->state != HO_NEIGH_FAILED && n->state != 0;
}

static void mac_add(struct text *t, const char *before, const struct ho_neigh *n)
{
	const uint8_t *m = n->mac;

	if (has_mac(n))
		text_add(t, "%s%02x:%02x:%02x:%02x:%02x:%02x", before, m[0], m[1], m[2], m[3], m[4], m[5]);
}

static unsigned seconds(uint64_t ms)
{
	return (unsigned)(ms / 1000);
}

static const char *link_of(const struct ho_stack *s, const struct ho_neigh *n, struct ho_link_config *c)
{
	return ho_link_get(s, n->link, c) == 0 ? c->name : "lo";
}

size_t ho_view_neigh(const struct ho_stack *s, const struct ho_neigh *n, bool details, char *buf, size_t cap_bytes)
{
	struct text t = text_into(buf, cap_bytes);
	struct ho_link_config c;

	addr_add(&t, n->addr);
	text_add(&t, " dev %s ", link_of(s, n, &c));
	mac_add(&t, "lladdr ", n);
	if (has_mac(n))
		text_add(&t, " ");
	if (details)
		text_add(&t, "used %u/%u/%u probes %u ", seconds(n->used_ms), seconds(n->confirmed_ms), seconds(n->updated_ms),
		         n->probes);
	text_add(&t, "%s", state_name(n));
	return t.len_bytes;
}

size_t ho_view_neigh_json(const struct ho_stack *s, const struct ho_neigh *n, bool details, char *buf, size_t cap_bytes)
{
	struct text t = text_into(buf, cap_bytes);
	struct ho_link_config c;

	text_add(&t, "{\"dst\":\"");
	addr_add(&t, n->addr);
	text_add(&t, "\",\"dev\":\"%s\"", link_of(s, n, &c));
	mac_add(&t, ",\"lladdr\":\"", n);
	if (has_mac(n))
		text_add(&t, "\"");
	if (details)
		text_add(&t, ",\"used\":%u,\"confirmed\":%u,\"updated\":%u,\"probes\":%u", seconds(n->used_ms),
		         seconds(n->confirmed_ms), seconds(n->updated_ms), n->probes);
	text_add(&t, ",\"state\":[\"%s\"]}", state_name(n));
	return t.len_bytes;
}
