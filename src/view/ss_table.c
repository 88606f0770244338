/* SPDX-License-Identifier: MIT
 * The table of ss: every column as wide as what stands in it, so the sockets are walked twice; its summary; its JSON. */
#include <stdio.h>
#include <string.h>

#include "ss.h"

/* ---- which sockets ---- */

struct walk {
	const struct ho_stack *s;
	const struct ho_ss *ask;
	uint64_t cursor;
	unsigned protocol; /* the one at hand; 0: the walk is over */
	bool listeners;    /* of TCP they come first */
	bool rows;         /* nothing is wanted but what a row has */
};

/* As ss goes over them. */
static unsigned protocol_after(const struct ho_ss *ask, unsigned protocol)
{
	static const unsigned order[] = {HO_SS_RAW, HO_SS_UDP, HO_SS_TCP};
	size_t i = 0;

	if (protocol != 0)
		while (order[i++] != protocol)
			;
	for (; i < sizeof(order) / sizeof(*order); i++)
		if (ask->protocols & order[i])
			return order[i];
	return 0;
}

static void walk_to(struct walk *w, unsigned protocol)
{
	w->protocol = protocol;
	w->cursor = 0;
	w->listeners = protocol == HO_SS_TCP;
}

static struct walk walk_begin(const struct ho_stack *s, const struct ho_ss *ask)
{
	struct walk w = {.s = s, .ask = ask, .rows = !(ask->memory || ask->info || ask->extended || ask->json)};

	walk_to(&w, protocol_after(ask, 0));
	return w;
}

static bool walk_listener(struct walk *w, struct ho_sock_detail *d)
{
	return w->rows ? ho_sock_next_listener(w->s, &w->cursor, &d->row) : ho_sock_next_listener_detail(w->s, &w->cursor, d);
}

static bool walk_socket(struct walk *w, struct ho_sock_detail *d)
{
	return w->rows ? ho_sock_next(w->s, &w->cursor, &d->row) : ho_sock_next_detail(w->s, &w->cursor, d);
}

/* The next row of any kind: no more is looked at than the states and the protocol can have. */
static bool walk_any(struct walk *w, struct ho_sock_detail *d)
{
	const uint32_t listen = 1u << HO_LISTEN, closed = 1u << HO_CLOSE;

	if (w->listeners) {
		if ((w->ask->states & listen) && walk_listener(w, d))
			return true;
		w->listeners = false;
		w->cursor = 0;
	}
	if (w->protocol == HO_SS_TCP && (w->ask->states & ~(listen | closed)) == 0)
		return false;
	while (walk_socket(w, d))
		if (w->protocol != HO_SS_TCP || d->row.state != HO_LISTEN)
			return true;
	return false;
}

static bool walk_next(struct walk *w, struct ho_sock_detail *d)
{
	while (w->protocol != 0) {
		while (walk_any(w, d))
			if (ss_protocol(&d->row) == w->protocol && ho_ss_wants(w->ask, &d->row))
				return true;
		walk_to(w, protocol_after(w->ask, w->protocol));
	}
	return false;
}

/* ---- columns ---- */

static const struct {
	const char *head, *before;
	bool right;
} columns[SS_COLUMNS] = {
	[SS_NETID] = {"Netid", "", false},   [SS_STATE] = {"State", " ", false},  [SS_RECVQ] = {"Recv-Q", " ", false},
	[SS_SENDQ] = {"Send-Q", " ", false}, [SS_LOCAL] = {"Local Address", " ", true}, [SS_LPORT] = {"Port", ":", false},
	[SS_PEER] = {"Peer Address", " ", true}, [SS_PPORT] = {"Port", ":", false}, [SS_MORE] = {"Process", "", false},
};

struct layout {
	size_t width[SS_COLUMNS];
	unsigned first; /* column that is shown */
	bool state;     /* not of a single one */
};

static bool shown(const struct layout *l, unsigned column)
{
	return column >= l->first && (column != SS_STATE || l->state);
}

static bool one_bit(uint32_t bits)
{
	return (bits & (bits - 1)) == 0;
}

static const char *cell(const struct ss_row *row, unsigned column)
{
	return column == SS_MORE ? row->more : row->small[column];
}

static void widen(struct layout *l, const struct ss_row *row)
{
	for (unsigned c = 0; c < SS_COLUMNS; c++) {
		size_t width = strlen(cell(row, c));

		if (width > l->width[c])
			l->width[c] = width;
	}
}

static struct layout layout_begin(const struct ho_ss *ask)
{
	struct layout l = {.state = !one_bit(ask->states)};

	l.first = one_bit(ask->protocols) ? (l.state ? SS_STATE : SS_RECVQ) : SS_NETID;
	for (unsigned c = 0; ask->header && c < SS_COLUMNS; c++)
		l.width[c] = strlen(columns[c].head);
	return l;
}

static void cell_add(struct text *t, const struct layout *l, unsigned column, const char *words)
{
	text_add(t, columns[column].right ? "%s%*s" : "%s%-*s", column == l->first ? "" : columns[column].before,
	         (int)l->width[column], words);
}

static void head_add(struct text *t, const struct layout *l)
{
	for (unsigned c = 0; c < SS_COLUMNS; c++)
		if (shown(l, c))
			cell_add(t, l, c, columns[c].head);
	text_add(t, "\n");
}

static void row_add(struct text *t, const struct layout *l, const struct ss_row *row)
{
	for (unsigned c = 0; c < SS_COLUMNS; c++)
		if (shown(l, c))
			cell_add(t, l, c, cell(row, c));
	text_add(t, "\n");
}

static void table_add(struct text *t, const struct ho_stack *s, const struct ho_ss *ask)
{
	struct layout l = layout_begin(ask);
	ho_time_ns now = ho_stack_now(s);
	struct ho_sock_detail d = {0};
	struct ss_row row;

	for (struct walk w = walk_begin(s, ask); walk_next(&w, &d); widen(&l, &row))
		ss_row_make(&row, ask, now, &d);
	if (ask->header)
		head_add(t, &l);
	for (struct walk w = walk_begin(s, ask); walk_next(&w, &d); row_add(t, &l, &row))
		ss_row_make(&row, ask, now, &d);
}

/* ---- JSON ---- */

static void json_add(struct text *t, const struct ho_stack *s, const struct ho_ss *ask)
{
	ho_time_ns now = ho_stack_now(s);
	const char *between = "";
	struct ho_sock_detail d;

	text_add(t, "{\"sockets\":[");
	for (struct walk w = walk_begin(s, ask); walk_next(&w, &d); between = ",") {
		text_add(t, "%s\n", between);
		ss_json_add(t, now, ask, &d);
	}
	text_add(t, "]}\n");
}

size_t ho_view_ss(const struct ho_stack *s, const struct ho_ss *ask, char *buf, size_t cap_bytes)
{
	struct text t = text_into(buf, cap_bytes);

	if (ask->summary)
		ss_summary_add(&t, s, ask);
	else if (ask->json)
		json_add(&t, s, ask);
	else
		table_add(&t, s, ask);
	return t.len_bytes;
}
