/* SPDX-License-Identifier: MIT
 * Bytes <-> values of IPv4, ICMP and TCP headers.  Pure functions; fields come out in host order. */
#ifndef HO_WIRE_H
#define HO_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint16_t get16(const void *p)
{
	const uint8_t *b = p;

	return (uint16_t)(b[0] << 8 | b[1]);
}
static inline uint32_t get32(const void *p)
{
	uint32_t v;

	memcpy(&v, p, 4);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	v = __builtin_bswap32(v);
#endif
	return v;
}
static inline void put16(void *p, uint16_t v)
{
	uint8_t *b = p;

	b[0] = (uint8_t)(v >> 8);
	b[1] = (uint8_t)v;
}
static inline void put32(void *p, uint32_t v)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	v = __builtin_bswap32(v);
#endif
	memcpy(p, &v, 4);
}

#define IP_PROTO_ICMP 1
#define IP_PROTO_TCP 6
#define IP_PROTO_UDP 17

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_PSH 0x08
#define TCP_ACK 0x10
#define TCP_URG 0x20
#define TCP_ECE 0x40
#define TCP_CWR 0x80

#define TCP_OPT_MSS 2
#define TCP_OPT_WSCALE 3
#define TCP_OPT_SACK_OK 4
#define TCP_OPT_SACK 5
#define TCP_OPT_TS 8
#define TCP_OPT_FASTOPEN 34
#define TCP_OPT_EXP 254
#define TCP_EXP_FASTOPEN 0xf989 /* the magic number of Fast Open before it had a kind of its own (RFC 6994) */

/* The options of a segment (RFC 9293 3.1, 7323, 2018).  Ill-formed options end the parse; what came before counts, as in
 * Linux. */
struct tcp_options {
	bool has_mss, has_wscale, has_ts, has_sack_ok;
	uint16_t mss;   /* 0 if none */
	uint8_t wscale; /* 0..14 (larger ones are cut) */
	uint32_t ts_val, ts_ecr;
	uint8_t sack_count; /* 0..4 */
	uint8_t fastopen_at; /* where the cookie lies in the options; 0: there is no such option */
	uint8_t fastopen_bytes; /* of the cookie: 0 (please give me one) or 4..16 */
	bool fastopen_exp;   /* as an experimental option */
	uint32_t sack[4][2]; /* left, right */
};
/* Takes  opt: the bytes after the 20-byte header.  syn: MSS, wscale, SACK-permitted and Fast Open
 *        are looked at. */
void tcp_options_parse(const uint8_t *opt, size_t len_bytes, bool syn, struct tcp_options *out);

#endif
