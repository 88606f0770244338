/* SPDX-License-Identifier: MIT
 * Segments of peers that are no stack: written and read here, checksums and all, without a line of halfopen's own. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

static void be16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void be32(uint8_t *p, uint32_t v)
{
	be16(p, v >> 16);
	be16(p + 2, v);
}

static uint32_t from16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t from32(const uint8_t *p)
{
	return from16(p) << 16 | from16(p + 2);
}

static uint32_t sum16(uint32_t sum, const uint8_t *p, size_t len_bytes) /* even lengths only */
{
	for (size_t i = 0; i < len_bytes; i += 2)
		sum += from16(p + i);
	return sum;
}

static uint32_t fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum & 0xffff;
}

static size_t options_write(const struct segment *s, uint8_t *o)
{
	static const uint8_t syn[] = {2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0, 1, 3, 3, 7};
	static const uint8_t ts[] = {1, 1, 8, 10};

	if (s->syn_options) {
		memcpy(o, syn, sizeof syn);
		be32(o + 8, s->ts_val);
		be32(o + 12, s->ts_ecr);
		return sizeof syn;
	}
	if (!s->timestamps)
		return 0;
	memcpy(o, ts, sizeof ts);
	be32(o + 4, s->ts_val);
	be32(o + 8, s->ts_ecr);
	return 12;
}

size_t segment_write(const struct segment *s, uint8_t out[SEGMENT_BYTES])
{
	uint8_t *tcp = out + 20;
	size_t header = 20 + options_write(s, tcp + 20), l4 = header + (s->request ? SEGMENT_REQUEST_BYTES : 0), len = 20 + l4;

	memset(out, 0, 40);
	memset(tcp + header, 0, l4 - header);
	out[0] = 0x45;
	be16(out + 2, (uint32_t)len);
	out[6] = 0x40; /* don't fragment */
	out[8] = 64;
	out[9] = 6;
	be32(out + 12, s->saddr);
	be32(out + 16, s->daddr);
	be16(out + 10, fold(sum16(0, out, 20)));
	be16(tcp, s->sport);
	be16(tcp + 2, s->dport);
	be32(tcp + 4, s->seq);
	be32(tcp + 8, s->ack);
	tcp[12] = (uint8_t)(header << 2);
	tcp[13] = s->flags;
	be16(tcp + 14, 64240);
	be16(tcp + 16, fold(sum16(sum16(6 + (uint32_t)l4, out + 12, 8), tcp, l4)));
	return len;
}

static void timestamps_read(const uint8_t *o, size_t len, struct segment *out)
{
	for (size_t i = 0; i + 1 < len && o[i] != 0;) {
		if (o[i] == 1) {
			i++;
			continue;
		}
		if (o[i] == 8 && i + 10 <= len) {
			out->timestamps = true;
			out->ts_val = from32(o + i + 2);
			out->ts_ecr = from32(o + i + 6);
		}
		i += o[i + 1] < 2 ? 2 : o[i + 1];
	}
}

bool segment_read(const struct ho_frame *f, struct segment *out)
{
	const uint8_t *p = f->slice[0].data, *tcp = p + 20;
	size_t len = f->slice[0].len_bytes;

	if (len < 40 || p[9] != 6)
		return false;
	*out = (struct segment){.saddr = from32(p + 12),
	                        .daddr = from32(p + 16),
	                        .seq = from32(tcp + 4),
	                        .ack = from32(tcp + 8),
	                        .sport = (uint16_t)from16(tcp),
	                        .dport = (uint16_t)from16(tcp + 2),
	                        .flags = tcp[13]};
	if (20u + (tcp[12] >> 4) * 4u <= len)
		timestamps_read(tcp + 20, (tcp[12] >> 4) * 4u - 20, out);
	return true;
}

struct segment segment_peer(uint32_t i)
{
	return (struct segment){.saddr = HO_ADDR(198, 18, 1, 0) + i % 130000,
	                        .daddr = SERVER_ADDR,
	                        .sport = (uint16_t)(1024 + i / 130000 * 7919 % 60000),
	                        .dport = ECHO_PORT,
	                        .seq = i * 2654435761u,
	                        .flags = SEGMENT_SYN,
	                        .syn_options = true,
	                        .ts_val = 1000 + i};
}

static void keep(struct ho_frame *f)
{
	(void)f; /* the box has it */
}

int frame_box_open(struct frame_box *b, unsigned count)
{
	b->count = count;
	b->frame = calloc(count, sizeof *b->frame);
	b->bytes = calloc(count, SEGMENT_BYTES);
	if (b->frame && b->bytes)
		return 0;
	frame_box_close(b);
	return -ENOMEM;
}

void frame_box_close(struct frame_box *b)
{
	free(b->frame);
	free(b->bytes);
	*b = (struct frame_box){0};
}

struct ho_frame *frame_box_fill(struct frame_box *b, unsigned i, const struct segment *s)
{
	struct ho_frame *f = &b->frame[i];

	f->len_bytes = (uint32_t)segment_write(s, b->bytes[i]);
	f->slice_count = 1;
	f->csum = HO_CSUM_NONE;
	f->gso = HO_GSO_NONE;
	f->gso_segs = 1;
	f->refs = 1;
	f->release = keep;
	f->slice[0] = (struct ho_slice){b->bytes[i], f->len_bytes};
	return f;
}

static void discard_output(struct ho_stack *s)
{
	struct ho_frame *f;

	while ((f = ho_stack_output(s)) != NULL)
		ho_frame_unref(f);
}

int segment_handshake(struct ho_stack *s, struct frame_box *b, struct segment *peer)
{
	struct segment answer = {0};
	struct ho_frame *f;

	discard_output(s);
	peer->flags = SEGMENT_SYN;
	peer->syn_options = true;
	ho_stack_input(s, frame_box_fill(b, 0, peer), ho_stack_now(s));
	f = ho_stack_output(s);
	if (!f || !segment_read(f, &answer) || answer.flags != (SEGMENT_SYN | SEGMENT_ACK)) {
		if (f)
			ho_frame_unref(f);
		return -EPROTO;
	}
	ho_frame_unref(f);
	peer->flags = SEGMENT_ACK;
	peer->syn_options = false;
	peer->timestamps = answer.timestamps;
	peer->ts_ecr = answer.ts_val;
	peer->seq++;
	peer->ack = answer.seq + 1;
	ho_stack_input(s, frame_box_fill(b, 0, peer), ho_stack_now(s));
	discard_output(s);
	return 0;
}

int segment_talk(struct ho_stack *s, struct frame_box *b, struct segment *peer, int fd)
{
	uint8_t message[SEGMENT_REQUEST_BYTES];
	struct segment answer = {0};
	struct ho_frame *f;
	bool ok;

	peer->request = true;
	ho_stack_input(s, frame_box_fill(b, 0, peer), ho_stack_now(s));
	peer->request = false;
	peer->seq += SEGMENT_REQUEST_BYTES;
	discard_output(s);
	if (ho_sock_recv(s, fd, message, sizeof message, 0) != sizeof message ||
	    ho_sock_send(s, fd, message, sizeof message, 0) != sizeof message)
		return -EPROTO;
	f = ho_stack_output(s);
	ok = f && segment_read(f, &answer);
	if (f)
		ho_frame_unref(f);
	peer->ack += SEGMENT_REQUEST_BYTES;
	peer->ts_ecr = answer.ts_val;
	ho_stack_input(s, frame_box_fill(b, 0, peer), ho_stack_now(s));
	discard_output(s);
	return ok ? 0 : -EPROTO;
}

int segment_answer_fin(struct ho_stack *s, struct frame_box *b, struct segment *peer)
{
	struct segment fin = {0};
	struct ho_frame *f = ho_stack_output(s);
	bool ok = f && segment_read(f, &fin) && (fin.flags & SEGMENT_FIN);

	if (f)
		ho_frame_unref(f);
	if (!ok)
		return -EPROTO;
	peer->flags = SEGMENT_FIN | SEGMENT_ACK;
	peer->ack = fin.seq + 1;
	peer->ts_ecr = fin.ts_val;
	ho_stack_input(s, frame_box_fill(b, 0, peer), ho_stack_now(s));
	discard_output(s);
	return 0;
}
