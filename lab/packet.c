/* SPDX-License-Identifier: MIT
 * lab: bytes of raw packets, there and back. */
#include <string.h>

#include "inside.h"

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

uint16_t lab_csum(const void *bytes, size_t len, uint32_t start)
{
	const uint8_t *p = bytes;
	uint64_t sum = start;

	for (; len > 1; p += 2, len -= 2)
		sum += get16(p);
	if (len)
		sum += (uint64_t)p[0] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

bool lab_seg_parse(const void *bytes, size_t len, struct lab_seg *s)
{
	const uint8_t *p = bytes;

	memset(s, 0, sizeof *s);
	if (len < 20 || p[0] >> 4 != 4)
		return false;
	size_t ihl = (size_t)(p[0] & 15) * 4;

	s->tos = p[1];
	s->tot = get16(p + 2);
	s->id = get16(p + 4);
	s->frag = get16(p + 6);
	s->ttl = p[8];
	s->proto = p[9];
	s->src = get32(p + 12);
	s->dst = get32(p + 16);
	if (ihl < 20 || ihl > len)
		return true;
	s->l4 = p + ihl;
	s->l4_len = (s->tot > ihl && s->tot < len ? s->tot : len) - ihl;
	if (s->frag & 0x1fff)
		return true;
	if (s->proto == 6 && s->l4_len >= 20) {
		const uint8_t *t = s->l4;
		size_t hl = (size_t)(t[12] >> 4) * 4;

		if (hl < 20)
			hl = 20;
		if (hl > s->l4_len)
			hl = s->l4_len;
		s->tcp = true;
		s->sport = get16(t);
		s->dport = get16(t + 2);
		s->seq = get32(t + 4);
		s->ack = get32(t + 8);
		s->flags = t[13];
		s->win = get16(t + 14);
		s->urg = get16(t + 18);
		s->opts = t + 20;
		s->opts_len = hl - 20;
		s->data = t + hl;
		s->data_len = s->l4_len - hl;
	} else if (s->proto == 17 && s->l4_len >= 8) {
		s->sport = get16(s->l4);
		s->dport = get16(s->l4 + 2);
		s->data = s->l4 + 8;
		s->data_len = s->l4_len - 8;
	} else if (s->proto == 1 && s->l4_len >= 8) {
		s->type = s->l4[0];
		s->code = s->l4[1];
		s->data = s->l4 + 8;
		s->data_len = s->l4_len - 8;
	}
	return true;
}

void lab_ip_emit(uint8_t *at, const struct lab_seg *s, size_t payload_len)
{
	at[0] = 0x45;
	at[1] = s->tos;
	put16(at + 2, (uint32_t)(20 + payload_len));
	put16(at + 4, s->id);
	put16(at + 6, s->frag);
	at[8] = s->ttl;
	at[9] = s->proto;
	put16(at + 10, 0);
	put32(at + 12, s->src);
	put32(at + 16, s->dst);
	put16(at + 10, lab_csum(at, 20, 0));
}

void lab_tcp_csum_fill(uint8_t *l4, size_t len, uint32_t src, uint32_t dst, bool bad)
{
	uint32_t pseudo = (src >> 16) + (src & 0xffff) + (dst >> 16) + (dst & 0xffff) + 6 + (uint32_t)len;

	put16(l4 + 16, 0);
	put16(l4 + 16, lab_csum(l4, len, pseudo) ^ (bad ? 0x5555u : 0u));
}

static const char flag_letters[] = "FSRP.UEC";

uint8_t lab_flags_parse(const char *text)
{
	uint8_t flags = 0;

	for (; *text; text++) {
		const char *at = strchr(flag_letters, *text == 'A' ? '.' : *text);

		if (at)
			flags = (uint8_t)(flags | 1u << (at - flag_letters));
	}
	return flags;
}

void lab_flags_text(uint8_t flags, char buf[9])
{
	int n = 0;

	for (int i = 0; i < 8; i++)
		if (flags & 1u << i)
			buf[n++] = flag_letters[i];
	buf[n] = 0;
}
