/* SPDX-License-Identifier: MIT
 * lab: a packet enters the wire.  The same for both worlds: the experiment's rule is asked, the trace notes what became
 * of it, one line a packet with sequence numbers relative to the connection's first ones:
 *
 *     0.0000 A>B 40000>9000 S 0 win 65535 <mss 1460,sackOK>  [injected] */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "inside.h"

#define KEEP_PACKETS 20000
#define KEEP_LINES 400

static struct lab_flow *flow_find(struct lab_wire *w, int wire, uint32_t src, uint16_t sport, uint32_t dst,
                                  uint16_t dport)
{
	for (size_t i = w->flow_count; i-- > 0;) {
		struct lab_flow *f = &w->flow[i];

		if (f->wire == wire && f->src == src && f->dst == dst && f->sport == sport && f->dport == dport)
			return f;
	}
	return NULL;
}

static struct lab_flow *flow_of(struct lab_wire *w, int wire, const struct lab_seg *s)
{
	struct lab_flow *f = flow_find(w, wire, s->src, s->sport, s->dst, s->dport);

	if (!f) {
		if (w->flow_count == w->flow_cap) {
			w->flow_cap = w->flow_cap ? 2 * w->flow_cap : 64;
			w->flow = realloc(w->flow, w->flow_cap * sizeof *w->flow);
			if (!w->flow)
				abort();
		}
		f = &w->flow[w->flow_count++];
		*f = (struct lab_flow){.wire = wire,
		                       .src = s->src,
		                       .dst = s->dst,
		                       .sport = s->sport,
		                       .dport = s->dport,
		                       .isn = s->seq};
	}
	if (s->flags & LAB_SYN)
		f->isn = s->seq;
	return f;
}

/* ---- text ---- */
struct text {
	char buf[512];
	size_t len;
};

__attribute__((format(printf, 2, 3))) static void say(struct text *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(t->buf + t->len, sizeof t->buf - t->len, fmt, ap);
	va_end(ap);
	if (n > 0)
		t->len += (size_t)n < sizeof t->buf - t->len ? (size_t)n : sizeof t->buf - t->len - 1;
}

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void say_options(struct text *t, const struct lab_seg *s, uint32_t peer_isn)
{
	const char *sep = " <";
	const uint8_t *o = s->opts, *end = o + s->opts_len;

	while (o < end && *o) {
		if (*o == 1) {
			o++;
			continue;
		}
		if (end - o < 2 || o[1] < 2 || o + o[1] > end)
			break;
		unsigned kind = o[0], len = o[1];

		if (kind == 2 && len == 4)
			say(t, "%smss %u", sep, o[2] << 8 | o[3]);
		else if (kind == 3 && len == 3)
			say(t, "%swscale %u", sep, o[2]);
		else if (kind == 4)
			say(t, "%ssackOK", sep);
		else if (kind == 5) {
			say(t, "%ssack", sep);
			for (const uint8_t *b = o + 2; b + 8 <= o + len; b += 8)
				say(t, " %u:%u", be32(b) - peer_isn, be32(b + 4) - peer_isn);
		} else if (kind == 8)
			say(t, "%sTS", sep);
		else if (kind == 34) {
			say(t, "%sfastopen ", sep);
			for (unsigned i = 2; i < len; i++)
				say(t, "%02x", o[i]);
		} else
			say(t, "%sopt%u", sep, kind);
		sep = ",";
		o += len;
	}
	if (*sep == ',')
		say(t, ">");
}

static void say_tcp(struct text *t, struct lab_wire *w, int wire, const struct lab_seg *s)
{
	static const char *const ecn[] = {"", " ECT1", " ECT0", " CE"};
	struct lab_flow *back = flow_find(w, wire, s->dst, s->dport, s->src, s->sport);
	uint32_t peer_isn = back ? back->isn : s->ack;
	struct lab_flow *own = flow_find(w, wire, s->src, s->sport, s->dst, s->dport);
	uint32_t seq = s->flags & LAB_SYN || !own ? 0 : s->seq - own->isn;
	char flags[9];

	lab_flags_text(s->flags, flags);
	say(t, "%u>%u %s %u", s->sport, s->dport, flags, seq);
	if (s->data_len)
		say(t, ":%u(%zu)", seq + (uint32_t)s->data_len, s->data_len);
	if (s->flags & LAB_ACK)
		say(t, " ack %u", s->ack - peer_isn);
	say(t, " win %u", s->win);
	say_options(t, s, back ? back->isn : 0);
	say(t, "%s", ecn[s->tos & 3]);
}

static void say_packet(struct text *t, struct lab_wire *w, int wire, const struct lab_seg *s)
{
	if (s->tcp)
		say_tcp(t, w, wire, s);
	else if (s->frag & 0x3fff)
		say(t, "proto %u frag off %u%s len %zu", s->proto, (s->frag & 0x1fff) * 8u, s->frag & 0x2000 ? "+" : "",
		    s->l4_len);
	else if (s->proto == 17)
		say(t, "udp %u>%u len %zu", s->sport, s->dport, s->data_len);
	else if (s->proto == 1)
		say(t, "icmp type %u code %u len %zu", s->type, s->code, s->data_len);
	else
		say(t, "%u.%u.%u.%u>%u.%u.%u.%u proto %u len %zu", s->src >> 24, s->src >> 16 & 255, s->src >> 8 & 255,
		    s->src & 255, s->dst >> 24, s->dst >> 16 & 255, s->dst >> 8 & 255, s->dst & 255, s->proto,
		    s->l4_len);
}

void lab_wire_say(struct lab *l, int wire, const struct lab_seg *s, char *buf, size_t cap)
{
	struct text t = {.len = 0};

	say_packet(&t, &l->wire, wire, s);
	snprintf(buf, cap, "%s", t.buf);
}

/* ---- the trace ---- */
static void note_fresh(struct lab_wire *w, const struct lab_seg *s, struct lab_packet *p)
{
	if (!s->tcp || !s->data_len)
		return;
	struct lab_flow *f = flow_of(w, p->from / 2, s);
	uint32_t end = s->seq + (uint32_t)s->data_len;

	if (!f->has_max || (int32_t)(end - f->max_seq) > 0) {
		f->max_seq = end;
		f->has_max = true;
		f->data_count++;
		p->fresh = true;
	}
	p->nth = f->data_count;
}

static void packet_keep(struct lab_wire *w, struct lab_packet *p, const void *bytes, size_t len)
{
	w->seen++;
	if (w->count >= KEEP_PACKETS)
		return;
	if (w->count == w->cap) {
		w->cap = w->cap ? 2 * w->cap : 256;
		w->packet = realloc(w->packet, w->cap * sizeof *w->packet);
		if (!w->packet)
			abort();
	}
	p->len = (uint32_t)len;
	p->bytes = malloc(len ? len : 1);
	if (!p->bytes)
		abort();
	memcpy(p->bytes, bytes, len);
	w->packet[w->count++] = *p;
}

static void trace(struct lab *l, struct lab_packet *p, const struct lab_seg *s, const void *bytes, size_t len,
                  const char *verdict)
{
	struct lab_wire *w = &l->wire;
	struct text t = {.len = 0};

	packet_keep(w, p, bytes, len);
	ho_time_ns first = w->count ? w->packet[0].at : p->at;

	say(&t, "%9.4f %s>%s ", (double)(p->at - first) / 1e9, lab_net_name(&l->net, p->from),
	    lab_net_name(&l->net, p->from ^ 1));
	if (s->tcp)
		flow_of(w, p->from / 2, s);
	say_packet(&t, w, p->from / 2, s);
	if (verdict)
		say(&t, "  [%s]", verdict);
	if (json_array_size(w->lines) < KEEP_LINES)
		json_array_append_new(w->lines, json_stringn(t.buf, t.len));
}

/* ---- the rule: nil passes, 'drop', seconds, a list of seconds or {seconds, bytes} ---- */
static bool take_item(struct lab *l, lua_State *L, int idx, struct lab_verdict *v, const void *bytes, size_t len)
{
	if (v->count >= LAB_COPIES_MAX)
		return false;
	int n = v->count;

	v->item[n].bytes = bytes;
	v->item[n].len = len;
	if (lua_isnumber(L, idx)) {
		v->item[n].delay = lab_ns(lua_tonumber(L, idx));
	} else if (lua_istable(L, idx)) {
		size_t other_len;

		idx = lua_absindex(L, idx);
		lua_rawgeti(L, idx, 1);
		lua_rawgeti(L, idx, 2);
		v->item[n].delay = lab_ns(lua_tonumber(L, -2));
		const char *other = lua_tolstring(L, -1, &other_len);

		if (other && other_len <= LAB_FRAME_MAX) {
			uint8_t *copy = realloc(l->wire.copy[n], other_len + 1);

			if (!copy)
				abort();
			memcpy(copy, other, other_len);
			l->wire.copy[n] = copy;
			v->item[n].bytes = copy;
			v->item[n].len = other_len;
		}
		lua_pop(L, 2);
	} else {
		return false;
	}
	v->count++;
	return true;
}

static void take_verdict(struct lab *l, lua_State *L, struct lab_verdict *v, const void *bytes, size_t len)
{
	if (lua_isnil(L, -1))
		return;
	v->count = 0;
	if (lua_type(L, -1) == LUA_TSTRING && strcmp(lua_tostring(L, -1), "drop") == 0)
		return;
	if (lua_isnumber(L, -1)) {
		take_item(l, L, -1, v, bytes, len);
		return;
	}
	if (lua_istable(L, -1)) {
		lua_Integer n = luaL_len(L, -1);

		for (lua_Integer i = 1; i <= n; i++) {
			lua_rawgeti(L, -1, i);
			bool ok = take_item(l, L, -1, v, bytes, len);
			lua_pop(L, 1);
			if (!ok) {
				lab_fatal(l, "wire rule: item %d is neither seconds nor {seconds, packet} (at most %d)",
				          (int)i, LAB_COPIES_MAX);
				return;
			}
		}
		return;
	}
	lab_fatal(l, "wire rule: give nil, 'drop', seconds, or a list of seconds or {seconds, packet}");
}

static void ask_rule(struct lab *l, const struct lab_packet *p, const void *bytes, size_t len, struct lab_verdict *v)
{
	lua_State *L = l->wire.rule_thread;

	if (l->wire.rule_ref == LUA_NOREF || l->fatal)
		return;
	lua_rawgeti(L, LUA_REGISTRYINDEX, l->wire.rule_ref);
	lab_push_packet(L, &l->net, p, bytes, len);
	l->wire.in_rule = true;
	int err = lua_pcall(L, 1, 1, 0);

	l->wire.in_rule = false;
	if (err != LUA_OK)
		lab_fatal(l, "wire rule: %s", lua_tostring(L, -1));
	else
		take_verdict(l, L, v, bytes, len);
	lua_settop(L, 0);
}

void lab_wire_pass(struct lab *l, int from_end, const void *bytes, size_t len, struct lab_verdict *v)
{
	struct lab_packet p = {.at = l->ops->now(l->world), .from = from_end};
	struct lab_seg s;
	char said[24] = "";

	v->count = -1;
	if (!lab_seg_parse(bytes, len, &s))
		return;
	note_fresh(&l->wire, &s, &p);
	ask_rule(l, &p, bytes, len, v);
	if (v->count == 0)
		snprintf(said, sizeof said, "DROP");
	else if (v->count == 1)
		snprintf(said, sizeof said, "delay %.3f", (double)v->item[0].delay / 1e9);
	else if (v->count > 1)
		snprintf(said, sizeof said, "x%d", v->count);
	trace(l, &p, &s, bytes, len, said[0] ? said : NULL);
}

void lab_wire_injected(struct lab *l, int to_end, const void *bytes, size_t len)
{
	struct lab_packet p = {.at = l->ops->now(l->world), .from = to_end ^ 1};
	struct lab_seg s;

	if (lab_seg_parse(bytes, len, &s))
		trace(l, &p, &s, bytes, len, "injected");
}

void lab_wire_free(struct lab *l)
{
	struct lab_wire *w = &l->wire;

	for (size_t i = 0; i < w->count; i++)
		free(w->packet[i].bytes);
	for (int i = 0; i < LAB_COPIES_MAX; i++)
		free(w->copy[i]);
	free(w->packet);
	free(w->flow);
	json_decref(w->lines);
}
