/* SPDX-License-Identifier: MIT
 * lab: one run of one experiment in one world.
 *
 * The script is a coroutine, and so is every spawn()ed function.  A verb that blocks is, in prelude.lua, a verb that does
 * not block and core.wait, which yields.  The engine resumes whoever can go on; when nobody can, it lets the world go on
 * (virtual time on the stack, real time on the kernel) until a socket is ready, a packet has passed or a time has come.
 *
 *     runnable --core.wait--> waiting --(ready | packet | time)--> runnable --returns--> done
 *
 * Packets move only while everybody waits.  That is so in both worlds: calls take no time. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "inside.h"
#include "ladder.h"

#define HOOK_EVERY 1000000          /* VM instructions between two looks at the clock */
#define COMPUTE_LIMIT (60 * HO_SEC) /* wall time that a run on the stack may take */
#define VIRTUAL_LIMIT_S 1e7
#define START_NS (50 * HO_MS) /* what namespaces need to settle; the same in both worlds */

struct lab *lab_of(lua_State *L)
{
	return *(struct lab **)lua_getextraspace(L);
}

void lab_fatal(struct lab *l, const char *fmt, ...)
{
	va_list ap;

	if (l->fatal)
		return;
	va_start(ap, fmt);
	if (vasprintf(&l->fatal, fmt, ap) < 0)
		abort();
	va_end(ap);
}

ho_time_ns lab_ns(double seconds)
{
	if (!(seconds > 0))
		return 0;
	return seconds > 1e9 ? HO_NEVER : (ho_time_ns)(seconds * 1e9 + 0.5);
}

int lab_give(lua_State *L, ptrdiff_t r)
{
	if (r >= 0) {
		lua_pushinteger(L, r);
		return 1;
	}
	const char *name = strerrorname_np((int)-r);

	lua_pushnil(L);
	lua_pushstring(L, strerror((int)-r));
	lua_pushstring(L, name ? name : "?");
	return 3;
}

/* ---- tasks ---- */
static struct lab_task *task_add(struct lab *l, lua_State *L) /* the function is on top of L; it is taken */
{
	struct lab_task *t = calloc(1, sizeof *t), **at = &l->tasks;

	if (!t)
		abort();
	t->co = lua_newthread(L);
	t->ref = luaL_ref(L, LUA_REGISTRYINDEX);
	lua_xmove(L, t->co, 1);
	while (*at)
		at = &(*at)->next;
	*at = t;
	return t;
}

static int core_spawn(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TFUNCTION);
	lua_settop(L, 1);
	lua_pushlightuserdata(L, task_add(lab_of(L), L));
	return 1;
}

static int core_done(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TLIGHTUSERDATA);
	lua_pushboolean(L, ((struct lab_task *)lua_touserdata(L, 1))->done);
	return 1;
}

static int core_now(lua_State *L)
{
	struct lab *l = lab_of(L);

	lua_pushnumber(L, (double)l->ops->now(l->world) / 1e9);
	return 1;
}

static int wait_over(lua_State *L, int status, lua_KContext ctx)
{
	(void)status, (void)ctx;
	lua_pushboolean(L, lab_of(L)->running->woken_by_event);
	return 1;
}

/* wait(until or nil, host or nil, fd, mask): true if the socket is ready; host -1: true if a packet passed;
 * false when the time has come */
static int core_wait(lua_State *L)
{
	struct lab *l = lab_of(L);
	struct lab_task *t = l->running;

	if (!t || t->co != L)
		return luaL_error(L, "only the experiment and its spawned tasks can wait, a wire rule cannot");
	t->until = lua_isnoneornil(L, 1) ? HO_NEVER : lab_ns(luaL_checknumber(L, 1));
	t->for_sock = t->for_packet = false;
	if (!lua_isnoneornil(L, 2)) {
		lua_Integer h = luaL_checkinteger(L, 2);

		t->for_packet = h < 0;
		t->for_sock = h >= 0 && h < l->net.host_count;
		t->want.host = (int)h;
		t->want.fd = (int)luaL_optinteger(L, 3, -1);
		t->want.mask = (uint32_t)luaL_optinteger(L, 4, 0);
	}
	t->packets_seen = l->wire.seen;
	t->waits = true;
	l->begun = true;
	return lua_yieldk(L, 0, 0, wait_over);
}

static bool want_holds(struct lab *l, const struct lab_want *w)
{
	if (w->mask == LAB_CLOSED)
		return l->ops->close_waits(l->world, w->host, w->fd) == 0;
	return l->ops->poll(l->world, w->host, w->fd) & (w->mask | HO_ERR | HO_HUP);
}

/* Can the task go on?  Says why. */
static bool task_ready(struct lab *l, struct lab_task *t)
{
	t->woken_by_event = true;
	if (t->for_sock && want_holds(l, &t->want))
		return true;
	if (t->for_packet && l->wire.seen != t->packets_seen)
		return true;
	t->woken_by_event = false;
	return t->until != HO_NEVER && l->ops->now(l->world) >= t->until;
}

static void task_resume(struct lab *l, struct lab_task *t)
{
	int results;

	t->waits = false;
	l->running = t;
	int r = lua_resume(t->co, NULL, 0, &results);

	l->running = NULL;
	if (r == LUA_YIELD) {
		lua_pop(t->co, results);
		if (!t->waits)
			lab_fatal(l, "a task yielded by itself");
		return;
	}
	t->done = true;
	if (r != LUA_OK) {
		const char *text = lua_tostring(t->co, -1);

		luaL_traceback(l->L, t->co, text ? text : "(an error that is no text)", 0);
		lab_fatal(l, "%s", lua_tostring(l->L, -1));
		lua_pop(l->L, 1);
	}
}

/* ---- time ---- */
static void show_progress(struct lab *l)
{
	ho_time_ns now = ho_clock_now();

	if (!l->progress || now - l->progress_at < HO_SEC / 2)
		return;
	l->progress_at = now;
	const char *phase = l->phase ? json_string_value(json_object_get(l->phase, "phase")) : "";

	fprintf(l->opt->err, "\r\033[K%s on %s: %5.1f s  %s", l->name, l->ops->name,
	        (double)l->ops->now(l->world) / 1e9, phase);
	fflush(l->opt->err);
}

static void check_limits(struct lab *l)
{
	double t = (double)l->ops->now(l->world) / 1e9;

	if (l->ops == &lab_world_stack) {
		if (ho_clock_now() - l->wall_start > COMPUTE_LIMIT)
			lab_fatal(l, "stopped: more than %d s of computing", (int)(COMPUTE_LIMIT / HO_SEC));
		if (t > VIRTUAL_LIMIT_S)
			lab_fatal(l, "stopped: %.0f s of virtual time", t);
	} else if (t > l->limit_s) {
		lab_fatal(l, "stopped: longer than %.0f s (experiment{limit = ...} sets it)", l->limit_s);
	}
}

static void hook(lua_State *L, lua_Debug *ar)
{
	struct lab *l = lab_of(L);

	(void)ar;
	check_limits(l);
	if (l->fatal)
		luaL_error(L, "%s", l->fatal);
}

#define WANTS_MAX 256

static void world_wait(struct lab *l)
{
	struct lab_want want[WANTS_MAX];
	int n = 0;
	ho_time_ns until = HO_NEVER, limit = lab_ns(l->limit_s) + HO_MS;

	for (struct lab_task *t = l->tasks; t; t = t->next) {
		if (t->done)
			continue;
		if (t->until < until)
			until = t->until;
		if (t->for_sock && n < WANTS_MAX)
			want[n++] = t->want;
	}
	if (l->ops != &lab_world_stack && until > limit)
		until = limit;
	if (until > lab_ladder_look_at(l))
		until = lab_ladder_look_at(l);
	if (l->ops->wait(l->world, until, want, n) == -EDEADLK)
		lab_fatal(l, "everybody waits, without a timeout, and nothing will ever happen again");
}

/* Runs until the first task (the script) is done. */
static void run_tasks(struct lab *l)
{
	while (!l->tasks->done && !l->fatal) {
		bool ran = false;

		for (struct lab_task *t = l->tasks; t && !l->fatal && !l->tasks->done; t = t->next)
			if (!t->done && (!t->waits || task_ready(l, t))) {
				task_resume(l, t);
				lab_ladder_sample(l, false);
				ran = true;
			}
		if (ran || l->fatal || l->tasks->done)
			continue;
		world_wait(l);
		lab_ladder_waited(l);
		check_limits(l);
		show_progress(l);
	}
}

/* ---- the Lua state ---- */
static const luaL_Reg safe_libs[] = {
	{LUA_GNAME, luaopen_base},       {LUA_TABLIBNAME, luaopen_table}, {LUA_STRLIBNAME, luaopen_string},
	{LUA_MATHLIBNAME, luaopen_math}, {LUA_UTF8LIBNAME, luaopen_utf8}, {NULL, NULL},
};

static void *lua_memory(void *ud, void *block, size_t old, size_t size)
{
	(void)ud, (void)old;
	if (size == 0) {
		free(block);
		return NULL;
	}
	return realloc(block, size);
}

static int open_state(lua_State *L)
{
	static const luaL_Reg verbs[] = {
		{"spawn", core_spawn}, {"done", core_done}, {"now", core_now}, {"wait", core_wait}, {NULL, NULL},
	};
	static const char *const unwanted[] = {"dofile", "loadfile", "require", "collectgarbage", NULL};
	struct lab *l = lab_of(L);

	for (const luaL_Reg *lib = safe_libs; lib->func; lib++) {
		luaL_requiref(L, lib->name, lib->func, 1);
		lua_pop(L, 1);
	}
	for (int i = 0; unwanted[i]; i++) {
		lua_pushnil(L);
		lua_setglobal(L, unwanted[i]);
	}
	if (luaL_loadbufferx(L, lab_prelude, strlen(lab_prelude), "=prelude", "t") != LUA_OK)
		return lua_error(L);
	lua_newtable(L);
	luaL_setfuncs(L, verbs, 0);
	lab_api_sock(L);
	lab_api_host(L);
	lab_api_wire(L);
	lab_api_net(L);
	lab_api_phase(L);
	lua_pushstring(L, l->ops->name);
	lua_setfield(L, -2, "world");
	lua_pushinteger(L, (lua_Integer)l->seed);
	lua_setfield(L, -2, "seed");
	lua_call(L, 1, 0);
	return 0;
}

static const struct {
	const char *name;
	uint32_t profile;
} linuxes[] = {{"6.18", HO_LINUX_6_18}, {"4.15", HO_LINUX_4_15}, {"3.10", HO_LINUX_3_10}};

const char *lab_linux_name(uint32_t profile)
{
	for (size_t i = 0; i < sizeof linuxes / sizeof linuxes[0]; i++)
		if (linuxes[i].profile == profile)
			return linuxes[i].name;
	return "?";
}

uint32_t lab_linux_of(const char *name)
{
	for (size_t i = 0; i < sizeof linuxes / sizeof linuxes[0]; i++)
		if (strcmp(linuxes[i].name, name) == 0)
			return linuxes[i].profile;
	return 0;
}

static json_t *result_of(struct lab *l)
{
	json_t *r = json_pack("{s:s, s:s}", "experiment", l->name, "on", l->ops->name);

	if (l->world) {
		l->ops->describe(l->world, r);
		json_object_set_new(r, "seconds", json_real((double)(l->ops->now(l->world) / HO_MS) / 1e3));
	}
	if (l->opt->linux_profile)
		json_object_set_new(r, "linux", json_string(lab_linux_name(l->opt->linux_profile)));
	if (l->generations)
		json_object_set_new(r, "generations", json_string(lab_linux_name(l->generations)));
	if (l->not_here)
		json_object_set_new(r, "not here", json_string(l->not_here));
	json_object_set(r, "phases", l->phases);
	if (json_object_size(l->observations))
		json_object_set(r, "observations", l->observations);
	json_object_set(r, "trace", l->wire.lines);
	if (json_array_size(l->failures))
		json_object_set(r, "failures", l->failures);
	if (l->ladder)
		json_object_set_new(r, "ladder", lab_ladder_json(l));
	return r;
}

void lab_run_free(struct lab *l)
{
	if (!l)
		return;
	if (l->L)
		lua_close(l->L);
	if (l->world)
		l->ops->close(l->world);
	while (l->tasks) {
		struct lab_task *t = l->tasks;

		l->tasks = t->next;
		free(t);
	}
	for (int h = 0; h < LAB_HOSTS_MAX; h++)
		lab_counters_free(&l->before[h]);
	lab_wire_free(l);
	lab_ladder_free(l->ladder);
	json_decref(l->phase);
	json_decref(l->phases);
	json_decref(l->observations);
	json_decref(l->failures);
	free(l->fatal);
	free(l->not_here);
	free(l);
}

int lab_world_make(struct lab *l)
{
	char why[256] = "";

	if (l->world)
		l->ops->close(l->world);
	l->world = NULL;
	if (l->ops->open(l, &l->world, why, sizeof why) < 0) {
		lab_fatal(l, "%s", why);
		return -1;
	}
	while (l->ops->now(l->world) < START_NS)
		l->ops->wait(l->world, START_NS, NULL, 0);
	return 0;
}

/* Gives  0, or 2 when the script does not compile or the world cannot be made (fatal says why). */
static int run_open(struct lab *l, const char *text)
{
	l->L = lua_newstate(lua_memory, NULL);
	if (!l->L)
		abort();
	*(struct lab **)lua_getextraspace(l->L) = l;
	lua_pushcfunction(l->L, open_state);
	if (lua_pcall(l->L, 0, 0, 0) != LUA_OK) {
		lab_fatal(l, "%s", lua_tostring(l->L, -1));
		return 2;
	}
	lua_sethook(l->L, hook, LUA_MASKCOUNT, HOOK_EVERY); /* threads made from here on inherit it */
	l->wire.rule_thread = lua_newthread(l->L);
	luaL_ref(l->L, LUA_REGISTRYINDEX);
	lua_pushfstring(l->L, "@%s", l->name);
	if (luaL_loadbufferx(l->L, text, strlen(text), lua_tostring(l->L, -1), "t") != LUA_OK) {
		lab_fatal(l, "%s", lua_tostring(l->L, -1));
		return 2;
	}
	task_add(l, l->L);
	lab_net_default(&l->net);
	return lab_world_make(l) ? 2 : 0;
}

json_t *lab_experiment_run(const struct lab_run_options *o, const char *name, const char *text,
                           const struct lab_world_ops *ops, struct lab_pcap *pcap, bool progress, int *status,
                           struct lab **kept)
{
	struct lab *l = calloc(1, sizeof *l);

	if (!l)
		abort();
	*l = (struct lab){
		.opt = o,
		.name = name,
		.ops = ops,
		.pcap = pcap,
		.progress = progress,
		.settle_s = 0.15,
		.limit_s = 600,
		.seed = o->seed_given ? o->seed : 1,
		.phases = json_array(),
		.observations = json_object(),
		.failures = json_array(),
		.wire = {.lines = json_array(), .rule_ref = LUA_NOREF},
		.wall_start = ho_clock_now(),
	};
	if (o->html)
		l->ladder = lab_ladder_new();
	*status = run_open(l, text);
	if (*status == 0) {
		run_tasks(l);
		lab_sums_check(l);
		*status = !l->not_here && (l->fatal || json_array_size(l->failures)) ? 1 : 0;
	}
	if (l->progress)
		fprintf(o->err, "\r\033[K");
	if (l->fatal && !l->not_here)
		json_array_append_new(l->failures, json_string(l->fatal));
	json_t *r = result_of(l);

	if (kept)
		*kept = l;
	else
		lab_run_free(l);
	return r;
}
