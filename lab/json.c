/* SPDX-License-Identifier: MIT
 * lab: values of Lua as JSON, and counters as JSON. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "inside.h"

static json_t *of_string(lua_State *L, int idx)
{
	size_t len;
	const char *s = lua_tolstring(L, idx, &len);
	json_t *j = json_stringn(s, len);

	if (j)
		return j;
	char *clean = malloc(len + 1); /* not UTF-8: bytes beyond ASCII become '?' */

	if (!clean)
		abort();
	for (size_t i = 0; i < len; i++)
		clean[i] = (unsigned char)s[i] < 0x80 ? s[i] : '?';
	j = json_stringn(clean, len);
	free(clean);
	return j;
}

static int by_text(const void *x, const void *y)
{
	return strcmp(*(const char *const *)x, *(const char *const *)y);
}

/* Keys in the order of the alphabet: Lua's own order is not the same in two runs. */
static json_t *of_object(lua_State *L, int idx, int depth)
{
	json_t *o = json_object();
	size_t n = 0, cap = 16;
	const char **keys = malloc(cap * sizeof *keys);

	if (!keys)
		abort();
	for (lua_pushnil(L); lua_next(L, idx); lua_pop(L, 1)) {
		if (lua_type(L, -2) != LUA_TSTRING)
			continue;
		if (n == cap) {
			cap *= 2;
			keys = realloc(keys, cap * sizeof *keys);
			if (!keys)
				abort();
		}
		keys[n++] = lua_tostring(L, -2);
	}
	qsort(keys, n, sizeof *keys, by_text);
	for (size_t i = 0; i < n; i++) {
		lua_getfield(L, idx, keys[i]);
		json_object_set_new(o, keys[i], lab_json_of(L, -1, depth + 1));
		lua_pop(L, 1);
	}
	free(keys);
	return o;
}

static json_t *of_table(lua_State *L, int idx, int depth)
{
	lua_Integer n = luaL_len(L, idx);
	bool list = n > 0;

	if (!list && luaL_getmetafield(L, idx, "__list") != LUA_TNIL) {
		list = true;
		lua_pop(L, 1);
	}
	if (!list)
		return of_object(L, idx, depth);
	json_t *a = json_array();

	for (lua_Integer i = 1; i <= n; i++) {
		lua_rawgeti(L, idx, i);
		json_array_append_new(a, lab_json_of(L, -1, depth + 1));
		lua_pop(L, 1);
	}
	return a;
}

json_t *lab_json_of(lua_State *L, int idx, int depth)
{
	idx = lua_absindex(L, idx);
	luaL_checkstack(L, 8, "observation too deep");
	switch (lua_type(L, idx)) {
	case LUA_TBOOLEAN: return json_boolean(lua_toboolean(L, idx));
	case LUA_TNUMBER:
		if (lua_isinteger(L, idx))
			return json_integer(lua_tointeger(L, idx));
		return isfinite(lua_tonumber(L, idx)) ? json_real(lua_tonumber(L, idx)) : json_null();
	case LUA_TSTRING: return of_string(L, idx);
	case LUA_TTABLE: return depth > 8 ? json_string("...") : of_table(L, idx, depth);
	default: return json_null();
	}
}

/* ---- counters ---- */
void lab_counters_add(struct lab_counters *c, const char *name, int64_t value)
{
	if (c->count == c->cap) {
		c->cap = c->cap ? 2 * c->cap : 512;
		c->row = realloc(c->row, c->cap * sizeof *c->row);
		if (!c->row)
			abort();
	}
	struct lab_counter *r = &c->row[c->count++];

	memset(r->name, 0, sizeof r->name);
	strncpy(r->name, name, sizeof r->name - 1);
	r->value = value;
}

void lab_counters_free(struct lab_counters *c)
{
	free(c->row);
	*c = (struct lab_counters){0};
}

const struct lab_counter *lab_counters_find(const struct lab_counters *c, const char *name, size_t hint)
{
	if (hint < c->count && strcmp(c->row[hint].name, name) == 0)
		return &c->row[hint];
	for (size_t i = 0; i < c->count; i++)
		if (strcmp(c->row[i].name, name) == 0)
			return &c->row[i];
	return NULL;
}

json_t *lab_counters_diff(const struct lab_counters *old, const struct lab_counters *new)
{
	json_t *o = json_object();

	for (size_t i = 0; i < new->count; i++) {
		const struct lab_counter *was = lab_counters_find(old, new->row[i].name, i);
		int64_t d = new->row[i].value - (was ? was->value : 0);

		if (d)
			json_object_set_new(o, new->row[i].name, json_integer(d));
	}
	return o;
}
