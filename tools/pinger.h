/* SPDX-License-Identifier: MIT
 * Echoes that a host's stack sends for those who ask on its control socket; what comes back is told in ping's words. */
#ifndef HO_PINGER_H
#define HO_PINGER_H

#include "control.h"

#include <halfopen/halfopen.h>

struct pinger;

struct ping_spec {
	uint32_t addr;
	uint32_t count;          /* 0: until it is enough */
	ho_time_ns interval_ns, wait_ns;
	uint32_t payload_bytes;  /* behind the ICMP header */
	uint8_t ttl;             /* 0: the stack's */
};

/* "ADDR", "-c N", "-i S", "-s BYTES", "-t TTL", "-W S" in any order.
 * Gives  false, with words that say what is wrong and what would be right. */
bool ping_spec_parse(int count, char **words, struct ping_spec *out, char *why, size_t why_bytes);

struct pinger *pinger_open(struct ho_stack *s, struct control *c); /* NULL: no memory */
void pinger_close(struct pinger *p);
/* For the request that is being answered.  Gives  0, -EBUSY (too many), or what opening a socket or the way there said. */
int pinger_start(struct pinger *p, const struct ping_spec *spec, FILE *out);
void pinger_run(struct pinger *p, ho_time_ns now);
ho_time_ns pinger_deadline(const struct pinger *p);

#endif
