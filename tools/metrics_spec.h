/* SPDX-License-Identifier: MIT
 * Where `host --metrics` listens: "127.0.0.1:9464", "[::1]:9464". */
#ifndef HO_METRICS_SPEC_H
#define HO_METRICS_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

struct metrics_spec {
	const char *text; /* the word itself; NULL: no metrics are wanted */
	struct sockaddr_storage at;
	socklen_t at_bytes;
};

/* Gives  false, and in why what is wrong. */
bool metrics_spec_parse(const char *text, struct metrics_spec *out, char *why, size_t why_bytes);

#endif
