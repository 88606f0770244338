/* SPDX-License-Identifier: MIT
 * lab: packets in Lua: building raw ones, putting them on the wire, looking at those that passed, rules. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "inside.h"

/* ---- a packet as a table ---- */
static void set_int(lua_State *L, const char *key, lua_Integer v)
{
	lua_pushinteger(L, v);
	lua_setfield(L, -2, key);
}

static void set_bytes(lua_State *L, const char *key, const void *bytes, size_t len)
{
	lua_pushlstring(L, len ? bytes : "", len);
	lua_setfield(L, -2, key);
}

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void push_pair(lua_State *L, uint32_t a, uint32_t b)
{
	lua_createtable(L, 2, 0);
	lua_pushinteger(L, a);
	lua_rawseti(L, -2, 1);
	lua_pushinteger(L, b);
	lua_rawseti(L, -2, 2);
}

static void push_options(lua_State *L, const struct lab_seg *s)
{
	const uint8_t *o = s->opts, *end = o + s->opts_len;

	lua_createtable(L, 0, 4);
	while (o < end && *o) {
		if (*o == 1) {
			o++;
			continue;
		}
		if (end - o < 2 || o[1] < 2 || o + o[1] > end)
			break;
		unsigned kind = o[0], len = o[1];

		if (kind == 2 && len == 4) {
			set_int(L, "mss", o[2] << 8 | o[3]);
		} else if (kind == 3 && len == 3) {
			set_int(L, "wscale", o[2]);
		} else if (kind == 4) {
			lua_pushboolean(L, true);
			lua_setfield(L, -2, "sackok");
		} else if (kind == 5) {
			int n = 0;

			lua_newtable(L);
			for (const uint8_t *b = o + 2; b + 8 <= o + len; b += 8) {
				push_pair(L, be32(b), be32(b + 4));
				lua_rawseti(L, -2, ++n);
			}
			lua_setfield(L, -2, "sack");
		} else if (kind == 8 && len == 10) {
			push_pair(L, be32(o + 2), be32(o + 6));
			lua_setfield(L, -2, "ts");
		}
		o += len;
	}
}

/* "a>b" */
static void push_way(lua_State *L, const char *from, const char *to)
{
	char way[2 * LAB_NAME_MAX + 2];

	snprintf(way, sizeof way, "%s>%s", from, to);
	for (char *c = way; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	lua_pushstring(L, way);
}

void lab_push_packet(lua_State *L, const struct lab_net *n, const struct lab_packet *p, const void *bytes, size_t len)
{
	const char *from = lab_net_name(n, p->from), *to = lab_net_name(n, p->from ^ 1);
	struct lab_seg s;
	char flags[9];

	lab_seg_parse(bytes, len, &s);
	lua_createtable(L, 0, 28);
	lua_pushnumber(L, (double)p->at / 1e9);
	lua_setfield(L, -2, "t");
	push_way(L, from, to);
	lua_setfield(L, -2, "way");
	lua_pushstring(L, from);
	lua_setfield(L, -2, "from");
	lua_pushstring(L, to);
	lua_setfield(L, -2, "to");
	set_int(L, "link", n->end[p->from].link);
	lua_pushboolean(L, p->fresh);
	lua_setfield(L, -2, "new");
	set_int(L, "nth", p->nth);
	lab_push_addr(L, s.src);
	lua_setfield(L, -2, "src");
	lab_push_addr(L, s.dst);
	lua_setfield(L, -2, "dst");
	set_int(L, "proto", s.proto);
	set_int(L, "ttl", s.ttl);
	set_int(L, "tos", s.tos);
	set_int(L, "id", s.id);
	set_int(L, "frag", s.frag);
	set_int(L, "sport", s.sport);
	set_int(L, "dport", s.dport);
	set_int(L, "len", (lua_Integer)s.data_len);
	set_bytes(L, "data", s.data, s.data_len);
	set_bytes(L, "raw", bytes, len);
	lab_flags_text(s.flags, flags);
	lua_pushstring(L, flags);
	lua_setfield(L, -2, "flags");
	if (s.tcp) {
		set_int(L, "seq", s.seq);
		set_int(L, "ack", s.ack);
		set_int(L, "win", s.win);
		push_options(L, &s);
		lua_setfield(L, -2, "opts");
	} else if (s.proto == 1) {
		set_int(L, "type", s.type);
		set_int(L, "code", s.code);
	}
	luaL_setmetatable(L, "lab.packet");
}

/* ---- building ---- */
static lua_Integer opt_int(lua_State *L, const char *key, lua_Integer otherwise)
{
	lua_getfield(L, 1, key);
	int ok;
	lua_Integer v = lua_isnil(L, -1) ? otherwise : lua_tointegerx(L, -1, &ok);

	if (!lua_isnil(L, -1) && !ok)
		luaL_error(L, "%s: an integer, please", key);
	lua_pop(L, 1);
	return v;
}

static const char *opt_string(lua_State *L, const char *key, size_t *len)
{
	lua_getfield(L, 1, key);
	const char *s = lua_tolstring(L, -1, len);

	if (!s)
		*len = 0;
	lua_pop(L, 1); /* the table keeps it */
	return s;
}

static bool opt_bool(lua_State *L, const char *key)
{
	lua_getfield(L, 1, key);
	bool v = lua_toboolean(L, -1);

	lua_pop(L, 1);
	return v;
}

static uint32_t need_addr(lua_State *L, const char *key)
{
	lua_getfield(L, 1, key);
	if (lua_isnil(L, -1))
		luaL_error(L, "%s: an address is needed", key);
	uint32_t a = lab_check_addr(L, lua_gettop(L));

	lua_pop(L, 1);
	return a;
}

static struct lab_seg ip_fields(lua_State *L, uint8_t proto)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	return (struct lab_seg){
		.src = need_addr(L, "src"),
		.dst = need_addr(L, "dst"),
		.proto = proto,
		.ttl = (uint8_t)opt_int(L, "ttl", 64),
		.tos = (uint8_t)opt_int(L, "tos", 0),
		.id = (uint16_t)opt_int(L, "id", 0x1234),
		.frag = (uint16_t)opt_int(L, "frag", 0),
	};
}

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

static uint32_t pair_part(lua_State *L, int idx, int i)
{
	lua_rawgeti(L, idx, i);
	uint32_t v = (uint32_t)lua_tointeger(L, -1);

	lua_pop(L, 1);
	return v;
}

/* Writes opts = {mss =, sackok =, ts = {val, ecr}, wscale =, sack = {{l, r}, ...}} or a string of raw option bytes.
 * Gives  the length, a multiple of 4. */
static size_t emit_options(lua_State *L, uint8_t o[60])
{
	size_t n = 0;

	lua_getfield(L, 1, "opts");
	int t = lua_gettop(L);

	if (lua_type(L, t) == LUA_TSTRING) {
		size_t len;
		const char *raw = lua_tolstring(L, t, &len);

		if (len > 40)
			luaL_error(L, "opts: at most 40 bytes");
		memcpy(o, raw, len);
		n = len;
	} else if (lua_istable(L, t)) {
		if (lua_getfield(L, t, "mss") != LUA_TNIL) {
			o[n] = 2, o[n + 1] = 4;
			put16(o + n + 2, (uint32_t)lua_tointeger(L, -1));
			n += 4;
		}
		if (lua_getfield(L, t, "sackok"), lua_toboolean(L, -1)) {
			o[n] = 4, o[n + 1] = 2;
			n += 2;
		}
		if (lua_getfield(L, t, "ts") == LUA_TTABLE) {
			o[n] = 8, o[n + 1] = 10;
			put32(o + n + 2, pair_part(L, lua_gettop(L), 1));
			put32(o + n + 6, pair_part(L, lua_gettop(L), 2));
			n += 10;
		}
		if (lua_getfield(L, t, "wscale") != LUA_TNIL) {
			o[n] = 1, o[n + 1] = 3, o[n + 2] = 3;
			o[n + 3] = (uint8_t)lua_tointeger(L, -1);
			n += 4;
		}
		if (lua_getfield(L, t, "sack") == LUA_TTABLE) {
			int list = lua_gettop(L), blocks = (int)luaL_len(L, list);

			if (n + 4 + 8u * (unsigned)blocks > 40)
				luaL_error(L, "opts: more than 40 bytes");
			o[n] = 1, o[n + 1] = 1, o[n + 2] = 5;
			o[n + 3] = (uint8_t)(2 + 8 * blocks);
			n += 4;
			for (int i = 1; i <= blocks; i++, n += 8) {
				lua_rawgeti(L, list, i);
				luaL_checktype(L, -1, LUA_TTABLE);
				put32(o + n, pair_part(L, lua_gettop(L), 1));
				put32(o + n + 4, pair_part(L, lua_gettop(L), 2));
			}
		}
	}
	lua_settop(L, t - 1);
	while (n % 4)
		o[n++] = 1;
	return n;
}

static int build_tcp(lua_State *L)
{
	struct lab_seg s = ip_fields(L, 6);
	uint8_t opts[64];
	size_t data_len, flags_len, opts_len = emit_options(L, opts);
	const char *data = opt_string(L, "data", &data_len), *flags = opt_string(L, "flags", &flags_len);
	size_t l4_len = 20 + opts_len + data_len;
	luaL_Buffer b;

	if (20 + l4_len > LAB_FRAME_MAX)
		return luaL_error(L, "a packet has at most %d bytes", LAB_FRAME_MAX);
	uint8_t *at = (uint8_t *)luaL_buffinitsize(L, &b, 20 + l4_len), *t = at + 20;
	/* opt_int below uses the Lua stack in balance, so the buffer stays where it is */
	memset(t, 0, 20);
	memcpy(t + 20, opts, opts_len);
	if (data_len)
		memcpy(t + 20 + opts_len, data, data_len);
	put16(t, (uint32_t)opt_int(L, "sport", 0));
	put16(t + 2, (uint32_t)opt_int(L, "dport", 0));
	put32(t + 4, (uint32_t)opt_int(L, "seq", 0));
	put32(t + 8, (uint32_t)opt_int(L, "ack", 0));
	t[12] = (uint8_t)(opt_int(L, "doff", (lua_Integer)(5 + opts_len / 4)) << 4);
	t[13] = flags ? lab_flags_parse(flags) : 0;
	put16(t + 14, (uint32_t)opt_int(L, "win", 65535));
	put16(t + 18, (uint32_t)opt_int(L, "urg", 0));
	lab_tcp_csum_fill(t, l4_len, s.src, s.dst, opt_bool(L, "bad_checksum"));
	lab_ip_emit(at, &s, l4_len);
	luaL_pushresultsize(&b, 20 + l4_len);
	return 1;
}

static int build_icmp(lua_State *L)
{
	struct lab_seg s = ip_fields(L, 1);
	size_t data_len;
	const char *data = opt_string(L, "data", &data_len);
	lua_Integer type = opt_int(L, "type", 8), code = opt_int(L, "code", 0), id = opt_int(L, "ident", 0),
		    seq = opt_int(L, "seq", 0);
	bool bad = opt_bool(L, "bad_checksum"), bare = opt_bool(L, "message_only");
	luaL_Buffer b;

	if (28 + data_len > LAB_FRAME_MAX)
		return luaL_error(L, "a packet has at most %d bytes", LAB_FRAME_MAX);
	uint8_t *at = (uint8_t *)luaL_buffinitsize(L, &b, 28 + data_len), *m = bare ? at : at + 20;

	m[0] = (uint8_t)type;
	m[1] = (uint8_t)code;
	put16(m + 2, 0);
	put16(m + 4, (uint32_t)id);
	put16(m + 6, (uint32_t)seq);
	if (data_len)
		memcpy(m + 8, data, data_len);
	put16(m + 2, lab_csum(m, 8 + data_len, 0) ^ (bad ? 0x5555u : 0u));
	if (!bare)
		lab_ip_emit(at, &s, 8 + data_len);
	luaL_pushresultsize(&b, (bare ? 8 : 28) + data_len);
	return 1;
}

/* Behind the header that has been emitted: options, and the fields that are to be wrong. */
static void ip_distort(lua_State *L, uint8_t *at, size_t header_len, size_t total_len)
{
	lua_Integer version = opt_int(L, "version", 4), ihl = opt_int(L, "ihl", (lua_Integer)header_len / 4);
	lua_Integer total = opt_int(L, "total", (lua_Integer)total_len), sum;

	at[0] = (uint8_t)(version << 4 | ihl);
	put16(at + 2, (uint32_t)total);
	put16(at + 10, 0);
	sum = opt_int(L, "checksum", lab_csum(at, header_len, 0));
	put16(at + 10, (uint32_t)sum);
}

static int build_ip(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	struct lab_seg s = ip_fields(L, (uint8_t)opt_int(L, "proto", 6));
	size_t data_len, options_len, header_len;
	const char *data = opt_string(L, "data", &data_len), *options = opt_string(L, "options", &options_len);
	luaL_Buffer b;

	if (options_len > 40 || options_len % 4 != 0)
		return luaL_error(L, "options: at most 40 bytes, a multiple of 4");
	header_len = 20 + options_len;
	if (header_len + data_len > LAB_FRAME_MAX)
		return luaL_error(L, "a packet has at most %d bytes", LAB_FRAME_MAX);
	uint8_t *at = (uint8_t *)luaL_buffinitsize(L, &b, header_len + data_len);

	lab_ip_emit(at, &s, options_len + data_len);
	if (options_len)
		memcpy(at + 20, options, options_len);
	if (data_len)
		memcpy(at + header_len, data, data_len);
	ip_distort(L, at, header_len, header_len + data_len);
	luaL_pushresultsize(&b, header_len + data_len);
	return 1;
}

static int wire_inject(lua_State *L)
{
	struct lab *l = lab_of(L);
	int to = lab_net_end(&l->net, lab_check_host(L), (int)luaL_optinteger(L, 4, 0));
	size_t len;
	const char *bytes = luaL_checklstring(L, 2, &len);

	luaL_argcheck(L, to >= 0, 4, "no such link");
	luaL_argcheck(L, len > 0 && len <= LAB_FRAME_MAX, 2, "a packet has 1 to 65535 bytes");
	int r = l->ops->inject(l->world, to, bytes, len, lab_ns(luaL_optnumber(L, 3, 0)));

	if (r >= 0)
		lab_wire_injected(l, to, bytes, len);
	return lab_give(L, r);
}

static int wire_rule(lua_State *L)
{
	struct lab *l = lab_of(L);

	if (!lua_isnoneornil(L, 1))
		luaL_checktype(L, 1, LUA_TFUNCTION);
	luaL_unref(L, LUA_REGISTRYINDEX, l->wire.rule_ref);
	l->wire.rule_ref = LUA_NOREF;
	if (lua_isnoneornil(L, 1))
		return 0;
	lua_pushvalue(L, 1);
	l->wire.rule_ref = luaL_ref(L, LUA_REGISTRYINDEX);
	return 0;
}

static int wire_set(lua_State *L)
{
	struct lab *l = lab_of(L);
	int from = lab_net_end(&l->net, lab_check_host(L), (int)luaL_checkinteger(L, 2));

	luaL_argcheck(L, from >= 0, 2, "no such link");
	return lab_give(L, l->ops->wire_set(l->world, from, lab_ns(luaL_optnumber(L, 3, 0)),
	                                    (uint64_t)luaL_optnumber(L, 4, 0)));
}

static int wire_count(lua_State *L)
{
	lua_pushinteger(L, (lua_Integer)lab_of(L)->wire.count);
	return 1;
}

static int wire_packet(lua_State *L)
{
	struct lab *l = lab_of(L);
	struct lab_wire *w = &l->wire;
	lua_Integer i = luaL_checkinteger(L, 1);

	if (i < 1 || (size_t)i > w->count)
		return 0;
	lab_push_packet(L, &l->net, &w->packet[i - 1], w->packet[i - 1].bytes, w->packet[i - 1].len);
	return 1;
}

static int wire_lines(lua_State *L)
{
	json_t *lines = lab_of(L)->wire.lines;

	lua_createtable(L, (int)json_array_size(lines), 0);
	for (size_t i = 0; i < json_array_size(lines); i++) {
		lua_pushstring(L, json_string_value(json_array_get(lines, i)));
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
	return 1;
}

static int packet_has(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	lua_getfield(L, 1, "flags");
	uint8_t have = lab_flags_parse(luaL_optstring(L, -1, "")), want = lab_flags_parse(luaL_checkstring(L, 2));

	lua_pushboolean(L, (have & want) == want);
	return 1;
}

void lab_api_wire(lua_State *L)
{
	static const luaL_Reg verbs[] = {
		{"tcp", build_tcp},
		{"icmp", build_icmp},
		{"ip", build_ip},
		{"inject", wire_inject},
		{"rule", wire_rule},
		{"wire_set", wire_set},
		{"packet_count", wire_count},
		{"packet", wire_packet},
		{"lines", wire_lines},
		{NULL, NULL},
	};

	luaL_newmetatable(L, "lab.packet");
	lua_newtable(L);
	lua_pushcfunction(L, packet_has);
	lua_setfield(L, -2, "has");
	lua_setfield(L, -2, "__index");
	lua_pop(L, 1);
	luaL_setfuncs(L, verbs, 0);
}
