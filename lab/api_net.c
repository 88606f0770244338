/* SPDX-License-Identifier: MIT
 * lab: the network in Lua: which hosts and wires there are, a host's addresses and routes. */
#include <stdlib.h>
#include <string.h>

#include "inside.h"

/* ---- the network, anew: net_begin, net_host, net_wire, net_end ---- */
static int net_begin(lua_State *L)
{
	struct lab *l = lab_of(L);

	if (l->begun || l->wanted.declared)
		return luaL_error(L, "network{} comes first in an experiment, and once");
	l->wanted = (struct lab_net){.declared = true};
	return 0;
}

/* net_host(name, forwards): its number */
static int net_host(lua_State *L)
{
	struct lab *l = lab_of(L);
	const char *name = luaL_checkstring(L, 1);
	int h = lab_net_host_add(&l->wanted, name);

	if (h < 0)
		return luaL_error(L, "at most %d hosts", LAB_HOSTS_MAX);
	l->wanted.host[h].forwards = lua_toboolean(L, 2);
	lua_pushinteger(L, h);
	return 1;
}

static int net_host_arg(lua_State *L, int arg, int least)
{
	lua_Integer h = luaL_checkinteger(L, arg);

	luaL_argcheck(L, h >= least && h < lab_of(L)->wanted.host_count, arg, "no such host");
	return (int)h;
}

static int push_end(lua_State *L, const struct lab_end *e)
{
	lua_pushinteger(L, e->link);
	lab_push_addr(L, e->addr);
	return 2;
}

/* net_wire(host a, host b or -1, network, prefix length, mtu, offload): link and address of a, of b */
static int net_wire(lua_State *L)
{
	struct lab_net *n = &lab_of(L)->wanted;
	int a = net_host_arg(L, 1, 0), b = net_host_arg(L, 2, -1), len = (int)luaL_checkinteger(L, 4);
	uint32_t net = lab_check_addr(L, 3);
	lua_Integer mtu = luaL_checkinteger(L, 5);

	luaL_argcheck(L, len >= 1 && len <= 30, 4, "a network with room for two has a prefix of 1 to 30 bits");
	luaL_argcheck(L, (net & (~UINT32_C(0) >> len)) == 0, 3, "the network has bits behind its prefix");
	luaL_argcheck(L, mtu >= 68 && mtu <= LAB_FRAME_MAX, 5, "an mtu is 68 to 65535");
	luaL_argcheck(L, a != b, 2, "a wire from a host to itself");
	int w = lab_net_wire_add(n, a, b, net, len, (uint32_t)mtu);

	if (w < 0)
		return luaL_error(L, "at most %d links, and %d of one host", LAB_WIRES_MAX, LAB_LINKS_MAX);
	n->wire[w].offload = lua_toboolean(L, 6);
	return push_end(L, &n->end[2 * w]) + push_end(L, &n->end[2 * w + 1]);
}

static int net_end(lua_State *L)
{
	struct lab *l = lab_of(L);

	l->net = l->wanted;
	if (lab_world_make(l))
		return luaL_error(L, "%s", l->fatal);
	return 0;
}

/* ---- addresses ---- */

/* Splits "198.18.0.0/24"; without a length it is 32. */
static uint32_t prefix_parse(lua_State *L, const char *text, uint8_t *len)
{
	unsigned a = 256, b = 0, c = 0, d = 0, n = 32;
	char end;
	int fields = text ? sscanf(text, "%3u.%3u.%3u.%3u/%2u%c", &a, &b, &c, &d, &n, &end) : 0;

	if ((fields != 5 && (fields != 4 || strchr(text, '/'))) || a > 255 || b > 255 || c > 255 || d > 255 || n > 32)
		luaL_error(L, "'%s' is not an address or a network: 198.18.0.0/24", text ? text : "nil");
	*len = (uint8_t)n;
	return HO_ADDR(a, b, c, d);
}

static struct ho_addr addr_arg(lua_State *L)
{
	struct ho_addr a = {.link = (int)luaL_optinteger(L, 3, 0)};

	a.addr = prefix_parse(L, luaL_checkstring(L, 2), &a.prefix_len);
	return a;
}

static int host_addr_add(lua_State *L)
{
	struct lab *l = lab_of(L);
	int host = lab_check_host(L);
	struct ho_addr a = addr_arg(L);

	return lab_give(L, l->ops->addr_add(l->world, host, &a));
}

static int host_addr_del(lua_State *L)
{
	struct lab *l = lab_of(L);
	int host = lab_check_host(L);
	struct ho_addr a = addr_arg(L);

	return lab_give(L, l->ops->addr_del(l->world, host, &a));
}

/* ---- routes: {to = '192.0.2.0/24' or 'default', via =, link =, type =, metric =, src =, mtu =} ---- */
static const char *opt_text(lua_State *L, const char *key)
{
	lua_getfield(L, 2, key);
	const char *s = lua_tostring(L, -1);
	lua_pop(L, 1); /* the table keeps it */
	return s;
}

static lua_Integer opt_number(lua_State *L, const char *key, lua_Integer otherwise)
{
	lua_getfield(L, 2, key);
	lua_Integer v = lua_isnil(L, -1) ? otherwise : luaL_checkinteger(L, -1);
	lua_pop(L, 1);
	if (v < -1 || v > UINT32_MAX)
		luaL_error(L, "%s: out of range", key);
	return v;
}

static uint32_t opt_addr(lua_State *L, const char *key)
{
	lua_getfield(L, 2, key);
	uint32_t a = lua_isnil(L, -1) ? 0 : lab_check_addr(L, lua_gettop(L));
	lua_pop(L, 1);
	return a;
}

static uint8_t opt_type(lua_State *L)
{
	static const char *const types[] = {
		[HO_ROUTE_UNICAST] = "unicast",
		[HO_ROUTE_BLACKHOLE] = "blackhole",
		[HO_ROUTE_UNREACHABLE] = "unreachable",
		[HO_ROUTE_PROHIBIT] = "prohibit",
	};
	const char *type = opt_text(L, "type");

	for (uint8_t i = 0; type && i < sizeof types / sizeof types[0]; i++)
		if (strcmp(types[i], type) == 0)
			return i;
	if (type)
		luaL_error(L, "type is 'unicast', 'blackhole', 'unreachable' or 'prohibit'");
	return HO_ROUTE_UNICAST;
}

static struct ho_route route_arg(lua_State *L)
{
	luaL_checktype(L, 2, LUA_TTABLE);
	const char *to = opt_text(L, "to");
	struct ho_route r = {
		.type = opt_type(L),
		.link = (int)opt_number(L, "link", -1),
		.gateway = opt_addr(L, "via"),
		.src = opt_addr(L, "src"),
		.metric = (uint32_t)opt_number(L, "metric", 0),
		.mtu = (uint32_t)opt_number(L, "mtu", 0),
	};

	if (!to || strcmp(to, "default") != 0)
		r.dst = prefix_parse(L, to, &r.prefix_len);
	return r;
}

static int host_route_add(lua_State *L)
{
	struct lab *l = lab_of(L);
	int host = lab_check_host(L);
	struct ho_route r = route_arg(L);

	return lab_give(L, l->ops->route_add(l->world, host, &r));
}

static int host_route_del(lua_State *L)
{
	struct lab *l = lab_of(L);
	int host = lab_check_host(L);
	struct ho_route r = route_arg(L);

	return lab_give(L, l->ops->route_del(l->world, host, &r));
}

/* route_get(host, address): link (-1: the host itself), gateway or nil, source */
static int host_route_get(lua_State *L)
{
	struct lab *l = lab_of(L);
	int host = lab_check_host(L);
	struct ho_route r;
	int e = l->ops->route_get(l->world, host, lab_check_addr(L, 2), &r);

	if (e < 0)
		return lab_give(L, e);
	lua_pushinteger(L, r.link);
	if (r.gateway)
		lab_push_addr(L, r.gateway);
	else
		lua_pushnil(L);
	lab_push_addr(L, r.src);
	return 3;
}

void lab_api_net(lua_State *L)
{
	static const luaL_Reg verbs[] = {
		{"net_begin", net_begin},      {"net_host", net_host},        {"net_wire", net_wire},
		{"net_end", net_end},          {"addr_add", host_addr_add},   {"addr_del", host_addr_del},
		{"route_add", host_route_add}, {"route_del", host_route_del}, {"route_get", host_route_get},
		{NULL, NULL},
	};

	luaL_setfuncs(L, verbs, 0);
}
