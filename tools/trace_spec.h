/* SPDX-License-Identifier: MIT
 * What somebody wants to see of what happens in a host: `trace`'s words, and what fits them. */
#ifndef HO_TRACE_SPEC_H
#define HO_TRACE_SPEC_H

#include <halfopen/halfopen.h>

enum trace_form { TRACE_TEXT, TRACE_JSON, TRACE_PCAPNG };

struct trace_spec {
	enum trace_form form;
	uint32_t kinds;          /* a bit 1 << HO_WATCH_... each */
	bool chosen;             /* kinds or counters were named: a capture has only packets with such a record */
	uint16_t port;           /* at either end; 0: any */
	struct ho_endpoint peer; /* addr 0: any; port 0: any of its ports */
	char counter[64];        /* a shell pattern; "": any */
	uint64_t count;          /* lines or packets; 0: no end */
};

/* "--event LIST", "--counter PATTERN", "--port N", "--peer ADDR[:PORT]", "--json", "--pcapng", "-n N" in any order.
 * Gives  false, with words that say what is wrong and what would be right. */
bool trace_spec_parse(int count, char **words, struct trace_spec *out, char *why, size_t why_bytes);

/* Is this what is wanted? */
bool trace_spec_fits(const struct trace_spec *s, const struct ho_watched *w);
/* By its kind and its counter alone. */
bool trace_spec_fits_kind(const struct trace_spec *s, const struct ho_watched *w);
/* By port and peer alone: a packet. */
bool trace_spec_fits_packet(const struct trace_spec *s, struct ho_endpoint from, struct ho_endpoint to);

#endif
