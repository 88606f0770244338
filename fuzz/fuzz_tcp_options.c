/* SPDX-License-Identifier: MIT
 * Any bytes as TCP options: no byte beyond them is read, and what comes out keeps the promises of wire.h. */
#include <stdlib.h>

#include "wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool promise)
{
	if (!promise)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	for (int syn = 0; syn < 2; syn++) {
		struct tcp_options o;

		tcp_options_parse(data, size, syn, &o);
		require(o.has_mss == (o.mss != 0));
		require(o.wscale <= 14 && (o.has_wscale || o.wscale == 0));
		require(o.sack_count <= 4);
		require(o.has_ts || (o.ts_val == 0 && o.ts_ecr == 0));
		require(o.fastopen_at == 0 || (syn && o.fastopen_at >= 2 && o.fastopen_at + (size_t)o.fastopen_bytes <= size &&
		                               o.fastopen_bytes <= 16 && o.fastopen_bytes % 2 == 0));
		require(syn || !(o.has_mss || o.has_wscale || o.has_sack_ok));
	}
	return 0;
}
