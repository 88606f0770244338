/* SPDX-License-Identifier: MIT
 * lab: the socket verbs that prelude.lua builds on.  Each takes a host's number and a descriptor, never blocks, and gives
 * its value, or nil, the error's text and its name ("EAGAIN"). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "inside.h"

#define RECV_MAX (1 << 20)

#define VERB(call) (lab_of(L)->ops->call)

static struct lab_world *world(lua_State *L)
{
	return lab_of(L)->world;
}

#define check_host lab_check_host

static int check_fd(lua_State *L)
{
	lua_Integer fd = luaL_checkinteger(L, 2);

	luaL_argcheck(L, fd >= 0 && fd < INT32_MAX, 2, "the socket is closed");
	return (int)fd;
}

static struct ho_endpoint check_endpoint(lua_State *L, int arg)
{
	lua_Integer port = luaL_optinteger(L, arg + 1, 0);

	luaL_argcheck(L, port >= 0 && port <= 65535, arg + 1, "a port is 0 to 65535");
	return (struct ho_endpoint){.addr = lab_check_addr(L, arg), .port = (uint16_t)port};
}

static int push_endpoint(lua_State *L, struct ho_endpoint e)
{
	lab_push_addr(L, e.addr);
	lua_pushinteger(L, e.port);
	return 2;
}

static int sock_open(lua_State *L)
{
	static const char *const kinds[] = {"tcp", "udp", "ping", "raw", NULL};
	int h = check_host(L), protocol = (int)luaL_optinteger(L, 3, HO_IPPROTO_ICMP);
	enum lab_sock_kind kind = (enum lab_sock_kind)luaL_checkoption(L, 2, "tcp", kinds);

	return lab_give(L, VERB(sock_open)(world(L), h, kind, protocol));
}

static int give_true(lua_State *L, int r)
{
	if (r < 0)
		return lab_give(L, r);
	lua_pushboolean(L, true);
	return 1;
}

static int sock_bind(lua_State *L)
{
	return give_true(L, VERB(bind)(world(L), check_host(L), check_fd(L), check_endpoint(L, 3)));
}

static int sock_listen(lua_State *L)
{
	int backlog = (int)luaL_checkinteger(L, 3);

	return give_true(L, VERB(listen)(world(L), check_host(L), check_fd(L), backlog));
}

static int sock_accept(lua_State *L)
{
	struct ho_endpoint peer = {0};
	int r = VERB(accept)(world(L), check_host(L), check_fd(L), &peer);

	if (r < 0)
		return lab_give(L, r);
	lua_pushinteger(L, r);
	return 1 + push_endpoint(L, peer);
}

static int sock_connect(lua_State *L)
{
	return give_true(L, VERB(connect)(world(L), check_host(L), check_fd(L), check_endpoint(L, 3)));
}

static int sock_send(lua_State *L)
{
	size_t len;
	const char *data = luaL_checklstring(L, 3, &len);
	int flags = (int)luaL_optinteger(L, 4, 0);

	return lab_give(L, VERB(send)(world(L), check_host(L), check_fd(L), data, len, flags | HO_MSG_NOSIGNAL));
}

static int sock_sendto(lua_State *L)
{
	size_t len;
	const char *data = luaL_checklstring(L, 3, &len);
	int flags = (int)luaL_optinteger(L, 6, 0);

	return lab_give(L, VERB(sendto)(world(L), check_host(L), check_fd(L), data, len, flags, check_endpoint(L, 4)));
}

static size_t check_size(lua_State *L, int arg)
{
	lua_Integer n = luaL_checkinteger(L, arg);

	luaL_argcheck(L, n > 0 && n <= RECV_MAX, arg, "1 to 1048576 bytes");
	return (size_t)n;
}

static int sock_recv(lua_State *L)
{
	size_t n = check_size(L, 3);
	int flags = (int)luaL_optinteger(L, 4, 0), h = check_host(L), fd = check_fd(L);
	luaL_Buffer b;
	char *to = luaL_buffinitsize(L, &b, n);
	ptrdiff_t r = VERB(recv)(world(L), h, fd, to, n, flags);

	luaL_pushresultsize(&b, r > 0 ? (size_t)r : 0);
	return r < 0 ? lab_give(L, r) : 1;
}

static int sock_recvfrom(lua_State *L)
{
	size_t n = check_size(L, 3);
	int h = check_host(L), fd = check_fd(L);
	struct ho_endpoint from = {0};
	luaL_Buffer b;
	char *to = luaL_buffinitsize(L, &b, n);
	ptrdiff_t r = VERB(recvfrom)(world(L), h, fd, to, n, &from);

	luaL_pushresultsize(&b, r > 0 ? (size_t)r : 0);
	return r < 0 ? lab_give(L, r) : 1 + push_endpoint(L, from);
}

static void push_sock_error(lua_State *L, const struct ho_sock_error *e)
{
	static const char *const origins[] = {[HO_ORIGIN_LOCAL] = "local", [HO_ORIGIN_ICMP] = "icmp"};

	lua_createtable(L, 0, 9);
#define FIELD(name, value) (lua_pushinteger(L, (lua_Integer)(value)), lua_setfield(L, -2, name))
	FIELD("errno", e->err), FIELD("type", e->type), FIELD("code", e->code), FIELD("info", e->info);
	FIELD("port", e->destination.port);
#undef FIELD
	lua_pushstring(L, e->origin == HO_ORIGIN_LOCAL || e->origin == HO_ORIGIN_ICMP ? origins[e->origin] : "other");
	lua_setfield(L, -2, "origin");
	lab_push_addr(L, e->destination.addr);
	lua_setfield(L, -2, "dst");
	lab_push_addr(L, e->offender);
	lua_setfield(L, -2, "offender");
}

/* The oldest error of IP_RECVERR as a table; data is what it quotes. */
static int sock_recv_error(lua_State *L)
{
	struct ho_sock_error e;
	char data[2048];
	ptrdiff_t n = VERB(recv_error)(world(L), check_host(L), check_fd(L), &e, data, sizeof data);

	if (n < 0)
		return lab_give(L, n);
	push_sock_error(L, &e);
	lua_pushlstring(L, data, (size_t)n);
	lua_setfield(L, -2, "data");
	return 1;
}

static int sock_disconnect(lua_State *L)
{
	return give_true(L, VERB(disconnect)(world(L), check_host(L), check_fd(L)));
}

static int sock_shutdown(lua_State *L)
{
	static const char *const ways[] = {"r", "w", "rw", NULL};
	int how = luaL_checkoption(L, 3, "w", ways);

	return give_true(L, VERB(shutdown)(world(L), check_host(L), check_fd(L), how));
}

/* close(h, fd): true, or a number for wait(): it goes on */
static int sock_close(lua_State *L)
{
	int r = VERB(close_sock)(world(L), check_host(L), check_fd(L));

	return r > 0 ? lab_give(L, r) : give_true(L, r);
}

static int sock_blocking(lua_State *L)
{
	return give_true(L, VERB(blocking)(world(L), check_host(L), check_fd(L)));
}

/* ---- options by name ---- */
enum shape { INT, LINGER, TEXT, INFO, MEMORY };
static const struct option {
	const char *name;
	int level, number;
	enum shape shape;
} options[] = {
	{"SO_REUSEADDR", HO_SOL_SOCKET, HO_SO_REUSEADDR, INT},
	{"SO_BROADCAST", HO_SOL_SOCKET, HO_SO_BROADCAST, INT},
	{"SO_NO_CHECK", HO_SOL_SOCKET, HO_SO_NO_CHECK, INT},
	{"SO_MEMINFO", HO_SOL_SOCKET, HO_SO_MEMINFO, MEMORY},
	{"SO_ERROR", HO_SOL_SOCKET, HO_SO_ERROR, INT},
	{"SO_SNDBUF", HO_SOL_SOCKET, HO_SO_SNDBUF, INT},
	{"SO_RCVBUF", HO_SOL_SOCKET, HO_SO_RCVBUF, INT},
	{"SO_SNDBUFFORCE", HO_SOL_SOCKET, HO_SO_SNDBUFFORCE, INT},
	{"SO_RCVBUFFORCE", HO_SOL_SOCKET, HO_SO_RCVBUFFORCE, INT},
	{"SO_BUF_LOCK", HO_SOL_SOCKET, HO_SO_BUF_LOCK, INT},
	{"SO_KEEPALIVE", HO_SOL_SOCKET, HO_SO_KEEPALIVE, INT},
	{"SO_OOBINLINE", HO_SOL_SOCKET, HO_SO_OOBINLINE, INT},
	{"SO_LINGER", HO_SOL_SOCKET, HO_SO_LINGER, LINGER},
	{"SO_REUSEPORT", HO_SOL_SOCKET, HO_SO_REUSEPORT, INT},
	{"SO_RCVLOWAT", HO_SOL_SOCKET, HO_SO_RCVLOWAT, INT},
	{"SO_MAX_PACING_RATE", HO_SOL_SOCKET, HO_SO_MAX_PACING_RATE, INT},
	{"SO_ACCEPTCONN", HO_SOL_SOCKET, HO_SO_ACCEPTCONN, INT},
	{"IP_TOS", HO_SOL_IP, HO_IP_TOS, INT},
	{"IP_TTL", HO_SOL_IP, HO_IP_TTL, INT},
	{"IP_HDRINCL", HO_SOL_IP, HO_IP_HDRINCL, INT},
	{"IP_RECVERR", HO_SOL_IP, HO_IP_RECVERR, INT},
	{"IP_MINTTL", HO_SOL_IP, HO_IP_MINTTL, INT},
	{"IP_MULTICAST_TTL", HO_SOL_IP, HO_IP_MULTICAST_TTL, INT},
	{"IP_MULTICAST_LOOP", HO_SOL_IP, HO_IP_MULTICAST_LOOP, INT},
	{"ICMP_FILTER", HO_SOL_RAW, HO_ICMP_FILTER, INT},
	{"IP_MTU_DISCOVER", HO_SOL_IP, HO_IP_MTU_DISCOVER, INT},
	{"IP_MTU", HO_SOL_IP, HO_IP_MTU, INT},
	{"UDP_SEGMENT", HO_SOL_UDP, HO_UDP_SEGMENT, INT},
	{"UDP_GRO", HO_SOL_UDP, HO_UDP_GRO, INT},
	{"TCP_NODELAY", HO_SOL_TCP, HO_TCP_NODELAY, INT},
	{"TCP_MAXSEG", HO_SOL_TCP, HO_TCP_MAXSEG, INT},
	{"TCP_CORK", HO_SOL_TCP, HO_TCP_CORK, INT},
	{"TCP_KEEPIDLE", HO_SOL_TCP, HO_TCP_KEEPIDLE, INT},
	{"TCP_KEEPINTVL", HO_SOL_TCP, HO_TCP_KEEPINTVL, INT},
	{"TCP_KEEPCNT", HO_SOL_TCP, HO_TCP_KEEPCNT, INT},
	{"TCP_SYNCNT", HO_SOL_TCP, HO_TCP_SYNCNT, INT},
	{"TCP_LINGER2", HO_SOL_TCP, HO_TCP_LINGER2, INT},
	{"TCP_DEFER_ACCEPT", HO_SOL_TCP, HO_TCP_DEFER_ACCEPT, INT},
	{"TCP_WINDOW_CLAMP", HO_SOL_TCP, HO_TCP_WINDOW_CLAMP, INT},
	{"TCP_INFO", HO_SOL_TCP, HO_TCP_INFO, INFO},
	{"TCP_QUICKACK", HO_SOL_TCP, HO_TCP_QUICKACK, INT},
	{"TCP_CONGESTION", HO_SOL_TCP, HO_TCP_CONGESTION, TEXT},
	{"TCP_USER_TIMEOUT", HO_SOL_TCP, HO_TCP_USER_TIMEOUT, INT},
	{"TCP_FASTOPEN", HO_SOL_TCP, HO_TCP_FASTOPEN, INT},
	{"TCP_FASTOPEN_CONNECT", HO_SOL_TCP, HO_TCP_FASTOPEN_CONNECT, INT},
	{"TCP_FASTOPEN_NO_COOKIE", HO_SOL_TCP, HO_TCP_FASTOPEN_NO_COOKIE, INT},
	{"TCP_NOTSENT_LOWAT", HO_SOL_TCP, HO_TCP_NOTSENT_LOWAT, INT},
	{"TCP_RTO_MAX_MS", HO_SOL_TCP, HO_TCP_RTO_MAX_MS, INT},
};

static const struct option *check_option(lua_State *L, int arg)
{
	const char *name = luaL_checkstring(L, arg);

	for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
		if (strcmp(options[i].name, name) == 0)
			return &options[i];
	luaL_argerror(L, arg, "no such socket option here");
	return NULL;
}

/* setopt(h, fd, name, value): an integer, a boolean, a string, or {on, seconds} for SO_LINGER */
static int sock_setopt(lua_State *L)
{
	int h = check_host(L), fd = check_fd(L);
	const struct option *o = check_option(L, 3);

	if (o->shape == TEXT) {
		size_t len;
		const char *text = luaL_checklstring(L, 4, &len);

		return give_true(L, VERB(setopt)(world(L), h, fd, o->level, o->number, text, len));
	}
	if (o->shape == LINGER) {
		struct ho_linger v;

		luaL_checktype(L, 4, LUA_TTABLE);
		lua_rawgeti(L, 4, 1);
		lua_rawgeti(L, 4, 2);
		v.l_onoff = (int32_t)lua_tointeger(L, -2);
		v.l_linger = (int32_t)lua_tointeger(L, -1);
		return give_true(L, VERB(setopt)(world(L), h, fd, o->level, o->number, &v, sizeof v));
	}
	luaL_argcheck(L, o->shape == INT, 3, "this option can only be read");
	int32_t v = lua_isboolean(L, 4) ? lua_toboolean(L, 4) : (int32_t)luaL_checkinteger(L, 4);

	return give_true(L, VERB(setopt)(world(L), h, fd, o->level, o->number, &v, sizeof v));
}

static void push_info(lua_State *L, const struct ho_tcp_info *i)
{
#define FIELD(name) lua_pushinteger(L, (lua_Integer)i->tcpi_##name), lua_setfield(L, -2, #name);
	lua_createtable(L, 0, 64);
	FIELD(state) FIELD(options) FIELD(snd_wscale) FIELD(rcv_wscale)
	FIELD(delivery_rate_app_limited) FIELD(fastopen_client_fail)
	HO_TCP_INFO_FIELDS(FIELD)
#undef FIELD
}

static void push_memory(lua_State *L, const uint32_t *m, size_t count)
{
	static const char *const names[] = {"rmem_alloc", "rcvbuf", "wmem_alloc", "sndbuf", "fwd_alloc", "wmem_queued",
	                                    "optmem", "backlog", "drops"};

	lua_createtable(L, 0, 9);
	for (size_t i = 0; i < count && i < sizeof names / sizeof names[0]; i++) {
		lua_pushinteger(L, m[i]);
		lua_setfield(L, -2, names[i]);
	}
}

static int sock_getopt(lua_State *L)
{
	int h = check_host(L), fd = check_fd(L);
	const struct option *o = check_option(L, 3);
	union {
		int32_t number;
		struct ho_linger linger;
		struct ho_tcp_info info;
		uint32_t memory[9];
		char text[64];
	} v;
	size_t len = o->shape == INT      ? 4
	             : o->shape == LINGER ? sizeof v.linger
	             : o->shape == TEXT   ? sizeof v.text
	             : o->shape == MEMORY ? sizeof v.memory
	                                  : sizeof v.info;

	memset(&v, 0, sizeof v);
	int r = VERB(getopt)(world(L), h, fd, o->level, o->number, &v, &len);

	if (r < 0)
		return lab_give(L, r);
	if (o->shape == INT) {
		lua_pushinteger(L, v.number);
	} else if (o->shape == TEXT) {
		lua_pushlstring(L, v.text, strnlen(v.text, len));
	} else if (o->shape == MEMORY) {
		push_memory(L, v.memory, len / sizeof v.memory[0]);
	} else if (o->shape == INFO) {
		push_info(L, &v.info);
	} else {
		lua_createtable(L, 2, 0);
		lua_pushinteger(L, v.linger.l_onoff);
		lua_rawseti(L, -2, 1);
		lua_pushinteger(L, v.linger.l_linger);
		lua_rawseti(L, -2, 2);
	}
	return 1;
}

/* The pending error, taken: true if there is none, else nil, text, name. */
static int sock_error(lua_State *L)
{
	int32_t e = 0;
	size_t len = sizeof e;
	int r = VERB(getopt)(world(L), check_host(L), check_fd(L), HO_SOL_SOCKET, HO_SO_ERROR, &e, &len);

	return give_true(L, r < 0 ? r : -e);
}

static int sock_poll(lua_State *L)
{
	lua_pushinteger(L, VERB(poll)(world(L), check_host(L), check_fd(L)));
	return 1;
}

static int sock_name(lua_State *L)
{
	struct ho_endpoint e = {0};
	int r = VERB(sock_name)(world(L), check_host(L), check_fd(L), &e);

	return r < 0 ? lab_give(L, r) : push_endpoint(L, e);
}

static int sock_peer(lua_State *L)
{
	struct ho_endpoint e = {0};
	int r = VERB(sock_peer)(world(L), check_host(L), check_fd(L), &e);

	return r < 0 ? lab_give(L, r) : push_endpoint(L, e);
}

static int sock_inq(lua_State *L)
{
	return lab_give(L, VERB(inq)(world(L), check_host(L), check_fd(L)));
}

static int sock_outq(lua_State *L)
{
	return lab_give(L, VERB(outq)(world(L), check_host(L), check_fd(L)));
}

void lab_api_sock(lua_State *L)
{
	static const luaL_Reg verbs[] = {
		{"socket", sock_open},       {"bind", sock_bind},
		{"listen", sock_listen},     {"accept", sock_accept},
		{"connect", sock_connect},   {"send", sock_send},
		{"sendto", sock_sendto},     {"recv", sock_recv},
		{"recvfrom", sock_recvfrom}, {"shutdown", sock_shutdown},
		{"recv_error", sock_recv_error}, {"disconnect", sock_disconnect},
		{"close", sock_close},       {"blocking", sock_blocking}, {"setopt", sock_setopt},
		{"getopt", sock_getopt},     {"error", sock_error},
		{"poll", sock_poll},         {"name", sock_name},
		{"peer", sock_peer},         {"inq", sock_inq},
		{"outq", sock_outq},         {NULL, NULL},
	};

	luaL_setfuncs(L, verbs, 0);
}
