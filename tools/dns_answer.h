/* SPDX-License-Identifier: MIT
 * A DNS responder that knows one name (RFC 1035). */
#ifndef HO_DNS_ANSWER_H
#define HO_DNS_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DNS_NAME_MAX 253 /* as text, without the last dot */
#define DNS_ANSWER_MAX 512

struct dns_record {
	char name[DNS_NAME_MAX + 1]; /* "www.example", case does not matter */
	uint32_t addr;               /* host order */
};

/* Is this a name whose labels fit? */
bool dns_name_ok(const char *name);

/* Answers one query: the A record of the name; no record for another type; that there is no such name.
 * Gives  the length of the answer; 0 for what deserves none (too short for a header, or an answer itself). */
size_t dns_answer(const struct dns_record *r, const uint8_t *query, size_t query_bytes, uint8_t answer[DNS_ANSWER_MAX]);

#endif
