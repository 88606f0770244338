/* SPDX-License-Identifier: MIT
 * lab: what a page of an experiment is drawn from (ladder.h), and its JSON.
 *
 *     {"hosts": [{"name", "addr"}], "wires": [[host, host or -1]], "end": ns, "seen": all packets,
 *      "packets": [{"t": ns, "a": ns in flight, "w": wire, "f": host, "h": host, "x": "text", "i": protocol,
 *                   "s": addr, "d": addr, "n": bytes, "k": order of entry, "e": fate, "l": lost,
 *                   "c": cause, "in": the packet it answers, "m": [moves, moves], "y": [[why], [why]]}],
 *      "events": [{"t", "h", "c", "m", "y"}],   counters that moved without a packet: timers and calls
 *      "phases": [{"name", "b", "e", "p": its first packet}],
 *      "listeners": [{"h", "l", "q": [ns, accept, limit, syn, after, ...]}],
 *      "sockets": [{"h", "l", "p", "s": [ns, state, ...]}], "sockets_more": some were not followed,
 *      "names": counters, "sets": [[name, delta, ...]], "words": strings}
 *
 * "f" and "h" are the hosts that it leaves and reaches.  "after" is twice the number of packets so far, and one more if
 * something else has happened since; a state of 100 and more waits in an accept queue.  "m" are numbers of "sets", -1 for
 * none; "s", "d", "e", "c" and those in "y" are numbers of "words". */
#include "ladder.h"
#include "tracks.h"

#include <stdlib.h>
#include <string.h>

#define PACKETS_MAX 20000
#define QUIET (10 * HO_MS) /* on the kernel, before it is asked for its sockets */
#define ENTRIES (1u << 16) /* frames under way that are remembered; a power of two */

struct crossing {
	struct lab_crossing c;
	json_t *json;
};

struct record {
	struct ho_trace t;
	int host;
	bool taken;
	int said; /* a number of words, -1: the counter's own text says it */
};

struct entry {
	uint64_t number, sent_id;
	int from;
	ho_time_ns at;
};

struct lab_ladder {
	struct crossing *packet;
	size_t count, cap;
	uint64_t seen;
	bool fresh; /* nothing has happened since the last packet */
	struct record *record;
	size_t record_count, record_cap;
	struct entry *entry;
	struct lab_tracks tracks;
	ho_time_ns look_at; /* at the sockets; HO_NEVER: nothing has happened since */
	json_t *phases, *words, *names, *sets;
	json_t *word_of, *name_of, *set_of; /* text: its number */
};

struct lab_ladder *lab_ladder_new(void)
{
	struct lab_ladder *d = calloc(1, sizeof *d);

	if (!d || !(d->entry = calloc(ENTRIES, sizeof *d->entry)))
		abort();
	lab_tracks_open(&d->tracks);
	d->look_at = HO_NEVER;
	d->phases = json_array();
	d->words = json_array();
	d->names = json_array();
	d->sets = json_array();
	d->word_of = json_object();
	d->name_of = json_object();
	d->set_of = json_object();
	return d;
}

void lab_ladder_free(struct lab_ladder *d)
{
	if (!d)
		return;
	lab_tracks_close(&d->tracks);
	for (size_t i = 0; i < d->count; i++)
		json_decref(d->packet[i].json);
	json_t *const all[] = {d->phases, d->words, d->names, d->sets, d->word_of, d->name_of, d->set_of};

	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		json_decref(all[i]);
	free(d->packet);
	free(d->record);
	free(d->entry);
	free(d);
}

/* ---- what is said often is said once ---- */
static int number_of(json_t *list, json_t *of, const char *text)
{
	json_t *known = json_object_get(of, text), *s;

	if (known)
		return (int)json_integer_value(known);
	if (!(s = json_string(text)))
		return -1;
	json_array_append_new(list, s);
	json_object_set_new(of, text, json_integer((json_int_t)json_array_size(list) - 1));
	return (int)json_array_size(list) - 1;
}

static int word(struct lab_ladder *d, const char *text)
{
	return number_of(d->words, d->word_of, text);
}

static int word_addr(struct lab_ladder *d, uint32_t a)
{
	char buf[16];

	snprintf(buf, sizeof buf, "%u.%u.%u.%u", a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255);
	return word(d, buf);
}

static int set_number(struct lab_ladder *d, json_t *set)
{
	char *text = json_dumps(set, JSON_COMPACT);
	json_t *known = json_object_get(d->set_of, text);
	int n = known ? (int)json_integer_value(known) : (int)json_array_size(d->sets);

	if (!known) {
		json_object_set_new(d->set_of, text, json_integer(n));
		json_array_append(d->sets, set);
	}
	free(text);
	json_decref(set);
	return n;
}

/* ---- packets ---- */
void lab_ladder_entered(struct lab *l, uint64_t number, int from, uint64_t sent_id)
{
	if (l->ladder)
		l->ladder->entry[number & (ENTRIES - 1)] = (struct entry){number, sent_id, from, l->ops->now(l->world)};
}

ho_time_ns lab_ladder_entry(const struct lab *l, uint64_t number, int from, uint64_t sent_id, ho_time_ns at)
{
	/* a copy's number is a little higher than that of the frame it was made of */
	for (uint64_t n = number; n > 0 && number - n < 64; n--) {
		const struct entry *e = &l->ladder->entry[n & (ENTRIES - 1)];

		if (e->number == n && (n == number || (e->from == from && e->sent_id == sent_id)))
			return e->at;
	}
	return at;
}

void lab_ladder_packet(struct lab *l, const struct lab_crossing *c)
{
	struct lab_ladder *d = l->ladder;
	struct lab_seg s;
	char text[512];

	if (!d)
		return;
	d->seen++;
	d->fresh = true;
	if (l->ops == &lab_world_kernel)
		d->look_at = l->ops->now(l->world) + QUIET;
	if (d->count == PACKETS_MAX)
		return;
	if (d->count == d->cap) {
		d->cap = d->cap ? 2 * d->cap : 256;
		if (!(d->packet = realloc(d->packet, d->cap * sizeof *d->packet)))
			abort();
	}
	if (lab_seg_parse(c->bytes, c->len, &s))
		lab_wire_say(l, c->wire, &s, text, sizeof text);
	else
		snprintf(text, sizeof text, "not IPv4, %zu bytes", c->len);
	json_t *j = json_pack("{s:I, s:I, s:i, s:i, s:i, s:s, s:i, s:i, s:i, s:i}", "t", (json_int_t)c->sent, "a",
	                      (json_int_t)(c->at - c->sent), "w", c->wire, "f", c->from, "h", c->to, "x", text, "i",
	                      s.proto, "s", word_addr(d, s.src), "d", word_addr(d, s.dst), "n", (int)c->len);

	if (c->number)
		json_object_set_new(j, "k", json_integer((json_int_t)c->number));
	if (c->fate)
		json_object_set_new(j, "e", json_integer(word(d, c->fate)));
	if (c->lost)
		json_object_set_new(j, "l", json_integer(1));
	d->packet[d->count] = (struct crossing){*c, j};
	d->packet[d->count++].c.bytes = NULL;
}

void lab_ladder_phase(struct lab *l, const char *name)
{
	struct lab_ladder *d = l->ladder;

	if (!d)
		return;
	lab_ladder_sample(l, true);
	if (name)
		json_array_append_new(d->phases,
		                      json_pack("{s:s, s:I, s:I}", "name", name, "b", (json_int_t)l->ops->now(l->world),
		                                "p", (json_int_t)d->seen));
	else
		json_object_set_new(json_array_get(d->phases, json_array_size(d->phases) - 1), "e",
		                    json_integer((json_int_t)l->ops->now(l->world)));
}

/* ---- records: matched with packets at the end, when all are known ---- */
void lab_ladder_record(struct lab *l, int host, const struct ho_trace *t)
{
	struct lab_ladder *d = l->ladder;
	char said[512] = "";

	if (!d || d->count == PACKETS_MAX)
		return;
	if (d->record_count == d->record_cap) {
		d->record_cap = d->record_cap ? 2 * d->record_cap : 4096;
		if (!(d->record = realloc(d->record, d->record_cap * sizeof *d->record)))
			abort();
	}
	if (t->why != HO_WHY_ROW)
		ho_trace_say(t, said, sizeof said);
	d->record[d->record_count++] = (struct record){*t, host, false, said[0] ? word(d, said) : -1};
}

struct claim { /* the records of a frame at a host belong to a packet */
	int host;
	bool in;
	uint64_t id;
	size_t packet;
};

static int by_frame(const void *x, const void *y)
{
	const struct claim *a = x, *b = y;

	if (a->host != b->host)
		return a->host < b->host ? -1 : 1;
	if (a->in != b->in)
		return a->in ? 1 : -1;
	return a->id < b->id ? -1 : a->id > b->id;
}

struct moves {
	json_t *set, *why;
};

static struct moves *moves_of(struct moves *m, const struct claim *c)
{
	return &m[2 * c->packet + c->in];
}

static void moves_add(struct lab_ladder *d, struct moves *m, const struct record *r)
{
	char name[64];

	if (ho_counter_name(r->t.counter, name, sizeof name) < 0)
		return;
	json_int_t n = number_of(d->names, d->name_of, name);

	if (!m->set)
		m->set = json_array();
	for (size_t i = 0; i < json_array_size(m->set); i += 2)
		if (json_integer_value(json_array_get(m->set, i)) == n) {
			json_t *sum = json_array_get(m->set, i + 1);

			json_integer_set(sum, json_integer_value(sum) + r->t.delta);
			goto why;
		}
	json_array_append_new(m->set, json_integer(n));
	json_array_append_new(m->set, json_integer(r->t.delta));
why:
	if (r->said < 0)
		return;
	if (!m->why)
		m->why = json_array();
	json_array_append_new(m->why, json_integer(r->said));
}

static void cause_say(const struct ho_trace *t, char *buf, size_t cap)
{
	if (t->cause == HO_CAUSE_CALL)
		snprintf(buf, cap, "%s()", t->what ? t->what : "a call");
	else if (t->cause == HO_CAUSE_TIMER)
		snprintf(buf, cap, "%s", t->what ? t->what : "a timer");
	else
		snprintf(buf, cap, "a packet");
}

static const struct claim *claim_find(const struct claim *c, size_t count, int host, bool in, uint64_t id)
{
	const struct claim key = {.host = host, .in = in, .id = id};

	return id ? bsearch(&key, c, count, sizeof *c, by_frame) : NULL;
}

static void packet_caused(struct lab_ladder *d, json_t *packet, const struct claim *c, size_t count,
                          const struct record *r)
{
	char cause[64];

	if (json_object_get(packet, "c") || json_object_get(packet, "in"))
		return;
	if (r->t.cause != HO_CAUSE_FRAME) {
		cause_say(&r->t, cause, sizeof cause);
		json_object_set_new(packet, "c", json_integer(word(d, cause)));
		return;
	}
	const struct claim *answered = claim_find(c, count, r->host, true, r->t.frame_in);

	if (answered)
		json_object_set_new(packet, "in", json_integer((json_int_t)answered->packet));
}

static bool same_event(const struct record *a, const struct record *b)
{
	return a->host == b->host && a->t.at == b->t.at && a->t.cause == b->t.cause && a->t.frame_in == b->t.frame_in &&
	       (a->t.what == b->t.what || (a->t.what && b->t.what && strcmp(a->t.what, b->t.what) == 0));
}

/* What no packet of the page took with it. */
static json_t *events_of(struct lab_ladder *d)
{
	json_t *list = json_array();

	for (size_t i = 0; i < d->record_count; i++) {
		const struct record *first = &d->record[i];
		struct moves m = {NULL, NULL};
		char cause[64];

		if (first->taken || (d->seen > d->count && first->t.cause == HO_CAUSE_FRAME))
			continue; /* of a packet that the page does not have */
		for (size_t k = i; k < d->record_count && k < i + 256; k++)
			if (!d->record[k].taken && same_event(first, &d->record[k])) {
				moves_add(d, &m, &d->record[k]);
				d->record[k].taken = true;
			}
		if (!m.set)
			continue;
		cause_say(&first->t, cause, sizeof cause);
		json_t *e = json_pack("{s:I, s:i, s:i, s:i}", "t", (json_int_t)first->t.at, "h", first->host, "c",
		                      word(d, cause), "m", set_number(d, m.set));

		if (m.why)
			json_object_set_new(e, "y", m.why);
		json_array_append_new(list, e);
	}
	return list;
}

static size_t claims_make(const struct lab_ladder *d, struct claim *c)
{
	size_t n = 0;

	for (size_t i = d->count; i-- > 0;) {
		const struct lab_crossing *p = &d->packet[i].c;

		if (p->from >= 0 && p->sent_id)
			c[n++] = (struct claim){p->from, false, p->sent_id, i};
		if (p->to >= 0 && p->number && !p->lost)
			c[n++] = (struct claim){p->to, true, p->number, i};
	}
	qsort(c, n, sizeof *c, by_frame);
	return n;
}

static void packet_moves_set(struct lab_ladder *d, json_t *packet, struct moves m[2])
{
	json_t *sets = json_array(), *whys = json_array();
	bool why = m[0].why || m[1].why;

	for (int i = 0; i < 2; i++) {
		json_array_append_new(sets, json_integer(m[i].set ? set_number(d, m[i].set) : -1));
		json_array_append_new(whys, m[i].why ? m[i].why : json_array());
	}
	json_object_set_new(packet, "m", sets);
	if (why)
		json_object_set(packet, "y", whys);
	json_decref(whys);
}

static void records_match(struct lab_ladder *d)
{
	struct claim *c = calloc(2 * d->count + 1, sizeof *c);
	struct moves *m = calloc(2 * d->count + 1, sizeof *m);

	if (!c || !m)
		abort();
	size_t n = claims_make(d, c);

	for (size_t i = 0; i < d->record_count; i++) {
		struct record *r = &d->record[i];
		const struct claim *of = r->t.frame_out ? claim_find(c, n, r->host, false, r->t.frame_out)
		                                        : claim_find(c, n, r->host, true, r->t.frame_in);

		if (!of)
			continue;
		moves_add(d, moves_of(m, of), r);
		r->taken = true;
		if (!of->in)
			packet_caused(d, d->packet[of->packet].json, c, n, r);
	}
	for (size_t i = 0; i < d->count; i++)
		if (m[2 * i].set || m[2 * i + 1].set)
			packet_moves_set(d, d->packet[i].json, &m[2 * i]);
	free(c);
	free(m);
}

static void look(struct lab *l, bool must)
{
	struct lab_ladder *d = l->ladder;

	if (lab_tracks_sample(&d->tracks, l, must, 2 * d->seen + !d->fresh))
		d->fresh = false;
}

static bool looks_later(const struct lab *l)
{
	return l->ops == &lab_world_kernel;
}

void lab_ladder_sample(struct lab *l, bool must)
{
	if (!l->ladder || !l->world)
		return;
	if (looks_later(l) && !must) {
		l->ladder->look_at = l->ops->now(l->world) + QUIET;
		return;
	}
	l->ladder->look_at = HO_NEVER;
	look(l, must);
}

ho_time_ns lab_ladder_look_at(const struct lab *l)
{
	return l->ladder ? l->ladder->look_at : HO_NEVER;
}

void lab_ladder_waited(struct lab *l)
{
	if (!l->ladder)
		return;
	if (!looks_later(l))
		lab_ladder_sample(l, false);
	else if (l->ops->now(l->world) >= l->ladder->look_at)
		lab_ladder_sample(l, true);
}

/* ---- JSON ---- */
static json_t *hosts_json(const struct lab_net *n)
{
	json_t *list = json_array();

	for (int h = 0; h < n->host_count; h++) {
		const struct lab_end *e = &n->end[n->host[h].end[0]];

		json_array_append_new(list, json_pack("{s:s, s:o}", "name", n->host[h].name, "addr",
		                                      json_sprintf("%u.%u.%u.%u", e->addr >> 24, e->addr >> 16 & 255,
		                                                   e->addr >> 8 & 255, e->addr & 255)));
	}
	return list;
}

json_t *lab_ladder_json(struct lab *l)
{
	struct lab_ladder *d = l->ladder;
	json_t *wires = json_array(), *packets = json_array();

	if (!d)
		return NULL;
	for (int i = 0; i < l->net.wire_count; i++)
		json_array_append_new(wires, json_pack("[i, i]", l->net.end[2 * i].host, l->net.end[2 * i + 1].host));
	records_match(d);
	for (size_t i = 0; i < d->count; i++)
		json_array_append(packets, d->packet[i].json);
	json_t *events = events_of(d);

	return json_pack("{s:o, s:o, s:I, s:I, s:o, s:o, s:O, s:O, s:O, s:b, s:O, s:O, s:O}", "hosts",
	                 hosts_json(&l->net), "wires", wires, "end", l->world ? (json_int_t)l->ops->now(l->world) : 0,
	                 "seen", (json_int_t)d->seen, "packets", packets, "events", events, "phases", d->phases,
	                 "listeners", d->tracks.listeners, "sockets", d->tracks.sockets, "sockets_more",
	                 d->tracks.more, "names", d->names, "sets", d->sets, "words", d->words);
}
