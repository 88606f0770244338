/* SPDX-License-Identifier: MIT
 * lab: packets into the capture file, if there is one. */
#include "inside.h"

void lab_pcap_packet(struct lab *l, ho_time_ns at, const void *bytes, size_t len, const char *const *comments,
                     int count)
{
	if (l->pcap)
		ho_pcapng_packet(l->pcap->file, l->pcap->interface, at, 0, bytes, len, comments, count);
}
