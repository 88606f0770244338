/* SPDX-License-Identifier: MIT
 * One query in, one answer out.  The question is repeated as it came; what follows it (EDNS) is not looked at and not
 * answered, which every resolver understands. */
#include "dns_answer.h"

#include <string.h>

#define HEADER_BYTES 12u
#define LABEL_MAX 63u
#define WIRE_NAME_MAX 255u
#define TYPE_A 1
#define TYPE_ANY 255
#define CLASS_IN 1
#define TTL_S 60u
#define POINTER_TO_QUESTION 0xc00c

enum rcode { NOERROR = 0, FORMERR = 1, NXDOMAIN = 3, NOTIMP = 4 };

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint8_t *put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
	return p + 2;
}

bool dns_name_ok(const char *name)
{
	size_t label = 0, total = strlen(name);

	if (total == 0 || total > DNS_NAME_MAX)
		return false;
	for (; *name != '\0'; name++) {
		label = *name == '.' ? 0 : label + 1;
		if (label > LABEL_MAX || (label == 0 && (name[1] == '.' || name[1] == '\0')))
			return false;
	}
	return label > 0;
}

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

struct question {
	size_t bytes;  /* name, type and class */
	uint16_t type, class;
	bool our_name;
};

/* Reads labels; a pointer has no place in a question.  Gives  false if it is malformed. */
static bool question_parse(const uint8_t *at, size_t left, const char *name, struct question *q)
{
	size_t used = 0;

	q->our_name = true;
	while (used < left && at[used] != 0) {
		size_t n = at[used];

		if (n > LABEL_MAX || left - used < n + 2 || used + n + 2 > WIRE_NAME_MAX)
			return false;
		for (size_t i = 1; i <= n; i++)
			q->our_name = q->our_name && at[used + i] != '.' && lower(at[used + i]) == lower((uint8_t)*name++);
		used += n + 1;
		q->our_name = q->our_name && *name == (at[used] != 0 ? '.' : '\0');
		name += q->our_name && *name == '.';
	}
	if (left - used < 5 || used == left)
		return false;
	q->our_name = q->our_name && used > 0;
	q->type = get16(at + used + 1);
	q->class = get16(at + used + 3);
	q->bytes = used + 5;
	return true;
}

/* Gives  where the answer goes on. */
static uint8_t *header_write(uint8_t *a, const uint8_t *query, enum rcode rcode, bool question, bool record)
{
	memcpy(a, query, 2);
	a[2] = (uint8_t)(0x84 | (query[2] & 0x79)); /* an answer, authoritative; opcode and RD are the query's */
	a[3] = (uint8_t)rcode;
	a = put16(a + 4, question);
	a = put16(a, record);
	a = put16(a, 0);
	return put16(a, 0);
}

static uint8_t *record_write(uint8_t *a, uint32_t addr)
{
	a = put16(a, POINTER_TO_QUESTION);
	a = put16(a, TYPE_A);
	a = put16(a, CLASS_IN);
	a = put16(a, 0);
	a = put16(a, TTL_S);
	a = put16(a, 4);
	a = put16(a, addr >> 16);
	return put16(a, addr & 0xffff);
}

size_t dns_answer(const struct dns_record *r, const uint8_t *query, size_t query_bytes, uint8_t answer[DNS_ANSWER_MAX])
{
	struct question q;
	uint8_t *end;
	bool has;

	if (query_bytes < HEADER_BYTES || query[2] & 0x80)
		return 0;
	if (query[2] & 0x78)
		return (size_t)(header_write(answer, query, NOTIMP, false, false) - answer);
	if (get16(query + 4) != 1 || !question_parse(query + HEADER_BYTES, query_bytes - HEADER_BYTES, r->name, &q))
		return (size_t)(header_write(answer, query, FORMERR, false, false) - answer);
	has = q.our_name && q.class == CLASS_IN && (q.type == TYPE_A || q.type == TYPE_ANY);
	end = header_write(answer, query, q.our_name ? NOERROR : NXDOMAIN, true, has);
	memcpy(end, query + HEADER_BYTES, q.bytes);
	end += q.bytes;
	if (has)
		end = record_write(end, r->addr);
	return (size_t)(end - answer);
}
