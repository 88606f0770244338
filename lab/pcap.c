/* SPDX-License-Identifier: MIT
 * lab: packets into the capture file, if there is one: an interface of it for each wire that carries any. */
#include "inside.h"

static void end_say(const struct lab_net *n, int end, char *buf, size_t cap)
{
	uint32_t a = n->end[end].addr;

	if (n->end[end].host < 0)
		snprintf(buf, cap, "nobody");
	else
		snprintf(buf, cap, "host %s (%u.%u.%u.%u)", lab_net_name(n, end), a >> 24, a >> 16 & 255, a >> 8 & 255,
		         a & 255);
}

/* "ping@stack", or of a network that the experiment has declared "forwarding@stack:A-R" */
static int interface_add(const struct lab *l, int wire)
{
	const struct lab_net *n = &l->net;
	char name[256], between[128], a[48], b[48];
	int len = snprintf(name, sizeof name, "%s@%s", l->name, l->ops->name);

	if (n->declared && len < (int)sizeof name)
		snprintf(name + len, sizeof name - (size_t)len, ":%s-%s", lab_net_name(n, 2 * wire),
		         lab_net_name(n, 2 * wire + 1));
	end_say(n, 2 * wire, a, sizeof a);
	end_say(n, 2 * wire + 1, b, sizeof b);
	snprintf(between, sizeof between, "the wire between %s and %s", a, b);
	return ho_pcapng_interface(l->pcap->file, name, between);
}

void lab_pcap_packet(struct lab *l, int wire, ho_time_ns at, const void *bytes, size_t len,
                     const char *const *comments, int count)
{
	if (!l->pcap)
		return;
	if (!l->pcap->interface[wire])
		l->pcap->interface[wire] = interface_add(l, wire) + 1;
	if (l->pcap->interface[wire] > 0)
		ho_pcapng_packet(l->pcap->file, l->pcap->interface[wire] - 1, at, 0, bytes, len, comments, count);
}
