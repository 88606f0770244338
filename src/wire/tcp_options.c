/* SPDX-License-Identifier: MIT
 * Source: Linux 6.18 net/ipv4/tcp_input.c, tcp_parse_options: which lengths are believed, that an option of a wrong length
 * is skipped but one that overruns ends the parse, that the last of several wins. */
#include "wire.h"

#define OPT_EOL 0
#define OPT_NOP 1
#define WSCALE_MAX 14 /* RFC 7323 section 2.3 */
#define SACK_BLOCKS_MAX 4
#define TS_BYTES 10
#define FASTOPEN_BYTES_MIN 4 /* RFC 7413 section 4.1.1 */
#define FASTOPEN_BYTES_MAX 16
#define ALIGNED_TS_BYTES 12
#define ALIGNED_TS UINT32_C(0x0101080a) /* NOP NOP TS 10: what nearly every segment of a connection carries */

static void on_mss(const uint8_t *value, struct tcp_options *out)
{
	uint16_t mss = get16(value);

	if (mss == 0)
		return;
	out->has_mss = true;
	out->mss = mss;
}

static void on_wscale(uint8_t shift, struct tcp_options *out)
{
	out->has_wscale = true;
	out->wscale = shift < WSCALE_MAX ? shift : WSCALE_MAX;
}

static void on_ts(const uint8_t *value, struct tcp_options *out)
{
	out->has_ts = true;
	out->ts_val = get32(value);
	out->ts_ecr = get32(value + 4);
}

static void on_sack(const uint8_t *value, size_t blocks, struct tcp_options *out)
{
	if (blocks > SACK_BLOCKS_MAX)
		blocks = SACK_BLOCKS_MAX;
	out->sack_count = (uint8_t)blocks;
	for (size_t i = 0; i < blocks; i++) {
		out->sack[i][0] = get32(value + 8 * i);
		out->sack[i][1] = get32(value + 8 * i + 4);
	}
}

/* A cookie of an odd length is none; one of a wrong length takes back what came before. */
static void on_fastopen(size_t at, size_t bytes, bool exp, struct tcp_options *out)
{
	if (bytes % 2)
		return;
	out->fastopen_at = bytes == 0 || (bytes >= FASTOPEN_BYTES_MIN && bytes <= FASTOPEN_BYTES_MAX) ? (uint8_t)at : 0;
	out->fastopen_bytes = (uint8_t)bytes;
	out->fastopen_exp = exp;
}

static void on_option(const uint8_t *opt, uint8_t bytes, size_t at, bool syn, struct tcp_options *out)
{
	switch (opt[0]) {
	case TCP_OPT_MSS:
		if (bytes == 4 && syn)
			on_mss(opt + 2, out);
		break;
	case TCP_OPT_WSCALE:
		if (bytes == 3 && syn)
			on_wscale(opt[2], out);
		break;
	case TCP_OPT_SACK_OK:
		if (bytes == 2 && syn)
			out->has_sack_ok = true;
		break;
	case TCP_OPT_SACK:
		if (bytes >= 10 && bytes % 8 == 2)
			on_sack(opt + 2, bytes / 8, out);
		break;
	case TCP_OPT_TS:
		if (bytes == TS_BYTES)
			on_ts(opt + 2, out);
		break;
	case TCP_OPT_FASTOPEN:
		if (syn)
			on_fastopen(at + 2, bytes - 2u, false, out);
		break;
	case TCP_OPT_EXP:
		if (syn && bytes >= 4 && get16(opt + 2) == TCP_EXP_FASTOPEN)
			on_fastopen(at + 4, bytes - 4u, true, out);
		break;
	default:
		break;
	}
}

void tcp_options_parse(const uint8_t *opt, size_t len_bytes, bool syn, struct tcp_options *out)
{
	const uint8_t *start = opt;

	memset(out, 0, sizeof(*out));
	if (len_bytes == ALIGNED_TS_BYTES && get32(opt) == ALIGNED_TS) {
		on_ts(opt + 4, out);
		return;
	}
	while (len_bytes > 0 && opt[0] != OPT_EOL) {
		size_t bytes = 1;

		if (opt[0] != OPT_NOP) {
			if (len_bytes < 2 || opt[1] < 2 || opt[1] > len_bytes)
				return;
			bytes = opt[1];
			on_option(opt, opt[1], (size_t)(opt - start), syn, out);
		}
		opt += bytes;
		len_bytes -= bytes;
	}
}
