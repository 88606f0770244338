/* SPDX-License-Identifier: MIT
 * Links: where frames come from and wait to leave. */
#include "core.h"

#define LINK_FLAGS \
	(HO_LINK_TX_CSUM | HO_LINK_TSO | HO_LINK_USO | HO_LINK_SHARES | HO_LINK_ORPHANS | HO_LINK_ETHERNET)
#define ETH_HDR 14u

/* A station's address, and no offload: the facts of a frame are about IPv4 packets. */
static bool ethernet_ok(const struct ho_link_config *c)
{
	static const uint8_t none[6];

	if ((c->flags & HO_LINK_ETHERNET) == 0)
		return true;
	return (c->flags & (HO_LINK_TX_CSUM | HO_LINK_TSO | HO_LINK_USO)) == 0 && (c->mac[0] & 1) == 0 &&
	       memcmp(c->mac, none, sizeof(none)) != 0 && c->mtu <= HO_FRAME_BYTES_MAX - ETH_HDR;
}

static bool numbers_ok(const struct ho_link_config *c)
{
	return c->mtu >= MTU_MIN && c->mtu <= HO_FRAME_BYTES_MAX && (c->flags & ~LINK_FLAGS) == 0 && ethernet_ok(c);
}

static bool link_config_ok(const struct ho_link_config *c)
{
	return numbers_ok(c) && c->out_queue_max > 0 && memchr(c->name, '\0', sizeof(c->name)) != NULL &&
	       strcmp(c->name, "lo") != 0 && strchr(c->name, '/') == NULL && strchr(c->name, ' ') == NULL;
}

static uint32_t flags_whole(uint32_t flags)
{
	return flags & (HO_LINK_TSO | HO_LINK_USO) ? flags | HO_LINK_TX_CSUM : flags;
}

/* ethN; N is at most two digits. */
static void name_choose(char name[HO_LINK_NAME_MAX], uint32_t number)
{
	char *end = name + 3;

	memcpy(name, "eth", 3);
	if (number >= 10)
		*end++ = (char)('0' + number / 10);
	*end++ = (char)('0' + number % 10);
	*end = '\0';
}

int ho_link_find(const struct ho_stack *s, const char *name)
{
	for (uint32_t i = 0; i < s->link_count; i++)
		if (strcmp(s->link[i].name, name) == 0)
			return (int)i;
	return -ENODEV;
}

int link_open(struct ho_stack *st, const struct ho_link_config *c)
{
	struct link l = {.mtu = c->mtu, .flags = flags_whole(c->flags), .out_queue_max = c->out_queue_max};

	if (!link_config_ok(c))
		return -EINVAL;
	if (st->link_count == HO_LINKS_MAX)
		return -ENOSPC;
	memcpy(l.name, c->name, sizeof(l.name));
	memcpy(l.mac, c->mac, sizeof(l.mac));
	if (l.name[0] == '\0')
		name_choose(l.name, st->link_count);
	if (ho_link_find(st, l.name) >= 0)
		return -EEXIST;
	st->link[st->link_count] = l;
	return (int)st->link_count++;
}

int ho_link_add(struct ho_stack *s, const struct ho_link_config *c)
{
	return link_open(s, c);
}

int ho_link_set(struct ho_stack *s, int link, const struct ho_link_config *c)
{
	struct ho_link_config whole = *c;
	struct link *l;

	if (link < 0 || link >= (int)s->link_count)
		return -ENODEV;
	l = &s->link[link];
	memcpy(whole.mac, l->mac, sizeof(whole.mac));
	if (!numbers_ok(&whole) || ((c->flags ^ l->flags) & HO_LINK_ETHERNET) != 0)
		return -EINVAL;
	l->mtu = c->mtu;
	l->flags = flags_whole(c->flags);
	l->out_queue_max = c->out_queue_max;
	fib_changed(s);
	return 0;
}

int ho_link_get(const struct ho_stack *s, int link, struct ho_link_config *out)
{
	const struct link *l;

	if (link < 0 || link >= (int)s->link_count)
		return -ENODEV;
	l = &s->link[link];
	*out = (struct ho_link_config){.mtu = l->mtu, .flags = l->flags, .out_queue_max = l->out_queue_max};
	memcpy(out->name, l->name, sizeof(out->name));
	memcpy(out->mac, l->mac, sizeof(out->mac));
	return 0;
}
