/* SPDX-License-Identifier: MIT
 * What `halfopen why` is asked about. */
#include "about.h"

#include "tools.h"

#include <string.h>

static bool listener_parse(const char *word, struct ho_endpoint *out)
{
	const char *colon = strrchr(word, ':'), *port_text = colon != NULL ? colon + 1 : word;
	size_t host_len = colon != NULL ? (size_t)(colon - word) : 0;
	uint32_t addr = HO_ADDR_ANY;
	uint64_t port;
	char host[16];

	if (!parse_u64(port_text, 1, 65535, &port) || host_len >= sizeof(host))
		return false;
	memcpy(host, word, host_len);
	host[host_len] = '\0';
	if (host_len > 0 && strcmp(host, "*") != 0 && ho_view_addr_parse(host, &addr) != 0)
		return false;
	*out = (struct ho_endpoint){addr, (uint16_t)port};
	return true;
}

bool about_parse(const char *word, struct ho_view_about *about)
{
	int counter = ho_counter_find(word);

	if (counter >= 0) {
		if (about->counter >= 0)
			return false;
		about->counter = counter;
		return true;
	}
	return about->listener.port == 0 && listener_parse(word, &about->listener);
}
