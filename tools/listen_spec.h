/* SPDX-License-Identifier: MIT
 * "PORT[,backlog=N][,app=NAME]": what `host --listen` takes. */
#ifndef HO_LISTEN_SPEC_H
#define HO_LISTEN_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LISTEN_BACKLOG_DEFAULT 128

struct listen_spec {
	uint16_t port;
	int32_t backlog; /* negative: net.core.somaxconn, as listen(2) has it */
	char app[16];    /* not looked up here */
};

/* Gives  false, with words that say what is wrong and what would be right. */
bool listen_spec_parse(const char *text, struct listen_spec *out, char *why, size_t why_bytes);

#endif
