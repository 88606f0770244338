/* SPDX-License-Identifier: MIT
 * Virtio-net headers: what a frame is told, and which headers are not believed. */
#include "vnet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define IP_BYTES 20u
#define TCP_BYTES 32u
#define HEADERS (IP_BYTES + TCP_BYTES)

static uint8_t packet[65535];

static void tcp_packet(void)
{
	memset(packet, 0, sizeof(packet));
	packet[0] = 0x45;
	packet[9] = 6;
	packet[IP_BYTES + 12] = (TCP_BYTES / 4) << 4;
}

static const struct vnet_header tso = {
	.flags = VNET_NEEDS_CSUM,
	.gso_type = VNET_GSO_TCPV4,
	.hdr_len = HEADERS,
	.gso_size = 1448,
	.csum_start = 20,
	.csum_offset = 16,
};

static void a_super_frame_stands_for_its_segments(void **state)
{
	const struct {
		uint32_t payload;
		uint16_t segs;
	} rows[] = {
		{1, 1}, {1448, 1}, {1449, 2}, {2896, 2}, {2897, 3}, {65483, 46},
	};
	struct ho_frame f = {0};

	(void)state;
	tcp_packet();
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_true(vnet_parse(&tso, packet, HEADERS + rows[i].payload, &f));
		assert_int_equal(f.gso, HO_GSO_TCPV4);
		assert_int_equal(f.gso_size, 1448);
		assert_int_equal(f.gso_segs, rows[i].segs);
		assert_int_equal(f.hdr_len, HEADERS);
		assert_int_equal(f.csum, HO_CSUM_PARTIAL);
		assert_int_equal(f.csum_start, 20);
		assert_int_equal(f.csum_offset, 16);
	}
}

static void checksum_flags_are_told_apart(void **state)
{
	struct vnet_header h = {0};
	struct ho_frame f = {0};

	(void)state;
	tcp_packet();
	assert_true(vnet_parse(&h, packet, 100, &f));
	assert_int_equal(f.csum, HO_CSUM_NONE);
	assert_int_equal(f.gso, HO_GSO_NONE);
	assert_int_equal(f.gso_segs, 1);
	assert_int_equal(f.hdr_len, HEADERS);
	h.flags = VNET_DATA_VALID;
	assert_true(vnet_parse(&h, packet, 100, &f));
	assert_int_equal(f.csum, HO_CSUM_GOOD);
	assert_true(vnet_parse(NULL, packet, 100, &f));
	assert_int_equal(f.csum, HO_CSUM_NONE);
}

static void header_lengths_stay_inside_the_packet(void **state)
{
	struct ho_frame f = {0};

	(void)state;
	for (int first = 0; first < 0x60; first++) { /* every version up to 5 with every IHL */
		tcp_packet();
		packet[0] = (uint8_t)first;
		for (int doff = 0; doff < 16; doff++) {
			for (uint32_t l4 = 20; l4 <= 60; l4 += 4)
				packet[l4 + 12] = (uint8_t)(doff << 4);
			for (uint32_t len = 1; len < 140; len++) {
				assert_true(vnet_parse(NULL, packet, len, &f));
				assert_true(f.hdr_len >= 1 && f.hdr_len <= len);
			}
		}
	}
}

static void headers_that_contradict_the_packet_are_refused(void **state)
{
	struct ho_frame f = {0};
	struct vnet_header h;

	(void)state;
	tcp_packet();
	h = tso, h.csum_start = 60000;
	assert_false(vnet_parse(&h, packet, 3000, &f));
	h = tso, h.csum_offset = 3000;
	assert_false(vnet_parse(&h, packet, 3000, &f));
	h = tso, h.csum_start = 40; /* not where the L4 header is */
	assert_false(vnet_parse(&h, packet, 3000, &f));
	h = tso, h.gso_size = 0;
	assert_false(vnet_parse(&h, packet, 3000, &f));
	h = tso, h.flags = 0; /* a super-frame without a checksum to fill */
	assert_false(vnet_parse(&h, packet, 3000, &f));
	h = tso, h.gso_type = 3; /* UDP: not offered */
	assert_false(vnet_parse(&h, packet, 3000, &f));
	h = tso, h.gso_type = 4; /* TCPV6 */
	assert_false(vnet_parse(&h, packet, 3000, &f));
	assert_false(vnet_parse(&tso, packet, HEADERS, &f)); /* no payload */
	assert_false(vnet_parse(&tso, packet, 30, &f));      /* headers cut off */
	packet[9] = 17;
	assert_false(vnet_parse(&tso, packet, 3000, &f)); /* not TCP */
	tcp_packet();
	h = tso, h.gso_type = VNET_GSO_UDP_L4;
	assert_false(vnet_parse(&h, packet, 3000, &f)); /* not UDP */
	tcp_packet();
	packet[7] = 1;
	assert_false(vnet_parse(&tso, packet, 3000, &f)); /* a later fragment has no TCP header */
	tcp_packet();
	h = tso, h.gso_type |= VNET_GSO_ECN;
	assert_true(vnet_parse(&h, packet, 3000, &f));
}

static void what_is_emitted_parses_to_the_same(void **state)
{
	struct ho_frame in = {0}, out = {0};
	struct vnet_header h;

	(void)state;
	tcp_packet();
	assert_true(vnet_parse(&tso, packet, 40000, &in));
	assert_true(vnet_emit(&in, &h));
	assert_memory_equal(&h, &tso, sizeof(h));
	assert_true(vnet_parse(&h, packet, 40000, &out));
	assert_memory_equal(&in, &out, sizeof(in));
	in.csum = HO_CSUM_NONE;
	assert_false(vnet_emit(&in, &h)); /* super-frames have their checksum still to be filled */
	in = (struct ho_frame){.csum = HO_CSUM_GOOD};
	assert_true(vnet_emit(&in, &h));
	assert_int_equal(h.flags, VNET_DATA_VALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_super_frame_stands_for_its_segments),
		cmocka_unit_test(checksum_flags_are_told_apart),
		cmocka_unit_test(header_lengths_stay_inside_the_packet),
		cmocka_unit_test(headers_that_contradict_the_packet_are_refused),
		cmocka_unit_test(what_is_emitted_parses_to_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
