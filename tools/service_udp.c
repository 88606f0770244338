/* SPDX-License-Identifier: MIT
 * Services of one UDP socket each: echo, discard, dns.  A datagram is answered at once or not at all; what the link
 * cannot take is lost, as on any wire. */
#include "services.h"

#include <errno.h>

#define ROUND_DATAGRAMS 64
#define DATAGRAM_BYTES 65536

static void datagram_answer(struct conn *c, const uint8_t *bytes, size_t len_bytes, struct ho_endpoint from)
{
	uint8_t answer[DNS_ANSWER_MAX];
	size_t n;

	switch (c->udp->app) {
	case UDP_ECHO: ho_sock_sendto(c->stack, c->fd, bytes, len_bytes, 0, from); return;
	case UDP_DNS:
		n = dns_answer(&c->udp->record, bytes, len_bytes, answer);
		if (n > 0)
			ho_sock_sendto(c->stack, c->fd, answer, n, 0, from);
		return;
	case UDP_DISCARD:
	default: return;
	}
}

static enum run_verdict udp_run(struct conn *c)
{
	static uint8_t bytes[DATAGRAM_BYTES];
	struct ho_endpoint from;

	for (int i = 0; i < ROUND_DATAGRAMS; i++) {
		ptrdiff_t n = ho_sock_recvfrom(c->stack, c->fd, bytes, sizeof(bytes), 0, &from);

		if (n == -EAGAIN)
			return RUN_WAIT;
		if (n >= 0) /* an error is of somebody who went away */
			datagram_answer(c, bytes, (size_t)n, from);
	}
	return RUN_MORE;
}

const struct service udp_service = {.name = "udp", .text = "datagrams", .run = udp_run};
