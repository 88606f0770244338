/* SPDX-License-Identifier: MIT
 * ho_view_why: which listeners are spoken of, and what a counter has to do with them. */
#include "view.h"

static bool is_meant(const struct ho_stack *s, const struct listener *l, const struct ho_view_about *a)
{
	const struct ho_endpoint *want = &a->listener, *is = &l->i.local;

	if (want->port != 0 && (want->port != is->port || (want->addr != HO_ADDR_ANY && want->addr != is->addr)))
		return false;
	if (a->counter >= 0)
		return ho_counter_get_sock(s, l->i.fd, (unsigned)a->counter) > 0;
	return want->port != 0 || listener_has_dropped(l);
}

/* How many are meant, how many listen there at all, and what they have of the counter. */
struct sums {
	unsigned meant, there;
	uint64_t counter;
};

static struct sums sums_of(const struct ho_stack *s, const struct ho_view_about *a)
{
	struct ho_view_about there = {.listener = a->listener, .counter = -1};
	struct sums sum = {0};
	struct listener l;
	uint64_t cursor = 0;

	while (listener_next(s, &cursor, &l)) {
		sum.there += a->listener.port == 0 || is_meant(s, &l, &there);
		if (!is_meant(s, &l, a))
			continue;
		sum.meant++;
		if (a->counter >= 0)
			sum.counter += ho_counter_get_sock(s, l.i.fd, (unsigned)a->counter);
	}
	return sum;
}

static bool is_known(const struct sums *sum, const struct ho_view_about *a)
{
	char name[64];

	return (a->listener.port == 0 || sum->there > 0) &&
	       (a->counter < 0 || ho_counter_name((unsigned)a->counter, name, sizeof(name)) > 0);
}

static void counter_say(struct text *t, const struct ho_stack *s, const struct ho_view_about *a, const struct sums *sum)
{
	const struct ho_counter_row *row = ho_counter_row((unsigned)a->counter);
	uint64_t total = ho_counter_get(s, (unsigned)a->counter);
	struct words w;
	struct text *line = words_begin(&w);
	char name[64];

	ho_counter_name((unsigned)a->counter, name, sizeof(name));
	text_add(t, "%s  %llu\n", name, LLU(total));
	if (row != NULL) {
		text_add(t, "  %-10s  ", "meaning");
		words_wrap(t, row->text);
	}
	if (total == 0)
		text_add(line, "nobody moved it");
	else if (sum->meant == 0)
		text_add(line, a->listener.port != 0 ? "not on this listener" : "on no listener that is open now");
	else
		text_add(line, "%llu on the %s below, %llu elsewhere", LLU(sum->counter),
		         sum->meant == 1 ? "listener" : "listeners",
		         LLU(total > sum->counter ? total - sum->counter : 0));
	text_add(t, "  %-10s  ", "where");
	words_wrap(t, w.buf);
}

static void counted_say(struct text *t, const struct ho_stack *s, const struct ho_view_about *a,
                        const struct listener *l)
{
	char name[64];

	if (a->counter < 0)
		return;
	ho_counter_name((unsigned)a->counter, name, sizeof(name));
	text_add(t, "  %-10s  %s %llu\n", "counted", name, LLU(ho_counter_get_sock(s, l->i.fd, (unsigned)a->counter)));
}

size_t ho_view_why(const struct ho_stack *s, const struct ho_view_about *about, char *buf, size_t cap_bytes)
{
	struct text t = text_into(buf, cap_bytes);
	struct sums sum = sums_of(s, about);
	struct listener l;
	uint64_t cursor = 0;
	bool first = about->counter < 0;

	if (!is_known(&sum, about))
		return 0;
	if (about->counter >= 0)
		counter_say(&t, s, about, &sum);
	else if (sum.meant == 0)
		text_add(&t, sum.there > 0 ? "no listener has dropped anything\n" : "nobody listens\n");
	while (listener_next(s, &cursor, &l)) {
		if (!is_meant(s, &l, about))
			continue;
		text_add(&t, "%s", first ? "" : "\n");
		first = false;
		listener_say(&t, &l);
		counted_say(&t, s, about, &l);
	}
	return t.len_bytes;
}

size_t ho_view_why_json(const struct ho_stack *s, const struct ho_view_about *about, char *buf, size_t cap_bytes)
{
	struct text t = text_into(buf, cap_bytes);
	struct sums sum = sums_of(s, about);
	const char *between = "";
	struct listener l;
	uint64_t cursor = 0;
	char name[64];

	if (!is_known(&sum, about))
		return 0;
	text_add(&t, "{");
	if (about->counter >= 0) {
		ho_counter_name((unsigned)about->counter, name, sizeof(name));
		text_add(&t, "\"counter\":\"%s\",\"value\":%llu,\"on_listeners\":%llu,", name,
		         LLU(ho_counter_get(s, (unsigned)about->counter)), LLU(sum.counter));
	}
	text_add(&t, "\"listeners\":[");
	while (listener_next(s, &cursor, &l)) {
		if (!is_meant(s, &l, about))
			continue;
		text_add(&t, "%s\n", between);
		listener_say_json(&t, &l);
		between = ",";
	}
	text_add(&t, "]}\n");
	return t.len_bytes;
}
