/* SPDX-License-Identifier: MIT
 * lab: phases (counters before and after, what was observed, what the document says) and expectations. */
#include <stdlib.h>
#include <string.h>

#include "inside.h"
#include "ladder.h"

static void snapshot(lua_State *L, struct lab *l, struct lab_counters c[LAB_HOSTS_MAX])
{
	for (int h = 0; h < l->net.host_count; h++) {
		lab_counters_free(&c[h]);
		int r = l->ops->counters(l->world, h, &c[h]);

		if (r < 0)
			luaL_error(L, "the counters of host %s cannot be read: %s", l->net.host[h].name, strerror(-r));
	}
}

/* phase_begin(name, document or nil, expect or nil) */
static int phase_begin(lua_State *L)
{
	struct lab *l = lab_of(L);
	const char *name = luaL_checkstring(L, 1);

	if (l->in_phase)
		return luaL_error(L, "phase '%s' begins inside another", name);
	l->in_phase = l->begun = true;
	l->phase = json_pack("{s:s}", "phase", name);
	if (!l->phase)
		return luaL_error(L, "a phase's name is UTF-8 text");
	if (lua_istable(L, 2))
		json_object_set_new(l->phase, "document", lab_json_of(L, 2, 0));
	if (lua_istable(L, 3))
		json_object_set_new(l->phase, "expect", lab_json_of(L, 3, 0));
	l->ops->phase_begin(l->world);
	lab_ladder_phase(l, name);
	snapshot(L, l, l->before);
	if (l->wire.seen) {
		lua_pushfstring(L, "--- %s", name);
		json_array_append_new(l->wire.lines, json_string(lua_tostring(L, -1)));
	}
	return 0;
}

/* phase_again(): what the phase did so far does not count */
static int phase_again(lua_State *L)
{
	struct lab *l = lab_of(L);

	l->ops->phase_begin(l->world);
	snapshot(L, l, l->before);
	return 0;
}

static json_t *observed(lua_State *L, int keys, int values)
{
	json_t *o = json_object();
	lua_Integer n = luaL_len(L, keys);

	for (lua_Integer i = 1; i <= n; i++) {
		lua_rawgeti(L, keys, i);
		lua_pushvalue(L, -1);
		lua_rawget(L, values);
		json_t *value = lab_json_of(L, -1, 0);

		json_object_set_new(o, luaL_tolstring(L, -2, NULL), value);
		lua_pop(L, 3);
	}
	return o;
}

static void check_expected(struct lab *l, const char *host, const json_t *deltas)
{
	const json_t *want = json_object_get(json_object_get(l->phase, "expect"), host);
	const char *name;
	json_t *v;

	json_object_foreach ((json_t *)want, name, v) {
		json_int_t have = json_integer_value(json_object_get(deltas, name));

		if (json_integer_value(v) != have)
			json_array_append_new(l->failures,
			                      json_sprintf("phase '%s': host %s: %s is %lld, expected %lld",
			                                   json_string_value(json_object_get(l->phase, "phase")), host,
			                                   name, (long long)have, (long long)json_integer_value(v)));
	}
}

/* phase_end(keys, values) */
static int phase_end(lua_State *L)
{
	struct lab *l = lab_of(L);
	struct lab_counters after[LAB_HOSTS_MAX] = {{0}};

	snapshot(L, l, after);
	lab_ladder_phase(l, NULL);
	for (int h = 0; h < l->net.host_count; h++) {
		char label[LAB_NAME_MAX + 8];
		json_t *d = lab_counters_diff(&l->before[h], &after[h]);

		snprintf(label, sizeof label, "host %s", l->net.host[h].name);
		check_expected(l, l->net.host[h].name, d);
		json_object_set_new(l->phase, label, d);
		lab_counters_free(&after[h]);
		lab_counters_free(&l->before[h]);
	}
	json_object_del(l->phase, "expect");
	json_object_set_new(l->phase, "observations", observed(L, 1, 2));
	json_t *whys = l->ops->phase_whys(l->world);

	if (whys)
		json_object_set_new(l->phase, "why", whys);
	json_array_append_new(l->phases, l->phase);
	l->phase = NULL;
	l->in_phase = false;
	return 0;
}

/* observe(keys, values): of the whole experiment */
static int observe(lua_State *L)
{
	json_t *o = observed(L, 1, 2);

	json_object_update(lab_of(L)->observations, o);
	json_decref(o);
	return 0;
}

static int fail(lua_State *L)
{
	struct lab *l = lab_of(L);
	const char *phase = l->phase ? json_string_value(json_object_get(l->phase, "phase")) : NULL;
	const char *text = luaL_checkstring(L, 1);

	json_array_append_new(l->failures, phase ? json_sprintf("phase '%s': %s", phase, text) : json_string(text));
	return 0;
}

/* An experiment that would have to change the whole machine ends before it has begun. */
static int not_on_kernel(lua_State *L, const char *why)
{
	struct lab *l = lab_of(L);

	if (l->ops != &lab_world_kernel)
		return 0;
	free(l->not_here);
	l->not_here = strdup(why);
	if (!l->not_here)
		abort();
	return luaL_error(L, "not on the kernel: %s", why);
}

/* limits(settle seconds or nil, limit seconds or nil, generations or nil, why not on the kernel or nil): gives the settle
 * time now in force */
static int limits(lua_State *L)
{
	struct lab *l = lab_of(L);

	if (!lua_isnoneornil(L, 1))
		l->settle_s = luaL_checknumber(L, 1);
	if (!lua_isnoneornil(L, 2))
		l->limit_s = luaL_checknumber(L, 2);
	if (!lua_isnoneornil(L, 3)) {
		l->generations = lab_linux_of(luaL_checkstring(L, 3));
		luaL_argcheck(L, l->generations, 3, "generations = '3.10' or '4.15'");
	}
	if (!lua_isnoneornil(L, 4))
		not_on_kernel(L, luaL_checkstring(L, 4));
	lua_pushnumber(L, l->settle_s);
	return 1;
}

void lab_api_phase(lua_State *L)
{
	static const luaL_Reg verbs[] = {
		{"phase_begin", phase_begin}, {"phase_again", phase_again},
		{"phase_end", phase_end},     {"observe", observe},
		{"fail", fail},               {"limits", limits},
		{NULL, NULL},
	};

	luaL_setfuncs(L, verbs, 0);
}
