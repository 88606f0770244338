/* SPDX-License-Identifier: MIT
 * lab: what must hold of each host's counters after any run, in both worlds: the two sums of the kernel's document on its
 * counters.
 *
 * Out: the types together are IcmpOutMsgs.  In: a message with an error that was found before its type was counted is in
 * IcmpInErrors and in no type; an error found later is in both.  So IcmpInMsgs is the types and the errors together if all were
 * found before, the types alone if all were found after, and between the two if some were and some were not; a wrong
 * checksum is always found before. */
#include <string.h>

#include "inside.h"

static int64_t value(const struct lab_counters *c, const char *name)
{
	const struct lab_counter *row = lab_counters_find(c, name, c->count);

	return row ? row->value : 0;
}

static int64_t types(const struct lab_counters *c, const char *prefix)
{
	int64_t sum = 0;

	for (size_t i = 0; i < c->count; i++)
		if (strncmp(c->row[i].name, prefix, strlen(prefix)) == 0)
			sum += c->row[i].value;
	return sum;
}

static void broken(struct lab *l, int host, const char *name, int64_t messages, int64_t sum)
{
	json_array_append_new(l->failures,
	                      json_sprintf("host %s: Icmp%sMsgs is %lld, but the sum of IcmpMsg%sType* is %lld",
	                                   l->net.host[host].name, name, (long long)messages, name, (long long)sum));
}

void lab_sums_check(struct lab *l)
{
	for (int h = 0; l->world && h < l->net.host_count; h++) {
		struct lab_counters c = {0};

		if (l->ops->counters(l->world, h, &c) >= 0) {
			int64_t out = value(&c, "IcmpOutMsgs"), in = value(&c, "IcmpInMsgs");
			int64_t out_sum = types(&c, "IcmpMsgOutType"), in_sum = types(&c, "IcmpMsgInType");

			if (out != out_sum)
				broken(l, h, "Out", out, out_sum);
			if (in < in_sum + value(&c, "IcmpInCsumErrors") || in > in_sum + value(&c, "IcmpInErrors"))
				broken(l, h, "In", in, in_sum);
		}
		lab_counters_free(&c);
	}
}
