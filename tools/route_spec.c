/* SPDX-License-Identifier: MIT
 * A route in iproute2's words. */
#include "route_spec.h"

#include "tools.h"

#include <halfopen/view.h>

#include <errno.h>
#include <string.h>

bool route_prefix_parse(const char *word, uint32_t *addr, uint8_t *len)
{
	if (strcmp(word, "default") == 0) {
		*addr = 0;
		*len = 0;
		return true;
	}
	*len = 32;
	return strchr(word, '/') != NULL ? parse_addr_prefix(word, addr, len) : ho_view_addr_parse(word, addr) == 0;
}

static bool type_parse(const char *word, uint8_t *type)
{
	static const char *const names[] = {"unicast", "blackhole", "unreachable", "prohibit"};

	for (uint8_t i = 0; i < 4; i++)
		if (strcmp(word, names[i]) == 0) {
			*type = i;
			return true;
		}
	return false;
}

#define WORDS "via ADDR, dev LINK, src ADDR, metric N, mtu [lock] N, advmss N, initcwnd N, rto_min lock MS, quickack 1"

/* Where a number goes; NULL: no such word. */
static uint32_t *number_of(struct ho_route *r, const char *key)
{
	struct {
		const char *key;
		uint32_t *to;
	} const numbers[] = {
		{"metric", &r->metric},
		{"mtu", &r->mtu},
		{"advmss", &r->metrics.advmss},
		{"initcwnd", &r->metrics.initcwnd},
		{"rto_min", &r->metrics.rto_min_ms},
	};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (strcmp(key, numbers[i].key) == 0)
			return numbers[i].to;
	return NULL;
}

/* One word and its value. */
static bool pair_take(const struct ho_stack *s, const char *key, const char *value, struct ho_route *r, char *why,
                      size_t why_bytes)
{
	uint64_t v = 0;

	if (strcmp(key, "via") == 0 || strcmp(key, "src") == 0) {
		if (ho_view_addr_parse(value, *key == 'v' ? &r->gateway : &r->src) == 0)
			return true;
		snprintf(why, why_bytes, "%s '%.40s': an address is wanted", key, value);
	} else if (strcmp(key, "dev") == 0) {
		r->link = ho_link_find(s, value);
		if (r->link >= 0)
			return true;
		snprintf(why, why_bytes, "Cannot find device \"%.40s\"; `halfopen addr` shows the links", value);
	} else if (number_of(r, key) != NULL) {
		char digits[16] = "";
		size_t end = strlen(value);

		if (strcmp(key, "rto_min") == 0 && end > 2 && strcmp(value + end - 2, "ms") == 0)
			end -= 2;
		if (end < sizeof(digits))
			memcpy(digits, value, end);
		if (parse_u64(digits, 0, UINT32_MAX, &v)) {
			*number_of(r, key) = (uint32_t)v;
			return true;
		}
		snprintf(why, why_bytes, "%s '%.40s': a number is wanted", key, value);
	} else if (strcmp(key, "quickack") == 0) {
		r->metrics.quickack = strcmp(value, "1") == 0;
		if (r->metrics.quickack || strcmp(value, "0") == 0)
			return true;
		snprintf(why, why_bytes, "quickack '%.40s': 0 or 1 is wanted", value);
	} else {
		snprintf(why, why_bytes, "'%.40s': there are " WORDS, key);
	}
	return false;
}

bool route_spec_parse(const struct ho_stack *s, int count, char **words, struct ho_route *out, char *why,
                      size_t why_bytes)
{
	struct ho_route r = {.link = -1};
	int i = 0;

	if (count > 0 && type_parse(words[0], &r.type))
		i++;
	if (i == count || !route_prefix_parse(words[i], &r.dst, &r.prefix_len)) {
		snprintf(why, why_bytes, "'%.40s': a prefix such as 198.18.0.0/24, an address, or default is wanted",
		         i < count ? words[i] : "");
		return false;
	}
	for (i++; i < count; i += 2) {
		if (i + 1 == count) {
			snprintf(why, why_bytes, "'%.40s' stands alone: " WORDS, words[i]);
			return false;
		}
		if (i + 2 < count && strcmp(words[i + 1], "lock") == 0) { /* of rto_min it is implied */
			r.metrics.mtu_locked |= strcmp(words[i], "mtu") == 0;
			words[i + 1] = words[i];
			i++;
		}
		if (!pair_take(s, words[i], words[i + 1], &r, why, why_bytes))
			return false;
	}
	*out = r;
	return true;
}

const char *route_error(int err)
{
	switch (err) {
	case -EINVAL: return "RTNETLINK answers: Invalid argument";
	case -ENODEV: return "RTNETLINK answers: No such device";
	case -ENETUNREACH: return "RTNETLINK answers: Network is unreachable";
	case -EHOSTUNREACH: return "RTNETLINK answers: No route to host";
	case -EACCES: return "RTNETLINK answers: Permission denied";
	case -EEXIST: return "RTNETLINK answers: File exists";
	case -ESRCH: return "RTNETLINK answers: No such process";
	case -EADDRNOTAVAIL: return "RTNETLINK answers: Cannot assign requested address";
	case -ENOSPC: return "RTNETLINK answers: No space left on device";
	default: return "RTNETLINK answers: Cannot allocate memory";
	}
}
