/* SPDX-License-Identifier: MIT
 * "PORT[,app=echo|discard|dns][,name=NAME][,addr=A]": what `host --udp` takes. */
#ifndef HO_UDP_SPEC_H
#define HO_UDP_SPEC_H

#include "dns_answer.h"

enum udp_app { UDP_ECHO, UDP_DISCARD, UDP_DNS };

struct udp_spec {
	uint16_t port;
	enum udp_app app;
	struct dns_record record; /* UDP_DNS */
};

const char *udp_app_name(enum udp_app app);
/* Gives  false, with words that say what is wrong and what would be right. */
bool udp_spec_parse(const char *text, struct udp_spec *out, char *why, size_t why_bytes);

#endif
