/* SPDX-License-Identifier: MIT
 * A trace record as a sentence: what moved, why (why.def, or the row's own text), and what set it off. */
#include <string.h>

#include "view.h"

/* Text of a reason; NULL where the row's own text says it all. */
static const char *why_text(unsigned why)
{
	static const char *const texts[] = {
		[HO_WHY_ROW] = NULL,
#define W(name, text) [HO_WHY_##name] = text,
#include "why.def"
#undef W
	};

	return why < HO_WHY_COUNT ? texts[why] : NULL;
}

/* A listener has no peer. */
static bool is_known(struct ho_endpoint e)
{
	return e.addr != 0 || e.port != 0;
}

/* Appends a text of why.def with %a %b %d %l %p replaced by the record's numbers and endpoints. */
static void why_add(struct text *t, const char *why, const struct ho_trace *r)
{
	char endpoint[22];

	for (; *why != '\0'; why++) {
		char letter = why[0] == '%' ? why[1] : '\0';

		switch (letter) {
		case 'a':
			text_add(t, "%u", r->a);
			break;
		case 'b':
			text_add(t, "%u", r->b);
			break;
		case 'd':
			text_add(t, "%d", (int32_t)r->a);
			break;
		case 'l':
			text_add(t, "%s", ho_view_endpoint(r->local, endpoint));
			break;
		case 'p':
			text_add(t, "%s", is_known(r->peer) ? ho_view_endpoint(r->peer, endpoint) : "a peer");
			break;
		default:
			text_add(t, "%c", *why);
			continue;
		}
		why++;
	}
}

/* What the row's text says before it goes into details, and whose counter it was if that is known. */
static void row_add(struct text *t, const struct ho_trace *r)
{
	const struct ho_counter_row *row = ho_counter_row(r->counter);
	char endpoint[22];

	if (row != NULL)
		text_add(t, "%.*s", (int)strcspn(row->text, ";"), row->text);
	else
		text_add(t, "an ICMP message of type %u %s", (r->counter - (unsigned)HO_IcmpMsgInType) % 256,
		         r->counter < HO_IcmpMsgOutType ? "arrived" : "was sent");
	if (r->local.port != 0)
		text_add(t, "; on %s", ho_view_endpoint(r->local, endpoint));
	if (r->local.port != 0 && r->peer.port != 0)
		text_add(t, " with %s", ho_view_endpoint(r->peer, endpoint));
}

void cause_add(struct text *t, const struct ho_trace *r)
{
	switch (r->cause) {
	case HO_CAUSE_FRAME:
		if (r->frame_in != 0)
			text_add(t, " (frame %llu arrived", (unsigned long long)r->frame_in);
		else
			text_add(t, " (a frame arrived");
		break;
	case HO_CAUSE_TIMER:
		text_add(t, " (the %s fired", r->what != NULL ? r->what : "timer");
		break;
	case HO_CAUSE_CALL:
		text_add(t, " (during %s()", r->what != NULL ? r->what : "a call");
		break;
	default:
		return;
	}
	if (r->frame_out != 0)
		text_add(t, ", frame %llu went out", (unsigned long long)r->frame_out);
	text_add(t, ")");
}

/* The bare name where it is the only one, as in "ListenOverflows"; else nstat's. */
static void name_add(struct text *t, unsigned counter)
{
	const struct ho_counter_row *row = ho_counter_row(counter);
	char name[64];

	if (row != NULL && ho_counter_find(row->name) == (int)counter)
		text_add(t, "%s", row->name);
	else if (ho_counter_name(counter, name, sizeof(name)) > 0)
		text_add(t, "%s", name);
	else
		text_add(t, "counter %u", counter);
}

void reason_add(struct text *t, const struct ho_trace *r)
{
	const char *why = why_text(r->why);

	if (why != NULL)
		why_add(t, why, r);
	else
		row_add(t, r);
}

size_t ho_trace_say(const struct ho_trace *t, char *buf, size_t cap_bytes)
{
	struct text say = text_into(buf, cap_bytes);

	name_add(&say, t->counter);
	text_add(&say, " %+d: ", (int)t->delta);
	reason_add(&say, t);
	cause_add(&say, t);
	if (say.len_bytes < cap_bytes)
		return say.len_bytes;
	return cap_bytes > 0 ? cap_bytes - 1 : 0;
}
