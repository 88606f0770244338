/* SPDX-License-Identifier: MIT
 * "default via 198.18.0.1 dev ho0 metric 10": a route in iproute2's words. */
#ifndef HO_ROUTE_SPEC_H
#define HO_ROUTE_SPEC_H

#include <halfopen/halfopen.h>

#define ROUTE_WORDS_MAX 32

/* Takes  s: whose links `dev` names.
 * Gives  false, with words that say what is wrong and what would be right. */
bool route_spec_parse(const struct ho_stack *s, int count, char **words, struct ho_route *out, char *why, size_t why_bytes);

/* "198.18.0.0/24", "198.18.0.1", "default" */
bool route_prefix_parse(const char *word, uint32_t *addr, uint8_t *len);

/* As ip says it: "RTNETLINK answers: File exists". */
const char *route_error(int err);

#endif
