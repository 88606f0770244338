/* SPDX-License-Identifier: MIT */
#include "metrics_spec.h"

#include "tools.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

static bool v4_set(struct metrics_spec *out, const char *host, uint16_t port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};

	if (inet_pton(AF_INET, host, &at.sin_addr) != 1)
		return false;
	memcpy(&out->at, &at, sizeof(at));
	out->at_bytes = sizeof(at);
	return true;
}

static bool v6_set(struct metrics_spec *out, const char *host, uint16_t port)
{
	struct sockaddr_in6 at = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

	if (inet_pton(AF_INET6, host, &at.sin6_addr) != 1)
		return false;
	memcpy(&out->at, &at, sizeof(at));
	out->at_bytes = sizeof(at);
	return true;
}

bool metrics_spec_parse(const char *text, struct metrics_spec *out, char *why, size_t why_bytes)
{
	const char *colon = strrchr(text, ':');
	size_t len = colon != NULL ? (size_t)(colon - text) : 0;
	bool brackets = len > 2 && text[0] == '[' && text[len - 1] == ']';
	char host[INET6_ADDRSTRLEN];
	uint64_t port;

	*out = (struct metrics_spec){.text = text};
	if (len == 0 || len - 2 * brackets >= sizeof(host)) {
		snprintf(why, why_bytes, "an address and a port are wanted, for instance 127.0.0.1:9464 or [::1]:9464");
		return false;
	}
	if (!parse_u64(colon + 1, 1, 65535, &port)) {
		snprintf(why, why_bytes, "'%.20s' is no port from 1 to 65535", colon + 1);
		return false;
	}
	memcpy(host, text + brackets, len - 2 * brackets);
	host[len - 2 * brackets] = '\0';
	if (brackets ? v6_set(out, host, (uint16_t)port) : v4_set(out, host, (uint16_t)port))
		return true;
	snprintf(why, why_bytes, "'%s' is no address; IPv6 ones stand in brackets, and names are not looked up", host);
	return false;
}
