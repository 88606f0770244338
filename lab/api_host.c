/* SPDX-License-Identifier: MIT
 * lab: what a host can be asked: sysctls, counters, the rows of ss, packet rules. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "halfopen/view.h"
#include "inside.h"

int lab_check_host(lua_State *L)
{
	struct lab *l = lab_of(L);
	lua_Integer h = luaL_checkinteger(L, 1);

	luaL_argcheck(L, h >= 0 && h < l->net.host_count, 1, "no such host");
	l->begun = true;
	return (int)h;
}

uint32_t lab_check_addr(lua_State *L, int arg)
{
	const char *text = luaL_optstring(L, arg, "0.0.0.0");
	unsigned a, b, c, d;
	char end;

	if (sscanf(text, "%3u.%3u.%3u.%3u%c", &a, &b, &c, &d, &end) != 4 || a > 255 || b > 255 || c > 255 || d > 255)
		luaL_argerror(L, arg, "not an IPv4 address");
	return HO_ADDR(a, b, c, d);
}

void lab_push_addr(lua_State *L, uint32_t addr)
{
	lua_pushfstring(L, "%d.%d.%d.%d", (int)(addr >> 24), (int)(addr >> 16 & 255), (int)(addr >> 8 & 255),
	                (int)(addr & 255));
}

static int host_sysctl_get(lua_State *L)
{
	struct lab *l = lab_of(L);
	char buf[256];
	int r = l->ops->sysctl_get(l->world, lab_check_host(L), luaL_checkstring(L, 2), buf, sizeof buf);

	if (r < 0)
		return lab_give(L, r);
	lua_pushlstring(L, buf, (size_t)r);
	return 1;
}

static int host_sysctl_set(lua_State *L)
{
	struct lab *l = lab_of(L);
	int r = l->ops->sysctl_set(l->world, lab_check_host(L), luaL_checkstring(L, 2), luaL_checkstring(L, 3));

	if (r < 0)
		return lab_give(L, r);
	lua_pushboolean(L, true);
	return 1;
}

static int host_sockstat(lua_State *L)
{
	struct lab *l = lab_of(L);
	char buf[1024];
	int r = l->ops->sockstat(l->world, lab_check_host(L), buf, sizeof buf);

	if (r < 0)
		return lab_give(L, r);
	lua_pushstring(L, buf);
	return 1;
}

static int host_counters(lua_State *L)
{
	struct lab *l = lab_of(L);
	struct lab_counters c = {0};
	int r = l->ops->counters(l->world, lab_check_host(L), &c);

	if (r >= 0) {
		lua_createtable(L, 0, (int)c.count);
		for (size_t i = 0; i < c.count; i++) {
			lua_pushinteger(L, c.row[i].value);
			lua_setfield(L, -2, c.row[i].name);
		}
	}
	lab_counters_free(&c);
	return r < 0 ? lab_give(L, r) : 1;
}

/* ---- the rows of ss ---- */
static int state_rank(const struct ho_sock_info *r)
{
	return r->state == HO_LISTEN ? 0 : 1;
}

static int row_order(const void *x, const void *y)
{
	const struct ho_sock_info *a = x, *b = y;

#define BY(field) \
	if (a->field != b->field) \
	return a->field < b->field ? -1 : 1
	if (state_rank(a) != state_rank(b))
		return state_rank(a) - state_rank(b);
	BY(local.addr);
	BY(local.port);
	BY(peer.addr);
	BY(peer.port);
	BY(state);
#undef BY
	return 0;
}

static void field_int(lua_State *L, const char *name, lua_Integer v)
{
	lua_pushinteger(L, v);
	lua_setfield(L, -2, name);
}

static void field_addr(lua_State *L, const char *name, uint32_t addr)
{
	lab_push_addr(L, addr);
	lua_setfield(L, -2, name);
}

static void push_row(lua_State *L, const struct ho_sock_info *r)
{
	lua_createtable(L, 0, 21);
	lua_pushstring(L, ho_view_state(r->state));
	lua_setfield(L, -2, "state");
	field_addr(L, "addr", r->local.addr);
	field_int(L, "port", r->local.port);
	field_addr(L, "peer_addr", r->peer.addr);
	field_int(L, "peer_port", r->peer.port);
	field_int(L, "recv_q", r->recv_q);
	field_int(L, "send_q", r->send_q);
	field_int(L, "timer", r->timer);
	field_int(L, "retransmits", r->retransmits);
	field_int(L, "rmem_alloc", r->rmem_alloc);
	field_int(L, "rcvbuf", r->rcvbuf);
	field_int(L, "wmem_alloc", r->wmem_alloc);
	field_int(L, "sndbuf", r->sndbuf);
	field_int(L, "fwd_alloc", r->fwd_alloc);
	field_int(L, "wmem_queued", r->wmem_queued);
	field_int(L, "drops", (lua_Integer)r->drops);
	lua_pushboolean(L, r->fd >= 0);
	lua_setfield(L, -2, "program");
}

static int host_rows(lua_State *L)
{
	struct lab *l = lab_of(L);
	struct ho_sock_info *rows = NULL;
	size_t count = 0;
	int r = l->ops->rows(l->world, lab_check_host(L), &rows, &count);

	if (r >= 0) {
		if (count)
			qsort(rows, count, sizeof *rows, row_order);
		lua_createtable(L, (int)count, 0);
		for (size_t i = 0; i < count; i++) {
			push_row(L, &rows[i]);
			lua_rawseti(L, -2, (lua_Integer)i + 1);
		}
	}
	free(rows);
	return r < 0 ? lab_give(L, r) : 1;
}

/* ---- packet rules: {hook = 'input', proto = 'tcp', flags = 'S', src =, dst =, sport =, dport =} ---- */
static const char *opt_text(lua_State *L, int table, const char *key)
{
	lua_getfield(L, table, key);
	const char *s = lua_tostring(L, -1);
	lua_pop(L, 1); /* the table keeps it */
	return s;
}

static struct ho_ports opt_port(lua_State *L, int table, const char *key)
{
	lua_getfield(L, table, key);
	lua_Integer v = lua_tointeger(L, -1);
	lua_pop(L, 1);
	if (v < 0 || v > 65535)
		luaL_error(L, "%s: a port is 0 to 65535", key);
	return (struct ho_ports){v != 0, (uint16_t)v, (uint16_t)v};
}

static uint32_t opt_addr(lua_State *L, int table, const char *key)
{
	lua_getfield(L, table, key);
	uint32_t a = lua_isnil(L, -1) ? 0 : lab_check_addr(L, lua_gettop(L));
	lua_pop(L, 1);
	return a;
}

static int host_drop_add(lua_State *L)
{
	struct lab *l = lab_of(L);
	int h = lab_check_host(L);

	luaL_checktype(L, 2, LUA_TTABLE);
	const char *hook = opt_text(L, 2, "hook"), *proto = opt_text(L, 2, "proto"), *flags = opt_text(L, 2, "flags");
	struct ho_rule r = {
		.hook = hook && strcmp(hook, "output") == 0 ? HO_HOOK_OUTPUT : HO_HOOK_INPUT,
		.tcp_mask = flags ? lab_flags_parse(flags) : 0, /* any of these: not none of them */
		.invert = HO_RULE_NOT_TCP_FLAGS,
		.saddr = opt_addr(L, 2, "src"),
		.daddr = opt_addr(L, 2, "dst"),
		.sport = opt_port(L, 2, "sport"),
		.dport = opt_port(L, 2, "dport"),
	};

	if (hook && strcmp(hook, "output") != 0 && strcmp(hook, "input") != 0)
		return luaL_error(L, "hook is 'input' or 'output'");
	if (proto && strcmp(proto, "tcp") != 0 && strcmp(proto, "icmp") != 0)
		return luaL_error(L, "proto is 'tcp' or 'icmp'");
	r.saddr_len = r.saddr ? 32 : 0;
	r.daddr_len = r.daddr ? 32 : 0;
	if (proto ? *proto == 't' : r.tcp_mask || r.sport.given || r.dport.given)
		r.protocol = HO_IPPROTO_TCP;
	else if (proto)
		r.protocol = HO_IPPROTO_ICMP;
	int e = l->ops->rule_add(l->world, h, &r);

	if (e < 0)
		return lab_give(L, e);
	lua_pushboolean(L, true);
	return 1;
}

/* rule(host, "INPUT -p tcp --dport 9000 -j DROP") */
static int host_rule(lua_State *L)
{
	struct lab *l = lab_of(L);
	int h = lab_check_host(L), e;
	struct ho_rule r;
	char why[256];

	if (ho_view_rule_parse(luaL_checkstring(L, 2), &r, why, sizeof why) < 0)
		return luaL_error(L, "%s", why);
	e = l->ops->rule_add(l->world, h, &r);
	if (e < 0)
		return lab_give(L, e);
	lua_pushboolean(L, true);
	return 1;
}

/* rule_matches("-p tcp --dport 9000", packet) */
static int rule_matches(lua_State *L)
{
	const char *text = lua_pushfstring(L, "FORWARD %s -j DROP", luaL_checkstring(L, 1));
	struct ho_rule r;
	char why[256];
	size_t len;
	const char *packet = luaL_checklstring(L, 2, &len);

	if (ho_view_rule_parse(text, &r, why, sizeof why) < 0)
		return luaL_error(L, "%s", why);
	if (r.in[0] || r.out[0] || r.every || r.probability || r.first_count)
		return luaL_error(L, "a packet on a wire has no -i, -o, statistic or --first");
	lua_pushboolean(L, ho_rule_matches(&r, packet, len));
	return 1;
}

static int host_drop_clear(lua_State *L)
{
	struct lab *l = lab_of(L);

	return lab_give(L, l->ops->rule_clear(l->world, lab_check_host(L)));
}

static int host_egress(lua_State *L)
{
	struct lab *l = lab_of(L);
	lua_Number rate = luaL_checknumber(L, 2);
	lua_Integer burst = luaL_optinteger(L, 3, 2000);

	luaL_argcheck(L, rate >= 0 && rate <= 1e12, 2, "bits a second, 0: no limit");
	luaL_argcheck(L, burst > 0 && burst <= 1 << 20, 3, "bytes, up to a mebibyte");
	return lab_give(L, l->ops->egress_set(l->world, lab_check_host(L), (uint64_t)rate, (uint32_t)burst));
}

void lab_api_host(lua_State *L)
{
	static const luaL_Reg verbs[] = {
		{"sysctl_get", host_sysctl_get}, {"sysctl_set", host_sysctl_set},
		{"sockstat", host_sockstat},     {"counters", host_counters},     {"rows", host_rows},
		{"drop_add", host_drop_add},     {"drop_clear", host_drop_clear},
		{"rule_add", host_rule},         {"rule_matches", rule_matches},
		{"egress_rate", host_egress},
		{NULL, NULL},
	};

	luaL_setfuncs(L, verbs, 0);
}
