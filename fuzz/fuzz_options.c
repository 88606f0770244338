/* SPDX-License-Identifier: MIT
 * TCP options: any bytes give values within their ranges, and the same ones each time. */
#include <stdio.h>
#include <stdlib.h>

#include "wire/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tcp_options a, b;

	if (size < 1 || size > 41)
		return 0;
	memset(&a, 0, sizeof(a));
	memset(&b, 0xff, sizeof(b));
	tcp_options_parse(data + 1, size - 1, data[0] & 1, &a);
	tcp_options_parse(data + 1, size - 1, data[0] & 1, &b);
	if (a.wscale > 14 || a.sack_count > 4 || (!a.has_mss && a.mss != 0))
		abort();
	if (!(data[0] & 1) && (a.has_mss || a.has_wscale || a.has_sack_ok))
		abort();
	if (a.has_mss != b.has_mss || a.mss != b.mss || a.has_ts != b.has_ts || a.sack_count != b.sack_count ||
	    a.has_wscale != b.has_wscale || (a.has_ts && (a.ts_val != b.ts_val || a.ts_ecr != b.ts_ecr)))
		abort();
	return 0;
}
