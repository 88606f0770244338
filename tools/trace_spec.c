/* SPDX-License-Identifier: MIT */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* FNM_CASEFOLD */
#endif
#include "trace_spec.h"

#include "tools.h"

#include <halfopen/view.h>

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

/* ---- words ---- */

static bool kind_take(const char *word, size_t length, uint32_t *kinds)
{
	for (unsigned k = 0; k < HO_WATCH_KINDS; k++) {
		const char *name = ho_view_watch_kind(k);

		if (strlen(name) == length && strncmp(word, name, length) == 0) {
			*kinds |= 1u << k;
			return true;
		}
	}
	return false;
}

static bool kinds_take(const char *list, struct trace_spec *out, char *why, size_t why_bytes)
{
	for (;;) {
		size_t length = strcspn(list, ",");

		if (!kind_take(list, length, &out->kinds)) {
			snprintf(why, why_bytes,
			         "--event '%.*s': there are call, state, queue, retransmit, drop and counter",
			         length < 40 ? (int)length : 40, list);
			return false;
		}
		if (list[length] == '\0')
			return true;
		list += length + 1;
	}
}

static bool peer_take(const char *text, struct ho_endpoint *out)
{
	const char *colon = strchr(text, ':');
	size_t length = colon != NULL ? (size_t)(colon - text) : strlen(text);
	char addr[16];
	uint64_t port = 0;

	if (length >= sizeof(addr) || (colon != NULL && !parse_u64(colon + 1, 1, UINT16_MAX, &port)))
		return false;
	memcpy(addr, text, length);
	addr[length] = '\0';
	out->port = (uint16_t)port;
	return ho_view_addr_parse(addr, &out->addr) == 0 && out->addr != HO_ADDR_ANY;
}

/* Is it a pattern of any counter at all? */
static bool counter_fits(const char *pattern, unsigned counter)
{
	const struct ho_counter_row *row = ho_counter_row(counter);
	char name[64];

	if (row != NULL && fnmatch(pattern, row->name, FNM_CASEFOLD) == 0)
		return true;
	return ho_counter_name(counter, name, sizeof(name)) > 0 && fnmatch(pattern, name, FNM_CASEFOLD) == 0;
}

static bool counter_take(const char *pattern, char to[64])
{
	unsigned counter = 0;

	if (*pattern == '\0' || strlen(pattern) >= 64)
		return false;
	while (counter < HO_COUNTER_COUNT && !counter_fits(pattern, counter))
		counter++;
	strcpy(to, pattern);
	return counter < HO_COUNTER_COUNT;
}

/* Gives  false, with words, if the value is wrong; *known: is there such an option? */
static bool option_take(const char *option, const char *value, struct trace_spec *out, bool *known, char *why,
                        size_t why_bytes)
{
	uint64_t v;

	*known = true;
	if (strcmp(option, "--event") == 0)
		return kinds_take(value, out, why, why_bytes);
	if (strcmp(option, "--counter") == 0) {
		snprintf(why, why_bytes, "--counter '%.40s' fits no counter's name; '*Listen*' would", value);
		return counter_take(value, out->counter);
	}
	if (strcmp(option, "--peer") == 0) {
		snprintf(why, why_bytes, "--peer '%.40s': an address is wanted, with :PORT or without", value);
		return peer_take(value, &out->peer);
	}
	if (strcmp(option, "--port") == 0) {
		snprintf(why, why_bytes, "--port '%.40s': a number from 1 to 65535 is wanted", value);
		if (!parse_u64(value, 1, UINT16_MAX, &v))
			return false;
		out->port = (uint16_t)v;
		return true;
	}
	if (strcmp(option, "-n") == 0) {
		snprintf(why, why_bytes, "-n '%.40s': a number from 1 on is wanted", value);
		return parse_u64(value, 1, UINT64_MAX, &out->count);
	}
	*known = false;
	return true;
}

bool trace_spec_parse(int count, char **words, struct trace_spec *out, char *why, size_t why_bytes)
{
	*out = (struct trace_spec){.form = TRACE_TEXT};
	for (int i = 0; i < count; i++) {
		const char *w = words[i];
		bool known;

		if (strcmp(w, "--json") == 0 || strcmp(w, "--pcapng") == 0) {
			out->form = strcmp(w, "--json") == 0 ? TRACE_JSON : TRACE_PCAPNG;
			continue;
		}
		if (!option_take(w, i + 1 < count ? words[i + 1] : "", out, &known, why, why_bytes))
			return false;
		if (!known) {
			snprintf(
				why, why_bytes,
				"'%.40s': there are --event LIST, --counter PATTERN, --port N, --peer ADDR[:PORT], --json, "
				"--pcapng and -n N",
				w);
			return false;
		}
		i++;
	}
	out->chosen = out->kinds != 0 || out->counter[0] != '\0';
	if (out->counter[0] != '\0')
		out->kinds |= 1u << HO_WATCH_COUNTER;
	if (out->kinds == 0)
		out->kinds = HO_WATCH_ALL;
	return true;
}

/* ---- what fits ---- */

static bool is_peer(const struct trace_spec *s, struct ho_endpoint e)
{
	return s->peer.addr == 0 || (e.addr == s->peer.addr && (s->peer.port == 0 || e.port == s->peer.port));
}

bool trace_spec_fits_kind(const struct trace_spec *s, const struct ho_watched *w)
{
	if (!(s->kinds >> w->kind & 1))
		return false;
	return w->kind != HO_WATCH_COUNTER || s->counter[0] == '\0' || counter_fits(s->counter, w->by.counter);
}

bool trace_spec_fits(const struct trace_spec *s, const struct ho_watched *w)
{
	struct ho_endpoint named = w->kind == HO_WATCH_CALL ? w->call.addr : (struct ho_endpoint){0};

	if (!trace_spec_fits_kind(s, w))
		return false;
	if (s->port != 0 && w->by.local.port != s->port && w->by.peer.port != s->port && named.port != s->port)
		return false;
	return is_peer(s, w->by.peer) || is_peer(s, named);
}

bool trace_spec_fits_packet(const struct trace_spec *s, struct ho_endpoint from, struct ho_endpoint to)
{
	return (s->port == 0 || from.port == s->port || to.port == s->port) && (is_peer(s, from) || is_peer(s, to));
}
