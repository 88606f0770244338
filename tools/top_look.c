/* SPDX-License-Identifier: MIT
 * One look at a running host: what it answers, as values. */
#include "top_look.h"

#include "history.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name, *words;
} drops[HO_DROP_CAUSES] = {
	[HO_DROP_SYN_ACCEPT_FULL] = {"syn_accept_queue_full", "a SYN met a full accept queue"},
	[HO_DROP_ACK_ACCEPT_FULL] = {"ack_accept_queue_full", "a final ACK met a full accept queue"},
	[HO_DROP_COOKIE_ACCEPT_FULL] = {"cookie_accept_queue_full", "a valid cookie met a full accept queue"},
	[HO_DROP_SYN_QUEUE_FULL] = {"syn_queue_full", "a SYN met a full SYN queue"},
	[HO_DROP_SYN_BACKLOG] = {"max_syn_backlog", "a SYN met tcp_max_syn_backlog, three quarters used"},
	[HO_DROP_MEMORY] = {"memory", "no memory"},
	[HO_DROP_DEFERRED] = {"deferred", "a bare final ACK, put off by TCP_DEFER_ACCEPT"},
	[HO_DROP_DUPLICATE_SYN] = {"duplicate_syn", "a SYN came again and was answered again"},
	[HO_DROP_UNACCEPTABLE] = {"unacceptable", "not what a listener or half-open connection waits for"},
};

const char *top_drop_words(int cause)
{
	return cause >= 0 && cause < HO_DROP_CAUSES ? drops[cause].words : "";
}

static uint64_t number_of(const json_t *o, const char *name, uint64_t otherwise)
{
	const json_t *v = json_object_get(o, name);

	return json_is_integer(v) ? (uint64_t)json_integer_value(v) : otherwise;
}

static void string_of(const json_t *o, const char *name, char *buf, size_t cap_bytes)
{
	const char *text = json_string_value(json_object_get(o, name));

	snprintf(buf, cap_bytes, "%s", text != NULL ? text : "");
}

static void queue_read(const json_t *o, struct top_queue *q)
{
	q->now = (uint32_t)number_of(o, "now", 0);
	q->most = (uint32_t)number_of(o, "most", 0);
	q->holds = (uint32_t)number_of(o, "holds", 0);
	string_of(o, "clamp", q->clamp, sizeof(q->clamp));
}

static void drops_read(const json_t *o, struct top_listener *l)
{
	const json_t *all = json_object_get(o, "drops"), *last = json_object_get(o, "last_drop");
	const char *cause = json_string_value(json_object_get(last, "cause"));

	l->last_drop_cause = -1;
	l->last_drop_ms = number_of(last, "ms_ago", TOP_NONE);
	string_of(last, "peer", l->last_drop_peer, sizeof(l->last_drop_peer));
	for (int i = 0; i < HO_DROP_CAUSES; i++) {
		l->drops[i] = number_of(all, drops[i].name, 0);
		if (cause != NULL && strcmp(cause, drops[i].name) == 0)
			l->last_drop_cause = i;
	}
}

static bool listener_read(const json_t *o, struct top_listener *l)
{
	*l = (struct top_listener){0};
	string_of(o, "local", l->local, sizeof(l->local));
	l->fd = (int)number_of(o, "fd", 0);
	l->backlog = (int)number_of(o, "backlog", 0);
	l->somaxconn = (uint32_t)number_of(o, "somaxconn", 0);
	queue_read(json_object_get(o, "accept_queue"), &l->accept);
	queue_read(json_object_get(o, "syn_queue"), &l->syn);
	l->accepted = number_of(o, "accepted", 0);
	l->drops_all = number_of(o, "sk_drops", 0);
	l->cookies = number_of(json_object_get(o, "cookies"), "sent", 0);
	l->last_accept_ms = number_of(o, "last_accept_ms_ago", TOP_NONE);
	l->oldest_ms = number_of(o, "oldest_waiting_ms", TOP_NONE);
	drops_read(o, l);
	return l->local[0] != '\0';
}

static int listeners_read(const char *text, struct top_look *out)
{
	json_t *root = json_loads(text, 0, NULL);
	const json_t *rows = json_object_get(root, "listeners");
	int err = json_is_array(rows) ? 0 : -EPROTO;

	out->listener = calloc(json_array_size(rows) + 1, sizeof(*out->listener));
	if (out->listener == NULL)
		err = -ENOMEM;
	for (size_t i = 0; err == 0 && i < json_array_size(rows); i++)
		if (listener_read(json_array_get(rows, i), &out->listener[i]))
			out->listener_count++;
		else
			err = -EPROTO;
	json_decref(root);
	return err;
}

/* Linux's names say it: no list of counters to keep. */
static bool tells_of_trouble(const char *name)
{
	static const char *const words[] = {"Abort",  "Backlog", "Cookie",  "Discard", "Drop",     "Err",    "Fail",   "Full", "Loss",
	                                    "Lost",   "NoPorts", "NoRoute", "Nomem",   "Overflow", "Pressure", "Prune", "Reject",
	                                    "Reset",  "Retrans", "Rsts",    "Timeout", "Truncated", "Unknown"};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (strstr(name, words[i]) != NULL)
			return true;
	return false;
}

static int counters_read(const char *text, struct top_look *out)
{
	char name[64], value[24];
	size_t lines = 0;

	for (const char *c = text; *c != '\0'; c++)
		lines += *c == '\n';
	out->counter = calloc(lines + 1, sizeof(*out->counter));
	if (out->counter == NULL)
		return -ENOMEM;
	while (counter_line_take(&text, name, value)) {
		struct top_counter *c = &out->counter[out->counter_count++];

		snprintf(c->name, sizeof(c->name), "%.47s", name);
		c->value = strtoull(value, NULL, 10);
		c->trouble = tells_of_trouble(name);
		c->row = ho_counter_find(name);
		if (c->row >= HO_COUNTER_ROWS)
			c->row = -1;
	}
	return out->counter_count > 0 ? 0 : -EPROTO;
}

int top_look_read(const char *listeners_json, const char *counters, ho_time_ns at, struct top_look *out)
{
	int err;

	*out = (struct top_look){.at = at};
	err = listeners_read(listeners_json, out);
	if (err == 0)
		err = counters_read(counters, out);
	if (err != 0)
		top_look_free(out);
	return err;
}

void top_look_free(struct top_look *l)
{
	free(l->listener);
	free(l->counter);
	*l = (struct top_look){0};
}

const struct top_counter *top_look_counter(const struct top_look *l, const char *name)
{
	for (size_t i = 0; i < l->counter_count; i++)
		if (strcmp(l->counter[i].name, name) == 0)
			return &l->counter[i];
	return NULL;
}

const struct top_listener *top_look_listener(const struct top_look *l, const struct top_listener *of)
{
	for (size_t i = 0; i < l->listener_count; i++)
		if (l->listener[i].fd == of->fd && strcmp(l->listener[i].local, of->local) == 0)
			return &l->listener[i];
	return NULL;
}
